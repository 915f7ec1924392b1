//! Nodes that change colours, in sRGB as upstream's do.

use std::cmp::Ordering;

use enough::Stop;

use super::Context;
use crate::error::Result;
use crate::frame::Frame;
use crate::message::ColorFilter;

/// Rows are red, green, blue, alpha and the offset; columns are what they add to.
type Matrix = [[f32; 5]; 5];

/// The share of each end of the histogram that white balance gives up.
const WHITE_BALANCE_THRESHOLD: f32 = 0.006;

/// The matrix that a filter stands for.
#[must_use]
pub fn filter_matrix(filter: &ColorFilter) -> Matrix {
    match *filter {
        ColorFilter::GrayscaleNtsc => grey(0.229, 0.587, 0.114),
        ColorFilter::GrayscaleFlat => grey(0.5, 0.5, 0.5),
        ColorFilter::GrayscaleBt709 => grey(0.2125, 0.7154, 0.0721),
        ColorFilter::GrayscaleRy => grey(0.5, 0.419, 0.081),
        ColorFilter::Sepia => {
            rows([0.393, 0.349, 0.272], [0.769, 0.686, 0.534], [0.189, 0.168, 0.131], [0.0; 3])
        }
        ColorFilter::Invert => diagonal(-1.0, 1.0),
        ColorFilter::Alpha(alpha) => {
            let mut matrix = diagonal(1.0, 0.0);
            matrix[3][3] = alpha;
            matrix
        }
        ColorFilter::Contrast(contrast) => {
            let factor = contrast + 1.0;
            diagonal(factor, 0.5 * (1.0 - factor))
        }
        ColorFilter::Brightness(brightness) => diagonal(1.0, brightness),
        ColorFilter::Saturation(saturation) => saturate(saturation + 1.0),
    }
}

fn rows(r: [f32; 3], g: [f32; 3], b: [f32; 3], offset: [f32; 3]) -> Matrix {
    let row = |[r, g, b]: [f32; 3]| [r, g, b, 0.0, 0.0];
    [row(r), row(g), row(b), [0.0, 0.0, 0.0, 1.0, 0.0], row(offset)]
}

fn grey(r: f32, g: f32, b: f32) -> Matrix {
    rows([r; 3], [g; 3], [b; 3], [0.0; 3])
}

fn diagonal(factor: f32, offset: f32) -> Matrix {
    rows([factor, 0.0, 0.0], [0.0, factor, 0.0], [0.0, 0.0, factor], [offset; 3])
}

fn saturate(saturation: f32) -> Matrix {
    let saturation = saturation.max(0.0);
    let [r, g, b] = [0.3086, 0.6094, 0.0820].map(|weight| weight * (1.0 - saturation));
    rows([r + saturation, r, r], [g, g + saturation, g], [b, b, b + saturation], [0.0; 3])
}

/// The node `color_filter_srgb`.
///
/// # Errors
/// There is no room for alpha, where the filter makes some, or the job was asked to stop.
pub fn filter(frame: Frame, filter: &ColorFilter, context: &Context<'_>) -> Result<Frame> {
    let makes_alpha = matches!(filter, ColorFilter::Alpha(_));
    let mut frame = if makes_alpha { frame.promoted(context.limits, context.stop)? } else { frame };
    transform(&mut frame, &filter_matrix(filter), context.stop)?;
    Ok(frame)
}

/// The node `color_matrix_srgb`; a picture without alpha gets none.
///
/// # Errors
/// The job was asked to stop.
pub fn transform(frame: &mut Frame, m: &Matrix, stop: &dyn Stop) -> Result<()> {
    let n = frame.channels().count();
    for row in frame.rows_mut() {
        stop.check()?;
        for px in row.chunks_exact_mut(n) {
            let alpha = px.get(3).copied().unwrap_or(255);
            let values = [px[0], px[1], px[2], alpha].map(f32::from);
            for (c, out) in px.iter_mut().enumerate() {
                let sum: f32 = values.iter().zip(m).map(|(v, row)| v * row[c]).sum();
                *out = (sum + m[4][c] * 255.0 + 0.5) as u8;
            }
        }
    }
    Ok(())
}

/// A copy of *frame* whose alpha is multiplied by *opacity*.
///
/// # Errors
/// There is no room for it.
pub fn fade(frame: &Frame, opacity: f32, context: &Context<'_>) -> Result<Frame> {
    filter(frame.try_clone(context.stop)?, &ColorFilter::Alpha(opacity.clamp(0.0, 1.0)), context)
}

