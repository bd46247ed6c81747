"""The root in every form: parsed back, compared with what Apple's schema asks for."""

from __future__ import annotations

import plistlib
from typing import Any
from uuid import UUID

import pytest
from cryptography import x509

from housekey.errors import PemUnreadable
from housekey.onboarding import downloads
from housekey.pki.constraints import DEFAULT_CONSTRAINTS
from housekey.pki.encoding import fingerprint, to_der
from housekey.pki.issuing import issue_root
from housekey.pki.keys import KeyType, PrivateKey
from housekey.pki.subject import Subject
from tests.onboarding.offers import an_offer
from tests.pki.houses import NOW, a_house

# "presence: required" in github.com/apple/device-management, mdm/profiles:
REQUIRED_ON_TOP = {  # TopLevel.yaml
    "PayloadIdentifier": str,
    "PayloadUUID": str,
    "PayloadType": str,  # rangelist: Configuration
    "PayloadVersion": int,  # rangelist: 1
    "PayloadContent": list,
}
REQUIRED_OF_A_PAYLOAD = {  # CommonPayloadKeys.yaml
    "PayloadIdentifier": str,
    "PayloadUUID": str,
    "PayloadType": str,
    "PayloadVersion": int,  # rangelist: 1
}
REQUIRED_OF_A_ROOT = {"PayloadContent": bytes}  # com.apple.security.root.yaml
KNOWN_ON_TOP = {*REQUIRED_ON_TOP, "PayloadDescription", "PayloadDisplayName"}
KNOWN_OF_A_ROOT = {
    *REQUIRED_OF_A_PAYLOAD, *REQUIRED_OF_A_ROOT,
    "PayloadCertificateFileName", "PayloadDescription", "PayloadDisplayName",
}  # fmt: skip

ROOT = a_house().root.certificate


def profile(home: str = "Our Home", root: x509.Certificate = ROOT) -> dict[str, Any]:
    parsed: dict[str, Any] = plistlib.loads(downloads.profile(root, home))
    return parsed


def by_name(home: str = "Our Home") -> dict[str, downloads.File]:
    return {file.name: file for file in downloads.files(an_offer(home=home))}


def another_root() -> x509.Certificate:
    return issue_root(
        key=PrivateKey.generate(KeyType.ECDSA_P256),
        subject=Subject("housekey root for Elsewhere"),
        constraints=DEFAULT_CONSTRAINTS,
        now=NOW,
    )


def test_the_profile_has_all_that_apple_requires_and_nothing_unknown() -> None:
    top = profile()
    (payload,) = top["PayloadContent"]
    for required, where in (
        (REQUIRED_ON_TOP, top),
        (REQUIRED_OF_A_PAYLOAD | REQUIRED_OF_A_ROOT, payload),
    ):
        for key, kind in required.items():
            assert type(where[key]) is kind, key
    assert set(top) == KNOWN_ON_TOP
    assert set(payload) == KNOWN_OF_A_ROOT
    assert (top["PayloadType"], top["PayloadVersion"]) == ("Configuration", 1)
    assert (payload["PayloadType"], payload["PayloadVersion"]) == ("com.apple.security.root", 1)


def test_the_profile_brings_exactly_the_root() -> None:
    (payload,) = profile()["PayloadContent"]
    assert payload["PayloadContent"] == to_der(ROOT)


def test_the_profile_can_be_removed_again_by_whoever_installed_it() -> None:
    top = profile()
    assert "PayloadRemovalDisallowed" not in top
    assert "HasRemovalPasscode" not in top
    assert len(top["PayloadContent"]) == 1  # and no com.apple.profileRemovalPassword beside it


def test_the_same_house_gives_the_same_bytes() -> None:
    assert by_name() == by_name()


def test_a_renamed_home_replaces_its_own_profile() -> None:
    before, after = profile(home="Our Home"), profile(home="Villa")
    assert before["PayloadDisplayName"] == "Our Home"
    assert after["PayloadDisplayName"] == "Villa"
    for key in ("PayloadIdentifier", "PayloadUUID"):
        assert before[key] == after[key]
        assert before["PayloadContent"][0][key] == after["PayloadContent"][0][key]


def test_another_house_does_not_replace_the_first_ones_profile() -> None:
    one, other = profile(), profile(root=another_root())
    seen = [
        each[key]
        for top in (one, other)
        for each in (top, top["PayloadContent"][0])
        for key in ("PayloadIdentifier", "PayloadUUID")
    ]
    assert len(set(seen)) == len(seen)


def test_uuids_are_uuids_and_the_identifier_comes_from_the_root() -> None:
    top = profile()
    for each in (top, top["PayloadContent"][0]):
        assert str(UUID(each["PayloadUUID"])).upper() == each["PayloadUUID"]
    assert fingerprint(ROOT)[:32] in top["PayloadIdentifier"]


def test_a_home_without_a_name_goes_by_its_roots() -> None:
    assert profile(home="")["PayloadDisplayName"] == "housekey root for Home"


@pytest.mark.parametrize("home", ["<b>&amp;</b>", 'Zu "Hause" & mehr', "家", "🏡 Home"])
def test_any_name_of_a_home_survives(home: str) -> None:
    assert profile(home=home)["PayloadDisplayName"] == home


@pytest.mark.parametrize("home", ["Ho\x00me", "Home\x1b", "\u202eHome", " Home\n", "\ud800Home"])
def test_what_cannot_be_seen_is_left_out_of_a_name(home: str) -> None:
    assert profile(home=home)["PayloadDisplayName"] == "Home"


def test_every_form_is_the_same_certificate() -> None:
    files = by_name()
    assert x509.load_der_x509_certificate(files["housekey.crt"].body) == ROOT
    assert x509.load_der_x509_certificate(files["housekey.cer"].body) == ROOT
    assert x509.load_pem_x509_certificate(files["housekey.pem"].body) == ROOT


def test_each_form_has_the_type_that_its_platform_looks_for() -> None:
    assert {name: file.media_type for name, file in by_name().items()} == {
        "housekey.mobileconfig": "application/x-apple-aspen-config",
        "housekey.crt": "application/x-x509-ca-cert",
        "housekey.cer": "application/pkix-cert",
        "housekey.pem": "application/x-pem-file",
    }


@pytest.mark.parametrize("root", [b"", b"\x30\x03\x02\x01\x01", b"-----BEGIN CERTIFICATE-----"])
def test_what_is_no_certificate_is_not_handed_out(root: bytes) -> None:
    with pytest.raises(PemUnreadable):
        downloads.files(an_offer(root=root))
