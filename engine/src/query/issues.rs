//! What the validation endpoint says about a query string.

use serde::Serialize;

/// One thing that is wrong or without effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// One sentence.
    pub message: String,
    /// In lower case.
    pub key: String,
    /// As far as it matters.
    pub value: String,
    /// Which kind of issue.
    pub kind: IssueKind,
}

/// The kinds of an [`Issue`]; the names are upstream's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum IssueKind {
    /// A key was given again; the first one counts.
    DuplicateKeyError,
    /// There is no such key.
    UnrecognizedKey,
    /// The key is known, and has no effect here.
    IgnoredKey,
    /// The key does not take this value.
    InvalidValueError,
}

impl Issue {
    pub(super) fn new(kind: IssueKind, key: &str, value: &str) -> Self {
        let message = match kind {
            IssueKind::DuplicateKeyError => format!("{key} is given more than once"),
            IssueKind::UnrecognizedKey => format!("there is no key {key}"),
            IssueKind::IgnoredKey => format!("{key} has no effect here"),
            IssueKind::InvalidValueError => format!("{key} cannot be {value}"),
        };
        Self { message, key: key.to_owned(), value: value.to_owned(), kind }
    }
}
