//! The fast way to a half, a quarter and an eighth of a JPEG's size.
//!
//! Each block of 8×8 is made at the size that is wanted at once: the waves that it is made
//! of are averaged instead of its samples, which is the same and less work, and nothing is
//! upsampled. For averages in linear light luma is made twice as large first.

use archmage::autoversion;
use enough::Stop;

use super::eighths;
use super::scan::{Component, Scan, ZIGZAG};
use crate::error::Result;
use crate::frame::Channels;
use crate::rows::Rows;
use crate::srgb;

/// Rows of RGB, made from planes that are shrunk by a factor of 2, 4 or 8.
pub struct ShrunkPlanes<'a> {
    scan: Scan<'a>,
    stop: &'a dyn Stop,
    size: (u32, u32),
    planes: Vec<Plane>,
    /// Units of the scan in each band.
    units: usize,
    /// Rows that each band makes, and how many of the present one were given.
    rows: usize,
    given: usize,
    row: Vec<u8>,
}

impl<'a> ShrunkPlanes<'a> {
    /// The picture of *scan*, which has this size, a *factor* smaller.
    #[must_use]
    pub fn new(
        scan: Scan<'a>,
        (w, h): (u32, u32),
        factor: u32,
        linear: bool,
        stop: &'a dyn Stop,
    ) -> Self {
        let blocks = scan.components[0].blocks;
        let units = w.div_ceil(8 * blocks.0 as u32) as usize;
        let factor = factor as usize;
        let plane = |(i, component): (usize, &Component)| {
            let (across, down) = component.blocks;
            let size = (8 * blocks.0 / (factor * across), 8 * blocks.1 / (factor * down));
            let in_light = linear && i == 0 && size.0 > 1; // upstream's eighths are not
            Plane::new(component, size, units, in_light.then(|| Light::new(size.0)))
        };
        let size = (w.div_ceil(factor as u32), h.div_ceil(factor as u32));
        let rows = 8 * blocks.1 / factor;
        Self {
            planes: scan.components.iter().enumerate().map(plane).collect(),
            scan,
            stop,
            size,
            units,
            rows,
            given: rows,
            row: vec![0; size.0 as usize * 3],
        }
    }
}

impl Rows for ShrunkPlanes<'_> {
    fn size(&self) -> (u32, u32) {
        self.size
    }

    fn channels(&self) -> Channels {
        Channels::Rgb
    }

    fn next_row(&mut self) -> Result<&[u8]> {
        if self.given == self.rows {
            self.stop.check()?;
            read_band(&mut self.scan, &mut self.planes, self.units);
            self.given = 0;
        }
        let w = self.size.0 as usize;
        let row = |plane: &'_ Plane| self.given * plane.stride..self.given * plane.stride + w;
        match self.planes.as_slice() {
            [luma, cb, cr] => {
                let (cb, cr) = (&cb.band[row(cb)], &cr.band[row(cr)]);
                rgb(&luma.band[row(luma)], cb, cr, &mut self.row);
            }
            planes => grey(&planes[0].band[row(&planes[0])], &mut self.row),
        }
        self.given += 1;
        Ok(&self.row)
    }
}

/// A band of one component, as high as a unit of the scan.
struct Plane {
    /// Its blocks in each unit, across and down.
    blocks: (usize, usize),
    waves: Waves,
    /// Samples of a block, across and down.
    size: (usize, usize),
    samples: Vec<f32>,
    samples_stride: usize,
    light: Option<Light>,
    /// What the samples become in the end.
    band: Vec<u8>,
    stride: usize,
}

impl Plane {
    /// *size* is that which a block has in the end.
    fn new(
        component: &Component,
        mut size: (usize, usize),
        units: usize,
        light: Option<Light>,
    ) -> Self {
        let blocks = component.blocks;
        let stride = units * blocks.0 * size.0;
        let band = vec![0; stride * blocks.1 * size.1];
        if light.is_some() {
            size = (size.0 * 2, size.1 * 2);
        }
        // Eight samples are written at a time, of which the next block takes some back.
        let samples_stride = units * blocks.0 * size.0 + 8;
        let samples = vec![0.0; samples_stride * blocks.1 * size.1];
        let waves = Waves::new(&component.quant, size);
        Self { blocks, waves, size, samples, samples_stride, light, band, stride }
    }

