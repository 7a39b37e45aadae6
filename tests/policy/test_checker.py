"""The decision as other layers see it."""

from __future__ import annotations

import ast
import shlex
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import commander
from commander.commands import CommandRequest
from commander.policy.allow.targets import Places
from commander.policy.block.dangers import DISPLAY_NAMES
from commander.policy.budget import (
    MAX_COMMANDS,
    MAX_NESTED_CHARACTERS,
    MAX_NESTING,
    MAX_WORK,
)
from commander.policy.checker import Approved, Denied, PolicyChecker
from commander.policy.denials import MAX_QUOTED_CHARACTERS
from commander.policy.lists import PolicyLists
from commander.policy.rules import MAX_COMMAND_BYTES, plain_words
from commander.principals import ANONYMOUS

ENTRIES = ("ls", "git status", "git log", "echo", "python3 -m pytest", "env", "rm", "[")


def checker(
    *allowed: str,
    blocked: tuple[str, ...] = (),
    use_default_blocklist: bool = True,
    allowed_env: tuple[str, ...] = (),
    shell: str = "/bin/sh",
) -> PolicyChecker:
    return PolicyChecker(
        PolicyLists(
            allowed=allowed,
            blocked=blocked,
            use_default_blocklist=use_default_blocklist,
            allowed_env=allowed_env,
            shell=shell,
        )
    )


def decide(
    policy: PolicyChecker,
    command: str,
    env: dict[str, str] | None = None,
    directory: str | None = None,
) -> Approved | Denied:
    request = CommandRequest(
        command=command,
        timeout_seconds=1.0,
        env=env or {},
        working_directory=directory,
    )
    return policy.check(request, ANONYMOUS)


def refusal(
    policy: PolicyChecker, command: str, env: dict[str, str] | None = None
) -> Denied:
    verdict = decide(policy, command, env)
    assert isinstance(verdict, Denied)
    return verdict


def approved_text(policy: PolicyChecker, command: str) -> str:
    verdict = decide(policy, command)
    assert isinstance(verdict, Approved), verdict
    return verdict.text


# --- Approved ----------------------------------------------------------------------


def test_an_approval_cannot_be_made_without_the_checker() -> None:
    request = CommandRequest(command="ls", timeout_seconds=1.0)
    with pytest.raises(TypeError, match="PolicyChecker"):
        Approved(request=request, text="ls")
    with pytest.raises(TypeError, match="PolicyChecker"):
        Approved(request=request, text="ls", seal=object())


def test_an_approval_cannot_be_altered() -> None:
    verdict = decide(checker(), "ls")
    assert isinstance(verdict, Approved)
    with pytest.raises(TypeError, match="PolicyChecker"):
        attrs.evolve(verdict, text="pwn")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        verdict.text = "pwn"  # type: ignore[misc]  # that is what is tried here


def test_no_other_module_makes_approvals() -> None:
    package = Path(commander.__file__).parent
    callers = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", getattr(node.func, "attr", "")) == "Approved"
    }
    assert callers == {"policy/checker.py"}


# --- what runs ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("a | b > c; $x", "a | b > c; ${x}"),
        ("  ls\t\n", "ls"),
        ("é ☃", "'é' '☃'"),
        ("ls \\x", "ls x"),
    ],
)
def test_without_an_allow_list_the_text_runs_as_it_was_understood(
    command: str, text: str
) -> None:
    assert approved_text(checker(), command) == text
    only_own = checker(blocked=("curl",), use_default_blocklist=False)
    assert approved_text(only_own, command) == text


@pytest.mark.parametrize("command", ["a | b > c; $x", "'open", "  ls\t\n", "é ☃"])
def test_without_any_list_the_text_runs_as_it_came(command: str) -> None:
    assert approved_text(checker(use_default_blocklist=False), command) == command


@pytest.mark.parametrize("command", ["'open", "ls )", "if ls", "cat <("])
def test_without_an_allow_list_a_text_with_no_tree_runs_as_it_came(
    command: str,
) -> None:
    assert approved_text(checker(), command) == command


