//! Query strings, the `ir4` language of `command_string`: from text to nodes and a preset.
//!
//! Parsing never fails: what cannot be understood is left out of the job, as upstream
//! does, and [`issues`] tells about it. The order of keys has no meaning.

mod expand;
mod fields;
mod issues;
mod keys;
mod preset;
mod read;
mod srcset;
mod values;

pub use issues::{Issue, IssueKind};
pub use keys::KEYS;

use crate::color::Rgba;
use crate::layout::{Align, Fit, Scale};
use crate::message::{
    BoolKeep, ColorFilter, Colorspace, Filter, Node, OutputFormat, QualityProfile, SharpenWhen,
};
use read::Reader;

/// What a query string asks for; None is "not asked".
#[derive(Clone, Debug, Default)]
pub struct Query {
    size: SizeKeys,
    window: WindowKeys,
    color: ColorKeys,
    resample: ResampleKeys,
    output: OutputKeys,
    /// Frame of an animation, from 0.
    frame: Option<i32>,
    /// Whether a mark is drawn in a corner.
    red_dot: Option<bool>,
}

/// The box, and how the picture meets it.
#[derive(Clone, Copy, Debug, Default)]
struct SizeKeys {
    w: Option<i32>,
    h: Option<i32>,
    max_w: Option<i32>,
    max_h: Option<i32>,
    zoom: Option<f32>,
    fit: Option<Fit>,
    scale: Option<Scale>,
    /// Place in the padding, and of the crop when `gravity` is absent.
    anchor: Option<(Align, Align)>,
    /// Which part an automatic crop keeps.
    gravity: Option<(Align, Align)>,
}

/// What is taken of the source, and how it is turned.
#[derive(Clone, Copy, Debug, Default)]
struct WindowKeys {
    crop: Option<[f64; 4]>,
    /// What stands for the full width and height in `crop`; pixels when absent or 0.
    crop_units: [Option<f64>; 2],
    trim_threshold: Option<i32>,
    trim_padding: Option<f32>,
    source_turn: QuarterTurns,
    source_flip: Flip,
    turn: QuarterTurns,
    flip: Flip,
}

/// Clockwise, 0 to 3.
type QuarterTurns = u8;

/// Across, then down.
#[derive(Clone, Copy, Debug, Default)]
struct Flip {
    h: bool,
    v: bool,
}

/// What happens to colours.
#[derive(Clone, Copy, Debug, Default)]
struct ColorKeys {
    background: Option<Rgba>,
    /// Percent: top left, top right, bottom right, bottom left.
    corners: Option<[f64; 4]>,
    alpha: Option<f32>,
    brightness: Option<f32>,
    contrast: Option<f32>,
    saturation: Option<f32>,
    sepia: Option<bool>,
    grayscale: Option<ColorFilter>,
    /// The histogram stretch; other algorithms are recognised and do nothing.
    white_balance: bool,
    discard_profile: Option<bool>,
    ignore_profile_errors: Option<bool>,
}

/// How pixels are averaged.
#[derive(Clone, Copy, Debug, Default)]
struct ResampleKeys {
    down_filter: Option<Filter>,
    up_filter: Option<Filter>,
    /// None inside: `gamma`, which upstream accepts and does not have.
    down_colorspace: Option<Option<Colorspace>>,
    up_colorspace: Option<Option<Colorspace>>,
    sharpen: Option<f32>,
    sharpen_when: Option<SharpenWhen>,
    /// How much is left to the resampler after a decoder that shrinks.
    min_precise_ratio: Option<f32>,
}

/// The format and its quality.
#[derive(Clone, Copy, Debug, Default)]
struct OutputKeys {
    format: Option<Target>,
    quality: Option<i32>,
    profile: Option<QualityProfile>,
    profile_dpr: Option<f32>,
    lossless: Option<BoolKeep>,
    accept_webp: Option<bool>,
    accept_avif: Option<bool>,
    accept_jxl: Option<bool>,
    accept_profiles: Option<bool>,
    jpeg_quality: Option<i32>,
    jpeg_progressive: Option<bool>,
    jpeg_turbo: Option<bool>,
    jpegli: Option<bool>,
    png_quality: Option<u8>,
    png_min_quality: Option<u8>,
    png_speed: Option<u8>,
    png_libpng: Option<bool>,
    png_max_deflate: Option<bool>,
    png_lossless: Option<BoolKeep>,
    webp_quality: Option<f32>,
    webp_lossless: Option<BoolKeep>,
}

/// What `format` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// Whatever suits the picture.
    Auto,
    /// This, or the source's.
    Format(OutputFormat),
}

impl Query {
    /// Reads a query string without its question mark; what is wrong in it is left out.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self::read(&mut Reader::new(text))
    }

    /// The node that removes uniform borders, which runs before everything else.
    #[must_use]
    pub fn trim(&self) -> Option<Node> {
        self.window.trim_threshold.map(|threshold| Node::CropWhitespace {
            threshold: threshold.max(0).unsigned_abs(),
            percent_padding: self.window.trim_padding.unwrap_or(0.0),
        })
    }
}

/// What is wrong or without effect in a query string.
#[must_use]
pub fn issues(text: &str) -> Vec<Issue> {
    let mut reader = Reader::new(text);
    let _ = Query::read(&mut reader);
    reader.into_issues()
}

#[cfg(test)]
mod tests;
