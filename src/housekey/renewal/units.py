"""The units of systemd that `run --install` writes: pure text, from what the service needs.

What each line is good for is in systemd.exec(5). Not among them: ProtectHostname, which would hide
that the machine was renamed, and ProcSubset=pid, which hides which IPv6 addresses are temporary.
A unit of the whole system gets all of it. One of a user gets only what needs no name space of its
own: where a system lets its users have none, the unit would not start.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from housekey.renewal.delivery import QuietHours

SERVICE = "housekey.service"
RENEW_SERVICE = "housekey-renew.service"
RENEW_TIMER = "housekey-renew.timer"
ALL = (SERVICE, RENEW_SERVICE, RENEW_TIMER)

_HEAD = "# Written by housekey run --install; housekey run --uninstall takes it away again.\n"
_SEAL = "# Unchanged since then, as long as this is the SHA-256 of all that follows: "
_HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
_TEMPORARY = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - looked for, not used
# What a root that may not override permissions cannot do to the folder of another user.
_OVER_OTHERS = ("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER")
_BECOME_NOBODY = ("CAP_SETGID", "CAP_SETUID")  # the processes of the page, confine.py
# With these the processes of the page lock themselves in; no set of systemd 252 has them.
_LOCKS = "landlock_create_ruleset landlock_add_rule landlock_restrict_self seccomp"


class Kind(StrEnum):
    """What is installed."""

    SERVICE = "service"  # stays: `housekey run`
    TIMER = "timer"  # once a day: `housekey renew`


@dataclass(frozen=True, slots=True)
class Needs:
    """What the service needs of the machine."""

    command: tuple[str, ...]  # the program, with everything that goes before the subcommand
    options: tuple[str, ...]  # of the subcommand
    writes: tuple[Path, ...]  # folders in which it creates and replaces files
    reads: tuple[Path, ...]  # files and folders elsewhere: the program, a token
    quiet: QuietHours
    page: bool  # it serves the onboarding page
    user: str | None  # whom it runs as; None: root, or the user whose manager it is
    of_root: bool  # it runs as root
    over_others: bool  # as root, in folders of another user
    system: bool  # a unit of the whole system


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit's name and its whole text."""

    name: str
    text: str


def units_of(kind: Kind, needs: Needs) -> tuple[Unit, ...]:
    """Draw the units; the last one is what is enabled and started."""
    if kind is Kind.SERVICE:
        return (_unit(SERVICE, _service(needs)),)
    needs = replace(needs, page=False)
    return (_unit(RENEW_SERVICE, _renew_service(needs)), _unit(RENEW_TIMER, _timer(needs)))


def is_ours(text: str) -> bool:
    """Whether `text` is a unit that housekey wrote and nobody has changed since."""
    head, seal, rest = text[: len(_HEAD)], *_seal_and_rest(text[len(_HEAD) :])
    return head == _HEAD and seal == hashlib.sha256(rest.encode()).hexdigest()


def _seal_and_rest(text: str) -> tuple[str, str]:
    line, _, rest = text.partition("\n")
    return line.removeprefix(_SEAL), rest


def _unit(name: str, body: str) -> Unit:
    seal = hashlib.sha256(body.encode()).hexdigest()
    return Unit(name, f"{_HEAD}{_SEAL}{seal}\n{body}")


def _service(needs: Needs) -> str:
    network = ["Wants=network-online.target", "After=network-online.target"] if needs.system else []
    return _text(
        Unit_=[
            "Description=housekey: renews the certificates of this home, and serves its page",
            *network,
        ],
        Service=[
            "Type=notify",
            "NotifyAccess=main",
            f"ExecStart={_command(needs, 'run')}",
            *_identity(needs),
            "Restart=on-failure",
            "RestartSec=30s",
            "WatchdogSec=5min",
            "TimeoutStartSec=5min",
            # A switch of Home Assistant that is under way is put back first.
            "TimeoutStopSec=15min",
            "KillMode=mixed",
            *_hardening(needs),
        ],
        Install=[f"WantedBy={'multi-user.target' if needs.system else 'default.target'}"],
    )


