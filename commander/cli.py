"""The console script ``commander-mcp``: ``twist commander`` under a name of its own.

It exists so that pipx and uvx have a command to run. Nothing is imported up here
that may be missing or fail, so that the answer on Windows is one line.
"""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from commander import __version__

if TYPE_CHECKING:
    from commander.sources import Loaded

__all__ = ["main"]

_HELP = """\
Usage: commander-mcp [options]     start the server, as `twist commander` does
       commander-mcp token new     replace the generated token
       commander-mcp token new NAME [--expires 2160h]
                                   make a token for MCP_AUTH_TOKENS_FILE
       commander-mcp check COMMAND [options]
                                   say whether COMMAND may run, and why
       commander-mcp doctor [options]
                                   say what is active here, and what is missing
       commander-mcp --version

"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the server, or the command that the first words name.

    Args:
        argv: The words after the program's name; those of this process if None.

    Returns:
        The status to exit with.

    Raises:
        SystemExit: From ``twist``, with a status or with a line for stderr.
    """
    if sys.platform == "win32":
        return _fail("Windows is not supported", status=1)
    args = list(sys.argv[1:] if argv is None else argv)
    if args == ["--version"]:
        sys.stdout.write(f"commander-mcp {__version__}\n")
        return 0
    if args[:1] == ["token"]:
        return _token(args[1:])
    if args[:1] == ["check"]:
        return _check(args[1:])
    if args[:1] == ["doctor"]:
        return _doctor(args[1:])
    if args in (["--help"], ["-h"]):
        sys.stdout.write(_HELP)
        sys.stdout.flush()
        return _twist(["--help"])
    return _twist(args)


def _token(args: Sequence[str]) -> int:
    if args[:1] != ["new"]:
        return _fail("after `token` only `new` is known", status=2)
    from commander.auth.new_token import new_token_command

    return new_token_command(args[1:])


def _check(args: Sequence[str]) -> int:
    if not args or args[0].startswith("-"):
        return _fail("after `check` comes the command, in quotes", status=2)
    from commander.explain import explain

    loaded = _loaded(args[1:])
    if loaded is None:
        return 2
    allowed, text = explain(loaded.settings, args[0])
    sys.stdout.write(text)
    return 0 if allowed else 1


def _doctor(args: Sequence[str]) -> int:
    from commander.doctor import examine, report

    loaded = _loaded(args)
    if loaded is None:
        return 2
    sys.stdout.write(report(examine(loaded, os.environ)))
    return 0


def _loaded(args: Sequence[str]) -> Loaded | None:
    """The settings that a server with these options would have, or one line."""
    from commander.arguments import normalise
    from commander.errors import StartError
    from commander.tap import effective

    try:
        words = normalise(args)
        flags = dict(word[2:].split("=", 1) for word in words if "=" in word)
        if len(flags) < len(words):
            raise StartError("only the flags of settings may follow here, each once")
        return effective(flags)
    except StartError as error:
        _fail(" ".join(str(error).split()), status=2)
        return None


def _twist(args: Sequence[str]) -> int:
    # ``python -m twisted`` is the public way to ``twist``; the function behind the
    # script is private to Twisted.
    sys.argv[:] = ["twist", "commander", *args]
    runpy.run_module("twisted", run_name="__main__")
    return 0


def _fail(reason: str, *, status: int) -> int:
    sys.stderr.write(f"commander-mcp: {reason}\n")
    return status
