//! From the colours of an embedded profile to sRGB, by moxcms.

mod press;

use std::sync::Arc;

use moxcms::{
    BarycentricWeightScale, Chromaticity, ColorPrimaries, ColorProfile, DataColorSpace,
    InterpolationMethod, Layout, Transform8BitExecutor, TransformOptions, XyY, curve_from_gamma,
};

use super::Commands;
use crate::error::{Error, Kind, Result};
use crate::frame::Channels;
use crate::rows::{Picture, Rows};

pub use press::press;

/// How a file describes its colours.
#[derive(Clone, Debug, PartialEq)]
pub enum Profile {
    /// As sRGB, or not at all.
    Srgb,
    /// By an ICC profile.
    Icc(Vec<u8>),
    /// By PNG's gamma, and white, red, green and blue points.
    Gamma(f64, [(f64, f64); 4]),
}

impl Profile {
    /// A description by PNG's gamma and points; sRGB when they are about sRGB's, or nonsense.
    #[must_use]
    pub fn gamma(gamma: f64, points: [(f64, f64); 4]) -> Self {
        const SRGB: [(f64, f64); 4] = [(0.3127, 0.329), (0.64, 0.33), (0.30, 0.60), (0.15, 0.06)];
        let near = |a: f64, b: f64| (a - b).abs() < 0.01;
        let same = SRGB.iter().zip(points).all(|(a, b)| near(a.0, b.0) && near(a.1, b.1));
        let nonsense = gamma <= 0.0 || points.iter().any(|point| point.1 == 0.0);
        if nonsense || (same && (gamma * 2.2 - 1.0).abs() < 0.05) {
            Self::Srgb
        } else {
            Self::Gamma(gamma, points)
        }
    }

    fn color_profile(&self) -> Result<Option<ColorProfile>> {
        match self {
            Self::Srgb => Ok(None),
            Self::Icc(icc) => ColorProfile::new_from_slice(icc).map(Some).map_err(unusable),
            Self::Gamma(gamma, [white, red, green, blue]) => {
                let point = |&(x, y): &(f64, f64)| Chromaticity::new(x as f32, y as f32);
                let mut profile = ColorProfile::new_srgb();
                let primaries =
                    ColorPrimaries { red: point(red), green: point(green), blue: point(blue) };
                profile.update_rgb_colorimetry(XyY::new(white.0, white.1, 1.0), primaries);
                let curve = curve_from_gamma((1.0 / gamma) as f32);
                profile.red_trc = Some(curve.clone());
                profile.green_trc = Some(curve.clone());
                profile.blue_trc = Some(curve);
                Ok(Some(profile))
            }
        }
    }
}

fn unusable(error: impl std::fmt::Display) -> Error {
    Error::new(Kind::ColorProfileError, format!("The embedded profile cannot be used: {error}"))
}

/// Upstream's options: they decide the last level of each colour.
fn options() -> TransformOptions {
    TransformOptions {
        allow_use_cicp_transfer: false,
        interpolation_method: InterpolationMethod::Tetrahedral,
        barycentric_weight_scale: BarycentricWeightScale::High,
        ..TransformOptions::default()
    }
}

type Executor = Arc<Transform8BitExecutor>;

/// The transform from four inks, not inverted, to RGB.
///
/// # Errors
/// The profile cannot be used, or is not for four inks.
pub fn from_cmyk(icc: &[u8]) -> Result<Executor> {
    let profile = ColorProfile::new_from_slice(icc).map_err(unusable)?;
    if profile.color_space != DataColorSpace::Cmyk {
        return Err(unusable("it is not for CMYK"));
    }
    from_inks(&profile)
}

fn from_inks(profile: &ColorProfile) -> Result<Executor> {
    profile
        .create_transform_8bit(Layout::Rgba, &ColorProfile::new_srgb(), Layout::Rgb, options())
        .map_err(unusable)
}

/// What turns one row into sRGB.
enum Converter {
    Transform(Executor),
    /// What each grey becomes.
    Grey(Box<[[u8; 3]; 256]>),
}

