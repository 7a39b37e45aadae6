"""What a command inherits, and what it never does."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.commands import Trace
from commander.execution import environment
from commander.execution.environment import (
    DEFAULT_PATH,
    child_environment,
    command_environment,
    encoded,
    encoded_variables,
    never_passed,
    terminal_environment,
    trace_environment,
)
from commander.execution.owners import own_text

SECRETS = {
    "MCP_AUTH_TOKEN": "t0ken",
    "MCP_ALLOWED_COMMANDS": "ls",
    "AWS_ACCESS_KEY_ID": "a",
    "AWS_SECRET_ACCESS_KEY": "b",
    "AWS_SESSION_TOKEN": "c",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "d",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": "e",
    "ECS_CONTAINER_METADATA_URI_V4": "f",
    "ECS_AGENT_URI": "g",
}
OURS = {**SECRETS, "COMMANDER_RUN": "another", "COMMANDER_SERVER": "another"}
"""What stays with the server, secret or not."""


def test_ordinary_names_are_inherited_and_others_are_not() -> None:
    child = child_environment(
        {"HOME": "/h", "LC_ALL": "C", "TZ": "UTC", "OTHER": "x", "PATH": "/bin"}
    )
    assert child["HOME"] == "/h"
    assert child["LC_ALL"] == "C"
    assert "OTHER" not in child


def test_what_keeps_programs_from_waiting_for_a_terminal_is_set() -> None:
    child = child_environment({})
    assert child["PAGER"] == "cat"
    assert child["NO_COLOR"] == "1"
    assert child["TERM"] == "dumb"
    assert child["GIT_TERMINAL_PROMPT"] == "0"


@pytest.mark.parametrize("name", OURS)
def test_names_of_the_server_stay_with_the_server_even_if_the_operator_lists_them(
    name: str,
) -> None:
    assert never_passed(name)
    child = child_environment(OURS, pass_env=(name, "AWS_*", "*"))
    assert name not in child


def test_the_operator_can_pass_more_names() -> None:
    child = child_environment(
        {"EDITOR_HOME": "1", "NPM_TOKEN": "2"}, pass_env=("EDITOR_*",)
    )
    assert child["EDITOR_HOME"] == "1"
    assert "NPM_TOKEN" not in child


def test_another_user_has_a_home_and_a_name_of_its_own() -> None:
    child = child_environment(
        {"HOME": "/h", "USER": "server"}, user={"HOME": "/o", "USER": "other"}
    )
    assert (child["HOME"], child["USER"]) == ("/o", "other")


def test_the_callers_variables_supplement_and_override() -> None:
    common = encoded_variables(child_environment({"HOME": "/h", "TZ": "UTC"}))
    child = command_environment(
        common, run_id="abc", env={"HOME": "/other", "NEW": "1"}
    )
    assert child[b"HOME"] == b"/other"
    assert child[b"NEW"] == b"1"
    assert child[b"TZ"] == b"UTC"
    assert common[b"HOME"] == b"/h"


def test_a_command_is_named_in_its_environment_whatever_the_caller_sets() -> None:
    forged = {"COMMANDER_RUN": "other", "COMMANDER_SERVER": "other"}
    child = command_environment({}, run_id="abc", env=forged)
    assert child == {
        b"COMMANDER_RUN": b"abc",
        b"COMMANDER_SERVER": (own_text() or "").encode(),
    }


def test_a_server_that_does_not_know_who_it_is_is_not_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(environment, "own_text", lambda: None)
    child = command_environment({}, run_id="abc", env={})
    assert child == {b"COMMANDER_RUN": b"abc"}


@given(st.binary())
def test_what_was_no_utf_8_reaches_the_kernel_as_it_came(data: bytes) -> None:
    assert encoded(data.decode("utf-8", "surrogateescape")) == data


TRACE = Trace(trace_id="a" * 32, parent=f"00-{'a' * 32}-{'b' * 16}-01", state="c=1")


def test_a_command_learns_of_its_trace() -> None:
    assert trace_environment(None, {}) == {}
    assert trace_environment(TRACE, {"A": "1"}) == {
        "TRACEPARENT": TRACE.parent,
        "TRACESTATE": "c=1",
    }
    stateless = attrs.evolve(TRACE, state="")
    assert trace_environment(stateless, {}) == {"TRACEPARENT": TRACE.parent}


def test_a_trace_that_the_caller_names_counts_and_is_left_whole() -> None:
    assert trace_environment(TRACE, {"TRACEPARENT": "mine"}) == {}
    assert trace_environment(TRACE, {"TRACEPARENT": ""}) == {}


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/usr/bin:/bin", "/usr/bin:/bin"),
        (".:/bin", "/bin"),
        ("/bin::/sbin", "/bin:/sbin"),
        ("tools:/bin:", "/bin"),
        ("", DEFAULT_PATH),
        (".", DEFAULT_PATH),
    ],
)
def test_path_entries_that_mean_the_working_directory_are_left_out(
    path: str, kept: str
) -> None:
    assert child_environment({"PATH": path})["PATH"] == kept


@given(st.dictionaries(st.text(max_size=12), st.text(max_size=12)))
def test_no_name_of_the_server_passes_whatever_the_environment(
    env: dict[str, str],
) -> None:
    child = child_environment({**env, **OURS}, pass_env=tuple(env))
    assert not set(child) & set(OURS)


def test_in_a_terminal_programs_may_use_it() -> None:
    common = child_environment(
        {"PATH": "/bin", "COLUMNS": "1", "LINES": "2", "HOME": "/h"},
        pass_env=("COLUMNS", "LINES"),
    )
    changed = terminal_environment(common)
    assert changed["TERM"] == "xterm-256color"
    gone = common.keys() - changed.keys()
    assert gone == {"NO_COLOR", "GIT_TERMINAL_PROMPT", "COLUMNS", "LINES"}
    assert {**common, **changed} == {**common, "TERM": "xterm-256color"}
