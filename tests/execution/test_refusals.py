"""What is said about a refusal, and when nothing is said."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

import pytest

from commander.commands import EndedBy, Outcome, OutputWindow
from commander.execution.executables import Executables, identity_of
from commander.execution.landlock import Ruleset
from commander.execution.refusals import Refusals
from commander.execution.sandbox import NO_SANDBOX, Sandbox


def outcome(stderr: str, exit_code: int = 1, hint: str | None = None) -> Outcome:
    return Outcome(
        exit_code=exit_code,
        ended_by=EndedBy.EXIT,
        duration_seconds=1.0,
        stdout=OutputWindow(),
        stderr=OutputWindow(tail=stderr.encode()),
        hint=hint,
    )


class Scene:
    """A directory with programs, one of which is listed, and one to write in."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bin, self.work = root / "bin", root / "work"
        self.bin.mkdir()
        self.work.mkdir()
        for name in ("listed", "unlisted", "other name"):
            (self.bin / name).touch()
            (self.bin / name).chmod(0o755)
        (self.bin / "data").touch()
        self.own_user = True
        listed = str(self.bin / "listed")
        identity = identity_of(listed)
        assert identity is not None
        self.sandbox = Sandbox(
            ruleset=cast("Ruleset", object()),
            executables=Executables(files={listed: identity}),
            writable=(str(self.work),),
        )

    def hint(self, stderr: str, exit_code: int = 1, **fields: Any) -> str:
        refusals = Refusals(self.sandbox, path=str(self.bin), own_user=self.own_user)
        told = refusals.told(outcome(stderr, exit_code, **fields), str(self.work))
        return told.hint or ""


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


@pytest.fixture
def writable_by_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a user who is not root."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)


@pytest.mark.parametrize(
    ("stderr", "exit_code"),
    [
        ("sh: 1: unlisted: Permission denied\n", 126),
        ("bash: line 1: {bin}/unlisted: Permission denied\n", 126),
        ("env: 'unlisted': Permission denied\n", 126),
        ("find: \u2018unlisted\u2019: Permission denied\n", 0),
        ("timeout: failed to run command \u2018unlisted\u2019: Permission denied\n", 1),
        ("fatal: cannot exec 'unlisted': Permission denied\n", 128),
        ("error: cannot run unlisted: Permission denied\n", 1),
        ("PermissionError: [Errno 13] Permission denied: 'unlisted'\n", 1),
        ('Can\'t exec "unlisted": Permission denied at - line 1.\n', 2),
        ("xargs: unlisted: Keine Berechtigung\n", 126),
        ("sh: 1: ../bin/unlisted: Permission denied\n", 126),
        ("unlisted: Permission denied\ntar: 77: Child returned status 126\n", 2),
    ],
)
@pytest.mark.usefixtures("writable_by_none")
def test_a_program_that_no_entry_names_is_named(
    scene: Scene, stderr: str, exit_code: int
) -> None:
    assert scene.hint(stderr.format(bin=scene.bin), exit_code) == (
        f"the kernel backstop (MCP_SANDBOX) refuses to execute {scene.bin}/unlisted, "
        "since no entry of MCP_ALLOWED_COMMANDS names it"
    )


@pytest.mark.parametrize(
    "stderr",
    [
        "",
        "unlisted\n",
        "sh: 1: listed: Permission denied\n",
        "sh: 1: no-such-program: Permission denied\n",
        "sh: 1: {bin}/data: Permission denied\n",
        "cp: cannot open '{bin}/unlisted' for reading: Permission denied\n",
        ": Permission denied\n",
        "\0: Permission denied\n",
        "unlisted: Permission denied\n" + "later\n" * 20,
    ],
)
@pytest.mark.usefixtures("writable_by_none")
def test_without_evidence_nothing_is_said(scene: Scene, stderr: str) -> None:
    assert scene.hint(stderr.format(bin=scene.bin), 126) == ""


def test_a_listed_program_that_was_replaced_is_told_apart(scene: Scene) -> None:
    listed, new = scene.bin / "listed", scene.bin / "new"
    new.touch()
    new.chmod(0o755)
    new.rename(listed)
    assert "restart" in scene.hint("sh: 1: listed: Permission denied\n", 126)


@pytest.mark.parametrize(
    "stderr",
    [
        "sh: 1: cannot create {root}/new: Permission denied\n",
        "sh: 1: cannot create ../new: Permission denied\n",
        "bash: line 1: {root}/new: Permission denied\n",
        "touch: cannot touch '{root}/new': Permission denied\n",
        "mkdir: cannot create directory \u2018{root}/new\u2019: Permission denied\n",
        "PermissionError: [Errno 13] Permission denied: '{root}/new'\n",
        "Error: EACCES: permission denied, open '{root}/new'\n",
    ],
)
def test_a_path_outside_of_the_workspace_is_named(scene: Scene, stderr: str) -> None:
    assert scene.hint(stderr.format(root=scene.root)) == (
        "the kernel backstop (MCP_SANDBOX) lets commands write only below "
        f"{scene.work} (MCP_WORKSPACE): {scene.root}/new is outside"
    )


def test_what_lies_inside_or_nowhere_is_not_blamed(scene: Scene) -> None:
    inside = "touch: cannot touch 'new': Permission denied\n"
    assert scene.hint(inside) == ""
    nowhere = f"touch: cannot touch '{scene.root}/gone/new': Permission denied\n"
    assert scene.hint(nowhere) == ""


@pytest.mark.usefixtures("writable_by_none")
def test_what_could_not_be_written_anyway_is_not_blamed(scene: Scene) -> None:
    said = f"touch: cannot touch '{scene.root}/new': Permission denied\n"
    assert scene.hint(said) == ""
    scene.own_user = False  # then the server cannot know
    assert "is outside" in scene.hint(said)
    assert scene.hint(f"cat: {scene.root}/bin/data: Permission denied\n") == ""


def test_a_link_out_of_the_workspace_is_followed(scene: Scene) -> None:
    (scene.work / "link").symlink_to(scene.root)
    said = scene.hint("touch: cannot touch 'link/new': Permission denied\n")
    assert f"{scene.root}/new is outside" in said


def test_what_was_known_already_stays(scene: Scene) -> None:
    said = scene.hint("sh: 1: unlisted: Permission denied\n", 126, hint="known")
    assert said.startswith("known; the kernel backstop")


@pytest.mark.parametrize(
    "change", [{"executables": None, "writable": ()}, {"ruleset": None}]
)
def test_only_what_is_in_force_is_blamed(scene: Scene, change: dict[str, Any]) -> None:
    for stderr in ("sh: 1: unlisted: Permission denied\n", "x: Permission denied\n"):
        fields = {
            "ruleset": scene.sandbox.ruleset,
            "executables": scene.sandbox.executables,
            "writable": scene.sandbox.writable,
        }
        scene.sandbox = Sandbox(**(fields | change))
        assert scene.hint(stderr, 126) == ""


def test_without_a_sandbox_an_outcome_is_left_as_it_is() -> None:
    ended = outcome("sh: 1: x: Permission denied\n", 126)
    assert Refusals(NO_SANDBOX).told(ended, "/") is ended
