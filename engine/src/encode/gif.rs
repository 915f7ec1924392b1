//! GIF, by the `gif` crate: every frame whole and with a palette of its own.

use enough::Stop;
use gif::{DisposalMethod, Encoder, Frame as GifFrame, Repeat};

use super::failed;
use crate::decode::Format;
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::memory;

/// Alpha below this becomes transparent, all else opaque.
const OPAQUE_FROM: u8 = 16;

/// The quantiser's speed, 1–30; upstream's.
const SPEED: i32 = 1;

fn refused(error: impl std::fmt::Display) -> Error {
    failed(Format::Gif, error)
}

fn side(side: u32) -> Result<u16> {
    u16::try_from(side).map_err(refused)
}

/// A GIF that is being written.
pub struct Writer {
    encoder: Encoder<Vec<u8>>,
    size: (u32, u32),
}

impl Writer {
    /// A file with a screen of this size. An animation repeats for ever, as upstream's do.
    ///
    /// # Errors
    /// The format cannot hold it.
    pub fn new(size: (u32, u32), animated: bool) -> Result<Self> {
        let mut encoder =
            Encoder::new(Vec::new(), side(size.0)?, side(size.1)?, &[]).map_err(refused)?;
        if animated {
            encoder.set_repeat(Repeat::Infinite).map_err(refused)?; // not seen after a frame
        }
        Ok(Self { encoder, size })
    }

    /// Width and height of the last frame, or of the screen.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        self.size
    }

    /// Add a frame, at the top left of the screen, that stays for *delay* hundredths of a
    /// second.
    ///
    /// # Errors
    /// The format cannot hold it, or the job was asked to stop.
    pub fn write(&mut self, frame: &Frame, delay: u16, stop: &dyn Stop) -> Result<()> {
        self.size = frame.size();
        memory::expect(self.size, 9)?;
        let mut rgba = rgba(frame, stop)?;
        let clear = rgba.as_chunks::<4>().0.iter().any(|px| px[3] == 0);
        stop.check()?;
        let (w, h) = (side(frame.w())?, side(frame.h())?);
        let mut picture = GifFrame::from_rgba_speed(w, h, &mut rgba, SPEED);
        picture.delay = delay;
        picture.dispose = if clear { DisposalMethod::Background } else { DisposalMethod::Keep };
        stop.check()?;
        self.encoder.write_frame(&picture).map_err(refused)
    }

    /// The file.
    ///
    /// # Errors
    /// The trailer could not be written.
    pub fn finish(self) -> Result<Vec<u8>> {
        self.encoder.into_inner().map_err(refused)
    }
}

/// The frame's pixels with alpha that is either 0 or 255.
fn rgba(frame: &Frame, stop: &dyn Stop) -> Result<Vec<u8>> {
    if !frame.has_alpha() {
        return frame.mapped(stop, |[r, g, b]| [r, g, b, 255]);
    }
    frame.mapped(stop, |[r, g, b, a]| if a < OPAQUE_FROM { [0; 4] } else { [r, g, b, 255] })
}
