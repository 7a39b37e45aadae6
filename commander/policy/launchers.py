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
            "batch crontab npx fakeroot expect nc ncat perf"
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
    with_value: str = ""
    """Options before the subcommand that take the next word."""
    flags: str = ""
    """Those that take none. Any other might hide the subcommand, so it offends."""
    ordinary: str = ""
    """If set: subcommands that need no entry that names them."""
    under: Mapping[str, str] = attrs.field(factory=dict)
    """By subcommand; ``*`` for the subcommand itself."""


_RUN: Final = "run another program"
_WRITE: Final = "run another program or write a file"
_EVALUATE: Final = "evaluate a name, in bash"
_OPTIONS: Final = {
    "apt-get": _Options(_RUN, "-o -c --option --config-file"),
    "cargo": _Options(
        _RUN,
        "--config",
        with_value="--color -C --config",
        flags="-q --quiet -v --verbose --offline --locked --frozen --version --list",
        under={"run": "*", "r": "*"},
    ),
    "cc": _Options(_RUN, "-B* -wrapper -fplugin* -specs* @*"),
    "cpio": _Options(_WRITE, "--rsh-command --to-stdout -F -O --file"),
    "curl": _Options(
        _WRITE,
        "-o -O -K -D -c --output* --remote-name* --config --dump-header --cookie-jar "
        "--trace* --stderr --libcurl --etag-save --hsts --alt-svc --create-dirs",
    ),
    "docker": _Options(
        _RUN,
        before_subcommand="--config --runtime --conmon --hooks-dir",
        with_value=(
            "-H --host -l --log-level -c --context --config --tlscacert --tlscert "
            "--tlskey --url --connection --root --runroot"
        ),
        flags="-D --debug --tls --tlsverify -v --version --help",
        under={
            **dict.fromkeys(("run", "exec", "create", "unshare"), "*"),
            "container": "run exec create",
            "compose": "run exec",
        },
    ),
    "dpkg": _Options(_RUN, "--pre-invoke --post-invoke --status-logger --instdir"),
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
        with_value="-C -c --git-dir --work-tree --namespace --config-env",
        flags=(
            "-p --paginate -P --no-pager --bare --no-replace-objects --version --help "
            "--no-optional-locks --literal-pathspecs --exec-path"
        ),
        ordinary=(
            "add bisect blame branch cat-file checkout cherry-pick clean clone commit "
            "describe diff fetch grep help init log ls-files ls-remote ls-tree merge "
            "merge-base mv pull push rebase reflog remote reset restore rev-list "
            "rev-parse revert rm shortlog show show-ref stash status submodule switch "
            "tag version worktree"
        ),
        under={
            "bisect": "run",
            "clone": "-c -u --config",
            "config": "*",
            "grep": "-O",
            "rebase": "-x",
            "submodule": "foreach",
        },
    ),
    "go": _Options(
        _RUN,
        "-exec* -toolexec* -vettool* -overlay*",
        with_value="-C",
        under={"run": "*", "generate": "*", "tool": "*"},
    ),
    "hg": _Options(_RUN, "--config --debugger --repository -R"),
    "install": _Options(_RUN, "-s --strip --strip-program"),
    "ip": _Options(
        _RUN,
        with_value="-netns -family",
        flags="-4 -6 -s -d -o -j -p -br -c -a -details -json -brief -oneline -stats",
        under={
            **dict.fromkeys(("net", "netn", "netns"), "e ex exe exec"),
            **dict.fromkeys(("v", "vr", "vrf"), "e ex exe exec"),
        },
    ),
    "kubectl": _Options(
        _RUN,
        "--kubeconfig",
        with_value=(
            "-n --namespace --context --cluster --user -s --server --token --as "
            "--as-group --request-timeout --kubeconfig"
        ),
        flags="--help --version --insecure-skip-tls-verify",
        under=dict.fromkeys(("run", "exec", "edit", "debug", "plugin", "cp"), "*"),
    ),
    "less": _Options(_RUN, "+* -k -o -O --lesskey-src --lesskey-file --log-file"),
    "make": _Options(
        _RUN, "--eval --file --makefile --directory --include-dir -f -C -I -E *=*"
    ),
    "man": _Options(_RUN, "-P -H -C --pager --html --config-file"),
    "npm": _Options(
        _RUN,
        "--script-shell --node-options --prefix",
        flags="-s --silent -q --quiet -v --version",
        under=dict.fromkeys(
            (
                *("exec", "exe", "x", "init", "ini", "create", "innit", "dlx"),
                *("explore", "explor", "config", "confi", "conf", "c", "set", "edit"),
            ),
            "*",
        ),
    ),
    "printf": _Options(_EVALUATE, "-v"),
    "prove": _Options(_RUN, "-e -P --exec --source"),
    "pytest": _Options(_RUN, "-c -o -p --rootdir --override-ini --config-file"),
    "rg": _Options(_RUN, "--pre --hostname-bin"),
    "rsync": _Options(_RUN, "-e --rsh --rsync-path --daemon"),
    "scp": _Options(_RUN, "-S -o -F"),
    "sort": _Options(_WRITE, "-o --output --compress-program"),
    "split": _Options(_RUN, "--filter"),
    "svn": _Options(
        _RUN, "--config-option --config-dir --diff-cmd --diff3-cmd --editor-cmd"
    ),
    "tar": _Options(
        _WRITE,
        "-F -I -T --to-command --use-compress-program --checkpoint-action "
        "--info-script --new-volume-script --rsh-command --rmt-command --files-from",
    ),
    "tcpdump": _Options(_WRITE, "-z -w"),
    "test": _Options(_EVALUATE, "-v -R"),
    "wget": _Options(
        _WRITE,
        "-e -O -o -a -P --execute --use-askpass --config --output* --append-output",
    ),
    "yarn": _Options(
        _RUN,
        flags="-s --silent --version",
        under=dict.fromkeys(("exec", "dlx", "node", "create", "init", "config"), "*"),
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
    "pnpm": "npm",
    "podman": "docker",
    "sftp": "scp",
    "[": "test",
}


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
    yield from _matching(options.anywhere, words)
    if not (options.under or options.ordinary):
        return
    place, clear = _subcommand(options, words)
    yield from _matching(options.before_subcommand, words[:place])
    if clear:
        candidates = words[place : place + 1]
    else:  # after an option that is not known, each word may be the subcommand
        yield words[place], words[place]
        candidates = words[place + 1 :]
    for subcommand in candidates:
        patterns = options.under.get(subcommand, "")
        unusual = options.ordinary and subcommand not in options.ordinary.split()
        if patterns == "*" or (clear and unusual):
            yield subcommand, subcommand
        yield from _matching(patterns.strip("*"), words[place + 1 :])


def _subcommand(options: _Options, words: list[str]) -> tuple[int, bool]:
    """Where the first operand stands, or the first option that is not known.

    Returns:
        The place, and whether all before it is known.
    """
    with_value, flags = options.with_value.split(), options.flags.split()
    place = 0
    while place < len(words) and words[place].startswith(("-", "+")):
        name, equals, _ = words[place].partition("=")
        if name in with_value and not equals:
            place += 2
        elif name in with_value or name in flags:
            place += 1
        else:
            return place, False
    return place, True


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
