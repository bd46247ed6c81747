"""What people have: their YAML, their places, their ports, their ways to restart and to sign in."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from demo.instance import free_port
from housekey.pki.constraints import constraints_of
from housekey.pki.encoding import certificate_from_pem, certificates_from_pem
from tests.command import COMMAND, Owner, environment, housekey
from tests.homes.install import ADMIN
from tests.homes.looks import contents, presented
from tests.needs import require
from tests.terminal import Terminal

if TYPE_CHECKING:
    from cryptography import x509

    from tests.conftest import NewHome
    from tests.homes.home import Home


def is_served(owner: Owner, told: dict[str, Any]) -> None:
    """See from outside that the leaf which was told is the one that is served."""
    assert presented(owner.home, owner.house / "root.pem") == told["certificate"]["sha256"]
    owner.home.wait_until_running(scheme="https")
    config = owner.home.api(scheme="https", root=owner.house / "root.pem").get("/api/config")
    assert config["recovery_mode"] is False


def taken_there_and_back(owner: Owner, *options: str) -> dict[str, bytes]:
    """Secure it and undo it again; return the YAML files as they were in between."""
    before = contents(owner.home)
    done = owner.secure(*options)
    assert done.code == 0, done
    is_served(owner, done.json)
    between = {
        name: (owner.home.config / name).read_bytes() for name in before if name.endswith(".yaml")
    }
    undone = owner.undo()
    assert undone.code == 0, undone
    assert contents(owner.home) == before
    assert owner.home.scheme() == "http"
    return between


# The YAML road: every byte that is not about `http:` stays.

_RICH = """\
# Our house. Everything here was typed by hand.
homeassistant:
  packages: !include_dir_named packages   # one file a room
  customize: {{}}

frontend:
  themes: !include_dir_merge_named themes
http:   # behind nothing
    # two spaces would do
    server_port: {port}
    login_attempts_threshold: !secret attempts
    ip_ban_enabled: true   # yes

