"""The switch to HTTPS on disk: what is staged, and how it is put back. For an executor.

Each change is in the house's journal, durably, before it is made; what was interrupted at any
instant is recognised by `standing`, from the journal and from what Home Assistant runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

from housekey.errors import FileTrouble, HousekeyError, YamlRefused
from housekey.homeassistant.names import internal_url_host
from housekey.homeassistant.plan import Facts, Pair, PublicName, Road, Wanted, plan
from housekey.homeassistant.recorded import (
    EXTERNAL_URL,
    HTTP_CONFIG,
    HTTP_YAML,
    INTERNAL_URL,
    LABEL,
    PROVEN,
    RESTART,
    owned,
)
from housekey.house.journal import SettingChange, State, before_of, restore
from housekey.house.road import ROAD, Kind
from housekey.live.pair import judge_pair
from housekey.pki.names import DnsName, parse_name

from . import http_yaml
from .house_access import leaf_facts
from .http_store import pair_of, port_of
from .settings import settings_of
from .signing import async_prepare, issued, signing_for, take_road
from .troubles import NotNow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from housekey.homeassistant.authority import Chosen
    from housekey.homeassistant.plan import Plan
    from housekey.house.house import House
    from housekey.house.journal import Transaction
    from housekey.house.leaves import Leaf
    from housekey.pki.names import Name

    from .house_access import HouseAccess
    from .http_store import ServerFacts
    from .settings import Settings
    from .signing import Signing

WAY = "way"  # of a transaction's target: where it leads
EXTERNAL = "external_url"  # likewise: what becomes of that
TO_HTTPS, TO_HTTP, RENEWAL = "https", "http", "renewal"


class Standing(StrEnum):
    """How the last change stands, seen after a start."""

    NOTHING = "nothing"  # no change is under way
    BROKEN_OFF = "broken-off"  # it never came to Home Assistant's settings
    ARMED = "armed"  # Home Assistant would try it at its next start
    ON_TRIAL = "on-trial"  # Home Assistant runs it, and must be told to keep it
    GIVEN_UP = "given-up"  # Home Assistant has gone back by itself
    KEPT = "kept"  # it is permanent, and only what comes after is missing


@dataclass(frozen=True, slots=True)
class Staged:
    """What lies ready for the restart."""

    transaction: Transaction
    plan: Plan
    leaf: Leaf
    config: Mapping[str, Any] | None  # to be tried by Home Assistant; None on the YAML road


def is_free(port: int) -> bool:
    """Whether Home Assistant could listen on `port`. A port below 1024 may need a right."""
    for family, anywhere in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):  # noqa: S104
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind((anywhere, port))
        except OSError as trouble:
            if trouble.errno in (errno.EADDRINUSE, errno.EACCES, errno.EPERM):
                return False  # another errno: there is no IPv6 here
    return True


def standing(last: Transaction | None, server: ServerFacts) -> Standing:  # noqa: PLR0911 - a list
    """Decide how the last change stands. Pure."""
    if last is None or last.state is not State.OPEN:
        return Standing.NOTHING
    before = before_of([last])
    if server.trials:
        setting = before.setting(HTTP_CONFIG)
        ours = [] if setting is None else [owned(each) for each in setting.ours]
        if server.pending is not None and owned(server.pending) in ours:
            if server.pending_error is not None:
                return Standing.GIVEN_UP
            return Standing.ON_TRIAL if server.on_trial else Standing.ARMED
        if ours and owned(server.stable) in ours:
            return Standing.KEPT
        return Standing.BROKEN_OFF
    setting = before.setting(HTTP_YAML)
    if setting is None:
        return Standing.BROKEN_OFF
    if PROVEN in last.marks:
        return Standing.KEPT
    ours = setting.ours[-1]
    # Where HTTPS moves to another port, the pair is the one that runs already.
    if server.pair == pair_of(ours) and server.port == (ours.get("server_port") or server.port):
        return Standing.ON_TRIAL
    return Standing.ARMED


def stage(
    access: HouseAccess,
    server: ServerFacts,
    settings: Settings,
    *,
    internal_url: str | None,
    external_url: str | None = None,
    chosen: Chosen | None = None,
) -> Staged | None:
    """Issue, write the pair, and on the YAML road edit; None when all is as wanted already.

    By the road that was `chosen`, or else by the house's. What somebody else signs was prepared.
    Raises `HousekeyError`, with everything put back.
    """
    must_be_known(server)
    must_try_nothing(server)
    if server.asks_clients:
        raise NotNow(
            "asks_clients",
            "Home Assistant asks every client for a certificate of its own (ssl_peer_certificate)",
            hint="remove that setting first, and restart Home Assistant",
        )
    with access.held() as house:
        yaml = yaml_settings(access)
        signing = signing_for(access, house, settings, chosen)
        drawing = partial(
            draw,
            access,
            house,
            server,
            signing,
            yaml=yaml,
            internal_url=internal_url,
            external_url=external_url,
        )
        drawn = drawing()
        # It lies ready; or it does, but for another key.
        if signing.is_issuing(drawn) and not asyncio.run(async_prepare(signing, drawn)):
            drawn = drawing(keep_key=False)
        if not (drawn.configure or drawn.edit_yaml):
            return None
        if drawn.port != server.port and not is_free(drawn.port):
            raise NotNow(
                "port_taken",
                f"port {drawn.port} is taken by another program",
                hint="choose another port",
                port=str(drawn.port),
            )
        target = target_of(access, server, TO_HTTPS)
        if drawn.external_url is not None:
            target[EXTERNAL] = drawn.external_url
        transaction = access.journal().begin(target)
        try:
            return _staged(
                access, house, server, signing, yaml=yaml, drawn=drawn, transaction=transaction
            )
        except BaseException:
            put_back(access, [transaction])
            raise


def must_be_known(server: ServerFacts) -> None:
    """Raise NotReady for a Home Assistant whose settings are kept in a way not known here."""
    if server.unknown:
        raise NotNow(
            "settings_unknown",
            "this Home Assistant keeps its network settings in a way that housekey does not know",
            hint="update housekey; until then Settings > System > Network takes the certificate",
        )


def must_try_nothing(server: ServerFacts) -> None:
    """Raise NotReady while Home Assistant tries other settings: they would be lost."""
    if server.pending is not None and server.pending_error is None:
        raise NotNow(
            "trying_others",
            "Home Assistant is trying other network settings",
            hint="confirm them in Settings > System > Network, or wait until it has gone back",
        )


def draw(
    access: HouseAccess,
    house: House,
    server: ServerFacts,
    signing: Signing,
    *,
    yaml: Mapping[str, Any],
    internal_url: str | None,
    external_url: str | None = None,
    keep_key: bool | None = None,
) -> Plan:
    """Decide what is missing; `keep_key` as `Wanted` has it."""
    leaf = house.leaf(LABEL)
    kept = server.stable if server.trials else yaml
    tried = server.pending if server.on_trial and server.pending else None
    configs = [yaml, server.stable]
    if server.pending is not None and server.pending_error is None:
        configs.append(server.pending)
    configured = pair_of(kept)
    current = pair_of(tried) if tried else configured
    pairs = [pair for config in configs if (pair := pair_of(config))]
    facts = Facts(
        now=datetime.now(UTC),
        road=Road.TRIAL if server.trials else Road.YAML,
        leaf=None if leaf is None else leaf_facts(leaf, house, signing.authority),
        configured=configured,
        configured_port=port_of(kept) if kept.get("server_port") else server.port,
        on_trial=pair_of(tried) if tried else None,
        on_trial_port=port_of(tried) if tried else None,
        names_in_use=frozenset(each for pair in pairs for each in (pair.certificate, pair.key)),
        key_is_ours=_holds(access, current, leaf, "key"),
        certificate_is_ours=_holds(access, current, leaf, "certificate"),
        presents=None,
        stale_yaml=server.trials and bool(http_yaml.places(access)),
        internal_url=internal_url,
        external_url=external_url,
        settled=signing.authority.settled,
    )
    settings = signing.settings
    wanted = Wanted(
        names=signing.names,
        dropped=(),
        url_host=host_of(signing.names, internal_url, signing.names),
        pair=Pair(access.config / "certificate.pem", access.config / "privkey.pem"),
        key_type=settings.key_type,
        days=settings.days,
        port=settings.https_port,
        renew=signing.due,
        keep_key=keep_key,
        signer=signing.authority.signer,
        public=_public_name(signing),
    )
    return plan(facts, wanted)


def _public_name(signing: Signing) -> PublicName | None:
    """Return what Home Assistant is called inside and outside of the home.

    Whether the name leads here from outside is not known: an external URL is only corrected.
    """
    road = signing.authority.road
    if road is None or road.kind is not Kind.PUBLIC:
        return None
    hosts = (name for name in signing.names if isinstance(name, DnsName) and not name.is_wildcard)
    return PublicName(tuple(hosts), from_outside=False)


def yaml_settings(access: HouseAccess) -> Mapping[str, Any]:
    """Return what `http:` says in YAML. Raises YamlRefused."""
    return http_yaml.settings(access)


def host_of(
    names: Sequence[Name], internal_url: str | None, resolving: Sequence[Name]
) -> DnsName | None:
    """Return the host for the internal URL."""
    host = internal_url_host(names, existing=internal_url, resolving=resolving)
    return None if host is None else parse_name(host)  # type: ignore[return-value]


def target_of(access: HouseAccess, server: ServerFacts, way: str) -> dict[str, str]:
    """Describe this Home Assistant as `housekey secure` does, so that `housekey undo` knows it."""
    return {
        "folder": str(access.config),
        "scheme": "https" if server.tls else "http",
        "host": server.host,
        "port": str(server.port),
        WAY: way,
    }


def announce(transaction: Transaction, name: str, change: SettingChange, *marks: str) -> None:
    """Write down a change of settings that is made right after this."""
    with transaction.step(name, change):
        for each in marks:
            transaction.mark(each)


def put_back(access: HouseAccess, transactions: Sequence[Transaction]) -> None:
    """Bring the files back as they were before the first of `transactions`.

    The configuration first, then the files that it named: a power cut in between must not leave a
    configuration that names files which are gone. What somebody else has changed since stays.
    """
    before = before_of(transactions)
    yaml = before.setting(HTTP_YAML)
    for file in reversed(before.files):
        if not restore(file, access.files) and yaml is not None and file.path.suffix == ".yaml":
            _edit_back(access, dict(yaml.before))
    if any(file.path == access.folder / ROAD for file in before.files):
        _keep_leaf_again(access)
    for transaction in reversed(transactions):
        if transaction.state is State.OPEN:
            transaction.close(State.PUT_BACK)


def end_trial(access: HouseAccess, transaction: Transaction) -> bool:
    """Take an unproven trial of the YAML road back, without opening the house.

    Returns False when somebody else has ended it. `transaction` is as it was read at the start:
    the journal may be gone since, with the backups in it. Then our keys are taken out of YAML, and
    the rest follows when the house is there again. Raises `HousekeyError` when neither works.
    """
    yaml = before_of([transaction]).setting(HTTP_YAML)
    try:
        now = next((t for t in access.mine() if t.folder == transaction.folder), None)
        if now is not None:
            if now.state is not State.OPEN or PROVEN in now.marks:
                return False
            put_back(access, [now])
            return True
    except (HousekeyError, OSError):
        if yaml is None:
            raise
    if yaml is None:
        return False
    _edit_back(access, dict(yaml.before))
    if pair_of(yaml_settings(access)) == pair_of(yaml.ours[-1]):
        raise NotNow(
            "yaml_stays",
            "the http settings in YAML cannot be put back",
            hint="take ssl_certificate and ssl_key out by hand, and restart Home Assistant",
        )
    return True


def before_https(access: HouseAccess) -> Mapping[str, Any] | None:
    """Return the http settings from before housekey."""
    config = before_of(access.mine()).setting(HTTP_CONFIG)
    return None if config is None else config.before


def urls_before(access: HouseAccess) -> dict[str, tuple[str | None, str]]:
    """Return internal and external URL from before housekey, each with what it made of it."""
    before = before_of(access.mine())
    found = {name: before.setting(name) for name in (INTERNAL_URL, EXTERNAL_URL)}
    return {
        name: (change.before, str(change.ours[-1]))
        for name, change in found.items()
        if change is not None
    }


def _staged(
    access: HouseAccess,
    house: House,
    server: ServerFacts,
    signing: Signing,
    *,
    yaml: Mapping[str, Any],
    drawn: Plan,
    transaction: Transaction,
) -> Staged:
    if drawn.remove_stale_yaml:
        for edit in http_yaml.plan_removal(access):
            with transaction.step("stale yaml", transaction.writing(edit.path, edit.after)):
                access.files.write(edit.path, edit.after)
    take_road(access, house, signing.authority, transaction)
    leaf = issued(house, signing, drawn)
    # Found now, while a failure costs nothing: a pair that devices would not take.
    trust = signing.authority.trust
    judge_pair(leaf.chain_pem, leaf.key_pem, root=trust, names=(), at=datetime.now(UTC))
    if drawn.write:
        write_pair(access, transaction, drawn.pair, leaf)
    wanted = {
        "ssl_certificate": str(drawn.pair.certificate),
        "ssl_key": str(drawn.pair.key),
        "server_port": drawn.port,
    }
    if drawn.edit_yaml:
        _edit_yaml(access, transaction, wanted, yaml=yaml, port=server.port)
        return Staged(transaction, drawn, leaf, None)
    return Staged(transaction, drawn, leaf, {**server.stable, **wanted})


def write_pair(access: HouseAccess, transaction: Transaction, pair: Pair, leaf: Leaf) -> None:
    """Write the pair where Home Assistant reads it."""
    wanted = (
        # The key first: a certificate in place of the old one must find its key there.
        ("key", pair.key, leaf.key_pem.reveal(), 0o600),
        ("certificate", pair.certificate, leaf.chain_pem, 0o644),
    )
    for name, path, data, mode in wanted:
        if access.holds(path, data):
            continue
        with transaction.step(name, transaction.writing(path, data)):
            access.files.write(path, data, mode=mode)


def _edit_yaml(
    access: HouseAccess,
    transaction: Transaction,
    wanted: dict[str, Any],
    *,
    yaml: Mapping[str, Any],
    port: int,
) -> None:
    if yaml.get("server_port") is None and wanted["server_port"] == port:
        del wanted["server_port"]  # it is where it should be without being told
    edit = http_yaml.plan_edit(access, wanted)
    setting = SettingChange(HTTP_YAML, {key: yaml.get(key) for key in wanted}, wanted)
    with transaction.step("yaml", setting, transaction.writing(edit.path, edit.after)):
        access.files.write(edit.path, edit.after)
    transaction.mark(RESTART)


def _keep_leaf_again(access: HouseAccess) -> None:
    """Keep the leaf of the road from before, which is presented again; the new one is kept, too."""
    with contextlib.suppress(HousekeyError), access.opened() as house:  # or it is renewed
        signs = signing_for(access, house, settings_of({}), None).authority
        leaf, before = house.leaf(LABEL), house.previous_leaf(LABEL)
        if leaf is not None and before is not None and not signs.gave(leaf) and signs.gave(before):
            house.keep_again(before)


def _edit_back(access: HouseAccess, before: dict[str, Any]) -> None:
    """Take our keys out of YAML that somebody else has edited since."""
    try:
        edit = http_yaml.plan_edit(access, before)
    except YamlRefused:
        return  # it says no more what we made of it
    access.files.write(edit.path, edit.after)


def _holds(access: HouseAccess, pair: Pair | None, leaf: Leaf | None, which: str) -> bool:
    if pair is None or leaf is None:
        return False
    try:
        if which == "key":
            return access.holds(pair.key, leaf.key_pem)
        return access.holds(pair.certificate, leaf.chain_pem)
    except FileTrouble:
        return False
