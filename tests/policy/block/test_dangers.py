"""The default blocklist: one table of spellings for each of its entries."""

from __future__ import annotations

import pytest

from commander.policy.shell.syntax import Dialect
from tests.policy.block.judging import DEFAULT, judge

DANGEROUS = {
    "rm -rf /*": [
        "rm -rf /*",
        "rm -rf /?*",
        "rm -rf /.*",
        "rm -rf /u*",
        "rm -rf /[a-z]*",
        "rm -rf /usr/*",
        "cd /; rm -fr -- *",
        "for d in /*; do rm -rf $d; done",
        'rm -rf "$UNSET"/*',
        "mv /* /tmp",
        "echo '/*' | xargs rm -rf",
    ],
    "find / -delete": [
        "find / -delete",
        "find -L / /tmp -xdev -type f -delete",
        "cd / && find -delete",
        "cd / && find . -delete",
        "find / -exec rm {} +",
        "find / -exec shred {} \\;",
        "find / -type f -exec rm -f {} \\;",
        "find $UNSET/ -delete",
        "find /usr -delete",
    ],
    "mkfs": [
        "mkfs /dev/sda",
        "/sbin/mkfs.ext4 -F disk.img",
        "find . -exec mkfs.xfs {} \\;",
        "mke2fs x",
        "echo y | mkfs.ext4 /dev/sda",
        "mkfs.ext4 -F disk.img && ls",
        "/sbin/mkf? x",
    ],
    "dd": [
        "dd if=/dev/zero of=x",
        "cat x | sudo dd of=y",
        "${x}dd if=a",
        "dd",
        "dd bs=1M | dd of=x",
        "busybox dd if=a",
    ],
    "chmod -R 777 /": [
        "chmod -R 777 /",
        "chmod 777 --recursive /",
        "chmod -R u+w /*",
        "chmod 777 / -R",
        "chmod -vR 0 /etc",
    ],
    "chown -R /": [
        "chown -hR me:me /",
        "chgrp -R me /etc",
        "cd /; chown -R me .",
        "chown --recursive me /usr",
    ],
    "> /dev/sda": [
        "echo x > /dev/sda",
        "echo x >> /dev/../dev/nvme0n1",
        "{ cat x; } >| //dev/vdb1",
        "> /dev/sda",
        "cat x 1<> /dev/sda",
        "cat x | tee -a y /dev/mmcblk0",
        "d=/dev/sda; echo x > $d",
        "cp image /dev/sda",
        "cp -t /dev/sda1 image",
        "cat x > /dev/mapper/root",
        "cat x > /dev/disk/by-id/x",
        "echo x > /dev/md0",
        "echo x > /dev/mem",
        "shred /dev/sda",
        "wipefs -a /dev/sda",
        "wipefs --all /dev/sda",
        "blkdiscard /dev/nvme0n1",
        "mkswap /dev/sda2",
        "sgdisk --zap-all /dev/sda",
        "sgdisk -Z /dev/sda",
        "parted -s /dev/sda mklabel gpt",
        "badblocks -w /dev/sda",
        "curl https://x -o /dev/sda",
        "wget -O /dev/sda https://x",
        "truncate -s 0 /dev/sda",
        "xzcat x | sudo tee /dev/sda",
        "sh -c 'cat x > /dev/sda'",
    ],
    "shutdown": ["shutdown -h now", "sudo shutdown", "shutdown -r +5"],
    "reboot": [
        "reboot",
        "reboot -f",
        "/???/reboot",
        "/sbin/re[b]oot",
        "re?oot",
        "x=re; ${x}boot",
        "re$@boot",
        "re${UNSET}boot",
        "$(echo reboot)",
        "for x in reboot; do $x; done",
        "$SUDO reboot",
        "echo b > /proc/sysrq-trigger",
        "echo b | tee /tmp/x > /proc/sysrq-trigger",
        "kexec -e",
        "while :; do reboot; done",
        "EDITOR=reboot git commit",
        "echo 'reboot' | at midnight",
    ],
    "halt": ["halt -p", "halt"],
    "poweroff": ["poweroff", "busybox poweroff -f"],
    "systemctl poweroff": [
        "systemctl reboot",
        "systemctl --force -H host poweroff",
        "systemctl start x reboot.target",
        "systemctl isolate runlevel6.target",
        "systemctl -i suspend",
        "loginctl suspend",
        "dbus-send --system --dest=org.freedesktop.login1 /org/freedesktop/login1 "
        "org.freedesktop.login1.Manager.PowerOff boolean:true",
        "busctl call org.freedesktop.login1 /org/freedesktop/login1 "
        "org.freedesktop.login1.Manager Reboot b true",
    ],
    "init 0": ["init 0", "/sbin/init 0"],
    "init 6": ["telinit -t 3 6", "init 6"],
    "fork bombs": [
        ":(){ :|:& };:",
        ": () { : | : & } ; :",
        ":\n()\n{\n:|:&\n}\n:",
        "bomb() { bomb | bomb & }; bomb",
        "f() { f & }",
        "f() { f & f; }; f",
        "f() ( f | f )",
        "f() { (f) & }",
        "f() { f | cat; }",
        "f() { if true; then f & fi; }",
        "f() { ls; { f; } | f; }",
        "f() { g; }; g() { f & f & }; f",
        "f() { $x | $x & }; x=f; f",
        "f() { eval 'f | f &'; }; f",
        "sh -c ':(){ :|:& };:'",
        "while true; do sh -c 'while :; do :; done' & done",
        "while :; do $0 & done",
        "until false; do ls & done",
        "while [ 1 ]; do echo; ls & done",
        "perl -e 'fork while fork'",
        "perl -e 'fork while 1'",
        "python3 -c 'import os\nwhile True: os.fork()'",
        "ruby -e 'loop { fork }'",
    ],
}
IN_BASH = {
    "reboot": ["{reboot,-f}", "mapfile -C reboot -c 1 x", "$'reboot'"],
    "> /dev/sda": ["ls &> /dev/hda", "cat x >& /dev/sda"],
    "fork bombs": [
        "function f { f | f & }; f",
        "function f { (f) & }",
        "for ((;;)); do ls & done",
        ":(){ :|:& };:#",
    ],
}


@pytest.mark.parametrize(
    ("name", "text"),
    [(name, text) for name, texts in DANGEROUS.items() for text in texts],
)
@pytest.mark.parametrize("dialect", [Dialect.SH, Dialect.BASH])
def test_the_default_list_finds_a_danger_however_it_is_written(
    name: str, text: str, dialect: Dialect
) -> None:
    hit = judge(text, dialect=dialect)
    assert hit is not None
    assert (hit.name, hit.operators) == (name, False)
    assert name in DEFAULT.names


@pytest.mark.parametrize(
    ("name", "text"),
    [(name, text) for name, texts in IN_BASH.items() for text in texts],
)
def test_the_default_list_finds_a_danger_that_only_bash_knows(
    name: str, text: str
) -> None:
    hit = judge(text, dialect=Dialect.BASH)
    assert hit is not None
    assert hit.name == name
