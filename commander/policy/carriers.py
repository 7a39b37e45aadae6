"""Programs that run other programs: what a command carries inside its words.

``sudo -u x rm -rf /`` carries ``rm -rf /``; ``sh -c TEXT`` carries a text. The
tables serve blocklists: an option that is missing here can hide a command from
them or, rarely, make its value look like one.
"""

from __future__ import annotations

import itertools
import posixpath
import re
from collections.abc import Sequence
from typing import Final

import attrs

from commander.policy.expansion import UNKNOWN
from commander.policy.options import read_options
from commander.policy.wordset import wordset

__all__ = [
    "Carried",
    "ShellText",
    "carried_by",
    "find_commands",
    "program_of",
    "search_roots",
]


@attrs.frozen
class ShellText:
    """A text that a shell will run, and its ``$1`` and so on."""

    text: str
    arguments: tuple[str, ...] = ()


@attrs.frozen
class Carried:
    """What a command runs beside itself."""

    commands: tuple[tuple[str, ...], ...] = ()
    texts: tuple[ShellText, ...] = ()


@attrs.frozen
class _Wrapper:
    """How a program's words are followed by a command's."""

    with_value: frozenset[str]
    """Options that take the next word."""
    operands: int
    """Words of its own before the command."""
    not_running: frozenset[str]
    """Options with which it runs nothing."""


def _wrapper(
    with_value: str = "", *, operands: int = 0, not_running: str = ""
) -> _Wrapper:
    return _Wrapper(wordset(with_value), operands, wordset(not_running))


_SHELLS: Final = wordset("sh bash dash zsh ksh mksh ash rbash . source")

_WRAPPERS: Final = {
    "busybox": _wrapper(),
    "builtin": _wrapper(),
    "chroot": _wrapper("userspec groups", operands=1),
    "chrt": _wrapper("T P D sched-runtime sched-deadline sched-period", operands=1),
    "command": _wrapper(not_running="v V"),
    "doas": _wrapper("u C"),
    "env": _wrapper("u C unset chdir"),
    "exec": _wrapper("a"),
    "fakeroot": _wrapper("l s i b lib faked"),
    "flock": _wrapper("w E timeout conflict-exit-code", operands=1),
    "ionice": _wrapper("c n p P u class classdata"),
    "nice": _wrapper("n adjustment"),
    "nohup": _wrapper(),
    "nsenter": _wrapper("t S G target setuid setgid"),
    "parallel": _wrapper("j S I jobs sshlogin"),
    "pkexec": _wrapper("u user"),
    "prlimit": _wrapper("p o pid output"),
    "runuser": _wrapper("u g G s w user group shell whitelist-environment"),
    "setpriv": _wrapper("reuid regid groups inh-caps ambient-caps bounding-set"),
    "setsid": _wrapper(),
    "stdbuf": _wrapper("i o e input output error"),
    "strace": _wrapper("a b e E I o O p P s S u U X"),
    "sudo": _wrapper("u g p C r t T D R h U user group prompt chdir chroot host"),
    "systemd-run": _wrapper("p u H M E t unit property description slice setenv"),
    "taskset": _wrapper(operands=1),
    "time": _wrapper("f o format output"),
    "timeout": _wrapper("k s kill-after signal", operands=1),
    "toybox": _wrapper(),
    "unshare": _wrapper("S G R w setuid setgid root wd map-user map-group"),
    "xargs": _wrapper("a d E I L n P s arg-file delimiter max-lines max-procs"),
}
_NO_WRAPPER: Final = _wrapper()
_TEXT_OPTIONS: Final = {
    "env": wordset("S split-string"),
    "make": wordset("eval"),
    "mapfile": wordset("C"),
    "readarray": wordset("C"),
    "runuser": wordset("c command"),
    "script": wordset("c command"),
    "su": wordset("c command"),
}
"""Options whose value is run as a shell text."""
_TEXT_OPERANDS: Final = frozenset({"eval", "trap", "watch"})
"""Programs that run their operands, joined, as a shell text."""
_TEXT_READERS: Final = frozenset({"at", "batch"})
_STANDARD_INPUT: Final = frozenset({"-", "/dev/stdin", "/dev/fd/0"})
_SHELL_OPTIONS: Final = frozenset({"o", "O", "rcfile", "init-file"})
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_CODE_CALL: Final = re.compile(
    r"""\b(?:system|popen|exec\w*|spawn\w*|run|call|check_\w+|getoutput)\b"""
    r"""[\s(\[]{0,9}(["'])((?:(?!\1).){0,256}+)\1""",
    re.DOTALL,
)
_CODE_RUNNERS: Final = re.compile(
    r"(?:[gmn]?awk|python|pypy|perl|ruby|node|php|lua)[0-9.]*"
)
_FIND_RUNNERS: Final = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
_MAX_ROOTS: Final = 16
_MAX_FILLED_CHARACTERS: Final = 256
_FIND_NOT_NARROWING: Final = wordset(
    "-H -L -P -delete -depth -d -follow -ls -maxdepth -mindepth -mount -noleaf -print "
    "-print0 -type -xdev"
)


