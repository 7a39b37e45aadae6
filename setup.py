"""Metadata of ``commander-mcp``; the settings of tools are in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent


def text_of(name: str) -> str:
    """The text of a file beside this one, empty if it is not there."""
    path = HERE / name
    return path.read_text(encoding="utf-8") if path.exists() else ""


def version() -> str:
    """The version, read without importing: the dependencies may not be there yet."""
    found = re.search(
        r'^__version__ = "([^"]+)"$', text_of("commander/__init__.py"), re.MULTILINE
    )
    if found is None:
        raise RuntimeError("commander/__init__.py sets no __version__")
    return found[1]


TEST = [
    "botocore>=1.40",  # its models of AWS check the commands of ECS.md
    "build>=1.2",
    "hypothesis>=6.100",
    "jmespath>=1",
    "jsonschema>=4.20",
    "psutil>=6",
    "pytest>=9",
    "pytest-cov>=7",  # the first that leaves subprocesses to coverage's own patch
    "pytest-randomly>=3.15",
    "pytest-twisted>=1.14.3",
    "setuptools>=70.1",  # the packaging tests build without isolation
    "tree-sitter-bash>=0.25",  # the second opinion on what a text runs
    "tree-sitter>=0.25",
    "treq>=24.9",
]

DEV = [
    *TEST,
    "import-linter>=2.3",
    "mypy>=1.15",
    "mypy-zope>=1.0.11",
    "ruff>=0.9",
    "towncrier>=24.8",
    "types-jsonschema",
    "types-psutil",
]

setup(
    name="commander-mcp",
    version=version(),
    description="An MCP server that runs shell commands for AI agents",
    long_description=text_of("README.md"),
    long_description_content_type="text/markdown",
    author="commander contributors",
    license="MIT",
    license_files=["LICENSE"],
    keywords=["mcp", "model context protocol", "shell", "twisted"],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Environment :: No Input/Output (Daemon)",
        "Framework :: Twisted",
        "Intended Audience :: Developers",
        "Intended Audience :: System Administrators",
        "Operating System :: MacOS",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: System :: Shells",
        "Typing :: Typed",
    ],
    python_requires=">=3.11",
    packages=[
        *find_packages(include=["commander", "commander.*"]),
        # Not a package of ours: no __init__.py, or `import twisted` would find us.
        "twisted.plugins",
    ],
    package_data={"commander": ["py.typed"]},
    zip_safe=False,  # Twisted looks for plugins in directories
    install_requires=[
        "attrs>=23.2",
        "klein>=24.8",
        "msgspec>=0.19",  # the first with wheels for Python 3.13
        "prometheus-client>=0.20",
        "twisted>=25.5",  # Site(parsePOSTFormSubmission=False)
        # Klein sets no upper bound on Werkzeug, and a new major has broken it before.
        "werkzeug>=3,<4",
        "zope.interface>=6",
    ],
    extras_require={"test": TEST, "dev": DEV},
    entry_points={"console_scripts": ["commander-mcp = commander.cli:main"]},
)
