"""The three Home Assistants of the tests, installed once per machine.

Into `HOUSEKEY_CACHE`, or `.cache/homes` of the checkout:

    2024.3.3/             a virtual environment of the machine's own Python 3.11
    sid/                  a Debian sid root, for the Python that later releases need
    sid/opt/homeassistant/2026.7.4/  2026.11.0/
    sid/opt/inprocess/2026.7.4/  2026.10.4/     releases for a test's own process
    templates/VERSION/    a configuration folder with its first user, and the user's token
    *.stamp               written last: a folder without its stamp is made anew
    *.integration.stamp   the same for what the integration needs besides
    *.public.stamp        the same for what it needs on the road of a public name
    *.inprocess.stamp     the same for the environments of the tests in process

Each is started once here, because Home Assistant installs more packages at its
first start: 10 to 15 seconds that no test should pay. From then on nothing is installed
any more (`--skip-pip`): tests share an installation, and one must not change what another
is just importing.
"""

from __future__ import annotations

import ast
import contextlib
import fcntl
import json
import os
import re
import shutil
import sys
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from demo.api import Api, first_user, long_lived_token, wait_for
from demo.instance import Supervised, free_port
from demo.release import (
    HOME_2024,
    HOME_2026_7,
    HOME_2026_11,
    InstallError,
    Release,
    install,
    install_here,
    network_environment,
    plain_environment,
    run_here,
    small_configuration,
    uv_program,
)
from tests.homes.debian import DebianRoot, debian_mirror

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

CHECKOUT = Path(__file__).parents[2]
_MANIFEST = CHECKOUT / "custom_components" / "housekey" / "manifest.json"
_FOR_PUBLIC = CHECKOUT / "custom_components" / "housekey" / "for_public.py"
_CONSTRAINTS = "{}/lib/python3.*/site-packages/homeassistant/package_constraints.txt"
_RECIPE = 2  # raise it when what is installed changes in another way than by its version
_SUITE = "sid"
_PACKAGES = ("python3", "python3-venv", "python3-dev", "build-essential", "ca-certificates")

# The fixtures of Home Assistant's own tests, by the one release that each is made for: the last
# with http settings in YAML, and the newest that there are fixtures for.
IN_PROCESS = {"2026.7.4": "0.13.348", "2026.10.4": "0.13.375"}
TYPED = "2026.10.4"  # whose types the integration is checked against

RELEASES = {release.version: release for release in (HOME_2024, HOME_2026_7, HOME_2026_11)}
LOCATION = {
    "location_name": "Test Home",
    "country": "NL",
    "time_zone": "Europe/Amsterdam",
    "currency": "EUR",
    "latitude": 52.37,
    "longitude": 4.89,
}
ADMIN = ("Ada", "ada", "correct horse battery")  # name, user name, password


@dataclass(frozen=True, slots=True)
class Installed:
    """A release on this machine, ready to be started."""

    release: Release
    venv: str  # as the started process sees it
    root: DebianRoot | None  # where it runs chrooted; None: on the machine itself
    template: Path  # a configuration folder to copy, its first user signed up
    token: str  # long-lived, the first user's, who is an administrator

    def command(
        self, config: Path, *, user: int | None = None, resolv_conf: Path | None = None
    ) -> tuple[list[str], str]:
        """What starts it on a configuration folder, and that folder as Home Assistant sees it.

        `resolv_conf`: in place of the machine's, where it runs chrooted.
        """
        binds = {} if resolv_conf is None else {resolv_conf: "/etc/resolv.conf"}
        return hass_command(self.venv, self.root, config, user=user, may_install=False, binds=binds)


@dataclass(frozen=True, slots=True)
class InProcess:
    """A release to be imported by tests, with the fixtures of Home Assistant's own tests."""

    venv: str  # inside the root
    root: DebianRoot
    checkout: str  # where this checkout appears in the root


def cache_folder() -> Path:
    """Where the homes are kept on this machine."""
    named = os.environ.get("HOUSEKEY_CACHE")
    return Path(named).absolute() if named else CHECKOUT / ".cache" / "homes"


def missing(version: str) -> str | None:
    """Why this machine cannot run that release, in words for a person; None: it can."""
    if not _needs_root(RELEASES[version]):
        if _machine_python() is None:
            return f"Home Assistant {version} needs Python 3.11 on this machine"
        return None
    if os.geteuid() != 0:
        return f"Home Assistant {version} runs in a chroot, which needs root"
    if debian_mirror() is None:
        return f"Home Assistant {version} needs a Debian mirror, and apt's sources name none"
    return None


