"""Giving Home Assistant a new certificate: by the integration where it is there, or by a restart.

The way is the switch of `secure`, journalled and proven from outside; only that the running server
is given the certificate by the integration, or else that the restart waits for the quiet hours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from housekey.errors import (
    HousekeyError,
    NotReady,
    RenewalFailed,
)
from housekey.homeassistant.recorded import LABEL
from housekey.homeassistant.request import Renewal
from housekey.homeassistant.secure import secure
from housekey.homeassistant.site import Interrupted
from housekey.house.exported import DELIVERED
from housekey.house.house import House
from housekey.house.who import who
from housekey.live.tls import roots_in
from housekey.pki.encoding import chain_to_pem, fingerprint
from housekey.renewal.delivery import Delivery, QuietHours, Way, choose_delivery
from housekey.renewal.due import Due, Why
from housekey.renewal.home import request_to_renew
from housekey.renewal.renewing import RENEWED

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from housekey.homeassistant.impact import Impact
    from housekey.homeassistant.look import View
    from housekey.homeassistant.plan import Facts, Plan
    from housekey.homeassistant.request import Result
    from housekey.homeassistant.site import World
    from housekey.house.leaves import Leaf
    from housekey.house.recovery import RecoveryCode
    from housekey.renewal.home import Home, HomeStanding

_NO_TOKEN_HINT = "let it keep a token, once: housekey secure --remember"  # noqa: S105


@dataclass(frozen=True, slots=True)
class HomeRenewed:
    """What became of it."""

    due: Due | None
    delivery: Delivery | None = None  # None: it failed before a way was chosen
    leaf: Leaf | None = None  # what is proven to be presented; None: it waits, or it failed
    trouble: HousekeyError | None = None
    warnings: tuple[str, ...] = ()


async def renew_home(
    house: Path,
    home: Home,
    standing: HomeStanding,
    *,
    quiet: QuietHours,
    at_once: bool,
    everything: bool,
    world: World,
) -> HomeRenewed:
    """Renew and deliver, or wait for the quiet hours; `at_once` does not wait.

    `everything` renews what is not due. Raises only `Interrupted`: what failed is in the answer,
    and Home Assistant is as before. The caller must not hold the house's lock.
    """
    due = standing.due
    if due is not None and standing.by_hand:
        from housekey.homeassistant.own_authority import signature_needed  # noqa: PLC0415 - rare

        return HomeRenewed(due, trouble=signature_needed(due.reason))
    if home.token is None and home.restart_command is None:
        trouble = RenewalFailed(
            "there is no token to sign in to Home Assistant with", hint=_NO_TOKEN_HINT
        )
        return HomeRenewed(due, trouble=trouble)
    gate = _Gate(home, standing, quiet=quiet, at_once=at_once, world=world)
    try:
        with House.open(house, files=world.files, clock=world.clock) as opened:
            gate.root_pem = chain_to_pem(roots_in(opened.trusted_for(LABEL)))
        asked = "asked for" if everything else None
        renewal = Renewal(
            why=due.reason if due is not None else asked,
            keep_key=due is None or due.why is not Why.REVOKED,
            keep=standing.keep,
            live=gate.live,
        )
        request = request_to_renew(house, home, standing.keep)
        result = await secure(replace(request, renewal=renewal), world, _Nobody())
    except _Waits as waits:
        return HomeRenewed(due, waits.delivery)
    except Interrupted:
        raise  # put back, and whoever asked to stop is to hear of it
    except HousekeyError as trouble:
        return HomeRenewed(due, gate.delivery, trouble=trouble)
    return _done(house, home, due, gate=gate, result=result, world=world)


def _done(
    house: Path, home: Home, due: Due | None, *, gate: _Gate, result: Result, world: World
) -> HomeRenewed:
    outcome = result.outcome
    assert outcome is not None  # noqa: S101 - no dry run
    if not outcome.kept:
        owed = RenewalFailed(
            "the new certificate lies in Home Assistant's folder, and waits for a restart that"
            " only you can give",
            hint="restart Home Assistant, then run housekey renew again to prove it",
        )
        return HomeRenewed(due, gate.delivery, trouble=owed, warnings=result.warnings)
    warnings = list(result.warnings)
    way = gate.delivery.way if gate.delivery is not None else Way.LIVE
    try:
        with House.open(house, files=world.files, clock=world.clock) as opened:
            sha256 = fingerprint(outcome.leaf.certificate)
            told = {"label": LABEL}
            if result.plan.issue is not None:
                data = {**told, "why": due.why.value if due is not None else "asked for"}
                opened.ledger.record_event(
                    RENEWED, at=world.clock(), by=who(), sha256=sha256, data=data
                )
            data = {**told, "to": str(home.folder), "way": way.value}
            opened.ledger.record_event(
                DELIVERED, at=world.clock(), by=who(), sha256=sha256, data=data
            )
    except HousekeyError as trouble:
        warnings.append(f"the ledger does not have it: {trouble.message}")
    return HomeRenewed(due, gate.delivery, outcome.leaf, warnings=tuple(warnings))


class _Waits(Exception):
    """Nothing is done before the quiet hours."""

    def __init__(self, delivery: Delivery) -> None:
        super().__init__(delivery.reason)
        self.delivery = delivery


class _Gate:
    """Decides, once it is known what is to be done, by which way and when."""

    def __init__(
        self,
        home: Home,
        standing: HomeStanding,
        *,
        quiet: QuietHours,
        at_once: bool,
        world: World,
    ) -> None:
        self._home = home
        self._standing = standing
        self._quiet = quiet
        self._at_once = at_once
        self._world = world
        self.root_pem = b""
        self.delivery: Delivery | None = None

    async def live(self, view: View, _facts: Facts, drawn: Plan) -> bool:
        """Return whether the running server is given it. Raises _Waits and RenewalFailed."""
        if not drawn.touches_server:
            return False
        now = self._world.clock().astimezone()
        self.delivery = choose_delivery(
            not_live=await self._not_live(view, drawn),
            cannot_restart=None,
            quiet=self._quiet,
            served_until=self._served_until(now),
            now=now,
        )
        if self.delivery.way is Way.LIVE:
            return True
        if not self._at_once and self.delivery.at is not None and self.delivery.at > now:
            raise _Waits(self.delivery)
        await self._must_be_able_to_restart(view)
        return False

    async def _must_be_able_to_restart(self, view: View) -> None:
        """Raise NotReady where Home Assistant would refuse a restart, or not come up again."""
        instance = view.instance
        if instance is None:
            return  # nobody can ask
        if instance.recovery_mode or instance.state != "RUNNING":
            what = "in recovery mode" if instance.recovery_mode else "still starting"
            raise NotReady(
                f"Home Assistant is {what}, and is not restarted for its certificate now",
                hint="home-assistant.log tells more; run housekey renew again when it runs",
            )
        async with view.site.client(view.site.door) as client:
            check = await client.check_config()
        if not check.valid:
            raise NotReady(
                "Home Assistant's configuration has errors, and it would refuse to restart:"
                f" {check.errors}",
                hint="mend them: Developer tools > YAML > Check configuration shows them",
            )

    async def _not_live(self, view: View, drawn: Plan) -> str | None:
        if drawn.configure or drawn.edit_yaml:
            return "the certificate has another key, and Home Assistant has to read other files"
        if view.site.token is None:
            return "housekey has no token to ask the integration with"
        async with view.site.client(view.site.door) as client:
            answer = await client.load_certificate(root_pem=self.root_pem, only_ask=True)
        return answer.reason or None

    def _served_until(self, now: datetime) -> datetime | None:
        """Return until when devices accept what is presented: a revoked one must not wait."""
        if self._standing.revoked:
            return now
        due = self._standing.due
        if due is not None and due.why is Why.REVOKED:
            return now
        presents = self._standing.presents
        return None if presents is None else presents.not_valid_after_utc


class _Nobody:
    """Asks nobody: a renewal affects nothing that the switch has not affected already."""

    def go_on(self, impacts: tuple[Impact, ...]) -> bool:  # noqa: ARG002 - as said
        return True

    def note_code(self, code: RecoveryCode) -> bool:  # noqa: ARG002 - a renewal makes no house
        return False

    def created(self, code: RecoveryCode) -> None:
        """Never: a renewal makes no house."""
