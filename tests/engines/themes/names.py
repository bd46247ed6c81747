"""What the certificate is for, and what the client asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.engines import der
from tests.engines.forge import LEAF, SAN, Ext

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engines.making import Maker
    from tests.engines.model import Case

_MATCH = ("CHR-02", "FFX-05", "OSL-07", "GO-01", "JAV-04", "APL-04", "AND-09")
_WILDCARD = ("CHR-03", "FFX-05", "OSL-07", "JAV-04", "APL-07", "AND-09", "RUS-01")
_DOT = ("OSL-08", "CHR-04", "FFX-05", "JAV-04", "MBD-02", "APL-06")
_IP = ("APL-05", "GO-01", "JAV-04", "MBD-02", "OSL-07", "BR-09")

# What the SAN holds, and the name that is asked for.
_PLAIN: tuple[tuple[str, tuple[str, ...], str, tuple[str, ...]], ...] = (
    ("exact", ("ha.lan",), "ha.lan", _MATCH),
    ("asked-in-upper-case", ("ha.lan",), "HA.Lan", _MATCH),
    ("san-in-upper-case", ("HA.LAN",), "ha.lan", (*_MATCH, "CHR-04")),
    ("other", ("nas.lan",), "ha.lan", _MATCH),
    ("second-of-two", ("nas.lan", "ha.lan"), "ha.lan", _MATCH),
    ("child-of-the-san", ("ha.lan",), "x.ha.lan", _MATCH),
    ("parent-of-the-san", ("x.ha.lan",), "ha.lan", _MATCH),
    ("suffix-of-letters", ("ha.lan",), "xha.lan", _MATCH),
    ("single-label", ("homeassistant",), "homeassistant", _MATCH),
    ("localhost", ("localhost",), "localhost", _MATCH),
    ("home-arpa", ("ha.home.arpa",), "ha.home.arpa", _MATCH),
    ("ends-in-a-number", ("ha.123",), "ha.123", _MATCH),
    ("idna", ("xn--mnchen-3ya.lan",), "xn--mnchen-3ya.lan", _MATCH),
    ("idna-other", ("xn--mnchen-3ya.lan",), "xn--mnchen-9ya.lan", _MATCH),
    ("umlaut-in-san", ("dns:münchen.lan",), "xn--mnchen-3ya.lan", _MATCH),
    ("umlaut-in-another-san", ("ha.lan", "dns:münchen.lan"), "ha.lan", _MATCH),
    ("300-names", (*tuple(f"h{n}.lan" for n in range(299)), "ha.lan"), "ha.lan", ("CHR-04",)),
    ("long-label", (f"{'a' * 63}.lan",), f"{'a' * 63}.lan", _MATCH),
    ("label-too-long-in-another", ("ha.lan", f"{'a' * 64}.lan"), "ha.lan", _MATCH),
    ("empty-name-in-another", ("ha.lan", "dns:"), "ha.lan", ("CHR-04",)),
    ("blank-in-another", ("ha.lan", "dns:h a.lan"), "ha.lan", ("CHR-04", "APL-06")),
    ("two-dots-in-another", ("ha.lan", "dns:ha..lan"), "ha.lan", ("CHR-04", "APL-06")),
    ("nul-in-san", ("dns:ha.lan\0.example.org",), "ha.lan", _MATCH),
    ("nul-in-another", ("ha.lan", "dns:ha.lan\0.example.org"), "ha.lan", _MATCH),
    ("other-types-too", ("ha.lan", "email:a@b.lan", "uri:https://ha.lan", "dir:CN=x", "other:x",
                         "rid:1.2.3"), "ha.lan", ("CHR-04", "BR-09")),
    ("only-a-uri", ("uri:https://ha.lan",), "ha.lan", ("BR-09", *_MATCH)),
    ("only-an-email", ("email:ha@ha.lan",), "ha.lan", ("BR-09", *_MATCH)),
    # trailing dots
    ("dot-in-san", ("ha.lan.",), "ha.lan", _DOT),
    ("dot-asked", ("ha.lan",), "ha.lan.", _DOT),
    ("dot-in-both", ("ha.lan.",), "ha.lan.", _DOT),
    ("dot-in-another", ("ha.lan", "nas.lan."), "ha.lan", _DOT),
    ("leading-dot-in-san", (".lan",), "ha.lan", _DOT),
    # letters
    ("underscore", ("my_ha.lan",), "my_ha.lan", ("CHR-04", "FFX-05", "JAV-04", "APL-06", "PCA-01")),
    ("underscore-in-another", ("ha.lan", "my_ha.lan"), "ha.lan", ("CHR-04", "FFX-05", "JAV-04")),
    ("hyphen-at-the-end", ("ha-.lan",), "ha-.lan", ("APL-06", "CHR-04")),
    ("hyphen-at-the-start", ("-ha.lan",), "-ha.lan", ("APL-06", "CHR-04")),
    ("hyphens-inside", ("h--a.lan",), "h--a.lan", ("APL-06",)),
    # wildcards, by depth and suffix
    ("wildcard", ("*.house.lan",), "ha.house.lan", _WILDCARD),
    ("wildcard-upper-case", ("*.House.LAN",), "ha.house.lan", _WILDCARD),
    ("wildcard-two-labels-down", ("*.house.lan",), "x.ha.house.lan", _WILDCARD),
    ("wildcard-own-parent", ("*.house.lan",), "house.lan", _WILDCARD),
    ("wildcard-lan", ("*.lan",), "ha.lan", _WILDCARD),
    ("wildcard-local", ("*.local",), "ha.local", _WILDCARD),
    ("wildcard-internal", ("*.internal",), "ha.internal", _WILDCARD),
    ("wildcard-house-local", ("*.house.local",), "ha.house.local", _WILDCARD),
    ("wildcard-home-arpa", ("*.home.arpa",), "ha.home.arpa", _WILDCARD),
    ("wildcard-house-home-arpa", ("*.house.home.arpa",), "ha.house.home.arpa", _WILDCARD),
    ("wildcard-duckdns", ("*.duckdns.org",), "myhome.duckdns.org", _WILDCARD),
    ("wildcard-my-duckdns", ("*.myhome.duckdns.org",), "ha.myhome.duckdns.org", _WILDCARD),
    ("wildcard-ts-net", ("*.ts.net",), "tail1234.ts.net", _WILDCARD),
    ("wildcard-tailnet", ("*.tail1234.ts.net",), "ha.tail1234.ts.net", _WILDCARD),
    ("wildcard-co-uk", ("*.co.uk",), "example.co.uk", _WILDCARD),
    ("wildcard-example-co-uk", ("*.example.co.uk",), "ha.example.co.uk", _WILDCARD),
    ("wildcard-org", ("*.org",), "example.org", _WILDCARD),
    ("wildcard-example-org", ("*.example.org",), "ha.example.org", _WILDCARD),
    ("wildcard-alone", ("*",), "homeassistant", _WILDCARD),
    ("wildcard-twice", ("*.*.lan",), "ha.house.lan", _WILDCARD),
    ("wildcard-in-the-middle", ("ha.*.lan",), "ha.house.lan", _WILDCARD),
    ("wildcard-after-a-letter", ("h*.house.lan",), "ha.house.lan", _WILDCARD),
    ("wildcard-before-a-letter", ("*a.house.lan",), "ha.house.lan", _WILDCARD),
    ("wildcard-inside-a-label", ("h*e.house.lan",), "here.house.lan", _WILDCARD),
    ("wildcard-for-idna", ("*.house.lan",), "xn--mnchen-3ya.house.lan", _WILDCARD),
    ("wildcard-for-underscore", ("*.house.lan",), "my_ha.house.lan", _WILDCARD),
    ("wildcard-dot-asked", ("*.house.lan",), "ha.house.lan.", _DOT),
    ("wildcard-dot-in-san", ("*.house.lan.",), "ha.house.lan", _DOT),
    ("wildcard-lan-and-exact", ("*.lan", "ha.lan"), "ha.lan", _WILDCARD),
    # addresses
    ("ipv4", ("192.168.1.5",), "192.168.1.5", _IP),
    ("ipv4-other", ("192.168.1.6",), "192.168.1.5", _IP),
    ("ipv4-beside-a-name", ("ha.lan", "192.168.1.5"), "192.168.1.5", _IP),
    ("ipv4-as-a-name", ("dns:192.168.1.5",), "192.168.1.5", _IP),
    ("ipv4-as-a-name-beside", ("ha.lan", "dns:192.168.1.5"), "ha.lan", _IP),
    ("ipv4-both-ways", ("dns:192.168.1.5", "192.168.1.5"), "192.168.1.5", _IP),
    ("ipv4-wildcard", ("dns:*.168.1.5",), "192.168.1.5", _IP),
    ("ipv4-in-a-uri", ("uri:https://192.168.1.5",), "192.168.1.5", _IP),
    ("ipv4-asked-of-a-name", ("ha.lan",), "192.168.1.5", _IP),
    ("name-asked-of-an-ipv4", ("192.168.1.5",), "ha.lan", _IP),
    ("loopback", ("127.0.0.1",), "127.0.0.1", _IP),
    ("ipv6", ("fd00::20",), "fd00::20", _IP),
    ("ipv6-other", ("fd00::21",), "fd00::20", _IP),
    ("ipv6-link-local", ("fe80::20",), "fe80::20", _IP),
    ("ipv6-loopback", ("::1",), "::1", _IP),
    ("ipv6-as-a-name", ("dns:fd00::20",), "fd00::20", _IP),
    ("ipv6-mapped-asked", ("192.168.1.5",), "::ffff:192.168.1.5", _IP),
    ("ipv6-mapped-in-san", ("::ffff:192.168.1.5",), "192.168.1.5", _IP),
    ("ipv6-mapped-both", ("::ffff:192.168.1.5",), "::ffff:192.168.1.5", _IP),
    ("ip-of-five-octets-beside", ("ha.lan", "ip:c0a8010500"), "ha.lan", _IP),
    ("ip-network-beside", ("ha.lan", "192.168.1.0/24"), "ha.lan", _IP),
)  # fmt: skip

# The subject's CN, what the SAN holds (None: there is none), and the name that is asked for.
_COMMON_NAMES: tuple[tuple[str, tuple[str, ...], tuple[str, ...] | None, str], ...] = (
    ("cn-only", ("CN=ha.lan",), None, "ha.lan"),
    ("cn-only-other", ("CN=nas.lan",), None, "ha.lan"),
    ("cn-only-upper-case", ("CN=HA.LAN",), None, "ha.lan"),
    ("cn-only-wildcard", ("CN=*.house.lan",), None, "ha.house.lan"),
    ("cn-only-dot", ("CN=ha.lan.",), None, "ha.lan"),
    ("cn-only-underscore", ("CN=my_ha.lan",), None, "my_ha.lan"),
    ("cn-only-single-label", ("CN=homeassistant",), None, "homeassistant"),
    ("cn-only-ipv4", ("CN=192.168.1.5",), None, "192.168.1.5"),
    ("cn-only-ipv6", ("CN=fd00::20",), None, "fd00::20"),
    ("cn-first-of-two", ("CN=ha.lan", "CN=nas.lan"), None, "ha.lan"),
    ("cn-last-of-two", ("CN=nas.lan", "CN=ha.lan"), None, "ha.lan"),
    ("cn-beside-another-san", ("CN=ha.lan",), ("nas.lan",), "ha.lan"),
    ("cn-beside-an-ip-san", ("CN=ha.lan",), ("192.168.1.5",), "ha.lan"),
    ("cn-beside-an-email-san", ("CN=ha.lan",), ("email:ha@ha.lan",), "ha.lan"),
    ("cn-beside-a-uri-san", ("CN=ha.lan",), ("uri:https://ha.lan",), "ha.lan"),
    ("cn-ipv4-beside-a-san", ("CN=192.168.1.5",), ("ha.lan",), "192.168.1.5"),
    ("cn-ipv4-beside-an-ip-san", ("CN=192.168.1.5",), ("192.168.1.6",), "192.168.1.5"),
    ("cn-not-in-san", ("CN=Home Assistant",), ("ha.lan",), "ha.lan"),
    ("no-cn-no-san", ("O=Home",), None, "ha.lan"),
    ("no-cn", ("O=Home",), ("ha.lan",), "ha.lan"),
)
_CN = ("OSL-10", "OSL-07", "GO-01", "JAV-04", "CHR-02", "FFX-05", "MBD-02", "APL-04", "BR-13")


def cases(make: Maker) -> Iterator[Case]:
    """Every name, on both sides."""
    for id_, san, name, rules in _PLAIN:
        yield make(f"name-{id_}", *rules, name=name, leaf=LEAF.but(san=san))
    for id_, subject, names, name in _COMMON_NAMES:
        leaf = LEAF.but(subject=der.dn(*subject), san=names)
        yield make(f"name-{id_}", *_CN, name=name, leaf=leaf)
    yield make("san-critical", "BR-09", "PCA-01", leaf=LEAF.but(san_critical=True))
    yield make("san-empty", "PY-08", leaf=LEAF.but(san=()))
    yield make(
        "san-trailing-bytes", "APL-19",
        leaf=LEAF.but(
            san=None, more=(Ext(SAN, der.sequence(der.general_name("ha.lan")) + b"\x05\x00"),)
        ),
    )  # fmt: skip