/// The node `white_balance_histogram_area_threshold_srgb`.
///
/// # Errors
/// The job was asked to stop.
pub fn white_balance(frame: &mut Frame, threshold: Option<f32>, stop: &dyn Stop) -> Result<()> {
    let threshold = f64::from(threshold.unwrap_or(WHITE_BALANCE_THRESHOLD));
    let n = frame.channels().count();
    let mut histograms = [[0u64; 256]; 3];
    for row in frame.rows() {
        stop.check()?;
        for px in row.chunks_exact(n) {
            for (histogram, &v) in histograms.iter_mut().zip(px) {
                histogram[usize::from(v)] += 1;
            }
        }
    }
    let pixels = u64::from(frame.w()) * u64::from(frame.h());
    let tables = histograms.map(|histogram| stretch(&histogram, pixels, threshold));
    for row in frame.rows_mut() {
        stop.check()?;
        for px in row.chunks_exact_mut(n) {
            for (v, table) in px.iter_mut().zip(&tables) {
                *v = table[usize::from(*v)];
            }
        }
    }
    Ok(())
}

/// What each level becomes when the ends of the histogram are cut off.
fn stretch(histogram: &[u64; 256], pixels: u64, threshold: f64) -> [u8; 256] {
    let mut sum = 0;
    let mut exceeds = |level: &usize| {
        sum += histogram[*level];
        sum as f64 / pixels as f64 > threshold
    };
    let low = (0..256).find(&mut exceeds).unwrap_or(0);
    sum = 0;
    let mut exceeds = |level: &usize| {
        sum += histogram[*level];
        sum as f64 / pixels as f64 > threshold
    };
    let high = (0..256).rev().find(&mut exceeds).unwrap_or(255);
    match high.cmp(&low) {
        Ordering::Greater => {
            let scale = 255.0 / (high - low) as f64;
            std::array::from_fn(|level| (level.saturating_sub(low) as f64 * scale).round() as u8)
        }
        // As upstream's division by nothing, and by less than nothing, come out.
        Ordering::Equal => [255; 256],
        Ordering::Less => [0; 256],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Channels;
    use crate::limits::Limits;

    fn filtered(px: &[u8], channels: Channels, filter: ColorFilter) -> Vec<u8> {
        let limits = Limits::default();
        let paid = limits.canvas((px.len() / channels.count()) as u64, 1, channels).unwrap();
        let mut frame = Frame::new(&paid, &enough::Unstoppable).unwrap();
        frame.px_mut().copy_from_slice(px);
        let context = Context { limits: &limits, stop: &enough::Unstoppable };
        super::filter(frame, &filter, &context).unwrap().px().to_vec()
    }

    #[test]
    fn inverting_turns_levels_round_and_leaves_alpha() {
        let inverted = filtered(&[0, 100, 255, 7], Channels::Rgba, ColorFilter::Invert);

        assert_eq!(inverted, [255, 155, 0, 7]);
    }

    #[test]
    fn an_alpha_filter_gives_an_opaque_picture_alpha() {
        let thin = filtered(&[1, 2, 3], Channels::Rgb, ColorFilter::Alpha(0.5));

        assert_eq!(thin, [1, 2, 3, 128]);
    }

    #[test]
    fn a_filter_of_strength_zero_changes_nothing() {
        let px = [0, 1, 2, 100, 200, 255];

        assert_eq!(filtered(&px, Channels::Rgb, ColorFilter::Saturation(0.0)), px);
        assert_eq!(filtered(&px, Channels::Rgb, ColorFilter::Contrast(0.0)), px);
        assert_eq!(filtered(&px, Channels::Rgb, ColorFilter::Brightness(0.0)), px);
    }

    #[test]
    fn a_histogram_is_stretched_between_the_levels_that_exceed_the_threshold() {
        let mut histogram = [0; 256];
        (histogram[10], histogram[61], histogram[110]) = (50, 100, 50);

        let table = stretch(&histogram, 200, 0.006);

        assert_eq!((table[10], table[61], table[110]), (0, 130, 255));
        assert_eq!((table[0], table[255]), (0, 255));
    }

    #[test]
    fn a_threshold_that_nothing_exceeds_changes_nothing() {
        let table = stretch(&[1; 256], 256, 30.0);

        assert!(table.iter().enumerate().all(|(i, &v)| usize::from(v) == i));
    }
}
