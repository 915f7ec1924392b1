use super::*;
use crate::error::Kind;

/// A still with these facts; the source is what the first letter says.
const JPEG: Facts =
    Facts { source: Some(Format::Jpeg), source_lossless: false, animated: false, alpha: false };
const PNG: Facts = Facts { source: Some(Format::Png), source_lossless: true, ..JPEG };
const PNG_ALPHA: Facts = Facts { alpha: true, ..PNG };
const GIF: Facts = Facts { source: Some(Format::Gif), alpha: true, ..JPEG };
const ANIMATION: Facts = Facts { animated: true, ..GIF };
const NO_SOURCE: Facts = Facts { source: None, ..JPEG };

fn preset(json: &str) -> Preset {
    serde_json::from_str(json).expect(json)
}

fn chosen(json: &str, facts: &Facts) -> Encoding {
    choose(&preset(json), facts).expect(json).encoding
}

fn of_query(query: &str, facts: &Facts) -> Encoding {
    choose(&crate::query::Query::parse(query).preset(), facts).expect(query).encoding
}

const LODEPNG: Encoding = Encoding::Lodepng { maximum_deflate: false };

fn mozjpeg(quality: u8) -> Encoding {
    Encoding::Mozjpeg { quality, progressive: true }
}

fn webp(quality: f32) -> Encoding {
    Encoding::WebpLossy { quality }
}

fn pngquant(quality: u8, minimum_quality: u8, speed: Option<u8>) -> Encoding {
    Encoding::Pngquant { quality, minimum_quality, speed, maximum_deflate: false }
}

