"""``signal_job``: who is signalled, what becomes of it, and shells that are closed."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from commander.testing import MemoryCaller
from commander.testing.processes import GroupMember
from tests.tools.kit import BOB, Answer, Stage


def begin(stage: Stage, job_id: str, **arguments: Any) -> list[Answer]:
    return stage.begin("signal_job", job_id=job_id, **arguments)


@pytest.mark.parametrize("name", ["TERM", "INT", "KILL", "sigint", " Hup "])
def test_a_job_is_ended_with_all_its_processes(name: str) -> None:
    stage = Stage()
    job_id = stage.start()
    stage.process.leave_behind()
    answers = begin(stage, job_id, signal=name)
    stage.process.emit(1, b"bye\n")
    stage.pump(1)
    (answer,) = answers
    facts = answer.facts
    called = f"SIG{name.strip().upper().removeprefix('SIG')}"
    assert not answer.is_error
    assert (facts["status"], facts["ended_by"]) == ("killed", "client_signal")
    assert (facts["signal"], facts["signalled"]) == (called, called)
    assert (facts["processes_signalled"], facts["processes_ended"]) == (2, 2)
    assert facts["survivors"] == []
    assert facts["error"] == f"command ended by signal_job ({called})"
    assert facts["output"] == "bye\n"
    assert f"{called} to 2 processes, 0 left" in answer.text
    assert stage.process.live == 0


def test_what_does_not_end_within_the_grace_is_killed() -> None:
    stage = Stage()
    job_id = stage.start()
    stage.process.ignore("SIGTERM")
    answers = begin(stage, job_id)
    stage.pump(4.9)
    assert answers == []
    stage.pump(0.5)
    assert answers[0].facts["signal"] == "SIGKILL"
    assert stage.process.signals == [signal.SIGTERM, signal.SIGKILL]


def test_a_program_that_ends_well_when_asked_was_ended_all_the_same() -> None:
    stage = Stage()
    job_id = stage.start()
    stage.process.ignore("SIGTERM")
    answers = begin(stage, job_id)
    stage.pump(0.1)
    stage.process.exit(0)
    stage.pump(0.1)
    facts = answers[0].facts
    assert (facts["status"], facts["error"]) == (
        "killed",
        "command ended by signal_job",
    )
    assert "exit_code" not in facts


def test_what_does_not_even_end_by_kill_is_named() -> None:
    stage = Stage()
    job_id = stage.start()
    stage.process.leave_behind(GroupMember(ignores=frozenset({15, 9})))
    answers = begin(stage, job_id)
    stage.pump(12)
    (answer,) = answers
    assert answer.facts["survivors"]
    assert answer.facts["processes_ended"] == 1
    assert ", 1 left" in answer.text
    assert "stuck in the kernel" in answer.text


def test_survivors_that_came_after_the_signal_are_none_that_ended() -> None:
    stage = Stage()
    job_id = stage.start()
    answers = begin(stage, job_id)
    for _ in range(3):
        stage.process.leave_behind(GroupMember(ignores=frozenset({15, 9})))
    stage.pump(12)
    facts = answers[0].facts
    assert (facts["processes_signalled"], len(facts["survivors"])) == (1, 3)
    assert facts["processes_ended"] == 0


def test_asking_for_input_meanwhile_does_not_end_the_wait() -> None:
    stage = Stage()
    job_id = stage.start(tty=True)
    stage.evidence = lambda job: {"process": "sh", "blocked_in": "read", "on": "x"}
    stage.process.ignore("SIGTERM", "SIGHUP")
    answers = begin(stage, job_id)
    stage.pump(2)
    assert answers == []
    stage.pump(4)
    assert answers[0].facts["status"] == "killed"


@pytest.mark.parametrize(
    ("given", "number"),
    [
        ({"signal": "USR1"}, signal.SIGUSR1),
        ({"signal": "STOP"}, signal.SIGSTOP),
        ({"signal": "TERM", "grace_seconds": 0}, signal.SIGTERM),
    ],
)
def test_a_signal_that_need_not_end_anything_is_sent_and_no_other(
    given: dict[str, Any], number: int
) -> None:
    stage = Stage()
    job_id = stage.start()
    stage.process.ignore(signal.Signals(number).name)
    answers = begin(stage, job_id, **given)
    stage.pump(0.6)
    (answer,) = answers
    assert answer.facts["status"] == "running"
    assert not answer.facts.keys() & {"processes_ended", "survivors"}
    assert f"{signal.Signals(number).name} to 1 process, cwd" in answer.text
    stage.pump(60, step=1)
    assert stage.process.signals == [number]


def test_a_grace_makes_any_signal_one_that_ends() -> None:
    stage = Stage()
    job_id = stage.start()
    stage.process.ignore("SIGUSR1")
    answers = begin(stage, job_id, signal="USR1", grace_seconds=1)
    stage.pump(1.5)
    assert answers[0].facts["signal"] == "SIGKILL"


def test_a_grace_is_clamped_and_told() -> None:
    stage = Stage()
    job_id = stage.start()
    stage.process.ignore("SIGTERM")
    answers = begin(stage, job_id, grace_seconds=1000)
    stage.pump(30.5, step=0.1)
    assert answers[0].facts["effective"] == {"grace_seconds": 30.0}
    assert answers[0].facts["signal"] == "SIGKILL"


def test_a_job_that_has_ended_is_told_as_it_ended_and_nobody_is_signalled() -> None:
    stage = Stage()
    job_id = stage.start()
    stage.process.exit(3)
    answer = stage.call("signal_job", job_id=job_id)
    assert not answer.is_error
    assert (answer.facts["status"], answer.facts["exit_code"]) == ("exited", 3)
    assert answer.facts["processes_signalled"] == 0
    assert "nobody was signalled" in answer.text
    assert stage.process.signals == []


def test_a_job_in_the_queue_is_given_up() -> None:
    stage = Stage(max_concurrent=1)
    stage.start()
    job_id = stage.start("second")
    answer = stage.call("signal_job", job_id=job_id)
    assert answer.facts["status"] == "cancelled"
    assert "cancelled before it was started" in answer.text
    assert len(stage.reactor.processes) == 1


def test_the_end_goes_its_way_when_the_caller_leaves() -> None:
    stage, caller = Stage(), MemoryCaller()
    job_id = stage.start()
    stage.process.ignore("SIGTERM")
    begin(stage, job_id, caller=caller)
    caller.cancellation.cancel()
    stage.pump(6)
    assert stage.process.signals == [signal.SIGTERM, signal.SIGKILL]


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"signal": "FOO"}, '"signal" is "FOO", which is none of ABRT, ALRM, CONT,'),
        ({"signal": ""}, '"signal" is "", which is none of'),
        ({"signal": "X" * 101}, f'"signal" is "{"X" * 100}", which'),
        ({"signal": 9}, '"signal" must be a string, got 9'),
        ({"grace_seconds": -1}, '"grace_seconds" must be a number of at least 0'),
    ],
)
def test_arguments_that_do_not_fit_signal_nobody(
    given: dict[str, Any], error: str
) -> None:
    stage = Stage()
    answer = stage.call("signal_job", job_id=stage.start(), **given)
    assert answer.is_error
    assert error in answer.facts["error"]
    assert stage.process.signals == []


def test_nobody_signals_somebody_elses_job_or_shell() -> None:
    stage = Stage()
    job_id, shell_id = stage.start(), stage.call("open_shell").facts["shell_id"]
    for handle in (job_id, shell_id, "shell_x", "job_x", "1"):
        answer = stage.call("signal_job", principal=BOB, job_id=handle)
        assert answer.is_error
        assert answer.facts["status"] == "unknown"
    assert stage.process.signals == []
    assert not stage.call("signal_job", job_id=shell_id).is_error


def test_a_shell_is_closed_with_the_command_that_runs_in_it() -> None:
    stage = Stage()
    shell_id = stage.call("open_shell").facts["shell_id"]
    job_id = stage.start(shell_id=shell_id)
    answers = begin(stage, shell_id)
    stage.pump(0.2)
    assert answers[0].facts["job_id"] == job_id
    assert answers[0].facts["status"] == "killed"
    assert answers[0].facts["shell_id"] == shell_id
    assert answers[0].text.startswith(f"{shell_id} is closed; {job_id} was killed")
    again = stage.call("signal_job", job_id=shell_id)
    assert again.facts["status"] == "expired"
    assert "it was closed" in again.text


def test_an_idle_shell_is_closed() -> None:
    stage = Stage()
    shell_id = stage.call("open_shell").facts["shell_id"]
    answer = stage.call("signal_job", job_id=shell_id)
    assert answer.facts == {"status": "closed", "shell_id": shell_id}
    assert answer.text == f"{shell_id} is closed; nothing ran in it"
