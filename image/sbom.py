"""Prints what the image consists of, as a software bill of materials.

usage: python sbom.py DIRECTORY...

CycloneDX 1.6 in JSON: the Python packages in the directories, Python, and the packages
of Debian. It knows only what is installed, and the same image gives the same text.
"""

import importlib.metadata
import json
import platform
import subprocess
import sys
from collections.abc import Iterable, Iterator
from email.message import Message
from typing import Any, Final
from urllib.parse import quote

Component = dict[str, Any]

_OURS: Final = "commander-mcp"
_FIELDS: Final = ("Package", "Version", "Architecture", "source:Package")


def bill_of_materials(directories: Iterable[str]) -> dict[str, Any]:
    """The whole document."""
    found = [*python_packages(directories), python(), *debian_packages()]
    (ours,) = (each for each in found if each["name"] == _OURS)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "container",
                "bom-ref": "image",
                "name": "commander",
                "version": ours["version"],
            }
        },
        "components": found,
        "dependencies": [
            {"ref": "image", "dependsOn": [each["bom-ref"] for each in found]}
        ],
    }


def python_packages(directories: Iterable[str]) -> list[Component]:
    """What pip has installed there."""
    found = importlib.metadata.distributions(path=list(directories))
    return sorted(map(_of_distribution, found), key=lambda each: each["bom-ref"])


def _of_distribution(found: importlib.metadata.Distribution) -> Component:
    name = found.metadata["Name"].lower().replace("_", "-").replace(".", "-")
    return _component(
        name,
        found.version,
        f"pkg:pypi/{name}@{found.version}",
        licenses=list(_licenses(found.metadata)),
    )


def _licenses(metadata: Any) -> Iterator[Component]:
    """The SPDX expression, or else what the classifiers say."""
    fields: Message = metadata
    if expression := fields.get("License-Expression"):
        yield {"expression": expression}
        return
    for classifier in fields.get_all("Classifier", ()):
        if classifier.startswith("License :: "):
            yield {"license": {"name": classifier.rpartition(" :: ")[2]}}


def python() -> Component:
    """The interpreter, which comes with the base."""
    version = platform.python_version()
    return _component(
        "python",
        version,
        f"pkg:generic/python@{version}",
        cpe=f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*",
    )


def debian_packages() -> Iterator[Component]:
    """What dpkg has installed."""
    os_release = platform.freedesktop_os_release()
    distro = f"{os_release['ID']}-{os_release['VERSION_ID']}"
    line = "\\t".join(f"${{{field}}}" for field in _FIELDS)
    listed = subprocess.run(  # noqa: S603 - no part of it is anybody's input
        ["/usr/bin/dpkg-query", "--show", f"--showformat={line}\\n"],
        capture_output=True,
        text=True,
        check=True,
    )
    for row in listed.stdout.splitlines():
        name, version, architecture, source = row.split("\t")
        qualifiers = f"arch={architecture}&distro={distro}"
        purl = f"pkg:deb/{os_release['ID']}/{quote(name)}@{quote(version)}?{qualifiers}"
        yield _component(
            name, version, purl, properties=[{"name": "debian:source", "value": source}]
        )


def _component(name: str, version: str, purl: str, **more: Any) -> Component:
    known = {field: value for field, value in more.items() if value}
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        **known,
    }


if __name__ == "__main__":
    json.dump(bill_of_materials(sys.argv[1:]), sys.stdout, indent=1)
