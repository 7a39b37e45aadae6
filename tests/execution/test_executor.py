"""Starting approved commands, on a reactor in memory."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from commander.commands import (
    CommandRequest,
    EndedBy,
    Outcome,
    StartFailed,
    Stdin,
    TerminalSize,
    Trace,
)
from commander.execution.executor import Executor, Start
from commander.execution.running import RunningCommand
from commander.execution.transport import SpawnFailed
from commander.policy.checker import Approved, PolicyChecker
from commander.policy.lists import PolicyLists
from commander.principals import ANONYMOUS
from commander.testing import MemoryProcess, ProcessReactor
from commander.testing.processes import GroupMember


def approved(
    command: str = "true",
    directory: str | None = None,
    timeout_seconds: float = 30.0,
    env: Mapping[str, str] | None = None,
    trace: Trace | None = None,
) -> Approved:
    checker = PolicyChecker(
        PolicyLists(allowed=(), blocked=(), use_default_blocklist=True, allowed_env=())
    )
    verdict = checker.check(
        CommandRequest(
            command=command,
            working_directory=directory,
            timeout_seconds=timeout_seconds,
            env={"A": "1"} if env is None else env,
            trace=trace,
        ),
        ANONYMOUS,
    )
    assert isinstance(verdict, Approved)
    return verdict


class Stage:
    """An executor on a reactor in memory."""

    def __init__(self, directory: str = "/", **supervision: Any) -> None:
        self.reactor = ProcessReactor()
        self.executor = Executor(
            spawner=self.reactor,
            start=Start(
                shell="/bin/sh",
                shell_arg="-c",
                directory=directory,
                environ={"PATH": "/bin", "MCP_AUTH_TOKEN": "secret"},
                stdin_descriptor=0,
            ),
            supervision=self.reactor.supervision(**supervision),
        )
        self.results: list[Outcome | StartFailed] = []

    def start(self, command: Approved | None = None) -> MemoryProcess:
        running = self.executor.start(command or approved(), "run")
        assert isinstance(running, RunningCommand)
        running.finished.addCallback(self.results.append)
        return self.reactor.processes[-1]

    @property
    def outcome(self) -> Outcome:
        (outcome,) = self.results
        assert isinstance(outcome, Outcome)
        return outcome


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_the_shell_runs_the_approved_text_in_its_directory(stage: Stage) -> None:
    process = stage.start(approved("echo hi", "tmp"))
    assert process.arguments == ("/bin/sh", "-c", "echo hi")
    assert process.directory == "/tmp"
    assert process.env["A"] == "1"
    assert process.env["COMMANDER_RUN"] == "run"
    assert "secret" not in process.env.values()


def test_a_trace_of_the_caller_is_handed_on_unless_its_env_names_one(
    stage: Stage,
) -> None:
    trace = Trace(trace_id="a" * 32, parent="p", state="s")
    process = stage.start(approved(trace=trace))
    assert (process.env["TRACEPARENT"], process.env["TRACESTATE"]) == ("p", "s")
    process = stage.start(approved(env={"TRACEPARENT": "q"}, trace=trace))
    assert process.env["TRACEPARENT"] == "q"
    assert "TRACESTATE" not in process.env
    process = stage.start(approved(env={"TRACESTATE": "r"}, trace=trace))
    assert (process.env["TRACEPARENT"], process.env["TRACESTATE"]) == ("p", "r")
    assert "TRACEPARENT" not in stage.start().env


def test_output_and_exit_code_are_in_the_outcome(stage: Stage) -> None:
    process = stage.start()
    process.emit(1, b"out")
    process.emit(2, b"err")
    stage.reactor.advance(2.5)
    process.exit(7)
    assert stage.outcome.exit_code == 7
    assert stage.outcome.signal is None
    assert stage.outcome.ended_by is EndedBy.EXIT
    assert stage.outcome.duration_seconds == 2.5
    assert stage.outcome.stdout.head + stage.outcome.stdout.tail == b"out"
    assert stage.outcome.stderr.head + stage.outcome.stderr.tail == b"err"


def test_a_signal_that_nobody_here_sent_is_named(stage: Stage) -> None:
    stage.start().exit(signal_name="SIGSEGV")
    assert stage.outcome.signal == "SIGSEGV"
    assert stage.outcome.exit_code is None
    assert stage.outcome.ended_by is EndedBy.EXIT


def test_a_timeout_ends_the_group_and_keeps_what_was_written(stage: Stage) -> None:
    process = stage.start(approved(timeout_seconds=2.0))
    process.emit(1, b"so far")
    stage.reactor.advance(2.0)
    stage.reactor.advance(0)
    assert process.signals == [signal.SIGTERM]
    assert stage.outcome.ended_by is EndedBy.TIMEOUT
    assert stage.outcome.signal == "SIGTERM"
    assert stage.outcome.stdout.tail + stage.outcome.stdout.head == b"so far"


def test_a_shell_that_ignores_term_is_killed_after_the_grace(stage: Stage) -> None:
    process = stage.start(approved(timeout_seconds=2.0))
    process.ignore("SIGTERM")
    stage.reactor.pump([2.0, 0, 5.0, 0.02, 0.02])
    assert process.signals == [signal.SIGTERM, signal.SIGKILL]
    assert stage.outcome.signal == "SIGKILL"


def test_more_output_than_the_limit_ends_the_command() -> None:
    stage = Stage(output_limit_bytes=10)
    process = stage.start()
    process.emit(1, b"12345")
    process.emit(2, b"67890")
    assert process.signals == []
    process.emit(1, b"x")
    assert process.signals == [signal.SIGTERM]
    stage.reactor.advance(0)
    assert stage.outcome.ended_by is EndedBy.OUTPUT_LIMIT


def test_ending_all_reaches_every_running_command(stage: Stage) -> None:
    first, second = stage.start(), stage.start()
    stage.executor.end_all(EndedBy.SERVER_SHUTDOWN, 5.0)
    stage.reactor.advance(0)
    assert first.signals == second.signals == [signal.SIGTERM]
    assert {o.ended_by for o in stage.results if isinstance(o, Outcome)} == {
        EndedBy.SERVER_SHUTDOWN
    }
    assert stage.executor.running == 0


def test_a_process_that_ends_within_the_spawn_is_not_missed(stage: Stage) -> None:
    stage.reactor.on_spawn = lambda process: process.exit(4)
    stage.start()
    assert stage.outcome.exit_code == 4
    assert stage.executor.running == 0
    assert stage.reactor.getDelayedCalls() == []


def test_nothing_is_left_after_the_end(stage: Stage) -> None:
    process = stage.start()
    process.exit(0)
    assert process.closed
    assert stage.executor.running == 0
    assert stage.reactor.getDelayedCalls() == []
    assert stage.reactor.trees[0].released


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.EMFILE, "Too many open files"), (errno.EAGAIN, "Resource temporarily")],
)
def test_a_spawn_that_the_kernel_refuses_names_the_cause(
    stage: Stage, number: int, words: str
) -> None:
    stage.reactor.spawn_error = OSError(number, os.strerror(number))
    running = stage.executor.start(approved(), "run")
    assert isinstance(running, RunningCommand)
    running.finished.addCallback(stage.results.append)
    (failed,) = stage.results
    assert isinstance(failed, StartFailed)
    assert words in failed.reason
    assert failed.exhausted
    assert stage.executor.running == 0
    assert stage.reactor.getDelayedCalls() == []


def test_a_start_that_fails_later_names_the_cause_too(stage: Stage) -> None:
    stage.reactor.starts_late = True
    stage.start()
    assert stage.results == []
    stage.reactor.start_late(ChildProcessError("cannot start: no such thing"))
    assert stage.results == [StartFailed(reason="cannot start: no such thing")]
    assert stage.executor.running == 0
    assert stage.reactor.getDelayedCalls() == []


@pytest.mark.parametrize(
    ("number", "exhausted"), [(errno.EAGAIN, True), (errno.ENOENT, False)]
)
def test_a_start_that_fails_later_for_want_of_processes_says_so(
    stage: Stage, number: int, exhausted: bool
) -> None:
    stage.reactor.starts_late = True
    stage.start()
    stage.reactor.start_late(SpawnFailed(number, "words"))
    assert stage.results == [StartFailed(reason="words", exhausted=exhausted)]
    assert stage.reactor.getDelayedCalls() == []


def test_the_deadline_counts_from_the_moment_that_the_process_runs(
    stage: Stage,
) -> None:
    stage.reactor.starts_late = True
    process = stage.start(approved(timeout_seconds=2.0))
    stage.reactor.advance(1.5)
    stage.reactor.start_late()
    stage.reactor.advance(1.5)
    assert process.signals == []
    process.exit(0)
    assert stage.outcome.duration_seconds == 1.5


def test_a_start_that_never_comes_is_given_up(stage: Stage) -> None:
    stage.reactor.starts_late = True
    process = stage.start(approved(timeout_seconds=2.0))
    stage.reactor.pump([2.0, 0, 0.1])
    (failed,) = stage.results
    assert isinstance(failed, StartFailed)
    assert "2s" in failed.reason
    assert process.abandoned
    assert stage.executor.running == 0


def test_an_end_that_is_asked_for_during_the_start_is_not_forgotten(
    stage: Stage,
) -> None:
    stage.reactor.starts_late = True
    process = stage.start()
    stage.executor.end_all(EndedBy.SERVER_SHUTDOWN, 5.0)
    stage.reactor.start_late()
    stage.reactor.pump([0, 0])
    assert process.signals[0] == signal.SIGTERM
    assert stage.outcome.ended_by is EndedBy.SERVER_SHUTDOWN


def test_too_many_processes_end_the_command() -> None:
    stage = Stage(counted_processes=2)
    process = stage.start()
    process.leave_behind()
    stage.reactor.advance(0.3)
    assert process.signals == []
    process.leave_behind()
    stage.reactor.advance(0.3)
    stage.reactor.advance(0)
    assert process.signals[0] == signal.SIGTERM
    stage.reactor.pump([0.02, 0.02])
    assert stage.outcome.ended_by is EndedBy.PROCESS_LIMIT
    assert stage.reactor.getDelayedCalls() == []


def test_a_missing_directory_is_found_before_the_spawn(
    stage: Stage, tmp_path: Path
) -> None:
    failed = stage.executor.start(approved(directory=str(tmp_path / "gone")), "run")
    assert isinstance(failed, StartFailed)
    assert "does not exist" in failed.reason
    assert stage.reactor.processes == []


def test_a_relative_directory_counts_from_the_default() -> None:
    stage = Stage(directory="/usr")
    assert stage.executor.directory_of(approved(directory="lib").request) == "/usr/lib"
    assert stage.executor.directory_of(approved(directory="/etc/").request) == "/etc"
    assert stage.executor.directory_of(approved(directory=None).request) == "/usr"
    assert stage.executor.directory_of(approved(directory="/").request) == "/"


def test_a_shell_that_the_kernel_never_reports_is_said_to_be_there(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = stage.start(approved(timeout_seconds=2.0))
    monkeypatch.setattr(process, "group_signalled", process.signals.append)
    stage.reactor.pump([2.0, 5.0, *[0.021] * 60])
    assert stage.outcome.reaped is False
    assert stage.outcome.ended_by is EndedBy.TIMEOUT
    assert process.closed


# --- input, terminals and what a caller does with a running command ------------------


def talking(stdin: Stdin, size: TerminalSize | None = None) -> Approved:
    request = CommandRequest(
        command="cat",
        timeout_seconds=30.0,
        stdin=stdin,
        terminal_size=size or TerminalSize(),
    )
    checker = PolicyChecker(
        PolicyLists(allowed=(), blocked=(), use_default_blocklist=True, allowed_env=())
    )
    verdict = checker.check(request, ANONYMOUS)
    assert isinstance(verdict, Approved)
    return verdict


class Talk:
    """A running command beside its process in memory."""

    def __init__(self, stage: Stage, stdin: Stdin, **options: Any) -> None:
        size = options.pop("size", None)
        running = stage.executor.start(talking(stdin, size), "run", **options)
        assert isinstance(running, RunningCommand)
        running.finished.addCallback(stage.results.append)
        self.running = running
        self.process = stage.reactor.processes[-1]


@pytest.mark.parametrize(
    ("stdin", "given"),
    [
        (Stdin.EMPTY, {0: 0, 1: "r", 2: "r"}),
        (Stdin.PIPE, {0: "w", 1: "r", 2: "r"}),
        (Stdin.TERMINAL, {}),
    ],
)
@pytest.mark.parametrize("reports", [False, True])
def test_a_process_has_what_its_command_asks_for(
    stage: Stage, stdin: Stdin, given: dict[int, object], reports: bool
) -> None:
    received: list[bytes | None] = []
    size = TerminalSize(columns=4, rows=5)
    talk = Talk(stage, stdin, size=size, report=received.append if reports else None)
    assert talk.process.descriptors == given | ({3: "r"} if reports else {})
    in_terminal = stdin is Stdin.TERMINAL
    assert talk.process.terminal == (size if in_terminal else None)
    assert talk.process.env["TERM"] == ("xterm-256color" if in_terminal else "dumb")
    assert ("NO_COLOR" in talk.process.env) is not in_terminal
    assert talk.running.input_open is (stdin is not Stdin.EMPTY)
    talk.process.emit(3, b"told")
    talk.process.exit()
    assert received == ([b"told"] if reports else [])
    assert stage.outcome.stdout.total_bytes == stage.outcome.stderr.total_bytes == 0
    assert not talk.running.input_open


def test_what_is_written_reaches_the_process_until_it_closes_its_end(
    stage: Stage,
) -> None:
    talk = Talk(stage, Stdin.PIPE)
    talk.running.write_input(b"a")
    talk.process.reads_input = False
    talk.running.write_input(b"bc")
    assert (talk.process.input, talk.running.pending_input_bytes) == (b"a", 2)
    talk.process.close_input()
    assert not talk.running.input_open
    talk.running.write_input(b"dropped")
    assert talk.running.pending_input_bytes == 0


def test_the_end_of_the_input_comes_after_it(stage: Stage) -> None:
    talk = Talk(stage, Stdin.PIPE)
    talk.running.write_input(b"all")
    talk.running.close_input()
    assert (talk.process.input, talk.process.input_ended) == (b"all", True)
    assert not talk.running.input_open


def test_a_terminal_can_be_resized_and_is_hung_up_when_it_is_ended(
    stage: Stage,
) -> None:
    talk = Talk(stage, Stdin.TERMINAL)
    talk.running.resize(TerminalSize(columns=1, rows=2))
    assert talk.process.terminal == TerminalSize(columns=1, rows=2)
    assert talk.running.terminal_descriptor is None, "there is none in memory"
    talk.process.ignore("SIGTERM")
    talk.running.cancel()
    assert talk.process.signals == [signal.SIGTERM, signal.SIGHUP]
    stage.reactor.advance(0)
    assert stage.outcome.signal == "SIGHUP"
    assert stage.outcome.ended_by is EndedBy.CANCELLED


def test_a_client_may_signal_without_ending(stage: Stage) -> None:
    talk = Talk(stage, Stdin.EMPTY)
    talk.process.ignore("SIGUSR1")
    talk.process.leave_behind(GroupMember(ignores=frozenset({signal.SIGUSR1})))
    assert talk.running.signal(signal.SIGUSR1) == 2
    assert len(talk.running.process_ids()) == 2
    stage.reactor.advance(10)
    assert stage.results == []
    talk.running.signal(signal.SIGINT)
    stage.reactor.advance(0)
    assert stage.outcome.ended_by is EndedBy.CLIENT_SIGNAL
    assert stage.outcome.signal == "SIGINT"


def test_the_last_output_is_dated_and_can_be_kept(stage: Stage) -> None:
    talk = Talk(stage, Stdin.EMPTY)
    started_at = talk.running.started_at
    stage.reactor.advance(3)
    assert talk.running.last_output_at == started_at
    talk.process.emit(1, b"x")
    stage.reactor.advance(4)
    assert talk.running.last_output_at == started_at + 3
    talk.running.keep_output()
    talk.process.exit()
    assert talk.running.output.stdout.window().tail == b"x" or (
        talk.running.output.stdout.window().head == b"x"
    )
    talk.running.output.close()


def test_a_pause_ends_with_the_shell(stage: Stage) -> None:
    talk = Talk(stage, Stdin.EMPTY)
    talk.running.pause_output()
    talk.process.emit(1, b"kept")
    assert talk.running.output.total_bytes == 0
    talk.process.exit()
    assert stage.outcome.stdout.total_bytes == 4
    talk.running.pause_output()
    assert not talk.process.paused


def test_output_that_was_paused_is_read_on(stage: Stage) -> None:
    talk = Talk(stage, Stdin.EMPTY)
    talk.running.resume_output()
    talk.running.pause_output()
    talk.process.emit(1, b"kept")
    talk.running.resume_output()
    assert talk.running.output.total_bytes == 4
    assert not talk.process.paused


def test_before_the_start_input_and_signals_wait(stage: Stage) -> None:
    stage.reactor.starts_late = True
    talk = Talk(stage, Stdin.PIPE)
    talk.running.write_input(b"early")
    assert talk.running.signal(signal.SIGINT) == 0
    assert talk.running.process_ids() == ()
    talk.running.pause_output()
    stage.reactor.start_late()
    assert talk.process.signals == [signal.SIGINT]
    assert talk.process.input == b"early"
    assert talk.process.paused


@pytest.mark.parametrize("stdin", [Stdin.PIPE, Stdin.TERMINAL])
def test_a_command_that_did_not_start_reports_nothing_and_reads_nothing(
    stage: Stage, stdin: Stdin
) -> None:
    received: list[bytes | None] = []
    stage.reactor.spawn_error = OSError(errno.EMFILE, "Too many open files")
    running = stage.executor.start(talking(stdin), "run", report=received.append)
    assert isinstance(running, RunningCommand)
    running.finished.addCallback(stage.results.append)
    (failed,) = stage.results
    assert isinstance(failed, StartFailed)
    assert failed.exhausted
    assert not running.input_open
    running.write_input(b"x")
    running.close_input()
    running.pause_output()
    running.resume_output()
    assert running.pending_input_bytes == 0
    assert running.signal(signal.SIGTERM) == 0
    assert received == []


def test_a_start_that_was_given_up_is_ended_with_all_that_it_began(
    stage: Stage,
) -> None:
    stage.reactor.starts_late = True
    talk = Talk(stage, Stdin.PIPE)
    talk.process.leave_behind()
    talk.running.end(EndedBy.CLIENT_SIGNAL, 0.0)
    stage.reactor.advance(0)
    (failed,) = stage.results
    assert isinstance(failed, StartFailed)
    stage.reactor.start_late()
    (tree,) = stage.reactor.trees
    assert tree.released
    assert talk.process.signals == [signal.SIGKILL]
    assert talk.running.process_ids() == ()
    stage.reactor.advance(0)
    assert talk.process.live == 0
    assert stage.reactor.getDelayedCalls() == []
