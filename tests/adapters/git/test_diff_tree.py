"""One ``git diff-tree`` that answers about commit after commit, also where names and objects are odd."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.sources.git.diff_tree import open_diff_tree
from adapters.sources.git.objects import ObjectMissing
from tests.support.git_repos import GitRepo

NAMES = (
    'quote"\\',
    "tab\t",
    "line\nfeed",
    "\x01soh",
    ":100644 100644 a b M",
    "1\t1\tx",
    "space ",
    "\u00e9",
    "deep/er/x",
)


def raw(*tips: str) -> list[bytes]:
    return [bytes.fromhex(tip) for tip in tips]


@pytest.mark.parametrize("name", NAMES)
def test_odd_names_of_files_are_told_as_they_are(repo: GitRepo, name: str) -> None:
    first = repo.commit({name: "one\n", "plain": "x\n"})
    second = repo.commit({name: "two\nthree\n"})
    with open_diff_tree(repo.path / ".git") as program:
        answers = list(program.differences(raw(second, first, second)))
    assert [([change.path for change in changes], lines) for changes, lines in answers] == [
        ([name], 3), (sorted((name, "plain")), 2), ([name], 3)
    ]  # fmt: skip


def test_a_name_that_is_no_utf_8_is_told_by_its_bytes(repo: GitRepo) -> None:
    blob = repo.git("hash-object", "-w", "--stdin", stdin=b"x\n")
    repo.git("update-index", "-z", "--index-info", stdin=b"100644 " + blob.encode() + b"\tb\xff\xfe\0")
    repo.git("commit", "-q", "-m", "odd bytes")
    with open_diff_tree(repo.path / ".git") as program:
        [(changes, lines)] = program.differences(raw(repo.tip()))
    assert ([change.path for change in changes], lines) == (["b\\xff\\xfe"], 1)


def test_a_merge_is_told_against_its_first_parent_and_an_empty_commit_as_empty(repo: GitRepo) -> None:
    repo.commit({"a": "1\n"})
    repo.git("checkout", "-q", "-b", "side")
    repo.commit({"b": "1\n2\n"})
    repo.git("checkout", "-q", "main")
    repo.commit({"c": "1\n"})
    merge = repo.merge("side")
    empty = repo.commit()
    with open_diff_tree(repo.path / ".git") as program:
        answers = [
            ([change.path for change in changes], lines) for changes, lines in program.differences(raw(merge, empty))
        ]
    assert answers == [(["b"], 2), ([], 0)]


def test_more_questions_than_are_asked_at_once_are_answered_in_order(repo: GitRepo) -> None:
    tips = [repo.commit({"a": "x\n" * number}) for number in range(1, 9)]
    with open_diff_tree(repo.path / ".git") as program:
        answers = list(program.differences(raw(*tips) * 60))
        again = list(program.differences(raw(tips[0])))
    assert [lines for _, lines in answers] == [1] * 8 * 60
    assert [[change.path for change in changes] for changes, _ in again] == [["a"]]


def test_answers_larger_than_a_pipe_come_whole(repo: GitRepo) -> None:
    tip = repo.commit({f"{'d' * 200}/{'f' * 200}{number}": "x\n" for number in range(1000)})
    with open_diff_tree(repo.path / ".git") as program:
        [(changes, lines), *rest] = program.differences(raw(tip, tip))
    assert (len(changes), lines, len(rest)) == (1000, 1000, 1)


def test_a_commit_that_is_missing_is_said_to_be(repo: GitRepo) -> None:
    tip = repo.commit({"a": "1\n"})
    with open_diff_tree(repo.path / ".git") as program, pytest.raises(ObjectMissing):
        list(program.differences(raw(tip, "1" * 40, tip)))


@pytest.mark.parametrize("kind", ["HEAD:a", "HEAD^{tree}", "HEAD~1"])
def test_an_object_that_is_missing_ends_the_program_and_is_said_to(repo: GitRepo, kind: str) -> None:
    repo.commit({"a": "1\n"})
    tip = repo.commit({"a": "2\n"})
    lost = repo.git("rev-parse", kind)
    (repo.path / ".git" / "objects" / lost[:2] / lost[2:]).unlink()
    with open_diff_tree(repo.path / ".git") as program:
        for _ in range(2):  # the second time its pipe is closed
            with pytest.raises(ObjectMissing):
                list(program.differences(raw(tip)))


def test_what_is_no_repository_is_said_to_be_missing(tmp_path: Path) -> None:
    with open_diff_tree(tmp_path / "nothing") as program, pytest.raises(ObjectMissing):
        list(program.differences(raw("1" * 40)))
