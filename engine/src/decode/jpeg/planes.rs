//! The fast way to a half, a quarter and an eighth of a JPEG's size.
//!
//! Averages of the luma plane, and of the chroma planes as far as they are not small
//! already, are taken before anything is upsampled or becomes RGB. Scaled transforms of
//! the coefficients would save nothing more: reading the coefficients is what takes time.

use enough::Stop;
use zenjpeg::decoder::ScanlineReader;

use super::damaged;
use crate::error::Result;
use crate::frame::Channels;
use crate::rows::Rows;
use crate::srgb::{self, ByteTable};

/// Rows of RGB, made from planes that are shrunk by a factor of 2, 4 or 8.
pub struct ShrunkPlanes<'a> {
    reader: ScanlineReader<'a>,
    stop: &'a dyn Stop,
    factor: usize,
    size: (u32, u32),
    luma: Plane,
    chroma: [Plane; 2],
    /// For averages of luma in linear light.
    light: Option<Light>,
    band: Vec<u8>,
    made: usize,
    given: usize,
}

/// A band of one plane.
struct Plane {
    samples: Vec<i16>,
    stride: usize,
    /// What is there of each row.
    w: usize,
    /// Samples of the full picture for each of this plane.
    step: (usize, usize),
    /// The band, shrunk.
    small: Vec<u8>,
    small_stride: usize,
}

impl Plane {
    fn new(w: usize, rows: usize, step: (usize, usize), factor: usize) -> Self {
        let (fx, fy) = (factor / step.0, factor / step.1);
        let stride = w.next_multiple_of(fx.max(8));
        let small_stride = stride / fx;
        Self {
            samples: vec![0; stride * rows],
            stride,
            w,
            step,
            small: vec![0; small_stride * rows.div_ceil(fy)],
            small_stride,
        }
    }

    /// Average the first *rows* rows into cells.
    fn shrink(&mut self, rows: usize, factor: usize, light: Option<&Light>) {
        let (fx, fy) = (factor / self.step.0, factor / self.step.1);
        if rows == 0 {
            return;
        }
        for row in self.samples.chunks_exact_mut(self.stride).take(rows) {
            let last = row[self.w - 1];
            row[self.w..].fill(last);
        }
        let bands = self.samples[..rows * self.stride].chunks(fy * self.stride);
        for (band, small) in bands.zip(self.small.chunks_exact_mut(self.small_stride)) {
            match light {
                Some(light) => light.average(band, self.stride, fx, small),
                None => average(band, self.stride, fx, small),
            }
        }
    }
}

/// The mean of each cell of *fx* columns and all rows of *band*.
fn average(band: &[i16], stride: usize, fx: usize, small: &mut [u8]) {
    let rows: Vec<&[i16]> = band.chunks_exact(stride).collect();
    match (rows.as_slice(), fx) {
        (&[row], 1) => {
            small.iter_mut().zip(row).for_each(|(v, &a)| *v = a.clamp(0, 255) as u8);
        }
        (&[a, b], 2) => {
            let cells = a.as_chunks::<2>().0.iter().zip(b.as_chunks::<2>().0);
            for (v, (&[a, b], &[c, d])) in small.iter_mut().zip(cells) {
                *v = ((a + b + c + d + 2) >> 2).clamp(0, 255) as u8;
            }
        }
        (rows, _) => {
            let count = (fx * rows.len()) as i32;
            for (x, v) in small.iter_mut().enumerate() {
                let cell = rows.iter().flat_map(|row| &row[x * fx..(x + 1) * fx]);
                let sum = cell.map(|&v| i32::from(v)).sum::<i32>() + count / 2;
                *v = (sum / count).clamp(0, 255) as u8;
            }
        }
    }
}

/// Linear light of each luma level, in the steps of the way back.
struct Light {
    up: [u32; 256],
    down: ByteTable,
}

impl Light {
    fn new() -> Self {
        let up = srgb::linear_table().map(|light| (light * ByteTable::STEPS as f32 + 0.5) as u32);
        Self { up, down: srgb::byte_table() }
    }

    fn of(&self, luma: i16) -> u32 {
        self.up[luma.clamp(0, 255) as usize]
    }

