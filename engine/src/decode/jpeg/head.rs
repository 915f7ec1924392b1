//! The markers of a JPEG, by libjpeg's rules: what makes a file unreadable, and what not.

use std::borrow::Cow;

use super::damaged;
use crate::error::Result;

/// End of the image; also what libjpeg puts where a file ends without it.
pub const EOI: u8 = 0xD9;

/// A file with an end: libjpeg reads ends for as long as it wants something of a file that
/// has none.
#[must_use]
pub fn with_end(bytes: &[u8]) -> Cow<'_, [u8]> {
    if bytes.ends_with(&[0xFF, EOI]) {
        return Cow::Borrowed(bytes);
    }
    Cow::Owned([bytes, &[0xFF, EOI].repeat(1 << 15)].concat())
}

/// Which colours the components are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Space {
    Grey,
    YCbCr,
    Rgb,
    Cmyk,
    Ycck,
}

/// A component as the frame names it.
#[derive(Clone, Copy, Debug)]
pub struct Component {
    /// Its number.
    pub id: u8,
    /// Blocks in each unit, across and down.
    pub blocks: (usize, usize),
    /// The number of its quantisation table.
    pub quant: usize,
}

/// A scan: which components it has, with the numbers of their tables, and what of them.
#[derive(Clone, Debug, Default)]
pub struct ScanHead {
    /// Place of the component, its table for constant coefficients, that for waves.
    pub parts: Vec<(usize, usize, usize)>,
    /// First and last coefficient.
    pub band: (usize, usize),
    /// Bits that came before, and bits that are still to come.
    pub bits: (u32, u32),
}

/// Code counts by length, and symbols.
pub type Codes<'a> = ([u8; 16], &'a [u8]);