automation: !include automations.yaml
# the end
"""
_BESIDE = {
    "automations.yaml": "[]\n",
    "secrets.yaml": "attempts: 7\n",
    "packages/kitchen.yaml": "# the kitchen\ninput_boolean:\n  oven:\n    name: Oven\n",
    "themes/dark.yaml": "dark:\n  primary-color: '#000'\n",
}


def test_a_grown_configuration_keeps_every_other_byte(home_2026_7: NewHome, tmp_path: Path) -> None:
    port = free_port()
    rich = "\ufeff" + _RICH.format(port=port).replace("\n", "\r\n")
    owner = Owner.of(
        home_2026_7(files={"configuration.yaml": rich, **_BESIDE}, port=port), tmp_path
    )
    between = taken_there_and_back(owner)
    edited = between.pop("configuration.yaml").splitlines(keepends=True)
    added = [line for line in edited if line not in rich.encode()]
    assert b"".join(line for line in edited if line not in added) == rich.encode()
    assert [line.partition(b":")[0].strip() for line in added] == [b"ssl_certificate", b"ssl_key"]
    assert all(line.startswith(b"    ") and line.endswith(b"\r\n") for line in added)
    assert between == {name: text.encode() for name, text in _BESIDE.items()}


_MAIN = "homeassistant:\n  packages: !include_dir_named packages\nfrontend:\n"


@pytest.mark.parametrize(
    ("main", "file", "block"),
    [
        (_MAIN, "packages/net.yaml", "# net\nhttp:\n  server_port: {port}\n"),
        (
            "homeassistant:\nhttp: !include http.yaml\nfrontend:\n",
            "http.yaml",
            "server_port: {port}\n",
        ),
        (_MAIN + "http:\n", "packages/net.yaml", "http:\n  server_port: {port}\n"),
        ("homeassistant:\nhttp: {{server_port: {port}}}  # short\nfrontend:\n", None, ""),
    ],
    ids=["in-a-package", "included", "empty-beside-a-package", "on-one-line"],
)
def test_wherever_the_block_is_it_is_found_and_put_back(
    main: str, file: str | None, block: str, home_2024: NewHome, tmp_path: Path
) -> None:
    port = free_port()
    files = {"configuration.yaml": main.format(port=port) if file is None else main}
    if file is not None:
        files[file] = block.format(port=port)
    owner = Owner.of(home_2024(files=files, port=port), tmp_path)
    between = taken_there_and_back(owner)
    edited = [name for name, text in files.items() if between[name] != text.encode()]
    assert len(edited) == 1


def test_without_any_block_it_gets_one(home_2024: NewHome, tmp_path: Path) -> None:
    with socket.socket() as probe:
        require(probe.connect_ex(("127.0.0.1", 8123)) != 0, "port 8123 is not free")
    files = {"configuration.yaml": "homeassistant:\nfrontend:\n"}
    owner = Owner.of(home_2024(files=files, port=8123), tmp_path)
    text = taken_there_and_back(owner)["configuration.yaml"].decode()
    assert text.startswith(files["configuration.yaml"])
    assert "\nhttp:\n" in text
    assert "server_port" not in text


# Without a token, up to 2026.7


def test_without_a_token_the_restart_is_owed_and_the_next_run_proves(
    home_2024: NewHome, tmp_path: Path
) -> None:
    owner = Owner.of(home_2024(), tmp_path)
    home, before = owner.home, contents(owner.home)
    command = ["secure", *owner.arguments(token=False), "--yes"]

    owed = housekey(*command, "--json")
    assert owed.code == 1, owed
    assert (owed.json["kept"], owed.json["changed"]) == (False, True)
    assert owed.json["recovery_code"]
    assert home.scheme() == "http"
    status = housekey("status", "--house", owner.house, "--json")
    assert (status.code, status.json["cut_short"]) == (1, [str(home.config)])

    home.api().post("/api/services/homeassistant/restart")
    home.wait_until_running(scheme="https")
    proven = housekey(*command, "--json")
    assert proven.code == 0, proven
    assert (proven.json["kept"], proven.json["signed_in"]) == (True, None)
    assert any("local network URL" in each for each in proven.json["warnings"])
    is_served(owner, proven.json)
    assert housekey(*command, "--json").json["changed"] is False

    # And back, without a token: the files at once, the restart is asked for.
    back = ["undo", *owner.arguments(token=False), "--json"]
    asked = housekey(*back)
    assert asked.code == 4, asked
    assert "restart it yourself" in asked.json["error"]["hint"]
    assert contents(home) == before
    home.api(scheme="https").post("/api/services/homeassistant/restart")
    home.wait_until_running(scheme="http")
    undone = housekey(*back)
    assert (undone.code, undone.json["changed"]) == (0, True), undone
    assert housekey(*back).json["changed"] is False


def restarting(home: Home, folder: Path) -> Path:
    """Return a script that restarts a Home Assistant, as `docker restart` would."""
    script = folder / "restart"
    script.write_text(
        f"#!{sys.executable}\n"
        "import ssl, urllib.request\n"
        "tls = ssl._create_unverified_context()\n"
        "for scheme in ('http', 'https'):\n"
        "    request = urllib.request.Request(\n"
        f"        scheme + '://127.0.0.1:{home.port}/api/services/homeassistant/restart',\n"
        "        data=b'{}', method='POST',\n"
        f"        headers={{'Authorization': 'Bearer {home.token}'}})\n"
        "    try:\n"
        "        urllib.request.urlopen(request, context=tls, timeout=10)\n"
        "        break\n"
        "    except OSError as error:\n"
        "        print(scheme, error)\n"
    )
    script.chmod(0o700)
    return script


@pytest.mark.parametrize("which", ["home_2024", "home_2026_7"])
def test_without_a_token_a_restart_command_does_it_in_one_go(
    which: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """The second one runs in a container: it calls its folder /config, and nobody says so."""
    new: NewHome = request.getfixturevalue(which)
    owner = Owner.of(new(), tmp_path)
    before = contents(owner.home)
    more = [*owner.arguments(token=False), "--json", "--yes"]
    more += ["--restart-command", str(restarting(owner.home, tmp_path))]
    done = housekey("secure", *more)
    assert done.code == 0, done
    assert done.json["kept"] is True
    is_served(owner, done.json)
    undone = housekey("undo", *more)
    assert undone.code == 0, undone
    assert contents(owner.home) == before
    assert owner.home.scheme() == "http"


def test_a_restart_command_that_fails_leaves_all_as_it_was(
    home_2024: NewHome, tmp_path: Path
) -> None:
    owner = Owner.of(home_2024(), tmp_path)
    before, starts = contents(owner.home), owner.home.starts
    done = owner.secure("--restart-command", "exit 7")
    assert done.code == 4, done
    assert "exit code 7" in done.json["error"]["message"]
    assert done.json["recovery_code"]  # the house is there, and this was the only chance to say it
    assert contents(owner.home) == before
    assert owner.home.starts == starts


# 2026.8 and later: a block in the YAML that is ignored, and still checked


def test_a_stale_block_goes_before_the_files_that_it_names(
    home_2026_11: NewHome, tmp_path: Path
) -> None:
    stale = (
        "homeassistant:\nfrontend:\n# how it was before\nhttp:\n"
        "  ssl_certificate: /config/old.pem\n  ssl_key: /config/old.key\n# and after\n"
    )
    files = {"configuration.yaml": stale, "old.pem": "an old one", "old.key": "its key"}
    owner = Owner.of(home_2026_11(files=files, migrated=True), tmp_path)
    home, before = owner.home, contents(owner.home)
    done = owner.secure()
    assert done.code == 0, done
    is_served(owner, done.json)
    text = (home.config / "configuration.yaml").read_text()
    assert "http" not in text
    assert "# how it was before" in text
    # What it named may go now.
    (home.config / "old.pem").unlink()
    home.kill()
    home.start()
    is_served(owner, done.json)
    (home.config / "old.pem").write_text("an old one")
    assert owner.undo().code == 0
    assert contents(home) == before


# Ports and places


@pytest.mark.parametrize("which", ["home_2026_11", "home_2026_7"])
def test_it_moves_to_another_port_and_back(
    which: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    new: NewHome = request.getfixturevalue(which)
    owner = Owner.of(new(), tmp_path)
    home, before, first, port = owner.home, contents(owner.home), owner.home.port, free_port()
    done = owner.secure("--port", str(port))
    assert done.code == 0, done
    assert done.json["home_assistant"]["url"].endswith(f":{port}")
    home.port = port
    is_served(owner, done.json)
    assert owner.secure().json["changed"] is False
    assert owner.undo().code == 0
    home.port = first
    home.wait_until_running(scheme="http")
    assert contents(home) == before


def test_from_port_80_it_moves_to_443(home_2026_11: NewHome, tmp_path: Path) -> None:
    for port in (80, 443):
        with socket.socket() as probe:
            require(
                os.geteuid() == 0 and probe.connect_ex(("127.0.0.1", port)) != 0,
                f"port {port} is not free, or takes root",
            )
    owner = Owner.of(home_2026_11(port=80), tmp_path)
    done = owner.secure()
    assert done.code == 0, done
    assert done.json["home_assistant"]["url"].rpartition(":")[0] == "https"
    owner.home.port = 443
    is_served(owner, done.json)
    assert owner.undo().code == 0
    owner.home.port = 80
    assert owner.home.scheme() == "http"


def test_the_pair_lies_where_it_is_wanted_and_is_found_there_again(
    home_2026_11: NewHome, tmp_path: Path
) -> None:
    owner = Owner.of(home_2026_11(), tmp_path)
    home = owner.home
    (home.config / "ssl").mkdir()
    key = home.config / "ssl" / "our.key"
    places = ("--cert-path", "ssl/our.crt", "--key-path", str(key))
    done = owner.secure(*places)
    assert done.code == 0, done
    assert done.json["certificate"]["path"] == str(home.config / "ssl" / "our.crt")
    stable = home.storage("http")["stable"]
    assert stable["ssl_certificate"] == "/config/ssl/our.crt"
    assert stable["ssl_key"] == "/config/ssl/our.key"
    is_served(owner, done.json)
    again = owner.secure()
    assert again.code == 0, again
    assert again.json["changed"] is False
    assert owner.undo().code == 0
    assert not key.exists()


def test_the_files_belong_to_the_user_that_it_runs_as(
    home_2026_11: NewHome, tmp_path: Path
) -> None:
    require(os.geteuid() == 0, "another user's Home Assistant takes root")
    owner = Owner.of(home_2026_11(user=4711), tmp_path)
    done = owner.secure()
    assert done.code == 0, done
    is_served(owner, done.json)
    key = owner.home.config / "privkey.pem"
    for path, mode in ((owner.home.config / "certificate.pem", 0o644), (key, 0o600)):
        status = path.stat()
        assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (4711, 4711, mode)

    # What somebody changed since is told, and put right when that is asked for.
    key.chmod(0o644)
    os.chown(owner.home.config / "certificate.pem", 0, 0)
    told = owner.secure()
    assert (told.code, told.json["changed"]) == (0, False), told
    assert sum("--fix-permissions" in each for each in told.json["warnings"]) == 2
    assert key.stat().st_mode & 0o777 == 0o644
    mended = owner.secure("--fix-permissions")
    assert mended.code == 0, mended
    assert mended.json["warnings"] == []
    assert key.stat().st_mode & 0o777 == 0o600
    assert (owner.home.config / "certificate.pem").stat().st_uid == 4711
    assert owner.secure().json["warnings"] == []


# What is asked for


def root_of(owner: Owner) -> x509.Certificate:
    return certificate_from_pem((owner.house / "root.pem").read_bytes())


def subject_of(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str | None:
    found = certificate.subject.get_attributes_for_oid(oid)
    return str(found[0].value) if found else None


def test_a_choice_of_key_days_constraints_and_subject(
    home_2026_11: NewHome, tmp_path: Path
) -> None:
    owner = Owner.of(home_2026_11(), tmp_path)
    done = owner.secure(
        *("--key", "rsa-2048", "--days", "30", "--critical-constraints"),
        *("--country", "BE", "--locality", "Gent", "--permit", "example.com"),
        *("--name", "ha.example.org", "--no-name", "::1"),
    )
    assert done.code == 0, done
    is_served(owner, done.json)
    leaf = certificates_from_pem(Path(done.json["certificate"]["path"]).read_bytes())[0]
    key = leaf.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size == 2048
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days == 30
    assert "ha.example.org" in done.json["names"]
    assert "::1" not in done.json["names"]
    root = root_of(owner)
    constraints = constraints_of(root)
    assert constraints.critical
    assert {"example.com", "ha.example.org"} <= set(constraints.dns)
    assert subject_of(root, NameOID.COUNTRY_NAME) == "BE"
    assert subject_of(root, NameOID.LOCALITY_NAME) == "Gent"
    assert subject_of(root, NameOID.ORGANIZATION_NAME) == "Test Home"

    # Said again to a house that is there, it changes nothing, and says so.
    again = owner.secure("--permit", "www.example.com", "--country", "BE", "--key", "rsa-2048")
    assert (again.code, again.json["changed"], again.json["warnings"]) == (0, False, []), again
    late = owner.secure("--country", "FR")
    assert late.json["changed"] is False
    assert any("subject stays as it is" in each for each in late.json["warnings"])


def test_the_root_is_named_after_the_home(home_2026_11: NewHome, tmp_path: Path) -> None:
    owner = Owner.of(home_2026_11(), tmp_path)
    kept = owner.house / "token"

    nothing = owner.secure("--remember", "--dry-run")
    assert nothing.code == 0, nothing
    assert not owner.house.exists()

    done = owner.secure("--remember")
    assert done.code == 0, done
    assert not constraints_of(root_of(owner)).critical
    assert subject_of(root_of(owner), NameOID.COUNTRY_NAME) == "NL"
    assert subject_of(root_of(owner), NameOID.ORGANIZATION_NAME) == "Test Home"
    assert "Test Home" in str(subject_of(root_of(owner), NameOID.COMMON_NAME))

    # The token is remembered, for its owner alone: later runs need none.
    assert kept.stat().st_mode & 0o777 == 0o600
    later = housekey("secure", *owner.arguments(token=False), "--json")
    assert (later.code, later.json["signed_in"]) == (0, True), later
    assert housekey("undo", *owner.arguments(token=False), "--json").code == 0
    assert owner.home.scheme() == "http"


# A person at a terminal

_BROWSER = f"""#!{sys.executable}
# What a person does with the page that opens: signs in, and is sent back to housekey.
import json, sys, urllib.parse, urllib.request

