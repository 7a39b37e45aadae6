"""Programs of coreutils and util-linux that run the command behind their options.

Their options are listed in full: nobody knows where the command begins behind one
that is not known.
"""

from __future__ import annotations

from typing import Final

from commander.policy.programs.model import (
    Effect,
    Program,
    Risk,
    Style,
    Targets,
    Wraps,
)

__all__ = ["PROGRAMS"]

_HELP: Final = "--help --version"

_CHOOM: Final = Program(
    names="choom",
    style=Style.POSIX,
    valued="-n --adjust -p --pid",
    flags="-h -V --help --version",
    wraps=Wraps(stops="-p --pid -h -V --help --version"),
    reason="It runs the command behind it.",
    passes=("choom -n 500 ls", "choom -p 1"),
    refuses=("choom -n 500 pwn", "choom -n500 -- pwn"),
)

_CHRT: Final = Program(
    names="chrt",
    style=Style.POSIX,
    valued="-T --sched-runtime -P --sched-period -D --sched-deadline",
    flags=(
        "-b --batch -d --deadline -e --ext -f --fifo -i --idle -o --other -r --rr -R "
        "--reset-on-fork -v --verbose -a --all-tasks -m --max -p --pid -h -V " + _HELP
    ),
    wraps=Wraps(operands=1, stops="-m --max -p --pid -h -V --help --version"),
    reason="It runs the command behind the priority.",
    passes=("chrt --idle 0 ls", "chrt -m"),
    refuses=("chrt -o 0 pwn", "chrt --other 0 pwn"),
)

_ENV: Final = Program(
    names="env genv",
    style=Style.POSIX,
    valued="-u --unset -a --argv0",
    flags=(
        "-i --ignore-environment -0 --null -v --debug --block-signal* "
        "--default-signal* --ignore-signal* --list-signal-handling " + _HELP
    ),
    risks=(
        Risk(
            options="-S --split-string",
            effect=Effect.RUNS,
            why="splits one word into a command",
        ),
        Risk(
            options="-C --chdir",
            effect=Effect.WRITES,
            why="names the directory that the command writes to",
        ),
    ),
    wraps=Wraps(assignments=True, optional=True),
    reason="It runs the command behind it, in another environment.",
    passes=(
        "env",
        "env -u HTTP_PROXY ls",
        "env CI=1 LC_ALL=C ls -l",
        "env -i ls",
        "env -C src ls",
    ),
    refuses=(
        "env pwn",
        "env -i A=1 -- pwn",
        "env -S 'pwn x'",
        "env --split-s=pwn",
        "env LD_PRELOAD=./x.so ls",
        "env PATH=. ls",
        "env --unknown ls pwn",
    ),
)

_FLOCK: Final = Program(
    names="flock",
    style=Style.POSIX,
    valued="-w --wait --timeout -E --conflict-exit-code",
    flags=(
        "-s --shared -x -e --exclusive -u --unlock -n --nb --nonblock -o --close -F "
        "--no-fork --fcntl --verbose -h -V " + _HELP
    ),
    risks=(
        Risk(
            options="-c --command",
            effect=Effect.TEXT,
            why="runs its value in a shell",
        ),
    ),
    targets=Targets.FIRST,
    wraps=Wraps(operands=1, text="-c --command"),
    reason="It runs the command behind the file, or a text in a shell.",
    passes=("flock -n build.lock ls -l", "flock -w 5 build.lock -c 'ls; echo x'"),
    refuses=(
        "flock /etc/x ls",
        "flock x pwn",
        "flock x -c pwn",
        "flock -w 1 -x x sh -c pwn",
    ),
)

_IONICE: Final = Program(
    names="ionice",
    style=Style.POSIX,
    valued="-c --class -n --classdata -p --pid -P --pgid -u --uid",
    flags="-t --ignore -h -V " + _HELP,
    wraps=Wraps(optional=True, stops="-p --pid -P --pgid -u --uid"),
    reason="It runs the command behind it.",
    passes=("ionice -c 3 ls", "ionice", "ionice -c2 -n7 cat x"),
    refuses=("ionice -c 3 pwn", "ionice -tc3 pwn"),
)

