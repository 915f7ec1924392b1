//! JPEG: as libjpeg decodes it, or by zenjpeg's rows where it is large and nothing special.

mod band;
mod draw;
mod eighths;
mod head;
mod inks;
mod lazy;
mod planes;
mod scan;
mod smooth;
mod whole;

use std::borrow::Cow;

use enough::Stop;
use zenjpeg::decoder::Decoder;

use super::colour::{self, Profile};
use super::{Commands, Format, Header, JpegHint, exif, malformed};
use crate::error::{Error, Result};
use crate::frame::{Channels, Turn};
use crate::limits::Limits;
use crate::rows::{Picture, Rows};
use draw::Drawn;
use head::{Markers, Space};
use whole::Whole;

/// Pixels from which on zenjpeg decodes what is sound, in a third of the time.
const MANY: u64 = 1 << 16;

fn damaged(error: impl std::fmt::Display) -> Error {
    malformed(Format::Jpeg, error)
}

/// A decoder without opinions: sizes are checked by us, and turned afterwards.
fn decoder() -> Decoder {
    Decoder::new().auto_orient(false).num_threads(1).max_pixels(u64::MAX).max_memory(u64::MAX)
}

fn turn(markers: &Markers<'_>) -> Turn {
    Turn::from_exif(markers.exif.and_then(exif::orientation).unwrap_or(1).into())
}

/// Eighths of a size at which it is decoded.
fn eighths(size: (u32, u32), commands: &Commands) -> u32 {
    commands.jpeg_hint.map_or(8, |hint| eighths::enough(size, (hint.w, hint.h)))
}

/// See [`super::header`].
pub fn header(bytes: &[u8]) -> Result<Header> {
    let bytes = head::with_end(bytes);
    let markers = Markers::new(&bytes)?;
    let (w, h) = turn(&markers).size(markers.size);
    Ok(Header { w, h, alpha: false, lossless: false, animated: false })
}

/// See [`super::scaled_size`].
pub fn scaled_size(bytes: &[u8], commands: &Commands) -> Result<(u32, u32)> {
    let bytes = head::with_end(bytes);
    let markers = Markers::new(&bytes)?;
    let eighths = eighths(markers.size, commands);
    Ok(turn(&markers).size(eighths::size(markers.size, eighths)))
}

/// See [`super::still`].
pub fn open<'a>(
    bytes: &'a [u8],
    commands: &Commands,
    limits: &'a Limits,
    stop: &'a dyn Stop,
) -> Result<Picture<'a>> {
    let ended = head::with_end(bytes);
    let mut markers = Markers::new(&ended)?;
    let size = markers.size;
    limits.check_source(size.0, size.1, 1)?;
    let eighths = eighths(size, commands);
    let (w, h) = eighths::size(size, eighths);
    limits.decoded(w, h, Channels::Rgb)?;
    let turn = turn(&markers);
    let plain = Plain { size, eighths, hint: commands.jpeg_hint };
    let picture = if is_usual_with_many_pixels(&markers) && matches!(ended, Cow::Borrowed(_)) {
        let rows = Box::new(lazy::LazyRows::new(bytes, plain, stop));
        in_srgb(Picture::Rows(rows), &markers, commands)?
    } else {
        let rows = plain.drawn(&mut markers, stop)?;
        if matches!(markers.space()?, Space::Cmyk | Space::Ycck) {
            Picture::Frame(inks::in_srgb(rows, &markers, commands, limits, stop)?)
        } else {
            in_srgb(Picture::Rows(Box::new(rows)), &markers, commands)?
        }
    };
    if turn == Turn::None {
        return Ok(picture);
    }
    picture.into_frame(limits, stop)?.turned(turn, limits, stop).map(Picture::Frame)
}

/// What no other decoder than that which is quick at it has to be asked for.
fn is_usual_with_many_pixels(markers: &Markers<'_>) -> bool {
    let (w, h) = markers.size;
    let blocks: Vec<_> = markers.components.iter().map(|component| component.blocks).collect();
    let usual = matches!(
        (blocks.as_slice(), markers.space()),
        ([(1, 1)], _) | ([(1 | 2, 1 | 2), (1, 1), (1, 1)], Ok(Space::YCbCr))
    );
    let one_scan = markers.scan.parts.len() == blocks.len() && !markers.progressive;
    usual && one_scan && !markers.arithmetic && u64::from(w) * u64::from(h) >= MANY
}

/// A profile of greys says nothing of colours.
fn in_srgb<'a>(
    picture: Picture<'a>,
    markers: &Markers<'_>,
    commands: &Commands,
) -> Result<Picture<'a>> {
    let is_grey = markers.space()? == Space::Grey;
    let profile = markers.profile().filter(|icc| is_grey || icc.get(16..20) != Some(b"GRAY"));
    colour::to_srgb(picture, profile.map_or(Profile::Srgb, Profile::Icc), commands)
}

