"""The generated token: made once, shown once, kept as a digest."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from commander.auth.state import (
    DeskToken,
    desk_token,
    keep_token,
    new_desk_token,
    state_file,
)
from commander.auth.tokens import digest_of
from commander.errors import StartError

requirement = pytest.mark.requirement


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory of its own, for the whole process."""
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def kept_in(home: Path) -> Path:
    return home / ".local" / "state" / "commander-mcp" / "token.sha256"


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def made_in(home: Path) -> DeskToken:
    """What a start uses, and keeps if it made it."""
    environ = {"HOME": str(home)}
    return keep_token(desk_token(environ), environ)


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({"HOME": "/h"}, "/h/.local/state/commander-mcp/token.sha256"),
        (
            {"HOME": "/h", "XDG_STATE_HOME": "/s"},
            "/s/commander-mcp/token.sha256",
        ),
        (
            {"HOME": "/h", "XDG_STATE_HOME": "relative"},
            "/h/.local/state/commander-mcp/token.sha256",
        ),
    ],
)
def test_the_file_stands_where_desktops_keep_state(
    environ: dict[str, str], path: str
) -> None:
    assert state_file(environ) == Path(path)


@pytest.mark.parametrize("environ", [{}, {"HOME": ""}, {"HOME": "relative"}])
def test_without_a_home_there_is_no_file(environ: dict[str, str]) -> None:
    assert state_file(environ) is None
    assert not keep_token(desk_token(environ), environ).kept


@requirement("A5")
def test_the_first_start_makes_a_token_and_keeps_its_digest_only(home: Path) -> None:
    desk = made_in(home)
    assert desk.kept
    assert desk.token is not None
    assert desk.digest == digest_of(desk.token)
    content = kept_in(home).read_text(encoding="ascii")
    assert content == desk.digest.value.hex() + "\n"
    assert desk.token not in content


def test_a_start_that_fails_leaves_no_token_that_nobody_has_seen(home: Path) -> None:
    desk = desk_token({"HOME": str(home)})
    assert desk.token is not None
    assert not desk.kept
    assert list(home.iterdir()) == []


def test_nobody_else_can_read_the_file_or_list_its_directory(home: Path) -> None:
    earlier = os.umask(0)
    try:
        made_in(home)
    finally:
        os.umask(earlier)
    assert mode_of(kept_in(home)) == 0o600
    assert mode_of(kept_in(home).parent) == 0o700


def test_no_other_file_is_left_beside_it(home: Path) -> None:
    made_in(home)
    assert list(kept_in(home).parent.iterdir()) == [kept_in(home)]


@requirement("A5")
def test_later_starts_use_the_same_digest_and_know_no_token(home: Path) -> None:
    first, second = made_in(home), made_in(home)
    assert second == DeskToken(digest=first.digest)
    assert second.token is None


def test_each_new_token_is_another(tmp_path: Path) -> None:
    one, other = made_in(tmp_path / "one"), made_in(tmp_path / "other")
    assert one.token is not None
    assert one.token != other.token
    assert len(one.token) == 43


def test_the_token_does_not_show_in_a_repr(home: Path) -> None:
    desk = made_in(home)
    assert desk.token is not None
    assert desk.token not in repr(desk)


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_write_is_refused(home: Path, mode: int) -> None:
    made_in(home)
    kept_in(home).chmod(mode)
    with pytest.raises(StartError, match="can be written by others"):
        made_in(home)


def test_a_file_that_others_can_only_read_is_good_enough(home: Path) -> None:
    first = made_in(home)
    kept_in(home).chmod(0o644)
    assert made_in(home).digest == first.digest


def test_a_file_of_another_user_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_in(home)
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    with pytest.raises(StartError, match="can be written by others"):
        made_in(home)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no digest",
        b"ab" * 31,
        b"ab" * 33,
        b"ab" * 1000,
        b"zz" * 32,
        b"\xff\xfe" * 16,
        "٣".encode() * 64,
    ],
)
def test_a_file_without_a_digest_is_refused_and_not_replaced(
    home: Path, content: bytes
) -> None:
    made_in(home)
    kept_in(home).write_bytes(content)
    with pytest.raises(StartError, match="holds no SHA-256"):
        made_in(home)
    assert kept_in(home).read_bytes() == content


def test_blanks_around_the_digest_do_no_harm(home: Path) -> None:
    first = made_in(home)
    kept_in(home).write_text(f"  {first.digest.value.hex()} \n\n", encoding="ascii")
    assert made_in(home).digest == first.digest


def test_a_directory_in_its_place_is_told_and_not_raised(home: Path) -> None:
    kept_in(home).mkdir(parents=True)
    with pytest.raises(StartError, match=r"cannot read .*Is a directory"):
        made_in(home)


def test_a_link_in_a_circle_is_told_and_not_raised(home: Path) -> None:
    kept_in(home).parent.mkdir(parents=True)
    kept_in(home).symlink_to(kept_in(home))
    with pytest.raises(StartError, match="cannot read"):
        made_in(home)


def test_a_home_that_is_no_directory_gives_a_token_for_this_process_only(
    tmp_path: Path,
) -> None:
    home = tmp_path / "file"
    home.touch()
    desk = made_in(home)
    assert not desk.kept
    assert desk.token is not None
    assert desk.digest == digest_of(desk.token)


def test_what_a_killed_start_left_behind_does_not_stop_the_next(home: Path) -> None:
    left = kept_in(home).with_suffix(f".{os.getpid()}")
    left.parent.mkdir(parents=True)
    left.touch()
    assert made_in(home).kept
    assert not left.exists()


def test_the_command_prints_the_token_alone_on_standard_output(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert new_desk_token() == 0
    out, err = capsys.readouterr()
    (token,) = out.splitlines()
    assert made_in(home) == DeskToken(digest=digest_of(token))
    assert token not in err
    assert "next start" in err


def test_the_command_replaces_the_token_before(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = made_in(home)
    assert new_desk_token() == 0
    assert made_in(home).digest != first.digest
    assert mode_of(kept_in(home)) == 0o600


def test_the_command_replaces_a_file_that_is_not_to_be_trusted(home: Path) -> None:
    made_in(home)
    kept_in(home).chmod(0o666)
    assert new_desk_token() == 0
    assert made_in(home).kept


def test_the_command_shows_no_token_that_it_could_not_keep(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.delenv("HOME", raising=False)
    assert new_desk_token() == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("commander-mcp: the token's digest cannot be written")
    assert err.count("\n") == 1
