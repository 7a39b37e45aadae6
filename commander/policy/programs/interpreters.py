"""Shells, and interpreters of other languages.

A bare entry grants scripts and modules: not code on the command line, not the
standard input, nothing that is loaded before the script.
"""

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

_STOPS: Final = "--version -V --help -h"

_SHELL_RISKS: Final = (
    Risk(
        options="-i -s",
        effect=Effect.RUNS,
        why="runs what it reads",
        bare=True,
    ),
    Risk(
        options="-k",
        effect=Effect.RUNS,
        why="takes words behind a command for variables",
        bare=True,
    ),
    Risk(
        options="-o",
        effect=Effect.RUNS,
        why="takes words behind a command for variables",
        values="keyword*",
    ),
    Risk(options="--rcfile --init-file", effect=Effect.LOADS, why=LOADS_FIRST),
    Risk(
        options="--debugger",
        effect=Effect.LOADS,
        why="loads the debugger's profile",
        bare=True,
    ),
)

_SHELL: Final = Program(
    names="sh bash dash ash rbash",
    style=Style.POSIX,
    valued="-O",
    flags=(
        "-c -a -b -e -f -h -l -m -n -p -r -t -u -v -x -B -C -E -H -P -T --login "
        "--noediting --noprofile --norc --posix --restricted --verbose "
        "--dump-strings --dump-po-strings --pretty-print -D --help --version"
    ),
    risks=_SHELL_RISKS,
    operands="+*",
    operands_why="switches an option off",
    code=Code(
        language=Language.SHELL,
        operand_with="-c",
        stdin=True,
        script=True,
        stops="--version --help",
    ),
    reason="It runs a text, a script or what it reads.",
    passes=(
        "sh build.sh --flag",
        "bash -euo pipefail run.sh",
        "bash -c 'ls | cat'",
        "sh -ec 'ls'",
        "bash -n run.sh",
        "bash --version",
    ),
    refuses=(
        "sh -c pwn",
        "bash -euo pipefail -c 'ls; pwn'",
        "bash -ce pwn",
        "bash -lc 'echo $(pwn)'",
        "sh",
        "sh -s",
        "sh -",
        "bash /dev/stdin",
        "bash --rcfile x -i",
        "bash +x -c pwn",
        "sh -c '$0' pwn",
        "bash -kc 'ls LD_PRELOAD=./evil.so'",
        "bash -o keyword -c 'ls LD_PRELOAD=./evil.so'",
    ),
)

_OTHER_SHELL: Final = Program(
    names="zsh ksh ksh93 mksh rksh pdksh loksh yash csh tcsh",
    style=Style.POSIX,
    valued="-o",
    flags="-c -e -f -l -n -u -v -x --login --help --version",
    risks=(
        Risk(
            options="-i -s",
            effect=Effect.RUNS,
            why="runs what it reads",
            bare=True,
        ),
        Risk(
            options="--rcfile --rc",
            effect=Effect.LOADS,
            why=LOADS_FIRST,
        ),
    ),
    operands="+*",
    operands_why="switches an option off",
    code=Code(
        language=Language.OPAQUE,
        options="--command",
        operand_with="-c",
        stdin=True,
        script=True,
        stops=_STOPS,
    ),
    reason="It runs a text, a script or what it reads, in a grammar of its own.",
    passes=("zsh build.sh", "tcsh --version", "ksh -x run.ksh"),
    refuses=("zsh -c pwn", "csh -c ls", "ksh -ec pwn", "zsh", "zsh -s", "ksh -"),
)

