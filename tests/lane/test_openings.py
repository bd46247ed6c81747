"""The table of openings against Home Assistant's own source, of both releases."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from custom_components.housekey.lane_openings import CLOSED, OPENINGS, Secret, opening_for
from custom_components.housekey.lane_urls import OWN_SITES, SITES
from tests.homes import install
from tests.needs import require

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What hands addresses to others, and not to devices of the house without the root.
_NOT_FOR_DEVICES = {
    "alexa": "a cloud",
    "auth": "signing in",
    "cast": "an error's text; its own app wants HTTPS",
    "generic": "a browser's preview",
    "http": "its own certificate; signing in",
    "lovelace": "wants HTTPS",
    "media_player": "Home Assistant fetches a cover from itself",
    "music_assistant": "a program that signs in",
    "network": "the settings page",
    "opendisplay": "Home Assistant fetches from itself",
    "shelly": "a WebSocket, which takes any certificate",
    "ssdp": "a page for a browser",
    "telegram_bot": "a cloud",
    "zeroconf": "apps and browsers",
}


@pytest.fixture(params=["2026.7.4", "2026.11.0"])
def source(request: pytest.FixtureRequest) -> Path:
    """The installed `homeassistant` package of a release."""
    missing = install.missing(request.param)
    require(missing is None, missing or "")
    installed = install.installed(request.param)
    assert installed.root is not None
    venv = installed.root.path / installed.venv.lstrip("/")
    return next(venv.glob("lib/python3*/site-packages/homeassistant"))


def modules(source: Path) -> Iterator[tuple[str, str]]:
    """Every module's path inside the package, and its text."""
    for path in sorted(source.rglob("*.py")):
        yield path.relative_to(source).as_posix(), path.read_text()


def test_each_path_without_a_login_is_in_one_of_the_tables(source: Path) -> None:
    told = "\n".join((*(one.source for one in OPENINGS), *(one.source for one in CLOSED)))
    without = [
        name
        for name, text in modules(source)
        if re.search(r"(?<!\w)requires_auth(?:: \w+)? = (?!True)", text)
    ]
    assert len(without) > 30

    unknown = [
        name for name in without if name not in told and f"{name.rsplit('/', 1)[0]}/" not in told
    ]

    assert unknown == []


def views_without_login(text: str) -> Iterator[str]:
    """The paths of a module's views that ask for no login, as the router knows them.

    Those alone that stand beside it; a base class without a path of its own is seen by its module.
    """
    constants: dict[str, str] = dict(
        re.findall(r'^([A-Z_0-9]+)(?:: [^=]+)? = "([^"]+)"', text, re.MULTILINE)
    )
    for body in re.findall(r"^class [^\n]*:\n((?:[ \t]+[^\n]*\n|\n)+)", text, re.MULTILINE):
        asks = re.search(r"^    requires_auth(?:: \w+)? = (.+)$", body, re.MULTILINE)
        if asks is None or asks[1].strip() == "True":
            continue
        found = re.search(r'^    url(?:: \w+)? = f?r?\(?\s*"?([^"\n]+)', body, re.MULTILINE)
        said = str(found[1]) if found else ""
        url = constants.get(said, said)
        if url.startswith("/"):
            yield re.sub(r":[^{}]*(?:\{[^}]*\}[^{}]*)*\}", "}", url)


def is_told_as_closed(url: str) -> bool:
    """Whether a path is in the table of what is not let through."""
    for path in (one.split(" of ")[0].strip() for each in CLOSED for one in each.path.split(", ")):
        if path == url or (path.endswith("…") and url.startswith(path[:-1].rstrip("/"))):
            return True
    return False


def test_each_view_that_asks_for_no_login_is_an_opening_or_told_as_closed(source: Path) -> None:
    """One by one: a second view of a module that is in a table may be another matter."""
    found = {
        url
        for _, text in modules(source)
        if "requires_auth" in text
        for url in views_without_login(text)
    }
    assert len(found) > 25
    assert "/api/webhook/{webhook_id}" in found

    routes = {opening.route for opening in OPENINGS}

    assert {url for url in found - routes if not is_told_as_closed(url)} == set()


