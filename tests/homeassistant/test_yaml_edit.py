"""Edits of one YAML file, by example: the shapes that people have, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from housekey.errors import YamlRefused
from housekey.homeassistant.yaml_edit import HttpBlock, http_block, remove_http, set_http
from tests.homeassistant.yaml_reference import TAGS, Tagged, say

SOURCE = Path("/config/configuration.yaml")
PAIR = {"ssl_certificate": "/config/certificate.pem", "ssl_key": "/config/privkey.pem"}
LINES = "ssl_certificate: /config/certificate.pem\n", "ssl_key: /config/privkey.pem\n"


def edited(text: str, changes: dict[str, str | int | None] | None = None) -> str:
    new = {**PAIR} if changes is None else changes
    return set_http(text.encode(), new, source=SOURCE).decode()


def removed(text: str) -> str:
    return remove_http(text.encode(), source=SOURCE).decode()


def block(indent: int = 2) -> str:
    return "".join(" " * indent + line for line in LINES)


# A file like a real user's, from the first start of Home Assistant and a few years on.
REAL = """\
\ufeff# Loads default set of integrations. Do not remove.
default_config:

# Load frontend themes from the themes folder
frontend:
  themes: !include_dir_merge_named themes

automation: !include automations.yaml
script: !include scripts.yaml
scene: !include scenes.yaml

homeassistant:
  name: Zuhause   # nur für uns
  customize: !include customize.yaml
  packages: !include_dir_named packages
  auth_providers:
    - type: homeassistant

http:
  # behind the router
  use_x_forwarded_for: true
  trusted_proxies:
    - 172.30.33.0/24    # add-ons
    # - 192.168.1.0/24
  ip_ban_enabled: true

  login_attempts_threshold: 5

recorder:
    db_url: !secret recorder_db
    exclude: &noise
        domains: [ sun,  weather ]
logbook:
    exclude: *noise

template:
- sensor:
  - name: "Draußen: gefühlt"
    state: >-
      {{ states('sensor.out') | float - 2 }}

# EOF"""


def test_a_real_file_gains_two_lines_below_http_and_keeps_every_other_byte() -> None:
    expected = REAL.replace("http:\n  # behind", f"http:\n{block()}  # behind")
    assert edited(REAL) == expected
    assert edited(REAL.replace("\n", "\r\n")) == expected.replace("\n", "\r\n")


def test_a_real_file_loses_its_block_and_no_other_byte() -> None:
    start, end = REAL.index("http:\n"), REAL.index("\nrecorder:")
    assert removed(REAL) == REAL[:start] + REAL[end:]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("http:\n", f"http:\n{block()}"),
        ("http:", f"http:\n{block()}".rstrip("\n")),
        ("http:   # mine\n", f"http:   # mine\n{block()}"),
        ("http: ~\n", f"http:\n{block()}"),
        ("http: null # nothing\n", f"http: # nothing\n{block()}"),
        ("http:\n  # server_port: 8123\na: 1\n", f"http:\n{block()}  # server_port: 8123\na: 1\n"),
        ('"http":\r\n', '"http":\r\n' + block().replace("\n", "\r\n")),
        ("http: {}\n", "http: {" + ", ".join(LINES).replace("\n", "") + "}\n"),
        ("http:\n    server_port: 1\n", f"http:\n{block(4)}    server_port: 1\n"),
        ("http:\n   server_port: 1", f"http:\n{block(3)}   server_port: 1"),
        ("a:\n    b: 1\nhttp:\n", f"a:\n    b: 1\nhttp:\n{block(4)}"),
        ("http:\t# a tab\n", f"http:\t# a tab\n{block()}"),
        ("http:\n  server_port: 1\t# a tab\n", f"http:\n{block()}  server_port: 1\t# a tab\n"),
        ("# a\u2028http:\n  a: 1\x85b: 1\n", f"# a\u2028http:\n{block()}  a: 1\x85b: 1\n"),
        ("http: &mine\n  server_port: 1\n", f"http: &mine\n{block()}  server_port: 1\n"),
        (
            "b: &b {ssl_key: /x}\nhttp:\n  <<: *b\n",
            f"b: &b {{ssl_key: /x}}\nhttp:\n{block()}  <<: *b\n",
        ),
        ("---\nhttp:\n...\n# end\n", f"---\nhttp:\n{block()}...\n# end\n"),
        ("  a: 1\n  http:\n", f"  a: 1\n  http:\n{block(4)}"),
    ],
)
def test_an_existing_block_gains_its_lines(before: str, after: str) -> None:
    assert edited(before) == after
    assert say(after.encode())["http"].items() >= PAIR.items()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"http:\n{block()}"),
        ("\ufeff", f"\ufeffhttp:\n{block()}"),
        ("# nothing\n", f"# nothing\nhttp:\n{block()}"),
        ("---\n", f"---\nhttp:\n{block()}"),
        ("---\n...\n", f"---\nhttp:\n{block()}...\n"),
        ("a:\n\n\n", f"a:\n\n\nhttp:\n{block()}"),
        ("a: 1", f"a: 1\nhttp:\n{block()}".rstrip("\n")),
        ("a: 1\r\n# c", f"a: 1\n# c\nhttp:\n{block()}".rstrip("\n").replace("\n", "\r\n")),
        ("a: 1\n...\n# end", f"a: 1\nhttp:\n{block()}...\n# end"),
        ("  a:\n     b: 1\n", f"  a:\n     b: 1\n  http:\n{block(5)}"),
        ("{}", "{http: {" + ", ".join(LINES).replace("\n", "") + "}}"),
        ("{a: 1}\n", "{http: {" + ", ".join(LINES).replace("\n", "") + "}, a: 1}\n"),
        ("a: |\n  text without an end", f"http:\n{block()}a: |\n  text without an end"),
        ("a: |+\n  text\n\n", f"a: |+\n  text\n\nhttp:\n{block()}"),
        ("a:\n  http: [http]\n", f"a:\n  http: [http]\nhttp:\n{block()}"),
    ],
)
def test_a_missing_block_is_added_and_can_be_taken_back(before: str, after: str) -> None:
    assert edited(before) == after
    assert removed(after) == before


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("ssl_key: /old.pem # mine", "ssl_key: /new.pem # mine"),
        ("ssl_key: '/old key.pem'", "ssl_key: /new.pem"),
        ("ssl_key: !secret key # mine", "ssl_key: /new.pem # mine"),
        ('"ssl_key" : /old.pem', '"ssl_key" : /new.pem'),
        ("ssl_key:", "ssl_key: /new.pem"),
        ("ssl_key:   # none", "ssl_key: /new.pem   # none"),
        ("ssl_key:\n    /old.pem", "ssl_key:\n    /new.pem"),
        ("ssl_key: >-\n    /old\n    .pem\n\n  # next", "ssl_key: /new.pem\n\n  # next"),
        ("ssl_key:\n    - /old.pem # mine\n", "ssl_key: /new.pem # mine\n"),
        ('ssl_key: "/new.pem"', 'ssl_key: "/new.pem"'),
        ("ssl_key: /new.pem", "ssl_key: /new.pem"),
    ],
)
def test_a_value_is_replaced_where_it_stands(before: str, after: str) -> None:
    around = "a: 1\nhttp:\n  server_port: 1\n  {}\n  ip_ban_enabled: true\nb: 2\n"
    changed = edited(around.format(before), {"ssl_key": "/new.pem"})
    assert changed == around.format(after)


