"""Which road: from three answers to a recommendation, with its reasons. Pure.

The third road, a CA of one's own, is for who has one, and they know: nobody is asked about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from housekey.house.road import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

QUESTIONS: Final = (
    "Have you a name on the internet, such as ha.example.org, or one of DuckDNS?",
    "Can you go once to every phone, tablet and computer that will use it?",
    "Do speakers or televisions play from Home Assistant (announcements, media)?",
)


@dataclass(frozen=True, slots=True)
class Answers:
    """What was answered, in the order of `QUESTIONS`."""

    name: bool
    every_device: bool
    speakers: bool


@dataclass(frozen=True, slots=True)
class Advice:
    """Which road, and why."""

    road: Kind | None  # None: the house's own root
    reasons: tuple[str, ...]  # for people, the weightiest first
    command: str  # that takes it


# Who cannot go to every device needs a certificate that those trust already, and has to get a
# name if there is none. Speakers trust nothing else either; but where a name would first have to
# be got, the plain way of the integration serves them without one.
_TABLE: Final[Mapping[Answers, Kind | None]] = {
    Answers(name=True, every_device=True, speakers=True): Kind.PUBLIC,
    Answers(name=True, every_device=True, speakers=False): None,
    Answers(name=True, every_device=False, speakers=True): Kind.PUBLIC,
    Answers(name=True, every_device=False, speakers=False): Kind.PUBLIC,
    Answers(name=False, every_device=True, speakers=True): None,
    Answers(name=False, every_device=True, speakers=False): None,
    Answers(name=False, every_device=False, speakers=True): Kind.PUBLIC,
    Answers(name=False, every_device=False, speakers=False): Kind.PUBLIC,
}


def recommended(answers: Answers) -> Advice:
    """Return the road for who has answered so."""
    road = _TABLE[answers]
    if road is None:
        return Advice(road, tuple(_for_the_private_root(answers)), "housekey secure")
    command = "housekey secure --public NAME --dns PROVIDER"
    if not answers.name:
        command = "housekey secure --public NAME.duckdns.org --dns duckdns"
    return Advice(road, tuple(_for_a_public_name(answers)), command)


def _for_the_private_root(answers: Answers) -> list[str]:
    reasons = [
        "it needs nobody outside of your home: no name, no account, no internet to renew it",
        "all that it asks is to go to every device once, and you can",
    ]
    if answers.speakers:
        reasons.append(
            "speakers and televisions trust no root of yours; the integration keeps a plain way"
            " open for them (docs/lane.md)"
        )
    if answers.name:
        reasons.append(
            "your name would do, too, without going to devices; but it is then listed in public"
        )
    return reasons


def _for_a_public_name(answers: Answers) -> list[str]:
    reasons = []
    if not answers.every_device:
        reasons.append("every device accepts it at once, those as well that you cannot go to")
    if answers.speakers:
        reasons.append("speakers and televisions accept it; they trust no root of yours")
    reasons.append(
        "you have a name for it already"
        if answers.name
        else "you need a name for it: one of DuckDNS costs nothing"
    )
    reasons.append("what it asks: the name is listed in public, and renewal needs the internet")
    return reasons
