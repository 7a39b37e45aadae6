"""Programs that pack and unpack files."""

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

_CREATES: Final = (
    "-c --create -r --append -u --update -A --catenate --concatenate "
    "-t --list -d --diff --compare"
)

_TAR: Final = Program(
    names="tar gtar bsdtar",
    valued=(
        "-b --blocking-factor -H --format -L --tape-length -N --newer --after-date "
        "--newer-mtime -V --label -X --exclude-from --exclude --exclude-ignore "
        "--exclude-ignore-recursive --exclude-tag --exclude-tag-all "
        "--exclude-tag-under --owner --owner-map --group --group-map --mode --mtime "
        "--sort --strip-components --level --pax-option --quoting-style "
        "--quote-chars --no-quote-chars --record-size --warning --suffix "
        "--hole-detection "
        "--occurrence --add-file -K --starting-file --sparse-version"
    ),
    risks=(
        Risk(
            options="-I --use-compress-program",
            effect=Effect.RUNS,
            why="runs a program on the archive",
            passing="gzip pigz bzip2 pbzip2 xz pixz zstd zstdmt lz4 lzma",
        ),
        Risk(
            options="-F --info-script --new-volume-script",
            effect=Effect.RUNS,
            why="runs a program at the end of each volume",
        ),
        Risk(
            options="--to-command",
            effect=Effect.RUNS,
            why="runs a program on every member",
        ),
        Risk(
            options="--checkpoint-action",
            effect=Effect.RUNS,
            why="runs a program every few records",
            passing="dot echo totals",
        ),
        Risk(
            options="--rsh-command --rmt-command",
            effect=Effect.RUNS,
            why="runs a program to reach another machine",
        ),
        Risk(
            options="-T --files-from",
            effect=Effect.LOADS,
            why="reads names, and options among them, from a file",
        ),
        Risk(
            options="-f --file",
            effect=Effect.WRITES,
            why="names the archive that is written",
            unless="-x --extract --get -t --list -d --diff --compare",
        ),
        Risk(
            options="-C --directory",
            effect=Effect.WRITES,
            why="names the directory that is written to",
            unless=_CREATES,
        ),
        Risk(
            options="--one-top-level",
            effect=Effect.WRITES,
            why="names the directory that is written to",
            bare=True,
            values="*",
        ),
        Risk(
            options="-P --absolute-names",
            effect=Effect.WRITES,
            why="writes members to any path",
            bare=True,
            unless=_CREATES,
        ),
        Risk(
            options="--transform --xform -s",
            effect=Effect.RUNS,
            why="writes members under other names",
            unless=_CREATES,
        ),
        Risk(
            options="-g --listed-incremental --index-file --volno-file",
            effect=Effect.WRITES,
            why=WRITES,
        ),
    ),
    first_word_cluster=True,
    reason="It runs programs on archives and members, and writes where it is told.",
    passes=(
        "tar czf out.tgz src",
        "tar -xzf ../pkg.tgz -C build --strip-components=1",
        "tar tf /var/log/x.tar",
        "tar czf /tmp/x.tgz -C / etc",
        "tar --exclude=.git -cf - .",
        "tar -I zstd -cf x.tar.zst src",
    ),
    refuses=(
        "tar cf x.tar a --checkpoint=1 --checkpoint-action=exec=pwn",
        "tar cf x.tar a --checkpoint-a=exec=pwn",
        "tar -I pwn -cf x.tar a",
        "tar cfI x.tar pwn a",
        "tar xf x.tar --to-command=pwn",
        "tar -cML 10 -F pwn -f x.tar a",
        "tar xf x.tar -C /etc",
        "tar cf .git/hooks/x a",
        "tar -T evil -cf x.tar",
        "tar xPf x.tar",
    ),
)