impl Converter {
    fn new(profile: &ColorProfile, channels: Channels) -> Result<Self> {
        let srgb = ColorProfile::new_srgb();
        let make = |from, to| profile.create_transform_8bit(from, &srgb, to, options());
        match (profile.color_space, channels) {
            (DataColorSpace::Gray, _) => {
                let transform = make(Layout::Gray, Layout::Rgb).map_err(unusable)?;
                let levels: [u8; 256] = std::array::from_fn(|i| i as u8);
                let mut table = Box::new([[0; 3]; 256]);
                transform.transform(&levels, table.as_flattened_mut()).map_err(unusable)?;
                Ok(Self::Grey(table))
            }
            (DataColorSpace::Rgb, Channels::Rgb) => {
                make(Layout::Rgb, Layout::Rgb).map(Self::Transform).map_err(unusable)
            }
            (DataColorSpace::Rgb, Channels::Rgba) => {
                make(Layout::Rgba, Layout::Rgba).map(Self::Transform).map_err(unusable)
            }
            (space, _) => Err(unusable(format!("it is for {space:?}"))),
        }
    }

    fn row(&self, from: &[u8], to: &mut [u8], channels: Channels) -> Result<()> {
        match self {
            Self::Transform(transform) => transform.transform(from, to).map_err(unusable),
            Self::Grey(table) => {
                to.copy_from_slice(from);
                for px in to.chunks_exact_mut(channels.count()) {
                    let grey = table[usize::from(px[0])];
                    px[..3].copy_from_slice(&grey);
                }
                Ok(())
            }
        }
    }
}

/// Rows in the colours of a profile, as sRGB.
struct Converted<'a> {
    rows: Box<dyn Rows + 'a>,
    converter: Converter,
    row: Vec<u8>,
}

impl Rows for Converted<'_> {
    fn size(&self) -> (u32, u32) {
        self.rows.size()
    }

    fn channels(&self) -> Channels {
        self.rows.channels()
    }

    fn will_be_scaled(&mut self, to: (u32, u32)) {
        self.rows.will_be_scaled(to);
        self.row = vec![0; self.size().0 as usize * self.channels().count()];
    }

    fn next_row(&mut self) -> Result<&[u8]> {
        let channels = self.rows.channels();
        self.converter.row(self.rows.next_row()?, &mut self.row, channels)?;
        Ok(&self.row)
    }
}

/// *picture*, whose colours *profile* describes, in sRGB.
///
/// # Errors
/// The profile cannot be used, and its errors are not to be ignored.
pub fn to_srgb<'a>(
    picture: Picture<'a>,
    profile: Profile,
    commands: &Commands,
) -> Result<Picture<'a>> {
    if commands.discard_profile {
        return Ok(picture);
    }
    let converter = profile
        .color_profile()
        .and_then(|p| p.map(|p| Converter::new(&p, picture.channels())).transpose());
    let converter = match converter {
        Ok(Some(converter)) => converter,
        Ok(None) => return Ok(picture),
        Err(_) if commands.ignore_profile_errors => return Ok(picture),
        Err(error) => return Err(error),
    };
    let (size, channels) = (picture.size(), picture.channels());
    let row = vec![0; size.0 as usize * channels.count()];
    Ok(Picture::Rows(Box::new(Converted { rows: picture.into_rows(), converter, row })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gamma_and_points_of_srgb_are_srgb() {
        let points = [(0.3127, 0.3290), (0.64, 0.33), (0.30, 0.60), (0.15, 0.06)];

        assert_eq!(Profile::gamma(0.45455, points), Profile::Srgb);
        assert_ne!(Profile::gamma(1.0, points), Profile::Srgb);
    }

    #[test]
    fn a_broken_profile_is_an_error_unless_errors_are_ignored() {
        let profile = Profile::Icc(vec![1, 2, 3]);
        let picture = || {
            let paid = crate::limits::Limits::default().canvas(1, 1, Channels::Rgb).unwrap();
            Picture::Frame(crate::frame::Frame::new(&paid, &enough::Unstoppable).unwrap())
        };
        let strict = Commands::default();
        let lenient = Commands { ignore_profile_errors: true, ..Commands::default() };

        let error = to_srgb(picture(), profile.clone(), &strict).err().unwrap();
        assert_eq!(error.kind, Kind::ColorProfileError);
        assert!(to_srgb(picture(), profile, &lenient).is_ok());
    }
}
