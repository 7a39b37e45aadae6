"""What a decision of the policy costs, against parsing the same text with tree-sitter.

tree-sitter-bash is a parser in C for editors; it decides nothing. The commands are the
harmless ones of the corpus, each under its own allow-list.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks.measure import Row, Scale, Target, rounds
from commander.commands import CommandRequest
from commander.policy.checker import PolicyChecker
from commander.policy.lists import PolicyLists
from commander.principals import ANONYMOUS

__all__ = ["policy"]

_CORPUS: Final = Path(__file__).parents[2] / "tests" / "policy" / "corpus"
_REPEATS: Final = 7
"""Of each command in a round; the best counts, since the rest is other work."""
_LINE: Final = "grep -rn 'x' src | head -3 && echo \"done: $x\" > out.txt\n"
_KIB: Final = 1024
_SIZES: Final = (1, 2, 4, 8, 16, 31)
"""KiB of text; the bound is 32."""


def policy(scale: Scale) -> list[Row]:
    commands = _commands()
    if scale.pick(1, 0) == 0:
        commands = commands[::8]
    found: dict[str, list[float]] = rounds(
        scale.rounds(),
        {
            "ours": lambda: _median(_decisions(commands)),
            "tree-sitter": lambda: _median(_parses(commands)),
            **{f"{size} KiB": partial(_of_length, size) for size in _SIZES},
        },
    )
    ours, theirs = tuple(found["ours"]), tuple(found["tree-sitter"])
    per_kib = {size: tuple(us / size for us in found[f"{size} KiB"]) for size in _SIZES}
    return [
        Row(
            name="policy",
            what="a decision about a harmless command under an allow-list, median",
            against="tree-sitter-bash parsing the same text",
            target=Target(bound=4.0, unit="x", at_least=False),
            values=_ratios(ours, theirs),
            figures={"ours us": ours, "tree-sitter us": theirs},
        ),
        Row(
            name="policy length",
            what=f"a decision for each KiB of a text of {_SIZES[-1]} KiB",
            against=f"the same for a text of {_SIZES[1]} KiB",
            target=Target(bound=1.5, unit="x", at_least=False),
            values=_ratios(per_kib[_SIZES[-1]], per_kib[_SIZES[1]]),
            figures={
                f"{size} KiB, us each KiB": values for size, values in per_kib.items()
            },
        ),
    ]


def _ratios(ours: tuple[float, ...], theirs: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(a / b for a, b in zip(ours, theirs, strict=True))


def _commands() -> list[dict[str, Any]]:
    text = (_CORPUS / "benign.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if line]


def _decisions(commands: list[dict[str, Any]]) -> list[Callable[[], object]]:
    checkers: dict[tuple[str, ...], PolicyChecker] = {}
    calls: list[Callable[[], object]] = []
    for row in commands:
        key = (row["shell"], *row["allowed"])
        if key not in checkers:
            checkers[key] = _checker(row["allowed"], row["shell"])
        calls.append(_decision(checkers[key], row["command"]))
    return calls


def _checker(allowed: list[str], shell: str) -> PolicyChecker:
    return PolicyChecker(
        PolicyLists(
            allowed=tuple(allowed),
            blocked=(),
            use_default_blocklist=True,
            allowed_env=(),
            shell=shell,
        )
    )


def _decision(checker: PolicyChecker, command: str) -> Callable[[], object]:
    request = CommandRequest(
        command=command, working_directory="/", timeout_seconds=1.0
    )
    return lambda: checker.check(request, ANONYMOUS)


def _of_length(kib: int) -> float:
    return _best(_decide_about(kib))


def _decide_about(kib: int) -> Callable[[], object]:
    text = (_LINE * (kib * _KIB // len(_LINE))).rstrip("\n")
    return _decision(_checker(["grep", "head", "echo"], "/bin/sh"), text)


def _parses(commands: list[dict[str, Any]]) -> list[Callable[[], object]]:
    import tree_sitter
    import tree_sitter_bash

    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))
    texts = [row["command"].encode() for row in commands]
    return [partial(parser.parse, text) for text in texts]


def _median(calls: list[Callable[[], object]]) -> float:
    return statistics.median(map(_best, calls))


def _best(call: Callable[[], object]) -> float:
    """Microseconds."""
    best = float("inf")
    for _ in range(_REPEATS):
        began = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - began)
    return best * 1e6
