"""Programs that watch others at work, and debuggers."""

from __future__ import annotations

from typing import Final

from commander.policy.programs.model import (
    Effect,
    Program,
    Risk,
    Style,
    Wraps,
)

__all__ = ["PROGRAMS"]

_OUTPUT: Final = Risk(
    options="-o --output",
    effect=Effect.WRITES,
    why="writes to a file, or to a command",
    never="|* !*",
)

_DEBUGGERS: Final = Program(
    names=(
        "gdb gdb-multiarch gdbserver lldb rr cgdb ddd pdb ipdb radare2 r2 rizin "
        "bpftrace stap perf dtrace dlv frida"
    ),
    refused="takes commands that run programs",
    harmless="--version -version -v --help",
    reason="Its commands run programs, and it runs what it debugs.",
    passes=("gdb --version", "perf --version"),
    refuses=(
        "gdb -nx -batch -ex '!pwn'",
        "gdb -batch -x evil.gdb",
        "lldb -b -o 'platform shell pwn'",
        "perf stat pwn",
        "gdb --args pwn",
    ),
)

_LTRACE: Final = Program(
    names="ltrace",
    style=Style.POSIX,
    valued="-a --align -A -D --debug -e -l --library -n --indent -p -s -u -w --where "
    "-x",
    flags="-b --no-signals -c -C --demangle -f -h --help -i -L -r -S -t -T -V "
    "--version",
    risks=(
        _OUTPUT,
        Risk(
            options="-F --config",
            effect=Effect.LOADS,
            why="reads settings from a file",
        ),
    ),
    wraps=Wraps(stops="-p -h --help -V --version"),
    reason="It runs the command behind it.",
    passes=("ltrace -c ls", "ltrace -o out.txt ls"),
    refuses=("ltrace pwn", "ltrace -fo /etc/x ls"),
)

_STRACE: Final = Program(
    names="strace",
    style=Style.POSIX,
    valued=(
        "-a --columns -b --detach-on -e --trace --signal --status -I --interruptible "
        "-O --summary-syscall-overhead -P --trace-path -p --attach -s --string-limit "
        "-S --summary-sort-by -u --user -U --summary-columns -X --const-print-style"
    ),
    flags=(
        "-A --output-append-mode -c --summary-only -C --summary -d --debug -D "
        "--daemonize* -f --follow-forks* -ff --output-separately -h --help -i "
        "--instruction-pointer -k --stack-traces -n --syscall-number -N --arg-names "
        "-q --quiet* -qq -qqq -r --relative-timestamps* -t --absolute-timestamps* -tt "
        "-ttt -T --syscall-times* -v --no-abbrev -V --version -w --summary-wall-clock "
        "-x --strings-in-hex* -y -yy --decode-fds* -Y --decode-pids* -z "
        "--successful-only -Z --failed-only --seccomp-bpf"
    ),
    risks=(
        _OUTPUT,
        Risk(
            options="-E --env",
            effect=Effect.RUNS,
            why="changes the environment",
        ),
    ),
    wraps=Wraps(stops="-p --attach -h --help -V --version"),
    reason="It runs the command behind it.",
    passes=("strace -f -e trace=openat ls", "strace -o out.txt -tt ls -l"),
    refuses=(
        "strace pwn",
        "strace -fo out.txt pwn",
        "strace -o '|pwn' ls",
        "strace -o /etc/x ls",
        "strace -E LD_PRELOAD=./x.so ls",
    ),
)

_VALGRIND: Final = Program(
    names="valgrind",
    style=Style.POSIX,
    flags="-q -v -d -h --*",
    risks=(
        Risk(
            options="--db-command --vgdb-prefix",
            effect=Effect.RUNS,
            why="runs a program on an error",
        ),
        Risk(
            options="--log-file --xml-file --xtree-memory-file --xtree-leak-file "
            "--massif-out-file --callgrind-out-file --cachegrind-out-file",
            effect=Effect.WRITES,
            why="writes to a file",
        ),
    ),
    wraps=Wraps(stops="--version --help -h"),
    reason="It runs the command behind it, and one on an error.",
    passes=("valgrind --leak-check=full ls", "valgrind --log-file=vg.txt ls"),
    refuses=("valgrind pwn", "valgrind --db-command=pwn ls", "valgrind -q pwn"),
)

PROGRAMS: Final = (
    _DEBUGGERS,
    _LTRACE,
    _STRACE,
    _VALGRIND,
)
