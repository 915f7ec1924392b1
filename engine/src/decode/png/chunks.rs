//! Which chunks of a PNG count, and what makes a file unreadable, as upstream has it:
//! animations, texts and whatever else does not change the pixels may be damaged.

use std::io::{BufRead, Error as IoError, ErrorKind, Read, Result as IoResult, Seek, SeekFrom};

use super::damaged;
use crate::error::Result;

const SIGNATURE: usize = 8;
/// Length, name and checksum.
const AROUND: usize = 12;
const END: &[u8] = b"\0\0\0\0IEND\xAE\x42\x60\x82";
/// The largest width and height, and the longest chunk.
const MAX_SIDE: u32 = 1_000_000;
const MAX_LENGTH: u32 = u32::MAX >> 1;

/// The chunks that count, as one file.
#[derive(Debug)]
pub struct Chunks<'a> {
    parts: std::vec::IntoIter<&'a [u8]>,
    part: &'a [u8],
}

impl<'a> Chunks<'a> {
    /// All chunks that count.
    ///
    /// # Errors
    /// The file ends early, or its chunks do not belong together.
    pub fn all(bytes: &'a [u8]) -> Result<Self> {
        Self::walk(bytes, true)
    }

    /// Those up to the pixels, and all that follows as it is.
    ///
    /// # Errors
    /// The file ends before the pixels, or its chunks do not belong together.
    pub fn before_pixels(bytes: &'a [u8]) -> Result<Self> {
        Self::walk(bytes, false)
    }

    fn walk(bytes: &'a [u8], to_the_end: bool) -> Result<Self> {
        let mut parts = vec![&bytes[..SIGNATURE.min(bytes.len())]];
        let (mut at, mut seen, mut color) = (SIGNATURE, Seen::default(), 0);
        loop {
            let head = bytes.get(at..at + 8).ok_or_else(|| damaged("it is cut"))?;
            let (length, name) = head.split_at(4);
            let length = u32::from_be_bytes([length[0], length[1], length[2], length[3]]);
            if length > MAX_LENGTH || !name.iter().all(u8::is_ascii_alphabetic) {
                return Err(damaged("a chunk has no head"));
            }
            if name == b"IDAT" && color == 3 && !seen.palette {
                return Err(damaged("it has no palette"));
            }
            if name == b"IDAT" && !to_the_end {
                parts.push(&bytes[at..]);
                break;
            }
            let end = at + AROUND + length as usize;
            let chunk = bytes.get(at..end).ok_or_else(|| damaged("it is cut"))?;
            let keep = match name {
                b"IHDR" => {
                    let side = |at: usize| chunk.get(at..at + 4)?.try_into().ok();
                    let large = |side| u32::from_be_bytes(side) > MAX_SIDE;
                    if [side(8), side(12)].into_iter().flatten().any(large) {
                        return Err(damaged("its sides are too long"));
                    }
                    color = chunk.get(17).copied().unwrap_or(0);
                    true
                }
                b"PLTE" if length == 0 => return Err(damaged("its palette is empty")),
                b"PLTE" => {
                    seen.palette = true;
                    color == 3 && !seen.pixels
                }
                b"IDAT" => {
                    seen.pixels = true;
                    !seen.after
                }
                b"tRNS" | b"iCCP" | b"sRGB" | b"gAMA" | b"cHRM" => !seen.pixels,
                b"IEND" if !seen.pixels => return Err(damaged("it has no pixels")),
                b"IEND" => break,
                _ if name[0].is_ascii_uppercase() && !seen.pixels => {
                    return Err(damaged("it has a chunk that nobody knows"));
                }
                _ => false,
            };
            seen.after |= seen.pixels && name != b"IDAT";
            if keep {
                parts.push(chunk);
            }
            at = end;
        }
        parts.push(END);
        Ok(Self { parts: parts.into_iter(), part: &[] })
    }
}

/// What came so far.
#[derive(Default)]
struct Seen {
    palette: bool,
    pixels: bool,
    /// Something that is no pixels, after them.
    after: bool,
}

impl Read for Chunks<'_> {
    fn read(&mut self, buf: &mut [u8]) -> IoResult<usize> {
        let n = self.fill_buf()?.read(buf)?;
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for Chunks<'_> {
    fn fill_buf(&mut self) -> IoResult<&[u8]> {
        while self.part.is_empty()
            && let Some(part) = self.parts.next()
        {
            self.part = part;
        }
        Ok(self.part)
    }

    fn consume(&mut self, n: usize) {
        self.part = &self.part[n..];
    }
}

impl Seek for Chunks<'_> {
    /// Asked for by the type of the decoder, which never does it.
    fn seek(&mut self, _: SeekFrom) -> IoResult<u64> {
        Err(IoError::from(ErrorKind::Unsupported))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
        for (name, data) in chunks {
            bytes.extend((data.len() as u32).to_be_bytes());
            bytes.extend(*name);
            bytes.extend(*data);
            bytes.extend([0; 4]); // no checksum is asked for here
        }
        bytes
    }

    fn kept(chunks: &[(&[u8; 4], &[u8])]) -> Option<Vec<u8>> {
        let bytes = file(chunks);
        let mut all = Vec::new();
        Chunks::all(&bytes).ok()?.read_to_end(&mut all).unwrap();
        Some(all)
    }

    const RGB: (&[u8; 4], &[u8]) = (b"IHDR", b"\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0");
    const PALETTE: (&[u8; 4], &[u8]) = (b"IHDR", b"\0\0\0\x01\0\0\0\x01\x08\x03\0\0\0");
    const WIDE: (&[u8; 4], &[u8]) = (b"IHDR", b"\0\x10\0\0\0\0\0\x01\x08\x02\0\0\0");
    const PIXELS: (&[u8; 4], &[u8]) = (b"IDAT", b"pixels");
    const END: (&[u8; 4], &[u8]) = (b"IEND", b"");

    #[test]
    fn what_does_not_change_the_pixels_is_left_out() {
        let plain = kept(&[RGB, PIXELS, END]).unwrap();
        let text = (b"tEXt", b"a\0b".as_slice());
        let animation = (b"fdAT", b"\0".as_slice());
        let unknown = (b"JUNK", b"".as_slice());

        assert_eq!(kept(&[RGB, text, animation, PIXELS, text, END]).unwrap(), plain);
        assert_eq!(kept(&[RGB, PIXELS, unknown, PIXELS, END]).unwrap(), plain);
        assert_eq!(kept(&[RGB, PIXELS, (b"IEND", b"more")]).unwrap(), plain);
        assert!(kept(&[RGB, unknown, PIXELS, END]).is_none());
    }

    #[test]
    fn a_file_without_pixels_palette_or_end_is_damaged() {
        let palette = (b"PLTE", b"rgb".as_slice());

        assert!(kept(&[PALETTE, palette, PIXELS, END]).is_some());
        assert!(kept(&[PALETTE, PIXELS, END]).is_none());
        assert!(kept(&[RGB, END]).is_none());
        assert!(kept(&[RGB, PIXELS]).is_none());
        assert!(kept(&[WIDE, PIXELS, END]).is_none());
    }

    #[test]
    fn a_header_is_readable_when_the_pixels_are_cut() {
        let bytes = file(&[RGB, PIXELS, END]);
        for end in 0..bytes.len() {
            let cut = Chunks::before_pixels(&bytes[..end]);
            assert_eq!(cut.is_ok(), end >= bytes.len() - 12 - 18 + 8, "cut after {end} bytes");
            assert!(end >= bytes.len() - 4 || Chunks::all(&bytes[..end]).is_err());
        }
    }
}
