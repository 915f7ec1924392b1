//! Nodes that cut, pad and fill.

use enough::Stop;

use super::Context;
use crate::color::{Rgba, resolve};
use crate::error::{Error, Kind, Result};
use crate::frame::{Channels, Frame, Rect};
use crate::limits::check_canvas;
use crate::message::{Color, PixelFormat};
use crate::rows::{Picture, WithAlpha, whole};

fn invalid(text: String) -> Error {
    Error::new(Kind::InvalidNodeParams, text)
}

/// The node `create_canvas`.
///
/// # Errors
/// The size is above the limits, or the format is not one that a canvas can have.
pub fn create(
    (w, h): (u32, u32),
    format: PixelFormat,
    color: &Color,
    context: &Context<'_>,
) -> Result<Frame> {
    let channels = match format {
        PixelFormat::Bgra32 => Channels::Rgba,
        PixelFormat::Bgr32 => Channels::Rgb,
        PixelFormat::Bgr24 | PixelFormat::Gray8 => {
            return Err(invalid("A canvas is bgra_32 or bgr_32".to_string()));
        }
    };
    check_canvas(w.into(), h.into())?;
    filled((w.into(), h.into()), channels, resolve(color)?, context)
}

/// A new frame of one colour.
///
/// # Errors
/// The size is above the limits, or the job was asked to stop.
pub fn filled(
    (w, h): (u64, u64),
    channels: Channels,
    color: Rgba,
    context: &Context<'_>,
) -> Result<Frame> {
    let paid = context.limits.canvas(w, h, channels)?;
    let color = [color.r, color.g, color.b, color.a];
    Frame::by_rows(&paid, context.stop, |_, row| {
        for px in row.chunks_exact_mut(channels.count()) {
            px.copy_from_slice(&color[..channels.count()]);
        }
        Ok(())
    })
}

/// The node `crop`.
///
/// # Errors
/// The rectangle is empty or not inside the picture, or the job was asked to stop.
pub fn crop<'a>(
    picture: Picture<'a>,
    edges: [u32; 4],
    context: &Context<'a>,
) -> Result<Picture<'a>> {
    let rect = inside(edges, picture.size())?;
    if rect == whole(picture.size()) {
        return Ok(picture);
    }
    match picture {
        Picture::Frame(mut frame) => {
            frame.crop(rect, context.stop)?;
            Ok(Picture::Frame(frame))
        }
        rows => Ok(Picture::Rows(rows.into_rows_of(rect, context.stop))),
    }
}

/// The rectangle of these edges, if it has pixels and lies inside a picture of this size.
fn inside([x1, y1, x2, y2]: [u32; 4], (w, h): (u32, u32)) -> Result<Rect> {
    if x1 < x2 && y1 < y2 && x2 <= w && y2 <= h {
        return Ok(Rect { x1, y1, x2, y2 });
    }
    Err(invalid(format!("The rectangle {x1},{y1},{x2},{y2} is not inside a picture of {w}×{h}")))
}

/// The node `expand_canvas`; the four lengths are left, top, right, bottom.
///
/// # Errors
/// The new size is above the limits.
pub fn expand<'a>(
    picture: Picture<'a>,
    [left, top, right, bottom]: [u32; 4],
    color: &Color,
    context: &Context<'a>,
) -> Result<Picture<'a>> {
    let (w, h) = picture.size();
    let edges = [
        -i64::from(left),
        -i64::from(top),
        i64::from(w) + i64::from(right),
        i64::from(h) + i64::from(bottom),
    ];
    region(picture, edges, color, context)
}

/// The node `region_percent`.
///
/// # Errors
/// The region is empty, or above the limits.
pub fn region_percent<'a>(
    picture: Picture<'a>,
    percent: [f32; 4],
    color: &Color,
    context: &Context<'a>,
) -> Result<Picture<'a>> {
    let (w, h) = picture.size();
    // No farther out than `region` can name, so that differences of edges have room.
    let farthest = i64::from(i32::MAX);
    let edge = |percent: f32, side: u32| {
        ((percent * side as f32 / 100.0).round() as i64).clamp(-farthest, farthest)
    };
    let [x1, y1, x2, y2] = percent;
    let edges = [edge(x1, w), edge(y1, h), edge(x2, w), edge(y2, h)];
    region(picture, edges, color, context)
}

