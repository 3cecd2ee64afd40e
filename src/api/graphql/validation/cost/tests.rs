use std::fmt::Write;

use async_graphql::parser::parse_query;
use async_graphql::parser::types::OperationType;
use proptest::prelude::*;
use serde_json::json;

use super::super::guard::check_text;
use super::*;

#[allow(dead_code, reason = "shared with tests that use more of it")]
#[path = "../../../../../fuzz/src/documents.rs"]
mod documents;

use documents::{Choices, Schema, WRAPPINGS};

fn facts() -> SchemaFacts {
    SchemaFacts::of(&super::super::super::schema::types(), 3)
}

fn weighed_with(text: &str, variables: serde_json::Value) -> Result<Cost, String> {
    check_text(text, &Limits::STANDARD)?;
    let document = parse_query(text).map_err(|error| error.to_string())?;
    let operation = document.operations.iter().next().unwrap().1.node.clone();
    weigh(&document, &operation, variables.as_object(), &facts(), &Limits::STANDARD)
}

fn weighed(text: &str) -> Result<Cost, String> {
    weighed_with(text, json!({}))
}

/// Returns the cost of a document, without applying limits.
fn measured(text: &str) -> Cost {
    let document = parse_query(text).unwrap();
    let operation = document.operations.iter().next().unwrap().1.node.clone();
    measure(&document, &operation, None, &facts(), 200).unwrap().0
}

/// A document for each limit that rejects it, and a part of the error message.
fn rejected_documents() -> Vec<(String, &'static str)> {
    let many = |count: usize, each: &dyn Fn(usize) -> String| (0..count).map(each).collect::<String>();
    let deep =
        format!("{{chatHistory{{nodes{{conversation{{{}id{}}}", "chats{nodes{conversation{".repeat(6), "}".repeat(21));
    vec![
        (format!("{{me{{{}}}}}", "id ".repeat(1000)), "1000 fields"),
        (format!("{{me{{{}}}}}", many(101, &|n| format!("a{n}:__typename "))), "100 aliases"),
        (format!("{{{}}}", "__typename ".repeat(21)), "20 fields of the operation itself"),
        (format!("{{me{{id {}}}}}", "@include(if: true) ".repeat(51)), "50 directives"),
        (deep, "20 fields within each other"),
        (
            "{__schema{types{fields{type{fields{type{fields{type{fields{name}}}}}}}}}}".to_owned(),
            "3 lists of introspection",
        ),
        ("{chatHistory{nodes{conversation{chats{nodes{conversation{chats{nodes{conversation{chats{nodes{id}}}}}}}}}}}}".to_owned(), "costs"),
        ("{chatHistory(first:100){edges{node{conversation{chats(last:100){nodes{id message response cost hold}}}}}}}".to_owned(), "costs"),
        (format!("{{{}}}", many(20, &|n| format!("a{n}:chatHistory(first:100){{nodes{{user{{{}}}}}}} ", "id ".repeat(30)))), "costs"),
        (
            format!("{{chatHistory(first:100){{nodes{{{}}}}}}}", many(90, &|n| format!("a{n}:conversation{{chats(first:1){{totalCount}}}} "))),
            "costs",
        ),
        (format!("{{__schema{{types{{{}}}}}}}", "fields{args{name description}}".repeat(100)), "costs"),
        (format!("mutation{{{}}}", "logout(input:{}){errors{code}}".repeat(21)), "20 fields of the operation itself"),
        ("mutation{sendMessage(input:{message:\"x\"}){chat{conversation{chats(first:100){nodes{conversation{chats(first:100){nodes{id message response cost hold}}}}}}}}}".to_owned(), "costs"),
    ]
}

#[test]
fn each_limit_is_named() {
    for (document, by) in rejected_documents() {
        let message = weighed(&document).unwrap_err();
        assert!(message.contains(by), "{by}: {message}: {document}");
    }
}

