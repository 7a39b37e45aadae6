"""What programs execute by themselves, as far as it is known.

Behind an allow-list the kernel lets commands execute only what the list names
(``MCP_SANDBOX``). But programs need others for their own work: ``tar`` runs ``gzip``,
``git`` its helpers. Those are a program's *companions*. A program without an entry
here is *open*: what it has to execute to do its work is not known, or is anything, as
with ``make``, ``npm`` and ``python3``.

An entry answers one question only: which executables a program cannot do its ordinary
work without. What it runs because its words or its configuration say so, such as the
program after ``xargs``, a pager or a hook, is no companion: it has to stand in the
list. That is what the kernel is there for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from commander.policy.wordset import wordset

__all__ = ["MANY_IN_ONE", "Companions", "companions_of", "known_programs"]


@attrs.frozen
class Companions:
    """What one program executes by itself."""

    programs: frozenset[str] = frozenset()
    """Names, to be looked for where commands look."""
    directories: tuple[str, ...] = ()
    """Patterns as of ``glob``; everything in and below those that exist."""
    runs_arguments: bool = False
    """Its words name programs that it runs: those of an entry stand in the list."""


_NONE: Final = (
    # coreutils
    "arch b2sum base32 base64 basename basenc cat chgrp chmod chown cksum comm cp "
    "csplit cut date dd df dir dircolors dirname du echo expand expr factor false fmt "
    "fold groups head hostid id join link ln logname ls md5sum mkdir mkfifo mknod "
    "mktemp mv nl nproc numfmt od paste pathchk pinky pr printenv printf ptx pwd "
    "readlink realpath rm rmdir seq sha1sum sha224sum sha256sum sha384sum sha512sum "
    "shred shuf sleep sort stat stty sum sync tac tail tee test [ touch tr true "
    "truncate tsort tty uname unexpand uniq unlink uptime users vdir wc who whoami yes "
    # text and files
    "bc cal cmp col colrm column diff file fd fdfind getconf getfacl hexdump hd "
    "iconv jq less locale look lsattr more ncal patch rev strings tree xxd "
    # archives: one format each, in the program itself
    "7z 7za 7zr ar bunzip2 bzcat bzip2 cpio gzip lz4 lz4cat unxz unzip unzstd xz xzcat "
    "zip zipinfo zstd zstdcat "
    # the machine and its processes
    "arp blkid dmesg findmnt free getent hostname ifconfig ip journalctl kill lsblk "
    "lscpu lsmem lsns lsof lspci lsusb mountpoint namei netstat nm objdump pgrep pidof "
    "pkill ps pmap pwdx readelf renice route size ss top vmstat w whereis which "
    # the network
    "curl dig host mtr nslookup openssl ping ping6 ssh ssh-keygen ssh-keyscan "
    "traceroute tracepath uuidgen wget whois "
    # shells: what their text runs must be listed
    "ash bash dash ksh mksh sh zsh "
    # builtins of the shell, of which there may be no program
    ". : alias bg break cd continue eval exit export fg getopts hash jobs let local "
    "read return set shift source times trap type ulimit umask unalias unset wait"
)
"""Programs that do all by themselves, and builtins."""

_RUN_ARGUMENTS: Final = (
    "chrt command env exec find flock ionice nice nohup prlimit setarch setpriv "
    "setsid stdbuf taskset time timeout xargs"
)
"""Programs that execute what their words name, and nothing else."""

_GZIP_SCRIPTS: Final = (
    "gunzip uncompress zcat zcmp zdiff zegrep zfgrep zforce zgrep zless zmore znew "
    "bzcmp bzdiff bzegrep bzfgrep bzgrep bzless bzmore xzcmp xzdiff xzegrep xzfgrep "
    "xzgrep xzless xzmore lzcat lzgrep"
)
"""Scripts around a compressor: each is a few lines of shell with these tools."""
_GZIP_TOOLS: Final = wordset(
    "sh bash gzip bzip2 xz zstd grep egrep fgrep sed diff cmp cat cp rm mv mktemp expr "
    "basename less more test [ printf touch chmod tr cut"
)

_COMPRESSORS: Final = wordset("gzip bzip2 xz zstd lz4 lzip lzop lzma compress brotli")

_SOME: Final[Mapping[str, Companions]] = {
    # print | "cmd", system() and getline go through a shell.
    **dict.fromkeys(
        ("awk", "gawk", "mawk", "nawk", "original-awk"), Companions(wordset("sh"))
    ),
    # The e command of GNU sed, and split's --filter: both through a shell.
    "sed": Companions(wordset("sh")),
    "split": Companions(wordset("sh")),
    # In newer releases scripts around grep.
    "grep": Companions(),
    "egrep": Companions(wordset("sh grep")),
    "fgrep": Companions(wordset("sh grep")),
    # -z reads compressed files through their programs.
    "rg": Companions(_COMPRESSORS),
    # -z, -j, -J; and --to-command and --checkpoint-action go through a shell.
    "tar": Companions(_COMPRESSORS | wordset("sh")),
    # diff3 and sdiff are made of diff; sdiff edits, so it stands open.
    "diff3": Companions(wordset("diff")),
    # Both reach other machines through ssh.
    "rsync": Companions(wordset("ssh")),
    "scp": Companions(wordset("ssh")),
    "sftp": Companions(wordset("ssh")),
    # It gives its words to a shell.
    "watch": Companions(wordset("sh"), runs_arguments=True),
    # One process for each step of formatting, found by name or in its directories.
    **dict.fromkeys(
        ("man", "apropos", "whatis"),
        Companions(
            wordset(
                "sh cat col eqn gzip groff grotty iconv less locale manpath more nroff "
                "pager pic preconv refer tbl troff xz zsoelim zstd"
            ),
            ("/usr/lib/man-db", "/usr/libexec/man-db"),
        ),
    ),
    # Its commands are programs in its directory, some of them shell scripts with
    # these tools. ssh: most remotes. cat: the pager that commands are given. git-lfs:
    # without it files of a repository that has it cannot be checked out. No editor,
    # gpg, credential helper or hook: those an operator lists, or they are not run.
    "git": Companions(
        wordset(
            "git git-lfs git-upload-pack git-receive-pack git-upload-archive ssh sh "
            "cat basename cmp cp cut date diff dirname envsubst expr gettext grep head "
            "ls mkdir mktemp mv rm sed sort touch tr uname uniq wc"
        ),
        ("/usr/lib/git-core", "/usr/libexec/git-core", "/usr/local/libexec/git-core"),
    ),
}

MANY_IN_ONE: Final = wordset("busybox toybox coreutils")
"""Files that hold many programs. To the kernel they are one: whoever may execute one
of its programs may execute all."""

_TABLE: Final[Mapping[str, Companions]] = {
    **dict.fromkeys(_NONE.split(), Companions()),
    **dict.fromkeys(_RUN_ARGUMENTS.split(), Companions(runs_arguments=True)),
    **dict.fromkeys(_GZIP_SCRIPTS.split(), Companions(_GZIP_TOOLS)),
    **_SOME,
}


def companions_of(program: str) -> Companions | None:
    """What a program executes by itself; None if that may be anything.

    Args:
        program: Its name, without a directory.
    """
    return _TABLE.get(program)


def known_programs() -> frozenset[str]:
    """The names of all programs that have an entry."""
    return frozenset(_TABLE)
