"""Commands in terminals, as real processes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import sys
import termios
import time
from collections.abc import Callable

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.task import deferLater

from commander.commands import EndedBy, Outcome, StartFailed, Stdin, TerminalSize
from commander.execution.run_as import find_run_as
from commander.execution.running import RunningCommand
from commander.reactors import ICommanderReactor
from tests.process.conftest import RealProcesses

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("no_descriptor_left")]

WAIT_SECONDS = 20.0
CLOCK = ICommanderReactor(reactor, reactor)


@pytest.fixture
def engine(best_engine: object) -> object:
    """The one that has terminals."""
    return best_engine


class Terminal:
    """A command in a terminal, and what it has shown."""

    def __init__(self, running: RunningCommand) -> None:
        self.running = running
        self.seen = 0
        running.keep_output()

    @property
    def shown(self) -> str:
        window = self.running.output.stdout.window()
        return (window.head + window.tail).decode()

    async def until(self, text: str) -> str:
        """Wait until it shows a text after all that was waited for before."""
        await eventually(lambda: text in self.shown[self.seen :])
        found = self.shown.index(text, self.seen) + len(text)
        before, self.seen = self.shown[self.seen : found], found
        return before

    def type(self, text: str) -> None:
        self.running.write_input(text.encode())

    async def outcome(self) -> Outcome:
        ended = await self.running.finished
        self.running.output.close()
        assert isinstance(ended, Outcome), ended
        return ended


async def eventually(true: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not true():
        assert time.monotonic() < end, "it did not come"
        await deferLater(CLOCK, 0.005)


def open_in(processes: RealProcesses, command: str, **options: object) -> Terminal:
    options = {"stdin": Stdin.TERMINAL, **options}
    if "run_as" in options:
        options["executor"] = processes.executor(run_as=options.pop("run_as"))  # type: ignore[arg-type]
    return Terminal(processes.start(command, **options))  # type: ignore[arg-type]


def shell(processes: RealProcesses, **options: object) -> Terminal:
    """A shell that a person would have, with job control."""
    options = {"env": {"PS1": "READY> ", "ENV": "", "HISTFILE": ""}, **options}
    return open_in(processes, "exec bash --norc -i", **options)


def foreground(command: str) -> str:
    """A line that says "ready" when its command has the terminal, not before."""
    return f"sh -c 'echo re\"\"ady; exec {command}'\n"


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


# --- what it has -------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_all_three_are_one_terminal_of_its_own(processes: RealProcesses) -> None:
    terminal = open_in(
        processes,
        "tty; test -t 0 && test -t 1 && test -t 2 && echo three; "
        "readlink /proc/self/fd/0 /proc/self/fd/2; ls /proc/self/fd | wc -l; "
        "read -r stat </proc/$$/stat; echo $stat",
    )
    ended = await terminal.outcome()
    lines = ended.stdout.head.decode().splitlines()
    assert ended.stderr.total_bytes == 0
    assert lines[0].startswith("/dev/pts/")
    assert lines[1] == "three"
    assert lines[2] == lines[3] == lines[0]
    assert lines[4] == "4"  # the fourth is the listing's own
    pid, group, session, number, foreground = [
        lines[5].rsplit(") ", 1)[0].split()[0],
        *lines[5].rsplit(") ", 1)[1].split()[2:6],
    ]
    assert pid == group == session
    assert number != "0", "it is the session's terminal"
    assert foreground != "-1"


@pytest_twisted.ensureDeferred
async def test_it_has_the_size_that_was_asked_for_from_the_start(
    processes: RealProcesses,
) -> None:
    size = TerminalSize(columns=132, rows=43)
    terminal = open_in(processes, "stty size", terminal_size=size)
    assert (await terminal.outcome()).stdout.head == b"43 132\r\n"


@pytest_twisted.ensureDeferred
async def test_programs_find_a_terminal_that_can_do_something(
    processes: RealProcesses,
) -> None:
    names = "$TERM ${NO_COLOR-none} ${COLUMNS-none} ${LINES-none} $PAGER"
    processes.environ |= {"COLUMNS": "1", "LINES": "1"}
    ended = await open_in(processes, f"echo {names}").outcome()
    assert ended.stdout.head == b"xterm-256color none none none cat\r\n"
    ended = await processes.run(f"echo {names}")
    assert ended.stdout.head.startswith(b"dumb 1 ")


@pytest_twisted.ensureDeferred
async def test_erase_takes_whole_characters(processes: RealProcesses) -> None:
    terminal = open_in(processes, "stty -echo; echo go; read -r line; echo $line")
    await terminal.until("go")
    terminal.type("aü\x7fb\n")
    await terminal.until("ab\r\n")
    await terminal.outcome()


# --- input -------------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_what_is_typed_is_echoed_and_read(processes: RealProcesses) -> None:
    terminal = open_in(processes, "cat")
    terminal.type("hello\n")  # before the process has started
    await terminal.until("hello\r\nhello\r\n")
    terminal.running.close_input()
    ended = await terminal.outcome()
    assert (ended.exit_code, ended.ended_by) == (0, EndedBy.EXIT)
    assert not terminal.running.input_open
    terminal.type("dropped")
    assert terminal.running.pending_input_bytes == 0


@pytest_twisted.ensureDeferred
async def test_the_end_of_input_leaves_the_line_open(processes: RealProcesses) -> None:
    terminal = open_in(processes, "cat; echo first; cat; echo second")
    terminal.running.close_input()
    await terminal.until("first")
    assert terminal.running.input_open
    terminal.type("more\n")
    await terminal.until("more\r\nmore")
    terminal.running.close_input()
    await terminal.until("second")
    await terminal.outcome()


@pytest_twisted.ensureDeferred
async def test_the_end_of_input_is_the_character_that_the_terminal_has(
    processes: RealProcesses,
) -> None:
    terminal = open_in(processes, "stty eof ^E; echo set; cat; echo over")
    await terminal.until("set")
    terminal.running.close_input()
    await terminal.until("over")
    await terminal.outcome()


@pytest_twisted.ensureDeferred
async def test_a_python_can_be_talked_to(processes: RealProcesses) -> None:
    command = f"exec {sys.executable} -q -i"
    terminal = open_in(processes, command, env={"PYTHON_BASIC_REPL": "1"})
    await terminal.until(">>> ")
    terminal.type("6 * 7\n")
    await terminal.until("42\r\n")
    await terminal.until(">>> ")
    terminal.running.close_input()
    assert (await terminal.outcome()).exit_code == 0


@pytest_twisted.ensureDeferred
async def test_a_megabyte_goes_through_a_terminal_that_takes_all(
    processes: RealProcesses,
) -> None:
    terminal = open_in(processes, "stty raw -echo; echo go; head -c 1000000 | wc -c")
    await terminal.until("go")
    terminal.running.write_input(b"x\n" * 500_000)
    assert terminal.running.pending_input_bytes > 500_000
    await terminal.until("1000000")
    assert terminal.running.pending_input_bytes == 0
    await terminal.outcome()


@pytest_twisted.ensureDeferred
async def test_a_reader_that_never_comes_keeps_what_was_typed_waiting(
    processes: RealProcesses,
) -> None:
    terminal = open_in(processes, "stty raw -echo; echo go; exec sleep 100")
    await terminal.until("go")
    terminal.running.write_input(b"x" * 1_000_000)
    await deferLater(CLOCK, 0.1)
    assert 800_000 < terminal.running.pending_input_bytes < 1_000_000
    terminal.running.end(EndedBy.CANCELLED, 0.5)
    assert (await terminal.outcome()).ended_by is EndedBy.CANCELLED
    assert terminal.running.pending_input_bytes == 0


@pytest_twisted.ensureDeferred
async def test_the_modes_of_the_terminal_can_be_asked_for(
    processes: RealProcesses,
) -> None:
    terminal = open_in(processes, "stty -echo; echo off; read -r x")
    await terminal.until("off")
    descriptor = terminal.running.terminal_descriptor
    assert descriptor is not None
    assert not termios.tcgetattr(descriptor)[3] & termios.ECHO
    terminal.type("\n")
    await terminal.outcome()
    assert terminal.running.terminal_descriptor is None


# --- size --------------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_another_size_is_told_to_who_is_in_the_foreground(
    processes: RealProcesses,
) -> None:
    terminal = open_in(
        processes, "trap 'stty size' WINCH; echo go; while :; do sleep 0.02; done"
    )
    await terminal.until("go")
    terminal.running.resize(TerminalSize(columns=100, rows=50))
    await terminal.until("50 100")
    terminal.running.resize(TerminalSize(columns=70_000, rows=-1))  # as far as it goes
    await terminal.until("0 65535")
    terminal.running.end(EndedBy.CANCELLED, 0.5)
    await terminal.outcome()
    terminal.running.resize(TerminalSize())  # nothing is left to resize


# --- job control -------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_an_interrupt_ends_the_foreground_job_alone(
    processes: RealProcesses,
) -> None:
    terminal = shell(processes)
    await terminal.until("READY> ")
    terminal.type("sleep 1000 & echo back=$!\n")
    await terminal.until("back=")
    await terminal.until("back=")  # the first is the echo
    background = int((await terminal.until("\r\n")).strip())
    await terminal.until("READY> ")
    terminal.type(foreground("sleep 2000"))
    await terminal.until("ready\r\n")
    terminal.type("\x03")
    await terminal.until("READY> ")
    assert alive(background)
    terminal.type("echo status=$?\n")
    await terminal.until("status=130")
    terminal.type("exit 7\n")
    ended = await terminal.outcome()
    assert (ended.exit_code, ended.ended_by) == (7, EndedBy.EXIT)
    assert not alive(background)


@pytest_twisted.ensureDeferred
async def test_a_job_can_be_stopped_and_brought_back(processes: RealProcesses) -> None:
    terminal = shell(processes)
    await terminal.until("READY> ")
    terminal.type(foreground("cat"))
    await terminal.until("ready\r\n")
    terminal.type("\x1a")
    await terminal.until("Stopped")
    await terminal.until("READY> ")
    terminal.type("fg\n")
    await terminal.until("exec cat'\r\n")
    terminal.type("again\n")
    await terminal.until("again\r\nagain\r\n")
    terminal.type("\x04")
    await terminal.until("READY> ")
    terminal.type("exit\n")
    assert (await terminal.outcome()).exit_code == 0


@pytest.mark.parametrize("ended_by", [EndedBy.TIMEOUT, EndedBy.CANCELLED])
@pytest_twisted.ensureDeferred
async def test_a_shell_is_ended_with_its_jobs_in_all_states(
    processes: RealProcesses, ended_by: EndedBy
) -> None:
    """It ignores TERM, as do shells that talk to people; a grace would be lost."""
    timeout = 2.0 if ended_by is EndedBy.TIMEOUT else 60.0
    terminal = shell(processes, timeout_seconds=timeout, kill_grace_seconds=10.0)
    await terminal.until("READY> ")
    terminal.type("sleep 1001 & sleep 1002 & kill -STOP $!; setsid sleep 1003 &\n")
    await eventually(lambda: len(terminal.running.process_ids()) >= 4)
    before = terminal.running.process_ids()
    if ended_by is EndedBy.CANCELLED:
        terminal.running.cancel()
    ended = await terminal.outcome()
    assert ended.ended_by is ended_by
    assert ended.signal == "SIGHUP"
    assert ended.survivors == ()
    assert not any(map(alive, before))
    assert terminal.running.process_ids() == ()


@pytest_twisted.ensureDeferred
async def test_what_is_left_in_the_background_ends_with_the_shell(
    processes: RealProcesses,
) -> None:
    terminal = shell(processes)
    await terminal.until("READY> ")
    terminal.type("(trap '' HUP TERM; sleep 1004; sleep 1005) & disown; exit\n")
    ended = await terminal.outcome()
    assert ended.ended_by is EndedBy.EXIT
    assert ended.survivors == ()
    assert ended.background_processes > 0


@pytest_twisted.ensureDeferred
async def test_a_terminal_that_is_lost_hangs_up(processes: RealProcesses) -> None:
    terminal = open_in(
        processes, "trap 'exit 9' HUP; echo go; while :; do sleep 0.1; done"
    )
    await terminal.until("go")
    terminal.running.close_pipes()
    ended = await terminal.outcome()
    assert (ended.exit_code, ended.ended_by) == (9, EndedBy.EXIT)


# --- output -----------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_what_is_written_last_is_read(processes: RealProcesses) -> None:
    wanted = "".join(f"{number}\r\n" for number in range(1, 5001)).encode()
    for _ in range(20):
        ended = await open_in(processes, "exec seq 5000").outcome()
        assert ended.stdout.head + ended.stdout.tail == wanted


@pytest_twisted.ensureDeferred
async def test_a_command_may_leave_its_terminal_and_come_back(
    processes: RealProcesses,
) -> None:
    ended = await open_in(
        processes, "exec 0<&- 1>&- 2>&-; sleep 0.2; echo here >/dev/tty; exit 3"
    ).outcome()
    assert (ended.exit_code, ended.stdout.head) == (3, b"here\r\n")


@pytest_twisted.ensureDeferred
async def test_output_can_be_paused_and_nothing_is_lost(
    processes: RealProcesses,
) -> None:
    terminal = open_in(processes, "echo first; seq 100; echo last")
    terminal.running.pause_output()
    ended = await terminal.outcome()
    assert ended.stdout.head.startswith(b"first\r\n")
    assert (ended.stdout.head + ended.stdout.tail).endswith(b"100\r\nlast\r\n")


@pytest_twisted.ensureDeferred
async def test_a_report_is_no_part_of_the_terminal(processes: RealProcesses) -> None:
    reports: list[bytes | None] = []
    terminal = open_in(processes, "echo shown; echo told >&3", report=reports.append)
    assert (await terminal.outcome()).stdout.head == b"shown\r\n"
    assert reports == [b"told\n"]


# --- behind other things that hold a command -----------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become other users")
@pytest_twisted.ensureDeferred
async def test_a_terminal_is_the_user_s_that_commands_run_as(
    processes: RealProcesses,
) -> None:
    run_as = find_run_as("nobody")
    terminal = open_in(
        processes,
        # It is given away just after it was opened.
        'id -u; t=$(tty); until test -O "$t"; do sleep 0.01; done; echo by path >"$t"; '
        "echo by name >/dev/tty; stty size; echo told >&3",
        run_as=run_as,
        report=(reports := list[bytes | None]()).append,
    )
    ended = await terminal.outcome()
    lines = ended.stdout.head.decode().split("\r\n")
    assert lines == [str(run_as.user.uid), "by path", "by name", "24 80", ""]
    assert reports == [b"told\n"]


# --- when there is none --------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_a_machine_without_terminals_says_so(
    processes: RealProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    def openpty() -> tuple[int, int]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "openpty", openpty)
    failed = await open_in(processes, "true").running.finished
    assert isinstance(failed, StartFailed)
    assert "all terminals are in use" in failed.reason
    assert not failed.exhausted


@pytest_twisted.ensureDeferred
async def test_many_terminals_end_together(processes: RealProcesses) -> None:
    terminals = [open_in(processes, "exec cat") for _ in range(20)]
    for terminal in terminals:
        terminal.type("line\n")
    for terminal in terminals:
        await terminal.until("line\r\nline\r\n")
        terminal.running.close_input()
    for terminal in terminals:
        assert (await terminal.outcome()).exit_code == 0


def test_sizes_are_rows_before_columns() -> None:
    """What this file takes for granted of the kernel."""
    with contextlib.ExitStack() as stack:
        ends = os.openpty()
        for end in ends:
            stack.callback(os.close, end)
        packed = struct.pack("4H", 3, 5, 0, 0)
        fcntl.ioctl(ends[1], termios.TIOCSWINSZ, packed)
        assert os.get_terminal_size(ends[0]) == (5, 3)