/// Tests every rule: a rejected document is rejected in every spelling, with the same cost.
#[test]
fn a_wrapped_document_costs_the_same() {
    let schema = Schema::new();
    for (document, by) in rejected_documents() {
        let plain = measured(&document);
        for wrapping in WRAPPINGS {
            let wrapped = schema.wrapped(&document, || Some(wrapping)).unwrap();
            assert_same(&plain, &measured(&wrapped), &wrapped);
            assert!(weighed(&wrapped).is_err(), "{by}: {wrapping:?}");
        }
    }
}

/// Asserts that a wrapped document has the cost of the plain one; only the spreads themselves count as selections.
fn assert_same(plain: &Cost, wrapped: &Cost, text: &str) {
    assert!(wrapped.fields >= plain.fields && wrapped.nesting >= plain.nesting, "{text}");
    assert_eq!(Cost { fields: plain.fields, nesting: plain.nesting, ..*wrapped }, *plain, "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_document_costs_the_same_however_it_is_written(
        bytes in proptest::collection::vec(any::<u8>(), 0..300), ways in proptest::collection::vec(0..4usize, 1..40),
    ) {
        let schema = Schema::new();
        let plain = schema.query(&mut Choices::new(&bytes), &[]);
        let mut ways = ways.into_iter().cycle();
        // Nested fragments too.
        let mut wrapped = plain.clone();
        for _ in 0..2 {
            wrapped = schema.wrapped(&wrapped, || WRAPPINGS.get(ways.next().unwrap()).copied()).unwrap();
        }
        assert_same(&measured(&plain), &measured(&wrapped), &wrapped);
    }
}

#[test]
fn the_reported_query_costs_what_it_costs_plainly() {
    let plain =
        "{chatHistory{nodes{conversation{chats{nodes{conversation{chats{nodes{conversation{chats{nodes{id}}}}}}}}}}}}";
    let hidden = plain.replace("{nodes", "{...{nodes").replace("}}}}}}}}}}}}", "}}}}}}}}}}}}}}}}");
    assert_eq!(measured(plain).cost, measured(&hidden).cost);
    assert!(measured(plain).cost > 20usize.pow(4), "as many rows as there may be");
    assert!(weighed(&hidden).unwrap_err().contains("costs"));
}

#[test]
fn pages_are_as_long_as_they_may_be() {
    let cost =
        |arguments: &str| measured(&format!("query($n:Int=7,$m:Int){{chatHistory{arguments}{{nodes{{id}}}}}}")).cost;
    let page = |rows: usize| 1 + rows + rows;
    for (arguments, rows) in [
        ("", 20),
        ("(first:5)", 5),
        ("(last:5)", 5),
        ("(first:5,last:9)", 9),
        ("(last:5,first:9)", 9),
        ("(first:null)", 20),
        ("(first:-3)", 20),
        ("(first:0)", 1),
        ("(first:\"100\")", 20),
        ("(first:$n)", 7),
        ("(first:$m)", 20),
        ("(first:$n,last:50)", 50),
        ("(first:null,last:50)", 50),
        ("(first:3,first:80)", 80),
    ] {
        assert_eq!(cost(arguments), page(rows), "{arguments}");
    }
    let variables = |value| weighed_with("query($n:Int=7){chatHistory(first:$n){nodes{id}}}", value).unwrap().cost;
    assert_eq!(variables(json!({ "n": 11 })), page(11));
    assert_eq!(variables(json!({ "n": null })), page(20));
    assert_eq!(variables(json!({ "n": "11" })), page(20));
    // The rows are read, whatever is selected.
    assert!(measured("{chatHistory(first:100){pageInfo{hasNextPage}}}").cost > 100);
    assert_eq!(measured("{usage{day}}").cost, 1 + 30 * 4);
    assert_eq!(measured("{usage(days:2){day}}").cost, 1 + 2 * 4);
    assert_eq!(measured("{chatHistory(first:1,search:\"x\"){nodes{id}}}").cost, 1003);
    assert_eq!(measured("{chatHistory(first:1,search:null){nodes{id}}}").cost, 3);
}

