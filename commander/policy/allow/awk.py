"""Whether an awk program can run or write anything.

awk runs commands by ``system()`` and through pipes, and writes by redirecting
``print``. Both show in its tokens; to find those it must be known where a string, a
comment and a regular expression begin. For ``/`` that depends on what stands before
it, as in awk's own lexer. What that leaves open is refused.
"""

from __future__ import annotations

import re
from typing import Final

from commander.policy.wordset import wordset

__all__ = ["awk_problem"]

_TOKEN: Final = re.compile(
    r"""(?P<space>(?:[ \t\r]|\\\r?\n)+)|(?P<comment>\#[^\n]*)
    |(?P<string>"(?:[^"\\\n]|\\.|\\\n)*")
    |(?P<number>[0-9.]+(?:[eE][-+]?[0-9]+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_:]*)
    |(?P<op>\|\||\|&|&&|>>|>=|<=|==|!=|\+\+|--|\*\*|[-+*/%^!<>=~?:,;(){}\[\]$|&@\n])""",
    re.VERBOSE | re.DOTALL,
)
_REGEX: Final = re.compile(
    r"/(?:[^/\\\[\n]|\\.|\[\^?\]?(?:[^\]\\\n]|\\.)*\])*/", re.DOTALL
)
_OPERANDS: Final = frozenset({")", "]", "$", "++", "--"})
_NO_OPERANDS: Final = wordset(
    "BEGIN END BEGINFILE ENDFILE if else while for do in print printf return case "
    "delete exit next nextfile switch default function func"
)
_RUNNING: Final = wordset("system")
_PRINTING: Final = wordset("print printf")
_SPECIAL_FILES: Final = re.compile(r"/inet[46]?/|/dev/(?:tcp|udp)/")


def awk_problem(code: str) -> str | None:
    """Why a program must not pass; ends "the awk program ...".

    Args:
        code: All of it, known.
    """
    place = 0
    before = "\n"
    depth = 0
    printing: int | None = None
    while place < len(code):
        if code[place] == "/" and not _is_operand(before):
            regex = _REGEX.match(code, place)
            if regex is None or before == "getline":
                return "holds a `/` that is not understood"
            place, before = regex.end(), ")"
            continue
        token = _TOKEN.match(code, place)
        if token is None:
            return f"holds `{code[place]}`, which is not understood"
        place = token.end()
        kind, text = token.lastgroup, token.group()
        if kind in ("space", "comment"):
            continue
        if kind == "string":
            if _SPECIAL_FILES.search(text):
                return "names a network connection"
            before = ")"
            continue
        problem = _of_token(text, printing is not None and depth <= (printing or 0))
        if problem is not None:
            return problem
        depth += (text in ("(", "[")) - (text in (")", "]"))
        if text in _PRINTING:
            printing = depth
        elif text in (";", "\n", "{", "}"):
            printing = None
        before = text
    return None


def _is_operand(before: str) -> bool:
    """Whether a ``/`` behind this token divides."""
    if before in _OPERANDS:
        return True
    return (before[0].isalnum() or before[0] in "_.") and before not in _NO_OPERANDS


def _of_token(text: str, in_print: bool) -> str | None:
    if text in _RUNNING:
        return f"calls `{text}`"
    if text in ("|", "|&"):
        return "pipes to or from a command"
    if text == "@":
        return "loads a library, or calls a function by a computed name"
    if in_print and text in (">", ">>"):
        return "writes to a file"
    return None
