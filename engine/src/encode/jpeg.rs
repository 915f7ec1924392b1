//! JPEG: zenjpeg in mozjpeg's place, jpeg-encoder in libjpeg-turbo's.

use enough::Stop;
use evalchroma::{ChromaEvaluation, PixelSize, adjust_sampling};
use imgref::ImgRef;
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, SamplingFactor as Factor};
use rgb::{FromSlice, RGB8};
use zenjpeg::encoder::{
    ChromaSubsampling, EncoderConfig, MozjpegTables, PixelLayout, ProgressiveScanMode,
    QuantTablePreset,
};

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
    let subsampling = match sampling(frame, quality) {
        (1, 1) => ChromaSubsampling::None,
        (2, 1) => ChromaSubsampling::HalfHorizontal,
        (1, 2) => ChromaSubsampling::HalfVertical,
        _ => ChromaSubsampling::Quarter,
    };
    let quality = fitted(quality);
    let mut tables = MozjpegTables::generate(quality, QuantTablePreset::Robidoux);
    tables.zero_bias_offset_ac = [DEAD_ZONE; 3];
    let config = EncoderConfig::ycbcr(quality, subsampling)
        .tables(tables)
        .aq_enabled(false)
        .scan_mode(scans);
    let (w, h) = frame.size();
    let mut encoder =
        config.request().encode_from_bytes(w, h, PixelLayout::Rgb8Srgb).map_err(refused)?;
    let pushed = encoder.push_packed(frame.px(), stop);
    stop.check()?;
    pushed.map_err(refused)?;
    encoder.finish().map_err(refused)
}

/// Qualities of mozjpeg, and those at which its tables and our dead zone give nearly the
/// same SSIM (`benchmarks/quality.py`).
const FITTED: [(u8, u8); 12] = [
    (0, 0),
    (30, 27),
    (40, 35),
    (50, 45),
    (60, 55),
    (70, 65),
    (75, 72),
    (80, 77),
    (85, 83),
    (90, 89),
    (95, 94),
    (100, 100),
];

/// How many quantisation steps a coefficient must be away from zero to be kept: 1 % to 3 % fewer
/// bytes at the same SSIM than with rounding, for nothing. Upstream's trellis finds more.
const DEAD_ZONE: f32 = 0.6;

fn fitted(quality: u8) -> u8 {
    let above = FITTED.iter().position(|&(ours, _)| quality <= ours).unwrap_or(FITTED.len() - 1);
    let ((q0, f0), (q1, f1)) = (FITTED[above.saturating_sub(1)], FITTED[above.max(1)]);
    let share = f32::from(quality - q0) / f32::from(q1 - q0);
    (f32::from(f0) + share * f32::from(f1 - f0)).round() as u8
}

/// The chroma resolution that the picture needs at this quality, as upstream finds it.
///
/// Neither encoder can give each channel its own: where they need different ones, both get
/// what is between.
fn sampling(frame: &Frame, quality: u8) -> (u8, u8) {
    let pixels: &[RGB8] = frame.px().as_rgb();
    let image = ImgRef::new(pixels, frame.w() as usize, frame.h() as usize);
    let coarsest = PixelSize { cb: (2, 2), cr: (2, 2) };
    let ChromaEvaluation { subsampling, .. } = adjust_sampling(image, coarsest, f32::from(quality));
    match (subsampling.cb, subsampling.cr) {
        (cb, cr) if cb == cr => cb,
        ((2, 2), (1, 2)) | ((1, 2), (2, 2)) => (1, 2),
        _ => (2, 1),
    }
}

/// The preset `libjpegturbo`.
///
/// # Errors
/// The frame is too large for a JPEG, or the job was asked to stop.
pub fn turbo(
    frame: &Frame,
    quality: u8,
    progressive: bool,
    optimize: bool,
    stop: &dyn Stop,
) -> Result<Vec<u8>> {
    let side = |side: u32| u16::try_from(side).map_err(refused);
    let (w, h) = (side(frame.w())?, side(frame.h())?);
    let mut file = Stoppable { bytes: Vec::new(), stop };
    let quality = quality.min(100);
    let mut encoder = Encoder::new(&mut file, quality);
    encoder.set_sampling_factor(match sampling(frame, quality) {
        (1, 1) => Factor::R_4_4_4,
        (2, 1) => Factor::R_4_2_2,
        (1, 2) => Factor::R_4_4_0,
        _ => Factor::R_4_2_0,
    });
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    encoder.set_progressive(progressive);
    // Without tables of its own a progressive file is 30 % larger.
    encoder.set_optimized_huffman_tables(optimize || progressive);
    let encoded = encoder.encode(frame.px(), w, h, ColorType::Rgb);
    stop.check()?;
    encoded.map_err(refused)?;
    Ok(file.bytes)
}

/// A file that takes no more bytes once the job was asked to stop.
struct Stoppable<'a> {
    bytes: Vec<u8>,
    stop: &'a dyn Stop,
}

impl std::io::Write for Stoppable<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.stop.check().map_err(|_| std::io::ErrorKind::Other)?;
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Channels;
    use crate::limits::Limits;
    use zune_core::bytestream::ZCursor;

    #[test]
    fn a_higher_quality_is_never_fitted_to_a_lower_one() {
        let fits: Vec<u8> = (0..=100).map(fitted).collect();

        assert!(fits.is_sorted());
        assert_eq!((fits[0], fits[78], fits[100]), (0, 75, 100));
    }

    #[test]
    fn a_picture_of_one_colour_has_it_up_to_its_edges() {
        let paid = Limits::default().canvas(19, 10, Channels::Rgb).unwrap();
        let frame = Frame::adopt(&paid, [255; 3].repeat(190)).unwrap();

        for file in [
            mozjpeg(&frame, 15, true, &enough::Unstoppable).unwrap(),
            mozjpeg(&frame, 15, false, &enough::Unstoppable).unwrap(),
            turbo(&frame, 15, false, false, &enough::Unstoppable).unwrap(),
        ] {
            let mut decoder = zune_jpeg::JpegDecoder::new(ZCursor::new(&file));
            let pixels = decoder.decode().unwrap();
            assert_eq!(decoder.dimensions(), Some((19, 10)));
            assert!(pixels.iter().all(|&v| v > 250));
        }
    }

    #[test]
    fn both_presets_keep_colour_where_it_changes_and_halve_it_where_not() {
        let paid = Limits::default().canvas(64, 64, Channels::Rgb).unwrap();
        let pairs = [255, 0, 0, 0, 0, 255].repeat(32 * 64);
        let frame = Frame::adopt(&paid, pairs).unwrap();
        let luma_sampling = |file: &[u8]| {
            let at = file.windows(2).position(|m| matches!(m, [0xff, 0xc0 | 0xc2])).unwrap();
            file[at + 11]
        };

        let files = [
            mozjpeg(&frame, 95, true, &enough::Unstoppable).unwrap(),
            turbo(&frame, 95, false, false, &enough::Unstoppable).unwrap(),
        ];

        assert_eq!(files.map(|file| luma_sampling(&file)), [0x12; 2]);
    }
}
