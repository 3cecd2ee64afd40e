use super::*;

impl FromMember for Vec<String> {
    const KIND: &'static str = "a list of strings";
}

fn call(text: &'static str) -> RawRequest {
    RawRequest::parse(Bytes::from_static(text.as_bytes())).unwrap()
}

/// Returns the text with new values for these members.
fn changed(call: &RawRequest, changes: &[(&str, &str)], renamed: Option<(&str, &str)>) -> String {
    let changes: Vec<_> = changes.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    String::from_utf8(call.with(&changes, renamed).concat()).unwrap()
}

#[test]
fn what_is_not_replaced_stays_byte_for_byte() {
    let text = " { \"model\" : \"a\", \"x\\u0079\": [1.0e+2,  {\"model\":\"b\"}],\n\
        \"max_tokens\":null , \"ü\":\"\\u00fc\" } ";
    let changes = [("model", "\"up\""), ("max_tokens", "7"), ("new", "true")];
    let expected = " {\"new\":true, \"model\" : \"up\", \"x\\u0079\": [1.0e+2,  {\"model\":\"b\"}],\n\
        \"max_tokens\":7 , \"ü\":\"\\u00fc\" } ";
    assert_eq!(changed(&call(text), &changes, None), expected);
    assert_eq!(changed(&call("{}"), &[("a", "1"), ("b", "2")], None), "{\"a\":1,\"b\":2}");
    assert_eq!(changed(&call(text), &[], None), text);
    let renamed = call("{\"a\":\"x\", \"max\\u005ftokens\" : 9 ,\"b\":1}");
    let renamed = changed(&renamed, &[("max_tokens", "7")], Some(("max_tokens", "limit")));
    assert_eq!(renamed, "{\"a\":\"x\", \"limit\" : 7 ,\"b\":1}");
    assert_eq!(call(text).names().collect::<Vec<_>>(), ["model", "xy", "max_tokens", "ü"]);
    assert_eq!(call(text).read::<u64>("max_tokens"), Ok(None));
    assert_eq!(call(text).read::<u64>("model").unwrap_err().param.as_deref(), Some("model"));
}

#[test]
fn the_body_is_not_copied() {
    let text = format!("{{\"model\":\"a\",\"messages\":[{{\"content\":\"{}\"}}],\"n\":1}}", "x".repeat(100_000));
    let body = Bytes::from(text);
    let call = RawRequest::parse(body.clone()).unwrap();
    let is_shared = |segment: &Bytes| body.as_ptr_range().contains(&segment.as_ptr());
    assert_eq!(call.clone().body().as_ptr(), body.as_ptr());
    let segments = call.with(&[("model", "\"other\"".to_owned()), ("max_tokens", "7".to_owned())], None);
    let own: usize = segments.iter().filter(|segment| !is_shared(segment)).map(Bytes::len).sum();
    assert_eq!(own, "\"other\"".len() + "\"max_tokens\":7,".len(), "only the new values take memory");
    assert_eq!(segments.iter().map(Bytes::len).sum::<usize>(), body.len() - "\"a\"".len() + own);
}

#[test]
fn what_two_readers_may_read_differently_is_refused() {
    for (text, param) in [
        ("{\"model\":1,\"mod\\u0065l\":2}", Some("model")),
        ("[]", None),
        ("{\"a\":}", None),
        ("{\"a\":1}x", None),
        ("", None),
    ] {
        let rejected = RawRequest::parse(Bytes::from_static(text.as_bytes())).unwrap_err();
        assert_eq!(rejected.param.as_deref(), param, "{text}: {}", rejected.message);
    }
    assert!(RawRequest::parse(Bytes::from_static(b"{\"a\":\"\xff\"}")).is_err());
}

