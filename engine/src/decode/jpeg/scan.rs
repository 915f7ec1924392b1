//! The one scan of a baseline JPEG, read coefficient by coefficient.
//!
//! Damage is borne as libjpeg bears it: a code that does not exist ends its block, and
//! after the end of the data all bits are zero.

use super::markers::{DHT, DQT, DRI, SOF0, SOF1, SOS, Segments};

/// Bits that are looked up at once; longer codes are rare.
const LOOK: u32 = 10;

/// Bits of the longest code.
const LONGEST: usize = 16;

/// A scan and where it has come to.
pub struct Scan<'a> {
    /// What it holds, in the order of its blocks.
    pub components: Vec<Component>,
    bits: Bits<'a>,
    /// Units between two restarts; 0 for none.
    interval: u32,
    /// Units until the next restart.
    left: u32,
}

/// One colour component.
pub struct Component {
    /// Blocks in each unit of the scan, across and down.
    pub blocks: (usize, usize),
    /// What its coefficients are multiplied with, in the order in which they are written.
    pub quant: [u16; 64],
    tables: Tables,
    /// The constant coefficient of the block before.
    before: i32,
}

#[derive(Clone)]
struct Tables {
    constant: Table,
    waves: Table,
}

impl<'a> Scan<'a> {
    /// The scan of a file, if it is a baseline JPEG with all of its components in one.
    #[must_use]
    pub fn open(bytes: &'a [u8]) -> Option<Self> {
        let mut quants = [None; 4];
        let mut huffman: [Option<Table>; 8] = Default::default();
        let (mut frame, mut interval) = (None, 0);
        for segment in Segments::new(bytes) {
            let body = segment.body;
            match segment.marker {
                DQT => read_quants(body, &mut quants)?,
                DHT => read_tables(body, &mut huffman)?,
                DRI => interval = u16::from_be_bytes(*body.first_chunk()?),
                SOF0 | SOF1 => frame = frame.or(Some(body)),
                SOS => {
                    let data = bytes.get(segment.at + 4 + body.len()..)?;
                    let components = components(frame?, body, &quants, &huffman)?;
                    let interval = interval.into();
                    let bits = Bits { data, at: 0, buffer: 0, count: 0 };
                    return Some(Self { components, bits, interval, left: interval });
                }
                _ => {}
            }
        }
        None
    }

    /// Said before each unit: passes over the marker of a restart that is due.
    #[inline(always)]
    pub fn next_unit(&mut self) {
        if self.interval > 0 {
            if self.left == 0 {
                self.bits.restart();
                self.components.iter_mut().for_each(|component| component.before = 0);
                self.left = self.interval;
            }
            self.left -= 1;
        }
    }

    /// Read the next block, which belongs to a component: tells its constant coefficient,
    /// and each other that is not zero with its place in the written order.
    #[inline(always)]
    pub fn block(&mut self, component: usize, mut wave: impl FnMut(usize, i32)) -> i32 {
        let component = &mut self.components[component];
        let mut bits = self.bits; // in registers, this loop is what decoding waits for
        let (_, difference) = bits.coefficient(&component.tables.constant);
        component.before = component.before.wrapping_add(difference);
        let mut place = 1;
        while place < 64 {
            let (zeros, value) = bits.coefficient(&component.tables.waves);
            if value == 0 {
                if zeros < 15 {
                    break;
                }
                place += 16;
                continue;
            }
            place += zeros;
            if place > 63 {
                break;
            }
            wave(place, value);
            place += 1;
        }
        self.bits = bits;
        component.before
    }
}

fn read_quants(mut body: &[u8], quants: &mut [Option<[u16; 64]>; 4]) -> Option<()> {
    while let Some((&head, rest)) = body.split_first() {
        let wide = head >> 4 != 0;
        let (levels, rest) = rest.split_at_checked(if wide { 128 } else { 64 })?;
        let level = |i: usize| match wide {
            true => u16::from_be_bytes([levels[i * 2], levels[i * 2 + 1]]),
            false => levels[i].into(),
        };
        *quants.get_mut(usize::from(head & 15))? = Some(std::array::from_fn(level));
        body = rest;
    }
    Some(())
}

/// Tables by number, those for constant coefficients before the others.
fn read_tables(mut body: &[u8], tables: &mut [Option<Table>; 8]) -> Option<()> {
    while let Some((&head, rest)) = body.split_first() {
        let (counts, rest) = rest.split_first_chunk::<LONGEST>()?;
        let total = counts.iter().map(|&count| usize::from(count)).sum();
        let (symbols, rest) = rest.split_at_checked(total)?;
        let place = usize::from(head >> 4) * 4 + usize::from(head & 15);
        *tables.get_mut(place)? = Some(Table::new(counts, symbols)?);
        body = rest;
    }
    Some(())
}

