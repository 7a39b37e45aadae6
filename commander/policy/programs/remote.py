"""Programs that reach other machines."""

from __future__ import annotations

from typing import Final

from commander.policy.programs.model import (
    Effect,
    Program,
    Risk,
    Style,
    Targets,
    Wraps,
)
from commander.policy.programs.reasons import WRITES

__all__ = ["PROGRAMS"]

_HARMLESS_SSH_OPTIONS: Final = (
    "StrictHostKeyChecking=* StrictHostKeyChecking?no BatchMode=* ConnectTimeout=* "
    "ConnectionAttempts=* UserKnownHostsFile=/dev/null LogLevel=* "
    "ServerAliveInterval=* ServerAliveCountMax=* Port=* User=* IdentitiesOnly=* "
    "IdentityFile=* PasswordAuthentication=* PreferredAuthentications=* "
    "PubkeyAuthentication=* Compression=* TCPKeepAlive=* AddressFamily=* "
    "HostKeyAlgorithms=* KexAlgorithms=* Ciphers=* RequestTTY=* ControlMaster=no "
    "ForwardAgent=no"
)
_SSH_RISKS: Final = (
    Risk(
        options="-o",
        effect=Effect.RUNS,
        why="sets any option, and some run programs",
        passing=_HARMLESS_SSH_OPTIONS,
    ),
    Risk(
        options="-F",
        effect=Effect.LOADS,
        why="reads settings that can run programs",
        passing="/dev/null none",
    ),
)

_CURL: Final = Program(
    names="curl",
    valued=(
        "-A --user-agent -b --cookie -C --continue-at -d --data --data-ascii "
        "--data-binary --data-raw --data-urlencode -E --cert -e --referer -F --form "
        "--form-string -H --header --json --key --cacert --capath --ciphers "
        "--connect-timeout --connect-to --crlfile --interface --limit-rate -m "
        "--max-time --max-filesize --max-redirs --noproxy -P --ftp-port --pinnedpubkey "
        "--proto --proto-default --proto-redir -x --proxy --proxy-header --proxy-user "
        "-U -Q --quote "
        "-r --range --resolve --retry --retry-delay --retry-max-time "
        "--socks4 --socks4a --socks5 --socks5-hostname -T --upload-file -t "
        "--telnet-option --tls-max -u --user -X --request --request-target -Y "
        "--speed-limit -y --speed-time -z --time-cond --netrc-file --url-query "
        "--oauth2-bearer --aws-sigv4 --cert-type --key-type --pass "
        "--happy-eyeballs-timeout-ms "
        "--keepalive-time --local-port --dns-servers --doh-url --etag-compare --rate "
        "--parallel-max --delegation --tls13-ciphers --curves --variable"
    ),
    risks=(
        Risk(
            options="-K --config",
            effect=Effect.LOADS,
            why="reads options from a file",
        ),
        Risk(
            options="-o --output --output-dir -D --dump-header -c --cookie-jar --trace "
            "--trace-ascii --stderr --libcurl --etag-save --hsts --alt-svc "
            "--ssl-sessions",
            effect=Effect.WRITES,
            why=WRITES,
        ),
        Risk(
            options="-O --remote-name --remote-name-all",
            effect=Effect.SAVES,
            why="writes to a file",
            bare=True,
        ),
        Risk(options="--url", effect=Effect.SAVES, why="names what is saved"),
        Risk(
            options="-J --remote-header-name",
            effect=Effect.RUNS,
            why="lets the server name the file",
            bare=True,
        ),
        Risk(
            options="-w --write-out",
            effect=Effect.RUNS,
            why="can write to a file",
            values="*%output* @*",
        ),
        Risk(
            options="--unix-socket --abstract-unix-socket",
            effect=Effect.RUNS,
            why="gives orders to services of this machine",
        ),
        Risk(
            options="--engine --random-file --egd-file",
            effect=Effect.LOADS,
            why="loads a library",
        ),
        Risk(
            options="--expand-*",
            effect=Effect.RUNS,
            why="computes the value of an option",
        ),
    ),
    reason="It writes to any file, and reads options from files.",
    passes=(
        "curl -sS -H 'Accept: application/json' -d '{\"a\": 1}' https://example.org/x",
        "curl -LO https://example.org/a.tgz",
        "curl -fsSL -o build/a.tgz https://example.org/a.tgz",
        "curl -s -o /dev/null -w '%{http_code}' https://example.org",
        "curl --cookie a=b -X POST -F file=@x https://example.org",
    ),
    refuses=(
        "curl -o .git/config https://example.org",
        "curl -sSLo/etc/x https://example.org",
        "curl -K evil.curlrc",
        "curl --output-d .git -O https://example.org/config",
        "curl -O https://example.org/.bashrc",
        "curl -OJ https://example.org",
        "curl https://example.org -D ../x",
        "curl -w '%output{.git/config}x' https://example.org",
        "curl --unix-socket /var/run/docker.sock http://x/info",
    ),
)

