"""Texts are read as people paste them, and nothing is read into a text that says nothing."""

from __future__ import annotations

import re
import tracemalloc
from pathlib import Path
from re import _constants, _parser  # type: ignore[attr-defined]  # there is no public way in
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from housekey.homeassistant import messages as home_assistant
from housekey.platforms.messages.catalogue import MESSAGES
from housekey.platforms.messages.explain import Reader, explain
from housekey.platforms.messages.wording import HOLES, Wording, plain, wordings
from tests.docs.test_docs import wrong_calls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from housekey.platforms.messages.model import Message

CATALOGUE = (*home_assistant.MESSAGES, *MESSAGES)
_CHECKOUT = Path(__file__).parents[3]
_SAMPLES = {
    "host": "ha.lan",
    "client": "192.168.1.30",
    "path": "/ssl/fullchain.pem",
    "port": "8123",
    "setting": "ssl_certificate",
    "component": "http",
}


def matters(text: str) -> list[str]:
    return [each.matter.id for each in explain(text, CATALOGUE)]


def sample(text: str) -> str:
    """A message as it would be printed."""
    for kind, value in _SAMPLES.items():
        text = text.replace(f"{{{kind}}}", value)
    return text.replace("…", " and so on ")


# Parts of messages, for texts that are nearly one.
_PIECES = sorted({word for each in CATALOGUE for text in each.texts for word in text.split()})

# ---- the catalogue


def test_there_are_enough_messages_and_each_is_said_once() -> None:
    assert len(CATALOGUE) >= 150
    assert len({each.id for each in CATALOGUE}) == len(CATALOGUE)
    texts = [text for each in CATALOGUE for text in each.texts]
    assert len(set(texts)) == len(texts)
    numbers = [number for each in CATALOGUE for number in each.alone]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("message", CATALOGUE, ids=lambda each: each.id)
def test_every_text_of_a_message_is_found_in_any_case_and_behind_a_log_s_prefix(
    message: Message,
) -> None:
    for text in message.texts:
        for said in (text, text.upper(), text.lower()):
            line = f"2026-11-24 10:00:00.001 ERROR [x] {sample(said)}"
            line = sample(line.replace("{HOST}", "{host}").replace("{PATH}", "{path}"))
            line = re.sub(r"\{[A-Z]+\}", lambda hole: _SAMPLES[hole[0][1:-1].lower()], line)
            assert message.matter.id in matters(line), line
    for number in message.alone:
        assert matters(f" {number}\n") == [message.matter.id]


@pytest.mark.parametrize("message", CATALOGUE, ids=lambda each: each.id)
def test_every_message_has_a_source_a_cause_and_a_next_step(message: Message) -> None:
    assert message.source
    assert message.matter.causes
    assert message.matter.steps
    assert all(re.fullmatch(r"[A-Z]+-\d\d", rule) for rule in message.rules)
    for text in (message.matter.means, *message.matter.causes, *message.matter.steps):
        assert "{" not in re.sub(r"\{(host|path|client|port|setting|component)\}", "", text)
    assert message.matter.means.endswith(".")


def test_every_command_that_an_answer_names_exists() -> None:
    steps = {step for each in CATALOGUE for step in (*each.steps, *each.matter.steps)}
    wrong = {step: list(wrong_calls(step.replace("{host}", "ha.lan"))) for step in steps}
    assert {step: found for step, found in wrong.items() if found} == {}
    # Every mention of a command is marked as one, so that this test sees it.
    unmarked = [step for step in steps if re.search(r"(?<!`)housekey (?!house$)[a-z]+ ", step)]
    assert [s for s in unmarked if not re.search("housekey (writes|never|had|began)", s)] == []


def test_one_matter_is_one_record() -> None:
    by_id: dict[str, object] = {}
    for each in CATALOGUE:
        assert by_id.setdefault(each.matter.id, each.matter) == each.matter


# ---- reading


