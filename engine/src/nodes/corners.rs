//! The node `round_image_corners`.

use super::Context;
use crate::color::{Rgba, resolve};
use crate::error::Result;
use crate::frame::{Frame, Rect};
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
    let mut frame =
        if color.a < 255 { frame.promoted(context.limits, context.stop)? } else { frame };
    let (w, h) = frame.size();
    let side = w.min(h);
    let radii = radii(radius, side as f32);
    let field = match radius {
        // A circle in the middle of the picture.
        Radius::Circle => {
            let (x1, y1) = ((w - side) / 2, (h - side) / 2);
            Rect { x1, y1, x2: x1 + side, y2: y1 + side }
        }
        _ => Rect { x1: 0, y1: 0, x2: w, y2: h },
    };
    let corners = [(false, false), (true, false), (false, true), (true, true)];
    let n = frame.channels().count();
    for (y, row) in (0..).zip(frame.rows_mut()) {
        context.stop.check()?;
        if y < field.y1 || y >= field.y2 {
            row.chunks_exact_mut(n).for_each(|px| mix(px, color, 1.0));
            continue;
        }
        for ((right, bottom), r) in corners.into_iter().zip(radii) {
            Corner { field, right, bottom, r }.round(y, row.chunks_exact_mut(n), color);
        }
    }
    Ok(frame)
}

/// The four radii: top left, top right, bottom left, bottom right.
fn radii(radius: &Radius, side: f32) -> [f32; 4] {
    let percent = |p: f32| p * side / 200.0;
    let radii = match *radius {
        Radius::Percentage(p) => [percent(p); 4],
        Radius::Pixels(r) => [r; 4],
        Radius::Circle => [side / 2.0; 4],
        Radius::PercentageCustom { top_left, top_right, bottom_right, bottom_left } => {
            [top_left, top_right, bottom_left, bottom_right].map(percent)
        }
        Radius::PixelsCustom { top_left, top_right, bottom_right, bottom_left } => {
            [top_left, top_right, bottom_left, bottom_right]
        }
    };
    radii.map(|r| if r.is_nan() { 0.0 } else { r.clamp(0.0, side / 2.0) })
}

/// One corner of a field, to be rounded to a quarter of a disc.
struct Corner {
    field: Rect,
    right: bool,
    bottom: bool,
    r: f32,
}

impl Corner {
    /// Whether the arc touches a row. Two arcs can touch the middle one.
    fn arc_has(&self, y: u32) -> bool {
        let rows = self.r.ceil() as u32;
        if self.bottom { y >= self.field.y2 - rows } else { y < self.field.y1 + rows }
    }

    /// Whether a row lies in this corner's half of the field.
    fn half_has(&self, y: u32) -> bool {
        self.bottom == (y >= self.field.y2 - self.field.h() / 2)
    }

    /// Put *color* on all of a row that lies outside.
    fn round<'a>(&self, y: u32, row: impl Iterator<Item = &'a mut [u8]>, color: Rgba) {
        let (left, right) = (self.field.x1 as f32, self.field.x2 as f32);
        let x = if self.right { right - self.r } else { left + self.r };
        let (solid, touched, rise) = if self.arc_has(y) {
            let top = self.field.y1 as f32 + self.r;
            let centre = if self.bottom { self.field.y2 as f32 - self.r } else { top };
            let rise = (centre - (y as f32 + 0.5)).abs();
            let reach = |r: f32| (r * r - rise * rise).max(0.0).sqrt();
            (reach(self.r - PIXEL_RADIUS), reach(self.r + 1.0 - PIXEL_RADIUS), rise)
        } else if self.half_has(y) {
            (self.r, self.r, 0.0) // nothing but what is beside the field
        } else {
            return;
        };
        // Edges of pixels: from the first on is soft, from the second on untouched.
        let (outer, inner) = if self.right {
            ((x + touched).ceil(), (x + solid).floor())
        } else {
            ((x - touched).floor(), (x - solid).ceil())
        };
        for (column, px) in (0u32..).zip(row) {
            let column = column as f32;
            let (beyond, soft) = if self.right {
                (column >= outer, column >= inner)
            } else {
                (column < outer, column < inner)
            };
            if beyond {
                mix(px, color, 1.0);
            } else if soft {
                let distance = (x - (column + 0.5)).hypot(rise);
                mix(px, color, (distance - (self.r - PIXEL_RADIUS)).clamp(0.0, 1.0));
            }
        }
    }
}

/// Put *color* over a pixel to this degree, in linear light.
fn mix(px: &mut [u8], color: Rgba, degree: f32) {
    if degree >= 1.0 {
        let color = [color.r, color.g, color.b, color.a];
        px.copy_from_slice(&color[..px.len()]);
        return;
    }
    if degree <= 0.0 {
        return;
    }
    let (table, bytes) = (srgb::linear_table(), srgb::byte_table());
    let below = f32::from(px.get(3).copied().unwrap_or(255)) / 255.0 * (1.0 - degree);
    let above = f32::from(color.a) / 255.0 * (1.0 - below);
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
