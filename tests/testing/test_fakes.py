"""The published fakes keep the promises of what they stand for."""

from __future__ import annotations

import inspect
import os
import signal
from typing import Any

import pytest
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.interfaces import (
    IConsumer,
    IProcessProtocol,
    IProcessTransport,
    IPushProducer,
    ITransport,
)
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import ILogObserver
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from commander.commands import (
    Busy,
    Cancelled,
    CommandRequest,
    EndedBy,
    Outcome,
    OutputWindow,
    StartFailed,
    TerminalSize,
)
from commander.execution.seams import IConversation, ProcessTrees
from commander.interfaces import AuditedCommand, CommandAudit
from commander.principals import ANONYMOUS
from commander.reactors import ICommanderReactor
from commander.settings import Settings
from commander.testing import (
    HttpResponse,
    MemoryAudit,
    MemoryCaller,
    MemoryDesk,
    MemoryLog,
    MemoryProcess,
    MemoryServer,
    ProcessReactor,
    StdioClient,
)
from commander.testing.http import HTTPConnection
from commander.testing.processes import GroupMember, MemoryTree
from commander.tools.caller import NOBODY, Caller

STDOUT, STDERR = 1, 2


class Listener(ProcessProtocol):
    """Writes down what a process tells."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []

    def connectionMade(self) -> None:
        self.told.append(("made", self.transport))

    def outReceived(self, data: bytes) -> None:
        self.told.append(("out", data))

    def errReceived(self, data: bytes) -> None:
        self.told.append(("err", data))

    def childConnectionLost(self, childFD: int) -> None:
        self.told.append(("lost", childFD))

    def processExited(self, reason: Failure) -> None:
        self.told.append(("exited", reason.value))

    def processEnded(self, reason: Failure) -> None:
        self.told.append(("ended", reason.value))

    @property
    def words(self) -> list[str]:
        """The first word of each thing told."""
        return [word for word, _ in self.told]


class Stage:
    """One process on a reactor in memory."""

    def __init__(self) -> None:
        self.reactor = ProcessReactor()
        self.listener = Listener()
        self.process: MemoryProcess = self.reactor.spawnProcess(
            self.listener, "/bin/sh", ("/bin/sh", "-c", "true"), {"A": "1"}
        )

    def settle(self) -> None:
        """Let what was begun happen."""
        self.reactor.advance(0)


@pytest.fixture
def stage() -> Stage:
    return Stage()


# --- interfaces --------------------------------------------------------------------


def test_a_memory_process_is_a_process_transport(stage: Stage) -> None:
    assert verifyObject(IProcessTransport, stage.process)
    assert verifyObject(IConversation, stage.process)
    assert verifyObject(IProcessProtocol, stage.listener)


def test_a_process_reactor_is_the_reactor_that_commander_uses(stage: Stage) -> None:
    assert verifyObject(ICommanderReactor, stage.reactor)
    trees: ProcessTrees = stage.reactor
    assert trees.tree(pid=stage.process.group, run_id="", tag=1).left() == 1


def test_a_memory_audit_has_the_signatures_of_an_audit() -> None:
    audit: CommandAudit = MemoryAudit()
    for name in ("refused", "busy", "cancelled", "started", "ended", "failed"):
        promised = inspect.signature(getattr(CommandAudit, name)).parameters
        kept = inspect.signature(getattr(type(audit), name)).parameters
        assert kept == promised


def test_a_memory_audit_remembers_every_call_in_order() -> None:
    audit = MemoryAudit()
    request = CommandRequest(command="true", timeout_seconds=1.0)
    asked = AuditedCommand(id="id", request=request, principal=ANONYMOUS)
    busy = Busy(reason="full", retry_after_seconds=1)
    cancelled = Cancelled(queued_seconds=1.0)
    outcome = Outcome(
        exit_code=0,
        ended_by=EndedBy.EXIT,
        duration_seconds=1.0,
        stdout=OutputWindow(),
        stderr=OutputWindow(),
    )
    failure = StartFailed(reason="no shell")
    audit.refused(asked, rule_id="rule", reason="why")
    audit.busy(asked, busy)
    audit.cancelled(asked, cancelled)
    audit.started(asked)
    audit.ended(asked, outcome)
    audit.failed(asked, failure)
    assert audit.kinds == [
        *("refused", "busy", "cancelled", "started", "ended", "failed")
    ]
    assert [e.detail for e in audit.entries] == [
        *("rule: why", busy, cancelled, None, outcome, failure)
    ]
    assert all(entry.command is asked for entry in audit.entries)


class Holdable:
    """A flow that writes down what is done to it."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def pause(self) -> None:
        self.done.append("pause")

    def resume(self) -> None:
        self.done.append("resume")


