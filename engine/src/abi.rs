//! The C ABI: imageflow's 25 functions, ABI 3.2, and the only unsafe code of the engine.
//!
//! `include/imageflow.h` says to C programmers what each function does; here stands what it
//! takes to do it. Words: `get_` lends, `take_` gives away, `add_` reads now or borrows,
//! `_destroy` and `_free` accept NULL. Every function may be called from any thread; calls
//! that work on a context's inputs and outputs wait for one another, all others return at
//! once even while a job runs. A context that was destroyed must not be used again.
//!
//! The form of each function: make Rust values of what C gave, each in its own small
//! `unsafe`; go through [`guarded`], where NULL, errors and panics are decided; be done.
#![expect(unsafe_code, reason = "pointers from C end here")]

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::api::{self, Answer};
use crate::error::{Error, Kind, Result};
use crate::job::{Bytes, Stop};
use crate::memory;
use crate::panics::{caught, shortened, silence};
use crate::session::Session;

/// The version of this ABI: the callers made for it or for an older minor version fit.
const ABI_MAJOR: u32 = 3;
const ABI_MINOR: u32 = 2;

/// What a caller holds a pointer to.
///
/// The session is locked while a job runs, and nobody waits for it who holds another lock:
/// errors, answers and cancellation stay within reach.
pub struct Context {
    session: Mutex<Session>,
    error: Mutex<Option<Error>>,
    answers: Mutex<BTreeMap<usize, Answer>>,
    blocks: Mutex<BTreeMap<usize, Block>>,
    stop: Stop,
}

/// The name of an answer. It is a number that never was an address, is never read through
/// and never comes again, so a stale one is an error and not undefined behaviour.
#[repr(C)]
pub struct Response {
    _private: [u8; 0],
}

/// Zeroed memory from `memory_allocate`.
struct Block {
    start: *mut u8,
    layout: Layout,
}

// SAFETY: nobody but the caller reads or writes the memory; it may be freed on any thread.
unsafe impl Send for Block {}

impl Block {
    fn new(size: usize) -> Result<Self> {
        let failed =
            || Error::new(Kind::AllocationFailed, format!("{size} bytes cannot be allocated"));
        let layout = Layout::from_size_align(size.max(1), 16).map_err(|_| failed())?;
        // SAFETY: the size is not 0.
        let start = unsafe { alloc_zeroed(layout) };
        if start.is_null() { Err(failed()) } else { Ok(Self { start, layout }) }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: `new` allocated it with this layout, and this is its only end.
        unsafe { dealloc(self.start, self.layout) }
    }
}

/// Memory that the caller keeps alive and unchanged until the context is gone.
struct Lent {
    start: *const u8,
    length: usize,
}

// SAFETY: the memory is only read, and by `add_input_buffer`'s contract nobody writes it.
unsafe impl Send for Lent {}
// SAFETY: as above.
unsafe impl Sync for Lent {}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: `bytes` checked start and length; the caller of `add_input_buffer` promised
        // that the memory stays until the context, and so this value, is gone.
        unsafe { std::slice::from_raw_parts(self.start, self.length) }
    }
}

/// How long an input's memory stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// Until the call returns: the bytes are copied.
    OutlivesFunctionCall = 0,
    /// Until the context is gone: the bytes are read where they are.
    OutlivesContext = 1,
}

impl TryFrom<c_int> for Lifetime {
    type Error = Error;

    fn try_from(number: c_int) -> Result<Self> {
        match number {
            0 => Ok(Self::OutlivesFunctionCall),
            1 => Ok(Self::OutlivesContext),
            _ => Err(Error::new(
                Kind::InvalidArgument,
                format!("lifetime {number} is neither 0 (copy) nor 1 (borrow)"),
            )),
        }
    }
}

impl Context {
    fn new() -> Self {
        let stop = Stop::default();
        Self {
            session: Mutex::new(Session::new(stop.clone())),
            error: Mutex::default(),
            answers: Mutex::default(),
            blocks: Mutex::default(),
            stop,
        }
    }

    fn error(&self) -> Option<Error> {
        lock(&self.error).clone()
    }

    /// Record *error* unless there is one: the first error stays.
    fn fail(&self, error: Error) {
        lock(&self.error).get_or_insert(error);
    }

    fn sound(&self) -> Result<()> {
        self.error().map_or(Ok(()), Err)
    }

