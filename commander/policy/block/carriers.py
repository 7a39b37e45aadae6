"""Programs that run other programs: what a command carries inside its words.

``sudo -u x rm -rf /`` carries ``rm -rf /``; ``sh -c TEXT`` carries a text. The
tables serve blocklists: an option that is missing here can hide a command from
them or, rarely, make its value look like one. What runs on another machine or in a
container (``ssh``, ``docker exec``, ``kubectl exec``) is not carried: the lists
protect the one that this server runs on.
"""

from __future__ import annotations

import itertools
import posixpath
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import attrs

from commander.policy.block.calls import command_calls, is_code_runner, shell_calls
from commander.policy.block.options import read_options
from commander.policy.block.scope import UNKNOWN, Texts
from commander.policy.block.searches import find_commands, search_roots, split_find
from commander.policy.block.wrappers import Wrapper, wrapper_of
from commander.policy.wordset import wordset

__all__ = ["Carried", "Inner", "ShellText", "carried_by", "program_of"]


@attrs.frozen
class ShellText:
    """A text that a shell will run."""

    text: str
    arguments: tuple[str, ...] | None = None
    """Its ``$1`` and so on, if it does not keep those that are there."""
    name: str | None = None
    """Its ``$0``, if that is given."""
    reader: str = ""
    """The program that reads it; empty for the shell that is there already."""
    guessed: bool = False
    """It may be no shell text at all, so it counts only if it can be read."""


@attrs.frozen
class Inner:
    """A command that another one runs."""

    words: tuple[str, ...]
    settings: tuple[tuple[str, str], ...] = ()
    """Variables that are set for it."""
    directory: str | None = None
    """Where it runs, if that is changed for it."""


@attrs.frozen
class Carried:
    """What a command runs beside itself."""

    commands: tuple[Inner, ...] = ()
    texts: tuple[ShellText, ...] = ()


_NO_COMMAND: Final = Inner(())
_SHELLS: Final = wordset("sh bash dash zsh ksh mksh ash rbash . source")
_IN_THIS_SHELL: Final = wordset(". source eval trap")
_TEXT_OPTIONS: Final = {
    "env": "S split-string",
    "make": "eval",
    "gmake": "eval",
    "mapfile": "C",
    "readarray": "C",
    "complete": "C",
    "compgen": "C",
    "rsync": "e rsh",
    "runuser": "c command session-command",
    "script": "c command",
    "sort": "compress-program",
    "split": "filter",
    "su": "c command session-command",
    "sg": "c",
    "ssh-agent": "c",
    "tar": "I F to-command use-compress-program info-script new-volume-script",
    "man": "P pager",
    "hyperfine": "p prepare s setup c cleanup",
    "start-stop-daemon": "x a exec startas",
}
"""Options whose value is run as a shell text."""
_TEXT_OPERANDS: Final = {
    "eval": "",
    "trap": "",
    "watch": "n interval",
    "hyperfine": "w m M r p s c",
    "tmux": "L S f n s t c F x y e",
    "screen": "S T e h c p s t",
}
"""Programs that run their operands, joined, as a shell text, and their options."""
_SUBCOMMANDS: Final = wordset(
    "new new-session new-window neww split-window splitw run-shell respawn-pane"
)
_TEXT_READERS: Final = wordset("at batch")
_LOGIN_SHELLS: Final = wordset(
    "su sudo doas chroot unshare nsenter script fakeroot pkexec runuser"
)
"""Programs that run a shell if their words hold no command."""
_THIS_MACHINE: Final = wordset("localhost 127.0.0.1 ::1")
_SSH_OPTIONS: Final = wordset("B b c D E e F I i J L l m O o p Q R S W w")
_SHELL_OPTIONS: Final = wordset("o O rcfile init-file")
_ASSIGNMENT: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_SCHEDULE: Final = re.compile(
    r"[ \t]*(?:@\w+|(?:[\d*/,A-Za-z-]+[ \t]+){4}\S+)[ \t]+(.*)"
)
_ACTION: Final = re.compile(
    r"--checkpoint-action=exec=(.*)|(?:-o)?(?:Proxy|Local)Command[= ](.*)", re.DOTALL
)
_GIT_RUNNING: Final = re.compile(
    r"[^=]*(?:pager|editor|command|fsmonitor|askpass|external|textconv|cmd|program)[^=]*"
    r"=(.*)|[^=]*=\s*!(.*)",
    re.IGNORECASE | re.DOTALL,
)
_MAX_FILLED: Final = 32 * 1024
"""Characters that ``xargs`` adds."""
_MANY: Final = 16
"""Commands that one text or input makes; more are judged as one."""

Reader = Callable[[str], Texts]
"""What is in a file; ``-`` is the standard input."""


def program_of(words: Sequence[str]) -> str:
    """The base name of a command's program, of what is known of it."""
    return posixpath.basename(words[0].replace(UNKNOWN, "")) if words else ""


