"""The command line, and everything between it and a running service."""

from __future__ import annotations

import io
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import attrs
import msgspec
import pytest
from twisted.application.service import IService
from twisted.internet.error import CannotListenError
from twisted.logger import LogLevel, globalLogPublisher

from commander import __version__
from commander.auth.state import state_file
from commander.auth.token_lines import token_line
from commander.auth.tokens import Token, digest_of
from commander.execution.hardening import Hardening
from commander.service import CommanderService
from commander.settings import Settings
from commander.specs import spec_of
from commander.tap import Options, makeService
from commander.telemetry.logging import StructuredLog
from commander.testing import HTTPHarness, MemoryLog, ProcessReactor
from commander.web.site import CommanderSite

requirement = pytest.mark.requirement

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
WATCHED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class TapReactor(ProcessReactor):
    """A reactor that can also be reached from a signal handler."""

    listen_error: Exception | None = None

    def listenTCP(self, *args: Any, **kwargs: Any) -> Any:
        if self.listen_error is not None:
            raise self.listen_error
        return super().listenTCP(*args, **kwargs)

    def run_hooks(self) -> None:
        """What happens when the reactor starts to run."""
        self.hasRun = True
        for function, args, kwargs in self.whenRunningHooks:
            function(*args, **kwargs)


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home of its own, and no setting of the machine."""
    for name in [name for name in os.environ if name.startswith("MCP_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    # It would hold for the rest of this process, other tests included.
    monkeypatch.setattr("commander.tap.harden", Hardening)


@pytest.fixture
def reactor(monkeypatch: pytest.MonkeyPatch) -> TapReactor:
    """In place of the global one."""
    reactor = TapReactor()
    monkeypatch.setattr("twisted.internet.reactor", reactor)
    monkeypatch.setattr("commander.tap.find_engine", lambda *_: reactor.engine)
    return reactor


@pytest.fixture
def log() -> Iterator[MemoryLog]:
    log = MemoryLog()
    globalLogPublisher.addObserver(log)
    yield log
    globalLogPublisher.removeObserver(log)
    assert log.failures() == []


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """The real standard error, which twist does not redirect."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "__stderr__", stream)
    return stream


@pytest.fixture
def handlers() -> Iterator[None]:
    """Puts the signal handlers back."""
    before = {number: signal.getsignal(number) for number in WATCHED}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def service(reactor: TapReactor, log: MemoryLog) -> Iterator[Callable[..., Any]]:
    """Makes and starts a service as twist does, and stops it in the end."""
    made: list[CommanderService] = []

    def make(*words: str) -> CommanderService:
        made.append(makeService(parsed(*words)))
        made[-1].startService()
        return made[-1]

    yield make
    for one in made:
        one.hurry()
        one.stopService()
        reactor.advance(30)


def parsed(*words: str) -> Options:
    options = Options()
    options.parseOptions(words)
    return options


def refusal(*words: str) -> str:
    """The one line that a command line ends with."""
    with pytest.raises(SystemExit) as raised:
        makeService(parsed(*words))
    line = raised.value.code
    assert isinstance(line, str)
    assert line.startswith("commander: ")
    assert "\n" not in line
    return line


# --- the command line --------------------------------------------------------------


def test_no_flag_is_given_unless_it_stands_there() -> None:
    assert parsed().flags == {}


def test_flags_are_texts_and_are_read_in_the_go_servers_spellings_too() -> None:
    words = ["--port", "8080", "-log-level=debug", "-shell", "/bin/bash", "--http"]
    assert parsed(*words).flags == {
        "port": "8080",
        "log-level": "debug",
        "shell": "/bin/bash",
        "http": "true",
    }


def test_every_setting_with_a_flag_is_on_the_command_line() -> None:
    flags = {spec_of(field).flag for field in attrs.fields(Settings)} - {None}
    assert {parameters[0] for parameters in Options.optParameters} == flags
    for flag in flags:
        assert parsed(f"--{flag}=x").flags == {flag: "x"}


def test_no_secret_can_be_given_where_everybody_can_read_it() -> None:
    assert "auth-token" not in {parameters[0] for parameters in Options.optParameters}
    assert "auth-token" in refusal("--auth-token=T")


