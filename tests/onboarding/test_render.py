"""The page as a browser gets it: whole, reachable, readable, and without a way in."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from itertools import pairwise, product
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from housekey.onboarding import guides, texts
from housekey.onboarding.offer import SignedBy
from housekey.onboarding.render import Asset, Page
from housekey.onboarding.visitor import Browser, Kind, Visitor
from housekey.pki.encoding import fingerprint
from housekey.pki.fingerprint import grouped
from tests.onboarding.offers import FORMER, HOSTS, a_page, a_page_with_a_past, an_offer
from tests.pki.houses import a_house

if TYPE_CHECKING:
    from collections.abc import Iterator

LANGUAGES = texts.languages()
DIGEST = fingerprint(a_house().root.certificate)
NONCE = "bm9uY2U"
STATIC = Path(__file__).parents[2] / "src/housekey/onboarding/static"
VOID = {"br", "img", "link", "meta"}
SHAPES = {"path"}  # closed in itself, in SVG

KINDS_AND_LANGUAGES = list(product(Kind, LANGUAGES))


@dataclass
class Element:
    name: str
    attributes: dict[str, str]
    text: str = ""
    inside: list[str] = field(default_factory=list)  # names of the elements around it


class Parsed(HTMLParser):
    """The elements in their order; fails on what is opened and not closed."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(html.decode())
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), (tag, names)
        inside = [each.name for each in self._open]
        element = Element(tag, {name: value or "" for name, value in attrs}, inside=inside)
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().name == tag

    def handle_data(self, data: str) -> None:
        for each in self._open:
            each.text += data

    def named(self, *names: str) -> list[Element]:
        return [each for each in self.elements if each.name in names]

    def with_class(self, name: str) -> list[Element]:
        return [each for each in self.elements if name in each.attributes.get("class", "").split()]

    def by_id(self, name: str) -> Element:
        (found,) = [each for each in self.elements if each.attributes.get("id") == name]
        return found


def page(
    kind: Kind = Kind.IPHONE,
    browser: Browser = Browser.SAFARI,
    *,
    shown: Kind | None = None,
    language: str = "en",
    host: str = HOSTS[1],
    made: Page | None = None,
) -> Parsed:
    html = (made or a_page()).html(
        Visitor(kind, browser), host=host, language=language, nonce=NONCE, shown=shown
    )
    return Parsed(html)


def every_page(kind: Kind, language: str) -> Iterator[Parsed]:
    """All that a device of a kind can be shown: by browser, its own steps and another's."""
    for browser in Browser:
        for shown in (None, Kind.IPAD if kind is Kind.MAC else Kind.MAC):
            yield page(kind, browser, shown=shown, language=language)
    yield page(kind, language=language, made=a_page_with_a_past())


@pytest.mark.parametrize(("kind", "language"), KINDS_AND_LANGUAGES)
def test_every_page_is_whole(kind: Kind, language: str) -> None:
    for parsed in every_page(kind, language):
        assert parsed.named("html")[0].attributes["lang"] == language
        ids = [each.attributes["id"] for each in parsed.elements if "id" in each.attributes]
        assert len(set(ids)) == len(ids)
        for each in parsed.elements:
            for reference in ("aria-labelledby", "aria-describedby", "aria-controls", "for"):
                if reference in each.attributes:
                    assert set(each.attributes[reference].split()) <= set(ids), each
            if href := each.attributes.get("href") or each.attributes.get("src"):
                assert_leads_somewhere(href, ids)
        assert not any("{" in each.text for each in parsed.named("body"))


def assert_leads_somewhere(href: str, ids: list[str]) -> None:
    parts = urlsplit(href)
    if parts.scheme:
        assert href.startswith(("https://192.168.1.20:8123/", f"https://{HOSTS[1]}:8126/trusted?"))
        return
    assert not parts.netloc
    assert parts.path in ("", *a_page().assets)
    assert parts.fragment in ("", *ids)
    query = parse_qs(parts.query)
    assert set(query) <= {"kind", "lang"}
    assert set(query.get("kind", ())) <= {kind.value for kind in Kind}
    assert set(query.get("lang", ())) <= set(LANGUAGES)


