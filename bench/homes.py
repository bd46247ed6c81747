"""The Home Assistants of the bench: those of the tests, started as a bench needs them."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from bench.processes import output_of
from bench.rows import NotMeasured
from demo.instance import free_port
from demo.release import HOME_2024, HOME_2026_11, InstallError, small_configuration
from tests.homes import install
from tests.homes.home import Home

if TYPE_CHECKING:
    from pathlib import Path

    from tests.homes.install import Installed


def newest_home() -> Installed:
    """Return the newest release that this machine can run, installed now if it is not.

    Raises NotMeasured.
    """
    for version in (HOME_2026_11.version, HOME_2024.version):
        if install.missing(version) is None:
            return installed(version)
    raise NotMeasured(install.missing(HOME_2024.version))


def installed(version: str) -> Installed:
    """Return one release, installed now if it is not. Raises NotMeasured."""
    why = install.missing(version)
    if why is not None:
        raise NotMeasured(why)
    try:
        return install.installed(version)
    except InstallError as error:
        raise NotMeasured(str(error).splitlines()[-1]) from error


def secure(home: Home, folder: Path) -> None:
    """Take it to HTTPS as its owner would, with a new house in `folder`. Raises NotMeasured."""
    token = folder / f"{home.config.name}.token"
    if not token.exists():
        token.write_text(home.token)
        token.chmod(0o600)
    output_of(
        [
            *(sys.executable, "-m", "housekey", "secure", "--yes", "--json"),
            *("--config", home.config, "--url", home.url, "--token-file", token),
            *("--house", folder / f"{home.config.name}.house"),
        ],
        env={"HOME": str(folder)},
    )


def home_with_pair(installed: Installed, folder: Path, *, certificate: Path, key: Path) -> Home:
    """Return one that serves a certificate which its owner put there, without housekey."""
    port = free_port()
    _, seen = installed.command(folder)
    tls = {"ssl_certificate": f"{seen}/certificate.pem", "ssl_key": f"{seen}/privkey.pem"}
    configuration = small_configuration(installed.release, port)
    files = {"certificate.pem": certificate.read_text(), "privkey.pem": key.read_text()}
    if installed.release.has_trials:
        files[".storage/http"] = _stored_http(port, tls)
    else:
        configuration += "".join(f"  {name}: {path}\n" for name, path in tls.items())
    return Home(installed, folder, files={**files, "configuration.yaml": configuration}, port=port)


def _stored_http(port: int, tls: dict[str, str]) -> str:
    """Return the settings that Home Assistant 2026.8 and later keep themselves, with TLS."""
    stable = {
        "server_port": port,
        "cors_allowed_origins": ["https://cast.home-assistant.io"],
        "login_attempts_threshold": -1,
        "ip_ban_enabled": True,
        "ssl_profile": "intermediate_v6",
        "use_x_frame_options": True,
        "created_at": "2026-08-06T08:00:00+00:00",
        "error": None,
        "error_message": None,
        **tls,
    }
    data = {"stable": stable, "pending": None, "yaml_migration_done": True}
    return json.dumps({"version": 3, "minor_version": 1, "key": "http", "data": data})
