# commander in a container. It needs MCP_AUTH_TOKEN, and a writable /tmp if its root
# file system is read-only:
#   docker run --rm --env MCP_AUTH_TOKEN --publish 127.0.0.1:3000:3000 \
#       --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges IMAGE

# Give another base, or this one with a digest, by --build-arg BASE_IMAGE=...
ARG BASE_IMAGE=docker.io/library/python:3.13-slim-bookworm

FROM ${BASE_IMAGE} AS build
WORKDIR /src
COPY setup.py pyproject.toml README.md LICENSE ./
COPY requirements/constraints.txt requirements/
COPY twisted twisted
COPY commander commander
# The virtual environment needs no pip of its own: the base's installs into it. Hashes
# that nobody checks make bytecode that fits its source whatever copies them.
RUN python -m venv --without-pip /opt/commander \
    && python -m pip --python /opt/commander/bin/python install \
        --no-cache-dir --no-compile --constraint requirements/constraints.txt . \
    && /opt/commander/bin/python -m compileall -q -j 0 -x '/tests?/' \
        --invalidation-mode unchecked-hash /opt/commander/lib
# Twisted keeps what it knows about plugins in a file; at run time it could not.
RUN /opt/commander/bin/twist commander --version

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="commander" \
    org.opencontainers.image.description="An MCP server that runs shell commands for AI agents" \
    org.opencontainers.image.licenses="MIT"
# wget is for health checks. tini is process 1: it reaps what commands leave behind,
# and a server that ends by a signal is seen to have done so. No versions are pinned:
# the mirrors drop a package's version when its next fix comes.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends tini wget \
    && rm -rf /var/lib/apt/lists/*
# The official base has the standard library without bytecode.
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash \
    -x '/(site|dist)-packages/|/(ensurepip|idlelib|lib2to3|test|tkinter|turtledemo)/' \
    "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
# Commands may not write the home directory: the server reads settings from there.
# They start in /work, which is theirs; mount a volume on it to keep what they write.
RUN groupadd --gid 10001 commander \
    && useradd --uid 10001 --gid 10001 --no-log-init --no-create-home \
        --home-dir /home/commander --shell /usr/sbin/nologin commander \
    && install --directory /home/commander \
    && install --directory --owner=10001 --group=10001 /work
COPY --from=build /opt/commander /opt/commander
# Not by PATH: the python that commands find is the base's.
RUN ln -s /opt/commander/bin/twist /opt/commander/bin/commander-mcp /usr/local/bin/

# A mount on a path that is declared takes over its owner and mode: on Fargate a volume
# would belong to root otherwise.
VOLUME ["/tmp"]

ENV LANG=C.UTF-8 \
    MCP_HTTP_HOST=0.0.0.0 \
    MCP_HTTP_PORT=3000
WORKDIR /work
USER 10001:10001
EXPOSE 3000
STOPSIGNAL SIGTERM
# In a shell, for the port that is set.
# hadolint ignore=DL3025
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s --retries=3 \
    CMD wget --no-verbose --tries=1 --timeout=4 --no-proxy --spider "http://localhost:${MCP_HTTP_PORT}/health"
ENTRYPOINT ["tini", "-s", "--"]
CMD ["twist", "commander"]
