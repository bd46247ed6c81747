"""Certificates of any shape, for vectors: each test changes one thing of a sound chain.

    root ─ issuing CA ─ leaf        `a_chain(leaf={"usages": None})`
    root ─ leaf                     `a_chain(tiers=2, …)`
    leaf, itself trusted            `a_self_signed(…)`

What cryptography does not write (other versions, odd serials, broken extensions) goes through
`rewritten`, which edits the DER and signs again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from housekey.pki import der
from housekey.pki.names import DnsName, IpName, Name
from housekey.platforms.judge import judge
from housekey.platforms.model import Platform, Question, Verdict
from tests.engines.weak_keys import RSA_768

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NOW = datetime.now(UTC).replace(microsecond=0)
A_DAY = timedelta(days=1)

SigningKey: TypeAlias = (
    ec.EllipticCurvePrivateKey
    | rsa.RSAPrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
)
Change: TypeAlias = dict[str, Any]

SERVER = (ExtendedKeyUsageOID.SERVER_AUTH,)
ANY_USAGE = (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)
CLIENT_ONLY = (ExtendedKeyUsageOID.CLIENT_AUTH,)

_CURVES: dict[str, ec.EllipticCurve] = {
    "p256": ec.SECP256R1(),
    "p384": ec.SECP384R1(),
    "p521": ec.SECP521R1(),
    "p224": ec.SECP224R1(),
    "k256": ec.SECP256K1(),
    "brainpool": ec.BrainpoolP256R1(),
}


@cache
def a_key(kind: str = "p256", who: str = "") -> SigningKey:
    """A key of a kind, the same one for the same `who`: RSA ones are slow to make."""
    if kind in _CURVES:
        return ec.generate_private_key(_CURVES[kind])
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "ed448":
        return ed448.Ed448PrivateKey.generate()
    if kind == "rsa768":  # nobody makes these any more
        weak = load_pem_private_key(RSA_768, None)
        assert isinstance(weak, rsa.RSAPrivateKey)
        return weak
    return rsa.generate_private_key(65537, int(kind.removeprefix("rsa")))


@dataclass(frozen=True)
class Made:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: SigningKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)


def names(*texts: str) -> tuple[Name, ...]:
    """Names as they are written: nothing is evened out or refused."""
    found: list[Name] = []
    for text in texts:
        try:
            found.append(IpName(ip_address(text)))
        except ValueError:
            found.append(DnsName(text))
    return tuple(found)


def entries(*texts: str) -> list[x509.GeneralName]:
    """SAN entries: addresses as such, `dns:` before a text makes it a DNS name all the same."""
    made: list[x509.GeneralName] = []
    for text in texts:
        forced = text.startswith("dns:")
        for name in names(text.removeprefix("dns:")):
            if isinstance(name, IpName) and not forced:
                made.append(x509.IPAddress(name.address))
            else:
                made.append(x509.DNSName(str(name)))
    return made


def constrained(
    *permitted: str, excluded: Sequence[str] = (), critical: bool = False
) -> tuple[x509.NameConstraints, bool]:
    """Name constraints; what has a slash in it is a network."""

    def bases(texts: Sequence[str]) -> list[x509.GeneralName] | None:
        return [
            x509.IPAddress(ip_network(text)) if "/" in text else x509.DNSName(text)
            for text in texts
        ] or None

    return x509.NameConstraints(bases(permitted), bases(excluded)), critical


def named(text: str | None, **more: str) -> x509.Name:
    """A subject with a CN, or an empty one."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])


