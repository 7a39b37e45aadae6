"""What builtins do to the shell that runs them: directories, variables, aliases."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from typing import Final

from commander.policy.block.filters import format_text
from commander.policy.block.options import read_options
from commander.policy.block.scope import BLANKS, HOME, UNKNOWN, Elements, Scope, Texts
from commander.policy.wordset import wordset

__all__ = ["STATEFUL", "follow"]

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REFERENCE: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:\[(.*)\])?(\+?)", re.DOTALL)
_READ_OPTIONS: Final = wordset("a d i n N p t u")
_MAPFILE_OPTIONS: Final = wordset("C c d n O s u")
_MAX_LINES: Final = 64


def follow(words: Sequence[str], scope: Scope) -> None:
    """Take over what a command does to its shell, if it is a builtin that does."""
    rule = _RULES.get(words[0])
    if rule is not None:
        rule(words[1:], scope)


def _cd(words: Sequence[str], scope: Scope) -> None:
    operands = [word for word in words if not word.startswith("-") or word == "-"]
    if not operands:
        scope.enter([HOME])
    elif operands[0]:
        scope.enter(operands[:1])


def _pushd(words: Sequence[str], scope: Scope) -> None:
    operands = [word for word in words if not word.startswith(("-", "+"))]
    scope.enter(operands[:1] or ["-"])


def _popd(words: Sequence[str], scope: Scope) -> None:
    scope.enter(["-"])


def _set(words: Sequence[str], scope: Scope) -> None:
    for place, word in enumerate(words):
        if word in ("--", "-"):
            scope.assign("@", [tuple(words[place + 1 :])])
            return
        if not word.startswith(("-", "+")):
            if place and words[place - 1] in ("-o", "+o", "-eo", "-euo", "-uo"):
                scope.strict = scope.strict or word == "nounset"
                continue
            scope.assign("@", [tuple(words[place:])])
            return
        if "u" in word:
            scope.strict = word.startswith("-")


def _shift(words: Sequence[str], scope: Scope) -> None:
    count = int(words[0]) if words and words[0].isdecimal() and len(words[0]) < 4 else 1
    if "@" in scope.variables:
        kept = (
            each if each is None or UNKNOWN in each[:count] else each[count:]
            for each in scope.variables["@"]
        )
        scope.assign("@", kept)


def _declare(words: Sequence[str], scope: Scope) -> None:
    for word in words:
        reference, equals, value = word.partition("=")
        if equals and value == UNKNOWN and reference in scope.variables:
            continue  # an array, which the walk has assigned
        if equals:
            _put(reference, (value,), scope)


def _put(reference: str, texts: Texts, scope: Scope) -> None:
    """Assign to ``name``, ``name[subscript]``, or ``name+`` to append."""
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        scope.open = True
        return
    name, subscript, append = found.groups()
    if append:
        before = ["".join(each or ("",)) for each in scope.variables.get(name, ((),))]
        texts = tuple(old + text for old in before for text in texts)
    scope.assign_text(name if subscript is None else f"{name}[{subscript}]", texts)


def _unset(words: Sequence[str], scope: Scope) -> None:
    for word in words:
        if "-f" in words:
            scope.functions.pop(word, None)
        elif _NAME.fullmatch(word):
            scope.assign(word, [None])


def _read(words: Sequence[str], scope: Scope) -> None:
    parsed = read_options(words, _READ_OPTIONS, permute=False)
    lines = [text.partition("\n") for text in scope.input]
    if not parsed.has("u"):
        unknown = UNKNOWN in scope.input
        scope.input = (UNKNOWN,) if unknown else tuple(rest for _, _, rest in lines)
    firsts = [line for line, _, _ in lines]
    separators = _separators(scope)
    if arrays := parsed.values(("a",)):
        scope.assign(arrays[0], (tuple(_split(line, separators)) for line in firsts))
        return
    names = parsed.operands or ("REPLY",)
    for place, name in enumerate(names):
        last = place == len(names) - 1
        scope.assign_text(
            name,
            tuple(_share(line, separators, place, last=last) for line in firsts),
        )


def _share(line: str, separators: str, place: int, *, last: bool) -> str:
    """What one of several names gets of a line."""
    if line == UNKNOWN:
        return UNKNOWN
    if place == 0 and last:
        return line.strip(separators if separators.isspace() else "")
    if not separators:
        return line if place == 0 else ""
    pieces = re.split(f"[{re.escape(separators)}]+", line.strip(BLANKS), maxsplit=place)
    if len(pieces) <= place:
        return ""
    if last:
        return pieces[place]
    return (_split(pieces[place], separators) or [""])[0]


def _separators(scope: Scope) -> str:
    known = scope.lookup("IFS")[-1]
    return known[0] if known else BLANKS


def _split(text: str, separators: str) -> list[str]:
    if not separators:
        return [text]
    return [each for each in re.split(f"[{re.escape(separators)}]+", text) if each]


def _mapfile(words: Sequence[str], scope: Scope) -> None:
    parsed = read_options(words, _MAPFILE_OPTIONS, permute=False)
    value: list[Elements] = [
        tuple(text.removesuffix("\n").split("\n")[:_MAX_LINES]) for text in scope.input
    ]
    scope.assign(parsed.operands[0] if parsed.operands else "MAPFILE", value)


def _printf(words: Sequence[str], scope: Scope) -> None:
    match words:
        case ("-v", reference, layout, *arguments):
            _put(reference, (format_text(layout, arguments),), scope)


def _alias(words: Sequence[str], scope: Scope) -> None:
    for word in words:
        name, equals, value = word.partition("=")
        if equals:
            scope.name(name, (value,))


def _hash(words: Sequence[str], scope: Scope) -> None:
    """``hash -p path name`` gives a program another name."""
    match words:
        case ("-p", path, name):
            scope.name(name, (path,))


def _unalias(words: Sequence[str], scope: Scope) -> None:
    for word in words:
        scope.aliases.pop(word, None)


def _source(words: Sequence[str], scope: Scope) -> None:
    """A file that nobody has read may set anything."""
    scope.open = True


def _test(words: Sequence[str], scope: Scope) -> None:
    """``test -v name`` looks at a variable by its name."""
    for option, name in itertools.pairwise(words):
        if option == "-v":
            scope.hold(name)


def _getopts(words: Sequence[str], scope: Scope) -> None:
    for name in (*words[1:2], "OPTARG", "OPTIND"):
        scope.forget(name)


def _let(words: Sequence[str], scope: Scope) -> None:
    for word in words:
        if found := _NAME.match(word):
            scope.forget(found[0])


_RULES: Final[dict[str, Callable[[Sequence[str], Scope], None]]] = {
    ".": _source,
    "[": _test,
    "alias": _alias,
    "cd": _cd,
    "declare": _declare,
    "export": _declare,
    "getopts": _getopts,
    "hash": _hash,
    "let": _let,
    "local": _declare,
    "mapfile": _mapfile,
    "popd": _popd,
    "printf": _printf,
    "pushd": _pushd,
    "read": _read,
    "readarray": _mapfile,
    "readonly": _declare,
    "set": _set,
    "shift": _shift,
    "source": _source,
    "test": _test,
    "typeset": _declare,
    "unalias": _unalias,
    "unset": _unset,
}

STATEFUL: Final = frozenset(_RULES) | {"eval", "command", "builtin", "exec"}
"""Programs that may change the shell that runs them."""
