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
    NotReady,
    Stopped,
    SwitchFailed,
    UsageError,
)
from housekey.homeassistant.authority import authority_of, met_as, names_on
from housekey.homeassistant.housing import create_house, opened_house, whose
from housekey.homeassistant.impact import affected, summary
from housekey.homeassistant.look import View, facts_of, look
from housekey.homeassistant.lookahead import must_be_possible, must_not_be_anothers_trial
from housekey.homeassistant.names import Names, internal_url_host
from housekey.homeassistant.plan import Pair, Plan, PublicName, Wanted, plan
from housekey.homeassistant.put_back import put_back_of, target_of
from housekey.homeassistant.recorded import LABEL, PROVEN
from housekey.homeassistant.request import Result
from housekey.homeassistant.site import Interrupted
from housekey.homeassistant.switch import Outcome, Switch, told_proofs
from housekey.homeassistant.wishes import remember_wishes, wished_names
from housekey.house.house import clock_must_be_possible, prepare_house
from housekey.house.journal import Journal, State
from housekey.house.road import Kind
from housekey.live.handshake import Speech, prove, speaks
from housekey.pki.names import DnsName, IpName, parse_name
from housekey.pki.span import span
from housekey.pki.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from housekey.homeassistant.authority import Authority
    from housekey.homeassistant.impact import Impact
    from housekey.homeassistant.request import Asker, Request
    from housekey.homeassistant.site import Site, World
    from housekey.house.house import House, NewHouse
    from housekey.house.journal import Transaction
    from housekey.house.leaves import Leaf
    from housekey.house.recovery import RecoveryCode
    from housekey.live.tls import Called, Trust
    from housekey.pki.names import Name


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
            authority = None if house is None else self._authority(house)
            wanted = await self._wanted(view, names, authority)
            facts = facts_of(view, house=house, world=world, authority=authority)
            drawn = plan(facts, wanted)
            if request.renewal is not None:
                drawn = replace(drawn, remove_stale_yaml=False)  # a person's to decide
            standing = self._standing(house, site)
            opened = next((each for each in standing if each.state is State.OPEN), None)
            if site.token is None and opened is None and drawn.without_urls.empty:
                drawn = drawn.without_urls  # they can neither be seen nor set: no reason to begin
            self._tell_impacts(impacts, drawn)
            new = None if house is not None else self._prepare(view, names)
            must_not_be_anothers_trial(view, standing)
            await must_be_possible(view, house, drawn, world, only_look=request.dry_run)
            if request.dry_run:
                lead = None if request.point is None else request.point.would
                drawn = replace(drawn, lead=lead)
                for line in drawn.told():
                    world.tell("would", line)
                return self._result(view, names, impacts, drawn)
            if request.renewal is not None and not drawn.empty:
                self._live = await request.renewal.live(view, facts, drawn)
            else:
                self._ask_to_go_on(impacts, drawn)
            await self._lead_here(wanted, drawn, site)
            if new is not None:
                house = held.enter_context(self._create(new, held))
            assert house is not None  # noqa: S101 - opened, or just created
            authority = authority or self._authority(house)
            if (drawn.issue is not None or drawn.settle) and not await authority.prepare(
                drawn, names.chosen
            ):
                drawn = replace(
                    plan(facts, replace(wanted, keep_key=False)),
                    remove_stale_yaml=drawn.remove_stale_yaml,
                )
            if request.rehearsal:
                return self._result(view, names, impacts, drawn)
            self._fix_permissions(view, drawn)
            outcome, changed = await self._act(
                view, house, authority, drawn, names=names, opened=opened
            )
        return self._result(view, names, impacts, drawn, outcome=outcome, changed=changed)

    # Before anything is changed.

    def _open_house(self, held: contextlib.ExitStack) -> House | None:
        house = opened_house(self._request.house, held, self._world)
        if house is None and self._request.renewal is not None:
            raise HouseMissing(
                f"there is no house in {self._request.house}",
                hint="housekey secure creates one; --house DIR names another folder",
            )
        return house

    def _authority(self, house: House) -> Authority:
        chosen = self._request.road
        if chosen is not None:
            return chosen.authority(house, self._world)
        return authority_of(house, self._world, by_hand=self._request.renewal is None)

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
            if self._request.found is None:
                self._refuse_what_is_not_ours()
            else:
                found = await wished_names(self._request, view, house, self._world)
                self._request.found(view, found.chosen)
        else:
            names = await wished_names(self._request, view, house, self._world)
        self._world.tell("names", ", ".join(str(name) for name in names.chosen))
        for text, reason in names.skipped:
            self._world.tell("left out", f"{text}: {reason}")
        return names

    def _refuse_what_is_not_ours(self) -> None:
        """Raise UsageError for options about what the house's own issuing CA would sign."""
        request = self._request
        given = {
            "--name": request.add,
            "--no-name": request.remove,
            "--days": request.days,
        }
        if wrong := [option for option, value in given.items() if value]:
            raise UsageError(
                f"{' and '.join(wrong)} would be about a certificate of the house's own CA, and"
                " this one comes from another",
                hint="leave it out: that is the other CA's matter, and --public says all names;"
                " --private goes back to the house's own CA",
            )

    async def _wanted(self, view: View, names: Names, authority: Authority | None) -> Wanted:
        request, folder = self._request, self._request.folder
        renewal = request.renewal
        chosen = request.road
        road = authority.road if authority is not None else chosen.road if chosen else None
        public = None
        if renewal is None and road is not None and road.kind is Kind.PUBLIC:
            public = await self._public_name(names)
        # A name that --point has yet to lead anywhere is not asked about before: answers are kept.
        hosts = (
            [name for name in names.chosen if not isinstance(name, IpName)] if not public else []
        )
        found = await asyncio.gather(*(self._world.resolve(str(name)) for name in hosts))
        host = internal_url_host(
            names.chosen if public is None else public.names,
            existing=view.instance.internal_url if view.instance is not None else None,
            resolving=[name for name, addresses in zip(hosts, found, strict=True) if addresses],
        )
        return Wanted(
            signer=authority.signer if authority is not None else chosen.signer if chosen else None,
            public=public,
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
            renew=request.renew if renewal is None else renewal.why,
            keep_key=None if renewal is None else renewal.keep_key,
        )

    async def _public_name(self, names: Names) -> PublicName:
        plain = tuple(
            name for name in names.chosen if isinstance(name, DnsName) and not name.is_wildcard
        )
        point = self._request.point
        if point is not None:
            return PublicName(plain, from_outside=point.from_outside)
        addresses = await self._world.resolve(str(plain[0]))
        return PublicName(plain, from_outside=any(each.is_global for each in addresses))

    def _ask_to_go_on(self, impacts: tuple[Impact, ...], drawn: Plan) -> None:
        asks = impacts and drawn.touches_server and not self._request.rehearsal
        if asks and not self._asker.go_on(impacts):
            raise Stopped

    async def _lead_here(self, wanted: Wanted, drawn: Plan, site: Site) -> None:
        """Lead a public name here, as asked for, and see that it leads here."""
        point = self._request.point
        seen = await point(site) if point is not None else ()
        if drawn.issue is not None and wanted.public is not None:
            await self._must_lead_here(wanted.public, site, seen)
        for label, text in seen:
            self._world.tell(label, text)

    async def _must_lead_here(
        self, public: PublicName, site: Site, seen: tuple[tuple[str, str], ...]
    ) -> None:
        """Raise NotReady where a public name does not lead to Home Assistant: nothing is ordered.

        The proof would fail, after an order that the CA counts. `seen` is told as well then, but
        nothing twice.
        """
        if await self._answered(public.names, site):
            return
        from housekey.public.leading import why_not_here  # noqa: PLC0415 - only on this road

        name = str(public.names[0])
        message, hint, more = await why_not_here(
            name, await self._world.resolve(name), port=site.door.port
        )
        for label, text in dict.fromkeys((*seen, *more)):
            if text not in (message, hint):
                self._world.tell(label, text)
        raise NotReady(message, hint=hint)

    def _tell_impacts(self, impacts: tuple[Impact, ...], drawn: Plan) -> None:
        if drawn.touches_server and self._request.renewal is None and not self._request.rehearsal:
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
            subject=Subject(**{"common_name": None, **whose(view, self._request.subject)}),
            critical=request.critical,
            clock=self._world.clock,
        )
        if new.added:
            self._world.tell("covers", f"beside the names of every home: {', '.join(new.added)}")
        return new

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
        house = create_house(new, self._request.house, held, self._world, self._asker)
        self._code = new.recovery_code
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
        others = names.chosen if authority.road is not None else None
        site = view.site.with_root(met_as(authority.trust, others), *_met_under(house))
        if opened is not None and PROVEN in opened.marks:
            opened.close(State.KEPT)  # all that was missing is its last entry
            opened = None
        if drawn.empty and opened is None:
            return await self._as_it_is(site, house, authority, drawn), False
        answered = await self._answered(names.chosen, site)
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
                subject=Subject(**{**whose(view, self._request.subject), "common_name": None}),
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

        What a public CA signed is kept all the same, as the previous one when another road is
        gone back to: it is the next one to be tried, and such a CA gives only so many.
        """
        road = authority.road
        if road is None or (road.kind is Kind.OWN and not authority.settled):
            return house.way_back_of(LABEL)
        had = None if authority.settled else house.leaf(LABEL)
        return lambda: None if had is None else _keep_again(had, house)

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
        left = span(leaf.certificate.not_valid_after_utc - self._world.clock())
        self._world.tell("nothing", f"to do: the certificate is served, and good for {left}")
        return Outcome(
            leaf=leaf,
            pair_path=str(drawn.pair.certificate),
            proofs=proofs,
            signed_in=signed_in,
            kept=True,
            url=site.door.url,
        )

    async def _answered(self, names: Sequence[Name], site: Site) -> frozenset[Name]:
        """Return the names under which this port answers now, before the switch."""

        async def answers(name: Name) -> bool:
            if isinstance(name, IpName):
                hosts: Sequence[object] = (name.address,)
            else:
                hosts = await self._world.resolve(str(name))
            spoken = [await speaks(str(host), site.door.port) for host in hosts]
            return any(each is not Speech.NOTHING for each in spoken)

        found = await asyncio.gather(*map(answers, names))
        return frozenset(name for name, yes in zip(names, found, strict=True) if yes)

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


def _keep_again(had: Leaf, house: House) -> None:
    """Keep the leaf of the road from before, which is presented again; the new one is kept too."""
    now = house.leaf(LABEL)
    if now is None or now.certificate != had.certificate:
        house.keep_again(had)


class _Met(TypedDict):
    root: Trust | Called | None
    besides: tuple[Trust | Called, ...]


def met_under(house: House | None) -> _Met:
    """Return what Home Assistant may be met under: what its road leads to, or the house's root.

    Both, because a change of roads may have been cut short.
    """
    if house is None:
        return {"root": None, "besides": ()}
    root, *besides = _met_under(house)
    return {"root": root, "besides": tuple(besides)}


def _met_under(house: House) -> tuple[Trust | Called, ...]:
    return (met_as(house.trusted_for(LABEL), names_on(house)), house.root)


def _words(error: BaseException) -> str:
    return error.message if isinstance(error, HousekeyError) else f"{type(error).__name__}: {error}"
