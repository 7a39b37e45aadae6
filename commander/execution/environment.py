"""What a command inherits.

Nothing that is not named here or by the operator. Secrets of the server stay with
the server even if an operator names them by mistake: the token is an ``MCP_``
name, and credentials of the cloud belong to the task, not to its commands.

What is the same for all commands is worked out once, by ``child_environment``, and
encoded once; a command adds its own by ``command_environment``.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from typing import Final

from commander.commands import Trace
from commander.execution.owners import SERVER, own_text

__all__ = [
    "DEFAULT_PATH",
    "RUN_ID",
    "child_environment",
    "command_environment",
    "encoded",
    "encoded_variables",
    "never_passed",
    "terminal_environment",
    "trace_environment",
]

DEFAULT_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TRACE_PARENT: Final = "TRACEPARENT"
TRACE_STATE: Final = "TRACESTATE"
"""How a trace is handed on to a process (OpenTelemetry, Environment Variables as
Context Propagation Carriers)."""
RUN_ID: Final = "COMMANDER_RUN"
"""Names the command that a process belongs to, to those who look for its strays."""

_INHERITED: Final = ("HOME", "LANG", "LC_*", "TZ", "USER", "TMPDIR")
_SET: Final = {
    # A pager, a colour or a password prompt would wait for a terminal that is not
    # there, or fill the output with control sequences.
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "NO_COLOR": "1",
    "TERM": "dumb",
    "GIT_TERMINAL_PROMPT": "0",
}
_WITHOUT_TERMINAL: Final = (
    "NO_COLOR",
    "GIT_TERMINAL_PROMPT",
    # The size is the terminal's own, and changes.
    "COLUMNS",
    "LINES",
)
_TERMINAL_TYPE: Final = "xterm-256color"
_NEVER: Final = (
    # Those of a server above, if this one is a command itself.
    RUN_ID,
    SERVER,
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "ECS_AGENT_URI",
)
_NEVER_BEGINNINGS: Final = ("MCP_", "AWS_CONTAINER_", "ECS_CONTAINER_METADATA_URI")


def never_passed(name: str) -> bool:
    """Whether a name stays with the server whatever the operator lists."""
    return name in _NEVER or name.startswith(_NEVER_BEGINNINGS)


def child_environment(
    inherited: Mapping[str, str],
    *,
    pass_env: Iterable[str] = (),
    user: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Build what every command of a server gets.

    Args:
        inherited: The server's environment.
        pass_env: More names to inherit; ``*`` stands for any characters.
        user: What names the user that commands run as, such as HOME, in place of
            the server's.
    """
    patterns = (*_INHERITED, *pass_env)
    child = {
        name: value
        for name, value in inherited.items()
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
        and not never_passed(name)
    }
    child["PATH"] = _absolute_path_entries(inherited.get("PATH", ""))
    child.update(_SET)
    child.update(user or {})
    return child


def terminal_environment(common: Mapping[str, str]) -> dict[str, str]:
    """The same for commands that have a terminal, where a prompt can be answered.

    Args:
        common: What ``child_environment`` gave. Its pager stays: whoever reads a
            terminal here has all of the output without one.
    """
    kept = {name: common[name] for name in common if name not in _WITHOUT_TERMINAL}
    return {**kept, "TERM": _TERMINAL_TYPE}


def encoded(text: str) -> bytes:
    """Text as the kernel gets it.

    Twisted would encode it as the locale says, and the C locale of a small container
    knows ASCII only. What was no UTF-8, in our own variables or in a file's name, came
    to us as surrogates and is again what it was.
    """
    return text.encode("utf-8", "surrogateescape")


def encoded_variables(variables: Mapping[str, str]) -> dict[bytes, bytes]:
    """Names and values as the kernel gets them."""
    return {encoded(name): encoded(value) for name, value in variables.items()}


def command_environment(
    common: Mapping[bytes, bytes], *, run_id: str, env: Mapping[str, str]
) -> dict[bytes, bytes]:
    """Build one command's environment.

    Args:
        common: What ``child_environment`` gave, encoded.
        run_id: Stands in it as ``COMMANDER_RUN``, whatever the caller sets.
        env: The caller's variables. They supplement and override, as the policy
            has let them.

    Returns:
        With ``COMMANDER_SERVER`` besides, where this process can say who it is.
    """
    text = own_text()
    own = {RUN_ID: run_id} if text is None else {RUN_ID: run_id, SERVER: text}
    return {**common, **encoded_variables({**env, **own})}


def trace_environment(trace: Trace | None, env: Mapping[str, str]) -> dict[str, str]:
    """How a command learns of the trace that it belongs to.

    Args:
        trace: That of its call, if it has one.
        env: The caller's variables. A trace that they name counts, and is left whole.
    """
    if trace is None or TRACE_PARENT in env:
        return {}
    named = {TRACE_PARENT: trace.parent}
    if trace.state:
        named[TRACE_STATE] = trace.state
    return named


def _absolute_path_entries(path: str) -> str:
    """PATH without empty and relative entries.

    Those mean the working directory, which a caller chooses: a file named ``ls``
    there would run in place of the listed program.
    """
    kept = [entry for entry in path.split(":") if entry.startswith("/")]
    return ":".join(kept) or DEFAULT_PATH
