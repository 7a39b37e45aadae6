"""What programs print, where their words and their input tell.

Enough to see through a text that is put together before a shell gets it: ``echo``
and ``printf``, what passes text on, and what decodes it. Anything else prints what
nobody knows, and the builtins that print nothing print nothing.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import posixpath
import re
from collections.abc import Callable, Sequence
from typing import Final

from commander.policy.block.carriers import program_of
from commander.policy.block.escapes import decode_escapes
from commander.policy.block.expansion import join_texts
from commander.policy.block.options import Parsed, read_options
from commander.policy.block.scope import UNKNOWN, Scope, Texts
from commander.policy.block.searches import search_roots
from commander.policy.shell.syntax import Dialect
from commander.policy.wordset import wordset

__all__ = ["format_text", "printed"]

_NOTHING: Final[Texts] = ("",)
_NOBODY_KNOWS: Final[Texts] = (UNKNOWN,)
_SILENT: Final = wordset(
    ": alias cd chmod exit export false getopts local ln mapfile mkdir mv popd pushd "
    "read readarray readonly return rm rmdir set shift shopt sleep test touch trap "
    "true umask unset wait ["
)
_PASSING: Final = {
    "cat": "",
    "tac": "",
    "nl": "b",
    "head": "n c",
    "tail": "n c",
    "sort": "k t o",
    "uniq": "f s w",
    "zcat": "",
}
"""Programs that print what they read, or some of it, and options with a value."""
_CONVERSION: Final = re.compile(r"%(%|[-+ #0]*\d*(?:\.\d+)?([a-zA-Z]))")
_ECHO_OPTION: Final = re.compile(r"-[neE]+")
_MAX_ROUNDS: Final = 256
_RANGE: Final = re.compile(r"(.)-(.)", re.DOTALL)
_MAX_SET: Final = 256
_SUBSTITUTE: Final = re.compile(
    r"s(?P<border>[/|,#:@!])(?P<old>(?:(?!(?P=border))[\w /@%:=,-])*)(?P=border)"
    r"(?P<new>(?:(?!(?P=border))[^\\&])*)(?P=border)(?P<flags>[gI]*)"
)


def printed(words: Sequence[str], scope: Scope) -> Texts:
    """Every text that a command may print; ``UNKNOWN`` for what cannot be told."""
    program = program_of(words)
    if program in _SILENT:
        return _NOTHING
    if program in _PASSING:
        return _passed(read_options(words[1:], _PASSING[program].split()), scope)
    if program == "tee":
        return scope.input
    rule = _RULES.get(program)
    return rule(words[1:], scope) if rule else _NOBODY_KNOWS


def _echo(words: Sequence[str], scope: Scope) -> Texts:
    options = tuple(itertools.takewhile(_ECHO_OPTION.fullmatch, words))
    text = " ".join(words[len(options) :])
    end = "" if any("n" in option for option in options) else "\n"
    if scope.dialect is Dialect.SH or any("e" in option for option in options):
        text = decode_escapes(text)
    return (text + end,)


def _printf(words: Sequence[str], scope: Scope) -> Texts:
    if words and words[0] == "-v":
        return _NOTHING
    layout, *arguments = words[bool(words) and words[0] == "--" :] or [""]
    return (format_text(layout, arguments),)


def format_text(layout: str, arguments: Sequence[str]) -> str:
    """What ``printf`` makes of its words: the layout, as often as they last."""
    left = list(arguments)
    pieces: list[str] = []

    def fill(match: re.Match[str]) -> str:
        if match[1] == "%":
            return "%"
        text = left.pop(0) if left else ""
        match match[2]:
            case "b":
                return decode_escapes(text)
            case "c":
                return text[:1]
            case "s" | "q":
                return text
            case "d" | "i" | "u":
                return text or "0"
        return UNKNOWN

    layout = decode_escapes(layout)
    for _ in range(_MAX_ROUNDS):
        before = len(left)
        pieces.append(_CONVERSION.sub(fill, layout))
        if not left or len(left) == before:
            break
    return "".join(pieces)


def _passed(parsed: Parsed, scope: Scope) -> Texts:
    files = parsed.operands or ("-",)
    return join_texts([scope.read(name) for name in files[:_MAX_ROUNDS]])


def _decoded(decode: Callable[[str], str | None], texts: Texts) -> Texts:
    return tuple(dict.fromkeys(decode(text) or UNKNOWN for text in texts))


def _base64(words: Sequence[str], scope: Scope) -> Texts:
    parsed = read_options(words, ("w", "wrap"))
    if not parsed.has("d", "D", "decode"):
        return _NOBODY_KNOWS
    return _decoded(_from_base64, _passed(parsed, scope))


def _from_base64(text: str) -> str | None:
    try:
        raw = base64.b64decode("".join(text.split()) + "==")
    except (binascii.Error, ValueError):
        return None
    return raw.decode(errors="replace")


def _xxd(words: Sequence[str], scope: Scope) -> Texts:
    if not any(word.startswith("-r") for word in words):
        return _NOBODY_KNOWS
    files = [word for word in words if not word.startswith("-")]
    return _decoded(_from_hex, scope.read(files[0] if files else "-"))


def _from_hex(text: str) -> str | None:
    try:
        return bytes.fromhex("".join(text.split())).decode(errors="replace")
    except ValueError:
        return None


def _reverse(words: Sequence[str], scope: Scope) -> Texts:
    texts = _passed(read_options(words), scope)
    lines = (
        [line[::-1] for line in text.split("\n")] if UNKNOWN not in text else [UNKNOWN]
        for text in texts
    )
    return tuple(map("\n".join, lines))


def _translate(words: Sequence[str], scope: Scope) -> Texts:
    parsed = read_options(words, permute=False)
    sets = [_members(word) for word in parsed.operands[:2]]
    if parsed.has("d", "delete") and sets and not parsed.has("c"):
        table = dict.fromkeys(map(ord, sets[0]), "")
    elif len(sets) == 2 and not parsed.options and all(sets):
        old, new = sets
        table = dict(zip(map(ord, old), new.ljust(len(old), new[-1]), strict=False))
    else:
        return _NOBODY_KNOWS
    return tuple(text.translate(table) for text in scope.input)


def _members(text: str) -> str:
    named = {
        "[:lower:]": "a-z",
        "[:upper:]": "A-Z",
        "[:digit:]": "0-9",
        "[:space:]": " \t\n",
    }
    text = decode_escapes(named.get(text, text))
    return _RANGE.sub(
        lambda m: "".join(map(chr, range(ord(m[1]), ord(m[2]) + 1)[:_MAX_SET])), text
    )


def _sed(words: Sequence[str], scope: Scope) -> Texts:
    parsed = read_options(words, ("e", "expression", "f", "file"))
    scripts = parsed.values(("e", "expression"))
    files = parsed.operands
    if not scripts and files:
        scripts, files = [files[0]], files[1:]
    texts = join_texts([scope.read(name) for name in files or ("-",)])
    for script in scripts[:_MAX_ROUNDS]:
        found = _SUBSTITUTE.fullmatch(script)
        if found is None or parsed.has("f", "n"):
            return _NOBODY_KNOWS
        old, new = found["old"], found["new"]
        texts = tuple(
            "\n".join(
                line.replace(old, new, -1 if "g" in found["flags"] else 1)
                for line in text.split("\n")
            )
            for text in texts
        )
    return texts


def _pwd(words: Sequence[str], scope: Scope) -> Texts:
    return tuple(f"{path}\n" for path in scope.directories) or _NOBODY_KNOWS


def _last(words: Sequence[str], scope: Scope) -> Texts:
    return (f"{words[-1]}\n",) if words else _NOTHING


def _named_program(words: Sequence[str], scope: Scope) -> Texts:
    """``command -v NAME``; without the option the wrapped command prints."""
    if not words[:1] or words[0] not in ("-v", "-p", "-P", "-pv"):
        return _NOBODY_KNOWS
    return _last(words, scope)


def _directory(words: Sequence[str], scope: Scope) -> Texts:
    path = words[-1].rstrip("/") if words else ""
    if UNKNOWN in path:
        return _NOBODY_KNOWS
    return ((posixpath.dirname(path) or ("/" if not path else ".")) + "\n",)


def _basename(words: Sequence[str], scope: Scope) -> Texts:
    path, *suffix = words or [""]
    name = posixpath.basename(path.rstrip("/")) or path[:1]
    if suffix and name != suffix[0]:
        name = name.removesuffix(suffix[0])
    return (name + "\n",)


def _found(words: Sequence[str], scope: Scope) -> Texts:
    roots = search_roots(words)
    border = "\0" if "-print0" in words else "\n"
    return (border.join([*roots, UNKNOWN, ""]),) if roots else _NOBODY_KNOWS


def _variable(words: Sequence[str], scope: Scope) -> Texts:
    if len(words) != 1:
        return _NOBODY_KNOWS
    return tuple("".join(each or ()) + "\n" for each in scope.lookup(words[0]))


def _sequence(words: Sequence[str], scope: Scope) -> Texts:
    if not 1 <= len(words) <= 2 or not all(w.isdecimal() and len(w) < 5 for w in words):
        return _NOBODY_KNOWS
    first, last = (1, int(words[0])) if len(words) == 1 else map(int, words)
    return ("".join(f"{n}\n" for n in range(first, last + 1)[:_MAX_ROUNDS]),)


_RULES: Final[dict[str, Callable[[Sequence[str], Scope], Texts]]] = {
    "echo": _echo,
    "printf": _printf,
    "base64": _base64,
    "xxd": _xxd,
    "rev": _reverse,
    "tr": _translate,
    "sed": _sed,
    "pwd": _pwd,
    "which": _last,
    "realpath": _last,
    "readlink": _last,
    "command": _named_program,
    "type": _named_program,
    "dirname": _directory,
    "basename": _basename,
    "find": _found,
    "printenv": _variable,
    "seq": _sequence,
    "yes": _last,
}
