from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.durations import format_duration, parse_duration

YEAR_MICROSECONDS = 366 * 24 * 3600 * 1_000_000


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("0s", 0.0),
        ("30", 30.0),
        ("1.5", 1.5),
        ("30s", 30.0),
        ("500ms", 0.5),
        ("250us", 0.00025),
        ("250µs", 0.00025),
        ("250\N{GREEK SMALL LETTER MU}s", 0.00025),
        ("40ns", 4e-8),
        ("2m", 120.0),
        ("1h", 3600.0),
        ("1h30m", 5400.0),
        ("1h2m3.5s", 3723.5),
        (".5s", 0.5),
        ("5.s", 5.0),
        (" 5s ", 5.0),
    ],
)
def test_a_duration_is_read_as_go_reads_it(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds, abs=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "s",
        ".",
        ".s",
        "abc",
        "-1s",
        "+1s",
        "1 s",
        "1s 2s",
        "1d",
        "1S",
        "1e3",
        "0x10",
        "inf",
        "nan",
        "1,5s",
        "1_000",
        "٣s",
        "1s\0",
        "9" * 65,
    ],
)
def test_what_is_not_a_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a duration such as"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (-3.0, "0s"),
        (4e-7, "0s"),
        (1e-6, "1µs"),
        (0.000999, "999µs"),
        (0.001, "1ms"),
        (0.0235, "23.5ms"),
        (0.9999996, "1s"),
        (1, "1s"),
        (1.5, "1.5s"),
        (59.9999999, "1m0s"),
        (60, "1m0s"),
        (90, "1m30s"),
        (3600, "1h0m0s"),
        (3723.5, "1h2m3.5s"),
        (100 * 3600, "100h0m0s"),
    ],
)
def test_a_duration_is_written_as_go_writes_it(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(0, YEAR_MICROSECONDS))
def test_what_was_written_reads_back_to_the_microsecond(microseconds: int) -> None:
    seconds = parse_duration(format_duration(microseconds / 1e6))

    assert round(seconds * 1e6) == microseconds


@given(st.text())
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert seconds >= 0
