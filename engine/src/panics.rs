//! A panic is a bug of ours; the caller gets an error that says where, and nothing is printed.
//!
//! The library lives in processes whose standard error is not ours to write to, and a
//! panic that crossed the C ABI would end them.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook};
use std::sync::Once;

use crate::error::{Error, Kind, Result};

#[cfg(panic = "abort")]
compile_error!("panics must unwind to be turned into errors: panic = \"unwind\"");

/// Error texts are cut to this many bytes: a request can put any text into one.
const LONGEST_TEXT: usize = 1024;

thread_local! {
    /// Where this thread panicked last, from the hook to [`caught`].
    static PLACE: Cell<Option<String>> = const { Cell::new(None) };
}

/// Keep panics off standard error from now on. The shared library has a standard
/// library of its own, so the hook reaches no other Rust code of the process.
pub fn silence() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| set_hook(Box::new(|panic| PLACE.set(place_of(panic)))));
}

/// `file.rs:line`, without the folders of the machine that built this.
fn place_of(panic: &PanicHookInfo<'_>) -> Option<String> {
    let place = panic.location()?;
    let file = place.file().rsplit(['/', '\\']).next().unwrap_or_default();
    Some(format!("{file}:{}", place.line()))
}

/// Run *body*; a panic in it becomes an internal error, and a long text a short one.
pub fn caught<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    // What a panic leaves half done is never used again: the context or the process that
    // the body worked on has failed.
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(result) => result.map_err(shortened),
        Err(payload) => Err(shortened(panicked(&*payload))),
    }
}

fn panicked(payload: &(dyn Any + Send)) -> Error {
    let what = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    let place = PLACE.take().map_or_else(String::new, |place| format!(" at {place}"));
    Error::new(Kind::InternalError, format!("panicked{place}: {what}"))
}

/// *error*, with a text that fits into a log line.
#[must_use]
pub fn shortened(mut error: Error) -> Error {
    if error.text.len() > LONGEST_TEXT {
        error.text.truncate(error.text.floor_char_boundary(LONGEST_TEXT));
        error.text.push('…');
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_that_names_its_place() {
        let error = caught::<()>(|| panic!("seven is not {}", 8)).unwrap_err();

        // The hook is not installed here, or another test has: both are fine.
        assert_eq!(error.kind, Kind::InternalError);
        assert!(error.text.starts_with("panicked") && error.text.ends_with(": seven is not 8"));
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let error = shortened(Error::new(Kind::Json, format!("x{}", "é".repeat(4000))));

        assert_eq!(error.text.len(), 1023 + '…'.len_utf8());
        assert!(error.text.ends_with("é…"));
    }

    #[test]
    fn a_short_text_stays_as_it_is() {
        let error = Error::new(Kind::Json, "x".repeat(LONGEST_TEXT));

        assert_eq!(shortened(error.clone()), error);
    }
}
