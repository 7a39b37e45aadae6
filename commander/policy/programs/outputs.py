"""Programs that write their output to files that their words name."""

from __future__ import annotations

from typing import Final

from commander.policy.programs.model import (
    Effect,
    Program,
    Risk,
    Style,
    Targets,
)
from commander.policy.programs.reasons import WRITES

__all__ = ["PROGRAMS"]

_TEMPLATE: Final = "loads a template, which can hold code"

_BISON: Final = Program(
    names="bison yacc byacc flex lex",
    valued="-L --language -p --name-prefix -P --prefix -W -f -F -D",
    risks=(
        Risk(options="-S --skeleton", effect=Effect.LOADS, why=_TEMPLATE),
        Risk(
            options="-o --output --outfile --output-file -b --file-prefix "
            "--header-file --tables-file --xsltdir",
            effect=Effect.WRITES,
            why=WRITES,
        ),
        Risk(
            options="--defines --header --graph --xml --html --report-file -H -g -x",
            effect=Effect.WRITES,
            why=WRITES,
            bare=True,
            values="*",
        ),
    ),
    reason="It writes where it is told, and runs m4 on a template.",
    passes=("bison -d -o build/p.c p.y", "flex -o lex.c x.l", "bison --header=p.h p.y"),
    refuses=(
        "bison --skeleton=evil.m4 x.y",
        "bison -S ./evil.m4 x.y",
        "bison --defines=/etc/x p.y",
        "flex -o /etc/x x.l",
    ),
)

_CSCOPE: Final = Program(
    names="cscope",
    refused="starts an editor, and writes where it is told",
    harmless="--version -V --help -h",
    risks=(Risk(options="-f -F", effect=Effect.WRITES, why=WRITES),),
    reason="It waits for commands, and one starts a shell.",
    passes=("cscope --version",),
    refuses=("cscope", "cscope -b -f /etc/x x.c", "cscope -d -L0 x"),
)

_CTAGS: Final = Program(
    names="ctags etags exuberant-ctags universal-ctags ctags-universal readtags",
    valued="-I -h -L -e",
    risks=(
        Risk(options="-f -o --output", effect=Effect.WRITES, why=WRITES),
        Risk(
            options="--options --options-maybe --optlib-dir --_*",
            effect=Effect.LOADS,
            why="reads options from a file or the input",
            bare=True,
        ),
    ),
    reason="It writes where it is told, and reads options from files.",
    passes=("ctags -R src", "ctags -f tags x.c", "etags -o TAGS x.c"),
    refuses=(
        "ctags -f /etc/x x.c",
        "ctags -f/etc/x x.c",
        "ctags --options=evil.ctags x.c",
        "ctags --_interactive",
    ),
)

_DOT: Final = Program(
    names="dot neato twopi circo fdp sfdp osage patchwork",
    valued="-G -N -E -T -K -l -s",
    risks=(
        Risk(options="-o", effect=Effect.WRITES, why=WRITES),
        Risk(
            options="-O",
            effect=Effect.EDITS,
            why="writes beside each file",
            bare=True,
        ),
        Risk(
            options="-c",
            effect=Effect.RUNS,
            why="changes what it loads",
            bare=True,
        ),
    ),
    reason="It writes where it is told.",
    passes=("dot -Tpng -o build/x.png x.dot", "dot -Tsvg x.dot", "dot -Tpdf -O x.dot"),
    refuses=("dot -Tpdf -o/etc/x x.dot", "neato -Tpng -O /etc/x.dot", "dot -c"),
)

_FILE: Final = Program(
    names="file",
    valued="-m --magic-file -F --separator -f --files-from -e --exclude -P --parameter",
    risks=(
        Risk(
            options="-C --compile",
            effect=Effect.RUNS,
            why="writes a compiled file",
            bare=True,
        ),
    ),
    reason="It compiles descriptions of files.",
    passes=("file -b --mime-type a.txt", "file -m magic a.txt", "file -z a.gz"),
    refuses=("file -C -m evil", "file --comp -m evil"),
)

_GRAPHS: Final = Program(
    names="acyclic unflatten gvpack ccomps sccmap mingle",
    risks=(Risk(options="-o", effect=Effect.WRITES, why=WRITES),),
    reason="It writes where it is told.",
    passes=("unflatten -l 3 x.dot", "acyclic -o build/x.dot x.dot"),
    refuses=("acyclic -o /etc/x x.dot", "gvpack -o.git/config x.dot"),
)

