//! The presets `auto` and `format`: which format suits the picture, and its settings.

use super::profile::{Settings, settings};
use super::{Encoding, Facts};
use crate::decode::Format;
use crate::error::{Error, Kind, Result};
use crate::message::{
    Allow, BoolKeep, EncoderHints, JpegHints, JpegStyle, OutputFormat, PngDepth, PngHints,
    PngStyle, QualityProfile, WebpHints,
};

/// The quality of a JPEG without profile or hints.
const JPEG_QUALITY: f32 = 90.0;

/// The quality of a WebP without profile or hints.
const WEBP_QUALITY: f32 = 80.0;

/// Above this percentage a WebP is worth more than a JPEG.
const HIGH_PERCENT: f32 = 90.0;

/// What the two presets say.
pub(super) struct Request {
    /// None: whatever suits the picture.
    pub format: Option<OutputFormat>,
    pub profile: Option<QualityProfile>,
    pub dpr: Option<f32>,
    pub lossless: Option<BoolKeep>,
    pub allow: Option<Allow>,
    pub hints: EncoderHints,
}

/// What the request comes to for one picture.
struct Wish {
    profile: Option<QualityProfile>,
    settings: Option<Settings>,
    /// Whether nothing may be lost; None leaves that to the format.
    lossless: Option<bool>,
    allowed: Allowed,
    /// Whether the picture has alpha once it is on its matte.
    alpha: bool,
    facts: Facts,
}

impl Request {
    /// The encoding for a picture; *alpha* as it is on its matte.
    ///
    /// # Errors
    /// The format is left open, and none is allowed.
    pub(super) fn encoding(&self, alpha: bool, facts: &Facts) -> Result<Encoding> {
        let wish = Wish {
            profile: self.profile,
            settings: self.profile.map(|profile| settings(profile, self.dpr)),
            lossless: self.lossless(alpha, facts),
            allowed: Allowed::of(self.allow),
            alpha,
            facts: *facts,
        };
        Ok(match self.target(&wish)? {
            Format::Jpeg => wish.jpeg(self.hints.jpeg.unwrap_or_default()),
            Format::Png => wish.png(self.hints.png.unwrap_or_default()),
            Format::Webp => wish.webp(self.hints.webp.unwrap_or_default()),
            Format::Gif => Encoding::Gif,
        })
    }

    fn lossless(&self, alpha: bool, facts: &Facts) -> Option<bool> {
        if self.profile == Some(QualityProfile::Lossless) {
            return Some(true);
        }
        let of_source = if facts.source.is_some() { facts.source_lossless } else { alpha };
        self.lossless.map(|wanted| resolved(wanted, of_source))
    }

    /// The format asked for; a JPEG that is to be kept may still become something else,
    /// as upstream has it.
    fn target(&self, wish: &Wish) -> Result<Format> {
        let open = || {
            let text = "The preset allows no format; for instance, allow web_safe";
            wish.suitable().ok_or_else(|| Error::new(Kind::InvalidArgument, text))
        };
        match self.format {
            Some(OutputFormat::Jpeg | OutputFormat::Jpg) => Ok(Format::Jpeg),
            Some(OutputFormat::Png) => Ok(Format::Png),
            Some(OutputFormat::Gif) => Ok(Format::Gif),
            Some(OutputFormat::Webp) => Ok(Format::Webp),
            Some(OutputFormat::Avif | OutputFormat::Jxl) => {
                Ok(wish.suitable().unwrap_or(Format::Jpeg))
            }
            Some(OutputFormat::Keep) => match wish.facts.source {
                None | Some(Format::Jpeg) => open(),
                Some(other) => Ok(other),
            },
            None => open(),
        }
    }
}

fn resolved(wanted: BoolKeep, of_source: bool) -> bool {
    match wanted {
        BoolKeep::Keep => of_source,
        BoolKeep::True => true,
        BoolKeep::False => false,
    }
}

/// The part of a hint for whole numbers of percent.
fn percent(value: f32) -> u8 {
    value.clamp(0.0, 100.0) as u8
}