_RSYNC: Final = Program(
    names="rsync",
    style=Style.EXACT,
    valued=(
        "-f --filter --exclude --include --exclude-from --include-from --files-from "
        "--chmod --chown --port --bwlimit --timeout --contimeout --max-size "
        "--min-size --max-delete --info --debug -B --block-size --suffix "
        "--modify-window -@ --compare-dest --copy-dest --link-dest --compress-level "
        "--zl --compress-choice --zc --checksum-choice --cc --checksum-seed "
        "--protocol --address --out-format --log-file-format --password-file "
        "--usermap --groupmap --skip-compress --stop-after --stop-at --read-batch "
        "--iconv --max-alloc --early-input --outbuf --sockopts --copy-as"
    ),
    risks=(
        Risk(
            options="-e --rsh",
            effect=Effect.RUNS,
            why="runs a program to reach another machine",
            passing="ssh",
        ),
        Risk(
            options="--rsync-path",
            effect=Effect.RUNS,
            why="runs a program at the other end",
            passing="rsync",
        ),
        Risk(
            options="-M --remote-option",
            effect=Effect.RUNS,
            why="passes options to the other end",
        ),
        Risk(
            options="--daemon --server",
            effect=Effect.RUNS,
            why="serves others",
            bare=True,
        ),
        Risk(
            options="--config --dparam",
            effect=Effect.LOADS,
            why="reads settings that can run programs",
        ),
        Risk(
            options="--log-file --write-batch --only-write-batch",
            effect=Effect.WRITES,
            why=WRITES,
        ),
        Risk(
            options="-T --temp-dir --partial-dir --backup-dir",
            effect=Effect.WRITES,
            why="names a directory that is written to",
        ),
    ),
    targets=Targets.LAST,
    remote=True,
    reason="It runs any program to reach another machine.",
    passes=(
        "rsync -av --exclude .git --delete src/ build/",
        "rsync -az -e ssh src/ host:/srv/app/",
        "rsync -n a b/",
        "rsync --version",
    ),
    refuses=(
        "rsync -e pwn a host:b",
        "rsync -ave 'sh -c pwn' a host:b",
        "rsync --rsh=pwn a host:b",
        "rsync --rsync-path=pwn a host:b",
        "rsync evil .git/config",
        "rsync a host:b --log-file=/etc/x",
    ),
)

_UNZIP: Final = Program(
    names="unzip",
    valued="-P -x",
    risks=(
        Risk(
            options="-d",
            effect=Effect.WRITES,
            why="names the directory that is written to",
        ),
        Risk(
            options="-:",
            effect=Effect.RUNS,
            why="writes outside of the directory",
            bare=True,
        ),
    ),
    reason="It writes where it is told.",
    passes=("unzip -l a.zip", "unzip -qo a.zip -d build", "unzip -p a.zip x.txt"),
    refuses=("unzip -o a.zip -d /etc", "unzip -o: a.zip", "unzip a.zip -d .git/hooks"),
)

_ZIP: Final = Program(
    names="zip zipcloak zipnote zipsplit",
    valued=(
        "-n --suffixes -P --password -t --from-date -tt --before-date -x --exclude "
        "-i --include -s --split-size -Z --compression-method -ds"
    ),
    risks=(
        Risk(
            options="-TT --unzip-command",
            effect=Effect.RUNS,
            why="runs a program to test the archive",
        ),
        Risk(
            options="-T",
            effect=Effect.RUNS,
            why="runs a program to test the archive",
            bare=True,
            values="T* *T*",
        ),
        Risk(
            options="-O --output-file --out -b --temp-path -lf --logfile-path",
            effect=Effect.WRITES,
            why=WRITES,
        ),
    ),
    targets=Targets.FIRST,
    reason="It runs any program to test the archive.",
    passes=("zip -r out.zip src -x '*.pyc'", "zip -q9 out.zip a.txt", "zip -T out.zip"),
    refuses=(
        "zip x.zip a -T -TT pwn",
        "zip -T --unzip-command=pwn x.zip a",
        "zip -T --unzip-c pwn x.zip a",
        "zip -rTT pwn x.zip a",
        "zip .git/hooks/x a",
    ),
)

