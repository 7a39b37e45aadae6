"""What a request presents, and how it is compared."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.web.http_headers import Headers

from commander.auth.tokens import (
    PresentedTokens,
    Refused,
    Token,
    TokenDigest,
    TokenList,
    digest_of,
    presented_tokens,
)

requirement = pytest.mark.requirement

RIGHT = Token(principal="ann", digest=digest_of("right"))
SECOND = Token(principal="ann", digest=digest_of("second"))
OTHER = Token(principal="bob", digest=digest_of("other"), expires_at=100.0)
INVALID = Refused(reason="invalid")


def owner(*values: bytes, now: float = 0.0) -> str | Refused:
    """Whose tokens these are, of three that are valid."""
    return TokenList([RIGHT, SECOND, OTHER]).owner_of(PresentedTokens(values), now)


def headers(*lines: tuple[str, str]) -> Headers:
    made = Headers()
    for name, value in lines:
        made.addRawHeader(name, value)
    return made


@requirement("A1")
@pytest.mark.parametrize(
    ("lines", "values"),
    [
        ([], ()),
        ([("X-MCP-Auth-Token", "T")], (b"T",)),
        ([("x-mcp-auth-token", "T")], (b"T",)),
        ([("X-MCP-Auth-Token", "")], (b"",)),
        ([("Authorization", "Bearer T")], (b"T",)),
        ([("authorization", "bearer T")], (b"T",)),
        ([("Authorization", "BEARER   T")], (b"T",)),
        ([("Authorization", "Bearer T U")], (b"T U",)),
        ([("Authorization", "Bearer")], ()),
        ([("Authorization", "Bearer ")], ()),
        ([("Authorization", "BearerT")], ()),
        ([("Authorization", "Basic VDpU")], ()),
        ([("Authorization", "T")], ()),
        ([("X-MCP-Auth-Token", "A"), ("Authorization", "Bearer B")], (b"A", b"B")),
        ([("X-MCP-Auth-Token", "A"), ("X-MCP-Auth-Token", "B")], (b"A", b"B")),
        ([("Authorization", "Basic Q"), ("Authorization", "Bearer B")], (b"B",)),
    ],
)
def test_both_headers_are_read(
    lines: list[tuple[str, str]], values: tuple[bytes, ...]
) -> None:
    assert presented_tokens(headers(*lines)).values == values


@requirement("A1")
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((), Refused(reason="missing")),
        ((b"right",), "ann"),
        ((b"second",), "ann"),
        ((b"other",), "bob"),
        ((b"right", b"right"), "ann"),
        ((b"right", b"second"), "ann"),
        ((b"right", b"other"), INVALID),
        ((b"wrong",), INVALID),
        ((b"right", b"wrong"), INVALID),
        ((b"wrong", b"right"), INVALID),
        ((b"",), INVALID),
        ((b"right ",), INVALID),
        ((b"Right",), INVALID),
        ((b"right\0",), INVALID),
        ((b"right" * 100_000,), INVALID),
    ],
)
def test_all_that_came_must_be_valid_and_of_one_principal(
    values: tuple[bytes, ...], expected: str | Refused
) -> None:
    assert owner(*values) == expected


@requirement("A2")
@pytest.mark.parametrize("values", [(b"other",), (b"other", b"other")])
def test_an_expired_token_is_refused_with_the_name_of_its_owner(
    values: tuple[bytes, ...],
) -> None:
    assert owner(*values, now=99.9) == "bob"
    assert owner(*values, now=100) == Refused(reason="expired", principal="bob")
    assert owner(b"other", b"wrong", now=100) == INVALID


@pytest.mark.parametrize("values", [(b"right", b"old"), (b"old", b"right")])
def test_one_expired_token_is_enough(values: tuple[bytes, ...]) -> None:
    old = Token(principal="ann", digest=digest_of("old"), expires_at=100.0)
    tokens = TokenList([RIGHT, old])
    assert tokens.owner_of(PresentedTokens(values), 99.9) == "ann"
    found = tokens.owner_of(PresentedTokens(values), 100.0)
    assert found == Refused(reason="expired", principal="ann")


def test_a_token_that_was_valid_once_expires_all_the_same() -> None:
    tokens = TokenList([OTHER])
    presented = PresentedTokens((b"other",))
    assert tokens.owner_of(presented, 99.9) == "bob"
    assert isinstance(tokens.owner_of(presented, 100.0), Refused)


class Comparisons:
    """What was compared in constant time, all of it found equal or unequal."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, equal: bool = False) -> None:
        self.seen: list[tuple[bytes, bytes]] = []
        self._equal = equal
        monkeypatch.setattr(hmac, "compare_digest", self._compare)

    def _compare(self, valid: bytes, presented: bytes) -> bool:
        self.seen.append((valid, presented))
        return self._equal


@requirement("A1")
def test_every_value_is_compared_with_every_token_in_constant_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared = Comparisons(monkeypatch)
    owner(b"wrong", b"right", b"")
    assert compared.seen == [
        (token.digest.value, hashlib.sha256(value).digest())
        for value in (b"wrong", b"right", b"")
        for token in (RIGHT, SECOND, OTHER)
    ]


def test_the_comparisons_do_not_end_at_the_token_that_is_equal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared = Comparisons(monkeypatch, equal=True)
    owner(b"right")
    assert len(compared.seen) == 3


def test_nothing_but_the_constant_time_comparison_decides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Comparisons(monkeypatch, equal=True)
    assert owner(b"wrong") == "ann"
    Comparisons(monkeypatch, equal=False)
    assert owner(b"right") == INVALID


def test_only_what_was_found_valid_is_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tokens = TokenList([RIGHT, OTHER])
    tokens.owner_of(PresentedTokens((b"right",)), 0.0)
    tokens.owner_of(PresentedTokens((b"wrong",)), 0.0)
    compared = Comparisons(monkeypatch)
    assert tokens.owner_of(PresentedTokens((b"right",)), 0.0) == "ann"
    assert compared.seen == []
    assert tokens.owner_of(PresentedTokens((b"wrong",)), 0.0) == INVALID
    assert tokens.owner_of(PresentedTokens((b"other",)), 0.0) == INVALID
    assert len(compared.seen) == 4


@given(st.text(st.characters(exclude_categories=["Cs"])), st.binary())
def test_a_token_is_matched_by_its_own_bytes_only(token: str, other: bytes) -> None:
    tokens = TokenList([Token(principal="ann", digest=digest_of(token))])
    assert tokens.owner_of(PresentedTokens((token.encode(),)), 0.0) == "ann"
    is_owner = tokens.owner_of(PresentedTokens((other,)), 0.0) == "ann"
    assert is_owner == (other == token.encode())


@given(st.lists(st.binary(max_size=40), max_size=3))
def test_reading_authorization_headers_never_fails(lines: list[bytes]) -> None:
    made = Headers()
    for line in lines:
        made.addRawHeader(b"Authorization", line)
    assert len(presented_tokens(made).values) <= len(lines)


def test_neither_tokens_nor_digests_show_in_a_repr() -> None:
    assert "secret" not in repr(PresentedTokens((b"secret",)))
    digest = digest_of("secret")
    assert digest.value.hex() not in repr(digest)
    assert repr(digest) == "TokenDigest()"
    assert digest == TokenDigest(hashlib.sha256(b"secret").digest())
    assert digest.value.hex() not in repr(TokenList([RIGHT]).tokens)
