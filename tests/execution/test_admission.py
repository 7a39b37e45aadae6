"""Slots and the queue before them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from commander.cancellation import Cancellation
from commander.commands import Busy, Cancelled
from commander.execution.admission import Admission, Slot
from commander.principals import Principal

ANN, BOB = Principal("ann"), Principal("bob")


def made(
    clock: Clock, *, concurrent: int = 2, per_principal: int = 2, queued: int = 2
) -> Admission:
    return Admission(
        clock=clock,
        monotonic=clock.seconds,
        max_concurrent=concurrent,
        max_per_principal=per_principal,
        max_queued=queued,
        max_wait_seconds=30.0,
    )


Ending = Slot | Busy | Cancelled


def results(*asked: Deferred[Ending]) -> list[list[Ending]]:
    """One list per Deferred, filled when it fires."""
    found: list[list[Ending]] = []
    for deferred in asked:
        fired: list[Ending] = []
        deferred.addCallback(fired.append)
        found.append(fired)
    return found


def slot_of(fired: list[Ending]) -> Slot:
    (slot,) = fired
    assert isinstance(slot, Slot)
    return slot


def busy_of(fired: list[Ending]) -> Busy:
    (busy,) = fired
    assert isinstance(busy, Busy)
    return busy


def test_a_free_slot_is_granted_at_once() -> None:
    admission = made(Clock())
    (granted,) = results(admission.acquire(ANN))
    assert slot_of(granted).queued_seconds == 0
    assert admission.running == 1


def test_who_waits_gets_the_next_slot_and_knows_how_long_it_took() -> None:
    clock = Clock()
    admission = made(clock, concurrent=1)
    first, second = results(admission.acquire(ANN), admission.acquire(ANN))
    assert second == []
    clock.advance(4)
    slot_of(first).release()
    assert slot_of(second).queued_seconds == 4
    assert clock.getDelayedCalls() == []


def test_the_queue_is_first_come_first_served() -> None:
    admission = made(Clock(), concurrent=1)
    first, second, third = results(*(admission.acquire(ANN) for _ in range(3)))
    slot_of(first).release()
    assert second
    assert not third


def test_one_more_than_the_queue_holds_is_busy_with_a_hint() -> None:
    admission = made(Clock(), concurrent=1, queued=1)
    *_, refused = results(*(admission.acquire(ANN) for _ in range(3)))
    busy = busy_of(refused)
    assert busy.retry_after_seconds >= 1
    assert "MCP_MAX_CONCURRENT=1" in busy.reason


def test_who_waited_too_long_is_busy_and_leaves_the_queue() -> None:
    clock = Clock()
    admission = made(clock, concurrent=1)
    first, second = results(admission.acquire(ANN), admission.acquire(ANN))
    clock.advance(29.9)
    assert second == []
    clock.advance(0.1)
    assert "within 30s" in busy_of(second).reason
    assert admission.queued == 0
    slot_of(first).release()
    assert admission.running == 0


def test_a_principal_at_its_share_does_not_hold_up_the_others() -> None:
    admission = made(Clock(), concurrent=2, per_principal=1)
    ann, ann_again, bob = results(
        admission.acquire(ANN), admission.acquire(ANN), admission.acquire(BOB)
    )
    assert slot_of(bob).principal == BOB
    assert ann_again == []
    slot_of(ann).release()
    assert slot_of(ann_again).principal == ANN


def test_a_slot_released_twice_counts_once() -> None:
    admission = made(Clock())
    first, _ = results(admission.acquire(ANN), admission.acquire(ANN))
    slot = slot_of(first)
    slot.release()
    slot.release()
    assert admission.running == 1


def test_closing_refuses_who_waits_and_who_comes() -> None:
    clock = Clock()
    admission = made(clock, concurrent=1)
    first, waiting = results(admission.acquire(ANN), admission.acquire(ANN))
    admission.close()
    (late,) = results(admission.acquire(ANN))
    assert "shutting down" in busy_of(waiting).reason
    assert "shutting down" in busy_of(late).reason
    slot_of(first).release()
    assert clock.getDelayedCalls() == []


# --- places that are given up --------------------------------------------------------


def test_who_does_not_want_to_wait_any_more_leaves_the_queue_at_once() -> None:
    clock = Clock()
    admission = made(clock, concurrent=1)
    wish = Cancellation()
    first, second, third = results(
        admission.acquire(ANN), admission.acquire(ANN, wish), admission.acquire(ANN)
    )
    clock.advance(4)
    wish.cancel()
    assert second == [Cancelled(queued_seconds=4)]
    assert admission.queued == 1
    slot_of(first).release()
    assert slot_of(third).principal == ANN
    assert len(second) == 1
    assert clock.getDelayedCalls() == []


def test_a_cancelled_request_gets_no_slot_though_one_is_free() -> None:
    admission = made(Clock())
    wish = Cancellation()
    wish.cancel()
    assert results(admission.acquire(ANN, wish)) == [[Cancelled()]]
    assert (admission.running, admission.queued) == (0, 0)


def test_a_place_that_has_ended_does_not_hear_of_a_cancellation() -> None:
    clock = Clock()
    admission = made(clock, concurrent=1)
    wishes = [Cancellation() for _ in range(3)]
    first, granted, waited, closed = results(
        admission.acquire(ANN),
        admission.acquire(ANN, wishes[0]),
        made_full(clock).acquire(ANN, wishes[1]),
        admission.acquire(ANN, wishes[2]),
    )
    slot_of(first).release()
    clock.advance(29)
    admission.close()
    clock.advance(1)
    for wish in wishes:
        wish.cancel()
    assert slot_of(granted).queued_seconds == 0
    assert "within 30s" in busy_of(waited).reason
    assert "shutting down" in busy_of(closed).reason
    assert admission.running == 1


def made_full(clock: Clock) -> Admission:
    """One whose only slot is taken."""
    admission = made(clock, concurrent=1)
    admission.acquire(ANN)
    return admission


def test_a_slot_that_is_held_is_kept_when_its_request_is_cancelled() -> None:
    admission = made(Clock())
    wish = Cancellation()
    (granted,) = results(admission.acquire(ANN, wish))
    wish.cancel()
    assert slot_of(granted).principal == ANN
    assert admission.running == 1


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["acquire", "release", "cancel", "wait", "close"]),
            st.sampled_from([ANN, BOB]),
        ),
        max_size=40,
    )
)
def test_every_request_is_answered_once_and_no_limit_is_passed(
    steps: list[tuple[str, Principal]],
) -> None:
    clock = Clock()
    admission = made(clock, concurrent=3, per_principal=2, queued=4)
    answers: list[list[Ending]] = []
    wishes: list[Cancellation] = []
    held: list[Slot] = []
    released: list[Slot] = []
    for step, principal in steps:
        match step:
            case "acquire":
                wishes.append(Cancellation())
                answers += results(admission.acquire(principal, wishes[-1]))
            case "cancel" if wishes:
                wishes.pop(len(wishes) // 2).cancel()
            case "release" if held:
                released.append(held.pop(0))
                released[-1].release()
            case "wait":
                clock.advance(7)
            case "close":
                admission.close()
        granted = [a[0] for a in answers if a and isinstance(a[0], Slot)]
        held += [slot for slot in granted if slot not in held + released]
        assert admission.running == len(held) <= 3
        assert sum(slot.principal == ANN for slot in held) <= 2
        assert admission.queued <= 4
    for slot in held:
        slot.release()
    clock.advance(31)
    for answer in answers:
        if answer and isinstance(answer[0], Slot):
            answer[0].release()
    clock.advance(31)
    for wish in wishes:
        wish.cancel()
    assert all(len(answer) == 1 for answer in answers)
    assert admission.running == admission.queued == 0
    assert clock.getDelayedCalls() == []


def test_a_slot_that_comes_back_within_its_grant_goes_to_the_next() -> None:
    """As when a queued command cannot start."""
    admission = made(Clock(), concurrent=1, per_principal=1, queued=10)
    (first,) = results(admission.acquire(ANN))
    served: list[int] = []

    def release(granted: Ending, number: int) -> None:
        assert isinstance(granted, Slot)
        served.append(number)
        granted.release()

    for number in range(10):
        admission.acquire(ANN).addCallback(release, number)
    slot_of(first).release()
    assert served == list(range(10))
    assert (admission.running, admission.queued) == (0, 0)


def test_a_long_queue_that_cannot_start_is_served_without_deep_calls() -> None:
    waiting = 2000
    admission = made(Clock(), concurrent=1, per_principal=1, queued=waiting)
    (first,) = results(admission.acquire(ANN))
    served: list[Slot] = []

    def release(granted: Ending) -> None:
        assert isinstance(granted, Slot)
        served.append(granted)
        granted.release()

    for _ in range(waiting):
        admission.acquire(ANN).addCallback(release)
    slot_of(first).release()
    assert len(served) == waiting


def test_it_is_full_when_the_queue_is() -> None:
    admission = made(Clock(), concurrent=1, queued=1)
    found = [admission.is_full]
    first = results(admission.acquire(ANN))[0]
    found.append(admission.is_full)
    admission.acquire(ANN)
    found.append(admission.is_full)
    slot_of(first).release()
    found.append(admission.is_full)
    assert found == [False, False, True, False]
