"""What is known of a program, as data.

An allow-list entry ``rg`` or ``tar`` looks harmless, and yet one option of it runs
any program. A ``Program`` names what is different about a program: the options that
run, load or write something, the operands that are files to write or commands to
run, the subcommands that need an entry of their own. What it does not name passes.

Each program carries commands that must pass and commands that must not, for an
allow-list that holds its bare name. A test runs them all, so a new program is one
value in one file of this package.

**Grants.** What a table refuses passes if the entry of the allow-list that the
command begins with says so itself: ``python3 -c`` allows inline code, ``find . -exec``
allows that option, and a program that is refused as a whole needs an entry of two
words or more.
"""

from __future__ import annotations

import enum

import attrs

__all__ = [
    "Code",
    "Effect",
    "Language",
    "Program",
    "Risk",
    "Style",
    "Subcommand",
    "Targets",
    "Wraps",
]


class Style(enum.Enum):
    """How a program reads its words."""

    GNU = "gnu"
    """Options may follow operands; letters cluster; long names are abbreviated."""
    POSIX = "posix"
    """As GNU, but the first operand ends the options; for what wraps a command."""
    EXACT = "exact"
    """As GNU, but long names are written in full, so ``--test`` does not stand for
    ``--test-reporter`` (most programs in Go, Rust and JavaScript)."""
    WORDS = "words"
    """``-name`` is one option, with its value behind ``=`` or in the next word; no
    clusters and no abbreviations. ``--name`` is the same as ``-name`` for those that
    read it so (go, terraform), and is named apart where it is not."""


class Effect(enum.Enum):
    """What an option does that an allow-list must know of."""

    RUNS = "runs"
    """Runs something that its value or the program's surroundings name."""
    LOADS = "loads"
    """Takes code, or settings that can run something, from a file."""
    WRITES = "writes"
    """Its value is a file that is written: judged like the target of ``>``. With no
    value, or one that names no file, it is refused."""
    TEXT = "text"
    """Its value is a text for a shell: judged like a command."""
    CODE = "code"
    """Its value is code in the program's own language; see ``Code``."""
    COMMAND = "command"
    """The words behind it, up to ``;``, ``+`` or the end, are a command; it gets
    words that nobody knows, and ``{}`` stands for one: ``find -exec``."""
    SCRIPT = "script"
    """Its value names a file or directory of code, which passes as a script does:
    not ``-``, a device, or a word that is computed."""
    EDITS = "edits"
    """With it the operands are files that are written: ``sed -i``."""
    SAVES = "saves"
    """Saves under the last component of its value, or of each operand if it takes
    none: ``curl -O``. Judged like the target of ``>``."""


@attrs.frozen(kw_only=True, eq=False)
class Risk:
    """Options that do more than the entry for their program says."""

    options: str
    """Separated by blanks: ``-o``, ``--output``, or a whole word of ``Style.WORDS``.
    A ``*`` at the end of one stands for anything: ``-B*``."""
    effect: Effect
    why: str
    """Ends the sentence "`rg --pre` ..." for a model that reads it."""
    bare: bool = False
    """It takes no value, or only one attached to it."""
    unless: str = ""
    """Options with which it does no harm: ``-f`` of ``tar`` writes unless ``-x``."""
    values: str = ""
    """Patterns: if set, only a value that matches one is a risk."""
    never: str = ""
    """Patterns of values that are refused, whatever the effect: ``-o '|pwn'``."""
    passing: str = ""
    """Patterns of values that pass all the same: ``user.name=*`` of ``git -c``."""


class Targets(enum.Enum):
    """Which operands are files that are written."""

    NONE = "none"
    EACH = "each"
    LAST = "last"
    """If there are two or more, as in ``cp``."""
    SECOND = "second"
    """``uniq in out``; and whatever comes after it."""
    FIRST = "first"
    """``zip archive file...``."""
    BASENAME = "basename"
    """The last component of each, in the current directory: ``wget URL``."""


@attrs.frozen(kw_only=True)
class Wraps:
    """A program that runs the command which its operands hold."""

    operands: int = 0
    """Of its own, before the command: the duration of ``timeout``."""
    assignments: bool = False
    """``NAME=value`` before the command, as in ``env``: judged as assignments."""
    computed_tail: bool = False
    """It adds words that nobody knows, as ``xargs`` does."""
    placeholder: str = ""
    """Options whose value is a text in the command that is replaced: ``-I``."""
    joined: bool = False
    """A shell reads the words, joined by blanks: ``watch``, ``ssh``."""
    text: str = ""
    """Options that stand in the place of the command, with a text for a shell behind
    them: ``flock FILE -c TEXT``."""
    scripts: str = ""
    """Patterns of a first word that is a script, not a program: ``uv run x.py``."""
    optional: bool = False
    """Without a command it is harmless, as ``env`` and ``nice``. Else it needs one:
    it runs a shell, or waits for somebody to type."""
    stops: str = ""
    """Options with which it runs nothing: ``command -v``."""


