"""What a person reads at start; every command in it can be pasted."""

from __future__ import annotations

import shlex

import msgspec
import pytest

from commander.banner import banner
from commander.mcp.jsonrpc import Request, parse

URL = "http://127.0.0.1:3000/mcp"


def shown(
    *,
    url: str = URL,
    token: str | None = "T-oken_1",
    token_is_set: bool = False,
    kept: bool = True,
    script: str = "/usr/bin/commander-mcp",
) -> str:
    return banner(
        url=url, token=token, token_is_set=token_is_set, kept=kept, script=script
    )


def pasted(text: str, first_word: str) -> list[str]:
    """The words of the one line that starts a program."""
    (line,) = (
        line for line in text.splitlines() if line.strip().startswith(first_word)
    )
    return shlex.split(line)


def test_a_new_token_stands_in_both_commands_as_it_is() -> None:
    text = shown()
    assert pasted(text, "curl") == [
        *("curl", "-sS", URL),
        *("-H", "Authorization: Bearer T-oken_1"),
        *("-H", "Content-Type: application/json"),
        *("-d", pasted(text, "curl")[-1]),
    ]
    assert pasted(text, "claude") == [
        *("claude", "mcp", "add", "--transport", "http", "commander", URL),
        *("--header", "Authorization: Bearer T-oken_1"),
    ]


def test_the_body_of_the_curl_line_runs_a_command() -> None:
    body = pasted(shown(), "curl")[-1]
    message = parse(body.encode())
    assert isinstance(message, Request)
    assert message.method == "tools/call"
    assert message.params["arguments"] == {"command": "uname -a"}
    assert msgspec.json.decode(body)["jsonrpc"] == "2.0"


@pytest.mark.parametrize("token_is_set", [True, False])
def test_a_token_that_is_not_known_is_left_to_the_shell(token_is_set: bool) -> None:
    text = shown(token=None, token_is_set=token_is_set)
    # In double quotes: the shell fills the variable in.
    assert text.count('"Authorization: Bearer $MCP_AUTH_TOKEN"') == 2


def test_a_kept_token_is_said_to_stay_valid() -> None:
    assert "valid after a restart" in shown(kept=True)
    assert "ends with this process" not in shown(kept=True)


def test_a_token_that_cannot_be_kept_is_said_to_end() -> None:
    assert "ends with this process" in shown(kept=False)
    assert "valid after a restart" not in shown(kept=False)


@pytest.mark.parametrize("token", ["T-oken_1", None])
def test_whoever_has_a_generated_token_learns_how_to_make_a_new_one(
    token: str | None,
) -> None:
    text = shown(token=token, script="/a path/commander-mcp")
    (line,) = (line for line in text.splitlines() if "make a new one" in line)
    command = line.partition(":")[2]
    assert shlex.split(command) == ["/a path/commander-mcp", "token", "new"]


def test_whoever_set_a_token_is_not_told_to_make_one() -> None:
    text = shown(token=None, token_is_set=True)
    assert "token new" not in text
    assert "as set in MCP_AUTH_TOKEN" in text


def test_an_address_in_brackets_is_quoted_for_shells_that_expand_it() -> None:
    text = shown(url="http://[::1]:3000/mcp")
    assert text.count("'http://[::1]:3000/mcp'") == 2
    assert "http://[::1]:3000/mcp" in pasted(text, "curl")


def test_it_ends_with_a_blank_line() -> None:
    assert shown().endswith("\n")


def test_on_a_unix_socket_the_token_and_the_way_in_are_shown() -> None:
    text = banner(
        url="http://localhost/mcp",
        socket="/run/a b.sock",
        token="T",
        token_is_set=False,
        kept=True,
        script="commander-mcp",
    )
    assert "commander listens on /run/a b.sock\n" in text
    assert "token: T" in text
    words = pasted(text, "curl")
    assert words[2:5] == ["--unix-socket", "/run/a b.sock", "http://localhost/mcp"]
    assert "claude" not in text
