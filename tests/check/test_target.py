"""What TARGET means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from housekey.check.target import FileTarget, HomeTarget, ServerTarget, parse_target
from housekey.errors import FileTrouble, NotFound
from housekey.pki.names import parse_name

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "host", "ports"),
    [
        ("ha.lan", "ha.lan", (443, 8123)),
        ("HA.lan.:8123", "ha.lan", (8123,)),
        ("192.168.1.20", "192.168.1.20", (443, 8123)),
        ("192.168.1.20:443", "192.168.1.20", (443,)),
        ("[fd00::1]:8123", "fd00::1", (8123,)),
        ("[fd00::1]", "fd00::1", (443, 8123)),
        ("fd00::1", "fd00::1", (443, 8123)),
        ("https://ha.lan", "ha.lan", (443,)),
        ("https://ha.lan:8123/lovelace/0?kiosk#x", "ha.lan", (8123,)),
        ("https://[fd00::1]:8123/", "fd00::1", (8123,)),
        ("tür.lan:443", "xn--tr-xka.lan", (443,)),
    ],
)
def test_a_server(text: str, host: str, ports: tuple[int, ...]) -> None:
    assert parse_target(text) == ServerTarget(parse_name(host), ports)


def test_what_is_a_file_and_a_host_is_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert isinstance(parse_target("ha.lan"), ServerTarget)
    (tmp_path / "ha.lan").write_text("")
    assert isinstance(parse_target("ha.lan"), FileTarget)
    assert isinstance(parse_target("ha.lan:443"), ServerTarget)


def test_a_folder_is_home_assistants_or_none(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"holds no \.HA_VERSION"):
        parse_target(str(tmp_path))
    (tmp_path / ".HA_VERSION").write_text("2024.3.3")
    assert parse_target(str(tmp_path)) == HomeTarget(tmp_path)


@pytest.mark.parametrize("text", ["./ha.lan", "certs/ha", "ha.pem", "root.CRT", "x.p12"])
def test_what_reads_like_a_file_that_is_not_there_is_no_host(text: str) -> None:
    with pytest.raises(FileTrouble, match="is not there"):
        parse_target(text)
