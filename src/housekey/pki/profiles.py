"""What each kind of certificate contains, as data; issuing.py only reads it.

The profile that every executed engine accepts: PLATFORMS.md section 0.1. The four
records differ in what a client checks of that tier, and each difference says why.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

BACKDATE = timedelta(hours=1)  # clocks of clients that run behind; 0.1 asks for at least this
DAYS_OF_ROOT = 3652  # ten years; well before 2050, so UTCTime throughout (RFC-01)
DAYS_OF_LEAF = 397  # below the 398 days of public certificates, to be on the safe side
MOST_DAYS_OF_LEAF = 825  # Apple, also under a root that the user added (APL-01)


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of certificate. Every certificate has SKI and AKI, neither ever critical.

    The AKI is always the key id alone: a wrong issuer and serial breaks OpenSSL and Java
    (OSL-01, BR-10). Roots carry one because BR-05 recommends it, self-signed leaves because
    pyca wants one on every leaf (PCA-01; PY-01 in a chain); in both it is their own SKI.
    """

    basic_constraints: x509.BasicConstraints  # critical: BR-04, PY-03
    key_usage: x509.KeyUsage  # critical: BR-06, BR-08
    key_usage_with_rsa_key: x509.KeyUsage
    extended_key_usage: x509.ExtendedKeyUsage | None  # not critical: PCA-01
    days: int  # from notBefore to notAfter, unless asked otherwise
    most_days: int
    may_name_itself_by_ip: bool  # whether an address may be the CN
    # The extensions above, added once for all: a builder is immutable, and building is what
    # issuing spends its time on (bench/issuing.py).
    outline: x509.CertificateBuilder = field(init=False, repr=False, compare=False)
    outline_with_rsa_key: x509.CertificateBuilder = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, key_usage in (
            ("outline", self.key_usage),
            ("outline_with_rsa_key", self.key_usage_with_rsa_key),
        ):
            builder = (
                x509.CertificateBuilder()
                .add_extension(self.basic_constraints, critical=True)
                .add_extension(key_usage, critical=True)
            )
            if self.extended_key_usage is not None:
                builder = builder.add_extension(self.extended_key_usage, critical=False)
            object.__setattr__(self, name, builder)


def _key_usage(
    *,
    digital_signature: bool = False,
    key_encipherment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


_SIGNS_CERTIFICATES = _key_usage(key_cert_sign=True, crl_sign=True)  # PY-04, GO-03, BR-06
_SIGNS_HANDSHAKES = _key_usage(digital_signature=True)  # CHR-10, JAV-03: RSA, too
# For TLS 1.2 without ECDHE, which an old RSA-only client may ask for; harmless (BR-08).
_SIGNS_HANDSHAKES_WITH_RSA = _key_usage(digital_signature=True, key_encipherment=True)
_SERVER = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])  # APL-08, FFX-06, OSL-04

ROOT = Profile(
    # No pathLen: a root cannot be changed without visiting every device.
    basic_constraints=x509.BasicConstraints(ca=True, path_length=None),
    key_usage=_SIGNS_CERTIFICATES,
    key_usage_with_rsa_key=_SIGNS_CERTIFICATES,
    extended_key_usage=None,  # BR-05
    days=DAYS_OF_ROOT,
    most_days=DAYS_OF_ROOT,
    may_name_itself_by_ip=False,
)

ISSUING = Profile(
    basic_constraints=x509.BasicConstraints(ca=True, path_length=0),
    key_usage=_SIGNS_CERTIFICATES,
    key_usage_with_rsa_key=_SIGNS_CERTIFICATES,
    extended_key_usage=None,  # its limits are the constraints; one thing less to disagree on
    days=DAYS_OF_ROOT,
    most_days=DAYS_OF_ROOT,
    may_name_itself_by_ip=False,
)

# Between a root and what signs leaves: one more authority may follow, and no more than one. A
# root that another root vouches for (RFC 5280 3.2), and the first of the two that the onboarding
# page's proof goes through.
INTERMEDIATE = Profile(
    basic_constraints=x509.BasicConstraints(ca=True, path_length=1),
    key_usage=_SIGNS_CERTIFICATES,
    key_usage_with_rsa_key=_SIGNS_CERTIFICATES,
    extended_key_usage=None,
    days=DAYS_OF_ROOT,
    most_days=DAYS_OF_ROOT,
    may_name_itself_by_ip=False,
)

LEAF = Profile(
    basic_constraints=x509.BasicConstraints(ca=False, path_length=None),  # FFX-01
    key_usage=_SIGNS_HANDSHAKES,
    key_usage_with_rsa_key=_SIGNS_HANDSHAKES_WITH_RSA,
    extended_key_usage=_SERVER,
    days=DAYS_OF_LEAF,
    most_days=MOST_DAYS_OF_LEAF,
    # OpenSSL and GnuTLS hold an address in the CN against the permitted DNS names, and refuse
    # the chain, when the SAN has no DNS name (OSL-03, GTL-01, NC-10).
    may_name_itself_by_ip=False,
)

SELF_SIGNED = Profile(
    basic_constraints=x509.BasicConstraints(ca=False, path_length=None),  # FFX-01, APL-23
    key_usage=_SIGNS_HANDSHAKES,
    key_usage_with_rsa_key=_SIGNS_HANDSHAKES_WITH_RSA,
    extended_key_usage=_SERVER,
    days=DAYS_OF_LEAF,
    most_days=MOST_DAYS_OF_LEAF,  # APL-02 has no cap here, but nobody is served by a forgotten one
    may_name_itself_by_ip=True,  # no constraints here that it could break
)
