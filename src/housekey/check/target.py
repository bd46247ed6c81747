"""What TARGET means: a file, the folder of a Home Assistant, or a server.

What is both a file and a host is the file: a host can be written with its port, and a file that
is there is hardly there by chance.
"""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

from housekey.errors import FileTrouble, NotFound, UsageError
from housekey.homeassistant.paths import VERSION_FILE
from housekey.house.reasons import told
from housekey.pki.names import DnsName, parse_name

if TYPE_CHECKING:
    from housekey.pki.names import Name

# Without a port: what browsers mean, and where Home Assistant listens if nothing is there.
USUAL_PORTS = (443, 8123)
_HOST_AND_PORT = re.compile(r"(\[[^\]]*\]|[^:]*):([0-9]+)")
# Endings of files; as the last part of a host name none of them exists.
_ENDINGS = ("pem", "crt", "cer", "der", "key", "p12", "pfx", "p7b", "p7c", "csr")
_HINT = "write it like ha.lan, ha.lan:8123, [fd00::1]:8123 or https://ha.lan"


@dataclass(frozen=True, slots=True)
class FileTarget:
    """A file with the chain that a server would send."""

    path: Path


@dataclass(frozen=True, slots=True)
class HomeTarget:
    """The configuration folder of a Home Assistant."""

    folder: Path


@dataclass(frozen=True, slots=True)
class ServerTarget:
    """A server; of several ports the first one where anything is accepted is meant."""

    host: Name
    ports: tuple[int, ...]


Target: TypeAlias = FileTarget | HomeTarget | ServerTarget


def parse_target(text: str) -> Target:
    """Return what `text` means; only whether a file or folder of that name is there is looked at.

    Raises UsageError or NameRefused for what cannot be meant, FileTrouble for a file that is not
    there or may not be looked at, NotFound for a folder that is no Home Assistant's.
    """
    if "://" in text:
        return _of_url(text)
    path = Path(text)
    try:
        with told(path):
            mode = path.stat().st_mode
    except FileTrouble:
        if "/" in text or text.rpartition(".")[2].lower() in _ENDINGS or not text:
            raise
        return _of_host(text)
    if not stat.S_ISDIR(mode):
        return FileTarget(path)
    with told(path):
        if not any(entry.name == VERSION_FILE for entry in path.iterdir()):
            raise NotFound(
                f"{path} is not the configuration folder of a Home Assistant:"
                f" it holds no {VERSION_FILE}",
                hint="give a file with a certificate, or the folder with configuration.yaml",
            )
    return HomeTarget(path)


def _of_url(text: str) -> ServerTarget:
    """A path behind the port is what a browser's address bar holds, and does not matter."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UsageError(f"{text!r} is not an address", hint=_HINT) from None
    if parts.username is not None or parts.password is not None:
        # The words of it are not repeated: there is a password in them.
        raise UsageError("a check needs no user name or password in the address", hint=_HINT)
    if parts.scheme != "https" or not host:
        raise UsageError(
            f"{text!r} is not an https:// address, and only there is a certificate",
            hint=f"leave {parts.scheme}:// out, to ask the port what it speaks"
            if parts.scheme == "http"
            else _HINT,
        )
    return ServerTarget(_host(host), (port or 443,))


def _of_host(text: str) -> ServerTarget:
    found = _HOST_AND_PORT.fullmatch(text)
    if found is None:
        return ServerTarget(_host(text), USUAL_PORTS)
    port = int(found[2])
    if not 0 < port < 65536:
        raise UsageError(f"{port} is not a port: they go from 1 to 65535", hint=_HINT)
    return ServerTarget(_host(found[1]), (port,))


def _host(text: str) -> Name:
    name = parse_name(text)
    if isinstance(name, DnsName) and name.is_wildcard:
        raise UsageError(f"{name} stands for many hosts, and is none itself", hint=_HINT)
    return name