_SCP: Final = Program(
    names="scp",
    valued="-c -i -J -l -P -X",
    risks=(
        *_SSH_RISKS,
        Risk(options="-S", effect=Effect.RUNS, why="runs a program instead of ssh"),
        Risk(
            options="-D",
            effect=Effect.RUNS,
            why="runs a program as the other end",
        ),
    ),
    targets=Targets.LAST,
    remote=True,
    reason="Its options run programs in the place of ssh.",
    passes=(
        "scp -r src host:/srv/app",
        "scp -P 22 -o ConnectTimeout=5 host:x.log build/",
    ),
    refuses=(
        "scp -S pwn a host:b",
        "scp -o ProxyCommand=pwn a host:b",
        "scp -oProxyCommand=pwn a host:b",
        "scp -F evil a host:b",
        "scp host:x .git/config",
    ),
)

_SFTP: Final = Program(
    names="sftp",
    risks=_SCP.risks,
    refused="takes commands from its input or a file, and some run programs",
    harmless="-h",
    reason="Its command `!` runs a program.",
    passes=("sftp -h",),
    refuses=("sftp -S pwn host", "sftp -b evil host", "sftp host"),
)

_SSH: Final = Program(
    names="ssh slogin autossh",
    style=Style.POSIX,
    valued="-b -c -i -J -l -m -p -Q -B -P",
    flags="-4 -6 -C -f -k -N -n -q -T -t -V -v -x",
    risks=(
        *_SSH_RISKS,
        Risk(options="-E", effect=Effect.WRITES, why=WRITES),
        Risk(options="-I", effect=Effect.LOADS, why="loads a library"),
    ),
    wraps=Wraps(operands=1, joined=True, stops="-V -Q"),
    reason="It runs commands on other machines, and any program to reach them.",
    passes=(
        "ssh -V",
        "ssh -o BatchMode=yes -p 22 user@host ls -l",
        "ssh host 'ls | cat'",
    ),
    refuses=(
        "ssh -oProxyCommand=pwn host ls",
        "ssh -o 'ProxyCommand pwn' host ls",
        "ssh -o LocalCommand=pwn -o PermitLocalCommand=yes host ls",
        "ssh host pwn",
        "ssh host ls ';' pwn",
        "ssh host",
        "ssh -F evil host ls",
        "ssh -I ./evil.so host ls",
    ),
)

_WGET: Final = Program(
    names="wget",
    valued=(
        "-A --accept -R --reject --accept-regex --reject-regex --regex-type -B --base "
        "--body-data --body-file --ca-certificate --ca-directory --certificate "
        "--certificate-type --ciphers --connect-timeout --cut-dirs -D --domains "
        "--dns-timeout --exclude-domains --exclude-directories -X --follow-tags "
        "--header --http-password --http-user --password --user --ftp-user "
        "--ftp-password -I --include-directories --ignore-tags -i --input-file -l "
        "--level --limit-rate --load-cookies --max-redirect --method --post-data "
        "--post-file --prefer-family --private-key --progress --proxy-password "
        "--proxy-user -Q --quota --read-timeout --referer --report-speed "
        "--restrict-file-names --retry-on-http-error --secure-protocol --start-pos "
        "-T --timeout -t --tries -U --user-agent -w --wait --waitretry "
        "--bind-address --default-page --compression"
    ),
    risks=(
        Risk(
            options="-O --output-document -o --output-file -a --append-output -P "
            "--directory-prefix --save-cookies --hsts-file --warc-file "
            "--warc-tempdir --warc-cdx --warc-dedup --rejected-log",
            effect=Effect.WRITES,
            why=WRITES,
        ),
        Risk(
            options="-e --execute",
            effect=Effect.RUNS,
            why="sets any option, and some run programs",
            passing="robots=off",
        ),
        Risk(
            options="--use-askpass",
            effect=Effect.RUNS,
            why="runs a program to ask for a password",
        ),
        Risk(
            options="--config --plugin --local-plugin --plugin-dirs --plugin-opt",
            effect=Effect.LOADS,
            why="reads settings or code from a file",
        ),
        Risk(
            options="-n",
            effect=Effect.RUNS,
            why="makes directories as the URL says",
            values="*H* *p*H*",
        ),
        Risk(
            options="--no-host-directories -x --force-directories",
            effect=Effect.RUNS,
            why="makes directories as the URL says",
            bare=True,
        ),
        Risk(
            options="--content-disposition --trust-server-names",
            effect=Effect.RUNS,
            why="lets the server name the file",
            bare=True,
        ),
    ),
    targets=Targets.BASENAME,
    targets_unless="-O --output-document --spider",
    reason="It writes to any file, and some settings run programs.",
    passes=(
        "wget -q https://example.org/a.tgz",
        "wget -qO- https://example.org",
        "wget -nv -O build/a.tgz https://example.org/a.tgz",
        "wget --spider -S https://example.org",
    ),
    refuses=(
        "wget --use-askpass=pwn https://u@example.org/",
        "wget -e use_askpass=pwn https://u@example.org/",
        "wget -O .git/config https://example.org",
        "wget -qO/etc/x https://example.org",
        "wget -P /etc https://example.org/x",
        "wget --confi=evil https://example.org",
        "wget https://example.org/.bashrc",
        "wget -nH -r https://example.org/.git/",
    ),
)

PROGRAMS: Final = (
    _CURL,
    _SCP,
    _SFTP,
    _SSH,
    _WGET,
)
