"""All that is done to the house, for an executor: each function opens it, acts and closes it.

The ledger is SQLite, whose connections belong to one thread; opening a house takes milliseconds,
so nothing is kept open between two jobs. What changes something holds the house's lock.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography.x509.oid import NameOID

from housekey.errors import FileTrouble, NotPermitted, PermitRefused
from housekey.homeassistant.plan import LeafFacts
from housekey.homeassistant.recorded import LABEL as HOME_ASSISTANT
from housekey.house.files import Files
from housekey.house.house import House, clock_must_be_possible, prepare_house
from housekey.house.journal import Journal, State
from housekey.house.lock import LOCK_SECONDS, house_lock
from housekey.house.reasons import told
from housekey.house.road import Kind
from housekey.onboarding.devices import TRUSTS, data_of, visitor_of
from housekey.pki.constraints import DEFAULT_CONSTRAINTS
from housekey.pki.encoding import (
    certificate_to_pem,
    certificates_from_pem,
    fingerprint,
    to_der,
)
from housekey.pki.names import names_of
from housekey.pki.subject import Subject

from .const import FOLDER
from .model import Device

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from cryptography.x509 import Certificate

    from housekey.homeassistant.authority import Authority
    from housekey.house.house import NewHouse
    from housekey.house.journal import Transaction
    from housekey.house.leaves import Leaf
    from housekey.house.road import Road
    from housekey.live.tls import Trust
    from housekey.onboarding.events import Event
    from housekey.pki.keys import KeyType
    from housekey.pki.names import Name
    from housekey.pki.secret import Secret
    from housekey.public.settings import PublicSettings

REPAIR = "repair"  # the way of a transaction that only puts something right
TRIAL_ENDED = "trial-ended"  # ledger: HTTPS was tried and not kept; data: reason

# Called at every moment of the journal that is worth a power cut; tests end the process in it.
moment: Callable[[str], None] = lambda _moment: None  # noqa: E731


@dataclass(frozen=True, slots=True)
class HouseFacts:
    """The house as it is now."""

    road: Kind | None  # of Home Assistant's certificate; None: the house issues it
    trust: Trust  # what devices trust that accept Home Assistant's certificate
    roots: tuple[Certificate, ...]  # under which a server of this home may be met
    root_name: str  # this and what follows: of the root that devices are to trust
    root_sha256: str
    root_begins: datetime
    root_ends: datetime
    issuing_ends: datetime
    signers: Signers | None  # who has signed Home Assistant's certificate, on another road
    home: str  # what the home is called; may be empty
    leaf: LeafFacts | None  # the one for Home Assistant
    leaf_renews: datetime | None  # when that becomes due
    devices: tuple[Device, ...]  # oldest first
    last: Transaction | None  # the last change to this Home Assistant
    reason: str  # why that change was put back; empty if it was not, or nobody knows
    plain_port: int | None  # where Home Assistant answered before the switch


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate for something else in the house."""

    certificate_pem: str
    key_pem: str
    chain_pem: str  # the certificate, then the issuing CA
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Signers:
    """Who has signed a certificate that the house did not issue; None: not known here."""

    issuing_ends: datetime | None
    root_ends: datetime | None


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


