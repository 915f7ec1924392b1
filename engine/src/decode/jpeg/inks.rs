//! JPEGs of four inks: CMYK, and YCCK which is CMYK in the clothes of YCbCr.

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
pub fn decode(bytes: &[u8], head: &Head, commands: &Commands, limits: &Limits) -> Result<Frame> {
    let (w, h) = head.size;
    let mut inks = Frame::new(&limits.collected(w, h, Channels::Rgba)?)?;
    if zune(bytes, ColorSpace::YCCK).decode_into(inks.px_mut()).is_ok() {
        inks.px_mut().as_chunks_mut::<4>().0.iter_mut().for_each(|px| *px = inks_of_ycck(*px));
    } else {
        zune(bytes, ColorSpace::CMYK).decode_into(inks.px_mut()).map_err(damaged)?;
        inks.px_mut().iter_mut().for_each(|ink| *ink = 255 - *ink);
    }
    let mut frame = Frame::new(&limits.collected(w, h, Channels::Rgb)?)?;
    let icc = head.info.icc_profile.as_deref().filter(|_| !commands.discard_profile);
    match icc.map(colour::from_cmyk).transpose() {
        Ok(Some(transform)) => {
            transform.transform(inks.px(), frame.px_mut()).map_err(damaged)?;
        }
        Err(error) if !commands.ignore_profile_errors => return Err(error),
        _ => {
            let pairs = inks.px().as_chunks::<4>().0.iter().zip(frame.px_mut().as_chunks_mut().0);
            pairs.for_each(|(inks, px)| *px = colour::press(*inks));
        }
    }
    Ok(frame)
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
