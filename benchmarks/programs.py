"""The programs that measure: those in C are compiled when they are needed."""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.measure import ROOT, BenchmarkError

__all__ = ["PATIENCE_SECONDS", "ceiling", "compiled", "inside", "run_inside"]

_CACHE: Final = ROOT / ".cache/bench"
_SOURCES: Final = ROOT / "benchmarks/c"
_FLAGS: Final = ("-O2", "-Wall", "-Wextra", "-pthread")
PATIENCE_SECONDS: Final = 300
"""Longest run of a program; none that works takes a third of it."""


@functools.cache
def compiled(name: str) -> Path:
    """The program of this name; compiled anew if its source is another one."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise BenchmarkError("there is no C compiler: apt install gcc libc6-dev")
    source = _SOURCES / f"{name}.c"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    program = _CACHE / f"{name}-{digest}"
    if not program.exists():
        _CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_CACHE) as directory:
            made = Path(directory, name)
            subprocess.run([compiler, *_FLAGS, "-o", made, source], check=True)
            made.rename(program)
    return program


def ceiling(seconds: float, *, workers: int = 2) -> float:
    """Commands a second that the machine can start, read and reap."""
    return float(_json_of([compiled("ceiling"), workers, seconds])["per_second"])


def inside(script: str, *words: object) -> list[str]:
    """The command line of a script of ``benchmarks/inside``."""
    module = f"benchmarks.inside.{script}"
    return [sys.executable, "-m", module, *(str(word) for word in words)]


def run_inside(script: str, *words: object) -> Any:
    """Run a script to its end; gives the JSON that it printed."""
    return _json_of(inside(script, *words))


def _json_of(words: Sequence[object]) -> Any:
    done = subprocess.run(
        [str(word) for word in words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    if done.returncode:
        raise BenchmarkError(f"{words} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)
