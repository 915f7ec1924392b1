//! Rows that a second thread makes while the first works on those that came before.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, Scope, ScopedJoinHandle};

use super::{Picture, Rows};
use crate::error::{Error, Kind, Result};
use crate::frame::Channels;
use crate::panics::caught;

/// Bytes of rows that are handed over together. A smaller picture is not worth a thread.
const BAND: usize = 1 << 18;

/// Bands that may wait to be taken.
const WAITING: usize = 2;

/// What a thread does.
pub type Work<'a> = Box<dyn FnOnce() + Send + 'a>;

/// A thread that can be waited for.
pub type Thread<'a> = ScopedJoinHandle<'a, ()>;

/// Who starts threads that end before `'a` does.
pub trait Threads<'a>: Sync {
    /// Do *work* on a thread; none when the system has none to give.
    fn start(&'a self, work: Work<'a>) -> Option<Thread<'a>>;
}

impl<'a> Threads<'a> for Scope<'a, '_> {
    fn start(&'a self, work: Work<'a>) -> Option<Thread<'a>> {
        Builder::new().name("imageflow-rows".into()).spawn_scoped(self, work).ok()
    }
}

/// Nobody.
impl<'a> Threads<'a> for () {
    fn start(&'a self, _work: Work<'a>) -> Option<Thread<'a>> {
        None
    }
}

/// *picture*; what is left to be made of it is made on another thread, if there is one.
pub fn ahead<'a>(picture: Picture<'a>, threads: &'a dyn Threads<'a>) -> Picture<'a> {
    match picture {
        Picture::Rows(rows) => Picture::Rows(Box::new(Ahead::new(rows, threads))),
        frame @ Picture::Frame(_) => frame,
    }
}

struct Ahead<'a> {
    size: (u32, u32),
    channels: Channels,
    /// Until the first row is asked for.
    threads: Option<&'a dyn Threads<'a>>,
    /// Until another thread has them.
    rows: Option<Box<dyn Rows + 'a>>,
    thread: Option<Thread<'a>>,
    bands: Option<Receiver<Result<Vec<u8>>>>,
    /// The present band, of which so many bytes were given.
    band: Vec<u8>,
    given: usize,
}

impl<'a> Ahead<'a> {
    fn new(rows: Box<dyn Rows + 'a>, threads: &'a dyn Threads<'a>) -> Self {
        Self {
            size: rows.size(),
            channels: rows.channels(),
            threads: Some(threads),
            rows: Some(rows),
            thread: None,
            bands: None,
            band: Vec::new(),
            given: 0,
        }
    }

    fn stride(&self) -> usize {
        self.size.0 as usize * self.channels.count()
    }

    /// Let another thread make the rows, unless they are few or there is no thread.
    fn start(&mut self, threads: &'a dyn Threads<'a>) {
        let (stride, h) = (self.stride(), self.size.1 as usize);
        if stride * h <= BAND {
            return;
        }
        let (hand, handed) = sync_channel::<Box<dyn Rows + 'a>>(1);
        let (give, bands) = sync_channel(WAITING);
        let work = move || handed.iter().for_each(|rows| make(rows, stride, h, &give));
        self.thread = threads.start(Box::new(work));
        if self.thread.is_some() {
            self.bands = Some(bands);
            self.rows.take().map(|rows| hand.send(rows));
        }
    }

    fn next_from_there(&mut self) -> Result<&[u8]> {
        while self.given == self.band.len() {
            let band = self.bands.as_ref().and_then(|bands| bands.recv().ok());
            let lost = || Error::new(Kind::InternalError, "The thread that makes rows has ended");
            self.band = band.ok_or_else(lost)??;
            self.given = 0;
        }
        let stride = self.stride();
        self.given += stride;
        Ok(&self.band[self.given - stride..self.given])
    }
}

/// Make *left* rows, until one fails or nobody takes them.
fn make(
    mut rows: Box<dyn Rows + '_>,
    stride: usize,
    mut left: usize,
    give: &SyncSender<Result<Vec<u8>>>,
) {
    while left > 0 {
        let count = (BAND / stride).clamp(1, left);
        left -= count;
        let mut band = Vec::with_capacity(count * stride);
        let made = caught(|| {
            (0..count).try_for_each(|_| rows.next_row().map(|row| band.extend_from_slice(row)))
        });
        // What came before a failure may be all that is wanted.
        if give.send(Ok(band)).is_err() {
            return;
        }
        if let Err(error) = made {
            give.send(Err(error)).ok();
            return;
        }
    }
}

