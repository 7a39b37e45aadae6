"""Whether a sed script can run or write anything.

sed runs commands by ``e`` and the flag ``e`` of ``s``, and writes by ``w``, ``W`` and
the flag ``w``. The script is read command by command as GNU sed reads it; what is not
understood is refused. Where a delimiter stands in a bracket implementations differ,
so a script is read both ways.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["sed_problem"]

_BLANKS: Final = re.compile(r"[ \t]*")
_SEPARATORS: Final = re.compile(r"[ \t\n;]*")
_STEP: Final = re.compile(r"[0-9]+(?:~[0-9]+)?|\$|[+~][0-9]+")
_LABEL: Final = re.compile(r"[^;\n}]*")
_LINE: Final = re.compile(r"[^\n]*")
_FLAGS: Final = re.compile(r"[gpiImMe0-9 \t]*")
_TEXT: Final = re.compile(r"(?:\\.|[^\\\n])*", re.DOTALL)
_ALONE: Final = frozenset("{}=dDFgGhHnNpPxz")
_NUMBERED: Final = re.compile(r"[ \t]*[0-9]*")
_STREAMS: Final = ("/dev/stdout", "/dev/stderr")


class _NotUnderstoodError(ValueError):
    pass


def sed_problem(code: str) -> str | None:
    """Why a script must not pass; ends "the sed script ...".

    Args:
        code: All of it, known; what several options gave is joined by line breaks.
    """
    problems: list[str | None] = []
    unclear = ""
    for brackets in (False, True):
        try:
            problems.append(_Reader(code, brackets=brackets).problem())
        except _NotUnderstoodError as error:
            unclear = str(error)
    for problem in problems:
        if problem is not None:
            return problem
    return None if problems else unclear


class _Reader:
    def __init__(self, code: str, *, brackets: bool) -> None:
        self._code = code
        self._brackets = brackets
        self._place = 0

    def problem(self) -> str | None:
        while True:
            self._skip(_SEPARATORS)
            if self._place >= len(self._code):
                return None
            self._addresses()
            problem = self._command()
            if problem is not None:
                return problem

    # --- characters ------------------------------------------------------------

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._code, self._place)
        if match is None:
            raise _NotUnderstoodError("cannot be read")
        self._place = match.end()
        return match.group()

    def _peek(self) -> str:
        return self._code[self._place : self._place + 1]

    def _next(self) -> str:
        char = self._peek()
        self._place += 1
        return char

    def _delimited(self, delimiter: str) -> None:
        """Skip to behind a delimiter."""
        code = self._code
        while self._place < len(code):
            char = code[self._place]
            self._place += 1
            if char == "\\":
                self._place += 1
            elif char == delimiter:
                return
            elif char == "[" and self._brackets:
                self._bracket()
        raise _NotUnderstoodError("does not end a pattern")

    def _bracket(self) -> None:
        """Skip a bracket expression, if it is one."""
        start = self._place
        first = start + (self._code[start : start + 1] == "^")
        end = self._code.find("]", first + 1)
        newline = self._code.find("\n", start)
        if end < 0 or 0 <= newline < end:
            return
        self._place = end + 1

    # --- addresses and commands ------------------------------------------------

    def _addresses(self) -> None:
        if self._address():
            self._skip(_BLANKS)
            if self._peek() == ",":
                self._place += 1
                self._skip(_BLANKS)
                if not self._address():
                    raise _NotUnderstoodError("has no second address after a comma")
        self._skip(_BLANKS)
        while self._peek() == "!":
            self._place += 1
            self._skip(_BLANKS)

    def _address(self) -> bool:
        char = self._peek()
        if char in ("/", "\\"):
            self._place += 1
            delimiter = self._next() if char == "\\" else "/"
            self._delimited(delimiter)
            while self._peek() in ("I", "M"):
                self._place += 1
            return True
        step = _STEP.match(self._code, self._place)
        if step is None:
            return False
        self._place = step.end()
        return True

    def _command(self) -> str | None:
        char = self._next()
        if char in _ALONE:
            return None
        if char == "s":
            return self._substitute()
        if char == "y":
            self._transliterate()
            return None
        if char in ("a", "i", "c"):
            self._skip(_BLANKS)
            self._skip(_TEXT)
            return None
        if char in (":", "b", "t", "T"):
            self._skip(_LABEL)
            return None
        if char in ("r", "R", "#"):
            self._skip(_LINE)
            return None
        if char in ("q", "Q", "l", "L"):
            self._skip(_NUMBERED)
            return None
        if char == "v":
            self._skip(_LABEL)
            return None
        if char == "e":
            return "runs a command by `e`"
        if char in ("w", "W"):
            return self._writes()
        raise _NotUnderstoodError(f"holds `{char}`, which is not understood")

    def _delimiter(self) -> str:
        delimiter = self._next()
        if delimiter in ("", "\n", "\\"):
            raise _NotUnderstoodError("has no delimiter")
        return delimiter

    def _substitute(self) -> str | None:
        delimiter = self._delimiter()
        self._delimited(delimiter)
        brackets, self._brackets = self._brackets, False
        self._delimited(delimiter)
        self._brackets = brackets
        if "e" in self._skip(_FLAGS):
            return "runs what it finds by the flag `e`"
        if self._peek() == "w":
            self._place += 1
            return self._writes()
        self._skip(_BLANKS)
        if self._peek() not in ("", ";", "\n", "}", "#"):
            raise _NotUnderstoodError("has a flag that is not understood")
        return None

    def _transliterate(self) -> None:
        brackets, self._brackets = self._brackets, False
        delimiter = self._delimiter()
        self._delimited(delimiter)
        self._delimited(delimiter)
        self._brackets = brackets

    def _writes(self) -> str | None:
        name = self._skip(_LINE).strip(" \t")
        return None if name in _STREAMS else "writes to a file by `w`"