def test_a_memory_caller_is_a_caller_that_remembers() -> None:
    memory = MemoryCaller(wants_progress=True)
    callers: list[Caller] = [memory, NOBODY]
    for caller in callers:
        caller.progress(1)
        caller.progress(2, "half", 4)
        caller.log("info", "stdout", "text")
    assert [caller.wants_progress for caller in callers] == [True, False]
    assert not any(caller.wants_output for caller in callers)
    assert not any(caller.cancellation.cancelled for caller in callers)
    assert memory.progressed == [(1, "", None), (2, "half", 4)]
    assert memory.logged == [("info", "stdout", "text")]


def test_a_memory_caller_holds_its_flow_and_only_that() -> None:
    memory, first, second = MemoryCaller(), Holdable(), Holdable()
    memory.hold()
    memory.follow(first)
    memory.release()
    memory.hold()
    memory.follow(None)
    memory.release()
    memory.follow(second)
    assert first.done == ["pause", "resume", "pause"]
    assert second.done == []


def test_a_memory_log_is_an_observer() -> None:
    assert verifyObject(ILogObserver, MemoryLog())


def test_the_transport_of_a_connection_is_one() -> None:
    with MemoryServer() as server:
        transport = server.http.connect().transport
        for interface in (ITransport, IConsumer, IPushProducer):
            assert verifyObject(interface, transport)


# --- processes ---------------------------------------------------------------------


def test_a_process_is_started_with_what_it_was_given(stage: Stage) -> None:
    assert stage.reactor.processes == [stage.process]
    assert stage.process.arguments == ("/bin/sh", "-c", "true")
    assert stage.process.env == {"A": "1"}
    assert stage.process.pid == stage.process.group
    assert stage.listener.told == [("made", stage.process)]


def test_every_process_has_an_id_of_its_own(stage: Stage) -> None:
    other = stage.reactor.spawnProcess(Listener(), "/bin/sh")
    assert other.pid != stage.process.pid
    assert other.env == {}


def test_a_spawn_can_fail(stage: Stage) -> None:
    stage.reactor.spawn_error = OSError(11, "Resource temporarily unavailable")
    with pytest.raises(OSError, match="temporarily"):
        stage.reactor.spawnProcess(Listener(), "/bin/sh")
    assert len(stage.reactor.processes) == 1


def test_a_process_can_act_before_its_spawn_returns(stage: Stage) -> None:
    stage.reactor.on_spawn = lambda process: process.exit(3)
    listener = Listener()
    stage.reactor.spawnProcess(listener, "/bin/sh")
    assert listener.words == ["made", "exited", "ended"]


def test_output_arrives_until_the_pipes_close(stage: Stage) -> None:
    stage.process.emit(STDOUT, b"a")
    stage.process.emit(STDERR, b"b")
    stage.process.loseConnection()
    stage.process.emit(STDOUT, b"c")
    assert stage.listener.told[1:] == [("out", b"a"), ("err", b"b")]
    assert stage.process.closed


@pytest.mark.parametrize(
    "close",
    [
        MemoryProcess.loseConnection,
        MemoryProcess.closeStdout,
        MemoryProcess.closeStderr,
        lambda process: process.closeChildFD(1),
    ],
)
def test_pipes_are_closed_together(stage: Stage, close: Any) -> None:
    close(stage.process)
    assert stage.process.closed


def test_standard_input_is_read_until_one_side_closes_it(stage: Stage) -> None:
    process = stage.process
    process.write(b"a")
    process.writeSequence([b"b", b"c"])
    process.writeToChild(0, b"d")
    assert (process.input, process.pending_input()) == (b"abcd", 0)
    process.closeStdin()
    process.closeStdin()
    assert process.input_ended
    assert not process.closed
    process.write(b"lost")
    with pytest.raises(KeyError):
        process.writeToChild(0, b"lost")
    process.close_input()
    assert process.input == b"abcd"
    assert stage.listener.words == ["made"]


