"""The blocklists over whole shell texts: what is found, and what is left alone.

Dangers are grouped by the way they are spelled. Each group is read as both shells
read it, but for what only one of them knows.
"""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.policy.block.blocklist import Blocklist
from commander.policy.budget import (
    MAX_NESTED_CHARACTERS,
    Budget,
    TooDeepError,
    TooMuchError,
)
from commander.policy.shell.parser import NotModelledError, parse
from commander.policy.shell.syntax import Dialect
from tests.policy.block.judging import DEFAULT, judge

BOTH = (Dialect.SH, Dialect.BASH)

WORDS = [
    "rm -rf /",
    "'rm' -rf /",
    r"r\m -rf /",
    "r''m -rf /",
    'rm -r"f" "/"',
    "/bin/rm -rf /",
    "../../bin/rm -rf /",
    "rm${IFS}-rf${IFS}/",
    "rm$IFS-rf$IFS/",
    "r\\\nm -rf /",
    "rm -rf ~/..",
    "rm -rf ~root/../../",
    'rm -rf "$HOME"/..',
    "rm -rf ${HOME%/*}",
    "rm -rf ${PATH%%u*}",
    "/bin/r? -rf /",
    "/???/r[m] -rf /",
    "/usr/bin/?m -rf /",
    "/bin/*sh -c 'rm -rf /'",
    "$UNSET rm -rf /",
    "rm$UNSET -rf /",
    "r${UNSET}m -rf /",
    "rm -rf $UNSET /",
    "rm $OPTIONS /",
    "rm -rf $UNSET/",
    'rm -rf "$UNSET/"',
    'rm -rf "$UNSET"/*',
    'rm -rf "${UNSET:-}/"',
    "rm -rf $UNSET/usr",
    "rm -rf $1/",
    'rm -rf "/$@"',
]
PLACES = [
    "ls; rm -rf /",
    "ls\nrm -rf /",
    "ls && rm -rf / || ls",
    "ls & rm -rf /",
    "yes | rm -r /",
    "! rm -rf /",
    "(rm -rf /)",
    "{ rm -rf /; }",
    "if true; then rm -rf /; fi",
    "if rm -rf /; then :; else :; fi",
    "if a; then b; elif rm -rf /; then c; fi",
    "if a; then b; else rm -rf /; fi",
    "while true\ndo rm -rf /\ndone",
    "until rm -rf /; do :; done",
    "for x in a b; do rm -rf /; done",
    "for x; do rm -rf /; done",
    "for x in $(rm -rf /); do :; done",
    "case $x in a|b) ls;; *) rm -rf /;; esac",
    "case $(rm -rf /) in a) ;; esac",
    "case x in $(rm -rf /)) ;; esac",
    "f() { rm -rf /; }",
    "f() { rm -rf /; }; f",
    "f() (rm -rf /)",
    "f() { g() { rm -rf /; }; }",
    "time -p rm -rf /",
    "echo $(rm -rf /)",
    'echo "`rm -rf /`"',
    r"echo `echo \`rm -rf /\``",
    "echo ${x:-$(rm -rf /)}",
    'echo "${x#"$(rm -rf /)"}"',
    "echo ${x:=`rm -rf /`}",
    "echo $((1 + $(rm -rf /)))",
    "echo $((1)) $(rm -rf /)",
    "x=$(rm -rf /)",
    "x=$(rm -rf /) ls",
    "ls > $(rm -rf /)",
    "ls 2>> `rm -rf /`",
    "cat <<E\n$(rm -rf /)\nE",
    "cat <<E\n`rm -rf /`\nE",
    "cat <<-E\n\tx\n\tE\nrm -rf /",
    "cat <<'E'\nx\nE\nrm -rf /",
    "{ ls; } > $(rm -rf /)",
    "> out rm -rf /",
    "2>&1 rm -rf /",
    "A=1 B=2 rm -rf /",
    "ls # x\nrm -rf /",
    "true || rm -rf /",
    "false; rm -rf / &",
    "(sleep 1; (rm -rf /)) &",
]
DIRECTORIES = [
    "cd / && rm -rf .",
    "cd /usr; cd ..; rm -rf ./",
    'cd /; rm -rf "$PWD"',
    "cd /; rm -rf `pwd`",
    "cd /home; rm -rf ../usr",
    "(cd /; rm -rf var)",
    "cd /; cd /tmp; cd -; rm -rf usr",
    'cd /; cd /tmp; rm -rf "$OLDPWD"',
    "if x; then cd /; fi; rm -rf usr",
    "test -d /x && cd /; rm -rf usr",
    "x=/; cd $x; rm -rf etc",
    "cd $UNSET/ && rm -rf usr",
    "cd /tmp || cd /; rm -rf usr",
    "f() { cd /; }; f; rm -rf usr",
    "eval 'cd /'; rm -rf usr",
    "env -C / rm -rf usr",
    "sudo -D / rm -rf usr",
    "cd -P -- /; rm -rf usr",
    "while read x; do cd /; done; rm -rf usr",
    "rm -rf ../../../../../../..",
    "cd ../../../../../../.. && rm -rf *",
    "rm -rf $PWD/../../../../../../..",
    "cd /usr/.. && rm -rf *",
]
VARIABLES = [
    "x=/; rm -rf $x",
    "x=/ y=$x; rm -rf ${y}",
    "a=r b=m; $a$b -rf /",
    "x='rm -rf /'; $x",
    "x='rm -rf /'; eval $x",
    "x='rm -rf /'; sh -c \"$x\"",
    "x=r; x=${x}m; $x -rf /",
    "export x=/; rm -rf $x",
    "readonly x=/; rm -rf $x",
    "rm -rf ${UNSET:-/}",
    "${UNSET:-rm} -rf /",
    "${UNSET-rm -rf /}",
    "x=; rm -rf ${x:-/}",
    "x=; rm -rf $x/",
    "x=a; ${x:+rm} -rf /",
    ": ${x:=rm}; $x -rf /",
    ": ${x=/}; rm -rf $x",
    "x=xrm; ${x#x} -rf /",
    "x=axbrm; ${x##*b} -rf /",
    "x=rm.txt; ${x%.*} -rf /",
    "x=rm.a.b; ${x%%.*} -rf /",
    "set -- -rf /; rm $@",
    'set -- a /; rm -rf "$2"',
    'set rm -rf /; "$@"',
    "set -- x rm -rf /; shift; $*",
    "set -- a b; shift $#; rm -rf $1/",
    "for d in /tmp /usr; do rm -rf $d; done",
    'for d in /tmp /usr; do rm -rf "$d"; done',
    "for x in rm; do $x -rf /; done",
    "for x in ls rm; do $x -rf /; done",
    "x=; for c in r m; do x=$x$c; done; $x -rf /",
    "for c in 'rm -rf /'; do eval \"$c\"; done",
    "if y; then x=ls; else x=rm; fi; $x -rf /",
    "x=ls; y && x=rm; $x -rf /",
    "case $y in a) x=ls;; b) x=rm;; esac; $x -rf /",
    "x=ls; while y; do x=rm; done; $x -rf /",
    "while y; do $x -rf /; x=rm; done",
    'f() { rm -rf "$1"; }; f /',
    'f() { "$@"; }; f rm -rf /',
    "f() { shift; $*; }; f x rm -rf /",
    'f() { g "$@"; }; g() { rm -rf $2; }; f a /',
    "f() { x=rm; }; f; $x -rf /",
    "f() { echo rm; }; $(f) -rf /",
    "f() { if [ $1 ]; then rm -rf $2; else f 1 /; fi; }; f",
    "IFS=:; x=rm:-rf:/; $x",
    "IFS=,; x=-rf,/; rm $x",
    "IFS=; x='/'; rm -rf $x",
    "read x <<E\n/\nE\nrm -rf $x",
    "echo / | while read x; do rm -rf $x; done",
    "printf '%s\\n' a / | while IFS= read -r x; do rm -rf \"$x\"; done",
    "echo rm / | { read a b; $a -rf $b; }",
    "echo 'rm -rf /' | { read x; $x; }",
    "unset x; rm -rf $x/",
    "x=/ sh -c 'rm -rf $x'",
    "env x=/ sh -c 'rm -rf $x'",
    "sh -c 'rm -rf \"$1\"' x /",
    "sh -c '\"$@\"' x rm -rf /",
    ": rm; $_ -rf /",
    "x=$(echo rm); $x -rf /",
    "alias x='rm -rf /'",
    "hash -p /bin/rm x; x -rf /",
    "alias x='rm -rf'\nx /",
    "alias x=sudo y=rm\nx y -rf /; y -rf /",
    "eval 'x=/'; rm -rf $x",
    "command eval 'x=/'; rm -rf $x",
    "$0 -c 'rm -rf /'",
    "trap 'rm -rf /' EXIT",
    "f() { rm -rf /; }; trap f 0",
    "PAGER='rm -rf /' man ls",
    "GIT_SSH_COMMAND='sh -c \"rm -rf /\"' git fetch",
]
OUTPUTS = [
    "rm -rf $(echo /)",
    "rm -rf `echo -n /`",
    "rm -rf $(printf '%s' /)",
    r"rm -rf $(printf '\57')",
    "rm -rf $(printf '%s%s' / usr)",
    "$(printf %s%s r m) -rf /",
    "$(echo rm -rf /)",
    "$(echo r)m -rf /",
    "$(command -v rm) -rf /",
    "`which rm` -rf /",
    "rm -rf $(dirname /usr)",
    "rm -rf /$(basename /x/etc)",
    "rm -rf $(cat <<E\n/\nE\n)",
    "rm -rf $(echo x | sed s/x//)/",
    "$(echo mr | rev) -rf /",
    "$(echo ez | tr a-z n-za-m) -rf /",
    "$(echo RM | tr A-Z a-z) -rf /",
    "$(echo cm0= | base64 -d) -rf /",
    "rm -rf $(echo 2f | xxd -r -p)",
    "eval $(echo 'rm -rf /')",
    "eval \"$(cat <<'E'\nrm -rf /\nE\n)\"",
    "echo 'rm -rf /' | sh",
    "echo 'rm -rf /' | sudo bash",
    "echo 'rm -rf /' | cat | tee x | sh",
    "{ echo rm -rf; echo /; } | tr '\\n' ' ' | sh",
    "(echo 'rm -rf /') | sh",
    "if x; then echo 'rm -rf /'; fi | sh",
    "printf 'rm -rf /' | sudo bash -s a b",
    "printf '%b' 'rm\\040-rf\\040/' | sh",
    "printf 'rm -rf %s\\n' /tmp / | sh",
    "echo cm0gLXJmIC8= | base64 --decode | sh",
    "echo 726d202d7266202f | xxd -r -p | sh",
    "echo '/ fr- mr' | rev | sh",
    "echo 'ls -rf /' | sed 's/ls/rm/' | sh",
    "sh <<E\nrm -rf /\nE",
    "bash - <<E\nrm -rf /\nE",
    "sh -s <<'E'\nrm -rf /\nE",
    "sh /dev/stdin <<'E'\nrm -rf /\nE",
    "x=/; sh <<E\nrm -rf $x\nE",
    "cat <<E | sh\nrm -rf /\nE",
    "cat > x.sh <<'E'\n#!/bin/sh\nrm -rf /\nE\nsh x.sh",
    "echo 'rm -rf /' > /tmp/x; chmod +x /tmp/x; /tmp/x",
    "cd /tmp; echo rm > x; echo '-rf /' >> x; . ./x; sh x; tr '\\n' ' ' < x | sh",
    "echo 'rm -rf $1' > x; sh x /",
    "echo / > x; rm -rf $(cat x)",
    "echo 'rm -rf /' | at now",
    "at now <<E\nrm -rf /\nE",
    "echo '* * * * * rm -rf /' | crontab -",
    "su <<E\nrm -rf /\nE",
    "echo 'rm -rf /' | su",
    "make -f - x <<E\nx:; rm -rf /\nE",
]
CARRIERS = [
    "sudo -u root rm -rf /",
    "sudo -n A=1 -- rm -rf /",
    "sudo -Eu root rm -rf /",
    "doas rm -rf /",
    "env -i A=1 rm -rf /",
    "env - rm -rf /",
    "env -S 'rm -rf /'",
    "env -u X --split-string='rm -rf /'",
    "nice -n 5 nohup setsid rm -rf /",
    "nice -10 rm -rf /",
    "timeout -k 1 5 rm -rf /",
    "timeout --foreground 5s rm -rf /",
    "stdbuf -oL rm -rf /",
    "ionice -c3 chrt -f 10 taskset -c 0 rm -rf /",
    "flock -n /tmp/lock rm -rf /",
    "flock /tmp/lock -c 'rm -rf /'",
    "chroot /mnt rm -rf /",
    "nsenter -t 1 -m unshare -m rm -rf /",
    "busybox rm -rf /",
    "busybox sh -c 'rm -rf /'",
    "command -p rm -rf /",
    "exec rm -rf /",
    "command -p -- exec nice rm -rf /",
    "builtin eval rm -rf /",
    "xargs rm -rf / < /dev/null",
    "echo / | xargs rm -rf",
    "echo / | xargs -I{} rm -rf {}",
    "echo / | xargs -I % rm -rf %",
    "echo / | xargs -I{} sh -c 'rm -rf {}'",
    "echo / | xargs -n 1 sudo rm -rf",
    "printf '/\\0' | xargs -0 rm -rf",
    "printf a,/ | xargs -d, rm -rf",
    "echo 'rm -rf /' | xargs -L1 nice",
    "find . -exec rm -rf / \\;",
    "find . -name x -exec ls {} \\; -exec rm -rf / \\;",
    "find . -exec sh -c 'rm -rf /' \\;",
    "parallel rm -rf ::: /tmp/x /",
    "parallel 'rm -rf {}' ::: /",
    "parallel ::: ls 'rm -rf /'",
    "echo / | parallel rm -rf",
    "watch -n 1 'rm -rf /'",
    "script -qc 'rm -rf /' /dev/null",
    "su root -c 'rm -rf /'",
    "su - -c 'rm -rf /'",
    "make --eval='x:;rm -rf /' x",
    "tmux new-session -d 'rm -rf /'",
    "git -c alias.x='!rm -rf /' x",
    "git bisect run rm -rf /",
    "git submodule foreach 'rm -rf /'",
    "tar cf /dev/null x --checkpoint=1 --checkpoint-action=exec='rm -rf /'",
    "tar xf x --to-command='rm -rf /'",
    "ssh -o ProxyCommand='rm -rf /' host",
    "split --filter='rm -rf /' x",
    "poetry run rm -rf /",
    "ssh -p 22 root@localhost rm -rf /",
    "perl -e 'exec rm -rf => 1'; perl -e 'system(\"rm -rf /\")'",
    "find / | xargs rm -rf",
    "find / -print0 | xargs -0 rm -rf",
    "python3 -c \"__import__('os').system('rm -rf /')\"",
    "gdb -ex '!rm -rf /' -ex quit",
    "expect -c 'spawn rm -rf /'",
    "ionice -c2 -n0 flock -w 5 x timeout 5 env A=1 nice rm -rf /",
    "npx rm -rf /",
    "strace -f -o x rm -rf /",
    "systemd-run --scope rm -rf /",
    "python3.11 -c 'import os; os.system(\"rm -rf /\")'",
    'python3 -c \'import subprocess as s; s.run(["rm", "-rf", "/"])\'',
    "python3 -c 'import shutil; shutil.rmtree(\"/\")'",
    "python3 - <<'E'\nimport os\nos.system('rm -rf /')\nE",
    "echo 'import os; os.system(\"rm -rf /\")' | python3",
    'perl -e \'system("rm", "-rf", "/")\'',
    "perl -e 'exec \"rm -rf /\"'",
    "perl -e '`rm -rf /`'",
    "ruby -e '%x(rm -rf /)'",
    'node -e \'require("child_process").execSync("rm -rf /")\'',
    "php -r 'system(\"rm -rf /\");'",
    "awk 'BEGIN { system(\"rm -rf /\") }'",
    "awk 'BEGIN { print | \"rm -rf /\" }'",
    "awk 'BEGIN { \"rm -rf /\" | getline }'",
    "sed '1e rm -rf /' x",
    "vim -c '!rm -rf /' x",
    "sh -c 'rm -rf /'",
    "sh -ce 'rm -rf /'",
    "sh -c -- 'rm -rf /'",
    "sh +e -c 'rm -rf /'",
    "bash -euo pipefail -c 'rm -rf /'",
    "bash --norc -lc 'rm -rf /'",
    "sh -c \"sh -c 'rm -rf /'\"",
    'sh -c \'exec "$0" "$@"\' rm -rf /',
    "eval 'rm -rf' /",
    "eval eval eval 'rm -rf /'",
    "sh -c 'eval \"$x\"' ; x='rm -rf /'; eval $x",
]
OPTIONS = [
    "rm -r -f /",
    "rm / -rf",
    "rm -vfR /",
    "rm --recursive --force /",
    "rm --rec --no-preserve-root /",
    "rm -rf -- /",
    "rm -rf -v /tmp/x /",
    "rm -rf //",
    "rm -rf /.",
    "rm -rf /../..",
    "rm -rf /home/..",
    "rm -rf /home/../usr",
    "rm -rf /etc/",
    "rm -rf /tmp/x /bin",
    "rm -r /proc/self/root",
    "rm -r /proc/1/root/usr",
    "rm -rf /mnt",
    "mv /usr /tmp/x",
    "mv -t /tmp / x",
    "rsync -a --delete empty/ /",
]
IN_BASH = [
    r"$'\x72\155' -rf /",
    "$'rm' -rf /",
    '$"rm" -rf /',
    "{rm,-rf,/}",
    "rm -rf {/,}",
    "rm -rf {/tmp/{a,b}/../..,x}",
    "rm -rf /{usr,etc}",
    "for ((i=0; i<3; i++)); do rm -rf /; done",
    "for ((i=$(rm -rf /); i<3; i++)); do :; done",
    "function f { rm -rf /; }",
    "[[ -d / ]] && rm -rf /",
    "[[ $x =~ (a|b) ]]; rm -rf /",
    "[[ $(rm -rf /) ]]",
    "((x = 1 << 2))\nrm -rf /",
    "(( $(rm -rf /) ))",
    "x=(a $(rm -rf /))",
    'x=(rm -rf /); "${x[@]}"',
    "x=(rm -rf /); ${x[*]}",
    "x=(ls rm); ${x[1]} -rf /",
    "x=(ls rm); i=1; ${x[i]} -rf /",
    "x=(ls rm); ${x[$y]} -rf /",
    'x=(rm); x+=(-rf /); "${x[@]}"',
    'x[0]=rm; x[1]=-rf; x[2]=/; "${x[@]}"',
    'declare -a x=(rm -rf /); "${x[@]}"',
    "declare -A x=([a]=rm [b]=/); ${x[a]} -rf ${x[b]}",
    "declare x=/; rm -rf $x",
    "f() { local x=/; rm -rf $x; }; f",
    "x=/; x+=usr; rm -rf $x",
    "printf -v x %s /; rm -rf $x",
    "printf -v 'x[0]' /; rm -rf $x; rm -rf ${x[0]}",
    "read x <<< /; rm -rf $x",
    "read -r a b <<< 'rm /'; $a -rf $b",
    "read -a x <<< 'rm -rf /'; \"${x[@]}\"",
    "IFS=: read a b <<< rm:/; $a -rf $b",
    "mapfile -t x <<< $'rm\\n-rf\\n/'; \"${x[@]}\"",
    "mapfile -C 'rm -rf /' -c1 x < f",
    "y=x x=/; rm -rf ${!y}",
    "x=rmxx; ${x:0:2} -rf /",
    "x=xxrm; ${x: -2} -rf /",
    "x=xxrm; ${x:2} -rf /",
    "rm -rf ${HOME:0:1}",
    "x=RM; ${x,,} -rf /",
    "x=RM; ${x@L} -rf /",
    "x=rMx; x=${x,,}; ${x%x} -rf /",
    "x=rxm; ${x/x/} -rf /",
    "x=rxxm; ${x//x} -rf /",
    "x=xrm; ${x/#x/} -rf /",
    'set -- rm -rf /; "${@:1}"',
    'set -- x rm -rf /; "${@:2}"',
    "cat <(rm -rf /)",
    "ls > >(rm -rf /)",
    "sh <(echo 'rm -rf /')",
    ". <(echo 'rm -rf /')",
    "source /dev/stdin <<< 'rm -rf /'",
    "echo 'rm -rf /' > >(sh)",
    "bash <<< 'rm -rf /'",
    "xargs rm -rf <<< /",
    "rm -rf $(< <(echo /))",
    "rm -rf $(cat <<< /)",
    "echo -e 'rm\\x20-rf\\x20/' | sh",
    "time rm -rf /",
    "echo a &> b; rm -rf /",
    "rm -rf / |& cat",
    "pushd / ; rm -rf etc",
    "pushd /; pushd /tmp; popd; rm -rf etc",
    "select x in /; do rm -rf $x; done",
    "case x in x) ;& y) rm -rf /;; esac",
    "coproc rm -rf /",
]
IN_SH = [
    "echo $'it\\'; rm -rf / #'",
    "echo 'rm\\040-rf\\040/' | sh",
    "echo a &> b rm -rf /",
    "[[ x || rm -rf / ]]",
    "((rm -rf /))",
]


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize(
    "text",
    [
        *WORDS,
        *PLACES,
        *DIRECTORIES,
        *VARIABLES,
        *OUTPUTS,
        *CARRIERS,
        *OPTIONS,
    ],
)
def test_a_removal_of_the_system_is_found_however_it_is_written(
    text: str, dialect: Dialect
) -> None:
    hit = judge(text, dialect=dialect)
    assert hit is not None
    assert hit.name in ("rm -rf /", "rm -rf /*")
    assert not hit.operators


