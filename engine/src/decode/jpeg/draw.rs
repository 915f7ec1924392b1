//! From coefficients to pixels, at any number of eighths, as libjpeg draws them.

use archmage::autoversion;
use enough::Stop;

use super::eighths::{self, Levels};
use super::head::{Markers, Space};
use super::whole::{Part, Whole};
use super::{JpegHint, damaged};
use crate::error::Result;
use crate::memory;

/// Samples of one component, and how they become as many as there are pixels.
struct Plane {
    samples: Vec<u8>,
    stride: usize,
    /// Samples that count.
    size: (usize, usize),
    /// Pixels for each sample, across and down.
    larger: (usize, usize),
    smooth: bool,
}

/// All planes of a picture, which is made row by row.
pub struct Drawn {
    planes: Vec<Plane>,
    space: Space,
    rows: [Vec<u8>; 4],
    sums: Vec<i32>,
}

impl Drawn {
    /// The planes of a picture at so many eighths.
    ///
    /// # Errors
    /// Its components do not fit together, there is no memory, or the job is to stop.
    pub fn new(
        markers: &Markers<'_>,
        whole: Whole,
        eighths: u32,
        hint: Option<JpegHint>,
        stop: &dyn Stop,
    ) -> Result<Self> {
        let space = markers.space()?;
        let size = eighths::size(markers.size, eighths);
        let most = whole.most;
        let plane = |(part, component): (Part, &super::head::Component)| {
            let is_luma = component.id == 1;
            // An eighth is one sample for each block, which is its mean anyway.
            let light = hint.filter(|hint| is_luma && hint.spatial && (2..8).contains(&eighths));
            Plane::new(&part, most, (markers.size, eighths as usize), light, stop)
        };
        let parts = whole.parts.into_iter().zip(&markers.components);
        let planes = parts.map(plane).collect::<Result<_>>()?;
        let rows = std::array::from_fn(|_| vec![0; size.0 as usize]);
        Ok(Self { planes, space, rows, sums: Vec::new() })
    }

    /// Row *y*, in RGB, or as C, M, Y and K that are not inverted.
    pub fn row(&mut self, y: u32, row: &mut [u8]) {
        for (plane, samples) in self.planes.iter().zip(&mut self.rows) {
            plane.row(y as usize, samples, &mut self.sums);
        }
        let [a, b, c, d] = &self.rows;
        match self.space {
            Space::Grey => row.as_chunks_mut().0.iter_mut().zip(a).for_each(|(px, &y)| {
                *px = [y; 3];
            }),
            Space::YCbCr => super::planes::rgb(a, b, c, row),
            Space::Rgb => {
                let pixels = row.as_chunks_mut::<3>().0.iter_mut();
                pixels.zip(a).zip(b).zip(c).for_each(|(((px, &r), &g), &b)| *px = [r, g, b]);
            }
            Space::Cmyk => {
                let pixels = row.as_chunks_mut::<4>().0.iter_mut();
                for ((((px, &c), &m), &y), &k) in pixels.zip(a).zip(b).zip(c).zip(d) {
                    *px = [c, m, y, k].map(|v| 255 - v);
                }
            }
            Space::Ycck => {
                let mut inks = vec![0; a.len() * 3];
                super::planes::rgb(a, b, c, &mut inks);
                let pixels = row.as_chunks_mut::<4>().0.iter_mut();
                for ((px, &[c, m, y]), &k) in pixels.zip(inks.as_chunks::<3>().0).zip(d) {
                    *px = [c, m, y, 255 - k];
                }
            }
        }
    }
}

impl Plane {
    fn new(
        part: &Part,
        most: (usize, usize),
        (full, eighths): ((u32, u32), usize),
        light: Option<JpegHint>,
        stop: &dyn Stop,
    ) -> Result<Self> {
        let blocks = part.blocks;
        // Components of fewer samples are shrunk less, as long as that goes.
        let mut side = eighths;
        while side < 8
            && (most.0 * eighths).is_multiple_of(blocks.0 * side * 2)
            && (most.1 * eighths).is_multiple_of(blocks.1 * side * 2)
        {
            side *= 2;
        }
        let across = blocks.0 * side / eighths;
        let down = blocks.1 * side / eighths;
        if !most.0.is_multiple_of(across) || !most.1.is_multiple_of(down) {
            return Err(damaged("its sampling is not supported"));
        }
        let count = |full: u32, blocks: usize, most: usize| {
            (full as usize * blocks * side).div_ceil(most * 8)
        };
        let size = (count(full.0, blocks.0, most.0), count(full.1, blocks.1, most.1));
        let stride = part.size.0 * side;
        let mut samples = memory::zeros(stride * part.size.1 * side)?;
        let quant = part.quant.unwrap_or([0; 64]);
        let draw = Draw::new(side, light);
        let mut room = Vec::new();
        for (y, band) in samples.chunks_exact_mut(stride * side).enumerate() {
            stop.check()?;
            draw_band(&draw, part.row(y, &mut room), &quant, band);
        }
        let larger = (most.0 / across, most.1 / down);
        let smooth = match larger {
            (2, 1 | 2) => eighths > 1 && size.0 > 2,
            _ => eighths > 1 && larger == (1, 2),
        };
        Ok(Self { samples, stride, size, larger, smooth })
    }

    fn samples(&self, y: usize) -> &[u8] {
        &self.samples[y.min(self.size.1 - 1) * self.stride..][..self.size.0]
    }

