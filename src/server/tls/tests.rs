use super::*;

fn write(directory: &Path) -> (PathBuf, PathBuf) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (chain, key) = (directory.join("chain.pem"), directory.join("key.pem"));
    std::fs::write(&chain, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (chain, key)
}

fn open(chain: &Path, key: &Path) -> Result<Option<Certificate>, Error> {
    let mut config = Config::from_toml("").unwrap();
    config.http.tls_certificate = Some(chain.to_owned());
    config.http.tls_key = Some(key.to_owned());
    Certificate::open(&config)
}

#[tokio::test]
async fn a_reload_reads_regular_files_of_bounded_size_and_else_keeps_the_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let (chain, key) = write(dir.path());
    let certificate = open(&chain, &key).unwrap().unwrap();
    let in_use = || certificate.0.in_use.read().unwrap().1.clone();
    let first = in_use();
    let pem = std::fs::read_to_string(&chain).unwrap();
    let pipe = || assert!(std::process::Command::new("mkfifo").arg(&chain).status().unwrap().success());
    let padded = format!("{pem}{}", " ".repeat(1 << 20));
    let replace: [(&str, &dyn Fn()); 5] = [
        ("a named pipe", &pipe),
        ("a directory", &|| std::fs::create_dir(&chain).unwrap()),
        ("a device", &|| std::os::unix::fs::symlink("/dev/zero", &chain).unwrap()),
        ("larger than", &|| std::fs::write(&chain, &padded).unwrap()),
        ("chain is larger", &|| std::fs::write(&chain, pem.repeat(300)).unwrap()),
    ];
    for (named, replace) in replace {
        if chain.is_dir() {
            std::fs::remove_dir(&chain).unwrap()
        } else {
            std::fs::remove_file(&chain).unwrap()
        }
        replace();
        let reloaded = tokio::time::timeout(std::time::Duration::from_secs(20), certificate.reload()).await;
        assert!(reloaded.is_ok(), "{named} is not waited for");
        assert!(Arc::ptr_eq(&first, &in_use()), "{named}: the previous certificate stays");
        let error = open(&chain, &key).unwrap_err();
        assert!(error.message.contains(named) && error.message.contains("chain.pem"), "{error:?}");
    }
    write(dir.path());
    certificate.reload().await;
    assert!(!Arc::ptr_eq(&first, &in_use()), "a valid one is loaded");
}
