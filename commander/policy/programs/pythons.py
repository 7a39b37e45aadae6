"""Tools of Python projects."""

from __future__ import annotations

from typing import Final

from commander.policy.programs.model import (
    Effect,
    Program,
    Risk,
    Subcommand,
)
from commander.policy.programs.reasons import WRITES

__all__ = ["PROGRAMS", "STDIN_MODULES"]

STDIN_MODULES: Final = (
    "timeit code asyncio pdb bdb cProfile profile trace runpy IPython"
)

_COVERAGE: Final = Program(
    names="coverage",
    subcommands=(
        Subcommand(
            names="run",
            valued="--context --include --omit --source --source-pkgs --concurrency",
            risks=(
                Risk(
                    options="-m --module",
                    effect=Effect.RUNS,
                    why="runs code from the words behind it",
                    values=STDIN_MODULES,
                ),
                Risk(options="--data-file", effect=Effect.WRITES, why=WRITES),
            ),
            operands="- /dev/*",
            operands_why="reads code",
        ),
        Subcommand(
            names="*",
            risks=(
                Risk(
                    options="--rcfile",
                    effect=Effect.SCRIPT,
                    why="reads settings that load code",
                ),
                Risk(
                    options="-o -d --directory",
                    effect=Effect.WRITES,
                    why=WRITES,
                ),
            ),
        ),
    ),
    reason="It runs a script or a module, as an interpreter does.",
    passes=("coverage run -m pytest -q", "coverage report -m", "coverage html -d cov"),
    refuses=(
        "coverage run -m timeit 'import os'",
        "coverage run /dev/stdin",
        "coverage xml -o .git/config",
    ),
)

_LINTERS: Final = Program(
    names="ruff black isort flake8 pylint mypy pyright bandit autopep8 yapf pyflakes "
    "pycodestyle pydocstyle vulture radon",
    valued=(
        "-l --line-length -t --target-version --select --ignore --extend-select "
        "--exclude --extend-exclude --per-file-ignores --max-line-length "
        "--python-version -p --package -m --module --disable -d --enable -e"
    ),
    risks=(
        Risk(
            options="--init-hook",
            effect=Effect.RUNS,
            why="runs its value as code",
        ),
        Risk(
            options="--load-plugins",
            effect=Effect.LOADS,
            why="loads code",
            passing="pylint.extensions.*",
        ),
        Risk(
            options="--plugin --extension --custom-typing-module --custom-typeshed-dir",
            effect=Effect.LOADS,
            why="loads code",
            values="*/* .*",
        ),
        Risk(
            options="--python-executable --pythonpath --pager",
            effect=Effect.RUNS,
            why="runs a program",
        ),
        Risk(
            options="--config --config-file --rcfile --settings-path --append-config",
            effect=Effect.LOADS,
            why="reads settings that load code",
            passing="pyproject.toml setup.cfg tox.ini pylintrc .pylintrc "
            "mypy.ini .mypy.ini .flake8 ruff.toml .ruff.toml .isort.cfg .bandit",
        ),
        Risk(
            options="-o --output --output-file --junit-xml --cobertura-xml-report "
            "--html-report --txt-report --xml-report --linecount-report "
            "--any-exprs-report --lineprecision-report --xslt-html-report "
            "--xslt-txt-report --linecoverage-report --memory-xml-report "
            "--shadow-file --cache-dir",
            effect=Effect.WRITES,
            why=WRITES,
            passing=".mypy_cache .ruff_cache .cache",
        ),
    ),
    reason="It runs code that options name.",
    passes=(
        "ruff check --fix src",
        "ruff format .",
        "mypy --strict src",
        "black --check -l 100 src",
        "flake8 --max-line-length 100",
        "pylint --rcfile=pylintrc pkg",
    ),
    refuses=(
        "pylint --init-hook 'import os; os.system(\"pwn\")' x",
        "pylint --init-h='import os' x",
        "mypy --python-executable ./pwn x",
        "ruff check -o .git/config",
        "mypy --junit-xml /etc/x src",
        "pylint --load-plugins=evil x.py",
        "pylint --rcfile=evil x.py",
    ),
)

_PYTEST: Final = Program(
    names="pytest py.test",
    valued=(
        "-k -m -n --numprocesses --maxfail --durations --tb --timeout --dist --ignore "
        "--ignore-glob --deselect --cov --cov-fail-under --cov-context --rootdir "
        "--confcutdir --capture --color --log-level --log-cli-level --import-mode -W "
        "--pythonwarnings -r --show-capture --reruns --lfnf --last-failed-no-failures "
        "--asyncio-mode --benchmark-only --seed --randomly-seed --junit-prefix"
    ),
    risks=(
        Risk(
            options="-p --pdbcls",
            effect=Effect.LOADS,
            why="loads a plugin",
            passing="no:*",
        ),
        Risk(
            options="-c --config-file --cov-config",
            effect=Effect.LOADS,
            why="reads settings that load code",
            passing="pytest.ini pyproject.toml tox.ini setup.cfg .coveragerc",
        ),
        Risk(
            options="-o --override-ini",
            effect=Effect.LOADS,
            why="changes settings, and some load code",
            passing="addopts= log_cli=* log_level=* log_cli_level=* log_format=* "
            "log_date_format=* junit_family=* junit_logging=* junit_suite_name=* "
            "testpaths=* asyncio_mode=* "
            "xfail_strict=* console_output_style=* filterwarnings=*",
        ),
        Risk(
            options="--pdb --trace",
            effect=Effect.RUNS,
            why="starts a debugger, which runs what it reads",
            bare=True,
        ),
        Risk(
            options="--tx --px --rsyncdir --pastebin",
            effect=Effect.RUNS,
            why="runs a program, or sends files away",
        ),
        Risk(
            options="--junitxml --junit-xml --log-file --basetemp --report-log --html "
            "--json-report-file --result-log --resultlog --alluredir "
            "--benchmark-json --benchmark-storage",
            effect=Effect.WRITES,
            why=WRITES,
        ),
        Risk(
            options="--cov-report",
            effect=Effect.RUNS,
            why=WRITES,
            values="*:/* *:.* *:*../* *:*/.* *:~*",
        ),
        Risk(
            options="--debug",
            effect=Effect.WRITES,
            why=WRITES,
            bare=True,
            values="*",
        ),
    ),
    operands="/dev/* -",
    operands_why="reads code",
    reason="Options load plugins and settings.",
    passes=(
        "pytest -k 'test_a or test_b' -x -q",
        "pytest -p no:randomly -n 4 --cov=src --cov-report term-missing",
        "pytest tests/test_a.py::test_b -vv --tb=short",
        "pytest -c pytest.ini --junitxml=report.xml",
        "pytest -o log_cli=true",
    ),
    refuses=(
        "pytest -p evil",
        "pytest -pevil",
        "pytest -c /dev/stdin",
        "pytest -o python_files=evil.txt evil.txt",
        "pytest --junitxml=.git/hooks/x",
        "pytest --basetemp=/etc",
        "pytest --pdb",
        "pytest -o cache_dir=/etc/x",
        "pytest -c evil.ini",
        "pytest --tx popen//python=pwn --dist each",
    ),
)

PROGRAMS: Final = (
    _COVERAGE,
    _PYTEST,
    _LINTERS,
)
