//! WebP, by zenwebp. Animations are refused, as upstream refuses them.

use enough::Stop;
use zenwebp::{DecodeConfig, DecodeRequest, ImageInfo, Limits as ZenLimits};

use super::{Commands, Format, Header, malformed};
use crate::error::{Error, Kind, Result};
use crate::frame::{Channels, Frame};
use crate::limits::Limits;
use crate::memory;
use crate::message::{Colorspace, Filter, ResampleHints};
use crate::resample::{self, Scaling};
use crate::rows::Picture;

fn info(bytes: &[u8]) -> Result<ImageInfo> {
    ImageInfo::from_webp(bytes).map_err(|error| malformed(Format::Webp, error))
}

/// See [`super::header`].
pub fn header(bytes: &[u8]) -> Result<Header> {
    let info = info(bytes)?;
    Ok(Header {
        w: info.width,
        h: info.height,
        alpha: info.has_alpha,
        lossless: !info.is_lossy && !info.has_animation,
        animated: info.has_animation,
    })
}

/// See [`super::scaled_size`].
pub fn scaled_size(bytes: &[u8], commands: &Commands) -> Result<(u32, u32)> {
    let info = info(bytes)?;
    Ok(hinted((info.width, info.height), commands))
}

fn hinted(size: (u32, u32), commands: &Commands) -> (u32, u32) {
    match commands.webp_hint {
        Some((w, h)) if w > 0 && h > 0 => (w.unsigned_abs(), h.unsigned_abs()),
        _ => size,
    }
}

/// See [`super::still`].
pub fn open<'a>(
    bytes: &'a [u8],
    commands: &Commands,
    limits: &'a Limits,
    stop: &'a dyn Stop,
) -> Result<Picture<'a>> {
    let info = info(bytes)?;
    limits.check_source(info.width, info.height, 1)?;
    let size = (info.width, info.height);
    let wanted = hinted(size, commands);
    limits.decoded(wanted.0, wanted.1, Channels::Rgba)?;
    if info.has_animation {
        let text = "Animated WebP pictures are not supported";
        return Err(Error::new(Kind::ImageDecodingError, text));
    }
    // Its profile is not looked at, as upstream does not look at it.
    let picture = Picture::Frame(pixels(bytes, &info, limits, stop)?);
    if wanted == size {
        return Ok(picture);
    }
    // libwebp scales by area, in the file's own gamma.
    let hints = ResampleHints {
        down_filter: Some(Filter::Box),
        up_filter: Some(Filter::Triangle),
        scaling_colorspace: Some(Colorspace::Srgb),
        ..ResampleHints::default()
    };
    let scaling = Scaling::new(&hints, size, wanted)?;
    let rows = picture.into_rows();
    Ok(Picture::Rows(resample::scale(rows, wanted, &scaling, limits, stop)?))
}

fn pixels(bytes: &[u8], info: &ImageInfo, limits: &Limits, stop: &dyn Stop) -> Result<Frame> {
    let paid = limits.collected(info.width, info.height, Channels::with(info.has_alpha))?;
    let mut frame = Frame::new(&paid, stop)?;
    memory::expect((info.width, info.height), 7)?; // planes and residuals, or one more frame
    // Sizes are checked above; the crate's own limits would only be others.
    let config = DecodeConfig::default().limits(ZenLimits::none());
    let request = DecodeRequest::new(&config, bytes).stop(stop);
    let done = if info.has_alpha {
        request.decode_rgba_into(frame.px_mut())
    } else {
        request.decode_rgb_into(frame.px_mut())
    };
    stop.check()?;
    done.map_err(|error| malformed(Format::Webp, error))?;
    Ok(frame)
}
