"""What a caller hears of a command while it runs, on a fake clock."""

from __future__ import annotations

import itertools
import re
import sys
from types import TracebackType
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.commands import CommandRequest, Outcome
from commander.execution.executor import Executor, Start
from commander.execution.running import RunningCommand
from commander.policy.checker import Approved, PolicyChecker
from commander.policy.lists import PolicyLists
from commander.principals import ANONYMOUS
from commander.testing import MemoryCaller, MemoryProcess, ProcessReactor
from commander.tools.following import Following

requirement = pytest.mark.requirement

MARKER = re.compile(r"\n\[\.\.\. ([0-9,]+) bytes, ([0-9,]+) lines omitted \.\.\.\]\n")


class SlowCaller(MemoryCaller):
    """One that holds its flow as soon as it was told so much output."""

    holds_after = sys.maxsize

    def log(self, level: str, logger: str, data: object) -> None:
        super().log(level, logger, data)
        if len(self.logged) == self.holds_after:
            self.hold()


class Stage:
    """A command that is followed, from its place in the queue to its end."""

    def __init__(
        self,
        *,
        wants_progress: bool = False,
        wants_output: bool = False,
        max_output_bytes: int = 1_000_000,
    ) -> None:
        self.reactor = ProcessReactor()
        self.caller = SlowCaller(
            wants_progress=wants_progress, wants_output=wants_output
        )
        self.following = Following(
            self.caller, clock=self.reactor, monotonic=self.reactor.seconds
        )
        self.executor = Executor(
            spawner=self.reactor,
            start=Start(
                shell="/bin/sh",
                shell_arg="-c",
                directory="/",
                environ={},
                stdin_descriptor=0,
            ),
            supervision=self.reactor.supervision(
                max_output_bytes=max_output_bytes, kill_grace_seconds=1.0
            ),
        )

    def __enter__(self) -> Self:
        self.following.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.following.__exit__(kind, error, traceback)

    @property
    def process(self) -> MemoryProcess:
        return self.reactor.processes[-1]

    def start(self) -> RunningCommand:
        """A slot is free: start the command and follow it."""
        checker = PolicyChecker(
            PolicyLists(
                allowed=(), blocked=(), use_default_blocklist=False, allowed_env=()
            )
        )
        approved = checker.check(
            CommandRequest(command="x", timeout_seconds=9999.0), ANONYMOUS
        )
        assert isinstance(approved, Approved)
        running = self.executor.start(approved, "id")
        assert isinstance(running, RunningCommand)
        running.finished.addCallback(lambda outcome: self.ended.append(outcome))
        self.ended: list[object] = []
        self.following.started(running)
        return running

    def told(self) -> list[tuple[float, str]]:
        """Progress since the last time that this was asked."""
        told = [(value, message) for value, message, _ in self.caller.progressed]
        assert all(total is None for _, _, total in self.caller.progressed)
        self.caller.progressed.clear()
        return told

    def messages(self) -> list[str]:
        return [message for _, message in self.told()]

    def logged(self) -> list[tuple[str, str]]:
        """Output since the last time that this was asked."""
        logged = [(logger, str(data)) for _, logger, data in self.caller.logged]
        assert all(level == "info" for level, _, _ in self.caller.logged)
        self.caller.logged.clear()
        return logged


def advance(stage: Stage, seconds: float, step: float = 0.01) -> None:
    for _ in range(round(seconds / step)):
        stage.reactor.advance(step)


# --- progress ------------------------------------------------------------------------


@requirement("W4")
def test_the_first_output_is_told_at_once_with_its_time() -> None:
    with Stage(wants_progress=True) as stage:
        stage.reactor.advance(1.5)
        stage.start()
        stage.reactor.advance(0.5)
        assert stage.told() == []
        stage.process.emit(1, b"compiling\nlink")
        stage.reactor.advance(0)
        assert stage.told() == [(2000, "compiling")]


@requirement("W4")
def test_more_output_is_told_four_times_a_second_at_most() -> None:
    with Stage(wants_progress=True) as stage:
        stage.start()
        for number in range(300):
            stage.process.emit(1, b"%d\n" % number)
            stage.reactor.advance(0.01)
        told = stage.told()
        assert told[:1] == [(10, "0")]
        times = [value for value, _ in told]
        assert len(times) in range(11, 14)
        assert all(b - a >= 250 for a, b in itertools.pairwise(times))
        assert int(told[-1][1]) > 270


def test_the_last_line_is_told_though_it_comes_too_early() -> None:
    with Stage(wants_progress=True) as stage:
        stage.start()
        stage.process.emit(1, b"one\n")
        stage.reactor.advance(0)
        stage.process.emit(1, b"two\n")
        stage.reactor.advance(0.24)
        assert stage.messages() == ["one"]
        stage.reactor.advance(0.01)
        assert stage.messages() == ["two"]
        advance(stage, 14)
        assert stage.told() == []


