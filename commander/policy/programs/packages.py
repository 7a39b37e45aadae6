"""Package managers of systems: hooks, scripts of packages and macros run programs."""

from __future__ import annotations

from typing import Final

from commander.policy.programs.model import (
    Effect,
    Program,
    Risk,
    Subcommand,
    Wraps,
)
from commander.policy.programs.reasons import LOCAL_PACKAGE

__all__ = ["PROGRAMS"]

_LOCAL: Final = "./* ../* /* ~* *.deb *.rpm *.apk *.pkg.tar*"

_APT: Final = Program(
    names="apt apt-get apt-cache apt-cdrom aptitude apt-mark apt-config apt-file",
    valued="-t --target-release --default-release",
    risks=(
        Risk(
            options="-o --option -c --config-file",
            effect=Effect.RUNS,
            why="sets configuration, which can name programs",
        ),
    ),
    everywhere=True,
    subcommands=(
        Subcommand(
            names="*",
            operands=_LOCAL,
            operands_why=LOCAL_PACKAGE,
        ),
        Subcommand(
            names="edit-sources changelog shell moo",
            refused="starts an editor or a pager",
        ),
    ),
    reason="Its configuration names programs to run before and after.",
    passes=(
        "apt-get update",
        "apt-get install -y --no-install-recommends jq",
        "apt list",
    ),
    refuses=(
        "apt-get -o APT::Update::Pre-Invoke::=pwn update",
        "apt-get update --opt=APT::Update::Pre-Invoke::=pwn",
        "apt -c evil update",
        "apt install ./evil.deb",
        "apt changelog bash",
    ),
)

_BREW: Final = Program(
    names="brew port",
    subcommands=(
        Subcommand(
            names="sh ruby irb edit exec x bundle.exec bundle.sh bundle.env tap-new "
            "extract",
            refused="runs code or a shell",
        ),
        Subcommand(
            names="install upgrade reinstall",
            operands="./* ../* /* ~* *.rb http://* https://*",
            operands_why="is a formula whose code runs",
        ),
    ),
    reason="It runs code from its words and from formulae.",
    passes=("brew install jq", "brew list --versions"),
    refuses=("brew ruby -e 'system \"pwn\"'", "brew sh", "brew install ./evil.rb"),
)

_DPKG: Final = Program(
    names="dpkg dpkg-deb dpkg-query dpkg-reconfigure",
    risks=(
        Risk(
            options="--pre-invoke --post-invoke --status-logger --pager",
            effect=Effect.RUNS,
            why="runs a program",
        ),
        Risk(
            options="-i --install --unpack --configure -A --record-avail "
            "--triggers-only --recursive",
            effect=Effect.RUNS,
            why="runs the scripts of a package",
            bare=True,
        ),
        Risk(
            options="--root --instdir --admindir --path-include --path-exclude",
            effect=Effect.LOADS,
            why="works on another system",
        ),
        Risk(
            options="-x --extract -X --vextract -R --raw-extract -b --build --log -e "
            "--control",
            effect=Effect.EDITS,
            why="writes to files",
            bare=True,
        ),
    ),
    reason="It runs programs before and after, and scripts of packages.",
    passes=("dpkg -l", "dpkg -L bash", "dpkg -S /bin/ls", "dpkg-deb -x a.deb out"),
    refuses=(
        "dpkg --pre-invoke=pwn -r x",
        "dpkg -i evil.deb",
        "dpkg-deb -x a.deb /etc",
        "dpkg --status-logger=pwn --configure -a",
    ),
)

_OTHERS: Final = Program(
    names="apk yum dnf microdnf tdnf zypper pacman yay paru emerge xbps-install eopkg "
    "pkg",
    risks=(
        Risk(
            options="-c --config --setopt --hookdir --gpgdir --plugindir --pluginpath "
            "--keys-dir --cachedir --dbpath --logfile --overlayfs",
            effect=Effect.LOADS,
            why="sets configuration, which can name programs",
            unless="--cacheonly",
        ),
        Risk(
            options="--root --installroot -r --sysroot",
            effect=Effect.LOADS,
            why="works on another system",
        ),
    ),
    everywhere=True,
    subcommands=(
        Subcommand(
            names="*",
            operands=_LOCAL,
            operands_why=LOCAL_PACKAGE,
        ),
        Subcommand(names="shell sh config-manager", refused="takes commands"),
    ),
    reason="Hooks and scripts of packages run programs.",
    passes=("apk add jq", "dnf list installed", "yum install -y jq", "pacman -Qi bash"),
    refuses=(
        "pacman --hookdir evil -S x",
        "dnf install ./evil.rpm",
        "yum -c evil install x",
        "dnf shell",
    ),
)

_RPM: Final = Program(
    names="rpm rpmbuild rpmspec rpm2cpio rpmkeys",
    valued="--qf --queryformat",
    risks=(
        Risk(
            options="-E --eval -D --define --pipe --rcfile --macros --load --predefine",
            effect=Effect.RUNS,
            why="expands macros, which run programs, or pipes to one",
        ),
        Risk(
            options="-i --install -U --upgrade -F --freshen --reinstall --root "
            "--dbpath --initdb --rebuild --recompile",
            effect=Effect.RUNS,
            why="runs the scripts of a package",
            bare=True,
            unless="-q --query",
        ),
    ),
    reason="Its macros run programs.",
    passes=("rpm -qa", "rpm -qi bash", "rpm -q --qf '%{NAME}' bash"),
    refuses=(
        "rpm --eval '%(pwn)'",
        "rpm -E '%(pwn)'",
        "rpm --pipe pwn -qa",
        "rpm -Uvh evil.rpm",
        "rpm --define 'x %(pwn)' -qa",
    ),
)

_RUNNERS: Final = Program(
    names="snap flatpak nix nix-shell nix-env guix nix-build devbox devenv",
    subcommands=(
        Subcommand(
            names="run shell develop exec repl alias fmt env bundle service services",
            refused="runs a program",
        ),
        Subcommand(
            names="install try",
            operands="./* ../* /* ~* *.snap",
            operands_why="is a package whose code runs",
        ),
    ),
    risks=(
        Risk(
            options="--run --command -c",
            effect=Effect.TEXT,
            why="runs its value in a shell",
        ),
        Risk(
            options="-E --expr --eval --option --plugin-files --builders --store "
            "--build-hook --dangerous -i",
            effect=Effect.RUNS,
            why="runs code or names programs",
        ),
    ),
    everywhere=True,
    reason="It runs programs of packages.",
    passes=("snap list", "flatpak list", "nix flake show"),
    refuses=(
        "snap run x",
        "nix-shell --run pwn",
        "nix run nixpkgs#x",
        "nix-env -i ./evil",
    ),
)

_VERSION_MANAGERS: Final = Program(
    names="pyenv rbenv nodenv goenv asdf mise rtx rustup volta fnm rvm sdk tfenv",
    subcommands=(
        Subcommand(
            names="exec x run shell tasks sh",
            refused="runs a program",
        ),
        Subcommand(
            names="toolchain.link",
            refused="names a directory that programs are run from",
        ),
        Subcommand(names="do", wraps=Wraps()),
    ),
    reason="It runs a program of one version.",
    passes=("rustup show", "pyenv versions", "rustup target list", "asdf current"),
    refuses=(
        "pyenv exec pwn",
        "rustup run stable pwn",
        "asdf exec pwn",
        "mise x -- pwn",
    ),
)

PROGRAMS: Final = (
    _OTHERS,
    _APT,
    _BREW,
    _DPKG,
    _VERSION_MANAGERS,
    _RPM,
    _RUNNERS,
)
