"""Where `http:` lives in a whole configuration: includes, packages, secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from housekey.errors import YamlRefused
from housekey.homeassistant.yaml_follow import Spot
from housekey.homeassistant.yaml_tree import (
    find_http,
    http_settings,
    plan_http_edit,
    plan_http_removal,
)
from tests.homeassistant.yaml_reference import effective

PAIR = {"ssl_certificate": "/config/certificate.pem", "ssl_key": "/config/privkey.pem"}


def config(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return folder


PACKAGES = "homeassistant:\n  packages: {}\n"
# what a configuration is made of -> the file that the edit must be in, and the keys to the block
PLACES = {
    "no block": ({"configuration.yaml": "default_config:\n"}, "configuration.yaml", None),
    "an empty file": ({"configuration.yaml": ""}, "configuration.yaml", None),
    "the main file": (
        {"configuration.yaml": "http:\n  server_port: 8123\n"},
        "configuration.yaml",
        ("http",),
    ),
    "an included file": (
        {"configuration.yaml": "http: !include net/http.yaml\n", "net/http.yaml": "# mine\n"},
        "net/http.yaml",
        (),
    ),
    "an include of an include, relative to the including file": (
        {
            "configuration.yaml": "http: !include net/http.yaml\n",
            "net/http.yaml": "!include real.yaml\n",
            "net/real.yaml": "server_port: 8123\n",
        },
        "net/real.yaml",
        (),
    ),
    "a package inline": (
        {
            "configuration.yaml": "homeassistant:\n  packages:\n    door:\n      http:\n"
            "        server_port: 8123\n      light:\n"
        },
        "configuration.yaml",
        ("homeassistant", "packages", "door", "http"),
    ),
    "a single included package": (
        {
            "configuration.yaml": "homeassistant:\n  packages:\n    pack: !include p/x.yaml\n",
            "p/x.yaml": "http:\n  server_port: 8123\n",
        },
        "p/x.yaml",
        ("http",),
    ),
    "packages in a file": (
        {
            "configuration.yaml": PACKAGES.format("!include packages.yaml"),
            "packages.yaml": "net:\n  http:\n    server_port: 8123\n",
        },
        "packages.yaml",
        ("net", "http"),
    ),
    "packages by name": (
        {
            "configuration.yaml": PACKAGES.format("!include_dir_named packages"),
            "packages/deep/er/net.yaml": "http:\n",
            "packages/lights.yaml": "light:\n",
            "packages/empty.yaml": "",
            "packages/.hidden.yaml": "http:\n",
            "packages/.git/net.yaml": "http:\n",
            "packages/secrets.yaml": "http: x\n",
            "packages/readme.md": "http: - [",
        },
        "packages/deep/er/net.yaml",
        ("http",),
    ),
    "packages by name whose block is included": (
        {
            "configuration.yaml": PACKAGES.format("!include_dir_named packages"),
            "packages/net.yaml": "http: !include ../http.yaml\n",
            "http.yaml": "server_port: 8123\n",
        },
        "http.yaml",
        (),
    ),
    "packages merged by name": (
        {
            "configuration.yaml": PACKAGES.format("!include_dir_merge_named packages"),
            "packages/a.yaml": "lights:\n  light:\n",
            "packages/b.yaml": "net:\n  http:\n    server_port: 8123\n",
        },
        "packages/b.yaml",
        ("net", "http"),
    ),
    "a package of a folder": (
        {
            "configuration.yaml": PACKAGES.format("\n    net: !include_dir_named net"),
            "net/http.yaml": "server_port: 8123\n",
        },
        "net/http.yaml",
        (),
    ),
    "homeassistant in its own file": (
        {
            "configuration.yaml": "homeassistant: !include core.yaml\n",
            "core.yaml": "packages:\n  net:\n    http:\n",
        },
        "core.yaml",
        ("packages", "net", "http"),
    ),
    "main and package, the main one first": (
        {
            "configuration.yaml": PACKAGES.format("\n    net:\n      http:\n        x: 1")
            + "http:\n  server_port: 8123\n"
        },
        "configuration.yaml",
        ("http",),
    ),
    "a package that Home Assistant does not set up for its name": (
        {
            "configuration.yaml": PACKAGES.format("!include_dir_named packages"),
            "packages/my-net.yaml": "http:\n  server_port: 8123\n",
        },
        "configuration.yaml",
        None,
    ),
}


@pytest.mark.parametrize(("files", "where", "keys"), PLACES.values(), ids=PLACES)
def test_home_assistant_gets_the_pair_wherever_its_block_is(
    tmp_path: Path, files: dict[str, str], where: str, keys: tuple[str, ...] | None
) -> None:
    config(tmp_path, files)
    before = effective(tmp_path)
    found = find_http(tmp_path, Path.read_bytes)
    assert (found.block if found else None) == (
        None if keys is None else Spot(tmp_path / where, keys)
    )

    edit = plan_http_edit(tmp_path, Path.read_bytes, PAIR)
    assert edit.path == tmp_path / where
    assert edit.before == edit.path.read_bytes()
    edit.path.write_bytes(edit.after)
    assert effective(tmp_path) == {**before, "http": {**before.get("http", {}), **PAIR}}
    assert http_settings(tmp_path, Path.read_bytes).items() >= PAIR.items()

    again = plan_http_edit(tmp_path, Path.read_bytes, dict.fromkeys(PAIR))
    again.path.write_bytes(again.after)
    assert effective(tmp_path).get("http", {}) == before.get("http", {})


@pytest.mark.parametrize(
    ("files", "where", "keys"),
    [value for name, value in PLACES.items() if name != "a package of a folder"],
    ids=[name for name in PLACES if name != "a package of a folder"],
)
def test_every_block_is_taken_out_and_all_else_still_counts(
    tmp_path: Path, files: dict[str, str], where: str, keys: tuple[str, ...] | None
) -> None:
    config(tmp_path, files)
    before = effective(tmp_path)
    edits = plan_http_removal(tmp_path, Path.read_bytes)
    assert len({edit.path for edit in edits}) == len(edits)
    assert bool(edits) == (keys is not None)
    for edit in edits:
        edit.path.write_bytes(edit.after)
    assert find_http(tmp_path, Path.read_bytes) is None
    after = effective(tmp_path)
    assert "http" not in after
    assert after.keys() == before.keys() - {"http"}


def test_the_block_that_has_the_keys_already_is_edited(tmp_path: Path) -> None:
    config(
        tmp_path,
        {
            "configuration.yaml": "http:\n  x: 1\n" + PACKAGES.format("!include_dir_named p"),
            "p/net.yaml": "http:\n  ssl_certificate: /old.pem\n  ssl_key: !secret key\n",
        },
    )
    edit = plan_http_edit(tmp_path, Path.read_bytes, {**PAIR, "server_port": 443})
    assert edit.path == tmp_path / "p/net.yaml"
    edit.path.write_bytes(edit.after)
    assert effective(tmp_path)["http"] == {"x": 1, **PAIR, "server_port": 443}


def test_both_blocks_of_one_file_go_in_one_edit(tmp_path: Path) -> None:
    text = "http:\n  a: 1\n" + PACKAGES.format("\n    net:\n      http:\n        b: 1") + "c:\n"
    config(tmp_path, {"configuration.yaml": text})
    (edit,) = plan_http_removal(tmp_path, Path.read_bytes)
    assert edit.after.decode() == "homeassistant:\n  packages: \n    net: {}\nc:\n"


def test_settings_are_read_with_their_secrets(tmp_path: Path) -> None:
    config(
        tmp_path,
        {
            "configuration.yaml": "http: !include net/http.yaml\n",
            "net/http.yaml": "ssl_certificate: !secret cert\nssl_key: !secret key\n"
            "server_port: !secret port\nserver_host:\n  - 0.0.0.0\n"
            "ssl_profile: !secret gone\nbase_url: !env_var URL\nip_ban_enabled: true\nx: ~\n",
            "net/secrets.yaml": "cert: /near.pem\nport: 8443\n",
            "secrets.yaml": "cert: /far.pem\nkey: '/far key.pem'\n",
        },
    )
    assert http_settings(tmp_path, Path.read_bytes) == {
        "ssl_certificate": "/near.pem",
        "ssl_key": "/far key.pem",
        "server_port": 8443,
        "ssl_profile": "!secret gone",
        "base_url": "!env_var URL",
        "ip_ban_enabled": "true",
    }


def test_no_secret_is_looked_for_above_the_configuration_folder(tmp_path: Path) -> None:
    config(
        tmp_path,
        {"ha/configuration.yaml": "http:\n  ssl_key: !secret key\n", "secrets.yaml": "key: /x\n"},
    )
    assert http_settings(tmp_path / "ha", Path.read_bytes) == {"ssl_key": "!secret key"}


REFUSED = {
    "spread over two": {
        "configuration.yaml": "http:\n  ssl_key: /x\n"
        + PACKAGES.format("\n    p:\n      http:\n        ssl_certificate: /y")
    },
    "both here and in": {
        "configuration.yaml": "http:\n  server_port: 1\n"
        + PACKAGES.format("\n    p:\n      http:\n        server_port: 2")
    },
    "included twice": {
        "configuration.yaml": "http: !include h.yaml\n"
        + PACKAGES.format("\n    p:\n      http: !include h.yaml"),
        "h.yaml": "",
    },
    "includes itself": {
        "configuration.yaml": "http: !include h.yaml\n",
        "h.yaml": "!include h.yaml\n",
    },
    "outside the configuration folder": {"configuration.yaml": "http: !include ../h.yaml\n"},
    "several packages named net": {
        "configuration.yaml": PACKAGES.format("!include_dir_named p"),
        "p/a/net.yaml": "http:\n",
        "p/b/net.yaml": "light:\n",
    },
    "comes in through a merge": {
        "configuration.yaml": "x: &x\n  http:\n    a: 1\n<<: *x\n",
    },
    "elsewhere (!include_dir_merge_named h)": {
        "configuration.yaml": "http: !include_dir_merge_named h\n"
    },
    "by an anchor": {
        "configuration.yaml": "x: &x {net: {http: {}}}\n" + PACKAGES.format("*x"),
    },
}


@pytest.mark.parametrize(("reason", "files"), REFUSED.items(), ids=REFUSED)
def test_what_cannot_be_edited_safely_is_refused(
    tmp_path: Path, reason: str, files: dict[str, str]
) -> None:
    config(tmp_path, files)
    with pytest.raises(YamlRefused) as refused:
        plan_http_edit(tmp_path, Path.read_bytes, PAIR)
    assert reason in refused.value.message.replace("spread over it and", "spread over two")
    assert len(refused.value.lines) == 2


def test_a_block_that_is_a_file_by_its_name_is_not_taken_out(tmp_path: Path) -> None:
    files, _, _ = PLACES["a package of a folder"]
    with pytest.raises(YamlRefused, match="the whole file is the block"):
        plan_http_removal(config(tmp_path, files), Path.read_bytes)


@pytest.mark.parametrize(
    "packages",
    [
        "\n    net:\n      http:\n        a: 1\n    nothing:",  # null is no package
        "\n    net:\n      http:\n        a: 1\n      light: on",  # nor is text a component
        "\n    net:\n      - http:",
        "\n    My Net:\n      http:",
    ],
)
def test_a_package_that_does_not_count_is_left_alone(tmp_path: Path, packages: str) -> None:
    config(tmp_path, {"configuration.yaml": PACKAGES.format(packages)})
    assert find_http(tmp_path, Path.read_bytes) is None
    assert plan_http_removal(tmp_path, Path.read_bytes) == ()


def test_the_errors_of_the_reader_pass_through(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        find_http(tmp_path, Path.read_bytes)
