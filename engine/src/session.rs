//! What a context holds between requests: inputs, outputs and limits; and how a job runs on them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use enough::Stop as _;

use crate::error::{Error, Kind, Result};
use crate::files::{self, Destination};
use crate::job::{self, Bytes, Encoded, Input, Job, Limits, Stop};
use crate::message::{
    Build, DecodeResult, DecoderCommand, EncodeResult, Execute, Framewise, GraphRecording,
    ImageInfo, Io, IoDirection, IoObject, JobResult, Node, ResultBytes, Security,
};

/// Inputs, outputs and limits, which stay until the session ends.
pub struct Session {
    inputs: BTreeMap<i32, Input>,
    outputs: BTreeMap<i32, Output>,
    limits: Limits,
    stop: Stop,
}

/// One output: where its bytes go, and what became of them.
struct Output {
    sink: Sink,
    bytes: Vec<u8>,
    state: State,
}

enum Sink {
    /// The caller fetches them through the C ABI.
    Buffer,
    /// They stand in the answer.
    Base64,
    /// They are in a file when the request returns.
    File { name: String, destination: Destination },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was encoded to it.
    Open,
    /// A job has written it.
    Written,
    /// The caller has a pointer into it, so it must not change any more.
    Lent,
    /// Its bytes are the caller's, or in the answer, or in a file.
    Taken,
}

impl Session {
    /// A session with nothing in it; a job on it ends early once *stop* is requested.
    #[must_use]
    pub fn new(stop: Stop) -> Self {
        Self { inputs: BTreeMap::new(), outputs: BTreeMap::new(), limits: Limits::default(), stop }
    }

    /// Let go of all inputs and outputs.
    pub fn clear(&mut self) {
        self.inputs.clear();
        self.outputs.clear();
    }

    /// Add a picture; its first bytes must be those of a format that can be read.
    pub fn add_input(&mut self, io_id: i32, bytes: Bytes) -> Result<()> {
        self.unused(io_id)?;
        let input = Input::new(bytes, &self.limits).map_err(|error| error.of_input(io_id))?;
        self.inputs.insert(io_id, input);
        Ok(())
    }

    /// Add a buffer that a job can encode to and the caller can fetch.
    pub fn add_output(&mut self, io_id: i32) -> Result<()> {
        self.add_sink(io_id, Sink::Buffer)
    }

    fn add_sink(&mut self, io_id: i32, sink: Sink) -> Result<()> {
        self.unused(io_id)?;
        self.outputs.insert(io_id, Output { sink, bytes: Vec::new(), state: State::Open });
        Ok(())
    }

    fn unused(&self, io_id: i32) -> Result<()> {
        if self.inputs.contains_key(&io_id) || self.outputs.contains_key(&io_id) {
            return Err(Error::new(
                Kind::DuplicateIoId,
                format!("io_id {io_id} is already in use on this context"),
            ));
        }
        Ok(())
    }

    fn add_io(&mut self, entry: IoObject) -> Result<()> {
        let io_id = entry.io_id;
        match entry.io {
            Io::BytesHex(text) => self.add_input(io_id, Arc::new(bytes_from_hex(io_id, &text)?)),
            Io::Base64(text) => self.add_input(io_id, Arc::new(bytes_from_base64(io_id, &text)?)),
            Io::ByteArray(bytes) => self.add_input(io_id, Arc::new(bytes)),
            Io::File(name) if entry.direction == IoDirection::In => {
                self.add_input(io_id, Arc::new(files::read(Path::new(&name))?))
            }
            Io::File(name) => {
                let destination = Destination::new(Path::new(&name))?;
                self.add_sink(io_id, Sink::File { name, destination })
            }
            Io::OutputBuffer => self.add_sink(io_id, Sink::Buffer),
            Io::OutputBase64 => self.add_sink(io_id, Sink::Base64),
            Io::Placeholder => Err(Error::new(
                Kind::GraphInvalid,
                format!("the placeholder for io_id {io_id} was not replaced by anything"),
            )),
        }
    }

    /// What the header of an input says.
    pub fn image_info(&self, io_id: i32) -> Result<ImageInfo> {
        self.input(io_id)?.info().map_err(|error| error.of_input(io_id))
    }