@pytest.mark.parametrize(("kind", "language"), KINDS_AND_LANGUAGES)
def test_every_page_keeps_to_the_strictest_policy(kind: Kind, language: str) -> None:
    """default-src 'none', and nothing inline."""
    for parsed in every_page(kind, language):
        assert parsed.named("style", "iframe", "object", "embed", "base", "form", "input") == []
        assert [each.attributes["src"] for each in parsed.named("script")] == ["/page.js"]
        for each in parsed.elements:
            assert not [
                name for name in each.attributes if name == "style" or name.startswith("on")
            ]
            assert "javascript:" not in str(each.attributes)


@pytest.mark.parametrize(("kind", "language"), KINDS_AND_LANGUAGES)
def test_page_style_script_and_icon_weigh_less_than_sixty_kibibytes(
    kind: Kind, language: str
) -> None:
    html = a_page_with_a_past().html(
        Visitor(kind, Browser.CHROME), host=HOSTS[1], language=language, nonce=NONCE, shown=None
    )
    beside = sum(
        len(a_page().assets[name].body) for name in ("/style.css", "/page.js", "/icon.svg")
    )
    assert len(html) + beside < 60 * 1024


@pytest.mark.parametrize(("kind", "language"), KINDS_AND_LANGUAGES)
def test_the_fingerprint_leads_and_is_read_as_devices_show_it(kind: Kind, language: str) -> None:
    for parsed in every_page(kind, language):
        shown_fingerprints = parsed.with_class("fingerprint")
        assert {each.text for each in shown_fingerprints} == {grouped(DIGEST)}
        order = [each.attributes.get("id") for each in parsed.elements]
        assert order.index("fingerprint-label") < order.index("steps") < order.index("status")


@pytest.mark.parametrize(("kind", "language"), KINDS_AND_LANGUAGES)
def test_headings_go_down_one_level_at_a_time(kind: Kind, language: str) -> None:
    for parsed in every_page(kind, language):
        headings = [
            int(each.name[1])
            for each in parsed.named("h1", "h2", "h3", "h4")
            if "template" not in each.inside
        ]
        assert headings[0] == 1
        assert headings.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(headings))


@pytest.mark.parametrize("kind", Kind)
def test_the_visitors_own_steps_are_shown_and_all_others_are_one_link_away(kind: Kind) -> None:
    parsed = page(kind, Browser.OTHER)
    tabs = [each for each in parsed.named("a") if each.inside[-3:] == ["nav", "ul", "li"]]
    assert [parse_qs(urlsplit(each.attributes["href"]).query)["kind"] for each in tabs] == [
        [each.value] for each in (kind, *(other for other in Kind if other is not kind))
    ]
    (current,) = [each for each in tabs if "aria-current" in each.attributes]
    assert current is tabs[0]
    assert "your device" in current.text


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_tab_shows_that_kinds_steps_in_the_same_language(kind: Kind, language: str) -> None:
    parsed = page(Kind.LINUX, Browser.FIREFOX, shown=kind, language=language)
    words = texts.read(language)
    for step in guides.ways(kind, Visitor(Kind.LINUX, Browser.FIREFOX))[0].steps:
        assert words.plain(f"steps.{step.name}.title") in {each.text for each in parsed.named("h3")}
    assert parsed.named("body")[0].attributes["data-shown"] == kind.value
    assert parsed.named("body")[0].attributes["data-kind"] == "linux"


def test_the_step_that_everybody_misses_names_the_root_as_it_is_listed() -> None:
    parsed = page(Kind.IPHONE, Browser.SAFARI)
    (step,) = [
        each for each in parsed.with_class("step") if "Certificate Trust Settings" in each.text
    ]
    assert "housekey root for Home" in step.text
    assert "everybody misses" in step.text


@pytest.mark.parametrize(
    ("kind", "browser", "first"),
    [
        (Kind.IPHONE, Browser.SAFARI, "ios-download"),
        (Kind.IPHONE, Browser.CHROME, "in-safari"),
        (Kind.IPAD, Browser.HOME_ASSISTANT, "in-safari"),
        (Kind.ANDROID, Browser.HOME_ASSISTANT, "in-browser"),
        (Kind.ANDROID, Browser.FIREFOX, "android-download"),
        (Kind.LINUX, Browser.FIREFOX, "firefox-download"),
        (Kind.LINUX, Browser.CHROME, "chrome-download"),
        (Kind.WINDOWS, Browser.FIREFOX, "firefox-download"),
        (Kind.WINDOWS, Browser.EDGE, "windows-download"),
        (Kind.MAC, Browser.FIREFOX, "firefox-download"),
        (Kind.MAC, Browser.SAFARI, "mac-download"),
        (Kind.CHROMEOS, Browser.CHROME, "chrome-download"),
        (Kind.OTHER, Browser.OTHER, "other-download"),
    ],
)
def test_the_browser_decides_which_way_comes_first(
    kind: Kind, browser: Browser, first: str
) -> None:
    way, *others = guides.ways(kind, Visitor(kind, browser))
    assert way.steps[0].name == first
    assert page(kind, browser).with_class("step")[0].text.count("Step 1 of") == 1
    assert len(page(kind, browser).with_class("way")) == len(others)