    /// The session of a context that has not failed.
    fn sound_session(&self) -> Result<MutexGuard<'_, Session>> {
        self.sound()?; // known at once, without waiting for a job
        let session = lock(&self.session);
        self.sound()?; // the job that was waited for may have failed
        Ok(session)
    }

    /// Answer a request. A failed one has an answer too, as have all that follow it.
    fn send(&self, method: &str, json: &[u8]) -> Result<Answer> {
        let sent = self
            .sound_session()
            .and_then(|mut session| api::send(&mut session, method, json))
            .map_err(shortened);
        match sent {
            Ok(answer) => Ok(answer),
            Err(error) => {
                self.fail(error.clone());
                api::failure(&self.error().unwrap_or(error))
            }
        }
    }

    fn keep(&self, answer: Answer) -> *const Response {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let name = NEXT.fetch_add(1, Ordering::Relaxed);
        lock(&self.answers).insert(name, answer);
        ptr::without_provenance(name)
    }

    fn allocate(&self, size: usize) -> Result<*mut c_void> {
        self.sound()?;
        let block = Block::new(checked_length(size)?)?;
        let start = block.start;
        lock(&self.blocks).insert(start.addr(), block);
        Ok(start.cast())
    }
}

/// A lock that a panic left behind is entered all the same: what it protects is replaced
/// whole, and a context that panicked runs nothing more.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The door of every call with a context: give what *body* gives, or record why it cannot
/// and give *failed*.
///
/// # Safety
///
/// *context* is NULL or was made by [`imageflow_context_create`] and not yet destroyed.
unsafe fn guarded<T>(
    context: *const Context,
    failed: T,
    body: impl FnOnce(&Context) -> Result<T>,
) -> T {
    // SAFETY: NULL or live, by this function's contract.
    let Some(context) = (unsafe { context.as_ref() }) else { abort_null_context() };
    match caught(|| body(context)) {
        Ok(value) => value,
        Err(error) => {
            context.fail(error);
            failed
        }
    }
}

/// There is nothing to record an error on, and to go on would hide it: as upstream, stop.
fn abort_null_context() -> ! {
    eprintln!("imageflow: a function was called with a NULL context; the process is aborted");
    std::process::abort()
}

/// A size that memory can have.
fn checked_length(length: usize) -> Result<usize> {
    if isize::try_from(length).is_err() {
        return Err(Error::new(
            Kind::InvalidArgument,
            format!("{length} bytes are more than memory can hold"),
        ));
    }
    Ok(length)
}

/// NULL is an error whatever the length, as upstream has it.
fn checked_bytes(start: *const u8, length: usize, what: &str) -> Result<Lent> {
    if start.is_null() {
        return Err(Error::new(Kind::NullArgument, format!("{what} is NULL")));
    }
    Ok(Lent { start, length: checked_length(length)? })
}

/// # Safety
///
/// *text* is NULL or points to bytes that end with a NUL and stay as they are for `'a`.
unsafe fn checked_text<'a>(text: *const c_char, what: &str) -> Result<&'a str> {
    if text.is_null() {
        return Err(Error::new(Kind::NullArgument, format!("{what} is NULL")));
    }
    // SAFETY: not NULL, and the rest by this function's contract.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str()
        .map_err(|e| Error::new(Kind::InvalidArgument, format!("{what} is not UTF-8: {e}")))
}

/// # Safety
///
/// *place* is NULL or may be written.
unsafe fn put<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: not NULL, and writable by this function's contract.
        unsafe { place.write(value) }
    }
}

fn refuse_null<T>(pointer: *const T, what: &str) -> Result<()> {
    if pointer.is_null() {
        return Err(Error::new(Kind::NullArgument, format!("{what} is NULL")));
    }
    Ok(())
}

/// Whether a caller that was made for this version of the ABI can use this library.
///
/// *Returns* true for 3.0, 3.1 and 3.2.
#[unsafe(no_mangle)]
pub extern "C" fn imageflow_abi_compatible(major: u32, minor: u32) -> bool {
    major == ABI_MAJOR && minor <= ABI_MINOR
}

/// The major version of the ABI. *Returns* 3.
#[unsafe(no_mangle)]
pub extern "C" fn imageflow_abi_version_major() -> u32 {
    ABI_MAJOR
}

