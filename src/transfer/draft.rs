//! Drafts: files that commands write under another name, and that get their name once they are whole and on the disk.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::time::Duration;

use tempfile::NamedTempFile;

use crate::core::error::{Code, Error};

/// How the names of drafts begin and end. SQLite keeps further files beside a draft while it is open.
const BEGIN: &str = ".jeton-";
const END: &str = ".draft";
const BESIDE: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// A file that only its owner may read, beside the one that is to be made. It is removed unless it is put into place.
pub(super) struct Draft {
    file: NamedTempFile,
    /// Shows other runs that drafts of this directory are in use.
    _lock: Option<File>,
}

impl Draft {
    /// Makes a draft of `file`, and removes those that a killed run has left in its directory.
    ///
    /// # Errors
    /// INTERNAL where the directory can't be written to.
    pub(super) fn new(file: &Path) -> Result<Self, Error> {
        let directory = directory(file);
        let lock = lock(directory);
        let mut builder = tempfile::Builder::new();
        let made = builder.prefix(BEGIN).suffix(END).tempfile_in(directory);
        Ok(Self { file: made.map_err(|error| about(directory, error))?, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    pub(super) fn as_file(&self) -> &File {
        self.file.as_file()
    }

    /// Puts the draft into place where nothing is; returns its size in bytes.
    ///
    /// # Errors
    /// CONFLICT where something is there; INTERNAL where the file system refuses.
    pub(super) fn place(self, file: &Path) -> Result<u64, Error> {
        let size = (|| {
            self.file.as_file().sync_all()?;
            self.file.as_file().metadata()
        })();
        let size = size.map_err(|error| about(file, error))?.len();
        self.file.persist_noclobber(file).map_err(|error| match error.error.kind() {
            std::io::ErrorKind::AlreadyExists => there(file),
            _ => about(file, error.error),
        })?;
        // The name is durable once its directory is.
        #[cfg(unix)]
        {
            let directory = directory(file);
            File::open(directory)
                .and_then(|directory| directory.sync_all())
                .map_err(|error| about(directory, error))?;
        }
        Ok(size)
    }
}

/// A lock on the directory that is shared by all runs with a draft there. A run that gets it for itself alone removes the
/// drafts that are there. It is on the directory, since SQLite locks the draft itself, and some file systems do not tell
/// the two kinds of locks apart.
#[cfg(unix)]
fn lock(directory: &Path) -> Option<File> {
    /// Another run removes drafts for no longer than this.
    const TRIES: u32 = 50;
    const PAUSE: Duration = Duration::from_millis(20);
    let handle = File::open(directory).ok()?;
    match handle.try_lock() {
        Ok(()) => {
            remove(abandoned(directory));
            handle.unlock().ok()?;
        }
        Err(std::fs::TryLockError::WouldBlock) => {}
        // A file system without such locks: the drafts may be in use.
        Err(std::fs::TryLockError::Error(_)) => name(abandoned(directory)),
    }
    for _ in 0..TRIES {
        match handle.try_lock_shared() {
            Ok(()) => return Some(handle),
            Err(std::fs::TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(std::fs::TryLockError::Error(_)) => return None,
        }
    }
    // Something else holds the directory, such as the script that runs this command: then no run removes drafts.
    None
}

#[cfg(not(unix))]
fn lock(directory: &Path) -> Option<File> {
    name(abandoned(directory));
    None
}

#[cfg(unix)]
fn remove(drafts: Vec<PathBuf>) {
    for draft in drafts {
        let file = draft.display();
        match std::fs::remove_file(&draft) {
            Ok(()) => tracing::warn!(%file, "an abandoned draft was removed: a command was killed before its end"),
            Err(error) => tracing::warn!(%file, %error, "an abandoned draft can't be removed"),
        }
    }
}

fn name(drafts: Vec<PathBuf>) {
    for draft in drafts {
        let file = draft.display();
        tracing::warn!(%file, "a draft is there: if no other command runs, it can be removed");
    }
}

/// The drafts of this user in a directory.
fn abandoned(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let of_drafts = entries.filter(|entry| is_draft(&entry.file_name()));
    of_drafts.map(|entry| entry.path()).filter(|path| is_ours(path)).collect()
}

fn is_draft(name: &OsStr) -> bool {
    let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(BEGIN)) else { return false };
    BESIDE.iter().any(|beside| rest.strip_suffix(beside).is_some_and(|rest| rest.ends_with(END)))
}

fn is_ours(path: &Path) -> bool {
    let Ok(metadata) = path.symlink_metadata() else { return false };
    #[cfg(unix)]
    if std::os::unix::fs::MetadataExt::uid(&metadata) != rustix::process::geteuid().as_raw() {
        return false;
    }
    metadata.is_file()
}

/// The directory of a file.
pub(super) fn directory(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Something is there that is not overwritten.
pub(super) fn there(file: &Path) -> Error {
    Error::new(Code::Conflict, format!("{} is there already, and is not overwritten", file.display()))
}

/// A file that can't be written.
pub(super) fn about(path: &Path, error: std::io::Error) -> Error {
    Error::new(Code::Internal, format!("cannot write {}", path.display())).with_source(error)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn drafts_of_a_killed_run_are_removed_once_nobody_uses_any() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("backup.db");
        let left = |name: &str| {
            std::fs::write(dir.path().join(name), "x").unwrap();
            dir.path().join(name)
        };
        let old = [left(".jeton-abc.draft"), left(".jeton-abc.draft-wal")];
        let others = [left(".jeton-abc"), left("my.draft"), left(".jeton-abc.draft.txt")];
        std::os::unix::fs::symlink(&others[0], dir.path().join(".jeton-link.draft")).unwrap();
        let first = Draft::new(&target).unwrap();
        assert!(old.iter().all(|file| !file.exists()), "those that a killed run has left");
        assert!(others.iter().all(|file| file.exists()) && dir.path().join(".jeton-link.draft").exists());
        // While one run has its draft, another one removes none.
        let second = Draft::new(&target).unwrap();
        assert!(first.path().exists() && second.path().exists());
        drop(second);
        assert!(first.path().exists());
        first.place(&target).unwrap();
        assert!(matches!(Draft::new(&target).unwrap().place(&target), Err(error) if error.code == Code::Conflict));
        // A script that holds the directory meanwhile keeps nobody from writing.
        let held = File::open(dir.path()).unwrap();
        held.lock().unwrap();
        Draft::new(&target).unwrap();
    }

    #[test]
    fn drafts_are_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("file");
        Draft::new(&target).unwrap().place(&target).unwrap();
        assert_eq!(std::fs::metadata(&target).unwrap().permissions().mode() & 0o7777, 0o600);
    }
}
