"""The daily file: where it is, when it changes, and what a full disk does to it."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from commander.telemetry.logfiles import DailyFile

NOON = time.mktime((2026, 11, 22, 12, 0, 0, 0, 0, -1))
DAY = 24 * 3600.0


class Clock:
    """A time of day that a test sets."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path, clock: Clock) -> DailyFile:
    return DailyFile(str(tmp_path / "logs"), clock)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "go-mcp-commander"


def full_disk(
    monkeypatch: pytest.MonkeyPatch, *, taking: int
) -> Callable[[int, bytes], int]:
    """Make ``os.write`` take some bytes, then fail for want of space."""
    room = taking
    write = os.write

    def scarce(descriptor: int, data: bytes) -> int:
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = write(descriptor, data[:room])
        room -= written
        return written

    monkeypatch.setattr(os, "write", scarce)
    return write


def test_lines_go_to_the_path_of_the_go_server(file: DailyFile, folder: Path) -> None:
    file.write("one")
    file.write("zwei ü")

    path = folder / "go-mcp-commander-2026-11-22.log"
    assert path.read_text(encoding="utf-8") == "one\nzwei ü\n"


def test_nothing_is_made_before_the_first_line(file: DailyFile, folder: Path) -> None:
    file.close()

    assert not folder.parent.exists()


def test_nobody_else_can_read_it(file: DailyFile, folder: Path) -> None:
    file.write("one")

    modes = [folder.parent, folder, folder / "go-mcp-commander-2026-11-22.log"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in modes] == [
        0o700,
        0o700,
        0o600,
    ]


def test_a_file_of_an_earlier_run_is_continued(
    tmp_path: Path, clock: Clock, folder: Path
) -> None:
    for line in ("first run", "second run"):
        file = DailyFile(str(tmp_path / "logs"), clock)
        file.write(line)
        file.close()

    text = (folder / "go-mcp-commander-2026-11-22.log").read_text()
    assert text == "first run\nsecond run\n"


def test_the_first_line_of_a_day_begins_a_new_file(
    file: DailyFile, folder: Path, clock: Clock
) -> None:
    clock.now = NOON + DAY / 2 - 1
    file.write("late")
    clock.now += 1
    file.write("early")

    assert (folder / "go-mcp-commander-2026-11-22.log").read_text() == "late\n"
    assert (folder / "go-mcp-commander-2026-11-23.log").read_text() == "early\n"


def test_only_one_descriptor_is_ever_open(file: DailyFile, clock: Clock) -> None:
    file.write("today")
    before = len(os.listdir("/dev/fd"))

    for _ in range(5):
        clock.now += DAY
        file.write("another day")

    assert len(os.listdir("/dev/fd")) == before


def test_a_file_that_cannot_be_opened_is_tried_again_after_a_minute(
    file: DailyFile, folder: Path, clock: Clock
) -> None:
    folder.parent.write_text("a file where the directory should be")
    with pytest.raises(FileExistsError):
        file.write("lost")
    folder.parent.unlink()

    clock.now += 59
    with pytest.raises(OSError, match="a short time ago"):
        file.write("lost")
    clock.now += 1
    file.write("kept")

    assert (folder / "go-mcp-commander-2026-11-22.log").read_text() == "kept\n"


def test_a_new_day_is_tried_at_once(
    file: DailyFile, folder: Path, clock: Clock
) -> None:
    clock.now = NOON + DAY / 2 - 1
    folder.parent.write_text("a file where the directory should be")
    with pytest.raises(FileExistsError):
        file.write("lost")
    folder.parent.unlink()

    clock.now += 1
    file.write("kept")

    assert (folder / "go-mcp-commander-2026-11-23.log").read_text() == "kept\n"


def test_a_clock_that_is_set_back_does_not_prolong_the_wait(
    file: DailyFile, folder: Path, clock: Clock
) -> None:
    folder.parent.write_text("a file where the directory should be")
    with pytest.raises(FileExistsError):
        file.write("lost")
    folder.parent.unlink()

    clock.now -= 3600
    file.write("kept")

    assert (folder / "go-mcp-commander-2026-11-22.log").read_text() == "kept\n"


def test_a_line_that_was_cut_short_does_not_spoil_the_next_one(
    file: DailyFile, folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        full_disk(patch, taking=6)
        with pytest.raises(OSError, match="No space left"):
            file.write('{"a":"long line"}')
    clock.now += 60
    file.write('{"b":1}')
    file.write('{"c":2}')

    text = (folder / "go-mcp-commander-2026-11-22.log").read_text()
    assert text == '{"a":"\n{"b":1}\n{"c":2}\n'


def test_a_line_that_was_not_begun_leaves_no_empty_line(
    file: DailyFile, folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write("one")
    with monkeypatch.context() as patch:
        full_disk(patch, taking=0)
        with pytest.raises(OSError, match="No space left"):
            file.write("lost")
    clock.now += 60
    file.write("two")

    assert (folder / "go-mcp-commander-2026-11-22.log").read_text() == "one\ntwo\n"


def test_a_link_in_place_of_the_file_is_not_followed(
    file: DailyFile, folder: Path, tmp_path: Path
) -> None:
    folder.mkdir(parents=True)
    (folder / "go-mcp-commander-2026-11-22.log").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match=r"[Ll]inks"):
        file.write("lost")

    assert not (tmp_path / "elsewhere").exists()
