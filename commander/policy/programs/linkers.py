"""Assemblers, linkers and loaders, and what looks into compiled files."""

from __future__ import annotations

from typing import Final

from commander.policy.programs.model import (
    Effect,
    Program,
    Risk,
    Style,
    Targets,
)
from commander.policy.programs.reasons import OPTIONS_FILE, WRITES

__all__ = ["PROGRAMS"]


_AR: Final = Program(
    names="ar gar llvm-ar ranlib gcc-ar",
    risks=(
        Risk(options="--plugin", effect=Effect.LOADS, why="loads a library"),
        Risk(
            options="-M",
            effect=Effect.RUNS,
            why="runs what it reads",
            bare=True,
        ),
        Risk(options="--output", effect=Effect.WRITES, why=WRITES),
    ),
    targets=Targets.FIRST,
    targets_unless="-t -p -x",
    operands="@*",
    operands_why=OPTIONS_FILE,
    first_word_cluster=True,
    reason="It writes archives, and loads plugins.",
    passes=("ar rcs build/lib.a a.o b.o", "ar t /usr/lib/x.a"),
    refuses=("ar rcs .git/config a.o", "ar --plugin ./evil.so t x.a", "ar -M"),
)

_BINUTILS: Final = Program(
    names="nm objdump readelf size gcc-nm llvm-nm addr2line strings",
    risks=(Risk(options="--plugin", effect=Effect.LOADS, why="loads a library"),),
    operands="@*",
    operands_why=OPTIONS_FILE,
    reason="It loads plugins.",
    passes=("nm -C build/lib.a", "objdump -d a.o", "readelf -h /bin/ls"),
    refuses=("nm --plugin ./evil.so a.o", "nm --plug=./evil.so a.o", "nm @evil"),
)

_AS: Final = Program(
    names="as gas nasm yasm",
    style=Style.WORDS,
    valued="-I -i -f -D -d -p -P -g -F -march -mcpu --defsym",
    risks=(
        Risk(
            options="-o --output -l -Z -MD -MF -MT --MD --objfile --list --mapfile "
            "--errfile --dependency-file",
            effect=Effect.WRITES,
            why=WRITES,
        ),
        Risk(
            options="-a*",
            effect=Effect.WRITES,
            why=WRITES,
            bare=True,
            values="*",
        ),
        Risk(
            options="-o* -l* -Z* -M*",
            effect=Effect.RUNS,
            why=WRITES,
            bare=True,
        ),
    ),
    operands="@*",
    operands_why=OPTIONS_FILE,
    reason="It writes what it makes, and listings of it.",
    passes=("as -o a.o a.s", "nasm -f elf64 -o build/a.o a.asm", "as -al a.s"),
    refuses=("as -al=/etc/x a.s", "as -o /etc/x a.s", "nasm -l /etc/x a.asm"),
)

_LD: Final = Program(
    names="ld gold lld mold ld.bfd ld.gold ld.lld dsymutil",
    style=Style.WORDS,
    valued="-L -l -e -m -z -u -T -h -rpath -soname -dynamic-linker -arch",
    risks=(
        Risk(
            options="-plugin* -P --dlopen",
            effect=Effect.LOADS,
            why="loads a library",
            bare=True,
        ),
        Risk(
            options="-o --output -Map --dependency-file --reproduce --time-trace "
            "-out-implib -output-def -map -final_output -dependency_info",
            effect=Effect.WRITES,
            why=WRITES,
        ),
        Risk(options="-o*", effect=Effect.RUNS, why=WRITES, bare=True),
    ),
    operands="@* -plugin",
    operands_why="reads options or loads a library",
    reason="It loads plugins, and writes what it makes.",
    passes=("ld -o app a.o -lc", "ld -Map=app.map -shared -o a.so a.o"),
    refuses=(
        "ld -plugin ./evil.so a.o",
        "ld -lc --plugin ./evil.so a.o",
        "ld -lc -plugin=./evil.so a.o",
        "ld -o /etc/x a.o",
        "ld a.o -Map=/etc/x",
        "ld @evil",
    ),
)

_OBJCOPY: Final = Program(
    names="objcopy strip gobjcopy llvm-objcopy llvm-strip",
    valued=(
        "-O --output-target -I --input-target -F --target -B --binary-architecture "
        "-j --only-section -R --remove-section -K --keep-symbol -N --strip-symbol -L "
        "--localize-symbol -W --weaken-symbol -G --keep-global-symbol "
        "--add-gnu-debuglink --rename-section --set-section-flags --redefine-sym "
        "--add-section --update-section --prefix-symbols --prefix-sections"
    ),
    risks=(
        Risk(options="--plugin", effect=Effect.LOADS, why="loads a library"),
        Risk(
            options="--dump-section --extract-dwo --split-dwo",
            effect=Effect.RUNS,
            why=WRITES,
        ),
        Risk(options="-o", effect=Effect.WRITES, why=WRITES),
    ),
    targets=Targets.EACH,
    operands="@*",
    operands_why=OPTIONS_FILE,
    reason="It writes its second operand, or the first if that is alone.",
    passes=("strip app", "objcopy -O binary app.elf app.bin", "strip -o b a"),
    refuses=(
        "objcopy a.o /etc/x",
        "strip /etc/x",
        "objcopy --plugin ./evil.so a.o",
        "objcopy --dump-section .text=/etc/x a.o",
    ),
)

_RUNS_LOADED: Final = Program(
    names=(
        "ld-linux-x86-64.so.2 ld-linux.so.2 ld-linux-aarch64.so.1 ld-linux-armhf.so.3 "
        "ld.so ld-musl-x86_64.so.1 ld-musl-aarch64.so.1 qemu-x86_64 qemu-aarch64 "
        "qemu-x86_64-static qemu-aarch64-static qemu-system-x86_64 wine wine64 mono "
        "box64 wasmtime wasmer"
    ),
    refused="runs the program that its words name",
    harmless="--version --help",
    reason="A loader is a program that runs another.",
    passes=("wine --version",),
    refuses=("ld-linux-x86-64.so.2 ../bin/pwn", "qemu-x86_64 ./pwn"),
)

PROGRAMS: Final = (
    _AR,
    _AS,
    _LD,
    _RUNS_LOADED,
    _BINUTILS,
    _OBJCOPY,
)
