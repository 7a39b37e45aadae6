"""Programs that ask a person, and run things while they do."""

from __future__ import annotations

from typing import Final

from commander.policy.programs.model import Effect, Program, Risk, Style
from commander.policy.programs.reasons import WRITES

__all__ = ["PROGRAMS"]


_DIALOG: Final = Program(
    names="dialog whiptail cdialog Xdialog",
    style=Style.EXACT,
    risks=(
        Risk(
            options="--prgbox -prgbox",
            effect=Effect.RUNS,
            why="runs its value in a shell",
        ),
        Risk(
            options="--file -file --rcfile",
            effect=Effect.LOADS,
            why="reads options from a file",
        ),
        Risk(
            options="--create-rc --trace -create-rc -trace",
            effect=Effect.WRITES,
            why=WRITES,
        ),
    ),
    operands="--prgbox -prgbox --file -file --rcfile --trace --create-rc",
    operands_why="is an option for it even behind `--`",
    reason="It runs a program to show its output.",
    passes=("dialog --msgbox hello 5 20", "dialog --tailbox build.log 20 70"),
    refuses=(
        "dialog --prgbox pwn 5 5",
        "dialog --prgbox text pwn 5 5",
        "dialog --file evil",
        "dialog -- --msgbox x 5 5 --prgbox pwn 5 5",
        "dialog --trace /etc/x --msgbox a 5 5",
    ),
)

_FZF: Final = Program(
    names="fzf sk fzy peco",
    style=Style.EXACT,
    valued="-q --query -f --filter -d --delimiter -n --nth --with-nth --height "
    "--prompt --header --color --layout --margin --padding --pointer --marker",
    risks=(
        Risk(
            options="--preview --bind --with-shell --listen --listen-unsafe --tmux "
            "--popup --proxy-script --man -c --cmd --exec --rcfile",
            effect=Effect.RUNS,
            why="runs programs, or takes orders from others",
            bare=True,
        ),
        Risk(
            options="--history --cmd-history --profile-cpu --profile-mem "
            "--profile-block --profile-mutex",
            effect=Effect.WRITES,
            why=WRITES,
        ),
    ),
    reason="It runs programs on keys, and on the line that is chosen.",
    passes=("fzf -f abc", "fzf --filter=x --delimiter : --nth 1"),
    refuses=(
        "fzf -f a --preview pwn",
        "fzf --bind 'start:execute(pwn)'",
        "fzf --bind=start:become:pwn",
        "fzf --listen 6266",
        "fzf --with-shell 'pwn -c' -q x",
        "fzf --history /etc/x",
    ),
)

PROGRAMS: Final = (
    _DIALOG,
    _FZF,
)
