"""What the product shows of its jobs beside the tools: resources and tasks."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from commander.settings import Settings
from tests.mcp.validation import validate
from tests.sessions.behaviour.clients import (
    WIRES,
    Client,
    ModernHttp,
    Pending,
    SessionHttp,
    Stdio,
    is_answered,
    reply_of,
)
from tests.sessions.kit import MODERN

requirement = pytest.mark.requirement

CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
EXTENSION = "io.modelcontextprotocol/tasks"
KNOWS: dict[str, Any] = {"extensions": {EXTENSION: {}}}
MODERN_WIRES = [name for name in WIRES if MODERN in name]
OLD_WIRES = [name for name in WIRES if MODERN not in name]
UPDATED = "notifications/resources/updated"
YIELD_SECONDS = Settings().execute_yield_seconds


def client_fixture(wires: list[str]) -> Callable[..., Any]:
    @pytest.fixture(params=wires)
    def client(request: pytest.FixtureRequest) -> Iterator[Client]:
        client = WIRES[request.param]()
        yield client
        client.stop()

    return client


client = client_fixture(list(WIRES))
new = client_fixture(MODERN_WIRES)
old = client_fixture(OLD_WIRES)
known = client_fixture(["http, a session", "stdio"])


def asked(client: Client, method: str, **params: Any) -> Any:
    """The result of a request, valid in its revision."""
    pending = client.request(method, **params)
    client.pump()
    message = reply_of(pending)
    version = MODERN if client.era == "modern" else "2025-11-25"
    validate(version, "server", method, message)
    return message["result"]


def refused(client: Client, method: str, **params: Any) -> Any:
    """Code and data of an error."""
    pending = client.request(method, **params)
    error = reply_of(pending)["error"]
    if isinstance(client, ModernHttp):
        connection = pending.connection  # type: ignore[attr-defined]
        assert connection.stream().status == 400
    return error["code"], error.get("data")


def started(client: Client, command: str = "make", **arguments: Any) -> str:
    """A job that goes on; its handle."""
    result = asked(
        client,
        "tools/call",
        name="start_command",
        arguments={"command": command, "wait_seconds": 0, **arguments},
    )
    return str(result["structuredContent"]["job_id"])


def read(client: Client, uri: str) -> Any:
    result = asked(client, "resources/read", uri=uri)
    (content,) = result["contents"]
    assert (content["uri"], content["mimeType"]) == (uri, "text/plain")
    return result


def text_of(client: Client, uri: str) -> str:
    return str(read(client, uri)["contents"][0]["text"])


# --- resources ---------------------------------------------------------------------


@requirement("W7")
def test_resources_are_offered_and_can_be_subscribed_to(client: Client) -> None:
    if client.era == "modern":
        capabilities = asked(client, "server/discover")["capabilities"]
    else:
        greeting = client.request("initialize", protocolVersion="2025-11-25")
        capabilities = reply_of(greeting)["result"]["capabilities"]
    assert capabilities["resources"] == {"listChanged": False, "subscribe": True}
    templates = asked(client, "resources/templates/list")["resourceTemplates"]
    assert {one["uriTemplate"] for one in templates} == {
        f"job://{{id}}/{name}" for name in ("output", "stdout", "stderr")
    }


@requirement("W7", "M28")
def test_the_list_grows_with_the_jobs(client: Client) -> None:
    first = asked(client, "resources/list")
    assert first["resources"] == []
    jobs = [started(client, command) for command in ("make a", "make b")]
    result = asked(client, "resources/list")
    assert [one["uri"] for one in result["resources"]] == [
        f"job://{job}/output" for job in reversed(jobs)
    ]
    if client.era == "modern":
        assert (result["ttlMs"], result["cacheScope"]) == (0, "private")


@requirement("M35")
def test_the_list_is_one_page(client: Client) -> None:
    started(client)
    assert refused(client, "resources/list", cursor="x")[0] == -32602


@requirement("L22", over="http")
def test_an_older_client_gets_the_fields_that_it_knows() -> None:
    client = SessionHttp()
    started(client)
    client.greet("2025-03-26")
    pending = client.request("resources/list")
    (entry,) = reply_of(pending)["result"]["resources"]
    assert {*entry} == {"uri", "name", "description", "mimeType"}
    client.stop()


@requirement("W7", "M28")
def test_a_jobs_output_can_be_read_while_it_runs_and_when_it_has_ended(
    client: Client,
) -> None:
    job = started(client)
    client.process.emit(1, b"\x1b[1mone\x1b[m\n")
    client.process.emit(2, b"two\n")
    assert text_of(client, f"job://{job}/output") == "one\ntwo\n"
    assert text_of(client, f"job://{job}/stdout") == "one\n"
    running = read(client, f"job://{job}/stderr")
    client.process.exit()
    ended = read(client, f"job://{job}/stderr")
    assert running["contents"] == ended["contents"]
    if client.era == "modern":
        assert (running["ttlMs"], ended["ttlMs"]) == (0, 60_000)
        assert {running["cacheScope"], ended["cacheScope"]} == {"private"}


@requirement("W7")
def test_the_link_in_a_result_can_be_read(client: Client) -> None:
    result = asked(
        client,
        "tools/call",
        name="start_command",
        arguments={"command": "make", "wait_seconds": 0},
    )
    # To who named no version a link is a text.
    (uri,) = re.findall(r"job://[\w/-]+", str(result["content"]))
    client.process.emit(1, b"text")
    assert text_of(client, uri) == "text"


@requirement("L19")
@pytest.mark.parametrize("uri", ["job://job_x/output", "job://", "file:///etc/passwd"])
def test_older_clients_are_told_that_a_resource_is_not_there(
    old: Client, uri: str
) -> None:
    assert refused(old, "resources/read", uri=uri) == (-32002, {"uri": uri})


@requirement("M33")
@pytest.mark.parametrize("uri", ["job://job_x/output", "job://", "file:///etc/passwd"])
def test_newer_clients_are_told_that_a_resource_is_not_there(
    new: Client, uri: str
) -> None:
    assert refused(new, "resources/read", uri=uri) == (-32602, {"uri": uri})


# --- updates -----------------------------------------------------------------------


def listen(client: Client, *uris: str, **more: Any) -> Pending:
    params = {"notifications": {"resourceSubscriptions": [*uris], **more}}
    return client.send(7, client.made(7, "subscriptions/listen", params))


def heard(client: Client, pending: Pending) -> list[Any]:
    """What a subscription heard."""
    stdio = isinstance(client, Stdio)
    came = client.server.client.messages() if stdio else pending.messages  # type: ignore[attr-defined]
    found = [
        one
        for one in came
        if one.get("params", {}).get("_meta", {}).get(SUBSCRIPTION) == 7
    ]
    for one in found:
        validate(MODERN, "server", one["method"], one)
    return found


@requirement("W8", "M32")
def test_a_subscription_hears_of_output_and_of_the_end(new: Client) -> None:
    uri = f"job://{started(new)}/output"
    other = f"job://{started(new)}/output"
    first, second = new.processes
    listening = listen(new, uri)
    (acknowledged,) = heard(new, listening)
    assert acknowledged["params"]["notifications"] == {"resourceSubscriptions": [uri]}
    for _ in range(100):
        first.emit(1, b"line\n" * 10)
        second.emit(1, b"line\n")
        new.pump(0.02)
    told = heard(new, listening)[1:]
    assert 2 <= len(told) <= 4
    assert {one["method"] for one in told} == {UPDATED}
    assert {one["params"]["uri"] for one in told} == {uri}
    new.pump(1)
    before = len(heard(new, listening))
    first.exit()
    second.exit()
    new.pump(2)
    assert len(heard(new, listening)) == before + 1
    assert other not in str(heard(new, listening))


@requirement("W8", "M32")
def test_a_subscription_that_is_cancelled_hears_nothing_more(new: Client) -> None:
    uri = f"job://{started(new)}/output"
    listening = listen(new, uri)
    new.cancel(listening)
    before = len(heard(new, listening))
    new.process.emit(1, b"x")
    new.pump(1)
    new.process.exit()
    new.pump(1)
    assert len(heard(new, listening)) == before


def updates(client: Client, own: Any) -> list[str]:
    came = client.server.client.messages() if isinstance(client, Stdio) else own()
    return [one["params"]["uri"] for one in came if one.get("method") == UPDATED]


def own_stream(client: Client) -> Callable[[], Any]:
    """The messages of a session's own stream; on a line there is no other."""
    if not isinstance(client, SessionHttp):
        return list
    headers = {"Accept": "text/event-stream", "Mcp-Session-Id": client.session}
    connection = client.server.http.begin("GET", "/mcp", b"", headers)
    return lambda: connection.stream().messages()


