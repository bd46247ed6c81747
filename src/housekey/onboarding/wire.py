"""What goes through the pipes between the parent and the processes that face the network.

Both ways it is lines of JSON. Downward one line, with all that a process needs. Upward one line
for each event; the parent trusts nothing of it, because that process may have been taken over.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime

from housekey.onboarding.events import Event, Step
from housekey.onboarding.offer import Counts, FormerRoot, Offer, SignedBy
from housekey.onboarding.visitor import Browser, Kind, Visitor
from housekey.pki.secret import Secret

LINE_BYTES = 4096  # of an event, at most
_MOST = 2**53  # that anything is counted to
REASONS = frozenset(  # why something was refused
    {
        "bad-nonce",  # used, old, or never given out
        "bad-request",  # no HTTP, or more than looking
        "failed",  # a mistake of ours
        "no-such-page",
        "too-large",  # headers, or anything that is sent along
        "too-many",  # connections, or events
        "too-slow",
        "wrong-host",  # a Host header that was not offered
    }
)


@dataclass(frozen=True, slots=True)
class Task:
    """All that a process gets."""

    offer: Offer
    port: int  # of the page, as bound
    listeners: tuple[int, ...]  # file descriptors of sockets that listen
    secret: Secret  # for nonces
    chain_pem: bytes = b""  # for the proof alone
    key_pem: Secret | None = None  # for the proof alone


def task_line(task: Task) -> bytes:
    """Return the line that tells a process what to do. It holds secrets."""
    offer = task.offer
    document = {
        "root": base64.b64encode(offer.root_der).decode(),
        "home": offer.home,
        "proof_port": offer.proof_port,
        "hosts": offer.hosts,
        "home_assistant": offer.home_assistant,
        "home_assistant_hosts": offer.home_assistant_hosts,
        "crl": base64.b64encode(offer.crl_der or b"").decode(),
        "home_assistant_by": offer.home_assistant_by.value,
        "former": [[each.sha256, each.name, each.counts.value] for each in offer.former],
        "opens_later": offer.opens_later,
        "port": task.port,
        "listeners": task.listeners,
        "secret": task.secret.reveal().hex(),
        "chain": task.chain_pem.decode(),
        "key": task.key_pem.reveal().decode() if task.key_pem else "",
    }
    return json.dumps(document).encode() + b"\n"


def task_from(line: bytes) -> Task:
    """Return what `task_line` told."""
    told = json.loads(line)
    offer = Offer(
        root_der=base64.b64decode(told["root"]),
        home=told["home"],
        proof_port=told["proof_port"],
        hosts=tuple(told["hosts"]),
        home_assistant=told["home_assistant"],
        home_assistant_hosts=tuple(told["home_assistant_hosts"]),
        crl_der=base64.b64decode(told["crl"]) or None,
        home_assistant_by=SignedBy(told["home_assistant_by"]),
        former=tuple(
            FormerRoot(sha256, name, Counts(counts)) for sha256, name, counts in told["former"]
        ),
        opens_later=told["opens_later"],
    )
    return Task(
        offer=offer,
        port=told["port"],
        listeners=tuple(told["listeners"]),
        secret=Secret(bytes.fromhex(told["secret"])),
        chain_pem=told["chain"].encode(),
        key_pem=Secret(told["key"].encode()) if told["key"] else None,
    )


def ready_line(confined: tuple[str, ...]) -> bytes:
    """Return the first line of a process: it answers now, and this holds it back."""
    return json.dumps({"confined": confined}).encode() + b"\n"


def confined_from(line: bytes) -> tuple[str, ...]:
    """Return what `ready_line` told. Raises ValueError for anything else."""
    told = _parsed(line)
    if not isinstance(told, dict) or not isinstance(told.get("confined"), list):
        raise ValueError("not the line that is expected")  # noqa: TRY004 - of a line, not of a type
    return tuple(str(each) for each in told["confined"])


def event_line(event: Event) -> bytes:
    """Return the line that tells an event."""
    document: dict[str, object] = {"at": event.at.timestamp(), "step": event.step.value}
    if event.step is Step.REFUSED:
        document |= {"reason": event.reason, "count": event.count}
    else:
        document |= {"device": event.device, "again": event.again}
    if event.visitor is not None:
        document |= {"kind": event.visitor.kind.value, "browser": event.visitor.browser.value}
    return json.dumps(document).encode() + b"\n"


def event_from(line: bytes) -> Event:
    """Return the event that `event_line` told. Raises ValueError for anything else."""
    told = _parsed(line)
    if not isinstance(told, dict):
        raise ValueError("not an event")  # noqa: TRY004 - of a line, not of a type
    try:
        at = datetime.fromtimestamp(float(told["at"]), UTC)
        step = Step(told["step"])
        if step is Step.REFUSED:
            reason, count = told["reason"], told["count"]
            if reason not in REASONS or type(count) is not int or not 0 < count < _MOST:
                raise ValueError("not a refusal")
            return Event(at, step, reason=reason, count=count)
        device, again = told["device"], told["again"]
        if type(device) is not int or not 0 < device < _MOST or type(again) is not bool:
            raise ValueError("not a step of a device")
        visitor = Visitor(Kind(told["kind"]), Browser(told["browser"]))
    except (KeyError, TypeError, OverflowError, OSError) as wrong:
        raise ValueError("not an event") from wrong
    return Event(at, step, device, visitor, again)


def _parsed(line: bytes) -> object:
    try:
        return json.loads(line)
    except RecursionError as deep:
        raise ValueError("not a line of ours") from deep
