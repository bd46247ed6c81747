"""How Home Assistant reads YAML: PyYAML over libyaml, with its tags. Shares nothing with ours.

`say` is the loader for one file, with the tags left standing; `effective` is a whole
configuration, includes followed and packages merged (util/yaml/loader.py and
merge_packages_config of homeassistant/config.py, 2024.3.3).
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from pathlib import Path

TAGS = (
    "!include",
    "!include_dir_list",
    "!include_dir_merge_list",
    "!include_dir_named",
    "!include_dir_merge_named",
    "!secret",
    "!env_var",
    "!input",
)


@dataclass(frozen=True)
class Tagged:
    tag: str
    value: str


class _Loader(yaml.CSafeLoader):
    pass


for _tag in TAGS:
    _Loader.add_constructor(_tag, lambda _loader, node: Tagged(node.tag, node.value))


def say(data: bytes) -> Any:
    """One file's data; raises yaml.YAMLError. Opened as text, as Home Assistant does."""
    return yaml.load(io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"), _Loader)


def effective(config_dir: Path) -> dict[str, Any]:
    """The main configuration with its packages merged in."""
    config = _load(config_dir / "configuration.yaml", config_dir) or {}
    packages = (config.get("homeassistant") or {}).get("packages") or {}
    assert all(isinstance(pack, (dict, list)) for pack in packages.values()), "no package counts"
    for name, pack in packages.items():
        if "-" in name or not isinstance(pack, dict):
            continue
        for domain, settings in pack.items():
            if domain != "homeassistant" and isinstance(settings or {}, dict):
                _merge(config, {domain: settings or {}})
    if packages:
        del config["homeassistant"]["packages"]
    return {key: value or {} for key, value in config.items()}


def _merge(config: dict[str, Any], package: dict[str, Any]) -> None:
    for key, value in package.items():
        if isinstance(value, dict):
            config[key] = config.get(key) or {}
            _merge(config[key], value)
        else:
            assert config.get(key) is None, f"duplicate key {key}"
            config[key] = value


def _load(path: Path, top: Path) -> Any:
    return _resolved(say(path.read_bytes()), path, top)


def _resolved(value: Any, path: Path, top: Path) -> Any:  # noqa: PLR0911
    match value:
        case dict():
            return {key: _resolved(inner, path, top) for key, inner in value.items()}
        case list():
            return [_resolved(inner, path, top) for inner in value]
        case Tagged("!include", target):
            included = _load(path.parent / target, top)
            return {} if included is None else included
        case Tagged("!include_dir_named", target):
            files = _files(path.parent / target)
            return {file.stem: {} if (x := _load(file, top)) is None else x for file in files}
        case Tagged("!include_dir_merge_named", target):
            merged: dict[str, Any] = {}
            for file in _files(path.parent / target):
                merged.update(_load(file, top) or {})
            return merged
        case Tagged("!secret", name):
            for folder in path.parents:
                secrets = folder / "secrets.yaml"
                if secrets.exists() and name in (found := say(secrets.read_bytes()) or {}):
                    return found[name]
            raise AssertionError(name)
        case _:
            return value


def _files(folder: Path) -> list[Path]:
    """Every *.yaml below, but for hidden ones and secrets."""
    return [
        path
        for path in sorted(folder.rglob("*.yaml"))
        if path.name != "secrets.yaml"
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
