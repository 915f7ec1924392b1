//! Sizes of n/8, at which upstream's decoder can deliver a JPEG.

use crate::error::Result;
use crate::frame::Channels;
use crate::rows::Rows;
use crate::srgb::{self, ByteTable};

/// The smallest number of eighths that is no smaller than *wanted*; upstream never uses 7,
/// and shrinks nothing to nothing.
#[must_use]
pub fn enough(full: (u32, u32), wanted: (i64, i64)) -> u32 {
    if wanted.0 <= 0 || wanted.1 <= 0 {
        return 8;
    }
    let is_enough = |&n: &u32| {
        let (w, h) = size(full, n);
        i64::from(w) >= wanted.0 && i64::from(h) >= wanted.1
    };
    [1, 2, 3, 4, 5, 6].into_iter().find(is_enough).unwrap_or(8)
}

/// So many eighths of a size, rounded up.
#[must_use]
pub fn size((w, h): (u32, u32), eighths: u32) -> (u32, u32) {
    let side = |side: u32| (u64::from(side) * u64::from(eighths)).div_ceil(8) as u32;
    (side(w), side(h))
}

/// An RGB picture at n/8 of its size: each block of 8×8 becomes one of n×n by itself, as
/// in a decoder that shrinks.
pub struct Shrunk<'a> {
    rows: Box<dyn Rows + 'a>,
    eighths: usize,
    levels: Levels,
    /// A row of the source as amounts that can be added.
    amounts: Vec<f32>,
    /// One row for each of the n rows of a block, as wide as the source.
    sums: Vec<f32>,
    /// How much of each of the 8 rows or columns goes into each of the n.
    weights: Vec<[f32; 8]>,
    /// The same without the zeros.
    taps: Vec<Taps>,
    row: Vec<u8>,
    read: u32,
    given: usize,
}

impl<'a> Shrunk<'a> {
    /// *rows* at n/8, averaged in linear light or as they are.
    #[must_use]
    pub fn new(rows: Box<dyn Rows + 'a>, eighths: u32, linear: bool) -> Self {
        let from = rows.size();
        let n = eighths as usize;
        // Blocks at the right edge are filled up with the last column.
        let padded = from.0.next_multiple_of(8) as usize * 3;
        Self {
            rows,
            eighths: n,
            levels: Levels::new(linear),
            amounts: vec![0.0; from.0 as usize * 3],
            sums: vec![0.0; padded * n],
            weights: (0..n).map(|i| weights(i, n)).collect(),
            taps: (0..n).map(|i| Taps::new(&weights(i, n))).collect(),
            row: vec![0; size(from, eighths).0 as usize * 3],
            read: 0,
            given: n,
        }
    }

    /// Add up the next 8 rows of the source.
    fn next_block(&mut self) -> Result<()> {
        let (w, h) = self.rows.size();
        let stride = self.sums.len() / self.eighths;
        self.sums.fill(0.0);
        let there = (h - self.read).min(8);
        for y in 0..there as usize {
            let row = self.rows.next_row()?;
            for (amount, &v) in self.amounts.iter_mut().zip(row) {
                *amount = self.levels.up[usize::from(v)];
            }
            // Blocks at the bottom are filled up with the last row.
            let last = y + 1 == there as usize;
            for (sums, weights) in self.sums.chunks_exact_mut(stride).zip(&self.weights) {
                let weight = if last { weights[y..].iter().sum() } else { weights[y] };
                if weight > 0.0 {
                    let pairs = sums.iter_mut().zip(&self.amounts);
                    pairs.for_each(|(sum, amount)| *sum += weight * amount);
                }
            }
        }
        let end = w as usize * 3;
        for sums in self.sums.chunks_exact_mut(stride) {
            for at in end..stride {
                sums[at] = sums[at - 3];
            }
        }
        self.read += there;
        self.given = 0;
        Ok(())
    }
}

impl Rows for Shrunk<'_> {
    fn size(&self) -> (u32, u32) {
        size(self.rows.size(), self.eighths as u32)
    }

    fn channels(&self) -> Channels {
        Channels::Rgb
    }

    fn next_row(&mut self) -> Result<&[u8]> {
        if self.given == self.eighths {
            self.next_block()?;
        }
        let stride = self.sums.len() / self.eighths;
        let sums = &self.sums[self.given * stride..][..stride];
        self.given += 1;
        for (row, block) in self.row.chunks_mut(self.eighths * 3).zip(sums.as_chunks::<24>().0) {
            for (px, taps) in row.as_chunks_mut::<3>().0.iter_mut().zip(&self.taps) {
                let mut sum = [0.0; 3];
                for (weight, sample) in
                    taps.weights.iter().zip(&block.as_chunks::<3>().0[taps.start..])
                {
                    (0..3).for_each(|c| sum[c] += weight * sample[c]);
                }
                *px = sum.map(|sum| self.levels.byte(sum));
            }
        }
        Ok(&self.row)
    }
}

