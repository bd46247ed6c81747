"""Which Home Assistant is meant: the folder, the address, or one that is simply there.

`--config` and `--url` (or `HASS_SERVER`) win; then the folders where Home Assistant usually keeps
its configuration; then whoever announces itself on the network within two seconds.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from housekey.errors import FileTrouble, NotFound, NotReady, UsageError
from housekey.homeassistant.paths import VERSION_FILE, version_in
from housekey.live.handshake import Speech, speaks
from housekey.pki.hosts import bracketed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

    from housekey.homeassistant.announced import Announced
    from housekey.homeassistant.paths import Read

    Browse = Callable[[], Awaitable[tuple[Announced, ...]]]
    Probe = Callable[[str, int], Awaitable[Speech]]
    SettingsOf = Callable[[Path], Mapping[str, object]]

DEFAULT_PORT = 8123  # const.py, SERVER_PORT; what people mean who name no port


@dataclass(frozen=True, slots=True)
class Found:
    """A Home Assistant that may be meant."""

    folder: Path | None  # as it is called here
    url: str  # scheme, host and port
    version: str | None  # what the folder or the announcement says
    by: Literal["given", "folder", "mdns"]
    answers: bool = True  # False: nothing did, where its folder says that it listens


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a Home Assistant may listen, by its configuration."""

    host: str
    port: int
    scheme: Literal["http", "https"]  # what the configuration says; the port may say otherwise

    @property
    def url(self) -> str:
        """The address."""
        host = bracketed(self.host)
        return f"{self.scheme}://{host}:{self.port}"


