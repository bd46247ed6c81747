"""Certificates as bytes and back."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housekey.errors import PemUnreadable
from housekey.pki.encoding import (
    certificate_from_der,
    certificate_from_pem,
    certificate_to_pem,
    certificates_from_pem,
    chain_to_pem,
    fingerprint,
    to_der,
)
from housekey.pki.names import names_of
from tests.pki.houses import a_house, names

if TYPE_CHECKING:
    from cryptography import x509

    from housekey.pki.keys import PrivateKey


def test_a_chain_survives_its_pem_in_order(leaf: x509.Certificate) -> None:
    chain = (leaf, a_house().issuing.certificate)
    data = chain_to_pem(chain)
    assert certificates_from_pem(data) == chain
    assert certificate_from_pem(data) == leaf
    assert data == certificate_to_pem(leaf) + certificate_to_pem(chain[1])


def test_a_certificate_survives_its_der(leaf: x509.Certificate) -> None:
    assert certificate_from_der(to_der(leaf)) == leaf
    assert fingerprint(leaf) == hashlib.sha256(to_der(leaf)).hexdigest()


def test_names_come_in_the_certificates_order(leaf: x509.Certificate) -> None:
    assert names_of(leaf) == names("ha.lan", "*.house.lan", "192.168.1.20", "fd00::20")
    assert names_of(a_house().root.certificate) == ()


def test_a_key_is_told_from_a_certificate(leaf: x509.Certificate, leaf_key: PrivateKey) -> None:
    key = leaf_key.to_pem().reveal()
    with pytest.raises(PemUnreadable, match="private key, where a certificate is meant"):
        certificates_from_pem(key)
    assert certificates_from_pem(key + certificate_to_pem(leaf)) == (leaf,)


def test_a_damaged_certificate_is_told(leaf: x509.Certificate) -> None:
    for data in (b"", b"hello", certificate_to_pem(leaf)[:-40], to_der(leaf)):
        with pytest.raises(PemUnreadable):
            certificates_from_pem(data)
    for data in (b"", to_der(leaf)[:-1], certificate_to_pem(leaf)):
        with pytest.raises(PemUnreadable):
            certificate_from_der(data)


def test_a_version_that_x509_does_not_have_is_told(leaf: x509.Certificate) -> None:
    third, ninth = bytes.fromhex("a003020102"), bytes.fromhex("a003020108")
    odd = to_der(leaf).replace(third, ninth, 1)
    assert odd != to_der(leaf)
    with pytest.raises(PemUnreadable):
        certificate_from_der(odd)
    body = base64.encodebytes(odd)
    with pytest.raises(PemUnreadable):
        certificates_from_pem(
            b"-----BEGIN CERTIFICATE-----\n" + body + b"-----END CERTIFICATE-----\n"
        )


@given(st.binary(max_size=100))
def test_garbage_is_unreadable_and_nothing_worse(body: bytes) -> None:
    with pytest.raises(PemUnreadable):
        certificate_from_der(body)
    wrapped = b"-----BEGIN CERTIFICATE-----\n" + body + b"\n-----END CERTIFICATE-----\n"
    for data in (body, wrapped):
        with pytest.raises(PemUnreadable):
            certificates_from_pem(data)
