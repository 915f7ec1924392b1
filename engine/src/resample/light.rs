//! Opaque pictures scaled in linear light, with zenresize's weights.
//!
//! zenresize's own loop over three channels is scalar, and was a seventh of the time that
//! a JPEG takes from file to file.

use archmage::autoversion;
use enough::Stop;
use zenresize::filter::InterpolationDetails;
use zenresize::weights::F32WeightTable;

use crate::error::Result;
use crate::memory;
use crate::rows::Rows;
use crate::srgb::{self, ByteTable};

/// Samples of each pixel.
const N: usize = 3;

/// Rows that are added up between two looks at whether to stop.
const ADDED: usize = 64;

/// Rows of RGB, from as many rows of the source as they need.
pub struct LightScaler {
    across: F32WeightTable,
    down: F32WeightTable,
    /// The last rows of the source, as light; row y is at y modulo their number.
    recent: Vec<Vec<f32>>,
    read: usize,
    made: usize,
    /// The next row, still as wide as the source.
    wide: Vec<f32>,
    steps: Vec<u32>,
    row: Vec<u8>,
}

impl LightScaler {
    /// A picture scaled from one size to another.
    #[must_use]
    pub fn new(from: (u32, u32), to: (u32, u32), filter: &InterpolationDetails) -> Self {
        let across = F32WeightTable::new(from.0, to.0, filter);
        let down = F32WeightTable::new(from.1, to.1, filter);
        let (wide, row) = (from.0 as usize * N, to.0 as usize * N);
        Self {
            recent: vec![Vec::new(); down.max_taps],
            across,
            down,
            read: 0,
            made: 0,
            wide: vec![0.0; wide + 1], // pixels are read four samples at a time
            steps: vec![0; row],
            row: vec![0; row],
        }
    }

    /// The next row.
    ///
    /// # Errors
    /// The source failed, there is no memory for its rows, or the job was asked to stop.
    pub fn next_row(&mut self, source: &mut dyn Rows, stop: &dyn Stop) -> Result<&[u8]> {
        let weights = self.down.weights(self.made);
        let first = self.down.left[self.made].max(0) as usize;
        let count = self.recent.len();
        while self.read < first + weights.len() {
            stop.check()?;
            let (row, light) = (source.next_row()?, &mut self.recent[self.read % count]);
            if light.is_empty() {
                *light = memory::reserved(row.len())?;
                light.resize(row.len(), 0.0);
            }
            lighten(row, light);
            self.read += 1;
        }
        let rows: Vec<&[f32]> =
            (first..first + weights.len()).map(|y| self.recent[y % count].as_slice()).collect();
        self.wide.fill(0.0);
        for (rows, weights) in rows.chunks(ADDED).zip(weights.chunks(ADDED)) {
            stop.check()?;
            add_rows(rows, weights, &mut self.wide);
        }
        add_columns(&self.wide, &self.across, &mut self.steps);
        for (byte, &step) in self.row.iter_mut().zip(&self.steps) {
            *byte = srgb::byte_table().byte_of_step(step);
        }
        self.made += 1;
        Ok(&self.row)
    }
}

fn lighten(row: &[u8], light: &mut [f32]) {
    let table = srgb::linear_table();
    for (light, &byte) in light.iter_mut().zip(row) {
        *light = table[usize::from(byte)];
    }
}

/// Add rows, each so strong.
#[autoversion(v3, scalar)]
fn add_rows(rows: &[&[f32]], weights: &[f32], sum: &mut [f32]) {
    for (rows, weights) in rows.chunks(4).zip(weights.chunks(4)) {
        match (rows, weights) {
            (&[a, b, c, d], &[wa, wb, wc, wd]) => {
                for ((((sum, a), b), c), d) in sum.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                    *sum += a * wa + b * wb + (c * wc + d * wd);
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

/// Sums of neighbours in a row, as steps of light on the way to bytes.
#[autoversion(v3, scalar)]
fn add_columns(wide: &[f32], weights: &F32WeightTable, steps: &mut [u32]) {
    for (x, steps) in steps.as_chunks_mut::<N>().0.iter_mut().enumerate() {
        let (first, weights) = (weights.left[x].max(0) as usize, weights.weights(x));
        let samples = &wide[first * N..(first + weights.len()) * N + 1];
        let mut sum = [0.0f32; 4];
        for (&weight, pixel) in weights.iter().zip(samples.windows(4).step_by(N)) {
            for (sum, sample) in sum.iter_mut().zip(pixel) {
                *sum += sample * weight;
            }
        }
        for (step, sum) in steps.iter_mut().zip(sum) {
            *step = ByteTable::step(sum);
        }
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
        let mut scaler = LightScaler::new(frame.size(), to, &filter);
        let mut rows = FrameRows::new(frame, frame.rect());
        (0..to.1).flat_map(|_| scaler.next_row(&mut rows, &Unstoppable).unwrap().to_vec()).collect()
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
