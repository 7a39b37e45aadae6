"""From a body to what becomes of it, and no fault of ours told to anybody."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure

from commander.mcp.catalogue import Catalogue
from commander.mcp.events import Reply, Task, TaskCreated, ToolCalled, Working
from commander.mcp.params import MAX_SUBSCRIPTIONS
from commander.telemetry.logging import Level
from tests.sessions.kit import (
    ANN,
    MODERN,
    TOOL,
    MemoryOutlet,
    Stage,
    modern,
    modern_headers,
    note,
    request,
    tool_call,
)

requirement = pytest.mark.requirement

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'


def session_headers(stage: Stage, version: str = "2025-11-25") -> dict[str, str]:
    return {"Mcp-Session-Id": stage.initialize(version)}


def text_of(reply: Any) -> str:
    return str(reply["result"]["content"][0]["text"])


# --- at once -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "version", "status"),
    [
        (PING, None, 200),
        (PING, MODERN, 400),
        (b'{"jsonrpc":"2.0","method":"notifications/initialized"}', None, 202),
        (b'{"jsonrpc":"2.0","id":"x","result":{}}', None, 202),
        (b"{", None, 400),
        (b"[]", None, 400),
    ],
)
def test_what_needs_no_work_is_answered_at_once(
    body: bytes, version: str | None, status: int
) -> None:
    stage = Stage()
    headers = {} if version is None else {"MCP-Protocol-Version": version}
    (reply,) = stage.post(body, headers).replies
    assert reply.status == status
    assert stage.log.events == []
    assert stage.work == []


# --- work --------------------------------------------------------------------------


def test_work_gets_its_arguments_and_its_caller() -> None:
    stage = Stage()
    call = request(7, "tools/call", name="slow", arguments={"word": "a"})
    outlet = stage.post(call)
    (work,) = stage.work
    assert work.asked == ToolCalled(name="slow", arguments={"word": "a"})
    assert work.context.principal == ANN
    assert work.context.plain_rpc is False
    assert not outlet.over
    work.say("hello")
    assert outlet.reply_json["id"] == 7
    assert text_of(outlet.reply_json) == "hello"


@pytest.mark.parametrize("era", ["handshake", "modern"])
def test_work_learns_its_trace_and_meta_wins_over_the_headers(era: str) -> None:
    """A header may be of a gateway's span, or of a whole batch."""
    stage = Stage()
    of_meta, of_header = ({"traceparent": f"00-{n * 32}-{n * 16}-01"} for n in "ab")
    for meta, found in ({}, "b"), (of_meta, "a"), ({"traceparent": "?"}, "b"):
        message = tool_call(1, **meta)
        headers: dict[str, Any] = dict(of_header)
        if era == "modern":
            message = modern(1, "tools/call", name="slow", arguments={})
            message["params"]["_meta"].update(meta)
            headers.update(modern_headers(message))
        stage.post(message, headers)
        trace = stage.work[-1].context.trace
        assert trace is not None
        assert trace.trace_id == found * 32


def test_on_standard_input_a_trace_is_in_meta() -> None:
    stage = Stage()
    stage.line(tool_call(1, traceparent=f"00-{'a' * 32}-{'b' * 16}-01"))
    stage.line(tool_call(2))
    traced, untraced = (work.context.trace for work in stage.work)
    assert traced is not None
    assert untraced is None


@requirement("M25")
def test_a_modern_call_is_answered_as_its_era_has_it() -> None:
    stage = Stage()
    message = modern(7, "tools/call", name="slow", arguments={})
    outlet = stage.post(message, modern_headers(message))
    stage.work[0].say()
    assert outlet.reply_json["result"]["resultType"] == "complete"
    assert outlet.begun == [None]


def test_a_call_is_logged_with_the_names_of_its_arguments_and_not_their_values() -> (
    None
):
    stage = Stage()
    stage.post(request(1, "tools/call", name="slow", arguments={"word": "secret"}))
    assert stage.log.named("tool_call") == [{"tool": "slow", "arguments": ["word"]}]
    assert [event["commander_level"] for event in stage.log.events] == [Level.DEBUG]


def test_a_call_that_waits_holds_up_no_other_message() -> None:
    stage = Stage()
    first, second = stage.post(tool_call(1)), stage.post(tool_call(2))
    assert stage.post(PING).replies
    stage.work[1].say()
    assert not first.over
    assert second.reply_json["id"] == 2
    stage.work[0].say()
    assert first.reply_json["id"] == 1


