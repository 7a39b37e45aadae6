"""The arguments that say which command, where and with which variables.

Every tool that takes a command takes these, so that what one refuses no other accepts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from msgspec import Meta

from commander.execution.checks import MAX_PATH_BYTES
from commander.tools.schemas import ArgumentProblem

__all__ = [
    "LONGEST_VALUE",
    "Command",
    "Environment",
    "WorkingDirectory",
    "command_problem",
]

LONGEST_VALUE: Final = 100
"""Characters of a client's value, in what is said about it."""
_MAX_ENV_NAMES: Final = 1024

Command = Annotated[
    str,
    Meta(description="Shell command; the server's policy judges it first"),
]
WorkingDirectory = Annotated[
    str,
    Meta(description="Default: the server's; relative paths count from there"),
]
Environment = Annotated[
    dict[str, str],
    Meta(description="Variables to set, over the few that are inherited"),
]


def command_problem(
    command: str, working_directory: str, env: Mapping[str, str]
) -> ArgumentProblem | None:
    """What the types do not say about them."""
    if not command.strip():
        return ArgumentProblem("command is required")
    length = len(working_directory.encode())
    if length > MAX_PATH_BYTES:
        return ArgumentProblem(
            f'"working_directory" is {length} bytes long, at most {MAX_PATH_BYTES}'
        )
    if len(env) > _MAX_ENV_NAMES:
        return ArgumentProblem(f'"env" has {len(env)} names, at most {_MAX_ENV_NAMES}')
    if "\0" in working_directory:
        return ArgumentProblem('"working_directory" must not hold a NUL character')
    for name, value in env.items():
        if "\0" in value:
            return ArgumentProblem(
                f'"env": the value of "{name[:LONGEST_VALUE]}" holds a NUL character'
            )
    return None
