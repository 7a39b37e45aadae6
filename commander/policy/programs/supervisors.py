"""Programs that start a command again and again, later, or in a terminal of its own."""

from __future__ import annotations

from typing import Final

from commander.policy.programs.model import (
    Code,
    Effect,
    Language,
    Program,
    Risk,
    Style,
    Targets,
    Wraps,
)
from commander.policy.programs.reasons import WRITES

__all__ = ["PROGRAMS"]

_RUNS_WORDS: Final = "runs the command that its words hold"

_AGENT: Final = Program(
    names="ssh-agent",
    style=Style.POSIX,
    valued="-E -t -O",
    flags="-c -s -d -D -k",
    risks=(
        Risk(options="-a", effect=Effect.WRITES, why="makes a socket"),
        Risk(options="-P", effect=Effect.LOADS, why="says which libraries load"),
    ),
    wraps=Wraps(optional=True, stops="-k"),
    reason="It runs the command behind it.",
    passes=("ssh-agent -s", "ssh-agent ls"),
    refuses=("ssh-agent pwn", "ssh-agent -- pwn", "ssh-agent -t 9 pwn"),
)

_BUSYBOX: Final = Program(
    names="busybox toybox",
    style=Style.POSIX,
    flags="--list --list-full --help",
    wraps=Wraps(optional=True),
    reason="It is many programs, and its first operand says which.",
    passes=("busybox ls -l", "busybox --list"),
    refuses=(
        "busybox pwn",
        "busybox sh -c pwn",
        "busybox find . -exec pwn {} +",
        "busybox --install -s /usr/bin",
    ),
)

_CHRONIC: Final = Program(
    names="chronic ifne unbuffer catchsegv",
    style=Style.POSIX,
    flags="-e -v -n -p",
    wraps=Wraps(),
    reason="It runs the command behind it.",
    passes=("chronic ls", "ifne -n cat x"),
    refuses=("chronic pwn", "ifne pwn", "unbuffer -p pwn"),
)

_CROSS_ENV: Final = Program(
    names="cross-env",
    style=Style.POSIX,
    flags="",
    wraps=Wraps(assignments=True),
    reason="It runs the command behind it, in another environment.",
    passes=("cross-env NODE_ENV=test ls",),
    refuses=("cross-env A=1 pwn", "cross-env NODE_OPTIONS=--require=./x ls"),
)

_DBUS: Final = Program(
    names="dbus-run-session",
    style=Style.POSIX,
    flags="--version --help",
    risks=(
        Risk(
            options="--dbus-daemon --config-file",
            effect=Effect.RUNS,
            why="names a program or its settings",
        ),
    ),
    wraps=Wraps(stops="--version --help"),
    reason="It runs the command behind it.",
    passes=("dbus-run-session -- ls",),
    refuses=("dbus-run-session -- pwn", "dbus-run-session --dbus-daemon=pwn -- ls"),
)

_DPKG_ARCHITECTURE: Final = Program(
    names="dpkg-architecture",
    risks=(
        Risk(
            options="-c --command",
            effect=Effect.RUNS,
            why="runs a command",
        ),
    ),
    reason="It can run a command in its environment.",
    passes=("dpkg-architecture -q DEB_HOST_ARCH", "dpkg-architecture"),
    refuses=("dpkg-architecture -c pwn", "dpkg-architecture --comm pwn"),
)

_ENTR: Final = Program(
    names="entr",
    style=Style.POSIX,
    flags="-a -c -d -n -p -r -x -z",
    risks=(
        Risk(
            options="-s",
            effect=Effect.RUNS,
            why="runs a text in a shell",
            bare=True,
        ),
    ),
    wraps=Wraps(),
    reason="It runs the command behind it when a file changes.",
    passes=("entr -n ls", "entr -r cat /_"),
    refuses=("entr -nz pwn", "entr -s pwn", "entr /_", "entr sh -c pwn"),
)

