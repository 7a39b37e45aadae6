"""Tasks over both wires: from the call that made one to all that is heard of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from commander.auth.tokens import Token, TokenList, digest_of
from tests.conformance.fixture.task_tools import FAILING_SECONDS, SOON_SECONDS
from tests.conformance.fixture.tasks import TTL_SECONDS
from tests.mcp.validation import validate
from tests.sessions.behaviour.clients import (
    WIRES,
    Client,
    ModernHttp,
    Pending,
    Stdio,
    is_answered,
    reply_of,
)
from tests.sessions.behaviour.everything import EVERYTHING, EverythingServer
from tests.sessions.kit import MODERN, modern_headers, note

requirement = pytest.mark.requirement

CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
EXTENSION = "io.modelcontextprotocol/tasks"
KNOWS: dict[str, Any] = {"extensions": {EXTENSION: {}}}
METHODS = ("tasks/get", "tasks/update", "tasks/cancel")
MODERN_WIRES = [name for name in WIRES if MODERN in name]
OLD_WIRES = [name for name in WIRES if MODERN not in name]


@pytest.fixture(params=MODERN_WIRES)
def new(request: pytest.FixtureRequest) -> Iterator[Client]:
    client = WIRES[request.param]((), EVERYTHING)
    yield client
    client.stop()


@pytest.fixture(params=OLD_WIRES)
def old(request: pytest.FixtureRequest) -> Iterator[Client]:
    client = WIRES[request.param]((), EVERYTHING)
    yield client
    client.stop()


def declared(**more: Any) -> dict[str, Any]:
    return {CAPABILITIES: {**KNOWS, **more}}


def sent(client: Client, method: str, **params: Any) -> Pending:
    """A request of a client that knows tasks, and can be asked things."""
    return client.request(method, _meta=declared(elicitation={}), **params)


def asked(client: Client, method: str, **params: Any) -> Any:
    """The result, valid by the extension's words."""
    message = reply_of(sent(client, method, **params))
    validate(MODERN, "server", method, message)
    return message["result"]


def called(client: Client, tool: str, **arguments: Any) -> Any:
    return asked(client, "tools/call", name=tool, arguments=arguments)


def task(client: Client, task_id: str) -> Any:
    return asked(client, "tasks/get", taskId=task_id)


def made(client: Client, tool: str = "slow_compute", **arguments: Any) -> str:
    """The id of a new task."""
    if tool == "slow_compute":
        arguments = {"seconds": 60, **arguments}
    return str(called(client, tool, **arguments)["taskId"])


def refused(client: Client, pending: Pending) -> tuple[int, Any]:
    """Code and data; over HTTP all these have the status of a bad request."""
    message = reply_of(pending)
    validate(MODERN, "server", None, message)
    if isinstance(client, ModernHttp):
        connection = pending.connection  # type: ignore[attr-defined]
        unknown = message["error"]["code"] == -32601
        assert connection.stream().status == (404 if unknown else 400)
    return message["error"]["code"], message["error"].get("data")


# --- who knows tasks ---------------------------------------------------------------


@requirement("E1")
def test_the_discovery_names_the_extension_and_no_older_form(new: Client) -> None:
    capabilities = asked(new, "server/discover")["capabilities"]
    assert capabilities["extensions"] == {EXTENSION: {}}
    assert "tasks" not in capabilities


@requirement("E8")
def test_no_greeting_names_it(old: Client) -> None:
    reply = reply_of(old.request("initialize", protocolVersion="2025-11-25"))
    capabilities = reply["result"]["capabilities"]
    assert {"extensions", "tasks"} & {*capabilities} == set()


@requirement("E8")
@pytest.mark.parametrize("method", [*METHODS, "tasks/list", "tasks/result"])
def test_the_handshake_era_has_no_such_methods(old: Client, method: str) -> None:
    reply = reply_of(old.request(method, taskId="x", inputResponses={}))
    assert reply["error"]["code"] == -32601


@requirement("E8")
def test_the_handshake_era_waits_for_the_work(old: Client) -> None:
    hint = {"task": {"ttl": 60000}}
    call = {"name": "slow_compute", "arguments": {"seconds": 2}}
    pending = old.request("tools/call", **call, **hint)
    old.pump(1)
    assert not is_answered(pending)
    old.pump(1)
    assert "Computed" in reply_of(pending)["result"]["content"][0]["text"]
    reply = reply_of(old.request("tools/call", name="failing_job"))
    assert reply["error"]["code"] == -32601


