//! The wish that a job should end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use enough::StopReason;

/// A flag that everybody who works on a job looks at. Once up it stays up.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Ask the job to end.
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl enough::Stop for Stop {
    fn check(&self) -> Result<(), StopReason> {
        if self.0.load(Ordering::Relaxed) { Err(StopReason::Cancelled) } else { Ok(()) }
    }
}
