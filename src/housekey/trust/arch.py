"""Arch Linux and its children.

Source: the package ca-certificates-utils, whose update-ca-trust is this command.
"""

from __future__ import annotations

from housekey.trust.anchors import AnchorStore


class ArchStore(AnchorStore):
    """The system's store of Arch."""

    name = "arch"
    title = "the system's store (Arch)"
    families = ("arch",)
    folders = (
        "/etc/ca-certificates/trust-source/anchors",
        "/usr/share/ca-certificates/trust-source/anchors",
    )
    suffix = ".crt"
    only_suffix = False
    nested = False
    update = ("trust", "extract-compat")
    update_after_removal = update
    bundles = (
        "/etc/ca-certificates/extracted/tls-ca-bundle.pem",
        "/etc/ssl/certs/ca-certificates.crt",
    )
    places = ("/etc/ssl/cert.pem", "/etc/ssl/certs", "/etc/ca-certificates/extracted")
    packages = {"arch": "pacman -S ca-certificates-utils"}  # noqa: RUF012 - never changed
