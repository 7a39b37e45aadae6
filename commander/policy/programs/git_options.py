"""Options of git's everyday subcommands that take the next word.

None of them runs anything. They are named so that a word that is computed, such as the
message of ``git commit -m "$text"``, is not taken for an option.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from commander.policy.programs.model import Subcommand

__all__ = ["VALUED"]

_LOG: Final = (
    "-n --max-count --skip --since --after --until --before --author --committer "
    "--grep -S -G -L --date --format --diff-filter -O -l --max-parents --min-parents"
)
_BY_SUBCOMMAND: Final[Mapping[str, str]] = {
    "commit": "-m --message -F --file -C -c --reuse-message --reedit-message --fixup "
    "--squash --author --date --trailer --cleanup --pathspec-from-file",
    "tag": "-m --message -F --file -u --local-user --cleanup --sort --format "
    "--points-at",
    "merge": "-m --message -F --file -s --strategy -X --strategy-option --into-name",
    "cherry-pick revert": "-m --mainline -X --strategy-option --strategy --cleanup",
    "log show whatchanged reflog shortlog": _LOG,
    "diff": "-S -G -O -l --diff-filter --inter-hunk-context --word-diff-regex",
    "branch": "-u --set-upstream-to --sort --format --points-at --contains --merged",
    "checkout switch": "-b -B -c -C --orphan --conflict --create --force-create",
    "restore reset": "-s --source --conflict --pathspec-from-file",
    "stash.push stash.save stash": "-m --message --pathspec-from-file",
    "push": "-o --push-option --repo",
    "fetch pull": "--depth --deepen --shallow-since --refmap -o --server-option",
    "notes.add notes.append": "-m --message -F --file -C",
    "blame annotate": "-L -S --date --ignore-rev --ignore-revs-file --contents",
    "ls-files": "-x --exclude -X --exclude-from --exclude-per-directory --with-tree",
    "describe": "--match --exclude --candidates --abbrev",
    "remote.add": "-t -m",
}

VALUED: Final = tuple(
    Subcommand(names=names, valued=options) for names, options in _BY_SUBCOMMAND.items()
)
