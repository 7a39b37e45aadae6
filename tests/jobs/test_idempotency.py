"""Keys: the same call again finds the same job, and only that."""

from __future__ import annotations

from typing import Any

from commander.jobs.idempotency import IdempotencyKeys, KeyReused
from commander.jobs.job import Job
from tests.jobs.kit import ANN, BOB, Stage

ONE, OTHER = b"arguments", b"other arguments"


class Keys:
    """Keys over a table, and a job with one."""

    def __init__(self, **stage: Any) -> None:
        self.stage = Stage(**stage)
        self.keys = IdempotencyKeys(self.stage.table)

    def start(self, command: str = "make", fingerprint: bytes = ONE) -> Job:
        job = self.stage.started(command)
        self.keys.keep(job, "key", fingerprint)
        return job


def test_the_same_call_again_finds_the_job_running_or_not() -> None:
    kit = Keys()
    assert kit.keys.find(ANN, "key", ONE) is None
    job = kit.start()
    assert kit.keys.find(ANN, "key", ONE) is job
    kit.stage.process.exit(1)
    assert kit.keys.find(ANN, "key", ONE) is job


def test_a_key_is_of_its_principal_and_of_its_name() -> None:
    kit = Keys()
    kit.start()
    assert kit.keys.find(BOB, "key", ONE) is None
    assert kit.keys.find(ANN, "yek", ONE) is None


def test_other_arguments_are_told_with_the_job_that_has_the_key() -> None:
    kit = Keys()
    job = kit.start()
    assert kit.keys.find(ANN, "key", OTHER) == KeyReused(job.handle)


def test_a_call_that_came_to_nothing_can_be_made_again_in_any_way() -> None:
    kit = Keys(slots=1)
    kit.stage.started()
    cancelled = kit.start()
    assert kit.keys.find(ANN, "key", ONE) is cancelled
    cancelled.cancel()
    assert kit.keys.find(ANN, "key", ONE) is None
    assert kit.keys.find(ANN, "key", OTHER) is None
    kit.stage.process.exit()
    again = kit.start(fingerprint=OTHER)
    assert kit.keys.find(ANN, "key", OTHER) is again


def test_a_key_is_forgotten_with_its_job() -> None:
    kit = Keys(max_finished=1)
    job = kit.start()
    kit.stage.process.exit()
    assert kit.keys.find(ANN, "key", ONE) is job
    kit.stage.finished()
    assert kit.keys.find(ANN, "key", ONE) is None


def test_a_key_that_has_passed_on_is_not_forgotten_with_its_first_job() -> None:
    kit = Keys(max_finished=1)
    kit.start("reboot")
    second = kit.start()
    kit.stage.process.exit()
    assert kit.keys.find(ANN, "key", ONE) is second
    kit.stage.table.close()
    assert kit.keys.find(ANN, "key", ONE) is None


def test_a_key_that_is_kept_twice_for_one_job_is_forgotten_once() -> None:
    kit = Keys(max_finished=1)
    job = kit.start()
    kit.keys.keep(job, "key", ONE)
    kit.stage.process.exit()
    kit.stage.finished()
    assert kit.keys.find(ANN, "key", ONE) is None
