use super::*;
use crate::layout::Size;
use crate::message::{
    Color, ColorSrgb, DecoderCommand, FitBox, ImageInfo, PixelFormat, Preset, Watermark,
};

fn nodes(query: &str, frame: (u32, u32)) -> Vec<Node> {
    Query::parse(query).nodes(frame, frame, &[]).expect(query)
}

fn names(nodes: &[Node]) -> Vec<&'static str> {
    nodes.iter().map(Node::name).collect()
}

/// The size of a frame after some nodes.
fn sized(nodes: &[Node], (w, h): (u32, u32)) -> (u32, u32) {
    nodes.iter().fold((w, h), |(w, h), node| match *node {
        Node::Rotate90 | Node::Rotate270 => (h, w),
        Node::Crop { x1, y1, x2, y2 } => {
            assert!(x1 < x2 && y1 < y2 && x2 <= w && y2 <= h, "{node:?} of {w}x{h}");
            (x2 - x1, y2 - y1)
        }
        Node::Resample2d { w, h, .. } => (w, h),
        Node::ExpandCanvas { left, top, right, bottom, .. } => (left + w + right, top + h + bottom),
        _ => (w, h),
    })
}

fn info(w: u32, h: u32) -> ImageInfo {
    ImageInfo {
        preferred_mime_type: "image/jpeg",
        preferred_extension: "jpg",
        image_width: w,
        image_height: h,
        frame_decodes_into: PixelFormat::Bgr32,
        lossless: false,
        multiple_frames: false,
    }
}

fn kinds(query: &str) -> Vec<(String, IssueKind)> {
    issues(query).into_iter().map(|issue| (issue.key, issue.kind)).collect()
}

#[test]
fn each_query_gives_the_size_that_the_official_engine_recorded() {
    let scene = (132, 88);
    let photo = (640, 480);
    for (query, source, size) in [
        ("", scene, scene),
        ("w=136", photo, (136, 102)),
        ("width=120&height=110&mode=pad&anchor=bottomright", photo, (120, 110)),
        ("w=70&h=130&mode=crop&c.gravity=82,40&anchor=topleft", photo, (70, 130)),
        ("w=38&maxheight=13&h=20&zoom=2.5x&dpr=9&mode=stretch", scene, (95, 33)),
        ("w=3&h=4&mode=aspectcrop&anchor=middleleft", scene, (66, 88)),
        ("h=131&mode=max&scale=both", scene, (197, 131)),
        ("w=170&h=120&scale=canvas&anchor=25,75", scene, (170, 120)),
        ("w=500&h=400&mode=pad", scene, scene),
        ("w=71&nothing=4&h=9.5&mode=cover&anchor=here&quality=x", scene, (71, 47)),
        ("crop=-90,12,-15,-8", scene, (75, 68)),
        ("crop=1.5,4,9,9.5&cropxunits=10&cropyunits=10&w=110&h=60&mode=crop", photo, (110, 60)),
        ("c=12.5,25,87.5,100", scene, (99, 66)),
        ("srotate=270&sflip=v&crop=4,10,70,100", scene, (66, 90)),
        ("rotate=90&flip=v", scene, (88, 132)),
        ("srcset=jpeg-66,120w,100h,fit-crop", photo, (120, 100)),
        ("w=40", (58, 42), (40, 29)),
    ] {
        assert_eq!(sized(&nodes(query, source), source), size, "{query}");
    }
}

#[test]
fn mode_and_scale_together_decide_who_is_scaled_and_padded() {
    let (small, large) = ((120, 130), (60, 20));
    for (mode, scale, for_small_picture, for_large_picture) in [
        ("max", "down", (90, 60), (30, 20)),
        ("max", "up", (120, 80), (90, 60)),
        ("max", "both", (120, 80), (30, 20)),
        ("max", "canvas", (120, 80), (30, 20)),
        ("pad", "down", (90, 60), large),
        ("pad", "up", small, (90, 60)),
        ("pad", "both", small, large),
        ("pad", "canvas", small, large),
        ("crop", "down", (90, 60), large),
        ("crop", "up", small, (90, 60)),
        ("crop", "both", small, large),
        ("crop", "canvas", (90, 60), large),
        ("stretch", "down", (90, 60), large),
        ("stretch", "up", small, (90, 60)),
        ("stretch", "both", small, large),
        ("stretch", "canvas", small, large),
        ("aspectcrop", "down", (55, 60), (90, 30)),
    ] {
        let of = |(w, h): (u32, u32)| {
            let query = format!("w={w}&h={h}&mode={mode}&scale={scale}");
            sized(&nodes(&query, (90, 60)), (90, 60))
        };

        assert_eq!(of(small), for_small_picture, "{mode} {scale}, smaller than the box");
        assert_eq!(of(large), for_large_picture, "{mode} {scale}, larger than the box");
    }
}