/// The minor version of the ABI. *Returns* 2.
#[unsafe(no_mangle)]
pub extern "C" fn imageflow_abi_version_minor() -> u32 {
    ABI_MINOR
}

/// Make a context: the place of one job, with its inputs, outputs, answers and first error.
///
/// *Returns* NULL when the library does not fit a caller of that ABI version.
/// *Owns*: the caller, who ends it with [`imageflow_context_destroy`].
#[unsafe(no_mangle)]
pub extern "C" fn imageflow_context_create(major: u32, minor: u32) -> *mut Context {
    if !imageflow_abi_compatible(major, minor) {
        return ptr::null_mut();
    }
    silence();
    caught(|| Ok(Box::new(Context::new()))).map_or(ptr::null_mut(), Box::into_raw)
}

/// Let go of inputs and outputs now, and keep errors and answers; waits for a running job.
///
/// *Returns* true.
/// *Owns*: pointers from `get_output_buffer_by_id` end here, borrowed inputs are free again.
///
/// # Safety
///
/// *context* is a live context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn imageflow_context_begin_terminate(context: *mut Context) -> bool {
    let body = |context: &Context| {
        lock(&context.session).clear();
        Ok(true)
    };
    // SAFETY: by this function's contract.
    unsafe { guarded(context, true, body) }
}

/// End a context and free all that is its own; NULL is nothing to end.
///
/// *Owns*: pointers to its outputs, answers and blocks end here; taken outputs stay.
///
/// # Safety
///
/// *context* is NULL or a live context that no other thread uses, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn imageflow_context_destroy(context: *mut Context) {
    if context.is_null() {
        return;
    }
    // SAFETY: `context_create` made it with `Box::into_raw`, and this is its only end.
    let context = unsafe { Box::from_raw(context) };
    // Nobody is left to be told of a panic here.
    let _ = caught(|| {
        drop(context);
        Ok(())
    });
}

/// Whether something failed on this context. *Returns* at once, even while a job runs.
///
/// # Safety
///
/// *context* is a live context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn imageflow_context_has_error(context: *mut Context) -> bool {
    // SAFETY: by this function's contract.
    unsafe { guarded(context, true, |context| Ok(context.error().is_some())) }
}

/// Whether the context can be used further. *Returns* false once there is an error.
///
/// # Safety
///
/// *context* is a live context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn imageflow_context_error_recoverable(context: *mut Context) -> bool {
    // SAFETY: by this function's contract.
    unsafe { guarded(context, false, |context| Ok(context.error().is_none())) }
}

/// Ask for the error to be forgotten. *Returns* false once there is one: it stays.
///
/// # Safety
///
/// *context* is a live context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn imageflow_context_error_try_clear(context: *mut Context) -> bool {
    // SAFETY: by this function's contract.
    unsafe { guarded(context, false, |context| Ok(context.error().is_none())) }
}

/// The number of the error's category. *Returns* 0 without an error.
///
/// # Safety
///
/// *context* is a live context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn imageflow_context_error_code(context: *mut Context) -> i32 {
    let body = |context: &Context| Ok(context.error().map_or(0, |e| e.category().code()));
    // SAFETY: by this function's contract.
    unsafe { guarded(context, 0, body) }
}

/// The error as a process's exit status. *Returns* 0 without an error.
///
/// # Safety
///
/// *context* is a live context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn imageflow_context_error_as_exit_code(context: *mut Context) -> i32 {
    let body = |context: &Context| Ok(context.error().map_or(0, |e| e.category().exit_code()));
    // SAFETY: by this function's contract.
    unsafe { guarded(context, 0, body) }
}

/// The error as an HTTP status. *Returns* 200 without an error.
///
/// # Safety
///
/// *context* is a live context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn imageflow_context_error_as_http_code(context: *mut Context) -> i32 {
    let body = |context: &Context| Ok(context.error().map_or(200, |e| e.category().http_status()));
    // SAFETY: by this function's contract.
    unsafe { guarded(context, 0, body) }
}