def test_a_process_that_reads_nothing_lets_its_input_grow(stage: Stage) -> None:
    process = stage.process
    process.reads_input = False
    process.write(b"ab")
    assert (process.input, process.pending_input()) == (b"", 2)
    process.read_input()
    assert (process.input, process.pending_input()) == (b"ab", 0)
    process.write(b"c")
    process.close_input()
    assert process.pending_input() == 0
    assert stage.listener.told[1:] == [("lost", 0)]
    process.closeStdin()
    assert not process.input_ended


def test_without_a_pipe_there_is_no_input(stage: Stage) -> None:
    listener = Listener()
    process = stage.reactor.spawnProcess(listener, "/bin/sh", childFDs={0: 7, 1: "r"})
    with pytest.raises(KeyError):
        process.writeToChild(0, b"x")
    with pytest.raises(KeyError):
        stage.process.writeToChild(1, b"x")
    process.write(b"x")
    process.close_input()
    process.resize(TerminalSize())
    assert (process.input, process.terminal) == (b"", None)
    assert listener.words == ["made"]


def test_a_terminal_is_told_the_end_and_stays_open(stage: Stage) -> None:
    process = stage.reactor.spawnProcess(Listener(), "/bin/sh", usePTY=True)
    assert process.terminal == TerminalSize()
    process.resize(TerminalSize(columns=1, rows=2))
    assert process.terminal == TerminalSize(columns=1, rows=2)
    assert process.terminal_descriptor() is None
    process.closeStdin()
    process.write(b"more")
    assert process.input == b"\x04more"
    assert not process.input_ended


def test_a_process_whose_output_is_paused_keeps_it(stage: Stage) -> None:
    stage.process.pauseProducing()
    stage.process.emit(STDOUT, b"a")
    stage.process.emit(STDERR, b"b")
    assert stage.listener.words == ["made"]
    stage.process.resumeProducing()
    stage.process.emit(STDOUT, b"c")
    assert stage.listener.words == ["made", "out", "err", "out"]


def test_a_process_has_no_address(stage: Stage) -> None:
    for ask in (stage.process.getHost, stage.process.getPeer):
        with pytest.raises(NotImplementedError):
            ask()


def test_a_clean_exit_is_process_done(stage: Stage) -> None:
    stage.process.exit()
    assert stage.listener.words == ["made", "exited", "ended"]
    for _, reason in stage.listener.told[1:]:
        assert isinstance(reason, ProcessDone)
        assert reason.exitCode == 0
        assert reason.signal is None
    assert stage.process.pid is None


def test_another_exit_tells_its_code(stage: Stage) -> None:
    stage.process.exit(7)
    assert_ended(stage, exit_code=7, signal_number=None)


def test_an_end_by_signal_tells_the_signal(stage: Stage) -> None:
    stage.process.exit(signal_name="SIGSEGV")
    assert_ended(stage, exit_code=None, signal_number=signal.SIGSEGV)


def assert_ended(
    stage: Stage, *, exit_code: int | None, signal_number: int | None
) -> None:
    assert stage.listener.words == ["made", "exited", "ended"]
    for _, reason in stage.listener.told[1:]:
        assert isinstance(reason, ProcessTerminated)
        assert (reason.exitCode, reason.signal) == (exit_code, signal_number)


def test_a_process_exits_once(stage: Stage) -> None:
    stage.process.exit(1)
    stage.process.exit(2)
    assert stage.listener.words == ["made", "exited", "ended"]


def test_a_signal_works_a_moment_later(stage: Stage) -> None:
    stage.process.signalProcess("TERM")
    assert stage.listener.words == ["made"]
    stage.settle()
    assert_ended(stage, exit_code=None, signal_number=signal.SIGTERM)
    assert stage.process.signals == [signal.SIGTERM]


def test_a_number_is_a_signal_too(stage: Stage) -> None:
    stage.process.signalProcess(signal.SIGKILL)
    stage.settle()
    assert_ended(stage, exit_code=None, signal_number=signal.SIGKILL)


def test_a_process_that_is_gone_takes_no_signal(stage: Stage) -> None:
    stage.process.exit()
    with pytest.raises(ProcessExitedAlready):
        stage.process.signalProcess("TERM")


