//! One picture in memory: packed sRGB bytes, three for each pixel without alpha, four with.

use enough::Stop;

use crate::color::Rgba;
use crate::error::{Error, Kind, Result};
pub use crate::limits::{Channels, Limits, Paid};
use crate::{memory, srgb};

/// Bytes of a new frame that are cleared between two looks at whether to stop: most of the
/// time goes into the system's pages.
const STEP: usize = 1 << 20;

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
    /// There is not enough memory, or the job was asked to stop.
    pub fn new(paid: &Paid, stop: &dyn Stop) -> Result<Self> {
        Self::by_bands(paid, paid.h() as usize, stop, |_, _| Ok(()))
    }

    /// A frame whose rows *make* fills in, from the top.
    ///
    /// # Errors
    /// There is not enough memory, *make* failed, or the job was asked to stop.
    pub fn by_rows(
        paid: &Paid,
        stop: &dyn Stop,
        mut make: impl FnMut(u32, &mut [u8]) -> Result<()>,
    ) -> Result<Self> {
        Self::by_bands(paid, 1, stop, |y, row| make(y as u32, row))
    }

    /// A frame of which *make* fills in so many *rows* at a time.
    fn by_bands(
        paid: &Paid,
        rows: usize,
        stop: &dyn Stop,
        mut make: impl FnMut(usize, &mut [u8]) -> Result<()>,
    ) -> Result<Self> {
        let (h, stride) = (paid.h() as usize, paid.w() as usize * paid.channels().count());
        let mut px = memory::reserved(paid.bytes())?;
        for y in (0..h).step_by(rows) {
            let (start, end) = (px.len(), (y + rows).min(h) * stride);
            while px.len() < end {
                stop.check()?;
                px.resize((px.len() + STEP).min(end), 0);
            }
            make(y, &mut px[start..])?;
        }
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
    /// There is not enough memory, or the job was asked to stop.
    pub fn try_clone(&self, stop: &dyn Stop) -> Result<Self> {
        let mut px = memory::reserved(self.px.len())?;
        for part in self.px.chunks(STEP) {
            stop.check()?;
            px.extend_from_slice(part);
        }
        Ok(Self { px, ..*self })
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
    ///
    /// # Errors
    /// The job was asked to stop.
    pub fn crop(&mut self, rect: Rect, stop: &dyn Stop) -> Result<()> {
        let n = self.channels.count();
        let from = rect.y1 as usize * self.stride() + rect.x1 as usize * n;
        let (stride, kept) = (self.stride(), rect.w() as usize * n);
        for y in 0..rect.h() as usize {
            stop.check()?;
            let start = from + y * stride;
            self.px.copy_within(start..start + kept, y * kept);
        }
        self.px.truncate(kept * rect.h() as usize);
        (self.w, self.h) = (rect.w(), rect.h());
        Ok(())
    }

    /// Mirror left and right.
    fn flip_h(&mut self, stop: &dyn Stop) -> Result<()> {
        let channels = self.channels;
        self.rows_mut().try_for_each(|row| {
            stop.check()?;
            match channels {
                Channels::Rgb => row.as_chunks_mut::<3>().0.reverse(),
                Channels::Rgba => row.as_chunks_mut::<4>().0.reverse(),
            }
            Ok(())
        })
    }

    /// Mirror top and bottom.
    fn flip_v(&mut self, stop: &dyn Stop) -> Result<()> {
        let stride = self.stride();
        let half = self.h as usize / 2 * stride;
        let (top, bottom) = self.px.split_at_mut(half);
        let pairs = top.chunks_exact_mut(stride).zip(bottom.chunks_exact_mut(stride).rev());
        for (a, b) in pairs {
            stop.check()?;
            a.swap_with_slice(b);
        }
        Ok(())
    }

    /// This frame with rows as columns.
    fn transposed(&self, limits: &Limits, stop: &dyn Stop) -> Result<Self> {
        let paid = limits.canvas(self.h.into(), self.w.into(), self.channels)?;
        let w = self.w as usize;
        Self::by_bands(&paid, TILE, stop, |x, band| match self.channels {
            Channels::Rgb => {
                transpose(self.px.as_chunks::<3>().0, w, x, band.as_chunks_mut().0, stop)
            }
            Channels::Rgba => {
                transpose(self.px.as_chunks::<4>().0, w, x, band.as_chunks_mut().0, stop)
            }
        })
    }

    /// This frame, turned.
    ///
    /// # Errors
    /// There is no room for a second frame, where one is needed, or the job was asked to stop.
    pub fn turned(mut self, turn: Turn, limits: &Limits, stop: &dyn Stop) -> Result<Self> {
        if turn.swaps_sides() {
            self = self.transposed(limits, stop)?;
        }
        if matches!(turn, Turn::FlipH | Turn::Rotate90 | Turn::Rotate180 | Turn::Transverse) {
            self.flip_h(stop)?;
        }
        if matches!(turn, Turn::FlipV | Turn::Rotate270 | Turn::Rotate180 | Turn::Transverse) {
            self.flip_v(stop)?;
        }
        Ok(self)
    }

    /// This frame with alpha, opaque where it had none.
    ///
    /// # Errors
    /// There is no room for a second frame, where one is needed, or the job was asked to stop.
    pub fn promoted(self, limits: &Limits, stop: &dyn Stop) -> Result<Self> {
        if self.has_alpha() {
            return Ok(self);
        }
        let paid = limits.collected(self.w, self.h, Channels::Rgba)?;
        Self::by_rows(&paid, stop, |y, to| {
            add_alpha(self.row(y), to);
            Ok(())
        })
    }

    /// What *each* makes of every pixel, one after the other.
    ///
    /// # Errors
    /// There is not enough memory, or the job was asked to stop.
    pub fn mapped<const FROM: usize, const TO: usize>(
        &self,
        stop: &dyn Stop,
        each: impl Fn([u8; FROM]) -> [u8; TO],
    ) -> Result<Vec<u8>> {
        let mut all = memory::reserved(self.px.len() / FROM * TO)?;
        for row in self.rows() {
            stop.check()?;
            all.extend(row.as_chunks().0.iter().flat_map(|px| each(*px)));
        }
        Ok(all)
    }

    /// Give up alpha; the colours stay as they are.
    ///
    /// # Errors
    /// The job was asked to stop.
    pub fn drop_alpha(&mut self, stop: &dyn Stop) -> Result<()> {
        if !self.has_alpha() {
            return Ok(());
        }
        let (w, h) = (self.w as usize, self.h as usize);
        for y in 0..h {
            stop.check()?;
            for i in y * w..(y + 1) * w {
                self.px.copy_within(i * 4..i * 4 + 3, i * 3);
            }
        }
        self.px.truncate(w * h * 3);
        self.channels = Channels::Rgb;
        Ok(())
    }

    /// Whether every pixel is opaque.
    ///
    /// # Errors
    /// The job was asked to stop.
    pub fn is_opaque(&self, stop: &dyn Stop) -> Result<bool> {
        for row in self.rows().filter(|_| self.has_alpha()) {
            stop.check()?;
            if row.as_chunks::<4>().0.iter().any(|px| px[3] < 255) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Overwrite *rect*, which lies inside this frame; alpha counts only where there is one.
    ///
    /// # Errors
    /// The job was asked to stop.
    pub fn fill(&mut self, rect: Rect, color: Rgba, stop: &dyn Stop) -> Result<()> {
        let color = [color.r, color.g, color.b, color.a];
        let n = self.channels.count();
        for y in 0..rect.h() {
            stop.check()?;
            for px in self.part_mut(rect, y).chunks_exact_mut(n) {
                px.copy_from_slice(&color[..n]);
            }
        }
        Ok(())
    }

    /// Copy *rect* of *source*, which has the same channels, so that its corner is at (x, y).
    ///
    /// # Errors
    /// The job was asked to stop.
    pub fn blit(
        &mut self,
        source: &Frame,
        rect: Rect,
        (x, y): (u32, u32),
        stop: &dyn Stop,
    ) -> Result<()> {
        let to = Rect { x1: x, y1: y, x2: x + rect.w(), y2: y + rect.h() };
        for row in 0..rect.h() {
            stop.check()?;
            self.part_mut(to, row).copy_from_slice(source.part(rect, row));
        }
        Ok(())
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
        if matte.a == 255 { self.drop_alpha(stop) } else { Ok(()) }
    }
}

/// Opaque pixels of three bytes as pixels of four.
pub fn add_alpha(from: &[u8], to: &mut [u8]) {
    for (&[r, g, b], to) in from.as_chunks().0.iter().zip(to.as_chunks_mut::<4>().0) {
        *to = [r, g, b, 255];
    }
}

/// Write columns of a picture *w* pixels wide, from the one at *x* on, as the rows of *band*.
fn transpose<P: Copy>(
    from: &[P],
    w: usize,
    x: usize,
    band: &mut [P],
    stop: &dyn Stop,
) -> Result<()> {
    let h = from.len() / w;
    for y0 in (0..h).step_by(TILE) {
        stop.check()?;
        let y1 = (y0 + TILE).min(h);
        for (x, row) in (x..).zip(band.chunks_exact_mut(h)) {
            for (to, from) in row[y0..y1].iter_mut().zip(from[y0 * w + x..].iter().step_by(w)) {
                *to = *from;
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
        let mut frame = Frame::new(&paid, &Unstoppable).unwrap();
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
            across.flip_h(&Unstoppable).unwrap();
            assert_eq!(places(&across), [2, 1, 0, 5, 4, 3]);

            let mut down = frame(2, 3, channels);
            down.flip_v(&Unstoppable).unwrap();
            assert_eq!(places(&down), [4, 5, 2, 3, 0, 1]);
        }
    }

    #[test]
    fn a_transposed_frame_has_rows_for_columns() {
        for channels in [Channels::Rgb, Channels::Rgba] {
            let target =
                frame(3, 2, channels).transposed(&Limits::default(), &Unstoppable).unwrap();

            assert_eq!(places(&target), [0, 3, 1, 4, 2, 5]);
        }
    }

    #[test]
    fn tiles_that_are_cut_off_are_transposed_too() {
        let source = frame(70, 33, Channels::Rgb);
        let transposed =
            |frame: &Frame| frame.transposed(&Limits::default(), &Unstoppable).unwrap();

        let back = transposed(&transposed(&source));

        assert_eq!(back, source);
    }

    #[test]
    fn a_crop_keeps_the_rectangle() {
        let mut cropped = frame(4, 4, Channels::Rgba);

        cropped.crop(Rect { x1: 1, y1: 2, x2: 3, y2: 4 }, &Unstoppable).unwrap();

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
