"""Where a command runs under faults: a house, a Home Assistant's folder, files of the user's.

`Place.begin` puts the state from before into the very same path, in milliseconds, so that a
journal's absolute paths hold in each of thousands of runs.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.faults.stand_in import TOKEN, StandIn, free_port, furnish

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.cases import Case
    from tests.faults.operations import Fault
    from tests.faults.warmed import Ended, Warmed

# What a user had at --out before housekey put anything there.
OWN_KEY = b"-----BEGIN PRIVATE KEY-----\nthe user's own\n-----END PRIVATE KEY-----\n"
OWN_CERTIFICATE = b"the user's own certificate\n"
REQUEST = "request.csr"
WORTH_KEEPING = (
    "house/root.pem",
    "house/root.key.sealed",
)  # without them every device must be visited again


@dataclass(frozen=True, slots=True)
class Kept:
    """One file or folder as it is on the disk."""

    mode: int
    data: bytes | None = field(repr=False)  # None: a folder


@dataclass(slots=True)
class Place:
    folder: Path  # everything that the command may touch
    case: Case
    warmed: Warmed
    home: StandIn | None = None
    wait: int = 20  # seconds for a restart of Home Assistant
    kept: dict[str, bytes] = field(default_factory=dict)  # what must not be lost, by its path here

    @classmethod
    def make(cls, folder: Path, case: Case, warmed: Warmed, home: StandIn | None = None) -> Place:
        """Make the state from before, with the command line itself."""
        place = cls(folder, case, warmed, home)
        folder.mkdir()
        (folder / "out").mkdir()
        (folder / REQUEST).write_bytes(_request())
        for name, data in (
            ("token", TOKEN.encode()),
            ("passphrase", b"correct horse battery staple\n"),
            ("code", b""),
            ("out/privkey.pem", OWN_KEY),
            ("out/certificate.pem", OWN_CERTIFICATE),
        ):
            (folder / name).touch(mode=0o600)
            (folder / name).write_bytes(data)
        if home is not None:
            furnish(home.folder, home.road, home.port)
            home.start()
        place._must_stay("out/privkey.pem", "out/certificate.pem", REQUEST)
        if home is not None:
            place._must_stay("config/configuration.yaml")
        for each in case.before:
            place._prepare(each)
        place._must_stay(*(name for name in WORTH_KEEPING if name not in case.drops))
        shutil.copytree(folder, place._template, symlinks=True)
        return place

    def _must_stay(self, *names: str) -> None:
        there = (name for name in names if (self.folder / name).exists())
        self.kept |= {name: (self.folder / name).read_bytes() for name in there}

    def _prepare(self, what: str) -> None:
        if what.startswith("! "):
            _, verb, name = what.split()
            path = self.folder / name
            if verb == "sign":
                path.with_name(f"{path.name}.signed").write_bytes(_signed(path.read_bytes()))
            elif verb == "spoil":
                path.write_bytes(b"spoilt " * 100)
            elif path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
            return
        done = self.run(what)
        assert done.code == 0, f"{what}: {done}"
        if "recovery_code" in done.json:
            (self.folder / "code").write_text(done.json["recovery_code"] + "\n")

    def begin(self) -> None:
        """Put the state from before into its place."""
        if self.home is not None:
            self.home.stop()
        for path in (self.folder, self.folder.with_name(self.folder.name + ".gone")):
            shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(self._template, self.folder, symlinks=True)
        if self.home is not None:
            self.home.start()

    def run(
        self,
        arguments: str = "",
        *,
        fault: Fault | None = None,
        kill_after: float | None = None,
    ) -> Ended:
        words = self.words(arguments or self.case.arguments)
        return self.warmed.run(*words, root=self.folder, fault=fault, kill_after=kill_after)

    def words(self, arguments: str) -> list[str]:
        """Fill in the places, and add what says which house."""
        folder = self.folder
        home = f"--config {folder}/config --token-file {folder}/token --wait {self.wait}"
        filled = arguments.format(
            out=folder / "out",
            code=folder / "code",
            passphrase=folder / "passphrase",
            backup=folder / "backup",
            request=folder / REQUEST,
            home=home,
        )
        return [*filled.split(), "--house", str(self.house), "--json"]

    @property
    def house(self) -> Path:
        return self.folder / "house"

    @property
    def _template(self) -> Path:
        return self.folder.with_name(self.folder.name + ".before")

    def state(self, folder: Path | None = None) -> dict[str, Kept]:
        """Everything on the disk, by its path."""
        folder = folder or self.folder
        return {str(path.relative_to(folder)): _kept(path) for path in _everything(folder)}

    def state_before(self) -> dict[str, Kept]:
        return self.state(self._template)

    def is_as_before(self) -> bool:
        """Whether nothing differs, byte for byte, but who had the lock last."""
        now, before = self.state(), self.state_before()
        return all(
            now.get(name) == before.get(name)
            for name in now.keys() | before.keys()
            if name != "house/lock"
        )


def stand_in(folder: Path, case: Case) -> StandIn:
    """Return the stand-in of a case, for the folder of its place."""
    return StandIn(folder / "config", case.road, free_port())


def _everything(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.rglob("*"))


def _kept(path: Path) -> Kept:
    mode = path.lstat().st_mode & 0o7777
    return Kept(mode, None if path.is_dir() else path.read_bytes())


def _signed(request: bytes) -> bytes:
    """What a CA of the user's own makes of a request, with all that leads to its root."""
    from cryptography import x509  # noqa: PLC0415 - here only

    from tests.own.authorities import Ca, pem  # noqa: PLC0415

    root = Ca.root()
    issuing = root.below()
    leaf = issuing.sign(x509.load_pem_x509_csr(request))
    return pem(leaf, issuing.certificate, root.certificate)


def _request() -> bytes:
    from cryptography import x509  # noqa: PLC0415 - here only
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    names = x509.SubjectAlternativeName([x509.DNSName("camera.lan")])
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    request = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    return request.public_bytes(Encoding.PEM)
