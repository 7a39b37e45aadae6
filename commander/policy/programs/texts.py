"""Programs that change, order and print text."""

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
)
from commander.policy.programs.reasons import WRITES

__all__ = ["PROGRAMS"]


_AWK: Final = Program(
    names="awk mawk nawk original-awk bwk",
    style=Style.POSIX,
    valued="-v --assign -F --field-separator",
    risks=(
        Risk(options="-f --file", effect=Effect.LOADS, why="runs code from a file"),
        Risk(
            options="-W",
            effect=Effect.LOADS,
            why="stands for options of any kind",
            passing="version help usage",
        ),
    ),
    code=Code(
        language=Language.AWK,
        operand=True,
        options="-e --source",
        stops="--version -V --help -h",
    ),
    reason="Its code runs programs and writes files.",
    passes=(
        "awk '{print $1}' data.txt",
        "awk -F: -v n=3 'NR>n && $2 ~ /x/ {s += $3} END {print s}' data.txt",
        "awk 'BEGIN {while ((getline l < \"x\") > 0) n++; print n}'",
    ),
    refuses=(
        "awk 'BEGIN{system(\"pwn\")}'",
        "awk 'BEGIN{\"pwn\"|getline}'",
        "awk '{print | \"pwn\"}' x",
        "awk '{print > \"/etc/x\"}' x",
        "awk -f evil.awk x",
        "awk -W exec evil.awk",
    ),
)

_GAWK: Final = Program(
    names="gawk pgawk dgawk igawk",
    style=Style.POSIX,
    valued="-v --assign -F --field-separator",
    risks=(
        Risk(
            options="-f --file -i --include -l --load -E --exec",
            effect=Effect.LOADS,
            why="runs code from a file",
        ),
        Risk(
            options="-W",
            effect=Effect.LOADS,
            why="stands for options of any kind",
            passing="version help usage",
        ),
        Risk(
            options="-D --debug",
            effect=Effect.RUNS,
            why="starts a debugger",
            bare=True,
        ),
        Risk(
            options="-d --dump-variables -o --pretty-print -p --profile",
            effect=Effect.WRITES,
            why=WRITES,
            bare=True,
        ),
    ),
    code=Code(
        language=Language.AWK,
        operand=True,
        options="-e --source",
        stops="--version -V --help -h",
    ),
    reason="Its code runs programs and writes files.",
    passes=("gawk '{print toupper($1)}' data.txt", "gawk -e '{print NF}' data.txt"),
    refuses=(
        "gawk 'BEGIN {\"pwn\" |& getline}'",
        "gawk -e 'BEGIN {system(\"pwn\")}'",
        "gawk --source='BEGIN {system(\"pwn\")}'",
        "gawk -i evil.awk 1 x",
        "gawk -l ./evil 1 x",
        "gawk -E evil.awk",
        "gawk -o.git/hooks/x 1",
    ),
)

_SED: Final = Program(
    names="sed gsed",
    valued="-l --line-length",
    risks=(
        Risk(options="-f --file", effect=Effect.LOADS, why="runs code from a file"),
        Risk(
            options="-i --in-place",
            effect=Effect.EDITS,
            why="writes to the files that it reads",
            bare=True,
            values="*",
            never="*/* *[*]*",
        ),
    ),
    code=Code(
        language=Language.SED,
        operand=True,
        options="-e --expression",
        stops="--version --help",
    ),
    reason="Its code runs programs and writes files.",
    passes=(
        "sed -i 's/old/new/g' src/app.py",
        "sed -n '10,20p' x",
        "sed -E -e 's/(a|b)/[\\1]/' -e '/^$/d' x",
        "sed -i.bak '3d' x",
    ),
    refuses=(
        "sed '1e pwn' x",
        "sed -n -e p -e 'e pwn' x",
        "sed 's/.*/pwn/e' x",
        "sed 'w /etc/x' x",
        "sed -n '/x/w .git/config' x",
        "sed -f evil.sed x",
        "sed -i s/a/b/ /etc/passwd",
        "sed -i/etc/x/* s/a/b/ x",
        "sed -ni'../*' p a.txt",
        "sed --in-place='*x' p a.txt",
    ),
)

_SORT: Final = Program(
    names="sort gsort",
    valued=(
        "-k --key -t --field-separator -S --buffer-size -T --temporary-directory "
        "--parallel --files0-from --random-source --batch-size --sort"
    ),
    risks=(
        Risk(options="-o --output", effect=Effect.WRITES, why=WRITES),
        Risk(
            options="--compress-program",
            effect=Effect.RUNS,
            why="runs a program on temporary files",
            passing="gzip bzip2 xz zstd lz4 lzop",
        ),
    ),
    reason="It can compress temporary files with any program.",
    passes=("sort -k2,2n -t, data.csv", "sort -u -o sorted.txt data.txt", "sort -rn"),
    refuses=(
        "sort --compress-program=pwn -S 1k data.txt",
        "sort -S 1k data.txt --compress-p pwn",
        "sort -o /etc/x data.txt",
        "sort data.txt -uo.git/config",
    ),
)

_SPLIT: Final = Program(
    names="split gsplit",
    valued=(
        "-a --suffix-length -b --bytes -C --line-bytes -l --lines -n --number -t "
        "--separator --additional-suffix"
    ),
    risks=(
        Risk(
            options="--filter",
            effect=Effect.TEXT,
            why="runs a shell command on every part",
        ),
    ),
    targets=Targets.SECOND,
    reason="It writes every part to a shell command or to files.",
    passes=("split -l 100 data.txt part_", "split --filter=cat data.txt"),
    refuses=(
        "split --filter=pwn data.txt",
        "split --filt pwn data.txt",
        "split data.txt /etc/cron.d/x",
    ),
)

_UNIQ: Final = Program(
    names="uniq guniq",
    valued="-f --skip-fields -s --skip-chars -w --check-chars",
    targets=Targets.SECOND,
    reason="Its second operand is a file that it writes.",
    passes=("uniq -c", "uniq -f 1 a.txt b.txt"),
    refuses=("uniq a.txt .git/config", "uniq - /etc/x"),
)

_TS: Final = Program(
    names="ts",
    reason="A Perl program: it opens its operands as Perl does, to which a name with a "
    "pipe is a command and one with `>` a file to write.",
    operands="*|* *>*",
    operands_why="runs or writes what its operand names",
    passes=("ts", "ts -i %s", "ts '%H:%M:%S'"),
    refuses=("ts '' '|pwn'", "ts %s 'pwn|'", "ts %s '>x'"),
)

PROGRAMS: Final = (
    _AWK,
    _GAWK,
    _SED,
    _SORT,
    _SPLIT,
    _TS,
    _UNIQ,
)
