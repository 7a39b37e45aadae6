"""From a request to what became of it, with its audit."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from typing import cast

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from commander.cancellation import Cancellation
from commander.commands import (
    Busy,
    Cancelled,
    CommandRequest,
    EndedBy,
    Outcome,
    StartFailed,
)
from commander.execution.admission import Admission
from commander.execution.executables import Executables
from commander.execution.executor import Executor, Start
from commander.execution.landlock import Ruleset
from commander.execution.refusals import Refusals
from commander.execution.report import Receiver
from commander.execution.runner import (
    Aside,
    CommandRunner,
    Verdict,
    new_command_id,
)
from commander.execution.running import RunningCommand
from commander.execution.sandbox import Sandbox
from commander.policy.checker import Approved, Denied, PolicyChecker
from commander.policy.lists import PolicyLists
from commander.principals import Principal
from commander.testing import MemoryAudit, ProcessReactor

ANN = Principal("ann")


class Stage:
    """A runner on a reactor in memory, with one slot and one place to wait."""

    def __init__(self) -> None:
        self.reactor = ProcessReactor()
        self.audit = MemoryAudit()
        self.admission = Admission(
            clock=self.reactor,
            monotonic=self.reactor.seconds,
            max_concurrent=1,
            max_per_principal=1,
            max_queued=1,
            max_wait_seconds=30.0,
        )
        self.runner = self.make_runner()

    def make_runner(
        self, refusals: Refusals | None = None, **more: Aside
    ) -> CommandRunner:
        return CommandRunner(
            checker=PolicyChecker(
                PolicyLists(
                    allowed=(), blocked=(), use_default_blocklist=True, allowed_env=()
                )
            ),
            admission=self.admission,
            executor=self.executor(),
            audit=self.audit,
            refusals=refusals,
            **more,
        )

    def executor(self) -> Executor:
        return Executor(
            spawner=self.reactor,
            start=Start(
                shell="/bin/sh",
                shell_arg="-c",
                directory="/",
                environ={},
                stdin_descriptor=0,
            ),
            supervision=self.reactor.supervision(),
        )

    def run(
        self,
        command: str,
        directory: str | None = None,
        *,
        cancellation: Cancellation | None = None,
        started: Callable[[RunningCommand], None] | None = None,
        report: Receiver | None = None,
    ) -> list[object]:
        """Begin a command; the list gets what became of it."""
        ended: list[object] = []
        Deferred.fromCoroutine(
            self.runner.run(
                CommandRequest(
                    command=command, working_directory=directory, timeout_seconds=30.0
                ),
                ANN,
                cancellation=cancellation,
                started=started,
                report=report,
            )
        ).addBoth(ended.append)
        return ended

    def check(self, command: str, directory: str | None = None) -> list[Verdict]:
        """Ask for a decision; the list gets it."""
        verdicts: list[Verdict] = []
        Deferred.fromCoroutine(
            self.runner.check(
                CommandRequest(
                    command=command, working_directory=directory, timeout_seconds=30.0
                ),
                ANN,
            )
        ).addCallback(verdicts.append)
        return verdicts


class Elsewhere:
    """A place for long decisions that makes none before it is told to."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Callable[[], Verdict], Deferred[Verdict]]] = []

    def __call__(self, decide: Callable[[], Verdict]) -> Deferred[Verdict]:
        decided: Deferred[Verdict] = Deferred()
        self.waiting.append((decide, decided))
        return decided

    def decide(self) -> None:
        """Make the decision that has waited longest."""
        decide, decided = self.waiting.pop(0)
        decided.callback(decide())


QUICK = "true " + "x" * (2048 - len("true "))
LONG = f"{QUICK}x"


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_command_is_recorded_before_its_spawn_and_at_its_end(stage: Stage) -> None:
    seen_at_spawn: list[list[str]] = []
    stage.reactor.on_spawn = lambda process: seen_at_spawn.append(stage.audit.kinds)
    ended = stage.run("true", "usr")
    stage.reactor.processes[0].exit(0)
    assert seen_at_spawn == [["started"]]
    assert stage.audit.kinds == ["started", "ended"]
    first, last = stage.audit.entries
    assert first.command.id == last.command.id
    assert first.command.request.working_directory == "/usr"
    assert ended == [last.detail]


