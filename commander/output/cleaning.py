r"""What a person would see of output, for a model to read.

Output is written for terminals: colours, titles, progress bars that write over
themselves, lines of megabytes. A model pays for each of these characters and gains
nothing by them. So a page of text is turned into what its lines show in the end, and
what was done to it is counted. The raw bytes stay where they are.

A line is a row of cells, one a character, and a place in it:

- ``\r`` and ``CSI G`` go to its start; what is written there replaces what there was,
  cell by cell, so a shorter text leaves the rest of a longer one. Before a newline
  ``\r`` changes nothing.
- Backspaces go to the left; so ``man`` writes bold letters, and spinners turn.
- ``CSI K`` and ``CSI J`` erase from the place on. ``CSI 2K`` erases the line and goes
  to its start: programs go there next, or had been there before.
- Any other sequence changes colours, other lines or what is no text. It is left out.
- NUL and what else a terminal would not show become their picture, as ``␀``: they
  separate names and records. Only what rings or selects a character set is left out.
  A tab is a character.

Width is not looked at: a letter of two columns is one cell, and so is an accent.

A page is a closed unit. Its first and last line count as lines, whole or not, and the
same page always reads the same. A sequence that is not complete at the end of a line
or of the page is left out up to there, and counted; what the next page holds of it is
text there. ``page_end`` says where to cut so that this does not happen.

All of this takes time in proportion to the text, whatever it is, and several times
its memory while it runs.
"""

from __future__ import annotations

import re
from typing import Final

import attrs

__all__ = [
    "LINE_CHARACTERS",
    "NOTHING_CLEANED",
    "Cleaned",
    "Counts",
    "as_shown",
    "clean",
    "page_end",
    "without_sequences",
]

LINE_CHARACTERS: Final = 2_000
"""What is left of a longer line, marker included: some screens full, and a page still
holds several of them."""

_TAIL_CHARACTERS: Final = 500
"""Of these: what a line says last, as the end of a stack or of a list, is short."""
_HEAD_CHARACTERS: Final = LINE_CHARACTERS - _TAIL_CHARACTERS - 50
"""The marker fits into what is missing here."""

_CUT_SEQUENCE_CHARACTERS: Final = 256
"""How long a sequence is that two pages may share: colours have twenty, links more."""

_ESCAPES: Final = r"""
      (?:\x1b\[|\x9b) [0-?]* [ -/]* [@-~]?               # colours, places
    | \x1b[\]PX^_k]                                      # titles, links, commands
        [^\a\x18\x1a\x1b\x9c\r\n]*+ (?: [\a\x18\x1a\x9c] | \x1b\\ )?
    | \x1b [ -/]* [0-~]?                                 # character sets, states
    # The same in one character each. A text that was decoded wrongly once has them
    # without any sense, so they take along only what they end.
    | [\x90\x98\x9d-\x9f]
        (?: [^\a\x18\x1a\x1b\x80-\x9f\r\n]*+ (?: [\a\x9c] | \x1b\\ ) )?
    | [\x80-\x9f]
"""
_CSI: Final = r"(?:\x1b\[|\x9b)"
_HOME: Final = rf"{_CSI}[01]?G"
_ERASE_LINE: Final = rf"{_CSI}2K"
_ERASE_REST: Final = rf"{_CSI}0?[JK]"

_SEQUENCE: Final = re.compile(_ESCAPES, re.VERBOSE)
_NO_MOVE: Final = re.compile(
    rf"(?!{_HOME}|{_ERASE_LINE}|{_ERASE_REST})(?:{_ESCAPES})", re.VERBOSE
)
_MOVES: Final = (
    (re.compile(_HOME), "\r"),
    (re.compile(rf"{_ERASE_LINE}\r*"), "\r\0"),
    (re.compile(_ERASE_REST), "\0"),
)
"""The sequences that change what a line shows, each as one control character or two.
Where NUL is one of these, there is no other left."""
_STRUCK: Final = re.compile(r"[^\x08\0]\x08(?=[^\x08])")
"""A character that the next one replaces."""
_BACK_OR_ERASE: Final = re.compile(r"(\x08+|\0)")
_UNFINISHED: Final = re.compile(
    r"""
    (?: \x1b (?: \[ [0-?]* [ -/]* | [\]PX^_k] [^\a\x18\x1a\x1b\x9c\r\n]* | [ -/]* )
    | \x9b [0-?]* [ -/]* ) \Z
    """,
    re.VERBOSE,
)
_NOT_PLAIN: Final = re.compile(r"[\0-\x08\x0b-\x1f\x7f-\x9f]")
_PICTURED: Final = re.compile(r"[\0-\x07\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]")
_PICTURES: Final = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n\r\b\x1b"},
    **dict.fromkeys(map(ord, "\a\x0e\x0f")),
    0x7F: 0x2421,
}
_AT_LINE_END: Final = re.compile(r"(?<!\r)\r++(?![^\n])")
_MOVED_LINE: Final = re.compile(r"^[^\n\r\x08]*+[\r\x08][^\n]*+", re.MULTILINE)
_LONG_LINE: Final = re.compile(rf"^[^\n]{{{LINE_CHARACTERS + 1},}}", re.MULTILINE)


