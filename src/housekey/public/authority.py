"""Who signs on the road of a public name: an ACME CA, as `secure` and every renewal ask it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from housekey.errors import FileTrouble, HousekeyError
from housekey.house.leaves import is_due
from housekey.house.records import OBTAINED
from housekey.house.road import ACCOUNT, Kind
from housekey.pki.encoding import (
    certificate_from_der,
    certificates_from_pem,
    fingerprint,
    matches,
)
from housekey.pki.keys import PrivateKey
from housekey.public.settings import PublicSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Protocol

    from cryptography.x509 import Certificate

    from housekey.house.files import Files, Snapshot
    from housekey.house.house import House, Leaf
    from housekey.house.road import Road
    from housekey.pki.keys import KeyType
    from housekey.pki.names import Name
    from housekey.pki.secret import Secret
    from housekey.pki.subject import Subject
    from housekey.public.order import Obtained, Records
    from housekey.public.world import World

    class Plan(Protocol):
        """What of a plan concerns who signs; homeassistant/plan.py has the whole."""

        @property
        def issue(self) -> str | None: ...

        @property
        def reuse_key(self) -> bool: ...

        @property
        def key_type(self) -> KeyType: ...


@dataclass(frozen=True, slots=True)
class Given:
    """What the user has just said, and no file of the house has yet."""

    credentials: Mapping[str, Secret] | None = None  # of the DNS provider; None: those in the house
    eab_hmac: Secret | None = None  # what the CA gave with its key id


class PublicAuthority:
    """The CA of a house's public name; see homeassistant/authority.py for what each is for."""

    def __init__(
        self,
        house: House,
        settings: PublicSettings,
        label: str,
        world: World,
        *,
        given: Given | None = None,
        by_hand: bool = False,
        rehearsal: bool = False,
    ) -> None:
        self._house = house
        self._settings = settings
        self._label = label
        self._world = world
        self._given = given or Given()
        self._by_hand = by_hand
        self._rehearsal = rehearsal
        self._obtained: Obtained | None = None

    @classmethod
    def of_house(
        cls, house: House, road: Road, world: World, *, by_hand: bool = False
    ) -> PublicAuthority:
        """Return the one that the house has chosen. Raises `HouseBroken`."""
        return cls(house, PublicSettings.of(road), road.label, world, by_hand=by_hand)

    @property
    def road(self) -> Road:
        return self._settings.road(self._label)

    @property
    def settled(self) -> bool:
        if self._house.road_of(self._label) != self.road or self._given.eab_hmac is not None:
            return False
        given = self._given.credentials
        return given is None or given == self._kept_credentials()

    @property
    def signer(self) -> str:
        return self._settings.signer

    @property
    def trust(self) -> tuple[Certificate, ...]:
        return self._settings.roots

    def gave(self, leaf: Leaf) -> bool:
        """By the ledger, which notes where each was obtained: a chain says less.

        Staging and earnest, or two profiles of a CA, are not one.
        """
        house = self._house
        found = house.ledger.events(1, kind=OBTAINED, sha256=fingerprint(leaf.certificate))
        if not found:  # a ledger that was made anew
            return house.road_of(self._label) == self.road and house.may_keep_key(leaf)
        return any(
            (event.data.get("directory"), event.data.get("profile"))
            == (self._settings.directory, self._settings.profile)
            for event in found
        )

    async def prepare(self, plan: Plan, names: Sequence[Name]) -> bool:  # noqa: ARG002 - as settled
        """Register, if need be, and get the certificate; then keep the credentials that did it.

        Raises as `register` and `obtain`; nothing that is in use was touched, and what the house
        keeps of another CA or provider neither.
        """
        path, files = self._house.folder / ACCOUNT, self._house.files
        before = files.snapshot(path)
        try:
            holds = await self._got_ready(plan)
        except BaseException:
            _put_back(path, before, files)
            raise
        if self._rehearsal:
            _put_back(path, before, files)
        return holds

    async def _got_ready(self, plan: Plan) -> bool:
        from housekey.public.account import account_of, register  # noqa: PLC0415 - only to order
        from housekey.public.credentials import keep, must_be_kept  # noqa: PLC0415
        from housekey.public.providers import provider  # noqa: PLC0415
        from housekey.public.records import records_of  # noqa: PLC0415
        from housekey.public.terms import agree  # noqa: PLC0415
        from housekey.public.trying import SECONDS, try_out  # noqa: PLC0415

        house, settings, given = self._house, self._settings, self._given
        credentials = given.credentials
        if credentials is None:
            credentials = must_be_kept(house.folder, settings.provider, files=house.files)
        records = records_of(settings, credentials, world=self._world)
        await records.ready()  # what could not be published is best known before a CA is asked
        account = account_of(house, settings.directory)
        if account is None or given.eab_hmac is not None:
            await register(
                house,
                settings,
                agreed_terms=settings.terms,
                eab_hmac=given.eab_hmac,
                world=self._world,
            )
        elif settings.terms is not None and settings.terms != account.terms:
            await agree(house, settings, account, world=self._world)
        if plan.issue is not None:
            self._obtained = self._once_more(plan) or await self._ordered(plan, records)
        elif not self._renews_by_this_provider():
            await try_out(records, settings, must_show=True, world=self._world)
        elif credentials != self._kept_credentials():
            quick = records_of(settings, credentials, world=self._world, seconds=SECONDS)
            await try_out(quick, settings, must_show=False, world=self._world)
        if self._rehearsal:
            from housekey.public.order import taken  # noqa: PLC0415 - as above

            taken(house, rehearsal=True)  # nobody will present it
            return True
        if given.credentials is not None:
            described = provider(settings.provider)
            keep(house.folder, described, given.credentials, files=house.files)
        return not plan.reuse_key or self._obtained is None or self._is_for_the_key_in_use()

    def issue(self, plan: Plan, names: Sequence[Name], subject: Subject | None) -> Leaf:  # noqa: ARG002
        """Make what `prepare` got the leaf of the house."""
        from housekey.public.ari import is_wanted_early, kept_suggestion  # noqa: PLC0415 - as above
        from housekey.public.early import EARLY  # noqa: PLC0415
        from housekey.public.order import taken  # noqa: PLC0415

        obtained = self._obtained
        assert obtained is not None  # noqa: S101 - prepare() has raised otherwise
        present = self._house.leaf(self._label)
        early = present is not None and is_wanted_early(
            present.certificate,
            now=self._world.clock(),
            suggestion=kept_suggestion(self._house),
        )
        leaf = self._house.take(
            self._label,
            chain=obtained.chain,
            key=obtained.key,
            data={
                "directory": self._settings.directory,
                "profile": self._settings.profile,
                EARLY: early,
            },
        )
        taken(self._house)
        return leaf

    def _kept_credentials(self) -> Mapping[str, Secret] | None:
        from housekey.public.credentials import kept  # noqa: PLC0415 - only where some are given

        house = self._house
        return kept(house.folder, self._settings.provider, files=house.files)

    def _renews_by_this_provider(self) -> bool:
        road = self._house.road_of(self._label)
        if road is None or road.kind is not Kind.PUBLIC:
            return False
        return PublicSettings.of(road).provider == self._settings.provider

    async def _ordered(self, plan: Plan, records: Records) -> Obtained:
        from housekey.public.order import Need, obtain  # noqa: PLC0415 - as above

        house, settings, world = self._house, self._settings, self._world
        present = house.leaf(self._label)
        ours = present if present is not None and self.gave(present) else None
        need = Need(
            label=self._label,
            names=settings.dns_names,
            key_type=plan.key_type,
            key=PrivateKey.from_pem(ours.key_pem.reveal()) if ours and plan.reuse_key else None,
            replaces=None if ours is None else ours.certificate,
            why=plan.issue or "",
        )
        world.tell("order", f"{', '.join(settings.names)} from {self.signer}")
        obtained = await obtain(
            house,
            need,
            settings,
            records,
            world=world,
            by_hand=self._by_hand,
            rehearsal=self._rehearsal,
        )
        world.busy("")
        issuer = obtained.chain[0].issuer.rfc4514_string()
        world.tell("obtained", f"signed by {issuer}; the DNS records are gone again")
        return obtained

    def _is_for_the_key_in_use(self) -> bool:
        """Whether it is; an order that was begun for another key is gone on with, not repeated."""
        leaf = self._house.leaf(self._label)
        return (
            leaf is not None
            and self._obtained is not None
            and (
                self._obtained.key.public_key
                == PrivateKey.from_pem(leaf.key_pem.reveal()).public_key
            )
        )

    def _once_more(self, plan: Plan) -> Obtained | None:
        """Return what was got before and put aside, if it does: a CA counts what it gives.

        So it is after a switch that failed, and after a way back from this road and to it again.
        """
        try:
            before = self._house.previous_leaf(self._label)
        except HousekeyError:
            return None
        if before is None or before.key_type is not plan.key_type or not self.gave(before):
            return None
        fits = set(before.names) == set(self._settings.dns_names)
        key = PrivateKey.from_pem(before.key_pem.reveal())
        present = self._house.leaf(self._label)
        if present is not None and self.gave(present):
            return None  # it was renewed since, and whatever asks for another asks this too
        if not fits or is_due(before.certificate, now=self._world.clock()):
            return None
        if self._was_revoked(before.certificate, key):
            return None
        from housekey.public.order import Obtained  # noqa: PLC0415 - as above

        self._world.tell("obtained", f"from {self.signer} before, and good")
        chain = certificates_from_pem(before.chain_pem)
        return Obtained(chain, key)

    def _was_revoked(self, certificate: Certificate, key: PrivateKey) -> bool:
        """Whether it was, or another one with its key: who has the one's has the other's."""
        ledger = self._house.ledger
        revoked = ledger.revoked()
        if fingerprint(certificate) in revoked:
            return True
        known = (ledger.certificate(sha256) for sha256 in revoked)
        return any(matches(certificate_from_der(each.der), key) for each in known if each)


def _put_back(path: Path, before: Snapshot | None, files: Files) -> None:
    """Put the account with another CA back, which renewals need; a first one does no harm."""
    if before is not None:
        with contextlib.suppress(FileTrouble):
            files.restore(path, before)
