"""Kinds of keys and of signatures, on each tier."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.engines.forge import ISSUING, LEAF, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engines.making import Maker
    from tests.engines.model import Case

# Two of a kind that is slow to make are never needed in one chain.
_KINDS = (
    "p224", "p256", "p384", "p521", "ed25519", "ed448", "secp256k1", "brainpool256",
    "brainpool384", "rsa768", "rsa1024", "rsa2048", "rsa3072", "rsa4096", "rsa2048-e3",
)  # fmt: skip
_KIND_RULES = (
    "CHR-19", "CHR-20", "FFX-18", "FFX-19", "OSL-06", "GO-03", "RUS-01", "MBD-02", "APL-11",
    "APL-12", "APL-26", "AND-07", "WIN-07", "BR-12", "PCA-01",
)  # fmt: skip
_HASH_RULES = (
    "CHR-18", "FFX-17", "OSL-06", "GO-03", "RUS-01", "MBD-02", "APL-13", "AND-07", "WIN-07",
)  # fmt: skip


def cases(make: Maker) -> Iterator[Case]:
    """Each kind on each tier, then each digest, then signatures that do not hold."""
    for kind in _KINDS:
        usage = ("digitalSignature", "keyEncipherment") if "rsa" in kind else LEAF.ku
        # One slow key of a kind serves all tiers, but never two in one chain.
        yield make(f"key-leaf-{kind}", *_KIND_RULES, leaf=LEAF.but(key=kind, nth_key=0, ku=usage))
        yield make(f"key-root-{kind}", *_KIND_RULES, root=ROOT.but(key=kind))
        yield make(f"key-issuing-{kind}", *_KIND_RULES, issuing=ISSUING.but(key=kind, nth_key=0))
    yield make("key-root-rsa4096-direct", *_KIND_RULES, issuing=None, root=ROOT.but(key="rsa4096"))
    yield make(
        "key-all-rsa2048", *_KIND_RULES,
        root=ROOT.but(key="rsa2048"), issuing=ISSUING.but(key="rsa2048"),
        leaf=LEAF.but(key="rsa2048", ku=("digitalSignature", "keyEncipherment")),
    )  # fmt: skip
    yield make(
        "key-all-p384", *_KIND_RULES,
        root=ROOT.but(key="p384", hash="sha384"), issuing=ISSUING.but(key="p384", hash="sha384"),
        leaf=LEAF.but(key="p384", hash="sha384"),
    )  # fmt: skip
    for name in ("sha1", "sha224", "sha384", "sha512"):
        yield make(f"hash-leaf-{name}", *_HASH_RULES, leaf=LEAF.but(hash=name))
        yield make(f"hash-issuing-{name}", *_HASH_RULES, issuing=ISSUING.but(hash=name))
        yield make(f"hash-root-{name}", *_HASH_RULES, root=ROOT.but(hash=name))
    rsa_root, rsa_issuing = ROOT.but(key="rsa2048"), ISSUING.but(key="rsa2048")
    for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512"):
        signed = {"root": rsa_root, "issuing": rsa_issuing}
        yield make(f"hash-rsa-leaf-{name}", *_HASH_RULES, leaf=LEAF.but(hash=name), **signed)
    for name in ("md5", "sha1"):
        yield make(f"hash-rsa-root-{name}", *_HASH_RULES, root=rsa_root.but(hash=name))
    yield make(
        "hash-sha1-with-p384", *_HASH_RULES, issuing=ISSUING.but(key="p384"),
        leaf=LEAF.but(hash="sha1"),
    )  # fmt: skip
    yield make("sig-pss", "BR-12", issuing=rsa_issuing, leaf=LEAF.but(pss=True))
    yield make(
        "sig-rsa-without-null", "BR-12", issuing=rsa_issuing, leaf=LEAF.but(null_parameters=False)
    )
    for where, tier in (("leaf", LEAF), ("issuing", ISSUING), ("root", ROOT)):
        changed = {where: tier.but(damaged=True)}
        yield make(f"sig-damaged-{where}", "BR-12", "CHR-01", "FFX-04", **changed)
        changed = {where: tier.but(outer_hash="sha384")}
        yield make(f"sig-outer-differs-{where}", "BR-12", "PY-10", **changed)
