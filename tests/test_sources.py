from __future__ import annotations

import os
import string
from collections.abc import Mapping
from pathlib import Path

import attrs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock

from commander.errors import SettingError
from commander.output.budget import smallest_budget_bytes
from commander.settings import Settings, is_loopback
from commander.sources import (
    Loaded,
    Source,
    binds_loopback,
    check_config_table,
    load,
    rows,
)
from commander.specs import spec_of

GOOD_TOKEN = "a-token-that-is-long-enough"
FIELDS = attrs.fields(Settings)
FLAGS = [spec.flag for field in FIELDS if (spec := spec_of(field)).flag]
VARIABLES = [spec.variable for field in FIELDS if (spec := spec_of(field)).variable]


def loaded_with(
    environ: Mapping[str, str] | None = None, home: Path | None = None, **flags: str
) -> Loaded:
    """Load with flags named as Python writes them."""
    named = {name.replace("_", "-"): text for name, text in flags.items()}
    return load(named, environ or {}, home)


def refusal(
    environ: Mapping[str, str] | None = None, home: Path | None = None, **flags: str
) -> str:
    """The one line with which such a start ends."""
    with pytest.raises(SettingError) as caught:
        loaded_with(environ, home, **flags)
    text = str(caught.value)
    assert text.isprintable()
    return text


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home directory whose ``.mcp_env`` sets a port and a log level."""
    mcp_env = tmp_path / ".mcp_env"
    mcp_env.write_text("MCP_HTTP_PORT=1003\nMCP_LOG_LEVEL=debug\n")
    mcp_env.chmod(0o600)
    return tmp_path


# --- which source wins ---------------------------------------------------------


def test_without_any_source_every_setting_has_its_default() -> None:
    loaded = loaded_with()

    assert loaded.settings == Settings()
    assert set(loaded.sources) == set(attrs.fields_dict(Settings))
    assert set(loaded.sources.values()) == {Source.DEFAULT}
    assert loaded.warnings == ()


def test_a_flag_wins_over_the_environment_over_the_file(home: Path) -> None:
    environ = {"MCP_HTTP_PORT": "1002"}
    ports = [
        loaded_with(environ, home, port="1001"),
        loaded_with(environ, home),
        loaded_with({}, home),
        loaded_with({}, None),
    ]

    assert [
        (loaded.settings.http_port, loaded.sources["http_port"]) for loaded in ports
    ] == [
        (1001, Source.FLAG),
        (1002, Source.ENVIRONMENT),
        (1003, Source.FILE),
        (3000, Source.DEFAULT),
    ]


def test_an_empty_variable_counts_as_unset(home: Path) -> None:
    loaded = loaded_with({"MCP_HTTP_PORT": "", "MCP_SHELL": ""}, home)

    assert loaded.settings.http_port == 1003
    assert loaded.sources["http_port"] is Source.FILE
    assert loaded.sources["shell"] is Source.DEFAULT


def test_an_empty_flag_empties_a_list() -> None:
    loaded = loaded_with({"MCP_ALLOWED_COMMANDS": "git"}, allowed_commands="")

    assert loaded.settings.allowed_commands == ()
    assert loaded.sources["allowed_commands"] is Source.FLAG


@pytest.mark.parametrize("flag", ["port", "kill-grace", "shell", "log-level", "http"])
def test_an_empty_flag_is_an_error_elsewhere(flag: str) -> None:
    with pytest.raises(SettingError, match=f'^--{flag}="" is not accepted: expected'):
        load({flag: ""}, {}, None)


def test_a_flag_that_does_not_exist_is_named() -> None:
    assert refusal(auth_token="s3cret") == "--auth-token is not a flag of this server"


def test_a_bad_file_ends_the_start(home: Path) -> None:
    (home / ".mcp_env").chmod(0o666)

    assert "others can write it" in refusal(home=home)


def test_loading_leaves_the_environment_of_the_process_alone(home: Path) -> None:
    before = dict(os.environ)

    loaded_with({"MCP_LOG_LEVEL": "info"}, home)

    assert dict(os.environ) == before


def test_the_variables_of_the_guide_are_read() -> None:
    loaded = loaded_with(
        {
            "MCP_AUTH_TOKEN": "your-secure-auth-token",
            "MCP_ALLOWED_COMMANDS": "ls,cat,grep,find,echo,pwd,whoami",
            "MCP_BLOCKED_COMMANDS": "rm -rf,mkfs,dd,shutdown,reboot,halt,poweroff",
            "MCP_DEFAULT_TIMEOUT": "30s",
            "MCP_SHELL": "/bin/sh",
            "MCP_SHELL_ARG": "-c",
            "MCP_LOG_LEVEL": "info",
            "MCP_LOG_DIR": "/var/log/mcp",
            "PATH": "/usr/bin",
            "AWS_REGION": "eu-west-1",
        },
        host="0.0.0.0",
    )

    assert loaded.settings == Settings(
        auth_token="your-secure-auth-token",
        allowed_commands=("ls", "cat", "grep", "find", "echo", "pwd", "whoami"),
        blocked_commands=(
            "rm -rf",
            "mkfs",
            "dd",
            "shutdown",
            "reboot",
            "halt",
            "poweroff",
        ),
        log_dir="/var/log/mcp",
        http_host="0.0.0.0",
    )
    assert loaded.warnings == ()


def test_the_example_file_of_the_go_server_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    (tmp_path / ".mcp_env").write_text(
        "# Commander Configuration\n"
        "MCP_ALLOWED_COMMANDS=git,npm,docker,kubectl\n"
        "MCP_BLOCKED_COMMANDS=curl,wget\n"
        "MCP_DEFAULT_TIMEOUT=60s\n"
        "\n"
        "# Logging\n"
        "MCP_LOG_DIR=~/mcp-logs\n"
        "MCP_LOG_LEVEL=info\n"
    )
    (tmp_path / ".mcp_env").chmod(0o600)

    assert loaded_with(home=tmp_path).settings == Settings(
        allowed_commands=("git", "npm", "docker", "kubectl"),
        blocked_commands=("curl", "wget"),
        default_timeout_seconds=60.0,
        log_dir="/home/someone/mcp-logs",
        log_level="info",
    )


# --- what an error says --------------------------------------------------------


def test_a_bad_value_is_told_with_name_value_source_and_remedy(home: Path) -> None:
    accepted = (
        "is not accepted: expected a duration such as 500ms, 90s or 1h30m, "
        "greater than zero"
    )
    (home / ".mcp_env").write_text("MCP_KILL_GRACE=abc\n")

    assert refusal(kill_grace="abc") == f'--kill-grace="abc" {accepted}'
    assert refusal({"MCP_KILL_GRACE": "abc"}) == (
        f'MCP_KILL_GRACE="abc" (environment) {accepted}'
    )
    assert refusal({}, home) == f'MCP_KILL_GRACE="abc" (~/.mcp_env) {accepted}'


def test_a_long_or_unprintable_value_is_shown_cut_and_escaped() -> None:
    assert '--port="a\\n\\x1b[0m\\udc80" is not' in refusal(port="a\n\x1b[0m\udc80")
    assert f'--port="{"9" * 100}..." is not' in refusal(port="9" * 101)


def test_a_bad_token_is_never_shown() -> None:
    assert refusal({"MCP_AUTH_TOKEN": "two words"}) == (
        "MCP_AUTH_TOKEN (environment) is not accepted: expected printable ASCII "
        "characters without spaces, as a header can carry"
    )


# --- settings that do not fit together -----------------------------------------


def test_a_default_timeout_above_the_maximum_is_refused() -> None:
    assert refusal({"MCP_MAX_TIMEOUT": "60"}, timeout="61s") == (
        '--timeout="1m1s" is more than MCP_MAX_TIMEOUT="1m0s" (environment)'
    )
    equal = loaded_with({"MCP_MAX_TIMEOUT": "60"}, timeout="60s").settings
    assert equal.default_timeout_seconds == equal.max_timeout_seconds


def test_a_shell_must_be_an_executable_file(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("")
    expected = "is not accepted: expected an executable file"

    assert refusal(shell=str(script)) == f'--shell="{script}" {expected}'
    assert refusal({"MCP_SHELL": str(tmp_path)}) == (
        f'MCP_SHELL="{tmp_path}" (environment) {expected}'
    )
    assert expected in refusal(shell=str(tmp_path / "missing"))
    script.chmod(0o700)
    assert loaded_with(shell=str(script)).settings.shell == str(script)


def test_a_shell_is_not_looked_up_in_a_search_path() -> None:
    assert refusal(shell="sh") == (
        '--shell="sh" is not accepted: expected an absolute path of printable '
        "characters"
    )


def test_a_shell_whose_path_reads_as_an_assignment_is_refused(tmp_path: Path) -> None:
    shell = tmp_path / "A=B"
    shell.symlink_to("/bin/sh")

    assert refusal(shell=str(shell)) == (
        f'--shell="{shell}" is not accepted: expected a path without ='
    )


def test_a_working_directory_must_exist(tmp_path: Path) -> None:
    missing = tmp_path / "missing"

    assert refusal(working_directory=str(missing)) == (
        f'--working-directory="{missing}" is not accepted: expected an existing '
        "directory"
    )
    missing.mkdir()
    loaded = loaded_with(working_directory=str(missing))
    assert loaded.settings.working_directory == str(missing)


def test_each_directory_of_the_workspace_must_exist(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    workspace = f"{tmp_path}:{missing}"
    said = refusal({"MCP_WORKSPACE": workspace})
    assert said.startswith('MCP_WORKSPACE="')
    assert said.endswith(
        f"(environment) is not accepted: {missing} is not an existing directory"
    )
    missing.touch()
    assert str(missing) in refusal(workspace=workspace)
    missing.unlink()
    missing.mkdir()
    loaded = loaded_with(workspace=workspace)
    assert loaded.settings.workspace == (str(tmp_path), str(missing))
    assert loaded.settings.commands_directory == str(tmp_path)


def test_the_working_directory_must_lie_in_the_workspace(tmp_path: Path) -> None:
    """As the kernel sees it: where links lead to."""
    root, other = tmp_path / "root", tmp_path / "root-other"
    (root / "below").mkdir(parents=True)
    other.mkdir()
    (root / "link").symlink_to(other)
    (tmp_path / "in").symlink_to(root)
    for outside in (other, root / "link", tmp_path):
        assert refusal(workspace=str(root), working_directory=str(outside)) == (
            f'--working-directory="{outside}" is not inside --workspace="{root}"'
        )
    for inside in (root, root / "below", tmp_path / "in"):
        loaded_with(workspace=f"/usr:{root}", working_directory=str(inside))


@pytest.mark.parametrize("value", ["auto", "require", "off", " OFF "])
def test_how_much_the_kernel_must_hold_is_one_of_three_words(value: str) -> None:
    loaded = loaded_with({"MCP_SANDBOX": value})
    assert loaded.settings.sandbox == value.strip().lower()
    assert loaded.warnings == ()


# --- limits --------------------------------------------------------------------


def test_the_limits_of_a_command_are_read() -> None:
    loaded = loaded_with(
        {
            "MCP_LIMIT_CPU_SECONDS": "1m30s",
            "MCP_LIMIT_MEMORY_BYTES": "512MiB",
            "MCP_RUN_AS": "1000:1000",
        },
        limit_file_bytes="1GiB",
        limit_files="256",
        limit_processes="100",
        memory_budget_bytes="32MiB",
    )
    assert loaded.settings == Settings(
        limit_cpu_seconds=90,
        limit_memory_bytes=512 * 1024**2,
        limit_file_bytes=1024**3,
        limit_files=256,
        limit_processes=100,
        memory_budget_bytes=32 * 1024**2,
        run_as="1000:1000",
    )
    assert loaded.warnings == ()


@pytest.mark.parametrize(
    ("flag", "least", "less", "words"),
    [
        ("limit-memory-bytes", "16MiB", "16383KiB", "at least 16MiB"),
        ("limit-files", "16", "15", "at least 16"),
    ],
)
def test_a_limit_under_which_nothing_runs_is_refused(
    flag: str, least: str, less: str, words: str
) -> None:
    assert load({flag: least}, {}, None).warnings == ()
    with pytest.raises(SettingError) as caught:
        load({flag: less}, {}, None)
    assert str(caught.value) == f'--{flag}="{less}" is not accepted: expected {words}'


@pytest.mark.parametrize("commands", [1, 32, 1000])
def test_the_memory_budget_must_hold_what_every_command_has(commands: int) -> None:
    least = smallest_budget_bytes(commands)
    environ = {"MCP_MAX_CONCURRENT": str(commands)}

    loaded_with({**environ, "MCP_MEMORY_BUDGET_BYTES": str(least)})
    told = refusal({**environ, "MCP_MEMORY_BUDGET_BYTES": str(least - 1)})
    assert told == (
        f'MCP_MEMORY_BUDGET_BYTES="{least - 1}" (environment) is less than the {least} '
        f'bytes that MCP_MAX_CONCURRENT="{commands}" (environment) takes at 8KiB a '
        "command"
    )


def test_fewer_processes_than_commands_of_one_user_warn() -> None:
    (warning,) = loaded_with(run_as="agent", limit_processes="31").warnings
    assert warning == (
        '--limit-processes="31" may be too few: without control groups it bounds all '
        'processes of agent together, and MCP_MAX_CONCURRENT="32" (default) commands '
        "may run at once"
    )
    assert loaded_with(run_as="agent", limit_processes="32").warnings == ()
    assert loaded_with(limit_processes="31").warnings == ()


# --- who can reach the server --------------------------------------------------


def test_a_server_that_others_can_reach_needs_a_token() -> None:
    remedy = "set it, or MCP_AUTH_TOKENS_FILE, or listen on 127.0.0.1"

    assert refusal(host="0.0.0.0") == (
        f"MCP_AUTH_TOKEN is required to listen on 0.0.0.0 (--host): {remedy}"
    )
    assert refusal({"MCP_HTTP_HOST": "::"}) == (
        f"MCP_AUTH_TOKEN is required to listen on :: (MCP_HTTP_HOST): {remedy}"
    )
    assert refusal(listen="tcp:3000") == (
        f"MCP_AUTH_TOKEN is required to listen on tcp:3000 (--listen): {remedy}"
    )
    loaded = loaded_with({"MCP_AUTH_TOKEN": GOOD_TOKEN}, host="0.0.0.0")
    assert loaded.settings.auth_token == GOOD_TOKEN


def test_a_file_of_tokens_will_do_in_place_of_the_token() -> None:
    environ = {"MCP_AUTH_TOKENS_FILE": "/run/secrets/tokens"}

    loaded = loaded_with(environ, host="0.0.0.0")
    assert loaded.settings.auth_tokens_file == "/run/secrets/tokens"
    assert loaded.settings.auth_token is None


def test_sessions_that_no_other_replica_takes_warn() -> None:
    """A key is made of ``MCP_AUTH_TOKEN``, and never of a list that changes."""
    listed = {"MCP_AUTH_TOKENS_FILE": "/tokens"}
    (warning,) = loaded_with(listed, host="0.0.0.0").warnings
    assert warning == (
        "MCP_SESSION_KEY is unset: no other replica and no later start takes the "
        "sessions that begin here"
    )
    for more in ({"MCP_SESSION_KEY": "k" * 16}, {"MCP_AUTH_TOKEN": GOOD_TOKEN}):
        assert loaded_with({**listed, **more}, host="0.0.0.0").warnings == ()
    assert loaded_with(listed).warnings == ()
    assert loaded_with(listed, host="0.0.0.0", transport="stdio").warnings == ()


def test_who_reads_metrics_must_not_thereby_run_commands() -> None:
    for other in ("MCP_AUTH_TOKEN", "MCP_SESSION_KEY"):
        assert refusal({other: GOOD_TOKEN, "MCP_METRICS_TOKEN": GOOD_TOKEN}) == (
            "MCP_METRICS_TOKEN (environment) is also MCP_AUTH_TOKEN or "
            "MCP_SESSION_KEY: choose another one"
        )
    loaded = loaded_with({"MCP_METRICS_TOKEN": GOOD_TOKEN})
    assert loaded.settings.metrics_token == GOOD_TOKEN
    assert loaded.warnings == ()
    assert loaded_with({"MCP_METRICS_TOKEN": "x" * 15}).warnings == (
        "MCP_METRICS_TOKEN has fewer than 16 characters and may be guessed",
    )


def test_an_endpoint_stands_in_place_of_the_host() -> None:
    on_loopback = loaded_with(host="0.0.0.0", listen="unix:/run/commander.sock")

    assert binds_loopback(on_loopback.settings)
    assert "tcp:3000" in refusal(host="127.0.0.1", listen="tcp:3000")


def test_no_auth_is_for_loopback_only() -> None:
    assert refusal(no_auth="true", host="0.0.0.0") == (
        '--no-auth is accepted on loopback only, not with --host="0.0.0.0"'
    )
    assert refusal(no_auth="true", listen="tcp:80") == (
        '--no-auth is accepted on loopback only, not with --listen="tcp:80"'
    )


def test_no_auth_on_loopback_warns() -> None:
    assert loaded_with(no_auth="true").warnings == (
        "--no-auth: every program on this machine can run commands here",
    )
    assert loaded_with(no_auth="false").warnings == ()


def test_no_auth_and_a_token_contradict_each_other() -> None:
    assert refusal({"MCP_AUTH_TOKEN": GOOD_TOKEN}, no_auth="true") == (
        "--no-auth contradicts MCP_AUTH_TOKEN (environment): use one of them"
    )
    assert refusal({"MCP_AUTH_TOKENS_FILE": "/tokens"}, no_auth="true") == (
        '--no-auth contradicts MCP_AUTH_TOKENS_FILE="/tokens" (environment): '
        "use one of them"
    )


def test_a_short_token_warns() -> None:
    assert loaded_with({"MCP_AUTH_TOKEN": "x" * 16}).warnings == ()
    assert loaded_with({"MCP_AUTH_TOKEN": "x" * 15}).warnings == (
        "MCP_AUTH_TOKEN has fewer than 16 characters and may be guessed",
    )


@pytest.mark.parametrize(
    "endpoint",
    [
        "unix:/run/commander.sock",
        "unix:/run/commander.sock:mode=600",
        "tcp:3000:interface=127.0.0.1",
        "tcp:3000:interface=localhost",
        "tcp:3000:backlog=9:interface=127.0.0.1",
        "tcp:3000:interface=127.0.0.1:backlog=9",
        r"tcp:3000:interface=\:\:1",
        r"tcp6:3000:interface=\:\:1",
    ],
)
def test_an_endpoint_for_this_machine_is_recognised(endpoint: str) -> None:
    assert binds_loopback(Settings(listen=endpoint))


@pytest.mark.parametrize(
    "endpoint",
    [
        "tcp:3000",
        "tcp6:3000",
        "tcp:3000:interface=",
        "tcp:3000:interface=0.0.0.0",
        "tcp:3000:interface=127.0.0.1:interface=0.0.0.0",
        "tcp:3000:0.0.0.0:backlog=5",
        "tcp:3000:interface=::1",
        "tcp:interface=127.0.0.1",
        "ssl:443:interface=127.0.0.1",
        "systemd:domain=INET:index=0",
        "fd:3",
        "3000",
        "unix",
    ],
)
def test_any_other_endpoint_may_be_reached_by_others(endpoint: str) -> None:
    assert not binds_loopback(Settings(listen=endpoint))


@settings(max_examples=1000)
@example(r"tcp:1:interface=127.0.0.1:interface=\:\:")
@given(
    st.lists(
        st.sampled_from(
            [
                ":interface=",
                "127.0.0.1",
                "0.0.0.0",
                r"\:\:1",
                r"\:\:",
                ":backlog=5",
                ":",
                "=",
                "\\",
                "1",
                "localhost",
            ]
        ),
        max_size=6,
    ).map(lambda parts: "tcp:1" + "".join(parts))
)
def test_what_counts_as_loopback_is_never_bound_elsewhere_by_twisted(
    endpoint: str,
) -> None:
    if binds_loopback(Settings(listen=endpoint)):
        reactor = MemoryReactorClock()
        serverFromString(reactor, endpoint).listen(Factory())
        [(_, _, _, interface)] = reactor.tcpServers
        assert is_loopback(interface)


# --- names that are not settings -----------------------------------------------


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("MCP_DEFUALT_TIMEOUT", "MCP_DEFAULT_TIMEOUT"),
        ("MCP_ALLOWED_COMMAND", "MCP_ALLOWED_COMMANDS"),
        ("MCP_BLOKED_COMMANDS", "MCP_BLOCKED_COMMANDS"),
        ("MCP_SHELLARG", "MCP_SHELL_ARG"),
        ("MCP_WORKSPCE", "MCP_WORKSPACE"),
    ],
)
def test_a_mistyped_name_is_told_with_what_was_meant(
    name: str, meant: str, tmp_path: Path
) -> None:
    mcp_env = tmp_path / ".mcp_env"
    mcp_env.write_text(f"{name}=x\n")
    mcp_env.chmod(0o600)
    warning = f"{name} is not a setting; did you mean {meant}?"

    assert loaded_with({name: "x"}).warnings == (warning,)
    assert loaded_with(home=tmp_path).warnings == (warning,)


def test_a_mistyped_name_is_told_in_one_line() -> None:
    assert loaded_with({"MCP_SHELL\n": "x"}).warnings == (
        "MCP_SHELL\\n is not a setting; did you mean MCP_SHELL?",
    )


@pytest.mark.parametrize(
    "name",
    [
        "MCP_TIMEOUT_OF_A_CLIENT",
        "MCP_",
        "MCP_PROXY",
        "MCP_DEFUALT_TIMEOTU",
        "mcp_shell",
        "XMCP_SHELL",
        "SHELL",
    ],
)
def test_names_that_are_like_none_of_ours_belong_to_others(name: str) -> None:
    assert loaded_with({name: "x"}).warnings == ()


# --- what is shown -------------------------------------------------------------


def shown(loaded: Loaded, name: str) -> tuple[str, str]:
    [(value, source)] = [row[1:] for row in rows(loaded) if row[0] == name]
    return value, source


def test_rows_tell_every_setting_once_in_order() -> None:
    names = [name for name, _, _ in rows(loaded_with())]

    assert names == [spec_of(field).name for field in FIELDS]


def test_rows_show_values_as_an_operator_writes_them() -> None:
    loaded = loaded_with(
        {"MCP_DEFAULT_TIMEOUT": "90", "MCP_ALLOWED_COMMANDS": "git  log, ls"},
        no_auth="on",
        max_body_bytes="2048",
    )

    assert shown(loaded, "MCP_DEFAULT_TIMEOUT") == ("1m30s", "environment")
    assert shown(loaded, "MCP_ALLOWED_COMMANDS") == ("git log,ls", "environment")
    assert shown(loaded, "--no-auth") == ("true", "flag")
    assert shown(loaded, "MCP_MAX_BODY_BYTES") == ("2KiB", "flag")
    assert shown(loaded, "MCP_BLOCKED_COMMANDS") == ("empty", "default")
    assert shown(loaded, "MCP_LOG_DIR") == ("unset", "default")


def test_a_value_is_shown_in_one_line() -> None:
    loaded = attrs.evolve(loaded_with(), settings=Settings(log_dir="/a\nb"))

    assert shown(loaded, "MCP_LOG_DIR") == ("/a\\nb", "default")


def test_a_token_is_shown_as_set_unset_or_generated(tmp_path: Path) -> None:
    unset = loaded_with()
    generated = attrs.evolve(
        unset, sources={**unset.sources, "auth_token": Source.GENERATED}
    )
    mcp_env = tmp_path / ".mcp_env"
    mcp_env.write_text(f"MCP_AUTH_TOKEN={GOOD_TOKEN}\n")
    mcp_env.chmod(0o600)

    assert shown(unset, "MCP_AUTH_TOKEN") == ("unset", "default")
    assert shown(generated, "MCP_AUTH_TOKEN") == ("generated", "generated")
    assert shown(loaded_with(home=tmp_path), "MCP_AUTH_TOKEN") == ("set", "~/.mcp_env")


def test_the_table_is_aligned_and_holds_every_value() -> None:
    lines = check_config_table(loaded_with({"MCP_HTTP_PORT": "1234"})).splitlines()

    assert lines[0].split() == ["SETTING", "SOURCE", "VALUE"]
    assert len(lines) == 1 + len(FIELDS)
    [port] = [line for line in lines if line.startswith("MCP_HTTP_PORT")]
    assert port.split() == ["MCP_HTTP_PORT", "environment", "1234"]
    assert port.index("1234") == lines[0].index("VALUE")
    assert port.index("environment") == lines[0].index("SOURCE")


def test_a_long_value_goes_on_in_the_same_column_of_the_table() -> None:
    commands = ",".join(f"command{number}" for number in range(40))
    lines = check_config_table(loaded_with(allowed_commands=commands)).splitlines()
    column = lines[0].index("VALUE")

    assert max(map(len, lines)) <= 100
    assert commands in "".join(line[column:] for line in lines)


def test_the_table_ends_with_the_warnings() -> None:
    table = check_config_table(loaded_with({"MCP_SHELLARG": "-c"}))

    assert table.endswith(
        "\n\nWarning: MCP_SHELLARG is not a setting; did you mean MCP_SHELL_ARG?"
    )


# --- for any input -------------------------------------------------------------

TOKENS = st.text(alphabet=string.ascii_letters + string.digits, min_size=24).map(
    "!{}!".format
)
TEXTS = st.one_of(
    st.text(alphabet=st.characters()),
    st.sampled_from(
        ["", " ", "1", "0", "true", "5s", "4MiB", "info", "/bin/sh", "/tmp", "::1"]
    ),
)
ENVIRONMENTS = st.dictionaries(
    st.one_of(
        st.sampled_from([*VARIABLES]),
        st.text(alphabet=st.characters()).map("MCP_{}".format),
        st.text(),
    ),
    TEXTS,
    max_size=8,
)


@settings(max_examples=500)
@given(
    flags=st.dictionaries(st.sampled_from(FLAGS), TEXTS, max_size=4),
    environ=ENVIRONMENTS,
    token=TOKENS,
)
def test_any_input_is_loaded_or_refused_in_one_line_without_the_token(
    flags: dict[str, str], environ: dict[str, str], token: str
) -> None:
    for value in (token, f"{token}\n"):
        try:
            loaded = load(flags, {**environ, "MCP_AUTH_TOKEN": value}, None)
        except SettingError as error:
            told = [str(error)]
        else:
            told = [*loaded.warnings, *(" ".join(row) for row in rows(loaded))]
            assert token not in check_config_table(loaded)
            assert token not in repr(loaded)
        assert all(line.isprintable() and token not in line for line in told)