def test_a_denied_command_takes_no_slot_and_starts_nothing(stage: Stage) -> None:
    (denied,) = stage.run("reboot")
    assert isinstance(denied, Denied)
    assert stage.audit.kinds == ["refused"]
    assert stage.reactor.processes == []
    assert stage.admission.running == 0


def test_a_command_that_cannot_start_is_recorded_and_frees_its_slot(
    stage: Stage,
) -> None:
    (failed,) = stage.run("true", "/no/such/place")
    assert isinstance(failed, StartFailed)
    assert stage.audit.kinds == ["started", "failed"]
    assert stage.admission.running == 0


def test_the_next_command_starts_when_the_slot_is_free(stage: Stage) -> None:
    stage.run("first")
    second = stage.run("second")
    assert len(stage.reactor.processes) == 1
    stage.reactor.advance(3)
    stage.reactor.processes[0].exit(0)
    assert len(stage.reactor.processes) == 2
    stage.reactor.processes[1].exit(0)
    (outcome,) = second
    assert isinstance(outcome, Outcome)
    assert outcome.queued_seconds == 3
    assert outcome.duration_seconds == 0


def test_one_command_too_many_is_busy(stage: Stage) -> None:
    stage.run("first")
    stage.run("second")
    (busy,) = stage.run("third")
    assert isinstance(busy, Busy)
    assert stage.audit.kinds == ["started", "busy"]


def test_a_spawn_that_raises_frees_its_slot(stage: Stage) -> None:
    def broken(process: object) -> None:
        raise RuntimeError("our own fault")

    stage.reactor.on_spawn = broken
    failures: list[object] = []
    Deferred.fromCoroutine(
        stage.runner.run(CommandRequest(command="true", timeout_seconds=1.0), ANN)
    ).addErrback(failures.append)
    assert len(failures) == 1
    assert stage.admission.running == 0
    assert stage.audit.kinds == ["started", "failed"]


def test_an_outcome_is_the_same_in_the_answer_and_in_the_audit(stage: Stage) -> None:
    (ended,) = (stage.run("true"),)
    stage.reactor.processes[0].exit(signal_name="SIGINT")
    (outcome,) = ended
    assert outcome == stage.audit.entries[-1].detail
    assert attrs.asdict(stage.audit.entries[-1].command.request)["command"] == "true"
    assert isinstance(outcome, Outcome)
    assert outcome.ended_by is EndedBy.EXIT


def test_a_refusal_of_the_kernel_is_in_the_answer_and_in_the_audit(
    stage: Stage,
) -> None:
    sandbox = Sandbox(
        ruleset=cast("Ruleset", object()), executables=Executables(), writable=()
    )
    stage.runner = stage.make_runner(Refusals(sandbox, path="/bin"))
    ended = stage.run("true", "/")
    process = stage.reactor.processes[0]
    process.emit(2, b"sh: 1: /bin/sh: Permission denied\n")
    process.exit(126)
    (outcome,) = ended
    assert isinstance(outcome, Outcome)
    assert "MCP_SANDBOX" in (outcome.hint or "")
    assert outcome == stage.audit.entries[-1].detail


def test_command_ids_are_letters_and_differ() -> None:
    ids = {new_command_id() for _ in range(200)}
    assert len(ids) == 200
    assert all(re.fullmatch("[a-p]{16}", one) for one in ids)


def test_queued_commands_that_cannot_start_do_not_spoil_the_answer_before_them(
    stage: Stage,
) -> None:
    first = stage.run("first")
    queued = stage.run("second", "/no/such/place")
    stage.reactor.processes[0].exit(0)
    assert isinstance(first[0], Outcome)
    assert isinstance(queued[0], StartFailed)


