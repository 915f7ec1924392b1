//! Between sRGB bytes and linear light, with upstream's tables: they decide the last level.

use std::sync::LazyLock;

static LINEAR: LazyLock<[f32; 256]> = LazyLock::new(|| {
    std::array::from_fn(|i| {
        let v = i as f64 / 255.0;
        let linear = if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) };
        linear as f32
    })
});

static PLAIN: LazyLock<[f32; 256]> =
    LazyLock::new(|| std::array::from_fn(|i| i as f32 * (1.0 / 255.0)));

const STEPS: usize = ByteTable::STEPS;

static BYTES: LazyLock<[u8; STEPS + 1]> = LazyLock::new(|| {
    std::array::from_fn(|i| {
        let v = i as f64 / STEPS as f64;
        let byte = if v <= 0.003_130_8 { v * 12.92 } else { 1.055 * v.powf(1.0 / 2.4) - 0.055 };
        (byte * 255.0 + 0.5) as u8
    })
});

/// The table from sRGB bytes to linear light, 0–1; take it once, outside the loop.
#[must_use]
pub fn linear_table() -> &'static [f32; 256] {
    &LINEAR
}

/// The way back; take it once, outside the loop.
#[must_use]
pub fn byte_table() -> ByteTable {
    ByteTable(&BYTES)
}

/// What bytes are taken for while they are added up.
#[derive(Clone, Copy)]
pub struct Space {
    /// What each byte stands for, 0–1.
    amounts: &'static [f32; 256],
    light: bool,
}

impl Space {
    /// sRGB to be added as linear light, or numbers to be added as they are.
    #[must_use]
    pub fn new(light: bool) -> Self {
        Self { amounts: if light { &LINEAR } else { &PLAIN }, light }
    }

    /// The amount that a byte stands for, 0–1.
    #[inline(always)]
    #[must_use]
    pub fn amount(self, byte: u8) -> f32 {
        self.amounts[usize::from(byte)]
    }

    /// The byte of an amount; what is below 0 or above 1 is clipped.
    #[inline(always)]
    #[must_use]
    pub fn byte(self, amount: f32) -> u8 {
        self.byte_of_step(self.step(amount))
    }

    /// An amount in whole steps, on the way to its byte.
    #[inline(always)]
    #[must_use]
    pub fn step(self, amount: f32) -> u32 {
        if self.light {
            return ByteTable::step(amount);
        }
        let level = (amount * 255.0 + 0.5).max(0.0);
        whole(level.min(255.0))
    }

    /// The byte of so many steps.
    #[inline(always)]
    #[must_use]
    pub fn byte_of_step(self, step: u32) -> u8 {
        if self.light { byte_table().byte_of_step(step) } else { step as u8 }
    }
}

/// The table from linear light to sRGB bytes.
#[derive(Clone, Copy)]
pub struct ByteTable(&'static [u8; STEPS + 1]);

impl ByteTable {
    /// Steps of linear light that are told apart.
    pub const STEPS: usize = 16_383;

    /// The sRGB byte of so many steps; more than there are, are all.
    #[inline(always)]
    #[must_use]
    pub fn byte_of_step(self, step: u32) -> u8 {
        self.0[(step as usize).min(STEPS)]
    }

    /// An amount of linear light in whole steps; what is below 0 or above 1 is clipped.
    #[inline(always)]
    #[must_use]
    pub fn step(light: f32) -> u32 {
        let light = light.max(0.0); // and no number is nothing
        whole(light.min(1.0) * STEPS as f32)
    }

    /// The sRGB byte of an amount of linear light; what is below 0 or above 1 is clipped.
    #[must_use]
    pub fn byte(self, light: f32) -> u8 {
        self.byte_of_step(Self::step(light))
    }
}

/// A number of 0 to 2^22, rounded; unlike a cast this is one addition, for many at once.
#[inline(always)]
#[must_use]
pub fn rounded(number: f32) -> u32 {
    (number + WHOLE).to_bits() - WHOLE.to_bits()
}

/// A number of 0 to 2^22, cut off after the point, as upstream has it.
#[inline(always)]
fn whole(number: f32) -> u32 {
    rounded(number) - u32::from(number + WHOLE - WHOLE > number)
}

/// From here on floats have no fractions.
const WHOLE: f32 = 8_388_608.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_the_way_there_and_back() {
        for byte in 0..=255u8 {
            assert_eq!(byte_table().byte(linear_table()[usize::from(byte)]), byte);
        }
    }

    #[test]
    fn light_outside_the_range_is_clipped() {
        let table = byte_table();

        assert_eq!((table.byte(-1.0), table.byte(7.0), table.byte(f32::NAN)), (0, 255, 0));
    }
}