    /// The same as [`average`], in linear light.
    fn average(&self, band: &[i16], stride: usize, fx: usize, small: &mut [u8]) {
        let rows: Vec<&[i16]> = band.chunks_exact(stride).collect();
        if let (&[a, b], 2) = (rows.as_slice(), fx) {
            let cells = a.as_chunks::<2>().0.iter().zip(b.as_chunks::<2>().0);
            for (v, (&[a, b], &[c, d])) in small.iter_mut().zip(cells) {
                let sum = self.of(a) + self.of(b) + self.of(c) + self.of(d);
                *v = self.down.byte_of_step((sum + 2) >> 2);
            }
            return;
        }
        let count = (fx * rows.len()) as u32;
        for (x, v) in small.iter_mut().enumerate() {
            let cell = rows.iter().flat_map(|row| &row[x * fx..(x + 1) * fx]);
            let sum = cell.map(|&v| self.of(v)).sum::<u32>() + count / 2;
            *v = self.down.byte_of_step(sum / count);
        }
    }
}

impl<'a> ShrunkPlanes<'a> {
    /// The picture that *reader* gives, a *factor* smaller.
    #[must_use]
    pub fn new(reader: ScanlineReader<'a>, factor: u32, linear: bool, stop: &'a dyn Stop) -> Self {
        let (w, h) = (reader.width(), reader.height());
        let size = (w.div_ceil(factor), h.div_ceil(factor));
        let factor = factor as usize;
        let rows = reader.luma_rows_per_mcu();
        let luma = Plane::new(w as usize, rows, (1, 1), factor);
        let sampling = reader.subsampling();
        let step = (
            usize::from(sampling.h_samp_factor_luma()),
            usize::from(sampling.v_samp_factor_luma()),
        );
        let chroma_w = reader.chroma_width() as usize;
        let plane = || Plane::new(chroma_w.max(1), rows / step.1, step, factor);
        Self {
            stop,
            factor,
            size,
            luma,
            chroma: [plane(), plane()],
            light: linear.then(Light::new),
            band: vec![0; size.0 as usize * 3 * rows.div_ceil(factor)],
            made: 0,
            given: 0,
            reader,
        }
    }

    fn next_band(&mut self) -> Result<()> {
        self.stop.check()?;
        let [cb, cr] = &mut self.chroma;
        let (rows, chroma_rows) = self
            .reader
            .read_rows_ycbcr_native_i16(
                &mut self.luma.samples,
                self.luma.stride,
                &mut cb.samples,
                &mut cr.samples,
                cb.stride,
                1,
            )
            .map_err(damaged)?;
        if rows == 0 {
            return Err(damaged("it has too few rows"));
        }
        self.luma.shrink(rows, self.factor, self.light.as_ref());
        self.chroma.iter_mut().for_each(|plane| plane.shrink(chroma_rows, self.factor, None));
        self.made = rows.div_ceil(self.factor);
        self.given = 0;
        let w = self.size.0 as usize;
        for (y, row) in self.band.chunks_exact_mut(w * 3).take(self.made).enumerate() {
            let luma = &self.luma.small[y * self.luma.small_stride..][..w];
            if chroma_rows == 0 {
                grey(luma, row);
            } else {
                let [cb, cr] = &self.chroma;
                let at = y * cb.small_stride;
                rgb(luma, &cb.small[at..][..w], &cr.small[at..][..w], row);
            }
        }
        Ok(())
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
        if self.given == self.made {
            self.next_band()?;
        }
        self.given += 1;
        let stride = self.size.0 as usize * 3;
        Ok(&self.band[(self.given - 1) * stride..][..stride])
    }
}

fn grey(luma: &[u8], row: &mut [u8]) {
    for (px, &y) in row.as_chunks_mut::<3>().0.iter_mut().zip(luma) {
        *px = [y; 3];
    }
}

/// JFIF's conversion, in 16 bit fractions.
fn rgb(luma: &[u8], cb: &[u8], cr: &[u8], row: &mut [u8]) {
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
    use super::*;

    #[test]
    fn cells_are_averaged_as_they_are_or_in_linear_light() {
        let band = [0, 255, 10, 10, 255, 0, 10, 10];
        let mut small = [0; 2];

        average(&band, 4, 2, &mut small);
        assert_eq!(small, [128, 10]);
        Light::new().average(&band, 4, 2, &mut small);
        assert_eq!(small, [188, 10]);
    }

    #[test]
    fn grey_planes_give_grey_and_full_chroma_gives_colour() {
        let mut row = [0; 6];

        rgb(&[128, 76], &[128, 85], &[128, 255], &mut row);

        assert_eq!(row, [128, 128, 128, 254, 0, 0]);
    }
}
