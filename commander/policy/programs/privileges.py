"""Programs that run a command as somebody else, or in another system."""

from __future__ import annotations

from typing import Final

from commander.policy.programs.model import (
    Code,
    Effect,
    Language,
    Program,
    Risk,
    Style,
    Wraps,
)

__all__ = ["PROGRAMS"]

_DOAS: Final = Program(
    names="doas",
    style=Style.POSIX,
    valued="-u -a",
    flags="-n -L",
    wraps=Wraps(stops="-L"),
    reason="It runs the command behind it as another user.",
    passes=("doas ls", "doas -n -u nobody ls -l"),
    refuses=("doas pwn", "doas -s", "doas -u root sh -c pwn"),
)

_ELSEWHERE: Final = Program(
    names=(
        "chroot nsenter bwrap firejail proot nsjail capsh systemd-run systemd-nspawn "
        "machinectl arch-chroot schroot fakechroot runcon sg newgrp runuser unshare "
        "pivot_root switch_root toolbox distrobox lxc lxc-attach incus"
    ),
    refused="runs commands in another system, or as somebody else",
    harmless="--version --help",
    reason="What a command is there, nobody here can know.",
    passes=("chroot --version", "unshare --help"),
    refuses=(
        "chroot / pwn",
        "unshare -r pwn",
        "nsenter -t 1 -a pwn",
        "runuser -u nobody -- pwn",
        "systemd-run pwn",
        "bwrap --dev-bind / / pwn",
    ),
)

_GOSU: Final = Program(
    names="gosu su-exec setuidgid",
    style=Style.POSIX,
    flags="--version --help",
    wraps=Wraps(operands=1, stops="--version --help"),
    reason="It runs the command behind the user.",
    passes=("gosu nobody ls",),
    refuses=("gosu nobody pwn", "su-exec root sh -c pwn"),
)

_PKEXEC: Final = Program(
    names="pkexec",
    style=Style.POSIX,
    valued="--user",
    flags="--disable-internal-agent --keep-cwd --version --help",
    wraps=Wraps(stops="--version --help"),
    reason="It runs the command behind it as another user.",
    passes=("pkexec ls", "pkexec --user nobody ls"),
    refuses=("pkexec pwn", "pkexec --user root sh -c pwn"),
)

_SU: Final = Program(
    names="su",
    valued="-g --group -G --supp-group -w --whitelist-environment",
    risks=(
        Risk(
            options="-s --shell",
            effect=Effect.RUNS,
            why="names the program to run",
            passing="/bin/sh /bin/bash",
        ),
    ),
    code=Code(
        language=Language.SHELL,
        options="-c --command --session-command",
        needed=True,
        stops="--version --help -h -V",
    ),
    reason="It runs a shell as another user.",
    passes=("su -c 'ls -l' nobody", "su nobody -s /bin/sh -c ls"),
    refuses=(
        "su -c pwn",
        "su nobody -c 'ls; pwn'",
        "su",
        "su - root",
        "su root -- -c pwn",
        "su nobody -s ./pwn -c ls",
    ),
)

_SUDO: Final = Program(
    names="sudo",
    style=Style.POSIX,
    valued="-u --user -g --group -p --prompt -T --command-timeout",
    flags=(
        "-A --askpass -b --background -E --preserve-env* -H --set-home -k "
        "--reset-timestamp -K --remove-timestamp -l --list -n --non-interactive -N "
        "--no-update -P --preserve-groups -S --stdin -v --validate -V --version --help"
    ),
    risks=(
        Risk(
            options="-D --chdir",
            effect=Effect.WRITES,
            why="names the directory that the command writes to",
        ),
        Risk(
            options="-s --shell -i --login",
            effect=Effect.RUNS,
            why="starts a shell",
            bare=True,
        ),
        Risk(
            options="-e --edit",
            effect=Effect.RUNS,
            why="starts an editor",
            bare=True,
        ),
    ),
    wraps=Wraps(
        assignments=True,
        stops="-l --list -v --validate -V --version -K --remove-timestamp --help",
    ),
    reason="It runs the command behind it as another user.",
    passes=("sudo ls", "sudo -n -u nobody ls -l", "sudo -E CI=1 ls", "sudo -l"),
    refuses=(
        "sudo pwn",
        "sudo -E env pwn",
        "sudo -s pwn",
        "sudo -i",
        "sudo -u root -- pwn",
        "sudo PATH=. ls",
        "sudo -e /etc/hosts",
    ),
)

_SUDOEDIT: Final = Program(
    names="sudoedit visudo vipw vigr chsh",
    refused="starts an editor or changes a shell",
    harmless="--version -V --help",
    reason="It runs an editor that names programs, with all rights.",
    passes=("visudo --version",),
    refuses=("sudoedit /etc/hosts", "chsh -s ./pwn", "vipw"),
)

PROGRAMS: Final = (
    _ELSEWHERE,
    _DOAS,
    _GOSU,
    _PKEXEC,
    _SU,
    _SUDO,
    _SUDOEDIT,
)