@pytest.mark.parametrize("text", IN_BASH)
def test_what_only_bash_knows_is_followed(text: str) -> None:
    hit = judge(text, dialect=Dialect.BASH)
    assert hit is not None
    assert hit.name in ("rm -rf /", "rm -rf /*")


@pytest.mark.parametrize("text", IN_SH)
def test_what_only_sh_reads_so_is_found(text: str) -> None:
    hit = judge(text, dialect=Dialect.SH)
    assert hit is not None
    assert hit.name in ("rm -rf /", "rm -rf /*")


HARMLESS = [
    "",
    ":",
    "# rm -rf /",
    "ls # ; reboot",
    # words that are no commands
    "git add .",
    "git commit -m 'reboot; rm -rf /'",
    "git log --grep=shutdown",
    "git diff halt",
    "echo asphalt",
    "echo shutdown",
    'echo "a && reboot"',
    "echo rm -rf /",
    "printf 'rm -rf /\\n' > notes.txt",
    "grep 'dd if=' f",
    "sudo -E grep -r reboot /var/log",
    "xargs -0 grep dd",
    "cat halt.txt",
    "man reboot",
    "which mkfs",
    "command -v reboot",
    "type dd",
    "ls /sbin/reboot",
    "ls > reboot",
    "./shutdown-hook.sh",
    "./reboot.sh",
    "python3 halt.py",
    "python3 -c 'print(\"reboot\")'",
    "python3 - <<'E'\nprint('rm -rf /')\nE",
    "bash run.sh reboot",
    "sh -s reboot < f",
    "make halt-tests",
    "npm init",
    "for dd in a b; do ls $dd; done",
    "dd=5; halt=6",
    "case x in reboot|halt) ls;; esac",
    "case x in (dd) ls;; esac",
    "cat <<'E'\nreboot\n$(reboot)\nE",
    "cat <<E\nreboot\n\\$(x)\nE",
    "cat > x.md <<'E'\nrm -rf /\nE",
    "cat > x.sh <<'E'\nrm -rf /\nE",
    "echo 'rm -rf /' > x; cat x",
    "echo 'rm -rf /' | grep -c rm",
    "echo 'rm -rf /' | sh -c 'cat'",
    "echo $((dd + 1)) $(( (1) ))",
    "docker exec c rm -rf /",
    "ssh host 'rm -rf /tmp/x; reboot'",
    "kubectl exec pod -- rm -rf /",
    "awk '/reboot/ { print $1 }' log",
    "sed -i 's/reboot/restart/' f",
    "jq '.halt' f",
    "test reboot = halt",
    "[ -x /sbin/reboot ]",
    "which rm && echo rm -rf /",
    "alias ll='ls -l'\nll",
    "trap - EXIT",
    "trap",
    "trap 'rm -rf \"$tmp\"' EXIT",
    "sh -c",
    "sudo",
    "env",
    "eval",
    "./* x",
    "? x",
    "$UNSET x",
    "/usr/bin/python3.* x",
    "reboot --version",
    # removals of what is not the system
    "rm -rf ./build",
    "rm -rf build /tmp/x",
    "rm -rf /tmp/*",
    "rm -rf /home/me/x",
    "rm -rf /usr/local/x/*",
    "rm -rf ~/x ~/x/.. ~/../me/x",
    'rm -rf "$TMPDIR/x"',
    'rm -rf "$BUILD_DIR"',
    "rm -rf $BUILD_DIR",
    'rm -rf "$BUILD_DIR/out"',
    "rm -rf $BUILD/*.o",
    'rm -rf "${BUILD:?}/"',
    'rm -rf "${BUILD:?not set}"/*',
    'rm -rf "${BUILD:-build}"/*',
    ': "${BUILD:?}"; rm -rf "$BUILD"/*',
    ': "${BUILD:=out}"; rm -rf "$BUILD"/*',
    'set -u; rm -rf "$BUILD"/*',
    'set -eu; rm -rf "$BUILD"/*',
    'set -o nounset; rm -rf "$BUILD"/*',
    '[ -n "$BUILD" ] && rm -rf "$BUILD"/*',
    'if [ -d "$BUILD" ]; then rm -rf "$BUILD"/*; fi',
    'test -z "$BUILD" || rm -rf "$BUILD"/*',
    'tmp=$(mktemp -d); rm -rf "$tmp"/*',
    'tmp=$(mktemp -d) && cd "$tmp" && rm -rf *',
    'while read d; do rm -rf "$d/"; done < list',
    'for d in */; do rm -rf "$d/"*; done',
    'for d in $(ls); do rm -rf "$d/x"; done',
    'f() { rm -rf "$1"/*; }; f build',
    'f() { rm -rf "$d"/*; }; d=build; f',
    '. ./env.sh; rm -rf "$OUT"/*',
    'eval "$(cat env)"; rm -rf "$OUT"/*',
    "rm -rf *",
    "rm -rf .",
    "rm -rf ..",
    "rm -rf --",
    "rm -f /",
    "rm /",
    "cd /tmp/x && rm -rf *",
    'cd "$d" && rm -rf *',
    "cd $X; rm -rf *",
    "cd / && ls",
    "(cd / && ls); rm -rf *",
    "cd /; cd -; rm -rf *",
    "cd /; cd /tmp; rm -rf *",
    "ls | xargs rm -f",
    "ls | xargs rm -rf",
    "find . -name '*.o' | xargs rm -rf",
    "x=/; read x; rm -rf $x",
    "x=/; x=/tmp/y; rm -rf $x",
    "x=/; rm -rf ${x}tmp/y",
    "x=a/b; rm -rf ${x%/*}/",
    'set -- /tmp/a; rm -rf "$1"',
    "find . -delete",
    "find / -name core -delete",
    "find / -name x -exec rm -rf {} +",
    "find / -name x -exec rm {} +",
    "find / -exec ls {} +",
    "find /tmp -delete",
    "git clean -fdx",
    "mv /usr/local/x /tmp",
    "mv a /tmp",
    "rsync -a --delete src/ /srv/app/",
    # owners and modes
    "chmod -R 755 build",
    "chmod 755 /",
    "chmod +x /usr/local/bin/x",
    "chown -R --reference / build",
    "chown -R me:me ./data",
    # what is written
    "echo x > /dev/null",
    "echo x > /dev/sda/..",
    "echo x > /dev/tty",
    "ls > /dev/stderr",
    "tee log",
    "tee /dev/stderr < f",
    "cp /dev/sda image",
    "sha256sum /dev/sda",
    "fdisk -l /dev/sda",
    "parted /dev/sda print",
    "wipefs /dev/sda",
    "curl -o out https://x",
    "mkfifo pipe",
    # power
    "init",
    "systemctl",
    "systemctl status reboot.target",
    "systemctl start sshd",
    "systemctl restart nginx",
    "systemctl list-units --state=failed",
    "init 3",
    # functions and loops
    "f() { ls | g & }",
    "f() { f; }",
    "f() { ls; }; f | f &",
    "f() { for x in a; do (ls) done; }",
    "f() { (ls) | cat; }",
    'walk() { ls "$1" | while read d; do walk "$1/$d"; done; }; walk .',
    "fact() { [ $1 -le 1 ] || echo $(( $1 * $(fact $(($1 - 1))) )); }; fact 5",
    "while true; do date; sleep 1; done",
    "while true; do ./server & wait; done",
    "while true; do (sleep 1; date) & sleep 5; done",
    "for i in 1 2 3; do ./job $i & done; wait",
    "while read x; do ./job $x & done < list",
    "until curl x; do sleep 1; done",
    # what is long, or odd
    "x=$y; echo $x; echo ${99999999999999999999}",
    "x=; $x; $x ls",
    "echo a | xargs",
    "find . -exec",
    "printf",
    "printf --",
    f"echo {'/ ' * 200} | xargs -I{{}} ls {{}}",
    "cp x{,.bak}; ls {a,b}",
]


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_texts_are_left_alone(text: str, dialect: Dialect) -> None:
    assert judge(text, dialect=dialect) is None


