"""`housekey secure`: from a Home Assistant as it stands to one on HTTPS, proven and kept.

Three parts, in this order: look (nothing is changed), decide (plan.py), act
(switch.py). What the user is asked and shown goes through `Asker`, so that the
integration and the tests can answer too.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, TypedDict

from housekey.errors import (
    HousekeyError,
    HouseMissing,
    NotPermitted,
    Stopped,
    SwitchFailed,
)
from housekey.homeassistant.authority import authority_of, names_on
from housekey.homeassistant.impact import affected, summary
from housekey.homeassistant.look import View, facts_of, look
from housekey.homeassistant.lookahead import must_be_possible, must_not_be_anothers_trial
from housekey.homeassistant.names import Names, internal_url_host
from housekey.homeassistant.plan import Pair, Plan, Wanted, plan
from housekey.homeassistant.put_back import put_back_of, target_of
from housekey.homeassistant.recorded import LABEL, PROVEN
from housekey.homeassistant.request import Result
from housekey.homeassistant.site import Interrupted
from housekey.homeassistant.switch import Outcome, Switch, told_proofs
from housekey.homeassistant.wishes import remember_wishes, wished_names
from housekey.house.house import House, clock_must_be_possible, prepare_house
from housekey.house.journal import Journal, State
from housekey.house.lock import house_lock
from housekey.live.handshake import Speech, prove, speaks
from housekey.pki.names import DnsName, IpName, parse_name
from housekey.pki.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from housekey.homeassistant.authority import Authority
    from housekey.homeassistant.impact import Impact
    from housekey.homeassistant.request import Asker, Request
    from housekey.homeassistant.site import Site, World
    from housekey.house.house import NewHouse
    from housekey.house.journal import Transaction
    from housekey.house.recovery import RecoveryCode
    from housekey.live.tls import Trust
    from housekey.pki.names import Name

LOCK_SECONDS = 10.0


async def secure(request: Request, world: World, asker: Asker) -> Result:
    """Take the Home Assistant of `request` to HTTPS, or say why not, with nothing changed.

    Raises `SwitchFailed` (put back), `Interrupted` (put back) or any other
    `HousekeyError` (nothing was changed).
    """
    return await _Run(request, world, asker).run()


class _Run:
    """One run: the view, the house and the plan are found on the way."""

    def __init__(self, request: Request, world: World, asker: Asker) -> None:
        self._request = request
        self._world = world
        self._asker = asker
        self._warnings: list[str] = []
        self._code: RecoveryCode | None = None
        self._live = False

    async def run(self) -> Result:
        request, world = self._request, self._world
        with contextlib.ExitStack() as held:
            # Locked first: what is seen is what another housekey has left, not what it works on.
            house = self._open_house(held)
            if house is not None:
                self._compare(house)
            view = await look(
                folder=request.folder,
                door=request.door,
                token=request.token,
                world=world,
                **met_under(house),
                ready=request.renewal is None,  # which looks itself, and only if it has to
            )
            site = view.site
            world.tell("found", f"Home Assistant {site.version} at {site.door.url} ({site.folder})")
            names = await self._names(view, house)
            impacts = affected(view.domains)
            wanted = await self._wanted(view, names)
            authority = None if house is None else self._authority(house)
            facts = facts_of(view, house=house, world=world, authority=authority)
            drawn = plan(facts, wanted)
            if request.renewal is not None:
                drawn = replace(drawn, remove_stale_yaml=False)  # a person's to decide
            standing = self._standing(house, site)
            opened = next((each for each in standing if each.state is State.OPEN), None)
            without_url = replace(drawn, internal_url=None)
            if site.token is None and opened is None and without_url.empty:
                drawn = without_url  # it can neither be seen nor set, and is no reason to begin
            self._tell_impacts(impacts, drawn)
            new = None if house is not None else self._prepare(view, names)
            if request.dry_run:
                for line in drawn.told():
                    world.tell("would", line)
                return self._result(view, names, impacts, drawn)
            must_not_be_anothers_trial(view, standing)
            await must_be_possible(view, house, drawn, world)
            if request.renewal is not None and not drawn.empty:
                self._live = await request.renewal.live(view, facts, drawn)
            elif impacts and drawn.touches_server and not self._asker.go_on(impacts):
                raise Stopped
            if new is not None:
                house = held.enter_context(self._create(new, held))
            assert house is not None  # noqa: S101 - opened, or just created
            authority = authority or self._authority(house)
            if drawn.issue is not None:
                await authority.prepare(drawn, names.chosen)
            self._fix_permissions(view, drawn)
            outcome, changed = await self._act(
                view, house, authority, drawn, names=names, opened=opened
            )
        return self._result(view, names, impacts, drawn, outcome=outcome, changed=changed)

    # Before anything is changed.

    def _open_house(self, held: contextlib.ExitStack) -> House | None:
        folder, files = self._request.house, self._world.files
        try:
            house = House.open(folder, files=files, clock=self._world.clock)
        except HouseMissing:
            if self._request.renewal is not None:
                raise
            return None
        held.enter_context(house)
        held.enter_context(house_lock(folder, wait=LOCK_SECONDS, files=files))
        return house

    def _authority(self, house: House) -> Authority:
        chosen = self._request.road
        if chosen is not None:
            return chosen.authority(house, self._world)
        return authority_of(house, self._world)

    def _compare(self, house: House) -> None:
        """Tell what was asked for that only a new house could have."""
        request = self._request
        permit = tuple(map(parse_name, request.permit))
        if refused := house.constraints.refused(permit):
            raise NotPermitted(tuple(map(str, refused)), permitted=house.constraints.described())
        fields = Subject(**{"common_name": None, **request.subject}) if request.subject else None
        if fields is not None and any(each not in house.root.subject for each in fields.to_x509()):
            self._warnings.append("the root is there already, and its subject stays as it is")
        if request.critical and not house.constraints.critical:
            self._warnings.append(
                "the house is there already, and its constraints stay as they are"
            )

    async def _names(self, view: View, house: House | None) -> Names:
        chosen = self._request.road
        fixed = names_on(house) if chosen is None else chosen.names
        if fixed is not None:
            names = Names(chosen=fixed, skipped=())
        else:
            names = await wished_names(self._request, view, house, self._world)
        self._world.tell("names", ", ".join(str(name) for name in names.chosen))
        for text, reason in names.skipped:
            self._world.tell("left out", f"{text}: {reason}")
        return names

    async def _wanted(self, view: View, names: Names) -> Wanted:
        request, folder = self._request, self._request.folder
        renewal = request.renewal
        hosts = [name for name in names.chosen if not isinstance(name, IpName)]
        found = await asyncio.gather(*(self._world.resolve(str(name)) for name in hosts))
        host = internal_url_host(
            names.chosen,
            existing=view.instance.internal_url if view.instance is not None else None,
            resolving=[name for name, addresses in zip(hosts, found, strict=True) if addresses],
        )
        return Wanted(
            names=names.chosen,
            dropped=tuple(map(parse_name, request.remove)),
            url_host=None if host is None or renewal is not None else DnsName(host),
            pair=Pair(
                request.certificate or folder / "certificate.pem",
                request.key or folder / "privkey.pem",
            ),
            key_type=request.key_type,
            days=request.days,
            port=request.port,
            renew=None if renewal is None else renewal.why,
            keep_key=None if renewal is None else renewal.keep_key,
        )

    def _tell_impacts(self, impacts: tuple[Impact, ...], drawn: Plan) -> None:
        if drawn.touches_server and self._request.renewal is None:
            for line in summary(impacts):
                self._world.tell("heads up", line)

    def _prepare(self, view: View, names: Names) -> NewHouse:
        request = self._request
        clock_must_be_possible(self._world.clock())
        fixed = request.road is not None and request.road.names is not None
        new = prepare_house(
            # The house's own root has nothing to do with names that somebody else signs for.
            names=() if fixed else names.chosen,
            permit=tuple(map(parse_name, request.permit)),
            subject=Subject(**{"common_name": None, **self._whose(view)}),
            critical=request.critical,
            clock=self._world.clock,
        )
        if new.added:
            self._world.tell("covers", f"beside the names of every home: {', '.join(new.added)}")
        return new

    def _whose(self, view: View) -> dict[str, str]:
        """Return the fields of a subject: Home Assistant's country and name, or what was said.

        Clients decide by the names alone; that the iOS app wants complete fields was reported.
        """
        fields = {"organization": "Home"}
        if view.instance is not None:
            fields["organization"] = _shortened(view.instance.location_name)
            if view.instance.country:
                fields["country"] = view.instance.country
        return {**fields, **self._request.subject}

    def _standing(self, house: House | None, site: Site) -> tuple[Transaction, ...]:
        """Return the changes of this Home Assistant that stand; one that is open was cut short."""
        if house is None:
            return ()
        standing = self._journal(house).standing()
        return tuple(each for each in standing if each.target.get("folder") == str(site.folder))

    def _journal(self, house: House) -> Journal:
        world, folder = self._world, house.folder / "journal"
        return Journal(folder, files=world.files, clock=world.clock, hook=world.hook)

    def _create(self, new: NewHouse, held: contextlib.ExitStack) -> House:
        """Show the code first: a house must not be there whose code nobody has seen."""
        if not self._asker.note_code(new.recovery_code):
            raise Stopped
        files = self._world.files
        house = new.write(
            self._request.house, files, there=lambda: self._asker.created(new.recovery_code)
        )
        self._code = new.recovery_code
        held.enter_context(house_lock(house.folder, wait=LOCK_SECONDS, files=files))
        return house

    def _fix_permissions(self, view: View, drawn: Plan) -> None:
        """Look at the pair that is configured: who may read it, Home Assistant among them?"""
        files, owner = self._world.files, view.site.owner
        for path, most in ((drawn.pair.certificate, 0o644), (drawn.pair.key, 0o600)):
            found = files.snapshot(path)
            if found is None or drawn.write:
                continue
            wrong_mode, wrong_owner = found.mode & ~most, found.owner != owner
            if not wrong_mode and not wrong_owner:
                continue
            what = (
                f"{path} can be read or changed by others (mode {found.mode:o})"
                if wrong_mode
                else f"{path} does not belong to the user that Home Assistant runs as"
            )
            if not self._request.fix_permissions:
                self._warnings.append(f"{what}; --fix-permissions puts it right")
                continue
            files.set_mode(path, most)
            files.set_owner(path, owner)
            self._world.tell("mended", what)

    # The change itself.

    async def _act(
        self,
        view: View,
        house: House,
        authority: Authority,
        drawn: Plan,
        *,
        names: Names,
        opened: Transaction | None,
    ) -> tuple[Outcome, bool]:
        site = view.site.with_root(authority.trust, house.trusted_for(LABEL), house.root)
        if opened is not None and PROVEN in opened.marks:
            opened.close(State.KEPT)  # all that was missing is its last entry
            opened = None
        if drawn.empty and opened is None:
            return await self._as_it_is(site, house, authority, drawn), False
        answered = await self._answered(names, site)
        go_back = [self._leaf_back(house, authority)]
        with self._room(house, drawn) as room:
            transaction = opened or self._journal(house).begin(target_of(site))
            switch = Switch(
                site=site,
                house=house,
                authority=authority,
                world=self._world,
                transaction=transaction,
                http=view.http,
                answered=answered,
                # The common name is the root's; a leaf is called by its first name.
                subject=Subject(**{**self._whose(view), "common_name": None}),
                restart_command=self._request.restart_command,
                live=self._live,
            )
            try:
                go_back.append(remember_wishes(self._request, house, self._world))
                outcome = await switch.carry_out(drawn, names.chosen)
            except BaseException as error:
                room.close()
                await self._after_failure(error, transaction, site, go_back)
                raise
        return outcome, True

    def _room(self, house: House, drawn: Plan) -> contextlib.ExitStack:
        """Hold room for the way back, wherever something is to be replaced; close it to have it."""
        folders = {house.folder}
        if drawn.write:
            folders |= {drawn.pair.certificate.parent, drawn.pair.key.parent}
        with contextlib.ExitStack() as room:
            for folder in folders:
                room.enter_context(self._world.files.room(folder))
            return room.pop_all()

    def _leaf_back(self, house: House, authority: Authority) -> Callable[[], None]:
        """Return what puts the house's leaf back, should the switch be put back.

        Not what somebody else signed on the road that the house is on: it is the next one to be
        tried, and a public CA gives only so many.
        """
        if authority.road is not None and house.road_of(LABEL) is not None:
            return lambda: None
        return house.way_back_of(LABEL)

    async def _as_it_is(
        self, site: Site, house: House, authority: Authority, drawn: Plan
    ) -> Outcome:
        """Prove, without changing anything, what was proven before."""
        leaf = house.leaf(LABEL)
        assert leaf is not None  # noqa: S101 - an empty plan has one
        proofs = await prove(
            leaf.names,
            drawn.port,
            root=authority.trust,
            leaf=leaf.certificate,
            resolver=self._world.resolve,
        )
        signed_in = True if site.token is not None else None
        self._world.tell("proven", told_proofs(proofs, signed_in=signed_in))
        days = (leaf.certificate.not_valid_after_utc - self._world.clock()).days
        self._world.tell("nothing", f"to do: the certificate is served, and good for {days} days")
        return Outcome(
            leaf=leaf,
            pair_path=str(drawn.pair.certificate),
            proofs=proofs,
            signed_in=signed_in,
            kept=True,
            url=site.door.url,
        )

    async def _answered(self, names: Names, site: Site) -> frozenset[Name]:
        """Return the names under which this port answers now, before the switch."""

        async def answers(name: Name) -> bool:
            if isinstance(name, IpName):
                hosts: Sequence[object] = (name.address,)
            else:
                hosts = await self._world.resolve(str(name))
            spoken = [await speaks(str(host), site.door.port) for host in hosts]
            return any(each is not Speech.NOTHING for each in spoken)

        found = await asyncio.gather(*map(answers, names.chosen))
        return frozenset(name for name, yes in zip(names.chosen, found, strict=True) if yes)

    async def _after_failure(
        self,
        error: BaseException,
        transaction: Transaction,
        site: Site,
        go_back: Iterable[Callable[[], None]],
    ) -> None:
        """Put everything back, and say what came of it in place of `error`.

        `go_back` is what is to be put back in the house, when Home Assistant is as before.
        """
        interrupted = isinstance(error, asyncio.CancelledError | KeyboardInterrupt)
        if PROVEN in transaction.marks:
            # The switch itself is done and proven; only the internal URL may be missing.
            if transaction.state is State.OPEN:
                with contextlib.suppress(HousekeyError):  # the next command closes it
                    transaction.close(State.KEPT)
            if interrupted:
                raise Interrupted(
                    "interrupted, after HTTPS was proven: it is kept",
                    hint="housekey secure finishes what is left; housekey undo goes back",
                ) from None
            return
        nothing_yet = not transaction.changes and not transaction.marks
        way_back = put_back_of(
            [transaction],
            site=site,
            world=self._world,
            restart_command=self._request.restart_command,
        )
        self._world.busy("putting everything back as it was")
        what = "interrupted" if interrupted else _words(error)
        try:
            await way_back.run(must_answer=False, patient=interrupted)
        except HousekeyError as trouble:
            if way_back.files.are_back and not way_back.promoted:
                self._end(transaction, go_back)
            raise SwitchFailed(f"{what}; {trouble.message}", hint=trouble.hint) from error
        finally:
            self._world.busy("")
            for warning in way_back.warnings:
                self._world.tell("warning", warning)
        # What could not be tidied up the journal goes on to know of.
        left = next(iter(way_back.files.left), None) or self._end(transaction, go_back)
        if left is not None:
            raise SwitchFailed(f"{what}; {left.message}", hint=left.hint) from error
        if interrupted:
            raise Interrupted(
                "interrupted; everything is as it was before",
                hint="run the same command again whenever you like",
            ) from None
        if isinstance(error, HousekeyError) and not nothing_yet:
            what = f"{error.message}; everything is as it was"
            raise SwitchFailed(what, hint=error.hint) from error

    def _end(
        self, transaction: Transaction, go_back: Iterable[Callable[[], None]]
    ) -> HousekeyError | None:
        """Put the house back, too, and close the transaction; return what stood in the way."""
        try:
            for step in go_back:
                step()
            transaction.close(State.PUT_BACK)
        except HousekeyError as trouble:
            return trouble
        return None

    def _result(
        self,
        view: View,
        names: Names,
        impacts: tuple[Impact, ...],
        drawn: Plan,
        *,
        outcome: Outcome | None = None,
        changed: bool = False,
    ) -> Result:
        return Result(
            view=view,
            names=names.chosen,
            impacts=impacts,
            house=self._request.house,
            plan=drawn,
            outcome=outcome,
            changed=changed,
            recovery_code=self._code,
            warnings=(*self._warnings, *(outcome.warnings if outcome is not None else ())),
        )


class _Met(TypedDict):
    root: Trust | None
    besides: tuple[Trust, ...]


def met_under(house: House | None) -> _Met:
    """Return what Home Assistant may be met under: what its road leads to, or the house's root.

    Both, because a change of roads may have been cut short.
    """
    if house is None:
        return {"root": None, "besides": ()}
    return {"root": house.trusted_for(LABEL), "besides": (house.root,)}


def _shortened(text: str, most_bytes: int = 64) -> str:
    return text.encode()[:most_bytes].decode(errors="ignore").strip() or "Home"


def _words(error: BaseException) -> str:
    return error.message if isinstance(error, HousekeyError) else f"{type(error).__name__}: {error}"
