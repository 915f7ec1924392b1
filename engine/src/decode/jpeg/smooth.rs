//! What libjpeg makes up for the scans of a progressive JPEG that never came.
//!
//! A block whose waves are not known would be flat, and the picture a mosaic. How the mean
//! levels of the blocks around it rise and fall tells what its lowest waves may be: those that
//! are still zero, and are not known to be, are guessed from five by five of them.

use super::whole::{PLACES, Part};

/// Coefficients that are guessed, in the written order.
const GUESSED: usize = 10;

/// How much each of the blocks around, and the block itself, adds to a coefficient, in 256ths.
type Window = [[i32; 5]; 5];

/// When some waves are known: the first five.
const FEW: [Window; 6] = {
    let across = [[0; 5], [0; 5], [-7, 50, 0, -50, 7], [0; 5], [0; 5]];
    let across_twice = [[0; 5], [0; 5], [-1, 13, -24, 13, -1], [0; 5], [0; 5]];
    let both =
        [[0, -1, 0, 1, 0], [-1, 10, 0, -10, 1], [0; 5], [1, -10, 0, 10, -1], [0, 1, 0, -1, 0]];
    let constant = [[0; 5], [0; 5], [0, 0, 256, 0, 0], [0; 5], [0; 5]];
    [constant, across, turned(across), turned(across_twice), both, across_twice]
};

/// When none is known: nine, and the constant coefficient is made smoother as well.
const ALL: [Window; GUESSED] = {
    let side = [-3, 13, 0, -13, 3];
    let across = [[-1, -1, 0, 1, 1], side, [-3, 38, 0, -38, 3], side, [-1, -1, 0, 1, 1]];
    let side = [0, 2, -5, 2, 0];
    let across_twice = [[0; 5], side, [1, 7, -14, 7, 1], side, [0; 5]];
    let both = [[-1, 0, 0, 0, 1], [0, 9, 0, -9, 0], [0; 5], [0, -9, 0, 9, 0], [1, 0, 0, 0, -1]];
    let thrice = [[0; 5], [0, 1, 0, -1, 0], [0, 2, 0, -2, 0], [0, 1, 0, -1, 0], [0; 5]];
    let twice_and_once = [[0; 5], [0, 1, -3, 1, 0], [0; 5], [0, -1, 3, -1, 0], [0; 5]];
    let (outer, inner) = ([-2, -6, -8, -6, -2], [-6, 6, 42, 6, -6]);
    let constant = [outer, inner, [-8, 42, 152, 42, -8], inner, outer];
    [
        constant,
        across,
        turned(across),
        turned(across_twice),
        both,
        across_twice,
        thrice,
        twice_and_once,
        turned(twice_and_once),
        turned(thrice),
    ]
};

/// For the same wave down instead of across.
const fn turned(window: Window) -> Window {
    let (mut to, mut i) = ([[0; 5]; 5], 0);
    while i < 25 {
        to[i / 5][i % 5] = window[i % 5][i / 5];
        i += 1;
    }
    to
}

/// Where a coefficient of the written order stands in its block.
const fn place(i: usize) -> usize {
    PLACES[i] as usize
}

/// By coefficient: how many of its last bits are not known, or -1 for all.
type Missing = [i8; GUESSED];

/// What is known of a component's first coefficients.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    now: Missing,
    /// Before the last scan that has the component.
    before: Missing,
}

impl Known {
    /// Nothing.
    pub const NOTHING: Self = Self { now: [-1; GUESSED], before: [-1; GUESSED] };

    /// A scan begins that has all but so many last bits of a band. libjpeg takes for known
    /// what was before the file's first.
    pub fn add(&mut self, (first, last): (usize, usize), missing: u32, is_first: bool) {
        self.before = if is_first { [0; GUESSED] } else { self.now };
        for now in self.now.iter_mut().take(last + 1).skip(first) {
            *now = missing as i8;
        }
    }

    fn is_exact(&self) -> bool {
        self.now[1..].iter().all(|&missing| missing == 0)
    }
}

/// What is guessed of a component.
#[derive(Clone, Copy, Debug)]
pub struct Guess {
    known: Known,
    /// The last row of units that the file's last scan has something of. What is below is
    /// known as it was before.
    arrived: usize,
}

