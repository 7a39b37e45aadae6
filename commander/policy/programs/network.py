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

__all__ = ["PROGRAMS"]

_WRITES: Final = "writes to a file"

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
            why=_WRITES,
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
            why=_WRITES,
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
            why=_WRITES,
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
            why=_WRITES,
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
            why=_WRITES,
        ),
        Risk(
            options="-WWW -HTTP -www",
            effect=Effect.RUNS,
            why="serves files",
            bare=True,
        ),
    ),
    subcommands=(
        Subcommand(names="engine rehash", refused="loads a library, or makes links"),
    ),
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
            why=_WRITES,
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

_TSHARK: Final = Program(
    names="tshark dumpcap",
    valued="-i -c -r -f -Y",
    risks=(
        Risk(options="-X -K", effect=Effect.LOADS, why="loads a script"),
        Risk(options="-w", effect=Effect.WRITES, why=_WRITES),
    ),
    reason="It runs scripts.",
    passes=("tshark -r dump.pcap -Y http", "tshark -i lo -c 5"),
    refuses=("tshark -X lua_script:evil.lua", "tshark -i lo -w /etc/x"),
)

_HTTPIE: Final = Program(
    names="http https xh xhs",
    style=Style.EXACT,
    risks=(
        Risk(options="-o --output", effect=Effect.WRITES, why=_WRITES),
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
            why=_WRITES,
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
        Risk(options="-w", effect=Effect.WRITES, why=_WRITES),
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

_VERSIONS: Final = Program(
    names="svn hg bzr brz darcs fossil jj sl",
    risks=(
        Risk(
            options="--config --config-option --config-dir --config-file --config-toml "
            "--debugger --diff-cmd --diff3-cmd --merge-cmd --editor-cmd --tool "
            "--remotecmd --rsh -e --ssh --pager --hook",
            effect=Effect.RUNS,
            why="sets configuration, which can name programs",
        ),
        Risk(options="--output", effect=Effect.WRITES, why=_WRITES),
    ),
    everywhere=True,
    subcommands=(
        Subcommand(
            names="extdiff debugshell debugextensions serve kdiff3 debugmergetool "
            "vdiff "
            "gdiff util config setup propedit pedit pe hook hooks shell run fix alias",
            refused="runs a tool, a server or an editor",
        ),
        Subcommand(
            names="bisect",
            risks=(
                Risk(
                    options="--command",
                    effect=Effect.TEXT,
                    why="runs a shell command on revisions",
                ),
            ),
        ),
    ),
    operands="ext::* svn+*::* ssh://-* *-oProxyCommand*",
    operands_why="names a program as a remote",
    reason="Configuration and tools run programs.",
    passes=(
        "svn status",
        "hg log -l 5",
        "hg commit -m x",
        "hg log -p",
        "svn diff -r 1:2 a.c",
    ),
    refuses=(
        "hg --config alias.x='!pwn' x",
        "svn diff --diff-cmd pwn",
        "svn --config-option config:tunnels:x=pwn info svn+x://h",
        "hg extdiff -p pwn",
        "hg clone -e pwn ssh://h/x d",
        "hg bisect --command pwn",
    ),
)

PROGRAMS: Final = (
    _DOWNLOADERS,
    _CLIENTS,
    _GPG,
    _HTTPIE,
    _IP,
    _NC,
    _NMAP,
    _OPENSSL,
    _SSH_TOOLS,
    _SSH_KEYS,
    _VERSIONS,
    _TCPDUMP,
    _TSHARK,
)
