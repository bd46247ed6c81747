"""Whether devices accept what is presented: asked of cryptography's verifier, and of OpenSSL."""

from __future__ import annotations

import subprocess
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from housekey.pki.encoding import certificate_to_pem, chain_to_pem
from housekey.pki.names import DnsName

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterable
    from datetime import datetime

    from housekey.pki.names import Name

Chain = tuple[x509.Certificate, ...]


@cache
def _store(roots: Chain) -> Store:
    return Store(list(roots))


@cache
def _subject(name: Name) -> x509.DNSName | x509.IPAddress:
    return x509.DNSName(name.text) if isinstance(name, DnsName) else x509.IPAddress(name.address)


@dataclass(frozen=True, slots=True)
class Path:
    """The way that a verification took, from what is presented to a root."""

    presented: Chain
    begins: datetime  # the last day on which one of its certificates begins
    ends: datetime  # the first on which one ends

    def holds_at(self, now: datetime) -> bool:
        """Whether each of its certificates is valid at `now` (RFC 5280, 6.1.3 (a) (2))."""
        return self.begins <= now <= self.ends


def path_of(chain: Chain, *, name: Name, roots: Chain, now: datetime) -> Path | str:
    """The way by which a device that trusts `roots` accepts a server under `name`, or why not."""
    verifier = PolicyBuilder().store(_store(roots)).time(now).build_server_verifier(_subject(name))
    try:
        path = verifier.verify(chain[0], list(chain[1:]))
    except VerificationError as error:
        return str(error)
    assert path[-1] in roots
    begins = max(each.not_valid_before_utc for each in path)
    return Path(chain, begins, min(each.not_valid_after_utc for each in path))


@dataclass
class OpenSsl:
    """`openssl verify`, strict and at a time of the simulation; only of what it was not asked."""

    folder: pathlib.Path
    asked: int = 0
    _known: set[tuple[Chain, x509.Certificate]] = field(default_factory=set)

    def refused(self, chains: Iterable[Chain], root: x509.Certificate, now: datetime) -> list[str]:
        """The lines that are no OK, of the chains that are new to a device with this one root."""
        new = [chain for chain in dict.fromkeys(chains) if (chain, root) not in self._known]
        self._known |= {(chain, root) for chain in new}
        above: defaultdict[Chain, list[x509.Certificate]] = defaultdict(list)
        for chain in new:
            above[chain[1:]].append(chain[0])
        found = []
        (self.folder / "root.pem").write_bytes(certificate_to_pem(root))
        for untrusted, leaves in above.items():
            (self.folder / "above.pem").write_bytes(chain_to_pem(untrusted))
            names = []
            for number, leaf in enumerate(leaves):
                (self.folder / f"leaf-{number}.pem").write_bytes(certificate_to_pem(leaf))
                names.append(f"leaf-{number}.pem")
            done = subprocess.run(
                ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-no-CApath",
                 "-no-CAstore", "-attime", str(int(now.timestamp())), "-CAfile", "root.pem",
                 "-untrusted", "above.pem", *names],
                cwd=self.folder, capture_output=True, text=True, check=False, timeout=60,
            )  # fmt: skip
            lines = (done.stdout + done.stderr).splitlines()
            assert len([line for line in lines if line.endswith(": OK")]) <= len(leaves)
            found += [line for line in lines if not line.endswith(": OK")]
            self.asked += len(leaves)
        return found