@pytest.mark.parametrize(
    "text",
    [
        r"echo $'it\'s fine'; grep reboot f",
        "echo {a,b} {a} {a,{b,c}} {",
        "[[ $x =~ ^(reboot|halt)$ ]]",
        "let dd",
        "declare dd=5 -x halt",
        'x=(reboot halt); echo "${x[@]}"',
        "declare -A x=([reboot]=1)",
        'mapfile -t x < f; for y in "${x[@]}"; do echo $y; done',
        "pushd /tmp; rm -rf *; popd",
        'arr=(a b); rm -rf "${arr[@]}"',
        "for ((;;)); do sleep 1; done",
        '[[ -n $BUILD ]] && rm -rf "$BUILD"/*',
        "diff <(ls a) <(ls b)",
        "cat <<< 'rm -rf /'",
        "time ls",
    ],
)
def test_harmless_texts_of_bash_are_left_alone(text: str) -> None:
    assert judge(text, dialect=Dialect.BASH) is None


@pytest.mark.parametrize("text", ["rm -rf *", "rm -rf .", "cd usr; rm -rf ../etc"])
def test_relative_paths_count_from_an_absolute_directory(text: str) -> None:
    assert judge(text, "/") is not None
    assert judge(text, "/tmp/work") is None
    assert judge(text, "usr") is None


