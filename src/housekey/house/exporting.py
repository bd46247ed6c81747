"""The ledger as lines of JSON, for other programs and for decades.

    {"housekey_ledger": 1}
    {"what": "certificate", "at": …, "sha256": …, "serial": …, "role": …, "label": …, "names": […],
     "not_before": …, "not_after": …, "der": …}
    {"what": "event", "at": …, "kind": …, "by": …, "sha256": …, "data": {…}}

The first line is the version of this form; it goes up when something that is here changes its
meaning or goes away, not when something is added. Then all certificates and all events follow,
each in the order in which they were written. Times are ISO 8601 in UTC, `serial` is hexadecimal,
`der` is base64, `sha256` of an event is the certificate that it is about, or null.
docs/recovery.md tells this to users.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from housekey.house.records import IssuedCertificate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from housekey.house.records import Event, Ledger

FORM = {"housekey_ledger": 1}


def exported(ledger: Ledger) -> Iterator[dict[str, Any]]:
    """Yield what each line after the first says."""
    for row in ledger.everything():
        yield _certificate(row) if isinstance(row, IssuedCertificate) else _event(row)


def lines_of(ledger: Ledger) -> Iterator[str]:
    """Yield the lines, the first among them, without their ends."""
    yield json.dumps(FORM)
    for row in exported(ledger):
        yield json.dumps(row, ensure_ascii=False)


def _certificate(row: IssuedCertificate) -> dict[str, Any]:
    return {
        "what": "certificate",
        "at": row.issued_at.isoformat(),
        "sha256": row.sha256,
        "serial": f"{row.serial:x}",
        "role": row.role,
        "label": row.label,
        "names": list(row.names),
        "not_before": row.not_before.isoformat(),
        "not_after": row.not_after.isoformat(),
        "der": b64encode(row.der).decode(),
    }


def _event(row: Event) -> dict[str, Any]:
    return {
        "what": "event",
        "at": row.at.isoformat(),
        "kind": row.kind,
        "by": row.by,
        "sha256": row.sha256,
        "data": dict(row.data),
    }
