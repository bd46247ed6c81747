"""Which cases may share one browser, with one NSS database that trusts all their roots.

A browser takes seconds to start, and a case takes a fraction of one. But the roots of two cases
must not speak for each other, and Firefox remembers issuing CAs that it saw, and refuses two
certificates with one issuer and serial number (FFX-15). So cases share a browser only where
nothing that one brings can be found while the other is judged:

* no case brings a certificate with a subject that the other looks for as an issuer, unless the
  other brings the same certificate;
* the root of one is not among the certificates of the other, unless it is the root of both, and
  two roots have two subjects: NSS files its certificates by subject;
* no two different certificates have the same issuer and serial number.

What cannot be read that far is asked alone. `tests/engines/test_browsers.py` asks a sample both
ways, together and each alone.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.engines.model import Case

_MOST = 200  # cases in one browser


class Unreadable(Exception):
    """The certificate is not even so far DER that issuer and serial can be told."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What certificates are looked up by, each as its DER."""

    issuer: bytes
    serial: bytes
    subject: bytes


def batches(cases: Iterable[Case], *, most: int = _MOST) -> Iterator[Sequence[Case]]:
    """Yield the cases in as few batches as the first fit makes, in their order."""
    open_: list[_Batch] = []
    for case in cases:
        try:
            facts = _Facts.of(case)
        except Unreadable:
            yield [case]
            continue
        for batch in open_:
            if len(batch.cases) < most and batch.takes(facts):
                break
        else:
            batch = _Batch()
            open_.append(batch)
        batch.add(case, facts)
    for batch in open_:
        yield batch.cases


@dataclass(frozen=True, slots=True)
class _Facts:
    root: bytes | None
    root_subject: bytes | None
    certificates: frozenset[bytes]
    issuers: frozenset[bytes]  # the names that are looked for
    subjects: dict[bytes, set[bytes]]  # what is found by such a name
    numbers: dict[tuple[bytes, bytes], bytes]  # (issuer, serial) to certificate

    @classmethod
    def of(cls, case: Case) -> _Facts:
        root = case.question.root
        certificates = frozenset((*case.question.chain, *((root,) if root is not None else ())))
        issuers = set()
        subjects: dict[bytes, set[bytes]] = defaultdict(set)
        numbers = {}
        for certificate in certificates:
            its = identity(certificate)
            issuers.add(its.issuer)
            subjects[its.subject].add(certificate)
            numbers[its.issuer, its.serial] = certificate
        trusted = identity(root).subject if root is not None else None
        return cls(root, trusted, certificates, frozenset(issuers), dict(subjects), numbers)


@dataclass(slots=True)
class _Batch:
    cases: list[Case] = field(default_factory=list)
    _facts: list[_Facts] = field(default_factory=list)

    def takes(self, new: _Facts) -> bool:
        return all(_apart(new, old) for old in self._facts)

    def add(self, case: Case, facts: _Facts) -> None:
        self.cases.append(case)
        self._facts.append(facts)


def _apart(one: _Facts, other: _Facts) -> bool:
    none: set[bytes] = set()
    return (
        (one.root == other.root or _roots_apart(one, other))
        and all(
            theirs.subjects.get(name, none) <= ours.subjects.get(name, none)
            for ours, theirs in ((one, other), (other, one))
            for name in ours.issuers
        )
        and all(other.numbers.get(number, it) == it for number, it in one.numbers.items())
    )


def _roots_apart(one: _Facts, other: _Facts) -> bool:
    return (
        one.root not in other.certificates
        and other.root not in one.certificates
        and one.root_subject != other.root_subject
    )


def identity(certificate: bytes) -> Identity:
    """Read issuer, serial and subject, and nothing else, of a certificate that may be bad.

    Raises:
        Unreadable: it is not even so far DER (RFC 5280, section 4.1).
    """
    (_, outer, _), *_ = _elements(certificate)
    (_, inner, _), *_ = _elements(outer)
    parts = list(_elements(inner))
    if parts and parts[0][0] == 0xA0:  # the version; absent in a first one
        del parts[0]
    if len(parts) < 5:
        raise Unreadable
    serial, _algorithm, issuer, _validity, subject = (whole for _, _, whole in parts[:5])
    return Identity(issuer, serial, subject)


def _elements(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield tag, contents and whole of each element (X.690, section 8.1)."""
    if not data:
        raise Unreadable
    at = 0
    while at < len(data):
        try:
            start, length = at + 2, data[at + 1]
            if length & 0x80:
                start += length & 0x7F
                length = int.from_bytes(data[at + 2 : start])
        except IndexError:
            raise Unreadable from None
        if start + length > len(data):
            raise Unreadable
        yield data[at], data[start : start + length], data[at : start + length]
        at = start + length
