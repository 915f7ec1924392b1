//! Pictures that are made row by row, when somebody asks for the next row.
//!
//! A decoder, a resize and an encoder in a chain hand rows to each other, so none of the
//! frames between them exists. Whoever needs a whole frame collects the rows.

mod ahead;

use std::borrow::Borrow;

use enough::Stop;

use crate::error::Result;
use crate::frame::{Channels, Frame, Rect, add_alpha};
use crate::limits::Limits;

pub use ahead::{Thread, Threads, Work, ahead};

/// Rows of a picture, from the top.
pub trait Rows: Send {
    /// Width and height of the whole picture.
    fn size(&self) -> (u32, u32);

    /// What each pixel has.
    fn channels(&self) -> Channels;

    /// Said before the first row by one who will scale the picture to *to*: what makes the
    /// rows may change [`Self::size`] to another that serves as well and is less work.
    fn will_be_scaled(&mut self, _to: (u32, u32)) {}

    /// The next row. Asked for no more often than there are rows.
    ///
    /// # Errors
    /// The source is damaged, or the job was asked to stop.
    fn next_row(&mut self) -> Result<&[u8]>;
}

/// A picture on its way from one node to the next.
pub enum Picture<'a> {
    /// All of it, in memory.
    Frame(Frame),
    /// Rows yet to be made.
    Rows(Box<dyn Rows + 'a>),
}

impl<'a> Picture<'a> {
    /// Width and height.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        match self {
            Self::Frame(frame) => frame.size(),
            Self::Rows(rows) => rows.size(),
        }
    }

    /// What each pixel has.
    #[must_use]
    pub fn channels(&self) -> Channels {
        match self {
            Self::Frame(frame) => frame.channels(),
            Self::Rows(rows) => rows.channels(),
        }
    }

    /// The picture in memory.
    ///
    /// # Errors
    /// Making its rows failed, or there is no room for them.
    pub fn into_frame(self, limits: &Limits, stop: &dyn Stop) -> Result<Frame> {
        match self {
            Self::Frame(frame) => Ok(frame),
            Self::Rows(mut rows) => collect(&mut *rows, limits, stop),
        }
    }

    /// The picture as rows.
    #[must_use]
    pub fn into_rows(self) -> Box<dyn Rows + 'a> {
        match self {
            Self::Frame(frame) => {
                let part = frame.rect();
                Box::new(FrameRows::new(frame, part))
            }
            Self::Rows(rows) => rows,
        }
    }

    /// The rows of *part*, which lies inside the picture.
    #[must_use]
    pub fn into_rows_of(self, part: Rect, stop: &'a dyn Stop) -> Box<dyn Rows + 'a> {
        match self {
            Self::Frame(frame) => Box::new(FrameRows::new(frame, part)),
            Self::Rows(rows) if part == whole(rows.size()) => rows,
            Self::Rows(rows) => Box::new(Part { rows, part, skipped: false, stop }),
        }
    }
}

/// A picture of this size as a rectangle.
#[must_use]
pub fn whole((w, h): (u32, u32)) -> Rect {
    Rect { x1: 0, y1: 0, x2: w, y2: h }
}

/// Make all rows.
///
/// # Errors
/// Making a row failed, there is no room for them, or the job was asked to stop.
pub fn collect(rows: &mut dyn Rows, limits: &Limits, stop: &dyn Stop) -> Result<Frame> {
    let (w, h) = rows.size();
    let paid = limits.collected(w, h, rows.channels())?;
    Frame::by_rows(&paid, stop, |_, row| {
        row.copy_from_slice(rows.next_row()?);
        Ok(())
    })
}

/// The rows of a part of a frame, borrowed or owned.
pub struct FrameRows<F> {
    frame: F,
    part: Rect,
    next: u32,
}

impl<F: Borrow<Frame>> FrameRows<F> {
    /// The rows of *part*, which lies inside *frame*.
    pub fn new(frame: F, part: Rect) -> Self {
        Self { frame, part, next: 0 }
    }
}

impl<F: Borrow<Frame> + Send> Rows for FrameRows<F> {
    fn size(&self) -> (u32, u32) {
        (self.part.w(), self.part.h())
    }

    fn channels(&self) -> Channels {
        self.frame.borrow().channels()
    }

