"""``execute_command`` from the call to the process and back, on a fake clock.

Every result is held against the published output schema, and its text against its
structured content.
"""

from __future__ import annotations

import errno
import signal
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.commands import (
    Busy,
    CommandRequest,
    EndedBy,
    Outcome,
    OutputWindow,
    StartFailed,
)
from commander.testing import MemoryCaller, MemoryProcess
from commander.tools.caller import NOBODY, Caller
from commander.tools.execute_command import Arguments
from commander.tools.schemas import read_arguments
from tests.tools.kit import ANN, Answer
from tests.tools.kit import Stage as Tools

requirement = pytest.mark.requirement

NOT_RUN = {"stdout": "", "stderr": "", "exit_code": -1, "duration": "0s"}


class Stage:
    """Calls of the one tool among all."""

    def __init__(self, **changed: Any) -> None:
        self.tools = Tools(**changed)
        self.reactor = self.tools.reactor
        self.audit = self.tools.audit
        self.executor = self.tools.executor
        self.registry = self.tools.registry

    @property
    def process(self) -> MemoryProcess:
        """The one that was started last."""
        return self.tools.process

    def begin(
        self, *, plain_rpc: bool = False, caller: Caller = NOBODY, **arguments: Any
    ) -> list[Answer]:
        """Begin a call; the list gets its answer."""
        return self.tools.begin(
            "execute_command", plain_rpc=plain_rpc, caller=caller, **arguments
        )

    def call(self, **arguments: Any) -> Answer:
        """A call that is answered at once."""
        (answer,) = self.begin(**arguments)
        return answer


PUBLISHED = Stage().registry.described()[0]


# --- commands that end by themselves ---------------------------------------------


def test_a_command_that_succeeds_answers_with_its_output() -> None:
    stage = Stage()
    answers = stage.begin(command="uname -a")
    stage.reactor.advance(1.5)
    stage.process.emit(1, b"Linux\n")
    stage.process.emit(2, b"warning\n")
    assert answers == []
    stage.process.exit(0)
    assert answers == [
        Answer(
            facts={
                "stdout": "Linux\n",
                "stderr": "warning\n",
                "exit_code": 0,
                "duration": "1.5s",
                "ended_by": "exit",
            },
            is_error=False,
        )
    ]


def test_the_shell_gets_the_command_in_the_directory_with_the_variables() -> None:
    stage = Stage(shell="/bin/sh", shell_arg="-ec")
    stage.begin(
        command="echo  'a'", working_directory="usr", env={"LANG": "C", "A": ""}
    )
    assert stage.process.arguments == ("/bin/sh", "-ec", "echo a")
    assert stage.process.directory == "/usr"
    assert stage.process.env["LANG"] == "C"
    assert stage.process.env["A"] == ""
    assert "MCP_AUTH_TOKEN" not in stage.process.env


@pytest.mark.parametrize("optional", ["working_directory", "timeout", "env"])
def test_null_for_an_optional_argument_is_its_default(optional: str) -> None:
    stage, plain = Stage(), Stage()
    null: dict[str, Any] = {optional: None}
    stage.begin(command="ls", **null)
    plain.begin(command="ls")
    assert stage.process.arguments == plain.process.arguments
    own = stage.process.env.pop("COMMANDER_RUN"), plain.process.env.pop("COMMANDER_RUN")
    assert own[0] != own[1]
    assert stage.process.env == plain.process.env
    assert (
        stage.audit.entries[0].command.request == plain.audit.entries[0].command.request
    )


@requirement("W2")
@pytest.mark.parametrize("plain_rpc", [False, True])
@pytest.mark.parametrize("exit_code", [1, 3, 127, 255])
def test_another_exit_status_than_zero_is_an_error(
    exit_code: int, plain_rpc: bool
) -> None:
    stage = Stage()
    answers = stage.begin(command="make", plain_rpc=plain_rpc)
    stage.process.exit(exit_code)
    assert answers == [
        Answer(
            facts={
                "stdout": "",
                "stderr": "",
                "exit_code": exit_code,
                "duration": "0s",
                "ended_by": "exit",
                "error": f"exit status {exit_code}",
            },
            is_error=True,
        )
    ]


