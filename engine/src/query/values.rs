//! What single values mean. None: not a value of this kind.

use crate::color::{self, Rgba};
use crate::layout::{Align, Fit, Scale};
use crate::message::{
    BoolKeep, ColorFilter, Colorspace, Filter, OutputFormat, QualityProfile, SharpenWhen,
};

use super::read::Value;
use super::{Flip, QuarterTurns, Target};

/// The row of a table that has this name, in any case.
fn named<T: Copy>(rows: &[(&str, T)], text: &str) -> Option<T> {
    rows.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|&(_, value)| value)
}

pub(super) fn int(text: &str) -> Option<i32> {
    text.parse().ok()
}

pub(super) fn byte(text: &str) -> Option<u8> {
    text.parse().ok()
}

/// A number; infinities and "not a number" are none.
pub(super) fn number(text: &str) -> Option<f32> {
    text.parse().ok().filter(|v: &f32| v.is_finite())
}

fn long_number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|v: &f64| v.is_finite())
}

pub(super) fn unit(text: &str) -> Option<f64> {
    long_number(text)
}

/// A number that may be followed by an x.
pub(super) fn multiple(text: &str) -> Option<f32> {
    number(text.trim_end_matches('x'))
}

/// Exactly `N` numbers with commas between them.
fn list<const N: usize>(text: &str) -> Option<[f64; N]> {
    let numbers: Vec<f64> = text.split(',').map(long_number).collect::<Option<_>>()?;
    numbers.try_into().ok()
}

pub(super) fn crop(text: &str) -> Option<[f64; 4]> {
    list(text)
}

/// Four values with or without brackets, where 0 stands for whatever is no number.
pub(super) fn lenient_crop(text: &str) -> Option<[f64; 4]> {
    let text = text.replace(['(', ')'], "");
    let numbers: Vec<f64> = text.split(',').map(|v| long_number(v).unwrap_or(0.0)).collect();
    numbers.try_into().ok()
}

/// One number for all corners, or four.
pub(super) fn corners(text: &str) -> Option<[f64; 4]> {
    list::<4>(text).or_else(|| list::<1>(text).map(|[all]| [all; 4]))
}

/// Two percentages; upstream keeps two decimals.
pub(super) fn gravity(text: &str) -> Option<(Align, Align)> {
    let [x, y] = list(text)?;
    let percent = |p: f64| format!("{p:.2}").parse().ok().map(Align::Percent);
    Some((percent(x)?, percent(y)?))
}

pub(super) fn anchor(text: &str) -> Option<(Align, Align)> {
    const ROWS: [(&str, (Align, Align)); 9] = [
        ("topleft", (Align::Near, Align::Near)),
        ("topcenter", (Align::Center, Align::Near)),
        ("topright", (Align::Far, Align::Near)),
        ("middleleft", (Align::Near, Align::Center)),
        ("middlecenter", (Align::Center, Align::Center)),
        ("middleright", (Align::Far, Align::Center)),
        ("bottomleft", (Align::Near, Align::Far)),
        ("bottomcenter", (Align::Center, Align::Far)),
        ("bottomright", (Align::Far, Align::Far)),
    ];
    named(&ROWS, text).or_else(|| gravity(text))
}

pub(super) fn boolean(text: &str) -> Option<bool> {
    const ROWS: [(&str, bool); 8] = [
        ("true", true),
        ("1", true),
        ("yes", true),
        ("on", true),
        ("false", false),
        ("0", false),
        ("no", false),
        ("off", false),
    ];
    named(&ROWS, text)
}

pub(super) fn bool_keep(text: &str) -> Option<BoolKeep> {
    match boolean(text) {
        Some(true) => Some(BoolKeep::True),
        Some(false) => Some(BoolKeep::False),
        None => named(&[("keep", BoolKeep::Keep), ("preserve", BoolKeep::Keep)], text),
    }
}

/// Degrees, rounded to quarter turns clockwise.
pub(super) fn turns(text: &str) -> Value<QuarterTurns> {
    match number(text) {
        None => Value::Bad,
        Some(degrees) => {
            let turns = (degrees / 90.0).round().rem_euclid(4.0) as QuarterTurns % 4;
            if degrees % 90.0 > 0.1 { Value::Bent(turns) } else { Value::Good(turns) }
        }
    }
}

pub(super) fn flip(text: &str) -> Option<Flip> {
    const ROWS: [(&str, Flip); 7] = [
        ("none", Flip { h: false, v: false }),
        ("h", Flip { h: true, v: false }),
        ("x", Flip { h: true, v: false }),
        ("v", Flip { h: false, v: true }),
        ("y", Flip { h: false, v: true }),
        ("both", Flip { h: true, v: true }),
        ("xy", Flip { h: true, v: true }),
    ];
    named(&ROWS, text)
}

/// The mode; inside None for the mode `none`. There is no seam carving: it stretches.
pub(super) fn fit(text: &str) -> Value<Option<Fit>> {
    const ROWS: [(&str, Option<Fit>); 6] = [
        ("none", None),
        ("max", Some(Fit::Max)),
        ("pad", Some(Fit::Pad)),
        ("crop", Some(Fit::Crop)),
        ("stretch", Some(Fit::Stretch)),
        ("aspectcrop", Some(Fit::AspectCrop)),
    ];
    if text.eq_ignore_ascii_case("carve") {
        return Value::Doubtful(Some(Fit::Stretch));
    }
    named(&ROWS, text).into()
}

