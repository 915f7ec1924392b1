//! From a query to nodes: geometry first, colours next, turns last.

use crate::color::Rgba;
use crate::error::Result;
use crate::layout::{Align, Boxes, Fit, Plan, Scale, Size};
use crate::message::{
    Color, ColorFilter, Colorspace, DecoderCommand, FitBox, ImageInfo, Node, OutputFormat, Radius,
    ResampleHints, ResampleWhen, Watermark,
};

use super::{Flip, QuarterTurns, Query, Target};

/// How much smaller than the source a decoder may deliver, times what is wanted, unless
/// the query says otherwise.
const PRECISE_RATIO: f32 = 2.1;

/// The sizes that a job starts from.
#[derive(Clone, Copy)]
struct Start {
    /// What the decoder delivered, or what was left of it by trimming.
    frame: Size,
    /// The picture before any shrinking; lengths of a query are about this one.
    source: Size,
}

impl Query {
    /// What the decoder is told ahead of the job.
    ///
    /// JPEGs, and WebPs that are resampled in sRGB, are decoded smaller when the job
    /// shrinks them much. Before trimming, whose result nobody knows yet, only a frame is
    /// chosen: upstream says nothing then, and chooses it too late.
    #[must_use]
    pub fn decoder_commands(&self, info: &ImageInfo) -> Vec<DecoderCommand> {
        let frame = self.frame.map(DecoderCommand::SelectFrame);
        if self.window.trim_threshold.is_some() {
            return frame.into_iter().collect();
        }
        let mut commands = Vec::new();
        if self.color.discard_profile == Some(true) {
            commands.push(DecoderCommand::DiscardColorProfile);
        }
        if self.color.ignore_profile_errors == Some(true) {
            commands.push(DecoderCommand::IgnoreColorProfileErrors);
        }
        commands.extend(self.shrinking((info.image_width, info.image_height)));
        commands.extend(frame);
        commands
    }

    fn shrinking(&self, source: (u32, u32)) -> Vec<DecoderCommand> {
        let Some((width, height)) = self.least_decoded_size(source) else {
            return Vec::new();
        };
        let linear = self.resample.down_colorspace != Some(Some(Colorspace::Srgb));
        let jpeg = DecoderCommand::JpegDownscaleHints {
            width: width.into(),
            height: height.into(),
            scale_luma_spatially: Some(linear),
            gamma_correct_for_srgb_during_spatial_luma_scaling: Some(linear),
        };
        let webp = DecoderCommand::WebpDecoderHints { width, height };
        if linear { vec![jpeg] } else { vec![jpeg, webp] }
    }

    /// The size that a decoder has to deliver at least, if less than the whole will do.
    fn least_decoded_size(&self, source: (u32, u32)) -> Option<(i32, i32)> {
        let source = Size::new(source.0, source.1).ok()?;
        let (_, boxes) = self.boxes(Start { frame: source, source }).ok()?;
        let (from, to) = (boxes.source, boxes.image);
        // The height is divided by a width: upstream's slip, which sizes depend on.
        let shrinks =
            (f64::from(from.w) / f64::from(to.w)).min(f64::from(from.h) / f64::from(to.w));
        let ratio = f64::from(self.resample.min_precise_ratio.unwrap_or(PRECISE_RATIO)) / shrinks;
        let least = |side: u32| (f64::from(side) * ratio).floor() as i32;
        (ratio < 1.0).then(|| (least(source.w), least(source.h)))
    }

    /// All nodes from the decoded, and trimmed, frame to the last before the encoder.
    ///
    /// `frame` is the size that has arrived, `source` the picture's own before decoder
    /// hints and trimming.
    pub fn nodes(
        &self,
        frame: (u32, u32),
        source: (u32, u32),
        watermarks: &[Watermark],
    ) -> Result<Vec<Node>> {
        let start =
            Start { frame: Size::new(frame.0, frame.1)?, source: Size::new(source.0, source.1)? };
        let (window, boxes) = self.boxes(start)?;
        let plan = self.place(&window, &boxes, start);
        let is_on_canvas = |mark: &&Watermark| {
            let fit_box = mark.fit_box.as_ref();
            matches!(fit_box, Some(FitBox::CanvasMargins { .. } | FitBox::CanvasPercentage { .. }))
        };

        let mut nodes = Vec::new();
        nodes.extend(turned(self.window.source_turn));
        nodes.extend(flipped(self.window.source_flip));
        nodes.extend(plan.crop.map(|[x1, y1, x2, y2]| Node::Crop { x1, y1, x2, y2 }));
        nodes.push(self.resampled(&boxes));
        nodes.extend(self.effects());
        nodes.extend(watermarks.iter().filter(|m| !is_on_canvas(m)).cloned().map(Node::Watermark));
        nodes.extend(self.padding(&plan));
        nodes.extend(watermarks.iter().filter(is_on_canvas).cloned().map(Node::Watermark));
        nodes.extend(turned(self.window.turn));
        nodes.extend(flipped(self.window.flip));
        nodes.extend((self.red_dot == Some(true)).then_some(Node::WatermarkRedDot));
        Ok(nodes)
    }

