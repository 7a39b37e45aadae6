"""Telling who listens that a job has printed more, or has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.jobs.job import Job
from commander.sessions.job_updates import UPDATE_SECONDS, JobUpdates
from commander.sessions.listening import ChangeHub, Listener
from commander.sessions.wishes import Wishes
from tests.jobs.kit import ANN, BOB, Stage

requirement = pytest.mark.requirement


class Desk:
    """A stage whose jobs are told of."""

    def __init__(self, **limits: Any) -> None:
        self.stage = Stage(**limits)
        self.hub = ChangeHub()
        self.updates = JobUpdates(self.stage.table, self.hub, self.stage.host)
        self.heard: list[str] = []

    def listener(self, *uris: str, principal: Any = ANN) -> Listener:
        listener = Listener(
            principal=principal,
            lists=(),
            resources=Wishes(uris),
            send=lambda message: self.heard.append(
                msgspec.json.decode(message)["params"]["uri"].rpartition("/")[2]
            ),
        )
        self.hub.add(listener)
        return listener

    def listen(self, job: Job, *names: str, principal: Any = ANN) -> Listener:
        uris = [f"job://{job.handle}/{name}" for name in names or ("output",)]
        return self.listener(*uris, principal=principal)

    def emit(self, data: bytes = b"x", stream: int = 1) -> None:
        self.stage.process.emit(stream, data)

    def pump(self, seconds: float) -> None:
        self.stage.pump(seconds)

    def taken(self) -> list[str]:
        """What was heard since the last time."""
        heard, self.heard = self.heard, []
        return heard


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.stage.table.close()
    assert len(desk.updates) == 0


def timers(desk: Desk) -> int:
    return len(desk.stage.timers)


@requirement("W8")
def test_the_first_output_is_told_at_once(desk: Desk) -> None:
    job = desk.stage.started()
    desk.listen(job)
    assert desk.taken() == []
    desk.emit()
    desk.pump(0.02)
    assert desk.taken() == ["output"]


@requirement("W8")
def test_more_is_told_once_a_second_however_much_there_is(desk: Desk) -> None:
    desk.listen(desk.stage.started())
    for _ in range(500):
        desk.emit(b"y\n" * 100)
        desk.pump(0.02)
    assert 10 <= len(desk.taken()) <= 11


@requirement("W8")
def test_its_end_is_told_once_and_nothing_after_it(desk: Desk) -> None:
    job = desk.stage.started()
    desk.listen(job)
    desk.emit()
    desk.stage.process.exit()
    assert job.finished
    assert desk.taken() == ["output"]
    desk.pump(5)
    assert desk.taken() == []
    assert len(desk.updates) == 0


def test_silence_costs_no_timer(desk: Desk) -> None:
    job = desk.stage.started()
    before = timers(desk)
    desk.listen(job)
    assert timers(desk) == before
    desk.emit()
    desk.pump(UPDATE_SECONDS * 3)
    assert desk.taken() == ["output"]
    assert timers(desk) == before


def test_nothing_is_watched_while_nobody_listens(desk: Desk) -> None:
    job = desk.stage.started()
    before = timers(desk)
    listener = desk.listen(job, "output", "stdout")
    assert len(desk.updates) == 1
    desk.emit()
    desk.pump(0.02)
    assert desk.taken() == ["output", "stdout"]
    listener.resources.discard(f"job://{job.handle}/output")
    desk.emit()
    desk.pump(1)
    assert desk.taken() == ["stdout"]
    desk.hub.discard(listener)
    assert len(desk.updates) == 0
    assert timers(desk) == before
    desk.emit()
    desk.pump(2)
    assert desk.taken() == []


def test_a_wish_may_come_later(desk: Desk) -> None:
    job = desk.stage.started()
    desk.emit()
    listener = desk.listener()
    listener.resources.add(f"job://{job.handle}/output")
    desk.pump(2)
    assert desk.taken() == []
    desk.emit()
    desk.pump(0.02)
    assert desk.taken() == ["output"]


def test_two_listeners_are_told_and_one_that_stays_goes_on(desk: Desk) -> None:
    job = desk.stage.started()
    first, _ = desk.listen(job), desk.listen(job)
    desk.emit()
    desk.pump(0.02)
    assert desk.taken() == ["output", "output"]
    desk.hub.discard(first)
    desk.emit()
    desk.pump(1)
    assert desk.taken() == ["output"]


def test_a_stream_is_told_of_its_own_output_only(desk: Desk) -> None:
    desk.listen(desk.stage.started(), "stdout", "stderr", "output")
    desk.emit(stream=2)
    desk.pump(0.02)
    assert sorted(desk.taken()) == ["output", "stderr"]
    desk.pump(1)
    desk.emit(stream=1)
    desk.pump(1)
    assert sorted(desk.taken()) == ["output", "stdout"]


def test_a_stream_that_nobody_listens_for_wakes_nobody_more_than_once_a_second(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = desk.stage.started()
    desk.listen(job, "stderr")
    woken: list[float] = []
    call_later: Callable[..., Any] = desk.stage.reactor.callLater

    def counted(seconds: float, *rest: Any, **more: Any) -> Any:
        woken.append(seconds)
        return call_later(seconds, *rest, **more)

    monkeypatch.setattr(desk.stage.reactor, "callLater", counted)
    for _ in range(250):
        desk.emit()
        desk.pump(0.02)
    assert desk.taken() == []
    assert len(woken) <= 15


def test_a_job_is_told_of_from_its_start_if_it_has_to_wait_for_a_slot() -> None:
    desk = Desk(slots=1)
    desk.stage.started()
    queued = desk.stage.started()
    first = desk.stage.process
    desk.listen(queued)
    first.exit()
    desk.pump(0.1)
    assert desk.taken() == []
    desk.emit()
    desk.pump(0.02)
    assert desk.taken() == ["output"]
    desk.stage.process.exit()
    assert desk.taken() == ["output"]


def test_a_job_that_is_given_up_in_the_queue_is_told_of_its_end() -> None:
    desk = Desk(slots=1)
    desk.stage.started()
    queued = desk.stage.started()
    desk.listen(queued)
    queued.cancel()
    desk.pump(0.02)
    assert desk.taken() == ["output"]


def test_what_has_ended_or_is_not_there_is_not_watched(desk: Desk) -> None:
    job = desk.stage.finished()
    desk.listen(job)
    desk.listener("x://y", "job://job_x/output")
    assert len(desk.updates) == 0


def test_another_principals_job_is_not_watched_and_theirs_goes_on(desk: Desk) -> None:
    job = desk.stage.started()
    stranger = desk.listen(job, principal=BOB)
    assert len(desk.updates) == 0
    desk.listen(job)
    desk.hub.discard(stranger)
    desk.emit()
    desk.pump(0.02)
    assert desk.taken() == ["output"]


def test_a_table_that_is_closed_ends_it(desk: Desk) -> None:
    job = desk.stage.started()
    before = timers(desk)
    desk.listen(job)
    desk.emit()
    desk.pump(0.02)
    desk.stage.table.close()
    assert len(desk.updates) == 0
    assert timers(desk) <= before


STEPS = st.lists(
    st.one_of(
        st.sampled_from(["come", "go", "exit"]),
        st.tuples(st.just("emit"), st.sampled_from([1, 2])),
        st.tuples(st.just("pump"), st.sampled_from([0.02, 0.5, 1.0])),
    ),
    max_size=30,
)


@given(STEPS)
def test_who_reads_after_each_update_misses_nothing(steps: list[Any]) -> None:
    """Whatever happens: the last update comes after the last output, and is seen."""
    desk = Desk()
    job = desk.stage.started()
    listener: Listener | None = None
    missing = False
    for step in [*steps, ("pump", 1.0), ("pump", 1.0)]:
        desk.taken()
        match step:
            case "come" if listener is None:
                listener = desk.listen(job)
                missing = False
            case "go" if listener is not None:
                desk.hub.discard(listener)
                listener = None
            case "exit" if not job.finished:
                desk.stage.process.exit()
                if listener is not None:
                    assert desk.taken() == ["output"]
                missing = False
            case ("emit", stream) if not job.finished:
                desk.emit(stream=stream)
                missing = listener is not None
            case ("pump", seconds):
                desk.pump(seconds)
                if desk.taken() or listener is None:
                    missing = False
                assert not (missing and seconds >= 1.0)
    assert len(desk.updates) == (listener is not None and not job.finished)
    desk.stage.table.close()