/// Weights of neighbours, of which none is zero.
struct Taps {
    start: usize,
    weights: Vec<f32>,
}

impl Taps {
    fn new(weights: &[f32; 8]) -> Self {
        let start = weights.iter().take_while(|&&weight| weight == 0.0).count();
        let weights = weights.iter().copied().filter(|&weight| weight > 0.0).collect();
        Self { start, weights }
    }
}

/// How much each of 8 samples adds to the one at place *i* of *n*: the nearer the more, on
/// Hermite's curve, which is what upstream's decoder shrinks by.
#[must_use]
pub fn weights(i: usize, n: usize) -> [f32; 8] {
    let scale = 8.0 / n as f32;
    let middle = (i as f32 + 0.5) * scale;
    let strength = |x: usize| {
        let far = ((x as f32 + 0.5 - middle) / scale).abs().min(1.0);
        1.0 - far * far * (3.0 - 2.0 * far)
    };
    let sum: f32 = (0..8).map(strength).sum();
    std::array::from_fn(|x| strength(x) / sum)
}

/// The eight waves of a block's side at so many samples, as strong as coefficients say. For
/// sides that a block can be halved to, they are averaged; for others the highest are left out.
#[must_use]
pub fn waves(samples: usize) -> [[f32; 16]; 8] {
    let each = if 8 % samples == 0 { 8 / samples } else { 1 };
    std::array::from_fn(|wave| {
        let strength = if wave == 0 { 0.125f64.sqrt() } else { 0.5 };
        let points = (samples * each) as f64;
        let at = |x: usize| {
            ((2 * x + 1) as f64 * wave as f64 * std::f64::consts::PI / (2.0 * points)).cos()
        };
        std::array::from_fn(|x| {
            if x >= samples || wave as f64 >= points {
                return 0.0;
            }
            let sum: f64 = (x * each..(x + 1) * each).map(at).sum();
            (sum / each as f64 * strength) as f32
        })
    })
}

/// Bytes as amounts that can be averaged, and back.
pub struct Levels {
    /// What each byte stands for, 0–1.
    pub up: [f32; 256],
    /// The way back from linear light; without it amounts are bytes / 255.
    down: Option<ByteTable>,
}

impl Levels {
    /// Averages in linear light, or of the bytes themselves.
    #[must_use]
    pub fn new(linear: bool) -> Self {
        if linear {
            Self { up: *srgb::linear_table(), down: Some(srgb::byte_table()) }
        } else {
            Self { up: std::array::from_fn(|i| i as f32 / 255.0), down: None }
        }
    }

    /// The byte of an amount.
    #[must_use]
    pub fn byte(&self, amount: f32) -> u8 {
        match self.down {
            // Half a step, since averages of equal bytes may come out a little low.
            Some(table) => table.byte(amount + 0.5 / 16_383.0),
            None => (amount * 255.0 + 0.5) as u8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Frame, Rect};
    use crate::limits::Limits;
    use crate::rows::{FrameRows, collect};

    #[test]
    fn a_hint_takes_the_smallest_eighth_that_is_large_enough() {
        let full = (2725, 2225);

        assert_eq!(enough(full, (600, 400)), 2);
        assert_eq!(size(full, 2), (682, 557));
        assert_eq!(enough(full, (682, 558)), 3);
        assert_eq!(enough(full, (2500, 1)), 8);
        assert_eq!(enough(full, (0, 5)), 8);
        assert_eq!(enough(full, (5, -5)), 8);
    }

    #[test]
    fn the_weights_of_each_sample_add_up_to_one() {
        for n in 1..=8 {
            for i in 0..n {
                let sum: f32 = weights(i, n).iter().sum();
                assert!((sum - 1.0).abs() < 1e-6, "{i} of {n}");
            }
        }
    }

    #[test]
    fn a_flat_picture_of_any_size_stays_flat() {
        let limits = Limits::default();
        for (w, h) in [(8, 8), (9, 17), (1, 1), (30, 7)] {
            for eighths in [1, 2, 3, 4, 5, 6] {
                for linear in [false, true] {
                    let paid = limits.canvas(w, h, Channels::Rgb).unwrap();
                    let mut frame = Frame::new(&paid, &enough::Unstoppable).unwrap();
                    frame.px_mut().fill(77);
                    let all = Rect { x1: 0, y1: 0, x2: w as u32, y2: h as u32 };
                    let rows = Box::new(FrameRows::new(&frame, all));

                    let mut shrunk = Shrunk::new(rows, eighths, linear);
                    let shrunk = collect(&mut shrunk, &limits, &enough::Unstoppable).unwrap();

                    assert_eq!(shrunk.size(), size(frame.size(), eighths));
                    assert!(shrunk.px().iter().all(|&v| v == 77), "{w}×{h} at {eighths}/8");
                }
            }
        }
    }
}