_CPIO: Final = Program(
    names="cpio pax shar",
    valued="-H --format -R --owner -C --io-size -E --pattern-file -M --message",
    risks=(
        Risk(
            options="--rsh-command",
            effect=Effect.RUNS,
            why="runs a program to reach another machine",
        ),
        Risk(
            options="-F --file -O -D --directory -f",
            effect=Effect.WRITES,
            why=WRITES,
        ),
        Risk(
            options="--absolute-filenames -s",
            effect=Effect.RUNS,
            why="writes members to any path",
            bare=True,
        ),
        Risk(
            options="-p --pass-through",
            effect=Effect.EDITS,
            why="copies files to a directory",
            bare=True,
        ),
    ),
    reason="It runs a program to reach another machine.",
    passes=("cpio -it", "cpio -o -H newc", "cpio -pdm build/x"),
    refuses=(
        "cpio -o --rsh-command=../bin/pwn -F h:x",
        "cpio -o -F .git/config",
        "cpio -pdm /etc",
        "cpio -oO /etc/x",
    ),
)

_GZIP: Final = Program(
    names="gzip gunzip pigz unpigz bzip2 bunzip2 pbzip2 lzip plzip xz unxz lzma unlzma "
    "lzop compress uncompress brotli",
    valued="-S --suffix",
    risks=(
        Risk(options="-o --output", effect=Effect.WRITES, why=WRITES),
        Risk(
            options="--files --files0",
            effect=Effect.LOADS,
            why="reads names from a file",
            bare=True,
        ),
    ),
    targets=Targets.EACH,
    targets_unless=(
        "-c --stdout --to-stdout -l --list -t --test --version --help -V -h"
    ),
    reason="It puts another file in the place of each operand.",
    passes=(
        "gzip -9 a.txt",
        "gzip -dc /var/log/x.gz",
        "xz -k -T0 a.tar",
        "gunzip a.gz",
    ),
    refuses=("gzip /etc/passwd", "xz -k .git/config", "gunzip ../a.gz"),
)

_SEVEN_ZIP: Final = Program(
    names="7z 7za 7zr 7zz p7zip unrar rar unar arj lha",
    risks=(
        Risk(
            options="-o -w",
            effect=Effect.WRITES,
            why="names the directory that is written to",
            bare=True,
            values="*",
        ),
        Risk(
            options="-spf -spf2 -sfx*",
            effect=Effect.RUNS,
            why="writes members to any path",
            bare=True,
        ),
    ),
    everywhere=True,
    subcommands=(Subcommand(names="a u d rn m", targets=Targets.FIRST),),
    reason="It writes where it is told.",
    passes=("7z l a.7z", "7z x a.7z -obuild -y", "7z a out.7z src"),
    refuses=("7z x a.7z -o/etc", "7z a .git/config src", "7z x -spf a.7z"),
)

_ZSTD: Final = Program(
    names="zstd unzstd zstdmt pzstd lz4 unlz4",
    risks=(
        Risk(
            options="-o --output-dir-flat --output-dir-mirror --trace",
            effect=Effect.WRITES,
            why=WRITES,
        ),
        Risk(options="--filelist", effect=Effect.LOADS, why="reads names from a file"),
    ),
    targets=Targets.EACH,
    targets_unless="-c --stdout -l --list -t --test -b --version --help -V -h -o",
    reason="It writes a file beside each operand.",
    passes=("zstd -19 a.txt", "zstd -dc /var/log/x.zst", "zstd a -o build/a.zst"),
    refuses=("zstd a -o .git/config", "zstd /etc/passwd", "lz4 a /etc/x"),
)

PROGRAMS: Final = (
    _SEVEN_ZIP,
    _CPIO,
    _GZIP,
    _RSYNC,
    _TAR,
    _UNZIP,
    _ZIP,
    _ZSTD,
)
