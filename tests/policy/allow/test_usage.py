"""What a table says of a command: each feature by a program that has only that."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.policy.allow.fields import UNKNOWN, Field
from commander.policy.allow.usage import (
    Finding,
    InnerCommand,
    InnerText,
    Problem,
    Setting,
    Target,
    use,
)
from commander.policy.programs import PROGRAMS, find
from commander.policy.programs.model import (
    Code,
    Effect,
    Language,
    Program,
    Risk,
    Style,
    Subcommand,
    Targets,
    Wraps,
)


def made(**features: Any) -> Program:
    return Program(names="prog", reason="A test has it.", **features)


def risky(effect: Effect, **features: Any) -> Program:
    risk = Risk(options="-x --ex", effect=effect, why="does it", **features)
    return made(risks=(risk,))


def words(text: str) -> list[Field]:
    """``$`` is a variable in double quotes, ``@`` without; ``_`` a blank in a word."""
    return [
        Field(
            word.replace("$", UNKNOWN).replace("@", UNKNOWN).replace("_", " "),
            pattern="*" in word,
            loose="@" in word,
        )
        for word in text.split()
    ]


def told(program: Program, text: str, entry: str = "prog") -> list[str]:
    """The findings of a command, each as a line."""
    return list(map(line, use(program, words(text), entry.split())))


def line(finding: Finding) -> str:
    match finding:
        case Problem(cause):
            return f"no: {cause}"
        case InnerCommand(fields):
            return f"run: {' '.join(field.shown() for field in fields)}"
        case InnerText(text, shell):
            return f"{shell}: {text.shown()}"
        case Target(field):
            return f"write: {field.shown()}"
        case Setting(name, value):
            return f"set: {name}={value}"


# --- effects -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("effect", "command", "expected"),
    [
        (Effect.RUNS, "prog -x a", "no: `prog -x` does it"),
        (Effect.RUNS, "prog -x", "no: `prog -x` does it"),
        (Effect.LOADS, "prog --ex=a b", "no: `prog --ex` does it"),
        (Effect.WRITES, "prog -x a b", "write: a"),
        (Effect.WRITES, "prog -x $", "write: ..."),
        (Effect.WRITES, "prog -x -", ""),
        (Effect.WRITES, "prog -x", "no: `prog -x` does it"),
        (Effect.TEXT, "prog -x a_b", "sh: a b"),
        (Effect.TEXT, "prog -x", "no: `prog -x` does it"),
        (Effect.COMMAND, "prog -x ls {} ; b", "run: ls ./..."),
        (Effect.COMMAND, "prog -x", "run:"),
        (Effect.SCRIPT, "prog -x a.py", ""),
        (Effect.SCRIPT, "prog -x", "no: `prog -x` does it"),
        (Effect.SCRIPT, "prog -x -", "no: `prog -x` does it"),
        (Effect.SCRIPT, "prog -x /dev/stdin", "no: `prog -x` does it"),
        (Effect.SCRIPT, "prog -x /proc/self/fd/0", "no: `prog -x` does it"),
        (Effect.SCRIPT, "prog -x $", "no: `prog -x` does it"),
        (Effect.SCRIPT, "prog --ex= a", "no: `prog --ex` does it"),
        (Effect.SCRIPT, "prog -x src/$", ""),
        (Effect.SAVES, "prog -x d/a?b", "write: a"),
        (Effect.SAVES, "prog a -x", "write: a"),
        (Effect.CODE, "prog -x a", ""),
        (Effect.EDITS, "prog -x a b", "write: b"),
        (Effect.EDITS, "prog a b", ""),
    ],
)
def test_an_option_has_its_effect(effect: Effect, command: str, expected: str) -> None:
    assert [each.rstrip() for each in told(risky(effect), command)] == (
        [expected] if expected else []
    )


def test_every_operand_is_edited_or_saved() -> None:
    edits = risky(Effect.EDITS, bare=True)
    assert told(edits, "prog -x a b") == ["write: a", "write: b"]
    saves = risky(Effect.SAVES, bare=True)
    assert told(saves, "prog -x http://h/d/a?b c/") == ["write: a", "write: c"]


@pytest.mark.parametrize(
    ("features", "command", "passes"),
    [
        ({"passing": "a* b"}, "prog -x abc", True),
        ({"passing": "a* b"}, "prog -x ba", False),
        ({"passing": "a*"}, "prog -x a$", False),
        ({"passing": "a*"}, "prog -x", False),
        ({"values": "a*"}, "prog -x b", True),
        ({"values": "a*"}, "prog -x abc", False),
        ({"values": "a*"}, "prog -x $", False),
        ({"values": "*", "bare": True}, "prog -x", True),
        ({"values": "*", "bare": True}, "prog -xa", False),
        ({"unless": "-l --list"}, "prog -x a", False),
        ({"unless": "-l --list"}, "prog -x a -l", True),
        ({"unless": "-l --list"}, "prog --list -x a", True),
        ({"never": "|*", "passing": "*"}, "prog -x a", True),
        ({"never": "|*", "passing": "*"}, "prog -x |a", False),
        ({"never": "|*", "passing": "*"}, "prog -x |$", False),
        ({"never": "|*", "passing": "*"}, "prog -x", False),
    ],
)
def test_a_risk_depends_on_its_value(
    features: dict[str, Any], command: str, passes: bool
) -> None:
    assert bool(told(risky(Effect.RUNS, **features), command)) is not passes


@pytest.mark.parametrize(
    ("command", "entry", "passes"),
    [
        ("prog -x a", "prog -x", True),
        ("prog --ex a", "prog --ex", True),
        ("prog -x a", "prog -xa", True),
        ("prog --ex a", "prog -x", False),
        ("prog -zx a", "prog -zx", True),
        ("prog -x a", "prog a", False),
    ],
)
def test_an_entry_grants_the_options_that_it_names(
    command: str, entry: str, passes: bool
) -> None:
    assert bool(told(risky(Effect.RUNS), command, entry)) is not passes


def test_an_entry_grants_an_option_with_any_ending() -> None:
    program = made(
        risks=(Risk(options="-B*", effect=Effect.LOADS, why="does it", bare=True),)
    )
    assert told(program, "prog -Bx") == ["no: `prog -B*` does it"]
    assert told(program, "prog -Bx", "prog -Bx") == []
    assert told(program, "prog -Bx", "prog -B") == []


def test_no_entry_grants_what_must_never_be() -> None:
    never = risky(Effect.RUNS, never="|*")
    assert told(never, "prog -x |a", "prog -x") == ["no: `prog -x |a` does it"]
    assert told(never, "prog -x a", "prog -x") == []


@pytest.mark.parametrize(
    "features",
    [
        {"risks": (Risk(options="-x", effect=Effect.RUNS, why="does it"),)},
        {"code": Code(language=Language.AWK, options="-e")},
        {"wraps": Wraps(optional=True)},
        {"subcommands": (Subcommand(names="a"),)},
        {"ordinary": "a"},
    ],
)
def test_a_word_that_may_become_an_option_is_refused_where_one_matters(
    features: dict[str, Any],
) -> None:
    (problem, *_) = told(made(**features), "prog @ a")
    assert problem.startswith("no: `...` may become an option of `prog`")
    assert not told(made(targets=Targets.NONE), "prog @ a")


def test_where_flags_are_listed_no_other_passes() -> None:
    program = made(flags="-a -e*", valued="-v")
    assert told(program, "prog -a -e1 -v x") == []
    (problem,) = told(program, "prog -z")
    assert problem.startswith("no: nobody knows what `-z` of `prog` takes")


# --- operands ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("which", "command", "expected"),
    [
        (Targets.NONE, "prog a b", []),
        (Targets.EACH, "prog a - $", ["write: a", "write: ..."]),
        (Targets.LAST, "prog a b c", ["write: c"]),
        (Targets.LAST, "prog a", []),
        (Targets.SECOND, "prog a b c", ["write: b", "write: c"]),
        (Targets.FIRST, "prog a b", ["write: a"]),
        (Targets.FIRST, "prog", []),
        (Targets.BASENAME, "prog http://h/a x/y/", ["write: a", "write: y"]),
    ],
)
def test_operands_are_targets(
    which: Targets, command: str, expected: list[str]
) -> None:
    assert told(made(targets=which), command) == expected


def test_a_target_elsewhere_passes() -> None:
    program = made(targets=Targets.EACH, remote=True)
    remote = "host:a u@h:b [::1]:c s3://b/k"
    assert told(program, f"prog {remote} d/e:f g") == ["write: d/e:f", "write: g"]
    assert len(told(made(targets=Targets.EACH), f"prog {remote}")) == 4


def test_an_option_keeps_operands_from_being_targets() -> None:
    program = made(targets=Targets.EACH, targets_unless="-c --stdout")
    assert told(program, "prog a") == ["write: a"]
    assert told(program, "prog a -c") == []


def test_operands_are_refused_by_patterns() -> None:
    program = made(
        operands="+* *=*", operands_passing="*=1", operands_why="runs a command"
    )
    assert told(program, "prog a b=1") == []
    assert told(program, "prog a +x b=2") == [
        "no: `prog +x` runs a command",
        "no: `prog b=2` runs a command",
    ]


# --- what runs another command -----------------------------------------------------


@pytest.mark.parametrize(
    ("wraps", "command", "expected"),
    [
        (Wraps(), "prog ls -l", ["run: ls -l"]),
        (Wraps(), "prog -- ls", ["run: ls"]),
        (Wraps(), "prog", ["no: `prog` needs the command that it is to run"]),
        (Wraps(optional=True), "prog", []),
        (Wraps(operands=1), "prog 5 ls", ["run: ls"]),
        (Wraps(operands=1), "prog 5 -- ls", ["run: ls"]),
        (Wraps(operands=2, optional=True), "prog 5", []),
        (Wraps(), "prog A=1 ls", ["run: A=1 ls"]),
        (
            Wraps(assignments=True),
            "prog A=1 B=$ ls C=2",
            ["set: A=1", "set: B=None", "run: ls C=2"],
        ),
        (Wraps(assignments=True, optional=True), "prog A=1", ["set: A=1"]),
        (Wraps(computed_tail=True), "prog ls", ["run: ls ..."]),
        (Wraps(joined=True), "prog ls a;b", ["sh: ls a;b"]),
        (
            Wraps(joined=True),
            "prog ls x$",
            ["no: `prog` runs a text that is not known"],
        ),
        (Wraps(operands=1, text="-c"), "prog f -c ls_x", ["sh: ls x"]),
        (Wraps(operands=1, text="-c"), "prog f -c", ["run: -c"]),
        (Wraps(operands=1, text="-c"), "prog f ls -c", ["run: ls -c"]),
        (Wraps(scripts="*.py"), "prog a.py b", []),
        (Wraps(scripts="*.py"), "prog a.sh b", ["run: a.sh b"]),
        (Wraps(stops="-h"), "prog -h ls", []),
        (Wraps(stops="-h"), "prog -v ls", ["run: ls"]),
        (Wraps(stops="-h"), "prog ls -h", ["run: ls -h"]),
        (Wraps(stops="-h"), "prog", ["no: `prog` needs the command that it is to run"]),
    ],
)
def test_a_wrapper_carries_a_command(
    wraps: Wraps, command: str, expected: list[str]
) -> None:
    assert told(made(style=Style.POSIX, wraps=wraps), command) == expected


def test_what_stops_a_wrapper_must_be_certain() -> None:
    program = made(style=Style.POSIX, wraps=Wraps(stops="-h"))
    assert len(told(program, "prog @ -h")) == 2
    assert len(told(program, "prog -h$ ls")) == 2


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("prog -I % ls a%b %", "run: ls a...b ..."),
        ("prog -I {} {}", "run: ..."),
        ("prog -i ls {}", "run: ls ..."),
        ("prog ls {}", "run: ls {}"),
        ("prog --to= ls", "run: ls"),
    ],
)
def test_what_is_replaced_is_unknown(command: str, expected: str) -> None:
    program = made(
        style=Style.POSIX, valued="-I --to", wraps=Wraps(placeholder="-I -i --to")
    )
    assert told(program, command) == [expected]


# --- code --------------------------------------------------------------------------

OPAQUE = Language.OPAQUE


@pytest.mark.parametrize(
    ("code", "command", "expected"),
    [
        (Code(language=Language.AWK, operand=True), "prog {print} f", ""),
        (Code(language=Language.AWK, operand=True), "prog system('x')", "system"),
        (Code(language=Language.AWK, operand=True), "prog $", "may become an option"),
        (Code(language=Language.AWK, operand=True), "prog a$", "not known beforehand"),
        (Code(language=Language.AWK, operand=True), "prog", ""),
        (Code(language=Language.SED, operand=True), "prog s/a/b/ f", ""),
        (Code(language=Language.SED, operand=True), "prog s/a/b/e f", "flag"),
        (Code(language=Language.SED, operand=True, options="-e"), "prog -e p e", ""),
        (Code(language=OPAQUE, options="-e"), "prog -e x", "can run anything"),
        (Code(language=OPAQUE, options="-e"), "prog x", ""),
        (Code(language=OPAQUE, options="-e"), "prog -e", ""),
        (Code(language=OPAQUE, operand=True, forbidden="run"), "prog a f", ""),
        (Code(language=OPAQUE, operand=True, forbidden="run"), "prog run", "`run`"),
        (Code(language=OPAQUE, operand=True, skipped=1, forbidden="r"), "prog r a", ""),
        (
            Code(language=OPAQUE, operand=True, skipped=1, forbidden="r"),
            "prog a b r",
            "`r`",
        ),
        (Code(language=OPAQUE, operand=True, skipped=1), "prog a", ""),
        (Code(language=OPAQUE, operand_with="-c"), "prog -c x", "`prog -c`"),
        (Code(language=OPAQUE, operand_with="-c"), "prog -zc x", "`prog -c`"),
        (Code(language=OPAQUE, operand_with="-c", script=True), "prog f -c x", ""),
        (Code(language=OPAQUE, operand_with="-c"), "prog -c", ""),
        (Code(language=OPAQUE, script=True), "prog a.py $ -x", ""),
        (Code(language=OPAQUE, script=True), "prog -", "runs what it reads"),
        (Code(language=OPAQUE, script=True), "prog /dev/fd/3", "runs what it reads"),
        (
            Code(language=OPAQUE, script=True),
            "prog ./*",
            "runs a file that is not known beforehand",
        ),
        (Code(language=OPAQUE, script=True), "prog", ""),
        (Code(language=OPAQUE, stdin=True), "prog", "runs what it reads"),
        (Code(language=OPAQUE, stdin=True), "prog a", ""),
        (Code(language=OPAQUE, stdin=True), "prog a -", "`prog -` runs"),
        (Code(language=OPAQUE, stdin=True), "prog a /dev/stdin", "runs what it"),
        (Code(language=OPAQUE, stdin=True), "prog -- a$ b", ""),
        (Code(language=OPAQUE, needed=True), "prog a", "runs what it reads"),
        (Code(language=OPAQUE, needed=True, options="-c"), "prog -c a", "anything"),
        (Code(language=OPAQUE, module="-m"), "prog -m a -x $", ""),
        (Code(language=OPAQUE, module="-m"), "prog -m", "`prog -m` can run"),
        (Code(language=OPAQUE, module="-m"), "prog -m x$", "can run anything"),
        (Code(language=OPAQUE, module="-m", refused_modules="p*"), "prog -m pdb", "pd"),
        (Code(language=OPAQUE, module="-m", refused_modules="p*"), "prog -m ast", ""),
        (Code(language=OPAQUE, stdin=True, stops="-V"), "prog -V", ""),
        (Code(language=OPAQUE, stdin=True, stops="-V"), "prog -q -V", "reads"),
    ],
)
def test_code_is_found_where_it_stands(code: Code, command: str, expected: str) -> None:
    said = told(made(code=code), command)
    assert bool(said) is bool(expected), said
    assert expected in "".join(said)


@pytest.mark.parametrize(
    ("code", "command", "entry"),
    [
        (Code(language=OPAQUE, options="-e"), "prog -e x", "prog -e"),
        (Code(language=OPAQUE, operand_with="-c"), "prog -c x", "prog -c"),
        (Code(language=OPAQUE, operand_with="-c"), "prog -zc x", "prog -zc"),
        (Code(language=OPAQUE, stdin=True), "prog -", "prog -"),
        (Code(language=OPAQUE, script=True), "prog - a", "prog -"),
        (Code(language=OPAQUE, needed=True), "prog - a", "prog -"),
        (Code(language=OPAQUE, script=True), "prog /dev/fd/3", "prog /dev/fd/3"),
        (Code(language=OPAQUE, module="-m"), "prog -m x$", "prog -m"),
    ],
)
def test_an_entry_grants_the_way_that_it_names(
    code: Code, command: str, entry: str
) -> None:
    assert told(made(code=code), command, entry) == []


def test_a_shells_code_is_a_text_for_that_shell() -> None:
    code = Code(language=Language.SHELL, operand_with="-c")
    assert told(made(code=code), "/bin/bash -c ls_x") == ["bash: ls x"]
    assert told(made(code=code), "prog -c $") == [
        "no: `...` may become an option of `prog`; put `./` or `--` before it, or "
        "write it out",
        "sh: ...",
    ]


def test_a_risk_may_give_code_or_a_script() -> None:
    gives = Risk(options="-e", effect=Effect.CODE, why="is code")
    names = Risk(options="-f", effect=Effect.SCRIPT, why="names one")
    program = made(
        risks=(gives, names), code=Code(language=OPAQUE, needed=True, forbidden="run")
    )
    assert told(program, "prog -e a") == []
    assert told(program, "prog -f a") == []
    assert told(program, "prog -e run -e a") == [
        "no: the code of `prog -e` holds `run`, which can run or write anything"
    ]


def test_a_script_is_held_against_the_patterns_of_operands() -> None:
    program = made(
        code=Code(language=OPAQUE, script=True),
        operands="*.evil",
        operands_why="is evil",
    )
    assert told(program, "prog a.evil") == ["no: `prog a.evil` is evil"]
    assert told(program, "prog a b.evil") == []


# --- whole programs ----------------------------------------------------------------


def test_a_program_may_be_refused_as_a_whole() -> None:
    program = made(refused="is a shell", harmless="--version", targets=Targets.EACH)
    assert told(program, "prog x") == ["no: `prog` is a shell"]
    assert told(program, "prog --version x") == ["no: `prog` is a shell"]
    assert told(program, "prog $") == ["no: `prog` is a shell"]
    assert told(program, "prog --version") == []
    assert told(program, "prog x", "prog x") == []


def test_an_entry_of_two_words_grants_no_risks_but_its_own() -> None:
    risks = (
        Risk(options="-S", effect=Effect.RUNS, why="runs it"),
        Risk(options="-o", effect=Effect.WRITES, why="writes it"),
    )
    program = made(refused="is a shell", risks=risks)
    assert told(program, "prog host a", "prog host") == []
    assert told(program, "prog host -S x", "prog host") == ["no: `prog -S` runs it"]
    assert told(program, "prog -S x -o y", "prog -S") == ["write: y"]


# --- subcommands -------------------------------------------------------------------

GIT = made(
    valued="-C",
    risks=(Risk(options="-c", effect=Effect.RUNS, why="sets"),),
    subcommands=(
        Subcommand(
            names="*",
            risks=(Risk(options="--up", effect=Effect.RUNS, why="names one"),),
            operands="ext::*",
            operands_why="names a program",
        ),
        Subcommand(names="hook", refused="runs hooks"),
        Subcommand(names="config", refused="sets", harmless="--get list"),
        Subcommand(
            names="compose",
            valued="-p",
            risks=(Risk(options="-f", effect=Effect.LOADS, why="loads it"),),
        ),
        Subcommand(names="compose.run compose.exec", refused="runs it"),
        Subcommand(names="compose.save", valued="-q", targets=Targets.FIRST),
        Subcommand(names="sub.each", wraps=Wraps(joined=True)),
        Subcommand(names="run", valued="-n", wraps=Wraps()),
        Subcommand(names="copy", targets=Targets.LAST, remote=True),
        Subcommand(
            names="edit",
            risks=(Risk(options="-i", effect=Effect.EDITS, why="edits", bare=True),),
        ),
    ),
    ordinary="log sub",
)


@pytest.mark.parametrize(
    "command",
    [
        "prog",
        "prog -C x",
        "prog log -c $",
        "prog -C run log",
        "prog config --get x",
        "prog config list",
        "prog copy a h:b",
        "prog compose up",
        "prog compose -p run up",
        "prog --unk log x",
        "prog --unk=x log run",
        "prog compose --unk up",
        "prog compose u$",
        "prog sub status",
        "prog edit a",
    ],
)
def test_an_ordinary_subcommand_passes(command: str) -> None:
    said = told(GIT, command)
    assert [each for each in said if "may become an option" not in each] == []


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("prog -c x log", ["no: `prog -c` sets"]),
        ("prog x", ["no: `prog x` is no subcommand that is known"]),
        ("prog *", ["no: the subcommand of `prog` is not known beforehand"]),
        ("prog x$", ["no: the subcommand of `prog` is not known beforehand"]),
        ("prog hook", ["no: `prog hook` runs hooks"]),
        ("prog config x list", ["no: `prog config` sets"]),
        ("prog config x$", ["no: `prog config` sets"]),
        ("prog config", ["no: `prog config` sets"]),
        ("prog log --up x", ["no: `prog --up` names one"]),
        ("prog log a ext::x", ["no: `prog log ext::x` names a program"]),
        ("prog copy a b", ["write: b"]),
        ("prog edit -i a b", ["write: a", "write: b"]),
        ("prog run ls -l", ["run: ls -l"]),
        ("prog run -n x ls -z", ["run: ls -z"]),
        ("prog sub each ls x", ["sh: ls x"]),
        ("prog compose run x", ["no: `prog compose run` runs it"]),
        ("prog compose -f x up", ["no: `prog -f` loads it"]),
        ("prog compose -f x save y", ["no: `prog -f` loads it", "write: y"]),
        ("prog compose save -f x -q z y", ["no: `prog -f` loads it", "write: y"]),
        ("prog compose -p x run y", ["no: `prog compose run` runs it"]),
        ("prog compose -px exec y", ["no: `prog compose run` runs it"]),
        ("prog compose --up x save y", ["no: `prog --up` names one", "write: y"]),
        ("prog sub --quiet each pwn", ["sh: pwn"]),
        ("prog sub -q each pwn x", ["sh: pwn x"]),
        ("prog compose -- run", ["no: `prog compose run` runs it"]),
    ],
)
def test_a_subcommand_has_its_own_rules(command: str, expected: list[str]) -> None:
    said = told(GIT, command.replace("exec", "run"))
    assert [each for each in said if "may become an option" not in each] == expected


@pytest.mark.parametrize(
    ("command", "option", "hidden"),
    [
        ("prog --unk log hook", "--unk", "hook"),
        ("prog -z log run x", "-z", "run"),
        ("prog --unk log compose run", "--unk", "compose run"),
        ("prog --unk log sub each x", "--unk", "sub each"),
        ("prog --unk log --other y hook", "--other", "hook"),
        ("prog --unk log -C y hook", "--unk", "hook"),
        ("prog compose --unk up run x", "--unk", "compose run"),
        ("prog compose --unk save run", "--unk", "compose run"),
        ("prog compose --unk a -z b exec x", "-z", "compose exec"),
        ("prog compose --unk a -p b exec x", "--unk", "compose exec"),
        ("prog sub --unk x each pwn", "--unk", "sub each"),
    ],
)
def test_a_subcommand_may_hide_behind_the_value_of_an_option(
    command: str, option: str, hidden: str
) -> None:
    said = told(GIT, command)
    assert (
        f"no: `{option}` may take the word behind it, and then `prog {hidden}` runs"
    ) in said


@pytest.mark.parametrize("second", ["$", "@", "e$", "eac*", "*"])
def test_a_second_word_that_may_be_a_subcommand_must_be_known(second: str) -> None:
    problem = "no: the subcommand of `prog sub` is not known beforehand"
    assert problem in told(GIT, f"prog sub {second} pwn")
    assert problem not in told(GIT, f"prog sub x{second} pwn")
    assert problem not in told(GIT, f"prog log {second} pwn")


@pytest.mark.parametrize("command", ["prog run -z ls", "prog sub each --deep ls"])
def test_where_a_command_begins_must_be_known(command: str) -> None:
    (problem, _) = told(GIT, command)
    assert problem.startswith("no: nobody knows what `-")
    assert told(GIT, command, command) == []


def test_gits_own_wrapper_is_read_so() -> None:
    git = find("git")
    assert git is not None
    assert told(git, "git submodule --quiet foreach pwn", "git") == ["sh: pwn"]
    assert told(git, "git submodule foreach git_pull", "git") == ["sh: git pull"]


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("docker", "docker compose -p x run y"),
        ("docker", "docker compose --unknown x run y"),
        ("docker", "docker container --unknown exec y"),
        ("gh", "gh repo --unknown delete x"),
        ("ip", "ip netns -all exec pwn"),
    ],
)
def test_options_between_the_words_hide_nothing(name: str, command: str) -> None:
    program = find(name)
    assert program is not None
    straight = [word for word in command.split() if not word.startswith("-")]
    straight = [word for word in straight if word != "x" or name == "gh"]
    assert bool(told(program, command, name)) is bool(
        told(program, " ".join(straight), name)
    )


@pytest.mark.parametrize(
    ("command", "entry", "passes"),
    [
        ("prog hook x", "prog hook", True),
        ("prog hook x", "prog", False),
        ("prog run pwn", "prog run", True),
        ("prog sub each pwn", "prog sub each", True),
        ("prog sub each pwn", "prog sub", False),
        ("prog compose run x", "prog compose", False),
        ("prog compose run x", "prog compose run", True),
        ("prog x", "prog x", True),
        ("prog --unk log hook", "prog --unk log hook", True),
        ("prog run -z pwn", "prog run", True),
    ],
)
def test_an_entry_grants_a_subcommand_by_all_its_words(
    command: str, entry: str, passes: bool
) -> None:
    assert bool(told(GIT, command, entry)) is not passes


def test_own_options_may_follow_the_subcommand() -> None:
    program = made(
        risks=(Risk(options="--kube", effect=Effect.LOADS, why="loads it"),),
        subcommands=(Subcommand(names="get"),),
        everywhere=True,
    )
    assert told(program, "prog get --kube x") == ["no: `prog --kube` loads it"]
    assert told(program, "prog other --kube x") == ["no: `prog --kube` loads it"]


def test_without_a_subcommand_the_input_is_code() -> None:
    program = made(
        code=Code(language=OPAQUE, stdin=True), subcommands=(Subcommand(names="run"),)
    )
    assert told(program, "prog -q") == ["no: `prog` runs what it reads"]
    assert told(program, "prog run") == []


# --- properties --------------------------------------------------------------------


@given(st.data())
def test_every_command_of_every_program_is_decided(data: st.DataObject) -> None:
    program = data.draw(st.sampled_from(PROGRAMS))
    texts = [*program.passes, *program.refuses]
    known = sorted({word for text in texts for word in text.split()[1:]})
    word = st.one_of(
        st.sampled_from([*known, "--", "-", "-z", "--unk", "A=1", UNKNOWN, ""]),
        st.text(max_size=3),
    )
    field = st.builds(Field, word, pattern=st.booleans(), loose=st.booleans())
    given_words = data.draw(st.lists(field, max_size=8))
    name = program.names.split()[0]
    length = data.draw(st.integers(1, 3))
    entry = [name, *(each.text for each in given_words)][:length]
    for finding in use(program, [Field(name), *given_words], entry):
        assert UNKNOWN not in line(finding)