def test_a_port_stays_a_number() -> None:
    assert edited("http:\n  server_port: '8123'\n", {"server_port": 8123}) == (
        "http:\n  server_port: 8123\n"
    )
    assert edited("http: {server_port: 80}", {"server_port": 443}) == "http: {server_port: 443}"


@pytest.mark.parametrize(
    "path",
    ["/a b", "/a#b", "/ä/🔑", "C:\\ssl", 'say "x"', "relative", "~", "yes", "", "\t\x85\x00"],
)
def test_a_path_is_read_back_as_it_was_given(path: str) -> None:
    for before in ("", "http: {}", "http:\n  ssl_key: 1\n"):
        assert say(edited(before, {"ssl_key": path}).encode())["http"]["ssl_key"] == path


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"http:\n{block()}a: 1\n", "http:\na: 1\n"),
        (f"http:\n  # mine\n{block()}  server_port: 1\n", "http:\n  # mine\n  server_port: 1\n"),
        ("http: {ssl_key: /x, server_port: 1, ssl_certificate: /y}", "http: {server_port: 1}"),
        ("http: {ssl_key: /x, ssl_certificate: /y}\n", "http: {}\n"),
        ("http:\n  server_port: 1\n", "http:\n  server_port: 1\n"),
        ("a: 1\n", "a: 1\n"),
        ("http:\n  ssl_key:\n\n    # where\n    /x # k\n\n  a: 1\n", "http:\n\n  a: 1\n"),
    ],
)
def test_a_key_is_taken_out_with_its_lines(before: str, after: str) -> None:
    assert edited(before, {"ssl_certificate": None, "ssl_key": None}) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("http: !include http.yaml\na: 1\n", "a: 1\n"),
        ("http:\n  a: 1\n  # b: 1\nc: 1\n", "  # b: 1\nc: 1\n"),
        ("a: 1\nhttp: {x: 1,\n  y: 2} # c\nb: 2\n", "a: 1\nb: 2\n"),
        ("http:\n  a:\n  -\n# of b\nb: 2\n", "# of b\nb: 2\n"),
        ("http:\n  a: |\n    x\n\n# of b\nb: 2\n", "\n# of b\nb: 2\n"),
        ("a: 1\r\nhttp:\r\n  b: 1", "a: 1"),
        ("a: |\n  x\nhttp:\n  b: 1", "a: |\n  x\n"),
        ("{a: 1, http: {b: 1}}", "{a: 1}"),
        ("a: 1\n", "a: 1\n"),
    ],
)
def test_a_block_is_taken_out_with_its_lines(before: str, after: str) -> None:
    assert removed(before) == after


