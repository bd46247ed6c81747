"""From the leaf to the root: which certificate can have signed which.

cryptography checks the signatures. How a platform recognizes an issuer before that differs
(`Linking`), and decides whether it finds a path at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

    from housekey.platforms.facts import Facts

Path: TypeAlias = tuple["Facts", ...]  # leaf first

# Far above any house, and low enough that no chain made to be slow is.
_MOST_TIERS = 12
_MOST_STEPS = 64
_MOST_CERTIFICATES = 100


class Names(Enum):
    """When an issuer's subject is the name that a certificate says its issuer has."""

    BYTES = auto()  # the same bytes: RFC-02
    NORMALISED = auto()  # whatever kinds of strings, capitals and blanks
    NORMALISED_NO_T61 = auto()  # the same, but a TeletexString is like nothing but itself


class LeafAsRoot(Enum):
    """Whether a leaf that is itself what the device was told to trust needs no issuer."""

    NO = auto()
    SELF_SIGNED = auto()
    ANY = auto()


@dataclass(frozen=True, slots=True)
class Linking:
    """How a platform recognizes an issuer."""

    names: Names = Names.BYTES
    names_under_root: Names | None = None  # of the certificate directly under the root; None: same
    key_id: bool = False  # an AKI's key id must be the issuer's SKI, where both are there
    issuer_and_serial: bool = False  # an AKI's issuer and serial must be the issuer's
    serial: bool = False  # its serial alone
    # The same, of the certificate directly under the root only.
    only_under_root: bool = False
    leaf_as_root: LeafAsRoot = LeafAsRoot.ANY
    root_must_be_self_issued: bool = False  # no path ends at a root that another one signed
    # It takes the first issuer that it recognizes, one within its dates before others, and does
    # not come back when a signature turns out wrong; else it tries every one whose signature holds.
    takes_the_first: bool = False


@dataclass(slots=True)
class Signatures:
    """Signatures that were checked already, for all platforms of one question."""

    _known: dict[tuple[Facts, Facts], bool | None] = field(default_factory=dict)

    def holds(self, child: Facts, issuer: Facts) -> bool | None:
        """Whether `issuer`'s key signed `child`; None when no such signature can be checked."""
        both = (child, issuer)
        if both not in self._known:
            self._known[both] = _signed_by(child, issuer)
        return self._known[both]


def paths(
    chain: Path, root: Facts | None, *, at: datetime, linking: Linking, signatures: Signatures
) -> Iterator[Path]:
    """Every path from the leaf to the root, those straight to the root first.

    A chain made to have very many is followed for a while, and no further. Where the platform
    takes the first issuer it finds, there is one path at most, and its signatures may not hold.
    """
    if not chain or root is None:
        return
    if chain[0].der == root.der:
        if _may_stand_alone(chain[0], linking):
            yield chain[:1]
        return
    may_be_root = not linking.root_must_be_self_issued or root.is_self_issued
    pool = [each for each in chain[1:_MOST_CERTIFICATES] if each.der != root.der]
    if linking.takes_the_first:
        if may_be_root:
            yield from _first(chain[0], pool, root, at=at, linking=linking)
        return
    begun: list[Path] = [chain[:1]]
    for _ in range(_MOST_STEPS):
        if not begun:
            return
        path = begun.pop()
        last = path[-1]
        if may_be_root and _issued(last, root, linking, signatures, at_root=True):
            yield (*path, root)
        if len(path) < _MOST_TIERS:
            begun.extend(
                (*path, issuer)
                for issuer in reversed(pool)
                if issuer not in path and _issued(last, issuer, linking, signatures)
            )


def _first(
    leaf: Facts, pool: Sequence[Facts], root: Facts, *, at: datetime, linking: Linking
) -> Iterator[Path]:
    path: Path = (leaf,)
    while len(path) < _MOST_TIERS:
        last = path[-1]
        if not recognized(last, root, linking, at_root=True):
            yield (*path, root)
            return
        found = [
            each
            for each in pool
            if each not in path and not recognized(last, each, linking, at_root=False)
        ]
        if not found:
            return
        in_time = (each for each in found if each.not_before <= at <= each.not_after)
        path = (*path, next(in_time, max(found, key=lambda each: each.not_after)))


