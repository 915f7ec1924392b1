//! JPEGs of four inks: CMYK, and YCCK which is CMYK in the clothes of YCbCr.

use enough::Stop;

use super::head::Markers;
use super::{DrawnRows, damaged};
use crate::decode::{Commands, colour};
use crate::error::Result;
use crate::frame::{Channels, Frame};
use crate::limits::Limits;

/// A picture of four inks, in sRGB; its profile counts even where profiles do not.
pub fn in_srgb(
    rows: DrawnRows,
    markers: &Markers<'_>,
    commands: &Commands,
    limits: &Limits,
    stop: &dyn Stop,
) -> Result<Frame> {
    let DrawnRows { mut drawn, size: (w, h), .. } = rows;
    let transform = match markers.profile().as_deref().map(colour::from_cmyk) {
        Some(Err(error)) if !commands.ignore_profile_errors => return Err(error),
        Some(Ok(transform)) => transform,
        Some(Err(_)) | None => colour::press()?,
    };
    let mut inks = vec![0; w as usize * 4];
    Frame::by_rows(&limits.collected(w, h, Channels::Rgb)?, stop, |y, row| {
        drawn.row(y, &mut inks);
        transform.transform(&inks, row).map_err(damaged)
    })
}
