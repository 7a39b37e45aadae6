"""Programs that copy files to stores of many kinds."""

from __future__ import annotations

from typing import Final

from commander.policy.programs.model import (
    Effect,
    Program,
    Risk,
    Style,
    Subcommand,
    Targets,
)
from commander.policy.programs.reasons import WRITES

__all__ = ["PROGRAMS"]

_SERVES: Final = "serves others, mounts or starts a program"

_BORG: Final = Program(
    names="borg borgmatic",
    valued="-C --compression -e --exclude --pattern -P --prefix -a --glob-archives "
    "--keep-daily --keep-weekly --keep-monthly --keep-within --encryption",
    risks=(
        Risk(
            options="--rsh --remote-path",
            effect=Effect.RUNS,
            why="names the program that reaches the other end",
        ),
        Risk(
            options="--content-from-command --paths-from-command",
            effect=Effect.RUNS,
            why="runs the words behind it",
            bare=True,
        ),
        Risk(
            options="--debug-profile --upgrade-to --socket",
            effect=Effect.WRITES,
            why=WRITES,
        ),
        Risk(
            options="-c --config --override",
            effect=Effect.LOADS,
            why="reads settings that name programs",
            values="*/* *=* *.y*ml",
        ),
    ),
    everywhere=True,
    subcommands=(
        Subcommand(names="create init", targets=Targets.FIRST, remote=True),
        Subcommand(names="export-tar key.export", targets=Targets.SECOND),
        Subcommand(
            names="serve mount umount with-lock debug benchmark config borg",
            refused=_SERVES,
        ),
    ),
    reason="Options name programs to run, and it runs one with a lock held.",
    passes=("borg list ssh://h/./repo", "borg create h:repo::x src", "borg info repo"),
    refuses=(
        "borg list --rsh pwn h:repo",
        "borg --rs=pwn list h:repo",
        "borg with-lock repo pwn",
        "borg create --content-from-command repo::x -- pwn",
        "borg init -e none /etc/x",
    ),
)

_RCLONE: Final = Program(
    names="rclone",
    style=Style.EXACT,
    valued="--include --exclude --filter --files-from --exclude-from --transfers "
    "--checkers --bwlimit --max-age --min-age --max-size --min-size --log-level",
    risks=(
        Risk(
            options="--password-command --metadata-mapper --sftp-* "
            "--webdav-bearer-token-command --crypt-remote --alias-remote "
            "--chunker-remote --compress-remote --hasher-remote --cache-remote "
            "--union-upstreams --combine-upstreams --archive-*",
            effect=Effect.RUNS,
            why="names a program, or a remote that can",
        ),
        Risk(
            options="--config",
            effect=Effect.LOADS,
            why="reads settings that name programs",
        ),
        Risk(
            options="--rc --rc-* --loopback --metrics-addr",
            effect=Effect.RUNS,
            why="takes orders from others",
            bare=True,
        ),
        Risk(
            options="--log-file --cache-dir --temp-dir --backup-dir --cpuprofile "
            "--memprofile --combined --differ --error --match --missing-on-dst "
            "--missing-on-src --output-file -o",
            effect=Effect.WRITES,
            why=WRITES,
        ),
    ),
    everywhere=True,
    subcommands=(
        Subcommand(
            names="*",
            operands=":* *,*:*",
            operands_why="names a remote by its settings, and some run programs",
        ),
        Subcommand(
            names="copy copyto copyurl move moveto sync bisync mkdir touch rcat purge "
            "delete deletefile rmdir rmdirs cleanup archive.create archive.extract",
            targets=Targets.LAST,
            remote=True,
        ),
        Subcommand(
            names="serve mount nfsmount cmount rcd rc selfupdate config backend "
            "gitannex test ncdu authorize",
            refused=_SERVES,
            harmless="listremotes redacted providers",
        ),
        Subcommand(
            names="mkdir touch rcat purge delete deletefile rmdir rmdirs",
            targets=Targets.FIRST,
            remote=True,
        ),
    ),
    reason="Settings of a remote name programs, and a word can hold them.",
    passes=("rclone lsf s3:bucket", "rclone copy src s3:b/x", "rclone copy s3:b out"),
    refuses=(
        "rclone lsf :sftp,ssh=pwn:",
        "rclone lsf r,ssh=pwn:x",
        "rclone lsf r: --sftp-ssh pwn",
        "rclone lsf r: --password-command pwn",
        "rclone copy s3:b /etc/x",
        "rclone copy src :local:/etc/x",
        "rclone serve http .",
        "rclone config create x sftp ssh=pwn",
        "rclone --config evil.conf lsf r:",
    ),
)

_RESTIC: Final = Program(
    names="restic rustic",
    style=Style.EXACT,
    valued="-p --password-file --tag --host -H --exclude -e --exclude-file -i "
    "--include --key-hint --cacert --limit-upload --limit-download",
    risks=(
        Risk(
            options="-o --option",
            effect=Effect.RUNS,
            why="sets options, and some name programs",
            passing="s3.* b2.* local.layout=*",
        ),
        Risk(
            options="--password-command --from-password-command "
            "--stdin-from-command --use-profile",
            effect=Effect.RUNS,
            why="runs a program",
            bare=True,
        ),
        Risk(
            options="-r --repo --from-repo --repo2",
            effect=Effect.WRITES,
            why="names the store, which a program can stand for",
            passing="s3:* b2:* rest:* azure:* gs:* swift:*",
            never="rclone:* sftp:*",
        ),
        Risk(
            options="-t --target --cache-dir --bash-completion --zsh-completion "
            "--fish-completion --man --cpu-profile --mem-profile --output",
            effect=Effect.WRITES,
            why=WRITES,
        ),
    ),
    everywhere=True,
    subcommands=(Subcommand(names="mount self-update options", refused=_SERVES),),
    reason="Options name programs to run, and so can the store.",
    passes=("restic -r s3:h/b snapshots", "restic backup src", "restic -r repo check"),
    refuses=(
        "restic -o sftp.command=pwn -r s3:h/b check",
        "restic --password-command=pwn snapshots",
        "restic -r rclone:x check",
        "restic backup --stdin-from-command pwn",
        "restic restore latest --target /etc",
    ),
)

PROGRAMS: Final = (
    _BORG,
    _RCLONE,
    _RESTIC,
)
