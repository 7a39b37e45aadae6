"""Published fakes: processes on a fake clock, HTTP without sockets, audits in memory.

A ``MemoryServer`` is the whole server, built on them, and a ``MemoryDesk`` the one on
standard input and output.

They are part of the product, so that users can test what they build on it, and are
verified against the interfaces that they stand for.
"""

from commander.testing.audit import MemoryAudit
from commander.testing.caller import MemoryCaller
from commander.testing.http import HTTPHarness, HttpResponse, ServerSentEvent
from commander.testing.process_reactor import ProcessReactor
from commander.testing.processes import MemoryProcess
from commander.testing.server import MemoryDesk, MemoryLog, MemoryServer
from commander.testing.stdio import StdioClient

__all__ = [
    "HTTPHarness",
    "HttpResponse",
    "MemoryAudit",
    "MemoryCaller",
    "MemoryDesk",
    "MemoryLog",
    "MemoryProcess",
    "MemoryServer",
    "ProcessReactor",
    "ServerSentEvent",
    "StdioClient",
]
