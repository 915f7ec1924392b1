//! The node `crop_whitespace`: find what is not border.

use enough::Stop;

use crate::error::{Error, Kind, Result};
use crate::frame::{Channels, Frame, Rect};

/// Keep what differs from its surroundings by more than *threshold*, and around it
/// *percent* of the mean of its sides. A picture without such a thing stays whole.
///
/// # Errors
/// A negative *percent* leaves nothing, or the job was asked to stop.
pub fn crop_whitespace(
    frame: &mut Frame,
    threshold: u32,
    percent: f32,
    stop: &dyn Stop,
) -> Result<()> {
    let found = content(frame, threshold, stop)?.unwrap_or(frame.rect());
    let rect = padded(found, percent, frame.size());
    if rect.x1 >= rect.x2 || rect.y1 >= rect.y2 {
        let text = format!("A padding of {percent} percent leaves nothing of {found:?}");
        return Err(Error::new(Kind::InvalidNodeParams, text));
    }
    frame.crop(rect, stop)
}

fn padded(rect: Rect, percent: f32, (w, h): (u32, u32)) -> Rect {
    let mean = (rect.w() as f32 + rect.h() as f32) / 2.0;
    let padding = (percent / 100.0 * mean).ceil() as i64; // what is not a number is none
    let edge =
        |at: u32, out: i64, side: u32| i64::from(at).saturating_add(out).clamp(0, side.into());
    Rect {
        x1: edge(rect.x1, padding.saturating_neg(), w) as u32,
        y1: edge(rect.y1, padding.saturating_neg(), h) as u32,
        x2: edge(rect.x2, padding, w) as u32,
        y2: edge(rect.y2, padding, h) as u32,
    }
}

/// How many pixels a window has at most, and how many in a row.
const WINDOW: usize = 2048;
const WINDOW_WIDTH: u32 = WINDOW as u32 / 7;

/// A side of the part that is searched: the last line does not belong to it, unless the
/// picture is hardly larger than what one looks at.
fn searched(side: u32) -> u32 {
    if side > 7 { side - 1 } else { side }
}

/// The smallest rectangle around all edges; nothing when there are none across or down.
///
/// The windows are those of upstream, which skips what lies inside the rectangle that it
/// has already, and so misses an edge here and there.
fn content(frame: &Frame, threshold: u32, stop: &dyn Stop) -> Result<Option<Rect>> {
    let (w, h) = frame.size();
    if w < 3 || h < 3 {
        return Ok(None);
    }
    let region = (searched(w), searched(h));
    let width = region.0.min(WINDOW_WIDTH);
    let height = region.1.min(WINDOW as u32 / width);
    let (mut across, mut down) = (Span { start: w, end: 0 }, Span { start: h, end: 0 });
    for top in (0..region.1).step_by(height as usize - 2) {
        stop.check()?;
        for left in (0..region.0).step_by(width as usize - 2) {
            let x = Span { start: left, end: left + (region.0 - left).max(3).min(width) };
            let y = Span { start: top, end: top + (region.1 - top).max(3).min(height) };
            let (x_known, y_known) = (across.surrounds(x), down.surrounds(y));
            if x_known && y_known {
                continue;
            }
            let x = if y_known { x.without(across) } else { x }.within(w);
            let y = if x_known { y.without(down) } else { y }.within(h);
            search(frame, x, y, threshold, &mut across, &mut down);
        }
    }
    let rect = Rect { x1: across.start, y1: down.start, x2: across.end, y2: down.end };
    Ok(Some(rect).filter(|rect| rect.x1 < rect.x2 && rect.y1 < rect.y2))
}

/// From one line between pixels to another.
#[derive(Clone, Copy)]
struct Span {
    start: u32,
    end: u32,
}

impl Span {
    fn len(self) -> u32 {
        self.end - self.start
    }

    fn surrounds(self, inner: Self) -> bool {
        self.start < inner.start && self.end > inner.end
    }

    fn include(&mut self, start: u32, end: u32) {
        self.start = self.start.min(start);
        self.end = self.end.max(end);
    }

    /// What is left of it outside of *known*, but no less than 3 pixels.
    fn without(self, known: Self) -> Self {
        let Self { start, end } = self;
        if known.start < end && end < known.end {
            Self { start, end: start + (known.start - start).max(3) }
        } else if known.start < start && start < known.end {
            Self { start: known.end.min(end - 3), end }
        } else {
            self
        }
    }

    /// The same, moved so that it ends before *side*.
    fn within(self, side: u32) -> Self {
        let len = self.len().min(side);
        let start = self.start.min(side - len);
        Self { start, end: start + len }
    }
}

