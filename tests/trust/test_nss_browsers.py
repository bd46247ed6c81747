"""The browsers themselves agree with the store: refused, accepted once it is in, refused again.

Each starts in a home that the store has worked on, by the layout that the browser has there.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
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


@pytest.fixture
def _chromium() -> None:
    require(chromium.missing() is None, chromium.missing() or "")


@pytest.fixture
def _firefox() -> None:
    require(firefox.missing() is None, firefox.missing() or "")


@pytest.mark.usefixtures("_chromium")
@pytest.mark.parametrize("layout", ["old", "new", "made by the store"])
def test_chromium_agrees(server: Server, layout: str) -> None:
    def arrange(home: Path) -> NssChrome:
        # What the tests' browser has made is the old layout.
        if layout != "old":
            new = home / ".local/share/pki/nssdb"
            new.parent.mkdir(parents=True)
            shutil.move(home / ".pki/nssdb", new)
            (home / ".pki").rmdir()
            if layout == "made by the store":
                shutil.rmtree(home / ".local")
        return NssChrome(machine(home))

    def before(home: Path) -> None:
        assert arrange(home).look(ROOT).state is State.ABSENT

    def install(home: Path) -> None:
        store = arrange(home)
        store.install(ROOT)
        assert [proof.accepts for proof in store.prove(server)] == [True]

    def install_and_remove(home: Path) -> None:
        store = arrange(home)
        store.install(ROOT)
        store.remove(ROOT)
        assert [proof.accepts for proof in store.prove(server)] == [False]

    for prepare, expected in (
        (before, "ERR_CERT_AUTHORITY_INVALID"),
        (install, ""),
        (install_and_remove, "ERR_CERT_AUTHORITY_INVALID"),
    ):
        with PreparedChromium(prepare) as browser:
            assert browser.navigate(server.url) == expected, prepare.__name__


@pytest.mark.usefixtures("_firefox")
@pytest.mark.parametrize("layout", ["made by a browser", "made by the store"])
def test_firefox_agrees(server: Server, layout: str) -> None:
    def arrange(home: Path) -> NssFirefox:
        if layout == "made by the store":
            for name in ("cert9.db", "key4.db", "pkcs11.txt"):
                (home / ".config/mozilla/firefox/tests.default" / name).unlink()
        return NssFirefox(machine(home))

    def before(home: Path) -> None:
        assert arrange(home).look(ROOT).state is State.ABSENT

    def install(home: Path) -> None:
        store = arrange(home)
        store.install(ROOT)
        assert [proof.accepts for proof in store.prove(server)] == [True]

    def install_and_remove(home: Path) -> None:
        store = arrange(home)
        store.install(ROOT)
        store.remove(ROOT)
        assert [proof.accepts for proof in store.prove(server)] == [False]

    for prepare, expected in (
        (before, "SEC_ERROR_UNKNOWN_ISSUER"),
        (install, ""),
        (install_and_remove, "SEC_ERROR_UNKNOWN_ISSUER"),
    ):
        with PreparedFirefox(prepare) as browser:
            assert browser.navigate(server.url) == expected, prepare.__name__


@pytest.mark.usefixtures("_chromium")
def test_a_chromium_that_is_open_sees_the_root_when_it_is_started_again(server: Server) -> None:
    with Chromium() as browser:
        folder = browser._home.folder
        assert browser.navigate(server.url) == "ERR_CERT_AUTHORITY_INVALID"
        store = NssChrome(machine(folder))
        store.install(ROOT)  # and may be changed while it is open
        assert [proof.accepts for proof in store.prove(server)] == [True]
        assert browser.navigate(server.url) == "ERR_CERT_AUTHORITY_INVALID"


@pytest.mark.usefixtures("_firefox")
def test_a_firefox_that_is_open_takes_the_root_at_once(server: Server) -> None:
    with Firefox() as browser:
        assert browser.navigate(server.url) == "SEC_ERROR_UNKNOWN_ISSUER"
        database = Database(machine(browser._home.folder), browser._profile, user=None)
        database.add(ROOT)
        assert browser.navigate(server.url) == ""
        database.remove(ROOT)
        assert database.find(ROOT) is None


@pytest.mark.usefixtures("_firefox")
@pytest.mark.parametrize("tick", [True, False], ids=["trusted", "not trusted"])
@pytest.mark.parametrize("sent", [False, True], ids=["", "sent by the server"])
def test_what_a_person_imported_into_firefox_is_changed_too(
    tmp_path: Path, tick: bool, sent: bool
) -> None:
    """Firefox's NSS writes trust in another form than Debian's certutil, and goes by its own."""
    refused = "SEC_ERROR_UNKNOWN_ISSUER"
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
        assert browser.navigate(server.url) == refused
