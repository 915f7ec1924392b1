//! What can go wrong: category, kind and text, with upstream's numbers for each category.
//!
//! The library and the tool read the same table, so the same fault has the same code,
//! HTTP status and exit code on both roads.

use std::fmt;

/// Upstream's error categories, as far as this engine produces them.
///
/// The numbers are upstream's `imageflow_context_error_code` and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// An allocation failed.
    OutOfMemory,
    /// A value in the request cannot be used.
    ArgumentInvalid,
    /// The request is not JSON, or not of the form the endpoint takes.
    InvalidJson,
    /// The picture is damaged or of a kind that cannot be read.
    ImageMalformed,
    /// Nodes and edges do not form a graph that can run.
    GraphInvalid,
    /// A file could not be read or written.
    IoError,
    /// The engine itself failed.
    InternalError,
    /// The caller asked the job to stop.
    OperationCancelled,
}

/// One row of the table: category, name, code, HTTP status, exit code.
pub type CategoryRow = (Category, &'static str, i32, i32, i32);

/// Each category with its name, code, HTTP status and process exit code.
///
/// Codes that upstream defines and this engine never produces: 5 ImageTypeNotSupported,
/// 6 NodeArgumentInvalid, 8 ActionNotSupported, 9 ActionForbidden, 10 AuthorizationRequired,
/// 11 LicenseError, 12 PrimaryResourceNotFound, 13 SecondaryResourceNotFound,
/// 14 UpstreamTimeout, 15 UpstreamError, 17 NoSolutionFound, 19 Unknown, 20 Custom.
pub const CATEGORIES: [CategoryRow; 8] = [
    (Category::OutOfMemory, "OutOfMemory", 1, 503, 71),
    (Category::ArgumentInvalid, "ArgumentInvalid", 2, 400, 64),
    (Category::InvalidJson, "InvalidJson", 3, 400, 65),
    (Category::ImageMalformed, "ImageMalformed", 4, 400, 65),
    (Category::GraphInvalid, "GraphInvalid", 7, 400, 64),
    (Category::IoError, "IoError", 16, 500, 74),
    (Category::InternalError, "InternalError", 18, 500, 70),
    (Category::OperationCancelled, "OperationCancelled", 21, 499, 130),
];

impl Category {
    fn row(self) -> &'static CategoryRow {
        CATEGORIES.iter().find(|row| row.0 == self).expect("every category has a row")
    }

    /// Upstream's name, which begins every error text.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// `imageflow_context_error_code`.
    #[must_use]
    pub fn code(self) -> i32 {
        self.row().2
    }

    /// `imageflow_context_error_as_http_code`, and the status of the JSON answer.
    #[must_use]
    pub fn http_status(self) -> i32 {
        self.row().3
    }

    /// `imageflow_context_error_as_exit_code`, and the tool's exit status.
    #[must_use]
    pub fn exit_code(self) -> i32 {
        self.row().4
    }
}

/// Upstream's finer names, each of which belongs to one category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are upstream's and say what they mean")]
pub enum Kind {
    AllocationFailed,
    NullArgument,
    InvalidArgument,
    InvalidCoordinates,
    InvalidMessageEndpoint,
    IoIdNotFound,
    ItemNotFound,
    DuplicateIoId,
    LayoutError,
    CodecDisabledError,
    SizeLimitExceeded,
    InvalidNodeParams,
    Json,
    GifDecodingError,
    JpegDecodingError,
    NoEnabledDecoderFound,
    ImageDecodingError,
    ColorProfileError,
    GraphInvalid,
    GraphCyclic,
    InvalidNodeConnections,
    DecodingIoError,
    EncodingIoError,
    InvalidState,
    ImageEncodingError,
    InternalError,
    OperationCancelled,
}

impl Kind {
    /// The category this kind belongs to.
    #[must_use]
    pub fn category(self) -> Category {
        match self {
            Self::AllocationFailed => Category::OutOfMemory,
            Self::NullArgument
            | Self::InvalidArgument
            | Self::InvalidCoordinates
            | Self::InvalidMessageEndpoint
            | Self::IoIdNotFound
            | Self::ItemNotFound
            | Self::DuplicateIoId
            | Self::LayoutError
            | Self::CodecDisabledError
            | Self::SizeLimitExceeded
            | Self::InvalidNodeParams => Category::ArgumentInvalid,
            Self::Json => Category::InvalidJson,
            Self::GifDecodingError
            | Self::JpegDecodingError
            | Self::NoEnabledDecoderFound
            | Self::ImageDecodingError
            | Self::ColorProfileError => Category::ImageMalformed,
            Self::GraphInvalid | Self::GraphCyclic | Self::InvalidNodeConnections => {
                Category::GraphInvalid
            }
            Self::DecodingIoError | Self::EncodingIoError => Category::IoError,
            Self::InvalidState | Self::ImageEncodingError | Self::InternalError => {
                Category::InternalError
            }
            Self::OperationCancelled => Category::OperationCancelled,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Which fault it is; decides the category and so every number.
    pub kind: Kind,
    /// What happened, to what, with which values. One line where possible.
    pub text: String,
    /// The node that failed, as the JSON calls it; None where it is not the fault of one.
    pub node: Option<&'static str>,
}

/// What most functions of the engine return.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of this kind; *text* says what happened, to what, with which values.
    pub fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), node: None }
    }

    /// The error of a job that was asked to stop.
    #[must_use]
    pub fn cancelled() -> Self {
        Self::new(Kind::OperationCancelled, "Cancellation was requested")
    }

    /// The same error, of an input; a job that was asked to stop blames none.
    #[must_use]
    pub fn of_input(mut self, io_id: i32) -> Self {
        if self.kind != Kind::OperationCancelled {
            self.text = format!("io_id {io_id}: {}", self.text);
        }
        self
    }

    /// The same error, of a node unless it has one; a job that was asked to stop blames none.
    #[must_use]
    pub fn of_node(mut self, name: &'static str) -> Self {
        if self.kind != Kind::OperationCancelled {
            self.node.get_or_insert(name);
        }
        self
    }

    /// The category, which decides code, HTTP status and exit code.
    #[must_use]
    pub fn category(&self) -> Category {
        self.kind.category()
    }
}

impl fmt::Display for Error {
    /// `Category: Kind: text`, the layout that callers of upstream's engine parse. With `#` the
    /// node that failed follows, where upstream has its trace.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.category().name(), self.kind, self.text)?;
        match self.node {
            Some(name) if f.alternate() => write!(f, " at\nActive node: {name}"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

impl From<enough::StopReason> for Error {
    fn from(_: enough::StopReason) -> Self {
        Self::cancelled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_category_has_exactly_one_row() {
        for (i, a) in CATEGORIES.iter().enumerate() {
            assert!(CATEGORIES[i + 1..].iter().all(|b| a.0 != b.0 && a.1 != b.1 && a.2 != b.2));
        }
    }

    #[test]
    fn a_text_begins_with_category_and_kind() {
        let error = Error::new(Kind::IoIdNotFound, "no input with io_id 3");
        assert_eq!(error.to_string(), "ArgumentInvalid: IoIdNotFound: no input with io_id 3");
        assert_eq!((error.category().code(), error.category().exit_code()), (2, 64));
    }
}
