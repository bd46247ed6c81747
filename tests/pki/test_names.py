"""Which names a certificate may carry, and what is said of the others."""

from __future__ import annotations

import re
import subprocess
import sys
from ipaddress import IPv4Address, IPv6Address

import pytest
from cryptography import x509
from hypothesis import example, given
from hypothesis import strategies as st

from housekey.errors import NameRefused
from housekey.pki.names import DnsName, IpName, name_of_san, parse_name, to_general_name

LABEL = st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True).filter(
    lambda label: not label.startswith("xn--")
)
HOST = st.lists(LABEL, min_size=1, max_size=5).map(".".join)
ADDRESS = st.ip_addresses().map(str)
ODD_TEXT = st.text(
    alphabet=st.one_of(
        st.sampled_from("aZ0-._*:/[]%@ \t\n\0。．ßüé٣１\u00ad\u200d\ud800"), st.characters()
    ),
    max_size=40,
)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("homeassistant.local", "homeassistant.local"),
        ("HomeAssistant.LOCAL", "homeassistant.local"),
        ("ha.lan.", "ha.lan"),
        ("myserver", "myserver"),
        ("r3---sn-a.lan", "r3---sn-a.lan"),
        ("4you.lan", "4you.lan"),
        ("1.lan", "1.lan"),
        ("*.house.lan", "*.house.lan"),
        ("*.x.home.arpa", "*.x.home.arpa"),
        ("*.myhome.duckdns.org", "*.myhome.duckdns.org"),
        ("Küche.local", "xn--kche-0ra.local"),
        ("KÜCHE.local", "xn--kche-0ra.local"),
        ("xn--kche-0ra.local", "xn--kche-0ra.local"),
        ("*.Küche.local", "*.xn--kche-0ra.local"),
        ("straße.lan", "xn--strae-oqa.lan"),  # IDNA 2008: not "strasse", as IDNA 2003 has it
        ("Küche。local", "xn--kche-0ra.local"),  # the ideographic full stop is a dot to IDNA
        ("a" * 63 + ".lan", "a" * 63 + ".lan"),
        (".".join(["a" * 63] * 3 + ["b" * 61]), ".".join(["a" * 63] * 3 + ["b" * 61])),
    ],
)
def test_a_dns_name_becomes_lower_case_a_labels(text: str, name: str) -> None:
    assert parse_name(text) == DnsName(name)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.168.1.20", "192.168.1.20"),
        ("192.168.1.20.", "192.168.1.20"),
        ("127.0.0.1", "127.0.0.1"),
        ("169.254.3.4", "169.254.3.4"),
        ("FD00:0:0::1", "fd00::1"),
        ("[fd00::1]", "fd00::1"),
        ("::1", "::1"),
        ("fe80::1", "fe80::1"),
        ("::ffff:192.168.1.5", "192.168.1.5"),
        ("[::ffff:c0a8:105]", "192.168.1.5"),
    ],
)
def test_an_address_is_an_address_however_it_is_written(text: str, address: str) -> None:
    name = parse_name(text)
    assert isinstance(name, IpName)
    assert str(name) == address


