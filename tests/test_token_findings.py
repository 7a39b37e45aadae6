"""Where tokens are from, and who could see them, on a desk and in a container."""

from __future__ import annotations

import os
from pathlib import Path

import attrs
import pytest

from commander import token_findings
from commander.auth.token_lines import token_line
from commander.auth.tokens import Token, digest_of
from commander.findings import Finding
from commander.settings import Settings
from commander.sources import Loaded, Source
from commander.token_findings import examine_tokens

TOKEN = "x" * 20
ENVIRONMENT = {"MCP_AUTH_TOKEN": TOKEN}


def found(
    settings: Settings,
    environ: dict[str, str] | None = None,
    source: Source = Source.ENVIRONMENT,
) -> dict[str, Finding]:
    sources = dict.fromkeys(attrs.fields_dict(Settings), source)
    loaded = Loaded(settings=settings, sources=sources, warnings=())
    return {f.subject: f for f in examine_tokens(loaded, environ or {})}


@pytest.mark.parametrize(
    ("settings", "state", "costs"),
    [
        (Settings(transport="stdio"), "none needed", False),
        (Settings(auth_token=TOKEN), "from MCP_AUTH_TOKEN", True),
        (Settings(no_auth=True), "--no-auth", True),
        (Settings(), "will be generated", False),
    ],
)
def test_the_source_of_the_token_is_named_and_never_the_token(
    settings: Settings, state: str, costs: bool, tmp_path: Path
) -> None:
    finding = found(settings, {"HOME": str(tmp_path), **ENVIRONMENT})["token"]
    assert state in finding.state
    assert bool(finding.cost) == costs
    assert TOKEN not in finding.state + finding.cost


def test_a_token_from_the_file_can_be_read_there() -> None:
    finding = found(Settings(auth_token=TOKEN), source=Source.FILE)["token"]
    assert finding.state == "from ~/.mcp_env"
    assert "the file belongs to" in finding.cost


def test_behind_the_entry_point_the_token_is_in_no_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 1)
    finding = found(Settings(auth_token=TOKEN))["token"]
    assert "handed over by the entry point" in finding.state
    assert finding.cost == ""


def test_an_init_above_the_server_shows_the_token_all_the_same() -> None:
    finding = found(Settings(auth_token=TOKEN))["token"]
    assert "handed over by the entry point" in finding.state
    assert "--init" in finding.cost


@pytest.mark.parametrize(
    ("first", "state", "cost"),
    [
        ("twist", "handed over by the entry point; the server is process 1", "doctor"),
        ("commander-mcp", "handed over", "doctor"),
        ("systemd", "from MCP_AUTH_TOKEN", "what started the server"),
        (None, "from MCP_AUTH_TOKEN", "what started the server"),
    ],
)
def test_beside_a_server_in_a_container_only_the_doctor_shows_the_token(
    first: str | None,
    state: str,
    cost: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = tmp_path / "comm"
    if first is not None:
        name.write_text(f"{first}\n")
    monkeypatch.setattr(token_findings, "_FIRST_NAME", name)
    finding = found(Settings(auth_token=TOKEN), ENVIRONMENT)["token"]
    assert finding.state.startswith(state)
    assert cost in finding.cost


def test_process_1_with_the_token_in_its_environment_is_no_server_beside_a_doctor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 1)
    finding = found(Settings(auth_token=TOKEN), ENVIRONMENT)["token"]
    assert finding.state == "from MCP_AUTH_TOKEN"


def test_a_list_of_tokens_is_counted_and_its_mistakes_are_told(tmp_path: Path) -> None:
    listed = tmp_path / "tokens"
    settings = Settings(auth_tokens_file=str(listed))
    assert "no start: MCP_AUTH_TOKENS_FILE=" in found(settings)["tokens"].cost
    digests = [digest_of(str(number)) for number in range(3)]
    tokens = [Token(principal="ann", digest=digest) for digest in digests[:2]]
    tokens.append(Token(principal="bob", digest=digests[2], expires_at=1.0))
    listed.write_text("\n".join(map(token_line, tokens)))
    listed.chmod(0o600)
    finding = found(settings)["tokens"]
    assert finding.state == f"3 of 2 principals in {listed}"
    assert finding.cost == "1 of them expired"
    assert "token" not in found(settings)
    both = attrs.evolve(settings, auth_token=TOKEN)
    assert {"token", "tokens"} == found(both).keys()
    assert "tokens" not in found(attrs.evolve(settings, transport="stdio"))


def test_a_token_that_was_generated_earlier_is_found(tmp_path: Path) -> None:
    state = tmp_path / "commander-mcp" / "token.sha256"
    state.parent.mkdir()
    state.touch()
    finding = found(Settings(), {"XDG_STATE_HOME": str(tmp_path)})["token"]
    assert str(state) in finding.state
