"""The page's script in a real browser, before servers that do what is awkward for it."""

from __future__ import annotations

import http.server
import json
import ssl
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from housekey.live.tls import AcceptedSocket
from housekey.onboarding.render import Page
from housekey.onboarding.visitor import Browser, Kind, Visitor
from housekey.pki.encoding import chain_to_pem, to_der
from housekey.pki.issuing import issue_leaf
from housekey.pki.keys import KeyType, PrivateKey
from tests.browsers import chromium
from tests.browsers.chromium import Chromium
from tests.browsers.waiting import told
from tests.needs import require
from tests.onboarding.offers import FORMER, an_offer
from tests.pki.houses import NOW, a_house, names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from housekey.onboarding.offer import Offer

pytestmark = pytest.mark.engine
HERE = "127.0.0.1"
STATE = "document.body.dataset.state"
TRIAL = "/api/housekey/proof"
SAID = "document.getElementById('status').textContent"


@dataclass
class House:
    """A page and a proof that answer as they are told to, and remember what they were asked."""

    kind: Kind = Kind.IPHONE
    browser: Browser = Browser.SAFARI
    proof_status: int = 200
    asked: list[str] = field(default_factory=list)
    offer: Offer = field(default_factory=lambda: an_offer(hosts=(HERE,), home_assistant_hosts=()))
    url: str = ""
    page: Page | None = None
    proof_port: int = 0
    end: Callable[[], None] = lambda: None
    gone: bool = False  # it hangs up on everybody
    missed: int = 0

    def serve(self, offer: Offer) -> None:
        """Say something else from now on."""
        self.offer = offer
        self.page = Page(offer, port=int(self.url.rpartition(":")[2]))


