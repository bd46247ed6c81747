"""What real verifiers say of the chains: Python's ssl, OpenSSL's strict mode, pyca.

    root ─ issuing CA ─ leaf        and        self-signed leaf, itself trusted

Strict is what Python asks of OpenSSL from 3.13 on (PY-01 to PY-11), and with it Home
Assistant as a client (HA-03); here the flags are set by hand, on any Python. The other
side of a constraint is forged, as somebody with a stolen issuing key would.
"""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from housekey.pki.constraints import DEFAULT_CONSTRAINTS
from housekey.pki.encoding import certificate_to_pem, chain_to_pem
from housekey.pki.issuing import Issuer, issue_leaf, issue_self_signed
from housekey.pki.keys import KeyType, PrivateKey
from housekey.pki.names import DnsName, Name, parse_name, to_general_name
from tests.pki.houses import NOW, TwoTiers, a_house, names

if TYPE_CHECKING:
    from pathlib import Path

INSIDE = (
    "ha.local", "homeassistant", "localhost", "ha.lan", "ha.home.arpa", "ha.internal",
    "192.168.1.20", "10.1.2.3", "172.20.0.1", "127.0.0.1", "169.254.1.1", "100.100.1.1",
    "fd12::20", "fe80::20", "::1",
)  # fmt: skip
OUTSIDE = ("example.org", "notlocal", "8.8.8.8", "172.32.0.1", "2606:4700::1111")


def handshake(
    *, chain: bytes, key: PrivateKey, trusted: x509.Certificate, host: str, to: Path
) -> None:
    """A whole TLS handshake in memory; raises what the client raises."""
    chain_file, key_file = to / "chain.pem", to / "key.pem"
    chain_file.write_bytes(chain)
    key_file.write_bytes(key.to_pem().reveal())
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(chain_file, key_file)
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.load_verify_locations(cadata=certificate_to_pem(trusted).decode())
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=host)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    done: set[ssl.SSLObject] = set()
    while len(done) < 2:
        for side in (client, server):
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                pass


def ask_pyca(
    leaf: x509.Certificate,
    *,
    issuing: list[x509.Certificate],
    trusted: x509.Certificate,
    name: Name,
) -> None:
    """Raises VerificationError when the chain does not hold for `name`."""
    subject = (
        x509.DNSName(name.text.replace("*", "any"))
        if isinstance(name, DnsName)
        else x509.IPAddress(name.address)
    )
    policy = PolicyBuilder().store(Store([trusted])).time(NOW)
    policy.build_server_verifier(subject).verify(leaf, issuing)


def ask_openssl(
    leaf: x509.Certificate, *, issuing: x509.Certificate, trusted: x509.Certificate, to: Path
) -> str:
    """What `openssl verify` prints, "OK" at its end if the chain holds."""
    for name, certificate in (("leaf", leaf), ("issuing", issuing), ("root", trusted)):
        (to / f"{name}.pem").write_bytes(certificate_to_pem(certificate))
    command = "openssl verify -x509_strict -purpose sslserver -no-CApath -no-CAstore"
    result = subprocess.run(
        [*command.split(), "-CAfile", "root.pem", "-untrusted", "issuing.pem", "leaf.pem"],
        cwd=to,
        capture_output=True,
        text=True,
        check=False,
    )
    return (result.stdout + result.stderr).strip()


def forged(
    model: x509.Certificate,
    *,
    by: Issuer,
    key: PrivateKey,
    subject: tuple[x509.ObjectIdentifier, str] = (NameOID.ORGANIZATION_NAME, "thief"),
    san: Name | None = None,
) -> x509.Certificate:
    """A copy of `model` for another key and perhaps another name, signed by whoever has a key."""
    replaced: tuple[x509.ExtensionType, ...] = (
        x509.SubjectKeyIdentifier.from_public_key(key.public_key),
        by.key_identifier,
        *([x509.SubjectAlternativeName([to_general_name(san)])] if san is not None else []),
    )
    builder = x509.CertificateBuilder(
        issuer_name=by.distinguished_name,
        subject_name=x509.Name([x509.NameAttribute(*subject)]),
        public_key=key.public_key,
        serial_number=x509.random_serial_number(),
        not_valid_before=model.not_valid_before_utc,
        not_valid_after=model.not_valid_after_utc,
    )
    for each in model.extensions:
        value = next((new for new in replaced if type(new) is type(each.value)), each.value)
        builder = builder.add_extension(value, critical=each.critical)
    return builder.sign(by.key.signing_key, hashes.SHA256())


