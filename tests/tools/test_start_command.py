"""``start_command``: jobs begun, found again by their key, refused, and cancelled."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from commander.commands import Stdin, TerminalSize
from commander.testing import MemoryCaller
from tests.tools.kit import ANN, BOB, Answer, Stage


def begin(stage: Stage, command: str = "make", **arguments: Any) -> list[Answer]:
    return stage.begin("start_command", command=command, **arguments)


# --- how a job stands --------------------------------------------------------------


def test_a_command_that_ends_in_time_is_answered_with_its_end_and_output() -> None:
    stage = Stage()
    answers = begin(stage, "make all")
    stage.reactor.advance(1.5)
    stage.process.emit(1, b"out\n")
    stage.process.emit(2, b"err\n")
    assert answers == []
    stage.process.exit(3)
    (answer,) = answers
    facts = answer.facts
    assert not answer.is_error
    assert (facts["status"], facts["exit_code"], facts["ended_by"]) == (
        "exited",
        3,
        "exit",
    )
    assert (facts["output"], facts["next_cursor"]) == ("out\nerr\n", 8)
    assert (facts["stdout_bytes"], facts["stderr_bytes"]) == (4, 4)
    assert facts["expires_in_seconds"] == 3600
    assert "hint" not in facts
    assert answer.links == ()
    assert answer.text == (
        f"{facts['job_id']} exited 3 after 1.5s, cwd /; kept for 1h0m0s\n"
        "stdout+stderr, bytes 0 to 8 of 8:\nout\nerr\n"
    )


def test_a_command_without_output_is_one_line() -> None:
    stage = Stage()
    answers = begin(stage, "grep x y")
    stage.process.exit(1)
    assert answers[0].text == (
        f"{answers[0].facts['job_id']} exited 1 (no line matched) after 0s, no output, "
        "cwd /; kept for 1h0m0s"
    )


def test_a_command_that_goes_on_says_so_and_what_to_do_next() -> None:
    stage = Stage()
    answers = begin(stage, label="dev server", wait_seconds=2)
    stage.process.emit(1, b"listening\n")
    stage.pump(1.9)
    assert answers == []
    stage.pump(0.2)
    (answer,) = answers
    facts = answer.facts
    assert facts["status"] == "running"
    assert not facts.keys() & {"exit_code", "ended_by", "signal", "error"}
    call = f'read_output(job_id="{facts["job_id"]}", wait_seconds=50, until="exit")'
    assert facts["hint"] == f"still running and using resources; next: {call}"
    assert facts["label"] == "dev server"
    assert answer.links[0]["uri"] == f"job://{facts['job_id']}/output"
    assert "has run for 2s, silent for 2s" in answer.text
    stage.process.exit(0)


@pytest.mark.parametrize(("wanted", "waited"), [(51, 50.0), (1e300, 50.0), (50, 50.0)])
def test_a_wait_is_clamped_and_told(wanted: float, waited: float) -> None:
    stage = Stage()
    answers = begin(stage, wait_seconds=wanted, timeout="10m")
    stage.pump(waited - 0.5, step=0.5)
    assert answers == []
    stage.pump(0.5, step=0.5)
    effective = answers[0].facts.get("effective")
    assert effective == ({"wait_seconds": 50} if wanted > 50 else None)


def test_with_a_progress_token_a_call_waits_longer_and_tells_what_is_new() -> None:
    stage, caller = Stage(), MemoryCaller(wants_progress=True)
    answers = begin(stage, wait_seconds=700, caller=caller)
    stage.process.emit(1, b"compiling\n")
    stage.pump(599, step=0.5)
    assert answers == []
    assert caller.progressed[0][1] == "compiling"
    assert len(caller.progressed) > 599 / 15
    stage.pump(1, step=0.5)
    assert answers[0].facts["effective"] == {"wait_seconds": 600}


@pytest.mark.parametrize(
    ("given", "effective"),
    [
        ({"output_bytes": 1}, {"output_bytes": 64}),
        ({"output_bytes": 10**9}, {"output_bytes": 65536}),
        ({"timeout": "99h"}, {"timeout": "1h0m0s"}),
        ({"timeout": "1h"}, None),
        ({}, None),
    ],
)
def test_what_was_clamped_is_told(
    given: dict[str, Any], effective: dict[str, Any] | None
) -> None:
    stage = Stage()
    answers = begin(stage, **given)
    stage.process.exit(0)
    assert answers[0].facts.get("effective") == effective


def test_long_output_is_shown_by_both_ends_with_the_call_for_the_rest() -> None:
    stage = Stage()
    answers = begin(stage, output_bytes=100)
    stage.process.emit(1, b"".join(b"%04d\n" % number for number in range(1000)))
    stage.process.exit(0)
    facts = answers[0].facts
    head, marker, tail = facts["output"].partition("\n[... ")
    assert head == "0000\n0001\n0002\n0003\n0004\n"
    assert tail.endswith("0998\n0999\n")
    assert marker
    assert f'read_output(job_id="{facts["job_id"]}", cursor=25)' in facts["output"]
    assert facts["truncated"]
    assert (facts["omitted_bytes"], facts["omitted_lines"]) == (4900, 980)
    assert "evicted_bytes" not in facts
    assert len(answers[0].links) == 1


def test_what_is_not_kept_is_told_as_gone_and_no_call_is_offered_for_it() -> None:
    stage = Stage(max_output_bytes=100)
    answers = begin(stage, output_bytes=100)
    stage.process.emit(1, b"".join(b"%04d\n" % number for number in range(1000)))
    stage.process.exit(0)
    facts = answers[0].facts
    assert facts["omitted_bytes"] == facts["evicted_bytes"] == 4900
    assert not facts["truncated"]  # which says that there is more to fetch
    assert answers[0].links == ()
    assert "not kept any more ...]" in facts["output"]
    assert "read_output" not in facts["output"]


def test_of_what_is_kept_in_part_both_are_told() -> None:
    stage = Stage(max_output_bytes=1000)
    answers = begin(stage, output_bytes=100)
    stage.process.emit(1, b"x" * 5000)
    stage.process.exit(0)
    facts = answers[0].facts
    assert (facts["omitted_bytes"], facts["evicted_bytes"]) == (4900, 4000)
    assert "4,000 of them not kept any more, the rest: read_out" in facts["output"]


def test_colours_overwritten_lines_and_long_ones_are_cleaned_and_counted() -> None:
    stage = Stage()
    answers = begin(stage)
    stage.process.emit(1, b"\x1b[31mred\x1b[0m\n10%\r20%\r99%\n\xff\n" + b"x" * 5000)
    stage.process.exit(0)
    facts = answers[0].facts
    assert facts["output"].startswith("red\n99%\n\ufffd\nxxx")
    assert facts["cleaned"] == {
        "ansi_sequences": 2,
        "cr_rewrites": 2,
        "invalid_bytes": 1,
        "long_lines_cut": 1,
    }


# --- how it is ended ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "ended_by", "error"),
    [
        ({"timeout": "2s"}, "timeout", "command timed out after 2s"),
        (
            {"idle_timeout": "2s"},
            "idle_timeout",
            "command printed nothing for 2s (idle_timeout)",
        ),
    ],
)
@pytest.mark.parametrize("exit_code", [None, 0])
def test_a_job_that_is_ended_is_no_success(
    given: dict[str, Any], ended_by: str, error: str, exit_code: int | None
) -> None:
    """Not even one that exits with zero when it is asked to end."""
    stage = Stage()
    answers = begin(stage, **given)
    if exit_code is not None:
        stage.process.ignore("SIGTERM")
    stage.pump(2.1)
    if exit_code is not None:
        stage.process.exit(exit_code)
        stage.pump(0.1)
    (answer,) = answers
    facts = answer.facts
    assert (facts["status"], facts["ended_by"]) == ("killed", ended_by)
    assert facts["error"] == error
    assert "exit_code" not in facts
    assert "exited" not in answer.text


def test_output_puts_the_idle_timeout_off_and_the_timeout_comes_all_the_same() -> None:
    stage = Stage()
    answers = begin(stage, idle_timeout="3s", timeout="8s")
    for _ in range(4):
        stage.pump(2)
        stage.process.emit(1, b".")
    stage.pump(0.1)
    assert answers[0].facts["ended_by"] == "timeout"


@pytest.mark.parametrize("idle_timeout", ["1h", "9" * 60 + "h"])
def test_an_idle_timeout_beyond_the_timeout_does_nothing(idle_timeout: str) -> None:
    stage = Stage()
    answers = begin(stage, idle_timeout=idle_timeout, timeout="1s")
    stage.pump(1.1)
    assert answers[0].facts["ended_by"] == "timeout"


@pytest.mark.parametrize("name", ["timeout", "idle_timeout", "label", "shell_id"])
@pytest.mark.parametrize("empty", ["", None])
def test_an_empty_argument_is_its_default(name: str, empty: str | None) -> None:
    stage = Stage()
    given: dict[str, Any] = {name: empty}
    begin(stage, **given)
    assert stage.audit.entries[0].command.request.timeout_seconds == 3600
    stage.process.exit(0)


def test_a_signal_of_somebody_else_is_named() -> None:
    stage = Stage()
    answers = begin(stage)
    stage.process.exit(signal_name="SIGSEGV")
    facts = answers[0].facts
    assert (facts["status"], facts["signal"]) == ("killed", "SIGSEGV")
    assert facts["error"] == "command ended by SIGSEGV, which the server did not send"


def test_processes_left_behind_are_told() -> None:
    stage = Stage()
    answers = begin(stage, "sleep 100 &")
    stage.process.leave_behind()
    stage.process.exit(0)
    stage.pump(1)
    facts = answers[0].facts
    assert facts["background_processes"] == 1
    assert facts["hint"] == (
        "processes left in the background were ended with the command"
    )


# --- its input ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "stdin", "read", "ended"),
    [
        ({}, Stdin.EMPTY, b"", False),
        ({"stdin": "é\n"}, Stdin.PIPE, "é\n".encode(), True),
        ({"stdin": "a", "keep_stdin_open": True}, Stdin.PIPE, b"a", False),
        ({"keep_stdin_open": True}, Stdin.PIPE, b"", False),
        ({"tty": True}, Stdin.TERMINAL, b"", False),
        ({"tty": True, "stdin": "a\n"}, Stdin.TERMINAL, b"a\n\x04", False),
    ],
)
def test_what_standard_input_is(
    given: dict[str, Any], stdin: Stdin, read: bytes, ended: bool
) -> None:
    stage = Stage()
    begin(stage, **given)
    assert stage.audit.entries[0].command.request.stdin is stdin
    assert stage.process.input == read
    assert stage.process.input_ended is ended


def test_a_terminal_has_the_size_that_was_asked_for() -> None:
    stage = Stage()
    begin(stage, tty=True, terminal_size="120x40")
    assert stage.process.terminal == TerminalSize(120, 40)
    begin(stage, tty=True)
    assert stage.process.terminal == TerminalSize(80, 24)


def test_who_waits_for_input_is_told_at_once_with_the_evidence() -> None:
    stage = Stage()
    stage.evidence = lambda job: {
        "process": "python3",
        "pid": 7,
        "blocked_in": "read",
        "on": "terminal",
        "echo": False,
        "prompt": "Password:",
    }
    answers = begin(stage, "python3 ask.py", tty=True, wait_seconds=40)
    stage.pump(1)
    (answer,) = answers
    job_id = answer.facts["job_id"]
    assert answer.facts["status"] == "waiting_for_input"
    assert answer.facts["hint"] == f'next: send_input(job_id="{job_id}", text="...\\n")'
    assert (
        "waits for input: python3 is blocked in read on its terminal, echo off, prompt "
        '"Password:"'
    ) in answer.text


def test_a_server_that_can_be_typed_to_is_waited_for_all_the_same() -> None:
    """It waits for its clients as well, and may do so for ever."""
    stage = Stage()
    stage.evidence = lambda job: {"blocked_in": "poll", "on": "terminal", "others": 3}
    answers = begin(stage, "serve", tty=True, wait_seconds=40)
    stage.pump(39)
    assert answers == []
    stage.pump(1.1)
    (answer,) = answers
    assert answer.facts["status"] == "waiting_for_input"


# --- refusals ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"command": " "}, "command is required"),
        ({"timeout": "0"}, 'Invalid timeout format: "0" is not a duration'),
        ({"timeout": "soon"}, 'Invalid timeout format: "soon" is not a duration'),
        ({"idle_timeout": "-1s"}, 'Invalid idle_timeout format: "-1s" is not'),
        ({"wait_seconds": -1}, '"wait_seconds" must be a number of at least 0, got -1'),
        ({"wait_seconds": "2"}, '"wait_seconds" must be a number of at least 0, got'),
        ({"label": "x" * 81}, '"label" is 81 characters long, at most 80'),
        ({"label": "a\nb"}, '"label" holds a control character'),
        (
            {"idempotency_key": "k" * 129},
            '"idempotency_key" is 129 characters long, at most 128',
        ),
        ({"idempotency_key": "\0"}, '"idempotency_key" holds a control character'),
        ({"stdin": "x" * 1048577}, '"stdin" is 1048577 bytes long, at most 1048576'),
        ({"terminal_size": "80x24"}, '"terminal_size" is for jobs with "tty"'),
        (
            {"terminal_size": "80x2400", "tty": True},
            '"terminal_size" is "80x2400", which is not COLUMNSxROWS such as 120x40, '
            "at most 1000 each",
        ),
        ({"comand": "ls"}, 'unknown argument "comand"; did you mean "command"?'),
        ({"env": {"A": "secret\0"}}, '"env": the value of "A" holds a NUL character'),
    ],
)
def test_arguments_that_do_not_fit_start_nothing_and_say_why(
    given: dict[str, Any], error: str
) -> None:
    stage = Stage()
    answer = stage.call("start_command", **{"command": "ls", **given})
    assert answer.is_error
    assert answer.facts["status"] == "refused"
    assert error in answer.facts["error"]
    assert "secret" not in answer.text
    assert (stage.audit.entries, stage.reactor.processes) == ([], [])
    assert stage.call("list_jobs").facts["jobs"] == []


@pytest.mark.parametrize(
    ("changed", "given", "rule_id"),
    [
        ({}, {"command": "mkfs /dev/sda"}, "default-blocklist"),
        ({"allowed_commands": ("ls",)}, {"command": "lsof"}, "not-allowed"),
        ({"terminals": "off"}, {"command": "ls", "tty": True}, "terminal"),
        (
            {"allowed_commands": ("ls",)},
            {"command": "ls", "tty": True},
            "terminal",
        ),
    ],
)
def test_what_the_policy_denies_is_an_error_with_its_rule(
    changed: dict[str, Any], given: dict[str, Any], rule_id: str
) -> None:
    stage = Stage(**changed)
    answer = stage.call("start_command", **given)
    assert answer.is_error
    assert (answer.facts["status"], answer.facts["rule_id"]) == ("denied", rule_id)
    assert "not a decision of the user" in answer.text
    assert stage.audit.kinds == ["refused"]
    assert stage.call("list_jobs").facts["jobs"] == []


def test_a_job_that_does_not_start_is_an_error() -> None:
    stage = Stage()
    answer = stage.call("start_command", command="ls", working_directory="/no/such")
    assert answer.is_error
    assert answer.facts == {
        "status": "failed_to_start",
        "error": "working directory does not exist: /no/such",
    }
    stage.reactor.spawn_error = OSError(errno.EAGAIN, "Resource unavailable")
    assert stage.call("start_command", command="ls").facts["error"] == (
        "cannot start a process: Resource unavailable"
    )


def test_busy_says_when_to_try_again() -> None:
    stage = Stage(max_concurrent=1, max_queued=1)
    stage.start()
    waiting = begin(stage, "second", wait_seconds=1)
    answer = stage.call("start_command", command="third")
    assert answer.is_error
    assert answer.facts["status"] == "busy"
    assert answer.facts["retry_after_seconds"] == 15
    assert answer.text.endswith("; try again in 15 seconds")
    stage.pump(1.1)
    facts = waiting[0].facts
    assert facts["status"] == "queued"
    assert facts["hint"].startswith("waiting for a free slot; next: read_output(")
    assert "has not started" in waiting[0].text


def test_a_job_that_waited_in_vain_is_an_error_of_the_call_that_waits() -> None:
    stage = Stage(max_concurrent=1, max_queue_wait_seconds=4.0)
    stage.start()
    answers = begin(stage, "second")
    stage.pump(4.1)
    (answer,) = answers
    assert answer.is_error
    assert answer.facts["status"] == "busy"
    assert "job_id" not in answer.facts


def test_a_job_that_waited_in_vain_is_told_to_who_reads_it_later() -> None:
    stage = Stage(max_concurrent=1, max_queue_wait_seconds=4.0)
    stage.start()
    job_id = stage.start("second")
    stage.pump(4.1)
    answer = stage.call("read_output", job_id=job_id)
    assert not answer.is_error
    assert answer.facts["status"] == "busy"
    assert f"{job_id} busy: " in answer.text


# --- the same again ----------------------------------------------------------------


def test_the_same_key_gives_the_same_job_and_starts_one_process() -> None:
    stage = Stage()
    first = stage.start(idempotency_key="k")
    answers = begin(stage, idempotency_key="k", wait_seconds=5, output_bytes=100)
    stage.process.emit(1, b"done")
    stage.process.exit(0)
    assert answers[0].facts["job_id"] == first
    assert answers[0].facts["output"] == "done"
    assert stage.start(idempotency_key="k") == first
    assert len(stage.reactor.processes) == 1


@pytest.mark.parametrize(
    "other", [{"command": "make clean"}, {"env": {"A": "1"}}, {"stdin": "x"}]
)
def test_a_key_with_other_arguments_is_refused_with_the_job_that_has_it(
    other: dict[str, Any],
) -> None:
    stage = Stage()
    job_id = stage.start(idempotency_key="k")
    arguments = {"command": "make", "idempotency_key": "k", **other}
    answer = stage.call("start_command", **arguments)
    assert answer.is_error
    assert f'"k" was used with other arguments, by {job_id}' in answer.text
    assert len(stage.reactor.processes) == 1


def test_the_key_of_somebody_else_is_another_key() -> None:
    stage = Stage()
    stage.start(idempotency_key="k")
    stage.call(
        "start_command",
        principal=BOB,
        command="make",
        idempotency_key="k",
        wait_seconds=0,
    )
    assert len(stage.reactor.processes) == 2


def test_a_key_whose_job_was_refused_can_be_tried_again() -> None:
    stage = Stage()
    arguments = {"command": "ls", "working_directory": "/no/such", "idempotency_key": 1}
    arguments["idempotency_key"] = "k"
    assert stage.call("start_command", **arguments).is_error
    job_id = stage.start("ls", idempotency_key="k")
    assert job_id


# --- clients that leave ------------------------------------------------------------


def test_a_call_that_is_cancelled_takes_its_job_along() -> None:
    stage, caller = Stage(), MemoryCaller()
    begin(stage, caller=caller)
    caller.cancellation.cancel()
    stage.pump(0.1)
    (row,) = stage.call("list_jobs").facts["jobs"]
    assert (row["status"], row["ended_by"]) == ("killed", "cancelled")


def test_a_call_with_a_key_leaves_its_job_for_who_comes_back() -> None:
    stage, caller = Stage(), MemoryCaller()
    answers = begin(stage, caller=caller, idempotency_key="k", wait_seconds=40)
    caller.cancellation.cancel()
    stage.pump(1)
    assert answers[0].facts["status"] == "running"
    assert stage.process.signals == []


def test_after_its_answer_a_job_is_not_the_calls_any_more() -> None:
    stage, caller = Stage(), MemoryCaller()
    begin(stage, caller=caller, wait_seconds=1)
    stage.pump(1.1)
    caller.cancellation.cancel()
    stage.pump(1)
    assert stage.process.signals == []
    assert caller.flow is None


# --- secrets -----------------------------------------------------------------------


def test_variables_and_input_are_in_no_result_log_or_record() -> None:
    stage = Stage()
    answers = begin(
        stage, env={"TOKEN": "hunter2hunter2"}, stdin="hunter3hunter3", label="x"
    )
    stage.process.exit(1)
    listed = stage.call("list_jobs")
    said = "".join(
        [answers[0].text, str(answers[0].facts), listed.text, *stage.log.lines()]
    )
    said += repr([entry.command.request for entry in stage.audit.entries])
    assert "hunter" not in said
    job = stage.services.table.of(ANN)[0]
    assert "hunter" not in repr((job.request, job.kind))


# --- shells ------------------------------------------------------------------------


def test_a_shell_keeps_its_directory_and_variables() -> None:
    stage = Stage()
    shell_id = stage.call("open_shell", env={"A": "1"}).facts["shell_id"]
    first = begin(stage, "cd /usr; export B=2", shell_id=shell_id)
    assert stage.process.env["A"] == "1"
    stage.process.emit(3, b"/usr\0export A='1'\nexport B='2'\n\0A='1'\nB='2'\n\0")
    stage.process.exit(0)
    facts = first[0].facts
    assert (facts["cwd"], facts["shell_cwd"]) == ("/", "/usr")
    assert f"{shell_id} is now in /usr" in first[0].text
    second = begin(stage, "pwd", shell_id=shell_id, wait_seconds=0)
    assert stage.process.directory == "/usr"
    assert stage.process.env["B"] == "2"
    assert second[0].facts["shell_id"] == shell_id
    assert "shell_cwd" not in second[0].facts


def test_what_a_shell_could_not_keep_is_told_and_bounded() -> None:
    stage = Stage()
    shell_id = stage.call("open_shell").facts["shell_id"]
    answers = begin(stage, "x", shell_id=shell_id)
    names = [f"N{number}" for number in range(1024 + 30)]
    exports = "".join(f"export {name}='x'\n" for name in names)
    lines = "".join(f"{name}='x'\n" for name in names)
    stage.process.emit(3, f"/\0{exports}\0{lines}\0".encode())
    stage.process.exit(0)
    (answer,) = answers
    dropped = answer.facts["dropped_variables"]
    assert dropped == [*(f"N{1024 + n}" for n in range(20)), "and 10 more"]
    assert "has not kept N1024, N1025, " in answer.text


def test_a_shell_runs_one_command_at_a_time() -> None:
    stage = Stage()
    shell_id = stage.call("open_shell").facts["shell_id"]
    job_id = stage.start(shell_id=shell_id)
    stage.pump(3)
    answer = stage.call("start_command", command="ls", shell_id=shell_id)
    assert answer.is_error
    assert (answer.facts["status"], answer.facts["running"]) == ("busy", job_id)
    assert f"the shell is running {job_id} for 3s" in answer.text


def test_a_shell_whose_directory_is_gone_says_how_to_leave_it(tmp_path: Path) -> None:
    stage = Stage()
    shell_id = stage.call("open_shell", working_directory=str(tmp_path)).facts[
        "shell_id"
    ]
    tmp_path.rmdir()
    for directory in ("", "below"):
        answer = stage.call(
            "start_command",
            command="ls",
            shell_id=shell_id,
            working_directory=directory,
        )
        assert answer.is_error
        assert str(tmp_path) in answer.text
        assert 'name an absolute "working_directory" to leave it' in answer.text
    assert stage.reactor.processes == []
    begin(stage, "pwd", shell_id=shell_id, working_directory="/usr")
    assert stage.process.directory == "/usr"


def test_a_terminal_shell_gives_its_commands_terminals_of_a_size() -> None:
    stage = Stage()
    shell_id = stage.call("open_shell", tty=True).facts["shell_id"]
    begin(stage, shell_id=shell_id, terminal_size="100x30")
    assert stage.process.terminal == TerminalSize(100, 30)
    other = stage.call("open_shell").facts["shell_id"]
    answer = stage.call(
        "start_command", command="ls", shell_id=other, terminal_size="100x30"
    )
    assert answer.facts["error"] == '"terminal_size" is for jobs with "tty"'


def test_no_shell_of_somebody_else_is_found() -> None:
    stage = Stage()
    shell_id = stage.call("open_shell").facts["shell_id"]
    for principal, handle in [
        (BOB, shell_id),
        (ANN, "shell_x"),
        (ANN, "job_x"),
        (ANN, shell_id[:-1]),
    ]:
        answer = stage.call(
            "start_command", principal=principal, command="ls", shell_id=handle
        )
        assert answer.facts["status"] == "unknown"
        assert "no such shell of yours; open_shell opens another" in answer.text
    assert stage.reactor.processes == []