#[test]
fn operations_have_one_order_whatever_the_order_of_the_keys() {
    let query = "watermark_red_dot=1&flip=x&rotate=90&s.grayscale=flat&s.sepia=1&s.saturation=0.1\
        &s.contrast=0.2&s.brightness=0.3&s.alpha=0.4&s.roundcorners=5&a.balancewhite=area\
        &w=30&h=30&scale=both&crop=0,0,40,40&sflip=both&srotate=180&bgcolor=navy";
    let backwards: Vec<&str> = query.split('&').map(str::trim).rev().collect();

    let forwards = nodes(query, (90, 60));

    assert_eq!(forwards, nodes(&backwards.join("&"), (90, 60)));
    let filters = ["color_filter_srgb"; 6];
    let expected = [
        &["rotate_180", "flip_h", "flip_v", "crop", "resample_2d", "round_image_corners"][..],
        &filters[..],
        &["white_balance_histogram_area_threshold_srgb"],
        &["rotate_90", "flip_h", "watermark_red_dot"],
    ];
    assert_eq!(names(&forwards), expected.concat());
}

#[test]
fn watermarks_relative_to_the_canvas_come_after_the_padding() {
    let mark = |io_id, fit_box| Watermark {
        io_id,
        fit_box,
        fit_mode: None,
        gravity: None,
        min_canvas_width: None,
        min_canvas_height: None,
        opacity: None,
        hints: None,
    };
    let on_canvas = FitBox::CanvasMargins { left: 1, top: 1, right: 1, bottom: 1 };
    let marks = [mark(7, Some(on_canvas)), mark(8, None)];

    let nodes = Query::parse("w=90&h=90").nodes((100, 50), (100, 50), &marks).unwrap();

    let order: Vec<String> = nodes
        .iter()
        .map(|node| match node {
            Node::Watermark(mark) => format!("watermark {}", mark.io_id),
            other => other.name().to_owned(),
        })
        .collect();
    assert_eq!(order, ["resample_2d", "watermark 8", "expand_canvas", "watermark 7"]);
}

#[test]
fn a_background_is_the_colour_asked_for_or_white_under_a_jpeg() {
    for (query, expected) in [
        ("w=9", None),
        ("w=9&format=jpg", Some("FFFFFFFF")),
        ("w=9&format=jpg&bgcolor=Navy", Some("000080FF")),
        ("w=9&bgcolor=%23f008", Some("FF000088")),
        ("w=9&bgcolor=nosuch", None),
    ] {
        let Node::Resample2d { hints: Some(hints), .. } = &nodes(query, (90, 60))[0] else {
            panic!("{query} does not resample");
        };

        let expected =
            expected.map_or(Color::Transparent, |hex| Color::Srgb(ColorSrgb::Hex(hex.to_owned())));
        assert_eq!(hints.background_color, Some(expected), "{query}");
    }
}

#[test]
fn text_is_decoded_as_in_a_url_and_ends_at_a_hash() {
    for (one, other) in [
        ("w=%380", "w=80"),
        ("W=80&Mode=MAX", "w=80&mode=max"),
        ("w=+80+", "w=80"),
        ("&&w=80&", "w=80"),
        ("w=80#&h=5", "w=80"),
        ("w=80&w=90", "w=80"),
        ("w=90&width=80", "w=80"),
        ("w=80&h=", "w=80"),
        ("w=80&h=5%zz", "w=80"),
        ("?w=90", ""),
        ("w=100.5", ""),
        ("zoom=nan&w=80", "w=80"),
        ("zoom=inf&w=80", "w=80"),
    ] {
        assert_eq!(nodes(one, (200, 100)), nodes(other, (200, 100)), "{one}");
    }
}

#[test]
fn the_older_spellings_of_a_mode_count_when_there_is_none() {
    for (old, new) in [
        ("w=9&h=9&stretch=fill", "w=9&h=9&mode=stretch"),
        ("w=9&h=9&crop=auto", "w=9&h=9&mode=crop"),
        ("w=9&h=9&crop=auto&mode=max", "w=9&h=9&mode=max"),
        ("w=9&h=9&mode=carve", "w=9&h=9&mode=stretch"),
        ("w=9&h=9&mode=none", "w=9&h=9"),
    ] {
        assert_eq!(nodes(old, (90, 60)), nodes(new, (90, 60)), "{old}");
    }
}

