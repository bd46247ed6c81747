"""Looking at a Home Assistant before anything is changed: who it is, how it stands, what it has.

Everything that can be found out beforehand is found out here, because an error
here costs nothing. `look()` ends with a `View`; `facts_of()` turns it into the
facts that plan.py decides on.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from housekey.errors import (
    FileTrouble,
    FolderMismatch,
    NotFound,
    NotReady,
    PemUnreadable,
    SignInRefused,
    Unreachable,
    YamlRefused,
)
from housekey.homeassistant import yaml_tree
from housekey.homeassistant.find import endpoints_of, stored_http
from housekey.homeassistant.paths import (
    FIRST_WITH_TRIALS,
    called_in_container,
    gather_evidence,
    judge,
    map_paths,
    runs_as,
    shows_in,
    version_in,
    version_of,
)
from housekey.homeassistant.plan import Facts, LeafFacts, Pair, Road
from housekey.homeassistant.recorded import LABEL
from housekey.homeassistant.site import Door, Site, World
from housekey.live.handshake import Speech, speaks
from housekey.live.presented import presented_by
from housekey.pki.encoding import certificates_from_pem, fingerprint
from housekey.pki.names import names_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from cryptography import x509

    from housekey.homeassistant.authority import Authority
    from housekey.homeassistant.client import CheckResult, Client, HttpConfig, InstanceConfig
    from housekey.house.house import House, Leaf
    from housekey.live.tls import Called, Trust
    from housekey.pki.secret import Secret

DEFAULT_PORT = 8123
STARTING_SECONDS = 20.0  # a start that takes longer is told, not waited for
_ELSEWHERE = Path("/dev/null")  # stands for a file that exists only for Home Assistant


@dataclass(frozen=True, slots=True)
class View:
    """A Home Assistant as it was found."""

    site: Site
    instance: InstanceConfig | None  # None: no token, so only the folder speaks
    http: HttpConfig | None  # on the trial road
    yaml: Mapping[str, Any]  # our keys in the YAML http block
    stale_yaml: bool  # a block that Home Assistant ignores but still checks
    presents: x509.Certificate | None
    domains: frozenset[str]  # integrations that are set up


async def look(
    *,
    folder: Path,
    door: Door,
    token: Secret | None,
    world: World,
    root: Trust | Called | None = None,
    besides: tuple[Trust | Called, ...] = (),
    ready: bool = True,
) -> View:
    """Look at the Home Assistant in `folder` that answers at `door`.

    With `ready` it must be fit for a change; the way back takes it as it is.
    `root` is what the house's certificate leads to, `besides` what it led to or will: what a
    change that was cut short left running is trusted too.
    Raises `Unreachable`, `SignInRefused`, `NotReady` or `FolderMismatch`, with
    nothing changed.
    """
    read = world.files.read
    version = version_in(folder, read)
    if version is None:
        raise NotFound(
            f"{folder} is not a configuration folder of Home Assistant: it has no .HA_VERSION",
            hint="give the folder that holds configuration.yaml with --config",
        )
    presents = await presented_by(door.host, door.port)
    if presents is not None:
        door = Door("https", door.host, door.port, _vouched_for(folder, presents, read))
    else:
        await must_answer(door)
    if token is None:
        return await _look_without_token(folder, door, version, presents, world)
    site = Site(
        folder=folder,
        door=door,
        version=version,
        road=Road.YAML,  # until it has been asked
        paths=map_paths(folder, str(folder)),
        owner=runs_as(folder),
        token=token,
        root=root,
        besides=besides,
    )
    async with site.client(door) as client:
        instance = await client.get_config()
        if ready:
            instance = await _when_started(client, instance, world)
        if not (await client.current_user()).is_admin:
            raise SignInRefused(
                "this token is not an administrator's",
                hint="make the token in the profile of an administrator",
            )
        evidence = await gather_evidence(folder, instance, token, read=read, sleep=world.sleep)
        verdict = judge(evidence)
        if not verdict.belongs:
            raise _mismatch(folder, door, verdict.reason)
        if (
            ready
            and not _listens_there(folder, door, read)
            and not await shows_in(folder, client, read=read, sleep=world.sleep)
        ):
            raise _mismatch(folder, door, "what it saves does not appear there")
        http = await client.http_config()
        domains = frozenset(
            {entry.domain for entry in await client.config_entries() if entry.enabled}
            | {component.partition(".")[0] for component in instance.components}
        )
        if ready:
            _must_take_a_change(await client.check_config())
    road = Road.YAML if http is None else Road.TRIAL
    settings, stale = _yaml_of(folder, read, road)
    if ready:
        _must_not_ask_clients(settings if http is None else http.stable)
    site = Site(
        folder=folder,
        door=door,
        version=instance.version,
        road=road,
        paths=map_paths(folder, instance.config_dir),
        owner=site.owner,
        token=token,
        root=root,
        besides=besides,
    )
    return View(
        site=site,
        instance=instance,
        http=http,
        yaml=settings,
        stale_yaml=stale,
        presents=presents,
        domains=domains,
    )


def _mismatch(folder: Path, door: Door, reason: str) -> FolderMismatch:
    return FolderMismatch(
        f"{folder} is not the folder of the Home Assistant at {door.url}: {reason}",
        hint="give the folder and the address of the same one, with --config and --url",
    )


def _listens_there(folder: Path, door: Door, read: Callable[[Path], bytes]) -> bool:
    """Whether the folder's own configuration says that it answers at `door`, on this machine.

    Two of them cannot listen on one port, so the one that answers there is the folder's own.
    """
    if door.host not in ("127.0.0.1", "localhost", "::1"):
        return False
    try:
        endpoints = endpoints_of(
            folder, read=read, settings_of=lambda at: yaml_tree.http_settings(at, read)
        )
    except YamlRefused:
        return False
    return any(endpoint.port == door.port for endpoint in endpoints)


async def must_answer(door: Door) -> None:
    """Raise `Unreachable` when nothing at all answers at `door`."""
    if await speaks(door.host, door.port) is Speech.NOTHING:
        raise Unreachable(
            f"Home Assistant does not answer at {door.url}",
            hint="start it; if it listens elsewhere, say where with --url",
        )


async def _look_without_token(
    folder: Path, door: Door, version: str, presents: x509.Certificate | None, world: World
) -> View:
    if version_of(version) >= FIRST_WITH_TRIALS:
        raise SignInRefused(
            f"Home Assistant {version} takes its network settings only from an administrator",
            hint="make a long-lived token in your profile, save it to a file, use --token-file",
        )
    site = Site(
        folder=folder,
        door=door,
        version=version,
        road=Road.YAML,
        paths=map_paths(folder, called_in_container(folder) or str(folder)),
        owner=runs_as(folder),
    )
    settings = yaml_tree.http_settings(folder, world.files.read)
    _must_not_ask_clients(settings)
    return View(
        site=site,
        instance=None,
        http=None,
        yaml=settings,
        stale_yaml=False,
        presents=presents,
        domains=frozenset(),
    )


def _yaml_of(
    folder: Path, read: Callable[[Path], bytes], road: Road
) -> tuple[Mapping[str, Any], bool]:
    """Return our keys in the YAML, and whether they are a block that is ignored."""
    try:
        settings = yaml_tree.http_settings(folder, read)
        stale = road is Road.TRIAL and yaml_tree.find_http(folder, read) is not None
    except YamlRefused:
        if road is Road.YAML:
            raise
        return {}, False  # nothing of it counts on this road, unless a block is really there
    return settings, stale


def uuid_of(folder: Path, read: Callable[[Path], bytes]) -> str | None:
    """Return the UUID of the Home Assistant of `folder`, which its announcements carry."""
    try:
        stored = json.loads(read(folder / ".storage" / "core.uuid"))
        return str(stored["data"]["uuid"])
    except (FileTrouble, ValueError, KeyError, TypeError):
        return None


def facts_of(
    view: View, *, house: House | None, world: World, authority: Authority | None = None
) -> Facts:
    """Gather the facts for the plan; without `authority` as the house's own road has it."""
    leaf = house.leaf(LABEL) if house is not None else None
    stable = view.http.stable if view.http is not None else view.yaml
    configured, port = _pair_and_port(stable, view.site)
    trial = view.http.pending if view.http is not None and view.http.active == "pending" else None
    on_trial, trial_port = _pair_and_port(trial, view.site) if trial else (None, None)
    current = on_trial or configured
    return Facts(
        now=world.clock(),
        road=view.site.road,
        leaf=_leaf_facts(leaf, house, authority)
        if leaf is not None and house is not None
        else None,
        configured=configured,
        configured_port=port,
        on_trial=on_trial,
        on_trial_port=trial_port,
        names_in_use=_names_in_use(view),
        key_is_ours=current is not None
        and leaf is not None
        and _holds(current.key, leaf.key_pem.reveal(), world),
        certificate_is_ours=current is not None
        and leaf is not None
        and _holds(current.certificate, leaf.chain_pem, world),
        presents=fingerprint(view.presents) if view.presents is not None else None,
        stale_yaml=view.stale_yaml,
        internal_url=view.instance.internal_url if view.instance is not None else None,
        external_url=view.instance.external_url if view.instance is not None else None,
        settled=authority is None or authority.settled,
    )