_NICE: Final = Program(
    names="nice gnice",
    style=Style.POSIX,
    valued="-n --adjustment",
    flags="-0* -1* -2* -3* -4* -5* -6* -7* -8* -9* --1* --2* --5* " + _HELP,
    wraps=Wraps(optional=True),
    reason="It runs the command behind it.",
    passes=("nice ls", "nice -n 10 ls -l", "nice -5 cat x", "nice"),
    refuses=("nice pwn", "nice -n5 -- pwn", "nice -10 pwn"),
)

_NOHUP: Final = Program(
    names="nohup",
    style=Style.POSIX,
    flags=_HELP,
    wraps=Wraps(stops=_HELP),
    reason="It runs the command behind it.",
    passes=("nohup ls", "nohup --version"),
    refuses=("nohup pwn", "nohup -- pwn"),
)

_PRLIMIT: Final = Program(
    names="prlimit",
    style=Style.POSIX,
    valued="-p --pid -o --output",
    flags=(
        "--noheadings --raw --verbose -h -V -c* --core* -d* --data* -e* --nice* -f* "
        "--fsize* -i* --sigpending* -l* --memlock* -m* --rss* -n* --nofile* -q* "
        "--msgqueue* -r* --rtprio* -s* --stack* -t* --cpu* -u* --nproc* -v* --as* "
        "-x* --locks* -y* --rttime* " + _HELP
    ),
    wraps=Wraps(optional=True, stops="-p --pid"),
    reason="It runs the command behind it.",
    passes=("prlimit --nofile=64 ls", "prlimit -p 1"),
    refuses=("prlimit --nofile=64 pwn", "prlimit -n64 pwn"),
)

_SETARCH: Final = Program(
    names="setarch",
    style=Style.POSIX,
    flags=(
        "-B --32bit -F --fdpic-funcptrs -I --short-inode -L --addr-compat-layout -R "
        "--addr-no-randomize -S --whole-seconds -T --sticky-timeouts -X "
        "--read-implies-exec -Z --mmap-page-zero -3 --3gb --4gb --uname-2.6 -v "
        "--verbose --list -h -V --show* " + _HELP
    ),
    refused="runs the command behind an operand that may be missing",
    harmless="--list --help --version -h -V",
    reason="Whether its first operand is the architecture depends on the version.",
    passes=("setarch --list",),
    refuses=("setarch x86_64 -R pwn", "setarch -R pwn"),
)

_LINUX64: Final = Program(
    names="linux32 linux64 i386 x86_64 uname26",
    style=Style.POSIX,
    flags=_SETARCH.flags,
    wraps=Wraps(),
    reason="It runs the command behind it.",
    passes=("linux32 ls", "linux32 -R ls"),
    refuses=("linux32 pwn", "linux32 -R -- pwn"),
)

_SETPRIV: Final = Program(
    names="setpriv",
    style=Style.POSIX,
    valued=(
        "--ambient-caps --inh-caps --bounding-set --ruid --euid --reuid --rgid "
        "--egid --regid --groups --securebits --pdeathsig --ptracer "
        "--selinux-label --apparmor-profile --landlock-access --landlock-rule "
        "--seccomp-filter"
    ),
    flags=(
        "--clear-groups --keep-groups --init-groups --list-caps --no-new-privs "
        "--nnp --reset-env -d --dump -h -V " + _HELP
    ),
    wraps=Wraps(stops="-d --dump --list-caps -h -V --help --version"),
    reason="It runs the command behind it.",
    passes=("setpriv --no-new-privs ls", "setpriv --dump"),
    refuses=("setpriv --nnp pwn", "setpriv --reuid 1 --clear-groups pwn"),
)