@requirement("W4")
def test_a_silent_command_is_told_every_fifteen_seconds() -> None:
    with Stage(wants_progress=True) as stage:
        stage.start()
        stage.reactor.advance(14.99)
        assert stage.told() == []
        stage.reactor.advance(0.01)
        assert stage.told() == [(15000, "running for 15s")]
        advance(stage, 60, step=1)
        assert stage.messages() == [
            "running for 30s",
            "running for 45s",
            "running for 1m0s",
            "running for 1m15s",
        ]


def test_a_command_that_fell_silent_is_told_with_its_last_line() -> None:
    with Stage(wants_progress=True) as stage:
        stage.start()
        stage.reactor.advance(5)
        stage.process.emit(2, b"linking\n")
        stage.reactor.advance(0)
        stage.reactor.advance(14.99)
        assert stage.messages() == ["linking"]
        stage.reactor.advance(0.01)
        assert stage.told() == [(20000, "linking")]


def test_a_command_that_waits_is_told_too() -> None:
    with Stage(wants_progress=True) as stage:
        advance(stage, 31, step=1)
        assert stage.messages() == ["waiting for a free slot"] * 2
        stage.reactor.advance(0.75)
        stage.start()
        stage.reactor.advance(13.25)
        assert stage.told() == [(45000, "running for 13s")]


@requirement("W4")
def test_a_partial_line_is_told_only_until_there_is_a_complete_one() -> None:
    with Stage(wants_progress=True) as stage:
        stage.start()
        shown = []
        for data in (b"so", b" far", b"\nnext", b"x" * 5000, b"\x1b[0m\n"):
            stage.process.emit(1, data)
            stage.reactor.advance(0.3)
            shown += stage.messages()
        assert shown == ["so", "so far", "so far", "so far", "x" * 200]


def test_what_was_seen_stays_when_nothing_more_can_be_seen() -> None:
    with Stage(wants_progress=True) as stage:
        stage.start()
        stage.process.emit(1, b"so far")
        stage.reactor.advance(0)
        stage.process.emit(1, b"\0" * 5000)
        stage.reactor.advance(1)
        assert stage.messages() == ["so far", "so far"]


def test_output_that_shows_nothing_is_a_sign_of_life() -> None:
    with Stage(wants_progress=True) as stage:
        stage.start()
        stage.reactor.advance(3)
        stage.process.emit(1, b"\n")
        stage.reactor.advance(0)
        assert stage.messages() == ["running for 3s"]


def test_a_command_that_ends_at_once_makes_no_progress() -> None:
    with Stage(wants_progress=True) as stage:
        stage.start()
        stage.process.emit(1, b"done\n")
        stage.process.exit(0)
        assert len(stage.ended) == 1
    advance(stage, 60, step=1)
    assert stage.told() == []


def test_who_wants_progress_only_gets_no_output() -> None:
    with Stage(wants_progress=True) as stage:
        stage.start()
        stage.process.emit(1, b"text\n")
        stage.reactor.advance(1)
        stage.process.exit(0)
    assert stage.logged() == []
    assert stage.messages() == ["text"]


# --- output --------------------------------------------------------------------------


def test_output_is_told_in_the_order_in_which_it_was_read() -> None:
    with Stage(wants_output=True) as stage:
        stage.start()
        for number, data in enumerate([b"a", b"b", b"c", b"d\n", b"e"]):
            stage.process.emit(1 + number % 2, data)
        stage.reactor.advance(0)
        assert stage.logged() == [
            ("stdout", "a"),
            ("stderr", "b"),
            ("stdout", "c"),
            ("stderr", "d\n"),
            ("stdout", "e"),
        ]
        stage.process.emit(1, b"last")
        stage.process.exit(0)
        assert stage.logged() == [("stdout", "last")]
    assert stage.logged() == []
    assert stage.told() == []


def test_output_is_told_twenty_times_a_second_at_most() -> None:
    with Stage(wants_output=True) as stage:
        stage.start()
        for _ in range(1000):
            stage.process.emit(1, b"x")
            stage.reactor.advance(0.001)
        pieces = [text for _, text in stage.logged()]
        assert 18 <= len(pieces) <= 21


def test_a_character_is_never_split() -> None:
    with Stage(wants_output=True) as stage:
        stage.start()
        for byte in "😀é".encode():
            stage.process.emit(1, bytes([byte]))
            stage.process.emit(2, b".")
            stage.reactor.advance(0.1)
        logged = stage.logged()
    assert [text for logger, text in logged if logger == "stdout"] == ["😀", "é"]
    assert [text for logger, text in logged if logger == "stderr"] == ["."] * 6