_FAKEROOT: Final = Program(
    names="fakeroot fakeroot-ng fakeroot-sysv fakeroot-tcp",
    style=Style.POSIX,
    valued="-i -b",
    flags="-u -v -h --unknown-is-real --help --version",
    risks=(
        Risk(
            options="-l --lib -f --faked",
            effect=Effect.LOADS,
            why="loads a library or runs a program",
        ),
        Risk(options="-s", effect=Effect.WRITES, why="writes to a file"),
    ),
    wraps=Wraps(stops="-v --version -h --help"),
    reason="It runs the command behind it.",
    passes=("fakeroot ls", "fakeroot -u -- ls"),
    refuses=("fakeroot pwn", "fakeroot -- pwn", "fakeroot -l ./x.so ls", "fakeroot"),
)

_LATER: Final = Program(
    names="at batch crontab anacron fcrontab incrontab",
    refused="runs commands later",
    harmless="-l -V --version",
    reason="It takes commands from its input, and runs them later.",
    passes=("crontab -l", "at -l"),
    refuses=("crontab -", "crontab evil", "at now", "batch"),
)

_LIMITED: Final = Program(
    names="cpulimit",
    style=Style.POSIX,
    valued="-l --limit -p --pid -c --cpu",
    flags="-z --lazy -i --include-children -f --foreground -m -v --verbose -q",
    wraps=Wraps(stops="-p --pid"),
    reason="It runs the command behind it.",
    passes=("cpulimit -l 50 -- ls", "cpulimit -p 1 -l 5"),
    refuses=("cpulimit -l 50 pwn", "cpulimit -l50 -- pwn"),
)

_LOGSAVE: Final = Program(
    names="logsave",
    style=Style.POSIX,
    flags="-a -s -v",
    targets=Targets.FIRST,
    wraps=Wraps(operands=1),
    reason="It runs the command behind the file that it writes.",
    passes=("logsave out.log ls",),
    refuses=("logsave out.log pwn", "logsave /etc/cron.d/x echo y"),
)

_NUMACTL: Final = Program(
    names="numactl cgexec",
    style=Style.POSIX,
    valued="-g -N --cpunodebind -m --membind -i --interleave -C --physcpubind -p",
    flags="-l --localalloc -s --show -H --hardware --sticky -a --all",
    wraps=Wraps(stops="-s --show -H --hardware"),
    reason="It runs the command behind it.",
    passes=("numactl -N 0 ls", "numactl --hardware"),
    refuses=("numactl -N 0 pwn", "cgexec -g cpu:x pwn"),
)

_INIT: Final = Program(
    names="tini",
    style=Style.POSIX,
    valued="-p -e",
    flags="-s -v -g -w -h -l --version",
    wraps=Wraps(stops="-h -l --version"),
    reason="It runs the command behind it.",
    passes=("tini -s -- ls", "tini -e 143 ls"),
    refuses=("tini pwn", "tini -gv -- pwn"),
)

_DUMB_INIT: Final = Program(
    names="dumb-init",
    style=Style.POSIX,
    valued="-r --rewrite",
    flags="-c --single-child -v --verbose -V --version -h --help",
    wraps=Wraps(stops="-V --version -h --help"),
    reason="It runs the command behind it.",
    passes=("dumb-init ls",),
    refuses=("dumb-init -- pwn", "dumb-init -c pwn"),
)

_TRICKLE: Final = Program(
    names="trickle",
    style=Style.POSIX,
    valued="-u -d -w -t -l -L",
    flags="-s -v -h -V",
    wraps=Wraps(),
    reason="It runs the command behind it.",
    passes=("trickle -s -d 100 ls",),
    refuses=("trickle -d 100 pwn", "trickle -s pwn"),
)

_TORSOCKS: Final = Program(
    names="torsocks",
    style=Style.POSIX,
    valued="-u --user -p --pass -a --address -P --port",
    flags="-q --quiet -d --debug -i --isolate --version -h --help",
    wraps=Wraps(stops="--version -h --help"),
    reason="It runs the command behind it.",
    passes=("torsocks -q ls", "torsocks -d ls"),
    refuses=("torsocks pwn", "torsocks -d pwn ls", "torsocks --shell"),
)

_PROXIED: Final = Program(
    names="proxychains proxychains4",
    style=Style.POSIX,
    flags="-q",
    risks=(Risk(options="-f", effect=Effect.LOADS, why="reads settings from a file"),),
    wraps=Wraps(),
    reason="It runs the command behind it.",
    passes=("proxychains -q ls",),
    refuses=("proxychains pwn", "proxychains4 -f evil ls"),
)