_PYTHON: Final = Program(
    names="python pypy pypy3 pythonw python-dbg python3-dbg",
    style=Style.POSIX,
    valued="-W --check-hash-based-pycs",
    flags=(
        "-b -B -d -E -I -O -P -q -R -s -S -t -u -v -V -x -h -? --version --help "
        "--help-env --help-xoptions --help-all"
    ),
    risks=(
        Risk(options="-i", effect=Effect.RUNS, why=TALKS, bare=True),
        Risk(
            options="-X",
            effect=Effect.RUNS,
            why="loads what the option names",
            values="presite* pycache_prefix*",
        ),
    ),
    code=Code(
        language=Language.OPAQUE,
        options="-c",
        stdin=True,
        script=True,
        module="-m",
        refused_modules=(
            "timeit code codeop asyncio pdb bdb cProfile profile trace runpy IPython "
            "ipython jupyter_console bpython ptpython konch idlelib idlelib.* pty "
            "pip._internal.* test.* antigravity sqlite3 cgitb pydoc"
        ),
        stops=_STOPS,
    ),
    reason="It runs code from its words, from modules and from the input.",
    passes=(
        "python3 setup.py build -c x",
        "python3 -m venv .venv",
        "python3.11 -m pytest -c pytest.ini",
        "python3 -X utf8 -W error -u main.py",
        "python -V",
        "python3 -m http.server --help",
    ),
    refuses=(
        "python3 -c 'import os'",
        "python3 -Ic 'import os'",
        "python3 -X utf8 -c x",
        "python3",
        "python3 -",
        "python3 /dev/stdin",
        "python3 -i x.py",
        "python3 -m timeit 'import os; os.system(\"pwn\")'",
        "python3 -mcode",
        "python3 -X pycache_prefix=/etc x.py",
        "python3 -m pydoc ./evil.py",
    ),
)

_PERL: Final = Program(
    names="perl",
    style=Style.POSIX,
    flags=(
        "-a -c -f -l -n -p -s -t -T -u -U -v -V -w -W -X -h -? -0 -1 -2 -3 -4 -5 -6 -7"
    ),
    risks=(
        Risk(
            options="-M* -m* -I* -d* -x* -F* -S",
            effect=Effect.LOADS,
            why=LOADS_FIRST,
            bare=True,
        ),
        Risk(
            options="-i*",
            effect=Effect.EDITS,
            why="rewrites the files that the script reads",
            bare=True,
        ),
    ),
    code=Code(
        language=Language.OPAQUE,
        options="-e -E",
        stdin=True,
        script=True,
        stops="-v -h -?",
    ),
    reason="It runs code from its words, and loads modules before the script.",
    passes=("perl build.pl -e x", "perl -w -T x.pl", "perl -v"),
    refuses=(
        "perl -e 'system q(pwn)'",
        "perl -ne 'system q(pwn)' x",
        "perl -pi -e 's/a/b/' x",
        "perl -MPOSIX -e 1",
        "perl -I. x.pl",
        "perl -d:Evil x.pl",
        "perl",
        "perl -S pwn",
    ),
)

_RUBY: Final = Program(
    names="ruby jruby truffleruby rbx",
    style=Style.POSIX,
    valued="-E --encoding --external-encoding --internal-encoding",
    flags=(
        "-a -c -d -l -n -p -s -v -w -W -W0 -W1 -W2 -W:* -U --copyright --debug --jit* "
        "--yjit* --rjit* --disable* --enable* --verbose --version --help -h"
    ),
    risks=(
        Risk(
            options="-r* -I* -x* -F* -S* -C* -X*",
            effect=Effect.LOADS,
            why=LOADS_FIRST,
            bare=True,
        ),
        Risk(
            options="-i*",
            effect=Effect.EDITS,
            why="rewrites the files that the script reads",
            bare=True,
        ),
    ),
    code=Code(
        language=Language.OPAQUE,
        options="-e",
        stdin=True,
        script=True,
        stops="--version --help -h --copyright",
    ),
    reason="It runs code from its words, and loads files before the script.",
    passes=("ruby build.rb", "ruby -w -W:no-deprecated x.rb", "ruby --version"),
    refuses=(
        "ruby -e 'system %q(pwn)'",
        "ruby -ne 'system %q(pwn)' x",
        "ruby -r./evil x.rb",
        "ruby -I. -rpwn x.rb",
        "ruby",
        "ruby -",
    ),
)

