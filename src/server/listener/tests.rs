use super::*;

#[tokio::test]
async fn a_client_that_never_reads_keeps_little_of_an_answer() {
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let client = TcpSocket::new_v4().unwrap();
    client.set_recv_buffer_size(4096).unwrap();
    let (client, accepted) = tokio::join!(client.connect(listener.local_addr().unwrap()), listener.accept());
    let (_client, (stream, _)) = (client.unwrap(), accepted.unwrap());
    let (part, mut kept) = ([0; 16 * 1024], 0);
    stream.writable().await.unwrap();
    while let Ok(count) = stream.try_write(&part) {
        kept += count;
    }
    assert!((32 * 1024..1024 * 1024).contains(&kept), "{kept} bytes");
}

#[test]
fn a_request_names_its_host_once() {
    let has = |version: Version, hosts: &[&str]| {
        let mut request = Request::new(());
        *request.version_mut() = version;
        for host in hosts {
            request.headers_mut().append(HOST, host.parse().unwrap());
        }
        has_host(&request)
    };
    for host in ["chat.example", "chat.example:8000", "127.0.0.1", "[::1]:8000", ""] {
        assert!(has(Version::HTTP_11, &[host]), "{host}");
    }
    for hosts in [&[][..], &["a", "a"], &["a", "b"], &["a, b"], &["a b"], &["a/b"]] {
        assert!(!has(Version::HTTP_11, hosts), "{hosts:?}");
    }
    assert!(has(Version::HTTP_10, &[]) && has(Version::HTTP_10, &["a"]) && !has(Version::HTTP_10, &["a", "b"]));
}
