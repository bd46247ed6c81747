"""Talking to a Home Assistant as its users do, over REST and WebSocket.

Independent of housekey's own client on purpose: the demo and the tests check
housekey from outside. Blocking, for a script and for tests.
"""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

_GOODBYE = 0.1  # seconds for TLS to be ended, which aiohttp leaves to the loop
_TIMEOUT = 15.0  # seconds for one call


class CallError(Exception):
    """Home Assistant answered no; `status` is HTTP's, or the WebSocket error's code."""

    def __init__(self, call: str, status: int | str, text: str) -> None:
        super().__init__(f"{call}: {status} {text}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Api:
    """One Home Assistant at `url`, as the owner of `token` (None: before signing in)."""

    url: str  # scheme, host and port, no trailing slash
    token: str | None = None
    tls: ssl.SSLContext | None = None  # for https; None: the machine's trust store

    def get(self, path: str) -> Any:
        """GET a path; the JSON that came back."""
        return self._send("GET", path, None)

    def post(self, path: str, data: dict[str, Any] | None = None) -> Any:
        """POST JSON to a path; the JSON that came back."""
        return self._send("POST", path, json.dumps(data or {}).encode())

    def post_form(self, path: str, **fields: str) -> Any:
        """POST a form; the JSON that came back."""
        return self._send("POST", path, urllib.parse.urlencode(fields).encode())

    def command(self, kind: str, **fields: Any) -> Any:
        """One WebSocket command; its result. Raises CallError with the error's code."""
        return asyncio.run(self._command(kind, fields))

    def _send(self, method: str, path: str, body: bytes | None) -> Any:
        request = urllib.request.Request(self.url + path, data=body, method=method)
        if body is not None and body[:1] == b"{":
            request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        # No proxy: a Home Assistant of the tests or the demo is on this machine.
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self.tls)
        )
        try:
            with opener.open(request, timeout=_TIMEOUT) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                said = error.read().decode(errors="replace")
            raise CallError(f"{method} {path}", error.code, said) from None
        return json.loads(text) if text else None

    async def _command(self, kind: str, fields: dict[str, Any]) -> Any:
        import aiohttp  # noqa: PLC0415 -- the demo's first steps run without it

        timeout = aiohttp.ClientTimeout(total=_TIMEOUT)
        tls = self.tls if self.tls is not None else True
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.ws_connect(f"{self.url}/api/websocket", ssl=tls, max_msg_size=0) as socket,
        ):
            await socket.receive_json()  # auth_required
            await socket.send_json({"type": "auth", "access_token": self.token})
            signed_in = await socket.receive_json()
            if signed_in["type"] != "auth_ok":
                raise CallError(kind, signed_in["type"], signed_in.get("message", ""))
            await socket.send_json({"id": 1, "type": kind, **fields})
            answer = await socket.receive_json()
        if self.tls is not None:
            await asyncio.sleep(_GOODBYE)
        if not answer["success"]:
            raise CallError(kind, answer["error"]["code"], answer["error"]["message"])
        return answer["result"]


def first_user(
    url: str,
    *,
    name: str,
    username: str,
    password: str,
    core: dict[str, Any],
) -> Api:
    """Sign up as the first visitor of a new Home Assistant does; they are signed in.

    `core` is what they fill in about their home (`config/core/update`: location
    name, country, …).
    """
    client_id = f"{url}/"
    answer = Api(url).post(
        "/api/onboarding/users",
        {
            "client_id": client_id,
            "name": name,
            "username": username,
            "password": password,
            "language": "en",
        },
    )
    user = Api(url, _access_token(url, answer["auth_code"]))
    user.command("config/core/update", **core)
    return user


def finish_first_visit(user: Api) -> None:
    """The other steps of the first visit, so that the next visitor is asked to sign in.

    Takes the one who signed up: a long-lived token is refused here.
    """
    client_id = f"{user.url}/"
    try:
        user.post("/api/onboarding/core_config")
    except CallError as error:
        # The step marks itself done first; what may fail then is setting up a weather forecast
        # and the like, which needs the internet (components/onboarding/views.py).
        if error.status != 500:
            raise
    user.post("/api/onboarding/analytics")
    user.post("/api/onboarding/integration", {"client_id": client_id, "redirect_uri": client_id})


def another_user(admin: Api, *, username: str, password: str, group: str) -> str:
    """Create a user in a group (`system-users`, `system-admin`); a long-lived token of theirs."""
    created = admin.command("config/auth/create", name=username, group_ids=[group])
    admin.command(
        "config/auth_provider/homeassistant/create",
        user_id=created["user"]["id"],
        username=username,
        password=password,
    )
    visitor = Api(admin.url, tls=admin.tls)
    client_id = f"{admin.url}/"
    flow = visitor.post(
        "/auth/login_flow",
        {"client_id": client_id, "handler": ["homeassistant", None], "redirect_uri": client_id},
    )
    done = visitor.post(
        f"/auth/login_flow/{flow['flow_id']}",
        {"client_id": client_id, "username": username, "password": password},
    )
    token = _access_token(admin.url, done["result"], tls=admin.tls)
    return long_lived_token(Api(admin.url, token, admin.tls))


def long_lived_token(user: Api) -> str:
    """A token of the user who is signed in, good for ten years."""
    return str(user.command("auth/long_lived_access_token", client_name="housekey", lifespan=3650))


def wait_for(
    happened: Callable[[], bool], *, timeout: float, alive: Callable[[], bool] | None = None
) -> bool:
    """Ask ten times a second until it happened; False after `timeout` seconds, or not `alive`."""
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        try:
            if happened():
                return True
        except (OSError, ValueError, CallError):
            pass  # starting: refused, cut off, not set up yet
        if alive is not None and not alive():
            return False
        time.sleep(0.1)
    return False


def _access_token(url: str, code: str, *, tls: ssl.SSLContext | None = None) -> str:
    answer = Api(url, tls=tls).post_form(
        "/auth/token", grant_type="authorization_code", code=code, client_id=f"{url}/"
    )
    return str(answer["access_token"])
