"""What failed logins cost: answers, records, memory. And that nobody is locked out."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from commander.auth.failed_logins import (
    MOST_ADDRESSES,
    WINDOW_SECONDS,
    Bucket,
    FailedLogins,
    Rate,
)
from commander.auth.tokens import Refused
from commander.telemetry.audit import LogAccess
from commander.telemetry.logging import StructuredLog
from commander.testing import MemoryLog

INVALID = Refused(reason="invalid")
PEER = "192.0.2.7"
BURST = 10
RECORDS = 100


class Failures:
    """Failed logins, with the clock and the log."""

    def __init__(self) -> None:
        self.clock = Clock()
        self._log = MemoryLog()
        self.failed = FailedLogins(
            LogAccess(StructuredLog("test", observer=self._log)),
            clock=self.clock,
            monotonic=self.clock.seconds,
        )

    def note(self, times: int = 1, peer: str = PEER) -> list[int | None]:
        return [self.failed.note(peer, INVALID) for _ in range(times)]

    @property
    def records(self) -> list[dict[str, object]]:
        """The records of single failures."""
        return [one for one in self._all if "count" not in one]

    @property
    def numbers(self) -> list[dict[str, object]]:
        """The records of many."""
        return [one for one in self._all if "count" in one]

    @property
    def _all(self) -> list[dict[str, object]]:
        return self._log.named("auth_failed")


def test_each_failure_is_told_to_who_counts_them_written_down_or_not() -> None:
    clock, reasons = Clock(), list[str]()
    failed = FailedLogins(
        LogAccess(StructuredLog("test", observer=MemoryLog())),
        clock=clock,
        monotonic=clock.seconds,
        failed=reasons.append,
    )
    for _ in range(2 * RECORDS):
        failed.note(PEER, INVALID)
    failed.note(PEER, Refused(reason="expired", principal="ann"))
    assert reasons == ["invalid"] * 2 * RECORDS + ["expired"]


def test_a_failure_is_answered_401_and_written_down() -> None:
    failures = Failures()
    assert failures.note() == [None]
    assert failures.records == [{"status": 401, "peer": PEER, "reason": "invalid"}]
    assert failures.clock.getDelayedCalls() == []


def test_an_expired_token_is_written_down_with_its_owner() -> None:
    failures = Failures()
    failures.failed.note(PEER, Refused(reason="expired", principal="ann"))
    (record,) = failures.records
    assert (record["reason"], record["principal"]) == ("expired", "ann")


def test_more_than_a_few_at_once_are_told_to_come_back_in_a_second() -> None:
    failures = Failures()
    assert failures.note(BURST + 3) == [None] * BURST + [1, 1, 1]
    assert len(failures.records) == BURST


def test_what_failed_is_not_asked_about() -> None:
    """Or the answer would tell something about the token."""
    failures = Failures()
    failures.note(BURST)
    expired = Refused(reason="expired", principal="ann")
    answers = {
        failures.failed.note(PEER, refused)
        for refused in (Refused(reason="missing"), INVALID, expired)
    }
    assert answers == {1}


def test_one_failure_a_second_goes_on_being_answered_401() -> None:
    failures = Failures()
    failures.note(BURST + 5)
    failures.clock.advance(0.99)
    assert failures.note() == [1]
    failures.clock.advance(0.01)
    assert failures.note(2) == [None, 1]


def test_another_address_is_not_affected() -> None:
    failures = Failures()
    failures.note(BURST + 5)
    assert failures.note(peer="192.0.2.8") == [None]


@pytest.mark.parametrize(
    ("one", "other", "are_one"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.8", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("unknown", "unknown", True),
        ("unknown", "192.0.2.7", False),
    ],
)
def test_a_network_of_ipv6_counts_as_one_address(
    one: str, other: str, are_one: bool
) -> None:
    """A client of IPv6 has 2 to the 64 of them."""
    failures = Failures()
    failures.note(BURST, one)
    assert failures.note(peer=other) == [1 if are_one else None]


# --- the log -----------------------------------------------------------------------


def test_what_is_not_written_singly_is_one_record_with_the_number_a_window() -> None:
    failures = Failures()
    failures.note(1000)
    failures.clock.advance(WINDOW_SECONDS - 1)
    assert failures.numbers == []
    failures.clock.advance(1)
    assert failures.numbers == [
        {
            "status": 401,
            "peer": PEER,
            "reason": "too_many",
            "count": 1000 - BURST,
            "seconds": WINDOW_SECONDS,
        }
    ]
    failures.clock.advance(10 * WINDOW_SECONDS)
    assert len(failures.numbers) == 1
    assert failures.clock.getDelayedCalls() == []


def test_the_next_window_begins_with_the_next_that_is_only_counted() -> None:
    failures = Failures()
    failures.note(BURST + 1)
    failures.clock.advance(WINDOW_SECONDS)
    failures.note(BURST + 2)
    failures.clock.advance(WINDOW_SECONDS)
    assert [one["count"] for one in failures.numbers] == [1, 2]


def test_the_number_names_the_address_that_most_came_from() -> None:
    failures = Failures()
    failures.note(BURST + 1, "192.0.2.8")
    failures.note(BURST + 9)
    failures.note(BURST + 2, "2001:db8::1")
    failures.clock.advance(WINDOW_SECONDS)
    (number,) = failures.numbers
    assert (number["peer"], number["count"]) == (PEER, 12)


def test_many_addresses_are_answered_401_and_cannot_flood_the_log() -> None:
    failures = Failures()
    for host in range(2000):
        assert failures.note(peer=f"10.0.{host // 256}.{host % 256}") == [None]
    assert len(failures.records) == RECORDS
    failures.clock.advance(WINDOW_SECONDS)
    (number,) = failures.numbers
    assert number["count"] == 2000 - RECORDS


def test_the_end_writes_down_what_was_counted_and_leaves_no_timer() -> None:
    failures = Failures()
    failures.note(BURST + 4)
    failures.failed.close()
    assert [one["count"] for one in failures.numbers] == [4]
    assert failures.clock.getDelayedCalls() == []
    failures.failed.close()
    assert len(failures.numbers) == 1


# --- memory ------------------------------------------------------------------------


def test_the_address_that_failed_longest_ago_is_forgotten_first() -> None:
    failures = Failures()
    failures.note(BURST, "192.0.2.1")
    failures.note(BURST, "192.0.2.2")
    failures.note(peer="192.0.2.1")
    for host in range(MOST_ADDRESSES - 1):
        failures.note(peer=f"10.0.{host // 256}.{host % 256}")
    assert failures.note(peer="192.0.2.1") == [1]
    assert failures.note(peer="192.0.2.2") == [None]


# --- a bucket ----------------------------------------------------------------------


@given(
    st.integers(1, 20),
    st.floats(0.01, 100),
    st.lists(st.floats(0, 50), min_size=1, max_size=60),
)
def test_in_any_time_no_more_is_taken_than_the_rate_allows(
    burst: int, per_second: float, pauses: list[float]
) -> None:
    bucket = Bucket(Rate(burst=burst, per_second=per_second), 0.0)
    now, taken = 0.0, 0
    for pause in pauses:
        now += pause
        wait = bucket.take(now)
        if wait:
            assert wait <= 1 / per_second
            assert bucket.take(now + wait * 1.001) == 0 or math.isclose(wait, 0)
            now += wait * 1.001
        taken += 1
    assert taken <= burst + now * per_second + 1e-6
