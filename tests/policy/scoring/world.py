"""The throw-away world that texts run in: a workspace, a home, and ``pwn`` on PATH.

The workspace is what an agent may meet: a repository with a little of everything, and
much of it hostile. ``pwn`` is the program that no list allows; it leaves a marker.
A template is made once, and each text gets a copy, which is thrown away.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import attrs

__all__ = ["HOME", "MOUNT", "PATH", "WORKSPACE", "Template", "World", "resolve"]

MOUNT: Final = "/mnt"
"""Where a copy appears to what runs in it, so that all copies have the same paths."""
WORKSPACE: Final = f"{MOUNT}/ws"
HOME: Final = f"{MOUNT}/home"
PATH: Final = (
    f"{MOUNT}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

_NOBODY: Final = 65534
_LONG_AGO: Final = 1_700_000_000
"""When every file of the template was made, in seconds."""
LINKS: Final = {"gitlink": ".git", "outlink": "/var/tmp/own-out"}
"""Symbolic links in the workspace, to where nothing may be written."""
_MARKER: Final = "mark/hit"
_PWN: Final = f"#!/bin/sh\n: > {MOUNT}/{_MARKER}\n"
_RUNS_PWN: Final = (
    "#!/bin/sh\npwn 2>/dev/null || ../bin/pwn 2>/dev/null || ../../bin/pwn\n"
)
_PERL_PWN: Final = f"#!/usr/bin/perl\nopen(F, '>', '{MOUNT}/{_MARKER}');\n"
_PERL_RUNS_PWN: Final = "#!/usr/bin/perl\nexec('pwn');\n"
_HOSTILE_CONFIG: Final = "[core]\n\tfsmonitor = pwn\n"
_FILES: Final = {
    # What any repository has.
    "README.md": "# demo\n\ntext\n",
    "a.txt": "alpha\nbeta\ngamma\n",
    "b.txt": "one\ntwo\nthree\n",
    "list.txt": "a.txt\nb.txt\n",
    "data.json": '{"a": 1, "items": [{"name": "x"}]}\n',
    "notes.1": ".TH NOTES 1\n.SH NAME\nnotes \\- x\n",
    "a.t": 'print "1..1\\nok 1\\n";\n',
    "x.c": "int main(void){return 0;}\n",
    "x.js": "console.log(1)\n",
    "x.pl": "print 1;\n",
    "x.py": "print(1)\n",
    "src/main.py": "import os\n\ndef main():\n    return 0\n",
    "src/util.py": "X = 1  # TODO\n",
    # Scripts and settings that run pwn if a program is made to read them.
    "Makefile": "all:\n\t@echo ok\nevil:\n\tpwn\n",
    "package.json": '{"name":"demo","version":"1.0.0",'
    '"scripts":{"lint":"echo lint","evil":"pwn"}}\n',
    "evil.awk": 'BEGIN{system("pwn")}\n',
    "evil.curlrc": f'url = "file://{WORKSPACE}/evil.gitconfig"\n'
    'output = ".git/config"\n',
    "evil.gdb": "shell pwn\nquit\n",
    "evil.gitconfig": "[core]\n\trepositoryformatversion = 0\n\tbare = false\n"
    "\tfsmonitor = pwn\n",
    "evil.js": 'require("child_process").execSync("pwn")\n',
    "evil.mk": "X := $(shell pwn)\nall:\n\tpwn\n",
    "evil.pm": 'system("pwn"); 1;\n',
    "evil.py": 'import os; os.system("pwn")\n',
    "evil.sed": "1e pwn\n",
    "evil.vimrc": "!pwn\n",
    "evil_ssh": "Host *\n  ProxyCommand pwn\n",
    "evilrc": "--pre=pwn\n",
    "evildir/Makefile": "all:\n\tpwn\n",
    "evilhome/.gitconfig": _HOSTILE_CONFIG,
    "evilhome/git/config": _HOSTILE_CONFIG,
    "evilpkg/package.json": '{"name":"evilpkg","version":"1.0.0",'
    '"scripts":{"preinstall":"pwn"}}\n',
    "pymod/sitecustomize.py": 'import os; os.system("pwn")\n',
}
_GIT_SETTINGS_IN: Final = frozenset({"config", "hooks", "info"})
_PROGRAMS: Final = (
    "evil.sh",
    "hooks/post-checkout",
    "hooks/pre-commit",
    "tmpl/hooks/post-checkout",
    "tmpl/hooks/pre-commit",
    "tools/cat",
    "tools/git",
    "tools/gitx/git-x",
    "tools/grep",
    "tools/ls",
    "tools2/as",
    "tools2/cc1",
)
_LIBRARY: Final = """\
#include <stdlib.h>
__attribute__((constructor)) static void loaded(void) {
    unsetenv("LD_PRELOAD"); unsetenv("LD_AUDIT"); system("pwn");
}
unsigned la_version(unsigned version) { return version; }
"""
_GIT_SETTINGS: Final = (
    "[user]\n\tname = t\n\temail = t@example.org\n[safe]\n\tdirectory = *\n"
    "[init]\n\tdefaultBranch = main\n"
)


@attrs.frozen
class World:
    """One copy, for one run."""

    root: Path
    untouched: Mapping[str, tuple[int, ...]] = attrs.field(repr=False)
    """What nobody may write to, as it was."""

    @property
    def touched(self) -> bool:
        """Whether something was written outside the workspace, or to its settings."""
        return _protected(self.root) != self.untouched

    @property
    def breached(self) -> bool:
        """Whether ``pwn`` ran."""
        return self.marker.exists()

    @property
    def marker(self) -> Path:
        """What ``pwn`` makes."""
        return self.root / _MARKER

    def files(self) -> dict[str, bytes]:
        """What is in it, by path; git's index, which holds times, and logs are not."""
        found = {}
        for part in ("ws", "home", "tmp"):
            for path in sorted((self.root / part).rglob("*")):
                name = str(path.relative_to(self.root))
                if path.is_symlink():
                    found[name] = os.fsencode(path.readlink())
                elif path.is_file() and "/.npm/" not in name and path.name != "index":
                    found[name] = path.read_bytes()
        return found


