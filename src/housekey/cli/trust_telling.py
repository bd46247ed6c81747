"""How `trust` and `untrust` tell what they did: a row for each store, and one JSON document."""

from __future__ import annotations

import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from housekey.pki.encoding import fingerprint
from housekey.pki.fingerprint import lines_of
from housekey.trust.every import NAMES
from housekey.trust.root import too_wide
from housekey.trust.run import End, spoken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from housekey.cli.output import Output
    from housekey.cli.trust_choosing import Chosen
    from housekey.trust.run import Outcome
    from housekey.trust.store import Proof
    from housekey.trust.variables import Line


_DONE = {  # by whether it is taken out, and whether something was changed now
    (False, True): "installed, but not proven",
    (False, False): "it was there already, but is not proven",
    (True, True): "taken out, but not proven",
    (True, False): "it is not there, and yet",
}


@dataclass(frozen=True, slots=True)
class Story:
    """All that there is to tell."""

    chosen: Chosen
    outcomes: tuple[Outcome, ...]
    lines: tuple[tuple[Line, Proof | None], ...]  # as they are to be set now
    lines_before: tuple[Line, ...]
    named: tuple[str, ...]  # by --store
    taking_out: bool
    dry_run: bool
    unconstrained: bool


def cite(output: Output, chosen: Chosen) -> None:
    """Say which root it is, so that it can be compared."""
    output.row("root", f"{name_of(chosen)}, from {chosen.source}")
    # In the lines in which housekey share and its page show it.
    lines = [line.rstrip(":") for line in lines_of(fingerprint(chosen.root))]
    for at in range(0, len(lines), 2):
        output.row("" if at else "SHA-256", "   ".join(lines[at : at + 2]))


def name_of(chosen: Chosen) -> str:
    """Return the root's name as devices list it."""
    from cryptography.x509.oid import NameOID  # noqa: PLC0415 - loaded already

    subject = chosen.root.subject
    named = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(named[0].value) if named else subject.rfc4514_string() or "a root without a name"


def tell(output: Output, story: Story) -> None:
    """Tell it all."""
    for outcome in story.outcomes:
        for label, text in _rows(outcome, story):
            output.row(label, text)
    absent = not_here(story)
    if absent:
        output.row("not here", ", ".join(absent))
    wide = too_wide(story.chosen.root)
    if wide and not story.taking_out:
        output.row("heads up", f"this root could speak for more than a home: {wide}")
    for label, text in _lines(story):
        output.row(label, text)
    command = elevated(story)
    if command:
        output.row("next", command)
    elif not story.taking_out and any(each.changed for each in story.outcomes):
        output.row("next", "restart browsers and other programs that are running")
    output.document(_document(story, command))


def elevated(story: Story) -> str:
    """Return the command that does as administrator what is left; empty when nothing is."""
    left = [each.store for each in story.outcomes if each.end is End.ADMINISTRATOR]
    if not left:
        return ""
    chosen = story.chosen
    arguments = [
        *_this_program(),
        "untrust" if story.taking_out else "trust",
        *(part for name in left for part in ("--store", name)),
        *chosen.again,
    ]
    if chosen.house is None or "--house" not in chosen.again:
        arguments += ["--fingerprint", fingerprint(chosen.root)]
    if story.unconstrained:
        arguments.append("--unconstrained")
    arguments.append("--yes")
    if sys.platform == "win32":
        return f"in a terminal of an administrator: {subprocess.list2cmdline(arguments)}"
    return shlex.join(["sudo", *arguments])


def _this_program() -> list[str]:
    """Return how to call this very housekey: sudo has another PATH."""
    called = Path(sys.argv[0])
    if called.stem == "housekey" and called.is_file():
        return [str(called.absolute())]
    return [sys.executable, "-m", "housekey"]


