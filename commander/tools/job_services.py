"""What the job tools share: where jobs are, what runs them, what is known of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from commander.jobs.idempotency import IdempotencyKeys
from commander.jobs.job import Job, JobHost
from commander.jobs.shells import Shells
from commander.jobs.table import JobTable
from commander.jobs.typed import TypedText

__all__ = ["JobServices"]


@attrs.frozen(kw_only=True)
class JobServices:
    """One object for the server."""

    table: JobTable
    keys: IdempotencyKeys
    shells: Shells
    host: JobHost
    awaits_input: Callable[[Job], Mapping[str, Any] | None]
    """The kernel's evidence that a job waits for input, as facts; None if it does
    not, or nobody can tell."""
    typed: TypedText
    """Judges what is typed for a job."""
    directory_problem: Callable[[str], str | None]
    """Why nothing can run in a directory; None if it can."""
    max_timeout_seconds: float
    """Longer wishes are clamped to it."""
