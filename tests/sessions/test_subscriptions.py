"""``subscriptions/listen``: from its acknowledgement to its end (M32, T10)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from commander.mcp.catalogue import Catalogue
from commander.mcp.events import (
    Task,
    TaskAsked,
    TasksFound,
    TasksSought,
    Working,
)
from commander.sessions import subscriptions as module
from tests.sessions.kit import (
    ANN,
    BOB,
    TOOL,
    MemoryOutlet,
    Stage,
    modern,
    modern_headers,
    note,
)

requirement = pytest.mark.requirement

KEY = "io.modelcontextprotocol/subscriptionId"
WANTED = {
    "toolsListChanged": True,
    "promptsListChanged": True,
    "resourceSubscriptions": ["x://a"],
}


def listen(stage: Stage, request_id: Any = 7, **changes: Any) -> MemoryOutlet:
    message = modern(request_id, "subscriptions/listen", notifications=WANTED)
    return stage.post(message, modern_headers(message), **changes)


@requirement("M32")
@pytest.mark.parametrize("request_id", [7, "7", 0])
def test_the_first_message_tells_what_is_honoured(request_id: Any) -> None:
    stage = Stage()
    outlet = listen(stage, request_id)
    assert outlet.messages == [
        {
            "jsonrpc": "2.0",
            "method": "notifications/subscriptions/acknowledged",
            "params": {
                "notifications": {
                    "toolsListChanged": True,
                    "resourceSubscriptions": ["x://a"],
                },
                "_meta": {KEY: request_id},
            },
        }
    ]
    assert not outlet.over
    assert len(stage.service.subscriptions) == len(stage.service.hub) == 1


@requirement("M32")
def test_it_hears_what_it_asked_for_with_its_id() -> None:
    stage = Stage()
    outlet = listen(stage)
    stage.service.hub.list_changed("tools")
    stage.service.hub.list_changed("prompts")
    stage.service.hub.resource_updated("x://a")
    stage.service.hub.resource_updated("x://b")
    told = outlet.messages[1:]
    assert [one["method"] for one in told] == [
        "notifications/tools/list_changed",
        "notifications/resources/updated",
    ]
    assert all(one["params"]["_meta"] == {KEY: 7} for one in told)


@requirement("M32", "T10")
def test_the_server_ends_it_with_a_notice_and_a_result() -> None:
    stage = Stage()
    outlet = listen(stage)
    stage.service.close()
    assert outlet.messages[-1] == {
        "jsonrpc": "2.0",
        "method": "notifications/cancelled",
        "params": {
            "requestId": 7,
            "reason": "the server is shutting down",
            "_meta": {KEY: 7},
        },
    }
    result = outlet.reply_json
    assert result["id"] == 7
    assert result["result"]["resultType"] == "complete"
    assert result["result"]["_meta"][KEY] == 7
    assert len(stage.service.subscriptions) == len(stage.service.hub) == 0
    stage.service.hub.list_changed("tools")
    assert len(outlet.messages) == 2


@requirement("M23")
def test_its_client_ends_it_by_leaving() -> None:
    stage = Stage()
    outlet = listen(stage)
    assert outlet.on_lost is not None
    outlet.on_lost()
    stage.service.hub.list_changed("tools")
    stage.service.close()
    assert len(outlet.messages) == 1
    assert not outlet.over
    assert len(stage.service.subscriptions) == len(stage.service.hub) == 0


@requirement("T8", "T10")
def test_on_standard_input_its_client_ends_it_by_cancelling() -> None:
    stage = Stage()
    outlet = stage.line(modern(7, "subscriptions/listen", notifications=WANTED))
    other = stage.line(modern("7", "subscriptions/listen", notifications=WANTED))
    assert outlet.messages[0]["params"]["_meta"] == {KEY: 7}
    stage.line(note("notifications/cancelled", requestId=7))
    stage.service.hub.list_changed("tools")
    assert outlet.abandoned == 1
    assert len(outlet.messages) == 1
    assert len(other.messages) == 2
    stage.line(note("notifications/cancelled", requestId=7))
    stage.service.close()
    assert not stage.conversation.busy


@requirement("M24")
def test_over_http_it_cannot_be_cancelled_by_anybody() -> None:
    """M24: ids that clients choose must not reach each other."""
    stage = Stage()
    outlet = listen(stage)
    message = note("notifications/cancelled", requestId=7)
    accepted = stage.post(message, modern_headers(message))
    assert [one.status for one in accepted.replies] == [202]
    stage.service.hub.list_changed("tools")
    assert len(outlet.messages) == 2


def test_a_slow_listener_is_held_back() -> None:
    stage = Stage()
    outlet = listen(stage)
    assert outlet.flow is not None
    outlet.flow.pause()
    for _ in range(100):
        stage.service.hub.list_changed("tools")
    assert len(outlet.messages) == 1
    outlet.flow.resume()
    assert len(outlet.messages) == 2


def test_it_needs_a_client_that_takes_events() -> None:
    outlet = listen(Stage(), streams=False)
    (reply,) = outlet.replies
    assert reply.status == 406
    assert msgspec.json.decode(reply.body)["id"] == 7
    assert outlet.notified == []


def test_there_are_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    assert module.MAX_LISTENING == 1000
    monkeypatch.setattr(module, "MAX_LISTENING", 2)
    stage = Stage()
    first = listen(stage)
    listen(stage)
    (reply,) = listen(stage).replies
    assert reply.status == 503
    assert first.on_lost is not None
    first.on_lost()
    assert not listen(stage).over


def test_a_client_that_was_gone_before_is_not_listened_for() -> None:
    class Gone(MemoryOutlet):
        def begin(self, conversation: Any, lost: Any) -> None:
            super().begin(conversation, lost)
            lost()

    stage = Stage()
    listen(stage, outlet=Gone())
    assert len(stage.service.subscriptions) == len(stage.service.hub) == 0


# --- tasks -------------------------------------------------------------------------

DECLARED: dict[str, Any] = {
    "io.modelcontextprotocol/clientCapabilities": {
        "extensions": {"io.modelcontextprotocol/tasks": {}}
    }
}


def task_stage() -> Stage:
    return Stage(catalogue=Catalogue(tools=[TOOL], tasks=True))


def listen_to(stage: Stage, *tasks: str, **changes: Any) -> MemoryOutlet:
    message = modern(
        7, "subscriptions/listen", notifications={"taskIds": tasks}, _meta=DECLARED
    )
    return stage.post(message, modern_headers(message), **changes)


def seek(stage: Stage, *found: str) -> None:
    """Answer which tasks there are."""
    work = stage.work.pop()
    assert isinstance(work.asked, TasksSought)
    work.done.callback(TasksFound(frozenset(found)))


def look(stage: Stage) -> None:
    """Answer what is asked of a task."""
    work = stage.work.pop()
    assert isinstance(work.asked, TaskAsked)
    task = Task(
        id=work.asked.id, state=Working(), created_at=0.0, updated_at=0.0, ttl_ms=None
    )
    work.done.callback(task)


@requirement("E10")
def test_it_is_acknowledged_when_it_is_known_which_tasks_there_are() -> None:
    stage = task_stage()
    outlet = listen_to(stage, "t2", "t1")
    assert stage.work[0].context.principal == ANN
    assert outlet.messages == []
    seek(stage, "t1", "t3")
    (acknowledged,) = outlet.messages
    assert acknowledged["params"]["notifications"] == {"taskIds": ["t1"]}
    look(stage)
    assert outlet.messages[1]["params"]["taskId"] == "t1"
    stage.service.hub.task_changed("t2", ANN)
    stage.service.hub.task_changed("t3", ANN)
    stage.service.hub.task_changed("t1", BOB)
    assert stage.work == []
    stage.service.hub.task_changed("t1", ANN)
    look(stage)
    assert len(outlet.messages) == 3


@requirement("E10")
def test_a_subscription_to_no_task_that_is_there_says_so() -> None:
    stage = task_stage()
    outlet = listen_to(stage, "t1")
    seek(stage)
    (acknowledged,) = outlet.messages
    assert acknowledged["params"]["notifications"] == {}


def test_a_fault_while_the_tasks_are_looked_for_leaves_the_rest() -> None:
    stage = task_stage()
    outlet = listen_to(stage, "t1")
    stage.work.pop().done.errback(RuntimeError("ouch"))
    (acknowledged,) = outlet.messages
    assert acknowledged["params"]["notifications"] == {}
    assert len(stage.log.failures()) == 1


def test_who_leaves_while_the_tasks_are_looked_for_is_not_listened_for() -> None:
    stage = task_stage()
    outlet = listen_to(stage, "t1")
    assert outlet.on_lost is not None
    outlet.on_lost()
    seek(stage, "t1")
    assert outlet.messages == []
    assert len(stage.service.subscriptions) == len(stage.service.hub) == 0


def test_a_server_that_ends_while_the_tasks_are_looked_for_answers() -> None:
    stage = task_stage()
    outlet = listen_to(stage, "t1")
    stage.service.close()
    assert outlet.messages == []
    assert outlet.reply_json["result"]["resultType"] == "complete"
    seek(stage, "t1")
    assert outlet.messages == []
    assert outlet.on_lost is not None
    outlet.on_lost()
    assert len(stage.service.subscriptions) == 0


@requirement("T8", "E6")
def test_a_cancelled_subscription_hears_of_no_task() -> None:
    stage = task_stage()
    message = modern(
        7, "subscriptions/listen", notifications={"taskIds": ["t1"]}, _meta=DECLARED
    )
    outlet = stage.line(message)
    seek(stage, "t1")
    stage.line(note("notifications/cancelled", requestId=7))
    look(stage)  # which was asked for before
    stage.service.hub.task_changed("t1", ANN)
    assert outlet.abandoned == 1
    assert len(outlet.messages) == 1
    assert stage.work == []


def test_a_slow_listener_has_no_task_asked_for() -> None:
    stage = task_stage()
    outlet = listen_to(stage, "t1")
    seek(stage, "t1")
    look(stage)
    assert outlet.flow is not None
    outlet.flow.pause()
    for _ in range(100):
        stage.service.hub.task_changed("t1", ANN)
    assert stage.work == []
    outlet.flow.resume()
    look(stage)
    assert (len(outlet.messages), stage.work) == (3, [])
