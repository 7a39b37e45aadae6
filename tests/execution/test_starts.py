"""One start: what it reports, and what it leaves when something fails."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.python.failure import Failure

from commander.execution.descriptors import ChildDescriptors
from commander.execution.native import Prepared
from commander.execution.reader import IDescriptorReactor
from commander.execution.seams import IPreparingProcessProtocol
from commander.execution.starts import Start
from commander.execution.transport import SpawnedProcess, SpawnFailed

NOBODY = 2**22 + 1
"""No process can have this id: the kernel's limit is below."""


class FakePrepared:
    """A spawn that succeeds, unless it is told otherwise."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.spawned = 0
        self.released = 0

    def spawn(self) -> int:
        self.spawned += 1
        if self.error is not None:
            raise self.error
        return NOBODY

    def release(self) -> None:
        self.released += 1


class Ended(ProcessProtocol):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.connections = 0
        self.reasons: list[Failure] = []

    def connectionMade(self) -> None:
        self.connections += 1

    def processEnded(self, reason: Failure) -> None:
        self.reasons.append(reason)


class Case:
    """A start with a pretend kernel."""

    def __init__(self, error: Exception | None = None) -> None:
        clock = MemoryReactorClock()
        self.protocol = Ended()
        self.process = SpawnedProcess(IDescriptorReactor(clock, clock), self.protocol)
        self.prepared = FakePrepared(error)
        self.spawned: list[int] = []
        self.setup_error: Exception | None = None
        self.start = Start(
            process=self.process,
            prepared=cast("Prepared", self.prepared),
            descriptors=ChildDescriptors(),
            subject=(b"/bin/sh", b"/"),
            preparing=cast("IPreparingProcessProtocol", self),
        )

    def child_spawning(self) -> None:
        self.spawned.append(0)

    def child_spawned(self, pid: int) -> None:
        self.spawned.append(pid)
        if self.setup_error is not None:
            raise self.setup_error

    def fail(self) -> SpawnFailed:
        """How it failed, as the protocol hears it."""
        self.start.spawn()
        self.start.settle()
        (reason,) = self.protocol.reasons
        assert isinstance(reason.value, SpawnFailed)
        assert self.prepared.released == 1
        assert self.protocol.connections == 0
        return reason.value


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The groups that were signalled; there are no processes."""
    killed: list[tuple[int, int]] = []

    def kill_group(group: int, number: int) -> None:
        killed.append((group, number))
        raise ProcessLookupError(errno.ESRCH, "No such process")

    monkeypatch.setattr(os, "killpg", kill_group)
    monkeypatch.setattr(os, "pidfd_open", lambda pid: os.open(os.devnull, os.O_RDONLY))
    return killed


@pytest.fixture
def logged() -> Iterator[list[LogEvent]]:
    """Every event that is logged."""
    events: list[LogEvent] = []
    observer = cast("ILogObserver", events.append)
    globalLogPublisher.addObserver(observer)
    yield events
    globalLogPublisher.removeObserver(observer)


def test_a_process_is_looked_at_before_its_protocol_hears_of_it(
    killed: list[tuple[int, int]],
) -> None:
    case = Case()
    case.start.spawn()
    assert case.spawned == [0, NOBODY]
    assert case.protocol.connections == 0
    case.start.settle()
    assert case.protocol.connections == 1
    assert case.process.pid == NOBODY
    assert case.prepared.released == 1
    assert killed == []
    case.start.undo()
    assert killed == [(NOBODY, signal.SIGKILL)]


def test_a_protocol_that_looks_at_nothing_is_not_asked(
    killed: list[tuple[int, int]],
) -> None:
    case = Case()
    case.start.preparing = None
    case.start.spawn()
    assert case.start.error is None
    assert case.spawned == []
    case.start.undo()


def test_one_that_was_killed_first_never_begins() -> None:
    case = Case()
    case.process.signalProcess("KILL")
    error = case.fail()
    assert error.number == errno.ECANCELED
    assert case.prepared.spawned == 0
    with pytest.raises(ProcessExitedAlready):
        case.process.signalProcess("KILL")


def test_that_no_process_can_be_made_is_said_in_words() -> None:
    error = Case(OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))).fail()
    assert error.number == errno.EAGAIN
    assert str(error) == (
        "cannot start a process: no more processes can be made: the limit of the "
        "container, or of the user, is reached"
    )


@pytest.mark.parametrize(
    "number", [errno.ENOMEM, errno.E2BIG, errno.EMFILE, errno.ENFILE]
)
def test_what_is_about_no_path_names_none(number: int) -> None:
    error = Case(OSError(number, os.strerror(number))).fail()
    assert error.number == number
    assert str(error) == f"cannot start a process: {os.strerror(number)}"


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.ENOEXEC])
def test_a_program_that_cannot_be_executed_is_named(number: int) -> None:
    error = Case(OSError(number, os.strerror(number))).fail()
    assert str(error) == f"cannot start a process: /bin/sh: {os.strerror(number)}"


def test_a_directory_that_is_gone_is_named(tmp_path: Path) -> None:
    case = Case(FileNotFoundError(errno.ENOENT, "No such file or directory"))
    gone = tmp_path / "gone"
    case.start.subject = (b"/bin/sh", os.fsencode(gone))
    expected = f"cannot start a process: {gone}: No such file or directory"
    assert str(case.fail()) == expected


def test_without_a_directory_it_is_the_program() -> None:
    case = Case(FileNotFoundError(errno.ENOENT, "No such file or directory"))
    case.start.subject = (b"/no/shell", None)
    assert "/no/shell" in str(case.fail())


def test_a_fault_of_ours_is_logged_and_named_as_such(logged: list[LogEvent]) -> None:
    error = Case(TypeError("wrong")).fail()
    assert error.number == errno.ECANCELED
    assert str(error) == "cannot start a process: internal error"
    assert [event["log_failure"].type for event in logged] == [TypeError]


def test_one_that_cannot_be_watched_is_ended(
    killed: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(pid: int) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(os, "pidfd_open", exhausted)
    error = Case().fail()
    assert error.number == errno.EMFILE
    assert killed == [(NOBODY, signal.SIGKILL)]


@pytest.mark.parametrize(
    ("problem", "number", "words"),
    [
        (PermissionError(errno.EPERM, "no limit"), errno.EPERM, "no limit"),
        (OSError("no number"), errno.EIO, "no number"),
        (RuntimeError("a mistake"), errno.ECANCELED, "internal error"),
    ],
    ids=["refused", "odd", "mistake"],
)
def test_one_that_cannot_be_set_up_is_ended(
    killed: list[tuple[int, int]], problem: Exception, number: int, words: str
) -> None:
    case = Case()
    case.setup_error = problem
    error = case.fail()
    assert error.number == number
    assert str(error) == f"cannot start a process: {words}"
    assert killed == [(NOBODY, signal.SIGKILL)]
    case.start.undo()
    assert killed == [(NOBODY, signal.SIGKILL)], "a second time it may hit another"


def test_one_that_is_given_up_while_it_is_spawned_keeps_its_memory() -> None:
    case = Case()
    case.start.abandon(SpawnFailed(errno.ECANCELED, "the server stops"))
    assert [str(reason.value) for reason in case.protocol.reasons] == [
        "the server stops"
    ]
    assert case.prepared.released == 0