@pytest.mark.parametrize(
    ("text", "matter"),
    [
        ("NET::ERR_CERT_AUTHORITY_INVALID", "untrusted"),
        ("net::err_cert_authority_invalid", "untrusted"),
        ("ERR_CERT_AUTHORITY_INVALID", "untrusted"),
        ("(failed)net::ERR_CERT_DATE_INVALID", "dates"),
        ("-202", "untrusted"),
        ("[12:34:56.789:ERROR:cert_verify_proc.cc] handshake failed; net_error -200", "name"),
        ("Fehlercode: SEC_ERROR_UNKNOWN_ISSUER", "untrusted"),
        ("Code d’erreur : SSL_ERROR_BAD_CERT_DOMAIN", "name"),
        ("Error code: MOZILLA_PKIX_ERROR_CA_CERT_USED_AS_END_ENTITY", "ca-as-leaf"),
        # Apple, as URLSession logs it (github.com, home-assistant/iOS issue #4381 and others)
        (
            (
                "Error Domain=NSURLErrorDomain Code=-1202 “The certificate for this server is"
                " invalid. You might be connecting to a server that is pretending to be"
                " “ha.lan” which could put your confidential information at risk.”"
            ),
            "untrusted",
        ),
        ("The operation couldn’t be completed. (NSURLErrorDomain error -1001.)", "local-network"),
        ("Trust evaluate failure: [leaf OtherTrustValidityPeriod]", "too-long"),
        ("“ha.lan” certificate is not standards compliant: -67901", "too-long"),
        ("x509: “ha.lan” certificate name does not match input", "name"),
        # Android (home-assistant/android issues #3153, #5891)
        (
            (
                "Caused by: java.security.cert.CertPathValidatorException: Trust anchor for"
                " certification path not found."
            ),
            "untrusted",
        ),
        (
            (
                "Unable to connect to Home Assistant. The Home Assistant certificate authority is"
                " not trusted, please review the Home Assistant certificate or the connection"
                " settings and try again."
            ),
            "untrusted",
        ),
        (
            (
                "javax.net.ssl.SSLPeerUnverifiedException: Hostname ha.lan not verified:"
                " certificate: sha256/AAAA= DN: CN=x subjectAltNames: []"
            ),
            "name",
        ),
        # Windows (curl issues #12239, #14315; curl pull request #6018)
        (
            (
                "curl: (35) schannel: next InitializeSecurityContext failed:"
                " CRYPT_E_NO_REVOCATION_CHECK (0x80092012) - The revocation function was unable to"
                " check revocation for the certificate."
            ),
            "revocation",
        ),
        (
            (
                "curl: (35) schannel: next InitializeSecurityContext failed: Unknown error"
                " (0x80092013) - Die Sperrfunktion konnte keine Sperrprüfung durchführen."
            ),
            "revocation",
        ),
        (
            (
                "schannel: SEC_E_UNTRUSTED_ROOT (0x80090325) - The certificate chain was issued by"
                " an authority that is not trusted."
            ),
            "untrusted",
        ),
        # ESP-IDF and Arduino
        ("E (95809) esp-tls-mbedtls: mbedtls_ssl_handshake returned -0x2700", "unverified"),
        ("E (15660) esp-x509-crt-bundle: Failed to verify certificate", "untrusted"),
        ("mbedtls_x509_crt_parse returned -0x2562", "critical"),
        # a proxy's log
        (
            (
                "2026/11/24 10:00:00 [info] 7#7: *5 client sent plain HTTP request to HTTPS port"
                " while reading client request headers, client: 192.168.1.30, server: ha.lan"
            ),
            "plain-to-tls",
        ),
        # Home Assistant: core issue #4979, and the words of its own source
        (
            (
                "ssl.SSLError: [SSL: SSLV3_ALERT_BAD_CERTIFICATE] sslv3 alert bad certificate"
                " (_ssl.c:645)"
            ),
            "client-refuses",
        ),
        (
            (
                "Invalid config for [http]: not a file for dictionary value @"
                " data['http']['ssl_certificate']. Got '/ssl/fullchain.pem'. (See"
                " /config/configuration.yaml, line 9)."
            ),
            "ha-not-a-file",
        ),
        (
            (
                "Invalid config for 'http' at configuration.yaml, line 9: not a file for dictionary"
                " value 'http->ssl_certificate', got '/ssl/fullchain.pem'"
            ),
            "ha-not-a-file",
        ),
        ("file not readable for dictionary value 'http->ssl_key'", "ha-not-readable"),
        (
            (
                "Could not use SSL certificate from /ssl/a b.pem: [X509: KEY_VALUES_MISMATCH] key"
                " values mismatch (_ssl.c:3926)"
            ),
            "key-mismatch",
        ),
        ('"error": "not_promoted"', "ha-not-confirmed"),
        ('{"error": "apply_failed", "error_message": "…"}', "ha-apply-failed"),
        (
            "Login attempt failed\nBanned IP 192.168.1.7 for too many login attempts",
            "ha-banned",
        ),
    ],
)
def test_what_people_paste_is_understood(text: str, matter: str) -> None:
    assert matters(text)[:1] == [matter]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (
            (
                "curl: (60) SSL: no alternative certificate subject name matches target host name"
                " 'printer.lan'"
            ),
            {"host": "printer.lan"},
        ),
        ("Hostname 192.168.1.20 not verified:", {"host": "192.168.1.20"}),
        (
            "x509: certificate is valid for a.lan, b.lan, not ha.lan",
            {"host": "ha.lan"},
        ),
        (
            "not a file for dictionary value 'http->ssl_key', got '/ssl/key.pem'",
            {"setting": "http->ssl_key", "path": "/ssl/key.pem"},
        ),
        (
            (
                "A request from a reverse proxy was received from 172.30.33.4, but your HTTP"
                " integration is not set-up for reverse proxies"
            ),
            {"client": "172.30.33.4"},
        ),
        ("Failed to create HTTP server at port 8123: [Errno 98]", {"port": "8123"}),
    ],
)
def test_the_values_of_a_message_come_into_the_answer(text: str, values: dict[str, str]) -> None:
    (told, *_) = explain(text, CATALOGUE)
    assert dict(told.values) == values


