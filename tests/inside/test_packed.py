"""The packed folder in a Home Assistant that has nothing beside it but what it ships."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest

from demo.release import HOME_2026_7, HOME_2026_11
from release.__main__ import pack
from tests.homes import install
from tests.inside.integration import packed
from tests.needs import require

if TYPE_CHECKING:
    from pathlib import Path

# Runs in Home Assistant's own Python, with no path but the configuration folder's. A package that
# neither Home Assistant nor the manifest asks for is refused, whether or not it is there by chance.
_PROGRAM = """
import importlib, importlib.abc, importlib.metadata as metadata, json, pkgutil, re, sys
from pathlib import Path

folder = Path("/config/custom_components/housekey")
sys.path.insert(0, "/config")
plain = lambda name: re.sub(r"[-_.]+", "-", name).lower()
wanted = ["homeassistant", *map(lambda each: re.split("[<>=!~ ]", each)[0],
    json.loads((folder / "manifest.json").read_text())["requirements"])]
import homeassistant
components = Path(homeassistant.__file__).parent / "components"
for component in json.loads((folder / "manifest.json").read_text())["dependencies"] + [
    "diagnostics", "media_player", "repairs", "system_health"]:
    manifest = json.loads((components / component / "manifest.json").read_text())
    wanted += [re.split("[<>=!~ ]", each)[0] for each in manifest.get("requirements", ())]
shipped = set()
while wanted:
    name = plain(wanted.pop())
    if name in shipped:
        continue
    shipped.add(name)
    try:
        asked = metadata.requires(name) or ()
    except metadata.PackageNotFoundError:
        continue
    wanted += [re.match(r"[A-Za-z0-9._-]+", each)[0] for each in asked if "extra ==" not in each]
foreign = {
    top for top, owners in metadata.packages_distributions().items()
    if not shipped & set(map(plain, owners))
} | {"click", "rich", "platformdirs", "tests", "demo"}
foreign -= set(sys.stdlib_module_names)
asked_for = {}


class Shipped(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in foreign:
            askers = [frame.f_globals.get("__name__", "") for frame in frames()]
            ours = [each for each in askers if each.startswith(("housekey", "custom_components"))]
            if ours:
                # A library that can do without is let do without.
                if next(each for each in askers[1:] if "importlib" not in each) == ours[0]:
                    asked_for[name] = ours[0]
                raise ModuleNotFoundError(f"Home Assistant does not ship {name}", name=name)
        return None


def frames():
    frame = sys._getframe()
    while frame is not None:
        yield frame
        frame = frame.f_back


sys.meta_path.insert(0, Shipped())
import custom_components.housekey as integration
integration_modules = [each.name for each in pkgutil.iter_modules([str(folder)])]
for name in integration_modules:
    importlib.import_module(f"custom_components.housekey.{name}")
import housekey
reached = sorted(name for name in sys.modules if name.startswith("housekey."))
# What functions import when they are called: all floors that the integration stands on.
for name in reached:
    source = sys.modules[name].__loader__.get_source(name)
    for found in re.findall(r"^ +(?:import|from) ([a-z_0-9.]+)", source, re.MULTILINE):
        inside = re.search(rf"^if TYPE_CHECKING:(?:\\n(?: .*)?)*?\\n +(?:import|from) {found}\\b",
            source, re.MULTILINE)
        if inside is None:
            try:
                importlib.import_module(found)
            except ModuleNotFoundError:
                if found not in asked_for:
                    asked_for[found] = name
print(json.dumps({"library": housekey.__file__, "modules": integration_modules,
    "reached": reached, "asked": asked_for, "foreign": sorted(foreign)}))
"""


def test_the_library_lies_there_as_a_wheel_and_as_the_content_of_that_wheel() -> None:
    (wheel,) = packed().glob("*.whl")
    assert wheel.name.startswith("housekey-")
    unpacked = packed() / "library"
    with ZipFile(wheel) as archive:
        inside = {name: archive.read(name) for name in archive.namelist()}
    assert {"housekey/__init__.py", "housekey/house/house.py"} <= inside.keys()
    beside = {str(p.relative_to(unpacked)): p for p in unpacked.rglob("*") if p.is_file()}
    assert {name: path.read_bytes() for name, path in beside.items()} == inside


def test_it_is_packed_alike_each_time(tmp_path: Path) -> None:
    one, two = pack(tmp_path / "one"), pack(tmp_path / "two")
    assert one.read_bytes() == two.read_bytes()
    with ZipFile(one) as archive:
        assert not [name for name in archive.namelist() if "__pycache__" in name]


@pytest.mark.engine
@pytest.mark.parametrize("release", [HOME_2026_7, HOME_2026_11], ids=lambda each: each.version)
def test_nothing_is_imported_that_home_assistant_does_not_ship(
    release: object, tmp_path: Path
) -> None:
    version: str = release.version  # type: ignore[attr-defined]
    missing = install.missing(version)
    require(missing is None, missing or "")
    home = install.installed(version)
    assert home.root is not None
    folder = packed()
    done = subprocess.run(
        home.root.command(
            [f"{home.venv}/bin/python", "-I", "-W", "error::SyntaxWarning", "-c", _PROGRAM],
            binds={folder.parents[1]: "/config"},
        ),
        env={**home.root.environment(), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["library"] == "/config/custom_components/housekey/library/housekey/__init__.py"
    assert {"config_flow", "switch", "lane", "repairs", "diagnostics"} <= set(said["modules"])
    assert "click" in said["foreign"]
    assert said["asked"] == {}
    assert not [name for name in said["reached"] if name.startswith("housekey.cli")]