#[test]
fn trimming_is_a_node_of_its_own() {
    let of = |query| Query::parse(query).trim();

    assert_eq!(of("w=5&trim.percentpadding=1"), None);
    let expected = Node::CropWhitespace { threshold: 35, percent_padding: 4.0 };
    assert_eq!(of("trim.threshold=35&trim.percentpadding=4"), Some(expected));
    let expected = Node::CropWhitespace { threshold: 0, percent_padding: 0.0 };
    assert_eq!(of("trim.threshold=-35"), Some(expected));
}

#[test]
fn a_decoder_may_deliver_less_when_the_job_shrinks_much() {
    let jpeg = |width, height, linear| DecoderCommand::JpegDownscaleHints {
        width,
        height,
        scale_luma_spatially: Some(linear),
        gamma_correct_for_srgb_during_spatial_luma_scaling: Some(linear),
    };
    let webp = DecoderCommand::WebpDecoderHints { width: 314, height: 209 };
    for (query, expected) in [
        ("w=100&h=50", vec![jpeg(236, 157, true)]),
        ("w=100&down.colorspace=srgb", vec![jpeg(314, 209, false), webp]),
        ("w=100&decoder.min_precise_scaling_ratio=3", vec![jpeg(450, 300, true)]),
        ("w=300", vec![]),
        ("w=100&trim.threshold=9&ignoreicc=true", vec![]),
        ("w=3000&frame=2", vec![DecoderCommand::SelectFrame(2)]),
        (
            "ignoreicc=1&ignore_icc_errors=1",
            vec![DecoderCommand::DiscardColorProfile, DecoderCommand::IgnoreColorProfileErrors],
        ),
    ] {
        assert_eq!(Query::parse(query).decoder_commands(&info(600, 400)), expected, "{query}");
    }
}

#[test]
fn lengths_are_about_the_picture_before_the_decoder_shrank_it() {
    let query = Query::parse("crop=400,200,2400,2000&zoom=0.5");

    let nodes = query.nodes((682, 557), (2725, 2225), &[]).unwrap();

    assert_eq!(nodes[0], Node::Crop { x1: 100, y1: 50, x2: 601, y2: 501 });
    assert_eq!(sized(&nodes, (682, 557)), (501, 451));
}

#[test]
fn a_srcset_overrides_other_keys_and_its_last_command_decides_the_mode() {
    for (srcset, plain) in [
        ("srcset=100w,90h", "w=100&h=90&mode=max"),
        ("short=100w,90h", "w=100&h=90&mode=max"),
        ("w=5&srcset=100.4w,2x", "w=100&zoom=2&mode=max"),
        ("srcset=fit-crop,100w,90h", "w=100&h=90&mode=max"),
        ("srcset=100w,90h,fit-cover", "w=100&h=90&mode=crop"),
        ("srcset=100w,90h,fit-pad", "w=100&h=90&mode=pad"),
        ("srcset=100w,90h,fit-fill", "w=100&h=90&mode=stretch"),
        ("srcset=400w,upscale", "w=400&scale=both&mode=max"),
        ("srcset=crop-10-20-90-80,sharp-15", "c=10,20,90,80&f.sharpen=15&mode=max"),
        ("srcset=WEBP-70", "format=webp&webp.quality=70"),
        ("srcset=jpg-progressive-q66", "format=jpg&jpeg.quality=66&jpeg.progressive=1"),
        (
            "srcset=png-60-mq20-lossless",
            "format=png&png.quality=60&png.min_quality=20&png.lossless=1",
        ),
        ("srcset=lossless", "format=auto&lossless=true"),
        ("srcset=qp-good,qp-dpr-2x", "qp=good&qp.dpr=2"),
        ("srcset=", ""),
        ("srcset=webp-nan,nanw,qp-,fit,crop-1-2,sharpen,é-é,-,", "format=webp"),
    ] {
        let (ours, theirs) = (Query::parse(srcset), Query::parse(plain));
        let all = |query: &Query| query.nodes((200, 150), (200, 150), &[]).unwrap();

        assert_eq!(all(&ours), all(&theirs), "{srcset}");
        assert_eq!(ours.preset(), theirs.preset(), "{srcset}");
    }
}

