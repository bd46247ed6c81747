"""What BoringSSL refuses to read, though it is a certificate: pki/parsed_certificate.cc.

Chrome passes over such an issuing CA or root as if it were missing, and refuses such a leaf.
Measured with Chromium 156.
"""

from __future__ import annotations

from housekey.pki import der
from housekey.platforms import checks
from housekey.platforms.facts import Facts, NameKind, Oid
from housekey.platforms.subtrees import has_plain_mask, subtrees


def unparsable(each: Facts) -> str:
    """Why it cannot be read, after the name of who it is; "" if it can."""
    return next((why for read in _READERS if (why := read(each))), "")


def is_nameless(each: Facts) -> bool:
    """An empty subject whose SAN is not critical: kSubjectAltNameNotCritical."""
    is_critical = each.critical(Oid.SUBJECT_ALT_NAME)
    return each.subject.is_empty and each.san is not None and not is_critical


def _extensions(each: Facts) -> str:
    for oid in (*each.malformed, *each.trailing):
        return f"has an extension that cannot be read: {checks.extension_name(oid)}"
    if each.duplicated:
        return f"has an extension twice: {checks.extension_name(each.duplicated[0])}"
    if each.version > 3:
        return f"is of version {each.version}, which is not known"
    if each.version < 3 and each.extensions:
        return f"is of version {each.version} and has extensions"
    return ""


def _usages(each: Facts) -> str:
    if each.key_usage is not None and not each.key_usage:
        return "has a keyUsage that allows nothing"
    if each.extended_key_usage == ():
        return "has an extendedKeyUsage that allows nothing"
    constraints = each.basic_constraints
    if constraints is not None and not 0 <= (constraints.path_length or 0) <= 255:
        return f"has a pathLen of {constraints.path_length}"
    return ""


def _san(each: Facts) -> str:
    if each.san is None:
        return ""
    if not each.san:
        return "has an empty SAN"
    for entry in each.san:
        if entry.kind is NameKind.IP and len(entry.value) not in {4, 16}:
            return f"has an address of {len(entry.value)} bytes in its SAN"
        if _is_text(entry.kind) and not entry.value.isascii():
            return f"has a name in its SAN that is not ASCII: {entry.text!r}"
    return ""


def _constraints(each: Facts) -> str:
    constraints = each.name_constraints
    if constraints is None:
        return ""
    listed = subtrees(constraints)
    if not listed:
        return "has name constraints that say nothing"
    for base in (subtree.base for subtree in listed):
        if base.kind is NameKind.IP and (
            len(base.value) not in {8, 32} or not has_plain_mask(base.value)
        ):
            return "has name constraints with a network that has no plain mask"
        if _is_text(base.kind) and not base.value.isascii():
            return f"has name constraints that are not ASCII: {base.text!r}"
    if _bounds_written(each):
        return "has name constraints with a minimum or maximum"
    return ""


def _is_text(kind: NameKind) -> bool:
    return kind in {NameKind.DNS, NameKind.EMAIL, NameKind.URI}


def _bounds_written(each: Facts) -> bool:
    """A minimum is an error even if it is the 0 that DER leaves out (ParseGeneralSubtrees)."""
    value = next(found.value for found in each.extensions if found.oid == Oid.NAME_CONSTRAINTS)
    lists = der.only(value, der.SEQUENCE).parts()
    return any(len(subtree.parts()) > 1 for listed in lists for subtree in listed.parts())


_READERS = (_extensions, _usages, _san, _constraints)
