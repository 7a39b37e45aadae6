"""The tools that judge a CloudFormation template; they live in ``.venv-ecs``.

They cannot share an environment with the server. Where they could not be installed,
what needs them is skipped.
"""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

__all__ = ["RULES", "TEMPLATE", "guard", "load", "run"]

ROOT: Final = Path(__file__).resolve().parents[2]
TEMPLATE: Final = ROOT / "ecs" / "template.yaml"
RULES: Final = tuple(sorted((ROOT / "ecs" / "rules").glob("*.guard")))
_BIN: Final = ROOT / ".venv-ecs" / "bin"
_PATIENCE_SECONDS: Final = 120

Json = dict[str, Any]

# Programs for the interpreter there: its packages cannot be imported here.
_LOAD: Final = """
import json, sys
from cfnlint.decode import cfn_yaml
json.dump(cfn_yaml.load(sys.argv[1]), sys.stdout)
"""
# Of a long report it may lose the beginning; the two lists at its end stay whole.
_GUARD: Final = """
import json, re, sys
from cfn_guard_rs.cfn_guard_rs import run_checks_rs
template, *rules = json.load(sys.stdin)
verdicts = {}
for text in rules:
    report = run_checks_rs(json.dumps(template), text, False)
    end = json.loads("{" + report[report.rindex('"not_applicable"'):])
    verdicts |= dict.fromkeys(re.findall(r"^rule (\\w+)", text, re.M), "FAIL")
    verdicts |= dict.fromkeys(end["compliant"], "PASS")
    verdicts |= dict.fromkeys(end["not_applicable"], "SKIP")
json.dump(verdicts, sys.stdout)
"""


def run(tool: str, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run one of the tools; its exit status is the caller's to judge."""
    program = _BIN / tool
    if not program.exists():
        pytest.skip(f"{tool} is not in .venv-ecs: see what `make venv-ecs` says")
    return subprocess.run(
        [program, *words],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=_PATIENCE_SECONDS,
    )


def _python(program: str, *words: str, given: str = "") -> Json:
    # The tools bring their own packages; those of whoever tests are not for them.
    done = run("python", "-E", "-s", "-c", program, *words, given=given)
    assert done.returncode == 0, done.stderr
    answer: Json = json.loads(done.stdout)
    return answer


@cache
def _text_of(path: Path) -> str:
    return json.dumps(_python(_LOAD, str(path)))


def load(path: Path = TEMPLATE) -> Json:
    """A template as data, short forms such as ``!Ref`` written out; a fresh copy."""
    template: Json = json.loads(_text_of(path))
    return template


def guard(template: Json) -> dict[str, str]:
    """What our rules say of a template: PASS, FAIL or SKIP by the names of rules."""
    rules = [path.read_text(encoding="utf-8") for path in RULES]
    return _python(_GUARD, given=json.dumps([template, *rules]))
