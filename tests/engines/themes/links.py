"""What ties one certificate to the next, and what is sent and trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from tests.engines import der
from tests.engines.forge import DAY, ISSUING, LEAF, ROOT, AkiKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engines.forge import Tier
    from tests.engines.making import Maker
    from tests.engines.model import Case

_AKI = ("OSL-01", "PY-01", "CHR-23", "FFX-20", "GO-03", "JAV-04", "GTL-01", "APL-17", "BR-10")
_SKI = ("PY-02", "CHR-12", "FFX-20", "PCA-01", "BR-05")
_CRITICAL = ("PY-09", "CHR-22", "FFX-13", "MBD-01", "APL-19")
_DN = ("CHR-24", "FFX-04", "GO-03", "GTL-01", "RUS-01", "RFC-02", "BR-12", "PCA-01")
_SENT = ("CHR-01", "FFX-04", "OSL-09", "APL-20", "WIN-01")
_SELF_SIGNED = (
    "CHR-14", "CHR-15", "FFX-01", "FFX-02", "FFX-03", "OSL-09", "JAV-02", "RUS-01", "APL-02",
    "APL-23", "AND-01", "AND-06", "PY-01",
)  # fmt: skip


def cases(make: Maker) -> Iterator[Case]:
    """Key ids, distinguished names, what is sent, what is trusted."""
    yield from _key_ids(make)
    yield from _names(make)
    yield from _sent(make)
    yield from _trusted(make)


def _key_ids(make: Maker) -> Iterator[Case]:
    for kind in (None, *get_args(AkiKind)):
        yield make(f"aki-leaf-{kind}".lower(), *_AKI, leaf=LEAF.but(aki=kind))
        yield make(f"aki-leaf-direct-{kind}".lower(), *_AKI, issuing=None, leaf=LEAF.but(aki=kind))
        yield make(f"aki-issuing-{kind}".lower(), *_AKI, issuing=ISSUING.but(aki=kind))
        yield make(f"aki-root-{kind}".lower(), *_AKI, "BR-05", root=ROOT.but(aki=kind))
    for where, tier in (("leaf", LEAF), ("issuing", ISSUING), ("root", ROOT)):
        for id_, changed in {
            "ski-none": tier.but(ski=None),
            "ski-made-up": tier.but(ski=b"any octets will do"),
        }.items():
            yield make(f"{id_}-{where}", *_SKI, **{where: changed})
        yield make(f"ski-critical-{where}", *_CRITICAL, **{where: tier.but(ski_critical=True)})
        yield make(f"aki-critical-{where}", *_CRITICAL, **{where: tier.but(aki_critical=True)})
    yield make("ski-none-root-direct", *_SKI, issuing=None, root=ROOT.but(ski=None))
    yield make(
        "no-key-ids-at-all", *_SKI, *_AKI,
        root=ROOT.but(ski=None, aki=None), issuing=ISSUING.but(ski=None, aki=None),
        leaf=LEAF.but(ski=None, aki=None),
    )  # fmt: skip


def _names(make: Maker) -> Iterator[Case]:
    plain = "CN=housekey issuing CA for Home"
    spellings = {
        "printable": der.dn(plain, tag=der.PRINTABLE),
        "t61": der.dn(plain, tag=der.T61),
        "bmp": der.dn(plain, tag=der.BMP),
        "upper-case": der.dn(plain.upper()),
        "blanks": der.dn(plain.replace(" ", "  ")),
        "other": der.dn("CN=another CA"),
        "empty": der.dn(),
    }
    for id_, name in spellings.items():
        yield make(f"dn-issuer-of-leaf-{id_}", *_DN, leaf=LEAF.but(issuer=name))
        both = {"issuing": ISSUING.but(subject=name)}
        yield make(f"dn-issuing-{id_}", *_DN, **both)
    root = "CN=housekey root for Home", "O=Home"
    for id_, name in {
        "printable": der.dn(*root, tag=der.PRINTABLE),
        "upper-case": der.dn("CN=HOUSEKEY ROOT FOR HOME", "O=HOME"),
    }.items():
        yield make(f"dn-issuer-of-issuing-{id_}", *_DN, issuing=ISSUING.but(issuer=name))
        leaf = LEAF.but(issuer=name)
        yield make(f"dn-issuer-of-leaf-direct-{id_}", *_DN, issuing=None, leaf=leaf)
    yield make("dn-root-without-cn", "CHR-12", "APL-24", root=ROOT.but(subject=der.dn("O=Home")))
    empty = ("CHR-12", "FFX-11", "PY-08", "BR-05")
    yield make("dn-root-empty", *empty, root=ROOT.but(subject=der.dn()))
    yield make("dn-root-empty-direct", *empty, issuing=None, root=ROOT.but(subject=der.dn()))
    subjectless = ("CHR-21", "FFX-20", "PY-08", "JAV-04", "APL-18", "BR-09")
    for critical in (False, True):
        leaf = LEAF.but(subject=der.dn(), san_critical=critical)
        end = "-critical" if critical else ""
        yield make(f"dn-leaf-empty{end}", *subjectless, leaf=leaf)
        yield make(f"dn-leaf-empty-direct{end}", *subjectless, issuing=None, leaf=leaf)
    yield from _same_names(make)


def _same_names(make: Maker) -> Iterator[Case]:
    bare = {"ski": None, "aki": None}
    for id_, changes in {"": {}, "-no-aki": {"aki": None}, "-no-key-ids": bare}.items():
        like_root = LEAF.but(subject=ROOT.subject, **changes)
        yield make(f"dn-leaf-is-root{id_}", "OSL-02", issuing=None, leaf=like_root)
        yield make(f"dn-leaf-is-root-three-tiers{id_}", "OSL-02", leaf=like_root)
        like_issuing = LEAF.but(subject=ISSUING.subject, **changes)
        yield make(f"dn-leaf-is-issuing{id_}", "OSL-02", leaf=like_issuing)
        issuing = ISSUING.but(subject=ROOT.subject, **changes)
        yield make(f"dn-issuing-is-root{id_}", "OSL-02", issuing=issuing)


def _sent(make: Maker) -> Iterator[Case]:
    other = ROOT.but(subject=der.dn("CN=another root"), nth_key=5, serial=0x55)
    twin = ROOT.but(nth_key=5, serial=0x56)  # the root's name, another key
    stranger = ISSUING.but(subject=der.dn("CN=another CA"), nth_key=6, serial=0x66)
    second = ISSUING.but(nth_key=6, serial=0x67)  # the issuing CA's name, another key
    extra = {"other": (other, ""), "twin": (twin, ""), "stranger": (stranger, "root"),
             "second": (second, "root")}  # fmt: skip
    for id_, send in {
        "leaf-only": "leaf",
        "with-root": "leaf issuing root",
        "root-before-issuing": "leaf root issuing",
        "issuing-twice": "leaf issuing issuing",
        "leaf-twice": "leaf leaf issuing",
        "with-stranger": "leaf issuing stranger",
        "stranger-first": "leaf stranger issuing",
        "wrong-issuing": "leaf stranger",
        "wrong-issuing-of-the-same-name": "leaf second",
        "both-issuing-of-the-same-name": "leaf second issuing",
        "with-another-root": "leaf issuing other",
        "root-only-besides": "leaf root",
    }.items():
        yield make(f"sent-{id_}", *_SENT, extra=extra, send=send)
    for id_, tiers in {"": {}, "-no-aki": {"leaf": LEAF.but(aki=None)}}.items():
        yield make(
            f"sent-both-issuing-swapped{id_}", *_SENT, extra=extra, send="leaf second issuing",
            **tiers,
        )  # fmt: skip
        yield make(
            f"sent-wrong-issuing-of-the-same-name{id_ or '-with-aki'}", *_SENT, extra=extra,
            send="leaf second", **tiers,
        )  # fmt: skip
    yield make("sent-root-direct", *_SENT, issuing=None, send="leaf root")
    yield make("sent-stranger-direct", *_SENT, issuing=None, extra=extra, send="leaf stranger")
    yield make("trust-other-root", *_SENT, extra=extra, trust="other")
    yield make("trust-other-root-sent-own", *_SENT, extra=extra, trust="other",
               send="leaf issuing root")  # fmt: skip
    yield make("trust-twin-root", *_SENT, extra=extra, trust="twin")
    yield make(
        "trust-twin-root-no-key-ids", *_SENT, extra={"twin": (twin.but(ski=None), "")},
        trust="twin", issuing=ISSUING.but(aki=None),
    )  # fmt: skip
    yield make("trust-nothing", *_SENT, trust="")
    yield from _cross_signed(make, other)


def _cross_signed(make: Maker, other: Tier) -> Iterator[Case]:
    crossed = ROOT.but(serial=0x77, aki="keyid")  # the root's name and key, signed by the other
    extra = {"other": (other, ""), "crossed": (crossed, "other")}
    for trust in ("root", "other"):
        for id_, send in {
            "sent": "leaf issuing crossed",
            "sent-first": "leaf crossed issuing",
            "not-sent": "leaf issuing",
            "sent-with-other": "leaf issuing crossed other",
        }.items():
            yield make(f"cross-{trust}-{id_}", *_SENT, extra=extra, trust=trust, send=send)
    expired = extra | {"crossed": (crossed.but(end=-DAY), "other")}
    yield make("cross-expired-path-beside-a-good-one", *_SENT, extra=expired,
               send="leaf issuing crossed")  # fmt: skip


def _trusted(make: Maker) -> Iterator[Case]:
    yield make("trust-issuing", "OSL-09", "RUS-01", "JAV-02", trust="issuing")
    yield make("trust-issuing-sent-leaf", "OSL-09", "RUS-01", trust="issuing", send="leaf")
    yield make("trust-issuing-sent-root", "OSL-09", trust="issuing", send="leaf issuing root")
    yield make("trust-leaf-of-a-ca", *_SELF_SIGNED, trust="leaf")
    yield make("trust-leaf-of-a-ca-sent-alone", *_SELF_SIGNED, trust="leaf", send="leaf")
    yield make("trust-leaf-of-a-ca-other-name", *_SELF_SIGNED, trust="leaf", name="nas.lan")
    bare = {"ski": None, "aki": None}
    signs = ("digitalSignature", "keyCertSign")
    for id_, leaf in {
        "plain": LEAF,
        "no-key-ids": LEAF.but(**bare),
        "no-bc": LEAF.but(ca=None),
        "no-bc-no-ku": LEAF.but(ca=None, ku=None),
        "ca": LEAF.but(ca=True),
        "ca-no-ku": LEAF.but(ca=True, ku=None),
        "ca-no-key-ids": LEAF.but(ca=True, ku=None, **bare),
        "ca-that-signs": LEAF.but(ca=True, ku=signs),
        "signs": LEAF.but(ku=signs),
        "expired": LEAF.but(start=-300 * DAY, end=-DAY),
        "client": LEAF.but(eku=("clientAuth",)),
        "no-eku": LEAF.but(eku=None),
        "no-san": LEAF.but(san=None),
        "sha1": LEAF.but(hash="sha1"),
        "rsa2048": LEAF.but(key="rsa2048", ku=("digitalSignature", "keyEncipherment")),
        "p521": LEAF.but(key="p521"),
        "ed25519": LEAF.but(key="ed25519"),
        "ten-years": LEAF.but(end=3650 * DAY),
        "v1": LEAF.but(version=1, ca=None, ku=None, eku=None, san=None, ski=None, aki=None),
        "empty-subject": LEAF.but(subject=der.dn(), san_critical=True),
        "damaged": LEAF.but(damaged=True),
        "upper-case-host": LEAF.but(san=("HA.LAN",)),
    }.items():
        yield make(f"self-signed-{id_}", *_SELF_SIGNED, leaf=leaf, leaf_by="leaf", trust="leaf",
                   send="leaf")  # fmt: skip
    alone = {"leaf_by": "leaf", "send": "leaf"}
    yield make("self-signed-untrusted", "FFX-02", "CHR-25", **alone)
    yield make("self-signed-untrusted-ca", "FFX-02", "CHR-25", leaf=LEAF.but(ca=True), **alone)
    yield make("self-signed-nothing-trusted", "FFX-02", "CHR-25", trust="", **alone)
    yield make("self-signed-other-name", *_SELF_SIGNED, trust="leaf", name="nas.lan", **alone)
