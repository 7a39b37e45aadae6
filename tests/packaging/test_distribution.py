"""The distribution: what is in it, and that each way to install it works."""

import ast
import contextlib
import email.message
import email.parser
import importlib.metadata
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import attrs
import pytest

import twisted
from commander import __version__

pytestmark = pytest.mark.packaging

REPOSITORY = Path(__file__).resolve().parents[2]
PLUGIN = "twisted/plugins/commander_plugin.py"


@attrs.frozen
class Venv:
    """A clean virtual environment, and the pip of this one to install into it."""

    path: Path
    environment: Mapping[str, str]

    def run(self, *words: str) -> str:
        """Output of a program of the environment, started far from the checkout."""
        program = str(self.path / "bin" / words[0])
        return self._output([program, *words[1:]])

    def pip(self, *words: str) -> str:
        ours = [sys.executable, "-m", "pip", "--python", str(self.path / "bin/python")]
        return self._output([*ours, *words, "--quiet", "--disable-pip-version-check"])

    def files(self) -> set[str]:
        """Every file that is not a cache."""
        return {
            str(file.relative_to(self.path))
            for file in self.path.rglob("*")
            if file.is_file()
            and "__pycache__" not in file.parts
            and file.name != "dropin.cache"
        }

    def _output(self, command: list[str]) -> str:
        done = subprocess.run(
            command,
            cwd=self.path,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def venv(tmp_path: Path, environment: Mapping[str, str]) -> Venv:
    path = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", path], check=True)
    return Venv(path, environment)


@contextlib.contextmanager
def lent_dependencies(venv: Venv) -> Iterator[None]:
    """Let the environment import what is installed in this one."""
    python = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    lent = venv.path / "lib" / python / "site-packages/lent.pth"
    lent.parent.mkdir(exist_ok=True)  # pip removes directories that it made empty
    # Only the directories count: .pth files in them, such as that of an editable
    # install of commander, are not read.
    directories = {Path(module.__path__[0]).parent for module in (twisted, attrs)}
    lent.write_text("\n".join(map(str, directories)))
    yield
    lent.unlink()


def one(directory: Path, pattern: str) -> Path:
    (found,) = directory.glob(pattern)
    return found


# --- what is in it ---------------------------------------------------------------


def test_the_wheel_holds_every_module_the_plugin_and_nothing_else(built: Path) -> None:
    with zipfile.ZipFile(one(built, "*.whl")) as wheel:
        held = {name for name in wheel.namelist() if ".dist-info/" not in name}

    modules = {
        str(file.relative_to(REPOSITORY))
        for file in (REPOSITORY / "commander").rglob("*.py")
    }
    assert held == {*modules, "commander/py.typed", PLUGIN}


def test_the_sdist_can_build_itself_and_holds_no_tests(built: Path) -> None:
    with tarfile.open(one(built, "*.tar.gz")) as sdist:
        held = {name.partition("/")[2] for name in sdist.getnames()}

    assert {"setup.py", "pyproject.toml", "LICENSE", "CHANGELOG.md", PLUGIN} <= held
    assert not [name for name in held if name.startswith("tests")]
    assert not {"twisted/__init__.py", "twisted/plugins/__init__.py"} & held


def test_the_metadata_tells_name_version_licence_and_python(built: Path) -> None:
    metadata = metadata_of(built)

    assert metadata["Name"] == "commander-mcp"
    assert metadata["Version"] == __version__
    assert metadata["License"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"


def test_every_module_that_is_imported_is_a_declared_dependency(built: Path) -> None:
    assert undeclared(metadata_of(built), "commander", extra="") == set()
    assert undeclared(metadata_of(built), "tests", extra="test") == set()


def metadata_of(built: Path) -> email.message.Message:
    with zipfile.ZipFile(one(built, "*.whl")) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
        return email.parser.Parser().parsestr(wheel.read(name).decode())


def undeclared(metadata: email.message.Message, tree: str, *, extra: str) -> set[str]:
    """Modules that the files under a directory import and nobody asked pip for."""
    declared = {
        _normal(re.match(r"[\w.-]+", line).group())  # type: ignore[union-attr]
        for line in metadata.get_all("Requires-Dist", [])
        if "extra ==" not in line or (extra and f'extra == "{extra}"' in line)
    }
    providers = importlib.metadata.packages_distributions()
    return {
        module
        for module in imported_by(
            file
            for file in (REPOSITORY / tree).rglob("*.py")
            # These run in environments of their own.
            if not {"clients", "oracle"} & set(file.parts)
        )
        if not declared & {_normal(name) for name in providers.get(module, [])}
    }


def imported_by(files: Iterable[Path]) -> set[str]:
    """Top names of the modules of others that files import, at any depth."""
    names: set[str] = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module)
    tops = {name.partition(".")[0] for name in names}
    own = {"benchmarks", "commander", "docs", "tests"}
    return tops - sys.stdlib_module_names - own


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


# --- installing it ---------------------------------------------------------------


def test_the_wheel_works_with_the_dependencies_that_it_asks_for(
    built: Path, venv: Venv, index: None
) -> None:
    venv.pip("install", str(one(built, "*.whl")))

    works(venv)
    assert "commander" in venv.run("twist", "--help")
    assert "MCP_HTTP_PORT" in venv.run("twist", "commander", "--check-config")
    assert venv.pip("check") == ""


def test_the_wheel_installs_offline_where_the_dependencies_are(
    built: Path, venv: Venv
) -> None:
    comes_and_goes(venv, "--no-index", str(one(built, "*.whl")))


def test_the_sdist_installs(built: Path, venv: Venv, index: None) -> None:
    comes_and_goes(venv, str(one(built, "*.tar.gz")))


def test_a_checkout_installs(sources: Path, venv: Venv, index: None) -> None:
    comes_and_goes(venv, str(sources))


def test_a_checkout_installs_editable(sources: Path, venv: Venv, index: None) -> None:
    compat = ("--config-settings", "editable_mode=compat")
    comes_and_goes(venv, *compat, "--editable", str(sources))


def comes_and_goes(venv: Venv, *words: str) -> None:
    """Install without dependencies, try it, and find nothing after uninstalling."""
    before = venv.files()
    venv.pip("install", "--no-deps", *words)
    with lent_dependencies(venv):
        works(venv)
    assert venv.files() > before

    venv.pip("uninstall", "--yes", "commander-mcp")

    assert venv.files() == before
    with lent_dependencies(venv):
        assert not offers_commander(venv)


def works(venv: Venv) -> None:
    assert offers_commander(venv)
    assert venv.run("commander-mcp", "--version") == f"commander-mcp {__version__}\n"
    assert "--allowed-commands" in venv.run("commander-mcp", "--help")


def offers_commander(venv: Venv) -> bool:
    """Whether ``twist`` lists commander among its commands."""
    listed = venv.run("python", "-m", "twisted", "--help")
    return re.search(r"^ +commander +An MCP server", listed, re.MULTILINE) is not None
