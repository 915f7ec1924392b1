//! Files that a request names: read whole, written whole or not at all.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{Error, Kind, Result};

/// Standard input and output as files have names. The names stand for what is open
/// already: opening them asks for rights to a pipe that may be another user's, and needs
/// a /dev and a /proc, which not every container has.
pub const STDIN: &str = "/dev/stdin";
/// See [`STDIN`].
pub const STDOUT: &str = "/dev/stdout";

/// Return everything in the file at *path*.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let content = if path == Path::new(STDIN) {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(path)
    };
    content.map_err(|e| {
        Error::new(Kind::DecodingIoError, format!("cannot read {}: {e}", path.display()))
    })
}

/// A place for one output that was looked at before the work began.
#[derive(Debug)]
pub struct Destination {
    path: PathBuf,
    way: Way,
}

/// How a destination is written.
#[derive(Debug)]
enum Way {
    /// To a new file in the same folder, which then takes this name: whoever looks sees the
    /// old file or the new one, and a full disk leaves the old one alone.
    Beside(PathBuf),
    /// By opening it: devices, pipes and what /proc lends a name to.
    Direct,
    /// To what is open already.
    Standard,
}

impl Destination {
    /// Choose the way to write *path*, or say why it cannot be written at all.
    pub fn new(path: &Path) -> Result<Self> {
        match way(path) {
            Ok(way) => Ok(Self { path: path.to_owned(), way }),
            Err(e) => Err(unwritable(path, &e)),
        }
    }

    /// Write *bytes* as the whole content.
    pub fn write(&self, bytes: &[u8]) -> Result<()> {
        let done = match &self.way {
            Way::Beside(target) => write_beside(target, bytes),
            Way::Direct => File::create(&self.path).and_then(|mut file| file.write_all(bytes)),
            Way::Standard => {
                let mut out = io::stdout().lock();
                out.write_all(bytes).and_then(|()| out.flush())
            }
        };
        done.map_err(|e| unwritable(&self.path, &e))
    }
}

fn unwritable(path: &Path, reason: &io::Error) -> Error {
    Error::new(Kind::EncodingIoError, format!("cannot write {}: {reason}", path.display()))
}

fn way(path: &Path) -> io::Result<Way> {
    if path == Path::new(STDOUT) {
        return Ok(Way::Standard);
    }
    if path.starts_with("/dev") || path.starts_with("/proc") {
        return Ok(Way::Direct);
    }
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        // Through links, so that it is the file that is replaced and not the link to it.
        Ok(found) if found.is_file() => Ok(Way::Beside(fs::canonicalize(path)?)),
        Ok(_) => Ok(Way::Direct),
        Err(e) if e.kind() == io::ErrorKind::NotFound => way_to_new(path),
        Err(e) => Err(e),
    }
}

fn way_to_new(path: &Path) -> io::Result<Way> {
    if fs::symlink_metadata(path).is_ok() {
        return Ok(Way::Direct); // a link to nothing: its target is created
    }
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    Ok(Way::Beside(fs::canonicalize(folder)?.join(name)))
}

fn write_beside(target: &Path, bytes: &[u8]) -> io::Result<()> {
    let (path, file) = create_beside(target)?;
    let done = fill(file, bytes, target).and_then(|()| fs::rename(&path, target));
    if done.is_err() {
        // The first failure is the one to report.
        let _ = fs::remove_file(&path);
    }
    done
}

fn fill(mut file: File, bytes: &[u8], target: &Path) -> io::Result<()> {
    file.write_all(bytes)?;
    match fs::metadata(target) {
        Ok(old) => file.set_permissions(old.permissions()),
        Err(_) => Ok(()),
    }
}

fn create_beside(target: &Path) -> io::Result<(PathBuf, File)> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    loop {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = target.with_file_name(format!(".imageflow-{}-{count}.part", std::process::id()));
        match File::create_new(&path) {
            // Left behind by an earlier process that had our number.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|file| (path, file)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that goes away at the end of the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("imageflow-files-{}-{name}", std::process::id()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn names(&self) -> Vec<String> {
            let mut names: Vec<_> = fs::read_dir(&self.0)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_new_file_is_written_and_nothing_else_stays() {
        let folder = Folder::new("new");
        let path = folder.0.join("out.png");

        Destination::new(&path).unwrap().write(b"picture").unwrap();

        assert_eq!(fs::read(&path).unwrap(), b"picture");
        assert_eq!(folder.names(), ["out.png"]);
    }

    #[test]
    fn an_old_file_is_replaced_in_one_step() {
        let folder = Folder::new("old");
        let path = folder.0.join("out.png");
        fs::write(&path, b"a longer old picture").unwrap();
        let destination = Destination::new(&path).unwrap();
        let mut reader = File::open(&path).unwrap();

        destination.write(b"new").unwrap();

        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(io::read_to_string(&mut reader).unwrap(), "a longer old picture");
    }

    #[test]
    fn a_missing_folder_is_found_out_before_the_work() {
        let folder = Folder::new("missing");

        let error = Destination::new(&folder.0.join("no/out.png")).unwrap_err();

        assert_eq!(error.kind, Kind::EncodingIoError);
        assert!(error.text.contains("no/out.png"), "{}", error.text);
    }

    #[test]
    fn a_folder_is_no_destination() {
        let folder = Folder::new("folder");

        assert_eq!(Destination::new(&folder.0).unwrap_err().kind, Kind::EncodingIoError);
    }

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let folder = Folder::new("failed");
        let path = folder.0.join("out.png");
        let destination = Destination::new(&path).unwrap();
        fs::create_dir(&path).unwrap(); // now the name cannot be taken

        assert_eq!(destination.write(b"picture").unwrap_err().kind, Kind::EncodingIoError);
        assert_eq!(folder.names(), ["out.png"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_keeps_pointing_to_the_file_that_is_replaced() {
        let folder = Folder::new("link");
        let (link, path) = (folder.0.join("link.png"), folder.0.join("real.png"));
        fs::write(&path, b"old").unwrap();
        std::os::unix::fs::symlink("real.png", &link).unwrap();

        Destination::new(&link).unwrap().write(b"new").unwrap();

        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[cfg(unix)]
    #[test]
    fn a_replaced_file_keeps_its_permissions() {
        use std::os::unix::fs::PermissionsExt;
        let folder = Folder::new("mode");
        let path = folder.0.join("out.png");
        fs::write(&path, b"old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();

        Destination::new(&path).unwrap().write(b"new").unwrap();

        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = read(Path::new("no/such/picture.png")).unwrap_err();

        assert_eq!(error.kind, Kind::DecodingIoError);
        assert!(error.text.starts_with("cannot read no/such/picture.png: "), "{}", error.text);
    }
}