def made(
    *,
    by: Made | None = None,
    subject: str | x509.Name | None = "ha.lan",
    issuer: x509.Name | None = None,
    key: str = "p256",
    who: str = "leaf",
    begin: datetime = NOW - A_DAY,
    end: datetime = NOW + 300 * A_DAY,
    digest: hashes.HashAlgorithm | Literal["own"] | None = "own",
    ca: bool | None = False,
    path_length: int | None = None,
    ca_critical: bool = True,
    uses: str | None = "digital_signature",
    usages: Sequence[x509.ObjectIdentifier] | None = SERVER,
    san: Sequence[str] | None = ("ha.lan", "192.168.1.20"),
    san_critical: bool = False,
    ski: bool = True,
    ski_critical: bool = False,
    aki: x509.AuthorityKeyIdentifier | Literal["issuer"] | None = "issuer",
    aki_critical: bool = False,
    constraints: tuple[x509.NameConstraints, bool] | None = None,
    serial: int | None = None,
    more: Sequence[tuple[str, bool, bytes]] = (),
) -> Made:
    """A certificate; `by` None: signed by its own key."""
    own = a_key(key, who)
    subject_name = subject if isinstance(subject, x509.Name) else named(subject)
    signer = own if by is None else by.key
    issuer_name = issuer or (subject_name if by is None else by.certificate.subject)
    builder = x509.CertificateBuilder(
        issuer_name=issuer_name,
        subject_name=subject_name,
        public_key=own.public_key(),
        serial_number=serial or x509.random_serial_number(),
        not_valid_before=begin,
        not_valid_after=end,
    )
    if ca is not None:
        builder = builder.add_extension(
            x509.BasicConstraints(ca, path_length if ca else None), ca_critical
        )
    if uses is not None:
        builder = builder.add_extension(_key_usage(uses.split()), critical=True)
    if usages is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    if san is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName(entries(*san)), san_critical)
    if ski:
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(own.public_key()), ski_critical
        )
    if aki == "issuer":
        aki = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    if aki is not None:
        builder = builder.add_extension(aki, aki_critical)
    if constraints is not None:
        builder = builder.add_extension(*constraints)
    for oid, critical, value in more:
        extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)
        builder = builder.add_extension(extension, critical)
    if digest == "own":
        edwards = isinstance(signer, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
        digest = None if edwards else hashes.SHA256()
    if isinstance(digest, hashes.SHA1):  # the builder does not write it any more
        sound = builder.sign(signer, hashes.SHA256()).public_bytes(Encoding.DER)
        return Made(x509.load_der_x509_certificate(_with_sha1(sound, signer)), own)
    return Made(builder.sign(signer, digest), own)  # type: ignore[arg-type]


def _with_sha1(data: bytes, signer: SigningKey) -> bytes:
    return rewritten(data, signer, lambda _: None, digest=hashes.SHA1())


def _key_usage(names_of_bits: Sequence[str]) -> x509.KeyUsage:
    bits = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
        "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{bit: bit in names_of_bits for bit in bits})


_CA: Change = {
    "ca": True,
    "uses": "key_cert_sign crl_sign",
    "usages": None,
    "san": None,
    "end": NOW + 3000 * A_DAY,
}


def a_root(**change: Any) -> Made:
    return made(**{**_CA, "subject": "The root", "who": "root", **change})


def an_issuing_ca(by: Made, **change: Any) -> Made:
    return made(by=by, **{**_CA, "subject": "The issuing CA", "who": "issuing", **change})


@dataclass(frozen=True)
class Chain:
    """What a server sends, and what the device trusts."""

    sent: tuple[bytes, ...]
    root: bytes | None
    made: tuple[Made, ...] = ()  # leaf first, root last

    def asked(self, name: str = "ha.lan", *, at: datetime = NOW) -> Question:
        return Question(self.sent, self.root, names(name)[0], at)

    def by(self, platform: Platform, name: str = "ha.lan", *, at: datetime = NOW) -> Verdict:
        """What the platform says; that no rule crashed (ALL-02) holds for every vector."""
        (verdict,) = judge(self.asked(name, at=at), (platform,))
        assert not any(each.rule == "ALL-02" for each in verdict.findings), verdict
        return verdict


def a_chain(
    *,
    root: Change | None = None,
    issuing: Change | None = None,
    leaf: Change | None = None,
    tiers: int = 3,
    edit: Callable[[Made], bytes] | None = None,
) -> Chain:
    """A sound chain, but for the changes; `edit` rewrites the leaf."""
    top = a_root(**root or {})
    signer = top if tiers == 2 else an_issuing_ca(top, **issuing or {})
    last = made(by=signer, **leaf or {})
    between = () if tiers == 2 else (signer.der,)
    leaf_der = last.der if edit is None else edit(last)
    return Chain((leaf_der, *between), top.der, (last, *((signer,) if between else ()), top))


def a_self_signed(**change: Any) -> Chain:
    leaf = made(**{"usages": SERVER, **change})
    return Chain((leaf.der,), leaf.der, (leaf,))


# --- what cryptography does not write ---


def tlv(tag: int, *bodies: bytes) -> bytes:
    """One DER element."""
    body = b"".join(bodies)
    if len(body) < 0x80:
        return bytes((tag, len(body))) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


_ECDSA_WITH = {"sha1": "06072a8648ce3d0401", "sha256": "06082a8648ce3d040302"}


def rewritten(
    data: bytes,
    signer: SigningKey,
    edit: Callable[[list[bytes]], None],
    *,
    digest: hashes.HashAlgorithm | None = None,
) -> bytes:
    """The certificate with its TBS fields edited (a list of DER elements), signed again.

    The fields are version, serial, algorithm, issuer, validity, subject, key, extensions.
    """
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    digest = digest or hashes.SHA256()
    tbs, _, _ = der.only(data, der.SEQUENCE).parts()
    fields = [each.whole for each in tbs.parts()]
    algorithm = tlv(der.SEQUENCE, bytes.fromhex(_ECDSA_WITH[digest.name]))
    fields[2] = algorithm
    edit(fields)
    signed = tlv(der.SEQUENCE, *fields)
    signature = signer.sign(signed, ec.ECDSA(digest))
    return tlv(der.SEQUENCE, signed, algorithm, tlv(der.BIT_STRING, b"\0", signature))


# --- what is asserted ---


def rejected(verdict: Verdict, rule: str) -> None:
    """It says no, and for this reason."""
    assert verdict.accepts is False, verdict
    assert verdict.error
    spoke = [each.rule for each in verdict.findings]
    assert rule in spoke, (rule, verdict.findings)


def accepted(verdict: Verdict) -> None:
    assert verdict.accepts is True, verdict
    assert verdict.error == ""
