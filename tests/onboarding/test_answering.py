"""Which requests get through to the page or the proof: by Host header, method, body and path."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housekey.onboarding.answering import Admitted, Asked, Hosts, Refused, SecureHosts, admit

OFFERED = ("HomeAssistant.local", "ha", "192.168.1.5", "fd00::5", "fe80::1%eth0")
HOSTS = Hosts(OFFERED, 8125)
ASKED = Asked("GET", "/", {"host": ["homeassistant.local:8125"]}, has_body=False, address="")


@pytest.mark.parametrize(
    ("header", "host"),
    [
        ("homeassistant.local:8125", "HomeAssistant.local"),
        ("HOMEASSISTANT.LOCAL:8125", "HomeAssistant.local"),
        ("ha:8125", "ha"),
        ("192.168.1.5:8125", "192.168.1.5"),
        ("[fd00::5]:8125", "fd00::5"),
        ("[FD00:0:0::5]:8125", "fd00::5"),
        ("[fe80::1]:8125", "fe80::1%eth0"),  # a browser leaves the scope out
    ],
)
def test_an_offered_host_is_found(header: str, host: str) -> None:
    assert HOSTS.find(header) == host


@pytest.mark.parametrize(
    "header",
    [
        "",
        "homeassistant.local",
        "homeassistant.local:80",
        "homeassistant.local:8126",
        "homeassistant.local:",
        "homeassistant.local:08125x",
        "homeassistant.local:8125:8125",
        "homeassistant.local:8125 ",
        " homeassistant.local:8125",
        "homeassistant.local:8125,ha:8125",
        "homeassistant.local:8125/",
        "homeassistant.local:8125\n",
        "homeassistant.local:٨١٢٥",
        "homeassistant.local.:8125",
        "xhomeassistant.local:8125",
        "homeassistant.local.attacker.example:8125",
        "rebound.attacker.example:8125",
        "attacker@homeassistant.local:8125",
        "homeassistant.local:8125@attacker.example",
        "http://homeassistant.local:8125",
        "localhost:8125",
        "127.0.0.1:8125",
        "[::1]:8125",
        "192.168.1.50:8125",
        "192.168.1.5.:8125",
        "192.168.1.05:8125",
        "192.168.1.5.nip.io:8125",
        "3232235781:8125",
        "0xc0a80105:8125",
        "fd00::5:8125",
        "[fd00::5:8125",
        "[fd00::5]8125",
        "[fd00::5%25eth0]:8125",
        "[::ffff:192.168.1.5]:8125",
        "[homeassistant.local]:8125",
        "xn--homeassistant-.local:8125",
        "ha\x00:8125",
        "*:8125",
    ],
)
def test_any_other_host_is_not(header: str) -> None:
    assert HOSTS.find(header) is None
    answer = admit(dataclasses.replace(ASKED, headers={"host": [header]}), HOSTS)
    assert isinstance(answer, Refused)
    assert (answer.status, answer.reason) == (421, "wrong-host")


@given(st.text(max_size=300))
def test_no_header_crashes_it(header: str) -> None:
    assert HOSTS.find(header) is None or header.lower().rstrip("0123456789")[-1] == ":"


@pytest.mark.parametrize("given_hosts", [[], ["ha:8125", "ha:8125"], ["ha:8125", "evil:8125"]])
def test_no_host_and_two_are_refused(given_hosts: list[str]) -> None:
    answer = admit(dataclasses.replace(ASKED, headers={"host": given_hosts}), HOSTS)
    assert isinstance(answer, Refused)
    assert (answer.status, answer.reason) == (400, "wrong-host")


def test_the_usual_port_may_be_left_out_and_no_other() -> None:
    assert Hosts(OFFERED, 80).find("ha") == Hosts(OFFERED, 80).find("ha:80") == "ha"
    assert SecureHosts(OFFERED, 443).find("ha") == SecureHosts(OFFERED, 443).find("ha:443") == "ha"
    assert SecureHosts(OFFERED, 443).find("[fd00::5]") == "fd00::5"
    assert SecureHosts(OFFERED, 443).find("ha:80") is None
    assert SecureHosts(OFFERED, 8126).find("ha") is None
    assert Hosts(OFFERED, 443).find("ha") is None


def test_the_origins_are_those_that_browsers_send() -> None:
    assert set(HOSTS.origins()) == {
        "http://homeassistant.local:8125",
        "http://ha:8125",
        "http://192.168.1.5:8125",
        "http://[fd00::5]:8125",
        "http://[fe80::1]:8125",
    }
    assert set(Hosts(("ha",), 80).origins()) == {"http://ha"}


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "get", "PROPFIND"]
)
def test_nothing_can_be_done_but_look(method: str) -> None:
    answer = admit(dataclasses.replace(ASKED, method=method), HOSTS)
    assert isinstance(answer, Refused)
    assert (answer.status, answer.reason) == (405, "bad-request")
    assert answer.answer().headers["Allow"] == "GET, HEAD"


def test_a_body_is_refused() -> None:
    answer = admit(dataclasses.replace(ASKED, has_body=True), HOSTS)
    assert isinstance(answer, Refused)
    assert (answer.status, answer.reason) == (413, "too-large")


@pytest.mark.parametrize(
    "target",
    [
        "http://homeassistant.local:8125/",
        "http://attacker.example/",
        "*",
        "",
        "?kind=mac",
        "/?" + "&".join(f"a{number}=1" for number in range(20)),
    ],
)
def test_a_target_that_is_no_path_is_refused(target: str) -> None:
    answer = admit(dataclasses.replace(ASKED, target=target), HOSTS)
    assert isinstance(answer, Refused)
    assert (answer.status, answer.reason) == (400, "bad-request")


def test_the_first_of_two_equal_fields_counts_and_the_path_is_not_decoded() -> None:
    asked = dataclasses.replace(ASKED, target="/%2e%2e//a?kind=mac&kind=ipad&empty=&lang=%64e")
    assert admit(asked, HOSTS) == Admitted(
        "HomeAssistant.local", "/%2e%2e//a", {"kind": "mac", "empty": "", "lang": "de"}
    )


@given(st.text(max_size=200))
def test_no_target_crashes_it(target: str) -> None:
    admit(dataclasses.replace(ASKED, target=target), HOSTS)


def test_a_refusal_repeats_nothing_of_the_request_and_is_kept_by_nobody() -> None:
    asked = dataclasses.replace(ASKED, headers={"host": ["<script>.example"]})
    refused = admit(asked, HOSTS)
    assert isinstance(refused, Refused)
    answer = refused.answer()
    assert b"script" not in answer.body
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
