"""From entries of an allow-list to files, on a pretend machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from commander.execution import executables
from commander.execution.executables import Executables, find_executables, identity_of
from commander.policy.companions import Companions


class Machine:
    """A directory with programs, which is all that there is."""

    def __init__(self, root: Path) -> None:
        self.bin = root / "bin"
        self.bin.mkdir()
        for name in ("sh", "true", "pwd", "ls", "tar", "gzip", "make", "wc", "xargs"):
            self.add(name)

    def add(self, name: str) -> str:
        path = self.bin / name
        path.write_text("")
        path.chmod(0o755)
        return str(path)

    def find(self, *entries: str) -> Executables:
        return find_executables(
            entries, in_front=(f"{self.bin}/sh",), path=str(self.bin)
        )

    def names(self, *entries: str) -> set[str]:
        """The names of the files for some entries, without what all have."""
        found = self.find(*entries)
        assert found.opened_by == ()
        return {Path(file).name for file in found.files} - {"sh", "true", "pwd"}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(executables, "DEFAULT_PATH", "/nowhere")
    return Machine(tmp_path)


def test_every_list_has_the_shell_and_what_needs_no_entry(machine: Machine) -> None:
    found = machine.find()
    assert {Path(file).name for file in found.files} == {"sh", "true", "pwd"}
    assert found.programs == 0


def test_an_entry_brings_its_first_word_only(machine: Machine) -> None:
    assert machine.names("ls") == {"ls"}
    assert machine.names("ls make") == {"ls"}
    assert machine.find("ls -l", "ls -a").programs == 1


def test_a_program_brings_its_companions(machine: Machine) -> None:
    assert machine.names("tar") == {"tar", "gzip"}


def test_companions_have_companions(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "helpers").mkdir()
    (tmp_path / "helpers.txt").touch()
    table = {
        "ls": Companions(frozenset({"tar", "ls"})),
        "tar": Companions(frozenset({"gzip", "ls"}), (f"{tmp_path}/help*",)),
    }
    monkeypatch.setattr(executables, "companions_of", table.get)
    assert machine.names("ls") == {"ls", "tar", "gzip"}
    found = machine.find("ls")
    assert found.directories == (str(tmp_path / "helpers"),)
    inside = machine.bin.parent / "helpers" / "git"
    inside.touch()
    assert found.cover(str(inside))
    assert not found.cover(str(tmp_path / "helpers.txt"))


def test_the_words_of_a_wrapper_are_programs_too(machine: Machine) -> None:
    assert machine.names("xargs -r wc -l") == {"xargs", "wc"}
    assert machine.names("xargs -n 1 xargs -0 wc make") == {"xargs", "wc"}
    assert machine.find("xargs A=1 make").opened_by == ("xargs A=1 make",)
    assert machine.find("xargs ./make").opened_by == ()
    assert machine.names("xargs -r") == {"xargs"}
    assert machine.names(f"{machine.bin}/xargs wc") == {"xargs", "wc"}


def test_of_the_words_of_find_only_those_behind_exec_are_programs(
    machine: Machine,
) -> None:
    machine.add("find")
    assert machine.names("find make -name wc") == {"find"}
    assert machine.names("find make -exec wc") == {"find", "wc"}
    assert machine.names("find make -exec") == {"find"}
    assert machine.find("find . -execdir make").opened_by == ("find . -execdir make",)


def test_a_program_that_may_execute_anything_opens_the_list(machine: Machine) -> None:
    found = machine.find("ls", "make test", "make")
    assert found.opened_by == ("make test", "make")


def test_a_program_that_is_not_there_opens_nothing(machine: Machine) -> None:
    found = machine.find("ls", "npm test", "cd", "export A")
    assert (found.opened_by, found.not_found) == ((), ("npm",))


def test_a_path_from_the_working_directory_opens_the_list(machine: Machine) -> None:
    assert machine.find("./ls", "tools/build").opened_by == ("./ls", "tools/build")


def test_an_absolute_path_is_known_by_what_its_name_means(
    machine: Machine, tmp_path: Path
) -> None:
    assert machine.names(f"{machine.bin}/tar") == {"tar", "gzip"}
    other = tmp_path / "tar"
    other.write_text("")
    other.chmod(0o755)
    assert machine.find(str(other)).opened_by == (str(other),)


def test_a_file_with_many_programs_is_told(machine: Machine) -> None:
    busybox = machine.add("busybox")
    (machine.bin / "ls").unlink()
    (machine.bin / "ls").symlink_to(busybox)
    assert machine.find("ls").many_in_one == (busybox,)
    assert machine.find("wc").many_in_one == ()


def test_a_file_is_covered_under_any_name_until_it_is_replaced(
    machine: Machine, tmp_path: Path
) -> None:
    found = machine.find("ls")
    program, link = machine.bin / "ls", tmp_path / "link"
    link.hardlink_to(program)
    assert found.cover(str(program))
    assert found.cover(str(link))
    assert not found.cover(str(machine.bin / "make"))
    link.unlink()
    machine.add("new")
    (machine.bin / "new").rename(program)
    assert not found.cover(str(program))
    assert str(program) in found.files


def test_what_is_gone_is_no_file() -> None:
    assert identity_of("/no/such/file") is None
    assert not Executables().cover("/no/such/file")