#[test]
fn the_preset_keeps_the_format_unless_one_is_named_or_a_profile_given() {
    let format = |query| match Query::parse(query).preset() {
        Preset::Format { format, .. } => Some(format),
        _ => None,
    };

    assert_eq!(format("w=5"), Some(OutputFormat::Keep));
    assert_eq!(format("thumbnail=JFIF"), Some(OutputFormat::Jpeg));
    assert_eq!(format("format=png&qp=good"), Some(OutputFormat::Png));
    assert_eq!(format("qp=good"), None);
    assert_eq!(format("format=auto"), None);
}

#[test]
fn a_profile_comes_from_qp_or_for_automatic_formats_from_quality() {
    for (query, expected) in [
        ("qp=medium-high", QualityProfile::Good),
        ("qp=72.4", QualityProfile::Percent(72.0)),
        ("qp=400", QualityProfile::Percent(100.0)),
        ("qp=quality&quality=31", QualityProfile::Percent(31.0)),
        ("format=auto&quality=64", QualityProfile::Percent(64.0)),
        ("format=auto", QualityProfile::High),
    ] {
        let Preset::Auto { quality_profile, .. } = Query::parse(query).preset() else {
            panic!("{query} is not automatic");
        };

        assert_eq!(quality_profile, expected, "{query}");
    }
}

#[test]
fn each_issue_has_a_kind_and_a_sound_query_has_none() {
    use IssueKind::{DuplicateKeyError, IgnoredKey, InvalidValueError, UnrecognizedKey};
    for (query, expected) in [
        ("w=100&h=50&mode=crop&format=webp&c=1,2,3,4&qp=80&h=", vec![("h", DuplicateKeyError)]),
        ("w=100&h=50&mode=crop&format=webp&frame=0&bgcolor=red", vec![]),
        ("margin=3", vec![("margin", IgnoredKey)]),
        ("OTHER=1", vec![("other", UnrecognizedKey)]),
        ("w=12.5", vec![("w", InvalidValueError), ("w", IgnoredKey)]),
        ("width=5&w=6", vec![("w", IgnoredKey)]),
        ("mode=carve", vec![("mode", InvalidValueError)]),
        (
            "crop=1,2",
            vec![("crop", InvalidValueError), ("crop", InvalidValueError), ("crop", IgnoredKey)],
        ),
        ("crop=(1,2,3,4)", vec![("crop", InvalidValueError)]),
        ("rotate=44", vec![("rotate", InvalidValueError), ("rotate", IgnoredKey)]),
        ("a.balancewhite=gimp", vec![("a.balancewhite", InvalidValueError)]),
        ("stretch=wide", vec![("stretch", IgnoredKey)]),
        ("srcset=100w,huge", vec![("srcset", InvalidValueError)]),
        ("subsampling=421", vec![("subsampling", InvalidValueError), ("subsampling", IgnoredKey)]),
    ] {
        let expected: Vec<(String, IssueKind)> =
            expected.into_iter().map(|(key, kind)| (key.to_owned(), kind)).collect();

        assert_eq!(kinds(query), expected, "{query}");
    }
}

#[test]
fn the_hundred_keys_are_sorted_and_none_is_twice() {
    assert!(KEYS.windows(2).all(|pair| pair[0] < pair[1]));
}

/// A generator for jobs that nobody would write.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn side(&mut self) -> u32 {
        let bits = self.roll(14);
        1 + self.roll(1 << bits) as u32
    }
}

#[test]
fn no_text_and_no_size_makes_a_query_panic_or_a_frame_vanish() {
    const PIECES: [&str; 24] = [
        "1",
        "-7",
        "0",
        "0.004",
        "99999999999",
        "2147483647",
        "1e38",
        "nan",
        "crop",
        "pad",
        "max",
        "both",
        "canvas",
        "20,30,70,60",
        "-1,-1,0,0",
        "x",
        "%",
        "é",
        "fit-crop,90w",
        "keep",
        "webp-q",
        "png-mq",
        "-",
        "#",
    ];
    let mut dice = Dice(3);
    for _ in 0..30_000 {
        let pairs: Vec<String> = (0..dice.roll(7))
            .map(|_| format!("{}={}", KEYS[dice.roll(100)], PIECES[dice.roll(24)]))
            .collect();
        let text = pairs.join("&");
        let (frame, source) = ((dice.side(), dice.side()), (dice.side(), dice.side()));

        let query = Query::parse(&text);
        let _ = issues(&text);
        let _ = query.preset();
        let _ = query.decoder_commands(&info(source.0, source.1));
        if let Ok(nodes) = query.nodes(frame, source, &[]) {
            let (w, h) = sized(&nodes, frame);
            assert!(Size::new(w, h).is_ok(), "{text} of {frame:?} gives {w}x{h}");
        }
    }
}
