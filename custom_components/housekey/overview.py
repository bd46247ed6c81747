"""What the panel gets to see: a `Snapshot` as JSON, and nothing that is not in one.

Pure: the QR code is handed in, because drawing one takes a while.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from .model import Snapshot

NOT_RUNNING: dict[str, Any] = {"running": False}  # while there is no snapshot


def overview(snapshot: Snapshot, code: tuple[int, str] | None) -> dict[str, Any]:
    """Return the panel's message. Times are ISO 8601 in UTC.

    `code` is the QR code of the first onboarding address, as `housekey.onboarding.qr.path`
    returns it: its side in units, and an SVG path of what is dark.
    """
    begins = snapshot.root_begins if snapshot.road is None else None  # another CA's is not known
    return {
        "running": True,
        "at": snapshot.at.isoformat(),
        "stage": snapshot.stage.value,
        "reason": snapshot.reason,
        "delivery": snapshot.delivery.value,
        "road": "private" if snapshot.road is None else snapshot.road.value,
        "home_assistant_url": snapshot.home_assistant_url,
        "https_port": snapshot.https_port,
        "root": {"name": snapshot.root_name, "sha256": snapshot.root_sha256},
        "certificates": [
            _certificate("leaf", snapshot.leaf_begins, snapshot.leaf_ends, snapshot.leaf_renews),
            _certificate("issuing", begins, snapshot.issuing_ends),
            _certificate("root", begins, snapshot.root_ends),
        ],
        "names": list(snapshot.names),
        "devices": [
            {"kind": device.kind, "browser": device.browser, "at": device.at.isoformat()}
            for device in sorted(snapshot.devices, key=lambda device: device.at, reverse=True)
        ],
        "onboarding": {
            "urls": list(snapshot.onboarding_urls),
            "code": {"side": code[0], "path": code[1]} if code else None,
        },
        "problems": [
            {"kind": problem.kind.value, "data": dict(problem.data), "fixable": problem.fixable}
            for problem in snapshot.problems
        ],
    }


def _certificate(
    kind: str, begins: datetime | None, ends: datetime | None, renews: datetime | None = None
) -> dict[str, str | None]:
    return {"kind": kind, "begins": _iso(begins), "ends": _iso(ends), "renews": _iso(renews)}


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
