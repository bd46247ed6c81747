"""Who it is that does something, for the ledger."""

from __future__ import annotations

import os
import pwd


def who() -> str:
    """Return the name of the user that this process runs as."""
    uid = os.geteuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # in containers
        return f"uid {uid}"