def test_a_block_in_a_package_is_edited_at_its_own_depth() -> None:
    text = (
        "homeassistant:\n  packages:\n    door:\n      http:\n        server_port: 1\n    b: {}\n"
    )
    at = ("homeassistant", "packages", "door", "http")
    changed = set_http(text.encode(), PAIR, source=SOURCE, at=at).decode()
    assert changed == text.replace("http:\n", f"http:\n{block(8)}")
    without = remove_http(text.encode(), source=SOURCE, at=at)
    assert say(without) == {"homeassistant": {"packages": {"door": {}, "b": {}}}}
    assert without.decode().splitlines()[:3] == [*text.splitlines()[:2], "    door: {}"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "".join(LINES)),
        ("# mine\n", "# mine\n" + "".join(LINES)),
        ("server_port: 1", "server_port: 1\n" + "".join(LINES).rstrip("\n")),
        ("ssl_key: /x\nssl_certificate: !secret c\n", LINES[1] + LINES[0]),
    ],
)
def test_a_file_that_is_the_block_is_edited_at_its_top_level(before: str, after: str) -> None:
    assert set_http(before.encode(), PAIR, source=SOURCE, at=()).decode() == after


def test_what_a_block_says_is_read_with_its_tags() -> None:
    text = b"http:\n  ssl_key: !secret k\n  server_port: 1\n  trusted_proxies: [a]\n  x: ~\n"
    assert http_block(text, source=SOURCE) == HttpBlock(
        exists=True, settings={"ssl_key": "!secret k", "server_port": "1"}
    )
    assert http_block(b"a: 1\n", source=SOURCE) == HttpBlock(exists=False, settings={})
    assert http_block(b"http:\n", source=SOURCE) == HttpBlock(exists=True, settings={})
    included = http_block(b"http: !include h.yaml\n", source=SOURCE)
    assert included == HttpBlock(exists=True, settings={}, elsewhere="!include h.yaml")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"a: 1\n---\nb: 1\n", "several documents"),
        (b"http:\n  a: 1\nhttp:\n  b: 1\n", "http: twice"),
        (b"http:\n  ssl_key: /a\n  ssl_key: /b\n", "ssl_key: twice"),
        (b"http: &h\n  a: 1\nother: *h\n", "anchor"),
        (b"x: &h\n  a: 1\nhttp: *h\n", "anchor"),
        (b"http:\n  ssl_key: &k /a\nother: *k\n", "&k"),
        (b"x: &x\n  http:\n    a: 1\n<<: *x\n", "merge"),
        (b"http: !secret http\n", "elsewhere (!secret http)"),
        (b"http: !include http.yaml\n", "elsewhere"),
        (b"http: !include_dir_merge_named http\n", "elsewhere"),
        (b"http: !!map\n  a: 1\n", "not a plain mapping"),
        (b"http: yes please\n", "not a plain mapping"),
        (b"http: [a]\n", "not a plain mapping"),
        (b"- a\n- b\n", "the file is not a plain mapping"),
        (b"text\n", "not a plain mapping"),
        (b"http:\n\tserver_port: 1\n", "not valid YAML (line 2)"),
        (b"a: [1\n", "not valid YAML"),
        (b"? http\n: a: 1\n", "no colon"),
        (b"x: &k http\n*k : {a: 1}\n", "unusual"),
        (b"a: caf\xe9\n", "UTF-8"),
        ("a: 1\n".encode("utf-16"), "UTF-8"),
        (b"%YAML 1.1\n---\na: 1\n", "directive"),
        (b"a: 1\n\xef\xbb\xbfb: 1\n", "U+FEFF"),
        (b"a: \x00\n", "not valid YAML"),
        (b"[" * 5000, "nested too deeply"),
    ],
)
def test_what_cannot_be_edited_safely_is_refused_with_the_lines(text: bytes, reason: str) -> None:
    with pytest.raises(YamlRefused) as refused:
        set_http(text, PAIR, source=SOURCE)
    assert reason in refused.value.message
    assert refused.value.path == SOURCE
    assert refused.value.lines == tuple(line.strip() for line in LINES)


def test_a_key_from_a_merge_is_overridden_but_not_taken_out() -> None:
    text = "b: &b {ssl_key: /x}\nhttp:\n  <<: *b\n  server_port: 1\n"
    assert say(edited(text).encode())["http"] == {**PAIR, "server_port": 1}
    with pytest.raises(YamlRefused, match="merge") as refused:
        edited(text, {"ssl_key": None})
    assert refused.value.hint == "take out by hand: ssl_key"


def test_a_comment_of_the_block_does_not_become_text_of_the_value_above() -> None:
    assert removed("a: |\n  text\nhttp:\n  b: 1\n\n  # c: 1\n# d\ne: 1\n") == (
        "a: |\n  text\n# d\ne: 1\n"
    )


def test_every_tag_of_home_assistant_survives() -> None:
    text = "".join(f"{tag[1:]}: {tag} x\n" for tag in TAGS)
    said = say(edited(text).encode())
    assert said == {**{tag[1:]: Tagged(tag, "x") for tag in TAGS}, "http": PAIR}
