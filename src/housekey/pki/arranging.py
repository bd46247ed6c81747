"""What a CA returned, put in order: the leaf of a key, what leads from it to a root, the root.

People give what they were given: files in any order, the root among them or not, a chain that
lacks its middle, the certificates of a whole company. Names and signatures tell what belongs
where; the order in which it came tells nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import AuthorityInformationAccessOID

from housekey.errors import AnswerRefused
from housekey.pki.any_key import PARSER_ERRORS, attempt
from housekey.pki.description import printable
from housekey.pki.encoding import matches
from housekey.pki.reading import quiet
from housekey.pki.verifying import is_signed_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from housekey.pki.keys import PrivateKey

_MOST_TIERS = 10  # longer chains exist nowhere; OpenSSL and browsers give up earlier


@dataclass(frozen=True, slots=True)
class Answer:
    """A leaf, its key, and the way to its root."""

    chain: tuple[x509.Certificate, ...]  # what a server presents: the leaf first, without the root
    key: PrivateKey
    root: x509.Certificate
    unused: tuple[x509.Certificate, ...]  # what was given and is no part of it


def arrange(
    found: Sequence[x509.Certificate],
    keys: Sequence[PrivateKey],
    *,
    roots: Sequence[x509.Certificate],
    known: Callable[[], Sequence[x509.Certificate]],
    between: Sequence[x509.Certificate] = (),
) -> Answer:
    """Put `found` in order for the first of `keys` that one of them is for.

    `between` may help out: what led from a leaf to a root before.

    Without `roots`, which are what it must lead to, that is a self-signed certificate among
    `found`, or else one of those that `known` returns, which is asked only then. Raises
    `AnswerRefused`: for another key, by itself, without a part.
    """
    with quiet():
        leaf, key = _leaf(found, keys)
        if _is_self_issued(leaf):
            raise AnswerRefused(
                f"{said(leaf)} is signed by its own key, not by a CA",
                hint="give the certificate that your CA made of the request",
            )
        ends = tuple(roots) or tuple(filter(_is_self_issued, found))
        path = _path(leaf, [*ends, *found, *between], ends)
        if path is None and not roots:
            ends = tuple(known())
            path = _path(leaf, [*ends, *found, *between], ends)
        if path is None:
            raise _missing(leaf, [*found, *between], tuple(roots))
        *chain, root = path
        used = {*path}
        return Answer(
            tuple(chain), key, root, tuple(dict.fromkeys(c for c in found if c not in used))
        )


def roots_in(found: Iterable[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """Return the self-signed among what was given as the root. Raises `AnswerRefused`."""
    every = tuple(dict.fromkeys(found))
    with quiet():
        roots = tuple(filter(_is_self_issued, every))
        if not roots:
            raise AnswerRefused(
                f"{said(every[0])} is not a root: it is signed by"
                f" {printable(every[0].issuer.rfc4514_string())}",
                hint="give the certificate that signs itself, at the top of your CA",
            )
    return roots


def out_of_time(answer: Answer, *, at: datetime) -> AnswerRefused | None:
    """Say which of them has ended, or has not begun; None when all are good now."""
    for each in (*answer.chain, answer.root):
        begins, ends = each.not_valid_before_utc, each.not_valid_after_utc
        if at > ends:
            return AnswerRefused(
                f"{said(each)} has ended on {ends:%Y-%m-%d %H:%M} UTC",
                hint="have your CA sign the request again"
                if each is answer.chain[0]
                else "your CA needs a new one of it, and signs the request again with that",
            )
        if at < begins:
            return AnswerRefused(
                f"{said(each)} is not valid before {begins:%Y-%m-%d %H:%M} UTC",
                hint=f"wait until then; or set the clock right, which says {at:%Y-%m-%d %H:%M} UTC",
            )
    return None


def said(certificate: x509.Certificate) -> str:
    """A certificate as people know it: its subject."""
    return printable(certificate.subject.rfc4514_string()) or "the certificate without a subject"


def _leaf(
    found: Sequence[x509.Certificate], keys: Sequence[PrivateKey]
) -> tuple[x509.Certificate, PrivateKey]:
    """The certificate of one of the keys; of several the one that was made last."""
    for key in keys:
        mine = [each for each in found if matches(each, key)]
        # A self-signed one of the same key is somebody's first try, not the CA's answer.
        mine.sort(key=lambda each: (not _is_self_issued(each), each.not_valid_before_utc))
        if mine:
            return mine[-1], key
    whose = said(next((each for each in found if not _is_authority(each)), found[0]))
    raise AnswerRefused(
        f"none of them is for a key of this house, not even {whose}"
        if len(found) > 1
        else f"{whose} is for none of this house's keys",
        hint="housekey secure --csr FILE writes the request again, for your CA to sign",
    )


def _path(
    leaf: x509.Certificate, pool: Sequence[x509.Certificate], ends: Sequence[x509.Certificate]
) -> list[x509.Certificate] | None:
    """The shortest way from `leaf` to one of `ends`, through `pool`."""
    by_name: dict[x509.Name, list[x509.Certificate]] = {}
    for each in dict.fromkeys(pool):
        by_name.setdefault(each.subject, []).append(each)
    ways, met = [[leaf]], {leaf}
    for _ in range(_MOST_TIERS):
        longer = []
        for way in ways:
            for issuer in by_name.get(way[-1].issuer, ()):
                if issuer in met or not _is_signed_by(way[-1], issuer):
                    continue
                if issuer in ends:
                    return [*way, issuer]
                met.add(issuer)  # by the shortest way; a second one leads no further
                longer.append([*way, issuer])
        ways = longer
    return None


def _missing(
    leaf: x509.Certificate,
    found: Sequence[x509.Certificate],
    roots: tuple[x509.Certificate, ...],
) -> AnswerRefused:
    """Say which certificate is missing: by its name, and where it says that it is to be had."""
    last = leaf
    seen = {leaf}
    while True:
        named = [each for each in found if each.subject == last.issuer and each not in seen]
        issuer = next((each for each in named if _is_signed_by(last, each)), None)
        if issuer is None:
            break
        seen.add(issuer)
        last = issuer
    wanted = printable(last.issuer.rfc4514_string())
    if _is_self_issued(last):
        return AnswerRefused(
            f"it leads to another root than it should, {said(last)}, and not to {said(roots[0])}",
            hint="--root FILE names the root that devices trust",
        )
    if any(each.subject == last.issuer for each in roots):
        return AnswerRefused(
            f"{said(last)} is not signed by the root that it names: {wanted}",
            hint="that root may have been made anew: --root FILE names the one of now",
        )
    if named:
        return AnswerRefused(
            f"{said(last)} is not signed by the certificate of its issuer's name that was given,"
            f" {said(named[0])}",
            hint="your CA may have a newer one of that name: give that",
        )
    places = _places(last)
    where = f"it says that it is at {places[0]}; " if places else ""
    if roots:
        return AnswerRefused(
            f"a certificate in the middle is missing: {wanted}, which signed {said(last)}",
            hint=f"{where}give it beside the others: --install FILE FILE",
        )
    return AnswerRefused(
        f"what leads to a root is missing: {wanted}, which signed {said(last)}, was not given,"
        " and this computer does not know it",
        hint=f"{where}if it is the root: --root FILE; if not, give it beside the others, and the"
        " root with --root",
    )


def _places(certificate: x509.Certificate) -> list[str]:
    """Where the issuer's certificate is to be had (RFC 5280 4.2.2.1); it is not fetched."""
    try:
        extensions = attempt(lambda: certificate.extensions)
        access = extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (*PARSER_ERRORS, x509.ExtensionNotFound, x509.DuplicateExtension):
        return []
    return [
        printable(each.access_location.value)
        for each in access
        if each.access_method == AuthorityInformationAccessOID.CA_ISSUERS
        and isinstance(each.access_location, x509.UniformResourceIdentifier)
    ]


def _is_self_issued(certificate: x509.Certificate) -> bool:
    return certificate.subject == certificate.issuer and _is_signed_by(certificate, certificate)


def _is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether that authority signed it; by name alone where the hash is one of yesterday.

    The cryptography package verifies none with SHA-1. What the platforms say of it tells more
    than that a certificate is missing: they refuse it.
    """
    if is_signed_by(certificate, issuer):
        return True
    try:
        digest = attempt(lambda: certificate.signature_hash_algorithm)
    except PARSER_ERRORS:
        return False
    return isinstance(digest, hashes.SHA1 | hashes.MD5) and certificate.issuer == issuer.subject


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        extensions = attempt(lambda: certificate.extensions)
        return bool(extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except (*PARSER_ERRORS, x509.ExtensionNotFound, x509.DuplicateExtension):
        return False