/// What decoding has to know.
#[derive(Clone, Copy, Debug)]
struct Plain {
    /// The full size.
    size: (u32, u32),
    eighths: u32,
    hint: Option<JpegHint>,
}

impl Plain {
    /// The picture as libjpeg decodes it.
    fn drawn(self, markers: &mut Markers<'_>, stop: &dyn Stop) -> Result<DrawnRows> {
        let whole = Whole::read(markers, stop)?;
        let drawn = Drawn::new(markers, whole, self.eighths, self.hint, stop)?;
        let size = eighths::size(self.size, self.eighths);
        Ok(DrawnRows { drawn, size, next: 0, row: vec![0; size.0 as usize * 3] })
    }
}

/// The rows of a drawn picture in RGB.
struct DrawnRows {
    drawn: Drawn,
    size: (u32, u32),
    next: u32,
    row: Vec<u8>,
}

impl Rows for DrawnRows {
    fn size(&self) -> (u32, u32) {
        self.size
    }

    fn channels(&self) -> Channels {
        Channels::Rgb
    }

    fn next_row(&mut self) -> Result<&[u8]> {
        self.drawn.row(self.next, &mut self.row);
        self.next += 1;
        Ok(&self.row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::collect;
    use enough::Unstoppable;
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

    const SIZE: (u16, u16) = (75, 50);

    /// Soft blobs and an edge.
    fn scene() -> Vec<u8> {
        let pixel = |i: u32| {
            let (x, y) = (i % u32::from(SIZE.0), i / u32::from(SIZE.0));
            let soft = ((x as f32 / 9.0).sin() + (y as f32 / 7.0).cos()) * 50.0 + 120.0;
            let edge = if x > y { 30.0 } else { 0.0 };
            [soft + edge, soft, 255.0 - soft].map(|v| v as u8)
        };
        (0..u32::from(SIZE.0) * u32::from(SIZE.1)).flat_map(pixel).collect()
    }

    fn file(sampling: SamplingFactor, progressive: bool, restart: u16) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 90);
        encoder.set_sampling_factor(sampling);
        encoder.set_progressive(progressive);
        if restart > 0 {
            encoder.set_restart_interval(restart);
        }
        encoder.encode(&scene(), SIZE.0, SIZE.1, ColorType::Rgb).unwrap();
        bytes
    }

    fn decoded(bytes: &[u8]) -> Result<Vec<u8>> {
        let limits = Limits::default();
        let picture = open(bytes, &Commands::default(), &limits, &Unstoppable)?;
        Ok(picture.into_frame(&limits, &Unstoppable)?.px().to_vec())
    }

    #[test]
    fn scans_that_refine_each_other_give_the_same_picture() {
        for sampling in [SamplingFactor::R_4_4_4, SamplingFactor::R_4_2_0] {
            let whole = decoded(&file(sampling, false, 0)).unwrap();

            assert!(decoded(&file(sampling, true, 0)).unwrap() == whole);
            assert!(decoded(&file(sampling, false, 3)).unwrap() == whole);
            assert!(decoded(&file(sampling, true, 2)).unwrap() == whole);
        }
    }

    #[test]
    fn a_picture_is_what_zenjpeg_makes_of_it() {
        use SamplingFactor::{R_4_1_1, R_4_2_0, R_4_2_2, R_4_4_0, R_4_4_4};
        for sampling in [R_4_4_4, R_4_2_2, R_4_4_0, R_4_2_0, R_4_1_1] {
            let bytes = file(sampling, false, 0);
            let other = decoder().decode(&bytes, Unstoppable).unwrap().into_pixels_u8().unwrap();
            let ours = decoded(&bytes).unwrap();

            let off = |(a, b): (&u8, &u8)| u32::from(a.abs_diff(*b));
            let mean = ours.iter().zip(&other).map(off).sum::<u32>() as f32 / ours.len() as f32;
            assert!(mean < 0.6, "{sampling:?}: {mean}");
        }
    }

    #[test]
    fn what_is_cut_off_is_grey_and_the_rest_is_as_it_was() {
        let bytes = file(SamplingFactor::R_4_4_4, false, 0);
        let whole = decoded(&bytes).unwrap();
        let cut = decoded(&bytes[..bytes.len() / 2 + 200]).unwrap();

        assert!(cut[..75 * 3 * 8] == whole[..75 * 3 * 8]);
        assert!(cut[cut.len() - 3..] == [128; 3]);
    }

