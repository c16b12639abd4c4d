"""A configuration file into settings, or into every error at once."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, BaseModel, Field

from bridge.domain.names import Model
from bridge.errors import Refused
from bridge.formats.configuration import Duration, SettingsModel
from bridge.settings import Settings, changed_keys, load_settings

NO_OBSERVERS = "no observer kinds are installed"
LISTEN = "listen: expected HOST:PORT such as 127.0.0.1:8484, [::1]:8484 or 0.0.0.0:0"
HASH = "sha256:" + hashlib.sha256(b"secret").hexdigest()


def _pattern(text: str) -> str:
    if text.startswith("/"):
        msg = "no leading slash"
        raise ValueError(msg)
    return text


Pattern = Annotated[str, AfterValidator(_pattern)]


class Rule(SettingsModel):
    files: Pattern | tuple[Pattern, ...]
    except_: tuple[str, ...] = Field(default=(), alias="except")


class Git(SettingsModel):
    kind: Literal["git"]
    name: str
    poll_interval: Duration = timedelta(seconds=30)
    rules: tuple[Rule, ...] = ()


ADAPTERS: dict[tuple[str, str], type[BaseModel]] = {("source", "git"): Git}


@pytest.fixture
def load(tmp_path: Path) -> Any:
    def read(text: str) -> Settings:
        path = tmp_path / "bridge.yaml"
        path.write_text(text, encoding="utf-8")
        return load_settings(path, ADAPTERS)

    return read


def errors_of(load: Any, text: str) -> list[str]:
    with pytest.raises(Refused) as caught:
        load(text)
    return [line.partition("bridge.yaml:")[2] for line in str(caught.value).splitlines()]


def test_a_value_that_may_have_several_shapes_is_told_what_is_wrong_with_the_shape_it_has(load: Any) -> None:
    head = "sources:\n  - {kind: git, name: x, rules: [{files: "
    assert errors_of(load, head + "/a}]}") == ["2: sources.0.rules.0.files: no leading slash"]
    assert errors_of(load, head + "[a, /b]}]}") == ["2: sources.0.rules.0.files.1: no leading slash"]
    assert errors_of(load, head + "{a: b}}]}") == ["2: sources.0.rules.0.files: expected a text or a list"]
    assert errors_of(load, head + "a, except: b}]}") == ["2: sources.0.rules.0.except: expected a list"]


def test_an_empty_file_is_the_defaults(load: Any, tmp_path: Path) -> None:
    settings = load("")
    assert (settings.mode, settings.listen_address) == ("both", ("127.0.0.1", 8484))
    assert settings.data_dir == tmp_path / "data"
    assert settings.policies().default.late_after == timedelta(minutes=15)


def test_every_error_is_named_at_once_with_its_line_and_path(load: Any) -> None:
    text = """\
mode: nope
lisen: 127.0.0.1:1
environments:
  - {name: prod, late_after: 15}
  - {nme: x}
sources:
  - kind: git
    name: infra
    rules:
      - {fils: a}
