"""Handles: only we can have made one, and only for its principal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.jobs.handles import JOB_PREFIX, SHELL_PREFIX, Handles
from commander.principals import Principal
from commander.seals import Seal

ANN, BOB = Principal("ann"), Principal("bob")


def handles(key: bytes = b"key") -> Handles:
    return Handles(Seal(key, "job"))


def test_a_handle_is_short_opaque_and_never_the_same() -> None:
    made = {handles().issue(JOB_PREFIX, ANN) for _ in range(100)}
    assert len(made) == 100
    assert all(one.startswith("job_") and len(one) <= 40 for one in made)


def test_a_server_with_the_same_key_knows_it() -> None:
    handle = handles().issue(JOB_PREFIX, ANN)
    assert handles().made(JOB_PREFIX, handle, ANN)
    assert not handles(b"other").made(JOB_PREFIX, handle, ANN)


def test_it_is_nothing_to_somebody_else_or_as_something_else() -> None:
    handle = handles().issue(JOB_PREFIX, ANN)
    assert not handles().made(JOB_PREFIX, handle, BOB)
    assert not handles().made(SHELL_PREFIX, handle, ANN)
    renamed = handle.replace(JOB_PREFIX, SHELL_PREFIX)
    assert not handles().made(SHELL_PREFIX, renamed, ANN)


@pytest.mark.parametrize("text", ["", "job_", "job_x", "job_" + "A" * 10_000, "job_é"])
def test_an_invention_is_none(text: str) -> None:
    assert not handles().made(JOB_PREFIX, text, ANN)


@given(st.text())
def test_no_text_is_one_by_chance(text: str) -> None:
    assert not handles().made(JOB_PREFIX, JOB_PREFIX + text, ANN)
