//! GIF, by the `gif` crate: every frame whole and with a palette of its own.
//!
//! The steps are those of the crate, which cannot be stopped.

use std::collections::BTreeSet;

use color_quant::NeuQuant;
use enough::Stop;
use gif::{DisposalMethod, Encoder, Frame as GifFrame, Repeat};
use weezl::{BitOrder, LzwStatus};

use super::failed;
use crate::decode::Format;
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::memory;

/// Alpha below this becomes transparent, all else opaque.
const OPAQUE_FROM: u8 = 16;

/// A palette is learned from so many pixels, or a few less. Upstream takes all.
const LEARNED: usize = 1 << 18;

/// Pixels that are worked on between two looks at whether to stop.
const PART: usize = 1 << 16;

type Pixel = [u8; 4];

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
    /// The first frame, which comes behind the last one again.
    first: Option<Cover>,
    /// The last frame. Whether it must go is known when the next one is.
    held: Option<Held>,
}

/// What a frame hides of the one before: its own rectangle, unless it has clear pixels.
#[derive(Clone, Copy)]
struct Cover {
    w: u16,
    h: u16,
    clear: bool,
}

/// A frame that was not written yet.
struct Held {
    frame: GifFrame<'static>,
    /// The index of clear pixels. If there are none, one that no pixel has.
    clear: Option<u8>,
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
        Ok(Self { encoder, size, first: None, held: None })
    }

    /// Width and height of the last frame, or of the screen. Where each frame was trimmed by
    /// itself they differ, and upstream tells the last one's.
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
        let rgba = rgba(frame, stop)?;
        let pixels = rgba.as_chunks().0;
        let palette = Palette::of(pixels, stop)?;
        let indices = palette.indices(pixels, stop)?;
        let transparent = palette.clear.then(|| palette.index(CLEAR));
        let clear = match transparent {
            Some(_) => transparent,
            None => unused(&indices, stop)?,
        };
        let (width, height) = (side(frame.w())?, side(frame.h())?);
        let cover = Cover { w: width, h: height, clear: palette.clear };
        let frame = GifFrame {
            width,
            height,
            delay,
            transparent,
            palette: Some(palette.rgb()),
            buffer: compressed(&indices, stop)?.into(),
            ..GifFrame::default()
        };
        self.first.get_or_insert(cover);
        match self.held.replace(Held { frame, clear }) {
            Some(before) => self.put(before, cover),
            None => Ok(()),
        }
    }

    /// Write a frame. It must not be seen through or beside the *next* one.
    fn put(&mut self, Held { mut frame, clear }: Held, next: Cover) -> Result<()> {
        if next.clear || next.w < frame.width || next.h < frame.height {
            frame.dispose = DisposalMethod::Background;
            // Some viewers leave a colour behind where a frame has no clear index.
            frame.transparent = clear;
            if let (Some(index), Some(palette)) = (clear, &mut frame.palette) {
                palette.resize(palette.len().max(3 * (usize::from(index) + 1)), 0);
            }
        }
        self.encoder.write_lzw_pre_encoded_frame(&frame).map_err(refused)
    }

    /// The file.
    ///
    /// # Errors
    /// The last frame could not be written, or the trailer.
    pub fn finish(mut self) -> Result<Vec<u8>> {
        if let (Some(last), Some(first)) = (self.held.take(), self.first) {
            self.put(last, first)?;
        }
        self.encoder.into_inner().map_err(refused)
    }
}

/// What all pixels are that are not opaque.
const CLEAR: Pixel = [0; 4];

/// The frame's pixels with alpha that is either 0 or 255.
fn rgba(frame: &Frame, stop: &dyn Stop) -> Result<Vec<u8>> {
    if !frame.has_alpha() {
        return frame.mapped(stop, |[r, g, b]| [r, g, b, 255]);
    }
    frame.mapped(stop, |[r, g, b, a]| if a < OPAQUE_FROM { CLEAR } else { [r, g, b, 255] })
}

/// At most 256 colours.
struct Palette {
    /// Whether one of them is that of clear pixels.
    clear: bool,
    colors: Colors,
}

enum Colors {
    /// All that there are, in order.
    All(Vec<Pixel>),
    Learned(Box<NeuQuant>),
}