@requirement("W2")
@pytest.mark.parametrize("plain_rpc", [False, True])
def test_no_match_of_grep_is_an_answer_to_mcp_and_an_error_to_plain_callers(
    plain_rpc: bool,
) -> None:
    stage = Stage()
    answers = stage.begin(command="ps | grep nginx", plain_rpc=plain_rpc)
    stage.process.exit(1)
    assert answers == [
        Answer(
            facts={
                "stdout": "",
                "stderr": "",
                "exit_code": 1,
                "duration": "0s",
                "ended_by": "exit",
                "exit_code_meaning": "no line matched",
            },
            is_error=plain_rpc,
        )
    ]


def test_another_failure_of_grep_is_an_error() -> None:
    stage = Stage()
    answers = stage.begin(command="grep nginx /none")
    stage.process.exit(2)
    assert answers[0].is_error
    assert answers[0].facts["error"] == "exit status 2"


def test_processes_left_in_the_background_are_told_and_are_no_error() -> None:
    stage = Stage()
    answers = stage.begin(command="sleep 100 &")
    stage.process.leave_behind()
    stage.process.exit(0)
    for _ in range(100):
        stage.reactor.advance(0.02)
    (answer,) = answers
    assert not answer.is_error
    assert answer.facts["hint"] == (
        "processes left in the background were ended with the command"
    )
    assert stage.process.live == 0


def test_output_that_is_not_utf8_is_replaced() -> None:
    stage = Stage()
    answers = stage.begin(command="cat image")
    stage.process.emit(1, b"\xff\x00\x1b[0m\xc3\xa9")
    stage.process.exit(0)
    assert answers[0].facts["stdout"] == "\ufffd\x00\x1b[0mé"


@given(st.binary(max_size=300), st.binary(max_size=300), st.integers(0, 255))
def test_any_output_gives_a_result_of_the_published_shape(
    stdout: bytes, stderr: bytes, exit_code: int
) -> None:
    stage = Stage(max_output_bytes=100)
    answers = stage.begin(command="x")
    stage.process.emit(1, stdout)
    stage.process.emit(2, stderr)
    stage.process.exit(exit_code)
    (answer,) = answers
    assert answer.is_error is (exit_code != 0)
    assert answer.facts["exit_code"] == exit_code
    assert answer.facts.get("truncated", False) is (max(len(stdout), len(stderr)) > 100)


# --- commands that are ended -----------------------------------------------------


def test_a_command_that_runs_too_long_is_ended_and_its_output_kept() -> None:
    stage = Stage()
    answers = stage.begin(command="sleep 8", timeout="1.5s")
    stage.process.emit(1, b"so far")
    stage.reactor.advance(1.499)
    assert stage.process.signals == []
    stage.reactor.advance(0.001)
    stage.reactor.advance(0)
    assert answers == [
        Answer(
            facts={
                "stdout": "so far",
                "stderr": "",
                "exit_code": -1,
                "duration": "1.5s",
                "ended_by": "timeout",
                "timed_out": True,
                "signal": "SIGTERM",
                "status": "killed",
                "error": "command timed out after 1.5s",
            },
            is_error=True,
        )
    ]


def test_a_command_that_ignores_its_end_is_killed_after_the_grace() -> None:
    stage = Stage(kill_grace_seconds=2.0)
    answers = stage.begin(command="trap '' TERM; sleep 8", timeout="1s")
    stage.process.ignore("SIGTERM")
    stage.reactor.advance(1)
    for _ in range(101):
        stage.reactor.advance(0.02)
    (answer,) = answers
    assert answer.facts["signal"] == "SIGKILL"
    assert answer.facts["error"] == "command timed out after 1s"
    assert stage.process.signals == [signal.SIGTERM, signal.SIGKILL]


@pytest.mark.parametrize("exit_code", [0, 1])
def test_a_command_that_ends_well_only_when_asked_to_end_has_timed_out(
    exit_code: int,
) -> None:
    stage = Stage()
    answers = stage.begin(command="grep --line-buffered x log", timeout="1s")
    stage.process.ignore("SIGTERM")
    stage.reactor.advance(1)
    stage.process.exit(exit_code)
    stage.reactor.advance(1)
    assert answers == [
        Answer(
            facts={
                "stdout": "",
                "stderr": "",
                "exit_code": -1,
                "duration": answers[0].facts["duration"],
                "ended_by": "timeout",
                "timed_out": True,
                "status": "killed",
                "error": "command timed out after 1s",
            },
            is_error=True,
        )
    ]


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGTERM"])
def test_a_signal_of_somebody_else_is_named(name: str) -> None:
    stage = Stage()
    answers = stage.begin(command="./crash")
    stage.process.exit(signal_name=name)
    assert answers == [
        Answer(
            facts={
                "stdout": "",
                "stderr": "",
                "exit_code": -1,
                "duration": "0s",
                "ended_by": "exit",
                "signal": name,
                "status": "killed",
                "error": f"command ended by {name}, which the server did not send",
            },
            is_error=True,
        )
    ]


