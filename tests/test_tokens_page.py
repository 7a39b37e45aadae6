"""docs/tokens.md: its example is taken, and its figures are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import attrs
import pytest

from commander.auth import failed_logins, tokens_file
from commander.auth.failed_logins import MOST_ADDRESSES, WINDOW_SECONDS
from commander.auth.token_lines import is_principal_name, parse_tokens
from commander.durations import parse_duration
from commander.settings import Settings
from commander.specs import spec_of

PAGE = (Path(__file__).parents[1] / "docs" / "tokens.md").read_text(encoding="utf-8")
WORDS = " ".join(PAGE.split())


def test_the_example_is_a_list() -> None:
    (example,) = re.findall(r"^```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    tokens = parse_tokens(example)
    assert isinstance(tokens, tuple)
    assert [token.principal for token in tokens] == ["ci", "ann", "ann"]
    assert [token.expires_at is None for token in tokens] == [True, False, True]


@pytest.mark.parametrize("name", ["401", "blocked", "CMD_EXEC", "anonymous", "stdio"])
def test_the_names_that_are_not_taken_are_not(name: str) -> None:
    assert f"`{name}`" in PAGE
    assert not is_principal_name(name)


def test_the_figures_are_those_of_the_code() -> None:
    answers, records = failed_logins._ANSWERS, failed_logins._RECORDS
    assert (answers.per_second, WINDOW_SECONDS) == (1, 60)
    for said in (
        f"{answers.burst} at once and one a second",
        f"at most {records.burst} records are written at once, and "
        f"{records.per_second:.0f} a second",
        f"{MOST_ADDRESSES:,} addresses are remembered",
        f"at most {tokens_file._MOST_BYTES // 1024} KiB",
    ):
        assert said in WORDS
    (duration, days) = re.findall(r"(\d+h) is (\d+) days", WORDS)[0]
    assert parse_duration(duration) == int(days) * 24 * 3600


def test_every_variable_that_is_named_exists() -> None:
    known = {spec_of(field).variable for field in attrs.fields(Settings)}
    assert set(re.findall(r"\bMCP_[A-Z_]+\b", PAGE)) <= known
