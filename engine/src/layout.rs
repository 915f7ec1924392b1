//! Where a picture goes: how it is cropped, scaled and padded to fit a box.
//!
//! The arithmetic is upstream's, so that the same request gives the same size. Query
//! strings and the `constrain` node meet in [`Fit`] and [`Scale`].

use crate::error::{Error, Kind, Result};
use crate::message::{ConstraintMode, FitBox, Gravity, Watermark, WatermarkMode};

/// Width and height in pixels, each from 1 to 2³¹ − 1; also the ratio of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Width.
    pub w: u32,
    /// Height.
    pub h: u32,
}

/// Which of the two boxes of one ratio that touch another box.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Touching {
    Inside,
    Outside,
}

impl Size {
    const LARGEST: u32 = i32::MAX as u32;

    /// This width and height, if a picture can have them.
    pub fn new(w: u32, h: u32) -> Result<Self> {
        if [w, h].iter().all(|side| (1..=Self::LARGEST).contains(side)) {
            Ok(Self { w, h })
        } else {
            Err(Error::new(Kind::LayoutError, format!("{w}x{h} is not a size of a picture")))
        }
    }

    fn ratio(self) -> f64 {
        f64::from(self.w) / f64::from(self.h)
    }

    /// The height that goes with this width; its own when that is less than a pixel away.
    pub fn height_for(self, w: u32) -> Result<u32> {
        snapped(f64::from(w) / self.ratio(), self.h, self.h, 1.0 - f64::EPSILON)
    }

    /// The width that goes with this height; its own when that is less than a pixel away.
    pub fn width_for(self, h: u32) -> Result<u32> {
        snapped(f64::from(h) * self.ratio(), self.w, self.w, 1.0 - f64::EPSILON)
    }

    /// The box of this ratio that touches `target` from the inside or the outside.
    ///
    /// The computed side snaps to its own or the target's when it is no further away than
    /// what the target itself loses to rounding: 1200×400 into 100×33 is not 99×33.
    fn touching(self, target: Self, how: Touching) -> Result<Self> {
        let is_wider = self.ratio() > target.ratio();
        if is_wider == (how == Touching::Inside) {
            let through_width =
                (f64::from(self.w) * (f64::from(target.h) / f64::from(self.h))).round();
            let loss = (f64::from(target.h) - through_width / self.ratio()).abs();
            let h = snapped(f64::from(target.w) / self.ratio(), self.h, target.h, loss)?;
            Self::new(target.w, h)
        } else {
            let through_height =
                (f64::from(self.h) * (f64::from(target.w) / f64::from(self.w))).round();
            let loss = (f64::from(target.w) - through_height * self.ratio()).abs();
            let w = snapped(f64::from(target.h) * self.ratio(), self.w, target.w, loss)?;
            Self::new(w, target.h)
        }
    }

    fn intersection(self, other: Self) -> Self {
        Self { w: self.w.min(other.w), h: self.h.min(other.h) }
    }

    /// Larger than the other in at least one direction.
    fn exceeds(self, other: Self) -> bool {
        self.w > other.w || self.h > other.h
    }
}

/// `exact` rounded, or one of two whole numbers when it is within `reach` of it.
fn snapped(exact: f64, own: u32, wanted: u32, reach: f64) -> Result<u32> {
    let from_own = (exact - f64::from(own)).abs();
    let from_wanted = (exact - f64::from(wanted)).abs();
    if from_own <= reach && from_own <= from_wanted {
        Ok(own)
    } else if from_wanted <= reach {
        Ok(wanted)
    } else if exact.round() < f64::from(Size::LARGEST) {
        Ok((exact.round() as u32).max(1))
    } else {
        Err(Error::new(Kind::LayoutError, format!("a side of {exact:.0} pixels is too long")))
    }
}

/// How picture and box are reconciled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// Inside the box.
    Max,
    /// Inside the box, which is filled up with a colour.
    Pad,
    /// All over the box; what protrudes is cut.
    Crop,
    /// To the box, whatever that does to the ratio.
    Stretch,
    /// Cut to the ratio of the box, never scaled.
    AspectCrop,
}

/// Which pictures are scaled at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Those that are larger than the box.
    Down,
    /// Those that are not.
    Up,
    /// All.
    Both,
    /// Those that are larger; the canvas of the others grows.
    Canvas,
}

/// What is taken of the source, the size it gets, and the canvas it sits on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boxes {
    /// What is taken of the source.
    pub source: Size,
    /// The size it is scaled to.
    pub image: Size,
    /// The size of the result; at least the image's.
    pub canvas: Size,
}

impl Boxes {
    /// Fits a picture of this size to a box.
    pub fn fit(original: Size, target: Size, fit: Fit, scale: Scale) -> Result<Self> {
        let whole = Self { source: original, image: original, canvas: original };
        match fit {
            Fit::AspectCrop => whole.cropped(target.touching(original, Touching::Inside)?),
            Fit::Crop => whole.fit_by_crop(target, scale),
            Fit::Max | Fit::Pad | Fit::Stretch => whole.fit_inside(target, fit, scale),
        }
    }

