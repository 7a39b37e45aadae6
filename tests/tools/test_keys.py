"""Keys by name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.tools.keys import key_bytes


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("ctrl-c", b"\x03"),
        ("Ctrl+D", b"\x04"),
        ("CTRL_Z", b"\x1a"),
        ("ctrl-\\", b"\x1c"),
        ("enter", b"\r"),
        ("return", b"\r"),
        ("esc", b"\x1b"),
        ("up", b"\x1b[A"),
        ("page-down", b"\x1b[6~"),
        ("f5", b"\x1b[15~"),
        ("q", b"q"),
        ("Q", b"Q"),
        ("é", "é".encode()),
        ("-", b"-"),
        ("alt-b", b"\x1bb"),
        ("alt-B", b"\x1bB"),
        ("alt-enter", b"\x1b\r"),
        ("alt-ctrl-c", b"\x1b\x03"),
    ],
)
def test_a_key_sends_what_a_terminal_sends(name: str, sent: bytes) -> None:
    assert key_bytes(name) == sent


@pytest.mark.parametrize(
    "name",
    ["", "ctrl-", "ctrl-cc", "ctrl-1", "alt-", "hyper-x", "ok", "alt-" * 9999 + "x"],
)
def test_there_are_no_other_keys(name: str) -> None:
    assert key_bytes(name) is None


@given(st.text(max_size=40))
def test_no_name_breaks_it(name: str) -> None:
    sent = key_bytes(name)
    assert sent is None or sent
