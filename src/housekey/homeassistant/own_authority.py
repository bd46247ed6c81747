"""Who signs on the road of a CA of one's own: its owner, by hand, between two commands.

`ByHand` is how the house stands on this road: it has what the CA signed, and cannot ask for more.
`Installer` has what the CA has just returned (own_install.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.errors import SignatureNeeded
from housekey.homeassistant.own_answer import not_covered
from housekey.homeassistant.recorded import LABEL
from housekey.house.road import Kind, Road

if TYPE_CHECKING:
    from collections.abc import Sequence

    from housekey.homeassistant.plan import Plan
    from housekey.house.house import House, Leaf
    from housekey.live.tls import Trust
    from housekey.pki.arranging import Answer
    from housekey.pki.names import Name
    from housekey.pki.subject import Subject

SIGNER = "your own CA"
WITHOUT = "without"  # in the road's settings: names that were found, and that the CA left out
AGAIN = (
    "housekey secure --csr FILE writes the request; housekey secure --install FILE takes what"
    " the CA returns"
)


def signature_needed(reason: str) -> SignatureNeeded:
    """Return the reminder; `reason` is why a certificate is due, in a few words."""
    return SignatureNeeded(
        f"a new certificate is due ({reason}), and your own CA has to sign it", hint=AGAIN
    )


def still_missing(road: Road, leaf: Sequence[Name], found: Sequence[Name]) -> tuple[Name, ...]:
    """Return the names that were found since: neither on `leaf`, nor done without knowingly."""
    without = road.settings.get(WITHOUT, ())
    return tuple(each for each in not_covered(leaf, found) if str(each) not in without)


def road_to(answer: Answer, without: Sequence[Name]) -> Road:
    """Return what the house keeps of the road; `without`: names that the CA has left out."""
    return Road(Kind.OWN, LABEL, (answer.root,), {WITHOUT: sorted(map(str, without))})


class ByHand:
    """A CA of the user's own: it signed what there is, and only its owner can ask it again."""

    settled = True
    signer = SIGNER

    def __init__(self, house: House, road: Road) -> None:
        self._house = house
        self._road = road

    @property
    def road(self) -> Road:
        return self._road

    @property
    def trust(self) -> Trust:
        return self._road.roots

    def gave(self, leaf: Leaf) -> bool:
        return self._house.may_keep_key(leaf)

    async def prepare(self, plan: Plan, names: Sequence[Name]) -> bool:  # noqa: ARG002 - none helps
        raise signature_needed(plan.issue or "asked for")

    def issue(self, plan: Plan, names: Sequence[Name], subject: Subject | None) -> Leaf:
        raise NotImplementedError("prepare() has raised")


class Installer:
    """Gives the house what the CA signed."""

    signer = SIGNER

    def __init__(self, house: House, answer: Answer, *, without: tuple[Name, ...]) -> None:
        self._house = house
        self._answer = answer
        self._without = without

    @property
    def road(self) -> Road:
        return road_to(self._answer, self._without)

    @property
    def settled(self) -> bool:
        return self._house.road_of(LABEL) == self.road

    @property
    def trust(self) -> Trust:
        return (self._answer.root,)

    def gave(self, leaf: Leaf) -> bool:
        """Whether the present leaf is of this road and has the key that was signed again."""
        road = self._house.road_of(LABEL)
        return road is not None and road.kind is Kind.OWN and self._is_for_the_key_of(leaf)

    async def prepare(self, plan: Plan, names: Sequence[Name]) -> bool:  # noqa: ARG002 - see below
        """Nothing: it is all there, and was looked at before."""
        return True

    def issue(self, plan: Plan, names: Sequence[Name], subject: Subject | None) -> Leaf:  # noqa: ARG002 - the CA has decided
        return self._house.take(
            LABEL,
            chain=self._answer.chain,
            key=self._answer.key,
            data={"from": "own", "root": self._answer.root.subject.rfc4514_string()},
        )

    def _is_for_the_key_of(self, leaf: Leaf) -> bool:
        return leaf.certificate.public_key() == self._answer.key.public_key
