"""Tokens as twisted.cred knows them."""

from __future__ import annotations

import pytest
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ICredentials
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from zope.interface.verify import verifyObject

from commander.auth.checkers import (
    AnyoneChecker,
    ITokenCredentials,
    TokenChecker,
    TokenCredentials,
)
from commander.auth.tokens import PresentedTokens, digest_of
from commander.principals import principal_for_token

RIGHT = digest_of("right")


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


@pytest.mark.parametrize("checker", [TokenChecker(RIGHT), AnyoneChecker()])
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
    name = succeeded(asked(TokenChecker(RIGHT), b"right"))
    assert name == principal_for_token(RIGHT.value).name.encode()


def test_the_principal_tells_nothing_about_the_token() -> None:
    name = succeeded(asked(TokenChecker(RIGHT), b"right"))
    assert RIGHT.value.hex()[:8].encode() not in name
    assert b"right" not in name


@pytest.mark.parametrize("values", [(), (b"wrong",), (b"right", b"wrong")])
def test_anything_else_is_an_unauthorized_login(values: tuple[bytes, ...]) -> None:
    failures: list[object] = []
    asked(TokenChecker(RIGHT), *values).addErrback(
        lambda failure: failures.append(failure.check(UnauthorizedLogin))
    )
    assert failures == [UnauthorizedLogin]


def test_without_auth_everybody_is_anonymous() -> None:
    assert succeeded(asked(AnyoneChecker(), b"whatever")) == b"anonymous"
