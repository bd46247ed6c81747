"""Private keys of any kind, as people bring them: P-521, Ed25519 and RSA 1024 as well.

`keys.py` makes and signs with the few kinds that every platform takes. The chores of everyday
(show it, lock it, put it into another form) must work for every other kind, too. This module is
the only door to the parsers of private keys, because two things have to be kept from them:

* a traditional PEM key whose DEK-Info has an IV of the wrong length, on which cryptography 50
  panics, which is no `Exception` (measured);
* a passphrase that somebody has asked to be stretched a thousand million times, or with all of
  the memory: a file of a few bytes that would take hours.
"""

from __future__ import annotations

import re
from base64 import b64decode
from typing import TYPE_CHECKING, Any, NoReturn

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from housekey.errors import PemUnreadable
from housekey.pki.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

# What the parsers of the cryptography package raise at bytes that they do not like.
PARSER_ERRORS = (ValueError, TypeError, OverflowError, UnsupportedAlgorithm)

_MOST_BYTES = 64 * 1024  # of one key; RSA with 16384 bits takes 13 KiB
# RSA with 4096 bits takes 3272 bytes. The parser tests the primes of larger keys for seconds
# (measured: 8192 bits, eight seconds); for those we only look whether their numbers fit together.
_LARGE = 3600
_MOST_ROUNDS = 5_000_000  # of all stretching in one file: two seconds on a slow machine
_MOST_SCRYPT_BYTES = 64 * 1024 * 1024  # `openssl pkcs8 -scrypt` takes 16 MiB

_IV_BYTES = {b"AES": 16, b"DES": 8, b"CAMELLIA": 16, b"SEED": 16, b"RC2": 8, b"BF": 8}
_DEK_INFO = re.compile(
    rb"^DEK-Info:[ \t]*([A-Z0-9]+)[A-Z0-9-]*,[ \t]*([0-9A-Fa-f]*)\s*$", re.MULTILINE
)
# PBKDF2 and the older schemes, PKCS#5 (RFC 8018 appendix A) and PKCS#12 (RFC 7292 appendix C):
# each is followed by a SEQUENCE of the salt and the number of rounds.
_STRETCHING = re.compile(
    rb"\x06(?:\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05.|\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01.)",
    re.DOTALL,
)
_SCRYPT = b"\x06\x09\x2b\x06\x01\x04\x01\xda\x47\x04\x0b"  # RFC 7914 section 7


class AnyPrivateKey:
    """A private key of any kind, that does not show itself: no repr, no pickle, no comparison."""

    __slots__ = ("_key",)

    def __init__(self, key: PrivateKeyTypes) -> None:
        self._key = key

    @property
    def public_key(self) -> PublicKeyTypes:
        """The half of the key that may be seen."""
        return self._key.public_key()

    @property
    def raw(self) -> PrivateKeyTypes:
        """The cryptography package's key, for this room only."""
        return self._key

    @property
    def label(self) -> str:
        """For people: "ECDSA P-256", "RSA 1024", "Ed25519"."""
        return label_of(self.public_key)

    def to_pem(self) -> Secret:
        """The key as unencrypted PKCS#8."""
        return Secret(self._pkcs8(serialization.Encoding.PEM, serialization.NoEncryption()))

    def to_der(self) -> Secret:
        """The key as unencrypted PKCS#8, without the PEM around it."""
        return Secret(self._pkcs8(serialization.Encoding.DER, serialization.NoEncryption()))

    def to_locked(self, passphrase: Secret, *, der: bool = False) -> bytes:
        """The key as encrypted PKCS#8 (PBES2 with AES-256).

        The cryptography package stretches the passphrase 2048 times, as `openssl pkey` does: that
        is for long passphrases. An empty passphrase is a ValueError.
        """
        encryption = serialization.BestAvailableEncryption(passphrase.reveal())
        form = serialization.Encoding.DER if der else serialization.Encoding.PEM
        return self._pkcs8(form, encryption)

    def _pkcs8(
        self,
        encoding: serialization.Encoding,
        encryption: serialization.KeySerializationEncryption,
    ) -> bytes:
        return self._key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, encryption)

    def __repr__(self) -> str:
        return f"<private key, {self.label}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key is not pickled")


def open_key(
    data: bytes, passphrase: Secret | None, *, locked: bool, der: bool = False
) -> AnyPrivateKey:
    """Read one private key: the PEM block alone, or with `der` the bytes in it.

    `locked` says whether it is encrypted; a passphrase for a key that needs none is not used.
    Raises PemUnreadable.
    """
    if locked and passphrase is None:
        raise PemUnreadable(
            "the private key is locked with a passphrase",
            hint="give the passphrase with it, or an unlocked copy of the key",
        )
    if len(data) > _MOST_BYTES:
        raise PemUnreadable("the private key is larger than any", hint=_AGAIN)
    if locked:
        _refuse_bad_iv(data)
        refuse_hard_work(data if der else _bytes_in(data))
    password = passphrase.reveal() if locked and passphrase is not None else None
    load = serialization.load_der_private_key if der else serialization.load_pem_private_key
    large = len(data) > _LARGE
    try:
        key = attempt(load, data, password, unsafe_skip_rsa_key_validation=large)
        if large:
            _check_numbers(key)
    except PARSER_ERRORS as error:
        # The cause is left out: a parser's words may quote what it read.
        raise PemUnreadable(
            "the private key does not open: the passphrase is wrong, or the file is damaged"
            if locked
            else f"the private key is damaged or of an unknown kind ({type(error).__name__})",
            hint=_AGAIN,
        ) from None
    return AnyPrivateKey(key)


