//! Where the things under test are, and when a missing tool is a reason to skip.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The folder of `Cargo.toml`.
pub fn engine() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The shared library that cargo built beside this test.
pub fn library() -> PathBuf {
    let name = format!("{}imageflow{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let tool = Path::new(env!("CARGO_BIN_EXE_imageflow_tool"));
    let path = tool.with_file_name("deps").join(name);
    assert!(path.is_file(), "{} was not built", path.display());
    path
}

/// Whether *program* can be started. Where it must be there (`CI=true`) its absence fails.
pub fn has(program: &str) -> bool {
    if Command::new(program).arg("--version").output().is_ok() {
        return true;
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "CI needs {program}");
    eprintln!("skipped: there is no {program} here");
    false
}

/// Run *command* to its end and give what it wrote; it must succeed.
pub fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}
