"""Whether a CA is believed that wants a certificate renewed before its time: once, not each day.

RFC 9773 lets a CA move the window forward, because it has to revoke many certificates, and wants
to be obeyed at once (section 4.2). It does not say what a client does whose CA says so of each new
certificate as well; only that "renewal attempts are subject to the client's existing error backoff
and retry intervals", and that unreasonable answers may be limited (section 4.3.2). Obeyed to the
letter, such a CA gets an order a day, until it has locked the name out by its own limits. So: an
early wish is obeyed the day it is heard; of a certificate that came by one, the next early wish is
not believed before half of its life is over. That is sooner than any CA suggests in its right mind
(Let's Encrypt: half the life of six days, two thirds of ninety), and leaves as many days again.

How a certificate came is told by the ledger. One that was made anew no longer tells it: then the
certificate from before does, which lies beside it. Nothing here asks anybody anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.house.leaves import is_due
from housekey.house.records import OBTAINED
from housekey.pki.encoding import fingerprint

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cryptography.x509 import Certificate

    from housekey.house.view import HouseView

EARLY = "early"  # in the data of the event "obtained": whether it came by an early wish


def believed_from(certificate: Certificate, *, early: bool) -> datetime | None:
    """Return from when a wish to renew `certificate` is believed; None: at any time.

    `early`: whether it came by such a wish itself, before its time.
    """
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return begin + (end - begin) / 2 if early else None


def came_early(
    certificate: Certificate, *, told: Sequence[object], before: Certificate | None
) -> bool:
    """Whether `certificate` came because its CA wanted the one before it renewed early.

    `told`: what the ledger says of that, each time it was obtained; `before`: the certificate that
    was in use then, and counts where the ledger says nothing.
    """
    known = [each for each in told if isinstance(each, bool)]
    if known:
        return any(known)
    from housekey.pki.names import names_of  # noqa: PLC0415 - the ledger mostly tells

    return (
        before is not None
        and before != certificate
        and before.not_valid_before_utc <= certificate.not_valid_before_utc
        and set(names_of(before)) == set(names_of(certificate))
        and not is_due(before, now=certificate.not_valid_before_utc)
    )


def early_in(house: HouseView, certificate: Certificate) -> bool:
    """As `came_early`, by what the house remembers. Raises what the ledger raises."""
    events = house.ledger.events(-1, kind=OBTAINED, sha256=fingerprint(certificate))
    road = house.road
    before = None if road is None else house.previous_certificate(road.label)
    return came_early(certificate, told=[event.data.get(EARLY) for event in events], before=before)
