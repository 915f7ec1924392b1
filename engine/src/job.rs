//! A job: nodes in order, pictures handed from one to the next, animations frame by frame.

mod graph;
mod input;
mod run;
mod stop;

use std::collections::{BTreeMap, BTreeSet};

pub use crate::decode::Format;
use crate::error::Result;
pub use crate::limits::Limits;
use crate::message::{Framewise, Performance};
pub use input::{Bytes, Input};
pub use stop::Stop;

/// What a job works with.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// Inputs by io_id.
    pub inputs: &'a BTreeMap<i32, Input>,
    /// The io_ids that may be encoded to.
    pub outputs: &'a BTreeSet<i32>,
    /// How large frames may be.
    pub limits: &'a Limits,
    /// Whether the job goes on.
    pub stop: &'a Stop,
}

/// One encoded output.
#[derive(Debug)]
pub struct Encoded {
    /// Which output.
    pub io_id: i32,
    /// What it became.
    pub format: Format,
    /// Width in pixels.
    pub w: u32,
    /// Height in pixels.
    pub h: u32,
    /// The file.
    pub bytes: Vec<u8>,
}

/// What a job made.
#[derive(Debug)]
pub struct Done {
    /// One for each output that was encoded, by io_id.
    pub encodes: Vec<Encoded>,
    /// How long the nodes took.
    pub performance: Performance,
}

/// Run a job.
///
/// # Errors
/// The nodes do not form a graph, one of them failed, or the job was asked to stop.
pub fn run(job: &Job<'_>, work: &Framewise) -> Result<Done> {
    let plan = graph::Plan::new(work)?;
    run::Runner::new(*job, &plan).run()
}