def test_a_character_that_never_ends_comes_out_at_the_end() -> None:
    with Stage(wants_output=True) as stage:
        stage.start()
        stage.process.emit(2, b"caf\xc3")
        stage.process.exit(0)
        assert stage.logged() == [("stderr", "caf")]
    assert stage.logged() == [("stderr", "\N{REPLACEMENT CHARACTER}")]


def test_a_gap_is_told_where_the_stream_goes_on() -> None:
    with Stage(wants_output=True, max_output_bytes=400) as stage:
        stage.start()
        stage.process.emit(1, b"".join(b"%03d\n" % n for n in range(1000)))
        stage.process.emit(2, b"err\n")
        stage.reactor.advance(0)
        first, second, third = stage.logged()
        assert first == ("stdout", "".join(f"{n:03}\n" for n in range(25)))
        rest = "".join(f"{n:03}\n" for n in range(925, 1000))
        marker = "\n[... 3,600 bytes, 900 lines omitted ...]\n"
        assert second == ("stdout", marker + rest)
        assert third == ("stderr", "err\n")
        stage.process.exit(0)
    assert stage.logged() == []


def test_what_the_last_span_leaves_out_is_told_as_a_gap() -> None:
    with Stage(wants_output=True) as stage:
        stage.start()
        stage.process.emit(2, b"e\n" * 10)
        stage.process.emit(1, b"x\n" * 50_000)
        stage.process.emit(1, b"end\n")
        stage.process.exit(0)
        ((logger, text),) = stage.logged()
        assert logger == "stdout"
        marker, rest = text[: -64 * 1024], text[-64 * 1024 :]
        assert rest.endswith("x\nend\n")
        assert marker == "\n[... 34,468 bytes, 17,234 lines omitted ...]\n"
    assert stage.logged() == [("stderr", "\n[... 20 bytes, 10 lines omitted ...]\n")]


def test_what_a_gap_cut_of_a_character_is_counted_though_it_comes_later() -> None:
    smile = "😀".encode()
    with Stage(wants_output=True, max_output_bytes=2) as stage:
        stage.start()
        stage.process.emit(1, b"x" * 10 + smile[:3])
        stage.reactor.advance(0.1)
        assert stage.logged() == [("stdout", "\n[... 13 bytes, 0 lines omitted ...]\n")]
        stage.process.emit(1, smile[3:])
        stage.process.exit(0)
        assert stage.logged() == []
    assert stage.logged() == [("stdout", "\n[... 1 bytes, 0 lines omitted ...]\n")]


@requirement("W5")
@given(
    pieces=st.lists(
        st.tuples(
            st.sampled_from([1, 2]),
            st.text(alphabet="aé😀\n", max_size=40),
            st.sampled_from([0.0, 0.02, 0.1]),
            st.sampled_from(["", "", "hold", "release"]),
        ),
        max_size=30,
    ),
    most=st.sampled_from([2, 16, 100, 1_000_000]),
    cut=st.integers(0, 3),
)
def test_every_byte_is_told_or_counted_and_every_line(
    pieces: list[tuple[int, str, float, str]], most: int, cut: int
) -> None:
    written = {"stdout": b"", "stderr": b""}
    with Stage(wants_output=True, wants_progress=True, max_output_bytes=most) as stage:
        stage.start()
        for stream, text, seconds, then in pieces:
            data = text.encode()
            written["stdout" if stream == 1 else "stderr"] += data
            stage.process.emit(stream, data[:cut])
            stage.reactor.advance(seconds)
            stage.process.emit(stream, data[cut:])
            if then == "hold" and not stage.caller.holds:
                stage.caller.hold()
            elif then == "release" and stage.caller.holds:
                stage.caller.release()
        stage.process.exit(0)
    assert stage.reactor.getDelayedCalls() == []
    logged = stage.logged()
    for logger, data in written.items():
        told = "".join(text for name, text in logged if name == logger)
        shown, omitted, lines = 0, 0, 0
        place = 0
        for marker in MARKER.finditer(told):
            shown += len(told[place : marker.start()].encode())
            lines += told.count("\n", place, marker.start())
            omitted += int(marker[1].replace(",", ""))
            lines += int(marker[2].replace(",", ""))
            place = marker.end()
        shown += len(told[place:].encode())
        lines += told.count("\n", place)
        assert shown + omitted == len(data)
        assert lines == data.count(b"\n")
        if not omitted:
            assert told.encode() == data
        assert "\N{REPLACEMENT CHARACTER}" not in told


# --- clients that do not keep up -----------------------------------------------------