def _rows(outcome: Outcome, story: Story) -> Iterator[tuple[str, str]]:
    title, programs = outcome.title, spoken(outcome.proofs, accepted=not story.taking_out)
    where = f" in {', '.join(outcome.where)}" if outcome.where else ""
    match outcome.end:
        case End.THERE:
            by = f"; accepted by {programs}" if programs else ""
            yield "proven" if programs else "there", f"{title}: it was there already{by}"
        case End.INSTALLED:
            yield "proven", f"{title}: installed{where}; accepted by {programs}"
        case End.WOULD_INSTALL:
            yield "would", f"put it into {title},{where}"
            yield "", outcome.about
        case End.GONE:
            yield "removed", f"{title}: taken out; refused again by {programs}"
        case End.NEVER:
            by = f"; refused by {programs}" if programs else ""
            yield "nothing", f"{title}: it is not there{by}"
        case End.WOULD_REMOVE:
            yield "would", f"take it out of {title},{where}"
        case End.NOT_HERE:
            pass  # all of them in one row
        case End.ADMINISTRATOR:
            yield "left", f"{title}: needs an administrator"
        case End.TOOL:
            yield "left", f"{title}: needs something first: {outcome.hint}"
        case End.UNPROVEN:
            done = _DONE[story.taking_out, outcome.changed]
            yield "left", f"{title}: {done}: {outcome.note}"
        case End.FAILED:
            yield "failed", f"{title}: {outcome.note}"
    if outcome.hint and outcome.end in (End.UNPROVEN, End.FAILED):
        yield "", outcome.hint


def not_here(story: Story) -> list[str]:
    """Return the stores that this computer does not have: of those that were named, or of all."""
    here = {outcome.store for outcome in story.outcomes if outcome.end is not End.NOT_HERE}
    return [name for name in NAMES if name not in here and name in (story.named or NAMES)]


def _lines(story: Story) -> Iterator[tuple[str, str]]:
    if story.taking_out:
        if story.lines_before and not story.dry_run:
            names = ", ".join(line.variable for line in story.lines_before)
            yield "heads up", f"where you have set them, take them out again: {names}"
        return
    for line, proof in story.lines:
        proven = ""
        if proof is not None:
            proven = {
                True: f"; proven by {proof.program}",
                False: f"; {proof.program} does not accept it: {proof.said}",
                None: f"; not proven: {proof.said}",
            }[proof.accepts]
        yield "to set", f"{line.export}  ({line.reader}{proven})"
        if line.in_the_way:
            yield (
                "heads up",
                f"{line.variable} is set to {line.in_the_way} here, which does not hold the root",
            )


def _document(story: Story, command: str) -> dict[str, Any]:
    return {
        "root": {
            "name": name_of(story.chosen),
            "sha256": fingerprint(story.chosen.root),
            "source": story.chosen.source,
            "limited": not too_wide(story.chosen.root),
        },
        "dry_run": story.dry_run,
        "stores": [
            *map(_facts, story.outcomes),
            *(
                {"store": name, "state": End.NOT_HERE.value}
                for name in not_here(story)
                if name not in {outcome.store for outcome in story.outcomes}
            ),
        ],
        "variables": [
            {
                "variable": line.variable,
                "value": line.value,
                "read_by": line.reader,
                "in_the_way": line.in_the_way or None,
                "proof": None if proof is None else _proof(proof),
            }
            for line, proof in story.lines
        ],
        "administrator": command or None,
    }


def _facts(outcome: Outcome) -> dict[str, Any]:
    return {
        "store": outcome.store,
        "title": outcome.title,
        "state": outcome.end.value,
        "where": list(outcome.where),
        "about": outcome.about or None,
        "changed": outcome.changed,
        "note": outcome.note or None,
        "hint": outcome.hint or None,
        "proofs": list(map(_proof, outcome.proofs)),
    }


def _proof(proof: Proof) -> dict[str, Any]:
    return {"program": proof.program, "accepts": proof.accepts, "said": proof.said or None}
