"""`housekey share` after `housekey secure`: the page leads to the very Home Assistant."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING
from urllib.request import urlopen

from tests.cli.visiting import Device, Sharing
from tests.command import Owner, housekey

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import NewHome


def test_the_page_leads_to_where_home_assistant_answers_now(
    any_home: NewHome, tmp_path: Path
) -> None:
    owner = Owner.of(any_home(), tmp_path)
    secured = owner.secure()
    assert secured.code == 0, secured

    with Sharing(owner.house, "--once", "--json") as sharing:
        device = Device(sharing.answers())
        led_to = device.prove()["home_assistant"]
        done = sharing.end()

    # What the device is led to answers, under a certificate that it trusts now.
    owner.home.wait_until_running(scheme="https")
    context = ssl.create_default_context(cafile=str(sharing.root))
    with urlopen(f"{led_to}/manifest.json", context=context, timeout=20) as answer:
        assert answer.status == 200
    assert done.json["home_assistant"] == secured.json["home_assistant"]["url"]
    status = housekey("status", "--house", owner.house)
    assert "devices   1 trusts the root: iPhone (Safari)" in status.out

    assert owner.undo().code == 0
    with Sharing(owner.house) as sharing:
        sharing.expect("no Home Assistant was taken to https from this house")
