//! A baseline JPEG that is not decoded before somebody knows at which size.

use enough::Stop;

use super::{Plain, band, damaged, decoder, eighths, planes, scan};
use crate::error::Result;
use crate::frame::Channels;
use crate::rows::Rows;

/// Pixels from which on it matters what decoding costs.
const LARGE: u64 = 1_000_000;

/// The rows of a baseline JPEG at n/8 of its size, or at another size once it is known
/// that it will be scaled anyway.
pub struct LazyRows<'a> {
    bytes: &'a [u8],
    plain: Plain,
    eighths: u32,
    stop: &'a dyn Stop,
    rows: Option<Box<dyn Rows + 'a>>,
}

impl<'a> LazyRows<'a> {
    /// The picture at so many eighths of its size.
    #[must_use]
    pub fn new(bytes: &'a [u8], plain: Plain, eighths: u32, stop: &'a dyn Stop) -> Self {
        Self { bytes, plain, eighths, stop, rows: None }
    }

    fn start(&self) -> Result<Box<dyn Rows + 'a>> {
        let Plain { linear, size, planes } = self.plain;
        let is_simple = planes && matches!(self.eighths, 1 | 2 | 4);
        if let Some(scan) = is_simple.then(|| scan::Scan::open(self.bytes)).flatten() {
            let factor = 8 / self.eighths;
            let planes = planes::ShrunkPlanes::new(scan, size, factor, linear, self.stop);
            return Ok(Box::new(planes));
        }
        let reader = decoder().scanline_reader(self.bytes).map_err(damaged)?;
        let rows = Box::new(band::JpegRows::new(reader, self.stop));
        if self.eighths == 8 {
            return Ok(rows);
        }
        Ok(Box::new(eighths::Shrunk::new(rows, self.eighths, linear)))
    }
}

impl Rows for LazyRows<'_> {
    fn size(&self) -> (u32, u32) {
        eighths::size(self.plain.size, self.eighths)
    }

    fn channels(&self) -> Channels {
        Channels::Rgb
    }

    /// Eighths that are no power of two cost more than the whole picture. For a large one
    /// the half, which is the cheapest of all, does as well wherever it is large enough; a
    /// small one is shrunk just as upstream shrinks it.
    fn will_be_scaled(&mut self, to: (u32, u32)) {
        let (w, h) = self.plain.size;
        let is_large = u64::from(w) * u64::from(h) >= LARGE;
        if self.rows.is_none() && is_large && matches!(self.eighths, 3 | 5 | 6) {
            let half = eighths::size(self.plain.size, 4);
            let is_enough = half.0 >= to.0 && half.1 >= to.1;
            self.eighths = if self.plain.planes && is_enough { 4 } else { 8 };
        }
    }

    fn next_row(&mut self) -> Result<&[u8]> {
        let rows = match self.rows.take() {
            Some(rows) => rows,
            None => self.start()?,
        };
        self.rows.insert(rows).next_row()
    }
}
