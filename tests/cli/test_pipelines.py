"""Which CI run this is, and the key by which its declarations are one."""

from __future__ import annotations

from dataclasses import replace

from bridge.cli.pipelines import derive_key, find_pipeline

GITHUB = {
    "GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "77", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_WORKFLOW": "release",
    "GITHUB_SERVER_URL": "https://github.example.org", "GITHUB_REPOSITORY": "acme/shop", "GITHUB_ACTOR": "ana", "GITHUB_SHA": "abc",
}  # fmt: skip
GITLAB = {
    "GITLAB_CI": "true", "CI_PIPELINE_ID": "88", "CI_JOB_ID": "9", "CI_PROJECT_PATH": "acme/shop",
    "CI_PIPELINE_URL": "https://gitlab.example.org/acme/shop/-/pipelines/88", "GITLAB_USER_LOGIN": "bo", "CI_COMMIT_SHA": "abc",
}  # fmt: skip


def test_a_run_of_github_actions_is_known_by_its_variables() -> None:
    run = find_pipeline(GITHUB)
    assert run is not None
    assert (run.name, run.run_id, run.actor) == ("release", "77", "ana")
    assert run.url == "https://github.example.org/acme/shop/actions/runs/77"


def test_a_run_of_gitlab_ci_is_known_by_its_variables() -> None:
    run = find_pipeline(GITLAB)
    assert run is not None
    assert (run.name, run.run_id, run.actor) == ("acme/shop", "88", "bo")


def test_outside_of_ci_there_is_no_run() -> None:
    assert find_pipeline({}) is None
    assert find_pipeline({"GITHUB_ACTIONS": "true"}) is None


def test_a_retry_in_the_same_run_has_the_same_key() -> None:
    run = find_pipeline(GITHUB)
    assert run is not None
    assert derive_key(run, ("shop", "production", "v2")) == derive_key(run, ("shop", "production", "v2"))


def test_another_target_or_a_run_repeated_by_a_person_has_another_key() -> None:
    run = find_pipeline(GITHUB)
    assert run is not None
    key = derive_key(run, ("shop", "production", "v2"))
    assert key != derive_key(run, ("shop", "staging", "v2"))
    assert key != derive_key(replace(run, attempt="2"), ("shop", "production", "v2"))
    assert key != derive_key(replace(run, run_id="78"), ("shop", "production", "v2"))
