//! From pixels to bytes.

pub mod choose;
pub mod gif;
pub mod jpeg;
pub mod png;
pub mod webp;

use self::choose::{Choice, Encoding};
use crate::color::Rgba;
use crate::decode::Format;
use crate::error::{Error, Kind, Result};
use crate::limits::Limits;
use crate::memory;
use crate::rows::Picture;
use crate::stop::Stop;

/// The format that an encoding writes.
#[must_use]
pub fn format(encoding: &Encoding) -> Format {
    match encoding {
        Encoding::Mozjpeg { .. } | Encoding::Libjpegturbo { .. } => Format::Jpeg,
        Encoding::Libpng { .. } | Encoding::Lodepng { .. } | Encoding::Pngquant { .. } => {
            Format::Png
        }
        Encoding::WebpLossy { .. } | Encoding::WebpLossless => Format::Webp,
        Encoding::Gif => Format::Gif,
    }
}

/// Encode one picture.
///
/// # Errors
/// The format cannot hold a picture of that size, or the job was asked to stop.
pub fn still(
    picture: Picture<'_>,
    choice: &Choice,
    limits: &Limits,
    stop: &Stop,
) -> Result<Vec<u8>> {
    let mut frame = picture.into_frame(limits, stop)?;
    let is_jpeg = format(&choice.encoding) == Format::Jpeg;
    if let Some(matte) = choice.matte.or(is_jpeg.then_some(Rgba::WHITE)) {
        frame.matte(matte, stop)?;
    }
    if is_jpeg {
        frame.drop_alpha(stop)?; // a matte that is not opaque leaves some
    }
    memory::expect(frame.size(), working_memory(&choice.encoding))?;
    match choice.encoding {
        Encoding::Mozjpeg { quality, progressive } => {
            jpeg::mozjpeg(&frame, quality, progressive, stop)
        }
        Encoding::Libjpegturbo { quality, progressive, optimize_huffman_coding } => {
            jpeg::turbo(&frame, quality, progressive, optimize_huffman_coding, stop)
        }
        Encoding::Libpng { depth, zlib_compression } => {
            png::libpng(frame, depth, zlib_compression, stop)
        }
        Encoding::Lodepng { maximum_deflate } => png::lodepng(&frame, maximum_deflate),
        Encoding::Pngquant { quality, minimum_quality, speed, maximum_deflate } => {
            let aim = png::Quantising { quality, minimum_quality, speed };
            png::pngquant(frame, &aim, maximum_deflate, limits, stop)
        }
        Encoding::WebpLossy { quality } => webp::lossy(&frame, quality, stop),
        Encoding::WebpLossless => webp::lossless(frame, stop),
        Encoding::Gif => {
            let mut writer = gif::Writer::new(frame.size(), false)?;
            writer.write(&frame, 0, stop)?;
            writer.finish()
        }
    }
}

/// Bytes for each pixel that an encoder takes beyond the frame, what it writes among
/// them; measured with noise of 4 megapixels.
fn working_memory(encoding: &Encoding) -> usize {
    match encoding {
        Encoding::Libjpegturbo { .. } => 1,
        Encoding::Libpng { .. } | Encoding::Lodepng { .. } => 7,
        Encoding::Mozjpeg { .. } => 8,
        Encoding::Gif => 0, // see there: it asks for each frame
        Encoding::WebpLossy { .. } => 18,
        Encoding::WebpLossless => 40,
        Encoding::Pngquant { .. } => 52,
    }
}

/// The error of an encoder.
fn failed(format: Format, error: impl std::fmt::Display) -> Error {
    let name = format.extension();
    Error::new(Kind::ImageEncodingError, format!("No {name} could be written: {error}"))
}
