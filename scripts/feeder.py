"""A small honest feeder: it bumps images in a Git repository, declares intents by API, and reports what would run.

Each target lives its own life: mostly a version declared in both models and then rolled out; now and then a bump overtaken
by the next, a rollback, a failed rollout, a change behind everyone's back, or a version that only Git knows.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import random
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

SERVICES = ("shop", "cart", "search")
ENVIRONMENTS = ("staging", "production")
REGISTRY = "registry.example.org"
KUSTOMIZATION = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../../base/{service}]
images:
  - name: {registry}/{service}
    newTag: {tag}
    digest: {digest}
"""
Act = Callable[[], Awaitable[None]]


def digest_of(service: str, tag: str) -> str:
    """The digest that this tag always has here."""
    return "sha256:" + hashlib.sha256(f"{service}:{tag}".encode()).hexdigest()


def kustomization_of(root: Path, service: str, environment: str) -> Path:
    """The file that declares one target."""
    return root / "clusters" / environment / service / "kustomization.yaml"


def write_version(root: Path, service: str, environment: str, tag: str) -> None:
    """Declare the version in the working tree."""
    path = kustomization_of(root, service, environment)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = KUSTOMIZATION.format(service=service, registry=REGISTRY, tag=tag, digest=digest_of(service, tag))
    path.write_text(text, encoding="utf-8")


def read_version(root: Path, service: str, environment: str) -> int:
    """The number of the version that the working tree declares."""
    text = kustomization_of(root, service, environment).read_text(encoding="utf-8")
    return int(text.partition("newTag: v")[2].split()[0])


@dataclass
class World:
    """The two ways to declare, the way to report, and the dice."""

    session: aiohttp.ClientSession
    url: str
    infra: Path
    dice: random.Random
    landing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def post(self, path: str, body: dict[str, object]) -> None:
        """Tell the bridge, until it has heard."""
        while True:
            try:
                async with self.session.post(f"{self.url}/api/v1/{path}", json=body) as answer:
                    if answer.status < 500:  # noqa: PLR2004 - a server's failure is tried again
                        if not answer.ok:
                            print(f"{path} refused: {await answer.text()}", flush=True)
                        return
            except aiohttp.ClientError as error:
                print(f"{path}: {error}; trying again", flush=True)
            await asyncio.sleep(1)

    async def land(self, service: str, environment: str, tag: str) -> None:
        """Commit a bump, one at a time."""
        async with self.landing:
            write_version(self.infra, service, environment, tag)
            who = ("-c", "user.name=image-bot", "-c", "user.email=image-bot@example.org")
            await self._git(*who, "commit", "--quiet", "--all", "-m", f"{environment}/{service}: {tag}")

    async def _git(self, *arguments: str) -> None:
        environ = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        command = ("git", "-C", str(self.infra), *arguments)
        process = await asyncio.create_subprocess_exec(*command, env=environ, stdin=subprocess.DEVNULL)
        if await process.wait():
            print(f"git {' '.join(arguments)} failed", flush=True)


class Target:
    """One service in one environment: what it was last declared to run, and what it runs."""

    def __init__(self, world: World, service: str, environment: str) -> None:
        self._world = world
        self._service = service
        self._environment = environment
        self._declared = read_version(world.infra, service, environment)
        self._newest = self._declared
        self._running = f"v{self._declared}"

    async def live(self) -> None:
        """Report what runs, then act, rest, and act again."""
        await self._observe(self._running)
        acts: list[tuple[Act, int]] = [
            (self._release, 65), (self._overtake, 10), (self._roll_back, 8), (self._fail, 6), (self._patch, 7), (self._git_only, 4)
        ]  # fmt: skip
        await self._pause(0, 4)
        await self._release()
        while True:
            await self._pause(2, 8)
            (act,) = self._world.dice.choices([act for act, _ in acts], [weight for _, weight in acts])
            await act()

    async def _release(self) -> None:
        tag = self._next()
        await self._declare(tag)
        await self._roll_out(tag)

    async def _overtake(self) -> None:
        """Two bumps, and only the second is rolled out."""
        await self._declare(self._next())
        tag = self._next()
        await self._declare(tag)
        await self._roll_out(tag)

    async def _roll_back(self) -> None:
        if self._declared > 1:
            tag = f"v{self._declared - 1}"
            self._declared -= 1
            await self._declare(tag, reason="rollback")
            await self._roll_out(tag)

    async def _fail(self) -> None:
        """A rollout that fails, and the next version that doesn't."""
        tag = self._next()
        await self._declare(tag)
        await self._pause(0.3, 1)
        await self._observe(tag, "progressing")
        await self._pause(0.5, 1.5)
        await self._observe(tag, "failed")
        await self._pause(1, 3)
        await self._release()

    async def _patch(self) -> None:
        """Somebody changes the cluster by hand, and later changes it back."""
        declared = self._running
        await self._observe(f"{declared}-patched")
        await self._pause(12, 20)
        await self._observe(declared)

    async def _git_only(self) -> None:
        """A bump that no pipeline declared; where the API governs, nothing follows it."""
        tag = self._next()
        await self._world.land(self._service, self._environment, tag)
        self._say(f"{tag} declared in Git only")
        if self._environment == "production":
            await self._roll_out(tag)

    async def _declare(self, tag: str, reason: str = "release") -> None:
        """In both models, either first, the other a moment later."""
        body: dict[str, object] = {"service": self._service, "environment": self._environment, "reason": reason}
        body |= {"artifacts": [self._artifact(tag)], "requested_by": "demo-pipeline"}
        world = self._world
        acts: list[Act] = [
            lambda: world.post("intents", body),
            lambda: world.land(self._service, self._environment, tag),
        ]
        world.dice.shuffle(acts)
        await acts[0]()
        await self._pause(0.2, 1.2)
        await acts[1]()
        self._say(f"{tag} declared in both models")

    async def _roll_out(self, tag: str) -> None:
        await self._pause(0.3, 1)
        await self._observe(tag, "progressing")
        await self._pause(0.5, 2)
        await self._observe(tag)

    async def _observe(self, tag: str, phase: str = "live") -> None:
        if phase == "live":
            self._running = tag
        body: dict[str, object] = {"service": self._service, "environment": self._environment, "phase": phase}
        await self._world.post("observations", body | {"artifacts": [self._artifact(tag)], "observer": "demo-cluster"})
        self._say(f"{tag} {phase}")

    def _next(self) -> str:
        self._newest += 1
        self._declared = self._newest
        return f"v{self._newest}"

    def _artifact(self, tag: str) -> str:
        return f"{REGISTRY}/{self._service}:{tag}@{digest_of(self._service, tag)}"

    async def _pause(self, least: float, most: float) -> None:
        await asyncio.sleep(self._world.dice.uniform(least, most))

    def _say(self, text: str) -> None:
        print(f"{self._environment}/{self._service}: {text}", flush=True)


async def feed(url: str, infra: Path, seed: int | None) -> None:
    """Let every target live until somebody ends this process."""
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as targets:
        world = World(session, url, infra, random.Random(seed))
        for environment in ENVIRONMENTS:
            for service in SERVICES:
                targets.create_task(Target(world, service, environment).live())


def main() -> None:
    """Read the command line and feed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("infra", type=Path)
    parser.add_argument("--seed", type=int)
    given = parser.parse_args()
    asyncio.run(feed(given.url, given.infra, given.seed))


if __name__ == "__main__":
    main()
