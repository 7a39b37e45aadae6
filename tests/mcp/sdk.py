"""The official SDK 2.x as an oracle, in a process and an environment of its own."""

from __future__ import annotations

import atexit
import functools
import json
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

__all__ = ["SDK_PYTHON", "Sdk", "sdk", "sdk_or_skip"]

ROOT: Final = Path(__file__).resolve().parents[2]
SDK_PYTHON: Final = ROOT / ".venv-mcp2/bin/python"
"""``make venv-clients`` makes it."""
PROGRAM: Final = Path(__file__).with_name("oracle") / "sdk_oracle.py"


class Sdk:
    """One process that answers questions, in turn."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [SDK_PYTHON, PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        atexit.register(self.close)

    def ask(self, question: str, **details: Any) -> Any:
        """The answer to one question of the oracle's.

        Raises:
            RuntimeError: It broke over it.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"ask": question, **details}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        told = json.loads(answer or '{"raised": "it died"}')
        if told["raised"] is not None:
            raise RuntimeError(f"{question} {details}: {told['raised']}")
        return told["answer"]

    def close(self) -> None:
        """End it."""
        self._process.communicate()


@functools.cache
def sdk() -> Sdk | None:
    """The oracle, started once; None without its environment."""
    return Sdk() if SDK_PYTHON.exists() else None


def sdk_or_skip() -> Sdk:
    """The oracle; the test is skipped without its environment."""
    oracle = sdk()
    if oracle is None:
        pytest.skip(f"no {SDK_PYTHON}: `make venv-clients` makes it")
    return oracle
