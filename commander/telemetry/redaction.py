r"""Taking secrets out of text before it is logged.

Shell text has no field that says "this is a secret", so shapes are looked for:
names that promise one (``DB_PASSWORD=...``, ``--api-key ...``, ``X-Auth-Token: ...``),
places that hold one (``user:pass@host``, ``mysql -p...``) and values that can be
nothing else (``ghp_...``, a JWT, a private key). The value becomes ``***``; name,
flag and prefix stay, so that the line can still be understood.

What is masked in error costs a reader a word, what is missed costs a password: in
doubt the rules mask. A secret without any shape, such as ``echo hunter2``, is found
by nobody.

Every rule is linear in the length of the text, however hostile. Runs are possessive
(``*+``) or bounded, and can be entered at one place only; names are judged once they
are read; a quote that is never closed reaches to the end.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable
from typing import Final

import attrs

from commander.telemetry.plain import cut, cut_mark

__all__ = ["MOST_COMMAND_CHARACTERS", "loggable_command", "mask_secrets"]

MOST_COMMAND_CHARACTERS: Final = 2000
"""Of one command in the log; it stands there twice."""
_MOST_SEARCHED: Final = 65536
"""Characters of one command; what is behind them is never shown."""

_MASK: Final = "***"
_LETTERS: Final = str.maketrans("0123456789", "ghijklmnop")


def loggable_command(command: str, mode: str) -> str:
    """Write a command as ``MCP_LOG_COMMANDS`` says: full, masked or hash.

    The hash is SHA-256 with the digits ``0`` to ``9`` as ``g`` to ``p``, so that no
    log query for a number hits it. Control characters are left to the log.
    """
    if mode == "hash":
        digest = hashlib.sha256(command.encode("utf-8", "backslashreplace"))
        return f"sha256:{digest.hexdigest().translate(_LETTERS)}"
    if mode == "full":
        return cut(command, MOST_COMMAND_CHARACTERS)
    shown = mask_secrets(command[:_MOST_SEARCHED])
    if len(shown) <= MOST_COMMAND_CHARACTERS and len(command) <= _MOST_SEARCHED:
        return shown
    return f"{shown[:MOST_COMMAND_CHARACTERS]}{cut_mark(len(command))}"


def mask_secrets(text: str) -> str:
    """Put ``***`` in the place of everything that has the shape of a secret."""
    lowered = text.lower()
    for shape in _SHAPES:
        for hint in shape.hints:
            if hint in lowered:
                text = shape.masked(text)
                break
    return text


@functools.cache  # the server starts without most of them
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.VERBOSE | re.DOTALL)


def _words(pattern: str) -> str:
    return rf"(?<![\w-])(?:{pattern})(?![\w-])"


def _keep_first(found: re.Match[str]) -> str:
    return f"{found[1]}{_MASK}"


def _keep_prefix(found: re.Match[str]) -> str:
    return f"{found[1] or found[2]}{_MASK}"


def _keep_first_if_random(found: re.Match[str]) -> str:
    """Mask a long word behind a key word: secrets have digits, prose has none."""
    if any(character.isdigit() for character in found[2]):
        return _keep_first(found)
    return found[0]


@attrs.frozen
class _Rule:
    """A shape that a secret has wherever it stands."""

    hints: tuple[str, ...]
    """In lower case; one of them is in every text that the rule changes. Looking for
    words is thirty times cheaper than the rule, and most commands have none."""
    pattern: str
    replacement: Callable[[re.Match[str]], str] = _keep_first

    def masked(self, text: str) -> str:
        return _compiled(self.pattern).sub(self.replacement, text)


@attrs.frozen
class _Program:
    """A password behind an option that means other things to other programs."""

    hints: tuple[str, ...]
    """As those of a rule."""
    names: str
    option: str

    def masked(self, text: str) -> str:
        found = _compiled(_words(self.names)).search(text)
        if found is None:
            return text
        end = found.end()
        return text[:end] + _compiled(self.option).sub(_keep_first, text[end:])


# A word of the shell that is not empty: a quoted text, with what is glued to it. It
# ends before $( and ` unless they are in single quotes: what those run is no secret.
_WORD: Final = r"""
    (?! "?(?: \$\( | ` ) ) (?= [^\s;|&<>()] )
    (?: "(?: [^"\\`$] | \\. | \$(?!\() )*+ "?+  |  '[^']*+ '?+ )?+
    (?: [^\s"'\\;|&<>()`$] | \\. | \$(?!\() | "[^\s"`$]*+" | '[^\s']*+' )*+
"""
# What makes a name, of a variable, flag, header or key, the name of a secret.
_PROMISE: Final = r"""
    (?: token | secret | passw(?:or)?d | passphrase | credential | bearer | signature
      | pwd | pass(?![\w.-]) | (?<![a-z0-9])(?: auth | pass | pw | sig )(?![a-z0-9])
      | (?: access | account | api | app | auth | client | encryption | license | master
          | private | service | session | shared | signing | storage ) [_.-]?key )
"""
_PROMISING_NAME: Final = rf"""
    (?<![\w.-]) (?= [\w.-]*? {_PROMISE} ) (?! (?-i: (?:OLD)?PWD ) (?![\w.-]) )
    -*+ [a-z_][\w.-]*+ (?<! file ) (?<! path ) (?<! stdin )
"""


_KEY_WORDS: Final = (
    "auth",
    "bearer",
    "credential",
    "key",
    "pass",
    "pw",
    "secret",
    "sig",
    "token",
)
_RULES: Final = (
    # a private key in PEM, to its end or to the end of the text
    _Rule(
        ("private key",),
        r"""
        (-----BEGIN[ ][A-Z0-9 ]{0,40}PRIVATE[ ]KEY-----)
        .*? (?: -----END[ ][A-Z0-9 ]{0,40}PRIVATE[ ]KEY----- | \Z )
        """,
    ),
    # Authorization: Bearer x
    _Rule(
        ("authorization",),
        rf"""
        ( authorization \\*+["']?+ \s*+ [:=] [\s\\]*+ ["']?+
          (?: (?: apikey | aws4-hmac-sha256 | basic | bearer | digest | hawk
                | negotiate | token ) [\s\\]++ )?+ )
        {_WORD}
        """,
    ),
    # Cookie: a=b; c=d
    _Rule(
        ("cookie",),
        r"""
        ( (?<![\w-]) (?:set-)?cookie \s*+ : \s*+ )
        [^\s"';|&]++ (?: ; \s*+ [\w.-]++ = [^\s"';|&]*+ )*+
        """,
    ),
    # scheme://user:pass@host, scheme://token@host
    _Rule(
        ("://",),
        r"""
        ( :// (?: [^\s/:@"']*+ : (?=[^\s/"']*@) | (?=[^\s/:@"']{20,}+@) ) )
        [^\s/"']* (?=@)
        """,
    ),
    # keys that their makers gave a prefix
    _Rule(
        (
            *("akia", "asia", "gho_", "ghp_", "ghr_", "ghs_", "ghu_", "hf_", "npm_"),
            *("k_live_", "k_test_", "aiza", "dckr_pat_", "eyj", "github_pat_"),
            *("glpat-", "pypi-", "sk-", "xox"),
        ),
        r"""
        (?<![\w-])
        (?: ( AKIA | ASIA | gh[opsru]_ | hf_ | npm_ | [rs]k_(?:live|test)_ )
            [a-z0-9]{16,}+
          | ( AIza | dckr_pat_ | eyJ(?=[\w-]*+\.[\w-]++\.) | github_pat_ | glpat-
            | pypi- | sk- | xox[a-z]- )
            [\w.-]{12,}+ )
        """,
        _keep_prefix,
    ),
    # NAME=value, --name=value, --name value, "name": "value"
    _Rule(
        _KEY_WORDS,
        rf"""
        ( {_PROMISING_NAME} \\*+ ["']?+ (?: \s*+ : \s*+ | \s++ = \s++ | = )
        | (?=-) {_PROMISING_NAME} \s++ (?!-) )
        {_WORD}
        """,
    ),
    # a key word and a long value behind it: key 0123456789abcdef
    _Rule(
        _KEY_WORDS,
        r"""
        ( (?<![a-z0-9]) (?: auth | bearer | credential | key | password | secret | sig
            | signature | token )s? [\s:="'\\]{1,4} )
        ( [a-z0-9+] [\w+/=.~-]{15,}+ )
        """,
        _keep_first_if_random,
    ),
)
"""In this order: what a rule has to see must not be masked before it."""

_PROGRAMS: Final = (
    _Program(
        ("mysql", "mariadb"),
        "mysql | mysqladmin | mysqldump | mysqlsh | mariadb | mariadb-dump",
        rf"((?<=\s)-p){_WORD}",
    ),
    _Program(("sshpass",), "sshpass", rf"((?<=\s)-p\s*+){_WORD}"),
    _Program(("redis-cli",), "redis-cli", rf"((?<=\s)-a\s++){_WORD}"),
    _Program(
        ("login",),
        r"docker\s++login | podman\s++login",
        rf"((?<=\s)-p\s++){_WORD}",
    ),
    _Program(
        ("curl",),
        "curl",
        rf"""
        ( (?<=\s) (?: -[a-z]*u | --(?:proxy-)?user ) [\s=]*+ (["'])?+ [^\s:"']*+ : )
        (?(2) (?: (?!\2). )*+ | {_WORD} )
        """,
    ),
)
_SHAPES: Final = (*_RULES, *_PROGRAMS)
