"""Words that shells know, for those who read texts and those who write them."""

from __future__ import annotations

import re
from typing import Final

from commander.policy.shell.syntax import Dialect

__all__ = ["DECLARING", "FUNCTION_NAMES", "NAME", "PREFIXES", "RESERVED"]

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""Of a variable."""

FUNCTION_NAMES: Final = {
    # What dash refuses: special builtins, and what is no name.
    Dialect.SH: re.compile(
        r"(?!(?:break|continue|eval|exec|exit|export|readonly|return|set|shift|times"
        r"|trap|unset)\Z)[A-Za-z_][A-Za-z0-9_]*"
    ),
    Dialect.BASH: re.compile(r"[A-Za-z0-9_.:+@%,/-]*[A-Za-z_.:+@%,/-]"),
}

RESERVED: Final = frozenset(
    (
        *("!", "{", "}", "case", "do", "done", "elif", "else", "esac", "fi", "for"),
        *("if", "in", "then", "until", "while", "[[", "]]", "coproc", "function"),
        *("select", "time"),
    )
)
"""In sh or bash; what one of them reserves is written quoted for both."""

DECLARING: Final = frozenset(
    ("alias", "declare", "export", "local", "readonly", "typeset")
)
"""Builtins of which arguments such as ``name=value`` are read as assignments."""

PREFIXES: Final = frozenset(("builtin", "command"))
"""A builtin may stand behind these and is still one."""