def test_for_a_shell_that_nobody_models_the_text_runs_as_it_came() -> None:
    policy = checker(shell="/usr/bin/fish")
    assert approved_text(policy, "ls  \\x") == "ls  \\x"
    assert refusal(policy, "reboot").rule_id == "default-blocklist"
    with pytest.raises(ValueError, match="/usr/bin/fish"):
        checker("ls", shell="/usr/bin/fish")


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("ls", "ls"),
        ("  ls\t-la  ", "ls -la"),
        ("ls 'a b' \"c;d\" e'f'\"g\"", "ls 'a b' 'c;d' efg"),
        ("l's' ''", "ls ''"),
        ("git status --short", "git status --short"),
        ("git log HEAD~1 a#b a=~ x^", "git log 'HEAD~1' 'a#b' 'a=~' 'x^'"),
        ("echo 'a\nb'", "echo 'a\nb'"),
        ("echo 'rm -rf /' '$x' \"it's\"", "echo 'rm -rf /' '$x' 'it'\\''s'"),
        ("python3 -m pytest -q", "python3 -m pytest -q"),
        ("echo a\u00a0b", "echo 'a\u00a0b'"),
        ("env", "env"),
        ("'[' a ']'", "[ a ]"),
        ("ls {a,b} #x", "ls '{a,b}'"),
    ],
)
def test_with_an_allow_list_the_words_are_rendered_again(
    command: str, text: str
) -> None:
    assert approved_text(checker(*ENTRIES), command) == text


@pytest.mark.parametrize(
    "command",
    [
        "lsof",
        "/bin/ls",
        "./ls",
        "LS",
        "git",
        "git push",
        "git stash status",
        "git-status",
        "gitlog",
        "python3 -c x",
        "pwn",
    ],
)
def test_a_command_that_begins_with_no_entry_is_denied(command: str) -> None:
    assert refusal(checker(*ENTRIES), command).rule_id == "not-allowed"


def test_a_name_with_a_blank_that_is_none_is_no_known_command() -> None:
    policy = checker(*ENTRIES, "git\u00a0status")
    assert refusal(policy, "git\u00a0status").rule_id == "computed-command"


@pytest.mark.parametrize("entry", ["", " \t", "''"])
def test_an_entry_that_names_nothing_allows_nothing(entry: str) -> None:
    policy = checker(entry)
    assert not policy.allow_all
    assert refusal(policy, "ls").rule_id == "not-allowed"
    assert refusal(policy, "''").rule_id == "computed-command"


@pytest.mark.parametrize("entry", ["ls | wc", "ls; ls", "ls &", "ls $x", "A=1 ls"])
def test_an_entry_of_shell_syntax_allows_nothing(entry: str) -> None:
    policy = checker(entry)
    assert refusal(policy, "ls").rule_id == "not-allowed"
    assert refusal(policy, entry).rule_id == "not-allowed"


def test_an_entry_may_be_quoted_as_a_shell_would_read_it() -> None:
    assert approved_text(checker("'/opt/a b/run' x"), "'/opt/a b/run' x") == (
        "'/opt/a b/run' x"
    )


@pytest.mark.parametrize(
    "command", ["ls 'open", 'ls "open', "ls `open", "if ls", "ls )", "ls ;;", "ls >"]
)
def test_what_cannot_be_read_is_denied_under_an_allow_list(command: str) -> None:
    policy = checker(*ENTRIES, *command.split())
    assert refusal(policy, command).rule_id == "shell-syntax"


def test_an_approval_shows_every_command_where_there_is_an_allow_list() -> None:
    verdict = decide(checker("ls", "wc"), "ls a | wc; x=1 ls $(ls b)")
    assert isinstance(verdict, Approved)
    assert [(each.text, each.depth) for each in verdict.segments] == [
        ("ls a", 0),
        ("wc", 0),
        ("x=1 ls $(ls b)", 0),
        ("ls b", 1),
    ]
    without = decide(checker(), "ls a | wc")
    assert isinstance(without, Approved)
    assert without.segments == ()