@pytest.mark.parametrize(
    ("text", "reason", "hint"),
    [
        ("", "empty", "ha.lan"),
        (" ", "blank", "host name"),
        ("my server.lan", "blank", "myserver.lan"),
        ("ha.lan\n", "blank", "ha.lan"),
        ("my_server.lan", "underscore", "my-server"),
        ("_http._tcp.local", "underscore", "hyphen"),
        ("a" * 64 + ".lan", "64 characters", "host name"),
        (".".join(["a" * 63] * 3 + ["b" * 62]), "254 characters", "host name"),
        ("ü" * 254, "longer than 253", "host name"),
        ("-ha.lan", "begins or ends with a hyphen", "'ha'"),
        ("ha-.lan", "begins or ends with a hyphen", "'ha'"),
        ("-", "begins or ends with a hyphen", "a name"),
        ("ha..lan", "two dots", "ha.lan"),
        (".lan", "two dots", "ha.lan"),
        (".", "two dots", "ha.lan"),
        ("ha.lan..", "two dots", "ha.lan"),
        ("192.168.1.300", "ends in a number", "0 to 255"),
        ("192.168.01.3", "ends in a number", "0 to 255"),
        ("1.2.3", "ends in a number", "0 to 255"),
        ("3232235777", "ends in a number", "0 to 255"),
        ("ha.0x7f", "ends in a number", "0 to 255"),
        ("１９２.168.1.1", "ends in a number", "0 to 255"),
        ("*.192.168.1.1", "ends in a number", "0 to 255"),
        ("*.local", "wildcard directly above 'local'", "*.house.local"),
        ("*.lan", "wildcard directly above 'lan'", "*.house.lan"),
        ("*.internal", "wildcard directly above 'internal'", "*.house.internal"),
        ("*.home.arpa", "wildcard directly above 'home.arpa'", "*.house.home.arpa"),
        ("*", "first part", "*.house.lan"),
        ("*.", "first part", "*.house.lan"),
        ("**.house.lan", "first part", "*.house.lan"),
        ("ha*.lan", "first part", "*.house.lan"),
        ("ha.*.lan", "first part", "*.house.lan"),
        ("*.*.house.lan", "first part", "*.house.lan"),
        ("ha.lan:8123", "port", "ha.lan"),
        ("192.168.1.20:8123", "port", "192.168.1.20"),
        ("[fd00::1]:8123", "port", "fd00::1"),
        ("http://ha.lan:8123/lovelace?x#y", "address of a page", "ha.lan"),
        ("https://[fd00::1]/", "address of a page", "fd00::1"),
        ("https://me:pw@ha.lan", "address of a page", "ha.lan"),
        ("https://", "address of a page", "host name"),
        ("ha.lan/lovelace", "path", "ha.lan"),
        ("192.168.1.0/24", "whole network", "192.168.1.0"),
        ("me@ha.lan", "no letter, digit or hyphen", "letters"),
        ("fe80::1%eth0", "network card", "fe80::1"),
        ("[fe80::1%25eth0]", "network card", "fe80::1"),
        ("my%20server.lan", "no letter, digit or hyphen", "letters"),
        ("fd00:::1", "none", "host name"),
        ("[ha.lan]", "none", "ha.lan"),
        ("[192.168.1.20]", "none", "192.168.1.20"),
        ("0.0.0.0", "every address", "192.168.1.20"),
        ("::", "every address", "192.168.1.20"),
        ("::ffff:0.0.0.0", "every address", "192.168.1.20"),
        ("224.0.0.1", "group of devices", "192.168.1.20"),
        ("255.255.255.255", "group of devices", "192.168.1.20"),
        ("ff02::fb", "group of devices", "192.168.1.20"),
        ("xn--zzzzzz---.lan", "cannot have", "letters"),
        ("☃.local", "cannot have", "letters"),
        ("＊.house.lan", "cannot have", "letters"),
    ],
)
def test_a_name_that_some_platform_refuses_is_refused_with_reason_and_hint(
    text: str, reason: str, hint: str
) -> None:
    with pytest.raises(NameRefused) as refused:
        parse_name(text)
    assert reason in refused.value.reason
    assert hint in refused.value.hint


def test_a_refusal_does_not_repeat_a_megabyte() -> None:
    for megabyte in ("a" * 2**20, "ü" * 2**20, "*." * 2**19):
        with pytest.raises(NameRefused) as refused:
            parse_name(megabyte)
        assert len(str(refused.value)) < 400


@given(st.one_of(HOST, ADDRESS, HOST.map("*.{}".format), ODD_TEXT, st.text()))
@example("a.xn--a")
@example("[[::1]]")
@example("http://[")
@example("\ud800")
@example("%")
@example("[]")
def test_any_text_is_a_name_for_every_platform_or_refused(text: str) -> None:
    try:
        name = parse_name(text)
    except NameRefused:
        return
    assert parse_name(str(name)) == name
    entry = to_general_name(name)
    assert name_of_san(x509.SubjectAlternativeName([entry])[0]) == name
    if isinstance(name, DnsName):
        assert len(name.text) <= 253
        label = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
        assert re.fullmatch(rf"(\*\.{label}\.)?{label}(\.{label})*", name.text)


@given(HOST, st.data())
def test_case_and_a_trailing_dot_do_not_matter(host: str, data: st.DataObject) -> None:
    shouted = "".join(
        character.upper() if data.draw(st.booleans()) else character for character in host
    )
    assert parse_name(shouted + ".") == parse_name(host) == DnsName(host)


@given(st.ip_addresses(v=6))
def test_brackets_do_not_matter(address: IPv6Address) -> None:
    def read(text: str) -> str:
        try:
            return str(parse_name(text))
        except NameRefused as refused:
            return refused.reason

    assert read(f"[{address}]") == read(str(address)) == read(address.exploded)


def test_the_entries_of_a_foreign_certificate_are_read_as_they_are() -> None:
    assert name_of_san(x509.DNSName("My_Server.LAN.")) == DnsName("my_server.lan")
    assert name_of_san(x509.IPAddress(IPv4Address("0.0.0.0"))) == IpName(IPv4Address("0.0.0.0"))
    assert name_of_san(x509.RFC822Name("me@example.org")) is None


def test_names_cost_no_import_of_cryptography_or_idna() -> None:
    program = (
        "import sys; from housekey.pki.names import parse_name; parse_name('ha.lan');"
        "from housekey.pki.constraints import DEFAULT_CONSTRAINTS;"
        "from housekey.pki.secret import Secret;"
        "sys.exit(str({'cryptography', 'idna'} & set(sys.modules)) if"
        " {'cryptography', 'idna'} & set(sys.modules) else 0)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
