//! Lossy WebPs with alpha: colour without what nobody sees, and a filtered alpha plane.
//!
//! zenwebp writes the plane unfiltered, up to six times as large as libwebp does. So it
//! gets colour alone, and the plane is encoded as the green of a lossless picture, which
//! is what an `ALPH` chunk holds.

use enough::Stop;
use zenwebp::{EncodeRequest, LosslessConfig, PixelLayout};

use super::{LOSSLESS_EFFORT, encoded, refused};
use crate::error::Result;
use crate::frame::Frame;
use crate::memory;

/// Side of the squares in which invisible colour is evened out.
const BLOCK: u32 = 8;

/// Samples that are looked at between two looks at whether to stop.
const PART: usize = 1 << 20;

/// Bytes of a lossless stream before its picture: signature, size and flags.
const LOSSLESS_HEADER: usize = 5;

/// The frame's colours as packed RGB, with that of clear pixels replaced by the mean of
/// their neighbours, or by that of the block before.
///
/// # Errors
/// There is not enough memory, or the job was asked to stop.
pub fn visible_color(frame: &Frame, stop: &dyn Stop) -> Result<Vec<u8>> {
    let mut rgb = frame.mapped(stop, |[r, g, b, _]| [r, g, b])?;
    let (w, h) = frame.size();
    let alpha = |x: u32, y: u32| frame.row(y)[x as usize * 4 + 3];
    let mut fill = [0; 3];
    for (top, left) in (0..h)
        .step_by(BLOCK as usize)
        .flat_map(|y| (0..w).step_by(BLOCK as usize).map(move |x| (y, x)))
    {
        stop.check()?;
        let pixels = || {
            (top..(top + BLOCK).min(h))
                .flat_map(|y| (left..(left + BLOCK).min(w)).map(move |x| (x, y)))
        };
        let at = |(x, y): (u32, u32)| (y as usize * w as usize + x as usize) * 3;
        let (mut sum, mut seen) = ([0u32; 3], 0);
        for place in pixels().filter(|&(x, y)| alpha(x, y) > 0) {
            seen += 1;
            sum.iter_mut().zip(&rgb[at(place)..]).for_each(|(sum, &v)| *sum += u32::from(v));
        }
        if seen > 0 {
            fill = sum.map(|sum| (sum / seen) as u8);
        }
        for place in pixels().filter(|&(x, y)| alpha(x, y) == 0) {
            rgb[at(place)..][..3].copy_from_slice(&fill);
        }
    }
    Ok(rgb)
}

/// How the plane is predicted; the numbers are the format's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filter {
    None = 0,
    Horizontal = 1,
    Vertical = 2,
    Gradient = 3,
}

/// The body of the `ALPH` chunk of a frame that has alpha.
///
/// # Errors
/// The job was asked to stop.
pub fn chunk(frame: &Frame, stop: &dyn Stop) -> Result<Vec<u8>> {
    let plane = frame.mapped(stop, |[_, _, _, a]| [a])?;
    let mut predicted: Option<(f64, Filter, Vec<u8>)> = None;
    for filter in [Filter::Horizontal, Filter::Vertical, Filter::Gradient] {
        let left = residuals(&plane, frame.w() as usize, filter, stop)?;
        let bits = entropy(&left, stop)?;
        if predicted.as_ref().is_none_or(|(least, ..)| bits < *least) {
            predicted = Some((bits, filter, left));
        }
    }
    let predicted = predicted.map(|(_, filter, left)| (filter, left));
    let mut best: Option<Vec<u8>> = None;
    for (filter, plane) in predicted.into_iter().chain([(Filter::None, plane)]) {
        let mut body = vec![(filter as u8) << 2 | 1];
        body.extend_from_slice(&lossless(&plane, frame.size(), stop)?);
        if best.as_ref().is_none_or(|best| body.len() < best.len()) {
            best = Some(body);
        }
    }
    best.ok_or_else(|| refused("its alpha is missing"))
}

