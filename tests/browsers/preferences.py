"""What Firefox is told before it starts: its preferences, and an enterprise's policies."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Nothing may leave the machine, and nothing may be in the way.
PREFERENCES: dict[str, Any] = {
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.aboutwelcome.enabled": False,
    "browser.pagethumbnails.capturing_disabled": True,
    "browser.region.network.url": "",
    "browser.safebrowsing.blockedURIs.enabled": False,
    "browser.safebrowsing.downloads.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.search.update": False,
    "browser.sessionhistory.max_total_viewers": 0,
    "browser.sessionstore.resume_from_crash": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "browser.startup.page": 0,
    "browser.newtabpage.enabled": False,
    "browser.newtabpage.activity-stream.feeds.system.topstories": False,
    "datareporting.healthreport.uploadEnabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    # One process for all pages, which are a test's own, and none kept: half the work.
    "dom.ipc.processCount": 1,
    "dom.ipc.processPrelaunch.enabled": False,
    "dom.push.connection.enabled": False,
    "extensions.getAddons.cache.enabled": False,
    "extensions.systemAddon.update.enabled": False,
    "extensions.update.enabled": False,
    "fission.autostart": False,
    "fission.bfcacheInParent": False,
    "media.gmp-manager.updateEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.disablePrefetch": True,
    "network.http.speculative-parallel-limit": 0,
    "network.prefetch-next": False,
    "network.trr.mode": 5,
    "security.OCSP.enabled": 0,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "signon.autofillForms": False,
    "toolkit.telemetry.enabled": False,
    "toolkit.telemetry.server": "data:,",
    "toolkit.telemetry.unified": False,
    "ui.useOverlayScrollbars": 1,  # so that a page is as wide as its window
}


def way_out(proxy: str | None, hosts: Sequence[str]) -> dict[str, Any]:
    """Return the preferences that lead everything to the proxy, or nowhere."""
    here = ("localhost", "127.0.0.1", "[::1]", *(f"[{it}]" if ":" in it else it for it in hosts))
    # Port 9 is discard's, and nobody listens there.
    host, _, port = (proxy or "127.0.0.1:9").rpartition(":")
    return {
        "network.proxy.type": 1,
        "network.proxy.http": host,
        "network.proxy.http_port": int(port),
        "network.proxy.ssl": host,
        "network.proxy.ssl_port": int(port),
        "network.proxy.failover_direct": False,
        "network.proxy.no_proxies_on": ", ".join([] if proxy else here),
        "network.dns.localDomains": ", ".join(host for host in hosts if ":" not in host),
        "network.proxy.allow_hijacking_localhost": proxy is not None,
    }


def with_policies(folder: Path, policies: Mapping[str, Any]) -> Path:
    """Make a Firefox in `folder` that has an enterprise's `policies`, and return its program.

    Its files are those of Debian's, by links. It looks for policies beside its own program
    (https://mozilla.github.io/policy-templates/), so that no other Firefox meets these.
    """
    debian = Path("/usr/lib/firefox-esr")
    (folder / "distribution").mkdir(parents=True)
    for each in debian.iterdir():
        if each.name.startswith("firefox"):  # links would lead back
            shutil.copy(each, folder / each.name)
        elif each.name != "distribution":
            (folder / each.name).symlink_to(each)
    (folder / "distribution/policies.json").write_text(json.dumps({"policies": policies}))
    return folder / "firefox-esr"
