"""Make and its like: what they build with stands in files, and in their words."""

from __future__ import annotations

from typing import Final

from commander.policy.programs.model import (
    Effect,
    Program,
    Risk,
    Style,
    Subcommand,
)

__all__ = ["PROGRAMS"]

_HARMLESS_VARIABLES: Final = (
    "*=[0-9] *=[0-9][0-9] *=[0-9].[0-9] *=[0-9].[0-9].[0-9] *=[0-9].[0-9][0-9] "
    "*=[0-9].[0-9][0-9].[0-9] *=true *=false *=yes *=no *=on *=off *=y *=n "
    "*=debug *=release *=Debug *=Release"
)

_MAKE: Final = Program(
    names="make gmake bmake",
    valued=("-o --old-file --assume-old -W --what-if --new-file --assume-new"),
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
            options="-C --directory",
            effect=Effect.WRITES,
            why="names the directory whose makefile runs",
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
        "make -C /etc/x",
        "make 'X=$(shell pwn)'",
    ),
)

_BAZEL: Final = Program(
    names="bazel bazelisk blaze buck2 pants",
    style=Style.EXACT,
    valued="--config -c",
    risks=(
        Risk(
            options="--run_under --workspace_status_command --test_launcher "
            "--shell_executable --python_path --client_debug_cmd --server_javabase "
            "--host_jvm_args --credential_helper --plugin",
            effect=Effect.RUNS,
            why="names a program that it runs",
        ),
        Risk(
            options="--bazelrc --blazerc --flagfile --starlark_flagfile "
            "--override_repository --override_module --crosstool_top",
            effect=Effect.LOADS,
            why="reads options or rules from a file",
        ),
        Risk(
            options="--script_path --profile --build_event_json_file --symlink_prefix "
            "--build_event_text_file --output_base --output_user_root --explain",
            effect=Effect.WRITES,
            why="writes to a file",
        ),
    ),
    everywhere=True,
    reason="Options name programs that run on what it builds.",
    passes=("bazel build //...", "bazel test //app:all --test_output=errors"),
    refuses=(
        "bazel run --run_under=pwn //x",
        "bazel --bazelrc=evil build //x",
        "bazel build --workspace_status_command=./pwn //x",
    ),
)

_CMAKE: Final = Program(
    names="cmake ctest cpack ccmake",
    style=Style.EXACT,
    valued="-G -S -T -A -U -j --parallel --target --config --preset --component",
    risks=(
        Risk(
            options="-E",
            effect=Effect.RUNS,
            why="runs a command",
            passing="capabilities echo environment sleep sha256sum md5sum true",
        ),
        Risk(
            options="-D",
            effect=Effect.RUNS,
            why="sets a variable that names a program",
            values="*COMPILER* *LAUNCHER* *MAKE_PROGRAM* *TOOLCHAIN* *INCLUDE* "
            "*EXECUTABLE* *LINKER* *CMAKE_AR* *RULE* *COMMAND* *EMULATOR* *RANLIB* "
            "*STRIP* *MODULE_PATH* *PREFIX_PATH* *FLAGS* *PROGRAM* *SCRIPT*",
        ),
        Risk(
            options="-C --toolchain --initial-cache --project-file",
            effect=Effect.LOADS,
            why="reads settings that name programs",
            unless="--build",
        ),
        Risk(
            options="-P --script -SP",
            effect=Effect.SCRIPT,
            why="reads code from its input",
        ),
        Risk(
            options="--build-and-test --test-command --build-makeprogram "
            "--open --debugger",
            effect=Effect.RUNS,
            why="runs a program",
            bare=True,
        ),
        Risk(
            options="-B --prefix --install-prefix --graphviz --output-log -O "
            "--output-junit --trace-redirect --profiling-output",
            effect=Effect.WRITES,
            why="writes files there",
        ),
    ),
    operands="*=* --eval* -f* -I* -E*",
    operands_why="is passed to make, and can name programs",
    reason="Variables name the programs that it runs, and `-E` runs one.",
    passes=(
        "cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release",
        "cmake --build build -j4 --target all",
        "ctest --test-dir build --output-on-failure",
        "cmake --install build --prefix out",
    ),
    refuses=(
        "cmake -DCMAKE_C_COMPILER=pwn .",
        "cmake -D CMAKE_CXX_COMPILER_LAUNCHER=pwn -B build",
        "cmake -P /dev/stdin",
        "cmake --build build -- SHELL=pwn",
        "cmake -B .git/x",
    ),
)