/// The node `region`: the part of an endless plane, on which the picture lies. It
/// has alpha if the picture or the colour has; beside the picture only if the picture has.
///
/// # Errors
/// The region is empty, or above the limits.
pub fn region<'a>(
    picture: Picture<'a>,
    [x1, y1, x2, y2]: [i64; 4],
    color: &Color,
    context: &Context<'a>,
) -> Result<Picture<'a>> {
    if x2 <= x1 || y2 <= y1 {
        return Err(invalid(format!("The region {x1},{y1},{x2},{y2} is empty")));
    }
    let color = resolve(color)?;
    let (w, h) = (i64::from(picture.size().0), i64::from(picture.size().1));
    let clip = |v: i64, side: i64| v.clamp(0, side) as u32;
    let seen = Rect { x1: clip(x1, w), y1: clip(y1, h), x2: clip(x2, w), y2: clip(y2, h) };
    // No larger than upstream can say, so that it is a limit that is exceeded.
    let size = [x2 - x1, y2 - y1].map(|side| side.min(i32::MAX.into()) as u64);
    let size = (size[0], size[1]);
    let Some(seen) = Some(seen).filter(|seen| seen.x1 < seen.x2 && seen.y1 < seen.y2) else {
        return filled(size, picture.channels(), color, context).map(Picture::Frame);
    };
    if (u64::from(seen.w()), u64::from(seen.h())) == size {
        let part = crop(picture, [seen.x1, seen.y1, seen.x2, seen.y2], context)?;
        if color.is_opaque() || part.channels() == Channels::Rgba {
            return Ok(part);
        }
        return Ok(Picture::Rows(WithAlpha::wrap(part.into_rows())));
    }
    let place = ((i64::from(seen.x1) - x1) as u32, (i64::from(seen.y1) - y1) as u32);
    pad(picture, seen, size, place, color, context).map(Picture::Frame)
}

/// A canvas of *size* and *color* with *part* of *picture* at *place*, not blended.
///
/// # Errors
/// The size is above the limits.
pub fn pad<'a>(
    picture: Picture<'a>,
    part: Rect,
    size: (u64, u64),
    place: (u32, u32),
    color: Rgba,
    context: &Context<'a>,
) -> Result<Frame> {
    let alpha = color.a < 255 || picture.channels() == Channels::Rgba;
    let mut canvas = filled(size, Channels::with(alpha), color, context)?;
    let mut rows = picture.into_rows_of(part, context.stop);
    if alpha {
        rows = WithAlpha::wrap(rows);
    }
    let to = Rect { x1: place.0, y1: place.1, x2: place.0 + part.w(), y2: place.1 + part.h() };
    for y in 0..part.h() {
        context.stop.check()?;
        canvas.part_mut(to, y).copy_from_slice(rows.next_row()?);
    }
    Ok(canvas)
}

/// The node `fill_rect`: overwrites, and does not blend. A picture without alpha gets none.
///
/// # Errors
/// The rectangle is empty or not inside the picture, or the job was asked to stop.
pub fn fill(
    mut frame: Frame,
    edges: [u32; 4],
    color: &Color,
    context: &Context<'_>,
) -> Result<Frame> {
    let rect = inside(edges, frame.size())
        .map_err(|error| Error::new(Kind::InvalidCoordinates, error.text))?;
    frame.fill(rect, resolve(color)?, context.stop)?;
    Ok(frame)
}

/// The node `copy_rect_to_canvas`; the rectangle is x, y, w, h.
///
/// # Errors
/// It is empty, or not inside both pictures.
pub fn copy_rect(
    source: Frame,
    canvas: Frame,
    [from_x, from_y, w, h]: [u32; 4],
    (x, y): (u32, u32),
    context: &Context<'_>,
) -> Result<Frame> {
    let corner = |x: u32, y: u32| [x, y, x.saturating_add(w), y.saturating_add(h)];
    let part = inside(corner(from_x, from_y), source.size())?;
    inside(corner(x, y), canvas.size())?;
    let Context { limits, stop } = *context;
    let mut canvas = if source.has_alpha() { canvas.promoted(limits, stop)? } else { canvas };
    let source = if canvas.has_alpha() { source.promoted(limits, stop)? } else { source };
    canvas.blit(&source, part, (x, y), stop)?;
    Ok(canvas)
}

/// Side of the red dot.
const DOT: u32 = 3;

/// The node `watermark_red_dot`: a mark in the lower right corner.
///
/// # Errors
/// The picture is not larger than the dot. (Upstream never ends on such a picture.)
pub fn red_dot(frame: &mut Frame, stop: &dyn Stop) -> Result<()> {
    let (w, h) = frame.size();
    if w <= DOT || h <= DOT {
        return Err(invalid(format!("A picture of {w}×{h} has no room for the red dot")));
    }
    let rect = Rect { x1: w - DOT, y1: h - DOT, x2: w, y2: h };
    frame.fill(rect, Rgba { r: 255, g: 0, b: 0, a: 255 }, stop)
}
