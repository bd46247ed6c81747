"""What is in a file: certificates, requests, keys, in PEM, DER, PKCS#7 or PKCS#12.

`read` takes any bytes. What cannot be read is one part among others (`Unread`, with the reason),
so that one bad block does not hide the rest; when nothing at all can be read, that is an error.
PEM is read line by line as OpenSSL reads it, and so as every server will: a boundary with
something else on its line is no boundary.
"""

from __future__ import annotations

import re
import warnings
from base64 import b64decode
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12

from housekey.errors import PemUnreadable
from housekey.pki.any_key import (
    PARSER_ERRORS,
    AnyPrivateKey,
    attempt,
    open_key,
    refuse_hard_work,
)
from housekey.pki.contents import AGAIN, Contents, OddVersion, Part, Unread
from housekey.pki.der import span, spans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from housekey.pki.contents import Item
    from housekey.pki.secret import Secret

MOST_BYTES = 2 * 1024 * 1024  # of a file; all roots that a browser brings take 0.3


def read(data: bytes, passphrase: Secret | None = None) -> Contents:
    """Read whatever is in `data`; `passphrase` opens what is locked.

    Raises PemUnreadable when there is nothing in it that can be read.
    """
    if len(data) > MOST_BYTES:
        raise PemUnreadable(
            f"it has more than {MOST_BYTES >> 20} MiB, and no file of certificates is that large",
            hint="name the certificate's own file",
        )
    if not data.strip():
        raise PemUnreadable("it is empty", hint=AGAIN)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise PemUnreadable(
            "it is text in UTF-16, as PowerShell writes it with >",
            hint="save it as plain text, in UTF-8 or ASCII",
        )
    with quiet():
        is_pem = b"-----BEGIN" in data or b"-----END" in data
        parts = tuple(_pem(data, passphrase) if is_pem else _der(data, passphrase))
    if not parts:
        raise PemUnreadable("there is no certificate, request or key in it", hint=AGAIN)
    unread = [part.item for part in parts if isinstance(part.item, Unread)]
    if len(unread) == len(parts):
        raise unread[0].error()
    return Contents(parts)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the cryptography package from warning of what others have put into a certificate."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 #]+)-----[ \t]*")
_PASSED_OVER = ("EC PARAMETERS", "DSA PARAMETERS", "DH PARAMETERS")
_CERTIFICATES = ("CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE")


# --- PEM: RFC 7468, and what OpenSSL makes of it ---


def _pem(data: bytes, passphrase: Secret | None) -> Iterator[Part]:
    label, lines = "", list[bytes]()
    for line in data.removeprefix(b"\xef\xbb\xbf").splitlines():
        begin = _BEGIN.fullmatch(line)
        if label and line.rstrip() == b"-----END %s-----" % label.encode():
            yield from _block(label, lines, passphrase)
            label, lines = "", []
        elif begin:
            if label:
                yield _bad(label, "it is cut short: its -----END line is missing")
            label, lines = begin[1].decode(), []
        elif b"-----BEGIN" in line or b"-----END" in line:
            named = re.search(rb"-----(?:BEGIN|END) ([A-Z0-9 #]+)-----", line)
            found = label or (named[1].decode() if named else "block")
            yield _bad(
                found,
                "a line that begins or ends it has something else on it,"
                " or belongs to another block; OpenSSL cannot read this either",
                hint="give each -----BEGIN … and -----END … a line of its own; where files were"
                " put together, a line break may be missing",
            )
            label, lines = "", []
        elif label:
            lines.append(line)
    if label:
        yield _bad(label, "it is cut short: its -----END line is missing")


