"""Signing in: a token from a file or the environment, or through the user's own browser.

In the browser it is IndieAuth, as every program outside signs in to Home Assistant: the user's
password goes to Home Assistant alone, and what comes back is a code for a page on this machine.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from aiohttp import web

from housekey.errors import CommandFailed, FileTrouble, SignInRefused, UsageError
from housekey.homeassistant.wire import SIGN_IN_HINT
from housekey.pki.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from housekey.homeassistant.client import Client

BROWSER_SECONDS = 300.0
_TOKEN = re.compile(rb"[A-Za-z0-9._~+/=-]+")  # RFC 6750, section 2.1


@dataclass(frozen=True, slots=True)
class GivenToken:
    """A token that the user handed in."""

    token: Secret
    warning: str | None = None  # for people


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a sign-in through the browser brings; revoke the refresh token in the end."""

    access_token: Secret  # for half an hour
    refresh_token: Secret


def token_from(
    token_file: Path | None,
    environ: Mapping[str, str],
    *,
    read: Callable[[Path], bytes],
    mode_of: Callable[[Path], int] = lambda path: path.stat().st_mode,
) -> GivenToken | None:
    """Return the token of `--token-file`, else of HASS_TOKEN; None when neither is there.

    Raises UsageError for a file that cannot be read or holds no token.
    """
    if token_file is None:
        value = environ.get("HASS_TOKEN", "").strip()
        return GivenToken(_token(value.encode(), "HASS_TOKEN")) if value else None
    try:
        token = _token(read(token_file).strip(), str(token_file))
        mode = mode_of(token_file)
    except (FileTrouble, OSError) as trouble:
        reason = trouble.reason if isinstance(trouble, FileTrouble) else "it cannot be read"
        raise UsageError(
            f"{token_file}: {reason}", hint="--token-file names a file with a token"
        ) from trouble
    if mode & 0o077:
        return GivenToken(
            token, f"others on this computer can read {token_file}: chmod 600 {token_file}"
        )
    return GivenToken(token)


async def browser_sign_in(
    client: Client,
    *,
    open_browser: Callable[[str], object],
    tell: Callable[[str], None],
    seconds: float = BROWSER_SECONDS,
) -> SignedIn:
    """Let the user sign in through a browser on this machine.

    `client` needs no token. `open_browser` is given the page to open, `tell` the same page for
    a user whose browser does not open by itself.
    Raises SignInRefused when nobody signs in within `seconds`, or Home Assistant refuses.
    """
    state = secrets.token_urlsafe(24)
    code: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def callback(request: web.Request) -> web.Response:
        if not secrets.compare_digest(request.query.get("state", "").encode(), state.encode()):
            # Some other page sent the browser here; the real one may still come.
            return _page("This sign-in was not started by housekey.", status=400)
        if not request.query.get("code"):
            return _page("Home Assistant sent no sign-in along. Try again.", status=400)
        if not code.done():
            code.set_result(request.query["code"])
        return _page("You are signed in. You can close this window.")

    application = web.Application()
    application.router.add_get("/callback", callback)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        # The client id is the address of the page: Home Assistant lets a redirect go to the same
        # host and port unseen (auth/indieauth.py, verify_redirect_uri).
        client_id = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        page = f"{client.base_url}/auth/authorize?" + urlencode(
            {
                "response_type": "code",
                "client_id": client_id,
                "redirect_uri": f"{client_id}callback",
                "state": state,
            }
        )
        tell(page)
        open_browser(page)
        async with asyncio.timeout(seconds):
            received = await code
    except TimeoutError:
        raise SignInRefused(
            f"nobody signed in to Home Assistant within {seconds / 60:.0f} minutes",
            hint="the browser has to run on this computer; elsewhere, make a token in Home"
            " Assistant (your profile, Security) and give it with --token-file",
        ) from None
    finally:
        await runner.cleanup()
    return await _exchanged(client, client_id, received)


async def long_lived_token(client: Client, name: str) -> Secret:
    """Create a token of ten years under `name`, or `name 2` and so on where that is taken."""
    taken = await client.token_names()
    numbered = (f"{name} {number}" for number in range(2, len(taken) + 3))
    free = next(each for each in (name, *numbered) if each not in taken)
    return await client.create_long_lived_token(free)


async def revoke(client: Client, refresh_token: Secret) -> None:
    """Make the refresh token, and every access token made from it, worth nothing.

    Home Assistant answers alike whether it knew the token or not (RFC 7009, section 2.2).
    """
    await client.post_form("/auth/revoke", {"token": refresh_token.reveal().decode()})


async def _exchanged(client: Client, client_id: str, code: str) -> SignedIn:
    try:
        answer = await client.post_form(
            "/auth/token",
            {"grant_type": "authorization_code", "code": code, "client_id": client_id},
        )
    except CommandFailed:
        # Not `from` it: it says nothing that a user could act upon.
        raise SignInRefused(
            "Home Assistant did not accept the sign-in from the browser",
            hint="try again; a sign-in is good for ten minutes, and once",
        ) from None
    access, refresh = answer.get("access_token"), answer.get("refresh_token")
    if not isinstance(access, str) or not isinstance(refresh, str):
        raise SignInRefused(
            "Home Assistant answered the sign-in without a token",
            hint="make a token in Home Assistant and give it with --token-file",
        )
    return SignedIn(Secret(access.encode()), Secret(refresh.encode()))


def _token(value: bytes, source: str) -> Secret:
    if not value:
        raise UsageError(f"{source} is empty", hint=SIGN_IN_HINT)
    if not _TOKEN.fullmatch(value):
        raise UsageError(f"{source} holds no token", hint=SIGN_IN_HINT)
    return Secret(value)


def _page(text: str, *, status: int = 200) -> web.Response:
    return web.Response(
        status=status,
        content_type="text/html",
        charset="utf-8",
        headers={
            "Connection": "close",
            "Cache-Control": "no-store",
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
        },
        text=f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>housekey</title>
<style>body {{ font: 1.2rem system-ui; margin: 20vh auto; max-width: 30rem; text-align: center;
color-scheme: light dark }}</style>
<p>{text}</p></html>
""",
    )
