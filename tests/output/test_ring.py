"""The head and tail buffer, against a model that keeps everything."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from commander.commands import OutputWindow
from commander.output.ring import SEGMENT_BYTES, HeadTailBuffer

chunks = st.lists(st.binary(max_size=40), max_size=30)


def filled(limit_bytes: int, pieces: list[bytes]) -> HeadTailBuffer:
    buffer = HeadTailBuffer(limit_bytes)
    for piece in pieces:
        buffer.append(piece)
    return buffer


def model(limit_bytes: int, stream: bytes) -> OutputWindow:
    """What the window must be, by keeping the whole stream."""
    head_bytes = limit_bytes // 4
    tail_bytes = limit_bytes - head_bytes
    head, rest = stream[:head_bytes], stream[head_bytes:]
    omitted, tail = rest[: max(0, len(rest) - tail_bytes)], rest[-tail_bytes:]
    return OutputWindow(
        head=head,
        tail=tail,
        total_bytes=len(stream),
        omitted_bytes=len(omitted),
        omitted_lines=omitted.count(b"\n"),
    )


@given(st.integers(min_value=1, max_value=64), chunks)
def test_the_window_is_what_a_buffer_without_bound_would_show(
    limit_bytes: int, pieces: list[bytes]
) -> None:
    buffer = filled(limit_bytes, pieces)
    assert buffer.window() == model(limit_bytes, b"".join(pieces))
    assert buffer.total_bytes == sum(map(len, pieces))


@given(st.integers(min_value=1, max_value=64), chunks, chunks)
def test_asking_for_the_window_changes_nothing(
    limit_bytes: int, before: list[bytes], after: list[bytes]
) -> None:
    asked = filled(limit_bytes, before)
    asked.window()
    for piece in after:
        asked.append(piece)
    assert asked.window() == filled(limit_bytes, before + after).window()


def test_a_stream_of_exactly_the_limit_is_kept_whole() -> None:
    window = filled(1000, [b"x" * 1000]).window()
    assert window.head + window.tail == b"x" * 1000
    assert window.omitted_bytes == 0


def test_one_byte_over_the_limit_omits_one_byte() -> None:
    window = filled(1000, [b"x" * 1000, b"y"]).window()
    assert window.omitted_bytes == 1
    assert window.tail.endswith(b"y")


def test_many_small_writes_are_joined_into_few_segments() -> None:
    buffer = HeadTailBuffer(4 * SEGMENT_BYTES)
    for _ in range(8 * SEGMENT_BYTES):
        buffer.append(b"x")
    assert len(buffer._segments) <= 5


def test_large_chunks_over_segment_borders_match_the_model() -> None:
    pieces = [bytes([n % 251]) * (n * 977 % 200_000) for n in range(40)]
    assert filled(300_000, pieces).window() == model(300_000, b"".join(pieces))
