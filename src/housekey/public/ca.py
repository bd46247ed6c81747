"""An ACME CA as it is spoken to (RFC 8555): certbot's library, and what can go wrong in our words.

The library signs, keeps nonces and reads what comes back. Here is what it leaves to its caller:
what may be asked again and how soon, and when the CA itself wants to be asked again, which it says
in a header that the library does not hand on. How it is reached is network.py's.

Importing this is slow: it is done where an order is made.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import requests
from acme import errors as acme_errors
from acme import messages
from acme.client import ClientV2
from josepy import errors as josepy_errors
from josepy.json_util import JSONObjectWithFields, encode_b64jose, field

from housekey.errors import (
    CaAsksToWait,
    CaRefused,
    CaUnreachable,
    ClockWrong,
    PublicTrouble,
    TermsChanged,
)
from housekey.live.tls import context_trusting
from housekey.pki.encoding import to_der
from housekey.public.later import date_of, retry_after, rounded_up, told
from housekey.public.limits import name_of
from housekey.public.network import Network
from housekey.public.terms import DEMANDED, demand_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.x509 import Certificate
    from josepy.interfaces import JSONDeSerializable

    from housekey.pki.keys import PrivateKey
    from housekey.public.settings import PublicSettings
    from housekey.public.world import World

_T = TypeVar("_T")

SECONDS = 45.0  # for one answer, all in all
TRIES = 4  # of what may be asked again, when nothing or nonsense comes back
_LONGEST_PAUSE = 30.0  # seconds; who wants longer gets it at the next run
_CLOCKS_APART = 3600.0  # seconds
_UNAVAILABLE, _TOO_MANY = 503, 429


class Ca:
    """One CA, spoken to by one account or by none yet; every call asks it once.

    `hook` is told before each question is sent, and after each answer has come.
    """

    def __init__(
        self,
        client: ClientV2,
        network: Network,
        name: str,
        world: World,
        hook: Callable[[str], None],
    ) -> None:
        self.client = client
        self.network = network
        self.name = name
        self._world = world
        self._hook = hook

    @classmethod
    async def at(
        cls,
        settings: PublicSettings,
        *,
        world: World,
        key: PrivateKey | None = None,
        account: str | None = None,
        hook: Callable[[str], None] = lambda _moment: None,
        seconds: float = SECONDS,
    ) -> Ca:
        """Read the directory of the CA, and speak with `key` for the account at the URL `account`.

        Raises `CaUnreachable`, `CaAsksToWait`, `ClockWrong`, and `PublicTrouble` for an address
        without TLS (RFC 8555, section 6.1).
        """
        url = settings.directory
        if urlsplit(url).scheme != "https":
            raise PublicTrouble(
                f"{url} cannot be the directory of a CA: it does not begin with https://",
                hint="the CA's documentation names it; ACME is spoken over https alone",
            )
        context = await asyncio.to_thread(context_trusting, settings.roots)
        network = Network(context, key=key, account=account, seconds=seconds)
        bare = ClientV2(messages.Directory({}), network)
        ca = cls(bare, network, name_of(url), world, hook)
        directory = await ca.again("directory", lambda: ClientV2.get_directory(url, network))
        ca.client = ClientV2(directory, network)
        ca._must_agree_on_the_time()
        missing = [each for each in ("newNonce", "newAccount", "newOrder") if not ca.offers(each)]
        if missing:
            raise _no_ca(url)
        return ca

    def offers(self, what: str) -> bool:
        """Whether the directory names a URL for `what`."""
        try:
            return isinstance(self.client.directory[what], str)
        except KeyError:
            return False

    def post(self, url: str, body: JSONDeSerializable | None = None) -> requests.Response:
        """Send `body` signed, or ask for what is at `url` (POST-as-GET); blocks."""
        return self.network.post(url, body, new_nonce_url=self.client.directory["newNonce"])

    def revoke(self, certificate: Certificate, reason: int) -> None:
        """Ask for a revocation (RFC 8555, section 7.6); blocks.

        What the library's own `revoke` takes has changed between its versions.
        """
        wanted = _Revocation(certificate=encode_b64jose(to_der(certificate)), reason=reason)
        self.post(self.client.directory["revokeCert"], wanted)

    async def ask(self, what: str, call: Callable[[], _T]) -> _T:
        """Run one blocking call of the library, once.

        Raises `CaUnreachable` when nothing, or nothing that could be understood, came back: it may
        have been done nevertheless. `CaRefused` when it was not done. `CaAsksToWait` before that.
        """
        self._hook(f"ask {what}")
        self.network.heard = None
        try:
            async with asyncio.timeout(self.network.seconds + 15):
                answer = await asyncio.to_thread(call)
        except TimeoutError:
            raise self._silent("it did not answer in time") from None
        except _FAILURES as error:
            raise self._trouble(error) from error
        self._hook(f"have {what}")
        return answer

    async def again(self, what: str, call: Callable[[], _T]) -> _T:
        """As `ask`, some times over with longer pauses each: only for what changes nothing."""
        pause = 1.0
        for _ in range(TRIES - 1):
            try:
                return await self.ask(what, call)
            except CaUnreachable as error:
                wait = error.again_in if error.again_in is not None else pause
                if wait > _LONGEST_PAUSE:
                    raise self.later(wait) from error
                self._world.busy(f"{error.message}; trying again")
                await self._world.sleep(wait)
                self._world.busy("")
                pause *= 3
        return await self.ask(what, call)

    def pause(self, otherwise: float) -> float:
        """Return how many seconds the CA wants before the next look at the same thing.

        Raises `CaAsksToWait` where that is longer than anybody waits in front of a screen.
        """
        asked = self._asked()
        if asked is not None and asked > _LONGEST_PAUSE:
            raise self.later(asked)
        return max(asked or 0.0, otherwise)

    def later(self, seconds: float, *, why: str = "") -> CaAsksToWait:
        """Return that the CA wants to be asked again in so many seconds."""
        from datetime import timedelta  # noqa: PLC0415 - for this

        until = rounded_up(self._world.clock() + timedelta(seconds=seconds))
        return CaAsksToWait(
            f"{self.name} asks to wait until {told(until)}" + (f": {why}" if why else ""),
            hint="nothing is lost: run it again after that; until then it is not asked",
            until=until,
            why=why,
        )

    def _asked(self) -> float | None:
        heard = self.network.heard
        if heard is None:
            return None
        asked = retry_after(heard.headers, now=self._world.clock())
        return None if asked is None else asked.total_seconds()

    def _must_agree_on_the_time(self) -> None:
        """Raise `ClockWrong` if this machine's clock and the CA's are far apart.

        What is due, and which limits are reached, is decided by the clock: with a wrong one a
        certificate would look ended, and look so again when the next one has come.
        """
        heard = self.network.heard
        theirs = date_of(heard.headers) if heard is not None else None
        if theirs is None:
            return
        ours = self._world.clock()
        if abs((ours - theirs).total_seconds()) > _CLOCKS_APART:
            raise ClockWrong(
                f"this machine's clock shows {told(ours)}, and that of {self.name} {told(theirs)}",
                hint="set this machine's clock, then run the same command again",
            )

    def _silent(self, why: str) -> CaUnreachable:
        return CaUnreachable(
            f"{self.name} does not answer: {why}",
            hint="nothing is lost: what was begun goes on at the next run",
        )

    def _trouble(self, error: Exception) -> PublicTrouble:
        heard = self.network.heard
        status = heard.status_code if heard is not None else 0
        if isinstance(error, messages.Error):
            return self._problem(error, status)
        if isinstance(error, requests.exceptions.SSLError):
            return _not_trusted(self.name, str(error))
        if isinstance(error, requests.exceptions.RequestException) and heard is None:
            return self._silent(_plain(error))
        if status == _TOO_MANY:
            return self.later(self._asked() or 3600.0)
        said = f"{status} and " if status >= 400 else ""
        return CaUnreachable(
            f"{self.name} answered with {said}something that is not ACME",
            hint="nothing is lost: what was begun goes on at the next run. If it stays so, look at"
            " the address of the directory",
            again_in=self._asked() if status == _UNAVAILABLE else None,
        )

    def _problem(self, problem: messages.Error, status: int) -> PublicTrouble:
        why = words_of(problem)
        code = str(problem.typ).rpartition(":")[2]
        if code == "rateLimited" or status == _TOO_MANY:
            return self.later(self._asked() or 3600.0, why=why)
        if status >= 500 or code in ("serverInternal", "badNonce"):
            return CaUnreachable(
                f"{self.name} has a trouble of its own: {why}",
                hint="nothing is lost: what was begun goes on at the next run",
                again_in=self._asked(),
            )
        if code == DEMANDED:
            return self._terms_changed(why, status)
        return CaRefused(f"{self.name} refused: {why}", hint=_hint(code), code=code, status=status)

    def _terms_changed(self, why: str, status: int) -> TermsChanged:
        heard = self.network.heard
        assert heard is not None  # noqa: S101 - it is what is told here
        demand = demand_in(heard.headers, heard.json())
        hint = "read them, then agree: housekey secure --agree-tos"
        if demand.page is not None:
            hint += f"; if they are asked for again after that, agree at {demand.page}"
        return TermsChanged(
            f"{self.name} goes on only for those who agree to its new terms: {demand.terms or why}",
            hint=hint,
            code=DEMANDED,
            status=status,
            terms=demand.terms,
            page=demand.page,
        )


class _Revocation(JSONObjectWithFields):
    certificate: str = field("certificate")
    reason: int = field("reason")


def words_of(problem: messages.Error) -> str:
    """Return what a problem document (RFC 9457) says, on one line and not endless."""
    parts = [problem.detail or problem.title or problem.description or str(problem.typ)]
    parts += [str(sub.detail) for sub in problem.subproblems or () if sub.detail]
    # What should be text may be anything else.
    line = " ".join("; ".join(map(str, parts)).split()).rstrip(".")
    return line if len(line) <= 400 else line[:399] + "…"


def _hint(code: str) -> str:
    return {
        "accountDoesNotExist": "run it again: the house registers anew",
        "externalAccountRequired": "this CA knows its customers: it gives a key id and a key for"
        " new accounts, for --eab-kid and --eab-hmac-file",
        "rejectedIdentifier": "this CA does not sign for that name; look for a typing mistake",
        "caa": "a CAA record in the DNS says which CAs may sign for this name; add this one",
        "invalidContact": "look at the address of --account-email",
        "unsupportedContact": "look at the address of --account-email",
        "invalidProfile": "choose one of the CA's profiles with --profile, or none",
    }.get(code, "nothing was changed; what is in use stays in use")


_FAILURES: tuple[type[Exception], ...] = (
    acme_errors.Error,
    josepy_errors.Error,
    requests.exceptions.RequestException,
    # What JSON of another shape than ACME's makes of the library.
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    AssertionError,
    OSError,
)


def _not_trusted(name: str, why: str) -> CaUnreachable:
    _, found, rest = why.partition("certificate verify failed: ")
    reason = rest.partition(" (_ssl")[0] if found else "the TLS handshake failed"
    if "not yet valid" in reason or "expired" in reason:
        hint = "look at this machine's clock; if it is right, the CA's certificate has ended"
    else:
        hint = "a CA that is not a public one needs its root: --acme-root FILE"
    return CaUnreachable(f"{name} is not trusted here: {reason}", hint=hint)


def _no_ca(url: str) -> CaUnreachable:
    return CaUnreachable(
        f"{url} is not the directory of an ACME CA",
        hint="the CA's documentation names it; it often ends with /directory",
    )


def _plain(error: requests.exceptions.RequestException) -> str:
    text = str(error)
    if isinstance(error, requests.exceptions.Timeout):
        return "it did not answer in time"
    if "Name or service not known" in text or "name resolution" in text or "NameResolution" in text:
        return "its name was not found"
    if "Connection refused" in text:
        return "nothing listens there"
    if "unreachable" in text:
        return "there is no way to it from here"
    return "the connection broke off"