def carried_by(words: tuple[str, ...], read: Reader) -> Carried:
    """What a command runs beside itself.

    Args:
        words: Expanded; not empty.
        read: Gives what is in a file, where that is known.
    """
    program = program_of(words)
    if program in _SHELLS:
        return Carried(texts=tuple(_by_shell(program, words[1:], read)))
    if program == "find":
        return _by_find(words[1:])
    if program == "alias":
        values = [word.partition("=")[2] for word in words[1:]]
        return Carried(texts=tuple(map(ShellText, values)))
    if is_code_runner(program):
        return _by_code(program, words[1:], read)
    if program == "parallel":
        return _by_parallel(words[1:], read)
    texts = [*_texts(program, words[1:], read)]
    wrapper = wrapper_of(program)
    command = _wrapped(words[1:], wrapper) if wrapper else _NO_COMMAND
    if command is None:
        return Carried(texts=tuple(texts))
    if command.words[:1] == ("-c",):  # flock FILE -c TEXT
        texts += [ShellText(text, reader="sh") for text in command.words[1:2]]
    elif not command.words and program in _LOGIN_SHELLS and not texts:
        texts += _known(read("-"), "sh")
    if program == "xargs":
        return Carried(tuple(_filled(words[1:], command, read)), tuple(texts))
    return Carried((command,) if command.words else (), tuple(texts))


def _known(texts: Iterable[str], shell: str) -> list[ShellText]:
    return [
        ShellText(text, reader=shell) for text in texts if text.strip(UNKNOWN + "\n ")
    ]


# --- shells and code ---------------------------------------------------------------


def _by_shell(program: str, words: tuple[str, ...], read: Reader) -> list[ShellText]:
    here = program in _IN_THIS_SHELL
    shell = "" if here else program
    words = tuple(itertools.dropwhile(lambda w: w.startswith("+"), words))
    parsed = read_options(words, () if here else _SHELL_OPTIONS, permute=False)
    operands = parsed.operands
    if parsed.has("c") and not here:
        name = operands[1] if len(operands) > 1 else None
        texts = [ShellText(operands[0], operands[2:], name, shell)] if operands else []
    elif not operands or parsed.has("s"):
        texts = [ShellText(text, operands, reader=shell) for text in read("-")]
    else:
        arguments = (operands[1:] or None) if here else operands[1:]
        texts = [ShellText(text, arguments, reader=shell) for text in read(operands[0])]
    return [text for text in texts if text.text.strip(UNKNOWN + "\n ")]


def _by_code(program: str, words: tuple[str, ...], read: Reader) -> Carried:
    code = code_of(words, read)
    texts = shell_calls(program, code)
    return Carried(
        tuple(map(Inner, command_calls(code))),
        tuple(ShellText(text, reader="sh", guessed=True) for text in texts),
    )


def code_of(words: Sequence[str], read: Reader) -> list[str]:
    """Every text that a program may take for code: its words and its input."""
    files = [word for word in words if not word.startswith("-")] or ["-"]
    known = itertools.chain.from_iterable(map(read, files[:2]))
    return [*words, *(text for text in known if text != UNKNOWN)]


# --- texts -------------------------------------------------------------------------


def _texts(program: str, words: tuple[str, ...], read: Reader) -> list[ShellText]:
    shell = "" if program in _IN_THIS_SHELL else "sh"
    texts = [ShellText(text, reader=shell) for text in _given_texts(program, words)]
    if program in _TEXT_READERS:
        names = read_options(words, ("f", "q", "t")).values(("f",))
        texts += _known(read(names[0] if names else "-"), "sh")
    elif program == "crontab":
        lines = "\n".join(read(words[-1] if words else "-")).split("\n")
        texts += [
            ShellText(found[1], reader="sh")
            for found in map(_SCHEDULE.match, lines)
            if found
        ]
    elif program in ("make", "gmake"):
        names = read_options(words, ("f", "C", "j", "eval")).values(("f", "file"))
        for name in names:
            texts += [attrs.evolve(t, guessed=True) for t in _known(read(name), "sh")]
    elif program == "git":
        texts += _by_git(words)
    elif program in ("tar", "ssh", "scp", "sftp"):
        found = map(_ACTION.match, words)
        texts += [ShellText(m[1] or m[2], reader="sh") for m in found if m]
        texts += _on_this_machine(words)
    return texts


def _on_this_machine(words: tuple[str, ...]) -> list[ShellText]:
    """What ``ssh`` runs, if it goes nowhere."""
    parsed = read_options(words, _SSH_OPTIONS, permute=False)
    host, *command = parsed.operands or ("",)
    if host.rpartition("@")[2] not in _THIS_MACHINE or not command:
        return []
    return [ShellText(" ".join(command), reader="sh")]


def _given_texts(program: str, words: tuple[str, ...]) -> list[str]:
    texts: list[str] = []
    if names := wordset(_TEXT_OPTIONS.get(program, "")):
        wrapper = wrapper_of(program)
        with_value = names | wrapper.with_value if wrapper else names
        parsed = read_options(words, with_value, permute=program != "env")
        texts += parsed.values(names)
    if program in _TEXT_OPERANDS:
        with_value = wordset(_TEXT_OPERANDS[program])
        operands = read_options(words, with_value, permute=False).operands
        if operands[:1] and operands[0] in _SUBCOMMANDS:
            operands = read_options(operands[1:], with_value, permute=False).operands
        texts += operands[:1] if program == "trap" else [" ".join(operands)]
    return [text for text in texts if text]


