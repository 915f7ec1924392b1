//! All coefficients of a JPEG, of one scan or of many, whole or damaged, as libjpeg reads it.

use enough::Stop;

use super::damaged;
use super::head::{Codes, Markers, next_marker};
use super::scan::{Bits, Table, ZIGZAG, extended};
use super::smooth::{Guess, Known};
use crate::error::Result;
use crate::memory;

/// Where the coefficients stand that are written one after the other; the last place is
/// also that of those which damage puts behind it.
pub const PLACES: [u8; 80] = {
    let (mut places, mut i) = ([63; 80], 0);
    while i < 64 {
        let (x, y) = ZIGZAG[i];
        places[i] = y * 8 + x;
        i += 1;
    }
    places
};

/// Scans that a file may have. Encoders make about ten; a scan of 20 bytes can pass over the
/// whole picture, so a megabyte of them would take hours.
const MOST_SCANS: u32 = 500;

/// The coefficients of one component.
pub struct Part {
    /// Blocks in each unit, across and down.
    pub blocks: (usize, usize),
    /// Blocks across and down, those of the last units included.
    pub size: (usize, usize),
    /// What they are multiplied with, by place; of the first scan that has the component.
    pub quant: Option<[u16; 64]>,
    /// 64 for each block.
    pub coefficients: Vec<i16>,
    /// Blocks across and down that have pixels.
    pub needed: (usize, usize),
    /// What is known of its coefficients so far.
    pub known: Known,
    /// What is guessed of them in the end.
    pub guess: Option<Guess>,
}

/// All components of a file.
pub struct Whole {
    /// The components.
    pub parts: Vec<Part>,
    /// Most blocks in a unit, across and down.
    pub most: (usize, usize),
    scans: u32,
    /// The last row of units that something of the last scan came for.
    arrived: usize,
}

impl Whole {
    /// Read all scans.
    ///
    /// # Errors
    /// The file is of a kind that libjpeg does not read, or damaged in a way that it does
    /// not bear.
    pub fn read(markers: &mut Markers<'_>, stop: &dyn Stop) -> Result<Self> {
        if markers.arithmetic {
            return Err(damaged("its coding is arithmetic"));
        }
        let mut whole = Self::empty(markers)?;
        let single = !markers.progressive && markers.scan.parts.len() == markers.components.len();
        loop {
            whole.read_scan(markers, stop)?;
            if !markers.next_scan()? {
                break;
            }
            if single {
                return Err(damaged("it has a scan too many"));
            }
            if whole.scans == MOST_SCANS {
                return Err(damaged(format!("it has more than {MOST_SCANS} scans")));
            }
        }
        if markers.progressive {
            Guess::set(&mut whole.parts, whole.scans, whole.arrived);
        }
        Ok(whole)
    }

    fn empty(markers: &Markers<'_>) -> Result<Self> {
        let most = |side: fn((usize, usize)) -> usize| {
            markers.components.iter().map(|c| side(c.blocks)).max().unwrap_or(1)
        };
        let most = (most(|blocks| blocks.0), most(|blocks| blocks.1));
        let (w, h) = (markers.size.0 as usize, markers.size.1 as usize);
        let units = (w.div_ceil(8 * most.0), h.div_ceil(8 * most.1));
        let part = |component: &super::head::Component| {
            let blocks = component.blocks;
            let size = (units.0 * blocks.0, units.1 * blocks.1);
            let needed = ((w * blocks.0).div_ceil(8 * most.0), (h * blocks.1).div_ceil(8 * most.1));
            let coefficients = memory::zeros(size.0 * size.1 * 64)?;
            let (known, guess) = (Known::NOTHING, None);
            Ok(Part { blocks, size, quant: None, coefficients, needed, known, guess })
        };
        let parts = markers.components.iter().map(part).collect::<Result<_>>()?;
        Ok(Self { parts, most, scans: 0, arrived: 0 })
    }