/// Write the error's text, `Category: Kind: what happened`, with a NUL at its end.
///
/// *Returns* whether all of it had room; if not, what has, cut between characters.
/// *bytes_written*, if not NULL, gets the bytes before the NUL. Without an error the text
/// is empty. A NULL *buffer* gives false before anything else is looked at.
///
/// # Safety
///
/// *context* is a live context; *buffer* is NULL or has room for *buffer_length* bytes;
/// *bytes_written* is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn imageflow_context_error_write_to_buffer(
    context: *mut Context,
    buffer: *mut c_char,
    buffer_length: usize,
    bytes_written: *mut usize,
) -> bool {
    if buffer.is_null() {
        return false;
    }
    let body = |context: &Context| {
        let room = checked_length(buffer_length)?;
        let text = context.error().map_or_else(String::new, |error| format!("{error:#}"));
        let text = text.replace('\0', " ");
        let fitting = &text[..text.floor_char_boundary(room.saturating_sub(1))];
        if room > 0 {
            // SAFETY: `fitting` and a NUL are at most `room` bytes, which are the caller's and so
            // cannot overlap with a string of ours.
            unsafe { ptr::copy_nonoverlapping(fitting.as_ptr().cast(), buffer, fitting.len()) };
            // SAFETY: `fitting` leaves a byte of the room.
            let end = unsafe { buffer.add(fitting.len()) };
            // SAFETY: that byte is the caller's.
            unsafe { put(end, 0) };
        }
        // SAFETY: by this function's contract.
        unsafe { put(bytes_written, fitting.len()) };
        Ok(room > text.len())
    };
    // SAFETY: by this function's contract.
    unsafe { guarded(context, false, body) }
}

/// For command line programs: when there is an error, print it and end the process.
///
/// *Returns* false, and only without an error.
///
/// # Safety
///
/// *context* is a live context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn imageflow_context_print_and_exit_if_error(context: *mut Context) -> bool {
    let body = |context: &Context| match context.error() {
        None => Ok(false),
        Some(error) => {
            eprintln!("{error}");
            std::process::exit(error.category().exit_code())
        }
    };
    // SAFETY: by this function's contract.
    unsafe { guarded(context, false, body) }
}

/// Send a request in JSON to an endpoint such as `v1/execute`, and wait for the answer.
///
/// *Returns* an answer, also to a request that failed, or NULL when there cannot be one: a
/// NULL or unreadable argument, or a bug; then the context has an error.
/// *Owns*: the context; `json_response_destroy` frees it earlier.
///
/// # Safety
///
/// *context* is a live context; *method* is NULL or ends with a NUL; *json_buffer* is NULL or
/// has *json_buffer_size* bytes; both stay as they are until the call returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn imageflow_context_send_json(
    context: *mut Context,
    method: *const c_char,
    json_buffer: *const u8,
    json_buffer_size: usize,
) -> *const Response {
    // SAFETY: by this function's contract.
    let method = unsafe { checked_text(method, "method") };
    let json = checked_bytes(json_buffer, json_buffer_size, "json_buffer");
    let body = |context: &Context| Ok(context.keep(context.send(method?, json?.as_ref())?));
    // SAFETY: by this function's contract.
    unsafe { guarded(context, ptr::null(), body) }
}

/// Read an answer: its HTTP-like status and its JSON, which has no NUL at its end.
///
/// *Returns* false for NULL and for an answer that is gone, with an error on the context.
/// *Owns*: the context; the bytes end with the answer. Each out-parameter may be NULL.
///
/// # Safety
///
/// *context* is a live context; each of the last three is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn imageflow_json_response_read(
    context: *mut Context,
    response_in: *const Response,
    status_as_http_code_out: *mut i64,
    buffer_utf8_no_nulls_out: *mut *const u8,
    buffer_size_out: *mut usize,
) -> bool {
    let body = |context: &Context| {
        refuse_null(response_in, "response_in")?;
        let answers = lock(&context.answers);
        let answer = answers.get(&response_in.addr()).ok_or_else(|| {
            Error::new(Kind::InvalidArgument, "response_in is no answer of this context")
        })?;
        // SAFETY: by this function's contract.
        unsafe { put(status_as_http_code_out, answer.status) };
        // SAFETY: by this function's contract.
        unsafe { put(buffer_utf8_no_nulls_out, answer.json.as_ptr()) };
        // SAFETY: by this function's contract.
        unsafe { put(buffer_size_out, answer.json.len()) };
        Ok(true)
    };
    // SAFETY: by this function's contract.
    unsafe { guarded(context, false, body) }
}

