//! Drafts: files that commands write under a temporary name, and that get their final name once they are complete and
//! synced to disk. So no command leaves an incomplete file under the final name, and none overwrites a file.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::time::Duration;

use tempfile::NamedTempFile;

use crate::core::error::{Code, Error};

/// Prefix and suffix of the names of drafts, and the suffixes of SQLite's side files while a draft is open.
const BEGIN: &str = ".jeton-";
const END: &str = ".draft";
const BESIDE: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// A temporary file in the target's directory that only its owner may read. It is removed on drop unless it is placed.
pub(super) struct Draft {
    file: NamedTempFile,
    /// The shared lock by which concurrent commands see that drafts of this directory are in use.
    _lock: Option<File>,
}

impl Draft {
    /// Creates a draft of `file`, and removes drafts that a killed command has left in its directory.
    ///
    /// # Errors
    /// INTERNAL if the directory can't be written to.
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

    /// Renames the draft to its final name, which must not exist. Returns its size in bytes.
    ///
    /// # Errors
    /// CONFLICT if the name exists; INTERNAL if the file system fails.
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

/// Takes a lock on the directory that is shared by all commands with a draft in it. A command that first gets it
/// exclusively removes abandoned drafts. The lock is on the directory, since SQLite locks the draft itself, and some
/// file systems do not distinguish the two kinds of locks.
#[cfg(unix)]
fn lock(directory: &Path) -> Option<File> {
    /// Attempts to get the lock: another command holds it exclusively, to remove drafts, for less than these take.
    const TRIES: u32 = 50;
    const PAUSE: Duration = Duration::from_millis(20);
    let handle = File::open(directory).ok()?;
    match handle.try_lock() {
        Ok(()) => {
            remove(abandoned(directory));
            handle.unlock().ok()?;
        }
        Err(std::fs::TryLockError::WouldBlock) => {}
        // A file system without such locks: drafts may be in use, so they are only reported.
        Err(std::fs::TryLockError::Error(_)) => name(abandoned(directory)),
    }
    for _ in 0..TRIES {
        match handle.try_lock_shared() {
            Ok(()) => return Some(handle),
            Err(std::fs::TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(std::fs::TryLockError::Error(_)) => return None,
        }
    }
    // Another process holds the lock, such as the script that runs this command; then no command removes drafts.
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
            Ok(()) => tracing::warn!(%file, "removed an abandoned draft: a command was killed before it finished"),
            Err(error) => tracing::warn!(%file, %error, "failed to remove an abandoned draft"),
        }
    }
}

fn name(drafts: Vec<PathBuf>) {
    for draft in drafts {
        let file = draft.display();
        tracing::warn!(%file, "found a draft: if no other command is running, it can be removed");
    }
}

/// Returns the drafts of this user in a directory.
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

/// Returns the directory of a file.
pub(super) fn directory(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Returns the error for a file that exists and is not overwritten.
pub(super) fn there(file: &Path) -> Error {
    Error::new(Code::Conflict, format!("{} already exists, and is not overwritten", file.display()))
}

/// Returns the error for a file that can't be written.
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
        // While one command has a draft, another one removes none.
        let second = Draft::new(&target).unwrap();
        assert!(first.path().exists() && second.path().exists());
        drop(second);
        assert!(first.path().exists());
        first.place(&target).unwrap();
        assert!(matches!(Draft::new(&target).unwrap().place(&target), Err(error) if error.code == Code::Conflict));
        // A script that holds the lock does not prevent writing.
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