def test_each_path_that_a_media_source_plays_from_home_assistant_is_an_opening(
    source: Path,
) -> None:
    played = set()
    for name, text in modules(source):
        if name.endswith("media_source.py") or "views.py" in name:
            views = re.findall(r'^    url = f?r?"(/[^"]+)"', text, re.MULTILINE)
            played |= {re.sub(r":[^}]+\}", "}", url) for url in views}
    assert len(played) >= 5
    not_played = {url for url in played if url.startswith(("/api/onboarding", "/api/map_tiles"))}
    not_played |= {url for url in played if "/snapshot/" in url}  # the frontend's own pictures

    routes = {opening.route for opening in OPENINGS}

    assert played - not_played - routes == set()


@pytest.mark.parametrize("opening", OPENINGS, ids=lambda opening: opening.path)
def test_the_source_of_an_opening_is_where_the_table_says(source: Path, opening: object) -> None:
    from custom_components.housekey.lane_openings import Opening  # noqa: PLC0415

    assert isinstance(opening, Opening)
    file, _, what = opening.source.partition(":")
    path = source / file.partition(",")[0]
    what = what.partition(",")[0].strip()
    if "2026.11.0" in opening.source and "2026.7.4" in str(path):
        return
    text = path.read_text()
    for word in re.findall(r"\w+", what)[-1:]:
        assert word in text, f"{word} is not in {file}"


def test_what_is_played_without_a_signature_is_an_opening(source: Path) -> None:
    text = (source / "components/media_player/browse_media.py").read_text()
    listed = re.search(r"PATHS_WITHOUT_AUTH = \(([^)]+)\)", text)
    assert listed is not None

    for prefix in re.findall(r'"([^"]+)"', listed[1]):
        assert any(
            one.path.startswith(prefix) and one.secret in {Secret.PATH, Secret.NONE}
            for one in OPENINGS
        ), prefix


def test_webhooks_take_the_methods_of_the_table(source: Path) -> None:
    text = (source / "components/webhook/__init__.py").read_text()
    found = opening_for("/api/webhook/x")
    assert found is not None

    assert set(re.findall(r"^    (\w+) = _handle", text, re.MULTILINE)) == {
        method.lower() for method in found[0].methods
    }


def test_each_module_that_asks_for_an_address_is_a_site_or_not_for_devices(source: Path) -> None:
    sites = {site.module.partition(".")[0] for site in SITES}
    asking = {
        name.split("/")[1]
        for name, text in modules(source)
        if name.startswith("components/")
        and re.search(r"(?<![\w.])(?:network\.)?get_url\(", text)
        and "homeassistant.helpers" in text
        and "network" in text
    }
    assert len(asking) > 20

    assert asking - sites - set(_NOT_FOR_DEVICES) == set()


def test_each_site_takes_get_url_by_its_name(source: Path) -> None:
    found = set()
    for attribute, sites in (("get_url", SITES), ("is_hass_url", OWN_SITES)):
        for site in sites:
            place = source / "components" / site.module.replace(".", "/")
            path = place.with_suffix(".py")
            path = path if path.exists() else place / "__init__.py"
            if path.exists() and re.search(
                rf"from homeassistant\.helpers\.network import [^\n]*(?:\([^)]*)?\b{attribute}\b",
                path.read_text(),
            ):
                found.add((attribute, site.module))

    missing = {
        (attribute, site.module)
        for attribute, sites in (("get_url", SITES), ("is_hass_url", OWN_SITES))
        for site in sites
    } - found
    # The stream of a camera moved to a module of its own; WiiM finds its host in another way.
    gone = {"2026.7.4": {"camera.services"}, "2026.11.0": {"camera", "wiim.util"}}
    version = next(one for one in gone if one in str(source))
    assert missing == {("get_url", module) for module in gone[version]}
