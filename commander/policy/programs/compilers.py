"""Compilers."""

from __future__ import annotations

from typing import Final

from commander.policy.programs.model import (
    Effect,
    Program,
    Risk,
    Style,
    Subcommand,
)
from commander.policy.programs.reasons import OPTIONS_FILE, WRITES

__all__ = ["PROGRAMS"]


_PASSED_ON: Final = (
    "-Wl,--as-needed -Wl,--no-as-needed -Wl,--gc-sections -Wl,--no-undefined "
    "-Wl,-z,now -Wl,-z,relro -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,-z,defs "
    "-Wl,-O1 -Wl,-s -Wl,-x -Wl,-dead_strip -Wl,--start-group -Wl,--end-group "
    "-Wl,--whole-archive -Wl,--no-whole-archive -Wl,-Bstatic -Wl,-Bdynamic "
    "-Wl,-Bsymbolic -Wl,--export-dynamic -Wl,-E -Wl,--fatal-warnings -Wl,--build-id "
    "-Wl,--strip-all -Wl,--no-allow-shlib-undefined -Wl,--allow-multiple-definition "
    "-Wl,--hash-style -Wa,--noexecstack -Wp,-D_FORTIFY_SOURCE -Wp,-U_FORTIFY_SOURCE"
)

_CC: Final = Program(
    names=(
        "cc gcc g++ c++ cpp clang clang++ c89 c99 gfortran gdc gccgo icc icx "
        "nvcc musl-gcc x86_64-linux-gnu-gcc x86_64-linux-gnu-g++ aarch64-linux-gnu-gcc "
        "arm-none-eabi-gcc emcc em++"
    ),
    style=Style.WORDS,
    valued="-x -I -L -D -U -include -isystem -iquote -idirafter -l -MT -MQ -arch -u -z",
    risks=(
        Risk(
            options=_PASSED_ON,
            effect=Effect.RUNS,
            why="passes something on",
            bare=True,
            values="*/*",
        ),
        Risk(
            options="-Wl,* -Wa,* -Wp,*",
            effect=Effect.RUNS,
            why="passes options on, and some load code or write files",
            bare=True,
        ),
        Risk(
            options="-B* --prefix* -wrapper -ccc-* -no-integrated-* "
            "--ld-path* -run -ccbin* "
            "--compiler-bindir* --gcc-toolchain* -gcc-name*",
            effect=Effect.RUNS,
            why="names the programs that it runs",
            bare=True,
        ),
        Risk(
            options="-fuse-ld",
            effect=Effect.RUNS,
            why="names the program that links",
            bare=True,
            values="*/*",
        ),
        Risk(
            options="-fplugin* -fpass-plugin* -specs* --specs* -load -Xclang* "
            "--config* -iplugindir* -Xlinker -mllvm -Xassembler -Xpreprocessor",
            effect=Effect.LOADS,
            why="loads a plugin or settings",
            bare=True,
        ),
        Risk(
            options="-o -MF -MJ -aux-info -dumpdir --serialize-diagnostics "
            "-dependency-file -foptimization-record-file -dumpbase -dumpbase-ext "
            "-index-store-path",
            effect=Effect.WRITES,
            why=WRITES,
        ),
        Risk(
            options="-fprofile-dir -fprofile-note -fprofile-generate "
            "-fprofile-instr-generate -fcs-profile-generate -ftime-trace "
            "-fmodules-cache-path -fmodule-output -fcrash-diagnostics-dir -fopt-info*",
            effect=Effect.WRITES,
            why=WRITES,
            bare=True,
            values="*",
        ),
        Risk(
            options="-o* -MF* -fdump-* -fdiagnostics-add-output* -dumpdir*",
            effect=Effect.RUNS,
            why="writes to a file",
            bare=True,
        ),
    ),
    operands="@*",
    operands_why=OPTIONS_FILE,
    reason="It runs its parts from where options say, and loads plugins.",
    passes=(
        "gcc -O2 -Wall -Iinclude -o build/app src/main.c -lm",
        "clang -std=c11 -fsyntax-only a.c",
        "g++ -c -fPIC -MMD a.cc -o a.o",
        "gcc-12 --version",
        "gcc -Wl,--as-needed -Wl,-z,relro --coverage a.c",
        "gcc -Wp,-D_FORTIFY_SOURCE=2 -c a.c",
    ),
    refuses=(
        "gcc -wrapper pwn a.c",
        "gcc -B. a.c",
        "gcc -fplugin=./evil.so a.c",
        "gcc -specs=evil a.c",
        "gcc @evil",
        "cc -o .git/hooks/x a.c",
        "clang -fuse-ld=/tmp/pwn a.c",
        "clang -Xclang -load -Xclang ./evil.so a.c",
        "gcc -Wl,-plugin,./evil.so a.c",
        "gcc -c -Wa,-a=/etc/x x.c",
        "gcc -c -Wa,-g,-al=/etc/x x.c",
        "gcc x.c -Wl,-Map=/etc/x",
        "gcc x.c -Wl,--gc-sections,-Map,/etc/x",
        "gcc -c x.c -fprofile-dir=/etc --coverage",
        "gcc -c x.c -fprofile-note=/etc/x",
        "gcc -c x.c -dumpdir /etc/x",
        "gcc -c x.c -fopt-info-vec=/etc/x",
    ),
)