# --- blocklists --------------------------------------------------------------------


@pytest.mark.parametrize("policy", [checker(), checker("rm", "reboot")])
def test_the_default_blocklist_holds_in_both_modes(policy: PolicyChecker) -> None:
    assert refusal(policy, "rm -rf '/'").rule_id == "default-blocklist"
    assert refusal(policy, "reboot").rule_id == "default-blocklist"


@pytest.mark.parametrize("allowed", [(), ("git",)])
def test_the_operators_blocklist_holds_in_both_modes(allowed: tuple[str, ...]) -> None:
    policy = checker(*allowed, blocked=("git push",))
    assert refusal(policy, "git push origin").rule_id == "operator-blocklist"
    assert approved_text(policy, "git pull") == "git pull"


def test_switching_the_default_blocklist_off_leaves_the_operators() -> None:
    policy = checker(blocked=("curl",), use_default_blocklist=False)
    assert approved_text(policy, "reboot") == "reboot"
    assert refusal(policy, "curl x").rule_id == "operator-blocklist"


def test_the_working_directory_counts() -> None:
    assert isinstance(decide(checker(), "rm -rf *", directory="/"), Denied)
    assert isinstance(decide(checker(), "rm -rf *", directory="/tmp/x"), Approved)


def test_the_lists_are_shown() -> None:
    policy = checker("ls", "git log", blocked=("curl",))
    assert policy.allowed_commands == ("ls", "git log")
    assert policy.blocked_commands == ("curl", *DISPLAY_NAMES)
    assert policy.using_default_blocklist
    assert not policy.allow_all
    bare = checker(blocked=("curl",), use_default_blocklist=False)
    assert bare.blocked_commands == ("curl",)
    assert not bare.using_default_blocklist
    assert bare.allow_all


# --- one command under an allow-list ------------------------------------------------

ORDINARY = (
    *("ls", "git", "git log", "find", "env", "echo", "ln", "cp", "mapfile", "source"),
    *("command", "readarray", "hash"),
)


def ruled(command: str, directory: str | None = "/srv/app") -> str:
    """The rule that refuses a command where bash runs in /srv/app; else empty."""
    policy = PolicyChecker(
        PolicyLists(
            allowed=ORDINARY,
            blocked=(),
            use_default_blocklist=False,
            allowed_env=(),
            shell="/bin/bash",
            places=Places(directory="/srv/app"),
        )
    )
    verdict = decide(policy, command, directory=directory)
    return verdict.rule_id if isinstance(verdict, Denied) else ""


@pytest.mark.parametrize(
    ("command", "rule"),
    [
        ("mapfile -t lines", ""),
        ("readarray lines", ""),
        ("mapfile PATH", "builtin"),
        ("mapfile -C ls x", "builtin"),
        ("source bin/activate", ""),
        ("source -x", "builtin"),
        ("source -p /tmp run", "builtin"),
        ("source /dev/stdin", "builtin"),
        ("source", "builtin"),
        ("command -v ls", ""),
        ("command ls", "builtin"),
        ("command", "builtin"),
        ("hash -r", "builtin"),
        ("git log --upload-pack=pwn", "program"),
        ("git log -3", ""),
        ("find . -exec", ""),
        ("find . -exec pwn {} +", "not-allowed"),
        ("env A=1 ls", ""),
        ("env PATH=x ls", "assignment"),
        ("cd sub; echo > a", ""),
        ("cd -P -- sub; echo > a", ""),
        ("cd sub; cd /etc; echo > a", "target"),
        ("cd; echo > a", "target"),
        ("cd a b; echo > a", "target"),
        ("cd -; echo > a", "target"),
        ("cd $x; echo > a", "target"),
        ("cd ''; echo > a", "target"),
        ("cd $x; cd sub; echo > a", "target"),
        ("cd $x; cd /srv/app/sub; echo > a", ""),
        ("ln -s /etc l; echo > l/x", "target"),
        ("ln -s /etc; echo > etc", "target"),
        ("cp -s /etc/passwd l; echo > l", "target"),
        ("cp --symbolic-link /etc/passwd l; echo > l", "target"),
        ("cp a l; echo > l", ""),
        ("env " * (MAX_NESTING + 9) + "ls", "limits"),
    ],
)
def test_a_command_is_judged_by_its_words(command: str, rule: str) -> None:
    assert ruled(command) == rule


