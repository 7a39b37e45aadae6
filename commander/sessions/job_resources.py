"""The output of jobs as resources.

Each job has three, whose URIs name its handle: ``job://HANDLE/output`` is all that it
printed, ``.../stdout`` and ``.../stderr`` are its streams. The list shows the first of
each job; a template tells of the others. A resource is there for the job's principal as
long as the job is, and to others as unknown as what never was.

What is read is what ``read_output`` shows, and reading it changes nothing: a client
that attaches a resource has not read on by that.
"""

from __future__ import annotations

import re
from typing import Any, Final

import attrs

from commander.jobs.handles import JOB_PREFIX
from commander.jobs.job import Job
from commander.jobs.table import JobTable, Missing
from commander.mcp.events import ListReturned, ResourceReturned, UnknownResource
from commander.policy.denials import shorten
from commander.principals import Principal
from commander.tools.job_output import shown_window
from commander.tools.job_results import output_link
from commander.turns import Turns

__all__ = [
    "FINISHED_TTL_MS",
    "JOB_TEMPLATES",
    "MAX_LISTED",
    "RESOURCE_BYTES",
    "JobResources",
    "NamedOutput",
    "named_output",
]

RESOURCE_BYTES: Final = 250_000
"""Of output in one resource. Shown as text and written as JSON a byte becomes three at
most (a picture of a control character, or what stands for a byte that is no UTF-8), and
results stay below a megabyte: see ``commander.tools.job_output``."""
MAX_LISTED: Final = 100
"""Jobs in the list, the newest; the others can be read all the same."""
FINISHED_TTL_MS: Final = 60_000
"""How long a client may keep output that stays as it is."""
_LARGE_BYTES: Final = 64 * 1024
"""Output from which on making it readable takes a turn of its own."""

_MIME_TYPE: Final = "text/plain"
_STREAMS: Final = {"output": "both", "stdout": "stdout", "stderr": "stderr"}
"""What ``commander.tools.job_output`` calls what URIs name."""
_URI: Final = re.compile(
    rf"job://({JOB_PREFIX}[\w-]{{1,64}})/(output|stdout|stderr)", re.A
)

JOB_TEMPLATES: Final[tuple[dict[str, Any], ...]] = tuple(
    {
        "uriTemplate": f"job://{{id}}/{name}",
        "name": f"job-{name}",
        "title": title,
        "description": f"{title} of a job, as far as it is kept; id is its job_id",
        "mimeType": _MIME_TYPE,
    }
    for name, title in (
        ("output", "All output"),
        ("stdout", "Standard output"),
        ("stderr", "Standard error"),
    )
)
"""As ``resources/templates/list`` shows them."""


@attrs.frozen
class NamedOutput:
    """What a URI names, whether it is there or not."""

    handle: str
    stream: str
    """A name of ``commander.tools.job_output.STREAMS``."""


def named_output(uri: str) -> NamedOutput | None:
    """What a URI names; None if it is no job's."""
    found = _URI.fullmatch(uri)
    return None if found is None else NamedOutput(found[1], _STREAMS[found[2]])


class JobResources:
    """Lists and reads them.

    Args:
        table: Has the jobs.
        turns: When large outputs are read.
    """

    def __init__(self, table: JobTable, turns: Turns) -> None:
        self._table = table
        self._turns = turns

    def listed(self, principal: Principal) -> ListReturned:
        """A principal's jobs, the newest first."""
        jobs = self._table.of(principal)[:MAX_LISTED]
        return ListReturned(kind="resources", entries=tuple(map(_entry, jobs)))

    async def read(
        self, uri: str, principal: Principal
    ) -> ResourceReturned | UnknownResource:
        """What a job has printed."""
        named = named_output(uri)
        if named is None:
            return UnknownResource(uri)
        job = self._table.find(named.handle, principal)
        if isinstance(job, Missing):
            return UnknownResource(uri)
        if job.total_bytes > _LARGE_BYTES:
            await self._turns.next()
        # Not later: what was printed meanwhile is missing in it, and then it is no end.
        ttl_ms = self._ttl_ms(job)
        shown = await shown_window(job, RESOURCE_BYTES, named.stream)
        content = {"uri": uri, "mimeType": _MIME_TYPE, "text": shown["output"]}
        return ResourceReturned(contents=(content,), ttl_ms=ttl_ms)

    def _ttl_ms(self, job: Job) -> int:
        rest = self._table.expires_in(job)
        return 0 if rest is None else min(FINISHED_TTL_MS, int(rest * 1000))


def _entry(job: Job) -> dict[str, Any]:
    """S25/server/resources, Resource."""
    link = output_link(job)
    command = shorten(job.request.command)
    return {
        "uri": link.uri,
        "name": link.name,
        "title": job.kind.label or command,
        "description": f"What this job has printed; it is {job.phase.value}: {command}",
        "mimeType": link.mime_type,
    }