def test_a_directory_is_resolved_before_the_policy_judges_what_it_means(
    stage: Stage,
) -> None:
    """The executor's own directory is the root here."""
    for directory in (None, ".", "usr/..", "/usr/.."):
        (denied,) = stage.run("rm -rf *", directory)
        assert isinstance(denied, Denied), directory
    assert stage.audit.entries[0].command.request.working_directory == "/"


# --- commands that nobody wants any more ---------------------------------------------


class Wish(Cancellation):
    """A cancellation that tells how many wait for it."""

    @property
    def waiting(self) -> int:
        return len(self._callbacks)


def test_a_cancelled_command_gets_term_then_kill_and_its_end_is_told(
    stage: Stage,
) -> None:
    wish = Wish()
    ended = stage.run("sleep 100", cancellation=wish)
    process = stage.reactor.processes[0]
    process.ignore("SIGTERM")
    process.emit(1, b"so far")
    stage.reactor.advance(2)
    wish.cancel()
    assert process.signals == [signal.SIGTERM]
    stage.reactor.advance(4.9)
    assert ended == []
    stage.reactor.advance(0.1)
    stage.reactor.advance(0)
    assert process.signals == [signal.SIGTERM, signal.SIGKILL]
    (outcome,) = ended
    assert isinstance(outcome, Outcome)
    assert outcome.ended_by is EndedBy.CANCELLED
    assert outcome.signal == "SIGKILL"
    assert outcome.stdout.head == b"so far"
    assert stage.audit.kinds == ["started", "ended"]
    assert stage.audit.entries[-1].detail == outcome
    assert stage.admission.running == 0
    assert stage.reactor.getDelayedCalls() == []


def test_the_slot_of_a_cancelled_command_is_taken_until_nothing_of_it_is_left(
    stage: Stage,
) -> None:
    wish = Wish()
    stage.run("sleep 100", cancellation=wish)
    stage.run("next")
    wish.cancel()
    assert len(stage.reactor.processes) == 1
    stage.reactor.advance(0)
    assert len(stage.reactor.processes) == 2


def test_a_cancelled_command_that_waits_gives_up_its_place_at_once(
    stage: Stage,
) -> None:
    wish = Wish()
    stage.run("first")
    ended = stage.run("second", cancellation=wish)
    stage.reactor.advance(3)
    wish.cancel()
    assert ended == [Cancelled(queued_seconds=3)]
    assert stage.audit.kinds == ["started", "cancelled"]
    assert stage.audit.entries[-1].detail == ended[0]
    assert stage.audit.entries[-1].command.request.command == "second"
    stage.run("third")
    stage.reactor.processes[0].exit(0)
    assert len(stage.reactor.processes) == 2
    assert stage.reactor.processes[1].arguments[-1] == "third"


def test_a_command_that_was_cancelled_before_is_not_started(stage: Stage) -> None:
    wish = Wish()
    wish.cancel()
    assert stage.run("true", cancellation=wish) == [Cancelled()]
    assert stage.audit.kinds == ["cancelled"]
    assert stage.reactor.processes == []
    assert stage.admission.running == 0


def test_a_command_that_is_cancelled_while_it_is_judged_is_not_started(
    stage: Stage,
) -> None:
    elsewhere = Elsewhere()
    stage.runner = stage.make_runner(aside=elsewhere)
    wish = Wish()
    ended = stage.run(LONG, cancellation=wish)
    refused = stage.run(f"reboot {LONG}", cancellation=wish)
    wish.cancel()
    elsewhere.decide()
    elsewhere.decide()
    assert ended == [Cancelled()]
    assert isinstance(refused[0], Denied)
    assert stage.audit.kinds == ["cancelled", "refused"]
    assert stage.reactor.processes == []


