"""Messages as events."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.mcp.jsonrpc import notification_body, result_body
from commander.mcp.sse import COMMENT, event, priming

requirement = pytest.mark.requirement


def read(stream: bytes) -> list[dict[str, str]]:
    """The events of a stream, by the rules of HTML, section 9.2.6."""
    events = []
    fields: dict[str, str] = {}
    for line in stream.decode().split("\n"):
        if not line:
            if "data" in fields:
                events.append(fields)
            fields = {}
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data" and "data" in fields:
            value = f"{fields['data']}\n{value}"
        if name:
            fields[name] = value
    return events


@requirement("M22")
def test_an_event_without_an_id_has_none() -> None:
    """M22: in the modern era no event has an id."""
    assert event(b"{}") == b"event: message\ndata: {}\n\n"


def test_an_event_with_an_id_names_it() -> None:
    """L11."""
    assert event(b"{}", "a-1") == b"event: message\nid: a-1\ndata: {}\n\n"


@requirement("L13")
def test_the_first_event_has_an_id_and_a_pause_and_no_data() -> None:
    """L13."""
    assert priming("a-0", 500) == b"id: a-0\nretry: 500\ndata: \n\n"
    assert read(priming("a-0", 500)) == [{"id": "a-0", "retry": "500", "data": ""}]


def test_a_comment_is_no_event() -> None:
    """C11."""
    assert COMMENT.startswith(b":")
    assert read(COMMENT + event(b"1") + COMMENT) == read(event(b"1"))


@given(st.text(), st.sampled_from([None, "a-7"]))
def test_a_message_is_read_from_its_event_whatever_is_in_it(
    text: str, event_id: str | None
) -> None:
    bodies = [
        notification_body("notifications/message", {"data": text}),
        result_body(text, {"text": text}),
    ]
    stream = b"".join(event(body, event_id) for body in bodies)
    told = read(stream)
    assert [msgspec.json.decode(one["data"]) for one in told] == [
        msgspec.json.decode(body) for body in bodies
    ]
    assert [one.get("id") for one in told] == [event_id, event_id]
