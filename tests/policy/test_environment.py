"""The environment of a call."""

from __future__ import annotations

import pytest

from commander.policy.environment import check_environment


@pytest.mark.parametrize(
    "name",
    ["LANG", "LC_ALL", "TZ", "CI", "FORCE_COLOR", "TERM", "ANYTHING", "LD_PRELOAD"],
)
def test_harmless_and_listed_names_pass_an_allow_list(name: str) -> None:
    assert check_environment({name: "x"}, allowed=frozenset({"LD_PRELOAD"})) is None


@pytest.mark.parametrize(
    "name",
    ["PATH", "LD_PRELOAD", "GIT_PAGER", "BASH_ENV", "NODE_OPTIONS", "X_PATH"],
)
def test_other_names_pass_only_without_an_allow_list(name: str) -> None:
    assert check_environment({name: "x"}, allowed=None) is None
    denied = check_environment({"CI": "1", name: "x"}, allowed=frozenset())
    assert denied is not None
    assert denied.rule_id == "env-name"
    assert f"`{name}`" in denied.reason


@pytest.mark.parametrize("allowed", [None, frozenset({"MCP_X", "A B", "", "é"})])
@pytest.mark.parametrize("name", ["MCP_X", "MCP_", "", "A B", "1A", "A=B", "A\n", "é"])
def test_the_servers_names_and_bad_names_never_pass(
    allowed: frozenset[str] | None, name: str
) -> None:
    denied = check_environment({name: "x"}, allowed=allowed)
    assert denied is not None
    assert denied.rule_id == "env-name"


@pytest.mark.parametrize("name", ["PATH", "GIT_PAGER", "HOME"])
def test_to_take_away_what_steers_programs_is_to_steer_them(name: str) -> None:
    assert check_environment({name: None}, allowed=None) is None
    assert check_environment({name: None}, allowed=frozenset({name})) is None
    assert check_environment({"LANG": None}, allowed=frozenset()) is None
    denied = check_environment({name: None}, allowed=frozenset())
    assert denied is not None
    assert denied.rule_id == "env-name"


@pytest.mark.parametrize("value", ["a\0b", "a\ud800"])
def test_a_value_that_cannot_be_passed_on_is_refused_without_being_shown(
    value: str,
) -> None:
    denied = check_environment({"CI": value}, allowed=None)
    assert denied is not None
    assert "CI" in denied.reason
    assert value not in denied.reason