    fn boxes(&self, start: Start) -> Result<(Window, Boxes)> {
        let window = self.window(start);
        let taken = window.size();
        let target = self.target(taken, start)?;
        let size = &self.size;
        let no_box = size.w.is_none() && size.h.is_none();
        let fit = if no_box { Fit::Max } else { size.fit.unwrap_or(Fit::Pad) };
        Ok((window, Boxes::fit(taken, target, fit, size.scale.unwrap_or(Scale::Down))?))
    }

    fn place(&self, window: &Window, boxes: &Boxes, start: Start) -> Plan {
        let centre = (Align::Center, Align::Center);
        let anchor = self.size.anchor.unwrap_or(centre);
        let gravity = self.size.gravity.or(self.size.anchor).unwrap_or(centre);
        let plan = Plan::place(boxes, window.size(), gravity, anchor);
        let [x1, y1, x2, y2] = plan.crop.unwrap_or([0, 0, window.size().w, window.size().h]);
        let crop = [x1 + window.x1, y1 + window.y1, x2 + window.x1, y2 + window.y1];
        let whole = self.upright(start.frame);
        Plan { crop: (crop != [0, 0, whole.w, whole.h]).then_some(crop), ..plan }
    }

    /// A size after the turn of the source.
    fn upright(&self, size: Size) -> Size {
        if self.window.source_turn.is_multiple_of(2) { size } else { Size { w: size.h, h: size.w } }
    }

    /// The part of the frame that `crop` names; the whole frame when nothing is left of it.
    fn window(&self, start: Start) -> Window {
        let (frame, source) = (self.upright(start.frame), self.upright(start.source));
        let whole = Window { x1: 0, y1: 0, x2: frame.w, y2: frame.h };
        let Some(crop) = self.window.crop else {
            return whole;
        };
        let [units_x, units_y] = self.window.crop_units;
        let x = edges([crop[0], crop[2]], units_x, source.w, frame.w);
        let y = edges([crop[1], crop[3]], units_y, source.h, frame.h);
        match (x, y) {
            (Some([x1, x2]), Some([y1, y2])) => Window { x1, y1, x2, y2 },
            _ => whole,
        }
    }

    /// The box that the picture is to fit, zoom included.
    fn target(&self, taken: Size, start: Start) -> Result<Size> {
        let preshrink = f64::from(start.frame.w) / f64::from(start.source.w);
        let unshrunk = |side: u32| f64::from(side) / preshrink;
        let (w, h) = match self.wanted(taken)? {
            (Some(w), Some(h)) => (f64::from(w), f64::from(h)),
            (Some(w), None) => (f64::from(w), f64::from(taken.height_for(w)?)),
            (None, Some(h)) => (f64::from(taken.width_for(h)?), f64::from(h)),
            (None, None) => (unshrunk(taken.w).floor(), unshrunk(taken.h).floor()),
        };
        let zoom = f64::from(self.size.zoom.unwrap_or(1.0)).clamp(0.000_08, 80_000.0);
        let zoomed = |side: f64| (side * zoom).round().clamp(1.0, f64::from(i32::MAX)) as u32;
        Size::new(zoomed(w), zoomed(h))
    }

    /// Width and height, where bounds make them smaller and stand in for them.
    fn wanted(&self, taken: Size) -> Result<(Option<u32>, Option<u32>)> {
        let (mut w, mut max_w) = bounded(self.size.w, self.size.max_w);
        let (mut h, mut max_h) = bounded(self.size.h, self.size.max_h);
        if let (Some(w), Some(max)) = (w, max_h) {
            max_h = Some(max.min(taken.height_for(w)?));
        }
        if let (Some(h), Some(max)) = (h, max_w) {
            max_w = Some(max.min(taken.width_for(h)?));
        }
        w = w.max(max_w);
        h = h.max(max_h);
        Ok((w.filter(|&w| w > 0), h.filter(|&h| h > 0)))
    }

    fn background(&self) -> Color {
        let is_jpeg = self.output.format == Some(Target::Format(OutputFormat::Jpeg));
        match self.color.background {
            Some(color) => color.to_message(),
            None if is_jpeg => Rgba::WHITE.to_message(),
            None => Color::Transparent,
        }
    }

