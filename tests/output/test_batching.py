"""Telling subscribers what arrives, on a fake clock."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.internet.task import Clock

from commander.output.batching import (
    INTERVAL_SECONDS,
    SPAN_BYTES,
    OutputSpan,
    Subscription,
)
from commander.output.budget import MemoryBudget
from commander.output.command import CommandOutput, MergedPiece
from commander.output.order import STDERR, STDOUT

LIMIT = 200_000
PER_SECOND = 20
LETTERS = bytes(range(251)) * 2_000


class Stage:
    """One command's output with one subscriber, who reads each span at once."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.output = CommandOutput(LIMIT, MemoryBudget(1_000_000))
        self.spans: list[OutputSpan] = []
        self.times: list[float] = []
        self.then: Callable[[], None] = lambda: None
        """What the subscriber does when it has received a span."""
        self.subscription: Subscription = self.output.subscribe(
            self.received, clock=self.clock, monotonic=self.clock.seconds
        )

    def received(self, span: OutputSpan) -> None:
        self.spans.append(span)
        self.times.append(self.clock.seconds())
        self.then()

    def arrive(self, size: int, stream: int = STDOUT) -> None:
        self.output.append(stream, LETTERS[:size])

    def turn(self) -> None:
        self.clock.advance(0)

    def interval(self) -> None:
        self.clock.advance(INTERVAL_SECONDS)

    @property
    def timers(self) -> int:
        return len(self.clock.getDelayedCalls())


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_the_first_output_is_told_in_the_next_turn(stage: Stage) -> None:
    stage.arrive(10)
    assert stage.spans == []
    stage.turn()
    assert stage.spans == [OutputSpan(0, 10)]


def test_what_arrives_soon_after_is_told_together_at_the_next_interval(
    stage: Stage,
) -> None:
    stage.arrive(10)
    stage.turn()
    stage.arrive(20)
    stage.arrive(30, STDERR)
    stage.clock.advance(INTERVAL_SECONDS * 0.9)
    assert len(stage.spans) == 1
    stage.clock.advance(INTERVAL_SECONDS * 0.1)
    assert stage.spans[1:] == [OutputSpan(10, 60)]


def test_what_arrives_after_a_pause_is_told_at_once_again(stage: Stage) -> None:
    stage.arrive(10)
    stage.turn()
    stage.clock.advance(10)
    assert stage.timers == 0
    stage.arrive(10)
    stage.turn()
    assert stage.spans == [OutputSpan(0, 10), OutputSpan(10, 20)]


def test_more_than_a_span_holds_is_told_in_several(stage: Stage) -> None:
    stage.arrive(SPAN_BYTES * 2 + 1)
    for _ in range(4):
        stage.interval()
    assert stage.spans == [
        OutputSpan(0, SPAN_BYTES),
        OutputSpan(SPAN_BYTES, SPAN_BYTES * 2),
        OutputSpan(SPAN_BYTES * 2, SPAN_BYTES * 2 + 1),
    ]


def test_a_gap_costs_no_more_than_one_span(stage: Stage) -> None:
    for _ in range(10):
        stage.arrive(400_000)
    stage.turn()
    stage.interval()
    head, tail = LIMIT // 4, LIMIT - LIMIT // 4
    assert stage.spans[0].end == 4_000_000 - tail + SPAN_BYTES - head
    assert stage.spans[1].start == stage.spans[0].end


def test_output_from_before_it_came_is_told_to_a_subscriber_at_once() -> None:
    stage = Stage()
    stage.arrive(10)
    late: list[OutputSpan] = []
    stage.output.subscribe(
        late.append, clock=stage.clock, monotonic=stage.clock.seconds, start=4
    )
    stage.turn()
    assert late == [OutputSpan(4, 10)]


def test_nothing_is_told_during_a_pause_and_no_timer_runs(stage: Stage) -> None:
    stage.arrive(10)
    stage.subscription.pause()
    stage.arrive(10)
    stage.clock.advance(10)
    assert stage.spans == []
    assert stage.timers == 0
    stage.subscription.resume()
    assert stage.spans == []
    stage.turn()
    assert stage.spans == [OutputSpan(0, 20)]


def test_a_pause_does_not_shorten_the_interval(stage: Stage) -> None:
    stage.arrive(10)
    stage.turn()
    stage.subscription.pause()
    stage.arrive(10)
    stage.subscription.resume()
    stage.clock.advance(INTERVAL_SECONDS * 0.9)
    assert len(stage.spans) == 1
    stage.clock.advance(INTERVAL_SECONDS * 0.1)
    assert len(stage.spans) == 2


def test_to_resume_without_a_pause_changes_nothing(stage: Stage) -> None:
    stage.subscription.resume()
    assert stage.timers == 0
    stage.arrive(10)
    stage.subscription.resume()
    assert stage.timers == 1


def test_the_end_is_told_at_once(stage: Stage) -> None:
    stage.arrive(10)
    stage.turn()
    stage.arrive(10)
    stage.output.finish()
    assert stage.spans == [OutputSpan(0, 10), OutputSpan(10, 20)]
    assert stage.timers == 0


