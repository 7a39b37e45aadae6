"""What goes wrong around jobs: crowds, clients that leave at any moment, clocks."""

from __future__ import annotations

import gc
import signal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commander.jobs.waiting import Wait
from commander.output.batching import Subscription
from commander.settings import Settings
from commander.testing import MemoryCaller
from tests.tools.kit import Answer, Stage

JUMP_SECONDS = 2.0**17
"""A day and a half. With steps that are no fractions to a computer either, no time is
later or earlier than it should be by the width of a hair."""
STEP_SECONDS = 2.0**-6
DEFAULTS = Settings()
LIVING = (Wait, Subscription)


class WallClock:
    """The wall's time, which timers follow as Twisted's do; it can be set.

    What the stage has taken for its monotonic clock goes on as if nothing were.
    """

    def __init__(self, stage: Stage) -> None:
        self._monotonic = stage.reactor.seconds
        self._reactor = stage.reactor
        self._ahead_seconds = 0.0
        stage.reactor.seconds = self.seconds  # type: ignore[method-assign]  # of the reactor alone

    def seconds(self) -> float:
        return self._monotonic() + self._ahead_seconds

    def jump(self, seconds: float) -> None:
        """Set it; timers that seem to be due fire."""
        self._ahead_seconds += seconds
        self._reactor.advance(0)


def alive() -> list[object]:
    """What exists only while somebody waits or follows."""
    gc.collect()
    return [each for each in gc.get_objects() if isinstance(each, LIVING)]


def status(stage: Stage, job_id: str) -> str:
    return str(stage.call("read_output", job_id=job_id).facts["status"])


# --- more than there is room for ----------------------------------------------------


def test_by_default_so_many_run_the_others_queue_in_order_and_then_it_is_busy() -> None:
    stage = Stage()
    room = DEFAULTS.max_concurrent + DEFAULTS.max_queued
    jobs = [stage.start(f"make {number}") for number in range(room)]
    stands = [status(stage, job) for job in jobs]
    running = DEFAULTS.max_concurrent
    assert stands == ["running"] * running + ["queued"] * DEFAULTS.max_queued
    refused = stage.call("start_command", command="one more", wait_seconds=0)
    assert refused.is_error
    assert refused.facts["status"] == "busy"
    assert refused.facts["retry_after_seconds"] > 0
    assert "job_id" not in refused.facts
    for number in range(room):
        process = stage.reactor.processes[number]
        assert process.arguments[-1] == f"make {number}"
        process.exit()
    assert len(stage.reactor.processes) == room
    assert {status(stage, job) for job in jobs[-DEFAULTS.max_finished :]} == {"exited"}


# --- clients that leave -------------------------------------------------------------


def to_queue(stage: Stage) -> None:
    """The call's command waits for the slot of another."""
    stage.start("first")


def nothing(stage: Stage) -> None:
    """The call's command has just been started."""


def output(stage: Stage) -> None:
    stage.process.emit(1, b"some\n")


def settling(stage: Stage) -> None:
    """There is output, and the wait for a little more goes on."""
    stage.process.emit(1, b"some\n")
    stage.pump(0.05, step=0.05)


def silence(stage: Stage) -> None:
    stage.pump(1.0, step=0.25)


MOMENTS = {
    "queued": (to_queue, nothing),
    "started": (nothing, nothing),
    "printed": (nothing, output),
    "settling": (nothing, settling),
    "silent": (nothing, silence),
}


@pytest.mark.parametrize("key", ["", "again"])
@pytest.mark.parametrize("progress", [False, True])
@pytest.mark.parametrize("moment", MOMENTS)
def test_whoever_leaves_a_start_at_any_moment_leaves_nothing_behind(
    moment: str, progress: bool, key: str
) -> None:
    before, after = MOMENTS[moment]
    others = alive()  # of tests whose calls were never answered
    stage = Stage(max_concurrent=1)
    before(stage)
    started = len(stage.reactor.processes)
    caller = MemoryCaller(wants_progress=progress, wants_output=progress)
    answers = stage.begin(
        "start_command", caller=caller, command="make", idempotency_key=key
    )
    after(stage)
    assert answers == []
    assert len(alive()) > len(others)
    caller.cancellation.cancel()
    assert alive() == others
    told = len(caller.progressed)
    for process in stage.reactor.processes[:started]:
        process.exit()
    if moment == "queued" and not key:
        assert len(stage.reactor.processes) == started
    elif key:
        assert stage.process.signals == []
        stage.process.exit()
    else:
        assert stage.process.signals == [signal.SIGTERM]
        stage.process.exit(signal_name="SIGTERM")
    (answer,) = answers
    assert len(caller.progressed) == told
    (row, *_) = stage.call("list_jobs").facts["jobs"]
    assert row["status"] not in ("queued", "running")
    stage.pump(DEFAULTS.finished_ttl_seconds + 1, step=60)
    assert stage.call("list_jobs").facts["jobs"] == []
    assert stage.reactor.getDelayedCalls() == []
    assert answer.facts["status"]
    assert stage.log.failures() == []


