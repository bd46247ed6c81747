"""openSUSE and SUSE Linux Enterprise.

Source: update-ca-certificates(8) of SUSE, which shares no more than its name with Debian's.
"""

from __future__ import annotations

from housekey.trust.anchors import AnchorStore


class SuseStore(AnchorStore):
    """The system's store of SUSE."""

    name = "suse"
    title = "the system's store (SUSE)"
    families = ("suse", "opensuse", "sles")
    folders = ("/etc/pki/trust/anchors", "/usr/share/pki/trust/anchors")
    suffix = ".pem"
    only_suffix = False
    nested = False
    update = ("update-ca-certificates",)
    update_after_removal = update
    bundles = ("/var/lib/ca-certificates/ca-bundle.pem", "/etc/ssl/ca-bundle.pem")
    places = ("/etc/ssl/certs", "/etc/ssl/ca-bundle.pem", "/var/lib/ca-certificates/ca-bundle.pem")
    packages = {"suse": "zypper install ca-certificates"}  # noqa: RUF012 - never changed