@requirement("W8", "L18")
def test_an_older_client_subscribes_and_unsubscribes(known: Client) -> None:
    own = own_stream(known)
    uri = f"job://{started(known)}/output"
    asked(known, "resources/subscribe", uri=uri)
    known.process.emit(1, b"x")
    known.pump(0.1)
    assert updates(known, own) == [uri]
    for _ in range(100):
        known.process.emit(1, b"x")
        known.pump(0.02)
    assert len(updates(known, own)) <= 4
    known.pump(1)
    before = len(updates(known, own))
    asked(known, "resources/unsubscribe", uri=uri)
    known.process.emit(1, b"x")
    known.pump(2)
    assert len(updates(known, own)) == before
    asked(known, "resources/subscribe", uri=uri)
    known.process.exit()
    known.pump(2)
    assert len(updates(known, own)) == before + 1


@requirement("W8")
def test_what_is_not_there_can_be_subscribed_to_and_is_never_heard_of(
    known: Client,
) -> None:
    own = own_stream(known)
    for uri in ("job://job_x/output", "x://y"):
        assert asked(known, "resources/subscribe", uri=uri) == {}
    started(known)
    known.process.emit(1, b"x")
    known.process.exit()
    known.pump(2)
    assert updates(known, own) == []


# --- tasks -------------------------------------------------------------------------