def test_the_version_is_printed_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        parsed("--version")
    assert raised.value.code == 0
    assert capsys.readouterr().out == f"commander {__version__}\n"


def test_help_names_every_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        parsed("--help")
    assert raised.value.code == 0
    text = capsys.readouterr().out
    for name in ("--port", "--allowed-commands", "--check-config", "--no-auth"):
        assert name in text
    assert "docs/configuration.md" in text
    assert "`" not in text


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--frobnicate"], "frobnicate"),
        (["frobnicate"], "frobnicate"),
        (["--port"], "port"),
        (["--port=zero"], "--port"),
        (["--timeout=2h"], "--timeout"),
        (["--transport=carrier-pigeon"], "--transport"),
        (["--host=0.0.0.0"], "MCP_AUTH_TOKEN"),
        (["--host=0.0.0.0", "--no-auth"], "--no-auth"),
        (["--listen=nonsense"], "MCP_AUTH_TOKEN"),
        (["--check-config", "--port=-1"], "--port"),
    ],
)
def test_whatever_is_wrong_is_one_line(
    reactor: TapReactor, words: list[str], named: str
) -> None:
    assert named in refusal(*words)
    assert reactor.tcpServers == []


def test_a_wrong_value_in_the_environment_is_one_line(
    reactor: TapReactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCP_MAX_CONCURRENT", "many\nmany")
    assert "MCP_MAX_CONCURRENT" in refusal()


def test_a_state_file_that_cannot_be_trusted_is_one_line(reactor: TapReactor) -> None:
    path = state_file(os.environ)
    assert path is not None
    path.parent.mkdir(parents=True)
    path.write_text("ab" * 32, encoding="ascii")
    path.chmod(0o666)
    assert "can be written by others" in refusal()


def test_windows_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    options = parsed()
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(SystemExit) as raised:
        makeService(options)
    assert raised.value.code == "commander: Windows is not supported"


def test_check_config_prints_the_table_and_starts_nothing(
    reactor: TapReactor, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / ".mcp_env").write_text("MCP_SHELL_ARG=-ec\n", encoding="utf-8")
    with pytest.raises(SystemExit) as raised:
        makeService(parsed("--check-config", "--port=4000"))
    assert raised.value.code == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["MCP_HTTP_PORT", "flag", "4000"] in rows
    assert ["MCP_SHELL_ARG", "~/.mcp_env", "-ec"] in rows
    assert ["MCP_AUTH_TOKEN", "default", "unset"] in rows
    assert reactor.tcpServers == []
    assert not (tmp_path / ".local").exists()


# --- the service -------------------------------------------------------------------


@requirement("C4")
def test_the_service_is_bound_before_twist_starts_it(
    reactor: TapReactor, service: Callable[..., CommanderService]
) -> None:
    made = service("--port=4000")
    assert IService.providedBy(made)
    ((port, _, _, interface),) = reactor.tcpServers
    assert (port, interface) == (4000, "127.0.0.1")


def test_a_port_that_is_taken_is_one_line_and_costs_no_token(
    reactor: TapReactor, tmp_path: Path
) -> None:
    taken = OSError(98, "Address already in use")
    reactor.listen_error = CannotListenError("127.0.0.1", 3000, taken)
    assert refusal() == (
        "commander: cannot listen: 127.0.0.1, port 3000: Address already in use "
        "(MCP_HTTP_HOST, MCP_HTTP_PORT)"
    )
    # A token that was kept now would be valid, and never shown to anybody.
    assert list(tmp_path.iterdir()) == []


def test_the_token_of_the_environment_is_the_valid_one(
    reactor: TapReactor,
    service: Callable[..., CommanderService],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("MCP_AUTH_TOKEN", "a-token-from-the-environment")
    service()
    assert statuses(reactor, "a-token-from-the-environment", "other", None) == [
        *(200, 401, 401)
    ]
    assert not (tmp_path / ".local").exists()


def test_without_auth_no_token_is_needed_or_made(
    reactor: TapReactor,
    log: MemoryLog,
    service: Callable[..., CommanderService],
    tmp_path: Path,
) -> None:
    service("--no-auth")
    assert statuses(reactor, None, "any") == [200, 200]
    assert not (tmp_path / ".local").exists()
    (warning,) = (
        event["commander_message"]
        for event in log.events
        if event.get("commander_event") == "setting_warning"
    )
    assert warning.startswith("--no-auth")


def statuses(reactor: TapReactor, *tokens: str | None) -> list[int]:
    """What a ping with each of these tokens is answered."""
    return [client(reactor, token).request(body=PING).status for token in tokens]


def client(reactor: TapReactor, token: str | None) -> HTTPHarness:
    """A client of what listens."""
    ((_, site, _, _),) = reactor.tcpServers
    assert isinstance(site, CommanderSite)
    return HTTPHarness(site, reactor, token)


# --- the banner --------------------------------------------------------------------


def shown_token(stderr: io.StringIO) -> str:
    (line,) = (one for one in stderr.getvalue().splitlines() if "token:" in one)
    return line.rpartition(" ")[2]


@requirement("A5", "C4")
@pytest.mark.usefixtures("handlers")
def test_the_first_start_shows_a_token_that_works(
    reactor: TapReactor,
    stderr: io.StringIO,
    service: Callable[..., CommanderService],
) -> None:
    service("--port=4000")
    assert stderr.getvalue() == ""
    reactor.run_hooks()
    token = shown_token(stderr)
    assert statuses(reactor, token, "other", None) == [200, 401, 401]
    assert "http://127.0.0.1:4000/mcp" in stderr.getvalue()
    assert "valid after a restart" in stderr.getvalue()


@pytest.mark.usefixtures("handlers")
def test_the_curl_line_works_as_it_is_printed(
    reactor: TapReactor,
    stderr: io.StringIO,
    service: Callable[..., CommanderService],
) -> None:
    service()
    reactor.run_hooks()
    (line,) = (
        one for one in stderr.getvalue().splitlines() if one.strip().startswith("curl")
    )
    _, _, url, _, bearer, _, content_type, _, body = shlex.split(line)
    assert url == "http://127.0.0.1:3000/mcp"
    head = f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:3000\r\n{bearer}\r\n{content_type}"
    connection = client(reactor, None).connect()
    connection.send(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    (process,) = reactor.processes
    assert process.arguments[-1] == "uname -a"
    process.emit(1, b"Linux\n")
    process.exit()
    (response,) = connection.responses()
    assert response.json()["result"]["structuredContent"]["stdout"] == "Linux\n"


@requirement("A5")
@pytest.mark.usefixtures("handlers")
def test_a_later_start_shows_no_token_and_takes_the_same(
    reactor: TapReactor,
    stderr: io.StringIO,
    service: Callable[..., CommanderService],
) -> None:
    service()
    reactor.run_hooks()
    token = shown_token(stderr)
    stderr.truncate(0)
    reactor.tcpServers.clear()
    reactor.whenRunningHooks.clear()
    reactor.hasRun = False
    service()
    reactor.run_hooks()
    assert token not in stderr.getvalue()
    assert "token new" in stderr.getvalue()
    assert statuses(reactor, token, "other") == [200, 401]


@pytest.mark.usefixtures("handlers")
def test_a_token_of_the_operator_is_not_shown(
    reactor: TapReactor,
    stderr: io.StringIO,
    log: MemoryLog,
    service: Callable[..., CommanderService],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MCP_AUTH_TOKEN", "a-token-from-the-environment")
    service()
    reactor.run_hooks()
    assert "$MCP_AUTH_TOKEN" in stderr.getvalue()
    for text in (stderr.getvalue(), *log.lines(), repr(log.events)):
        assert "a-token-from-the-environment" not in text


@pytest.mark.usefixtures("handlers")
def test_a_generated_token_is_not_logged(
    reactor: TapReactor,
    stderr: io.StringIO,
    log: MemoryLog,
    service: Callable[..., CommanderService],
) -> None:
    service()
    reactor.run_hooks()
    token = shown_token(stderr)
    assert len(token) == 43
    for text in (*log.lines(), repr(log.events)):
        assert token not in text


@pytest.mark.parametrize(
    ("words", "url"),
    [
        (["--host=localhost"], "http://localhost:3000/mcp"),
        (["--host=::1"], "http://[::1]:3000/mcp"),
        (["--host=[::1]"], "http://[::1]:3000/mcp"),
        (
            ["--listen=tcp:4000:interface=\\:\\:1", "--host=127.0.0.1"],
            "http://[::1]:4000/mcp",
        ),
    ],
)
@pytest.mark.usefixtures("handlers")
def test_the_banner_names_the_address_that_was_bound(
    reactor: TapReactor,
    stderr: io.StringIO,
    service: Callable[..., CommanderService],
    words: list[str],
    url: str,
) -> None:
    service(*words)
    reactor.run_hooks()
    assert f"commander listens on {url}\n" in stderr.getvalue()


@pytest.mark.parametrize(
    ("words", "environ"),
    [
        (["--no-auth"], {}),
        (["--host=0.0.0.0"], {"MCP_AUTH_TOKEN": "a-token-of-some-length"}),
    ],
)
@pytest.mark.usefixtures("handlers")
def test_no_banner_where_nobody_sits_or_no_token_is_needed(
    reactor: TapReactor,
    stderr: io.StringIO,
    service: Callable[..., CommanderService],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    environ: dict[str, str],
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    service(*words)
    reactor.run_hooks()
    assert stderr.getvalue() == ""


@pytest.mark.usefixtures("handlers")
def test_a_process_without_standard_error_starts_all_the_same(
    reactor: TapReactor,
    service: Callable[..., CommanderService],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "__stderr__", None)
    service()
    reactor.run_hooks()
    assert len(reactor.tcpServers) == 1


# --- the log -----------------------------------------------------------------------


@pytest.mark.usefixtures("reactor")
def test_twist_is_given_our_log_format_and_level() -> None:
    given: dict[str, Any] = {"fileLogObserverFactory": None, "logLevel": LogLevel.info}
    options: Any = parsed()
    options.parent = given
    made = makeService(options)
    made.startService()
    made.stopService()
    assert given["logLevel"] is LogLevel.debug
    stream = io.StringIO()
    observer = given["fileLogObserverFactory"](stream)
    StructuredLog("test", observer=observer).info("hello", number=1)
    (line,) = stream.getvalue().splitlines()
    assert msgspec.json.decode(line)["event"] == "hello"


def test_every_setting_is_logged_with_the_source_that_won(
    log: MemoryLog,
    service: Callable[..., CommanderService],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MCP_SHELL_ARG", "-ec")
    service("--port=4000")
    records = {record["source"]: record for record in log.named("settings")}
    assert records["flag"] == {"source": "flag", "MCP_HTTP_PORT": "4000"}
    assert records["environment"]["MCP_SHELL_ARG"] == "-ec"
    assert records["generated"] == {
        "source": "generated",
        "MCP_AUTH_TOKEN": "generated",
    }
    assert records["default"]["MCP_SHELL"] == "/bin/sh"
    names = {name for record in records.values() for name in record} - {"source"}
    assert names == {spec_of(field).name for field in attrs.fields(Settings)}


# --- signals -----------------------------------------------------------------------


def handler_of(number: int) -> Callable[[int, FrameType | None], Any]:
    handler = signal.getsignal(number)
    assert callable(handler)
    return handler


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.usefixtures("handlers", "stderr")
def test_a_signal_to_end_is_noted_and_left_to_twist(
    reactor: TapReactor,
    log: MemoryLog,
    service: Callable[..., CommanderService],
    number: signal.Signals,
) -> None:
    seen: list[int] = []
    signal.signal(number, lambda got, frame: seen.append(got))
    made = service()
    reactor.run_hooks()
    handler_of(number)(number, None)
    assert seen == [number]
    made.stopService()
    assert log.named("server_stopping") == [{"reason": number.name}]


@pytest.mark.usefixtures("handlers", "stderr")
def test_a_hang_up_without_a_tokens_file_is_noted_and_changes_nothing(
    reactor: TapReactor, log: MemoryLog, service: Callable[..., CommanderService]
) -> None:
    service()
    reactor.run_hooks()
    handler_of(signal.SIGHUP)(signal.SIGHUP, None)
    reactor.advance(0)
    assert log.named("hang_up_ignored") == [{}]
    assert not reactor.hasStopped


# --- the tokens file ---------------------------------------------------------------


@pytest.fixture
def tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A list with the token "one" of ann, which the settings name."""
    path = tmp_path / "tokens"
    path.write_text(line_of("ann", "one"))
    path.chmod(0o600)
    monkeypatch.setenv("MCP_AUTH_TOKENS_FILE", str(path))
    return path


def line_of(name: str, token: str) -> str:
    return token_line(Token(principal=name, digest=digest_of(token))) + "\n"


@pytest.mark.usefixtures("handlers")
def test_listed_tokens_are_valid_and_no_other_is_made(
    reactor: TapReactor,
    stderr: io.StringIO,
    log: MemoryLog,
    service: Callable[..., CommanderService],
    tokens: Path,
) -> None:
    service("--host=0.0.0.0")
    assert statuses(reactor, "one", "two", None) == [200, 401, 401]
    assert log.named("tokens_loaded") == [
        {"principals": 1, "tokens": 1, "expired": None}
    ]
    assert not (tokens.parent / ".local").exists()


@pytest.mark.usefixtures("handlers", "stderr")
def test_a_listed_token_is_valid_beside_that_of_the_environment(
    reactor: TapReactor,
    service: Callable[..., CommanderService],
    tokens: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MCP_AUTH_TOKEN", "a-token-from-the-environment")
    service()
    assert statuses(reactor, "one", "a-token-from-the-environment", "two") == [
        *(200, 200, 401)
    ]


@pytest.mark.usefixtures("handlers")
def test_the_banner_names_the_file_where_no_token_can_be_shown(
    reactor: TapReactor,
    stderr: io.StringIO,
    service: Callable[..., CommanderService],
    tokens: Path,
) -> None:
    service()
    reactor.run_hooks()
    assert "one of MCP_AUTH_TOKENS_FILE" in stderr.getvalue()
    assert "token new" not in stderr.getvalue()


@pytest.mark.usefixtures("handlers", "stderr")
def test_a_hang_up_takes_the_list_as_it_is_then(
    reactor: TapReactor,
    log: MemoryLog,
    service: Callable[..., CommanderService],
    tokens: Path,
) -> None:
    service()
    reactor.run_hooks()
    tokens.write_text(line_of("bob", "two"))
    assert statuses(reactor, "one", "two") == [200, 401]
    handler_of(signal.SIGHUP)(signal.SIGHUP, None)
    reactor.advance(0)
    assert statuses(reactor, "one", "two") == [401, 200]
    assert len(log.named("tokens_loaded")) == 2


@pytest.mark.usefixtures("handlers", "stderr")
def test_a_bad_list_leaves_the_old_one_in_force(
    reactor: TapReactor,
    log: MemoryLog,
    service: Callable[..., CommanderService],
    tokens: Path,
) -> None:
    service()
    reactor.run_hooks()
    tokens.write_text(line_of("bob", "two") + "carl s3cret")
    handler_of(signal.SIGHUP)(signal.SIGHUP, None)
    reactor.advance(0)
    assert statuses(reactor, "one", "two") == [200, 401]
    (record,) = log.named("tokens_not_loaded")
    assert record["file"] == str(tokens)
    assert record["reason"].startswith("line 2: the digest is not accepted")
    assert not any("s3cret" in line for line in log.lines())


@pytest.mark.parametrize("words", [[], ["--check-config"]])
def test_a_list_that_cannot_be_used_is_one_line(
    reactor: TapReactor, tokens: Path, words: list[str]
) -> None:
    tokens.chmod(0o666)
    said = f'MCP_AUTH_TOKENS_FILE="{tokens}" is not accepted: others can write it'
    assert said in refusal(*words)
    tokens.write_text(line_of("bl0cked", "one") + "blocked sha256:00\n")
    tokens.chmod(0o600)
    assert "line 2: the name is not accepted" in refusal(*words)


def test_a_token_cannot_stand_in_the_list_and_in_the_environment(
    reactor: TapReactor, tokens: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCP_AUTH_TOKEN", "one")
    assert "a token of ann is that of MCP_AUTH_TOKEN" in refusal()
