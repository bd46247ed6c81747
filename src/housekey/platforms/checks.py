"""The checks that several platforms make, with an option for each way in which they differ.

Every function here returns a check: a generator of what is wrong. The words are the same for
all platforms, so that equal findings can be told once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.pki.names import DnsName, IpName
from housekey.platforms import hostnames, subtrees
from housekey.platforms.facts import KeyKind, NameKind, Oid, Usage
from housekey.platforms.path import recognized, same_name
from housekey.platforms.rule import Said, Seen, Tier

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from housekey.platforms.facts import Facts, Key
    from housekey.platforms.rule import Check

ABOVE = (Tier.ISSUING, Tier.ROOT)
ALL = (Tier.LEAF, Tier.ISSUING, Tier.ROOT)
PRESENTED = (Tier.LEAF, Tier.ISSUING)

# What stands in the extensions that the rules speak of, for people.
_EXTENSIONS = {
    value: name.lower().replace("_", " ")
    for name, value in vars(Oid).items()
    if name.isupper() and isinstance(value, str)
}


# --- the next steps that several rules end with ---

SEND_THE_SIGNER = (
    "send only the issuing CA that signed the leaf, and trust the root that signed that one"
)
SEND_THE_PATH = (
    "let the server send the leaf and every issuing CA, and trust the root that signed them"
)
NEW_KEY = "make a new key: ECDSA P-256, or RSA of 2048 bits or more"
SERVER_AUTH = "have it made with extendedKeyUsage serverAuth"
DIGITAL_SIGNATURE = "have it made with keyUsage digitalSignature"
NAME_IN_SAN = "have the leaf made with that name in its SAN"
RENEW = "renew it, and look at the clocks of server and client"
SIGN_AGAIN = "have it signed again with SHA-256"
CA_AS_ROOT = "trust a root with basicConstraints CA:TRUE and keyUsage keyCertSign"
SHORTER_PATH = "let the issuing CA sign the leaf directly, or make a root without pathLen"
NOT_CRITICAL = "have it made without that extension, or with it not critical"
MADE_ANEW = "ask for a new certificate from whoever made this one"
PERMITTED_NAMES = "ask only for names that the root permits"
A_SUBJECT = "give it a subject, such as a CN"

# The error of a rule that only warns of what nobody sees.
NOTHING_SHOWN = "nothing is shown"


def extension_name(oid: str) -> str:
    """An extension for people: its name, or its number."""
    return _EXTENSIONS.get(oid, oid)


def those(seen: Seen, tiers: Collection[Tier]) -> Iterator[Facts]:
    """The certificates of the path that belong to `tiers`.

    A trusted leaf is a leaf here; SELF_SIGNED takes it out of LEAF: with (LEAF,) alone a
    check does not look at one.
    """
    if seen.is_trusted_leaf:
        if Tier.SELF_SIGNED in tiers:
            yield seen.leaf
        return
    if Tier.LEAF in tiers:
        yield seen.leaf
    if Tier.ISSUING in tiers:
        yield from seen.issuing
    if Tier.ROOT in tiers and seen.anchored:
        yield seen.path[-1]


# --- the path ---


def everything(seen: Seen) -> Iterator[Facts]:
    """All that was sent, and the root: what is read before anything is judged."""
    yield from dict.fromkeys((*seen.chain, *(() if seen.root is None else (seen.root,))))


def unreadable(
    finds: Callable[[Facts], Iterator[str]],
) -> Check:
    """What a parser stumbles over, in any certificate that was sent or is trusted.

    `finds` yields what comes after "the leaf".
    """

    def check(seen: Seen) -> Iterator[Said]:
        for each in everything(seen):
            for wrong in finds(each):
                yield Said(f"{seen.called(each)} {wrong}")

    return check


def doubled(each: Facts, *, only: Collection[str] | None = None) -> Iterator[str]:
    """For `unreadable`: extensions that are there twice."""
    for oid in each.duplicated:
        if only is None or oid in only:
            yield f"has an extension twice: {extension_name(oid)}"


def broken(
    each: Facts, *, only: Collection[str] | None = None, trailing: bool = True
) -> Iterator[str]:
    """For `unreadable`: extensions that do not hold what they should."""
    for oid in (*each.malformed, *(each.trailing if trailing else ())):
        if only is None or oid in only:
            yield f"has an extension that cannot be read: {extension_name(oid)}"


def two_algorithms(each: Facts) -> Iterator[str]:
    """For `unreadable`: an inner signature algorithm that is not the outer one."""
    if not each.signatures_agree:
        yield "names two different signature algorithms"


def odd_networks(each: Facts) -> Iterator[str]:
    """For `unreadable`: constraints on addresses that are no network."""
    constraints = each.name_constraints
    for subtree in subtrees.subtrees(constraints) if constraints is not None else ():
        base = subtree.base
        if base.kind is NameKind.IP and not (
            len(base.value) in (8, 32) and subtrees.has_plain_mask(base.value)
        ):
            yield "constrains addresses by something that is no network"


def extensions_before_version_3(each: Facts) -> Iterator[str]:
    """For `unreadable`: extensions where there is no place for them."""
    if each.version < 3 and each.extensions:
        yield f"is of version {each.version} and has extensions"


def version_above_3(each: Facts) -> Iterator[str]:
    """For `unreadable`: a version that X.509 does not have."""
    if each.version > 3:
        yield f"is of version {each.version}, which is not known"


def untrusted(*, self_signed: str = "", missing: str = "") -> Check:
    """No path from the leaf to the root. The errors, where given, are of the two usual cases."""

    def check(seen: Seen) -> Iterator[Said]:
        if seen.anchored:
            return
        last = seen.path[-1]
        who = seen.called(last)
        if seen.root is None:
            error = self_signed if last.is_self_issued else missing
            yield Said("the device was told to trust nothing that could have signed this", error)
        elif last.is_self_issued and last is seen.leaf:
            if last.der == seen.root.der:
                yield Said("the leaf is its own root, and here only a CA can be one", self_signed)
            else:
                yield Said("the leaf is self-signed, and not what the device trusts", self_signed)
        elif last.is_self_issued:
            yield Said(f"{who} is a root, and not the one that the device trusts", self_signed)
        elif last.der == seen.root.der:
            yield Said(f"{who} is what the device trusts, and here only a root can be", missing)
        else:
            yield Said(_why_no_issuer(seen, last, who), missing)

    return check


def _why_no_issuer(seen: Seen, last: Facts, who: str) -> str:
    assert seen.root is not None  # noqa: S101 - its caller knows
    candidates = [(each, each is seen.root) for each in (seen.root, *seen.chain[1:])]
    for issuer, at_root in candidates:
        called = seen.called(issuer)
        reason = recognized(last, issuer, seen.linking, at_root=at_root)
        if not reason:
            if seen.signatures.holds(last, issuer) is False:
                return f"{who} has the name of {called} as its issuer, but not its signature"
            continue
        if same_name(last, issuer, seen.linking.names):
            return f"{who} names {called} as its issuer, but {reason}"
    for issuer, _ in candidates:
        if last.issuer.normalised == issuer.subject.normalised:
            return (
                f"{who} writes its issuer's name with other kinds of strings or capitals than"
                f" {seen.called(issuer)} does"
            )
    return f"nobody sent the certificate “{last.issuer}” that signed {who[4:]}"


def signed_otherwise(seen: Seen) -> Iterator[Said]:
    """A signature in the path that does not hold; for platforms that take the first issuer."""
    for child, issuer in zip(seen.path, seen.issuers, strict=False):
        if seen.signatures.holds(child, issuer) is False:
            yield Said(
                f"{seen.called(child)} has the name of {seen.called(issuer)} as its issuer,"
                " but not its signature"
            )


# --- time ---


def times(
    tiers: Collection[Tier],
    *,
    expired: str = "",
    early: str = "",
    to_the_last_second: bool = True,
) -> Check:
    """Outside of notBefore and notAfter; both seconds belong to it, by RFC 5280 4.1.2.5."""

    def check(seen: Seen) -> Iterator[Said]:
        for each in those(seen, tiers):
            if seen.at < each.not_before:
                begins = f"{each.not_before:%Y-%m-%d %H:%M} UTC"
                yield Said(f"{seen.called(each)} is not valid before {begins}", early)
            if each.not_after < seen.at or (each.not_after == seen.at and not to_the_last_second):
                yield Said(
                    f"{seen.called(each)} ended on {each.not_after:%Y-%m-%d %H:%M} UTC", expired
                )

    return check


# --- names ---


def name_asked(how: hostnames.Matching, *, none: str = "", address: str = "") -> Check:
    """The leaf is not for the name; `none`: it has no SAN at all; `address`: an IP was asked."""

    def check(seen: Seen) -> Iterator[Said]:
        if hostnames.matches(seen.leaf, seen.name, how):
            return
        is_address = not isinstance(seen.name, DnsName)
        error = address if is_address else ""
        if not seen.leaf.dns_names and not seen.leaf.addresses:
            yield Said("the leaf has no name in its SAN", none or error)
        elif str(seen.name) in seen.leaf.dns_names and is_address:
            yield Said(f"the leaf has {seen.name} as a DNS name, not as an address", error)
        elif isinstance(seen.name, IpName) and seen.name.address.packed in seen.leaf.addresses:
            yield Said(f"addresses in a SAN are not compared here, {seen.name} included", error)
        else:
            listed = hostnames.described(seen.leaf)
            yield Said(f"the leaf is for {listed}, not for {seen.name}", error)

    return check


def constraints(how: subtrees.Enforcing, *, excluded: str = "", leaf_only: bool = False) -> Check:
    """A name outside of what a CA above may speak for; `excluded` is the error for those."""

    def check(seen: Seen) -> Iterator[Said]:
        for each in subtrees.violations(seen.path, how, anchored=seen.anchored):
            if leaf_only and each.bearer is not seen.leaf:
                continue
            who, holder = seen.called(each.bearer), seen.called(each.holder)
            what = "excludes" if each.excluded else "does not permit"
            yield Said(f"{holder} {what} {each.name} of {who}", excluded if each.excluded else "")

    return check


def entries_under_constraints(
    is_bad: Callable[[str], bool],
    *,
    of_root: bool = True,
    dns_only: bool = False,
    error: str = "",
) -> Check:
    """A DNS entry that a platform cannot read as one, once any CA above has constraints (NC-11).

    With `dns_only`, once any of them constrains DNS names.
    """

    def check(seen: Seen) -> Iterator[Said]:
        holders = subtrees.holders(seen.path, anchored=seen.anchored, of_root=of_root)
        if dns_only:
            holders = tuple(
                each
                for each in holders
                if each.name_constraints is not None
                and any(
                    subtree.base.kind is NameKind.DNS
                    for subtree in subtrees.subtrees(each.name_constraints)
                )
            )
        if not holders:
            return
        for entry in seen.leaf.dns_names:
            if is_bad(entry):
                yield Said(
                    f"the leaf's DNS name {entry!r} is none that could be held against the"
                    f" constraints of {seen.called(holders[-1])}",
                    error,
                )

    return check


def bounded_constraints(*, of_root: bool = True) -> Check:
    """Constraints with a minimum or maximum, held against a name of their kind (NC-14)."""

    def check(seen: Seen) -> Iterator[Said]:
        named = {NameKind.DIRECTORY, *(name.kind for name in seen.leaf.san or ())}
        for holder in subtrees.holders(seen.path, anchored=seen.anchored, of_root=of_root):
            found = subtrees.subtrees(holder.name_constraints) if holder.name_constraints else ()
            if any(each.bounded and each.base.kind in named for each in found):
                yield Said(f"{seen.called(holder)} has constraints with a minimum or maximum")

    return check


# --- what a certificate is for ---


def extended_usage(
    tiers: Collection[Tier], *, enough: Collection[str] = (Oid.SERVER_AUTH,)
) -> Check:
    """An extendedKeyUsage that has none of `enough`. Without one, everything is allowed."""

    def check(seen: Seen) -> Iterator[Said]:
        for each in those(seen, tiers):
            usages = each.extended_key_usage
            if usages is not None and not set(usages).intersection(enough):
                only_any = Oid.ANY_USAGE in usages
                yield Said(
                    f"{seen.called(each)} is for any usage, which does not count as a server's"
                    if only_any
                    else f"{seen.called(each)} is not for servers (extendedKeyUsage)"
                )

    return check


def leaf_usage(*usages: Usage, tiers: Collection[Tier] = (Tier.LEAF, Tier.SELF_SIGNED)) -> Check:
    """A leaf whose keyUsage has none of `usages`."""

    def check(seen: Seen) -> Iterator[Said]:
        for each in those(seen, tiers):
            if not each.may(*usages):
                needed = " or ".join(map(usage_name, usages))
                yield Said(f"{seen.called(each)}'s keyUsage is without {needed}")

    return check


def usage_name(usage: Usage) -> str:
    """`digitalSignature`, as the RFC writes it."""
    first, *rest = usage.name.lower().split("_")
    spelled = first + "".join(word.capitalize() for word in rest)
    return spelled.replace("CrlSign", "cRLSign").replace("crlSign", "cRLSign")


def no_ca(
    tiers: Collection[Tier],
    *,
    v1: bool = False,
    without_extension: bool = False,
    key_usage: bool = True,
) -> Check:
    """An issuer that is not one.

    `v1`: one of version 1 or 2, which has no extensions, may be one all the same;
    `without_extension`: so may one of version 3 without basicConstraints. `key_usage`: it must
    be allowed to sign certificates, if it has a keyUsage.
    """

    def check(seen: Seen) -> Iterator[Said]:
        for each in those(seen, tiers):
            who = seen.called(each)
            if each.basic_constraints is not None:
                if not each.basic_constraints.ca:
                    yield Said(f"{who} says that it is no CA (basicConstraints)")
            elif each.version < 3:
                if not v1:
                    yield Said(f"{who} is of version {each.version}, which cannot say it is a CA")
            elif not without_extension:
                yield Said(f"{who} does not say that it is a CA (basicConstraints)")
            if key_usage and not each.may(Usage.KEY_CERT_SIGN):
                yield Said(f"{who}'s keyUsage is without keyCertSign")

    return check


def ca_as_leaf(tiers: Collection[Tier] = (Tier.LEAF, Tier.SELF_SIGNED)) -> Check:
    """A leaf that says it is a CA."""

    def check(seen: Seen) -> Iterator[Said]:
        for each in those(seen, tiers):
            if each.is_ca:
                yield Said(f"{seen.called(each)} says that it is a CA (basicConstraints)")

    return check


def path_length(*, of_root: bool = True, count_self_issued: bool = False) -> Check:
    """More issuing CAs below one than its pathLen allows: RFC 5280 4.2.1.9."""

    def check(seen: Seen) -> Iterator[Said]:
        below = 0
        for each in seen.issuers:
            is_root = seen.anchored and each is seen.path[-1]
            limit = each.basic_constraints.path_length if each.basic_constraints else None
            if limit is not None and below > limit and (of_root or not is_root):
                yield Said(
                    f"{seen.called(each)} allows {limit} issuing CAs below it (pathLen),"
                    f" and there are {below}"
                )
            if count_self_issued or not each.is_self_issued:
                below += 1

    return check


# --- extensions ---


def unknown_critical(
    known: Collection[str],
    tiers: Collection[Tier] = (*ALL, Tier.SELF_SIGNED),
) -> Check:
    """A critical extension that the platform does not know: RFC 5280 4.2."""

    def check(seen: Seen) -> Iterator[Said]:
        for each in those(seen, tiers):
            for extension in each.extensions:
                if extension.critical and extension.oid not in known:
                    yield Said(
                        f"{seen.called(each)} has a critical extension that is not known here:"
                        f" {extension_name(extension.oid)}"
                    )

    return check


def malformed(
    tiers: Collection[Tier] = (*ALL, Tier.SELF_SIGNED),
    *,
    only: Collection[str] | None = None,
    trailing: bool = True,
) -> Check:
    """An extension that does not hold what it should; only of certain kinds, if given.

    `trailing`: bytes after it are wrong, too.
    """

    def check(seen: Seen) -> Iterator[Said]:
        for each in those(seen, tiers):
            for oid in (*each.malformed, *(each.trailing if trailing else ())):
                if only is None or oid in only:
                    yield Said(
                        f"{seen.called(each)} has an extension that cannot be read:"
                        f" {extension_name(oid)}"
                    )

    return check


def unknown_version(seen: Seen) -> Iterator[Said]:
    """A version above 3, which RFC 5280 4.1.2.1 does not know."""
    for each in seen.path:
        if each.version > 3:
            yield Said(f"{seen.called(each)} is of version {each.version}, which is not known")


def duplicated(
    tiers: Collection[Tier] = (*ALL, Tier.SELF_SIGNED), *, only: Collection[str] | None = None
) -> Check:
    """An extension that is there twice: RFC 5280 4.2; only of certain kinds, if given."""

    def check(seen: Seen) -> Iterator[Said]:
        for each in those(seen, tiers):
            for oid in each.duplicated:
                if only is None or oid in only:
                    yield Said(f"{seen.called(each)} has an extension twice: {extension_name(oid)}")

    return check


_SSL_SERVER = 1  # bit of nsCertType


def netscape_type(seen: Seen) -> Iterator[Said]:
    """A leaf not for servers by an extension of Netscape's that some tools still write."""
    if seen.leaf.netscape_types is not None and _SSL_SERVER not in seen.leaf.netscape_types:
        yield Said("the leaf is not for servers (Netscape's certificate type)")