def test_a_command_that_writes_too_much_is_ended() -> None:
    stage = Stage(output_limit_bytes=10)
    answers = stage.begin(command="yes")
    stage.process.emit(1, b"y\n" * 5)
    assert stage.process.signals == []
    stage.process.emit(2, b"!")
    stage.reactor.advance(0)
    (answer,) = answers
    assert answer.is_error
    assert answer.facts["ended_by"] == "output_limit"
    assert answer.facts["status"] == "killed"
    assert answer.facts["error"] == (
        "command ended: it wrote more than MCP_OUTPUT_LIMIT_BYTES"
    )
    assert "timed_out" not in answer.facts


def test_a_command_that_the_server_ends_with_itself_says_so() -> None:
    stage = Stage()
    answers = stage.begin(command="sleep 8")
    stage.executor.end_all(EndedBy.SERVER_SHUTDOWN, 5.0)
    stage.reactor.advance(0)
    (answer,) = answers
    assert answer.is_error
    assert answer.facts["ended_by"] == "server_shutdown"
    assert answer.facts["error"] == "command ended: the server is shutting down"
    assert stage.audit.kinds == ["started", "ended"]


@requirement("W6")
def test_a_command_that_is_cancelled_is_ended_and_says_so() -> None:
    stage, caller = Stage(), MemoryCaller()
    answers = stage.begin(command="sleep 8", caller=caller)
    stage.process.emit(1, b"so far")
    stage.reactor.advance(1.5)
    caller.cancellation.cancel()
    stage.reactor.advance(0)
    assert answers == [
        Answer(
            facts={
                "stdout": "so far",
                "stderr": "",
                "exit_code": -1,
                "duration": "1.5s",
                "ended_by": "cancelled",
                "signal": "SIGTERM",
                "status": "killed",
                "error": "command cancelled: the client does not want its result "
                "any more",
            },
            is_error=True,
        )
    ]
    assert stage.audit.kinds == ["started", "ended"]
    assert stage.reactor.getDelayedCalls() == []


def test_a_command_that_is_cancelled_while_it_waits_never_starts() -> None:
    stage, caller = Stage(max_concurrent=1), MemoryCaller(wants_progress=True)
    stage.begin(command="first")
    answers = stage.begin(command="second", caller=caller)
    stage.reactor.advance(15)
    caller.cancellation.cancel()
    assert answers == [
        Answer(
            facts={
                **NOT_RUN,
                "status": "cancelled",
                "ended_by": "cancelled",
                "error": "command cancelled before it was started",
            },
            is_error=True,
        )
    ]
    assert caller.progressed == [(15000, "waiting for a free slot", None)]
    assert len(stage.reactor.processes) == 1
    assert stage.audit.kinds == ["started", "cancelled"]


# --- commands that are followed --------------------------------------------------


def test_a_caller_hears_of_the_command_while_it_runs() -> None:
    stage = Stage()
    caller = MemoryCaller(wants_progress=True, wants_output=True)
    answers = stage.begin(command="make", caller=caller)
    stage.reactor.advance(1)
    stage.process.emit(1, b"compiling\n")
    stage.process.emit(2, b"a warning\n")
    stage.reactor.advance(0)
    assert caller.progressed == [(1000, "a warning", None)]
    assert caller.logged == [
        ("info", "stdout", "compiling\n"),
        ("info", "stderr", "a warning\n"),
    ]
    assert answers == []
    stage.process.emit(1, b"done")
    stage.process.exit(0)
    assert answers[0].facts["stdout"] == "compiling\ndone"
    assert caller.logged[2:] == [("info", "stdout", "done")]
    assert caller.flow is None
    stage.reactor.advance(60)
    assert len(caller.progressed) == 1
    assert stage.reactor.getDelayedCalls() == []


