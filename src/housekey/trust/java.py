"""The trust stores of the Javas on this machine: their `cacerts`, by each one's own keytool.

Several Javas may share one file: Debian links all of them to /etc/ssl/certs/java/cacerts, which
update-ca-certificates fills as well. Where the system makes the file anew from its own store, what
keytool puts in is gone after the next update: the root belongs into the system's store there.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from base64 import b64decode
from binascii import Error as NoBase64
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes, serialization

from housekey.errors import FileTrouble, TrustFailed, TrustPutBack
from housekey.trust.acting import as_owner, owner_to_act_as
from housekey.trust.java_places import Java, javas
from housekey.trust.store import Proof, Standing, State, together

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cryptography.x509 import Certificate

    from housekey.house.files import Snapshot
    from housekey.trust.store import Machine, Ran, Server

PASSWORD = "changeit"  # noqa: S105 - of every cacerts, as its makers deliver it; it keeps nothing out
_ENGLISH = "-J-Duser.language=en"  # what keytool prints is read here
# Names beyond ASCII go in and come out as they are; Windows has it by its own settings.
_UTF_8 = {"Linux": {"LC_ALL": "C.UTF-8"}, "Darwin": {"LC_ALL": "en_US.UTF-8"}}
_PROGRAMS = Path(__file__).parent / "programs"  # Connect.class

_ENTRY = re.compile(
    r"^Alias name: (?P<alias>.*?)\n(?P<facts>.*?)^-----BEGIN CERTIFICATE-----\n"
    r"(?P<body>.*?)^-----END CERTIFICATE-----",
    re.MULTILINE | re.DOTALL,
)

# Where distributions make the file from the system's store, whenever that changes: Fedora and RHEL
# (update-ca-trust(8)), Arch (ca-certificates-java), SUSE (ca-certificates).
_MADE_BY_THE_SYSTEM = (
    "/etc/pki/ca-trust/extracted/",
    "/etc/ca-certificates/extracted/",
    "/var/lib/ca-certificates/",
)


@dataclass(frozen=True, slots=True)
class _Cacerts:
    """One file, and the Javas that read it."""

    path: Path
    javas: tuple[Java, ...]

    @property
    def keytool(self) -> Path | None:
        return next((java.keytool for java in self.javas if java.keytool is not None), None)


class JavaStore:
    """The trust stores of all Javas on this machine."""

    name = "java"
    title = "Java"

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def describe(self) -> str:
        """Say in a sentence which programs read it, and where it lies."""
        where = ", ".join(str(each.path) for each in self._files())
        return (
            f"programs in Java read {where or 'the cacerts file of their Java'},"
            " unless they bring a trust store of their own;"
            " one that is running sees a change when it is started again"
        )

    def look(self, root: Certificate) -> Standing:
        """Find out how all files together stand to exactly this root."""
        files = self._files()
        if not files:
            return Standing(State.NOT_HERE)
        found = [self._stand(each, root) for each in files]
        states = [state for state, _ in found]
        state = together(states)
        to_change = {State.PRESENT, State.ABSENT} & {state}
        return Standing(
            state,
            tuple(
                str(each.path)
                for each, each_state in zip(files, states, strict=True)
                if state is State.NEEDS or each_state is not State.NEEDS
            ),
            hint="; ".join(hint for _, hint in found if hint),
            needs_administrator=any(
                each_state in to_change and not self._may_change(each)
                for each, each_state in zip(files, states, strict=True)
            ),
            leftover=state is State.ABSENT and State.PRESENT in states,
        )

    def install(self, root: Certificate) -> None:
        """Put the root into every file that can be read; when one fails, all are as before."""
        found = [(each, *self._stand(each, root)) for each in self._files()]
        if found and all(state is State.NEEDS for _, state, _ in found):
            raise TrustFailed(
                "no trust store of Java can be changed",
                hint="; ".join(hint for _, _, hint in found),
            )
        done: list[tuple[_Cacerts, Snapshot | None]] = []
        for each, state, _ in found:
            if state is not State.ABSENT:
                continue
            try:
                done.append((each, self._machine.files.snapshot(each.path)))
                self._import(each, root)
                if not self._aliases(each, root):
                    raise self._not_done(each, "put the root into")
            except (TrustFailed, FileTrouble) as error:
                put_back = [self._restore(changed, snapshot) for changed, snapshot in done]
                if not any(put_back):
                    raise
                raise _put_back(error) from error

    def remove(self, root: Certificate) -> None:
        """Take exactly this root out of every file, under whatever alias it is there."""
        failed: list[TrustFailed | FileTrouble] = []
        for each in self._files():
            try:
                self._remove_from(each, root)
            except (TrustFailed, FileTrouble) as error:
                failed.append(error)
        if failed:
            raise failed[0]

    def prove(self, server: Server) -> tuple[Proof, ...]:
        """Let each Java open a connection to `server`, by its default trust."""
        return tuple(self._ask(java, server) for each in self._files() for java in each.javas)

    def _files(self) -> tuple[_Cacerts, ...]:
        by_path: dict[Path, list[Java]] = {}
        for java in javas(self._machine):
            by_path.setdefault(java.store, []).append(java)
        return tuple(_Cacerts(path, tuple(found)) for path, found in by_path.items())

    def _stand(self, cacerts: _Cacerts, root: Certificate) -> tuple[State, str]:
        try:
            if self._aliases(cacerts, root):
                return State.PRESENT, ""
        except TrustFailed as error:
            return State.NEEDS, f"{error.message}: {error.hint}"
        made = any(str(cacerts.path).startswith(str(self._machine.at(each)))
                   for each in _MADE_BY_THE_SYSTEM)  # fmt: skip
        return State.ABSENT, (
            f"{cacerts.path} is made anew from the system's store whenever that changes:"
            " install the root there"
            if made
            else ""
        )

    def _may_change(self, cacerts: _Cacerts) -> bool:
        return self._machine.administrator or os.access(cacerts.path, os.W_OK)

    def _remove_from(self, cacerts: _Cacerts, root: Certificate) -> None:
        aliases = self._aliases(cacerts, root)
        if not aliases:
            return
        before = self._machine.files.snapshot(cacerts.path)
        try:
            for alias in aliases:
                self._must(cacerts, "-delete", "-alias", alias)
            if self._aliases(cacerts, root):
                raise self._not_done(cacerts, "take the root out of")
        except TrustFailed as error:
            if self._restore(cacerts, before):
                raise _put_back(error) from error
            raise

    def _aliases(self, cacerts: _Cacerts, root: Certificate) -> tuple[str, ...]:
        """Return the names under which exactly `root` is trusted there."""
        wanted = root.fingerprint(hashes.SHA256())
        listed = self._must(cacerts, "-list", "-rfc").out
        return tuple(alias for alias, found in _trusted(listed) if found == wanted)

    def _import(self, cacerts: _Cacerts, root: Certificate) -> None:
        alias = "housekey-" + root.fingerprint(hashes.SHA256()).hex()[:16]
        pem = root.public_bytes(serialization.Encoding.PEM)
        # Without -file it reads standard input.
        self._must(cacerts, "-importcert", "-noprompt", "-alias", alias, stdin=pem)

    def _must(self, cacerts: _Cacerts, action: str, *more: str, stdin: bytes = b"") -> Ran:
        keytool = cacerts.keytool
        if keytool is None:
            raise TrustFailed(
                f"the Java of {cacerts.path} has no keytool, which changes its trust store",
                hint=f"install the whole of the Java in {cacerts.javas[0].home}",
            )
        owner = owner_to_act_as(self._machine, cacerts.javas[0].home)
        command = as_owner(owner, (
            keytool, _ENGLISH, action, *more, "-keystore", cacerts.path, "-storepass", PASSWORD,
        ))  # fmt: skip
        ran = self._machine.run(command, stdin=stdin, env=_UTF_8.get(self._machine.system))
        if ran.code != 0:
            raise _refused(cacerts.path, ran)
        return ran

    def _restore(self, cacerts: _Cacerts, before: Snapshot | None) -> bool:
        """Put the file back: keytool writes it in place, and a full disk leaves half of it.

        Returns whether it had changed.
        """
        with contextlib.suppress(FileTrouble):  # it was not ours to change, and so is as it was
            if before is not None and self._machine.files.read(cacerts.path) != before.data:
                self._machine.files.restore(cacerts.path, before)
                return True
        return False

    def _not_done(self, cacerts: _Cacerts, what: str) -> TrustFailed:
        return TrustFailed(
            f"keytool says that it did, and did not {what} {cacerts.path}",
            hint=f"see what is in it: keytool -list -keystore {cacerts.path}",
        )

    def _ask(self, java: Java, server: Server) -> Proof:
        owner = owner_to_act_as(self._machine, java.home)
        ran = self._machine.run(
            as_owner(owner, (java.java, "-cp", _PROGRAMS, "Connect", server.url)), seconds=60
        )
        said = " ".join((ran.out or ran.err).split()) or f"it ended with {ran.code}"
        if ran.code == 0:
            return Proof(str(java.java), accepts=True)
        # Java itself ends with 1 as well, when it cannot load a program; then it prints an error.
        refused = ran.code == 1 and ran.out.strip() != ""
        return Proof(str(java.java), False if refused else None, said)


def _put_back(error: TrustFailed | FileTrouble) -> TrustPutBack:
    return TrustPutBack(f"{error.message}; what was changed is as before", hint=error.hint)


def _trusted(listed: str) -> Iterator[tuple[str, bytes]]:
    """Read `keytool -list -rfc`: each alias that is trusted, with the SHA-256 of what it names."""
    for entry in _ENTRY.finditer(listed.replace("\r\n", "\n")):
        if "trustedCertEntry" not in entry["facts"]:
            continue
        with contextlib.suppress(NoBase64):
            yield entry["alias"], hashlib.sha256(b64decode(entry["body"])).digest()


def _refused(path: Path, ran: Ran) -> TrustFailed:
    said = _said(ran)
    if "password was incorrect" in said:
        return TrustFailed(
            f"{path} has another password than Java's own, or is damaged",
            hint=f"import the root by hand: keytool -importcert -keystore {path} asks for it",
        )
    if "Permission denied" in said or "Access is denied" in said:
        return TrustFailed(
            f"{path} may not be written by this user", hint="run the same command with sudo"
        )
    return TrustFailed(
        f"keytool could not use {path}: {said}",
        hint=f"look at the file: keytool -list -keystore {path} -storepass {PASSWORD}",
    )


def _said(ran: Ran) -> str:
    """Return keytool's own words, on one line; it tells its errors on standard output."""
    lines: Sequence[str] = [line for line in (ran.out + "\n" + ran.err).splitlines() if line]
    told = [line for line in lines if "error" in line.lower()]
    words = (told or list(lines[-1:]) or [f"it ended with {ran.code}"])[0]
    return words.removeprefix("keytool error: ").strip()
