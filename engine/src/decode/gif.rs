//! GIF, by the `gif` crate, with our own compositing of frames.

use enough::Stop;
use gif::{ColorOutput, DecodeOptions, Decoder, DisposalMethod, MemoryLimit};

use super::{Commands, Format, Header, malformed};
use crate::error::{Error, Kind, Result};
use crate::frame::{Channels, Frame, Rect};
use crate::limits::Limits;
use crate::memory;
use crate::rows::Picture;

fn damaged(error: impl std::fmt::Display) -> Error {
    malformed(Format::Gif, error)
}

/// What the blocks of a file say, without any pixels being decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Outline {
    w: u32,
    h: u32,
    /// Frames of which there are pixels.
    frames: u32,
    /// Whether the file ends inside those of the last. (To end elsewhere is no damage.)
    cut: bool,
}

/// Walk the blocks of a file.
fn outline(bytes: &[u8]) -> Result<Outline> {
    let screen = bytes.get(6..13).ok_or_else(|| damaged("its header is cut"))?;
    let w = u32::from(u16::from_le_bytes([screen[0], screen[1]]));
    let h = u32::from(u16::from_le_bytes([screen[2], screen[3]]));
    let mut blocks = Blocks { bytes, at: 13 + palette_bytes(screen[4]) };
    let mut frames = 0;
    loop {
        match blocks.next() {
            Some(Block::Image) => frames += 1,
            Some(Block::Other) => {}
            Some(Block::End) => return Ok(Outline { w, h, frames, cut: false }),
            None => return Ok(Outline { w, h, frames: frames + 1, cut: true }),
        }
    }
}

fn palette_bytes(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

enum Block {
    Image,
    Other,
    End,
}

struct Blocks<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Blocks<'_> {
    /// The next block; nothing when the file ends inside the pixels of an image.
    fn next(&mut self) -> Option<Block> {
        match self.bytes.get(self.at) {
            Some(0x2C) => {
                let flags = self.bytes.get(self.at + 9);
                let pixels = flags.map(|&flags| self.at + 10 + palette_bytes(flags));
                // With the size of its codes and the length of its first piece it begins.
                let Some(pixels) = pixels.filter(|&pixels| pixels + 2 <= self.bytes.len()) else {
                    return Some(Block::End);
                };
                self.at = pixels + 1;
                self.skip_data()?;
                Some(Block::Image)
            }
            Some(0x21) => {
                self.at += 2;
                Some(self.skip_data().map_or(Block::End, |()| Block::Other))
            }
            // The trailer, or rubbish where a block should be: viewers stop there.
            _ => Some(Block::End),
        }
    }

    fn skip_data(&mut self) -> Option<()> {
        loop {
            let length = usize::from(*self.bytes.get(self.at)?);
            self.at += 1 + length;
            if length == 0 {
                return Some(());
            }
        }
    }
}

/// Width and height of the screen.
///
/// # Errors
/// The header is cut.
pub fn screen(bytes: &[u8]) -> Result<(u32, u32)> {
    let screen = bytes.get(6..10).ok_or_else(|| damaged("its header is cut"))?;
    let side = |at: usize| u32::from(u16::from_le_bytes([screen[at], screen[at + 1]]));
    Ok((side(0), side(2)))
}

/// See [`super::header`].
pub fn header(bytes: &[u8]) -> Result<Header> {
    let outline = outline(bytes)?;
    let animated = outline.frames > 1;
    Ok(Header { w: outline.w, h: outline.h, alpha: true, lossless: false, animated })
}

/// See [`super::still`].
pub fn open<'a>(
    bytes: &'a [u8],
    commands: &Commands,
    limits: &'a Limits,
    stop: &'a dyn Stop,
) -> Result<Picture<'a>> {
    let mut reader = match commands.frame {
        Some(_) => Reader::of_any(bytes, limits, stop)?,
        None => Reader::new(bytes, limits, stop)?,
    };
    let (wanted, frames) = (commands.frame.unwrap_or(0), reader.outline.frames);
    // Damage before the frame is told first; the number may be two thousand million.
    for _ in 0..wanted.min(frames) {
        reader.advance()?;
    }
    if let Some(shot) = reader.next_shot()? {
        return Ok(Picture::Frame(shot.frame));
    }
    let text = format!("There is no frame {wanted}: the GIF has {frames}");
    Err(Error::new(Kind::InvalidArgument, text))
}

