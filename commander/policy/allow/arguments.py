"""Options and operands of a command, read as its program reads them.

A table says which options take the next word and which ones matter. What it does not
name is taken for a flag: at worst the word after it is looked at as an option too. A
word that may become an option when the command runs is told apart, since nobody can
say what it does.
"""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Sequence
from typing import Final

import attrs

from commander.policy.allow.fields import UNKNOWN, Field
from commander.policy.programs.model import Effect, Program, Risk, Style, Subcommand

__all__ = ["Arguments", "Given", "matches", "read_arguments"]

_FIRST_OPERAND_ENDS: Final = (Style.POSIX,)
_COMMAND_ENDS: Final = (";", "+")


@attrs.frozen
class Given:
    """One option that a command was given."""

    name: str
    """As the table writes it, or as it stands if no table names it."""
    risk: Risk | None
    value: Field | None
    """None if it takes none, or none was given."""
    known: bool
    """A table names it."""
    command: tuple[Field, ...] = ()
    """The words of the command behind it: ``find -exec``."""


@attrs.frozen
class Arguments:
    """A command's words behind its program, told apart."""

    options: tuple[Given, ...]
    operands: tuple[Field, ...]
    uncertain: Field | None
    """The first word that may become an option."""
    rest: int
    """The place of the first operand among the fields that were read."""

    def has(self, names: str) -> bool:
        """Whether one of these options was given."""
        wanted = names.split()
        return any(given.name in wanted for given in self.options)


@attrs.frozen
class _Known:
    risk: Risk | None
    valued: bool


@attrs.frozen
class _Catalog:
    """The options of a program by name; ``*`` at an end stands for anything."""

    exact: dict[str, _Known]
    prefixes: tuple[tuple[str, _Known], ...]
    longs: tuple[str, ...]

    def find(self, name: str, *, abbreviated: bool) -> tuple[str, _Known] | None:
        """The option that a name stands for, and its name in full."""
        known = self.exact.get(name)
        if known is not None:
            return name, known
        for prefix, found in self.prefixes:
            if name.startswith(prefix):
                return f"{prefix}*", found
        if not abbreviated or len(name) <= len("--"):
            return None
        candidates = [long for long in self.longs if long.startswith(name)]
        # Of several the one that matters most: where the program refuses the
        # abbreviation as ambiguous, nothing is lost.
        candidates.sort(key=lambda long: self.exact[long].risk is None)
        return (candidates[0], self.exact[candidates[0]]) if candidates else None


@functools.lru_cache(maxsize=512)
def _catalog(
    program: Program, subcommands: tuple[Subcommand, ...], own: bool
) -> _Catalog:
    exact: dict[str, _Known] = {}
    for flag in (program.flags or "").split() if own else ():
        exact[flag] = _Known(None, valued=False)
    texts = [program.valued] if own else []
    risks = list(program.risks) if own else []
    if own and program.code is not None:
        texts.extend((program.code.options, program.code.module))
        for flag in program.code.operand_with.split():
            exact[flag] = _Known(None, valued=False)
    for subcommand in subcommands:
        for flag in subcommand.flags.split():
            exact[flag] = _Known(None, valued=False)
        texts.append(subcommand.valued)
        risks.extend(subcommand.risks)
    for option in " ".join(texts).split():
        exact[option] = _Known(None, valued=True)
    for risk in risks:
        for option in risk.options.split():
            exact[option] = _Known(risk, valued=not risk.bare)
    prefixes = tuple(
        (name[:-1], known) for name, known in exact.items() if name.endswith("*")
    )
    for prefix, _ in prefixes:
        del exact[f"{prefix}*"]
    longs = tuple(name for name in exact if name.startswith("--"))
    return _Catalog(exact, prefixes, longs)


def read_arguments(
    program: Program,
    fields: Sequence[Field],
    *,
    subcommands: tuple[Subcommand, ...] = (),
    own: bool = True,
    first_operand_ends: bool | None = None,
) -> Arguments:
    """Tell options from operands.

    Args:
        program: How it reads.
        fields: The words behind the program's or the subcommand's name.
        subcommands: Whose options count too.
        own: Whether the program's own options count.
        first_operand_ends: Whether options end there; None for as the style says.
    """
    if first_operand_ends is None:
        first_operand_ends = program.style in _FIRST_OPERAND_ENDS
    catalog = _catalog(program, subcommands, own)
    reader = _Reader(program, catalog, list(fields), first_operand_ends)
    return reader.read()