_REFUSED: Final = Program(
    names=(
        "parallel sem run-parts start-stop-daemon screen dtach abduco nodemon "
        "watchexec watchman forever pm2 supervisord supervisorctl foreman honcho "
        "direnv dotenv concurrently npm-run-all daemonize daemon runit runsv runsvdir "
        "rlwrap rlfe xterm uxterm gnome-terminal konsole x-terminal-emulator "
        "xdotool xdg-open open see run-mailcap logrotate mpirun mpiexec srun sbatch "
        "pdsh pssh dsh clush fab"
    ),
    refused=_RUNS_WORDS,
    harmless="--version -V --help -ls -list --list",
    reason="It runs commands that its words, its input or its settings hold.",
    passes=("parallel --version", "screen -ls"),
    refuses=(
        "parallel pwn ::: x",
        "run-parts --regex '^ls$' tools",
        "start-stop-daemon --start --exec ../bin/pwn",
        "screen -dmS x pwn",
        "nodemon --exec pwn",
        "xdg-open evil.desktop",
    ),
)

_SCRIPT: Final = Program(
    names="script",
    valued="-E --echo -m --logging-format",
    risks=(
        Risk(
            options="-B --log-io -I --log-in -O --log-out -T --log-timing -t --timing",
            effect=Effect.WRITES,
            why=WRITES,
        ),
    ),
    targets=Targets.EACH,
    code=Code(
        language=Language.SHELL,
        options="-c --command",
        needed=True,
        stops="-V --version -h --help",
    ),
    reason="It runs a shell, or the text of an option, and writes down what that says.",
    passes=("script -qc 'ls; echo x' out", "script --version"),
    refuses=(
        "script",
        "script out",
        "script -qec pwn out",
        "script -c ls /etc/x",
        "script --command=pwn",
    ),
)

_TMUX: Final = Program(
    names="tmux byobu zellij",
    refused=_RUNS_WORDS,
    harmless="-V ls list-sessions kill-server --version",
    reason="It runs commands in a terminal of its own, and in its formats.",
    passes=("tmux ls", "tmux -V"),
    refuses=("tmux new -d pwn", "tmux send-keys -t x pwn Enter", "tmux run-shell pwn"),
)

_WATCH: Final = Program(
    names="watch",
    style=Style.POSIX,
    valued="-n --interval -q --equexit",
    flags=(
        "-b --beep -c --color -C --no-color -d --differences* -e --errexit -g "
        "--chgexit -p --precise -r --no-rerun -t --no-title -w --no-wrap -v -h "
        "--help --version"
    ),
    risks=(
        Risk(
            options="-s --shotsdir",
            effect=Effect.WRITES,
            why="names a directory that is written to",
        ),
    ),
    wraps=Wraps(joined=True, stops="-v --version -h --help"),
    reason="A shell reads its words, joined.",
    passes=("watch -n 5 ls -l", "watch -d 'ls | cat'"),
    refuses=("watch pwn", "watch -n1 'ls; pwn'", "watch ls ';' pwn", "watch -x pwn"),
)

_XVFB: Final = Program(
    names="xvfb-run",
    style=Style.POSIX,
    valued="-n --server-num -s --server-args -p --xauth-protocol -w --wait",
    flags="-a --auto-servernum -l --listen-tcp -h --help",
    risks=(
        Risk(
            options="-e --error-file -f --auth-file",
            effect=Effect.WRITES,
            why="writes to a file",
        ),
    ),
    wraps=Wraps(stops="-h --help"),
    reason="It runs the command behind it.",
    passes=("xvfb-run -a ls", "xvfb-run -s '-screen 0 9x9x24' ls"),
    refuses=("xvfb-run pwn", "xvfb-run -a sh -c pwn", "xvfb-run -e /etc/x ls"),
)

PROGRAMS: Final = (
    _LATER,
    _BUSYBOX,
    _CHRONIC,
    _LIMITED,
    _CROSS_ENV,
    _DBUS,
    _DPKG_ARCHITECTURE,
    _DUMB_INIT,
    _ENTR,
    _FAKEROOT,
    _LOGSAVE,
    _NUMACTL,
    _REFUSED,
    _PROXIED,
    _SCRIPT,
    _AGENT,
    _INIT,
    _TMUX,
    _TORSOCKS,
    _TRICKLE,
    _WATCH,
    _XVFB,
)