def _block(label: str, lines: list[bytes], passphrase: Secret | None) -> Iterator[Part]:
    """What is in one PEM block."""
    if label in _PASSED_OVER:
        return
    headers = any(b":" in line for line in lines)
    try:
        if headers and label.endswith("PRIVATE KEY"):  # RFC 1421: the lock is in the PEM itself
            name = label.encode()
            pem = b"\n".join((b"-----BEGIN %s-----" % name, *lines, b"-----END %s-----\n" % name))
            yield _key(pem, passphrase, locked=b"ENCRYPTED" in pem, der=False, form="PEM")
            return
        der = b64decode(b"".join(b"".join(lines).split()), validate=True)
    except ValueError:
        yield _bad(label, "it is damaged: there are letters in it that PEM does not have")
        return
    if label in _CERTIFICATES:
        if label == "TRUSTED CERTIFICATE":  # of OpenSSL: its own remarks behind the certificate
            der = _first(der)
        yield Part(_certificate(der), "PEM")
    elif label in ("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"):
        yield Part(_parsed("certificate request", x509.load_der_x509_csr, der), "PEM")
    elif label == "PKCS7":
        yield from _pkcs7(der)
    elif label == "PUBLIC KEY":
        yield Part(_parsed("public key", serialization.load_der_public_key, der), "PEM")
    elif label == "OPENSSH PRIVATE KEY":
        yield _bad(
            label,
            "it is in the form of OpenSSH",
            hint="ssh-keygen -p -m PKCS8 -f FILE puts a copy of it into a form for certificates",
        )
    elif label.endswith("PRIVATE KEY"):
        yield _key(der, passphrase, locked=label.startswith("ENCRYPTED"), der=True, form="PEM")
    else:
        yield _bad(label, f"it is a {label}, which is neither certificate, request nor key")


def _bad(label: str, reason: str, *, hint: str = AGAIN) -> Part:
    what = "certificate" if label in _CERTIFICATES else label.lower()
    what = what.removeprefix("new ").replace("openssh ", "").replace("pkcs", "PKCS#")
    return Part(Unread(what, f"the {what} cannot be read: {reason}", hint), "PEM")


# --- DER ---


def _der(data: bytes, passphrase: Secret | None) -> Iterator[Part]:
    try:
        _, first, whole = span(data, 0)
        inside = [data[begin:end] for _, begin, end in list(spans(data, first, whole))[:2]]
    except ValueError:
        whole, inside = 0, []
    if data[:1] != b"\x30":
        yield _unknown("there is no certificate, request or key in it: it is neither PEM nor DER")
    elif data[1:2] != b"\x80" and not whole:
        yield _unknown("it is damaged or cut short: its first bytes promise more than there is")
    elif _PKCS7 in data[:32]:
        yield from _pkcs7(data)
    elif _PKCS12.match(data):
        yield from _pkcs12(data, passphrase)
    elif len(inside) == 2 and _ENCRYPTION.match(inside[0]):
        yield _key(data, passphrase, locked=True, der=True, form="DER")
    else:
        yield Part(_any_der(data), "DER")


# The content types of RFC 2315 and the encryption schemes of PKCS#5 and PKCS#12, as DER.
_PKCS7 = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
# RFC 7292 section 4: a SEQUENCE that begins with the version, which is 3, and another SEQUENCE.
_PKCS12 = re.compile(rb"\x30(?:\x80|[\x00-\x7f]|\x81.|\x82..|\x83...)\x02\x01\x03\x30", re.DOTALL)
_ENCRYPTION = re.compile(
    rb"\x06(?:\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05|\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x0c)"
)


def _any_der(data: bytes) -> Item:
    """A certificate, request or unlocked key, whichever it is."""
    certificate = _certificate(data)
    if not isinstance(certificate, Unread):
        return certificate
    parsers: tuple[tuple[str, Callable[[bytes], Item]], ...] = (
        ("request", x509.load_der_x509_csr),
        ("private key", lambda der: open_key(der, None, locked=False, der=True)),
        ("public key", serialization.load_der_public_key),
    )
    for what, parse in parsers:
        found = _parsed(what, parse, data)
        if not isinstance(found, Unread):
            return found
    return Unread(
        "file",
        "it is damaged, or neither certificate, request nor key: its bytes fit none of them",
        AGAIN,
    )


