"""The version in the header or in ``_meta`` decides the era, and nothing else."""

from __future__ import annotations

import msgspec
import pytest

from commander.mcp.inbound import VERSION_KEY, InboundHeaders, classify
from commander.mcp.jsonrpc import (
    PARSE_ERROR,
    UNSUPPORTED_PROTOCOL_VERSION,
    ClientResponse,
    Notification,
    ProtocolError,
    Request,
)
from commander.mcp.versions import HANDSHAKE_VERSIONS

MODERN = "2026-07-28"


def request_with(meta: object) -> bytes:
    return msgspec.json.encode(
        {"jsonrpc": "2.0", "id": "a", "method": "ping", "params": {"_meta": meta}}
    )


REQUEST = b'{"jsonrpc":"2.0","id":"a","method":"ping"}'
NOTIFICATION = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
RESPONSE = b'{"jsonrpc":"2.0","id":"a","result":{"_meta":{}}}'


@pytest.mark.parametrize("header", [None, *HANDSHAKE_VERSIONS])
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (REQUEST, Request),
        (NOTIFICATION, Notification),
        (RESPONSE, ClientResponse),
        (request_with(None), Request),
        (request_with([VERSION_KEY]), Request),
        (request_with(MODERN), Request),
        (request_with({}), Request),
        (request_with({"progressToken": 1}), Request),
        (request_with({VERSION_KEY: None}), Request),
    ],
)
def test_without_a_foreign_version_it_is_of_the_handshake_era(
    body: bytes, kind: type, header: str | None
) -> None:
    assert isinstance(classify(body, InboundHeaders(protocol_version=header)), kind)


@pytest.mark.parametrize(
    ("header", "body", "requested"),
    [
        pytest.param(MODERN, REQUEST, MODERN, id="modern header"),
        pytest.param(MODERN, request_with({}), MODERN, id="modern header, empty meta"),
        pytest.param("1999-01-01", REQUEST, "1999-01-01", id="unknown header"),
        pytest.param("", REQUEST, "", id="empty header"),
        pytest.param("2025-11-2", REQUEST, "2025-11-2", id="a header cut off"),
        pytest.param(
            None, request_with({VERSION_KEY: MODERN}), MODERN, id="modern meta alone"
        ),
        pytest.param(
            MODERN, request_with({VERSION_KEY: MODERN}), MODERN, id="both modern"
        ),
        pytest.param(
            "2025-06-18",
            request_with({VERSION_KEY: MODERN}),
            MODERN,
            id="handshake header, modern meta",
        ),
        pytest.param(
            MODERN,
            request_with({VERSION_KEY: "2025-06-18"}),
            MODERN,
            id="modern header, handshake meta",
        ),
        pytest.param(
            "2025-11-25",
            request_with({VERSION_KEY: "2025-11-25"}),
            "2025-11-25",
            id="a version of the handshake era is not served per request",
        ),
        pytest.param(None, request_with({VERSION_KEY: 5}), "5", id="a number in meta"),
        pytest.param(None, request_with({VERSION_KEY: ""}), "", id="empty in meta"),
        pytest.param("v" * 65, REQUEST, "v" * 64, id="a long header is cut"),
        pytest.param(
            None, request_with({VERSION_KEY: "v" * 65}), "v" * 64, id="so is meta"
        ),
    ],
)
def test_a_foreign_version_is_refused_with_those_that_are_served(
    header: str | None, body: bytes, requested: str
) -> None:
    assert classify(body, InboundHeaders(protocol_version=header)) == ProtocolError(
        code=UNSUPPORTED_PROTOCOL_VERSION,
        message=f"Unsupported protocol version: {requested}",
        id="a",
        data={"supported": HANDSHAKE_VERSIONS, "requested": requested},
    )


@pytest.mark.parametrize("body", [NOTIFICATION, RESPONSE])
def test_a_refusal_of_what_is_no_request_has_no_id(body: bytes) -> None:
    error = classify(body, InboundHeaders(protocol_version=MODERN))
    assert isinstance(error, ProtocolError)
    assert error.code == UNSUPPORTED_PROTOCOL_VERSION
    assert error.id is None


def test_what_is_no_json_is_malformed_in_every_era() -> None:
    error = classify(b"{", InboundHeaders(protocol_version=MODERN))
    assert isinstance(error, ProtocolError)
    assert error.code == PARSE_ERROR


def test_headers_without_a_version_are_the_default() -> None:
    assert InboundHeaders().protocol_version is None
