"""Published fakes: processes on a fake clock, HTTP without sockets, audits in memory.

A ``MemoryServer`` is the whole server, built on them.

They are part of the product, so that users can test what they build on it, and are
verified against the interfaces that they stand for.
"""

from commander.testing.audit import MemoryAudit
from commander.testing.caller import MemoryCaller
from commander.testing.http import HTTPHarness, HttpResponse
from commander.testing.processes import MemoryProcess, ProcessReactor
from commander.testing.server import MemoryLog, MemoryServer

__all__ = [
    "HTTPHarness",
    "HttpResponse",
    "MemoryAudit",
    "MemoryCaller",
    "MemoryLog",
    "MemoryProcess",
    "MemoryServer",
    "ProcessReactor",
]
