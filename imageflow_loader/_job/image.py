"""An image at one point of a recipe: one method for each operation of the engine."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar, overload

from .._checks import INT32, colors, given, number, one_of, parts, whole
from .._io import check_destination, check_source, source_name
from .._querystring import querystring_text, suffix_format, with_format_of
from .._value import Value
from ..types import ColorFilter
from .job import Output
from .plan import Placeholder, lay_out, parted
from .shrink import shrink_commands
from .values import Constraint, Watermark

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Concatenate

    from typing_extensions import Unpack

    from .._colors import ColorLike
    from ..types import (
        ConstraintMode,
        Destination,
        Gravity,
        Json,
        Querystring,
        SourceLike,
    )
    from .encoders import EncoderLike
    from .job import RunOptions
    from .plan import Plan
    from .results import EncodedImage
    from .values import Hints

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Image(Value):
    """An image at one point of a recipe: where it comes from and what was done so far.

    It holds no pixels and needs no engine. Every method returns a new one; a variable
    that is used twice is a branch, and what it stands for is done once. Images compare
    by value and can be pickled, unless they hold an open file.

    Begin with `decode` or `canvas`; end with `encode` or `save`.
    """

    _name: str
    _params: Any = None
    _input: Image | None = None
    _canvas: Image | None = None
    _sources: tuple[SourceLike | Placeholder, ...] = ()
    _auto_shrink: bool = False
    """Whether a JPEG may be decoded smaller when only a smaller one is needed."""

    def _parts(self) -> Plan:
        return lay_out([self])

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        calls: list[str] = []
        image: Image | None = self
        while image is not None:
            calls.append(_call_text(image))
            image = image._canvas or image._input
        return ".".join(reversed(calls))

    def __reduce__(self) -> tuple[Any, ...]:
        # Side by side: one in the other, a long recipe is too deep for pickle.
        return _image_of, (self._parts(),)

    @property
    def _is_command(self) -> bool:
        """Whether it is a query string that decodes, and may encode as well."""
        return self._name == "command_string" and self._input is None

    def _then(
        self, name: str, params: Any = None, *sources: SourceLike | Placeholder
    ) -> Image:
        # Twice upside down is nothing; the plan writes copies so, and reads them back.
        if name == "flip_v" == self._name and self._input is not None:
            return self._input
        return Image(name, params, self, None, sources)

    # Size

    @overload
    def constrain(self, constraint: Constraint, /) -> Image: ...

    @overload
    def constrain(
        self,
        w: int | None = None,
        h: int | None = None,
        *,
        mode: ConstraintMode = "within",
        gravity: Gravity | None = None,
        canvas_color: ColorLike | None = None,
        hints: Hints | None = None,
    ) -> Image: ...

    def constrain(
        self, w: Constraint | int | None = None, h: int | None = None, **more: Any
    ) -> Image:
        """Return this image, fitted to a box.

        Args:
            w: Width of the box in pixels, None to leave it free; or a `Constraint`,
                which has all of this.
            h: Height of the box in pixels, None to leave it free.
            **more: The other members of a `Constraint`: mode, gravity, canvas_color and
                hints.

        Raises:
            ValueError: Neither side is given, or one is below 1.

        Source: the `constrain` node, imageflow docs/src/json/constrain.md (v2.3).
        """
        constraint = w if isinstance(w, Constraint) else Constraint(w, h, **more)
        return self._then("constrain", constraint.to_json())

    def resize(self, w: int, h: int, *, hints: Hints | None = None) -> Image:
        """Return this image in exactly *w* × *h* pixels, distorted if need be.

        *hints* say how it is resampled.

        Raises:
            ValueError: A side is below 1.

        Source: the `resample_2d` node.
        """
        params = whole(1, INT32, w=w, h=h) | parts(**given(hints=hints))
        return self._then("resample_2d", params)

    # Crop and canvas

    def crop(self, x1: int, y1: int, x2: int, y2: int) -> Image:
        """Return the part from *x1*, *y1* to *x2*, *y2*: a box as Pillow has it.

        In pixels; *x2* and *y2* are exclusive.

        Raises:
            ValueError: The box is empty. One that reaches out of the image is an
                `InvalidJobError` when the job runs.

        Source: the `crop` node.
        """
        return self._then("crop", _box(x1, y1, x2, y2, low=0))

    def crop_whitespace(
        self, threshold: int = 80, percent_padding: float = 0.5
    ) -> Image:
        """Return this image without its uniform border, the whole if all is uniform.

        Args:
            threshold: How much the content stands out, 0 to 255.
            percent_padding: How much of the border stays, in percent of the size.

        Raises:
            ValueError: A number is out of range.

        Source: the `crop_whitespace` node.
        """
        params = whole(0, 255, threshold=threshold)
        params |= number(0, 100, percent_padding=percent_padding)
        return self._then("crop_whitespace", params)

    def region(
        self,
        x1: int,
        y1: int,
        x2: int,
        y2: int,
        *,
        background_color: ColorLike = "transparent",
    ) -> Image:
        """Return the part from *x1*, *y1* to *x2*, *y2*, which may reach outside.

        In pixels; *x2* and *y2* are exclusive. *background_color* is seen outside; a
        part that lies wholly outside has alpha only if the image has.

        Raises:
            ValueError: The box is empty.

        Source: the `region` node.
        """
        box = _box(x1, y1, x2, y2, low=-(2**31))
        return self._then("region", box | colors(background_color=background_color))

    def region_percent(
        self,
        x1: float,
        y1: float,
        x2: float,
        y2: float,
        *,
        background_color: ColorLike = "transparent",
    ) -> Image:
        """Return the part from *x1*, *y1* to *x2*, *y2*, in percent of the image.

        Below 0 and above 100 lies outside, where *background_color* is seen.

        Raises:
            ValueError: The box is empty.

        Source: the `region_percent` node.
        """
        box = _not_empty(number(x1=x1, y1=y1, x2=x2, y2=y2))
        box |= colors(background_color=background_color)
        return self._then("region_percent", box)

    def expand_canvas(
        self,
        left: int = 0,
        top: int = 0,
        right: int = 0,
        bottom: int = 0,
        *,
        color: ColorLike = "transparent",
    ) -> Image:
        """Return this image with a border of one *color*.

        It is *left*, *top*, *right* and *bottom* pixels wide.

        Raises:
            ValueError: A number is below 0, or *color* is none.

        Source: the `expand_canvas` node.
        """
        sides = whole(0, INT32, left=left, top=top, right=right, bottom=bottom)
        return self._then("expand_canvas", sides | colors(color=color))

    def fill_rect(self, x1: int, y1: int, x2: int, y2: int, color: ColorLike) -> Image:
        """Return this image with a rectangle of one *color* in place of what is there.

        From *x1*, *y1* to *x2*, *y2*, exclusive, in pixels.

        Raises:
            ValueError: The rectangle is empty. One that reaches out of the image is an
                `InvalidJobError` when the job runs.

        Source: the `fill_rect` node.
        """
        box = _box(x1, y1, x2, y2, low=0)
        return self._then("fill_rect", box | colors(color=color))

    def round_image_corners(
        self,
        radius: float | tuple[float, float, float, float] | Literal["circle"],
        *,
        unit: Literal["pixels", "percentage"] = "pixels",
        background_color: ColorLike = "transparent",
    ) -> Image:
        """Return this image with round corners.

        Args:
            radius: One for all corners; four from the top left clockwise; or "circle",
                which keeps the inscribed circle.
            unit: Pixels, or percent of half the smaller side.
            background_color: What is seen outside.

        Raises:
            ValueError: A radius is below 0, or there are neither one nor four.

        Source: the `round_image_corners` node.
        """
        one_of(Literal["pixels", "percentage"], unit=unit)
        params = colors(background_color=background_color)
        params["radius"] = _radius_json(radius, unit)
        return self._then("round_image_corners", params)

    # Orientation, clockwise

    def flip_v(self) -> Image:
        """Return this image upside down, as in water. Source: the `flip_v` node."""
        return self._then("flip_v")

    def flip_h(self) -> Image:
        """Return this image as in a mirror. Source: the `flip_h` node."""
        return self._then("flip_h")

    def transpose(self) -> Image:
        """Return this image with x and y, width and height exchanged.

        Source: the `transpose` node.
        """
        return self._then("transpose")

    def rotate_90(self) -> Image:
        """Return this image turned clockwise once: *w* × *h* become *h* × *w*.

        Source: the `rotate_90` node.
        """
        return self._then("rotate_90")

    def rotate_180(self) -> Image:
        """Return this image turned twice. Source: the `rotate_180` node."""
        return self._then("rotate_180")

    def rotate_270(self) -> Image:
        """Return this image turned anticlockwise: *w* × *h* become *h* × *w*.

        Source: the `rotate_270` node.
        """
        return self._then("rotate_270")

    def apply_orientation(self, flag: int) -> Image:
        """Return this image as an EXIF *flag*, 1 to 8, asks for.

        Decoding has done so already with a JPEG's own flag.

        Raises:
            ValueError: *flag* is not 1 to 8.

        Source: the `apply_orientation` node.
        """
        return self._then("apply_orientation", whole(1, 8, flag=flag))

    # Colour, in sRGB

    def color_filter_srgb(self, name: ColorFilter) -> Image:
        """Return this image through a filter: greys, sepia, a negative.

        Raises:
            ValueError: There is no filter of that name.

        Source: the `color_filter_srgb` node.
        """
        one_of(ColorFilter, name=name)
        return self._then("color_filter_srgb", name)

    def adjust(
        self,
        *,
        brightness: float | None = None,
        contrast: float | None = None,
        saturation: float | None = None,
        alpha: float | None = None,
    ) -> Image:
        """Return this image brighter, fainter …, in the order of the arguments.

        Args:
            brightness: −1 to 1; 0 changes nothing.
            contrast: −1 to 1; 0 changes nothing.
            saturation: −1 to 1; −1 is grey, 0 changes nothing.
            alpha: 0 to 1; what the opacity is multiplied by.

        Raises:
            ValueError: A number is out of range.

        Source: the `color_filter_srgb` node, once for each argument.
        """
        tones = given(brightness=brightness, contrast=contrast, saturation=saturation)
        filters = number(-1, 1, **tones) | number(0, 1, **given(alpha=alpha))
        image = self
        for name, value in filters.items():
            image = image._then("color_filter_srgb", {name: value})
        return image

    def color_matrix_srgb(self, matrix: Sequence[Sequence[float]]) -> Image:
        """Return this image with its channels mixed.

        Args:
            matrix: Five rows of five: what red, green, blue, alpha and a constant 1 of
                the source give to red, green, blue and alpha; the last column is not
                used.

        Raises:
            ValueError: It is not five by five, or a member is not finite.

        Source: the `color_matrix_srgb` node.
        """
        if [len(row) for row in matrix] != [5] * 5:
            raise ValueError("a colour matrix has five rows of five numbers")
        for value in chain.from_iterable(matrix):
            number(**{"a member of the matrix": value})
        floats: Json = [list(map(float, row)) for row in matrix]
        return self._then("color_matrix_srgb", {"matrix": floats})

    def white_balance_srgb(self, threshold: float | None = None) -> Image:
        """Return this image with its histogram stretched, channel by channel.

        Args:
            threshold: The share of the pixels, at either end, that does not count: 0 to
                1; 0.006 unless given.

        Raises:
            ValueError: *threshold* is out of range.

        Source: the `white_balance_histogram_area_threshold_srgb` node.
        """
        name = "white_balance_histogram_area_threshold_srgb"
        return self._then(name, number(0, 1, **given(threshold=threshold)))

    # Composition

    def watermark(self, watermark: Watermark, /) -> Image:
        """Return this image with another drawn on it.

        Raises:
            TypeError: It is no `Watermark`.

        Source: the `watermark` node.
        """
        return self._then("watermark", _mark_json(watermark), watermark.source)

    def draw_image_exact(
        self,
        image: Image,
        x: int,
        y: int,
        w: int,
        h: int,
        *,
        blend: Literal["compose", "overwrite"] | None = None,
        hints: Hints | None = None,
    ) -> Image:
        """Return this image with *image* drawn on it, *w* × *h* pixels at *x*, *y*.

        *blend* is "compose", by its alpha, as unless given, or "overwrite", in place of
        what is there; *hints* say how it is resampled.

        Raises:
            ValueError: A number is out of range, or *hints* resample sometimes only. A
                place that reaches out of this image is an `InvalidJobError` when the
                job runs.
            TypeError: *image* is no `Image`.

        Source: the `draw_image_exact` node.
        """
        params = whole(0, INT32, x=x, y=y) | whole(1, INT32, w=w, h=h)
        params |= one_of(Literal["compose", "overwrite"], **given(blend=blend))
        params |= parts(**given(hints=hints))
        if hints is not None and hints.resample_when not in (None, "always"):
            raise ValueError("draw_image_exact resamples always: leave resample_when")
        return self._under("draw_image_exact", image, params)

    def copy_rect_to_canvas(
        self, image: Image, from_x: int, from_y: int, w: int, h: int, x: int, y: int
    ) -> Image:
        """Return this image with a part of *image* copied into it, without blending.

        The part is *w* × *h* pixels; it begins at *from_x*, *from_y* there, and goes to
        *x*, *y* here.

        Raises:
            ValueError: A number is out of range. A part that reaches out of an image
                is an `InvalidJobError` when the job runs.
            TypeError: *image* is no `Image`.

        Source: the `copy_rect_to_canvas` node.
        """
        params = whole(0, INT32, from_x=from_x, from_y=from_y, x=x, y=y)
        params |= whole(1, INT32, w=w, h=h)
        return self._under("copy_rect_to_canvas", image, params)

    def _under(self, name: str, image: Image, params: dict[str, Json]) -> Image:
        if not isinstance(image, Image):
            raise TypeError(f"what is drawn is an Image: decode(…), not {image!r:.80}")
        return Image(name, params, image, self)

    # Ways out of the vocabulary

    def command_string(self, querystring: Querystring) -> Image:
        """Return this image as a query string asks for; its format keys do nothing.

        Raises:
            TypeError: It is neither text nor a mapping.

        Source: the `command_string` node.
        """
        value = querystring_text(querystring)
        return self._then("command_string", {"kind": "ir4", "value": value})

    def node(self, node: Mapping[str, Json] | str) -> Image:
        """Return this image after any node of the engine's JSON, unchecked.

        Raises:
            ValueError: It has not one name.
        """
        if not isinstance(node, str) and len(node) != 1:
            raise ValueError(f"a node has one name, not {len(node)}: {list(node)}")
        return self._then(*parted(node))

    def pipe(
        self,
        func: Callable[Concatenate[Image, _P], _T],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """Return `func(self, …)`: a chain of one's own functions stays a chain."""
        return func(self, *args, **kwargs)

    # Endings

    def encode(
        self,
        encoder: EncoderLike,
        to: Destination | None = None,
        *,
        name: str | None = None,
    ) -> Output:
        """Return an output of this image.

        Args:
            encoder: An encoder, or the name of a format.
            to: A path or a binary stream; None for bytes.
            name: What the result calls it; its number unless given.

        Raises:
            ValueError: There is no format of that name.
        """
        return Output(self, encoder, to, name)

    def save(
        self,
        to: Destination,
        encoder: EncoderLike | None = None,
        **options: Unpack[RunOptions],
    ) -> EncodedImage:
        """Run the recipe and write the image.

        Args:
            to: A path or a binary stream.
            encoder: An encoder, or the name of a format; that of the path's suffix
                unless given.
            **options: How it is run: `RunOptions`.

        Raises:
            ValueError: No encoder is given, and the suffix names no format.
            ImageflowError: As `Job.run`.
        """
        check_destination(to)
        if encoder is None:
            encoder = suffix_format(to)
        if encoder is None:
            raise ValueError(f"{to!r:.80} names no format: give an encoder as well")
        return self.encode(encoder, to).run(**options)