def test_it_is_idle_when_no_work_is_left_whoever_listens() -> None:
    stage = Stage()
    message = modern(1, "subscriptions/listen", notifications={})
    stage.post(message, modern_headers(message))
    dispatcher = stage.service.dispatcher
    assert dispatcher.when_idle().called
    stage.post(tool_call())
    idle = dispatcher.when_idle()
    assert not idle.called
    stage.work[0].say()
    assert idle.called


# --- faults of ours ----------------------------------------------------------------


@requirement("M39")
@pytest.mark.parametrize(
    "error", [RuntimeError("secret path"), KeyError("slow"), CancelledError()]
)
@pytest.mark.parametrize("is_modern", [True, False])
def test_work_that_raises_is_an_internal_error_and_a_record(
    error: Exception, is_modern: bool
) -> None:
    stage = Stage()
    message = modern(7, "tools/call", name="slow") if is_modern else tool_call(7)
    outlet = stage.post(message, modern_headers(message) if is_modern else {})
    stage.work[0].done.errback(Failure(error))
    assert outlet.replies[0].status == 200
    assert outlet.reply_json == {
        "jsonrpc": "2.0",
        "id": 7,
        "error": {
            "code": -32603,
            "message": "Internal error: see the server's log",
        },
    }
    assert stage.log.named("call_failed") == [{"asked": "ToolCalled"}]
    (event,) = stage.log.failures()
    assert event["commander_level"] is Level.ERROR
    assert event["log_failure"].value is error
    assert "in serve" in event["log_failure"].getTraceback()


def test_what_cannot_be_written_is_one_too() -> None:
    stage = Stage()
    outlet = stage.post(tool_call(7))
    nonsense: Any = object()
    stage.work[0].done.callback(nonsense)
    assert outlet.reply_json["error"]["code"] == -32603
    assert len(stage.log.failures()) == 1


def test_a_reply_that_cannot_be_sent_is_a_record_and_the_work_is_over() -> None:
    class Broken(MemoryOutlet):
        def reply(self, reply: Reply) -> None:
            raise RuntimeError("of no interest to clients")

    stage = Stage()
    stage.post(tool_call(), outlet=Broken())
    stage.work[0].say()
    (event,) = stage.log.failures()
    assert event["commander_event"] == "reply_failed"
    assert stage.service.dispatcher.when_idle().called


def test_the_next_call_is_served_after_a_failure() -> None:
    stage = Stage()
    stage.post(tool_call(1))
    stage.work[0].done.errback(Failure(RuntimeError()))
    outlet = stage.post(tool_call(2))
    stage.work[1].say()
    assert outlet.reply_json["id"] == 2


# --- sessions ----------------------------------------------------------------------


def test_a_greeting_opens_a_session_of_the_version_that_was_agreed_on() -> None:
    stage = Stage()
    text = stage.initialize("1999-01-01", sampling={})
    session = stage.service.sessions.find(text, ANN)
    assert session is not None
    assert session.peer.version == "2025-11-25"  # type: ignore[union-attr]
    assert session.peer.capabilities == {"sampling": {}}  # type: ignore[union-attr]


def test_a_greeting_needs_no_session_that_is_known() -> None:
    outlet = Stage().post(
        request(0, "initialize", protocolVersion="2025-06-18"),
        {"Mcp-Session-Id": "unknown"},
    )
    assert outlet.replies[0].session_id is not None


@requirement("L3")
@pytest.mark.parametrize(
    "message",
    [
        request(1, "ping"),
        tool_call(),
        note("notifications/initialized"),
        [request(1, "ping")],
        {"jsonrpc": "2.0", "id": "commander-1", "result": {}},
    ],
)
def test_nothing_else_is_served_in_an_unknown_session(message: object) -> None:
    stage = Stage()
    (reply,) = stage.post(message, {"Mcp-Session-Id": "unknown"}).replies
    assert reply.status == 404
    assert stage.work == []


@requirement("R11")
def test_a_modern_message_has_no_session() -> None:
    """1.1: a modern request with Mcp-Session-Id: ignore it, mint nothing."""
    stage = Stage()
    message = modern(1, "tools/list")
    headers = {**modern_headers(message), "Mcp-Session-Id": "unknown"}
    (reply,) = stage.post(message, headers).replies
    assert reply.status == 200
    assert reply.session_id is None
    assert len(stage.service.sessions) == 0


