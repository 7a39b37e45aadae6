"""Random shell texts that try to run ``pwn``.

Three kinds: texts of the corpora with parts changed; constructs of the shell within
each other, with ``pwn`` where it may be missed; and programs with options of theirs,
with ``pwn`` as what an option takes.
"""

from __future__ import annotations

import random
import re
import shlex
from collections.abc import Callable, Sequence
from typing import Final

from tests.policy.scoring.corpus import ATTACKS, BENIGN

__all__ = ["GIT", "Grammar"]

_SPELLINGS: Final = (
    *("pwn", "pwn", "pwn", "p''wn", '"pwn"', "\\pwn", "../bin/pwn", "/mnt/bin/pwn"),
    *("$(echo pwn)", "`echo pwn`", "${q:-pwn}", "$x", '"$x"', "${x}", "p?n", "{pwn,}"),
    *("$'pwn'", '$"pwn"', "p\\\nwn", "tools/ls", "./evil.sh", "pwn$q", "$q pwn"),
    *("../bin/p*", "~/../bin/pwn", "''pwn", "$@pwn", "pw${q}n", "{p,}wn"),
)
_TEXTS: Final = (
    *("exec=pwn", "!pwn", "|pwn", "pwn|", "|pwn|", "1e pwn", "e pwn", "s/./pwn/e"),
    *('BEGIN{system("pwn")}', 'BEGIN{"pwn"|getline}', 'BEGIN{print|"pwn"}'),
    *("$(pwn)", "`pwn`", "a[$(pwn)]", "a[`pwn`]", "x[$(pwn)]=1", "$((a[$(pwn)]))"),
    *("ext::pwn x", "ext::../bin/pwn", "ProxyCommand=pwn", "ProxyCommand pwn"),
    *("core.fsmonitor=pwn", "core.pager=pwn", "core.sshCommand=pwn", "alias.x=!pwn"),
    *("diff.external=pwn", "core.editor=pwn", "include.path=../evil.gitconfig"),
    *("EXEC:pwn", "SYSTEM:pwn", "shell pwn", "--pre=pwn", "--filter=pwn", "-epwn"),
    *("--to-command=pwn", "--checkpoint-action=exec=pwn", "--use-compress-program=pwn"),
    *("evil.awk", "evil.sed", "evilrc", "evil.gitconfig", "./evil.so", "evil.vimrc"),
    *("PATH=tools", "LD_PRELOAD=./evil.so", "GIT_EXTERNAL_DIFF=pwn", "PAGER=pwn"),
    *("evil.curlrc", "evil.gdb", "tools", "tools2", "-B tools2", "hooks", "tmpl"),
    *("pwn;", "x;pwn", "x\npwn", "x && pwn", "x || pwn", "-c pwn", "-exec pwn ;"),
    *("-Ipwn", "-- pwn", "env pwn", "sh -c pwn", "r !pwn", "w |pwn", "%(pwn)", "{}"),
)
_OPERANDS: Final = (
    *("a.txt", "b.txt", "src", ".", "x.c", "list.txt", "data.json", "HEAD", "*.txt"),
    *(
        "q.out",
        "/dev/null",
        "1",
        "--",
        "-",
        "*",
        "src/main.py",
        "h:x",
        "alpha",
        "x.tar",
    ),
    *("'{}'", "'\\;'", "\\;", "+", "{}", "/dev/stdin", "~", "$HOME", "$PWD", "''"),
)
_VALUES: Final = (
    *("pwn", "'pwn a'", "'$(pwn)'", "'a[$(pwn)]'", "'`pwn`'", "ls", "1", "'1 2'", "''"),
    *("x", "y", "-v", "-c", "--pre=pwn", "'-c core.fsmonitor=pwn'", "'*'", "tools"),
    *("'; pwn'", "'x\npwn'", "$(echo pwn)", "${y:-pwn}", "y[0]", "'y[$(pwn)]'", "\\"),
)
_NAMES: Final = ("x", "y", "q", "i")
_STEERING: Final = (
    *("PATH", "IFS", "ENV", "BASH_ENV", "PS4", "GIT_PAGER", "PAGER", "HOME", "x[0]"),
    *("LD_PRELOAD", "CDPATH", "SHELLOPTS", "PROMPT_COMMAND", "OPTIND", "TZ", "LC_ALL"),
)
_SCRAPS: Final = (
    *("\\\n", "'", '"', "`", "$(", ")", "\\", "#", "\n", ";", "&", "|", "<<E\n", "${"),
    *(
        "}",
        "$'",
        "\t",
        "~",
        "{",
        ",",
        "(",
        "((",
        "))",
        "[[ ",
        " ]]",
        "$((",
        "=",
        "<(",
        "!",
    ),
    *(
        "\nE\n",
        "<<<",
        ">&",
        "<&",
        ">|",
        "&>",
        " pwn ",
        ";pwn;",
        "$(pwn)",
        "`pwn`",
        "|&",
    ),
    *(
        " -c ",
        "$x",
        '"$x"',
        "${x:-",
        ";;",
        "esac",
        "do ",
        "done",
        "then ",
        "fi",
        "${#",
        "%",
    ),
    *(
        "\r",
        "\x0c",
        "\u00a0",
        "*",
        "?",
        "[",
        "]",
        "@(",
        "+(",
        "$[",
        "\\\\",
        "$@",
        "2>",
        "-",
    ),
)
_ARITHMETIC: Final = (
    *("1", "x", "x+1", "$x", "a[x]", "x=1", "x++", "$(pwn)", "a[$x]", "${x}", "16#$x"),
    *("x?1:2", "`pwn`", "(x)", "-x", "a[$(pwn)]", "x,y", "x<<1", "#x", "'x'"),
)
_BENIGN: Final = ("echo", "ls", "cat", "grep", "printf", "true", "test", "wc", "sort")
_BUILTINS: Final = (
    *("eval", "exec", "command", "builtin", ".", "source", "trap", "alias", "export"),
    *("readonly", "read x", "set --", "unset", "cd", "local", "declare", "let", "hash"),
    *("type", "wait", "shift", "test -v", "[ -v", "printf -v x", "umask", "getopts"),
    *(
        "declare -n",
        "mapfile -C pwn -c1",
        "enable -f",
        "complete -C",
        "ulimit",
        "times",
    ),
)
GIT: Final = (
    *("status", "diff", "log", "show", "grep", "branch", "fetch", "clone", "archive"),
    *("config", "add", "commit", "checkout", "rebase", "bisect", "submodule", "stash"),
    *("remote", "ls-remote", "pull", "push", "tag", "blame", "difftool", "mergetool"),
    *("format-patch", "am", "apply", "notes", "worktree", "init", "help", "merge"),
    *("filter-branch", "send-email", "gc", "fsck", "cat-file", "rev-parse", "bundle"),
    *("for-each-ref", "interpret-trailers", "hash-object", "sparse-checkout", "hook"),
    *("maintenance", "range-diff", "shortlog", "describe", "clean", "mv", "rm", "var"),
)


