from __future__ import annotations

import pytest

from energy_fixtures.storage.commits import commit_info_of, commit_of, with_branch


@pytest.mark.parametrize(
    ("environ", "branch"),
    [
        ({"GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "main"}, "main"),
        ({"GITHUB_HEAD_REF": "topic", "GITHUB_REF_NAME": "7/merge", "GITHUB_REF_TYPE": "branch"}, "topic"),
        ({"GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": "v1"}, None),
        ({"CI_COMMIT_BRANCH": "main"}, "main"),
        ({"CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "topic"}, "topic"),
        ({}, None),
    ],
)
def test_a_detached_checkout_has_the_branch_that_its_runner_says(environ: dict[str, str], branch: str | None) -> None:
    """What GitHub and GitLab check out is no branch to git; a tag stays none."""
    assert commit_of(with_branch({"branch": "(detached head)"}, environ), "branch") == branch


def test_gits_own_branch_is_not_replaced() -> None:
    """Where git knows the branch, the runner is not asked."""
    assert with_branch({"branch": "mine"}, {"CI_COMMIT_BRANCH": "main"}) == {"branch": "mine"}


@pytest.mark.parametrize("content", [b"", b"[]", b'{"commit_info": 3}', b"\xff", b'{"a":' * 100_000])
def test_a_file_without_a_commit_has_none(content: bytes) -> None:
    """What cannot be read is told by who reads the results."""
    assert commit_info_of(content) == {}
