"""Entries that would give away more than they name."""

from __future__ import annotations

import pytest

from commander.policy.launchers import launches


@pytest.mark.parametrize(
    ("entry", "command"),
    [
        ("env", "env pwn"),
        ("sudo", "sudo -s pwn"),
        ("/usr/bin/env", "/usr/bin/env pwn"),
        ("sh", "sh -c pwn"),
        ("bash", "bash run.sh"),
        ("python3", "python3 -c pwn"),
        ("python3.11", "python3.11 x.py"),
        ("lua5.4", "lua5.4 x"),
        ("awk", "awk BEGIN"),
        ("vim", "vim x"),
        ("find", "find . -exec pwn"),
        ("find", "find . -fprintf x y"),
        ("find .", "find . -delete"),
        ("fdfind", "fdfind -tx pwn"),
        ("fd", "fd --exec-b pwn"),
        ("git", "git -c core.pager=pwn log"),
        ("git", "git -C x -p log"),
        ("git", "git --exec-path=x log"),
        ("git", "git config x y"),
        ("git", "git -C x config y z"),
        ("git", "git clone -u pwn . d"),
        ("git", "git bisect run pwn"),
        ("git", "git rebase -ix pwn"),
        ("git", "git grep -Opwn x"),
        ("git grep", "git grep --open-files-in-pager=pwn x"),
        ("git", "git fetch ext::pwn"),
        ("git", "git clone --templ=x ."),
        ("git", "git --namespace x -c alias.p=!pwn p"),
        ("git", "git --namespace x config alias.q !pwn"),
        ("git", "git --namespace x submodule foreach id"),
        ("git", "git --unknown x log"),
        ("git --unknown", "git --unknown x config a b"),
        ("git", "git p"),
        ("git", "git archive -o x HEAD"),
        ("git", "git format-patch -1"),
        ("git", "git daemon"),
        ("git -C x", "git -C x credential-store --file y store"),
        ("kubectl", "kubectl -n prod exec pod -- id"),
        ("kubectl", "kubectl -nprod exec pod -- id"),
        ("docker", "docker -H x run y"),
        ("docker", "docker --log-level debug exec c sh"),
        ("docker", "docker --log-level=debug exec c sh"),
        ("docker", "docker container run y"),
        ("docker", "docker container exec c sh"),
        ("podman", "podman --url x run y"),
        ("npm", "npm --loglevel error exec x"),
        ("yarn", "yarn exec x"),
        ("cargo", "cargo +nightly run"),
        ("cargo", "cargo run"),
        ("ip", "ip netns exec x pwn"),
        ("ip", "ip -netns x net e y pwn"),
        ("perf", "perf record pwn"),
        ("tcpdump", "tcpdump -nz pwn"),
        ("dpkg", "dpkg --pre-invoke=pwn -l"),
        ("hg", "hg --config alias.x=!pwn x"),
        ("svn", "svn --config-option x:y:z=pwn diff"),
        ("tar", "tar -xIpwn f x"),
        ("tar", "tar xIf pwn x"),
        ("tar", "tar -xf x --to-comm=pwn"),
        ("tar", "tar --checkpoint-action exec=pwn"),
        ("sort", "sort -rofile x"),
        ("sort", "sort --compress-prog pwn"),
        ("rg", "rg --pre=pwn x"),
        ("man", "man -P pwn x"),
        ("make", "make SHELL=pwn"),
        ("make", "make --eval=x"),
        ("gmake", "gmake -C x"),
        ("less", "less x +!pwn"),
        ("curl", "curl -so x y"),
        ("npm", "npm exec pwn"),
        ("npm run lint", "npm run lint --script-shell=pwn"),
        ("docker", "docker run -v /:/x y"),
        ("docker", "docker compose exec x pwn"),
        ("go", "go test -exec=pwn"),
        ("printf", "printf -v x y"),
        ("test", "test -v x"),
        ("[", "[ -v x ]"),
    ],
)
def test_more_than_an_entry_names_is_told(entry: str, command: str) -> None:
    cause = launches(command.split(), entry.split())
    assert cause is not None
    assert cause.startswith("`")


@pytest.mark.parametrize(
    ("entry", "command"),
    [
        ("ls", "ls -la"),
        ("env", "env"),
        ("env CI=1", "env CI=1 npm test"),
        ("python3 -m", "python3 -m pytest"),
        ("sh -c", "sh -c pwn"),
        ("find", "find . -name x -print"),
        ("find . -exec", "find . -exec ls"),
        ("git", "git"),
        ("git", "git log -p"),
        ("git", "git --no-pager --git-dir=x log -m exec"),
        ("git archive", "git archive HEAD"),
        ("kubectl", "kubectl -n prod get pod exec"),
        ("docker", "docker -H x ps"),
        ("ip", "ip -br a"),
        ("npm", "npm run exec"),
        ("git", "git -C x status"),
        ("git", "git add -p x"),
        ("git", "git checkout -b x"),
        ("git", "git switch -c x"),
        ("git", "git push -u origin x"),
        ("git", "git log --oneline --stat"),
        ("git", "git clone x"),
        ("git", "git submodule update"),
        ("git config", "git config x y"),
        ("git -c a=b", "git -c a=b log"),
        ("git rebase -x", "git rebase -x make"),
        ("tar", "tar"),
        ("tar", "tar czf x.tgz -C y z"),
        ("tar -I zstd", "tar -I zstd -xf x"),
        ("sort", "sort -k2,2n -t, x"),
        ("rg", "rg -n x"),
        ("make", "make -j4 test"),
        ("curl", "curl -s x"),
        ("docker", "docker ps -a"),
        ("npm", "npm run build"),
        ("go", "go test ./..."),
        ("cargo", "cargo build --release"),
    ],
)
def test_what_an_entry_names_passes(entry: str, command: str) -> None:
    assert launches(command.split(), entry.split()) is None


def test_a_long_word_is_quoted_short() -> None:
    cause = launches(["tar", "-I" + "x" * 500], ["tar"])
    assert cause is not None
    assert len(cause) < 250
