"""What the kernel is asked to hold, and what is said where it cannot."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import Any

import attrs
import pytest

from commander.errors import StartError
from commander.execution import landlock, sandbox
from commander.execution.executables import Executables
from commander.execution.landlock import WRITING, Right, known_rights, landlock_version
from commander.execution.outside import Outside
from commander.execution.sandbox import NO_SANDBOX, Plan, make_plan, open_sandbox

HELD = Executables(files={"/bin/sh": (1, 1), "/bin/ls": (1, 2)}, programs=2)
OPEN = attrs.evolve(HELD, opened_by=("make", "npm test"))
LISTED = Plan(executables=HELD, version=7)
ROOMED = Plan(workspace=("/srv/work",), scratch=("/tmp",), version=7)
BOTH = attrs.evolve(ROOMED, executables=HELD)


class FakeRuleset:
    """Keeps what it is told; one in a process."""

    made: list[FakeRuleset]
    refuses: str
    """The step at which the kernel says no."""

    def __init__(self, handled: Right) -> None:
        self.handled = handled
        self.rules: dict[str, Right] = {}
        self.threads: list[str] = []
        self.closed = 0
        FakeRuleset.made.append(self)
        self._step("create")

    def allow(self, path: str, rights: Right) -> None:
        self._step("allow")
        if path == "/dev/full":
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        self.rules[path] = rights

    def restrict(self) -> None:
        self.threads.append(threading.current_thread().name)
        self._step("restrict")

    def close(self) -> None:
        self.closed += 1

    def _step(self, step: str) -> None:
        if step == FakeRuleset.refuses:
            raise PermissionError(errno.EPERM, "Operation not permitted")


@pytest.fixture(autouse=True)
def pretend_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeRuleset.made, FakeRuleset.refuses = [], ""
    monkeypatch.setattr(sandbox, "Ruleset", FakeRuleset)


def refusal(plan: Plan) -> str:
    """Why a server with this plan does not start when it requires it."""
    with pytest.raises(StartError) as raised:
        open_sandbox(attrs.evolve(plan, mode="require"))
    return str(raised.value)


# --- the rules -----------------------------------------------------------------


def test_an_allow_list_handles_executing_and_nothing_else() -> None:
    opened = open_sandbox(LISTED)
    (ruleset,) = FakeRuleset.made
    assert ruleset.handled == Right.EXECUTE | Right.REFER
    assert ruleset.rules == {
        "/": Right.REFER,
        "/bin/sh": Right.EXECUTE,
        "/bin/ls": Right.EXECUTE,
    }
    assert (opened.executables, opened.writable) == (HELD, ())
    assert opened.described == {
        "execute": "2 programs",
        "write": "anywhere: MCP_WORKSPACE is not set",
    }


def test_a_workspace_handles_writing_and_nothing_else() -> None:
    opened = open_sandbox(ROOMED)
    (ruleset,) = FakeRuleset.made
    assert ruleset.handled == WRITING | Right.REFER
    below = ruleset.rules["/srv/work"]
    assert ruleset.rules["/tmp"] == below
    assert Right.MAKE_REG | Right.TRUNCATE | Right.REFER in below
    assert not below & (Right.MAKE_BLOCK | Right.MAKE_CHAR | Right.EXECUTE)
    assert ruleset.rules["/dev/null"] == Right.WRITE_FILE | Right.TRUNCATE
    assert "/" not in ruleset.rules
    assert (opened.executables, opened.writable) == (None, ("/srv/work", "/tmp"))
    assert opened.described == {
        "execute": "anything: there is no allow-list",
        "write": "/srv/work, /tmp",
    }


def test_both_are_one_set_of_rules_and_a_root_is_no_place_for_programs() -> None:
    open_sandbox(BOTH)
    (ruleset,) = FakeRuleset.made
    assert ruleset.handled == WRITING | Right.REFER | Right.EXECUTE
    assert Right.EXECUTE not in ruleset.rules["/srv/work"]
    assert ruleset.rules["/bin/ls"] == Right.EXECUTE


def test_an_open_list_leaves_the_workspace_held() -> None:
    opened = open_sandbox(attrs.evolve(BOTH, executables=OPEN))
    (ruleset,) = FakeRuleset.made
    assert not ruleset.handled & Right.EXECUTE
    assert opened.executables is None
    assert opened.described["execute"] == "open: make, npm test"


@pytest.mark.parametrize(
    ("version", "lacks"),
    [(1, Right.REFER | Right.TRUNCATE), (2, Right.TRUNCATE), (3, Right(0))],
)
def test_only_rights_that_the_kernel_knows_are_handled(
    version: int, lacks: Right
) -> None:
    opened = open_sandbox(attrs.evolve(BOTH, version=version))
    (ruleset,) = FakeRuleset.made
    assert ruleset.handled == (WRITING | Right.REFER | Right.EXECUTE) & ~lacks
    assert ("truncated" in opened.described["write"]) == (Right.TRUNCATE in lacks)


def test_the_rights_are_those_of_the_kernels_header() -> None:
    assert known_rights(1) == 0x1FF3  # but for reading, which stays free
    assert known_rights(2) == 0x3FF3
    assert known_rights(7) == 0x7FF3


def test_many_programs_in_one_file_are_told() -> None:
    busybox = attrs.evolve(HELD, many_in_one=("/bin/busybox",))
    opened = open_sandbox(attrs.evolve(LISTED, executables=busybox))
    assert opened.described["execute"] == "2 programs, and all that /bin/busybox holds"
    assert "/bin/busybox" in refusal(attrs.evolve(LISTED, executables=busybox))


# --- being in force ------------------------------------------------------------


def test_the_rules_are_tried_in_a_thread_of_their_own() -> None:
    opened = open_sandbox(LISTED)
    (ruleset,) = FakeRuleset.made
    assert ruleset.threads == ["sandbox-trial"]
    opened.restrict()
    assert ruleset.threads == ["sandbox-trial", threading.current_thread().name]
    opened.close()
    assert ruleset.closed == 1


def test_a_thread_that_cannot_be_restricted_ends_the_start() -> None:
    opened = open_sandbox(LISTED)
    FakeRuleset.refuses = "restrict"
    with pytest.raises(StartError, match=r"MCP_SANDBOX.*not permitted"):
        opened.restrict()


@pytest.mark.parametrize("step", ["create", "allow", "restrict"])
def test_a_kernel_that_refuses_is_told_or_ends_the_start(step: str) -> None:
    FakeRuleset.refuses = step
    opened = open_sandbox(BOTH)
    assert opened.ruleset is None
    why = "not held: the kernel refused the rules: Operation not permitted"
    assert opened.described == {"execute": why, "write": why}
    assert step == "create" or FakeRuleset.made[0].closed == 1
    assert "refused the rules" in refusal(BOTH)
    opened.restrict()
    opened.close()


# --- what is demanded ----------------------------------------------------------


def test_without_landlock_nothing_is_held_and_that_is_said() -> None:
    bare = attrs.evolve(BOTH, version="this kernel has no Landlock")
    opened = open_sandbox(bare)
    assert FakeRuleset.made == []
    assert opened.described["execute"] == "not held: this kernel has no Landlock"
    assert opened.described["write"] == "not held: this kernel has no Landlock"
    assert refusal(bare) == (
        'MCP_SANDBOX="require" cannot be met: this kernel has no Landlock'
    )


def test_require_names_the_entries_that_open_the_list() -> None:
    words = refusal(attrs.evolve(BOTH, executables=OPEN))
    assert words.endswith("be anything: make, npm test")


def test_require_wants_something_to_hold() -> None:
    assert "nothing to hold" in refusal(Plan(version=7))


@pytest.mark.parametrize("plan", [LISTED, ROOMED, BOTH])
def test_require_is_content_with_what_is_held(plan: Plan) -> None:
    assert open_sandbox(attrs.evolve(plan, mode="require")).ruleset is not None


def test_with_nothing_to_hold_auto_holds_nothing() -> None:
    opened = open_sandbox(Plan(version=7))
    assert (opened.ruleset, FakeRuleset.made) == (None, [])
    assert opened.described["execute"].startswith("anything")


def test_off_is_off() -> None:
    plan = plan_of(mode="off", entries=("ls",), workspace=("/",))
    assert plan == Plan(mode="off")
    opened = open_sandbox(attrs.evolve(BOTH, mode="off"))
    assert FakeRuleset.made == []
    assert opened.described == {"state": "off by MCP_SANDBOX"}


def test_no_sandbox_does_nothing() -> None:
    NO_SANDBOX.restrict()
    NO_SANDBOX.close()
    assert NO_SANDBOX.described == {}


# --- the plan ------------------------------------------------------------------


def plan_of(**options: Any) -> Plan:
    fields: dict[str, Any] = {
        "mode": "auto",
        "entries": (),
        "workspace": (),
        "in_front": ("/bin/sh",),
        "environment": {"PATH": "/usr/bin:/bin"},
    }
    return make_plan(**(fields | options))


def test_a_plan_without_an_allow_list_looks_for_no_program() -> None:
    plan = plan_of()
    assert (plan.executables, plan.workspace, plan.scratch) == (None, (), ())
    assert plan.version == landlock_version()


def test_a_plan_tells_what_is_not_there() -> None:
    plan = plan_of(entries=("ls", "no-such-program"))
    assert plan.holds_execute
    assert plan.described()["not_found"] == "no-such-program"


def test_roots_are_resolved_and_temporary_files_have_their_place(
    tmp_path: Path,
) -> None:
    real, scratch = tmp_path / "real", tmp_path / "scratch"
    real.mkdir()
    scratch.mkdir()
    (tmp_path / "link").symlink_to(real)
    environment = {"PATH": "/bin", "TMPDIR": str(scratch)}
    roots = (str(tmp_path / "link"), str(real))
    plan = plan_of(workspace=roots, environment=environment)
    assert plan.workspace == (str(real),)
    assert str(scratch) in plan.scratch
    assert "/tmp" in plan.scratch
    gone = plan_of(
        workspace=roots, environment={"PATH": "/bin", "TMPDIR": f"{tmp_path}/gone"}
    )
    assert f"{tmp_path}/gone" not in gone.scratch


# --- the kernel's answers ------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSYS, "this kernel has no Landlock"),
        (errno.EOPNOTSUPP, "not enabled"),
        (errno.EPERM, "seccomp"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_why_there_is_no_landlock_is_told(
    monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def refuse(*arguments: object) -> int:
        raise OSError(number, "Input/output error")

    monkeypatch.setattr(landlock, "_call", refuse)
    assert words in str(landlock_version())


def test_there_is_none_on_other_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other:
        sysname = "FreeBSD"

    monkeypatch.setattr(os, "uname", Other)
    assert landlock_version() == "this is not Linux"


# --- the thread outside --------------------------------------------------------


def test_errands_are_done_in_another_thread_and_their_problems_come_back() -> None:
    outside = Outside()
    names: list[str] = []
    outside.start()
    outside.do(lambda: names.append(threading.current_thread().name))
    assert names == ["outside"]

    def fail() -> None:
        raise PermissionError(errno.EPERM, "no limit can be set")

    with pytest.raises(PermissionError, match="no limit"):
        outside.do(fail)
    outside.do(lambda: names.append("again"))
    assert names == ["outside", "again"]
    outside.stop()


def test_no_errand_is_taken_before_the_start_or_after_the_stop() -> None:
    outside = Outside()
    with pytest.raises(OSError, match="does not run"):
        outside.do(lambda: None)
    outside.start()
    outside.stop()
    outside.stop()
    with pytest.raises(OSError, match="does not run"):
        outside.do(lambda: None)
