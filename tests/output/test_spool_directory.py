"""The place on disk: who may use it, and what is left of dead servers."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from commander.errors import StartError
from commander.output.spool_directory import CLAIM_TRIES, PREFIX, SpoolDirectory

NOBODY = 65534

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


def open_below(path: Path) -> list[str]:
    """What this process has open there."""
    links = []
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            links.append(os.readlink(f"/proc/self/fd/{number}"))
    return [link for link in links if link.startswith(str(path))]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "spool"
    assert open_below(tmp_path) == []


def refusal(place: Path) -> str:
    with pytest.raises(StartError) as caught:
        SpoolDirectory(place)
    text = str(caught.value)
    assert text.startswith(f"MCP_SPOOL_DIR={place}: ")
    assert "\n" not in text
    return text


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def only(place: Path) -> Path:
    (found,) = place.iterdir()
    return found


def test_it_is_made_and_closed_to_others(place: Path) -> None:
    directory = SpoolDirectory(place)
    assert mode(place) == 0o700
    own = only(place)
    assert own.name.startswith(PREFIX)
    assert mode(own) == 0o700
    directory.close()
    directory.close()
    assert list(place.iterdir()) == []


def test_a_file_has_no_name_is_private_and_is_not_inherited(place: Path) -> None:
    directory = SpoolDirectory(place)
    descriptor = directory.create()
    status = os.fstat(descriptor)
    assert status.st_nlink == 0
    assert stat.S_IMODE(status.st_mode) == 0o600
    assert not os.get_inheritable(descriptor)
    assert list(only(place).iterdir()) == []
    os.pwrite(descriptor, b"kept", 0)
    assert os.pread(descriptor, 10, 0) == b"kept"
    os.close(descriptor)
    directory.close()


def test_a_file_that_loses_its_name_to_somebody_else_is_as_good(place: Path) -> None:
    directory = SpoolDirectory(place)
    with mock.patch("os.unlink", side_effect=FileNotFoundError):
        os.close(directory.create())
    directory.close()


def test_a_file_that_would_keep_its_name_is_not_used(place: Path) -> None:
    directory = SpoolDirectory(place)
    with (
        mock.patch("os.unlink", side_effect=PermissionError),
        pytest.raises(PermissionError),
    ):
        directory.create()
    directory.close()


def test_a_closed_one_makes_no_files(place: Path) -> None:
    directory = SpoolDirectory(place)
    directory.close()
    with pytest.raises(OSError, match="closed"):
        directory.create()


def test_two_servers_share_what_the_operator_named(place: Path) -> None:
    first, second = SpoolDirectory(place), SpoolDirectory(place)
    assert len(list(place.iterdir())) == 2
    first.close()
    os.close(second.create())
    second.close()


def test_what_a_dead_server_left_is_removed_and_nothing_else(place: Path) -> None:
    living = SpoolDirectory(place)
    theirs = only(place)
    dead = place / f"{PREFIX}0123"
    dead.mkdir()
    (dead / "left").write_bytes(b"secret")
    (dead / "link").symlink_to("/etc")
    (place / "other").mkdir()
    (place / f"{PREFIX}file").write_bytes(b"")
    outside = place.parent / "outside"
    outside.mkdir()
    (outside / "stays").write_bytes(b"")
    (place / f"{PREFIX}link").symlink_to(outside)
    os.mkfifo(place / f"{PREFIX}pipe")
    started = SpoolDirectory(place)
    assert not dead.exists()
    assert theirs.exists()
    assert (outside / "stays").exists()
    left = {path.name for path in place.iterdir()} - {theirs.name}
    assert {f"{PREFIX}file", f"{PREFIX}link", f"{PREFIX}pipe", "other"} < left
    started.close()
    living.close()


def test_a_directory_inside_a_dead_servers_is_not_walked_into(place: Path) -> None:
    inside = place / f"{PREFIX}0123" / "deep"
    inside.mkdir(parents=True)
    (inside / "file").write_bytes(b"")
    SpoolDirectory(place).close()
    assert (inside / "file").exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from commander.output.spool_directory import SpoolDirectory
descriptor = SpoolDirectory(Path(sys.argv[1])).create()
os.pwrite(descriptor, b"secret", 0)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_nothing_is_left_of_a_server_that_was_killed(place: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", KILLED, place], timeout=60, check=False)
    assert ran.returncode == -9
    assert list(only(place).iterdir()) == []
    SpoolDirectory(place).close()
    assert list(place.iterdir()) == []


def test_a_file_a_missing_parent_and_a_loop_are_refused(place: Path) -> None:
    place.write_bytes(b"")
    assert "it is not a directory" in refusal(place)
    assert "parent" in refusal(place.parent / "no" / "spool")
    loop = place.parent / "loop"
    loop.symlink_to(loop)
    assert "cannot be made or opened" in refusal(loop)


def test_a_directory_that_takes_no_entry_is_refused(place: Path) -> None:
    with mock.patch("os.listdir", side_effect=PermissionError(13, "no entry")):
        assert "output cannot be kept there (no entry)" in refusal(place)


def test_a_file_system_without_locks_is_refused(place: Path) -> None:
    with mock.patch("fcntl.flock", side_effect=OSError(38, "no locks")):
        assert "output cannot be kept there (no locks)" in refusal(place)


def test_a_directory_that_others_can_write_is_refused(place: Path) -> None:
    place.mkdir()
    place.chmod(0o777)
    assert "others can write it" in refusal(place)
    place.chmod(0o1777)
    SpoolDirectory(place).close()


@as_root
def test_a_directory_of_somebody_else_is_refused(place: Path) -> None:
    place.mkdir()
    os.chown(place, NOBODY, NOBODY)
    assert f"it belongs to user {NOBODY}" in refusal(place)


@as_root
def test_a_link_of_somebody_else_is_refused_and_an_own_one_followed(
    place: Path,
) -> None:
    place.mkdir()
    link = place.parent / "link"
    link.symlink_to(place)
    SpoolDirectory(link).close()
    os.lchown(link, NOBODY, NOBODY)
    assert f"symbolic link that belongs to user {NOBODY}" in refusal(link)


@as_root
def test_directories_of_other_users_are_left_alone(place: Path) -> None:
    place.mkdir()
    theirs = place / f"{PREFIX}0123"
    theirs.mkdir()
    os.chown(theirs, NOBODY, NOBODY)
    SpoolDirectory(place).close()
    assert theirs.exists()


@pytest.mark.parametrize("moment", ["before", "during", "after", "replaced"])
def test_a_new_directory_that_another_server_sweeps_is_made_again(
    place: Path, moment: str
) -> None:
    """The sweep is over before the lock, holds it, or came right after it."""
    make, lock = os.mkdir, fcntl.flock
    made: list[Path] = []

    def mkdir(
        path: str | Path, mode: int = 0o777, *, dir_fd: int | None = None
    ) -> None:
        make(path, mode, dir_fd=dir_fd)
        if dir_fd is not None:
            made.append(place / path)
            if moment == "before" and len(made) == 1:
                made[0].rmdir()

    def flock(descriptor: int, operation: int) -> None:
        if len(made) > 1 or moment == "before":
            return lock(descriptor, operation)
        if moment == "during":
            raise BlockingIOError
        made[0].rmdir()
        if moment == "replaced":
            # Another one before the old number may be given out again.
            make(place / "other")
            make(made[0])
        return None

    with mock.patch("os.mkdir", mkdir), mock.patch("fcntl.flock", flock):
        directory = SpoolDirectory(place)
    assert len(made) == 2
    os.close(directory.create())
    directory.close()
    assert not made[1].exists()


def test_a_server_gives_up_where_it_can_never_lock(place: Path) -> None:
    with mock.patch("fcntl.flock", side_effect=BlockingIOError):
        assert "output cannot be kept there" in refusal(place)
    assert len(list(place.iterdir())) == CLAIM_TRIES