/// An argument that is sent once is copied for each field that uses it, and for each row.
#[test]
fn arguments_cost_their_bytes() {
    let text = "x".repeat(100_000);
    let cost = |document: &str| weighed_with(document, json!({ "a": text, "l": vec![0; 10_000] }));
    let once = "query($a:String){chatHistory(first:1,after:$a){nodes{id}}}";
    assert_eq!(cost(once).unwrap().cost, 3 + 97);
    let often = "query($a:String){chatHistory{nodes{conversation{chats(first:1,after:$a){nodes{id}}}}}}";
    assert!(cost(often).unwrap().cost > 20 * 97);
    let many: String = (0..300).map(|_| "chats(after:$l){nodes{id}}").collect();
    for document in [
        format!("query($l:[Int]){{conversation(id:\"x\"){{{many}}}}}"),
        format!("query($l:[Int]){{me{{id}}}} fragment F on Conversation{{{many}}}"),
    ] {
        assert!(cost(&document).unwrap_err().contains("costs"));
    }
    let literal =
        format!("{{chatHistory{{nodes{{conversation{{chats(after:\"{}\"){{nodes{{id}}}}}}}}}}}}", "x".repeat(20_000));
    assert!(cost(&literal).unwrap().cost > 20 * 19);
}

#[test]
fn fragments_are_weighed_once_and_counted_often() {
    // Each fragment spreads the next one twice: 2^60 fields, as the library counts.
    let bomb = |levels: usize, root: &str| {
        let mut bomb = format!("{{{root}}}");
        for number in 0..levels {
            write!(bomb, "fragment f{number} on Query{{...f{next} ...f{next}}}", next = number + 1).unwrap();
        }
        bomb + &format!("fragment f{levels} on Query{{__typename}}")
    };
    let start = std::time::Instant::now();
    assert!(weighed(&bomb(60, "...f0")).is_err());
    assert!(weighed(&bomb(20, "...f0")).unwrap_err().contains("1000 fields"));
    assert!(start.elapsed().as_secs() < 5);
    let circle = |text: &str| assert!(weighed(text).unwrap_err().contains("spreads itself"));
    circle("{...a} fragment a on Query{me{...a}}");
    circle("{__typename} fragment a on Query{...b} fragment b on Query{...a}");
    // A chain is rejected wherever the analysis begins: the order of the fragments is random.
    for length in [33, 300] {
        let chain: String = (0..length).map(|n| format!("fragment f{n} on Query{{...f{}}}", n + 1)).collect();
        let chain = format!("{{...f0}}{chain} fragment f{length} on Query{{__typename}}");
        assert!(weighed(&chain).unwrap_err().contains("32 selections"));
    }
}

#[test]
fn what_people_ask_for_is_fine() {
    let cost = weighed(
        "query($n:Int=7){a:me{id} chatHistory(first:$n){nodes{id ...c @skip(if:false)}totalCount}} fragment c on Chat{cost}",
    );
    let expected = Cost {
        fields: 8,
        cost: (1 + 1) + (1 + 7 + 7 * 2 + 101),
        per_row: 0,
        in_total: 0,
        depth: 3,
        own_fields: 2,
        nesting: 3,
        aliases: 1,
        directives: 1,
        introspection: 0,
    };
    assert_eq!(cost, Ok(expected));
    let typical = include_str!("../../../../../tests/it/introspection.graphql");
    let cost = weighed(typical).unwrap().cost;
    assert!(cost < 55_000, "{cost}");
}

#[test]
fn every_document_is_weighed_and_unknown_names_are_left_to_the_library() {
    for text in ["{nothing{at{all}}}", "{...{a} ...on Nothing{b} ...F ...G} fragment F on Nowhere{c}", "mutation{x}"] {
        assert!(weighed(text).unwrap().cost >= 1, "{text}");
    }
    assert!(facts().root(OperationType::Subscription).is_some());
}
