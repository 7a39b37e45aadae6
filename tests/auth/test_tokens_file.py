"""The tokens file: who may write it, and that it counts as a whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from commander.auth.token_lines import token_line
from commander.auth.tokens import (
    PresentedTokens,
    Refused,
    Token,
    TokenList,
    digest_of,
)
from commander.auth.tokens_file import TokensFile, read_tokens
from commander.private_file import Unusable
from commander.telemetry.logging import StructuredLog
from commander.testing import MemoryLog

requirement = pytest.mark.requirement

ANN = Token(principal="ann", digest=digest_of("a"))
BOB = Token(principal="bob", digest=digest_of("b"), expires_at=100.0)
OWN = Token(principal="token-own", digest=digest_of("own"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    write(path, ANN, BOB)
    return path


def write(path: Path, *tokens: Token) -> None:
    path.write_text("\n".join(map(token_line, tokens)))
    path.chmod(0o600)


def read(path: Path, *beside: Token) -> tuple[Token, ...] | Unusable:
    return read_tokens(path, user_id=os.geteuid(), beside=beside)


def refusal(path: Path, *beside: Token) -> str:
    found = read(path, *beside)
    assert isinstance(found, Unusable)
    return found.reason


class Reader:
    """A tokens file as a server has it."""

    def __init__(self, path: Path, *own: Token) -> None:
        self.clock, self.log = Clock(), MemoryLog()
        self.used: list[TokenList] = []
        self._file = TokensFile(
            path,
            user_id=os.geteuid(),
            own=own,
            now=self.clock.seconds,
            log=StructuredLog("test", observer=self.log),
        )

    def reload(self) -> None:
        self._file.reload(self.used.append)

    def owner(self, token: str) -> str | Refused:
        presented = PresentedTokens((token.encode(),))
        return self.used[-1].owner_of(presented, self.clock.seconds())


# --- reading -----------------------------------------------------------------------


@requirement("A7")
def test_all_lines_are_read(path: Path) -> None:
    assert read(path) == (ANN, BOB)


def test_a_byte_order_mark_does_not_matter(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read(path) == (ANN, BOB)


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_write_is_refused(path: Path, mode: int) -> None:
    path.chmod(mode)
    assert refusal(path) == f"others can write it; run: chmod go-w {path}"


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o644, 0o440])
def test_a_file_that_others_can_only_read_is_taken(path: Path, mode: int) -> None:
    """As orchestrators mount secrets."""
    path.chmod(mode)
    assert read(path) == (ANN, BOB)


def test_a_link_is_followed_to_the_file_that_counts(path: Path, tmp_path: Path) -> None:
    """As orchestrators change mounted files: they swap a link."""
    link = tmp_path / "link"
    link.symlink_to(path)
    assert read(link) == (ANN, BOB)
    path.chmod(0o666)
    assert "others can write it" in refusal(link)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none").startswith("it cannot be read (No such file")


def test_a_larger_file_is_refused_before_it_is_read(path: Path) -> None:
    path.write_text("#" * (64 * 1024 + 1))
    assert refusal(path) == "it is larger than 65536 bytes"


def test_a_file_that_is_no_text_is_refused(path: Path) -> None:
    path.write_bytes(b"ann \xff")
    assert refusal(path) == "it is not UTF-8 text"


def test_a_bad_line_is_told(path: Path) -> None:
    path.write_text("ann s3cret")
    assert refusal(path).startswith("line 1: the digest is not accepted")


def test_a_token_that_is_valid_beside_the_list_has_no_second_owner(path: Path) -> None:
    assert refusal(path, OWN, BOB) == (
        "a token of bob is that of MCP_AUTH_TOKEN: leave one out"
    )
    assert read(path, OWN) == (ANN, BOB)


# --- reading again -----------------------------------------------------------------


def test_a_new_list_is_used_with_the_servers_own_tokens(path: Path) -> None:
    reader = Reader(path, OWN)
    reader.reload()
    assert [reader.owner(token) for token in ("own", "a", "b")] == [
        *("token-own", "ann", "bob")
    ]
    write(path, BOB)
    reader.reload()
    assert reader.owner("own") == "token-own"
    assert reader.owner("a") == Refused(reason="invalid")


def test_the_log_tells_how_many_there_are_and_how_many_have_expired(
    path: Path,
) -> None:
    reader = Reader(path, OWN)
    reader.reload()
    reader.clock.advance(100)
    reader.reload()
    assert reader.log.named("tokens_loaded") == [
        {"principals": 3, "tokens": 3, "expired": None},
        {"principals": 3, "tokens": 3, "expired": 1},
    ]


@pytest.mark.parametrize("problem", ["missing", "empty", "bad line", "writable"])
def test_a_list_that_cannot_be_used_changes_nothing_and_is_an_error(
    path: Path, problem: str
) -> None:
    reader = Reader(path)
    reader.reload()
    if problem == "missing":
        path.unlink()
    elif problem == "empty":
        path.write_text("")
    elif problem == "bad line":
        path.write_text(f"{token_line(OWN)}\ncarl s3cret\n")
    else:
        path.chmod(0o666)
    reader.reload()
    assert len(reader.used) == 1
    (record,) = reader.log.named("tokens_not_loaded")
    assert record["file"] == str(path)
    (line,) = (line for line in reader.log.lines() if "tokens_not_loaded" in line)
    assert '"level":"error"' in line
    assert "the tokens before stay valid" in line
    assert "s3cret" not in line


def test_a_bad_line_is_not_found_by_the_query_for_failed_logins(path: Path) -> None:
    path.write_text("\n" * 400 + "ann")
    reader = Reader(path)
    reader.reload()
    (record,) = reader.log.named("tokens_not_loaded")
    assert record["reason"].startswith("line 4·01: ")
