//! The segments of a JPEG before its first scan.

/// Start of a baseline frame.
pub const SOF0: u8 = 0xC0;
/// Start of an extended sequential frame.
pub const SOF1: u8 = 0xC1;
/// Start of a progressive frame.
pub const SOF2: u8 = 0xC2;
/// Huffman tables.
pub const DHT: u8 = 0xC4;
/// Start of scan.
pub const SOS: u8 = 0xDA;
/// Quantisation tables.
pub const DQT: u8 = 0xDB;
/// The interval of restarts.
pub const DRI: u8 = 0xDD;

/// Segments from the first on, with their marker, place and body; the last is the start
/// of the scan. Ends early where the file is cut or broken.
pub struct Segments<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// One segment.
pub struct Segment<'a> {
    /// Which kind.
    pub marker: u8,
    /// Where its marker is.
    pub at: usize,
    /// What follows its length.
    pub body: &'a [u8],
}

impl<'a> Segments<'a> {
    /// The segments of a file.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 2 }
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        loop {
            let at = self.at;
            let marker = *self.bytes.get(at + 1)?;
            if self.bytes[at] != 0xFF {
                return None;
            }
            match marker {
                0xFF => self.at += 1,
                0x01 | 0xD0..=0xD8 => self.at += 2,
                _ => {
                    let length = self.bytes.get(at + 2..at + 4)?;
                    let length = usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
                    let end = (at + 2 + length).min(self.bytes.len());
                    self.at = if marker == SOS { self.bytes.len() } else { at + 2 + length };
                    return Some(Segment {
                        marker,
                        at,
                        body: &self.bytes[at + 4..end.max(at + 4)],
                    });
                }
            }
        }
    }
}

/// Where the first scan begins.
#[must_use]
pub fn scan_start(bytes: &[u8]) -> Option<usize> {
    Segments::new(bytes).find(|segment| segment.marker == SOS).map(|segment| segment.at)
}

/// Whether chroma planes are as large as luma or half of it, and both alike.
#[must_use]
pub fn has_common_sampling(bytes: &[u8]) -> bool {
    let frame = Segments::new(bytes).find(|segment| matches!(segment.marker, SOF0 | SOF1 | SOF2));
    let factors: Option<Vec<u8>> = frame.and_then(|frame| {
        let components = usize::from(*frame.body.get(5)?);
        (0..components).map(|i| frame.body.get(7 + i * 3).copied()).collect()
    });
    match factors.as_deref() {
        Some([0x11]) => true,
        Some([luma, 0x11, 0x11]) => matches!(luma, 0x11 | 0x12 | 0x21 | 0x22),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(factors: &[u8]) -> Vec<u8> {
        let mut bytes = b"\xFF\xD8\xFF\xC0\0\0\x08\0\x10\0\x10".to_vec();
        bytes.push(factors.len() as u8);
        factors.iter().for_each(|&factor| bytes.extend([1, factor, 0]));
        bytes[5] = (bytes.len() - 4) as u8;
        bytes.extend(b"\xFF\xDA\0\x02");
        bytes
    }

    #[test]
    fn only_halved_chroma_is_common() {
        assert!(has_common_sampling(&frame(&[0x22, 0x11, 0x11])));
        assert!(has_common_sampling(&frame(&[0x11])));
        assert!(!has_common_sampling(&frame(&[0x41, 0x11, 0x11])));
        assert!(!has_common_sampling(&frame(&[0x22, 0x21, 0x11])));
        assert!(!has_common_sampling(&frame(&[0x11, 0x11, 0x11, 0x11])));
    }

    #[test]
    fn files_cut_anywhere_are_walked_to_their_end() {
        let bytes = frame(&[0x22, 0x11, 0x11]);
        for end in 0..bytes.len() {
            assert!(Segments::new(&bytes[..end]).count() <= 2);
        }
        assert_eq!(scan_start(&bytes), Some(bytes.len() - 4));
    }
}
