//! What each node does to a picture. One function for each node, sorted by kind.

pub mod canvas;
pub mod colour;
pub mod corners;
pub mod scale;
pub mod trim;

use enough::Stop;

use crate::error::{Error, Kind, Result};
use crate::frame::{Frame, Turn};
use crate::limits::Limits;
use crate::message::Node;
use crate::rows::Picture;

/// What all nodes of a job share.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// How large frames may be.
    pub limits: &'a Limits,
    /// Whether the job goes on.
    pub stop: &'a dyn Stop,
}

impl<'a> Context<'a> {
    /// *picture* in memory.
    ///
    /// # Errors
    /// See [`Picture::into_frame`].
    pub fn frame(&self, picture: Picture<'a>) -> Result<Frame> {
        picture.into_frame(self.limits, self.stop)
    }
}

/// Make a picture out of nothing.
///
/// # Errors
/// The size is above the limits, or the format is not one that a canvas can have.
pub fn create(node: &Node, context: &Context<'_>) -> Result<Frame> {
    match node {
        Node::CreateCanvas { format, w, h, color } => {
            canvas::create((*w, *h), *format, color, context)
        }
        _ => Err(not_here(node)),
    }
}

/// Apply a node that has one picture as its input.
///
/// # Errors
/// The node's parameters do not fit the picture, or the job was asked to stop.
pub fn apply<'a>(node: &Node, picture: Picture<'a>, context: &Context<'a>) -> Result<Picture<'a>> {
    match node {
        Node::Constrain(constraint) => return scale::constrain(picture, constraint, context),
        Node::Resample2d { w, h, hints } => {
            return scale::resample(picture, (*w, *h), hints.as_ref(), context);
        }
        Node::Crop { x1, y1, x2, y2 } => return canvas::crop(picture, [*x1, *y1, *x2, *y2]),
        Node::Region { x1, y1, x2, y2, background_color } => {
            let edges = [*x1, *y1, *x2, *y2].map(i64::from);
            return canvas::region(picture, edges, background_color, context);
        }
        Node::RegionPercent { x1, y1, x2, y2, background_color } => {
            let percent = [*x1, *y1, *x2, *y2];
            return canvas::region_percent(picture, percent, background_color, context);
        }
        Node::ExpandCanvas { left, top, right, bottom, color } => {
            return canvas::expand(picture, [*left, *top, *right, *bottom], color, context);
        }
        Node::ApplyOrientation { flag } if Turn::from_exif((*flag).into()) == Turn::None => {
            return Ok(picture);
        }
        _ => {}
    }
    let frame = context.frame(picture)?;
    in_memory(node, frame, context).map(Picture::Frame)
}

/// Apply a node that needs the whole picture at once.
fn in_memory(node: &Node, mut frame: Frame, context: &Context<'_>) -> Result<Frame> {
    let turn = |frame: Frame, turn| frame.turned(turn, context.limits, context.stop);
    match node {
        Node::FlipV => turn(frame, Turn::FlipV),
        Node::FlipH => turn(frame, Turn::FlipH),
        Node::Transpose => turn(frame, Turn::Transpose),
        Node::Rotate90 => turn(frame, Turn::Rotate90),
        Node::Rotate180 => turn(frame, Turn::Rotate180),
        Node::Rotate270 => turn(frame, Turn::Rotate270),
        Node::ApplyOrientation { flag } => turn(frame, Turn::from_exif((*flag).into())),
        Node::CropWhitespace { threshold, percent_padding } => {
            trim::crop_whitespace(&mut frame, *threshold, *percent_padding, context.stop)?;
            Ok(frame)
        }
        Node::FillRect { x1, y1, x2, y2, color } => {
            canvas::fill(frame, [*x1, *y1, *x2, *y2], color)
        }
        Node::RoundImageCorners { radius, background_color } => {
            corners::round(frame, radius, background_color, context)
        }
        Node::ColorFilterSrgb(filter) => colour::filter(frame, filter, context),
        Node::ColorMatrixSrgb { matrix } => {
            colour::transform(&mut frame, matrix, context.stop)?;
            Ok(frame)
        }
        Node::WhiteBalanceHistogramAreaThresholdSrgb { threshold } => {
            colour::white_balance(&mut frame, *threshold, context.stop)?;
            Ok(frame)
        }
        Node::WatermarkRedDot => {
            canvas::red_dot(&mut frame)?;
            Ok(frame)
        }
        _ => Err(not_here(node)),
    }
}

/// Apply a node that draws its input on a canvas.
///
/// # Errors
/// The node's parameters do not fit the two pictures, or the job was asked to stop.
pub fn draw<'a>(
    node: &Node,
    picture: Picture<'a>,
    canvas: Frame,
    context: &Context<'a>,
) -> Result<Frame> {
    match node {
        Node::CopyRectToCanvas { from_x, from_y, w, h, x, y } => {
            let source = context.frame(picture)?;
            canvas::copy_rect(&source, canvas, [*from_x, *from_y, *w, *h], (*x, *y), context)
        }
        Node::DrawImageExact { x, y, w, h, blend, hints } => {
            let place = [*x, *y, *w, *h];
            scale::draw(picture, canvas, place, *blend, hints.as_ref(), context)
        }
        _ => Err(not_here(node)),
    }
}

/// The error of a node that was given parents of the wrong kind.
fn not_here(node: &Node) -> Error {
    let text = format!("The node {} cannot stand here", node.name());
    Error::new(Kind::InvalidNodeConnections, text)
}