def _vouched_for(
    folder: Path, presents: x509.Certificate, read: Callable[[Path], bytes]
) -> x509.Certificate | None:
    """Return `presents` if it lies in the folder's own files: whoever can write there, owns it."""
    for path in (*folder.glob("*.pem"), *_named_certificates(folder, read)):
        try:
            if presents in certificates_from_pem(read(path)):
                return presents
        except (PemUnreadable, FileTrouble):
            continue
    return None


def _named_certificates(folder: Path, read: Callable[[Path], bytes]) -> Iterator[Path]:
    """Yield where a certificate may be that a configuration of the folder names.

    How Home Assistant calls the folder is not known before it was asked: `/config/ssl/a.pem` may be
    `ssl/a.pem` in it.
    """
    slots: list[object] = [*stored_http(folder, read).values()]
    with contextlib.suppress(YamlRefused):
        slots.append(yaml_tree.http_settings(folder, read))
    for slot in slots:
        name = slot.get("ssl_certificate") if isinstance(slot, dict) else None
        if isinstance(name, str):
            yield Path(name)
            parts = Path(name).parts
            yield from (folder.joinpath(*parts[at:]) for at in range(1, len(parts)))


async def _when_started(client: Client, instance: InstanceConfig, world: World) -> InstanceConfig:
    """Give Home Assistant a little time to finish starting, and return how it stands then."""

    async def started() -> bool:
        nonlocal instance
        instance = await client.get_config()
        return instance.state == "RUNNING"

    if instance.state != "RUNNING":
        world.busy("waiting until Home Assistant has finished starting")
        await world.until(started, seconds=min(STARTING_SECONDS, world.wait))
        world.busy("")
    if instance.recovery_mode:
        raise NotReady(
            "Home Assistant runs in recovery mode: it could not start as configured",
            hint="home-assistant.log tells why; mend that and restart it first",
        )
    if instance.state != "RUNNING":
        raise NotReady(
            "Home Assistant is still starting",
            hint="wait until it has finished, then run the same command again",
        )
    return instance


