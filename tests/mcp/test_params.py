"""What is asked for, read from params; what does not fit is -32602 by its name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.mcp.catalogue import Catalogue
from commander.mcp.events import (
    CompletionAsked,
    LevelSet,
    ListenAsked,
    PromptAsked,
    ResourceAsked,
    SubscriptionSet,
    ToolCalled,
)
from commander.mcp.inbound import LOG_LEVELS
from commander.mcp.jsonrpc import INVALID_PARAMS, ProtocolError, Request
from commander.mcp.params import (
    MAX_SUBSCRIPTIONS,
    read_completion,
    read_level,
    read_listen,
    read_prompt,
    read_resource,
    read_subscription,
    read_tool,
    with_input,
)
from tests.mcp.engines import catalogue

requirement = pytest.mark.requirement

HAS = catalogue()
BARE = Catalogue(tools=())

Reader = Callable[[Request], Any]


def asking(**params: object) -> Request:
    return Request(id="seven", method="x", params=params)


def check_refused(problem: object, text: str) -> None:
    assert problem == ProtocolError(code=INVALID_PARAMS, message=text, id="seven")


tool = partial(read_tool, catalogue=HAS)
prompt = partial(read_prompt, catalogue=HAS)
resource = partial(read_resource, catalogue=HAS)
completion = partial(read_completion, catalogue=HAS)
listen = partial(read_listen, catalogue=HAS)
subscription = partial(read_subscription, on=True)


# --- tools and prompts -------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "arguments"),
    [
        ({}, {}),
        ({"arguments": None}, {}),
        ({"arguments": {}}, {}),
        ({"arguments": {"command": "ls", "x": [1]}}, {"command": "ls", "x": [1]}),
        ({"task": {"ttl": 1}, "more": 1}, {}),
    ],
)
def test_a_call_names_a_tool_and_has_arguments(
    params: dict[str, object], arguments: dict[str, object]
) -> None:
    """4.2: an augmentation that we do not have is ignored."""
    asked = tool(asking(name="execute_command", **params))
    assert asked == ToolCalled(name="execute_command", arguments=arguments)


@pytest.mark.parametrize("arguments", [{}, {"job": "1"}, {"job": "", "x": "é"}])
def test_a_prompt_is_asked_for_by_its_name(arguments: dict[str, str]) -> None:
    asked = prompt(asking(name="explain", arguments=arguments))
    assert asked == PromptAsked(name="explain", arguments=arguments)
    assert prompt(asking(name="explain")) == PromptAsked(name="explain", arguments={})


@requirement("M38")
@pytest.mark.parametrize(
    ("reader", "params", "text"),
    [
        (
            tool,
            {"name": "execute_comand"},
            "Unknown tool: execute_comand; did you mean execute_command?",
        ),
        (
            tool,
            {"name": "shell_info"},
            "Unknown tool: shell_info; did you mean get_shell_info?",
        ),
        (tool, {"name": "zzz"}, "Unknown tool: zzz"),
        (tool, {"name": ""}, "Unknown tool: "),
        (tool, {"name": "z" * 101}, f"Unknown tool: {'z' * 100}..."),
        (tool, {"name": "explain"}, "Unknown tool: explain"),
        (
            prompt,
            {"name": "explian"},
            "Unknown prompt: explian; did you mean explain?",
        ),
        (prompt, {"name": "get_shell_info"}, "Unknown prompt: get_shell_info"),
        (prompt, {"name": "z" * 101}, f"Unknown prompt: {'z' * 100}..."),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest(
    reader: Reader, params: dict[str, object], text: str
) -> None:
    """M38."""
    check_refused(reader(asking(**params)), text)


@pytest.mark.parametrize("reader", [tool, prompt])
@pytest.mark.parametrize("name", [None, 5, True, ["explain"], {}])
def test_a_name_must_be_a_string(name: object, reader: Reader) -> None:
    text = 'Invalid params: "name" must be a string'
    check_refused(reader(asking(name=name)), text)
    check_refused(reader(asking()), text)


@pytest.mark.parametrize("arguments", [["ls"], "ls", False, 0, 1.5])
def test_arguments_must_be_an_object(arguments: object) -> None:
    text = 'Invalid params: "arguments" must be an object'
    check_refused(tool(asking(name="execute_command", arguments=arguments)), text)
    check_refused(prompt(asking(name="explain", arguments=arguments)), text)


@pytest.mark.parametrize("value", [None, 5, True, [], {}])
def test_a_prompts_arguments_are_strings(value: object) -> None:
    asked = prompt(asking(name="explain", arguments={"a": "b", "job": value}))
    check_refused(asked, 'Invalid params: "arguments" must hold strings')


# --- resources ---------------------------------------------------------------------


@pytest.mark.parametrize("uri", ["job://1/output", "", "no uri"])
def test_a_resource_is_asked_for_by_its_uri(uri: str) -> None:
    assert resource(asking(uri=uri)) == ResourceAsked(uri=uri)
    assert subscription(asking(uri=uri)) == SubscriptionSet(uri=uri, on=True)
    off = read_subscription(asking(uri=uri), on=False)
    assert off == SubscriptionSet(uri=uri, on=False)


@pytest.mark.parametrize("reader", [resource, subscription])
@pytest.mark.parametrize("uri", [None, 5, True, ["job://1"], {}])
def test_a_uri_must_be_a_string(uri: object, reader: Reader) -> None:
    text = 'Invalid params: "uri" must be a string'
    check_refused(reader(asking(uri=uri)), text)
    check_refused(reader(asking()), text)


# --- completions -------------------------------------------------------------------

PROMPT = {"type": "ref/prompt", "name": "explain"}
TEMPLATE = {"type": "ref/resource", "uri": "job://{id}/output"}
ARGUMENT = {"name": "job", "value": "1"}


@pytest.mark.parametrize("ref", [PROMPT, TEMPLATE, {**PROMPT, "title": "Explain"}])
@pytest.mark.parametrize(
    ("more", "known"),
    [
        ({}, {}),
        ({"context": None}, {}),
        ({"context": {}}, {}),
        ({"context": {"arguments": {}}}, {}),
        ({"context": {"arguments": {"a": "b"}, "x": 1}}, {"a": "b"}),
    ],
)
def test_a_completion_has_a_reference_and_an_argument(
    more: dict[str, object], known: dict[str, str], ref: dict[str, str]
) -> None:
    asked = completion(asking(ref=ref, argument=ARGUMENT, **more))
    assert asked == CompletionAsked(
        reference=ref, argument="job", value="1", context=known
    )


@pytest.mark.parametrize(
    "ref",
    [
        None,
        "explain",
        [],
        {},
        {"type": None},
        {"type": []},
        {"type": "ref/tool", "name": "explain"},
        {"type": "ref/prompt"},
        {"type": "ref/prompt", "name": 5},
        {"type": "ref/prompt", "uri": "job://1"},
        {"type": "ref/resource"},
        {"type": "ref/resource", "uri": ["job://1"]},
        {"type": "ref/resource", "name": "explain"},
    ],
)
def test_a_reference_is_of_one_of_two_kinds(ref: object) -> None:
    check_refused(
        completion(asking(ref=ref, argument=ARGUMENT)),
        'Invalid params: "ref" must be a ref/prompt with a name or a ref/resource '
        "with a uri",
    )


def test_an_unknown_prompt_has_no_completions() -> None:
    """S26/server/utilities/completion, Error Handling."""
    asked = asking(ref={"type": "ref/prompt", "name": "explian"}, argument=ARGUMENT)
    check_refused(completion(asked), "Unknown prompt: explian; did you mean explain?")
    check_refused(read_completion(asked, BARE), "Unknown prompt: explian")


@pytest.mark.parametrize(
    "argument",
    [
        None,
        "job",
        [],
        {},
        {"name": "job"},
        {"value": "1"},
        {"name": "job", "value": 1},
        {"name": 5, "value": "1"},
    ],
)
def test_an_argument_has_a_name_and_a_value(argument: object) -> None:
    check_refused(
        completion(asking(ref=TEMPLATE, argument=argument)),
        'Invalid params: "argument" must be an object with a name and a value',
    )


@pytest.mark.parametrize(
    ("context", "text"),
    [
        ("a", '"context" must be an object'),
        ([], '"context" must be an object'),
        ({"arguments": None}, '"context.arguments" must hold strings'),
        ({"arguments": ["a"]}, '"context.arguments" must hold strings'),
        ({"arguments": {"a": 1}}, '"context.arguments" must hold strings'),
    ],
)
def test_a_context_holds_strings(context: object, text: str) -> None:
    asked = asking(ref=TEMPLATE, argument=ARGUMENT, context=context)
    check_refused(completion(asked), f"Invalid params: {text}")


# --- levels ------------------------------------------------------------------------


@pytest.mark.parametrize("level", LOG_LEVELS)
def test_a_level_is_set_by_its_name(level: str) -> None:
    assert read_level(asking(level=level)) == LevelSet(level)


@pytest.mark.parametrize("level", ["loud", "", "INFO", 6, True, [], {}])
def test_a_level_that_there_is_not_is_refused(level: object) -> None:
    problem = read_level(asking(level=level))
    assert isinstance(problem, ProtocolError)
    assert problem.code == INVALID_PARAMS
    assert "debug" in problem.message


def test_a_level_must_be_named() -> None:
    text = 'Invalid params: "level" must be a string'
    check_refused(read_level(asking()), text)
    check_refused(read_level(asking(level=None)), text)


# --- subscriptions -----------------------------------------------------------------


def listening(**wanted: object) -> Any:
    return listen(asking(notifications=wanted))


@requirement("M32")
@pytest.mark.parametrize(
    ("wanted", "lists", "resources", "honoured"),
    [
        ({}, set(), (), {}),
        ({"toolsListChanged": True}, {"tools"}, (), {"toolsListChanged": True}),
        ({"toolsListChanged": False}, set(), (), {}),
        ({"resourceSubscriptions": []}, set(), (), {}),
        (
            {"resourceSubscriptions": ["a:1", "b:2"]},
            set(),
            ("a:1", "b:2"),
            {"resourceSubscriptions": ["a:1", "b:2"]},
        ),
        (
            {
                "resourceSubscriptions": ["a:1"],
                "resourcesListChanged": True,
                "promptsListChanged": True,
                "toolsListChanged": False,
                "unheardOf": 5,
            },
            {"resources", "prompts"},
            ("a:1",),
            {
                "promptsListChanged": True,
                "resourcesListChanged": True,
                "resourceSubscriptions": ["a:1"],
            },
        ),
    ],
)
def test_what_is_listened_to_is_what_was_asked_for(
    wanted: dict[str, object],
    lists: set[str],
    resources: tuple[str, ...],
    honoured: dict[str, object],
) -> None:
    """M32."""
    assert listening(**wanted) == ListenAsked(
        lists=frozenset(lists), resources=resources, honoured=honoured
    )


@requirement("M32")
def test_what_never_changes_is_not_honoured() -> None:
    """M32 (S26/basic/patterns/subscriptions, Acknowledgment)."""
    wanted = {
        "toolsListChanged": True,
        "promptsListChanged": True,
        "resourcesListChanged": True,
        "resourceSubscriptions": ["a:1"],
    }
    asked = asking(notifications=wanted)
    nothing = ListenAsked(lists=frozenset(), resources=(), honoured={})
    assert read_listen(asked, BARE) == nothing
    some = Catalogue(tools=(), changing=frozenset({"tools"}))
    assert read_listen(asked, some) == ListenAsked(
        lists=frozenset({"tools"}), resources=(), honoured={"toolsListChanged": True}
    )


@pytest.mark.parametrize("wanted", [None, [], "tools", True])
def test_a_filter_is_an_object(wanted: object) -> None:
    text = 'Invalid params: "notifications" must be an object'
    check_refused(listen(asking(notifications=wanted)), text)
    check_refused(listen(asking()), text)


@pytest.mark.parametrize(
    "name", ["toolsListChanged", "promptsListChanged", "resourcesListChanged"]
)
@pytest.mark.parametrize("value", [None, 1, "true", []])
def test_a_list_is_listened_to_or_not(value: object, name: str) -> None:
    text = f'Invalid params: "notifications.{name}" must be true or false'
    check_refused(listening(**{name: value}), text)


@pytest.mark.parametrize("uris", [None, "a:1", {}, [5], ["a:1", None], True])
def test_resources_are_listened_to_by_their_uris(uris: object) -> None:
    text = 'Invalid params: "notifications.resourceSubscriptions" must hold strings'
    check_refused(listening(resourceSubscriptions=uris), text)


def test_there_is_a_limit_to_what_is_listened_to() -> None:
    uris = [f"job://{number}" for number in range(MAX_SUBSCRIPTIONS)]
    assert listening(resourceSubscriptions=uris).resources == tuple(uris)
    check_refused(
        listening(resourceSubscriptions=[*uris, "one:more"]),
        'Invalid params: "notifications.resourceSubscriptions" holds 101 URIs, at '
        "most 100",
    )


# --- asking again ------------------------------------------------------------------

ASKED: list[ToolCalled | PromptAsked | ResourceAsked] = [
    ToolCalled(name="t", arguments={"a": 1}),
    PromptAsked(name="p", arguments={}),
    ResourceAsked(uri="job://1"),
]


@requirement("M37")
@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize(
    ("params", "responses", "state"),
    [
        ({}, None, None),
        ({"inputResponses": None, "requestState": None}, None, None),
        ({"inputResponses": {}, "requestState": ""}, {}, ""),
        (
            {"inputResponses": {"a": {"action": "accept"}, "b": {}}},
            {"a": {"action": "accept"}, "b": {}},
            None,
        ),
        ({"requestState": "s"}, None, "s"),
    ],
)
def test_answers_and_state_are_handed_on(
    params: dict[str, object], responses: object, state: object, asked: Any
) -> None:
    """M37."""
    again: Any = with_input(asking(**params), asked)
    assert type(again) is type(asked)
    assert again.input_responses == responses
    assert again.request_state == state
    assert with_input(asking(), again) == asked


@requirement("M37")
@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("responses", [[], "a", 5, True, {"a": "yes"}, {"a": None}])
def test_malformed_answers_are_refused(responses: object, asked: Any) -> None:
    """M37."""
    text = 'Invalid params: "inputResponses" must be an object of objects'
    check_refused(with_input(asking(inputResponses=responses), asked), text)


@pytest.mark.parametrize("state", [5, True, [], {"a": 1}])
def test_a_state_is_text(state: object) -> None:
    text = 'Invalid params: "requestState" must be a string'
    check_refused(with_input(asking(requestState=state), ASKED[0]), text)


# --- total over everything ---------------------------------------------------------

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
values = st.recursive(
    leaves
    | st.sampled_from(["execute_command", "explain", "ref/prompt", "ref/resource"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "name", "uri", "value", "arguments"]) | st.text(),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
MEMBERS = [
    "name",
    "uri",
    "arguments",
    "ref",
    "argument",
    "context",
    "level",
    "notifications",
    "inputResponses",
    "requestState",
]
READERS = [tool, prompt, resource, completion, listen, subscription, read_level]


@requirement("M9")
@given(
    st.sampled_from(READERS),
    st.fixed_dictionaries({}, optional=dict.fromkeys(MEMBERS, values)),
)
def test_any_params_are_read_or_refused(
    reader: Reader, params: dict[str, object]
) -> None:
    asked = reader(asking(**params))
    if isinstance(asked, ToolCalled | PromptAsked | ResourceAsked):
        asked = with_input(asking(**params), asked)
    if isinstance(asked, ProtocolError):
        assert (asked.code, asked.id) == (INVALID_PARAMS, "seven")