@cache
def installed(version: str) -> Installed:
    """The release of that version, installed now if it is not. Raises InstallError."""
    release = RELEASES[version]
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    # One lock a machine: two runs beside each other wait instead of colliding.
    with _locked(folder / "lock"):
        if _needs_root(release):
            root, venv = _debian_root(folder / _SUITE), f"/opt/homeassistant/{version}"
        else:
            root, venv = None, str(folder / version)
        template = folder / "templates" / version
        stamp = folder / f"{version}.stamp"
        what = json.dumps([_RECIPE, release.requirements(), LOCATION, ADMIN])
        if not _is_stamped(stamp, what):
            _say(f"installing Home Assistant {version} (once per machine)")
            stamp.unlink(missing_ok=True)
            _install(release, venv, root)
            token = _first_start(release, venv, root, template)
            (template.parent / f"{version}.token").write_text(token)
            stamp.write_text(what)
        if root is not None:
            _add_requirements(
                version, venv, root, folder / f"{version}.integration.stamp", _needed()
            )
            # A user's Home Assistant installs these when that road is chosen, which
            # tests/inprocess/test_for_public.py is about; here nothing is installed any more.
            _add_requirements(version, venv, root, folder / f"{version}.public.stamp", for_public())
        token = (template.parent / f"{version}.token").read_text()
    return Installed(release, venv, root, template, token)


@cache
def in_process(version: str) -> InProcess:
    """The environment of the tests in process, installed now if it is not. Raises InstallError."""
    root = installed(HOME_2026_7.version).root
    if root is None:
        raise ValueError("the tests in process need the Debian root")
    folder = cache_folder()
    with _locked(folder / "lock"):
        # The frontend is what Home Assistant would install at its first start. The lane's own tests
        # run there, too, and need hypothesis.
        beside = ["home-assistant-frontend", "hypothesis", *_needed(), *for_public()]
        if version == TYPED:
            beside.append(f"mypy=={metadata.version('mypy')}")
        what = json.dumps([_RECIPE, IN_PROCESS[version], beside])
        # Named after its recipe: checkouts that differ share this folder, and one must not take
        # away what another is just using.
        name = f"{version}-{sha256(what.encode()).hexdigest()[:8]}"
        venv, stamp = f"/opt/inprocess/{name}", folder / f"{name}.inprocess.stamp"
        if not _is_stamped(stamp, what):
            _say(f"installing Home Assistant {version} for tests in process (once per machine)")
            stamp.unlink(missing_ok=True)
            _install_in_process(version, venv, root, beside)
            (root.path / "checkout").mkdir(exist_ok=True)
            stamp.write_text(what)
    return InProcess(venv, root, "/checkout")


def hass_command(
    venv: str,
    root: DebianRoot | None,
    config: Path,
    *,
    user: int | None = None,
    may_install: bool = True,
    binds: Mapping[Path, str] | None = None,
) -> tuple[list[str], str]:
    """The command that runs Home Assistant on `config`, and `config` as it sees it.

    `may_install`: whether it may install what its components need. `binds`: what else appears in
    the chroot, and where.
    """
    inside = str(config) if root is None else "/config"
    options = () if may_install else ("--skip-pip",)
    command = [f"{venv}/bin/python", "-m", "homeassistant", "--config", inside, *options]
    if root is not None:
        return root.command(command, binds={config: inside, **(binds or {})}, user=user), inside
    if user is not None:
        raise ValueError("only the homes in a chroot can run as another user")
    return command, inside


def home_environment(root: DebianRoot | None, port: int) -> dict[str, str]:
    """The environment that Home Assistant is started with.

    SETUP_PORT is the default port from 2026.8 on; releases before it do not know it.
    """
    env = root.environment() if root else {**plain_environment(), **network_environment()}
    return {**env, "SETUP_PORT": str(port)}


def _debian_root(path: Path) -> DebianRoot:
    root = DebianRoot(path)
    stamp = path.parent / f"{path.name}.stamp"
    what = json.dumps([_RECIPE, _SUITE, _PACKAGES])
    if not _is_stamped(stamp, what):
        mirror = debian_mirror()
        if mirror is None:
            raise InstallError("apt's sources name no Debian mirror")
        _say(f"making a Debian {_SUITE} root (once per machine)")
        stamp.unlink(missing_ok=True)
        for version, release in RELEASES.items():
            if _needs_root(release):  # what was installed in the old root goes with it
                (path.parent / f"{version}.stamp").unlink(missing_ok=True)
        for gone in (
            *path.parent.glob("*.inprocess.stamp"),
            *path.parent.glob("*.integration.stamp"),
        ):
            gone.unlink()
        root.make(_SUITE, mirror, packages=_PACKAGES)
        stamp.write_text(what)
    return root


def _install(release: Release, venv: str, root: DebianRoot | None) -> None:
    if root is None:
        install_here(release, Path(venv), python=_machine_python() or sys.executable)
        return
    root.take_network_settings()
    shutil.copy2(uv_program(), root.path / "usr" / "local" / "bin" / "uv")

    def run_inside(command: Sequence[str], env: Mapping[str, str]) -> None:
        run_here(root.command(command), env)

    install(
        release,
        into=venv,
        python="/usr/bin/python3",
        uv="/usr/local/bin/uv",
        run=run_inside,
        env=root.environment(),
    )


