//! The embedded edition: a small image engine with imageflow's C ABI, JSON and tool.
//!
//! A request goes down: `abi` or the tool → `api` → `session` → `job` → `nodes` → `frame`.
//! Nothing below `api` knows JSON text or C; nothing outside `abi` is unsafe.

pub mod abi;
pub mod api;
pub mod color;
pub mod decode;
pub mod encode;
pub mod error;
pub mod files;
pub mod frame;
pub mod job;
pub mod layout;
pub mod limits;
pub mod memory;
pub mod message;
pub mod nodes;
pub mod panics;
pub mod query;
pub mod resample;
pub mod rows;
pub mod session;
pub mod srgb;
pub mod stop;
pub mod version;
