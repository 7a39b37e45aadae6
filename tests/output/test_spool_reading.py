"""Looks at spooled output, part on disk and part in memory, against all of it."""

from __future__ import annotations

import os
import random
from array import array
from pathlib import Path
from tempfile import TemporaryFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.output.command import MergedPiece
from commander.output.order import BOTH, STDERR, STDOUT
from commander.output.spool_file import SpoolFile
from commander.output.spool_reading import READ_BYTES, READ_RUNS, Look, Snapshot

LETTERS = bytes(random.Random(3).choices(range(256), k=50_000))

Reads = list[tuple[int, int]]

reads = st.lists(
    st.tuples(st.sampled_from([STDOUT, STDERR]), st.integers(1, 60)), min_size=1
)


class Told:
    """Bytes, the ends of the runs among them, and of which stream each byte is."""

    def __init__(self, pieces: Reads) -> None:
        self.ends: list[int] = []
        self.at: list[int] = []
        """How many bytes there were when each run ended."""
        self.streams = bytearray()
        own = {STDOUT: 0, STDERR: 0}
        current = STDOUT
        for stream, count in pieces:
            if stream != current:
                self.ends.append(own[current])
                self.at.append(len(self.streams))
                current = stream
            own[stream] += count
            self.streams += bytes([stream]) * count
        times = -(-len(self.streams) // len(LETTERS))
        self.data = (LETTERS * times)[: len(self.streams)]

    def of(self, stream: int) -> bytes:
        return bytes(
            byte
            for byte, which in zip(self.data, self.streams, strict=True)
            if which == stream
        )

    def snapshot(self, written: int) -> Snapshot:
        """With so many bytes on disk, and the ends that belong to them."""
        runs = sum(at < written for at in self.at)
        with TemporaryFile() as place:
            self.file = SpoolFile(lambda: os.dup(place.fileno()), len(self.data))
            self.file.write(0, self.data[:written], 0, array("Q", self.ends[:runs]))
        return Snapshot(
            file=self.file,
            written_bytes=written,
            written_runs=runs,
            data=self.data[written:],
            ends=array("Q", self.ends[runs:]),
        )


def check_pieces(told: Told, pieces: list[MergedPiece], start: int) -> int:
    """They begin at a merged offset, join and are right; where they end."""
    for piece in pieces:
        assert piece.start == start
        assert piece.data
        start = piece.end
        assert piece.data == told.data[piece.start : start]
        assert {piece.stream} == set(told.streams[piece.start : start])
        assert piece.offset == told.streams.count(piece.stream, 0, piece.start)
    return start


@given(reads, st.data())
def test_every_stretch_of_both_streams_comes_back(
    pieces: Reads, data: st.DataObject
) -> None:
    told = Told(pieces)
    total = len(told.data)
    snapshot = told.snapshot(data.draw(st.integers(0, total)))
    start = data.draw(st.integers(0, total - 1))
    end = data.draw(st.integers(start + 1, total))
    assert check_pieces(told, snapshot.read(BOTH, start, end), start) == end
    told.file.close()


@given(reads, st.data())
def test_every_stretch_of_one_stream_comes_back(
    pieces: Reads, data: st.DataObject
) -> None:
    told = Told(pieces)
    snapshot = told.snapshot(data.draw(st.integers(0, len(told.data))))
    for stream in set(told.streams):
        own = told.of(stream)
        start = data.draw(st.integers(0, len(own) - 1))
        end = data.draw(st.integers(start + 1, len(own)))
        assert snapshot.read(stream, start, end) == [
            MergedPiece(stream, start, start, own[start:end])
        ]
    told.file.close()


@pytest.mark.parametrize("written", [0, 12_345, 40_000])
def test_a_log_of_many_runs_is_read_in_looks_of_bounded_size(written: int) -> None:
    told = Told([(STDERR, 1), (STDOUT, 1)] * 20_000)
    snapshot = told.snapshot(written)
    place = looks = 0
    while place < 40_000:
        found = snapshot.read(BOTH, place, 40_000)
        assert len(found) <= READ_RUNS
        place = check_pieces(told, found, place)
        looks += 1
    assert looks == 5
    (piece,) = snapshot.read(STDERR, 100, 20_000)
    assert piece.data == told.of(STDERR)[100 : 100 + READ_RUNS]
    told.file.close()


def test_a_look_is_as_small_as_it_is_told() -> None:
    told = Told([(STDERR, 10), (STDOUT, 10)] * 100)
    snapshot = told.snapshot(1_000)
    look = Look(most_bytes=95, most_runs=100)
    assert check_pieces(told, snapshot.read(BOTH, 5, 2_000, look), 5) == 100
    look = Look(most_bytes=10**6, most_runs=3)
    assert check_pieces(told, snapshot.read(BOTH, 5, 2_000, look), 5) == 30
    (piece,) = snapshot.read(STDERR, 5, 1_000, look)
    assert piece.data == told.of(STDERR)[5:30]
    told.file.close()


def test_a_stream_whose_runs_lie_far_apart_is_read_run_by_run() -> None:
    told = Told([(STDERR, 2), (STDOUT, READ_BYTES)] * 3)
    snapshot = told.snapshot(len(told.data) - 5)
    assert snapshot.read(STDERR, 1, 6) == [
        MergedPiece(STDERR, 1, 1, told.of(STDERR)[1:6])
    ]
    (piece,) = snapshot.read(STDOUT, 10, 3 * READ_BYTES)
    assert piece.data == told.of(STDOUT)[10 : 10 + READ_BYTES]
    told.file.close()


def test_the_log_is_searched_without_reading_all_of_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = Told([(STDERR, 1), (STDOUT, 1)] * 50_000)
    snapshot = told.snapshot(100_000)
    looked = 0
    read = os.pread

    def counting(descriptor: int, size: int, offset: int) -> bytes:
        nonlocal looked
        looked += 1
        return read(descriptor, size, offset)

    monkeypatch.setattr("os.pread", counting)
    check_pieces(told, snapshot.read(BOTH, 33_333, 33_343), 33_333)
    assert looked < 20
    told.file.close()
