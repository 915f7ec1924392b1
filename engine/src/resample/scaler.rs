//! Pictures scaled with upstream's sums and zenresize's weights, which decide the last level.

use archmage::autoversion;
use enough::Stop;
use zenresize::filter::InterpolationDetails;
use zenresize::weights::F32WeightTable;

use crate::error::Result;
use crate::frame::Channels;
use crate::memory;
use crate::rows::Rows;
use crate::srgb::Space;

/// Rows that are added up between two looks at whether to stop.
const ADDED: usize = 64;

/// A picture being scaled: rows of it, from as many rows of the source as they need.
pub struct Scaler<'a> {
    source: Box<dyn Rows + 'a>,
    to: (u32, u32),
    space: Space,
    across: F32WeightTable,
    down: F32WeightTable,
    /// The last rows of the source, as amounts; row y is at y modulo their number.
    recent: Vec<Vec<f32>>,
    read: usize,
    made: usize,
    /// The next row, still as wide as the source.
    wide: Vec<f32>,
    amounts: Vec<f32>,
    row: Vec<u8>,
    stop: &'a dyn Stop,
}

impl<'a> Scaler<'a> {
    /// *source*, scaled to the size *to*.
    #[must_use]
    pub fn new(
        source: Box<dyn Rows + 'a>,
        to: (u32, u32),
        filter: &InterpolationDetails,
        space: Space,
        stop: &'a dyn Stop,
    ) -> Self {
        let (from, n) = (source.size(), source.channels().count());
        let across = F32WeightTable::new(from.0, to.0, filter);
        let down = F32WeightTable::new(from.1, to.1, filter);
        Self {
            source,
            to,
            space,
            // Weights of all pixels are made as many, and four samples are read at a time.
            wide: vec![0.0; (from.0 as usize + across.max_taps) * n + 1],
            across,
            recent: vec![Vec::new(); down.max_taps],
            down,
            read: 0,
            made: 0,
            amounts: vec![0.0; to.0 as usize * n],
            row: vec![0; to.0 as usize * n],
            stop,
        }
    }

    /// The next row as amounts, which are premultiplied where there is alpha.
    ///
    /// # Errors
    /// The source failed, there is no memory for its rows, or the job was asked to stop.
    pub fn next_amounts(&mut self) -> Result<&[f32]> {
        let weights = self.down.weights(self.made);
        let first = self.down.left[self.made].max(0) as usize;
        let (channels, count) = (self.source.channels(), self.recent.len());
        while self.read < first + weights.len() {
            self.stop.check()?;
            let (row, amounts) = (self.source.next_row()?, &mut self.recent[self.read % count]);
            if amounts.is_empty() {
                *amounts = memory::zeros(row.len())?;
            }
            match channels {
                Channels::Rgb => amounts_of(row, amounts, self.space),
                Channels::Rgba => premultiplied(row, amounts, self.space),
            }
            self.read += 1;
        }
        let rows: Vec<&[f32]> =
            (first..first + weights.len()).map(|y| self.recent[y % count].as_slice()).collect();
        self.wide.fill(0.0);
        for (rows, weights) in rows.chunks(ADDED).zip(weights.chunks(ADDED)) {
            self.stop.check()?;
            add_rows(rows, weights, &mut self.wide);
        }
        match channels {
            Channels::Rgb => add_columns::<3>(&self.wide, &self.across, &mut self.amounts),
            Channels::Rgba => add_columns::<4>(&self.wide, &self.across, &mut self.amounts),
        }
        self.made += 1;
        Ok(&self.amounts)
    }
}

impl Rows for Scaler<'_> {
    fn size(&self) -> (u32, u32) {
        self.to
    }

    fn channels(&self) -> Channels {
        self.source.channels()
    }

    fn next_row(&mut self) -> Result<&[u8]> {
        self.next_amounts()?;
        match self.source.channels() {
            Channels::Rgb => bytes_of(&self.amounts, &mut self.row, self.space),
            Channels::Rgba => store(&mut self.row, &self.amounts, self.space),
        }
        Ok(&self.row)
    }
}

fn amounts_of(row: &[u8], amounts: &mut [f32], space: Space) {
    for (amount, &byte) in amounts.iter_mut().zip(row) {
        *amount = space.amount(byte);
    }
}

fn premultiplied(row: &[u8], amounts: &mut [f32], space: Space) {
    let pixels = row.as_chunks::<4>().0;
    for (amounts, &[r, g, b, a]) in amounts.as_chunks_mut::<4>().0.iter_mut().zip(pixels) {
        let alpha = f32::from(a) / 255.0;
        let [r, g, b] = [r, g, b].map(|v| alpha * space.amount(v));
        *amounts = [r, g, b, alpha];
    }
}