class Answering(http.server.BaseHTTPRequestHandler):
    house: House

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        page, house = self.house.page, self.house
        assert page is not None
        if house.gone:
            house.missed += 1
            return
        headers, status = {}, 200
        if path in page.assets:
            body, media_type = page.assets[path].body, page.assets[path].media_type
            headers["Content-Disposition"] = f'attachment; filename="{path[1:]}"'
        elif path == "/nonce":
            house.asked.append(self.path)
            nonce = f"fresh{len(house.asked)}"
            body, media_type = json.dumps({"nonce": nonce, "seconds": 600}).encode(), "text/json"
        elif path == "/about.json":
            body, media_type = (
                json.dumps({"trial": bool(house.offer.trial_path)}).encode(),
                "text/json",
            )
        elif path in ("/proof", TRIAL):
            house.asked.append(self.path)
            body, media_type = b'{"trusted": true, "trial": "ticket"}', "application/json"
            headers["Access-Control-Allow-Origin"] = house.url
            used = house.proof_status == 403 and not query["nonce"][0].startswith("fresh")
            status = 403 if used else 200
        else:
            kind = query.get("kind", [None])[0]
            body, media_type = (
                page.html(
                    Visitor(house.kind, house.browser),
                    host=HERE,
                    language=query.get("lang", ["en"])[0],
                    nonce="first",
                    shown=Kind(kind) if kind else None,
                ),
                "text/html; charset=utf-8",
            )
            headers["Content-Security-Policy"] = (
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                f"connect-src 'self' https://{HERE}:{house.proof_port}; base-uri 'none'; "
                "form-action 'none'; frame-ancestors 'none'"
            )
        self.send_response(status)
        for name, value in {"Content-Type": media_type, **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


class Quiet(http.server.ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A browser that does not trust the certificate goes away in the handshake."""


@contextmanager
def a_house_to_share(folder: Path, **facts: Any) -> Iterator[House]:
    house = House(**facts)
    handler = type("Told", (Answering,), {"house": house})
    with ExitStack() as stack:
        page = Quiet((HERE, 0), handler)
        proof = Quiet((HERE, 0), handler)
        proof.socket = _tls(folder).wrap_socket(
            proof.socket, server_side=True, do_handshake_on_connect=False
        )
        house.proof_port = proof.server_address[1]
        port = page.server_address[1]
        house.url = f"http://{HERE}:{port}"
        house.offer = replace(house.offer, proof_port=house.proof_port)
        house.page = Page(house.offer, port=port)
        stop = {server: _started(server) for server in (page, proof)}
        house.end = stop[page]
        for each in stop.values():
            stack.callback(each)
        yield house


def _started(server: Quiet) -> Callable[[], None]:
    """Let it serve; return what stops it, once or twice."""
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()

    def stop() -> None:
        server.shutdown()
        thread.join(10)
        server.server_close()

    return stop


def _tls(folder: Path) -> ssl.SSLContext:
    key = PrivateKey.generate(KeyType.ECDSA_P256)
    issuer = a_house().issuing
    leaf = issue_leaf(
        public_key=key.public_key, names=names("ha.lan", HERE), issuer=issuer, now=NOW
    )
    (folder / "chain.pem").write_bytes(chain_to_pem((leaf, issuer.certificate)))
    (folder / "key.pem").write_bytes(key.to_pem().reveal())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslsocket_class = AcceptedSocket
    context.load_cert_chain(folder / "chain.pem", folder / "key.pem")
    return context


@contextmanager
def a_browser(*, trusts: bool = False) -> Iterator[Chromium]:
    require((why := chromium.missing()) is None, why or "")
    roots = [to_der(a_house().root.certificate)] if trusts else []
    with Chromium(roots=roots) as browser:
        yield browser


def soon(browser: Chromium, expression: str, wanted: object) -> None:
    """Wait until the page says so; it tries every three seconds."""
    deadline = time.monotonic() + 60
    while (said := told(browser, expression)) != wanted:
        assert time.monotonic() < deadline, said
        time.sleep(0.1)


def within(what: Callable[[], bool]) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def go_to_the_settings_and_back(browser: Chromium) -> None:
    for hidden in ("true", "false"):
        browser.evaluate(
            f"Object.defineProperty(document, 'hidden', {{value: {hidden}, configurable: true}}),"
            "document.dispatchEvent(new Event('visibilitychange')), 0"
        )


def test_steps_come_one_at_a_time_and_are_found_again(tmp_path: Path) -> None:
    visible = (
        "[...document.querySelectorAll('.step')].filter(it => it.checkVisibility())"
        ".map(it => it.querySelector('h3').textContent)"
    )
    with a_house_to_share(tmp_path) as house, a_browser() as browser:
        assert browser.navigate(house.url) == ""
        assert browser.evaluate(visible) == ["Download the profile"]
        browser.evaluate("document.getElementById('next').click()")
        browser.evaluate("document.getElementById('next').click()")
        assert browser.evaluate(visible) == ["Turn on full trust"]
        # Whoever listens is taken along.
        assert browser.evaluate("document.activeElement.textContent") == "Turn on full trust"
        # Safari loads a page anew that was left for long.
        assert browser.navigate(house.url) == ""
        assert browser.evaluate(visible) == ["Turn on full trust"]
        browser.evaluate("document.getElementById('all').click()")
        assert len(browser.evaluate(visible)) == 4
        browser.evaluate("document.getElementById('all').click()")
        assert browser.evaluate(visible) == ["Turn on full trust"]


def test_back_from_the_settings_it_says_what_is_missing(tmp_path: Path) -> None:
    with a_house_to_share(tmp_path) as house, a_browser() as browser:
        assert browser.navigate(house.url) == ""
        soon(browser, STATE, "waiting")
        go_to_the_settings_and_back(browser)  # without the root: nothing can be missing yet
        browser.evaluate("document.querySelector('a[data-root]').click()")
        assert browser.evaluate(STATE) == "waiting"
        go_to_the_settings_and_back(browser)
        soon(browser, STATE, "missing")
        assert "Certificate Trust Settings" in browser.evaluate(SAID)
        assert "housekey root for Home" in browser.evaluate(SAID)


def test_a_device_that_trusts_is_told_so_and_counted_once(tmp_path: Path) -> None:
    again = "document.querySelector('#status .again').checkVisibility()"
    with a_house_to_share(tmp_path) as house, a_browser(trusts=True) as browser:
        assert browser.navigate(house.url) == ""
        soon(browser, STATE, "trusted")
        assert house.asked == ["/proof?nonce=first"]
        assert browser.evaluate("document.title") == "This device trusts your home"
        assert browser.evaluate("document.querySelector('.steps').checkVisibility()") is False
        assert browser.evaluate("document.querySelector('main').firstElementChild.className") == (
            "card status"
        )
        assert browser.evaluate(again) is False
        assert browser.navigate(house.url) == ""
        soon(browser, STATE, "trusted")
        assert house.asked[1:] == ["/nonce?kind=iphone&again=1", "/proof?nonce=fresh2"]
        assert browser.evaluate(again) is True


def test_a_browser_that_had_proved_the_old_root_is_led_to_the_new_one(tmp_path: Path) -> None:
    offer = an_offer(hosts=(HERE,), home_assistant_hosts=(), former=FORMER[:3])
    seen = "document.getElementById('new-root').checkVisibility()"
    folded = "document.getElementById('old-root').open"
    with a_house_to_share(tmp_path, offer=offer) as house, a_browser() as browser:
        assert browser.navigate(house.url) == ""
        soon(browser, STATE, "waiting")
        assert browser.evaluate(seen) is False, "a new device knows of no old root"
        assert browser.evaluate(folded) is False
        key = f"housekey proved {FORMER[2].sha256}"
        browser.evaluate(f"localStorage.setItem({key!r}, '1'), 0")
        assert browser.navigate(house.url) == ""
        soon(browser, STATE, "waiting")
        assert browser.evaluate(seen) is True
        assert browser.evaluate(folded) is True


def test_once_it_has_proved_the_new_root_only_the_old_one_is_left_to_take_off(
    tmp_path: Path,
) -> None:
    offer = an_offer(hosts=(HERE,), home_assistant_hosts=(), former=FORMER[:3])
    with a_house_to_share(tmp_path, offer=offer) as house, a_browser(trusts=True) as browser:
        assert browser.navigate(house.url) == ""
        key = f"housekey proved {FORMER[2].sha256}"
        browser.evaluate(f"localStorage.setItem({key!r}, '1'), 0")
        soon(browser, STATE, "trusted")
        assert browser.navigate(house.url) == ""
        soon(browser, STATE, "trusted")
        assert browser.evaluate("document.getElementById('new-root').hidden") is True
        assert browser.evaluate("document.getElementById('old-root').open") is True
        assert browser.evaluate("document.querySelector('.old-root').checkVisibility()") is True


def test_a_page_that_is_open_proves_the_trial_that_begins_and_hears_of_its_end(
    tmp_path: Path,
) -> None:
    ended = "document.querySelector('#status a.button')?.href"
    with a_house_to_share(tmp_path) as house, a_browser(trusts=True) as browser:
        before = replace(house.offer, awaits_https=True, home_assistant=None)
        house.serve(before)
        assert browser.navigate(house.url) == ""
        soon(browser, STATE, "trusted")
        assert "Leave this page open" in browser.evaluate(SAID)
        tried = f"https://{HERE}:{house.proof_port}"
        house.serve(replace(before, home_assistant=tried, trial_path=TRIAL))
        within(lambda: f"{TRIAL}?nonce=ticket" in house.asked)
        # It loads itself anew, because what it may ask is fixed when it is loaded.
        assert house.asked[:3] == [
            "/proof?nonce=first",
            "/nonce?kind=iphone&again=1",
            "/proof?nonce=fresh2",
        ]
        assert browser.evaluate(ended) == f"{tried}/"
        within(lambda: house.asked.count(f"{TRIAL}?nonce=ticket") == 2)  # it was not enough
        house.serve(replace(before, home_assistant=tried, awaits_https=False))
        soon(browser, "document.body.dataset.trial ?? 'none'", "none")
        soon(browser, STATE, "trusted")
        assert browser.evaluate(ended) == f"{tried}/"


def test_a_page_that_is_open_goes_on_through_a_restart(tmp_path: Path) -> None:
    with a_house_to_share(tmp_path) as house, a_browser(trusts=True) as browser:
        house.serve(replace(house.offer, awaits_https=True, home_assistant=None))
        assert browser.navigate(house.url) == ""
        soon(browser, STATE, "trusted")
        house.gone = True
        within(lambda: house.missed > 2)
        assert browser.evaluate(STATE) == "trusted"
        tried = f"https://{HERE}:{house.proof_port}"
        house.serve(replace(house.offer, home_assistant=tried, trial_path=TRIAL))
        house.gone = False
        within(lambda: f"{TRIAL}?nonce=ticket" in house.asked)


def test_while_another_devices_steps_are_read_they_stay(tmp_path: Path) -> None:
    with a_house_to_share(tmp_path) as house, a_browser(trusts=True) as browser:
        assert browser.navigate(f"{house.url}/?kind=android") == ""
        soon(browser, STATE, "trusted")
        assert browser.evaluate("document.querySelector('.steps').checkVisibility()") is True


def test_a_nonce_that_is_used_up_is_replaced(tmp_path: Path) -> None:
    with (
        a_house_to_share(tmp_path, proof_status=403) as house,
        a_browser(trusts=True) as browser,
    ):
        assert browser.navigate(house.url) == ""
        soon(browser, STATE, "trusted")
        assert house.asked == [
            "/proof?nonce=first",
            "/nonce?kind=iphone&again=0",
            "/proof?nonce=fresh2",
        ]


def test_a_proof_that_nobody_answers_is_told_as_that(tmp_path: Path) -> None:
    with (
        a_house_to_share(tmp_path) as house,
        http.server.ThreadingHTTPServer((HERE, 0), Answering) as deaf,  # listens, and no more
        a_browser() as browser,
    ):
        house.proof_port = deaf.server_address[1]
        house.page = Page(replace(house.offer, proof_port=house.proof_port))
        assert browser.navigate(house.url) == ""
        soon(browser, STATE, "unreachable")
        assert f"port {house.proof_port} of {HERE}" in browser.evaluate(SAID)


def test_a_page_that_nobody_serves_any_more_says_so(tmp_path: Path) -> None:
    with a_house_to_share(tmp_path) as house, a_browser() as browser:
        assert browser.navigate(house.url) == ""
        soon(browser, STATE, "waiting")
        house.end()
        # Its proof is refused as before, so it has to look whether it is alone.
        soon(browser, STATE, "ended")
        assert "housekey share" in browser.evaluate(SAID)


def test_what_it_says_is_in_the_pages_language(tmp_path: Path) -> None:
    with a_house_to_share(tmp_path) as house, a_browser(trusts=True) as browser:
        assert browser.navigate(f"{house.url}/?lang=de") == ""
        soon(browser, STATE, "trusted")
        assert browser.evaluate("document.title") == "Dieses Gerät vertraut deinem Zuhause"


def test_an_ipad_that_calls_itself_a_mac_is_led_as_an_ipad(tmp_path: Path) -> None:
    with a_house_to_share(tmp_path, kind=Kind.MAC) as house, a_browser(trusts=True) as browser:
        browser._tell("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=5)
        # It goes on by itself to what it would be too late to wait for.
        browser._tell("Page.navigate", url=f"{house.url}/?lang=de")
        soon(browser, "location.search", "?lang=de&kind=ipad")
        soon(browser, STATE, "trusted")
        assert house.asked == ["/nonce?kind=ipad&again=0", "/proof?nonce=fresh1"]
        tab = "document.querySelector('.tabs [aria-current]').textContent"
        assert browser.evaluate(tab) == "iPad dein Gerät"


def test_nothing_breaks_the_policy_and_nothing_is_asked_of_others(tmp_path: Path) -> None:
    asked = "performance.getEntriesByType('resource').map(it => new URL(it.name).origin)"
    with a_house_to_share(tmp_path, kind=Kind.LINUX) as house, a_browser(trusts=True) as browser:
        assert browser.navigate(house.url) == ""
        soon(browser, STATE, "trusted")
        proof = f"https://{HERE}:{house.proof_port}"
        assert set(browser.evaluate(asked)) <= {house.url, proof}
        styled = "getComputedStyle(document.querySelector('.card')).borderRadius"
        assert browser.evaluate(styled) == "16px"
