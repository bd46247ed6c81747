"""The onboarding page as bytes: made once from an offer, then rendered without opening a file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files as resources
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from housekey.onboarding import PORT, downloads, guides, qr, texts
from housekey.onboarding.offer import Counts
from housekey.onboarding.pages import environment
from housekey.onboarding.visitor import Browser, Kind, Visitor
from housekey.pki.encoding import certificate_from_der, fingerprint
from housekey.pki.fingerprint import lines_of
from housekey.pki.hosts import bracketed, is_address, is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from housekey.onboarding.offer import FormerRoot, Offer

_STATIC = {
    "style.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_WITH_A_KEYBOARD = {Kind.MAC, Kind.WINDOWS, Kind.LINUX, Kind.CHROMEOS, Kind.OTHER}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file that the page process hands out."""

    body: bytes
    media_type: str
    filename: str | None  # to be saved under (Content-Disposition: attachment); None: to be shown
    etag: str  # with its quotes, as the header wants it
    is_root: bool  # whoever fetched it has the root


class Page:
    """The page for one offer. Thread-safe; every method is pure."""

    def __init__(self, offer: Offer, *, port: int = PORT) -> None:
        """Read templates and texts, and build all assets. Raises PemUnreadable for a bad root.

        `port` is where the page itself is served, for the addresses that it shows.
        """
        self._offer = offer
        self._port = port
        self._home = downloads.plain(offer.home)
        root = certificate_from_der(offer.root_der)
        self._root = downloads.listed(root)
        self._sha256 = fingerprint(root)
        # A root that was given up and came back is no earlier one.
        self._former = tuple(each for each in offer.former if each.sha256 != self._sha256)
        self._languages = {code: texts.read(code) for code in texts.languages()}
        made = environment()
        self._page = made.get_template("page.html")
        self._trusted = made.get_template("trusted.html")
        self._qr_host = _for_phones(offer.hosts)
        self._codes = {
            host: qr.path(_address("http", host, port)) for host in {*offer.hosts, self._qr_host}
        }
        self.assets: Mapping[str, Asset] = _assets(offer)
        # Whatever a template or a library loads late is loaded now.
        visitor = Visitor(Kind.OTHER, Browser.OTHER)
        host = offer.hosts[0] if offer.hosts else "localhost"
        for code in self._languages:
            self.html(visitor, host=host, language=code, nonce="", shown=None)
            self.trusted_html(visitor, host=host, language=code)

    def html(
        self, visitor: Visitor, *, host: str, language: str, nonce: str, shown: Kind | None
    ) -> bytes:
        """Return the page for `visitor`, who came by `host`.

        `language` comes from `language_for`, `shown` from the query: the kind of device whose
        steps are wanted, by default the visitor's own.
        """
        words = self._languages[language]
        kind = shown or visitor.kind
        own = guides.ways(visitor.kind, visitor)
        proof = _address("https", host, self._offer.proof_port)
        code_host = self._qr_host if is_loopback(host) or not is_address(host) else host
        # A phone cannot follow a code for this machine's own loopback.
        has_code = visitor.kind in _WITH_A_KEYBOARD and not is_loopback(code_host)
        return self._page.render(
            words=words,
            languages=self._languages.values(),
            query=lambda **asked: "?" + urlencode({"kind": kind.value, "lang": language} | asked),
            home=self._home,
            root=self._root,
            sha256=self._sha256,
            fingerprint=lines_of(self._sha256),
            visitor=visitor,
            kind=kind,
            kinds=list(Kind),
            ways=guides.ways(kind, visitor),
            own_way=own[0],
            host=host,
            port=self._offer.proof_port,
            address=_address("http", host, self._port),
            proof=proof,
            test=f"{proof}/trusted?{urlencode({'nonce': nonce})}",
            nonce=nonce,
            former=self._former,
            beside=any(each.counts is Counts.BESIDE for each in self._former),
            to_remove=_to_remove(self._former),
            home_assistant=self.home_assistant_for(host),
            awaits=self._offer.awaits_https,
            opens_later=self._offer.opens_later,
            by=self._offer.home_assistant_by,
            trial=self.trial_for(host),
            code=self._codes.get(code_host) if has_code else None,
            code_address=_address("http", code_host, self._port),
        ).encode()

    def trusted_html(self, visitor: Visitor, *, host: str, language: str) -> bytes:
        """Return what the proof listener shows to a browser that came to it by itself."""
        return self._trusted.render(
            words=self._languages[language],
            languages=self._languages.values(),
            home=self._home,
            visitor=visitor,
            home_assistant=self.home_assistant_for(host),
            awaits=False,  # it has no script that could
            opens_later=self._offer.opens_later,
        ).encode()

    def language_for(self, accept_language: str, asked: str | None) -> str:
        """Return the language to speak: the `asked` one, else what the header prefers."""
        return texts.choose(accept_language, asked, tuple(self._languages))

    def home_assistant_for(self, host: str) -> str | None:
        """Return Home Assistant's https address, by `host` itself where its certificate has it."""
        known = self._offer.home_assistant
        if known is None or host not in self._offer.home_assistant_hosts:
            return known
        return _address("https", host, urlsplit(known).port)

    def trial_for(self, host: str) -> str | None:
        """Return where Home Assistant takes the page's proof while it tries https."""
        known = self.home_assistant_for(host)
        path = self._offer.trial_path
        return None if known is None or path is None else known + path


def _to_remove(former: Sequence[FormerRoot]) -> tuple[FormerRoot, ...]:
    """Return which roots a device is told to take off: all that leaked, and the last of the rest.

    One from long ago has ended, or was told of in its time.
    """
    over = [each for each in former if each.counts is Counts.OVER]
    return (*(each for each in former if each.counts is Counts.LEAKED), *over[-1:])


def _assets(offer: Offer) -> dict[str, Asset]:
    folder = resources(__package__).joinpath("static")
    assets = {
        f"/{name}": _asset(folder.joinpath(name).read_bytes(), media_type)
        for name, media_type in _STATIC.items()
    }
    for file in downloads.files(offer):
        assets[f"/{file.name}"] = _asset(
            file.body, file.media_type, filename=file.name, is_root=True
        )
    if offer.crl_der is not None:
        # RFC 2585, section 4.2: the name and the type by which programs know it.
        assets["/housekey.crl"] = _asset(
            offer.crl_der, "application/pkix-crl", filename="housekey.crl"
        )
    return assets


def _asset(
    body: bytes, media_type: str, *, filename: str | None = None, is_root: bool = False
) -> Asset:
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    return Asset(body, media_type, filename, etag, is_root)


def _address(scheme: str, host: str, port: int | None) -> str:
    shown = bracketed(host)
    return f"{scheme}://{shown}" + (f":{port}" if port else "")


def _for_phones(hosts: tuple[str, ...]) -> str:
    """Return the host that any phone finds: an address, as many Androids know no .local name."""
    reachable = [host for host in hosts if not is_loopback(host)]
    addresses = [host for host in reachable if is_address(host)]
    addresses.sort(key=lambda host: ":" in host)  # IPv4 first, stable
    return next(iter(addresses + reachable + list(hosts)), "localhost")
