"""Signing in: tokens that are handed in, and the way through the browser."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from housekey.errors import SignInRefused, UsageError
from housekey.homeassistant.client import Client
from housekey.homeassistant.signin import (
    SignedIn,
    browser_sign_in,
    long_lived_token,
    revoke,
    token_from,
)
from housekey.house.files import Files
from housekey.pki.secret import Secret
from tests.homes.install import ADMIN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import NewHome

TOKEN = b"eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJhYmMifQ.c2ln"
READ = Files().read


# Tokens that are handed in


def test_a_token_comes_from_the_file_before_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(TOKEN + b"\r\n")
    file.chmod(0o600)
    given = token_from(file, {"HASS_TOKEN": "other"}, read=READ)
    assert given is not None
    assert (given.token, given.warning) == (Secret(TOKEN), None)
    assert TOKEN.decode() not in repr(given)

    given = token_from(None, {"HASS_TOKEN": f" {TOKEN.decode()}\n"}, read=READ)
    assert given is not None
    assert given.token == Secret(TOKEN)


def test_no_token_is_no_error() -> None:
    assert token_from(None, {}, read=READ) is None
    assert token_from(None, {"HASS_TOKEN": " "}, read=READ) is None


def test_a_file_that_others_can_read_is_warned_about(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(TOKEN)
    for mode in (0o640, 0o604):
        file.chmod(mode)
        given = token_from(file, {}, read=READ)
        assert given is not None
        assert given.warning is not None
        assert "chmod 600" in given.warning


@pytest.mark.parametrize("content", [b"", b"\n \n", b"two words", b"a\nb", "ü".encode(), b"\xff"])
def test_a_file_without_a_token_is_told(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(UsageError, match="token") as told:
        token_from(file, {}, read=READ)
    assert "Long-lived" in told.value.hint


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        token_from(tmp_path / "nowhere", {}, read=READ)


# The browser


class Browser:
    """Does what a person with a browser does: sign in, and follow the redirect."""

    def __init__(self, url: str, *, password: str = ADMIN[2], state: str | None = None) -> None:
        self.url = url
        self.password = password
        self.state = state  # another one than Home Assistant was given
        self.opened: list[str] = []
        self.seen: list[tuple[int, str]] = []  # the pages of housekey itself
        self.task: asyncio.Task[None] | None = None

    def open(self, page: str) -> None:
        self.opened.append(page)
        self.task = asyncio.create_task(self._sign_in(page))

    async def _sign_in(self, page: str) -> None:
        query = {key: values[0] for key, values in parse_qs(urlsplit(page).query).items()}
        async with aiohttp.ClientSession() as session:
            async with session.get(page) as shown:
                assert shown.status == 200
            code = await self._code(session, query)
            for state in filter(None, (self.state, query["state"])):
                target = query["redirect_uri"]
                async with session.get(target, params={"code": code, "state": state}) as answer:
                    self.seen.append((answer.status, await answer.text()))

    async def _code(self, session: aiohttp.ClientSession, query: dict[str, str]) -> str:
        begin = {
            "client_id": query["client_id"],
            "redirect_uri": query["redirect_uri"],
            "handler": ["homeassistant", None],
        }
        async with session.post(f"{self.url}/auth/login_flow", json=begin) as answer:
            assert answer.status == 200, await answer.text()
            flow = (await answer.json())["flow_id"]
        person = {
            "client_id": query["client_id"],
            "username": ADMIN[1],
            "password": self.password,
        }
        async with session.post(f"{self.url}/auth/login_flow/{flow}", json=person) as answer:
            return str((await answer.json())["result"])


async def sign_in(url: str, browser: Browser, **options: float) -> SignedIn:
    told: list[str] = []
    try:
        async with Client(url, None) as client:
            signed_in = await browser_sign_in(
                client, open_browser=browser.open, tell=told.append, **options
            )
    finally:
        if browser.task is not None:
            await browser.task
    assert told == browser.opened
    return signed_in


def test_a_person_signs_in_by_browser_and_nothing_is_left_behind(any_home: NewHome) -> None:
    home = any_home()

    async def story() -> None:
        browser = Browser(home.url, state="forged")
        signed_in = await sign_in(home.url, browser)
        assert "code" not in repr(signed_in)
        # The forged call got nowhere and did no harm.
        (forged, _), (status, page) = browser.seen
        assert (forged, status) == (400, 200)
        assert "You can close this window" in page

        async with Client(home.url, signed_in.access_token) as client:
            assert (await client.current_user()).is_admin
            first = await long_lived_token(client, "housekey")
            second = await long_lived_token(client, "housekey")
            assert {"housekey", "housekey 2"} <= await client.token_names()
            await revoke(client, signed_in.refresh_token)
            with pytest.raises(SignInRefused):
                await client.current_user()
        for token in (first, second):
            async with Client(home.url, token) as client:
                assert (await client.current_user()).name == ADMIN[0]

    asyncio.run(story())


def test_a_code_that_home_assistant_does_not_know_is_refused(home_2026_11: NewHome) -> None:
    home = home_2026_11()

    async def forged(page: str) -> None:
        query = {key: values[0] for key, values in parse_qs(urlsplit(page).query).items()}
        async with (
            aiohttp.ClientSession() as session,
            session.get(
                query["redirect_uri"], params={"code": "invented", "state": query["state"]}
            ) as answer,
        ):
            assert answer.status == 200

    async def story() -> None:
        tasks: list[asyncio.Task[None]] = []
        async with Client(home.url, None) as client:
            with pytest.raises(SignInRefused, match="did not accept the sign-in"):
                await browser_sign_in(
                    client,
                    open_browser=lambda page: tasks.append(asyncio.create_task(forged(page))),
                    tell=lambda _: None,
                )
        await asyncio.gather(*tasks)

    asyncio.run(story())


def test_when_nobody_signs_in_it_ends_with_another_way() -> None:
    async def story() -> None:
        async with Client("http://127.0.0.1:1", None) as client:
            await browser_sign_in(
                client, open_browser=lambda _: None, tell=lambda _: None, seconds=0.1
            )

    with pytest.raises(SignInRefused, match="nobody signed in") as told:
        asyncio.run(story())
    assert "--token-file" in told.value.hint
