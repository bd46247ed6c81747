"""Which certificate and key a Home Assistant is configured with, by what lies in its folder.

No token is needed, and nothing is changed. From 2026.8 on `.storage/http` decides, and the YAML
`http:` block is stale; before, the YAML does, with its packages and includes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from housekey.errors import FileTrouble, NotFound, YamlRefused
from housekey.homeassistant import yaml_tree
from housekey.homeassistant.find import endpoints_of, stored_http
from housekey.homeassistant.paths import (
    FIRST_WITH_TRIALS,
    called_in_container,
    map_paths,
    runs_as,
    version_in,
    version_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from housekey.homeassistant.find import Endpoint
    from housekey.homeassistant.paths import PathMap, Read
    from housekey.homeassistant.yaml_follow import HttpPlace
    from housekey.house.files import Owner

_IN_CONTAINER = "/config"  # what Home Assistant's images call the folder


@dataclass(frozen=True, slots=True)
class Named:
    """A file that a configuration names."""

    text: str  # as Home Assistant calls it
    here: Path | None  # where it is here; None: inside a container, out of sight


@dataclass(frozen=True, slots=True)
class Configured:
    """What the folder of a Home Assistant says about its HTTPS."""

    folder: Path
    version: str
    by: str  # which file says so: ".storage/http", "configuration.yaml"
    on_trial: bool  # a trial that has not failed is what a running Home Assistant uses
    certificate: Named | None
    key: Named | None
    endpoints: tuple[Endpoint, ...]  # where it listens, by its configuration
    owner: Owner  # the user that Home Assistant runs as
    same_view: bool  # no container: it calls every file what it is called here
    stale: tuple[Path, ...]  # YAML files with an http block that is ignored, and still checked
    stale_files: tuple[Named, ...]  # what such a block names
    trouble: str  # why the YAML cannot be followed; empty when it can


def configured(folder: Path, *, read: Read) -> Configured:
    """Read what the Home Assistant of `folder` is configured with.

    Raises NotFound for a folder that is none, and FileTrouble for one that may not be read.
    """
    version = version_in(folder, read)
    if version is None:
        raise NotFound(
            f"{folder} is not the folder of a Home Assistant that this user can read",
            hint="it is the folder with configuration.yaml and .HA_VERSION; try with sudo",
        )
    stored = stored_http(folder, read)
    trials = "stable" in stored or version_of(version) >= FIRST_WITH_TRIALS
    trouble = ""
    settings: Mapping[str, Any] = {}
    places: tuple[HttpPlace, ...] = ()
    try:
        places = yaml_tree.http_places(folder, read)
        settings = yaml_tree.merged(places)
    except (YamlRefused, FileTrouble) as error:
        trouble = error.message
    slot = settings
    on_trial = False
    if trials:
        stable, pending = _slot(stored, "stable"), _slot(stored, "pending")
        on_trial = bool(pending) and not pending.get("error")
        slot = pending if on_trial else stable
    paths = _paths(folder, slot, settings)
    return Configured(
        folder=folder,
        version=version,
        by=".storage/http" if trials else _file_of(places, folder),
        on_trial=on_trial,
        certificate=_named(slot.get("ssl_certificate"), paths),
        key=_named(slot.get("ssl_key"), paths),
        endpoints=endpoints_of(folder, read=read, settings_of=lambda _: settings),
        owner=runs_as(folder),
        same_view=paths.same_view,
        stale=tuple(place.entry.path for place in places) if trials else (),
        stale_files=tuple(
            named
            for key in ("ssl_certificate", "ssl_key")
            if trials and (named := _named(settings.get(key), paths)) is not None
        ),
        # On this road the YAML says nothing that counts, as long as there is no block in it.
        trouble="" if trials else trouble,
    )


def _slot(stored: Mapping[str, object], name: str) -> Mapping[str, Any]:
    slot = stored.get(name)
    return slot if isinstance(slot, dict) else {}


def _file_of(places: tuple[HttpPlace, ...], folder: Path) -> str:
    if not places:
        return "configuration.yaml"
    path = places[0].block.path
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def _paths(folder: Path, *slots: Mapping[str, Any]) -> PathMap:
    """Map the two names of the folder; a Home Assistant that is not running is told by its paths.

    One in a container calls its folder `/config`, which on this computer is not there, or another.
    """
    named = [slot.get(key) for slot in slots for key in ("ssl_certificate", "ssl_key")]
    by_name = any(
        isinstance(text, str) and text.startswith(f"{_IN_CONTAINER}/") and not Path(text).exists()
        for text in named
    )
    called = called_in_container(folder) or (_IN_CONTAINER if by_name else str(folder.absolute()))
    return map_paths(folder, called)


def _named(text: object, paths: PathMap) -> Named | None:
    if not isinstance(text, str) or not text:
        return None
    return Named(text, paths.to_here(text))
