"""The memory that all rings share."""

from __future__ import annotations

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
)

from commander.output.budget import FLOOR_BYTES, MemoryBudget, smallest_budget_bytes

KIB = 1024


@attrs.define(eq=False)
class FakeHolder:
    """Takes what it is granted, and remembers what was taken from it."""

    reserved_bytes: int
    taken_at: list[int] = attrs.field(factory=list)
    """What it held each time when something was taken."""

    def shrink(self, reserved_bytes: int) -> None:
        self.taken_at.append(self.reserved_bytes)
        self.reserved_bytes = reserved_bytes


def opened(budget: MemoryBudget, wanted_bytes: int = 0) -> FakeHolder:
    holder = FakeHolder(budget.open(KIB * KIB))
    if wanted_bytes:
        grow(budget, holder, wanted_bytes)
    return holder


def grow(budget: MemoryBudget, holder: FakeHolder, wanted_bytes: int) -> int:
    holder.reserved_bytes = budget.grow(holder, wanted_bytes)
    return holder.reserved_bytes


def test_a_holder_has_its_floor_from_the_start() -> None:
    budget = MemoryBudget(100 * KIB)
    assert budget.open(KIB * KIB) == FLOOR_BYTES
    assert budget.open(10) == 10
    assert budget.reserved_bytes == FLOOR_BYTES + 10


def test_floors_are_granted_over_the_budget() -> None:
    budget = MemoryBudget(KIB)
    for _ in range(3):
        assert opened(budget).reserved_bytes == FLOOR_BYTES
    assert budget.reserved_bytes == 3 * FLOOR_BYTES


def test_a_thousand_commands_fit_in_eight_mebibytes() -> None:
    assert smallest_budget_bytes(1_000) == 8_192_000


def test_a_single_holder_may_have_all_of_the_budget() -> None:
    budget = MemoryBudget(100 * KIB)
    others = [opened(budget) for _ in range(9)]
    large = opened(budget)
    assert grow(budget, large, 64 * KIB) == 64 * KIB
    assert budget.reserved_bytes == 100 * KIB
    assert not any(other.taken_at for other in others)


def test_a_small_holder_gets_half_of_its_share_from_the_largest() -> None:
    budget = MemoryBudget(100 * KIB)
    large = opened(budget, 90 * KIB)
    small = opened(budget)
    assert grow(budget, small, 64 * KIB) == 25 * KIB
    assert large.reserved_bytes == 45 * KIB


def test_nobody_gets_more_than_half_of_its_share_at_the_cost_of_others() -> None:
    budget = MemoryBudget(100 * KIB)
    large = opened(budget, 70 * KIB)
    small = opened(budget, 30 * KIB)
    assert grow(budget, small, 64 * KIB) == 30 * KIB
    assert not large.taken_at


def test_who_wants_more_than_there_is_room_for_gets_the_room() -> None:
    budget = MemoryBudget(100 * KIB)
    large = opened(budget, 60 * KIB)
    small = opened(budget, 30 * KIB)
    assert grow(budget, small, 64 * KIB) == 40 * KIB
    assert not large.taken_at


def test_charges_may_leave_less_than_is_guaranteed() -> None:
    budget = MemoryBudget(100 * KIB)
    small = opened(budget)
    budget.charge(90 * KIB)
    assert grow(budget, small, 64 * KIB) == 10 * KIB
    assert grow(budget, small, 64 * KIB) == 10 * KIB


def test_who_is_taken_from_does_not_take_back() -> None:
    budget = MemoryBudget(100 * KIB)
    large = opened(budget, 90 * KIB)
    small = opened(budget)
    grow(budget, small, 64 * KIB)
    grow(budget, large, 90 * KIB)
    assert not small.taken_at
    assert small.reserved_bytes == 25 * KIB


def test_the_oldest_of_equals_gives_first() -> None:
    budget = MemoryBudget(100 * KIB)
    holders = [opened(budget, 48 * KIB) for _ in range(2)]
    small = opened(budget)
    assert grow(budget, small, 16 * KIB) == 16 * KIB
    assert [holder.reserved_bytes for holder in holders] == [24 * KIB, 48 * KIB]


def test_what_is_closed_serves_the_others() -> None:
    budget = MemoryBudget(100 * KIB)
    first = opened(budget, 90 * KIB)
    second = opened(budget)
    budget.close(first)
    assert grow(budget, second, 100 * KIB) == 100 * KIB
    assert first.taken_at == []


def test_a_new_floor_is_taken_from_the_largest_too() -> None:
    budget = MemoryBudget(100 * KIB)
    large = opened(budget, 100 * KIB)
    opened(budget)
    assert large.reserved_bytes == 50 * KIB


def test_a_charge_is_counted_and_makes_room_where_it_can() -> None:
    budget = MemoryBudget(100 * KIB)
    large = opened(budget, 60 * KIB)
    opened(budget, 40 * KIB)
    budget.charge(2 * KIB)
    assert large.reserved_bytes == 30 * KIB
    budget.charge(100 * KIB)
    assert budget.reserved_bytes == 172 * KIB
    budget.charge(-102 * KIB)
    assert budget.reserved_bytes == 70 * KIB


def test_holders_that_change_for_ever_leave_nothing_behind() -> None:
    budget = MemoryBudget(100 * KIB)
    for _ in range(1_000):
        budget.close(opened(budget, 90 * KIB))
    assert budget.reserved_bytes == 0
    assert len(budget._heap) <= 65


class AnyHolders(RuleBasedStateMachine):
    """Holders come, grow and go in any order."""

    holders = Bundle("holders")

    def __init__(self) -> None:
        super().__init__()
        self.budget = MemoryBudget(100 * KIB)
        self.live: list[FakeHolder] = []

    @rule(target=holders)
    def open(self) -> FakeHolder:
        holder = opened(self.budget)
        self.live.append(holder)
        return holder

    @rule(holder=holders, wanted=st.integers(min_value=1, max_value=120 * KIB))
    def grow(self, holder: FakeHolder, wanted: int) -> None:
        before = {other: other.reserved_bytes for other in self.live}
        held = holder.reserved_bytes
        granted = grow(self.budget, holder, max(held, wanted))
        share = self.budget.limit_bytes // len(self.live)
        assert held <= granted <= max(held, wanted)
        # The guarantee, unless the floors alone are over the budget.
        if share >= FLOOR_BYTES:
            assert granted >= min(max(held, wanted), share // 2)
        for other in self.live:
            if other is not holder and other.reserved_bytes < before[other]:
                assert before[other] > share
                assert other.reserved_bytes >= share // 2

    @rule(target=holders, holder=consumes(holders))
    def close(self, holder: FakeHolder) -> object:
        self.live.remove(holder)
        self.budget.close(holder)
        return multiple()

    @invariant()
    def the_sum_is_right_and_within_the_budget(self) -> None:
        held = sum(holder.reserved_bytes for holder in self.live)
        assert self.budget.reserved_bytes == held
        assert held <= max(self.budget.limit_bytes, len(self.live) * FLOOR_BYTES)
        assert all(holder.reserved_bytes >= FLOOR_BYTES for holder in self.live)


TestAnyHolders = AnyHolders.TestCase
TestAnyHolders.settings = settings(max_examples=100, deadline=None)
