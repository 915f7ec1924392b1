//! An input: bytes, their format, and what their decoder was told.

use std::sync::Arc;

use crate::decode::{self, Commands, Format, Header};
use crate::error::{Error, Kind, Result};
use crate::limits::Limits;
use crate::message::{DecoderCommand, ImageInfo, PixelFormat};

/// Bytes that an input is read from, owned or lent.
pub type Bytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// One input of a context. It can be decoded as often as jobs like.
pub struct Input {
    bytes: Bytes,
    format: Format,
    commands: Commands,
}

impl Input {
    /// Recognise the format.
    ///
    /// # Errors
    /// No decoder knows the format, or the screen of a GIF is above the limits.
    pub fn new(bytes: Bytes, limits: &Limits) -> Result<Self> {
        let start = (*bytes).as_ref();
        let format = decode::sniff(start).ok_or_else(|| {
            let start = &start[..start.len().min(12)];
            let text = format!("No decoder is known for a file that starts with {start:?}");
            Error::new(Kind::NoEnabledDecoderFound, text)
        })?;
        if format == Format::Gif {
            let (w, h) = decode::gif::screen(start)?;
            limits.check_screen(w, h)?;
        }
        Ok(Self { bytes, format, commands: Commands::default() })
    }

    /// The format.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        (*self.bytes).as_ref()
    }

    /// What the decoder was told, and what a node tells it besides.
    #[must_use]
    pub fn told(&self, more: &[DecoderCommand]) -> Commands {
        let mut commands = self.commands.clone();
        more.iter().for_each(|command| commands.tell(command));
        commands
    }

    /// Tell the decoder something ahead of the job.
    pub fn tell(&mut self, command: DecoderCommand) {
        self.commands.tell(&command);
    }

    /// What the header says.
    ///
    /// # Errors
    /// The header is damaged.
    pub fn header(&self) -> Result<Header> {
        decode::header(self.format, self.bytes())
    }

    /// What the header says, as an answer.
    ///
    /// # Errors
    /// The header is damaged.
    pub fn info(&self) -> Result<ImageInfo> {
        self.header().map(|header| self.describe(&header))
    }

    /// The same with the size that the decoder will deliver after what it was told.
    ///
    /// # Errors
    /// The header is damaged.
    pub fn scaled_info(&self) -> Result<ImageInfo> {
        let header = self.header()?;
        let (w, h) = decode::scaled_size(self.format, self.bytes(), &self.commands)?;
        Ok(self.describe(&Header { w, h, ..header }))
    }

    fn describe(&self, header: &Header) -> ImageInfo {
        ImageInfo {
            preferred_mime_type: self.format.mime(),
            preferred_extension: self.format.extension(),
            image_width: header.w,
            image_height: header.h,
            frame_decodes_into: match header.alpha {
                true => PixelFormat::Bgra32,
                false => PixelFormat::Bgr32,
            },
            lossless: header.lossless,
            multiple_frames: header.animated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(bytes: &'static [u8]) -> Result<Input> {
        Input::new(Arc::new(bytes), &Limits::default())
    }

    #[test]
    fn bytes_of_no_known_format_are_refused() {
        for bytes in [&b""[..], b"\xFF", b"<svg/>"] {
            assert_eq!(input(bytes).err().unwrap().kind, Kind::NoEnabledDecoderFound);
        }
    }

    #[test]
    fn a_jpeg_that_is_nothing_but_a_signature_is_taken_until_it_is_read() {
        let input = input(b"\xFF\xD8\xFF\xE0").unwrap();

        assert_eq!(input.info().unwrap_err().kind, Kind::JpegDecodingError);
    }

    #[test]
    fn a_gif_with_a_screen_above_the_limits_is_refused_at_once() {
        let error = input(b"GIF89a\xFF\xFF\x01\x00\x00\x00\x00").err().unwrap();

        assert_eq!(error.kind, Kind::SizeLimitExceeded);
    }
}
