"""What iPhones, iPads and Macs say: Safari, the Home Assistant app, and Apple's numbers.

Sentences of Safari are translated; the numbers are not. `NSURLErrorDomain Code=-1202` is how an
app logs one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.platforms.messages import matters
from housekey.platforms.messages.model import Message
from housekey.platforms.model import Platform

if TYPE_CHECKING:
    from housekey.platforms.messages.model import Matter

_URL = "Apple, Foundation NSURLError.h"
_SSL = "Apple, SecureTransport.h"
_SEC = "Apple, Security SecBase.h"
_TRUST = "Apple, Security SecFrameworkStrings.h"
# How apps and Apple's own log write a number of theirs.
_BEFORE = ("Code=", "error ", "error: ", "OSStatus ", "StreamErrorCodeKey=", "compliant: ")
_FULL_TRUST = (
    "on iPhone and iPad the last step is easily missed: Settings > General > About > Certificate"
    " Trust Settings"
)
_AGAIN = (
    "if the Home Assistant app once accepted another certificate: remove the server in the app,"
    " and add it again (HA-02)"
)


def _number(
    number: int,
    id_: str,
    matter: Matter,
    source: str,
    *more: str,
    rules: tuple[str, ...] = (),
    steps: tuple[str, ...] = (),
    vague: bool = False,
) -> Message:
    domains = ("NSURLErrorDomain", "kCFErrorDomainCFNetwork")
    if source == _URL:  # a small number is Apple's only behind Apple's name for its family
        texts = tuple(f"{domain}…{number}" for domain in domains)
    else:
        texts = tuple(f"{before}{number}" for before in _BEFORE)
    return Message(
        f"apple-{id_}",
        "Apple",
        matter,
        source,
        (*more, *texts),
        platform=Platform.APPLE,
        rules=rules,
        steps=steps,
        vague=vague,
        alone=(str(number),),
    )


MESSAGES = (
    _number(
        -1202,
        "untrusted",
        matters.UNTRUSTED,
        _URL,
        'The certificate for this server is invalid…pretending to be "{host}"',
        "The certificate for this server is invalid.",
        "NSURLErrorServerCertificateUntrusted",
        rules=("APL-25", "HA-02"),
        steps=(_FULL_TRUST, _AGAIN),
    ),
    _number(
        -1203,
        "unknown-root",
        matters.UNTRUSTED,
        _URL,
        "NSURLErrorServerCertificateHasUnknownRoot",
        rules=("APL-25",),
        steps=(_FULL_TRUST,),
    ),
    _number(
        -1201,
        "bad-date",
        matters.DATES,
        _URL,
        "NSURLErrorServerCertificateHasBadDate",
        "The certificate for this server has expired.",
        rules=("APL-20",),
    ),
    _number(
        -1204,
        "not-yet",
        matters.NOT_YET,
        _URL,
        "NSURLErrorServerCertificateNotYetValid",
        "The certificate for this server is not yet valid.",
        rules=("APL-20",),
    ),
    _number(-1205, "client-rejected", matters.CLIENT_CERTIFICATE, _URL),
    _number(-1206, "client-required", matters.CLIENT_CERTIFICATE, _URL),
    _number(
        -1200,
        "secure-connection",
        matters.HANDSHAKE,
        _URL,
        "An SSL error has occurred and a secure connection to the server cannot be made.",
        "NSURLErrorSecureConnectionFailed",
        "A TLS error caused the secure connection to fail.",
        rules=("APL-26",),
        vague=True,
    ),
    _number(
        -1022,
        "ats",
        matters.CLEARTEXT,
        _URL,
        "The resource could not be loaded because the App Transport Security policy requires",
        rules=("APL-26", "APL-27"),
    ),
    _number(-1001, "time-out", matters.LOCAL_NETWORK, _URL, rules=("APL-29",)),
    _number(-1004, "cannot-connect", matters.LOCAL_NETWORK, _URL, rules=("APL-29",)),
    _number(
        -1009,
        "offline",
        matters.LOCAL_NETWORK,
        _URL,
        "Local network prohibited",
        rules=("APL-29",),
    ),
    _number(-1003, "cannot-find", matters.NO_SUCH_NAME, _URL),
    _number(-1005, "lost", matters.NO_ANSWER, _URL),
    _number(-9807, "chain-invalid", matters.UNTRUSTED, _SSL, "errSSLXCertChainInvalid"),
    _number(-9808, "bad-cert", matters.MALFORMED, _SSL, "errSSLBadCert"),
    _number(
        -9812,
        "unknown-root-cert",
        matters.UNTRUSTED,
        _SSL,
        "errSSLUnknownRootCert",
        steps=(_FULL_TRUST,),
    ),
    _number(-9813, "no-root-cert", matters.CHAIN, _SSL, "errSSLNoRootCert"),
    _number(-9814, "cert-expired", matters.ENDED, _SSL, "errSSLCertExpired"),
    _number(-9815, "cert-not-yet", matters.NOT_YET, _SSL, "errSSLCertNotYetValid"),
    _number(-9843, "host-name", matters.NAME, _SSL, "errSSLHostNameMismatch"),
    _number(-9802, "fatal-alert", matters.HANDSHAKE, _SSL, "errSSLFatalAlert", vague=True),
    _number(
        -9824, "peer-handshake", matters.HANDSHAKE, _SSL, "errSSLPeerHandshakeFail", vague=True
    ),
    _number(-9836, "peer-version", matters.VERSION, _SSL, "errSSLPeerProtocolVersion"),
    _number(-9816, "closed", matters.NO_ANSWER, _SSL, "errSSLClosedNoNotify"),
    _number(-9806, "aborted", matters.NO_ANSWER, _SSL, "errSSLClosedAbort"),
    _number(-9829, "peer-cert-unknown", matters.CLIENT_REFUSES, _SSL, "errSSLPeerCertUnknown"),
    _number(-9831, "peer-unknown-ca", matters.CLIENT_REFUSES, _SSL, "errSSLPeerUnknownCA"),
    _number(-9881, "ats-version", matters.VERSION, _SSL, rules=("APL-26",)),
    _number(-9882, "ats-cipher", matters.VERSION, _SSL, rules=("APL-26",)),
    _number(-9883, "ats-key", matters.WEAK_KEY, _SSL, rules=("APL-26",)),
    _number(-9885, "ats-hash", matters.WEAK_HASH, _SSL, rules=("APL-26",)),
    _number(-9886, "ats-trust", matters.UNTRUSTED, _SSL, steps=(_FULL_TRUST,)),
    _number(
        -67901,
        "too-long",
        matters.TOO_LONG,
        _SEC,
        "errSecCertificateValidityPeriodTooLong",
        "exceeds maximum temporal validity period",
        "OtherTrustValidityPeriod",
        rules=("APL-01",),
    ),
    _number(
        -67843,
        "not-trusted",
        matters.UNTRUSTED,
        _SEC,
        "errSecNotTrusted",
        'certificate is not trusted"',
        "' certificate is not trusted",
        '" certificate is not trusted',
        "is not trusted for the policy",
        rules=("APL-25",),
        steps=(_FULL_TRUST,),
    ),
    _number(
        -67602,
        "host-name-mismatch",
        matters.NAME,
        _SEC,
        "errSecHostNameMismatch",
        "certificate name does not match input",
        rules=("APL-04", "APL-05", "APL-07"),
    ),
    _number(
        -67818,
        "expired",
        matters.ENDED,
        _SEC,
        "errSecCertificateExpired",
        '" certificate is expired',
        rules=("APL-20",),
    ),
    _number(-67819, "not-valid-yet", matters.NOT_YET, _SEC, "errSecCertificateNotValidYet"),
    _number(-67820, "revoked", matters.REVOKED, _SEC, "errSecCertificateRevoked"),
    _number(
        -67609,
        "wrong-use",
        matters.WRONG_USE,
        _SEC,
        "errSecInvalidExtendedKeyUsage",
        "certificate is not permitted for this usage",
        rules=("APL-09", "APL-10"),
    ),
    _number(-25318, "create-chain", matters.CHAIN, _SEC, "errSecCreateChainFailed"),
    Message(
        "apple-not-standard",
        "Apple",
        matters.APPLE_STANDARD,
        _TRUST,
        ("certificate is not standards compliant",),
        platform=Platform.APPLE,
        vague=True,
        rules=("APL-01", "APL-11", "APL-12", "APL-13", "APL-14"),
    ),
    Message(
        "safari-cannot-connect",
        "Safari",
        matters.HANDSHAKE,
        "Apple, Safari",
        ("can't establish a secure connection to the server",),
        platform=Platform.APPLE,
        vague=True,
    ),
    Message(
        "safari-not-private",
        "Safari",
        matters.UNVERIFIED,
        "Apple, Safari",
        ("This Connection Is Not Private", "This website may be impersonating"),
        platform=Platform.APPLE,
        steps=(_FULL_TRUST,),
        vague=True,
    ),
)