def attempt(parse: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call a parser of the cryptography package; a panic in its Rust is a ValueError, too."""
    try:
        return parse(*arguments, **options)
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # of pyo3_runtime, which cannot be imported
            raise ValueError("the parser gave up") from None
        raise


def label_of(key: PublicKeyTypes) -> str:
    """The kind of a public key, for people: "ECDSA P-256", "RSA 1024", "Ed25519"."""
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, dsa.DSAPublicKey):
        return f"DSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        nist = re.fullmatch(r"secp(256|384|521)r1", key.curve.name)
        return f"ECDSA P-{nist[1]}" if nist else f"ECDSA on the curve {key.curve.name}"
    return type(key).__name__.removesuffix("PublicKey").lstrip("_")


def refuse_hard_work(der: bytes) -> None:
    """Raise PemUnreadable if opening `der` (PKCS#8 or PKCS#12) would take minutes or gigabytes."""
    if sum(_rounds(der)) > _MOST_ROUNDS:
        raise PemUnreadable(
            "opening it would take this machine minutes or all of its memory:"
            " its passphrase is to be stretched without measure",
            hint="such a file is damaged, or made to do harm; ask whoever made it",
        )


_AGAIN = "take the file again from where it came from"


def _refuse_bad_iv(pem: bytes) -> None:
    found = _DEK_INFO.search(pem)
    if found is None:
        return
    wanted = _IV_BYTES.get(found[1])
    if wanted is None or len(found[2]) != 2 * wanted:
        raise PemUnreadable(
            "the private key is damaged: its DEK-Info line is not one of any cipher", hint=_AGAIN
        )


def _bytes_in(pem: bytes) -> bytes:
    """What is in a PEM block of PKCS#8; nothing for one with the headers of RFC 1421."""
    body = b"".join(line for line in pem.splitlines() if b"-----" not in line)
    try:
        return b"" if b":" in body else b64decode(body)
    except ValueError:
        return b""


def _rounds(der: bytes) -> Iterator[int]:
    """How often opening `der` stretches a passphrase, each time that it does."""
    from housekey.pki.der import INTEGER, SEQUENCE, span, spans  # noqa: PLC0415 - locked ones only

    for found in _STRETCHING.finditer(der):
        yield from _salted(der, found.end())[:1]
    at = der.find(_SCRYPT)
    while at >= 0:
        cost, block, parallel = (*_salted(der, at + len(_SCRYPT)), 0, 0, 0)[:3]
        too_much = 128 * cost * block > _MOST_SCRYPT_BYTES
        yield _MOST_ROUNDS + 1 if too_much else cost * block * parallel
        at = der.find(_SCRYPT, at + 1)
    # The MAC of PKCS#12, RFC 7292 section 4: SEQUENCE { 3, contents, SEQUENCE { digest, salt, n } }
    try:
        top = list(spans(der, *span(der, 0)[1:]))
        parts = list(spans(der, *top[2][1:])) if len(top) == 3 and top[2][0] == SEQUENCE else []
    except ValueError:  # not what its label says; the parser will tell
        return
    yield from (_integer(der, part) for part in parts[2:3] if part[0] == INTEGER)


def _salted(der: bytes, at: int) -> list[int]:
    """The numbers behind the salt in the SEQUENCE at `at`; none if it is not such a SEQUENCE."""
    from housekey.pki.der import INTEGER, OCTET_STRING, SEQUENCE, span, spans  # noqa: PLC0415

    try:
        tag, begin, end = span(der, at)
        parts = list(spans(der, begin, end)) if tag == SEQUENCE else []
    except ValueError:
        return []
    if not parts or parts[0][0] != OCTET_STRING:
        return []
    return [_integer(der, part) for part in parts[1:] if part[0] == INTEGER]


def _integer(der: bytes, part: tuple[int, int, int]) -> int:
    return int.from_bytes(der[part[1] : part[2]])


def _check_numbers(key: PrivateKeyTypes) -> None:
    """Look whether the numbers of a large RSA key fit together. Raises ValueError."""
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.private_numbers()
        public = numbers.public_numbers
        if numbers.p * numbers.q != public.n or any(
            numbers.d * public.e % (prime - 1) != 1 for prime in (numbers.p, numbers.q)
        ):
            raise ValueError("the numbers of the key do not fit together")
