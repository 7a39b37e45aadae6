# ruff: noqa: T201 - it prints its report
"""Looks for texts that the policy approves and that run ``pwn`` all the same.

``python -m tests.policy.scoring.fuzz --seconds 600``. Texts are approved under an
allow-list that names many programs, but not ``pwn``; what is approved is executed in a
throw-away world, as it would be. Each breach is cut down before it is printed.
"""

from __future__ import annotations

import argparse
import random
import re
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import attrs

from commander.policy.programs import PROGRAMS, find
from commander.policy.wordset import wordset
from tests.policy.scoring.corpus import Row
from tests.policy.scoring.execution import Execution, why_not
from tests.policy.scoring.grammar import GIT, Grammar
from tests.policy.scoring.score import OwnPolicy, Policy
from tests.policy.scoring.world import Template

__all__ = ["Breach", "Fuzzer", "Machine", "main"]

_RUN_FILES: Final = wordset(
    """
    sh bash dash rbash python python3 perl ruby irb node nodejs npm npx php lua tclsh
    wish expect m4 jshell jrunscript java ipython ipython3 make gmake ninja cmake
    ctest cpack rake gem cargo rustc mvn prove pytest py.test run-parts busybox unbuffer
    convert valgrind perf gdb dotenv pyenv rustup yq perldoc
    """
)
"""Programs whose purpose is to run what is in files, or which start slowly."""
_ORDINARY: Final = wordset(
    """
    basename cat chmod cmp column comm cp cut date df diff dirname du echo egrep env
    expand expr false file fold grep head hostname id join jq ln ls md5sum mkdir mv nl
    od paste pathchk pr printenv printf ps pwd readlink realpath rev rm rmdir seq
    sha256sum shuf sleep sponge stat sum tac tail tee test touch tr true tsort uname
    unexpand uniq vidir wc which whoami whereis xxd zipinfo ts chronic combine
    export read set unset trap command type local readonly umask hash
    """
)
_LISTS: Final[dict[str, tuple[str, ...]]] = {
    # Programs of the tables: no interpreters, for these run what is in files.
    "programs": tuple(
        sorted(
            (wordset(" ".join(program.names for program in PROGRAMS)) | _ORDINARY)
            - _RUN_FILES
        )
    ),
    # The shells, but nothing that writes the script for them.
    "shells": ("sh", "bash", "echo", "ls", "cat", "grep", "printf", "test", "wc"),
}
_OPTION: Final = re.compile(r"(?<![\w=-])(--?[A-Za-z0-9][\w-]*)")
# What one command says of its options, each one once.
_ASK: Final = r"""
ask() {
    printf '\0%s ' "$1"
    [ "$1" != git ] || [ "$2" = --help ] || echo "$2"
    timeout -k 1 2 "$@" </dev/null 2>&1 | head -c 60000 |
        grep -aoE -- '(^|[^[:alnum:]=-])--?[[:alnum:]][[:alnum:]-]*' |
        grep -aoE -- '-.*' | LC_ALL=C sort -u
}
"""
_INTERESTING: Final = re.compile(r"p\W*w\W*n|evil|tools|hooks|tmpl")
_BATCH: Final = 12
_SHRINK_SECONDS: Final = 5.0
"""For one text: it is a convenience, and each try may run into its time limit."""
_SHRINKS: Final = 60


@attrs.frozen(kw_only=True)
class Breach:
    """A text that should not have been approved, cut down."""

    shell: str
    entries: str
    """Which of the lists held."""
    texts: tuple[str, ...]
    """One, or several that only do it one after the other."""
    rendered: tuple[str, ...]
    seed: str
    """Of the text as it was found."""

    def __str__(self) -> str:
        lines = [f"BREACH under the list {self.entries!r}, {self.shell}, {self.seed}"]
        for text, rendered in zip(self.texts, self.rendered, strict=True):
            lines += [f"  text:     {text!r}", f"  rendered: {rendered!r}"]
        return "\n".join(lines)


@attrs.frozen
class Machine:
    """The programs that are here, and their options.

    Attributes:
        options: By program, and by subcommand of git: ``git log``. None is missing
            that is here, even if it has no options.
    """

    options: Mapping[str, Sequence[str]]

    @classmethod
    def seen(cls, execution: Execution) -> Machine:
        """Ask every program for its help, in a world."""
        lines = [_ASK]
        for name in sorted({name for names in _LISTS.values() for name in names}):
            lines.append(f"command -v {name} >/dev/null && ask {name} --help")
        lines += [f"ask git {name} -h" for name in GIT]
        found: dict[str, Sequence[str]] = {}
        told = execution.run("\n".join(lines)).stdout.decode(errors="replace")
        for part in told.split("\0")[1:]:
            command, *words = part.split()
            if command == "git" and words and not words[0].startswith("-"):
                command = f"git {words.pop(0)}"
            program = find(command.split()[0])
            options = {word for word in words if _OPTION.fullmatch(word)}
            found[command] = sorted({*options, *_OPTION.findall(repr(program))})
        return cls(found)

    def programs(self, entries: str) -> tuple[str, ...]:
        """Those of a list that are here."""
        return tuple(name for name in _LISTS[entries] if name in self.options)


