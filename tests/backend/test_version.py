"""What an engine says of itself, and what follows from it."""

from __future__ import annotations

import pytest

from imageflow_loader._backend import version
from imageflow_loader.types import VersionInfo

RELEASE = "release 2.3.1-rc01 (0635e3863 2026-03-31) for x86_64-unknown-linux-musl "
BUILT = (
    "built 14 minutes ago - user-compiled release build of v2.3.1-rc01* (unknown "
    "branch) for x86_64-unknown-linux-gnu ? (2026-11-23)"
)
FACTS = (
    f"{RELEASE}\n"
    "GENERATED_DATETIME_UTC=2026-03-31T12:00:00+00:00\n"
    "GIT_COMMIT=0635e3863f950fa58c227eaec1d4b957e0f42fdc\n"
    "GIT_DESCRIBE_ALWAYS=v2.3.1-rc01\n"
    "GIT_OPTIONAL_BRANCH (None)\n"
    "GIT_OPTIONAL_TAG=v2.3.1-rc01\n"
    "GIT_STATUS=HEAD detached at v2.3.1-rc01\n"
    "nothing to commit, a=b\n"
)


def info(long: str = "", tag: str | None = None, describe: str = "") -> VersionInfo:
    return VersionInfo(long, "", False, "", tag, describe)


def test_a_tools_facts_are_those_that_its_library_has() -> None:
    assert version.from_tool(RELEASE, FACTS) == VersionInfo(
        long_version_string=RELEASE,
        last_git_commit="0635e3863f950fa58c227eaec1d4b957e0f42fdc",
        dirty_working_tree=False,
        build_date="2026-03-31T12:00:00+00:00",
        git_tag="v2.3.1-rc01",
        git_describe_always="v2.3.1-rc01",
    )


def test_a_tool_that_knows_no_diagnose_is_known_by_its_version_line() -> None:
    assert version.from_tool(RELEASE, "") == VersionInfo(
        long_version_string=RELEASE,
        last_git_commit="0635e3863",
        dirty_working_tree=False,
        build_date="2026-03-31",
        git_tag="v2.3.1-rc01",
        git_describe_always="v2.3.1-rc01",
    )


@pytest.mark.parametrize(
    ("long", "facts"),
    [
        ("release 2.3.1 (0635e3863* 2026-03-31) for x", ""),
        (BUILT, "x\nGIT_STATUS=Changes:\n\tmodified:   a.rs\n"),
        (BUILT, ""),
    ],
)
def test_a_build_from_a_changed_tree_is_known(long: str, facts: str) -> None:
    assert version.from_tool(long, facts).dirty_working_tree


def test_a_line_without_any_fact_is_kept_as_it_is() -> None:
    assert version.from_tool("who knows", "") == info("who knows")


def test_an_answer_with_gaps_is_no_trouble() -> None:
    assert version.from_json({"git_tag": None}) == info()


@pytest.mark.parametrize(
    ("long", "edition"),
    [
        (RELEASE, "official"),
        (BUILT, "official"),
        ("nightly v2.3.1-rc01-5-g0 from master (x)", "official"),
        ("embedded 0.1.0 for x86_64-linux-gnu", "embedded"),
        ("my own build", None),
    ],
)
def test_whose_engine_it_is_stands_in_its_version(
    long: str, edition: str | None
) -> None:
    assert version.edition(info(long)) == edition


@pytest.mark.parametrize(
    ("described", "number"),
    [
        (info(RELEASE), (2, 3, 1)),
        (info(BUILT), (2, 3, 1)),
        (info("", "v2.2.0-rc01"), (2, 2, 0)),
        (info("", None, "v2.3.0-rc01-4-gabcdef"), (2, 3, 0)),
        (info("who knows"), None),
    ],
)
def test_the_release_is_found_wherever_it_stands(
    described: VersionInfo, number: tuple[int, int, int] | None
) -> None:
    assert version.release(described) == number


def test_cancelling_and_choosing_frames_begin_with_2_3() -> None:
    before = version.capabilities("library", info("", "v2.2.0-rc01"), (3, 1))
    since = version.capabilities("library", info("", "v2.3.0-rc01"), (3, 1))

    assert since - before == {"cancel", "select_frame"}


def test_taking_outputs_begins_with_abi_3_2() -> None:
    since = version.capabilities("library", info(RELEASE), (3, 2))
    before = version.capabilities("library", info(RELEASE), (3, 1))

    assert since - before == {"take_output"}


def test_a_tool_is_cancelled_by_ending_it_whatever_it_knows() -> None:
    can = version.capabilities("tool", info("", "v2.2.0-rc01"), None)

    assert "cancel" in can
    assert not can & {"take_output", "image_info"}


def test_what_is_not_known_of_an_engine_counts_as_missing() -> None:
    can = version.capabilities("library", info("my own build"), (3, 2))

    assert not can & {"cancel", "select_frame", "percent_profile"}


def test_the_embedded_edition_takes_any_percent_and_keeps_every_limit() -> None:
    embedded = version.capabilities("library", info("embedded 0.1.0 for x"), (3, 2))
    official = version.capabilities("library", info(RELEASE), (3, 2))

    assert embedded - official == {
        "percent_profile",
        "limit_threads",
        "limit_total_pixels",
        "watermark_red_dot",
    }
