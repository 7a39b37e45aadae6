"""The blocklists over whole shell texts: what is found, and what is left alone."""

from __future__ import annotations

import pytest

from commander.policy.blocklist import Blocklist
from commander.policy.budget import MAX_NESTED_CHARACTERS, TooMuchError
from commander.policy.words import MAX_NESTING, TooDeepError

DEFAULT = Blocklist((), use_default=True)

DANGEROUS = {
    "rm -rf /": [
        # spellings of the words
        "rm -rf /",
        "'rm' -rf /",
        r"r\m -rf /",
        "r''m -rf /",
        'rm -r"f" "/"',
        "$'rm' -rf /",
        r"$'\x72\155' -rf /",
        '$"rm" -rf /',
        "/bin/rm -rf /",
        "../../bin/rm -rf /",
        "rm${IFS}-rf${IFS}/",
        "r\\\nm -rf /",
        "{rm,-rf,/}",
        "rm -rf {/,}",
        "rm -rf ~/..",
        "rm -rf ~me/../../",
        "rm -rf {/tmp/{a,b}/../..,x}",
        # options in any order and length
        "rm -r -f /",
        "rm / -rf",
        "rm -vfR /",
        "rm --recursive --force /",
        "rm --rec --no-preserve-root /",
        "rm -rf -- /",
        "rm -rf -v /tmp/x /",
        "rm $OPTIONS /",
        # paths
        "rm -rf //",
        "rm -rf /.",
        "rm -rf /home/..",
        "rm -rf /home/../usr",
        "rm -rf /etc/",
        "rm -rf /tmp/x /bin",
        # directories that the text itself enters
        "cd / && rm -rf .",
        "cd /usr; cd ..; rm -rf ./",
        "pushd / ; rm -rf etc",
        'cd /; rm -rf "$PWD"',
        "cd /home; rm -rf ../usr",
        "(cd /; rm -rf var)",
        # variables and output
        "x=/; rm -rf $x",
        "x=/ y=$x; rm -rf ${y}",
        "x=/; x+=usr; rm -rf $x",
        "a=r b=m; $a$b -rf /",
        "x='rm -rf /'; $x",
        "x='rm -rf /'; eval $x",
        "export x=/; rm -rf $x",
        "rm -rf ${UNSET:-/}",
        "x=; rm -rf ${x:-/}",
        "set -- -rf /; rm $@",
        'set -- a /; rm -rf "$2"',
        "for d in /tmp /usr; do rm -rf $d; done",
        'for d in /tmp /usr; do rm -rf "$d"; done',
        "rm -rf $(echo /)",
        "rm -rf `echo -n /`",
        "rm -rf $(printf '%s' /)",
        r"rm -rf $(printf '\57')",
        "rm -rf $(cat <<< /)",
        # places in a text
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
        "while true\ndo rm -rf /\ndone",
        "for ((i=0; i<3; i++)); do rm -rf /; done",
        "case $x in a|b) ls;; *) rm -rf /;; esac",
        "f() { rm -rf /; }",
        "function f { rm -rf /; }",
        "f() rm -rf /",
        "time -p rm -rf /",
        "coproc rm -rf /",
        "[[ -d / ]] && rm -rf /",
        "[[ $x =~ (a|b) ]]; rm -rf /",
        "echo $(rm -rf /)",
        'echo "`rm -rf /`"',
        r"echo `echo \`rm -rf /\``",
        "echo ${x:-$(rm -rf /)}",
        'echo "${x#"$(rm -rf /)"}"',
        "echo $((1 + $(rm -rf /)))",
        "echo $((1)) $(rm -rf /)",
        "x=$(rm -rf /)",
        "x=(a $(rm -rf /))",
        "cat <(rm -rf /)",
        "ls > >(rm -rf /)",
        "ls > $(rm -rf /)",
        "cat <<E\n$(rm -rf /)\nE",
        "cat <<-E\n\tx\n\tE\nrm -rf /",
        "cat <<'E'\nx\nE\nrm -rf /",
        "> out rm -rf /",
        "2>&1 rm -rf /",
        "A=1 B=2 rm -rf /",
        "ls # x\nrm -rf /",
        "((x = 1 << 2))\nrm -rf /",
        "ls }; rm -rf /",
        "done; rm -rf /",
        "echo $'it\\'; rm -rf / #'",
        "echo a &> b; rm -rf /",
        # programs that run others
        "sudo -u root rm -rf /",
        "sudo -n A=1 -- rm -rf /",
        "doas rm -rf /",
        "env -i A=1 rm -rf /",
        "env - rm -rf /",
        "env -S 'rm -rf /'",
        "env -u X --split-string='rm -rf /'",
        "nice -n 5 nohup setsid rm -rf /",
        "timeout -k 1 5 rm -rf /",
        "timeout --foreground 5s rm -rf /",
        "stdbuf -oL rm -rf /",
        "ionice -c3 chrt -f 10 taskset -c 0 rm -rf /",
        "flock -n /tmp/lock rm -rf /",
        "flock /tmp/lock -c 'rm -rf /'",
        "chroot /mnt rm -rf /",
        "nsenter -t 1 -m unshare -m rm -rf /",
        "busybox rm -rf /",
        "command -p exec -a x rm -rf /",
        "xargs rm -rf / < /dev/null",
        "echo / | xargs rm -rf",
        "echo / | xargs -I{} rm -rf {}",
        "echo / | xargs -I{} sh -c 'rm -rf {}'",
        "find . -exec rm -rf / \\;",
        "find . -name x -exec ls {} \\; -exec rm -rf / \\;",
        "watch -n 1 'rm -rf /'",
        "script -qc 'rm -rf /' /dev/null",
        "su root -c 'rm -rf /'",
        "make --eval='x:;rm -rf /' x",
        "python3.11 -c 'import os; os.system(\"rm -rf /\")'",
        "awk 'BEGIN { system(\"rm -rf /\") }'",
        # nested shells
        "sh -c 'rm -rf /'",
        "bash -euo pipefail -c 'rm -rf /'",
        "bash --norc -lc 'rm -rf /'",
        "sh -c 'rm -rf \"$1\"' x /",
        "X=/ sh -c 'rm -rf $X'",
        "sh -c \"sh -c 'rm -rf /'\"",
        "eval 'rm -rf' /",
        "trap 'rm -rf /' EXIT",
        "alias x='rm -rf /'",
        "echo 'rm -rf /' | sh",
        "printf 'rm -rf /' | sudo bash -s a b",
        "bash <<< 'rm -rf /'",
        "bash - <<E\nrm -rf /\nE",
        ". /dev/stdin <<< 'rm -rf /'",
        "echo 'rm -rf /' | at now",
    ],
    "rm -rf /*": [
        "rm -rf /*",
        "rm -rf /?*",
        "rm -rf /.*",
        "rm -rf /u*",
        "rm -rf /[a-z]*",
        "rm -rf /usr/*",
        "cd /; rm -fr -- *",
        "for d in /*; do rm -rf $d; done",
    ],
    "find / -delete": [
        "find / -delete",
        "find -L / /tmp -xdev -type f -delete",
        "cd / && find -delete",
        "find / -exec rm {} +",
        "find / -exec rm -rf {} +",
        "find / -type f -exec rm -f {} \\;",
    ],
    "mkfs": [
        "mkfs /dev/sda",
        "/sbin/mkfs.ext4 -F disk.img",
        "find . -exec mkfs.xfs {} \\;",
    ],
    "dd": ["dd if=/dev/zero of=x", "cat x | sudo dd of=y", "${x}dd if=a"],
    "chmod -R 777 /": ["chmod -R 777 /", "chmod 777 --recursive /", "chmod -R u+w /*"],
    "chown -R /": ["chown -hR me:me /", "chgrp -R me /etc", "cd /; chown -R me ."],
    "> /dev/sda": [
        "echo x > /dev/sda",
        "echo x >> /dev/../dev/nvme0n1",
        "{ cat x; } >| //dev/vdb1",
        "ls &> /dev/hda",
        "cat x | tee -a y /dev/mmcblk0",
    ],
    "shutdown": ["shutdown -h now", "sudo shutdown"],
    "reboot": [
        "reboot",
        "/???/reboot",
        "/sbin/re[b]oot",
        "x=re; ${x}boot",
        "re$@boot",
        "$(echo reboot)",
        "{reboot,-f}",
        "for x in reboot; do $x; done",
        "mapfile -C reboot -c 1 x",
    ],
    "halt": ["halt -p"],
    "poweroff": ["poweroff"],
    "systemctl poweroff": [
        "systemctl reboot",
        "systemctl --force -H host poweroff",
        "systemctl start x reboot.target",
        "systemctl isolate runlevel6.target",
        "loginctl suspend",
    ],
    "init 0": ["init 0", "/sbin/init 0"],
    "init 6": ["telinit -t 3 6"],
    "fork bombs": [
        ":(){ :|:& };:",
        "f() { f & }",
        "f() ( f | f )",
        "function f { (f) & }",
        "sh -c ':(){ :|:& };:'",
    ],
}

