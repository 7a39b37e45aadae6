"""Heads that are read in one go, and those that are left to Twisted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource

from commander.testing import HTTPHarness
from commander.testing.http import HTTPConnection
from commander.web.heads import read_fields

ORDINARY = (
    b"Host: localhost:3000\r\nUser-Agent:x\r\nACCEPT: a \t\r\n"
    b"Content-Length: 40\r\naccept: b: c\r\nX-Empty:\r\n"
    b"content-length: 41\r\nTransfer-Encoding: chunked"
)
ODD = [
    *(b"", b"x", b":", b": x", b" Host: x", b"Host : x", b"H\xc3\xb6st: x", b"H(st: x"),
    *(b"Host: x\r\n y", b"Host: x\r\n\ty: z", b"Host: x\ny: z", b"Host: x\ry: z"),
    *(
        b"Host: x\0y",
        b"Host\0: x",
        b"Host: x\r\n\r\n",
        b"Host: x\n\r\nA: b",
        b"\r\nA: b",
    ),
]


@pytest.fixture
def client(client_of: Callable[[Resource], HTTPHarness]) -> HTTPHarness:
    """A client of a page that shows what it was asked."""
    return client_of(Mirror())


class Mirror(Resource):
    """Answers with the request as it arrived here."""

    isLeaf = True

    def render(self, request: IRequest) -> bytes:
        headers = sorted(request.requestHeaders.getAllRawHeaders())
        request.content.seek(0)
        seen = (request.method, request.uri, headers, request.content.read())
        return repr(seen).encode()


def test_an_ordinary_head_is_read() -> None:
    found = read_fields(ORDINARY)
    assert found is not None
    headers, framing = found
    assert dict(headers.getAllRawHeaders()) == {
        b"Host": [b"localhost:3000"],
        b"User-Agent": [b"x"],
        b"Accept": [b"a", b"b: c"],
        b"X-Empty": [b""],
    }
    assert framing == [
        b"Content-Length: 40",
        b"content-length: 41",
        b"Transfer-Encoding: chunked",
    ]


@pytest.mark.parametrize("text", ODD)
def test_an_odd_head_is_left_to_twisted(text: bytes) -> None:
    assert read_fields(text) is None


LONG = b"Long: " + b"x" * 9000
FUZZ = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
FIELDS = st.sampled_from(
    [
        *(b"Host: localhost", b"Host:a", b"Content-Type: application/json"),
        *(b"Content-Length: 3", b"Content-Length: 0", b"content-length:\t2 "),
        *(b"Content-Length: 3,3", b"Content-Length: -1", b"Content-Length: 1_0"),
        *(b"Content-Length: +3", b"Content-Length:", b"Content-Length: 99999"),
        *(b"Content-Length : 3", b" Content-Length: 3", b"Content-Length: 3\n"),
        *(b"Content-Length: " + b"9" * 5000, b"Transfer-Encoding: chunked"),
        *(b"Transfer-Encoding: identity", b"Transfer-Encoding: x", b"TE: x"),
        *(b"Connection: close", b"Connection: keep-alive", b"Expect: 100-continue"),
        *(b"Cookie: a=b; c", LONG, b"A: \xff", b"A:b:c", b"A: ", b"A: \x0bx\x0c"),
        *ODD,
    ]
)
REQUEST_LINES = st.sampled_from(
    [
        *(b"POST /mcp HTTP/1.1", b"GET /mcp HTTP/1.1", b"HEAD /health HTTP/1.1"),
        *(b"GET /health HTTP/1.1", b"GET /mcp?a=b HTTP/1.0", b"PUT /nothing HTTP/1.1"),
        *(b"GET /mcp", b"GET  /mcp HTTP/1.1", b"G(T /mcp HTTP/1.1", b"GET /mcp HTTP/3"),
        *(b"", b" ", b"GET /m cp HTTP/1.1", b"\0", b"GET /mcp\nHTTP/1.1"),
    ]
)
BODIES = st.sampled_from(
    [b"", b"abc", b"abcdef", b"3\r\nabc\r\n0\r\n\r\n", b"GET /mcp HTTP/1.1\r\n\r\n"]
)


@FUZZ
@given(
    first=REQUEST_LINES,
    fields=st.lists(FIELDS, max_size=5),
    body=BODIES,
    data=st.data(),
)
@example(first=b"GET /mcp HTTP/1.1", fields=[b"A: b"] * 500, body=b"", data=None).via(
    "the most headers that Twisted takes"
)
@example(first=b"GET /mcp HTTP/1.1", fields=[b"A: b"] * 501, body=b"", data=None).via(
    "one more"
)
def test_a_head_means_the_same_in_one_piece_and_in_two(
    client_of: Callable[[Resource], HTTPHarness],
    first: bytes,
    fields: list[bytes],
    body: bytes,
    data: st.DataObject | None,
) -> None:
    """In two pieces it is read by Twisted."""
    client = client_of(Mirror())
    sent = b"\r\n".join([first, *fields, b"", body])
    cut = 1 if data is None else data.draw(st.integers(1, len(sent)))
    whole, halves = client.connect(), client.connect()
    whole.send(sent)
    halves.send(sent[:1])
    halves.send(sent[1:cut])
    halves.send(sent[cut:])
    assert dateless(whole) == dateless(halves)
    assert whole.closing == halves.closing


def dateless(connection: HTTPConnection) -> list[bytes]:
    lines = connection.received().split(b"\r\n")
    return [line for line in lines if not line.startswith(b"Date:")]


@pytest.mark.parametrize("headers", [{}, {"Connection": "close"}])
def test_what_follows_a_head_belongs_to_the_next_request_or_to_nobody(
    client: HTTPHarness, headers: dict[str, str]
) -> None:
    connection = client.connect()
    connection.send(
        client.encode("GET", "/mcp", headers=headers) + client.encode("GET", "/health")
    )
    assert len(connection.responses()) == (1 if headers else 2)
    assert connection.closing == bool(headers)


def test_a_head_that_twisted_has_begun_to_read_is_read_on_by_twisted(
    client: HTTPHarness,
) -> None:
    connection = client.connect()
    connection.send(client.encode("GET", "/mcp") + b"GET /mcp HTTP/1.1\r\nA: 1\r\n")
    connection.send(b"B: 2\r\nC: 3\r\n\r\n")
    _, second = connection.responses()
    assert b"(b'A', [b'1']), (b'B', [b'2']), (b'C', [b'3'])" in second.body


def test_a_line_that_twisted_has_begun_to_read_is_read_on_by_twisted(
    client: HTTPHarness,
) -> None:
    connection = client.connect()
    connection.send(client.encode("GET", "/mcp") + b"GET /mc")
    connection.send(b"p?a HTTP/1.1\r\nA: 1\r\n\r\n")
    _, second = connection.responses()
    assert b"b'/mcp?a'" in second.body


def test_a_thousand_requests_in_one_piece_are_answered(client: HTTPHarness) -> None:
    connection = client.connect()
    connection.send(
        b"".join(client.encode(body=b"%d" % number) for number in range(1000))
    )
    bodies = [response.body for response in connection.responses()]
    assert len(bodies) == 1000
    assert all(b"b'%d')" % number in body for number, body in enumerate(bodies))


def test_nothing_is_read_after_the_last_answer(client: HTTPHarness) -> None:
    connection = client.begin("GET", "/mcp", headers={"Connection": "close"})
    assert connection.channel is not None
    before = connection.received()
    connection.channel.dataReceived(client.encode("GET", "/mcp"))
    assert connection.received() == before
