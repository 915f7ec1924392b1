//! Resampling: what a request's hints mean, and pictures scaled or drawn.
//!
//! All scaling is by rows, so that a request to stop is noticed and no copy of the
//! source is made.

mod scaler;

use enough::Stop;
use scaler::{Scaler, store};
use zenresize::Filter;
use zenresize::filter::InterpolationDetails;

use crate::color::{Rgba, resolve};
use crate::error::Result;
use crate::frame::{Channels, Frame, Rect};
use crate::limits::Limits;
use crate::message::{self, Blend, Color, Colorspace, ResampleHints, ResampleWhen, SharpenWhen};
use crate::rows::{Rows, WithAlpha};
use crate::srgb::Space;

/// How one picture is scaled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaling {
    filter: Filter,
    sharpen: f32,
    linear: bool,
    background: Option<Rgba>,
    /// Whether a background was given, even one that is clear without saying so by name:
    /// upstream resamples then whatever has alpha.
    on_background: bool,
}

impl Scaling {
    /// What *hints* ask for on the way between two sizes.
    ///
    /// # Errors
    /// The background is not a colour.
    pub fn new(hints: &ResampleHints, from: (u32, u32), to: (u32, u32)) -> Result<Self> {
        let grows = to.0 > from.0 || to.1 > from.1;
        let shrinks = to.0 < from.0 || to.1 < from.1;
        let sharpens = match hints.sharpen_when.unwrap_or(SharpenWhen::Always) {
            SharpenWhen::Downscaling => shrinks,
            SharpenWhen::Upscaling => grows,
            SharpenWhen::SizeDiffers => from != to,
            SharpenWhen::Always => true,
        };
        let filter = if grows {
            hints.up_filter.unwrap_or(message::Filter::Ginseng)
        } else {
            hints.down_filter.unwrap_or(message::Filter::Robidoux)
        };
        let sharpen = hints.sharpen_percent.unwrap_or(0.0).clamp(0.0, 100.0);
        let background = hints.background_color.as_ref().map(resolve).transpose()?;
        Ok(Self {
            filter: kernel(filter),
            sharpen: if sharpens && sharpen.is_finite() { sharpen } else { 0.0 },
            linear: hints.scaling_colorspace != Some(Colorspace::Srgb),
            background: background.filter(|color| color.a > 0),
            on_background: !matches!(hints.background_color, None | Some(Color::Transparent)),
        })
    }

    /// Whether scaling does anything, or the picture can be taken as it is.
    #[must_use]
    pub fn acts(
        &self,
        when: Option<ResampleWhen>,
        from: (u32, u32),
        to: (u32, u32),
        alpha: bool,
    ) -> bool {
        let by_size = match when.unwrap_or(ResampleWhen::SizeDiffersOrSharpeningRequested) {
            ResampleWhen::SizeDiffers => from != to,
            ResampleWhen::SizeDiffersOrSharpeningRequested => from != to || self.sharpen > 0.0,
            ResampleWhen::Always => true,
        };
        by_size || (alpha && self.on_background)
    }

    /// The rows of *source*, scaled.
    fn of<'a>(&self, source: Box<dyn Rows + 'a>, to: (u32, u32), stop: &'a dyn Stop) -> Scaler<'a> {
        let filter = InterpolationDetails::create(self.filter);
        let filter = filter.with_sharpen_percent(self.sharpen);
        Scaler::new(source, to, &filter, Space::new(self.linear), stop)
    }
}

fn kernel(filter: message::Filter) -> Filter {
    use message::Filter as F;
    match filter {
        F::RobidouxFast => Filter::RobidouxFast,
        F::Robidoux => Filter::Robidoux,
        F::RobidouxSharp => Filter::RobidouxSharp,
        F::Ginseng => Filter::Ginseng,
        F::GinsengSharp => Filter::GinsengSharp,
        F::Lanczos => Filter::Lanczos,
        F::LanczosSharp => Filter::LanczosSharp,
        F::Lanczos2 => Filter::Lanczos2,
        F::Lanczos2Sharp => Filter::Lanczos2Sharp,
        F::Cubic => Filter::Cubic,
        F::CubicSharp => Filter::CubicSharp,
        F::CatmullRom => Filter::CatmullRom,
        F::Mitchell => Filter::Mitchell,
        F::CubicBSpline => Filter::CubicBSpline,
        F::Hermite => Filter::Hermite,
        F::Jinc => Filter::Jinc,
        F::Triangle => Filter::Triangle,
        F::Linear => Filter::Linear,
        F::Box => Filter::Box,
        F::Fastest => Filter::Fastest,
        F::NCubic => Filter::NCubic,
        F::NCubicSharp => Filter::NCubicSharp,
    }
}

