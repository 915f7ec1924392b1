//! Calls of the C functions in any order that their contracts allow.
#![expect(unsafe_code, reason = "this is a caller of the C functions")]

use std::ffi::{CStr, c_char, c_void};
use std::ptr;

use imageflow::abi::*;

/// Requests: sound ones, those that are sound when their files were added, and nonsense.
const REQUESTS: [(&CStr, &str); 11] = [
    (c"v1/get_version_info", "{}"),
    (c"v1/schema/riapi/latest/validate", r#"{"query_string":"w=1&w=2"}"#),
    (c"v1/execute", r#"{"framewise":{"steps":[]}}"#),
    (c"v1/get_image_info", r#"{"io_id":0}"#),
    (c"v1/get_scaled_image_info", r#"{"io_id":0}"#),
    (c"v1/tell_decoder", r#"{"io_id":0,"command":"discard_color_profile"}"#),
    (
        c"v1/execute",
        r#"{"framewise":{"steps":[{"decode":{"io_id":0}},{"encode":{"io_id":1,"preset":"gif"}}]}}"#,
    ),
    (
        c"v1/execute",
        r#"{"framewise":{"steps":[{"decode":{"io_id":2}},{"encode":{"io_id":3,"preset":{"mozjpeg":{}}}}]}}"#,
    ),
    (
        c"v1/build",
        r#"{"io":[],"framewise":{"steps":[{"create_canvas":{"format":"bgra_32","w":9,"h":4,"color":"black"}},{"encode":{"io_id":1,"preset":{"lodepng":{}}}}]}}"#,
    ),
    (c"v1/nothing", "{}"),
    (c"v1/execute", "{"),
];

/// Calls the C functions in the order that the bytes say, two for each call.
///
/// No call panics, and none gives away the same thing twice. Gives whether a job wrote
/// something that was fetched.
pub fn abi(data: &[u8]) -> bool {
    let context = imageflow_context_create(3, 2);
    assert!(!context.is_null());
    let mut caller = Caller {
        context,
        answers: Vec::new(),
        taken: Vec::new(),
        blocks: Vec::new(),
        fetched: false,
    };
    for pair in data.as_chunks::<2>().0 {
        caller.call(pair[0] % 14, pair[1]);
        caller.assert_no_panic();
    }
    let fetched = caller.fetched;
    caller.end();
    fetched
}

/// What a caller holds.
struct Caller {
    context: *mut Context,
    /// Live ones and, since the context tells them apart, freed ones.
    answers: Vec<*const Response>,
    taken: Vec<(*mut u8, usize)>,
    blocks: Vec<*mut c_void>,
    /// Whether an output with something in it was lent or given.
    fetched: bool,
}

impl Caller {
    fn call(&mut self, function: u8, argument: u8) {
        match function {
            0 => self.add_input(argument),
            1 => self.add_output(argument),
            2 | 3 => self.send(argument),
            4 => self.read_answer(argument),
            5 => self.destroy_answer(argument),
            6 => self.get_output(argument),
            7 => self.take_output(argument),
            8 => self.free_taken(),
            9 => self.write_error(argument),
            10 => self.ask_for_error(),
            11 => self.allocate(argument),
            12 => self.free_block(argument),
            _ => self.interrupt(argument),
        }
    }

    fn add_input(&self, argument: u8) {
        // Constants outlive every context, so that both lifetimes may be promised.
        let file =
            [super::PNG, super::JPEG, super::GIF, b"", b"no picture"][usize::from(argument % 5)];
        let start = if argument == 255 { ptr::null() } else { file.as_ptr() };
        let (io_id, lifetime) = (i32::from(argument / 16 % 4), i32::from(argument / 64 % 3));
        // SAFETY: the context is live, and the bytes are constants.
        unsafe {
            imageflow_context_add_input_buffer(self.context, io_id, start, file.len(), lifetime)
        };
    }

    fn add_output(&self, argument: u8) {
        // SAFETY: the context is live.
        unsafe { imageflow_context_add_output_buffer(self.context, i32::from(argument % 4)) };
    }

    fn send(&mut self, argument: u8) {
        let (method, json) = REQUESTS[usize::from(argument) % REQUESTS.len()];
        // SAFETY: the context is live, the method ends with a NUL, and both are constants.
        let answer = unsafe {
            imageflow_context_send_json(self.context, method.as_ptr(), json.as_ptr(), json.len())
        };
        assert!(!answer.is_null(), "every request that can be read has an answer");
        self.answers.push(answer);
    }

    fn answer(&self, argument: u8) -> *const Response {
        let count = self.answers.len().max(1);
        self.answers.get(usize::from(argument) % count).copied().unwrap_or(ptr::null())
    }

    fn read_answer(&self, argument: u8) {
        let (mut status, mut start, mut length) = (0, ptr::null(), 0);
        let (context, answer) = (self.context, self.answer(argument));
        // SAFETY: the context is live, and the places are ours.
        let read = unsafe {
            imageflow_json_response_read(context, answer, &mut status, &mut start, &mut length)
        };
        if read {
            // SAFETY: the answer is live, and so are its bytes.
            let json = unsafe { std::slice::from_raw_parts(start, length) };
            assert!((200..600).contains(&status) && json.starts_with(b"{"));
        }
    }

    fn destroy_answer(&self, argument: u8) {
        // SAFETY: the context is live, and knows an answer that was freed.
        unsafe { imageflow_json_response_destroy(self.context, self.answer(argument).cast_mut()) };
    }

    fn get_output(&mut self, argument: u8) {
        let (mut start, mut length) = (ptr::null(), 0);
        let (context, io_id) = (self.context, i32::from(argument % 4));
        // SAFETY: the context is live, and the places are ours.
        let lent = unsafe {
            imageflow_context_get_output_buffer_by_id(context, io_id, &mut start, &mut length)
        };
        if lent {
            // SAFETY: lent until the context ends.
            let bytes = unsafe { std::slice::from_raw_parts(start, length) };
            assert!(bytes.is_empty() || imageflow::decode::sniff(bytes).is_some());
            self.fetched |= length > 0;
        }
    }

    fn take_output(&mut self, argument: u8) {
        let (mut start, mut length) = (ptr::null_mut(), 0);
        let (context, io_id) = (self.context, i32::from(argument % 4));
        // SAFETY: the context is live, and the places are ours.
        let given = unsafe {
            imageflow_context_take_output_buffer(context, io_id, &mut start, &mut length)
        };
        if given {
            let known = |&(other, len): &(*mut u8, usize)| len > 0 && other == start;
            assert!(!self.taken.iter().any(known), "the same bytes were given away twice");
            self.taken.push((start, length));
            self.fetched |= length > 0;
        }
    }

    fn free_taken(&mut self) {
        let (start, length) = self.taken.pop().unwrap_or((ptr::null_mut(), 0));
        // SAFETY: NULL, or taken and not freed before.
        assert!(unsafe { imageflow_buffer_free(start, length) });
    }

    fn write_error(&self, argument: u8) {
        let mut text = [-1_i8 as c_char; 64];
        let (room, mut written) = (usize::from(argument % 64), 0);
        // SAFETY: the context is live, the text has more room than that, and the place is ours.
        let complete = unsafe {
            imageflow_context_error_write_to_buffer(
                self.context,
                text.as_mut_ptr(),
                room,
                &mut written,
            )
        };
        assert!(room == 0 || text[written] == 0, "the text has no end");
        assert!(!complete || written < room);
    }

    fn ask_for_error(&self) {
        // SAFETY: the context is live.
        let failed = unsafe { imageflow_context_has_error(self.context) };
        // SAFETY: the context is live.
        let code = unsafe { imageflow_context_error_code(self.context) };
        // SAFETY: the context is live.
        let http = unsafe { imageflow_context_error_as_http_code(self.context) };
        // SAFETY: the context is live.
        let exit = unsafe { imageflow_context_error_as_exit_code(self.context) };
        // SAFETY: the context is live.
        let cleared = unsafe { imageflow_context_error_try_clear(self.context) };
        // SAFETY: the context is live.
        let recoverable = unsafe { imageflow_context_error_recoverable(self.context) };
        assert_eq!((failed, failed), (code != 0, exit != 0));
        assert_eq!(failed, http != 200);
        assert_eq!((failed, failed), (!cleared, !recoverable));
    }

    fn allocate(&mut self, argument: u8) {
        let bytes = usize::from(argument) << (argument % 8);
        // SAFETY: the context is live.
        let block =
            unsafe { imageflow_context_memory_allocate(self.context, bytes, ptr::null(), 0) };
        assert!(block.is_null() || block.addr() % 16 == 0);
        self.blocks.push(block);
    }

    fn free_block(&self, argument: u8) {
        let count = self.blocks.len().max(1);
        let block = self.blocks.get(usize::from(argument) % count).copied();
        let block = block.unwrap_or(ptr::null_mut());
        // SAFETY: the context is live, and knows a block that was freed.
        unsafe { imageflow_context_memory_free(self.context, block, ptr::null(), 0) };
    }

    fn interrupt(&self, argument: u8) {
        match argument % 16 {
            // SAFETY: the context is live.
            0 => unsafe { imageflow_context_request_cancellation(self.context) },
            1 => {
                // SAFETY: the context is live.
                assert!(unsafe { imageflow_context_begin_terminate(self.context) });
            }
            _ => {}
        }
    }

    /// A panic is caught and becomes an error, which would hide it here.
    fn assert_no_panic(&self) {
        let mut text = [0 as c_char; 256];
        let (context, room) = (self.context, text.len());
        // SAFETY: the context is live, and the text has that much room.
        unsafe {
            imageflow_context_error_write_to_buffer(
                context,
                text.as_mut_ptr(),
                room,
                ptr::null_mut(),
            )
        };
        // SAFETY: the text ends with a NUL.
        let text = unsafe { CStr::from_ptr(text.as_ptr()) }.to_string_lossy();
        assert!(!text.contains("panicked"), "{text}");
    }

    fn end(mut self) {
        // SAFETY: the context is live, and not used again.
        unsafe { imageflow_context_destroy(self.context) };
        while !self.taken.is_empty() {
            self.free_taken(); // what was taken outlives the context
        }
    }
}