class _Reader:
    def __init__(
        self,
        program: Program,
        catalog: _Catalog,
        fields: list[Field],
        first_operand_ends: bool,
    ) -> None:
        self._style = program.style
        self._first_word_cluster = program.first_word_cluster
        self._catalog = catalog
        self._fields = fields
        self._first_operand_ends = first_operand_ends
        code = program.code
        self._last = frozenset() if code is None else frozenset(code.module.split())
        """Options behind which the words are somebody else's."""
        self._place = 0
        self._options: list[Given] = []
        self._operands: list[Field] = []
        self._uncertain: Field | None = None
        self._first_operand: int | None = None

    def read(self) -> Arguments:
        fields = self._fields
        if self._first_word_cluster and fields and fields[0].text[:1] != "-":
            self._place = 1
            self._first_word(fields[0])
        while self._place < len(fields):
            field = fields[self._place]
            if field.text == "--" and field.static:
                self._place += 1
                self._take_rest()
                break
            if field.text[:1] == "-" and len(field.text) > 1:
                self._place += 1
                self._option(field)
                continue
            if field.may_be_option and self._uncertain is None:
                self._uncertain = field
            if self._first_operand_ends:
                self._take_rest()
                break
            self._operand(field)
        rest = len(fields) if self._first_operand is None else self._first_operand
        return Arguments(
            tuple(self._options), tuple(self._operands), self._uncertain, rest
        )

    def _first_word(self, field: Field) -> None:
        """Letters without a dash, each with its value in the words behind."""
        if not field.static:
            self._doubt(field)
        for letter in field.text:
            name = f"-{letter}"
            found = self._catalog.find(name, abbreviated=False)
            if found is None:
                self._options.append(Given(name, None, None, known=False))
            else:
                self._given(found, None)

    def _operand(self, field: Field) -> None:
        if self._first_operand is None:
            self._first_operand = self._place
        self._operands.append(field)
        self._place += 1

    def _take_rest(self) -> None:
        while self._place < len(self._fields):
            self._operand(self._fields[self._place])

    def _option(self, field: Field) -> None:
        name, equals, value = field.text.partition("=")
        if field.loose or (field.pattern and "=" not in field.text):
            self._doubt(field)
        if self._style is Style.WORDS:
            self._word(field, name, value if equals else None)
        elif field.text.startswith("--"):
            self._long(field, name, value if equals else None)
        elif (found := self._catalog.find(field.text, abbreviated=False)) and (
            len(field.text) > 2 or not found[1].valued
        ):
            self._given(found, None)
        else:
            self._cluster(field)

    def _word(self, field: Field, name: str, value: str | None) -> None:
        found = self._catalog.find(name, abbreviated=False)
        if found is None and name.startswith("--"):
            found = self._catalog.find(name[1:], abbreviated=False)
        self._named(field, name, found, value)

    def _long(self, field: Field, name: str, value: str | None) -> None:
        abbreviated = self._style is not Style.EXACT
        found = self._catalog.find(name, abbreviated=abbreviated)
        self._named(field, name, found, value)

    def _named(
        self,
        field: Field,
        name: str,
        found: tuple[str, _Known] | None,
        value: str | None,
    ) -> None:
        if UNKNOWN in name:
            self._doubt(field)
        attached = None if value is None else attrs.evolve(field, text=value)
        if found is None:
            self._options.append(Given(name, None, attached, known=False))
        else:
            self._given(found, attached)

    def _cluster(self, field: Field) -> None:
        text = field.text
        for place in range(1, len(text)):
            if text[place] == UNKNOWN:
                self._doubt(field)
                return
            found = self._catalog.find(f"-{text[place]}", abbreviated=False)
            if found is None:
                self._options.append(Given(f"-{text[place]}", None, None, known=False))
            elif found[1].valued or (found[1].risk and found[1].risk.values):
                rest = text[place + 1 :]
                self._given(found, attrs.evolve(field, text=rest) if rest else None)
                return
            else:
                self._given(found, None)

    def _given(self, found: tuple[str, _Known], attached: Field | None) -> None:
        name, known = found
        if known.risk is not None and known.risk.effect is Effect.COMMAND:
            command = self._command(attached)
            self._options.append(Given(name, known.risk, None, True, command))
            return
        value = attached
        if value is None and known.valued and self._place < len(self._fields):
            value = self._fields[self._place]
            self._place += 1
            if value.loose:
                self._doubt(value)
        self._options.append(Given(name, known.risk, value, known=True))
        if name in self._last:
            self._take_rest()

    def _command(self, attached: Field | None) -> tuple[Field, ...]:
        """Take the words up to ``;`` or ``+``, or the end."""
        command = [] if attached is None else [attached]
        while self._place < len(self._fields):
            field = self._fields[self._place]
            self._place += 1
            if field.static and field.text in _COMMAND_ENDS:
                break
            command.append(field)
        return tuple(command)

    def _doubt(self, field: Field) -> None:
        if self._uncertain is None:
            self._uncertain = field


def matches(patterns: str, text: str) -> bool:
    """Whether a text matches one of some patterns, separated by blanks."""
    return any(fnmatch.fnmatchcase(text, pattern) for pattern in patterns.split())