page = sys.argv[1]
query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(page).query))
base = page.partition("/auth/")[0]


def post(path, data):
    request = urllib.request.Request(base + path, data=json.dumps(data).encode(), method="POST")
    request.add_header("Content-Type", "application/json")
    return json.load(urllib.request.urlopen(request))


flow = post("/auth/login_flow", {{
    "client_id": query["client_id"],
    "redirect_uri": query["redirect_uri"],
    "handler": ["homeassistant", None],
}})
person = {{"client_id": query["client_id"], "username": {ADMIN[1]!r}, "password": {ADMIN[2]!r}}}
code = post("/auth/login_flow/" + flow["flow_id"], person)["result"]
answer = urllib.parse.urlencode({{"code": code, "state": query["state"]}})
urllib.request.urlopen(query["redirect_uri"] + "?" + answer).read()
"""


def test_a_person_signs_in_by_browser_notes_the_code_and_is_done(
    home_2026_11: NewHome, tmp_path: Path
) -> None:
    owner = Owner.of(home_2026_11(), tmp_path)
    before = {each["id"] for each in owner.home.api().command("auth/refresh_tokens")}
    browser = tmp_path / "browser"
    browser.write_text(_BROWSER)
    browser.chmod(0o700)
    env = environment(BROWSER=f"{browser} %s", TERM="xterm-256color", COLUMNS="100")
    told = owner.arguments("--private", "--remember", token=False)
    command = [*COMMAND, "secure", *map(str, told)]
    with Terminal(command, env=env) as terminal:
        terminal.expect("written it down? [y/N]: ")
        terminal.type("y")
        assert terminal.wait() == 0, terminal.said
    said = terminal.said
    story = [
        "sign in   in the browser window that opens, or ",
        "found     Home Assistant 2026.11.0 at http://127.0.0.1:",
        "names     ",
        "house     created; recovery code: ",
        "issued    certificate.pem, privkey.pem  (397 days, ECDSA P-256)",
        "trial     Home Assistant restart",
        "proven    handshake verified on ",
        "kept      promoted; internal URL is now https://",
        "next      phones and laptops: ",
        "          to renew it by itself: housekey run --install",
    ]
    places = [said.find(f"  {line}") for line in story]
    assert -1 not in places, said
    assert places == sorted(places)
    assert "  covers" not in said or "beside the names of every home" in said
    assert owner.home.scheme() == "https"

    assert (owner.house / "token").stat().st_mode & 0o777 == 0o600
    assert housekey("undo", *owner.arguments(token=False), "--json").code == 0

    # The browser's sign-in is gone, the token that was to be remembered is there.
    tokens = owner.home.api().command("auth/refresh_tokens")
    new = [each for each in tokens if each["id"] not in before]
    assert [(each["client_name"], each["type"]) for each in new] == [
        ("housekey 2", "long_lived_access_token")  # the administrator's own has that name already
    ]
