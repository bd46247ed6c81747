"""The system's store of a Linux: a folder for roots of one's own, and a command that takes them in.

Debian, Fedora, Arch and SUSE differ in where the folder is and what the command is called; each
has a module that says so, and all that is done is here. A root is recognised by its bytes: it may
have been put there by hand, under any name.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from housekey.errors import FileTrouble, TrustFailed, TrustPutBack
from housekey.pki.encoding import certificate_to_pem, fingerprint, readable, to_der
from housekey.trust.asking import ask_curl, ask_python, ask_wget
from housekey.trust.pem import certificates_in, holds, without
from housekey.trust.store import Standing, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from cryptography.x509 import Certificate

    from housekey.house.files import Snapshot
    from housekey.trust.store import Machine, Proof, Server

_MOST_BYTES = 4 * 1024 * 1024  # of a file with certificates; Mozilla's whole list is 0.25 MB
_SECONDS = 300.0  # of the update: with Java's store as its hook it takes a minute on a small board


class AnchorStore:
    """The store of one family of Linux; the class attributes say how it differs."""

    name: ClassVar[str]
    title: ClassVar[str]
    families: ClassVar[tuple[str, ...]]  # ID or ID_LIKE in os-release
    folders: ClassVar[tuple[str, ...]]  # new ones go into the first; all are read
    suffix: ClassVar[str]  # of a new file
    only_suffix: ClassVar[bool]  # whether files with other endings are passed over
    nested: ClassVar[bool]  # whether folders in the folder are read
    update: ClassVar[tuple[str, ...]]
    update_after_removal: ClassVar[tuple[str, ...]]
    bundles: ClassVar[tuple[str, ...]]  # what the update makes, and programs read; best first
    places: ClassVar[tuple[str, ...]]  # where OpenSSL looks
    packages: ClassVar[Mapping[str, str]]  # what brings the command, by ID in os-release

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def describe(self) -> str:
        """Say in a sentence which programs read it, and where it lies."""
        return (
            f"read by curl, wget, Python and most programs; {self.folders[0]}, taken in by "
            f"{' '.join(self.update)}"
        )

    def look(self, root: Certificate) -> Standing:
        """Find the root among the anchors, and in the list that programs read."""
        if not self._is_here():
            return Standing(State.NOT_HERE)
        der = to_der(root)
        held = tuple(str(anchor.path) for anchor in self._anchors(der))
        listed = self.bundle_with(root)
        if listed is not None:
            return Standing(State.PRESENT, held or (str(listed),), needs_administrator=True)
        if self._machine.which(self.update[0]) is None:
            return Standing(State.NEEDS, hint=self._package(), needs_administrator=True)
        where = held or (str(self._machine.at(self.folders[0])),)
        return Standing(State.ABSENT, where, needs_administrator=True, leftover=bool(held))

    def install(self, root: Certificate) -> None:
        """Place the root as a file of its own and have it taken in; what fails is put back."""
        der = to_der(root)
        if any(self._anchors(der)):  # placed before, and never taken in
            self._run(self.update, "it is as it was before")
            return
        folder = self._machine.at(self.folders[0])
        path = self._free_name(folder, root)
        files = self._machine.files
        before = None
        try:
            files.make_folder(folder, 0o755)
            before = files.snapshot(path)
            files.write(path, certificate_to_pem(root), mode=0o644)
        except FileTrouble as trouble:
            raise TrustFailed(
                f"the root could not be placed at {path}: {trouble.reason}", hint=trouble.hint
            ) from trouble
        try:
            self._run(self.update, f"{path.name} was taken away again")
        except BaseException:  # Ctrl-C as well
            files.restore(path, before)
            self._quietly(self.update_after_removal)
            raise

    def remove(self, root: Certificate) -> None:
        """Take the root out of every anchor that holds it; other certificates stay."""
        der = to_der(root)
        anchors = tuple(self._anchors(der))
        for anchor in anchors:
            if anchor.link is not None and without(anchor.data, der):
                raise TrustFailed(
                    f"{anchor.path} leads to {anchor.link}, which holds other certificates, too",
                    hint="take the root out of that file by hand",
                )
        if not anchors and self.bundle_with(root) is None:
            return
        try:
            for anchor in anchors:
                self._take_out(anchor, der)
            self._run(self.update_after_removal, "the root's file is back where it was")
        except BaseException as error:
            self._put_back(anchors)
            if isinstance(error, FileTrouble):
                raise TrustFailed(
                    f"the root could not be taken out of {error.path}: {error.reason}",
                    hint=error.hint,
                ) from error
            raise

    def prove(self, server: Server) -> tuple[Proof, ...]:
        """Ask curl, wget and Python."""
        return (
            ask_curl(self._machine, server),
            ask_wget(self._machine, server),
            ask_python(
                self._machine, server, places=[str(self._machine.at(p)) for p in self.places]
            ),
        )

    def bundle_with(self, root: Certificate) -> Path | None:
        """Return the file of all trusted roots, if it holds `root`."""
        der = to_der(root)
        for name in self.bundles:
            path = self._machine.at(name)
            if holds(self._read(path), der):
                return path
        return None

    def find(self, sha256: str) -> Certificate | None:
        """Return the certificate of this fingerprint from among the anchors."""
        for name in self.folders:
            for path in self._files_in(self._machine.at(name)):
                data = self._read(path)
                for der in (data, *certificates_in(data)):
                    if hashlib.sha256(der).hexdigest() == sha256:
                        return readable(der)
        return None

    def anchor_of(self, root: Certificate) -> Path | None:
        """Return a file that everybody may read and that holds `root`."""
        return next((anchor.path for anchor in self._anchors(to_der(root))), None)

    def _is_here(self) -> bool:
        if self._machine.system != "Linux":
            return False
        families = families_of(self._machine)
        if any(family in self.families for family in families):
            return True
        known = any(family in FAMILIES for family in families)
        # A Linux of no family that we know may keep its store as one of these does.
        return (
            not known
            and self._machine.which(self.update[0]) is not None
            and self._machine.at(self.folders[0]).is_dir()
        )

    def _package(self) -> str:
        for family in families_of(self._machine):
            if family in self.packages:
                return self.packages[family]
        return next(iter(self.packages.values()))

    def _anchors(self, der: bytes) -> Iterator[_Anchor]:
        for name in self.folders:
            for path in self._files_in(self._machine.at(name)):
                data = self._read(path)
                if holds(data, der):
                    link = str(path.readlink()) if path.is_symlink() else None
                    before = None if link else self._machine.files.snapshot(path)
                    yield _Anchor(path, data, link, before)

    def _files_in(self, folder: Path) -> Iterator[Path]:
        try:
            entries = sorted(folder.iterdir())
        except OSError:
            return
        for path in entries:
            if path.is_dir():
                if self.nested and not path.is_symlink():
                    yield from self._files_in(path)
            elif not self.only_suffix or path.suffix == self.suffix:
                yield path

    def _read(self, path: Path) -> bytes:
        """Read a file that anybody may have put there; what cannot be read holds nothing."""
        with contextlib.suppress(FileTrouble):
            return self._machine.files.read(path, most_bytes=_MOST_BYTES)
        return b""

    def _free_name(self, folder: Path, root: Certificate) -> Path:
        digest = fingerprint(root)
        short = folder / f"housekey-{digest[:8]}{self.suffix}"
        return folder / f"housekey-{digest}{self.suffix}" if os.path.lexists(short) else short

    def _take_out(self, anchor: _Anchor, der: bytes) -> None:
        files = self._machine.files
        if anchor.link is not None:
            files.remove_link(anchor.path)  # what it leads to may be the user's own copy
        elif rest := without(anchor.data, der):
            files.write(anchor.path, rest)
        else:
            files.remove(anchor.path)

    def _put_back(self, anchors: tuple[_Anchor, ...]) -> None:
        for anchor in anchors:
            with contextlib.suppress(FileTrouble):
                if anchor.link is not None:
                    self._machine.files.make_link(anchor.path, anchor.link)
                else:
                    self._machine.files.restore(anchor.path, anchor.before)
        self._quietly(self.update)

    def _run(self, command: tuple[str, ...], put_back: str) -> None:
        program = self._machine.which(command[0])
        if program is None:
            raise TrustFailed(f"there is no {command[0]} here", hint=self._package())
        ran = self._machine.run([program, *command[1:]], seconds=_SECONDS)
        if ran.code != 0:
            said = " ".join((ran.err or ran.out).split()) or "it said nothing"
            raise TrustPutBack(
                f"{command[0]} ended with exit code {ran.code}: {said}; {put_back}",
                hint=f"run {' '.join(command)} by hand: it fails without housekey, too",
            )

    def _quietly(self, command: tuple[str, ...]) -> None:
        """Run the update after putting back; it has failed before, and what failed is told."""
        program = self._machine.which(command[0])
        if program is not None:
            self._machine.run([program, *command[1:]], seconds=_SECONDS)


@dataclass(frozen=True, slots=True)
class _Anchor:
    """A file among the anchors that holds the root."""

    path: Path
    data: bytes
    link: str | None  # where it leads to, for a symbolic link
    before: Snapshot | None


# Every family that has a module: which of them a Linux is, is asked of all.
FAMILIES = frozenset(
    ("debian", "ubuntu", "alpine", "fedora", "rhel", "centos", "arch", "suse", "opensuse", "sles")
)


def families_of(machine: Machine) -> tuple[str, ...]:
    """Return ID, then ID_LIKE of the machine's os-release; empty where there is none."""
    for place in ("/etc/os-release", "/usr/lib/os-release"):
        try:
            text = machine.at(place).read_text(errors="replace")
        except OSError:
            continue
        fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        found = [fields.get(name, "").strip("\"' ") for name in ("ID", "ID_LIKE")]
        return tuple(" ".join(found).lower().split())
    return ()