    /// Make bytes of the samples.
    #[inline(always)]
    fn finish(&mut self) {
        match &mut self.light {
            Some(light) => {
                let n = light.down.len();
                let bands = self.samples.chunks_exact(self.samples_stride * self.size.1);
                for (band, rows) in bands.zip(self.band.chunks_exact_mut(self.stride * n)) {
                    light.shrink(band, self.samples_stride, rows, self.stride);
                }
            }
            None => {
                let rows = self.samples.chunks_exact(self.samples_stride);
                for (samples, row) in rows.zip(self.band.chunks_exact_mut(self.stride)) {
                    for (byte, &sample) in row.iter_mut().zip(samples) {
                        *byte = srgb::rounded(sample.clamp(0.0, 255.0)) as u8;
                    }
                }
            }
        }
    }
}

/// The waves that a block is a sum of, at the size that it is made at.
struct Waves {
    /// By place in the written order: across, down, and how strong a coefficient of 1 is.
    places: [(u8, u8, f32); 64],
    across: [[f32; 8]; 8],
    /// By row of the block.
    down: [[f32; 8]; 8],
}

impl Waves {
    fn new(quant: &[u16; 64], (w, h): (usize, usize)) -> Self {
        let place = |i: usize| {
            let (across, down) = ZIGZAG[i];
            (across, down, f32::from(quant[i]))
        };
        let averaged = |n| eighths::waves(n).map(|wave| std::array::from_fn(|i| wave[i]));
        let (down, mut by_row): ([[f32; 8]; 8], _) = (averaged(h), [[0.0; 8]; 8]);
        for (y, row) in by_row.iter_mut().enumerate() {
            *row = down.map(|wave| wave[y]);
        }
        Self { places: std::array::from_fn(place), across: averaged(w), down: by_row }
    }
}

/// Read all units of a band.
#[autoversion(v3, scalar)]
fn read_band(scan: &mut Scan<'_>, planes: &mut [Plane], units: usize) {
    for unit in 0..units {
        scan.next_unit();
        for (i, plane) in planes.iter_mut().enumerate() {
            let (across, down) = plane.blocks;
            for block in 0..across * down {
                let place = (unit * across + block % across, block / across);
                read_block(scan, i, plane, place);
            }
        }
    }
    for plane in planes {
        plane.finish();
    }
}

/// Read a block, of which so many are left of it and above it.
#[inline(always)]
fn read_block(scan: &mut Scan<'_>, component: usize, plane: &mut Plane, (x, y): (usize, usize)) {
    let Plane { waves, size, samples, samples_stride: stride, .. } = plane;
    // By wave down, summed up over those across.
    let mut sums = [[0.0f32; 8]; 8];
    let (mut waves_down, mut is_flat) = (1, true);
    let constant = scan.block(component, |place, value| {
        let (across, down, strength) = waves.places[place & 63];
        let (across, down) = (usize::from(across & 7), usize::from(down & 7));
        add(&mut sums[down], value as f32 * strength, &waves.across[across]);
        waves_down = waves_down.max(down + 1);
        is_flat = false;
    });
    let constant = constant as f32 * waves.places[0].2 / 8.0 + 128.0;
    let at = y * size.1 * *stride + x * size.0;
    let rows = samples[at..].chunks_mut(*stride).take(size.1);
    for (row, strengths) in rows.zip(&waves.down) {
        let mut sum = [constant; 8];
        if !is_flat {
            for (wave, &strength) in sums[..waves_down].iter().zip(strengths) {
                add(&mut sum, strength, wave);
            }
        }
        if let Some(row) = row.first_chunk_mut() {
            *row = sum;
        }
    }
}

#[inline(always)]
fn add(sum: &mut [f32; 8], amount: f32, wave: &[f32; 8]) {
    for (sum, wave) in sum.iter_mut().zip(wave) {
        *sum += amount * wave;
    }
}

/// Linear light as far as averages need it: a curve that is quick to compute, and the way
/// back from it. Averages of four levels are half a level off at most, equal levels stay.
struct Light {
    levels: Box<[u8; Self::STEPS]>,
    /// The first of the four rows of a block that go into each that is wanted, and how much
    /// of each does.
    down: Vec<(usize, [f32; 4])>,
    /// How much of each sample of a block's side goes into each that is wanted.
    across: [[f32; 4]; 8],
    /// Light of the samples of a row of blocks.
    lights: Vec<f32>,
    /// Of one row that is wanted.
    sums: Vec<f32>,
    steps: Vec<u32>,
}

impl Light {
    const STEPS: usize = 1 << 14;