def a_house_of(*, critical: bool) -> TwoTiers:
    return a_house(constraints=replace(DEFAULT_CONSTRAINTS, critical=critical))


@pytest.mark.parametrize("critical", [False, True])
@pytest.mark.parametrize("name", [*INSIDE, "*.house.lan"])
def test_a_leaf_of_the_house_is_accepted_by_every_engine_under_its_name(
    name: str, critical: bool, leaf_key: PrivateKey, tmp_path: Path
) -> None:
    house = a_house_of(critical=critical)
    issuing, root = house.issuing.certificate, house.root.certificate
    leaf = issue_leaf(
        public_key=leaf_key.public_key, names=names(name), issuer=house.issuing, now=NOW
    )
    handshake(
        chain=chain_to_pem([leaf, issuing]),
        key=leaf_key,
        trusted=root,
        host=name.replace("*", "any"),
        to=tmp_path,
    )
    ask_pyca(leaf, issuing=[issuing], trusted=root, name=parse_name(name))


@pytest.mark.parametrize("critical", [False, True])
@pytest.mark.parametrize("name", OUTSIDE)
def test_a_stolen_issuing_key_cannot_speak_for_a_stranger(
    name: str, critical: bool, leaf: x509.Certificate, leaf_key: PrivateKey, tmp_path: Path
) -> None:
    house = a_house_of(critical=critical)
    issuing, root = house.issuing.certificate, house.root.certificate
    leaf = forged(leaf, by=house.issuing, key=leaf_key, san=parse_name(name))
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        handshake(
            chain=chain_to_pem([leaf, issuing]),
            key=leaf_key,
            trusted=root,
            host=name,
            to=tmp_path,
        )
    with pytest.raises(VerificationError, match="constraint"):
        ask_pyca(leaf, issuing=[issuing], trusted=root, name=parse_name(name))


@pytest.mark.engine
@pytest.mark.usefixtures("openssl")
@pytest.mark.parametrize("critical", [False, True])
def test_the_openssl_command_agrees_on_both_sides(
    critical: bool, leaf: x509.Certificate, leaf_key: PrivateKey, tmp_path: Path
) -> None:
    house = a_house_of(critical=critical)
    issuing, root = house.issuing.certificate, house.root.certificate
    inside = issue_leaf(
        public_key=leaf_key.public_key,
        names=names(*INSIDE, "*.house.lan"),
        issuer=house.issuing,
        now=NOW,
    )
    assert ask_openssl(inside, issuing=issuing, trusted=root, to=tmp_path) == "leaf.pem: OK"
    for name in OUTSIDE:
        outside = forged(leaf, by=house.issuing, key=leaf_key, san=parse_name(name))
        said = ask_openssl(outside, issuing=issuing, trusted=root, to=tmp_path)
        assert "permitted subtree violation" in said


def test_the_forgery_itself_is_sound(
    leaf: x509.Certificate, leaf_key: PrivateKey, tmp_path: Path
) -> None:
    """The same forgery for a name inside passes: only the constraint stops the others."""
    house = a_house()
    leaf = forged(leaf, by=house.issuing, key=leaf_key, san=parse_name("victim.lan"))
    handshake(
        chain=chain_to_pem([leaf, house.issuing.certificate]),
        key=leaf_key,
        trusted=house.root.certificate,
        host="victim.lan",
        to=tmp_path,
    )


@pytest.mark.parametrize("kind", list(KeyType))
def test_every_kind_of_key_is_accepted_in_leaf_and_authorities(
    kind: KeyType, tmp_path: Path
) -> None:
    house = a_house(key_type=kind if kind is not KeyType.RSA_4096 else KeyType.RSA_2048)
    key = PrivateKey.generate(kind)
    leaf = issue_leaf(
        public_key=key.public_key, names=names("ha.lan"), issuer=house.issuing, now=NOW
    )
    issuing, root = house.issuing.certificate, house.root.certificate
    handshake(
        chain=chain_to_pem([leaf, issuing]), key=key, trusted=root, host="ha.lan", to=tmp_path
    )
    ask_pyca(leaf, issuing=[issuing], trusted=root, name=parse_name("ha.lan"))