fn components(
    frame: &[u8],
    scan: &[u8],
    quants: &[Option<[u16; 64]>; 4],
    huffman: &[Option<Table>; 8],
) -> Option<Vec<Component>> {
    let (&count, scan) = scan.split_first()?;
    let (in_frame, rest) = frame.get(6..)?.as_chunks::<3>();
    let (in_scan, spectrum) = scan.split_at_checked(usize::from(count) * 2)?;
    let is_whole = frame[0] == 8 && rest.is_empty() && spectrum == [0, 63, 0];
    if !is_whole || in_frame.len() != usize::from(count) || usize::from(frame[5]) != in_frame.len()
    {
        return None;
    }
    let component = |(&[id, sampling, quant], &[same, selectors]): (&[u8; 3], &[u8; 2])| {
        let table = |place: u8| huffman.get(usize::from(place))?.clone();
        let tables =
            Tables { constant: table(selectors >> 4)?, waves: table(4 + (selectors & 15))? };
        let quant = (*quants.get(usize::from(quant))?)?;
        // A component by itself is not interleaved, whatever its sampling.
        let sampling = if count == 1 { 0x11 } else { sampling };
        let blocks = (usize::from(sampling >> 4), usize::from(sampling & 15));
        (id == same).then_some(Component { blocks, quant, tables, before: 0 })
    };
    in_frame.iter().zip(in_scan.as_chunks().0).map(component).collect()
}

/// A Huffman table.
#[derive(Clone)]
struct Table {
    /// By the next bits: what they begin with, see [`entry`]; 0 for longer codes.
    fast: Box<[u32; 1 << LOOK]>,
    /// By length: the first number of 16 bits that no code of this length begins.
    limits: [u32; LONGEST + 1],
    /// By length: what makes a code the place of its symbol.
    offsets: [i32; LONGEST + 1],
    symbols: Vec<u8>,
}

/// Bits that are used up, zeros that come first or a symbol as it is, and a value; it is 0
/// when the bits of the value must still be read.
const fn entry(bits: u32, zeros_or_symbol: u8, value: i16) -> u32 {
    bits | (zeros_or_symbol as u32) << 8 | (value as u16 as u32) << 16
}

impl Table {
    /// None when there are more codes than bits for them.
    fn new(counts: &[u8; LONGEST], symbols: &[u8]) -> Option<Self> {
        let mut table = Self {
            fast: Box::new([0; 1 << LOOK]),
            limits: [0; LONGEST + 1],
            offsets: [0; LONGEST + 1],
            symbols: symbols.to_vec(),
        };
        let (mut code, mut place) = (0u32, 0);
        for (length, &count) in (1..).zip(counts) {
            table.offsets[length] = place as i32 - code as i32;
            for _ in 0..count {
                if code >> length != 0 {
                    return None;
                }
                table.add_fast(code, length as u32, symbols[place]);
                (code, place) = (code + 1, place + 1);
            }
            table.limits[length] = code << (LONGEST - length);
            code <<= 1;
        }
        Some(table)
    }

    /// Enter a code for all bits that may follow it.
    fn add_fast(&mut self, code: u32, length: u32, symbol: u8) {
        let Some(free) = LOOK.checked_sub(length) else {
            return;
        };
        let size = u32::from(symbol & 15);
        for follows in 0..1u32 << free {
            let entry = if size > 0 && size <= free {
                let value = extended(follows >> (free - size), size);
                entry(length + size, symbol >> 4, value as i16)
            } else {
                entry(length, symbol, 0)
            };
            self.fast[(code << free | follows) as usize] = entry;
        }
    }

    /// The symbol and the length of a code that is too long for the fast table. What is no
    /// code is taken for the end of a block.
    #[cold]
    fn long(&self, next: u32) -> (u8, u32) {
        for length in LOOK as usize + 1..=LONGEST {
            if next < self.limits[length] {
                let place = self.offsets[length] + (next >> (LONGEST - length)) as i32;
                let symbol = self.symbols.get(place as usize).copied();
                return (symbol.unwrap_or(0), length as u32);
            }
        }
        (0, LONGEST as u32)
    }
}

/// A value of so many bits, with its sign.
#[inline(always)]
fn extended(bits: u32, size: u32) -> i32 {
    let value = bits as i32;
    if bits >> (size - 1) == 0 { value - (1 << size) + 1 } else { value }
}

/// Bits of a scan, without the zeros that are stuffed into it.
#[derive(Clone, Copy)]
struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    /// The next bits, from the top.
    buffer: u64,
    /// How many of them are known.
    count: u32,
}

