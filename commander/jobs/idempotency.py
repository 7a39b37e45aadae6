"""Finding the job of a call that is made again.

A client that lost an answer asks again with the same key, and gets the job that it has
started already. A key is good as long as its job is kept; one that was refused can be
tried again.
"""

from __future__ import annotations

import attrs

from commander.commands import Outcome
from commander.jobs.job import Job
from commander.jobs.table import JobTable
from commander.principals import Principal

__all__ = ["IdempotencyKeys", "KeyReused"]


@attrs.frozen
class KeyReused:
    """The key was used with other arguments."""

    handle: str
    """By this job."""


@attrs.frozen
class _Kept:
    job: Job
    fingerprint: bytes


class IdempotencyKeys:
    """The keys of the jobs of a table, by principal.

    Args:
        table: A key is forgotten when its job is.
    """

    def __init__(self, table: JobTable) -> None:
        self._kept: dict[tuple[Principal, str], _Kept] = {}
        self._keys: dict[str, tuple[Principal, str]] = {}
        table.on_forget(self._forget)

    def find(
        self, principal: Principal, key: str, fingerprint: bytes
    ) -> Job | KeyReused | None:
        """The job that was started with this key; None if there is none to give.

        Args:
            principal: Whose key it is.
            key: As the client gave it.
            fingerprint: Of the call's arguments.
        """
        kept = self._kept.get((principal, key))
        if kept is None:
            return None
        if kept.job.finished and not isinstance(kept.job.ended, Outcome):
            return None
        if kept.fingerprint != fingerprint:
            return KeyReused(kept.job.handle)
        return kept.job

    def keep(self, job: Job, key: str, fingerprint: bytes) -> None:
        """Remember whose key it is; replaces one whose job came to nothing."""
        name = (job.principal, key)
        replaced = self._kept.get(name)
        if replaced is not None:
            del self._keys[replaced.job.handle]
        self._kept[name] = _Kept(job, fingerprint)
        self._keys[job.handle] = name

    def _forget(self, job: Job) -> None:
        name = self._keys.pop(job.handle, None)
        if name is not None:
            del self._kept[name]
