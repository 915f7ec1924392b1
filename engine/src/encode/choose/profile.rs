//! What a quality profile means for each format.

use crate::message::QualityProfile;

/// Settings of equal quality in each format.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Settings {
    /// The quality as a percentage.
    pub percent: f32,
    /// The quality as SSIMULACRA 2 measures it, roughly.
    ssim2: f32,
    pub jpeg: f32,
    pub webp: f32,
    pub png_min: f32,
    pub png_max: f32,
}

const fn row(
    percent: f32,
    ssim2: f32,
    jpeg: f32,
    webp: f32,
    png_min: f32,
    png_max: f32,
) -> Settings {
    Settings { percent, ssim2, jpeg, webp, png_min, png_max }
}

/// Upstream's profiles, and below them what 0 percent would be.
const ROWS: [Settings; 9] = [
    row(0.0, 0.0, 0.0, 0.0, 0.0, 4.0),
    row(15.0, 10.0, 15.0, 15.0, 0.0, 10.0),
    row(20.0, 30.0, 20.0, 20.0, 0.0, 20.0),
    row(34.0, 50.0, 34.0, 34.0, 0.0, 35.0),
    row(55.0, 60.0, 57.0, 53.0, 0.0, 55.0),
    row(73.0, 70.0, 73.0, 76.0, 50.0, 100.0),
    row(91.0, 85.0, 91.0, 93.0, 80.0, 100.0),
    row(96.0, 90.0, 96.0, 96.0, 90.0, 100.0),
    row(100.0, 100.0, 100.0, 100.0, 100.0, 100.0),
];

/// The display that profiles are made for.
const PLAIN_DPR: f32 = 3.0;

/// The settings of a profile, for a display with this many pixels to a CSS pixel.
pub(super) fn settings(profile: QualityProfile, dpr: Option<f32>) -> Settings {
    let plain = at(percent(profile), |row| row.percent);
    match dpr {
        None | Some(PLAIN_DPR) => plain,
        Some(dpr) => {
            let ssim2 = plain.ssim2 * (PLAIN_DPR / dpr.clamp(0.1, 12.0));
            at(ssim2.clamp(10.0, 90.0), |row| row.ssim2)
        }
    }
}

fn percent(profile: QualityProfile) -> f32 {
    match profile {
        QualityProfile::Lowest => 15.0,
        QualityProfile::Low => 20.0,
        QualityProfile::Mediumlow => 34.0,
        QualityProfile::Medium => 55.0,
        QualityProfile::Good => 73.0,
        QualityProfile::High => 91.0,
        QualityProfile::Highest => 96.0,
        QualityProfile::Lossless => 100.0,
        QualityProfile::Percent(percent) => percent.clamp(0.0, 100.0),
    }
}

/// The row whose column has this value, or what lies between two rows.
///
/// Where a column is the same in both rows, upstream panics; it stays the same here.
fn at(value: f32, column: impl Fn(&Settings) -> f32) -> Settings {
    let above = ROWS.iter().position(|row| column(row) >= value).unwrap_or(ROWS.len() - 1);
    let (low, high) = (&ROWS[above.saturating_sub(1)], &ROWS[above]);
    if column(high) == value || above == 0 {
        return *high;
    }
    let share = (value - column(low)) / (column(high) - column(low));
    let between = |low: f32, high: f32| low + share * (high - low);
    Settings {
        percent: between(low.percent, high.percent),
        ssim2: between(low.ssim2, high.ssim2),
        jpeg: between(low.jpeg, high.jpeg),
        webp: between(low.webp, high.webp),
        png_min: between(low.png_min, high.png_min),
        png_max: between(low.png_max, high.png_max),
    }
}
