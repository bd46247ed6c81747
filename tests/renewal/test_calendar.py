"""The calendar is what RFC 5545 says, read by a strict reader; and entries move, not double."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housekey.homeassistant.recorded import LABEL as HOME_ASSISTANT
from housekey.pki.encoding import fingerprint
from housekey.pki.issuing import issue_leaf
from housekey.pki.keys import KeyType, PrivateKey
from housekey.renewal.calendar import calendar_of, is_ours
from housekey.renewal.glance import Glance, Held
from tests.pki.houses import NOW, a_house, names

HOUSE = a_house()
KEY = PrivateKey.generate(KeyType.ECDSA_P256)


def a_leaf(at: datetime = NOW, what: str = "nas.lan") -> Held:
    certificate = issue_leaf(
        public_key=KEY.public_key, names=names("nas.lan"), issuer=HOUSE.issuing, now=at
    )
    return Held(what, what, certificate, fingerprint(certificate), None)


def a_glance(*held: Held, house: str = "/home/anna/house") -> Glance:
    root = Held("root", None, HOUSE.root.certificate, fingerprint(HOUSE.root.certificate), None)
    return Glance(
        house=house,
        identity=root.sha256,
        now=NOW,
        held=(root, *held),
        serving=(),
        cut_short=(),
        devices=(),
        rotation=None,
        events=(),
    )


@dataclass
class Component:
    name: str
    properties: dict[str, str] = field(default_factory=dict)
    components: list[Component] = field(default_factory=list)


_CONTENT_LINE = re.compile(r"(?P<name>[A-Z0-9-]+):(?P<value>[^\x00-\x08\x0a-\x1f\x7f]*)")
_ONCE = {"UID", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY", "DESCRIPTION", "TRANSP"}
_TIME = re.compile(r"\d{8}T\d{6}Z")
_TEXT = re.compile(r"(?:[^\\;,\n]|\\[\\;,nN])*")


def strictly_read(data: bytes) -> Component:
    """Read a calendar, and object to all that RFC 5545 does not allow (as far as we use it)."""
    assert data.endswith(b"\r\n")
    lines: list[bytes] = []
    for line in data.removesuffix(b"\r\n").split(b"\r\n"):  # 3.1: lines end with CRLF
        assert b"\r" not in line
        assert b"\n" not in line
        assert len(line) <= 75
        line.decode()  # folded between characters
        if line.startswith(b" "):
            lines[-1] += line[1:]
        else:
            lines.append(line)
    root = Component("")
    stack = [root]
    for raw in lines:
        found = _CONTENT_LINE.fullmatch(raw.decode())
        assert found, raw
        name, value = found["name"], found["value"]
        if name == "BEGIN":
            stack[-1].components.append(Component(value))
            stack.append(stack[-1].components[-1])
        elif name == "END":
            assert stack.pop().name == value
        else:
            assert name not in stack[-1].properties, "twice"
            stack[-1].properties[name] = value
    assert stack == [root]
    (calendar,) = root.components
    assert calendar.name == "VCALENDAR"
    assert calendar.properties["VERSION"] == "2.0"  # 3.7.4
    assert calendar.properties["PRODID"]  # 3.7.3
    for event in calendar.components:
        assert event.name == "VEVENT"
        assert set(event.properties) == _ONCE
        for each in ("DTSTAMP", "DTSTART", "DTEND"):  # 3.3.5, form 2
            assert _TIME.fullmatch(event.properties[each])
        assert event.properties["DTSTART"] < event.properties["DTEND"]  # 3.8.2.2
        for each in ("SUMMARY", "DESCRIPTION"):  # 3.3.11
            assert _TEXT.fullmatch(event.properties[each])
    uids = [event.properties["UID"] for event in calendar.components]
    assert len(set(uids)) == len(uids)  # 3.8.4.7
    return calendar


def starts(data: bytes) -> dict[str, str]:
    return {
        each.properties["UID"]: each.properties["DTSTART"]
        for each in strictly_read(data).components
    }


def text_of(value: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] in "nN" else found[1], value)


def test_a_certificate_is_in_it_twice_when_it_is_due_and_when_it_ends() -> None:
    leaf = a_leaf()
    calendar = strictly_read(calendar_of(a_glance(leaf)))
    assert [each.properties["SUMMARY"] for each in calendar.components] == [
        "Renew the certificate root",
        "The certificate root ends",
        "Renew the certificate nas.lan",
        "The certificate nas.lan ends",
    ]
    due, ends = (each.properties["DTSTART"] for each in calendar.components[2:])
    begin, end = leaf.certificate.not_valid_before_utc, leaf.certificate.not_valid_after_utc
    assert datetime.strptime(ends, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) == end
    third = datetime.strptime(due, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert abs((end - third) * 3 - (end - begin)) < timedelta(seconds=4)


def home_assistant(**more: Any) -> Held:
    return replace(a_leaf(), what="Home Assistant", label=HOME_ASSISTANT, **more)


def test_what_the_ca_of_a_public_name_suggests_is_when_it_is_due() -> None:
    moment = NOW + timedelta(days=3)
    due, _ = strictly_read(calendar_of(a_glance(home_assistant(suggested=moment)))).components[2:]
    assert due.properties["DTSTART"] == f"{moment:%Y%m%dT%H%M%SZ}"


def test_who_has_to_ask_their_own_ca_is_told_so_and_nobody_else() -> None:
    glance = replace(a_glance(home_assistant(), a_leaf()), by_hand=True)
    root, _, due, ends, other, _ = strictly_read(calendar_of(glance)).components
    assert text_of(due.properties["SUMMARY"]) == "Have your own CA sign Home Assistant anew"
    assert "housekey secure --csr FILE, then --install FILE" in text_of(
        due.properties["DESCRIPTION"]
    )
    assert "housekey renew" not in due.properties["DESCRIPTION"]
    assert ends.properties["SUMMARY"] == "The certificate Home Assistant ends"
    assert "housekey house rotate" in root.properties["DESCRIPTION"]
    assert "housekey renew" in other.properties["DESCRIPTION"]


def test_an_entry_moves_when_its_certificate_was_renewed() -> None:
    before = starts(calendar_of(a_glance(a_leaf())))
    after = starts(calendar_of(a_glance(a_leaf(NOW + timedelta(days=300)))))
    assert before.keys() == after.keys()
    assert len([uid for uid in before if before[uid] != after[uid]]) == 2


def test_another_house_has_other_entries() -> None:
    glance = a_glance(a_leaf())
    other = replace(glance, identity="f" * 64)
    assert not starts(calendar_of(glance)).keys() & starts(calendar_of(other)).keys()


@pytest.mark.parametrize(
    "house", ["/srv/with, comma; semicolon\\backslash", "/srv/two\nlines", "/srv/" + "ä€🏠" * 60]
)
def test_what_a_folder_is_called_harms_no_reader(house: str) -> None:
    calendar = strictly_read(calendar_of(a_glance(house=house)))
    assert house in text_of(calendar.components[0].properties["DESCRIPTION"])


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=120))
def test_any_name_can_be_read_again(what: str) -> None:
    calendar = strictly_read(calendar_of(a_glance(a_leaf(what=what))))
    summary = text_of(calendar.components[3].properties["SUMMARY"])
    plain = "".join(each for each in what if each == "\n" or (each >= " " and each != "\x7f"))
    assert summary == f"The certificate {plain} ends"


def test_only_a_calendar_of_ours_is_taken_for_one() -> None:
    assert is_ours(calendar_of(a_glance()))
    assert not is_ours(b"BEGIN:VCALENDAR\r\nPRODID:-//other//EN\r\nEND:VCALENDAR\r\n")
    assert not is_ours(b"")
