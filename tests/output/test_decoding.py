"""Rendering kept bytes as text."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.commands import OutputWindow
from commander.output.decoding import gap_marker, render
from commander.output.ring import HeadTailBuffer


def rendered(data: bytes, limit_bytes: int) -> str:
    buffer = HeadTailBuffer(limit_bytes)
    buffer.append(data)
    return render(buffer.window()).text


def test_nothing_is_rendered_as_nothing() -> None:
    assert render(OutputWindow()).text == ""


@given(st.text(max_size=60))
def test_text_within_the_limit_comes_back_unchanged(text: str) -> None:
    assert rendered(text.encode(), 1000) == text


def test_bytes_that_are_not_utf8_become_replacement_characters() -> None:
    assert rendered(b"a\xffb", 100) == "a\N{REPLACEMENT CHARACTER}b"


def test_the_marker_states_what_is_missing() -> None:
    assert gap_marker(18_244_112, 201_331) == (
        "[... 18,244,112 bytes, 201,331 lines omitted ...]"
    )


@given(
    st.text(alphabet="aé€😀\n", min_size=60, max_size=200),
    st.integers(min_value=8, max_value=40),
)
def test_a_cut_never_splits_a_character_and_the_count_stays_exact(
    text: str, limit_bytes: int
) -> None:
    data = text.encode()
    buffer = HeadTailBuffer(limit_bytes)
    buffer.append(data)
    render_of = render(buffer.window())
    shown = render_of.text
    if len(data) <= limit_bytes:
        assert shown == text
        return
    assert "\N{REPLACEMENT CHARACTER}" not in shown
    match = re.search(
        r"\n\[\.\.\. ([\d,]+) bytes, [\d,]+ lines omitted \.\.\.\]\n", shown
    )
    assert match is not None
    kept = shown[: match.start()] + shown[match.end() :]
    omitted = int(match[1].replace(",", ""))
    assert omitted == render_of.omitted_bytes
    assert len(kept.encode()) + omitted == len(data)
    assert text.startswith(shown[: match.start()])
    assert text.endswith(shown[match.end() :])


@pytest.mark.parametrize("head", [b"\x80\x80\x80\x80", b"\xf0\x9f\x98", b"\xff", b"a"])
def test_a_head_of_any_bytes_can_be_rendered(head: bytes) -> None:
    window = OutputWindow(
        head=head, tail=b"\x80z", total_bytes=100, omitted_bytes=100 - len(head) - 2
    )
    assert render(window).text.endswith("z")


def test_text_that_is_long_as_json_is_shortened_in_its_middle_with_exact_counts() -> (
    None
):
    buffer = HeadTailBuffer(10_000)
    buffer.append(b"begin" + b"\0" * 9_000 + b"\n\nend")
    assert "omitted" not in render(buffer.window(), 100_000).text
    short = render(buffer.window(), 20_000)
    assert len(msgspec.json.encode(short.text)) <= 20_200
    assert short.text.startswith("begin")
    assert short.text.endswith("\n\nend")
    match = re.search(
        r"\n\[\.\.\. ([\d,]+) bytes, 0 lines omitted \.\.\.\]\n", short.text
    )
    assert match is not None
    kept = len(short.text.encode()) - len(match[0])
    assert int(match[1].replace(",", "")) == short.omitted_bytes == 9_010 - kept


def test_what_was_omitted_before_is_counted_with_what_is_shortened() -> None:
    buffer = HeadTailBuffer(1_000)
    buffer.append(b"\0\n" * 4_000)
    window = buffer.window()
    short = render(window, 1_000)
    assert window.omitted_bytes == 7_000
    assert short.omitted_bytes > 7_000
    kept_lines = short.text.count("\n") - 2  # two stand around the marker
    marker = gap_marker(short.omitted_bytes, 4_000 - kept_lines)
    assert marker in short.text
