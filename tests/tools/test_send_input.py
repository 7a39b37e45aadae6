"""``send_input``: what a job reads, what is refused, and what stays secret."""

from __future__ import annotations

from typing import Any

import pytest

from commander.commands import TerminalSize
from commander.testing import MemoryCaller
from tests.tools.kit import BOB, Answer, Stage

PASSWORD = "correct horse"


def send(stage: Stage, job_id: str, **arguments: Any) -> Answer:
    return stage.call("send_input", job_id=job_id, **{"wait_seconds": 0, **arguments})


def nothing_written(stage: Stage) -> bool:
    return stage.process.input == b"" and not stage.process.input_ended


def test_text_keys_and_the_end_are_written_in_this_order() -> None:
    stage = Stage()
    job_id = stage.start(tty=True)
    send(stage, job_id, text="é", keys=["up", "ctrl-c", "x", "enter"], eof=True)
    assert stage.process.input == "é".encode() + b"\x1b[A\x03x\r\x04"


def test_a_pipe_is_closed_at_the_end() -> None:
    stage = Stage()
    job_id = stage.start(keep_stdin_open=True)
    send(stage, job_id, text="a\n")
    assert not stage.process.input_ended
    send(stage, job_id, eof=True)
    assert stage.process.input == b"a\n"
    assert stage.process.input_ended


def test_what_is_printed_since_is_the_answer() -> None:
    stage = Stage()
    job_id = stage.start(tty=True)
    stage.process.emit(1, b"before\n")
    answers = stage.begin("send_input", job_id=job_id, text="ls\n")
    stage.process.emit(1, b"ls\r\nfile\r\n")
    stage.pump(1.9)
    assert answers == []
    stage.pump(0.2)
    (answer,) = answers
    assert answer.facts["output"] == "ls\nfile\n"
    assert answer.facts["start_cursor"] == 7
    read = stage.call("read_output", job_id=job_id)
    assert read.facts["output"] == ""
    stage.process.exit(0)


def test_the_wait_ends_when_it_asks_again_or_ends() -> None:
    stage = Stage()
    job_id = stage.start(tty=True)
    stage.evidence = lambda job: {
        "process": "sh",
        "blocked_in": "read",
        "on": "terminal",
    }
    answers = stage.begin("send_input", job_id=job_id, text="x", wait_seconds=40)
    stage.pump(1)
    assert answers[0].facts["status"] == "waiting_for_input"
    stage.evidence = lambda job: None
    answers = stage.begin("send_input", job_id=job_id, text="exit\n", wait_seconds=40)
    stage.process.exit(0)
    stage.pump(0.1)
    assert answers[0].facts["status"] == "exited"


def test_a_wait_is_clamped_and_told() -> None:
    stage = Stage()
    job_id = stage.start(tty=True)
    answers = stage.begin("send_input", job_id=job_id, text="x", wait_seconds=99)
    stage.pump(50.1, step=0.1)
    assert answers[0].facts["effective"] == {"wait_seconds": 50}


def test_a_terminal_gets_another_size() -> None:
    stage = Stage()
    job_id = stage.start(tty=True)
    assert not send(stage, job_id, terminal_size="132x50").is_error
    assert stage.process.terminal == TerminalSize(132, 50)
    assert stage.process.input == b""


def test_input_that_is_not_read_yet_is_told() -> None:
    stage = Stage()
    job_id = stage.start(keep_stdin_open=True)
    stage.process.reads_input = False
    answer = send(stage, job_id, text="12345")
    assert answer.facts["pending_input_bytes"] == 5
    assert "5 bytes of input not read yet" in answer.text


def test_too_much_unread_input_is_busy_with_a_time_to_try_again() -> None:
    stage = Stage()
    job_id = stage.start(keep_stdin_open=True)
    stage.process.reads_input = False
    assert not send(stage, job_id, text="x" * 1048576).is_error
    answer = send(stage, job_id, text="y")
    assert answer.is_error
    assert answer.facts["status"] == "busy"
    assert answer.facts["pending_input_bytes"] == 1048576
    assert answer.text == (
        f"{job_id} has not read 1048576 bytes of input yet, and 1 more would be over "
        "1048576; nothing was sent; try again in 1 seconds"
    )