impl Wish {
    /// The best of the formats that are allowed.
    fn suitable(&self) -> Option<Format> {
        let Allowed { jpeg, png, gif, webp, progressive } = self.allowed;
        let first = |rows: &[(bool, Format)]| {
            rows.iter().find(|(allowed, _)| *allowed).map(|&(_, format)| format)
        };
        first(&[
            (jpeg, Format::Jpeg),
            (png, Format::Png),
            (gif, Format::Gif),
            (webp, Format::Webp),
        ])?;
        if self.facts.animated {
            return Some(Format::Gif);
        }
        let exact = self.alpha || self.lossless == Some(true);
        let percent = self.profile.map_or(HIGH_PERCENT, |profile| settings(profile, None).percent);
        let modern = exact || percent > HIGH_PERCENT || !progressive;
        first(&[
            (webp && modern, Format::Webp),
            (png && exact, Format::Png),
            (jpeg, Format::Jpeg),
            (png, Format::Png),
            (gif, Format::Gif),
            // Upstream finds no encoder when a WebP is all that is allowed and not worth it.
            (webp, Format::Webp),
        ])
    }

    fn jpeg(&self, hints: JpegHints) -> Encoding {
        let quality = self.settings.map(|s| s.jpeg).or(hints.quality).unwrap_or(JPEG_QUALITY);
        let quality = percent(quality);
        if hints.mimic == Some(JpegStyle::Libjpegturbo) {
            let progressive = hints.progressive.unwrap_or(self.allowed.progressive);
            let optimize_huffman_coding = progressive;
            Encoding::Libjpegturbo { quality, progressive, optimize_huffman_coding }
        } else {
            Encoding::Mozjpeg { quality, progressive: hints.progressive.unwrap_or(true) }
        }
    }

    fn webp(&self, hints: WebpHints) -> Encoding {
        let hinted = hints.lossless.map(|wanted| resolved(wanted, self.facts.source_lossless));
        if self.lossless.or(hinted) == Some(true) {
            return Encoding::WebpLossless;
        }
        let quality = self.settings.map(|s| s.webp).or(hints.quality).unwrap_or(WEBP_QUALITY);
        Encoding::WebpLossy { quality: quality.clamp(0.0, 100.0) }
    }

    fn png(&self, hints: PngHints) -> Encoding {
        let maximum_deflate = hints.hint_max_deflate == Some(true);
        let style = hints.mimic.unwrap_or(PngStyle::Default);
        match self.settings {
            Some(settings) if !self.is_png_lossless(&hints) && settings.png_min < 100.0 => {
                Encoding::Pngquant {
                    quality: percent(settings.png_max),
                    minimum_quality: percent(settings.png_min),
                    speed: None,
                    maximum_deflate,
                }
            }
            None if style == PngStyle::Libpng => Encoding::Libpng {
                depth: Some(if self.alpha { PngDepth::Png32 } else { PngDepth::Png24 }),
                zlib_compression: if maximum_deflate { 9 } else { 6 },
            },
            None if !self.is_png_lossless(&hints) && style != PngStyle::Lodepng => {
                Encoding::Pngquant {
                    quality: hints.quality.map_or(100, percent),
                    minimum_quality: hints.min_quality.map_or(0, percent),
                    speed: hints.quantization_speed,
                    maximum_deflate,
                }
            }
            _ => Encoding::Lodepng { maximum_deflate },
        }
    }

    /// Whether a PNG keeps all colours: unless it is told otherwise or given a quality.
    fn is_png_lossless(&self, hints: &PngHints) -> bool {
        match (self.lossless, hints.lossless) {
            (Some(true), _) => true,
            (_, Some(wanted)) => resolved(wanted, self.facts.source_lossless),
            (Some(false), None) => false,
            (None, None) => hints.quality.is_none() || hints.mimic == Some(PngStyle::Libpng),
        }
    }
}

/// The formats that may be chosen; AVIF and JXL cannot be.
#[derive(Clone, Copy)]
struct Allowed {
    jpeg: bool,
    png: bool,
    gif: bool,
    webp: bool,
    /// Whether a JPEG may be progressive.
    progressive: bool,
}

impl Allowed {
    /// Those that are named, and those of the sets that are named; web_safe if nothing is.
    fn of(allow: Option<Allow>) -> Self {
        let allow = allow.unwrap_or(Allow { web_safe: Some(true), ..Allow::default() });
        let on = |flag: Option<bool>| flag == Some(true);
        let all = on(allow.all);
        // The smaller set wins when both are named, as upstream has it.
        let modern = all || on(allow.modern_web_safe) && !on(allow.web_safe);
        let safe = modern || on(allow.web_safe);
        Self {
            jpeg: safe || on(allow.jpeg),
            png: safe || on(allow.png),
            gif: safe || on(allow.gif),
            webp: modern || on(allow.webp),
            progressive: modern || on(allow.jpeg_progressive),
        }
    }
}