impl Palette {
    fn of(pixels: &[Pixel], stop: &dyn Stop) -> Result<Self> {
        let (mut clear, mut colors) = (false, BTreeSet::new());
        for part in pixels.chunks(PART) {
            stop.check()?;
            clear |= part.contains(&CLEAR);
            if colors.len() <= 256 {
                colors.extend(part.chunk_by(|a, b| a == b).map(|same| same[0]));
            }
        }
        let colors = match colors.len() {
            ..=256 => Colors::All(colors.into_iter().collect()),
            _ => Colors::Learned(Box::new(NeuQuant::new(1, 256, &sample(pixels, stop)?))),
        };
        Ok(Self { clear, colors })
    }

    fn rgb(&self) -> Vec<u8> {
        match &self.colors {
            Colors::All(colors) => colors.iter().flat_map(|&[r, g, b, _]| [r, g, b]).collect(),
            Colors::Learned(network) => network.color_map_rgb(),
        }
    }

    fn index(&self, pixel: Pixel) -> u8 {
        match &self.colors {
            Colors::All(colors) => colors.binary_search(&pixel).unwrap_or(0) as u8,
            Colors::Learned(network) => network.index_of(&pixel) as u8,
        }
    }

    /// The index of each pixel. Colours come again, so what was found is kept a while.
    fn indices(&self, pixels: &[Pixel], stop: &dyn Stop) -> Result<Vec<u8>> {
        let mut known = vec![(CLEAR, self.index(CLEAR)); 1 << 14];
        let mut indices = memory::reserved(pixels.len())?;
        for part in pixels.chunks(PART) {
            stop.check()?;
            indices.extend(part.iter().map(|&pixel| {
                let place = u32::from_le_bytes(pixel).wrapping_mul(0x9E37_79B1) >> 18;
                let found = &mut known[place as usize];
                if found.0 != pixel {
                    *found = (pixel, self.index(pixel));
                }
                found.1
            }));
        }
        Ok(indices)
    }
}

/// The lowest index that no pixel has.
fn unused(indices: &[u8], stop: &dyn Stop) -> Result<Option<u8>> {
    let mut used = [false; 256];
    for part in indices.chunks(PART) {
        stop.check()?;
        part.iter().for_each(|&index| used[usize::from(index)] = true);
    }
    Ok((0..=255).find(|&index: &u8| !used[usize::from(index)]))
}

/// What a palette is learned from: some pixels of all columns.
fn sample(pixels: &[Pixel], stop: &dyn Stop) -> Result<Vec<u8>> {
    // A prime, so that it seldom divides a width.
    let step = match pixels.len().div_ceil(LEARNED) {
        1 => 1,
        least => (least..).find(|&n| (2..n).all(|k| n % k > 0)).unwrap_or(least),
    };
    let mut sample = Vec::with_capacity(pixels.len().div_ceil(step) * 4);
    for part in pixels.chunks(PART * step) {
        stop.check()?;
        sample.extend(part.iter().step_by(step).flatten());
    }
    Ok(sample)
}