def sent(client: Client, tool: str, meta: Any = None, **arguments: Any) -> Pending:
    """A call of a client that knows tasks."""
    return client.request(
        "tools/call",
        name=tool,
        arguments={"command": "make", **arguments},
        _meta={CAPABILITIES: KNOWS, **(meta or {})},
    )


def result_of(client: Client, pending: Pending, method: str = "tools/call") -> Any:
    client.pump()
    message = reply_of(pending)
    validate(MODERN, "server", method, message)
    return message["result"]


def about(client: Client, method: str, task_id: str, **more: Any) -> Any:
    meta = {CAPABILITIES: KNOWS}
    pending = client.request(method, taskId=task_id, _meta=meta, **more)
    return result_of(client, pending, method)


def task(client: Client, task_id: str) -> Any:
    return about(client, "tasks/get", task_id)


@requirement("E1", "W9")
def test_the_product_offers_tasks_to_newer_clients(new: Client) -> None:
    capabilities = asked(new, "server/discover")["capabilities"]
    assert capabilities["extensions"] == {EXTENSION: {}}


@requirement("E8", "W9")
def test_the_product_offers_none_to_older_ones(old: Client) -> None:
    greeting = old.request("initialize", protocolVersion="2025-11-25")
    assert not {"extensions", "tasks"} & {*reply_of(greeting)["result"]["capabilities"]}
    assert reply_of(old.request("tasks/get", taskId="x"))["error"]["code"] == -32601
    result = asked(
        old,
        "tools/call",
        name="start_command",
        arguments={"command": "make", "wait_seconds": 0},
        _meta={CAPABILITIES: KNOWS},
    )
    assert result["structuredContent"]["status"] == "running"