/// Free an answer; NULL is nothing to free.
///
/// *Returns* false when it is no answer of this context, or was freed before.
///
/// # Safety
///
/// *context* is a live context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn imageflow_json_response_destroy(
    context: *mut Context,
    response: *mut Response,
) -> bool {
    let body = |context: &Context| {
        Ok(response.is_null() || lock(&context.answers).remove(&response.addr()).is_some())
    };
    // SAFETY: by this function's contract.
    unsafe { guarded(context, false, body) }
}

/// Add a picture as input *io_id*; its first bytes must be those of a known format.
///
/// *Returns* false, with an error on the context, when it cannot be one.
/// *Owns*: the caller. With lifetime 0 the bytes are copied before the call returns. With 1
/// they are read where they are, and stay alive and unchanged until the context is destroyed
/// or `begin_terminate` has returned.
///
/// # Safety
///
/// *context* is a live context; *buffer* is NULL or has *buffer_byte_count* bytes for as
/// long as *lifetime* says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn imageflow_context_add_input_buffer(
    context: *mut Context,
    io_id: i32,
    buffer: *const u8,
    buffer_byte_count: usize,
    lifetime: c_int,
) -> bool {
    let lent = checked_bytes(buffer, buffer_byte_count, "buffer");
    let body = |context: &Context| {
        let lent = lent?;
        let bytes: Bytes = match Lifetime::try_from(lifetime)? {
            Lifetime::OutlivesFunctionCall => Arc::new(memory::copied(lent.as_ref())?),
            Lifetime::OutlivesContext => Arc::new(lent),
        };
        context.sound_session()?.add_input(io_id, bytes)?;
        Ok(true)
    };
    // SAFETY: by this function's contract.
    unsafe { guarded(context, false, body) }
}

/// Add a buffer as output *io_id*, for a job to encode to.
///
/// *Returns* false, with an error on the context, when the number is in use.
///
/// # Safety
///
/// *context* is a live context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn imageflow_context_add_output_buffer(
    context: *mut Context,
    io_id: i32,
) -> bool {
    let body = |context: &Context| {
        context.sound_session()?.add_output(io_id)?;
        Ok(true)
    };
    // SAFETY: by this function's contract.
    unsafe { guarded(context, false, body) }
}

/// Lend what was encoded to output *io_id*; nothing yet is length 0 and not NULL.
///
/// *Returns* false, with an error on the context, when there is no such buffer.
/// *Owns*: the context; the pointer ends with `begin_terminate` or `destroy`.
///
/// # Safety
///
/// *context* is a live context; each of the last two is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn imageflow_context_get_output_buffer_by_id(
    context: *mut Context,
    io_id: i32,
    result_buffer: *mut *const u8,
    result_buffer_length: *mut usize,
) -> bool {
    let body = |context: &Context| {
        refuse_null(result_buffer, "result_buffer")?;
        refuse_null(result_buffer_length, "result_buffer_length")?;
        let mut session = lock(&context.session);
        let bytes = session.lend_output(io_id)?;
        // SAFETY: by this function's contract.
        unsafe { put(result_buffer, bytes.as_ptr()) };
        // SAFETY: by this function's contract.
        unsafe { put(result_buffer_length, bytes.len()) };
        Ok(true)
    };
    // SAFETY: by this function's contract.
    unsafe { guarded(context, false, body) }
}

/// Give away what was encoded to output *io_id*; nothing yet is length 0 and not NULL.
///
/// *Returns* false, with an error on the context and nothing written, when there is no such
/// buffer or it was lent or taken before.
/// *Owns*: the caller from now on, who frees it with [`imageflow_buffer_free`].
///
/// # Safety
///
/// *context* is a live context; each of the last two is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn imageflow_context_take_output_buffer(
    context: *mut Context,
    io_id: i32,
    result_buffer: *mut *mut u8,
    result_buffer_length: *mut usize,
) -> bool {
    let body = |context: &Context| {
        refuse_null(result_buffer, "result_buffer")?;
        refuse_null(result_buffer_length, "result_buffer_length")?;
        let taken = lock(&context.session).take_output(io_id)?.into_boxed_slice();
        let length = taken.len();
        // SAFETY: by this function's contract.
        unsafe { put(result_buffer, Box::into_raw(taken).cast()) };
        // SAFETY: by this function's contract.
        unsafe { put(result_buffer_length, length) };
        Ok(true)
    };
    // SAFETY: by this function's contract.
    unsafe { guarded(context, false, body) }
}