@pytest.mark.parametrize("wants", ["wants_progress", "wants_output"])
def test_a_caller_hears_of_what_it_wants_and_of_nothing_else(wants: str) -> None:
    stage = Stage()
    caller = MemoryCaller(
        wants_progress=wants == "wants_progress", wants_output=wants == "wants_output"
    )
    stage.begin(command="make", caller=caller)
    stage.process.emit(1, b"text")
    stage.reactor.advance(0)
    assert bool(caller.progressed) is (wants == "wants_progress")
    assert bool(caller.logged) is (wants == "wants_output")
    stage.process.exit(0)


def test_a_caller_who_only_waits_costs_no_timer() -> None:
    stage, caller = Stage(), MemoryCaller()
    plain = Stage()
    stage.begin(command="make", caller=caller)
    plain.begin(command="make")
    for each in (stage, plain):
        each.process.emit(1, b"text")
    timers = len(plain.reactor.getDelayedCalls())
    assert len(stage.reactor.getDelayedCalls()) == timers
    assert caller.flow is None
    stage.process.exit(0)
    assert (caller.progressed, caller.logged) == ([], [])


@pytest.mark.parametrize(
    "arguments",
    [
        {"command": "mkfs /dev/sda"},
        {"command": "ls", "working_directory": "/no/such"},
        {"command": ""},
    ],
)
def test_a_command_that_does_not_start_leaves_nothing_that_follows_it(
    arguments: dict[str, Any],
) -> None:
    stage, caller = Stage(), MemoryCaller(wants_progress=True, wants_output=True)
    stage.call(caller=caller, **arguments)
    assert caller.flow is None
    assert stage.reactor.getDelayedCalls() == []
    assert (caller.progressed, caller.logged) == ([], [])


# --- output beyond the limit -----------------------------------------------------


def test_long_output_keeps_its_ends_and_counts_what_is_missing() -> None:
    stage = Stage(max_output_bytes=40)
    answers = stage.begin(command="seq 1000")
    stage.process.emit(1, b"".join(b"%03d\n" % number for number in range(1000)))
    stage.process.emit(2, b"e" * 41)
    stage.process.exit(0)
    (answer,) = answers
    assert not answer.is_error
    assert answer.facts == {
        "stdout": "000\n001\n00\n"
        "[... 3,960 bytes, 990 lines omitted - not kept any more ...]\n"
        "2\n993\n994\n995\n996\n997\n998\n999\n",
        "stderr": f"{'e' * 10}\n[... 1 bytes, 0 lines omitted - not kept any more "
        f"...]\n{'e' * 30}",
        "exit_code": 0,
        "duration": "0s",
        "ended_by": "exit",
        "truncated": True,
        "stdout_omitted_bytes": 3960,
        "stderr_omitted_bytes": 1,
    }


@pytest.mark.parametrize("descriptor", [1, 2])
def test_a_stream_that_was_cut_makes_the_result_truncated(descriptor: int) -> None:
    stage = Stage(max_output_bytes=40)
    answers = stage.begin(command="x")
    stage.process.emit(descriptor, b"a" * 41)
    stage.process.emit(3 - descriptor, b"a" * 40)
    stage.process.exit(0)
    cut = {1: "stdout_omitted_bytes", 2: "stderr_omitted_bytes"}
    facts = answers[0].facts
    assert facts["truncated"] is True
    assert facts[cut[descriptor]] == 1
    assert cut[3 - descriptor] not in facts


# --- output beyond what a result shows, and commands that outlast the call --------


def test_what_a_result_does_not_show_can_be_read_from_a_job() -> None:
    stage = Stage()
    answers = stage.begin(command="seq 100000")
    stage.process.emit(1, b"o" * 7500 + b"\n" * 50_000)
    stage.process.emit(2, b"e" * 10_000)
    stage.process.exit(0)
    (answer,) = answers
    facts = answer.facts
    assert not answer.is_error
    assert facts["stderr"] == "e" * 10_000
    head, _, tail = facts["stdout"].partition("\n[... 37,500 bytes, 35,000 lines omit")
    assert head == "o" * 5000
    assert tail.endswith(" ...]\n" + "\n" * 15_000)
    job_id = facts["job_id"]
    call = f'read_output(job_id="{job_id}", stream="stdout", cursor=5000)'
    assert call in facts["stdout"]
    assert answer.links[0]["uri"] == f"job://{job_id}/output"
    page = stage.tools.call(
        "read_output", job_id=job_id, stream="stdout", cursor=5000, view="raw"
    )
    assert page.facts["output"] == "o" * 2500 + "\n" * (16384 - 2500)


