"""The shells themselves, and another parser, as second opinions.

What our parser accepts, the shell accepts too, and so it does what is rendered from
it; both do the same. Every command that is run here is harmless: it prints.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import tree_sitter
import tree_sitter_bash
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from commander.policy.shell.parser import NotModelledError, parse
from commander.policy.shell.render import NotRenderableError, render
from commander.policy.shell.syntax import Dialect, Simple, Word
from tests.policy.shell.trees import BASH, SH

pytestmark = pytest.mark.process

SHELLS = {SH: (("dash",), ("bash", "--posix")), BASH: (("bash",),)}
"""Which may stand behind a dialect; the first is the one that we follow."""

ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/h",
    "LC_ALL": "C.UTF-8",
    "x": "a b",
    "y": "*",
}

WORDS = (
    r"""
a 'b c' "d e" \f g\ h ''
"$x" $x ${x}y '$x' "\$x" $none "$none" "a${x}b"'c'$x
* *a [ab]* 'a'* "*" \* [!a] ?? "$y" $y a[b]
~ ~/d '~' ~'a' a~ "~" --z=~ z:~
${none:-d} ${none:-'d e'} ${x:-d} ${x:+e} ${none-} ${x+*}
"${none:-d e}" "${none:-$x}" "${x:+\}}" "${none:-"d"}"
${x%b} ${x%%a*} ${x#a} ${x##* } "${x%' b'}" "${x#"a "}" ${x%\ b} "${x%$x}"
${#x} $# $? "$@" "$*" $1 ${2} ${10}
$(printf 'a  b') "$(printf 'a  b')" `printf c` "`printf "c  d"`" $(printf '%s' "$x")
$((1+2)) $(( (1 + 2) * 3 )) "$((1<2))" $(($#+1)) $((x2=3))
{ } {a} {a,b} a{b,c}d {1..3} {,a} {03..1} {a..c} '{a,b}' "{a,b}" {a,{b,c}}
$'a\tb' $'\x41' $"a b" $'a'b
a\
b "a\
b" 'a\
b'
# not a word
a#b '#' \# !a a! ! = a=b =b + ^a
""".strip("\n")
    .replace("\\\n", "\0")
    .split("\n")
)
"""Arguments, a command's on each line; a line that is continued is shown by NUL."""

SCRIPTS = [
    "printf a; printf b && printf c || printf d; ! printf e",
    "false || printf a && printf b; printf $?",
    "printf 'b\na\n' | cat | { cat; printf c; }",
    "(printf a; (printf b) ) | cat; ( (printf c) )",
    "{ printf a; } 2>&1 >/dev/null; { printf b >&2; } 2>/dev/null",
    "if false; then printf a; elif true; then printf b; else printf c; fi",
    "for i in a 'b c' *; do printf '<%s>' \"$i\"; done",
    "for i\ndo printf '<%s>' \"$i\"; done",
    "for i in a b; do case $i in a) continue;; esac; printf $i; done",
    'i=; while [ "$i" != aaa ]; do i=a$i; printf $i; done',
    "until true; do printf a; done; printf $?",
    "case 'a b' in a*b|c) printf 1;; *) printf 2;; esac",
    "case '*' in '*') printf 1;; esac; case a in '*') ;; [!b]) printf 2; esac",
    'case $y in "$y") printf 1; esac; case ab in $y) printf 2; esac',
    "f() { printf '<%s>' \"$@\"; }; f a 'b c'; f() (printf d); f",
    "z=1 z2=$x; printf '<%s>' $z \"$z2\"; z=2 printf '%s' $z",
    "z=~/a:~:'~'; printf '%s' \"$z\"; export z3=~; printf '%s' \"$z3\"",
    "export z4=$x; printf '<%s>' \"$z4\"; export z5='a  b'\"$x\"; printf '%s' \"$z5\"",
    "z=*; printf '%s' \"$z\"; z={a,b}; printf '%s' \"$z\"",
    "cat <<E\na $x \\$x `printf c` $((1+1)) \"q\" 'r' \\\\ \\a\nE\nprintf z",
    "cat <<'E'\na $x \\$x `d` \\\nE\nprintf z",
    "cat <<-E\n\ta\n\t\t$x\n\tE\n",
    "cat <<A - <<B; printf z\n1\nA\n2\nB\n",
    "cat <<E | cat - && printf b\na\nE\n",
    "printf '<%s>' \"$(cat <<E\na $x\nE\n)\"",
    "while read z; do printf '<%s>' \"$z\"; done <<E\na\nb\nE\n",
    "(cat; printf '<%s>' a) <<E; printf b\nc\nE\n",
    "cat <<E\n${none:-a b} ${x%b}\nE\n",
    "cat <<E\na\\\nE\nE\n",
    "if cat <<E; then printf b; fi\na\nE\n",
    "printf a # b\n# c\nprintf d",
    "printf '%s' a\\\n  b | \\\n cat",
    "2>/dev/null printf a; >/dev/null printf b",
    "exec 3>&1; printf a >&3; printf b 1>&3 3>&-",
    "printf a & wait; printf b",
    "\"printf\" a; p\\rintf b; 'pri'ntf c",
    'set -- a \'b c\'; printf \'<%s>\' "$@" $* "x$@y" "$#"',
    '[ -n "$x" ] && printf a; [ ! -e none ] && printf b; test a = b || printf c',
    "eval 'printf a; printf \"$x\"'",
    "printf '%s' 'it'\\''s' \"it's\" 'a\nb'",
    "if=1; printf '%s' $if if then done; in=2; printf $in",
    "\\if 2>/dev/null; printf $?; 'time' 2>/dev/null; [[ a ]] 2>/dev/null; printf .",
    "z+=1 2>/dev/null; printf '%s' \"$z\"",
    "cat <<E\n${none:-a b} ${x%b} ${x%a *}\nE\n",
]

SH_SCRIPTS = [
    "printf '%s' \"${none:-it's}\"; cat <<E\n${none:-it's}\nE\n",
    "{ printf a &>/dev/null; wait; }; ((printf b)); printf '%s' $[1] $'c'",
    "printf '%s' a 10>/dev/null",
]

BASH_SCRIPTS = [
    "z=(a 'b c' *); printf '<%s>' \"${z[@]}\" \"${z[1]}\" ${#z[@]}; z+=(d); z[1]=e; "
    "printf '<%s>' \"${z[*]}\" ${!z[@]}",
    "z=([2]=a [5]='b c'); printf '<%s>' \"${!z[@]}\" \"${z[@]}\"",
    "declare -A z=([a]=1 ['b.c']=2); printf '<%s>' \"${z[a]}\" \"${z['b.c']}\"",
    "declare -a z=(a b) w=c; printf '<%s>' \"${z[@]}\" $w; declare v={1,2}; printf $v",
    "z=a; z+=b; printf $z; z[1]=c; z[$((1+1))]+=d; printf '<%s>' \"${z[@]}\"",
    "z=a.b.c; printf '<%s>' ${z//./-} ${z/./} ${z/#a/X} ${z/%c/'&'} ${z//'.'/\\/}",
    "z=aBc; printf '<%s>' ${z^} ${z^^} ${z,,} ${z^^[b]} ${z@Q}",
    "z=aBc; printf '<%s>' ${z:1} ${z:0:2} ${z: -1} ${z:1:$#-1}",
    "z=x; printf '<%s>' ${!z} \"${!z}\"; printf '<%s>' ${!x*}",
    'z=a/b; printf \'<%s>\' "${z//\\//\'.\'}" "${z/a/\\&}" "${z/\'a\'/"c d"}"',
    "[[ $x == 'a b' && -n $x ]] && printf 1; [[ ! ( a == b || c < b ) ]] && printf 2",
    "[[ ab == a* ]] && printf 1; [[ ab == 'a*' ]] || printf 2; [[ $none ]] || printf 3",
    "[[ a.b =~ ^(a|c)\\.b$ ]] && printf '<%s>' \"${BASH_REMATCH[@]}\"",
    "[[ axb =~ a'.'b ]] || printf 1; z='a b'; [[ 'xa b' =~ \"$z\"$ ]] && printf 2",
    "((3 > 2)) && printf 1; ((z = 5, z++)); printf $z; (( 0 )) || printf 2",
    "for ((i=0; i<3; i++)); do printf $i; done; for ((;;)) do break; done",
    "printf a | { cat; } |& cat; { printf b >&2; } |& cat",
    "printf a &>/dev/null; printf b >& /dev/null; { printf c >&2; } &>> /dev/null",
    'cat <(printf a) <( (printf b) ); cat <<< "$x" - ; cat <<< $x; cat <<<~',
    "case ab in a*) printf 1;& c) printf 2;;& *b) printf 3;; esac",
    "function f { printf '<%s>' \"$@\"; }; f a; function g () (printf b); g",
    "time true 2>/dev/null; ! time false; printf $?",
    "printf '<%s>' {a,b}{1..2} x{,y} {a,'b c',\"$x\"} $x/{c,d} {~/,/}a",
    "printf '<%s>' a=~ a=b:~ --a=~; for i in a=~; do printf $i; done",
    "z=(a=~); printf $z; [[ a=/h == a=~ ]] && printf 1; cat <<< a=~",
    "case a=/h in a=~) printf 1;; esac; printf a > z=~none; cat z=~none",
    "printf '<%s>' $'a\\nb' $'\\u00e9\\x41\\101\\cA' $'it\\'s' $'a\\0b'c",
    "printf 1 12>/dev/null",
]


def tables() -> Iterator[tuple[Dialect, str]]:
    for line in WORDS:
        text = f"printf '<%s>' {line}".replace("\0", "\\\n")
        yield from ((SH, text), (BASH, text))
    for text in SCRIPTS:
        yield from ((SH, text), (BASH, text))
    for text in SH_SCRIPTS:
        yield SH, text
    for text in BASH_SCRIPTS:
        yield BASH, text


def run(shell: tuple[str, ...], text: str, directory: Path) -> tuple[int, bytes]:
    done = subprocess.run(
        [*shell, "-c", text, "sh", "one", "t w"],
        cwd=directory,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout


def accepts(shell: tuple[str, ...], text: str) -> bool:
    done = subprocess.run(
        [*shell, "-n", "-c", "--", text], capture_output=True, timeout=30, check=False
    )
    return done.returncode == 0


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for name in ("a", "ab", "b c"):
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize(("dialect", "text"), list(tables()))
def test_what_is_rendered_does_the_same(
    dialect: Dialect, text: str, directory: Path
) -> None:
    rendered = render(parse(text, dialect), dialect)
    first = SHELLS[dialect][0]
    expected = run(first, text, directory)
    for shell in SHELLS[dialect]:
        assert accepts(shell, rendered)
        assert run(shell, rendered, directory) == expected, (shell, rendered)


# --- generated texts -----------------------------------------------------------------

PIECES = st.sampled_from(
    [
        *("a", "b", "*", "?", "[ab]", "~", "/", "=", ":", "{", "}", ",", "-", "#", "!"),
        *("'a b'", "''", "'*'", '"c d"', '""', "\\*", "\\ ", "\\\n", "\\~", "'#'", "^"),
        *("$x", '"$x"', "$y", '"$y"', "${x}", "$none", "$1", '"$@"', "$#", "$", '"$"'),
        *("${none:-c}", "${x%b}", '"${x#a }"', "${none:-'e f'}", '"${none:-g  h}"'),
        *("$(printf 'i  j')", '"$(printf k)"', "`printf l`", "$((1+2))", '"$((3))"'),
        *("{a,b}", "{1..3}", "$'m\\n'", '$"n o"', "a=", "x:", "%", "@", "+", "é"),
    ]
)
ARGUMENTS = st.lists(PIECES, min_size=1, max_size=4).map("".join)
SIMPLES = st.lists(ARGUMENTS, max_size=3).map(
    lambda words: " ".join(["printf", "'<%s>'", *words])
)
ENDS = st.sampled_from(["; ", "\n", " && ", " || ", " | ", " # c\n"])
BODIES = st.lists(
    st.sampled_from(["a", " ", "\t", "$x", "\\$x", '"', "'", "\\", "`printf b`", "\n"])
).map("".join)


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        inner.map(lambda text: f"{{ {text}\n}}"),
        inner.map(lambda text: f"({text}\n)"),
        inner.map(lambda text: f"! {{ {text}\n}}"),
        inner.map(lambda text: f"if {text}\nthen {text}\nelse :; fi"),
        st.builds(
            lambda word, text: f"for i in {word}; do {text}\ndone", ARGUMENTS, inner
        ),
        st.builds(
            lambda subject, pattern, text: f"case {subject} in {pattern}) {text}\nesac",
            ARGUMENTS,
            ARGUMENTS,
            inner,
        ),
        st.builds(lambda text, end, more: f"{text}{end}{more}", inner, ENDS, inner),
        st.builds(lambda value, text: f"z={value} {text}", ARGUMENTS, SIMPLES),
        BODIES.map(lambda body: f"cat <<EOT\n{body}\nEOT\n"),
        BODIES.map(lambda body: f"cat <<-'EOT'; printf m\n{body}\n\tEOT\n"),
    )


GENERATED = st.recursive(SIMPLES, compound, max_leaves=5).filter(
    lambda text: "$$" not in text  # which differs in every run
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=GENERATED, dialect=st.sampled_from(Dialect))
@example(text="printf '<%s>' a${x%b}''", dialect=Dialect.SH)
@example(text="printf '<%s>' $(printf 'i  j')$", dialect=Dialect.BASH)
def test_generated_texts_do_the_same(
    text: str, dialect: Dialect, directory: Path
) -> None:
    try:
        rendered = render(parse(text, dialect), dialect)
    except (NotModelledError, NotRenderableError):
        return
    first = SHELLS[dialect][0]
    assert accepts(first, text)
    for shell in SHELLS[dialect]:
        assert accepts(shell, rendered)
    assert run(first, rendered, directory) == run(first, text, directory)


# --- another parser ------------------------------------------------------------------

OTHER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))
DECLARING = frozenset(("export", "declare"))
"""It does not count these among commands."""

BLIND_SPOTS = ("|\n", "time ", "'if'", "'time'")
"""What it takes for something else, names that are quoted included."""


def names_there(text: str) -> list[str] | None:
    """Names of commands that the other parser finds; None if it gives up."""
    tree = OTHER.parse(text.encode())
    if tree.root_node.has_error:
        return None
    found = []
    nodes = [tree.root_node]
    while nodes:
        node = nodes.pop()
        nodes.extend(node.children)
        if node.type == "command_name" and node.text is not None:
            found.append(node.text.decode())
    return sorted(name for name in found if name.isalnum())


def names_here(value: object) -> Iterator[str]:
    """Names of commands anywhere in a tree of ours."""
    if isinstance(value, Simple) and value.words and isinstance(value.words[0], Word):
        yield value.words[0].static or ""
    if isinstance(value, tuple):
        for one in value:
            yield from names_here(one)
    for name in getattr(value, "__attrs_attrs__", ()):
        yield from names_here(getattr(value, name.name))


@pytest.mark.parametrize(
    "text", [text for dialect, text in tables() if dialect is BASH]
)
def test_another_parser_finds_the_same_commands(text: str) -> None:
    # In what is rendered no name is quoted, and no backtick is left that it overlooks.
    tree = parse(text, BASH)
    rendered = render(tree, BASH)
    there = names_there(rendered)
    if there is None or any(spot in rendered for spot in BLIND_SPOTS):
        return
    ours = sorted(name for name in names_here(tree) if name.isalnum())
    assert there == [name for name in ours if name not in DECLARING]