class HouseAccess:
    """The house of the Home Assistant whose configuration folder is `config`."""

    def __init__(self, config: Path, files: Files | None = None) -> None:
        self.config = config
        self.folder = config / FOLDER
        self.files = files or Files()

    # Opening and looking

    @contextlib.contextmanager
    def opened(self) -> Iterator[House]:
        """Open the house to look at it. Raises as `House.open`."""
        with House.open(self.folder, files=self.files, clock=now) as house:
            yield house

    @contextlib.contextmanager
    def held(self) -> Iterator[House]:
        """Open the house to change something. Raises as `House.open`, and `HouseBusy`."""
        with self.opened():
            pass  # says what is wrong with it before a lock is made in it
        with (
            house_lock(self.folder, wait=LOCK_SECONDS, files=self.files),
            # As it is now: while the lock was waited for, it may have been rotated or restored.
            self.opened() as house,
        ):
            yield house

    def journal(self) -> Journal:
        """Return the journal of changes to this Home Assistant."""
        return Journal(
            self.folder / "journal",
            files=self.files,
            clock=now,
            hook=lambda reached: moment(reached),  # noqa: PLW0108 - a test replaces it later
        )

    def exists(self) -> bool:
        """Whether there is a house, or the ruins of one."""
        with contextlib.suppress(OSError):
            return any(self.folder.iterdir())
        return False

    def look(self) -> HouseFacts:
        """Return what is known of the house. Raises as `House.open`."""
        with self.opened() as house:
            return self.facts(house, house.leaf(HOME_ASSISTANT))

    def facts(self, house: House, leaf: Leaf | None) -> HouseFacts:
        """Return what is known of an open house whose leaf for Home Assistant is `leaf`."""
        events = house.ledger.events(-1, kind=TRUSTS)
        transactions = self.mine()
        last = _last(transactions)
        road = house.road_of(HOME_ASSISTANT)
        return HouseFacts(
            road=None if road is None else road.kind,
            trust=house.trusted_for(HOME_ASSISTANT),
            roots=(*house.roots, *(road.roots if road is not None else ())),
            root_name=_called(house.root_for_devices, NameOID.COMMON_NAME),
            root_sha256=fingerprint(house.root_for_devices),
            root_begins=house.root_for_devices.not_valid_before_utc,
            root_ends=house.root_for_devices.not_valid_after_utc,
            issuing_ends=house.issuing.not_valid_after_utc,
            signers=None if road is None else _signers(leaf, road),
            home=_called(house.root, NameOID.ORGANIZATION_NAME),
            leaf=None if leaf is None else leaf_facts(leaf, house),
            leaf_renews=None if leaf is None else due_at(house, leaf),
            devices=tuple(_device(event.at, event.data) for event in reversed(events)),
            last=last,
            reason=_reason(house, last),
            plain_port=_plain_port(transactions),
        )

    def mine(self) -> tuple[Transaction, ...]:
        """Return the changes to this Home Assistant, oldest first."""
        folder = str(self.config)
        return tuple(
            each for each in self.journal().transactions() if each.target.get("folder") == folder
        )

    def last_change(self) -> Transaction | None:
        """Return the last change that tells where HTTPS stands; needs only the journal."""
        return _last(self.mine())

    def root_der(self) -> bytes:
        """Return the root, as devices get it."""
        with self.opened() as house:
            return to_der(house.root_for_devices)

    def root_of_devices(self) -> str:
        """Return the SHA-256 of the root that devices are to trust."""
        with self.opened() as house:
            return fingerprint(house.root_for_devices)

    def said_by_the_page(self) -> tuple[str, bool]:
        """Return that root, and whether Home Assistant refuses a device that has it alone."""
        from housekey.onboarding.roots import opens_later  # noqa: PLC0415 - with the page only

        with self.opened() as house:
            later = opens_later(house, house.leaf(HOME_ASSISTANT))
            return fingerprint(house.root_for_devices), later

    # Creating

    def must_have_a_clock(self) -> None:
        """Raise `ClockWrong` where this machine's shows a time before there was a housekey."""
        clock_must_be_possible(now())

    def prepare(self, names: Sequence[Name], *, home: str) -> NewHouse:
        """Make a house in memory. Raises as `prepare_house`."""
        return prepare_house(names=names, subject=_subject(home), clock=now)

    def create(self, new: NewHouse) -> None:
        """Put it on disk, whole or not at all. Raises `FileTrouble`."""
        new.write(self.folder, self.files).close()

    def permitted(self, names: Sequence[Name]) -> tuple[Name, ...]:
        """Return the names that the house may speak for."""
        with self.opened() as house:
            refused = house.constraints.refused(names)
        return tuple(name for name in names if name not in refused)

    def must_permit(self, names: Sequence[Name]) -> None:
        """Raise NotPermitted for a name that the house may not speak for."""
        with self.opened() as house:
            if refused := house.constraints.refused(names):
                raise NotPermitted(
                    tuple(map(str, refused)), permitted=house.constraints.described()
                )

    # Issuing

    def leaf(self, label: str) -> Leaf | None:
        """Return the leaf under `label`."""
        with self.opened() as house:
            return house.leaf(label)

    def public_settings(self) -> PublicSettings | None:
        """Return what the house has settled on the road of a public name; None on another."""
        with self.opened() as house:
            road = house.road_of(HOME_ASSISTANT)
        if road is None or road.kind is not Kind.PUBLIC:
            return None
        from housekey.public.settings import PublicSettings  # noqa: PLC0415 - only on this road

        return PublicSettings.of(road)

    def is_on_road(self) -> bool:
        """Whether another road than the house's own leads to Home Assistant's certificate."""
        with self.opened() as house:
            return house.road_of(HOME_ASSISTANT) is not None

    def is_key_of_leaf(self, key: Path) -> bool:
        """Whether the key at `key` is that of the house's leaf for Home Assistant."""
        leaf = self.leaf(HOME_ASSISTANT)
        return leaf is not None and self.holds(key, leaf.key_pem)

    def issue_for_another(self, names: Sequence[Name], key_type: KeyType, days: int) -> Issued:
        """Issue for another device of the house. Raises as `House.issue`."""
        with self.held() as house:
            leaf = house.issue(str(names[0]), names, key_type=key_type, days=days)
        return Issued(
            certificate_pem=certificate_to_pem(leaf.certificate).decode(),
            key_pem=leaf.key_pem.reveal().decode(),
            chain_pem=leaf.chain_pem.decode(),
            not_after=leaf.certificate.not_valid_after_utc,
        )

    # Remembering

    def record_device(self, event: Event, root: str) -> None:
        """Write down that a device has proved its trust in the root of this SHA-256.

        The page's, when it was opened: the house may have another one by now.
        """
        with self.opened() as house:
            house.ledger.record_event(
                TRUSTS,
                at=event.at,
                by="home-assistant",
                sha256=root,
                data=data_of(event),
            )

    def record_end_of_trial(self, reason: str) -> None:
        """Write down why a trial was not kept."""
        with self.opened() as house:
            house.ledger.record_event(
                TRIAL_ENDED, at=now(), by="home-assistant", data={"reason": reason}
            )

    def holds(self, path: Path, data: bytes | Secret) -> bool:
        """Whether the file at `path` is exactly `data`."""
        try:
            found = self.files.snapshot(path)
        except FileTrouble:
            return False
        return found is not None and found.data == (
            data if isinstance(data, bytes) else data.reveal()
        )

    def is_open(self, path: Path) -> bool:
        """Whether others than its owner may read the file at `path`."""
        with contextlib.suppress(OSError), told(path):
            return bool(path.stat().st_mode & 0o077)
        return False


