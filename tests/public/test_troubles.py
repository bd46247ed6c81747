"""A CA in trouble, a network in trouble, a clock in trouble: never two orders for one need."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest

from demo.instance import free_port
from housekey.errors import (
    CaAsksToWait,
    CaRefused,
    CaUnreachable,
    ClockWrong,
    DnsNotShown,
    NotProven,
)
from housekey.house.road import ORDER, ORDER_CHAIN
from housekey.public.account import about, account_of, register
from housekey.public.order import taken
from tests.public.challtest import ChallTestRecords
from tests.public.ordered import (
    LABEL,
    NAMES,
    TestWorld,
    new_house,
    obtained,
    registered,
    settings_for,
)
from tests.public.pebble import TERMS, Pebble
from tests.public.troubled import Troubled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from housekey.house.house import House
    from tests.public.challtest import ChallTest

# All that is asked of a CA in an order, in this order; what follows the account.
QUESTIONS = (
    "directory",
    "newNonce",
    "newOrder",
    "order",
    "proof",
    "challenge",
    "finalize",
    "certificate",
)


@pytest.fixture(scope="module")
def ca(challtest: ChallTest) -> Iterator[Troubled]:
    with Pebble(dns=challtest.dns) as pebble, Troubled(pebble) as proxy:
        yield proxy


@dataclass
class Clock:
    """A clock that can be set."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def world(clock: Clock) -> TestWorld:
    return TestWorld(clock=clock)


@pytest.fixture
def house(in_memory: Path, clock: Clock) -> Iterator[House]:
    with new_house(in_memory / "house", clock) as made:
        yield made


@pytest.fixture
def settings(ca: Troubled, house: House) -> Any:
    ca.peace()
    ca.ahead = timedelta(0)
    settled = settings_for(ca.directory, ca.pebble.roots_pem())
    registered(house, settled, terms=TERMS)
    ca.asked.clear()
    ca.wanted.clear()
    return settled


def _failures(house: House) -> list[dict[str, Any]]:
    return [dict(event.data) for event in house.ledger.events(kind="order-failed")]


# The CA


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 500, "body": b"<html>Internal Server Error"},
        {"status": 200, "body": b"<html>Welcome to nginx!"},
        {"status": 200, "body": b'["JSON", "but", "of", "something", "else"]'},
        {"lose_answer": True},
    ],
    ids=["500", "garbage", "other-json", "lost"],
)
def test_each_question_that_fails_once_is_asked_again_and_nothing_is_ordered_twice(
    answer: dict[str, Any], ca: Troubled, house: House, settings: Any, records: ChallTestRecords
) -> None:
    for question in QUESTIONS:
        ca.trouble(question, **answer)
    obtained(house, settings, records)
    assert len(ca.wanted) == 1
    assert ca.troubles_left == 0


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_ca_that_stays_in_trouble_is_left_alone_and_the_next_run_goes_on(
    question: str, ca: Troubled, house: House, settings: Any, records: ChallTestRecords
) -> None:
    ca.trouble(question, times=99, status=500, body=b"<html>Internal Server Error")
    with pytest.raises(CaUnreachable, match="answered with 500 and something that is not ACME"):
        obtained(house, settings, records)
    assert len(ca.asked) < 30  # not a storm
    ca.peace()
    with pytest.raises(CaAsksToWait, match="it failed once"):
        obtained(house, settings, records)  # by itself it waits
    obtained(house, settings, records, by_hand=True)
    assert len(ca.wanted) == 1


@pytest.mark.parametrize("question", ["order", "proof", "finalize", "challenge", "newOrder"])
@pytest.mark.parametrize("document", [b"{}", b'{"status": "pending"}', b'{"status": "odd"}'])
def test_json_that_is_half_of_what_it_should_be_is_told_as_what_it_is(
    question: str,
    document: bytes,
    ca: Troubled,
    house: House,
    settings: Any,
    records: ChallTestRecords,
) -> None:
    ca.trouble(question, times=99, change=lambda _: document)
    with suppress(CaUnreachable):  # what does not matter is passed over
        obtained(house, settings, records)
    ca.peace()
    obtained(house, settings, records, by_hand=True)
    assert len(ca.wanted) == 1


