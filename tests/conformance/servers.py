"""Servers that tell where they are by the first line that they print."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tests.conformance.packages import HERE, ROOT

__all__ = ["EVERYTHING", "PATIENCE_SECONDS", "PROXY", "exists", "started"]

EVERYTHING: Final = "tests.conformance.everything"
"""Has all that the suite asks for, on our engine; takes ``--port 0``."""
PROXY: Final = "tests.conformance.proxy"
"""Adds a token; takes the port of the server that it stands before."""
PATIENCE_SECONDS: Final = 30.0
POLL_SECONDS: Final = 0.02


def exists(module: str) -> bool:
    return (HERE / f"{module.rpartition('.')[2]}.py").exists()


@contextlib.contextmanager
def started(
    module: str, *words: str, logs: Path, env: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Run ``python -m MODULE WORDS`` for the time of a ``with`` block; gives its URL.

    Raises:
        RuntimeError: It ended, or printed no URL in time; the text has what it wrote.
        subprocess.TimeoutExpired: It does not end when it is told to.
    """
    out, err = (logs / f"{module}.{name}" for name in ("stdout", "stderr"))
    with open(out, "wb") as stdout, open(err, "wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *words],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            cwd=ROOT,
            env={**_environment(), **(env or {})},
        )
    try:
        yield _url(process, out, err)
    finally:
        _end(process)


def _environment() -> dict[str, str]:
    """Ours, but that coverage stays away from what a signal ends."""
    dropped = ("COVERAGE_", "MCP_")
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(dropped)
    }


def _url(process: subprocess.Popen[bytes], out: Path, err: Path) -> str:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        line, newline, _ = out.read_text(encoding="utf-8").partition("\n")
        if newline and line.startswith("http://127.0.0.1:"):
            return line
        if process.poll() is not None:
            break
        time.sleep(POLL_SECONDS)
    said = out.read_text(encoding="utf-8") + err.read_text(encoding="utf-8")
    raise RuntimeError(f"{process.args!r} printed no URL: {said}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(PATIENCE_SECONDS)
    finally:
        process.kill()
        process.wait()
