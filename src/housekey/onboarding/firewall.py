"""Whether a firewall of this machine stands in the way, and what opens it.

Only looked at where that is cheap: a file that everybody may read. What it really lets through
only root can ask.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# ufw's own switch, and the control group of a service that systemd runs. firewalld leaves no other
# trace: it runs with --nopid.
_UFW = "etc/ufw/ufw.conf"
_FIREWALLD = (
    "sys/fs/cgroup/system.slice/firewalld.service",
    "sys/fs/cgroup/systemd/system.slice/firewalld.service",
)


def opening_command(ports: Sequence[int], *, root: Path = Path("/")) -> str | None:
    """Return the command that opens `ports` in the firewall that is on; None if none is seen."""
    if _ufw_is_on(root / _UFW):
        return f"sudo ufw allow {','.join(map(str, ports))}/tcp"
    if any((root / each).exists() for each in _FIREWALLD):
        added = " ".join(f"--add-port={port}/tcp" for port in ports)
        return f"sudo firewall-cmd {added}"
    return None


def _ufw_is_on(path: Path) -> bool:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return re.search(r"^\s*ENABLED=[\"']?yes\b", text, re.MULTILINE | re.IGNORECASE) is not None
