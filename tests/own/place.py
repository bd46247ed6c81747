"""A Home Assistant (the stand-in of tests/faults) whose owner has a CA, and the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from cryptography import x509

from tests.faults.stand_in import TOKEN, StandIn, free_port, furnish

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.warmed import Ended, Warmed


@dataclass(frozen=True, slots=True)
class Place:
    folder: Path
    warmed: Warmed
    home: StandIn

    @classmethod
    def make(cls, folder: Path, warmed: Warmed, road: str = "trial") -> Self:
        """Furnish it; start and stop its home with `home`, a context manager."""
        home = StandIn(folder / "config", road, free_port())
        furnish(home.folder, road, home.port)
        (folder / "token").touch(mode=0o600)
        (folder / "token").write_text(TOKEN)
        return cls(folder, warmed, home)

    @property
    def house(self) -> Path:
        return self.folder / "house"

    def run(self, *words: str | Path, json: bool = True) -> Ended:
        """Run a command about this house."""
        more = ["--json"] if json else []
        return self.warmed.run(*words, "--house", self.house, *more, root=self.folder)

    def about_home(self, command: str, *more: str | Path, json: bool = True) -> Ended:
        """Run a command about this Home Assistant, with --yes."""
        told: list[str | Path] = ["--config", self.home.folder, "--wait", "20"]
        told += ["--token-file", self.folder / "token"]
        ended = self.run(command, *told, "--yes", *more, json=json)
        self.home.settle()
        return ended

    def secure(self, *more: str | Path, json: bool = True) -> Ended:
        return self.about_home("secure", *more, json=json)

    def request(self, *more: str | Path) -> x509.CertificateSigningRequest:
        """Have a request written, and read it."""
        ended = self.secure("--csr", self.csr, *more)
        assert ended.code == 0, ended
        return x509.load_pem_x509_csr(self.csr.read_bytes())

    @property
    def csr(self) -> Path:
        return self.folder / "request.csr"

    def put(self, name: str, data: bytes) -> Path:
        """Write what the CA handed out, and return where it lies."""
        path = self.folder / name
        path.write_bytes(data)
        return path

    def files(self) -> dict[str, bytes]:
        """Everything in Home Assistant's folder, byte for byte."""
        folder = self.home.folder
        found = (each for each in folder.rglob("*") if each.is_file())
        return {str(each.relative_to(folder)): each.read_bytes() for each in sorted(found)}
