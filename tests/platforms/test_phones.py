"""What phones and browsers say of what most homes have: our certificate, or an old guide's."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from housekey.pki import der
from housekey.pki.encoding import to_der
from housekey.pki.issuing import issue_leaf
from housekey.pki.keys import KeyType, PrivateKey
from housekey.platforms.judge import judge
from housekey.platforms.model import Platform, Question, Severity
from tests.pki.houses import A_DAY, NOW, a_house, names
from tests.platforms.making import a_chain, a_key, rewritten, tlv

SIX = (
    Platform.APPLE,
    Platform.ANDROID,
    Platform.CHROME,
    Platform.CHROME_ANDROID,
    Platform.FIREFOX,
    Platform.WINDOWS,
)
SERVED = ("ha.lan", "homeassistant", "homeassistant.local", "192.168.1.20", "fd12::20")


@pytest.mark.parametrize("kind", [KeyType.ECDSA_P256, KeyType.RSA_2048])
@pytest.mark.parametrize("name", SERVED)
def test_what_housekey_issues_is_accepted_by_all_six(name: str, kind: KeyType) -> None:
    house, key = a_house(), PrivateKey.generate(kind)
    leaf = issue_leaf(
        public_key=key.public_key, names=names(*SERVED), issuer=house.issuing, now=NOW
    )
    chain = (to_der(leaf), to_der(house.issuing.certificate))
    question = Question(chain, to_der(house.root.certificate), names(name)[0], NOW)
    for verdict in judge(question, SIX):
        assert verdict.accepts is True, verdict
        # curl on Windows alone has something to say, and it is not about this chain.
        worse = {each.rule for each in verdict.findings if each.severity is not Severity.INFO}
        assert worse <= {"WIN-04"}, verdict


def the_guides_certificate(common_name: str) -> bytes:
    """`openssl req -x509 -newkey rsa:4096 -days 730 -nodes`, as openssl.cnf's v3_ca makes it.

    That is SKI, AKI and basicConstraints CA:TRUE critical; no keyUsage, no SAN.
    """
    key = a_key("rsa4096", "guide")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    public = key.public_key()
    made = (
        x509.CertificateBuilder(
            issuer_name=name,
            subject_name=name,
            public_key=public,
            serial_number=x509.random_serial_number(),
            not_valid_before=NOW - A_DAY,
            not_valid_after=NOW + 729 * A_DAY,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(Encoding.DER)


TRUSTED = {
    Platform.APPLE: "SSL hostname does not match name(s) in certificate"
    " (errSecHostNameMismatch, -67602)",
    Platform.ANDROID: "SSLPeerUnverifiedException: Hostname homeassistant.local not verified",
    Platform.CHROME: "ERR_CERT_COMMON_NAME_INVALID",
    Platform.CHROME_ANDROID: "ERR_CERT_AUTHORITY_INVALID",
    Platform.FIREFOX: "MOZILLA_PKIX_ERROR_CA_CERT_USED_AS_END_ENTITY",
    Platform.WINDOWS: "CERT_E_CN_NO_MATCH (0x800B010F)",
}
UNTRUSTED = {
    Platform.APPLE: "Root is not trusted (errSecNotTrusted, -67843)",
    Platform.ANDROID: "Trust anchor for certification path not found.",
    Platform.CHROME: "ERR_CERT_AUTHORITY_INVALID",
    Platform.CHROME_ANDROID: "ERR_CERT_AUTHORITY_INVALID",
    Platform.FIREFOX: "MOZILLA_PKIX_ERROR_SELF_SIGNED_CERT",
    Platform.WINDOWS: "CERT_E_UNTRUSTEDROOT (0x800B0109)",
}


@pytest.mark.parametrize(("trusted", "errors"), [(True, TRUSTED), (False, UNTRUSTED)])
def test_the_old_guides_certificate_is_rejected_by_all_six(
    trusted: bool, errors: dict[Platform, str]
) -> None:
    leaf = the_guides_certificate("homeassistant.local")
    question = Question((leaf,), leaf if trusted else None, names("homeassistant.local")[0], NOW)
    said = {each.platform: each for each in judge(question, SIX)}
    assert {platform: each.accepts for platform, each in said.items()} == dict.fromkeys(SIX, False)
    assert {platform: each.error for platform, each in said.items()} == errors


def test_a_version_that_is_not_known_is_read_by_firefox_alone() -> None:
    """Measured with Firefox ESR 153.7 and Chromium 156; the others from source, Windows unsure."""

    def edit(fields: list[bytes]) -> None:
        fields[0] = tlv(0xA0, tlv(der.INTEGER, b"\x03"))  # counted from 0

    chain = a_chain(edit=lambda leaf: rewritten(leaf.der, a_key("p256", "issuing"), edit))
    said = {platform: chain.by(platform).accepts for platform in SIX}
    assert said == dict.fromkeys(SIX, False) | {Platform.FIREFOX: True, Platform.WINDOWS: None}
    assert chain.by(Platform.CHROME).error == "ERR_SSL_SERVER_CERT_BAD_FORMAT"