def test_a_character_at_the_cut_is_read_whole() -> None:
    stage = Stage()
    answers = stage.begin(command="x")
    stage.process.emit(1, "é".encode() * 20_000)
    stage.process.emit(2, b"x" * 14_995)
    stage.process.exit(0)
    facts = answers[0].facts
    cursor = int(facts["stdout"].partition("cursor=")[2].partition(")")[0])
    assert cursor == 2 * len(facts["stdout"].partition("\n")[0])


def test_a_result_of_no_more_than_is_shown_leaves_no_job() -> None:
    stage = Stage()
    answers = stage.begin(command="x")
    stage.process.emit(1, b"o" * 29_000)
    stage.process.emit(2, b"e" * 1000)
    stage.process.exit(0)
    assert "truncated" not in answers[0].facts
    assert stage.tools.call("list_jobs").facts["jobs"] == []


def test_a_caller_without_mcp_gets_all_that_is_kept() -> None:
    stage = Stage()
    answers = stage.begin(command="x", plain_rpc=True)
    stage.process.emit(1, b"o" * 100_000)
    stage.process.exit(0)
    stage.reactor.advance(0)
    assert answers[0].facts["stdout"] == "o" * 100_000
    assert answers[0].links == ()
    assert stage.tools.call("list_jobs").facts["jobs"] == []


def test_a_call_that_would_outlast_its_client_is_answered_with_a_job() -> None:
    stage, caller = Stage(), MemoryCaller()
    answers = stage.begin(command="sleep 70", timeout="2m", caller=caller)
    stage.process.emit(1, b"begun\n")
    stage.process.emit(2, b"w" * 40_000)
    stage.reactor.advance(49)
    assert answers == []
    stage.reactor.advance(1)
    (answer,) = answers
    facts = answer.facts
    assert not answer.is_error
    assert (facts["status"], facts["exit_code"]) == ("running", None)
    assert (facts["stdout"], facts["duration"]) == ("begun\n", "50s")
    assert facts["truncated"]
    assert "ended_by" not in facts
    assert facts["hint"] == (
        "still running and using resources; next: read_output(job_id="
        f'"{facts["job_id"]}", wait_seconds=50, until="exit")'
    )
    assert answer.links
    caller.cancellation.cancel()
    stage.reactor.advance(20)
    stage.process.exit(0)
    end = stage.tools.call("read_output", job_id=facts["job_id"], until="exit").facts
    assert (end["status"], end["exit_code"]) == ("exited", 0)


def test_a_job_keeps_the_timeout_of_its_call() -> None:
    stage = Stage()
    answers = stage.begin(command="sleep 70", timeout="60s")
    stage.reactor.advance(50)
    stage.reactor.advance(10)
    stage.reactor.advance(0)
    end = stage.tools.call("read_output", job_id=answers[0].facts["job_id"]).facts
    assert end["error"] == "command timed out after 1m0s"


@pytest.mark.parametrize(
    ("changed", "plain_rpc", "wants_progress"),
    [
        ({"execute_yield_seconds": 0.0}, False, False),
        ({}, True, False),
        ({}, False, True),
    ],
)
def test_other_calls_wait_for_the_end(
    changed: dict[str, Any], plain_rpc: bool, wants_progress: bool
) -> None:
    stage = Stage(**changed)
    answers = stage.begin(
        command="sleep 600",
        timeout="10m",
        plain_rpc=plain_rpc,
        caller=MemoryCaller(wants_progress=wants_progress),
    )
    for _ in range(59):
        stage.reactor.advance(10)
    assert answers == []
    stage.process.exit(0)
    assert answers[0].facts["exit_code"] == 0


def test_a_command_that_waits_for_a_slot_is_answered_with_a_job_too() -> None:
    stage = Stage(
        max_concurrent=1, execute_yield_seconds=5.0, max_queue_wait_seconds=60.0
    )
    stage.begin(command="first", timeout="10m")
    answers = stage.begin(command="second")
    stage.reactor.advance(5)
    facts = answers[0].facts
    assert (facts["status"], facts["duration"]) == ("queued", "0s")
    assert facts["hint"].startswith("waiting for a free slot; next: read_output(")


