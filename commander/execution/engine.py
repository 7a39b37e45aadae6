"""What this machine offers to start, watch and end processes.

Threads of our own start them where the C library can be called for it, Twisted's
reactor elsewhere. Whole trees are ended where the kernel lists children and gives
orphans to us, process groups elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs
from twisted.internet.interfaces import IReactorProcess

from commander.execution.groups import GroupTrees
from commander.execution.hardening import Hardening
from commander.execution.launcher import LaunchedSpawner, find_launcher
from commander.execution.native import Unavailable, load
from commander.execution.orphans import SubreaperTrees
from commander.execution.outside import Outside
from commander.execution.sandbox import NO_SANDBOX, Sandbox
from commander.execution.seams import ProcessTrees
from commander.execution.spawner import ThreadedSpawner
from commander.first_process import is_first_process
from commander.interfaces import Monotonic
from commander.reactors import ICommanderReactor

__all__ = ["ProcessEngine", "find_engine"]


def _nothing() -> None:
    """There is nothing to start, or to stop."""


@attrs.frozen(kw_only=True)
class ProcessEngine:
    """A spawner and the trees that go with it."""

    spawner: IReactorProcess
    """Starts each process in its own session, and in the directory ``path``."""
    trees: ProcessTrees
    sandbox: Sandbox = NO_SANDBOX
    """What the kernel holds of every process that ``spawner`` starts."""
    described: Mapping[str, str] = attrs.field(factory=dict)
    """How it works here, for the log: the mechanisms by what they are for."""
    start: Callable[[], None] = _nothing
    """To be called once before the first process. Raises ``StartError``."""
    stop: Callable[[], None] = _nothing
    """Leaves no thread, timer or descriptor; a second call does nothing."""


def find_engine(
    reactor: ICommanderReactor,
    monotonic: Monotonic,
    hardening: Hardening,
    sandbox: Sandbox = NO_SANDBOX,
) -> ProcessEngine:
    """Choose the best that this machine offers; nothing is started yet.

    Args:
        reactor: Watches descriptors and keeps time.
        monotonic: Seconds.
        hardening: Tells whether orphans come to this process.
        sandbox: Binds every process; the engine closes it when it stops.
    """
    trees, how_ended = _trees(reactor, monotonic, hardening)
    bindings = load()
    start, stop_starting = _nothing, _nothing
    if isinstance(bindings, Unavailable):
        launcher = find_launcher(sandbox.ruleset)
        how_started = f"twisted with {launcher.name} ({bindings.reason})"
        spawner: IReactorProcess = LaunchedSpawner(reactor, launcher)
    else:
        how_started = "posix_spawn in threads"
        threads = ThreadedSpawner(
            reactor,
            bindings=bindings,
            thread_started=sandbox.restrict,
            outside=Outside() if sandbox.writable else None,
        )
        spawner, start, stop_starting = threads, threads.start, threads.stop

    def stop() -> None:
        stop_starting()
        trees.close()
        sandbox.close()

    return ProcessEngine(
        spawner=spawner,
        trees=trees,
        sandbox=sandbox,
        described={"spawner": how_started, "trees": how_ended},
        start=start,
        stop=stop,
    )


def _trees(
    reactor: ICommanderReactor, monotonic: Monotonic, hardening: Hardening
) -> tuple[SubreaperTrees | GroupTrees, str]:
    if not hardening.subreaper:
        return GroupTrees(), "process groups only: this process cannot adopt orphans"
    try:
        trees = SubreaperTrees(
            clock=reactor, monotonic=monotonic, first_process=is_first_process()
        )
    except OSError as error:
        return GroupTrees(), f"process groups only: {error}"
    return trees, "whole trees, orphans adopted"
