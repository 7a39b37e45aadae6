from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.errors import SettingError
from commander.mcp_env import parse_mcp_env, read_mcp_env

ANOTHER_USER = 54321


def read(path: Path) -> dict[str, str]:
    return dict(read_mcp_env(path, user_id=os.geteuid()))


@pytest.fixture
def mcp_env(tmp_path: Path) -> Path:
    """A file with one setting that only its owner can write."""
    path = tmp_path / ".mcp_env"
    path.write_text("MCP_SHELL=/bin/bash\n")
    path.chmod(0o600)
    return path


# --- the format ----------------------------------------------------------------

GO_SERVERS_EXAMPLE = """\
# ~/.mcp_env - MCP Server Environment Variables

# Commander Configuration
MCP_ALLOWED_COMMANDS=git,npm,docker,kubectl
MCP_BLOCKED_COMMANDS=curl,wget
MCP_DEFAULT_TIMEOUT=60s

# Logging
MCP_LOG_DIR=~/mcp-logs
MCP_LOG_LEVEL=info
"""


def test_the_example_of_the_go_server_is_read() -> None:
    assert parse_mcp_env(GO_SERVERS_EXAMPLE, name="file") == {
        "MCP_ALLOWED_COMMANDS": "git,npm,docker,kubectl",
        "MCP_BLOCKED_COMMANDS": "curl,wget",
        "MCP_DEFAULT_TIMEOUT": "60s",
        "MCP_LOG_DIR": "~/mcp-logs",
        "MCP_LOG_LEVEL": "info",
    }


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("NAME=value", "value"),
        ("  NAME = value  ", "value"),
        ("export NAME=value", "value"),
        ("export\tNAME=value", "value"),
        ("NAME=value\r", "value"),
        ('NAME="two words"', "two words"),
        ("NAME='two words'", "two words"),
        ('NAME=" kept "', " kept "),
        ('NAME="it\'s"', "it's"),
        ('NAME=a "quoted" word', 'a "quoted" word'),
        ("NAME=a=b", "a=b"),
        ("NAME=value # not a comment", "value # not a comment"),
        ("NAME=$HOME ~ \\n", "$HOME ~ \\n"),
        ("NAME=Grüße", "Grüße"),
        ("NAME=a\u2028b", "a\u2028b"),
    ],
)
def test_a_line_gives_a_name_its_value(line: str, value: str) -> None:
    assert parse_mcp_env(line, name="file") == {"NAME": value}


@pytest.mark.parametrize(
    "line", ["", "   ", "\r", "# NAME=value", "  # note", "NAME=", "NAME=''", 'NAME=""']
)
def test_a_line_without_a_value_gives_nothing(line: str) -> None:
    assert parse_mcp_env(line, name="file") == {}


@pytest.mark.parametrize(
    "line",
    [
        "NAME",
        "=value",
        "TWO NAMES=s3cret",
        "export A B=s3cret",
        "s3cret",
        'NAME="s3cret',
        "NAME='s3cret\"",
        'NAME="s3cret" # note',
        'NAME="',
    ],
)
def test_a_malformed_line_is_named_by_its_number_and_never_shown(line: str) -> None:
    with pytest.raises(SettingError, match=r"^~/\.mcp_env line 3 is not acc") as caught:
        parse_mcp_env(f"A=1\n\n{line}\nB=2", name="~/.mcp_env")

    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_first_line_of_a_name_counts() -> None:
    assert parse_mcp_env("A=\nA=1\nA=2", name="file") == {"A": "1"}


def test_export_can_be_a_name_too() -> None:
    assert parse_mcp_env("export=1", name="file") == {"export": "1"}


@given(st.text())
def test_any_text_is_values_or_one_line_of_refusal(text: str) -> None:
    refusal = ""
    values: Mapping[str, str] = {}
    try:
        values = parse_mcp_env(text, name="file")
    except SettingError as error:
        refusal = str(error)

    assert refusal.isprintable()
    assert all(name and value for name, value in values.items())


