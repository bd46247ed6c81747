"""What a ledger holds, and what can be asked of it: `Ledger`, which an engine implements.

The one engine is the standard library's SQLite (ledger.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from cryptography.x509 import Certificate

JsonValue: TypeAlias = (
    "str | int | float | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
)
Role: TypeAlias = Literal["root", "issuing", "leaf", "self-signed"]

REVOKED = "revoked"
ORDER = "order"  # a step that is about to be taken with a CA; data: step, directory, names
OBTAINED = "obtained"  # from another CA; data: label, names, and what that road tells of it
LEDGER_REBUILT = "ledger-rebuilt"
ROOT_DROPPED = "root-dropped"  # a root does not count any more; data: why
RECOVERED = "recovered"  # there is a new issuing CA; data: why, and which one it replaces
ROTATED = "root-rotated"  # there is a new root; data: how, and which one it replaces
DEVICE_TRUSTS = "device-trusts"  # a device has proved that it trusts the root of this SHA-256


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    sha256: str  # of the DER form, lower-case hex
    serial: int
    role: Role
    label: str | None  # the folder under leaves/; None for the house's own and for signed requests
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    issued_at: datetime
    der: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Event:
    """Who did what, when, to which certificate.

    The kinds: house-created, issued, renewed, signed, device-trusts, root-rotated, root-dropped,
    recovered, backed-up, restored, revoked, delivered, undone, names-chosen, trial-ended,
    ledger-rebuilt, requested, obtained, order, order-failed. A reader passes over a kind that it
    does not know.
    """

    at: datetime
    kind: str
    by: str
    sha256: str | None  # the certificate that it is about
    data: Mapping[str, JsonValue]


def is_given_up(revoked: Event) -> bool:
    """Whether a certificate was revoked for good: its thing is gone, and nothing replaces it."""
    return revoked.data.get("replacement") is False


class Ledger(Protocol):
    """Raises `HouseBroken`, `HouseBusy` or `FileTrouble` from every method.

    What a method has written is on the disk when it returns; inside `together`, when that ends.
    """

    def together(self) -> AbstractContextManager[None]:
        """Write all of a block or nothing of it, with one wait for the disk instead of one each.

        The block holds the ledger's write lock from its first line on. A block inside another is
        taken back alone when it fails, and is durable with the outermost.
        """

    def record_certificate(
        self, certificate: Certificate, *, role: Role, label: str | None, at: datetime
    ) -> None: ...

    def record_event(
        self,
        kind: str,
        *,
        at: datetime,
        by: str,
        sha256: str | None = None,
        data: Mapping[str, JsonValue] | None = None,
    ) -> None: ...

    def certificates(self, label: str | None = None) -> tuple[IssuedCertificate, ...]:
        """The certificates ever issued, of one label or of all, newest first."""

    def latest(self, label: str) -> IssuedCertificate | None:
        """The certificate that was issued last under `label`."""

    def certificate(self, sha256: str) -> IssuedCertificate | None:
        """The certificate of this fingerprint, if it was issued here."""

    def events(
        self, limit: int = 100, *, kind: str | None = None, sha256: str | None = None
    ) -> tuple[Event, ...]:
        """The last `limit` events, newest first; -1 is no limit.

        Of one `kind`, about one certificate, both, or all.
        """

    def revoked(self) -> Mapping[str, Event]:
        """The certificates that were revoked, by fingerprint, each with its first revocation."""

    def serial_exists(self, serial: int) -> bool: ...

    def count(self) -> int:
        """How many certificates were ever issued."""

    def everything(self) -> Iterator[IssuedCertificate | Event]:
        """All of one moment, in the order in which it was written: certificates, then events."""

    def check_whole(self) -> tuple[str, ...]:
        """Read all of it, and return what is wrong with it in plain words; nothing if it is sound.

        As slow as the ledger is large; opening one does not do it.
        """

    def close(self) -> None: ...
