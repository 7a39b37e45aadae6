"""The half of the composition root that runs commands: from settings to a runner.

As everywhere in ``commander.service``, whose part this is, things are built here once,
from leaf to root.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from commander.errors import StartError
from commander.execution.admission import Admission
from commander.execution.confinement import Confinement, confine
from commander.execution.environment import child_environment
from commander.execution.executor import Executor, Start
from commander.execution.limits import CommandLimits
from commander.execution.memory_killer import MemoryKiller, find_victim_count
from commander.execution.refusals import Refusals
from commander.execution.run_as import programs_in_front
from commander.execution.runner import CommandRunner
from commander.execution.running import Supervision
from commander.execution.sandbox import Plan, make_plan
from commander.interfaces import CommandAudit
from commander.output.budget import MemoryBudget
from commander.policy.allow.targets import Places
from commander.policy.checker import Approved, Denied, PolicyChecker
from commander.policy.lists import PolicyLists
from commander.reactors import ICommanderReactor
from commander.running_service import Surroundings
from commander.settings import Settings

__all__ = ["Commands", "commands_of", "policy_checker", "sandbox_plan"]


@attrs.frozen(kw_only=True)
class Commands:
    """What runs commands, in the parts that others have to know."""

    checker: PolicyChecker
    admission: Admission
    executor: Executor
    runner: CommandRunner
    output_budget: MemoryBudget
    """What all kept output may take."""
    confinement: Confinement
    stdin_descriptor: int
    """Open; whoever stops the service closes it."""


def commands_of(
    settings: Settings, surroundings: Surroundings, audit: CommandAudit
) -> Commands:
    """Build it; nothing runs yet.

    Args:
        settings: The configuration, already checked.
        surroundings: The process around it.
        audit: Records every command.
    """
    stdin_descriptor = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    checker = policy_checker(settings)
    admission = _admission(settings, surroundings)
    confinement = _confinement(settings)
    output_budget = MemoryBudget(settings.memory_budget_bytes)
    executor = _executor(
        settings, surroundings, confinement, output_budget, stdin_descriptor
    )
    runner = CommandRunner(
        checker=checker,
        admission=admission,
        executor=executor,
        audit=audit,
        aside=partial(_in_thread, surroundings.reactor),
        refusals=Refusals(
            surroundings.engine.sandbox,
            path=_environment(settings, surroundings.environ)["PATH"],
            own_user=settings.run_as is None,
        ),
    )
    return Commands(
        checker=checker,
        admission=admission,
        executor=executor,
        runner=runner,
        output_budget=output_budget,
        confinement=confinement,
        stdin_descriptor=stdin_descriptor,
    )


def _in_thread(
    reactor: ICommanderReactor, decide: Callable[[], Approved | Denied]
) -> Deferred[Approved | Denied]:
    """Decide in a thread of the reactor's pool."""
    return deferToThreadPool(reactor, reactor.getThreadPool(), decide)


def policy_checker(settings: Settings) -> PolicyChecker:
    """The policy that these settings mean, for the server and for explanations.

    Raises:
        StartError: A list is set, and nobody knows how the shell reads a text.
    """
    if settings.allowed_commands or settings.blocked_commands:
        _check_shell(settings.shell)
    return PolicyChecker(
        PolicyLists(
            allowed=settings.allowed_commands,
            blocked=settings.blocked_commands,
            use_default_blocklist=settings.use_default_blocklist,
            allowed_env=settings.allowed_env,
            terminals=settings.may_have_terminals,
            shell=settings.shell,
            places=Places(
                workspace=settings.workspace,
                directory=settings.commands_directory,
                resolve=os.path.realpath,
            ),
        )
    )


def _check_shell(shell: str) -> None:
    from commander.policy.rules import dialect_of  # with a list it is needed anyway

    if dialect_of(shell) is None:
        raise StartError(
            f"MCP_SHELL={shell} is neither sh, dash, ash nor bash by its name, so "
            "neither MCP_ALLOWED_COMMANDS nor MCP_BLOCKED_COMMANDS can hold for it: "
            "choose one of those, or set no list"
        )


def sandbox_plan(settings: Settings, environ: Mapping[str, str]) -> Plan:
    """What the kernel is to hold with these settings, for the server and the doctor.

    Args:
        settings: The configuration.
        environ: The server's environment.
    """
    run_as = () if settings.run_as is None else programs_in_front()
    return make_plan(
        mode=settings.sandbox,
        entries=settings.allowed_commands,
        workspace=settings.workspace,
        in_front=(settings.shell, *run_as),
        environment=_environment(settings, environ),
    )


def _environment(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """What every command gets, but for the user's names."""
    return child_environment(environ, pass_env=settings.pass_env)


def _admission(settings: Settings, surroundings: Surroundings) -> Admission:
    return Admission(
        clock=surroundings.reactor,
        monotonic=surroundings.monotonic,
        max_concurrent=settings.max_concurrent,
        max_per_principal=settings.per_principal,
        max_queued=settings.max_queued,
        max_wait_seconds=settings.max_queue_wait_seconds,
    )


def _confinement(settings: Settings) -> Confinement:
    return confine(
        CommandLimits(
            cpu_seconds=settings.limit_cpu_seconds,
            memory_bytes=settings.limit_memory_bytes,
            file_bytes=settings.limit_file_bytes,
            files=settings.limit_files,
            processes=settings.limit_processes,
        ),
        run_as=settings.run_as,
        directory=settings.commands_directory,
    )


def _executor(
    settings: Settings,
    surroundings: Surroundings,
    confinement: Confinement,
    output_budget: MemoryBudget,
    stdin_descriptor: int,
) -> Executor:
    monotonic = surroundings.monotonic
    return Executor(
        spawner=surroundings.engine.spawner,
        start=Start(
            shell=settings.shell,
            shell_arg=settings.shell_arg,
            directory=settings.commands_directory,
            environ=surroundings.environ,
            pass_env=settings.pass_env,
            run_as=confinement.run_as,
            limits=confinement.launcher_limits,
            stdin_descriptor=stdin_descriptor,
        ),
        supervision=Supervision(
            clock=surroundings.reactor,
            monotonic=monotonic,
            trees=surroundings.engine.trees,
            setup=confinement.setup,
            memory_killer=MemoryKiller(monotonic, find_victim_count()),
            output_budget=output_budget,
            kill_grace_seconds=settings.kill_grace_seconds,
            max_output_bytes=settings.max_output_bytes,
            output_limit_bytes=settings.output_limit_bytes,
            counted_processes=confinement.counted_processes,
        ),
    )