@attrs.frozen(kw_only=True)
class Counts:
    """What was done to a text; those of several texts can be added."""

    ansi_sequences: int = 0
    """Sequences for a terminal, honoured or not, whole or not."""
    cr_rewrites: int = 0
    """How often a line was begun again from its start."""
    invalid_bytes: int = 0
    """How often U+FFFD stands for bytes that are not UTF-8; the decoder knows."""
    long_lines_cut: int = 0
    """Lines that were over ``LINE_CHARACTERS``."""

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            ansi_sequences=self.ansi_sequences + other.ansi_sequences,
            cr_rewrites=self.cr_rewrites + other.cr_rewrites,
            invalid_bytes=self.invalid_bytes + other.invalid_bytes,
            long_lines_cut=self.long_lines_cut + other.long_lines_cut,
        )


NOTHING_CLEANED: Final = Counts()


@attrs.frozen(kw_only=True)
class Cleaned:
    """A page as a model reads it; cleaned again it stays the same."""

    text: str
    counts: Counts


def clean(text: str, *, invalid_bytes: int = 0) -> Cleaned:
    """Turn a page of decoded output into what its lines show in the end.

    Args:
        text: Any text.
        invalid_bytes: What its decoder counted, to be told with the rest.
    """
    shown, sequences, rewrites = _shown(text)
    shown, cut = _LONG_LINE.subn(_shortened, shown)
    counts = Counts(
        ansi_sequences=sequences,
        cr_rewrites=rewrites,
        invalid_bytes=invalid_bytes,
        long_lines_cut=cut,
    )
    return Cleaned(text=shown, counts=counts)


def as_shown(text: str) -> str:
    """A text as its lines show it in the end, whatever their length."""
    return _shown(text)[0]


def page_end(text: str) -> int:
    """How many characters of a page to take so that it ends between sequences.

    All, but for a sequence at the end that is not complete. What is left out is of
    the next page. One that begins the page or is too long for a sequence is taken.
    """
    found = _UNFINISHED.search(text, max(0, len(text) - _CUT_SEQUENCE_CHARACTERS))
    return (found.start() if found else 0) or len(text)


def without_sequences(text: str) -> str:
    """A text without sequences for a terminal; other control characters stay."""
    return _SEQUENCE.sub("", text)


def _shown(text: str) -> tuple[str, int, int]:
    """A text as its lines show it; how many sequences and rewrites it had."""
    if not _NOT_PLAIN.search(text):
        return text, 0, 0
    text, sequences = _NO_MOVE.subn("", text)
    if _PICTURED.search(text):
        text = text.translate(_PICTURES)
    for move, symbol in _MOVES:
        text, moves = move.subn(symbol, text)
        sequences += moves
    rewrites = 0

    def shown(line: re.Match[str]) -> str:
        nonlocal rewrites
        line_shown, line_rewrites = _shown_line(line.group())
        rewrites += line_rewrites
        return line_shown

    text = _MOVED_LINE.sub(shown, _AT_LINE_END.sub("", text))
    # Erasures in other lines are at the end of what was written.
    return text.replace("\0", ""), sequences, rewrites


def _shown_line(line: str) -> tuple[str, int]:
    frames = line.split("\r")
    rewrites = max(0, sum(map(bool, frames)) - 1)
    # What an erasure leaves of its frame hides all that was before.
    last_erasure = line.rfind("\0")
    if last_erasure >= 0:
        frames = line[line.rfind("\r", 0, last_erasure) + 1 :].split("\r")
    shown = _overlaid(frames)
    # Nobody sees the blanks that a progress bar hides its past with.
    return shown.rstrip(" ") if rewrites else shown, rewrites


def _overlaid(frames: list[str]) -> str:
    """What is left to see of texts that all began at the start of the line."""
    parts = []
    length = 0
    for frame in reversed(frames):
        if len(frame) > length:
            shown = _struck(frame)
            parts.append(shown[length:])
            length = max(length, len(shown))
    return "".join(parts)


def _struck(frame: str) -> str:
    """A text with its backspaces and erasures carried out."""
    frame = _STRUCK.sub("", frame.rstrip("\b"))
    if "\b" not in frame:
        return frame.replace("\0", "")
    cells: list[str] = []
    place = 0
    for piece in _BACK_OR_ERASE.split(frame):
        if piece == "\0":
            del cells[place:]
        elif piece.startswith("\b"):
            place = max(0, place - len(piece))
        else:
            end = place + len(piece)
            cells[place:end] = piece
            place = end
    return "".join(cells)


def _shortened(line: re.Match[str]) -> str:
    text = line.group()
    omitted = len(text) - _HEAD_CHARACTERS - _TAIL_CHARACTERS
    marker = f"[... {omitted:,} characters omitted ...]"
    return text[:_HEAD_CHARACTERS] + marker + text[-_TAIL_CHARACTERS:]