@pytest.mark.parametrize("kind", [KeyType.ECDSA_P256, KeyType.RSA_2048])
@pytest.mark.parametrize("name", ["ha.lan", "192.168.1.20", "ha.example.org"])
def test_a_trusted_self_signed_leaf_is_accepted(name: str, kind: KeyType, tmp_path: Path) -> None:
    """pyca needs an AKI here, too (PCA-01)."""
    key = PrivateKey.generate(kind)
    leaf = issue_self_signed(key=key, names=names(name), now=NOW)
    handshake(chain=certificate_to_pem(leaf), key=key, trusted=leaf, host=name, to=tmp_path)
    ask_pyca(leaf, issuing=[], trusted=leaf, name=parse_name(name))


def test_another_name_is_not_covered(
    leaf: x509.Certificate, leaf_key: PrivateKey, tmp_path: Path
) -> None:
    house = a_house()
    for host in ("hb.lan", "a.b.house.lan", "192.168.1.21"):
        with pytest.raises(ssl.SSLCertVerificationError, match="not valid for"):
            handshake(
                chain=chain_to_pem([leaf, house.issuing.certificate]),
                key=leaf_key,
                trusted=house.root.certificate,
                host=host,
                to=tmp_path,
            )


def test_another_house_is_not_trusted(
    leaf: x509.Certificate, leaf_key: PrivateKey, tmp_path: Path
) -> None:
    stranger = a_house(born=NOW - timedelta(days=1))
    with pytest.raises(ssl.SSLCertVerificationError, match=r"unable to get|self-signed"):
        handshake(
            chain=chain_to_pem([leaf, a_house().issuing.certificate]),
            key=leaf_key,
            trusted=stranger.root.certificate,
            host="ha.lan",
            to=tmp_path,
        )


@pytest.mark.engine
@pytest.mark.usefixtures("openssl")
def test_an_address_in_the_cn_would_break_the_chain(leaf_key: PrivateKey, tmp_path: Path) -> None:
    """Why a leaf for addresses alone has no CN: OpenSSL reads it as a DNS name (OSL-03)."""
    house = a_house()
    leaf = issue_leaf(
        public_key=leaf_key.public_key,
        names=names("192.168.1.20"),
        issuer=house.issuing,
        now=NOW,
    )
    named = forged(
        leaf, by=house.issuing, key=leaf_key, subject=(NameOID.COMMON_NAME, "192.168.1.20")
    )
    for certificate, words in ((leaf, "OK"), (named, "permitted subtree violation")):
        said = ask_openssl(
            certificate,
            issuing=house.issuing.certificate,
            trusted=house.root.certificate,
            to=tmp_path,
        )
        assert words in said


def test_the_root_cannot_be_left_out_by_a_second_issuing_ca(
    leaf_key: PrivateKey, tmp_path: Path
) -> None:
    """root ─ issuing CA ─ CA of a thief ─ leaf: pathLen 0 ends it."""
    house = a_house()
    thief = PrivateKey.generate(KeyType.ECDSA_P256)
    rogue = forged(house.issuing.certificate, by=house.issuing, key=thief)
    leaf = issue_leaf(
        public_key=leaf_key.public_key,
        names=names("ha.lan"),
        issuer=Issuer(rogue, thief),
        now=NOW,
    )
    with pytest.raises(ssl.SSLCertVerificationError, match="path length constraint exceeded"):
        handshake(
            chain=chain_to_pem([leaf, rogue, house.issuing.certificate]),
            key=leaf_key,
            trusted=house.root.certificate,
            host="ha.lan",
            to=tmp_path,
        )


def test_a_widened_house_speaks_for_its_own_domain(leaf_key: PrivateKey, tmp_path: Path) -> None:
    own = names("ha.example.org", "myserver", "2a02:8070:1:2::5", "203.0.113.5")
    constraints = DEFAULT_CONSTRAINTS.widened(own)
    house = a_house(constraints=constraints)
    leaf = issue_leaf(public_key=leaf_key.public_key, names=own, issuer=house.issuing, now=NOW)
    for name in own:
        handshake(
            chain=chain_to_pem([leaf, house.issuing.certificate]),
            key=leaf_key,
            trusted=house.root.certificate,
            host=str(name),
            to=tmp_path,
        )
        ask_pyca(
            leaf,
            issuing=[house.issuing.certificate],
            trusted=house.root.certificate,
            name=name,
        )


def test_the_engines_have_the_same_idea_of_inside() -> None:
    """The lists above are the ones that `permits` speaks of."""
    assert all(DEFAULT_CONSTRAINTS.permits(parse_name(name)) for name in INSIDE)
    assert not any(DEFAULT_CONSTRAINTS.permits(parse_name(name)) for name in OUTSIDE)
