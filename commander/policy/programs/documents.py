"""Programs that turn documents, data and pictures into others."""

from __future__ import annotations

from typing import Final

from commander.policy.programs.model import (
    Code,
    Effect,
    Language,
    Program,
    Risk,
    Style,
    Targets,
)
from commander.policy.programs.reasons import WRITES

__all__ = ["PROGRAMS"]


_DC: Final = Program(
    names="dc",
    risks=(
        Risk(
            options="-f --file", effect=Effect.SCRIPT, why="reads code from its input"
        ),
    ),
    operands="- /dev/*",
    operands_why="reads code",
    code=Code(
        language=Language.OPAQUE,
        options="-e --expression",
        stdin=True,
        forbidden="!",
        stops="--version -V --help -h",
    ),
    reason="Its command `!` runs a program.",
    passes=("dc -e '2 3 + p'", "dc x.dc"),
    refuses=("dc -e '!pwn'", "dc", "dc -e 1 -", "dc --expr='!pwn'"),
)

_DIFF3: Final = Program(
    names="diff3 sdiff",
    risks=(
        Risk(
            options="--diff-program",
            effect=Effect.RUNS,
            why="runs a program in the place of diff",
        ),
        Risk(options="-o --output", effect=Effect.WRITES, why=WRITES),
    ),
    reason="It runs any program in the place of diff.",
    passes=("diff3 -m a b c", "sdiff -s a b"),
    refuses=("diff3 --diff-program=pwn a b c", "sdiff -o /etc/x a b"),
)

_GROFF: Final = Program(
    names="groff troff gtroff nroff grog tbl pic gpic geqn ditroff",
    risks=(
        Risk(
            options="-U -l -X --unsafe",
            effect=Effect.RUNS,
            why="lets a document run programs",
            bare=True,
        ),
        Risk(
            options="-L -P -F -M -f -I -m",
            effect=Effect.LOADS,
            why="names a program or where macros are found",
            passing="an man mandoc mdoc ms me mm s e m",
        ),
    ),
    reason="A document can run programs, unless it is in safe mode.",
    passes=("groff -man -Tascii x.1", "nroff -man x.1"),
    refuses=(
        "groff -U x.1",
        "groff -man -Uz x.1",
        "troff -U x.1",
        "groff -M. -mevil x",
    ),
)

_PANDOC: Final = Program(
    names="pandoc",
    valued="--metadata -M -V --variable --toc-depth --columns --css -c --bibliography",
    risks=(
        Risk(
            options="-F --filter -L --lua-filter",
            effect=Effect.RUNS,
            why="runs a program on the document",
        ),
        Risk(
            options="--pdf-engine --server",
            effect=Effect.RUNS,
            why="runs a program on the document",
            passing="pdflatex xelatex lualatex tectonic wkhtmltopdf weasyprint typst",
        ),
        Risk(
            options="--pdf-engine-opt",
            effect=Effect.RUNS,
            why="passes options to that program",
        ),
        Risk(
            options="-d --defaults --data-dir --abbreviations",
            effect=Effect.LOADS,
            why="reads options or code",
        ),
        Risk(
            options="-t --to -w --write -f --from -r --read",
            effect=Effect.LOADS,
            why="runs code in its value",
            values="*.lua* */*",
        ),
        Risk(
            options="-o --output --extract-media --log",
            effect=Effect.WRITES,
            why=WRITES,
        ),
    ),
    operands="lua",
    operands_why="runs code",
    reason="Filters are programs.",
    passes=("pandoc README.md -o out.html", "pandoc -f markdown -t html --toc a.md"),
    refuses=(
        "pandoc -F ./pwn a.md",
        "pandoc --lua-filter=evil.lua a.md",
        "pandoc -t evil.lua a.md",
        "pandoc --pdf-engine=./pwn a.md -o a.pdf",
        "pandoc a.md -o .git/config",
    ),
)

_PATCH: Final = Program(
    names="patch",
    valued="-p --strip -F --fuzz -D --ifdef -V --version-control -z --suffix -g --get",
    risks=(
        Risk(
            options="-e --ed",
            effect=Effect.RUNS,
            why="runs ed on the patch",
            bare=True,
        ),
        Risk(
            options="-o --output -r --reject-file -d --directory -B --prefix -Y "
            "--basename-prefix",
            effect=Effect.WRITES,
            why=WRITES,
        ),
        Risk(options="-i --input", effect=Effect.SCRIPT, why="reads from its input"),
    ),
    targets=Targets.EACH,
    reason="It writes the files that it is told, and can run ed.",
    passes=("patch -p1 -i fix.patch", "patch a.c fix.patch"),
    refuses=(
        "patch -e a.c x",
        "patch -d /etc -p1 -i x.patch",
        "patch -o .git/config a.c x",
        "patch .git/config x",
    ),
)

