//! The one EXIF tag that matters here: orientation.

/// Tag of the orientation in the first directory.
const ORIENTATION: u16 = 0x0112;
/// Type of a 16 bit number.
const SHORT: u16 = 3;

/// The orientation flag, 1–8, of EXIF data, whose `Exif` signature may be any 15 bytes.
#[must_use]
pub fn orientation(exif: &[u8]) -> Option<u16> {
    let bytes = (0..16).find_map(|start| Tiff::new(exif.get(start..)?))?;
    let directory = bytes.u32(4)?.max(4) as usize;
    let entries = usize::from(bytes.u16(directory)?);
    (0..entries)
        .map(|i| directory + 2 + i * 12)
        .find(|&entry| bytes.u16(entry) == Some(ORIENTATION))
        .filter(|&entry| bytes.u16(entry + 2) == Some(SHORT) || bytes.u32(entry + 4) == Some(1))
        .and_then(|entry| bytes.u16(entry + 8))
        .filter(|flag| (1..=8).contains(flag))
}

/// TIFF data and its byte order.
struct Tiff<'a> {
    bytes: &'a [u8],
    little_endian: bool,
}

impl<'a> Tiff<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let little_endian = match bytes.get(..4)? {
            b"II*\0" => true,
            b"MM\0*" => false,
            _ => return None,
        };
        Some(Self { bytes, little_endian })
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let two = self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.little_endian { u16::from_le_bytes(two) } else { u16::from_be_bytes(two) })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let four = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.little_endian { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LITTLE: &[u8] = b"Exif\0\0II*\0\x08\0\0\0\x02\0\
        \x0f\x01\x02\0\x01\0\0\0x\0\0\0\
        \x12\x01\x03\0\x01\0\0\0\x06\0\0\0";
    const BIG: &[u8] = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0";

    #[test]
    fn the_flag_is_read_in_both_byte_orders() {
        assert_eq!(orientation(LITTLE), Some(6));
        assert_eq!(orientation(BIG), Some(8));
    }

    #[test]
    fn data_cut_anywhere_has_no_flag() {
        for end in 0..LITTLE.len() - 2 {
            assert_eq!(orientation(&LITTLE[..end]), None, "cut after {end} bytes");
        }
    }

    #[test]
    fn a_flag_that_exif_does_not_know_is_no_flag() {
        let mut nine = BIG.to_vec();
        nine[19] = 9;

        assert_eq!(orientation(&nine), None);
    }
}