@requirement("L20")
def test_the_log_level_is_the_sessions() -> None:
    stage = Stage()
    mine, other = session_headers(stage), session_headers(stage)
    level = request(1, "logging/setLevel", level="info")
    assert stage.post(level, mine).reply_json["result"] == {}
    assert stage.post(level).reply_json["result"] == {}
    for headers, told in ((mine, 1), (other, 0), ({}, 0)):
        outlet = stage.post(tool_call(), headers)
        stage.work[-1].caller.log("info", "here", "x")
        assert len(outlet.notified) == told


@requirement("L15", "L16")
def test_a_call_of_a_session_is_cancelled_in_that_session() -> None:
    stage = Stage()
    mine, other = session_headers(stage), session_headers(stage)
    calls = [stage.post(tool_call(1), headers) for headers in (mine, other, {})]
    cancelled = note("notifications/cancelled", requestId=1, reason="enough")
    for headers in ({}, mine):
        assert stage.post(cancelled, headers).replies[0].status == 202
    assert [work.caller.cancellation.cancelled for work in stage.work] == [
        *(True, False, False)
    ]
    for work in stage.work:
        work.say()
    assert [outlet.abandoned for outlet in calls] == [1, 0, 0]
    assert [len(outlet.replies) for outlet in calls] == [0, 1, 1]


@requirement("M24")
def test_over_http_nobody_cancels_a_modern_call_by_its_id() -> None:
    """M24."""
    stage = Stage()
    message = modern(1, "tools/call", name="slow")
    stage.post(message, modern_headers(message))
    cancelled = note("notifications/cancelled", requestId=1)
    for headers in (modern_headers(cancelled), {}, session_headers(stage)):
        assert stage.post(cancelled, headers).replies[0].status == 202
    assert not stage.work[0].caller.cancellation.cancelled


@requirement("T8")
@pytest.mark.parametrize(
    "message", [tool_call(1), modern(1, "tools/call", name="slow")]
)
def test_on_standard_input_calls_of_both_eras_are_cancelled(message: object) -> None:
    """T8."""
    stage = Stage()
    outlet = stage.line(message)
    stage.line(note("notifications/cancelled", requestId=1))
    assert stage.work[0].caller.cancellation.cancelled
    stage.work[0].say()
    assert (outlet.abandoned, outlet.replies) == (1, [])


@requirement("T8")
def test_on_standard_input_a_modern_cancellation_says_its_version() -> None:
    stage = Stage()
    for version, cancelled in (("2030-01-01", False), (MODERN, True)):
        outlet = stage.line(modern(1, "tools/call", name="slow"))
        meta = {"io.modelcontextprotocol/protocolVersion": version}
        told = note("notifications/cancelled", requestId=1, _meta=meta)
        stage.line(told)
        assert stage.work[-1].caller.cancellation.cancelled is cancelled
        assert outlet.abandoned == cancelled


@requirement("L16")
@pytest.mark.parametrize("params", [{}, {"requestId": None}, {"requestId": [1]}])
def test_a_cancellation_of_nothing_is_accepted(params: dict[str, Any]) -> None:
    stage = Stage()
    headers = session_headers(stage)
    stage.post(tool_call(), headers)
    message = note("notifications/cancelled", **params)
    assert stage.post(message, headers).replies[0].status == 202
    assert not stage.work[0].caller.cancellation.cancelled


def test_no_other_notification_cancels_anything() -> None:
    stage = Stage()
    headers = session_headers(stage)
    stage.post(tool_call(1), headers)
    stage.post(note("notifications/progress", requestId=1), headers)
    assert not stage.work[0].caller.cancellation.cancelled


@requirement("L8")
def test_an_answer_reaches_its_question_in_its_session_only() -> None:
    stage = Stage()
    mine = {"Mcp-Session-Id": stage.initialize(roots={})}
    other = session_headers(stage)
    outlet = stage.post(tool_call(), mine)
    answers: list[Any] = []
    stage.work[0].caller.ask("roots/list", {}).addBoth(answers.append)
    (question,) = outlet.messages
    answer = {"jsonrpc": "2.0", "id": question["id"], "result": {"roots": []}}
    for headers in (other, {}):
        assert stage.post(answer, headers).replies[0].status == 202
    assert answers == []
    assert stage.post(answer, mine).replies[0].status == 202
    assert answers == [{"roots": []}]


# --- subscriptions of the handshake era --------------------------------------------


