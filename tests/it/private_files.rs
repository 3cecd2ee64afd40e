//! Permissions of the files that the server and its commands write.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::On;
use crate::support::installation::{Installation, Server};

/// Creates an installation with database and key in this directory, which the first command creates.
async fn installation(data: &Path) -> Installation {
    let url = format!("sqlite://{}", data.join("jeton.db").display());
    let settings = [("JETON_DATA__DIR", data.to_str().unwrap()), ("JETON_DATABASE__URL", url.as_str())];
    Installation::new(On::Sqlite, &settings).await
}

/// Runs a command with a umask that grants all permissions to all users.
fn permissive(command: Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask 000; exec \"$0\" \"$@\""]).arg(command.get_program()).args(command.get_args());
    shell.current_dir(command.get_current_dir().unwrap());
    for (name, value) in command.get_envs() {
        shell.env(name, value.unwrap());
    }
    shell
}

fn permissively(installation: &Installation, arguments: &[&str]) {
    let output = permissive(installation.command(arguments)).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Returns all entries of a directory that other users may read, write or enter, with their modes; and the number of
/// entries.
fn open_to_others(directory: &Path) -> (Vec<(PathBuf, u32)>, usize) {
    let (mut found, mut count) = (Vec::new(), 0);
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            count += 1;
            if mode(&path) & 0o077 != 0 {
                found.push((path.clone(), mode(&path)));
            }
            if path.is_dir() {
                directories.push(path);
            }
        }
    }
    (found, count)
}