def test_firefox_for_android_is_led_to_its_hidden_switch() -> None:
    text = page(Kind.ANDROID, Browser.FIREFOX).by_id("say-missing").text
    assert "Use third party CA certificates" in text


@pytest.mark.parametrize(("kind", "browser"), list(product(Kind, Browser)))
@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_that_is_said_is_an_error(kind: Kind, browser: Browser, language: str) -> None:
    parsed = page(kind, browser, language=language)
    for state in ("waiting", "missing", "unreachable", "ended", "trusted"):
        said = parsed.by_id(f"say-{state}").text.lower()
        assert said.strip()
        assert not re.search(r"\b(error|failed|fehler|fehlgeschlagen)\b", said)


def test_an_ipad_that_came_as_a_mac_is_told_what_an_ipad_misses() -> None:
    parsed = page(Kind.MAC, Browser.SAFARI, shown=Kind.IPAD)
    assert "Certificate Trust Settings" in parsed.by_id("say-missing-ipad").text
    assert "Keychain Access" in parsed.by_id("say-missing").text


def test_every_word_that_the_script_looks_for_is_on_the_page() -> None:
    script = (STATIC / "page.js").read_text()
    html = Page(replace(an_offer(former=FORMER), awaits_https=True)).html(
        Visitor(Kind.MAC, Browser.SAFARI), host=HOSTS[1], language="en", nonce=NONCE, shown=None
    )
    parsed = Parsed(html)
    ids = {each.attributes.get("id") for each in parsed.elements}
    assert set(re.findall(r'getElementById\("([\w-]+)"\)', script)) <= ids
    for state in ("waiting", "missing", "unreachable", "ended", "trusted"):
        assert f'"{state}"' in script
        assert f"say-{state}" in ids
    classes = {
        name for each in parsed.elements for name in each.attributes.get("class", "").split()
    }
    assert set(re.findall(r'querySelector\("\.(\w+)"\)', script)) <= classes
    facts = set(re.findall(r"facts\.(\w+)", script))
    assert facts <= {name.removeprefix("data-") for name in parsed.named("body")[0].attributes}


def test_a_home_with_one_root_speaks_of_no_other() -> None:
    parsed = page()
    assert "data-former" not in parsed.named("body")[0].attributes
    assert parsed.with_class("warn") == []
    assert not [each for each in parsed.elements if each.attributes.get("id") == "old-root"]


@pytest.mark.parametrize(("kind", "language"), KINDS_AND_LANGUAGES)
def test_a_device_is_told_which_old_root_to_take_off_and_where(kind: Kind, language: str) -> None:
    parsed = page(kind, language=language, made=a_page_with_a_past())
    leaked, old, *_, beside = FORMER
    (warned,) = parsed.with_class("old-root")
    assert "hidden" not in warned.attributes, "a root whose key leaked is told to everybody"
    assert leaked.name in warned.text
    assert FORMER[2].name in parsed.by_id("old-root").text
    assert old.name not in parsed.named("body")[0].text, "of those that are over, the last"
    assert beside.name not in parsed.by_id("old-root").text, "it is still needed"


def test_that_there_is_a_new_root_is_for_browsers_that_know_an_old_one() -> None:
    parsed = page(made=a_page_with_a_past())
    notice = parsed.by_id("new-root")
    assert "hidden" in notice.attributes
    assert "will be dropped one day" in notice.text
    assert parsed.named("body")[0].attributes["data-former"].split() == [
        each.sha256 for each in FORMER
    ]
    over = page(made=Page(an_offer(former=FORMER[:3]))).by_id("new-root").text
    assert "of no use any more" in over


