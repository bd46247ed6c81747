"""What NSS itself says of a server by one database: a TLS connection of tstclnt, its own client.

It checks the chain and the name as a program does that uses NSS's defaults. The browsers have
rules beyond these (PLATFORMS.md 2 and 3), which are about the server and not about the store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.pki.hosts import is_address
from housekey.trust.nss_printed import error_name
from housekey.trust.store import Proof

if TYPE_CHECKING:
    from housekey.trust.nss_database import Database
    from housekey.trust.store import Machine, Ran, Server

# Fedora and its like ship it outside the path.
_BESIDE = ("/usr/lib64/nss/unsupported-tools/tstclnt", "/usr/lib/nss/unsupported-tools/tstclnt")


def ask(machine: Machine, database: Database, server: Server) -> Proof:
    """Return what NSS says of `server` with this database."""
    program = _tstclnt(machine)
    name = f"tstclnt -d sql:{database.folder}"
    if program is None:
        return Proof(name, accepts=None, said="tstclnt is not installed; it comes with NSS's tools")
    if database.is_old:
        return Proof(name, accepts=None, said=database.old_hint)
    ran = _connect(machine, database, program, server)
    # It takes the first address of a name, and does not try the next: localhost is ::1 first.
    if error_name(ran.err).startswith("PR_CONNECT") and not is_address(server.host):
        ran = _connect(machine, database, program, server, "-4")
    if ran.code == 0:
        return Proof(name, accepts=True)
    said = _said(ran)
    if "unable to open cert database" in ran.err:
        return Proof(name, accepts=False, said=said)  # nor does a browser trust what it cannot read
    # PR_… tells of the network: without a certificate that was refused nothing is proven.
    if "authentication of server cert failed" not in ran.err and "SSL_ERROR" not in said:
        return Proof(name, accepts=None, said=said)
    if database.needs_password():
        said = f"{said} ({database.password_hint})"
    return Proof(name, accepts=False, said=said)


def _connect(machine: Machine, database: Database, program: str, server: Server, *more: str) -> Ran:
    """Let tstclnt shake hands and go: it checks chain and name, and ends with 254 if it refuses."""
    command = database.command(
        program, "-d", f"sql:{database.folder}", "-h", server.host, "-p", str(server.port),
        "-V", "tls1.2:", "-Q", *more,
    )  # fmt: skip
    return machine.run(command, seconds=30)


def _said(ran: Ran) -> str:
    """Return NSS's own words, on one line."""
    name = error_name(ran.err)
    for line in ran.err.splitlines():
        if name and name in line:
            return line[line.index(name) :].strip()
    return " ".join(ran.err.split()) or f"it ended with {ran.code}"


def _tstclnt(machine: Machine) -> str | None:
    beside = (str(machine.at(path)) for path in _BESIDE if machine.at(path).exists())
    return machine.which("tstclnt") or next(beside, None)
