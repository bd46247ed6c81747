"""An order as it lies in the house while it is under way, and its steps in the ledger.

`public/order` appears whole, with the new certificate's key and what is wanted in it, before the CA
hears of anything, and goes away in one rename when the order is over. What has been done is written
into `order.json`, what is about to be done into the ledger, both durably: after a kill there is
never an order that the house does not know how to find again, nor one that nobody counted.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from housekey.errors import FileTrouble, HouseBroken, PemUnreadable
from housekey.house.leaves import read_key
from housekey.house.road import ORDER as FOLDER
from housekey.house.road import ORDER_CHAIN, ORDER_KEY, ORDER_STATE, REHEARSAL, refuse_newer
from housekey.house.who import who
from housekey.pki.encoding import certificates_from_pem, chain_to_pem
from housekey.public.limits import FAILED, ORDER, together

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from cryptography.x509 import Certificate

    from housekey.house.house import House
    from housekey.house.records import JsonValue
    from housekey.pki.keys import PrivateKey

_VERSION = 1


@dataclass(frozen=True, slots=True)
class State:
    """What `order.json` holds."""

    label: str
    names: tuple[str, ...]
    key_type: str
    directory: str
    profile: str | None
    replaces: str | None  # the certificate's identifier for RFC 9773
    why: str
    begun_at: str  # ISO 8601
    url: str | None = None  # the order's, once the CA has told it
    # What has been put into the DNS and is not taken out yet: domain and values.
    published: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def is_for(self, other: State) -> bool:
        """Whether what this order brings is what `other` would bring."""
        return (
            self.label == other.label
            and together(self.names) == together(other.names)
            and self.key_type == other.key_type
            and self.directory == other.directory
            and self.profile == other.profile
        )


class Steps:
    """The order under way of one house. The house's lock is held by the caller.

    A `rehearsal` has a place of its own: an order in earnest that lies ready is not its to give up.
    `hook` is told before and after each thing that is written. Everything raises `FileTrouble`,
    `HouseBroken` and `HouseBusy`.
    """

    def __init__(
        self, house: House, hook: Callable[[str], None], *, rehearsal: bool = False
    ) -> None:
        self._house = house
        self._hook = hook
        self._folder = house.folder / (REHEARSAL if rehearsal else FOLDER)

    def state(self) -> State | None:
        """Return what is under way; None: nothing is."""
        path = self._folder / ORDER_STATE
        try:
            text = self._house.files.read(path)
        except FileTrouble as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return None
            raise
        try:
            kept = json.loads(text)
            refuse_newer(path, kept.pop("version"), known=_VERSION)
            published = {
                str(domain): tuple(map(str, values))
                for domain, values in kept.pop("published").items()
            }
            return State(**{**kept, "names": tuple(kept["names"]), "published": published})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise HouseBroken(
                f"{path} is damaged: which certificate has been ordered is not known",
                hint=f"delete {self._folder}, and run the same command again",
            ) from error

    def begin(self, state: State, key: PrivateKey) -> None:
        """Let the order be under way, whole or not at all."""
        files = self._house.files
        self._clear_up()
        self._hook("before the order's folder")
        files.make_folder(self._folder.parent, 0o700)
        with files.new_folder(self._folder, 0o700) as folder:
            files.write(folder / ORDER_KEY, key.to_pem(), mode=0o600)
            files.write(folder / ORDER_STATE, _document(state), mode=0o600)
        self._hook("after the order's folder")

    def keep(self, state: State) -> State:
        """Write what is known now."""
        self._hook("before order.json")
        self._house.files.write(self._folder / ORDER_STATE, _document(state), mode=0o600)
        self._hook("after order.json")
        return state

    def key(self) -> PrivateKey:
        """Read the key that the certificate is to be for."""
        from housekey.pki.keys import PrivateKey  # noqa: PLC0415 - who only looks needs none

        path = self._folder / ORDER_KEY
        try:
            return PrivateKey.from_pem(read_key(path, files=self._house.files))
        except PemUnreadable as error:
            raise HouseBroken(
                f"{path}: {error.message}",
                hint=f"delete {self._folder}, and run the same command again",
            ) from error

    def chain(self) -> tuple[Certificate, ...] | None:
        """Return what the CA has issued; None: nothing yet."""
        path = self._folder / ORDER_CHAIN
        if not path.exists():
            return None
        try:
            return certificates_from_pem(self._house.files.read(path))
        except PemUnreadable as error:
            raise HouseBroken(
                f"{path}: {error.message}", hint="delete it, and it is fetched again"
            ) from error

    def keep_chain(self, chain: tuple[Certificate, ...]) -> None:
        """Write what the CA has issued."""
        self._hook("before chain.pem")
        self._house.files.write(self._folder / ORDER_CHAIN, chain_to_pem(chain), mode=0o600)
        self._hook("after chain.pem")

    def end(self) -> None:
        """Let nothing be under way: what there was is over, whole or not at all."""
        self._clear_up()
        if self._folder.exists():
            self._hook("before the end")
            self._house.files.rename(self._folder, self._over)
            self._hook("in the end")
            self._clear_up()
            self._hook("after the end")

    def note(self, step: str, state: State, **more: JsonValue) -> None:
        """Write into the ledger which step is about to be taken."""
        self._hook(f"before {step} in the ledger")
        self._house.ledger.record_event(
            ORDER, at=self._house.clock(), by=who(), data={"step": step, **_told(state), **more}
        )
        self._hook(f"after {step} in the ledger")

    def note_failure(
        self,
        state: State,
        *,
        reason: str,
        code: str,
        counts: bool,
        unproven: tuple[str, ...] = (),
        until: datetime | None = None,
        more: Mapping[str, JsonValue] | None = None,
    ) -> None:
        """Write into the ledger that it did not go on, and how long to leave it alone.

        `counts`: towards the back-off. `unproven`: the names whose proof failed. `more`: what else
        there is to remember.
        """
        self._hook("before a failure in the ledger")
        self._house.ledger.record_event(
            FAILED,
            at=self._house.clock(),
            by=who(),
            data={
                **_told(state),
                "reason": reason,
                "code": code,
                "counts": counts,
                "unproven": list(unproven),
                "until": until.isoformat() if until is not None else None,
                **(more or {}),
            },
        )
        self._hook("after a failure in the ledger")

    def published(self, state: State, domain: str, values: tuple[str, ...]) -> State:
        """Remember what is about to be put into the DNS."""
        known = state.published.get(domain, ())
        every = tuple(dict.fromkeys((*known, *values)))
        return self.keep(replace(state, published={**state.published, domain: every}))

    @property
    def _over(self) -> Path:
        return self._folder.with_name(f"{self._folder.name}.over")

    def _clear_up(self) -> None:
        """Remove what a kill left of an order that is over, or of one that did not begin."""
        self._house.files.remove_folder(self._over)
        if self._folder.exists() and not (self._folder / ORDER_STATE).exists():
            self._house.files.remove_folder(self._folder)


def _told(state: State) -> dict[str, JsonValue]:
    return {
        "label": state.label,
        "names": list(state.names),
        "directory": state.directory,
        "url": state.url,
    }


def _document(state: State) -> bytes:
    document = {"version": _VERSION, **asdict(state)}
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()
