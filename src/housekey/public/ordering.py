"""The turns of one order: ask the CA how it stands, and do what comes next (RFC 8555, section 7.4).

Apart from order.py because it brings the library, which takes long to load.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from acme import challenges, messages

from housekey.errors import CaRefused, CaUnreachable, HousekeyError, NotProven, PublicTrouble
from housekey.pki.csr import make_request, request_to_pem
from housekey.pki.encoding import certificates_from_pem, matches
from housekey.pki.names import names_of, parse_name
from housekey.public.account import account_key, account_of
from housekey.public.ca import TRIES, Ca, words_of
from housekey.public.limits import (
    FINALIZE_STEP,
    plain,
    together,
)
from housekey.public.order import Obtained
from housekey.public.placing import Placing, order_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cryptography.x509 import Certificate

    from housekey.house.house import House
    from housekey.public.account import Account
    from housekey.public.order import Records
    from housekey.public.settings import PublicSettings
    from housekey.public.steps import State, Steps
    from housekey.public.world import World

_LONGEST_CHAIN = 10  # certificates; OpenSSL refuses a message with more than about 100 KB of them
_POLLS = (0.5, 1.0, 2.0, 3.0, 5.0)  # seconds between two looks, the last one from then on


class Gone(Exception):
    """The CA knows the order no more, or it has ended; another one may be made."""

    def __init__(self, trouble: PublicTrouble) -> None:
        super().__init__(trouble.message)
        self.trouble = trouble


class Ordering:
    """One call of `obtain`; nothing in here outlives it but what `steps` has written."""

    def __init__(
        self,
        house: House,
        settings: PublicSettings,
        records: Records,
        steps: Steps,
        *,
        world: World,
        hook: Callable[[str], None],
    ) -> None:
        self._house = house
        self._settings = settings
        self._records = records
        self._steps = steps
        self._world = world
        self._hook = hook
        self._name = settings.signer
        self._answered: set[str] = set()  # challenges, by URL
        self._valid: set[str] = set()  # proofs, by URL
        self._unheard = 0  # how often the CA could not be told to look
        self._finalized = 0

    def find_account(self) -> None:
        """Look which account the house has with the CA. Raises `PublicTrouble`: none."""
        account = account_of(self._house, self._settings.directory)
        if account is None:
            raise PublicTrouble(
                f"this house has no account with {self._name}",
                hint="housekey secure --public registers it",
            )
        self._account: Account = account

    async def reach(self, answer_within: float) -> None:
        """Find the CA, and speak for that account. Raises as `Ca.at`."""
        self._ca = await Ca.at(
            self._settings,
            world=self._world,
            key=account_key(self._house),
            account=self._account.url,
            hook=self._hook,
            seconds=answer_within,
        )

    async def carry_on(self, state: State, *, patience: float, again: bool = False) -> Obtained:
        """Turn until the certificate is there.

        `again`: a run before this one has begun it. Raises `Gone`, and as `obtain`.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + patience
        if state.url is None:
            placing = Placing(self._house, self._account, self._ca, self._steps, world=self._world)
            url = await placing.place(state, again=again)
            state = self._steps.keep(replace(state, url=url))
        polls = _pauses()
        while True:
            order = await self._look(state)
            status = order.status.name
            if status == "valid" and order.certificate is not None:
                return await self._fetched(state, order.certificate)
            if status == "invalid":
                raise await self._failure(order)
            if status == "pending":
                state, moved = await self._proven(state, order)
            elif status == "ready":
                moved = await self._finalize(state, order)
            else:
                moved = False
            if moved:
                polls, end = _pauses(), loop.time() + patience
            if loop.time() > end:
                raise self._slow(status)
            self._world.busy(f"{self._name}: {_DOING.get(status, 'waiting')}")
            await self._world.sleep(self._ca.pause(next(polls)))
            self._world.busy("")

    async def give_up(self, state: State, why: str) -> None:
        """End an order that nobody wants any more."""
        self._steps.note_failure(state, reason=why, code="given-up", counts=False)
        await self.end(state)

    async def end(self, state: State) -> None:
        """Leave nothing of an order that brings no certificate."""
        await self.withdraw(state)
        self._steps.end()

    async def withdraw(self, state: State) -> State:
        """Take what was published out of the DNS; a failure is told, it harms nobody."""
        state = self._steps.state() or state
        for domain, values in state.published.items():
            self._hook("before withdrawing")
            try:
                await self._records.withdraw(domain, values)
            except HousekeyError as error:
                self._world.tell("note", f"{error.message} (a record that is left harms nobody)")
            self._hook("after withdrawing")
        if state.published:
            state = self._steps.keep(replace(state, published={}))
        return state

    # How it stands

    async def _look(self, state: State) -> messages.Order:
        url = state.url or ""
        try:
            return await self._ca.again("the order", partial(order_at, self._ca, url))
        except CaRefused as error:
            if error.status != 404:
                raise
            raise await self._gone(state, error) from error

    async def _gone(self, state: State, trouble: PublicTrouble) -> Gone:
        await self.give_up(state, f"{self._name} does not know the order any more")
        return Gone(trouble)

    # The proof

    async def _proven(self, state: State, order: messages.Order) -> tuple[State, bool]:
        """Publish and answer what is not yet; whether that was done."""
        open_: list[tuple[str, messages.ChallengeBody]] = []
        looked_at = False
        for url in order.authorizations:
            if url in self._valid:
                continue
            proof = await self._authorization(url)
            status = proof.status.name
            if status == "pending":
                challenge = self._dns_of(proof)
                if challenge.uri in self._answered:
                    looked_at = True
                else:
                    open_.append((plain(proof.identifier.value), challenge))
            elif status == "valid":
                self._valid.add(url)
            else:
                raise await self._failure(order)
        if self._records.one_at_a_time:  # what the CA looks at now must stay until it has
            open_ = [] if looked_at else open_[:1]
        if not open_:
            return state, False
        key = self._ca.network.key
        values: dict[str, list[str]] = {}
        for domain, challenge in open_:
            values.setdefault(domain, []).append(challenge.chall.validation(key))
        for domain, texts in values.items():
            state = self._steps.published(state, domain, tuple(texts))
            self._steps.note("publish", state, domain=domain)
            await self._records.publish(domain, texts)
            self._hook("published")
        self._steps.note("answer", state)
        for _, challenge in open_:
            await self._answer(challenge)
        return state, True

    async def _authorization(self, url: str) -> messages.Authorization:
        def read() -> messages.Authorization:
            proof: messages.Authorization = messages.Authorization.from_json(
                self._ca.post(url).json()
            )
            if proof.status is None or proof.identifier is None or proof.challenges is None:
                raise ValueError(proof)
            return proof

        return await self._ca.again("a proof", read)

    def _dns_of(self, proof: messages.Authorization) -> messages.ChallengeBody:
        for each in proof.challenges:
            if isinstance(each.chall, challenges.DNS01):
                return each
        raise CaRefused(
            f"{self._name} takes no proof by DNS for {proof.identifier.value}",
            hint="this CA cannot be used for that name",
            code="no-dns-01",
            status=0,
        )

    async def _answer(self, challenge: messages.ChallengeBody) -> None:
        def answer() -> None:
            self._ca.client.answer_challenge(
                challenge, challenge.chall.response(self._ca.network.key)
            )

        self._answered.add(challenge.uri)
        try:
            await self._ca.ask("to look at the record", answer)
        except CaUnreachable:
            # Whether it has heard it the next look tells; if not, it is told again.
            self._answered.discard(challenge.uri)
            self._unheard += 1
            if self._unheard >= TRIES:
                raise
            await self._world.sleep(self._ca.pause(1.0))
        except CaRefused:
            pass  # a run before this one has answered: how it stands the next look tells

    # The certificate

    async def _finalize(self, state: State, order: messages.Order) -> bool:
        self._steps.note(FINALIZE_STEP, state)
        key = self._steps.key()
        request = make_request(key, [parse_name(name) for name in state.names], None)
        resource = messages.OrderResource(
            body=order, uri=state.url, csr_pem=request_to_pem(request), authorizations=[]
        )
        self._finalized += 1
        try:
            await self._ca.ask(
                "for the certificate", lambda: self._ca.client.begin_finalization(resource)
            )
        except CaUnreachable:
            if self._finalized >= TRIES:
                raise  # it may be signed nevertheless; the next run sees
            return False
        except CaRefused as error:
            if error.code != "orderNotReady":
                raise
            return False
        return True

    async def _fetched(self, state: State, url: str) -> Obtained:
        self._steps.note("download", state)
        text = await self._ca.again("the chain", lambda: self._ca.post(url).text)
        chain = self._chain_in(text, state)
        self._steps.keep_chain(chain)
        await self.withdraw(state)
        return Obtained(chain, self._steps.key())

    def _chain_in(self, text: str, state: State) -> tuple[Certificate, ...]:
        try:
            chain = certificates_from_pem(text.encode())
        except HousekeyError as error:
            raise self._other_certificate() from error
        leaf = chain[0]
        has = together([str(name) for name in names_of(leaf)])
        if not matches(leaf, self._steps.key()) or has != together(state.names):
            raise self._other_certificate()
        if len(chain) > _LONGEST_CHAIN:
            raise CaUnreachable(
                f"{self._name} answered with a chain of {len(chain)} certificates",
                hint="no device reads so many; it is fetched again at the next run, and what is in"
                " use stays in use",
            )
        return chain

    def _other_certificate(self) -> CaUnreachable:
        return CaUnreachable(
            f"{self._name} answered with another certificate than the one that was ordered",
            hint="it is fetched again at the next run; what is in use stays in use",
        )

    # What can go wrong

    async def _failure(self, order: messages.Order) -> Exception:
        """Say why an order is invalid."""
        names, reasons = [], []
        for url in order.authorizations:
            proof = await self._authorization(url)
            for each in proof.challenges:
                if each.error is not None:
                    names.append(plain(proof.identifier.value))
                    reasons.append(words_of(each.error))
        if names:
            return self._not_proven(names, reasons)
        if order.error is not None:
            why = words_of(order.error)
            code = str(order.error.typ).rpartition(":")[2]
            return CaRefused(
                f"{self._name} did not sign: {why}",
                hint="nothing was changed; what is in use stays in use",
                code=code,
                status=0,
            )
        state = self._steps.state()
        trouble = CaUnreachable(
            f"{self._name} has let the order run out", hint="run the same command again"
        )
        return trouble if state is None else await self._gone(state, trouble)

    def _not_proven(self, names: list[str], reasons: list[str]) -> NotProven:
        names = list(dict.fromkeys(names))
        where = " and ".join(f"_acme-challenge.{name}" for name in names)
        why = "; ".join(dict.fromkeys(reasons))
        seen = "; ".join(filter(None, map(self._records.seen_at, names)))
        return NotProven(
            f"{self._name} did not find the proof of {', '.join(names)} in the TXT record {where},"
            f" which it looked up from outside; it found: {why}",
            hint=f"from here the record was seen ({seen or 'it is not known where'}), so look at"
            " what others see: servers of the zone that were changed lately, or DNSSEC",
            names=tuple(names),
            reason=why,
        )

    def _slow(self, status: str) -> CaUnreachable:
        return CaUnreachable(
            f"{self._name} is still at it ({_DOING.get(status, 'waiting')})",
            hint="nothing is lost: the next run goes on with the same order",
        )


_DOING = {
    "pending": "it looks at the records",
    "ready": "it has seen the records",
    "processing": "it signs",
}


def _pauses() -> Iterator[float]:
    yield from _POLLS
    while True:
        yield _POLLS[-1]