@given(
    st.dictionaries(
        st.from_regex(r"\A[A-Z_][A-Z0-9_]*\Z"),
        st.text(
            alphabet=st.characters(exclude_characters="\n", exclude_categories=["Cs"]),
            min_size=1,
        ),
        max_size=5,
    )
)
def test_quoted_values_are_read_as_they_were_written(values: dict[str, str]) -> None:
    text = "".join(f'export {name}="{value}"\r\n' for name, value in values.items())

    assert parse_mcp_env(text, name="file") == values


# --- the file ------------------------------------------------------------------


def test_a_private_file_is_read(mcp_env: Path) -> None:
    assert read(mcp_env) == {"MCP_SHELL": "/bin/bash"}


def test_a_file_that_others_can_only_read_is_read(mcp_env: Path) -> None:
    mcp_env.chmod(0o644)

    assert read(mcp_env) == {"MCP_SHELL": "/bin/bash"}


def test_a_byte_order_mark_and_windows_line_ends_do_not_matter(mcp_env: Path) -> None:
    mcp_env.write_bytes(b"\xef\xbb\xbfA=1\r\nB=2\r\n")

    assert read(mcp_env) == {"A": "1", "B": "2"}


def test_a_missing_file_holds_nothing(tmp_path: Path, mcp_env: Path) -> None:
    assert read(tmp_path / "nowhere" / ".mcp_env") == {}
    assert read(mcp_env / ".mcp_env") == {}


def test_the_environment_of_the_process_is_left_alone(mcp_env: Path) -> None:
    before = dict(os.environ)

    read(mcp_env)

    assert dict(os.environ) == before


def test_a_link_leads_to_the_file_that_is_checked(
    tmp_path: Path, mcp_env: Path
) -> None:
    link = tmp_path / "link"
    link.symlink_to(mcp_env)
    assert read(link) == {"MCP_SHELL": "/bin/bash"}

    mcp_env.chmod(0o666)
    with pytest.raises(SettingError, match="others can write it"):
        read(link)


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_write_is_refused(mcp_env: Path, mode: int) -> None:
    mcp_env.chmod(mode)

    with pytest.raises(SettingError, match="others can write it; run: chmod go-w"):
        read(mcp_env)


def test_a_file_of_another_user_is_refused(mcp_env: Path) -> None:
    owner = os.geteuid()
    if owner == 0:
        # Root's own files are trusted by everyone: give this one away.
        owner = ANOTHER_USER
        os.chown(mcp_env, owner, -1)

    with pytest.raises(SettingError, match=f"it belongs to user {owner}, not to user "):
        read_mcp_env(mcp_env, user_id=owner + 1)


def test_a_file_of_root_is_trusted_by_everyone() -> None:
    # Not in the format, so that the refusal tells that it was read.
    with pytest.raises(SettingError, match=r"^/etc/passwd line 1 is not accepted"):
        read_mcp_env(Path("/etc/passwd"), user_id=ANOTHER_USER)


def test_what_is_not_a_regular_file_is_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)

    for path in (pipe, tmp_path):
        with pytest.raises(SettingError, match="it is not a regular file"):
            read(path)


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    loop = tmp_path / "loop\n"
    loop.symlink_to(loop)

    with pytest.raises(SettingError, match=r"loop\\n is not accepted: it cannot be r"):
        read(loop)


def test_a_file_that_is_not_utf_8_is_refused(mcp_env: Path) -> None:
    mcp_env.write_bytes(b"A=\xff\n")

    with pytest.raises(SettingError, match="it is not UTF-8 text"):
        read(mcp_env)


def test_a_file_is_read_up_to_64_kib(mcp_env: Path) -> None:
    line = "A=1\n"
    mcp_env.write_text(line + "#" * (64 * 1024 - len(line)))
    assert read(mcp_env) == {"A": "1"}

    mcp_env.write_text(line + "#" * (64 * 1024 - len(line) + 1))
    with pytest.raises(SettingError, match="it is larger than 65536 bytes"):
        read(mcp_env)
