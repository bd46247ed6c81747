"""A second ACME CA that has nothing to do with Pebble: Caddy's `acme_server` (Debian: caddy).

    with Knot(zones=["home.test"]) as dns, Caddy(dns) as ca:
        ca.directory, ca.roots_pem()

Debian's Caddy (2.6.2) knows no `resolvers` for it: it asks the system's. So it runs where
/etc/resolv.conf names the test's DNS server, in a mount namespace of its own, which takes root.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from demo.instance import free_port
from tests.needs import require
from tests.public.at_work import HOST, AtWork

if TYPE_CHECKING:
    from tests.public.knot import Knot

_CADDYFILE = """
{{
    admin off
    storage file_system {folder}/storage
    skip_install_trust
    auto_https disable_redirects
    default_bind {host}
    default_sni {host}
    http_port {http_port}
}}
https://{host}:{port} {{
    tls internal
    acme_server
}}
"""


class Caddy(AtWork):
    """One CA, which looks records up in `dns`."""

    program = "caddy"

    def __init__(self, dns: Knot) -> None:
        super().__init__()
        require(os.geteuid() == 0, "root, for a mount namespace")
        self._dns = dns
        self._port = 0
        # Go's own resolver, which reads /etc/resolv.conf.
        self._environment = {"GODEBUG": "netdns=go"}

    @property
    def directory(self) -> str:
        return f"https://{HOST}:{self._port}/acme/local/directory"

    @property
    def https_root_pem(self) -> str:
        path = self._folder / "storage" / "pki" / "authorities" / "local" / "root.crt"
        return path.read_text()

    def roots_pem(self) -> str:
        """Its root, for its HTTPS and for what it signs, as `--acme-root` takes it."""
        return self.https_root_pem

    def command(self) -> list[str]:
        """With a Caddyfile of ours, where the test's DNS server is the system's."""
        self._port = free_port()
        configuration = self._folder / "Caddyfile"
        configuration.write_text(
            _CADDYFILE.format(
                folder=self._folder, host=HOST, port=self._port, http_port=free_port()
            )
        )
        home = ("env", f"HOME={self._folder}")
        caddy = ("caddy", "run", "--config", configuration, "--adapter", "caddyfile")
        return self._dns.seen_by(*home, *caddy)