def decode(
    source: SourceLike | None = None,
    *,
    name: str | None = None,
    shrink: tuple[int, int] | Literal["auto", "off"] = "auto",
    shrink_quality: Literal["fastest", "spatial", "gamma_correct"] = "gamma_correct",
    discard_color_profile: bool = False,
    ignore_color_profile_errors: bool = False,
    select_frame: int | None = None,
) -> Image:
    """Return the image in *source*, at the beginning of a recipe; nothing is read yet.

    Args:
        source: Bytes, a path or a binary stream; None for a source that is given when
            the job runs.
        name: What the missing source is called; for recipes with several.
        shrink: "auto" decodes a JPEG at an eighth to seven eighths of its size where
            only a smaller one is needed; "off" never; two numbers ask the decoder for
            at least that size.
        shrink_quality: How the decoder shrinks.
        discard_color_profile: Take the colours for sRGB; those of a WebP always are.
        ignore_color_profile_errors: Go on when the profile cannot be used.
        select_frame: A frame of an animation, from 0. Outputs that do not move have
            the first one unless given.

    Raises:
        ValueError: A source and a name are given, or a number is out of range.

    Source: the `decode` node.
    """
    if source is not None:
        check_source(source)
        if name is not None:
            raise ValueError("a name is for a source that is given later")
    qualities = Literal["fastest", "spatial", "gamma_correct"]
    one_of(qualities, shrink_quality=shrink_quality)
    commands: list[Json] = []
    if isinstance(shrink, tuple):
        commands += shrink_commands(*shrink, quality=shrink_quality)
    else:
        one_of(Literal["auto", "off"], shrink=shrink)
    if discard_color_profile:
        commands.append("discard_color_profile")
    if ignore_color_profile_errors:
        commands.append("ignore_color_profile_errors")
    if select_frame is not None:
        commands.append(whole(0, INT32, select_frame=select_frame))
    # An empty list is how a document says "off".
    told = bool(commands) or shrink == "off"
    return Image(
        "decode",
        {"commands": commands} if told else {},
        _sources=(Placeholder(name) if source is None else source,),
        _auto_shrink=shrink == "auto",
    )


