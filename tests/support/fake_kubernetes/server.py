"""A Kubernetes API server to test against: real HTTP on loopback, and every fault that a real one can show, on command."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.fake_kubernetes.patches import UnprocessableError, apply_patch
from tests.support.fake_kubernetes.selectors import BadSelectorError, matches
from tests.support.fake_kubernetes.store import CompactedError, ConflictError, Entry, Key, NotFoundError, Object, Store

KINDS = {
    "v1/namespaces": "Namespace",
    "v1/pods": "Pod",
    "apps/v1/deployments": "Deployment",
    "apps/v1/statefulsets": "StatefulSet",
    "apps/v1/daemonsets": "DaemonSet",
    "batch/v1/cronjobs": "CronJob",
    "batch/v1/jobs": "Job",
    "argoproj.io/v1alpha1/applications": "Application",
    "argoproj.io/v1alpha1/applicationsets": "ApplicationSet",
    "kustomize.toolkit.fluxcd.io/v1/kustomizations": "Kustomization",
    "helm.toolkit.fluxcd.io/v2/helmreleases": "HelmRelease",
    "source.toolkit.fluxcd.io/v1/gitrepositories": "GitRepository",
    "source.toolkit.fluxcd.io/v1/ocirepositories": "OCIRepository",
    "source.toolkit.fluxcd.io/v1/buckets": "Bucket",
    "source.toolkit.fluxcd.io/v1/helmrepositories": "HelmRepository",
    "source.toolkit.fluxcd.io/v1/helmcharts": "HelmChart",
    "image.toolkit.fluxcd.io/v1/imageupdateautomations": "ImageUpdateAutomation",
}
_CLUSTER_WIDE = {"v1/namespaces"}
_PATH = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/(?P<version>v[0-9a-z]+)(?:/namespaces/(?P<namespace>[^/]+))?"
    r"/(?P<plural>[a-z]+)(?:/(?P<name>[^/]+)(?P<status>/status)?)?\Z"
)
_REASONS = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict", 410: "Expired",
            415: "UnsupportedMediaType", 422: "Invalid", 429: "TooManyRequests", 500: "InternalError",
            503: "ServiceUnavailable", 504: "Timeout"}  # fmt: skip


class ApiError(Exception):
    def __init__(self, code: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.headers = code, message, headers or {}


@dataclass(eq=False)
class Watch:
    """One open watch."""

    resource: str
    namespace: str | None
    label_selector: str
    field_selector: str
    lines: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)
    stalled: bool = False
    transport: asyncio.Transport | None = None

    def tell(self, verb: str, obj: Object) -> None:
        self.lines.put_nowait(json.dumps({"type": verb, "object": obj}).encode() + b"\n")

    def see(self, entry: Entry) -> None:
        """Tell of a write as far as the selectors let it be seen: what stops matching was deleted for this watch."""
        if entry.resource != self.resource or (self.namespace is not None and entry.key[0] != self.namespace):
            return
        before = entry.before is not None and matches(entry.before, self.label_selector, self.field_selector)
        now = entry.verb != "DELETED" and matches(entry.obj, self.label_selector, self.field_selector)
        if now:
            self.tell("MODIFIED" if before else "ADDED", entry.obj)
        elif before:
            self.tell("DELETED", entry.obj)


@dataclass
class FakeKubernetes:
    """Write to ``store`` (or by HTTP); break things by the methods and attributes below."""

    store: Store = field(default_factory=Store)
    url: str = ""
    tokens: set[str] = field(default_factory=set)  # empty: everybody may
    forbidden: set[str] = field(default_factory=set)  # resources answered with 403
    kinds: dict[str, str] = field(default_factory=lambda: dict(KINDS))  # what it serves
    refusals: list[tuple[str, ApiError]] = field(
        default_factory=list
    )  # used up in order: (part of the path, what to say)
    gone_as_event: bool = True  # 410 for a watch as an ERROR event, or as an HTTP status
    chunk_size: int | None = None  # bytes of each write of a watch
    page_limit: int | None = None  # pages are never larger, whatever the client asks for
    watches: list[Watch] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    # --- faults on command -----------------------------------------------------------------------------------------

    def refuse(self, path: str, code: int, *, times: int = 1, retry_after: int | None = None) -> None:
        """Answer the next requests to a path that holds ``path`` with an error."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        self.refusals += [(path, ApiError(code, "on command", headers))] * times

    def cut(self, path: str = "", *, within_a_line: bool = False) -> int:
        """Reset the connections of watches; perhaps after half a line. Returns how many."""
        cut = [watch for watch in self.watches if path in watch.resource and watch.transport is not None]
        for watch in cut:
            assert watch.transport is not None
            if within_a_line:
                half = b'{"type":"MODIFIED","object":{"metadata":{"na'
                watch.transport.write(f"{len(half):x}\r\n".encode() + half + b"\r\n")
                watch.transport.close()
            else:
                watch.transport.abort()
            watch.transport = None
        return len(cut)

    def end(self, path: str = "") -> None:
        """End watches as their timeout would."""
        for watch in self.watches:
            if path in watch.resource:
                watch.lines.put_nowait(None)

    def stall(self, path: str = "") -> None:
        """Let watches go silent without ending."""
        for watch in self.watches:
            watch.stalled = watch.stalled or path in watch.resource

    def bookmark(self) -> None:
        """Send every watch a bookmark."""
        for watch in self.watches:
            metadata = {"resourceVersion": str(self.store.revision), "creationTimestamp": None}
            watch.tell("BOOKMARK", {"kind": self.kinds[watch.resource], "metadata": metadata})

    def repeat(self, path: str = "") -> None:
        """Tell every watch the last write once more."""
        for watch in self.watches:
            if path in watch.resource and (
                told := self.store.since(watch.resource, 0 if not self.store.compacted else self.store.compacted)
            ):
                watch.see(told[-1])

    async def watched(self, path: str = "", count: int = 1) -> None:
        """Return once so many watches of a resource are open."""
        async with self._changed:
            await self._changed.wait_for(lambda: sum(path in watch.resource for watch in self.watches) >= count)

    # --- the server ------------------------------------------------------------------------------------------------

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path_qs}")
        try:
            return await self._answer(request)
        except ApiError as error:
            return _refusal(error)
        except ConflictError as error:
            return _refusal(ApiError(409, str(error)))
        except NotFoundError:
            return _refusal(ApiError(404, f"{request.path} not found"))
        except CompactedError:
            return _refusal(ApiError(410, f"too old resource version: ({self.store.compacted})"))
        except (BadSelectorError, ValueError, KeyError) as error:
            return _refusal(ApiError(400, f"{type(error).__name__}: {error}"))
        except UnprocessableError as error:
            return _refusal(ApiError(422, str(error)))

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if self.tokens and request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            raise ApiError(401, "Unauthorized")
        for index, (path, error) in enumerate(self.refusals):
            if path in request.path_qs:
                del self.refusals[index]
                raise error
        if request.method == "GET" and (said := _discovery(request.path, self.kinds)) is not None:
            return web.json_response(said)
        match = _PATH.match(request.path)
        if match is None:
            raise NotFoundError
        prefix = f"{match['group']}/" if match["group"] else ""
        resource = f"{prefix}{match['version']}/{match['plural']}"
        if resource not in self.kinds:
            raise NotFoundError
        if match["plural"] in self.forbidden:
            raise ApiError(
                403, f'{match["plural"]} is forbidden: User "deploybridge" cannot list resource "{match["plural"]}"'
            )
        namespace, name = match["namespace"], match["name"]
        if name is not None:
            return await self._one(request, resource, (namespace or "", name), status=bool(match["status"]))
        if request.method == "POST":
            obj = await request.json()
            if resource not in _CLUSTER_WIDE:
                obj.setdefault("metadata", {}).setdefault("namespace", namespace)
            return self._object(resource, self.store.create(resource, obj, _manager(request)), 201)
        if request.query.get("watch") in {"1", "true"}:
            return await self._watch(request, resource, namespace)
        return self._list(request, resource, namespace)

    async def _one(self, request: web.Request, resource: str, key: Key, *, status: bool) -> web.Response:
        match request.method:
            case "GET":
                return self._object(resource, self.store.get(resource, key))
            case "DELETE":
                if resource == "v1/namespaces":
                    for other, objects in self.store.objects.items():
                        for each in [each for each in objects if each[0] == key[1]]:
                            self.store.delete(other, each)
                return self._object(resource, self.store.delete(resource, key))
            case "PUT":
                return self._object(
                    resource, self.store.update(resource, await request.json(), _manager(request), status=status)
                )
            case _:
                before = self.store.get(resource, key)
                try:
                    patched = apply_patch(before, await request.json(), request.content_type)
                except LookupError:
                    raise ApiError(
                        415, f"the body of the request was in an unknown format: {request.content_type}"
                    ) from None
                return self._object(resource, self.store.update(resource, patched, _manager(request), status=status))

    def _object(self, resource: str, obj: Object, status: int = 200) -> web.Response:
        group_version, _, _ = resource.rpartition("/")
        return web.json_response({"apiVersion": group_version, "kind": self.kinds[resource], **obj}, status=status)

    def _list(self, request: web.Request, resource: str, namespace: str | None) -> web.Response:
        query = request.query
        revision, after = self.store.revision, None
        if token := query.get("continue"):
            if "resourceVersion" in query or "resourceVersionMatch" in query:
                raise ApiError(400, "resourceVersionMatch is forbidden for continue requests")
            revision, *start = json.loads(base64.b64decode(token))
            after = (start[0], start[1])
        elif query.get("resourceVersionMatch") == "Exact":
            revision = int(query["resourceVersion"])
            if revision > self.store.revision:
                raise ApiError(504, f"Timeout: Too large resource version: {revision}, current: {self.store.revision}")
        if revision < self.store.compacted:
            raise ApiError(410, "The provided continue parameter is too old to display a consistent list result.")
        state = self.store.at(resource, revision)
        keys = [
            key
            for key in sorted(state)
            if (namespace is None or key[0] == namespace)
            and (after is None or key > after)
            and matches(state[key], query.get("labelSelector", ""), query.get("fieldSelector", ""))
        ]
        limit = min(int(query.get("limit") or 0) or len(keys), self.page_limit or len(keys) or 1)
        metadata: dict[str, Any] = {"resourceVersion": str(revision)}
        if len(keys) > limit > 0:
            metadata["continue"] = base64.b64encode(json.dumps([revision, *keys[limit - 1]]).encode()).decode()
            metadata["remainingItemCount"] = len(keys) - limit
        group_version, _, _ = resource.rpartition("/")
        items = [state[key] for key in keys[: limit or None]]
        body = {
            "kind": f"{self.kinds[resource]}List",
            "apiVersion": group_version,
            "metadata": metadata,
            "items": items,
        }
        return web.json_response(body)

    async def _watch(self, request: web.Request, resource: str, namespace: str | None) -> web.StreamResponse:
        query = request.query
        watch = Watch(resource, namespace, query.get("labelSelector", ""), query.get("fieldSelector", ""))
        wanted = query.get("resourceVersion", "")
        if wanted in {"", "0"}:
            for obj in self.store.objects.get(resource, {}).values():
                if (namespace is None or obj["metadata"].get("namespace") == namespace) and matches(
                    obj, watch.label_selector, watch.field_selector
                ):
                    watch.tell("ADDED", obj)
        else:
            try:
                for entry in self.store.since(resource, int(wanted)):
                    watch.see(entry)
            except CompactedError:
                if not self.gone_as_event:
                    raise
                watch.tell("ERROR", _status(ApiError(410, f"too old resource version: {wanted}")))
                watch.lines.put_nowait(None)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        self.store.listeners.append(watch.see)
        try:
            await response.prepare(request)
            watch.transport = request.transport  # type: ignore[assignment]
            await self._note(lambda: self.watches.append(watch))
            with contextlib.suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(float(query.get("timeoutSeconds") or 3600)):
                    await self._send(response, watch)
                await response.write_eof()
        finally:
            self.store.listeners.remove(watch.see)
            await self._note(lambda: self.watches.remove(watch) if watch in self.watches else None)
        return response

    async def _send(self, response: web.StreamResponse, watch: Watch) -> None:
        while (line := await watch.lines.get()) is not None:
            if watch.stalled:
                continue
            size = self.chunk_size or len(line)
            for start in range(0, len(line), size):
                await response.write(line[start : start + size])

    async def _note(self, change: Any) -> None:
        async with self._changed:
            change()
            self._changed.notify_all()


