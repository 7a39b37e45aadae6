"""Interpreters of further languages; what a bare entry grants, see ``interpreters``."""

from __future__ import annotations

from typing import Final

from commander.policy.programs.model import (
    Code,
    Effect,
    Language,
    Program,
    Risk,
    Style,
)
from commander.policy.programs.reasons import LOADS_FIRST, TALKS

__all__ = ["PROGRAMS"]

_STOPS: Final = "--version -V -v --help -h"

_EXPECT: Final = Program(
    names="expect",
    style=Style.POSIX,
    flags="-d -n -N -v -version",
    risks=(
        Risk(options="-f -b", effect=Effect.SCRIPT, why="reads code from its input"),
        Risk(options="-i -D", effect=Effect.RUNS, why=TALKS, bare=True),
    ),
    code=Code(
        language=Language.OPAQUE,
        options="-c",
        stdin=True,
        script=True,
        stops="-v -version",
    ),
    reason="It runs code from its words, a script or what it reads.",
    passes=("expect -v", "expect build.exp"),
    refuses=("expect -c 'spawn pwn'", "expect", "expect -f -", "expect -i"),
)

_JAVA: Final = Program(
    names="java",
    style=Style.WORDS,
    valued=(
        "-cp -classpath --class-path -p --module-path --upgrade-module-path "
        "--add-modules --add-opens --add-exports --add-reads --source "
        "--limit-modules --enable-native-access --describe-module -d"
    ),
    risks=(
        Risk(
            options="-agentlib* -agentpath* -javaagent* -Xbootclasspath* -Xrun* "
            "--patch-module -XX:Flags -XX:VMOptionsFile -Djava.system.class.loader "
            "-Djava.security.manager -Djava.library.path -Xdebug",
            effect=Effect.LOADS,
            why="loads code beside the program's",
            bare=True,
        ),
        Risk(
            options="-XX:OnError -XX:OnOutOfMemoryError",
            effect=Effect.RUNS,
            why="runs a command on an error",
            bare=True,
        ),
        Risk(
            options="-Xlog* -Xloggc* -XX:ErrorFile -XX:HeapDumpPath -XX:LogFile "
            "-XX:StartFlightRecording* -XX:FlightRecorderOptions*",
            effect=Effect.WRITES,
            why="writes to a file",
            bare=True,
        ),
        Risk(
            options="-jar -m --module",
            effect=Effect.SCRIPT,
            why="names the code to run",
        ),
    ),
    operands="@* /dev/*",
    operands_why="reads options or code",
    code=Code(language=Language.OPAQUE, script=True, stops="-version --version -help"),
    reason="Options load agents and run commands on errors.",
    passes=(
        "java -jar app.jar --x",
        "java -cp build/classes -Xmx1g Main",
        "java -version",
    ),
    refuses=(
        "java -XX:OnOutOfMemoryError=pwn -Xmx1m Main",
        "java -javaagent:evil.jar Main",
        "java -agentpath:./evil.so Main",
        "java @evil Main",
        "java --source 17 /dev/stdin",
    ),
)

_JULIA: Final = Program(
    names="julia",
    style=Style.POSIX,
    valued="-t --threads -p --procs --color --startup-file",
    flags=(
        "-q --quiet -v --version -h --help -g -g0 -g1 -g2 -O -O0 -O1 -O2 -O3 "
        "--optimize --project --check-bounds --inline --depwarn --history-file"
    ),
    risks=(
        Risk(
            options="-L --load -J --sysimage -H --home --machine-file",
            effect=Effect.LOADS,
            why=LOADS_FIRST,
        ),
        Risk(options="-i", effect=Effect.RUNS, why=TALKS, bare=True),
    ),
    code=Code(
        language=Language.OPAQUE,
        options="-e --eval -E --print",
        stdin=True,
        script=True,
        stops=_STOPS,
    ),
    reason="It runs code from its words, a script or what it reads.",
    passes=("julia --project=. test.jl", "julia --version"),
    refuses=("julia -e 'run(`pwn`)'", "julia -L evil.jl x.jl", "julia"),
)

_LUA: Final = Program(
    names="lua luajit texlua",
    style=Style.POSIX,
    flags="-v -E -W",
    risks=(
        Risk(options="-l -j -O", effect=Effect.LOADS, why=LOADS_FIRST),
        Risk(options="-i", effect=Effect.RUNS, why=TALKS, bare=True),
        Risk(options="-b", effect=Effect.WRITES, why="writes to a file", bare=True),
    ),
    code=Code(
        language=Language.OPAQUE, options="-e", stdin=True, script=True, stops="-v"
    ),
    reason="It runs code from its words, a script or what it reads.",
    passes=("lua build.lua -e x", "lua5.4 -W x.lua", "lua -v"),
    refuses=(
        "lua -e 'os.execute(\"pwn\")'",
        "lua5.4 -e1",
        "lua -l evil x.lua",
        "lua -",
        "lua -i x.lua",
    ),
)

_M4: Final = Program(
    names="m4 gm4",
    refused="runs what its files say",
    harmless="--version --help",
    reason="Its macro `syscmd` runs programs.",
    passes=("m4 --version",),
    refuses=("m4", "m4 -", "m4 -DX='syscmd(pwn)' x.m4", "m4 x.m4"),
)

