//! JPEG: zenjpeg by rows, and zune for four inks.

mod band;
mod cut;
mod eighths;
mod inks;
mod lazy;
mod markers;
mod planes;
mod scan;

use enough::Stop;
use zenjpeg::decoder::{ColorSpace, Decoder, JpegInfo, JpegMode};

use super::colour::{self, Profile};
use super::{Commands, Format, Header, exif, malformed};
use crate::error::{Error, Result};
use crate::frame::{Channels, Frame, Turn};
use crate::limits::Limits;
use crate::memory;
use crate::rows::Picture;
use eighths::Shrunk;

fn damaged(error: impl std::fmt::Display) -> Error {
    malformed(Format::Jpeg, error)
}

/// A decoder without opinions: sizes are checked by us, and turned afterwards.
fn decoder() -> Decoder {
    Decoder::new().auto_orient(false).num_threads(1).max_pixels(u64::MAX).max_memory(u64::MAX)
}

/// What the markers before the pixels say.
struct Head {
    info: JpegInfo,
    turn: Turn,
    /// Before the turn.
    size: (u32, u32),
}

impl Head {
    fn read(bytes: &[u8]) -> Result<Self> {
        let info = decoder().read_info(bytes).map_err(damaged)?;
        let flag = info.exif.as_deref().and_then(exif::orientation);
        let size = (info.dimensions.width, info.dimensions.height);
        if size.0 == 0 || size.1 == 0 {
            return Err(damaged("it has no pixels"));
        }
        Ok(Self { turn: Turn::from_exif(flag.unwrap_or(1).into()), size, info })
    }

    /// Eighths of its size at which it is decoded.
    fn eighths(&self, commands: &Commands) -> u32 {
        commands.jpeg_hint.map_or(8, |hint| eighths::enough(self.size, (hint.w, hint.h)))
    }
}

/// What decoding by rows has to know.
#[derive(Clone, Copy, Debug)]
struct Plain {
    /// The full size.
    size: (u32, u32),
    /// Whether its planes are such as can be shrunk before they become RGB.
    planes: bool,
    /// Whether it is shrunk in linear light.
    linear: bool,
}

/// See [`super::header`].
pub fn header(bytes: &[u8]) -> Result<Header> {
    let head = Head::read(bytes)?;
    let (w, h) = head.turn.size(head.size);
    Ok(Header { w, h, alpha: false, lossless: false, animated: false })
}

/// See [`super::scaled_size`].
pub fn scaled_size(bytes: &[u8], commands: &Commands) -> Result<(u32, u32)> {
    let head = Head::read(bytes)?;
    Ok(head.turn.size(eighths::size(head.size, head.eighths(commands))))
}

/// See [`super::still`].
pub fn open<'a>(
    bytes: &'a [u8],
    commands: &Commands,
    limits: &'a Limits,
    stop: &'a dyn Stop,
) -> Result<Picture<'a>> {
    let head = Head::read(bytes)?;
    limits.check_source(head.size.0, head.size.1)?;
    let eighths = head.eighths(commands);
    let (w, h) = eighths::size(head.size, eighths);
    limits.decoded(w, h, Channels::Rgb)?;
    let linear = commands.jpeg_hint.is_some_and(|hint| hint.linear);
    let inks = head.info.num_components == 4;
    let picture = if inks {
        let frame = inks::decode(bytes, &head, commands, limits, stop)?;
        shrunk(Picture::Frame(frame), eighths, linear)
    } else {
        in_color(bytes, &head, (eighths, linear), limits, stop)?
    };
    let turn = head.turn;
    let profile = head.info.icc_profile.filter(|_| !inks).map_or(Profile::Srgb, Profile::Icc);
    let picture = colour::to_srgb(picture, profile, commands)?;
    if turn == Turn::None {
        return Ok(picture);
    }
    picture.into_frame(limits, stop)?.turned(turn, limits, stop).map(Picture::Frame)
}

/// A picture of one or three components, at so many eighths of its size.
fn in_color<'a>(
    bytes: &'a [u8],
    head: &Head,
    (eighths, linear): (u32, bool),
    limits: &Limits,
    stop: &'a dyn Stop,
) -> Result<Picture<'a>> {
    if head.info.mode == JpegMode::Baseline && !cut::is_cut(bytes) {
        let planes = matches!(head.info.color_space, ColorSpace::YCbCr | ColorSpace::Grayscale)
            && markers::has_common_sampling(bytes);
        let plain = Plain { size: head.size, planes, linear };
        return Ok(Picture::Rows(Box::new(lazy::LazyRows::new(bytes, plain, eighths, stop))));
    }
    let frame = in_one_go(bytes, head, limits, stop)?;
    Ok(shrunk(Picture::Frame(frame), eighths, linear))
}

/// A picture that cannot be decoded by rows: of several scans, or cut.
fn in_one_go(bytes: &[u8], head: &Head, limits: &Limits, stop: &dyn Stop) -> Result<Frame> {
    let paid = limits.collected(head.size.0, head.size.1, Channels::Rgb)?;
    let decode = |bytes: &[u8]| {
        let result = decoder().decode(bytes, stop);
        stop.check()?;
        let px = result.map_err(damaged)?.into_pixels_u8();
        Frame::adopt(&paid, px.ok_or_else(|| damaged("it has no pixels"))?)
    };
    memory::expect(head.size, 8)?; // all coefficients and the frame
    let mut frame = decode(bytes)?;
    if head.info.mode == JpegMode::Baseline && cut::is_cut(bytes) {
        cut::blank_what_is_missing(&mut frame, &decode(&cut::continued(bytes))?, head, stop)?;
    }
    Ok(frame)
}

fn shrunk(picture: Picture<'_>, eighths: u32, linear: bool) -> Picture<'_> {
    if eighths == 8 {
        return picture;
    }
    Picture::Rows(Box::new(Shrunk::new(picture.into_rows(), eighths, linear)))
}
