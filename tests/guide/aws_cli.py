"""Checks ``aws`` command lines against botocore's models: no network, no account.

The AWS CLI makes its commands from these models, so a command that this module takes
has a service, an operation, options and values that exist. It knows as much of the
CLI's notation as the guide uses: JSON, ``file://`` and ``Key=value,Key={...}``.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import attrs
import jmespath
from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from botocore.waiter import WaiterModel

from tests.guide.document import ROOT

__all__ = ["Call", "parse", "problems_of", "shell_commands"]

_ASSIGNED: Final = re.compile(r"^\w+=\$\((.*)\)$", re.MULTILINE)
_OF_THE_CLI: Final = {("ecr", "get-login-password"): "get-authorization-token"}
"""Commands that the CLI adds, and the operation that each of them calls."""
_DEPLOY: Final = ("cloudformation", "deploy")
"""Puts several operations together, with options of its own."""
_FOR_ALL: Final = frozenset({"region", "query", "output", "cli-input-json"})


class UnknownWordError(Exception):
    """A word of a command line that the models do not have."""


@attrs.frozen(kw_only=True)
class Call:
    """A command line of ``aws``, read."""

    service: str
    operation: str
    """As the CLI spells it."""
    params: dict[str, Any]
    """The input, as the API takes it."""
    query: str | None = None


def shell_commands(block: str) -> Iterator[tuple[str, ...]]:
    """The words of every command of a shell block; a pipeline counts as several."""
    text = _ASSIGNED.sub(r"\1", block.replace("\\\n", " "))
    lexer = shlex.shlex(text, posix=True, punctuation_chars="\n|")
    lexer.whitespace = " \t"
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, "\n"]:
        if not word.strip("\n|"):
            if words:
                yield tuple(words)
            words = []
        else:
            words.append(word)


def parse(words: tuple[str, ...]) -> Call:
    """Read a command line that begins with ``aws``.

    Raises:
        UnknownWordError: Its service, operation or an option does not exist.
    """
    _, service, operation, *rest = words
    if (service, operation) == _DEPLOY:
        return _deployment(rest)
    if operation == "wait":
        waiter, *rest = rest
        operation = _waited_for(service, waiter)
    shape = _operation(service, operation).input_shape
    members = {xform_name(name, "-"): name for name in shape.members}
    call = Call(service=service, operation=operation, params={})
    for option, values in _options(rest):
        if option in _FOR_ALL:
            if option == "cli-input-json":
                call.params.update(_json_of(values[0]))
            elif option == "query":
                call = attrs.evolve(call, query=values[0])
        elif option in members:
            name = members[option]
            call.params[name] = _value(shape.members[name], values)
        else:
            raise UnknownWordError(f"--{option} of aws {service} {operation}")
    return call


def problems_of(call: Call) -> str:
    """What the API would not take, in botocore's words; empty if nothing."""
    operation = _operation(call.service, call.operation)
    report = ParamValidator().validate(call.params, operation.input_shape)
    wrong = [report.generate_report()] if report.has_errors() else []
    wrong += _not_in_enum(operation.input_shape, call.params)
    if call.query is not None:
        root = re.match(r"\w+", str(jmespath.compile(call.query).expression))
        if root is None or root[0] not in operation.output_shape.members:
            wrong.append(f"--query {call.query}: no such member of the answer")
    return "\n".join(wrong)


# --- models ------------------------------------------------------------------------


@cache
def _loader() -> Loader:
    # Models of this user's own must not decide a test.
    return Loader(
        extra_search_paths=[Loader.BUILTIN_DATA_PATH],
        include_default_search_paths=False,
    )


@cache
def _service(name: str) -> Any:
    if name not in _loader().list_available_services("service-2"):
        raise UnknownWordError(f"aws {name}")
    return ServiceModel(_loader().load_service_model(name, "service-2"), name)


def _operation(service: str, operation: str) -> Any:
    model = _service(service)
    operation = _OF_THE_CLI.get((service, operation), operation)
    for name in model.operation_names:
        if xform_name(name, "-") == operation:
            return model.operation_model(name)
    raise UnknownWordError(f"aws {service} {operation}")


def _waited_for(service: str, waiter: str) -> str:
    model = WaiterModel(_loader().load_service_model(service, "waiters-2"))
    for name in model.waiter_names:
        if xform_name(name, "-") == waiter:
            return str(xform_name(model.get_waiter(name).operation, "-"))
    raise UnknownWordError(f"aws {service} wait {waiter}")


