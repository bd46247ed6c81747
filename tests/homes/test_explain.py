"""What real Home Assistants write into their logs is understood, and only what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from demo.api import wait_for
from demo.instance import free_port
from housekey.homeassistant import messages as home_assistant
from housekey.platforms.messages.catalogue import MESSAGES
from housekey.platforms.messages.explain import explain
from tests.cli.test_explain import piped
from tests.platforms.messages.servers import issued

if TYPE_CHECKING:
    from tests.conftest import NewHome

_HTTP = "homeassistant:\nfrontend:\nhttp:\n  server_port: {port}\n"


def test_the_log_of_a_home_that_is_well_explains_nothing(any_home: NewHome) -> None:
    home = any_home(start=False)
    with (home.config / "configuration.yaml").open("a") as configuration:
        configuration.write("\nlogger:\n  default: info\n")
    home.start()
    assert "Home Assistant initialized" in home.log
    told = explain(home.log, (*home_assistant.MESSAGES, *MESSAGES))
    # Waiting for its start, the test asks whether it speaks TLS; 2024.3.3 logs that, rightly.
    asked = r"b'\x16\x03\x01"
    wrong = [each for each in told if not each.seen[0].text.startswith(asked)]
    assert [(each.matter.id, each.seen[0].text) for each in wrong] == []


@pytest.mark.parametrize("broken", ["path", "pair"])
def test_a_wrong_certificate_in_yaml_is_explained_from_the_log(
    broken: str, home_2024: NewHome
) -> None:
    one, other = (issued("ha.lan", by=None, names=["ha.lan"]) for _ in range(2))
    port = free_port()
    tls = "  ssl_certificate: cert.pem\n  ssl_key: key.pem\n"
    files = {"configuration.yaml": _HTTP.format(port=port) + tls}
    home = home_2024(start=False, files=files, port=port)
    if broken == "pair":
        (home.config / "cert.pem").write_bytes(one.pem)
        (home.config / "key.pem").write_bytes(other.key_pem)
    text = files["configuration.yaml"].replace(": cert", f": {home.config}/cert")
    text = text.replace(": key", f": {home.config}/key")
    (home.config / "configuration.yaml").write_text(text)
    home.start(wait=False)
    assert wait_for(lambda: "recovery mode" in home.log, timeout=60), home.log
    done = piped(home.log.encode(), "--json")
    assert done.code == 0, done
    told = [each["matter"] for each in done.json["explanations"]]
    expected = {"path": "ha-not-a-file", "pair": "key-mismatch"}[broken]
    assert told[0] == expected, home.log
    assert "ha-recovery" in told
    assert str(home.config / "cert.pem") in str(done.json["explanations"][0]["values"])
