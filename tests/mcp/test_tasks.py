"""The tasks extension: what is asked, who may ask it, and how a task is shown."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.mcp import notifications
from commander.mcp.catalogue import Catalogue
from commander.mcp.events import (
    Call,
    Cancelled,
    Done,
    InputRequired,
    ListenAsked,
    Peer,
    Refused,
    Task,
    TaskAnswered,
    TaskAsked,
    TaskCancelled,
    TaskCreated,
    TaskRequired,
    TaskState,
    ToolCalled,
    ToolReturned,
    UnknownTask,
    Working,
)
from commander.mcp.inbound import CAPABILITIES_KEY
from commander.mcp.jsonrpc import Request
from commander.mcp.params import MAX_SUBSCRIPTIONS
from commander.mcp.results import SERVER_INFO_KEY, SUBSCRIPTION_KEY
from commander.mcp.tasks import (
    STATUSES,
    TASKS_EXTENSION,
    TASKS_NEEDED,
    declares_tasks,
)
from commander.mcp.versions import SUPPORTED_VERSIONS, Era
from tests.mcp.engines import (
    HANDSHAKE,
    MODERN,
    MODERN_ENGINE,
    TOOLS,
    WRITER,
    answer,
    catalogue,
    headers_of,
    modern,
    modern_engine,
    told,
)
from tests.mcp.validation import validate

requirement = pytest.mark.requirement

KNOWS = {CAPABILITIES_KEY: dict(TASKS_NEEDED)}
METHODS = ("tasks/get", "tasks/update", "tasks/cancel")
WITHOUT_TASKS = modern_engine(Catalogue(tools=TOOLS))
NEEDED = {"requiredCapabilities": TASKS_NEEDED}

QUESTION = {
    "method": "elicitation/create",
    "params": {"message": "?", "requestedSchema": {"type": "object", "properties": {}}},
}
TEXT = {"type": "text", "text": "done"}
LINK = {"type": "resource_link", "uri": "job://1/output", "name": "output"}
STATES: list[tuple[TaskState, dict[str, Any]]] = [
    (Working(), {"status": "working"}),
    (Cancelled(), {"status": "cancelled"}),
    (
        InputRequired(requests={"a": QUESTION}, state="not of a task"),
        {"status": "input_required", "inputRequests": {"a": QUESTION}},
    ),
    (
        ToolReturned(content=[TEXT, LINK], structured={"a": 1}, is_error=True),
        {
            "status": "completed",
            "result": {
                "resultType": "complete",
                "content": [TEXT, LINK],
                "structuredContent": {"a": 1},
                "isError": True,
            },
        },
    ),
    (
        Refused(code=-32603, message="no"),
        {
            "status": "failed",
            "error": {"code": -32603, "message": "no"},
            "statusMessage": "no",
        },
    ),
    (
        Refused(code=-32602, message="no", data={"uri": "x:y"}),
        {
            "status": "failed",
            "error": {"code": -32602, "message": "no", "data": {"uri": "x:y"}},
            "statusMessage": "no",
        },
    ),
]
PAYLOADS = {"inputRequests", "result", "error"}


def task(state: TaskState = Working(), **changes: Any) -> Task:  # noqa: B008 - frozen
    facts: dict[str, Any] = {
        "id": "t1",
        "state": state,
        "created_at": 1795860000.0,
        "updated_at": 1795860001.2345,
        "ttl_ms": 60000,
        **changes,
    }
    return Task(**facts)


BASE = {
    "taskId": "t1",
    "createdAt": "2026-11-28T10:00:00.000Z",
    "lastUpdatedAt": "2026-11-28T10:00:01.234Z",
    "ttlMs": 60000,
}


def asking(method: str, **params: Any) -> Request:
    """A request of a client that knows tasks."""
    return modern(method, params, meta=KNOWS)


def opened(request: Request) -> Any:
    """What a good request asks for, over HTTP and without headers."""
    found = MODERN_ENGINE.open(request, headers_of(request))
    assert isinstance(found, Call)
    assert MODERN_ENGINE.open(request, None) == found
    return found.asked


def refused(request: Request, has: Any = MODERN_ENGINE) -> tuple[int, int, Any]:
    """Status, code and data."""
    status, answered = answer(request, headers_of(request), has)
    error = answered["error"]
    return status, error["code"], error.get("data")


# --- what is asked -----------------------------------------------------------------


@requirement("E4", "E5", "E6")
def test_what_is_asked_of_a_task_is_handed_out() -> None:
    responses = {"a": {"action": "accept"}, "b": {}}
    assert opened(asking("tasks/get", taskId="t1")) == TaskAsked("t1")
    assert opened(asking("tasks/cancel", taskId="")) == TaskCancelled("")
    update = asking("tasks/update", taskId="t1", inputResponses=responses)
    assert opened(update) == TaskAnswered(id="t1", input_responses=responses)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("task_id", [None, 5, ["t1"], {}])
def test_a_task_is_named_by_a_text(method: str, task_id: object) -> None:
    request = asking(method, taskId=task_id, inputResponses={})
    assert answer(request)[1]["error"]["code"] == -32602


@requirement("E5")
@pytest.mark.parametrize(
    ("responses", "words"),
    [
        (None, "must be there"),
        ([], "object of objects"),
        ({"a": "b"}, "object of objects"),
    ],
)
def test_an_update_has_answers(responses: object, words: str) -> None:
    request = asking("tasks/update", taskId="t1", inputResponses=responses)
    status, answered = answer(request)
    assert (status, answered["error"]["code"]) == (400, -32602)
    assert words in answered["error"]["message"]


@requirement("E10")
def test_tasks_that_are_listened_to_are_named_once_and_not_yet_honoured() -> None:
    wanted = {"taskIds": ["b", "a", "b"], "toolsListChanged": True}
    assert opened(asking("subscriptions/listen", notifications=wanted)) == ListenAsked(
        lists=frozenset({"tools"}),
        resources=(),
        honoured={"toolsListChanged": True},
        tasks=("b", "a"),
    )


@requirement("E10")
@pytest.mark.parametrize(
    "tasks", ["t1", [1], {"t1": 1}, [None], ["t"] * (MAX_SUBSCRIPTIONS + 1)]
)
def test_a_filter_of_another_shape_is_refused(tasks: object) -> None:
    request = asking("subscriptions/listen", notifications={"taskIds": tasks})
    status, code, _ = refused(request)
    assert (status, code) == (400, -32602)


def test_as_many_tasks_as_may_be_can_be_listened_to() -> None:
    tasks = [f"t{number}" for number in range(MAX_SUBSCRIPTIONS)]
    request = asking("subscriptions/listen", notifications={"taskIds": tasks})
    assert opened(request).tasks == tuple(tasks)


# --- who may ask -------------------------------------------------------------------


@requirement("E2")
@pytest.mark.parametrize(
    ("capabilities", "declares"),
    [
        ({"extensions": {TASKS_EXTENSION: {}}}, True),
        ({"extensions": {TASKS_EXTENSION: {"later": 1}, "x": 1}}, True),
        ({"extensions": {TASKS_EXTENSION: None}}, False),
        ({"extensions": {TASKS_EXTENSION: False}}, False),
        ({"extensions": {f"{TASKS_EXTENSION}2": {}}}, False),
        ({"extensions": TASKS_EXTENSION}, False),
        ({"extensions": None}, False),
        ({TASKS_EXTENSION: {}}, False),
        ({"tasks": {}}, False),
        ({}, False),
    ],
)
def test_an_object_under_the_extensions_name_declares_it(
    capabilities: dict[str, Any], *, declares: bool
) -> None:
    assert declares_tasks(capabilities) is declares


@requirement("E7")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("params", [{"taskId": "t1"}, {"taskId": 5}, {}])
def test_that_it_is_not_declared_goes_before_the_parameters(
    method: str, params: dict[str, Any]
) -> None:
    status, answered = answer(modern(method, params))
    error = answered["error"]
    assert (status, error["code"], error["data"]) == (400, -32021, NEEDED)


@requirement("E10")
@pytest.mark.parametrize("tasks", [["t1"], "t1", 5])
def test_who_did_not_declare_tasks_cannot_listen_to_them(tasks: object) -> None:
    request = modern("subscriptions/listen", {"notifications": {"taskIds": tasks}})
    assert refused(request) == (400, -32021, NEEDED)


@pytest.mark.parametrize("wanted", [{"taskIds": []}, {"taskIds": None}, {}, 5])
def test_who_listens_to_no_task_need_not_declare_them(wanted: object) -> None:
    request = modern("subscriptions/listen", {"notifications": wanted})
    found = MODERN_ENGINE.open(request, None)
    if not isinstance(found, Call):
        assert refused(request)[1] == -32602


@requirement("E9")
@pytest.mark.parametrize("method", METHODS)
def test_headers_go_before_all_that_is_about_tasks(method: str) -> None:
    request = modern(method, {"taskId": "t1"})
    lines = headers_of(request)
    status, answered = answer(request, lines.but("mcp-name", "t2"))
    assert (status, answered["error"]["code"]) == (400, -32020)
    status, answered = answer(request, lines.without("mcp-name"))
    assert (status, answered["error"]["code"]) == (400, -32021)


@requirement("E9")
def test_a_tasks_name_may_stand_in_a_sentinel() -> None:
    request = asking("tasks/get", taskId="é")
    lines = headers_of(request).but("mcp-name", "=?base64?w6k=?=")
    assert isinstance(MODERN_ENGINE.open(request, lines), Call)


@requirement("E8")
@pytest.mark.parametrize("method", METHODS)
def test_a_server_without_tasks_does_not_have_the_methods(method: str) -> None:
    for request in (asking(method, taskId="t1"), modern(method, {"taskId": "t1"})):
        assert refused(request, WITHOUT_TASKS)[:2] == (404, -32601)


def test_a_server_without_tasks_does_not_look_at_the_filter() -> None:
    for tasks in (["t1"], 5):
        wanted = {"notifications": {"taskIds": tasks}}
        found = WITHOUT_TASKS.open(modern("subscriptions/listen", wanted), None)
        assert isinstance(found, Call)
        assert isinstance(found.asked, ListenAsked)
        assert found.asked.tasks == ()


@requirement("E8")
@pytest.mark.parametrize("method", [*METHODS, "tasks/list", "tasks/result"])
def test_the_handshake_era_does_not_have_the_methods(method: str) -> None:
    request = Request(id=1, method=method, params={"taskId": "t1"})
    opened = HANDSHAKE.open(request, Peer(version="2025-11-25"))
    _, answered = told(opened, method, "2025-11-25")
    assert answered["error"]["code"] == -32601


@requirement("E1", "E8")
@pytest.mark.parametrize("version", [*SUPPORTED_VERSIONS, None])
def test_only_the_modern_era_hears_of_the_extension(version: str | None) -> None:
    found = catalogue().capabilities(version)
    assert found.get("extensions") == (
        {TASKS_EXTENSION: {}} if version in (MODERN, None) else None
    )
    assert "extensions" not in Catalogue(tools=TOOLS).capabilities(version)


# --- how a task is shown -----------------------------------------------------------


def call(
    asked: Any, version: str = MODERN, capabilities: dict[str, Any] | None = None
) -> Call:
    return Call(
        id=7,
        era=Era.MODERN if version == MODERN else Era.HANDSHAKE,
        peer=Peer(version=version, capabilities=capabilities or {}),
        asked=asked,
    )


GET = TaskAsked("t1")
TOOL = ToolCalled(name="x", arguments={})
ALL = {**TASKS_NEEDED, "elicitation": {}}


def shown(method: str, to: Call, returned: Any) -> Any:
    status, answered = told(WRITER.returned(to, returned), method)
    assert status == 200
    result = answered["result"]
    assert result.pop("_meta").keys() == {SERVER_INFO_KEY}
    return result


@requirement("E4")
@pytest.mark.parametrize(("state", "members"), STATES)
def test_a_task_is_shown_with_what_belongs_to_its_status(
    state: TaskState, members: dict[str, Any]
) -> None:
    result = shown("tasks/get", call(GET, capabilities=ALL), task(state))
    assert result == {"resultType": "complete", **BASE, **members}


@requirement("E3")
@pytest.mark.parametrize(("state", "members"), STATES)
def test_a_new_task_is_flat_and_bare_whatever_became_of_it(
    state: TaskState, members: dict[str, Any]
) -> None:
    created = TaskCreated(task(state))
    result = shown("tools/call", call(TOOL, capabilities=ALL), created)
    bare = {name: members[name] for name in {*members} - PAYLOADS}
    assert result == {"resultType": "task", **BASE, **bare}


@requirement("E10")
@pytest.mark.parametrize(("state", "members"), STATES)
@pytest.mark.parametrize("subscription", [7, "7", 0, ""])
def test_a_notification_shows_what_would_be_told(
    state: TaskState, members: dict[str, Any], subscription: int | str
) -> None:
    body = notifications.task_changed(task(state), subscription)
    message = msgspec.json.decode(body)
    validate(MODERN, "server", "notifications/tasks", message)
    meta = {SUBSCRIPTION_KEY: subscription}
    assert message["params"] == {**BASE, **members, "_meta": meta}
    assert type(message["params"]["_meta"][SUBSCRIPTION_KEY]) is type(subscription)


def test_every_state_has_a_status() -> None:
    assert {type(state) for state, _ in STATES} == {*STATUSES}
    assert len({*STATUSES.values()}) == len(STATUSES)


@requirement("E4")
def test_what_is_not_known_is_left_out_and_for_ever_is_null() -> None:
    to = call(GET)
    bare = shown("tasks/get", to, task(ttl_ms=None))
    assert bare == {
        **BASE,
        "resultType": "complete",
        "status": "working",
        "ttlMs": None,
    }
    full = shown("tasks/get", to, task(poll_ms=500, message="half"))
    assert (full["pollIntervalMs"], full["statusMessage"]) == (500, "half")
    said = task(Refused(code=-32603, message="no"), message="broken")
    assert shown("tasks/get", to, said)["statusMessage"] == "broken"


@requirement("E5", "E6")
@pytest.mark.parametrize(
    ("method", "asked"),
    [
        ("tasks/update", TaskAnswered(id="t1", input_responses={})),
        ("tasks/cancel", TaskCancelled("t1")),
    ],
)
def test_an_acknowledgement_is_empty(method: str, asked: Any) -> None:
    assert shown(method, call(asked), Done()) == {"resultType": "complete"}


@requirement("E7")
@pytest.mark.parametrize("asked", [GET, TaskCancelled("t1")])
def test_an_unknown_task_is_a_bad_parameter(asked: Any) -> None:
    reply = WRITER.returned(call(asked), UnknownTask("x" * 1000))
    status, answered = told(reply, "tasks/get")
    assert (status, answered["error"]["code"]) == (400, -32602)
    assert answered["error"]["message"].startswith("Task not found: xxx")
    assert len(answered["error"]["message"]) < 200


@requirement("M37")
def test_what_a_client_did_not_declare_is_not_asked_of_it() -> None:
    waiting = task(InputRequired(requests={"a": QUESTION}))
    reply = WRITER.returned(call(GET, capabilities=dict(TASKS_NEEDED)), waiting)
    status, answered = told(reply, "tasks/get")
    assert (status, answered["error"]["code"]) == (400, -32021)
    assert answered["error"]["data"]["requiredCapabilities"] == {"elicitation": {}}


@requirement("E2")
def test_what_needs_a_task_says_so() -> None:
    status, answered = told(WRITER.returned(call(TOOL), TaskRequired()), "tools/call")
    error = answered["error"]
    assert (status, error["code"], error["data"]) == (400, -32021, NEEDED)


@requirement("E8")
@pytest.mark.parametrize("version", SUPPORTED_VERSIONS[1:])
def test_to_the_handshake_era_what_needs_a_task_is_not_there(version: str) -> None:
    """S25/basic/utilities/tasks, Tool-Level Negotiation."""
    reply = WRITER.returned(call(TOOL, version), TaskRequired())
    status, answered = told(reply, "tools/call", version)
    assert (status, answered["error"]["code"]) == (200, -32601)


@requirement("E2")
@pytest.mark.parametrize(
    "to",
    [
        call(TOOL),
        call(TOOL, capabilities={"tasks": {}}),
        call(TOOL, "2025-11-25", ALL),
        call(GET, capabilities=ALL),
    ],
)
def test_a_task_for_who_cannot_ask_about_it_is_a_fault_of_ours(to: Call) -> None:
    with pytest.raises(ValueError, match="task"):
        WRITER.returned(to, TaskCreated(task()))


def test_a_task_that_asks_nothing_is_a_fault_of_ours() -> None:
    with pytest.raises(ValueError, match="nothing to ask"):
        WRITER.returned(call(GET, capabilities=ALL), task(InputRequired(state="s")))


@given(st.floats(0, 4e10))
def test_a_time_is_cut_to_milliseconds_and_never_early(seconds: float) -> None:
    result = shown("tasks/get", call(GET), task(created_at=seconds, updated_at=seconds))
    assert result["createdAt"] == result["lastUpdatedAt"]
    assert len(result["createdAt"]) == len(BASE["createdAt"])  # type: ignore[arg-type]  # JSON
