//! WebP, by zenwebp.

mod alpha;

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

/// The flag of an extended file that has alpha.
const HAS_ALPHA: u8 = 0x10;

fn refused(error: impl std::fmt::Display) -> Error {
    failed(Format::Webp, error)
}

fn check(frame: &Frame) -> Result<()> {
    let (w, h) = frame.size();
    if w.max(h) > MAX_SIDE {
        return Err(refused(format!("{w}×{h} is larger than {MAX_SIDE} pixels")));
    }
    Ok(())
}

/// The preset `webplossy`.
///
/// # Errors
/// The frame is too large for a WebP, or the job was asked to stop.
pub fn lossy(frame: &Frame, quality: f32, stop: &dyn Stop) -> Result<Vec<u8>> {
    check(frame)?;
    let quality = if quality.is_nan() { 0.0 } else { quality.clamp(0.0, 100.0) };
    let config = LossyConfig::new().with_quality(quality).with_method(4);
    let (w, h) = frame.size();
    let color =
        |rgb: &[u8]| encoded(EncodeRequest::lossy(&config, rgb, PixelLayout::Rgb8, w, h), stop);
    if !frame.has_alpha() {
        return color(frame.px());
    }
    let file = color(&alpha::visible_color(frame, stop)?)?;
    if frame.is_opaque(stop)? {
        return Ok(file);
    }
    let picture = find_chunk(&file, b"VP8 ").ok_or_else(|| refused("it has no picture"))?;
    Ok(extended((w, h), &alpha::chunk(frame, stop)?, picture))
}

/// The preset `webplossless`.
///
/// # Errors
/// The frame is too large for a WebP, or the job was asked to stop.
pub fn lossless(mut frame: Frame, stop: &dyn Stop) -> Result<Vec<u8>> {
    check(&frame)?;
    if frame.is_opaque(stop)? {
        frame.drop_alpha(stop)?;
    }
    let config = LosslessConfig::new().with_quality(LOSSLESS_EFFORT).with_method(4);
    let layout = match frame.channels() {
        Channels::Rgb => PixelLayout::Rgb8,
        Channels::Rgba => PixelLayout::Rgba8,
    };
    let (w, h) = frame.size();
    encoded(EncodeRequest::lossless(&config, frame.px(), layout, w, h), stop)
}

fn encoded<'a>(request: EncodeRequest<'a>, stop: &'a dyn Stop) -> Result<Vec<u8>> {
    let done = request.with_stop(stop).encode();
    stop.check()?;
    done.map_err(refused)
}

/// A file of a lossy picture and its alpha.
fn extended((w, h): (u32, u32), alpha: &[u8], picture: &[u8]) -> Vec<u8> {
    let side = |side: u32| (side - 1).to_le_bytes();
    let ([w0, w1, w2, _], [h0, h1, h2, _]) = (side(w), side(h));
    let mut body = b"WEBP".to_vec();
    push_chunk(&mut body, b"VP8X", &[HAS_ALPHA, 0, 0, 0, w0, w1, w2, h0, h1, h2]);
    push_chunk(&mut body, b"ALPH", alpha);
    push_chunk(&mut body, b"VP8 ", picture);
    let mut file = Vec::with_capacity(body.len() + 8);
    push_chunk(&mut file, b"RIFF", &body);
    file
}

fn push_chunk(file: &mut Vec<u8>, name: &[u8; 4], body: &[u8]) {
    file.extend_from_slice(name);
    file.extend_from_slice(&(body.len() as u32).to_le_bytes());
    file.extend_from_slice(body);
    if body.len() % 2 == 1 {
        file.push(0);
    }
}

/// The body of the first chunk of this name.
fn find_chunk<'a>(file: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    let mut at = 12;
    loop {
        let head = file.get(at..at + 8)?;
        let length = u32::from_le_bytes(head[4..].try_into().ok()?) as usize;
        if head.starts_with(name) {
            return file.get(at + 8..at + 8 + length);
        }
        at += 8 + length.next_multiple_of(2);
    }
}