    fn next_row(&mut self) -> Result<&[u8]> {
        self.next += 1;
        Ok(self.frame.borrow().part(self.part, self.next - 1))
    }
}

/// A part of a picture that is made row by row.
struct Part<'a> {
    rows: Box<dyn Rows + 'a>,
    part: Rect,
    skipped: bool,
    stop: &'a dyn Stop,
}

impl Rows for Part<'_> {
    fn size(&self) -> (u32, u32) {
        (self.part.w(), self.part.h())
    }

    fn channels(&self) -> Channels {
        self.rows.channels()
    }

    fn next_row(&mut self) -> Result<&[u8]> {
        if !self.skipped {
            self.skipped = true;
            for _ in 0..self.part.y1 {
                self.stop.check()?;
                self.rows.next_row()?;
            }
        }
        let n = self.rows.channels().count();
        let row = self.rows.next_row()?;
        Ok(&row[self.part.x1 as usize * n..self.part.x2 as usize * n])
    }
}

/// *picture*, whose rows name the input, and the node that decodes it, in their errors.
#[must_use]
pub fn of_input<'a>(picture: Picture<'a>, io_id: i32, node: &'static str) -> Picture<'a> {
    match picture {
        Picture::Rows(rows) => Picture::Rows(Box::new(OfInput { rows, io_id, node })),
        frame @ Picture::Frame(_) => frame,
    }
}

struct OfInput<'a> {
    rows: Box<dyn Rows + 'a>,
    io_id: i32,
    node: &'static str,
}

impl Rows for OfInput<'_> {
    fn size(&self) -> (u32, u32) {
        self.rows.size()
    }

    fn channels(&self) -> Channels {
        self.rows.channels()
    }

    fn will_be_scaled(&mut self, to: (u32, u32)) {
        self.rows.will_be_scaled(to);
    }

    fn next_row(&mut self) -> Result<&[u8]> {
        self.rows.next_row().map_err(|error| error.of_input(self.io_id).of_node(self.node))
    }
}

/// Rows without alpha as rows that have it.
pub struct WithAlpha<'a> {
    rows: Box<dyn Rows + 'a>,
    row: Vec<u8>,
}

impl<'a> WithAlpha<'a> {
    /// The same rows, with alpha.
    #[must_use]
    pub fn wrap(rows: Box<dyn Rows + 'a>) -> Box<dyn Rows + 'a> {
        match rows.channels() {
            Channels::Rgba => rows,
            Channels::Rgb => {
                let row = vec![255; rows.size().0 as usize * 4];
                Box::new(Self { rows, row })
            }
        }
    }
}

impl Rows for WithAlpha<'_> {
    fn size(&self) -> (u32, u32) {
        self.rows.size()
    }

    fn channels(&self) -> Channels {
        Channels::Rgba
    }

    fn next_row(&mut self) -> Result<&[u8]> {
        add_alpha(self.rows.next_row()?, &mut self.row);
        Ok(&self.row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use enough::Unstoppable;

    fn counting(w: u32, h: u32) -> Frame {
        let paid = Limits::default().canvas(w.into(), h.into(), Channels::Rgb).unwrap();
        let mut frame = Frame::new(&paid, &Unstoppable).unwrap();
        for (i, byte) in frame.px_mut().iter_mut().enumerate() {
            *byte = i as u8;
        }
        frame
    }

    #[test]
    fn a_part_of_rows_is_the_same_as_a_part_of_the_frame() {
        let part = Rect { x1: 1, y1: 1, x2: 3, y2: 3 };
        let mut cropped = counting(4, 4);
        cropped.crop(part, &Unstoppable).unwrap();

        let frame = counting(4, 4);
        let rows = Picture::Rows(Box::new(FrameRows::new(&frame, frame.rect())));
        let collected =
            collect(&mut *rows.into_rows_of(part, &Unstoppable), &Limits::default(), &Unstoppable);

        assert_eq!(collected.unwrap(), cropped);
    }

    #[test]
    fn rows_with_alpha_added_are_opaque() {
        let frame = counting(2, 1);
        let mut rows = WithAlpha::wrap(Box::new(FrameRows::new(&frame, frame.rect())));

        assert_eq!(rows.next_row().unwrap(), [0, 1, 2, 255, 3, 4, 5, 255]);
    }
}
