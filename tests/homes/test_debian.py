"""Where the mirror of the newer Debian is read from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.homes.debian import debian_mirror

if TYPE_CHECKING:
    from pathlib import Path

DEBIAN = {"ID": "debian", "VERSION_CODENAME": "bookworm"}

MODERN = """\
Types: deb
# http://old.example/debian
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
"""
OTHER = "Types: deb\nURIs: http://node.example/node\nSuites: nodistro\nComponents: main\n"
CLASSIC = """\
# deb http://old.example/debian bookworm main
deb http://mirror.example/debian-security bookworm-security main
deb [signed-by=/usr/share/keyrings/x.gpg arch=amd64] http://mirror.example/debian bookworm main
"""


@pytest.mark.parametrize(
    "files",
    [
        {"sources.list.d/debian.sources": MODERN},
        {"sources.list.d/a-node.sources": OTHER, "sources.list.d/debian.sources": MODERN},
        {"sources.list": CLASSIC},
        {"sources.list": "", "sources.list.d/mine.list": CLASSIC},
    ],
    ids=["deb822", "beside another archive", "one-line", "one-line in a part"],
)
def test_the_mirror_is_the_one_that_this_machine_uses(
    tmp_path: Path, files: dict[str, str]
) -> None:
    (tmp_path / "sources.list.d").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert debian_mirror(tmp_path, system=DEBIAN) == "http://mirror.example/debian"


def test_another_system_or_other_archives_only_have_none(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "node.sources").write_text(OTHER)
    assert debian_mirror(tmp_path, system=DEBIAN) is None
    (tmp_path / "sources.list").write_text(CLASSIC)
    assert debian_mirror(tmp_path, system={"ID": "ubuntu", "VERSION_CODENAME": "jammy"}) is None
