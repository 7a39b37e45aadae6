"""What each signal asks of the server, and what ``twist`` still gets to see."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

from commander import signals
from commander.signals import Signals, has_terminal

WATCHED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Server:
    """The reactor and the service, as far as signals know them.

    A call from a handler waits until ``turn``.
    """

    def __init__(self) -> None:
        self.done: list[str] = []
        self._asked: list[Callable[[], None]] = []

    def callFromThread(self, call: Callable[[], None]) -> None:
        self._asked.append(call)

    def turn(self) -> list[str]:
        """Let the reactor call what it was asked to; all that was done so far."""
        asked, self._asked = self._asked, []
        for call in asked:
            call()
        return self.done

    def stop(self) -> None:
        self.done.append("stop")

    def hurry(self) -> None:
        self.done.append("hurry")

    def hang_up(self) -> None:
        self.done.append("hang up")

    def note_stop_reason(self, reason: str) -> None:
        self.done.append(reason)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Puts the signal handlers back, and begins with those of a new process."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in WATCHED}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether there is one; its last item counts."""
    there = [True]
    monkeypatch.setattr(signals, "has_terminal", lambda: there[-1])
    return there


def watched(*, ends_with_terminal: bool = True) -> Server:
    server: Any = Server()
    Signals(server, server, ends_with_terminal=ends_with_terminal).watch()
    assert isinstance(server, Server)
    return server


def come(number: signal.Signals) -> None:
    """The signal comes, and is handled at once, as Python does it."""
    handler: Any = signal.getsignal(number)
    handler(number, None)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_to_end_is_handed_on(number: signal.Signals) -> None:
    seen: list[int] = []

    def of_twist(got: int, frame: FrameType | None) -> None:
        seen.append(got)

    signal.signal(number, of_twist)
    server = watched()
    come(number)
    assert seen == [number]
    assert server.turn() == [number.name]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_nobody_handled_stops_the_reactor(number: signal.Signals) -> None:
    server = watched()
    come(number)
    assert server.done == [number.name]
    assert server.turn() == [number.name, "stop"]


def test_a_second_signal_to_end_hurries() -> None:
    server = watched()
    come(signal.SIGTERM)
    come(signal.SIGINT)
    come(signal.SIGTERM)
    assert server.turn() == ["SIGTERM", "stop", "hurry", "hurry"]


def test_a_hang_up_is_handled_by_the_reactor_and_ends_nothing(
    terminal: list[bool],
) -> None:
    server = watched()
    come(signal.SIGHUP)
    assert server.done == []
    assert server.turn() == ["hang up"]
    come(signal.SIGHUP)
    assert server.turn() == ["hang up", "hang up"]


def test_hang_ups_do_not_count_as_signals_to_end(terminal: list[bool]) -> None:
    server = watched()
    come(signal.SIGHUP)
    come(signal.SIGTERM)
    come(signal.SIGHUP)
    assert server.turn() == ["SIGTERM", "hang up", "stop", "hang up"]


def test_a_terminal_that_is_gone_ends_the_server_once(terminal: list[bool]) -> None:
    server = watched()
    terminal.append(False)
    come(signal.SIGHUP)
    come(signal.SIGHUP)
    assert server.turn() == ["SIGHUP", "stop"]


@pytest.mark.parametrize("kind", ["never had one", "nohup", "standard input"])
def test_a_hang_up_never_ends_a_server_that_is_not_on_a_terminal(
    terminal: list[bool], kind: str
) -> None:
    if kind == "never had one":
        terminal.append(False)
    if kind == "nohup":
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    server = watched(ends_with_terminal=kind != "standard input")
    terminal.append(False)
    come(signal.SIGHUP)
    assert server.turn() == ["hang up"]


def test_a_process_knows_whether_it_has_a_terminal() -> None:
    program = (
        "import os, signal, sys; from commander.signals import has_terminal as has\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "os.setsid(); print(has())\n"
        "tty = os.open(sys.argv[1], os.O_RDWR); print(has(), flush=True)\n"
        "sys.stdin.readline(); print(has())"
    )
    controller, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", program, os.ttyname(terminal)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        said = [process.stdout.readline() for _ in range(2)]
        os.close(terminal)
        os.close(controller)
        process.stdin.write("\n")
        process.stdin.flush()
        said.append(process.stdout.readline())
    assert said == ["False\n", "True\n", "False\n"]
    assert has_terminal() in (True, False)
