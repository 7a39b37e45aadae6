"""Programs that, once allowed, run any other program or write any file.

An allow-list entry ``env`` or ``find`` looks harmless and gives away the machine.
So an entry must name on purpose what such a program may do: wrappers and
interpreters need an entry of two words or more (``python3 -m``, ``env CI=1``), and
the listed options need an entry that holds them (``find . -exec``).

The tables name common programs. They are not complete and cannot be: an operator
who lists a program trusts all that it can do.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import attrs

from commander.policy.denials import shorten

__all__ = ["launches"]

_VERSION: Final = re.compile(r"[0-9.]+$")


def _table(groups: Mapping[str, str]) -> dict[str, str]:
    return {name: why for why, names in groups.items() for name in names.split()}


_WHOLE: Final = _table(
    {
        "runs the command that follows it": (
            "env nice nohup timeout time stdbuf setsid xargs flock script watch sudo "
            "doas su runuser ionice chrt taskset busybox toybox parallel entr chroot "
            "unshare nsenter setarch choom pkexec systemd-run setpriv prlimit strace "
            "ltrace run-parts start-stop-daemon ssh-agent screen tmux socat ssh at "
            "batch crontab npx fakeroot expect nc ncat"
        ),
        "runs code that its words hold or name": (
            "sh bash dash zsh ksh mksh ash fish csh tcsh python pypy perl ruby node "
            "nodejs deno bun lua luajit php tclsh wish awk gawk mawk nawk sed m4 groff "
            "troff Rscript guile ghc java"
        ),
        "can start a shell from inside": (
            "vi vim nvim view ex ed emacs nano gdb lldb dc bc sqlite3 psql mysql ftp "
            "lftp ncftp mail mutt"
        ),
    }
)
"""Programs that need an entry of two words, and why."""


@attrs.frozen
class _Options:
    """Words of one program that an entry must hold to allow them.

    ``--name`` also stands for its abbreviations and ``--name=value``, ``-x`` for the
    letter inside a cluster; everything else is a pattern for a whole word.
    """

    what: str
    """What they make the program do."""
    anywhere: str = ""
    before_subcommand: str = ""
    under: Mapping[str, str] = attrs.field(factory=dict)
    """By subcommand; ``*`` for the subcommand itself."""


_RUN: Final = "run another program"
_WRITE: Final = "run another program or write a file"
_EVALUATE: Final = "evaluate a name, in bash"
_OPTIONS: Final = {
    "apt-get": _Options(_RUN, "-o -c --option --config-file"),
    "cargo": _Options(_RUN, "--config"),
    "cc": _Options(_RUN, "-B* -wrapper -fplugin* -specs* @*"),
    "cpio": _Options(_WRITE, "--rsh-command --to-stdout -F -O --file"),
    "curl": _Options(
        _WRITE,
        "-o -O -K -D -c --output* --remote-name* --config --dump-header --cookie-jar "
        "--trace* --stderr --libcurl --etag-save --hsts --alt-svc --create-dirs",
    ),
    "docker": _Options(_RUN, under={"run": "*", "exec": "*", "compose": "run exec"}),
    "fd": _Options(_RUN, "-x -X --exec --exec-batch"),
    "find": _Options(
        _WRITE, "-exec -execdir -ok -okdir -delete -fprint -fprint0 -fprintf -fls"
    ),
    "git": _Options(
        _RUN,
        anywhere=(
            "--upload-pack --receive-pack --exec --exec-path --config-env --ext-diff "
            "--open-files-in-pager --template --extcmd --output ext::*"
        ),
        before_subcommand="-c -p --paginate --config-env --exec-path",
        under={
            "bisect": "run",
            "clone": "-c -u --config",
            "config": "*",
            "difftool": "*",
            "filter-branch": "*",
            "grep": "-O",
            "mergetool": "*",
            "rebase": "-x",
            "send-email": "*",
            "submodule": "foreach",
        },
    ),
    "go": _Options(
        _RUN,
        "-exec* -toolexec* -vettool* -overlay*",
        under={"run": "*", "generate": "*"},
    ),
    "install": _Options(_RUN, "-s --strip --strip-program"),
    "kubectl": _Options(_RUN, under={"run": "*", "exec": "*", "edit": "*"}),
    "less": _Options(_RUN, "+* -k -o -O --lesskey-src --lesskey-file --log-file"),
    "make": _Options(
        _RUN, "--eval --file --makefile --directory --include-dir -f -C -I -E *=*"
    ),
    "man": _Options(_RUN, "-P -H -C --pager --html --config-file"),
    "npm": _Options(
        _RUN,
        "--script-shell --node-options --prefix",
        under={"exec": "*", "x": "*", "init": "*", "explore": "*", "config": "*"},
    ),
    "printf": _Options(_EVALUATE, "-v"),
    "prove": _Options(_RUN, "-e -P --exec --source"),
    "pytest": _Options(_RUN, "-c -o -p --rootdir --override-ini --config-file"),
    "rg": _Options(_RUN, "--pre --hostname-bin"),
    "rsync": _Options(_RUN, "-e --rsh --rsync-path --daemon"),
    "scp": _Options(_RUN, "-S -o -F"),
    "sort": _Options(_WRITE, "-o --output --compress-program"),
    "split": _Options(_RUN, "--filter"),
    "tar": _Options(
        _WRITE,
        "-F -I -T --to-command --use-compress-program --checkpoint-action "
        "--info-script --new-volume-script --rsh-command --rmt-command --files-from",
    ),
    "test": _Options(_EVALUATE, "-v -R"),
    "wget": _Options(
        _WRITE,
        "-e -O -o -a -P --execute --use-askpass --config --output* --append-output",
    ),
    "zip": _Options(_RUN, "-T --unzip-command --test"),
}
_SAME_AS: Final = {
    "c++": "cc",
    "clang": "cc",
    "fdfind": "fd",
    "g++": "cc",
    "gcc": "cc",
    "gmake": "make",
    "more": "less",
    "apt": "apt-get",
    "podman": "docker",
    "sftp": "scp",
    "[": "test",
}

_TAKES_NEXT_WORD: Final = frozenset({"-C", "-c", "--git-dir", "--work-tree"})
"""Options before a subcommand whose value must not be taken for it."""


def launches(words: Sequence[str], entry: Sequence[str]) -> str | None:
    """Say why a command is more than the entry that matches it names, if it is.

    Args:
        words: The command's; they begin with the entry's.
        entry: The entry's.

    Returns:
        The cause as the beginning of a sentence, or None.
    """
    program = posixpath.basename(words[0])
    why = _WHOLE.get(program) or _WHOLE.get(_VERSION.sub("", program))
    if why is not None:
        if len(entry) > 1 or len(words) == 1:
            return None
        return f"`{program}` {why}, and the entry `{entry[0]}` does not name what"
    options = _OPTIONS.get(_SAME_AS.get(program, program))
    if options is None:
        return None
    for pattern, word in _offending(options, _arguments(program, words)):
        if not any(_matches(pattern, named) for named in entry[1:]):
            return f"`{shorten(word)}` can make `{program}` {options.what}"
    return None


def _arguments(program: str, words: Sequence[str]) -> list[str]:
    arguments = list(words[1:])
    if program == "tar" and arguments and not arguments[0].startswith("-"):
        arguments[0] = f"-{arguments[0]}"  # tar xf: a cluster without its dash
    return arguments


def _offending(options: _Options, words: list[str]) -> Iterator[tuple[str, str]]:
    """Each pattern that a word matches, with the word."""
    place = _subcommand(words)
    yield from _matching(options.anywhere, words)
    yield from _matching(options.before_subcommand, words[:place])
    for subcommand in words[place : place + 1]:
        patterns = options.under.get(subcommand, "")
        if patterns == "*":
            yield subcommand, subcommand
        else:
            yield from _matching(patterns, words[place + 1 :])


def _subcommand(words: list[str]) -> int:
    """Where the first operand stands."""
    place = 0
    while place < len(words) and words[place].startswith("-"):
        place += 2 if words[place] in _TAKES_NEXT_WORD else 1
    return place


def _matching(patterns: str, words: list[str]) -> Iterator[tuple[str, str]]:
    for pattern in patterns.split():
        for word in words:
            if _matches(pattern, word):
                yield pattern, word


def _matches(pattern: str, word: str) -> bool:
    if pattern.startswith("--") and "*" not in pattern:
        name = word.partition("=")[0]
        return len(name) > len("--") and pattern.startswith(name)
    if pattern.startswith("-") and len(pattern) == len("-x"):
        cluster = word.startswith("-") and not word.startswith("--")
        return cluster and pattern[1] in word
    return fnmatch.fnmatchcase(word, pattern)
