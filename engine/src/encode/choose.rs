//! The encoding that a preset of one fixed format stands for.

use crate::color::{Rgba, resolve};
use crate::decode::Format;
use crate::error::{Error, Kind, Result};
use crate::message::{Color, PngDepth, Preset};

/// An encoder and its settings.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "the names and fields are those of the presets")]
pub enum Encoding {
    Mozjpeg {
        quality: u8,
        progressive: bool,
        matte: Option<Rgba>,
    },
    Libjpegturbo {
        quality: u8,
        progressive: bool,
        optimize_huffman_coding: bool,
        matte: Option<Rgba>,
    },
    Libpng {
        depth: Option<PngDepth>,
        matte: Option<Rgba>,
        zlib_compression: u8,
    },
    Lodepng {
        maximum_deflate: bool,
    },
    Pngquant {
        quality: u8,
        minimum_quality: u8,
        speed: Option<u8>,
        maximum_deflate: bool,
    },
    WebpLossy {
        quality: f32,
    },
    WebpLossless,
    Gif,
}

/// What automatic choice goes by.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Facts {
    pub first_input: Option<Format>,
    pub source_lossless: bool,
    pub animated: bool,
    pub alpha: bool,
}

/// The encoding of a preset.
///
/// # Errors
/// A colour is none, or the preset leaves the format open.
pub fn choose(preset: &Preset, _facts: &Facts) -> Result<Encoding> {
    let color = |color: &Option<Color>| color.as_ref().map(resolve).transpose();
    Ok(match preset {
        Preset::Mozjpeg { quality, matte, .. } => Encoding::Mozjpeg {
            quality: quality.unwrap_or(75),
            progressive: true,
            matte: color(matte)?,
        },
        Preset::Libjpegturbo { quality, progressive, optimize_huffman_coding, matte } => {
            Encoding::Libjpegturbo {
                quality: quality.unwrap_or(75) as u8, // modulo 256, as upstream has it
                progressive: progressive.unwrap_or(false),
                optimize_huffman_coding: optimize_huffman_coding.unwrap_or(false),
                matte: color(matte)?,
            }
        }
        Preset::Libpng { depth, matte, zlib_compression } => Encoding::Libpng {
            depth: *depth,
            matte: color(matte)?,
            zlib_compression: zlib_compression.unwrap_or(6).clamp(0, 9) as u8,
        },
        Preset::Lodepng { maximum_deflate } => {
            Encoding::Lodepng { maximum_deflate: maximum_deflate.unwrap_or(false) }
        }
        Preset::Pngquant { quality, minimum_quality, speed, maximum_deflate } => {
            Encoding::Pngquant {
                quality: quality.unwrap_or(100),
                minimum_quality: minimum_quality.unwrap_or(0),
                speed: *speed,
                maximum_deflate: maximum_deflate.unwrap_or(false),
            }
        }
        Preset::Webplossy { quality } => Encoding::WebpLossy { quality: *quality },
        Preset::Webplossless => Encoding::WebpLossless,
        Preset::Gif => Encoding::Gif,
        Preset::Auto { .. } | Preset::Format { .. } => {
            let text = "The automatic choice of a format is not there yet";
            return Err(Error::new(Kind::CodecDisabledError, text));
        }
    })
}
