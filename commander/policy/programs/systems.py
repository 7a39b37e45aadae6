"""Programs that look after a system: services, devices, logs, manuals."""

from __future__ import annotations

from typing import Final

from commander.policy.programs.model import (
    Effect,
    Program,
    Risk,
    Style,
    Subcommand,
)
from commander.policy.programs.reasons import WRITES

__all__ = ["PROGRAMS"]


_DD: Final = Program(
    names="dd gdd dcfldd",
    style=Style.WORDS,
    operands="of=*",
    operands_why="writes to a file",
    reason="It writes to files and devices.",
    passes=("dd if=a.bin bs=1 count=4 status=none",),
    refuses=("dd if=a of=/dev/sda", "dd if=evil of=.git/config"),
)

_INFO: Final = Program(
    names="info pinfo",
    valued="-f --file -n --node -k --apropos -d --directory --index-search",
    risks=(
        Risk(
            options="--init-file --restore",
            effect=Effect.LOADS,
            why="binds or types keys, and some run programs",
        ),
        Risk(options="-o --output --dribble", effect=Effect.WRITES, why=WRITES),
    ),
    reason="Keys run programs.",
    passes=("info coreutils", "info -o ls.txt ls"),
    refuses=("info --init-file evil ls", "info --restore=evil ls", "info -o /etc/x ls"),
)

_JOURNALCTL: Final = Program(
    names="journalctl",
    valued=(
        "-u --unit -n --lines -o --output -p --priority -S --since -U --until -t "
        "--identifier -D --directory -g --grep -c --cursor --user-unit -F --field"
    ),
    risks=(
        Risk(options="--cursor-file", effect=Effect.WRITES, why=WRITES),
        Risk(
            options="--setup-keys --rotate --flush --sync",
            effect=Effect.RUNS,
            why="changes the journal",
            bare=True,
        ),
    ),
    reason="It writes a file where it stopped.",
    passes=("journalctl -u nginx -n 50 --no-pager", "journalctl --since yesterday"),
    refuses=("journalctl --cursor-file=/etc/x", "journalctl --rotate"),
)

_KERNEL: Final = Program(
    names="insmod modprobe kexec ldconfig update-alternatives update-rc.d chkconfig "
    "setcap grub-install update-grub debconf nsupdate setfacl chattr",
    refused="changes what the system runs",
    harmless="--version -V --help",
    reason="What it installs runs with all rights.",
    passes=("modprobe --version",),
    refuses=("insmod evil.ko", "ldconfig -C x -f evil", "setcap cap_setuid+ep x"),
)

_MOUNT: Final = Program(
    names="mount umount losetup cryptsetup swapon pvcreate mdadm fusermount bindfs",
    operands="*",
    operands_why="changes what is found in a directory",
    risks=(
        Risk(
            options="-a --all -o --options -T --fstab -t --types -B --bind -M --move "
            "-R",
            effect=Effect.RUNS,
            why="changes what is found in a directory",
            bare=True,
        ),
    ),
    reason="A helper runs for each kind, and one directory hides another.",
    passes=("mount", "mount -l"),
    refuses=("mount -o bind evil /etc", "mount --bind a b", "umount /tmp"),
)

_PERLDOC: Final = Program(
    names="perldoc",
    style=Style.POSIX,
    valued="-f -q -v -L -a",
    risks=(
        Risk(
            options="-M -w -n -D",
            effect=Effect.LOADS,
            why="loads code or runs a program",
        ),
        Risk(options="-d", effect=Effect.WRITES, why=WRITES),
        Risk(options="-e", effect=Effect.RUNS, why="starts an editor"),
    ),
    reason="It loads modules and runs formatters.",
    passes=("perldoc -f system", "perldoc -T perlrun"),
    refuses=(
        "perldoc -MEvil perlrun",
        "perldoc -n ./pwn perlrun",
        "perldoc -d /etc/x y",
    ),
)

_SS: Final = Program(
    names="ss netstat",
    valued="-f -A -N",
    risks=(
        Risk(options="-D --diag", effect=Effect.WRITES, why=WRITES),
        Risk(
            options="-K --kill", effect=Effect.RUNS, why="ends connections", bare=True
        ),
    ),
    reason="It writes a dump.",
    passes=("ss -tlnp", "ss -ant"),
    refuses=("ss -D /etc/x", "ss -K dst 1.1.1.1"),
)

_SYSCTL: Final = Program(
    names="sysctl",
    risks=(
        Risk(
            options="-w --write -p --load --system",
            effect=Effect.RUNS,
            why="changes settings of the kernel, and some name programs",
            bare=True,
        ),
    ),
    operands="*=*",
    operands_why="changes a setting of the kernel, and some name programs",
    reason="Settings such as `kernel.core_pattern` name programs.",
    passes=("sysctl -a", "sysctl -n vm.swappiness"),
    refuses=(
        "sysctl -w kernel.core_pattern='|/pwn'",
        "sysctl kernel.core_pattern='|/pwn'",
        "sysctl -pevil",
    ),
)

_SYSTEMCTL: Final = Program(
    names="systemctl service rc-service sv initctl loginctl busctl",
    valued="-t --type -p --property -n --lines -o --output --state --job-mode -s "
    "--signal",
    risks=(
        Risk(
            options="-H --host -M --machine --root --image",
            effect=Effect.RUNS,
            why="works on another system",
        ),
    ),
    everywhere=True,
    subcommands=(
        Subcommand(
            names="edit link set-environment import-environment unset-environment "
            "set-property attach call switch-root",
            refused="changes what a service runs",
        ),
        Subcommand(
            names="enable reenable start restart",
            operands="./* ../* /* ~* */*",
            operands_why="is a unit that is not installed",
        ),
    ),
    reason="It installs services, which are programs.",
    passes=("systemctl status nginx", "systemctl list-units --type=service"),
    refuses=(
        "systemctl link ./evil.service",
        "systemctl enable --now /tmp/evil.service",
        "systemctl edit nginx",
        "systemctl -H evil status x",
        "systemctl set-environment LD_PRELOAD=./x.so",
    ),
)

PROGRAMS: Final = (
    _DD,
    _INFO,
    _KERNEL,
    _JOURNALCTL,
    _MOUNT,
    _PERLDOC,
    _SS,
    _SYSCTL,
    _SYSTEMCTL,
)
