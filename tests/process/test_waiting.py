"""Who waits for input, by the kernel's word about real programs.

A program is looked at until the answer is the one that is expected; one that must not
wait is looked at once it is known to be blocked where it stays.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import attrs
import pytest

from commander.execution.tree import ProcFiles
from commander.execution.waiting import (
    SeenIn,
    WaitingEvidence,
    WaitsOn,
    waiting_for_input,
)

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(
        not os.path.exists("/proc/self/syscall"),
        reason="this kernel does not tell what a thread is blocked in",
    ),
]

PATIENCE_SECONDS = 30.0
POLL_SECONDS = 0.01
PYTHON = (sys.executable, "-I", "-S")
LEADER = (
    *(*PYTHON, "-c"),
    "import os, sys; os.login_tty(0); os.execvp(sys.argv[1], sys.argv[1:])",
)
"""Leads a session whose terminal is standard input, and becomes a program."""
FILES = ProcFiles()


@attrs.frozen(kw_only=True)
class Program:
    """A program that runs with a terminal or a pipe of ours."""

    process: subprocess.Popen[bytes]
    terminal: int | None = None
    stdin: int | None = None

    def processes(self) -> dict[int, str]:
        """Its living processes, and their names."""
        walk = FILES.below([self.process.pid], lambda: True)
        own = FILES.process(self.process.pid)
        everybody = (*(() if own is None else (own,)), *walk.found)
        return {each.pid: each.name for each in everybody if each.alive}

    def look(self) -> WaitingEvidence | None:
        return waiting_for_input(
            list(self.processes()),
            terminal_descriptor=self.terminal,
            stdin_descriptor=self.stdin,
        )

    def waits(self) -> WaitingEvidence:
        """The evidence, once there is some."""
        found: list[WaitingEvidence] = []

        def look() -> bool:
            evidence = self.look()
            found.extend(() if evidence is None else (evidence,))
            return bool(found)

        until(look, f"{self.process.args!r} waits for input")
        return found[0]

    def type(self, text: bytes) -> None:
        assert self.terminal is not None
        os.write(self.terminal, text)

    def sleeps_in(self, name: str, *functions: str) -> int:
        """The process of a name, once it sleeps in one of these of the kernel."""
        found: list[int] = []

        def look() -> bool:
            for pid, its_name in self.processes().items():
                with contextlib.suppress(OSError), open(f"/proc/{pid}/wchan") as file:
                    if its_name == name and file.read().startswith(functions):
                        found.append(pid)
            return bool(found)

        until(look, f"{name} sleeps in {functions}")
        return found[0]


def until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        if time.monotonic() > deadline:
            pytest.fail(f"waited in vain: {what}")
        time.sleep(POLL_SECONDS)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a program with all its descendants."""
    walk = FILES.below([process.pid], lambda: True)
    process.kill()
    for each in walk.found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(each.pid, signal.SIGKILL)
    process.wait(PATIENCE_SECONDS)


@contextlib.contextmanager
def on_terminal(*command: str) -> Iterator[Program]:
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [*LEADER, *command],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={"PATH": os.environ["PATH"], "TERM": "dumb"},
    )
    os.close(theirs)
    try:
        yield Program(process=process, terminal=ours)
    finally:
        end(process)
        os.close(ours)


@contextlib.contextmanager
def on_pipe(*command: str) -> Iterator[Program]:
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        try:
            yield Program(process=process, stdin=process.stdin.fileno())
        finally:
            end(process)