impl Guess {
    /// What is guessed of the components of a progressive JPEG, after so many scans: of all
    /// or of none.
    pub fn set(parts: &mut [Part], scans: u32, arrived: usize) {
        let divides = |quant: [u16; 64]| (0..GUESSED).all(|i| quant[place(i)] > 0);
        let is_sound = |part: &Part| part.known.now[0] >= 0 && part.quant.is_some_and(divides);
        if parts.iter().all(|part| part.known.is_exact()) || !parts.iter().all(is_sound) {
            return;
        }
        for part in parts {
            let mut known = part.known;
            if scans == 1 {
                known.before = Known::NOTHING.before;
            }
            part.guess = Some(Self { known, arrived });
        }
    }

    fn missing(&self, unit: usize) -> &Missing {
        if unit > self.arrived { &self.known.before } else { &self.known.now }
    }
}

impl Part {
    /// A row of blocks, as it was read, or with what is guessed of it in *room*.
    pub fn row<'a>(&'a self, y: usize, room: &'a mut Vec<i16>) -> &'a [i16] {
        let read = &self.coefficients[y * self.size.0 * 64..][..self.size.0 * 64];
        let (Some(guess), Some(quant)) = (&self.guess, &self.quant) else { return read };
        let missing = guess.missing(y / self.blocks.1);
        if y >= self.needed.1 || missing[1..].iter().all(|&missing| missing == 0) {
            return read;
        }
        room.clear();
        room.extend_from_slice(read);
        let rows = self.rows_around(y).map(|y| &self.coefficients[y * self.size.0 * 64..]);
        let last = self.needed.0 - 1;
        for (x, block) in room.as_chunks_mut().0.iter_mut().enumerate().take(last + 1) {
            let columns: [usize; 5] = std::array::from_fn(|i| (x + i).saturating_sub(2).min(last));
            let around = rows.map(|row| columns.map(|x| i32::from(row[x * 64])));
            guess_block(block, &around, missing, quant);
        }
        room
    }

    /// The rows of blocks around one. Those that a picture has not are as its first and its
    /// last; where libjpeg counts wrong in a last unit that is not full, so do we.
    fn rows_around(&self, y: usize) -> [usize; 5] {
        let (down, units) = (self.blocks.1, self.size.1 / self.blocks.1);
        let unit = y / down;
        let there = down.min(self.needed.1 - unit * down);
        let (counted, all) = (unit * there + y % down, units * there);
        let above = if counted > 0 { y - 1 } else { y };
        let below = if counted + 1 < all { y + 1 } else { y };
        [
            if counted > 1 { y - 2 } else { above },
            above,
            y,
            below,
            if counted + 2 < all { y + 2 } else { below },
        ]
    }
}

/// Guess what is missing of a block, from the constant coefficients around it.
fn guess_block(block: &mut [i16; 64], around: &Window, missing: &Missing, quant: &[u16; 64]) {
    let is_bare = missing[1..].iter().all(|&missing| missing < 0);
    let windows = if is_bare { &ALL[..] } else { &FEW };
    for (i, (window, &missing)) in windows.iter().zip(missing).enumerate().skip(1) {
        let value = &mut block[place(i)];
        if missing != 0 && *value == 0 {
            // What it is known not to reach, it does not.
            let most = if missing > 0 { (1 << missing) - 1 } else { i64::MAX };
            *value = guessed(window, around, quant[0], quant[place(i)]).clamp(-most, most) as i16;
        }
    }
    if is_bare {
        block[0] = guessed(&windows[0], around, quant[0], quant[0]) as i16;
    }
}