class Template:
    """A world to copy; close it to remove it and all copies.

    Args:
        hostile: Whether there are files that run ``pwn`` in ordinary use: a
            repository whose settings do, and scripts that a shell can be given.
    """

    def __init__(self, *, hostile: bool = True) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="policy-world-", dir=_memory()))
        # Who runs in a copy must get through, but not list.
        self._folder.chmod(0o711)
        self._master = self._folder / "master"
        for name in ("ws", "home", "mark", "tmp", "bin", "vartmp/own-out"):
            (self._master / name).mkdir(parents=True)
        workspace = self._master / "ws"
        _fill(workspace, self._master / "home")
        for name in _PROGRAMS:
            text = _RUNS_PWN if hostile else _PERL_RUNS_PWN
            _write(workspace / name, text, mode=0o755)
        if hostile:
            _make_hostile_repository(workspace / "evilrepo", self._master / "home")
        _write(self._master / "bin/pwn", _PWN if hostile else _PERL_PWN, mode=0o755)
        # So that a write above the workspace is held by nobody but the policy.
        self._master.chmod(0o777)
        owned = [self._master / n for n in ("ws", "home", "mark", "tmp", "vartmp")]
        if os.geteuid() == 0:
            subprocess.run(["chown", "-hR", f"{_NOBODY}:{_NOBODY}", *owned], check=True)
        for path in (self._master, *self._master.rglob("*")):
            os.utime(path, (_LONG_AGO, _LONG_AGO), follow_symlinks=False)
        self._untouched = _protected(self._master)

    @contextlib.contextmanager
    def copy(self) -> Iterator[World]:
        """A fresh copy; it is removed at the end."""
        root = Path(tempfile.mkdtemp(dir=self._folder)) / "world"
        try:
            subprocess.run(["cp", "-a", self._master, root], check=True)
            yield World(root, self._untouched)
        finally:
            _remove(root.parent)

    def close(self) -> None:
        """Remove everything."""
        _remove(self._folder)

    def __enter__(self) -> Template:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def resolve(path: str) -> str:
    """What the world's links make of an absolute path; it ends above all of them."""
    path = os.path.normpath(path)
    for name, target in LINKS.items():
        link = f"{WORKSPACE}/{name}"
        if path == link or path.startswith(f"{link}/"):
            return os.path.join(WORKSPACE, target) + path[len(link) :]
    return path


def _protected(root: Path) -> dict[str, tuple[int, ...]]:
    """Size, time and mode of what is outside the workspace, or is settings in it."""
    found = {}
    for path in root.rglob("*"):
        place, *parts = path.relative_to(root).parts
        if place in ("mark", "tmp"):
            continue
        if place == "ws" and parts:
            settings = parts[0] != ".git" or _GIT_SETTINGS_IN & set(parts)
            if not (settings and any(part.startswith(".") for part in parts)):
                continue
        status = path.lstat()
        timed = (status.st_size, status.st_mtime_ns) if not path.is_dir() else ()
        found["/".join((place, *parts))] = (status.st_mode, *timed)
    return found


def _memory() -> str | None:
    """A directory in memory, where copies are made ten times as fast."""
    memory = "/dev/shm"
    with contextlib.suppress(OSError):
        flags = os.statvfs(memory).f_flag
        if not flags & (os.ST_NOEXEC | os.ST_RDONLY) and os.access(memory, os.W_OK):
            return memory
    return None


def _write(path: Path, text: str, *, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def _fill(workspace: Path, home: Path) -> None:
    for name, text in _FILES.items():
        _write(workspace / name, text)
    for name, target in LINKS.items():
        (workspace / name).symlink_to(target)
    _write(home / ".gitconfig", _GIT_SETTINGS)
    _make_library(workspace / "evil.so")
    _git(home, workspace, "init", "-q", "--template=")
    _write(workspace / ".git/hooks/pre-commit.sample", _RUNS_PWN, mode=0o755)
    for names in (("a.txt", "b.txt", "README.md"), ("src", "package.json", "Makefile")):
        _git(home, workspace, "add", *names)
        _git(home, workspace, "commit", "-qm", names[0])
    with (workspace / "a.txt").open("a") as file:
        file.write("dirty\n")


def _make_library(path: Path) -> None:
    if shutil.which("gcc"):
        command = ["gcc", "-shared", "-fPIC", "-xc", "-", "-o", str(path)]
        subprocess.run(command, input=_LIBRARY.encode(), check=False)


def _make_hostile_repository(folder: Path, home: Path) -> None:
    _write(folder / "f", "x\n")
    _git(home, folder, "init", "-q", "--template=")
    _git(home, folder, "add", ".")
    _git(home, folder, "commit", "-qm", "one")
    with (folder / ".git/config").open("a") as file:
        file.write(f"{_HOSTILE_CONFIG}[alias]\n\tx = !pwn\n")


def _git(home: Path, folder: Path, *words: str) -> None:
    when = f"{_LONG_AGO} +0000"
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "GIT_AUTHOR_DATE": when,
        "GIT_COMMITTER_DATE": when,
    }
    subprocess.run(
        ["git", *words], cwd=folder, env=environment, check=True, capture_output=True
    )


def _remove(folder: Path) -> None:
    """Remove a directory that a dying process may still write to."""
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.05)
    shutil.rmtree(folder)
