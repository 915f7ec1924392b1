//! A job: nodes in order, pictures handed from one to the next, animations frame by frame.

mod graph;
mod input;
mod run;

use std::collections::{BTreeMap, BTreeSet};

pub use crate::decode::Format;
use crate::error::Result;
pub use crate::limits::Limits;
use crate::message::{Framewise, Performance};
pub use crate::stop::Stop;
pub use input::{Bytes, Input};

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
    if job.limits.threads == 1 {
        return run::Runner::new(*job, &plan, &()).run();
    }
    std::thread::scope(|threads| run::Runner::new(*job, &plan, threads).run())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::rows::{Thread, Threads, Work};

    /// Counts the threads that a job asks for, and has none.
    #[derive(Default)]
    struct Asked(AtomicUsize);

    impl<'a> Threads<'a> for Asked {
        fn start(&'a self, _work: Work<'a>) -> Option<Thread<'a>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            None
        }
    }

    /// How many threads of its own a job starts that makes *input* smaller.
    fn asked(input: &[u8], threads: usize) -> usize {
        let limits = Limits { threads, ..Limits::default() };
        let input = Input::new(Arc::new(input.to_vec()), &limits).unwrap();
        let (inputs, outputs) = (BTreeMap::from([(0, input)]), BTreeSet::from([1]));
        let (stop, asked) = (Stop::default(), Asked::default());
        let job = Job { inputs: &inputs, outputs: &outputs, limits: &limits, stop: &stop };
        let work = work(
            r#"{"command_string": {"kind": "ir4", "value": "w=9", "decode": 0, "encode": 1}}"#,
        );
        let plan = graph::Plan::new(&work).unwrap();
        assert_eq!(run::Runner::new(job, &plan, &asked).run().unwrap().encodes[0].w, 9);
        asked.0.into_inner()
    }

    fn work(step: &str) -> Framewise {
        serde_json::from_str(&format!(r#"{{"steps": [{step}]}}"#)).unwrap()
    }

    /// A black PNG.
    fn black(w: u32, h: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let encoder = png::Encoder::new(&mut bytes, w, h);
        let pixels = vec![0; (w * h) as usize];
        encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
        bytes
    }

    #[test]
    fn a_job_has_no_thread_of_its_own_unless_it_may_and_the_picture_is_large() {
        assert_eq!(asked(&black(400, 300), 1), 0);
        assert_eq!(asked(&black(400, 300), 2), 1);
        assert_eq!(asked(&black(20, 30), 2), 0);
    }
}