def canvas(
    w: int,
    h: int,
    color: ColorLike = "transparent",
    *,
    format: Literal["bgra_32", "bgr_32"] = "bgra_32",  # noqa: A002 - the node's own word
) -> Image:
    """Return an image of one *color*, *w* × *h* pixels, to begin a recipe with.

    Its *format* is with alpha, or without.

    Raises:
        ValueError: A side is below 1, or *color* is none.

    Source: the `create_canvas` node.
    """
    params = whole(1, INT32, w=w, h=h) | colors(color=color)
    params |= one_of(Literal["bgra_32", "bgr_32"], format=format)
    return Image("create_canvas", params)


def command_string(
    source: SourceLike | None,
    querystring: Querystring,
    *,
    watermarks: Sequence[Watermark] = (),
    to: Destination | None = None,
    name: str | None = None,
) -> Output:
    """Return an output that a query string describes, from decoding to encoding.

    Args:
        source: Bytes, a path or a binary stream; None for one that is given later.
        querystring: Text or a mapping. Where it names no format, the suffix of *to*
            does.
        watermarks: Pictures that are drawn on it.
        to: A path or a binary stream; None for bytes.
        name: What the result calls it; its number unless given.

    Raises:
        ValueError: Query string and suffix name different formats.
        TypeError: One of *watermarks* is no `Watermark`.

    Source: the `command_string` node.
    """
    text = with_format_of(querystring_text(querystring), to)
    params: dict[str, Json] = {"kind": "ir4", "value": text}
    if watermarks:
        params["watermarks"] = [_mark_json(each) for each in watermarks]
    if source is not None:
        check_source(source)
    picture = Placeholder() if source is None else source
    sources = (picture, *(each.source for each in watermarks))
    image = Image("command_string", params, _sources=sources)
    return Output(image, None, to, name)