    fn fit_inside(self, target: Size, fit: Fit, scale: Scale) -> Result<Self> {
        let acts = match scale {
            Scale::Down | Scale::Canvas => self.canvas.exceeds(target),
            Scale::Up => !self.canvas.exceeds(target),
            Scale::Both => true,
        };
        let scaled = match (acts, fit) {
            (false, _) => self,
            (true, Fit::Stretch) => self.scaled(target),
            (true, _) => self.scaled(self.canvas.touching(target, Touching::Inside)?),
        };
        match (fit, scale) {
            (Fit::Max, Scale::Canvas) => {
                scaled.on_canvas(scaled.canvas.touching(target, Touching::Inside)?)
            }
            (Fit::Pad | Fit::Stretch, Scale::Canvas) => scaled.padded(target),
            (Fit::Pad, _) if acts => scaled.padded(target),
            _ => Ok(scaled),
        }
    }

    fn fit_by_crop(self, target: Size, scale: Scale) -> Result<Self> {
        let larger = self.canvas.exceeds(target);
        let smaller = target.exceeds(self.canvas);
        match scale {
            Scale::Down | Scale::Canvas if smaller && larger => {
                let common = self.canvas.intersection(target);
                self.on_canvas(if scale == Scale::Down { common } else { target })
            }
            Scale::Down | Scale::Canvas if smaller => Ok(self),
            Scale::Up if larger => Ok(self),
            _ => self.scaled(self.canvas.touching(target, Touching::Outside)?).cropped(target),
        }
    }

    fn scaled(self, to: Size) -> Self {
        Self { image: to, canvas: to, ..self }
    }

    fn padded(self, canvas: Size) -> Result<Self> {
        if self.canvas.exceeds(canvas) {
            return Err(impossible("padded", self.canvas, canvas));
        }
        Ok(Self { canvas, ..self })
    }

    fn cropped(self, canvas: Size) -> Result<Self> {
        if canvas.exceeds(self.canvas) {
            return Err(impossible("cropped", self.canvas, canvas));
        }
        self.on_canvas(canvas)
    }

    /// Cuts what protrudes from a canvas, and leaves room where it is larger.
    fn on_canvas(self, canvas: Size) -> Result<Self> {
        let image = self.image.intersection(canvas);
        let source = image.touching(self.source, Touching::Inside)?;
        Ok(Self { source, image, canvas })
    }
}

fn impossible(verb: &str, from: Size, to: Size) -> Error {
    let text = format!("{}x{} cannot be {verb} to {}x{}", from.w, from.h, to.w, to.h);
    Error::new(Kind::LayoutError, text)
}

/// Where something sits along one direction of a larger box.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Align {
    /// Left or top.
    Near,
    /// In the middle, half a pixel to the left or top when it does not come out even.
    Center,
    /// Right or bottom.
    Far,
    /// 0 is left or top, 100 right or bottom; rounded.
    Percent(f32),
}

impl Align {
    /// The distance from the near edge.
    #[must_use]
    pub fn offset(self, inner: u32, outer: u32) -> u32 {
        let free = outer.saturating_sub(inner);
        match self {
            Self::Near => 0,
            Self::Center => free / 2,
            Self::Far => free,
            Self::Percent(p) => {
                ((free as f32 * (p.clamp(0.0, 100.0) / 100.0)).round() as u32).min(free)
            }
        }
    }
}

/// The two directions of a [`Gravity`].
fn aligned(gravity: Option<Gravity>) -> (Align, Align) {
    match gravity {
        None | Some(Gravity::Center) => (Align::Percent(50.0), Align::Percent(50.0)),
        Some(Gravity::Percentage { x, y }) => (Align::Percent(x), Align::Percent(y)),
    }
}

/// A canvas that is larger than the picture on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canvas {
    /// Width of the canvas.
    pub w: u32,
    /// Height of the canvas.
    pub h: u32,
    /// Left edge of the picture on it.
    pub x: u32,
    /// Top edge of the picture on it.
    pub y: u32,
}

/// What is done to a picture: crop, scale, pad, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// `x1, y1, x2, y2` of the source; the whole of it when absent.
    pub crop: Option<[u32; 4]>,
    /// Width and height to scale to.
    pub size: (u32, u32),
    /// The padded canvas, if there is padding.
    pub canvas: Option<Canvas>,
}

impl Plan {
    /// Turns sizes into places.
    #[must_use]
    pub fn place(boxes: &Boxes, original: Size, crop: (Align, Align), pad: (Align, Align)) -> Self {
        let Boxes { source, image, canvas } = *boxes;
        let x = crop.0.offset(source.w, original.w);
        let y = crop.1.offset(source.h, original.h);
        let pads = Canvas {
            w: canvas.w,
            h: canvas.h,
            x: pad.0.offset(image.w, canvas.w),
            y: pad.1.offset(image.h, canvas.h),
        };
        Self {
            crop: (source != original).then_some([x, y, x + source.w, y + source.h]),
            size: (image.w, image.h),
            canvas: (image != canvas).then_some(pads),
        }
    }
}