def must_staple(seen: Seen) -> Iterator[Said]:
    """A leaf that promises an OCSP answer, which no home's server has."""
    if seen.leaf.must_staple:
        yield Said("the leaf promises an OCSP answer with every connection (must-staple)")


# --- keys and signatures ---


def keys(
    refuses: Callable[[Key], bool], tiers: Collection[Tier], *, what: str = "is too weak"
) -> Check:
    """A key that the platform refuses."""

    def check(seen: Seen) -> Iterator[Said]:
        for each in those(seen, tiers):
            if refuses(each.key):
                yield Said(f"{seen.called(each)}'s key {what}: {each.key}")

    return check


def keys_for_tls(refuses: Callable[[Key], bool]) -> Check:
    """A leaf whose key the platform does not negotiate, whoever signed it."""
    return keys(
        refuses, (Tier.LEAF, Tier.SELF_SIGNED), what="is of a kind that is not negotiated here"
    )


def rsa_below(bits: int) -> Callable[[Key], bool]:
    """RSA keys that are shorter."""

    def refuses(key: Key) -> bool:
        return key.kind is KeyKind.RSA and key.bits < bits

    return refuses


def kinds_other_than(
    *, curves: Collection[str], kinds: Collection[KeyKind] = (KeyKind.RSA, KeyKind.EC)
) -> Callable[[Key], bool]:
    """Keys of no kind of `kinds`, or EC on none of `curves`."""

    def refuses(key: Key) -> bool:
        return key.kind not in kinds or (key.kind is KeyKind.EC and key.curve not in curves)

    return refuses


def hashes(
    refused: Collection[str],
    tiers: Collection[Tier] = PRESENTED,
    *,
    not_self_issued: bool = False,
) -> Check:
    """A signature over a hash that the platform refuses; the root's own is nobody's concern."""

    def check(seen: Seen) -> Iterator[Said]:
        for each in those(seen, tiers):
            if each.signature_hash in refused and not (not_self_issued and each.is_self_issued):
                yield Said(
                    f"{seen.called(each)} is signed with {each.signature_hash.upper()},"
                    " which is broken"
                )

    return check
