//! The encoder preset that a query string asks for.

use crate::message::{
    Allow, EncoderHints, GifHints, JpegHints, JpegStyle, OutputFormat, PngHints, PngStyle, Preset,
    QualityProfile, WebpHints,
};

use super::{OutputKeys, Query, Target};

impl Query {
    /// For the encode node: the source's format unless one is named or `qp` is given.
    #[must_use]
    pub fn preset(&self) -> Preset {
        let keys = &self.output;
        let unnamed =
            if keys.profile.is_some() { Target::Auto } else { Target::Format(OutputFormat::Keep) };
        let quality = keys.quality.map(|q| q as f32);
        match keys.format.unwrap_or(unnamed) {
            Target::Auto => Preset::Auto {
                quality_profile: keys
                    .profile
                    .or(quality.map(QualityProfile::Percent))
                    .unwrap_or(QualityProfile::High),
                quality_profile_dpr: keys.profile_dpr,
                matte: None,
                lossless: keys.lossless,
                allow: Some(keys.allow()),
            },
            Target::Format(format) => Preset::Format {
                format,
                quality_profile: keys.profile,
                quality_profile_dpr: keys.profile_dpr,
                matte: None,
                lossless: keys.lossless,
                allow: Some(keys.allow()),
                encoder_hints: Some(keys.hints(quality)),
            },
        }
    }
}

impl OutputKeys {
    fn allow(&self) -> Allow {
        Allow {
            web_safe: Some(true),
            jpeg: Some(true),
            png: Some(true),
            gif: Some(true),
            webp: self.accept_webp,
            avif: self.accept_avif,
            jxl: self.accept_jxl,
            color_profiles: Some(self.accept_profiles == Some(true)),
            ..Allow::default()
        }
    }

    fn hints(&self, quality: Option<f32>) -> EncoderHints {
        let mimic = if self.jpegli == Some(true) {
            Some(JpegStyle::Jpegli)
        } else {
            (self.jpeg_turbo == Some(true)).then_some(JpegStyle::Libjpegturbo)
        };
        EncoderHints {
            jpeg: Some(JpegHints {
                quality: self.jpeg_quality.map(|q| q as f32).or(quality),
                progressive: self.jpeg_progressive,
                mimic,
            }),
            png: Some(PngHints {
                quality: self.png_quality.map(f32::from),
                min_quality: self.png_min_quality.map(f32::from),
                quantization_speed: self.png_speed,
                mimic: (self.png_libpng == Some(true)).then_some(PngStyle::Libpng),
                hint_max_deflate: self.png_max_deflate,
                lossless: self.png_lossless,
            }),
            webp: Some(WebpHints {
                quality: self.webp_quality.or(quality),
                lossless: self.webp_lossless,
            }),
            gif: Some(GifHints {}),
        }
    }
}
