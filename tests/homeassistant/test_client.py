"""The client, against real Home Assistants; and against servers that are none, broken or slow."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from housekey.errors import CommandFailed, NotReady, SignInRefused, Unreachable
from housekey.homeassistant.client import Client, sendable
from housekey.pki.encoding import chain_to_pem, fingerprint
from housekey.pki.issuing import issue_leaf
from housekey.pki.keys import KeyType, PrivateKey
from housekey.pki.secret import Secret
from tests.pki.houses import NOW, a_house, names

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from cryptography import x509

    from tests.conftest import NewHome
    from tests.homes.home import Home

    Call = Callable[[Client], Awaitable[Any]]


def ask(url: str, token: str | None, call: Call, **options: Any) -> Any:
    """Make one call, as the command line does: in a loop of its own."""

    async def inner() -> Any:
        secret = None if token is None else Secret(token.encode())
        async with Client(url, secret, **options) as client:
            return await call(client)

    return asyncio.run(inner())


def running_again(home: Home, *, url: str | None = None, **options: Any) -> None:
    """Wait until Home Assistant has started anew; fails after a minute."""
    since = time.monotonic()
    while time.monotonic() < since + 60:
        try:
            config = ask(url or home.url, home.token, lambda c: c.get_config(), **options)
        except (Unreachable, NotReady):
            config = None
        if config is not None and config.state == "RUNNING" and home.starts > 1:
            return
        time.sleep(0.2)
    pytest.fail("it did not come back")


# Facts


def test_every_version_tells_the_same_facts(any_home: NewHome) -> None:
    home = any_home()
    told = {(each["domain"], True) for each in home.api().command("config_entries/get")}

    async def facts(client: Client) -> None:
        config = await client.get_config()
        assert config.version == home.version
        assert config.config_dir == str(home.config_dir)
        assert (config.location_name, config.country) == ("Test Home", "NL")
        assert (config.latitude, config.longitude) == (52.37, 4.89)
        assert (config.time_zone, config.config_source) == ("Europe/Amsterdam", "storage")
        assert (config.state, config.recovery_mode, config.safe_mode) == ("RUNNING", False, False)
        assert config.internal_url is None
        assert "frontend" in config.components

        user = await client.current_user()
        assert (user.name, user.is_admin) == ("Ada", True)

        assert {(entry.domain, entry.enabled) for entry in await client.config_entries()} == told

        checked = await client.check_config()
        assert checked.valid
        assert checked.errors is None

        await client.update_urls(internal_url="http://homeassistant.local:8123")
        assert (await client.get_config()).internal_url == "http://homeassistant.local:8123"
        await client.update_urls(internal_url=None)
        assert (await client.get_config()).internal_url is None

        http = await client.http_config()
        assert (http is not None) is home.has_trials
        if http is not None:
            assert (http.active, http.pending, http.revert_at) == ("stable", None, None)
            assert http.stable["server_port"] == home.port
            assert http.pending_error is None

    ask(home.url, home.token, facts)


def test_an_invalid_configuration_is_told_and_not_restarted_into(any_home: NewHome) -> None:
    home = any_home()
    (home.config / "configuration.yaml").write_text("homeassistant:\n  latitude: [north]\n")
    checked = ask(home.url, home.token, lambda c: c.check_config())
    assert not checked.valid
    assert "latitude" in checked.errors
    with pytest.raises(CommandFailed) as refused:
        ask(home.url, home.token, lambda c: c.restart())
    assert refused.value.code == "http_500"
    assert home.starts == 1


def test_a_restart_is_asked_for_and_no_error(any_home: NewHome) -> None:
    home = any_home()
    ask(home.url, home.token, lambda c: c.restart())
    running_again(home)
    assert home.starts == 2


# Trial and promotion


def test_a_trial_is_configured_promoted_and_can_be_forgotten(home_2026_11: NewHome) -> None:
    home = home_2026_11()
    root = a_house().root.certificate
    pin = fingerprint(install_leaf(home))

    def with_certificate(stable: Any) -> dict[str, object]:
        return {
            **sendable(stable),
            "ssl_certificate": f"{home.config_dir}/certificate.pem",
            "ssl_key": f"{home.config_dir}/privkey.pem",
        }

    stable = ask(home.url, home.token, lambda c: c.http_config()).stable
    assert ask(home.url, home.token, lambda c: c.configure(with_certificate(stable)))
    running_again(home, url=home.https_url, root=root)

    trial = ask(home.https_url, home.token, lambda c: c.http_config(), root=root)
    assert trial.active == "pending"
    assert trial.pending["ssl_key"] == f"{home.config_dir}/privkey.pem"
    assert trial.revert_at.utcoffset().total_seconds() == 0

    # The scheme is told from both sides, and by name.
    with pytest.raises(Unreachable, match="speaks https, not http") as told:
        ask(home.url, home.token, lambda c: c.get_config())
    assert home.https_url in told.value.hint
    with pytest.raises(Unreachable, match="not trusted"):
        ask(home.https_url, home.token, lambda c: c.get_config())

    # The very certificate is as good as its root, beside another root too; another one is not.
    stranger = a_house(key_type=KeyType.ECDSA_P384).root.certificate
    for options in ({"pin": pin}, {"pin": pin, "root": stranger}, {"pin": "00" * 32, "root": root}):
        assert ask(home.https_url, home.token, lambda c: c.current_user(), **options).is_admin
        assert ask(home.https_url, home.token, lambda c: c.get_config(), **options)
    with pytest.raises(Unreachable, match="another certificate than"):
        ask(home.https_url, home.token, lambda c: c.get_config(), pin="00" * 32)
    with pytest.raises(Unreachable, match="not trusted"):
        ask(home.https_url, home.token, lambda c: c.current_user(), root=stranger)

    ask(home.https_url, home.token, lambda c: c.promote(), root=root)
    kept = ask(home.https_url, home.token, lambda c: c.http_config(), root=root)
    assert kept.stable["ssl_certificate"] == f"{home.config_dir}/certificate.pem"
    assert (kept.pending, kept.revert_at) == (None, None)

    # Nothing pending: forgetting it changes nothing, and restarts nothing.
    assert not ask(home.https_url, home.token, lambda c: c.configure(None), root=root)
    with pytest.raises(CommandFailed) as refused:
        ask(home.https_url, home.token, lambda c: c.promote(), root=root)
    assert refused.value.code == "not_allowed"


def test_a_pair_that_is_no_file_is_refused_with_home_assistants_words(
    home_2026_11: NewHome,
) -> None:
    home = home_2026_11()
    stable = ask(home.url, home.token, lambda c: c.http_config()).stable
    wrong = {**sendable(stable), "ssl_certificate": "/nowhere.pem", "ssl_key": "/nowhere.key"}
    with pytest.raises(CommandFailed, match="not a file") as refused:
        ask(home.url, home.token, lambda c: c.configure(wrong))
    assert refused.value.code == "invalid_format"
    assert home.starts == 1


# Who may not


def test_a_wrong_token_is_refused_with_a_hint_and_never_shown(any_home: NewHome) -> None:
    home = any_home()
    wrong = "eyJ0eXAi.wrong.token"
    for call in (lambda c: c.get_config(), lambda c: c.current_user(), lambda c: c.restart()):
        with pytest.raises(SignInRefused) as refused:
            ask(home.url, wrong, call)
        assert "Long-lived access tokens" in refused.value.hint
        assert wrong not in f"{refused.value!r}{refused.value}{refused.value.hint}"
    assert wrong not in repr(Client(home.url, Secret(wrong.encode())))


def test_another_users_token_may_look_but_not_change(any_home: NewHome) -> None:
    home = any_home()
    visitor = home.make_user()
    assert ask(home.url, visitor, lambda c: c.get_config()).version == home.version
    assert not ask(home.url, visitor, lambda c: c.current_user()).is_admin
    with pytest.raises(SignInRefused, match="not an administrator's"):
        ask(home.url, visitor, lambda c: c.update_urls(internal_url="http://a.lan"))
    with pytest.raises(SignInRefused, match="administrator"):
        ask(home.url, visitor, lambda c: c.restart())
    assert home.starts == 1


def test_without_a_token_nothing_is_asked_over_the_websocket() -> None:
    with pytest.raises(SignInRefused, match="there is no token"):
        ask("http://127.0.0.1:1", None, lambda c: c.current_user())


# Who is not Home Assistant


def test_a_port_where_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for host in ("127.0.0.1", "localhost"):
        for call in (lambda c: c.get_config(), lambda c: c.current_user()):
            with pytest.raises(Unreachable, match="does not answer at") as told:
                ask(f"http://{host}:{port}", "t", call)
            assert "nothing listens there" in told.value.message
            assert "--url" in told.value.hint


def test_a_host_that_does_not_exist() -> None:
    with pytest.raises(Unreachable, match="no such host"):
        ask("http://no-such-host.invalid:8123", "t", lambda c: c.get_config())


@asynccontextmanager
async def server(
    handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
) -> AsyncIterator[str]:
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def ask_server(
    handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], call: Call, **options: Any
) -> Any:
    async def inner() -> Any:
        async with server(handler) as url, Client(url, Secret(b"t"), **options) as client:
            return await call(client)

    return asyncio.run(inner())


def answering(**options: Any) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    async def handler(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(**options)

    return handler


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        ({"text": "hello"}, Unreachable, "does not answer as Home Assistant does"),
        ({"text": "[]"}, Unreachable, "does not answer as Home Assistant does"),
        ({"text": '{"version": 5}'}, Unreachable, "does not answer as Home Assistant does"),
        ({"text": '{"components": []}'}, Unreachable, "does not answer as Home Assistant does"),
        ({"text": ""}, Unreachable, "does not answer as Home Assistant does"),
        ({"status": 404}, Unreachable, "does not answer as Home Assistant does"),
        ({"status": 503}, NotReady, "starting or stopping"),
        ({"status": 403}, SignInRefused, "refuses to talk to this computer"),
        ({"status": 400}, CommandFailed, "status 400"),
    ],
)
def test_an_answer_that_is_not_home_assistants(
    answer: dict[str, Any], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        ask_server(answering(**answer), lambda c: c.get_config())
    if error is not CommandFailed:
        with pytest.raises((error, Unreachable)):
            ask_server(answering(**answer), lambda c: c.current_user())


def test_a_token_follows_no_redirect() -> None:
    asked: list[str] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        asked.append(request.path)
        return web.Response(status=301, headers={"Location": "http://elsewhere.invalid/"})

    with pytest.raises(Unreachable, match=r"sends its visitors on to http://elsewhere\.invalid/"):
        ask_server(handler, lambda c: c.get_config())
    assert asked == ["/api/config"]


def test_an_answer_that_never_comes_ends_in_time() -> None:
    async def handler(_: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    for call in (lambda c: c.get_config(), lambda c: c.current_user()):
        began = time.monotonic()
        with pytest.raises(Unreachable, match="no answer in time"):
            ask_server(handler, call, timeout=0.3)
        assert time.monotonic() - began < 3


def test_an_answer_without_an_end_is_not_swallowed() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * 65536)

    with pytest.raises(Unreachable, match="not what Home Assistant sends"):
        ask_server(handler, lambda c: c.get_config())


@pytest.mark.parametrize("hangs_up_at", ["http/config/configure", "auth"])
def test_a_connection_lost_after_configure_is_a_restart_and_before_it_is_not(
    hangs_up_at: str,
) -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        assert isinstance(request, web.Request)
        channel = web.WebSocketResponse()
        await channel.prepare(request)
        await channel.send_json({"type": "auth_required"})
        while (await channel.receive_json())["type"] != hangs_up_at:
            await channel.send_json({"type": "auth_ok"})
        assert request.transport is not None
        request.transport.abort()
        return channel

    async def inner() -> bool:
        application = web.Application()
        application.router.add_get("/api/websocket", handler)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            async with Client(url, Secret(b"t")) as client:
                return await client.configure({})
        finally:
            await runner.cleanup()

    if hangs_up_at == "auth":
        with pytest.raises(Unreachable):
            asyncio.run(inner())
    else:
        assert asyncio.run(inner()) is True


def install_leaf(home: Home) -> x509.Certificate:
    """Put a leaf of the house for 127.0.0.1 into Home Assistant's folder; return the leaf."""
    key = PrivateKey.generate(KeyType.ECDSA_P256)
    issuing = a_house().issuing
    leaf = issue_leaf(public_key=key.public_key, names=names("127.0.0.1"), issuer=issuing, now=NOW)
    (home.config / "certificate.pem").write_bytes(chain_to_pem((leaf, issuing.certificate)))
    (home.config / "privkey.pem").write_bytes(key.to_pem().reveal())
    return leaf


def test_http_spoken_where_https_was_asked_for() -> None:
    async def inner() -> None:
        async with server(answering(text="hello")) as url:
            secure = url.replace("http://", "https://")
            async with Client(secure, Secret(b"t")) as client:
                await client.get_config()

    with pytest.raises(Unreachable, match="does not speak https") as told:
        asyncio.run(inner())
    assert told.value.hint.startswith("try http://")