def test_a_name_in_the_text_is_filled_into_the_commands() -> None:
    (told,) = explain("Hostname printer.lan not verified", CATALOGUE)
    assert any("housekey cert new printer.lan" in step for step in told.steps)
    (told,) = explain("ERR_CERT_COMMON_NAME_INVALID", CATALOGUE)
    assert any("housekey cert new ADDRESS" in step for step in told.steps)


def test_nothing_that_could_harm_comes_from_a_text_into_a_command_or_a_terminal() -> None:
    (told,) = explain("Hostname a;reboot$(x)`y` not verified, SSL_ERROR_BAD_CERT_DOMAIN", CATALOGUE)
    assert not any("reboot" in step for step in told.steps)
    (told,) = explain("\x1b]0;title\x07\x1b[31mERR_CERT_DATE_INVALID\x1b[0m \u202e", CATALOGUE)
    assert told.seen[0].text.isprintable()


def test_a_log_tells_each_message_once_with_its_count_and_its_first_line() -> None:
    lines = ["nothing"] * 9 + ["ERR_CERT_DATE_INVALID twice: ERR_CERT_DATE_INVALID"] * 3
    (told,) = explain("\n".join(lines), CATALOGUE)
    assert [(each.line, each.count) for each in told.seen] == [(10, 3)]


def test_the_cause_is_told_before_what_it_led_to() -> None:
    text = (
        "ERROR [homeassistant.setup] Setup failed for 'http': Could not use SSL certificate from"
        " /ssl/cert.pem: [X509: KEY_VALUES_MISMATCH] key values mismatch\n"
        "WARNING [homeassistant.bootstrap] Detected that frontend did not load. Activating"
        " recovery mode\n"
    )
    assert matters(text) == ["key-mismatch", "ha-recovery"]
    assert matters("\n".join(reversed(text.splitlines()))) == ["key-mismatch", "ha-recovery"]


def test_a_wrapper_keeps_quiet_where_something_says_more() -> None:
    text = "curl: (60) SSL certificate problem: certificate has expired"
    assert matters(text) == ["ended"]
    assert matters("curl: (60) SSL certificate problem: something new") == ["unverified"]
    assert matters(f"Your connection is not private\n\n{text}") == ["ended"]


def test_a_sentence_that_a_window_has_folded_is_read_as_one() -> None:
    assert matters("unable to get local\nissuer certificate") == ["untrusted"]
    log = "unable to get local\nissuer certificate" + "\nsomething else happened here" * 100
    assert matters(log) == []


def test_a_code_is_not_found_inside_a_longer_one() -> None:
    assert matters("MY_ERR_CERT_DATE_INVALID ERR_CERT_DATE_INVALID_2 -12020 1202 x-202") == []
    assert matters("the temperature is -202 degrees, error -1202 of my own") == []


