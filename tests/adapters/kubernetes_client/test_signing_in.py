"""Where a cluster is and how to sign in, from a kubeconfig or as a pod; and what is refused with a reason."""

from __future__ import annotations

import base64
import stat
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.kubernetes_client import ConnectionSettings
from adapters.kubernetes_client.kubeconfig import Access, find_access
from bridge.errors import Stalled
from tests.support import scenarios
from tests.support.certificates import make_certificate
from tests.support.fake_clock import FakeClock
from tests.support.kubeconfig import write_kubeconfig

SERVER = "https://cluster.example:6443"


def access(path: Path, clock: FakeClock | None = None, **settings: Any) -> Access:
    made = ConnectionSettings(kubeconfig=path, **settings)
    return find_access(made, clock or FakeClock(scenarios.EPOCH))


async def test_a_token_a_password_or_nothing(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    for user, header in [
        ({"token": "abc"}, "Bearer abc"),
        ({"username": "ann", "password": "pw"}, "Basic " + base64.b64encode(b"ann:pw").decode()),
        ({}, None),
    ]:
        found = access(write_kubeconfig(path, SERVER, user=user))
        assert (await found.credentials.headers()).get("Authorization") == header
    assert found.server == SERVER


async def test_a_token_file_is_read_again_after_a_minute_and_after_a_refusal(tmp_path: Path) -> None:
    clock = FakeClock(scenarios.EPOCH)
    (tmp_path / "token").write_text("one\n")
    found = access(write_kubeconfig(tmp_path / "kubeconfig", SERVER, token_file="token"), clock)
    assert await found.credentials.headers() == {"Authorization": "Bearer one"}
    (tmp_path / "token").write_text("two")
    assert await found.credentials.headers() == {"Authorization": "Bearer one"}
    clock.move_to(scenarios.EPOCH + timedelta(seconds=61))
    assert await found.credentials.headers() == {"Authorization": "Bearer two"}
    (tmp_path / "token").write_text("three")
    assert found.credentials.refused()
    assert await found.credentials.headers() == {"Authorization": "Bearer three"}


def test_a_client_certificate_may_stand_in_the_file_or_beside_it(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    beside = {"client-certificate": certificate.name, "client-key": key.name}
    inline = {
        "client-certificate-data": base64.b64encode(certificate.read_bytes()).decode(),
        "client-key-data": base64.b64encode(key.read_bytes()).decode(),
    }
    trust = {"certificate-authority": certificate.name}
    for user in (beside, inline):
        found = access(write_kubeconfig(tmp_path / "kubeconfig", SERVER, user=user, cluster=trust))
        assert found.tls is not None
        assert len(found.tls.get_ca_certs()) >= 1


@pytest.mark.parametrize(
    ("user", "cluster", "said"),
    [
        ({"auth-provider": {"name": "gcp"}}, {}, "uses an auth-provider"),
        ({"exec": {"command": "cloud-login"}}, {}, "allow it with `exec_plugins: true`"),
        ({"client-certificate-data": "AAAA"}, {}, "without its key"),
        ({"client-certificate-data": "AAAA", "client-key-data": "AAAA"}, {}, "a certificate or key that is none"),
        ({"tokenFile": "missing"}, {}, "can't be read"),
        ({}, {"certificate-authority": "missing.pem"}, "can't be read"),
        ({}, {"server": "ftp://x"}, "no http or https address"),
    ],
    ids=str,
)
async def test_what_can_not_be_honoured_is_refused_with_a_reason(
    tmp_path: Path, user: dict[str, Any], cluster: dict[str, Any], said: str
) -> None:
    path = write_kubeconfig(tmp_path / "kubeconfig", SERVER, user=user, cluster=cluster)
    with pytest.raises(Stalled, match=said):
        await access(path).credentials.headers()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "is no YAML: line"),
        ("- a", "is no mapping"),
        ("{}", "has no current-context"),
        ("current-context: x", "has no entry 'x' in contexts"),
    ],
)
def test_a_broken_kubeconfig_says_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "kubeconfig").write_text(text)
    with pytest.raises(Stalled, match=said):
        access(tmp_path / "kubeconfig")


async def test_an_allowed_exec_plugin_is_run_once_until_its_token_ends(tmp_path: Path) -> None:
    clock = FakeClock(scenarios.EPOCH)
    plugin = tmp_path / "login"
    plugin.write_text(
        f"#!{sys.executable}\nimport json, os, pathlib\n"
        "runs = pathlib.Path(__file__).with_name('runs'); runs.write_text((runs.read_text() if runs.exists() else '') + 'x')\n"
        "info = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
        "print(json.dumps({'apiVersion': info['apiVersion'], 'kind': 'ExecCredential', 'status': {\n"
        "    'token': os.environ['WHO'] + str(len(runs.read_text())), 'expirationTimestamp': '2026-01-01T12:10:00Z'}}))\n"
    )
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    user = {
        "exec": {
            "command": "./login",
            "env": [{"name": "WHO", "value": "me"}],
            "apiVersion": "client.authentication.k8s.io/v1",
        }
    }
    found = access(write_kubeconfig(tmp_path / "kubeconfig", SERVER, user=user), clock, exec_plugins=True)
    for _ in range(2):
        assert await found.credentials.headers() == {"Authorization": "Bearer me1"}
    clock.move_to(scenarios.EPOCH + timedelta(minutes=10))
    assert await found.credentials.headers() == {"Authorization": "Bearer me2"}


def test_as_a_pod_the_service_account_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    clock = FakeClock(scenarios.EPOCH)
    with pytest.raises(Stalled, match="say `connection"):
        find_access(ConnectionSettings(), clock, tmp_path)
    certificate, _ = make_certificate(tmp_path)
    certificate.rename(tmp_path / "ca.crt")
    (tmp_path / "token").write_text("abc")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")
    assert find_access(ConnectionSettings(), clock, tmp_path).server == "https://[fd00::1]:6443"