class Language(enum.Enum):
    """In which a program's code is read, to see whether it can run or write."""

    AWK = "awk"
    SED = "sed"
    SHELL = "shell"
    OPAQUE = "opaque"
    """Nobody looks into it: it is refused."""


@attrs.frozen(kw_only=True)
class Code:
    """Where a program takes its code from."""

    language: Language
    operand: bool = False
    """The first operand is code, unless one of ``options`` gave some."""
    options: str = ""
    """Options whose value is code: ``-e --expression``."""
    skipped: int = 0
    """With ``operand``: so many operands are its own, and all behind are code, as
    behind the database of ``sqlite3``."""
    operand_with: str = ""
    """Options without a value that make the first operand code, wherever it stands:
    ``-c`` of a shell, as in ``sh -ce TEXT``."""
    forbidden: str = ""
    """A regular expression. If set, ``OPAQUE`` code passes in which it is not found,
    if nothing of the code is computed."""
    stdin: bool = False
    """With no operand, or ``-``, it runs what it reads."""
    needed: bool = False
    """Without code it runs what it reads, whatever the operands are: ``script``."""
    script: bool = False
    """The first operand is the name of a script, which passes; words behind it are
    the script's own and are not looked at."""
    module: str = ""
    """Options that name a module to run, which passes as a script does: ``-m``."""
    refused_modules: str = ""
    """Patterns of modules that take code from words or from the input."""
    stops: str = ""
    """Options with which it runs nothing: ``--version``."""


@attrs.frozen(kw_only=True, eq=False)
class Subcommand:
    """What is different about some subcommands of a program.

    All that name the same one add up.
    """

    names: str
    """Separated by blanks; for two levels ``remote add``, written ``remote.add``.
    ``*`` holds for all subcommands, beside what the one in question says."""
    refused: str = ""
    """Why an entry must name it: ends "`git filter-branch` ..."."""
    harmless: str = ""
    """Patterns of an option or a first operand with which ``refused`` does not hold:
    ``git config --get``."""
    valued: str = ""
    flags: str = ""
    """Options without a value that are known: before a wrapped command others are
    refused."""
    risks: tuple[Risk, ...] = ()
    targets: Targets = Targets.NONE
    operands: str = ""
    """Patterns of operands that are refused, as ``ext::*``, with ``operands_why``."""
    operands_why: str = ""
    remote: bool = False
    """See ``Program.remote``."""
    wraps: Wraps | None = None
    """Its operands hold a command."""


@attrs.frozen(kw_only=True, eq=False)
class Program:
    """One program, or several that read their words alike."""

    names: str
    """Separated by blanks; a version at the end is tolerated: ``python3.11``."""
    style: Style = Style.GNU
    valued: str = ""
    """Options that take the next word, beside those in ``risks``. To name one that
    takes none would hide the word after it; to miss one only refuses too much."""
    flags: str | None = None
    """If set, these and the ``valued`` are all that pass; an option that is not known
    is refused. For what wraps a command: else nobody knows where it begins. A ``*``
    at the end of one stands for anything."""
    risks: tuple[Risk, ...] = ()
    targets: Targets = Targets.NONE
    targets_unless: str = ""
    """Options with which no operand is written: ``gzip -c``."""
    remote: bool = False
    """A target ``host:path`` or ``scheme://...`` is elsewhere, and passes."""
    wraps: Wraps | None = None
    code: Code | None = None
    subcommands: tuple[Subcommand, ...] = ()
    everywhere: bool = False
    """The program's own options may also follow the subcommand, as in ``kubectl``;
    else they are looked for before it only, as in ``git``."""
    ordinary: str | None = None
    """If set, only these subcommands pass, beside those in ``subcommands``. For
    programs that run whatever program stands for an unknown one."""
    refused: str = ""
    """Why an entry must have two words: ends "`vim` ...". Then nothing else counts,
    but what ``harmless`` names."""
    harmless: str = ""
    """Options that make the whole harmless if they stand alone: ``--version``."""
    operands: str = ""
    """Patterns of operands that are refused: ``+*`` of ``less``."""
    operands_passing: str = ""
    """Patterns of operands that pass all the same: ``*=1`` of ``make``."""
    operands_why: str = ""
    first_word_cluster: bool = False
    """The first word is a cluster even without a dash: ``tar xf``."""
    reason: str
    """Why the program stands in a table, for who reads it."""
    passes: tuple[str, ...] = ()
    refuses: tuple[str, ...] = ()
