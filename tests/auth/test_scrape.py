"""Who may read the metrics."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress
from twisted.web.test.requesthelper import DummyRequest

from commander.auth.scrape import ScrapeAccess
from commander.auth.tokens import digest_of

HERE = IPv4Address("TCP", "127.0.0.1", 40000)
ELSEWHERE = IPv4Address("TCP", "192.0.2.7", 40000)
ANYBODY = ScrapeAccess(None)
SCRAPER = ScrapeAccess(digest_of("scrape"))


def request(peer: IAddress = HERE, /, host: str = "localhost:3000", **said: str) -> Any:
    found = DummyRequest([b"metrics"])
    found.client = peer
    for name, value in {"host": host, **said}.items():
        if value:
            found.requestHeaders.addRawHeader(name.replace("_", "-"), value)
    return found


@pytest.mark.parametrize("peer", [HERE, ELSEWHERE])
def test_with_a_token_whoever_has_it_may_and_nobody_else(peer: IAddress) -> None:
    assert SCRAPER.admits(request(peer, authorization="Bearer scrape"))
    assert SCRAPER.admits(request(peer, authorization="bearer  scrape", host=""))
    assert SCRAPER.admits(request(peer, x_mcp_auth_token="scrape"))
    for wrong in ("", "Bearer", "Bearer other", "Bearer scrape2", "Basic scrape"):
        assert not SCRAPER.admits(request(peer, authorization=wrong))
    both = {"authorization": "Bearer scrape", "x_mcp_auth_token": "other"}
    assert not SCRAPER.admits(request(peer, **both))


@pytest.mark.parametrize(
    ("peer", "host"),
    [
        (HERE, "localhost:3000"),
        (HERE, "localhost"),
        (HERE, "127.0.0.1:3000"),
        (HERE, "[::1]:3000"),
        (IPv4Address("TCP", "127.8.8.8", 1), "127.8.8.8"),
        (IPv6Address("TCP", "::1", 40000), "[::1]"),
    ],
)
def test_without_one_programs_of_this_machine_may(peer: IAddress, host: str) -> None:
    assert ANYBODY.admits(request(peer, host))


@pytest.mark.parametrize(
    ("peer", "host"),
    [
        (ELSEWHERE, "localhost:3000"),
        (IPv6Address("TCP", "2001:db8::1", 1), "[::1]:3000"),
        (UNIXAddress(b"/run/commander.sock"), "localhost"),
        (HERE, "evil.example:3000"),
        (HERE, "127.0.0.1.evil.example"),
        (HERE, "192.0.2.7:3000"),
        (HERE, "[2001:db8::1]:3000"),
        (HERE, "[::1"),
        (HERE, "é"),
        (HERE, ":3000"),
        (HERE, ""),
    ],
)
def test_nobody_else_may_nor_a_page_with_a_name_of_its_own(
    peer: IAddress, host: str
) -> None:
    assert not ANYBODY.admits(request(peer, host))


@pytest.mark.parametrize(
    "said",
    [
        {"x_forwarded_for": "192.0.2.7"},
        {"forwarded": "for=192.0.2.7"},
        {"via": "1.1 proxy"},
        {"origin": "http://localhost:3000"},
    ],
)
def test_what_came_by_a_proxy_or_from_a_page_is_not_of_this_machine(
    said: dict[str, str],
) -> None:
    assert not ANYBODY.admits(request(**said))
    assert SCRAPER.admits(request(**said, authorization="Bearer scrape"))


def test_two_hosts_are_none() -> None:
    twice = request()
    twice.requestHeaders.addRawHeader("host", "localhost")
    assert not ANYBODY.admits(twice)