@requirement("L18")
def test_resources_are_subscribed_to_in_a_session() -> None:
    stage = Stage()
    headers = session_headers(stage)
    for method, uris in (("subscribe", ["x://a"]), ("unsubscribe", [])):
        message = request(1, f"resources/{method}", uri="x://a")
        assert stage.post(message, headers).reply_json["result"] == {}
        session: Any = stage.service.sessions.find(headers["Mcp-Session-Id"], ANN)
        assert list(session.subscriptions) == uris
    assert stage.post(message, headers).reply_json["result"] == {}


def test_who_has_no_session_cannot_subscribe() -> None:
    outlet = Stage().post(request(1, "resources/subscribe", uri="x://a"))
    assert outlet.reply_json["error"]["code"] == -32600
    assert "only a session" in outlet.reply_json["error"]["message"]


def test_a_session_subscribes_to_only_so_many() -> None:
    stage = Stage()
    headers = session_headers(stage)
    for number in range(MAX_SUBSCRIPTIONS + 1):
        message = request(1, "resources/subscribe", uri=f"x://{number}")
        answer = stage.post(message, headers).reply_json
        assert ("error" in answer) is (number == MAX_SUBSCRIPTIONS)
    again = request(1, "resources/subscribe", uri="x://0")
    assert "result" in stage.post(again, headers).reply_json


# --- batches -----------------------------------------------------------------------


def batch(*messages: object) -> bytes:
    return msgspec.json.encode(messages)


@requirement("L17")
def test_a_batch_is_answered_together() -> None:
    """L17."""
    stage = Stage()
    outlet = stage.post(
        batch(tool_call(1), request(2, "ping"), note("notifications/x"), tool_call(3))
    )
    assert not outlet.over
    for work in reversed(stage.work):
        work.say()
    assert [one["id"] for one in outlet.reply_json] == [2, 3, 1]
    assert outlet.replies[0].status == 200


@requirement("L17")
def test_a_batch_of_nothing_that_is_owed_an_answer_is_accepted() -> None:
    stage = Stage()
    answer = {"jsonrpc": "2.0", "id": "x", "result": {}}
    (reply,) = stage.post(batch(note("notifications/x"), answer)).replies
    assert (reply.status, reply.body) == (202, b"")


@requirement("L17", "M1")
@pytest.mark.parametrize(
    ("item", "code"),
    [
        (1, -32600),
        ({"jsonrpc": "2.0", "id": 1}, -32600),
        (request(1, "initialize"), -32600),
        (modern(1, "tools/list"), -32600),
        (request(1, "server/discover"), -32600),
        (request(1, "nothing"), -32601),
        ([], -32600),
    ],
)
def test_what_cannot_be_in_a_batch_is_refused_in_its_place(
    item: object, code: int
) -> None:
    outlet = Stage().post(batch(request(7, "ping"), item))
    good, bad = outlet.reply_json
    assert (good["id"], bad["error"]["code"]) == (7, code)


@requirement("R8", "M1")
@pytest.mark.parametrize(
    ("session", "header", "served"),
    [
        (None, None, True),
        (None, "2025-03-26", True),
        (None, "2025-06-18", False),
        (None, MODERN, False),
        ("2025-03-26", None, True),
        ("2025-03-26", "2025-03-26", True),
        ("2025-03-26", "2025-11-25", False),
        ("2024-11-05", None, False),
        ("2025-06-18", None, False),
        ("2025-11-25", None, False),
    ],
)
def test_batches_are_of_one_version(
    session: str | None, header: str | None, served: bool
) -> None:
    """R8, M1: 400 -32600 without an id."""
    stage = Stage()
    headers = {} if session is None else session_headers(stage, session)
    if header is not None:
        headers["MCP-Protocol-Version"] = header
    outlet = stage.post(batch(request(1, "ping")), headers)
    if served:
        assert outlet.reply_json[0]["id"] == 1
    else:
        assert outlet.replies[0].status == 400
        assert outlet.reply_json["error"]["code"] == -32600
        assert outlet.reply_json["id"] is None


def test_a_modern_batch_is_refused_whatever_session_it_names() -> None:
    """R8: a session id means nothing in the modern era."""
    headers = {"Mcp-Session-Id": "of-nobody", "MCP-Protocol-Version": MODERN}
    outlet = Stage().post(batch(request(1, "ping")), headers)
    assert outlet.replies[0].status == 400
    assert outlet.reply_json["error"]["code"] == -32600


