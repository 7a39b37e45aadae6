"""Programs that make Python environments and run commands in them."""

from __future__ import annotations

from typing import Final

from commander.policy.programs.model import (
    Effect,
    Program,
    Risk,
    Style,
    Subcommand,
    Wraps,
)
from commander.policy.programs.pythons import STDIN_MODULES

__all__ = ["PROGRAMS"]


_CONDA: Final = Program(
    names="conda mamba micromamba pixi",
    style=Style.GNU,
    subcommands=(
        Subcommand(
            names="run",
            valued="-n --name -p --prefix --cwd",
            wraps=Wraps(),
        ),
        Subcommand(
            names="config shell exec",
            refused="starts a shell, or changes settings",
            harmless="--show --show-sources --get list",
        ),
    ),
    reason="It runs a command in an environment.",
    passes=("conda list", "conda install -y numpy", "conda run -n x ls"),
    refuses=("conda run -n x pwn", "conda run pwn", "pixi shell"),
)


_PIP: Final = Program(
    names="pip pipx",
    valued=(
        "-r --requirement -c --constraint -i --index-url --extra-index-url -f "
        "--find-links --proxy --timeout --retries --trusted-host --cert --client-cert "
        "-e --editable --platform --implementation --abi --only-binary --no-binary "
        "--upgrade-strategy --format --exists-action --use-feature --python-version"
    ),
    risks=(
        Risk(
            options="--python --editor",
            effect=Effect.RUNS,
            why="runs a program",
            passing=".venv venv .venv/bin/python venv/bin/python python3 python",
        ),
        Risk(
            options="--log --log-file --report -t --target --root --prefix --src -d "
            "--dest -w --wheel-dir --cache-dir",
            effect=Effect.WRITES,
            why="writes to files",
        ),
    ),
    everywhere=True,
    subcommands=(
        Subcommand(
            names="config",
            refused="changes settings, or starts an editor",
            harmless="list get debug",
        ),
        Subcommand(
            names="run runpip",
            refused="runs a program of a package",
        ),
    ),
    reason="Options run another interpreter and write files.",
    passes=(
        "pip install -r requirements.txt",
        "pip install -e '.[dev]'",
        "pip3 list --format json",
        "pip show twisted",
        "pip freeze",
    ),
    refuses=(
        "pip --python ./pwn list",
        "pip config edit --editor pwn",
        "pip config set global.index-url x",
        "pip install -t /etc x",
        "pip list --log .git/config",
        "pipx run pwn",
    ),
)


_POETRY: Final = Program(
    names="poetry pipenv hatch pdm rye",
    valued="-C --directory -P --project -p -e --env",
    subcommands=(
        Subcommand(names="run", wraps=Wraps(scripts="*.py")),
        Subcommand(
            names="shell config",
            refused="starts a shell, or changes settings",
            harmless="--list",
        ),
    ),
    reason="It runs a command in an environment.",
    passes=(
        "poetry install --no-root",
        "poetry run ls",
        "poetry add httpx",
        "pdm lock",
    ),
    refuses=("poetry run pwn", "poetry shell", "pipenv run sh -c pwn"),
)


_PRE_COMMIT: Final = Program(
    names="pre-commit",
    subcommands=(
        Subcommand(
            names="try-repo",
            refused="runs what a repository says",
        ),
        Subcommand(
            names="*",
            risks=(
                Risk(
                    options="-c --config",
                    effect=Effect.SCRIPT,
                    why="reads what to run from its input",
                ),
            ),
        ),
    ),
    reason="It runs what a file or a repository says.",
    passes=("pre-commit run --all-files", "pre-commit install"),
    refuses=("pre-commit try-repo ./evil", "pre-commit run -c /dev/stdin"),
)


_TOX: Final = Program(
    names="tox nox",
    valued="-e --env -m -s --session -k --keywords -p --parallel --python -t --tags",
    risks=(
        Risk(
            options="-c --conf -f --noxfile --root --workdir",
            effect=Effect.SCRIPT,
            why="reads what to run from its input",
        ),
        Risk(
            options="-x --override",
            effect=Effect.RUNS,
            why="changes settings, and some are commands",
        ),
        Risk(
            options="--extra-python --force-python",
            effect=Effect.RUNS,
            why="runs another interpreter",
        ),
    ),
    everywhere=True,
    subcommands=(
        Subcommand(
            names="exec e devenv",
            refused="runs a command in an environment",
        ),
    ),
    reason="It runs what a file says, and options change that.",
    passes=("tox -e py311 -- -k x", "nox -s lint", "tox run -e py"),
    refuses=(
        "tox exec -e py -- pwn",
        "tox run -x testenv.commands=pwn",
        "tox --override=testenv.commands=pwn",
        "nox -f /dev/stdin",
    ),
)


_UV: Final = Program(
    names="uv",
    style=Style.EXACT,
    valued=(
        "--color --directory --project --cache-dir --allow-insecure-host --index "
        "--default-index --index-url --extra-index-url --find-links"
    ),
    risks=(
        Risk(
            options="--config-file",
            effect=Effect.LOADS,
            why="reads settings from a file",
        ),
        Risk(
            options="-p --python",
            effect=Effect.RUNS,
            why="runs another interpreter",
            values="/* ./* ../* ~* */*",
            passing=".venv/bin/python venv/bin/python",
        ),
        Risk(
            options="-o --output-file --target --prefix -d --out-dir",
            effect=Effect.WRITES,
            why="writes to files",
        ),
        Risk(options="--env-file", effect=Effect.LOADS, why="changes the environment"),
    ),
    everywhere=True,
    subcommands=(
        Subcommand(
            names="run",
            valued=(
                "--with --with-editable --with-requirements --extra --group "
                "--no-group --only-group --package --exclude-newer --refresh-package "
                "--reinstall-package --upgrade-package --no-extra --link-mode "
                "--resolution --prerelease --python-platform"
            ),
            risks=(
                Risk(
                    options="-m --module",
                    effect=Effect.RUNS,
                    why="runs code from the words behind it",
                    values=STDIN_MODULES,
                ),
                Risk(
                    options="-s --script --gui-script -c",
                    effect=Effect.RUNS,
                    why="runs code in any file",
                    bare=True,
                ),
            ),
            wraps=Wraps(scripts="*.py"),
        ),
        Subcommand(
            names="tool.run self.update publish",
            refused="runs a package by name, or sends one away",
        ),
    ),
    reason="It runs a command in an environment, and packages by name.",
    passes=(
        "uv sync --frozen",
        "uv pip install -r requirements.txt",
        "uv run ls",
        "uv run main.py --flag",
        "uv add --dev pytest",
        "uv lock",
    ),
    refuses=(
        "uv run pwn",
        "uv run --with x sh -c pwn",
        "uv run -",
        "uv tool run pwn",
        "uv run -p ./pwn ls",
        "uv pip compile -o .git/config x.in",
    ),
)

PROGRAMS: Final = (
    _CONDA,
    _PIP,
    _POETRY,
    _PRE_COMMIT,
    _TOX,
    _UV,
)
