#!/usr/bin/env bash
# usage: tests/image/base.sh NAME
# Makes an image NAME that stands in for the Dockerfile's base, where no registry can
# be asked: a minimal Debian and, in /usr/local and without bytecode as in the official
# image, this machine's Python 3.13; Debian's own Python if there is none.
set -euo pipefail
shopt -s nullglob # not every Python has a shared library

name=$1
suite=bookworm

# The prefix of a Python 3.13 that runs wherever it is copied to.
find_python() {
    local python
    for python in python3.13 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13*/bin/python3.13; do
        "$python" -c 'import sys; sys.base_prefix == "/usr" and sys.exit(1)
print(sys.base_prefix)' 2>/dev/null && return
    done
    return 0
}

copy_python() {
    (cd "$1" && tar -c --exclude=__pycache__ --exclude='site-packages/*' \
        --exclude='config-3.13*' --exclude=lib/python3.13/{test,idlelib,tkinter} \
        bin/python3.13 lib/libpython3* lib/python3.13) | tar -x -C "$root/usr/local"
    ln -s python3.13 "$root/usr/local/bin/python3"
    ln -s python3 "$root/usr/local/bin/python"
    chroot "$root" ldconfig
    chroot "$root" python -m ensurepip >/dev/null
    find "$root/usr/local" -name __pycache__ -prune -exec rm -rf {} +
}

python=$(find_python)
packages=ca-certificates,netbase,tzdata,libffi8,libreadline8,libsqlite3-0,libssl3
[ -n "$python" ] || packages+=,python3,python3-pip,python3-venv
echo "Making a stand-in for $name: Debian $suite, Python ${python:-of Debian}"

# Not beside the rest: debootstrap can do nothing in a path with a space.
root=$(mktemp -d -p /var/tmp)
trap 'rm -rf "$root"' EXIT
if ! said=$(debootstrap --variant=minbase --include="$packages" "$suite" "$root" 2>&1); then
    tail -n 20 <<<"$said" >&2
    exit 1
fi
if [ -n "$python" ]; then
    copy_python "$python"
else
    ln -s /usr/bin/python3 "$root/usr/local/bin/python"
fi
cat >"$root/etc/apt/apt.conf.d/docker-clean" <<END
# As images of Debian have it: nothing that can be fetched again stays in a layer.
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
APT::Keep-Downloaded-Packages "false";
END
# Where the way to the package index is through somebody with a certificate of their own.
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
rm -rf "$root"/var/{cache/apt,lib/apt/lists,log}/* "$root"/usr/share/{doc,locale,man}/*
tar -C "$root" -c . | podman import --quiet --change 'CMD ["python"]' \
    --change 'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin' \
    - "$name"
