"""The descriptors of a new process, and who closes which."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest

from commander.commands import TerminalSize
from commander.execution.descriptors import REPORT, open_descriptors
from commander.execution.seams import TerminalWish


@pytest.fixture(autouse=True)
def no_pipe_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every pipe that a test opens is closed at its end."""
    made: list[str] = []
    pipe2 = os.pipe2

    def noted(flags: int) -> tuple[int, int]:
        ends = pipe2(flags)
        made.append(os.readlink(f"/proc/self/fd/{ends[0]}"))
        return ends

    monkeypatch.setattr(os, "pipe2", noted)
    yield
    monkeypatch.undo()
    assert set(made).isdisjoint(open_files())


def open_files() -> Iterator[str]:
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the listing's own
            yield os.readlink(f"/proc/self/fd/{name}")


def test_pipes_and_copies_stand_where_they_are_wanted() -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    opened = open_descriptors({0: null, 1: "r", 2: "r"})
    assert opened.theirs[0] == null
    assert set(opened.theirs) == {0, 1, 2}
    assert set(opened.ours) == {1, 2}
    os.write(opened.theirs[2], b"error")
    assert os.read(opened.ours[2], 10) == b"error"
    opened.close()
    os.close(null)  # it was never theirs to close


def test_without_a_wish_there_are_three_pipes() -> None:
    opened = open_descriptors(None)
    os.write(opened.ours[0], b"input")
    assert os.read(opened.theirs[0], 10) == b"input"
    assert set(opened.ours) == {0, 1, 2}
    opened.close()


def test_all_that_is_opened_is_closed_on_exec() -> None:
    opened = open_descriptors({0: 0, 1: "r"})
    for descriptor in (*opened.ours.values(), *opened.theirs.values()):
        assert fcntl.fcntl(descriptor, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    opened.close()


def test_a_copy_of_a_standard_descriptor_is_moved_out_of_the_way() -> None:
    opened = open_descriptors({1: 2, 2: 1})
    assert min(opened.theirs.values()) > 2
    opened.close()


def test_what_is_the_childs_can_be_closed_first_and_only_once() -> None:
    opened = open_descriptors({1: "r"})
    opened.close_theirs()
    assert os.read(opened.ours[1], 1) == b""
    opened.close_theirs()
    opened.close()


@pytest.mark.parametrize(
    "wanted",
    [
        {0: "r"},
        {1: "w"},
        {3: "w"},
        {3: 0},
        {4: "r"},
        {-1: 0},
        {1: "x"},
        {1: "r", 0: None},
    ],
    ids=str,
)
def test_anything_else_is_refused_by_name(wanted: Mapping[int, int | str]) -> None:
    with pytest.raises(ValueError, match="childFDs"):
        open_descriptors(wanted)


def test_a_copy_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="negative"):
        open_descriptors({1: "r", 2: -1})


def test_when_no_descriptor_is_left_none_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipes = [os.pipe2(os.O_CLOEXEC)]

    def exhausted(flags: int) -> tuple[int, int]:
        if pipes:
            return pipes.pop()
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(os, "pipe2", exhausted)
    with pytest.raises(OSError, match=os.strerror(errno.EMFILE)):
        open_descriptors({1: "r", 2: "r"})


CLOSED = """
import os, sys
sys.path[:0] = {path!r}
from commander.execution.descriptors import open_descriptors
for descriptor in (0, 1, 2):
    os.close(descriptor)
opened = open_descriptors({{1: "r", 2: "r"}})
numbers = [*opened.ours.values(), *opened.theirs.values()]
os._exit(0 if min(numbers) > 2 and not os.path.exists("/proc/self/fd/0") else 1)
"""


def test_a_server_without_standard_descriptors_gets_none_by_accident() -> None:
    """Its pipes would be overwritten while they are copied in the child."""
    code = CLOSED.format(path=sys.path)
    ended = subprocess.run([sys.executable, "-c", code], check=False)
    assert ended.returncode == 0


def test_when_a_pipe_cannot_be_moved_none_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    low = {0: 1000, 1: 1001}
    closed: list[int] = []

    def no_room(descriptor: int, command: int, argument: int) -> int:
        if descriptor == 0:
            return low[0]
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(os, "pipe2", lambda flags: (0, 1))
    monkeypatch.setattr(os, "close", closed.append)
    monkeypatch.setattr(fcntl, "fcntl", no_room)
    with pytest.raises(OSError, match=os.strerror(errno.EMFILE)):
        open_descriptors({1: "r"})
    monkeypatch.undo()
    assert sorted(closed) == [0, 1, 1000]


def test_a_report_is_one_more_pipe() -> None:
    opened = open_descriptors({1: "r", REPORT: "r"})
    os.write(opened.theirs[REPORT], b"told")
    assert os.read(opened.ours[REPORT], 10) == b"told"
    opened.close()


def test_a_terminal_stands_for_all_three() -> None:
    wish = TerminalWish(size=TerminalSize(columns=5, rows=6))
    opened = open_descriptors({REPORT: "r"}, wish)
    assert opened.terminal is not None
    assert set(opened.ours) == {0, 1, REPORT}
    assert set(opened.theirs) == {REPORT}
    assert opened.ours[0] != opened.ours[1]
    for descriptor in (opened.ours[0], opened.ours[1]):
        assert os.get_terminal_size(descriptor) == (5, 6)
        assert fcntl.fcntl(descriptor, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    opened.close_theirs()
    assert opened.terminal.fileno() >= 0, "it stays until the process has ended"
    ends = tuple(opened.ours.values())
    opened.close()
    assert opened.terminal.fileno() == -1
    for descriptor in ends:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)


@pytest.mark.parametrize("child", [0, 1, 2])
def test_nothing_stands_beside_a_terminal(child: int) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(ValueError, match="terminal"):
        open_descriptors({child: "r"}, TerminalWish())
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_terminal_without_a_second_descriptor_is_closed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def exhausted(*arguments: int) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    before = len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(fcntl, "fcntl", exhausted)
    with pytest.raises(OSError, match=os.strerror(errno.EMFILE)):
        open_descriptors(None, TerminalWish())
    assert len(os.listdir("/proc/self/fd")) == before
