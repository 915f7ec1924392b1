//! `imageflow_tool`: the engine as a program, a second door to the same room as the library.
//!
//! Pictures and answers go to standard output or to files, words for people to standard
//! error. The exit status is that of the error's category, 2 for wrong arguments.

mod tool {
    pub mod arguments;
    pub mod recipe;
}

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use imageflow::api::{self, Answer, Named};
use imageflow::error::{Error, Kind, Result};
use imageflow::files::Destination;
use imageflow::job::Stop;
use imageflow::panics;
use imageflow::session::Session;
use imageflow::version;

use tool::arguments::{self, Command, Work};

/// Wrong arguments, as every program has it.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    panics::silence();
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match arguments::parse(&arguments) {
        Ok(command) => run(&command),
        Err(text) => {
            eprintln!("error: {text}\n\n{}", arguments::USAGE);
            ExitCode::from(USAGE)
        }
    }
}

fn run(command: &Command) -> ExitCode {
    match command {
        Command::Help => print(arguments::HELP),
        Command::Version => print(&format!("imageflow_tool {}\n", version::long())),
        Command::Diagnose => print(&compilation_info()),
        Command::Work(work) => job(work),
    }
}

fn print(text: &str) -> ExitCode {
    match write_out(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    }
}

/// Do the job and say how it went: in JSON where the caller wants it, and, if it failed, in
/// words on standard error.
fn job(work: &Work) -> ExitCode {
    let done = panics::caught(|| {
        let build = tool::recipe::load(work)?;
        Session::new(Stop::default()).build(build)
    });
    let answer = match &done {
        // The library says `job_result`; upstream's tool says this, and always has.
        Ok(result) => api::success(&Named("build_result", result)),
        Err(error) => api::failure(error),
    };
    let answered = answer.and_then(|answer| respond(&answer, work));
    match done.and(answered) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    }
}

fn respond(answer: &Answer, work: &Work) -> Result<()> {
    match &work.response {
        Some(path) => Destination::new(Path::new(path))?.write(&answer.json),
        None if work.is_silent() => Ok(()),
        None => write_out(&answer.json),
    }
}

fn write_out(bytes: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|e| {
        Error::new(Kind::EncodingIoError, format!("cannot write to standard output: {e}"))
    })
}

fn report(error: &Error) -> ExitCode {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "{error:#}");
    ExitCode::from(u8::try_from(error.category().exit_code()).unwrap_or(u8::MAX))
}

/// The lines that upstream's tool prints, as far as they mean something here.
fn compilation_info() -> String {
    let unknown = version::UNKNOWN;
    format!(
        "{}\nGIT_COMMIT={unknown}\nGENERATED_DATETIME_UTC={unknown}\nGIT_OPTIONAL_TAG={tag}\n\
         GIT_DESCRIBE_ALWAYS={tag}\nGIT_STATUS={unknown}\nTARGET={}\nPROFILE={}\n",
        version::long(),
        version::target(),
        version::profile(),
        tag = version::TAG,
    )
}
