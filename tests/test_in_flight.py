"""Counting what is under way."""

from __future__ import annotations

from commander.in_flight import InFlight


def test_it_is_idle_before_the_first_and_after_the_last() -> None:
    flight = InFlight()
    assert flight.when_idle().called
    flight.began()
    flight.began()
    waiting = [flight.when_idle(), flight.when_idle()]
    flight.ended()
    assert not any(one.called for one in waiting)
    flight.ended(None)
    assert all(one.called for one in waiting)
    assert flight.when_idle().called
