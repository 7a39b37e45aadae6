"""Standard input, client signals, pauses and reports, by each engine."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.task import deferLater

from commander.commands import EndedBy, Outcome, StartFailed, Stdin, TerminalSize
from commander.execution.engine import ProcessEngine
from commander.execution.report import REPORT_BYTES
from commander.execution.running import RunningCommand
from commander.reactors import ICommanderReactor
from tests.process.conftest import RealProcesses

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("no_descriptor_left")]

MEGABYTE = 1_000_000
WAIT_SECONDS = 20.0
CLOCK = ICommanderReactor(reactor, reactor)


async def outcome(running: RunningCommand) -> Outcome:
    ended = await running.finished
    assert isinstance(ended, Outcome), ended
    return ended


async def eventually(true: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not true():
        assert time.monotonic() < end, "it did not come"
        await deferLater(CLOCK, 0.005)


async def output_of(running: RunningCommand) -> None:
    await eventually(lambda: running.output.total_bytes > 0)


def is_open(running: RunningCommand) -> bool:
    return running.input_open


# --- standard input ------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_what_is_written_is_read_and_then_the_end(
    processes: RealProcesses,
) -> None:
    running = processes.start("cat; echo over", stdin=Stdin.PIPE)
    running.write_input(b"early\n")  # before the process has started
    await output_of(running)
    running.write_input(b"late\n")
    assert is_open(running)
    running.close_input()
    assert not is_open(running)
    running.write_input(b"dropped\n")
    running.close_input()
    assert (await outcome(running)).stdout.head == b"early\nlate\nover\n"


@pytest_twisted.ensureDeferred
async def test_without_a_pipe_the_end_is_read_at_once(processes: RealProcesses) -> None:
    running = processes.start("cat")
    assert not is_open(running)
    running.write_input(b"dropped")
    running.close_input()
    running.resize(TerminalSize())
    assert running.terminal_descriptor is None
    assert running.pending_input_bytes == 0
    assert (await outcome(running)).stdout.total_bytes == 0


@pytest_twisted.ensureDeferred
async def test_a_megabyte_arrives_whole(processes: RealProcesses) -> None:
    running = processes.start("wc -c", stdin=Stdin.PIPE)
    running.write_input(b"x" * MEGABYTE)
    running.close_input()
    assert running.pending_input_bytes > 0
    assert (await outcome(running)).stdout.head == b"1000000\n"
    assert running.pending_input_bytes == 0


@pytest_twisted.ensureDeferred
async def test_a_process_that_never_reads_leaves_all_of_it_pending(
    processes: RealProcesses,
) -> None:
    running = processes.start("echo up; exec sleep 1000", stdin=Stdin.PIPE)
    await output_of(running)
    running.write_input(b"x" * MEGABYTE)
    await deferLater(CLOCK, 0.1)
    assert running.pending_input_bytes == MEGABYTE
    running.close_input()
    assert running.pending_input_bytes == MEGABYTE
    running.end(EndedBy.CANCELLED, 5.0)
    ended = await outcome(running)
    assert (ended.ended_by, ended.signal) == (EndedBy.CANCELLED, "SIGTERM")
    assert running.pending_input_bytes == 0


@pytest_twisted.ensureDeferred
async def test_what_was_read_is_not_pending(processes: RealProcesses) -> None:
    text = "head -c 3000 >/dev/null; echo taken; exec sleep 1000"
    running = processes.start(text, stdin=Stdin.PIPE)
    running.write_input(b"x" * 10_000)
    await output_of(running)
    assert running.pending_input_bytes == 7_000
    running.cancel()
    await outcome(running)


@pytest_twisted.ensureDeferred
async def test_many_small_writes_keep_their_order(processes: RealProcesses) -> None:
    running = processes.start("cat", stdin=Stdin.PIPE, max_output_bytes=MEGABYTE)
    lines = [f"{number}\n".encode() for number in range(5000)]
    for line in lines:
        running.write_input(line)
    running.close_input()
    window = (await outcome(running)).stdout
    assert window.head + window.tail == b"".join(lines)


@pytest_twisted.ensureDeferred
async def test_a_command_that_closes_its_input_is_noticed(
    processes: RealProcesses,
) -> None:
    """SIGPIPE never reaches the server, whose death it would be."""
    text = "exec <&-; echo closed; sleep 1000"
    running = processes.start(text, stdin=Stdin.PIPE)
    await eventually(lambda: not running.input_open)
    for _ in range(3):
        running.write_input(b"x" * MEGABYTE)
        await deferLater(CLOCK, 0.01)
    assert running.pending_input_bytes == 0
    running.cancel()
    assert (await outcome(running)).stdout.head == b"closed\n"


@pytest_twisted.ensureDeferred
async def test_input_that_nobody_takes_holds_up_no_end(
    processes: RealProcesses,
) -> None:
    running = processes.start("exit 4", stdin=Stdin.PIPE)
    running.write_input(b"x" * MEGABYTE)
    ended = await outcome(running)
    assert (ended.exit_code, ended.ended_by) == (4, EndedBy.EXIT)
    assert not is_open(running)
    running.write_input(b"late")
    running.close_input()
    assert running.pending_input_bytes == 0


@pytest_twisted.ensureDeferred
async def test_writing_takes_no_more_memory_than_what_is_written(
    processes: RealProcesses,
) -> None:
    running = processes.start("exec cat >/dev/null", stdin=Stdin.PIPE)
    await eventually(lambda: bool(running.process_ids()))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(64):
        running.write_input(b"x" * MEGABYTE)
        await eventually(lambda: running.pending_input_bytes == 0)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    running.close_input()
    assert (await outcome(running)).exit_code == 0
    assert grown < 32 * 1024, f"{grown} KiB"


# --- signals -------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
@pytest_twisted.ensureDeferred
async def test_a_signal_of_a_client_that_ends_it_is_told(
    processes: RealProcesses, number: int
) -> None:
    running = processes.start("echo up; exec sleep 1000")
    await output_of(running)
    assert running.signal(number) == 1
    ended = await outcome(running)
    assert ended.ended_by is EndedBy.CLIENT_SIGNAL
    assert ended.signal == signal.Signals(number).name


@pytest_twisted.ensureDeferred
async def test_a_signal_that_the_command_handles_is_its_own_ending(
    processes: RealProcesses,
) -> None:
    text = "trap 'echo caught; exit 5' USR1; echo up; while :; do sleep 0.01; done"
    running = processes.start(text)
    await output_of(running)
    assert running.signal(signal.SIGUSR1) >= 1
    ended = await outcome(running)
    assert (ended.ended_by, ended.exit_code) == (EndedBy.EXIT, 5)
    assert b"caught" in ended.stdout.head + ended.stdout.tail


@pytest_twisted.ensureDeferred
async def test_kill_of_a_client_takes_the_whole_tree(processes: RealProcesses) -> None:
    running = processes.start("sleep 1001 & sleep 1002 & echo up; wait")
    await output_of(running)
    await eventually(lambda: len(running.process_ids()) == 3)
    assert running.signal(signal.SIGKILL) >= 1
    ended = await outcome(running)
    assert (ended.ended_by, ended.signal) == (EndedBy.CLIENT_SIGNAL, "SIGKILL")
    assert ended.survivors == ()
    assert running.process_ids() == ()
    assert running.signal(signal.SIGTERM) == 0


@pytest_twisted.ensureDeferred
async def test_a_command_can_be_stopped_and_continued(processes: RealProcesses) -> None:
    running = processes.start("while :; do echo tick; sleep 0.01; done")
    await output_of(running)
    running.signal(signal.SIGSTOP)

    def states() -> set[str]:
        found = set()
        for pid in running.process_ids():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                stat = Path(f"/proc/{pid}/stat").read_text()
                found.add(stat.rpartition(")")[2].split()[0])
        return found

    await eventually(lambda: states() == {"T"})
    running.signal(signal.SIGCONT)
    await eventually(lambda: "T" not in states())
    running.signal(signal.SIGSTOP)
    await eventually(lambda: states() == {"T"})
    running.signal(signal.SIGTERM)
    assert (await outcome(running)).ended_by is EndedBy.CLIENT_SIGNAL


@pytest_twisted.ensureDeferred
async def test_a_signal_before_the_start_is_kept(processes: RealProcesses) -> None:
    running = processes.start("exec sleep 1000")
    running.signal(signal.SIGTERM)
    ended = await outcome(running)
    assert (ended.ended_by, ended.signal) == (EndedBy.CLIENT_SIGNAL, "SIGTERM")


@pytest_twisted.ensureDeferred
async def test_the_ladder_may_begin_with_another_signal(
    processes: RealProcesses,
) -> None:
    text = "trap 'echo caught; exit 6' INT; echo up; while :; do sleep 0.01; done"
    running = processes.start(text)
    await output_of(running)
    running.end(EndedBy.CLIENT_SIGNAL, 10.0, signal.SIGINT)
    ended = await outcome(running)
    assert (ended.ended_by, ended.exit_code) == (EndedBy.CLIENT_SIGNAL, 6)


@pytest_twisted.ensureDeferred
async def test_what_is_ended_at_once_leaves_nothing_of_its_start(
    best_engine: ProcessEngine,
) -> None:
    """Its shell may have begun to run, and to start others, when nobody wants it."""
    null = os.open(os.devnull, os.O_RDONLY)
    processes = RealProcesses(best_engine, null)
    seconds = f"{2000 + os.getpid() % 1000}.5"
    text = f"sleep {seconds} & setsid sleep {seconds} & exec sleep {seconds}"

    def left() -> list[str]:
        return [
            path.parent.name
            for path in Path("/proc").glob("[0-9]*/cmdline")
            if seconds in _read(path)
        ]

    for number in range(60):
        running = processes.start(text)
        await deferLater(CLOCK, number % 6 / 2000)
        running.end(EndedBy.CLIENT_SIGNAL, 0.0)
        await running.finished
    os.close(null)
    await eventually(lambda: not left())


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


# --- output -----------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_output_that_is_kept_can_be_read_after_the_end(
    processes: RealProcesses,
) -> None:
    running = processes.start("echo kept")
    running.keep_output()
    await outcome(running)
    window = running.output.stdout.window()
    running.output.close()
    assert window.head + window.tail == b"kept\n"


@pytest_twisted.ensureDeferred
async def test_the_last_output_is_dated(processes: RealProcesses) -> None:
    asked = time.monotonic()
    running = processes.start("sleep 0.2; echo x; sleep 0.3")
    assert running.last_output_at == running.started_at >= asked
    ended = await outcome(running)
    assert running.last_output_at - running.started_at > 0.1
    assert ended.duration_seconds > running.last_output_at - running.started_at + 0.1


@pytest_twisted.ensureDeferred
async def test_a_pause_stops_the_command_and_loses_nothing(
    processes: RealProcesses,
) -> None:
    text = f"head -c {MEGABYTE} /dev/zero; echo end"
    running = processes.start(text)
    running.pause_output()
    running.pause_output()
    await deferLater(CLOCK, 0.2)
    assert running.output.total_bytes == 0
    running.resume_output()
    running.resume_output()
    await output_of(running)
    running.pause_output()
    await deferLater(CLOCK, 0.05)
    before = running.output.total_bytes
    await deferLater(CLOCK, 0.05)
    assert running.output.total_bytes == before
    running.resume_output()
    ended = await outcome(running)
    assert ended.stdout.total_bytes == MEGABYTE + 4
    assert ended.stdout.tail.endswith(b"end\n")


@pytest_twisted.ensureDeferred
async def test_what_stands_in_a_paused_pipe_at_the_exit_is_read(
    processes: RealProcesses,
) -> None:
    running = processes.start("head -c 60000 /dev/zero; echo words >&2; exit 3")
    running.pause_output()
    ended = await outcome(running)
    assert ended.exit_code == 3
    assert ended.stdout.total_bytes == 60_000
    assert ended.stderr.head == b"words\n"
    running.pause_output()
    running.resume_output()


# --- the report -------------------------------------------------------------------


class Reports:
    """What was reported, and whether the command had ended then."""

    def __init__(self) -> None:
        self.received: list[bytes | None] = []
        self.running: RunningCommand | None = None

    def __call__(self, report: bytes | None) -> None:
        assert self.running is not None
        assert not self.running.finished.called
        self.received.append(report)

    async def of(self, running: RunningCommand) -> Outcome:
        self.running = running
        return await outcome(running)


@pytest.mark.parametrize("stdin", [Stdin.EMPTY, Stdin.PIPE])
@pytest_twisted.ensureDeferred
async def test_a_report_is_handed_over_before_the_end_and_is_no_output(
    processes: RealProcesses, stdin: Stdin
) -> None:
    reports = Reports()
    text = "echo out; echo told >&3; (echo more >&3); exit 2"
    ended = await reports.of(processes.start(text, stdin=stdin, report=reports))
    assert reports.received == [b"told\nmore\n"]
    assert (ended.exit_code, ended.stdout.total_bytes) == (2, 4)
    assert ended.stderr.total_bytes == 0


@pytest_twisted.ensureDeferred
async def test_nothing_reported_is_an_empty_report(processes: RealProcesses) -> None:
    reports = Reports()
    await reports.of(processes.start("exec 3>&-", report=reports))
    assert reports.received == [b""]


@pytest_twisted.ensureDeferred
async def test_a_report_is_only_for_those_who_ask(processes: RealProcesses) -> None:
    ended = await processes.run("echo told >&3")
    assert ended.exit_code != 0
    assert b"Bad file descriptor" in ended.stderr.head


@pytest.mark.parametrize(
    ("size", "comes"), [(REPORT_BYTES, True), (REPORT_BYTES + 1, False), (10**7, False)]
)
@pytest_twisted.ensureDeferred
async def test_a_report_has_a_bound_and_is_whole_or_not_there(
    processes: RealProcesses, size: int, comes: bool
) -> None:
    reports = Reports()
    text = f"head -c {size} /dev/zero >&3; echo done"
    ended = await reports.of(processes.start(text, report=reports))
    assert ended.stdout.head == b"done\n"
    assert reports.received == [bytes(size) if comes else None]


@pytest_twisted.ensureDeferred
async def test_a_report_does_not_count_for_the_output_limit(
    processes: RealProcesses,
) -> None:
    reports = Reports()
    text = "head -c 5000 /dev/zero >&3"
    running = processes.start(text, report=reports, output_limit_bytes=1000)
    assert (await reports.of(running)).ended_by is EndedBy.EXIT
    assert reports.received == [bytes(5000)]
    assert running.last_output_at == running.started_at


@pytest_twisted.ensureDeferred
async def test_a_process_that_keeps_the_report_open_holds_up_nothing(
    processes: RealProcesses,
) -> None:
    reports = Reports()
    text = "echo told >&3; sleep 1000 >/dev/null 2>&1 & exit 0"
    ended = await reports.of(processes.start(text, report=reports))
    assert ended.background_processes >= 1
    assert reports.received == [b"told\n"]


@pytest_twisted.ensureDeferred
async def test_a_report_comes_though_the_output_was_paused(
    processes: RealProcesses,
) -> None:
    reports = Reports()
    running = processes.start("echo out; echo told >&3", report=reports)
    running.pause_output()
    ended = await reports.of(running)
    assert (ended.stdout.head, reports.received) == (b"out\n", [b"told\n"])


@pytest_twisted.ensureDeferred
async def test_a_receiver_that_raises_loses_no_outcome(
    processes: RealProcesses,
) -> None:
    def receive(report: bytes | None) -> None:
        raise RuntimeError("no")

    ended = await outcome(processes.start("exit 3", report=receive))
    assert ended.exit_code == 3


# --- terminals where there are none -----------------------------------------------


@pytest_twisted.ensureDeferred
async def test_the_fallback_says_that_it_has_no_terminals(
    processes: RealProcesses, engine: ProcessEngine, best_engine: ProcessEngine
) -> None:
    running = processes.start("tty", stdin=Stdin.TERMINAL)
    ended = await running.finished
    if engine is best_engine:
        assert isinstance(ended, Outcome)
    else:
        assert isinstance(ended, StartFailed)
        assert "terminal" in ended.reason
    assert not is_open(running)