/// The `constrain` node: how a picture of size `source` comes to fit a box.
///
/// A side that is absent, 0 or beyond 2³¹ − 1 follows from the ratio; without both the
/// picture stays as it is.
pub fn constrain(
    mode: ConstraintMode,
    w: Option<u32>,
    h: Option<u32>,
    gravity: Option<Gravity>,
    source: (u32, u32),
) -> Result<Plan> {
    let original = Size::new(source.0, source.1)?;
    let usable = |side: Option<u32>| side.filter(|s| (1..=Size::LARGEST).contains(s));
    let target = match (usable(w), usable(h)) {
        (Some(w), Some(h)) => Size { w, h },
        (Some(w), None) => Size { w, h: original.height_for(w)? },
        (None, Some(h)) => Size { w: original.width_for(h)?, h },
        (None, None) => original,
    };
    let (fit, scale) = steps(mode);
    let boxes = Boxes::fit(original, target, fit, scale)?;
    let align = aligned(gravity);
    Ok(Plan::place(&boxes, original, align, align))
}

fn steps(mode: ConstraintMode) -> (Fit, Scale) {
    match mode {
        ConstraintMode::Distort => (Fit::Stretch, Scale::Both),
        ConstraintMode::Within => (Fit::Max, Scale::Down),
        ConstraintMode::Fit => (Fit::Max, Scale::Both),
        ConstraintMode::LargerThan => (Fit::Max, Scale::Up),
        ConstraintMode::WithinCrop => (Fit::Crop, Scale::Down),
        ConstraintMode::FitCrop => (Fit::Crop, Scale::Both),
        ConstraintMode::AspectCrop => (Fit::AspectCrop, Scale::Down),
        ConstraintMode::WithinPad => (Fit::Pad, Scale::Down),
        ConstraintMode::FitPad => (Fit::Pad, Scale::Both),
    }
}

/// Where a watermark is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// `x1, y1, x2, y2` of the watermark's picture; the whole of it when absent.
    pub crop: Option<[u32; 4]>,
    /// Left edge on the canvas.
    pub x: u32,
    /// Top edge on the canvas.
    pub y: u32,
    /// Width it is drawn with.
    pub w: u32,
    /// Height it is drawn with.
    pub h: u32,
}

/// Whether a canvas is large enough for a watermark.
#[must_use]
pub fn has_room_for(mark: &Watermark, (w, h): (u32, u32)) -> bool {
    w > mark.min_canvas_width.unwrap_or(0) && h > mark.min_canvas_height.unwrap_or(0)
}

/// Where a watermark whose picture has size `source` is drawn on a canvas.
///
/// None when the canvas or the box is too small; then nothing is drawn.
pub fn place_watermark(
    mark: &Watermark,
    canvas: (u32, u32),
    source: (u32, u32),
) -> Result<Option<Placement>> {
    let Some([x1, y1, x2, y2]) = bounds(mark.fit_box, canvas) else {
        return Ok(None);
    };
    let mode = match mark.fit_mode.unwrap_or(WatermarkMode::Within) {
        WatermarkMode::Distort => ConstraintMode::Distort,
        WatermarkMode::Within => ConstraintMode::Within,
        WatermarkMode::Fit => ConstraintMode::Fit,
        WatermarkMode::WithinCrop => ConstraintMode::WithinCrop,
        WatermarkMode::FitCrop => ConstraintMode::FitCrop,
    };
    let plan = constrain(mode, Some(x2 - x1), Some(y2 - y1), mark.gravity, source)?;
    let (w, h) = plan.size;
    let (across, down) = aligned(mark.gravity);
    Ok(Some(Placement {
        crop: plan.crop,
        x: x1 + across.offset(w, x2 - x1),
        y: y1 + down.offset(h, y2 - y1),
        w,
        h,
    }))
}

/// `x1, y1, x2, y2` of a box on the canvas, unless nothing is left of it.
fn bounds(fit_box: Option<FitBox>, (w, h): (u32, u32)) -> Option<[u32; 4]> {
    let percent = |p: f32, side: u32| (p.clamp(0.0, 100.0) / 100.0 * side as f32).round() as u32;
    let [x1, y1, x2, y2] = match fit_box {
        None => [0, 0, w, h],
        Some(
            FitBox::ImageMargins { left, top, right, bottom }
            | FitBox::CanvasMargins { left, top, right, bottom },
        ) => [left, top, w.saturating_sub(right), h.saturating_sub(bottom)],
        Some(
            FitBox::ImagePercentage { x1, y1, x2, y2 }
            | FitBox::CanvasPercentage { x1, y1, x2, y2 },
        ) => [percent(x1, w), percent(y1, h), percent(x2, w), percent(y2, h)],
    };
    (x1 < x2 && y1 < y2).then_some([x1, y1, x2, y2])
}

#[cfg(test)]
mod tests;
