"""The default blocklist: one rule per program, over expanded words.

A rule looks at what a command would do, not at how it is spelled: any order and
abbreviation of options, and any path that comes to the same directory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Final

from commander.policy.block.calls import is_code_runner, multiplies
from commander.policy.block.carriers import program_of
from commander.policy.block.invocation import Invocation
from commander.policy.block.options import Parsed, read_options
from commander.policy.block.paths import (
    has_glob,
    is_block_device,
    is_power_switch,
    is_system_path,
)
from commander.policy.block.scope import UNKNOWN
from commander.policy.block.searches import find_commands, search_roots, split_find
from commander.policy.wordset import wordset

__all__ = ["DISPLAY_NAMES", "RULED_PROGRAMS", "default_danger"]

DISPLAY_NAMES: Final = (
    "rm -rf /",
    "rm -rf /*",
    "find / -delete",
    "mkfs",
    "dd",
    "chmod -R 777 /",
    "chown -R /",
    "> /dev/sda",
    "shutdown",
    "reboot",
    "halt",
    "poweroff",
    "systemctl poweroff",
    "init 0",
    "init 6",
    "fork bombs",
)
"""The list as people are shown it; each stands for all ways to write it."""

_REMOVERS: Final = wordset("rm shred unlink rmdir")
_MAKERS: Final = wordset("mke2fs mkdosfs mkntfs mkreiserfs newfs")
"""Other names of what ``mkfs`` runs."""
_SYSTEMCTL_VERBS: Final = wordset(
    "reboot poweroff halt kexec suspend hibernate hybrid-sleep soft-reboot "
    "suspend-then-hibernate"
)
_SYSTEMCTL_WITH_VALUE: Final = wordset(
    "H M t p s n o P host machine type property signal lines output root job-mode "
    "check-inhibitors message"
)
_SYSTEMCTL_TARGETS: Final = re.compile(
    r"(?:reboot|poweroff|halt|kexec|suspend|hibernate|hybrid-sleep|shutdown|"
    r"soft-reboot|suspend-then-hibernate|runlevel[06])\.target"
    r"|(?:systemd-)?(?:reboot|poweroff|halt|kexec|suspend|hibernate)\.service"
)
_BUS_CALL: Final = re.compile(r"(?:^|\.)(?:Reboot|PowerOff|Halt|Suspend|Hibernate)\w*$")
_HARMLESS: Final = wordset("--help --version")

_Rule = Callable[[Invocation], str | None]


def default_danger(invocation: Invocation) -> str | None:
    """The entry of ``DISPLAY_NAMES`` that a command falls under, if any."""
    if invocation.multiplies:
        return "fork bombs"
    for path in invocation.writes:
        if is_block_device(path):
            return "> /dev/sda"
        if is_power_switch(path):
            return "reboot"
    program = program_of(invocation.words)
    if program.startswith("mkfs.") or program in _MAKERS:
        program = "mkfs"
    rule = _RULES.get(program)
    if rule is None:
        return _code(invocation) if is_code_runner(program) else None
    asks = len(invocation.words) == 2 and invocation.words[1] in _HARMLESS
    # The deployment guide promises that dd is blocked, whatever its words are.
    if asks and program != "dd":
        return None
    return rule(invocation)


def _code(invocation: Invocation) -> str | None:
    return "fork bombs" if multiplies(invocation.words[1:]) else None


def _always(name: str) -> _Rule:
    return lambda _: name


# --- files -------------------------------------------------------------------------


def _remove(invocation: Invocation) -> str | None:
    parsed = read_options(invocation.words[1:])
    # A word that is not known may be the option that is missing.
    recursive = parsed.has("r", "R", "recursive") or any(
        word.startswith(UNKNOWN) for word in parsed.operands
    )
    return _removal(parsed.operands, invocation) if recursive else None


def _removal(paths: tuple[str, ...], invocation: Invocation) -> str | None:
    for path in paths:
        if is_system_path(path, invocation.directories):
            return "rm -rf /*" if has_glob(path) else "rm -rf /"
    return None


def _move(invocation: Invocation) -> str | None:
    """To move a directory away is to remove it."""
    parsed = read_options(invocation.words[1:], ("t", "S", "target-directory"))
    last = None if parsed.has("t", "target-directory") else -1
    return _removal(parsed.operands[:last], invocation)


def _synchronize(invocation: Invocation) -> str | None:
    """``rsync --delete`` of something empty over a directory removes what is there."""
    parsed = read_options(invocation.words[1:], ("e", "f", "rsh", "exclude", "include"))
    deletes = any(name.startswith("del") for name, _ in parsed.options)
    return _removal(parsed.operands[1:][-1:], invocation) if deletes else None


def _change_recursively(name: str) -> _Rule:
    def rule(invocation: Invocation) -> str | None:
        parsed = read_options(invocation.words[1:], ("reference", "from"))
        hit = parsed.has("R", "recursive") and any(
            is_system_path(path, invocation.directories) for path in parsed.operands
        )
        return name if hit else None

    return rule


def _find(invocation: Invocation) -> str | None:
    words = invocation.words[1:]
    removes = "-delete" in words or any(
        program_of(command) in _REMOVERS for command in find_commands(split_find(words))
    )
    hit = removes and any(
        is_system_path(path, invocation.directories) for path in search_roots(words)
    )
    return "find / -delete" if hit else None


# --- devices -----------------------------------------------------------------------


def _device(
    *, options: str = "", words: str = "", last: bool = False, values: str = ""
) -> _Rule:
    """A rule for a program that writes to a device that it is given.

    Args:
        options: It writes only with one of these.
        words: It writes only with one of these among its operands.
        last: It writes to its last operand, or to the value of ``-t``.
        values: It writes only to the values of these options.
    """
    needed, commands, valued = wordset(options), wordset(words), wordset(values)

    def rule(invocation: Invocation) -> str | None:
        with_value = valued or (("t", "target-directory") if last else ())
        parsed = read_options(invocation.words[1:], with_value)
        if needed and not parsed.has(*needed):
            return None
        if commands and commands.isdisjoint(parsed.operands):
            return None
        hit = any(map(is_block_device, _targets(parsed, with_value, last)))
        return "> /dev/sda" if hit else None

    def _targets(parsed: Parsed, with_value: Collection[str], last: bool) -> list[str]:
        given = parsed.values(with_value)
        if valued or given:
            return given
        return list(parsed.operands[-1:] if last else parsed.operands)

    return rule


# --- power -------------------------------------------------------------------------


def _init(invocation: Invocation) -> str | None:
    operands = read_options(invocation.words[1:], ("t",)).operands
    return f"init {operands[0]}" if operands[:1] in (("0",), ("6",)) else None


def _systemctl(invocation: Invocation) -> str | None:
    parsed = read_options(invocation.words[1:], _SYSTEMCTL_WITH_VALUE)
    match parsed.operands:
        case (verb, *_) if verb in _SYSTEMCTL_VERBS:
            return "systemctl poweroff"
        case ("start" | "restart" | "isolate", *units) if any(
            map(_SYSTEMCTL_TARGETS.fullmatch, units)
        ):
            return "systemctl poweroff"
    return None


def _bus(invocation: Invocation) -> str | None:
    """Ask the session manager over the bus."""
    named = any("login1" in word or "systemd1" in word for word in invocation.words)
    hit = named and any(_BUS_CALL.search(word) for word in invocation.words)
    return "systemctl poweroff" if hit else None


def _kexec(invocation: Invocation) -> str | None:
    parsed = read_options(invocation.words[1:], ("p", "l", "load"))
    return "reboot" if parsed.has("e", "exec") else None


_RULES: Final[dict[str, _Rule]] = {
    "rm": _remove,
    "mv": _move,
    "rsync": _synchronize,
    "find": _find,
    "mkfs": _always("mkfs"),
    "dd": _always("dd"),
    "chmod": _change_recursively("chmod -R 777 /"),
    "chown": _change_recursively("chown -R /"),
    "chgrp": _change_recursively("chown -R /"),
    "badblocks": _device(options="w"),
    "blkdiscard": _device(),
    "cp": _device(last=True),
    "curl": _device(values="o output"),
    "install": _device(last=True),
    "mkswap": _device(),
    "parted": _device(words="mklabel mktable mkpart rm resizepart"),
    "sfdisk": _device(options="delete wipe f force"),
    "sgdisk": _device(options="Z z o d zap zap-all clear delete mbrtogpt"),
    "shred": _device(),
    "sort": _device(values="o output"),
    "tee": _device(),
    "truncate": _device(),
    "wget": _device(values="O output-document"),
    "wipefs": _device(options="a o all offset"),
    "shutdown": _always("shutdown"),
    "reboot": _always("reboot"),
    "halt": _always("halt"),
    "poweroff": _always("poweroff"),
    "systemctl": _systemctl,
    "loginctl": _systemctl,
    "init": _init,
    "telinit": _init,
    "busctl": _bus,
    "dbus-send": _bus,
    "gdbus": _bus,
    "kexec": _kexec,
}
RULED_PROGRAMS: Final = frozenset(_RULES)
"""Programs that a rule looks at."""
