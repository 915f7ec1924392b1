//! How large a picture may be. A frame is allocated only against a [`Paid`] receipt.

use crate::error::{Error, Kind, Result};
use crate::message::{FrameSizeLimit, Security};

/// No canvas has more pixels than this, whatever the limits say.
const MAX_CANVAS_PIXELS: u64 = 100_000_000;
/// No canvas has a longer side than this, whatever the limits say.
const MAX_CANVAS_SIDE: u64 = 2_000_000;
/// No animation has more pixels than this over all its frames.
const MAX_ANIMATION_PIXELS: u64 = 10 * MAX_CANVAS_PIXELS;
/// No animation has more frames than this.
const MAX_ANIMATION_FRAMES: u64 = 10_000;

/// Whether pixels carry alpha. A picture without it has three bytes for each pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    /// Red, green, blue.
    Rgb,
    /// Red, green, blue, alpha (not premultiplied).
    Rgba,
}

impl Channels {
    /// Bytes for each pixel.
    #[must_use]
    pub const fn count(self) -> usize {
        match self {
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }

    /// The channels of a picture that may have alpha.
    #[must_use]
    pub const fn with(alpha: bool) -> Self {
        if alpha { Self::Rgba } else { Self::Rgb }
    }
}

/// A size that was checked against the limits; what `Frame::new` wants.
#[derive(Debug)]
pub struct Paid {
    w: u32,
    h: u32,
    channels: Channels,
}

impl Paid {
    /// Width in pixels.
    #[must_use]
    pub fn w(&self) -> u32 {
        self.w
    }

    /// Height in pixels.
    #[must_use]
    pub fn h(&self) -> u32 {
        self.h
    }

    /// What each pixel has.
    #[must_use]
    pub fn channels(&self) -> Channels {
        self.channels
    }

    /// Bytes of the whole frame; at most `i32::MAX`.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.w as usize * self.h as usize * self.channels.count()
    }
}

/// The limits in force; [`Default`] is upstream's.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// On what a decoder delivers, after its hints.
    pub decode: FrameSizeLimit,
    /// On every frame, and on a picture as its header gives it.
    pub frame: FrameSizeLimit,
    /// On the frame that enters an encoder.
    pub encode: Option<FrameSizeLimit>,
    /// On the pixels of all frames of an input together.
    pub file_pixels: Option<u64>,
    /// Threads that one job may use.
    pub threads: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let square = |side| FrameSizeLimit { w: side, h: side, megapixels: 100.0 };
        let (decode, frame) = (square(12_000), square(10_000));
        Self { decode, frame, encode: None, file_pixels: None, threads: 1 }
    }
}

impl Limits {
    /// Replace the limits that a request names; the others stay in force.
    ///
    /// # Errors
    /// A side of 2^31 or more, as upstream has it.
    pub fn apply(&mut self, security: &Security) -> Result<()> {
        let given = [
            ("max_decode_size", security.max_decode_size),
            ("max_frame_size", security.max_frame_size),
            ("max_encode_size", security.max_encode_size),
        ];
        for (name, limit) in given {
            if limit.is_some_and(|limit| limit.w.max(limit.h) > i32::MAX as u32) {
                let text = format!("{name} has a side above {}", i32::MAX);
                return Err(Error::new(Kind::SizeLimitExceeded, text));
            }
        }
        self.decode = security.max_decode_size.unwrap_or(self.decode);
        self.frame = security.max_frame_size.unwrap_or(self.frame);
        self.encode = security.max_encode_size.or(self.encode);
        self.file_pixels = security.max_total_file_pixels.or(self.file_pixels);
        self.threads = security.max_threads.map_or(self.threads, |n| n.max(1) as usize);
        Ok(())
    }

    /// Pay for a frame that a node makes.
    ///
    /// # Errors
    /// The size is empty, above `max_frame_size`, or above what any canvas may have.
    pub fn canvas(&self, w: u64, h: u64, channels: Channels) -> Result<Paid> {
        let (w32, h32) = sides(w, h)?;
        // To upstream's limits a side beyond is negative.
        if w.max(h) <= i32::MAX as u64 {
            within(&self.frame, "max_frame_size", w, h)?;
        }
        check_canvas(w, h)?;
        Ok(Paid { w: w32, h: h32, channels })
    }

    /// Pay for a frame that a decoder delivers.
    ///
    /// # Errors
    /// The size is above `max_decode_size` or `max_frame_size`, or too large to address.
    pub fn decoded(&self, w: u32, h: u32, channels: Channels) -> Result<Paid> {
        within(&self.decode, "max_decode_size", w.into(), h.into())?;
        self.collected(w, h, channels)
    }

    /// Pay for the frame of a picture whose size was checked when it was described.
    ///
    /// # Errors
    /// The size is above `max_frame_size`, or too large to address.
    pub fn collected(&self, w: u32, h: u32, channels: Channels) -> Result<Paid> {
        let (w64, h64) = (u64::from(w), u64::from(h));
        sides(w64, h64)?;
        within(&self.frame, "max_frame_size", w64, h64)?;
        if w64 * h64 > i32::MAX as u64 / 4 {
            let text = format!("A picture of {w}×{h} pixels is too large to decode");
            return Err(Error::new(Kind::InvalidArgument, text));
        }
        Ok(Paid { w, h, channels })
    }