def test_a_relative_target_needs_a_directory_that_is_known() -> None:
    assert ruled("cd sub; echo > a", None) == "target"


# --- limits ------------------------------------------------------------------------


@pytest.mark.parametrize("policy", [checker(), checker("echo")])
def test_a_command_may_be_as_long_as_the_limit_and_no_longer(
    policy: PolicyChecker,
) -> None:
    room = MAX_COMMAND_BYTES - len("echo ")
    assert isinstance(decide(policy, "echo " + "a" * room), Approved)
    assert isinstance(decide(policy, "echo " + "é" * (room // 2)), Approved)
    for word in ("a" * (room + 1), "é" * (room // 2 + 1), "a" * 10**6):
        denied = refusal(policy, f"echo {word}")
        assert denied.rule_id == "limits"
        assert str(MAX_COMMAND_BYTES) in denied.reason


@pytest.mark.parametrize("policy", [checker(), checker("ls")])
@pytest.mark.parametrize(
    "command", ["ls\0", "ls\r", "ls\x1b", "ls\x0b", "ls\x7f", "ls\x85", "ls \ud800"]
)
def test_characters_that_no_command_needs_are_denied(
    policy: PolicyChecker, command: str
) -> None:
    assert refusal(policy, command).rule_id == "limits"


@pytest.mark.parametrize("policy", [checker(), checker("ls")])
@pytest.mark.parametrize("command", ["", " ", "\n\t ", "# ls"])
def test_an_empty_command_is_denied(policy: PolicyChecker, command: str) -> None:
    assert refusal(policy, command).rule_id == "empty"


def test_deep_nesting_is_denied_with_the_number() -> None:
    denied = refusal(checker(), "(" * 61 + "ls" + ")" * 61)
    assert denied.rule_id == "limits"
    assert "60" in denied.reason
    assert isinstance(decide(checker(), "echo '" + "(" * 61 + "'"), Approved)


def test_texts_that_multiply_are_denied_with_the_number() -> None:
    double = "; ".join(f"x{n}='eval $x{n + 1}; eval $x{n + 1}'" for n in range(12))
    assert refusal(checker(), f"{double}; eval $x0").rule_id == "limits"
    wrapped = "eval " * 20 + "b" * (MAX_NESTED_CHARACTERS // 16)
    assert str(MAX_NESTED_CHARACTERS) in refusal(checker(), wrapped).reason


def test_words_that_grow_when_quoted_stay_below_the_limit_of_the_kernel() -> None:
    few, many = ('echo "' + "'" * count + '"' for count in (2_000, 30_000))
    assert len(approved_text(checker("echo"), few)) > 8_000
    assert "98304" in refusal(checker("echo"), many).reason
    assert approved_text(checker(), many) == many


def test_too_many_commands_are_denied_with_the_number() -> None:
    assert isinstance(decide(checker(), "a;" * MAX_COMMANDS), Approved)
    denied = refusal(checker(), "a;" * (MAX_COMMANDS + 1))
    assert denied.rule_id == "limits"
    assert str(MAX_COMMANDS) in denied.reason


@pytest.mark.parametrize(
    "command",
    [
        "for x in 1 2 3 4 5 6 7 8; do echo " + "$x$x$x " * 4_000 + ";done",
        "x='" + "a " * 120 + "'; echo " + "$x" * 15_000,
        "rm " + "$x " * 10_000,
    ],
)
@pytest.mark.parametrize("policy", [checker(), checker("echo", "rm")])
def test_words_that_take_too_much_work_are_denied_with_the_number(
    policy: PolicyChecker, command: str
) -> None:
    denied = refusal(policy, command)
    assert denied.rule_id == "limits"
    assert str(MAX_WORK) in denied.reason


@pytest.mark.parametrize("policy", [checker(), checker("echo")])
@pytest.mark.parametrize(
    "piece",
    [
        *"a;&|<>()$`\\\"'{}[]*?!#~= \n-/",
        *("$(", "$((", "${", "`a`", "<<a\n", "{a,b}", "{a,", "a|", "x=$x$x;", "/.."),
        *("env ", "rm -rf /a;", "cd a;", "eval a;", "case x in a) ", "f(){ ", "$'\\''"),
        *(
            "find -exec {} ",
            "xargs ",
            "awk 'system(\"",
            "a[",
            "set -- a;",
            "for x in a ",
        ),
    ],
)
def test_the_longest_commands_of_any_shape_are_decided(
    policy: PolicyChecker, piece: str
) -> None:
    command = f"echo {piece * (MAX_COMMAND_BYTES // len(piece))}"[:MAX_COMMAND_BYTES]
    verdict = decide(policy, command)
    assert isinstance(verdict, Approved) or verdict.rule_id != "checker-error"


# --- environment -------------------------------------------------------------------


def test_without_an_allow_list_any_name_may_be_set() -> None:
    verdict = decide(checker(), "ls", {"LD_PRELOAD": "x", "_a1": "é\n"})
    assert isinstance(verdict, Approved)


def test_with_an_allow_list_only_listed_names_may_be_set() -> None:
    policy = checker("ls", allowed_env=("GOFLAGS",))
    names = {"GOFLAGS": "x", "CI": "1", "LC_ALL": "C", "NODE_ENV": "test"}
    assert isinstance(decide(policy, "ls", names), Approved)
    denied = refusal(policy, "ls", {"LD_PRELOAD": "secret-value"})
    assert denied.rule_id == "env-name"
    assert "LD_PRELOAD" in denied.reason
    assert "MCP_ALLOWED_ENV" in denied.reason
    assert "secret-value" not in denied.reason


# --- reasons -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "command", "parts"),
    [
        (checker("ls"), "wget x", ["`wget x`", "`ls`", "MCP_ALLOWED_COMMANDS"]),
        (checker("ls"), "ls; pwn x", ["`pwn x`", "`ls`", "MCP_ALLOWED_COMMANDS"]),
        (checker("ls"), "ls )", ["character 3", "`)`", "MCP_ALLOWED_COMMANDS"]),
        (checker("ls"), "$x", ["`...`", "not known beforehand"]),
        (checker("tar"), "tar -I x", ["`tar -I`", "MCP_ALLOWED_COMMANDS"]),
        (checker("ls"), "PATH=x ls", ["`PATH`", "MCP_ALLOWED_ENV"]),
        (checker("ls"), "ls > $x", ["`...`", "MCP_WORKSPACE"]),
        (checker(), "sudo dd if=x", ["`dd if=x`", "--use-default-blocklist"]),
        (checker(), "> /dev/sda", ["`> /dev/sda`", "--use-default-blocklist"]),
        (checker(blocked=("curl",)), "curl", ["`curl`", "MCP_BLOCKED_COMMANDS"]),
    ],
)
def test_a_reason_names_the_words_and_the_remedy(
    policy: PolicyChecker, command: str, parts: list[str]
) -> None:
    reason = refusal(policy, command).reason
    for part in (*parts, "server policy, not a decision of the user"):
        assert part in reason


@pytest.mark.parametrize("policy", [checker("ls"), checker(), checker(blocked=("dd",))])
def test_a_reason_quotes_little_of_a_long_command(policy: PolicyChecker) -> None:
    reason = refusal(policy, "dd " + "x" * 1000).reason
    assert "x" * (MAX_QUOTED_CHARACTERS - 10) in reason
    assert "x" * (MAX_QUOTED_CHARACTERS + 1) not in reason


def test_a_reason_tells_of_some_of_many_refusals() -> None:
    denied = refusal(checker("ls"), "; ".join(f"pwn{n}" for n in range(9)))
    assert "`pwn2`" in denied.reason
    assert "`pwn3`" not in denied.reason
    assert "and 6 more commands are refused" in denied.reason
    assert denied.reason.count("MCP_ALLOWED_COMMANDS") == 1
    assert len(denied.segments) == 9


def test_a_reason_shows_some_of_many_entries() -> None:
    reason = refusal(checker(*(f"entry{n}" for n in range(40))), "ls").reason
    assert "`entry0`" in reason
    assert "(and 28 more)" in reason


def test_a_fault_of_the_checker_is_a_denial() -> None:
    request = CommandRequest(command=None, timeout_seconds=1.0)  # type: ignore[arg-type]  # the fault
    verdict = checker().check(request, ANONYMOUS)
    assert isinstance(verdict, Denied)
    assert verdict.rule_id == "checker-error"
    assert "TypeError" in verdict.reason


# --- properties --------------------------------------------------------------------

PIECES = """
ls echo git status log rm -rf / /* reboot dd sh -c eval env sudo -u x find -exec -delete
{} ; & && | || ( ) { } < > >> << <<- <<< >& $ $( $(( )) ${ :- ` ' " \\ * ? [ ]
[[ ]] =~ ! # ~ = x= $x $@ $1 if then fi while do done case in esac for function f() time
{a,b} $' <( set -- cd xargs trap 'reboot' "$x" E 2 -- , .. + é
"""
FRAGMENTS = st.sampled_from(
    [*PIECES.split(), " ", " ", "\n", "\t", "\\\n", "\0", "\ud800", "\r"]
)
SHELL_LIKE = st.lists(FRAGMENTS, max_size=30).flatmap(
    lambda pieces: st.sampled_from(["", " "]).map(lambda glue: glue.join(pieces))
)
TEXTS = st.one_of(
    SHELL_LIKE, st.text(st.characters(), max_size=200), st.text(max_size=50)
)
ENVIRONMENTS = st.dictionaries(
    st.one_of(st.sampled_from(["CI", "LC_X", "MCP_X", "PATH"]), st.text(max_size=5)),
    st.text(st.characters(), max_size=5),
    max_size=3,
)
POLICIES = st.sampled_from(
    [checker(), checker(*ENTRIES), checker(blocked=("git log", "> x", "é"))]
)


@settings(max_examples=400)
@given(policy=POLICIES, command=TEXTS, env=ENVIRONMENTS, directory=st.text(max_size=9))
def test_every_request_is_decided(
    policy: PolicyChecker, command: str, env: dict[str, str], directory: str
) -> None:
    verdict = decide(policy, command, env, directory)
    if isinstance(verdict, Denied):
        assert verdict.rule_id != "checker-error", verdict
        assert verdict.reason
    else:
        again = decide(policy, verdict.text, env, directory)
        assert isinstance(again, Approved)
        assert again.text == verdict.text


@settings(max_examples=400)
@given(
    command=st.one_of(SHELL_LIKE, st.text(max_size=30)).map(lambda text: f"ls {text}")
)
def test_what_an_allow_list_lets_through_means_the_same_words(command: str) -> None:
    verdict = decide(checker("ls"), command)
    words = plain_words(command)
    if isinstance(verdict, Approved) and words is not None:
        assert shlex.split(verdict.text) == list(words)
        assert words[0] == "ls"
        if not set("#;\\") & set(command):
            assert shlex.split(command) == list(words)


@given(words=st.lists(st.text(st.characters(exclude_categories=["C"]), max_size=9)))
def test_words_in_single_quotes_always_pass(words: list[str]) -> None:
    words = [word.replace("'", "") for word in words]
    command = " ".join(["echo", *(f"'{word}'" for word in words)])
    assert shlex.split(approved_text(checker("echo"), command)) == ["echo", *words]
