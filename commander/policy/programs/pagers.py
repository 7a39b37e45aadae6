"""Programs that show text, one screen at a time."""

from __future__ import annotations

from typing import Final

from commander.policy.programs.model import Effect, Program, Risk

__all__ = ["PROGRAMS"]

_LESS: Final = Program(
    names="less zless xzless bzless zstdless lzless",
    valued=(
        "-b --buffers -D --color -h --max-back-scroll -j --jump-target -P --prompt "
        "-t --tag -T --tag-file -x --tabs -y --max-forw-scroll -z --window "
        "--shift -# --rscroll --mouse --wheel-lines"
    ),
    risks=(
        Risk(
            options="-k --lesskey-file --lesskey-src --lesskey-content "
            "--lesskey-context",
            effect=Effect.LOADS,
            why="binds keys to commands",
        ),
        Risk(
            options="-o --log-file -O --LOG-FILE",
            effect=Effect.WRITES,
            why="writes to a file",
        ),
        Risk(
            options="-p --pattern",
            effect=Effect.RUNS,
            why="types its value, and what follows it",
        ),
        Risk(
            options="++* --cmd",
            effect=Effect.RUNS,
            why="runs commands at the start",
        ),
    ),
    operands="+*",
    operands_why="runs commands at the start",
    reason="Its command `!` runs a program.",
    passes=("less README.md", "less -SR build.log"),
    refuses=(
        "less '+!pwn' x",
        "less x '++!pwn'",
        "less -k evil x",
        "less -o .git/config x",
        "less --lesskey-c='x shell pwn' x",
    ),
)

_MAN: Final = Program(
    names="man",
    valued=(
        "-L --locale -m --systems -M --manpath -S -s --sections -e --extension -r "
        "--prompt -E --encoding -R --recode"
    ),
    risks=(
        Risk(
            options="-P --pager",
            effect=Effect.RUNS,
            why="runs a program on the page",
            passing="cat",
        ),
        Risk(
            options="-H --html -B --browser -X --gxditview",
            effect=Effect.RUNS,
            why="starts a browser",
            bare=True,
        ),
        Risk(
            options="-C --config-file",
            effect=Effect.LOADS,
            why="reads settings that name programs",
        ),
    ),
    reason="It runs any program on the page.",
    passes=("man ls", "man 5 passwd", "man -P cat git-log", "man -k socket"),
    refuses=(
        "man -P pwn ls",
        "man --pager='sh -c pwn' ls",
        "man --html=pwn ls",
        "man -Hpwn ls",
        "man -C evil ls",
    ),
)

_MORE: Final = Program(
    names="more pg most",
    valued="-n --lines",
    operands="+*",
    operands_why="runs commands at the start",
    reason="Its command `!` runs a program.",
    passes=("more README.md", "more -n 5 README.md"),
    refuses=("more '+!pwn' x", "more x +/y"),
)

PROGRAMS: Final = (
    _LESS,
    _MAN,
    _MORE,
)
