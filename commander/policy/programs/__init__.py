"""Data about programs: one module for each family, one value for each program."""

from __future__ import annotations

import re
from typing import Final

from commander.policy.programs import (
    archives,
    backups,
    build,
    clouds,
    compilers,
    containers,
    databases,
    documents,
    ecosystems,
    editors,
    environments,
    files,
    git,
    interpreters,
    javascript,
    keys,
    languages,
    linkers,
    media,
    network,
    outputs,
    packages,
    pagers,
    privileges,
    prompts,
    pythons,
    remote,
    runners,
    runtimes,
    search,
    supervisors,
    systems,
    texts,
    toolchains,
    tracers,
    versions,
    wrappers,
)
from commander.policy.programs.model import Program

__all__ = ["MODULES", "PROGRAMS", "find"]

MODULES: Final = (
    archives,
    backups,
    build,
    clouds,
    compilers,
    containers,
    databases,
    documents,
    ecosystems,
    editors,
    environments,
    files,
    git,
    interpreters,
    javascript,
    keys,
    languages,
    linkers,
    media,
    network,
    outputs,
    packages,
    pagers,
    privileges,
    prompts,
    pythons,
    remote,
    runners,
    runtimes,
    search,
    supervisors,
    systems,
    texts,
    toolchains,
    tracers,
    versions,
    wrappers,
)

PROGRAMS: Final[tuple[Program, ...]] = tuple(
    program for module in MODULES for program in module.PROGRAMS
)

_BY_NAME: Final = {
    name: program for program in PROGRAMS for name in program.names.split()
}
_MACHINE: Final = re.compile(
    r"^[a-z0-9_]+-(?:[a-z0-9]+-)?linux-(?:gnu|musl)[a-z0-9]*-"
    r"|-[a-z0-9_]+-linux-(?:gnu|musl)[a-z0-9]*$"
)
_VERSION: Final = re.compile(r"(?<=.)-?[0-9][0-9.]*$")


def find(name: str) -> Program | None:
    """What is known of a program, by its basename.

    A version at the end of a name that is not known itself does not count, nor does
    the machine that it is for: ``python3.11``, ``gcc-12``, ``x86_64-linux-gnu-ld``.
    """
    known = _BY_NAME.get(name)
    if known is not None:
        return known
    bare = _MACHINE.sub("", name)
    return _BY_NAME.get(bare) or _BY_NAME.get(_VERSION.sub("", bare))