/// A picture being scaled, with a colour that shows through.
struct OnColor<'a> {
    scaler: Scaler<'a>,
    space: Space,
    color: Rgba,
    row: Vec<u8>,
}

impl Rows for OnColor<'_> {
    fn size(&self) -> (u32, u32) {
        self.scaler.size()
    }

    /// The alpha stays, whatever shows through: what is chosen later goes by it.
    fn channels(&self) -> Channels {
        Channels::Rgba
    }

    fn next_row(&mut self) -> Result<&[u8]> {
        let space = self.space;
        let behind = [self.color.r, self.color.g, self.color.b].map(|v| space.amount(v));
        let opacity = f32::from(self.color.a) / 255.0;
        let amounts = self.scaler.next_amounts()?.as_chunks::<4>().0;
        for (to, &[r, g, b, a]) in self.row.as_chunks_mut::<4>().0.iter_mut().zip(amounts) {
            // Where a filter overshoots this takes away, as upstream has it.
            let below = opacity * (1.0 - a);
            let alpha = a + below;
            let color = [r, g, b];
            let byte = |i: usize| space.byte((color[i] + behind[i] * below) / alpha);
            *to = [byte(0), byte(1), byte(2), (alpha * 255.0 + 0.5) as u8];
        }
        Ok(&self.row)
    }
}

/// *source*, scaled to the size *to*.
///
/// # Errors
/// The size is above the limits.
pub fn scale<'a>(
    mut source: Box<dyn Rows + 'a>,
    to: (u32, u32),
    scaling: &Scaling,
    limits: &Limits,
    stop: &'a dyn Stop,
) -> Result<Box<dyn Rows + 'a>> {
    limits.canvas(to.0.into(), to.1.into(), source.channels())?;
    source.will_be_scaled(to);
    let alpha = source.channels() == Channels::Rgba;
    let scaler = scaling.of(source, to, stop);
    match scaling.background.filter(|_| alpha) {
        None => Ok(Box::new(scaler)),
        Some(color) => {
            let (space, row) = (Space::new(scaling.linear), vec![0; to.0 as usize * 4]);
            Ok(Box::new(OnColor { scaler, space, color, row }))
        }
    }
}

/// Draw *source* on *canvas*, scaled to fill *place*, which lies inside the canvas.
///
/// A transparent source is blended before it is rounded to bytes, in what it was scaled
/// in: rounding first costs 17 dB.
///
/// # Errors
/// Making the source failed, or the job was asked to stop.
pub fn draw<'a>(
    source: Box<dyn Rows + 'a>,
    canvas: &mut Frame,
    place: Rect,
    scaling: &Scaling,
    blend: Blend,
    stop: &'a dyn Stop,
) -> Result<()> {
    let to = (place.w(), place.h());
    let opaque = source.channels() == Channels::Rgb;
    let mut scaler = scaling.of(source, to, stop);
    if opaque {
        let mut rows: Box<dyn Rows> = Box::new(scaler);
        if canvas.has_alpha() {
            rows = WithAlpha::wrap(rows);
        }
        for y in 0..place.h() {
            canvas.part_mut(place, y).copy_from_slice(rows.next_row()?);
        }
        return Ok(());
    }
    let space = Space::new(scaling.linear);
    for y in 0..place.h() {
        let amounts = scaler.next_amounts()?;
        match blend {
            Blend::Compose => compose(canvas.part_mut(place, y), amounts, space),
            Blend::Overwrite => store(canvas.part_mut(place, y), amounts, space),
        }
    }
    Ok(())
}

/// From this alpha on upstream counts a pixel that is drawn as opaque.
const OPAQUE_FROM: f32 = 0.994;

/// Blend premultiplied amounts over a row of a canvas, with or without alpha.
///
/// Filters overshoot, and upstream lets them, but for one thing: alpha above 1 hides what
/// is below, and does not subtract it. What is clear in the end is black.
fn compose(row: &mut [u8], amounts: &[f32], space: Space) {
    let n = row.len() / (amounts.len() / 4);
    for (to, &[r, g, b, a]) in row.chunks_exact_mut(n).zip(amounts.as_chunks::<4>().0) {
        let opacity = to.get(3).map_or(1.0, |&a| f32::from(a) / 255.0);
        if opacity > 0.0 && [r, g, b, a] == [0.0; 4] {
            continue;
        }
        let (below, alpha) = if a > OPAQUE_FROM {
            (0.0, 1.0)
        } else {
            let below = opacity * (1.0 - a);
            (below, a + below)
        };
        for (v, amount) in to.iter_mut().zip([r, g, b]) {
            *v = space.byte((amount + space.amount(*v) * below) / alpha);
        }
        if let Some(v) = to.get_mut(3) {
            *v = (alpha * 255.0 + 0.5) as u8;
        }
    }
}