_NODE: Final = Program(
    names="node nodejs iojs",
    style=Style.WORDS,
    valued=(
        "-C --conditions --title --icu-data-dir --test-name-pattern "
        "--unhandled-rejections --dns-result-order --disable-proto --input-type "
        "--watch-path --test-concurrency --test-timeout --test-shard --secure-heap "
        "--max-http-header-size --trace-event-categories"
    ),
    flags=(
        "-c --check -v --version -h --help --watch --test --test-only "
        "--v8-options --max-old-space-size --max-semi-space-size --max-heap-size "
        "--stack-size --stack-trace-limit --expose-gc --expose_gc --no-* "
        "--trace-warnings --trace-deprecation --trace-uncaught --trace-exit "
        "--throw-deprecation --pending-deprecation --enable-source-maps "
        "--preserve-symlinks --preserve-symlinks-main --experimental-vm-modules "
        "--experimental-modules --experimental-strip-types "
        "--experimental-transform-types --experimental-test-coverage "
        "--experimental-wasm-modules --experimental-json-modules "
        "--experimental-sqlite --experimental-fetch --use-system-ca "
        "--use-openssl-ca --use-bundled-ca --openssl-legacy-provider --harmony "
        "--abort-on-uncaught-exception --prof --cpu-prof --heap-prof"
    ),
    risks=(
        Risk(
            options=(
                "-r --require --import --loader --experimental-loader "
                "--experimental_loader --env-file --env-file-if-exists "
                "--experimental-default-config-file --experimental-config-file "
                "--openssl-config --build-sea --build-snapshot-config"
            ),
            effect=Effect.LOADS,
            why=LOADS_FIRST,
        ),
        Risk(
            options="-i --interactive",
            effect=Effect.RUNS,
            why=TALKS,
            bare=True,
        ),
        Risk(
            options="--inspect --inspect-brk --inspect-wait --inspect_brk "
            "--inspect-port --run",
            effect=Effect.RUNS,
            why="lets others run code in it",
            bare=True,
        ),
        Risk(
            options="--redirect-warnings --trace-event-file-pattern --diagnostic-dir "
            "--report-dir --report-directory --cpu-prof-dir --heap-prof-dir "
            "--test-reporter-destination --tls-keylog --logfile",
            effect=Effect.WRITES,
            why="writes to a file",
        ),
        Risk(
            options="--test-reporter --test-global-setup",
            effect=Effect.LOADS,
            why="loads a module",
            values="*/* *.* *:*",
        ),
    ),
    operands="inspect debug",
    operands_why="starts a debugger, which runs what it reads",
    code=Code(
        language=Language.OPAQUE,
        options="-e --eval -p --print -pe -ep --print-eval",
        stdin=True,
        script=True,
        stops="--version -v --help -h --v8-options --test",
    ),
    reason="It runs code from its words, and loads modules before the script.",
    passes=(
        "node build.js -e x",
        "node --max-old-space-size=4096 server.js",
        "node --test",
        "node --check app.js",
        "node -v",
    ),
    refuses=(
        "node -e 'process.exit(1)'",
        "node -p 1+1",
        "node -pe 1+1",
        "node --eval=1",
        "node --import=data:text/javascript,1 x.js",
        "node -r ./evil.js x.js",
        "node",
        "node -",
        "node --experimental-loader ./evil.mjs x.js",
        "node --unhandled-rejections strict -e 1",
        "node --unknown x -e 1",
        "node inspect x.js",
        "node --run evil",
    ),
)

_FISH: Final = Program(
    names="fish",
    style=Style.POSIX,
    valued="-d --debug -o --debug-output -f --features -D --debug-stack-frames",
    flags="-n --no-execute -N --no-config -l --login -P --private -v --version --help",
    risks=(
        Risk(
            options="-C --init-command --profile --profile-startup",
            effect=Effect.LOADS,
            why=LOADS_FIRST,
        ),
        Risk(options="-i --interactive", effect=Effect.RUNS, why=TALKS, bare=True),
    ),
    code=Code(
        language=Language.OPAQUE,
        options="-c --command",
        stdin=True,
        script=True,
        stops=_STOPS,
    ),
    reason="It runs a text, a script or what it reads, in a grammar of its own.",
    passes=("fish build.fish", "fish --version"),
    refuses=("fish -c ls", "fish -C pwn x.fish", "fish", "fish -f x -c pwn"),
)

PROGRAMS: Final = (
    _FISH,
    _NODE,
    _PERL,
    _PYTHON,
    _RUBY,
    _SHELL,
    _OTHER_SHELL,
)
