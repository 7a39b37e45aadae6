"""The threads that start processes: every start comes back once, and they all end."""

from __future__ import annotations

import errno
import os
import select
import threading
from collections.abc import Callable, Iterator, Mapping
from queue import SimpleQueue
from typing import Any, cast

import pytest
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IReactorProcess, IReadDescriptor
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer
from zope.interface.verify import verifyObject

from commander.commands import TerminalSize
from commander.execution import spawner as module
from commander.execution.native import Bindings
from commander.execution.outside import Outside
from commander.execution.seams import (
    IPreparingProcessProtocol,
    ITerminalProcessProtocol,
    TerminalWish,
)
from commander.execution.spawner import ThreadedSpawner
from commander.execution.transport import SpawnedProcess, SpawnFailed
from commander.execution.writer import PipeWriter

WAIT_SECONDS = 5.0
SHELL = "/bin/sh"


class FakeBindings:
    """Prepares starts that do what the test says, and keeps what they were made of."""

    def __init__(self) -> None:
        self.prepared: list[dict[str, Any]] = []
        self.released = 0
        self.spawn: Callable[[], int] = refuse
        self.problem: Exception | None = None
        self.threads: set[str] = set()

    def prepare(self, program: bytes, **rest: Any) -> FakeBindings:
        if self.problem is not None:
            raise self.problem
        self.prepared.append({"program": program, **rest})
        return _FakePrepared(self)  # type: ignore[return-value]  # all of it that is used

    def release(self) -> None:
        self.released += 1


class _FakePrepared:
    def __init__(self, bindings: FakeBindings) -> None:
        self._bindings = bindings
        self.release = bindings.release

    def spawn(self) -> int:
        self._bindings.threads.add(threading.current_thread().name)
        return self._bindings.spawn()


def refuse() -> int:
    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))


class Ended(ProcessProtocol):
    """Keeps how it ended."""

    def __init__(self) -> None:
        self.reasons: list[Failure] = []

    def processEnded(self, reason: Failure) -> None:
        self.reasons.append(reason)

    @property
    def error(self) -> SpawnFailed:
        (reason,) = self.reasons
        assert isinstance(reason.value, SpawnFailed)
        return reason.value


class Case:
    """A spawner on a reactor in memory."""

    def __init__(self, **options: Any) -> None:
        self.reactor = MemoryReactorClock()
        self.bindings = FakeBindings()
        self.spawner = ThreadedSpawner(
            self.reactor, bindings=cast("Bindings", self.bindings), **options
        )

    def spawn(self, protocol: ProcessProtocol, **options: Any) -> SpawnedProcess:
        return self.spawner.spawnProcess(
            protocol, SHELL, [SHELL, "-c", "true"], **{"env": {}, **options}
        )

    @property
    def doorbell(self) -> IReadDescriptor:
        found = [
            reader
            for reader in self.reactor.getReaders()
            if not isinstance(reader, PipeWriter)
        ]
        return cast("IReadDescriptor", found[0])

    def deliver(self) -> None:
        """Wait for a thread to ring, and answer."""
        doorbell = self.doorbell
        assert select.select([doorbell.fileno()], [], [], WAIT_SECONDS)[0]
        doorbell.doRead()


@pytest.fixture
def case() -> Iterator[Case]:
    before = threading.active_count()
    case = Case()
    case.spawner.start()
    yield case
    case.spawner.stop()
    assert threading.active_count() == before
    assert case.reactor.getReaders() == []


@pytest.fixture
def logged() -> Iterator[list[LogEvent]]:
    """Every event that is logged."""
    events: list[LogEvent] = []
    observer = cast("ILogObserver", events.append)
    globalLogPublisher.addObserver(observer)
    yield events
    globalLogPublisher.removeObserver(observer)


def test_it_starts_processes_as_a_reactor_does(case: Case) -> None:
    assert verifyObject(IReactorProcess, case.spawner)
    assert verifyObject(IReadDescriptor, case.doorbell)
    assert case.doorbell.logPrefix() == "spawner"


def test_a_refusal_comes_back_in_the_reactors_thread_and_a_later_turn(
    case: Case,
) -> None:
    protocol = Ended()
    process = case.spawn(protocol)
    assert protocol.reasons == []
    case.deliver()
    assert protocol.error.number == errno.EAGAIN
    assert process.pid is None
    assert case.bindings.released == 1
    (thread,) = case.bindings.threads
    assert thread.startswith("spawner-")


def test_many_starts_are_delivered_together(case: Case) -> None:
    protocols = [Ended() for _ in range(50)]
    for protocol in protocols:
        case.spawn(protocol)
    while not all(protocol.reasons for protocol in protocols):
        case.deliver()
    assert {protocol.error.number for protocol in protocols} == {errno.EAGAIN}


def test_texts_and_bytes_are_passed_on_as_bytes(case: Case) -> None:
    case.spawn(Ended(), env={"NAME": "v\udcff"}, path="/tmp")
    case.spawn(Ended(), env={b"NAME": b"v\xff"}, path=b"/tmp")
    for prepared in case.bindings.prepared:
        assert prepared["program"] == b"/bin/sh"
        assert prepared["arguments"] == [b"/bin/sh", b"-c", b"true"]
        assert prepared["environment"] == [b"NAME=v\xff"]
        assert prepared["directory"] == b"/tmp"