@attrs.define
class Fuzzer:
    """Makes, approves and executes texts.

    Attributes:
        execution: Where they run.
        machine: What they are made of.
        made: Texts so far.
        approved: Those that the policy let through.
        executed: Those of them that could do harm by their looks.
    """

    execution: Execution
    machine: Machine
    made: int = 0
    approved: int = 0
    executed: int = 0
    _policy: Policy = attrs.field(factory=OwnPolicy, alias="policy")
    _deadline: float = attrs.field(default=float("inf"), init=False)

    def fuzz(self, seed: int, seconds: float, most: int | None = None) -> list[Breach]:
        """Look for breaches; each is printed as soon as it is found.

        Args:
            seed: For the first of the texts; the same texts for the same seed.
            seconds: To go on.
            most: Texts to make at most.
        """
        breaches: list[Breach] = []
        self._deadline = deadline = time.monotonic() + seconds
        with ThreadPoolExecutor(2) as pool:
            for batches in self._rounds(seed, most):
                for breach in pool.map(self._try, batches):
                    if breach is not None:
                        breaches.append(breach)
                        print(breach, flush=True)
                if time.monotonic() > deadline:
                    break
        return breaches

    def _rounds(
        self, seed: int, most: int | None
    ) -> Iterator[list[list[tuple[str, Row]]]]:
        """Pairs of batches of approved texts, each text with its seed."""
        batches: list[list[tuple[str, Row]]] = [[]]
        while most is None or self.made < most:
            key = f"{seed}:{self.made}"
            row = self.make(key)
            self.made += 1
            if not self._policy.judge(row).allowed:
                continue
            self.approved += 1
            if not _INTERESTING.search(row.command):
                continue
            self.executed += 1
            batches[-1].append((key, row))
            if len(batches[-1]) == _BATCH:
                if len(batches) == 2:
                    yield batches
                    batches = []
                batches.append([])
        yield batches

    def make(self, key: str) -> Row:
        """One text, and the list that it would run under."""
        chooser = random.Random(f"row {key}")
        entries = chooser.choice(("programs", "programs", "shells"))
        grammar = Grammar(
            key,
            self.machine.programs(entries),
            lambda command: self.machine.options.get(command, ()),
            may_write=entries == "programs",
        )
        return Row(
            id=entries,
            group="fuzz",
            command=grammar.text(),
            shell=chooser.choice(("/bin/sh", "/bin/bash")),
            allowed=_LISTS[entries],
        )

    def _try(self, batch: Sequence[tuple[str, Row]]) -> Breach | None:
        """Run a batch in one world; if it breaches, find out which texts do."""
        rows = [row for _, row in batch]
        if not rows or not self._breaches(rows):
            return None
        for key, row in batch:
            if self._is_late:
                return self._report(batch[0][0], rows)
            if self._breaches([row]):
                return self._report(key, [self._shrunk(row)])
        for row in list(rows):
            if self._is_late:
                break
            fewer = [other for other in rows if other is not row]
            if self._breaches(fewer):
                rows = fewer
        return self._report(batch[0][0], rows)

    @property
    def _is_late(self) -> bool:
        """Whether it is better to tell of a breach as it is."""
        return time.monotonic() > self._deadline

    def _report(self, key: str, rows: Sequence[Row]) -> Breach:
        return Breach(
            shell=rows[-1].shell,
            entries=rows[-1].id,
            texts=tuple(row.command for row in rows),
            rendered=tuple(self._policy.judge(row).text for row in rows),
            seed=key,
        )

    def _breaches(self, rows: Sequence[Row]) -> bool:
        """Whether what the policy makes of some texts runs ``pwn``, in one world."""
        lines = []
        for row in rows:
            verdict = self._policy.judge(row)
            if verdict.allowed:
                words = ["timeout", "-k", "1", "2", row.shell, "-c", verdict.text]
                lines.append(f"{shlex.join(words)} </dev/null")
        return self.execution.run("\n".join(lines)).breached

    def _shrunk(self, row: Row) -> Row:
        """A shorter text that still does it."""
        tries = 0
        deadline = time.monotonic() + _SHRINK_SECONDS
        parts = re.split(r"(\s+|[;&|(){}'\"])", row.command)
        size = max(1, len(parts) // 2)
        while size and tries < _SHRINKS:
            at = 0
            while at < len(parts) and tries < _SHRINKS:
                if time.monotonic() > deadline or self._is_late:
                    return row
                fewer = parts[:at] + parts[at + size :]
                shorter = attrs.evolve(row, command="".join(fewer))
                if shorter.command.strip() and self._policy.judge(shorter).allowed:
                    tries += 1
                    if self._breaches([shorter]):
                        parts, row = fewer, shorter
                        continue
                at += size
            size //= 2
        return row


def main(words: Sequence[str], machine: Machine | None = None) -> int:
    """The exit status is 1 if there was a breach.

    Args:
        words: Options.
        machine: If it was looked at before.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tests.policy.scoring.fuzz", description=__doc__
    )
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=None)
    given = parser.parse_args(words)
    if reason := why_not():
        print(f"cannot execute: {reason}", file=sys.stderr)
        return 2
    seed = (
        given.seed if given.seed is not None else random.SystemRandom().randrange(10**6)
    )
    print(f"seed {seed}", flush=True)
    with Template(hostile=False) as template:
        execution = Execution(template, seconds=30.0)
        fuzzer = Fuzzer(execution, machine or Machine.seen(execution))
        breaches = fuzzer.fuzz(seed, given.seconds)
    print(
        f"{fuzzer.made} texts, {fuzzer.approved} approved, {fuzzer.executed} executed, "
        f"{len(breaches)} breaches"
    )
    return int(bool(breaches))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