impl Drop for Ahead<'_> {
    /// Let nothing of the thread be left.
    fn drop(&mut self) {
        self.bands = None; // what it is making is not wanted any more
        self.thread.take().map(Thread::join);
    }
}

impl Rows for Ahead<'_> {
    fn size(&self) -> (u32, u32) {
        self.size
    }

    fn channels(&self) -> Channels {
        self.channels
    }

    fn will_be_scaled(&mut self, to: (u32, u32)) {
        if let Some(rows) = &mut self.rows {
            rows.will_be_scaled(to);
            self.size = rows.size();
        }
    }

    fn next_row(&mut self) -> Result<&[u8]> {
        if let Some(threads) = self.threads.take() {
            self.start(threads);
        }
        match self.rows {
            Some(ref mut rows) => rows.next_row(),
            None => self.next_from_there(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, TryRecvError};
    use std::thread::{ThreadId, current, scope};

    use super::*;

    /// Rows of 100,000 bytes, each of its number, and what happens at row 5.
    struct Numbered {
        next: u8,
        at_five: fn() -> Result<()>,
        seen: Sender<ThreadId>,
    }

    impl Rows for Numbered {
        fn size(&self) -> (u32, u32) {
            (25_000, 9)
        }

        fn channels(&self) -> Channels {
            Channels::Rgba
        }

        fn next_row(&mut self) -> Result<&[u8]> {
            self.seen.send(current().id()).ok();
            if self.next == 5 {
                (self.at_five)()?;
            }
            self.next += 1;
            Ok(match self.next {
                1 => &[1; 100_000],
                n if n < 9 => &[2; 100_000],
                _ => &[9; 100_000],
            })
        }
    }

    /// The first byte of each row up to the first error, and the threads that made them.
    fn first_bytes<'a>(
        threads: &'a dyn Threads<'a>,
        at_five: fn() -> Result<()>,
    ) -> (Vec<u8>, Option<Error>, Vec<ThreadId>) {
        let (seen, makers) = std::sync::mpsc::channel();
        let rows = Picture::Rows(Box::new(Numbered { next: 0, at_five, seen }));
        let Picture::Rows(mut rows) = ahead(rows, threads) else { panic!("rows are rows") };
        let mut bytes = Vec::new();
        for _ in 0..9 {
            match rows.next_row() {
                Ok(row) => bytes.push(row[0]),
                Err(error) => return (bytes, Some(error), makers.try_iter().collect()),
            }
        }
        (bytes, None, makers.try_iter().collect())
    }

    const ALL: [u8; 9] = [1, 2, 2, 2, 2, 2, 2, 2, 9];

    #[test]
    fn rows_come_in_order_from_another_thread() {
        let (bytes, error, makers) = scope(|threads| first_bytes(threads, || Ok(())));

        assert_eq!((bytes.as_slice(), error), (&ALL[..], None));
        assert!(makers.len() == 9 && makers.iter().all(|&id| id != current().id()));
    }

    #[test]
    fn without_a_thread_the_rows_are_made_here() {
        let (bytes, error, makers) = first_bytes(&(), || Ok(()));

        assert_eq!((bytes.as_slice(), error), (&ALL[..], None));
        assert_eq!(makers, [current().id(); 9]);
    }

    #[test]
    fn an_error_comes_after_the_rows_that_were_made_before_it() {
        let fault = || Err(Error::cancelled());
        let (bytes, error, _) = scope(|threads| first_bytes(threads, fault));

        assert_eq!((bytes.as_slice(), error), (&ALL[..5], Some(Error::cancelled())));
    }

    #[test]
    fn a_panic_on_the_other_thread_is_an_error_here() {
        let (bytes, error, _) = scope(|threads| first_bytes(threads, || panic!("five")));

        assert_eq!(bytes, ALL[..5]);
        assert!(error.is_some_and(|error| error.text.ends_with("five")));
    }

    #[test]
    fn nothing_is_left_of_the_thread_when_its_rows_are_dropped() {
        let (seen, makers) = std::sync::mpsc::channel();
        let source = Numbered { next: 0, at_five: || Ok(()), seen };
        scope(|threads| {
            let mut rows = Ahead::new(Box::new(source), threads);
            rows.next_row().unwrap();
            drop(rows);
            let left = std::iter::repeat_with(|| makers.try_recv()).find_map(|r| r.err());
            assert_eq!(left, Some(TryRecvError::Disconnected));
        });
    }
}
