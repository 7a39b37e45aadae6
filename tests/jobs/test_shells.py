"""Shells: what one command leaves is where the next one starts, within bounds."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest

from commander.commands import CommandRequest, Stdin, Trace
from commander.execution.shell_state import ShellState
from commander.jobs.handles import JOB_PREFIX, SHELL_PREFIX
from commander.jobs.job import Job, JobKind, JobPhase
from commander.jobs.shells import (
    MAX_DIRECTORY_BYTES,
    MAX_SHELLS,
    MAX_VARIABLE_BYTES,
    MAX_VARIABLES,
    Shell,
    ShellBusy,
    ShellRules,
    Shells,
    ShellsFull,
)
from commander.jobs.table import Missing
from commander.policy.checker import PolicyChecker
from commander.policy.lists import PolicyLists
from tests.jobs.kit import ANN, BOB, Stage

TRACE = Trace(trace_id="a" * 32, parent=f"00-{'a' * 32}-{'b' * 16}-01", state="x=1")


class Kit:
    """Shells over a stage; the policy keeps what does not begin with ``NO``."""

    def __init__(self, *, slots: int = 100) -> None:
        self.stage = Stage(slots=slots)
        self.asked: list[str] = []
        self.policy: Callable[[str, str | None], bool] = lambda name, _: (
            name[:2] != "NO"
        )
        self.shells = Shells(
            handles=self.stage.handles,
            host=self.stage.host,
            rules=ShellRules(
                inherited=lambda: self.stage.executor.inherited, keeps=self.keeps
            ),
        )
        self.shell = self.open()

    def keeps(self, name: str, value: str | None) -> bool:
        self.asked.append(name)
        return self.policy(name, value)

    def open(self, *, idle_seconds: float = 60.0, tty: bool = False) -> Shell:
        shell = self.shells.open(
            ANN, directory="/usr", env={"A": "1"}, tty=tty, idle_seconds=idle_seconds
        )
        assert isinstance(shell, Shell)
        return shell

    def begin(
        self,
        *,
        directory: str | None = None,
        env: dict[str, str] | None = None,
        trace: Trace | None = None,
    ) -> Job:
        request = CommandRequest(
            command="make",
            working_directory=directory,
            timeout_seconds=600.0,
            env=env or {},
            trace=trace,
        )
        return self.shell.begin(request, JobKind(label="step"))

    def end(
        self,
        *,
        directory: str = "/usr",
        exports: dict[str, str] | None = None,
        others: dict[str, str] | None = None,
        unset: tuple[str, ...] = (),
    ) -> None:
        """The command ends, and its shell tells of these, and what it inherited."""
        inherited = {
            name: value
            for name, value in self.stage.executor.inherited.items()
            if name not in unset
        }
        told = [
            f"export {name}='{value}'\n"
            for name, value in {**inherited, **(exports or {})}.items()
        ]
        plain = [f"{name}='{value}'\n" for name, value in (others or {}).items()]
        self.tell("\0".join((directory, "".join(told), "".join(plain), "")))
        self.stage.process.exit()

    def tell(self, text: str) -> None:
        self.stage.process.emit(3, text.encode("utf-8", "surrogateescape"))

    @property
    def text(self) -> str:
        """What the shell of the last command was given."""
        return self.stage.process.arguments[-1]

    @property
    def env(self) -> dict[str, str]:
        """What the last command was given beside what all get."""
        inherited = self.stage.executor.inherited
        return {
            name: value
            for name, value in self.stage.process.env.items()
            if name not in inherited and not name.startswith("COMMANDER_")
        }


@pytest.fixture
def kit() -> Kit:
    return Kit()


# --- from one command to the next ----------------------------------------------------


def test_the_first_command_starts_where_the_shell_was_opened(kit: Kit) -> None:
    job = kit.begin()
    assert kit.stage.process.directory == "/usr"
    assert kit.env == {"A": "1"}
    assert job.principal == ANN
    assert job.kind.label == "step"
    assert kit.text.startswith("trap ")


def test_the_next_command_has_its_directory_and_variables(kit: Kit) -> None:
    kit.begin()
    kit.end(
        directory="/usr/lib", exports={"B": "2"}, others={"C": "3"}, unset=("HOME",)
    )
    assert kit.shell.directory == "/usr/lib"
    assert kit.shell.dropped == ()
    kit.begin()
    assert kit.stage.process.directory == "/usr/lib"
    assert kit.env == {"B": "2"}
    assert kit.text.startswith("unset HOME; C='3'; trap ")


def test_a_calls_directory_counts_from_the_shells(kit: Kit) -> None:
    kit.begin(directory="lib")
    assert kit.stage.process.directory == "/usr/lib"
    kit.end(directory="/usr/lib")
    kit.begin(directory="/")
    assert kit.stage.process.directory == "/"


def test_a_calls_variables_are_set_over_the_shells_and_exported(kit: Kit) -> None:
    kit.begin()
    kit.end(exports={"B": "2"}, others={"C": "3", "D": "4"}, unset=("HOME",))
    kit.begin(env={"B": "b", "C": "c", "HOME": "/h"})
    assert kit.env == {"B": "b", "C": "c"}
    assert kit.stage.process.env["HOME"] == "/h"
    assert kit.text.startswith("D='4'; trap ")


@pytest.mark.parametrize("told", ["", "/tm", "/tmp\0\0", "lib\0\0\0", "\0" * 10])
def test_without_a_whole_report_all_stays_as_it_was(kit: Kit, told: str) -> None:
    kit.begin()
    kit.end(directory="/usr/lib", exports={"B": "2"})
    kit.begin(env={"B": "3"})
    kit.tell(told)
    kit.stage.process.exit()
    assert kit.shell.directory == "/usr/lib"
    kit.begin()
    assert kit.env == {"B": "2"}


def test_a_report_that_is_too_long_counts_for_nothing(kit: Kit) -> None:
    kit.begin()
    kit.tell("/tmp\0\0" + "x" * 300_000 + "\0")
    kit.stage.process.exit()
    assert kit.shell.directory == "/usr"


def test_a_trace_is_of_one_call_and_no_state(kit: Kit) -> None:
    kit.begin(trace=TRACE)
    assert kit.env["TRACEPARENT"] == TRACE.parent
    kit.end(exports=kit.env)
    kit.begin()
    assert kit.env == {"A": "1"}
    other = attrs.evolve(TRACE, parent=f"00-{'c' * 32}-{'d' * 16}-01")
    kit.stage.process.exit()
    kit.begin(trace=other)
    assert kit.env["TRACEPARENT"] == other.parent


def test_a_trace_that_the_shell_itself_sets_is_kept(kit: Kit) -> None:
    kit.begin()
    kit.end(exports={"TRACEPARENT": "mine"})
    kit.begin(trace=TRACE)
    assert kit.env == {"TRACEPARENT": "mine"}


# --- bounds --------------------------------------------------------------------------


def test_what_the_policy_does_not_let_a_call_set_is_dropped_and_told(kit: Kit) -> None:
    kit.begin()
    kit.end(exports={"B": "2", "NO_B": "x"}, others={"C": "3", "NO_C": "x"})
    assert set(kit.shell.dropped) == {"NO_B", "NO_C"}
    kit.begin()
    assert kit.env == {"B": "2"}
    assert kit.text.startswith("C='3'; trap ")


def test_a_large_variable_costs_itself_alone(kit: Kit) -> None:
    kit.begin()
    large = "x" * MAX_VARIABLE_BYTES
    kit.end(exports={"BIG": large, "B": "2"}, others={"BIG2": large, "C": "3"})
    assert set(kit.shell.dropped) == {"BIG", "BIG2"}
    kit.begin()
    assert kit.env == {"B": "2"}
    assert kit.shell.dropped == ()


def test_bytes_count_and_not_characters(kit: Kit) -> None:
    kit.begin()
    kit.end(exports={"B": "é" * (MAX_VARIABLE_BYTES // 2 + 1)})
    assert kit.shell.dropped == ("B",)
    kit.begin()
    kit.end(exports={"B": "x" * (MAX_VARIABLE_BYTES - 2), "C": "", "D": ""})
    assert kit.shell.dropped == ("D",)


def test_of_many_variables_the_exported_are_kept_and_the_others_not_looked_at(
    kit: Kit,
) -> None:
    kit.begin()
    kit.end(
        exports={"B": "2"},
        others={f"V{number}": "" for number in range(MAX_VARIABLES + 10)},
    )
    assert len(kit.shell.dropped) == 11
    assert len(kit.asked) == MAX_VARIABLES
    kit.begin()
    assert kit.env == {"B": "2"}


@pytest.mark.parametrize(
    "directory", ["/\udcff", "/" + "x" * MAX_DIRECTORY_BYTES, "/" + "é" * 2048]
)
def test_a_directory_that_nobody_could_name_is_not_followed(
    kit: Kit, directory: str
) -> None:
    kit.begin()
    kit.end(directory=directory, exports={"B": "2"})
    assert kit.shell.directory == "/usr"
    assert kit.shell.dropped == ("PWD",)
    kit.begin()
    assert kit.env == {"B": "2"}


def test_what_no_call_could_set_does_not_hold_the_next_command_up(kit: Kit) -> None:
    kit.policy = kit.stage.checker.allows_variable
    kit.begin()
    kit.end(exports={"B": "\udcff", "C": "3"})
    assert set(kit.shell.dropped) == {"B"}
    kit.begin()
    assert kit.env == {"C": "3"}


def test_a_forged_report_takes_no_variable_away_that_steers_programs(kit: Kit) -> None:
    kit.policy = PolicyChecker(
        PolicyLists(
            allowed=("make",),
            blocked=(),
            use_default_blocklist=True,
            allowed_env=("HOME",),
        )
    ).allows_variable
    kit.begin()
    kit.tell("/tmp\0\0\0")
    kit.stage.process.exit()
    assert {"PATH", "GIT_PAGER"} <= set(kit.shell.dropped)
    kit.begin()
    words = kit.text.partition("trap ")[0].split("; ")
    assert "unset HOME" in words
    assert "unset PATH" not in words
    assert "unset GIT_PAGER" not in words


# --- one at a time -------------------------------------------------------------------


def now(kit: Kit) -> tuple[Job | None, ShellBusy | None]:
    return kit.shell.running, kit.shell.busy


def test_a_shell_is_busy_from_the_start_of_a_command_to_its_end() -> None:
    kit = Kit(slots=1)
    kit.stage.started()
    job = kit.begin()
    assert job.phase is JobPhase.QUEUED
    job.handle = "job_1"
    assert now(kit) == (job, ShellBusy("job_1", 0.0))
    kit.stage.process.exit()
    kit.stage.reactor.advance(2.0)
    assert now(kit) == (job, ShellBusy("job_1", 2.0))
    kit.stage.process.exit()
    assert now(kit) == (None, None)


def test_a_command_that_was_refused_leaves_the_shell_as_it_was(kit: Kit) -> None:
    request = CommandRequest(command="reboot", timeout_seconds=1.0, env={"A": "2"})
    assert kit.shell.begin(request, JobKind()).finished
    assert kit.shell.busy is None
    kit.begin()
    assert kit.env == {"A": "1"}


def test_a_shell_in_a_terminal_says_so(kit: Kit) -> None:
    assert kit.open(tty=True).tty
    assert not kit.shell.tty


def test_a_state_is_of_one_command(kit: Kit) -> None:
    job = kit.begin()
    assert job.kind.shell_state == ShellState()
    assert job.request.stdin is Stdin.EMPTY


# --- their handles -------------------------------------------------------------------


def test_a_shell_is_found_by_its_handle_and_its_principal_together(kit: Kit) -> None:
    handle = kit.shell.handle
    assert handle.startswith(SHELL_PREFIX)
    assert kit.shells.find(handle, ANN) is kit.shell
    assert kit.shells.find(handle, BOB) == Missing("unknown")
    assert kit.shells.find("shell_x", ANN) == Missing("unknown")
    job = kit.stage.handles.issue(JOB_PREFIX, ANN)
    assert kit.shells.find(job, ANN) == Missing("unknown")


def test_a_shell_that_was_ended_has_expired_and_what_runs_in_it_goes_on(
    kit: Kit,
) -> None:
    job = kit.begin()
    kit.shells.end(kit.shell)
    kit.shells.end(kit.shell)
    assert kit.shells.find(kit.shell.handle, ANN) == Missing("expired")
    assert job.phase is JobPhase.RUNNING
    kit.end()
    assert job.finished
    assert kit.stage.timers == []


def test_one_principal_has_so_many_and_no_more(kit: Kit) -> None:
    for _ in range(MAX_SHELLS - 1):
        kit.open()
    full = kit.shells.open(ANN, directory="/", env={}, tty=False, idle_seconds=1.0)
    assert full == ShellsFull(MAX_SHELLS)
    other = kit.shells.open(BOB, directory="/", env={}, tty=False, idle_seconds=1.0)
    assert isinstance(other, Shell)
    kit.shells.end(kit.shell)
    kit.open()


# --- their time ----------------------------------------------------------------------


def is_open(kit: Kit, shell: Shell) -> bool:
    return kit.shells.find(shell.handle, ANN) is shell


def test_a_shell_that_is_not_used_is_forgotten_in_time(kit: Kit) -> None:
    short = kit.open(idle_seconds=10.0)
    kit.stage.pump(9.9, 0.1)
    assert is_open(kit, short)
    kit.stage.pump(0.2)
    assert not is_open(kit, short)
    assert is_open(kit, kit.shell)
    kit.stage.pump(60.0, 1.0)
    assert not is_open(kit, kit.shell)
    assert kit.stage.timers == []


def test_the_time_counts_from_the_end_of_the_last_command(kit: Kit) -> None:
    kit.stage.reactor.advance(50.0)
    kit.begin()
    kit.stage.pump(100.0, 1.0)
    assert is_open(kit, kit.shell)
    kit.end()
    kit.stage.pump(59.0, 1.0)
    assert is_open(kit, kit.shell)
    kit.stage.pump(2.0, 1.0)
    assert not is_open(kit, kit.shell)


def test_nothing_is_left_when_all_are_closed(kit: Kit) -> None:
    kit.shells.close()
    assert not is_open(kit, kit.shell)
    assert kit.stage.timers == []
