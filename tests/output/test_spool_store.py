"""Asking the disk, which may fail, hang, or have no thread."""

from __future__ import annotations

import errno
import os
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, capturedLogs

from commander.output.spool_file import SpoolFile
from commander.output.spool_store import (
    ANSWER_SECONDS,
    Aside,
    Disk,
    SpoolStore,
    in_words,
)
from tests.output.disks import SlowDisk, at_once, result_of

T = TypeVar("T")


@pytest.fixture
def clock() -> Iterator[Clock]:
    clock = Clock()
    yield clock
    assert clock.getDelayedCalls() == []


def test_an_answer_comes_back_and_leaves_no_timer(clock: Clock) -> None:
    slow = SlowDisk()
    answer = Deferred.fromCoroutine(
        Disk(slow, clock=clock, monotonic=clock.seconds).ask(lambda: 5)
    )
    clock.advance(ANSWER_SECONDS - 1)
    slow.work()
    assert result_of(answer) == 5


def test_the_error_of_the_work_comes_back(clock: Clock) -> None:
    slow = SlowDisk()
    disk = Disk(slow, clock=clock, monotonic=clock.seconds)
    answer = Deferred.fromCoroutine(disk.ask(lambda: os.stat("/does/not/exist")))
    slow.work()
    with pytest.raises(FileNotFoundError):
        result_of(answer)


def test_no_answer_in_time_is_an_error_and_a_late_one_is_ignored(clock: Clock) -> None:
    slow = SlowDisk()
    disk = Disk(slow, clock=clock, monotonic=clock.seconds)
    answer = Deferred.fromCoroutine(disk.ask(lambda: 5))
    clock.advance(ANSWER_SECONDS + 1)
    with pytest.raises(TimeoutError) as caught:
        result_of(answer)
    assert in_words(caught.value) == "the disk does not answer"
    slow.work()


def test_words_name_what_is_wrong() -> None:
    assert in_words(OSError(errno.ENOSPC, "x")) == "the disk is full"
    assert in_words(OSError(errno.EXDEV, "x")) == "the disk cannot be written (x)"
    assert in_words(OSError("without a number")) == "the disk cannot be written (None)"
    assert in_words(RuntimeError("bug")) == "the disk cannot be written"


@pytest.fixture
def events() -> Iterator[Sequence[LogEvent]]:
    """What is logged."""
    with capturedLogs() as found:
        yield found


def store_on(aside: Aside, clock: Clock, path: Path) -> tuple[SpoolStore, SpoolFile]:
    """A store with room for one file, and that file."""
    store = SpoolStore(
        job_bytes=10,
        total_bytes=10,
        most_files=1,
        disk=Disk(aside, clock=clock, monotonic=clock.seconds),
        create=lambda: os.open(path / "file", os.O_RDWR | os.O_CREAT),
        charge=lambda size_bytes: None,
    )
    file = SpoolFile(store.create, 10)
    file.write(0, b"out", 0, array("Q"))
    store.add_file()
    return store, file


def test_there_are_no_more_files_than_there_may_be(
    clock: Clock, tmp_path: Path
) -> None:
    store, file = store_on(at_once, clock, tmp_path)
    with pytest.raises(OSError, match="too many"):
        store.add_file()
    store.drop_file(file)
    store.add_file()
    assert store.files == 1


def test_a_file_that_no_thread_will_close_is_closed_all_the_same(
    clock: Clock, tmp_path: Path, events: Sequence[LogEvent]
) -> None:
    def no_thread(work: Callable[[], T], /) -> Deferred[T]:
        raise RuntimeError("can't start new thread")

    store, file = store_on(no_thread, clock, tmp_path)
    store.drop_file(file)
    assert [event["log_format"] for event in events] == ["spool_has_no_thread"]
    assert store.files == 0
    with pytest.raises(OSError, match="closed"):
        file.read(0, 3)


def test_a_file_whose_disk_hangs_is_closed_when_the_disk_comes_back(
    clock: Clock, tmp_path: Path, events: Sequence[LogEvent]
) -> None:
    slow = SlowDisk()
    store, file = store_on(slow, clock, tmp_path)
    store.drop_file(file)
    clock.advance(ANSWER_SECONDS + 1)
    assert [event["log_format"] for event in events] == ["spool_file_not_closed"]
    assert file.read(0, 3) == b"out"
    slow.work()
    with pytest.raises(OSError, match="closed"):
        file.read(0, 3)
