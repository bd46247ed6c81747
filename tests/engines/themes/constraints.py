"""What the root and the issuing CA may speak for: PLATFORMS.md section 9."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.engines import der
from tests.engines.der import constraints
from tests.engines.forge import ISSUING, LEAF, NAME_CONSTRAINTS, ROOT, Ext

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engines.making import Maker
    from tests.engines.model import Case

NAMES = ("local", "lan", "home.arpa", "internal", "localhost", "homeassistant")
NETWORKS_4 = (
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16",
    "100.64.0.0/10",
)  # fmt: skip
NETWORKS_6 = ("fc00::/7", "fe80::/10", "::1/128")
HOUSE = constraints(*NAMES, *NETWORKS_4, *NETWORKS_6)  # housekey's own: NC-01, NC-02

_ENFORCED = (
    "CHR-07", "FFX-08", "OSL-03", "GO-02", "JAV-01", "GTL-01", "RUS-01", "MBD-01", "APL-14",
    "AND-05", "NC-13", "WLF-01",
)  # fmt: skip


class _One(NamedTuple):
    """One constraint, the same on root and issuing CA, and a leaf that it is about."""

    id: str
    rules: tuple[str, ...]
    nc: bytes
    san: tuple[str, ...] | None = ("ha.lan",)
    name: str = "ha.lan"
    subject: tuple[str, ...] = ("CN=ha.lan",)


_DIRECTORY = ("NC-07", "GO-02", "RUS-01", "APL-15")
_OTHER_TYPES = ("NC-08", "JAV-04", "GTL-01", "APL-15")
_CN = ("NC-10", "OSL-03", "GTL-01", "APL-15")

_LINES = (
    # DNS
    _One("leading-dot", ("NC-03", "APL-15"), constraints(".lan")),
    _One("leading-dot-outside", ("NC-03",), constraints(".local")),
    _One("leading-dot-itself", ("NC-03", "APL-15"), constraints(".ha.lan")),
    _One("itself", ("NC-01",), constraints("ha.lan")),
    _One("below-itself", ("NC-01",), constraints("ha.lan"), ("x.ha.lan",), "x.ha.lan",
         ("CN=x.ha.lan",)),
    _One("letters-before", ("NC-01",), constraints("ha.lan"), ("xha.lan",), "xha.lan",
         ("CN=xha.lan",)),
    _One("above-itself", ("NC-01",), constraints("x.ha.lan")),
    _One("upper-case", ("NC-01",), constraints("LAN")),
    _One("trailing-dot", ("NC-11",), constraints("lan.")),
    _One("bare-host", ("NC-01",), constraints("homeassistant"), ("homeassistant",),
         "homeassistant", ("CN=homeassistant",)),
    _One("wildcard-in-constraint", ("NC-03",), constraints("*.lan")),
    _One("empty-permitted", ("NC-09",), constraints("dns:")),
    _One("empty-excluded", ("NC-09",), constraints(excluded=("dns:",))),
    _One("empty-excluded-ip-leaf", ("NC-09",), constraints(excluded=("dns:",)),
         ("192.168.1.5",), "192.168.1.5", ("O=Home",)),
    _One("empty-excluded-ip-leaf-free-cn", ("NC-09", "GTL-01"), constraints(excluded=("dns:",)),
         ("192.168.1.5",), "192.168.1.5", ("CN=Home Assistant",)),
    _One("excluded", ("NC-01", "OSL-03"), constraints(excluded=("lan",))),
    _One("excluded-other", ("NC-01",), constraints(excluded=("local",))),
    _One("excluded-inside-permitted", ("NC-01",), constraints("lan", excluded=("ha.lan",))),
    _One("excluded-leading-dot", ("NC-03",), constraints(excluded=(".lan",))),
    _One("excluded-leading-dot-itself", ("NC-03",), constraints(excluded=(".ha.lan",))),
    _One("one-of-two-names-outside", ("NC-01",), constraints("lan"), ("ha.lan", "ha.example.org")),
    _One("duckdns", ("NC-01", "NC-16"), constraints("myhome.duckdns.org"),
         ("myhome.duckdns.org",), "myhome.duckdns.org", ("CN=myhome.duckdns.org",)),
    _One("duckdns-neighbour", ("NC-01", "NC-16"), constraints("myhome.duckdns.org"),
         ("yours.duckdns.org",), "yours.duckdns.org", ("CN=yours.duckdns.org",)),
    # wildcards
    _One("wildcard-inside", ("NC-12",), constraints("house.lan"), ("*.house.lan",),
         "ha.house.lan", ("CN=*.house.lan",)),
    _One("wildcard-above", ("NC-12",), constraints("ha.house.lan"), ("*.house.lan",),
         "ha.house.lan", ("CN=*.house.lan",)),
    _One("wildcard-leading-dot", ("NC-12", "NC-03"), constraints(".house.lan"), ("*.house.lan",),
         "ha.house.lan", ("CN=*.house.lan",)),
    _One("wildcard-over-excluded", ("NC-12",), constraints(excluded=("ha.house.lan",)),
         ("*.house.lan",), "ha.house.lan", ("CN=*.house.lan",)),
    _One("wildcard-home-arpa", ("NC-12",), constraints("home.arpa"), ("*.home.arpa",),
         "ha.home.arpa", ("CN=*.home.arpa",)),
    # addresses
    _One("v4-only-for-v4", ("NC-04", "BR-11"), constraints("lan", *NETWORKS_4),
         ("ha.lan", "192.168.1.5"), "192.168.1.5"),
    _One("v4-only-for-v6", ("NC-04", "BR-11", "APL-15"), constraints("lan", *NETWORKS_4),
         ("ha.lan", "fd00::20"), "fd00::20"),
    _One("v4-only-for-v6-by-name", ("NC-04",), constraints("lan", *NETWORKS_4),
         ("ha.lan", "fd00::20")),
    _One("v6-only-for-v4", ("NC-04",), constraints("lan", *NETWORKS_6),
         ("ha.lan", "192.168.1.5"), "192.168.1.5"),
    _One("dns-only-for-ip", ("NC-05",), constraints("lan"), ("ha.lan", "192.168.1.5"),
         "192.168.1.5"),
    _One("ip-only-for-dns", ("NC-05",), constraints(*NETWORKS_4, *NETWORKS_6)),
    _One("no-ip-for-dns", ("NC-06",), constraints("lan", excluded=("0.0.0.0/0", "::/0"))),
    _One("no-ip-for-v4", ("NC-06",), constraints("lan", excluded=("0.0.0.0/0", "::/0")),
         ("ha.lan", "192.168.1.5"), "192.168.1.5"),
    _One("no-ip-for-v6", ("NC-06",), constraints("lan", excluded=("0.0.0.0/0", "::/0")),
         ("ha.lan", "fd00::20"), "fd00::20"),
    _One("excluded-network", ("NC-06",), constraints(excluded=("192.168.0.0/16",)),
         ("192.168.1.5",), "192.168.1.5", ("O=Home",)),
    _One("excluded-other-network", ("NC-06",), constraints(excluded=("10.0.0.0/8",)),
         ("192.168.1.5",), "192.168.1.5", ("O=Home",)),
    _One("excluded-inside-permitted-network", ("NC-06",),
         constraints("192.168.0.0/16", "::/0", excluded=("192.168.1.0/24",)),
         ("192.168.1.5",), "192.168.1.5", ("O=Home",)),
    _One("one-address", ("NC-02",), constraints("192.168.1.5/32", "::1/128"), ("192.168.1.5",),
         "192.168.1.5", ("O=Home",)),
    _One("next-address", ("NC-02",), constraints("192.168.1.4/32", "::1/128"), ("192.168.1.5",),
         "192.168.1.5", ("O=Home",)),
    _One("global-v6", ("NC-02",), constraints("lan", *NETWORKS_4, *NETWORKS_6, "2001:db8::/64"),
         ("ha.lan", "2001:db8::20"), "2001:db8::20"),
    _One("holes-in-the-mask", ("NC-14",), constraints("ip:c0a80005ffff00ff", "::/0"),
         ("192.168.1.5",), "192.168.1.5", ("O=Home",)),
    _One("host-bits-set", ("NC-14",), constraints("ip:c0a80105ffff0000", "::/0"),
         ("192.168.1.5",), "192.168.1.5", ("O=Home",)),
    _One("mask-missing", ("NC-14",), constraints("ip:c0a80105", "::/0"),
         ("192.168.1.5",), "192.168.1.5", ("O=Home",)),
    _One("mask-missing-for-dns", ("NC-14",), constraints("ip:c0a80105", "::/0")),
    _One("minimum", ("NC-14",), constraints("lan", minimum=1)),
    _One("minimum-zero-written-out", ("NC-14",), constraints("lan", minimum=0)),
    _One("mapped-address", ("NC-02",), constraints("192.168.0.0/16", "fc00::/7"),
         ("::ffff:192.168.1.5",), "::ffff:192.168.1.5", ("O=Home",)),
    # other types
    _One("directory", _DIRECTORY, constraints("lan", "dir:O=Home"),
         subject=("O=Home", "CN=ha.lan")),
    _One("directory-is-the-subject", _DIRECTORY, constraints("lan", "dir:O=Home"),
         subject=("O=Home",)),
    _One("directory-outside", _DIRECTORY, constraints("lan", "dir:O=Home")),
    _One("directory-excluded", _DIRECTORY, constraints("lan", excluded=("dir:O=Home",)),
         subject=("O=Home", "CN=ha.lan")),
    _One("directory-excluded-other", _DIRECTORY, constraints("lan", excluded=("dir:O=Home",))),
    _One("directory-empty", _DIRECTORY, constraints("lan", "dir:")),
    _One("email-dot-excluded", _OTHER_TYPES, constraints("lan", excluded=("email:.",))),
    _One("email-empty-excluded", _OTHER_TYPES, constraints("lan", excluded=("email:",))),
    _One("email-permitted", _OTHER_TYPES, constraints("lan", "email:lan")),
    _One("email-outside", _OTHER_TYPES, constraints("lan", "email:lan"),
         ("ha.lan", "email:a@example.org")),
    _One("uri-dot-excluded", _OTHER_TYPES, constraints("lan", excluded=("uri:.",))),
    _One("uri-empty-excluded", _OTHER_TYPES, constraints("lan", excluded=("uri:",))),
    _One("uri-permitted", _OTHER_TYPES, constraints("lan", "uri:lan")),
    _One("uri-outside", _OTHER_TYPES, constraints("lan", "uri:.lan"),
         ("ha.lan", "uri:https://example.org/")),
    _One("other-name", _OTHER_TYPES, constraints("lan", "other:x")),
    _One("registered-id", _OTHER_TYPES, constraints("lan", "rid:1.2.3")),
    _One("registered-id-in-san", _OTHER_TYPES, constraints("lan", "rid:1.2.3"),
         ("ha.lan", "rid:1.2.3")),
    # the CN under constraints
    _One("free-cn-no-dns-san", _CN, HOUSE, ("192.168.1.5",), "192.168.1.5",
         ("CN=Home Assistant",)),
    _One("free-cn-one-word", _CN, HOUSE, ("192.168.1.5",), "192.168.1.5", ("CN=Home",)),
    _One("cn-inside-no-dns-san", _CN, HOUSE, ("192.168.1.5",), "192.168.1.5"),
    _One("cn-outside-no-dns-san", _CN, HOUSE, ("192.168.1.5",), "192.168.1.5",
         ("CN=ha.example.org",)),
    _One("cn-outside-beside-dns-san", _CN, HOUSE, ("ha.lan",), "ha.lan", ("CN=ha.example.org",)),
    _One("cn-is-the-address", _CN, HOUSE, ("192.168.1.5",), "192.168.1.5", ("CN=192.168.1.5",)),
    _One("cn-is-the-ipv6-address", _CN, HOUSE, ("fd00::20",), "fd00::20", ("CN=fd00::20",)),
    _One("cn-with-underscore", _CN, HOUSE, ("192.168.1.5",), "192.168.1.5",
         ("CN=my_ha.example.org",)),
    _One("no-cn-no-dns-san", _CN, HOUSE, ("192.168.1.5",), "192.168.1.5", ("O=Home",)),
    _One("cn-only-inside", _CN, HOUSE, None),
    _One("cn-only-outside", _CN, HOUSE, None, "ha.example.org", ("CN=ha.example.org",)),
    _One("free-cn-no-san", _CN, HOUSE, None, "ha.lan", ("CN=Home Assistant",)),
    _One("email-in-san", ("NC-08",), HOUSE, ("ha.lan", "email:a@example.org")),
    _One("uri-in-san", ("NC-08",), HOUSE, ("ha.lan", "uri:https://example.org")),
)  # fmt: skip

# SAN entries beside a good one that some engines cannot bear once there are constraints.
_BAD_NAMES = {
    "wildcard-lan": "dns:*.lan",
    "dot-at-the-end": "dns:nas.local.",
    "ipv4-text": "dns:192.168.1.5",
    "ipv6-text": "dns:fd00::20",
    "underscore": "dns:my_nas.lan",
    "blank": "dns:n as.lan",
    "two-dots": "dns:nas..lan",
    "leading-dot": "dns:.nas.lan",
    "leading-hyphen": "dns:-nas.lan",
    "trailing-hyphen": "dns:nas-.lan",
    "empty": "dns:",
    "long-label": f"dns:{'a' * 64}.lan",
    "umlaut": "dns:münchen.lan",
    "number": "dns:nas.123.lan",
    "partial-wildcard": "dns:n*.house.lan",
    "upper-case": "dns:NAS.LAN",
    "single-label": "dns:homeassistant",
}
_BAD_NAME_RULES = ("NC-11", "FFX-09", "RUS-01", "GO-02", "OSL-03", "CHR-08")


def cases(make: Maker) -> Iterator[Case]:
    """Where the constraints stand and whether they are critical; then their every form."""
    yield from _places(make)
    for one in _LINES:
        # A type that an engine does not know may matter only to the critical form.
        unusual = {"NC-07", "NC-08", "NC-14"} & set(one.rules)
        for critical in (False, True) if unusual else (False,):
            yield make(
                f"nc-{one.id}{'-critical' if critical else ''}",
                *one.rules,
                name=one.name,
                root=ROOT.but(nc=one.nc, nc_critical=critical),
                issuing=ISSUING.but(nc=one.nc, nc_critical=critical),
                leaf=LEAF.but(san=one.san, subject=der.dn(*one.subject)),
            )
    for id_, bad in _BAD_NAMES.items():
        yield make(
            f"nc-bad-san-{id_}", *_BAD_NAME_RULES,
            root=ROOT.but(nc=HOUSE), issuing=ISSUING.but(nc=HOUSE),
            leaf=LEAF.but(san=("ha.lan", bad)),
        )  # fmt: skip
    yield from _odd(make)


def _places(make: Maker) -> Iterator[Case]:
    asked = {
        "dns": ("ha.lan",), "dns-outside": ("ha.example.org",),
        "v4": ("192.168.1.5",), "v4-outside": ("8.8.8.8",),
        "v6": ("fd00::20",), "v6-outside": ("2001:db8::20",),
    }  # fmt: skip
    for place in ("root", "issuing", "both", "direct"):
        for critical in (False, True):
            for id_, san in asked.items():
                name = san[0]
                kind = "CN" if id_.startswith("dns") else "O"
                with_nc = {"nc": HOUSE, "nc_critical": critical}
                yield make(
                    f"nc-on-{place}-{id_}{'-critical' if critical else ''}",
                    *_ENFORCED,
                    name=name,
                    root=ROOT.but(**with_nc) if place != "issuing" else ROOT,
                    issuing=None
                    if place == "direct"
                    else ISSUING.but(**with_nc)
                    if place != "root"
                    else ISSUING,
                    leaf=LEAF.but(san=san, subject=der.dn(f"{kind}={name}")),
                )


def _odd(make: Maker) -> Iterator[Case]:
    lan, ha = constraints("lan"), constraints("ha.lan")
    for critical in (False, True):
        end = "-critical" if critical else ""
        yield make(
            f"nc-on-leaf{end}", "NC-15", "PCA-01", "MBD-01",
            leaf=LEAF.but(nc=lan, nc_critical=critical),
        )  # fmt: skip
        yield make(
            f"nc-no-subtrees{end}", "NC-09",
            issuing=ISSUING.but(nc=der.sequence(), nc_critical=critical),
        )  # fmt: skip
        garbage = Ext(NAME_CONSTRAINTS, b"\x30\x03\xa0\x05\x00", critical)
        yield make(f"nc-garbage-on-issuing{end}", "APL-19", issuing=ISSUING.but(more=(garbage,)))
        yield make(f"nc-garbage-on-root{end}", "APL-19", root=ROOT.but(more=(garbage,)))
    yield make(
        "nc-issuing-narrower", "NC-01", root=ROOT.but(nc=lan), issuing=ISSUING.but(nc=ha),
        leaf=LEAF.but(san=("nas.lan",), subject=der.dn("CN=nas.lan")), name="nas.lan",
    )  # fmt: skip
    yield make(
        "nc-issuing-wider", "NC-01", root=ROOT.but(nc=ha), issuing=ISSUING.but(nc=lan),
        leaf=LEAF.but(san=("nas.lan",), subject=der.dn("CN=nas.lan")), name="nas.lan",
    )  # fmt: skip
    yield make(
        "nc-self-signed-trusted", "NC-15", trust="leaf", leaf_by="leaf", send="leaf",
        leaf=LEAF.but(nc=constraints("local")),
    )  # fmt: skip
    yield make("nc-twice", "PY-11", issuing=ISSUING.but(nc=lan, more=(Ext(NAME_CONSTRAINTS, ha),)))