@requirement("E8")
@pytest.mark.parametrize("method", ["tasks/list", "tasks/result"])
def test_methods_that_are_gone_are_not_found(new: Client, method: str) -> None:
    assert refused(new, sent(new, method, taskId="x"))[0] == -32601


@requirement("E8")
def test_a_hint_makes_no_task(new: Client) -> None:
    result = asked(
        new, "tools/call", name="greet", arguments={"name": "Ann"}, task={"ttl": 1}
    )
    assert result["resultType"] == "complete"


@requirement("E2")
@pytest.mark.parametrize(
    "capabilities",
    [
        {},
        {"tasks": {}},
        {"extensions": {}},
        {"extensions": [EXTENSION]},
        {"extensions": {EXTENSION: True}},
        {"extensions": None},
    ],
)
def test_who_does_not_know_tasks_gets_none(new: Client, capabilities: Any) -> None:
    made(new)  # to declare it once means nothing later
    meta = {CAPABILITIES: capabilities}
    call = {"name": "slow_compute", "arguments": {"seconds": 2}, "_meta": meta}
    pending = new.request("tools/call", **call)
    new.pump(1)
    assert not is_answered(pending)
    new.pump(1)
    assert reply_of(pending)["result"]["resultType"] == "complete"
    needed = new.request("tools/call", name="failing_job", arguments={}, _meta=meta)
    assert refused(new, needed) == (-32021, {"requiredCapabilities": KNOWS})


@requirement("E7")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("params", [{"inputResponses": {}}, {}, {"inputResponses": 5}])
def test_who_does_not_know_tasks_is_told_so_whatever_it_asks(
    new: Client, method: str, params: dict[str, Any]
) -> None:
    for task_id in ("nothing", made(new)):
        pending = new.request(method, taskId=task_id, **params)
        assert refused(new, pending) == (-32021, {"requiredCapabilities": KNOWS})


@requirement("E7")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("task_id", ["nothing", "../x", "a" * 5000])
def test_a_task_that_is_not_there_is_a_bad_parameter(
    new: Client, method: str, task_id: str
) -> None:
    pending = sent(new, method, taskId=task_id, inputResponses={})
    assert refused(new, pending) == (-32602, None)
    assert len(reply_of(pending)["error"]["message"]) < 200


@requirement("E7")
def test_a_task_whose_time_is_over_is_not_there(new: Client) -> None:
    task_id = made(new, seconds=1)
    new.pump(TTL_SECONDS)
    assert task(new, task_id)["status"] == "completed"
    new.pump(1)
    assert refused(new, sent(new, "tasks/get", taskId=task_id))[0] == -32602


# --- the life of a task ------------------------------------------------------------


@requirement("E3", "E4")
def test_a_call_becomes_a_task_and_the_task_its_result(new: Client) -> None:
    created = called(new, "slow_compute", seconds=2, label="pi")
    assert created["resultType"] == "task"
    assert (created["status"], created["ttlMs"]) == ("working", TTL_SECONDS * 1000)
    assert created["createdAt"] == created["lastUpdatedAt"]
    seen = task(new, created["taskId"])
    assert seen == {**created, "resultType": "complete"}
    new.pump(2)
    done = task(new, created["taskId"])
    assert done["status"] == "completed"
    assert done["createdAt"] < done["lastUpdatedAt"]
    assert done["result"] == {
        "resultType": "complete",
        "content": [{"type": "text", "text": "Computed pi for 2 s"}],
        "isError": False,
    }


@requirement("E3")
def test_a_task_does_not_end_with_its_calls_connection(new: Client) -> None:
    """And no cancellation of the call reaches it."""
    pending = sent(new, "tools/call", name="slow_compute", arguments={"seconds": 2})
    task_id = reply_of(pending)["result"]["taskId"]
    new.cancel(pending)
    new.pump(2)
    assert task(new, task_id)["status"] == "completed"


@requirement("E4")
def test_a_tools_error_is_an_end_like_others(new: Client) -> None:
    task_id = made(new, "failing_job")
    new.pump(FAILING_SECONDS)
    done = task(new, task_id)
    assert (done["status"], done["result"]["isError"]) == ("completed", True)


