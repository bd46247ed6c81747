"""Debian and its children, and Alpine, which Home Assistant's containers are made of.

Sources: update-ca-certificates(8); the script itself in Debian 12; Alpine's update-ca.c.
"""

from __future__ import annotations

from housekey.trust.anchors import AnchorStore


class DebianStore(AnchorStore):
    """The system's store of Debian, Ubuntu and Alpine."""

    name = "debian"
    title = "the system's store (Debian, Ubuntu, Alpine)"
    families = ("debian", "ubuntu", "alpine")
    folders = ("/usr/local/share/ca-certificates",)
    suffix = ".crt"
    only_suffix = True
    nested = True
    update = ("update-ca-certificates",)
    # Without --fresh the links to what is gone stay in /etc/ssl/certs.
    update_after_removal = ("update-ca-certificates", "--fresh")
    bundles = ("/etc/ssl/certs/ca-certificates.crt",)
    places = ("/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/certs/ca-certificates.crt")
    packages = {  # noqa: RUF012 - never changed
        "debian": "apt install ca-certificates",
        "alpine": "apk add ca-certificates",
    }
