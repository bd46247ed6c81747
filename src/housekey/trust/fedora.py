"""Fedora, Red Hat Enterprise Linux and those that are made from it.

Source: update-ca-trust(8).
"""

from __future__ import annotations

from housekey.trust.anchors import AnchorStore


class FedoraStore(AnchorStore):
    """The system's store of Fedora and Red Hat."""

    name = "fedora"
    title = "the system's store (Fedora, Red Hat)"
    families = ("fedora", "rhel", "centos")
    folders = ("/etc/pki/ca-trust/source/anchors", "/usr/share/pki/ca-trust-source/anchors")
    suffix = ".pem"
    only_suffix = False
    nested = False
    update = ("update-ca-trust", "extract")
    update_after_removal = update
    bundles = (
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/pki/tls/certs/ca-bundle.crt",
    )
    places = ("/etc/pki/tls/cert.pem", "/etc/pki/tls/certs", "/etc/pki/ca-trust/extracted/pem")
    packages = {"fedora": "dnf install ca-certificates"}  # noqa: RUF012 - never changed
