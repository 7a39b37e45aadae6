"""A result fits into what clients take, and carries as much as that."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.commands import OutputWindow
from commander.output.decoding import render
from commander.tools.result_size import MAX_RESULT_BYTES, fitted, result_bytes

MEBIBYTE = 1024 * 1024
HALVES = [b"y\n", b"\0", b'"\\\n', "\u00e9".encode(), b"a", b"\xff"]


def window(data: bytes) -> OutputWindow:
    """Half of it at the beginning, half at the end, a little missing."""
    half = len(data) // 2
    return OutputWindow(
        head=data[:half],
        tail=data[half:],
        total_bytes=len(data) + 10,
        omitted_bytes=10,
        omitted_lines=1,
    )


def facts_of(stdout: OutputWindow, stderr: OutputWindow, most: int) -> dict[str, Any]:
    shown, also = render(stdout, most), render(stderr, most)
    return {
        "stdout": shown.text,
        "stderr": also.text,
        "stdout_omitted_bytes": shown.omitted_bytes,
    }


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("both", [True, False])
def test_whatever_is_printed_the_result_is_below_the_limit_and_near_it(
    half: bytes, both: bool
) -> None:
    stdout = window(half * (MEBIBYTE // len(half)))
    stderr = stdout if both else OutputWindow()
    facts = fitted(lambda most: facts_of(stdout, stderr, most), 2 * MEBIBYTE)
    assert MAX_RESULT_BYTES * 0.85 < result_bytes(facts) <= MAX_RESULT_BYTES
    marker = f"{facts['stdout_omitted_bytes']:,} bytes"
    assert marker in facts["stdout"]


def test_what_fits_is_left_as_it_is() -> None:
    stdout = window(b"line\n" * 20_000)
    made: list[int] = []

    def make(most: int) -> dict[str, Any]:
        made.append(most)
        return facts_of(stdout, OutputWindow(), most)

    facts = fitted(make, 2 * MEBIBYTE)
    assert made == [2 * MEBIBYTE]
    assert facts["stdout"].count("line\n") == 20_000


@given(st.binary(max_size=3000), st.binary(max_size=3000), st.integers(800, 5000))
def test_it_fits_any_limit_that_leaves_room_for_the_words(
    stdout: bytes, stderr: bytes, limit: int
) -> None:
    out, err = window(stdout), window(stderr)
    facts = fitted(lambda most: facts_of(out, err, most), 10_000, limit)
    assert result_bytes(facts) <= limit


def test_the_size_is_that_of_both_forms() -> None:
    facts = {"stdout": 'a"\n', "stderr": ""}
    once = msgspec.json.encode(facts)
    assert result_bytes(facts) == len(once) + len(msgspec.json.encode(once.decode()))


def test_facts_that_cannot_fit_end_the_search() -> None:
    stdout = window(b"x" * 100)
    facts = fitted(lambda most: facts_of(stdout, OutputWindow(), most), 1000, 10)
    assert "x" not in facts["stdout"]
