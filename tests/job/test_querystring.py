"""Query strings: what the engine is given, and what it would pass over in silence."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

import imageflow_loader as imf
from imageflow_loader._querystring import (
    named_format,
    parsed,
    querystring_text,
    wants_first_frame,
)
from imageflow_loader.types import QUERYSTRING_KEYS
from tests import pictures


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("w=1&h=2", "w=1&h=2"),
        ("?w=1", "w=1"),
        ("bgcolor=#fff&w=1", "bgcolor=%23fff&w=1"),
        ({"w": 1, "h": None, "mode": "max"}, "w=1&mode=max"),
        ({"lossless": True, "jpeg.turbo": False}, "lossless=true&jpeg.turbo=false"),
        ({"crop": (1, 2.5, -3, 0)}, "crop=1,2.5,-3,0"),
        ({"bgcolor": "#fff", "x": "a&b=c d"}, "bgcolor=%23fff&x=a%26b%3Dc+d"),
        ({"bgcolor": imf.Color(1, 2, 3)}, "bgcolor=010203"),
        ({}, ""),
    ],
)
def test_keys_and_values_become_text(query: Any, text: str) -> None:
    assert querystring_text(query) == text


@pytest.mark.parametrize("query", [None, 3, ["w=1"]])
def test_what_is_no_query_string_is_a_type_error(query: Any) -> None:
    with pytest.raises(TypeError, match="a str or a mapping"):
        imf.process(pictures.png(), query)


@given(
    st.dictionaries(
        st.text(st.characters(categories=["Ll", "Nd"]), min_size=1),
        st.text(min_size=1).map(str.strip).filter(bool),
    )
)
def test_any_mapping_survives_its_text(query: dict[str, str]) -> None:
    lower = {key.lower(): value for key, value in query.items()}
    if len(lower) == len(query):
        assert parsed(querystring_text(query)) == lower


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("w=1", None),
        ("format=JPEG", "jpeg"),
        ("thumbnail=jpg", "jpeg"),
        ("format=png&thumbnail=jpg", "png"),
        ("qp=good", None),
        ("qp=good&format=webp", "webp"),
        ("srcset=100w,webp-80", "webp"),
        ("srcset=webp,jpg-70&format=png", "jpeg"),
        ("short=lossless", "auto"),
        ("format=keep", "keep"),
        ("format=", None),
    ],
)
def test_the_format_that_is_named_is_known(text: str, expected: str | None) -> None:
    assert named_format(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("format=jpg", True),
        ("srcset=png", True),
        ("format=jpg&frame=3", False),
        ("format=jpg&page=3", False),
        ("format=gif", False),
        ("format=auto", False),
        ("qp=good", False),
        ("w=3", False),
        ("format=nonsense", False),
    ],
)
def test_a_still_wants_the_first_frame(text: str, expected: bool) -> None:
    assert wants_first_frame(text) is expected


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("w=9&format=webp&quality=80", set()),
        ("qp=80", {"percent_profile"}),
        ("qp=73", set()),
        ("qp=good", set()),
        ("format=auto&quality=80", {"percent_profile"}),
        ("format=auto", set()),
        ("qp=quality&quality=12", {"percent_profile"}),
        ("format=auto&qp=good&quality=12", set()),
        ("srcset=qp-80,100w", {"percent_profile"}),
        ("srcset=qp-good,100w", set()),
        ("qp=good&qp.dpr=2.5", {"percent_profile"}),
        ("qp=good&qp.dpr=dppx&dppx=2.5x", {"percent_profile"}),
        ("qp=good&qp.dpr=1x", set()),
        ("srcset=qp-good,qp-dpr-2.5", {"percent_profile"}),
        ("frame=2", {"select_frame"}),
        ("watermark_red_dot=True", {"watermark_red_dot"}),
        ("watermark_red_dot=0", set()),
    ],
)
def test_a_query_string_may_need_what_not_every_engine_can(
    text: str, needed: set[str]
) -> None:
    assert imf.Job(imf.command_string(b"x", text)).requires == needed


def test_inside_a_recipe_a_query_string_encodes_nothing() -> None:
    image = imf.decode(b"x").command_string("qp=80&watermark_red_dot=1")

    assert imf.Job(image.encode("png")).requires == {"watermark_red_dot"}


@pytest.mark.parametrize(
    ("output", "capability"),
    [
        (imf.command_string(pictures.png(), "qp=80"), "percent_profile"),
        (
            imf.decode(pictures.png(8, 8)).node("watermark_red_dot").encode("gif"),
            "watermark_red_dot",
        ),
    ],
)
def test_what_the_official_engine_dies_of_is_refused_there(
    engine: imf.Engine, output: imf.Output, capability: Any
) -> None:
    if engine.supports(capability):
        assert output.run(engine=engine).byte_count > 0
    else:
        with pytest.raises(imf.UnsupportedFeatureError, match=capability):
            output.run(engine=engine)


# What is wrong in it


@pytest.mark.parametrize(
    ("query", "key", "kind", "suggestion"),
    [
        ("widht=1", "widht", "unrecognized_key", "width"),
        ("jpg.quality=1", "jpg.quality", "unrecognized_key", "jpeg.quality"),
        ("qqqq=1", "qqqq", "unrecognized_key", None),
        ("w=1&W=2", "w", "duplicate_key", None),
        ("paddingwidth=4", "paddingwidth", "ignored_key", None),
        ("w=abc", "w", "invalid_value", None),
        ("w=100px", "w", "invalid_value", None),
        ("w=1.5", "w", "invalid_value", None),
        ("mode=croop", "mode", "invalid_value", "crop"),
        ("format=jpgg", "format", "invalid_value", "jpg"),
        ("anchor=upperleft", "anchor", "invalid_value", None),
        ("anchor=1", "anchor", "invalid_value", None),
        ("crop=1,2,3", "crop", "invalid_value", None),
        ("bgcolor=grren", "bgcolor", "invalid_value", None),
        ("webp.lossless=maybe", "webp.lossless", "invalid_value", None),
        ("webp.quality=nan", "webp.quality", "invalid_value", None),
        ("zoom=2y", "zoom", "invalid_value", None),
        ("qp=best", "qp", "invalid_value", None),
        ("down.filter=lanczoss", "down.filter", "invalid_value", "lanczos"),
        ("mode=carve", "mode", "invalid_value", None),
        ("rotate=45", "rotate", "invalid_value", None),
        ("png.quality=300", "png.quality", "invalid_value", None),
        ("stretch=x", "stretch", "invalid_value", None),
        ("srcset=100w,webb-80", "srcset", "invalid_value", None),
        ("zoom=1e400", "zoom", "invalid_value", None),
        ("width=5&w=6", "w", "ignored_key", None),
        ("a.balancewhite=gimp", "a.balancewhite", "invalid_value", None),
    ],
)
def test_what_an_engine_would_pass_over_is_found(
    query: str, key: str, kind: str, suggestion: str | None
) -> None:
    (issue,) = imf.check_querystring(query)

    assert (issue.key, issue.kind) == (key, kind)
    assert issue.key in issue.message
    if suggestion:
        assert issue.suggestion == suggestion


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?w=1",
        "w=",
        "w=+10&h=-3",
        "mode=MAX&scale=Both",
        "anchor=topleft",
        "anchor=50,12.5",
        "crop=auto",
        "crop=(0,0,-10,1e2)",
        "c=10,10,90,90&c.gravity=50,50",
        "s.roundcorners=10&s.grayscale=bt709",
        "s.roundcorners=1,2,3,4",
        "bgcolor=#fff",
        "bgcolor=336699CC&format=webp&webp.lossless=keep",
        "bgcolor=cornflowerblue",
        "zoom=1.5x&qp=medium-high&qp.dpr=dppx",
        "qp=55.5",
        "down.filter=robidouxsharp&up.filter=cubic_b_spline",
        "srcset=webp-80,100w,fit-crop",
        "watermark_red_dot=off",
    ],
)
def test_a_good_query_string_has_no_issues(query: str) -> None:
    assert imf.check_querystring(query) == ()


def test_a_value_that_is_nested_too_deeply_is_a_value_error() -> None:
    value: list[Any] = []
    value.append(value)

    with pytest.raises(ValueError, match="nested too deeply"):
        imf.check_querystring({"w": value})


def test_of_countless_unknown_keys_the_first_have_a_hint() -> None:
    for keys in (f"widht{n}=1" for n in range(1000)), ["widht=1"] * 1000:
        found = imf.check_querystring("&".join(keys))

        hinted = [bool(issue.suggestion) for issue in found]
        assert hinted == [True] * 100 + [False] * 900


@pytest.mark.parametrize(
    "query",
    [
        "zoom=" + "1" * 10**6 + "y",
        "qp=" + "1" * 10**6 + "y",
        "srcset=crop" + ("-" + "1" * 10**4) * 4 + "y",
        "srcset=jxl" + ("-" + "1" * 10**4) * 4 + "y",
    ],
    ids=["number", "profile", "crop", "encoder"],
)
def test_a_very_long_value_is_soon_found_to_be_wrong(query: str) -> None:
    (issue,) = imf.check_querystring(query)

    assert issue.kind == "invalid_value"


def test_issues_come_in_the_order_of_the_text() -> None:
    issues = imf.check_querystring("w=x&foo=1&h=y")

    assert [issue.key for issue in issues] == ["w", "foo", "h"]


def test_the_engine_knows_the_same_keys(library: Any) -> None:
    with imf.load_engine("library", path=library) as engine:
        answer = engine.send_json("v1/schema/riapi/latest/list_keys", {})

    names = answer.json["data"]["schema"]["key_names"]
    assert sorted(names) == sorted(QUERYSTRING_KEYS)
