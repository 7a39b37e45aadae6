"""The secrets on their way from the container's environment to the settings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from commander import entrypoint
from commander.entrypoint import SECRETS, UNWANTED, VARIABLE, divide
from commander.errors import StartError
from commander.execution.environment import never_passed
from commander.handover import take_secrets
from commander.settings import Settings
from commander.specs import spec_of
from commander.tap import effective

SCRIPT = Path(entrypoint.__file__)
NAMED = VARIABLE.decode()
TOKEN = "not-in-the-environment-0123456789"
SHOW = f"""
import os
from commander.handover import take_secrets
print(sorted(os.environ.items()))
print(take_secrets(os.environ), os.environ.get({NAMED!r}))
print(take_secrets(os.environ))
"""


def start(
    *words: str, flags: tuple[str, ...] = ("-IS",), **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the script as the image does."""
    return subprocess.run(
        [sys.executable, *flags, str(SCRIPT), *words],
        # Without LANG Python would set a variable of its own; the image has it.
        env={"PATH": os.defpath, "LANG": "C.UTF-8", **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def pipe_with(content: bytes, *, open_end: bool = False) -> str:
    """The descriptor of a pipe that holds this, as the environment names it."""
    reading, writing = os.pipe()
    os.write(writing, content)
    if not open_end:
        os.close(writing)
    return str(reading)


# --- the script ----------------------------------------------------------------------


def test_secrets_leave_the_environment_and_arrive_once() -> None:
    done = start(
        *(sys.executable, "-c", SHOW),
        MCP_AUTH_TOKEN=TOKEN,
        MCP_SESSION_KEY="two words = one key",
        MCP_LOG_LEVEL="info",
        PYTHONPATH=str(SCRIPT.parents[1]),
    )
    environment, first, second = done.stdout.splitlines()

    assert done.stderr == ""
    assert TOKEN not in environment
    assert "('MCP_LOG_LEVEL', 'info')" in environment
    secrets = {"MCP_AUTH_TOKEN": TOKEN, "MCP_SESSION_KEY": "two words = one key"}
    assert first == f"{secrets} None"
    assert second == "{}"


def test_the_kernel_shows_no_secret_of_the_program_that_it_becomes() -> None:
    done = start("cat", "/proc/self/environ", MCP_AUTH_TOKEN=TOKEN, HOME="/nowhere")

    assert "HOME=/nowhere" in done.stdout
    assert TOKEN not in done.stdout


def test_without_secrets_nothing_is_handed_over() -> None:
    done = start("env", HOME="/nowhere")

    given = [f"PATH={os.defpath}", "LANG=C.UTF-8", "HOME=/nowhere"]
    assert done.stdout.splitlines() == given


@pytest.mark.parametrize(
    "name",
    [
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "ECS_CONTAINER_METADATA_URI",
        "ECS_CONTAINER_METADATA_URI_V4",
        "ECS_AGENT_URI",
        NAMED,
    ],
)
def test_what_leads_to_the_clouds_credentials_goes_to_nobody(name: str) -> None:
    assert divide({name.encode(): b"x", b"HOME": b"/"}) == ({b"HOME": b"/"}, {})


def test_every_setting_that_is_a_secret_is_handed_over() -> None:
    specs = [spec_of(field) for field in attrs.fields(Settings)]
    secret = {str(spec.variable).encode() for spec in specs if spec.secret}

    assert secret <= set(SECRETS)


def test_what_no_command_may_have_no_server_gets() -> None:
    for beginning in UNWANTED:
        # One that is a whole name, or the beginning of several.
        names = beginning.decode(), f"{beginning.decode()}X"
        assert any(map(never_passed, names)), names


def test_a_program_that_is_not_there_is_one_line() -> None:
    done = start("no-such-program", MCP_AUTH_TOKEN=TOKEN)

    assert done.returncode == 1
    assert done.stderr == (
        "commander: cannot start no-such-program: No such file or directory\n"
    )


def test_no_program_is_one_line() -> None:
    assert start().stderr == "commander: there is no program to start\n"


def test_more_than_a_pipe_holds_is_one_line_and_no_deadlock() -> None:
    done = start("env", MCP_AUTH_TOKEN="x" * 70_000)

    assert done.stderr == (
        "commander: cannot start env: the secrets are longer than a pipe holds\n"
    )


@pytest.mark.parametrize(("pid", "blocked"), [(1, True), (2, False)])
def test_as_process_1_it_keeps_the_servers_signals_waiting(
    monkeypatch: pytest.MonkeyPatch, pid: int, blocked: bool
) -> None:
    masks: list[object] = []
    monkeypatch.setattr(os, "getpid", lambda: pid)
    monkeypatch.setattr(os, "execvpe", lambda *_: None)
    monkeypatch.setattr(signal, "pthread_sigmask", lambda *mask: masks.append(mask))

    entrypoint.main(["/opt/bin/twist", "commander"])
    entrypoint.main(["bash"])

    waiting = (signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
    assert masks == ([waiting] if blocked else [])


def test_its_arguments_reach_the_program_as_they_are() -> None:
    assert start("printf", "[%s]", "a b", "", "$x").stdout == "[a b][][$x]"


# --- the reading end -----------------------------------------------------------------


def test_no_launcher_no_secrets() -> None:
    environ = {"HOME": "/"}

    assert take_secrets(environ) == {}
    assert environ == {"HOME": "/"}


def test_the_descriptor_is_closed_after_reading() -> None:
    descriptor = pipe_with(b"MCP_AUTH_TOKEN=a=b\0")
    environ = {NAMED: descriptor}

    assert take_secrets(environ) == {"MCP_AUTH_TOKEN": "a=b"}
    assert environ == {}
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(int(descriptor))


@pytest.mark.parametrize("named", ["", "x", "-1", "999999", "٣" * 30])
def test_a_descriptor_that_is_none_is_told_in_one_line(named: str) -> None:
    with pytest.raises(StartError, match=NAMED) as raised:
        take_secrets({NAMED: named})
    assert len(str(raised.value)) < 200


def test_a_file_is_no_pipe(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        with pytest.raises(StartError, match="not a pipe"):
            take_secrets({NAMED: str(file.fileno())})
        assert not file.closed
        os.fstat(file.fileno())


def test_a_pipe_that_somebody_writes_to_does_not_hold_up_the_start() -> None:
    with pytest.raises(StartError, match=NAMED):
        take_secrets({NAMED: pipe_with(b"", open_end=True)})


def test_the_settings_have_what_was_handed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MCP_HTTP_HOST", "0.0.0.0")
    monkeypatch.delenv("MCP_AUTH_TOKEN", raising=False)
    monkeypatch.setenv(NAMED, pipe_with(f"MCP_AUTH_TOKEN={TOKEN}\0".encode()))

    assert effective({}).settings.auth_token == TOKEN
    assert NAMED not in os.environ
    assert TOKEN not in os.environ.values()
