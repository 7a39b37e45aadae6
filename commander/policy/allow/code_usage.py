"""Code that a program is given: on its command line, in a script, as a module."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Generator, Iterator, Sequence
from typing import Final

from commander.policy.allow.arguments import Arguments, Given, matches
from commander.policy.allow.awk import awk_problem
from commander.policy.allow.fields import UNKNOWN, Field
from commander.policy.allow.findings import Finding, InnerText, Problem, Usage
from commander.policy.allow.sed import sed_problem
from commander.policy.programs.model import Code, Effect, Language

__all__ = ["code_findings", "is_streamed", "script_findings"]

_SHELLS: Final = ("sh", "bash", "dash", "zsh", "ksh", "mksh", "ash", "fish", "csh")
_STREAMED: Final = re.compile(r"/(?:dev|proc)/")


def code_findings(
    usage: Usage, code: Code, arguments: Arguments
) -> Generator[Finding, None, tuple[Field, ...]]:
    """Look at code; returns the operands that are none."""
    operands = arguments.operands
    names = code.options.split()
    given = [each for each in arguments.options if _is_code(each, names)]
    texts = [each.value for each in given if each.value is not None]
    named = [f"{usage.name} {each.name}" for each in given]
    granted = any(each.name in usage.granted for each in given)
    if code.operand_with and arguments.has(code.operand_with):
        options = code.operand_with.split()
        granted = not usage.granted.isdisjoint(options)
        texts, operands = list(operands[:1]), ()
        named = [f"{usage.name} {options[0]}"]
    elif code.operand and not texts:
        if code.skipped:
            texts, operands = list(operands[code.skipped :]), operands[: code.skipped]
        else:
            texts, operands = list(operands[:1]), operands[1:]
        named = [usage.name]
    if not texts:
        yield from script_findings(usage, code, arguments, operands)
    elif not granted:
        yield from _texts(usage, code, texts, named[0])
    return () if code.script else operands


def script_findings(
    usage: Usage, code: Code, arguments: Arguments, operands: Sequence[Field]
) -> Iterator[Finding]:
    """Look at what takes the place of code: a module, a script or the input."""
    modules = code.module.split()
    for given in arguments.options:
        if given.name in modules:
            yield from _module(usage, code, given)
            return
    scripts = any(
        given.risk is not None and given.risk.effect is Effect.SCRIPT
        for given in arguments.options
    )
    if (code.needed and not scripts) or (code.stdin and not operands):
        if "-" not in usage.granted:
            yield Problem(f"`{usage.name}` runs what it reads")
        return
    for operand in _sources(code, operands):
        if is_streamed(operand) and operand.text not in usage.granted:
            yield Problem(f"`{usage.name} {operand.shown()}` runs what it reads")
            return
        if code.script and operand.pattern:
            # Whichever file a pattern finds first, whoever put it there.
            yield Problem(
                f"`{usage.name} {operand.shown()}` runs a file that is not known "
                "beforehand; write its name out"
            )
            return


def _sources(code: Code, operands: Sequence[Field]) -> Sequence[Field]:
    """The operands that may name what code is read from."""
    if code.script:
        return operands[:1]
    return [operand for operand in operands if operand.text] if code.stdin else ()


def is_streamed(field: Field) -> bool:
    """Whether a script's name is one that is not of a file, or not known."""
    if field.loose or field.text[:1] == UNKNOWN or field.text == "":
        return True
    path = posixpath.normpath(re.sub("/+", "/", field.text))
    # A folder of the same name below the current directory is none of those.
    leaves = path.startswith(("/", ".."))
    return field.text == "-" or (leaves and _STREAMED.search(path) is not None)


def _texts(
    usage: Usage, code: Code, texts: Sequence[Field], named: str
) -> Iterator[Finding]:
    if code.language is Language.SHELL:
        shell = usage.name if usage.name in _SHELLS else "sh"
        yield from (InnerText(text, shell) for text in texts)
        return
    if not all(text.static for text in texts):
        yield Problem(f"`{named}` is given code that is not known beforehand")
        return
    problem = _code_problem(code, "\n".join(text.text for text in texts))
    if problem is not None:
        yield Problem(f"the code of `{named}` {problem}")


def _code_problem(code: Code, text: str) -> str | None:
    """Why code is refused; ends "the code of `awk` ..."."""
    if code.language is Language.AWK:
        return awk_problem(text)
    if code.language is Language.SED:
        return sed_problem(text)
    if not code.forbidden:
        return "is code that can run anything"
    found = re.search(code.forbidden, text)
    if found is None:
        return None
    return f"holds `{found.group().strip()}`, which can run or write anything"


def _module(usage: Usage, code: Code, given: Given) -> Iterator[Finding]:
    value = given.value
    if given.name in usage.granted:
        return
    if value is None or not value.static or matches(code.refused_modules, value.text):
        shown = "" if value is None else f" {value.shown()}"
        yield Problem(f"`{usage.name} {given.name}{shown}` can run anything")


def _is_code(given: Given, names: Sequence[str]) -> bool:
    if given.risk is not None and given.risk.effect is Effect.CODE:
        return True
    return given.name in names
