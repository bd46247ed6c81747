"""A firewall that is on is seen, where that is cheap, and what opens it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from housekey.onboarding.firewall import opening_command

if TYPE_CHECKING:
    from pathlib import Path

PORTS = (8125, 8126)


def test_without_a_firewall_nothing_is_told(tmp_path: Path) -> None:
    assert opening_command(PORTS, root=tmp_path) is None


@pytest.mark.parametrize(
    ("line", "on"),
    [
        ("ENABLED=yes", True),
        ('ENABLED="yes"', True),
        ("ENABLED=no", False),
        ("# ENABLED=yes", False),
    ],
)
def test_ufw_is_asked_by_its_own_switch(line: str, on: bool, tmp_path: Path) -> None:
    conf = tmp_path / "etc" / "ufw" / "ufw.conf"
    conf.parent.mkdir(parents=True)
    conf.write_text(f"# /etc/ufw/ufw.conf\n\n{line}\nLOGLEVEL=low\n")
    wanted = "sudo ufw allow 8125,8126/tcp" if on else None
    assert opening_command(PORTS, root=tmp_path) == wanted


def test_firewalld_is_seen_by_its_control_group(tmp_path: Path) -> None:
    (tmp_path / "sys/fs/cgroup/system.slice/firewalld.service").mkdir(parents=True)
    assert (
        opening_command(PORTS, root=tmp_path)
        == "sudo firewall-cmd --add-port=8125/tcp --add-port=8126/tcp"
    )
