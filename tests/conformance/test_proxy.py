"""The proxy adds a token to each request, and nothing else and to nothing else."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conformance.proxy import HEAD_BYTES, Heads
from tests.conformance.servers import PROXY, started

pytestmark = pytest.mark.conformance

LINE: Final = b"Authorization: Bearer t"
PATIENCE_SECONDS: Final = 10.0

GET: Final = b"GET /mcp HTTP/1.1\r\nHost: evil.example.com\r\n\r\n"
POST: Final = (
    b"POST /mcp HTTP/1.1\r\nHost: a\r\ncontent-length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\n"
)
CHUNKED: Final = (
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
)


def with_line(request: bytes) -> bytes:
    return request.replace(b"\r\n", b"\r\n" + LINE + b"\r\n", 1)


def passed_on(*pieces: bytes) -> bytes:
    heads = Heads(LINE)
    return b"".join(map(heads.feed, pieces))


@given(st.lists(st.sampled_from([GET, POST]), max_size=4), st.data())
def test_each_head_gets_the_line_however_it_comes(
    requests: list[bytes], data: st.DataObject
) -> None:
    sent = b"".join(requests)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=8)))
    pieces = [sent[a:b] for a, b in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
    assert passed_on(*pieces) == b"".join(map(with_line, requests))


def test_a_request_without_headers_gets_it_too() -> None:
    request = b"GET / HTTP/1.1\r\n"
    assert passed_on(request + b"\r\n") == request + LINE + b"\r\n\r\n"


def test_nothing_is_put_into_a_chunked_body() -> None:
    assert passed_on(CHUNKED) == with_line(CHUNKED)


def test_a_body_is_not_waited_for() -> None:
    start = POST[:-5]
    assert passed_on(start) == with_line(start)


def test_a_head_that_never_ends_is_passed_on_as_it_is() -> None:
    noise = b"x" * (HEAD_BYTES + 1)
    assert passed_on(noise, GET) == noise + GET


@attrs.frozen
class Ends:
    """A client and a server with the proxy between them."""

    client: socket.socket
    server: socket.socket


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[Ends]:
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        listening.settimeout(PATIENCE_SECONDS)
        port = str(listening.getsockname()[1])
        token = {"MCP_AUTH_TOKEN": "t"}
        url = stack.enter_context(started(PROXY, port, logs=tmp_path, env=token))
        place = ("127.0.0.1", int(url.split(":")[2].partition("/")[0]))
        client = socket.create_connection(place, PATIENCE_SECONDS)
        stack.enter_context(client)
        server, _ = listening.accept()
        stack.enter_context(server)
        server.settimeout(PATIENCE_SECONDS)
        yield Ends(client, server)


def test_each_event_of_a_stream_comes_as_it_is_sent(ends: Ends) -> None:
    ends.client.sendall(GET)
    assert ends.server.recv(1000) == with_line(GET)
    for number in range(3):
        event = b"data: %d\n\n" % number
        ends.server.sendall(event)
        assert ends.client.recv(1000) == event


def test_who_closes_is_seen_at_the_other_end(ends: Ends) -> None:
    ends.client.sendall(GET)
    ends.server.recv(1000)
    ends.client.close()
    assert ends.server.recv(1000) == b""


def test_a_slow_reader_gets_all_of_an_answer_that_ends(ends: Ends) -> None:
    answer = b"x" * 3_000_000

    def send() -> None:
        with ends.server:
            ends.server.sendall(answer)

    sending = threading.Thread(target=send)
    sending.start()
    with ends.client.makefile("rb") as reader:
        got = reader.read()
    sending.join()
    assert got == answer