@pytest.mark.parametrize(
    ("started", "given", "error"),
    [
        (
            {},
            {"text": "x"},
            'was started without an open standard input: start it with "tty" or '
            '"keep_stdin_open"',
        ),
        (
            {"keep_stdin_open": True},
            {"keys": ["enter"]},
            '"keys" are for terminals, and',
        ),
        (
            {"keep_stdin_open": True},
            {"terminal_size": "1x1"},
            '"terminal_size" is for jobs with "tty"',
        ),
        ({"tty": True}, {"keys": ["hyper-x"]}, '"keys": there is no key "hyper-x"'),
        ({"tty": True}, {"keys": ["a"] * 101}, '"keys" has 101 names, at most 100'),
        ({"tty": True}, {"keys": "enter"}, '"keys" must be an array, got a string'),
        ({"tty": True}, {"keys": [1]}, '"keys" must hold only strings'),
        ({"tty": True}, {"terminal_size": "0x0"}, '"terminal_size" is "0x0", which'),
        (
            {"tty": True},
            {"text": "x" * 1048577},
            '"text" is 1048577 bytes long, at most 1048576',
        ),
        ({"tty": True}, {"wait_seconds": -1}, '"wait_seconds" must be a number'),
        ({"stdin": "x"}, {"text": "y"}, "is closed, nothing was sent"),
    ],
)
def test_what_cannot_be_sent_says_why_and_sends_nothing(
    started: dict[str, Any], given: dict[str, Any], error: str
) -> None:
    stage = Stage()
    job_id = stage.start(**started)
    stage.process.input, stage.process.input_ended = b"", False
    answer = send(stage, job_id, **given)
    assert answer.is_error
    assert error in answer.facts["error"]
    assert nothing_written(stage)


def test_a_job_that_has_closed_its_input_or_ended_takes_none() -> None:
    stage = Stage()
    job_id = stage.start(keep_stdin_open=True)
    stage.process.close_input()
    assert (
        f"the standard input of {job_id} is closed"
        in send(stage, job_id, text="x").text
    )
    stage.process.exit(0)
    answer = send(stage, job_id, text="x")
    assert answer.is_error
    assert answer.text == (
        f"{job_id} has ended, nothing was sent; how it ended: "
        f'read_output(job_id="{job_id}")'
    )


def test_a_job_that_has_not_started_is_busy() -> None:
    stage = Stage(max_concurrent=1)
    stage.start()
    job_id = stage.start("second", keep_stdin_open=True)
    answer = send(stage, job_id, text="x")
    assert answer.is_error
    assert answer.facts["status"] == "busy"


def test_nobody_writes_to_somebody_elses_job() -> None:
    stage = Stage()
    job_id = stage.start(tty=True)
    answer = send(stage, job_id, principal=BOB, text="x")
    assert answer.facts["status"] == "unknown"
    assert nothing_written(stage)


@pytest.mark.parametrize("command", ["bash", "/bin/sh -i", "true | dash"])
def test_a_shell_is_not_typed_what_the_blocklist_names(command: str) -> None:
    stage = Stage()
    job_id = stage.start(command, tty=True)
    answer = send(stage, job_id, text="mkfs /dev/sda\n")
    assert answer.is_error
    assert answer.facts["status"] == "denied"
    assert answer.facts["rule_id"] == "default-blocklist"
    assert answer.text.startswith("nothing was sent: ")
    assert "(rule default-blocklist)" in answer.text
    assert nothing_written(stage)


@pytest.mark.parametrize(
    ("command", "text"),
    [("bash", "ls\n"), ("bash", "if true\n"), ("python3", "mkfs\n"), ("bash", "\n")],
)
def test_anything_else_is_typed(command: str, text: str) -> None:
    stage = Stage()
    job_id = stage.start(command, tty=True)
    assert not send(stage, job_id, text=text).is_error
    assert stage.process.input == text.encode()


