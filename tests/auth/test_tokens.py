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
    TokenDigest,
    digest_of,
    presented_tokens,
)

RIGHT = digest_of("right")


def headers(*lines: tuple[str, str]) -> Headers:
    made = Headers()
    for name, value in lines:
        made.addRawHeader(name, value)
    return made


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


@pytest.mark.parametrize(
    ("values", "accepted"),
    [
        ((), False),
        ((b"right",), True),
        ((b"right", b"right"), True),
        ((b"wrong",), False),
        ((b"right", b"wrong"), False),
        ((b"wrong", b"right"), False),
        ((b"",), False),
        ((b"right ",), False),
        ((b"Right",), False),
        ((b"right\0",), False),
        ((b"right" * 100_000,), False),
    ],
)
def test_all_that_came_must_be_valid_and_something_must_come(
    values: tuple[bytes, ...], accepted: bool
) -> None:
    assert PresentedTokens(values).all_match(RIGHT) is accepted


def test_every_value_is_compared_in_constant_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(kept: bytes, presented: bytes) -> bool:
        compared.append((kept, presented))
        return False

    monkeypatch.setattr(hmac, "compare_digest", compare)
    PresentedTokens((b"wrong", b"right", b"")).all_match(RIGHT)
    assert compared == [
        (RIGHT.value, hashlib.sha256(value).digest())
        for value in (b"wrong", b"right", b"")
    ]


def test_nothing_but_the_constant_time_comparison_decides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hmac, "compare_digest", lambda kept, presented: True)
    assert PresentedTokens((b"wrong",)).all_match(RIGHT)
    monkeypatch.setattr(hmac, "compare_digest", lambda kept, presented: False)
    assert not PresentedTokens((b"right",)).all_match(RIGHT)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.binary())
def test_a_token_is_matched_by_its_own_bytes_only(token: str, other: bytes) -> None:
    digest = digest_of(token)
    assert digest.matches(token.encode())
    assert digest.matches(other) == (other == token.encode())


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