@requirement("E4")
def test_an_error_of_the_protocol_is_a_failure(new: Client) -> None:
    task_id = made(new, "protocol_error_job")
    new.pump(SOON_SECONDS)
    failed = task(new, task_id)
    assert failed["status"] == "failed"
    assert failed["error"]["code"] == -32603
    assert failed["statusMessage"] == failed["error"]["message"]


@requirement("E5")
def test_answers_may_come_one_by_one_and_needless_ones_are_ignored(new: Client) -> None:
    task_id = made(new, "multi_input")
    first, second = task(new, task_id)["inputRequests"]

    def update(**responses: Any) -> Any:
        answered = asked(new, "tasks/update", taskId=task_id, inputResponses=responses)
        assert {*answered} == {"resultType", "_meta"}
        return task(new, task_id)

    yes = {"action": "accept", "content": {"name": "Ann", "confirm": True}}
    assert [*update(nothing=yes)["inputRequests"]] == [first, second]
    assert [*update()["inputRequests"]] == [first, second]
    assert [*update(**{second: yes})["inputRequests"]] == [first]
    no = {"action": "decline"}
    assert [*update(**{second: no})["inputRequests"]] == [first]
    done = update(**{first: yes, "nothing": no})
    assert done["result"]["content"][0]["text"] == "Ann is sure"
    assert update(**{first: no}) == done


@requirement("E5")
@pytest.mark.parametrize("responses", [None, [], 5, {"a": 1}, {"a": None}])
def test_answers_of_another_shape_are_refused(new: Client, responses: Any) -> None:
    task_id = made(new, "confirm_delete")
    params = {"taskId": task_id, "inputResponses": responses}
    assert refused(new, sent(new, "tasks/update", **params))[0] == -32602
    assert task(new, task_id)["status"] == "input_required"


@requirement("E4", "M37")
def test_a_client_is_not_shown_what_it_cannot_be_asked(new: Client) -> None:
    task_id = made(new, "confirm_delete")
    pending = new.request("tasks/get", taskId=task_id, _meta=declared())
    code, data = refused(new, pending)
    assert (code, data) == (-32021, {"requiredCapabilities": {"elicitation": {}}})
    assert task(new, task_id)["status"] == "input_required"


@requirement("E6")
@pytest.mark.parametrize("tool", ["slow_compute", "confirm_delete"])
def test_a_cancelled_task_stays_cancelled(new: Client, tool: str) -> None:
    task_id = made(new, tool)
    for _ in range(2):
        assert {*asked(new, "tasks/cancel", taskId=task_id)} == {"resultType", "_meta"}
        assert task(new, task_id)["status"] == "cancelled"
    asked(new, "tasks/update", taskId=task_id, inputResponses={"question-1": {}})
    new.pump(61)
    assert task(new, task_id)["status"] == "cancelled"


@requirement("E6")
def test_a_notification_cancels_no_task(new: Client) -> None:
    task_id = made(new)
    for number in (task_id, new._next):
        new.send(None, note("notifications/cancelled", requestId=number))
    assert task(new, task_id)["status"] == "working"


@requirement("E11")
def test_what_must_be_known_before_is_asked_before(new: Client) -> None:
    call = {"name": "test_tool_with_task", "arguments": {}}
    first = asked(new, "tools/call", **call)
    assert first["resultType"] == "input_required"
    answer = {"action": "accept", "content": {"name": "Ann"}}
    answers = dict.fromkeys(first["inputRequests"], answer)
    created = asked(new, "tools/call", **call, inputResponses=answers)
    new.pump(SOON_SECONDS)
    done = task(new, created["taskId"])
    assert done["result"]["content"][0]["text"] == "Hello, Ann!"


@requirement("E9", over="http")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", [None, "another"])
def test_a_header_names_the_task_or_none(method: str, name: str | None) -> None:
    class Wrong(ModernHttp):
        def headers(self, message: Any) -> dict[str, str]:
            headers = modern_headers(message)
            if message["method"] == method:
                del headers["Mcp-Name"]
                headers.update({} if name is None else {"Mcp-Name": name})
            return headers

    client = Wrong((), EVERYTHING)
    pending = sent(client, method, taskId=made(client), inputResponses={})
    if name is None:
        assert "result" in reply_of(pending)
    else:
        assert refused(client, pending) == (-32020, None)
    client.stop()


# --- subscriptions -----------------------------------------------------------------


