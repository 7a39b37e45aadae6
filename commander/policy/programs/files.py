"""Programs whose operands are files that they write."""

from __future__ import annotations

from typing import Final

from commander.policy.programs.model import Effect, Program, Risk, Targets

__all__ = ["PROGRAMS"]

_DIRECTORY: Final = Risk(
    options="-t --target-directory",
    effect=Effect.WRITES,
    why="names the directory that is written to",
)

_COPY: Final = Program(
    names="cp mv ln gcp gmv gln",
    valued="-S --suffix",
    risks=(_DIRECTORY,),
    targets=Targets.LAST,
    reason="Its last operand is written.",
    passes=("cp a.txt b.txt", "mv -f a b build/", "ln -s a b", "cp -r src /tmp/x"),
    refuses=(
        "cp evil .git/config",
        "mv a b ../..",
        "cp -t /etc/cron.d evil",
        "ln -sf evil ~/.bashrc",
        "cp --target-d=.git/hooks evil",
        "cp evil -- /etc/cron.d/x",
    ),
)

_INSTALL: Final = Program(
    names="install ginstall",
    valued="-g --group -m --mode -o --owner -S --suffix --context",
    risks=(
        _DIRECTORY,
        Risk(
            options="--strip-program",
            effect=Effect.RUNS,
            why="runs a program on what it copies",
        ),
        Risk(
            options="-d --directory",
            effect=Effect.EDITS,
            why="makes each operand a directory",
            bare=True,
        ),
    ),
    targets=Targets.LAST,
    reason="It can run a program on what it copies.",
    passes=("install -m 755 a build/a", "install -d build/x build/y"),
    refuses=(
        "install -s --strip-program=pwn a b",
        "install -m 755 a /etc/cron.d/a",
        "install -d /etc/x build",
    ),
)

_MKDIR: Final = Program(
    names="mkdir mkfifo mknod gmkdir",
    valued="-m --mode",
    targets=Targets.EACH,
    reason="Its operands are made.",
    passes=("mkdir -p build/x build/y", "mkdir -m 755 out", "mkfifo pipe"),
    refuses=("mkdir -p ~/.ssh", "mkdir build ../x", "mkdir -m 755 /etc/x"),
)

_TEE: Final = Program(
    names="tee gtee",
    targets=Targets.EACH,
    reason="Its operands are written.",
    passes=("tee -a build.log", "tee", "tee /dev/null"),
    refuses=(
        "tee .git/hooks/pre-commit",
        "tee out.txt /etc/passwd",
        "tee -a -- .bashrc",
    ),
)

_TOUCH: Final = Program(
    names="touch gtouch",
    valued="-d --date -r --reference -t --time",
    targets=Targets.EACH,
    reason="Its operands are made.",
    passes=("touch a b c", "touch -t 202001010000 x", "touch -m src/a.py"),
    refuses=("touch ../x", "touch -m /etc/x", "touch a .git/x"),
)

_TRUNCATE: Final = Program(
    names="truncate gtruncate",
    valued="-r --reference -s --size",
    targets=Targets.EACH,
    reason="Its operands are written.",
    passes=("truncate -s 0 build.log",),
    refuses=("truncate -s 0 /etc/passwd", "truncate --size=0 x .git/config"),
)

_CSPLIT: Final = Program(
    names="csplit gcsplit",
    valued="-b --suffix-format -n --digits",
    risks=(
        Risk(
            options="-f --prefix",
            effect=Effect.WRITES,
            why="says where the parts are written",
        ),
    ),
    reason="It writes the parts of a file.",
    passes=("csplit -f part_ data.txt 10",),
    refuses=("csplit -f /etc/cron.d/x data.txt 10", "csplit --pre=.git/x a 1"),
)

_MKTEMP: Final = Program(
    names="mktemp gmktemp",
    valued="--suffix",
    risks=(
        Risk(
            options="-p --tmpdir",
            effect=Effect.WRITES,
            why="names the directory that is written to",
            bare=True,
            values="*",
        ),
    ),
    targets=Targets.EACH,
    reason="It makes a file.",
    passes=("mktemp -d", "mktemp /tmp/x.XXXXXX", "mktemp --suffix .txt"),
    refuses=("mktemp /etc/cron.d/x.XXXXXX", "mktemp ../x.XXXXXX"),
)

_SHRED: Final = Program(
    names="shred gshred wipe srm",
    valued="-n --iterations -s --size --random-source",
    targets=Targets.EACH,
    reason="It writes over its operands.",
    passes=("shred -u a.txt", "shred -n 1 a b"),
    refuses=("shred /etc/passwd", "shred -u .git/config", "shred -n 1 ../x"),
)

PROGRAMS: Final = (
    _COPY,
    _CSPLIT,
    _INSTALL,
    _MKDIR,
    _MKTEMP,
    _SHRED,
    _TEE,
    _TOUCH,
    _TRUNCATE,
)
