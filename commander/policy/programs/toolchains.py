"""Build tools that run the command, the package or the code behind them."""

from __future__ import annotations

from typing import Final

from commander.policy.programs.model import (
    Code,
    Effect,
    Language,
    Program,
    Risk,
    Style,
    Subcommand,
    Targets,
    Wraps,
)
from commander.policy.programs.reasons import WRITES

__all__ = ["PROGRAMS"]

_HELP: Final = "--help --version -h"

_MIX: Final = Program(
    names="mix",
    style=Style.EXACT,
    valued="--only --seed --max-failures --exclude --include",
    risks=(
        Risk(
            options="-e --eval -r --require --rpc-eval --formatter -pr -pa -pz",
            effect=Effect.RUNS,
            why="runs or loads code",
        ),
        Risk(
            options="--dot-formatter --config",
            effect=Effect.SCRIPT,
            why="reads settings that are code",
        ),
        Risk(options="-o --output --path", effect=Effect.WRITES, why=WRITES),
    ),
    everywhere=True,
    subcommands=(
        Subcommand(
            names="cmd do eval archive.install escript.install local.hex local.rebar "
            "local.phx profile.cprof profile.eprof profile.fprof profile.tprof",
            refused="runs its words, or installs a program",
        ),
        Subcommand(names="run", operands="- /dev/*", operands_why="reads code"),
        Subcommand(names="new phx.new", targets=Targets.EACH),
    ),
    reason="It runs commands and code from its words.",
    passes=("mix test --seed 0", "mix deps.get", "mix run priv/seeds.exs"),
    refuses=(
        "mix cmd pwn",
        "mix do compile, cmd pwn",
        "mix run -e 'System.cmd(\"pwn\", [])'",
        "mix eval 'System.cmd(\"pwn\", [])'",
        "mix new /etc/x",
    ),
)

_OPAM: Final = Program(
    names="opam",
    valued="--switch --root --color -j --jobs",
    risks=(
        Risk(
            options="--solver --external-solver --shell --init-file --config",
            effect=Effect.RUNS,
            why="names a program, or settings that do",
        ),
    ),
    everywhere=True,
    subcommands=(
        Subcommand(names="exec", valued="--shell", wraps=Wraps()),
        Subcommand(
            names="config option admin",
            refused="runs a command, or changes settings that name programs",
            harmless="list env",
        ),
    ),
    ordinary=(
        "clean depext env help info init install lint list lock pin reinstall remove "
        "repository search show source switch tree uninstall update upgrade var"
    ),
    harmless="--version --help",
    reason="It runs the command behind it, and programs of unknown subcommands.",
    passes=("opam install dune", "opam exec -- ls -l", "opam switch list"),
    refuses=(
        "opam exec -- pwn",
        "opam ex -- pwn",
        "opam config exec pwn",
        "opam option pre-build-commands=pwn",
        "opam pwn",
    ),
)

_STACK: Final = Program(
    names="stack",
    valued="--resolver --snapshot -j --jobs --flag --verbosity",
    risks=(
        Risk(
            options="--exec --with-gcc --with-hpack --docker* --nix* --setup-info-yaml "
            "--ghc-options --watch-all --pvp-bounds",
            effect=Effect.RUNS,
            why="runs a program",
        ),
        Risk(
            options="--stack-yaml --work-dir --stack-root",
            effect=Effect.SCRIPT,
            why="reads what to run from its input",
        ),
        Risk(
            options="--local-bin-path --haddock-arguments",
            effect=Effect.WRITES,
            why=WRITES,
        ),
    ),
    everywhere=True,
    subcommands=(
        Subcommand(names="exec", valued="--package --cwd", wraps=Wraps()),
        Subcommand(
            names="config eval ghc ghci repl runghc runhaskell script ide hoogle",
            refused="runs a program or code that its words name",
        ),
    ),
    ordinary=(
        "bench build clean dot haddock init install list ls new path purge query run "
        "sdist setup templates test uninstall unpack update upgrade upload"
    ),
    harmless="--version --help",
    reason="It runs the command behind it, and code from its words.",
    passes=("stack build --fast", "stack exec -- ls", "stack test"),
    refuses=(
        "stack exec pwn",
        "stack eval 'System.Process.callCommand \"pwn\"'",
        "stack build --exec pwn",
        "stack ghc -- -e 'System.Process.callCommand \"pwn\"'",
    ),
)

_UVX: Final = Program(
    names="uvx",
    style=Style.POSIX,
    valued="--index --default-index --index-url --extra-index-url --color",
    flags="-q --quiet -v --verbose --offline --no-cache --isolated --no-progress "
    + _HELP,
    risks=(
        Risk(
            options="--from --with --with-editable --with-requirements -w",
            effect=Effect.LOADS,
            why="fetches a package from anywhere",
            values="./* ../* /* ~* *:* . *+* *@*",
        ),
        Risk(
            options="-p --python --env-file --config-file --directory --project "
            "--cache-dir --find-links -f",
            effect=Effect.RUNS,
            why="runs another interpreter, or reads settings",
        ),
    ),
    operands=". .. ./* ../* /* ~* *:* *+* sh bash dash zsh ksh env python python3",
    operands_why="names a program that is no package",
    code=Code(language=Language.OPAQUE, stdin=True, script=True),
    harmless="--version --help -h",
    reason="It runs a package, which is granted as a script is: see `npx`.",
    passes=("uvx ruff check .", "uvx --from httpie http x"),
    refuses=(
        "uvx ./evil",
        "uvx --from ../evil x",
        "uvx -p ./pwn x",
        "uvx",
        "uvx python",
    ),
)

PROGRAMS: Final = (
    _MIX,
    _OPAM,
    _STACK,
    _UVX,
)