def test_no_more_than_one_span_is_told_at_the_end_and_it_is_the_newest(
    stage: Stage,
) -> None:
    stage.arrive(10)
    stage.turn()
    stage.arrive(SPAN_BYTES + 500)
    stage.output.finish()
    assert stage.spans[1:] == [OutputSpan(510, SPAN_BYTES + 510)]


def test_the_end_of_output_that_was_told_is_not_told_again(stage: Stage) -> None:
    stage.arrive(10)
    stage.turn()
    stage.output.finish()
    stage.output.finish()
    assert stage.spans == [OutputSpan(0, 10)]


def test_who_pauses_at_the_end_is_told_when_it_resumes(stage: Stage) -> None:
    stage.subscription.pause()
    stage.arrive(10)
    stage.output.finish()
    assert stage.spans == []
    stage.subscription.resume()
    stage.turn()
    assert stage.spans == [OutputSpan(0, 10)]
    assert stage.timers == 0


def test_a_closed_subscription_is_told_nothing(stage: Stage) -> None:
    stage.arrive(10)
    stage.subscription.close()
    stage.subscription.close()
    stage.subscription.pause()
    stage.subscription.resume()
    stage.arrive(10)
    stage.output.finish()
    stage.clock.advance(10)
    assert stage.spans == []
    assert stage.timers == 0


def test_a_subscriber_may_close_while_it_is_told(stage: Stage) -> None:
    stage.then = lambda: stage.subscription.close()
    stage.arrive(SPAN_BYTES * 2)
    stage.turn()
    assert len(stage.spans) == 1
    assert stage.timers == 0


def test_a_subscriber_may_pause_while_it_is_told(stage: Stage) -> None:
    stage.then = lambda: stage.subscription.pause()
    stage.arrive(SPAN_BYTES * 2)
    stage.turn()
    assert stage.timers == 0
    stage.subscription.resume()
    stage.interval()
    assert len(stage.spans) == 2


class AnySubscriber(RuleBasedStateMachine):
    """Output, pauses and time in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage()
        self.stage.then = self.read
        self.written = bytearray()
        self.told = 0
        """Merged offset up to which all was told or shown as a gap."""
        self.paused = False
        self.pauses_itself = False
        self.finished = False
        self.closed = False

    def read(self) -> None:
        """The subscriber reads its newest span and checks it."""
        span = self.stage.spans[-1]
        assert not self.paused
        assert span.start == self.told or (self.finished and span.start > self.told)
        assert span.end > span.start
        place = span.start
        shown = 0
        for part in self.stage.output.merged(span.start, span.end):
            assert part.start == place
            if isinstance(part, MergedPiece):
                place += len(part.data)
                shown += len(part.data)
                assert part.data == self.written[part.start : place]
            else:
                place = part.end
        assert place == span.end
        assert shown <= SPAN_BYTES
        self.told = span.end
        if self.pauses_itself:
            self.pause()

    @precondition(lambda self: not self.finished)
    @rule(
        stream=st.sampled_from([STDOUT, STDERR]),
        size=st.one_of(st.integers(1, 300), st.integers(1, 400_000)),
    )
    def output_arrives(self, stream: int, size: int) -> None:
        self.written += LETTERS[:size]
        self.stage.arrive(size, stream)

    @rule(seconds=st.floats(min_value=0, max_value=0.2))
    def time_passes(self, seconds: float) -> None:
        self.stage.clock.advance(seconds)

    @rule()
    def pause(self) -> None:
        self.stage.subscription.pause()
        self.paused = True

    @rule()
    def resume(self) -> None:
        self.paused = False
        self.stage.subscription.resume()

    @rule(wanted=st.booleans())
    def pause_after_each_span(self, wanted: bool) -> None:
        self.pauses_itself = wanted

    @precondition(lambda self: self.stage.output.total_bytes > 300_000)
    @rule()
    def finish(self) -> None:
        self.finished = True
        self.stage.output.finish()
        if not self.paused and not self.closed:
            assert self.told == self.stage.output.total_bytes

    @precondition(lambda self: self.stage.output.total_bytes > 600_000)
    @rule()
    def close(self) -> None:
        self.closed = True
        self.stage.subscription.close()

    @invariant()
    def no_more_than_twenty_a_second_after_the_first(self) -> None:
        times = self.stage.times[: -1 if self.finished else None]
        for first, later in zip(times, times[PER_SECOND:], strict=False):
            assert later - first >= 1

    @invariant()
    def a_timer_runs_if_and_only_if_something_is_to_be_told(self) -> None:
        behind = self.told < self.stage.output.total_bytes
        wanted = behind and not self.paused and not self.closed
        # A pause may have outlived the end: it is noticed in the turn after it.
        late = self.finished and not self.paused and not self.closed
        assert self.stage.timers == wanted or (late and self.stage.timers <= 1)

    def teardown(self) -> None:
        """Whoever follows to the end has been told of every byte."""
        self.pauses_itself = False
        self.resume()
        self.finished = True
        self.stage.output.finish()
        self.stage.clock.advance(1)
        assert self.stage.timers == 0
        assert self.closed or self.told == len(self.written)


TestAnySubscriber = AnySubscriber.TestCase
TestAnySubscriber.settings = settings(
    max_examples=80, stateful_step_count=40, deadline=None
)
