"""Make and its like: what they build with stands in files, and in their words."""

from __future__ import annotations

from typing import Final

from commander.policy.programs.model import Effect, Program, Risk

__all__ = ["PROGRAMS"]

_HARMLESS_VARIABLES: Final = (
    "*=[0-9] *=[0-9][0-9] *=[0-9].[0-9] *=[0-9].[0-9].[0-9] *=[0-9].[0-9][0-9] "
    "*=[0-9].[0-9][0-9].[0-9] *=true *=false *=yes *=no *=on *=off *=y *=n "
    "*=debug *=release *=Debug *=Release"
)

_MAKE: Final = Program(
    names="make gmake bmake",
    valued=(
        "-C --directory -o --old-file --assume-old -W --what-if --new-file --assume-new"
    ),
    risks=(
        Risk(
            options="-E --eval",
            effect=Effect.RUNS,
            why="reads its value as a makefile",
        ),
        Risk(
            options="-f --file --makefile",
            effect=Effect.SCRIPT,
            why="reads a makefile from its input",
        ),
        Risk(
            options="-I --include-dir",
            effect=Effect.LOADS,
            why="names the directory that makefiles are included from",
        ),
    ),
    operands="*=*",
    operands_passing=_HARMLESS_VARIABLES,
    operands_why="sets a variable, and some name programs or run them",
    reason="It runs what the makefile says, and variables change what that is.",
    passes=(
        "make -j4",
        "make -C sub test",
        "make -f Makefile.ci lint V=1",
        "make DEBUG=true all",
    ),
    refuses=(
        "make SHELL=../bin/pwn",
        "make CC=pwn",
        "make --eval='$(shell pwn)'",
        "make --ev '$(shell pwn)'",
        "make -f -",
        "make -f/dev/stdin",
        "make -I evil",
        "make 'X=$(shell pwn)'",
    ),
)

PROGRAMS: Final = (_MAKE,)
