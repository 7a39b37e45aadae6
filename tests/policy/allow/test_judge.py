"""An allow-list over whole texts: what passes, what is refused, and in which words."""

from __future__ import annotations

import pytest

from commander.commands import CommandRequest
from commander.policy.allow.targets import Places
from commander.policy.checker import Approved, Denied, PolicyChecker
from commander.policy.lists import PolicyLists
from commander.principals import ANONYMOUS

SOME = ("ls", "cat", "grep", "echo", "head", "wc", "cp", "printf", "read", "set")


def verdict(
    command: str,
    *allowed: str,
    shell: str = "/bin/sh",
    directory: str | None = "/srv/app",
    workspace: tuple[str, ...] = (),
    allowed_env: tuple[str, ...] = (),
) -> Approved | Denied:
    policy = PolicyChecker(
        PolicyLists(
            allowed=allowed or SOME,
            blocked=(),
            use_default_blocklist=True,
            allowed_env=allowed_env,
            shell=shell,
            places=Places(workspace=workspace, directory="/srv/app"),
        )
    )
    request = CommandRequest(
        command=command, working_directory=directory, timeout_seconds=1.0
    )
    return policy.check(request, ANONYMOUS)


def rule(command: str, *allowed: str, **how: str) -> str:
    """The rule that refuses a command; empty if none does."""
    decided = verdict(command, *allowed, **how)  # type: ignore[arg-type]
    return decided.rule_id if isinstance(decided, Denied) else ""


@pytest.mark.parametrize(
    "command",
    [
        "ls | head -3",
        "ls; cat a && grep x b || echo no",
        "if ls x; then cat x; elif grep y z; then echo; else wc -l; fi",
        'for f in a b c; do cat "$f"; done',
        'while read -r line; do echo "$line"; done < list',
        'while IFS= read -r line; do echo "$line"; done < list',
        "until grep x y; do echo wait; done",
        "case $1 in a|b) ls;; *) cat x;; esac",
        "(cd sub && ls); pwd",
        "{ ls; cat x; } > out.txt 2>&1",
        'echo "$(ls | wc -l) files"',
        "echo `ls`",
        "cat <<E\n$(ls)\nE",
        "cat <<'E' > src/new.py\n$(pwn)\nE",
        "ls 2>/dev/null >&2",
        "! ls",
        "ls & cat x & wait",
        "x=1; echo $((x + 1)) ${x:-2} ${x%.py} ${#x}",
        'NAME=value; echo "$NAME"',
        "set -eu; ls",
        "cd build && ls > list.txt",
        "cd /tmp; echo x > y",
        'dir=out; cp a "$dir"',
        '[ -f x ] && test -n "$x" && ls',
        "echo hi > /tmp/x",
        "true; false; :; exit 3",
        "# only a comment\nls",
    ],
)
def test_what_the_list_covers_passes(command: str) -> None:
    assert isinstance(verdict(command), Approved), verdict(command)


