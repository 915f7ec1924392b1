//! Between sRGB bytes and linear light.

use std::sync::LazyLock;

static LINEAR: LazyLock<[f32; 256]> = LazyLock::new(|| {
    std::array::from_fn(|i| {
        let v = i as f64 / 255.0;
        let linear = if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) };
        linear as f32
    })
});

/// The table from sRGB bytes to linear light, 0–1; take it once, outside the loop.
#[must_use]
pub fn linear_table() -> &'static [f32; 256] {
    &LINEAR
}

/// The sRGB byte of an amount of linear light; what is below 0 or above 1 is clipped.
#[must_use]
pub fn from_linear(v: f32) -> u8 {
    let v = if v <= 0.003_130_8 { v * 12.92 } else { 1.055 * v.powf(1.0 / 2.4) - 0.055 };
    (v * 255.0 + 0.5) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_the_way_there_and_back() {
        for byte in 0..=255u8 {
            assert_eq!(from_linear(linear_table()[usize::from(byte)]), byte);
        }
    }

    #[test]
    fn light_outside_the_range_is_clipped() {
        assert_eq!((from_linear(-1.0), from_linear(7.0), from_linear(f32::NAN)), (0, 255, 0));
    }
}
