"""A secret in every form in which it could be written, and the search for it.

Needles are made of the secret part alone: what is public of a key, or the same in every PEM file,
would be found everywhere. All needles are long enough never to be met by chance.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

if TYPE_CHECKING:
    from collections.abc import Iterator

    from housekey.house.recovery import RecoveryCode

_SHORTEST = 12  # letters that are no accident
_BLANKS = re.compile(rb"\\n|\\r|[\s\"'>|]")  # what PEM is folded by, also inside JSON


@dataclass(frozen=True, slots=True)
class Needle:
    """One form of a secret."""

    of: str  # what it is, for the failure
    plain: bytes
    folded: bool = False  # search with blanks and line ends taken out
    any_case: bool = False
    word: bool = False  # only as a word of its own: it is short


@dataclass(slots=True)
class Needles:
    """All that must not be found."""

    every: list[Needle] = field(default_factory=list)

    def key(self, what: str, pem: bytes, passphrase: bytes | None = None) -> None:
        """A private key: its own numbers, in every way that programs write them."""
        loaded = serialization.load_pem_private_key(pem, passphrase)
        if isinstance(loaded, ec.EllipticCurvePrivateKey):
            number = loaded.private_numbers().private_value
            secrets = [("its number", number)]
            raw = number.to_bytes((loaded.key_size + 7) // 8, "big")
            # In PKCS#8 of this curve it begins at a group of three bytes; a line ends within it.
            for part in (raw[:12], raw[12:30]):
                self._add(f"{what} (a line)", base64.b64encode(part), folded=True)
        else:
            assert isinstance(loaded, rsa.RSAPrivateKey)
            for line in pem.splitlines()[9:-1]:  # before are the modulus and the exponent
                self._add(f"{what} (a line)", line, folded=True)
            numbers = loaded.private_numbers()
            secrets = [("d", numbers.d), ("p", numbers.p), ("q", numbers.q)]
        for name, number in secrets:
            raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
            self._bytes(f"{what} ({name})", raw)
            self._add(f"{what} ({name}, in decimal)", str(number).encode())

    def text(self, what: str, secret: bytes) -> None:
        """A token or a passphrase."""
        self._bytes(what, secret)
        for number, part in enumerate(secret.split(b".")):
            if len(part) >= 40 and not part.startswith(b"eyJ"):  # what a JWT says is no secret
                self._add(f"{what} (part {number + 1})", part)

    def code(self, what: str, code: RecoveryCode) -> None:
        """A recovery code: as it is shown, without its dashes, and each group."""
        shown = code.text.encode()
        for form in (shown, shown.replace(b"-", b""), shown.replace(b"-", b" ")):
            self._add(what, form, any_case=True)
        for group in shown.split(b"-"):
            self.every.append(Needle(f"{what} (a group)", group, any_case=True, word=True))

    def _bytes(self, what: str, raw: bytes) -> None:
        self._add(what, raw)
        self._add(f"{what} (hex)", raw.hex().encode(), any_case=True)
        self._add(f"{what} (hex with colons)", raw.hex(":").encode(), any_case=True)
        self._add(f"{what} (repr)", repr(raw)[2:-1].encode())
        self._add(f"{what} (JSON)", json.dumps(raw.decode("latin-1"))[1:-1].encode())
        for before in range(3):  # it may begin anywhere in a group of three bytes
            inner = raw[(3 - before) % 3 :]
            inner = inner[: len(inner) - len(inner) % 3]
            for encoded in (base64.b64encode(inner), base64.urlsafe_b64encode(inner)):
                self._add(f"{what} (base64)", encoded, folded=True)

    def _add(
        self, what: str, plain: bytes, *, folded: bool = False, any_case: bool = False
    ) -> None:
        assert len(plain) >= _SHORTEST, f"{what} is too short to be searched for"
        # The middle of a long one is enough, and is found also where the ends are cut.
        if len(plain) > 64:
            plain = plain[len(plain) // 2 - 24 : len(plain) // 2 + 24]
        self.every.append(Needle(what, plain, folded=folded, any_case=any_case))

    def found_in(self, haystack: bytes, *, words: bool = True) -> Iterator[str]:
        """Yield what of it is in `haystack`; `words`: it is text, so short ones count, too."""
        folded = _BLANKS.sub(b"", haystack)
        lowered = haystack.lower()
        lowered_and_folded = folded.lower()
        for needle in self.every:
            plain = needle.plain.lower() if needle.any_case else needle.plain
            if needle.word:
                if words and re.search(rb"(?<![\w-])" + plain + rb"(?![\w])", lowered):
                    yield needle.of
            elif needle.folded:
                if plain in (lowered_and_folded if needle.any_case else folded):
                    yield needle.of
            elif plain in (lowered if needle.any_case else haystack):
                yield needle.of