def test_a_refusal_in_no_words_is_a_refusal_all_the_same(
    ca: Troubled, house: House, settings: Any, records: ChallTestRecords
) -> None:
    for detail in (7, {"why": ["not"]}):
        ca.problem("newOrder", "malformed", detail, status=400)  # type: ignore[arg-type]
        with pytest.raises(CaRefused, match=r"refused: (7|.*why.*not)"):
            obtained(house, settings, records, by_hand=True)
    assert [failure["code"] for failure in _failures(house)] == ["malformed"] * 2


def test_profiles_that_are_none_are_none(ca: Troubled, house: House, settings: Any) -> None:
    def changed(directory: bytes) -> bytes:
        document = json.loads(directory)
        document["meta"]["profiles"] = 7
        return json.dumps(document).encode()

    ca.trouble("directory", change=changed)
    assert asyncio.run(about(settings, world=TestWorld(), house=house.folder)).profiles == ()


def test_a_ca_that_lists_no_orders_is_not_asked_twice_in_one_run(
    ca: Troubled, house: House, records: ChallTestRecords
) -> None:
    ca.peace()
    settings = settings_for(ca.directory, ca.pebble.roots_pem())
    ca.trouble("account", change=lambda _: b'{"status": "valid"}')
    registered(house, settings, terms=TERMS)
    ca.peace()
    ca.wanted.clear()
    ca.trouble("newOrder", lose_answer=True)
    with pytest.raises(CaUnreachable, match="the connection broke off"):
        obtained(house, settings, records)
    assert len(ca.wanted) == 1


@pytest.mark.parametrize("question", ["newOrder", "finalize"])
def test_a_ca_that_accepts_the_connection_and_says_nothing_is_not_waited_for(
    question: str, ca: Troubled, house: House, settings: Any, records: ChallTestRecords
) -> None:
    ca.trouble(question, times=99, silent=True)
    with pytest.raises(CaUnreachable, match="does not answer: it did not answer in time"):
        obtained(house, settings, records, answer_within=0.3)
    ca.peace()
    obtained(house, settings, records, by_hand=True)
    assert len(ca.wanted) == 1


def test_nothing_listens_where_the_ca_was(
    house: House, settings: Any, records: ChallTestRecords
) -> None:
    gone = settings_for(f"https://127.0.0.1:{free_port()}/dir", settings.roots_pem)
    with pytest.raises(CaUnreachable, match=r"does not answer: nothing listens there"):
        asyncio.run(register(house, gone, agreed_terms=TERMS, world=TestWorld()))


def test_the_name_of_the_ca_is_not_found(house: House) -> None:
    gone = settings_for("https://acme.invalid/dir", None)  # type: ignore[arg-type]
    with pytest.raises(CaUnreachable, match=r"acme\.invalid does not answer: its name was not"):
        asyncio.run(register(house, gone, agreed_terms=TERMS, world=TestWorld()))


def test_something_else_than_a_ca_is_told(ca: Troubled, house: House, settings: Any) -> None:
    ca.trouble("directory", times=9, status=200, body=b"{}")
    with pytest.raises(CaUnreachable, match="is not the directory of an ACME CA"):
        registered(house, settings, terms=TERMS)


def test_an_answer_without_end_is_cut(ca: Troubled, house: House, settings: Any) -> None:
    ca.trouble("directory", times=9, status=200, body=b"[" * (3 << 20))
    with pytest.raises(CaUnreachable, match="does not answer"):
        registered(house, settings, terms=TERMS)


def test_a_ca_that_dies_between_finalize_and_download_is_found_again(
    ca: Troubled, house: House, settings: Any, records: ChallTestRecords
) -> None:
    signed = ca.pebble.certificates

    def dies(moment: str) -> None:
        if moment == "ask for the certificate":
            for kind in QUESTIONS:
                ca.trouble(kind, times=99, lose_answer=True)

    with pytest.raises(CaUnreachable, match="the connection broke off"):
        obtained(house, settings, records, hook=dies)
    assert ca.pebble.certificates == signed + 1
    ca.peace()
    got = obtained(house, settings, records, by_hand=True)
    assert (len(ca.wanted), ca.pebble.certificates) == (1, signed + 1)
    assert got.chain