@pytest.mark.parametrize(("kind", "language"), KINDS_AND_LANGUAGES)
def test_who_would_get_the_new_root_alone_is_told_that_home_assistant_follows_later(
    kind: Kind, language: str
) -> None:
    early = Page(an_offer(opens_later=True))
    words = texts.read(language)
    parsed = page(kind, language=language, made=early)
    notice = parsed.by_id("opens-later")
    assert "hidden" not in notice.attributes, "before the steps, for everybody"
    assert words("opens-later.text") in notice.text
    assert words("opens-later.text") in parsed.by_id("say-trusted").text, "and after them"
    proven = early.trusted_html(Visitor(kind, Browser.SAFARI), host=HOSTS[0], language=language)
    assert words("opens-later.text") in Parsed(proven).named("main")[0].text
    assert words("opens-later.text") not in page(kind, language=language).named("body")[0].text


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_home_assistant_itself_needs_is_said_first(language: str) -> None:
    """A public name needs nothing, and another CA's root is not to be had here."""
    said = {}
    for by in SignedBy:
        made = Page(replace(an_offer(), home_assistant_by=by))
        parsed = page(made=made, language=language)
        (lead,) = parsed.with_class("lead")
        said[by] = lead.text
        assert said[by] == texts.read(language).plain(f"lead.{by.value}")
    assert len(set(said.values())) == len(SignedBy)


def test_a_root_that_came_back_is_no_earlier_one() -> None:
    """A rotation that was taken back, and a house that was restored from before it."""
    former = (replace(FORMER[1], sha256=DIGEST), FORMER[0])
    parsed = page(made=Page(an_offer(former=former)))
    assert parsed.named("body")[0].attributes["data-former"] == FORMER[0].sha256


def test_without_a_script_everything_is_there_and_one_link_tests_the_device() -> None:
    parsed = page()
    assert not any("hidden" in each.attributes for each in parsed.with_class("step"))
    assert "hidden" in parsed.with_class("pager")[0].attributes
    (test,) = [each for each in parsed.named("a") if "/trusted?" in each.attributes["href"]]
    assert test.attributes["href"] == f"https://192.168.1.20:8126/trusted?nonce={NONCE}"
    status = parsed.by_id("status").attributes
    assert (status["role"], status["aria-live"]) == ("status", "polite")


@pytest.mark.parametrize(
    ("kind", "has"),
    [(Kind.IPHONE, False), (Kind.ANDROID, False), (Kind.LINUX, True), (Kind.WINDOWS, True)],
)
def test_a_computer_shows_the_way_to_the_phone(kind: Kind, has: bool) -> None:
    assert bool(page(kind, Browser.CHROME).with_class("code")) is has


@pytest.mark.parametrize(
    ("host", "code"),
    [
        # An address, because many Android phones know no .local name.
        ("homeassistant.local", "http://192.168.1.20:9000"),
        ("192.168.1.20", "http://192.168.1.20:9000"),
        ("127.0.0.1", "http://192.168.1.20:9000"),
        ("fd00::20", "http://[fd00::20]:9000"),
    ],
)
def test_the_code_leads_to_an_address_that_a_phone_finds(host: str, code: str) -> None:
    offer = an_offer(hosts=("127.0.0.1", *HOSTS))
    parsed = page(Kind.LINUX, Browser.CHROME, host=host, made=Page(offer, port=9000))
    assert parsed.with_class("code")[0].attributes["aria-label"] == f"QR code of {code}"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_where_only_this_machine_is_served_no_code_leads_a_phone_astray(host: str) -> None:
    made = Page(an_offer(hosts=("localhost", "127.0.0.1", "::1")), port=9000)
    assert page(Kind.LINUX, Browser.CHROME, host=host, made=made).with_class("code") == []


HOSTILE = '"><script>alert(1)</script>{{ 7*7 }}{root}\x00\u202e'


def test_nothing_that_others_choose_becomes_markup() -> None:
    made = Page(an_offer(home=HOSTILE, home_assistant="https://a.local:8123"))
    for kind in Kind:
        html = made.html(
            Visitor(kind, Browser.CHROME), host=HOSTILE, language="en", nonce=HOSTILE, shown=None
        )
        parsed = Parsed(html)
        assert len(parsed.named("script")) == 1
        # As text, and by no template or placeholder read once more.
        assert '"><script>alert(1)</script>{{ 7*7 }}{root}' in parsed.with_class("home")[0].text
        assert "\u202e" not in parsed.named("title")[0].text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("known", ["https://homeassistant.local:8123", None])