@asynccontextmanager
async def serve_kubernetes(
    fake: FakeKubernetes | None = None, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[FakeKubernetes]:
    """A server on a free port of loopback."""
    fake = fake or FakeKubernetes()
    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", fake.answer)
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=0.1, access_log=None, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    host, port = runner.addresses[0][:2]
    fake.url = f"http{'s' if tls else ''}://{host}:{port}"
    try:
        yield fake
    finally:
        fake.end()
        await runner.cleanup()


def _manager(request: web.Request) -> str:
    agent = request.headers.get("User-Agent", "unknown").partition("/")[0]
    return request.query.get("fieldManager") or agent


def _status(error: ApiError) -> Object:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": error.message,
        "reason": _REASONS.get(error.code, "Unknown"),
        "code": error.code,
    }


def _refusal(error: ApiError) -> web.Response:
    return web.json_response(_status(error), status=error.code, headers=error.headers)


def _discovery(path: str, kinds: dict[str, str]) -> Object | None:
    """Enough for kubectl to find its way."""
    if path == "/version":
        return {"major": "1", "minor": "34", "gitVersion": "v1.34.0-fake", "platform": "linux/amd64"}
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    groups = sorted({resource.rpartition("/")[0] for resource in kinds} - {"v1"})
    if path == "/apis":
        rows = []
        for group_version in groups:
            name, _, version = group_version.partition("/")
            known = {"groupVersion": group_version, "version": version}
            rows.append({"name": name, "versions": [known], "preferredVersion": known})
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": rows}
    group_version = path.removeprefix("/apis/").removeprefix("/api/")
    if group_version not in {*groups, "v1"}:
        return None
    resources = [
        {
            "name": resource.rpartition("/")[2],
            "singularName": kind.lower(),
            "namespaced": resource not in _CLUSTER_WIDE,
            "kind": kind,
            "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
        }
        for resource, kind in kinds.items()
        if resource.rpartition("/")[0] == group_version
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}
