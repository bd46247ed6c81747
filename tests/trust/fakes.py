"""Machines that are not here, played by a folder and a runner that do what the tools' pages say."""

from __future__ import annotations

import re
from base64 import b64decode
from typing import TYPE_CHECKING, Literal

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1

from housekey.house.files import Files
from housekey.trust.pem import holds
from housekey.trust.store import Machine, Ran

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path, PurePath

    from housekey.trust.anchors import AnchorStore

THE_PUBLIC_ONES = b"# the roots of the world\n"


def fake_machine(
    folder: Path,
    run: Callable[..., Ran],
    *,
    system: Literal["Linux", "Darwin", "Windows"] = "Linux",
    programs: Sequence[str] = (),
    administrator: bool = True,
    environ: Mapping[str, str] | None = None,
    files: Files | None = None,
) -> Machine:
    return Machine(
        system=system,
        files=files or Files(),
        run=run,
        which=lambda name: f"/usr/sbin/{name}" if name in programs else None,
        home=folder / "home",
        environ=environ or {},
        administrator=administrator,
        slash=folder,
    )


class FakeLinux:
    """A Linux of one family: its folders, and its command that takes anchors into the list."""

    def __init__(
        self,
        folder: Path,
        kind: type[AnchorStore],
        *,
        os_release: str | None = None,
        has_tool: bool = True,
        administrator: bool = True,
        environ: Mapping[str, str] | None = None,
        files: Files | None = None,
    ) -> None:
        self.folder = folder
        self.kind = kind
        self.commands: list[list[str]] = []
        self.fails: Literal["", "before", "half way"] = ""
        (folder / "etc").mkdir(parents=True)
        release = f"ID={kind.families[0]}\n" if os_release is None else os_release
        (folder / "etc/os-release").write_text(release)
        self.anchors = folder / kind.folders[0].lstrip("/")
        self.anchors.mkdir(parents=True)
        self.bundle = folder / kind.bundles[0].lstrip("/")
        self.bundle.parent.mkdir(parents=True, exist_ok=True)
        self.bundle.write_bytes(THE_PUBLIC_ONES)
        self.machine = fake_machine(
            folder,
            self.run,
            programs=(kind.update[0],) if has_tool else (),
            administrator=administrator,
            environ=environ,
            files=files,
        )
        self.store = kind(self.machine)

    def run(self, command: Sequence[str | PurePath], **_: object) -> Ran:
        self.commands.append([str(part) for part in command])
        assert self.commands[-1][0] == f"/usr/sbin/{self.kind.update[0]}", "no other is there"
        if self.fails == "before":
            return Ran(1, "", "it does not feel like it\n")
        self.bundle.write_bytes(THE_PUBLIC_ONES)
        if self.fails == "half way":
            return Ran(3, "working\n", "rehash: No space left on device\n")
        taken = sorted(self.anchors.rglob("*") if self.kind.nested else self.anchors.iterdir())
        for path in taken:
            if path.is_file() and (path.suffix == self.kind.suffix or not self.kind.only_suffix):
                with self.bundle.open("ab") as bundle:
                    bundle.write(path.read_bytes() + b"\n")
        return Ran(0, "1 added, 0 removed; done.\n", "")

    def trusts(self, root: x509.Certificate) -> bool:
        from housekey.pki.encoding import to_der  # noqa: PLC0415

        return holds(self.bundle.read_bytes(), to_der(root))

    def names(self) -> list[str]:
        return sorted(str(path.relative_to(self.anchors)) for path in self.anchors.rglob("*"))


SYSTEM_KEYCHAIN = "/Library/Keychains/System.keychain"


