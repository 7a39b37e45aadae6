"""Who a user is, and how a command comes to be that user's.

What a process of that user can do is looked at in ``tests/process``.
"""

from __future__ import annotations

import io
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.errors import StartError
from commander.execution import run_as
from commander.execution.limits import ResourceLimit
from commander.execution.run_as import RunAs, User, find_run_as, find_user

ENTRY = pwd.struct_passwd(("agent", "x", 1234, 56, "", "/home/agent", "/bin/sh"))
AGENT = User(
    uid=1234, gid=56, groups=frozenset({56, 7}), name="agent", home="/home/agent"
)
LAUNCHER = RunAs(user=AGENT, prlimit="/bin/prlimit", setpriv="/bin/setpriv")
IDENTIFIER = r"[A-Za-z_][A-Za-z_0-9]*"
SHELL = ("/bin/sh", "-c", "true")


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with root and the user agent."""

    def by_number(uid: int) -> pwd.struct_passwd:
        if uid == 0:
            return pwd.struct_passwd(("root", "x", 0, 0, "", "/root", "/bin/sh"))
        if uid != ENTRY.pw_uid:
            raise KeyError(uid)
        return ENTRY

    def by_name(name: str) -> pwd.struct_passwd:
        return by_number({"root": 0, "agent": 1234}.get(name, -1))

    monkeypatch.setattr(pwd, "getpwuid", by_number)
    monkeypatch.setattr(pwd, "getpwnam", by_name)
    monkeypatch.setattr(os, "getgrouplist", lambda name, gid: [gid, 7])
    monkeypatch.setattr(os, "geteuid", lambda: 4321)


# --- who it is -----------------------------------------------------------------


@pytest.mark.parametrize("text", ["agent", "1234"])
def test_a_user_of_the_machine_brings_its_groups_and_its_home(text: str) -> None:
    assert find_user(text) == AGENT
    assert AGENT.environment == {
        "HOME": "/home/agent",
        "USER": "agent",
        "LOGNAME": "agent",
    }


def test_a_number_with_a_group_has_just_that_group() -> None:
    user = find_user("1234:99")
    assert (user.gid, user.groups) == (99, frozenset({99}))
    assert user.name == "agent"


def test_a_number_that_has_no_name_has_the_root_directory_for_a_home() -> None:
    user = find_user("77:88")
    assert user == User(uid=77, gid=88, groups=frozenset({88}))
    assert user.environment == {"HOME": "/", "USER": "77", "LOGNAME": "77"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nemo", "no such user"),
        ("77", "77:100"),
        ("root", "it is root"),
        ("0", "it is root"),
        ("0:5", "it is root"),
        ("4321:5", "the server's own user"),
    ],
)
def test_what_is_no_other_user_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        find_user(text)


# --- how it is started ---------------------------------------------------------


def test_limits_and_tag_are_set_before_the_user_changes() -> None:
    limit = ResourceLimit(setting="S", option="cpu", resource=0, soft=5, hard=6)
    arguments, env = LAUNCHER.start(SHELL, env={}, tag=9, limits=[limit])
    assert arguments == (
        "/bin/prlimit",
        "--cpu=5:6",
        "--locks=9:9",
        "/bin/setpriv",
        "--reuid=1234",
        "--regid=56",
        "--groups=7,56",
        "--inh-caps=-all",
        "--ambient-caps=-all",
        *SHELL,
    )
    assert env == {}


@given(
    st.dictionaries(
        st.one_of(st.text(), st.sampled_from(["LD_PRELOAD", "PATH", "COMMANDER_RUN"])),
        st.text(),
    )
)
def test_programs_with_the_servers_rights_see_no_name_that_the_caller_chose(
    env: dict[str, str],
) -> None:
    _, variables = LAUNCHER.start(SHELL, env=env, tag=9)
    assert sorted(variables.values()) == sorted(env.values())
    for name in variables:
        assert name.startswith("COMMANDER_") or not re.fullmatch(IDENTIFIER, name)


@pytest.mark.process
def test_the_command_sees_them_as_the_caller_wrote_them() -> None:
    env = {
        "LD_DEBUG_OUTPUT": "/x",
        "A": 'it\'s "$HOME" `id` \\ \n two',
        "EMPTY": "",
        "COMMANDER_RUN": "fake",
    }
    arguments, variables = LAUNCHER.start(("/usr/bin/env", "-0"), env=env, tag=9)
    # The shell that renames, without the programs before it.
    renaming = arguments[arguments.index("--ambient-caps=-all") + 1 :]
    done = subprocess.run(
        renaming, env={**variables, "KEPT": "1"}, capture_output=True, check=True
    )
    seen = dict(one.split("=", 1) for one in done.stdout.decode().split("\0") if one)
    seen.pop("PWD", None)
    assert seen == {**env, "KEPT": "1"}


# --- where it may work ---------------------------------------------------------


def directory(path: Path, mode: int) -> Path:
    path.mkdir()
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("uid", "gid", "mode", "enters"),
    [
        ("own", "own", 0o100, True),
        ("own", "own", 0o011, False),
        ("other", "own", 0o010, True),
        ("other", "own", 0o101, False),
        ("other", "other", 0o001, True),
        ("other", "other", 0o110, False),
    ],
)
def test_the_first_class_of_bits_that_fits_decides(
    tmp_path: Path, uid: str, gid: str, mode: int, enters: bool
) -> None:
    path = tmp_path / "d"
    path.mkdir()
    owner = path.stat()
    user = User(
        uid=owner.st_uid + (uid == "other"),
        gid=0,
        groups=frozenset({owner.st_gid + (gid == "other")}),
    )
    path.chmod(mode)
    assert user.may_enter(path) == enters
    path.chmod(0o700)


def test_a_parent_that_is_closed_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    closed = tmp_path / "closed"
    inner = closed / "inner"
    inner.mkdir(parents=True)
    link = tmp_path / "link"
    link.symlink_to(inner)
    real = os.path.realpath(closed)
    monkeypatch.setattr(User, "may_enter", lambda self, path: str(path) != real)
    assert AGENT.directory_problem(str(tmp_path)) is None
    for way in (inner, link, link / ".." / "inner"):
        assert AGENT.directory_problem(str(way)) == (
            f"working directory may not be entered by agent: {real}"
        )


def test_where_bits_are_not_all_the_kernel_decides(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stranger = User(uid=2**31 - 7, gid=2**31 - 7, groups=frozenset())
    closed = directory(tmp_path / "closed", 0o700)
    assert not stranger.may_enter(closed)
    monkeypatch.setattr(os, "listxattr", lambda path: ["system.posix_acl_access"])
    assert stranger.may_enter(closed)


def test_a_directory_that_is_gone_is_left_to_the_kernel(tmp_path: Path) -> None:
    assert AGENT.may_enter(tmp_path / "gone")


# --- trying it -----------------------------------------------------------------

STATUS = """\
Name:\tcat
Uid:\t1234\t1234\t1234\t1234
Gid:\t56\t56\t56\t56
Groups:\t7 56
CapInh:\t0000000000000000
CapPrm:\t0000000000000000
CapEff:\t0000000000000000
CapBnd:\t000001ffffffffff
CapAmb:\t0000000000000000
"""


class Probe:
    """A process that says what a test wants."""

    status = STATUS
    said = b""
    killable = True
    arguments: Sequence[str] = ()

    def __init__(self, arguments: Sequence[str], **options: object) -> None:
        type(self).arguments = arguments
        self.stdout = io.BytesIO()

    def __enter__(self) -> Probe:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def kill(self) -> None:
        if not self.killable:
            raise PermissionError(1, "Operation not permitted")

    def communicate(self, timeout: float) -> tuple[bytes, bytes]:
        return b"", self.said


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> type[Probe]:
    class Fresh(Probe):
        pass

    monkeypatch.setattr(subprocess, "Popen", Fresh)
    monkeypatch.setattr(run_as, "_first_words", lambda stream: Fresh.status)
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    return Fresh


def refusal(text: str = "agent", **arguments: Any) -> str:
    with pytest.raises(StartError) as caught:
        find_run_as(text, **arguments)
    return str(caught.value)


def test_a_user_that_a_process_can_become_is_found(probe: type[Probe]) -> None:
    assert find_run_as("agent") == LAUNCHER
    assert probe.arguments[-3:] == ("/bin/cat", "/proc/self/status", "-")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (STATUS, "", "did not start"),
        ("Uid:\t1234", "Uid:\t0", "server's user"),
        ("Gid:\t56", "Gid:\t0", "server's group"),
        ("Groups:\t7 56", "Groups:\t0 7 56", "server's groups"),
        ("CapEff:\t00", "CapEff:\t01", "capabilities"),
        ("CapAmb:\t00", "CapAmb:\t01", "capabilities"),
    ],
)
def test_a_process_that_is_more_than_the_user_keeps_the_server_from_starting(
    probe: type[Probe], old: str, new: str, why: str
) -> None:
    probe.status = STATUS.replace(old, new)
    told = refusal()
    assert told.startswith('MCP_RUN_AS="agent" cannot be used: ')
    assert why in told
    assert "CAP_KILL" in told


def test_what_the_program_said_is_told(probe: type[Probe]) -> None:
    probe.status, probe.said = "", b"setpriv: setresuid failed:\n not permitted\n"
    assert "used: setpriv: setresuid failed: not permitted; the server" in refusal()


def test_a_user_whose_processes_cannot_be_killed_is_refused(
    probe: type[Probe],
) -> None:
    probe.killable = False
    assert "cannot be killed" in refusal()


def test_a_user_who_cannot_enter_the_directory_is_refused(
    probe: type[Probe], tmp_path: Path
) -> None:
    closed = directory(tmp_path / "closed", 0o600)
    assert "may not be entered by agent" in refusal(directory=str(closed))


def test_a_machine_without_the_programs_is_told(
    probe: type[Probe], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert "it takes the program prlimit" in refusal()


def test_a_program_that_cannot_be_started_is_told(
    probe: type[Probe], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    assert refusal() == (
        'MCP_RUN_AS="agent" cannot be used: Resource temporarily unavailable'
    )


def test_words_are_read_until_the_process_ends() -> None:
    assert run_as._first_words(None) == ""
    with subprocess.Popen(["echo", "hello"], stdout=subprocess.PIPE) as process:
        assert run_as._first_words(process.stdout) == "hello\n"
    with subprocess.Popen(["true"], stdout=subprocess.PIPE) as process:
        assert run_as._first_words(process.stdout) == ""
