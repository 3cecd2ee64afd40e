use std::fs;
use std::path::Path;

use super::*;

fn config(dir: &Path) -> Config {
    let mut config = Config::from_toml("[auth]\naccess_ttl = '1h'\nrefresh_ttl = '2h'").unwrap();
    config.data.dir = dir.to_owned();
    config
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
}

#[test]
fn a_rotation_keeps_old_keys_for_the_life_of_their_tokens_and_the_hashes_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let (config, random) = (config(dir.path()), Random::seeded(1));
    let first = Secrets::open(&config, &random).unwrap();
    let hashing = first.hashing.expose_secret().to_owned();
    let names = |secrets: &Secrets| secrets.signing.iter().map(|key| (key.id.clone(), key.until)).collect::<Vec<_>>();
    let one = first.signing[0].id.clone();

    let rotated = rotate(&config, &random, at(0), false, &[]).unwrap();
    assert_eq!(rotated.retired, [(one.clone(), at(7200))]);
    let secrets = Secrets::reload(&config).unwrap().unwrap();
    assert_eq!(names(&secrets), [(rotated.signs.clone(), None), (one.clone(), Some(at(7200)))]);
    assert_eq!(secrets.hashing.expose_secret(), hashing);

    // The key in the middle is removed in its time; the first stays as the pepper only.
    let two = rotated.signs;
    let three = rotate(&config, &random, at(7000), false, &[]).unwrap().signs;
    let four = rotate(&config, &random, at(20_000), false, &[]).unwrap().signs;
    let secrets = Secrets::open(&config, &random).unwrap();
    let expected = [(four, None), (three, Some(at(27_200))), (one, Some(at(7200)))];
    assert_eq!(names(&secrets), expected, "not {two}");
    assert_eq!(secrets.hashing.expose_secret(), hashing);

    // A leaked key is invalid immediately.
    let rotated = rotate(&config, &random, at(20_001), true, &[]).unwrap();
    assert_eq!(rotated.retired, []);
    let secrets = Secrets::open(&config, &random).unwrap();
    assert!(secrets.signing[1..].iter().all(|key| key.until.unwrap() <= at(20_001)));
    assert_eq!(secrets.hashing.expose_secret(), hashing);
}

#[test]
fn a_secret_that_still_decrypts_stays_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let (config, random) = (config(dir.path()), Random::seeded(1));
    let ids = || Secrets::open(&config, &random).unwrap().signing.into_iter().map(|key| key.id).collect::<Vec<_>>();
    rotate(&config, &random, at(0), false, &[]).unwrap();
    let [two, one] = ids().try_into().unwrap();
    // The previous one stays, since a server may use it until it loads the new one.
    let three = rotate(&config, &random, at(1), true, std::slice::from_ref(&one)).unwrap().signs;
    assert_eq!(ids(), [three.clone(), two.clone(), one.clone()]);
    let four = rotate(&config, &random, at(2), true, std::slice::from_ref(&two)).unwrap().signs;
    assert_eq!(ids(), [four, three, two, one.clone()]);
    let five = rotate(&config, &random, at(3), true, &[]).unwrap().signs;
    assert_eq!(ids(), [five, one]);
}

#[test]
fn a_rotation_removes_what_a_killed_one_has_left() {
    let dir = tempfile::tempdir().unwrap();
    let (config, random) = (config(dir.path()), Random::seeded(1));
    Secrets::open(&config, &random).unwrap();
    fs::write(dir.path().join("signing.key.abc.draft"), "secret").unwrap();
    fs::write(dir.path().join("signing.key.mine"), "").unwrap();
    rotate(&config, &random, at(0), false, &[]).unwrap();
    assert!(!dir.path().join("signing.key.abc.draft").exists());
    assert!(dir.path().join("signing.key.mine").exists());
}

#[test]
fn rotations_at_once_all_leave_their_key() {
    let dir = tempfile::tempdir().unwrap();
    let (config, random) = (config(dir.path()), Random::seeded(1));
    Secrets::open(&config, &random).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| rotate(&config, &random, at(0), false, &[]).unwrap());
        }
    });
    assert_eq!(Secrets::open(&config, &random).unwrap().signing.len(), 9);
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "the file and its lock: {left:?}");
}

#[test]
fn what_is_wrong_with_the_file_is_told_without_its_secrets() {
    let dir = tempfile::tempdir().unwrap();
    let (config, random) = (config(dir.path()), Random::seeded(1));
    let valid = "x".repeat(32);
    for (text, wrong) in [
        (format!("{valid}{}", " ".repeat(1 << 20)), "larger than"),
        (String::new(), "it holds no secret"),
        ("secretsecret".to_owned(), "line 1: at least 32 bytes are needed"),
        (format!("{valid}\n\n{valid} secretsecret"), "line 3: only until=TIME and hashes may follow"),
        (format!("{valid} until=secretsecret"), "line 1: only until=TIME and hashes may follow"),
        (format!("{valid} until=2026-01-01T00:00:00Z"), "the first secret is one that has been replaced"),
    ] {
        fs::write(dir.path().join("signing.key"), &text).unwrap();
        let Err(error) = Secrets::open(&config, &random) else { panic!("{text} was taken") };
        let message = format!("{error:?}");
        assert!(message.contains(wrong) && message.contains("signing.key"), "{message}");
        assert!(!message.contains("secretsecret") && !message.contains(&valid), "{message}");
    }
}

#[test]
fn configured_secrets_are_rotated_in_the_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let (mut config, random) = (config(dir.path()), Random::seeded(1));
    config.auth.secret = "a configured secret of 32 bytes or more".into();
    config.auth.previous_secrets = vec!["the one that it was before, just as long".into()];
    let secrets = Secrets::open(&config, &random).unwrap();
    assert_eq!(secrets.signing.len(), 2);
    assert_eq!(secrets.hashing.expose_secret(), config.auth.secret.expose_secret());
    config.auth.api_key_pepper = "the very first secret of this installation".into();
    assert!(Secrets::open(&config, &random).unwrap().hashing.expose_secret().starts_with("the very first"));
    assert_eq!(rotate(&config, &random, at(0), false, &[]).err().map(|error| error.code), Some(Code::Conflict));
    assert!(fs::read_dir(dir.path()).unwrap().next().is_none(), "no file is created");
}