def _renew_service(needs: Needs) -> str:
    network = ["Wants=network-online.target", "After=network-online.target"] if needs.system else []
    return _text(
        Unit_=["Description=housekey: renews the certificates of this home that are due", *network],
        Service=[
            "Type=oneshot",
            f"ExecStart={_command(needs, 'renew')}",
            *_identity(needs),
            "TimeoutStartSec=30min",
            *_hardening(needs),
        ],
        Install=[],
    )


def _timer(needs: Needs) -> str:
    quiet = needs.quiet
    length = datetime.combine(_DAY, quiet.end) - datetime.combine(_DAY, quiet.begin)
    if length <= timedelta():
        length += timedelta(days=1)
    # Not to the very end of the quiet hours: a restart takes a while.
    minutes = max(int(length.total_seconds() * 3 / 4 / 60), 1)
    return _text(
        Unit_=["Description=housekey: a round a day over the certificates of this home"],
        Timer=[
            f"OnCalendar=*-*-* {quiet.begin:%H:%M}:00",
            f"RandomizedDelaySec={minutes}min",
            "Persistent=true",
        ],
        Install=["WantedBy=timers.target"],
    )


_DAY = datetime(2000, 1, 1)  # noqa: DTZ001 - any day, by the clock on the wall


def _identity(needs: Needs) -> list[str]:
    return [f"User={needs.user}"] if needs.user is not None else []


def _hardening(needs: Needs) -> list[str]:
    everywhere = [
        "UMask=0077",
        "NoNewPrivileges=yes",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
        "RestrictNamespaces=yes",
        "RestrictRealtime=yes",
        "RestrictSUIDSGID=yes",
        "LockPersonality=yes",
        "MemoryDenyWriteExecute=yes",
        "SystemCallArchitectures=native",
        "SystemCallErrorNumber=EPERM",
        "SystemCallFilter=@system-service",
        f"SystemCallFilter={_LOCKS}",
    ]
    if not needs.system:
        return everywhere
    touched = (*needs.writes, *needs.reads)
    return [
        *everywhere,
        f"CapabilityBoundingSet={' '.join(_capabilities(needs))}".rstrip(),
        "ProtectSystem=strict",
        f"ReadWritePaths={' '.join(_writable(needs.writes))}",
        # What lies under a home can be read, but only written where ReadWritePaths says so.
        f"ProtectHome={'read-only' if _any_in(touched, _HOMES) else 'yes'}",
        f"PrivateTmp={'no' if _any_in(touched, _TEMPORARY) else 'yes'}",
        "PrivateDevices=yes",
        "ProtectClock=yes",
        "ProtectControlGroups=yes",
        "ProtectKernelLogs=yes",
        "ProtectKernelModules=yes",
        "ProtectKernelTunables=yes",
        "ProtectProc=invisible",
        "RemoveIPC=yes",
        "KeyringMode=private",
    ]


def _writable(paths: Sequence[Path]) -> list[str]:
    """Write the folders down: without the first, the house, there is nothing to do; `-`: or not."""
    return [_quoted(f"{'-' if number else ''}{path}") for number, path in enumerate(paths)]


def _capabilities(needs: Needs) -> tuple[str, ...]:
    """Return what is left of root's power; of nobody else's there is any."""
    if not needs.of_root:
        return ()
    over = _OVER_OTHERS if needs.over_others else ()
    return (*over, *(_BECOME_NOBODY if needs.page else ()))


def _any_in(paths: Iterable[Path], folders: Sequence[Path]) -> bool:
    return any(path.is_relative_to(folder) for path in paths for folder in folders)


def _command(needs: Needs, subcommand: str) -> str:
    return " ".join(map(_quoted, (*needs.command, subcommand, *needs.options)))


def _quoted(word: str) -> str:
    """Write a word so that systemd reads it as it is (systemd.service(5), "Command lines")."""
    safe = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    plain = safe and not any(each.isspace() or each in "\"';\\" for each in word)
    return safe if plain else f'"{safe}"'


def _text(**sections: Sequence[str]) -> str:
    """Write the sections that have something in them; `Unit_` is [Unit]."""
    parts = [
        "\n".join([f"[{name.rstrip('_')}]", *lines]) for name, lines in sections.items() if lines
    ]
    return "\n\n".join(parts) + "\n"
