"""What Home Assistant and HACS want of a custom integration, held here without either.

Home Assistant's own checker, script/hassfest in its repository, is no part of an installation; the
rules that concern this integration are repeated here, each with the module that has it.
"""

from __future__ import annotations

import json
import re
import struct
from typing import Any

import pytest
import yaml

from tests.panel.parts import CHECKOUT, read_json
from tests.without_home_assistant import INTEGRATION

_BRAND = INTEGRATION / "brand"
_SCRIPT = INTEGRATION / "panel" / "housekey-panel.js"

# quality_scale.py, ALL_RULES (2026.11).
_RULES = """
action-setup appropriate-polling brands common-modules config-flow config-flow-test-coverage
dependency-transparency docs-actions docs-conditions docs-high-level-description
docs-installation-instructions docs-removal-instructions docs-triggers entity-event-setup
entity-unique-id has-entity-name runtime-data test-before-configure test-before-setup
unique-config-entry
action-exceptions config-entry-unloading docs-configuration-parameters
docs-installation-parameters entity-unavailable integration-owner log-when-unavailable
parallel-updates reauthentication-flow test-coverage
devices diagnostics discovery discovery-update-info docs-data-update docs-examples
docs-known-limitations docs-supported-devices docs-supported-functions docs-troubleshooting
docs-use-cases dynamic-devices entity-category entity-device-class entity-disabled-by-default
entity-translations exception-translations icon-translations reconfiguration-flow repair-issues
stale-devices
async-dependency inject-websession strict-typing
""".split()  # noqa: SIM905


def optional_yaml(name: str) -> dict[str, Any]:
    """Return what a YAML file of the integration holds; empty where there is none."""
    path = INTEGRATION / name
    return (yaml.safe_load(path.read_text()) or {}) if path.exists() else {}


def test_the_manifest_is_in_order() -> None:
    # manifest.py: domain and name first, the rest sorted.
    keys = list(read_json("manifest.json"))
    assert keys == ["domain", "name", *sorted(keys[2:])]


def test_the_manifest_says_what_a_custom_integration_must() -> None:
    manifest = read_json("manifest.json")
    assert manifest["domain"] == INTEGRATION.name
    wanted = {"codeowners", "documentation", "issue_tracker", "version", "iot_class"}
    assert wanted - set(manifest) == set()
    assert manifest["issue_tracker"].startswith(manifest["documentation"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", manifest["version"])


def test_what_the_integration_uses_of_home_assistant_is_a_dependency() -> None:
    # dependencies.py: whatever is imported from homeassistant.components.
    manifest = read_json("manifest.json")
    stated = {*manifest["dependencies"], *manifest.get("after_dependencies", [])}
    always = {"homeassistant", "persistent_notification", "repairs", "diagnostics", "system_health"}
    platforms = {"sensor", "binary_sensor", "button", "event", "switch"}
    used = set()
    for path in INTEGRATION.rglob("*.py"):
        source = path.read_text()
        used |= set(re.findall(r"from homeassistant\.components\.(\w+)", source))
        for names in re.findall(r"from homeassistant\.components import (\([^)]*\)|.*)", source):
            bare = re.sub(r"#.*| as \w+", "", names)
            used |= set(re.findall(r"\w+", bare))
    assert used - stated - always - platforms == set()


def test_every_rule_of_the_quality_scale_has_an_answer() -> None:
    answers = optional_yaml("quality_scale.yaml")["rules"]
    assert sorted(answers) == sorted(_RULES)
    for rule, answer in answers.items():
        status = answer if isinstance(answer, str) else answer["status"]
        assert status in ("done", "exempt", "todo"), rule
        if status == "exempt":
            assert answer["comment"].strip(), rule


def test_every_action_has_texts_and_an_icon_for_all_its_fields() -> None:
    # services.py and icons.py.
    actions = optional_yaml("services.yaml")
    texts = read_json("strings.json").get("services", {})
    assert set(texts) == set(actions)
    for name, action in actions.items():
        assert set((action or {}).get("fields", {})) == set(texts[name].get("fields", {})), name
    if actions:
        assert set(read_json("icons.json")["services"]) == set(actions)


def test_every_icon_is_of_an_entity_that_has_texts() -> None:
    path = INTEGRATION / "icons.json"
    icons = json.loads(path.read_text()).get("entity", {}) if path.exists() else {}
    texts = read_json("strings.json").get("entity", {})
    for platform, entities in icons.items():
        assert set(entities) <= set(texts[platform]), platform
    every = re.findall(r'"(mdi:[^"]*)"', path.read_text()) if path.exists() else []
    assert [icon for icon in every if not re.fullmatch(r"mdi:[a-z0-9-]+", icon)] == []


@pytest.mark.parametrize(
    ("name", "side"),
    [("icon", 256), ("icon@2x", 512), ("dark_icon", 256), ("dark_icon@2x", 512)],
)
def test_the_icons_of_the_brand_have_the_sizes_that_are_shown(name: str, side: int) -> None:
    # https://developers.home-assistant.io/docs/core/integration/brand_images
    drawn = (_BRAND / f"{name}.png").read_bytes()
    assert drawn[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", drawn[16:24]) == (side, side)
    assert len(drawn) < 25_000


def test_hacs_takes_the_archive_that_the_release_script_packs() -> None:
    # https://hacs.xyz/docs/publish/start. A clone has no wheel beside the integration, so only
    # releases are offered.
    hacs = json.loads((CHECKOUT / "hacs.json").read_text())
    assert hacs["zip_release"] is True
    assert hacs["hide_default_branch"] is True
    assert f'"{hacs["filename"]}"' in (CHECKOUT / "release" / "__main__.py").read_text()


def test_the_panel_is_small_and_fetches_nothing() -> None:
    script = _SCRIPT.read_text()
    assert len(script.encode()) < 40 * 1024
    own = {"http://www.w3.org/2000/svg", "https://${location.hostname}${port}"}
    assert set(re.findall(r"https?://[^\"'`\s]+", script)) == own
    fetching = r"\bimport\b|\bfetch\(|XMLHttpRequest|@import|url\(|innerHTML|\beval\b"
    assert re.findall(fetching, script) == []
