"""Which root is to be trusted, and whether it may be: the decisions, and two ways to get it.

A root that comes over the network, or in a file, may be anybody's. It is installed only when
somebody has compared its fingerprint with the one that the house shows, and only when it can
speak for nothing but a home.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from housekey.errors import (
    HouseBroken,
    PemUnreadable,
    PermitRefused,
    RootRefused,
    UsageError,
)
from housekey.pki.constraints import DEFAULT_CONSTRAINTS, constraints_of, refuse_shared_zones
from housekey.pki.encoding import certificate_from_der, certificates_from_pem, fingerprint
from housekey.pki.fingerprint import grouped

if TYPE_CHECKING:
    from datetime import datetime

    from housekey.pki.constraints import Constraints, Network

_HEX = re.compile("[0-9a-f]+")
_DIGITS = 64  # of SHA-256
_DIGITS_OF_SHA1 = 40


def root_in(data: bytes, *, source: str) -> x509.Certificate:
    """Read the one certificate in `data`, PEM or DER. Raises `RootRefused`."""
    try:
        if b"-----BEGIN" not in data:
            return certificate_from_der(data)
        found = certificates_from_pem(data)
    except PemUnreadable as error:
        raise RootRefused(f"{source}: {error.message}", hint=error.hint) from error
    if len(found) > 1:
        raise RootRefused(
            f"{source} holds {len(found)} certificates, and a root is one",
            hint="put the root alone into a file; in the house's folder it is root.pem",
        )
    return found[0]


def digits_of(text: str) -> str:
    """Read a SHA-256 fingerprint as people write it: 64 lower-case digits. Raises `UsageError`.

    Colons, blanks, dashes, capitals, and what it is called in front do not matter.
    """
    bare = re.sub(r"^\s*sha-?256(?:\s*fingerprint)?\s*[:=]?", "", text, flags=re.IGNORECASE)
    digits = re.sub(r"[\s:.\-]", "", bare).lower()
    if len(digits) == _DIGITS and _HEX.fullmatch(digits):
        return digits
    what = "it has no 64 digits of 0-9 and a-f"
    if len(digits) == _DIGITS_OF_SHA1 and _HEX.fullmatch(digits):
        what = "it is a SHA-1 fingerprint, which is too short to be sure"
    raise UsageError(
        f"{text!r} is no SHA-256 fingerprint: {what}",
        hint="housekey share and housekey house show print it, under root",
    )


def must_be(root: x509.Certificate, digits: str, *, source: str) -> None:
    """Raise `RootRefused` unless `root` has the fingerprint `digits`: all of it is compared."""
    if fingerprint(root) != digits:
        raise RootRefused(
            f"{source} gives another root than the one with this fingerprint: its own is "
            f"{grouped(fingerprint(root))}",
            hint="do not install it; compare once more with what housekey share shows",
        )


def must_be_a_root(root: x509.Certificate, *, source: str, now: datetime) -> None:
    """Raise `RootRefused` for what no device could trust as a root."""
    reason, hint = _unfit(root, now)
    if reason:
        raise RootRefused(f"{source} gives no root to trust: {reason}", hint=hint)


def must_be_limited(root: x509.Certificate) -> None:
    """Raise `RootRefused` for a root that could speak for more than a home."""
    why = too_wide(root)
    if why:
        raise RootRefused(
            f"this root could speak for more than a home, your bank's website among it: {why}",
            hint="a root of housekey never is like that; --unconstrained installs it all the same",
        )


def too_wide(root: x509.Certificate) -> str:
    """Say why `root` could speak for more than a home; empty when it cannot."""
    try:
        constraints = constraints_of(root)
        refuse_shared_zones(constraints.dns)
    except HouseBroken:
        has_some = _has_constraints(root)
        return "its name constraints are not those of a house" if has_some else "nothing limits it"
    except PermitRefused as refused:
        return refused.reason
    return _too_wide_a_network(constraints)


def _too_wide_a_network(constraints: Constraints) -> str:
    for network in constraints.networks:
        if not (_of_every_home(network) or network.prefixlen >= _narrowest(network)):
            return f"it covers the network {network}"
    return ""


def _of_every_home(network: Network) -> bool:
    # As text, because networks of the two families do not compare.
    return any(
        own.version == network.version
        and int(own.network_address) <= int(network.network_address)
        and int(network.broadcast_address) <= int(own.broadcast_address)
        for own in DEFAULT_CONSTRAINTS.networks
    )


def _narrowest(network: Network) -> int:
    """Return the prefix of what a house adds: an address, or the /64 that a line is given."""
    return 32 if isinstance(network, IPv4Network) else 64


def _has_constraints(root: x509.Certificate) -> bool:
    try:
        root.extensions.get_extension_for_class(x509.NameConstraints)
    except (x509.ExtensionNotFound, ValueError):
        return False
    return True


def _unfit(root: x509.Certificate, now: datetime) -> tuple[str, str]:
    """Return why `root` is none, and what to do; empty when it is one."""
    the_root = "the root is the file root.pem in the house's folder"
    try:
        basic = root.extensions.get_extension_for_class(x509.BasicConstraints)
        is_ca = basic.value.ca
    except x509.ExtensionNotFound:
        is_ca = False
    except ValueError as error:
        return f"it is damaged ({error})", the_root
    if not is_ca:
        return "it is a server's certificate, which can vouch for nobody", the_root
    if root.issuer != root.subject:
        return "it is signed by another one, so it is no root itself", the_root
    try:
        root.verify_directly_issued_by(root)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return "it is not signed by its own key", the_root
    return _out_of_time(root, now)


def _out_of_time(root: x509.Certificate, now: datetime) -> tuple[str, str]:
    begin, end = root.not_valid_before_utc, root.not_valid_after_utc
    if now > end:
        hint = "the home needs a new house; if that date lies ahead, set this computer's clock"
        return f"it ended on {end:%d %B %Y}", hint
    if now < begin:
        return f"it begins on {begin:%d %B %Y}", "set this computer's clock"
    return "", ""
