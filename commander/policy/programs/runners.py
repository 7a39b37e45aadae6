"""Further programs that run the command behind them, or a text that they are given."""

from __future__ import annotations

from typing import Final

from commander.policy.programs.model import (
    Effect,
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

_BEAR: Final = Program(
    names="bear",
    style=Style.POSIX,
    flags="-a --append -v --verbose --force-wrapper --force-preload " + _HELP,
    risks=(
        Risk(options="-o --output", effect=Effect.WRITES, why=WRITES),
        Risk(
            options="-c --config --interceptor --library --wrapper --wrapper-dir "
            "--bear-path",
            effect=Effect.RUNS,
            why="names programs, or settings that do",
        ),
    ),
    wraps=Wraps(stops=_HELP),
    reason="It runs the command behind it, and writes what it did to a file.",
    passes=("bear -- ls", "bear --output build/cc.json -- ls -l"),
    refuses=("bear -- pwn", "bear pwn", "bear -o /etc/x -- ls"),
)

_C8: Final = Program(
    names="c8 nyc",
    style=Style.POSIX,
    valued="-r --reporter -n --include -x --exclude -e --extension --src "
    "--lines --branches --functions --statements",
    flags="-a --all --check-coverage --clean --skip-full -s --silent " + _HELP,
    risks=(
        Risk(
            options="--report-dir --reports-dir --temp-dir --temp-directory -o -t",
            effect=Effect.WRITES,
            why=WRITES,
        ),
        Risk(
            options="-c --config --nycrc-path --require -i --cwd --allowExternal",
            effect=Effect.LOADS,
            why="loads code or settings",
        ),
    ),
    wraps=Wraps(stops="--help --version"),
    reason="It runs the command behind it.",
    passes=("c8 ls", "nyc --reporter text ls -l", "c8 -o coverage -r lcov ls"),
    refuses=(
        "c8 pwn",
        "nyc --silent pwn",
        "nyc --require ./evil.js ls",
        "c8 -o .git ls",
    ),
)

_CCACHE: Final = Program(
    names="ccache sccache distcc icecc",
    style=Style.POSIX,
    flags="-s --show-stats -v --verbose -p --show-config -z --zero-stats "
    "--start-server --stop-server --show-hosts -j -V " + _HELP,
    wraps=Wraps(
        stops="-s --show-stats -p --show-config -z --zero-stats --start-server "
        "--stop-server --show-hosts -j -V " + _HELP
    ),
    reason="It runs the compiler behind it, or whatever stands there.",
    passes=("ccache -s", "ccache cat x.c", "sccache --show-stats"),
    refuses=("ccache pwn x.c", "distcc pwn", "ccache prefix_command=pwn cat x.c"),
)

_DOPPLER: Final = Program(
    names="doppler",
    style=Style.EXACT,
    valued="-p --project -c --config -t --token",
    risks=(
        Risk(
            options="--command --configuration --config-dir --scope --api-host",
            effect=Effect.RUNS,
            why="runs a text, or reads settings from elsewhere",
        ),
        Risk(
            options="--fallback --fallback-only --mount",
            effect=Effect.WRITES,
            why=WRITES,
        ),
    ),
    everywhere=True,
    subcommands=(
        Subcommand(names="run", wraps=Wraps()),
        Subcommand(names="secrets.download", targets=Targets.EACH),
        Subcommand(names="tui open update", refused="starts or installs a program"),
    ),
    reason="It runs the command behind it, or a text in a shell.",
    passes=("doppler run -- ls", "doppler secrets -p web", "doppler run -c dev -- ls"),
    refuses=(
        "doppler run -- pwn",
        "doppler run --command pwn",
        "doppler run --mount /etc/x -- ls",
        "doppler secrets download /etc/x",
    ),
)

_KCOV: Final = Program(
    names="kcov",
    style=Style.POSIX,
    flags="--include-pattern* --exclude-pattern* --include-path* --exclude-path* "
    "--collect-only --report-only --clean --skip-solibs --verify " + _HELP,
    targets=Targets.FIRST,
    wraps=Wraps(operands=1, stops="--help --version -h"),
    reason="It runs the command behind the directory that it writes to.",
    passes=("kcov build/cov ls", "kcov --include-path=src out ls -l"),
    refuses=("kcov out pwn", "kcov /etc/x ls", "kcov --bash-parser=pwn out ls"),
)

_LCKDO: Final = Program(
    names="lckdo",
    style=Style.POSIX,
    valued="-W -E",
    flags="-w -e -s -x -q -Q -h",
    targets=Targets.FIRST,
    wraps=Wraps(operands=1, stops="-h"),
    reason="It runs the command behind the file, which it makes.",
    passes=("lckdo -w build.lock ls -l",),
    refuses=("lckdo x pwn", "lckdo -W 5 x pwn", "lckdo /etc/x ls"),
)

_OP: Final = Program(
    names="op",
    style=Style.EXACT,
    valued="--account --vault --format --session --encoding",
    risks=(
        Risk(options="--config --env-file", effect=Effect.LOADS, why="reads settings"),
        Risk(
            options="-o --out-file --output --directory",
            effect=Effect.WRITES,
            why=WRITES,
        ),
    ),
    everywhere=True,
    subcommands=(
        Subcommand(names="run", wraps=Wraps()),
        Subcommand(names="plugin update", refused="runs or installs programs"),
    ),
    reason="It runs the command behind it.",
    passes=("op run -- ls", "op item list --format json", "op inject -o out.yml"),
    refuses=("op run -- pwn", "op read x -o /etc/x", "op plugin run -- pwn"),
)

_SHELL_TEXTS: Final = Program(
    names="hyperfine mispipe pee poop multitime mtrace memusage sprof xtrace vipe "
    "vidir",
    refused="runs what its words say, or starts an editor",
    harmless="--version --help -V -h",
    risks=(
        Risk(
            options="--export-json --export-csv --export-markdown --export-asciidoc "
            "--export-orgmode --output",
            effect=Effect.WRITES,
            why=WRITES,
        ),
    ),
    reason="Their operands are texts for a shell, or programs to run.",
    passes=("hyperfine --version", "mispipe --help"),
    refuses=(
        "hyperfine pwn",
        "hyperfine ls --prepare pwn",
        "hyperfine -S ../bin/pwn ls",
        "mispipe ls pwn",
        "pee pwn",
        "mtrace pwn",
        "vipe",
    ),
)

_SOPS: Final = Program(
    names="sops",
    style=Style.EXACT,
    refused="starts an editor on the file, or runs a command with its secrets",
    harmless="--version --help -h -v",
    risks=(
        Risk(options="--output --output-dir", effect=Effect.WRITES, why=WRITES),
        Risk(
            options="-i --in-place --config --enable-local-keyservice --keyservice",
            effect=Effect.RUNS,
            why="writes to the file, or reads settings that name programs",
            bare=True,
        ),
    ),
    reason="It runs commands with secrets, and else starts an editor.",
    passes=("sops --version",),
    refuses=("sops exec-env f pwn", "sops exec-file f 'pwn {}'", "sops x.yaml"),
)

_SOTRUSS: Final = Program(
    names="sotruss",
    style=Style.POSIX,
    valued="-F --from -T --to",
    flags="-e --exit -f --follow -? --usage " + _HELP,
    risks=(Risk(options="-o --output", effect=Effect.WRITES, why=WRITES),),
    wraps=Wraps(stops="-? --usage --help --version"),
    reason="It runs the command behind it.",
    passes=("sotruss ls", "sotruss -f -o out.txt ls -l"),
    refuses=("sotruss pwn", "sotruss -e pwn", "sotruss -o /etc/x ls"),
)

_WRAPPERS: Final = Program(
    names="zrun systemd-cat systemd-inhibit uclampset",
    style=Style.POSIX,
    valued="-t --identifier -p --priority --pid --stderr-priority --level-prefix "
    "--namespace --what --who --why --mode -m -M",
    flags="-a --all-tasks -s --system -R --reset-on-fork --list --no-pager "
    "--no-legend -V " + _HELP,
    wraps=Wraps(optional=True, stops="--list --pid " + _HELP),
    reason="It runs the command behind it.",
    passes=("systemd-cat -t x ls", "systemd-inhibit --why=x ls", "uclampset -m 1 ls"),
    refuses=(
        "zrun pwn",
        "systemd-cat -p info pwn",
        "systemd-inhibit --what idle pwn",
        "uclampset -m 1 pwn",
    ),
)

_SCAN_BUILD: Final = Program(
    names="scan-build",
    style=Style.POSIX,
    flags="-v -V -k --keep-going --status-bugs --help -h",
    risks=(
        Risk(options="-o", effect=Effect.WRITES, why=WRITES),
        Risk(
            options="--use-cc --use-c++ --use-analyzer --view",
            effect=Effect.RUNS,
            why="names the programs that it runs",
        ),
    ),
    wraps=Wraps(stops="--help -h"),
    reason="It runs the command behind it, with other compilers.",
    passes=("scan-build ls", "scan-build -v -o build/scan ls -l"),
    refuses=(
        "scan-build pwn",
        "scan-build --use-cc=pwn ls",
        "scan-build -load-plugin ./evil.so ls",
        "scan-build -o /etc/x ls",
    ),
)

PROGRAMS: Final = (
    _BEAR,
    _C8,
    _CCACHE,
    _DOPPLER,
    _SHELL_TEXTS,
    _KCOV,
    _LCKDO,
    _OP,
    _SCAN_BUILD,
    _SOPS,
    _SOTRUSS,
    _WRAPPERS,
)
