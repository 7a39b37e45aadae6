"""Trace context: what is read, what is passed on, and what is ignored."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.commands import Trace
from commander.mcp.jsonrpc import Request
from commander.mcp.traces import MOST_STATE_CHARACTERS, header_trace, meta_trace
from tests.mcp.engines import HeaderLines

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
LONGEST_MEMBER = f"{'k' * 255}={'v' * 256}"


def from_meta(**meta: Any) -> Trace | None:
    return meta_trace(Request(id=1, method="tools/call", params={"_meta": meta}))


def from_headers(*lines: tuple[str, str]) -> Trace | None:
    return header_trace(HeaderLines(*lines))


def state_of(text: str) -> str:
    trace = from_meta(traceparent=PARENT, tracestate=text)
    assert trace is not None
    return trace.state


def test_a_trace_is_read_from_meta_and_from_headers_alike() -> None:
    expected = Trace(trace_id=TRACE_ID, parent=PARENT, state="a=1,b=2")
    assert from_meta(traceparent=PARENT, tracestate="a=1,b=2") == expected
    lines = ("traceparent", PARENT), ("tracestate", "a=1"), ("tracestate", "b=2")
    assert from_headers(*lines) == expected


def test_there_need_be_no_trace() -> None:
    assert from_meta() is None
    assert from_meta(tracestate="a=1") is None
    assert from_headers(("tracestate", "a=1")) is None
    assert header_trace(None) is None
    for meta in ("text", None, [PARENT]):
        request = Request(id=1, method="tools/call", params={"_meta": meta})
        assert meta_trace(request) is None


@pytest.mark.parametrize(
    "parent",
    [
        "",
        TRACE_ID,
        PARENT.upper(),
        f" {PARENT}",
        f"{PARENT}\n",
        f"{PARENT}-",
        f"{PARENT}-more",
        PARENT[:-1],
        f"ff{PARENT[2:]}",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        PARENT.replace("4b", "4g"),
        PARENT.replace("-", "_"),
        f"01{PARENT[2:]}.more",
        f"01{PARENT[2:]}-{'x' * 1000}",
        "\u0660\u0660" + PARENT[2:],
        7,
        None,
        [PARENT],
    ],
)
def test_a_malformed_traceparent_is_ignored(parent: Any) -> None:
    """W3C Trace Context, section 4.3: as if there were none."""
    assert from_meta(traceparent=parent, tracestate="a=1") is None
    if isinstance(parent, str):
        assert from_headers(("traceparent", parent)) is None


def test_two_traceparents_are_none() -> None:
    assert from_headers(("traceparent", PARENT), ("traceparent", PARENT)) is None


@pytest.mark.parametrize(
    ("parent", "passed_on"),
    [
        (f"00-{TRACE_ID}-00f067aa0ba902b7-03", f"00-{TRACE_ID}-00f067aa0ba902b7-03"),
        (f"01-{TRACE_ID}-00f067aa0ba902b7-03", f"00-{TRACE_ID}-00f067aa0ba902b7-01"),
        (f"cc-{TRACE_ID}-00f067aa0ba902b7-fe-x", f"00-{TRACE_ID}-00f067aa0ba902b7-00"),
    ],
)
def test_a_later_version_is_passed_on_as_the_one_we_know(
    parent: str, passed_on: str
) -> None:
    trace = from_meta(traceparent=parent)
    assert trace is not None
    assert trace.parent == passed_on


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", ""),
        ("a=1", "a=1"),
        (" a=1 ,\tb=x y , ", "a=1,b=x y"),
        ("0a_-*/@b2/=$(x)", "0a_-*/@b2/=$(x)"),
        (LONGEST_MEMBER, LONGEST_MEMBER),
        (
            ",".join(f"k{i}=v" for i in range(32)),
            ",".join(f"k{i}=v" for i in range(32)),
        ),
    ],
)
def test_a_tracestate_is_passed_on_without_its_blanks(text: str, kept: str) -> None:
    assert state_of(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "=1",
        "a=",
        "A=1",
        "a=1,a=2",
        "a=1;b=2=3",
        "a=é",
        "a=\x01",
        "a=1\nb=2",
        f"{'k' * 257}=v",
        f"a={'v' * 257}",
        ",".join(f"k{i}=v" for i in range(33)),
        f"{LONGEST_MEMBER},a=1",
        "," * 2000,
    ],
)
def test_a_malformed_or_longer_tracestate_is_left_out_alone(text: str) -> None:
    assert state_of(text) == ""


def test_a_tracestate_that_is_no_text_is_left_out() -> None:
    assert from_meta(traceparent=PARENT, tracestate=["a=1"]) == Trace(
        trace_id=TRACE_ID, parent=PARENT
    )


@given(st.text(max_size=80), st.text(max_size=600))
def test_whatever_comes_only_what_was_checked_goes_on(parent: str, state: str) -> None:
    trace = from_meta(traceparent=parent, tracestate=state)
    assert trace is None or len(trace.parent) == 55
    kept = state_of(state)
    assert len(kept) <= MOST_STATE_CHARACTERS
    assert kept.isascii()
    assert kept == "" or kept.isprintable()
