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
        Node::Crop { x1, y1, x2, y2 } => {
            return canvas::crop(picture, [*x1, *y1, *x2, *y2], context);
        }
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
            canvas::fill(frame, [*x1, *y1, *x2, *y2], color, context)
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
            canvas::red_dot(&mut frame, context.stop)?;
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
            canvas::copy_rect(source, canvas, [*from_x, *from_y, *w, *h], (*x, *y), context)
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use enough::{StopReason, Unstoppable};

    use super::*;
    use crate::color::Rgba;
    use crate::frame::Channels;

    /// Goes on, and counts how often it was asked.
    #[derive(Default)]
    struct Asked(AtomicUsize);

    impl Stop for Asked {
        fn check(&self) -> std::result::Result<(), StopReason> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    }

    fn picture(channels: Channels) -> Frame {
        let context = Context { limits: &Limits::default(), stop: &Unstoppable };
        let color = Rgba { r: 9, g: 90, b: 200, a: 100 };
        canvas::filled((64, 512), channels, color, &context).unwrap()
    }

    /// How often a node asks that is applied to a picture of 64×512 pixels.
    fn asked(node: &str, channels: Channels) -> usize {
        let stop = Asked::default();
        let context = Context { limits: &Limits::default(), stop: &stop };
        let (node, source) =
            (serde_json::from_str(node).unwrap(), Picture::Frame(picture(channels)));
        if matches!(node, Node::CopyRectToCanvas { .. } | Node::DrawImageExact { .. }) {
            draw(&node, source, picture(Channels::Rgba), &context).unwrap();
        } else {
            let mut rows = apply(&node, source, &context).unwrap().into_rows();
            (0..rows.size().1).for_each(|_| assert!(rows.next_row().is_ok()));
        }
        stop.0.into_inner()
    }

    #[test]
    fn every_node_asks_on_each_pass_over_the_rows_whether_to_stop() {
        let rows = 512;
        let tiles = 32;
        for (node, channels, least) in [
            (r#""flip_h""#, Channels::Rgb, rows),
            (r#""flip_v""#, Channels::Rgba, rows / 2),
            (r#""rotate_180""#, Channels::Rgb, rows + rows / 2),
            (r#""transpose""#, Channels::Rgba, tiles),
            (r#""rotate_90""#, Channels::Rgb, tiles + 64),
            (r#""rotate_270""#, Channels::Rgb, tiles + 32),
            (r#"{"crop": {"x1": 1, "y1": 0, "x2": 64, "y2": 512}}"#, Channels::Rgb, rows),
            (
                r#"{"expand_canvas":
                    {"left": 1, "top": 0, "right": 0, "bottom": 0, "color": "transparent"}}"#,
                Channels::Rgb,
                2 * rows,
            ),
            (
                r#"{"region": {"x1": 64, "y1": 0, "x2": 99, "y2": 512, "background_color": "black"}}"#,
                Channels::Rgb,
                rows,
            ),
            (
                r#"{"fill_rect": {"x1": 0, "y1": 0, "x2": 64, "y2": 512, "color": "black"}}"#,
                Channels::Rgb,
                rows,
            ),
            (
                r#"{"round_image_corners": {"radius": "circle", "background_color": "transparent"}}"#,
                Channels::Rgb,
                2 * rows,
            ),
            (r#"{"color_filter_srgb": "sepia"}"#, Channels::Rgba, rows),
            (r#"{"color_filter_srgb": {"alpha": 0.5}}"#, Channels::Rgb, 2 * rows),
            (r#"{"white_balance_histogram_area_threshold_srgb": {}}"#, Channels::Rgb, 2 * rows),
            (
                r#"{"crop_whitespace": {"threshold": 80, "percent_padding": 0}}"#,
                Channels::Rgb,
                rows + 10,
            ),
            (r#"{"resample_2d": {"w": 1, "h": 1}}"#, Channels::Rgb, rows),
            (r#"{"resample_2d": {"w": 1, "h": 1}}"#, Channels::Rgba, rows),
            (r#"{"resample_2d": {"w": 1, "h": 5120}}"#, Channels::Rgb, 10 * rows),
            (r#"{"resample_2d": {"w": 1, "h": 5120}}"#, Channels::Rgba, 10 * rows),
            (
                r#"{"copy_rect_to_canvas":
                    {"from_x": 0, "from_y": 0, "w": 64, "h": 512, "x": 0, "y": 0}}"#,
                Channels::Rgb,
                2 * rows,
            ),
            (r#"{"draw_image_exact": {"x": 0, "y": 0, "w": 64, "h": 512}}"#, Channels::Rgba, rows),
        ] {
            let asked = asked(node, channels);
            assert!(asked >= least, "{node}: {asked} times, not {least}");
        }
    }
}