/// Returns the error of a server that refuses to start on a network address.
fn refused(installation: &Installation) -> String {
    // No machine has this address, so a server that passes the checks fails with `MAY_LISTEN`.
    let output = installation.command(&["serve"]).env("JETON_HTTP__LISTEN", "192.0.2.1:0").output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

const MAY_LISTEN: &str = "this machine has no such address";

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_written_only_its_owner_may_read() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let one = installation(&at("deep/data")).await;
    let server = Server::start(permissive(one.command(&["serve"])));
    server.register("mia").await;
    for name in ["jeton.db", "jeton.db-wal", "jeton.db-shm", "signing.key"] {
        assert_eq!(mode(&at("deep/data").join(name)), 0o600, "{name}");
    }
    permissively(&one, &["signing-key", "rotate"]);
    let (backup, export) = (at("backup"), at("export"));
    permissively(&one, &["backup", &text(&backup)]);
    permissively(&one, &["export", &text(&export)]);
    let from = format!("sqlite://{}", at("deep/data/jeton.db").display());
    permissively(&one, &["copy", "--from", &from, "--to", &format!("sqlite://{}", at("copied/x.db").display())]);
    assert_eq!(open_to_others(root.path()).0, []);
    assert!(server.terminate());
    // Independent of the permissions of the input.
    set_mode(&backup, 0o644);
    let two = installation(&at("restored")).await;
    permissively(&two, &["restore", &text(&backup)]);
    set_mode(&at("restored/jeton.db"), 0o666);
    permissively(&two, &["restore", &text(&backup), "--replace"]);
    set_mode(&backup, 0o600);
    let three = installation(&at("imported")).await;
    permissively(&three, &["import", &text(&export)]);
    permissively(&three, &["createsuperuser", "--generate"]);
    let (open, count) = open_to_others(root.path());
    assert_eq!(open, []);
    assert!(count >= 14, "{count} files and directories");
    // Also through a symbolic link in a private directory.
    fs::create_dir(at("elsewhere")).unwrap();
    set_mode(&at("elsewhere"), 0o700);
    fs::create_dir(at("linked")).unwrap();
    set_mode(&at("linked"), 0o700);
    symlink(at("elsewhere/real.db"), at("linked/jeton.db")).unwrap();
    let four = installation(&at("linked")).await;
    permissively(&four, &["migrate"]);
    assert_eq!(mode(&at("elsewhere/real.db")), 0o600);
    assert!(refused(&four).contains(MAY_LISTEN), "{}", refused(&four));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_an_older_installation_is_made_private_and_says_so() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    let installation = installation(&data).await;
    let server = installation.serve();
    server.register("mia").await;
    // The write-ahead log was not checkpointed into the file.
    server.kill();
    let files = ["jeton.db", "jeton.db-wal", "jeton.db-shm"].map(|name| data.join(name));
    files.iter().for_each(|file| set_mode(file, 0o644));
    set_mode(&data, 0o755);
    let stderr = refused(&installation);
    assert!(stderr.contains(MAY_LISTEN), "on a network, too: {stderr}");
    assert!(
        stderr.contains("database file was readable by other users") && stderr.contains("jeton.db-wal"),
        "{stderr}"
    );
    let left: Vec<_> = files.iter().filter(|file| file.exists()).map(|file| mode(file)).collect();
    assert!(left.iter().all(|mode| *mode == 0o600), "{left:?}");
    assert!(!refused(&installation).contains("readable by other users"), "it says so once");
    assert!(installation.ok(&["user", "list"]).contains("mia"));
    // Any command repairs them.
    set_mode(&files[0], 0o666);
    installation.ok(&["verify"]);
    assert_eq!(mode(&files[0]), 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_others_may_replace_is_not_served_on_a_network() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let one = installation(&at("above/data")).await;
    one.ok(&["migrate"]);
    assert!(refused(&one).contains(MAY_LISTEN), "{}", refused(&one));
    for (directory, with) in [("above/data", 0o777), ("above/data", 0o1777), ("above", 0o777)] {
        let before = mode(&at(directory));
        set_mode(&at(directory), with);
        let stderr = refused(&one);
        let shown = at(directory).display().to_string();
        assert!(
            stderr.contains("everybody can write to") && stderr.contains(&shown) && stderr.contains("chmod o-w"),
            "{stderr}"
        );
        assert_eq!(mode(&at(directory)), with, "a directory may be somebody else's, too, and stays as it is");
        // On a loopback address it is only a warning.
        drop(one.serve());
        set_mode(&at(directory), before);
    }
    // A parent directory may be world-writable if it is sticky, as /tmp is: only owners can rename its entries.
    set_mode(&at("above"), 0o1777);
    assert!(refused(&one).contains(MAY_LISTEN));
    // The signing key of a server whose database is in another directory.
    let two = Installation::new(On::Sqlite, &[("JETON_DATA__DIR", at("keys").to_str().unwrap())]).await;
    two.ok(&["migrate"]);
    set_mode(&at("keys"), 0o777);
    assert!(refused(&two).contains("everybody can write to"));
    // Symbolic links to any target.
    let three = installation(&at("linking")).await;
    fs::create_dir(at("linking")).unwrap();
    fs::create_dir(at("shared")).unwrap();
    set_mode(&at("shared"), 0o1777);
    fs::rename(at("above/data/jeton.db"), at("shared/real.db")).unwrap();
    set_mode(&at("shared/real.db"), 0o644);
    symlink("../shared/link.db", at("linking/jeton.db")).unwrap();
    symlink("real.db", at("shared/link.db")).unwrap();
    let stderr = refused(&three);
    assert!(
        stderr.contains(&at("shared").display().to_string()) && stderr.contains("can be read by others"),
        "{stderr}"
    );
    assert_eq!(mode(&at("shared/real.db")), 0o644, "it may be another user's link to any file of ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_another_user_that_others_can_read_is_not_served_on_a_network() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    let installation = installation(&data).await;
    installation.ok(&["migrate"]);
    let database = data.join("jeton.db");
    if std::os::unix::fs::chown(&database, Some(54_321), None).is_err() {
        eprintln!("only the superuser of the machine can give files away; not tested");
        return;
    }
    set_mode(&database, 0o644);
    let stderr = refused(&installation);
    assert!(stderr.contains("can be read by others (mode 644)") && stderr.contains("jeton.db"), "{stderr}");
    assert_eq!(mode(&database), 0o644, "it is not ours");
}