    /// For blocks with so many samples aside in the end.
    fn new(n: usize) -> Self {
        let mut levels = Box::new([255; Self::STEPS]);
        let mut step = 0;
        for level in 0..255u8 {
            // Up to half way to the next level.
            let end = Self::curve(f32::from(level) + 0.5) * (Self::STEPS - 1) as f32;
            while step as f32 <= end {
                levels[step] = level;
                step += 1;
            }
        }
        let each = 4 / n; // weights of a sample, which stands for as many
        let (mut down, mut across) = (Vec::new(), [[0.0; 4]; 8]);
        for i in 0..n {
            let all = eighths::weights(i, n);
            let weights: Vec<f32> = all.chunks(each).map(|each| each.iter().sum()).collect();
            let used = weights.iter().position(|&weight| weight > 0.0).unwrap_or(0);
            let first = used.min(weights.len() - 4);
            down.push((first, std::array::from_fn(|row| weights[first + row])));
            for (across, weight) in across.iter_mut().zip(weights) {
                across[i] = weight;
            }
        }
        Self { levels, down, across, lights: Vec::new(), sums: Vec::new(), steps: Vec::new() }
    }

    /// The light of a level of 0–255, 0–1.
    #[inline(always)]
    fn curve(level: f32) -> f32 {
        let v = level.clamp(0.0, 255.0) * (1.0 / 255.0);
        v * (0.060_230 + v * (0.347_552 + v * (0.950_582 - v * 0.358_364)))
    }

    /// Make a row of blocks as wide and as high as is wanted.
    #[inline(always)]
    fn shrink(&mut self, samples: &[f32], stride: usize, rows: &mut [u8], rows_stride: usize) {
        self.lights.resize(samples.len(), 0.0);
        for (light, &sample) in self.lights.iter_mut().zip(samples) {
            *light = Self::curve(sample) * (Self::STEPS - 1) as f32;
        }
        self.sums.resize(stride, 0.0);
        self.steps.resize(rows_stride, 0);
        for ((first, weights), row) in self.down.iter().zip(rows.chunks_exact_mut(rows_stride)) {
            let mut four = self.lights[first * stride..].chunks_exact(stride);
            if let (Some(a), Some(b), Some(c), Some(d)) =
                (four.next(), four.next(), four.next(), four.next())
            {
                let lights = a.iter().zip(b).zip(c).zip(d);
                for (sum, (((a, b), c), d)) in self.sums.iter_mut().zip(lights) {
                    let [wa, wb, wc, wd] = weights;
                    *sum = a * wa + b * wb + c * wc + d * wd;
                }
            }
            match self.down.len() {
                2 => across::<4, 2>(&self.sums, &self.across, &mut self.steps),
                _ => across::<8, 4>(&self.sums, &self.across, &mut self.steps),
            }
            for (level, &step) in row.iter_mut().zip(&self.steps) {
                *level = self.levels[step as usize % Self::STEPS];
            }
        }
    }
}

/// Shrink a row, block by block.
#[inline(always)]
fn across<const FROM: usize, const TO: usize>(
    sums: &[f32],
    weights: &[[f32; 4]; 8],
    steps: &mut [u32],
) {
    for (steps, sums) in steps.as_chunks_mut::<TO>().0.iter_mut().zip(sums.as_chunks::<FROM>().0) {
        let mut lights = [0.0f32; TO];
        for (sum, weights) in sums.iter().zip(weights) {
            for (light, weight) in lights.iter_mut().zip(weights) {
                *light += sum * weight;
            }
        }
        for (step, light) in steps.iter_mut().zip(lights) {
            *step = srgb::rounded(light.min((Light::STEPS - 1) as f32));
        }
    }
}

fn grey(luma: &[u8], row: &mut [u8]) {
    for (px, &y) in row.as_chunks_mut::<3>().0.iter_mut().zip(luma) {
        *px = [y; 3];
    }
}