def images_of(plan: Plan) -> list[Image]:
    """Return the images that were laid out as *plan*; branches stay shared."""
    images: dict[int | None, Any] = {None: None}
    for index, step in enumerate(plan.steps):
        above = images[step.input], images[step.canvas]
        sources = tuple(plan.sources[each] for each in step.sources)
        images[index] = Image(
            step.name, step.parameters, *above, sources, step.auto_shrink
        )
    return [images[end] for end in plan.ends]


def _image_of(plan: Plan) -> Image:
    return images_of(plan)[0]


def _mark_json(watermark: Watermark) -> Json:
    if not isinstance(watermark, Watermark):
        raise TypeError(f"a watermark is a Watermark, not {watermark!r:.80}")
    return watermark.to_json()


def _box(x1: int, y1: int, x2: int, y2: int, *, low: int) -> dict[str, Any]:
    return _not_empty(whole(low, INT32, x1=x1, y1=y1, x2=x2, y2=y2))


def _not_empty(box: dict[str, Any]) -> dict[str, Any]:
    if box["x1"] >= box["x2"] or box["y1"] >= box["y2"]:
        raise ValueError(f"the box ({', '.join(map(str, box.values()))}) is empty")
    return box


def _radius_json(
    radius: float | tuple[float, float, float, float] | Literal["circle"], unit: str
) -> Json:
    if isinstance(radius, str):
        one_of(Literal["circle"], radius=radius)
        return radius
    radii = radius if isinstance(radius, tuple) else (radius,)
    for value in radii:
        number(0, radius=value)
    if not isinstance(radius, tuple):
        return {unit: float(radius)}
    if len(radii) != 4:
        raise ValueError("radius is one number, four, or 'circle'")
    corners = ("top_left", "top_right", "bottom_right", "bottom_left")
    return {f"{unit}_custom": dict(zip(corners, map(float, radii), strict=True))}


def _call_text(image: Image) -> str:
    """Return the call that made the last step of *image*, near enough."""
    params = image._params
    arguments = [
        repr(source if isinstance(source, Placeholder) else source_name(source))
        for source in image._sources
        if source != Placeholder()
    ]
    if image._canvas is not None and image._input is not None:
        arguments.append(repr(image._input))
    if isinstance(params, dict):
        arguments += [f"{key}={value!r}" for key, value in params.items()]
    elif params is not None:
        arguments.append(repr(params))
    return f"{image._name}({', '.join(arguments)})"
