"""The part of Twisted's reactor that commander uses, as one interface.

It stands apart from ``commander.interfaces`` because that module must import no
Twisted. Interface is inherited directly, or mypy-zope loses the methods
(observed in Synapse, ``synapse/types/__init__.py``).
"""

from twisted.internet.interfaces import (
    IReactorCore,
    IReactorProcess,
    IReactorTCP,
    IReactorThreads,
    IReactorTime,
)
from zope.interface import Interface

__all__ = ["ICommanderReactor"]


class ICommanderReactor(
    IReactorCore,
    IReactorProcess,
    IReactorTCP,
    IReactorThreads,
    IReactorTime,
    Interface,
):
    """A reactor that starts processes and threads, listens on TCP and keeps time."""
