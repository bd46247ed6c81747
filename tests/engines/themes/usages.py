"""What a key may do: basic constraints, path length, key usage, extended key usage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.engines import der
from tests.engines.forge import BASIC_CONSTRAINTS, EXTENDED_KEY_USAGE, ISSUING, LEAF, ROOT, Ext

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engines.forge import Tier
    from tests.engines.making import Maker
    from tests.engines.model import Case

_LEAF_USAGES: dict[str, tuple[str, ...] | None] = {
    "none": None,
    "ds": ("digitalSignature",),
    "ke": ("keyEncipherment",),
    "ka": ("keyAgreement",),
    "cc": ("contentCommitment",),
    "de": ("dataEncipherment",),
    "ds-ke": ("digitalSignature", "keyEncipherment"),
    "ds-ka": ("digitalSignature", "keyAgreement"),
    "ds-sign": ("digitalSignature", "keyCertSign"),
    "sign": ("keyCertSign", "cRLSign"),
}
_LEAF_USAGE_RULES = (
    "CHR-10", "FFX-07", "OSL-05", "JAV-03", "GTL-01", "GO-03", "PY-06", "APL-21", "BR-08",
)  # fmt: skip
_CA_USAGES: dict[str, tuple[str, ...] | None] = {
    "none": None,
    "empty": (),
    "sign-only": ("keyCertSign",),
    "crl-only": ("cRLSign",),
    "ds-only": ("digitalSignature",),
    "ds-sign": ("digitalSignature", "keyCertSign", "cRLSign"),
}
_CA_USAGE_RULES = ("CHR-13", "FFX-07", "PY-04", "GO-03", "JAV-02", "BR-06", "APL-16", "MBD-02")
_PURPOSES: dict[str, tuple[str, ...] | None] = {
    "none": None,
    "server": ("serverAuth",),
    "server-client": ("serverAuth", "clientAuth"),
    "client": ("clientAuth",),
    "any": ("any",),
    "any-server": ("any", "serverAuth"),
    "any-client": ("any", "clientAuth"),
    "ocsp": ("OCSPSigning",),
    "server-ocsp": ("serverAuth", "OCSPSigning"),
    "code": ("codeSigning",),
    "unknown": ("unknown",),
    "server-unknown": ("serverAuth", "unknown"),
    "netscape-sgc": ("netscapeSGC",),
    "microsoft-sgc": ("microsoftSGC",),
    "empty": (),
}
_PURPOSE_RULES = (
    "CHR-09", "FFX-06", "OSL-04", "GO-03", "GTL-01", "RUS-01", "MBD-02", "JAV-01", "APL-08",
    "APL-09", "APL-10", "AND-08", "WIN-03", "BR-07",
)  # fmt: skip


def cases(make: Maker) -> Iterator[Case]:
    """Each usage on each tier."""
    for id_, usage in _LEAF_USAGES.items():
        yield make(f"ku-leaf-{id_}", *_LEAF_USAGE_RULES, leaf=LEAF.but(ku=usage))
    for id_ in ("none", "ds", "ke", "ka", "ds-ke"):
        yield make(
            f"ku-rsa-leaf-{id_}", *_LEAF_USAGE_RULES,
            leaf=LEAF.but(key="rsa2048", ku=_LEAF_USAGES[id_]),
        )  # fmt: skip
    yield make("ku-leaf-not-critical", "BR-08", leaf=LEAF.but(ku_critical=False))
    for id_, usage in _CA_USAGES.items():
        yield make(f"ku-issuing-{id_}", *_CA_USAGE_RULES, issuing=ISSUING.but(ku=usage))
        yield make(f"ku-root-{id_}", *_CA_USAGE_RULES, "CHR-12", root=ROOT.but(ku=usage))
    yield make("ku-issuing-not-critical", "BR-06", issuing=ISSUING.but(ku_critical=False))
    yield make("ku-root-not-critical", "BR-06", root=ROOT.but(ku_critical=False))
    yield make("ku-root-none-with-path-length", "PY-04", root=ROOT.but(ku=None, path_length=3))
    for id_, purpose in _PURPOSES.items():
        yield make(f"eku-leaf-{id_}", *_PURPOSE_RULES, leaf=LEAF.but(eku=purpose))
        yield make(f"eku-issuing-{id_}", *_PURPOSE_RULES, issuing=ISSUING.but(eku=purpose))
        yield make(f"eku-root-{id_}", *_PURPOSE_RULES, root=ROOT.but(eku=purpose))
    for where, changed in _changed("eku_critical", value=True):
        tiers = {where: changed.but(eku=("serverAuth",))}
        yield make(f"eku-{where}-critical", "PCA-01", **tiers)
    # On a leaf OpenSSL's server would not present it.
    twice = Ext(EXTENDED_KEY_USAGE, der.sequence(der.oid("1.3.6.1.5.5.7.3.1")))
    twice_on = ISSUING.but(eku=("clientAuth",), more=(twice,))
    yield make("eku-issuing-twice", "PY-11", "APL-19", issuing=twice_on)
    yield from _basic_constraints(make)
    yield from _path_lengths(make)


def _basic_constraints(make: Maker) -> Iterator[Case]:
    leaf = ("FFX-01", "CHR-11", "RUS-01", "APL-21", "BR-04", "PCA-01")
    yield make("bc-leaf-none", *leaf, leaf=LEAF.but(ca=None))
    yield make("bc-leaf-not-critical", *leaf, leaf=LEAF.but(ca_critical=False))
    yield make("bc-leaf-ca", *leaf, leaf=LEAF.but(ca=True))
    yield make("bc-leaf-ca-direct", *leaf, issuing=None, leaf=LEAF.but(ca=True))
    yield make(
        "bc-leaf-ca-that-signs", *leaf, "PY-06", issuing=None,
        leaf=LEAF.but(ca=True, ku=("digitalSignature", "keyCertSign", "cRLSign")),
    )  # fmt: skip
    yield make("bc-leaf-path-length", "PY-07", leaf=LEAF.but(path_length=0))
    false = Ext(BASIC_CONSTRAINTS, der.sequence(der.boolean(False)), critical=True)
    yield make("bc-leaf-false-written-out", "BR-04", leaf=LEAF.but(ca=None, more=(false,)))
    authority = (
        "CHR-12", "CHR-13", "FFX-10", "PY-03", "PY-05", "GO-03", "JAV-02", "GTL-01", "MBD-02",
        "RUS-01", "APL-16", "BR-04", "AND-01",
    )  # fmt: skip
    for where, tier in (("issuing", ISSUING), ("root", ROOT)):
        for id_, changed in {
            "none": tier.but(ca=None),
            "none-no-ku": tier.but(ca=None, ku=None),
            "not-critical": tier.but(ca_critical=False),
            "false": tier.but(ca=False, path_length=None),
            "negative-path-length": tier.but(path_length=-1),
        }.items():
            yield make(f"bc-{where}-{id_}", *authority, **{where: changed})
    yield make("bc-root-none-direct", *authority, issuing=None, root=ROOT.but(ca=None))
    yield make("bc-root-false-direct", *authority, issuing=None, root=ROOT.but(ca=False))


def _path_lengths(make: Maker) -> Iterator[Case]:
    rules = ("CHR-13", "FFX-12", "JAV-01", "RUS-01", "MBD-02", "APL-16", "OSL-03", "AND-05")
    for length in (0, 1, 2):
        yield make(f"path-length-root-{length}", *rules, root=ROOT.but(path_length=length))
    yield make("path-length-root-0-direct", *rules, issuing=None, root=ROOT.but(path_length=0))
    yield make("path-length-issuing-none", *rules, issuing=ISSUING.but(path_length=None))
    # root → issuing CA → another CA → leaf, and the same with a CA that signed itself anew
    below = ISSUING.but(subject=der.dn("CN=kitchen CA"), nth_key=3, serial=0x44)
    itself = ISSUING.but(nth_key=3, serial=0x45)
    for below_it in (None, 0, 1):
        for id_, second in (("", below), ("-of-the-same-name", itself)):
            yield make(
                f"path-length-issuing-{below_it}-two-cas{id_}".lower(), *rules,
                issuing=ISSUING.but(path_length=below_it), extra={"second": (second, "issuing")},
                leaf_by="second", send="leaf second issuing",
            )  # fmt: skip
    yield make(
        "path-length-root-1-two-cas", *rules, root=ROOT.but(path_length=1),
        issuing=ISSUING.but(path_length=None), extra={"second": (below, "issuing")},
        leaf_by="second", send="leaf second issuing",
    )  # fmt: skip
    yield make(
        "path-length-leaf-ca-counts", *rules, leaf=LEAF.but(ca=True, path_length=None),
        issuing=ISSUING.but(path_length=0),
    )  # fmt: skip


def _changed(field: str, *, value: object) -> Iterator[tuple[str, Tier]]:
    for where, tier in (("leaf", LEAF), ("issuing", ISSUING), ("root", ROOT)):
        yield where, tier.but(**{field: value})
