"""Git, and what runs through it: configuration, helpers, hooks and tools."""

from __future__ import annotations

from typing import Final

from commander.policy.programs.git_options import VALUED
from commander.policy.programs.model import (
    Effect,
    Program,
    Risk,
    Subcommand,
    Targets,
    Wraps,
)

__all__ = ["PROGRAMS"]

_HARMLESS_SETTINGS: Final = (
    "user.name=* user.email=* color.*=* column.*=* advice.*=* core.quotepath=* "
    "core.quotePath=* core.autocrlf=* core.fileMode=* core.filemode=* core.pager=cat "
    "core.pager= core.editor=true core.longpaths=* core.hooksPath=/dev/null "
    "core.fsmonitor=false commit.gpgsign=false tag.gpgsign=false "
    "credential.helper= diff.renames=* diff.algorithm=* fetch.prune=* gc.auto=0 "
    "init.defaultBranch=* log.date=* log.showSignature=false merge.conflictstyle=* "
    "protocol.version=* pull.rebase=* pull.ff=* push.default=* rebase.autosquash=* "
    "rebase.autoStash=* submodule.recurse=*"
)
_HARMLESS_KEYS: Final = (
    "user.name user.email color.* advice.* core.quotepath core.autocrlf "
    "core.filemode core.longpaths commit.gpgsign init.defaultBranch "
    "init.defaultbranch merge.conflictstyle pull.rebase pull.ff push.default "
    "push.autoSetupRemote rebase.autosquash rebase.autoStash fetch.prune"
)
_STRATEGIES: Final = "ours octopus recursive resolve subtree ort"
_SETS: Final = "sets configuration, which can name programs"
_STRATEGY: Final = "runs the program `git-merge-NAME`"