#[test]
fn a_preset_of_one_format_says_it_all() {
    for (json, expected) in [
        (r#"{"mozjpeg":{}}"#, mozjpeg(75)),
        (
            r#"{"mozjpeg":{"progressive":false}}"#,
            Encoding::Mozjpeg { quality: 75, progressive: false },
        ),
        (
            r#"{"libjpegturbo":{"quality":300}}"#,
            Encoding::Libjpegturbo {
                quality: 44,
                progressive: false,
                optimize_huffman_coding: false,
            },
        ),
        (r#"{"libpng":{}}"#, Encoding::Libpng { depth: None, zlib_compression: 6 }),
        (r#"{"pngquant":{}}"#, pngquant(100, 0, None)),
        (r#"{"lodepng":{}}"#, LODEPNG),
        (r#"{"webplossy":{"quality":5}}"#, webp(5.0)),
        (r#""webplossless""#, Encoding::WebpLossless),
        (r#""gif""#, Encoding::Gif),
    ] {
        assert_eq!(chosen(json, &PNG_ALPHA), expected, "{json}");
    }
}

#[test]
fn the_matte_is_the_one_of_the_preset() {
    let json = r#"{"auto":{"quality_profile":"good","matte":{"srgb":{"hex":"00f8"}}}}"#;
    let blue = Rgba { r: 0, g: 0, b: 255, a: 136 };
    assert_eq!(choose(&preset(json), &PNG_ALPHA).unwrap().matte, Some(blue));

    let json = r#"{"mozjpeg":{"matte":{"srgb":{"hex":"nothing"}}}}"#;
    assert_eq!(choose(&preset(json), &PNG_ALPHA).unwrap_err().kind, Kind::InvalidArgument);
}

#[test]
fn a_picture_without_alpha_has_no_matte() {
    let json = r#"{"mozjpeg":{"matte":{"srgb":{"hex":"nothing"}}}}"#;

    assert_eq!(choose(&preset(json), &PNG).unwrap().matte, None);
}

#[test]
fn a_query_keeps_the_format_of_its_source_where_it_can() {
    for (query, facts, expected) in [
        ("", JPEG, mozjpeg(90)),
        ("", PNG, LODEPNG),
        ("", GIF, Encoding::Gif),
        ("", Facts { source: Some(Format::Webp), ..JPEG }, webp(80.0)),
        ("", Facts { alpha: true, ..JPEG }, LODEPNG),
        ("accept.webp=1", JPEG, webp(80.0)),
        ("accept.webp=1", PNG, LODEPNG),
        ("", ANIMATION, Encoding::Gif),
        ("", NO_SOURCE, mozjpeg(90)),
    ] {
        assert_eq!(of_query(query, &facts), expected, "{query} {facts:?}");
    }
}

#[test]
fn automatic_choice_goes_by_alpha_loss_animation_and_what_is_allowed() {
    for (query, facts, expected) in [
        ("format=auto", JPEG, mozjpeg(91)),
        ("format=auto", PNG, mozjpeg(91)),
        ("format=auto", PNG_ALPHA, LODEPNG),
        ("format=auto&accept.webp=1", PNG_ALPHA, webp(93.0)),
        ("format=auto&lossless=true", JPEG, LODEPNG),
        ("format=auto&lossless=keep", PNG, LODEPNG),
        ("format=auto&lossless=keep", JPEG, mozjpeg(91)),
        ("format=auto&lossless=true&accept.webp=1", JPEG, Encoding::WebpLossless),
        ("format=auto", ANIMATION, Encoding::Gif),
        ("format=auto&accept.webp=1", ANIMATION, Encoding::Gif),
        ("format=avif", JPEG, mozjpeg(90)),
        ("format=jxl", PNG_ALPHA, LODEPNG),
        ("qp=good", JPEG, mozjpeg(73)),
    ] {
        assert_eq!(of_query(query, &facts), expected, "{query} {facts:?}");
    }
}

#[test]
fn sets_of_allowed_formats_add_up() {
    let auto = |profile: &str, allow: &str| {
        format!(r#"{{"auto":{{"quality_profile":"{profile}","allow":{{{allow}}}}}}}"#)
    };
    for (profile, allow, facts, expected) in [
        ("medium", r#""modern_web_safe":true"#, PNG_ALPHA, webp(53.0)),
        ("medium", r#""modern_web_safe":true"#, JPEG, mozjpeg(57)),
        ("highest", r#""modern_web_safe":true"#, JPEG, webp(96.0)),
        ("highest", r#""all":true"#, JPEG, webp(96.0)),
        ("good", r#""web_safe":true,"modern_web_safe":true"#, PNG_ALPHA, LODEPNG),
        ("good", r#""web_safe":true,"jpeg":false"#, JPEG, mozjpeg(73)),
        ("good", r#""png":true"#, JPEG, LODEPNG),
        ("good", r#""gif":true"#, PNG_ALPHA, Encoding::Gif),
        ("good", r#""webp":true,"jpeg_progressive":true"#, JPEG, webp(76.0)),
    ] {
        assert_eq!(chosen(&auto(profile, allow), &facts), expected, "{profile} {allow}");
    }
    for allow in ["", r#""avif":true"#, r#""jpeg":false"#] {
        let error = choose(&preset(&auto("good", allow)), &JPEG).unwrap_err();
        assert_eq!(error.kind, Kind::InvalidArgument, "{allow}");
    }
}

#[test]
fn an_opaque_matte_leaves_no_alpha_to_choose_for() {
    let json = r#"{"auto":{"quality_profile":"good","matte":"black"}}"#;
    assert_eq!(chosen(json, &PNG_ALPHA), mozjpeg(73));
}

#[test]
fn a_named_format_takes_its_own_hints() {
    for (query, expected) in [
        ("format=jpg&quality=30", mozjpeg(30)),
        ("format=jpg&quality=30&jpeg.quality=300", mozjpeg(100)),
        ("format=jpg&quality=30&qp=high", mozjpeg(91)),
        ("format=jpg&jpeg.progressive=0", Encoding::Mozjpeg { quality: 90, progressive: false }),
        ("format=jpg&jpeg.li=1&jpeg.turbo=1", mozjpeg(90)),
        (
            "format=jpg&jpeg.turbo=1",
            Encoding::Libjpegturbo {
                quality: 90,
                progressive: false,
                optimize_huffman_coding: false,
            },
        ),
        ("format=webp&quality=30", webp(30.0)),
        ("format=webp&quality=30&webp.quality=40.5", webp(40.5)),
        ("format=webp&webp.lossless=keep", Encoding::WebpLossless),
        ("format=webp&webp.lossless=keep&lossless=false", webp(80.0)),
        ("format=webp&qp=lossless", Encoding::WebpLossless),
        ("format=png&quality=30", LODEPNG),
        ("format=png&png.quality=60", pngquant(60, 0, None)),
        ("format=png&png.quality=99&png.min_quality=99", pngquant(99, 99, None)),
        ("format=png&png.quality=60&png.quantization_speed=6", pngquant(60, 0, Some(6))),
        ("format=png&png.quality=60&png.lossless=1", LODEPNG),
        ("format=png&png.quality=60&png.lossless=keep", LODEPNG),
        ("format=png&png.lossless=0", pngquant(100, 0, None)),
        ("format=png&qp=good", LODEPNG),
        ("format=png&qp=good&png.lossless=0", pngquant(100, 50, None)),
        ("format=png&qp=lossless&png.lossless=0", LODEPNG),
        ("format=png&lossless=false&qp=medium", pngquant(55, 0, None)),
        ("format=png&png.max_deflate=1", Encoding::Lodepng { maximum_deflate: true }),
        (
            "format=png&png.libpng=1&png.max_deflate=1",
            Encoding::Libpng { depth: Some(PngDepth::Png24), zlib_compression: 9 },
        ),
        ("format=gif", Encoding::Gif),
    ] {
        assert_eq!(of_query(query, &PNG), expected, "{query}");
    }
    let libpng = Encoding::Libpng { depth: Some(PngDepth::Png32), zlib_compression: 6 };
    assert_eq!(of_query("format=png&png.libpng=1", &PNG_ALPHA), libpng);
}

#[test]
fn a_profile_may_be_any_number_and_any_display() {
    for (query, jpeg) in [
        ("qp=0", 0),
        ("qp=7", 7),
        ("qp=15", 15),
        ("qp=80", 80),
        ("qp=60", 61),
        ("qp=100", 100),
        ("qp=good&qp.dpr=3", 73),
        ("qp=good&qp.dpr=1", 96),
        ("qp=good&qp.dpr=6", 23),
        ("qp=lowest&qp.dpr=1", 20),
        ("qp=low&qp.dpr=2.5x", 24),
        ("qp=highest&qp.dpr=0", 96),
    ] {
        let encoding = of_query(&format!("format=jpg&{query}"), &JPEG);

        assert_eq!(encoding, mozjpeg(jpeg), "{query}");
    }
}

#[test]
fn quality_never_falls_while_the_percentage_rises() {
    let qualities = |p: u32| {
        let of = |format: &str| of_query(&format!("format={format}&lossless=false&qp={p}"), &JPEG);
        let Encoding::Mozjpeg { quality: jpeg, .. } = of("jpg") else { panic!("{p}: jpg") };
        let Encoding::WebpLossy { quality: webp } = of("webp") else { panic!("{p}: webp") };
        let png = match of("png") {
            Encoding::Pngquant { quality, minimum_quality, .. } => (quality, minimum_quality),
            other => {
                assert_eq!((other, p), (LODEPNG, 100));
                (100, 100)
            }
        };
        (jpeg, webp, png)
    };
    for p in 0..100 {
        let (low, high) = (qualities(p), qualities(p + 1));

        assert!(low.0 <= high.0 && low.1 <= high.1, "{p} %: {low:?} {high:?}");
        assert!(low.2.0 <= high.2.0 && low.2.1 <= high.2.1, "{p} %: {low:?} {high:?}");
    }
}
