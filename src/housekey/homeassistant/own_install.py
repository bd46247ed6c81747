"""`housekey secure --install`: what a CA of one's own returned, looked at before anything is asked.

It must be for a key of this house (or bring its own), lead to a root, be good now, pass the rules
of every platform, and be for the names by which Home Assistant is called.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from housekey.errors import AnswerRefused, HouseMissing
from housekey.homeassistant.names import is_loopback
from housekey.homeassistant.own_answer import Remark, not_covered, refusal_of, remarks_of
from housekey.homeassistant.own_authority import SIGNER, WITHOUT, Installer, road_to
from housekey.homeassistant.own_request import keys_of
from housekey.homeassistant.recorded import LABEL
from housekey.house.house import House
from housekey.house.road import Kind
from housekey.live.tls import PUBLIC_ROOTS, known_roots
from housekey.pki.arranging import arrange, out_of_time, said
from housekey.pki.encoding import certificates_from_pem, chain_to_pem
from housekey.pki.names import DnsName, names_of, parse_name
from housekey.platforms.model import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta
    from pathlib import Path

    from cryptography.x509 import Certificate

    from housekey.homeassistant.look import View
    from housekey.homeassistant.site import World
    from housekey.house.road import Road
    from housekey.pki.arranging import Answer
    from housekey.pki.keys import PrivateKey
    from housekey.pki.names import Name


@dataclass(frozen=True, slots=True)
class Returned:
    """What was given: certificates in any order, and keys that came with them."""

    certificates: tuple[Certificate, ...]
    keys: tuple[PrivateKey, ...] = ()
    roots: tuple[Certificate, ...] = ()  # named as such; none: found, remembered, or known here


@dataclass(frozen=True, slots=True)
class Before:
    """What the house has of this road already."""

    keys: tuple[PrivateKey, ...] = ()
    roots: tuple[Certificate, ...] = ()  # of the last time
    without: tuple[Name, ...] = ()  # names that it went without the last time
    chain_pem: bytes | None = field(default=None, repr=False)  # what it has, of whatever road
    between: tuple[Certificate, ...] = ()  # what led to the root the last time


@dataclass(slots=True)
class Installing:
    """The road, chosen with what the CA returned: a `Chosen` of authority.py."""

    answer: Answer
    before: Before
    remarks: tuple[Remark, ...]
    asked: tuple[Name, ...]  # said with --name
    force: bool
    world: World
    without: tuple[Name, ...] = ()

    @property
    def names(self) -> tuple[Name, ...]:
        return names_of(self.answer.chain[0])

    @property
    def lifetime(self) -> timedelta:
        leaf = self.answer.chain[0]
        return leaf.not_valid_after_utc - leaf.not_valid_before_utc

    @property
    def renew(self) -> str | None:
        """Why it takes the place of what is there; None: it is there."""
        there = self.before.chain_pem == chain_to_pem(self.answer.chain)
        return None if there else "your own CA has signed another"

    @property
    def road(self) -> Road:
        return road_to(self.answer, self.without)

    @property
    def signer(self) -> str:
        return SIGNER

    def authority(self, house: House, world: World) -> Installer:  # noqa: ARG002 - asks nobody
        return Installer(house, self.answer, without=self.without)

    def compare(self, view: View, found: tuple[Name, ...]) -> None:
        """Compare its names with those that were found. Raises `AnswerRefused`."""
        own = self.names
        if all(isinstance(each, DnsName) and each.is_wildcard for each in own):
            raise AnswerRefused(
                f"the certificate is for {_listed(own)} alone, and no name by which Home Assistant"
                " could be proven",
                hint="have your CA sign all names of the request",
            )
        missing = not_covered(own, found)
        url = view.instance.internal_url if view.instance is not None else None
        called = (urlsplit(url or "").hostname or "").rstrip(".").lower()
        # An address in its place is replaced by a host name anyway (names.internal_url_host).
        needed = [
            each
            for each in missing
            if each in self.asked or (str(each) == called and isinstance(each, DnsName))
        ]
        reached = [each for each in found if not is_loopback(each)] or list(found)
        if not needed and len(not_covered(own, reached)) == len(reached):
            needed = reached
        if needed:
            raise AnswerRefused(
                f"the certificate is not for {_listed(needed)}, by which Home Assistant is called,"
                f" but for {_listed(own)}",
                hint="have your CA sign all names of the request; or do without:"
                f" --no-name {needed[0]}",
            )
        new = [
            each for each in missing if not is_loopback(each) and each not in self.before.without
        ]
        if new and not self.force:
            raise AnswerRefused(
                f"the certificate lacks names under which Home Assistant was found: {_listed(new)}",
                hint=f"do without, by --no-name {new[0]}; or --force, without all of them",
            )
        self.without = missing
        for each in missing:
            self.world.tell("left out", f"{each}: the certificate is not for it")


def before_of(folder: Path, world: World) -> Before:
    """Read what the house in `folder` has of this road. Raises as `House.open`."""
    with ExitStack() as held:
        try:
            house = held.enter_context(House.open(folder, files=world.files, clock=world.clock))
        except HouseMissing:
            return Before()
        road, leaf = house.road_of(LABEL), house.leaf(LABEL)
        keys, chain_pem = keys_of(house, world), None if leaf is None else leaf.chain_pem
        if road is None or road.kind is not Kind.OWN:
            return Before(keys, chain_pem=chain_pem)
        without = tuple(map(parse_name, road.settings.get(WITHOUT, ())))
        between = certificates_from_pem(chain_pem)[1:] if chain_pem is not None else ()
    return Before(keys, road.roots, without, chain_pem, between)


def installing(
    returned: Returned, before: Before, *, asked: Sequence[Name], force: bool, world: World
) -> Installing:
    """Look at what was returned, and tell what there is to know of it.

    `force` lets pass what is only warned of. Raises `AnswerRefused`.
    """
    keys = (*before.keys, *returned.keys)
    if not keys:
        raise AnswerRefused(
            "there is no key here that a CA was asked to sign",
            hint="housekey secure --csr FILE makes one, and the request for it",
        )
    now = world.clock()
    answer = arrange(
        [*returned.certificates, *returned.roots],
        keys,
        roots=returned.roots,
        known=lambda: [*before.roots, *known_roots(PUBLIC_ROOTS)],
        between=before.between,
    )
    leaf, *above = answer.chain
    world.tell("leaf", f"{said(leaf)}, until {leaf.not_valid_after_utc:%Y-%m-%d}")
    for each in above:
        world.tell("above it", said(each))
    world.tell("root", said(answer.root))
    if answer.unused:
        world.tell("unused", "; ".join(map(said, answer.unused)))
    if (trouble := out_of_time(answer, at=now)) is not None:
        raise trouble
    remarks = remarks_of(answer, at=now)
    known = _known(before, answer)
    for remark in remarks:
        label = "refused" if remark.severity is Severity.ERROR else "warning"
        is_news = not remark.of_every_home and remark.message not in known
        world.tell(label if is_news else "note", remark.told())
    if (refusal := refusal_of(remarks)) is not None:
        raise refusal
    others = before.roots and answer.root not in before.roots and not returned.roots
    if others and not force:
        raise AnswerRefused(
            f"it leads to another root than the last time, {said(answer.root)}:"
            " every device has to trust that one first",
            hint="--root FILE names it as the one that is meant",
        )
    warned = [each for each in remarks if each.severity is Severity.WARNING]
    grave = [each for each in warned if not each.of_every_home and each.message not in known]
    if grave and not force:
        raise AnswerRefused(
            f"this may not work everywhere: {grave[0].told()}",
            hint=f"{grave[0].fix}; or let it pass with --force",
        )
    return Installing(answer, before, remarks, tuple(asked), force, world)


def _known(before: Before, answer: Answer) -> frozenset[str]:
    """Return what is warned of already in what is in use, and was let pass then.

    Of a root, for instance, that some programs refuse: a renewal must not ask about it again.
    """
    if before.chain_pem is None or answer.root not in before.roots:
        return frozenset()
    chain = certificates_from_pem(before.chain_pem)
    at = chain[0].not_valid_before_utc  # whatever has become of it since
    remarks = remarks_of(replace(answer, chain=chain), at=at)
    return frozenset(each.message for each in remarks if each.severity is Severity.WARNING)


def _listed(names: Sequence[Name]) -> str:
    return ", ".join(map(str, names))