_RENAME: Final = Program(
    names="rename prename file-rename perl-rename",
    risks=(
        Risk(
            options="-e --expr -E",
            effect=Effect.CODE,
            why="evaluates its value as Perl",
        ),
    ),
    code=Code(
        language=Language.OPAQUE,
        operand=True,
        options="-e --expr -E",
        forbidden=r"[`{;@\n]|/[a-z]*e[a-z]*$|\\/|^(?!(?:s|y|tr)/|[\w.-]+$)",
        stops="--version -V --help -h",
    ),
    targets=Targets.LAST,
    reason="Its first operand is Perl.",
    passes=("rename 's/txt/md/' a.txt", "rename -n 's/(a)b/$1/g' ab.txt"),
    refuses=(
        "rename 'system(\"pwn\")' a",
        "rename 's/a/system(\"pwn\")/e' a",
        "rename 's/a/@{[system(1)]}/' a",
        "rename -e 'system(1)' a",
    ),
)

_TEX: Final = Program(
    names="tex pdftex latex pdflatex xelatex lualatex luatex xetex latexmk context "
    "tectonic",
    style=Style.WORDS,
    valued="-interaction -jobname",
    risks=(
        Risk(
            options="-shell-escape -enable-write18 -e -pdflatex* -latex* -xelatex* "
            "-lualatex* -usepretex* -pretex* -pdf_previewer* -r -F -norc* "
            "-socket -Z -shell-restricted* -cnf-line -dvi* -print* -pvc -pv "
            "-lua -luaonly -texlua",
            effect=Effect.RUNS,
            why="lets a document run programs, or names them",
            bare=True,
        ),
        Risk(
            options="-output-directory -outdir -auxdir -aux-directory -o --outdir",
            effect=Effect.WRITES,
            why=WRITES,
        ),
    ),
    operands="\\* &*",
    operands_why="is code",
    reason="A document can run programs, if an option lets it.",
    passes=("pdflatex -interaction=nonstopmode main.tex", "latexmk -pdf main.tex"),
    refuses=(
        "pdflatex --shell-escape main.tex",
        "pdflatex '\\input{|pwn}'",
        "latexmk -e 'system(1)' main.tex",
        "latexmk -pdflatex=pwn main.tex",
    ),
)

_XML: Final = Program(
    names="xmllint xsltproc xmlstarlet saxon",
    risks=(
        Risk(options="-o --output --dumpextents", effect=Effect.WRITES, why=WRITES),
        Risk(
            options="--shell",
            effect=Effect.RUNS,
            why="takes commands",
            bare=True,
        ),
        Risk(
            options="-L --inplace",
            effect=Effect.EDITS,
            why="writes to the file that it reads",
            bare=True,
        ),
    ),
    reason="It writes to files.",
    passes=("xmllint --noout a.xml", "xmllint --format a.xml --output b.xml"),
    refuses=("xmllint --output /etc/x a.xml", "xmllint --shell a.xml"),
)

_YQ: Final = Program(
    names="yq dasel",
    style=Style.EXACT,
    valued="-p --input-format -I --indent --arg",
    risks=(
        Risk(
            options="-i --inplace --in-place",
            effect=Effect.EDITS,
            why="writes to the files that it reads",
            bare=True,
        ),
        Risk(
            options="-s --split-exp --split-exp-file",
            effect=Effect.RUNS,
            why="writes files with computed names",
        ),
        Risk(options="--from-file", effect=Effect.SCRIPT, why="reads code"),
        Risk(
            options="--security-enable-system-operator",
            effect=Effect.RUNS,
            why="lets code run programs",
            bare=True,
        ),
    ),
    code=Code(
        language=Language.OPAQUE,
        operand=True,
        options="--expression",
        forbidden=r"\bsystem\b",
        stops="--version -V --help -h",
    ),
    reason="It writes to files, and can be let run programs.",
    passes=("yq .a.b x.yml", "yq -i '.version = \"2\"' x.yml"),
    refuses=(
        "yq -i '.a = 1' .git/config",
        "yq --security-enable-system-operator 'system(\"pwn\")' x.yml",
        "yq -s .name x.yml",
    ),
)

PROGRAMS: Final = (
    _DC,
    _DIFF3,
    _GROFF,
    _PANDOC,
    _PATCH,
    _RENAME,
    _TEX,
    _XML,
    _YQ,
)
