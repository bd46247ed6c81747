"""Serials, versions, and extensions that nobody asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.engines import der
from tests.engines.forge import ISSUING, LEAF, ROOT, Ext, Tier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engines.making import Maker
    from tests.engines.model import Case

_SERIALS = {
    "zero": 0,
    "one": 1,
    "negative": -5,
    "large-negative": -(1 << 158),
    "20-octets": (1 << 158) + 7,
    "21-octets": (1 << 159) + 7,
    "22-octets": (1 << 170) + 7,
    "38-octets": (1 << 300) + 7,
}
_SERIAL_RULES = ("CHR-23", "FFX-20", "GO-04", "PCA-01", "APL-22", "BR-01")
_REUSED = ("FFX-15", "CHR-23", "BR-01")
_UNKNOWN = ("CHR-13", "CHR-22", "FFX-13", "JAV-01", "RUS-01", "MBD-01", "APL-19", "AND-05")
_VERSION = ("CHR-12", "FFX-10", "PY-10", "RUS-01", "GO-03", "JAV-02", "MBD-02")
_STAPLE = ("FFX-16", "CHR-23", "GTL-01")

_V1 = {"version": 1, "ca": None, "ku": None, "eku": None, "san": None, "ski": None, "aki": None}

# Extensions that engines know, beside the ones that a certificate needs.
_FURTHER = {
    "policies": Ext("2.5.29.32", der.sequence(der.sequence(der.oid("1.2.3.4")))),
    "any-policy": Ext("2.5.29.32", der.sequence(der.sequence(der.oid("2.5.29.32.0")))),
    "policy-constraints": Ext("2.5.29.36", der.sequence(der.implicit(0, b"\x00"))),
    "inhibit-any-policy": Ext("2.5.29.54", der.integer(0)),
    "crl-place": Ext(
        "2.5.29.31",
        der.sequence(
            der.sequence(
                der.explicit(
                    0, der.explicit(0, der.general_name("uri:http://127.0.0.1:9/root.crl"))
                )
            )
        ),
    ),
    "ocsp-place": Ext(
        "1.3.6.1.5.5.7.1.1",
        der.sequence(
            der.sequence(
                der.oid("1.3.6.1.5.5.7.48.1"), der.general_name("uri:http://127.0.0.1:9/ocsp")
            )
        ),
    ),
    "netscape-type": Ext("2.16.840.1.113730.1.1", der.bit_string(b"\x40", unused=6)),
    "netscape-client-type": Ext("2.16.840.1.113730.1.1", der.bit_string(b"\x80", unused=7)),
    "ct-poison": Ext("1.3.6.1.4.1.11129.2.4.3", der.tlv(der.NULL)),
    "issuer-alt-name": Ext("2.5.29.18", der.sequence(der.general_name("dns:ca.lan"))),
    "key-period": Ext("2.5.29.16", der.sequence(der.implicit(0, b"20200101000000Z"))),
    "unknown": Ext("1.2.3.4.5.6", der.octet_string(b"?")),
}


def cases(make: Maker) -> Iterator[Case]:
    """Serials, then versions, then extensions on each tier."""
    tiers: tuple[tuple[str, Tier], ...] = (("leaf", LEAF), ("issuing", ISSUING), ("root", ROOT))
    for where, tier in tiers:
        for id_, serial in _SERIALS.items():
            changed = {where: tier.but(serial=serial)}
            yield make(f"serial-{where}-{id_}", *_SERIAL_RULES, **changed)
        for id_, further in _FURTHER.items():
            for critical in (False, True):
                ext = Ext(further.oid, further.value, critical)
                rules = _UNKNOWN if "unknown" in id_ or critical else ("CHR-26",)
                yield make(
                    f"ext-{where}-{id_}{'-critical' if critical else ''}", *rules,
                    **{where: tier.but(more=(ext,))},
                )  # fmt: skip
        staple = Ext("1.3.6.1.5.5.7.1.24", der.sequence(der.integer(5)))
        yield make(f"must-staple-{where}", *_STAPLE, **{where: tier.but(more=(staple,))})
        twice = Ext("1.2.3.4.5.6", der.octet_string(b"?"))
        yield make(f"ext-{where}-twice", "PY-11", "APL-19", **{where: tier.but(more=(twice,) * 2)})
        yield make(f"version-1-{where}", *_VERSION, **{where: tier.but(**_V1)})
        yield make(f"version-1-with-extensions-{where}", *_VERSION, **{where: tier.but(version=1)})
        yield make(f"version-2-{where}", *_VERSION, **{where: tier.but(**_V1 | {"version": 2})})
        yield make(
            f"version-3-bare-{where}", *_VERSION, **{where: tier.but(**_V1 | {"version": 3})}
        )
    yield make("version-1-root-direct", *_VERSION, issuing=None, root=ROOT.but(**_V1))
    yield make("serial-leaf-is-the-roots", *_REUSED, issuing=None,
               leaf=LEAF.but(serial=ROOT.serial))  # fmt: skip
    yield make("serial-issuing-is-the-roots", *_REUSED, issuing=ISSUING.but(serial=ROOT.serial))
    yield make("serial-leaf-is-the-issuings", *_REUSED, leaf=LEAF.but(serial=ISSUING.serial))
    yield make("must-staple-direct", *_STAPLE, issuing=None, leaf=LEAF.but(
        more=(Ext("1.3.6.1.5.5.7.1.24", der.sequence(der.integer(5))),)))  # fmt: skip
