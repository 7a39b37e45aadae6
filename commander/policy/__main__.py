"""Decisions as JSON lines: ``python -m commander.policy``.

Reads one question a line, ``{"command", "allowed", "blocked", "shell"}`` and, if they
matter, ``"working_directory"`` and ``"env"``; writes one answer a line,
``{"allowed", "reason", "run"}``. ``run`` is the text that the shell would get.
``--explain COMMAND`` prints the commands of one text with the decision on each,
``--allowed a,b`` beside it sets the list.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from commander.commands import CommandRequest
from commander.policy.allow.targets import Places
from commander.policy.checker import Approved, Denied, PolicyChecker
from commander.policy.explain import explanation
from commander.policy.lists import PolicyLists
from commander.principals import ANONYMOUS

__all__ = ["answer", "main"]


@functools.lru_cache(maxsize=64)
def _checker(
    allowed: tuple[str, ...], blocked: tuple[str, ...], shell: str
) -> PolicyChecker:
    return PolicyChecker(
        PolicyLists(
            allowed=allowed,
            blocked=blocked,
            use_default_blocklist=True,
            allowed_env=(),
            shell=shell,
            places=Places(directory=os.getcwd(), resolve=os.path.realpath),
        )
    )


def answer(question: Mapping[str, Any]) -> dict[str, Any]:
    """Decide one question.

    Args:
        question: As a line of the input holds it.
    """
    checker = _checker(
        tuple(question.get("allowed", ())),
        tuple(question.get("blocked", ())),
        question.get("shell", "/bin/sh"),
    )
    verdict = _verdict(checker, question)
    if isinstance(verdict, Denied):
        return {"allowed": False, "reason": verdict.reason, "run": None}
    return {"allowed": True, "reason": "", "run": verdict.text}


def _verdict(checker: PolicyChecker, question: Mapping[str, Any]) -> Approved | Denied:
    request = CommandRequest(
        command=question["command"],
        working_directory=os.path.join(
            os.getcwd(), question.get("working_directory") or ""
        ),
        env=question.get("env") or {},
        timeout_seconds=1.0,
    )
    return checker.check(request, ANONYMOUS)


def main(words: list[str], source: TextIO, sink: TextIO) -> int:
    """Answer until the input ends; the exit status of ``--explain`` is the decision."""
    parser = argparse.ArgumentParser(prog="python -m commander.policy")
    parser.add_argument("--explain", metavar="COMMAND")
    parser.add_argument("--allowed", default="", metavar="ENTRY,...")
    parser.add_argument("--shell", default="/bin/sh")
    given = parser.parse_args(words)
    if given.explain is not None:
        allowed = tuple(filter(None, map(str.strip, given.allowed.split(","))))
        checker = _checker(allowed, (), given.shell)
        verdict = _verdict(checker, {"command": given.explain})
        sink.write(explanation(given.explain, verdict))
        return int(isinstance(verdict, Denied))
    for line in source:
        if line.strip():
            sink.write(json.dumps(answer(json.loads(line))) + "\n")
            sink.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdin, sys.stdout))
