"""Real commands whose client does not want the result any more."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from commander.commands import EndedBy, Outcome
from commander.execution.admission import Admission
from commander.execution.runner import CommandRunner
from commander.jobs.handles import Handles
from commander.jobs.idempotency import IdempotencyKeys
from commander.jobs.job import JobHost
from commander.jobs.shells import ShellRules, Shells
from commander.jobs.table import JobTable, Retention
from commander.jobs.typed import TypedText
from commander.output.kept import KeptOutput
from commander.policy.checker import PolicyChecker
from commander.policy.lists import PolicyLists
from commander.principals import ANONYMOUS
from commander.reactors import ICommanderReactor
from commander.seals import Seal
from commander.testing import MemoryAudit, MemoryCaller
from commander.tools.execute_command import Arguments, ExecuteCommand
from commander.tools.job_services import JobServices
from commander.tools.registry import CallContext, ToolAnswer
from commander.turns import Turns

if TYPE_CHECKING:
    from tests.process.conftest import RealProcesses

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("no_descriptor_left")]


class Listener(MemoryCaller):
    """A caller that gives up once it has read a whole line."""

    def log(self, level: str, logger: str, data: object) -> None:
        super().log(level, logger, data)
        if "\n" in self.text:
            self.children = [pid for pid in self.pids if not is_dead(pid)]
            self.cancellation.cancel()

    @property
    def text(self) -> str:
        return "".join(str(data) for _, _, data in self.logged)

    @property
    def pids(self) -> list[int]:
        return [int(word) for word in self.text.split()]


def is_dead(pid: int) -> bool:
    """Whether a process is gone; a zombie is, whoever has to reap it."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return stat[stat.rindex(")") + 2] in "ZX"


def tool(processes: RealProcesses, audit: MemoryAudit) -> ExecuteCommand:
    clock: Any = ICommanderReactor(reactor, reactor)
    runner = CommandRunner(
        checker=PolicyChecker(
            PolicyLists(
                allowed=(), blocked=(), use_default_blocklist=True, allowed_env=()
            )
        ),
        admission=Admission(
            clock=clock,
            monotonic=time.monotonic,
            max_concurrent=1,
            max_per_principal=1,
            max_queued=1,
            max_wait_seconds=20.0,
        ),
        executor=processes.executor(),
        audit=audit,
    )
    host = JobHost(
        runner=runner,
        keep=lambda running: KeptOutput(running.output),
        clock=clock,
        monotonic=time.monotonic,
        wall=time.time,
        kill_grace_seconds=0.5,
    )
    handles = Handles(Seal(b"k" * 32, "job"))
    table = JobTable(
        handles=handles,
        retention=Retention(max_finished=1, ttl_seconds=1.0, max_bytes=0),
        host=host,
    )
    rules = ShellRules(inherited=dict, keeps=lambda name, value: True)
    services = JobServices(
        table=table,
        keys=IdempotencyKeys(table),
        shells=Shells(handles=handles, host=host, rules=rules),
        host=host,
        awaits_input=lambda job: None,
        typed=TypedText(host.runner),
        directory_problem=lambda directory: None,
        max_timeout_seconds=20.0,
    )
    return ExecuteCommand(
        services=services,
        default_timeout_seconds=20.0,
        max_output_bytes=64 * 1024,
        yield_seconds=None,
        turns=Turns(clock),
    )


@pytest.mark.parametrize("ignored", ["", "trap '' TERM; "])
@pytest_twisted.ensureDeferred
async def test_nothing_is_left_of_a_command_that_was_cancelled(
    processes: RealProcesses, ignored: str
) -> None:
    audit, caller = MemoryAudit(), Listener(wants_output=True, wants_progress=True)
    command = f"{ignored}sleep 300 & echo $! $$; sleep 300"
    answer = await tool(processes, audit).call(
        Arguments(command=command), CallContext(principal=ANONYMOUS, caller=caller)
    )
    assert len(caller.children) == 2
    assert [pid for pid in caller.children if not is_dead(pid)] == []
    assert answer.facts["ended_by"] == "cancelled"
    assert answer.facts["signal"] == ("SIGKILL" if ignored else "SIGTERM")
    assert answer.facts["stdout"] == caller.text
    assert audit.kinds == ["started", "ended"]
    outcome = audit.entries[-1].detail
    assert isinstance(outcome, Outcome)
    assert outcome.ended_by is EndedBy.CANCELLED
    assert outcome.survivors == ()


@pytest_twisted.ensureDeferred
async def test_a_queued_command_is_given_up_while_the_other_one_runs(
    processes: RealProcesses, tmp_path: Path
) -> None:
    audit, caller, first = MemoryAudit(), MemoryCaller(), Listener(wants_output=True)
    execute = tool(processes, audit)
    running: Deferred[ToolAnswer] = Deferred.fromCoroutine(
        execute.call(
            Arguments(command="echo $$; sleep 300"),
            CallContext(principal=ANONYMOUS, caller=first),
        )
    )
    queued: Deferred[ToolAnswer] = Deferred.fromCoroutine(
        execute.call(
            Arguments(command=f"touch {tmp_path}/ran"),
            CallContext(principal=ANONYMOUS, caller=caller),
        )
    )
    caller.cancellation.cancel()
    assert queued.called
    assert (await queued).facts["status"] == "cancelled"
    assert not running.called
    await running
    assert not (tmp_path / "ran").exists()
    assert audit.kinds == ["started", "cancelled", "ended"]