impl Bits<'_> {
    /// Zeros that come first, and a value; 0 at the end of a block, or after 15 zeros for
    /// one zero more.
    #[inline(always)]
    fn coefficient(&mut self, table: &Table) -> (usize, i32) {
        if self.count < 32 {
            self.refill();
        }
        let entry = table.fast[(self.buffer >> (64 - LOOK)) as usize];
        let value = entry as i32 >> 16;
        let (mut symbol, mut length) = ((entry >> 8) as u8, entry & 255);
        if value != 0 {
            self.consume(length);
            return (symbol.into(), value);
        }
        if length == 0 {
            (symbol, length) = table.long((self.buffer >> 48) as u32);
        }
        self.consume(length);
        let (zeros, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
        if size == 0 {
            return (zeros, 0);
        }
        let bits = (self.buffer >> (64 - size)) as u32;
        self.consume(size);
        (zeros, extended(bits, size))
    }

    #[inline(always)]
    fn consume(&mut self, bits: u32) {
        self.buffer <<= bits;
        self.count -= bits;
    }

    /// Have more than 56 bits.
    #[inline(always)]
    fn refill(&mut self) {
        if let Some(&next) = self.data.get(self.at..).and_then(<[u8]>::first_chunk) {
            let word = u64::from_be_bytes(next);
            if !has_ff(word) {
                self.buffer |= word >> self.count;
                let bytes = (63 - self.count) / 8;
                self.at += bytes as usize;
                self.count += bytes * 8;
                return;
            }
        }
        *self = self.refilled_slowly();
    }

    #[cold]
    #[inline(never)]
    fn refilled_slowly(mut self) -> Self {
        while self.count <= 56 {
            let byte = match self.data.get(self.at) {
                Some(0xFF) if self.data.get(self.at + 1) == Some(&0) => {
                    self.at += 2;
                    0xFF
                }
                None | Some(0xFF) => 0, // the end, or a marker
                Some(&byte) => {
                    self.at += 1;
                    byte
                }
            };
            self.buffer |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
        self
    }

    /// Go on after the next marker of a restart; if there is another marker, stay there.
    #[cold]
    fn restart(&mut self) {
        (self.buffer, self.count) = (0, 0);
        while let Some(&[byte, next]) = self.data.get(self.at..).and_then(<[u8]>::first_chunk) {
            match (byte, next) {
                (0xFF, 0xD0..=0xD7) => {
                    self.at += 2;
                    return;
                }
                (0xFF, 0x01..=0xFE) => return,
                _ => self.at += 1,
            }
        }
    }
}

/// Whether any byte is 0xFF.
#[inline(always)]
fn has_ff(word: u64) -> bool {
    let inverted = !word;
    inverted.wrapping_sub(0x0101_0101_0101_0101) & word & 0x8080_8080_8080_8080 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes 0, 10, 110 and three ones with ten zeros.
    fn table() -> Table {
        let mut counts = [0; 16];
        (counts[0], counts[1], counts[2], counts[12]) = (1, 1, 1, 1);
        Table::new(&counts, &[0x00, 0x11, 0xF0, 0x2A]).unwrap()
    }

    fn bits(data: &[u8]) -> Bits<'_> {
        Bits { data, at: 0, buffer: 0, count: 0 }
    }

    #[test]
    fn coefficients_are_read_whatever_the_length_of_their_code() {
        // 10 1 | 10 0 | 110 | 1110000000000 1000000001 | 0
        let data = [0b1011_0011, 0b0111_0000, 0b0000_0010, 0b0000_0001, 0b0000_0000];
        let mut bits = bits(&data);

        let read: Vec<_> = (0..5).map(|_| bits.coefficient(&table())).collect();

        assert_eq!(read, [(1, 1), (1, -1), (15, 0), (2, 513), (0, 0)]);
    }

    #[test]
    fn stuffed_zeros_are_left_out_and_after_the_end_there_are_zeros() {
        let mut bits = bits(&[0xFF, 0x00, 0x12, 0xFF, 0xD9, 0x55]);

        bits.refill();

        assert_eq!(bits.buffer, 0xFF12_0000_0000_0000);
    }

    #[test]
    fn a_restart_is_found_and_no_other_marker_is_passed() {
        let mut found = bits(&[1, 0xFF, 0, 2, 0xFF, 0xD3, 7]);
        let mut end = bits(&[1, 0xFF, 0xD9, 0xFF, 0xD3]);

        found.restart();
        end.restart();

        assert_eq!((found.at, end.at), (6, 1));
    }

    #[test]
    fn too_many_codes_are_no_table() {
        let mut counts = [0; 16];
        counts[0] = 3;

        assert!(Table::new(&counts, &[1, 2, 3]).is_none());
    }

    #[test]
    fn a_byte_of_ones_is_seen_wherever_it_is() {
        assert!((0..8).all(|i| has_ff(0xFF << (i * 8))));
        assert!(!has_ff(0xFE7F_80F0_0FFE_EF01));
    }
}