    /// Row *y* of the picture.
    fn row(&self, y: usize, row: &mut [u8], sums: &mut Vec<i32>) {
        let near = self.samples(y / self.larger.1);
        if !self.smooth {
            match self.larger.0 {
                1 => row.copy_from_slice(&near[..row.len()]),
                n => row.chunks_mut(n).zip(near).for_each(|(to, &from)| to.fill(from)),
            }
            return;
        }
        let beyond = if y % 2 == 1 { y / 2 + 1 } else { (y / 2).saturating_sub(1) };
        sums.clear();
        // Sums of 1 or of 4, and what rounds them down or up by turns.
        let (scale, low, high) = match self.larger {
            (2, 1) => {
                sums.extend(near.iter().map(|&v| i32::from(v)));
                (2, 1, 2)
            }
            _ => {
                let pairs = near.iter().zip(self.samples(beyond));
                sums.extend(pairs.map(|(&near, &far)| i32::from(near) * 3 + i32::from(far)));
                (4, 8, 7)
            }
        };
        if self.larger.0 == 1 {
            let half = if y.is_multiple_of(2) { 1 } else { 2 };
            row.iter_mut().zip(sums).for_each(|(v, sum)| *v = ((*sum + half) >> 2) as u8);
            return;
        }
        let last = sums.len() - 1;
        for (x, to) in row.iter_mut().enumerate() {
            let at = x / 2;
            let (other, round) = match x % 2 {
                0 => (at.checked_sub(1), low),
                _ => ((at < last).then_some(at + 1), high),
            };
            let sum = match other {
                Some(other) => sums[at] * 3 + sums[other] + round,
                None => sums[at] * 4 + if scale == 2 { 0 } else { round },
            };
            *to = (sum >> scale) as u8;
        }
    }
}

/// How a block becomes samples.
struct Draw {
    side: usize,
    waves: [[f32; 16]; 8],
    averages: Option<Averages>,
}

impl Draw {
    fn new(side: usize, light: Option<JpegHint>) -> Self {
        let averages = light.map(|hint| Averages {
            weights: (0..side).map(|i| eighths::weights(i, side)).collect(),
            levels: Levels::new(hint.linear),
        });
        let drawn = if averages.is_some() { 8 } else { side };
        Self { side, waves: eighths::waves(drawn), averages }
    }
}

/// All samples of a block, and then fewer of them.
struct Averages {
    weights: Vec<[f32; 8]>,
    levels: Levels,
}

impl Averages {
    #[inline(always)]
    fn block(&self, all: &[u8], stride: usize, to: &mut [u8], to_stride: usize) {
        let mut amounts = [[0.0; 8]; 8];
        for (amounts, row) in amounts.iter_mut().zip(all.chunks(stride)) {
            *amounts = std::array::from_fn(|x| self.levels.up[usize::from(row[x])]);
        }
        for (weights, row) in self.weights.iter().zip(to.chunks_mut(to_stride)) {
            let mut column = [0.0; 8];
            for (amounts, weight) in amounts.iter().zip(weights) {
                (0..8).for_each(|x| column[x] += amounts[x] * weight);
            }
            for (weights, to) in self.weights.iter().zip(row) {
                let sum = (0..8).map(|x| column[x] * weights[x]).sum::<f32>();
                *to = self.levels.byte(sum.clamp(0.0, 1.0));
            }
        }
    }
}

/// Draw a row of blocks.
#[autoversion(v3, scalar)]
fn draw_band(draw: &Draw, blocks: &[i16], quant: &[u16; 64], band: &mut [u8]) {
    let blocks = blocks.as_chunks::<64>().0;
    let stride = blocks.len() * draw.side;
    let mut all = [0; 64];
    for (i, block) in blocks.iter().enumerate() {
        let to = &mut band[i * draw.side..];
        match &draw.averages {
            None => draw_block(block, quant, &draw.waves, to, stride, draw.side),
            Some(averages) => {
                draw_block(block, quant, &draw.waves, &mut all, 8, 8);
                averages.block(&all, 8, to, stride);
            }
        }
    }
}

#[inline(always)]
fn draw_block(
    block: &[i16; 64],
    quant: &[u16; 64],
    waves: &[[f32; 16]; 8],
    to: &mut [u8],
    stride: usize,
    side: usize,
) {
    // By wave down: the waves across, added up.
    let mut across = [[0.0f32; 16]; 8];
    let mut high = 0;
    for (down, (row, levels)) in
        block.as_chunks::<8>().0.iter().zip(quant.as_chunks::<8>().0).enumerate()
    {
        if row.iter().all(|&v| v == 0) {
            continue;
        }
        high = down + 1;
        for ((&value, &level), wave) in row.iter().zip(levels).zip(waves) {
            let amount = f32::from(value.wrapping_mul(level as i16)); // as in libjpeg's lanes
            if amount != 0.0 {
                (0..16).for_each(|x| across[down][x] += amount * wave[x]);
            }
        }
    }
    for (y, row) in to.chunks_mut(stride).take(side).enumerate() {
        let mut sums = [128.5f32; 16];
        for (across, wave) in across[..high].iter().zip(waves) {
            (0..16).for_each(|x| sums[x] += across[x] * wave[y]);
        }
        for (to, sum) in row[..side].iter_mut().zip(sums) {
            *to = sum as u8;
        }
    }
}
