//! JPEGs of four inks: CMYK, and YCCK which is CMYK in the clothes of YCbCr.

use enough::Stop;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::{Head, damaged};
use crate::decode::{Commands, colour};
use crate::error::Result;
use crate::frame::{Channels, Frame};
use crate::limits::Limits;

fn zune(bytes: &[u8], out: ColorSpace) -> JpegDecoder<ZCursor<&[u8]>> {
    let options = DecoderOptions::default()
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .set_strict_mode(false)
        .jpeg_set_out_colorspace(out);
    JpegDecoder::new_with_options(ZCursor::new(bytes), options)
}

/// A picture of four inks, in sRGB (or as its profile would have it, when that is ignored).
pub fn decode(
    bytes: &[u8],
    head: &Head,
    commands: &Commands,
    limits: &Limits,
    stop: &dyn Stop,
) -> Result<Frame> {
    let (w, h) = head.size;
    let mut inks = Frame::new(&limits.collected(w, h, Channels::Rgba)?, stop)?;
    let ycck = zune(bytes, ColorSpace::YCCK).decode_into(inks.px_mut()).is_ok();
    if !ycck {
        zune(bytes, ColorSpace::CMYK).decode_into(inks.px_mut()).map_err(damaged)?;
    }
    let icc = head.info.icc_profile.as_deref().filter(|_| !commands.discard_profile);
    let transform = match icc.map(colour::from_cmyk).transpose() {
        Err(error) if !commands.ignore_profile_errors => return Err(error),
        transform => transform.ok().flatten(),
    };
    Frame::by_rows(&limits.collected(w, h, Channels::Rgb)?, stop, |y, to| {
        let inks = inks.row_mut(y);
        if ycck {
            inks.as_chunks_mut::<4>().0.iter_mut().for_each(|px| *px = inks_of_ycck(*px));
        } else {
            inks.iter_mut().for_each(|ink| *ink = 255 - *ink);
        }
        if let Some(transform) = &transform {
            return transform.transform(inks, to).map_err(damaged);
        }
        let pairs = inks.as_chunks::<4>().0.iter().zip(to.as_chunks_mut().0);
        pairs.for_each(|(inks, px)| *px = colour::press(*inks));
        Ok(())
    })
}

/// YCCK is stored inverted: what its Y, Cb and Cr give as RGB is C, M and Y themselves.
fn inks_of_ycck([y, cb, cr, k]: [u8; 4]) -> [u8; 4] {
    let [c, m, y] = rgb_of_ycc(f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    [c, m, y, 255 - k]
}

fn rgb_of_ycc(y: f32, cb: f32, cr: f32) -> [u8; 3] {
    let r = y + 1.402 * cr;
    let g = y - 0.344_136 * cb - 0.714_136 * cr;
    let b = y + 1.772 * cb;
    [r, g, b].map(|v| (v + 0.5) as u8)
}
