"""The manifests under config/ work as they are: their requests are answered, and every word of their templates is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from aiohttp.test_utils import TestClient

from bridge.api import examples as shown
from tests.support.cd_pollers import ApplicationSet, InputProvider
from tests.support.fake_bridge import FakeBridge

Client = TestClient[Any, Any]
CONFIG = Path(__file__).parents[2] / "config"


def objects(path: str) -> dict[str, Any]:
    return {each["kind"]: each for each in yaml.safe_load_all((CONFIG / path).read_text(encoding="utf-8")) if each}


async def declare(client: Client) -> None:
    body = {"service": "shop", "environment": "production", "artifacts": ["ghcr.io/acme/shop:1.10"]}
    assert (await client.post("/api/v1/intents", json=body)).status == 201


async def test_the_applicationset_is_answered_with_all_that_its_template_needs(client: Client) -> None:
    await declare(client)
    made = objects("argocd/applicationset.yaml")
    (generator,) = made["ApplicationSet"]["spec"]["generators"]
    argo = ApplicationSet(client.host, client.port or 0, generator["plugin"]["input"]["parameters"])
    await argo.reconcile()
    used = set(re.findall(r"{{\.(\w+)}}", str(made["ApplicationSet"]["spec"]["template"])))
    assert used
    assert all(argo.applications["shop"][name] for name in used)
    assert made["ApplicationSet"]["spec"]["syncPolicy"] == {"applicationsSync": "create-update"}
    assert generator["plugin"]["configMapRef"]["name"] == made["ConfigMap"]["metadata"]["name"]
    assert made["ConfigMap"]["data"]["token"].startswith("$")


async def test_the_resourceset_is_answered_with_all_that_its_template_needs(client: Client) -> None:
    await declare(client)
    made = objects("flux/resourceset.yaml")
    provider = made["ResourceSetInputProvider"]["spec"]
    url = urlsplit(provider["url"])
    flux = InputProvider(client.host, client.port or 0, f"{url.path}?{url.query}", limit=provider["filter"]["limit"])
    await flux.reconcile()
    used = set(re.findall(r"<< inputs\.(\w+)", str(made["ResourceSet"]["spec"]["resources"])))
    assert used >= {"id", "tag", "intent"}
    assert all(flux.exported[0][name] for name in used)


async def test_the_answers_shown_in_the_description_have_the_keys_of_the_real_ones(
    client: Client, bridge: FakeBridge
) -> None:
    await declare(client)
    real = await (await client.get("/api/v1/flux/inputs?environment=production")).json()
    assert list(real["inputs"][0]) == list(shown.FLUX_INPUTS["inputs"][0])
    real = await (await client.get("/api/v1/desired")).json()
    assert list(real) == list(shown.DESIRED)
    assert real["targets"][0].keys() == shown.DESIRED["targets"][0].keys()  # type: ignore[index,attr-defined]
    real = await (await client.post("/api/v1/getparams.execute", json=shown.PLUGIN_BODY)).json()
    parameters = real["output"]["parameters"]
    assert list(parameters[0]) == list(shown.PLUGIN_OUTPUT["output"]["parameters"][0])
    assert {type(value) for value in parameters[0].values()} == {str, list}
    assert bridge.tokens == ()
