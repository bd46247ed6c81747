"""Two views of one folder: the user's, and Home Assistant's.

In a container Home Assistant calls its configuration folder `/config`, wherever it lies on the
host; `GET /api/config` tells that name. Before anything is written, `judge` decides from evidence
whether the folder and the running instance belong together at all.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from housekey.errors import FileTrouble, UsageError
from housekey.house.files import Owner

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from housekey.homeassistant.client import Client, InstanceConfig
    from housekey.pki.secret import Secret

    Read = Callable[[Path], bytes]  # raises FileTrouble: `Files.read`

VERSION_FILE = ".HA_VERSION"
FIRST_WITH_TRIALS = (2026, 8)  # the first release that takes http settings by trial
# Home Assistant saves a new token after one second (auth/auth_store.py, DEFAULT_SAVE_DELAY,
# 2024.3.3 to 2026.11.0), and the disk of a small machine is slow.
TOKEN_SAVED_SECONDS = 5.0
# On Home Assistant OS, Core and the SSH app both see the same folder under this name.
_SHARED = PurePosixPath("/ssl")


@dataclass(frozen=True, slots=True)
class PathMap:
    """One configuration folder under its two names."""

    folder: Path  # as it is called here; absolute
    config_dir: PurePosixPath  # as Home Assistant calls it
    same_view: bool  # Home Assistant calls every file what it is called here

    def to_home_assistant(self, path: Path) -> str:
        """Return what Home Assistant calls the file at `path`, which need not exist yet.

        Raises UsageError for one that it cannot see. Whether a file outside the folder is there
        for it, Home Assistant itself checks before it changes anything (`not a file`).
        """
        path = Path(os.path.normpath(path))
        inside = _inside(path, self.folder)
        if inside is None:
            inside = _inside(path.parent.resolve() / path.name, self.folder.resolve())
        # A link that leads out of the folder leads nowhere inside a container.
        leads_out = not path.resolve().is_relative_to(self.folder.resolve())
        if inside is not None and (self.same_view or not leads_out):
            return str(self.config_dir / inside)
        if self.same_view or (inside is None and PurePosixPath(path).is_relative_to(_SHARED)):
            return str(path)
        raise UsageError(
            f"Home Assistant cannot see {path}: it runs in a container,"
            f" and its configuration folder is {self.folder}",
            hint=f"choose a file below {self.folder}",
        )

    def to_here(self, name: str) -> Path | None:
        """Return where the file that Home Assistant calls `name` is here; None when it is not."""
        # A relative path starts at Home Assistant's working directory, in its container images
        # the configuration folder.
        seen = PurePosixPath(os.path.normpath(self.config_dir / name))
        if seen.is_relative_to(self.config_dir):
            return self.folder / seen.relative_to(self.config_dir)
        if self.same_view or seen.is_relative_to(_SHARED):
            return Path(seen)
        return None


def map_paths(
    folder: Path,
    config_dir: str,
    *,
    same_file: Callable[[Path, Path], bool] | None = None,
) -> PathMap:
    """Map `folder` to `config_dir`; the views are the same if that name means that folder here.

    A container whose folder is mounted under the host's own name looks the same too: then only
    the folder itself is certain, and Home Assistant's check has the last word on other paths.
    """
    same = same_file or _same_file
    return PathMap(
        # Not resolved: messages say what the user said.
        folder=Path(os.path.abspath(folder)),  # noqa: PTH100
        config_dir=PurePosixPath(config_dir),
        same_view=same(folder, Path(config_dir)),
    )


def called_in_container(folder: Path) -> str | None:
    """Return what a Home Assistant in a container here calls `folder`; None when none does.

    For those who have no token and cannot ask it. Only root may look; but then a container's
    folder is root's as well. In Home Assistant's images it is always `/config`.
    """
    for root in Path("/proc").glob("[0-9]*/root"):
        if not _same_file(root / "config", Path("/config")) and _same_file(root / "config", folder):
            return "/config"
    return None


def runs_as(folder: Path) -> Owner:
    """Return the user that Home Assistant runs as, by the files that it writes afresh itself.

    Those in `.storage` are replaced at every change and so always bear its owner; `.HA_VERSION`
    keeps the owner of its first hour, and the folder may be anybody's.
    Raises FileTrouble when none of them can be looked at.
    """
    for name in (".storage/auth", ".storage/core.config", VERSION_FILE):
        try:
            status = (folder / name).stat()
        except OSError:
            continue
        return Owner(status.st_uid, status.st_gid)
    raise FileTrouble(
        folder,
        "it cannot be told which user Home Assistant runs as",
        hint="run housekey as a user who may read this folder, or with sudo",
    )


# Do the folder and the running instance belong together?


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the folder tells, beside what the running instance tells."""

    folder_version: str | None  # .HA_VERSION
    running_version: str
    differing: tuple[str, ...]  # what .storage/core.config has otherwise: "location_name", …
    # The token's own entry is in the folder's .storage/auth; None when there is no token, or the
    # file cannot be read.
    token_known: bool | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether folder and instance belong together."""

    belongs: bool
    reason: str  # for people; why not, or what it rests on


def judge(evidence: Evidence) -> Verdict:
    """Decide; one contradiction is enough for a no.

    Versions are compared first: a copy of the folder from before an update knows the token, too.
    Without a token's entry, everything else has to agree.
    """
    if evidence.folder_version != evidence.running_version:
        held = evidence.folder_version or "an unknown version"
        return Verdict(
            belongs=False,
            reason=f"the folder is of {held}, and {evidence.running_version} is running",
        )
    if evidence.token_known is False:
        return Verdict(
            belongs=False,
            reason="the folder does not know the token that the running Home Assistant accepts",
        )
    if evidence.differing:
        told = ", ".join(each.replace("_", " ") for each in evidence.differing)
        return Verdict(
            belongs=False, reason=f"the folder and the running Home Assistant differ in {told}"
        )
    if evidence.token_known:
        return Verdict(belongs=True, reason="the folder holds this very sign-in")
    return Verdict(belongs=True, reason="version, name and place agree")


async def gather_evidence(
    folder: Path,
    running: InstanceConfig,
    token: Secret | None,
    *,
    read: Read,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Evidence:
    """Look into `folder`, for up to five seconds when the token is not in it yet."""
    storage = folder / ".storage"
    held = _stored(storage / "core.config", read)
    return Evidence(
        folder_version=version_in(folder, read),
        running_version=running.version,
        # What was set in YAML leaves the stored values behind.
        differing=_differing(held, running) if held and running.config_source == "storage" else (),
        token_known=await _token_known(storage / "auth", token, read, sleep),
    )


async def shows_in(
    folder: Path,
    client: Client,
    *,
    read: Read,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> bool:
    """Whether what the running Home Assistant saves appears in `folder`: the proof for copies.

    A copy of a configuration folder knows the same tokens as the original. So a token is made
    that nobody keeps, looked for in the folder, and deleted again.
    """
    passing = await client.create_long_lived_token(
        f"housekey looks for its folder {secrets.token_hex(4)}", days=1
    )
    known = await _token_known(folder / ".storage" / "auth", passing, read, sleep)
    identifier = token_id(passing)
    if identifier is not None:
        await client.delete_token(identifier)
    return known is not False


def version_in(folder: Path, read: Read) -> str | None:
    """Return the version in the folder's .HA_VERSION; None when there is none to be read."""
    try:
        text = read(folder / VERSION_FILE).decode()
    except (FileTrouble, UnicodeDecodeError):
        return None
    return text.strip() or None