    /// Check a picture's size as its header gives it, before any hint, and its frames.
    ///
    /// # Errors
    /// It is above `max_frame_size` or `max_total_file_pixels`.
    pub fn check_source(&self, w: u32, h: u32, frames: u32) -> Result<()> {
        within(&self.frame, "max_frame_size", w.into(), h.into())?;
        let pixels = (u64::from(w) * u64::from(h)).saturating_mul(frames.into());
        match self.file_pixels {
            Some(most) if pixels > most => {
                let text = format!("{frames} × {w}×{h} pixels exceed max_total_file_pixels {most}");
                Err(Error::new(Kind::SizeLimitExceeded, text))
            }
            _ => Ok(()),
        }
    }

    /// Check the screen of an animation when it is added.
    ///
    /// # Errors
    /// It is above `max_decode_size`.
    pub fn check_screen(&self, w: u32, h: u32) -> Result<()> {
        within(&self.decode, "max_decode_size", w.into(), h.into())
    }

    /// Check a frame that enters an encoder.
    ///
    /// # Errors
    /// It is above `max_encode_size`.
    pub fn check_encode(&self, w: u32, h: u32) -> Result<()> {
        self.encode.map_or(Ok(()), |limit| within(&limit, "max_encode_size", w.into(), h.into()))
    }

    /// Check how far an animation has come: *frames* of *w*×*h* pixels.
    ///
    /// # Errors
    /// More frames or more pixels in all than any animation may have.
    pub fn check_animation(frames: u64, w: u32, h: u32) -> Result<()> {
        let pixels = frames.saturating_mul(u64::from(w) * u64::from(h));
        if frames > MAX_ANIMATION_FRAMES || pixels > MAX_ANIMATION_PIXELS {
            let text = format!("An animation of {frames} or more frames of {w}×{h} is too long");
            return Err(Error::new(Kind::SizeLimitExceeded, text));
        }
        Ok(())
    }
}

/// Both sides as a frame has them; none is 0.
fn sides(w: u64, h: u64) -> Result<(u32, u32)> {
    match (u32::try_from(w), u32::try_from(h)) {
        (Ok(w), Ok(h)) if w > 0 && h > 0 => Ok((w, h)),
        _ => Err(Error::new(Kind::InvalidCoordinates, format!("A frame cannot be {w}×{h} pixels"))),
    }
}

fn within(limit: &FrameSizeLimit, name: &str, w: u64, h: u64) -> Result<()> {
    let megapixels = (w * h) as f32 / 1e6; // in the precision of the limit, so that equal is equal
    let text = if w > limit.w.into() {
        format!("Frame width {w} exceeds {name}.w {}", limit.w)
    } else if h > limit.h.into() {
        format!("Frame height {h} exceeds {name}.h {}", limit.h)
    } else if megapixels > limit.megapixels {
        format!("Frame megapixels {megapixels} exceeds {name}.megapixels {}", limit.megapixels)
    } else {
        return Ok(());
    };
    Err(Error::new(Kind::SizeLimitExceeded, text))
}

/// Check a size that no limit of a request lifts; of a canvas that is asked for by name
/// upstream looks at this first.
///
/// # Errors
/// No canvas can be so large.
pub fn check_canvas(w: u64, h: u64) -> Result<()> {
    if w.max(h) > MAX_CANVAS_SIDE || w * h > MAX_CANVAS_PIXELS {
        let text = format!("No canvas can be {w}×{h} pixels");
        return Err(Error::new(Kind::InvalidCoordinates, text));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_equal_to_the_limit_is_allowed_and_one_more_is_not() {
        let limits = Limits::default();

        assert!(limits.canvas(10_000, 10_000, Channels::Rgba).is_ok());
        let error = limits.canvas(10_001, 1, Channels::Rgb).unwrap_err();
        assert_eq!(error.kind, Kind::SizeLimitExceeded);
        let error = limits.canvas(20_000, 20_000, Channels::Rgb).unwrap_err();
        assert_eq!(error.kind, Kind::SizeLimitExceeded);
    }

    #[test]
    fn no_limit_lifts_the_cap_on_canvases() {
        let most = FrameSizeLimit { w: i32::MAX as u32, h: i32::MAX as u32, megapixels: f32::MAX };
        let limits = Limits { frame: most, decode: most, ..Limits::default() };

        assert!(limits.canvas(20_000, 14_000, Channels::Rgb).is_err());
        assert!(limits.decoded(20_000, 14_000, Channels::Rgb).is_ok());
        assert!(limits.decoded(65_536, 65_536, Channels::Rgb).is_err());
    }

    #[test]
    fn a_request_replaces_only_the_limits_it_names() {
        let mut limits = Limits::default();
        let tiny = FrameSizeLimit { w: 1, h: 2, megapixels: 3.0 };
        let security = Security { max_encode_size: Some(tiny), ..Security::default() };

        limits.apply(&security).unwrap();

        assert_eq!(limits, Limits { encode: Some(tiny), ..Limits::default() });
        assert!(limits.check_encode(2, 1).is_err());
    }

    #[test]
    fn a_side_of_two_to_the_31_is_refused() {
        let limit = FrameSizeLimit { w: 1 << 31, h: 1, megapixels: 1.0 };
        let security = Security { max_decode_size: Some(limit), ..Security::default() };

        assert!(Limits::default().apply(&security).is_err());
    }

    #[test]
    fn all_frames_of_a_file_count() {
        let limits = Limits { file_pixels: Some(600), ..Limits::default() };

        assert!(limits.check_source(10, 20, 3).is_ok());
        assert!(limits.check_source(10, 20, 4).is_err());
        assert!(limits.check_source(10_000, 10_000, u32::MAX).is_err());
    }

    #[test]
    fn animations_have_an_end() {
        assert!(Limits::check_animation(10_000, 10, 10).is_ok());
        assert!(Limits::check_animation(10_001, 1, 1).is_err());
        assert!(Limits::check_animation(11, 10_000, 10_000).is_err());
    }
}
