"""A root and its issuing CA for the tests of this room, and the clock they live by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from housekey.pki.constraints import DEFAULT_CONSTRAINTS, Constraints
from housekey.pki.issuing import Issuer, issue_issuing_ca, issue_root
from housekey.pki.keys import KeyType, PrivateKey
from housekey.pki.names import Name, parse_name
from housekey.pki.subject import Subject

# The engines look at the real clock, so the tests' houses are born today.
NOW = datetime.now(UTC).replace(microsecond=0)
A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class TwoTiers:
    root: Issuer
    issuing: Issuer


@cache
def a_house(
    *,
    constraints: Constraints = DEFAULT_CONSTRAINTS,
    key_type: KeyType = KeyType.ECDSA_P256,
    born: datetime = NOW,
) -> TwoTiers:
    """root → issuing CA, both by the profiles."""
    root_key = PrivateKey.generate(key_type)
    root = Issuer(
        issue_root(
            key=root_key,
            subject=Subject("housekey root for Home", country="DE", organization="Home"),
            constraints=constraints,
            now=born,
        ),
        root_key,
    )
    issuing_key = PrivateKey.generate(key_type)
    certificate = issue_issuing_ca(
        public_key=issuing_key.public_key,
        subject=Subject("housekey issuing CA for Home"),
        root=root,
        now=born,
    )
    return TwoTiers(root, Issuer(certificate, issuing_key))


def names(*texts: str) -> tuple[Name, ...]:
    return tuple(map(parse_name, texts))
