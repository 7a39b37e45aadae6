"""Commands inside code of other languages: ``os.system("...")`` and its like.

No language is parsed. What looks like a call that runs a command, with the command
as a literal, is found; a command that is put together at run time is not.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Final

__all__ = ["command_calls", "is_code_runner", "multiplies", "shell_calls"]

_RUNNERS: Final = re.compile(
    r"(?:[gmn]?awk|python|pypy|perl|ruby|node|nodejs|bun|deno|php|lua|luajit|sed|gsed|"
    r"vim?|nvim|ex|view|gdb|sqlite|expect|tclsh|ed)[0-9.]*"
)
_MAX_CODE: Final = 32 * 1024
_MAX_CALLS: Final = 64
"""Of one kind in one piece of code."""
_TEXT: Final = r"""(["'])(?P<text>(?:(?!\1)[^\\]|\\.){0,256}+)\1"""
_CALL: Final = re.compile(
    r"\b(?:system|shell_exec|passthru|popen\d?|exec\w*|spawn\w*|run|call|check_\w+|"
    r"getoutput|getstatusoutput|execute|capture\w*)\b[\s(\[]{0,9}" + _TEXT,
    re.DOTALL,
)
_OTHER_CALLS: Final = {
    "output": re.compile(r"\|\s{0,9}" + _TEXT),  # awk: print | "command"
    "input": re.compile(_TEXT + r"\s{0,9}\|\s{0,9}getline"),
    "backticks": re.compile(r"`(?P<text>[^`]{1,256}+)`"),
    "percent": re.compile(r"(?:\bqx|%x)\s{0,3}[({\[!|](?P<text>[^)}\]!|]{1,256})"),
    "bare": re.compile(r"\b(?:exec|system)[ (]{1,9}(?P<text>[a-z][\w ./-]{1,64})"),
    "colon": re.compile(r"^\W{0,9}(?:silent\b)?!\s*+(?P<text>.{1,256})", re.MULTILINE),
    "sed": re.compile(r"(?:^|[;{\n\d$/])\s{0,9}e\s{1,9}(?P<text>[^\n]{1,256})"),
    "shell": re.compile(
        r"(?:^|[;\n])\s{0,9}(?:\.?shell|\.system|exec|spawn)\s{1,9}(?P<text>[^\n;]{1,256})"
    ),
}
_LANGUAGES: Final = (
    (re.compile(r"[gmn]?awk"), ("output", "input")),
    (re.compile(r"perl|ruby|php"), ("backticks", "percent", "bare")),
    (re.compile(r"vi|nvi|ex|view|gdb|ed"), ("colon", "shell")),
    (re.compile(r"g?sed"), ("sed",)),
    (re.compile(r"sqlite|expect|tclsh"), ("shell",)),
)
_LITERAL: Final = r"""(?:"[^"\\]{0,128}"|'[^'\\]{0,128}')"""
_LIST: Final = re.compile(
    r"(?:system|exec\w*|spawn\w*|run|call|Popen|check_\w+)\s{0,3}\(?\s{0,9}"
    rf"(?P<list>[\[(]?\s{{0,9}}{_LITERAL}(?:\s{{0,9}},\s{{0,9}}[\[(]?\s{{0,9}}{_LITERAL})"
    r"{1,16})"
)
_REMOVAL: Final = re.compile(
    rf"(?:rmtree|rm_rf|rm_r|remove_tree|rmSync|rm|rmdirSync)\s{{0,3}}[( ]\s{{0,9}}"
    rf"(?P<list>{_LITERAL})"
)
_PIECES: Final = re.compile(_LITERAL)
_FORKS: Final = re.compile(
    r"\bfork\b[\s()]*(?:while|until|for)\b"
    r"|\bwhile\b[^\n;]{0,40}[\s:{;]{0,20}(?:os\.|Process\.)?fork\b"
    r"|\bloop\b\s*(?:\{|do)\s*(?:Process\.)?fork\b"
    r"|\bfor\s*\(\s*;\s*;\s*\)\s*\{?\s*fork\b"
)


def is_code_runner(program: str) -> bool:
    """Whether the words of a program may be code that is looked into."""
    return _RUNNERS.fullmatch(program) is not None


def shell_calls(program: str, code: Sequence[str]) -> Iterator[str]:
    """Texts that pieces of code give to a shell."""
    expressions = [_CALL]
    for language, names in _LANGUAGES:
        if language.match(program):
            expressions += [_OTHER_CALLS[name] for name in names]
    for piece in code:
        for expression in expressions:
            calls = expression.finditer(piece[:_MAX_CODE])
            for found in itertools.islice(calls, _MAX_CALLS):
                yield re.sub(r"\\(.)", r"\1", found["text"])


def command_calls(code: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Commands that pieces of code run without a shell, or do what these do."""
    for piece in code:
        for found in itertools.islice(_LIST.finditer(piece[:_MAX_CODE]), _MAX_CALLS):
            yield tuple(each[1:-1] for each in _PIECES.findall(found["list"]))
        for found in itertools.islice(_REMOVAL.finditer(piece[:_MAX_CODE]), _MAX_CALLS):
            yield ("rm", "-rf", found["list"][1:-1])


def multiplies(code: Sequence[str]) -> bool:
    """Whether pieces of code start themselves again without an end."""
    return any(_FORKS.search(piece[:_MAX_CODE]) for piece in code)
