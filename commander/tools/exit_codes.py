"""Exit statuses that are answers, not errors.

``grep`` ends with 1 to say "no". Telling a model that this failed makes it try
again. Only the last program of one plain pipeline is looked at: behind ``&&``, ``;``
or a wrapper nobody can say whose status it is, and then it counts as an error.
"""

from __future__ import annotations

from typing import Final

__all__ = ["answer_meaning"]

_NO_LINES: Final = "no line matched"
_MEANING_OF_ONE: Final = {
    "grep": _NO_LINES,
    "egrep": _NO_LINES,
    "fgrep": _NO_LINES,
    "diff": "the inputs differ",
    "cmp": "the inputs differ",
    "test": "the condition is false",
    "[": "the condition is false",
    "pgrep": "no process matched",
    "which": "a program was not found",
}


def answer_meaning(command: str, exit_code: int | None) -> str | None:
    """What a non-zero status of this command answers, or None if it is an error."""
    if exit_code != 1:
        return None
    # It brings the grammar with it, which a server imports with its first command.
    from commander.policy.pipeline import final_program

    program = final_program(command)
    return None if program is None else _MEANING_OF_ONE.get(program)