def _deployment(words: list[str]) -> Call:
    """``cloudformation deploy`` as the change set that it makes."""
    options = dict(_options(words))
    known = {"stack-name", "template-file", "capabilities", "parameter-overrides"}
    if unknown := options.keys() - known:
        raise UnknownWordError(f"--{min(unknown)} of aws cloudformation deploy")
    (name,), (file,) = options["stack-name"], options["template-file"]
    pairs = [word.partition("=") for word in options["parameter-overrides"]]
    params = {
        "StackName": name,
        "ChangeSetName": "deploy",
        "TemplateBody": (ROOT / file).read_text(encoding="utf-8"),
        "Capabilities": options.get("capabilities", []),
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": value} for key, _, value in pairs
        ],
    }
    return Call(service="cloudformation", operation="create-change-set", params=params)


# --- values ------------------------------------------------------------------------


def _options(words: list[str]) -> Iterator[tuple[str, list[str]]]:
    while words:
        option, *words = words
        if not option.startswith("--"):
            raise UnknownWordError(option)
        values = []
        while words and not words[0].startswith("--"):
            values.append(words.pop(0))
        yield option.removeprefix("--"), values


def _json_of(value: str) -> Any:
    if value.startswith("file://"):
        return json.loads((ROOT / value.removeprefix("file://")).read_text())
    return json.loads(value)


def _value(shape: Any, values: list[str]) -> Any:
    """An option's words as the API takes them."""
    if shape.type_name == "boolean":
        return not values or _scalar(shape, *values)
    if shape.type_name == "list":
        return [_value(shape.member, [value]) for value in values]
    (value,) = values
    if shape.type_name in ("structure", "map"):
        if value.startswith("{"):
            return json.loads(value)
        return _typed(shape, _Shorthand(value).pairs(end=""))
    return _scalar(shape, value)


def _typed(shape: Any, value: Any) -> Any:
    if isinstance(value, list):
        return [_typed(shape.member, item) for item in value]
    if isinstance(value, dict):
        # Unknown names stay as they are: the validator tells them.
        return {
            name: _typed(shape.members[name], item) if name in shape.members else item
            for name, item in value.items()
        }
    return _scalar(shape, value)


def _scalar(shape: Any, value: str) -> Any:
    if shape.type_name in ("integer", "long"):
        return int(value)
    if shape.type_name == "boolean":
        return {"true": True, "false": False}[value]
    return value


class _Shorthand:
    """``Key=value,Key={Key=value},Key=[value,value]``."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def pairs(self, *, end: str) -> dict[str, Any]:
        found = {}
        while True:
            name = self._up_to("=")
            found[name] = self._value()
            if not self._separator(end):
                return found

    def _value(self) -> Any:
        if self._skip("{"):
            return self.pairs(end="}")
        if self._skip("["):
            items = [self._value()]
            while self._separator("]"):
                items.append(self._value())
            return items
        return self._up_to("")

    def _separator(self, end: str) -> bool:
        """Step over a comma, or over the end; whether there is more."""
        if self._skip(","):
            return True
        if not (self._skip(end) if end else self._at == len(self._text)):
            raise UnknownWordError(self._text)
        return False

    def _skip(self, character: str) -> bool:
        hit = self._text.startswith(character, self._at)
        self._at += len(character) if hit else 0
        return hit

    def _up_to(self, character: str) -> str:
        """A word, and the character after it if one is asked for."""
        match = re.compile(r"[^=,{}\[\]]*").match(self._text, self._at)
        assert match is not None
        self._at = match.end()
        if not match[0] or not self._skip(character):
            raise UnknownWordError(self._text)
        return match[0]


def _not_in_enum(shape: Any, value: Any) -> Iterator[str]:
    """Words that an enumeration does not have, which the validator lets pass."""
    if isinstance(value, dict):
        for name, item in value.items():
            member = (
                shape.members.get(name)
                if shape.type_name == "structure"
                else shape.value
            )
            if member is not None:
                yield from _not_in_enum(member, item)
    elif isinstance(value, list):
        for item in value:
            yield from _not_in_enum(shape.member, item)
    elif getattr(shape, "enum", None) and value not in shape.enum:
        yield f"{value!r} is not one of {', '.join(shape.enum)}"