/// The plane as the green of a lossless picture, without the header.
fn lossless(plane: &[u8], (w, h): (u32, u32), stop: &dyn Stop) -> Result<Vec<u8>> {
    let mut rgb = memory::reserved(plane.len() * 3)?;
    for part in plane.chunks(PART) {
        stop.check()?;
        rgb.extend(part.iter().flat_map(|&v| [0, v, 0]));
    }
    let config = LosslessConfig::new().with_quality(LOSSLESS_EFFORT).with_method(4);
    let file = encoded(EncodeRequest::lossless(&config, &rgb, PixelLayout::Rgb8, w, h), stop)?;
    let stream = super::find_chunk(&file, b"VP8L").and_then(|body| body.get(LOSSLESS_HEADER..));
    stream.map(<[u8]>::to_vec).ok_or_else(|| refused("its alpha was not encoded"))
}

/// What is left of each sample when it is predicted from those before it.
fn residuals(plane: &[u8], w: usize, filter: Filter, stop: &dyn Stop) -> Result<Vec<u8>> {
    let predict = |x: usize, y: usize| {
        let i = y * w + x;
        let left = || plane[i - 1];
        let above = || plane[i - w];
        match (x, y) {
            (0, 0) => 0,
            (_, 0) => left(),
            (0, _) => above(),
            _ => match filter {
                Filter::None => 0,
                Filter::Horizontal => left(),
                Filter::Vertical => above(),
                Filter::Gradient => {
                    let corner = i16::from(plane[i - w - 1]);
                    (i16::from(left()) + i16::from(above()) - corner).clamp(0, 255) as u8
                }
            },
        }
    };
    let mut all = memory::reserved(plane.len())?;
    for (y, row) in plane.chunks_exact(w).enumerate() {
        stop.check()?;
        all.extend(row.iter().enumerate().map(|(x, v)| v.wrapping_sub(predict(x, y))));
    }
    Ok(all)
}

/// Bits for each sample, if they were independent.
fn entropy(samples: &[u8], stop: &dyn Stop) -> Result<f64> {
    let mut histogram = [0u32; 256];
    for part in samples.chunks(PART) {
        stop.check()?;
        part.iter().for_each(|&v| histogram[usize::from(v)] += 1);
    }
    let total = samples.len() as f64;
    let bits = |&n: &u32| -f64::from(n) / total * (f64::from(n) / total).log2();
    Ok(histogram.iter().filter(|&&n| n > 0).map(bits).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Channels;
    use crate::limits::Limits;
    use enough::Unstoppable;

    fn glass(w: u32, h: u32) -> Frame {
        let paid = Limits::default().canvas(w.into(), h.into(), Channels::Rgba).unwrap();
        let mut frame = Frame::new(&paid, &Unstoppable).unwrap();
        for (i, px) in frame.px_mut().as_chunks_mut::<4>().0.iter_mut().enumerate() {
            *px = [200, 100, 50, (i * 7 % 256) as u8];
        }
        frame
    }

    #[test]
    fn the_plane_comes_back_as_it_was() {
        for (w, h) in [(1, 1), (17, 9), (40, 3)] {
            let frame = glass(w, h);

            let file = super::super::lossy(&frame, 80.0, &Unstoppable).unwrap();
            let (px, ..) = zenwebp::oneshot::decode_rgba(&file).unwrap();

            let alpha = |px: &[u8]| px.iter().skip(3).step_by(4).copied().collect::<Vec<_>>();
            assert_eq!(alpha(&px), alpha(frame.px()), "{w}×{h}");
        }
    }

    #[test]
    fn invisible_colour_becomes_that_of_the_block() {
        let mut frame = glass(8, 8);
        for (i, px) in frame.px_mut().as_chunks_mut::<4>().0.iter_mut().enumerate() {
            *px = if i < 32 { [200, 100, 50, 255] } else { [i as u8, 0, 0, 0] };
        }

        assert!(
            visible_color(&frame, &Unstoppable)
                .unwrap()
                .as_chunks::<3>()
                .0
                .iter()
                .all(|px| *px == [200, 100, 50])
        );
    }

    #[test]
    fn a_gradient_leaves_nothing_to_the_gradient_filter() {
        let plane: Vec<u8> = (0..64).map(|i| (i % 8 * 3 + i / 8 * 5) as u8).collect();

        let left = residuals(&plane, 8, Filter::Gradient, &Unstoppable).unwrap();
        let inner = left.chunks_exact(8).skip(1).flat_map(|row| &row[1..]);
        assert_eq!(inner.copied().max(), Some(0));
    }
}
