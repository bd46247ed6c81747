"""The trust stores of the browsers on Linux, which are NSS databases: Chrome's, and Firefox's.

One store stands for several databases: a Firefox has one in each profile, a Chrome in a snap or a
flatpak its own. The store has the root when all of them have it.

Elsewhere these browsers ask the system: on macOS and Windows Chrome always, Firefox since release
120 (`security.enterprise_roots.enabled`). On Linux that setting imports nothing from the system's
store (PLATFORMS.md FFX-21), and Chrome reads NSS (CHR-27).
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from housekey.errors import FileTrouble, TrustFailed, TrustPutBack
from housekey.trust.acting import owner_to_act_as
from housekey.trust.nss_database import Database
from housekey.trust.nss_places import (
    CHROME_PROGRAMS,
    FIREFOX_FOLDERS,
    FIREFOX_PROGRAMS,
    Place,
    chrome_places,
    firefox_roots,
    profiles_in,
)
from housekey.trust.nss_proof import ask
from housekey.trust.store import Standing, State, together

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cryptography.x509 import Certificate

    from housekey.trust.store import Machine, Proof, Server

_PACKAGES = {  # what certutil comes with, by the ID or ID_LIKE of os-release
    "debian": "apt install libnss3-tools",
    "ubuntu": "apt install libnss3-tools",
    "fedora": "dnf install nss-tools",
    "rhel": "dnf install nss-tools",
    "arch": "pacman -S nss",
    "suse": "zypper install mozilla-nss-tools",
    "opensuse": "zypper install mozilla-nss-tools",
    "alpine": "apk add nss-tools",
}


_NOT_LOADED = re.compile("version `|symbol lookup error|error while loading")  # of ld.so


class _Nss:
    """What Chrome's and Firefox's databases have in common."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._user = owner_to_act_as(machine, machine.home)

    def _places(self) -> tuple[Place, ...]:
        raise NotImplementedError

    def look(self, root: Certificate) -> Standing:
        """Find out how all databases together stand to exactly this root."""
        databases = self._databases()
        if not databases:
            return Standing(State.NOT_HERE)
        folders = tuple(str(database.folder) for database in databases)
        if self._machine.which("certutil") is None:
            return Standing(State.NEEDS, folders, hint=_install_certutil(self._machine))
        found = [_stand(database, root) for database in databases]
        state = together([each.state for each in found])
        where = tuple(
            folder
            for folder, each in zip(folders, found, strict=True)
            if state is State.NEEDS or each.state is not State.NEEDS
        )
        return Standing(
            state,
            where,
            hint="; ".join(each.hint for each in found if each.hint),
            needs_administrator=state is State.NEEDS and any(each.for_root for each in found),
            leftover=state is State.ABSENT and any(each.contains for each in found),
        )

    def install(self, root: Certificate) -> None:
        """Put the root into every database that is there, or will be, and can be changed.

        What `look` says of the others stays to be done. When one that could be changed fails,
        those before it are put back.
        """
        databases = self._usable_databases()
        found = [(database, _stand(database, root)) for database in databases]
        if found and all(stands.state is State.NEEDS for _, stands in found):
            raise TrustFailed(
                f"no database of {self._whose} can be changed",
                hint="; ".join(stands.hint for _, stands in found),
            )
        done: list[Database] = []
        for database, stands in found:
            if stands.state is not State.ABSENT:
                continue
            try:
                if not database.is_there:
                    database.make()
                database.add(root)
            except (TrustFailed, FileTrouble) as error:
                for each in done:
                    with contextlib.suppress(TrustFailed):
                        each.remove(root)
                if not done:
                    raise
                raise TrustPutBack(
                    f"{error.message}; the databases before it are as they were", hint=error.hint
                ) from error
            done.append(database)

    def remove(self, root: Certificate) -> None:
        """Take exactly this root out of every database, under whatever nickname it is there."""
        failed: list[TrustFailed] = []
        for database in self._usable_databases():
            if not database.is_there:
                continue
            try:
                if database.find(root) is not None:
                    database.remove(root)
            except TrustFailed as error:
                failed.append(error)
        if failed:
            raise failed[0]

    def prove(self, server: Server) -> tuple[Proof, ...]:
        """Let NSS's own client connect to `server` with each of the databases."""
        databases = [each for each in self._databases() if each.is_there or each.is_old]
        return tuple(ask(self._machine, database, server) for database in databases)

    _whose = ""

    def _databases(self) -> list[Database]:
        if self._machine.system != "Linux":
            return []
        folders = dict.fromkeys(place.folder for place in self._places())
        library = self._library if folders else None
        return [
            Database(self._machine, folder, user=self._user, library=library) for folder in folders
        ]

    @cached_property
    def _library(self) -> Path | None:
        return None

    def _usable_databases(self) -> list[Database]:
        databases = self._databases()
        if databases and self._machine.which("certutil") is None:
            raise TrustFailed(
                f"{self._whose}'s trust store is changed by certutil, which is not installed",
                hint=_install_certutil(self._machine),
            )
        return databases

    def _xdg(self, variable: str, default: str) -> tuple[Path, ...]:
        """Return where an XDG folder may be: the likeliest first."""
        usual = self._machine.home / default
        named = self._machine.environ.get(variable, "")
        # Under sudo the variables, if any, are root's.
        if self._user is not None or not Path(named).is_absolute():
            return (usual,)
        return tuple(dict.fromkeys((Path(named), usual)))


