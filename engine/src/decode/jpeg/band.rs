//! The rows of a JPEG at its full size, as zenjpeg decodes them band by band.

use enough::Stop;
use imgref::ImgRefMut;
use zenjpeg::decoder::ScanlineReader;

use super::damaged;
use crate::error::Result;
use crate::frame::Channels;
use crate::rows::Rows;

/// The rows of a baseline JPEG.
pub struct JpegRows<'a> {
    reader: ScanlineReader<'a>,
    stop: &'a dyn Stop,
    /// Rows that were decoded together, of which `given` were asked for.
    band: Vec<u8>,
    decoded: usize,
    given: usize,
}

impl<'a> JpegRows<'a> {
    /// All rows that *reader* gives.
    pub fn new(reader: ScanlineReader<'a>, stop: &'a dyn Stop) -> Self {
        let band = vec![0; reader.width() as usize * 3 * reader.luma_rows_per_mcu().max(8)];
        Self { reader, stop, band, decoded: 0, given: 0 }
    }
}

impl Rows for JpegRows<'_> {
    fn size(&self) -> (u32, u32) {
        (self.reader.width(), self.reader.height())
    }

    fn channels(&self) -> Channels {
        Channels::Rgb
    }

    fn next_row(&mut self) -> Result<&[u8]> {
        let stride = self.reader.width() as usize * 3;
        if self.given == self.decoded {
            self.stop.check()?;
            let rows = self.band.len() / stride;
            let band = ImgRefMut::new(&mut self.band, stride, rows);
            self.decoded = self.reader.read_rows_rgb8(band).map_err(damaged)?;
            self.given = 0;
            if self.decoded == 0 {
                return Err(damaged("it has too few rows"));
            }
        }
        self.given += 1;
        Ok(&self.band[(self.given - 1) * stride..][..stride])
    }
}