def test_variables_of_the_call_are_known() -> None:
    def find(environment: dict[str, str]) -> bool:
        budget = Budget()
        script = parse('rm -rf "$OUT/"', Dialect.SH, budget=budget)
        return bool(
            DEFAULT.find(
                script,
                None,
                dialect=Dialect.SH,
                budget=budget,
                environment=environment,
            )
        )

    assert find({})
    assert not find({"OUT": "build"})
    assert find({"OUT": "/usr"})


def test_without_the_default_list_its_dangers_pass() -> None:
    blocklist = Blocklist((), use_default=False)
    assert blocklist.names == ()
    assert judge("rm -rf /; reboot", blocklist=blocklist) is None
    assert judge("rm -rf /; echo 'reboot", blocklist=blocklist) is None


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("curl", "curl http://x"),
        ("curl", "/usr/bin/curl x"),
        ("curl", "/usr/bin/cu?l x"),
        ("curl", "cat f | curl -T - x"),
        ("curl", "echo $(curl x)"),
        ("curl", "echo x | xargs curl"),
        ("curl", "sh -c 'x=cu; ${x}rl x'"),
        ("/usr/bin/curl", "curl x"),
        ("sudo", "sudo ls"),
        ("git push", "git push"),
        ("git push", "\"git\" 'push' --force"),
        ("git push", "git --no-pager -C x -c a=b push origin"),
        ("git push", "sudo git push"),
        ("git -c", "git -c a=b status"),
        ("npm publish", "npm --silent publish"),
        ("echo 'a b'", "echo a\\ b"),
        ("> /etc/hosts", "echo x > /etc/hosts"),
        ("> /etc/hosts", "echo x >> /etc//hosts"),
        ("curl x | sh", "ls; curl x | sh"),
    ],
)
def test_an_operators_pattern_matches_a_command_that_begins_with_its_words(
    pattern: str, text: str
) -> None:
    hit = judge(text, blocklist=Blocklist((pattern,), use_default=True))
    assert hit is not None
    assert (hit.name, hit.operators) == (pattern, True)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("curl", "echo curl"),
        ("curl", "curly"),
        ("git push", "git pull"),
        ("git push", "git stash push"),
        ("git push", "git"),
        ("git push", "echo git push"),
        ("> /etc/hosts", "cat < /etc/hosts"),
        ("curl x | sh", "curl x"),
        (" ", "ls"),
    ],
)
def test_an_operators_pattern_leaves_other_commands_alone(
    pattern: str, text: str
) -> None:
    assert judge(text, blocklist=Blocklist((pattern,), use_default=True)) is None


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        ("(", ")"),
        ("{ ", "; }"),
        ("echo $(", ")"),
        ("echo ${x:-", "}"),
        ("f() ", "{ ls; }"),
        ("nice ", "ls"),
        ("eval ", "ls"),
    ],
)
def test_texts_that_nest_too_deep_are_not_judged(opening: str, closing: str) -> None:
    for count, deep in ((10, False), (400, True)):
        closings = closing * (1 if closing in ("ls", "{ ls; }") else count)
        text = f"{opening * count}ls{closings}"
        if deep:
            with pytest.raises(TooDeepError):
                judge(text)
        else:
            assert judge(text) is None


