#!/usr/bin/env bash
# usage: tests/image/run.sh [PYTEST_ARGUMENT...]
# Builds the image as `make image` does, without a daemon and without a registry, and
# tries it. All that podman and buildah keep is under .cache/image.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

tests/image/tools.sh

state=$PWD/.cache/image
mkdir -p "$state"
export CONTAINERS_STORAGE_CONF=$state/storage.conf CONTAINERS_CONF=$state/containers.conf
cat >"$CONTAINERS_STORAGE_CONF" <<END
[storage]
driver = "overlay"
graphroot = "$state/storage"
runroot = "$state/run"
[storage.options.overlay]
# Nothing may stay mounted.
skip_mount_home = "true"
END
# runc, as crun refuses machines that mix cgroups v1 and v2. The limits, as without them
# it would ask for more than a root without CAP_SYS_RESOURCE may have.
cat >"$CONTAINERS_CONF" <<END
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
tmp_dir = "$state/run/libpod"
[network]
network_backend = "netavark"
END
trap 'podman rm --all --force --time 0 >/dev/null' EXIT

# The Dockerfile is built as it is: under the name of its base is our stand-in.
base=$(sed -n 's/^ARG BASE_IMAGE=//p' Dockerfile)
podman image exists "$base" || tests/image/base.sh "$base"
export COMMANDER_IMAGE=localhost/commander:test
export COMMANDER_TOOLS_IMAGE=localhost/commander:test-tools
build() {
    # As make does: a changed --build-arg alone would not get past buildah's cache.
    BUILDER=buildah .ci/image "$@" --label org.opencontainers.image.revision=tested \
        --pull-never --isolation chroot --network host --quiet
    echo "Built $1 in $SECONDS s, $(podman image inspect --format '{{.Size}}' "$1" |
        numfmt --to=si) with its base"
    podman history --format '{{.Size}}\t{{.CreatedBy}}' "$1" | grep -v '^0 B' | cut -c -80
}
SECONDS=0
build "$COMMANDER_IMAGE"
build "$COMMANDER_TOOLS_IMAGE" --target tools
.venv/bin/python -m pytest -p no:cacheprovider tests/image "$@"