HARMLESS = [
    "rm -rf ~/x ~/x/.. ~/../me/x",
    "find / -name x -exec rm {} +",
    "find / -exec ls {} +",
    "",
    "git add .",
    "git commit -m 'reboot; rm -rf /'",
    "git log --grep=shutdown",
    "git diff halt",
    "echo asphalt",
    "echo shutdown",
    'echo "a && reboot"',
    "echo rm -rf /",
    "grep 'dd if=' f",
    "sudo -E grep -r reboot /var/log",
    "xargs -0 grep dd",
    "cat halt.txt",
    "man reboot",
    "which mkfs",
    "command -v reboot",
    "ls /sbin/reboot",
    "ls > reboot",
    "./shutdown-hook.sh",
    "python3 halt.py",
    "python3 -c 'print(\"reboot\")'",
    "bash run.sh reboot",
    "sh -s reboot < f",
    "make halt-tests",
    "npm init",
    "init",
    "systemctl status reboot.target",
    "systemctl",
    "systemctl start sshd",
    "rm -rf ./build",
    "rm -rf build /tmp/x",
    "rm -rf /tmp/*",
    "rm -rf /home/me/x",
    "rm -rf /usr/local/x/*",
    'rm -rf "$TMPDIR/x"',
    "rm -rf $UNSET/",
    'rm -rf "${UNSET:-}/"',
    "rm -rf *",
    "rm -rf ..",
    "rm -rf --",
    "rm -f /",
    "cd /tmp/x && rm -rf *",
    "cd / && ls",
    "(cd / && ls); rm -rf *",
    "cd $X; rm -rf *",
    "cd /; cd -; rm -rf *",
    "cd /; popd; rm -rf *",
    "x=/; read x; rm -rf $x",
    "x=/; unset x; rm -rf $x",
    "chmod -R 755 build",
    "chmod 755 /",
    "chown -R --reference / build",
    "find . -delete",
    "find / -name core -delete",
    "find / -name x -exec rm -rf {} +",
    "echo x > /dev/null",
    "echo x > /dev/sda/..",
    "tee log",
    "trap - EXIT",
    "trap",
    "sh -c",
    "sudo",
    "./* x",
    "? x",
    "$UNSET x",
    "echo 5",
    "# rm -rf /",
    "ls # ; reboot",
    "cat <<'E'\nreboot\n$(reboot)\nE",
    "cat <<E\nreboot\n\\$(x)\nE",
    "cat <<E",
    "case x in reboot|halt) ls;; esac",
    "case x in (dd) ls",
    "[[ $x =~ ^(reboot|halt)$ ]]",
    "echo $((dd + 1)) $(( (1) ))",
    "for dd in a b; do ls $dd; done",
    "dd=5; halt=6",
    "declare dd=5 -x halt",
    "f() { ls | f2 & }",
    "f() { f; }",
    "f() { ls; }; f | f &",
    r"echo $'it\'s fine'; grep reboot f",
    "echo {a,b} {a} {a,{b,c}} {",
    "echo a | xargs",
    "echo ${#x} ${x[@]} ${x/a/b} ${!x} $$ $",
    "x=$y; echo $x; echo ${99999999999999999999}",
    "ls {fd}>x 2>&- 3<&1 <> y",
    "echo / | xargs -0 ls",
    "printf",
    "printf --",
    "let dd",
    "if",
    "find . -exec",
    "for x; do ls; done",
    "f() { for x in a; do (ls) done; }",
    "f() { (ls) | cat; }",
    "x=; $x; $x ls",
    f"echo {'/ ' * 200} | xargs -I{{}} ls {{}}",
    f"echo {'{a}' * 9}{{b,c}} {{{','.join('ab' * 50)}}}",
    ") } ;; esac fi",
    "| |",
    "<",
    "<<",
    "echo a (b)",
]


