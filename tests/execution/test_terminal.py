"""Terminals: what one is like, and what is said when there is none."""

from __future__ import annotations

import errno
import os
import termios
from collections.abc import Iterator

import pytest

from commander.commands import TerminalSize
from commander.execution.seams import TerminalWish
from commander.execution.terminal import Terminal, open_terminal

IUTF8 = 0x4000


class Ends:
    """A terminal and its master, both closed in the end."""

    def __init__(self, wish: TerminalWish | None = None) -> None:
        self.terminal, self.master = open_terminal(wish or TerminalWish())

    def close(self) -> None:
        self.terminal.close()
        os.close(self.master)


@pytest.fixture
def ends() -> Iterator[Ends]:
    ends = Ends()
    yield ends
    ends.close()


def test_a_terminal_is_as_it_was_wished(ends: Ends) -> None:
    assert os.ttyname(ends.terminal.fileno()) == os.fsdecode(ends.terminal.path)
    assert os.get_terminal_size(ends.master) == (80, 24)
    assert termios.tcgetattr(ends.master)[0] & IUTF8
    for descriptor in (ends.master, ends.terminal.fileno()):
        assert not os.get_inheritable(descriptor)
    wish = TerminalWish(size=TerminalSize(columns=1, rows=2))
    other = Ends(wish)
    assert os.get_terminal_size(other.master) == (1, 2)
    other.close()


@pytest.mark.parametrize(
    ("columns", "rows", "becomes"),
    [(132, 50, (132, 50)), (10**9, -5, (65535, 0)), (0, 0, (0, 0))],
)
def test_a_size_goes_as_far_as_the_kernel_can(
    ends: Ends, columns: int, rows: int, becomes: tuple[int, int]
) -> None:
    ends.terminal.resize(TerminalSize(columns=columns, rows=rows))
    assert os.get_terminal_size(ends.master) == becomes


def test_the_end_of_file_is_the_terminals_own(ends: Ends) -> None:
    assert ends.terminal.end_of_file() == b"\x04"
    modes = termios.tcgetattr(ends.master)
    modes[6][termios.VEOF] = b"\x05"
    termios.tcsetattr(ends.master, termios.TCSANOW, modes)
    assert ends.terminal.end_of_file() == b"\x05"
    modes[6][termios.VEOF] = b"\0"
    termios.tcsetattr(ends.master, termios.TCSANOW, modes)
    assert ends.terminal.end_of_file() == b""


def test_of_one_that_was_hung_up_or_closed_nothing_is_asked(ends: Ends) -> None:
    other = Ends()
    os.close(other.master)
    other.terminal.resize(TerminalSize())
    assert other.terminal.end_of_file() == b""
    for _ in range(2):
        other.terminal.close()
    assert other.terminal.fileno() == -1
    other.terminal.resize(TerminalSize())
    assert other.terminal.end_of_file() == b""


def test_it_is_given_to_its_owner_and_no_group(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[int, int, int]] = []

    def fchown(descriptor: int, uid: int, gid: int) -> None:
        given.append((descriptor, uid, gid))
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", fchown)
    ends.terminal.hand_over()
    assert given == []
    Terminal(b"", 7, 1234).hand_over()
    assert given == [(7, 1234, -1)]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "kernel.pty.max"),
        (errno.ENOENT, "/dev/ptmx"),
        (errno.EMFILE, "Too many open files"),
    ],
)
def test_why_there_is_none_is_said(
    monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def openpty() -> tuple[int, int]:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "openpty", openpty)
    with pytest.raises(OSError, match=words) as refused:
        open_terminal(TerminalWish())
    assert refused.value.errno == number
    assert "no terminal can be made" in str(refused.value)


def test_one_that_has_no_name_here_is_closed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[int] = []
    openpty = os.openpty

    def noted() -> tuple[int, int]:
        made.extend(openpty())
        return made[0], made[1]

    def ttyname(descriptor: int) -> str:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))

    monkeypatch.setattr(os, "openpty", noted)
    monkeypatch.setattr(os, "ttyname", ttyname)
    with pytest.raises(OSError, match="No such device"):
        open_terminal(TerminalWish())
    for descriptor in made:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)
