//! The node `crop_whitespace`: find what is not border.

use enough::Stop;

use crate::error::Result;
use crate::frame::{Channels, Frame, Rect};

/// Keep what differs from its surroundings by more than *threshold*, and around it
/// *percent* of the mean of its sides. A picture without such a thing stays whole.
///
/// # Errors
/// The job was asked to stop.
pub fn crop_whitespace(
    frame: &mut Frame,
    threshold: u32,
    percent: f32,
    stop: &dyn Stop,
) -> Result<()> {
    if frame.w() < 3 || frame.h() < 3 {
        return Ok(());
    }
    if let Some(found) = content(frame, threshold, stop)? {
        let rect = padded(found, percent, frame.size());
        frame.crop(rect);
    }
    Ok(())
}

fn padded(rect: Rect, percent: f32, (w, h): (u32, u32)) -> Rect {
    let mean = (rect.w() as f32 + rect.h() as f32) / 2.0;
    let padding = (percent / 100.0 * mean).ceil() as u32; // what is not a number is none
    Rect {
        x1: rect.x1.saturating_sub(padding),
        y1: rect.y1.saturating_sub(padding),
        x2: rect.x2.saturating_add(padding).min(w),
        y2: rect.y2.saturating_add(padding).min(h),
    }
}

/// The smallest rectangle around all edges; nothing when there are none across or down.
fn content(frame: &Frame, threshold: u32, stop: &dyn Stop) -> Result<Option<Rect>> {
    let w = frame.w() as usize;
    let mut rows = [vec![0; w], vec![0; w], vec![0; w]];
    grey(frame, 0, &mut rows[1]);
    grey(frame, 1, &mut rows[2]);
    let (mut across, mut down) = (Extent::NONE, Extent::NONE);
    for y in 1..frame.h() - 1 {
        stop.check()?;
        rows.rotate_left(1);
        grey(frame, y + 1, &mut rows[2]);
        for x in 1..frame.w() - 1 {
            let near = Near { rows: &rows, x: x as usize };
            if near.slope() > threshold {
                let (columns, rows) = near.steps(threshold);
                across.include(x, columns);
                down.include(y, rows);
            }
        }
    }
    let rect = Rect { x1: across.start, y1: down.start, x2: across.end, y2: down.end };
    Ok(Some(rect).filter(|rect| rect.x1 < rect.x2 && rect.y1 < rect.y2))
}

/// From the first to the last line between pixels that an edge runs along.
struct Extent {
    start: u32,
    end: u32,
}

impl Extent {
    const NONE: Self = Self { start: u32::MAX, end: 0 };

    /// Take in the lines before and after the pixel at *at*, where there is an edge.
    fn include(&mut self, at: u32, [before, after]: [bool; 2]) {
        if before {
            self.start = self.start.min(at);
            self.end = self.end.max(at);
        }
        if after {
            self.start = self.start.min(at + 1);
            self.end = self.end.max(at + 1);
        }
    }
}

/// A row as upstream's greys; what is transparent is black.
fn grey(frame: &Frame, y: u32, to: &mut [i32]) {
    let weigh = |r: u8, g: u8, b: u8| 233 * u32::from(b) + 1197 * u32::from(g) + 610 * u32::from(r);
    let row = frame.row(y);
    match frame.channels() {
        Channels::Rgb => {
            for (to, &[r, g, b]) in to.iter_mut().zip(row.as_chunks().0) {
                *to = (weigh(r, g, b) / 2048) as i32;
            }
        }
        Channels::Rgba => {
            for (to, &[r, g, b, a]) in to.iter_mut().zip(row.as_chunks().0) {
                *to = ((weigh(r, g, b) * u32::from(a)).div_ceil(1 << 19)) as i32;
            }
        }
    }
}

/// The 3×3 pixels around column *x* of the middle row.
struct Near<'a> {
    rows: &'a [Vec<i32>; 3],
    x: usize,
}

impl Near<'_> {
    fn at(&self, x: usize, y: usize) -> i32 {
        self.rows[y][self.x + x - 1]
    }

    /// Scharr's measure of how steep the picture is here.
    fn slope(&self) -> u32 {
        let sum = |side: [(usize, usize); 3]| {
            let [a, b, c] = side.map(|(x, y)| self.at(x, y));
            3 * a + 10 * b + 3 * c
        };
        let gx = sum([(0, 0), (0, 1), (0, 2)]) - sum([(2, 0), (2, 1), (2, 2)]);
        let gy = sum([(0, 0), (1, 0), (2, 0)]) - sum([(0, 2), (1, 2), (2, 2)]);
        gx.unsigned_abs() + gy.unsigned_abs()
    }

    /// Whether there is a step before and after the middle column, and row. Where the
    /// picture is steep, but has no step above the threshold, the largest one counts.
    fn steps(&self, threshold: u32) -> ([bool; 2], [bool; 2]) {
        let largest = |step: &dyn Fn(usize) -> u32| (0..3).map(step).max().unwrap_or(0);
        let columns = [0, 1].map(|x| largest(&|y| self.at(x, y).abs_diff(self.at(x + 1, y))));
        let rows = [0, 1].map(|y| largest(&|x| self.at(x, y).abs_diff(self.at(x, y + 1))));
        let most = columns.iter().chain(&rows).copied().max().unwrap_or(0);
        let enough = threshold.min(most.saturating_sub(1));
        (columns.map(|step| step > enough), rows.map(|step| step > enough))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    fn picture(size: (u32, u32), content: Rect, border: u8, inside: u8) -> Frame {
        let paid = Limits::default().canvas(size.0.into(), size.1.into(), Channels::Rgb).unwrap();
        let mut frame = Frame::new(&paid).unwrap();
        let grey = |v| crate::color::Rgba { r: v, g: v, b: v, a: 255 };
        frame.fill(frame.rect(), grey(border));
        frame.fill(content, grey(inside));
        frame
    }

    fn trimmed(mut frame: Frame, threshold: u32, percent: f32) -> (u32, u32) {
        crop_whitespace(&mut frame, threshold, percent, &enough::Unstoppable).unwrap();
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
