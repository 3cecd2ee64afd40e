//! Private files: the database, the signing key and the files next to them. Only the user that runs the server may read
//! them, and no other user may replace them.
//!
//! Files are created private. If a file of an older installation is not, [`repair`] removes the permissions of other
//! users, and [`exposures`] lists the remaining exposures. On systems other than Unix nothing is checked.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Creates a directory, and its missing parents, that only its owner may enter. An existing one is left unchanged.
///
/// # Errors
/// As [`DirBuilder::create`].
pub fn create_dir(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Returns options for writing a file, which only its owner may read if it is created.
pub fn options() -> OpenOptions {
    let mut options = File::options();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Creates an empty file if it does not exist. An existing one is not opened: SQLite would lose its locks on it.
///
/// # Errors
/// As [`OpenOptions::open`].
pub fn create_missing(path: &Path) -> io::Result<()> {
    match options().create_new(true).open(resolve(path)) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        created => created.map(drop),
    }
}

/// Returns the files of an SQLite database: SQLite creates its own next to the file that links lead to, with its
/// permissions.
pub fn of_database(path: &Path) -> Vec<PathBuf> {
    let target = resolve(path);
    let beside = |ending: &str| {
        let mut name = target.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    [path.to_owned(), beside("-wal"), beside("-shm"), beside("-journal")].into()
}

/// Removes the permissions of other users from a file of this user; returns whether there were any. A file in a
/// directory that other users can write to may be a link of theirs, and is left unchanged.
///
/// # Errors
/// As [`std::fs::set_permissions`].
#[cfg(unix)]
pub fn repair(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let metadata = match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        metadata => metadata?,
    };
    let is_ours = metadata.uid() == rustix::process::geteuid().as_raw();
    let mode = metadata.permissions().mode();
    if mode & OTHERS == 0 || !is_ours || !metadata.is_file() || !directories(path)?.is_empty() {
        return Ok(false);
    }
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode & 0o7777 & !OTHERS))?;
    Ok(true)
}

/// Returns the ways in which other users of this machine can read or replace a file, as messages for operators.
///
/// # Errors
/// As [`std::fs::metadata`].
#[cfg(unix)]
pub fn exposures(path: &Path) -> io::Result<Vec<String>> {
    use std::os::unix::fs::PermissionsExt;
    let mut found = directories(path)?;
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        metadata => {
            let mode = metadata?.permissions().mode();
            if mode & OTHERS != 0 {
                let shown = path.display();
                found.push(format!("{shown} can be read by others (mode {:o}); run chmod 600 on it", mode & 0o777));
            }
        }
    }
    Ok(found)
}

/// Permissions of the group and of all other users.
#[cfg(unix)]
const OTHERS: u32 = 0o077;

/// Returns messages about the world-writable directories on the way to a file, by every link: the one that holds it,
/// and those above it whose missing sticky bit lets any user rename their contents. Write permission of a group is the
/// operator's decision: some systems give each user a group.
#[cfg(unix)]
fn directories(path: &Path) -> io::Result<Vec<String>> {
    use std::os::unix::fs::PermissionsExt;
    const EVERYBODY_WRITES: u32 = 0o002;
    const STICKY: u32 = 0o1000;
    let mut found = Vec::new();
    for step in steps(path) {
        let step = std::path::absolute(step)?;
        let Some(holding) = step.parent() else { continue };
        let real = holding.canonicalize().unwrap_or_else(|_| holding.to_owned());
        for directory in holding.ancestors().chain(real.ancestors()) {
            // A directory that does not exist yet is created private.
            let Ok(metadata) = std::fs::metadata(directory) else { continue };
            let mode = metadata.permissions().mode();
            let holds_it = directory == holding || directory == real;
            if mode & EVERYBODY_WRITES != 0 && (holds_it || mode & STICKY == 0) {
                found.push(format!(
                    "everybody can write to {} (mode {:o}), and so replace what the server keeps in it; run chmod o-w \
                     on it, or choose another place (data.dir, database.url)",
                    directory.display(),
                    mode & 0o7777
                ));
            }
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

#[cfg(not(unix))]
pub fn repair(_: &Path) -> io::Result<bool> {
    Ok(false)
}

#[cfg(not(unix))]
pub fn exposures(_: &Path) -> io::Result<Vec<String>> {
    Ok(Vec::new())
}

/// Maximum number of links that are followed, as by operating systems.
const MAX_LINKS: usize = 40;

/// Returns the path and the target of each link that it leads to, in order.
fn steps(path: &Path) -> Vec<PathBuf> {
    let mut steps = vec![path.to_owned()];
    while let Some(last) = steps.last()
        && let Ok(target) = std::fs::read_link(last)
        && steps.len() <= MAX_LINKS
    {
        let next = last.parent().map_or_else(|| target.clone(), |directory| directory.join(&target));
        steps.push(next);
    }
    steps
}

/// Returns the file that a path leads to, whether or not it exists.
fn resolve(path: &Path) -> PathBuf {
    steps(path).pop().unwrap_or_else(|| path.to_owned())
}
