"""Which programs are known, and which are open because they may execute anything."""

from __future__ import annotations

import posixpath

import pytest

from commander.policy.companions import MANY_IN_ONE, companions_of, known_programs
from commander.policy.wordset import wordset

KNOWN = wordset(
    "ls cat grep egrep sed awk find xargs timeout env tar man git sort diff file which "
    "jq curl wget rg ps sh bash cd echo [ test rsync ssh gzip zcat"
)
OPEN = wordset(
    "make npm npx yarn node python python3 python3.11 pytest pip perl ruby java go gcc "
    "cargo cc docker podman kubectl terraform ansible vim emacs sudo su crontab at aws "
    "busybox my-tool systemctl systemd-run ld.so"
)


@pytest.mark.parametrize("program", sorted(KNOWN))
def test_common_programs_are_known(program: str) -> None:
    assert companions_of(program) is not None


@pytest.mark.parametrize("program", sorted(OPEN))
def test_what_may_execute_anything_is_open(program: str) -> None:
    assert companions_of(program) is None


def test_the_table_is_worth_its_name() -> None:
    assert len(known_programs()) > 120


@pytest.mark.parametrize("program", sorted(known_programs()))
def test_no_companion_is_a_program_that_executes_anything(program: str) -> None:
    """It would open the list behind the operator's back."""
    companions = companions_of(program)
    assert companions is not None
    assert not companions.programs.intersection(OPEN)
    assert not companions.programs & MANY_IN_ONE
    assert all(name and "/" not in name for name in companions.programs)
    assert all(map(posixpath.isabs, companions.directories))


def test_programs_that_execute_their_words_bring_nothing_themselves() -> None:
    for program in ("env", "find", "nice", "timeout", "xargs"):
        companions = companions_of(program)
        assert companions is not None
        assert companions.runs_arguments
        assert not companions.programs


def test_git_brings_its_helpers_but_nothing_that_a_repository_chooses() -> None:
    companions = companions_of("git")
    assert companions is not None
    assert "/usr/lib/git-core" in companions.directories
    assert {"git", "sh", "ssh", "cat", "gettext", "envsubst"} <= companions.programs
    assert not companions.programs & {"gpg", "vi", "editor", "less", "perl", "python3"}


def test_a_file_with_many_programs_is_no_known_program() -> None:
    assert {"busybox", "toybox", "coreutils"} == MANY_IN_ONE
    assert not MANY_IN_ONE & known_programs()
