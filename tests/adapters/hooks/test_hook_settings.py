"""What the table `hooks` takes, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge import compose
from bridge.errors import Refused

SOURCE = "sources:\n- {kind: git, name: infra, url: ./infra, rules: [{files: 'a/{environment}/{service}', format: keys, tag: t}]}\n"


def load(tmp_path: Path, hooks: str) -> compose.Settings:
    path = tmp_path / "bridge.yaml"
    path.write_text(SOURCE + hooks)
    return compose.load(path)


def test_secrets_are_read_anew_each_time_beside_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", "from the environment")
    text = "hooks: [{kind: github, name: a, secrets: [{file: hook}, {env: HOOK}], wakes: [infra]}]"
    [(hook, _)] = compose.open_decoders(load(tmp_path, text))
    for secret in ("first", "second"):
        (tmp_path / "hook").write_text(secret + "\n")
        assert hook.read_secrets() == (secret, "from the environment")


@pytest.mark.parametrize(
    ("hooks", "said"),
    [
        ("- {kind: svn, name: a}", "hooks.0.kind: expected `kind` to be one of: alertmanager, argocd, bitbucket, "),
        ("- {kind: github, name: a/b}", "hooks.0.name: expected 1 to 100 letters, digits"),
        ("- {kind: github, name: a, wakes: [infr]}", "hooks.0.wakes.0: no source has the name 'infr'"),
        ("- {kind: github, name: a}\n- {kind: gitlab, name: a}", "the name 'a' stands twice in hooks"),
        (
            "- {kind: github, name: a, secrets: [{env: A}, {env: B}, {env: C}]}",
            "hooks.0.secrets: Tuple should have at most 2 items",
        ),
        ("- {kind: github, name: a, secrets: [hunter2]}", "hooks.0.secrets.0"),
    ],
)
def test_a_wrong_hook_is_named_with_what_was_expected(hooks: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        load(tmp_path, f"hooks:\n{hooks}\n")
    assert said in str(refused.value)
    assert "hunter2" not in str(refused.value)
