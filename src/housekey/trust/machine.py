"""This computer as it really is: its commands, its user, its rights.

Importable on Windows: what only Unix has is asked for when it is needed.
"""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from housekey.trust.store import Machine, Ran

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import PurePath

    from housekey.house.files import Files

# What a program may need to run at all. Nothing that says whom it is to trust, and no proxy.
_PASSED_ON = (
    *("USER", "LOGNAME", "TMPDIR", "TERM", "XDG_RUNTIME_DIR"),
    *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "TEMP", "TMP", "USERNAME"),
    *("USERPROFILE", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PROGRAMFILES", "PSMODULEPATH"),
)
# update-ca-certificates lies where a Debian user's own PATH does not look.
_OF_ADMINISTRATORS = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin")
NO_SUCH_PROGRAM = 127
NOT_IN_TIME = 124
_NOT_STARTED = 126


def this_machine() -> Machine:
    """Return the computer that this runs on, with the stores of the user who called.

    Under sudo that is SUDO_USER: root has no browser.
    """
    environ = dict(os.environ)
    system = platform.system()
    if system not in ("Linux", "Darwin", "Windows"):
        system = "Linux"  # the BSDs have none of its stores, and each of them says so
    home = _home(environ)
    path = _path(environ, windows=system == "Windows")
    return Machine(
        system=cast("Literal['Linux', 'Darwin', 'Windows']", system),
        files=_files(),
        run=SystemRunner(_environment(environ, path=path, home=home)),
        which=lambda program: shutil.which(program, path=path),
        home=home,
        environ=environ,
        administrator=_administrator(),
    )


class SystemRunner:
    """Runs commands on this machine with `environment` and nothing else of ours."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)

    def __call__(
        self,
        command: Sequence[str | PurePath],
        *,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        seconds: float = 60.0,
    ) -> Ran:
        """Run it to its end; after `seconds` it is ended, with all that it started."""
        try:
            process = subprocess.Popen(
                [os.fspath(part) for part in command],
                env={**self._environment, **(env or {})},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                process_group=0 if os.name == "posix" else None,
            )
        except FileNotFoundError:
            return Ran(NO_SUCH_PROGRAM, "", f"{command[0]}: there is no such program")
        except OSError as error:
            return Ran(_NOT_STARTED, "", f"{command[0]}: {error.strerror or error}")
        with process:
            try:
                out, err = process.communicate(stdin, timeout=seconds)
            except subprocess.TimeoutExpired:
                _end(process)
                return Ran(NOT_IN_TIME, "", f"{command[0]} did not end within {seconds:g} seconds")
            except BaseException:  # Ctrl-C
                _end(process)
                raise
        return Ran(
            process.returncode,
            out.decode(errors="replace"),
            err.decode(errors="replace"),
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it and what it started, so that nobody holds its pipes open."""
    if os.name == "posix":
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        except PermissionError:  # it has taken another user's rights
            process.kill()
    else:
        process.kill()
    process.wait()


def _environment(environ: Mapping[str, str], *, path: str, home: Path) -> dict[str, str]:
    # C: what a program says is read here, and is told in one language.
    kept = {name: environ[name] for name in _PASSED_ON if name in environ}
    return {**kept, "PATH": path, "HOME": str(home), "LC_ALL": "C"}


def _path(environ: Mapping[str, str], *, windows: bool) -> str:
    parts = [part for part in environ.get("PATH", os.defpath).split(os.pathsep) if part]
    if not windows:
        parts += [part for part in _OF_ADMINISTRATORS if part not in parts]
    return os.pathsep.join(parts)


def _home(environ: Mapping[str, str]) -> Path:
    user = environ.get("SUDO_USER")
    if user and _administrator():
        try:
            import pwd  # noqa: PLC0415 - not on Windows

            return Path(pwd.getpwnam(user).pw_dir)
        except (ImportError, KeyError):
            pass
    return Path.home()


def _administrator() -> bool:
    if hasattr(os, "geteuid"):
        return os.geteuid() == 0
    try:
        import ctypes  # noqa: PLC0415 - Windows alone needs it

        return bool(ctypes.windll.shell32.IsUserAnAdmin())  # type: ignore[attr-defined,unused-ignore]
    except (ImportError, AttributeError, OSError):
        return False


def _files() -> Files:
    """Return the disk. On Windows there is none yet: its stores need no file."""
    try:
        from housekey.house.files import Files  # noqa: PLC0415 - not on Windows
    except ImportError:
        return cast("Files", _NoFiles())
    return Files()


class _NoFiles:
    """Stands for the disk where `Files` cannot be: any use of it is a bug."""

    def __getattr__(self, name: str) -> object:
        raise NotImplementedError(f"no file is changed on this system ({name})")
