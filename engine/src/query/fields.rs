//! Which keys fill which field, and which of several names comes first.

use crate::layout::Fit;
use crate::message::QualityProfile;

use super::read::Reader;
use super::{
    ColorKeys, OutputKeys, Query, ResampleKeys, SizeKeys, WindowKeys, srcset, values as v,
};

impl Query {
    /// Reads every key that is known; `srcset` comes last and overrides the others.
    pub(super) fn read(r: &mut Reader) -> Self {
        let size = SizeKeys::read(r);
        let mut query = Self {
            size,
            window: WindowKeys::read(r),
            color: ColorKeys::read(r),
            resample: ResampleKeys::read(r),
            output: OutputKeys::read(r, size.zoom),
            frame: r.first(&["frame", "page"], v::int),
            red_dot: r.read("watermark_red_dot", v::boolean),
        };
        read_without_effect(r);
        if let Some((key, text)) = ["srcset", "short"].iter().find_map(|k| Some((*k, r.take(k)?))) {
            srcset::apply(&mut query, key, &text, r);
        }
        query
    }
}

impl SizeKeys {
    fn read(r: &mut Reader) -> Self {
        // A mode that is given hides both older spellings, which count as used all the same.
        let mode = r.read("mode", v::fit).flatten();
        let stretch = r.says("stretch", "fill").then_some(Fit::Stretch);
        let crop = r.says("crop", "auto").then_some(Fit::Crop);
        Self {
            w: r.first(&["width", "w"], v::int),
            h: r.first(&["height", "h"], v::int),
            max_w: r.read("maxwidth", v::int),
            max_h: r.read("maxheight", v::int),
            zoom: r.first(&["zoom", "dpr", "dppx"], v::multiple),
            fit: mode.or(stretch).or(crop),
            scale: r.read("scale", v::scale),
            anchor: r.read("anchor", v::anchor),
            gravity: r.read("c.gravity", v::gravity),
        }
    }
}

impl WindowKeys {
    fn read(r: &mut Reader) -> Self {
        let percent = r.read("c", v::crop);
        let (crop, crop_units) = match percent {
            Some(crop) => (Some(crop), [Some(100.0), Some(100.0)]),
            None => (
                r.read("crop", v::crop).or_else(|| r.read("crop", v::lenient_crop)),
                [r.read("cropxunits", v::unit), r.read("cropyunits", v::unit)],
            ),
        };
        Self {
            crop,
            crop_units,
            trim_threshold: r.read("trim.threshold", v::int),
            trim_padding: r.read("trim.percentpadding", v::number),
            source_turn: r.read("srotate", v::turns).unwrap_or_default(),
            source_flip: r.read("sflip", v::flip).unwrap_or_default(),
            turn: r.read("rotate", v::turns).unwrap_or_default(),
            flip: r.read("flip", v::flip).unwrap_or_default(),
        }
    }
}

impl ColorKeys {
    fn read(r: &mut Reader) -> Self {
        Self {
            background: r.read("bgcolor", v::rgba),
            corners: r.read("s.roundcorners", v::corners),
            alpha: r.read("s.alpha", v::number),
            brightness: r.read("s.brightness", v::number),
            contrast: r.read("s.contrast", v::number),
            saturation: r.read("s.saturation", v::number),
            sepia: r.read("s.sepia", v::boolean),
            grayscale: r.read("s.grayscale", v::grayscale),
            white_balance: r.read("a.balancewhite", v::white_balance).unwrap_or(false),
            discard_profile: r.read("ignoreicc", v::boolean),
            ignore_profile_errors: r.read("ignore_icc_errors", v::boolean),
        }
    }
}

impl ResampleKeys {
    fn read(r: &mut Reader) -> Self {
        Self {
            down_filter: r.read("down.filter", v::filter),
            up_filter: r.read("up.filter", v::filter),
            down_colorspace: r.read("down.colorspace", v::colorspace),
            up_colorspace: r.read("up.colorspace", v::colorspace),
            sharpen: r.read("f.sharpen", v::number),
            sharpen_when: r.read("f.sharpen_when", v::sharpen_when),
            min_precise_ratio: r.read("decoder.min_precise_scaling_ratio", v::number),
        }
    }
}

impl OutputKeys {
    fn read(r: &mut Reader, zoom: Option<f32>) -> Self {
        let quality = r.read("quality", v::int);
        Self {
            format: r.first(&["format", "thumbnail"], v::format),
            quality,
            profile: read_profile(r, quality),
            profile_dpr: read_profile_dpr(r, zoom),
            lossless: r.read("lossless", v::bool_keep),
            accept_webp: r.read("accept.webp", v::boolean),
            accept_avif: r.read("accept.avif", v::boolean),
            accept_jxl: r.read("accept.jxl", v::boolean),
            accept_profiles: r.read("accept.color_profiles", v::boolean),
            jpeg_quality: r.read("jpeg.quality", v::int),
            jpeg_progressive: r.read("jpeg.progressive", v::boolean),
            jpeg_turbo: r.read("jpeg.turbo", v::boolean),
            jpegli: r.read("jpeg.li", v::boolean),
            png_quality: r.read("png.quality", v::byte),
            png_min_quality: r.read("png.min_quality", v::byte),
            png_speed: r.read("png.quantization_speed", v::byte),
            png_libpng: r.read("png.libpng", v::boolean),
            png_max_deflate: r.read("png.max_deflate", v::boolean),
            png_lossless: r.read("png.lossless", v::bool_keep),
            webp_quality: r.read("webp.quality", v::number),
            webp_lossless: r.read("webp.lossless", v::bool_keep),
        }
    }
}

/// `qp`, which may point to `quality`.
fn read_profile(r: &mut Reader, quality: Option<i32>) -> Option<QualityProfile> {
    let same = quality.map(|q| QualityProfile::Percent(q.clamp(0, 100) as f32));
    r.read("qp", |text| {
        if text.eq_ignore_ascii_case("quality") { Some(same) } else { v::profile(text).map(Some) }
    })
    .flatten()
}

/// `qp.dpr`, which may point to `zoom`; both of its names count as used.
fn read_profile_dpr(r: &mut Reader, zoom: Option<f32>) -> Option<f32> {
    let mut read = |key: &str| {
        r.read(key, |text| {
            let same = ["dpr", "dppx", "zoom"].iter().any(|name| name.eq_ignore_ascii_case(text));
            if same { Some(zoom) } else { v::multiple(text).map(Some) }
        })
        .flatten()
    };
    let (dpr, dppx) = (read("qp.dpr"), read("qp.dppx"));
    dpr.or(dppx)
}

/// Keys whose values are checked, and which do nothing in any edition.
fn read_without_effect(r: &mut Reader) {
    let _ = r.read("autorotate", v::boolean);
    let _ = r.read("subsampling", v::subsampling);
    for key in ["avif.quality", "jxl.quality", "jxl.distance"] {
        let _ = r.read(key, v::number);
    }
    for key in ["avif.speed", "jxl.effort"] {
        let _ = r.read(key, v::byte);
    }
    let _ = r.read("jxl.lossless", v::bool_keep);
}