/// Indices as the format compresses them, behind the size of the first codes.
fn compressed(indices: &[u8], stop: &dyn Stop) -> Result<Vec<u8>> {
    let largest = indices.chunks(PART).try_fold(0, |largest, part| {
        stop.check()?;
        Ok::<_, Error>(part.iter().copied().fold(largest, u8::max))
    })?;
    let code_size = (u32::from(largest) + 1).max(4).next_power_of_two().trailing_zeros() as u8;
    let mut encoder = weezl::encode::Encoder::new(BitOrder::Lsb, code_size);
    let mut bytes = vec![code_size];
    let (mut left, mut room) = (indices, vec![0; PART]);
    loop {
        stop.check()?;
        let part = &left[..left.len().min(PART)];
        if part.len() == left.len() {
            encoder.finish();
        }
        let done = encoder.encode_bytes(part, &mut room);
        left = &left[done.consumed_in..];
        bytes.extend_from_slice(&room[..done.consumed_out]);
        if let LzwStatus::Done = done.status.map_err(refused)? {
            return Ok(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use enough::Unstoppable;

    use super::*;
    use crate::decode::gif::Reader;
    use crate::frame::Channels;
    use crate::limits::Limits;

    fn frame(w: u32, h: u32, pixel: impl Fn(u32, u32) -> Pixel) -> Frame {
        let paid = Limits::default().canvas(w.into(), h.into(), Channels::Rgba).unwrap();
        Frame::by_rows(&paid, &Unstoppable, |y, row| {
            for (x, px) in (0..).zip(row.as_chunks_mut::<4>().0) {
                *px = pixel(x, y);
            }
            Ok(())
        })
        .unwrap()
    }

    /// What a decoder sees of a frame that was written.
    fn seen(frame: &Frame) -> Vec<u8> {
        let mut writer = Writer::new(frame.size(), false).unwrap();
        writer.write(frame, 0, &Unstoppable).unwrap();
        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::RGBA);
        let file = writer.finish().unwrap();
        let mut reader = options.read_info(file.as_slice()).unwrap();
        reader.read_next_frame().unwrap().unwrap().buffer.to_vec()
    }

    const RED: Pixel = [255, 0, 0, 255];

    fn plain(w: u32, h: u32) -> Frame {
        frame(w, h, |_, _| RED)
    }

    fn animation(frames: &[Frame]) -> Vec<u8> {
        let mut writer = Writer::new(frames[0].size(), true).unwrap();
        frames.iter().for_each(|frame| writer.write(frame, 1, &Unstoppable).unwrap());
        writer.finish().unwrap()
    }

    /// What is done with each frame when its time is over, and its clear index.
    fn ends(frames: &[Frame]) -> Vec<(DisposalMethod, Option<u8>)> {
        let file = animation(frames);
        let mut reader = gif::DecodeOptions::new().read_info(file.as_slice()).unwrap();
        let mut ends = Vec::new();
        while let Some(frame) = reader.read_next_frame().unwrap() {
            ends.push((frame.dispose, frame.transparent));
        }
        ends
    }

    #[test]
    fn no_frame_is_seen_through_the_clear_pixels_of_the_next() {
        let hole = |x, y| if (x, y) == (1, 1) { CLEAR } else { RED };
        let frames = [plain(3, 3), frame(3, 3, hole), plain(3, 3), plain(3, 3), frame(3, 3, hole)];
        let file = animation(&frames);

        let limits = Limits::default();
        let mut reader = Reader::new(&file, &limits, &Unstoppable).unwrap();
        for frame in frames {
            assert_eq!(reader.next_shot().unwrap().unwrap().frame.px(), frame.px());
        }
    }

    #[test]
    fn no_frame_is_seen_beside_a_smaller_one() {
        let file = animation(&[plain(3, 3), plain(2, 3), plain(3, 2)]);

        let limits = Limits::default();
        let mut reader = Reader::new(&file, &limits, &Unstoppable).unwrap();
        let mut red = |_| {
            let shot = reader.next_shot().unwrap().unwrap();
            shot.frame.px().as_chunks().0.iter().filter(|px| **px == RED).count()
        };
        assert_eq!([0; 3].map(&mut red), [9, 6, 6]);
    }

    #[test]
    fn a_frame_goes_only_if_the_next_one_does_not_hide_it() {
        use DisposalMethod::{Background, Keep};
        let clear = || frame(3, 3, |_, _| CLEAR);

        let gone =
            |frames: &[Frame]| ends(frames).into_iter().map(|(end, _)| end).collect::<Vec<_>>();
        assert_eq!(gone(&[plain(3, 3), plain(3, 3)]), [Keep, Keep]);
        assert_eq!(gone(&[plain(3, 3), clear()]), [Background, Keep]);
        assert_eq!(gone(&[clear(), plain(3, 3)]), [Keep, Background], "the first comes again");
        assert_eq!(gone(&[plain(3, 3), plain(4, 2)]), [Background, Background]);
    }

    #[test]
    fn a_frame_that_goes_has_a_clear_index_if_one_is_left() {
        let clear = || frame(16, 16, |_, _| CLEAR);
        let all = frame(16, 16, |x, y| [(16 * y + x) as u8, 0, 0, 255]);

        let index = |frame| ends(&[frame, clear()])[0].1;
        assert_eq!(index(plain(16, 16)), Some(1));
        assert_eq!(index(all), None);
        assert_eq!(ends(&[plain(3, 3), plain(3, 3)])[0].1, None);
    }

    #[test]
    fn a_picture_of_256_colours_keeps_each_of_them() {
        let few = frame(300, 700, |x, y| match x {
            0 => CLEAR,
            _ => [(x % 255) as u8, 9, (y / 700) as u8, 255],
        });

        assert!(seen(&few) == few.px());
    }

    #[test]
    fn a_palette_learned_from_a_part_of_the_pixels_is_near_to_all() {
        let many = frame(1024, 600, |x, y| [(x / 4) as u8, (y / 4) as u8, 77, 255]);

        let apart = |(a, b): (&u8, &u8)| u64::from(a.abs_diff(*b));
        let far: u64 = seen(&many).iter().zip(many.px()).map(apart).sum();

        assert!(far < 4 * many.px().len() as u64, "{far}");
    }
}