# --- time limits -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("timeout", "seconds"),
    [
        (None, 30.0),
        ("", 30.0),
        ("  ", 30.0),
        ("90", 90.0),
        ("1.5", 1.5),
        ("500ms", 0.5),
        ("5m", 300.0),
        ("1h", 3600.0),
        (" 2s ", 2.0),
    ],
)
def test_a_time_limit_is_a_go_duration_or_seconds(
    timeout: str | None, seconds: float
) -> None:
    stage = Stage()
    answers = stage.begin(command="ls", timeout=timeout)
    assert stage.audit.entries[0].command.request.timeout_seconds == seconds
    stage.process.exit(0)
    assert "effective" not in answers[0].facts


@pytest.mark.parametrize("timeout", ["1h0.001s", "2h", "9" * 60, "9" * 60 + "h"])
def test_a_longer_time_limit_than_the_largest_is_clamped_and_told(timeout: str) -> None:
    stage = Stage()
    answers = stage.begin(command="ls", timeout=timeout)
    assert stage.audit.entries[0].command.request.timeout_seconds == 3600
    stage.process.exit(0)
    assert answers[0].facts["effective"] == {"timeout": "1h0m0s"}
    assert not answers[0].is_error


def test_the_clamped_time_limit_is_the_one_that_counts() -> None:
    stage = Stage(max_timeout_seconds=40.0)
    answers = stage.begin(command="sleep 100", timeout="2m")
    stage.reactor.advance(40)
    stage.reactor.advance(0)
    facts = answers[0].facts
    assert facts["error"] == "command timed out after 40s"
    assert facts["effective"] == {"timeout": "40s"}


# --- calls that start nothing ----------------------------------------------------


@pytest.mark.parametrize(
    "timeout", ["0", "0s", "-1s", "-5", "+1s", "abc", "1x", "1 s", "s", "1e3", "9" * 65]
)
def test_a_time_limit_that_is_none_is_refused(timeout: str) -> None:
    stage = Stage()
    assert stage.call(command="ls", timeout=timeout) == Answer(
        facts={
            **NOT_RUN,
            "status": "failed_to_start",
            "error": f'Invalid timeout format: "{timeout}" is not a duration such as '
            "500ms, 90s or 1h30m, greater than zero",
        },
        is_error=True,
    )
    assert stage.audit.entries == []


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, 'missing argument "command"'),
        ({"command": ""}, "command is required"),
        ({"command": " \t\n"}, "command is required"),
        ({"command": None}, '"command" must be a string, got null'),
        ({"command": ["ls"]}, '"command" must be a string, got ["ls"]'),
        (
            {"command": "ls", "timeout": 30},
            '"timeout" must be a string, got 30',
        ),
        (
            {"command": "ls", "timeout": "x" * 101},
            f'Invalid timeout format: "{"x" * 100}" is not a duration such as 500ms, '
            "90s or 1h30m, greater than zero",
        ),
        (
            {"command": "ls", "cwd": "/"},
            'unknown argument "cwd"; the tool takes: command, working_directory, '
            "timeout, env",
        ),
        (
            {"command": "ls", "working_dir": "/"},
            'unknown argument "working_dir"; did you mean "working_directory"?',
        ),
        (
            {"command": "ls", "working_directory": "/usr\0/x"},
            '"working_directory" must not hold a NUL character',
        ),
        (
            {"command": "ls", "env": {"A": "1", "B": "secret\0"}},
            '"env": the value of "B" holds a NUL character',
        ),
        (
            {"command": "ls", "env": {"N" * 101: "\0"}},
            f'"env": the value of "{"N" * 100}" holds a NUL character',
        ),
        (
            {"command": "ls", "env": {"A": 1}},
            '"env": the value of "A" must be a string',
        ),
        ({"command": "ls", "env": ["A=1"]}, '"env" must be an object, got an array'),
    ],
)
@pytest.mark.parametrize("plain_rpc", [False, True])
def test_arguments_that_do_not_fit_are_a_command_that_failed_to_start(
    arguments: dict[str, Any], error: str, plain_rpc: bool
) -> None:
    stage = Stage()
    answer = stage.call(plain_rpc=plain_rpc, **arguments)
    facts = {**NOT_RUN, "status": "failed_to_start", "error": error}
    assert answer == Answer(facts=facts, is_error=True)
    assert stage.audit.entries == []
    assert stage.reactor.processes == []


