"""Every text in every language, and none that nobody shows."""

from __future__ import annotations

import re
from string import Formatter
from typing import TYPE_CHECKING, Any

import pytest

from housekey.onboarding.visitor import Browser, Kind
from tests.panel.parts import part, read_json
from tests.without_home_assistant import INTEGRATION

if TYPE_CHECKING:
    from collections.abc import Iterator

_LANGUAGES = sorted(path.stem for path in (INTEGRATION / "translations").glob("*.json"))
_SCRIPT = (INTEGRATION / "panel" / "housekey-panel.js").read_text(encoding="utf-8")

# What snapshot.py fills in, by kind of problem.
_FILLED_IN = {
    "expiring": {"ends", "reason"},
    "not_covered": {"names"},
    "stale_yaml": {"file"},
    "key_open": {"file"},
    "files_missing": {"files"},
    "not_promoted": {"reason"},
    "port_taken": {"port"},
    "house_broken": {"reason"},
}

# Home Assistant's own rules for texts: script/hassfest/translations.py in its repository.
_KEY = re.compile(r"^(?!.+[_-]{2})(?![_-])[a-z0-9-_]+(?<![_-])$")
_URL = re.compile(r"(https?://|www\.)[a-z0-9]+([\-.][a-z0-9]+)*\.[a-z]{2,5}", re.IGNORECASE)
_SECTIONS = {
    "config", "options", "selector", "entity", "device", "services", "exceptions", "issues",
    "system_health", "config_panel", "title", "common",
}  # fmt: skip