@requirement("E3", "E4", "W9")
def test_a_command_that_outlasts_its_wait_is_a_task_and_its_job(new: Client) -> None:
    pending = sent(new, "start_command", wait_seconds=2, output_bytes=1_000_000)
    new.pump(1)
    assert not is_answered(pending)
    new.pump(1)
    created = result_of(new, pending)
    assert created["resultType"] == "task"
    assert (created["status"], created["pollIntervalMs"]) == ("working", 1000)
    job = created["taskId"]
    assert task(new, job) == {**created, "resultType": "complete"}
    new.process.emit(1, b"some text\n")
    facts = asked(new, "tools/call", name="read_output", arguments={"job_id": job})
    assert facts["structuredContent"]["output"] == "some text\n"
    new.process.exit(3)
    ended = task(new, job)
    assert (ended["status"], ended["result"]["isError"]) == ("completed", False)
    facts = ended["result"]["structuredContent"]
    assert (facts["job_id"], facts["exit_code"]) == (job, 3)
    assert facts["output"] == "some text\n"
    assert facts["effective"] == {"output_bytes": 65536}
    assert facts["job_id"] in ended["result"]["content"][0]["text"]
    assert task(new, job)["result"] == ended["result"]


@requirement("E3", "W9")
def test_a_client_has_read_nothing_of_what_it_was_not_shown(new: Client) -> None:
    pending = sent(new, "start_command", wait_seconds=1)
    new.process.emit(1, b"early\n")
    new.pump(1)
    job = result_of(new, pending)["taskId"]
    page = asked(new, "tools/call", name="read_output", arguments={"job_id": job})
    assert page["structuredContent"]["output"] == "early\n"


@requirement("E3", "W9")
def test_a_command_that_ends_within_its_wait_is_no_task(new: Client) -> None:
    for tool in ("start_command", "execute_command"):
        pending = sent(new, tool)
        new.process.exit()
        new.pump()
        assert result_of(new, pending)["resultType"] == "complete"


@requirement("E2", "W9")
@pytest.mark.parametrize("tool", ["start_command", "execute_command"])
def test_who_does_not_know_tasks_gets_the_handle(new: Client, tool: str) -> None:
    pending = new.request("tools/call", name=tool, arguments={"command": "make"})
    new.pump(YIELD_SECONDS)
    result = result_of(new, pending)
    assert result["resultType"] == "complete"
    job = result["structuredContent"]["job_id"]
    pending = new.request(
        "tasks/get", taskId=job, _meta={CAPABILITIES: KNOWS}
    )  # of a call that was answered
    assert reply_of(pending)["error"]["code"] == -32602


@requirement("W9")
@pytest.mark.parametrize(
    "arguments", [{"keep_stdin_open": True}, {"tty": True}], ids=str
)
def test_a_command_that_can_be_written_to_is_no_task(
    new: Client, arguments: dict[str, Any]
) -> None:
    pending = sent(new, "start_command", wait_seconds=0, **arguments)
    result = result_of(new, pending)
    assert result["resultType"] == "complete"
    assert result["structuredContent"]["status"] == "running"


@requirement("E3", "E4", "W9")
@pytest.mark.parametrize(("status", "is_error"), [(0, False), (2, True)])
def test_a_call_at_its_yield_limit_is_a_task(
    new: Client, status: int, is_error: bool
) -> None:
    pending = sent(new, "execute_command", timeout="9999h")
    new.process.emit(1, b"text\n")
    new.pump(YIELD_SECONDS)
    created = result_of(new, pending)
    assert created["resultType"] == "task"
    new.process.exit(status)
    ended = task(new, created["taskId"])
    assert ended["status"] == "completed"
    assert ended["result"]["isError"] is is_error
    facts = ended["result"]["structuredContent"]
    assert (facts["stdout"], facts["exit_code"]) == ("text\n", status)
    assert "job_id" not in facts
    assert "timeout" in facts["effective"]
    assert task(new, created["taskId"]) == ended


@requirement("E4", "W9")
def test_a_task_with_more_output_than_a_result_shows_names_its_job(
    new: Client,
) -> None:
    pending = sent(new, "execute_command")
    new.process.emit(1, b"line\n" * 20_000)
    new.pump(YIELD_SECONDS)
    job = result_of(new, pending)["taskId"]
    new.process.exit()
    facts = task(new, job)["result"]["structuredContent"]
    assert (facts["job_id"], facts["truncated"]) == (job, True)
    text = text_of(new, f"job://{job}/output")
    assert text == "line\n" * 20_000