_MESON: Final = Program(
    names="meson",
    valued="-j --buildtype --wrap-mode",
    risks=(
        Risk(
            options="--native-file --cross-file --wrapper --wrap --gdb-path "
            "--ninja-args --vs-args --xcode-args",
            effect=Effect.RUNS,
            why="names a program that it runs",
        ),
        Risk(options="-C", effect=Effect.SCRIPT, why="names the directory"),
        Risk(options="--destdir", effect=Effect.WRITES, why="writes files there"),
    ),
    everywhere=True,
    subcommands=(
        Subcommand(
            names="devenv subprojects.foreach rewrite",
            refused="runs a command or a shell",
        ),
    ),
    reason="Options name programs that it runs.",
    passes=("meson setup build --buildtype=release", "meson test -C build"),
    refuses=(
        "meson test --wrapper pwn",
        "meson devenv pwn",
        "meson setup --native-file evil build",
    ),
)

_NINJA: Final = Program(
    names="ninja samu ninja-build scons waf",
    valued="-j",
    risks=(
        Risk(options="-f", effect=Effect.SCRIPT, why="reads rules from its input"),
        Risk(options="-C", effect=Effect.WRITES, why="names the directory"),
        Risk(
            options="-t",
            effect=Effect.RUNS,
            why="runs a tool",
            passing="clean query targets graph commands compdb deps list recompact",
        ),
    ),
    operands="*=*",
    operands_passing=_HARMLESS_VARIABLES,
    operands_why="sets a variable, and some name programs",
    reason="Its tools and variables run programs.",
    passes=("ninja -C build test", "ninja -t clean", "scons debug=1"),
    refuses=(
        "ninja -f /dev/stdin",
        "ninja -C /etc/x",
        "ninja -t msvc -- pwn",
        "scons CC=pwn",
    ),
)

_JUST: Final = Program(
    names="just",
    style=Style.EXACT,
    valued="--set-unused",
    risks=(
        Risk(
            options="--shell --shell-arg --chooser --choose -c --command -e --edit "
            "--set "
            "--shell-command --dotenv-path --dotenv-filename",
            effect=Effect.RUNS,
            why="names a program that it runs",
        ),
        Risk(
            options="-f --justfile -d --working-directory",
            effect=Effect.SCRIPT,
            why="reads recipes from its input",
        ),
    ),
    operands="*=*",
    operands_passing=_HARMLESS_VARIABLES,
    operands_why="sets a variable, which can hold a command",
    reason="Options name the shell, and run commands.",
    passes=("just test", "just --list", "just -f ci.just build"),
    refuses=(
        "just --shell pwn test",
        "just -c pwn",
        "just --chooser pwn --choose",
        "just x='$(pwn)' test",
    ),
)

_TASK: Final = Program(
    names="task go-task",
    style=Style.EXACT,
    valued="-c --concurrency -o --output --sort -I --interval",
    risks=(
        Risk(
            options="-t --taskfile -d --dir",
            effect=Effect.SCRIPT,
            why="reads what to run from its input or from elsewhere",
            never="*:* *@*",
        ),
        Risk(
            options="--temp-dir --remote-cache-dir",
            effect=Effect.WRITES,
            why="writes files there",
        ),
    ),
    operands="*=*",
    operands_passing=_HARMLESS_VARIABLES,
    operands_why="sets a variable, which can hold a command",
    reason="It runs what a file says, and variables change what that is.",
    passes=("task build", "task -t Taskfile.ci.yml test", "task test V=1"),
    refuses=("task -t /dev/stdin", "task -t https://e.org/x.yml", "task x='$(pwn)' b"),
)

PROGRAMS: Final = (
    _BAZEL,
    _CMAKE,
    _JUST,
    _MAKE,
    _MESON,
    _NINJA,
    _TASK,
)
