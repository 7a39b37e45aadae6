"""Every setting of the server, in one class.

``Settings`` is the only place that knows a variable's name, flag, unit, default
and the reason for that default. ``commander.sources`` fills it from flags, the
environment and ``~/.mcp_env``; ``docs/configuration.md`` is generated from it; the
command line is built from it. Nothing below this layer reads the environment.

A setting's text is turned into its value by its *kind*. A kind says in words what
it accepts, so that every error can name variable, value, source and the remedy.
"""

from __future__ import annotations

import ipaddress
import os

import attrs

from commander.kinds import (
    ABSOLUTE_PATH,
    CHOICE,
    COMMANDS,
    COUNT,
    DIRECTORIES,
    DURATION,
    DURATION_OR_ZERO,
    NAMES,
    ORIGINS,
    PATH,
    PORT,
    SIZE,
    SWITCH,
    TEXT,
    TOKEN,
    USER,
    WHOLE_SECONDS,
    WISH_MARK,
    WISHED_PATH,
)
from commander.specs import setting

__all__ = ["Settings", "is_loopback"]


@attrs.frozen(kw_only=True)
class Settings:
    """The effective configuration; frozen for the life of the process."""

    # --- the guide's variables -------------------------------------------------
    auth_token: str | None = setting(
        None,
        TOKEN,
        "Token that every HTTP request must carry, as `X-MCP-Auth-Token: T` or "
        "`Authorization: Bearer T`. Required unless the server listens on loopback "
        "only, where a token is generated if none is set, or `MCP_AUTH_TOKENS_FILE` "
        "is.",
        "Nobody may run commands by accident.",
        variable="MCP_AUTH_TOKEN",
        flag=None,  # an argument is readable by everyone in /proc
        secret=True,
    )
    auth_tokens_file: str | None = setting(
        None,
        PATH,
        "File with the tokens of several principals, as digests, some with an expiry; "
        "valid beside `MCP_AUTH_TOKEN`, if that is set. SIGHUP has it read again: see "
        "`docs/tokens.md`. The server does not start if others can write it, or if it "
        "is larger than 64 KiB.",
        "One token is the normal case.",
        variable="MCP_AUTH_TOKENS_FILE",
        flag=None,  # next to --auth-token, which must not exist, it would be mistyped
    )
    allowed_commands: tuple[str, ...] = setting(
        (),
        COMMANDS,
        "Comma-separated commands that may run, compared word by word, case-sensitive, "
        "with every command of a text: see `docs/policy.md`. Empty allows everything "
        "that no blocklist names.",
        "The guide's default; set it on every server that others can reach.",
        variable="MCP_ALLOWED_COMMANDS",
    )
    blocked_commands: tuple[str, ...] = setting(
        (),
        COMMANDS,
        "Comma-separated commands that may not run, compared word by word; added to "
        "the default blocklist.",
        "The guide's default.",
        variable="MCP_BLOCKED_COMMANDS",
    )
    default_timeout_seconds: float = setting(
        30.0,
        DURATION,
        "How long a command may run if the call does not say.",
        "The guide's default. More than `MCP_MAX_TIMEOUT` is an error at start.",
        variable="MCP_DEFAULT_TIMEOUT",
        flag="timeout",
        unit="seconds",
    )
    shell: str = setting(
        "/bin/sh",
        ABSOLUTE_PATH,
        "Absolute path of the shell that runs commands. With an allow-list or a "
        "blocklist of yours: sh, dash, ash or bash, by its name.",
        "The guide's default; every Linux has it.",
        variable="MCP_SHELL",
    )
    shell_arg: str = setting(
        "-c",
        TEXT,
        "Argument that makes the shell read the command from the next argument. "
        "Setting the shell alone keeps it.",
        "The guide's default; the same for every POSIX shell.",
        variable="MCP_SHELL_ARG",
    )
    log_level: str = setting(
        "info",
        CHOICE("off", "error", "warn", "info", "access", "debug"),
        "How much is logged. Each level includes those before it; `CMD_START` and "
        "`CMD_EXEC` are written at `info`.",
        "The guide's default, and the least at which its log queries work.",
        variable="MCP_LOG_LEVEL",
    )
    # --- the Go server's -------------------------------------------------------
    log_dir: str | None = setting(
        None,
        PATH,
        "Directory for daily log files "
        "`go-mcp-commander/go-mcp-commander-YYYY-MM-DD.log`, written beside the log on "
        "standard output.",
        "A container logs to standard output; files are for desks.",
        variable="MCP_LOG_DIR",
    )
    use_default_blocklist: bool = setting(
        True,
        SWITCH,
        "Whether the default blocklist is in force (`rm -rf /`, `mkfs`, `dd`, power "
        "commands, fork bombs and the like).",
        "On, as in the guide.",
        flag="use-default-blocklist",
    )
    http: bool = setting(
        True,
        SWITCH,
        "Accepted for command lines of the Go server; HTTP is the default here.",
        "No effect.",
        flag="http",
    )
    # --- HTTP ------------------------------------------------------------------
    http_host: str = setting(
        "127.0.0.1",
        TEXT,
        "Address to listen on. Anything but a loopback address needs `MCP_AUTH_TOKEN` "
        "or `MCP_AUTH_TOKENS_FILE`.",
        "Nobody else can reach it until an operator decides so.",
        variable="MCP_HTTP_HOST",
        flag="host",
    )
    http_port: int = setting(
        3000,
        PORT,
        "TCP port to listen on.",
        "The guide's port.",
        variable="MCP_HTTP_PORT",
        flag="port",
    )
    listen: str | None = setting(
        None,
        TEXT,
        "A Twisted endpoint string such as `tcp:3000:interface=127.0.0.1`, in place of "
        "host and port.",
        "For sockets handed over by a supervisor.",
        flag="listen",
    )
    transport: str = setting(
        "http",
        CHOICE("http", "stdio"),
        "How clients talk to the server: over HTTP, or `stdio` for a client that "
        "starts the server itself. stdio needs no token, and logs to standard error.",
        "The container case.",
        variable="MCP_TRANSPORT",
    )
    server_name: str = setting(
        "go-mcp-commander",
        TEXT,
        "Name in `/health` and in the server information of MCP.",
        "The guide's `/health` answer holds this name.",
        variable="MCP_SERVER_NAME",
    )
    allowed_origins: tuple[str, ...] = setting(
        (),
        ORIGINS,
        "Comma-separated `Origin` values, such as `https://app.example`, that browsers "
        "may send. Pages of these may also read the answers (CORS). The server's own "
        "host is always accepted.",
        "A web page must not reach a shell.",
        variable="MCP_ALLOWED_ORIGINS",
    )
    allowed_hosts: tuple[str, ...] = setting(
        (),
        NAMES,
        "Comma-separated `Host` names that are accepted. Empty: the loopback names if "
        "the server listens on loopback, else any.",
        "Protects a desk against DNS rebinding; a load balancer may use any name.",
        variable="MCP_ALLOWED_HOSTS",
    )
    max_body_bytes: int = setting(
        4 * 1024 * 1024,
        SIZE,
        "Largest request body; more is answered 413 before it is read.",
        "What the official Python SDK takes. All bodies in flight together are bound "
        "to 64 MiB.",
        variable="MCP_MAX_BODY_BYTES",
        unit="bytes",
    )
    max_connections: int = setting(
        512,
        COUNT,
        "Connections open at once; one more is closed at once.",
        "Leaves descriptors for commands under the usual limit of 1024.",
        variable="MCP_MAX_CONNECTIONS",
        unit="connections",
    )
    http_idle_timeout_seconds: float = setting(
        120.0,
        DURATION,
        "How long a connection may stay open between requests.",
        "Above the 60 s of a load balancer, which must be the one to close. Headers "
        "must arrive within 10 s, a body within 30 s.",
        variable="MCP_HTTP_IDLE_TIMEOUT",
        unit="seconds",
    )
    no_auth: bool = setting(
        False,
        SWITCH,
        "Serve without a token. Only on loopback; warns at every start.",
        "For tests with tools that cannot send a header.",
        flag="no-auth",
    )
    # --- commands --------------------------------------------------------------
    max_timeout_seconds: float = setting(
        3600.0,
        DURATION,
        "Longest run limit that a call can ask for; more is clamped and told in "
        "`effective`.",
        "A forgotten command ends within the hour.",
        variable="MCP_MAX_TIMEOUT",
        unit="seconds",
    )
    kill_grace_seconds: float = setting(
        5.0,
        DURATION,
        "Time between TERM and KILL when a command has to end.",
        "Enough for build tools to remove their temporary files.",
        variable="MCP_KILL_GRACE",
        unit="seconds",
    )
    max_concurrent: int = setting(
        32,
        COUNT,
        "Commands that run at once.",
        "Each may hold two output windows of `MCP_MAX_OUTPUT_BYTES`.",
        variable="MCP_MAX_CONCURRENT",
        unit="commands",
    )
    max_queued: int = setting(
        64,
        COUNT,
        "Commands that wait for a slot; one more is answered `busy`.",
        "Twice the slots: longer queues only turn into client timeouts.",
        variable="MCP_MAX_QUEUED",
        unit="commands",
    )
    max_queue_wait_seconds: float = setting(
        30.0,
        DURATION,
        "How long a command waits for a slot before it is answered `busy`.",
        "Half of the 60 s after which common clients give up.",
        variable="MCP_MAX_QUEUE_WAIT",
        unit="seconds",
    )
    max_per_principal: int | None = setting(
        None,
        COUNT,
        "Running commands of one principal. Unset: `MCP_MAX_CONCURRENT`.",
        "One token is the normal case.",
        variable="MCP_MAX_PER_PRINCIPAL",
        unit="commands",
    )
    max_output_bytes: int = setting(
        1024 * 1024,
        SIZE,
        "Beginning and end that are kept of each output stream; what is omitted "
        "between is counted. A result on `/` carries all of it, one on `/mcp` some "
        "30,000 bytes: the rest is read with `read_output`.",
        "Whole logs of ordinary commands. 32 commands keep 64 MiB at worst; an answer "
        "on `/` that carries all of it is about twice as long.",
        variable="MCP_MAX_OUTPUT_BYTES",
        unit="bytes",
    )
    output_limit_bytes: int | None = setting(
        None,
        SIZE,
        "End a command that wrote more than this on both streams together.",
        "Off: output costs no memory.",
        variable="MCP_OUTPUT_LIMIT_BYTES",
        unit="bytes",
    )
    memory_budget_bytes: int = setting(
        96 * 1024 * 1024,
        SIZE,
        "Memory for the kept output of all commands together. When it is used up, "
        "windows get smaller than `MCP_MAX_OUTPUT_BYTES`, the largest first; what they "
        "drop is counted. Each command has 8 KiB of its own: less than that for "
        "`MCP_MAX_CONCURRENT` commands is an error at start.",
        "The full windows of all commands, and half as much again.",
        variable="MCP_MEMORY_BUDGET_BYTES",
        unit="bytes",
    )
    limit_cpu_seconds: int | None = setting(
        None,
        WHOLE_SECONDS,
        "Processor time of each process of a command. Then it gets SIGXCPU, and a "
        "second later SIGKILL.",
        "Off: the run limit bounds a command already.",
        variable="MCP_LIMIT_CPU_SECONDS",
        unit="seconds",
    )
    limit_memory_bytes: int | None = setting(
        None,
        SIZE,
        "Address space of each process of a command. Beyond it, its allocations fail. "
        "At least 16 MiB.",
        "Off: programs with a garbage collector reserve much more than they use.",
        variable="MCP_LIMIT_MEMORY_BYTES",
        unit="bytes",
    )
    limit_file_bytes: int | None = setting(
        None,
        SIZE,
        "Size of a file that a command writes. Beyond it, the process gets SIGXFSZ.",
        "Off: how large a disk is, only its owner knows.",
        variable="MCP_LIMIT_FILE_BYTES",
        unit="bytes",
    )
    limit_files: int | None = setting(
        None,
        COUNT,
        "Files and sockets that each process of a command has open. At least 16.",
        "Off: the server's own limit holds.",
        variable="MCP_LIMIT_FILES",
        unit="files",
    )
    limit_processes: int | None = setting(
        None,
        COUNT,
        "Processes of a command. Where the server may make control groups, one more "
        "cannot be made; threads count too. Else, with `MCP_RUN_AS`, the limit is for "
        "all processes and threads of that user together. Else processes are counted "
        "four times a second, and a command with more is ended. The log of the start "
        "names which of them holds.",
        "Off: containers bound processes themselves.",
        variable="MCP_LIMIT_PROCESSES",
        unit="processes",
    )
    run_as: str | None = setting(
        None,
        USER,
        "Run commands as this user. `uid:gid` means no group but this. The server must "
        "be root, or have CAP_SETUID, CAP_SETGID and CAP_KILL, and find `setpriv` and "
        "`prlimit` of util-linux; otherwise it does not start. HOME, USER and LOGNAME "
        "are that user's.",
        "Off: it takes a server with rights that it should not have in a container.",
        variable="MCP_RUN_AS",
    )
    pass_env: tuple[str, ...] = setting(
        (),
        NAMES,
        "Comma-separated names that commands inherit from the server, beside PATH, "
        "HOME, LANG, LC_*, TZ, USER and TMPDIR.",
        "Secrets of the server stay with the server.",
        variable="MCP_PASS_ENV",
    )
    allowed_env: tuple[str, ...] = setting(
        (),
        NAMES,
        "Comma-separated names that may be set while an allow-list is in force, by a "
        "call's `env` or in a command, although their shape says that they steer "
        "programs.",
        "Names such as LD_PRELOAD or PATH decide what runs.",
        variable="MCP_ALLOWED_ENV",
    )
    working_directory: str | None = setting(
        None,
        PATH,
        "Where commands run if the call does not say. Unset: the first directory of "
        "`MCP_WORKSPACE`, else the server's directory.",
        "As the Go server.",
        variable="MCP_WORKING_DIRECTORY",
    )
    workspace: tuple[str, ...] = setting(
        (),
        DIRECTORIES,
        "Colon-separated directories. Commands write below them and, for temporary "
        "files, below `/tmp`, `/dev/shm` and TMPDIR, and nowhere else; reading stays "
        "free. The kernel holds it where `MCP_SANDBOX` can. `MCP_WORKING_DIRECTORY` "
        "must lie inside.",
        "Off: where commands have to write, only the operator knows.",
        variable="MCP_WORKSPACE",
    )
    sandbox: str = setting(
        "auto",
        CHOICE("auto", "require", "off"),
        "Whether the kernel (Landlock) stands behind the policy. With an allow-list, "
        "commands then execute only the programs that it names and what those are "
        "known to need; with `MCP_WORKSPACE`, they write only there. `auto` does what "
        "it can: not where the kernel has no Landlock, and no hold on programs while "
        "an entry names one that may execute anything, such as `make` or `python3`. "
        "`require` does not start then, nor if there is nothing to hold. The log of "
        "the start says what is held.",
        "It costs nothing, and stops what no reading of a command can.",
        variable="MCP_SANDBOX",
    )
    log_commands: str = setting(
        "masked",
        CHOICE("full", "masked", "hash"),
        "How commands appear in the log: as they are, with secret shapes masked, or as "
        "a hash only.",
        "Commands carry passwords more often than their authors think.",
        variable="MCP_LOG_COMMANDS",
    )
    terminals: str = setting(
        "auto",
        CHOICE("auto", "on", "off"),
        "Whether commands may run in a terminal (`tty`). `auto`: not while an "
        "allow-list is in force.",
        "Pagers and others that are harmless in a pipe start a shell for whoever types "
        "to them.",
        variable="MCP_TERMINALS",
    )
    # --- jobs ------------------------------------------------------------------
    max_finished: int = setting(
        100,
        COUNT,
        "Jobs that are kept for reading after their end, of all principals together. "
        "The oldest of whoever has the most is forgotten first; so it is where their "
        "output takes more than half of `MCP_MEMORY_BUDGET_BYTES`.",
        "More than an agent comes back to.",
        variable="MCP_MAX_FINISHED",
        unit="jobs",
    )
    finished_ttl_seconds: float = setting(
        3600.0,
        DURATION,
        "How long a job is kept for reading after its end.",
        "A client that was cut off comes back sooner.",
        variable="MCP_FINISHED_TTL",
        unit="seconds",
    )
    spool_dir: str | None = setting(
        None,
        WISHED_PATH,
        "Directory for the full output of jobs, which is removed with its job and at "
        "the end of the server. Where it cannot be used the server does not start; "
        "with `-` before it, it starts without and warns. Unset: the beginning and the "
        "end are kept in memory, as `MCP_MAX_OUTPUT_BYTES` says.",
        "A disk may be small. The image sets `-/var/spool/commander/output`.",
        variable="MCP_SPOOL_DIR",
    )
    spool_job_bytes: int = setting(
        64 * 1024 * 1024,
        SIZE,
        "Output of one job on disk; what comes later is kept as without a spool.",
        "The log of a large build.",
        variable="MCP_SPOOL_JOB_BYTES",
        unit="bytes",
    )
    spool_total_bytes: int = setting(
        1024 * 1024 * 1024,
        SIZE,
        "Output of all jobs on disk.",
        "Sixteen large builds.",
        variable="MCP_SPOOL_TOTAL_BYTES",
        unit="bytes",
    )
    # --- clients ---------------------------------------------------------------
    execute_yield_seconds: float = setting(
        50.0,
        DURATION_OR_ZERO,
        "An `execute_command` call of an MCP client that shows no progress is answered "
        "with a `job_id` after this time; the command goes on. `0` never does that. "
        "Callers without MCP, on `POST /`, always get the whole result.",
        "Common clients give up after 60 s.",
        variable="MCP_EXECUTE_YIELD",
        unit="seconds",
    )
    output_schema: bool = setting(
        True,
        SWITCH,
        "Whether tools publish an `outputSchema`. Off (`off`, `false`) makes "
        "`tools/list` smaller; structured results stay.",
        "Clients that know it check results against it.",
        variable="MCP_OUTPUT_SCHEMA",
    )
    max_sessions: int = setting(
        1000,
        COUNT,
        "Sessions of clients up to 2025-11-25 that are remembered at once. Beyond it "
        "the one that was used longest ago and has nothing open is forgotten; if all "
        "have, a new one is refused with Retry-After.",
        "Each is a few hundred bytes, and the connections that it has open.",
        variable="MCP_MAX_SESSIONS",
    )
    session_idle_seconds: float = setting(
        3600.0,
        DURATION,
        "From a session's last request until its streams and its log level are "
        "forgotten. Its id stays good: the next request finds a fresh session.",
        "An agent's pause for lunch.",
        variable="MCP_SESSION_IDLE",
        unit="seconds",
    )
    session_key: str | None = setting(
        None,
        TOKEN,
        "Signs session ids. Replicas with the same key, or with the same "
        "`MCP_AUTH_TOKEN`, take each other's sessions, and so does a server after a "
        "restart. Set it for replicas that have `MCP_AUTH_TOKENS_FILE` only.",
        "Derived from `MCP_AUTH_TOKEN` or the generated token; without either, made "
        "anew at every start.",
        variable="MCP_SESSION_KEY",
        flag=None,  # an argument is readable by everyone in /proc
        secret=True,
    )
    # --- watching ----------------------------------------------------------------
    metrics_token: str | None = setting(
        None,
        TOKEN,
        "Token that a scraper of `/metrics` must send, as `Authorization: Bearer T`. "
        "Unset: programs on this machine may read them without one, through no proxy. "
        "To others the path is not there.",
        "Figures tell how busy a server is and what it refuses; a scraper must not "
        "need the token that runs commands.",
        variable="MCP_METRICS_TOKEN",
        flag=None,  # an argument is readable by everyone in /proc
        secret=True,
    )
    # --- shutdown --------------------------------------------------------------
    drain_delay_seconds: float = setting(
        0.0,
        DURATION_OR_ZERO,
        "After SIGTERM: how long calls are still served while `/health` answers 503.",
        "Zero suits ECS, which takes the task out of the load balancer first.",
        variable="MCP_DRAIN_DELAY",
        unit="seconds",
    )
    shutdown_grace_seconds: float = setting(
        20.0,
        DURATION_OR_ZERO,
        "Then: how long running commands may go on while new calls are refused with "
        "Retry-After. Then they are ended.",
        "Delay + grace + `MCP_KILL_GRACE` + 2 s must fit into the orchestrator's stop "
        "timeout, 30 s on ECS.",
        variable="MCP_SHUTDOWN_GRACE",
        unit="seconds",
    )

    @property
    def per_principal(self) -> int:
        """Running commands of one principal, the default resolved."""
        return self.max_per_principal or self.max_concurrent

    @property
    def may_have_terminals(self) -> bool:
        """Whether commands may run in a terminal, the default resolved."""
        if self.terminals == "auto":
            return not self.allowed_commands
        return self.terminals == "on"

    @property
    def spool_path(self) -> str | None:
        """The directory for the output of jobs, without a mark."""
        return (
            None if self.spool_dir is None else self.spool_dir.removeprefix(WISH_MARK)
        )

    @property
    def spool_is_wished(self) -> bool:
        """Whether the server starts without it where it cannot be used."""
        return (self.spool_dir or "").startswith(WISH_MARK)

    @property
    def commands_directory(self) -> str:
        """Where a command runs if its call does not say, as an absolute path."""
        default = self.workspace[0] if self.workspace else os.curdir
        return os.path.abspath(self.working_directory or default)


def is_loopback(host: str) -> bool:
    """Whether a listening address can be reached from this machine only.

    A name other than ``localhost`` is not asked of the resolver: it counts as
    reachable by others.
    """
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
