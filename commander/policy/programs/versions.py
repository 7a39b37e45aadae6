"""Version control beside git."""

from __future__ import annotations

from typing import Final

from commander.policy.programs.model import (
    Effect,
    Program,
    Risk,
    Subcommand,
)
from commander.policy.programs.reasons import WRITES

__all__ = ["PROGRAMS"]


_VERSIONS: Final = Program(
    names="svn hg bzr brz darcs fossil jj sl",
    risks=(
        Risk(
            options="--config --config-option --config-dir --config-file --config-toml "
            "--debugger --diff-cmd --diff3-cmd --merge-cmd --editor-cmd --tool "
            "--remotecmd --rsh -e --ssh --pager --hook",
            effect=Effect.RUNS,
            why="sets configuration, which can name programs",
        ),
        Risk(options="--output", effect=Effect.WRITES, why=WRITES),
    ),
    everywhere=True,
    subcommands=(
        Subcommand(
            names="*",
            operands="ext::* svn+*::* ssh://-* *-oProxyCommand*",
            operands_why="names a program as a remote",
        ),
        Subcommand(
            names="extdiff debugshell debugextensions serve kdiff3 debugmergetool "
            "vdiff "
            "gdiff util config setup propedit pedit pe hook hooks shell run fix alias",
            refused="runs a tool, a server or an editor",
        ),
        Subcommand(
            names="bisect",
            risks=(
                Risk(
                    options="--command",
                    effect=Effect.TEXT,
                    why="runs a shell command on revisions",
                ),
            ),
        ),
    ),
    reason="Configuration and tools run programs.",
    passes=(
        "svn status",
        "hg log -l 5",
        "hg commit -m x",
        "hg log -p",
        "svn diff -r 1:2 a.c",
    ),
    refuses=(
        "hg --config alias.x='!pwn' x",
        "svn diff --diff-cmd pwn",
        "svn --config-option config:tunnels:x=pwn info svn+x://h",
        "hg extdiff -p pwn",
        "hg clone -e pwn ssh://h/x d",
        "hg bisect --command pwn",
    ),
)

PROGRAMS: Final = (_VERSIONS,)
