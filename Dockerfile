# commander in a container. It needs MCP_AUTH_TOKEN, and a writable /tmp if its root
# file system is read-only; what jobs print goes to a volume of its own:
#   docker run --rm --env MCP_AUTH_TOKEN --publish 127.0.0.1:3000:3000 \
#       --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges IMAGE
# With git, curl and other tools for its commands: --target tools. See docs/image.md.

# Give another base, or this one with a digest, by --build-arg BASE_IMAGE=...
ARG BASE_IMAGE=docker.io/library/python:3.13-slim-bookworm
ARG VERSION=0.1.0
ARG REVISION=unknown

FROM ${BASE_IMAGE} AS build
WORKDIR /src
# The virtual environment needs no pip of its own: the base's installs into it. Hashes
# that nobody checks make bytecode that fits its source whatever copies them.
ARG PIP="python -m pip --disable-pip-version-check --no-cache-dir --python"
COPY requirements/lock.txt requirements/build.txt requirements/
RUN python -m venv --without-pip /opt/commander \
    && python -m venv --without-pip /opt/build \
    && ${PIP} /opt/commander/bin/python install \
        --no-compile --no-deps --require-hashes --requirement requirements/lock.txt \
    && ${PIP} /opt/build/bin/python install \
        --no-deps --require-hashes --requirement requirements/build.txt \
    && find /opt/commander/lib -type d '(' -name test -o -name tests ')' -prune \
        -exec rm -r {} +
COPY setup.py pyproject.toml README.md LICENSE ./
COPY twisted twisted
COPY commander commander
RUN ${PIP} /opt/build/bin/python wheel \
        --no-deps --no-build-isolation --wheel-dir /opt/build . \
    && ${PIP} /opt/commander/bin/python install --no-compile --no-deps /opt/build/*.whl \
    && ${PIP} /opt/commander/bin/python check \
    && install commander/entrypoint.py /opt/commander/bin/commander-entrypoint \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/commander/lib
# Twisted keeps what it knows about plugins in a file; at run time it could not.
RUN /opt/commander/bin/twist commander --version
COPY image/health image/sbom.py /opt/commander/bin/

FROM ${BASE_IMAGE} AS server
# wget is for health checks that come from elsewhere. No versions are pinned: the
# mirrors drop a package's version when its next fix comes.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends wget \
    && rm -rf /var/lib/apt/lists/*
# The official base has the standard library without bytecode.
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash \
    -x '/(site|dist)-packages/|/(ensurepip|idlelib|lib2to3|test|tkinter|turtledemo)/' \
    "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
# Commands may not write the home directory: the server reads settings from there.
# They start in /work, which is theirs; mount a volume on it to keep what they write.
# Nobody can look into a process whose program he may not read: see image/health.
RUN groupadd --gid 10001 commander \
    && useradd --uid 10001 --gid 10001 --no-log-init --no-create-home \
        --home-dir /home/commander --shell /usr/sbin/nologin commander \
    && install --directory /home/commander \
    && install --directory --owner=10001 --group=10001 /work \
    && install --directory --mode=1777 /var/spool/commander \
    && install -D --mode=0711 /bin/bash /usr/local/libexec/commander/bash
COPY --from=build /opt/commander /opt/commander
# Not by PATH: the python that commands find is the base's.
RUN ln -s /opt/commander/bin/twist /opt/commander/bin/commander-mcp \
        /opt/commander/bin/commander-entrypoint /usr/local/bin/ \
    && ln -s /opt/commander/bin/health /usr/local/bin/commander-health \
    && install --directory /usr/local/share/commander \
    && python /opt/commander/bin/sbom.py /opt/commander/lib/python3*/site-packages \
        /usr/local/lib/python3*/site-packages \
        >/usr/local/share/commander/sbom.cdx.json

# A mount on a path that is declared takes over its owner and mode: on Fargate a volume
# would belong to root otherwise. And engines make a volume on it that is on disk, with a
# read-only root too. No memory of the container goes into the output of jobs then.
VOLUME ["/tmp", "/var/spool/commander"]

ENV LANG=C.UTF-8 \
    MCP_HTTP_HOST=0.0.0.0 \
    MCP_HTTP_PORT=3000 \
    MCP_SPOOL_DIR=-/var/spool/commander/output
WORKDIR /work
USER 10001:10001
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s --retries=3 \
    CMD ["commander-health"]
# It takes the secrets off the environment, and then is the server: process 1.
ENTRYPOINT ["commander-entrypoint"]
CMD ["twist", "commander"]
LABEL org.opencontainers.image.title="commander" \
    org.opencontainers.image.description="An MCP server that runs shell commands for AI agents" \
    org.opencontainers.image.licenses="MIT"

FROM server AS tools
# What agents use daily, and the base lacks. No ssh: its keys would have to lie where
# every command can read them.
USER 0:0
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends curl git jq less ripgrep \
    && rm -rf /var/lib/apt/lists/* \
    && python /opt/commander/bin/sbom.py /opt/commander/lib/python3*/site-packages \
        /usr/local/lib/python3*/site-packages \
        >/usr/local/share/commander/sbom.cdx.json
USER 10001:10001
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"

# The last stage is what is built without --target.
FROM server
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
