"""What the DNS provider knows the user by: each way to give it, and how it is kept."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest

from housekey.errors import HouseBroken, HouseUnsafe, ProviderRefused, UsageError
from housekey.house.files import Files
from housekey.pki.secret import Secret
from housekey.public import credentials
from housekey.public.providers import provider

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TOKEN = "c0ffee00-7357-4a5b-8c1d-0123456789ab"
DUCKDNS = provider("duckdns")
CLOUDFLARE = provider("cloudflare")
DDNS = provider("ddns")


def _shown(options: Mapping[str, Secret]) -> dict[str, str]:
    return {name: secret.reveal().decode() for name, secret in options.items()}


@pytest.mark.parametrize(
    "text",
    [
        f"auth_token = {TOKEN}",
        f"auth_token={TOKEN}\n",
        f"  auth-token   =   {TOKEN}  \r\n",
        f'AUTH_TOKEN = "{TOKEN}"',
        f"# of my account\n\n; another remark\nauth_token = '{TOKEN}'\n",
        f"[duckdns]\nauth_token = {TOKEN}",
        f"[cloudflare]\nauth_token = of-another\n[duckdns]\nauth_token = {TOKEN}",
        f"duckdns_auth_token = {TOKEN}",
        f"LEXICON_DUCKDNS_AUTH_TOKEN={TOKEN}",
        f"LEXICON_DUCKDNS_TOKEN={TOKEN}",
        f"\ufeffauth_token = {TOKEN}",
        TOKEN,
        f"{TOKEN}\n",
        f"# the token alone\n{TOKEN}",
    ],
)
def test_a_file_may_be_written_in_many_ways(text: str) -> None:
    assert _shown(credentials.parse(text.encode(), DUCKDNS, where="f")) == {"auth_token": TOKEN}


def test_a_value_may_hold_anything_but_a_new_line() -> None:
    value = 'hmac-sha256:home key:aGk=/+"[x] # no remark'
    text = f"auth_token = {value}\nddns_server = ::1\n"
    assert _shown(credentials.parse(text.encode(), DDNS, where="f")) == {
        "auth_token": value,
        "ddns_server": "::1",
    }


def test_a_token_that_looks_like_a_line_is_still_the_token() -> None:
    assert _shown(credentials.parse(b"YWJjZGVm==", DUCKDNS, where="f")) == {
        "auth_token": "YWJjZGVm=="
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"auth_tokn = hush-hush\nauth_username = me", "f, line 1, is no option of the DNS"),
        (b"auth_token = x\n\nhush-hush", "f, line 3, is no option of the DNS provider cloudflare"),
        (b"auth_token = x\nhush-hush: y", "f, line 2, is no option of the DNS provider cloudflare"),
        (b"hush-hush", "f, line 1, is no option of the DNS provider cloudflare"),
        (b"", "f holds no credentials"),
        (b"[hetzner]\nauth_token = hush-hush", "f holds no credentials"),
        (b"auth_token =", "f holds no credentials"),
        (b"\xff\xfehush-hush", "f is not a text"),
    ],
)
def test_a_wrong_file_is_told_by_its_line_and_never_by_what_is_in_it(
    text: bytes, message: str
) -> None:
    with pytest.raises(UsageError) as refused:
        credentials.parse(text, CLOUDFLARE, where="f")
    assert refused.value.message.startswith(message)
    assert "auth_username, auth_token, zone_id" in refused.value.hint
    assert "hush" not in refused.value.message + refused.value.hint


def _given(file: Path | None, environ: Mapping[str, str]) -> credentials.Given | None:
    return credentials.credentials_from(DUCKDNS, file, environ, read=Files().read)


def test_the_file_comes_before_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "dns.ini"
    file.touch(mode=0o600)
    file.write_text(f"auth_token = {TOKEN}")
    environ = {"LEXICON_DUCKDNS_AUTH_TOKEN": "of the environment"}
    given, from_environment = _given(file, environ), _given(None, environ)
    assert given is not None
    assert from_environment is not None
    assert (_shown(given.options), given.warning) == ({"auth_token": TOKEN}, None)
    assert _shown(from_environment.options) == {"auth_token": "of the environment"}
    assert _given(None, {"LEXICON_CLOUDFLARE_AUTH_TOKEN": "x"}) is None


def test_a_file_that_others_can_read_is_warned_of(tmp_path: Path) -> None:
    file = tmp_path / "dns.ini"
    file.write_text(f"auth_token = {TOKEN}")
    file.chmod(0o640)
    given = _given(file, {})
    assert given is not None
    assert given.warning == f"others on this computer can read {file}: chmod 600 {file}"


def test_a_file_that_is_not_there_is_a_wrong_call(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        _given(tmp_path / "none.ini", {})
    assert refused.value.hint == "--dns-credentials names a file with the credentials"


def test_what_is_asked_may_be_left_empty_but_not_all_of_it() -> None:
    asked = []

    def question(text: str) -> Secret:
        asked.append(text)
        return Secret(f" {TOKEN}\n".encode() if "auth_token" in text else b"")

    assert _shown(credentials.ask(CLOUDFLARE, question)) == {"auth_token": TOKEN}
    assert [text.partition(" (")[0] for text in asked] == [
        "cloudflare: auth_username",
        "cloudflare: auth_token",
        "cloudflare: zone_id",
    ]
    with pytest.raises(ProviderRefused, match="needs credentials"):
        credentials.ask(CLOUDFLARE, lambda _text: Secret(b""))


def test_without_a_terminal_the_other_ways_are_named() -> None:
    with pytest.raises(UsageError) as refused:
        credentials.ask(DUCKDNS, lambda _text: None)
    assert refused.value.hint == (
        "give them with --dns-credentials FILE, or in LEXICON_DUCKDNS_AUTH_TOKEN"
    )


def test_they_are_kept_for_their_owner_alone(tmp_path: Path) -> None:
    files, house = Files(), tmp_path / "house"
    house.mkdir(mode=0o700)
    assert credentials.kept(house, "ddns", files=files) is None
    with pytest.raises(ProviderRefused, match="the house keeps no credentials"):
        credentials.must_be_kept(house, "ddns", files=files)
    given = {"auth_token": Secret("a:b:ü=".encode()), "ddns_server": Secret(b"::1")}
    credentials.keep(house, DDNS, given, files=files)
    path = house / "public" / "dns.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert credentials.kept(house, "ddns", files=files) == given
    assert credentials.must_be_kept(house, "ddns", files=files) == given
    # Another provider's are not mistaken for it.
    assert credentials.kept(house, "duckdns", files=files) is None


def test_kept_ones_that_others_may_read_are_refused(tmp_path: Path) -> None:
    files = Files()
    credentials.keep(tmp_path, DUCKDNS, {"auth_token": Secret(TOKEN.encode())}, files=files)
    path = tmp_path / "public" / "dns.json"
    path.chmod(0o644)
    with pytest.raises(HouseUnsafe) as refused:
        credentials.kept(tmp_path, "duckdns", files=files)
    assert refused.value.message == (
        f"the DNS credentials {path} are open to other users of this machine (mode 644)"
    )
    assert TOKEN not in refused.value.message + refused.value.hint


@pytest.mark.parametrize(
    "text",
    [
        f'{{"options": {{"auth_token": "{TOKEN}"',
        f'{{"version": 1, "provider": "duckdns", "options": ["{TOKEN}"]}}',
        f'["{TOKEN}"]',
        "",
        "\0",
        json.dumps({"version": 1, "options": {"auth_token": TOKEN}}),
    ],
)
def test_damaged_ones_are_told_without_what_is_left_of_them(tmp_path: Path, text: str) -> None:
    path = tmp_path / "public" / "dns.json"
    path.parent.mkdir()
    path.touch(mode=0o600)
    path.write_text(text)
    with pytest.raises(HouseBroken) as broken:
        credentials.kept(tmp_path, "duckdns", files=Files())
    assert broken.value.message == f"the DNS credentials {path} are damaged"
    assert broken.value.__suppress_context__  # the cause has the text


def test_those_of_a_newer_housekey_are_told_as_that(tmp_path: Path) -> None:
    path = tmp_path / "public" / "dns.json"
    path.parent.mkdir()
    path.touch(mode=0o600)
    path.write_text('{"version": 2}')
    with pytest.raises(HouseBroken, match="written by a newer housekey"):
        credentials.kept(tmp_path, "duckdns", files=Files())
