"""`housekey secure --csr`: what a CA of one's own is to sign. Home Assistant is only looked at."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from housekey.homeassistant.housing import create_house, opened_house, whose
from housekey.homeassistant.look import look
from housekey.homeassistant.own_authority import SIGNER
from housekey.homeassistant.recorded import LABEL
from housekey.homeassistant.secure import met_under
from housekey.homeassistant.wishes import remember_wishes, wished_names
from housekey.house.house import prepare_house
from housekey.house.requested import keep_key, keep_request, requested_keys
from housekey.house.road import Kind
from housekey.house.who import who
from housekey.pki.csr import make_request, request_to_pem
from housekey.pki.issuing import subject_of_server
from housekey.pki.keys import KeyType, PrivateKey
from housekey.pki.profiles import SELF_SIGNED
from housekey.pki.subject import Subject

if TYPE_CHECKING:
    from pathlib import Path

    from housekey.homeassistant.authority import Authority
    from housekey.homeassistant.look import View
    from housekey.homeassistant.request import Asker, Request
    from housekey.homeassistant.site import World
    from housekey.house.house import House
    from housekey.house.records import JsonValue
    from housekey.house.recovery import RecoveryCode
    from housekey.pki.names import Name

REQUESTED = "requested"  # the kind of event; data: label, names, leaks (thefts known by then)


@dataclass(frozen=True, slots=True)
class Requested:
    """What the CA is asked."""

    view: View
    names: tuple[Name, ...]
    subject: str  # RFC 4514
    key_type: KeyType
    new_key: bool
    pem: bytes | None  # None: a dry run
    house: Path
    recovery_code: RecoveryCode | None


class AskingOnly:
    """The road of a CA that has not answered yet: any name may be asked for."""

    names = ()
    road = None
    signer = SIGNER

    def authority(self, house: House, world: World) -> Authority:
        raise NotImplementedError("a request changes nothing")


async def request_signature(
    request: Request, world: World, asker: Asker, *, new_key: bool
) -> Requested:
    """Make the request for the Home Assistant of `request`; its key is in the house, and stays.

    The key is the one of the last request, or that of the certificate that this CA signed, unless
    `new_key` or its kind is another than is asked for. Raises as `secure` does before it changes
    anything.
    """
    with contextlib.ExitStack() as held:
        house = opened_house(request.house, held, world)
        view = await look(
            folder=request.folder,
            door=request.door,
            token=request.token,
            world=world,
            **met_under(house),
            ready=False,  # nothing of it changes
        )
        site = view.site
        world.tell("found", f"Home Assistant {site.version} at {site.door.url} ({site.folder})")
        names = await wished_names(request, view, house, world)
        world.tell("names", ", ".join(map(str, names.chosen)))
        for text, reason in names.skipped:
            world.tell("left out", f"{text}: {reason}")
        fields = Subject(**{"common_name": None, **whose(view, request.subject)})
        subject = subject_of_server(SELF_SIGNED, names.chosen, fields)
        kept = None if house is None or new_key else _kept_key(house, request.key_type, world)
        key_type = request.key_type or _kind_of_before(house, world)
        key = kept or PrivateKey.generate(key_type)
        code, pem = None, None
        if not request.dry_run:
            if house is None:
                new = prepare_house(
                    names=(),  # its own root has nothing to do with what another CA signs
                    subject=Subject(**{"common_name": None, **whose(view, {})}),
                    critical=request.critical,
                    clock=world.clock,
                )
                house = create_house(new, request.house, held, world, asker)
                code = new.recovery_code
            if kept is None:
                keep_key(house.folder, key, files=world.files)
            pem = request_to_pem(make_request(key, names.chosen, subject, of_server=True))
            keep_request(house.folder, pem, files=world.files)
            remember_wishes(request, house, world)
            told: dict[str, JsonValue] = {
                "label": LABEL,
                "names": [str(name) for name in names.chosen],
                "leaks": len(house.generations.leaked),
            }
            house.ledger.record_event(REQUESTED, at=world.clock(), by=who(), data=told)
    return Requested(
        view=view,
        names=names.chosen,
        subject=subject.to_x509().rfc4514_string(),
        key_type=key.key_type,
        new_key=kept is None,
        pem=pem,
        house=request.house,
        recovery_code=code,
    )


def keys_of(house: House, world: World) -> tuple[PrivateKey, ...]:
    """Return the keys that an answer may be for: those of requests, and the present leaf's."""
    keys = requested_keys(house.folder, files=world.files)
    leaf = house.leaf(LABEL)
    if leaf is None:
        return keys
    return (*keys, PrivateKey.from_pem(leaf.key_pem.reveal()))


def _kept_key(house: House, key_type: KeyType | None, world: World) -> PrivateKey | None:
    """Return the key that is asked for again; None: it is to be a new one."""
    if _has_leaked_since(house):
        return None
    keys = requested_keys(house.folder, files=world.files)[:1]
    road, leaf = house.road_of(LABEL), house.leaf(LABEL)
    if not keys and leaf is not None and road is not None and road.kind is Kind.OWN:
        keys = (PrivateKey.from_pem(leaf.key_pem.reveal()),)
    return next((key for key in keys if key_type in (None, key.key_type)), None)


def _has_leaked_since(house: House) -> bool:
    """Whether the house's keys may have been stolen since the last request: its own lay there."""
    asked = house.ledger.events(1, kind=REQUESTED)
    known = asked[0].data.get("leaks") if asked else None
    return known != len(house.generations.leaked) and bool(house.generations.leaked)


def _kind_of_before(house: House | None, world: World) -> KeyType:
    keys = () if house is None else keys_of(house, world)
    return keys[0].key_type if keys else KeyType.ECDSA_P256
