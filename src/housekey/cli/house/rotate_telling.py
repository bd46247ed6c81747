"""What `housekey house rotate` tells: what a new root means, where it stands, what comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cryptography.x509 import NameOID

from housekey.house.generations import Kind, Why
from housekey.house.labels import shown
from housekey.house.leaves import ONBOARDING
from housekey.pki.encoding import fingerprint
from housekey.pki.fingerprint import grouped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.x509 import Certificate

    from housekey.cli.output import Output
    from housekey.house.house import House
    from housekey.house.rotating import NewRoot
    from housekey.onboarding.standing import Standing

_MOST_NAMED = 8

_ALONE = (
    "without the old code the old root can vouch for nothing: servers go on under the old root, and"
    " change to the new one when you run housekey house rotate --finish"
)
_IN_BETWEEN = (
    "a device that is set up in between knows the new root alone, and opens Home Assistant only"
    " after that"
)
_STOLEN = (
    "every device refuses Home Assistant until it has got the new root; take the old one off every"
    " device: until then, who has the key can pretend to be your home there"
)
_ENDED = "the old root has ended, so no device accepts it any more"


def heads_up(how: Kind | Why, new: NewRoot) -> tuple[str, ...]:
    """Say what a new root of this kind will mean, before it is there."""
    told = {
        Kind.WAITING: (_ALONE, _IN_BETWEEN),
        Why.LEAKED: (_STOLEN,),
        Why.ENDED: (_ENDED,),
    }.get(how, ())
    if not new.added or isinstance(how, Why):
        return told
    added = ", ".join(new.added)
    if how is Kind.WAITING:
        return (*told, f"{added}: only after --finish")
    wide = (
        f"a certificate with a name of {added} is refused as a whole by devices that know the old"
        " root alone: give such a name to nothing that they use before --finish"
    )
    return (*told, wide)


def refused_for_now(house: House) -> str | None:
    """Say what a device is refused by that gets the new root alone, just now; None: by nothing.

    It is refused by what presents a chain without the new root in it: until `renew` has given it
    another, or, where the new root waits, until the old one is dropped.
    """
    overlap = house.overlap
    if overlap is None:
        return None
    if overlap.kind is Kind.WAITING:
        return _IN_BETWEEN
    due = due_in(house)
    if not due:
        return None
    return (
        f"housekey renew first: a device that gets the new root alone is refused by what still has"
        f" the chain from before ({listed(due)})"
    )


def tell_begun(house: House, how: Kind | Why, standing: Standing | None, output: Output) -> None:
    """Tell that a new root is there, and what is to be done."""
    output.row("new root", called(house.root_for_devices))
    if how is Kind.CROSSED:
        output.row("overlap", "the old root vouches for it: devices that know either accept both")
    elif how is Kind.WAITING:
        output.row("overlap", "it waits until devices know it; servers go on under the old root")
    elif how is Why.LEAKED:
        output.row("dropped", "the old root; take it off every device")
    else:
        output.row("dropped", "the old root")
    _tell_devices(standing, output)
    labels = iter(("next", "", "", ""))
    if due := due_in(house):
        output.row(next(labels), _renew(house, due))
    output.row(next(labels), "housekey share: leads phones and laptops to the new root")
    output.row(next(labels), "housekey trust: this computer")
    if standing is not None:
        output.row(next(labels), "housekey house rotate: shows who has proved it, and what is left")


def tell_standing(house: House, standing: Standing, output: Output) -> None:
    """Tell where a rotation stands."""
    overlap = house.overlap
    assert overlap is not None  # noqa: S101 - the caller has looked
    output.row("new root", called(overlap.new_root))
    output.row("old root", called(overlap.old_root))
    since = f"since {overlap.since:%d %B %Y}".replace(" 0", " ")
    if overlap.kind is Kind.CROSSED:
        output.row("overlap", f"the old root vouches for the new one, {since}")
    else:
        output.row("overlap", f"the new root waits until devices know it, {since}")
    _tell_devices(standing, output)
    labels = iter(("next", "", ""))
    if due := due_in(house):
        output.row(next(labels), _renew(house, due))
    if standing.missing or not standing.known:
        output.row(next(labels), "housekey share: leads phones and laptops to the new root")
    output.row(next(labels), "housekey house rotate --finish: drops the old root")


def tell_dropped(house: House, old: Certificate, output: Output) -> None:
    """Tell that one root is left, and where the other one may still be."""
    output.row("root", called(house.root))
    output.row("dropped", called(old))
    labels = iter(("next", "", ""))
    if due := due_in(house):
        output.row(next(labels), f"housekey renew: servers present it then ({listed(due)})")
    file = house.folder / "old" / house.former[-1].number / "root.pem"
    output.row(next(labels), f"housekey untrust --root {file}: takes the old one off this computer")
    output.row(next(labels), "phones and laptops: take it off when you come by (docs/recovery.md)")


def _renew(house: House, due: Sequence[str]) -> str:
    first = house.overlap is not None and house.overlap.kind is Kind.CROSSED
    if not first:
        return f"housekey renew: servers present it then ({listed(due)})"
    return (
        "housekey renew, before any other device gets the new root: one that has it alone is"
        f" refused until then ({listed(due)})"
    )


def _tell_devices(standing: Standing | None, output: Output) -> None:
    if standing is None:
        return
    if standing.known:
        devices = "device" if standing.known == 1 else "devices"
        of = f"{standing.proved} of {standing.known} {devices} that had proved the old root"
    else:
        of = "no device has ever proved the old root"
    more = f", and {standing.others} more" if standing.others else ""
    output.row("proved", of + more)
    if standing.missing:
        output.row("missing", listed(standing.missing))


def document_of(
    house: House, state: str, *, old: Certificate | None, standing: Standing | None
) -> dict[str, Any]:
    """Return the JSON document."""
    overlap = house.overlap
    return {
        "state": state,
        "since": overlap.since.isoformat() if overlap else None,
        "root": _facts(house.root_for_devices),
        "old_root": _facts(old) if old else None,
        "devices": standing
        and {
            "known": standing.known,
            "proved": standing.proved,
            "missing": list(standing.missing),
            "others": standing.others,
        },
        "due": list(due_in(house)),
    }


def due_in(house: House) -> tuple[str, ...]:
    """Return what the certificates are called whose chain is not today's."""
    return tuple(
        shown(leaf.label)
        for leaf in house.each_leaf()[0]  # of a damaged one status tells
        if leaf.label != ONBOARDING and not house.is_current(leaf)
    )


def called(root: Certificate) -> str:
    """Call a root by its CN, and by the beginning of what devices show."""
    found = root.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return f"{found[0].value!s} (SHA-256 {grouped(fingerprint(root))[:11]}…)"


def listed(what: Sequence[str]) -> str:
    """Name some, and count the rest."""
    more = len(what) - _MOST_NAMED
    return ", ".join(what[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _facts(root: Certificate) -> dict[str, str]:
    return {
        "subject": root.subject.rfc4514_string(),
        "sha256": fingerprint(root),
        "not_after": root.not_valid_after_utc.isoformat(),
    }
