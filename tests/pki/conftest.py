"""Fixtures of this room."""

from __future__ import annotations

import os
from shutil import which
from typing import TYPE_CHECKING

import pytest

from housekey.pki.issuing import issue_leaf
from housekey.pki.keys import KeyType, PrivateKey
from tests.pki.houses import NOW, a_house, names

if TYPE_CHECKING:
    from cryptography import x509


@pytest.fixture(scope="session")
def leaf_key() -> PrivateKey:
    return PrivateKey.generate(KeyType.ECDSA_P256)


@pytest.fixture(scope="session")
def leaf(leaf_key: PrivateKey) -> x509.Certificate:
    """A leaf for ha.lan, *.house.lan and two addresses, under `a_house()`."""
    return issue_leaf(
        public_key=leaf_key.public_key,
        names=names("ha.lan", "*.house.lan", "192.168.1.20", "fd00::20"),
        issuer=a_house().issuing,
        now=NOW,
    )


@pytest.fixture
def openssl() -> None:
    """The openssl command."""
    if which("openssl") is None:
        tell = pytest.fail if os.environ.get("HOUSEKEY_NO_SKIP") else pytest.skip
        tell("there is no openssl command")
