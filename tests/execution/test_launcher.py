"""How a command gets its session and directory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from twisted.internet.interfaces import IProcessTransport, IReactorProcess
from twisted.internet.protocol import ProcessProtocol
from zope.interface import implementer
from zope.interface.verify import verifyObject

from commander.execution.landlock import Ruleset
from commander.execution.launcher import LaunchedSpawner, Launcher, find_launcher

COMMAND = ("/bin/sh", "-c", "echo $$; pwd; ps -o pid=,pgid=,sid= -p $$")


def test_setsid_and_env_stand_before_the_shell() -> None:
    launcher = Launcher(name="setsid", setsid="/usr/bin/setsid", env="/usr/bin/env")
    assert launcher.arguments("/srv", ("/bin/sh", "-c", "true")) == (
        "/usr/bin/setsid",
        "/usr/bin/env",
        "--chdir=/srv",
        "/bin/sh",
        "-c",
        "true",
    )


@pytest.mark.parametrize("launcher", [find_launcher(), Launcher(name="python")])
def test_the_shell_leads_its_session_and_stands_in_its_directory(
    launcher: Launcher, tmp_path: Path
) -> None:
    arguments = launcher.arguments(str(tmp_path), COMMAND)
    child = subprocess.run(arguments, capture_output=True, text=True, check=True)
    pid, directory, ids = child.stdout.splitlines()
    assert directory == str(tmp_path.resolve())
    assert ids.split() == [pid, pid, pid]


def test_without_the_programs_python_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    found = find_launcher()
    assert found.name == "python"
    assert found.arguments("/", ("/bin/sh",))[0] == sys.executable


def test_an_env_that_cannot_change_directory_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = tmp_path / "env"
    old.write_text("#!/bin/sh\necho no such option >&2; exit 1\n")
    old.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(tmp_path / name))
    assert find_launcher().name == "python"
    os.unlink(old)
    assert find_launcher().name == "python"


class Rules:
    """Rules that nobody puts in force."""

    def fileno(self) -> int:
        return 9


RULES = cast("Ruleset", Rules())


def test_rules_are_put_in_force_by_python_whatever_is_installed() -> None:
    found = find_launcher(RULES)
    assert found.name == "python"
    arguments = found.arguments("/srv", ("/bin/sh", "-c", "true"))
    assert arguments[0] == sys.executable
    assert arguments[-4:] == ("/srv", "/bin/sh", "-c", "true")
    assert "446,4,0" in arguments[4]


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        (None, {0: "w", 1: "r", 2: "r", 4: 9}),
        ({0: 7, 3: "r"}, {0: 7, 3: "r", 4: 9}),
    ],
)
def test_the_launcher_finds_the_rules_behind_the_commands_descriptors(
    wanted: dict[int, int | str] | None, given: dict[int, int | str]
) -> None:
    reactor = RecordingReactor()
    spawner = LaunchedSpawner(reactor, find_launcher(RULES))
    spawner.spawnProcess(ProcessProtocol(), "/bin/sh", ["sh"], childFDs=wanted)
    assert reactor.options == [{"env": None, "childFDs": given}]


def test_rules_that_cannot_be_put_in_force_start_no_command() -> None:
    arguments = find_launcher(RULES).arguments("/", ("/bin/sh", "-c", "echo ran"))
    child = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert child.returncode != 0
    assert child.stdout == ""
    assert "MCP_SANDBOX" in child.stderr


SETSID = Launcher(name="setsid", setsid="/usr/bin/setsid", env="/usr/bin/env")


@implementer(IReactorProcess)
class RecordingReactor:
    """Keeps what it is asked to start."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.options: list[dict[str, Any]] = []

    def spawnProcess(self, *asked: Any, **options: Any) -> IProcessTransport:
        self.asked.append(asked)
        self.options.append(options)
        return cast("IProcessTransport", transport)


transport = object()


@pytest.mark.parametrize("kind", [os.fsencode, os.fsdecode], ids=["bytes", "texts"])
def test_the_fallback_starts_the_launcher_in_place_of_the_program(kind: Any) -> None:
    reactor = RecordingReactor()
    spawner = LaunchedSpawner(reactor, SETSID)
    assert verifyObject(IReactorProcess, spawner)
    protocol = ProcessProtocol()
    arguments = ["sh", "-c", "caf\udce9"]
    started = spawner.spawnProcess(
        protocol,
        kind("/bin/sh"),
        list(map(kind, arguments)),
        env={"A": "b"},
        path=kind("/srv"),
        childFDs={0: 7, 1: "r"},
    )
    assert started is transport
    command = [b"--chdir=/srv", b"/bin/sh", b"-c", b"caf\xe9"]
    expected = [b"/usr/bin/setsid", b"/usr/bin/env", *command]
    assert reactor.asked == [(protocol, "/usr/bin/setsid", expected)]


def test_the_fallback_never_makes_twisted_fork() -> None:
    reactor = RecordingReactor()
    spawner = LaunchedSpawner(reactor, SETSID)
    spawner.spawnProcess(ProcessProtocol(), "/bin/sh", ["sh"], {}, "/srv")
    assert reactor.options == [{"env": {}, "childFDs": None}]


def test_without_a_directory_the_fallback_stays_where_it_is() -> None:
    reactor = RecordingReactor()
    LaunchedSpawner(reactor, SETSID).spawnProcess(ProcessProtocol(), "/bin/sh", ["sh"])
    assert reactor.asked[0][2][2] == b"--chdir=."


@pytest.mark.parametrize(
    ("option", "value"),
    [("uid", 0), ("gid", 0)],
)
def test_what_the_fallback_cannot_do_is_refused_by_name(
    option: str, value: Any
) -> None:
    spawner = LaunchedSpawner(RecordingReactor(), SETSID)
    with pytest.raises(ValueError, match=option):
        spawner.spawnProcess(ProcessProtocol(), "/bin/sh", ["sh"], **{option: value})


@pytest.mark.parametrize("wanted", [True, (1, 2)])
def test_the_fallback_has_no_terminals_and_says_so(wanted: Any) -> None:
    reactor = RecordingReactor()
    spawner = LaunchedSpawner(reactor, SETSID)
    with pytest.raises(OSError, match="terminal"):
        spawner.spawnProcess(ProcessProtocol(), "/bin/sh", ["sh"], usePTY=wanted)
    assert reactor.asked == []