def test_a_ca_that_has_forgotten_everything_gets_one_new_order(
    challtest: ChallTest, house: House, records: ChallTestRecords
) -> None:
    with Pebble(dns=challtest.dns) as pebble, Troubled(pebble) as ca:
        settings = settings_for(ca.directory, pebble.roots_pem())
        registered(house, settings, terms=TERMS)
        ca.trouble("certificate", times=99, status=500)
        with pytest.raises(CaUnreachable):
            obtained(house, settings, records)
        ca.peace()
        pebble.die()
        pebble.start()
        with pytest.raises(CaRefused) as refused:
            obtained(house, settings, records, by_hand=True)
        assert refused.value.hint == "run it again: the house registers anew"
        assert account_of(house, settings.directory) is None
        registered(house, settings, terms=TERMS)
        obtained(house, settings, records, by_hand=True)
        assert pebble.orders == 1


def test_an_order_that_the_ca_knows_no_more_is_made_anew_in_the_same_run(
    ca: Troubled, house: House, settings: Any, records: ChallTestRecords
) -> None:
    ca.trouble("certificate", times=99, status=500)
    with pytest.raises(CaUnreachable):
        obtained(house, settings, records)
    ca.peace()
    ca.problem("order", "malformed", "no such order", status=404)
    obtained(house, settings, records, by_hand=True)
    assert len(ca.wanted) == 2
    assert _failures(house)[0]["code"] == "given-up"


def test_a_certificate_that_was_not_ordered_is_not_taken(
    ca: Troubled, house: House, settings: Any, records: ChallTestRecords, tmp_path: Path
) -> None:
    with new_house(tmp_path / "other") as other:
        registered(other, settings, terms=TERMS)
        obtained(other, settings, records)
        foreign = (other.folder / ORDER / ORDER_CHAIN).read_bytes()
    ca.wanted.clear()
    ca.trouble("certificate", change=lambda _: foreign)
    with pytest.raises(CaUnreachable, match="answered with another certificate"):
        obtained(house, settings, records)
    obtained(house, settings, records, by_hand=True)
    assert len(ca.wanted) == 1


def test_a_chain_that_no_device_would_read_to_its_end_is_not_taken(
    ca: Troubled, house: House, settings: Any, records: ChallTestRecords
) -> None:
    ca.trouble("certificate", change=lambda chain: chain + chain[chain.rindex(b"-----B") :] * 300)
    with pytest.raises(CaUnreachable, match=r"answered with a chain of \d{3} certificates"):
        obtained(house, settings, records)
    assert not (house.folder / ORDER / ORDER_CHAIN).exists()
    got = obtained(house, settings, records, by_hand=True)
    assert len(got.chain) < 10
    assert len(ca.wanted) == 1


# To be asked later


def _soon(seconds: int) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("form", "question", "status"),
    [
        ("seconds", "directory", 503),
        ("date", "newNonce", 429),
        ("date", "newOrder", 503),
        ("seconds", "newOrder", 429),
        ("date", "finalize", 429),
        ("seconds", "order", 503),
    ],
)
def test_retry_after_is_told_and_kept_without_asking_again(
    form: str,
    question: str,
    status: int,
    ca: Troubled,
    house: House,
    settings: Any,
    records: ChallTestRecords,
    world: TestWorld,
    clock: Clock,
) -> None:
    when = "7200" if form == "seconds" else _soon(7200)
    ca.trouble(question, times=99, status=status, headers={"Retry-After": when}, body=b"later")
    with pytest.raises(CaAsksToWait) as asked:
        obtained(house, settings, records, world=world)
    until = asked.value.until
    assert timedelta(minutes=118) < until - clock() < timedelta(minutes=122)
    assert f"asks to wait until {until:%Y-%m-%d %H:%M} UTC" in asked.value.message
    ca.peace()
    ca.asked.clear()
    clock.ahead = timedelta(minutes=90)
    with pytest.raises(CaAsksToWait, match=f"before {until:%Y-%m-%d %H:%M} UTC"):
        obtained(house, settings, records, world=world, by_hand=True)
    with pytest.raises(CaAsksToWait, match=f"before {until:%Y-%m-%d %H:%M} UTC"):
        asyncio.run(register(house, settings, agreed_terms=TERMS, world=world))
    assert ca.asked == []
    clock.ahead = ca.ahead = timedelta(hours=3)
    obtained(house, settings, records, world=world)
    assert len(ca.wanted) == 1


