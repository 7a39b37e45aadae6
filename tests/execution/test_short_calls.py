"""System calls without giving the interpreter's lock away: the same as those of os."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from commander.execution.short_calls import read_file, write, write_file


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize(
    ("size", "whole", "expected"),
    [
        (4, False, b"some"),
        (4, True, b"some\0text"),
        (9, True, b"some\0text"),
        (100, False, b"some\0text"),
        (100, True, b"some\0text"),
    ],
)
def test_a_file_is_read_to_the_size_or_to_its_end(
    tmp_path: Path, size: int, whole: bool, expected: bytes
) -> None:
    file = tmp_path / "ünïcode"
    file.write_bytes(b"some\0text")
    before = open_descriptors()
    assert read_file(str(file), size, whole=whole) == expected
    assert open_descriptors() == before


def test_an_empty_file_has_nothing_to_read(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert read_file(str(tmp_path / "empty"), 10, whole=True) == b""


def test_what_is_written_replaces_the_beginning_and_makes_no_file(
    tmp_path: Path,
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    before = open_descriptors()
    write_file(str(file), b"\0b")
    assert file.read_bytes() == b"\0b345"
    assert open_descriptors() == before
    with pytest.raises(FileNotFoundError):
        write_file(str(tmp_path / "other"), b"x")
    assert not (tmp_path / "other").exists()


def test_errors_are_those_of_the_kernel_with_the_path(tmp_path: Path) -> None:
    before = open_descriptors()
    with pytest.raises(FileNotFoundError, match="No such file") as missing:
        read_file("/nowhere/at/all", 10)
    assert missing.value.filename == "/nowhere/at/all"
    with pytest.raises(IsADirectoryError) as directory:
        read_file(str(tmp_path), 10)
    assert directory.value.filename == str(tmp_path)
    with pytest.raises(OSError, match="Invalid argument") as refused:
        write_file("/proc/self/oom_score_adj", b"nonsense")
    assert refused.value.errno == errno.EINVAL
    assert open_descriptors() == before


def test_descriptors_take_bytes_or_say_why_not() -> None:
    reading, writing = os.pipe()
    assert write(writing, b"two\0") == 4
    assert os.read(reading, 10) == b"two\0"
    os.close(writing)
    os.close(reading)
    with pytest.raises(OSError, match="Bad file descriptor"):
        write(writing, b"x")


def test_nothing_that_is_opened_is_inherited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inherited = []
    file = tmp_path / "file"
    file.write_bytes(b"x")

    def note(descriptor: int, *_: object) -> int:
        inherited.append(os.get_inheritable(descriptor))
        return 0

    monkeypatch.setattr("commander.execution.short_calls._read", note)
    monkeypatch.setattr("commander.execution.short_calls._write", note)
    read_file(str(file), 1)
    write_file(str(file), b"y")
    assert inherited == [False, False]
