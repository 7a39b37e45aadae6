from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.arguments import normalise
from commander.errors import SettingError
from commander.settings import Settings
from commander.sources import load
from commander.specs import spec_of

FLAGS = [spec.flag for field in attrs.fields(Settings) if (spec := spec_of(field)).flag]
TOKEN = {"MCP_AUTH_TOKEN": "your-secure-token"}


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], []),
        (["--port=3000"], ["--port=3000"]),
        (["-port=3000"], ["--port=3000"]),
        (["--port", "3000"], ["--port=3000"]),
        (["-port", "3000"], ["--port=3000"]),
        (["--http"], ["--http=true"]),
        (["-http"], ["--http=true"]),
        (["-no-auth", "-port", "1"], ["--no-auth=true", "--port=1"]),
        (["-use-default-blocklist=false"], ["--use-default-blocklist=false"]),
        (["-allowed-commands="], ["--allowed-commands="]),
        (["-allowed-commands", ""], ["--allowed-commands="]),
        (["-allowed-commands", "a=b,c"], ["--allowed-commands=a=b,c"]),
        (["-blocked-commands", "-x"], ["--blocked-commands=-x"]),
        (["-shell-arg", "-c", "--http"], ["--shell-arg=-c", "--http=true"]),
        (["-shell-arg", "--"], ["--shell-arg=--"]),
    ],
)
def test_a_flag_of_ours_gets_two_dashes_and_its_value(
    argv: list[str], expected: list[str]
) -> None:
    assert normalise(argv) == expected


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--help"], ["--help"]),
        (["-help"], ["--help"]),
        (["-h"], ["--help"]),
        (["--version"], ["--version"]),
        (["-check-config"], ["--check-config"]),
        (["--check-config", "-port", "1"], ["--check-config", "--port=1"]),
    ],
)
def test_flags_of_the_option_parser_keep_having_no_value(
    argv: list[str], expected: list[str]
) -> None:
    assert normalise(argv) == expected


@pytest.mark.parametrize(
    ("argv", "named"),
    [
        (["-unknown"], "'-unknown' is not a flag"),
        (["--unknown=x"], "see --help"),
        (["---port=1"], "did you mean --port?"),
        (["--=x"], "'--=x'"),
        (["-Port=1"], "did you mean --port?"),
        (["--auth-token", "x"], "'--auth-token'"),
        (["--check-config=x"], "did you mean --check-config?"),
        (["-", "-port", "1"], "'-'"),
        (["--", "-port", "1"], "'--'"),
        (["word", "-port", "1"], "'word' is no flag"),
        (["-use-default-blocklist", "false"], "'false' is no flag"),
    ],
)
def test_a_word_that_is_not_ours_is_named(argv: list[str], named: str) -> None:
    with pytest.raises(SettingError) as caught:
        normalise(argv)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_long_wrong_word_is_cut() -> None:
    with pytest.raises(SettingError) as caught:
        normalise(["x" * 5000])
    assert len(str(caught.value)) < 300


def test_a_flag_without_its_value_is_one_line() -> None:
    with pytest.raises(SettingError) as caught:
        normalise(["-http", "-port"])

    assert str(caught.value) == (
        "--port lacks its value: expected a port from 1 to 65535"
    )


@given(st.lists(st.one_of(st.sampled_from(FLAGS).map("-{}".format), st.text())))
def test_rewriting_twice_changes_nothing_more(argv: list[str]) -> None:
    try:
        once = normalise(argv)
    except SettingError:
        return
    assert normalise(once) == once


# --- the command lines in the documents of the Go server -----------------------


def started_with(argv: list[str], environ: dict[str, str]) -> Settings:
    flags = dict(
        word.removeprefix("--").split("=", maxsplit=1) for word in normalise(argv)
    )
    return load(flags, environ, None).settings


@pytest.mark.parametrize(
    ("argv", "environ", "expected"),
    [
        pytest.param(
            ["-log-level", "info"],
            {},
            {"log_level": "info"},
            id="desktop clients",
        ),
        pytest.param(
            ["-log-dir", "/workspace/logs", "-log-level", "info"],
            {},
            {"log_dir": "/workspace/logs", "log_level": "info"},
            id="a workspace of Claude Code",
        ),
        pytest.param(
            ["-allowed-commands", "git,npm,go,docker", "-log-level", "info"],
            {},
            {"allowed_commands": ("git", "npm", "go", "docker")},
            id="a restricted desktop client",
        ),
        pytest.param(
            ["-allowed-commands", "git,npm,docker,kubectl"],
            {},
            {"allowed_commands": ("git", "npm", "docker", "kubectl")},
            id="custom allowlist",
        ),
        pytest.param(
            ["-blocked-commands", "curl,wget,ssh"],
            {},
            {"blocked_commands": ("curl", "wget", "ssh")},
            id="custom blocklist",
        ),
        pytest.param(
            ["-use-default-blocklist=false"],
            {},
            {"use_default_blocklist": False},
            id="default blocklist off",
        ),
        pytest.param(
            ["-use-default-blocklist"],
            {},
            {"use_default_blocklist": True},
            id="default blocklist on",
        ),
        pytest.param(
            ["-http", "-port", "3000"],
            TOKEN,
            {"http_port": 3000, "http_host": "127.0.0.1"},
            id="HTTP mode",
        ),
        pytest.param(
            ["--http", "--host", "0.0.0.0", "--port", "3000"],
            TOKEN,
            {"http_port": 3000, "http_host": "0.0.0.0"},
            id="Dockerfile",
        ),
        pytest.param(
            ["-log-level", "debug"],
            {},
            {"log_level": "debug"},
            id="debug logging",
        ),
        pytest.param(
            ["-allowed-commands", "git,npm"],
            {},
            {"allowed_commands": ("git", "npm")},
            id="restricted mode",
        ),
        pytest.param(
            ["-allowed-commands", "echo,ls"],
            {},
            {"allowed_commands": ("echo", "ls")},
            id="testing the allowlist",
        ),
        pytest.param(
            ["-timeout", "60s"],
            {},
            {"default_timeout_seconds": 60.0},
            id="timeout",
        ),
        pytest.param(
            ["-shell", "/bin/sh", "-shell-arg", "-c"],
            {},
            {"shell": "/bin/sh", "shell_arg": "-c"},
            id="shell",
        ),
        pytest.param([], {}, {}, id="no arguments"),
    ],
)
def test_a_command_line_of_the_go_server_still_means_the_same(
    argv: list[str], environ: dict[str, str], expected: dict[str, Any]
) -> None:
    settings = started_with(argv, environ)

    assert {name: getattr(settings, name) for name in expected} == expected
    others = attrs.fields_dict(Settings).keys() - expected.keys() - {"auth_token"}
    assert all(getattr(settings, name) == getattr(Settings(), name) for name in others)
