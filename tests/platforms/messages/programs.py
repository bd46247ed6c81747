"""Real programs, asked to open an address: what they say when they cannot.

Each takes the address and the file with the root that it shall trust, or None for its own list.
"""

from __future__ import annotations

import os
import re
import ssl
import subprocess
import urllib.error
import urllib.request
from shutil import which
from typing import TYPE_CHECKING

from demo.release import uv_program
from tests.needs import require

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_SECONDS = 60


def _run(command: Sequence[str | Path], **env: str) -> str:
    # What this machine's owner may have told programs about roots and proxies.
    told = re.compile("proxy|^SSL_CERT|CA_BUNDLE|CAINFO|EXTRA_CA|^PIP_|^UV_|^NPM", re.IGNORECASE)
    plain = {key: value for key, value in os.environ.items() if not told.search(key)}
    done = subprocess.run(
        list(map(str, command)),
        env={**plain, "LC_ALL": "C.UTF-8", **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    return done.stdout + done.stderr


def _need(program: str) -> None:
    require(which(program) is not None, f"the program {program}")


def python(url: str, root: Path | None, folder: Path) -> str:
    return _python(url, root, strict=False)


def python_strict(url: str, root: Path | None, folder: Path) -> str:
    """As Python 3.13 and later do by themselves."""
    return _python(url, root, strict=True)


def _python(url: str, root: Path | None, *, strict: bool) -> str:
    context = ssl.create_default_context(cafile=root)
    if strict:
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    try:
        opener.open(url, timeout=10)
    except (urllib.error.URLError, OSError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def curl(url: str, root: Path | None, folder: Path) -> str:
    _need("curl")
    more = ["--cacert", str(root)] if root else []
    return _run(["curl", "-sS", "--max-time", "20", *more, url])


def curl_old_tls(url: str, root: Path | None, folder: Path) -> str:
    """As a device does that knows no TLS 1.3."""
    _need("curl")
    return _run(["curl", "-sS", "--tls-max", "1.2", "--cacert", str(root), url])


def openssl(url: str, root: Path | None, folder: Path) -> str:
    _need("openssl")
    place = url.split("/")[2]
    more = ["-CAfile", str(root)] if root else []
    host = place.split(":")[0]
    command = ["openssl", "s_client", "-verify_return_error", "-verify_hostname", host]
    return _run([*command, "-connect", place, *more])


def wget(url: str, root: Path | None, folder: Path) -> str:
    _need("wget")
    more = [f"--ca-certificate={root}"] if root else []
    return _run(["wget", "--tries=1", "--timeout=20", "-O-", *more, url])


def git(url: str, root: Path | None, folder: Path) -> str:
    """Debian's git speaks through GnuTLS."""
    _need("git")
    more = ["-c", f"http.sslCAInfo={root}"] if root else []
    return _run(["git", *more, "ls-remote", f"{url}x"], GIT_TERMINAL_PROMPT="0")


def gnutls(url: str, root: Path | None, folder: Path) -> str:
    _need("gnutls-cli")
    host, port = url.split("/")[2].split(":")
    more = [f"--x509cafile={root}"] if root else []
    return _run(["gnutls-cli", "-p", port, *more, host])


def uv(url: str, root: Path | None, folder: Path) -> str:
    """uv speaks through rustls."""
    command = [str(uv_program()), "pip", "install", "--dry-run", "--no-cache", "--no-config"]
    target = ["--target", str(folder / "x"), "--index-url", f"{url}simple", "no-such-thing"]
    env = {"SSL_CERT_FILE": str(root)} if root else {}
    return _run([*command, *target], UV_HTTP_RETRIES="0", **env)


_NODE = """
const url = process.argv[1];
require(url.split(':')[0]).get(url).on('error', error => { console.error(error); });
"""


def node(url: str, root: Path | None, folder: Path) -> str:
    _need("node")
    env = {"NODE_EXTRA_CA_CERTS": str(root)} if root else {}
    return _run(["node", "-e", _NODE, url], **env)


_GO = """
package main

import (
    "crypto/tls"
    "crypto/x509"
    "fmt"
    "net/http"
    "os"
)

func main() {
    settings := &tls.Config{}
    if len(os.Args) > 2 {
        text, _ := os.ReadFile(os.Args[2])
        settings.RootCAs = x509.NewCertPool()
        settings.RootCAs.AppendCertsFromPEM(text)
    }
    client := &http.Client{Transport: &http.Transport{TLSClientConfig: settings}}
    if _, err := client.Get(os.Args[1]); err != nil {
        fmt.Println(err)
    }
}
"""


def go(url: str, root: Path | None, folder: Path) -> str:
    _need("go")
    program = folder / "go-client"
    if not program.exists():
        (folder / "client.go").write_text(_GO)
        home = {"GOCACHE": str(folder / "go-cache"), "GO111MODULE": "off", "GOFLAGS": ""}
        built = _run(["go", "build", "-o", program, folder / "client.go"], **home)
        assert program.exists(), built
    return _run([program, url, *([root] if root else [])])


_JAVA = """
import java.io.FileInputStream;
import java.net.URL;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.*;

public class Client {
    public static void main(String[] given) throws Exception {
        if (given.length > 1) {
            KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
            store.load(null, null);
            CertificateFactory reader = CertificateFactory.getInstance("X.509");
            store.setCertificateEntry(
                "root", reader.generateCertificate(new FileInputStream(given[1])));
            TrustManagerFactory trust = TrustManagerFactory.getInstance(
                TrustManagerFactory.getDefaultAlgorithm());
            trust.init(store);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, trust.getTrustManagers(), null);
            HttpsURLConnection.setDefaultSSLSocketFactory(context.getSocketFactory());
        }
        try {
            new URL(given[0]).openStream();
        } catch (java.io.FileNotFoundException fine) {
            return;
        } catch (Exception error) {
            error.printStackTrace();
        }
    }
}
"""


def java(url: str, root: Path | None, folder: Path) -> str:
    _need("javac")
    if not (folder / "Client.class").exists():
        (folder / "Client.java").write_text(_JAVA)
        built = _run(["javac", "-Xlint:-deprecation", "-d", folder, folder / "Client.java"])
        assert (folder / "Client.class").exists(), built
    light = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    return _run(["java", *light, "-cp", folder, "Client", url, *([root] if root else [])])


ALL = {
    "python": python,
    "python strict": python_strict,
    "curl": curl,
    "curl with TLS 1.2": curl_old_tls,
    "openssl": openssl,
    "wget": wget,
    "git": git,
    "gnutls-cli": gnutls,
    "uv": uv,
    "node": node,
    "go": go,
    "java": java,
}