class FakeMac:
    """`security`, as its manual page tells: keychains, and beside them what is trusted."""

    def __init__(self, folder: Path, *, administrator: bool = False) -> None:
        self.commands: list[list[str]] = []
        self.refuses = ""  # what it says instead of changing a trust setting
        (folder / "home/Library/Keychains").mkdir(parents=True)
        self.machine = fake_machine(folder, self.run, system="Darwin", administrator=administrator)
        self.system = str(folder / SYSTEM_KEYCHAIN.lstrip("/"))
        self.login = str(folder / "home/Library/Keychains/login.keychain-db")
        self.keychains: dict[str, list[bytes]] = {self.system: [], self.login: []}
        self.trusted: set[bytes] = set()
        self.curl = 60

    def run(self, command: Sequence[str | PurePath], **_: object) -> Ran:
        parts = [str(part) for part in command]
        self.commands.append(parts)
        if parts[0] != "/usr/bin/security":
            return Ran(self.curl, "", "curl: (60) SSL certificate problem")
        acts: dict[str, Callable[[list[str]], Ran]] = {
            "find-certificate": self._find,
            "add-trusted-cert": self._add,
            "verify-cert": self._verify,
            "remove-trusted-cert": self._untrust,
            "delete-certificate": self._delete,
        }
        return acts[parts[1]](parts[2:])

    def _find(self, rest: list[str]) -> Ran:
        assert rest[:-1] == ["-a", "-p"]
        return Ran(0, b"".join(self.keychains[rest[-1]]).decode(), "")

    def _add(self, rest: list[str]) -> Ran:
        keychain, pem = rest[rest.index("-k") + 1], _file(rest[-1])
        assert ("-d" in rest) == (keychain == self.system), "-d is the administrator's domain"
        assert rest[rest.index("-r") + 1] == "trustRoot"
        if pem not in self.keychains[keychain]:
            self.keychains[keychain].append(pem)
        if self.refuses:  # after it was added: that is the order in which it works
            return Ran(1, "", self.refuses)
        self.trusted.add(pem)
        return Ran(0, "", "")

    def _verify(self, rest: list[str]) -> Ran:
        pem = _file(rest[rest.index("-c") + 1])
        if pem in self.trusted and any(pem in kept for kept in self.keychains.values()):
            return Ran(0, "...certificate verification successful.\n", "")
        return Ran(1, "", "Cert Verify Result: CSSMERR_TP_NOT_TRUSTED\n")

    def _untrust(self, rest: list[str]) -> Ran:
        pem = _file(rest[-1])
        if pem not in self.trusted:
            return Ran(1, "", "SecTrustSettingsRemoveTrustSettings: The item could not be found")
        self.trusted.discard(pem)
        return Ran(0, "", "")

    def _delete(self, rest: list[str]) -> Ran:
        option, digest, keychain = rest
        assert option == "-Z"
        kept = self.keychains[keychain]
        left = [pem for pem in kept if _sha1(pem) != digest]
        if left == kept:
            return Ran(1, "", "Unable to delete certificate matching hash")
        self.keychains[keychain] = left
        return Ran(0, "", "")


class FakeWindows:
    """PowerShell, as far as it is asked: two Root stores, of the machine and of the user."""

    def __init__(self, folder: Path, *, administrator: bool = False) -> None:
        self.commands: list[list[str]] = []
        self.refuses = ""
        self.stores: dict[str, list[bytes]] = {"LocalMachine": [], "CurrentUser": []}
        self.curl = Ran(60, "", "curl: (60) schannel: SEC_E_UNTRUSTED_ROOT")
        self.machine = fake_machine(
            folder,
            self.run,
            system="Windows",
            administrator=administrator,
            environ={"SYSTEMROOT": r"C:\WINDOWS"},
        )

    def run(self, command: Sequence[str | PurePath], **_: object) -> Ran:
        parts = [str(part) for part in command]
        self.commands.append(parts)
        if parts[0].endswith("curl.exe"):
            return self.curl
        assert parts[:4] == ["powershell.exe", "-NoProfile", "-NonInteractive", "-Command"]
        script = parts[4]
        assert '"' not in script, "it would have to be escaped on the way"
        assert script.count("{") == script.count("}")
        der = b64decode(re.findall(r"FromBase64String\('([^']+)'\)", script)[0])
        change = re.search(r"'Root', '(\w+)'; \$s\.Open\('ReadWrite'\); \$s\.(\w+)\(\$c\)", script)
        if change is None:
            found = [name for name, held in self.stores.items() if der in held]
            return Ran(0, "".join(f"{name}\r\n" for name in found), "")
        if self.refuses:
            return Ran(1, "", self.refuses)
        held = self.stores[change[1]]
        if change[2] == "Add":
            held.append(der)
        else:
            assert change[2] == "Remove"
            held.remove(der)
        return Ran(0, "", "")


def _file(path: str) -> bytes:
    from pathlib import Path  # noqa: PLC0415

    return Path(path).read_bytes()


def _sha1(pem: bytes) -> str:
    return x509.load_pem_x509_certificate(pem).fingerprint(SHA1()).hex().upper()
