"""Editors: each can start a shell, and write any file."""

from __future__ import annotations

from typing import Final

from commander.policy.programs.model import Program

__all__ = ["PROGRAMS"]

_EDITORS: Final = Program(
    names=(
        "vi vim nvim view ex vim.tiny vim.basic vim.nox gvim gview evim eview rvim "
        "rview rgvim vimdiff gvimdiff nvi elvis ed red emacs emacsclient emacs-nox "
        "xemacs jove mg zile jed joe jmacs jstar jpico rjoe nano rnano pico micro ne "
        "kak hx helix mc mcedit mcview mcdiff tilde dte vis amp code gedit kate "
        "sublime sensible-editor editor select-editor sensible-pager pager lynx w3m "
        "links elinks mutt neomutt alpine pine mail mailx Mail nail s-nail "
        "heirloom-mailx "
        "tig lazygit ranger nnn vifm lf"
    ),
    refused="can start a shell, and write any file",
    harmless="--version -version --help",
    reason="Its commands, options and settings run programs.",
    passes=("vim --version", "emacs --version"),
    refuses=(
        "vim --cmd '!pwn' -es -c q",
        "vi x '+!pwn'",
        "vim -u evil.vimrc x",
        "ex -c '!pwn' x",
        "ed -s",
        "emacs --batch --eval '(shell-command \"pwn\")'",
        "nano -s pwn x",
        "mail -s x y",
    ),
)

PROGRAMS: Final = (_EDITORS,)
