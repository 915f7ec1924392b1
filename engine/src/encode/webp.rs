//! WebP, by zenwebp.

use enough::Stop;
use zenwebp::{EncodeRequest, LosslessConfig, LossyConfig, PixelLayout};

use super::failed;
use crate::decode::Format;
use crate::error::{Error, Result};
use crate::frame::{Channels, Frame};

/// The longest side that the format can hold.
const MAX_SIDE: u32 = 16_383;

/// What libwebp takes for a lossless picture unless told otherwise.
const LOSSLESS_EFFORT: f32 = 70.0;

fn refused(error: impl std::fmt::Display) -> Error {
    failed(Format::Webp, error)
}

fn layout(frame: &Frame) -> Result<PixelLayout> {
    if frame.w().max(frame.h()) > MAX_SIDE {
        let text = format!("{}×{} is larger than {MAX_SIDE} pixels", frame.w(), frame.h());
        return Err(refused(text));
    }
    Ok(match frame.channels() {
        Channels::Rgb => PixelLayout::Rgb8,
        Channels::Rgba => PixelLayout::Rgba8,
    })
}

/// The preset `webplossy`.
///
/// # Errors
/// The frame is too large for a WebP, or the job was asked to stop.
pub fn lossy(frame: &Frame, quality: f32, stop: &dyn Stop) -> Result<Vec<u8>> {
    let quality = if quality.is_nan() { 0.0 } else { quality.clamp(0.0, 100.0) };
    let config = LossyConfig::new().with_quality(quality).with_method(4);
    let layout = layout(frame)?;
    finish(EncodeRequest::lossy(&config, frame.px(), layout, frame.w(), frame.h()), stop)
}

/// The preset `webplossless`.
///
/// # Errors
/// The frame is too large for a WebP, or the job was asked to stop.
pub fn lossless(frame: &Frame, stop: &dyn Stop) -> Result<Vec<u8>> {
    let config = LosslessConfig::new().with_quality(LOSSLESS_EFFORT).with_method(4);
    let layout = layout(frame)?;
    finish(EncodeRequest::lossless(&config, frame.px(), layout, frame.w(), frame.h()), stop)
}

fn finish<'a>(request: EncodeRequest<'a>, stop: &'a dyn Stop) -> Result<Vec<u8>> {
    let done = request.with_stop(stop).encode();
    stop.check()?;
    done.map_err(refused)
}
