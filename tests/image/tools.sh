#!/usr/bin/env bash
# Sees to it that the tools of run.sh are there: on Debian root installs what is
# missing. Otherwise one line on standard error says why they cannot be had.
set -euo pipefail

fail() {
    echo "$*" >&2
    exit 1
}

PACKAGES=(
    buildah podman runc crun fuse-overlayfs debootstrap skopeo uidmap netavark
    aardvark-dns slirp4netns iptables conmon catatonit
)

[ "$(id -u)" = 0 ] || fail "they need root, to make a root file system and to mount it"
for tool in buildah podman runc debootstrap; do
    command -v "$tool" >/dev/null || missing=$tool
done
[ -n "${missing:-}" ] || exit 0
command -v apt-get >/dev/null || fail "$missing is missing, and apt-get to install it"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "Installing ${PACKAGES[*]}"
{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${PACKAGES[@]}"; } >"$log" 2>&1 ||
    fail "apt-get cannot install $missing: $(grep -m1 '^E:' "$log" || tail -n1 "$log")"
