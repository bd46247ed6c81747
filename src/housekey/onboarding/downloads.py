"""The root in each form that a device takes it, with the type and the name that it looks for.

All are made from the root's own bytes and the home's name alone: the same house gives the same
files, byte for byte, and a profile that is installed again replaces itself.
"""

from __future__ import annotations

import plistlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from cryptography.x509.oid import NameOID

from housekey.pki.encoding import certificate_from_der, certificate_to_pem, fingerprint, to_der

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from housekey.onboarding.offer import Offer

# Of housekey alone, drawn once. UUIDs of profiles are derived from it and the root's fingerprint.
_NAMESPACE = UUID("3b85eee1-1d7b-4fe9-9b9a-90a8dc15672a")


@dataclass(frozen=True, slots=True)
class File:
    """One form of the root."""

    name: str
    media_type: str
    body: bytes


def files(offer: Offer) -> tuple[File, ...]:
    """Return the root as each kind of device takes it. Raises PemUnreadable if it is none.

    * `.mobileconfig`: a profile, for iPhone and iPad. The type is what makes Safari hand it to
      the settings.
    * `.crt`: DER, the form of which Android's installer is sure (AND-01, AND-02).
    * `.cer`: the same bytes for Windows and macOS, which go by the name; the type of RFC 2585.
    * `.pem`: for programs. No text/plain, which browsers show instead of saving it.
    """
    root = certificate_from_der(offer.root_der)
    return (
        File(
            "housekey.mobileconfig", "application/x-apple-aspen-config", profile(root, offer.home)
        ),
        File("housekey.crt", "application/x-x509-ca-cert", offer.root_der),
        File("housekey.cer", "application/pkix-cert", offer.root_der),
        File("housekey.pem", "application/x-pem-file", certificate_to_pem(root)),
    )


def profile(root: Certificate, home: str) -> bytes:
    """Return Apple's configuration profile that brings `root`; `home` is its name, if any.

    The keys: apple/device-management, mdm/profiles/TopLevel.yaml, CommonPayloadKeys.yaml and
    com.apple.security.root.yaml. The same identifier replaces what was installed before, and
    whoever installed it can remove it: nothing here says otherwise.
    """
    digest = fingerprint(root)
    listed_as = listed(root)
    identifier = f"local.housekey.{digest[:32]}"
    payload: dict[str, Any] = {
        "PayloadType": "com.apple.security.root",
        "PayloadVersion": 1,
        "PayloadIdentifier": f"{identifier}.root",
        "PayloadUUID": _uuid(f"root {digest}"),
        "PayloadDisplayName": listed_as,
        "PayloadDescription": "The root certificate that devices in this home trust.",
        "PayloadCertificateFileName": "housekey.cer",
        "PayloadContent": to_der(root),
    }
    return plistlib.dumps(
        {
            "PayloadType": "Configuration",
            "PayloadVersion": 1,
            "PayloadIdentifier": identifier,
            "PayloadUUID": _uuid(f"profile {digest}"),
            "PayloadDisplayName": plain(home) or listed_as,
            "PayloadDescription": (
                "Lets this device open Home Assistant without a warning. After installing it, "
                "switch it on under General, About, Certificate Trust Settings."
            ),
            "PayloadContent": [payload],
        },
        sort_keys=True,
    )


def listed(root: Certificate) -> str:
    """Return the name under which devices list `root`: its CN (APL-24), or all that it has."""
    names = root.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return plain(str(names[0].value)) if names else root.subject.rfc4514_string()


def plain(name: str) -> str:
    """Return a name without what cannot be seen: XML refuses some of it, and some turns text."""
    return "".join(filter(str.isprintable, name)).strip()


def _uuid(what: str) -> str:
    return str(uuid5(_NAMESPACE, what)).upper()
