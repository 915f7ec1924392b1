//! The one scan of a baseline JPEG, read coefficient by coefficient.
//!
//! Damage is borne as libjpeg bears it: a code that does not exist ends its block, and
//! after the end of the data all blocks are grey.

use super::head::Markers;
use super::whole;

/// Bits that are looked up at once; longer codes are rare.
const LOOK: u32 = 10;

/// Bits of the longest code.
const LONGEST: usize = 16;

/// Column and row of each coefficient in the order in which they are written.
pub const ZIGZAG: [(u8, u8); 64] = {
    let mut places = [(0, 0); 64];
    let (mut x, mut y, mut i) = (0u8, 0u8, 0);
    while i < 64 {
        places[i] = (x, y);
        i += 1;
        let is_rising = (x + y).is_multiple_of(2);
        match (is_rising, x, y) {
            (true, 7, _) => y += 1,
            (true, _, 0) => x += 1,
            (true, _, _) => (x, y) = (x + 1, y - 1),
            (false, _, 7) => x += 1,
            (false, 0, _) => y += 1,
            (false, _, _) => (x, y) = (x - 1, y + 1),
        }
    }
    places
};

/// A scan and where it has come to.
pub struct Scan<'a> {
    /// What it holds, in the order of its blocks.
    pub components: Vec<Component>,
    bits: Bits<'a>,
    /// Units between two restarts; 0 for none.
    interval: u32,
    /// Units until the next restart.
    left: u32,
    /// Nothing comes before it.
    dry: bool,
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
    /// The scan of a baseline JPEG, if it has all components.
    #[must_use]
    pub fn open(bytes: &'a [u8]) -> Option<Self> {
        let markers = Markers::new(bytes).ok()?;
        if markers.progressive || markers.scan.parts.len() != markers.components.len() {
            return None;
        }
        let component = |&(place, constant, waves): &(usize, usize, usize)| {
            let component = markers.components.get(place)?;
            let tables = Tables {
                constant: whole::table(&markers, 0, constant).ok()?,
                waves: whole::table(&markers, 1, waves).ok()?,
            };
            let quant = (*markers.quants.get(component.quant)?)?;
            Some(Component { blocks: component.blocks, quant, tables, before: 0 })
        };
        let components = markers.scan.parts.iter().map(component).collect::<Option<_>>()?;
        let (bits, interval) = (Bits::new(bytes, markers.at), markers.interval);
        Some(Self { components, bits, interval, left: interval, dry: false })
    }

    /// Said before each unit: passes over the marker of a restart that is due.
    #[inline(always)]
    pub fn next_unit(&mut self) {
        self.dry |= self.bits.is_dry();
        if self.interval > 0 {
            if self.left == 0 {
                self.dry &= !self.bits.restart();
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
        if self.dry {
            return 0;
        }
        let component = &mut self.components[component];
        let mut bits = self.bits; // in registers, this loop is what decoding waits for
        let (_, difference) = bits.coefficient(&component.tables.constant);
        component.before = component.before.wrapping_add(difference);
        bits.waves(&component.tables.waves, |place, value| {
            if place < 64 {
                wave(place, value);
            }
        });
        self.bits = bits;
        component.before
    }
}

/// A Huffman table.
#[derive(Clone)]
pub struct Table {
    /// By the next bits: what they begin with, see [`entry`]; 0 for longer codes.
    fast: Box<[u32; 1 << LOOK]>,
    /// By length: the first number of 16 bits that no code of this length begins.
    limits: [u32; LONGEST + 1],
    /// By length: what makes a code the place of its symbol.
    offsets: [i32; LONGEST + 1],
    symbols: Vec<u8>,
}

/// Bits that are used up, a symbol, and a value; it is 0 when the bits of the value must
/// still be read.
const fn entry(bits: u32, symbol: u8, value: i16) -> u32 {
    bits | (symbol as u32) << 8 | (value as u16 as u32) << 16
}

impl Table {
    /// None when there are more codes than bits for them.
    #[must_use]
    pub fn new(counts: &[u8; LONGEST], symbols: &[u8]) -> Option<Self> {
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
                entry(length + size, symbol, value as i16)
            } else {
                entry(length, symbol, 0)
            };
            self.fast[(code << free | follows) as usize] = entry;
        }
    }

    /// The symbol and the length of a code that is too long for the fast table. What is no
    /// code is taken for the end of a block, as libjpeg does, one bit later.
    #[cold]
    fn long(&self, next: u32) -> (u8, u32) {
        for length in LOOK as usize + 1..=LONGEST {
            if next < self.limits[length] {
                let place = self.offsets[length] + (next >> (LONGEST - length)) as i32;
                let symbol = self.symbols.get(place as usize).copied();
                return (symbol.unwrap_or(0), length as u32);
            }
        }
        (0, LONGEST as u32 + 1)
    }
}

