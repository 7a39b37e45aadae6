"""``twist commander``: options, and the one place that knows the global reactor.

Whatever keeps the server from starting is told in exactly one line on standard
error. ``SystemExit`` with a text does that; an exception would print a traceback,
and a ``UsageError`` a screen of usage.
"""

from __future__ import annotations

import gc
import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.address import UNIXAddress
from twisted.logger import LogLevel
from twisted.python import usage

from commander import __version__
from commander.garbage import nothing_collected

with nothing_collected():
    from commander.arguments import normalise
    from commander.auth.state import DeskToken, desk_token, keep_token
    from commander.auth.tokens import TokenDigest, digest_of
    from commander.banner import banner
    from commander.entrance import listed_tokens
    from commander.errors import StartError
    from commander.execution.engine import find_engine
    from commander.execution.hardening import harden
    from commander.execution.sandbox import open_sandbox
    from commander.handover import take_secrets
    from commander.reactors import ICommanderReactor
    from commander.service import CommanderService, Surroundings, build, sandbox_plan
    from commander.settings import Settings
    from commander.signals import Signals
    from commander.sources import (
        Loaded,
        Source,
        binds_loopback,
        check_config_table,
        load,
        rows,
    )
    from commander.specs import spec_of
    from commander.stdio.descriptors import Wire, claim_wire
    from commander.telemetry.logging import Level, StructuredLog, observer_factory

__all__ = ["Options", "effective", "makeService"]


def _parameters() -> list[list[str | None]]:
    """One option per flag of a setting; texts, so that ``settings`` converts them.

    The default is None throughout, to know which flags were given.
    """
    specs = [spec_of(field) for field in attrs.fields(Settings)]
    return [
        [spec.flag, None, None, spec.meaning.replace("`", "")]
        for spec in specs
        if spec.flag is not None
    ]


class Options(usage.Options):
    """The command line of ``twist commander``."""

    longdesc = (
        "Flags win over the environment, the environment over ~/.mcp_env. "
        "Every flag is described in docs/configuration.md."
    )
    optParameters = _parameters()
    optFlags = [  # noqa: RUF012 - Twisted's name and form
        ["check-config", None, "Print the effective settings and exit."]
    ]

    def opt_version(self) -> None:
        """Print the version and exit."""
        _say(f"commander {__version__}")
        raise SystemExit(0)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Read the arguments, the Go server's spellings included."""
        try:
            super().parseOptions(normalise(list(options or ())))
        except (usage.UsageError, StartError) as error:
            raise SystemExit(_one_line(error)) from None

    @property
    def flags(self) -> dict[str, str]:
        """The flags that were given, as texts by name."""
        names = [str(parameters[0]) for parameters in self.optParameters]
        return {name: self[name] for name in names if self[name] is not None}


def makeService(options: Options) -> CommanderService:
    """Build the service and bind its address; called by ``twist``."""
    if sys.platform == "win32":
        raise SystemExit("commander: Windows is not supported")
    try:
        loaded = effective(options.flags)
        listed_tokens(loaded.settings)  # so that --check-config tells, too
        if options["check-config"]:
            _say(check_config_table(loaded))
            raise SystemExit(0)
        return _started(loaded, options)
    except StartError as error:
        raise SystemExit(_one_line(error)) from None