@pytest.mark.parametrize("until", ["output", "exit"])
@pytest.mark.parametrize("progress", [False, True])
@pytest.mark.parametrize("moment", MOMENTS)
def test_whoever_leaves_a_read_at_any_moment_leaves_the_job_alone(
    moment: str, progress: bool, until: str
) -> None:
    before, after = MOMENTS[moment]
    others = alive()  # of tests whose calls were never answered
    stage = Stage(max_concurrent=1)
    before(stage)
    job = stage.start()
    caller = MemoryCaller(wants_progress=progress)
    stage.begin("read_output", caller=caller, job_id=job, wait_seconds=40, until=until)
    after(stage)
    caller.cancellation.cancel()
    assert alive() == others
    assert status(stage, job) in ("queued", "running")
    for process in stage.reactor.processes:
        assert process.signals == []
        process.exit()
    stage.process.exit()
    assert status(stage, job) == "exited"
    assert stage.log.failures() == []


# --- clocks -------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [JUMP_SECONDS, -JUMP_SECONDS])
def test_a_wall_clock_that_is_set_ends_and_expires_nothing(seconds: float) -> None:
    stage = Stage(max_concurrent=2)
    clock = WallClock(stage)
    done = stage.start("done")
    stage.process.exit()
    running = stage.start("running", timeout="1h", idle_timeout="30m")
    stage.start("in the way")
    queued = stage.start("queued")
    reading = stage.begin("read_output", job_id=running, wait_seconds=40, until="exit")
    shell = stage.call("open_shell", idle_ttl="10m").facts["shell_id"]
    clock.jump(seconds)
    stage.pump(1.0, STEP_SECONDS)
    assert reading == []
    assert [status(stage, job) for job in (done, running, queued)] == [
        "exited",
        "running",
        "queued",
    ]
    facts = stage.call("read_output", job_id=done).facts
    assert DEFAULTS.finished_ttl_seconds - 2 <= facts["expires_in_seconds"]
    facts = stage.call("read_output", job_id=running).facts
    assert 0.9 <= facts["duration_seconds"] <= 1.5
    assert all(process.signals == [] for process in stage.reactor.processes)
    begun = stage.call("start_command", command="x", shell_id=shell, wait_seconds=0)
    assert begun.facts["status"] == "queued"


def test_after_a_wall_clock_was_set_ahead_all_times_are_as_long_as_before() -> None:
    stage = Stage()
    clock = WallClock(stage)
    job = stage.start("running", timeout="20s")
    done = stage.start("done")
    stage.process.exit()
    reading = stage.begin("read_output", job_id=job, wait_seconds=5, until="exit")
    clock.jump(JUMP_SECONDS)
    stage.pump(4.5, STEP_SECONDS)
    assert reading == []
    stage.pump(1.0, STEP_SECONDS)
    assert [answer.facts["status"] for answer in reading] == ["running"]
    stage.pump(14.0, STEP_SECONDS)
    assert stage.reactor.processes[0].signals == []
    stage.pump(1.0, STEP_SECONDS)
    assert stage.reactor.processes[0].signals == [signal.SIGTERM]
    stage.reactor.processes[0].exit(signal_name="SIGTERM")
    facts = stage.call("read_output", job_id=job).facts
    assert (facts["status"], facts["ended_by"]) == ("killed", "timeout")
    stage.pump(DEFAULTS.finished_ttl_seconds, step=60)
    missing = stage.call("read_output", job_id=done)
    assert missing.facts["status"] == "expired"


# --- cursors ------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(
    printed=st.integers(0, 40_000),
    cursor=st.integers(0, 50_000),
    max_bytes=st.integers(1, 70_000),
)
def test_any_cursor_is_answered_with_what_is_kept_or_told_as_gone_or_as_too_far(
    printed: int, cursor: int, max_bytes: int
) -> None:
    stage = Stage(max_output_bytes=8192)
    job = stage.start()
    text = "".join(f"{number:07}\n" for number in range(printed // 8 + 1))[:printed]
    for start in range(0, printed, 4096):
        stage.process.emit(1, text[start : start + 4096].encode())
    answer = read(stage, job, cursor, max_bytes)
    if cursor > printed:
        assert answer.is_error
        assert answer.facts["latest_cursor"] == printed
        return
    shown, gone = 0, 0
    while cursor < printed:
        facts = read(stage, job, cursor, max_bytes).facts
        assert facts["start_cursor"] == cursor < facts["next_cursor"] <= printed
        gone += facts.get("evicted_bytes", 0)
        shown += sum(len(part) for part in kept_parts(facts["output"]))
        for part in kept_parts(facts["output"]):
            assert part in text
        cursor = facts["next_cursor"]
    assert shown + gone == printed - answer.facts["start_cursor"]
    assert gone <= max(0, printed - 8192)


def read(stage: Stage, job: str, cursor: int, max_bytes: int) -> Answer:
    given: dict[str, Any] = {"cursor": cursor, "max_bytes": max_bytes, "view": "raw"}
    return stage.call("read_output", job_id=job, **given)


def kept_parts(shown: str) -> list[str]:
    """What stands around the markers of gaps."""
    parts = [""]
    for line in shown.splitlines(keepends=True):
        if line.startswith("[... "):
            parts[-1] = parts[-1].removesuffix("\n")
            parts.append("")
        else:
            parts[-1] += line
    return parts
