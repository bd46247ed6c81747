"""Which road a server's certificate comes by, when it is not the house's own issuing CA.

Without `road.json` there is one road: the house issues. With it the certificate of one label comes
from elsewhere, and devices trust other roots for it: a public name (an ACME CA), or a CA of one's
own, which gets a request and returns a chain. The file is written in a switch's transaction, so a
switch that fails, and `undo`, take it back with everything else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from housekey.errors import FileTrouble, HouseBroken, PemUnreadable
from housekey.pki.encoding import certificates_from_pem, chain_to_pem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cryptography.x509 import Certificate

    from housekey.house.files import Files

ROAD = "road.json"

# On the road of a public name, in the house:
PUBLIC = "public"
ACCOUNT_KEY = f"{PUBLIC}/account.key"  # speaks for the house to the CA; 0600
ACCOUNT = f"{PUBLIC}/account.json"  # where, and as whom, it is registered
RENEWAL = f"{PUBLIC}/renewal.json"  # when the CA suggests to renew
DNS = f"{PUBLIC}/dns.json"  # the DNS provider's credentials; 0600
ORDER = f"{PUBLIC}/order"  # the order under way, with the next three in it
REHEARSAL = f"{PUBLIC}/rehearsal"  # as `ORDER`, of a rehearsal
ORDER_STATE = "order.json"
ORDER_KEY = "privkey.pem"  # 0600
ORDER_CHAIN = "chain.pem"

# On the road of a CA of one's own: what it is to sign, with the next two in it
REQUEST = "request"
REQUEST_KEY = "privkey.pem"  # 0600
REQUEST_CSR = "request.csr"

_VERSION = 1


class Kind(StrEnum):
    """Who signs."""

    PUBLIC = "public"  # an ACME CA, for a name in the DNS
    OWN = "own"  # a CA of the user's, by hand


@dataclass(frozen=True, slots=True)
class Road:
    """The road of one label."""

    kind: Kind
    label: str
    roots: tuple[Certificate, ...]  # what it leads to; none: what devices came with
    settings: Mapping[str, Any] = field(default_factory=dict)  # what the kind itself keeps

    def to_json(self) -> bytes:
        """Return the file; the same road gives the same bytes."""
        document = {
            "version": _VERSION,
            "kind": self.kind.value,
            "label": self.label,
            "roots": chain_to_pem(self.roots).decode(),
            "settings": self.settings,
        }
        return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


def read_road(folder: Path, *, files: Files) -> Road | None:
    """Read the road of the house in `folder`; None: the house issues everything itself.

    Raises `HouseBroken` for a file that is none, and `FileTrouble`.
    """
    path = folder / ROAD
    try:
        text = files.read(path)
    except FileTrouble as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise
    try:
        document = json.loads(text)
        refuse_newer(path, document["version"], known=_VERSION)
        roots = str(document["roots"])
        return Road(
            kind=Kind(document["kind"]),
            label=str(document["label"]),
            roots=certificates_from_pem(roots.encode()) if roots else (),
            settings=dict(document["settings"]),
        )
    except (ValueError, KeyError, TypeError, PemUnreadable) as error:
        raise HouseBroken(
            f"{path} is damaged: where Home Assistant's certificate comes from is not known",
            hint="restore a backup; or delete it, and choose the road again: housekey secure"
            " --help",
        ) from error


def refuse_newer(path: Path, version: object, *, known: int) -> None:
    """Raise `HouseBroken` for a file of a road that has not the one version there is today."""
    if version != known:
        raise HouseBroken(
            f"{path} was written by a newer housekey", hint="install that version of housekey"
        )
