//! JPEGs that end too early. What is there is kept, what is missing is grey, as in upstream.
//!
//! zenjpeg goes on with bits of its own where data ends, which gives noise. Two decodes
//! that go on with different bits are the same as far as there is data, and no further.

use enough::Stop;

use super::Head;
use super::markers::scan_start;
use crate::error::Result;
use crate::frame::{Frame, Rect};

/// The level of a block that was never decoded.
const GREY: u8 = 128;

/// Whether the file ends before its picture does.
#[must_use]
pub fn is_cut(bytes: &[u8]) -> bool {
    let end = bytes.windows(2).rposition(|two| two == [0xFF, 0xD9]);
    let start = scan_start(bytes);
    !matches!((start, end), (Some(start), Some(end)) if start < end)
}

/// The file with some bits more, unlike those that a decoder invents.
#[must_use]
pub fn continued(bytes: &[u8]) -> Vec<u8> {
    let bytes = bytes.strip_suffix(&[0xFF]).unwrap_or(bytes);
    let mut longer = bytes.to_vec();
    longer.extend([0x5A; 64]);
    longer
}

/// Make all blocks grey that come after the first in which two ways to go on differ.
///
/// # Errors
/// The job was asked to stop.
pub fn blank_what_is_missing(
    frame: &mut Frame,
    other: &Frame,
    head: &Head,
    stop: &dyn Stop,
) -> Result<()> {
    let sampling = head.info.subsampling;
    let across = 8 * u32::from(sampling.h_samp_factor_luma());
    let down = 8 * u32::from(sampling.v_samp_factor_luma());
    let (w, h) = frame.size();
    let columns = w.div_ceil(across);
    let block = |i: u32| Rect {
        x1: i % columns * across,
        y1: i / columns * down,
        x2: (i % columns * across + across).min(w),
        y2: (i / columns * down + down).min(h),
    };
    let mut differ = false;
    for rect in (0..columns * h.div_ceil(down)).map(block) {
        stop.check()?;
        if differ {
            (0..rect.h()).for_each(|y| frame.part_mut(rect, y).fill(GREY));
        } else {
            // The block in which data ends is kept, as upstream keeps it.
            differ = (0..rect.h()).any(|y| frame.part(rect, y) != other.part(rect, y));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_cut_when_no_end_follows_its_scan() {
        let whole = b"\xFF\xD8\xFF\xE1\x00\x06\xFF\xD8\xFF\xD9\xFF\xDA\x00\x02\x11\x22\xFF\xD9";

        assert!(!is_cut(whole));
        assert!(is_cut(&whole[..whole.len() - 1]));
        assert!(is_cut(&whole[..3]));
    }
}
