"""``open_shell``: what a shell begins with, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tools.kit import BOB, Stage


def test_a_shell_is_open_in_its_directory_and_nothing_runs() -> None:
    stage = Stage()
    answer = stage.call("open_shell", working_directory="usr", env={"A": "hunter2"})
    facts = answer.facts
    shell_id = facts["shell_id"]
    assert not answer.is_error
    assert facts == {
        "status": "open",
        "shell_id": shell_id,
        "cwd": "/usr",
        "idle_ttl": "30m0s",
    }
    assert answer.text == (
        f"{shell_id} is open in /usr; forgotten after 30m0s without a command; "
        f'next: start_command(shell_id="{shell_id}", command=...)'
    )
    assert stage.reactor.processes == []
    assert "hunter2" not in "".join(stage.log.lines())


@pytest.mark.parametrize(
    ("idle_ttl", "kept", "effective"),
    [
        ("", "30m0s", None),
        (" ", "30m0s", None),
        ("90", "1m30s", None),
        ("24h", "24h0m0s", None),
        ("25h", "24h0m0s", {"idle_ttl": "24h0m0s"}),
    ],
)
def test_how_long_a_shell_is_kept(
    idle_ttl: str, kept: str, effective: dict[str, str] | None
) -> None:
    facts = Stage().call("open_shell", idle_ttl=idle_ttl).facts
    assert facts["idle_ttl"] == kept
    assert facts.get("effective") == effective


def test_a_shell_that_nobody_uses_is_forgotten() -> None:
    stage = Stage()
    shell_id = stage.call("open_shell", idle_ttl="10s").facts["shell_id"]
    stage.pump(9)
    stage.start(shell_id=shell_id)
    stage.process.exit(0)
    stage.pump(9)
    stage.start(shell_id=shell_id)
    stage.process.exit(0)
    stage.pump(11)
    answer = stage.call("start_command", command="ls", shell_id=shell_id)
    assert answer.facts["status"] == "expired"
    assert "not used for its idle_ttl" in answer.text


@pytest.mark.parametrize(
    ("changed", "given", "rule_id"),
    [
        ({"terminals": "off"}, {"tty": True}, "terminal"),
        ({"allowed_commands": ("ls",)}, {"tty": True}, "terminal"),
        ({"allowed_commands": ("ls",)}, {"env": {"PATH": "x"}}, "env-name"),
        ({}, {"env": {"": "x"}}, "env-name"),
        (
            {"allowed_commands": ("ls",), "workspace": ("/usr",)},
            {"working_directory": "/etc"},
            "working-directory",
        ),
    ],
)
def test_what_the_policy_denies_opens_nothing(
    changed: dict[str, Any], given: dict[str, Any], rule_id: str
) -> None:
    answer = Stage(**changed).call("open_shell", **given)
    assert answer.is_error
    assert (answer.facts["status"], answer.facts["rule_id"]) == ("denied", rule_id)
    assert "shell_id" not in answer.facts


def test_an_allow_list_does_not_keep_a_shell_from_opening() -> None:
    stage = Stage(allowed_commands=("ls",))
    shell_id = stage.call("open_shell").facts["shell_id"]
    denied = stage.call("start_command", command="id", shell_id=shell_id)
    assert denied.facts["status"] == "denied"
    stage.start("ls", shell_id=shell_id)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"idle_ttl": "0"}, 'Invalid idle_ttl format: "0" is not a duration'),
        ({"idle_ttl": "soon"}, 'Invalid idle_ttl format: "soon" is not'),
        ({"working_directory": "/no/such"}, "working directory does not exist: /no/su"),
        ({"working_directory": "/\0"}, '"working_directory" must not hold a NUL'),
        ({"env": {"A": 1}}, '"env": the value of "A" must be a string'),
        ({"command": "ls"}, 'unknown argument "command"; the tool takes: working_di'),
    ],
)
def test_arguments_that_do_not_fit_open_nothing(
    given: dict[str, Any], error: str
) -> None:
    answer = Stage().call("open_shell", **given)
    assert answer.is_error
    assert error in answer.facts["error"]


def test_one_has_so_many_shells_and_no_more() -> None:
    stage = Stage()
    handles = [stage.call("open_shell").facts["shell_id"] for _ in range(64)]
    answer = stage.call("open_shell")
    assert answer.is_error
    assert answer.facts["status"] == "busy"
    assert "you have 64 shells open, which is the most" in answer.text
    assert not stage.call("open_shell", principal=BOB).is_error
    stage.call("signal_job", job_id=handles[0])
    assert not stage.call("open_shell").is_error