def test_the_page_of_the_proof_says_it_and_leads_home(language: str, known: str | None) -> None:
    made = Page(an_offer(home_assistant=known))
    parsed = Parsed(
        made.trusted_html(Visitor(Kind.IPHONE, Browser.SAFARI), host=HOSTS[0], language=language)
    )
    words = texts.read(language)
    assert [each.text for each in parsed.named("h1")] == [words.plain("trusted.heading")]
    assert parsed.named("script") == []
    leads = [each.attributes["href"] for each in parsed.named("a")]
    assert leads == ([f"{known}/"] if known else [])


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("homeassistant.local", "https://homeassistant.local:8123"),
        ("192.168.1.20", "https://192.168.1.20:8123"),
        ("fd00::20", "https://homeassistant.local:8123"),  # not in its certificate
        ("localhost", "https://homeassistant.local:8123"),
    ],
)
def test_home_assistant_is_reached_by_the_name_that_one_came_by_if_it_has_it(
    host: str, address: str
) -> None:
    assert a_page().home_assistant_for(host) == address


def test_home_assistant_by_an_ipv6_address_has_its_brackets() -> None:
    made = Page(an_offer(home_assistant_hosts=HOSTS))
    assert made.home_assistant_for("fd00::20") == "https://[fd00::20]:8123"


def test_home_assistant_on_the_usual_port_has_none() -> None:
    made = Page(an_offer(home_assistant="https://homeassistant.local"))
    assert made.home_assistant_for("192.168.1.20") == "https://192.168.1.20"


def test_where_home_assistant_is_not_known_no_link_is_shown() -> None:
    made = Page(an_offer(home_assistant=None))
    assert made.home_assistant_for(HOSTS[0]) is None
    hrefs = [each.attributes.get("href", "") for each in page(made=made).elements]
    assert not any(":8123" in href for href in hrefs)


def test_the_assets_are_the_root_the_style_the_script_and_the_icon() -> None:
    def told(asset: Asset) -> tuple[str, str | None, bool]:
        return asset.media_type, asset.filename, asset.is_root

    assert {path: told(asset) for path, asset in a_page().assets.items()} == {
        "/style.css": ("text/css; charset=utf-8", None, False),
        "/page.js": ("text/javascript; charset=utf-8", None, False),
        "/icon.svg": ("image/svg+xml", None, False),
        "/housekey.mobileconfig": (
            "application/x-apple-aspen-config", "housekey.mobileconfig", True,
        ),
        "/housekey.crt": ("application/x-x509-ca-cert", "housekey.crt", True),
        "/housekey.cer": ("application/pkix-cert", "housekey.cer", True),
        "/housekey.pem": ("application/x-pem-file", "housekey.pem", True),
        "/housekey.crl": ("application/pkix-crl", "housekey.crl", False),
    }  # fmt: skip


def test_where_nothing_was_revoked_there_is_no_list() -> None:
    assert "/housekey.crl" not in Page(an_offer(crl_der=None)).assets


def test_an_etag_changes_with_the_bytes_and_only_with_them() -> None:
    before, same = a_page().assets, Page(an_offer()).assets
    renamed = Page(an_offer(home="Villa")).assets
    assert {path: each.etag for path, each in before.items()} == {
        path: each.etag for path, each in same.items()
    }
    changed = {path for path in before if before[path].etag != renamed[path].etag}
    assert changed == {"/housekey.mobileconfig"}
    assert all(re.fullmatch(r'"[0-9a-f]{32}"', each.etag) for each in before.values())


def test_nothing_is_read_once_the_page_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Page(an_offer())

    def refused(*_: object, **__: object) -> None:
        raise PermissionError("this process reads no files")

    monkeypatch.setattr("builtins.open", refused)
    monkeypatch.setattr("io.open", refused)
    monkeypatch.setattr("os.open", refused)
    for kind, language in product(Kind, LANGUAGES):
        visitor = Visitor(kind, Browser.OTHER)
        assert made.html(visitor, host=HOSTS[0], language=language, nonce="", shown=None)
        assert made.trusted_html(visitor, host=HOSTS[0], language=language)