def _by_git(words: tuple[str, ...]) -> list[ShellText]:
    """What git's settings and some of its subcommands run."""
    texts: list[str] = []
    for place, (option, value) in enumerate(itertools.pairwise(words)):
        if option in ("-c", "config", "--config") or option.startswith("alias."):
            found = _GIT_RUNNING.fullmatch(value if "=" in value else f"={value}")
            texts += [found[1] or found[2] or ""] if found else []
        elif option in ("-x", "--exec", "--extcmd", "--tree-filter", "--index-filter"):
            texts.append(value)
        elif option == "foreach" or (option, value) == ("bisect", "run"):
            texts.append(" ".join(words[place + 1 :]).removeprefix("run "))
            break
    texts += [w.partition("=")[2] for w in words if w.startswith("--exec=")]
    return [ShellText(text, reader="sh", guessed=True) for text in texts if text]


# --- commands ----------------------------------------------------------------------


def _by_find(words: tuple[str, ...]) -> Carried:
    """What a find runs, on the paths that it starts from if all below is met."""
    roots = search_roots(words) or ["{}"]
    filled = (
        tuple(
            itertools.chain.from_iterable(roots if w == "{}" else [w] for w in command)
        )
        for command in find_commands(split_find(words))
    )
    return Carried(tuple(map(Inner, filled)))


def _by_parallel(words: tuple[str, ...], read: Reader) -> Carried:
    command = list(itertools.takewhile(lambda word: not word.startswith(":::"), words))
    added = [word for word in words[len(command) :] if not word.startswith(":::")]
    if not added:
        added = list(itertools.chain.from_iterable(t.split("\n") for t in read("-")))
    wrapper = wrapper_of("parallel")
    inner = _wrapped(tuple(command), wrapper) if wrapper else None
    text = " ".join(inner.words) if inner else ""
    known = [each for each in added if each.strip(UNKNOWN)]
    if len(known) > _MANY:  # to judge them together is as good
        known = [" ".join(known)]
    texts = [
        text.replace("{}", each) if "{}" in text else f"{text} {each}" for each in known
    ] or [text]
    return Carried(texts=tuple(ShellText(text, reader="sh") for text in texts))


def _wrapped(words: tuple[str, ...], wrapper: Wrapper) -> Inner | None:
    """The command that a wrapper runs, without words if there is none."""
    parsed = read_options(words, wrapper.with_value, permute=False)
    if parsed.has(*wrapper.not_running):
        return None
    left = list(parsed.operands)
    settings: list[tuple[str, str]] = []
    if wrapper.subcommands:
        if left[:1] and left[0] not in wrapper.subcommands:
            return None
        left = list(read_options(left[1:], wrapper.with_value, permute=False).operands)
    while left and (left[0] == "-" or _ASSIGNMENT.match(left[0])):
        if found := _ASSIGNMENT.match(left.pop(0)):
            settings.append((found[1], found[2]))
    command = itertools.dropwhile(lambda w: w == "--", left[wrapper.operands :])
    places = parsed.values(wrapper.directory)
    return Inner(tuple(command), tuple(settings), places[-1] if places else None)


def _filled(words: tuple[str, ...], command: Inner, read: Reader) -> Iterable[Inner]:
    """What ``xargs`` makes of a command, whether it appends or replaces."""
    wrapper = wrapper_of("xargs")
    parsed = read_options(words, wrapper.with_value if wrapper else (), permute=False)
    marks = parsed.values(("I", "replace")) or (["{}"] if parsed.has("i") else [])
    files = parsed.values(("a", "arg-file"))
    inner = command.words or ("echo",)
    for text in read(files[0] if files else "-"):
        if len(text) > _MAX_FILLED or not text.strip(UNKNOWN + " \n"):
            yield attrs.evolve(command, words=inner)
        elif marks:
            lines = [line.strip() for line in text.split("\n") if line.strip()]
            for some in [lines] if len(lines) > _MANY else [[line] for line in lines]:
                filled = itertools.chain.from_iterable(
                    [w.replace(marks[0], line) for line in some]
                    if marks[0] in w
                    else [w]
                    for w in inner
                )
                yield attrs.evolve(command, words=tuple(filled))
        else:
            added = _cut(text, parsed.has("0", "null"), parsed.values(("d",)))
            yield attrs.evolve(command, words=(*inner, *added))


def _cut(text: str, null: bool, delimiters: list[str]) -> list[str]:
    if null:
        return [each for each in text.split("\0") if each]
    if delimiters and delimiters[0]:
        mark = "\n" if delimiters[0] == "\\n" else delimiters[0][:1]
        return [each for each in text.split(mark) if each]
    return text.replace("'", "").replace('"', "").split()
