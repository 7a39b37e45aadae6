"""The list of tokens as text: what is taken, and what a refusal gives away."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from commander.auth.token_lines import (
    BadLine,
    is_principal_name,
    parse_tokens,
    token_line,
)
from commander.auth.tokens import Token, TokenDigest, digest_of

ONE, TWO = digest_of("one"), digest_of("two")
HEX = ONE.value.hex()
MIDDAY = 1801396800.0
"""2027-01-31T12:00:00Z."""


def tokens(text: str) -> tuple[Token, ...]:
    found = parse_tokens(text)
    assert isinstance(found, tuple), found
    return found


def refusal(text: str) -> str:
    found = parse_tokens(text)
    assert isinstance(found, BadLine), found
    assert found.reason.isprintable()
    return found.reason


# --- what is taken -----------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        f"ann sha256:{HEX}",
        f"ann sha256:{HEX.upper()}",
        f"  ann \t sha256:{HEX}  \r",
        f"# a comment\n\n   # another: é\u2028\nann sha256:{HEX}\n \n",
    ],
)
def test_a_line_gives_a_token_its_principal(line: str) -> None:
    assert tokens(line) == (Token(principal="ann", digest=ONE),)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2027-01-31T12:00:00Z", MIDDAY),
        ("1970-01-01T00:00:00Z", 0.0),
        ("2028-02-29T23:59:59Z", 1835481599.0),
        ("9999-12-31T23:59:59Z", 253402300799.0),
    ],
)
def test_an_expiry_is_a_time_in_utc(text: str, seconds: float) -> None:
    (token,) = tokens(f"ann sha256:{HEX} expires={text}")
    assert token.expires_at == seconds


def test_a_principal_may_have_several_tokens() -> None:
    found = tokens(
        f"ann sha256:{HEX} expires=2027-01-31T12:00:00Z\n"
        f"bob sha256:{digest_of('b').value.hex()}\n"
        f"ann sha256:{TWO.value.hex()}"
    )
    assert [token.principal for token in found] == ["ann", "bob", "ann"]
    assert [token.expires_at for token in found] == [MIDDAY, None, None]


@pytest.mark.parametrize(
    "name", ["a", "Ann", "ci-runner.7", "a_b", "x" * 64, "node-400-1", "tokens", "Z9"]
)
def test_names_are_words_of_letters_digits_and_three_signs(name: str) -> None:
    assert is_principal_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", "9lives", "-a", ".a", "_a", "x" * 65, "a b", "ann@example", "añn"),
        *("a\n", "a/b", 'a"', "a=b", "ann٣"),
        # What the operator searches the log for (tests/interaction/test_logs.py).
        *("build-401", "a14012", "blocked", "unblocked-bot", "x.CMD_EXEC"),
        # The server's own.
        *("anonymous", "stdio", "token-", "token-abcdefgh"),
    ],
)
def test_other_names_are_none(name: str) -> None:
    assert not is_principal_name(name)


# --- what is refused ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "field", "accepted"),
    [
        ("s3cret", "digest", "sha256: and the 64 hex"),
        (f"9s3cret sha256:{HEX}", "name", "a letter and up to 63 letters"),
        (f"s3cret@home sha256:{HEX}", "name", "401, blocked, CMD_EXEC"),
        (f"sha256:{HEX} ann", "name", "a letter and up to"),
        ("ann s3cret", "digest", "commander-mcp token new NAME"),
        (f"ann {HEX}", "digest", "sha256: and"),
        (f"ann SHA256:{HEX}", "digest", "sha256: and"),
        (f"ann sha512:{HEX}{HEX}", "digest", "sha256: and"),
        (f"ann sha256:{HEX[:-1]}", "digest", "sha256: and"),
        (f"ann sha256:{HEX}0", "digest", "sha256: and"),
        (f"ann sha256: {HEX}", "digest", "sha256: and"),
        (f"ann\u00a0sha256:{HEX}", "name", "a letter and"),
        (f"ann sha256:{HEX} s3cret", "expiry", "2027-01-31T00:00:00Z"),
        (f"ann sha256:{HEX} # s3cret", "expiry", "2027-01-31T00:00:00Z"),
        (f"ann sha256:{HEX} expires=", "expiry", "expires= and a time in UTC"),
        (f"ann sha256:{HEX} expires=2027-01-31", "expiry", "UTC"),
        (f"ann sha256:{HEX} expires=2027-01-31T00:00:00", "expiry", "UTC"),
        (f"ann sha256:{HEX} expires=2027-01-31T00:00:00+01:00", "expiry", "UTC"),
        (f"ann sha256:{HEX} expires=2027-02-29T00:00:00Z", "expiry", "UTC"),
        (f"ann sha256:{HEX} expires=2027-01-31T24:00:00Z", "expiry", "UTC"),
        (f"ann sha256:{HEX} expires=2027-01-31T00:00:60Z", "expiry", "UTC"),
        (f"ann sha256:{HEX} expires=0000-01-31T00:00:00Z", "expiry", "UTC"),
        (f"ann sha256:{HEX} expires=2027-01-31T1:1:1:1Z", "expiry", "UTC"),
        (
            f"ann sha256:{HEX} expires=2027-01-31T00:00:00Z s3cret",
            "fourth field",
            "none",
        ),
    ],
)
def test_a_bad_line_is_told_by_its_number_its_field_and_what_is_accepted(
    line: str, field: str, accepted: str
) -> None:
    said = refusal(f"bob sha256:{TWO.value.hex()}\n\n{line}\n")
    assert said.startswith(f"line 3: the {field} is not accepted: expected ")
    assert accepted in said
    assert "s3cret" not in said
    assert HEX[:8] not in said


def test_the_same_token_cannot_have_two_lines() -> None:
    line = f"ann sha256:{HEX}"
    said = "line 3: the same token stands in line 1"
    assert refusal(f"{line}\n\nbob sha256:{HEX.upper()}") == said
    assert refusal(f"{line}\n#\n{line} expires=2027-01-31T00:00:00Z") == said


@pytest.mark.parametrize("text", ["", "\n", "# ann\n", " \t\r\n"])
def test_a_list_without_a_token_is_more_likely_cut_off(text: str) -> None:
    assert refusal(text).startswith("there is no token in it")


def test_the_digest_of_a_variable_that_was_not_set_is_refused() -> None:
    """It would make an empty header a valid token."""
    said = refusal(f"ann sha256:{digest_of('').value.hex()}")
    assert said == "line 1: the digest is that of an empty token"


# --- for any input -----------------------------------------------------------------

NAMES = st.from_regex(r"\A[A-Za-z][A-Za-z0-9._-]{0,63}\Z").filter(is_principal_name)
TOKENS = st.lists(
    st.builds(
        Token,
        principal=NAMES,
        digest=st.builds(TokenDigest, st.binary(min_size=32, max_size=32)),
        expires_at=st.none() | st.integers(0, 253402300799).map(float),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda token: token.digest,
)
WORDS = st.sampled_from(
    ["ann", f"sha256:{HEX}", "sha256:", "expires=2027-01-31T00:00:00Z", "expires=", "#"]
)
GAPS = st.sampled_from([" ", "\t", "\n", "\r\n", "", "\x0b", "\u2028"])


@given(TOKENS, st.sampled_from(["\n", "\r\n", "\n\n# note\n"]))
def test_what_is_written_is_read_again(listed: list[Token], end: str) -> None:
    assert tokens(end.join(map(token_line, listed))) == tuple(listed)


@example("ann sha256:" + "0" * 64 + " expires=2027-01-31T99:99:99Z")
@given(
    st.text()
    | st.lists(st.tuples(WORDS | st.text(max_size=5), GAPS), max_size=12).map(
        lambda parts: "".join(word + gap for word, gap in parts)
    )
)
def test_any_text_is_tokens_or_one_line_that_quotes_nothing(text: str) -> None:
    found = parse_tokens(text)
    if isinstance(found, BadLine):
        allowed = set(string.printable) - set("\n\r\t\x0b\x0c")
        assert set(found.reason) <= allowed
        assert HEX[:8] not in found.reason
        assert re.match(r"line [0-9]+: the |there is no token in it", found.reason)
    else:
        assert found
        assert tokens("\n".join(map(token_line, found))) == found
        assert all(is_principal_name(token.principal) for token in found)
