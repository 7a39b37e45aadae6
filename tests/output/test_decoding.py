"""Rendering kept bytes as text."""

from __future__ import annotations

import itertools
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.commands import OutputWindow
from commander.output.budget import MemoryBudget
from commander.output.decoding import StreamDecoder, gap_marker, render
from commander.output.ring import HeadTailRing


def kept(data: bytes, limit_bytes: int) -> OutputWindow:
    ring = HeadTailRing(limit_bytes, MemoryBudget(limit_bytes))
    ring.append(data)
    return ring.window()


def rendered(data: bytes, limit_bytes: int) -> str:
    return render(kept(data, limit_bytes)).text


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
    render_of = render(kept(data, limit_bytes))
    shown = render_of.text
    if len(data) <= limit_bytes:
        assert shown == text
        return
    assert "\N{REPLACEMENT CHARACTER}" not in shown
    match = re.search(
        r"\n\[\.\.\. ([\d,]+) bytes, [\d,]+ lines omitted \.\.\.\]\n", shown
    )
    assert match is not None
    text_kept = shown[: match.start()] + shown[match.end() :]
    omitted = int(match[1].replace(",", ""))
    assert omitted == render_of.omitted_bytes
    assert len(text_kept.encode()) + omitted == len(data)
    assert text.startswith(shown[: match.start()])
    assert text.endswith(shown[match.end() :])


@pytest.mark.parametrize("head", [b"\x80\x80\x80\x80", b"\xf0\x9f\x98", b"\xff", b"a"])
def test_a_head_of_any_bytes_can_be_rendered(head: bytes) -> None:
    window = OutputWindow(
        head=head, tail=b"\x80z", total_bytes=100, omitted_bytes=100 - len(head) - 2
    )
    assert render(window).text.endswith("z")


@pytest.mark.parametrize("length", [1, 3, 5])
def test_only_three_bytes_of_a_tail_can_belong_to_a_cut_character(length: int) -> None:
    window = OutputWindow(tail=b"\x80" * length, total_bytes=20, omitted_bytes=15)
    shown = render(window).text
    assert shown.count("\N{REPLACEMENT CHARACTER}") == max(0, length - 3)


def test_text_that_is_long_as_json_is_shortened_in_its_middle_with_exact_counts() -> (
    None
):
    window = kept(b"begin" + b"\0" * 9_000 + b"\n\nend", 10_000)
    assert "omitted" not in render(window, 100_000).text
    short = render(window, 20_000)
    assert len(msgspec.json.encode(short.text)) <= 20_200
    assert short.text.startswith("begin")
    assert short.text.endswith("\n\nend")
    match = re.search(
        r"\n\[\.\.\. ([\d,]+) bytes, 0 lines omitted \.\.\.\]\n", short.text
    )
    assert match is not None
    text_bytes = len(short.text.encode()) - len(match[0])
    assert int(match[1].replace(",", "")) == short.omitted_bytes == 9_010 - text_bytes


def test_what_was_omitted_before_is_counted_with_what_is_shortened() -> None:
    window = kept(b"\0\n" * 4_000, 1_000)
    short = render(window, 1_000)
    assert window.omitted_bytes == 7_000
    assert short.omitted_bytes > 7_000
    kept_lines = short.text.count("\n") - 2  # two stand around the marker
    marker = gap_marker(short.omitted_bytes, 4_000 - kept_lines)
    assert marker in short.text


BROKEN = [
    b"\xff",
    b"\x80",
    b"\xe2\x82",
    b"\xf0\x9f",
    b"\xed\xa0\x80",
    b"\xc0\xaf",
    b"\xf4\x90",
]
awkward = st.lists(
    st.sampled_from(BROKEN) | st.sampled_from("aé€😀\ufffd").map(str.encode),
    max_size=40,
).map(b"".join)


def pieces_of(data: bytes, cuts: list[int]) -> list[tuple[int, bytes]]:
    """The data in pieces, each with its offset."""
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [(start, data[start:end]) for start, end in itertools.pairwise(places)]


@given(awkward | st.binary(max_size=60), st.lists(st.integers(min_value=0)))
def test_a_stream_in_pieces_is_decoded_as_the_whole(
    data: bytes, cuts: list[int]
) -> None:
    decoder = StreamDecoder()
    text = "".join(decoder.decode(*piece) for piece in pieces_of(data, cuts))
    text += decoder.finish()
    assert text == data.decode("utf-8", "replace")
    printed = data.count("\N{REPLACEMENT CHARACTER}".encode())
    assert decoder.invalid == text.count("\N{REPLACEMENT CHARACTER}") - printed
    assert decoder.omitted_bytes == 0


def test_a_character_comes_out_with_its_last_byte() -> None:
    decoder = StreamDecoder()
    smile = "😀".encode()
    shown = [decoder.decode(n, smile[n : n + 1]) for n in range(4)]
    assert shown == ["", "", "", "😀"]


def test_a_character_that_never_ends_is_invalid_at_the_end() -> None:
    decoder = StreamDecoder()
    assert decoder.decode(0, b"a\xf0\x9f") == "a"
    assert decoder.finish() == "\N{REPLACEMENT CHARACTER}"
    assert decoder.finish() == ""
    assert decoder.invalid == 1


@given(
    st.text(alphabet="aé€😀\n", max_size=80),
    st.lists(st.integers(min_value=0), max_size=12),
    st.integers(min_value=0, max_value=1),
)
def test_a_character_that_a_gap_cuts_is_omitted_and_not_invalid(
    text: str, cuts: list[int], first: int
) -> None:
    """Every other piece is missing."""
    data = text.encode()
    decoder = StreamDecoder()
    shown = [decoder.decode(*piece) for piece in pieces_of(data, cuts)[first::2]]
    shown.append(decoder.decode(len(data), b""))
    assert decoder.invalid == 0
    assert decoder.finish() == ""
    assert len("".join(shown).encode()) + decoder.omitted_bytes == len(data)
    rest = text
    for part in shown:
        assert part in rest
        rest = rest[rest.index(part) + len(part) :]


def test_only_what_may_belong_to_a_cut_character_is_taken_for_it() -> None:
    decoder = StreamDecoder()
    assert decoder.decode(5, b"\x80\x80") == ""
    assert decoder.decode(7, b"\x80\x80z\x80") == "\N{REPLACEMENT CHARACTER}z" + (
        "\N{REPLACEMENT CHARACTER}"
    )
    assert (decoder.omitted_bytes, decoder.invalid) == (8, 2)


def test_a_decoder_that_begins_in_the_middle_expects_a_cut() -> None:
    decoder = StreamDecoder(7)
    assert decoder.decode(7, "€b".encode()[1:]) == "b"
    assert (decoder.omitted_bytes, decoder.invalid) == (2, 0)