@pytest.mark.parametrize(
    "command",
    [
        "[[ -f x ]] && ls",
        "((i = 1 + 2)); echo $i",
        'a=(1 2); echo "${a[@]}"',
        "cat <(ls)",
        "cat <<< 'x; y'",
        'echo {1..3} "${x^^}" ${x:0:3} ${x//a/b}',
        "for ((i=0; i<3; i++)); do ls; done",
        "ls &> out.txt; ls |& cat",
        "set -euo pipefail; ls",
    ],
)
def test_bash_is_read_where_it_is_the_shell(command: str) -> None:
    assert isinstance(verdict(command, shell="/bin/bash"), Approved)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("pwn", "not-allowed"),
        ("ls; pwn", "not-allowed"),
        ("ls | pwn", "not-allowed"),
        ("if pwn; then ls; fi", "not-allowed"),
        ("if ls; then pwn; fi", "not-allowed"),
        ("while ls; do pwn; done", "not-allowed"),
        ("for f in $(pwn); do ls; done", "not-allowed"),
        ("case $(pwn) in a) ls;; esac", "not-allowed"),
        ("case a in a) pwn;; esac", "not-allowed"),
        ("(pwn)", "not-allowed"),
        ("{ pwn; }", "not-allowed"),
        ("echo $(pwn)", "not-allowed"),
        ("echo `pwn`", "not-allowed"),
        ('echo "${x:-$(pwn)}"', "not-allowed"),
        ("echo $(( $(pwn) ))", "not-allowed"),
        ("x=$(pwn)", "not-allowed"),
        ("x=$(pwn) ls", "not-allowed"),
        ("cat <<E\n$(pwn)\nE", "not-allowed"),
        ("ls > $(pwn)", "target"),
        ("ls &\npwn &", "not-allowed"),
        ("./ls", "not-allowed"),
        ("/bin/ls", "not-allowed"),
        ("LS", "not-allowed"),
        ("l\\\ns; pwn", "not-allowed"),
        ("$x", "computed-command"),
        ("$(echo pwn)", "computed-command"),
        ("/bin/l?", "computed-command"),
        ("~/ls", "computed-command"),
        ("''", "computed-command"),
        ("eval ls", "builtin"),
        ("exec ls", "builtin"),
        (". ./x", "builtin"),
        ("trap ls EXIT", "builtin"),
        ("alias ls=pwn", "builtin"),
        ("command ls", "builtin"),
        ("set -- a", "builtin"),
        ("set -a", "builtin"),
        ("read PATH", "builtin"),
        ("ls() { cat x; }; ls", "function"),
        ("PATH=tools ls", "assignment"),
        ("PATH=tools; ls", "assignment"),
        ("LD_PRELOAD=./x.so ls", "assignment"),
        ("IFS=/ ls", "assignment"),
        ("for PATH in a; do ls; done", "assignment"),
        (": ${PATH:=x}", "assignment"),
        ("echo x > .git/config", "target"),
        ("echo x > /etc/passwd", "target"),
        ("echo x > ~/.ssh/authorized_keys", "target"),
        ("echo x > ../x", "target"),
        ("echo x > $f", "target"),
        ("echo x > -x", "target"),
        ("f=.git/config; echo x >> $f", "target"),
        ('cd "$d"; echo x > y', "target"),
        ("cd /etc; echo x > y", "target"),
        ("cd; echo x > y", "target"),
        ("if ls; then cd /tmp; fi; echo x > y", "target"),
        ("while ls; do echo x > y; cd ..; done", "target"),
        ("cp a /etc/x", "target"),
        ("coproc ls", "builtin"),
        ("ls )", "shell-syntax"),
        ("echo 'x", "shell-syntax"),
    ],
)
def test_what_the_list_does_not_cover_is_refused(command: str, expected: str) -> None:
    assert rule(command) == expected


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("[[ $(pwn) ]]", "not-allowed"),
        ("[[ -v 'a[$(pwn)]' ]]", "arithmetic"),
        ("[[ 'a[$(pwn)]' -eq 0 ]]", "arithmetic"),
        ("((x[$(pwn)]))", "not-allowed"),
        ("a[$(pwn)]=1", "arithmetic"),
        ("a[x]=1", "arithmetic"),
        ("echo ${!x}", "parameter"),
        ("echo ${x@P}", "parameter"),
        ("echo ${x:y}", "arithmetic"),
        ("echo ${a[x]}", "arithmetic"),
        ("cat <(pwn)", "not-allowed"),
        ("cat < /dev/tcp/h/80", "target"),
        ("test -v 'a[$(pwn)]'", "builtin"),
        ("[ $x = y ]", "builtin"),
        ('printf "$x" y', "builtin"),
        ("printf -v x y", "builtin"),
        ("select x in a; do ls; done", "builtin"),
        ("a=($(pwn))", "not-allowed"),
        ("coproc pwn", "shell-syntax"),
    ],
)
def test_bashs_own_ways_are_refused(command: str, expected: str) -> None:
    assert rule(command, shell="/bin/bash") == expected


