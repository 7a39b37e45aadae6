"""The console script ``commander-mcp``: ``twist commander`` under a name of its own.

It exists so that pipx and uvx have a command to run. Nothing is imported up here
that may be missing or fail, so that the answer on Windows is one line.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Sequence

from commander import __version__

__all__ = ["main"]

_HELP = """\
Usage: commander-mcp [options]     start the server, as `twist commander` does
       commander-mcp token new     replace the generated token
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
    if args in (["--help"], ["-h"]):
        sys.stdout.write(_HELP)
        sys.stdout.flush()
        return _twist(["--help"])
    return _twist(args)


def _token(args: Sequence[str]) -> int:
    if args[:1] != ["new"]:
        return _fail("after `token` only `new` is known", status=2)
    from commander.auth.state import new_token_command

    return new_token_command(args[1:])


def _twist(args: Sequence[str]) -> int:
    # ``python -m twisted`` is the public way to ``twist``; the function behind the
    # script is private to Twisted.
    sys.argv[:] = ["twist", "commander", *args]
    runpy.run_module("twisted", run_name="__main__")
    return 0


def _fail(reason: str, *, status: int) -> int:
    sys.stderr.write(f"commander-mcp: {reason}\n")
    return status
