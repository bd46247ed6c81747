"""What only the wire shows, as findings: decided on a survey, without looking again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509

from housekey.live.greeting import Met
from housekey.pki.names import IpName
from housekey.platforms.model import Finding, Severity, worst_first

if TYPE_CHECKING:
    from collections.abc import Iterator

    from housekey.live.survey import Sight, Survey
    from housekey.pki.names import Name

# The title and the source of each rule.
RULES = {
    "WIRE-01": (
        "A server must send the issuing CA behind its leaf",
        "RFC 8446 4.4.2; PLATFORMS.md CHR-01, FFX-04",
    ),
    "WIRE-02": (
        "A server should present one certificate under all names of its leaf",
        "RFC 6066, section 3: the name is in the greeting, unless it is an address",
    ),
    "WIRE-03": (
        "A server should present one certificate at all of its addresses",
        "RFC 8305: clients take whichever address answers first",
    ),
    "WIRE-04": (
        "Every address of a name should answer, and speak TLS",
        "RFC 8305: clients go on to the next address only when a connection fails",
    ),
    "WIRE-05": (
        "TLS 1.0 and 1.1 should not be accepted",
        "RFC 8996: both are no longer to be used",
    ),
    "WIRE-06": (
        "TLS 1.2 or 1.3 must be accepted",
        "PLATFORMS.md APL-26; RFC 8996, which browsers follow",
    ),
    "WIRE-07": (
        "TLS 1.2 is what older devices speak at most",
        "developer.android.com, Android 10 behaviour changes: TLS 1.3 is on from there",
    ),
}

_PEOPLE_SAY = {"TLSv1": "TLS 1.0", "TLSv1.1": "TLS 1.1", "TLSv1.2": "TLS 1.2", "TLSv1.3": "TLS 1.3"}


def version_name(version: str) -> str:
    """Return a version of TLS as people write it."""
    return _PEOPLE_SAY[version]


def remarks(survey: Survey, *, root: bytes | None) -> tuple[Finding, ...]:
    """Return what the wire shows and no chain by itself does, worst first."""
    found = (
        *_incomplete(survey.chain, root),
        *_by_name(survey),
        *_by_address(survey),
        *_not_answering(survey),
        *_versions(survey),
    )
    return worst_first(dict.fromkeys(found))


def _finding(rule: str, severity: Severity, message: str, fix: str) -> Finding:
    return Finding(rule, severity, message, fix, RULES[rule][1])


def _incomplete(chain: tuple[bytes, ...], root: bytes | None) -> Iterator[Finding]:
    """Follow the issuers from the leaf, by their names, as far as they were sent."""
    try:
        sent = [x509.load_der_x509_certificate(each) for each in chain]
        trusted = x509.load_der_x509_certificate(root) if root is not None else None
        known = sent if trusted is None else [*sent, trusted]
        issuers = {each.subject.public_bytes(): each for each in known}
        last = sent[0]
        for _ in known:
            if last == trusted or last.issuer == last.subject:
                return
            above = issuers.get(last.issuer.public_bytes())
            if above is None:
                break
            last = above
        issuer, subject = (_short(each) for each in (last.issuer, last.subject))
    except (ValueError, x509.InvalidVersion):  # the platforms tell that it cannot be read
        return
    if root is None and last is not sent[0]:
        return  # it ends below a root that nobody sends
    yield _finding(
        "WIRE-01",
        Severity.ERROR if root is not None else Severity.WARNING,
        f"the server sends {'only its leaf' if len(sent) == 1 else f'{len(sent)} certificates'},"
        f" and not that of {issuer}, which signed {subject}",
        "have it serve the whole chain: the leaf, and the issuing CA behind it in the same file",
    )


def _by_name(survey: Survey) -> Iterator[Finding]:
    first = next(each for each in survey.sights if each.greeting.chain)
    for sight in survey.sights:
        if sight.address != first.address or not sight.greeting.chain:
            continue
        if sight.greeting.chain[0] == first.greeting.chain[0]:
            continue
        asked = (
            "without a name, as for an address," if sight.name is None else f"under {sight.name}"
        )
        yield _finding(
            "WIRE-02",
            Severity.WARNING,
            f"{asked} it presents another certificate ({_leaf_of(sight)}) than under"
            f" {_under(first.name)} ({_leaf_of(first)})",
            "give it one certificate for all of its names, or use only the name that is meant",
        )


def _by_address(survey: Survey) -> Iterator[Finding]:
    by_name: dict[Name | None, Sight] = {}
    for sight in survey.sights:
        if not sight.greeting.chain:
            continue
        first = by_name.setdefault(sight.name, sight)
        if first.greeting.chain == sight.greeting.chain:
            continue
        what = "chain" if first.greeting.chain[0] == sight.greeting.chain[0] else "certificate"
        yield _finding(
            "WIRE-03",
            Severity.WARNING,
            f"at {_family(sight)} it presents another {what} ({_leaf_of(sight)}) than at"
            f" {_family(first)} ({_leaf_of(first)})",
            "is it the same server? give both the same files, or take one address out of the DNS",
        )


def _not_answering(survey: Survey) -> Iterator[Finding]:
    asked = survey.sights[0].name
    for sight in survey.sights:
        if sight.name != asked or sight.greeting.chain:
            continue
        closed = sight.greeting.met is Met.CLOSED
        yield _finding(
            "WIRE-04",
            Severity.INFO if closed else Severity.ERROR,
            f"nothing answers at {_family(sight)}: {sight.greeting.reason}; clients go on to the"
            " next address, some after a pause"
            if closed
            else f"no TLS at {_family(sight)}: {sight.greeting.reason}",
            "have the server listen there too, or take the address out of the DNS",
        )


def _versions(survey: Survey) -> Iterator[Finding]:
    accepted = dict(survey.versions)
    old = [version_name(each) for each in ("TLSv1", "TLSv1.1") if accepted[each]]
    if not accepted["TLSv1.2"] and not accepted["TLSv1.3"]:
        yield _finding(
            "WIRE-06",
            Severity.ERROR,
            f"it speaks only {' and '.join(old) or 'versions of TLS that nobody does'}",
            "update the server, or put a proxy before it",
        )
    elif old:
        yield _finding(
            "WIRE-05",
            Severity.WARNING,
            f"it still accepts {' and '.join(old)}",
            "switch them off in the server's settings",
        )
    if accepted["TLSv1.3"] and not accepted["TLSv1.2"]:
        yield _finding(
            "WIRE-07",
            Severity.INFO,
            "it accepts only TLS 1.3, which devices from before 2020 often do not speak",
            "allow TLS 1.2 if such a device is to connect",
        )


def _under(name: Name | None) -> str:
    return "none" if name is None else str(name)


def _family(sight: Sight) -> str:
    return f"the IPv{sight.address.version} address {IpName(sight.address)}"


def _leaf_of(sight: Sight) -> str:
    """Tell leaves apart for people: whose it is, until when, and its fingerprint's begin."""
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - loaded already

    try:
        leaf = x509.load_der_x509_certificate(sight.greeting.chain[0])
        whose, until = _short(leaf.subject), leaf.not_valid_after_utc
        print_ = leaf.fingerprint(hashes.SHA256()).hex()[:8]
    except (ValueError, x509.InvalidVersion):
        return "one that cannot be read"
    return f"{whose}, until {until:%Y-%m-%d}, {print_}…"


def _short(name: x509.Name) -> str:
    common = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(common[0].value) if common else name.rfc4514_string() or "an empty subject"