    fn read_scan(&mut self, markers: &mut Markers<'_>, stop: &dyn Stop) -> Result<()> {
        let head = markers.scan.clone();
        self.scans += 1;
        for &(place, ..) in &head.parts {
            let quant = markers.quants.get(markers.components[place].quant).copied().flatten();
            let quant = quant.ok_or_else(|| damaged("a quantisation table is missing"))?;
            let mut by_place = [0; 64];
            for (level, &place) in quant.into_iter().zip(&PLACES) {
                by_place[usize::from(place)] = level;
            }
            self.parts[place].quant.get_or_insert(by_place);
            self.parts[place].known.add(head.band, head.bits.1, self.scans == 1);
        }
        let mut coder = Coder::new(markers)?;
        let one = (head.parts.len() == 1).then(|| head.parts[0].0);
        let units = match one {
            Some(place) => self.parts[place].needed,
            None => {
                let part = &self.parts[head.parts[0].0];
                (part.size.0 / part.blocks.0, part.size.1 / part.blocks.1)
            }
        };
        let rows = one.map_or(1, |place| self.parts[place].blocks.1);
        for y in 0..units.1 {
            stop.check()?;
            let row = y / rows;
            for x in 0..units.0 {
                if coder.next_unit() {
                    self.arrived = row;
                }
                for (i, &(place, ..)) in head.parts.iter().enumerate() {
                    let part = &mut self.parts[place];
                    let (across, down) = if one.is_some() { (1, 1) } else { part.blocks };
                    for block in 0..across * down {
                        let at =
                            (y * down + block / across) * part.size.0 + x * across + block % across;
                        if let Some(block) = part.coefficients.as_chunks_mut().0.get_mut(at) {
                            coder.block(i, block);
                        }
                    }
                }
            }
        }
        markers.at = coder.bits.at;
        Ok(())
    }
}

/// What a scan brings of its blocks.
#[derive(Clone, Copy)]
enum Step {
    /// All of them.
    All,
    /// The constant coefficient, and one more bit of it.
    Constant,
    ConstantBit,
    /// A band of waves, and one more bit of them.
    Waves,
    WavesBit,
}

/// The tables of one component of a scan, and the constant coefficient of its last block.
struct Tables {
    constant: Option<Table>,
    waves: Option<Table>,
    before: i32,
}

/// Reads the blocks of one scan.
struct Coder<'a> {
    bits: Bits<'a>,
    bytes: &'a [u8],
    step: Step,
    tables: Vec<Tables>,
    band: (usize, usize),
    shift: u32,
    /// Blocks yet to come that have no more waves.
    ended: u32,
    interval: u32,
    left: u32,
    restarts: u8,
    /// Nothing comes before the next restart.
    dry: bool,
}

impl<'a> Coder<'a> {
    fn new(markers: &Markers<'a>) -> Result<Self> {
        let head = &markers.scan;
        let wrong = || damaged("a scan cannot follow those before it");
        let step = if markers.progressive {
            let ((first, last), (before, now)) = (head.band, head.bits);
            let waves = first > 0;
            let sound =
                if waves { first <= last && last < 64 && head.parts.len() == 1 } else { last == 0 };
            if !sound || now > 13 || (before > 0 && before != now + 1) {
                return Err(wrong());
            }
            match (waves, before > 0) {
                (false, false) => Step::Constant,
                (false, true) => Step::ConstantBit,
                (true, false) => Step::Waves,
                (true, true) => Step::WavesBit,
            }
        } else {
            Step::All
        };
        let tables = |&(_, constant, waves): &(usize, usize, usize)| {
            Ok(Tables {
                constant: match step {
                    Step::All | Step::Constant => Some(table(markers, 0, constant)?),
                    _ => None,
                },
                waves: match step {
                    Step::All | Step::Waves | Step::WavesBit => Some(table(markers, 1, waves)?),
                    _ => None,
                },
                before: 0,
            })
        };
        Ok(Self {
            bits: Bits::new(markers.bytes, markers.at),
            bytes: markers.bytes,
            step,
            tables: head.parts.iter().map(tables).collect::<Result<_>>()?,
            band: head.band,
            shift: head.bits.1,
            ended: 0,
            interval: markers.interval,
            left: markers.interval,
            restarts: 0,
            dry: false,
        })
    }

    /// Said before each unit; whether all came that was read since the last restart.
    fn next_unit(&mut self) -> bool {
        self.dry |= self.bits.is_dry();
        let came = !self.dry;
        if self.interval > 0 {
            if self.left == 0 {
                self.restart();
            }
            self.left -= 1;
        }
        came
    }