@pytest.mark.parametrize(
    ("name", "text"),
    [(name, text) for name, texts in DANGEROUS.items() for text in texts],
)
def test_the_default_list_finds_a_danger_however_it_is_written(
    name: str, text: str
) -> None:
    hit = DEFAULT.find(text, None)
    assert hit is not None
    assert (hit.name, hit.operators) == (name, False)
    assert name in DEFAULT.names


@pytest.mark.parametrize("text", HARMLESS)
def test_the_default_list_leaves_harmless_texts_alone(text: str) -> None:
    assert DEFAULT.find(text, None) is None


@pytest.mark.parametrize("text", ["rm -rf *", "rm -rf .", "cd usr; rm -rf ../etc"])
def test_relative_paths_count_from_an_absolute_directory(text: str) -> None:
    assert DEFAULT.find(text, "/") is not None
    assert DEFAULT.find(text, "/tmp/work") is None
    assert DEFAULT.find(text, "usr") is None


def test_without_the_default_list_its_dangers_pass() -> None:
    blocklist = Blocklist((), use_default=False)
    assert blocklist.names == ()
    assert blocklist.find("rm -rf /; echo 'reboot", None) is None


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("curl", "curl http://x"),
        ("curl", "/usr/bin/curl x"),
        ("curl", "cat f | curl -T - x"),
        ("curl", "echo $(curl x)"),
        ("curl", "echo x | xargs curl"),
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
    ],
)
def test_an_operators_pattern_matches_a_command_that_begins_with_its_words(
    pattern: str, text: str
) -> None:
    hit = Blocklist((pattern,), use_default=True).find(text, None)
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
        (" ", "ls"),
    ],
)
def test_an_operators_pattern_leaves_other_commands_alone(
    pattern: str, text: str
) -> None:
    assert Blocklist((pattern,), use_default=True).find(text, None) is None


