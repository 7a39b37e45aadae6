"""Every tool with all that is below it, on a reactor in memory, behind the registry.

What a call answers is read as a client reads it, and held to what every answer keeps:
the published schema, and a text that says as much as the structure.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs
import jsonschema
import msgspec
from twisted.internet.defer import Deferred

from commander.command_service import commands_of
from commander.execution.hardening import Hardening
from commander.job_service import jobs_of
from commander.jobs.job import Job
from commander.mcp.events import Returned, ToolCalled, ToolReturned
from commander.principals import Principal
from commander.running_service import Surroundings
from commander.sessions.application import ToolApplication
from commander.settings import Settings
from commander.telemetry.logging import StructuredLog
from commander.testing import (
    MemoryAudit,
    MemoryLog,
    MemoryProcess,
    ProcessReactor,
)
from commander.tools.caller import NOBODY, Caller
from commander.tools.check_command import CheckCommand
from commander.tools.execute_command import ExecuteCommand
from commander.tools.job_services import JobServices
from commander.tools.list_jobs import ListJobs
from commander.tools.open_shell import OpenShell
from commander.tools.read_output import ReadOutput
from commander.tools.registry import CallContext, ToolRegistry
from commander.tools.send_input import SendInput
from commander.tools.signal_job import SignalJob
from commander.tools.start_command import StartCommand
from commander.turns import Turns

ANN: Final = Principal("ann")
BOB: Final = Principal("bob")
KEY: Final = b"k" * 32
"""Of the handles: the same after a restart."""

Evidence = Callable[[Job], Mapping[str, Any] | None]


@attrs.frozen(kw_only=True)
class Answer:
    """The result of one call, as a client reads it."""

    facts: dict[str, Any]
    is_error: bool
    text: str = attrs.field(default="", eq=False)
    links: tuple[dict[str, Any], ...] = attrs.field(default=(), eq=False)


class Stage:
    """The tools.

    Args:
        evidence: What tells that a job waits for input; by default nothing does, as
            processes in memory have no kernel to ask.
        **changed: Settings.
    """

    def __init__(self, evidence: Evidence | None = None, **changed: Any) -> None:
        changed = {"working_directory": "/", **changed}
        settings = Settings(**changed)
        self.reactor = ProcessReactor()
        self.audit = MemoryAudit()
        self.log = MemoryLog()
        surroundings = Surroundings(
            reactor=self.reactor,
            monotonic=self.reactor.seconds,
            environ={
                "PATH": os.defpath,
                "LANG": "C.UTF-8",
                "MCP_AUTH_TOKEN": "secret",
            },
            engine=self.reactor.engine,
            hardening=Hardening(),
            log=StructuredLog("commander", observer=self.log),
            new_pool=lambda threads, name: self.reactor.getThreadPool(),
        )
        self.commands = commands_of(settings, surroundings, self.audit)
        os.close(self.commands.stdin_descriptor)  # in memory nobody inherits it
        self.executor = self.commands.executor
        services = jobs_of(settings, surroundings, self.commands, KEY).services
        self.evidence: Evidence = evidence or (lambda job: None)
        self.services: JobServices = attrs.evolve(
            services, awaits_input=lambda job: self.evidence(job)
        )
        self.registry = self._registry(settings)
        self.application = ToolApplication(self.registry)
        self.schemas: dict[str, dict[str, Any]] = {
            tool["name"]: tool.get("outputSchema", {})
            for tool in self.registry.described()
        }

    @property
    def process(self) -> MemoryProcess:
        """The one that was started last."""
        return self.reactor.processes[-1]

    def begin(
        self,
        tool: str,
        *,
        principal: Principal = ANN,
        plain_rpc: bool = False,
        caller: Caller = NOBODY,
        **arguments: Any,
    ) -> list[Answer]:
        """Begin a call; the list gets its answer."""
        answers: list[Answer] = []
        Deferred.fromCoroutine(
            self.application.serve(
                ToolCalled(name=tool, arguments=arguments),
                CallContext(principal=principal, plain_rpc=plain_rpc, caller=caller),
            )
        ).addCallback(
            lambda returned: answers.append(checked(returned, self.schemas[tool]))
        )
        return answers

    def call(self, tool: str, **arguments: Any) -> Answer:
        """A call that is answered without waiting."""
        answers = self.begin(tool, **arguments)
        for _ in range(100):
            if answers:
                break
            self.reactor.advance(0)
        (answer,) = answers
        return answer

    def start(self, command: str = "make", **arguments: Any) -> str:
        """A job that runs; its handle."""
        facts = self.call(
            "start_command", command=command, **{"wait_seconds": 0, **arguments}
        ).facts
        return str(facts["job_id"])

    def pump(self, seconds: float, step: float = 0.02) -> None:
        """Let the clock go on in small steps."""
        for _ in range(round(seconds / step)):
            self.reactor.advance(step)

    def _registry(self, settings: Settings) -> ToolRegistry:
        turns = Turns(self.reactor)
        services = self.services
        return ToolRegistry(
            [
                ExecuteCommand(
                    services=services,
                    default_timeout_seconds=settings.default_timeout_seconds,
                    max_output_bytes=settings.max_output_bytes,
                    yield_seconds=settings.execute_yield_seconds or None,
                    turns=turns,
                ),
                StartCommand(services),
                ReadOutput(services, turns),
                SendInput(services),
                SignalJob(services),
                ListJobs(services),
                OpenShell(services),
                CheckCommand(self.commands.runner),
            ],
            with_output_schema=settings.output_schema,
        )


def checked(returned: Returned, schema: Mapping[str, Any]) -> Answer:
    """Read the answer to a call, and hold it to what every answer keeps."""
    assert isinstance(returned, ToolReturned)
    block, *links = returned.content
    assert block["type"] == "text"
    facts = msgspec.json.decode(msgspec.json.encode(returned.structured))
    jsonschema.validate(facts, schema)
    answer = Answer(
        facts=facts,
        is_error=returned.is_error,
        text=block["text"],
        links=tuple(map(dict, links)),
    )
    if block["text"].startswith("{"):
        _check_json(answer, schema)
    else:
        _check_words(answer)
    return answer


def _check_json(answer: Answer, schema: Mapping[str, Any]) -> None:
    """A text that is the facts, as the Go server wrote them."""
    assert json.loads(answer.text) == answer.facts
    assert answer.text == json.dumps(
        answer.facts, indent=2, sort_keys=True, ensure_ascii=False
    )
    assert set(answer.facts) <= set(schema.get("properties", answer.facts))


_SAID: Final = (
    "job_id",
    "shell_id",
    "label",
    "cwd",
    "error",
    "hint",
    "output",
    "rule_id",
    "exit_code_meaning",
    "spool_problem",
    "note",
)
"""Facts that stand in the text as they are."""
_NUMBERS: Final = ("retry_after_seconds", "evicted_bytes", "omitted_bytes")
"""Facts whose number stands in the text, with or without commas."""


def _check_words(answer: Answer) -> None:
    """A text in words: it has what a model must know, and no more lines than that."""
    facts, text = answer.facts, answer.text
    for name in _SAID:
        if name in facts:
            assert str(facts[name]) in text, name
    for name in _NUMBERS:
        if name in facts:
            assert str(facts[name]) in text.replace(",", ""), name
    if "effective" in facts:
        for name, value in facts["effective"].items():
            assert f"{name}={value}" in text
    if facts.get("cleaned"):
        for name, value in facts["cleaned"].items():
            assert f"{value} {name.replace('_', ' ')}" in text
    if facts.get("status") == "exited":
        assert f"exited {facts['exit_code']}" in text
    assert "Traceback" not in text