/// Add rows, each so strong.
#[autoversion(v3, scalar)]
fn add_rows(rows: &[&[f32]], weights: &[f32], sum: &mut [f32]) {
    for (rows, weights) in rows.chunks(4).zip(weights.chunks(4)) {
        match (rows, weights) {
            (&[a, b, c, d], &[wa, wb, wc, wd]) => {
                for ((((sum, a), b), c), d) in sum.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                    *sum = *sum + a * wa + b * wb + c * wc + d * wd;
                }
            }
            _ => {
                for (row, weight) in rows.iter().zip(weights) {
                    sum.iter_mut().zip(*row).for_each(|(sum, v)| *sum += v * weight);
                }
            }
        }
    }
}

/// Sums of neighbours in a row of pixels of N samples.
#[autoversion(v3, scalar)]
fn add_columns<const N: usize>(wide: &[f32], weights: &F32WeightTable, sums: &mut [f32]) {
    for (x, sums) in sums.as_chunks_mut::<N>().0.iter_mut().enumerate() {
        let (first, weights) = (weights.left[x].max(0) as usize, weights.weights_padded(x));
        let samples = &wide[first * N..(first + weights.len()) * N + 4 - N];
        let mut sum = [0.0f32; 4];
        for (&weight, pixel) in weights.iter().zip(samples.windows(4).step_by(N)) {
            for (sum, sample) in sum.iter_mut().zip(pixel) {
                *sum += sample * weight;
            }
        }
        sums.copy_from_slice(&sum[..N]);
    }
}

/// Amounts as bytes: first the steps, many at once, then the table.
#[autoversion(v3, scalar)]
fn bytes_of(amounts: &[f32], bytes: &mut [u8], space: Space) {
    for (amounts, bytes) in amounts.chunks(256).zip(bytes.chunks_mut(256)) {
        let mut steps = [0; 256];
        for (step, &amount) in steps.iter_mut().zip(amounts) {
            *step = space.step(amount);
        }
        for (byte, &step) in bytes.iter_mut().zip(&steps) {
            *byte = space.byte_of_step(step);
        }
    }
}

/// Put premultiplied amounts into a row of a canvas. Where the canvas has no alpha, the
/// colour counts however thin it is, so it is divided before anything is rounded.
pub fn store(row: &mut [u8], amounts: &[f32], space: Space) {
    if row.len() == amounts.len() {
        store_pixels::<4>(row, amounts, space);
    } else {
        store_pixels::<3>(row, amounts, space);
    }
}

#[autoversion(v3, scalar)]
fn store_pixels<const N: usize>(row: &mut [u8], amounts: &[f32], space: Space) {
    let pixels = row.as_chunks_mut::<N>().0.iter_mut().zip(amounts.as_chunks::<4>().0);
    for (to, amounts) in pixels {
        let alpha = amounts[3];
        let over = if alpha > 0.0 { alpha } else { 1.0 };
        let [r, g, b, _] = amounts.map(|amount| space.step(amount / over));
        let [r, g, b] = [r, g, b].map(|step| space.byte_of_step(step));
        to.copy_from_slice(&[r, g, b, (alpha * 255.0 + 0.5) as u8][..N]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Channels, Frame};
    use crate::limits::Limits;
    use crate::rows::FrameRows;
    use enough::Unstoppable;
    use zenresize::Filter;

    fn frame(w: u64, h: u64, level: impl Fn(usize) -> u8) -> Frame {
        let paid = Limits::default().canvas(w, h, Channels::Rgb).unwrap();
        let mut frame = Frame::new(&paid, &Unstoppable).unwrap();
        frame.px_mut().iter_mut().enumerate().for_each(|(i, v)| *v = level(i));
        frame
    }

    fn scaled(frame: &Frame, to: (u32, u32), filter: Filter) -> Vec<u8> {
        let filter = InterpolationDetails::create(filter);
        let rows = Box::new(FrameRows::new(frame, frame.rect()));
        let mut scaler = Scaler::new(rows, to, &filter, Space::new(true), &Unstoppable);
        (0..to.1).flat_map(|_| scaler.next_row().unwrap().to_vec()).collect()
    }

    #[test]
    fn a_flat_picture_stays_flat_at_any_size() {
        let flat = frame(31, 17, |i| [9, 100, 250][i % 3]);

        for to in [(31, 17), (7, 5), (1, 1), (64, 40), (5, 90)] {
            for filter in [Filter::Robidoux, Filter::Ginseng, Filter::Box] {
                let small = scaled(&flat, to, filter);
                assert_eq!(small.len(), (to.0 * to.1 * 3) as usize);
                let near = |(i, &v): (usize, &u8)| v.abs_diff([9, 100, 250][i % 3]) <= 1;
                assert!(small.iter().enumerate().all(near), "{to:?}");
            }
        }
    }

    #[test]
    fn halves_are_averaged_in_linear_light() {
        let stripes = frame(4, 2, |i| if i / 3 % 2 == 0 { 0 } else { 255 });

        assert_eq!(scaled(&stripes, (2, 1), Filter::Box), [188; 6]);
    }
}