class NssChrome(_Nss):
    """The database that Chrome, Chromium and what is built on them share; and the sandboxed."""

    name = "nss-chrome"
    title = "Chrome, Chromium, Brave and Edge on Linux"
    _whose = "Chrome"

    def describe(self) -> str:
        """Say in a sentence which programs read it, and where it lies."""
        where = ", ".join(str(database.folder) for database in self._databases())
        return (
            "Chrome, Chromium, Brave, Edge and other programs built on Chromium read"
            f" {where or 'an NSS database in the home folder'};"
            " one that is open sees a change when it is started again"
        )

    def _places(self) -> tuple[Place, ...]:
        return chrome_places(
            self._machine.home,
            self._xdg("XDG_DATA_HOME", ".local/share"),
            seen=_seen,
            installed=any(self._machine.which(program) for program in CHROME_PROGRAMS),
        )


class NssFirefox(_Nss):
    """The databases of all Firefox profiles of the user."""

    name = "nss-firefox"
    title = "Firefox on Linux, in every profile"
    _whose = "Firefox"

    def describe(self) -> str:
        """Say in a sentence which programs read it, and where it lies."""
        where = ", ".join(str(database.folder) for database in self._databases())
        return (
            f"Firefox reads the database of the profile it runs with: {where or 'none is here'};"
            # Seen with Firefox ESR 153, and Chromium 156 for the other.
            " one that is open takes a new root at once,"
            " and forgets a removed one when it is started again"
        )

    @cached_property
    def _library(self) -> Path | None:
        """The folder of the NSS that Firefox brings, where certutil can be run with it."""
        found = filter(None, map(self._machine.which, FIREFOX_PROGRAMS))
        folders = [Path(each).resolve().parent for each in found]
        folders += [self._machine.at(each) for each in FIREFOX_FOLDERS]
        folder = next((each for each in folders if _seen(each / "libnss3.so")), None)
        if folder is None:
            return None
        # One that is older than certutil lacks what it needs.
        ran = self._machine.run(["env", f"LD_LIBRARY_PATH={folder}", "certutil", "-H"])
        return None if ran.code == 127 or _NOT_LOADED.search(ran.err) else folder

    def _places(self) -> tuple[Place, ...]:
        roots = firefox_roots(self._machine.home, self._xdg("XDG_CONFIG_HOME", ".config"))
        return tuple(place for root in roots for place in self._profiles(root))

    def _profiles(self, root: Place) -> Iterator[Place]:
        """Yield the profiles that `profiles.ini` names, and those that lie beside it."""
        if not _seen(root.folder):
            return
        ini = root.folder / "profiles.ini"
        named: Sequence[Path] = ()
        if _seen(ini):
            with contextlib.suppress(FileTrouble):
                text = self._machine.files.read(ini, most_bytes=1 << 20)
                named = profiles_in(root.folder, text.decode(errors="replace"))
        with contextlib.suppress(OSError):
            beside = [each for each in sorted(root.folder.iterdir()) if _has_database(each)]
            # A named profile without a database is new; its Firefox takes one that is there.
            for folder in dict.fromkeys((*named, *beside)):
                if _seen(folder):
                    yield Place(folder, root.program)


@dataclass(frozen=True, slots=True)
class _Stands:
    """How one database stands to the root."""

    state: State
    hint: str = ""
    for_root: bool = False  # the hint is for the administrator
    contains: bool = False  # the root is in it, trusted or not


def _stand(database: Database, root: Certificate) -> _Stands:
    folder = database.folder
    if database.is_old:
        return _Stands(State.NEEDS, database.old_hint)
    try:
        found = database.find(root) if database.is_there else None
    except TrustFailed as error:
        return _Stands(State.NEEDS, database.locked_out or f"{error.message}: {error.hint}")
    contains = found is not None
    if found is not None and found.trusted:
        return _Stands(State.PRESENT, contains=contains)
    if why := database.locked_out:
        return _Stands(
            State.NEEDS,
            f"{why}: sudo chown -R {database.user_id} {folder}",
            for_root=True,
            contains=contains,
        )
    if database.is_there and database.needs_password():
        return _Stands(State.NEEDS, database.password_hint, contains=contains)
    return _Stands(State.ABSENT, contains=contains)


def _install_certutil(machine: Machine) -> str:
    """Return the command that installs certutil on this distribution."""
    text = ""
    with contextlib.suppress(FileTrouble):
        text = machine.files.read(machine.at("/etc/os-release"), most_bytes=1 << 16).decode(
            errors="replace"
        )
    ids = re.findall(r"^(?:ID|ID_LIKE)=[\"']?([^\"'\n]*)", text, re.MULTILINE)
    for word in " ".join(ids).replace("-", " ").split():
        if word in _PACKAGES:
            return f"sudo {_PACKAGES[word]}"
    return "install certutil of NSS: libnss3-tools, nss-tools or mozilla-nss-tools"


def _has_database(folder: Path) -> bool:
    return _seen(folder / "cert9.db") or _seen(folder / "cert8.db")


def _seen(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a folder above is not ours to look into
        return False
