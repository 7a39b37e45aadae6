"""Binding, starting and putting the pieces together, on a reactor in memory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pytest
from twisted.application.service import IService
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.error import CannotListenError
from zope.interface.verify import verifyObject

from commander import __version__
from commander.errors import StartError
from commander.execution.hardening import Hardening
from commander.execution.sandbox import Sandbox
from commander.service import CommanderService, Surroundings, build, sandbox_plan
from commander.settings import Settings
from commander.telemetry.logging import StructuredLog
from commander.testing import MemoryLog, MemoryServer, ProcessReactor

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'


class PickyReactor(ProcessReactor):
    """Refuses to listen in the way that a test says, and unlistens slowly."""

    error: Exception | None = None
    unlistening: Deferred[None] | None = None

    def listenTCP(self, *args: Any, **kwargs: Any) -> Any:
        if self.error is not None:
            raise self.error
        port = super().listenTCP(*args, **kwargs)
        port.stopListening = lambda: self.unlistening
        return port


def surroundings(reactor: ProcessReactor, log: MemoryLog | None = None) -> Surroundings:
    return Surroundings(
        reactor=reactor,
        monotonic=reactor.seconds,
        environ={"SECRET": "in-the-environment", "PATH": "/bin"},
        engine=reactor.engine,
        hardening=Hardening(missing=("a protection is not there",)),
        log=StructuredLog("test", observer=log or MemoryLog()),
    )


def built(reactor: ProcessReactor, settings: Settings) -> CommanderService:
    """A service that everybody may use."""
    return build(settings, token=None, surroundings=surroundings(reactor))


def refusal(reactor: ProcessReactor, **settings: Any) -> str:
    """Why a service cannot listen."""
    service = built(reactor, Settings(**settings))
    with pytest.raises(StartError) as raised:
        service.listen()
    service.startService()
    service.stopService()
    return str(raised.value)


def stop(service: CommanderService) -> list[object]:
    """Stop a service that nobody uses; the list fills when that is done."""
    stopped: list[object] = []
    service.stopService().addBoth(stopped.append)
    return stopped


# --- listening ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "interface"),
    [("127.0.0.1", "127.0.0.1"), ("localhost", "localhost"), ("[::1]", "::1")],
)
def test_host_and_port_choose_the_address(host: str, interface: str) -> None:
    reactor = ProcessReactor()
    service = built(reactor, Settings(http_host=host, http_port=4000))
    address = service.listen()
    assert [server[0::3] for server in reactor.tcpServers] == [(4000, interface)]
    assert address.port == 4000
    service.startService()
    assert stop(service) == [None]


def test_an_endpoint_stands_in_place_of_host_and_port() -> None:
    reactor = ProcessReactor()
    listen = "tcp:4001:interface=127.0.0.1"
    service = built(reactor, Settings(listen=listen, http_port=4000))
    assert service.listen().port == 4001
    assert [server[0::3] for server in reactor.tcpServers] == [(4001, "127.0.0.1")]
    service.startService()
    assert stop(service) == [None]


def test_a_taken_port_is_told_with_the_settings_that_choose_it() -> None:
    reactor = PickyReactor()
    taken = OSError(98, "Address already in use")
    reactor.error = CannotListenError("127.0.0.1", 3000, taken)
    assert refusal(reactor) == (
        "cannot listen: 127.0.0.1, port 3000: Address already in use "
        "(MCP_HTTP_HOST, MCP_HTTP_PORT)"
    )


def test_a_cause_without_a_name_and_no_interface_are_told_too() -> None:
    reactor = PickyReactor()
    reactor.error = CannotListenError("", 3000, OSError("too bad"))
    assert refusal(reactor) == (
        "cannot listen: any address, port 3000: too bad (MCP_HTTP_HOST, MCP_HTTP_PORT)"
    )


@pytest.mark.parametrize(
    "listen",
    ["", "nonsense", "tcp", "tcp:port", "tcp:1:x=y", "systemd:domain=INET:index=0"],
)
def test_what_is_no_endpoint_is_told_by_name(listen: str) -> None:
    assert refusal(ProcessReactor(), listen=listen).startswith(
        f"cannot listen on --listen={listen}: "
    )


@pytest.mark.parametrize(
    "error",
    [
        CannotListenError("127.0.0.1", 1, OSError(13, "Permission denied")),
        OverflowError("bind(): port must be 0-65535."),
        FileNotFoundError(2, "No such file or directory"),
        AssertionError(),
    ],
)
def test_whatever_an_endpoint_raises_is_a_start_problem(error: Exception) -> None:
    reactor = PickyReactor()
    reactor.error = error
    text = refusal(reactor, listen="tcp:1:interface=127.0.0.1")
    assert text.startswith("cannot listen")
    assert any(
        word in text for word in ("Permission", "0-65535", "No such", "AssertionError")
    )


def test_whatever_a_host_raises_is_a_start_problem() -> None:
    reactor = PickyReactor()
    reactor.error = UnicodeError("label too long")
    assert refusal(reactor) == (
        "cannot listen on MCP_HTTP_HOST=127.0.0.1: label too long"
    )


def test_an_endpoint_that_takes_its_time_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(TCP4ServerEndpoint, "listen", lambda *_: Deferred())
    text = refusal(ProcessReactor(), listen="tcp:4001:interface=127.0.0.1")
    assert text == "--listen=tcp:4001:interface=127.0.0.1 does not bind at once"


# --- starting and stopping ---------------------------------------------------------


def test_it_is_a_service() -> None:
    service = built(ProcessReactor(), Settings())
    assert verifyObject(IService, service)
    service.startService()
    assert stop(service) == [None]


def test_the_start_is_written_down_with_what_is_not_guaranteed() -> None:
    with MemoryServer() as server:
        (started,) = server.log.named("server_started")
        assert started == {
            "version": __version__,
            "host": "0.0.0.0",
            "port": 3000,
            "pid": os.getpid(),
        }
        engine = server.log.named("process_engine")
        assert engine == [{"spawner": "memory"}]


def test_a_protection_that_is_missing_is_written_down() -> None:
    log, reactor = MemoryLog(), ProcessReactor()
    service = build(
        Settings(limit_files=100), token=None, surroundings=surroundings(reactor, log)
    )
    service.listen()
    service.startService()
    assert any("a protection is not there" in line for line in log.lines())
    assert log.named("limits") == [{"MCP_LIMIT_FILES": "RLIMIT_NOFILE"}]
    stop(service)


def test_an_address_without_a_host_is_written_down_as_it_is() -> None:
    log, reactor = MemoryLog(), ProcessReactor()
    service = build(
        Settings(listen="unix:/run/commander.sock"),
        token=None,
        surroundings=surroundings(reactor, log),
    )
    service.listen()
    service.startService()
    (started,) = log.named("server_started")
    assert "/run/commander.sock" in started["host"]
    assert started["port"] is None
    assert stop(service) == [None]


def test_a_server_that_comes_and_goes_keeps_no_descriptor() -> None:
    before = os.listdir("/proc/self/fd")
    with MemoryServer() as server:
        assert server.http.request(body=PING).status == 200
    assert os.listdir("/proc/self/fd") == before


def test_a_second_stop_closes_nothing_twice() -> None:
    reactor = ProcessReactor()
    service = built(reactor, Settings())
    service.listen()
    service.startService()
    first = stop(service)
    assert first == [None]
    before = os.listdir("/proc/self/fd")
    descriptor = os.open(os.devnull, os.O_RDONLY)
    assert stop(service) == [None]
    os.close(descriptor)
    assert os.listdir("/proc/self/fd") == before


def test_a_second_stop_does_not_start_the_drain_again() -> None:
    with MemoryServer(Settings(drain_delay_seconds=5.0)) as server:
        first = stop(server.service)
        assert first == []
        assert stop(server.service) == [None]
        server.reactor.advance(5)
        assert first == [None]
        assert len(server.log.named("server_stopping")) == 1


def test_a_service_that_was_never_started_need_not_be_stopped() -> None:
    assert stop(built(ProcessReactor(), Settings())) == [None]


def test_the_stop_waits_for_the_port() -> None:
    reactor = PickyReactor()
    reactor.unlistening = Deferred()
    service = built(reactor, Settings())
    service.listen()
    service.startService()
    stopped = stop(service)
    assert stopped == []
    reactor.unlistening.callback(None)
    assert stopped == [None]


def test_a_stop_without_a_reason_is_that_of_the_reactor() -> None:
    with MemoryServer() as server:
        server.stop()
        assert server.log.named("server_stopping") == [
            {"reason": "the reactor stopped"}
        ]


# --- putting together --------------------------------------------------------------


def test_the_environment_of_the_process_does_not_show() -> None:
    assert "in-the-environment" not in repr(surroundings(ProcessReactor()))


def called(server: MemoryServer, command: str, **arguments: Any) -> Any:
    """Ask for a command; the connection to look for the answer on."""
    return server.http.begin(
        body=msgspec.json.encode(
            {
                "jsonrpc": "2.0",
                "id": 1,
                "method": "tools/call",
                "params": {
                    "name": "execute_command",
                    "arguments": {"command": command, **arguments},
                },
            }
        )
    )


def answer(connection: Any) -> dict[str, Any]:
    (response,) = connection.responses()
    structured = response.json()["result"]["structuredContent"]
    assert isinstance(structured, dict)
    return structured


def test_the_settings_reach_what_they_are_about(tmp_path: Path) -> None:
    settings = Settings(
        shell="/bin/sh",
        shell_arg="-ec",
        allowed_commands=("echo",),
        default_timeout_seconds=7.0,
        kill_grace_seconds=2.0,
        max_output_bytes=1024,
        output_limit_bytes=4096,
        pass_env=("SPECIAL",),
        working_directory=str(tmp_path),
        max_concurrent=1,
        max_queued=1,
        log_commands="hash",
    )
    with MemoryServer(settings) as server:
        assert answer(called(server, "cat x"))["status"] == "denied"
        first = called(server, "echo secret-word")
        process = server.process
        assert process.arguments == ("/bin/sh", "-ec", "echo secret-word")
        assert process.directory == str(tmp_path)
        called(server, "echo 2")
        assert answer(called(server, "echo 3"))["status"] == "busy"
        process.ignore("SIGTERM")
        server.reactor.advance(7.0)
        assert process.signals == [15]
        server.reactor.advance(2.0)
        server.reactor.advance(0.1)
        assert answer(first)["ended_by"] == "timeout"
        server.process.emit(1, b"x" * 5000)
        server.reactor.advance(0.1)
        server.reactor.advance(0.1)
        assert not any("secret-word" in line for line in server.log.lines())
        ended = [r["ended_by"].value for r in server.log.named("CMD_EXEC")]
        assert ended == ["timeout", "output_limit"]


def test_default_settings_and_every_other_pass_through_evolve() -> None:
    settings = attrs.evolve(Settings(), server_name="another", output_schema=False)
    with MemoryServer(settings) as server:
        health = server.http.request("GET", "/health").json()
        listed = server.http.post(
            {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        ).json()
    assert health["server"] == "another"
    tools = listed["result"]["tools"]
    assert [tool["name"] for tool in tools] == [
        "execute_command",
        "start_command",
        "read_output",
        "send_input",
        "signal_job",
        "list_jobs",
        "open_shell",
        "check_command",
        "list_allowed_commands",
        "list_blocked_commands",
        "get_shell_info",
    ]
    assert not any("outputSchema" in tool for tool in tools)


def test_what_the_kernel_holds_is_written_down() -> None:
    log, reactor = MemoryLog(), ProcessReactor()
    around = surroundings(reactor, log)
    sandbox = Sandbox(described={"execute": "2 programs"})
    around = attrs.evolve(around, engine=attrs.evolve(around.engine, sandbox=sandbox))
    service = build(Settings(), token=None, surroundings=around)
    service.listen()
    service.startService()
    assert log.named("sandbox") == [{"execute": "2 programs"}]
    stop(service)


def test_the_plan_for_the_kernel_is_made_of_settings_and_environment(
    tmp_path: Path,
) -> None:
    tool = tmp_path / "ls"
    tool.touch(0o755)
    settings = Settings(allowed_commands=("ls",), workspace=(str(tmp_path),))
    plan = sandbox_plan(settings, {"PATH": f".:{tmp_path}", "TMPDIR": "/var"})
    assert plan.executables is not None
    assert {str(tool), os.path.realpath("/bin/sh")} <= set(plan.executables.files)
    assert (plan.mode, plan.workspace) == ("auto", (str(tmp_path),))
    assert "/var" in plan.scratch


def test_with_another_user_the_programs_in_front_may_be_executed() -> None:
    found = sandbox_plan(
        Settings(allowed_commands=("ls",), run_as="1000:1000"), {}
    ).executables
    assert found is not None
    names = {os.path.basename(file) for file in found.files}
    assert {"prlimit", "setpriv"} <= names


# --- sessions ----------------------------------------------------------------------

GREETING = b'{"jsonrpc":"2.0","id":0,"method":"initialize"}'


def greeted(server: MemoryServer) -> str:
    """The id of a new session."""
    return server.http.request(body=GREETING).headers["mcp-session-id"]


def served(server: MemoryServer, session: str) -> int:
    headers = {"Mcp-Session-Id": session}
    return server.http.request(body=PING, headers=headers).status


@pytest.mark.parametrize(
    ("token", "key", "shared"),
    [
        ("same", None, True),
        ("same", "a key that replicas share", True),
        (None, "a key that replicas share", True),
        (None, None, False),
    ],
)
def test_a_session_goes_on_at_a_replica_that_has_the_token_or_the_key(
    token: str | None, key: str | None, shared: bool
) -> None:
    settings = Settings(no_auth=token is None, session_key=key)
    with (
        MemoryServer(settings, token=token) as one,
        MemoryServer(settings, token=token) as other,
    ):
        session = greeted(one)
        assert served(one, session) == 200
        assert served(other, session) == (200 if shared else 404)


def test_the_key_stands_before_the_token() -> None:
    with (
        MemoryServer(Settings(session_key="one key, and a long one")) as one,
        MemoryServer(Settings(session_key="another key, as long")) as other,
    ):
        assert served(other, greeted(one)) == 404


def test_a_session_is_remembered_for_as_long_as_it_was_told_to() -> None:
    level = (
        b'{"jsonrpc":"2.0","id":1,"method":"logging/setLevel",'
        b'"params":{"level":"info"}}'
    )
    with MemoryServer(Settings(session_idle_seconds=60.0)) as server:
        session = greeted(server)
        headers = {"Mcp-Session-Id": session}
        assert server.http.request(body=level, headers=headers).status == 200
        server.http.lose_all()
        for _ in range(3):
            assert server.reactor.getDelayedCalls()
            server.reactor.advance(30)
        assert server.reactor.getDelayedCalls() == []
        assert served(server, session) == 200


def test_so_many_sessions_are_remembered_as_it_was_told_to() -> None:
    with MemoryServer(Settings(max_sessions=2)) as server:
        streams = []
        for _ in range(2):
            headers = {
                "Accept": "text/event-stream",
                "Mcp-Session-Id": greeted(server),
            }
            streams.append(server.http.begin("GET", "/mcp", b"", headers))
        assert served(server, greeted(server)) == 503
