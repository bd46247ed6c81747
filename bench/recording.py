"""What it costs that a certificate is in the ledger, durably, before anybody gets it.

Theirs is the issuing alone, in this process: a P-256 key, a leaf, both as PEM. Ours does the same
and records certificate and event: each by itself, with the disk's word that it is there (fsync),
or a hundred in one transaction. By turns, in a folder of this machine's disk.

    python -m bench --only ledger
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING

from bench import issuing
from bench.processes import say
from bench.rows import Figures, Row, Unit
from housekey.house.files import Files
from housekey.house.ledger import SqliteLedger
from housekey.pki.encoding import certificate_to_pem, fingerprint
from housekey.pki.issuing import issue_leaf
from housekey.pki.keys import KeyType, PrivateKey
from housekey.pki.names import parse_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.x509 import Certificate

    from housekey.pki.issuing import Issuer

ROUNDS = 15
OF_ROUND = 100  # certificates; also those of one batch


def rows() -> list[Row]:
    """Return the rows: one by one, and in batches."""
    say(f"ledger: {ROUNDS} rounds of {OF_ROUND} certificates, issued and recorded")
    signer, _ = issuing.issuer()
    with TemporaryDirectory(prefix="housekey-bench-") as name:
        path = Path(name) / "ledger.sqlite"
        with SqliteLedger.create(path, files=Files()) as ledger:
            rates = _measured(signer, ledger)
            sound = ledger.check_whole() == ()
    how = (
        f"key, leaf, PEM, certificate and event; median of {ROUNDS} rounds of {OF_ROUND} by turns;"
        f" the ledger is {'sound' if sound else 'DAMAGED'} afterwards"
    )
    return [
        Row(
            f"issued and recorded, {way} / issued alone",
            Figures(rates[way], rates["alone"], Unit.PER_SECOND),
            how,
        )
        for way in ("each durable", "100 in one transaction")
    ]


def _measured(signer: Issuer, ledger: SqliteLedger) -> dict[str, float]:
    numbers = count()

    def alone() -> None:
        for _ in range(OF_ROUND):
            issued(signer, next(numbers))

    def one_by_one() -> None:
        for _ in range(OF_ROUND):
            _record(ledger, issued(signer, next(numbers)))

    def together() -> None:
        with ledger.together():
            one_by_one()

    ways: dict[str, Callable[[], None]] = {
        "alone": alone,
        "each durable": one_by_one,
        "100 in one transaction": together,
    }
    rates: dict[str, list[float]] = {way: [] for way in ways}
    for counted in (False, *[True] * ROUNDS):
        for way, run in ways.items():
            start = perf_counter()
            run()
            if counted:
                rates[way].append(OF_ROUND / (perf_counter() - start))
    return {way: median(each) for way, each in rates.items()}


def issued(signer: Issuer, number: int) -> Certificate:
    """Make a key and a leaf, both as PEM."""
    key = PrivateKey.generate(KeyType.ECDSA_P256)
    certificate = issue_leaf(
        public_key=key.public_key,
        names=[parse_name(f"host{number}.lan")],
        issuer=signer,
        now=datetime.now(UTC),
    )
    certificate_to_pem(certificate)
    key.to_pem()
    return certificate


def _record(ledger: SqliteLedger, certificate: Certificate) -> None:
    at = datetime.now(UTC)
    ledger.record_certificate(certificate, role="leaf", label="host", at=at)
    ledger.record_event("issued", at=at, by="bench", sha256=fingerprint(certificate))
