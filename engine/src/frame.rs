//! One picture in memory: packed sRGB bytes, three for each pixel without alpha, four with.

use enough::Stop;

use crate::color::Rgba;
use crate::error::{Error, Kind, Result};
pub use crate::limits::{Channels, Limits, Paid};
use crate::{memory, srgb};

/// Side of the squares in which pictures are transposed, so that both sides of the copy
/// stay in the cache.
const TILE: usize = 32;

/// A picture.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    w: u32,
    h: u32,
    channels: Channels,
    px: Vec<u8>,
}

/// A rectangle inside a frame: `x1 <= x < x2`, `y1 <= y < y2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are described above")]
pub struct Rect {
    pub x1: u32,
    pub y1: u32,
    pub x2: u32,
    pub y2: u32,
}

impl Rect {
    /// Width in pixels.
    #[must_use]
    pub fn w(&self) -> u32 {
        self.x2 - self.x1
    }

    /// Height in pixels.
    #[must_use]
    pub fn h(&self) -> u32 {
        self.y2 - self.y1
    }
}

/// A turn that changes no pixel's colour: the eight EXIF orientations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it; turns are clockwise")]
pub enum Turn {
    None,
    FlipH,
    Rotate180,
    FlipV,
    Transpose,
    Rotate90,
    Transverse,
    Rotate270,
}

impl Turn {
    /// What an EXIF orientation asks for; flags that EXIF does not know ask for nothing.
    #[must_use]
    pub fn from_exif(flag: i64) -> Self {
        match flag {
            2 => Self::FlipH,
            3 => Self::Rotate180,
            4 => Self::FlipV,
            5 => Self::Transpose,
            6 => Self::Rotate90,
            7 => Self::Transverse,
            8 => Self::Rotate270,
            _ => Self::None,
        }
    }

    /// Whether width and height change places.
    #[must_use]
    pub fn swaps_sides(self) -> bool {
        matches!(self, Self::Transpose | Self::Rotate90 | Self::Transverse | Self::Rotate270)
    }

    /// The size of a picture of this size after the turn.
    #[must_use]
    pub fn size(self, (w, h): (u32, u32)) -> (u32, u32) {
        if self.swaps_sides() { (h, w) } else { (w, h) }
    }
}

impl Frame {
    /// An empty frame: black, or transparent when it has alpha.
    ///
    /// # Errors
    /// There is not enough memory.
    pub fn new(paid: &Paid) -> Result<Self> {
        let px = memory::zeros(paid.bytes())?;
        Ok(Self { w: paid.w(), h: paid.h(), channels: paid.channels(), px })
    }

    /// A frame around pixels that a codec allocated.
    ///
    /// # Errors
    /// There are not as many bytes as were paid for.
    pub fn adopt(paid: &Paid, px: Vec<u8>) -> Result<Self> {
        if px.len() != paid.bytes() {
            let text = format!("A codec gave {} bytes for {}", px.len(), paid.bytes());
            return Err(Error::new(Kind::InternalError, text));
        }
        Ok(Self { w: paid.w(), h: paid.h(), channels: paid.channels(), px })
    }

    /// A copy, against a receipt of its own.
    ///
    /// # Errors
    /// There is not enough memory.
    pub fn try_clone(&self) -> Result<Self> {
        Ok(Self { px: memory::copied(&self.px)?, ..*self })
    }

    /// Width in pixels, at least 1.
    #[must_use]
    pub fn w(&self) -> u32 {
        self.w
    }

    /// Height in pixels, at least 1.
    #[must_use]
    pub fn h(&self) -> u32 {
        self.h
    }