def usual_folders(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Return where Home Assistant usually keeps its configuration, likeliest first."""
    homes = [environ.get("HOME", "")]
    if sudo_user := environ.get("SUDO_USER"):
        homes.append(os.path.expanduser(f"~{sudo_user}"))  # noqa: PTH111 - a name, not a path
    return (
        Path("/homeassistant"),  # the apps of Home Assistant OS, since 2023
        Path("/config"),  # inside the container; older apps of Home Assistant OS
        *(Path(home) / ".homeassistant" for home in homes if home.startswith("/")),  # `hass` alone
        Path("/home/homeassistant/.homeassistant"),  # the former guide for a venv
        Path("/usr/share/hassio/homeassistant"),  # Supervised
        Path("/mnt/data/supervisor/homeassistant"),  # the host of Home Assistant OS
        Path("/var/lib/hass"),  # NixOS
        Path("/var/lib/private/hass"),
        Path("/opt/homeassistant/config"),
        Path("/opt/homeassistant"),
        Path("/srv/homeassistant"),
    )


async def find(
    config: Path | None,
    url: str | None,
    environ: Mapping[str, str],
    *,
    read: Read,
    browse: Browse,
    folders: Iterable[Path] | None = None,
    settings_of: SettingsOf = lambda _: {},
    probe: Probe = speaks,
) -> tuple[Found, ...]:
    """Return every Home Assistant that may be meant, never none; of several the caller asks.

    `settings_of` reads the `http:` block of a folder's YAML; it may raise HousekeyError for one
    that cannot be read. An address that was not given but announced is anybody's word: show it
    to the user before a token goes there.
    Raises NotFound, NotReady for one that is still being installed, UsageError for an address
    that is none.
    """
    url = url or environ.get("HASS_SERVER") or None
    address = None if url is None else parse_url(url)

    async def found(folder: Path, version: str, by: Literal["given", "folder"]) -> Found:
        endpoints = endpoints_of(folder, read=read, settings_of=settings_of)
        spoken_at = await spoken(endpoints, probe=probe)
        return Found(folder, spoken_at or endpoints[0].url, version, by, spoken_at is not None)

    if config is not None:
        version = _version_of_given(config, read)
        if address is not None:
            return (Found(config, address, version, "given"),)
        return (await found(config, version, "given"),)
    if address is not None:
        return (Found(None, address, None, "given"),)
    candidates = usual_folders(environ) if folders is None else folders
    present = [await found(*each, "folder") for each in _present(candidates, read)]
    # A folder that was left behind by an earlier install is not meant beside one that is alive.
    if chosen := tuple(each for each in present if each.answers) or tuple(present):
        return chosen
    return await _by_mdns(await browse(), probe)


def folder_of(config_dir: str, candidates: Iterable[Path], *, read: Read) -> tuple[Path, ...]:
    """Return the folders here that may belong to an instance known by its address only.

    `config_dir` is what it calls its folder; in a venv that is the folder's name here as well.
    """
    return tuple(folder for folder, _ in _present((Path(config_dir), *candidates), read))


def parse_url(text: str) -> str:
    """Return an address as scheme, host and port.

    Without a scheme it is http, and http without a port is 8123, where Home Assistant listens:
    nobody types `http://homeassistant.local` and means port 80 of it. `http://host:80` says so.
    Raises UsageError for what is no address.
    """
    text = text.strip()
    spelled = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(spelled)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if not host or parts.scheme not in ("http", "https") or any(c.isspace() for c in text):
        raise _no_address(text, "it is not an address")
    if parts.username is not None or parts.password is not None:
        raise _no_address(text.rpartition("@")[2], "an address holds no user name or password")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise _no_address(text, "Home Assistant has no path: the address ends after the port")
    if port is None:
        port = DEFAULT_PORT if parts.scheme == "http" else 443
    return f"{parts.scheme}://{bracketed(host)}:{port}"


def endpoints_of(
    folder: Path, *, read: Read, settings_of: SettingsOf = lambda _: {}
) -> tuple[Endpoint, ...]:
    """Return where the Home Assistant of `folder` listens, by what lies in it; likeliest first.

    From 2026.8 on `.storage/http` decides (`stable`, and `pending` during a trial). Before, the
    YAML does, and `.storage/http` is what was running three minutes after the last start.
    """
    stored = stored_http(folder, read)
    if "stable" in stored:
        slots = [stored["stable"], stored.get("pending")]
    else:
        slots = [settings_of(folder), stored]
    # An app of Home Assistant OS reaches Core under this name, and not on its own loopback.
    beside = ("homeassistant",) if str(folder) in ("/homeassistant", "/config") else ()
    endpoints = [
        Endpoint(
            host,
            _port(slot.get("server_port")),
            "https" if slot.get("ssl_certificate") else "http",
        )
        for slot in slots
        if isinstance(slot, dict) and (slot or slot is slots[0])
        for host in (_host(slot.get("server_host")), *beside)
    ]
    return tuple(dict.fromkeys(endpoints))


async def spoken(endpoints: Iterable[Endpoint], *, probe: Probe = speaks) -> str | None:
    """Return the address of the first endpoint where something answers, as it is spoken there."""
    for endpoint in endpoints:
        match await probe(endpoint.host, endpoint.port):
            case Speech.TLS:
                return Endpoint(endpoint.host, endpoint.port, "https").url
            case Speech.PLAIN:
                return Endpoint(endpoint.host, endpoint.port, "http").url
            case Speech.NOTHING:
                continue
    return None


async def _by_mdns(announced: tuple[Announced, ...], probe: Probe) -> tuple[Found, ...]:
    hint = "give its folder with --config, its address with --url, or both"
    found = []
    for each in announced:
        if each.is_landing_page:
            continue
        own = [Endpoint(address, each.port, "http") for address in each.addresses]
        if (url := await spoken([*_endpoint(each.internal_url), *own], probe=probe)) is not None:
            found.append(Found(None, url, each.version, "mdns"))
    if not found and any(each.is_landing_page for each in announced):
        raise NotReady(
            "Home Assistant is still being installed: its landing page answers",
            hint="wait until it can be opened in a browser, which may take twenty minutes",
        )
    if not found:
        raise NotFound("no Home Assistant was found, neither here nor on the network", hint=hint)
    return tuple(dict.fromkeys(found))


def _endpoint(announced_url: str | None) -> Iterator[Endpoint]:
    """Yield the endpoint of an announced address, unless it is nonsense."""
    try:
        parts = urlsplit(parse_url(announced_url or ""))
    except UsageError:
        return
    if parts.hostname and parts.port:
        yield Endpoint(parts.hostname, parts.port, "https" if parts.scheme == "https" else "http")


def _version_of_given(folder: Path, read: Read) -> str:
    if (version := version_in(folder, read)) is not None:
        return version
    try:
        read(folder / VERSION_FILE)
    except FileTrouble as trouble:
        if isinstance(trouble.__cause__, PermissionError):
            raise NotFound(
                f"{folder} may not be read by this user",
                hint="run housekey as the user that Home Assistant runs as, or with sudo",
            ) from None
    raise NotFound(
        f"{folder} is not the configuration folder of a Home Assistant: it holds no {VERSION_FILE}",
        hint="it is the folder with configuration.yaml; Home Assistant must have run there once",
    )


def _present(candidates: Iterable[Path], read: Read) -> list[tuple[Path, str]]:
    """Return the candidates that are configuration folders, each folder once."""
    present: dict[Path, tuple[Path, str]] = {}
    for folder in candidates:
        if (version := version_in(folder, read)) is not None:
            present.setdefault(folder.resolve(), (folder, version))
    return list(present.values())


def stored_http(folder: Path, read: Read) -> Mapping[str, object]:
    """Return the slots of `.storage/http`: "stable" and "pending" from 2026.8 on."""
    try:
        parsed = json.loads(read(folder / ".storage" / "http"))
    except (FileTrouble, ValueError):
        return {}
    data = parsed.get("data") if isinstance(parsed, dict) else None
    return data if isinstance(data, dict) else {}


def _host(server_host: object) -> str:
    """Return an address of this machine at which a server bound to `server_host` answers."""
    bound = [server_host] if isinstance(server_host, str) else server_host
    if not isinstance(bound, list) or not bound:
        return "127.0.0.1"
    if {"0.0.0.0", "127.0.0.1", "::"} & set(map(str, bound)):  # noqa: S104 - it is only read
        return "127.0.0.1"
    return str(bound[0])


def _port(value: object) -> int:
    """Return a port as YAML may spell it: a number, or digits in quotes."""
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    return value if isinstance(value, int) and 0 < value < 65536 else DEFAULT_PORT


def _no_address(text: str, why: str) -> UsageError:
    return UsageError(
        f"{text!r} cannot be the address of a Home Assistant: {why}",
        hint="write it like http://homeassistant.local:8123",
    )
