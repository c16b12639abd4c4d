"""Real Git repositories for tests, made with the git command line and cut off from the machine's own configuration."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_EPOCH = 1_700_000_000  # 2023-11-14T22:13:20Z: the committer time of the first commit; each later one is a minute on


def run_git(directory: Path, *arguments: str, at: int = _EPOCH, author: str = "Ada", stdin: bytes | None = None) -> str:
    """Run git in a directory and return what it printed."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_AUTHOR_NAME": author,
        "GIT_AUTHOR_EMAIL": "someone@example.org",
        "GIT_COMMITTER_NAME": "Host",
        "GIT_COMMITTER_EMAIL": "host@example.org",
        "GIT_AUTHOR_DATE": f"{at - 3600} +0200",
        "GIT_COMMITTER_DATE": f"{at} +0200",
        "GIT_TERMINAL_PROMPT": "0",
    }
    done = subprocess.run(
        ["git", *arguments], cwd=directory, env=environment, input=stdin, capture_output=True, check=False
    )
    if done.returncode:
        raise AssertionError(f"git {' '.join(arguments)} failed: {done.stderr.decode()}")
    return done.stdout.decode().strip()


class GitRepo:
    """A repository with a work tree. Commits are a minute apart."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = _EPOCH
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str, author: str = "Ada", stdin: bytes | None = None) -> str:
        return run_git(self.path, *arguments, at=self.clock, author=author, stdin=stdin)

    def write(self, files: dict[str, str | bytes | None]) -> None:
        """Write files; None deletes one."""
        for name, content in files.items():
            file = self.path / name
            if content is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            if file.is_symlink():
                file.unlink()
            file.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, files: dict[str, str | bytes | None] | None = None, *, author: str = "Ada") -> str:
        """Commit the files, and whatever else changed, and return the commit's full hash."""
        self.write(files or {})
        self.clock += 60
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "a commit", author=author)
        return self.tip()

    def merge(self, branch: str, *, author: str = "Merger") -> str:
        """Merge a branch with a merge commit."""
        self.clock += 60
        self.git("merge", "-q", "--no-ff", "-m", "a merge", branch, author=author)
        return self.tip()

    def tip(self, name: str = "HEAD") -> str:
        return self.git("rev-parse", name)
