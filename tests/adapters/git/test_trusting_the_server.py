"""An unknown SSH host and an unknown certificate are refused, with a hint; configured ones are trusted."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.errors import Stalled
from tests.support.git_http import serve_git
from tests.support.git_reading import ReadingMaker, tag, told
from tests.support.git_repos import GitRepo

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin")


@pytest.fixture
def ssh_server(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A server on a free port that lets the key ``id`` in; yields the port and the directory of its files."""
    if SSHD is None or not shutil.which("ssh-keygen"):
        pytest.skip("no sshd on this machine")
    for name in ("host", "id"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": tmp_path / "host",
        "AuthorizedKeysFile": tmp_path / "id.pub",
        "StrictModes": "no",
        "PidFile": "none",
        "PasswordAuthentication": "no",
        "PermitRootLogin": "yes",
    }
    (tmp_path / "sshd_config").write_text("".join(f"{name} {value}\n" for name, value in options.items()))
    server = subprocess.Popen(
        [SSHD, "-D", "-e", "-f", str(tmp_path / "sshd_config")], stderr=subprocess.PIPE, text=True
    )
    try:
        assert server.stderr is not None
        for line in server.stderr:
            if "listening" in line:
                break
        else:
            pytest.skip("sshd does not run here")
        yield port, tmp_path
    finally:
        server.terminate()
        server.communicate()


async def test_an_ssh_host_is_trusted_only_if_it_is_known(
    repo: GitRepo, reading: ReadingMaker, ssh_server: tuple[int, Path]
) -> None:
    repo.commit({"tags/production/shop": tag("v1")})
    port, files = ssh_server
    user = Path.home().owner()
    url = f"ssh://{user}@127.0.0.1:{port}{repo.path}"
    with pytest.raises(Stalled, match=r"host key of ssh://127\.0\.0\.1:\d+/.* is not known: add it"):
        await reading(url=url, credentials={"ssh_key": str(files / "id")}).catch_up()
    key = (files / "host.pub").read_text().split()[:2]
    (files / "known").write_text(f"[127.0.0.1]:{port} {' '.join(key)}\n")
    known = {"ssh_key": str(files / "id"), "known_hosts": str(files / "known")}
    assert told(await reading(url=url, credentials=known).catch_up()) == ["production/shop v1"]
    with pytest.raises(Stalled, match="there is no repository at"):
        await reading(url=url + "nowhere", credentials=known).catch_up()


async def test_a_certificate_is_trusted_only_if_its_authority_is(
    repo: GitRepo, reading: ReadingMaker, tmp_path: Path
) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl on this machine")
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "3650", "-nodes"]
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")]
    subprocess.run([openssl, "req", "-x509", "-newkey", "rsa:2048", *subject, *files], check=True, capture_output=True)  # noqa: ASYNC221 - a test waits
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    repo.commit({"tags/production/shop": tag("v1")})
    async with serve_git(tmp_path, tls=tls) as base:
        url = f"{base}/infra/.git"
        with pytest.raises(Stalled, match=r"not trusted: set `credentials\.ca_file`"):
            await reading(url=url).catch_up()
        trusting = reading(url=url, credentials={"ca_file": str(tmp_path / "cert.pem")})
        assert told(await trusting.catch_up()) == ["production/shop v1"]