def program_of(words: Sequence[str]) -> str:
    """The base name of a command's program, of what is known of it."""
    return posixpath.basename(words[0].replace(UNKNOWN, "")) if words else ""


def carried_by(words: tuple[str, ...], standard_input: str | None) -> Carried:
    """What a command runs beside itself.

    Args:
        words: Expanded; not empty.
        standard_input: What the command reads, if that is known.
    """
    program = program_of(words)
    if program in _SHELLS:
        return _by_shell(words[1:], standard_input)
    if program == "find":
        return _by_find(words[1:])
    if program == "alias":
        values = [word.partition("=")[2] for word in words[1:]]
        return Carried(texts=tuple(map(ShellText, values)))
    if _CODE_RUNNERS.fullmatch(program):
        calls = [call[2] for word in words[1:] for call in _CODE_CALL.finditer(word)]
        return Carried(texts=tuple(map(ShellText, calls)))
    texts = _text_operands(program, words[1:])
    if program in _TEXT_READERS and standard_input is not None:
        texts.append(standard_input)
    command = _wrapped(program, words[1:])
    if command and command[0] == "-c":  # flock FILE -c TEXT
        texts.extend(command[1:2])
    if command and program == "xargs" and standard_input is not None:
        command = _filled(command, standard_input.strip())
    return Carried((command,) if command else (), tuple(map(ShellText, texts)))


def search_roots(words: Sequence[str]) -> list[str]:
    """Where a ``find`` starts, if no test narrows what it meets to less than all."""
    own, _ = _split_find(words)
    if any(w.startswith("-") and w not in _FIND_NOT_NARROWING for w in own):
        return []
    paths = itertools.takewhile(
        lambda word: not word.startswith(("-", "(", "!")),
        itertools.dropwhile(lambda word: word in ("-H", "-L", "-P"), own),
    )
    return list(itertools.islice(paths, _MAX_ROOTS)) or ["."]


def find_commands(words: Sequence[str]) -> list[list[str]]:
    """What a ``find`` runs on what it meets."""
    return _split_find(words)[1]


def _split_find(words: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """A find's own words, and the commands that it runs."""
    own: list[str] = []
    commands: list[list[str]] = []
    target = own
    for word in words:
        if target is own and word in _FIND_RUNNERS:
            commands.append(target := [])
        elif target is not own and word in (";", "+"):
            target = own
        else:
            target.append(word)
    return own, commands


def _by_find(words: tuple[str, ...]) -> Carried:
    """What a find runs, on the paths that it starts from if all below is met."""
    roots = search_roots(words) or ["{}"]
    _, commands = _split_find(words)
    filled = (
        itertools.chain.from_iterable(roots if w == "{}" else [w] for w in command)
        for command in commands
    )
    return Carried(tuple(map(tuple, filled)))


def _text_operands(program: str, words: tuple[str, ...]) -> list[str]:
    if names := _TEXT_OPTIONS.get(program):
        with_value = names | _WRAPPERS.get(program, _NO_WRAPPER).with_value
        return read_options(words, with_value, permute=program != "env").values(names)
    if program not in _TEXT_OPERANDS:
        return []
    operands = read_options(words, ("n", "interval"), permute=False).operands
    return [*operands[:1]] if program == "trap" else [" ".join(operands)]


def _wrapped(program: str, words: tuple[str, ...]) -> tuple[str, ...]:
    wrapper = _WRAPPERS.get(program)
    if wrapper is None:
        return ()
    parsed = read_options(words, wrapper.with_value, permute=False)
    if parsed.has(*wrapper.not_running):
        return ()
    left = itertools.dropwhile(_is_setting, parsed.operands)
    command = itertools.islice(left, wrapper.operands, None)
    return tuple(itertools.dropwhile(lambda word: word == "--", command))


def _filled(command: tuple[str, ...], text: str) -> tuple[str, ...]:
    """What ``xargs`` makes of a command, whether it appends or replaces."""
    if len(text) > _MAX_FILLED_CHARACTERS:
        return command
    return (*(word.replace("{}", text) for word in command), *text.split())


def _is_setting(word: str) -> bool:
    """``NAME=value``, or the lone dash of ``env -``."""
    return word == "-" or _ASSIGNMENT.match(word) is not None


def _by_shell(words: tuple[str, ...], standard_input: str | None) -> Carried:
    parsed = read_options(words, _SHELL_OPTIONS, permute=False)
    operands = parsed.operands
    if parsed.has("c"):
        if not operands:
            return Carried()
        return Carried(texts=(ShellText(operands[0], operands[2:]),))
    from_input = not operands or operands[0] in _STANDARD_INPUT or parsed.has("s")
    if standard_input is None or not from_input:
        return Carried()
    return Carried(texts=(ShellText(standard_input, operands),))