    fn restart(&mut self) {
        let at_marker = self.find_restart();
        self.tables.iter_mut().for_each(|tables| tables.before = 0);
        (self.ended, self.left) = (0, self.interval);
        self.restarts = (self.restarts + 1) & 7;
        self.dry &= at_marker;
    }

    /// Go on after the marker that is due; whether another one stays ahead instead.
    fn find_restart(&mut self) -> bool {
        let mut at = self.bits.at;
        loop {
            let (marker, after) = next_marker(self.bytes, at);
            let early = marker.wrapping_sub(0xD0).wrapping_sub(self.restarts) & 7;
            let (stays, goes_on) = match marker {
                0xD0..=0xD7 => (matches!(early, 1 | 2), matches!(early, 6 | 7)),
                0..0xC0 => (false, true),
                _ => (true, false),
            };
            if stays {
                // The marker itself, not what follows it.
                self.bits.go_on_at(after.saturating_sub(2));
                return true;
            }
            if !goes_on {
                self.bits.go_on_at(after);
                return false;
            }
            at = after;
        }
    }

    #[inline]
    fn block(&mut self, part: usize, block: &mut [i16; 64]) {
        let tables = &mut self.tables[part];
        match (self.step, &tables.constant, &tables.waves) {
            (Step::ConstantBit, ..) => block[0] |= (self.bits.take(1) << self.shift) as i16,
            _ if self.dry => {}
            (Step::All, Some(constant), Some(waves)) => {
                let (_, difference) = self.bits.coefficient(constant);
                tables.before = tables.before.wrapping_add(difference);
                block[0] = tables.before as i16;
                self.bits.waves(waves, |place, value| {
                    block[usize::from(PLACES[place]) & 63] = value as i16;
                });
            }
            (Step::Constant, Some(constant), _) => {
                let (_, difference) = self.bits.coefficient(constant);
                tables.before = tables.before.wrapping_add(difference);
                block[0] = (tables.before << self.shift) as i16;
            }
            (Step::Waves, _, Some(waves)) => {
                Self::waves(&mut self.bits, waves, block, self.band, self.shift, &mut self.ended);
            }
            (Step::WavesBit, _, Some(waves)) => {
                Self::bit(&mut self.bits, waves, block, self.band, self.shift, &mut self.ended);
            }
            _ => {}
        }
    }

    /// The first bits of a band of waves.
    fn waves(
        bits: &mut Bits<'_>,
        table: &Table,
        block: &mut [i16; 64],
        (first, last): (usize, usize),
        shift: u32,
        ended: &mut u32,
    ) {
        if *ended > 0 {
            *ended -= 1;
            return;
        }
        let mut place = first;
        while place <= last {
            let symbol = bits.symbol(table);
            let (zeros, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            if size > 0 {
                place += zeros;
                let value = extended(bits.take(size), size) << shift;
                block[usize::from(PLACES[place]) & 63] = value as i16;
                place += 1;
            } else if zeros == 15 {
                place += 16;
            } else {
                *ended = (1 << zeros) + bits.take(zeros as u32) - 1;
                return;
            }
        }
    }

    /// One more bit of a band of waves.
    fn bit(
        bits: &mut Bits<'_>,
        table: &Table,
        block: &mut [i16; 64],
        (first, last): (usize, usize),
        shift: u32,
        ended: &mut u32,
    ) {
        let one = 1i16 << shift;
        // A coefficient that is not zero has its bit here.
        let refine = |bits: &mut Bits<'_>, value: &mut i16| {
            if bits.take(1) == 1 && *value & one == 0 {
                *value = value.wrapping_add(if *value >= 0 { one } else { -one });
            }
        };
        let mut place = first;
        if *ended == 0 {
            while place <= last {
                let symbol = bits.symbol(table);
                let (mut zeros, size) = (symbol >> 4, symbol & 15);
                let mut value = 0;
                if size > 0 {
                    value = if bits.take(1) == 1 { one } else { -one };
                } else if zeros < 15 {
                    *ended = (1 << zeros) + bits.take(zeros.into());
                    break;
                }
                while place <= last {
                    let old = &mut block[usize::from(PLACES[place]) & 63];
                    if *old != 0 {
                        refine(bits, old);
                    } else if zeros == 0 {
                        break;
                    } else {
                        zeros -= 1;
                    }
                    place += 1;
                }
                if value != 0 {
                    block[usize::from(PLACES[place]) & 63] = value;
                }
                place += 1;
            }
        }
        if *ended > 0 {
            while place <= last {
                let old = &mut block[usize::from(PLACES[place]) & 63];
                if *old != 0 {
                    refine(bits, old);
                }
                place += 1;
            }
            *ended -= 1;
        }
    }
}