def _needed() -> list[str]:
    """What the integration needs besides, which Home Assistant would install by itself."""
    needed: list[str] = json.loads(_MANIFEST.read_text())["requirements"]
    return needed


def for_public() -> list[str]:
    """What the integration has installed when the road of a public name is chosen."""
    found = re.search(
        r"^REQUIREMENTS: Final = (\(.*?\))", _FOR_PUBLIC.read_text(), re.MULTILINE | re.DOTALL
    )
    if found is None:
        raise InstallError(f"{_FOR_PUBLIC} names no requirements")
    return list(ast.literal_eval(found[1]))


def _add_requirements(
    version: str, venv: str, root: DebianRoot, stamp: Path, wanted: Sequence[str]
) -> None:
    """Install packages on top of an installation that is there already.

    It only adds pure Python to it: what Home Assistant has come with stays.
    """
    what = json.dumps([_RECIPE, version, list(wanted)])
    if _is_stamped(stamp, what):
        return
    uv = ("/usr/local/bin/uv", "pip", "install", "--quiet", "--python", f"{venv}/bin/python")
    with_them = f'exec "$@" --constraint {_CONSTRAINTS.format(venv)}'
    command = ["/bin/sh", "-ec", with_them, "sh", *uv, *wanted]
    run_here(root.command(command), root.environment())
    stamp.write_text(what)


def _install_in_process(version: str, venv: str, root: DebianRoot, beside: Sequence[str]) -> None:
    """Install the fixtures, which bring their release with them, and what is needed beside it."""
    env, uv = root.environment(), "/usr/local/bin/uv"
    run_here(root.command([uv, "venv", "--quiet", "--clear", "-p", "/usr/bin/python3", venv]), env)
    install_it = (uv, "pip", "install", "--quiet", "--python", f"{venv}/bin/python")
    fixtures = f"pytest-homeassistant-custom-component=={IN_PROCESS[version]}"
    run_here(root.command([*install_it, fixtures]), env)
    with_them = f'exec "$@" --constraint {_CONSTRAINTS.format(venv)}'
    run_here(root.command(["/bin/sh", "-ec", with_them, "sh", *install_it, *beside]), env)


def _first_start(release: Release, venv: str, root: DebianRoot | None, template: Path) -> str:
    """Start it once, sign its first user up, keep the folder as the template; the token."""
    shutil.rmtree(template, ignore_errors=True)
    template.mkdir(parents=True)
    port = free_port()
    (template / "configuration.yaml").write_text(small_configuration(release, port))
    log = template.parent / f"{template.name}.log"
    log.unlink(missing_ok=True)
    command, _ = hass_command(venv, root, template)
    process = Supervised(
        command, env=home_environment(root, port), log=log, wrapper_depth=1 if root else 0
    )
    url = f"http://127.0.0.1:{port}"
    process.start()
    try:
        if not wait_for(
            lambda: bool(Api(url).get("/api/onboarding")),
            timeout=300,
            alive=lambda: process.running,
        ):
            raise InstallError(f"it does not start:\n{log.read_text()[-3000:]}")
        name, username, password = ADMIN
        user = first_user(url, name=name, username=username, password=password, core=LOCATION)
        token = long_lived_token(user)
        if not wait_for(lambda: user.get("/api/config")["state"] == "RUNNING", timeout=120):
            raise InstallError(f"it does not finish starting:\n{log.read_text()[-3000:]}")
    finally:
        process.stop()
    # The steps of the first visit that are left would set up integrations that need the internet.
    onboarding = template / ".storage" / "onboarding"
    visit = json.loads(onboarding.read_text())
    visit["data"]["done"] = ["user", "core_config", "analytics", "integration"]
    onboarding.write_text(json.dumps(visit))
    # What a test must find as after a new installation.
    (template / ".storage" / "http").unlink(missing_ok=True)
    for leftover in template.glob("home-assistant*"):
        leftover.unlink()
    return token


def _needs_root(release: Release) -> bool:
    """Whether it needs a newer Python than Debian 12 has."""
    return release.python > (3, 12)


def _machine_python() -> str | None:
    """A Python 3.11 of this machine."""
    return sys.executable if sys.version_info[:2] == (3, 11) else shutil.which("python3.11")


def _is_stamped(stamp: Path, what: str) -> bool:
    try:
        return stamp.read_text() == what
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _say(text: str) -> None:
    sys.stderr.write(f"homes: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    for _version in RELEASES:
        _why = missing(_version)
        if _why:
            _say(_why)
        else:
            installed(_version)
            _say(f"Home Assistant {_version} is ready in {cache_folder()}")
    if not missing(HOME_2026_7.version):
        for _version in IN_PROCESS:
            in_process(_version)