# ---- bounds


def _subpatterns(parsed: Any) -> Iterator[tuple[Any, Any]]:
    for operation, argument in parsed:
        yield operation, argument
        for part in argument if isinstance(argument, tuple) else (argument,):
            if isinstance(part, _parser.SubPattern):
                yield from _subpatterns(part)


def test_no_pattern_tries_anything_twice() -> None:
    """Every repetition is of single characters, bounded, and in an atomic group of its own."""
    repeats = (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT)
    for message in CATALOGUE:
        for wording in wordings(message.texts):
            parsed = _parser.parse(wording.expression)
            for operation, _ in parsed:  # outside of every group: no repetition
                assert operation not in repeats, wording.text
            for operation, argument in _subpatterns(parsed):
                if operation in repeats:
                    _, most, repeated = argument
                    assert most <= 400, wording.text
                    assert len(repeated) == 1, wording.text
                    assert repeated[0][0] in (_constants.IN, _constants.ANY), wording.text
                assert operation != _constants.BRANCH, wording.text


def test_a_text_that_could_not_be_looked_for_safely_is_refused() -> None:
    for text in ("… begins with a gap", "{host} begins with a value", "(…)"):
        with pytest.raises(ValueError, match="a text begins"):
            Wording.of(text)
    assert set(_SAMPLES) == set(HOLES)


@given(st.lists(st.one_of(st.text(), st.sampled_from(_PIECES)), max_size=30).map(" ".join))
@settings(max_examples=300, deadline=None)
def test_no_text_is_too_strange(text: str) -> None:
    for told in explain(text, CATALOGUE):
        assert all(each.text.isprintable() for each in told.seen)
        assert all(map(str.isprintable, (told.means, *told.causes, *told.steps)))


def test_a_hostile_line_ends() -> None:
    for text in ("alert unknown ca ", "certificate is valid for ", "Hostname a ", "'\"`{[(" * 9):
        assert isinstance(matters(text * 40_000), list)


def test_a_message_in_a_very_long_line_is_found_wherever_it_stands() -> None:
    for before in range(3_900, 4_100, 7):
        (told,) = explain("x" * before + " ERR_CERT_DATE_INVALID " + "y" * 9_000, CATALOGUE)
        assert told.seen[0].count == 1
        assert "ERR_CERT_DATE_INVALID" in told.seen[0].text
        assert len(told.seen[0].text) < 500


def test_what_is_kept_of_a_log_does_not_grow_with_it() -> None:
    def log(lines: int) -> Iterator[str]:
        for number in range(lines):
            yield f"{number} ERR_CERT_DATE_INVALID and {'much more ' * 20}"

    tracemalloc.start()
    reader = Reader(CATALOGUE)
    reader.read(log(10_000))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert reader.explanations()[0].seen[0].count == 10_000
    assert most < sum(map(len, log(10_000))) / 10


# ---- no false alarm


@pytest.mark.parametrize(
    "page",
    ["README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/phones.md", "docs/secure.md",
     "docs/renewal.md", "docs/recovery.md", "docs/threat-model.md", "docs/performance.md"],
)  # fmt: skip
def test_prose_about_certificates_explains_nothing(page: str) -> None:
    text = (_CHECKOUT / page).read_text()
    text = "\n".join(line for line in text.splitlines() if "housekey explain" not in line)
    assert matters(text) == []


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-24 10:00:00.123 INFO (MainThread) [homeassistant.core] Starting Home Assistant",
        "Setup of domain http took 0.02 seconds",
        "Now listening on port 8123",
        "Home Assistant initialized in 2.31s",
        "Unable to connect to Home Assistant.",
        "The certificate was renewed; the certificate is good until 2027.",
        "certificate verification is on; hostname ha.lan verified",
        "Error -3 while reading the sensor; code 202; error 35; (60)",
        "error: there is no house in /root/.local/share/housekey",
        "hint: housekey secure creates one",
        "WARNING [homeassistant.components.mqtt] Connection refused by broker",
        "Client disconnected: connection closed",
        "",
    ],
)
def test_ordinary_lines_explain_nothing(line: str) -> None:
    assert matters(line) == []


def test_a_line_is_shown_plain() -> None:
    assert plain("a\tb \x1b[1mc\x1b[0m ‘d’ \x00e") == "a b c 'd' e"
