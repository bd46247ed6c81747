"""The browsers themselves agree with the store: refused, accepted once it is in, refused again.

Each starts in a home that the store has worked on, by the layout that the browser has there.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization

from housekey.trust.nss import NssChrome, NssFirefox
from housekey.trust.nss_database import Database
from housekey.trust.store import Server, State
from tests.browsers import chromium, firefox
from tests.browsers.chromium import Chromium
from tests.browsers.firefox import Firefox
from tests.browsers.waiting import soon
from tests.live.servers import Pair, serving
from tests.needs import require
from tests.pki.houses import a_house
from tests.trust.real_machine import machine

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.engine

ROOT = a_house().root.certificate
PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\nhello"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server whose chain leads to ROOT, and which has a page to show."""
    with a_server(Pair(tmp_path, "127.0.0.1")) as it:
        yield it


@contextmanager
def a_server(pair: Pair) -> Iterator[Server]:

    def answer(connection: socket.socket) -> None:
        with pair.context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(1 << 16)
            secured.sendall(PAGE)

    with serving(answer) as port:
        yield Server("127.0.0.1", port)


class PreparedChromium(Chromium):
    """Chromium, in a home that something is done to before it starts."""

    def __init__(self, prepare: Callable[[Path], None]) -> None:
        self._prepare = prepare
        super().__init__()

    def _start(self) -> None:
        self._prepare(self._home.folder)
        super()._start()


class PreparedFirefox(Firefox):
    """Firefox, with its profile named in the `profiles.ini` of a home that is worked on before."""

    def __init__(self, prepare: Callable[[Path], None]) -> None:
        self._prepare = prepare
        super().__init__()

    def _start(self) -> None:
        folder = self._home.folder / ".config/mozilla/firefox"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "profiles.ini").write_text(
            f"[Profile0]\nName=x\nIsRelative=0\nPath={self._profile}\n"
        )
        self._prepare(self._home.folder)
        super()._start()


@dataclass(frozen=True)
class Asked:
    """A browser, its store, and what it says of a root that it does not know."""

    browser: type[Chromium | Firefox]
    prepared: type[PreparedChromium | PreparedFirefox]
    store: type[NssChrome | NssFirefox]
    missing: Callable[[], str | None]
    refusal: str


CHROMIUM = Asked(
    Chromium, PreparedChromium, NssChrome, chromium.missing, "ERR_CERT_AUTHORITY_INVALID"
)
FIREFOX = Asked(Firefox, PreparedFirefox, NssFirefox, firefox.missing, "SEC_ERROR_UNKNOWN_ISSUER")


def needed(asked: Asked) -> None:
    require((why := asked.missing()) is None, why or "")


def as_the_tests_browser_made_it(_home: Path) -> None:
    """Chromium's is the old layout."""


def in_chromes_new_place(home: Path) -> None:
    new = home / ".local/share/pki/nssdb"
    new.parent.mkdir(parents=True)
    shutil.move(home / ".pki/nssdb", new)
    (home / ".pki").rmdir()


def chromes_not_made_yet(home: Path) -> None:
    shutil.rmtree(home / ".pki")


def firefoxs_not_made_yet(home: Path) -> None:
    for name in ("cert9.db", "key4.db", "pkcs11.txt"):
        (home / ".config/mozilla/firefox/tests.default" / name).unlink()


@pytest.mark.parametrize(
    ("asked", "arrange"),
    [
        pytest.param(CHROMIUM, as_the_tests_browser_made_it, id="chromium-old"),
        pytest.param(CHROMIUM, in_chromes_new_place, id="chromium-new"),
        pytest.param(CHROMIUM, chromes_not_made_yet, id="chromium-made by the store"),
        pytest.param(FIREFOX, as_the_tests_browser_made_it, id="firefox-made by a browser"),
        pytest.param(FIREFOX, firefoxs_not_made_yet, id="firefox-made by the store"),
    ],
)
def test_a_browser_agrees(server: Server, asked: Asked, arrange: Callable[[Path], None]) -> None:
    needed(asked)

    def before(home: Path) -> None:
        arrange(home)
        assert asked.store(machine(home)).look(ROOT).state is State.ABSENT

    def install(home: Path) -> None:
        arrange(home)
        store = asked.store(machine(home))
        store.install(ROOT)
        assert [proof.accepts for proof in store.prove(server)] == [True]

    def install_and_remove(home: Path) -> None:
        arrange(home)
        store = asked.store(machine(home))
        store.install(ROOT)
        store.remove(ROOT)
        assert [proof.accepts for proof in store.prove(server)] == [False]

    for prepare, expected in (
        (before, asked.refusal),
        (install, ""),
        (install_and_remove, asked.refusal),
    ):
        with asked.prepared(prepare) as browser:
            assert browser.navigate(server.url) == expected, prepare.__name__


def test_a_chromium_that_is_open_sees_the_root_when_it_is_started_again(server: Server) -> None:
    needed(CHROMIUM)
    with Chromium() as browser:
        folder = browser._home.folder
        assert browser.navigate(server.url) == CHROMIUM.refusal
        store = NssChrome(machine(folder))
        store.install(ROOT)  # and may be changed while it is open
        assert [proof.accepts for proof in store.prove(server)] == [True]
        assert browser.navigate(server.url) == CHROMIUM.refusal


def test_a_firefox_that_is_open_takes_the_root_at_once(server: Server) -> None:
    needed(FIREFOX)
    with Firefox() as browser:
        assert browser.navigate(server.url) == FIREFOX.refusal
        database = Database(machine(browser._home.folder), browser._profile, user=None)
        database.add(ROOT)
        assert browser.navigate(server.url) == ""
        database.remove(ROOT)
        assert database.find(ROOT) is None


@pytest.mark.parametrize("tick", [True, False], ids=["trusted", "not trusted"])
@pytest.mark.parametrize("sent", [False, True], ids=["", "sent by the server"])
def test_what_a_person_imported_into_firefox_is_changed_too(
    tmp_path: Path, tick: bool, sent: bool
) -> None:
    """Firefox's NSS writes trust in another form than Debian's certutil, and goes by its own."""
    needed(FIREFOX)
    file = tmp_path / "root.crt"
    file.write_bytes(ROOT.public_bytes(serialization.Encoding.DER))
    pair = Pair(tmp_path, "127.0.0.1", root=sent)
    with a_server(pair) as server, Firefox() as browser:
        store = NssFirefox(machine(browser.home))
        browser.navigate("about:blank")
        browser.import_root(file, tick=tick)
        expected = State.PRESENT if tick else State.ABSENT
        assert soon(lambda: store.look(ROOT).state is expected)
        assert soon(lambda: (browser.navigate(server.url) == "") is tick)
        store.install(ROOT)
        assert store.look(ROOT).state is State.PRESENT
        assert [proof.accepts for proof in store.prove(server)] == [True]
        browser.restart()
        assert browser.navigate(server.url) == ""
        store.remove(ROOT)
        assert store.look(ROOT).state is State.ABSENT
        assert [proof.accepts for proof in store.prove(server)] == [False]
        browser.restart()
        assert browser.navigate(server.url) == FIREFOX.refusal
