"""Host, Origin and Content-Type: what a web page must not get past."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.web.http_headers import Headers

from commander.settings import is_loopback
from commander.web.guards import Guards, media_type_problem, prefers_stream

requirement = pytest.mark.requirement

DESK = Guards(loopback=True)
SERVER = Guards(loopback=False)


def status(guards: Guards, *lines: tuple[str, str]) -> int | None:
    """The status of the refusal, or None if there is none."""
    problem = guards.problem(headers(*lines))
    return None if problem is None else problem.status


def headers(*lines: tuple[str, str]) -> Headers:
    made = Headers()
    for name, value in lines:
        made.addRawHeader(name, value)
    return made


@requirement("C3")
@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "localhost:3000", "LOCALHOST:80", "localhost.", "localhost:"),
        *("127.0.0.1", "127.0.0.1:65535", "[::1]", "[::1]:3000"),
    ],
)
def test_a_desk_is_reached_by_its_loopback_names_and_any_port(host: str) -> None:
    assert status(DESK, ("Host", host)) is None


@requirement("C3")
@pytest.mark.parametrize(
    "host",
    [
        *("evil.example.com", "evil.example.com:3000", "localhost.evil.com"),
        *("evil-localhost", "127.0.0.1.evil.com", "10.0.0.2", "0.0.0.0", "::1"),
        *("localhost:port", "localhost:99999", "user@localhost", "localhost@evil"),
        *("localhost/path", "localhost?query", "localhost#fragment", "[::1", ""),
        *("localhost evil", "localhost,evil", "[localhost]"),
    ],
)
def test_a_desk_is_reached_by_no_other_name(host: str) -> None:
    assert status(DESK, ("Host", host)) == 421


def test_a_request_without_a_host_reaches_no_desk() -> None:
    assert status(DESK) == 421


@pytest.mark.parametrize("guards", [DESK, SERVER])
def test_two_host_headers_are_a_bad_request_even_if_they_agree(guards: Guards) -> None:
    assert status(guards, ("Host", "localhost"), ("Host", "localhost")) == 400


@pytest.mark.parametrize("host", ["any.example", "10.0.0.7:3000", "localhost"])
def test_off_loopback_any_host_is_served(host: str) -> None:
    assert status(SERVER, ("Host", host)) is None
    assert status(SERVER) is None


@pytest.mark.parametrize("loopback", [True, False])
def test_named_hosts_are_the_only_ones(loopback: bool) -> None:
    guards = Guards(loopback=loopback, allowed_hosts=frozenset({"app.example"}))
    assert status(guards, ("Host", "APP.example:8443")) is None
    assert status(guards, ("Host", "localhost")) == 421
    assert status(guards, ("Host", "other.app.example")) == 421
    assert status(guards) == 421


@requirement("C2")
@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:3000", "http://localhost:3000"),
        ("localhost:3000", "http://127.0.0.1:3000"),
        ("127.0.0.1:3000", "http://[::1]:3000"),
        ("[::1]:3000", "http://LOCALHOST:3000"),
        ("localhost", "http://localhost"),
        ("localhost:80", "http://localhost"),
        ("localhost", "https://localhost"),
        ("localhost:3000", "https://localhost:3000"),
    ],
)
def test_a_desk_takes_its_own_origin_by_any_loopback_name(
    host: str, origin: str
) -> None:
    assert status(DESK, ("Host", host), ("Origin", origin)) is None


@requirement("C2")
@pytest.mark.parametrize(
    "origin",
    [
        *("null", "", "http://evil.example.com", "http://evil.example.com:3000"),
        *("http://localhost.evil.com:3000", "http://localhost:3000.evil.com"),
        *("http://localhost:3001", "http://localhost", "http://127.0.0.1:80"),
        *("http://localhost:3000@evil.com", "http://user@localhost:3000"),
        *("http://:secret@localhost:3000", "http://localhost:3000/path"),
        *("file://localhost:3000", "ws://localhost:3000", "localhost:3000"),
        *("//localhost:3000", "http://localhost:port", "http://[::1", "http:///"),
        *("http://127.0.0.2:3000", "chrome-extension://abcdefgh"),
    ],
)
def test_a_desk_takes_no_other_origin(origin: str) -> None:
    assert status(DESK, ("Host", "localhost:3000"), ("Origin", origin)) == 403


def test_a_server_takes_the_origin_of_the_host_that_was_asked_for() -> None:
    asked = ("Host", "app.example:8443")
    assert status(SERVER, asked, ("Origin", "https://APP.example:8443")) is None
    assert status(SERVER, asked, ("Origin", "https://app.example")) == 403
    assert status(SERVER, asked, ("Origin", "https://other.example:8443")) == 403


def test_loopback_names_are_not_each_other_off_loopback() -> None:
    own = ("Host", "localhost:3000")
    assert status(SERVER, own, ("Origin", "http://127.0.0.1:3000")) == 403


def test_the_default_port_of_a_scheme_can_be_left_out() -> None:
    own = ("Host", "app.example")
    assert status(SERVER, own, ("Origin", "https://app.example:443")) is None
    assert status(SERVER, own, ("Origin", "http://app.example:80")) is None
    assert status(SERVER, own, ("Origin", "http://app.example:443")) == 403


@pytest.mark.parametrize("host", [[], [("Host", "")], [("Host", "app.example:port")]])
def test_without_a_host_no_origin_is_the_own_one(
    host: list[tuple[str, str]],
) -> None:
    for origin in ("http://app.example", "http://", "https://"):
        assert status(SERVER, *host, ("Origin", origin)) == 403


@requirement("C2")
def test_named_origins_are_taken_and_every_origin_must_be() -> None:
    guards = Guards(
        loopback=True, allowed_origins=frozenset({"https://app.example", "null"})
    )
    host, good = ("Host", "localhost:3000"), ("Origin", "https://APP.example")
    assert status(guards, host, good) is None
    assert status(guards, host, ("Origin", "null")) is None
    assert status(guards, host, good, ("Origin", "http://evil.example.com")) == 403
    assert status(guards, host, ("Origin", "http://localhost:3000")) is None


def test_the_host_is_checked_before_the_origin() -> None:
    evil = [("Host", "evil.example.com"), ("Origin", "http://evil.example.com")]
    assert status(DESK, *evil) == 421


def test_a_refusal_names_the_setting_and_cuts_what_it_repeats() -> None:
    problem = DESK.problem(headers(("Host", "localhost"), ("Origin", "x" * 5000)))
    assert problem is not None
    assert b"MCP_ALLOWED_ORIGINS" in problem.body
    assert len(problem.body) < 400


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_reading_host_and_origin_never_fails(host: bytes, origin: bytes) -> None:
    made = Headers()
    made.addRawHeader(b"Host", host)
    made.addRawHeader(b"Origin", origin)
    for guards in (DESK, SERVER):
        problem = guards.problem(made)
        assert problem is None or problem.status in {403, 421}


@requirement("C3")
@given(st.from_regex(r"[a-z0-9.-]{0,20}(localhost|127\.0\.0\.1)[a-z0-9.-]{1,20}"))
def test_a_name_that_only_holds_a_loopback_name_is_foreign(name: str) -> None:
    if not is_loopback(name.strip().rstrip(".")):  # 127.0.0.10 is one, too
        assert status(DESK, ("Host", name.strip())) == 421


@requirement("C6")
@pytest.mark.parametrize(
    ("types", "strict", "lenient"),
    [
        (["application/json"], None, None),
        (["Application/JSON; charset=utf-8"], None, None),
        (["application/json;charset=utf-8;x=y"], None, None),
        (["application/json", "application/json"], None, None),
        ([], 415, None),
        (["application/x-www-form-urlencoded"], 415, None),
        (["application/x-www-form-urlencoded; charset=utf-8"], 415, None),
        (["application/json", "text/plain"], 415, 415),
        (["text/plain"], 415, 415),
        (["multipart/form-data; boundary=x"], 415, 415),
        (["application/jsonp"], 415, 415),
        (["text/json"], 415, 415),
        ([""], 415, 415),
    ],
)
def test_a_body_must_say_that_it_is_json(
    types: list[str], strict: int | None, lenient: int | None
) -> None:
    made = headers(*(("Content-Type", value) for value in types))
    for expected, is_lenient in ((strict, False), (lenient, True)):
        problem = media_type_problem(made, lenient=is_lenient)
        assert (None if problem is None else problem.status) == expected


@requirement("C8")
@pytest.mark.parametrize(
    ("accept", "preferred"),
    [
        ([], False),
        (["*/*"], False),
        (["application/json, text/event-stream"], False),
        (["text/event-stream, application/json"], True),
        (["text/event-stream"], True),
        (["text/html, Text/Event-Stream, */*"], True),
        (["text/event-stream", "application/json"], True),
        (["application/json;q=0.9, text/event-stream"], True),
        (["text/event-stream; q=0.5, application/json"], False),
        (["text/event-stream; q = 0, application/json"], False),
        (["text/event-stream;q=0"], False),
        (["application/json;q=nan, text/event-stream;q=1.0"], False),
    ],
)
def test_events_are_preferred_by_weight_then_by_who_is_named_first(
    accept: list[str], preferred: bool
) -> None:
    """RFC 9110, section 12.5.1; the order is ours to heed."""
    lines = [("Accept", value) for value in accept]
    assert prefers_stream(headers(*lines)) is preferred
