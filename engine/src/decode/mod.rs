//! From bytes to pixels: which format it is, what its header says, and its rows.

pub mod colour;
pub mod exif;
pub mod gif;
pub mod jpeg;
pub mod png;
pub mod webp;

use enough::Stop;

use crate::error::{Error, Kind, Result};
use crate::limits::Limits;
use crate::message::DecoderCommand;
use crate::rows::Picture;

/// The formats that are read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Format {
    Jpeg,
    Png,
    Gif,
    Webp,
}

impl Format {
    /// For instance `image/jpeg`.
    #[must_use]
    pub fn mime(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
        }
    }

    /// Without a dot, for instance `jpg`.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Gif => "gif",
            Self::Webp => "webp",
        }
    }
}

/// The format that a file's first bytes belong to.
#[must_use]
pub fn sniff(bytes: &[u8]) -> Option<Format> {
    if bytes.starts_with(&[0xFF, 0xD8, 0xFF]) {
        Some(Format::Jpeg)
    } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some(Format::Png)
    } else if bytes.starts_with(b"GIF8") {
        Some(Format::Gif)
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Some(Format::Webp)
    } else {
        None
    }
}

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Width after EXIF orientation.
    pub w: u32,
    /// Height after EXIF orientation.
    pub h: u32,
    /// Whether the file may have alpha.
    pub alpha: bool,
    /// Whether its coding lost nothing.
    pub lossless: bool,
    /// Whether it is an animation of more than one frame.
    pub animated: bool,
}

/// Read a header.
///
/// # Errors
/// The header is damaged.
pub fn header(format: Format, bytes: &[u8]) -> Result<Header> {
    match format {
        Format::Jpeg => jpeg::header(bytes),
        Format::Png => png::header(bytes),
        Format::Gif => gif::header(bytes),
        Format::Webp => webp::header(bytes),
    }
}

/// How far a JPEG may be shrunk while it is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JpegHint {
    /// The least width.
    pub w: i64,
    /// The least height.
    pub h: i64,
    /// Whether luma is averaged sample by sample, and not by leaving out waves.
    pub spatial: bool,
    /// Whether that is done in linear light.
    pub linear: bool,
}

/// What a decoder was told. Commands that do not fit the format are ignored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Commands {
    /// A JPEG may be shrunk while it is decoded, to no less than this.
    pub jpeg_hint: Option<JpegHint>,
    /// A WebP is scaled to this.
    pub webp_hint: Option<(i32, i32)>,
    /// The embedded profile is not looked at.
    pub discard_profile: bool,
    /// A profile that cannot be used is passed over.
    pub ignore_profile_errors: bool,
    /// The one frame of an animation that is wanted, counted from 0.
    pub frame: Option<u32>,
}

impl Commands {
    /// Obey one more command.
    pub fn tell(&mut self, command: &DecoderCommand) {
        match *command {
            DecoderCommand::JpegDownscaleHints {
                width: w,
                height: h,
                scale_luma_spatially: spatial,
                gamma_correct_for_srgb_during_spatial_luma_scaling: gamma,
            } => {
                let spatial = spatial == Some(true);
                let linear = spatial && gamma == Some(true);
                self.jpeg_hint = Some(JpegHint { w, h, spatial, linear });
            }
            DecoderCommand::WebpDecoderHints { width, height } => {
                self.webp_hint = Some((width, height));
            }
            DecoderCommand::DiscardColorProfile => self.discard_profile = true,
            DecoderCommand::IgnoreColorProfileErrors => self.ignore_profile_errors = true,
            DecoderCommand::SelectFrame(n) => self.frame = Some(n.max(0).unsigned_abs()),
        }
    }
}

/// The size that [`still`] delivers, after hints and orientation.
///
/// # Errors
/// The header is damaged.
pub fn scaled_size(format: Format, bytes: &[u8], commands: &Commands) -> Result<(u32, u32)> {
    match format {
        Format::Jpeg => jpeg::scaled_size(bytes, commands),
        Format::Webp => webp::scaled_size(bytes, commands),
        Format::Png | Format::Gif => header(format, bytes).map(|header| (header.w, header.h)),
    }
}

/// One picture: the only one, or of an animation the one that was asked for, else the first.
///
/// # Errors
/// The picture is damaged or too large, or the job was asked to stop.
pub fn still<'a>(
    format: Format,
    bytes: &'a [u8],
    commands: &Commands,
    limits: &'a Limits,
    stop: &'a dyn Stop,
) -> Result<Picture<'a>> {
    match format {
        Format::Jpeg => jpeg::open(bytes, commands, limits, stop),
        Format::Png => png::open(bytes, commands, limits, stop),
        Format::Gif => gif::open(bytes, commands, limits, stop),
        Format::Webp => webp::open(bytes, commands, limits, stop),
    }
}

/// The error of a damaged picture.
fn malformed(format: Format, error: impl std::fmt::Display) -> Error {
    let (kind, name) = match format {
        Format::Jpeg => (Kind::JpegDecodingError, "JPEG"),
        Format::Png => (Kind::ImageDecodingError, "PNG"),
        Format::Gif => (Kind::GifDecodingError, "GIF"),
        Format::Webp => (Kind::ImageDecodingError, "WebP"),
    };
    Error::new(kind, format!("The {name} cannot be decoded: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_known_by_its_first_bytes() {
        assert_eq!(sniff(b"\xFF\xD8\xFF\xE0"), Some(Format::Jpeg));
        assert_eq!(sniff(b"\x89PNG\r\n\x1a\n"), Some(Format::Png));
        assert_eq!(sniff(b"GIF89a"), Some(Format::Gif));
        assert_eq!(sniff(b"RIFF\0\0\0\0WEBP"), Some(Format::Webp));
        assert_eq!(sniff(b"RIFF\0\0\0\0WAVE"), None);
        assert_eq!(sniff(b""), None);
    }

    #[test]
    fn a_negative_frame_is_the_first() {
        let mut commands = Commands::default();
        commands.tell(&DecoderCommand::SelectFrame(-1));

        assert_eq!(commands.frame, Some(0));
    }
}
