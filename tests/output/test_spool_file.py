"""One file with bytes and the order of runs, and who may close it when."""

from __future__ import annotations

import errno
import os
import threading
from array import array
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from commander.output.order import RUN_BYTES
from commander.output.spool_file import SpoolFile

MOST_BYTES = 10_000
ORDER_AT = 12_288


def ends(*numbers: int) -> array[int]:
    return array("Q", numbers)


class Creator:
    """Opens files, and knows whether the last one is still open."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.descriptor = -1
        self.opened = 0

    def __call__(self) -> int:
        self.descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT)
        self.opened += 1
        return self.descriptor

    def is_open(self) -> bool:
        try:
            os.fstat(self.descriptor)
        except OSError:
            return False
        return True


@pytest.fixture
def creator(tmp_path: Path) -> Creator:
    return Creator(tmp_path / "file")


@pytest.fixture
def file(creator: Creator) -> Iterator[SpoolFile]:
    made = SpoolFile(creator, MOST_BYTES)
    yield made
    made.close()
    assert not creator.is_open()


def test_bytes_and_ends_come_back_from_anywhere(
    file: SpoolFile, creator: Creator
) -> None:
    file.write(0, b"outerr", 0, ends(3))
    file.write(6, bytearray(b"more"), 1, ends(3, 7))
    assert file.read(0, 10) == b"outerrmore"
    assert file.read(4, 8) == b"rrmo"
    assert list(file.read_ends(0, 3)) == [3, 3, 7]
    assert list(file.read_ends(1, 2)) == [3]
    assert creator.opened == 1


def test_the_hole_between_bytes_and_ends_takes_no_room(
    file: SpoolFile, creator: Creator
) -> None:
    file.write(0, b"out", 0, ends(3))
    status = os.fstat(creator.descriptor)
    assert status.st_size == ORDER_AT + RUN_BYTES
    assert status.st_blocks * 512 < ORDER_AT


def test_no_file_is_opened_before_the_first_write(
    file: SpoolFile, creator: Creator
) -> None:
    assert creator.opened == 0
    file.close()
    with pytest.raises(OSError, match="closed"):
        file.write(0, b"late", 0, ends())
    assert creator.opened == 0


def test_a_disk_that_writes_a_little_at_a_time_is_asked_again(file: SpoolFile) -> None:
    write = os.pwrite
    with mock.patch("os.pwrite", lambda fd, data, offset: write(fd, data[:2], offset)):
        file.write(0, b"all of it", 0, ends(4, 5))
    assert file.read(0, 9) == b"all of it"
    assert list(file.read_ends(0, 2)) == [4, 5]


def test_a_disk_that_takes_nothing_is_no_endless_loop(file: SpoolFile) -> None:
    with mock.patch("os.pwrite", return_value=0), pytest.raises(OSError, match="noth"):
        file.write(0, b"out", 0, ends())


@pytest.mark.parametrize("ended", [0, 2])
def test_a_write_that_fails_takes_its_part_back(
    file: SpoolFile, creator: Creator, ended: int
) -> None:
    file.write(0, b"before", 0, ends(*range(ended)))
    size = os.fstat(creator.descriptor).st_size
    write = os.pwrite

    def full(descriptor: int, data: memoryview, offset: int) -> int:
        if offset >= ORDER_AT:
            write(descriptor, data[:4], offset)
            raise OSError(errno.ENOSPC, "full")
        return write(descriptor, data, offset)

    with mock.patch("os.pwrite", full), pytest.raises(OSError, match="full"):
        file.write(6, b"after", ended, ends(1))
    assert os.fstat(creator.descriptor).st_size == size
    assert file.read(0, 6) == b"before"
    assert list(file.read_ends(0, ended)) == list(range(ended))


def test_a_file_that_somebody_cut_is_an_error(
    file: SpoolFile, creator: Creator
) -> None:
    file.write(0, b"outerr", 0, ends(3))
    os.ftruncate(creator.descriptor, 4)
    assert file.read(0, 4) == b"oute"
    with pytest.raises(OSError, match="cut"):
        file.read(0, 6)
    with pytest.raises(OSError, match="cut"):
        file.read_ends(0, 1)


def test_a_file_that_cannot_be_made_is_tried_again_at_the_next_write() -> None:
    file = SpoolFile(mock.Mock(side_effect=OSError(errno.EMFILE, "many")), MOST_BYTES)
    for _ in range(2):
        with pytest.raises(OSError, match="many"):
            file.write(0, b"out", 0, ends())
    file.close()


def test_who_is_at_work_keeps_the_descriptor_of_a_closed_file(
    file: SpoolFile, creator: Creator
) -> None:
    """Its number must not be given to another file meanwhile."""
    file.write(0, b"slow", 0, ends())
    read = os.pread
    reading, may_read = threading.Event(), threading.Event()
    found: list[bytes] = []

    def slow(descriptor: int, size: int, offset: int) -> bytes:
        reading.set()
        assert may_read.wait(60)
        return read(descriptor, size, offset)

    with mock.patch("os.pread", slow):
        reader = threading.Thread(target=lambda: found.append(file.read(0, 4)))
        reader.start()
        assert reading.wait(60)
        file.close()
        assert creator.is_open()
        may_read.set()
        reader.join(60)
    assert found == [b"slow"]
    assert not creator.is_open()
    with pytest.raises(OSError, match="closed"):
        file.read(0, 4)


def test_a_file_that_is_closed_while_it_is_made_is_gone_with_its_writer(
    creator: Creator,
) -> None:
    def closing() -> int:
        made.close()
        return creator()

    made = SpoolFile(closing, MOST_BYTES)
    made.write(0, b"out", 0, ends())
    assert creator.opened == 1
    assert not creator.is_open()
