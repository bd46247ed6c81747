"""The root of a chain that the house did not sign: of the road that it is on, or a public one."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from housekey.errors import HouseTrouble
from housekey.house.road import Kind, read_road
from housekey.live.tls import PUBLIC_ROOTS, known_roots
from housekey.pki.encoding import readable, to_der
from housekey.pki.verifying import is_signed_by

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cryptography import x509

    from housekey.house.files import Files


def root_elsewhere(
    house: Path, chain: tuple[bytes, ...], *, files: Files
) -> tuple[bytes, str, bool] | None:
    """Return the root that `chain` leads to, whose it is, and whether devices come with it.

    None: it leads neither to a root of the road of the house in `house` (which need not exist), nor
    to a public one as far as this machine knows them.
    """
    sent = [parsed for each in chain if (parsed := readable(each)) is not None]
    try:
        road = read_road(house, files=files)
    except HouseTrouble:
        road = None  # what is wrong with the house is not what this is about
    if road is not None and (root := _led_to(sent, road.roots)) is not None:
        whose = "of your own CA" if road.kind is Kind.OWN else "of the CA that the house chose"
        return to_der(root), whose, is_known(to_der(root))
    if (root := _led_to(sent, _public())) is not None:
        return to_der(root), "of a public CA, which devices come with", True
    return None


def is_known(root: bytes) -> bool:
    """Whether devices come with a root (DER), as far as this machine knows."""
    return any(to_der(each) == root for each in _public())


@cache
def _public() -> tuple[x509.Certificate, ...]:
    return known_roots(PUBLIC_ROOTS)


def _led_to(
    sent: Iterable[x509.Certificate], roots: Iterable[x509.Certificate]
) -> x509.Certificate | None:
    roots = tuple(roots)
    for certificate in sent:
        for root in roots:
            if certificate == root or (
                certificate.issuer == root.subject and is_signed_by(certificate, root)
            ):
                return root
    return None