_GHC: Final = Program(
    names="ghc",
    style=Style.WORDS,
    risks=(
        Risk(
            options="-pgm* -F -e --interactive --run",
            effect=Effect.RUNS,
            why="runs a program, or code from its words",
            bare=True,
        ),
        Risk(
            options="-fplugin* -ghci-script* -package-db* -plugin-package* -B*",
            effect=Effect.LOADS,
            why="loads a plugin or settings",
            bare=True,
        ),
        Risk(
            options="-o -outputdir -odir -hidir -stubdir -dumpdir -tmpdir",
            effect=Effect.WRITES,
            why=WRITES,
        ),
    ),
    operands="@*",
    operands_why=OPTIONS_FILE,
    reason="It runs its parts from where options say, and code from its words.",
    passes=("ghc -O2 Main.hs -o app", "ghc --version"),
    refuses=("ghc -e 'System.Process.callCommand \"pwn\"'", "ghc -F -pgmF pwn x.hs"),
)

_GO: Final = Program(
    names="go",
    style=Style.WORDS,
    valued=(
        "-run -bench -benchtime -count -timeout -tags -p -mod -parallel -cpu "
        "-covermode -coverpkg -fuzz -fuzztime -f -installsuffix -buildmode -compiler "
        "-gcflags -asmflags -pkgdir -skip -shuffle -vet -list"
    ),
    risks=(
        Risk(
            options="-exec -toolexec -vettool -fixtool",
            effect=Effect.RUNS,
            why="runs a program on what it builds",
        ),
        Risk(
            options="-ldflags -gccgoflags",
            effect=Effect.RUNS,
            why="names the programs that link",
            values="*extld* *-ld* *-B* *-wrapper* *-fplugin* *-specs* *@*",
        ),
        Risk(
            options="-overlay -modfile",
            effect=Effect.LOADS,
            why="puts other files in the place of yours",
        ),
        Risk(
            options="-o -coverprofile -cpuprofile -memprofile -blockprofile "
            "-mutexprofile -trace -outputdir -test.coverprofile -test.cpuprofile "
            "-test.memprofile -test.trace -test.outputdir -artifacts",
            effect=Effect.WRITES,
            why=WRITES,
        ),
        Risk(options="-C", effect=Effect.SCRIPT, why="names the directory"),
    ),
    everywhere=True,
    subcommands=(
        Subcommand(
            names="tool",
            refused="runs a tool by name",
            harmless="cover nm objdump fix vet dist buildid doc pprof",
        ),
        Subcommand(names="bug", refused="opens a browser"),
        Subcommand(
            names="env telemetry",
            risks=(
                Risk(
                    options="-w -u",
                    effect=Effect.RUNS,
                    why="changes settings that name programs",
                    bare=True,
                ),
            ),
        ),
    ),
    ordinary=(
        "build clean doc env fix fmt generate get help install list mod run telemetry "
        "test tool version vet work"
    ),
    reason="Options run programs on what it builds.",
    passes=(
        "go test -run TestFoo -v ./pkg/...",
        "go build -o bin/app -ldflags '-s -w' ./cmd/app",
        "go run . --flag",
        "go vet ./...",
        "go env GOPATH",
        "go mod tidy",
    ),
    refuses=(
        "go test -exec pwn ./...",
        "go build -toolexec=pwn ./...",
        "go vet --vettool=./pwn ./...",
        "go build -ldflags '-extld=pwn -linkmode=external' .",
        "go build -o .git/hooks/x .",
        "go env -w CC=pwn",
        "go tool pwn",
    ),
)

_RUSTC: Final = Program(
    names="rustc rustdoc",
    style=Style.EXACT,
    valued="--crate-name --crate-type --edition -L -l --cfg --target --extern -A -W "
    "-D -F",
    risks=(
        Risk(
            options="-C --codegen",
            effect=Effect.RUNS,
            why="names the programs that link, or loads plugins",
            values="linker* link-* *plugin* dlltool* profile-* *=/* *passes*",
        ),
        Risk(options="-Z", effect=Effect.LOADS, why="sets options that load code"),
        Risk(
            options="--test-runtool --runtool --test-builder --html-in-header "
            "--theme --sysroot",
            effect=Effect.RUNS,
            why="runs a program on what it builds",
        ),
        Risk(
            options="-o --out-dir --output --emit",
            effect=Effect.WRITES,
            why=WRITES,
        ),
    ),
    operands="@*",
    operands_why=OPTIONS_FILE,
    reason="It runs a linker that options name.",
    passes=("rustc -O --edition 2021 main.rs -o app", "rustc --version"),
    refuses=(
        "rustc -C linker=pwn main.rs",
        "rustc -Clinker=pwn main.rs",
        "rustc -o /etc/x main.rs",
        "rustc @evil",
        "rustdoc --test --runtool pwn main.rs",
    ),
)

PROGRAMS: Final = (
    _CC,
    _GHC,
    _GO,
    _RUSTC,
)
