"""One attrs class gives the published schema and the validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import attrs
import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from commander.tools.schemas import (
    ArgumentProblem,
    input_schema,
    output_schema,
    read_arguments,
)


@attrs.frozen(kw_only=True)
class Sample:
    """For developers, not for clients."""

    text: Annotated[str, Meta(description="Words")]
    count: Annotated[int, Meta(ge=0)] = 1
    ratio: float = 0.5
    quiet: bool = False
    names: list[str] = attrs.field(factory=list)
    env: dict[str, str] = attrs.field(factory=dict)
    which: Literal["b", "a"] = "a"


@attrs.frozen(kw_only=True)
class Nothing:
    """A tool that takes nothing."""


def problem(arguments: Mapping[str, Any], cls: type = Sample) -> str:
    read = read_arguments(cls, arguments)
    assert isinstance(read, ArgumentProblem)
    return read.text


SAMPLE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "description": "Words"},
        "count": {"type": "integer", "minimum": 0},
        "ratio": {"type": "number"},
        "quiet": {"type": "boolean"},
        "names": {"type": "array", "items": {"type": "string"}},
        "env": {"type": "object", "additionalProperties": {"type": "string"}},
        "which": {"enum": ["a", "b"]},
    },
    "required": ["text"],
}


def test_an_input_schema_is_one_closed_object_without_defaults() -> None:
    schema = input_schema(Sample)
    assert schema["properties"].pop("which") == {"type": "string", "enum": ["a", "b"]}
    rest = {**SAMPLE_SCHEMA["properties"]}
    del rest["which"]
    assert schema == {
        **SAMPLE_SCHEMA,
        "properties": rest,
        "additionalProperties": False,
    }


def test_an_output_schema_is_open_to_later_members() -> None:
    assert output_schema(Sample) == SAMPLE_SCHEMA


def test_a_tool_without_arguments_has_an_empty_closed_object() -> None:
    assert input_schema(Nothing) == {
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
    }


def test_what_is_left_out_has_its_default() -> None:
    assert read_arguments(Sample, {"text": "a"}) == Sample(text="a")


def test_what_is_given_is_taken() -> None:
    given: dict[str, Any] = {
        "text": "",
        "count": 0,
        "ratio": 2,
        "quiet": True,
        "names": ["a"],
        "env": {"A": ""},
    }
    assert read_arguments(Sample, given) == Sample(**given)


@pytest.mark.parametrize("name", ["count", "ratio", "quiet", "names", "env"])
def test_null_for_an_optional_argument_leaves_it_out(name: str) -> None:
    assert read_arguments(Sample, {"text": "a", name: None}) == Sample(text="a")


def test_a_tool_without_arguments_takes_an_empty_object() -> None:
    assert read_arguments(Nothing, {}) == Nothing()


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"txet": "a"}, 'unknown argument "txet"; did you mean "text"?'),
        ({"text": "a", "Count": 1}, 'unknown argument "Count"; did you mean "count"?'),
        (
            {"zzz": 1},
            'unknown argument "zzz"; the tool takes: text, count, ratio, quiet, '
            "names, env, which",
        ),
        (
            {"": 1},
            'unknown argument ""; the tool takes: text, count, ratio, quiet, names, '
            "env, which",
        ),
        (
            {"z" * 101: 1},
            f'unknown argument "{"z" * 100}"; the tool takes: text, count, ratio, '
            "quiet, names, env, which",
        ),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_known_one(
    given: dict[str, Any], text: str
) -> None:
    assert problem(given) == text


def test_an_unknown_name_comes_before_a_missing_or_wrong_argument() -> None:
    assert problem({"count": "many", "envv": {}}).startswith('unknown argument "envv"')


def test_a_tool_without_arguments_says_that_it_takes_none() -> None:
    assert problem({"a": 1}, Nothing) == 'unknown argument "a"; the tool takes: none'


def test_a_missing_argument_is_named() -> None:
    assert problem({"count": 1}) == 'missing argument "text"'


def test_null_for_a_required_argument_is_a_wrong_type() -> None:
    assert problem({"text": None}) == '"text" must be a string, got null'


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("text", 5, '"text" must be a string, got 5'),
        ("text", True, '"text" must be a string, got true'),
        ("text", ["a", "é"], '"text" must be a string, got ["a","é"]'),
        ("text", {"a": 1}, '"text" must be a string, got {"a":1}'),
        ("count", "1", '"count" must be an integer of at least 0, got "1"'),
        ("count", 1.5, '"count" must be an integer of at least 0, got 1.5'),
        ("count", True, '"count" must be an integer of at least 0, got true'),
        ("ratio", "0.5", '"ratio" must be a number, got "0.5"'),
        ("quiet", "true", '"quiet" must be true or false, got "true"'),
        ("quiet", 1, '"quiet" must be true or false, got 1'),
        ("names", "a", '"names" must be an array, got a string'),
        ("names", {"a": 1}, '"names" must be an array, got an object'),
        ("names", [1], '"names" must hold only strings'),
        ("which", "c", '"which" must be one of a, b, got "c"'),
        ("which", 1, '"which" must be one of a, b, got 1'),
        ("env", "A=1", '"env" must be an object, got a string'),
        ("env", ["A=1"], '"env" must be an object, got an array'),
        ("env", 1, '"env" must be an object, got a number'),
        ("env", 1.5, '"env" must be an object, got a number'),
        ("env", False, '"env" must be an object, got a boolean'),
    ],
)
def test_a_wrong_type_is_told_with_what_was_sent(
    name: str, value: object, text: str
) -> None:
    assert problem({"text": "a", name: value}) == text


@pytest.mark.parametrize("value", [["x" * 96], ["x" * 97], ["x" * 5000]])
def test_a_long_value_is_cut_to_100_characters(value: list[str]) -> None:
    whole = f'["{value[0]}"]'
    shown = problem({"text": value}).removeprefix('"text" must be a string, got ')
    assert shown == (whole if len(whole) <= 100 else whole[:100] + "...")


@pytest.mark.parametrize("value", [2, None, True, ["secret"], {"secret": "secret"}])
def test_a_wrong_member_of_a_map_is_named_and_never_shown(value: object) -> None:
    given = {"text": "a", "env": {"GOOD": "secret", "TOKEN": value}}
    assert problem(given) == '"env": the value of "TOKEN" must be a string'


def test_a_long_name_in_a_map_is_cut() -> None:
    given = {"text": "a", "env": {"N" * 101: 1}}
    assert problem(given) == f'"env": the value of "{"N" * 100}" must be a string'


# JSON Schema takes 1.0 for an integer, and we do not.
floats = st.floats(-1e9, 1e9).filter(lambda number: not number.is_integer())
integers = st.integers(-(2**63), 2**63 - 1)
values = st.recursive(
    st.none() | st.booleans() | integers | floats | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=6,
)
arguments = st.fixed_dictionaries(
    {},
    optional={
        "text": st.text() | values,
        "count": st.integers(-5, 5) | values,
        "ratio": floats | values,
        "quiet": st.booleans() | values,
        "names": st.lists(st.text()) | values,
        "env": st.dictionaries(st.text(), st.text()) | values,
        "which": st.sampled_from(["a", "b", "c"]) | values,
        "other": values,
    },
)


@given(arguments)
def test_arguments_are_taken_exactly_if_the_published_schema_says_so(
    given: dict[str, Any],
) -> None:
    """``null`` for an optional argument is the one thing taken beyond the schema."""
    told = {k: v for k, v in given.items() if v is not None or k in ("text", "other")}
    valid = jsonschema.Draft202012Validator(input_schema(Sample)).is_valid(told)
    read = read_arguments(Sample, given)
    assert isinstance(read, ArgumentProblem if not valid else Sample)