def test_without_a_directory_or_environment_it_has_ours(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMMANDER_TEST", "inherited")
    case.spawn(Ended(), env=None)
    case.spawn(Ended(), path="")
    inherited, empty = case.bindings.prepared
    assert b"COMMANDER_TEST=inherited" in inherited["environment"]
    assert inherited["directory"] is empty["directory"] is None
    assert empty["environment"] == []


@pytest.mark.parametrize("env", [{"A=B": "c"}, {b"A=B": b"c"}], ids=["texts", "bytes"])
def test_a_name_that_would_be_read_as_another_is_refused(
    case: Case, env: Mapping[Any, Any]
) -> None:
    with pytest.raises(ValueError, match="="):
        case.spawn(Ended(), env=env)


@pytest.mark.parametrize(
    ("option", "value"), [("uid", 0), ("gid", 0), ("usePTY", (1, 2))]
)
def test_what_it_cannot_do_is_refused_by_name(
    case: Case, option: str, value: object
) -> None:
    with pytest.raises(ValueError, match=option):
        case.spawn(Ended(), **{option: value})


def test_a_start_that_cannot_be_prepared_leaves_nothing(case: Case) -> None:
    before = len(os.listdir("/proc/self/fd"))
    case.bindings.problem = ValueError("embedded null byte")
    with pytest.raises(ValueError, match="null"):
        case.spawn(Ended())
    assert len(os.listdir("/proc/self/fd")) == before


def test_without_a_descriptor_left_it_is_refused_at_once(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(flags: int) -> tuple[int, int]:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(os, "pipe2", exhausted)
    with pytest.raises(OSError, match=os.strerror(errno.EMFILE)):
        case.spawn(Ended())


@implementer(IPreparingProcessProtocol)
class Preparing(Ended):
    """Says in which thread it was asked to look at its process."""

    def __init__(self) -> None:
        super().__init__()
        self.before = self.thread = ""

    def child_spawning(self) -> None:
        self.before = threading.current_thread().name

    def child_spawned(self, pid: int) -> None:
        self.thread = threading.current_thread().name
        raise PermissionError(errno.EPERM, "no limit can be set")


def test_a_protocol_that_prepares_its_process_does_so_in_the_spawning_thread(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "pidfd_open", lambda pid: os.open(os.devnull, os.O_RDONLY))
    case.bindings.spawn = lambda: 2**22 + 1  # no process can have this id
    protocol = Preparing()
    case.spawn(protocol)
    case.deliver()
    assert protocol.thread.startswith("spawner-")
    assert protocol.before == protocol.thread
    assert protocol.error.number == errno.EPERM


def test_another_thread_prepares_a_process_if_the_spawners_may_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = threading.active_count()
    monkeypatch.setattr(os, "pidfd_open", lambda pid: os.open(os.devnull, os.O_RDONLY))
    case = Case(outside=Outside())
    case.spawner.start()
    case.bindings.spawn = lambda: 2**22 + 1
    protocol = Preparing()
    case.spawn(protocol)
    case.deliver()
    assert protocol.thread == "outside"
    assert protocol.error.number == errno.EPERM
    case.spawn(Ended())
    case.deliver()
    case.spawner.stop()
    assert threading.active_count() == before


def test_one_that_is_killed_while_it_waits_never_begins() -> None:
    case = Case(threads=1)
    gate: SimpleQueue[None] = SimpleQueue()
    case.bindings.spawn = lambda: gate.get() or refuse()
    case.spawner.start()
    first, second = Ended(), Ended()
    case.spawn(first)
    case.spawn(second).signalProcess("KILL")
    gate.put(None)
    while not second.reasons:
        case.deliver()
    assert first.error.number == errno.EAGAIN
    assert second.error.number == errno.ECANCELED
    case.spawner.stop()


def test_starts_that_wait_fail_when_it_stops() -> None:
    case = Case(threads=1)
    gate: SimpleQueue[None] = SimpleQueue()
    taken = threading.Event()

    def slow() -> int:
        taken.set()
        gate.get()
        return refuse()

    case.bindings.spawn = slow
    case.spawner.start()
    protocols = [Ended() for _ in range(3)]
    for protocol in protocols:
        case.spawn(protocol)
    assert taken.wait(WAIT_SECONDS)
    opener = threading.Timer(0.05, gate.put, (None,))
    opener.start()
    case.spawner.stop()
    opener.join()
    assert [protocol.error.number for protocol in protocols] == [
        errno.EAGAIN,
        errno.ECANCELED,
        errno.ECANCELED,
    ]
    assert case.bindings.released == 3
    assert case.reactor.getReaders() == []


def test_a_thread_that_is_stuck_does_not_hold_up_the_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it brings forth later is ended, and rings nobody."""
    monkeypatch.setattr(module, "STOP_SECONDS", 0.05)
    killed: SimpleQueue[int] = SimpleQueue()

    def kill_group(group: int, number: int) -> None:
        killed.put(group)
        raise ProcessLookupError(errno.ESRCH, "No such process")

    monkeypatch.setattr(os, "killpg", kill_group)
    monkeypatch.setattr(os, "pidfd_open", lambda pid: os.open(os.devnull, os.O_RDONLY))
    case = Case(threads=1)
    gate: SimpleQueue[int] = SimpleQueue()
    taken = threading.Event()

    def stuck() -> int:
        taken.set()
        return gate.get()

    case.bindings.spawn = stuck
    before = set(threading.enumerate())
    case.spawner.start()
    (thread,) = set(threading.enumerate()) - before
    protocol = Ended()
    case.spawn(protocol)
    assert taken.wait(WAIT_SECONDS)
    case.spawner.stop()
    assert protocol.error.number == errno.ECANCELED
    gate.put(2**22 + 1)
    assert killed.get(timeout=WAIT_SECONDS) == 2**22 + 1
    thread.join(WAIT_SECONDS)
    assert not thread.is_alive()
    assert len(protocol.reasons) == 1
    assert case.bindings.released == 0, "it was in use when the start was given up"


def test_stopping_twice_is_stopping_once(case: Case) -> None:
    case.spawner.stop()
    case.spawner.stop()
    assert case.reactor.getReaders() == []


def test_it_starts_nothing_before_its_start_or_after_its_stop() -> None:
    case = Case()
    with pytest.raises(OSError, match="does not run"):
        case.spawn(Ended())
    case.spawner.start()
    case.spawner.stop()
    with pytest.raises(OSError, match="does not run"):
        case.spawn(Ended())


def test_it_starts_once(case: Case) -> None:
    with pytest.raises(RuntimeError):
        case.spawner.start()
    case.spawner.stop()
    with pytest.raises(RuntimeError):
        case.spawner.start()


def test_one_that_never_started_can_be_stopped() -> None:
    case = Case()
    case.spawner.stop()
    with pytest.raises(RuntimeError):
        case.spawner.start()


def test_each_thread_prepares_itself_before_its_first_start() -> None:
    names: SimpleQueue[str] = SimpleQueue()
    case = Case(
        threads=3, thread_started=lambda: names.put(threading.current_thread().name)
    )
    case.spawner.start()
    found = {names.get_nowait() for _ in range(3)}
    assert found == {"spawner-1", "spawner-2", "spawner-3"}
    assert names.empty()
    case.spawner.stop()


def test_a_thread_that_cannot_prepare_itself_stops_the_start() -> None:
    before = threading.active_count()

    def restrict() -> None:
        if threading.current_thread().name == "spawner-2":
            raise PermissionError(errno.EPERM, "no Landlock")

    case = Case(threads=3, thread_started=restrict)
    with pytest.raises(PermissionError, match="no Landlock"):
        case.spawner.start()
    assert threading.active_count() == before
    assert case.reactor.getReaders() == []


def test_a_start_that_breaks_us_is_logged_and_harms_no_other(
    case: Case, logged: list[LogEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, sound = Ended(), Ended()
    process = case.spawn(broken)

    def fail(error: SpawnFailed) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(process, "failed", fail)
    case.spawn(sound)
    while not (sound.reasons and logged):  # two threads: in any order
        case.deliver()
    assert [event["log_failure"].type for event in logged] == [RuntimeError]
    monkeypatch.undo()
    process.failed(SpawnFailed(errno.EAGAIN, "again"))


def test_an_event_that_nobody_rang_for_is_nothing(case: Case) -> None:
    case.doorbell.doRead()
    protocol = Ended()
    case.spawn(protocol)
    case.deliver()
    assert protocol.error.number == errno.EAGAIN


def test_the_end_of_the_reactor_leaves_the_closing_to_stop(case: Case) -> None:
    case.doorbell.connectionLost(Failure(ConnectionLost()))
    assert case.doorbell.fileno() >= 0


@implementer(ITerminalProcessProtocol)
class Wishing(Ended):
    """Wants a terminal of its own size."""

    terminal = TerminalWish(size=TerminalSize(columns=9, rows=8))


@pytest.mark.parametrize(
    ("protocol", "size"), [(Ended(), (80, 24)), (Wishing(), (9, 8))]
)
def test_a_terminal_is_as_its_protocol_wishes(
    case: Case, protocol: Ended, size: tuple[int, int]
) -> None:
    before = len(os.listdir("/proc/self/fd"))
    process = case.spawn(protocol, usePTY=True, childFDs={3: "r"})
    descriptor = process.terminal_descriptor()
    assert descriptor is not None
    assert os.get_terminal_size(descriptor) == size
    (prepared,) = case.bindings.prepared
    assert prepared["terminal"].startswith(b"/dev/pts/")
    assert set(prepared["descriptors"]) == {3}
    case.deliver()
    assert protocol.error.number == errno.EAGAIN
    assert len(os.listdir("/proc/self/fd")) == before


def test_without_a_terminal_it_is_refused_at_once(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    def openpty() -> tuple[int, int]:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "openpty", openpty)
    with pytest.raises(OSError, match="terminals are in use"):
        case.spawn(Ended(), usePTY=True)
