"""Who waits for input: from a directory that looks like /proc."""

from __future__ import annotations

import os
import pty
import struct
import termios
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from commander.execution.waiting import (
    PROCESSES_AT_MOST,
    THREADS_AT_MOST,
    Inputs,
    SeenIn,
    Terminal,
    WaitingEvidence,
    WaitsOn,
    find_waiting,
    pipe_link,
    read_terminal,
    waiting_for_input,
)

READ, POLL, SELECT, EPOLL, NANOSLEEP = 0, 7, 23, 232, 230
SET_ADDRESS = 0x1000
GROUP = 3
TERMINAL = Terminal(link="/dev/pts/5", foreground=GROUP, echo=False, canonical=True)
INPUTS = Inputs(terminal=TERMINAL, pipe="pipe:[77]")
PIPE, OTHER_PIPE, SOCKET = "pipe:[77]", "pipe:[78]", "socket:[79]"


class ProcDirectory:
    """A directory with the files of some processes that are blocked."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(
        self,
        pid: int,
        *call: int,
        links: tuple[str, ...] = (),
        state: str = "S",
        group: int = GROUP,
        name: str = "cat",
    ) -> Path:
        """A process whose main thread is blocked in a call; the folder of that."""
        stat = f"{pid} ({name}) {state} 1 {group} 4 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 500"
        folder = self.thread(pid, pid, *call, links=links)
        (self.root / str(pid) / "stat").write_text(stat)
        return folder

    def thread(
        self, pid: int, thread: int, *call: int, links: tuple[str, ...] = ()
    ) -> Path:
        """One more thread of a process."""
        folder = self.root / str(pid) / "task" / str(thread)
        (folder / "fd").mkdir(parents=True)
        (folder / "fdinfo").mkdir()
        for number, link in enumerate(links):
            (folder / "fd" / str(number)).symlink_to(link)
        if call:
            number, *arguments = call
            values = (*arguments, *(0,) * (6 - len(arguments)), 0x7FFC, 0x7F12)
            text = f"{number} {' '.join(map(hex, values))}\n"
            (folder / "syscall").write_text(text)
        return folder

    def find(self, *pids: int, inputs: Inputs = INPUTS) -> WaitingEvidence | None:
        return find_waiting(pids, inputs, root=str(self.root), machine="x86_64")


@pytest.fixture
def proc(tmp_path: Path) -> ProcDirectory:
    return ProcDirectory(tmp_path)


def put_in_memory(thread: Path, data: bytes) -> None:
    (thread / "mem").write_bytes(bytes(SET_ADDRESS) + data)


def polled(*entries: tuple[int, int]) -> bytes:
    return b"".join(struct.pack("=ihh", *entry, 0) for entry in entries)


# --- what counts -------------------------------------------------------------------


def test_who_reads_from_the_terminal_waits(proc: ProcDirectory) -> None:
    proc.add(10, READ, 1, links=("/dev/null", "/dev/pts/5"))
    assert proc.find(10) == WaitingEvidence(
        pid=10,
        name="cat",
        blocked_in="read",
        waits_on=WaitsOn.TERMINAL,
        seen_in=SeenIn.CALL,
        echo=False,
        canonical=True,
    )


def test_who_reads_from_the_pipe_waits_and_nothing_is_said_of_an_echo(
    proc: ProcDirectory,
) -> None:
    proc.add(10, READ, 0, links=(PIPE,), group=99)
    assert proc.find(10) == WaitingEvidence(
        pid=10,
        name="cat",
        blocked_in="read",
        waits_on=WaitsOn.PIPE,
        seen_in=SeenIn.CALL,
    )


def test_the_terminal_has_two_names(proc: ProcDirectory) -> None:
    proc.add(10, READ, 0, links=("/dev/tty",))
    found = proc.find(10)
    assert found is not None
    assert found.waits_on is WaitsOn.TERMINAL


@pytest.mark.parametrize("link", ["/dev/pts/5", "/dev/tty"])
def test_in_the_background_of_a_terminal_nobody_waits_for_it(
    proc: ProcDirectory, link: str
) -> None:
    proc.add(10, READ, 0, links=(link,), group=GROUP + 1)
    assert proc.find(10) is None


@pytest.mark.parametrize(
    "link", [OTHER_PIPE, SOCKET, "/dev/pts/6", "/dev/pts/55", "/dev/null"]
)
def test_who_reads_from_elsewhere_does_not_wait(proc: ProcDirectory, link: str) -> None:
    proc.add(10, READ, 0, links=(link,))
    assert proc.find(10) is None


def test_a_command_without_input_of_ours_waits_for_none(proc: ProcDirectory) -> None:
    proc.add(10, READ, 0, links=(PIPE,))
    assert proc.find(10, inputs=Inputs()) is None


@pytest.mark.parametrize("state", ["T", "t", "Z", "X"])
def test_who_is_stopped_or_dead_does_not_wait(proc: ProcDirectory, state: str) -> None:
    proc.add(10, READ, 0, links=(PIPE,), state=state)
    assert proc.find(10) is None


def test_who_sleeps_does_not_wait(proc: ProcDirectory) -> None:
    proc.add(10, NANOSLEEP, 0, links=(PIPE,))
    assert proc.find(10) is None


def test_a_descriptor_that_is_not_open_is_no_input(proc: ProcDirectory) -> None:
    proc.add(10, READ, 4, links=(PIPE,))
    proc.add(11, READ, 2**64 - 1, links=(PIPE,))
    assert proc.find(10, 11) is None


# --- sets of descriptors -----------------------------------------------------------


def test_a_poll_is_looked_into(proc: ProcDirectory) -> None:
    thread = proc.add(10, POLL, SET_ADDRESS, 3, links=(PIPE, SOCKET, "/dev/pts/5"))
    put_in_memory(thread, polled((0, 4), (1, 1), (2, 1)))
    found = proc.find(10)
    assert found is not None
    assert (found.blocked_in, found.waits_on, found.others) == (
        "poll",
        WaitsOn.TERMINAL,
        1,
    )


def test_a_select_is_looked_into(proc: ProcDirectory) -> None:
    thread = proc.add(10, SELECT, 2, SET_ADDRESS, links=(SOCKET, PIPE))
    put_in_memory(thread, b"\2")
    found = proc.find(10)
    assert found is not None
    assert (found.blocked_in, found.waits_on, found.others) == (
        "select",
        WaitsOn.PIPE,
        0,
    )


def test_an_epoll_is_looked_into(proc: ProcDirectory) -> None:
    thread = proc.add(10, EPOLL, 3, links=(PIPE, SOCKET))
    listed = "tfd:        {} events:       19 data: 0 pos:0 ino:3 sdev:f\n"
    (thread / "fdinfo/3").write_text(listed.format(0) + listed.format(1))
    found = proc.find(10)
    assert found is not None
    assert (found.blocked_in, found.others) == ("epoll_wait", 1)


@pytest.mark.parametrize("address", [0, SET_ADDRESS, 2**63, 2**64 - 1])
@pytest.mark.parametrize("call", [POLL, SELECT])
def test_memory_that_is_not_there_holds_no_descriptor(
    proc: ProcDirectory, call: int, address: int
) -> None:
    count = 2**32 - 1
    arguments = (address, count) if call == POLL else (1024, address)
    thread = proc.add(10, call, *arguments, links=(PIPE,))
    assert proc.find(10) is None
    (thread / "mem").write_bytes(b"")
    assert proc.find(10) is None


# --- threads and processes ---------------------------------------------------------


def test_any_thread_may_be_the_one_that_waits(proc: ProcDirectory) -> None:
    proc.add(10, NANOSLEEP)
    proc.thread(10, 11, READ, 0, links=(PIPE,))
    found = proc.find(10)
    assert found is not None
    assert found.pid == 10


def test_a_process_of_which_a_thread_runs_is_at_work(proc: ProcDirectory) -> None:
    proc.add(10, READ, 0, links=(PIPE,))
    (proc.thread(10, 11) / "syscall").write_text("running\n")
    assert proc.find(10) is None


def test_who_waits_for_nothing_else_comes_first(proc: ProcDirectory) -> None:
    thread = proc.add(10, POLL, SET_ADDRESS, 2, links=(PIPE, SOCKET), name="ssh")
    put_in_memory(thread, polled((0, 1), (1, 1)))
    proc.add(11, READ, 0, links=(PIPE,))
    for pids in ((10, 11), (11, 10)):
        found = proc.find(*pids)
        assert found is not None
        assert found.name == "cat"


def test_processes_and_threads_that_are_gone_are_passed_over(
    proc: ProcDirectory,
) -> None:
    stat_only = proc.root / "10"
    proc.add(11, READ, 0, links=(PIPE,))
    stat_only.mkdir()
    (stat_only / "stat").write_bytes((proc.root / "11" / "stat").read_bytes())
    found = proc.find(9, 10, 11)
    assert found is not None
    assert found.pid == 11


def test_only_so_many_processes_are_looked_at(proc: ProcDirectory) -> None:
    proc.add(10, READ, 0, links=(PIPE,))
    nobody = range(100, 100 + PROCESSES_AT_MOST)
    assert proc.find(*nobody[1:], 10) is not None
    assert proc.find(*nobody, 10) is None


def test_only_so_many_threads_are_looked_at(proc: ProcDirectory) -> None:
    proc.add(10, READ, 0, links=(PIPE,))
    for thread in range(THREADS_AT_MOST + 1):
        (proc.thread(10, 1000 + thread) / "syscall").write_text("running\n")
    opened: list[str] = []
    original = os.open

    def counting(path: str, *arguments: int) -> int:
        opened.append(path)
        return original(path, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", counting)
        proc.find(10)
    assert sum(path.endswith("/syscall") for path in opened) <= THREADS_AT_MOST


# --- weaker evidence ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "link", "waits_on"),
    [
        ("n_tty_read", "/dev/pts/5", WaitsOn.TERMINAL),
        ("wait_woken", "/dev/tty", WaitsOn.TERMINAL),
        ("pipe_read", PIPE, WaitsOn.PIPE),
        ("anon_pipe_read.isra.0", PIPE, WaitsOn.PIPE),
    ],
)
def test_where_calls_are_not_shown_the_kernels_function_counts(
    proc: ProcDirectory, function: str, link: str, waits_on: WaitsOn
) -> None:
    (proc.add(10, links=(link,)) / "wchan").write_text(function)
    found = proc.find(10)
    assert found is not None
    assert (found.blocked_in, found.waits_on) == ("read", waits_on)
    assert found.seen_in is SeenIn.FUNCTION


@pytest.mark.parametrize(
    ("function", "link"),
    [
        ("n_tty_read", PIPE),
        ("anon_pipe_read", "/dev/pts/5"),
        ("anon_pipe_read", OTHER_PIPE),
        ("hrtimer_nanosleep", PIPE),
        ("0", PIPE),
    ],
)
def test_a_function_counts_only_with_the_standard_input_that_it_reads(
    proc: ProcDirectory, function: str, link: str
) -> None:
    (proc.add(10, links=(link,)) / "wchan").write_text(function)
    assert proc.find(10) is None


def test_on_a_machine_whose_numbers_nobody_knows_the_function_counts(
    proc: ProcDirectory,
) -> None:
    (proc.add(10, READ, 0, links=(PIPE,)) / "wchan").write_text("anon_pipe_read")
    found = find_waiting([10], INPUTS, root=str(proc.root), machine="pdp11")
    assert found is not None
    assert found.seen_in is SeenIn.FUNCTION


def test_a_call_is_better_evidence_than_a_function(proc: ProcDirectory) -> None:
    (proc.add(10, links=(PIPE,)) / "wchan").write_text("anon_pipe_read")
    proc.add(11, READ, 0, links=(PIPE,))
    found = proc.find(10, 11)
    assert found is not None
    assert found.pid == 11


# --- our own ends ------------------------------------------------------------------


@pytest.fixture
def ends() -> Iterator[tuple[int, int]]:
    """Both ends of a terminal."""
    both = pty.openpty()
    yield both
    for descriptor in both:
        os.close(descriptor)


def test_a_terminal_is_known_by_our_end(ends: tuple[int, int]) -> None:
    ours, theirs = ends
    terminal = read_terminal(ours)
    assert terminal == Terminal(
        link=os.ttyname(theirs), foreground=0, echo=True, canonical=True
    )
    attributes = termios.tcgetattr(theirs)
    attributes[3] &= ~(termios.ECHO | termios.ICANON)
    termios.tcsetattr(theirs, termios.TCSANOW, attributes)
    assert read_terminal(ours) == attrs.evolve(terminal, echo=False, canonical=False)


def test_a_terminal_of_nobody_lets_nobody_wait(proc: ProcDirectory) -> None:
    nobodys = Inputs(terminal=attrs.evolve(TERMINAL, foreground=0))
    proc.add(10, READ, 0, links=("/dev/pts/5",))
    assert proc.find(10, inputs=nobodys) is None


def test_a_pipe_is_known_by_our_end() -> None:
    theirs, ours = os.pipe()
    shown = os.readlink(f"/proc/self/fd/{theirs}")
    assert pipe_link(ours) == shown
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize("descriptor", [-1, 10**6])
def test_a_descriptor_that_is_closed_leads_nowhere(descriptor: int) -> None:
    assert read_terminal(descriptor) is None
    assert pipe_link(descriptor) is None
    assert (
        waiting_for_input(
            [os.getpid()], terminal_descriptor=descriptor, stdin_descriptor=descriptor
        )
        is None
    )


def test_a_pipe_is_no_terminal() -> None:
    theirs, ours = os.pipe()
    assert read_terminal(ours) is None
    os.close(ours)
    os.close(theirs)


def test_without_input_nobody_is_looked_at() -> None:
    assert waiting_for_input([os.getpid()]) is None
