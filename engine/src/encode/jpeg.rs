//! JPEG: zenjpeg in mozjpeg's place, jpeg-encoder in libjpeg-turbo's.

use enough::Stop;
use evalchroma::{ChromaEvaluation, PixelSize, adjust_sampling};
use imgref::ImgRef;
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, SamplingFactor};
use rgb::{FromSlice, RGB8};
use zenjpeg::encoder::{ChromaSubsampling, EncoderConfig, PixelLayout, ProgressiveScanMode};

use super::failed;
use crate::decode::Format;
use crate::error::{Error, Result};
use crate::frame::Frame;

fn refused(error: impl std::fmt::Display) -> Error {
    failed(Format::Jpeg, error)
}

/// The preset `mozjpeg`.
///
/// # Errors
/// The frame is too large for a JPEG, or the job was asked to stop.
pub fn mozjpeg(frame: &Frame, quality: u8, progressive: bool, stop: &dyn Stop) -> Result<Vec<u8>> {
    let quality = quality.min(100);
    // The scans of mozjpeg, which refine less than zenjpeg's own and take less time.
    let scans = match progressive {
        true => ProgressiveScanMode::ProgressiveMozjpeg,
        false => ProgressiveScanMode::Baseline,
    };
    let config = EncoderConfig::ycbcr(quality, sampling(frame, quality)).scan_mode(scans);
    let (w, h) = frame.size();
    let mut encoder =
        config.request().encode_from_bytes(w, h, PixelLayout::Rgb8Srgb).map_err(refused)?;
    let pushed = encoder.push_packed(frame.px(), stop);
    stop.check()?;
    pushed.map_err(refused)?;
    encoder.finish().map_err(refused)
}

/// The chroma resolution that the picture needs at this quality, as upstream finds it.
fn sampling(frame: &Frame, quality: u8) -> ChromaSubsampling {
    let pixels: &[RGB8] = frame.px().as_rgb();
    let image = ImgRef::new(pixels, frame.w() as usize, frame.h() as usize);
    let coarsest = PixelSize { cb: (2, 2), cr: (2, 2) };
    let ChromaEvaluation { subsampling, .. } = adjust_sampling(image, coarsest, f32::from(quality));
    match subsampling.cb {
        (1, 1) => ChromaSubsampling::None,
        (2, 1) => ChromaSubsampling::HalfHorizontal,
        (1, 2) => ChromaSubsampling::HalfVertical,
        _ => ChromaSubsampling::Quarter,
    }
}

/// The preset `libjpegturbo`.
///
/// # Errors
/// The frame is too large for a JPEG.
pub fn turbo(frame: &Frame, quality: u8, progressive: bool, optimize: bool) -> Result<Vec<u8>> {
    let side = |side: u32| u16::try_from(side).map_err(refused);
    let (w, h) = (side(frame.w())?, side(frame.h())?);
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, quality.min(100));
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    encoder.set_progressive(progressive);
    // Without tables of its own a progressive file is 30 % larger.
    encoder.set_optimized_huffman_tables(optimize || progressive);
    encoder.encode(frame.px(), w, h, ColorType::Rgb).map_err(refused)?;
    Ok(bytes)
}
