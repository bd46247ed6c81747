"""What the page's port says, over plain HTTP: the page, its files, the root, and nothing else."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from housekey.onboarding.answering import (
    NO_SUCH_PAGE,
    Answer,
    Hosts,
    Refused,
    admit,
    headed,
    page_policy,
    said,
)
from housekey.onboarding.events import Event, Step
from housekey.onboarding.nonce import LIFE_SECONDS, NONCE_LENGTH, Facts
from housekey.onboarding.recognise import recognise
from housekey.onboarding.visitor import Kind, Visitor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from housekey.onboarding.answering import Admitted, Asked, Report
    from housekey.onboarding.nonce import Issuer
    from housekey.onboarding.offer import Offer

MOST_DEVICES = 4096  # that are told apart; the one not seen for longest is forgotten first
_MOST_PAGES = 128  # kept as rendered, some 20 KiB each
_HERE = "N" * NONCE_LENGTH  # stands in a kept page where the nonce goes
_KINDS = {kind.value: kind for kind in Kind}


class AssetLike(Protocol):
    """One file of the page."""

    @property
    def body(self) -> bytes: ...
    @property
    def media_type(self) -> str: ...
    @property
    def filename(self) -> str | None: ...
    @property
    def etag(self) -> str: ...
    @property
    def is_root(self) -> bool: ...


class PageLike(Protocol):
    """The page, as far as it is served from here."""

    @property
    def assets(self) -> Mapping[str, AssetLike]: ...
    def html(
        self, visitor: Visitor, *, host: str, language: str, nonce: str, shown: Kind | None
    ) -> bytes: ...
    def language_for(self, accept_language: str, asked: str | None) -> str: ...
    def home_assistant_for(self, host: str) -> str | None: ...
    def trial_for(self, host: str) -> str | None: ...


class Devices:
    """Numbers devices by address, kind and browser, in memory alone, from 1 on.

    A device that was forgotten gets a new number.
    """

    def __init__(self, most: int = MOST_DEVICES) -> None:
        self._most = most
        self._last = 0
        self._numbers: OrderedDict[tuple[str, Visitor], int] = OrderedDict()

    def number(self, address: str, visitor: Visitor) -> int:
        """Return the number of a device, a new one when it was not seen before."""
        key = (address, visitor)
        if key in self._numbers:
            self._numbers.move_to_end(key)
            return self._numbers[key]
        self._last += 1
        self._numbers[key] = self._last
        if len(self._numbers) > self._most:
            self._numbers.popitem(last=False)
        return self._last


class PageServer:
    """Answers at the page's port. `answer` does no I/O; what happened goes to `report`."""

    def __init__(
        self,
        page: PageLike,
        offer: Offer,
        issuer: Issuer,
        report: Report,
        *,
        port: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._page = page
        self._offer = offer
        self._issuer = issuer
        self._report = report
        self._clock = clock
        self._hosts = Hosts(offer.hosts, port)
        self._devices = Devices()
        self._kept: OrderedDict[tuple[Visitor, str, str, Kind | None], bytes] = OrderedDict()
        self._fingerprint = hashlib.sha256(offer.root_der).hexdigest()

    def answer(self, asked: Asked) -> Answer | Refused:
        """Return what is said to a request."""
        admitted = admit(asked, self._hosts)
        if isinstance(admitted, Refused):
            return admitted
        if admitted.path == "/":
            return self._html(asked, admitted)
        if admitted.path == "/nonce":
            return self._nonce(asked, admitted)
        if admitted.path == "/about.json":
            return self._about(admitted.host)
        asset = self._page.assets.get(admitted.path)
        if asset is None:
            return NO_SUCH_PAGE
        return self._file(asked, asset)

    def _html(self, asked: Asked, admitted: Admitted) -> Answer:
        visitor, device = self._who(asked)
        self._tell(asked, Step.ARRIVED, visitor, device)
        host = admitted.host
        language = self._page.language_for(
            asked.header("accept-language"), admitted.query.get("lang")
        )
        shown = _KINDS.get(admitted.query.get("kind", ""))
        nonce = self._issuer.issue(Facts(device, visitor), now=self._clock())
        body = self._rendered(visitor, host, language, shown).replace(
            _HERE.encode(), nonce.encode()
        )
        named = _named(host)
        connect = f"https://{named}:{self._offer.proof_port}"
        if trial := self._page.trial_for(host):
            connect += f" {_source(trial)}"
        policy = page_policy(scripts=True, connect=connect)
        headers = headed("text/html; charset=utf-8", cache="no-store", policy=policy)
        headers["Content-Language"] = language
        return Answer(200, body, headers)

    def _rendered(self, visitor: Visitor, host: str, language: str, shown: Kind | None) -> bytes:
        """Return the page with `_HERE` for a nonce; rendering costs more than all the rest."""
        key = (visitor, host, language, shown)
        kept = self._kept.pop(key, None)
        if kept is None:
            kept = self._page.html(visitor, host=host, language=language, nonce=_HERE, shown=shown)
        self._kept[key] = kept
        if len(self._kept) > _MOST_PAGES:
            self._kept.popitem(last=False)
        return kept

    def _nonce(self, asked: Asked, admitted: Admitted) -> Answer:
        visitor, device = self._who(asked)
        # An iPad calls itself a Mac; the page's script knows better, and says so.
        kind = _KINDS.get(admitted.query.get("kind", ""), visitor.kind)
        facts = Facts(device, Visitor(kind, visitor.browser), admitted.query.get("again") == "1")
        nonce = self._issuer.issue(facts, now=self._clock())
        return said({"nonce": nonce, "seconds": LIFE_SECONDS})

    def _about(self, host: str) -> Answer:
        about: dict[str, object] = {
            "housekey": 1,
            "sha256": self._fingerprint,
            "proof": {"hosts": list(self._offer.hosts), "port": self._offer.proof_port},
            "home_assistant": self._page.home_assistant_for(host),
        }
        if self._offer.awaits_https:
            about["trial"] = self._offer.trial_path is not None
        return said(about)

    def _file(self, asked: Asked, asset: AssetLike) -> Answer:
        if asset.is_root:
            self._tell(asked, Step.FETCHED, *self._who(asked))
        return file_answer(asked, asset)

    def _who(self, asked: Asked) -> tuple[Visitor, int]:
        visitor = recognise(asked.header("user-agent"))
        return visitor, self._devices.number(asked.address, visitor)

    def _tell(self, asked: Asked, step: Step, visitor: Visitor, device: int) -> None:
        if asked.method == "GET":
            self._report(Event(datetime.now(UTC), step, device, visitor))


def _named(host: str) -> str:
    """Return `host` for a policy, which knows no IPv6 address.

    Browsers pass over a source that is one (CSP 3, 2.3.1: host-part); the script asks nobody but
    the proof, and Home Assistant, whatever stands here.
    """
    return "*" if ":" in host else host


def _source(address: str) -> str:
    """Return the origin of an address, for a policy."""
    parts = urlsplit(address)
    at = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{_named(parts.hostname or '')}{at}"


def file_answer(asked: Asked, asset: AssetLike) -> Answer:
    """Return a file: asked for anew each time, sent again only when it has changed."""
    headers = headed(asset.media_type, cache="no-cache")
    headers["ETag"] = asset.etag
    if asset.etag in (each.strip() for each in asked.header("if-none-match").split(",")):
        return Answer(304, b"", headers)
    if asset.filename is not None:
        # Safari hands a profile over to the settings only when it is not a download.
        how = "inline" if asset.filename.endswith(".mobileconfig") else "attachment"
        headers["Content-Disposition"] = f'{how}; filename="{asset.filename}"'
    return Answer(200, asset.body, headers)