def test_a_command_that_is_cancelled_while_it_starts_ends_when_it_has_started(
    stage: Stage,
) -> None:
    stage.reactor.starts_late = True
    wish = Wish()
    ended = stage.run("sleep 100", cancellation=wish)
    wish.cancel()
    stage.reactor.advance(1)
    assert ended == []
    stage.reactor.start_late()
    stage.reactor.advance(0)
    (outcome,) = ended
    assert isinstance(outcome, Outcome)
    assert outcome.ended_by is EndedBy.CANCELLED
    assert stage.audit.kinds == ["started", "ended"]


def test_a_cancelled_start_that_takes_longer_than_the_grace_is_given_up(
    stage: Stage,
) -> None:
    stage.reactor.starts_late = True
    wish = Wish()
    ended = stage.run("sleep 100", cancellation=wish)
    wish.cancel()
    stage.reactor.advance(5)
    assert ended == [
        StartFailed(reason="ended before the process had started: cancelled")
    ]
    assert stage.audit.kinds == ["started", "failed"]


def test_a_command_that_has_ended_does_not_hear_of_a_cancellation(
    stage: Stage,
) -> None:
    wish = Wish()
    ended = stage.run("true", cancellation=wish)
    assert wish.waiting == 1
    stage.reactor.processes[0].exit(0)
    assert wish.waiting == 0
    wish.cancel()
    (outcome,) = ended
    assert isinstance(outcome, Outcome)
    assert outcome.ended_by is EndedBy.EXIT


def test_a_place_in_the_queue_becomes_the_command_that_can_be_cancelled(
    stage: Stage,
) -> None:
    wish = Wish()
    stage.run("first")
    ended = stage.run("second", cancellation=wish)
    assert wish.waiting == 1
    stage.reactor.processes[0].exit(0)
    assert wish.waiting == 1
    wish.cancel()
    stage.reactor.advance(0)
    (outcome,) = ended
    assert isinstance(outcome, Outcome)
    assert outcome.ended_by is EndedBy.CANCELLED


def test_who_wants_to_follow_is_told_of_the_command_after_its_start(
    stage: Stage,
) -> None:
    told: list[tuple[RunningCommand, list[str], int]] = []

    def started(running: RunningCommand) -> None:
        told.append((running, stage.audit.kinds, len(stage.reactor.processes)))

    ended = stage.run("true", started=started)
    ((running, kinds, processes),) = told
    assert (kinds, processes) == (["started"], 1)
    stage.reactor.processes[0].emit(1, b"text")
    assert running.output.total_bytes == 4
    stage.reactor.processes[0].exit(0)
    assert len(told) == len(ended) == 1


def test_nobody_is_told_of_commands_that_do_not_start(stage: Stage) -> None:
    told: list[RunningCommand] = []
    stage.run("reboot", started=told.append)
    stage.run("true", "/no/such/place", started=told.append)
    stage.run("takes the slot")
    stage.run("waits")
    stage.run("is one too many", started=told.append)
    assert told == []


@given(
    starts_late=st.booleans(),
    stubborn=st.booleans(),
    waits=st.booleans(),
    steps=st.lists(
        st.sampled_from(
            ["cancel", "emit", "exit", "free", "start", "fail", "wait", "long", "close"]
        ),
        max_size=12,
    ),
)
def test_in_any_order_a_command_has_one_outcome_and_leaves_nothing_behind(
    starts_late: bool, stubborn: bool, waits: bool, steps: list[str]
) -> None:
    stage, wish = Stage(), Wish()
    reactor = stage.reactor
    if waits:
        stage.run("before it")
    reactor.starts_late = starts_late
    told: list[RunningCommand] = []
    ended = stage.run("command", cancellation=wish, started=told.append)

    def step(name: str) -> None:
        process = reactor.processes[-1]
        ours = process.arguments[-1] == "command"
        late = process.late
        if ours and not late and stubborn:
            process.ignore("SIGTERM")
        match name:
            case "cancel":
                wish.cancel()
            case "emit" if not late and process.pid is not None:
                process.emit(1, b"text")
            case "exit" if ours and not late:
                process.exit(0)
            case "free":
                reactor.processes[0].exit(0) if waits else None
            case "start" if late:
                reactor.start_late()
            case "fail" if late:
                reactor.start_late(OSError("no process"))
            case "wait":
                reactor.advance(0.03)
            case "long":
                reactor.advance(6)
            case "close":
                stage.admission.close()

    for name in [*steps, "free", "cancel", *["wait"] * 3, *["long"] * 3]:
        step(name)
        assert len(ended) <= 1
        assert stage.admission.running + stage.admission.queued <= 2
    (end,) = ended
    kinds = [
        e.kind for e in stage.audit.entries if e.command.request.command != "before it"
    ]
    if isinstance(end, Outcome):
        assert kinds == ["started", "ended"]
        assert end.ended_by in (EndedBy.CANCELLED, EndedBy.EXIT, EndedBy.TIMEOUT)
    elif isinstance(end, StartFailed):
        assert kinds == ["started", "failed"]
    else:
        assert kinds == ["cancelled" if isinstance(end, Cancelled) else "busy"]
    assert len(told) == (kinds[0] == "started")
    assert wish.waiting == 0
    assert (stage.admission.running, stage.admission.queued) == (0, 0)
    assert reactor.getDelayedCalls() == []


