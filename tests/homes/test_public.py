"""A public name on real Home Assistants: a real DNS server, Let's Encrypt's own test CA, no fakes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.homes.looks import contents, presented
from tests.homes.public import NAME, public_owner

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import NewHome


def test_a_home_assistant_ends_on_https_under_its_public_name_and_goes_back_byte_for_byte(
    home_2026_7: NewHome, tmp_path: Path
) -> None:
    home = home_2026_7()
    before = contents(home)
    with public_owner(home, tmp_path / "owner") as owner:
        done = owner.secure()
        assert done.code == 0, done
        told = done.json
        assert told["names"] == [NAME]
        assert told["proven"] == {NAME: True}
        assert presented(home, owner.root, NAME, host="127.0.0.1") == told["certificate"]["sha256"]
        print(done)
        undone = owner.run("undo")
        assert undone.code == 0, undone
        assert contents(home) == before