def _say(text: str) -> None:
    """Write the output of a flag."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except OSError as error:
        raise StartError(f"cannot write: {error.strerror}") from None


def effective(flags: Mapping[str, str]) -> Loaded:
    """The settings of a server with these flags in this environment.

    Secrets from the entry point are taken by the first call: the next has none.

    Raises:
        StartError: One of them cannot be used.
    """
    return load(flags, {**os.environ, **take_secrets(os.environ)}, _home())


def _started(loaded: Loaded, options: Options) -> CommanderService:
    from twisted.internet import reactor  # only here, and not before twist chose it

    settings = loaded.settings
    hardening = harden()
    sandbox = open_sandbox(sandbox_plan(settings, os.environ))
    desk = _desk_token(settings)
    if desk is not None:
        sources = {**loaded.sources, "auth_token": Source.GENERATED}
        loaded = attrs.evolve(loaded, sources=sources)
    log = StructuredLog("commander", threshold=Level.parse(settings.log_level))
    ours = ICommanderReactor(reactor, reactor)
    service = build(
        settings,
        token=_digest(settings, desk),
        surroundings=Surroundings(
            reactor=ours,
            monotonic=time.monotonic,
            environ=os.environ,
            engine=find_engine(ours, time.monotonic, hardening, sandbox),
            hardening=hardening,
            log=log,
            wire=_wire(settings),
        ),
    )
    address = service.listen()
    if desk is not None:
        desk = keep_token(desk, os.environ)
    _log_through_us(options, settings)
    _log_configuration(log, loaded)
    reactor.callWhenRunning(gc.freeze)
    signals = Signals(reactor, service, ends_with_terminal=settings.transport == "http")
    reactor.callWhenRunning(signals.watch)
    if settings.transport == "http" and binds_loopback(settings):
        reactor.callWhenRunning(_show_banner, settings, desk, address)
    return service


def _home() -> Path | None:
    home = os.environ.get("HOME", "")
    return Path(home) if home.startswith("/") else None


def _desk_token(settings: Settings) -> DeskToken | None:
    """The generated token, where one is needed."""
    if settings.transport == "stdio":
        return None
    if settings.no_auth or settings.auth_token or settings.auth_tokens_file:
        return None
    return desk_token(os.environ)


def _digest(settings: Settings, desk: DeskToken | None) -> TokenDigest | None:
    if settings.auth_token is not None:
        return digest_of(settings.auth_token)
    return None if desk is None else desk.digest


def _wire(settings: Settings) -> Wire | None:
    """Standard input and output, if a client is served there; nobody else's then."""
    if settings.transport != "stdio":
        return None
    try:
        return claim_wire()
    except OSError as error:
        raise StartError(
            f"standard input, output or error is not open: {error.strerror}"
        ) from None


def _log_through_us(options: Options, settings: Settings) -> None:
    """Replace twist's log format; its JSON lines begin with a byte 0x1e."""
    parent: Any = getattr(options, "parent", None)
    if parent is not None:
        parent["fileLogObserverFactory"] = observer_factory(settings)
        parent["logLevel"] = LogLevel.debug  # our observer knows the levels


def _log_configuration(log: StructuredLog, loaded: Loaded) -> None:
    """Every setting and where it came from, one record per source."""
    by_source: dict[str, dict[str, str]] = {}
    for name, shown, source in rows(loaded):
        by_source.setdefault(source, {})[name] = shown
    for source, values in by_source.items():
        log.info("settings", source=source, **values)
    for warning in loaded.warnings:
        log.event(Level.WARN, "setting_warning", warning)


def _show_banner(settings: Settings, desk: DeskToken | None, address: Any) -> None:
    if settings.no_auth or sys.__stderr__ is None:
        return
    socket = None
    if isinstance(address, UNIXAddress):
        socket, at = os.fsdecode(address.name or b""), "localhost"
    else:
        host = settings.http_host if settings.listen is None else address.host
        bare = host.strip("[]")
        at = f"[{bare}]:{address.port}" if ":" in bare else f"{bare}:{address.port}"
    script = shutil.which("commander-mcp") or str(
        Path(sys.executable).parent / "commander-mcp"
    )
    text = banner(
        url=f"http://{at}/mcp",
        socket=socket,
        token=None if desk is None else desk.token,
        token_is_set=settings.auth_token is not None,
        tokens_are_listed=settings.auth_tokens_file is not None,
        kept=desk is None or desk.kept,
        script=script,
    )
    # twist sends what is printed to its log; this is for the person only.
    sys.__stderr__.write(f"{text}\n")
    sys.__stderr__.flush()


def _one_line(error: Exception) -> str:
    return "commander: " + " ".join(str(error).split())
