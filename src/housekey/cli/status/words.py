"""What happened, in plain words: an event of the ledger as one short line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from housekey.house.records import Event


def told(event: Event) -> str:
    """Say what happened. An event of a kind that a later housekey has is told by its name."""
    say = _WORDS.get(event.kind)
    return say(event.data) if say is not None else event.kind.replace("-", " ")


def moment(at: datetime, *, now: datetime) -> str:
    """Write a moment on this machine's clock: the time of today, or else the day."""
    local, today = at.astimezone(), now.astimezone()
    return f"{local:%H:%M}" if local.date() == today.date() else day(at, now=now)


def day(at: datetime, *, now: datetime) -> str:
    """Write a day as people say it, on this machine's clock; the year only when it is another."""
    local = at.astimezone()
    year = "" if local.year == now.astimezone().year else f" {local.year}"
    return f"{local.day} {local:%B}{year}"


def device(data: Mapping[str, Any]) -> str:
    """Call a device by what the ledger keeps of it."""
    from housekey.onboarding.devices import called, visitor_of  # noqa: PLC0415 - most need none

    return called(visitor_of(data))


def _label(data: Mapping[str, Any]) -> str:
    names = data.get("names")
    first = names[0] if isinstance(names, list) and names else "something"
    return str(data.get("label") or first).removeprefix("_")


def _because(data: Mapping[str, Any], key: str, words: Mapping[str, str]) -> str:
    why = data.get(key)
    return f": {words.get(str(why), str(why).replace('-', ' '))}" if why else ""


def _said(data: Mapping[str, Any]) -> str:
    """Give the reason as it is: it may name a record or an address."""
    return f": {data['reason']}" if data.get("reason") else ""


def _moment(text: object) -> str:
    """Show a moment of UTC as all others are shown."""
    return f"{text[:16].replace('T', ' ')} UTC" if isinstance(text, str) else "it says"


_WHY_RENEWED = {
    "age": "two thirds of its life were over",
    "names": "it lacked a name",
    "root": "the house has a new root or issuing CA",
    "revoked": "it was revoked",
    "ended": "it had ended",
}
_WHY_DROPPED = {
    "rotated": "the new one took its place",
    "leaked": "its key may have leaked",
    "ended": "it had ended",
    "aborted": "the change of root was taken back",
}

_WORDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "house-created": lambda _: "the house was made",
    "issued": lambda data: f"a certificate for {_label(data)}",
    "renewed": lambda data: f"renewed {_label(data)}{_because(data, 'why', _WHY_RENEWED)}",
    "obtained": lambda data: f"a certificate for {_label(data)}, signed by another CA",
    "requested": lambda _: "a request was written, for a CA of one's own",
    "signed": lambda data: f"signed a request for {_label(data)}",
    "device-trusts": lambda data: f"{device(data)} trusts the root",
    "root-rotated": lambda _: "the house has a new root",
    "root-dropped": lambda data: f"a root is over{_because(data, 'why', _WHY_DROPPED)}",
    "recovered": lambda _: "a new issuing CA, made with the recovery code",
    "backed-up": lambda _: "a backup was written",
    "restored": lambda _: "the house was put back from a backup",
    "revoked": lambda data: f"revoked {_label(data)}{_because(data, 'reason', {})}",
    "crl-made": lambda _: "the list of what was revoked was signed",
    "delivered": lambda data: f"delivered {_label(data)} to {data.get('to', 'its server')}",
    "undone": lambda _: "Home Assistant was put back as it was",
    "names-chosen": lambda _: "names for Home Assistant were chosen",
    "trial-ended": lambda data: f"a trial of https ended{_because(data, 'reason', {})}",
    "ledger-rebuilt": lambda _: "the ledger was made again",
    "order": lambda data: f"ordering a certificate for {_label(data)}",
    "order-failed": lambda data: (
        f"no certificate for {_label(data)}{_said(data)}"
        if "label" in data
        else f"a CA asked to be left alone until {_moment(data.get('until'))}"
    ),
}
