//! Nodes that resample.

use super::{Context, canvas};
use crate::color::{Rgba, resolve};
use crate::error::{Error, Kind, Result};
use crate::frame::{Frame, Rect};
use crate::layout::{self, Plan};
use crate::message::{Blend, Constraint, ResampleHints, ResampleWhen};
use crate::resample::{self, Scaling};
use crate::rows::{Picture, Rows, whole};

/// The node `constrain`.
///
/// # Errors
/// The layout is impossible, or above the limits.
pub fn constrain<'a>(
    picture: Picture<'a>,
    constraint: &Constraint,
    context: &Context<'a>,
) -> Result<Picture<'a>> {
    let Constraint { mode, w, h, hints, gravity, canvas_color } = constraint;
    let Plan { crop, size, canvas } = layout::constrain(*mode, *w, *h, *gravity, picture.size())?;
    let mut hints = hints.clone().unwrap_or_default();
    if canvas_color.is_some() {
        hints.background_color.clone_from(canvas_color);
    }
    let picture = match crop {
        Some(edges) => canvas::crop(picture, edges, context)?,
        None => picture,
    };
    let picture = resample(picture, size, Some(&hints), context)?;
    let Some(layout::Canvas { w, h, x, y }) = canvas else {
        return Ok(picture);
    };
    let color = canvas_color.as_ref().map_or(Ok(Rgba::TRANSPARENT), resolve)?;
    let part = whole(picture.size());
    let padded = canvas::pad(picture, part, (w.into(), h.into()), (x, y), color, context)?;
    Ok(Picture::Frame(padded))
}

/// The node `resample_2d`.
///
/// # Errors
/// The size is empty, or above the limits.
pub fn resample<'a>(
    picture: Picture<'a>,
    to: (u32, u32),
    hints: Option<&ResampleHints>,
    context: &Context<'a>,
) -> Result<Picture<'a>> {
    let unset = ResampleHints::default();
    let hints = hints.unwrap_or(&unset);
    context.limits.canvas(to.0.into(), to.1.into(), picture.channels())?;
    let from = picture.size();
    let scaling = Scaling::new(hints, from, to)?;
    let alpha = picture.channels() == crate::frame::Channels::Rgba;
    if !scaling.acts(hints.resample_when, from, to, alpha) {
        return Ok(picture);
    }
    let rows = picture.into_rows();
    Ok(Picture::Rows(resample::scale(rows, to, &scaling, context.limits, context.stop)?))
}

/// The node `draw_image_exact`; the place is x, y, w, h.
///
/// # Errors
/// The place is empty or not inside the canvas, or the hints ask not to resample.
pub fn draw<'a>(
    picture: Picture<'a>,
    canvas: Frame,
    [x, y, w, h]: [u32; 4],
    blend: Option<Blend>,
    hints: Option<&ResampleHints>,
    context: &Context<'a>,
) -> Result<Frame> {
    let place = Rect { x1: x, y1: y, x2: x.saturating_add(w), y2: y.saturating_add(h) };
    if w == 0 || h == 0 || place.x2 > canvas.w() || place.y2 > canvas.h() {
        let (cw, ch) = canvas.size();
        let text = format!("{w}×{h} at {x},{y} does not fit on a canvas of {cw}×{ch}");
        return Err(Error::new(Kind::InvalidNodeParams, text));
    }
    let unset = ResampleHints::default();
    let hints = hints.unwrap_or(&unset);
    if !matches!(hints.resample_when, None | Some(ResampleWhen::Always)) {
        let text = "draw_image_exact always resamples";
        return Err(Error::new(Kind::InvalidNodeParams, text));
    }
    paint(picture.into_rows(), canvas, place, blend.unwrap_or(Blend::Compose), hints, context)
}

/// Draw a picture on *place* of a canvas. The background of the hints has no part in it.
///
/// # Errors
/// Making the picture failed, or the job was asked to stop.
pub fn paint<'a>(
    rows: Box<dyn Rows + 'a>,
    mut canvas: Frame,
    place: Rect,
    blend: Blend,
    hints: &ResampleHints,
    context: &Context<'a>,
) -> Result<Frame> {
    let to = (place.w(), place.h());
    let scaling = Scaling::new(hints, rows.size(), to)?;
    resample::draw(rows, &mut canvas, place, &scaling, blend, context.stop)?;
    Ok(canvas)
}