def flat(texts: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text with its dotted key."""
    for key, value in texts.items():
        if isinstance(value, dict):
            yield from flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def texts(language: str) -> dict[str, str]:
    """Return the texts of one language by their dotted keys."""
    return dict(flat(read_json(f"translations/{language}.json")))


def placeholders(text: str) -> set[str]:
    """Return what is filled into a text."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_there_are_english_and_german() -> None:
    assert _LANGUAGES == ["de", "en"]


def test_english_is_what_strings_json_says() -> None:
    assert read_json("translations/en.json") == read_json("strings.json")


@pytest.mark.parametrize("language", _LANGUAGES)
def test_every_language_has_the_same_texts_and_fills_in_the_same(language: str) -> None:
    english, other = texts("en"), texts(language)
    assert sorted(other) == sorted(english)
    assert [key for key in english if placeholders(other[key]) != placeholders(english[key])] == []


@pytest.mark.parametrize("language", _LANGUAGES)
def test_home_assistant_accepts_every_text(language: str) -> None:
    tree = read_json(f"translations/{language}.json")
    assert set(tree) <= _SECTIONS
    found = dict(flat(tree))
    keys = {part for key in found for part in key.split(".")}
    assert [key for key in keys if not _KEY.match(key)] == []
    wrong = {
        key: text
        for key, text in found.items()
        if not text.strip()
        or text != text.strip()
        or re.search(r"<[a-z/!]", text)
        or re.search(r"'\{\w+\}'", text)
        or _URL.search(text)
        or "[%key" in text  # custom integrations are shown what stands there
        or not all(name.isidentifier() for name in placeholders(text))
    }
    assert wrong == {}


@pytest.mark.parametrize("language", _LANGUAGES)
def test_every_field_that_is_explained_has_a_name(language: str) -> None:
    tree = read_json(f"translations/{language}.json")
    for flow in ("config", "options"):
        for name, step in tree[flow]["step"].items():
            fields = set(step.get("data", {})) - {"qr"}  # a picture, and nothing to fill in
            explained = set(step.get("data_description", {}))
            if "{fields}" in step.get("description", ""):  # a provider's options are told there
                assert explained <= fields, name
            else:
                assert explained == fields, name


@pytest.mark.parametrize("language", _LANGUAGES)
def test_every_problem_is_a_repair_that_says_what_to_do(language: str) -> None:
    issues = read_json(f"translations/{language}.json")["issues"]
    kinds = [kind.value for kind in part("model").ProblemKind]
    assert sorted(_FILLED_IN) == sorted(kinds)
    for kind in kinds:
        issue = issues[kind]
        assert issue["title"]
        assert ("description" in issue) != ("fix_flow" in issue)
        if "fix_flow" in issue:
            issue["fix_flow"].pop("abort", None)  # the flow itself fills in what went wrong
            assert issue["fix_flow"]["step"]["confirm"]["description"]
        filled = set().union(*(placeholders(text) for _, text in flat(issue)))
        assert filled <= _FILLED_IN[kind], kind


def test_the_snapshot_fills_in_what_the_repairs_ask_for() -> None:
    source = (INTEGRATION / "snapshot.py").read_text() + (
        INTEGRATION / "coordinator.py"
    ).read_text()
    names = set().union(*_FILLED_IN.values())
    assert [name for name in sorted(names) if f'("{name}", ' not in source] == []


def test_every_state_and_every_device_has_its_words_in_the_panel() -> None:
    words = texts("en")
    model = part("model")
    wanted = (
        [f"stage.{stage.value}.{what}" for stage in model.Stage for what in ("title", "text")]
        + [f"delivery.{each.value}" for each in model.Delivery if each is not model.Delivery.NONE]
        + [f"renew.{each.value}" for each in model.Delivery]
        + [f"kinds.{kind.value}" for kind in Kind]
        + [f"browsers.{browser.value}" for browser in Browser]
    )
    assert [key for key in wanted if f"config_panel.{key}" not in words] == []


def asked_for() -> list[re.Pattern[str]]:
    """Return the keys that the panel's script asks for; what it fills into one is anything."""
    calls = re.findall(r"_t\(([^;]*)", _SCRIPT)
    keys = [key for call in calls for key in re.findall(r"[\"`]([\w.${}]+)[\"`]", call)]
    return [re.compile(re.sub(r"\\\$\\\{.*?\\\}", r"[\\w-]+", re.escape(key))) for key in keys]


def test_the_panel_asks_for_no_text_that_is_not_there_and_every_text_is_asked_for() -> None:
    there = [key.removeprefix("config_panel.") for key in texts("en") if "config_panel." in key]
    asked = asked_for()
    assert [key for key in there if not any(each.fullmatch(key) for each in asked)] == []
    exact = set(re.findall(r"_t\(\"([\w.]+)\"", _SCRIPT))
    assert len(exact) > 20
    assert sorted(exact - set(there)) == []


def test_german_says_du() -> None:
    formal = re.compile(r"\b(Sie|Ihr|Ihre|Ihren|Ihrem|Ihrer)\b")
    # "Sie" and "Ihr" may begin a sentence about somebody else.
    allowed = {"config_panel.certificates.root.text"}
    assert [
        key for key, text in texts("de").items() if formal.search(text) and key not in allowed
    ] == []


def test_everything_that_a_flow_says_has_its_words() -> None:
    words = texts("en")
    wanted = set()
    for flow, name in (("config", "config_flow.py"), ("options", "options_flow.py")):
        source = (INTEGRATION / name).read_text()
        wanted |= {f"{flow}.step.{step}." for step in re.findall(r"def async_step_(\w+)", source)}
        wanted |= {f"{flow}.abort.{why}" for why in re.findall(r"\breason=\"(\w+)\"", source)}
        wanted |= {
            f"{flow}.error.{why}"
            for why in re.findall(r"errors\[[^]]+\][^=\n]*= \"(\w+)\"", source)
        }
        wanted |= {f"{flow}.error.{why}" for why in re.findall(r"\"base\": \"(\w+)\"", source)}
    assert len(wanted) > 20
    wanted.discard("config.step.wait.")  # which is told by its progress
    assert [key for key in sorted(wanted) if not any(each.startswith(key) for each in words)] == []
    told = re.findall(
        r"translation_key=\"(\w+)\"",
        "".join((INTEGRATION / f"{name}.py").read_text() for name in ("actions", "websocket_api")),
    )
    assert {f"exceptions.{key}.message" for key in told} <= set(words)