def listen(client: Client, number: Any, *tasks: str, **capabilities: Any) -> Pending:
    params = {
        "notifications": {"taskIds": list(tasks)},
        "_meta": declared(**capabilities),
    }
    message = client.made(number, "subscriptions/listen", params)
    return client.send(number, message)


def heard(client: Client, pending: Pending, number: Any) -> list[Any]:
    """What a subscription heard: the ids that were acknowledged, then tasks."""
    came = client.server.client.messages() if isinstance(client, Stdio) else None
    found = []
    for one in pending.messages if came is None else came:
        params = one.get("params", {})
        if params.get("_meta", {}).get(SUBSCRIPTION) == number:
            validate(MODERN, "server", one["method"], one)
            found.append(params)
    acknowledged, *tasks = found
    return [acknowledged["notifications"].get("taskIds"), *tasks]


@requirement("E10")
@pytest.mark.parametrize("number", [7, "7"])
def test_a_subscription_hears_how_its_tasks_go(new: Client, number: Any) -> None:
    mine, other = made(new, "confirm_delete"), made(new)
    done = made(new, "slow_compute", seconds=1)
    new.pump(1)
    listening = listen(new, number, mine, "nothing", done, mine, elicitation={})
    known, *told = heard(new, listening, number)
    assert known == [mine, done]
    assert {one["taskId"]: one["status"] for one in told} == {
        mine: "input_required",
        done: "completed",
    }
    asked(new, "tasks/cancel", taskId=other)
    (key,) = task(new, mine)["inputRequests"]
    asked(new, "tasks/update", taskId=mine, inputResponses={key: {"action": "accept"}})
    statuses = [one["status"] for one in heard(new, listening, number)[3:]]
    assert statuses == ["working", "completed"]
    shown = {**task(new, mine), "_meta": {SUBSCRIPTION: number}}
    del shown["resultType"]
    assert heard(new, listening, number)[-1] == shown


@requirement("E10")
def test_a_subscription_to_no_task_that_is_there_hears_of_none(new: Client) -> None:
    listening = listen(new, 7, "nothing", "", "x" * 1000)
    made(new)
    assert heard(new, listening, 7) == [None]


@requirement("E10")
def test_who_does_not_know_tasks_cannot_listen_to_them(new: Client) -> None:
    wanted = {"taskIds": ["x"], "toolsListChanged": True}
    pending = new.request("subscriptions/listen", notifications=wanted)
    assert refused(new, pending) == (-32021, {"requiredCapabilities": KNOWS})


@requirement("E10", "M37")
def test_a_subscription_is_not_told_what_its_client_cannot_be_asked(
    new: Client,
) -> None:
    task_id = made(new, "confirm_delete")
    listening = listen(new, 7, task_id)
    asked(new, "tasks/cancel", taskId=task_id)
    known, *told = heard(new, listening, 7)
    assert (known, [one["status"] for one in told]) == ([task_id], ["cancelled"])


# --- principals --------------------------------------------------------------------


class Somebody(ModernHttp):
    """A client with a token."""

    def __init__(self, server: EverythingServer, token: str) -> None:
        Client.__init__(self)
        self.server = server
        self.reactor = server.reactor
        self.token = token

    def headers(self, message: Any) -> dict[str, str]:
        return {**modern_headers(message), "Authorization": f"Bearer {self.token}"}


@requirement("E12", over="http")
def test_a_task_is_there_for_its_principal_only() -> None:
    tokens = [Token(principal=one, digest=digest_of(one)) for one in ("ann", "bob")]
    server = EverythingServer(TokenList(tokens))
    ann, bob = Somebody(server, "ann"), Somebody(server, "bob")
    task_id = made(ann, "confirm_delete")
    listening = [listen(one, 7, task_id, elicitation={}) for one in (ann, bob)]
    for method in METHODS:
        pending = sent(bob, method, taskId=task_id, inputResponses={"question-1": {}})
        unknown = sent(bob, method, taskId="f" * 32, inputResponses={})
        assert refused(bob, pending) == refused(bob, unknown) == (-32602, None)
    assert task(ann, task_id)["status"] == "input_required"
    asked(ann, "tasks/cancel", taskId=task_id)
    known, *told = heard(ann, listening[0], 7)
    assert (known, len(told)) == ([task_id], 2)
    assert heard(bob, listening[1], 7) == [None]
    ann.stop()