_SETSID: Final = Program(
    names="setsid",
    style=Style.POSIX,
    flags="-c --ctty -f --fork -w --wait -h -V " + _HELP,
    wraps=Wraps(),
    reason="It runs the command behind it.",
    passes=("setsid ls", "setsid -w ls -l"),
    refuses=("setsid pwn", "setsid -fw pwn"),
)

_STDBUF: Final = Program(
    names="stdbuf gstdbuf",
    style=Style.POSIX,
    valued="-i --input -o --output -e --error",
    flags=_HELP,
    wraps=Wraps(),
    reason="It runs the command behind it.",
    passes=("stdbuf -oL ls", "stdbuf -o 0 -e 0 cat x"),
    refuses=("stdbuf -oL pwn", "stdbuf --output=L pwn"),
)

_TASKSET: Final = Program(
    names="taskset",
    style=Style.POSIX,
    flags="-a --all-tasks -c --cpu-list -p --pid -h -V " + _HELP,
    wraps=Wraps(operands=1, stops="-p --pid -h -V --help --version"),
    reason="It runs the command behind the mask.",
    passes=("taskset -c 0 ls", "taskset -p 1"),
    refuses=("taskset 1 pwn", "taskset -c 0,1 pwn"),
)

_TIME: Final = Program(
    names="time gtime",
    style=Style.POSIX,
    valued="-f --format",
    flags="-a --append -p --portability -v --verbose -q --quiet -l -h -V " + _HELP,
    risks=(Risk(options="-o --output", effect=Effect.WRITES, why="writes to a file"),),
    wraps=Wraps(optional=True),
    reason="It runs the command behind it, and writes its times to a file.",
    passes=("time ls", "time -p ls -l", "gtime -f %e -o times.txt ls"),
    refuses=("time pwn", "time -p pwn"),
)

_TIMEOUT: Final = Program(
    names="timeout gtimeout",
    style=Style.POSIX,
    valued="-k --kill-after -s --signal",
    flags="-f --foreground -p --preserve-status -v --verbose " + _HELP,
    wraps=Wraps(operands=1),
    reason="It runs the command behind the duration.",
    passes=("timeout 5 ls", "timeout -k 1 -s INT 5 ls -l", "timeout -- 5 ls"),
    refuses=(
        "timeout 5 pwn",
        "timeout -sKILL -k1 5 pwn",
        "timeout --signal KILL 5 env pwn",
        "timeout 5 sh -c pwn",
    ),
)

_XARGS: Final = Program(
    names="xargs gxargs",
    style=Style.POSIX,
    valued=(
        "-a --arg-file -d --delimiter -E -I -L -n --max-args -P --max-procs -s "
        "--max-chars"
    ),
    flags=(
        "-0 --null -e* --eof* -i --replace -l* --max-lines* -o --open-tty -p "
        "--interactive -r --no-run-if-empty --show-limits -t --verbose -x --exit "
        + _HELP
    ),
    wraps=Wraps(
        computed_tail=True,
        placeholder="-I -i --replace",
        optional=True,
    ),
    reason="It runs the command behind it, with words that it reads.",
    passes=(
        "xargs -0 cat",
        "xargs -n1 -P 4 ls -l",
        "xargs -I{} echo {} x",
        "xargs -a list.txt -r cat",
        "xargs",
    ),
    refuses=(
        "xargs pwn",
        "xargs -0r -n 1 pwn",
        "xargs -I{} {}",
        "xargs -I% sh -c %",
        "xargs sh -c",
        "xargs env",
        "xargs --process-slot-var=X pwn",
    ),
)

PROGRAMS: Final = (
    _CHOOM,
    _CHRT,
    _ENV,
    _FLOCK,
    _IONICE,
    _LINUX64,
    _NICE,
    _NOHUP,
    _PRLIMIT,
    _SETARCH,
    _SETPRIV,
    _SETSID,
    _STDBUF,
    _TASKSET,
    _TIME,
    _TIMEOUT,
    _XARGS,
)
