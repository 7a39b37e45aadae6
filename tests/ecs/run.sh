#!/usr/bin/env bash
# usage: tests/ecs/run.sh [PYTEST_ARGUMENT...]
# Goes through ECS.md on an AWS of this machine, with the image that tests/image/run.sh
# built. It happens in a network without a way out and in namespaces that end with it,
# so nothing is left: no process, no mount, no name. What is kept meanwhile is under
# .cache/ecs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

export STATE=$PWD/.cache/ecs
if [ "${1:-}" != --inside ]; then
    tests/ecs/tools.sh
    clean() { rm -rf --one-file-system "$STATE"; }
    trap clean EXIT
    clean
    mkdir -p "$STATE/bin"
    timeout --kill-after=10 300 \
        unshare --net --mount --pid --fork --kill-child --mount-proc \
        --propagation private "$0" --inside "$@"
    exit
fi
shift

export ACCOUNT=000000000000 REGION=us-east-1
registry=$ACCOUNT.dkr.ecr.$REGION.amazonaws.com

# podman keeps images and containers here, and may read those of tests/image.
export CONTAINERS_STORAGE_CONF=$STATE/storage.conf CONTAINERS_CONF=$STATE/containers.conf
export CONTAINERS_REGISTRIES_CONF=$STATE/registries.conf
export REGISTRY_AUTH_FILE=$STATE/auth.json DOCKER_HOST=unix:///run/podman.sock
cat >"$CONTAINERS_STORAGE_CONF" <<END
[storage]
driver = "overlay"
graphroot = "$STATE/storage"
runroot = "$STATE/run"
[storage.options]
additionalimagestores = ["$PWD/.cache/image/storage"]
[storage.options.overlay]
skip_mount_home = "true"
END
# See tests/image/run.sh for the reasons.
cat >"$CONTAINERS_CONF" <<END
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
tmp_dir = "$STATE/run/libpod"
[network]
network_backend = "netavark"
network_config_dir = "$STATE/networks"
END
cat >"$CONTAINERS_REGISTRIES_CONF" <<END
unqualified-search-registries = []
[[registry]]
location = "$registry"
insecure = true
END
# What people call docker is podman here; the rest is for machines without systemd.
cat >"$STATE/bin/docker" <<'END'
#!/bin/sh
[ "$1" = build ] || exec podman "$@"
shift
exec podman build --format docker --layers --pull-never --isolation chroot \
    --network host "$@"
END
chmod +x "$STATE/bin/docker"
PATH=$STATE/bin:$PWD/.venv-aws/bin:$PATH

# What programs leave where all programs of the machine look, they leave here.
mount -t tmpfs tmpfs /run
export TMPDIR=$STATE/tmp
mkdir "$TMPDIR"
trap 'podman rm --all --force --time 0 >/dev/null 2>&1' EXIT

# The names of AWS lead to this machine.
ip link set lo up
{ cat /etc/hosts; echo "127.0.0.1 $registry"; } >"$STATE/hosts"
mount --bind "$STATE/hosts" /etc/hosts
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=local AWS" \
    -addext "subjectAltName=DNS:localhost,DNS:*.elb.amazonaws.com,DNS:*.$REGION.elb.amazonaws.com,DNS:$registry" \
    -keyout "$STATE/key.pem" -out "$STATE/certificate.pem" 2>/dev/null
export AWS_ENDPOINT_URL=https://localhost AWS_CA_BUNDLE=$STATE/certificate.pem
export CURL_CA_BUNDLE=$STATE/certificate.pem
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=$REGION
export AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/dev/null
export AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_PAGER=

podman system service --time 0 "$DOCKER_HOST" 2>"$STATE/podman.log" &
# It looks for itself among the containers, by the name of its host.
HOSTNAME=none MINISTACK_REGION=$REGION .venv-aws/bin/python -m hypercorn ministack.app:app \
    --bind 127.0.0.1:443 --insecure-bind 127.0.0.1:80 \
    --certfile "$STATE/certificate.pem" --keyfile "$STATE/key.pem" >"$STATE/aws.log" 2>&1 &
for _ in $(seq 60); do
    aws sts get-caller-identity >/dev/null 2>&1 && ready=yes && break
    sleep 0.5
done
if [ -z "${ready:-}" ]; then
    tail -n 20 "$STATE/aws.log" >&2
    exit 1
fi
.venv/bin/python -m pytest -p no:cacheprovider -p no:randomly tests/ecs "$@"