def leaf_facts(leaf: Leaf, house: House, authority: Authority | None = None) -> LeafFacts:
    """Return what a plan asks of a leaf; without `authority` as the house stands."""
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


def due_at(house: House, leaf: Leaf) -> datetime:
    """Return when the leaf for Home Assistant becomes due: on some roads its CA has a say."""
    certificate = leaf.certificate
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not is_public(house):
        return end - (end - begin) / 3
    from housekey.public.ari import due_at, kept_suggestion  # noqa: PLC0415 - only on this road

    return due_at(certificate, kept_suggestion(house))


def is_public(house: House) -> bool:
    """Whether a public name is what Home Assistant's certificate is for."""
    road = house.road_of(HOME_ASSISTANT)
    return road is not None and road.kind is Kind.PUBLIC


def permittable(names: Sequence[Name]) -> tuple[Name, ...]:
    """Return the names that a house of this home may be made for: no stranger's domain."""
    good = []
    for name in names:
        with contextlib.suppress(PermitRefused):
            DEFAULT_CONSTRAINTS.widened((name,))
            good.append(name)
    return tuple(good)


def _subject(home: str) -> Subject:
    kept = home.encode()[:64].decode(errors="ignore").strip()
    return Subject(None, organization=kept or "Home Assistant")


def _called(certificate: Certificate, oid: object) -> str:
    found = certificate.subject.get_attributes_for_oid(oid)  # type: ignore[arg-type]
    return str(found[0].value) if found else ""


def _signers(leaf: Leaf | None, road: Road) -> Signers:
    """Return what the chain and the road's roots tell of them."""
    above = certificates_from_pem(leaf.chain_pem)[1:] if leaf is not None else ()
    if not above:
        return Signers(None, None)
    last = above[-1]
    roots = [root.not_valid_after_utc for root in road.roots if root.subject == last.issuer]
    # Roots that devices came with are not in the house, and end without its doing.
    return Signers(above[0].not_valid_after_utc, max(roots, default=None))


def _device(at: datetime, data: object) -> Device:
    visitor = visitor_of(data)  # type: ignore[arg-type]
    return Device(visitor.kind.value, visitor.browser.value, at)


def _plain_port(transactions: Sequence[Transaction]) -> int | None:
    plain = [each.target for each in transactions if each.target.get("scheme") == "http"]
    return int(plain[-1]["port"]) if plain else None


def _last(transactions: Sequence[Transaction]) -> Transaction | None:
    """Return the last change that tells where HTTPS stands: a repair that is done tells nothing."""
    telling = [
        each
        for each in transactions
        if each.target.get("way") != REPAIR or each.state is State.OPEN
    ]
    return telling[-1] if telling else None


def _reason(house: House, last: Transaction | None) -> str:
    if last is None or last.state is not State.PUT_BACK:
        return ""
    ended = house.ledger.events(1, kind=TRIAL_ENDED)
    return str(ended[0].data.get("reason", "")) if ended and ended[0].at >= last.began else ""
