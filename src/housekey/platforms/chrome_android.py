"""Chrome on Android: Chromium's verifier, with the roots of Android's user store.

Such a root is a plain trust anchor: nothing that it says of itself is enforced, and no leaf is
ever trusted by itself (CHR-17). From source, not from a run; what it shares with Chrome on
computers is measured there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.platforms import checks, chrome
from housekey.platforms.checks import those
from housekey.platforms.model import Platform, Severity
from housekey.platforms.path import LeafAsRoot, Linking, Names
from housekey.platforms.rule import Client, Evidence, Rule, Said, Seen, Tier

if TYPE_CHECKING:
    from collections.abc import Iterator

_S = Evidence.SOURCE
_SOURCE = "Chromium net/cert/internal/trust_store_android.cc"


def _leaf_as_root(seen: Seen) -> Iterator[Said]:
    if seen.root is not None and seen.leaf.der == seen.root.der:
        yield Said(
            "the leaf is itself what the device was told to trust, and here only a CA can be"
        )


def _constraints_unheard(seen: Seen) -> Iterator[Said]:
    """Section 9: a root's constraints alone protect nobody here."""
    for each in those(seen, (Tier.ROOT,)):
        if each.name_constraints is not None and not any(
            issuing.name_constraints is not None for issuing in seen.issuing
        ):
            yield Said("the root's name constraints are not enforced here, and no CA repeats them")


LEAF_AS_ROOT = Rule(
    "CHR-17",
    "A self-signed leaf, or any leaf that is itself what the device trusts",
    (Tier.SELF_SIGNED,),
    _leaf_as_root,
    error=chrome.AUTHORITY,
    fix="make a root, let it sign the leaf, and install the root on the device",
    source=_SOURCE,
    evidence=(_S,),
)
UNENFORCED = Rule(
    "CHR-17.constraints",
    "Name constraints on the root only, which are not enforced",
    (Tier.ROOT,),
    _constraints_unheard,
    error=checks.NOTHING_SHOWN,
    fix="sign leaves with an issuing CA that carries the same constraints",
    source=_SOURCE,
    evidence=(_S,),
    severity=Severity.WARNING,
)

CLIENT = Client(
    Platform.CHROME_ANDROID,
    linking=Linking(names=Names.NORMALISED_NO_T61, leaf_as_root=LeafAsRoot.NO),
    rules=(
        chrome.KEY_IN_TLS,
        chrome.KEY_USAGE,
        chrome.UNREADABLE_LEAF,
        chrome.NAMELESS,
        LEAF_AS_ROOT,
        chrome.UNTRUSTED,
        chrome.UNREADABLE_ISSUER,
        chrome.ALGORITHMS,
        chrome.WEAK_HASH,
        chrome.PATH_KEY,
        chrome.constraints(of_root=False),
        chrome.extended_usage(of_root=False),
        chrome.ISSUING_IS_CA,
        chrome.path_length(of_root=False),
        chrome.unknown_critical(of_root=False),
        chrome.NAME,
        chrome.WILDCARD,
        chrome.WEAK_KEY,
        chrome.times(of_root=False),
        chrome.LIFETIME,
        chrome.LIFETIME_IN_PUBLIC,
        UNENFORCED,
    ),
    known_from="the sources of Chromium 153; what it shares with Chrome is measured there",
)
