"""`housekey check` on the folders of real Home Assistants."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from housekey.pki.keys import KeyType, PrivateKey
from tests.command import Owner, housekey
from tests.homes.looks import presented

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command import Done
    from tests.conftest import NewHome


def check(owner: Owner, *more: str) -> Done:
    """Check the folder, without a token, for what curl and Home Assistant's own Python say."""
    platforms = ("--platform", "openssl", "--platform", "python")
    arguments: tuple[str | Path, ...] = ("--house", owner.house, "--json", *platforms, *more)
    return housekey("check", owner.home.config, *arguments)


def told(done: Done) -> dict[str, str]:
    """Return the findings beside the platforms' that are not only good to know."""
    found: list[dict[str, Any]] = done.json["findings"]
    return {f["rule"]: f["message"] for f in found if f["severity"] != "info"}


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


@pytest.mark.parametrize("release", ["home_2024", "home_2026_11"])
def test_a_secured_home_assistant_is_as_it_should_be_until_its_key_is_open_to_others(
    release: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    new: NewHome = request.getfixturevalue(release)
    owner = Owner.of(new(), tmp_path)
    home = owner.home
    plain = check(owner)
    assert plain.code == 3, plain
    assert "is configured for plain http" in plain.err
    assert owner.secure().code == 0
    home.wait_until_running(scheme="https")

    good = check(owner)

    assert good.code == 0, good
    assert told(good) == {}
    assert good.json["names"] == sorted(good.json["names"], key=good.json["names"].index)
    assert "localhost" in good.json["names"]
    found = good.json["home_assistant"]
    assert found["version"] == home.version
    assert found["certificate_path"] == str(home.config / "certificate.pem")
    assert found["key_path"] == str(home.config / "privkey.pem")
    assert found["answers"] is True
    assert found["configured_by"] == (".storage/http" if home.has_trials else "configuration.yaml")
    assert good.json["chain"][0]["sha256"] == presented(home, owner.house / "root.pem")

    # Somebody follows an old guide.
    key, certificate = home.config / "privkey.pem", home.config / "certificate.pem"
    before = key.read_bytes()
    for wrong in (0o644, 0o755):
        key.chmod(wrong)
        certificate.chmod(0o666)
        opened = check(owner)
        assert opened.code == 1
        assert set(told(opened)) == {"HOME-04", "HOME-05"}
        assert f"(mode {wrong:o}, and 600 is the most)" in told(opened)["HOME-04"]
        assert mode(key) == wrong  # looking changes nothing

        mended = check(owner, "--fix")

        assert mended.code == 0, mended
        assert len(mended.json["home_assistant"]["mended"]) == 2
        assert (mode(key), mode(certificate)) == (0o600, 0o644)
        assert key.read_bytes() == before
    if os.geteuid() == 0:
        os.chown(key, 4711, 4711)
        assert "user 4711" in told(check(owner))["HOME-04"]
        assert check(owner, "--fix").code == 0
        assert key.stat().st_uid == home.config.joinpath(".storage/auth").stat().st_uid

    # Another leaf lies there than the one that is served.
    other = tmp_path / "other"
    made = housekey("cert", "new", "localhost", "--house", owner.house, "--out", other, "--yes")
    assert made.code == 0, made
    for file in (key, certificate):
        shutil.copy(other / file.name, file)
    differing = check(owner)
    assert differing.code == 1
    assert set(told(differing)) == {"HOME-08"}
    # Devices meet what is served, and that is what is judged.
    assert differing.json["chain"] == good.json["chain"]


def test_recovery_mode_is_told_with_its_reason(home_2024: NewHome, tmp_path: Path) -> None:
    owner = Owner.of(home_2024(), tmp_path)
    assert owner.secure().code == 0
    home = owner.home
    home.stop()
    stopped = check(owner)
    assert stopped.code == 0, stopped
    assert stopped.json["home_assistant"]["answers"] is False
    key = home.config / "privkey.pem"
    key.write_bytes(PrivateKey.generate(KeyType.ECDSA_P256).to_pem().reveal())
    home.start(wait=False)
    home.wait_until_running(scheme="https")

    done = check(owner)

    assert done.code == 1
    assert set(told(done)) == {"HOME-07", "HOME-09"}
    assert "do not belong together" in told(done)["HOME-07"]
    assert "recovery mode" in told(done)["HOME-09"]
    assert "Home Assistant Emergency Certificate" in done.json["chain"][0]["subject"]
    assert not [v for v in done.json["verdicts"] if v["accepts"]]
    # From outside it is told as well.
    outside = housekey("check", f"localhost:{home.port}", "--house", owner.house, "--json")
    assert (outside.code, outside.json["findings"][0]["rule"]) == (1, "HOME-09")


def test_a_stale_yaml_block_is_told_and_worse_when_its_file_is_gone(
    home_2026_11: NewHome, tmp_path: Path
) -> None:
    owner = Owner.of(home_2026_11(), tmp_path)
    assert owner.secure().code == 0
    yaml = owner.home.config / "configuration.yaml"
    block = "http:\n  ssl_certificate: /config/old.pem\n  ssl_key: /config/old.pem\n"
    yaml.write_text(f"{yaml.read_text()}\n{block}")
    old = owner.home.config / "old.pem"
    shutil.copy(owner.home.config / "certificate.pem", old)
    done = check(owner)
    assert done.code == 0, done
    assert "ignores the http: block" in told(done)["HOME-10"]
    old.unlink()
    worse = check(owner)
    assert worse.code == 1
    assert "names /config/old.pem, which is not there" in told(worse)["HOME-10"]
