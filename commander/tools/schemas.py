"""JSON schemas and validation from one attrs class.

``msgspec`` reads the annotations for both. What it publishes is inlined, because
clients want ``type: object`` at the root; what it reports is replaced, because a
model needs the argument's name, what is expected and what it sent.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Mapping
from typing import Any, Final, get_type_hints

import attrs
import msgspec

__all__ = [
    "ArgumentProblem",
    "ResultSchema",
    "input_schema",
    "output_schema",
    "read_arguments",
]

_LONGEST_VALUE: Final = 100
"""Characters of a wrong value that an error shows."""
_WORDS: Final = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "array": "an array",
    "object": "an object",
}
_KINDS: Final = {
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "a boolean",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


@attrs.frozen
class ArgumentProblem:
    """Why arguments do not fit their tool, in words for the caller."""

    text: str


class ResultSchema(msgspec.Struct):
    """What is published of a tool's structured result: its members and their types.

    Nothing is ever made of it, so it is none of attrs' classes, which take a server
    that starts longer by a third of a millisecond each.
    """


def input_schema(arguments: type) -> dict[str, Any]:
    """The schema of a tool's arguments; other names than these are refused."""
    schema = _inlined(arguments)
    for member in schema["properties"].values():
        if "enum" in member:
            member["type"] = "string"  # some models' interfaces take no bare list
    return {**schema, "additionalProperties": False}


def output_schema(result: type) -> dict[str, Any]:
    """The schema of a tool's structured result; later versions may add members."""
    return _inlined(result)


def read_arguments(arguments: type, given: Mapping[str, Any]) -> object:
    """Turn what a client sent into an instance of the class, or ``ArgumentProblem``.

    Unknown names are found first: a misspelt optional argument would otherwise be
    ignored. ``null`` for an optional argument counts as leaving it out, as many
    clients send it so.
    """
    fields, hints = _members(arguments)
    for name in given:
        if name not in fields:
            return _unknown_name(name, tuple(fields))
    values = {}
    for name, field in fields.items():
        value = given.get(name)
        required = field.default is attrs.NOTHING
        if value is None and (not required or name not in given):
            if required:
                return ArgumentProblem(f'missing argument "{name}"')
            continue
        try:
            values[name] = msgspec.convert(value, hints[name])
        except msgspec.ValidationError:
            return _wrong_type(name, value, input_schema(arguments)["properties"][name])
    return arguments(**values)


@functools.cache  # one entry per tool; it costs a hundred times what the rest does
def _members(arguments: type) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of an attrs class, and their types, by name."""
    return attrs.fields_dict(arguments), get_type_hints(arguments, include_extras=True)


def _inlined(cls: type) -> dict[str, Any]:
    schema = msgspec.json.schema(cls)
    root = dict(schema["$defs"][cls.__name__])
    root.pop("title", None)
    root.pop("description", None)  # the class's docstring is for developers
    root["properties"] = {
        name: _resolved(_without_empty_default(member), schema["$defs"])
        for name, member in root["properties"].items()
    }
    return root


def _resolved(member: dict[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """A list's elements in the place of the reference to them."""
    name = member.get("items", {}).get("$ref", "").rpartition("/")[2]
    if not name:
        return member
    items = dict(definitions[name])
    items.pop("title", None)
    items.pop("description", None)
    items["properties"] = {
        key: _without_empty_default(each) for key, each in items["properties"].items()
    }
    return {**member, "items": items}


def _without_empty_default(member: Mapping[str, Any]) -> dict[str, Any]:
    """Our defaults mean "left out", and are no values that anybody should send."""
    return {name: value for name, value in member.items() if name != "default"}


def _unknown_name(name: str, known: tuple[str, ...]) -> ArgumentProblem:
    shown = name[:_LONGEST_VALUE]
    near = difflib.get_close_matches(shown, known, n=1)
    if near:
        return ArgumentProblem(f'unknown argument "{shown}"; did you mean "{near[0]}"?')
    listed = ", ".join(known) if known else "none"
    return ArgumentProblem(f'unknown argument "{shown}"; the tool takes: {listed}')


def _wrong_type(name: str, value: object, schema: Mapping[str, Any]) -> ArgumentProblem:
    """Name the argument and what is wrong; a map's key, but never its values."""
    if "enum" in schema:
        expected = f"one of {', '.join(map(str, schema['enum']))}"
        return ArgumentProblem(f'"{name}" must be {expected}, got {_shown(value)}')
    expected = _expected(schema)
    if schema["type"] not in ("object", "array"):
        return ArgumentProblem(f'"{name}" must be {expected}, got {_shown(value)}')
    inner: Mapping[str, Any] = schema.get("items") or schema["additionalProperties"]
    if not isinstance(value, list if schema["type"] == "array" else dict):
        kind = _KINDS[type(value)]
        return ArgumentProblem(f'"{name}" must be {expected}, got {kind}')
    if isinstance(value, list):
        return ArgumentProblem(f'"{name}" must hold only {_plural(inner)}')
    wrong = next(key for key, member in value.items() if not isinstance(member, str))
    return ArgumentProblem(
        f'"{name}": the value of "{wrong[:_LONGEST_VALUE]}" must be {_expected(inner)}'
    )


def _expected(schema: Mapping[str, Any]) -> str:
    """What a schema takes, in words."""
    words = _WORDS[schema["type"]]
    if "minimum" in schema:
        words += f" of at least {schema['minimum']}"
    return words


def _plural(schema: Mapping[str, Any]) -> str:
    return f"{schema['type']}s"


def _shown(value: object) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "..."
