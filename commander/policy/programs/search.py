"""Programs that look for files, and for text in them."""

from __future__ import annotations

from typing import Final

from commander.policy.programs.model import Effect, Program, Risk, Style

__all__ = ["PROGRAMS"]

_ACK: Final = Program(
    names="ack ack-grep",
    valued="-A -B -C -m --type -t --ignore-dir --ignore-file -g",
    risks=(
        Risk(
            options="--pager",
            effect=Effect.RUNS,
            why="runs a program on the output",
            passing="cat",
        ),
        Risk(
            options="--ackrc",
            effect=Effect.LOADS,
            why="reads options from a file",
        ),
        Risk(
            options="--output",
            effect=Effect.RUNS,
            why="evaluates its value as Perl",
        ),
    ),
    reason="It can page its output through any program.",
    passes=("ack -n TODO src", "ack --type python main"),
    refuses=("ack --pager=pwn TODO", "ack --ackrc evil TODO"),
)

_AG: Final = Program(
    names="ag",
    style=Style.EXACT,
    valued="-A -B -C -G -g -m -p --depth --ignore --ignore-dir --file-search-regex",
    risks=(
        Risk(
            options="--pager",
            effect=Effect.RUNS,
            why="runs a program on the output",
            passing="cat",
        ),
    ),
    reason="It can page its output through any program.",
    passes=("ag -l TODO src", "ag --ignore build main"),
    refuses=("ag --pager pwn TODO", "ag --pager='sh -c pwn' TODO"),
)

_FD: Final = Program(
    names="fd fdfind",
    style=Style.EXACT,
    valued=(
        "-d --max-depth --min-depth --exact-depth -t --type -e --extension -E "
        "--exclude --ignore-file -c --color -j --threads -S --size "
        "--changed-within --changed-before --newer --older --change-newer-than "
        "--change-older-than -o --owner --format --batch-size --max-results "
        "--base-directory -C --path-separator --search-path --and --max-buffer-time"
    ),
    risks=(
        Risk(
            options="-x --exec -X --exec-batch",
            effect=Effect.COMMAND,
            why="runs a command on what it finds",
        ),
    ),
    reason="It runs commands on what it finds.",
    passes=("fd -e py", "fd -t f -H main src", "fd -e txt -x cat"),
    refuses=(
        "fd -x pwn",
        "fd -e py -tf -Xpwn",
        "fd . --exec pwn {}",
        "fd . --exec-batch=pwn",
    ),
)

_FIND: Final = Program(
    names="find gfind",
    style=Style.WORDS,
    valued=(
        "-name -iname -path -ipath -wholename -iwholename -regex -iregex -regextype "
        "-lname -ilname -type -xtype -size -mtime -atime -ctime -mmin -amin -cmin "
        "-newer -anewer -cnewer -perm -user -group -uid -gid -links -inum -samefile "
        "-maxdepth -mindepth -fstype -used -context -printf -D -files0-from"
    ),
    risks=(
        Risk(
            options="-exec -execdir -ok -okdir",
            effect=Effect.COMMAND,
            why="runs a command on what it finds",
        ),
        Risk(
            options="-delete",
            effect=Effect.RUNS,
            why="removes what it finds",
            bare=True,
        ),
        Risk(
            options="-fprint -fprint0 -fprintf -fls",
            effect=Effect.WRITES,
            why="writes to a file",
        ),
    ),
    reason="It runs commands on what it finds, removes it and writes lists of it.",
    passes=(
        "find . -name '*.py' -not -path './.git/*' -print0",
        "find . \\( -name '*.c' -o -name '*.h' \\) -exec cat {} +",
        "find src -type f -exec ls -l {} \\; -print",
        "find . -fprint found.txt",
    ),
    refuses=(
        "find . -exec pwn {} +",
        "find . -exec ls {} \\; -exec pwn \\;",
        "find . -name x -o -execdir pwn {} \\;",
        "find . -fprintf /etc/cron.d/x pwn",
        "find . -name '*.log' -delete",
        "find . -name pwn -exec {} \\;",
    ),
)

_LOCATE: Final = Program(
    names="updatedb",
    risks=(
        Risk(
            options="-o --output",
            effect=Effect.WRITES,
            why="writes to a file",
        ),
    ),
    reason="It writes a database of file names.",
    passes=("updatedb --help",),
    refuses=("updatedb -o /etc/x -U .",),
)

_RG: Final = Program(
    names="rg",
    style=Style.EXACT,
    valued=(
        "-e --regexp -f --file -g --glob --iglob -t --type -T --type-not --type-add "
        "--type-clear -A --after-context -B --before-context -C --context -m "
        "--max-count -M --max-columns -d --max-depth --maxdepth -j --threads -r "
        "--replace -E --encoding --ignore-file --pre-glob --color --colors --sort "
        "--sortr --engine --context-separator --field-context-separator "
        "--field-match-separator --path-separator --max-filesize --dfa-size-limit "
        "--regex-size-limit --hyperlink-format --generate"
    ),
    risks=(
        Risk(
            options="--pre",
            effect=Effect.RUNS,
            why="runs a program on every file",
        ),
        Risk(
            options="--hostname-bin",
            effect=Effect.RUNS,
            why="runs a program to name the machine",
        ),
    ),
    reason="It can run a program on every file that it searches.",
    passes=(
        "rg -n 'fn main' src",
        "rg --pre-glob '*.pdf' -l TODO",
        "rg -e --pre -e x src",
        "rg -- --pre=pwn src",
    ),
    refuses=(
        "rg --pre pwn alpha",
        "rg alpha . --pre=pwn",
        "rg --hostname-bin=pwn --hyperlink-format=default x",
    ),
)

_TREE: Final = Program(
    names="tree",
    valued="-L -P -I -H -T --filelimit --charset --timefmt --sort --gitfile --infofile",
    risks=(Risk(options="-o", effect=Effect.WRITES, why="writes to a file"),),
    reason="It can write its output to any file.",
    passes=("tree -L 2 -I node_modules", "tree -a -o tree.txt src"),
    refuses=("tree -o /etc/cron.d/x", "tree -ao ../x"),
)

PROGRAMS: Final = (
    _ACK,
    _AG,
    _FD,
    _FIND,
    _RG,
    _TREE,
    _LOCATE,
)