def test_every_signal_but_kill_can_be_ignored(stage: Stage) -> None:
    stage.process.ignore("SIGTERM", "SIGKILL")
    stage.process.signalProcess("TERM")
    stage.settle()
    assert stage.listener.words == ["made"]
    stage.process.signalProcess("KILL")
    stage.settle()
    assert stage.listener.words == ["made", "exited", "ended"]


# --- groups ------------------------------------------------------------------------


def is_alive(member: GroupMember) -> bool:
    # As a function, or mypy would take what was found once for a fact.
    return member.alive


def tree_of(stage: Stage) -> MemoryTree:
    return stage.reactor.tree(pid=stage.process.group, run_id="", tag=1)


def test_a_tree_without_members_is_gone_with_its_root(stage: Stage) -> None:
    tree = tree_of(stage)
    assert tree.left() == 1
    stage.process.exit()
    assert tree.left() == 0
    assert tree.survivors() == ()
    assert tree.signal(signal.SIGTERM) == 0
    tree.release()
    assert tree.released


def test_a_member_keeps_group_and_pipes_open(stage: Stage) -> None:
    member = stage.process.leave_behind()
    stage.process.exit()
    assert stage.listener.words == ["made", "exited"]
    assert tree_of(stage).signal(signal.SIGTERM)
    assert is_alive(member)
    stage.settle()
    assert not is_alive(member)
    assert stage.listener.words == ["made", "exited", "ended"]
    assert stage.process.signals == [signal.SIGTERM]


def test_a_member_that_holds_no_pipe_only_keeps_the_group(stage: Stage) -> None:
    stage.process.leave_behind(GroupMember(holds_pipes=False))
    stage.process.exit()
    assert stage.listener.words == ["made", "exited", "ended"]
    assert tree_of(stage).left() == 1


def test_a_member_can_ignore_a_signal_or_be_stuck(stage: Stage) -> None:
    member = stage.process.leave_behind(
        GroupMember(ignores=frozenset({signal.SIGTERM}))
    )
    stuck = stage.process.leave_behind(
        GroupMember(ignores=frozenset({signal.SIGTERM, signal.SIGKILL}))
    )
    tree_of(stage).signal(signal.SIGTERM)
    stage.settle()
    assert is_alive(member)
    assert stage.listener.words == ["made", "exited"]
    tree_of(stage).signal(signal.SIGKILL)
    stage.settle()
    assert not is_alive(member)
    assert is_alive(stuck)
    assert [each.name for each in tree_of(stage).survivors()] == ["stuck"]


def test_a_writer_outside_the_group_holds_the_pipes_whatever_the_group_does(
    stage: Stage,
) -> None:
    stage.process.escaped_writer = True
    stage.process.exit()
    assert tree_of(stage).left() == 0
    assert stage.listener.words == ["made", "exited"]
    stage.process.close_escaped_writer()
    assert stage.listener.words == ["made", "exited", "ended"]


def test_closing_the_pipes_ends_the_wait_for_a_writer(stage: Stage) -> None:
    stage.process.escaped_writer = True
    stage.process.exit()
    stage.process.loseConnection()
    stage.settle()
    assert stage.listener.words == ["made", "exited", "ended"]
    stage.process.loseConnection()
    stage.settle()
    assert stage.listener.words == ["made", "exited", "ended"]


# --- HTTP --------------------------------------------------------------------------


def test_a_refused_connection_takes_what_is_sent_and_answers_nothing() -> None:
    with MemoryServer(Settings(max_connections=1)) as server:
        server.http.connect()
        refused = server.http.begin("GET", "/health")
        assert refused.channel is None
        assert refused.responses() == []
        refused.lose()


def test_a_closing_connection_reads_nothing_more() -> None:
    with MemoryServer() as server:
        connection = server.http.connect()
        connection.send(b"GET /health HTTP/1.0\r\n\r\n")
        assert connection.closing
        assert not connection.reading
        connection.send(b"GET /health HTTP/1.0\r\n\r\n")
        assert len(connection.responses()) == 1


def test_a_transport_is_as_patient_as_a_real_one_after_its_end() -> None:
    with MemoryServer() as server:
        transport = server.http.connect().transport
        transport.loseConnection()
        transport.unregisterProducer()
        transport.unregisterProducer()
        transport.pauseProducing()
        transport.resumeProducing()
        assert transport.producerState == "producing"


def test_a_request_without_exactly_one_answer_is_an_error() -> None:
    with MemoryServer() as server, pytest.raises(ValueError, match="not enough"):
        server.http.request(headers={"Content-Length": "9"})