#[test]
fn pictures_count_as_pictures_and_text_as_its_bytes() {
    let text = "{\"messages\":[{\"content\":\"hi\"},{\"content\":[{\"type\":\"text\",\"text\":\"x\"},\
        {\"type\":\"image_url\",\"image_url\":{\"url\":\"data:1234\"}}]}]}";
    assert_eq!(call(text).max_input(1000, 9000), text.len() as u64 - 9 + 1000);
    assert_eq!(call("{\"a\":1}").max_input(1000, 9000), 7);
    let file = "{\"messages\":[{\"content\":[{\"type\":\"file\",\"file\":{\"file_id\":\"x\"}}]}]}";
    assert_eq!(call(file).max_input(1000, 9000), 9000);
}

/// Returns a call that repeats the pattern, as members, as messages or as parts.
fn repeated(pattern: &str, count: usize, before: &str, after: &str) -> Bytes {
    let all: Vec<_> = (0..count).map(|number| pattern.replace('#', &number.to_string())).collect();
    format!("{before}{}{after}", all.join(",")).into()
}

#[test]
fn what_there_is_too_much_of_is_refused_by_the_name_of_its_limit() {
    let long = format!("{{\"{}\":1}}", "x".repeat(MAX_NAME + 1));
    let nested = format!("{{\"x\":{}{}}}", "[".repeat(MAX_NESTING), "]".repeat(MAX_NESTING));
    for (body, message) in [
        (repeated("\"#\":1", MAX_MEMBERS + 1, "{", "}"), "The body has more than 200 members."),
        (long.into(), "The name of a member has more than 256 bytes."),
        (nested.into(), "The body is nested deeper than 128 levels."),
        (repeated("[]", 10_001, "{\"messages\":[", "]}"), "`messages`: at most 10000 messages."),
        (
            repeated("1", 10_001, "{\"messages\":[{\"content\":[", "]}]}"),
            "`messages`: at most 10000 content parts in total.",
        ),
        (Bytes::from_static(b"{\"messages\":{}}"), "`messages`: expected an array."),
    ] {
        assert_eq!(RawRequest::parse(body).unwrap_err().message, message);
    }
    let most = RawRequest::parse(repeated("\"#\":1", MAX_MEMBERS, "{", "}")).unwrap();
    assert_eq!((most.names().count(), most.get("199")), (200, Some("1")));
    let long = RawRequest::parse(repeated("\"x\"", 10_000, "{\"stop\":[", "]}")).unwrap();
    let rejected = long.read::<Vec<String>>("stop").unwrap_err();
    assert_eq!(
        (rejected.param.as_deref(), rejected.message.as_str()),
        (Some("stop"), "`stop` has more than 16384 bytes.")
    );
}

/// Returns the CPU time of this thread, which is independent of other load.
fn cpu_time() -> std::time::Duration {
    nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID.now().unwrap().into()
}

/// Regression: two bodies of 3.9 MB once took 100 s, since each member was compared with each other.
#[test]
fn time_grows_with_the_text_and_not_faster() {
    let image = "{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:#\"}}]}";
    for (pattern, before, after) in [
        ("\"member#\":[1,\"x\"]", "{", "}"),
        ("[]", "{\"messages\":[", "]}"),
        (image, "{\"messages\":[", "]}"),
        ("{\"type\":\"text\",\"text\":\"#\"}", "{\"messages\":[{\"content\":[", "]}]}"),
        ("\\u00fc\\n#", "{\"messages\":[{\"content\":\"", "\"}]}"),
    ] {
        let took = |count| {
            let body = repeated(pattern, count, before, after);
            let once = || {
                let began = cpu_time();
                RawRequest::parse(body.clone()).map(|call| call.max_input(1, 1)).ok();
                cpu_time() - began
            };
            (0..5).map(|_| once()).min().unwrap()
        };
        let (short, long) = (took(5_000), took(40_000));
        // Quadratic time would take 64 times as long.
        assert!(long <= short * 30, "{pattern}: {short:?}, and eight times as much {long:?}");
    }
}