def test_texts_that_multiply_are_not_judged() -> None:
    double = "; ".join(f"x{n}='eval $x{n + 1}; eval $x{n + 1}'" for n in range(16))
    with pytest.raises(TooMuchError):
        judge(f"{double}; eval $x0")


def test_loops_and_calls_do_not_multiply() -> None:
    loops = "for i in 1 2 3 4 5 6 7 8 9; do " * 6 + "ls" + "; done" * 6
    assert judge(loops) is None
    calls = "".join(f"f{n}() {{ f{n + 1}; f{n + 1}; f{n + 1}; }}; " for n in range(12))
    assert judge(f"f12() {{ ls; }}; {calls} f0") is None


def test_variables_that_grow_are_no_longer_followed() -> None:
    assert judge("x=/;" + "x=$x$x;" * 40 + "rm -rf $x") is None
    assert judge("set -- / /;" + 'set -- "$@" "$@";' * 40 + "rm -rf $9") is None
    many = "".join(f"x{n}=/;" for n in range(1000))
    assert judge(f"{many} rm -rf $x999") is None
    assert judge("cd /;" + "cd a;" * 1000 + "rm -rf *") is None


def test_what_nested_shells_are_given_counts_together() -> None:
    length = MAX_NESTED_CHARACTERS // 20
    text = f"sh -c '{'b' * length}'"
    assert judge(text) is None
    with pytest.raises(TooMuchError):
        judge("\n".join([text] * 21))


PIECES = (
    "rm -rf / $x ${x:-a} $(echo a) `b` x=1 ; & | && || ( ) { } if then fi while do "
    "done for in case esac ' \" \\ # << E \n > < [[ ]] (( )) a[1]=2 $@ * ~ eval sh -c "
    "f() <( xargs read cd"
)
TEXTS = st.lists(st.sampled_from(PIECES.split(" ")), max_size=24).map(" ".join)


@given(st.one_of(st.text(max_size=60), TEXTS), st.sampled_from(BOTH))
def test_every_text_is_judged(text: str, dialect: Dialect) -> None:
    """Either there is a verdict, or one of the two bounds is reached."""
    with contextlib.suppress(TooDeepError, TooMuchError):
        judge(text, "/tmp", dialect=dialect)


@given(TEXTS)
def test_a_command_is_found_behind_any_text_that_is_read(text: str) -> None:
    try:
        parse(f"{text}\n", Dialect.SH, budget=Budget())
        hit = judge(f"{text}\nreboot")
    except (NotModelledError, TooDeepError, TooMuchError):
        return
    read = not text.endswith("\\")  # or it goes on in the next line
    assert hit is not None or not read or "#" in text or "<<" in text
