//! Between sRGB bytes and linear light, with upstream's tables: they decide the last level.

use std::sync::LazyLock;

static LINEAR: LazyLock<[f32; 256]> = LazyLock::new(|| {
    std::array::from_fn(|i| {
        let v = i as f64 / 255.0;
        let linear = if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) };
        linear as f32
    })
});

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
pub enum Space {
    /// sRGB, to be added as linear light.
    Light(&'static [f32; 256], ByteTable),
    /// Numbers, to be added as they are.
    Plain,
}

impl Space {
    /// Linear light; take it once, outside the loop.
    #[must_use]
    pub fn light() -> Self {
        Self::Light(linear_table(), byte_table())
    }

    /// The amount that a byte stands for, 0–1.
    #[inline(always)]
    #[must_use]
    pub fn amount(self, byte: u8) -> f32 {
        match self {
            Self::Light(table, _) => table[usize::from(byte)],
            Self::Plain => f32::from(byte) / 255.0,
        }
    }

    /// The byte of an amount; what is below 0 or above 1 is clipped.
    #[inline(always)]
    #[must_use]
    pub fn byte(self, amount: f32) -> u8 {
        match self {
            Self::Light(_, bytes) => bytes.byte(amount),
            Self::Plain => (amount * 255.0 + 0.5) as u8,
        }
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
        // Upstream cuts the rest off, and does not round.
        let light = light.max(0.0); // and no number is nothing
        rounded((light.min(1.0) * STEPS as f32 - 0.4995).max(0.0))
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
    const WHOLE: f32 = 8_388_608.0; // from here on floats have no fractions
    (number + WHOLE).to_bits() - WHOLE.to_bits()
}

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