_OTHERS: Final = Program(
    names=(
        "iex erl ghci jshell jrunscript pwsh powershell ipython ipython3 "
        "bpython ptpython irb pry psysh sbcl clisp ecl ccl abcl clj clojure bb lein "
        "racket swipl prolog gprolog octave maxima gp sage R spark-shell pyspark "
        "scala-cli kotlin kotlinc groovysh groovyConsole utop nimble crystal "
        "gnuplot wolframscript tcc osascript ocaml elvish nu xonsh newlisp io factor "
        "gforth pike "
        "hy jimsh wsh cscript"
    ),
    refused="runs code from its words or its input",
    harmless="--version -version -v --help",
    reason="It is a prompt, or takes code in many ways.",
    passes=("ghci --version", "pwsh --version", "R --version"),
    refuses=(
        "erl -eval 'os:cmd(\"pwn\").'",
        "ipython -c '!pwn'",
        "pwsh -Command pwn",
        "jshell evil",
        "R -e 'system(\"pwn\")'",
        "osascript -e 'do shell script \"pwn\"'",
    ),
)

_PHP: Final = Program(
    names="php php-cli",
    style=Style.POSIX,
    valued="-t --docroot --rf --rc --re --rz --ri",
    flags=(
        "-n --no-php-ini -q --no-header -e -s --syntax-highlight -w --strip -l "
        "--syntax-check -H --hide-args -v --version -h --help -i --info -m --modules "
        "--ini"
    ),
    risks=(
        Risk(
            options="-d --define",
            effect=Effect.LOADS,
            why="sets options, and some load code",
            passing="memory_limit=* display_errors=* error_reporting=* "
            "max_execution_time=* date.timezone=* xdebug.mode=* zend.assertions=* "
            "opcache.enable_cli=* phar.readonly=* short_open_tag=*",
        ),
        Risk(
            options="-c --php-ini -z --zend-extension -F --process-file",
            effect=Effect.LOADS,
            why=LOADS_FIRST,
        ),
        Risk(
            options="-f --file", effect=Effect.SCRIPT, why="reads code from its input"
        ),
        Risk(options="-a --interactive", effect=Effect.RUNS, why=TALKS, bare=True),
        Risk(options="-S --server", effect=Effect.RUNS, why="serves files and code"),
    ),
    code=Code(
        language=Language.OPAQUE,
        options="-r --run -B --process-begin -R --process-code -E --process-end",
        stdin=True,
        script=True,
        stops=(
            "-v --version -h --help -i --info -m --modules --ini --rf --rc --re --rz "
            "--ri"
        ),
    ),
    reason="It runs code from its words, and options load more.",
    passes=("php artisan migrate -r x", "php -l x.php", "php -d memory_limit=-1 x.php"),
    refuses=(
        "php -r 'system(\"pwn\");'",
        "php -d auto_prepend_file=evil x.php",
        "php -B 'system(\"pwn\");' -R 1",
        "php",
        "php -a",
        "php -S 127.0.0.1:1",
    ),
)

_RSCRIPT: Final = Program(
    names="Rscript littler guile gjs qjs quickjs coffee ts-node tsx babel-node groovy "
    "scala runghc runhaskell elixir escript raku perl6",
    style=Style.POSIX,
    flags="--vanilla --no-save --no-restore --quiet -q --silent -v --bare -h --help "
    "--version",
    risks=(
        Risk(
            options="-r --require -l --load -L -I --include --import --loader -M "
            "--default-packages -pa -pz --no-auto-compile -i -C --compiler -S",
            effect=Effect.LOADS,
            why=LOADS_FIRST,
        ),
    ),
    code=Code(
        language=Language.OPAQUE,
        options="-e -c --eval -p --print --command -E",
        stdin=True,
        script=True,
        stops=_STOPS,
    ),
    reason="It runs code from its words, a script or what it reads.",
    passes=("Rscript build.R -e x", "ts-node main.ts", "elixir --version"),
    refuses=(
        "Rscript -e 'system(\"pwn\")'",
        "guile -c '(system \"pwn\")'",
        "ts-node -e 1",
        "tsx --import ./evil.mjs x.ts",
        "groovy -e '\"pwn\".execute()'",
        "elixir -r evil.exs x.exs",
        "guile",
    ),
)

_TCLSH: Final = Program(
    names="tclsh wish",
    style=Style.POSIX,
    flags="",
    valued="-encoding",
    code=Code(language=Language.OPAQUE, stdin=True, script=True),
    reason="It runs a script or what it reads.",
    passes=("tclsh build.tcl -x",),
    refuses=("tclsh", "tclsh -", "tclsh /dev/stdin", "tclsh -x y"),
)

_SWIFT: Final = Program(
    names="swift",
    style=Style.EXACT,
    code=Code(language=Language.OPAQUE, stdin=True),
    ordinary="build test package run help",
    harmless="--version --help",
    reason="It is a prompt, and takes code from its words.",
    passes=("swift build -c release", "swift test"),
    refuses=("swift repl", "swift evil", "swift"),
)

PROGRAMS: Final = (
    _RSCRIPT,
    _EXPECT,
    _OTHERS,
    _JAVA,
    _JULIA,
    _LUA,
    _M4,
    _PHP,
    _SWIFT,
    _TCLSH,
)