@pytest.mark.parametrize("plain_rpc", [False, True])
@pytest.mark.parametrize(
    ("changed", "arguments", "rule_id"),
    [
        ({}, {"command": "mkfs /dev/sda"}, "default-blocklist"),
        ({}, {"command": "ls\0"}, "limits"),
        ({}, {"command": "ls", "env": {"A\0": "1"}}, "env-name"),
        ({}, {"command": "ls", "env": {"": "1"}}, "env-name"),
        ({"blocked_commands": ("curl",)}, {"command": "curl x"}, "operator-blocklist"),
        ({"allowed_commands": ("ls",)}, {"command": "lsof"}, "not-allowed"),
        ({"allowed_commands": ("ls",)}, {"command": "ls )"}, "shell-syntax"),
    ],
)
def test_a_denied_command_says_which_rule_and_why(
    changed: dict[str, Any], arguments: dict[str, Any], rule_id: str, plain_rpc: bool
) -> None:
    stage = Stage(**changed)
    answer = stage.call(plain_rpc=plain_rpc, **arguments)
    (refused,) = stage.audit.entries
    reason = str(refused.detail).removeprefix(f"{rule_id}: ")
    assert answer == Answer(
        facts={
            **NOT_RUN,
            "status": "denied",
            "rule_id": rule_id,
            "error": f"Command validation failed: {reason}",
        },
        is_error=True,
    )
    assert refused.kind == "refused"
    assert refused.command.principal == ANN
    assert stage.reactor.processes == []


def test_a_command_without_slot_and_place_is_busy_at_once() -> None:
    stage = Stage(max_concurrent=1, max_queued=1)
    stage.begin(command="first")
    waiting = stage.begin(command="second")
    answer = stage.call(command="third")
    (busy,) = (entry for entry in stage.audit.entries if entry.kind == "busy")
    assert isinstance(busy.detail, Busy)
    assert waiting == []
    assert answer == Answer(
        facts={
            **NOT_RUN,
            "status": "busy",
            "retry_after_seconds": 15,
            "error": busy.detail.reason,
        },
        is_error=True,
    )
    assert busy.command.request.command == "third"
    assert len(stage.reactor.processes) == 1


def test_a_command_that_waited_too_long_is_busy() -> None:
    stage = Stage(max_concurrent=1, max_queue_wait_seconds=4.0)
    stage.begin(command="first")
    waiting = stage.begin(command="second")
    stage.reactor.advance(4)
    (answer,) = waiting
    assert answer.facts["status"] == "busy"
    assert answer.facts["retry_after_seconds"] == 2
    assert "within 4s" in answer.facts["error"]


def test_a_command_that_waited_has_its_whole_time_and_not_the_wait_in_duration() -> (
    None
):
    stage = Stage(max_concurrent=1)
    stage.begin(command="first")
    waiting = stage.begin(command="second", timeout="2s")
    stage.reactor.advance(10)
    stage.process.exit(0)
    stage.reactor.advance(1.5)
    stage.process.exit(0)
    (answer,) = waiting
    assert answer.facts["duration"] == "1.5s"
    outcome = stage.audit.entries[-1].detail
    assert isinstance(outcome, Outcome)
    assert outcome.queued_seconds == 10


@pytest.mark.parametrize(
    ("arguments", "changed", "reason"),
    [
        (
            {"working_directory": "/no/such"},
            {},
            "working directory does not exist: /no/such",
        ),
        (
            {"working_directory": "/dev/null"},
            {},
            "working directory is not a directory: /dev/null",
        ),
        (
            {"env": {"A": "x" * 131_072}},
            {},
            "variable A is too long: 131074 bytes with its name, at most 131071",
        ),
        (
            {},
            {"shell": "/no/such"},
            "shell does not exist: /no/such (MCP_SHELL)",
        ),
    ],
)
def test_a_command_that_cannot_start_says_why(
    arguments: dict[str, Any], changed: dict[str, Any], reason: str
) -> None:
    stage = Stage(**changed)
    assert stage.call(command="ls", **arguments) == Answer(
        facts={**NOT_RUN, "status": "failed_to_start", "error": reason}, is_error=True
    )
    assert stage.audit.kinds == ["started", "failed"]
    assert stage.audit.entries[-1].detail == StartFailed(reason=reason)


def test_a_spawn_that_the_system_refuses_is_told_and_frees_the_slot() -> None:
    stage = Stage(max_concurrent=1)
    stage.reactor.spawn_error = OSError(errno.EAGAIN, "Resource unavailable")
    answer = stage.call(command="ls")
    assert answer.is_error
    assert answer.facts["status"] == "failed_to_start"
    assert answer.facts["error"] == "cannot start a process: Resource unavailable"
    assert stage.audit.kinds == ["started", "failed"]
    stage.reactor.spawn_error = None
    stage.begin(command="ls")
    assert len(stage.reactor.processes) == 1