def test_a_client_that_does_not_keep_up_is_told_nothing_and_keeps_no_timer() -> None:
    with Stage(wants_progress=True, wants_output=True) as stage:
        stage.start()
        stage.process.emit(1, b"one\n")
        stage.reactor.advance(0)
        assert len(stage.told()) == len(stage.logged()) == 1
        stage.caller.hold()
        for _ in range(100):
            stage.process.emit(1, b"more\n")
            stage.reactor.advance(1)
        assert (stage.told(), stage.logged()) == ([], [])
        stage.caller.release()
        stage.reactor.advance(0)
        assert stage.messages() == ["more"]
        assert "".join(text for _, text in stage.logged()) == "more\n" * 100


def test_a_heartbeat_that_is_overdue_comes_when_the_client_keeps_up_again() -> None:
    with Stage(wants_progress=True) as stage:
        stage.start()
        stage.caller.hold()
        advance(stage, 40, step=1)
        stage.caller.release()
        stage.reactor.advance(0)
        assert stage.told() == [(40000, "running for 40s")]


def test_a_client_that_falls_behind_with_the_output_is_not_told_of_progress() -> None:
    with Stage(wants_progress=True, wants_output=True) as stage:
        stage.start()
        stage.caller.holds_after = 1
        stage.process.emit(1, b"text\n")
        advance(stage, 20, step=1)
        assert (stage.told(), stage.logged()) == ([], [("stdout", "text\n")])
        stage.caller.release()
        stage.reactor.advance(0)
        assert stage.messages() == ["text"]


def test_a_client_that_does_not_keep_up_from_the_start_is_told_later() -> None:
    stage = Stage(wants_progress=True, wants_output=True)
    stage.caller.holds = True
    with stage:
        advance(stage, 20, step=1)
        stage.start()
        stage.process.emit(1, b"text\n")
        advance(stage, 20, step=1)
        assert (stage.told(), stage.logged()) == ([], [])
        stage.caller.release()
        stage.reactor.advance(0)
        assert stage.messages() == ["text"]
        assert stage.logged() == [("stdout", "text\n")]


def test_what_a_client_missed_at_the_end_is_told_in_one_line() -> None:
    with Stage(wants_progress=True, wants_output=True) as stage:
        stage.start()
        stage.caller.hold()
        stage.process.emit(1, b"1\n2\n3")
        stage.reactor.advance(1)
        stage.process.exit(0)
        assert stage.logged() == []
    assert stage.logged() == [("stdout", "\n[... 5 bytes, 2 lines omitted ...]\n")]
    assert stage.told() == []


# --- the end -------------------------------------------------------------------------


@pytest.mark.parametrize("started", [True, False])
@pytest.mark.parametrize("holds", [True, False])
def test_whatever_way_a_call_ends_nothing_of_it_is_left(
    started: bool, holds: bool
) -> None:
    stage = Stage(wants_progress=True, wants_output=True)

    def broken() -> None:
        with stage:
            if started:
                stage.start()
                stage.process.emit(1, b"text\n")
                stage.reactor.advance(0)
                stage.process.emit(1, b"more\n")
            if holds:
                stage.caller.hold()
            raise RuntimeError("our own fault")

    with pytest.raises(RuntimeError):
        broken()
    stage.told(), stage.logged()
    assert stage.caller.flow is None
    if started:
        timers = len(stage.reactor.getDelayedCalls())
        stage.process.emit(1, b"text\n")
        assert len(stage.reactor.getDelayedCalls()) == timers == 1
        stage.process.exit(0)
    assert stage.reactor.getDelayedCalls() == []
    assert (stage.told(), stage.logged()) == ([], [])


def test_a_client_that_gave_up_is_told_nothing_more() -> None:
    with Stage(wants_progress=True, wants_output=True) as stage:
        stage.start()
        stage.process.emit(1, b"one\n")
        stage.reactor.advance(0)
        assert stage.told(), stage.logged()
        stage.caller.cancellation.cancel()
        assert stage.caller.flow is None
        stage.process.emit(1, b"two\n")
        advance(stage, 20, step=1)
        stage.process.exit(0)
        (outcome,) = stage.ended
        assert isinstance(outcome, Outcome)
    assert stage.told() == []
    assert stage.logged() == [("stdout", "one\n")]


def test_a_call_that_is_over_does_not_hear_that_its_client_gave_up() -> None:
    with Stage(wants_progress=True) as stage:
        stage.start()
        stage.process.exit(0)
    other = Stage().following
    stage.caller.flow = other
    stage.caller.cancellation.cancel()
    assert stage.caller.flow is other


def test_a_command_that_starts_for_nobody_is_not_followed() -> None:
    with Stage(wants_progress=True, wants_output=True) as stage:
        stage.caller.cancellation.cancel()
        stage.start()
        stage.process.emit(1, b"one\n")
        advance(stage, 20, step=1)
    assert (stage.told(), stage.logged()) == ([], [])