_ICONV: Final = Program(
    names="iconv",
    valued="-f --from-code -t --to-code",
    risks=(Risk(options="-o --output", effect=Effect.WRITES, why=WRITES),),
    reason="It writes where it is told.",
    passes=("iconv -f latin1 -t utf-8 a.txt", "iconv -t utf-16 -o b.txt a.txt"),
    refuses=("iconv -t utf-16 -o /etc/x a.txt", "iconv --outp=.git/config a.txt"),
)

_JAR: Final = Program(
    names="jar",
    valued="-m --manifest -e --main-class -C --release --module-version",
    risks=(
        Risk(
            options="-J*",
            effect=Effect.RUNS,
            why="passes options to the runtime, and some load code",
            bare=True,
        ),
        Risk(
            options="-f --file",
            effect=Effect.WRITES,
            why="names the archive that is written",
            unless="-t --list -x --extract",
        ),
        Risk(
            options="-P --dir",
            effect=Effect.RUNS,
            why="writes members to any path",
            bare=True,
        ),
    ),
    operands="@*",
    operands_why="reads options from a file",
    first_word_cluster=True,
    reason="Options load code into the runtime, and name the archive.",
    passes=("jar cf build/x.jar -C classes .", "jar tf x.jar", "jar --version"),
    refuses=(
        "jar -J-agentpath:./evil.so --version",
        "jar cf .git/hooks/x a",
        "jar --create --file=/etc/x a",
        "jar cf x.jar @evil",
    ),
)

_JAVAC: Final = Program(
    names="javac javadoc javap jlink jpackage jmod jdeps jarsigner keytool",
    style=Style.WORDS,
    valued="-cp -classpath --class-path -p --module-path -sourcepath --source-path "
    "--release -source -target -encoding --add-modules --module -m -alias "
    "-storepass -keypass -dname -keyalg -keysize -validity -storetype",
    risks=(
        Risk(
            options="-J* -Xplugin*",
            effect=Effect.RUNS,
            why="passes options to the runtime, and some load code",
            bare=True,
        ),
        Risk(
            options="-processor -processorpath --processor-path "
            "--processor-module-path -doclet -docletpath -taglet -tagletpath "
            "-Xbootclasspath* -bootclasspath -extdirs -endorseddirs "
            "-providerpath -providerclass -provider -providerarg --patch-module "
            "--resource-dir --runtime-image --plugin-module-path",
            effect=Effect.LOADS,
            why="loads code",
        ),
        Risk(
            options="-d -s -h --dest --output --temp -dotoutput --dot-output "
            "--generate-module-info -keystore -destkeystore -file -signedjar "
            "-XDumpdir --dir",
            effect=Effect.WRITES,
            why=WRITES,
        ),
    ),
    operands="@*",
    operands_why="reads options from a file",
    reason="Options load code into the runtime, and say where it writes.",
    passes=("javac -d build/classes -cp lib/x.jar X.java", "javac -version"),
    refuses=(
        "javac -J-agentpath:./evil.so X.java",
        "javac -d /etc/x X.java",
        "javac -processorpath evil X.java",
        "javadoc -doclet Evil -docletpath . x",
        "javac @evil",
    ),
)

_LCOV: Final = Program(
    names="lcov geninfo genhtml",
    valued="-a --add-tracefile -e --extract -r --remove -d --directory -b "
    "--base-directory -t --test-name --title --summary --ignore-errors --exclude "
    "--include --prefix --num-spaces",
    flags="-c --capture -q --quiet -z --zerocounters -l --list -i --initial "
    "--no-external --legend --branch-coverage --function-coverage --help --version -h",
    risks=(
        Risk(
            options="--gcov-tool --criteria-script --annotate-script "
            "--version-script --resolve-script --select-script --simplify-script "
            "--context-script --unreachable-script --config-file --demangle-cpp",
            effect=Effect.RUNS,
            why="names a program, or settings that do",
        ),
        Risk(
            options="--rc",
            effect=Effect.RUNS,
            why="changes settings, and some name programs",
            passing="branch_coverage=* lcov_branch_coverage=* function_coverage=*",
        ),
        Risk(
            options="-o --output-file --output-directory --tempdir --to-package",
            effect=Effect.WRITES,
            why=WRITES,
        ),
    ),
    reason="It runs gcov, or whatever program stands for it.",
    passes=("lcov -c -d . -o build/x.info", "genhtml x.info -o build/cov"),
    refuses=(
        "lcov --gcov-tool ./evil.sh -c -d .",
        "lcov -gcov-tool ./evil.sh -c -d .",
        "lcov --rc geninfo_gcov_tool=pwn -c -d .",
        "genhtml x.info -o /etc/x",
        "geninfo --config-file evil .",
    ),
)