_GIT: Final = Program(
    names="git",
    valued="--namespace --attr-source --super-prefix --list-cmds",
    risks=(
        Risk(
            options="-c",
            effect=Effect.RUNS,
            why=_SETS,
            passing=_HARMLESS_SETTINGS,
        ),
        Risk(options="--config-env", effect=Effect.RUNS, why=_SETS),
        Risk(
            options="--exec-path",
            effect=Effect.RUNS,
            why="names the directory that git's own programs are run from",
            bare=True,
            values="*",
        ),
        Risk(
            options="--git-dir",
            effect=Effect.RUNS,
            why="runs what the configuration of another repository says",
            passing=".git ./.git",
        ),
        Risk(
            options="-C --work-tree",
            effect=Effect.WRITES,
            why="names the directory that is written to",
        ),
    ),
    subcommands=(
        *VALUED,
        Subcommand(
            names="*",
            risks=(
                Risk(
                    options="--upload-pack --receive-pack",
                    effect=Effect.RUNS,
                    why="names the program to run at the other end",
                ),
                Risk(
                    options="--ext-diff",
                    effect=Effect.RUNS,
                    why="runs the diff program of the configuration",
                    bare=True,
                ),
                Risk(
                    options="--output",
                    effect=Effect.WRITES,
                    why="writes to a file",
                ),
                Risk(
                    options="--remote --repo",
                    effect=Effect.RUNS,
                    why="can name a program as a remote",
                    values="ext::* fd::* ssh://-*",
                ),
            ),
            operands="ext::* fd::* ssh://-*",
            operands_why="names a program as a remote",
        ),
        Subcommand(
            names="apply",
            valued="-p -C --exclude --include --directory --whitespace",
            risks=(
                Risk(
                    options="--build-fake-ancestor",
                    effect=Effect.WRITES,
                    why="writes an index there",
                ),
                Risk(
                    options="--unsafe-paths",
                    effect=Effect.WRITES,
                    why="writes outside of the working directory",
                    bare=True,
                ),
            ),
        ),
        Subcommand(
            names="archive",
            valued="--format --prefix --add-file --add-virtual-file --mtime",
            risks=(
                Risk(options="-o", effect=Effect.WRITES, why="writes to a file"),
                Risk(
                    options="--exec",
                    effect=Effect.RUNS,
                    why="names the program to run at the other end",
                ),
            ),
        ),
        Subcommand(names="bisect.run", wraps=Wraps()),
        Subcommand(
            names="bisect.visualize bisect.view",
            refused="starts a viewer, or what its words name",
        ),
        Subcommand(names="bundle.create", targets=Targets.FIRST),
        Subcommand(
            names="checkout-index",
            risks=(
                Risk(
                    options="--prefix",
                    effect=Effect.WRITES,
                    why="writes files under that path",
                ),
            ),
        ),
        Subcommand(
            names="clone init",
            valued="-b --branch -o --origin --depth --reference "
            "--reference-if-able -j --jobs --shallow-since --shallow-exclude "
            "--filter --server-option --bundle-uri --initial-branch "
            "--object-format --ref-format",
            risks=(
                Risk(
                    options="--template",
                    effect=Effect.LOADS,
                    why="copies hooks into the repository, which git runs",
                ),
                Risk(
                    options="--separate-git-dir",
                    effect=Effect.WRITES,
                    why="writes a repository there",
                ),
            ),
        ),
        Subcommand(names="init worktree.move", targets=Targets.EACH),
        Subcommand(names="mv", targets=Targets.LAST),
        Subcommand(
            names="worktree.add",
            valued="-b -B --reason",
            targets=Targets.FIRST,
        ),
        Subcommand(
            names="commit-graph read-tree",
            risks=(
                Risk(
                    options="--object-dir --index-output",
                    effect=Effect.WRITES,
                    why="names where it is written",
                ),
            ),
        ),
        Subcommand(
            names="clone",
            targets=Targets.SECOND,
            risks=(
                Risk(
                    options="-u",
                    effect=Effect.RUNS,
                    why="names the program to run at the other end",
                ),
                Risk(
                    options="-c --config",
                    effect=Effect.RUNS,
                    why=_SETS,
                    passing=_HARMLESS_SETTINGS,
                ),
            ),
        ),
        Subcommand(
            names="config",
            refused=_SETS,
            harmless=(
                "--get --get-all --get-regexp --get-urlmatch --get-color "
                f"--get-colorbool --list -l get list {_HARMLESS_KEYS}"
            ),
            valued="--type --default --blob --comment --value --url",
            risks=(
                Risk(
                    options="-f --file",
                    effect=Effect.WRITES,
                    why="names the file that is written",
                    unless="--get --get-all --get-regexp --list -l",
                ),
                Risk(
                    options="-e --edit",
                    effect=Effect.RUNS,
                    why="starts an editor on the configuration",
                    bare=True,
                ),
            ),
        ),
        Subcommand(
            names="fast-export",
            risks=(
                Risk(
                    options="--export-marks",
                    effect=Effect.WRITES,
                    why="writes to a file",
                ),
            ),
        ),
        Subcommand(
            names="filter-branch",
            refused="runs its words as shell commands on every commit",
        ),
        Subcommand(
            names="difftool mergetool citool gui instaweb web--browse",
            refused="starts a tool that its options or the configuration name",
        ),
        Subcommand(
            names="daemon shell http-backend upload-pack receive-pack "
            "upload-archive cvsserver remote-ext remote-fd",
            refused="serves others, or runs what they ask for",
        ),
        Subcommand(
            names="send-email imap-send svn p4 credential credential-store "
            "credential-cache for-each-repo hook maintenance.start "
            "maintenance.register request-pull quiltimport",
            refused="runs programs that its options or the configuration name",
        ),
        Subcommand(
            names="format-patch",
            risks=(
                Risk(
                    options="-o --output-directory",
                    effect=Effect.WRITES,
                    why="names the directory that is written to",
                ),
            ),
        ),
        Subcommand(
            names="grep",
            valued="-e -f -A -B -C -m --max-depth --threads --parent-basename "
            "--max-count --after-context --before-context --context",
            risks=(
                Risk(
                    options="-O --open-files-in-pager",
                    effect=Effect.RUNS,
                    why="starts a program on the files it finds",
                    bare=True,
                ),
            ),
        ),
        Subcommand(
            names="ls-remote push",
            risks=(
                Risk(
                    options="--exec",
                    effect=Effect.RUNS,
                    why="names the program to run at the other end",
                ),
            ),
        ),
        Subcommand(
            names="merge pull rebase",
            risks=(
                Risk(
                    options="-s",
                    effect=Effect.RUNS,
                    why=_STRATEGY,
                    passing=_STRATEGIES,
                ),
            ),
        ),
        Subcommand(
            names="merge pull rebase cherry-pick revert",
            risks=(
                Risk(
                    options="--strategy",
                    effect=Effect.RUNS,
                    why=_STRATEGY,
                    passing=_STRATEGIES,
                ),
            ),
        ),
        Subcommand(
            names="merge-file", valued="-L --marker-size", targets=Targets.FIRST
        ),
        Subcommand(
            names="rebase",
            valued="--onto -X --strategy-option -C --whitespace --empty",
            risks=(
                Risk(
                    options="-x --exec",
                    effect=Effect.TEXT,
                    why="runs a shell command after each commit",
                ),
            ),
        ),
        Subcommand(
            names="submodule.foreach",
            flags="--recursive -q --quiet",
            wraps=Wraps(joined=True),
        ),
    ),
    ordinary=(
        "add am annotate apply archive backfill bisect blame branch bundle cat-file "
        "check-attr check-ignore check-mailmap check-ref-format checkout "
        "checkout-index cherry cherry-pick clean clone column commit commit-graph "
        "commit-tree config count-objects describe diff diff-files diff-index "
        "diff-tree fast-export fetch fmt-merge-msg for-each-ref format-patch fsck gc "
        "grep hash-object help init interpret-trailers lfs log "
        "ls-files ls-remote ls-tree maintenance merge merge-base "
        "merge-file merge-tree mktag mktree mv name-rev notes pack-refs patch-id "
        "prune prune-packed pull push range-diff read-tree rebase reflog refs remote "
        "repack replace replay rerere reset restore rev-list rev-parse revert rm "
        "shortlog show show-branch show-ref sparse-checkout stage stash "
        "status stripspace submodule switch symbolic-ref tag update-index update-ref "
        "update-server-info var verify-commit verify-pack verify-tag version "
        "whatchanged worktree write-tree"
    ),
    harmless="--version --help -v -h",
    reason="Its configuration, helpers and hooks run programs, and so do aliases.",
    passes=(
        "git commit -am 'fix: add dd support'",
        "git -C sub log --oneline -5 -- src",
        "git -c user.name=a -c user.email=a@b.c commit -m x",
        "git config --get remote.origin.url",
        "git config user.email a@b.c",
        "git clone --depth 1 -b main https://example.org/a.git build/a",
        "git grep -n 'std::vector' -- src",
        "git diff --stat origin/main...HEAD",
        "git rebase --exec ls main",
        "git merge -s ours old",
        "git worktree add -b fix build/fix main",
        "git mv a.txt src/",
    ),
    refuses=(
        "git -c core.pager=pwn log",
        "git -C . -c alias.x='!pwn' x",
        "git --exec-path=. status",
        "git clone -u pwn . d",
        "git fetch --upload-p=pwn .",
        "git config alias.x '!pwn'",
        "git config --global core.pager pwn",
        "git grep -Opwn x",
        "git rebase -x pwn main",
        "git bisect run pwn",
        "git submodule foreach pwn",
        "git clone ext::pwn d",
        "git diff --output=.git/hooks/post-commit",
        "git archive -o /etc/x HEAD",
        "git init --template=evil",
        "git --git-dir=evil/.git status",
        "git -C /etc/x init",
        "git clone . /etc/x",
        "git mv a.txt .gitattributes",
        "git pwn",
    ),
)

PROGRAMS: Final = (_GIT,)
