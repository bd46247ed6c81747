"""Where the library comes from: the wheel that lies beside this module, put first on the path.

Home Assistant installs requirements from the package index alone, and housekey must also work where
a folder was copied by hand. A wheel of pure Python is importable as it is (PEP 427, "Is it
possible to import Python code directly from a wheel file?"). In a checkout there is no wheel, and
`housekey` is what the environment has.
"""

from __future__ import annotations

import sys
from pathlib import Path


def put_on_path(folder: Path = Path(__file__).parent) -> Path | None:
    """Make `import housekey` find the newest wheel in `folder`; return it, or None without one."""
    wheels = sorted(folder.glob("housekey-*.whl"), key=lambda wheel: wheel.stat().st_mtime)
    if not wheels:
        return None
    wheel = wheels[-1]
    if str(wheel) not in sys.path:
        sys.path.insert(0, str(wheel))
    return wheel
