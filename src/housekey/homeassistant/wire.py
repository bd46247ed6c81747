"""How words travel to Home Assistant and back: REST, WebSocket, and what can go wrong there.

client.py says what is asked; this says how, within which time, trusting whom, and turns every
way of not answering into an error with a hint.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar, cast

import aiohttp
from yarl import URL

from housekey.errors import CommandFailed, NotReady, SignInRefused, Unreachable
from housekey.live.handshake import Speech, listens, speaks
from housekey.live.tls import PUBLIC_ROOTS, context_trusting, each_trust

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from housekey.errors import HomeAssistantTrouble
    from housekey.live.tls import Called, Trust
    from housekey.pki.secret import Secret

    JsonMapping = Mapping[str, object]
    Judge = ssl.SSLContext | aiohttp.Fingerprint

_T = TypeVar("_T")

CONNECT_SECONDS = 3.0  # TCP and TLS
ANSWER_BYTES = 16 * 1024 * 1024

SIGN_IN_HINT = (
    "make a new token in Home Assistant: your profile, Security, Long-lived access tokens;"
    " an administrator has to do it"
)
_WAIT_HINT = "wait a minute and try again"
_LOG_HINT = "Home Assistant's log tells more: Settings, System, Logs"


class VanishedError(Exception):
    """The connection ended after the words went out: what a restart looks like."""


class Wire:
    """The connection to one address, with one token; every call opens and closes its own."""

    def __init__(
        self, base_url: str, token: Secret | None, *, trusts: tuple[Judge, ...], timeout: float
    ) -> None:
        self.base_url = base_url
        self._token = token
        self._trusts = trusts
        self._timeout = timeout

    async def request(
        self,
        method: str,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - one budget for the whole call
        may_vanish: bool = False,
    ) -> JsonMapping:
        """Send one REST request and return its JSON object; a list or nothing is an empty one.

        With `may_vanish`, raises VanishedError when the connection ends once it was made.
        """
        try:
            async with asyncio.timeout(timeout or self._timeout), _session() as session:
                response, body = await self._trusting(
                    lambda trust: self._exchange(session, method, path, form=form, trust=trust)
                )
        except (aiohttp.ClientError, OSError, TimeoutError) as trouble:
            if may_vanish and not _is_connecting(trouble):
                raise VanishedError from None
            raise await self._unreachable(trouble) from None
        self._look_at_status(response, body, f"{method} {path}")
        try:
            parsed: object = json.loads(body or b"{}")
        except ValueError:
            raise self._stranger() from None
        return {} if isinstance(parsed, list) else as_mapping(parsed)

    async def listens(self) -> bool:
        """Return whether a connection is accepted at all."""
        url = URL(self.base_url)
        return await listens(url.host or "", url.port or 80)

    async def command(
        self, command: str, fields: JsonMapping | None = None, *, may_vanish: bool = False
    ) -> object:
        """Sign in on a WebSocket of its own, send one command and return its result.

        With `may_vanish`, raises VanishedError when the connection ends after the command.
        """
        if self._token is None:
            raise self._refused("there is no token")
        token, sent = self._token, False
        try:
            async with asyncio.timeout(self._timeout), self._channel() as channel:
                await self._sign_in(channel, token)
                sent = True
                await channel.send_json({"id": 1, "type": command, **(fields or {})})
                async for message in _messages(channel):
                    if message.get("type") == "result" and message.get("id") == 1:
                        return self._result(command, message)
        except (aiohttp.ClientError, OSError, TimeoutError) as trouble:
            if not (may_vanish and sent):
                raise await self._unreachable(trouble) from None
        if may_vanish:
            raise VanishedError
        raise Unreachable(
            f"Home Assistant at {self.base_url} closed the connection in the middle of {command}",
            hint=_WAIT_HINT,
        )

    async def _trusting(self, attempt: Callable[[Judge], Awaitable[_T]]) -> _T:
        """Attempt with each trust in turn; a server that is not trusted was sent nothing."""
        for trust in self._trusts[:-1]:
            try:
                return await attempt(trust)
            except (aiohttp.ClientConnectorCertificateError, aiohttp.ServerFingerprintMismatch):
                continue
        return await attempt(self._trusts[-1])

    async def _exchange(
        self,
        session: aiohttp.ClientSession,
        method: str,
        path: str,
        *,
        form: Mapping[str, str] | None,
        trust: Judge,
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        headers = {}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token.reveal().decode()}"
        async with session.request(
            method,
            self.base_url + path,
            data=form,
            headers=headers,
            ssl=trust,
            allow_redirects=False,  # a token follows nobody
        ) as response:
            return response, await _read(response)

    @asynccontextmanager
    async def _channel(self) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        session = _session()
        channel: aiohttp.ClientWebSocketResponse | None = None
        try:
            channel = await self._trusting(
                lambda trust: session.ws_connect(
                    self.base_url + "/api/websocket", max_msg_size=ANSWER_BYTES, ssl=trust
                )
            )
            yield channel
        finally:
            await session.close()  # first, see _session: then the channel need not wait either
            if channel is not None:
                await channel.close()

    def _look_at_status(self, response: aiohttp.ClientResponse, body: bytes, what: str) -> None:
        """Raise what a status other than success means."""
        if (known := self._known_status(response.status)) is not None:
            raise known
        if 300 <= response.status < 400:
            raise Unreachable(
                f"{self.base_url} sends its visitors on to"
                f" {response.headers.get('Location', 'somewhere else')}",
                hint="give the address that Home Assistant itself listens on: --url",
            )
        if response.status >= 400:
            raise CommandFailed(
                what,
                code=f"http_{response.status}",
                reason=_message(body) or f"status {response.status}",
                hint=_LOG_HINT,
            )

    def _known_status(self, status: int) -> HomeAssistantTrouble | None:
        match status:
            case 401:
                return self._refused("the token was not accepted, or is not an administrator's")
            case 403:
                return SignInRefused(
                    f"Home Assistant at {self.base_url} refuses to talk to this computer",
                    hint="after wrong sign-ins it bans an address: see ip_bans.yaml in its"
                    " configuration folder; a user may also be limited to the local network",
                )
            case 404:
                return self._stranger()
            case 502 | 503 | 504:
                return NotReady(
                    f"Home Assistant at {self.base_url} is starting or stopping", hint=_WAIT_HINT
                )
        return None

    async def _sign_in(self, channel: aiohttp.ClientWebSocketResponse, token: Secret) -> None:
        async for message in _messages(channel):
            match message.get("type"):
                case "auth_required":
                    await channel.send_json(
                        {"type": "auth", "access_token": token.reveal().decode()}
                    )
                case "auth_ok":
                    return
                case "auth_invalid":
                    raise self._refused("the token was not accepted")
                case _:
                    break
        raise self._stranger()

    def _result(self, command: str, message: JsonMapping) -> object:
        if message.get("success") is True:
            return message.get("result")
        error = as_mapping(message.get("error", {}))
        code = optional_text(error, "code") or "unknown_error"
        reason = optional_text(error, "message") or code
        if code == "unauthorized":
            raise self._refused("the token is not an administrator's")
        if code == "not_running":
            raise NotReady(
                f"Home Assistant at {self.base_url} has not finished starting",
                hint=_WAIT_HINT,
            )
        raise CommandFailed(
            command,
            code=code,
            reason=reason,
            hint=_LOG_HINT,
        )

    # What went wrong, in words

    def _refused(self, why: str) -> SignInRefused:
        return SignInRefused(
            f"Home Assistant at {self.base_url} did not let housekey in: {why}",
            hint=SIGN_IN_HINT,
        )

    def _stranger(self) -> Unreachable:
        return Unreachable(
            f"what answers at {self.base_url} does not answer as Home Assistant does",
            hint="if Home Assistant has just been started, wait a minute;"
            " otherwise give its address: --url",
        )

    async def _unreachable(self, trouble: BaseException) -> HomeAssistantTrouble:
        if isinstance(trouble, aiohttp.WSServerHandshakeError):
            return self._known_status(trouble.status) or self._stranger()
        running = "is it running, and is this its address? --url gives another"
        if isinstance(trouble, aiohttp.ClientConnectorCertificateError):
            return Unreachable(
                f"the certificate at {self.base_url} is not trusted: "
                f"{_verify_message(trouble.certificate_error)}",
                hint="the house that issued it is needed (--house), or its own address: --url",
            )
        if isinstance(trouble, aiohttp.ServerFingerprintMismatch):
            return Unreachable(
                f"{self.base_url} serves another certificate than its folder holds",
                hint="restart Home Assistant, or name the folder that belongs to it: --config",
            )
        if isinstance(trouble, aiohttp.ClientConnectorSSLError):
            return Unreachable(
                f"what answers at {self.base_url} does not speak https",
                hint=f"try {_other_scheme(self.base_url)}",
            )
        if not _is_connecting(trouble) and await self._speaks_tls():
            return Unreachable(
                f"what answers at {self.base_url} speaks https, not http",
                hint=f"try {_other_scheme(self.base_url)}",
            )
        return Unreachable(
            f"Home Assistant does not answer at {self.base_url}: {_plain(trouble)}", hint=running
        )

    async def _speaks_tls(self) -> bool:
        if not self.base_url.startswith("http://"):
            return False
        url = URL(self.base_url)
        return await speaks(url.host or "", url.port or 80) is Speech.TLS


class _Pin(aiohttp.Fingerprint):
    """Trusts one certificate; from any other server it parts without waiting for a goodbye."""

    def check(self, transport: asyncio.Transport) -> None:
        try:
            super().check(transport)
        except aiohttp.ServerFingerprintMismatch:
            # After aiohttp's own close(), which only begins to say goodbye.
            asyncio.get_running_loop().call_soon(transport.abort)
            raise


def trusts(
    root: Trust | Called | None, pin: str | None, *, besides: Sequence[Trust | Called] = ()
) -> tuple[Judge, ...]:
    """Return what HTTPS trusts, to be tried in turn.

    `root` alone, and each of `besides`, and the very certificate with the SHA-256 `pin` (hex),
    whatever its dates and names are; without any, what this machine trusts.
    """
    named = (*((root,) if root is not None else ()), *besides)
    chosen: list[Judge] = [context_trusting(each) for each in each_trust(named)]
    if pin is not None:
        chosen.append(_Pin(bytes.fromhex(pin)))
    return tuple(chosen) or (context_trusting(PUBLIC_ROOTS),)


def _session() -> aiohttp.ClientSession:
    """Return a session for one call.

    One for several would keep connections that a restart has cut; and closing a session, unlike
    closing a connection, does not wait for a server that no longer says goodbye. No cookies, and
    no proxy from the environment (aiohttp's default): the token goes to one address only.
    """
    return aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
    )


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return the body, as long as it is of a size that Home Assistant would send."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > ANSWER_BYTES:
            raise aiohttp.ClientPayloadError("the answer has no end")
    return bytes(body)


async def _messages(channel: aiohttp.ClientWebSocketResponse) -> AsyncIterator[JsonMapping]:
    async for message in channel:
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise aiohttp.ClientPayloadError("the answer is not text")
        try:
            parsed: object = json.loads(message.data)
        except ValueError:
            raise aiohttp.ClientPayloadError("the answer is not JSON") from None
        # Newer versions may put several messages into one frame, but only when asked to.
        yield as_mapping(parsed)


def _is_connecting(trouble: BaseException) -> bool:
    """Whether the connection was never made, so that nothing can have been sent."""
    # The only `ServerTimeoutError` possible here is that of `sock_connect`.
    return isinstance(
        trouble, aiohttp.ClientConnectorError | aiohttp.ServerTimeoutError | aiohttp.InvalidURL
    )


def _plain(trouble: BaseException) -> str:  # noqa: PLR0911 - one answer a line
    if isinstance(trouble, TimeoutError):
        return "no answer in time"
    if isinstance(trouble, aiohttp.InvalidURL):
        return "that is not an address"
    inner = trouble.os_error if isinstance(trouble, aiohttp.ClientConnectorError) else trouble
    if isinstance(inner, socket.gaierror):
        return "no such host"
    if isinstance(inner, OSError) and inner.errno == errno.ECONNREFUSED:
        return "nothing listens there"
    if isinstance(inner, OSError) and inner.errno:
        return os.strerror(inner.errno).lower()
    if isinstance(trouble, aiohttp.ClientPayloadError | aiohttp.ClientResponseError):
        return "what came back is not what Home Assistant sends"
    return "the connection was closed"


def _verify_message(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return "its name is not in it"


def _other_scheme(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{'http' if scheme == 'https' else 'https'}://{rest}"


def _message(body: bytes) -> str | None:
    try:
        parsed = json.loads(body)
    except ValueError:
        return None
    return optional_text(parsed, "message") if isinstance(parsed, dict) else None


def of_type(value: object, kind: type[_T]) -> _T:
    if not isinstance(value, kind):
        raise Unreachable(
            "what answers does not answer as Home Assistant does",
            hint="is this Home Assistant's address, and is its version at least 2024.3?",
        )
    return value


def as_mapping(value: object) -> JsonMapping:
    return cast("JsonMapping", of_type(value, dict))


def text_of(mapping: JsonMapping, key: str) -> str:
    return of_type(mapping.get(key), str)


def optional_text(mapping: JsonMapping, key: str) -> str | None:
    value = mapping.get(key)
    return value if isinstance(value, str) and value else None


def optional_number(mapping: JsonMapping, key: str) -> float | None:
    value = mapping.get(key)
    return float(value) if isinstance(value, int | float) else None