    fn resampled(&self, boxes: &Boxes) -> Node {
        let keys = &self.resample;
        let shrinks = boxes.image.w < boxes.source.w || boxes.image.h < boxes.source.h;
        let colorspace = if shrinks { keys.down_colorspace } else { keys.up_colorspace };
        Node::Resample2d {
            w: boxes.image.w,
            h: boxes.image.h,
            hints: Some(ResampleHints {
                sharpen_percent: keys.sharpen,
                down_filter: keys.down_filter,
                up_filter: keys.up_filter,
                scaling_colorspace: colorspace.flatten(),
                background_color: Some(self.background()),
                resample_when: Some(ResampleWhen::SizeDiffersOrSharpeningRequested),
                sharpen_when: keys.sharpen_when,
            }),
        }
    }

    fn effects(&self) -> Vec<Node> {
        let color = &self.color;
        let filters = [
            color.alpha.map(ColorFilter::Alpha),
            color.brightness.map(ColorFilter::Brightness),
            color.contrast.map(ColorFilter::Contrast),
            color.saturation.map(ColorFilter::Saturation),
            (color.sepia == Some(true)).then_some(ColorFilter::Sepia),
            color.grayscale,
        ];
        let mut nodes = Vec::new();
        nodes.extend(self.corners());
        nodes.extend(filters.into_iter().flatten().map(Node::ColorFilterSrgb));
        if color.white_balance {
            nodes.push(Node::WhiteBalanceHistogramAreaThresholdSrgb { threshold: None });
        }
        nodes
    }

    fn corners(&self) -> Option<Node> {
        let [top_left, top_right, bottom_right, bottom_left] =
            self.color.corners?.map(|percent| percent as f32);
        let all_equal = [top_right, bottom_right, bottom_left] == [top_left; 3];
        let radius = if all_equal {
            Radius::Percentage(top_left)
        } else {
            Radius::PercentageCustom { top_left, top_right, bottom_right, bottom_left }
        };
        Some(Node::RoundImageCorners { radius, background_color: self.background() })
    }

    fn padding(&self, plan: &Plan) -> Option<Node> {
        let canvas = plan.canvas?;
        Some(Node::ExpandCanvas {
            left: canvas.x,
            top: canvas.y,
            right: canvas.w - plan.size.0 - canvas.x,
            bottom: canvas.h - plan.size.1 - canvas.y,
            color: self.background(),
        })
    }
}

/// A length and its upper bound: one of the two remains when both are positive.
fn bounded(value: Option<i32>, bound: Option<i32>) -> (Option<u32>, Option<u32>) {
    let usable = |v: Option<i32>| v.and_then(|v| u32::try_from(v).ok());
    match (usable(value), usable(bound)) {
        (Some(value), Some(bound)) if value > 0 && bound > 0 => (Some(value.min(bound)), None),
        both => both,
    }
}

/// A part of a frame, not empty.
struct Window {
    x1: u32,
    y1: u32,
    x2: u32,
    y2: u32,
}

impl Window {
    fn size(&self) -> Size {
        Size { w: self.x2 - self.x1, h: self.y2 - self.y1 }
    }
}

/// Both edges of a crop along one direction, in pixels of the frame.
///
/// Values are in units of the source; negative ones, and a far edge of 0, count from the
/// far end. None when nothing lies between them.
fn edges(values: [f64; 2], units: Option<f64>, source: u32, frame: u32) -> Option<[u32; 2]> {
    let length = f64::from(source);
    let units = units.filter(|&u| u != 0.0).unwrap_or(length);
    let [near, far] = values.map(|v| v * length / units);
    let near = if near < 0.0 { near + length } else { near }.clamp(0.0, length);
    let far = if far <= 0.0 { far + length } else { far }.clamp(0.0, length);
    let scaled = |edge: f64| if source == frame { edge } else { edge * f64::from(frame) / length };
    let pixels = [near, far].map(|edge| (scaled(edge).round() as u32).min(frame));
    (far.round() > near.round() && pixels[0] < pixels[1]).then_some(pixels)
}

fn turned(turns: QuarterTurns) -> Option<Node> {
    match turns {
        1 => Some(Node::Rotate90),
        2 => Some(Node::Rotate180),
        3 => Some(Node::Rotate270),
        _ => None,
    }
}

fn flipped(flip: Flip) -> impl Iterator<Item = Node> {
    let across = flip.h.then_some(Node::FlipH);
    across.into_iter().chain(flip.v.then_some(Node::FlipV))
}
