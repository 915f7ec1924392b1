//! The small language of `srcset`: `webp-70,160w,fit-crop`.
//!
//! Commands stand between commas, their arguments between hyphens, so that no number can
//! be negative. Each command sets the mode to "max", and only `fit-…` changes that again.

use crate::layout::{Fit, Scale};
use crate::message::{BoolKeep, OutputFormat};

use super::issues::IssueKind;
use super::read::Reader;
use super::{Query, Target, values};

/// Applies a `srcset` value over what the other keys said.
pub(super) fn apply(query: &mut Query, key: &str, text: &str, r: &mut Reader) {
    if text.is_empty() {
        return;
    }
    let text = text.to_ascii_lowercase();
    let mut formats = 0;
    let mut fits = 0;
    for command in text.split(',').map(str::trim) {
        query.size.fit = Some(Fit::Max);
        let (name, rest) = command.split_once('-').unwrap_or((command, ""));
        let has_arguments = command.contains('-');
        let arguments: Vec<&str> = if has_arguments { rest.split('-').collect() } else { vec![] };
        let understood = if let Some((target, lossless)) = format(name) {
            formats += 1;
            query.output.lossless = lossless.or(query.output.lossless);
            tune(query, target, &arguments)
        } else {
            fits += u32::from(name == "fit");
            command_of(query, name, &arguments).is_some()
        };
        if !understood {
            r.issue(IssueKind::InvalidValueError, key, command);
        }
    }
    if formats > 1 || fits > 1 {
        r.issue(IssueKind::InvalidValueError, key, &text);
    }
}

/// The format that a command names, and the losslessness that its name means.
fn format(name: &str) -> Option<(Target, Option<BoolKeep>)> {
    match name {
        "lossy" => Some((Target::Auto, Some(BoolKeep::False))),
        "lossless" => Some((Target::Auto, Some(BoolKeep::True))),
        _ => values::format(name).map(|target| (target, None)),
    }
}

/// Applies the arguments of a format; false when one of them is not understood.
fn tune(query: &mut Query, target: Target, arguments: &[&str]) -> bool {
    let output = &mut query.output;
    output.format = Some(target);
    let mut lossless = output.lossless;
    let mut understood = arguments.len() <= most_arguments(target);
    for argument in arguments {
        match (*argument, target) {
            ("lossless" | "l", _) => lossless = Some(BoolKeep::True),
            ("lossy", _) => lossless = Some(BoolKeep::False),
            ("keep", _) => lossless = Some(BoolKeep::Keep),
            ("progressive", JPEG) => output.jpeg_progressive = Some(true),
            ("baseline", JPEG) => output.jpeg_progressive = Some(false),
            _ => understood &= tune_by_number(output, target, argument).is_some(),
        }
    }
    match target {
        Target::Auto => output.lossless = lossless,
        WEBP => output.webp_lossless = lossless.or(output.webp_lossless),
        PNG => output.png_lossless = lossless.or(output.png_lossless),
        Target::Format(_) => {}
    }
    understood
}

const JPEG: Target = Target::Format(OutputFormat::Jpeg);
const PNG: Target = Target::Format(OutputFormat::Png);
const WEBP: Target = Target::Format(OutputFormat::Webp);
const AVIF: Target = Target::Format(OutputFormat::Avif);
const JXL: Target = Target::Format(OutputFormat::Jxl);

fn most_arguments(target: Target) -> usize {
    match target {
        JXL => 4,
        PNG => 3,
        WEBP | AVIF | JPEG => 2,
        Target::Auto => 1,
        Target::Format(_) => 0,
    }
}

/// A number with or without the letter that says what it is.
fn tune_by_number(output: &mut super::OutputKeys, target: Target, argument: &str) -> Option<()> {
    let digits = argument.trim_start_matches(|c: char| c.is_ascii_lowercase());
    let value = values::number(digits)?;
    match (&argument[..argument.len() - digits.len()], target) {
        ("" | "q", JPEG) => output.jpeg_quality = Some(value as i32),
        ("" | "q", PNG) => output.png_quality = Some(value as u8),
        ("" | "q", WEBP) => output.webp_quality = Some(value),
        ("mq", PNG) => output.png_min_quality = Some(value.clamp(0.0, 100.0) as u8),
        ("" | "q", _) | ("s", AVIF) | ("d" | "e", JXL) => {}
        _ => return None,
    }
    Some(())
}

/// Applies a command that is no format.
fn command_of(query: &mut Query, name: &str, arguments: &[&str]) -> Option<()> {
    match name {
        "qp" => quality_profile(query, arguments)?,
        "crop" => {
            let [x1, y1, x2, y2, ..] = *arguments else { return None };
            let crop = [x1, y1, x2, y2].map(values::unit);
            let [Some(x1), Some(y1), Some(x2), Some(y2)] = crop else { return None };
            query.window.crop = Some([x1, y1, x2, y2]);
            query.window.crop_units = [Some(100.0); 2];
        }
        "fit" => query.size.fit = Some(fit(arguments.first()?)?),
        "upscale" => query.size.scale = Some(Scale::Both),
        "sharp" | "sharpen" => query.resample.sharpen = Some(values::number(arguments.first()?)?),
        _ => length(query, name)?,
    }
    Some(())
}

fn quality_profile(query: &mut Query, arguments: &[&str]) -> Option<()> {
    match *arguments {
        ["dpr" | "dppx", number, ..] => {
            let number = number.strip_suffix('x').unwrap_or(number);
            query.output.profile_dpr = Some(values::number(number)?.max(0.0));
        }
        [profile, ..] => query.output.profile = Some(values::profile(profile)?),
        [] => return None,
    }
    Some(())
}

fn fit(name: &str) -> Option<Fit> {
    match name {
        "pad" => Some(Fit::Pad),
        "crop" | "cover" => Some(Fit::Crop),
        "max" | "scale" | "contain" => Some(Fit::Max),
        "distort" | "fill" => Some(Fit::Stretch),
        _ => None,
    }
}

/// `100w`, `100h` or `1.5x`.
fn length(query: &mut Query, text: &str) -> Option<()> {
    let unit = text.chars().last()?;
    let value = values::number(text.strip_suffix(['w', 'h', 'x'])?)?;
    match unit {
        'w' => query.size.w = Some(value.round() as i32),
        'h' => query.size.h = Some(value.round() as i32),
        _ => query.size.zoom = Some(value),
    }
    Some(())
}