pub(super) fn scale(text: &str) -> Option<Scale> {
    const ROWS: [(&str, Scale); 7] = [
        ("down", Scale::Down),
        ("downscaleonly", Scale::Down),
        ("up", Scale::Up),
        ("upscaleonly", Scale::Up),
        ("both", Scale::Both),
        ("canvas", Scale::Canvas),
        ("upscalecanvas", Scale::Canvas),
    ];
    named(&ROWS, text)
}

/// A filter, its words apart by underscores or not at all.
pub(super) fn filter(text: &str) -> Option<Filter> {
    const ROWS: [(&str, Filter); 22] = [
        ("robidoux_fast", Filter::RobidouxFast),
        ("robidoux", Filter::Robidoux),
        ("robidoux_sharp", Filter::RobidouxSharp),
        ("ginseng", Filter::Ginseng),
        ("ginseng_sharp", Filter::GinsengSharp),
        ("lanczos", Filter::Lanczos),
        ("lanczos_sharp", Filter::LanczosSharp),
        ("lanczos_2", Filter::Lanczos2),
        ("lanczos_2_sharp", Filter::Lanczos2Sharp),
        ("cubic", Filter::Cubic),
        ("cubic_sharp", Filter::CubicSharp),
        ("catmull_rom", Filter::CatmullRom),
        ("mitchell", Filter::Mitchell),
        ("cubic_b_spline", Filter::CubicBSpline),
        ("hermite", Filter::Hermite),
        ("jinc", Filter::Jinc),
        ("triangle", Filter::Triangle),
        ("linear", Filter::Linear),
        ("box", Filter::Box),
        ("fastest", Filter::Fastest),
        ("n_cubic", Filter::NCubic),
        ("n_cubic_sharp", Filter::NCubicSharp),
    ];
    named(&ROWS, text).or_else(|| {
        let joined = |name: &str| name.replace('_', "").eq_ignore_ascii_case(text);
        ROWS.iter().find(|(name, _)| joined(name)).map(|&(_, filter)| filter)
    })
}

/// Inside None: `gamma`, which is accepted and means nothing.
pub(super) fn colorspace(text: &str) -> Option<Option<Colorspace>> {
    const ROWS: [(&str, Option<Colorspace>); 3] =
        [("srgb", Some(Colorspace::Srgb)), ("linear", Some(Colorspace::Linear)), ("gamma", None)];
    named(&ROWS, text)
}

pub(super) fn sharpen_when(text: &str) -> Option<SharpenWhen> {
    const ROWS: [(&str, SharpenWhen); 3] = [
        ("downscaling", SharpenWhen::Downscaling),
        ("sizediffers", SharpenWhen::SizeDiffers),
        ("always", SharpenWhen::Always),
    ];
    named(&ROWS, text)
}

pub(super) fn grayscale(text: &str) -> Option<ColorFilter> {
    const ROWS: [(&str, ColorFilter); 6] = [
        ("true", ColorFilter::GrayscaleNtsc),
        ("ntsc", ColorFilter::GrayscaleNtsc),
        ("y", ColorFilter::GrayscaleNtsc),
        ("ry", ColorFilter::GrayscaleRy),
        ("flat", ColorFilter::GrayscaleFlat),
        ("bt709", ColorFilter::GrayscaleBt709),
    ];
    named(&ROWS, text)
}

/// Whether white is balanced; two algorithms of ImageResizer's do not exist any more.
pub(super) fn white_balance(text: &str) -> Value<bool> {
    match named(&[("true", true), ("area", true), ("simple", false), ("gimp", false)], text) {
        Some(true) => Value::Good(true),
        Some(false) => Value::Doubtful(false),
        None => Value::Bad,
    }
}

pub(super) fn rgba(text: &str) -> Option<Rgba> {
    color::parse_hex(text).ok().or_else(|| color::by_name(text))
}

pub(super) fn subsampling(text: &str) -> Option<i32> {
    int(text).filter(|v| [411, 420, 422, 444].contains(v))
}

pub(super) fn format(text: &str) -> Option<Target> {
    const JPEG: Target = Target::Format(OutputFormat::Jpeg);
    const JXL: Target = Target::Format(OutputFormat::Jxl);
    const ROWS: [(&str, Target); 15] = [
        ("jpg", JPEG),
        ("jpe", JPEG),
        ("jif", JPEG),
        ("jfif", JPEG),
        ("jfi", JPEG),
        ("exif", JPEG),
        ("jpeg", JPEG),
        ("png", Target::Format(OutputFormat::Png)),
        ("gif", Target::Format(OutputFormat::Gif)),
        ("webp", Target::Format(OutputFormat::Webp)),
        ("avif", Target::Format(OutputFormat::Avif)),
        ("jxl", JXL),
        ("jpegxl", JXL),
        ("auto", Target::Auto),
        ("keep", Target::Format(OutputFormat::Keep)),
    ];
    named(&ROWS, text)
}

/// A quality by name, or as a percentage, of which upstream keeps no decimals.
pub(super) fn profile(text: &str) -> Option<QualityProfile> {
    const ROWS: [(&str, QualityProfile); 11] = [
        ("lowest", QualityProfile::Lowest),
        ("low", QualityProfile::Low),
        ("mediumlow", QualityProfile::Mediumlow),
        ("medium-low", QualityProfile::Mediumlow),
        ("medium", QualityProfile::Medium),
        ("good", QualityProfile::Good),
        ("mediumhigh", QualityProfile::Good),
        ("medium-high", QualityProfile::Good),
        ("high", QualityProfile::High),
        ("highest", QualityProfile::Highest),
        ("lossless", QualityProfile::Lossless),
    ];
    let percent = |p: f32| QualityProfile::Percent(p.clamp(0.0, 100.0).round_ties_even());
    named(&ROWS, text).or_else(|| number(text).map(percent))
}