def longest(chain: Path, *, linking: Linking, signatures: Signatures) -> Path:
    """As far as a path from the leaf leads without a root."""
    path = chain[:1]
    while len(path) < _MOST_TIERS:
        for issuer in chain[1:_MOST_CERTIFICATES]:
            if issuer not in path and _issued(path[-1], issuer, linking, signatures):
                path = (*path, issuer)
                break
        else:
            break
    return path


def recognized(child: Facts, issuer: Facts, linking: Linking, *, at_root: bool) -> str:
    """Why `issuer` is not taken for the issuer of `child`, whatever the signature; "" if it is."""
    names = (linking.names_under_root if at_root else None) or linking.names
    if not same_name(child, issuer, names):
        return "its subject is not the issuer's name"
    said = child.authority_key
    if said is None or (linking.only_under_root and not at_root):
        return ""
    if (
        linking.key_id
        and said.key_id is not None
        and issuer.subject_key_id is not None
        and said.key_id != issuer.subject_key_id
    ):
        return "its AKI has another key identifier"
    if (linking.issuer_and_serial or linking.serial) and said.serial not in (None, issuer.serial):
        return "its AKI has another serial number"
    if linking.issuer_and_serial and said.issuer not in (None, issuer.issuer.der):
        return "its AKI has another issuer"
    return ""


def same_name(child: Facts, issuer: Facts, names: Names) -> bool:
    """Whether `child` names `issuer` as its issuer."""
    if child.issuer.der == issuer.subject.der:
        return True
    if names is Names.NORMALISED_NO_T61 and child.issuer.t61 != issuer.subject.t61:
        return False
    return names is not Names.BYTES and child.issuer.normalised == issuer.subject.normalised


def _may_stand_alone(leaf: Facts, linking: Linking) -> bool:
    match linking.leaf_as_root:
        case LeafAsRoot.NO:
            return False
        case LeafAsRoot.SELF_SIGNED:
            return leaf.is_self_issued
        case LeafAsRoot.ANY:
            return not linking.root_must_be_self_issued or leaf.is_self_issued


def _issued(
    child: Facts,
    issuer: Facts,
    linking: Linking,
    signatures: Signatures,
    *,
    at_root: bool = False,
) -> bool:
    return (
        not recognized(child, issuer, linking, at_root=at_root)
        and signatures.holds(child, issuer) is not False
    )


def _signed_by(child: Facts, issuer: Facts) -> bool | None:
    """Whether the signature holds, whatever the names say; None if it is of an unknown kind."""
    if child.certificate is None or issuer.certificate is None:
        return None
    try:
        return _verified(child, child.certificate, issuer.certificate.public_key())
    except InvalidSignature:
        return False
    except (UnsupportedAlgorithm, ValueError, TypeError):
        return None


def _verified(
    child: Facts, certificate: x509.Certificate, key: CertificatePublicKeyTypes
) -> bool | None:
    """True, or None for an unknown kind; False for a signature that no such key makes.

    cryptography's `verify_directly_issued_by` would do, were it not for names: it wants them
    equal in every byte, and some platforms do not.
    """
    algorithm = certificate.signature_hash_algorithm
    parameters = certificate.signature_algorithm_parameters
    if parameters is None and algorithm is not None:
        # cryptography 46 tells none for SHA-1 and MD5, and verifies them all the same.
        is_ec = isinstance(key, ec.EllipticCurvePublicKey)
        parameters = ec.ECDSA(algorithm) if is_ec else padding.PKCS1v15()
    data = (child.signature, child.signed)
    match key:
        case rsa.RSAPublicKey():
            if algorithm is None or not isinstance(parameters, padding.PKCS1v15 | padding.PSS):
                return False
            key.verify(*data, parameters, algorithm)
        case ec.EllipticCurvePublicKey():
            if not isinstance(parameters, ec.ECDSA):
                return False
            key.verify(*data, parameters)
        case dsa.DSAPublicKey():
            if algorithm is None:
                return False
            key.verify(*data, algorithm)
        case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
            key.verify(*data)
        case _:
            return None
    return True
