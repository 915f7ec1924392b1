//! JPEG: zenjpeg by rows where it can, zune for four inks and for files that are cut.

use enough::Stop;
use imgref::ImgRefMut;
use zenjpeg::decoder::{Decoder, JpegInfo, JpegMode, ScanlineReader};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::colour::{self, Profile};
use super::{Commands, Format, Header, exif, malformed};
use crate::error::{Error, Result};
use crate::frame::{Channels, Frame, Turn};
use crate::limits::Limits;
use crate::message::{Filter, ResampleHints};
use crate::resample::{self, Scaling};
use crate::rows::{Picture, Rows, whole};

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
        commands.jpeg_hint.map_or(8, |wanted| eighths(self.size, wanted))
    }
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
    Ok(head.turn.size(shrunk(head.size, head.eighths(commands))))
}

/// The smallest number of eighths that is no smaller than *wanted*; upstream never uses 7.
fn eighths(size: (u32, u32), wanted: (i64, i64)) -> u32 {
    [1, 2, 3, 4, 5, 6]
        .into_iter()
        .find(|&n| {
            let (w, h) = shrunk(size, n);
            i64::from(w) >= wanted.0 && i64::from(h) >= wanted.1
        })
        .unwrap_or(8)
}

fn shrunk((w, h): (u32, u32), eighths: u32) -> (u32, u32) {
    let side = |side: u32| (u64::from(side) * u64::from(eighths)).div_ceil(8) as u32;
    (side(w), side(h))
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
    let size = shrunk(head.size, head.eighths(commands));
    limits.decoded(size.0, size.1, Channels::Rgb)?;
    let inks = head.info.num_components == 4;
    let picture = if inks {
        Picture::Frame(four_inks(bytes, &head, commands, limits)?)
    } else {
        in_color(bytes, &head, limits, stop)?
    };
    let picture = shrink(picture, size, limits, stop)?;
    let profile = head.info.icc_profile.filter(|_| !inks).map_or(Profile::Srgb, Profile::Icc);
    let picture = colour::to_srgb(picture, profile, commands)?;
    turned(picture, head.turn, limits, stop)
}

fn in_color<'a>(
    bytes: &'a [u8],
    head: &Head,
    limits: &Limits,
    stop: &'a dyn Stop,
) -> Result<Picture<'a>> {
    if is_cut(bytes) {
        return rgb_by_zune(bytes, head, limits).map(Picture::Frame);
    }
    if head.info.mode == JpegMode::Baseline {
        let reader = decoder().scanline_reader(bytes).map_err(damaged)?;
        return Ok(Picture::Rows(Box::new(JpegRows::new(reader, stop))));
    }
    let paid = limits.collected(head.size.0, head.size.1, Channels::Rgb)?;
    let result = decoder().decode(bytes, stop);
    stop.check()?;
    let result = result.map_err(damaged)?;
    if result.has_warnings() {
        return rgb_by_zune(bytes, head, limits).map(Picture::Frame);
    }
    let px = result.into_pixels_u8().ok_or_else(|| damaged("it has no pixels"))?;
    Frame::adopt(&paid, px).map(Picture::Frame)
}

/// Whether the file ends before its picture does. zenjpeg leaves noise where data is
/// missing; zune leaves grey, as upstream.
fn is_cut(bytes: &[u8]) -> bool {
    let end = bytes.windows(2).rposition(|two| two == [0xFF, 0xD9]);
    let start = scan_start(bytes);
    !matches!((start, end), (Some(start), Some(end)) if start < end)
}

/// Where the first scan begins, after all the segments that may hold other pictures.
fn scan_start(bytes: &[u8]) -> Option<usize> {
    let mut at = 2;
    loop {
        let marker = *bytes.get(at + 1)?;
        if bytes[at] != 0xFF {
            return None;
        }
        match marker {
            0xDA => return Some(at),
            0xFF => at += 1,
            0x01 | 0xD0..=0xD8 => at += 2,
            _ => {
                let length = bytes.get(at + 2..at + 4)?;
                at += 2 + usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
            }
        }
    }
}

fn zune(bytes: &[u8], out: ColorSpace) -> JpegDecoder<ZCursor<&[u8]>> {
    let options = DecoderOptions::default()
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .set_strict_mode(false)
        .jpeg_set_out_colorspace(out);
    JpegDecoder::new_with_options(ZCursor::new(bytes), options)
}

fn rgb_by_zune(bytes: &[u8], head: &Head, limits: &Limits) -> Result<Frame> {
    let paid = limits.collected(head.size.0, head.size.1, Channels::Rgb)?;
    let mut frame = Frame::new(&paid)?;
    zune(bytes, ColorSpace::RGB).decode_into(frame.px_mut()).map_err(damaged)?;
    Ok(frame)
}

