"""When a public certificate is due: RFC 9773, and what holds without it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from housekey.errors import CaAsksToWait
from housekey.house.leaves import is_due
from housekey.pki.encoding import fingerprint
from housekey.public.ari import (
    Suggestion,
    Window,
    draw,
    due_at,
    id_of,
    is_due_now,
    kept_suggestion,
    must_ask,
    suggestion_for,
    window_of,
)
from housekey.public.order import taken
from tests.public.ordered import TestWorld, obtained, registered, settings_for
from tests.public.pebble import TERMS, Pebble
from tests.public.troubled import Troubled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from housekey.house.house import House
    from tests.public.challtest import ChallTest, ChallTestRecords

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def _certificate(
    days: float = 90, *, serial: int = 0x1234, key_id: bytes | None = b"\1" * 20
) -> x509.Certificate:
    """One that began at NOW."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(NOW)
        .not_valid_after(NOW + days * DAY)
    )
    if key_id is not None:
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier(key_id, None, None), critical=False
        )
    return builder.sign(key, hashes.SHA256())


def _suggestion(certificate: x509.Certificate, moment: datetime, **more: Any) -> Suggestion:
    values: dict[str, Any] = {
        "window": Window(moment - DAY, moment + DAY),
        "asked_at": NOW,
        "ask_again_at": NOW + timedelta(hours=6),
    } | more
    return Suggestion(fingerprint(certificate), moment=moment, **values)


def test_the_identifier_is_that_of_the_rfcs_example() -> None:
    """RFC 9773, appendix A: a serial whose first bit is set, so that a zero stands before it."""
    key_id = bytes.fromhex("69885B6B87464041E1B37B847BA0AE2CDE01C8D4")
    certificate = _certificate(serial=0x87654321, key_id=key_id)
    assert id_of(certificate) == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"
    assert id_of(_certificate(key_id=None)) is None


@pytest.mark.parametrize("days", [6, 90, 397])
def test_without_a_suggestion_it_is_due_when_a_third_of_its_life_is_left(days: int) -> None:
    certificate = _certificate(days)
    edge = NOW + days * DAY * 2 / 3
    for now in (edge - timedelta(seconds=1), edge):
        expected = now >= edge
        assert is_due_now(certificate, now=now) is is_due(certificate, now=now) is expected
    assert due_at(certificate) == edge


def test_with_a_suggestion_it_is_due_at_the_moment_that_was_drawn_early_or_late() -> None:
    certificate = _certificate(90)
    for days in (1, 80):
        moment = NOW + days * DAY
        suggestion = _suggestion(certificate, moment)
        assert not is_due_now(certificate, now=moment - timedelta(seconds=1), suggestion=suggestion)
        assert is_due_now(certificate, now=moment, suggestion=suggestion)


def test_a_suggestion_after_the_end_helps_nobody_and_is_not_waited_for() -> None:
    certificate = _certificate(90)
    assert due_at(certificate, _suggestion(certificate, NOW + 900 * DAY)) == NOW + 81 * DAY


def test_a_suggestion_for_another_certificate_is_none() -> None:
    certificate = _certificate()
    other = _suggestion(_certificate(), NOW)
    assert due_at(certificate, other) == due_at(certificate)
    assert must_ask(certificate, other, now=NOW)


def test_the_moment_is_drawn_once_from_a_window_and_again_from_another() -> None:
    certificate = _certificate()
    window = Window(NOW + 10 * DAY, NOW + 12 * DAY)
    drawn = [
        draw(window, certificate=certificate, now=NOW, ask_again_in=None, before=None)
        for _ in range(50)
    ]
    assert len({each.moment for each in drawn}) > 40
    assert all(window.start <= each.moment <= window.end for each in drawn)
    first = drawn[0]
    again = draw(window, certificate=certificate, now=NOW + DAY, ask_again_in=None, before=first)
    assert again.moment == first.moment
    sooner = Window(NOW - 2 * DAY, NOW - DAY)  # it is to be revoked
    moved = draw(sooner, certificate=certificate, now=NOW, ask_again_in=None, before=first)
    assert moved.moment < NOW
    assert is_due_now(certificate, now=NOW, suggestion=moved)


@pytest.mark.parametrize(
    ("said", "pause"),
    [
        (None, timedelta(hours=6)),
        (timedelta(seconds=1), timedelta(minutes=1)),
        (timedelta(hours=6), timedelta(hours=6)),
        (timedelta(days=300), DAY),
    ],
)
def test_the_ca_is_asked_again_when_it_wants_but_within_a_day(
    said: timedelta | None, pause: timedelta
) -> None:
    certificate = _certificate()
    window = Window(NOW, NOW + DAY)
    drawn = draw(window, certificate=certificate, now=NOW, ask_again_in=said, before=None)
    assert drawn.ask_again_at == NOW + pause
    assert not must_ask(certificate, drawn, now=NOW + pause - timedelta(seconds=1))
    assert must_ask(certificate, drawn, now=NOW + pause)


