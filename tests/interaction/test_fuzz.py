"""No request body makes the server fail, whatever it holds.

The server allows one harmless command, as the bodies ask it to run things.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from tests.interaction.conftest import Launch, Server

pytestmark = pytest.mark.interaction

EXAMPLES = 150
METHODS = (
    *("initialize", "ping", "tools/list", "tools/call", "notifications/cancelled"),
    *("server/discover", "subscriptions/listen", "logging/setLevel"),
)
TOOLS = ("execute_command", "list_allowed_commands", "get_shell_info")
NAMES = ("command", "timeout", "env", "working_directory", "_meta", "progressToken")

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()  # NaN and infinities too, which Python writes as no JSON
    | st.text()
    | st.sampled_from(["true", "1s", "/", "2025-11-25", "x" * 10_000])
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner, max_size=4)
    ),
    max_leaves=12,
)
arguments = st.dictionaries(st.sampled_from(NAMES), values, max_size=4)
calls = st.fixed_dictionaries(
    {"name": st.sampled_from(TOOLS) | values, "arguments": arguments | values},
    optional={"_meta": values},
)
messages = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0") | values},
    optional={
        "id": st.integers(0, 9) | values,
        "method": st.sampled_from(METHODS) | values,
        "params": calls | values,
        "result": values,
    },
)
# Lone surrogates are written as escapes, so that every text can be sent.
texts = (messages | values).map(lambda value: json.dumps(value).encode())
bodies = (
    texts
    | st.binary(max_size=200)
    | st.builds(lambda text, cut: text[:cut], texts, st.integers(0, 100))
    | st.builds(lambda text, junk: text + junk, texts, st.binary(max_size=5))
)


@pytest.fixture(scope="module")
def guarded(launch: Launch) -> Iterator[Server]:
    """After all examples it still serves, and has met no fault of its own."""
    with launch("--allowed-commands", "true") as server:
        yield server
        assert server.rpc("ping")["result"] == {}
        assert [one for one in server.records() if one["level"] == "error"] == []


@settings(max_examples=EXAMPLES)
@given(body=bodies, path=st.sampled_from(["/", "/mcp"]))
def test_every_body_gets_an_answer_of_the_protocol(
    guarded: Server, body: bytes, path: str
) -> None:
    answer = guarded.post(body, path)
    assert answer.status in (200, 202, 400)
    if answer.status == 202:
        assert answer.body == b""
        return
    said = answer.json
    messages: list[dict[str, Any]] = said if isinstance(said, list) else [said]
    for message in messages:
        assert message["jsonrpc"] == "2.0"
        assert ("result" in message) != ("error" in message)
        assert message.get("error", {}).get("code") != -32603
