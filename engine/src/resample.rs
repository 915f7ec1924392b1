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
use crate::message::{self, Blend, Colorspace, ResampleHints, ResampleWhen, SharpenWhen};
use crate::rows::{Rows, WithAlpha};
use crate::srgb;

/// How one picture is scaled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaling {
    filter: Filter,
    sharpen: f32,
    linear: bool,
    background: Option<Rgba>,
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
        by_size || (alpha && self.background.is_some())
    }

    /// Whether something shows through a transparent picture.
    #[must_use]
    pub fn has_background(&self) -> bool {
        self.background.is_some()
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
        self.stop.check()?;
        self.scaler.next_row(&mut *self.source)
    }
}

/// A picture being scaled by zenresize.
struct Scaler<'a> {
    source: Box<dyn Rows + 'a>,
    stream: StreamingResize,
    to: (u32, u32),
    /// Rows of the source that were not asked for yet.
    left: u32,
    /// The last row, where it was made of light.
    row: Vec<u8>,
    /// The last row as premultiplied light, where it was made of bytes.
    light: Vec<f32>,
    linear: bool,
    stop: &'a dyn Stop,
}

impl<'a> Scaler<'a> {
    fn new(
        source: Box<dyn Rows + 'a>,
        to: (u32, u32),
        scaling: &Scaling,
        stop: &'a dyn Stop,
    ) -> Self {
        let config = scaling.config(source.size(), to, source.channels());
        let left = source.size().1;
        let linear = scaling.linear;
        let row = vec![0; if linear { to.0 as usize * source.channels().count() } else { 0 }];
        let stream = StreamingResize::new(&config);
        Self { source, stream, to, left, row, light: Vec::new(), linear, stop }
    }

    /// Push source rows until the stream can give its next row.
    fn fill(&mut self) -> Result<()> {
        while self.stream.output_rows_available() == 0 && self.left > 0 {
            self.stop.check()?;
            self.stream.push_row(self.source.next_row()?).map_err(refused)?;
            self.left -= 1;
        }
        Ok(())
    }

    /// The next row as premultiplied light, or what stands for it where sRGB is scaled as
    /// it is. The source has alpha.
    fn next_light(&mut self) -> Result<&[f32]> {
        self.fill()?;
        let none = || refused("no row is left");
        if self.linear {
            return self.stream.next_output_row_premul_linear_f32().ok_or_else(none);
        }
        let row = self.stream.next_output_row().ok_or_else(none)?;
        self.light.clear();
        for &[r, g, b, a] in row.as_chunks::<4>().0 {
            let alpha = AS_IT_IS[usize::from(a)];
            self.light.extend([r, g, b].map(|v| AS_IT_IS[usize::from(v)] * alpha));
            self.light.push(alpha);
        }
        Ok(&self.light)
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
        store(&mut self.row, light, true);
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

    fn channels(&self) -> Channels {
        Channels::with(!self.color.is_opaque())
    }

    fn next_row(&mut self) -> Result<&[u8]> {
        let Rgba { r, g, b, a } = self.color;
        let n = self.channels().count();
        for px in self.row.chunks_exact_mut(n) {
            px.copy_from_slice(&[r, g, b, a][..n]);
        }
        compose(&mut self.row, self.scaler.next_light()?, true);
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
            // What shows through is added in light, whatever the scaling was done in.
            let scaling = Scaling { linear: true, ..*scaling };
            let scaler = Scaler::new(source, to, &scaling, stop);
            let n = Channels::with(!color.is_opaque()).count();
            Ok(Box::new(OnColor { scaler, color, row: vec![0; to.0 as usize * n] }))
        }
    }
}

/// Draw *source* on *canvas*, scaled to fill *place*, which lies inside the canvas.
///
/// A transparent source is blended in linear light before it is rounded to bytes:
/// rounding first costs 17 dB.
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
    for y in 0..place.h() {
        let light = scaler.next_light()?;
        match blend {
            Blend::Compose => compose(canvas.part_mut(place, y), light, scaling.linear),
            Blend::Overwrite => store(canvas.part_mut(place, y), light, scaling.linear),
        }
    }
    Ok(())
}

/// What bytes are between 0 and 1, where sRGB is taken as it is.
static AS_IT_IS: [f32; 256] = {
    let mut table = [0.0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = byte as f32 / 255.0;
        byte += 1;
    }
    table
};

fn plain_byte(value: f32) -> u8 {
    (value * 255.0 + 0.5) as u8
}

/// Blend premultiplied light over a row of a canvas, with or without alpha.
fn compose(row: &mut [u8], light: &[f32], linear: bool) {
    if linear {
        let bytes = srgb::byte_table();
        compose_by(row, light, srgb::linear_table(), |light| bytes.byte(light));
    } else {
        compose_by(row, light, &AS_IT_IS, plain_byte);
    }
}

/// Filters overshoot, and upstream lets them, but for one thing: alpha above 1 hides what
/// is below, and does not subtract it.
fn compose_by(row: &mut [u8], light: &[f32], table: &[f32; 256], byte: impl Fn(f32) -> u8) {
    let n = row.len() / (light.len() / 4);
    for (to, &[r, g, b, a]) in row.chunks_exact_mut(n).zip(light.as_chunks::<4>().0) {
        if a == 0.0 && [r, g, b] == [0.0; 3] {
            continue;
        }
        let below = to.get(3).map_or(1.0, |&a| f32::from(a) / 255.0) * (1.0 - a).max(0.0);
        let alpha = a.min(1.0) + below;
        if alpha <= 0.0 {
            continue;
        }
        for (v, light) in to.iter_mut().zip([r, g, b]) {
            *v = byte((light + table[usize::from(*v)] * below) / alpha);
        }
        if let Some(v) = to.get_mut(3) {
            *v = plain_byte(alpha);
        }
    }
}

/// Put premultiplied light into a row of a canvas. Where the canvas has no alpha, the
/// colour counts however thin it is, so it is divided before anything is rounded.
fn store(row: &mut [u8], light: &[f32], linear: bool) {
    let bytes = srgb::byte_table();
    let byte = |value: f32| if linear { bytes.byte(value) } else { plain_byte(value) };
    let n = row.len() / (light.len() / 4);
    for (to, px) in row.chunks_exact_mut(n).zip(light.as_chunks::<4>().0) {
        let alpha = px[3];
        let color = if alpha > 0.0 { [px[0], px[1], px[2]].map(|c| c / alpha) } else { [0.0; 3] };
        let [r, g, b] = color.map(byte);
        to.copy_from_slice(&[r, g, b, plain_byte(alpha)][..n]);
    }
}
