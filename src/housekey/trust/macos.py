"""macOS: the System keychain for an administrator, the login keychain for anybody else.

A certificate in a keychain is not trusted by lying there: that is a setting beside it, which
`security verify-cert` knows. Not run here: read in security(1); mkcert, truststore_darwin.go and
issue #415; ASP.NET's MacOSCertificateManager, which asks verify-cert likewise.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from housekey.errors import FileTrouble, TrustFailed
from housekey.pki.encoding import certificate_to_pem, fingerprint, readable, to_der
from housekey.trust.asking import ask_curl
from housekey.trust.pem import holds
from housekey.trust.store import Proof, Standing, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from cryptography.x509 import Certificate

    from housekey.trust.store import Machine, Ran, Server

_SYSTEM = "/Library/Keychains/System.keychain"
_LOGIN = "Library/Keychains/login.keychain-db"
_LOOK_SECONDS = 20.0
_ANSWER_SECONDS = 300.0  # macOS asks for a password in a window, and people look for it


class MacStore:
    """The keychains of macOS."""

    name = "macos"
    title = "the keychain (macOS)"

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._system = machine.at(_SYSTEM)
        self._login = machine.home / _LOGIN

    def describe(self) -> str:
        """Say in a sentence which programs read it, and where it lies."""
        return f"read by Safari, Chrome, curl and most programs; {self._mine()}"

    def look(self, root: Certificate) -> Standing:
        """Find the root in both keychains, and ask whether it is trusted."""
        if self._machine.system != "Darwin":
            return Standing(State.NOT_HERE)
        held = self._holding(root)
        needs = self._system in held
        if not held:
            return Standing(State.ABSENT, (str(self._mine()),))
        where = tuple(map(str, held))
        if self._is_trusted(root):
            return Standing(State.PRESENT, where, needs_administrator=needs)
        return Standing(State.ABSENT, where, needs_administrator=needs, leftover=True)

    def install(self, root: Certificate) -> None:
        """Add it to the keychain as a root to be trusted. macOS asks for a password."""
        domain = ("-d",) if self._machine.administrator else ()
        before = self._holding(root)
        with self._as_file(root) as path:
            ran = self._security(
                "add-trusted-cert", *domain, "-r", "trustRoot", "-k", self._mine(), path
            )
        if ran.code == 0:
            return
        if self._mine() not in before:  # added, and then not trusted, because nobody said yes
            self._delete(root, self._mine())
        raise TrustFailed(
            f"macOS did not take the root: {_said(ran)}",
            hint="run it in a terminal on this Mac's own screen, and answer the window that opens",
        )

    def remove(self, root: Certificate) -> None:
        """Take it out of the keychain that this user may change, with its setting."""
        domain = ("-d",) if self._machine.administrator else ()
        if self._mine() in self._holding(root):
            with self._as_file(root) as path:
                # Fails where nothing says that it is trusted, which is as good.
                self._security("remove-trusted-cert", *domain, path)
            ran = self._delete(root, self._mine())
            if ran.code != 0:
                raise TrustFailed(
                    f"macOS did not let the root go: {_said(ran)}",
                    hint="delete it in Keychain Access",
                )
        if self._machine.administrator and self._login in self._holding(root):
            raise TrustFailed(
                f"the root is in {self._login} as well, which is its user's own",
                hint="run housekey untrust once more, without sudo",
            )

    def prove(self, server: Server) -> tuple[Proof, ...]:
        """Ask the system's curl, and `security verify-cert`."""
        return (ask_curl(self._machine, server), self._verified(server))

    def find(self, sha256: str) -> Certificate | None:
        """Return the certificate of this fingerprint from the keychains."""
        from housekey.trust.pem import certificates_in  # noqa: PLC0415 - rarely needed

        for keychain in (self._system, self._login):
            for der in certificates_in(self._listed(keychain)):
                certificate = readable(der)
                if certificate is not None and fingerprint(certificate) == sha256:
                    return certificate
        return None

    def _mine(self) -> Path:
        return self._system if self._machine.administrator else self._login

    def _holding(self, root: Certificate) -> tuple[Path, ...]:
        der = to_der(root)
        return tuple(k for k in (self._system, self._login) if holds(self._listed(k), der))

    def _listed(self, keychain: Path) -> bytes:
        ran = self._security("find-certificate", "-a", "-p", keychain, seconds=_LOOK_SECONDS)
        return ran.out.encode()

    def _is_trusted(self, root: Certificate) -> bool:
        with self._as_file(root) as path:
            # -l: a certificate authority is what is asked about; -L: nothing is fetched.
            ran = self._security(
                *("verify-cert", "-l", "-L", "-p", "ssl", "-c", path), seconds=_LOOK_SECONDS
            )
        return ran.code == 0

    def _verified(self, server: Server) -> Proof:
        chain = [cert for der in _chain_of(server) if (cert := readable(der))]
        if not chain:
            return Proof("security verify-cert", None, "the server presented no certificate")
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(self._as_file(each)) for each in chain]
            listed = [part for path in files for part in ("-c", path)]
            ran = self._security(
                *("verify-cert", "-L", "-p", "ssl", "-n", server.host, *listed),
                seconds=_LOOK_SECONDS,
            )
        if ran.code == 0:
            return Proof("security verify-cert", accepts=True)
        return Proof("security verify-cert", accepts=False, said=_said(ran))

    def _delete(self, root: Certificate, keychain: Path) -> Ran:
        from cryptography.hazmat.primitives.hashes import SHA1  # noqa: PLC0415

        # By the hash that every macOS takes here; that it is ours was seen by its bytes.
        digest = root.fingerprint(SHA1()).hex().upper()  # noqa: S303
        return self._security("delete-certificate", "-Z", digest, keychain)

    @contextlib.contextmanager
    def _as_file(self, certificate: Certificate) -> Iterator[Path]:
        """Keep `certificate` in a file for `security`, which reads nothing else."""
        files = self._machine.files
        path = (
            self._machine.home / "Library" / "Caches" / f"housekey-{fingerprint(certificate)}.pem"
        )
        try:
            files.make_folder(path.parent, 0o700)
            files.write(path, certificate_to_pem(certificate), mode=0o644)
        except FileTrouble as trouble:
            raise TrustFailed(
                f"the root could not be handed to macOS: {trouble.message}", hint=trouble.hint
            ) from trouble
        try:
            yield path
        finally:
            files.remove(path)

    def _security(self, *arguments: str | Path, seconds: float = _ANSWER_SECONDS) -> Ran:
        command: Sequence[str | Path] = ("/usr/bin/security", *arguments)
        return self._machine.run(command, seconds=seconds)


def _chain_of(server: Server) -> tuple[bytes, ...]:
    """Return the chain that is presented, leaf first; none when there is no TLS."""
    from housekey.errors import NameRefused  # noqa: PLC0415 - only for a proof
    from housekey.live.greeting import greet  # noqa: PLC0415
    from housekey.live.handshake import resolve  # noqa: PLC0415
    from housekey.pki.names import parse_name  # noqa: PLC0415

    async def ask() -> tuple[bytes, ...]:
        try:
            name = parse_name(server.host)
        except NameRefused:
            return ()
        for address in await resolve(server.host):
            greeting = await greet(address, server.port, name, seconds=_LOOK_SECONDS)
            if greeting.chain:
                return greeting.chain
        return ()

    return asyncio.run(ask())


def _said(ran: Ran) -> str:
    return " ".join((ran.err or ran.out).split()) or f"exit code {ran.code}"