/// A value of so many bits, with its sign.
#[inline(always)]
#[must_use]
pub fn extended(bits: u32, size: u32) -> i32 {
    let value = bits as i32;
    if bits >> (size - 1) == 0 { value - (1 << size) + 1 } else { value }
}

/// Bits of a scan, without the zeros that are stuffed into it.
#[derive(Clone, Copy)]
pub struct Bits<'a> {
    data: &'a [u8],
    /// What is read next.
    pub at: usize,
    /// The next bits, from the top.
    buffer: u64,
    /// How many of them are known, or made up after the last.
    count: u32,
    /// How many were made up.
    made: u32,
}

impl<'a> Bits<'a> {
    /// The bits of a scan that begins there.
    #[must_use]
    pub fn new(data: &'a [u8], at: usize) -> Self {
        Self { data, at, buffer: 0, count: 0, made: 0 }
    }

    /// Forget what is known of the bits, and go on elsewhere.
    pub fn go_on_at(&mut self, at: usize) {
        *self = Self::new(self.data, at);
    }

    /// Zeros that come first, and a value; 0 at the end of a block, or after 15 zeros for
    /// one zero more.
    #[inline(always)]
    pub fn coefficient(&mut self, table: &Table) -> (usize, i32) {
        if self.count < 32 {
            self.refill();
        }
        let entry = table.fast[(self.buffer >> (64 - LOOK)) as usize];
        let value = entry as i32 >> 16;
        let (mut symbol, mut length) = ((entry >> 8) as u8, entry & 255);
        if value != 0 {
            self.consume(length);
            return (usize::from(symbol >> 4), value);
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

    /// All waves of a block, each that is not zero with its place in the written order, which
    /// damage puts up to 15 behind the last.
    #[inline(always)]
    pub fn waves(&mut self, table: &Table, mut wave: impl FnMut(usize, i32)) {
        let mut place = 1;
        while place < 64 {
            let (zeros, value) = self.coefficient(table);
            if value == 0 {
                if zeros < 15 {
                    break;
                }
                place += 16;
                continue;
            }
            place += zeros;
            wave(place, value);
            place += 1;
        }
    }

    /// The next symbol by itself.
    #[inline(always)]
    pub fn symbol(&mut self, table: &Table) -> u8 {
        if self.count < 32 {
            self.refill();
        }
        let entry = table.fast[(self.buffer >> (64 - LOOK)) as usize];
        let (mut symbol, mut length) = ((entry >> 8) as u8, entry & 255);
        if entry >> 16 != 0 {
            length -= u32::from(symbol & 15);
        } else if length == 0 {
            (symbol, length) = table.long((self.buffer >> 48) as u32);
        }
        self.consume(length);
        symbol
    }

    /// The next bits, up to 16.
    #[inline(always)]
    pub fn take(&mut self, bits: u32) -> u32 {
        if self.count < 32 {
            self.refill();
        }
        let taken = (self.buffer >> 32) as u32;
        self.consume(bits);
        taken.checked_shr(32 - bits).unwrap_or(0)
    }

    /// Whether bits were taken that are not there.
    #[inline(always)]
    #[must_use]
    pub fn is_dry(&self) -> bool {
        self.made > self.count
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
                Some(0xFF) => {
                    let fill = self.data[self.at..].iter().take_while(|&&byte| byte == 0xFF);
                    let next = self.at + fill.count();
                    if self.data.get(next) == Some(&0) {
                        self.at = next + 1;
                        0xFF
                    } else {
                        self.made += 8; // a marker
                        0
                    }
                }
                None => {
                    self.made += 8; // the end
                    0
                }
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
    fn restart(&mut self) -> bool {
        self.go_on_at(self.at);
        while let Some(&[byte, next]) = self.data.get(self.at..).and_then(<[u8]>::first_chunk) {
            match (byte, next) {
                (0xFF, 0xD0..=0xD7) => {
                    self.at += 2;
                    return true;
                }
                (0xFF, 0x01..=0xFE) => return false,
                _ => self.at += 1,
            }
        }
        false
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
        Bits::new(data, 0)
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
