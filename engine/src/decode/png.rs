//! PNG, by the `png` crate: everything becomes 8 bit RGB or RGBA.

mod chunks;

use enough::Stop;
use png::{BitDepth, ColorType, DecodeOptions, Decoder, Info, Limits as PngLimits, Reader};
use png::{InterlaceInfo, ScaledFloat, Transformations, expand_interlaced_row};

use super::colour::{self, Profile};
use super::{Commands, Format, Header, malformed};
use crate::error::{Error, Result};
use crate::frame::{Channels, Frame};
use crate::limits::Limits;
use crate::rows::{Picture, Rows};
use chunks::Chunks;

/// What the crate may allocate for text and profiles; pixels are paid for by us.
const METADATA_BYTES: usize = 64 << 20;

type PngReader<'a> = Reader<Chunks<'a>>;

fn damaged(error: impl std::fmt::Display) -> Error {
    malformed(Format::Png, error)
}

/// See [`super::header`]. As upstream, all that comes before the pixels has to be sound.
pub fn header(bytes: &[u8]) -> Result<Header> {
    let mut options = DecodeOptions::default();
    options.set_ignore_iccp_chunk(true);
    let decoder = Decoder::new_with_options(Chunks::before_pixels(bytes)?, options);
    decoder.read_info().map_err(damaged).map(|reader| head(reader.info()))
}

/// Upstream counts palettes as lossy and as having alpha.
fn head(info: &Info<'_>) -> Header {
    let palette = info.color_type == ColorType::Indexed;
    let alpha = matches!(info.color_type, ColorType::Rgba | ColorType::GrayscaleAlpha);
    Header {
        w: info.width,
        h: info.height,
        alpha: alpha || palette,
        lossless: !palette,
        animated: false,
    }
}

/// See [`super::still`].
pub fn open<'a>(
    bytes: &'a [u8],
    commands: &Commands,
    limits: &'a Limits,
    stop: &'a dyn Stop,
) -> Result<Picture<'a>> {
    let head = header(bytes)?;
    limits.check_source(head.w, head.h, 1)?;
    limits.decoded(head.w, head.h, Channels::Rgba)?;
    let mut options = DecodeOptions::default();
    options.set_ignore_adler32(false);
    let mut decoder = Decoder::new_with_options(Chunks::all(bytes)?, options);
    decoder.set_limits(PngLimits { bytes: METADATA_BYTES + head.w as usize * 16 });
    // What has a palette has alpha, as upstream counts it, whether it is used or not.
    let palette = head.alpha && !head.lossless;
    let alpha = if palette { Transformations::ALPHA } else { Transformations::IDENTITY };
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16 | alpha);
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
    let color = !matches!(info.color_type, ColorType::Grayscale | ColorType::GrayscaleAlpha);
    if let Some(icc) = info.icc_profile.as_deref().and_then(|icc| sound_profile(icc, color)) {
        return Profile::Icc(icc.to_vec());
    }
    match (info.srgb, info.gamma(), info.chromaticities()) {
        (None, Some(gamma), Some(c)) => {
            let value = |v: ScaledFloat| f64::from(v.into_scaled()) / 100_000.0;
            let point = |(x, y)| (value(x), value(y));
            Profile::gamma(value(gamma), [c.white, c.red, c.green, c.blue].map(point))
        }
        _ => Profile::Srgb,
    }
}

