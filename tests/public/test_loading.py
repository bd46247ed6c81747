"""What only an order needs is not loaded by those who only ask how things stand."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("acme", "josepy", "requests", "lexicon", "dns")
LIGHT = (
    "account", "ari", "early", "later", "limits", "order", "revoking", "settings", "steps", "terms",
    "trying", "waiting", "world",
)  # fmt: skip


def test_looking_loads_none_of_the_libraries_for_acme_and_dns() -> None:
    modules = ", ".join(f"housekey.public.{name}" for name in LIGHT)
    code = f"import sys, {modules}; print(*sorted(set(sys.modules) & set({HEAVY})))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert loaded.split() == []


OTHERS = (
    "housekey.cli.secure", "housekey.cli.secure.public", "housekey.cli.undo", "housekey.cli.renew",
    "housekey.cli.run", "housekey.cli.status", "housekey.cli.check", "housekey.cli.cert",
    "housekey.cli.cert_revoke", "housekey.homeassistant.secure", "housekey.renewal.round",
    "housekey.renewal.glance", "housekey.check.run", "housekey.house.examining",
    "housekey.public.authority",
)  # fmt: skip


def test_no_command_loads_them_before_something_is_ordered() -> None:
    code = f"import sys, {', '.join(OTHERS)}; print(*sorted(set(sys.modules) & set({HEAVY})))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert loaded.split() == []
