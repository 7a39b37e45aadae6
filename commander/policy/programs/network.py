"""Programs that talk to networks, encrypt and sign."""

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


_CLIENTS: Final = Program(
    names=(
        "ftp lftp ncftp tnftp telnet rlogin rsh rexec mosh socat websocat "
        "smbclient cu minicom picocom sshpass sshfs tftp kermit dbclient "
        "dropbear plink pscp psftp putty"
    ),
    refused="takes commands or addresses that run programs",
    harmless="-V --version --help",
    reason="Its commands, or its addresses, run programs.",
    passes=("socat -V", "lftp --version"),
    refuses=(
        "socat EXEC:pwn STDOUT",
        "lftp -c '!pwn'",
        "ftp host",
        "telnet host",
        "sshpass -p x ssh host pwn",
    ),
)

_DOWNLOADERS: Final = Program(
    names="aria2c axel youtube-dl yt-dlp",
    risks=(
        Risk(
            options="--on-download-complete --on-download-start --on-download-error "
            "--on-bt-download-complete --on-download-stop --exec "
            "--exec-before-download "
            "--external-downloader --downloader --ffmpeg-location --netrc-cmd",
            effect=Effect.RUNS,
            why="runs a program on what it gets",
        ),
        Risk(
            options="--conf-path --config-location --config-locations --plugin-dirs "
            "--input-file -i --batch-file",
            effect=Effect.LOADS,
            why="reads settings that name programs",
        ),
        Risk(
            options="-o --output -d --dir --out -O --output-document -P --paths "
            "-l --log --save-session",
            effect=Effect.WRITES,
            why=WRITES,
        ),
    ),
    reason="Options run programs on what it gets.",
    passes=("aria2c -x 4 https://example.org/a.tgz", "yt-dlp -F https://example.org"),
    refuses=(
        "aria2c --on-download-complete=pwn https://example.org/x",
        "yt-dlp --exec pwn https://example.org/x",
        "aria2c -d /etc https://example.org/x",
    ),
)

_IP: Final = Program(
    names="ip",
    style=Style.WORDS,
    valued="-n -netns -family -f -rcvbuf -rc -loops -l",
    risks=(
        Risk(
            options="-b -batch -ba -bat -batc",
            effect=Effect.LOADS,
            why="reads commands from a file",
        ),
    ),
    subcommands=(
        Subcommand(
            names=" ".join(
                f"{noun}.{verb}"
                for noun in ("netns", "netn", "net", "vrf", "vr", "v")
                for verb in ("exec", "exe", "ex", "e")
            ),
            refused="runs a command in another network",
        ),
    ),
    reason="It runs a command in another network.",
    passes=("ip addr show", "ip -br a", "ip route get 1.1.1.1", "ip netns list"),
    refuses=(
        "ip netns exec x pwn",
        "ip netn ex x pwn",
        "ip -batch evil",
        "ip vrf exec x pwn",
        "ip -family inet netns exec x pwn",
    ),
)

_NC: Final = Program(
    names="nc ncat netcat nc.openbsd nc.traditional",
    style=Style.GNU,
    valued="-w -p -s -i -q --wait --source --source-port",
    risks=(
        Risk(
            options="-e --exec -c --sh-exec --lua-exec --ssl-cert",
            effect=Effect.RUNS,
            why="runs a program for who connects",
        ),
        Risk(
            options="-o --output -x --hex-dump",
            effect=Effect.WRITES,
            why=WRITES,
        ),
        Risk(
            options="-U --unixsock",
            effect=Effect.RUNS,
            why="gives orders to services of this machine",
            bare=True,
        ),
    ),
    reason="It runs a program for who connects.",
    passes=("nc -z localhost 8080", "nc -vz -w 2 example.org 443"),
    refuses=(
        "nc -e pwn localhost 1",
        "nc -lp 1 -c pwn",
        "ncat --sh-exec pwn localhost 1",
        "nc -U /var/run/docker.sock",
    ),
)

_NMAP: Final = Program(
    names="nmap",
    style=Style.WORDS,
    valued="-p -e -S -D -g --source-port --top-ports --max-retries -T -iL -iR "
    "--exclude",
    risks=(
        Risk(
            options="--script --script-args-file --datadir --servicedb --versiondb "
            "--resume --script-updatedb",
            effect=Effect.LOADS,
            why="loads code",
            passing="default safe vuln discovery version",
        ),
        Risk(
            options="-oN -oX -oG -oA -oS -oM --stylesheet",
            effect=Effect.WRITES,
            why=WRITES,
        ),
        Risk(
            options="--interactive",
            effect=Effect.RUNS,
            why="takes commands",
            bare=True,
        ),
    ),
    reason="Scripts run programs, and it writes reports.",
    passes=("nmap -sT -p 1-100 localhost", "nmap -oN scan.txt localhost"),
    refuses=("nmap --script=./evil.nse localhost", "nmap -oN .git/config localhost"),
)

_TSHARK: Final = Program(
    names="tshark dumpcap",
    valued="-i -c -r -f -Y",
    risks=(
        Risk(options="-X -K", effect=Effect.LOADS, why="loads a script"),
        Risk(options="-w", effect=Effect.WRITES, why=WRITES),
    ),
    reason="It runs scripts.",
    passes=("tshark -r dump.pcap -Y http", "tshark -i lo -c 5"),
    refuses=("tshark -X lua_script:evil.lua", "tshark -i lo -w /etc/x"),
)

_HTTPIE: Final = Program(
    names="http https xh xhs",
    style=Style.EXACT,
    risks=(
        Risk(options="-o --output", effect=Effect.WRITES, why=WRITES),
        Risk(
            options="-d --download",
            effect=Effect.RUNS,
            why="lets the server name the file",
            bare=True,
            unless="-o --output",
        ),
        Risk(
            options="--session --session-read-only",
            effect=Effect.RUNS,
            why=WRITES,
            values="*/*",
        ),
    ),
    reason="It writes to any file.",
    passes=("http GET example.org q==1", "http -d -o a.tgz example.org/a.tgz"),
    refuses=("http -o .git/config example.org", "http --download example.org"),
)

_TCPDUMP: Final = Program(
    names="tcpdump",
    valued="-i -c -s -r -C -G -B -W -E -T -y -Z -V -j -m -M",
    risks=(
        Risk(
            options="-z --postrotate-command",
            effect=Effect.RUNS,
            why="runs a program on what it wrote",
        ),
        Risk(options="-w", effect=Effect.WRITES, why=WRITES),
    ),
    reason="It runs a program on what it wrote.",
    passes=(
        "tcpdump -i lo -c 5 -nn",
        "tcpdump -r dump.pcap",
        "tcpdump -w dump.pcap -c 9",
    ),
    refuses=(
        "tcpdump -z pwn -G 1 -w x -i lo",
        "tcpdump -i lo -w /etc/x",
        "tcpdump -ni lo -w.git/config",
    ),
)

PROGRAMS: Final = (
    _DOWNLOADERS,
    _CLIENTS,
    _HTTPIE,
    _IP,
    _NC,
    _NMAP,
    _TCPDUMP,
    _TSHARK,
)
