"""Published fakes: processes on a fake clock, HTTP without sockets, audits in memory.

They are part of the product, so that users can test what they build on it, and are
verified against the interfaces that they stand for.
"""

from commander.testing.audit import MemoryAudit
from commander.testing.http import HTTPHarness, HttpResponse
from commander.testing.processes import MemoryProcess, ProcessReactor

__all__ = [
    "HTTPHarness",
    "HttpResponse",
    "MemoryAudit",
    "MemoryProcess",
    "ProcessReactor",
]