def _unknown(reason: str) -> Part:
    return Part(Unread("file", reason, AGAIN), "DER")


# --- the things themselves ---


def _certificate(der: bytes) -> Item:
    try:
        found: x509.Certificate = attempt(x509.load_der_x509_certificate, der)
        found.version  # noqa: B018 - some releases of cryptography look at it only when asked
        return found
    except x509.InvalidVersion as error:
        stand_in = _with_version_3(der)
        if stand_in is not None:
            return OddVersion(error.parsed_version + 1, der, stand_in)
    except PARSER_ERRORS:
        pass
    return Unread("certificate", "the certificate is damaged or cut short", AGAIN)


def _with_version_3(der: bytes) -> x509.Certificate | None:
    """The certificate as if its version were 3; RFC 5280 4.1 has it at the very beginning."""
    try:
        begin = end = 0
        for _ in range(4):  # the certificate, what is signed of it, [0], and the number
            _, begin, end = span(der, begin)
        patched = der[:begin] + b"\x02".rjust(end - begin, b"\0") + der[end:]
        found: x509.Certificate = attempt(x509.load_der_x509_certificate, patched)
    except (*PARSER_ERRORS, x509.InvalidVersion):
        return None
    return found


def _key(data: bytes, passphrase: Secret | None, *, locked: bool, der: bool, form: str) -> Part:
    try:
        return Part(open_key(data, passphrase, locked=locked, der=der), form)
    except PemUnreadable as error:
        needs = locked and passphrase is None
        return Part(Unread("private key", error.message, error.hint, locked=needs), form)


def _parsed(what: str, parse: Callable[[bytes], Item], der: bytes) -> Item:
    try:
        found: Item = attempt(parse, der)
    except (*PARSER_ERRORS, x509.InvalidVersion, PemUnreadable):
        return Unread(what, f"the {what} is damaged or of an unknown kind", AGAIN)
    return found


def _pkcs7(der: bytes) -> Iterator[Part]:
    try:
        found = attempt(pkcs7.load_der_pkcs7_certificates, der)
    except (*PARSER_ERRORS, x509.InvalidVersion):
        found = []
    if not found:
        reason = "the PKCS#7 file is damaged, or there is no certificate in it"
        yield Part(Unread("PKCS#7 file", reason, AGAIN), "PKCS#7")
    for certificate in found:
        yield Part(certificate, "PKCS#7")


def _pkcs12(data: bytes, passphrase: Secret | None) -> Iterator[Part]:
    """The certificates of a PKCS#12 file, the key's own first, and the key."""
    try:
        refuse_hard_work(data)
    except PemUnreadable as error:
        yield Part(Unread("PKCS#12 file", error.message, error.hint), "PKCS#12")
        return
    found = None
    for password in (passphrase.reveal(),) if passphrase is not None else (None, b""):
        try:
            found = attempt(pkcs12.load_pkcs12, data, password)
            break
        except (*PARSER_ERRORS, x509.InvalidVersion):
            continue
    if found is None:
        yield Part(
            Unread(
                "PKCS#12 file",
                "the PKCS#12 file is locked with a passphrase"
                if passphrase is None
                else "the PKCS#12 file does not open: the passphrase is wrong, or it is damaged",
                "give the passphrase with it" if passphrase is None else AGAIN,
                locked=passphrase is None,
            ),
            "PKCS#12",
        )
        return
    for each in (found.cert, *found.additional_certs):
        if each is not None:
            yield Part(each.certificate, "PKCS#12")
    if found.key is not None:
        yield Part(AnyPrivateKey(found.key), "PKCS#12")


def _first(der: bytes) -> bytes:
    """The first DER element of several."""
    try:
        return der[: span(der, 0)[2]]
    except ValueError:
        return der
