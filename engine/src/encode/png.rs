//! PNG: the `png` crate in libpng's place, lodepng and imagequant as upstream has them.

use ::png::{BitDepth, ColorType, DeflateCompression, Filter};
use enough::Stop as _;
use imagequant::{Attributes, ControlFlow, Error as QuantError};
use rgb::{FromSlice, RGBA8};

use super::failed;
use crate::decode::Format;
use crate::error::{Error, Result};
use crate::frame::{Channels, Frame};
use crate::limits::Limits;
use crate::message::PngDepth;
use crate::stop::Stop;

fn refused(error: impl std::fmt::Display) -> Error {
    failed(Format::Png, error)
}

/// The preset `libpng`.
///
/// # Errors
/// The job was asked to stop.
pub fn libpng(
    mut frame: Frame,
    depth: Option<PngDepth>,
    level: u8,
    stop: &Stop,
) -> Result<Vec<u8>> {
    if depth == Some(PngDepth::Png24) {
        frame.drop_alpha(stop)?;
    }
    let opaque_with_alpha = depth == Some(PngDepth::Png32) && !frame.has_alpha();
    let color =
        if frame.has_alpha() || opaque_with_alpha { ColorType::Rgba } else { ColorType::Rgb };
    let mut bytes = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut bytes, frame.w(), frame.h());
    encoder.set_color(color);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_deflate_compression(DeflateCompression::Level(level.min(9)));
    encoder.set_filter(Filter::Adaptive);
    let mut writer = encoder.write_header().map_err(refused)?;
    let mut stream = writer.stream_writer().map_err(refused)?;
    let mut padded = Vec::new();
    for row in frame.rows() {
        stop.check()?;
        let row = if opaque_with_alpha {
            padded.clear();
            padded.extend(row.as_chunks::<3>().0.iter().flat_map(|&[r, g, b]| [r, g, b, 255]));
            &padded
        } else {
            row
        };
        std::io::Write::write_all(&mut stream, row).map_err(refused)?;
    }
    stream.finish().map_err(refused)?;
    writer.finish().map_err(refused)?;
    Ok(bytes)
}

/// The preset `lodepng`, which finds the smallest colour type by itself.
///
/// # Errors
/// The encoder refused the frame.
pub fn lodepng(frame: &Frame, maximum_deflate: bool) -> Result<Vec<u8>> {
    let mut encoder = lodepng::Encoder::new();
    encoder.settings_mut().set_level(level(maximum_deflate));
    let raw = encoder.info_raw_mut();
    raw.set_colortype(match frame.channels() {
        Channels::Rgb => lodepng::ColorType::RGB,
        Channels::Rgba => lodepng::ColorType::RGBA,
    });
    encoder.encode(frame.px(), frame.w() as usize, frame.h() as usize).map_err(refused)
}

fn level(maximum_deflate: bool) -> u8 {
    if maximum_deflate { 9 } else { 6 }
}

/// How well a palette has to match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantising {
    /// 0–100: no more colours than this quality needs.
    pub quality: u8,
    /// 0–100: below this quality the picture is written without loss instead.
    pub minimum_quality: u8,
    /// 1–10; 4 unless given.
    pub speed: Option<u8>,
}

/// The preset `pngquant`.
///
/// # Errors
/// The job was asked to stop.
pub fn pngquant(
    frame: Frame,
    aim: &Quantising,
    maximum_deflate: bool,
    limits: &Limits,
    stop: &Stop,
) -> Result<Vec<u8>> {
    let frame = frame.promoted(limits, stop)?;
    match quantised(&frame, aim, stop)? {
        Some((palette, pixels)) => {
            palette_png(frame.size(), &palette, &pixels, level(maximum_deflate))
        }
        None => lodepng(&frame, maximum_deflate),
    }
}

type Quantised = (Vec<RGBA8>, Vec<u8>);

/// A palette and its pixels; nothing when the minimum quality cannot be met.
fn quantised(frame: &Frame, aim: &Quantising, stop: &Stop) -> Result<Option<Quantised>> {
    let mut attributes = Attributes::new();
    let quality = aim.quality.min(100);
    attributes.set_quality(aim.minimum_quality.min(quality), quality).map_err(refused)?;
    if let Some(speed) = aim.speed {
        attributes.set_speed(i32::from(speed.clamp(1, 10))).map_err(refused)?;
    }
    let flag = stop.clone();
    let go_on =
        move |_| if flag.should_stop() { ControlFlow::Break } else { ControlFlow::Continue };
    attributes.set_progress_callback(go_on.clone());
    let (w, h) = (frame.w() as usize, frame.h() as usize);
    let pixels: &[RGBA8] = frame.px().as_rgba();
    let mut image = attributes.new_image_borrowed(pixels, w, h, 0.0).map_err(refused)?;
    let quantised = attributes.quantize(&mut image);
    stop.check()?;
    let mut result = match quantised {
        Ok(result) => result,
        Err(QuantError::QualityTooLow) => return Ok(None),
        Err(error) => return Err(refused(error)),
    };
    result.set_progress_callback(go_on);
    result.set_dithering_level(1.0).map_err(refused)?;
    let quantised = result.remapped(&mut image);
    stop.check()?;
    quantised.map(Some).map_err(refused)
}

fn palette_png((w, h): (u32, u32), palette: &[RGBA8], pixels: &[u8], level: u8) -> Result<Vec<u8>> {
    let mut encoder = lodepng::Encoder::new();
    encoder.set_palette(palette).map_err(refused)?;
    encoder.settings_mut().set_level(level);
    encoder.encode(pixels, w as usize, h as usize).map_err(refused)
}