# --- decisions -----------------------------------------------------------------------


def test_a_check_runs_nothing_and_records_nothing(stage: Stage) -> None:
    stage.run("occupies the slot")
    (approved,) = stage.check("true  x")
    (denied,) = stage.check("reboot")
    assert isinstance(approved, Approved)
    assert approved.text == "true x"
    assert isinstance(denied, Denied)
    assert stage.audit.kinds == ["started"]
    assert len(stage.reactor.processes) == 1


def test_a_check_resolves_the_directory_as_a_run_does(stage: Stage) -> None:
    (approved,) = stage.check("true", "usr")
    assert isinstance(approved, Approved)
    assert approved.request.working_directory == "/usr"
    assert isinstance(stage.check("rm -rf *", "usr/..")[0], Denied)


def test_a_short_command_is_decided_at_once(stage: Stage) -> None:
    elsewhere = Elsewhere()
    stage.runner = stage.make_runner(aside=elsewhere)
    assert isinstance(stage.check(QUICK)[0], Approved)
    stage.run(QUICK)
    assert stage.audit.kinds == ["started"]
    assert elsewhere.waiting == []


def test_a_long_command_is_decided_aside(stage: Stage) -> None:
    elsewhere = Elsewhere()
    stage.runner = stage.make_runner(aside=elsewhere)
    checked = stage.check(LONG)
    ended = stage.run(LONG)
    refused = stage.run(f"reboot {LONG}")
    assert (checked, ended, refused) == ([], [], [])
    assert stage.audit.kinds == []
    assert stage.admission.running == 0
    elsewhere.decide()
    assert isinstance(checked[0], Approved)
    assert stage.audit.kinds == []
    elsewhere.decide()
    assert stage.audit.kinds == ["started"]
    elsewhere.decide()
    assert isinstance(refused[0], Denied)
    assert stage.audit.kinds == ["started", "refused"]
    stage.reactor.processes[0].exit(0)
    assert isinstance(ended[0], Outcome)


def test_a_short_command_does_not_wait_for_a_long_one(stage: Stage) -> None:
    elsewhere = Elsewhere()
    stage.runner = stage.make_runner(aside=elsewhere)
    stage.run(LONG)
    stage.run("true")
    assert stage.audit.kinds == ["started"]
    assert len(elsewhere.waiting) == 1


def test_without_a_place_aside_a_long_command_is_decided_at_once(stage: Stage) -> None:
    assert isinstance(stage.check(LONG)[0], Approved)


def test_a_report_is_there_before_the_answer(stage: Stage) -> None:
    order: list[object] = []
    ended = stage.run("true", report=order.append)
    process = stage.reactor.processes[-1]
    assert process.descriptors[3] == "r"
    process.emit(3, b"told")
    process.exit()
    (outcome,) = ended
    assert isinstance(outcome, Outcome)
    assert order == [b"told"]
