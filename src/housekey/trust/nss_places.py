"""Where the browsers of a Linux user keep their NSS databases.

Pure: what is there is asked of `seen`, and what `profiles.ini` says is handed in.

A browser in a snap or a flatpak sees another home, and other XDG folders, than the user's own:

* snap: HOME is `~/snap/NAME/REVISION`, which `current` leads to, and XDG_DATA_HOME lies in it
  (https://snapcraft.io/docs/data-locations; snapcore/snapcraft-desktop-integration);
* flatpak: XDG_DATA_HOME is `~/.var/app/ID/data` and XDG_CONFIG_HOME `~/.var/app/ID/config`;
  what a manifest persists, such as `.mozilla`, lies in `~/.var/app/ID` itself
  (https://docs.flatpak.org/en/latest/conventions.html).
"""

from __future__ import annotations

import configparser
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

# Until M145 the only place; later releases use it as long as it exists, and then no other:
# chromium/src docs/linux/cert_management.md. Chromium 156 was seen to do so for an empty folder.
_OLD = Path(".pki/nssdb")
_NEW = Path("pki/nssdb")  # under XDG_DATA_HOME, which Chromium 156 was seen to honour

# What says that a Chrome has lived in a home, where it has made no database yet.
_CHROME_FOLDERS = (
    ".config/BraveSoftware",
    ".config/chromium",
    ".config/google-chrome",
    ".config/microsoft-edge",
    ".config/vivaldi",
)
FIREFOX_PROGRAMS = ("firefox", "firefox-esr")
# Where it lies with what it brings, where the command is a script.
FIREFOX_FOLDERS = ("/usr/lib/firefox-esr", "/usr/lib/firefox", "/usr/lib64/firefox", "/opt/firefox")
CHROME_PROGRAMS = (
    "brave-browser",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "microsoft-edge",
    "vivaldi",
)

_CHROME_FLATPAKS = (
    # Its manifest shares the home folder (flathub/org.chromium.Chromium, finish-args), and so the
    # user's own ~/.pki/nssdb, where there is one.
    ("org.chromium.Chromium", "Chromium (flatpak)", True),
    ("com.google.Chrome", "Chrome (flatpak)", False),
    ("com.brave.Browser", "Brave (flatpak)", False),
    ("com.microsoft.Edge", "Edge (flatpak)", False),
)


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that holds an NSS database, or will."""

    folder: Path
    program: str  # whose it is, for people


def chrome_places(
    home: Path,
    data_homes: Sequence[Path],
    *,
    seen: Callable[[Path], bool],
    installed: bool,
) -> tuple[Place, ...]:
    """Return every database that a Chrome of this user reads or, not made yet, will read.

    `data_homes` is where XDG_DATA_HOME may be, the likeliest first; `installed` says whether a
    Chrome is on the machine that came neither as a snap nor as a flatpak.
    """
    return tuple(_chrome(home, data_homes, seen=seen, installed=installed))


def _chrome(
    home: Path, data_homes: Sequence[Path], *, seen: Callable[[Path], bool], installed: bool
) -> Iterator[Place]:
    own_title = "Chrome, Chromium, Brave, Edge"
    lived = installed or any(seen(home / folder) for folder in _CHROME_FOLDERS)
    if seen(home / _OLD):
        yield Place(home / _OLD, own_title)
    else:
        there = [data / _NEW for data in data_homes if seen(data / _NEW)]
        for folder in there or [data / _NEW for data in data_homes[:1] if lived]:
            yield Place(folder, own_title)

    # mkcert#116, dotnet/aspnetcore#57256: the old place; both follow from the rules above.
    snap = home / "snap/chromium"
    if seen(snap / "current"):
        old, new = snap / "current" / _OLD, snap / "current/.local/share" / _NEW
        yield Place(old if seen(old) else new, "Chromium (snap)")
    if seen(snap / "common" / _OLD):
        yield Place(snap / "common" / _OLD, "Chromium (snap)")

    for name, title, shares_home in _CHROME_FLATPAKS:
        app = home / ".var/app" / name
        old, new = app / _OLD, app / "data" / _NEW
        if seen(old):  # by `flatpak override --persist=.pki`: flathub/com.google.Chrome#69
            yield Place(old, title)
        elif seen(new) or (seen(app) and not (shares_home and seen(home / _OLD))):
            yield Place(new, title)


def firefox_roots(home: Path, config_homes: Sequence[Path]) -> tuple[Place, ...]:
    """Return the folders that may hold a `profiles.ini` and Firefox's profiles."""
    app = home / ".var/app/org.mozilla.firefox"
    snap = home / "snap/firefox/common"
    return (
        # Up to 146, and later where it is there (https://bugzilla.mozilla.org/259356).
        Place(home / ".mozilla/firefox", "Firefox"),
        # From 147 on; Firefox ESR 153 was seen to honour XDG_CONFIG_HOME.
        *(Place(config / "mozilla/firefox", "Firefox") for config in config_homes),
        # canonical/firefox-snap#140: the snap stays with the old place; #63 would move it.
        Place(snap / ".mozilla/firefox", "Firefox (snap)"),
        Place(snap / ".config/mozilla/firefox", "Firefox (snap)"),
        # Persisted by its manifest; from 147 on new ones in the flatpak's XDG_CONFIG_HOME
        # (Frewacom/pywalfox#165).
        Place(app / ".mozilla/firefox", "Firefox (flatpak)"),
        Place(app / "config/mozilla/firefox", "Firefox (flatpak)"),
    )


def profiles_in(root: Path, profiles_ini: str) -> tuple[Path, ...]:
    """Return the profile folders that a `profiles.ini` in `root` names; `root` may be anywhere.

    `IsRelative=0` is an absolute path (https://kb.mozillazine.org/Profiles.ini_file). A file
    that cannot be made out names none: the profiles are then found as folders.
    """
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    try:
        parser.read_string(profiles_ini)
    except configparser.Error:
        return ()
    found = []
    for name in parser.sections():
        section = parser[name]
        path = section.get("Path", "").strip()
        if not name.startswith("Profile") or not path or "\0" in path:
            continue
        # Joining an absolute path leaves that path; a relative one without IsRelative is below.
        if section.get("IsRelative", "1").strip() == "0" and not Path(path).is_absolute():
            continue
        found.append(root / path)
    return tuple(dict.fromkeys(found))