@requirement("L17")
def test_a_call_in_a_batch_is_cancelled_alone() -> None:
    stage = Stage()
    headers = session_headers(stage, "2025-03-26")
    outlet = stage.post(batch(tool_call(1), tool_call(2)), headers)
    stage.post(note("notifications/cancelled", requestId=1), headers)
    stage.work[0].say()
    stage.work[1].say()
    assert [one["id"] for one in outlet.reply_json] == [2]


@requirement("T11")
def test_a_batch_on_a_line_is_served_before_and_in_2025_03_26_only() -> None:
    """T11."""
    stage = Stage()
    assert stage.line(batch(request(1, "ping"))).reply_json[0]["id"] == 1
    for version, served in (("2025-03-26", True), ("2025-11-25", False)):
        stage.line(request(0, "initialize", protocolVersion=version))
        answer = stage.line(batch(request(1, "ping"))).reply_json
        assert isinstance(answer, list) is served


# --- both eras on one wire ---------------------------------------------------------


@requirement("T5", "T6")
def test_each_line_is_of_its_own_era() -> None:
    """T5, T6: a greeting after a discovery, and the other way round."""
    stage = Stage()
    for _ in range(2):
        found = stage.line(modern(1, "server/discover")).reply_json["result"]
        assert MODERN in found["supportedVersions"]
        greeting = request(2, "initialize", protocolVersion="2025-06-18")
        agreed = stage.line(greeting).reply_json["result"]
        assert agreed["protocolVersion"] == "2025-06-18"
        assert stage.line(request(3, "ping")).reply_json["result"] == {}


@requirement("T7")
def test_a_line_before_any_greeting_is_served() -> None:
    """T7."""
    stage = Stage()
    outlet = stage.line(tool_call(1))
    stage.work[0].say()
    assert text_of(outlet.reply_json) == "done"


def test_a_server_without_resources_has_no_subscriptions() -> None:
    stage = Stage(catalogue=Catalogue(tools=[TOOL]))
    outlet = stage.post(request(1, "resources/subscribe", uri="x://a"))
    assert outlet.reply_json["error"]["code"] == -32601


# --- tasks -------------------------------------------------------------------------

KNOWS_TASKS: dict[str, Any] = {
    "io.modelcontextprotocol/clientCapabilities": {
        "extensions": {"io.modelcontextprotocol/tasks": {}}
    }
}


def tasks_of(stage: Stage, message: Any, headers: dict[str, str]) -> bool:
    """Whether the work of a call may become a task."""
    stage.post(message, headers)
    return stage.work[-1].context.tasks


@requirement("E2", over=())
def test_a_call_may_become_a_task_if_its_own_request_declares_them() -> None:
    stage = Stage(catalogue=Catalogue(tools=[TOOL], tasks=True))
    knows = modern(1, "tools/call", name="slow", _meta=KNOWS_TASKS)
    knows_not = modern(2, "tools/call", name="slow")
    assert tasks_of(stage, knows, modern_headers(knows))
    assert not tasks_of(stage, knows_not, modern_headers(knows_not))
    other = modern(3, "tasks/get", taskId="t", _meta=KNOWS_TASKS)
    assert not tasks_of(stage, other, modern_headers(other))


@requirement("E2", over=())
def test_no_call_becomes_a_task_of_a_server_that_has_none() -> None:
    knows = modern(1, "tools/call", name="slow", _meta=KNOWS_TASKS)
    assert not tasks_of(Stage(), knows, modern_headers(knows))


@requirement("E8", over=())
def test_no_session_has_tasks_whatever_its_client_declared() -> None:
    stage = Stage(catalogue=Catalogue(tools=[TOOL], tasks=True))
    extensions: dict[str, Any] = {"io.modelcontextprotocol/tasks": {}}
    session = stage.initialize("2025-11-25", extensions=extensions)
    assert not tasks_of(stage, tool_call(), {"Mcp-Session-Id": session})


def test_a_task_for_who_knows_none_is_a_fault_of_ours() -> None:
    stage = Stage(catalogue=Catalogue(tools=[TOOL], tasks=True))
    message = modern(1, "tools/call", name="slow")
    outlet = stage.post(message, modern_headers(message))
    task = Task(id="t", state=Working(), created_at=0.0, updated_at=0.0, ttl_ms=None)
    stage.work[-1].done.callback(TaskCreated(task))
    assert outlet.reply_json["error"]["code"] == -32603
    assert len(stage.log.failures()) == 1