# --- secrets -----------------------------------------------------------------------


def test_what_was_typed_in_secret_is_shown_nowhere() -> None:
    stage = Stage()
    caller = MemoryCaller(wants_output=True, wants_progress=True)
    job_id = stage.start(tty=True)
    stage.evidence = lambda job: {
        "process": "sh",
        "blocked_in": "read",
        "on": "terminal",
        "prompt": f"{PASSWORD} is wrong:",
    }
    sent = stage.begin(
        "send_input",
        job_id=job_id,
        text=f"{PASSWORD}\n",
        secret=True,
        wait_seconds=9,
        caller=caller,
    )
    assert stage.process.input == f"{PASSWORD}\n".encode()
    stage.process.emit(1, f"{PASSWORD}\r\n<{PASSWORD}>\r\n".encode())
    stage.pump(1)
    answers = [
        *sent,
        *(
            stage.call("read_output", job_id=job_id, cursor=0, **given)
            for given in ({}, {"view": "raw"}, {"match": "correct"})
        ),
        stage.call("read_output", job_id=job_id, tail_lines=3),
    ]
    stage.process.exit(0)
    answers.append(stage.call("list_jobs"))
    said = "".join(answer.text + repr(answer.facts) for answer in answers)
    said += repr((caller.progressed, caller.logged)) + "".join(stage.log.lines())
    said += repr([entry.command for entry in stage.audit.entries])
    assert PASSWORD not in said
    assert answers[0].facts["output"] == "[secret]\n<[secret]>\n"
    assert answers[3].facts["output"] == "1: [secret]\n2: <[secret]>"
    assert caller.logged[0][2] == "[secret]\r\n<[secret]>\r\n"
    assert 'prompt "[secret] is wrong:"' in answers[0].text


def test_a_secret_that_two_pages_share_is_hidden_in_both() -> None:
    stage = Stage()
    job_id = stage.start(tty=True)
    send(stage, job_id, text=PASSWORD, secret=True)
    stage.process.emit(1, b"x" * 56 + PASSWORD.encode() + b"y" * 56)
    shown = [
        stage.call("read_output", job_id=job_id, max_bytes=64).facts["output"]
        for _ in range(2)
    ]
    assert shown == ["x" * 56 + "[secret]", "[secret]" + "y" * 56]


def test_each_line_is_a_secret_and_each_counts_once() -> None:
    stage = Stage()
    job_id = stage.start(tty=True)
    for _ in range(20):
        assert not send(stage, job_id, text="first one\nsecond\n", secret=True).is_error
    stage.process.emit(1, b"first one, then second")
    answer = stage.call("read_output", job_id=job_id)
    assert answer.facts["output"] == "[secret], then [secret]"


@pytest.mark.parametrize(
    ("text", "length"),
    [("", 0), ("abc\n", 3), ("long enough\nno\n", 2), ("x" * 1025, 1025)],
)
def test_what_cannot_be_hidden_is_not_sent_as_a_secret(text: str, length: int) -> None:
    stage = Stage()
    job_id = stage.start(tty=True)
    answer = send(stage, job_id, text=text, secret=True)
    assert answer.facts["error"] == (
        f'"secret": "text" has a line of {length} characters, and only 4 to 1024 can '
        "be hidden in the output"
    )
    assert nothing_written(stage)


def test_a_job_takes_some_secrets_and_no_more() -> None:
    stage = Stage()
    job_id = stage.start(tty=True)
    for number in range(16):
        assert not send(stage, job_id, text=f"secret-{number}", secret=True).is_error
    answer = send(stage, job_id, text="another", secret=True)
    assert answer.facts["error"] == (
        '"secret": that would be 17 secrets of this job, at most 16'
    )
    assert not send(stage, job_id, text="secret-3", secret=True).is_error
