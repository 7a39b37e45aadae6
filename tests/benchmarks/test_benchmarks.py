"""The benchmarks measure what they say and say it in the right shape.

How fast anything is, is not tested: that depends on the machine. Each benchmark runs
in its quick mode, with the real server.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import measure, report
from benchmarks.__main__ import measured, table
from benchmarks.measure import BenchmarkError, Result, Row, Scale, Target
from benchmarks.programs import ceiling
from benchmarks.rows import BENCHMARKS
from benchmarks.servers import LISTING, Traffic, commander, serving
from benchmarks.soak.leaks import fitted, problems

SOAK: Final = (sys.executable, "-m", "benchmarks.soak", "--seconds=4", "--seed=1")
ROOT: Final = Path(__file__).resolve().parents[2]
needs_compiler = pytest.mark.skipif(
    shutil.which("cc") is None, reason="there is no C compiler"
)
IDLE: Final = {
    "at": 0.0,
    "resident_kib": 50_000.0,
    "descriptors": 10.0,
    "threads": 5.0,
    "timers": 0.0,
    "readers": 3.0,
    "children": 0.0,
    "zombies": 0.0,
    "objects": 60_000.0,
}


def a_row(*values: float, bound: float = 1.0, at_least: bool = True) -> Row:
    return Row(
        name="one",
        what="one thing",
        against="another",
        target=Target(bound=bound, unit="x", at_least=at_least),
        values=values,
        figures={"ours/s": (10.0, 20.0, 30.0)},
    )


def a_result(*rows: Row, quick: bool = False) -> Result:
    return Result(
        benchmark="spawn",
        quick=quick,
        taken_at="2000-01-01 00:00 UTC",
        took_seconds=60.0,
        machine={"processors": "2 x pretended", "kernel": "1"},
        rows=rows,
    )


@pytest.mark.process
@needs_compiler
@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_quick_run_gives_rows_with_as_many_values_as_rounds(name: str) -> None:
    scale = Scale(quick=True)
    result = measured(name, scale)
    assert result.rows
    assert len({row.name for row in result.rows}) == len(result.rows)
    for row in result.rows:
        assert len(row.values) == scale.rounds()
        assert all(len(values) == len(row.values) for values in row.figures.values())
    assert table(result.rows).count("against") == len(result.rows)


@needs_compiler
def test_the_ceiling_is_a_number_of_commands() -> None:
    assert ceiling(0.05) > 1


@pytest.mark.process
@needs_compiler
def test_the_client_refuses_an_answer_without_the_marker() -> None:
    with commander() as server, pytest.raises(BenchmarkError, match="wrong answer"):
        server.load(Traffic(LISTING, "nobody says this", requests=1))


@pytest.mark.process
@needs_compiler
def test_the_client_counts_each_answer_of_many_that_come_at_once(
    tmp_path: Path,
) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"x" * 100_000 + b"the end")
    with serving("constant_server", body) as server:
        seen = server.load(
            Traffic(LISTING, "the end", connections=3, depth=4, requests=100)
        )
    assert (seen.answers, seen.wrong) == (100, 0)
    assert 0 < seen.p50_ms <= seen.p99_ms <= seen.max_ms


@pytest.mark.process
def test_a_server_that_does_not_start_is_told_with_its_last_words() -> None:
    with (
        pytest.raises(BenchmarkError, match="MCP_KILL_GRACE"),
        commander(env={"MCP_KILL_GRACE": "soon"}),
    ):
        pass


@pytest.mark.process
def test_a_short_soak_reports_slopes_and_knows_what_was_done(tmp_path: Path) -> None:
    path = tmp_path / "soak.json"
    done = subprocess.run(
        [*SOAK, f"--report={path}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    soak = json.loads(path.read_text(encoding="utf-8"))
    assert done.returncode == bool(soak["problems"]), done.stderr
    assert sum(soak["by_scenario"].values()) == soak["actions"] > 0
    assert {"resident_kib", "descriptors", "threads", "timers"} <= soak["slopes"].keys()
    assert "actions" in report.soak_text(soak)


def test_the_sides_of_a_round_change_their_order() -> None:
    order: list[str] = []
    measure.rounds(2, {"a": lambda: order.append("a"), "b": lambda: order.append("b")})
    assert order == ["a", "b", "b", "a"]


def test_the_median_of_the_rounds_is_judged() -> None:
    assert a_row(0.1, 1.1, 9.0).is_met
    assert not a_row(0.9, 0.8, 9.0).is_met
    assert a_row(0.9, 0.8, 9.0, at_least=False).is_met


def test_a_result_is_the_same_after_it_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "RESULTS", tmp_path)
    result = a_result(a_row(1.0, 2.0, 3.0))
    assert measure.read_result(measure.write_result(result)) == result


def test_the_report_fills_its_part_of_the_page_again_and_again() -> None:
    page = "before\n<!-- results -->\nold\n<!-- end of results -->\nafter\n"
    text = report.results_text([a_result(a_row(1.0, 2.0, 3.0))])
    once = report.filled(page, "results", text)
    assert "old" not in once
    assert "**2.00x** | 1.00 .. 3.00x | ours/s 20.0" in once
    assert once.startswith("before\n")
    assert once.endswith("after\n")
    assert report.filled(once, "results", text) == once


def test_the_page_has_all_parts_that_the_report_fills() -> None:
    page = report.PAGE.read_text(encoding="utf-8")
    for name in ("results", "soak"):
        assert "filled" in report.filled(page, name, "filled")


def test_a_missed_target_is_told_in_the_report() -> None:
    assert "missed" in report.results_text([a_result(a_row(0.1, 0.2, 0.3))])


def test_an_idle_server_that_holds_what_it_held_has_no_problem() -> None:
    samples = [{"at": float(n), "resident_kib": 50_000.0 + n % 3} for n in range(60)]
    assert problems(IDLE, IDLE, fitted(samples, "resident_kib")) == []


@pytest.mark.parametrize(
    "name", ["descriptors", "threads", "timers", "readers", "children", "zombies"]
)
def test_one_more_of_what_must_be_equal_is_a_leak(name: str) -> None:
    flat = fitted([], "resident_kib")
    (problem,) = problems(IDLE, {**IDLE, name: IDLE[name] + 1}, flat)
    assert problem.startswith(name)


def test_memory_that_rises_steadily_is_a_leak() -> None:
    samples = [{"at": float(n), "resident_kib": 50_000.0 + 100 * n} for n in range(60)]
    line = fitted(samples, "resident_kib")
    assert line.per_second == pytest.approx(100)
    after = {**IDLE, "resident_kib": 56_000.0}
    (problem,) = problems(IDLE, after, line)
    assert "memory" in problem


@given(st.lists(st.floats(0, 1e6), min_size=3, max_size=60), st.floats(-100, 100))
def test_a_line_follows_a_slope_that_is_added_to_the_samples(
    values: list[float], slope: float
) -> None:
    samples = [{"at": float(n), "k": value} for n, value in enumerate(values)]
    tilted = [{**one, "k": one["k"] + slope * one["at"]} for one in samples]
    before, after = fitted(samples, "k"), fitted(tilted, "k")
    assert after.per_second - before.per_second == pytest.approx(slope, abs=1e-3)
    assert after.error == pytest.approx(before.error, rel=1e-3, abs=1e-3)


def test_a_row_that_is_evolved_keeps_its_text() -> None:
    row = attrs.evolve(a_row(1.0), what="another thing")
    assert "another thing" in table([row])
