"""A second ACME CA that has nothing to do with Pebble: Caddy's `acme_server` (Debian: caddy).

    with Knot(zones=["home.test"]) as dns, Caddy(dns) as ca:
        ca.directory, ca.roots_pem()

Debian's Caddy (2.6.2) knows no `resolvers` for it: it asks the system's. So it runs where
/etc/resolv.conf names the test's DNS server, in a mount namespace of its own, which takes root.
"""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Self

from demo.instance import free_port
from tests.needs import require

if TYPE_CHECKING:
    from tests.public.knot import Knot

HOST = "127.0.0.1"
SECONDS = 60.0  # within which it starts; usually half a one
_STARTS = 3  # another program may take a port that was free

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


class Caddy:
    """One CA, which looks records up in `dns`; ends with the `with` block, or with this process."""

    def __init__(self, dns: Knot) -> None:
        require(shutil.which("caddy") is not None, "caddy (Debian: caddy)")
        require(shutil.which("setpriv") is not None, "setpriv")
        require(os.geteuid() == 0, "root, for a mount namespace")
        self._dns = dns
        self._port = 0
        self._folder = Path()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def directory(self) -> str:
        """The URL of the ACME directory."""
        return f"https://{HOST}:{self._port}/acme/local/directory"

    def roots_pem(self) -> str:
        """Its root, for its HTTPS and for what it signs, as `--acme-root` takes it."""
        path = self._folder / "storage" / "pki" / "authorities" / "local" / "root.crt"
        return path.read_text()

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text(errors="replace")

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="housekey-caddy-"))
        try:
            for _ in range(_STARTS):
                self._run()
                if self._comes_up():
                    return self
                self._kill()
        except BaseException:
            self.__exit__()
            raise
        log = self.log
        self.__exit__()
        raise AssertionError(f"caddy does not start:\n{log}")

    def __exit__(self, *_: object) -> None:
        self._kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _run(self) -> None:
        self._port = free_port()
        configuration = self._folder / "Caddyfile"
        configuration.write_text(
            _CADDYFILE.format(
                folder=self._folder, host=HOST, port=self._port, http_port=free_port()
            )
        )
        caddy = self._dns.seen_by(
            "caddy", "run", "--config", configuration, "--adapter", "caddyfile"
        )
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *caddy],
                # Go's own resolver, which reads /etc/resolv.conf.
                env={**os.environ, "HOME": str(self._folder), "GODEBUG": "netdns=go"},
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _comes_up(self) -> bool:
        assert self._process is not None
        end = time.monotonic() + SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            try:
                context = ssl.create_default_context(cadata=self.roots_pem())
                urllib.request.urlopen(self.directory, context=context, timeout=SECONDS).close()
            except OSError:
                time.sleep(0.02)
            else:
                return True
        return False