@requirement("E4", "W9")
def test_a_timeout_is_an_end_like_others(new: Client) -> None:
    pending = sent(new, "start_command", wait_seconds=0, timeout="5s")
    job = result_of(new, pending)["taskId"]
    for _ in range(20):
        new.pump(1)
    ended = task(new, job)
    assert ended["status"] == "completed"
    assert ended["result"]["structuredContent"]["ended_by"] == "timeout"


@requirement("E6", "W9")
def test_a_task_that_is_cancelled_ends_its_command(new: Client) -> None:
    job = result_of(new, sent(new, "start_command", wait_seconds=0))["taskId"]
    assert {*about(new, "tasks/cancel", job)} == {"resultType", "_meta"}
    new.pump(1)
    assert new.process.signals[0] == signal.SIGTERM
    assert task(new, job)["status"] == "cancelled"
    assert {*about(new, "tasks/cancel", job)} == {"resultType", "_meta"}
    rows = asked(new, "tools/call", name="list_jobs", arguments={"state": "all"})
    assert job in str(rows["structuredContent"])


@requirement("E3", "M23", over="http")
def test_who_leaves_before_the_task_is_told_of_takes_the_command_along() -> None:
    client = ModernHttp()
    for tool in ("start_command", "execute_command"):
        pending = (
            sent(client, tool, wait_seconds=10)
            if tool == "start_command"
            else (sent(client, tool))
        )
        client.pump(5)
        client.cancel(pending)
        client.pump(1)
        assert client.process.signals[:1] == [signal.SIGTERM]
    client.stop()


@requirement("E3", "W9")
def test_a_task_does_not_end_with_the_call_that_made_it(new: Client) -> None:
    pending = sent(new, "start_command", wait_seconds=0)
    job = result_of(new, pending)["taskId"]
    new.cancel(pending)
    new.pump(5)
    assert new.process.signals == []
    assert task(new, job)["status"] == "working"


@requirement("E5", "W9")
def test_an_answer_to_nothing_is_taken(new: Client) -> None:
    job = result_of(new, sent(new, "start_command", wait_seconds=0))["taskId"]
    about(new, "tasks/update", job, inputResponses={"x": {"action": "accept"}})
    assert task(new, job)["status"] == "working"


@requirement("E10", "W9")
def test_a_subscription_hears_how_a_job_goes(new: Client) -> None:
    job = result_of(new, sent(new, "start_command", wait_seconds=0))["taskId"]
    params = {
        "notifications": {"taskIds": [job, "job_x"]},
        "_meta": {CAPABILITIES: KNOWS},
    }
    listening = new.send(7, new.made(7, "subscriptions/listen", params))
    acknowledged, first = heard(new, listening)
    assert acknowledged["params"]["notifications"] == {"taskIds": [job]}
    assert first["params"]["status"] == "working"
    new.process.emit(1, b"text")
    new.process.exit()
    new.pump(0.1)
    (last,) = heard(new, listening)[2:]
    shown = {**task(new, job), "_meta": last["params"]["_meta"]}
    del shown["resultType"]
    assert last["params"] == shown
    assert shown["result"]["structuredContent"]["output"] == "text"


@requirement("E7", "W9")
def test_a_task_is_forgotten_with_its_job(new: Client) -> None:
    job = result_of(new, sent(new, "start_command", wait_seconds=0))["taskId"]
    new.process.exit()
    new.pump(Settings().finished_ttl_seconds + 1)
    meta = {CAPABILITIES: KNOWS}
    pending = new.request("tasks/get", taskId=job, _meta=meta)
    assert reply_of(pending)["error"]["code"] == -32602


@requirement("W9")
def test_the_same_key_again_is_the_same_task(new: Client) -> None:
    key = {"wait_seconds": 0, "idempotency_key": "k"}
    first, again = (result_of(new, sent(new, "start_command", **key)) for _ in "ab")
    assert first == again
    assert len(new.processes) == 1