    /// Width and height.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        (self.w, self.h)
    }

    /// What each pixel has.
    #[must_use]
    pub fn channels(&self) -> Channels {
        self.channels
    }

    /// Whether pixels have alpha.
    #[must_use]
    pub fn has_alpha(&self) -> bool {
        self.channels == Channels::Rgba
    }

    /// The whole frame as a rectangle.
    #[must_use]
    pub fn rect(&self) -> Rect {
        Rect { x1: 0, y1: 0, x2: self.w, y2: self.h }
    }

    /// Bytes of one row.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.w as usize * self.channels.count()
    }

    /// All pixels, row after row.
    #[must_use]
    pub fn px(&self) -> &[u8] {
        &self.px
    }

    /// All pixels, row after row.
    pub fn px_mut(&mut self) -> &mut [u8] {
        &mut self.px
    }

    /// One row.
    #[must_use]
    pub fn row(&self, y: u32) -> &[u8] {
        let stride = self.stride();
        &self.px[y as usize * stride..][..stride]
    }

    /// One row.
    pub fn row_mut(&mut self, y: u32) -> &mut [u8] {
        let stride = self.stride();
        &mut self.px[y as usize * stride..][..stride]
    }

    /// All rows from the top.
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.px.chunks_exact(self.stride())
    }

    /// All rows from the top.
    pub fn rows_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut [u8]> {
        let stride = self.stride();
        self.px.chunks_exact_mut(stride)
    }

    /// The bytes of one row of *rect*, which lies inside this frame.
    #[must_use]
    pub fn part(&self, rect: Rect, y: u32) -> &[u8] {
        let n = self.channels.count();
        &self.row(rect.y1 + y)[rect.x1 as usize * n..rect.x2 as usize * n]
    }

    /// The bytes of one row of *rect*, which lies inside this frame.
    pub fn part_mut(&mut self, rect: Rect, y: u32) -> &mut [u8] {
        let n = self.channels.count();
        &mut self.row_mut(rect.y1 + y)[rect.x1 as usize * n..rect.x2 as usize * n]
    }

    /// Keep *rect*, which lies inside this frame, and give up the rest.
    pub fn crop(&mut self, rect: Rect) {
        let n = self.channels.count();
        let from = rect.y1 as usize * self.stride() + rect.x1 as usize * n;
        let (stride, kept) = (self.stride(), rect.w() as usize * n);
        for y in 0..rect.h() as usize {
            let start = from + y * stride;
            self.px.copy_within(start..start + kept, y * kept);
        }
        self.px.truncate(kept * rect.h() as usize);
        (self.w, self.h) = (rect.w(), rect.h());
    }

    /// Mirror left and right.
    pub fn flip_h(&mut self) {
        match self.channels {
            Channels::Rgb => self.rows_mut().for_each(|row| row.as_chunks_mut::<3>().0.reverse()),
            Channels::Rgba => self.rows_mut().for_each(|row| row.as_chunks_mut::<4>().0.reverse()),
        }
    }

    /// Mirror top and bottom.
    pub fn flip_v(&mut self) {
        let stride = self.stride();
        let half = self.h as usize / 2 * stride;
        let (top, bottom) = self.px.split_at_mut(half);
        for (a, b) in top.chunks_exact_mut(stride).zip(bottom.chunks_exact_mut(stride).rev()) {
            a.swap_with_slice(b);
        }
    }

    /// Turn by half a circle.
    pub fn rotate_180(&mut self) {
        match self.channels {
            Channels::Rgb => self.px.as_chunks_mut::<3>().0.reverse(),
            Channels::Rgba => self.px.as_chunks_mut::<4>().0.reverse(),
        }
    }

    /// Copy this frame into *target*, which has its sides swapped, with rows as columns.
    fn transpose_into(&self, target: &mut Frame, stop: &dyn Stop) -> Result<()> {
        match self.channels {
            Channels::Rgb => transpose(
                self.px.as_chunks::<3>().0,
                target.px.as_chunks_mut::<3>().0,
                self.w as usize,
                stop,
            ),
            Channels::Rgba => transpose(
                self.px.as_chunks::<4>().0,
                target.px.as_chunks_mut::<4>().0,
                self.w as usize,
                stop,
            ),
        }
    }

    /// This frame, turned.
    ///
    /// # Errors
    /// There is no room for a second frame, where one is needed, or the job was asked to stop.
    pub fn turned(mut self, turn: Turn, limits: &Limits, stop: &dyn Stop) -> Result<Self> {
        if turn.swaps_sides() {
            let (w, h) = turn.size(self.size());
            let mut target = Self::new(&limits.canvas(w.into(), h.into(), self.channels)?)?;
            self.transpose_into(&mut target, stop)?;
            self = target;
        }
        match turn {
            Turn::None | Turn::Transpose => {}
            Turn::FlipH | Turn::Rotate90 => self.flip_h(),
            Turn::FlipV | Turn::Rotate270 => self.flip_v(),
            Turn::Rotate180 | Turn::Transverse => self.rotate_180(),
        }
        Ok(self)
    }

    /// This frame with alpha, opaque where it had none.
    ///
    /// # Errors
    /// There is no room for a second frame, where one is needed.
    pub fn promoted(self, limits: &Limits, stop: &dyn Stop) -> Result<Self> {
        if self.has_alpha() {
            return Ok(self);
        }
        let mut target = Self::new(&limits.collected(self.w, self.h, Channels::Rgba)?)?;
        for (from, to) in self.rows().zip(target.rows_mut()) {
            stop.check()?;
            for (&[r, g, b], to) in from.as_chunks().0.iter().zip(to.as_chunks_mut::<4>().0) {
                *to = [r, g, b, 255];
            }
        }
        Ok(target)
    }

    /// Give up alpha; the colours stay as they are.
    pub fn drop_alpha(&mut self) {
        if !self.has_alpha() {
            return;
        }
        let pixels = self.w as usize * self.h as usize;
        for i in 0..pixels {
            self.px.copy_within(i * 4..i * 4 + 3, i * 3);
        }
        self.px.truncate(pixels * 3);
        self.channels = Channels::Rgb;
    }

    /// Whether every pixel is opaque.
    #[must_use]
    pub fn is_opaque(&self) -> bool {
        !self.has_alpha() || self.px.as_chunks::<4>().0.iter().all(|px| px[3] == 255)
    }

    /// Overwrite *rect*, which lies inside this frame; alpha counts only where there is one.
    pub fn fill(&mut self, rect: Rect, color: Rgba) {
        let color = [color.r, color.g, color.b, color.a];
        let n = self.channels.count();
        for y in 0..rect.h() {
            for px in self.part_mut(rect, y).chunks_exact_mut(n) {
                px.copy_from_slice(&color[..n]);
            }
        }
    }

    /// Copy *rect* of *source*, which has the same channels, so that its corner is at (x, y).
    pub fn blit(&mut self, source: &Frame, rect: Rect, x: u32, y: u32) {
        let to = Rect { x1: x, y1: y, x2: x + rect.w(), y2: y + rect.h() };
        for row in 0..rect.h() {
            self.part_mut(to, row).copy_from_slice(source.part(rect, row));
        }
    }

    /// Put this frame over *matte*, in linear light. What comes out has alpha only when
    /// the matte is not opaque.
    ///
    /// # Errors
    /// The job was asked to stop.
    pub fn matte(&mut self, matte: Rgba, stop: &dyn Stop) -> Result<()> {
        if !self.has_alpha() {
            return Ok(());
        }
        let (table, bytes) = (srgb::linear_table(), srgb::byte_table());
        let below = [matte.r, matte.g, matte.b].map(|c| table[usize::from(c)]);
        let matte_alpha = f32::from(matte.a) / 255.0;
        for (i, px) in self.px.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            if i % (1 << 16) == 0 {
                stop.check()?;
            }
            match px[3] {
                255 => {}
                0 => *px = [matte.r, matte.g, matte.b, matte.a],
                alpha => {
                    let over = f32::from(alpha) / 255.0;
                    let under = matte_alpha * (1.0 - over);
                    let sum = over + under;
                    for (c, below) in px.iter_mut().zip(below) {
                        let light = (table[usize::from(*c)] * over + below * under) / sum;
                        *c = bytes.byte(light);
                    }
                    px[3] = (sum * 255.0 + 0.5) as u8;
                }
            }
        }
        if matte.a == 255 {
            self.drop_alpha();
        }
        Ok(())
    }
}

