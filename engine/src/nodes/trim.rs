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

/// The smallest rectangle around all edges.
fn content(frame: &Frame, threshold: u32, stop: &dyn Stop) -> Result<Option<Rect>> {
    let (w, h) = (frame.w() as usize, frame.h() as usize);
    let mut rows = [vec![0; w], vec![0; w], vec![0; w]];
    grey(frame, 0, &mut rows[1]);
    grey(frame, 1, &mut rows[2]);
    let mut found: Option<Rect> = None;
    for y in 1..h - 1 {
        stop.check()?;
        rows.rotate_left(1);
        grey(frame, y as u32 + 1, &mut rows[2]);
        let mut grow = |x: usize| {
            if let Some(rect) = edge(&rows, x, threshold) {
                let rect = Rect {
                    x1: rect.x1 + x as u32 - 1,
                    x2: rect.x2 + x as u32 - 1,
                    y1: rect.y1 + y as u32 - 1,
                    y2: rect.y2 + y as u32 - 1,
                };
                found = Some(found.map_or(rect, |all| union(all, rect)));
            }
        };
        (1..w - 1).for_each(&mut grow);
    }
    Ok(found)
}

fn union(a: Rect, b: Rect) -> Rect {
    Rect { x1: a.x1.min(b.x1), y1: a.y1.min(b.y1), x2: a.x2.max(b.x2), y2: a.y2.max(b.y2) }
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

/// The part of the 3×3 pixels around column *x* that an edge runs through.
fn edge(rows: &[Vec<i32>; 3], x: usize, threshold: u32) -> Option<Rect> {
    let v = |dx: usize, dy: usize| rows[dy][x + dx - 1];
    let gx = 3 * v(0, 0) + 10 * v(0, 1) + 3 * v(0, 2) - 3 * v(2, 0) - 10 * v(2, 1) - 3 * v(2, 2);
    let gy = 3 * v(0, 0) + 10 * v(1, 0) + 3 * v(2, 0) - 3 * v(0, 2) - 10 * v(1, 2) - 3 * v(2, 2);
    if gx.abs() + gy.abs() <= threshold.min(i32::MAX as u32) as i32 {
        return None;
    }
    let differs = |a: i32, b: i32| a.abs_diff(b) > threshold;
    let column = |a: usize, b: usize| (0..3).any(|y| differs(v(a, y), v(b, y)));
    let row = |a: usize, b: usize| (0..3).any(|x| differs(v(x, a), v(x, b)));
    let (left, right) = (column(0, 1), column(1, 2));
    let (top, bottom) = (row(0, 1), row(1, 2));
    let (x1, x2) = span(left, right);
    let (y1, y2) = span(top, bottom);
    Some(Rect { x1, y1, x2, y2 })
}

/// Where content may begin and end when there are differences before and after the middle.
fn span(before: bool, after: bool) -> (u32, u32) {
    (if before { 1 } else { u32::from(after) * 2 }, if after { 2 } else { 3 })
}