def test_after_a_clock_that_was_years_ahead_it_is_asked_at_once() -> None:
    certificate = _certificate()
    later = NOW + timedelta(days=20)
    ahead = _suggestion(certificate, later, asked_at=later, ask_again_at=later + DAY)
    assert must_ask(certificate, ahead, now=NOW)


def test_one_that_has_ended_is_not_asked_about() -> None:
    """RFC 9773, section 4.3."""
    assert not must_ask(_certificate(90), None, now=NOW + 90 * DAY)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"suggestedWindow": None},
        {"suggestedWindow": {"start": "soon", "end": "later"}},
        {"suggestedWindow": {"start": "2026-12-02T00:00:00Z", "end": "2026-12-01T00:00:00Z"}},
        {  # no moment in it can be told in UTC
            "suggestedWindow": {
                "start": "9999-12-31T23:00:00-12:00",
                "end": "9999-12-31T23:30:00-23:59",
            }
        },
    ],
)
def test_what_is_no_window_is_no_suggestion(document: Any) -> None:
    assert window_of(document) is None


def test_a_window_at_the_end_of_all_years_is_as_none() -> None:
    certificate = _certificate(90)
    window = window_of(
        {"suggestedWindow": {"start": "9999-12-30T00:00:00Z", "end": "9999-12-31T23:59:59Z"}}
    )
    assert window is not None
    drawn = draw(
        window, certificate=certificate, now=NOW, ask_again_in=None, before=None, chance=lambda: 1.0
    )
    assert due_at(certificate, drawn) == certificate.not_valid_after_utc - 9 * DAY


@pytest.fixture(scope="module")
def ca(challtest: ChallTest) -> Iterator[Troubled]:
    """Pebble, which Debian has without RFC 9773; the proxy in front of it adds that."""
    with Pebble(dns=challtest.dns, seconds=6 * 86400) as pebble, Troubled(pebble) as proxy:
        yield proxy


def test_a_six_days_certificate_is_renewed_when_the_ca_says_and_the_moment_is_kept(
    ca: Troubled, house: House, records: ChallTestRecords
) -> None:
    settings = settings_for(ca.directory, ca.pebble.roots_pem())
    registered(house, settings, terms=TERMS)
    leaf = obtained(house, settings, records).chain[0]
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc < timedelta(days=6, minutes=1)
    world = TestWorld()
    assert asyncio.run(suggestion_for(house, leaf, settings, world=world)) is None  # not offered
    begin = leaf.not_valid_before_utc
    window = Window(begin + 2 * DAY, begin + 3 * DAY)
    ca.renewal = {
        "suggestedWindow": {"start": window.start.isoformat(), "end": window.end.isoformat()},
        "explanationURL": "https://ca.test/why",
    }
    ca.renewal_headers = {"Retry-After": "21600"}
    first = asyncio.run(suggestion_for(house, leaf, settings, world=world))
    assert first is not None
    assert (first.window.start, first.window.end) == (window.start, window.end)
    assert first.window.explanation == "https://ca.test/why"
    assert ca.renewals_asked == [id_of(leaf)]
    assert asyncio.run(suggestion_for(house, leaf, settings, world=world)) == first
    assert ca.renewals_asked == [id_of(leaf)]  # it was not asked again
    assert kept_suggestion(house) == first
    assert window.start <= due_at(leaf, first) <= window.end


def test_a_ca_in_trouble_leaves_what_it_suggested_before(
    ca: Troubled, house: House, records: ChallTestRecords
) -> None:
    settings = settings_for(ca.directory, ca.pebble.roots_pem())
    registered(house, settings, terms=TERMS)
    leaf = obtained(house, settings, records).chain[0]
    begin = leaf.not_valid_before_utc.isoformat()
    ca.renewal = {"suggestedWindow": {"start": begin, "end": leaf.not_valid_after_utc.isoformat()}}
    first = asyncio.run(suggestion_for(house, leaf, settings, world=TestWorld()))
    assert first is not None
    later = datetime.now(UTC) + timedelta(hours=7)
    ca.ahead = timedelta(hours=7)
    ca.trouble("renewalInfo", times=99, status=503, headers={"Retry-After": "7200"}, body=b"")
    known = asyncio.run(suggestion_for(house, leaf, settings, world=TestWorld(clock=lambda: later)))
    assert known is not None
    assert known.moment == first.moment
    assert known.ask_again_at > later + timedelta(minutes=119)
    ca.peace()
    ca.ahead = timedelta(0)


def test_a_ca_that_wants_to_be_left_alone_is_not_asked_for_its_suggestion_either(
    ca: Troubled, house: House, records: ChallTestRecords
) -> None:
    settings = settings_for(ca.directory, ca.pebble.roots_pem())
    registered(house, settings, terms=TERMS)
    leaf = obtained(house, settings, records).chain[0]
    taken(house)
    ca.trouble("newOrder", status=429, headers={"Retry-After": "7200"}, body=b"")
    with pytest.raises(CaAsksToWait):
        obtained(house, settings, records)
    ca.asked.clear()
    assert asyncio.run(suggestion_for(house, leaf, settings, world=TestWorld())) is None
    assert ca.asked == []