    /// The same with the size that the decoder will give after what it was told.
    pub fn scaled_image_info(&self, io_id: i32) -> Result<ImageInfo> {
        self.input(io_id)?.scaled_info().map_err(|error| error.of_input(io_id))
    }

    /// Tell an input's decoder something ahead of the job.
    pub fn tell_decoder(&mut self, io_id: i32, command: DecoderCommand) -> Result<()> {
        self.input(io_id)?;
        if let Some(input) = self.inputs.get_mut(&io_id) {
            input.tell(command);
        }
        Ok(())
    }

    fn input(&self, io_id: i32) -> Result<&Input> {
        self.inputs.get(&io_id).ok_or_else(|| match self.outputs.contains_key(&io_id) {
            true => Error::new(
                Kind::InvalidArgument,
                format!("io_id {io_id} is an output, not an input"),
            ),
            false => unknown(io_id),
        })
    }

    /// Run a job on what was added before.
    pub fn execute(&mut self, request: &Execute) -> Result<JobResult> {
        self.configure(request.graph_recording.as_ref(), request.security.as_ref())?;
        self.run(&request.framewise)
    }

    /// Add what the request brings along, and run it.
    pub fn build(&mut self, request: Build) -> Result<JobResult> {
        let config = request.builder_config.unwrap_or_default();
        self.configure(config.graph_recording.as_ref(), config.security.as_ref())?;
        for entry in request.io {
            self.add_io(entry)?;
        }
        self.run(&request.framewise)
    }

    fn configure(
        &mut self,
        recording: Option<&GraphRecording>,
        security: Option<&Security>,
    ) -> Result<()> {
        if recording.is_some_and(GraphRecording::is_wanted) {
            return Err(Error::new(
                Kind::InvalidArgument,
                "graph_recording is not available in the embedded edition; leave it out",
            ));
        }
        security.map_or(Ok(()), |security| self.limits.apply(security))
    }

    fn run(&mut self, work: &Framewise) -> Result<JobResult> {
        self.refuse_spent_outputs(work)?;
        let outputs: BTreeSet<i32> = self.outputs.keys().copied().collect();
        let done = job::run(
            &Job {
                inputs: &self.inputs,
                outputs: &outputs,
                limits: &self.limits,
                stop: &self.stop,
            },
            work,
        )?;
        // A request to stop that came too late for the job still means that nobody waits for
        // its outputs.
        self.stop.check()?;
        let encodes: Result<Vec<_>> =
            done.encodes.into_iter().map(|encoded| self.deliver(encoded)).collect();
        Ok(JobResult { encodes: encodes?, decodes: self.decodes(), performance: done.performance })
    }

    fn refuse_spent_outputs(&self, work: &Framewise) -> Result<()> {
        for io_id in encoded_ids(work) {
            if self.outputs.get(&io_id).is_some_and(|output| output.state != State::Open) {
                return Err(Error::new(
                    Kind::InvalidArgument,
                    format!("output {io_id} was written or fetched already; add another one"),
                ));
            }
        }
        Ok(())
    }

    fn deliver(&mut self, encoded: Encoded) -> Result<EncodeResult> {
        let output = self.outputs.get_mut(&encoded.io_id).ok_or_else(|| unknown(encoded.io_id))?;
        Ok(EncodeResult {
            preferred_mime_type: encoded.format.mime(),
            preferred_extension: encoded.format.extension(),
            io_id: encoded.io_id,
            w: encoded.w,
            h: encoded.h,
            bytes: output.accept(encoded.bytes)?,
        })
    }

    fn decodes(&self) -> Vec<DecodeResult> {
        let entry = |(io_id, input): (&i32, &Input)| {
            let info = input.info().ok()?;
            Some(DecodeResult {
                preferred_mime_type: info.preferred_mime_type,
                preferred_extension: info.preferred_extension,
                io_id: *io_id,
                w: info.image_width,
                h: info.image_height,
            })
        };
        self.inputs.iter().filter_map(entry).collect()
    }