def streaming(server: MemoryServer) -> HTTPConnection:
    """A connection on which a stream goes on."""
    greeting = server.http.post({"jsonrpc": "2.0", "id": 0, "method": "initialize"})
    session = greeting.headers["mcp-session-id"]
    headers = {"Accept": "text/event-stream", "Mcp-Session-Id": session}
    return server.http.begin("GET", "/mcp", headers=headers)


def test_a_stream_is_read_while_it_goes_on_and_when_it_has_ended() -> None:
    with MemoryServer() as server:
        connection = streaming(server)
        server.pump(15)
        assert connection.responses() == []
        stream = connection.stream()
        assert not stream.complete
        first, comment = stream.events()
        assert (first.kind, first.retry, first.data) == ("message", "1000", "")
        assert first.id is not None
        assert (comment.raw, comment.data) == (b": keep-alive", None)
        server.stop()
        assert connection.responses()[0].complete


def test_events_are_read_as_clients_read_them() -> None:
    body = (
        b"event: message\nid: a-1\ndata: {\ndata: }\n\n"
        b"data:7\n\n: comment\n\ndata: cut off"
    )
    response = HttpResponse(
        status=200, headers={"content-type": "text/event-stream"}, body=body
    )
    first, second, third = response.events()
    assert (first.id, first.data, first.json()) == ("a-1", "{\n}", {})
    assert (second.id, second.json(), third.data) == (None, 7, None)
    assert response.messages() == [{}, 7]


def test_a_client_that_does_not_read_fills_its_socket_and_no_more() -> None:
    with MemoryServer() as server:
        connection = streaming(server)
        connection.stop_reading(64 * 1024)
        server.pump(15)
        assert connection.unsent > 64 * 1024
        before = connection.unsent
        server.pump(15)
        assert connection.unsent == before
        connection.read_on()
        server.pump(15)
        assert connection.unsent == 0
        assert [event.data for event in connection.stream().events()][1:] == [None] * 2


def test_a_client_can_leave_all_its_connections_and_twice() -> None:
    with MemoryServer() as server:
        connections = [streaming(server), server.http.connect()]
        server.http.lose_all()
        server.http.lose_all()
        assert all(connection.left for connection in connections)
        assert server.site.connections == 0


# --- the server on pipes -----------------------------------------------------------


def test_a_desk_answers_lines_and_leaves_no_descriptor() -> None:
    before = os.listdir("/proc/self/fd")
    with MemoryDesk() as desk:
        desk.client.send(b'{"jsonrpc":"2.0","id":1,"me')
        assert desk.client.messages() == []
        desk.client.send(b'thod":"ping"}\n')
        desk.client.send_message({"jsonrpc": "2.0", "id": 2, "method": "ping"})
        assert [one["id"] for one in desk.client.messages()] == [1, 2]
        assert desk.client.received().endswith(b"\n")
    assert os.listdir("/proc/self/fd") == before


def test_a_client_of_a_desk_can_close_each_end_alone() -> None:
    for close in (StdioClient.close_input, StdioClient.close_output):
        with MemoryDesk() as desk:
            close(desk.client)
            close(desk.client)
            desk.client.send(b"\n")
            assert desk.reactor.hasStopped


# --- the server in memory ----------------------------------------------------------


def test_a_server_that_was_stopped_is_not_stopped_again() -> None:
    with MemoryServer() as server:
        server.stop()
        stopped = len(server.log.named("server_stopped"))
    assert stopped == 1
    assert len(server.log.named("server_stopped")) == 1


def test_a_server_that_does_not_stop_is_told() -> None:
    server = MemoryServer(Settings(kill_grace_seconds=3600.0))
    server.http.begin(
        body=b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":'
        b'{"name":"execute_command","arguments":{"command":"true"}}}'
    )
    server.process.ignore("SIGTERM")
    with pytest.raises(AssertionError, match="does not stop"):
        server.stop()
    server.process.exit()
    server.reactor.advance(5)


def test_a_log_finds_records_failures_and_lines() -> None:
    with MemoryServer() as server:
        server.http.request("GET", "/health")
        assert server.log.named("http_request")[0]["path"] == "/health"
        assert server.log.failures() == []
        assert any('"event":"server_started"' in line for line in server.log.lines())