@pytest.mark.parametrize(
    "text",
    [
        "rm -rf / 'open",
        "r''m -rf /* \"open",
        "/sbin/reboot; echo $(open",
        "halt `open",
        "curl x ${open",
        "git push; echo $((open",
        "dd $(( (a) b",
        "mkfs x=(open",
        'poweroff "$(echo )" $\'open',
        "shutdown `echo )`)\n'",
    ],
)
def test_a_text_that_cannot_be_read_is_searched_for_blocked_words(text: str) -> None:
    assert Blocklist(("curl", "git push"), use_default=True).find(text, None)


@pytest.mark.parametrize("text", ["echo 'open", "git pull 'open", "rm -rf x 'open"])
def test_a_text_that_cannot_be_read_and_holds_no_blocked_word_passes(text: str) -> None:
    assert Blocklist(("git push",), use_default=True).find(text, None) is None


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        ("(", ")"),
        ("{ ", "; }"),
        ("echo $(", ")"),
        ('echo "$(', ')"'),
        ("echo ${x:-", "}"),
        ("echo $((", "))"),
        ("cat <(", ")"),
        ("f() ", "ls"),
        ("case x in x) ", ";; esac"),
        ("x=(", ")"),
        ("nice ", "ls"),
        ("eval ", "ls"),
    ],
)
def test_texts_that_nest_too_deep_are_not_judged(opening: str, closing: str) -> None:
    few, many = MAX_NESTING - 5, MAX_NESTING + 5
    assert DEFAULT.find(opening * few + closing * few, None) is None
    with pytest.raises(TooDeepError):
        DEFAULT.find(opening * many + closing * many, None)


def test_texts_that_multiply_are_not_judged() -> None:
    double = "; ".join(f"x{n}='eval $x{n + 1}; eval $x{n + 1}'" for n in range(40))
    with pytest.raises(TooMuchError):
        DEFAULT.find(f"{double}; eval $x0", None)


def test_variables_that_grow_are_no_longer_followed() -> None:
    assert DEFAULT.find("x=/;" + "x=$x$x;" * 40 + "rm -rf $x", None) is None
    assert DEFAULT.find("set -- / /;" + 'set -- "$@" "$@";' * 40, None) is None
    many = "".join(f"x{n}=/;" for n in range(1000))
    assert DEFAULT.find(f"{many} rm -rf $x999", None) is None
    assert DEFAULT.find("cd /;" + "cd a;" * 1000 + "rm -rf *", None) is None


def test_what_nested_shells_are_given_counts_together() -> None:
    length = MAX_NESTED_CHARACTERS // 20
    text = f"x='{'a' * length}'; sh -c '{'b' * length}'"
    assert DEFAULT.find(text, None) is None
    with pytest.raises(TooMuchError):
        DEFAULT.find("\n".join([text] * 21), None)
