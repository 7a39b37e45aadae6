"""Files that must be nobody else's to write; more is in test_mcp_env.py."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from commander.private_file import Unusable, read_private_file


def read(path: Path, most_bytes: int = 10) -> bytes | Unusable:
    return read_private_file(path, user_id=os.geteuid(), most_bytes=most_bytes)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a file"
    path.write_bytes(b"0123456789")
    path.chmod(0o600)
    return path


def test_a_file_is_read_up_to_its_bound(path: Path) -> None:
    assert read(path) == b"0123456789"
    assert read(path, 9) == Unusable("it is larger than 9 bytes")


def test_the_command_that_helps_can_be_pasted(path: Path) -> None:
    path.chmod(0o620)
    assert read(path) == Unusable(f"others can write it; run: chmod go-w '{path}'")


def test_a_missing_file_is_known_from_one_that_cannot_be_read(tmp_path: Path) -> None:
    missing = read(tmp_path / "none")
    assert isinstance(missing, Unusable)
    assert missing.is_missing
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    unreadable = read(loop)
    assert isinstance(unreadable, Unusable)
    assert not unreadable.is_missing


def test_no_descriptor_is_left_open(path: Path, tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    for one in (path, tmp_path, tmp_path / "none"):
        read(one)
    assert os.listdir("/proc/self/fd") == before