/// The table of this number, 0 for constant coefficients and 1 for waves.
///
/// # Errors
/// There is none, or it has more codes than there are.
pub fn table(markers: &Markers<'_>, kind: usize, number: usize) -> Result<Table> {
    let wrong = || damaged("a Huffman table is missing or wrong");
    let usual = (!markers.progressive && number < 2).then(|| STANDARD[kind][number]);
    let own = markers.codes[kind].get(number).copied().flatten();
    let codes = own.or(usual).ok_or_else(wrong)?;
    if kind == 0 && codes.1.iter().any(|&symbol| symbol > 15) {
        return Err(wrong());
    }
    Table::new(&codes.0, codes.1).ok_or_else(wrong)
}

/// The tables of the standard's annex K, which motion JPEGs leave out.
const STANDARD: [[Codes<'static>; 2]; 2] = [
    [
        ([0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], &CONSTANTS),
        ([0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0], &CONSTANTS),
    ],
    [
        (
            [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125],
            b"\
            \x01\x02\x03\x00\x04\x11\x05\x12\x21\x31\x41\x06\x13\x51\x61\x07\x22\x71\x14\x32\x81\
            \x91\xA1\x08\x23\x42\xB1\xC1\x15\x52\xD1\xF0\x24\x33\x62\x72\x82\x09\x0A\x16\x17\x18\
            \x19\x1A\x25\x26\x27\x28\x29\x2A\x34\x35\x36\x37\x38\x39\x3A\x43\x44\x45\x46\x47\x48\
            \x49\x4A\x53\x54\x55\x56\x57\x58\x59\x5A\x63\x64\x65\x66\x67\x68\x69\x6A\x73\x74\x75\
            \x76\x77\x78\x79\x7A\x83\x84\x85\x86\x87\x88\x89\x8A\x92\x93\x94\x95\x96\x97\x98\x99\
            \x9A\xA2\xA3\xA4\xA5\xA6\xA7\xA8\xA9\xAA\xB2\xB3\xB4\xB5\xB6\xB7\xB8\xB9\xBA\xC2\xC3\
            \xC4\xC5\xC6\xC7\xC8\xC9\xCA\xD2\xD3\xD4\xD5\xD6\xD7\xD8\xD9\xDA\xE1\xE2\xE3\xE4\xE5\
            \xE6\xE7\xE8\xE9\xEA\xF1\xF2\xF3\xF4\xF5\xF6\xF7\xF8\xF9\xFA",
        ),
        (
            [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119],
            b"\
            \x00\x01\x02\x03\x11\x04\x05\x21\x31\x06\x12\x41\x51\x07\x61\x71\x13\x22\x32\x81\x08\
            \x14\x42\x91\xA1\xB1\xC1\x09\x23\x33\x52\xF0\x15\x62\x72\xD1\x0A\x16\x24\x34\xE1\x25\
            \xF1\x17\x18\x19\x1A\x26\x27\x28\x29\x2A\x35\x36\x37\x38\x39\x3A\x43\x44\x45\x46\x47\
            \x48\x49\x4A\x53\x54\x55\x56\x57\x58\x59\x5A\x63\x64\x65\x66\x67\x68\x69\x6A\x73\x74\
            \x75\x76\x77\x78\x79\x7A\x82\x83\x84\x85\x86\x87\x88\x89\x8A\x92\x93\x94\x95\x96\x97\
            \x98\x99\x9A\xA2\xA3\xA4\xA5\xA6\xA7\xA8\xA9\xAA\xB2\xB3\xB4\xB5\xB6\xB7\xB8\xB9\xBA\
            \xC2\xC3\xC4\xC5\xC6\xC7\xC8\xC9\xCA\xD2\xD3\xD4\xD5\xD6\xD7\xD8\xD9\xDA\xE2\xE3\xE4\
            \xE5\xE6\xE7\xE8\xE9\xEA\xF2\xF3\xF4\xF5\xF6\xF7\xF8\xF9\xFA",
        ),
    ],
];

const CONSTANTS: [u8; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