/// One picture of an animation.
pub struct Shot {
    /// What the screen shows.
    pub frame: Frame,
    /// For how long, in hundredths of a second.
    pub delay: u16,
}

/// The pictures of a GIF, one after the other.
pub struct Reader<'a> {
    decoder: Decoder<&'a [u8]>,
    outline: Outline,
    screen: Frame,
    /// What to do to the screen before the next frame is drawn.
    undo: Undo,
    read: u32,
    limits: &'a Limits,
    stop: &'a dyn Stop,
}

enum Undo {
    Nothing,
    Clear(Rect),
    Restore(Frame),
}

impl<'a> Reader<'a> {
    /// Start at the first frame of a file that has all of its frames.
    ///
    /// # Errors
    /// The file is cut, or the screen is above the limits.
    pub fn new(bytes: &'a [u8], limits: &'a Limits, stop: &'a dyn Stop) -> Result<Self> {
        let mut reader = Self::of_any(bytes, limits, stop)?;
        if reader.outline.frames == 0 {
            return Err(damaged("it has no frames"));
        }
        if reader.outline.cut {
            // The pixels may be there all the same, without the end of their data.
            while reader.advance()?.is_some() {}
            reader = Self::of_any(bytes, limits, stop)?;
        }
        Ok(reader)
    }

    /// Start at the first frame of a file, of which the rest may be missing.
    fn of_any(bytes: &'a [u8], limits: &'a Limits, stop: &'a dyn Stop) -> Result<Self> {
        let outline = outline(bytes)?;
        if outline.w == 0 || outline.h == 0 {
            return Err(Error::new(Kind::InvalidArgument, "The GIF's screen is empty"));
        }
        limits.check_source(outline.w, outline.h, outline.frames.max(1))?;
        let paid = limits.decoded(outline.w, outline.h, Channels::Rgba)?;
        let mut options = DecodeOptions::new();
        options.set_color_output(ColorOutput::Indexed);
        options.set_memory_limit(MemoryLimit::Unlimited); // frames are paid for below
        options.allow_unknown_blocks(true);
        let decoder = options.read_info(bytes).map_err(damaged)?;
        let screen = Frame::new(&paid, stop)?;
        Ok(Self { decoder, outline, screen, undo: Undo::Nothing, read: 0, limits, stop })
    }