def _must_take_a_change(check: CheckResult) -> None:
    if not check.valid:
        raise NotReady(
            "Home Assistant's configuration has errors, and it would refuse to restart:"
            f" {check.errors}",
            hint="mend them first: Developer tools > YAML > Check configuration shows them",
        )


def _must_not_ask_clients(settings: Mapping[str, Any]) -> None:
    if settings.get("ssl_peer_certificate"):
        raise NotReady(
            "Home Assistant asks every client for a certificate of its own"
            " (ssl_peer_certificate); housekey cannot prove that from outside",
            hint="remove the setting first, and restart Home Assistant",
        )


def _pair_and_port(config: Mapping[str, Any], site: Site) -> tuple[Pair | None, int]:
    port = config.get("server_port") or DEFAULT_PORT
    certificate, key = config.get("ssl_certificate"), config.get("ssl_key")
    if not certificate or not key:
        return None, int(port)
    here = site.paths.to_here
    pair = here(str(certificate)), here(str(key))
    # A file that cannot be seen from here (a path inside a container) is somebody else's pair.
    return Pair(pair[0] or _ELSEWHERE, pair[1] or _ELSEWHERE), int(port)


def _names_in_use(view: View) -> frozenset[Path]:
    configs: list[Mapping[str, Any] | None] = [view.yaml]
    if view.http is not None:
        # A trial that failed is never repeated by itself.
        tried = view.http.pending if view.http.pending_error is None else None
        configs += [view.http.stable, tried]
    here = (
        view.site.paths.to_here(str(config[key]))
        for config in configs
        if config is not None
        for key in ("ssl_certificate", "ssl_key")
        if config.get(key)
    )
    return frozenset(path for path in here if path is not None)


def _leaf_facts(leaf: Leaf, house: House, authority: Authority | None) -> LeafFacts:
    certificate = leaf.certificate
    ours = house.may_keep_key(leaf) or house.has_leaked(leaf)
    return LeafFacts(
        names=names_of(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key_type=leaf.key_type,
        sha256=fingerprint(certificate),
        by_this_house=ours if authority is None else authority.gave(leaf),
        current=house.is_current(leaf),
        leaked=house.has_leaked(leaf),
    )


def _holds(path: Path, data: bytes, world: World) -> bool:
    found = world.files.snapshot(path)
    return found is not None and found.data == data