def test_a_refusal_names_each_part_and_what_would_do() -> None:
    decided = verdict("ls; pwn x; cat a > /etc/b")
    assert isinstance(decided, Denied)
    assert [each.rule_id for each in decided.segments] == ["", "not-allowed", "target"]
    assert [each.text for each in decided.segments] == [
        "ls",
        "pwn x",
        "cat a > /etc/b",
    ]
    assert "`pwn x`" in decided.reason
    assert "MCP_ALLOWED_COMMANDS" in decided.reason
    assert "MCP_WORKSPACE" in decided.reason
    assert "server policy" in decided.reason


@pytest.mark.parametrize(
    ("command", "entries"),
    [
        ("python3 -c 'print(1)'", ("python3 -c",)),
        ("git -c core.pager=less log", ("git -c",)),
        ("find . -exec pwn {} +", ("find . -exec", "pwn")),
        ("source venv/bin/activate", ("source",)),
        ("command -v ls", ("command",)),
        ("sh -c 'ls; cat x'", ("sh", "ls", "cat")),
        ("timeout 5 env A=1 nice ls", ("timeout", "env", "nice", "ls")),
        ("git status -s", ("git status",)),
    ],
)
def test_an_entry_can_say_more(command: str, entries: tuple[str, ...]) -> None:
    assert isinstance(verdict(command, *entries), Approved), verdict(command, *entries)


@pytest.mark.parametrize(
    ("command", "entries"),
    [
        ("source //dev/stdin", ("source",)),
        (". ../../dev/stdin", (".",)),
        ("git push", ("git status",)),
        ("git", ("git status",)),
        ("git 'status x'", ("git status",)),
        ("gitstatus", ("git",)),
        ("sh -c 'ls; pwn'", ("sh", "ls")),
        ('sh -c "$x"', ("sh",)),
        ("timeout 5 pwn", ("timeout",)),
        ("timeout 5 env pwn", ("timeout", "env")),
        ("python3 -c 'print(1)'", ("python3",)),
    ],
)
def test_an_entry_says_no_more_than_it_says(
    command: str, entries: tuple[str, ...]
) -> None:
    assert isinstance(verdict(command, *entries), Denied)


def test_targets_and_directories_are_judged_together() -> None:
    command = "echo KEY > authorized_keys"
    assert isinstance(verdict(command), Approved)
    assert rule(command, directory="/root/.ssh") == "target"
    assert rule("ls", directory="/etc") == ""


def test_with_a_workspace_no_command_runs_outside_of_it() -> None:
    inside = verdict("ls", workspace=("/data",), directory="/data/x")
    outside = verdict("ls", workspace=("/data",), directory="/database")
    assert isinstance(inside, Approved)
    assert isinstance(outside, Denied)
    assert outside.rule_id == "working-directory"


def test_an_operator_can_allow_a_name() -> None:
    assert rule("MAKEFLAGS=-j4 ls") == "assignment"
    assert isinstance(verdict("MAKEFLAGS=-j4 ls", allowed_env=("MAKEFLAGS",)), Approved)


@pytest.mark.parametrize(
    ("command", "runs"),
    [
        ("ls   'a b' \\c", "ls 'a b' c"),
        ('echo "$x"*.py', 'echo "${x}"*.py'),
        ("ls&cat x", "ls & cat x"),
        ("echo `ls`", "echo $(ls)"),
    ],
)
def test_what_runs_is_what_was_checked(command: str, runs: str) -> None:
    decided = verdict(command)
    assert isinstance(decided, Approved)
    assert decided.text == runs


def test_nesting_has_a_bound() -> None:
    text = "ls"
    for _ in range(100):
        text = f"echo $({text})"
    assert rule(text) == "limits"
