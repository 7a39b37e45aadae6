"""Programs that encrypt, sign and keep keys."""

from __future__ import annotations

from typing import Final

from commander.policy.programs.model import (
    Code,
    Effect,
    Language,
    Program,
    Risk,
    Style,
    Subcommand,
)
from commander.policy.programs.reasons import WRITES

__all__ = ["PROGRAMS"]


_GPG: Final = Program(
    names="gpg gpg2 gpgv gpgsm",
    valued="-r --recipient -u --local-user --passphrase --passphrase-fd --keyserver",
    risks=(
        Risk(
            options="--exec-path --photo-viewer --agent-program --dirmngr-program "
            "--keyboxd-program",
            effect=Effect.RUNS,
            why="names a program that it runs",
        ),
        Risk(
            options="--options --homedir --load-extension",
            effect=Effect.LOADS,
            why="reads settings that name programs",
        ),
        Risk(
            options="-o --output --logger-file --log-file --attribute-file "
            "--status-file",
            effect=Effect.WRITES,
            why=WRITES,
        ),
    ),
    reason="Options name programs that it runs, and files that it writes.",
    passes=("gpg --verify a.sig a", "gpg --list-keys", "gpg -o a.txt -d a.gpg"),
    refuses=(
        "gpg --photo-viewer pwn --list-options show-photos -k",
        "gpg --agent-program ./pwn -d a.gpg",
        "gpg -o /etc/x -d a.gpg",
        "gpg --options evil -k",
    ),
)


_OPENSSL: Final = Program(
    names="openssl libressl",
    style=Style.WORDS,
    valued="-in -inkey -CAfile -CApath -connect -servername -days -newkey -subj -key "
    "-pass",
    risks=(
        Risk(
            options="-engine -provider -provider-path -config -extfile "
            "-extensions_file "
            "-loader",
            effect=Effect.LOADS,
            why="loads a library or settings",
            passing="default legacy base fips",
        ),
        Risk(
            options="-out -keyout -writerand -CAserial -sigfile -certsout -sess_out "
            "-keylogfile -msgfile -early_data_out -dump_file -outdir -certfile_out "
            "-signature_out -newcerts -cachain -respout -reqout -tokenout -secretout",
            effect=Effect.WRITES,
            why=WRITES,
        ),
        Risk(
            options="-WWW -HTTP -www",
            effect=Effect.RUNS,
            why="serves files",
            bare=True,
        ),
    ),
    everywhere=True,
    subcommands=(
        Subcommand(names="engine rehash", refused="loads a library, or makes links"),
    ),
    code=Code(language=Language.OPAQUE, stdin=True),
    reason="It loads libraries, and writes what it makes.",
    passes=(
        "openssl dgst -sha256 a.txt",
        "openssl rand -hex 32",
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem "
        "-subj /CN=x",
        "openssl x509 -in cert.pem -noout -text",
        "openssl s_client -connect example.org:443",
    ),
    refuses=(
        "openssl",
        "openssl req -engine ./evil.so",
        "openssl rand -out .git/hooks/x 9",
        "openssl dgst --engine ./evil.so x",
        "openssl engine -t dynamic -pre SO_PATH:./evil.so -pre LOAD",
        "openssl enc -in x -out /etc/cron.d/x",
    ),
)


_SSH_KEYS: Final = Program(
    names="ssh-keygen",
    valued="-b -C -N -P -t -a -I -n -V -z -m -E -r",
    risks=(
        Risk(
            options="-D -w -s -S",
            effect=Effect.LOADS,
            why="loads a library",
        ),
        Risk(
            options="-f",
            effect=Effect.WRITES,
            why=WRITES,
            unless="-l -y -B -e -F -i -L",
        ),
        Risk(
            options="-o -O",
            effect=Effect.RUNS,
            why="sets options, and some run programs",
            passing="StrictHostKeyChecking=no BatchMode=yes",
        ),
    ),
    reason="It loads libraries, and writes keys.",
    passes=(
        "ssh-keygen -lf id.pub",
        "ssh-keygen -t ed25519 -N '' -f build/key",
        "ssh-keygen -l -f /etc/ssh/x.pub",
    ),
    refuses=(
        "ssh-keygen -D ./evil.so",
        "ssh-keygen -t rsa -f ~/.ssh/id_rsa",
        "ssh-keygen -w ./evil.so -t ed25519-sk",
    ),
)


_SSH_TOOLS: Final = Program(
    names="ssh-add ssh-copy-id",
    risks=(
        Risk(
            options="-s -S -o -F -e",
            effect=Effect.RUNS,
            why="loads a library, or sets options that run programs",
        ),
    ),
    reason="It loads libraries, and options run programs.",
    passes=("ssh-add -l", "ssh-copy-id -i id.pub host"),
    refuses=("ssh-add -s ./evil.so", "ssh-copy-id -n -o ProxyCommand=pwn host"),
)

PROGRAMS: Final = (
    _GPG,
    _OPENSSL,
    _SSH_TOOLS,
    _SSH_KEYS,
)
