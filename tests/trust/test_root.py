"""Whether a root may be trusted: the fingerprint, and what it could speak for."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_network

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from housekey.errors import RootRefused, UsageError
from housekey.pki.constraints import DEFAULT_CONSTRAINTS
from housekey.pki.encoding import to_der
from housekey.pki.fingerprint import grouped
from housekey.pki.names import parse_name
from housekey.trust.root import (
    digits_of,
    must_be,
    must_be_a_root,
    must_be_limited,
    root_in,
    too_wide,
)
from tests.trust.roots import NOW, Forged, a_root, pem_of, sha256_of

A_DAY = timedelta(days=1)


@pytest.mark.parametrize(
    "written",
    [
        "{plain}",
        "{upper}",
        "{pairs}",
        "{spaced}",
        "SHA256:{plain}",
        "sha-256 {pairs}",
        "SHA256 Fingerprint={pairs}",  # as openssl prints it
        "  {groups}\n",
    ],
)
def test_a_fingerprint_is_read_however_it_is_written(written: str) -> None:
    plain = sha256_of()
    text = written.format(
        plain=plain,
        upper=plain.upper(),
        pairs=grouped(plain),
        spaced=grouped(plain).replace(":", " "),
        groups=" - ".join(plain[at : at + 8] for at in range(0, 64, 8)),
    )
    assert digits_of(text) == plain


@pytest.mark.parametrize(
    "text", ["", "abc", "0" * 63, "0" * 65, "g" * 64, "sha256:", "0" * 40, "٠" * 64]
)
def test_what_is_no_fingerprint_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="is no SHA-256 fingerprint"):
        digits_of(text)


def test_a_sha1_fingerprint_is_told_as_what_it_is() -> None:
    with pytest.raises(UsageError, match="SHA-1"):
        digits_of(":".join(["AB"] * 20))


@given(st.text(max_size=200))
def test_any_other_text_is_a_usage_error_and_nothing_else(text: str) -> None:
    try:
        digits = digits_of(text)
    except UsageError:
        return
    assert len(digits) == 64


@pytest.mark.parametrize("at", [0, 31, 63])
def test_every_digit_counts(at: int) -> None:
    digits = sha256_of()
    must_be(a_root(), digits, source="the page")
    wrong = digits[:at] + ("0" if digits[at] != "0" else "1") + digits[at + 1 :]
    with pytest.raises(RootRefused, match="another root"):
        must_be(a_root(), wrong, source="the page")


def test_pem_and_der_are_read_and_two_are_refused() -> None:
    assert root_in(pem_of(), source="it") == a_root()
    assert root_in(to_der(a_root()), source="it") == a_root()
    with pytest.raises(RootRefused, match="holds 2 certificates"):
        root_in(pem_of() + pem_of("b"), source="it")


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"-----BEGIN CERTIFICATE-----\nAAAA\n", b"\x30\x82"]
)
def test_what_is_no_certificate_is_a_root_refused(data: bytes) -> None:
    with pytest.raises(RootRefused, match=r"root\.pem: "):
        root_in(data, source="root.pem")


def test_the_root_of_a_house_may_be_trusted() -> None:
    must_be_a_root(a_root(), source="the page", now=NOW)
    must_be_limited(a_root())


@pytest.mark.parametrize(
    ("forged", "said"),
    [
        (Forged(ca=False), "a server's certificate"),
        (Forged(ca=None), "a server's certificate"),
        (Forged(issuer="Somebody"), "signed by another one"),
        (Forged(signed_by_itself=False), "not signed by its own key"),
        (Forged(begins=NOW - 9 * A_DAY, ends=NOW - A_DAY), "it ended on"),
        (Forged(begins=NOW + A_DAY), "it begins on"),
    ],
    ids=["leaf", "no constraints at all", "issuing", "other key", "ended", "unborn"],
)
def test_what_is_no_root_is_refused(forged: Forged, said: str) -> None:
    with pytest.raises(RootRefused, match=said):
        must_be_a_root(forged.certificate(), source="the file", now=NOW)


def limited_to(
    *names: str, networks: tuple[str, ...] = ("10.0.0.0/8", "fd00::/8")
) -> x509.Certificate:
    subtrees: list[x509.GeneralName] = [*map(x509.DNSName, names)]
    subtrees += [x509.IPAddress(ip_network(each)) for each in networks]
    constraints = x509.NameConstraints(permitted_subtrees=subtrees, excluded_subtrees=None)
    return Forged(constraints=constraints).certificate()


@pytest.mark.parametrize(
    ("root", "said"),
    [
        (Forged().certificate(), "nothing limits it"),
        (limited_to("com"), "public registry"),
        (limited_to("duckdns.org"), "other homes"),
        (limited_to("lan", networks=("0.0.0.0/0", "::/0")), "it covers the network 0.0.0.0/0"),
        (limited_to("lan", networks=("10.0.0.0/8", "::/0")), "it covers the network ::/0"),
        (limited_to("lan", networks=("8.0.0.0/8", "fd00::/8")), "8.0.0.0/8"),
        (limited_to("lan", networks=("10.0.0.0/7", "fd00::/8")), "10.0.0.0/7"),
        (limited_to("lan", networks=("10.0.0.0/8", "2001:db8::/32")), "2001:db8::/32"),
        (limited_to("lan", networks=()), "not those of a house"),  # no limit on addresses
        (limited_to(".lan"), "not those of a house"),
        (limited_to(""), "not those of a house"),  # everything
    ],
)
def test_a_root_that_could_speak_for_more_than_a_home_is_refused(
    root: x509.Certificate, said: str
) -> None:
    assert said in too_wide(root)
    with pytest.raises(RootRefused) as caught:
        must_be_limited(root)
    assert "--unconstrained" in caught.value.hint
    assert "bank" in caught.value.message


def test_constraints_that_only_exclude_are_none() -> None:
    constraints = x509.NameConstraints(
        permitted_subtrees=None, excluded_subtrees=[x509.DNSName("bank.example")]
    )
    assert too_wide(Forged(constraints=constraints).certificate())


def test_what_a_house_may_be_widened_by_is_not_too_wide() -> None:
    names = map(parse_name, ("myhome.duckdns.org", "203.0.113.7", "2003:db8:1:2::5"))
    wider = DEFAULT_CONSTRAINTS.widened(names)
    root = Forged(constraints=wider.extension()).certificate()
    assert too_wide(root) == ""