def version_of(text: str) -> tuple[int, int]:
    """Return year and month of a version such as `2026.11.0b3`."""
    year, _, rest = text.partition(".")
    month = rest.partition(".")[0]
    return (int(year), int(month)) if year.isdigit() and month.isdigit() else (0, 0)


def token_id(token: Secret) -> str | None:
    """Return the id of the entry in `.storage/auth` that an access token was made from.

    The `iss` of a JWT (auth/__init__.py, async_create_access_token; 2024.3.3 to 2026.11.0). It is
    only compared, so the signature does not matter.
    """
    parts = token.reveal().split(b".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + b"=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error):
        return None
    issuer = claims.get("iss") if isinstance(claims, dict) else None
    return issuer if isinstance(issuer, str) else None


async def _token_known(
    auth: Path,
    token: Secret | None,
    read: Read,
    sleep: Callable[[float], Awaitable[None]],
) -> bool | None:
    if token is None or (wanted := token_id(token)) is None:
        return None
    step = 0.5
    for attempt in range(int(TOKEN_SAVED_SECONDS / step) + 1):
        if attempt:
            await sleep(step)
        data = _stored(auth, read)
        if data is None:
            return None
        entries = data.get("refresh_tokens")
        if isinstance(entries, list) and any(
            isinstance(entry, dict) and entry.get("id") == wanted for entry in entries
        ):
            return True
    return False


def _differing(held: Mapping[str, object], running: InstanceConfig) -> tuple[str, ...]:
    told: Mapping[str, object] = {
        "location_name": running.location_name,
        "latitude": running.latitude,
        "longitude": running.longitude,
        "time_zone": running.time_zone,
        "country": running.country,
    }
    return tuple(key for key, value in told.items() if key in held and held[key] != value)


def _stored(path: Path, read: Read) -> Mapping[str, object] | None:
    """Return the data of one file of Home Assistant's store, or None."""
    try:
        parsed = json.loads(read(path))
    except (FileTrouble, ValueError):
        return None
    data = parsed.get("data") if isinstance(parsed, dict) else None
    return data if isinstance(data, dict) else None


def _inside(path: Path, folder: Path) -> Path | None:
    return path.relative_to(folder) if path.is_relative_to(folder) else None


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
