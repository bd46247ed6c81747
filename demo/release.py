"""Installing a Home Assistant release from the package index into a virtual environment.

Used by the demo and by the tests' homes. Installing is uv's work (it is in the
project's lock): it takes a third of pip's time and needs no `ensurepip` where
the environment is made.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    # Runs a command to its end with an environment, or raises InstallError.
    Runner = Callable[[Sequence[str], Mapping[str, str]], None]


class InstallError(Exception):
    """A step of an installation did not succeed; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Release:
    """A Home Assistant release, and what must be installed beside it today."""

    version: str
    python: tuple[int, int, int]  # the oldest Python that it takes
    beside: tuple[str, ...] = ()  # requirements that it fails to state itself

    @property
    def has_trials(self) -> bool:
        """Whether it keeps its http settings itself, and tries them out (2026.8 and later)."""
        return tuple(map(int, self.version.split(".")[:2])) >= (2026, 8)

    def requirements(self) -> tuple[str, ...]:
        return (f"homeassistant=={self.version}", *self.beside)


# acme, which 2024.3.3 imports through hass-nabucasa, does not bound josepy and breaks with 2.0:
# every request then ends with an error (measured).
HOME_2024 = Release("2024.3.3", python=(3, 11, 0), beside=("josepy<2",))
HOME_2025_1 = Release("2025.1.4", python=(3, 12, 0))
HOME_2026_2 = Release("2026.2.3", python=(3, 13, 2))
HOME_2026_7 = Release("2026.7.4", python=(3, 14, 2))
HOME_2026_11 = Release("2026.11.0", python=(3, 14, 2))


def newest_for(python: tuple[int, int, int]) -> Release:
    """The newest release here that the given Python takes."""
    fitting = [
        release
        for release in (HOME_2024, HOME_2025_1, HOME_2026_2, HOME_2026_11)
        if release.python <= python
    ]
    if not fitting:
        raise InstallError(f"no Home Assistant here takes Python {'.'.join(map(str, python))}")
    return fitting[-1]


def uv_program() -> Path:
    """uv of the environment that is running."""
    return Path(sys.executable).parent / "uv"


def small_configuration(release: Release, port: int) -> str:
    """A `configuration.yaml` as small as it gets."""
    text = "homeassistant:\nfrontend:\n"
    return text if release.has_trials else f"{text}http:\n  server_port: {port}\n"


def plain_environment() -> dict[str, str]:
    """An environment with nothing of this machine's in it but the home folder."""
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": os.environ.get("HOME", "/"),
        "LANG": "C.UTF-8",
    }


def network_environment() -> dict[str, str]:
    """What this machine's environment says about reaching the package index.

    pip is what people configure, and uv does not read its files: pip's index
    and certificates are handed on as uv's unless uv has its own.
    """
    wanted = ("SSL_CERT_", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_", "UV_")
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
    found = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(wanted) or name.upper() in proxies
    }
    index, certificates = _pip_setting("index-url"), _pip_setting("cert")
    if index and "UV_INDEX_URL" not in found:
        found.setdefault("UV_DEFAULT_INDEX", index)
    if certificates:
        found.setdefault("SSL_CERT_FILE", certificates)
    return found


def install(
    release: Release, *, into: str, python: str, uv: str, run: Runner, env: Mapping[str, str]
) -> None:
    """Make the virtual environment `into` with `release` in it.

    Paths are as `run` sees them, which may be inside a chroot. `--seed` because
    2024.3.3 installs what its components need with the environment's own pip.

    What stands beside it is of the versions that Home Assistant itself names, as in its own
    images: without them 2026.7.4 came with a habluetooth that it put down to its own at the
    first use, under the feet of another one that was just starting (measured).
    Raises InstallError.
    """
    install_it = (uv, "pip", "install", "--quiet", "--python", f"{into}/bin/python")
    run([uv, "venv", "--quiet", "--seed", "--clear", "--python", python, into], env)
    run([*install_it, "--no-deps", release.requirements()[0]], env)
    # Only now is there a list of them; the folder is named after the Python.
    named = f"{into}/lib/python3.*/site-packages/homeassistant/package_constraints.txt"
    with_them = f'exec "$@" --constraint {named}'
    run(["/bin/sh", "-ec", with_them, "sh", *install_it, *release.requirements()], env)


def install_here(release: Release, venv: Path, *, python: str = sys.executable) -> None:
    """Make the virtual environment `venv` with `release` on this machine.

    A release may need a package that has no wheel for this Python (2026.2 on
    Debian 13 does: lru-dict). Then the compiler is installed, by root on Debian.
    Raises InstallError.
    """

    def attempt() -> None:
        env = {**plain_environment(), **network_environment()}
        uv = str(uv_program())
        install(release, into=str(venv), python=python, uv=uv, run=run_here, env=env)

    try:
        attempt()
    except InstallError as error:
        if shutil.which("gcc"):
            raise
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            raise InstallError(
                f"{error}\nhint: it may need a compiler: sudo apt-get install gcc python3-dev"
            ) from error
        apt_install("gcc", "libc6-dev", "python3-dev")
        attempt()


def apt_install(*packages: str) -> None:
    """Install Debian packages, as root. Raises InstallError."""
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run_here(["apt-get", "-qq", "update"], env)
    run_here(["apt-get", "-qq", "install", "-y", "--no-install-recommends", *packages], env)


def run_here(command: Sequence[str], env: Mapping[str, str]) -> None:
    """Run a command to its end. Raises InstallError with the end of what it said."""
    try:
        done = subprocess.run(command, env=dict(env), text=True, capture_output=True, check=False)
    except OSError as error:
        raise InstallError(f"{command[0]}: {error.strerror}") from error
    if done.returncode != 0:
        said = (done.stderr + done.stdout).strip().splitlines()[-25:]
        raise InstallError("\n".join([f"{' '.join(command)} failed:", *said]))


@cache
def _pip_setting(name: str) -> str | None:
    """One setting of pip, from its environment or its files; None without one."""
    said = os.environ.get(f"PIP_{name.upper().replace('-', '_')}")
    if said is None:
        command = [sys.executable, "-m", "pip", "config", "get", f"global.{name}"]
        done = subprocess.run(command, text=True, capture_output=True, check=False)
        said = done.stdout.strip() if done.returncode == 0 else None
    return said
