"""HTTP headers that mirror a message's body (S26/basic/transports/streamable-http).

They let gateways route without reading bodies. A server must make sure that both say
the same, or a gateway could be made to let through what it was told to stop.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Protocol

from commander.mcp.jsonrpc import HEADER_MISMATCH, ProtocolError, Request

__all__ = [
    "Headers",
    "decoded",
    "mirrored_arguments",
    "mismatch",
    "name_problem",
    "param_problem",
    "repeated_problem",
]

VERSION_HEADER: Final = "mcp-protocol-version"
METHOD_HEADER: Final = "mcp-method"
NAME_HEADER: Final = "mcp-name"
PARAM_PREFIX: Final = "mcp-param-"

_NAMED_BY: Final = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}
"""Which parameter ``Mcp-Name`` repeats, by method."""
_MAY_BE_UNNAMED: Final = frozenset({"tasks/get", "tasks/update", "tasks/cancel"})
"""Without ``Mcp-Name`` they are served: S26 does not require it of them (Standard
Request Headers). TASK tells clients to send it (Routing Headers), and fastmcp-tasks 4.1
does not. Whoever routes by it notices for itself."""
_SENTINEL: Final = ("=?base64?", "?=")
_ANNOTATION: Final = "x-mcp-header"
_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")
"""What a value may hold as it is (RFC 9110, section 5.5)."""
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")


class Headers(Protocol):
    """The headers of one request."""

    def values(self, name: str) -> Sequence[str]:
        """All values of a header, by its name in lower case; empty if there is none."""


def decoded(value: str) -> str | None:
    """A header's value, out of its Base64 sentinel if it is in one.

    None for characters that must be in one, and for what is no Base64 or no text in
    there (Value Encoding). Base64 counts in its one canonical spelling only.
    """
    if _VALUE.fullmatch(value) is None:
        return None
    start, end = _SENTINEL
    if not (
        value.startswith(start)
        and value.endswith(end)
        and len(value) >= len(start) + len(end)
    ):
        return value
    spelled = value[len(start) : -len(end)].encode()
    try:
        raw = base64.b64decode(spelled, validate=True)
        return raw.decode() if base64.b64encode(raw) == spelled else None
    except ValueError:
        return None


def mismatch(request_id: Any, message: str) -> ProtocolError:
    """The refusal of a header that is missing, repeated or says something else."""
    return ProtocolError(
        code=HEADER_MISMATCH, message=f"Header mismatch: {message}", id=request_id
    )


def repeated_problem(request: Request, headers: Headers) -> ProtocolError | None:
    """Two lines of one header could mean one thing to a gateway and another to us."""
    for name in (VERSION_HEADER, METHOD_HEADER, NAME_HEADER):
        if len(headers.values(name)) > 1:
            return mismatch(request.id, f"{name} is there more than once")
    return None


def name_problem(request: Request, headers: Headers) -> ProtocolError | None:
    """``Mcp-Method`` and ``Mcp-Name`` (Standard Request Headers)."""
    method = next(iter(headers.values(METHOD_HEADER)), None)
    if method != request.method:
        return mismatch(request.id, "mcp-method must repeat the method")
    key = _NAMED_BY.get(request.method)
    name = None if key is None else request.params.get(key)
    if name is None:
        return None  # nothing to repeat; that there is no name is refused later
    values = headers.values(NAME_HEADER)
    if not values and request.method in _MAY_BE_UNNAMED:
        return None
    if not values or decoded(values[0]) != name:
        return mismatch(request.id, f"mcp-name must repeat params.{key}")
    return None


def mirrored_arguments(
    schema: Mapping[str, Any], path: tuple[str, ...] = ()
) -> dict[str, tuple[str, ...]]:
    """The arguments of a tool that headers repeat (Custom Headers).

    Args:
        schema: The tool's input schema, or a part of it.
        path: Of the part; annotations count along ``properties`` only.

    Returns:
        The path of each annotated argument, by its header in lower case.
    """
    found: dict[str, tuple[str, ...]] = {}
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return found
    for name, inner in properties.items():
        if isinstance(inner, dict):
            here = (*path, name)
            if _ANNOTATION in inner:
                found[PARAM_PREFIX + str(inner[_ANNOTATION]).lower()] = here
            found.update(mirrored_arguments(inner, here))
    return found


def param_problem(
    request: Request,
    headers: Headers,
    mirrored: Mapping[str, tuple[str, ...]],
) -> ProtocolError | None:
    """``Mcp-Param-*`` (Server Behavior for Custom Headers)."""
    for header, path in mirrored.items():
        values = headers.values(header)
        value = _at(request.params.get("arguments"), path)
        if len(values) > 1:
            return mismatch(request.id, f"{header} is there more than once")
        if value is None:
            if values:
                return mismatch(request.id, f"{header} repeats nothing")
        elif not values or not _repeats(decoded(values[0]), value):
            return mismatch(request.id, f"{header} must repeat {'.'.join(path)}")
    return None


def _at(arguments: object, path: tuple[str, ...]) -> object:
    for name in path:
        if not isinstance(arguments, dict):
            return None
        arguments = arguments.get(name)
    return arguments


def _repeats(text: str | None, value: object) -> bool:
    if text is None:
        return False
    if isinstance(value, bool):
        return text == ("true" if value else "false")
    if not isinstance(value, int | float):
        return text == value
    # Numerically and exactly; what Python takes for a number besides, a gateway
    # might not (Server Validation, Note).
    if _NUMBER.fullmatch(text) is None:
        return False
    return (Decimal(text) if isinstance(value, int) else float(text)) == value
