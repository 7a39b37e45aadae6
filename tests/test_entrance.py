"""Who may come in, put together from settings; more is in test_tap.py."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from twisted.internet.task import Clock

from commander.auth.token_lines import token_line
from commander.auth.tokens import Token, digest_of
from commander.entrance import Entrance, listed_tokens, open_entrance, session_key
from commander.errors import StartError
from commander.settings import Settings
from commander.telemetry.logging import StructuredLog
from commander.testing import MemoryLog

OWN = digest_of("own")
ANN = Token(principal="ann", digest=digest_of("a"))


@pytest.fixture
def listed(tmp_path: Path) -> Settings:
    """Settings with a list of one token."""
    path = tmp_path / "tokens"
    path.write_text(token_line(ANN))
    path.chmod(0o600)
    return Settings(auth_tokens_file=str(path))


def opened(settings: Settings, log: MemoryLog, clock: Clock | None = None) -> Entrance:
    clock = clock or Clock()
    return open_entrance(
        settings,
        None,
        clock=clock,
        monotonic=clock.seconds,
        log=StructuredLog("test", observer=log),
    )


def test_a_session_key_of_the_operator_wins() -> None:
    assert session_key(Settings(session_key="k"), OWN) == b"k"


def test_without_one_it_is_made_of_the_servers_own_token() -> None:
    assert session_key(Settings(), OWN) == OWN.value


def test_a_list_is_no_key(listed: Settings) -> None:
    """Or every rotation would end all sessions."""
    one, other = session_key(listed, None), session_key(listed, None)
    assert one != other
    assert len(one) == 32
    assert session_key(listed, OWN) == OWN.value


def test_the_list_is_read_as_the_server_would(listed: Settings) -> None:
    assert listed_tokens(listed) == (ANN,)
    assert listed_tokens(Settings()) == ()
    with pytest.raises(StartError, match=r"a token of ann is that of MCP_AUTH_TOKEN"):
        listed_tokens(attrs.evolve(listed, auth_token="a"))


def test_a_list_that_cannot_be_used_ends_the_start() -> None:
    settings = Settings(auth_tokens_file="/no/such\nfile")
    with pytest.raises(StartError) as caught:
        opened(settings, MemoryLog())
    assert str(caught.value) == (
        'MCP_AUTH_TOKENS_FILE="/no/such\\nfile" is not accepted: it cannot be read '
        "(No such file or directory)"
    )


def test_on_standard_input_there_is_no_list() -> None:
    log = MemoryLog()
    settings = Settings(auth_tokens_file="/no/such", transport="stdio")
    entrance = opened(settings, log)
    entrance.start()
    entrance.hang_up()
    assert listed_tokens(settings) == ()
    assert log.named("tokens_loaded") == []
    assert log.named("hang_up_ignored") == [{}]


def test_the_list_in_force_is_told_at_the_start_and_with_each_hang_up(
    listed: Settings,
) -> None:
    log, clock = MemoryLog(), Clock()
    entrance = opened(listed, log, clock)
    assert log.events == []
    entrance.start()
    entrance.hang_up()
    assert [one["tokens"] for one in log.named("tokens_loaded")] == [1, 1]
    entrance.close()
    assert clock.getDelayedCalls() == []