/// What markers said so far, and where the next one is.
#[derive(Debug)]
pub struct Markers<'a> {
    /// The file.
    pub bytes: &'a [u8],
    /// What comes next.
    pub at: usize,
    /// Width and height.
    pub size: (u32, u32),
    /// Whether its scans refine each other.
    pub progressive: bool,
    /// Arithmetic coding is known, but not decoded.
    pub arithmetic: bool,
    /// In the order of the frame.
    pub components: Vec<Component>,
    /// Quantisation tables by number, in the written order.
    pub quants: [Option<[u16; 64]>; 4],
    /// Huffman tables by number: those for constant coefficients, those for waves.
    pub codes: [[Option<Codes<'a>>; 4]; 2],
    /// Units between two restarts; 0 for none.
    pub interval: u32,
    /// The present scan.
    pub scan: ScanHead,
    /// EXIF with its signature.
    pub exif: Option<&'a [u8]>,
    profile: Vec<&'a [u8]>,
    jfif: bool,
    adobe: Option<u8>,
}

impl<'a> Markers<'a> {
    /// All up to the first scan.
    ///
    /// # Errors
    /// There is none, or what comes before it is damaged.
    pub fn new(bytes: &'a [u8]) -> Result<Self> {
        let mut markers = Self {
            bytes,
            at: 2,
            size: (0, 0),
            progressive: false,
            arithmetic: false,
            components: Vec::new(),
            quants: [None; 4],
            codes: [[None; 4]; 2],
            interval: 0,
            scan: ScanHead::default(),
            exif: None,
            profile: Vec::new(),
            jfif: false,
            adobe: None,
        };
        if !markers.next_scan()? {
            return Err(damaged("it has no scan"));
        }
        Ok(markers)
    }

    /// Go on to the next scan; false at the end.
    ///
    /// # Errors
    /// What comes before it is damaged.
    pub fn next_scan(&mut self) -> Result<bool> {
        loop {
            let (marker, at) = next_marker(self.bytes, self.at);
            self.at = at;
            match marker {
                EOI => return Ok(false),
                0x01 | 0xD0..=0xD7 => continue,
                0xC0..=0xC2 | 0xC4 | 0xC9 | 0xCA | 0xCC | 0xDA..=0xDD | 0xE0..=0xEF | 0xFE => {}
                _ => return Err(damaged(format!("marker {marker:02x} is not supported"))),
            }
            let body = self.body()?;
            match marker {
                0xC4 => self.read_codes(body)?,
                0xDB => self.read_quants(body)?,
                0xDD => {
                    let interval = body.try_into().map_err(|_| damaged("a restart interval"))?;
                    self.interval = u16::from_be_bytes(interval).into();
                }
                0xDA => {
                    self.scan = self.read_scan(body)?;
                    return Ok(true);
                }
                0xC0..=0xC2 | 0xC9 | 0xCA => {
                    self.progressive = matches!(marker, 0xC2 | 0xCA);
                    self.arithmetic = matches!(marker, 0xC9 | 0xCA);
                    self.read_frame(body)?;
                }
                0xE0 => self.jfif |= body.len() >= 14 && body.starts_with(b"JFIF\0"),
                0xEE if body.len() >= 12 && body.starts_with(b"Adobe") => {
                    self.adobe = Some(body[11]);
                }
                0xE1 if body.starts_with(b"Exif\0\0") && self.exif.is_none() => {
                    self.exif = Some(body);
                }
                0xE2 if body.len() >= 14 && body.starts_with(b"ICC_PROFILE\0") => {
                    self.profile.push(body);
                }
                _ => {}
            }
        }
    }

    /// The body of a segment.
    fn body(&mut self) -> Result<&'a [u8]> {
        let rest = self.bytes.get(self.at..).unwrap_or(&[]);
        let Some(&length) = rest.first_chunk() else { return Err(damaged("it is cut")) };
        let length = usize::from(u16::from_be_bytes(length));
        if length < 2 {
            return Err(damaged("a segment has no length"));
        }
        self.at += length;
        rest.get(2..length).ok_or_else(|| damaged("it is cut"))
    }

    fn read_quants(&mut self, mut body: &[u8]) -> Result<()> {
        while let Some((&head, rest)) = body.split_first() {
            let wide = head >> 4 != 0;
            let size = if wide { 128 } else { 64 };
            let place = self.quants.get_mut(usize::from(head & 15));
            let (Some(place), Some((levels, rest))) = (place, rest.split_at_checked(size)) else {
                return Err(damaged("a quantisation table"));
            };
            let level = |i: usize| match wide {
                true => u16::from_be_bytes([levels[i * 2], levels[i * 2 + 1]]),
                false => levels[i].into(),
            };
            *place = Some(std::array::from_fn(level));
            body = rest;
        }
        Ok(())
    }

    fn read_codes(&mut self, mut body: &'a [u8]) -> Result<()> {
        let wrong = || damaged("a Huffman table");
        while body.len() > 16 {
            let (head, rest) = (body[0], &body[1..]);
            let (counts, rest) = rest.split_first_chunk::<16>().ok_or_else(wrong)?;
            let total = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, rest) = rest.split_at_checked(total).ok_or_else(wrong)?;
            let kind = self.codes.get_mut(usize::from(head >> 4)).ok_or_else(wrong)?;
            if total > 256 {
                return Err(wrong());
            }
            *kind.get_mut(usize::from(head & 15)).ok_or_else(wrong)? = Some((*counts, symbols));
            body = rest;
        }
        if body.is_empty() { Ok(()) } else { Err(wrong()) }
    }

    fn read_frame(&mut self, body: &[u8]) -> Result<()> {
        let &[precision, h0, h1, w0, w1, count, ref rest @ ..] = body else {
            return Err(damaged("a frame is too short"));
        };
        if !self.components.is_empty() {
            return Err(damaged("it has two frames"));
        }
        self.size = (u16::from_be_bytes([w0, w1]).into(), u16::from_be_bytes([h0, h1]).into());
        let (all, more) = rest.as_chunks::<3>();
        if self.size.0 == 0 || self.size.1 == 0 || count == 0 {
            return Err(damaged("it has no pixels"));
        }
        if all.len() != usize::from(count) || !more.is_empty() || precision != 8 || count > 10 {
            return Err(damaged("its frame is not supported"));
        }
        for &[id, sampling, quant] in all {
            let blocks = (usize::from(sampling >> 4), usize::from(sampling & 15));
            if !(1..=4).contains(&blocks.0) || !(1..=4).contains(&blocks.1) {
                return Err(damaged("its sampling is wrong"));
            }
            self.components.push(Component { id, blocks, quant: quant.into() });
        }
        Ok(())
    }

    fn read_scan(&self, body: &[u8]) -> Result<ScanHead> {
        let wrong = || damaged("a scan's head is wrong");
        let (&count, rest) = body.split_first().ok_or_else(wrong)?;
        let (parts, &[first, last, bits]) =
            rest.split_at_checked(usize::from(count) * 2).ok_or_else(wrong)?
        else {
            return Err(wrong());
        };
        if !(1..=4).contains(&count) || self.components.is_empty() {
            return Err(wrong());
        }
        let part = |&[id, tables]: &[u8; 2]| {
            let place = self.components.iter().position(|component| component.id == id)?;
            Some((place, usize::from(tables >> 4), usize::from(tables & 15)))
        };
        let parts: Option<Vec<_>> = parts.as_chunks().0.iter().map(part).collect();
        let parts = parts.ok_or_else(wrong)?;
        let units = |&(place, ..): &(usize, usize, usize)| {
            let (across, down) = self.components[place].blocks;
            across * down
        };
        if parts.len() > 1 && parts.iter().map(units).sum::<usize>() > 10 {
            return Err(wrong());
        }
        let bits = (u32::from(bits >> 4), u32::from(bits & 15));
        Ok(ScanHead { parts, band: (first.into(), last.into()), bits })
    }

    /// What the components stand for.
    ///
    /// # Errors
    /// They are too many, or two.
    pub fn space(&self) -> Result<Space> {
        let ids: Vec<u8> = self.components.iter().map(|component| component.id).collect();
        Ok(match (ids.as_slice(), self.adobe) {
            ([_], _) => Space::Grey,
            ([..], _) if ids.len() == 3 && self.jfif => Space::YCbCr,
            ([_, _, _], Some(0)) => Space::Rgb,
            (b"RGB", None) => Space::Rgb,
            ([_, _, _], _) => Space::YCbCr,
            ([_, _, _, _], None | Some(0)) => Space::Cmyk,
            ([_, _, _, _], _) => Space::Ycck,
            _ => return Err(damaged("nobody knows its colours")),
        })
    }

    /// The embedded profile, if all of its parts are there.
    #[must_use]
    pub fn profile(&self) -> Option<Vec<u8>> {
        let count = usize::from(self.profile.first()?[13]);
        let mut parts = vec![None; count];
        for part in &self.profile {
            let place = parts.get_mut(usize::from(part[12]).checked_sub(1)?)?;
            if usize::from(part[13]) != count || place.replace(&part[14..]).is_some() {
                return None;
            }
        }
        let whole = parts.into_iter().collect::<Option<Vec<_>>>()?.concat();
        (!whole.is_empty()).then_some(whole)
    }
}

