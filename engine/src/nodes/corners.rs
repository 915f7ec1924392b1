//! The node `round_image_corners`.

use super::Context;
use crate::color::{Rgba, resolve};
use crate::error::Result;
use crate::frame::Frame;
use crate::message::{Color, Radius};
use crate::srgb;

/// The edge is soft over one pixel, placed so that the area of the disc stays the same:
/// a pixel has the area of a disc with this radius.
const PIXEL_RADIUS: f32 = 0.564_19;

/// Round the corners off, with *color* behind them.
///
/// # Errors
/// The colour is none, or there is no room for alpha.
pub fn round(frame: Frame, radius: &Radius, color: &Color, context: &Context<'_>) -> Result<Frame> {
    let color = resolve(color)?;
    let mut frame = if color.a < 255 { frame.promoted(context.limits)? } else { frame };
    let (w, h) = (frame.w() as f32, frame.h() as f32);
    let side = w.min(h);
    let radii = radii(radius, side);
    let (left, top) = match radius {
        // A circle in the middle of the picture.
        Radius::Circle => ((w - side) / 2.0, (h - side) / 2.0),
        _ => (0.0, 0.0),
    };
    let corners = [(left, top), (w - left, top), (w - left, h - top), (left, h - top)];
    let inwards = [(1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0)];
    let discs: [Disc; 4] = std::array::from_fn(|i| Disc::new(corners[i], inwards[i], radii[i]));
    let n = frame.channels().count();
    for (y, row) in frame.rows_mut().enumerate() {
        context.stop.check()?;
        let y = y as f32 + 0.5;
        for (x, px) in row.chunks_exact_mut(n).enumerate() {
            let x = x as f32 + 0.5;
            let outside = discs.iter().map(|disc| disc.outside(x, y)).fold(0.0, f32::max);
            if outside > 0.0 {
                mix(px, color, outside);
            }
        }
    }
    Ok(frame)
}

/// The four radii, from the top left clockwise.
fn radii(radius: &Radius, side: f32) -> [f32; 4] {
    let percent = |p: f32| p * side / 200.0;
    let radii = match *radius {
        Radius::Percentage(p) => [percent(p); 4],
        Radius::Pixels(r) => [r; 4],
        Radius::Circle => [side / 2.0; 4],
        Radius::PercentageCustom { top_left, top_right, bottom_right, bottom_left } => {
            [top_left, top_right, bottom_right, bottom_left].map(percent)
        }
        Radius::PixelsCustom { top_left, top_right, bottom_right, bottom_left } => {
            [top_left, top_right, bottom_right, bottom_left]
        }
    };
    radii.map(|r| if r.is_nan() { 0.0 } else { r.clamp(0.0, side / 2.0) })
}

/// The disc that a corner is rounded to.
struct Disc {
    x: f32,
    y: f32,
    r: f32,
    inwards: (f32, f32),
}

impl Disc {
    fn new((x, y): (f32, f32), inwards: (f32, f32), r: f32) -> Self {
        Self { x: x + inwards.0 * r, y: y + inwards.1 * r, r, inwards }
    }

    /// How far a point is outside: 0 inside, 1 outside, between on the edge. Points that
    /// are not towards this corner are inside.
    fn outside(&self, x: f32, y: f32) -> f32 {
        let (dx, dy) = (self.x - x, self.y - y);
        if dx * self.inwards.0 <= 0.0 || dy * self.inwards.1 <= 0.0 {
            return 0.0;
        }
        (dx.hypot(dy) - (self.r - PIXEL_RADIUS)).clamp(0.0, 1.0)
    }
}

/// Put *color* over a pixel to this degree, in linear light.
fn mix(px: &mut [u8], color: Rgba, degree: f32) {
    let (table, bytes) = (srgb::linear_table(), srgb::byte_table());
    let below = f32::from(px.get(3).copied().unwrap_or(255)) / 255.0 * (1.0 - degree);
    let above = f32::from(color.a) / 255.0 * degree;
    let alpha = below + above;
    if alpha > 0.0 {
        for (v, c) in px.iter_mut().zip([color.r, color.g, color.b]) {
            let light = table[usize::from(*v)] * below + table[usize::from(c)] * above;
            *v = bytes.byte(light / alpha);
        }
    }
    if let Some(a) = px.get_mut(3) {
        *a = (alpha * 255.0 + 0.5) as u8;
    }
}
