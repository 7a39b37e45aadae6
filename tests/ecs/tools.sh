#!/usr/bin/env bash
# Whether run.sh can be run here. Otherwise one line on standard error says why not.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

fail() {
    echo "$*" >&2
    exit 1
}

tests/image/tools.sh
for tool in unshare ip openssl curl; do
    command -v "$tool" >/dev/null || fail "$tool is missing"
done
[ -e .cache/image/storage.conf ] || fail "there is no image: run \`make image-test\` first"
unshare --net --mount --pid --fork --mount-proc true 2>/dev/null ||
    fail "this kernel gives them no network of their own"
