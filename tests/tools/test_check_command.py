"""``check_command``: a decision told, and nothing run or recorded."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from twisted.internet.defer import Deferred

from commander.execution.admission import Admission
from commander.execution.executor import Executor, Start
from commander.execution.runner import CommandRunner
from commander.policy.allow.targets import Places
from commander.policy.checker import PolicyChecker
from commander.policy.denials import MAX_QUOTED_CHARACTERS
from commander.policy.lists import PolicyLists
from commander.principals import Principal
from commander.testing import MemoryAudit, ProcessReactor
from commander.tools.check_command import CheckCommand
from commander.tools.registry import CallContext, ToolAnswer, ToolRegistry

MAX_SEGMENTS = 50


class Stage:
    """The tool with all that is below it, on a reactor in memory."""

    def __init__(self, *allowed: str, workspace: tuple[str, ...] = ()) -> None:
        self.reactor = ProcessReactor()
        self.audit = MemoryAudit()
        runner = CommandRunner(
            checker=PolicyChecker(
                PolicyLists(
                    allowed=allowed,
                    blocked=(),
                    use_default_blocklist=True,
                    allowed_env=(),
                    places=Places(workspace=workspace, directory="/usr"),
                )
            ),
            admission=Admission(
                clock=self.reactor,
                monotonic=self.reactor.seconds,
                max_concurrent=1,
                max_per_principal=1,
                max_queued=0,
                max_wait_seconds=1.0,
            ),
            executor=Executor(
                spawner=self.reactor,
                start=Start(
                    shell="/bin/sh",
                    shell_arg="-c",
                    directory="/usr",
                    environ={},
                    stdin_descriptor=0,
                ),
                supervision=self.reactor.supervision(),
            ),
            audit=self.audit,
        )
        self.registry = ToolRegistry([CheckCommand(runner)], with_output_schema=True)

    def call(self, **arguments: Any) -> ToolAnswer:
        """Call the tool; it has to answer at once, and to leave no trace."""
        answers: list[ToolAnswer] = []
        Deferred.fromCoroutine(
            self.registry.call(
                "check_command", arguments, CallContext(principal=Principal("ann"))
            )
        ).addCallback(answers.append)
        (answer,) = answers
        assert self.reactor.processes == []
        assert self.audit.entries == []
        return answer

    @property
    def schema(self) -> dict[str, Any]:
        (described,) = self.registry.described()
        schema: dict[str, Any] = described["outputSchema"]
        return schema


def test_a_command_that_would_run_is_shown_as_it_would() -> None:
    assert Stage().call(command="ls  | 'wc'") == ToolAnswer(
        facts={"decision": "allow", "runs": "ls | wc"}
    )


def test_with_an_allow_list_each_part_is_shown() -> None:
    answer = Stage("ls", "wc").call(command="ls a | wc -l")
    assert answer == ToolAnswer(
        facts={
            "decision": "allow",
            "runs": "ls a | wc -l",
            "segments": [
                {"text": "ls a", "decision": "allow"},
                {"text": "wc -l", "decision": "allow"},
            ],
        }
    )


def test_what_is_refused_comes_first_with_its_reason() -> None:
    answer = Stage("ls").call(command="ls a; pwn b")
    assert not answer.is_error
    facts = dict(answer.facts)
    assert facts.keys() == {"decision", "rule_id", "reason", "segments"}
    assert facts["decision"] == "deny"
    assert facts["rule_id"] == "not-allowed"
    assert "`pwn b`" in facts["reason"]
    refused, passed = facts["segments"]
    assert refused["text"] == "pwn b"
    assert refused["decision"] == "deny"
    assert refused["rule_id"] == "not-allowed"
    assert "`pwn`" in refused["reason"]
    assert "`ls`" in refused["suggestion"]
    assert passed == {"text": "ls a", "decision": "allow"}


def test_a_text_that_is_refused_as_a_whole_has_no_parts() -> None:
    facts = Stage().call(command="ls; reboot").facts
    assert facts["rule_id"] == "default-blocklist"
    assert "segments" not in facts


def test_of_many_parts_the_refused_ones_are_told() -> None:
    command = "; ".join(["ls"] * 60 + ["pwn"] * 60)
    segments = Stage("ls").call(command=command).facts["segments"]
    assert len(segments) == MAX_SEGMENTS
    assert {each["decision"] for each in segments} == {"deny"}


def test_directory_and_environment_count() -> None:
    stage = Stage("rm", "ls", workspace=("/usr",))
    assert stage.call(command="ls").facts["decision"] == "allow"
    assert stage.call(command="ls", working_directory="lib").facts["decision"] == (
        "allow"
    )
    outside = stage.call(command="ls", working_directory="../etc").facts
    assert outside["rule_id"] == "working-directory"
    assert stage.call(command="ls", env={"PATH": "x"}).facts["rule_id"] == "env-name"
    assert Stage().call(command="rm -rf *", working_directory="/").facts["rule_id"] == (
        "default-blocklist"
    )


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, 'missing argument "command"'),
        ({"command": 1}, '"command" must be a string, got 1'),
        ({"command": " "}, "command is required"),
        ({"command": "ls", "comand": "x"}, "unknown argument"),
        ({"command": "ls", "working_directory": "a\0b"}, "NUL"),
        ({"command": "ls", "env": {"A": "\0"}}, "NUL"),
        ({"command": "ls", "env": {"A": 1}}, '"env"'),
        ({"command": "ls", "timeout": "1s"}, "unknown argument"),
    ],
)
def test_arguments_that_do_not_fit_are_an_error_and_no_decision_to_run(
    arguments: dict[str, Any], error: str
) -> None:
    stage = Stage()
    answer = stage.call(**arguments)
    assert answer.is_error
    assert answer.facts.keys() == {"decision", "error"}
    assert answer.facts["decision"] == "deny"
    assert error in answer.facts["error"]
    jsonschema.validate(answer.facts, stage.schema)


def test_long_words_are_quoted_in_part() -> None:
    stage = Stage("ls")
    (segment,) = stage.call(command="pwn " + "x" * 500).facts["segments"]
    assert len(segment["text"]) == MAX_QUOTED_CHARACTERS


@pytest.mark.parametrize(
    ("allowed", "command"),
    [
        ((), "ls | wc"),
        ((), "reboot"),
        ((), "'open"),
        (("ls",), "ls 'open"),
        (("ls",), "ls"),
        (("ls",), "ls; pwn"),
    ],
)
def test_every_answer_fits_the_schema(allowed: tuple[str, ...], command: str) -> None:
    stage = Stage(*allowed)
    jsonschema.validate(stage.call(command=command).facts, stage.schema)


def test_a_client_may_call_it_without_asking() -> None:
    assert CheckCommand.annotations["readOnlyHint"]
    assert not CheckCommand.annotations["destructiveHint"]
