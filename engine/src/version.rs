//! What the engine says of itself.

use std::env::consts::{ARCH, OS};

use serde::Serialize;

/// What stands where upstream records something of the build. Ours can be repeated bit for
/// bit, so neither a commit nor a date goes into it.
pub const UNKNOWN: &str = "unknown";

/// The edition and the version of this crate.
pub const TAG: &str = concat!("embedded-", env!("CARGO_PKG_VERSION"));

/// The answer of `v1/get_version_info`, with upstream's names.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the names are upstream's and say what they mean")]
pub struct VersionInfo {
    pub long_version_string: String,
    pub last_git_commit: &'static str,
    pub dirty_working_tree: bool,
    pub build_date: &'static str,
    pub git_tag: &'static str,
    pub git_describe_always: &'static str,
}

/// What `v1/get_version_info` answers.
#[must_use]
pub fn info() -> VersionInfo {
    VersionInfo {
        long_version_string: long(),
        last_git_commit: UNKNOWN,
        dirty_working_tree: false,
        build_date: UNKNOWN,
        git_tag: TAG,
        git_describe_always: TAG,
    }
}

/// One line for people. It begins with `embedded`, which is how the edition is known.
#[must_use]
pub fn long() -> String {
    format!("embedded {} for {}", env!("CARGO_PKG_VERSION"), target())
}

/// The platform that this was built for, in the style of a target triple.
#[must_use]
pub fn target() -> String {
    let environment = if cfg!(target_env = "musl") {
        "-musl"
    } else if cfg!(target_env = "gnu") {
        "-gnu"
    } else if cfg!(target_env = "msvc") {
        "-msvc"
    } else {
        ""
    };
    format!("{ARCH}-{OS}{environment}")
}

/// Optimised or not: the other thing worth knowing in a report of slowness.
#[must_use]
pub fn profile() -> &'static str {
    if cfg!(debug_assertions) { "debug" } else { "release" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edition_can_be_read_from_either_version_text() {
        let info = info();

        assert!(info.long_version_string.starts_with("embedded "));
        assert!(info.git_tag.starts_with("embedded-"));
    }
}
