//! A baseline JPEG that is not decoded before somebody knows at which size.

use enough::Stop;

use super::head::Markers;
use super::{Plain, band, damaged, decoder, eighths, planes, scan};
use crate::error::{Kind, Result};
use crate::frame::Channels;
use crate::rows::Rows;

/// Pixels from which on it is worth while to shrink otherwise than upstream does.
const LARGE: u64 = 1_000_000;

/// The rows of a baseline JPEG at n/8 of its size, or at another size once it is known
/// that it will be scaled anyway.
pub struct LazyRows<'a> {
    bytes: &'a [u8],
    plain: Plain,
    stop: &'a dyn Stop,
    rows: Option<Box<dyn Rows + 'a>>,
    row: Vec<u8>,
    given: u32,
}

impl<'a> LazyRows<'a> {
    /// The picture, of which all components are in one scan.
    #[must_use]
    pub fn new(bytes: &'a [u8], plain: Plain, stop: &'a dyn Stop) -> Self {
        Self { bytes, plain, stop, rows: None, row: Vec::new(), given: 0 }
    }

    fn start(&mut self) -> Result<Box<dyn Rows + 'a>> {
        let Plain { size, eighths, hint } = self.plain;
        let linear = hint.is_some_and(|hint| hint.linear);
        let is_simple = matches!(eighths, 1 | 2 | 4);
        if let Some(scan) = is_simple.then(|| scan::Scan::open(self.bytes)).flatten() {
            let factor = 8 / eighths;
            let planes = planes::ShrunkPlanes::new(scan, size, factor, linear, self.stop);
            return Ok(Box::new(planes));
        }
        let reader = match decoder().scanline_reader(self.bytes) {
            Ok(reader) => reader,
            Err(_) => return self.rest(),
        };
        let rows = Box::new(band::JpegRows::new(reader, self.stop));
        if eighths == 8 {
            return Ok(rows);
        }
        Ok(Box::new(eighths::Shrunk::new(rows, eighths, linear)))
    }

    /// The rows that were not given yet, as libjpeg decodes them, whom damage does not stop.
    fn rest(&mut self) -> Result<Box<dyn Rows + 'a>> {
        let mut rows = self.plain.drawn(&mut Markers::new(self.bytes)?, self.stop)?;
        rows.next = self.given;
        Ok(Box::new(rows))
    }
}

impl Rows for LazyRows<'_> {
    fn size(&self) -> (u32, u32) {
        eighths::size(self.plain.size, self.plain.eighths)
    }

    fn channels(&self) -> Channels {
        Channels::Rgb
    }

    /// Eighths that are no power of two cost more than the whole picture. For a large one
    /// the half, which is the cheapest of all, does as well wherever it is large enough.
    fn will_be_scaled(&mut self, to: (u32, u32)) {
        let (w, h) = self.plain.size;
        let is_large = u64::from(w) * u64::from(h) >= LARGE;
        if self.rows.is_none() && is_large && matches!(self.plain.eighths, 3 | 5 | 6) {
            let half = eighths::size(self.plain.size, 4);
            let is_enough = half.0 >= to.0 && half.1 >= to.1;
            self.plain.eighths = if is_enough { 4 } else { 8 };
        }
    }

    fn next_row(&mut self) -> Result<&[u8]> {
        let mut rows = match self.rows.take() {
            Some(rows) => rows,
            None => self.start()?,
        };
        self.row.resize(self.size().0 as usize * 3, 0);
        match rows.next_row() {
            Ok(row) => self.row.copy_from_slice(row),
            Err(error) if error.kind == Kind::JpegDecodingError => {
                rows = self.rest().map_err(|_| damaged(error))?;
                self.row.copy_from_slice(rows.next_row()?);
            }
            Err(error) => return Err(error),
        }
        self.given += 1;
        self.rows = Some(rows);
        Ok(&self.row)
    }
}