def test_a_limit_that_is_reached_is_told_in_the_words_of_the_ca(
    ca: Troubled, house: House, settings: Any, records: ChallTestRecords
) -> None:
    ca.problem(
        "newOrder",
        "rateLimited",
        "too many certificates (5) already issued for this exact set of identifiers",
        status=429,
        headers={"Retry-After": "86400"},
    )
    with pytest.raises(CaAsksToWait, match=r"UTC: too many certificates \(5\) already issued"):
        obtained(house, settings, records)
    assert ca.wanted == []


def test_a_short_wait_is_waited_out(
    ca: Troubled, house: House, settings: Any, records: ChallTestRecords
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    ca.trouble("order", status=503, headers={"Retry-After": "17"}, body=b"busy")
    obtained(house, settings, records, world=TestWorld(sleep=sleep))
    assert 17.0 in slept
    assert len(ca.wanted) == 1


def test_nobody_waits_years_because_a_server_says_so(
    ca: Troubled, house: House, settings: Any, records: ChallTestRecords
) -> None:
    ca.trouble(
        "newOrder", status=503, headers={"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"}, body=b""
    )
    with pytest.raises(CaAsksToWait) as asked:
        obtained(house, settings, records)
    assert asked.value.until < datetime.now(UTC) + timedelta(days=8, minutes=2)


# The proof


def test_a_proof_that_failed_is_told_in_words_and_does_not_go_on_by_itself(
    ca: Troubled,
    house: House,
    settings: Any,
    records: ChallTestRecords,
    world: TestWorld,
    clock: Clock,
) -> None:
    records.lies = True
    with pytest.raises(NotProven) as failed:
        obtained(house, settings, records, world=world)
    error = failed.value
    assert error.message.partition(" did not find ")[2] == (
        "the proof of home.example.org in the TXT record _acme-challenge.home.example.org, which it"
        " looked up from outside; it found: Correct value not found for DNS challenge"
    )
    assert "was seen (at the test's DNS server, for home.example.org)" in error.hint
    assert records.withdrawn == list(NAMES)
    assert not (house.folder / ORDER).exists()
    assert _failures(house)[0]["unproven"] == list(NAMES)
    records.lies = False
    ca.asked.clear()
    with pytest.raises(CaAsksToWait, match=r"not asked .* UTC: it failed once"):
        obtained(house, settings, records, world=world)
    assert ca.asked == []
    clock.ahead = ca.ahead = timedelta(minutes=2)
    obtained(house, settings, records, world=world)
    assert len(ca.wanted) == 2


def test_after_each_failure_in_a_row_it_waits_longer(
    ca: Troubled,
    house: House,
    settings: Any,
    records: ChallTestRecords,
    world: TestWorld,
    clock: Clock,
) -> None:
    records.hides = True
    waits = []
    for _ in range(5):
        with pytest.raises(NotProven, match="did not find the proof of"):
            obtained(house, settings, records, world=world)
        with pytest.raises(CaAsksToWait) as asked:
            obtained(house, settings, records, world=world)
        until = asked.value.until
        waits.append(round((until - clock()) / timedelta(minutes=1)))
        clock.ahead = ca.ahead = until - datetime.now(UTC)
    assert [wait for wait in waits if wait < 1000] == pytest.approx([1, 10, 100], abs=1)
    assert waits[3:] == pytest.approx([1380, 1380], abs=1)
    assert len(ca.wanted) == 5


def test_a_record_that_is_never_shown_costs_no_failure_with_the_ca_and_no_second_order(
    ca: Troubled, house: House, settings: Any, challtest: ChallTest
) -> None:
    class NeverShown(ChallTestRecords):
        """A fake: what `DnsRecords` raises when a zone's server does not show the record."""

        shows = False

        async def publish(self, domain: str, values: Sequence[str]) -> None:
            if not self.shows:
                raise DnsNotShown("not shown", hint="look there", record=domain, places=())
            await super().publish(domain, values)

    records = NeverShown(challtest.url)
    for _ in range(3):
        with pytest.raises(DnsNotShown):
            obtained(house, settings, records, by_hand=True)
    assert ca.count("challenge") == 0  # the CA was not told to look
    records.shows = True
    obtained(house, settings, records, by_hand=True)
    assert (len(ca.wanted), ca.count("challenge")) == (1, 1)


# The clock


@pytest.mark.parametrize("jump", [timedelta(days=3650), timedelta(days=-3650), timedelta(hours=2)])
def test_with_a_clock_that_is_not_the_cas_nothing_is_ordered(
    jump: timedelta,
    ca: Troubled,
    house: House,
    settings: Any,
    records: ChallTestRecords,
    world: TestWorld,
    clock: Clock,
) -> None:
    clock.ahead = jump
    with pytest.raises(ClockWrong, match=r"this machine's clock shows .* UTC, and that of 127"):
        obtained(house, settings, records, world=world)
    assert ca.wanted == _failures(house) == []
    clock.ahead = timedelta(0)
    obtained(house, settings, records, world=world)
    assert len(ca.wanted) == 1


def test_a_clock_that_jumps_ahead_does_not_throw_away_what_has_come(
    ca: Troubled,
    house: House,
    settings: Any,
    records: ChallTestRecords,
    world: TestWorld,
    clock: Clock,
) -> None:
    got = obtained(house, settings, records, world=world)
    clock.ahead = timedelta(days=3650)  # as if it had ended long ago
    with pytest.raises(ClockWrong):
        obtained(house, settings, records, world=world)
    clock.ahead = timedelta(0)
    assert obtained(house, settings, records, world=world).chain == got.chain
    assert len(ca.wanted) == 1


def test_a_failure_that_was_noted_with_a_clock_far_ahead_is_waited_for_by_nobody(
    ca: Troubled,
    house: House,
    settings: Any,
    records: ChallTestRecords,
    world: TestWorld,
    clock: Clock,
) -> None:
    clock.ahead = ca.ahead = timedelta(days=3650)
    ca.trouble("newOrder", status=429, headers={"Retry-After": "7200"}, body=b"")
    with pytest.raises(CaAsksToWait, match=r"asks to wait until 20[3-9]"):
        obtained(house, settings, records, world=world)
    clock.ahead = ca.ahead = timedelta(0)
    obtained(house, settings, records, world=world)
    assert len(ca.wanted) == 1


# All at once


@pytest.mark.parametrize("seed", [0])
def test_proofs_that_fail_at_random_cost_one_order_each_and_bring_one_certificate(
    seed: int, ca: Troubled, house: House, settings: Any, records: ChallTestRecords
) -> None:
    """What Pebble has no switch for: here the DNS lies to it now and then."""
    chance = random.Random(seed)
    signed, failed = ca.pebble.certificates, 0
    while True:
        records.lies = chance.random() < 0.85
        try:
            obtained(house, settings, records, by_hand=True)
        except NotProven:
            failed += 1
        else:
            break
    print(f"\nseed {seed}: {failed} proofs failed, {len(ca.wanted)} orders")
    assert len(ca.wanted) == failed + 1
    assert ca.pebble.certificates == signed + 1
    assert len(_failures(house)) == failed


@pytest.mark.parametrize("seed", range(4))
def test_whatever_goes_wrong_in_whatever_order_there_is_one_order_for_one_need(
    seed: int, ca: Troubled, house: House, settings: Any, records: ChallTestRecords
) -> None:
    chance = random.Random(seed)
    ways: list[dict[str, Any]] = [
        {"status": 500, "body": b"no"},
        {"status": 200, "body": b"no"},
        {"status": 200, "body": b"{}"},
        {"lose_answer": True},
        {"change": lambda _: b""},
    ]
    runs = met = 0
    while True:
        runs += 1
        assert runs < 200
        ca.peace()
        for question in chance.choices(QUESTIONS, k=4):
            ca.trouble(
                question,
                times=chance.choice([1, 4, 9]),
                **chance.choice(ways),
            )
        try:
            got = obtained(house, settings, records, by_hand=True)
        except CaUnreachable:
            met += 1
        else:
            break
    print(f"\nseed {seed}: {runs} runs, {met} of them failed, {len(ca.wanted)} order")
    assert len(ca.wanted) == 1
    house.take(LABEL, chain=got.chain, key=got.key, data={})
    taken(house)