    #[test]
    fn scans_that_are_missing_are_guessed_as_libjpeg_guesses_them() {
        let limits = Limits::default();
        let bytes = file(SamplingFactor::R_4_2_0, true, 0);
        let scans: Vec<usize> =
            (0..bytes.len()).filter(|&at| bytes[at..].starts_with(&[0xFF, 0xDA])).collect();
        // What the official engine makes of row 20 and row 45: of the means alone, of those and
        // half of the brightness's first waves, and at half the size.
        let below = [196, 221, 219, 180, 132, 114, 140, 185, 221];
        let official = [
            (scans[3], 8, [[90, 113, 113, 79, 34, 15, 37, 81, 115], below]),
            (scans[3] + 242, 8, [[95, 118, 112, 84, 42, 25, 45, 86, 119], below]),
            (
                scans[3],
                4,
                [
                    [89, 111, 114, 81, 36, 15, 34, 76, 113],
                    [196, 219, 220, 182, 135, 114, 137, 182, 219],
                ],
            ),
            // Nothing is guessed before all components have their means.
            (
                scans[1],
                8,
                [
                    [101, 123, 122, 99, 69, 59, 76, 108, 131],
                    [172, 194, 188, 161, 131, 125, 147, 179, 202],
                ],
            ),
        ];
        for (end, eighths, levels) in official {
            let hint = JpegHint { w: 75 * eighths / 8, h: 25, spatial: false, linear: false };
            let jpeg_hint = (eighths < 8).then_some(hint);
            let commands = Commands { jpeg_hint, ..Commands::default() };
            let picture = open(&bytes[..end], &commands, &limits, &Unstoppable).unwrap();
            let frame = picture.into_frame(&limits, &Unstoppable).unwrap();
            let eighths = eighths as usize;
            for (y, levels) in [20, 45].into_iter().zip(levels) {
                let row = frame.row((y * eighths / 8) as u32);
                for (x, level) in (0..9).map(|i| i * 8 + 3).zip(levels) {
                    let ours = row[x * eighths / 8 * 3 + 1];
                    assert!(ours.abs_diff(level) <= 2, "{end}, {x} {y}: {ours} {level}");
                }
            }
        }
    }

    #[test]
    fn damaged_scans_come_to_an_end_and_to_a_picture() {
        for progressive in [false, true] {
            let bytes = file(SamplingFactor::R_4_2_0, progressive, 2);
            let start = bytes.windows(2).position(|two| two == [0xFF, 0xDA]).unwrap() + 14;
            for end in (start..bytes.len()).step_by(7) {
                // Cut inside of a table it is an error, as in libjpeg.
                assert!(decoded(&bytes[..end]).is_ok() || progressive, "cut after {end}");
            }
        }
    }

    #[test]
    fn scans_beyond_number_are_not_read() {
        let mut bytes = file(SamplingFactor::R_4_2_0, true, 0);
        bytes.truncate(bytes.len() - 2);
        let scans: Vec<usize> =
            (0..bytes.len()).filter(|&at| bytes[at..].starts_with(&[0xFF, 0xDA])).collect();
        let last = bytes[scans[scans.len() - 1]..].to_vec();
        bytes.extend(last.repeat(500 - scans.len()));
        assert!(decoded(&bytes).is_ok());

        bytes.extend(last);

        let error = decoded(&bytes).unwrap_err();
        assert!(error.to_string().contains("more than 500 scans"), "{error}");
    }

    #[test]
    fn a_large_picture_goes_on_where_zenjpeg_gives_up() {
        let (w, h) = (1200u16, 900u16);
        let pixels: Vec<u8> = (0..u32::from(w) * u32::from(h)).map(|i| (i / 97) as u8).collect();
        let mut bytes = Vec::new();
        Encoder::new(&mut bytes, 90).encode(&pixels, w, h, ColorType::Luma).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 40].fill(0xFE); // no codes

        assert_eq!(decoded(&bytes).unwrap().len(), 1200 * 900 * 3);
    }

    #[test]
    fn grey_has_as_many_blocks_as_it_needs_whatever_its_sampling() {
        let mut bytes = Vec::new();
        let grey: Vec<u8> = scene().into_iter().step_by(3).collect();
        Encoder::new(&mut bytes, 90).encode(&grey, SIZE.0, SIZE.1, ColorType::Luma).unwrap();
        let whole = decoded(&bytes).unwrap();
        let frame = bytes.windows(2).position(|two| two == [0xFF, 0xC0]).unwrap();

        bytes[frame + 11] = 0x22;

        assert!(decoded(&bytes).unwrap() == whole);
    }

    #[test]
    fn a_picture_is_shrunk_without_its_edges_being_lost() {
        let limits = Limits::default();
        let bytes = file(SamplingFactor::R_4_2_0, true, 0);
        for eighths in [1, 2, 3, 4, 5, 6] {
            for (spatial, linear) in [(false, false), (true, false), (true, true)] {
                let (w, h) = eighths::size((75, 50), eighths);
                let hint = JpegHint { w: w.into(), h: h.into(), spatial, linear };
                let commands = Commands { jpeg_hint: Some(hint), ..Commands::default() };
                let picture = open(&bytes, &commands, &limits, &Unstoppable).unwrap();
                assert_eq!(picture.size(), (w, h));

                let frame = collect(&mut *picture.into_rows(), &limits, &Unstoppable).unwrap();
                let blue = frame.row(h / 2)[2];
                let full = scene()[(25 * 75) * 3 + 2];
                assert!(blue.abs_diff(full) < 40, "{eighths}/8 {hint:?}: {blue} {full}");
            }
        }
    }
}