/// The coefficient, in steps of its own, of *around*, which are in steps of the constant one.
fn guessed(window: &Window, around: &Window, constant: u16, level: u16) -> i64 {
    let pairs = window.as_flattened().iter().zip(around.as_flattened());
    let amount = i64::from(pairs.map(|(weight, value)| weight * value).sum::<i32>());
    let amount = amount * i64::from(constant);
    let step = i64::from(level) << 8;
    // To the nearest, halves away from zero.
    (amount.abs() + step / 2) / step * amount.signum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The component of a grey picture whose blocks have these means, by row.
    fn part<const W: usize>(means: &[[i16; W]], known: Known) -> Part {
        let size = (W, means.len());
        let block = |&mean: &i16| {
            let mut block = [0; 64];
            block[0] = mean;
            block
        };
        let coefficients = means.iter().flat_map(|row| row.iter().flat_map(block)).collect();
        let quant = Some([16; 64]);
        Part { blocks: (1, 1), size, quant, coefficients, needed: size, known, guess: None }
    }

    /// What is known after these scans: first and last coefficient, and missing bits.
    fn known(scans: &[(usize, usize, u32)]) -> Known {
        let mut known = Known::NOTHING;
        for (i, &(first, last, missing)) in scans.iter().enumerate() {
            known.add((first, last), missing, i == 0);
        }
        known
    }

    /// The first coefficients of the block in the middle, in the written order.
    fn guessed_from(
        means: &[[i16; 5]; 5],
        scans: &[(usize, usize, u32)],
    ) -> Option<[i16; GUESSED]> {
        let mut parts = [part(means, known(scans))];
        Guess::set(&mut parts, scans.len() as u32, 5);
        parts[0].guess?;
        let mut room = Vec::new();
        let block = &parts[0].row(2, &mut room)[2 * 64..];
        Some(std::array::from_fn(|i| block[place(i)]))
    }

    const CONSTANT: (usize, usize, u32) = (0, 0, 0);
    const RISING: &[[i16; 5]; 5] = &[[-40, -20, 0, 20, 40]; 5];
    const EDGE: &[[i16; 5]; 5] = &[[90; 5], [90; 5], [0; 5], [-90; 5], [-90; 5]];

    #[test]
    fn around_a_block_that_differs_from_none_nothing_is_guessed() {
        for windows in [&FEW[..], &ALL] {
            for (i, window) in windows.iter().enumerate() {
                let sum: i32 = window.as_flattened().iter().sum();
                assert_eq!(sum, if i == 0 { 256 } else { 0 }, "{i}");
            }
        }
        assert_eq!(guessed_from(&[[70; 5]; 5], &[CONSTANT]).unwrap()[..2], [70, 0]);
    }

    #[test]
    fn levels_that_rise_are_guessed_as_waves() {
        let bare = guessed_from(RISING, &[CONSTANT]).unwrap();
        let partly = guessed_from(RISING, &[CONSTANT, (4, 63, 0)]).unwrap();
        let down = guessed_from(EDGE, &[CONSTANT]).unwrap();

        assert_eq!(bare, [0, -6, 0, 0, 0, 0, -1, 0, 0, 0]);
        assert_eq!(partly, [0, -6, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(down, [0, 0, 36, 0, 0, 0, 0, -1, 0, 3]);
    }

    #[test]
    fn a_guess_stays_below_the_bits_that_are_known() {
        let most = |missing| guessed_from(EDGE, &[CONSTANT, (1, 63, missing)]).unwrap()[2];

        assert_eq!([most(1), most(3), most(4), most(5)], [1, 7, 15, 30]);
    }

    #[test]
    fn nothing_is_guessed_of_what_is_known_or_cannot_be_divided() {
        assert!(guessed_from(EDGE, &[CONSTANT, (1, 63, 0)]).is_none());
        assert!(guessed_from(EDGE, &[CONSTANT, (1, 9, 0)]).is_none());
        assert!(guessed_from(EDGE, &[(1, 63, 1)]).is_none());

        let partly = guessed_from(EDGE, &[CONSTANT, (1, 5, 0)]).unwrap();
        assert_eq!(partly, [0; GUESSED]);
        let mut parts = [part(EDGE, known(&[CONSTANT])), part(EDGE, known(&[CONSTANT]))];
        parts[1].quant.as_mut().unwrap()[24] = 0;
        Guess::set(&mut parts, 1, 5);
        assert!(parts.iter().all(|part| part.guess.is_none()));
    }

    #[test]
    fn below_the_end_of_the_data_counts_what_was_known_before() {
        let mut parts = [part(EDGE, known(&[CONSTANT, (1, 63, 0), (0, 0, 0), (1, 9, 1)]))];
        Guess::set(&mut parts, 4, 1);
        let mut room = Vec::new();

        assert_eq!(parts[0].row(1, &mut room)[8], 1);
        assert_eq!(parts[0].row(2, &mut room)[8], 0);
    }

    #[test]
    fn beside_the_edges_the_blocks_at_them_count_again() {
        let mut part = part(&[[0; 2]; 4], Known::NOTHING);
        assert_eq!(part.rows_around(0), [0, 0, 0, 1, 2]);
        assert_eq!(part.rows_around(1), [0, 0, 1, 2, 3]);
        assert_eq!(part.rows_around(3), [1, 2, 3, 3, 3]);

        // Three rows of blocks, in two units of two: the fourth is filled up.
        (part.blocks, part.needed) = ((2, 2), (2, 3));
        assert_eq!(part.rows_around(1), [0, 0, 1, 2, 3]);
        assert_eq!(part.rows_around(2), [1, 1, 2, 2, 2]);
    }
}
