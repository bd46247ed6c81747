"""Where databases are looked for, by what is there: the layouts that packages and releases make."""

from __future__ import annotations

from pathlib import Path

import pytest

from housekey.trust.nss_places import chrome_places, firefox_roots, profiles_in

HOME = Path("/home/ada")
DATA = (HOME / ".local/share",)


def chrome(*there: str, installed: bool = False, data: tuple[Path, ...] = DATA) -> list[str]:
    """The folders of Chrome's databases, below the home, when these folders are there."""
    paths = {HOME / folder for folder in there}
    seen = paths | {parent for path in paths for parent in path.parents}
    places = chrome_places(HOME, data, seen=seen.__contains__, installed=installed)
    return [str(place.folder.relative_to(HOME)) for place in places]


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ((), []),
        ((".pki/nssdb",), [".pki/nssdb"]),
        ((".local/share/pki/nssdb",), [".local/share/pki/nssdb"]),
        # The old folder is used by every release, and then the new one by none.
        ((".pki/nssdb", ".local/share/pki/nssdb"), [".pki/nssdb"]),
        ((".pki",), []),
        # A Chrome has lived here, and made no database.
        ((".config/google-chrome",), [".local/share/pki/nssdb"]),
        ((".config/chromium", ".pki"), [".local/share/pki/nssdb"]),
        # Snap.
        (
            ("snap/chromium/current/.pki/nssdb",),
            ["snap/chromium/current/.pki/nssdb"],
        ),
        (
            ("snap/chromium/current", "snap/chromium/common"),
            ["snap/chromium/current/.local/share/pki/nssdb"],
        ),
        (
            ("snap/chromium/current/.pki/nssdb", "snap/chromium/current/.local/share/pki/nssdb"),
            ["snap/chromium/current/.pki/nssdb"],
        ),
        (
            ("snap/chromium/current", "snap/chromium/common/.pki/nssdb"),
            [
                "snap/chromium/current/.local/share/pki/nssdb",
                "snap/chromium/common/.pki/nssdb",
            ],
        ),
        (("snap/firefox/current",), []),
        # Flatpak.
        (
            (".var/app/com.google.Chrome/config",),
            [".var/app/com.google.Chrome/data/pki/nssdb"],
        ),
        (
            (".var/app/com.google.Chrome/.pki/nssdb", ".var/app/com.google.Chrome/data/pki/nssdb"),
            [".var/app/com.google.Chrome/.pki/nssdb"],
        ),
        (
            (".var/app/org.chromium.Chromium/config",),
            [".var/app/org.chromium.Chromium/data/pki/nssdb"],
        ),
        # Its sandbox shows the home, and so the old folder, which it then uses.
        ((".pki/nssdb", ".var/app/org.chromium.Chromium/config"), [".pki/nssdb"]),
        (
            (".pki/nssdb", ".var/app/com.google.Chrome/config"),
            [".pki/nssdb", ".var/app/com.google.Chrome/data/pki/nssdb"],
        ),
        (
            (".pki/nssdb", "snap/chromium/current", ".var/app/com.brave.Browser"),
            [
                ".pki/nssdb",
                "snap/chromium/current/.local/share/pki/nssdb",
                ".var/app/com.brave.Browser/data/pki/nssdb",
            ],
        ),
    ],
)
def test_chromes_databases_are_where_its_packages_put_them(
    there: tuple[str, ...], expected: list[str]
) -> None:
    assert chrome(*there) == expected


def test_a_chrome_that_never_ran_gets_the_database_that_it_will_make() -> None:
    assert chrome(installed=True) == [".local/share/pki/nssdb"]
    assert chrome("snap/chromium/current") == ["snap/chromium/current/.local/share/pki/nssdb"]


def test_xdg_data_home_moves_the_new_place_and_not_the_old() -> None:
    moved = (HOME / "xdg", *DATA)
    assert chrome(installed=True, data=moved) == ["xdg/pki/nssdb"]
    assert chrome(".pki/nssdb", data=moved) == [".pki/nssdb"]
    # A desktop started with other variables than this terminal: what is there counts.
    assert chrome(".local/share/pki/nssdb", data=moved) == [".local/share/pki/nssdb"]


def test_firefoxes_are_looked_for_natively_in_a_snap_and_in_a_flatpak() -> None:
    roots = firefox_roots(HOME, (HOME / "xdg", HOME / ".config"))
    assert [str(place.folder.relative_to(HOME)) for place in roots] == [
        ".mozilla/firefox",
        "xdg/mozilla/firefox",
        ".config/mozilla/firefox",
        "snap/firefox/common/.mozilla/firefox",
        "snap/firefox/common/.config/mozilla/firefox",
        ".var/app/org.mozilla.firefox/.mozilla/firefox",
        ".var/app/org.mozilla.firefox/config/mozilla/firefox",
    ]


# As Firefox ESR 153 wrote it, with a profile that lies elsewhere.
INI = """\
[Profile1]
Name=default
IsRelative=1
Path=5eprt9qw.default
Default=1

[Profile0]
Name=elsewhere
IsRelative=0
Path=/srv/100% mine/profile

[General]
StartWithLastProfile=1
Version=2

[Install3B6073811A6ABF12]
Default=niuwdcmn.default-esr
Locked=1
"""


def test_profiles_ini_names_profiles_beside_it_and_anywhere() -> None:
    root = HOME / ".mozilla/firefox"
    assert profiles_in(root, INI) == (
        root / "5eprt9qw.default",
        Path("/srv/100% mine/profile"),
    )


@pytest.mark.parametrize(
    "ini",
    [
        "",
        "\0\0\0",
        "no section\n",
        "[Profile0\nPath=x\n",
        "[Profile0]\nName=no path\n",
        "[Profile0]\nIsRelative=0\nPath=relative\n",
        "[General]\nPath=x\n",
        "[Profile0]\nPath=a\0b\n",
    ],
)
def test_a_profiles_ini_that_cannot_be_made_out_names_none(ini: str) -> None:
    assert profiles_in(HOME, ini) == ()


def test_a_profile_that_is_named_twice_is_one() -> None:
    twice = "[Profile0]\nPath=x\n[Profile0]\nPath=x\n[Profile1]\nPath=x\nIsRelative=1\n"
    assert profiles_in(HOME, twice) == (HOME / "x",)