/// A picture of four inks, in sRGB (or as its profile would have it, when that is ignored).
fn four_inks(bytes: &[u8], head: &Head, commands: &Commands, limits: &Limits) -> Result<Frame> {
    let (w, h) = head.size;
    let mut inks = Frame::new(&limits.collected(w, h, Channels::Rgba)?)?;
    if zune(bytes, ColorSpace::YCCK).decode_into(inks.px_mut()).is_ok() {
        inks.px_mut().as_chunks_mut::<4>().0.iter_mut().for_each(|px| *px = inks_of_ycck(*px));
    } else {
        zune(bytes, ColorSpace::CMYK).decode_into(inks.px_mut()).map_err(damaged)?;
        inks.px_mut().iter_mut().for_each(|ink| *ink = 255 - *ink);
    }
    let mut frame = Frame::new(&limits.collected(w, h, Channels::Rgb)?)?;
    let icc = head.info.icc_profile.as_deref().filter(|_| !commands.discard_profile);
    match icc.map(colour::from_cmyk).transpose() {
        Ok(Some(transform)) => {
            transform.transform(inks.px(), frame.px_mut()).map_err(damaged)?;
        }
        Err(error) if !commands.ignore_profile_errors => return Err(error),
        _ => {
            let pairs = inks.px().as_chunks::<4>().0.iter().zip(frame.px_mut().as_chunks_mut().0);
            pairs.for_each(|(inks, px)| *px = colour::press(*inks));
        }
    }
    Ok(frame)
}

/// YCCK is stored inverted: what its Y, Cb and Cr give as RGB is C, M and Y themselves.
fn inks_of_ycck([y, cb, cr, k]: [u8; 4]) -> [u8; 4] {
    let [c, m, y] = rgb_of_ycc(f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    [c, m, y, 255 - k]
}

fn rgb_of_ycc(y: f32, cb: f32, cr: f32) -> [u8; 3] {
    let r = y + 1.402 * cr;
    let g = y - 0.344_136 * cb - 0.714_136 * cr;
    let b = y + 1.772 * cb;
    [r, g, b].map(|v| (v + 0.5) as u8)
}

/// Bring a picture that was decoded in full to the size that the hint stands for.
fn shrink<'a>(
    picture: Picture<'a>,
    to: (u32, u32),
    limits: &Limits,
    stop: &'a dyn Stop,
) -> Result<Picture<'a>> {
    let from = picture.size();
    if from == to {
        return Ok(picture);
    }
    let hints = ResampleHints {
        down_filter: Some(Filter::Box),
        scaling_colorspace: Some(crate::message::Colorspace::Srgb),
        ..ResampleHints::default()
    };
    let scaling = Scaling::new(&hints, from, to)?;
    let rows = picture.into_rows(whole(from));
    Ok(Picture::Rows(resample::scale(rows, to, &scaling, limits, stop)?))
}

fn turned<'a>(
    picture: Picture<'a>,
    turn: Turn,
    limits: &Limits,
    stop: &dyn Stop,
) -> Result<Picture<'a>> {
    if turn == Turn::None {
        return Ok(picture);
    }
    let frame = picture.into_frame(limits, stop)?;
    frame.turned(turn, limits).map(Picture::Frame)
}

/// The rows of a baseline JPEG.
struct JpegRows<'a> {
    reader: ScanlineReader<'a>,
    stop: &'a dyn Stop,
    /// Rows that were decoded together, of which `given` were asked for.
    band: Vec<u8>,
    decoded: usize,
    given: usize,
}

impl<'a> JpegRows<'a> {
    fn new(reader: ScanlineReader<'a>, stop: &'a dyn Stop) -> Self {
        let band = vec![0; reader.width() as usize * 3 * reader.luma_rows_per_mcu().max(8)];
        Self { reader, stop, band, decoded: 0, given: 0 }
    }
}

impl Rows for JpegRows<'_> {
    fn size(&self) -> (u32, u32) {
        (self.reader.width(), self.reader.height())
    }

    fn channels(&self) -> Channels {
        Channels::Rgb
    }

    fn next_row(&mut self) -> Result<&[u8]> {
        let stride = self.reader.width() as usize * 3;
        if self.given == self.decoded {
            self.stop.check()?;
            let rows = self.band.len() / stride;
            let band = ImgRefMut::new(&mut self.band, stride, rows);
            self.decoded = self.reader.read_rows_rgb8(band).map_err(damaged)?;
            self.given = 0;
            if self.decoded == 0 {
                return Err(damaged("it has too few rows"));
            }
        }
        self.given += 1;
        Ok(&self.band[(self.given - 1) * stride..][..stride])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_takes_the_smallest_eighth_that_is_large_enough() {
        let size = (2725, 2225);

        assert_eq!(eighths(size, (600, 400)), 2);
        assert_eq!(shrunk(size, 2), (682, 557));
        assert_eq!(eighths(size, (682, 558)), 3);
        assert_eq!(eighths(size, (2500, 1)), 8);
        assert_eq!(eighths(size, (0, -5)), 1);
    }

    #[test]
    fn a_file_is_cut_when_no_end_follows_its_scan() {
        let whole = b"\xFF\xD8\xFF\xE1\x00\x06\xFF\xD8\xFF\xD9\xFF\xDA\x00\x02\x11\x22\xFF\xD9";

        assert!(!is_cut(whole));
        assert!(is_cut(&whole[..whole.len() - 1]));
        assert!(is_cut(&whole[..3]));
    }
}
