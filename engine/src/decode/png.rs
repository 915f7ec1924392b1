//! PNG, by the `png` crate: everything becomes 8 bit RGB or RGBA.

use std::io::Cursor;

use enough::Stop;
use png::{BitDepth, ColorType, Decoder, Reader, Transformations};

use super::colour::{self, Profile};
use super::{Commands, Format, Header, malformed};
use crate::error::{Error, Result};
use crate::frame::{Channels, Frame};
use crate::limits::Limits;
use crate::memory;
use crate::rows::{Picture, Rows};

/// What the crate may allocate for text and profiles; pixels are paid for by us.
const METADATA_BYTES: usize = 64 << 20;

type PngReader<'a> = Reader<Cursor<&'a [u8]>>;

fn damaged(error: impl std::fmt::Display) -> Error {
    malformed(Format::Png, error)
}

/// See [`super::header`]. Upstream counts palettes as lossy and as having alpha.
pub fn header(bytes: &[u8]) -> Result<Header> {
    let mut decoder = Decoder::new(Cursor::new(bytes));
    let info = decoder.read_header_info().map_err(damaged)?;
    let palette = info.color_type == ColorType::Indexed;
    let alpha = matches!(info.color_type, ColorType::Rgba | ColorType::GrayscaleAlpha);
    Ok(Header {
        w: info.width,
        h: info.height,
        alpha: alpha || palette,
        lossless: !palette,
        animated: false,
    })
}

/// See [`super::still`].
pub fn open<'a>(
    bytes: &'a [u8],
    commands: &Commands,
    limits: &'a Limits,
    stop: &'a dyn Stop,
) -> Result<Picture<'a>> {
    let head = header(bytes)?;
    limits.check_source(head.w, head.h)?;
    limits.decoded(head.w, head.h, Channels::Rgba)?;
    let allowed = png::Limits { bytes: METADATA_BYTES + head.w as usize * 16 };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), allowed);
    // What has a palette has alpha, as upstream counts it, whether it is used or not.
    let palette = head.alpha && !head.lossless;
    let alpha = if palette { Transformations::ALPHA } else { Transformations::IDENTITY };
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16 | alpha);
    decoder.set_ignore_text_chunk(true);
    let reader = decoder.read_info().map_err(damaged)?;
    let profile = profile(&reader);
    let picture = if reader.info().interlaced {
        Picture::Frame(interlaced(reader, limits, stop)?)
    } else {
        Picture::Rows(Box::new(PngRows::new(reader)?))
    };
    colour::to_srgb(picture, profile, commands)
}

fn profile(reader: &PngReader<'_>) -> Profile {
    let info = reader.info();
    if let Some(icc) = &info.icc_profile {
        return Profile::Icc(icc.to_vec());
    }
    match (info.srgb, info.gamma(), info.chromaticities()) {
        (None, Some(gamma), Some(c)) => {
            let point =
                |(x, y): (png::ScaledFloat, png::ScaledFloat)| (x.into_value(), y.into_value());
            Profile::gamma(gamma.into_value(), [c.white, c.red, c.green, c.blue].map(point))
        }
        _ => Profile::Srgb,
    }
}

/// The channels that a reader's rows become, and how.
fn layout(reader: &PngReader<'_>) -> Result<(Channels, Expand)> {
    let (color, depth) = reader.output_color_type();
    let layout = match color {
        ColorType::Grayscale => (Channels::Rgb, Expand::Grey),
        ColorType::GrayscaleAlpha => (Channels::Rgba, Expand::GreyAlpha),
        ColorType::Rgb => (Channels::Rgb, Expand::Not),
        ColorType::Rgba => (Channels::Rgba, Expand::Not),
        ColorType::Indexed => return Err(damaged("the palette was not expanded")),
    };
    if depth == BitDepth::Eight { Ok(layout) } else { Err(damaged("it was not reduced to 8 bits")) }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expand {
    Not,
    Grey,
    GreyAlpha,
}

impl Expand {
    fn row(self, from: &[u8], to: &mut [u8]) {
        match self {
            Self::Not => to.copy_from_slice(from),
            Self::Grey => {
                for (px, &v) in to.as_chunks_mut::<3>().0.iter_mut().zip(from) {
                    *px = [v; 3];
                }
            }
            Self::GreyAlpha => {
                for (px, &[v, a]) in to.as_chunks_mut::<4>().0.iter_mut().zip(from.as_chunks().0) {
                    *px = [v, v, v, a];
                }
            }
        }
    }
}

fn interlaced(mut reader: PngReader<'_>, limits: &Limits, stop: &dyn Stop) -> Result<Frame> {
    let (channels, expand) = layout(&reader)?;
    let (w, h) = (reader.info().width, reader.info().height);
    let mut frame = Frame::new(&limits.collected(w, h, channels)?, stop)?;
    let size = reader.output_buffer_size().ok_or_else(|| damaged("it is too large"))?;
    if expand == Expand::Not && size == frame.px().len() {
        reader.next_frame(frame.px_mut()).map_err(damaged)?;
    } else {
        let mut all = memory::zeros(size)?;
        reader.next_frame(&mut all).map_err(damaged)?;
        let stride = size / h as usize;
        for (to, from) in frame.rows_mut().zip(all.chunks_exact(stride)) {
            expand.row(from, to);
        }
    }
    stop.check()?;
    Ok(frame)
}

/// The rows of a PNG that is not interlaced.
struct PngRows<'a> {
    reader: PngReader<'a>,
    size: (u32, u32),
    channels: Channels,
    expand: Expand,
    row: Vec<u8>,
}

impl<'a> PngRows<'a> {
    fn new(reader: PngReader<'a>) -> Result<Self> {
        let (channels, expand) = layout(&reader)?;
        let size = (reader.info().width, reader.info().height);
        let row = vec![0; size.0 as usize * channels.count()];
        Ok(Self { reader, size, channels, expand, row })
    }
}

impl Rows for PngRows<'_> {
    fn size(&self) -> (u32, u32) {
        self.size
    }

    fn channels(&self) -> Channels {
        self.channels
    }

    fn next_row(&mut self) -> Result<&[u8]> {
        let row = self.reader.next_row().map_err(damaged)?;
        let row = row.ok_or_else(|| damaged("it has too few rows"))?;
        if self.expand == Expand::Not {
            return Ok(row.data());
        }
        self.expand.row(row.data(), &mut self.row);
        Ok(&self.row)
    }
}