_GCOVR: Final = Program(
    names="gcovr",
    valued="-r --root -e --exclude -f --filter -j --html-title --fail-under-line "
    "--fail-under-branch --sort",
    risks=(
        Risk(
            options="--gcov-executable --html-template-dir",
            effect=Effect.RUNS,
            why="names a program, or a template that can hold code",
        ),
        Risk(
            options="--config",
            effect=Effect.LOADS,
            why="reads settings that name programs",
            passing="gcovr.cfg",
        ),
        Risk(options="-o --output", effect=Effect.WRITES, why=WRITES),
        Risk(
            options="-x --xml --xml-pretty -s --html --html-details --html-nested "
            "--csv --json --json-summary --txt --sonarqube --coveralls --cobertura "
            "--clover --jacoco --lcov --markdown",
            effect=Effect.WRITES,
            why=WRITES,
            bare=True,
            values="*",
        ),
    ),
    targets=Targets.EACH,
    reason="It runs gcov, or whatever program stands for it.",
    passes=("gcovr -r . --html-details build/x.html", "gcovr --xml -o x.xml"),
    refuses=(
        "gcovr --gcov-executable pwn",
        "gcovr --gcov-ex=pwn",
        "gcovr --html /etc/x",
        "gcovr --xml=/etc/x",
        "gcovr --config evil.cfg",
    ),
)

_PERL_TOOLS: Final = Program(
    names="cpan cpanp perlbug perlthanks gvpr pydoc",
    refused="runs code or a program that its words name",
    harmless="--version --help -h -v",
    reason="It loads files of code, starts an editor or sends mail.",
    passes=("cpan -v", "pydoc3 --help"),
    refuses=(
        "cpan -j evil.pm",
        "perlbug -d -e pwn",
        "gvpr 'BEGIN{system(\"pwn\")}'",
        "pydoc3 ./evil.py",
        "pydoc3 evil",
        "pydoc -k x",
    ),
)

_SHUF: Final = Program(
    names="shuf gshuf",
    valued="-i --input-range -n --head-count --random-source",
    risks=(Risk(options="-o --output", effect=Effect.WRITES, why=WRITES),),
    reason="It writes where it is told.",
    passes=("shuf -n 3 a.txt", "shuf -o b.txt a.txt", "shuf -i 1-9"),
    refuses=("shuf -o /etc/x a.txt", "shuf a.txt --out=.git/config"),
)

_SPONGE: Final = Program(
    names="sponge dos2unix unix2dos fromdos todos recode",
    valued="-c --convmode",
    targets=Targets.EACH,
    reason="Its operands are written.",
    passes=("sponge -a out.txt", "sponge", "dos2unix src/a.txt"),
    refuses=("sponge /etc/x", "sponge .git/config", "dos2unix /etc/x"),
)

_XXD: Final = Program(
    names="xxd",
    style=Style.WORDS,
    valued="-c -cols -g -groupsize -l -len -n -name -o -offset -s -seek -skip -R",
    targets=Targets.SECOND,
    reason="Its second operand is a file that it writes.",
    passes=("xxd -l 16 /etc/hostname", "xxd a.bin a.hex", "xxd -r -p a.hex a.bin"),
    refuses=("xxd a.txt /etc/x", "xxd -r a.hex .git/config", "xxd - ../x"),
)

PROGRAMS: Final = (
    _GRAPHS,
    _BISON,
    _PERL_TOOLS,
    _CSCOPE,
    _CTAGS,
    _DOT,
    _FILE,
    _GCOVR,
    _ICONV,
    _JAR,
    _JAVAC,
    _LCOV,
    _SHUF,
    _SPONGE,
    _XXD,
)
