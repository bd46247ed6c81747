"""The screen of `housekey status`: a glance as lines of text, and as one JSON document."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from housekey.cli.output import line_of
from housekey.cli.status.words import day, device, moment, told
from housekey.house.labels import shown
from housekey.pki.span import span
from housekey.renewal.glance import next_steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO

    from housekey.house.road import Road
    from housekey.renewal.glance import Glance, Held, Rotation, Serving

_MOST_NAMED = 6  # devices
_BAR = 10  # columns
_OWN = 2  # root and issuing CA come first, and are always shown
_FEWEST = 3  # leaves that are shown however low the screen is


def lines(glance: Glance, *, height: int | None, blocks: bool, stream: TextIO) -> list[str]:
    """Return the lines for `stream`, `height` lines high; None is as high as it takes.

    `blocks`: whether the bars may be drawn with more than ASCII.
    """
    line = partial(line_of, stream=stream)
    above = [line("house", glance.house)]
    below = [line(label, text) for label, text in _rest(glance)]
    own, leaves = glance.held[:_OWN], glance.held[_OWN:]
    root_and_issuing = [line(*_certificate(each, glance, blocks=blocks)) for each in own]
    certificates = [line(*_certificate(each, glance, blocks=blocks)) for each in leaves]
    fixed = sum(map(_rows, (*above, *root_and_issuing, *below)))
    if height is not None and fixed + sum(map(_rows, certificates)) > height:
        by_need = _by_need(leaves)
        certificates = [line(*_certificate(each, glance, blocks=blocks)) for each in by_need]
        fit = _that_fit(certificates, height - fixed - 1)
        certificates[fit:] = [line("", _more(by_need[fit:], glance))]
    return [*above, *root_and_issuing, *certificates, *below]


def document(glance: Glance) -> dict[str, Any]:
    """Return all of it for `--json`."""
    return {
        "house": glance.house,
        "certificates": {each.what: _facts(each, glance) for each in glance.held},
        "damaged": [
            {
                "label": shown(each.label),
                "message": each.trouble.message,
                "hint": each.trouble.hint,
            }
            for each in glance.damaged
        ],
        "home_assistants": [each.place.folder for each in glance.serving],
        "serving": [_serving_facts(each) for each in glance.serving],
        "cut_short": list(glance.cut_short),
        "road": glance.road.kind.value if glance.road is not None else "private",
        "devices": [{**event.data, "at": event.at.isoformat()} for event in glance.devices],
        "rotation": _rotation_facts(glance.rotation),
        "events": [
            {
                "at": event.at.isoformat(),
                "kind": event.kind,
                "by": event.by,
                "sha256": event.sha256,
                "data": dict(event.data),
                "told": told(event),
            }
            for event in glance.events
        ],
        "next": list(next_steps(glance)),
    }


def _rows(text: str) -> int:
    return text.count("\n") + 1


def _by_need(leaves: Sequence[Held]) -> list[Held]:
    """Put what is due first, and then what ends first."""
    return sorted(leaves, key=lambda each: (each.due is None, each.certificate.not_valid_after_utc))


def _that_fit(texts: Sequence[str], room: int) -> int:
    """Return how many of them there is room for, and some however little room there is."""
    taken = accumulate(map(_rows, texts))
    return max(sum(rows <= room for rows in taken), min(_FEWEST, len(texts) - 1))


def _more(rest: Sequence[Held], glance: Glance) -> str:
    due = sum(each.due is not None for each in rest)
    state = f"{due} of them due" if due else f"the next ends in {span(rest[0].left(glance.now))}"
    return f"and {len(rest)} more, {state}: housekey cert list"


def _certificate(held: Held, glance: Glance, *, blocks: bool) -> tuple[str, str]:
    left = held.left(glance.now)
    state = "has ended" if left < timedelta() else f"{span(left)} left"
    due = f"  - due: {held.due.reason}" if held.due is not None else ""
    copies = f"  (also in {', '.join(held.copied_to)})" if held.copied_to else ""
    bar = _bar(held.life_left(glance.now), blocks=blocks)
    return "due" if due else "good", f"{bar}  {held.what}: {state}{due}{copies}"


def _bar(share: float, *, blocks: bool) -> str:
    """Draw how much is left; as long as anything is left, a part of it is seen."""
    full = min(-int(-share * _BAR // 1), _BAR)
    return ("█" if blocks else "#") * full + ("░" if blocks else ".") * (_BAR - full)


def _rest(glance: Glance) -> Iterator[tuple[str, str]]:
    for leaf in glance.damaged:
        yield leaf.state, f"{shown(leaf.label)}: {leaf.trouble.message}"
    for each in glance.serving:
        yield "serves" if not each.wrong else "wrong", _served(each)
    if glance.road is not None:
        yield "road", _road(glance.road)
    if glance.devices:
        yield "devices", _devices(glance)
    if glance.rotation is not None:
        yield "rotation", _rotation(glance.rotation, glance)
    for place in glance.cut_short:
        yield "owed", f"a change in {place} was cut short: housekey secure, or housekey undo"
    for number, event in enumerate(glance.events):
        when = moment(event.at, now=glance.now)
        yield "" if number else "last", f"{when}: {told(event)} ({event.by})"
    for number, step in enumerate(next_steps(glance)):
        yield "" if number else "next", step


def _served(serving: Serving) -> str:
    place = serving.place
    where = f"Home Assistant in {place.folder}"
    door = f"port {place.port} of {place.host}"
    if serving.presents is None:
        return where
    if serving.presents_now is None:
        return f"{where}; {door} does not answer now ({serving.presents.reason})"
    if serving.presents_now:
        return f"{where} presents it now, at {door}"
    if not serving.presents.leaf:
        return f"{where}; {door} presents no certificate now ({serving.presents.reason})"
    if serving.known_as is not None:
        known = f"an earlier certificate of this house, for {shown(serving.known_as)}"
        return f"{where}; {door} presents {known}"
    return f"{where}; {door} presents a certificate that is not of this house"


def _road(road: Road) -> str:
    """Say by which road Home Assistant's certificate comes, and what devices need for it."""
    who = "your own CA signs"
    if road.kind.value == "public":
        names = ", ".join(map(str, road.settings.get("names", ())))
        who = f"a public name: {names}"
    needs = "devices have to trust the CA's root" if road.roots else "every device trusts it"
    return f"{who}; {needs}"


