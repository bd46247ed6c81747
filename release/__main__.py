"""Pack the integration: its folder, with the library as a wheel beside it, as a folder and a zip.

dist/custom_components/housekey/     to be copied into Home Assistant's configuration folder
dist/housekey.zip                    the same, as HACS takes it from a release

The wheel lies there twice: as it is, and unpacked, which is what Home Assistant imports. Why:
custom_components/housekey/library.py.
"""

from __future__ import annotations

import shutil
import sys
import zipfile
from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

from release.ready import lacking

CHECKOUT = Path(__file__).parents[1]
SOURCE = CHECKOUT / "custom_components" / "housekey"
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", "*.whl")
_EPOCH = (2026, 1, 1, 0, 0, 0)  # the same sources give the same zip


def pack(target: Path) -> Path:
    """Put the integration into `target`, anew; return the zip beside it."""
    folder = target / "custom_components" / "housekey"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(SOURCE, folder, ignore=_LEFT_OUT)
    wheel = next(WheelBuilder(str(CHECKOUT)).build(directory=str(folder), versions=["standard"]))
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder / "library")
    archive = target / "housekey.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            entry = zipfile.ZipInfo(str(path.relative_to(folder)), date_time=_EPOCH)
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return archive


if __name__ == "__main__":
    if lacks := lacking():
        sys.exit("\n".join(("this is no release yet; it lacks", *lacks)))
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else CHECKOUT / "dist"
    target.mkdir(parents=True, exist_ok=True)
    print(pack(target))