def needs(program: str) -> str:
    """The path of a program, or the test is skipped."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not on this machine")
    return path


# --- a terminal --------------------------------------------------------------------


def test_cat_on_a_terminal_waits() -> None:
    with on_terminal("cat") as program:
        assert program.waits() == WaitingEvidence(
            pid=program.process.pid,
            name="cat",
            blocked_in="read",
            waits_on=WaitsOn.TERMINAL,
            seen_in=SeenIn.CALL,
            echo=True,
            canonical=True,
        )


def test_a_shell_that_asks_waits() -> None:
    with on_terminal("sh", "-c", "printf 'Name: '; read name") as program:
        evidence = program.waits()
    assert (evidence.blocked_in, evidence.echo) == ("read", True)


def test_a_password_is_asked_for_without_an_echo() -> None:
    with on_terminal(needs("bash"), "-c", "read -s secret") as program:
        until(lambda: program.waits().echo is False, "the echo is off")
        assert program.waits().canonical is True


def test_who_opens_the_terminal_by_its_other_name_waits() -> None:
    with on_terminal("sh", "-c", "read name </dev/tty") as program:
        assert program.waits().waits_on is WaitsOn.TERMINAL


def test_a_python_prompt_waits_line_after_line() -> None:
    with on_terminal(*PYTHON, "-i", "-q") as program:
        evidence = program.waits()
        assert evidence.waits_on is WaitsOn.TERMINAL
        program.type(b"import time; time.sleep(97)\r")
        until(lambda: program.look() is None, "it is at work")


def test_an_editor_of_lines_takes_single_keys() -> None:
    with on_terminal(needs("bash"), "--norc", "--noprofile", "-i") as program:
        until(lambda: program.waits().canonical is False, "it takes single keys")
        evidence = program.waits()
    assert evidence.blocked_in in {"read", "select", "pselect6", "poll", "ppoll"}
    assert evidence.others == 0


@pytest.mark.parametrize(
    ("script", "call"),
    [
        ("select.select([0], [], [])", ("select", "pselect6")),
        ("p = select.poll(); p.register(0, 1); p.poll()", ("poll", "ppoll")),
        (
            "p = select.epoll(); p.register(0, 1); p.poll()",
            ("epoll_wait", "epoll_pwait"),
        ),
    ],
)
def test_a_set_with_the_terminal_in_it_is_waited_for(
    script: str, call: tuple[str, ...]
) -> None:
    with on_terminal(*PYTHON, "-c", f"import select; {script}") as program:
        evidence = program.waits()
    assert evidence.blocked_in in call
    assert (evidence.seen_in, evidence.others) == (SeenIn.CALL, 0)


def test_what_is_waited_for_besides_is_counted() -> None:
    script = "import os, select; select.select([0, *os.pipe()[:1]], [], [])"
    with on_terminal(*PYTHON, "-c", script) as program:
        assert program.waits().others == 1


def test_a_thread_waits_for_its_process() -> None:
    script = "import sys, threading; threading.Thread(target=sys.stdin.read).start()"
    with on_terminal(*PYTHON, "-c", script) as program:
        assert program.waits().blocked_in == "read"


def test_who_sleeps_on_a_terminal_does_not_wait() -> None:
    with on_terminal("sleep", "97") as program:
        program.sleeps_in("sleep", "hrtimer_nanosleep", "do_nanosleep")
        assert program.look() is None


def test_who_is_busy_does_not_wait() -> None:
    with on_terminal("sh", "-c", "echo; while :; do :; done") as program:
        assert program.terminal is not None
        os.read(program.terminal, 1)
        assert [program.look() for _ in range(20)] == [None] * 20


def test_who_waits_for_the_command_before_it_does_not_wait_for_a_person() -> None:
    with on_terminal("sh", "-c", "sleep 97 | cat") as program:
        program.sleeps_in("cat", "pipe_read", "anon_pipe_read")
        assert program.look() is None


def test_the_first_of_two_waits_for_a_person() -> None:
    with on_terminal("sh", "-c", "cat | tr a b") as program:
        evidence = program.waits()
        program.sleeps_in("tr", "pipe_read", "anon_pipe_read")
        assert evidence.name == "cat"
        for _ in range(20):
            again = program.look()
            assert again is not None
            assert again.name == "cat"


def test_in_the_background_of_a_terminal_nobody_waits() -> None:
    with on_terminal("sh", "-mc", "cat & sleep 97") as program:
        stopped = program.sleeps_in("cat", "do_signal_stop", "do_jobctl")
        assert program.look() is None
        process = FILES.process(stopped)
        assert process is not None
        assert process.state == "T"


def test_who_is_stopped_does_not_wait_until_it_goes_on() -> None:
    with on_terminal("cat") as program:
        pid = program.waits().pid
        os.kill(pid, signal.SIGSTOP)
        until(lambda: program.look() is None, "it is stopped")
        os.kill(pid, signal.SIGCONT)
        assert program.waits().pid == pid


def test_another_terminal_is_not_ours() -> None:
    with on_terminal("cat") as one, on_terminal("cat") as other:
        one.waits()
        other.waits()
        crossed = waiting_for_input(
            [one.process.pid], terminal_descriptor=other.terminal
        )
        assert crossed is None


# --- a pipe ------------------------------------------------------------------------


def test_cat_on_a_pipe_waits() -> None:
    with on_pipe("cat") as program:
        evidence = program.waits()
    assert evidence.waits_on is WaitsOn.PIPE
    assert (evidence.blocked_in, evidence.echo) == ("read", None)


def test_on_a_pipe_the_first_of_two_waits_and_the_second_never() -> None:
    with on_pipe("sh", "-c", "cat | tr a b") as program:
        assert program.waits().name == "cat"
        second = program.sleeps_in("tr", "pipe_read", "anon_pipe_read")
        assert waiting_for_input([second], stdin_descriptor=program.stdin) is None


def test_who_reads_from_its_own_pipe_does_not_wait() -> None:
    with on_pipe("sh", "-c", "sleep 97 | cat") as program:
        program.sleeps_in("cat", "pipe_read", "anon_pipe_read")
        assert program.look() is None


def test_in_the_background_the_pipe_may_be_read() -> None:
    with on_pipe("sh", "-c", "exec 3<&0; cat <&3 & sleep 97") as program:
        assert program.waits().name == "cat"


# --- whatever happens --------------------------------------------------------------


def test_processes_that_come_and_go_make_no_look_fail() -> None:
    script = "while :; do : | cat >/dev/null; done"
    with on_terminal("sh", "-c", script) as program:
        deadline = time.monotonic() + 0.5
        looks = 0
        while time.monotonic() < deadline or looks < 50:
            program.look()
            looks += 1


def test_a_set_of_descriptors_that_is_gone_is_no_evidence() -> None:
    """Another thread has taken away the memory that it stood in."""
    script = (
        "import ctypes, mmap, threading, time\n"
        "libc = ctypes.CDLL(None)\n"
        "libc.mmap.restype = ctypes.c_void_p\n"
        "at = libc.mmap(None, 4096, 3, 0x22, -1, 0)\n"
        "ctypes.memmove(at, b'\\0\\0\\0\\0\\1\\0\\0\\0', 8)\n"
        "poll = lambda: libc.poll(ctypes.c_void_p(at), 1, -1)\n"
        "threading.Thread(target=poll).start()\n"
        "time.sleep(0.1)\n"
        "libc.munmap(ctypes.c_void_p(at), 4096)\n"
        "print(flush=True)\n"
        "time.sleep(97)\n"
    )
    with on_terminal(*PYTHON, "-c", script) as program:
        assert program.terminal is not None
        os.read(program.terminal, 1)
        assert program.look() is None
