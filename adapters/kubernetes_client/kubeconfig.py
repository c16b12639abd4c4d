"""Reads a kubeconfig, or what a pod finds in its own file system, into an address, a trust and a credential.

Fields: ``k8s.io/client-go/tools/clientcmd/api/v1``. Relative paths start beside the kubeconfig. What can't be honoured is refused.
"""

from __future__ import annotations

import base64
import binascii
import os
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from adapters.kubernetes_client.credentials import Credentials, FixedHeaders, TokenFile, basic, bearer
from adapters.kubernetes_client.exec_plugin import ExecPlugin
from adapters.kubernetes_client.settings import ConnectionSettings
from bridge.clock import Clock
from bridge.errors import Stalled
from bridge.formats.located_yaml import Unparsable, read_document

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_LARGEST = 4 * 1024 * 1024  # bytes; inline certificates of many clusters

Table = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach a cluster. ``server_name``: the name that its certificate must have, where it is not the address's."""

    server: str
    credentials: Credentials
    tls: ssl.SSLContext | None
    server_name: str | None = None
    proxy: str | None = None


def find_access(settings: ConnectionSettings, clock: Clock, service_account: Path = SERVICE_ACCOUNT) -> Access:
    """Read what ``settings`` point at. Blocks for the files.

    Raises:
        Stalled: something is missing, can't be read, or is of a kind that is not supported.
    """
    if settings.kubeconfig is None:
        return _in_cluster(service_account, clock)
    return _KubeConfig(settings.kubeconfig).access(settings, clock)


def _in_cluster(folder: Path, clock: Clock) -> Access:
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise Stalled("not in a cluster (KUBERNETES_SERVICE_HOST is not set): say `connection: {kubeconfig: FILE}`")
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(cafile=folder / "ca.crt")
    except (OSError, ssl.SSLError) as error:
        raise Stalled(f"the cluster's authority {folder / 'ca.crt'} can't be read: {error}") from None
    shown = f"[{host}]" if ":" in host else host
    return Access(f"https://{shown}:{port}", TokenFile(folder / "token", clock), context)


class _KubeConfig:
    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with path.open("rb") as handle:
                value = read_document(handle.read(_LARGEST).decode()).value
        except (OSError, UnicodeDecodeError) as error:
            raise Stalled(f"the kubeconfig {path} can't be read: {error}") from None
        except Unparsable as error:
            raise Stalled(f"the kubeconfig {path} is no YAML: line {error.faults[0].line}") from None
        if not isinstance(value, dict):
            raise Stalled(f"the kubeconfig {path} is no mapping")
        self._value: Table = value

    def access(self, settings: ConnectionSettings, clock: Clock) -> Access:
        name = settings.context or self._text(self._value, "current-context")
        if not name:
            raise Stalled(f"the kubeconfig {self._path} has no current-context: say `context`")
        context = self._named("contexts", "context", name)
        cluster = self._named("clusters", "cluster", self._text(context, "cluster"))
        user_name = self._text(context, "user")
        user: Table = self._named("users", "user", user_name) if user_name else {}
        server = self._text(cluster, "server")
        if not server.startswith(("https://", "http://")):
            raise Stalled(f"the kubeconfig {self._path}: the server of {name!r} is no http or https address")
        credentials = self._credentials(user, settings, clock)
        return Access(
            server=server.rstrip("/"),
            credentials=credentials,
            tls=self._tls(cluster, user) if server.startswith("https://") else None,
            server_name=self._text(cluster, "tls-server-name") or None,
            proxy=self._text(cluster, "proxy-url") or None,
        )

    def _credentials(self, user: Table, settings: ConnectionSettings, clock: Clock) -> Credentials:
        if token_file := self._text(user, "tokenFile"):
            return TokenFile(self._path.parent / token_file, clock)
        if token := self._text(user, "token"):
            return FixedHeaders(bearer(token))
        if username := self._text(user, "username"):
            return FixedHeaders(basic(username, self._text(user, "password")))
        if "auth-provider" in user:
            raise Stalled(
                f"the kubeconfig {self._path} uses an auth-provider, which Kubernetes itself gave up: use exec"
            )
        plugin = user.get("exec")
        if not isinstance(plugin, dict):
            return FixedHeaders({})
        if not settings.exec_plugins:
            said = f"runs {self._text(plugin, 'command')!r} to sign in; allow it with `exec_plugins: true`"
            raise Stalled(f"the kubeconfig {self._path} {said}, or use a token or a client certificate")
        return self._exec_plugin(plugin, clock)

    def _exec_plugin(self, plugin: Table, clock: Clock) -> ExecPlugin:
        arguments, environment = plugin.get("args"), plugin.get("env")
        pairs = [each for each in environment if isinstance(each, dict)] if isinstance(environment, list) else []
        command = self._text(plugin, "command")
        return ExecPlugin(
            command=str(self._path.parent / command) if "/" in command else command,
            arguments=[str(each) for each in arguments] if isinstance(arguments, list) else [],
            environment={self._text(pair, "name"): self._text(pair, "value") for pair in pairs},
            api_version=self._text(plugin, "apiVersion") or "client.authentication.k8s.io/v1",
            clock=clock,
        )

    def _tls(self, cluster: Table, user: Table) -> ssl.SSLContext:
        context = ssl.create_default_context()
        try:
            if (authority := self._content(cluster, "certificate-authority")) is not None:
                context.load_verify_locations(cadata=authority.decode())
            if self._text(cluster, "insecure-skip-tls-verify") == "true":
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            certificate, key = self._content(user, "client-certificate"), self._content(user, "client-key")
            if (certificate is None) != (key is None):
                raise Stalled(
                    f"the kubeconfig {self._path} has a client certificate without its key, or the other way round"
                )
            if certificate is not None and key is not None:
                _load_pair(context, certificate, key)
        except (ssl.SSLError, ValueError):
            raise Stalled(f"the kubeconfig {self._path} holds a certificate or key that is none") from None
        return context

    def _content(self, table: Table, key: str) -> bytes | None:
        """``key-data`` (base64) before ``key`` (a path), as kubectl has it."""
        if inline := self._text(table, f"{key}-data"):
            try:
                return base64.b64decode(inline, validate=False)
            except binascii.Error:
                raise Stalled(f"the kubeconfig {self._path}: {key}-data is not base64") from None
        if not (path := self._text(table, key)):
            return None
        try:
            return (self._path.parent / path).read_bytes()
        except OSError as error:
            raise Stalled(f"the kubeconfig {self._path}: {key} can't be read: {error.strerror}") from None

    def _named(self, table: str, inner: str, name: str) -> Table:
        rows = self._value.get(table)
        for row in rows if isinstance(rows, list) else []:
            if isinstance(row, dict) and row.get("name") == name and isinstance(row.get(inner), dict):
                found: Table = row[inner]
                return found
        raise Stalled(f"the kubeconfig {self._path} has no entry {name!r} in {table}")

    @staticmethod
    def _text(table: Table, key: str) -> str:
        value = table.get(key)
        return value if isinstance(value, str) else ""


def _load_pair(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """OpenSSL takes a pair from files only: one of our own, seen by nobody else and gone at once."""
    with tempfile.NamedTemporaryFile(prefix="deploybridge-") as handle:  # made with mode 0600
        handle.write(certificate.rstrip() + b"\n" + key)
        handle.flush()
        context.load_cert_chain(handle.name, password=lambda: b"")
