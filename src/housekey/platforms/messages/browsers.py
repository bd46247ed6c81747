"""What browsers say: Chrome, Edge and Chromium, and Firefox.

Browsers translate their sentences, but not their codes. Chrome's page has them as
`NET::ERR_…` or `ERR_…`, its console as `net::ERR_…`, and its log as a number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.platforms.messages import matters
from housekey.platforms.messages.model import Message
from housekey.platforms.model import Platform

if TYPE_CHECKING:
    from housekey.platforms.messages.model import Matter

_CHROMIUM = "Chromium, net/base/net_error_list.h"
_NSS = "NSS SECerrs.h and SSLerrs.h, Gecko nsserrors.properties"


def _chrome(
    code: str,
    number: int,
    matter: Matter,
    *more: str,
    rules: tuple[str, ...] = (),
    steps: tuple[str, ...] = (),
    vague: bool = False,
) -> Message:
    return Message(
        "chrome-" + code.removeprefix("ERR_").lower().replace("_", "-"),
        "Chrome, Edge",
        matter,
        _CHROMIUM,
        (code, *more, f"net_error {number}", f"net_error: {number}"),
        platform=Platform.CHROME,
        rules=rules,
        steps=steps,
        vague=vague,
        alone=(str(number),) if number <= -200 else (),
    )


CHROME = (
    _chrome("ERR_CERT_AUTHORITY_INVALID", -202, matters.UNTRUSTED, rules=("CHR-01", "CHR-24")),
    _chrome("ERR_CERT_COMMON_NAME_INVALID", -200, matters.NAME, rules=("CHR-02", "CHR-03")),
    _chrome("ERR_CERT_DATE_INVALID", -201, matters.DATES, rules=("CHR-05",)),
    _chrome("ERR_CERT_CONTAINS_ERRORS", -203, matters.INVALID),
    _chrome("ERR_CERT_NO_REVOCATION_MECHANISM", -204, matters.REVOCATION, rules=("CHR-26",)),
    _chrome("ERR_CERT_UNABLE_TO_CHECK_REVOCATION", -205, matters.REVOCATION, rules=("CHR-26",)),
    _chrome("ERR_CERT_REVOKED", -206, matters.REVOKED),
    _chrome(
        "ERR_CERT_INVALID",
        -207,
        matters.INVALID,
        rules=("CHR-07", "CHR-08", "CHR-09", "CHR-13", "CHR-14", "CHR-18", "CHR-21", "CHR-22"),
    ),
    _chrome("ERR_CERT_WEAK_SIGNATURE_ALGORITHM", -208, matters.WEAK_HASH, rules=("CHR-18",)),
    _chrome("ERR_CERT_NON_UNIQUE_NAME", -210, matters.NAME),
    _chrome("ERR_CERT_WEAK_KEY", -211, matters.WEAK_KEY, rules=("CHR-19",)),
    _chrome("ERR_CERT_NAME_CONSTRAINT_VIOLATION", -212, matters.CONSTRAINED, rules=("CHR-07",)),
    _chrome("ERR_CERT_VALIDITY_TOO_LONG", -213, matters.PUBLIC_LIFETIME, rules=("CHR-06",)),
    _chrome("ERR_CERTIFICATE_TRANSPARENCY_REQUIRED", -214, matters.PUBLIC_ONLY),
    _chrome("ERR_CERT_KNOWN_INTERCEPTION_BLOCKED", -217, matters.INTERCEPTED),
    _chrome("ERR_CERT_SELF_SIGNED_LOCAL_NETWORK", -219, matters.SELF_SIGNED, rules=("CHR-25",)),
    _chrome("ERR_SSL_KEY_USAGE_INCOMPATIBLE", -181, matters.KEY_USAGE, rules=("CHR-10", "BR-08")),
    _chrome(
        "ERR_SSL_VERSION_OR_CIPHER_MISMATCH",
        -113,
        matters.VERSION,
        "uses an unsupported protocol.",
        rules=("CHR-20",),
    ),
    _chrome(
        "ERR_SSL_PROTOCOL_ERROR",
        -107,
        matters.TLS_TO_PLAIN,
        "sent an invalid response.",
    ),
    _chrome("ERR_SSL_SERVER_CERT_BAD_FORMAT", -167, matters.MALFORMED),
    _chrome("ERR_SSL_PINNED_KEY_NOT_IN_CERT_CHAIN", -150, matters.PINNED),
    _chrome("ERR_SSL_UNRECOGNIZED_NAME_ALERT", -159, matters.NAME),
    _chrome("ERR_BAD_SSL_CLIENT_AUTH_CERT", -117, matters.CLIENT_CERTIFICATE),
    _chrome("ERR_SSL_CLIENT_AUTH_CERT_NEEDED", -110, matters.CLIENT_CERTIFICATE),
    _chrome("ERR_SSL_CLIENT_AUTH_NO_COMMON_ALGORITHMS", -177, matters.CLIENT_CERTIFICATE),
    _chrome("ERR_SSL_OBSOLETE_CIPHER", -172, matters.VERSION),
    _chrome("ERR_SSL_BAD_RECORD_MAC_ALERT", -126, matters.HANDSHAKE),
    _chrome("ERR_EMPTY_RESPONSE", -324, matters.NO_ANSWER),
    _chrome("ERR_INVALID_HTTP_RESPONSE", -370, matters.PLAIN_TO_TLS),
    _chrome("ERR_CONNECTION_REFUSED", -102, matters.REFUSED),
    _chrome("ERR_CONNECTION_RESET", -101, matters.NO_ANSWER),
    _chrome("ERR_CONNECTION_CLOSED", -100, matters.NO_ANSWER),
    _chrome("ERR_CONNECTION_TIMED_OUT", -118, matters.TIMEOUT),
    _chrome("ERR_ADDRESS_UNREACHABLE", -109, matters.TIMEOUT),
    _chrome("ERR_NAME_NOT_RESOLVED", -105, matters.NO_SUCH_NAME, "DNS_PROBE_FINISHED_NXDOMAIN"),
    _chrome("ERR_CLEARTEXT_NOT_PERMITTED", -29, matters.CLEARTEXT),
    Message(
        "chrome-hsts",
        "Chrome, Edge",
        matters.HSTS,
        "Chromium, components/security_interstitials",
        ("because the website uses HSTS",),
        platform=Platform.CHROME,
    ),
    Message(
        "chrome-not-private",
        "Chrome, Edge",
        matters.UNVERIFIED,
        "Chromium, components/security_interstitials",
        ("Your connection is not private", "Your connection isn't private"),
        platform=Platform.CHROME,
        vague=True,
    ),
    Message(
        "mixed-content",
        "a browser's console",
        matters.MIXED,
        "Chromium and Gecko, mixed content",
        (
            "was loaded over HTTPS, but requested an insecure",
            "Blocked loading mixed active content",
            "Blocked loading mixed display content",
        ),
    ),
    Message(
        "chrome-handshake",
        "Chrome, Edge",
        matters.HANDSHAKE,
        "Chromium, net/socket/ssl_client_socket_impl.cc",
        ("handshake failed; returned -1, SSL error code 1",),
        platform=Platform.CHROME,
        vague=True,
    ),
)

_FIREFOX_STORE = "Firefox keeps a list of its own: docs/phones.md, under Firefox"


def _firefox(
    code: str,
    matter: Matter,
    *more: str,
    rules: tuple[str, ...] = (),
    steps: tuple[str, ...] = (),
    vague: bool = False,
) -> Message:
    return Message(
        "firefox-"
        + code.lower()
        .replace("_", "-")
        .replace("mozilla-pkix-error-", "")
        .removeprefix("sec-error-"),
        "Firefox",
        matter,
        _NSS,
        (code, *more),
        platform=Platform.FIREFOX,
        rules=rules,
        steps=steps,
        vague=vague,
    )


FIREFOX = (
    _firefox(
        "SEC_ERROR_UNKNOWN_ISSUER",
        matters.UNTRUSTED,
        rules=("FFX-04", "FFX-21", "FFX-22"),
        steps=(_FIREFOX_STORE,),
    ),
    _firefox("SEC_ERROR_UNTRUSTED_ISSUER", matters.UNTRUSTED, steps=(_FIREFOX_STORE,)),
    _firefox("SEC_ERROR_UNTRUSTED_CERT", matters.UNTRUSTED, steps=(_FIREFOX_STORE,)),
    _firefox("SEC_ERROR_CA_CERT_INVALID", matters.NOT_A_CA, rules=("FFX-10",)),
    _firefox(
        "MOZILLA_PKIX_ERROR_SELF_SIGNED_CERT", matters.SELF_SIGNED, rules=("FFX-02", "FFX-03")
    ),
    _firefox(
        "MOZILLA_PKIX_ERROR_CA_CERT_USED_AS_END_ENTITY", matters.CA_AS_LEAF, rules=("FFX-01",)
    ),
    _firefox("MOZILLA_PKIX_ERROR_V1_CERT_USED_AS_CA", matters.NOT_A_CA, rules=("FFX-10",)),
    _firefox("SSL_ERROR_BAD_CERT_DOMAIN", matters.NAME, rules=("FFX-05",)),
    _firefox("SEC_ERROR_EXPIRED_CERTIFICATE", matters.ENDED, rules=("FFX-14",)),
    _firefox("SEC_ERROR_EXPIRED_ISSUER_CERTIFICATE", matters.SIGNER_ENDED, rules=("FFX-14",)),
    _firefox("MOZILLA_PKIX_ERROR_NOT_YET_VALID_CERTIFICATE", matters.NOT_YET, rules=("FFX-14",)),
    _firefox(
        "MOZILLA_PKIX_ERROR_NOT_YET_VALID_ISSUER_CERTIFICATE",
        matters.SIGNER_ENDED,
        rules=("FFX-14",),
    ),
    _firefox("SEC_ERROR_INADEQUATE_CERT_TYPE", matters.WRONG_USE, rules=("FFX-06",)),
    _firefox("SEC_ERROR_INADEQUATE_KEY_USAGE", matters.KEY_USAGE, rules=("FFX-07",)),
    _firefox("SEC_ERROR_CERT_NOT_IN_NAME_SPACE", matters.CONSTRAINED, rules=("FFX-08",)),
    _firefox("SEC_ERROR_BAD_DER", matters.MALFORMED, rules=("FFX-09",)),
    _firefox("SEC_ERROR_EXTENSION_VALUE_INVALID", matters.MALFORMED),
    _firefox("MOZILLA_PKIX_ERROR_EMPTY_ISSUER_NAME", matters.MALFORMED, rules=("FFX-11",)),
    _firefox("MOZILLA_PKIX_ERROR_INVALID_INTEGER_ENCODING", matters.MALFORMED),
    _firefox("SEC_ERROR_PATH_LEN_CONSTRAINT_INVALID", matters.PATH_LENGTH, rules=("FFX-12",)),
    _firefox("SEC_ERROR_UNKNOWN_CRITICAL_EXTENSION", matters.CRITICAL, rules=("FFX-13",)),
    _firefox("SEC_ERROR_REUSED_ISSUER_AND_SERIAL", matters.REUSED, rules=("FFX-15", "BR-01")),
    _firefox("MOZILLA_PKIX_ERROR_REQUIRED_TLS_FEATURE_MISSING", matters.STAPLE, rules=("FFX-16",)),
    _firefox("SEC_ERROR_CERT_SIGNATURE_ALGORITHM_DISABLED", matters.WEAK_HASH, rules=("FFX-17",)),
    _firefox("MOZILLA_PKIX_ERROR_INADEQUATE_KEY_SIZE", matters.WEAK_KEY, rules=("FFX-18",)),
    _firefox("SSL_ERROR_WEAK_SERVER_CERT_KEY", matters.WEAK_KEY),
    _firefox("SEC_ERROR_UNSUPPORTED_KEYALG", matters.KEY_KIND, rules=("FFX-19",)),
    _firefox("SEC_ERROR_UNSUPPORTED_ELLIPTIC_CURVE", matters.KEY_KIND, rules=("FFX-19",)),
    _firefox("SSL_ERROR_NO_CYPHER_OVERLAP", matters.VERSION, rules=("FFX-19",)),
    _firefox("SSL_ERROR_UNSUPPORTED_VERSION", matters.VERSION),
    _firefox("SSL_ERROR_PROTOCOL_VERSION_ALERT", matters.VERSION),
    _firefox("SEC_ERROR_BAD_SIGNATURE", matters.BAD_SIGNATURE),
    _firefox("SEC_ERROR_REVOKED_CERTIFICATE", matters.REVOKED),
    _firefox("MOZILLA_PKIX_ERROR_MITM_DETECTED", matters.INTERCEPTED),
    _firefox("MOZILLA_PKIX_ERROR_KEY_PINNING_FAILURE", matters.PINNED),
    _firefox("MOZILLA_PKIX_ERROR_INSUFFICIENT_CERTIFICATE_TRANSPARENCY", matters.PUBLIC_ONLY),
    _firefox("SSL_ERROR_RX_RECORD_TOO_LONG", matters.TLS_TO_PLAIN),
    _firefox("SSL_ERROR_RX_UNEXPECTED_RECORD_TYPE", matters.HANDSHAKE),
    _firefox("SSL_ERROR_BAD_CERT_ALERT", matters.CLIENT_CERTIFICATE),
    _firefox("SSL_ERROR_RX_CERTIFICATE_REQUIRED_ALERT", matters.CLIENT_CERTIFICATE),
    _firefox("SSL_ERROR_HANDSHAKE_FAILURE_ALERT", matters.HANDSHAKE),
    _firefox("SSL_ERROR_UNRECOGNIZED_NAME_ALERT", matters.NAME),
    _firefox("SSL_ERROR_UNKNOWN_CA_ALERT", matters.CLIENT_CERTIFICATE),
    _firefox("PR_END_OF_FILE_ERROR", matters.NO_ANSWER),
    _firefox("PR_CONNECT_RESET_ERROR", matters.NO_ANSWER),
    _firefox("NS_ERROR_CONNECTION_REFUSED", matters.REFUSED),
    _firefox("NS_ERROR_UNKNOWN_HOST", matters.NO_SUCH_NAME),
    _firefox("NS_ERROR_NET_TIMEOUT", matters.TIMEOUT),
    _firefox("NS_ERROR_NET_EMPTY_RESPONSE", matters.NO_ANSWER),
    Message(
        "firefox-risk-ahead",
        "Firefox",
        matters.UNVERIFIED,
        "Gecko, aboutCertError.ftl",
        ("Warning: Potential Security Risk Ahead",),
        platform=Platform.FIREFOX,
        vague=True,
    ),
    Message(
        "firefox-hsts",
        "Firefox",
        matters.HSTS,
        "Gecko, aboutCertError.ftl",
        (
            "has a security policy called HTTP Strict Transport Security (HSTS)",
            "uses HTTP Strict Transport Security (HSTS) to specify",
        ),
        platform=Platform.FIREFOX,
    ),
)

MESSAGES = (*CHROME, *FIREFOX)