/// The next marker and what comes after it; where there is none, the end.
#[must_use]
pub fn next_marker(bytes: &[u8], mut at: usize) -> (u8, usize) {
    while let Some(&[byte, next]) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        match (byte, next) {
            (0xFF, 0x01..=0xFE) => return (next, at + 2),
            _ => at += 1,
        }
    }
    (EOI, bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: &[u8] = b"\xFF\xC0\0\x0B\x08\0\x10\0\x20\x01\x01\x11\0";
    const SCAN: &[u8] = b"\xFF\xDA\0\x08\x01\x01\0\0\x3F\0";

    fn file(segments: &[&[u8]]) -> Vec<u8> {
        [b"\xFF\xD8", segments.concat().as_slice(), SCAN].concat()
    }

    #[test]
    fn a_head_says_what_it_holds() {
        let bytes = file(&[b"garbage", FRAME, b"\xFF\xDD\0\x04\x01\x02", b"\xFF\xFF\xFE\0\x02"]);
        let markers = Markers::new(&bytes).unwrap();

        assert_eq!((markers.size, markers.interval), ((32, 16), 0x102));
        assert_eq!((markers.scan.parts.as_slice(), markers.at), (&[(0, 0, 0)][..], bytes.len()));
        assert_eq!(markers.space().unwrap(), Space::Grey);
    }

    #[test]
    fn a_head_cut_anywhere_is_damaged() {
        let bytes = file(&[FRAME]);
        for end in 0..bytes.len() {
            assert!(Markers::new(&bytes[..end]).is_err(), "cut after {end} bytes");
        }
    }

    #[test]
    fn what_libjpeg_does_not_read_is_damaged() {
        let twelve_bits = [&FRAME[..4], b"\x0C", &FRAME[5..]].concat();
        let no_pixels = [&FRAME[..7], b"\0\0", &FRAME[9..]].concat();
        let lossless = [b"\xFF\xC3", &FRAME[2..]].concat();
        let table_9 = b"\xFF\xDB\0\x43\x09".to_vec();
        for segment in [twelve_bits, no_pixels, lossless, [&table_9[..], &[1; 64]].concat()] {
            assert!(Markers::new(&file(&[&segment, FRAME])).is_err(), "{segment:x?}");
        }
        assert!(Markers::new(&file(&[])).is_err());
        assert!(Markers::new(&file(&[FRAME, FRAME])).is_err());
    }

    #[test]
    fn a_profile_needs_all_of_its_parts() {
        let part = |number: u8, count: u8, text: &[u8]| {
            let body = [b"ICC_PROFILE\0", &[number, count][..], text].concat();
            [&[0xFF, 0xE2, 0, body.len() as u8 + 2], &body[..]].concat()
        };
        let of = |parts: &[Vec<u8>]| {
            let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).chain([FRAME]).collect();
            Markers::new(&file(&parts)).unwrap().profile()
        };

        assert_eq!(of(&[part(2, 2, b"cd"), part(1, 2, b"ab")]), Some(b"abcd".to_vec()));
        assert_eq!(of(&[part(1, 2, b"ab")]), None);
        assert_eq!(of(&[part(1, 1, b"ab"), part(1, 1, b"ab")]), None);
        assert_eq!(of(&[part(0, 1, b"ab")]), None);
        assert_eq!(of(&[]), None);
    }
}
