//! The encoding that a preset stands for: as it says, or chosen by what is encoded.

mod auto;
mod profile;

use crate::color::{Rgba, resolve};
use crate::decode::Format;
use crate::error::Result;
use crate::message::{Color, EncoderHints, PngDepth, Preset};

use auto::Request;

/// An encoder and its settings.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "the names and fields are those of the presets")]
pub enum Encoding {
    Mozjpeg { quality: u8, progressive: bool },
    Libjpegturbo { quality: u8, progressive: bool, optimize_huffman_coding: bool },
    Libpng { depth: Option<PngDepth>, zlib_compression: u8 },
    Lodepng { maximum_deflate: bool },
    Pngquant { quality: u8, minimum_quality: u8, speed: Option<u8>, maximum_deflate: bool },
    WebpLossy { quality: f32 },
    WebpLossless,
    Gif,
}

/// What is to be done to a picture that is encoded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// What it is put on first.
    pub matte: Option<Rgba>,
    /// How it is written then.
    pub encoding: Encoding,
}

/// What automatic choice goes by.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// The format of the input that the picture comes from, if it comes from one.
    pub source: Option<Format>,
    /// Whether that input's coding lost nothing.
    pub source_lossless: bool,
    /// Whether more than one frame will come.
    pub animated: bool,
    /// Whether the picture to be encoded has alpha.
    pub alpha: bool,
}

/// The encoding of a preset.
///
/// # Errors
/// A colour is none, or the preset allows no format at all.
pub fn choose(preset: &Preset, facts: &Facts) -> Result<Choice> {
    // A picture without alpha has no matte, not even one that is no colour.
    let matte = matte(preset).filter(|_| facts.alpha).map(resolve).transpose()?;
    let alpha = facts.alpha && !matte.is_some_and(Rgba::is_opaque);
    let encoding = match *preset {
        Preset::Auto { quality_profile, quality_profile_dpr, lossless, allow, .. } => {
            let profile = Some(quality_profile);
            let (format, hints) = (None, EncoderHints::default());
            let dpr = quality_profile_dpr;
            Request { format, profile, dpr, lossless, allow, hints }.encoding(alpha, facts)?
        }
        Preset::Format {
            format,
            quality_profile: profile,
            quality_profile_dpr: dpr,
            lossless,
            allow,
            encoder_hints,
            ..
        } => {
            let (format, hints) = (Some(format), encoder_hints.unwrap_or_default());
            Request { format, profile, dpr, lossless, allow, hints }.encoding(alpha, facts)?
        }
        Preset::Mozjpeg { quality, progressive, .. } => Encoding::Mozjpeg {
            quality: quality.unwrap_or(75),
            progressive: progressive.unwrap_or(true),
        },
        Preset::Libjpegturbo { quality, progressive, optimize_huffman_coding, .. } => {
            Encoding::Libjpegturbo {
                quality: quality.unwrap_or(75) as u8, // modulo 256, as upstream has it
                progressive: progressive.unwrap_or(false),
                optimize_huffman_coding: optimize_huffman_coding.unwrap_or(false),
            }
        }
        Preset::Libpng { depth, zlib_compression, .. } => Encoding::Libpng {
            depth,
            zlib_compression: zlib_compression.unwrap_or(6).clamp(0, 9) as u8,
        },
        Preset::Lodepng { maximum_deflate } => {
            Encoding::Lodepng { maximum_deflate: maximum_deflate.unwrap_or(false) }
        }
        Preset::Pngquant { quality, minimum_quality, speed, maximum_deflate } => {
            Encoding::Pngquant {
                quality: quality.unwrap_or(100),
                minimum_quality: minimum_quality.unwrap_or(0),
                speed,
                maximum_deflate: maximum_deflate.unwrap_or(false),
            }
        }
        Preset::Webplossy { quality } => Encoding::WebpLossy { quality },
        Preset::Webplossless => Encoding::WebpLossless,
        Preset::Gif => Encoding::Gif,
    };
    Ok(Choice { matte, encoding })
}

fn matte(preset: &Preset) -> Option<&Color> {
    match preset {
        Preset::Mozjpeg { matte, .. }
        | Preset::Libjpegturbo { matte, .. }
        | Preset::Libpng { matte, .. }
        | Preset::Auto { matte, .. }
        | Preset::Format { matte, .. } => matte.as_ref(),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
