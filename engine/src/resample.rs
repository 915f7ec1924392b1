//! Resampling: what a request's hints mean, and pictures scaled or drawn by zenresize.
//!
//! All scaling is by rows, so that a request to stop is noticed and no copy of the
//! source is made.

mod light;

use enough::Stop;
use light::LightScaler;
use zenresize::filter::InterpolationDetails;
use zenresize::{Filter, PixelDescriptor, ResizeConfig, StreamingResize};

use crate::color::{Rgba, resolve};
use crate::error::{Error, Kind, Result};
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

    fn config(&self, from: (u32, u32), to: (u32, u32), channels: Channels) -> ResizeConfig {
        let bytes = match channels {
            Channels::Rgb => PixelDescriptor::RGB8_SRGB,
            Channels::Rgba => PixelDescriptor::RGBA8_SRGB,
        };
        let builder = ResizeConfig::builder(from.0, from.1, to.0, to.1)
            .filter(self.filter)
            .input(bytes)
            .resize_sharpen(self.sharpen);
        if self.linear {
            builder.output(PixelDescriptor::RGBAF32_LINEAR).linear().build()
        } else {
            builder.output(bytes).srgb().build()
        }
    }

    /// For sRGB with alpha: to zenresize its amounts are light. What it has for sRGB itself
    /// is 20 dB farther from upstream, and more where the picture is sharpened.
    fn amounts_config(&self, from: (u32, u32), to: (u32, u32)) -> ResizeConfig {
        let amounts = PixelDescriptor::RGBAF32_LINEAR;
        let builder = ResizeConfig::builder(from.0, from.1, to.0, to.1).filter(self.filter);
        builder.format(amounts).resize_sharpen(self.sharpen).linear().build()
    }

    /// What is added up, and what it is made of.
    fn space(&self) -> Space {
        if self.linear { Space::light() } else { Space::Plain }
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

/// An opaque picture being scaled in linear light.
struct Opaque<'a> {
    source: Box<dyn Rows + 'a>,
    scaler: LightScaler,
    to: (u32, u32),
    stop: &'a dyn Stop,
}

impl Rows for Opaque<'_> {
    fn size(&self) -> (u32, u32) {
        self.to
    }

    fn channels(&self) -> Channels {
        Channels::Rgb
    }

    fn next_row(&mut self) -> Result<&[u8]> {
        self.scaler.next_row(&mut *self.source, self.stop)
    }
}

/// A picture being scaled by zenresize.
struct Scaler<'a> {
    source: Box<dyn Rows + 'a>,
    stream: StreamingResize,
    to: (u32, u32),
    /// Rows of the source that were not asked for yet.
    left: u32,
    /// The last row, where it was made of amounts.
    row: Vec<u8>,
    /// Whether the stream is given sRGB as if it were light.
    as_amounts: bool,
    space: Space,
    stop: &'a dyn Stop,
}

impl<'a> Scaler<'a> {
    fn new(
        source: Box<dyn Rows + 'a>,
        to: (u32, u32),
        scaling: &Scaling,
        stop: &'a dyn Stop,
    ) -> Self {
        let channels = source.channels();
        let as_amounts = !scaling.linear && channels == Channels::Rgba;
        let config = match as_amounts {
            true => scaling.amounts_config(source.size(), to),
            false => scaling.config(source.size(), to, channels),
        };
        let bytes = to.0 as usize * channels.count();
        Self {
            left: source.size().1,
            source,
            stream: StreamingResize::new(&config),
            to,
            row: vec![0; if scaling.linear || as_amounts { bytes } else { 0 }],
            as_amounts,
            space: scaling.space(),
            stop,
        }
    }

    /// Push source rows until the stream can give its next row.
    fn fill(&mut self) -> Result<()> {
        self.stop.check()?;
        while self.stream.output_rows_available() == 0 && self.left > 0 {
            self.stop.check()?;
            let row = self.source.next_row()?;
            let pushed = if self.as_amounts {
                self.stream.push_row_f32_with(|to| {
                    to.iter_mut().zip(row).for_each(|(to, &v)| *to = self.space.amount(v));
                })
            } else {
                self.stream.push_row(row)
            };
            pushed.map_err(refused)?;
            self.left -= 1;
        }
        Ok(())
    }

