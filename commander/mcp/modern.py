"""The modern era, 2026-07-28: each request says all about itself.

A request climbs the ladder of ``commander.mcp.inbound``, then the rungs that depend on
what it asks for: the method, its headers for arguments, its parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from msgspec import Raw

from commander.mcp.catalogue import LISTS, Catalogue
from commander.mcp.events import (
    Asked,
    Call,
    Peer,
    PromptAsked,
    Reply,
    ResourceAsked,
    ServerInfo,
    ToolCalled,
)
from commander.mcp.headers import Headers, param_problem
from commander.mcp.inbound import Envelope, climb, level_problem, progress_token
from commander.mcp.jsonrpc import METHOD_NOT_FOUND, ProtocolError, Request, shown
from commander.mcp.params import (
    invalid,
    read_completion,
    read_list,
    read_listen,
    read_prompt,
    read_resource,
    read_task,
    read_task_answers,
    read_task_cancel,
    read_tool,
    with_input,
)
from commander.mcp.results import ReplyWriter, refusal
from commander.mcp.tasks import undeclared_problem
from commander.mcp.traces import meta_trace
from commander.mcp.versions import SUPPORTED_VERSIONS, Era

__all__ = ["ModernEngine"]

LIST_TTL_MS: Final = 60_000
"""How long a list or the discovery may be kept: a server that is replaced by one with
other settings is known for what it is a minute later."""

Reader = Callable[[Request, Catalogue], Asked | ProtocolError]


class ModernEngine:
    """Answers requests of the modern era; holds no state between them.

    Args:
        server: Who we say we are.
        catalogue: What there is; it may change.
        writer: Writes the answers.
    """

    def __init__(
        self, *, server: ServerInfo, catalogue: Catalogue, writer: ReplyWriter
    ) -> None:
        self._server = server
        self._catalogue = catalogue
        self._writer = writer
        self._kept: dict[str, tuple[int, Raw]] = {}
        self._readers: dict[str, Reader] = {
            "tools/call": read_tool,
            "subscriptions/listen": read_listen,
        }
        for method, kind in LISTS.items():
            if kind in catalogue.asked:
                self._readers[method] = partial(read_list, kind=kind)
        if catalogue.has("prompts"):
            self._readers["prompts/get"] = read_prompt
        if catalogue.has("resources"):
            self._readers["resources/read"] = read_resource
        if catalogue.completions:
            self._readers["completion/complete"] = read_completion
        if catalogue.tasks:
            self._readers["tasks/get"] = read_task
            self._readers["tasks/update"] = read_task_answers
            self._readers["tasks/cancel"] = read_task_cancel

    def open(self, request: Request, headers: Headers | None) -> Reply | Call:
        """Answer a request, or hand out the call that it is.

        Args:
            request: As it came.
            headers: Of the HTTP request that brought it; None where there are none.
        """
        envelope = climb(request, headers)
        if isinstance(envelope, ProtocolError):
            return refusal(envelope, Era.MODERN)
        reader = self._readers.get(request.method)
        opened = (
            self._known(request, envelope)
            if reader is None
            else self._call(request, envelope, headers, reader)
        )
        if isinstance(opened, ProtocolError):
            return refusal(opened, Era.MODERN)
        return opened

    def _call(
        self,
        request: Request,
        envelope: Envelope,
        headers: Headers | None,
        reader: Reader,
    ) -> Call | ProtocolError:
        if headers is not None and request.method == "tools/call":
            mirrored = self._catalogue.mirrored(str(request.params.get("name")))
            problem = param_problem(request, headers, mirrored)
            if problem is not None:
                return problem
        if self._catalogue.tasks:
            problem = undeclared_problem(request, envelope.capabilities)
            if problem is not None:
                return problem
        asked = reader(request, self._catalogue)
        if isinstance(asked, ToolCalled | PromptAsked | ResourceAsked):
            asked = with_input(request, asked)
        if isinstance(asked, ProtocolError):
            return asked
        problem = level_problem(request, envelope.log_level)
        if problem is not None:
            return problem
        return Call(
            id=request.id,
            era=Era.MODERN,
            peer=Peer(version=envelope.version, capabilities=envelope.capabilities),
            asked=asked,
            progress_token=progress_token(request),
            log_level=envelope.log_level,
            trace=meta_trace(request),
        )

    def _known(self, request: Request, envelope: Envelope) -> Reply | ProtocolError:
        """What nobody has to work for: the discovery, and the lists.

        A list is one page: any cursor is one that we never gave out.
        """
        kind = LISTS.get(request.method, "")
        discovers = request.method == "server/discover"
        if not discovers and not self._catalogue.has(kind):
            return ProtocolError(
                code=METHOD_NOT_FOUND,
                message=f"Method not found: {shown(request.method)}",
                id=request.id,
            )
        problem = level_problem(request, envelope.log_level)
        if problem is not None:
            return problem
        if discovers:
            return self._kept_result(request, self._discovery)
        if request.params.get("cursor") is not None:
            return invalid(request, "unknown cursor")
        return self._kept_result(
            request, lambda: {kind: self._catalogue.entries(kind, None)}
        )

    def _kept_result(
        self, request: Request, make: Callable[[], dict[str, Any]]
    ) -> Reply:
        """A result that stays the same until the catalogue changes."""
        edition, result = self._kept.get(request.method, (0, Raw()))
        if edition != self._catalogue.edition:
            result = self._writer.complete(Era.MODERN, make(), LIST_TTL_MS)
            self._kept[request.method] = self._catalogue.edition, result
        return self._writer.result(request.id, result)

    def _discovery(self) -> dict[str, Any]:
        """S26/server/discover."""
        return {
            "supportedVersions": SUPPORTED_VERSIONS,
            "capabilities": self._catalogue.capabilities(None),
            "instructions": self._server.instructions,
        }