/// Take the edges of one window into the spans.
fn search(frame: &Frame, x: Span, y: Span, threshold: u32, across: &mut Span, down: &mut Span) {
    let w = x.len() as usize;
    let mut window = [0u8; WINDOW];
    for (y, to) in (y.start..y.end).zip(window.chunks_exact_mut(w)) {
        grey(frame, x.start, y, to);
    }
    for row in 1..y.len() as usize - 1 {
        for column in 1..w - 1 {
            let rows = [row - 1, row, row + 1].map(|row| &window[row * w + column - 1..]);
            let near = Near(rows.map(|row| [row[0], row[1], row[2]].map(i32::from)));
            if near.slope() > threshold {
                let (columns, rows) = near.steps(threshold);
                let (left, top) = (x.start + column as u32 - 1, y.start + row as u32 - 1);
                across.include(left + columns.start, left + columns.end);
                down.include(top + rows.start, top + rows.end);
            }
        }
    }
}

/// A part of a row as upstream's greys; what is transparent is black.
fn grey(frame: &Frame, x: u32, y: u32, to: &mut [u8]) {
    let weigh = |r: u8, g: u8, b: u8| 233 * u32::from(b) + 1197 * u32::from(g) + 610 * u32::from(r);
    let row = &frame.row(y)[x as usize * frame.channels().count()..];
    match frame.channels() {
        Channels::Rgb => {
            for (to, &[r, g, b]) in to.iter_mut().zip(row.as_chunks().0) {
                *to = (weigh(r, g, b) / 2048) as u8;
            }
        }
        Channels::Rgba => {
            for (to, &[r, g, b, a]) in to.iter_mut().zip(row.as_chunks().0) {
                *to = (weigh(r, g, b) * u32::from(a)).div_ceil(1 << 19).min(255) as u8;
            }
        }
    }
}

/// Three rows of three pixels.
struct Near([[i32; 3]; 3]);

impl Near {
    /// Scharr's measure of how steep the picture is here.
    fn slope(&self) -> u32 {
        let [[a, b, c], [d, _, e], [f, g, h]] = self.0;
        let gx = 3 * a + 10 * d + 3 * f - (3 * c + 10 * e + 3 * h);
        let gy = 3 * a + 10 * b + 3 * c - (3 * f + 10 * g + 3 * h);
        gx.unsigned_abs() + gy.unsigned_abs()
    }

    /// From the first to the last line that a step above the threshold runs along, and
    /// the pixels beside it the other way. Without a step start lies behind end.
    fn steps(&self, threshold: u32) -> (Span, Span) {
        let none = Span { start: 2, end: 1 };
        let (mut columns, mut rows) = (none, none);
        for side in 0..3 {
            for line in 1..3 {
                let along = side as u32;
                if self.0[side][line - 1].abs_diff(self.0[side][line]) > threshold {
                    columns.include(line as u32, line as u32);
                    rows.include(along, along + 1);
                }
                if self.0[line - 1][side].abs_diff(self.0[line][side]) > threshold {
                    rows.include(line as u32, line as u32);
                    columns.include(along, along + 1);
                }
            }
        }
        (columns, rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use enough::Unstoppable;

    use crate::limits::Limits;

    fn picture(size: (u32, u32), content: Rect, border: u8, inside: u8) -> Frame {
        let paid = Limits::default().canvas(size.0.into(), size.1.into(), Channels::Rgb).unwrap();
        let mut frame = Frame::new(&paid, &Unstoppable).unwrap();
        let grey = |v| crate::color::Rgba { r: v, g: v, b: v, a: 255 };
        frame.fill(frame.rect(), grey(border), &Unstoppable).unwrap();
        frame.fill(content, grey(inside), &Unstoppable).unwrap();
        frame
    }

    fn trimmed(mut frame: Frame, threshold: u32, percent: f32) -> (u32, u32) {
        crop_whitespace(&mut frame, threshold, percent, &Unstoppable).unwrap();
        frame.size()
    }

    const CONTENT: Rect = Rect { x1: 5, y1: 7, x2: 15, y2: 13 };

    #[test]
    fn a_uniform_border_of_any_colour_is_cut_off() {
        assert_eq!(trimmed(picture((30, 20), CONTENT, 255, 0), 80, 0.0), (10, 6));
        assert_eq!(trimmed(picture((30, 20), CONTENT, 0, 255), 80, 0.0), (10, 6));
    }

    #[test]
    fn padding_is_a_share_of_the_mean_side_and_stays_inside() {
        assert_eq!(trimmed(picture((30, 20), CONTENT, 255, 0), 80, 25.0), (14, 10));
        assert_eq!(trimmed(picture((30, 20), CONTENT, 255, 0), 80, 1e30), (30, 20));
    }

    #[test]
    fn a_picture_without_content_stays_whole() {
        assert_eq!(trimmed(picture((30, 20), CONTENT, 9, 9), 80, 0.0), (30, 20));
        assert_eq!(
            trimmed(picture((2, 2), Rect { x1: 0, y1: 0, x2: 1, y2: 1 }, 0, 255), 1, 0.0),
            (2, 2)
        );
    }
}
