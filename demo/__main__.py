"""`make demo`: a real Home Assistant on this machine, taken to https by housekey.

Everything lies in `.demo` of the checkout: the Home Assistant (kept for the
next time), its configuration and its house (both new each time). Stays until
Ctrl-C; with `--once` it ends after the proof. The exit code is 0 only if the
proof from outside succeeded.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import urllib.error
from pathlib import Path
from typing import Any

from demo.api import Api, CallError, finish_first_visit, first_user, long_lived_token, wait_for
from demo.instance import Supervised, free_port
from demo.release import (
    InstallError,
    Release,
    install_here,
    network_environment,
    newest_for,
    plain_environment,
    small_configuration,
)

_CHECKOUT = Path(__file__).parents[1]
_DEMO = _CHECKOUT / ".demo"
_HOUSEKEY = Path(sys.executable).parent / "housekey"  # nobody's PATH has it
_USERNAME, _PASSWORD = "demo", "housekey-demo"  # of a Home Assistant that lives for minutes
_USUAL_PORT = 8123


class DemoError(Exception):
    """The demo cannot go on; the text says why."""


def main() -> int:
    arguments = argparse.ArgumentParser(prog="make demo", description=__doc__)
    arguments.add_argument("--once", action="store_true", help="end after the proof")
    once = arguments.parse_args().once
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        _demo(once=once)
    except (DemoError, InstallError, CallError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted before the proof", file=sys.stderr)
        return 130
    return 0


def _demo(*, once: bool) -> None:
    release = newest_for(sys.version_info[:3])
    venv = _install(release)

    config, house = _DEMO / "config", _DEMO / "house"
    for folder in (config, house):
        shutil.rmtree(folder, ignore_errors=True)
    config.mkdir()
    port = _USUAL_PORT if _is_free(_USUAL_PORT) else free_port()
    (config / "configuration.yaml").write_text(small_configuration(release, port))

    url = f"http://127.0.0.1:{port}"
    log = _DEMO / "home-assistant.log"
    log.unlink(missing_ok=True)
    process = Supervised(
        [str(venv / "bin" / "python"), "-m", "homeassistant", "--config", str(config)],
        env={**plain_environment(), **network_environment(), "SETUP_PORT": str(port)},
        log=log,
    )
    _say(f"starting it at {url} (it installs some more at its first start; log: {log})")
    process.start()
    try:
        token_file = _sign_up(url, process)
        _secure(config, house, url, token_file)
        https = _prove(port, house / "root.pem", token_file.read_text())
        print(
            f"\nproven: {https}\n"
            f"  sign in   user {_USERNAME}, password {_PASSWORD}\n"
            f"  root      {house / 'root.pem'}  (what a device would be given to trust)\n"
            f"  devices   {_HOUSEKEY} share --house {house}\n"
            "            (a page and a QR code that hand it out)\n"
            f"  try       curl --cacert {house / 'root.pem'} {https}/manifest.json",
            flush=True,
        )
        if not once:
            _stay(process)
    finally:
        process.stop()


def _install(release: Release) -> Path:
    venv = _DEMO / f"homeassistant-{release.version}"
    stamp = venv / "complete"
    what = " ".join(release.requirements())
    if not stamp.exists() or stamp.read_text() != what:
        _say(f"installing Home Assistant {release.version} into {venv} (once)")
        venv.parent.mkdir(exist_ok=True)
        install_here(release, venv)
        stamp.write_text(what)
    return venv


def _sign_up(url: str, process: Supervised) -> Path:
    """Do what the first visitor does; the file with their token."""
    if not wait_for(
        lambda: bool(Api(url).get("/api/onboarding")), timeout=300, alive=lambda: process.running
    ):
        raise DemoError(f"Home Assistant does not start; its log: {_DEMO / 'home-assistant.log'}")
    core = {"location_name": "Demo Home", "country": "NL", "time_zone": "Europe/Amsterdam"}
    user = first_user(url, name="Demo", username=_USERNAME, password=_PASSWORD, core=core)
    finish_first_visit(user)
    if not wait_for(lambda: bool(user.get("/api/config")["state"] == "RUNNING"), timeout=120):
        raise DemoError("Home Assistant does not finish starting")
    token_file = _DEMO / "token"
    token_file.unlink(missing_ok=True)
    with os.fdopen(os.open(token_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(long_lived_token(user))
    version = user.get("/api/config")["version"]
    _say(f"Home Assistant {version} answers at {url}; user {_USERNAME} signed up")
    return token_file


def _secure(config: Path, house: Path, url: str, token_file: Path) -> None:
    command = [
        *(str(_HOUSEKEY), "secure", "--config", str(config), "--url", url),
        *("--token-file", str(token_file), "--house", str(house), "--yes"),
    ]
    _say(" ".join(["housekey", *command[1:]]))
    code = subprocess.run(command, check=False).returncode
    if code != 0:
        raise DemoError(f"housekey secure ended with exit code {code}")


def _prove(port: int, root: Path, token: str) -> str:
    """Look at it as a device that trusts the root, and nothing else; its https address."""
    trusting = ssl.create_default_context(cafile=str(root))
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT
    https = f"https://localhost:{port}"
    try:
        manifest = Api(https, tls=trusting).get("/manifest.json")
        config = Api(https, token, tls=trusting).get("/api/config")
    except (OSError, CallError) as error:
        raise DemoError(f"not proven: {https} with {root}: {error}") from error
    _say(f"from outside: {https} verified with {root.name} only; {manifest['name']} answered")
    # A proof that could not fail would be none: without the root it must be refused.
    try:
        Api(https, tls=ssl.create_default_context()).get("/manifest.json")
    except urllib.error.URLError as error:
        if not isinstance(error.reason, ssl.SSLCertVerificationError):
            raise DemoError(f"not proven: {https}: {error.reason}") from error
        _say(f"from outside, without the root: refused ({error.reason.verify_message})")
    else:
        raise DemoError("not proven: a client without the root accepts the certificate too")
    internal: Any = config.get("internal_url")
    return str(internal or https)


def _stay(process: Supervised) -> None:
    print("\nCtrl-C ends it.", flush=True)
    try:
        while not process.wait(3600):
            pass
    except KeyboardInterrupt:
        print("\nstopping Home Assistant", flush=True)
        return
    raise DemoError(f"Home Assistant ended by itself; its log: {_DEMO / 'home-assistant.log'}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(f"demo: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
