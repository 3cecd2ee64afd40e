use super::*;

#[test]
fn all_texts_but_labels_are_collected_and_nothing_is_made_of_the_rest() {
    for (json, text) in [
        ("\"a\\u0062\"", "ab"),
        ("[[],{},\"x\",1,-1,1.5,true,null]", "x"),
        ("{\"role\":\"r\",\"content\":[{\"type\":\"t\",\"text\":\"x\"}],\"why\":{\"content\":\"y\"}}", "xy"),
        ("{\"id\":\"i\",\"function\":{\"name\":\"f\",\"arguments\":{\"a\":1}}}", "f{\"a\":1}"),
        ("{\"arguments\":\"{}\"}", "{}"),
        ("null", ""),
    ] {
        let mut into = String::new();
        Texts(&mut into).read(json).unwrap();
        assert_eq!(into, text, "{json}");
    }
    let nested = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    assert!(Texts(&mut String::new()).read(&nested).is_err());
}

#[test]
fn of_a_long_list_the_first_elements_are_read() {
    let many = format!("[{}]", vec!["\"x\""; 5000].join(","));
    assert_eq!(serde_json::from_str::<First<String>>(&many).unwrap().0.len(), MAX_ELEMENTS);
    assert!(serde_json::from_str::<First<String>>("{}").is_err());
}