    /// Whether a frame is left.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.read < self.outline.frames
    }

    /// The next picture, if there is one.
    ///
    /// # Errors
    /// It is damaged, or the animation is too long.
    pub fn next_shot(&mut self) -> Result<Option<Shot>> {
        match self.advance()? {
            Some(delay) => Ok(Some(Shot { frame: self.screen.try_clone(self.stop)?, delay })),
            None => Ok(None),
        }
    }

    /// Bring the screen to the next frame and give its delay.
    fn advance(&mut self) -> Result<Option<u16>> {
        self.stop.check()?;
        if !self.has_more() {
            return Ok(None);
        }
        self.read += 1;
        Limits::check_animation(self.read.into(), self.outline.w, self.outline.h)?;
        match std::mem::replace(&mut self.undo, Undo::Nothing) {
            Undo::Nothing => {}
            Undo::Clear(rect) => {
                self.screen.fill(rect, crate::color::Rgba::TRANSPARENT, self.stop)?;
            }
            Undo::Restore(frame) => self.screen = frame,
        }
        self.draw().map(Some)
    }

    fn draw(&mut self) -> Result<u16> {
        let info = self.decoder.next_frame_info().map_err(damaged)?;
        let info = info.ok_or_else(|| damaged("a frame is missing"))?;
        let (w, h) = (u32::from(info.width), u32::from(info.height));
        let (left, top) = (u32::from(info.left), u32::from(info.top));
        let (delay, dispose, clear) = (info.delay, info.dispose, info.transparent);
        // A frame may reach beyond the screen, so it is paid for as a picture of its own.
        if w > 0 && h > 0 {
            self.limits.decoded(w, h, Channels::Rgb)?;
        }
        let mut indices = memory::zeros(self.decoder.buffer_size())?;
        self.decoder.read_into_buffer(&mut indices).map_err(damaged)?;
        let rect = Rect {
            x1: left.min(self.outline.w),
            y1: top.min(self.outline.h),
            x2: (left + w).min(self.outline.w),
            y2: (top + h).min(self.outline.h),
        };
        self.undo = match dispose {
            DisposalMethod::Any | DisposalMethod::Keep => Undo::Nothing,
            DisposalMethod::Background => Undo::Clear(rect),
            DisposalMethod::Previous => Undo::Restore(self.screen.try_clone(self.stop)?),
        };
        let palette = self.decoder.palette().map_err(damaged)?;
        let palette = palette.as_chunks::<3>().0;
        for y in 0..rect.h() {
            self.stop.check()?;
            let row = &indices[y as usize * w as usize..][..rect.w() as usize];
            let pixels = self.screen.part_mut(rect, y).as_chunks_mut::<4>().0;
            for (px, &index) in pixels.iter_mut().zip(row) {
                if Some(index) != clear {
                    let [r, g, b] = palette.get(usize::from(index)).copied().unwrap_or([0; 3]);
                    *px = [r, g, b, 255];
                }
            }
        }
        Ok(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two frames of one pixel on a screen of one pixel.
    fn two_frames() -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = gif::Encoder::new(&mut bytes, 1, 1, &[255, 0, 0, 0, 255, 0]).unwrap();
        for index in [0, 1] {
            let frame = gif::Frame { width: 1, height: 1, ..gif::Frame::default() };
            let frame = gif::Frame { buffer: vec![index].into(), delay: 7, ..frame };
            encoder.write_frame(&frame).unwrap();
        }
        drop(encoder);
        bytes
    }

    fn shots(bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
        let limits = Limits::default();
        let mut reader = Reader::new(bytes, &limits, &enough::Unstoppable)?;
        let mut all = Vec::new();
        while let Some(shot) = reader.next_shot()? {
            all.push(shot.frame.px().to_vec());
        }
        Ok(all)
    }

    #[test]
    fn frames_come_one_after_the_other() {
        let pixels = shots(&two_frames()).unwrap();

        assert_eq!(pixels, [[255, 0, 0, 255], [0, 255, 0, 255]]);
        assert!(header(&two_frames()).unwrap().animated);
    }

    #[test]
    fn a_frame_that_is_not_there_is_known_at_once() {
        let (bytes, limits) = (two_frames(), Limits::default());
        for (frame, there) in [(1, true), (2, false), (u32::MAX, false)] {
            let commands = Commands { frame: Some(frame), ..Commands::default() };
            let opened = open(&bytes, &commands, &limits, &enough::Unstoppable);
            assert_eq!(opened.err().map(|e| e.kind), (!there).then_some(Kind::InvalidArgument));
        }
    }

    #[test]
    fn a_missing_trailer_is_the_end() {
        let bytes = two_frames();

        assert_eq!(shots(&bytes[..bytes.len() - 1]).unwrap().len(), 2);
    }

    #[test]
    fn a_file_cut_inside_a_frame_is_damaged() {
        let bytes = two_frames();

        let error = shots(&bytes[..bytes.len() - 3]).unwrap_err();
        assert_eq!(error.kind, Kind::GifDecodingError);
    }

    #[test]
    fn a_header_cut_anywhere_is_damaged() {
        for end in 0..13 {
            assert!(header(&two_frames()[..end]).is_err(), "cut after {end} bytes");
        }
    }

    #[test]
    fn a_file_cut_between_frames_has_those_before() {
        let bytes = two_frames();
        let second = bytes.iter().rposition(|&byte| byte == 0x2C).unwrap();
        for end in second..second + 11 {
            assert_eq!(shots(&bytes[..end]).unwrap().len(), 1, "cut after {end} bytes");
        }
        assert!(shots(&bytes[..second + 12]).is_err());
    }

    #[test]
    fn a_frame_is_readable_when_later_ones_are_cut() {
        let (bytes, limits) = (two_frames(), Limits::default());
        let second = bytes.iter().rposition(|&byte| byte == 0x2C).unwrap();
        for (frame, readable) in [(Some(0), true), (Some(1), false), (None, false)] {
            let commands = Commands { frame, ..Commands::default() };
            let opened = open(&bytes[..second + 12], &commands, &limits, &enough::Unstoppable);
            let error = opened.err().map(|error| error.kind);
            assert_eq!(error, (!readable).then_some(Kind::GifDecodingError));
        }
    }

    #[test]
    fn an_empty_screen_is_told_of_and_not_decoded() {
        let (mut bytes, limits) = (two_frames(), Limits::default());
        bytes[6] = 0;

        assert_eq!(header(&bytes).unwrap().w, 0);
        let opened = open(&bytes, &Commands::default(), &limits, &enough::Unstoppable);
        assert_eq!(opened.err().unwrap().kind, Kind::InvalidArgument);
    }
}