    /// The next row as premultiplied amounts. The source has alpha.
    fn next_amounts(&mut self) -> Result<&[f32]> {
        self.fill()?;
        let amounts = self.stream.next_output_row_premul_linear_f32();
        amounts.ok_or_else(|| refused("no row is left"))
    }
}

impl Rows for Scaler<'_> {
    fn size(&self) -> (u32, u32) {
        self.to
    }

    fn channels(&self) -> Channels {
        self.source.channels()
    }

    fn next_row(&mut self) -> Result<&[u8]> {
        self.fill()?;
        if self.row.is_empty() {
            return self.stream.next_output_row().ok_or_else(|| refused("no row is left"));
        }
        let light = self.stream.next_output_row_premul_linear_f32();
        let light = light.ok_or_else(|| refused("no row is left"))?;
        store(&mut self.row, light, self.space);
        Ok(&self.row)
    }
}

fn refused(error: impl std::fmt::Display) -> Error {
    Error::new(Kind::InternalError, format!("zenresize refused: {error}"))
}

/// A picture being scaled, with a colour that shows through.
struct OnColor<'a> {
    scaler: Scaler<'a>,
    color: Rgba,
    row: Vec<u8>,
}

impl Rows for OnColor<'_> {
    fn size(&self) -> (u32, u32) {
        self.scaler.to
    }

    /// The alpha stays, whatever shows through: what is chosen later goes by it.
    fn channels(&self) -> Channels {
        Channels::Rgba
    }

    fn next_row(&mut self) -> Result<&[u8]> {
        let space = self.scaler.space;
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

/// The rows of *source*, scaled by whoever does it best.
fn scaled<'a>(
    source: Box<dyn Rows + 'a>,
    to: (u32, u32),
    scaling: &Scaling,
    stop: &'a dyn Stop,
) -> Box<dyn Rows + 'a> {
    if scaling.linear && source.channels() == Channels::Rgb {
        let filter = InterpolationDetails::create(scaling.filter);
        let filter = filter.with_sharpen_percent(scaling.sharpen);
        let scaler = LightScaler::new(source.size(), to, &filter);
        return Box::new(Opaque { source, scaler, to, stop });
    }
    Box::new(Scaler::new(source, to, scaling, stop))
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
    match scaling.background.filter(|_| source.channels() == Channels::Rgba) {
        None => Ok(scaled(source, to, scaling, stop)),
        Some(color) => {
            let scaler = Scaler::new(source, to, scaling, stop);
            Ok(Box::new(OnColor { scaler, color, row: vec![0; to.0 as usize * 4] }))
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
    let source = if opaque && canvas.has_alpha() { WithAlpha::wrap(source) } else { source };
    if opaque {
        let mut rows = scaled(source, to, scaling, stop);
        for y in 0..place.h() {
            canvas.part_mut(place, y).copy_from_slice(rows.next_row()?);
        }
        return Ok(());
    }
    let mut scaler = Scaler::new(source, to, scaling, stop);
    let space = scaler.space;
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

/// Put premultiplied amounts into a row of a canvas. Where the canvas has no alpha, the
/// colour counts however thin it is, so it is divided before anything is rounded.
fn store(row: &mut [u8], amounts: &[f32], space: Space) {
    let n = row.len() / (amounts.len() / 4);
    for (to, px) in row.chunks_exact_mut(n).zip(amounts.as_chunks::<4>().0) {
        let alpha = px[3];
        let color = if alpha > 0.0 { [px[0], px[1], px[2]].map(|c| c / alpha) } else { [0.0; 3] };
        let [r, g, b] = color.map(|amount| space.byte(amount));
        to.copy_from_slice(&[r, g, b, (alpha * 255.0 + 0.5) as u8][..n]);
    }
}