/// Free what `take_output_buffer` gave; NULL is nothing to free. *Returns* true.
///
/// # Safety
///
/// *buffer* is NULL, or it and *length* are what one call of `take_output_buffer` gave, and
/// it was not freed before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn imageflow_buffer_free(buffer: *mut u8, length: usize) -> bool {
    if !buffer.is_null() {
        let taken = ptr::slice_from_raw_parts_mut(buffer, length);
        // SAFETY: `take_output_buffer` made both with `Box::into_raw`, and this is their end.
        drop(unsafe { Box::from_raw(taken) });
    }
    true
}

/// Allocate zeroed memory, aligned to 16 bytes, that is freed with the context at the latest.
///
/// *Returns* NULL, with an error on the context, when there is not that much, and when the
/// context has failed before. *filename* and *line* may name the caller's code for people who
/// debug it, and are not read.
///
/// # Safety
///
/// *context* is a live context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn imageflow_context_memory_allocate(
    context: *mut Context,
    bytes: usize,
    filename: *const c_char,
    line: i32,
) -> *mut c_void {
    let _ = (filename, line);
    // SAFETY: by this function's contract.
    unsafe { guarded(context, ptr::null_mut(), |context| context.allocate(bytes)) }
}

/// Free what `memory_allocate` gave; NULL is nothing to free.
///
/// *Returns* false when it is no block of this context, or was freed before.
///
/// # Safety
///
/// *context* is a live context, and the block is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn imageflow_context_memory_free(
    context: *mut Context,
    pointer: *mut c_void,
    filename: *const c_char,
    line: i32,
) -> bool {
    let _ = (filename, line);
    let body = |context: &Context| {
        Ok(pointer.is_null() || lock(&context.blocks).remove(&pointer.addr()).is_some())
    };
    // SAFETY: by this function's contract.
    unsafe { guarded(context, false, body) }
}

/// Ask the running job, and all that come after it, to stop; it cannot be taken back.
///
/// *Returns* at once. The context has the error `OperationCancelled` unless it had another.
///
/// # Safety
///
/// *context* is a live context, and no thread destroys it meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn imageflow_context_request_cancellation(context: *mut Context) {
    let body = |context: &Context| {
        context.stop.request(); // first, so that the job hears of it whatever comes next
        Err(Error::cancelled())
    };
    // SAFETY: by this function's contract.
    unsafe { guarded(context, (), body) }
}

/// Every function may be called from any thread, so a context must allow it.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Context>();
};

#[cfg(test)]
mod tests {
    use super::*;

    fn guarded_with<T>(
        context: &Context,
        failed: T,
        body: impl FnOnce(&Context) -> Result<T>,
    ) -> T {
        // SAFETY: a reference is live.
        unsafe { guarded(context, failed, body) }
    }

    #[test]
    fn a_panic_becomes_the_error_of_the_context() {
        let context = Context::new();

        let given = guarded_with(&context, 7, |_| panic!("on purpose"));

        let error = context.error().unwrap();
        assert_eq!((given, error.category().code(), error.category().http_status()), (7, 18, 500));
        assert!(error.text.starts_with("panicked") && error.text.ends_with(": on purpose"));
    }

    #[test]
    fn a_context_whose_job_panicked_answers_and_lets_go_of_its_outputs() {
        let context = Context::new();
        guarded_with(&context, true, |context| {
            context.sound_session()?.add_output(1)?;
            Ok(true)
        });

        guarded_with(&context, (), |context| {
            let _session = lock(&context.session);
            panic!("while it was locked")
        });

        assert!(context.session.is_poisoned());
        let answer = context.send("v1/get_version_info", b"{}").unwrap();
        assert_eq!(answer.status, 500);
        assert!(lock(&context.session).take_output(1).unwrap().is_empty());
    }

    #[test]
    fn only_two_lifetimes_exist() {
        assert_eq!(Lifetime::try_from(0), Ok(Lifetime::OutlivesFunctionCall));
        assert_eq!(Lifetime::try_from(1), Ok(Lifetime::OutlivesContext));
        for number in [-1, 2, c_int::MAX] {
            assert_eq!(Lifetime::try_from(number).unwrap_err().kind, Kind::InvalidArgument);
        }
    }
}