    /// The bytes of an output, which cannot be changed or taken from now on.
    pub fn lend_output(&mut self, io_id: i32) -> Result<&[u8]> {
        let output = self.buffer(io_id)?;
        output.state = State::Lent;
        Ok(&output.bytes)
    }

    /// The bytes of an output, once, to keep.
    pub fn take_output(&mut self, io_id: i32) -> Result<Vec<u8>> {
        let output = self.buffer(io_id)?;
        if output.state == State::Lent {
            return Err(Error::new(
                Kind::InvalidArgument,
                format!("output {io_id} was lent already, so it cannot be taken"),
            ));
        }
        output.state = State::Taken;
        Ok(std::mem::take(&mut output.bytes))
    }

    fn buffer(&mut self, io_id: i32) -> Result<&mut Output> {
        if self.inputs.contains_key(&io_id) {
            return Err(Error::new(
                Kind::InvalidArgument,
                format!("io_id {io_id} is an input, not an output"),
            ));
        }
        let output = self.outputs.get_mut(&io_id).ok_or_else(|| unknown(io_id))?;
        if output.state == State::Taken || !matches!(output.sink, Sink::Buffer) {
            return Err(Error::new(
                Kind::InvalidArgument,
                format!("output {io_id} has no bytes here: they were taken or written elsewhere"),
            ));
        }
        Ok(output)
    }
}

impl Output {
    fn accept(&mut self, bytes: Vec<u8>) -> Result<ResultBytes> {
        self.state = State::Taken;
        match &self.sink {
            Sink::Buffer => {
                self.bytes = bytes;
                self.state = State::Written;
                Ok(ResultBytes::Elsewhere)
            }
            Sink::Base64 => Ok(ResultBytes::Base64(BASE64.encode(bytes))),
            Sink::File { name, destination } => {
                destination.write(&bytes)?;
                Ok(ResultBytes::PhysicalFile(name.clone()))
            }
        }
    }
}

fn unknown(io_id: i32) -> Error {
    Error::new(Kind::IoIdNotFound, format!("nothing was added with io_id {io_id}"))
}

/// The outputs that *work* says it will encode to.
fn encoded_ids(work: &Framewise) -> Vec<i32> {
    let id = |node: &Node| match node {
        Node::Encode { io_id, .. } => Some(*io_id),
        Node::CommandString { encode, .. } => *encode,
        _ => None,
    };
    match work {
        Framewise::Steps(steps) => steps.iter().filter_map(id).collect(),
        Framewise::Graph(graph) => graph.nodes.values().filter_map(id).collect(),
    }
}

fn bytes_from_base64(io_id: i32, text: &str) -> Result<Vec<u8>> {
    BASE64.decode(text).map_err(|e| {
        Error::new(Kind::InvalidArgument, format!("base_64 of io_id {io_id} is not base64: {e}"))
    })
}

fn bytes_from_hex(io_id: i32, text: &str) -> Result<Vec<u8>> {
    let bad = || {
        Error::new(
            Kind::InvalidArgument,
            format!("bytes_hex of io_id {io_id} is not pairs of hexadecimal digits"),
        )
    };
    let digit = |c: &u8| char::from(*c).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return Err(bad());
    }
    pairs
        .iter()
        .map(|[high, low]| Some(digit(high)? << 4 | digit(low)?))
        .collect::<Option<_>>()
        .ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_read_in_either_case() {
        assert_eq!(bytes_from_hex(0, "fFd800").unwrap(), [0xff, 0xd8, 0]);
        assert!(bytes_from_hex(0, "").unwrap().is_empty());
    }

    #[test]
    fn hex_that_is_none_is_refused() {
        for text in ["zz", "fff", "+f", "é"] {
            assert_eq!(bytes_from_hex(0, text).unwrap_err().kind, Kind::InvalidArgument, "{text}");
        }
    }

    #[test]
    fn base64_needs_its_padding_and_no_white_space() {
        assert_eq!(bytes_from_base64(0, "/9g=").unwrap(), [0xff, 0xd8]);
        for text in ["/9g", "/9g=\n", "_9g="] {
            assert_eq!(bytes_from_base64(0, text).unwrap_err().kind, Kind::InvalidArgument);
        }
    }
}
