"""Whether a root is made as strictly as RFC 5280 has it, which is what `VERIFY_X509_STRICT` asks.

The two CAs that people have at home are not: `openssl req -x509` gives its root no keyUsage, and
easy-rsa 3.1 leaves basicConstraints uncritical. Browsers and phones take both; Python 3.13 and
later do not (PY-03, PY-04). A root cannot be changed without visiting every device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509

from housekey.pki.any_key import PARSER_ERRORS, attempt

if TYPE_CHECKING:
    from collections.abc import Iterable


def all_strict(roots: Iterable[x509.Certificate]) -> bool:
    """Whether a strict client takes each of them as a root (RFC 5280 4.2.1.2, .3 and .9)."""
    return all(map(_is_strict, roots))


def _is_strict(root: x509.Certificate) -> bool:
    try:
        extensions = attempt(lambda: root.extensions)
        constraints = extensions.get_extension_for_class(x509.BasicConstraints)
        usage = extensions.get_extension_for_class(x509.KeyUsage)
        extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except (*PARSER_ERRORS, x509.ExtensionNotFound, x509.DuplicateExtension):
        return False
    return bool(constraints.critical and constraints.value.ca and usage.value.key_cert_sign)