def _devices(glance: Glance) -> str:
    """Say how many devices trust the root, and which were the last."""
    trusting = glance.devices
    named = [
        f"{device(each.data)} {day(each.at, now=glance.now)}" for each in trusting[:_MOST_NAMED]
    ]
    more = len(trusting) - len(named)
    number = f"{len(trusting)} {'trusts' if len(trusting) == 1 else 'trust'} the root"
    return f"{number}: {', '.join(named)}" + (f" and {more} more" if more else "")


def _rotation(rotation: Rotation, glance: Glance) -> str:
    since = day(rotation.overlap.since, now=glance.now)
    known = f" of {rotation.known}" if rotation.known else ""
    devices = "device" if rotation.known == 1 else "devices"
    return f"two roots since {since}; {rotation.proved}{known} {devices} proved the new one"


def _facts(held: Held, glance: Glance) -> dict[str, Any]:
    due = held.due
    return {
        "not_after": held.certificate.not_valid_after_utc.isoformat(),
        "days_left": held.days_left(glance.now),
        "due": due is not None,
        "due_because": None if due is None else due.reason,
        "sha256": held.sha256,
        "copied_to": list(held.copied_to),
    }


def _serving_facts(serving: Serving) -> dict[str, Any]:
    presents = serving.presents
    return {
        "home_assistant": serving.place.folder,
        "host": serving.place.host,
        "port": serving.place.port,
        "looked": presents is not None,
        "presents_it": serving.presents_now,
        "presents": None if presents is None or not presents.leaf else presents.sha256,
        "reason": "" if presents is None else presents.reason,
    }


def _rotation_facts(rotation: Rotation | None) -> dict[str, Any] | None:
    if rotation is None:
        return None
    return {
        "kind": rotation.overlap.kind.value,
        "since": rotation.overlap.since.isoformat(),
        "proved": rotation.proved,
        "known": rotation.known,
    }
