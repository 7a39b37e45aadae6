"""Large pieces of work, one a turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.interfaces import IReactorTime

from commander.turns import Turns


class Reactor:
    """Runs in a turn what was asked for before it, and no more: Clock runs all."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], Any]] = []

    def callLater(self, delay: float, call: Callable[[], Any]) -> None:
        """Twisted's name."""
        assert delay == 0
        self.calls.append(call)

    def turn(self) -> None:
        calls, self.calls = self.calls, []
        for call in calls:
            call()


def made() -> tuple[Reactor, Turns]:
    reactor = Reactor()
    return reactor, Turns(cast("IReactorTime", reactor))


def test_each_turn_of_the_reactor_serves_one() -> None:
    reactor, turns = made()
    served: list[int] = []
    for number in range(3):
        turns.next().addCallback(lambda _, n: served.append(n), number)
    assert served == []
    for count in range(1, 4):
        reactor.turn()
        assert served == list(range(count))
    assert reactor.calls == []


def test_who_asks_from_within_a_turn_gets_a_later_one() -> None:
    reactor, turns = made()
    served: list[str] = []

    def first(_: None) -> None:
        served.append("first")
        turns.next().addCallback(lambda _: served.append("third"))

    turns.next().addCallback(first)
    turns.next().addCallback(lambda _: served.append("second"))
    reactor.turn()
    assert served == ["first"]
    reactor.turn()
    reactor.turn()
    assert served == ["first", "second", "third"]
    turns.next().addCallback(lambda _: served.append("fourth"))
    reactor.turn()
    assert served[-1] == "fourth"
