"""Nothing is collected while the server starts; what is there then is left alone."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from commander.garbage import nothing_collected


class Ring:
    """An object that only the collector gives back."""

    def __init__(self) -> None:
        self.self = self


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    """As other tests want it afterwards."""
    yield
    gc.unfreeze()
    gc.enable()


def test_nothing_is_collected_meanwhile() -> None:
    with nothing_collected():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_what_is_there_at_the_end_is_never_looked_at_again() -> None:
    with nothing_collected():
        left_behind = weakref.ref(Ring())
    assert gc.get_freeze_count() > 0
    gc.collect()
    assert left_behind() is not None


def test_what_comes_afterwards_is_collected() -> None:
    with nothing_collected():
        pass
    later = weakref.ref(Ring())
    gc.collect()
    assert later() is None


def test_an_error_switches_the_collector_on_again() -> None:
    with pytest.raises(KeyError), nothing_collected():
        raise KeyError
    assert gc.isenabled()


def test_a_collector_that_somebody_else_switched_off_stays_off() -> None:
    gc.disable()
    with nothing_collected():
        pass
    assert not gc.isenabled()
