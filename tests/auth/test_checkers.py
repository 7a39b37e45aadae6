"""Tokens as twisted.cred knows them."""

from __future__ import annotations

import pytest
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ICredentials
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from commander.auth.checkers import (
    AnyoneChecker,
    ITokenCredentials,
    TokenChecker,
    TokenCredentials,
    TokensRefused,
)
from commander.auth.tokens import (
    PresentedTokens,
    Refused,
    Token,
    TokenList,
    digest_of,
)

RIGHT = Token(principal="ann", digest=digest_of("right"))
SHORT = Token(principal="bob", digest=digest_of("short"), expires_at=100.0)


def checker(*tokens: Token, clock: Clock | None = None) -> TokenChecker:
    return TokenChecker(TokenList(tokens), (clock or Clock()).seconds)


def asked(
    checker: TokenChecker | AnyoneChecker, *values: bytes
) -> Deferred[bytes | tuple[()]]:
    return checker.requestAvatarId(TokenCredentials(PresentedTokens(values)))


def succeeded(deferred: Deferred[bytes | tuple[()]]) -> bytes:
    results: list[bytes | tuple[()]] = []
    deferred.addCallback(results.append)
    (result,) = results
    assert isinstance(result, bytes)
    return result


def refused(deferred: Deferred[bytes | tuple[()]]) -> Refused:
    failures: list[Failure] = []
    deferred.addErrback(failures.append)
    (failure,) = failures
    assert failure.check(UnauthorizedLogin)
    assert isinstance(failure.value, TokensRefused)
    return failure.value.refused


@pytest.mark.parametrize("checker", [checker(RIGHT), AnyoneChecker()])
def test_the_checkers_are_what_cred_asks_for(
    checker: TokenChecker | AnyoneChecker,
) -> None:
    assert verifyObject(ICredentialsChecker, checker)
    assert checker.credentialInterfaces == (ITokenCredentials,)


def test_the_credentials_are_what_they_say() -> None:
    credentials = TokenCredentials(PresentedTokens(()))
    assert verifyObject(ITokenCredentials, credentials)
    assert ICredentials.providedBy(credentials)


def test_a_valid_token_names_its_principal() -> None:
    assert succeeded(asked(checker(RIGHT, SHORT), b"right")) == b"ann"
    assert succeeded(asked(checker(RIGHT, SHORT), b"short")) == b"bob"


@pytest.mark.parametrize(
    ("values", "reason"),
    [((), "missing"), ((b"wrong",), "invalid"), ((b"right", b"wrong"), "invalid")],
)
def test_anything_else_is_an_unauthorized_login(
    values: tuple[bytes, ...], reason: str
) -> None:
    assert refused(asked(checker(RIGHT), *values)).reason == reason


def test_a_token_is_valid_up_to_the_moment_of_its_expiry() -> None:
    clock = Clock()
    one = checker(RIGHT, SHORT, clock=clock)
    clock.advance(99.9)
    assert succeeded(asked(one, b"short")) == b"bob"
    clock.advance(0.1)
    assert refused(asked(one, b"short")) == Refused(reason="expired", principal="bob")
    assert succeeded(asked(one, b"right")) == b"ann"


def test_a_new_list_takes_the_place_of_the_old_one() -> None:
    one = checker(RIGHT)
    assert succeeded(asked(one, b"right")) == b"ann"
    one.use(TokenList([SHORT]))
    assert refused(asked(one, b"right")).reason == "invalid"
    assert succeeded(asked(one, b"short")) == b"bob"


def test_without_auth_everybody_is_anonymous() -> None:
    assert succeeded(asked(AnyoneChecker(), b"whatever")) == b"anonymous"