/// A profile that libpng would hand on; others are as if they were not there.
fn sound_profile(icc: &[u8], color: bool) -> Option<&[u8]> {
    let number = |at: usize| Some(u32::from_be_bytes(*icc.get(at..at + 4)?.as_array()?));
    let length = number(0)?;
    let icc = icc.get(..length as usize)?;
    let aligned = *icc.get(8)? <= 3 || length % 4 == 0;
    let tags = (0..number(128)?).take(icc.len() / 12 + 1).map(|i| 132 + 12 * i as usize);
    let inside = |tag| Some(u64::from(number(tag + 4)?) + u64::from(number(tag + 8)?));
    let sound = aligned
        && number(64)? < 0xFFFF
        && icc.get(36..40)? == b"acsp"
        && icc.get(16..20)? == if color { b"RGB " } else { b"GRAY" }
        && !matches!(icc.get(12..16)?, b"abst" | b"link")
        && matches!(icc.get(20..24)?, b"XYZ " | b"Lab ")
        && tags.into_iter().all(|tag| inside(tag).is_some_and(|end| end <= u64::from(length)));
    sound.then_some(icc)
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
    let (samples, n, stride) =
        (reader.output_color_type().0.samples(), channels.count(), frame.stride());
    let mut pixels = vec![0; stride];
    while let Some(row) = reader.next_interlaced_row().map_err(damaged)? {
        stop.check()?;
        let InterlaceInfo::Adam7(pass) = row.interlace() else {
            return Err(damaged("it is not interlaced"));
        };
        let pixels = &mut pixels[..row.data().len() / samples * n];
        expand.row(row.data(), pixels);
        expand_interlaced_row(frame.px_mut(), stride, pixels, pass, n as u8 * 8);
    }
    Ok(frame)
}

/// The rows of a PNG that is not interlaced.
struct PngRows<'a> {
    reader: PngReader<'a>,
    size: (u32, u32),
    channels: Channels,
    expand: Expand,
    row: Vec<u8>,
    /// Rows yet to come.
    left: u32,
}

impl<'a> PngRows<'a> {
    fn new(reader: PngReader<'a>) -> Result<Self> {
        let (channels, expand) = layout(&reader)?;
        let size = (reader.info().width, reader.info().height);
        let row = vec![0; size.0 as usize * channels.count()];
        Ok(Self { reader, size, channels, expand, row, left: size.1 })
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
        self.expand.row(row.data(), &mut self.row);
        self.left -= 1;
        if self.left == 0 {
            self.reader.finish().map_err(damaged)?; // what follows the pixels counts, too
        }
        Ok(&self.row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(space: &[u8; 4]) -> Vec<u8> {
        let mut icc = vec![0; 144];
        icc[3] = 144;
        icc[12..24].copy_from_slice(b"mntrRGB XYZ ");
        icc[16..20].copy_from_slice(space);
        icc[36..40].copy_from_slice(b"acsp");
        icc[131] = 1; // a tag, which is empty
        icc
    }

    #[test]
    fn a_profile_that_does_not_fit_the_picture_is_none() {
        let (rgb, grey) = (profile(b"RGB "), profile(b"GRAY"));
        let mut longer = rgb.clone();
        longer.push(0);

        assert_eq!(sound_profile(&longer, true), Some(&*rgb));
        assert_eq!(sound_profile(&grey, false), Some(&*grey));
        assert!(sound_profile(&rgb, false).is_none());
        assert!(sound_profile(&grey, true).is_none());
        assert!(sound_profile(&rgb[..143], true).is_none());
    }

    #[test]
    fn a_profile_whose_tags_lie_outside_is_none() {
        let mut icc = profile(b"RGB ");
        icc[143] = 145;

        assert!(sound_profile(&icc, true).is_none());
    }

    /// One grey pixel, with a comment behind it.
    fn file(interlaced: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut info = Info::with_size(1, 1);
        info.interlaced = interlaced;
        let mut writer = png::Encoder::with_info(&mut bytes, info).unwrap().write_header().unwrap();
        writer.write_image_data(&[7]).unwrap();
        writer.finish().unwrap();
        bytes
    }

    #[test]
    fn damage_behind_the_last_row_is_damage() {
        let (limits, commands) = (Limits::default(), Commands::default());
        let decoded = |bytes: &[u8]| {
            let picture = open(bytes, &commands, &limits, &enough::Unstoppable)?;
            picture.into_frame(&limits, &enough::Unstoppable)
        };
        for interlaced in [false, true] {
            let bytes = file(interlaced);
            assert_eq!(decoded(&bytes).unwrap().px(), [7; 3]);

            let mut flipped = bytes.clone();
            let checksum = bytes.len() - 12 - 4;
            flipped[checksum] ^= 1;
            assert!(decoded(&flipped).is_err());
            assert!(decoded(&bytes[..bytes.len() - 5]).is_err());
        }
    }
}