# --- the audit -------------------------------------------------------------------


def test_the_audit_has_the_request_its_caller_and_its_outcome() -> None:
    stage = Stage()
    stage.begin(
        command="ls", working_directory="usr", timeout="2h", env={"A": "secret"}
    )
    stage.process.emit(1, b"out")
    stage.process.exit(3)
    started, ended = stage.audit.entries
    assert (started.kind, ended.kind) == ("started", "ended")
    assert started.command.id == ended.command.id
    assert started.command.request == CommandRequest(
        command="ls",
        working_directory="/usr",
        timeout_seconds=3600.0,
        env={"A": "secret"},
    )
    assert ended.command.request == started.command.request
    assert "secret" not in repr(started.command.request)
    assert (started.command.principal, ended.command.principal) == (ANN, ANN)
    assert ended.detail == Outcome(
        exit_code=3,
        ended_by=EndedBy.EXIT,
        duration_seconds=0.0,
        stdout=OutputWindow(head=b"out", total_bytes=3),
        stderr=OutputWindow(),
    )


def test_every_command_has_one_whole_story() -> None:
    stage = Stage(max_concurrent=1, max_queued=1)
    stage.begin(command="first")
    stage.begin(command="second", working_directory="/no/such")
    stage.begin(command="third")
    stage.begin(command="mkfs /dev/sda")
    stage.begin(command="")
    stage.process.exit(0)
    stage.begin(command="sleep 100")
    stage.reactor.advance(30)
    stage.reactor.advance(0)
    stories: dict[str, list[str]] = {}
    for entry in stage.audit.entries:
        stories.setdefault(entry.command.id, []).append(entry.kind)
    assert list(stories.values()) == [
        ["started", "ended"],
        ["busy"],
        ["refused"],
        ["started", "failed"],
        ["started", "ended"],
    ]


# --- the published shape ---------------------------------------------------------


def test_results_stay_structured_without_a_published_schema() -> None:
    stage = Stage(output_schema=False)
    assert not any("outputSchema" in tool for tool in stage.registry.described())
    answers = stage.begin(command="ls")
    stage.process.exit(0)
    assert answers[0].facts["exit_code"] == 0


@pytest.mark.parametrize(
    ("arguments", "valid"),
    [
        ({"command": "ls"}, True),
        ({"command": "ls", "timeout": "1s", "env": {"A": "1"}}, True),
        ({}, False),
        ({"command": None}, False),
        ({"command": "ls", "timeout": 1}, False),
        ({"command": "ls", "env": {"A": 1}}, False),
        ({"command": "ls", "cwd": "/"}, False),
    ],
)
def test_the_published_arguments_are_those_that_are_taken(
    arguments: dict[str, Any], valid: bool
) -> None:
    validator = jsonschema.Draft202012Validator(PUBLISHED["inputSchema"])
    assert validator.is_valid(arguments) is valid
    assert isinstance(read_arguments(Arguments, arguments), Arguments) is valid


def test_a_path_and_an_environment_past_their_limits_are_refused_by_number() -> None:
    stage = Stage()
    longest = "/" + "d" * 4094
    over = stage.call(command="true", working_directory=longest + "d")
    assert over.facts["error"] == (
        '"working_directory" is 4096 bytes long, at most 4095'
    )
    at_limit = stage.call(command="true", working_directory=longest)
    assert "does not exist" in at_limit.facts["error"]

    names = {f"N{number}": "" for number in range(1025)}
    refused = stage.call(command="true", env=names)
    assert refused.facts["error"] == '"env" has 1025 names, at most 1024'
    del names["N0"]
    assert stage.begin(command="true", env=names) == []
    stage.process.exit()


def test_a_large_result_is_made_in_a_turn_of_its_own_and_a_small_one_at_once() -> None:
    stage = Stage()
    small = stage.begin(command="true", plain_rpc=True)
    large = stage.begin(command="true", plain_rpc=True)
    first, second = stage.reactor.processes
    first.emit(1, b"x" * 64 * 1024)
    second.emit(1, b"x" * (64 * 1024 + 1))
    first.exit()
    second.exit()
    assert len(small) == 1
    assert large == []
    stage.reactor.advance(0)
    assert len(large) == 1
