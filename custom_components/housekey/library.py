"""Where the library comes from: the folder `library` beside this module, put first on the path.

Home Assistant installs requirements from the package index alone, and housekey must also work where
a folder was copied by hand. So the library is packed beside the integration: as a wheel, and as
the content of that wheel in `library/`, which is what is used. Python keeps what it has compiled
beside a file, and cannot do so inside an archive: from the wheel, every start of Home Assistant
would compile the library again. Where the folder is missing, the wheel is importable as it is
(PEP 427, "Is it possible to import Python code directly from a wheel file?"). In a checkout there
is neither, and `housekey` is what the environment has.
"""

from __future__ import annotations

import sys
from pathlib import Path

UNPACKED = "library"


def put_on_path(folder: Path = Path(__file__).parent) -> Path | None:
    """Make `import housekey` find what lies in `folder`; return that, or None if nothing does."""
    unpacked = folder / UNPACKED
    wheels = sorted(folder.glob("housekey-*.whl"), key=lambda wheel: wheel.stat().st_mtime)
    if (unpacked / "housekey" / "__init__.py").is_file():
        found = unpacked
    elif wheels:
        found = wheels[-1]
    else:
        return None
    if str(found) not in sys.path:
        sys.path.insert(0, str(found))
    return found
