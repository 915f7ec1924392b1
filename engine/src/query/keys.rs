//! The names of the keys.

/// All names that are recognised, those without any effect among them; sorted.
#[rustfmt::skip]
pub const KEYS: [&str; 100] = [
    "404", "a.balancewhite", "a.blur", "a.removenoise", "a.sharpen", "accept.avif",
    "accept.color_profiles", "accept.jxl", "accept.webp", "anchor", "autorotate",
    "avif.quality", "avif.speed", "bgcolor", "bordercolor", "borderwidth", "builder", "c",
    "c.gravity", "cache", "colors", "crop", "cropxunits", "cropyunits", "decoder",
    "decoder.min_precise_scaling_ratio", "dither", "down.colorspace", "down.filter", "dppx",
    "dpr", "encoder", "f.sharpen", "f.sharpen_when", "flip", "floatspace", "format", "frame",
    "h", "height", "ignore_icc_errors", "ignoreicc", "jpeg.li", "jpeg.progressive",
    "jpeg.quality", "jpeg.turbo", "jpeg_idct_downscale_linear", "jxl.distance", "jxl.effort",
    "jxl.lossless", "jxl.quality", "lossless", "margin", "maxheight", "maxwidth", "mode",
    "paddingcolor", "paddingheight", "paddingwidth", "page", "png.libpng", "png.lossless",
    "png.max_deflate", "png.min_quality", "png.quality", "png.quantization_speed", "preset",
    "process", "qp", "qp.dppx", "qp.dpr", "quality", "rotate", "s.alpha", "s.brightness",
    "s.contrast", "s.grayscale", "s.invert", "s.roundcorners", "s.saturation", "s.sepia",
    "scale", "sflip", "short", "srcset", "srotate", "stretch", "subsampling", "thumbnail",
    "trim.percentpadding", "trim.threshold", "up.colorspace", "up.filter", "w", "watermark",
    "watermark_red_dot", "webp.lossless", "webp.quality", "width", "zoom",
];