/// JFIF's conversion, in 16 bit fractions.
#[autoversion(v3, scalar)]
pub fn rgb(luma: &[u8], cb: &[u8], cr: &[u8], row: &mut [u8]) {
    let pixels = row.as_chunks_mut::<3>().0.iter_mut();
    for (((px, &y), &cb), &cr) in pixels.zip(luma).zip(cb).zip(cr) {
        let y = (i32::from(y) << 16) + (1 << 15);
        let (cb, cr) = (i32::from(cb) - 128, i32::from(cr) - 128);
        let r = y + 91_881 * cr;
        let g = y - 22_554 * cb - 46_802 * cr;
        let b = y + 116_130 * cb;
        *px = [r, g, b].map(|v| (v >> 16).clamp(0, 255) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::super::decoder;
    use super::*;
    use crate::rows::collect;
    use enough::Unstoppable;
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

    /// Soft blobs, an edge and some grain.
    fn scene(w: u16, h: u16) -> Vec<u8> {
        let pixel = |i: u32| {
            let (x, y) = (i % u32::from(w), i / u32::from(w));
            let soft = ((x as f32 / 9.0).sin() + (y as f32 / 7.0).cos()) * 50.0 + 120.0;
            let edge = if x > y { 30.0 } else { 0.0 };
            let grain = (i.wrapping_mul(2_654_435_761) >> 27) as f32 / 4.0;
            [soft + edge + grain, soft + grain, 255.0 - soft].map(|v| v as u8)
        };
        (0..u32::from(w) * u32::from(h)).flat_map(pixel).collect()
    }

    fn jpeg(sampling: SamplingFactor, color: ColorType, restart: u16) -> Vec<u8> {
        let (w, h) = (75, 50);
        let pixels = scene(w, h);
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 90);
        encoder.set_sampling_factor(sampling);
        if restart > 0 {
            encoder.set_restart_interval(restart);
        }
        let pixels = match color {
            ColorType::Luma => pixels.iter().copied().step_by(3).collect(),
            _ => pixels,
        };
        encoder.encode(&pixels, w, h, color).unwrap();
        bytes
    }

    /// The picture at 1/factor, and the mean difference of its levels from those that
    /// zenjpeg decodes, averaged.
    fn difference(bytes: &[u8], factor: u32, linear: bool) -> f64 {
        let scan = Scan::open(bytes).unwrap();
        let mut rows = ShrunkPlanes::new(scan, (75, 50), factor, linear, &Unstoppable);
        let small = collect(&mut rows, &crate::limits::Limits::default(), &Unstoppable).unwrap();
        let full = decoder().decode(bytes, Unstoppable).unwrap().into_pixels_u8().unwrap();
        let (up, down) = (srgb::linear_table(), srgb::byte_table());
        let f = factor as usize;
        let mut total = 0.0;
        // Only whole cells: what is beyond the edge is the encoder's affair.
        let (columns, rows) = (75 / f, 50 / f);
        for (i, v) in (0..rows * columns * 3).map(|i| {
            let (y, x, c) = (i / (columns * 3), i / 3 % columns, i % 3);
            (i, small.row(y as u32)[x * 3 + c])
        }) {
            let (y, x, c) = (i / (columns * 3), i / 3 % columns, i % 3);
            let cell = (0..f * f).map(|i| full[((y * f + i / f) * 75 + x * f + i % f) * 3 + c]);
            let count = (f * f) as f32;
            let mean = if linear {
                let sum: f32 = cell.map(|v| up[usize::from(v)]).sum();
                f64::from(down.byte(sum / count))
            } else {
                cell.map(f64::from).sum::<f64>() / f64::from(count)
            };
            total += (f64::from(v) - mean).abs();
        }
        total / (rows * columns * 3) as f64
    }

    #[test]
    fn shrunk_planes_are_averages_of_the_full_picture() {
        use SamplingFactor::{R_4_2_0, R_4_2_2, R_4_4_0, R_4_4_4};
        for sampling in [R_4_4_4, R_4_2_2, R_4_4_0, R_4_2_0] {
            let bytes = jpeg(sampling, ColorType::Rgb, 0);
            for factor in [2, 4, 8] {
                for linear in [false, true] {
                    let difference = difference(&bytes, factor, linear);
                    assert!(difference < 1.5, "{sampling:?} 1/{factor} {linear}: {difference}");
                }
            }
        }
    }

    #[test]
    fn grey_pictures_and_those_with_restarts_are_read_as_well() {
        let grey = jpeg(SamplingFactor::R_4_4_4, ColorType::Luma, 0);
        let restarting = jpeg(SamplingFactor::R_4_2_0, ColorType::Rgb, 3);

        assert!(difference(&grey, 2, false) < 0.6);
        assert!(difference(&restarting, 2, false) < 1.5);
    }

    #[test]
    fn equal_levels_stay_what_they_are_in_any_light() {
        let mean = |a: u8, b: u8| {
            let (mut light, mut levels) = (Light::new(2), [0; 4]);
            let row = [a, b, b, a].map(f32::from);
            light.shrink(&[row; 4].concat(), 4, &mut levels, 2);
            levels[0]
        };

        assert!((0..=255).all(|level| mean(level, level) == level));
        assert_eq!(mean(0, 255), 195); // of b a little more than half
    }

    #[test]
    fn grey_planes_give_grey_and_full_chroma_gives_colour() {
        let mut row = [0; 6];

        rgb(&[128, 76], &[128, 85], &[128, 255], &mut row);

        assert_eq!(row, [128, 128, 128, 254, 0, 0]);
    }
}
