use super::*;

#[test]
fn only_trusted_proxies_are_believed_and_only_what_they_added() {
    let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
    let client = |peer: &str, forwarded: &[&str]| {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        client_of(peer.parse().unwrap(), &headers, &trusted, ClientAddress::XForwardedFor).to_string()
    };
    assert_eq!(client("192.0.2.1", &["198.51.100.7"]), "192.0.2.1", "an untrusted peer forges it");
    assert_eq!(client("10.1.2.3", &[]), "10.1.2.3");
    assert_eq!(client("10.1.2.3", &["198.51.100.7"]), "198.51.100.7");
    assert_eq!(client("10.1.2.3", &["203.0.113.9, 198.51.100.7, 10.9.9.9"]), "198.51.100.7", "the first is forged");
    assert_eq!(client("10.1.2.3", &["203.0.113.9", "fd00::1"]), "203.0.113.9");
    assert_eq!(client("10.1.2.3", &["nonsense, 10.4.4.4"]), "10.4.4.4");
    assert_eq!(client("10.1.2.3", &["::ffff:198.51.100.7"]), "198.51.100.7");
    assert_eq!(client("10.1.2.3", &["198.51.100.7:40001"]), "198.51.100.7");
    assert_eq!(client("10.1.2.3", &["[2001:db8::7]:40001, 10.1.1.1:80"]), "2001:db8::7");
    assert_eq!(client("10.1.2.3", &["[2001:db8::7]"]), "2001:db8::7");
    assert_eq!(client("10.1.2.3", &["2001:db8::7"]), "2001:db8::7");
    for nonsense in ["198.51.100.7:", "198.51.100.7:x", "[198.51.100.7", "[]", ":80", "unknown", ""] {
        assert_eq!(client("10.1.2.3", &[nonsense]), "10.1.2.3", "{nonsense}");
    }
}

#[test]
fn forwarded_is_read_where_it_is_configured() {
    let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
    let client = |header: ClientAddress, forwarded: &[&str]| {
        let mut headers = HeaderMap::new();
        headers.insert(FORWARDED_FOR, "203.0.113.1".parse().unwrap());
        for value in forwarded {
            headers.append(FORWARDED, value.parse().unwrap());
        }
        client_of("10.1.2.3".parse().unwrap(), &headers, &trusted, header).to_string()
    };
    let client_of = |forwarded: &[&str]| client(ClientAddress::Forwarded, forwarded);
    assert_eq!(client(ClientAddress::XForwardedFor, &["for=198.51.100.7"]), "203.0.113.1");
    assert_eq!(client_of(&["for=198.51.100.7"]), "198.51.100.7");
    assert_eq!(client_of(&["proto=https; For=\"198.51.100.7:40001\";by=x"]), "198.51.100.7");
    assert_eq!(client_of(&["for=192.0.2.9, for=\"[2001:db8::7]:1\"", "for=10.4.4.4"]), "2001:db8::7");
    assert_eq!(client_of(&["for=unknown"]), "10.1.2.3");
    assert_eq!(client_of(&["for=_hidden, proto=http"]), "10.1.2.3");
    assert_eq!(client_of(&[]), "10.1.2.3");
}