class Grammar:
    """Makes one text; the same for the same seed.

    Args:
        seed: Of this text.
        programs: To choose from.
        options: Those of a program, and of a subcommand of git: ``git log``.
        may_write: Whether it redirects into files.
    """

    def __init__(
        self,
        seed: str,
        programs: Sequence[str],
        options: Callable[[str], Sequence[str]],
        *,
        may_write: bool,
    ) -> None:
        self._random = random.Random(seed)
        self._programs = programs
        self._options = options
        self._may_write = may_write
        self._pending: list[str] = []

    def text(self) -> str:
        """The whole text."""
        kind = self._random.random()
        if kind < 0.25:
            return self._changed()
        if kind < 0.65:
            return self._setting() + self._program()
        text = self._setting() + self._list(self._random.randint(1, 3))
        return text + "".join(self._pending)

    def _pick(self, choices: Sequence[str]) -> str:
        return self._random.choice(choices)

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _changed(self) -> str:
        """A text of the corpora, with parts cut out, put in or taken from another."""
        rows = ATTACKS if self._chance(0.7) else BENIGN
        text = self._random.choice(rows).command[:2000]
        for _ in range(self._random.randint(1, 4)):
            at = self._random.randint(0, len(text))
            way = self._random.randrange(5)
            if way == 0:
                text = text[:at] + text[at + self._random.randint(1, 3) :]
            elif way == 1:
                text = text[:at] + self._pick(_SCRAPS) + text[at:]
            elif way == 2:
                words = re.split(r"(\s+)", text)
                words[self._random.randrange(len(words))] = self._word(1)
                text = "".join(words)
            elif way == 3:
                other = self._random.choice(ATTACKS).command[:300]
                text = text[:at] + self._pick((";", "\n", " | ", " ", "&&")) + other
            else:
                text = text.replace("pwn", self._pick(_SPELLINGS), 1)
        return text

    def _setting(self) -> str:
        """Assignments in front, so that variables hold something."""
        parts = []
        for _ in range(self._random.choice((0, 0, 1, 1, 2))):
            name, value = self._pick(_NAMES), self._pick(_VALUES)
            parts.append(
                self._pick(
                    (
                        f"{name}={value}",
                        f"{name}={value}",
                        f"export {name}={value}",
                        f"read {name} <<< {value}",
                        f"{name}=({value})",
                        f": ${{{name}:={value}}}",
                        f"set -- {value}",
                        f"printf -v {name} %s {value}",
                        f"for {name} in {value}; do :; done",
                    )
                )
                + self._pick(("; ", "\n", " && "))
            )
        return "".join(parts)

    def _program(self) -> str:
        """A program with options of its own, each with a chance of ``pwn``."""
        name = self._pick(self._programs)
        words, known = [name], name
        if name == "git" and self._chance(0.9):
            known = f"git {self._pick(GIT)}"
            if self._chance(0.15):
                words.append(self._option(self._options("git")))
            words.append(known[4:])
        options = self._options(known)
        for _ in range(self._random.randint(1, 4)):
            if options and self._chance(0.6):
                words.append(self._option(options))
            else:
                words.append(self._operand())
        text = " ".join(words)
        if self._chance(0.15):
            text = f"{self._pick(('echo', 'printf %s'))} {self._quoted()} | {text}"
        if self._chance(0.1):
            text = f"{self._pick(('env', 'nice', 'timeout 5', 'xargs', 'time'))} {text}"
        if self._chance(0.1):
            text += f" <<'E'\n{self._pick(_TEXTS)}\nE\n"
        return text

    def _option(self, options: Sequence[str]) -> str:
        option = self._pick(options)
        if option.startswith("--") and len(option) > 5 and self._chance(0.2):
            option = option[: self._random.randint(4, len(option))]
        elif len(option) == 2 and self._chance(0.2):
            other = self._pick(options)
            if len(other) == 2:
                option += other[1]
        value = self._quoted() if self._chance(0.7) else self._operand()
        between = ("=", " ", " ") if option.startswith("--") else ("", " ", " ", "=")
        return option + self._pick(between) + value if self._chance(0.75) else option

    def _quoted(self) -> str:
        if self._chance(0.4):
            return self._pick(_SPELLINGS)
        return shlex.quote(self._pick(_TEXTS))

    def _operand(self) -> str:
        return self._pick(_OPERANDS) if self._chance(0.6) else self._quoted()

    def _list(self, depth: int) -> str:
        parts = [self._command(depth) for _ in range(self._random.choice((1, 1, 2, 3)))]
        text = parts[0]
        for part in parts[1:]:
            joint = self._pick(("; ", "\n", " && ", " || ", " | ", " & ", " |& ", ";"))
            text += self._heredocs(joint) + part
        return text

    def _heredocs(self, joint: str) -> str:
        """A joint; if lines end at it, bodies of here-documents come first."""
        if "\n" not in joint:
            return joint
        bodies, self._pending = "".join(self._pending), []
        return (bodies or "\n") if bodies else joint

    def _command(self, depth: int) -> str:
        if depth <= 0 or self._chance(0.45):
            return self._simple(depth)
        inner = self._list(depth - 1)
        word = self._word(depth - 1)
        other = self._simple(depth - 1)
        return self._pick(
            (
                f"({inner})",
                f"( {inner} )",
                f"{{ {inner}; }}",
                f"if {inner}; then {other}; fi",
                f"if true; then {other}; else {inner}; fi",
                f"for x in {word}; do {inner}; done",
                f"while {inner}; do {other}; break; done",
                f"until {inner}; do break; done",
                f"case {word} in {word}) {inner};; *) {other};; esac",
                f"case {word} in ({word}|a) {inner}\n;; esac",
                f"! {inner}",
                f"time {inner}",
                f"f() {{ {inner}; }}; f",
                f"[[ {word} == {word} || -n $x ]]",
                f"[[ {word} -eq {self._pick(_ARITHMETIC)} ]]",
                f"(( {self._pick(_ARITHMETIC)} ))",
                f"for ((i={self._pick(_ARITHMETIC)};i<1;i++)); do {inner}; done",
                f"{inner} # {other}",
                f"{inner} \\\n | {other}",
                f"coproc {inner}",
                f"select x in {word}; do {inner}; break; done <<< 1",
                f"sh -c {shlex.quote(inner)}",
                f"bash -c {shlex.quote(inner)}",
                f"eval {shlex.quote(inner)}",
                f"echo {word} | while read x; do {inner}; break; done",
                f"trap {shlex.quote(inner)} EXIT",
                f"{inner} > >({other})",
            )
        )

    def _simple(self, depth: int) -> str:
        words = []
        if self._chance(0.15):
            name = self._pick(_NAMES if self._chance(0.4) else _STEERING)
            words.append(f"{name}={self._word(depth - 1)}")
        first = self._random.random()
        if first < 0.72:
            words.append(self._pick(_BENIGN))
        elif first < 0.82:
            words.append(self._pick(_BUILTINS))
        elif first < 0.92:
            words.append(self._pick(_SPELLINGS))
        else:
            words.append(self._word(depth - 1))
        words += [
            self._word(depth - 1) for _ in range(self._random.choice((0, 1, 1, 2)))
        ]
        if self._chance(0.25):
            words.append(self._redirect(depth - 1))
        return " ".join(words)

    def _redirect(self, depth: int) -> str:
        if self._chance(0.4):
            return self._heredoc(depth)
        targets = ["/dev/null", "&1", "&2", self._pick(("&-", "/dev/stdout"))]
        if self._may_write:
            targets += ["q.out", self._word(depth), ".git/config", "/tmp/q", "src/q"]
        operator = self._pick(
            (">", "2>", ">>", ">|", "<", "<>", "&>", ">&", "<<<", "{x}>")
        )
        if operator in ("<", "<<<"):
            return f"{operator} {self._word(depth)}"
        target = self._pick(targets)
        return operator + target if target[0] == "&" else f"{operator} {target}"

    def _heredoc(self, depth: int) -> str:
        name = self._pick(
            ("E", "'E'", '"E"', "\\E", "E''", "'E F'", "-E", "-'E'", "$x")
        )
        end = re.sub(r"^-|['\"\\]", "", name)
        body = self._pick(
            (
                f"{self._word(depth)}",
                "$(pwn)",
                "`pwn`",
                "\\$(pwn) \\`pwn\\`",
                "x\\\nE",
                "\tE\npwn",
                "E \n$(pwn)",
                "${x:-$(pwn)}",
                "$((a[$(pwn)]))",
                "'$(pwn)'",
                "\\\\$(pwn)",
                f"{end}\npwn",
            )
        )
        self._pending.append(f"\n{body}\n{end}\n")
        return f"<<{name}"

    def _word(self, depth: int) -> str:
        kind = self._random.random()
        if depth <= 0 or kind < 0.35:
            return self._plain()
        inner = self._word(depth - 1)
        text = self._list(depth - 1) if kind < 0.75 else self._pick(_SPELLINGS)
        ticked = text.replace("\\", "\\\\").replace("`", "\\`")
        name = self._pick(_NAMES)
        return self._pick(
            (
                f"$({text})",
                f'"$({text})"',
                f"`{ticked}`",
                f'"`{ticked}`"',
                f"'{text}'".replace("\n", " "),
                f'"{inner}"',
                f"${{{name}:-{inner}}}",
                f'"${{{name}:-{inner}}}"',
                f"${{{name}:+{inner}}}",
                f"${{{name}#{inner}}}",
                f'"${{{name}%%{inner}}}"',
                f"${{{name}:={inner}}}",
                f"${{{name}/{inner}/{inner}}}",
                f"${{{name}:{self._pick(_ARITHMETIC)}}}",
                f"${{{name}[{self._pick(_ARITHMETIC)}]}}",
                f"${{!{name}}}",
                f"${{{name}@{self._pick('PQEAa')}}}",
                f"${{{name}^^{inner}}}",
                f"$(( {self._pick(_ARITHMETIC)} ))",
                f"$[{self._pick(_ARITHMETIC)}]",
                f"<({text})",
                f"{{{inner},a}}",
                f"{inner}{self._plain()}",
                f"$'\\'{inner}'",
                f"@({inner}|x)",
                f"~{inner}",
                f"a\\\n{inner}",
                f"\\{inner}",
                f"{name}[{inner}]",
                f"$( ( {text} ) )",
                f"$(<{inner})",
                f"$(cat <<E\n{inner}\nE\n)",
            )
        )

    def _plain(self) -> str:
        kind = self._random.random()
        if kind < 0.35:
            return self._pick(_SPELLINGS)
        if kind < 0.55:
            return shlex.quote(self._pick(_TEXTS))
        if kind < 0.8:
            return self._pick(_OPERANDS)
        return self._pick(
            ("a", "-n", "-e", "$x", '"$x"', "$*", '"$@"', "x=pwn", "'a b'")
        )