fn transpose<P: Copy>(from: &[P], to: &mut [P], w: usize, stop: &dyn Stop) -> Result<()> {
    let h = from.len() / w;
    for y0 in (0..h).step_by(TILE) {
        stop.check()?;
        for x0 in (0..w).step_by(TILE) {
            for x in x0..(x0 + TILE).min(w) {
                let column = &mut to[x * h..(x + 1) * h];
                for y in y0..(y0 + TILE).min(h) {
                    column[y] = from[y * w + x];
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use enough::Unstoppable;

    fn frame(w: u32, h: u32, channels: Channels) -> Frame {
        let paid = Limits::default().canvas(w.into(), h.into(), channels).unwrap();
        let mut frame = Frame::new(&paid).unwrap();
        for (i, byte) in frame.px_mut().iter_mut().enumerate() {
            *byte = i as u8;
        }
        frame
    }

    /// The first byte of each pixel divided by the pixel's size: its place in the original.
    fn places(frame: &Frame) -> Vec<u8> {
        let n = frame.channels().count();
        frame.px().chunks_exact(n).map(|px| px[0] / n as u8).collect()
    }

    #[test]
    fn mirrored_rows_and_columns_change_places() {
        for channels in [Channels::Rgb, Channels::Rgba] {
            let mut across = frame(3, 2, channels);
            across.flip_h();
            assert_eq!(places(&across), [2, 1, 0, 5, 4, 3]);

            let mut down = frame(2, 3, channels);
            down.flip_v();
            assert_eq!(places(&down), [4, 5, 2, 3, 0, 1]);

            let mut round = frame(3, 2, channels);
            round.rotate_180();
            assert_eq!(places(&round), [5, 4, 3, 2, 1, 0]);
        }
    }

    #[test]
    fn a_transposed_frame_has_rows_for_columns() {
        for channels in [Channels::Rgb, Channels::Rgba] {
            let source = frame(3, 2, channels);
            let mut target = frame(2, 3, channels);

            source.transpose_into(&mut target, &Unstoppable).unwrap();

            assert_eq!(places(&target), [0, 3, 1, 4, 2, 5]);
        }
    }

    #[test]
    fn tiles_that_are_cut_off_are_transposed_too() {
        let source = frame(70, 33, Channels::Rgb);
        let (mut target, mut back) = (frame(33, 70, Channels::Rgb), frame(70, 33, Channels::Rgb));
        back.px_mut().fill(0);

        source.transpose_into(&mut target, &Unstoppable).unwrap();
        target.transpose_into(&mut back, &Unstoppable).unwrap();

        assert_eq!(back, source);
    }

    #[test]
    fn a_crop_keeps_the_rectangle() {
        let mut cropped = frame(4, 4, Channels::Rgba);

        cropped.crop(Rect { x1: 1, y1: 2, x2: 3, y2: 4 });

        assert_eq!(cropped.size(), (2, 2));
        assert_eq!(places(&cropped), [9, 10, 13, 14]);
    }

    #[test]
    fn the_matte_shows_through_in_linear_light() {
        let mut glass = frame(3, 1, Channels::Rgba);
        glass.px_mut().copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 128, 10, 20, 30, 255]);

        glass.matte(Rgba { r: 255, g: 255, b: 255, a: 255 }, &Unstoppable).unwrap();

        assert_eq!(glass.channels(), Channels::Rgb);
        assert_eq!(glass.px(), [255, 255, 255, 187, 187, 187, 10, 20, 30]);
    }

    #[test]
    fn eight_turns_put_the_corner_where_exif_wants_it() {
        let source = || frame(3, 2, Channels::Rgb);
        let turned = |flag| {
            let turned =
                source().turned(Turn::from_exif(flag), &Limits::default(), &Unstoppable).unwrap();
            (turned.w(), places(&turned))
        };

        assert_eq!(turned(1), (3, vec![0, 1, 2, 3, 4, 5]));
        assert_eq!(turned(2), (3, vec![2, 1, 0, 5, 4, 3]));
        assert_eq!(turned(3), (3, vec![5, 4, 3, 2, 1, 0]));
        assert_eq!(turned(4), (3, vec![3, 4, 5, 0, 1, 2]));
        assert_eq!(turned(5), (2, vec![0, 3, 1, 4, 2, 5]));
        assert_eq!(turned(6), (2, vec![3, 0, 4, 1, 5, 2]));
        assert_eq!(turned(7), (2, vec![5, 2, 4, 1, 3, 0]));
        assert_eq!(turned(8), (2, vec![2, 5, 1, 4, 0, 3]));
    }

    #[test]
    fn each_exif_flag_has_its_turn() {
        assert_eq!(Turn::from_exif(6), Turn::Rotate90);
        assert_eq!(Turn::from_exif(7).size((3, 2)), (2, 3));
        assert_eq!(Turn::from_exif(99), Turn::None);
    }
}
