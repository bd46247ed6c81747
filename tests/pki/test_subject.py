"""The fields of a subject."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from housekey.errors import SubjectRefused
from housekey.pki.subject import Subject


def test_all_seven_fields_can_be_set() -> None:
    subject = Subject(
        "housekey root for Küche",
        country="de",
        state="Hessen",
        locality="Köln",
        organization="Home",
        organizational_unit="Kitchen",
        email="me@example.org",
    )
    assert subject.to_x509().rfc4514_string() == (
        "1.2.840.113549.1.9.1=me@example.org,CN=housekey root for Küche,OU=Kitchen,O=Home,"
        "L=Köln,ST=Hessen,C=DE"
    )


def test_the_string_types_are_those_of_rfc_5280() -> None:
    name = Subject("x", country="DE", email="me@example.org").to_x509()
    types = {attribute.oid: attribute._type for attribute in name}
    assert types == {
        NameOID.COUNTRY_NAME: _ASN1Type.PrintableString,
        NameOID.COMMON_NAME: _ASN1Type.UTF8String,
        NameOID.EMAIL_ADDRESS: _ASN1Type.IA5String,
    }


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"common_name": ""}, "empty"),
        ({"common_name": " x"}, "empty, or with characters"),
        ({"common_name": "a\0b"}, "cannot be seen"),
        ({"common_name": "a\ud800"}, "cannot be seen"),
        ({"common_name": "x" * 65}, "too long"),
        ({"common_name": "ü" * 33}, "too long"),
        ({"common_name": None}, "no field at all"),
        ({"common_name": "x", "organization": "x" * 65}, "too long"),
        ({"common_name": "x", "organizational_unit": "x" * 65}, "too long"),
        ({"common_name": "x", "state": "x" * 129}, "too long"),
        ({"common_name": "x", "locality": "x" * 129}, "too long"),
        ({"common_name": "x", "country": "D"}, "two letters"),
        ({"common_name": "x", "country": "DEU"}, "two letters"),
        ({"common_name": "x", "country": "D1"}, "two letters"),
        ({"common_name": "x", "country": "ß"}, "two letters"),
        ({"common_name": "x", "email": "me"}, "e-mail"),
        ({"common_name": "x", "email": "ü@example.org"}, "e-mail"),
    ],
)
def test_a_field_that_no_certificate_can_carry_is_refused(
    fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(SubjectRefused, match=words):
        Subject(**fields)


def test_the_longest_fields_fit() -> None:
    Subject("x" * 64, state="x" * 128, locality="x" * 128, organization="x" * 64).to_x509()


@given(st.lists(st.none() | st.text(max_size=70), min_size=7, max_size=7))
def test_any_subject_is_refused_or_can_be_encoded(fields: list[str | None]) -> None:
    try:
        subject = Subject(*fields)
    except SubjectRefused:
        return
    assert subject.to_x509().public_bytes()
