"""The house: root, issuing CA, leaves and ledger, in one folder that is its owner's alone.

`prepare_house` makes a new one in memory, `NewHouse.write` puts it on disk whole or not at all,
`House.open` opens one that is there. Opening does not need the clock or a key: a house whose
issuing CA has ended can still be looked at, and a key is read only to sign with it.

Whoever changes a house holds `house_lock` meanwhile; this module does not take it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from cryptography.x509 import SubjectKeyIdentifier

from housekey.errors import ClockWrong, FileTrouble, HouseBroken, HouseBusy, PemUnreadable
from housekey.house import view
from housekey.house.generations import (
    ISSUING,
    ISSUING_KEY,
    ROOT,
    is_by,
    read_generations,
)
from housekey.house.leaves import (
    ONBOARDING,
    Leaf,
    leaf_stays_on_failure,
    read_each,
    read_key,
    read_leaf,
    read_previous,
    way_back_of,
    write_leaf,
)
from housekey.house.ledger import Role, SqliteLedger
from housekey.house.records import OBTAINED
from housekey.house.recovery import RecoveryCode
from housekey.house.root_key import SEALED_ROOT_KEY
from housekey.house.together import where
from housekey.house.view import HouseView
from housekey.house.who import who
from housekey.pki.constraints import DEFAULT_CONSTRAINTS, Constraints, constraints_of
from housekey.pki.encoding import (
    certificate_to_pem,
    chain_to_pem,
    fingerprint,
    matches,
)
from housekey.pki.issuing import (
    Issuer,
    issue_issuing_ca,
    issue_leaf,
    issue_root,
    issue_self_signed,
    must_be_within,
)
from housekey.pki.keys import KeyType, PrivateKey, PublicKey
from housekey.pki.names import names_of
from housekey.pki.profiles import DAYS_OF_LEAF
from housekey.pki.subject import MOST_BYTES_OF_COMMON_NAME, Subject

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from cryptography.x509 import Certificate

    from housekey.house.files import Files
    from housekey.house.leaves import Unreadable
    from housekey.house.records import JsonValue
    from housekey.pki.crl import Entry, RevocationList
    from housekey.pki.names import Name

__all__ = ["House", "Leaf", "NewHouse", "prepare_house"]

LEDGER, LEAVES = view.LEDGER, view.LEAVES
# When the first line of this housekey was written; each release moves it to its own day.
FIRST_DAY = datetime(2026, 11, 23, tzinfo=UTC)


def clock_must_be_possible(now: datetime) -> None:
    """Raise `ClockWrong` for a time before there was a housekey, which no right clock shows.

    Whoever has a house asks its root's birth instead; for a new one there is nothing else to ask,
    and one that a computer without a clock makes in 1970 would have ended before it was made.
    """
    if now < FIRST_DAY:
        raise ClockWrong(
            f"this machine's clock says {now:%Y-%m-%d %H:%M} UTC, and that was before there was a"
            " housekey",
            hint="set the clock right, then try again",
        )


def prepare_house(
    *,
    names: Sequence[Name],
    permit: Sequence[Name] = (),
    subject: Subject,
    critical: bool = False,
    clock: Callable[[], datetime],
) -> NewHouse:
    """Make a house in memory, whose constraints cover `names` and `permit` and the usual ones.

    `subject` is the root's; without a CN it gets one that tells two houses apart in the list
    that iOS shows (APL-24). The root's key is forgotten here but for its sealed form. Raises
    `PermitRefused` and `SubjectRefused`.
    """
    now = clock()
    asked = [*names, *permit]
    defaults = replace(DEFAULT_CONSTRAINTS, critical=critical)
    constraints = defaults.widened(asked)
    root_key = PrivateKey.generate(KeyType.ECDSA_P256)
    issuing_key = PrivateKey.generate(KeyType.ECDSA_P256)
    mark = SubjectKeyIdentifier.from_public_key(root_key.public_key).digest.hex()[:4]
    tail = f"{now:%Y} {mark}"
    root_name = subject.common_name or common_name_of(
        "housekey root", subject.organization, tail=tail
    )
    root = issue_root(
        key=root_key,
        subject=replace(subject, common_name=root_name),
        constraints=constraints,
        now=now,
    )
    issuing_name = common_name_of("housekey issuing CA", subject.organization, tail=tail)
    issuing = issue_issuing_ca(
        public_key=issuing_key.public_key,
        subject=replace(subject, common_name=issuing_name),
        root=Issuer(root, root_key),
        now=now,
    )
    recovery_code = RecoveryCode.generate()
    return NewHouse(
        recovery_code=recovery_code,
        constraints=constraints,
        added=defaults.added_by(asked),
        root=root,
        issuing=issuing,
        _sealed_root_key=root_key.to_sealed_pem(recovery_code.secret),
        _issuing_key=issuing_key,
        _clock=clock,
    )


@dataclass(frozen=True, slots=True)
class NewHouse:
    """A house that is not on disk yet; the only moment at which its recovery code is known."""

    recovery_code: RecoveryCode
    constraints: Constraints
    added: tuple[str, ...]  # the constraints that are not housekey's usual ones
    root: Certificate
    issuing: Certificate
    _sealed_root_key: bytes = field(repr=False)
    _issuing_key: PrivateKey = field(repr=False)
    _clock: Callable[[], datetime] = field(repr=False)

    def write(
        self, folder: Path, files: Files, *, there: Callable[[], None] = lambda: None
    ) -> House:
        """Put the house into `folder`, new or empty, whole or not at all, and open it.

        `there` is called in between: from then on its recovery code is good, whatever fails.
        Raises `FileTrouble`, also for a folder with something in it.
        """
        at = self._clock()
        with files.new_folder(folder, 0o700) as new:
            files.write(new / SEALED_ROOT_KEY, self._sealed_root_key, mode=0o600)
            files.write(new / ROOT, certificate_to_pem(self.root), mode=0o600)
            files.write(new / ISSUING_KEY, self._issuing_key.to_pem(), mode=0o600)
            files.write(new / ISSUING, certificate_to_pem(self.issuing), mode=0o600)
            with SqliteLedger.create(new / LEDGER, files=files) as ledger:
                ledger.record_certificate(self.root, role="root", label=None, at=at)
                ledger.record_certificate(self.issuing, role="issuing", label=None, at=at)
                ledger.record_event(
                    "house-created",
                    at=at,
                    by=who(),
                    sha256=fingerprint(self.root),
                    data={"permitted": self.constraints.described(), "added": self.added},
                )
        there()
        return House.open(folder, files=files, clock=self._clock)


class House(HouseView):
    """A house on disk that issues. Close it, or use it as a context manager."""

    @cached_property
    def constraints(self) -> Constraints:
        """What the house may speak for."""
        return constraints_of(self.issuing)

    def look_again(self) -> None:
        self.__dict__.pop("constraints", None)  # they are those of the issuing CA before
        super().look_again()

    def may_keep_key(self, leaf: Leaf) -> bool:
        """Whether `leaf` is of this house, today's or an earlier one, and its key did not leak."""
        if self.road_of(leaf.label) is not None:
            return not self.is_by_house(leaf.certificate)
        generations = self.generations
        ours = [self.issuing, *(generations.proving or ()), generations.next_issuing]
        ours += [each.issuing for each in generations.former if each not in generations.leaked]
        return any(is_by(leaf.certificate, each) for each in ours if each is not None)

    def has_leaked(self, leaf: Leaf) -> bool:
        """Whether the key of `leaf` lay beside keys that somebody else may have."""
        leaked = (each.issuing for each in self.generations.leaked)
        return any(is_by(leaf.certificate, each) for each in leaked if each is not None)

    # Issuing

    def issue(
        self,
        label: str,
        names: Sequence[Name],
        *,
        key_type: KeyType = KeyType.ECDSA_P256,
        days: int = DAYS_OF_LEAF,
        subject: Subject | None = None,
        reuse_key: bool = False,
    ) -> Leaf:
        """Issue a leaf for `names` and keep it under `label`, with the one before it.

        `reuse_key` signs the present key of `label` again if it is of `key_type`: a served pair
        is then renewed by replacing the certificate alone, which is one step. Raises as
        `issue_leaf`, and `FileTrouble`; what is served stays.
        """
        issuer = self._issuer(label)
        present = self.leaf(label)
        if reuse_key and present is not None and present.key_type is key_type:
            key = PrivateKey.from_pem(present.key_pem.reveal())
        else:
            key = PrivateKey.generate(key_type)
        certificate = issue_leaf(
            public_key=key.public_key,
            names=names,
            issuer=issuer,
            now=self.clock(),
            days=days,
            subject=subject,
        )
        chain = self.chain_of(certificate)
        return self._keep(label, chain=chain, key=key, present=present, role="leaf")

    def take(
        self,
        label: str,
        *,
        chain: tuple[Certificate, ...],
        key: PrivateKey,
        data: Mapping[str, JsonValue],
    ) -> Leaf:
        """Keep what another CA issued, the leaf first, under `label`, with the one before it.

        `data` is told in the ledger's event "obtained". Raises `HouseBroken` when key and leaf do
        not belong together, and `FileTrouble`; what is served stays.
        """
        certificate = chain[0]
        if not matches(certificate, key):
            raise HouseBroken(
                "the key is not the one of the certificate that was obtained",
                hint="get another one",
            )
        at, label = self.clock(), label.lower()
        sha256 = fingerprint(certificate)
        with self.ledger.together():
            if self.ledger.certificate(sha256) is None:  # a kill may have come in between
                self.ledger.record_certificate(certificate, role="leaf", label=label, at=at)
            names = [str(name) for name in names_of(certificate)]
            told = {**data, "label": label, "names": names}
            self.ledger.record_event(OBTAINED, at=at, by=who(), sha256=sha256, data=told)
        return write_leaf(
            self.folder / LEAVES,
            label,
            certificate=certificate,
            chain_pem=chain_to_pem(chain),
            key=key,
            present=self.leaf(label),
            files=self.files,
        )

    def sign(
        self,
        public_key: PublicKey,
        names: Sequence[Name],
        *,
        days: int = DAYS_OF_LEAF,
        subject: Subject | None = None,
        proves: bool = False,
    ) -> tuple[Certificate, ...]:
        """Issue a leaf for a key that somebody else keeps, and return its chain.

        One that `proves` is accepted by who trusts the root for devices, and by nobody else.

        It is recorded as every leaf is, under no label: there is no key to keep beside it.
        Raises as `issue_leaf`.
        """
        at = self.clock()
        certificate = issue_leaf(
            public_key=public_key,
            names=names,
            issuer=self._issuer(ONBOARDING if proves else ""),
            now=at,
            days=days,
            subject=subject,
        )
        self.ledger.record_certificate(certificate, role="leaf", label=None, at=at)
        self.ledger.record_event(
            "signed",
            at=at,
            by=who(),
            sha256=fingerprint(certificate),
            data={"names": [str(name) for name in dict.fromkeys(names)]},
        )
        return self.chain_of(certificate)

    def sign_crl(self, entries: Iterable[Entry], *, number: int) -> RevocationList:
        """Sign the list of what the issuing CA revoked; nothing is written. As `issue_crl`."""
        from housekey.pki.crl import issue_crl  # noqa: PLC0415 - few have ever revoked anything

        return issue_crl(issuer=self._issuer(), entries=entries, number=number, now=self.clock())

    def must_be_able_to_issue(self) -> None:
        """Raise what `issue` would raise of the house itself: its time, its key."""
        issuer = self._issuer()
        must_be_within(issuer.not_before, issuer.not_after, now=self.clock())

    def issue_self_signed(
        self,
        label: str,
        names: Sequence[Name],
        *,
        key_type: KeyType = KeyType.ECDSA_P256,
        days: int = DAYS_OF_LEAF,
        subject: Subject | None = None,
    ) -> Leaf:
        """Make a certificate that is signed by its own key, and keep it as `issue` does."""
        present = self.leaf(label)
        key = PrivateKey.generate(key_type)
        certificate = issue_self_signed(
            key=key, names=names, now=self.clock(), days=days, subject=subject
        )
        return self._keep(label, chain=(certificate,), key=key, present=present, role="self-signed")

    def leaf_stays_on_failure(self, label: str) -> contextlib.AbstractContextManager[None]:
        """Let the leaf under `label` be what it is now, if what the block does with it fails.

        The ledger goes on to know the certificate that was issued meanwhile: it was.
        """
        return leaf_stays_on_failure(self.folder / LEAVES, label, files=self.files)

    def way_back_of(self, label: str) -> Callable[[], None]:
        """Return what makes the leaf under `label` what it is now; it raises `FileTrouble`."""
        return way_back_of(self.folder / LEAVES, label, files=self.files)

    def leaf(self, label: str) -> Leaf | None:
        """Read the leaf that is kept under `label`. Raises `HouseBroken` and `HouseUnsafe`."""
        return read_leaf(self.folder / LEAVES, label, files=self.files)

    def previous_leaf(self, label: str) -> Leaf | None:
        """Read the leaf that was kept under `label` before it; raises as `leaf`."""
        return read_previous(self.folder / LEAVES, label, files=self.files)

    def keep_again(self, leaf: Leaf) -> None:
        """Make an earlier leaf the one to serve; the present one becomes the previous."""
        write_leaf(
            self.folder / LEAVES,
            leaf.label,
            certificate=leaf.certificate,
            chain_pem=leaf.chain_pem,
            key=PrivateKey.from_pem(leaf.key_pem.reveal()),
            present=self.leaf(leaf.label),
            files=self.files,
        )

    def leaves(self) -> tuple[Leaf, ...]:
        """Read all leaves, by label. Raises as `leaf` does for one that cannot be read."""
        return tuple(leaf for leaf in map(self.leaf, self.labels()) if leaf is not None)

    def each_leaf(self) -> tuple[tuple[Leaf, ...], tuple[Unreadable, ...]]:
        """Read all leaves, by label; and name those that cannot be read."""
        return read_each(self.labels(), self.leaf)

    def _issuer(self, label: str = "") -> Issuer:
        certificate, name = self._signer_of(label)
        path = where(self.folder, name) or self.folder / name
        try:
            key = PrivateKey.from_pem(read_key(path, files=self.files))
        except FileTrouble as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise
            self._must_be_as_it_was_opened()
            raise HouseBroken(
                f"the house in {self.folder} lacks {name}", hint=view.MENDS[name]
            ) from error
        except PemUnreadable as error:
            raise HouseBroken(f"{path}: {error.message}", hint=view.MENDS[name]) from error
        if not matches(certificate, key):
            self._must_be_as_it_was_opened()
        return Issuer(certificate, key)

    def _must_be_as_it_was_opened(self) -> None:
        now = read_generations(self.folder, files=self.files)
        if now.root != self.root or now.issuing != self.issuing or now.overlap != self.overlap:
            raise HouseBusy(
                "another housekey has just given this house a new root or issuing CA",
                hint="run the same command again",
            )

    def _keep(
        self,
        label: str,
        *,
        chain: tuple[Certificate, ...],
        key: PrivateKey,
        present: Leaf | None,
        role: Role,
    ) -> Leaf:
        at = self.clock()
        certificate = chain[0]
        # Recorded first, and whole: a certificate that is in use must never be missing from the
        # ledger, and nothing may fail once it is.
        with self.ledger.together():
            self.ledger.record_certificate(certificate, role=role, label=label.lower(), at=at)
            self.ledger.record_event(
                "issued",
                at=at,
                by=who(),
                sha256=fingerprint(certificate),
                data={
                    "label": label.lower(),
                    "names": [str(name) for name in names_of(certificate)],
                },
            )
        return write_leaf(
            self.folder / LEAVES,
            label,
            certificate=certificate,
            chain_pem=chain_to_pem(chain),
            key=key,
            present=present,
            files=self.files,
        )


def common_name_of(role: str, organization: str | None, *, tail: str) -> str:
    """`housekey root for Our Home 2026 3f2a`, the home shortened to what a CN holds."""
    if organization is None:
        return f"{role} {tail}"
    room = MOST_BYTES_OF_COMMON_NAME - len(f"{role} for  {tail}")
    home = organization.encode()[:room].decode(errors="ignore").rstrip()
    return f"{role} for {home} {tail}"
