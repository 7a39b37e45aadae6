"""What a command inherits, and what it never does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.execution.environment import (
    DEFAULT_PATH,
    child_environment,
    never_passed,
)

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


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_stay_with_the_server_even_if_the_operator_lists_them(
    name: str,
) -> None:
    assert never_passed(name)
    child = child_environment(SECRETS, pass_env=(name, "AWS_*", "*"))
    assert name not in child


def test_the_operator_can_pass_more_names() -> None:
    child = child_environment(
        {"EDITOR_HOME": "1", "NPM_TOKEN": "2"}, pass_env=("EDITOR_*",)
    )
    assert child["EDITOR_HOME"] == "1"
    assert "NPM_TOKEN" not in child


def test_the_callers_variables_supplement_and_override() -> None:
    child = child_environment({"HOME": "/h"}, env={"HOME": "/other", "NEW": "1"})
    assert child["HOME"] == "/other"
    assert child["NEW"] == "1"


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
def test_no_secret_name_passes_whatever_the_environment(env: dict[str, str]) -> None:
    child = child_environment({**env, **SECRETS}, pass_env=tuple(env))
    assert not set(child) & set(SECRETS)