log: {level: loud}
"""
    assert errors_of(load, text) == [
        "1: mode: expected 'gitops', 'api' or 'both', got 'nope'",
        "2: lisen: unknown key; did you mean `listen`?",
        "4: environments.0.late_after: expected a duration with a unit such as 30s, 15m, 24h or 1h30m, got '15'",
        "5: environments.1.name: required, but not there",
        "5: environments.1.nme: unknown key; did you mean `name`?",
        "10: sources.0.rules.0.files: required, but not there",
        "10: sources.0.rules.0.fils: unknown key; did you mean `files`?",
        "11: log.level: expected 'debug', 'info', 'warning' or 'error', got 'loud'",
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("- a", "1: expected a mapping of settings such as `mode: both`, not a single value or a list"),
        ("mode: api\nmode: both", "2: the key `mode` stands twice: first on line 1"),
        ("mode: [", "1: not YAML: expected the node content, but found '<stream end>'"),
        ("listen: 12:30:44", f"1: {LISTEN}, got '12:30:44'"),
        ("listen: localhost:70000", f"1: {LISTEN}, got 'localhost:70000'"),
        (
            "shutdown_limit: 10",
            "1: shutdown_limit: expected a duration with a unit such as 30s, 15m, 24h or 1h30m, got '10'",
        ),
        ("sources:\n- kind: svn", "2: sources.0.kind: expected `kind` to be one of: git"),
        ("sources:\n- name: x", "2: sources.0: expected `kind` to be one of: git"),
        ("sources:\n- kind: [git]", "2: sources.0.kind: expected `kind` to be one of: git"),
        (
            "observers:\n- kind: argocd",
            f"2: observers.0.kind: {NO_OBSERVERS}",
        ),
        (
            "late_after: 2h\nmissed_after: 1h",
            "2: missed_after: an intent is late before it is missed: expected more than late_after",
        ),
        ("mode: gitops", "1: mode: mode gitops has no source to read: add one under sources, or write mode: api"),
        (
            "mode: api\nsources:\n- {kind: git, name: a}",
            "2: sources: mode api reads no sources: remove them, or write mode: both",
        ),
        (
            "mode: api\nenvironments:\n- name: a\n  governed_by: gitops",
            "4: environments.0.governed_by: gitops can't govern under mode api: leave it out, or write mode: both",
        ),
        (
            "environments:\n- name: a\n- name: a",
            "3: environments.1.name: the name 'a' stands twice in environments: each needs its own",
        ),
    ],
)
def test_what_is_wrong_is_said_with_what_was_expected(load: Any, text: str, error: str) -> None:
    assert errors_of(load, text) == [error]


def test_a_token_in_place_of_its_hash_is_never_shown(load: Any) -> None:
    (error,) = errors_of(load, "tokens:\n- {name: ci, hash: hunter2, scopes: [read]}")
    assert "hunter2" not in error
    assert "expected sha256: and 64 lower-case hex digits" in error


def test_a_file_that_can_t_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="can't be read: No such file"):
        load_settings(tmp_path / "missing.yaml", ADAPTERS)
    (tmp_path / "latin.yaml").write_bytes(b"mode: both\n# caf\xe9\n")
    with pytest.raises(Refused, match="2: not UTF-8 text"):
        load_settings(tmp_path / "latin.yaml", ADAPTERS)
    (tmp_path / "large.yaml").write_bytes(b"#" * (1024 * 1024 + 1))
    with pytest.raises(Refused, match="this is no configuration"):
        load_settings(tmp_path / "large.yaml", ADAPTERS)


@pytest.mark.parametrize(("mode", "governed_by"), [("gitops", Model.GITOPS), ("api", Model.API), ("both", None)])
def test_the_mode_says_which_model_governs_by_default(load: Any, mode: str, governed_by: Model | None) -> None:
    sources = "" if mode == "api" else "sources: [{kind: git, name: infra}]"
    assert load(f"mode: {mode}\n{sources}").policies().default.governed_by == governed_by


def test_an_environment_s_limits_replace_the_top_level_s(load: Any) -> None:
    policies = load(
        "late_after: 1m\nenvironments:\n- {name: prod, governed_by: api, late_after: 2m, missed_after: 3m}\n- {name: dev}\n"
    ).policies()
    assert policies.policy_of("prod").late_after == timedelta(minutes=2)
    assert policies.policy_of("prod").missed_after == timedelta(minutes=3)
    assert policies.policy_of("prod").governed_by == Model.API
    assert policies.policy_of("dev") == policies.policy_of("elsewhere") == policies.default


@pytest.mark.parametrize(
    ("given", "poll", "grace"),
    [
        ("", "30s", 300),
        ("out_of_band_grace: 10s\n", "30s", 60),
        ("out_of_band_grace: 9m\n", "4m", 540),
        ("", "4m", 480),
    ],
)
def test_the_grace_is_never_below_two_polls_of_the_slowest_source(load: Any, given: str, poll: str, grace: int) -> None:
    text = (
        f"{given}sources:\n- {{kind: git, name: a}}\n- {{kind: git, name: b, poll_interval: {poll}}}\n"
        "environments: [{name: x, out_of_band_grace: 1s}]"
    )
    policies = load(text).policies()
    assert policies.default.out_of_band_grace == timedelta(seconds=grace)
    assert policies.policy_of("x").out_of_band_grace == 2 * max(
        timedelta(seconds=30), load(text).sources[1].poll_interval
    )


def test_the_digest_names_the_meaning_and_no_secret(load: Any) -> None:
    plain = load(f"mode: both\ntokens: [{{name: ci, hash: '{HASH}', scopes: [read]}}]")
    other_hash = load(f"# a comment\ntokens: [{{name: ci, hash: 'sha256:{'0' * 64}', scopes: [read]}}]")
    other_scope = load(f"tokens: [{{name: ci, hash: '{HASH}', scopes: ['intents:write']}}]")
    assert plain.digest() == other_hash.digest()
    assert plain.digest() != other_scope.digest()
    assert HASH not in str(plain.public())
    assert "'name': 'ci'" in str(plain.public())


def test_changed_keys_name_what_differs(load: Any) -> None:
    old = load(
        f"log: {{level: info}}\ntokens: [{{name: ci, hash: '{HASH}', scopes: [read]}}]\nsources: [{{kind: git, name: a}}]"
    )
    new = load(
        f"mode: both\nlate_after: 1m\nlog: {{level: debug}}\ntokens: [{{name: ci, hash: 'sha256:{'0' * 64}', scopes: [read]}}]\n"
        "sources: [{kind: git, name: b}]"
    )
    assert changed_keys(old, new) == ["late_after", "log.level", "sources.a", "sources.b", "tokens.ci"]
    assert changed_keys(old, old) == []
