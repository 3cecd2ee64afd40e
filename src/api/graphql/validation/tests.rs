//! Tests of validation.

use serde_json::json;

use super::scalars::CUSTOM_SCALARS;
use super::validator::Validator;

fn validator() -> Validator {
    Validator::of(&super::super::schema::sdl()).unwrap()
}

fn errors(document: &str) -> Vec<String> {
    let found = validator().check(document, false).err().unwrap_or_default();
    assert!(found.iter().all(|error| !error.locations.is_empty()), "each has a location: {found:?}");
    found.into_iter().map(|error| error.message).collect()
}

#[test]
fn what_the_library_leaves_open_is_an_error() {
    let twice = "mutation { deleteChat(input: { chatId: \"a\", chatId: \"b\" }) { errors { code } } }";
    assert_eq!(errors(twice), ["There can be only one input field named \"chatId\"."]);
    let nullable = "mutation M($id: ID) { deleteChat(input: { chatId: $id }) { errors { code } } }";
    let expected = "Variable \"$id\" of type \"ID\" used in position expecting type \"ID!\".";
    assert_eq!(errors(nullable), [expected]);
    let by_fragment = "query M($id: ID) { ...f } fragment f on Query { chat(id: $id) { id } }";
    assert_eq!(errors(by_fragment).len(), 1);
    let standard = nullable.replace("ID)", "ID = \"x\")");
    assert_eq!(errors(&standard), [""; 0], "a default that is not null makes up for it");
    let amount = |amount: &str| {
        format!(
            "mutation {{ adjustBalance(input: {{ userId: \"x\", amount: {amount}, reason: \"x\" }}) {{ errors {{ code }} }} }}"
        )
    };
    assert_eq!(errors(&amount("100")), [""; 0]);
    for odd in ["\"x\"", "1.5", "true", "[1]", "{a: 1}", "RED", "9007199254740993", "99999999999999999999999"] {
        assert_eq!(errors(&amount(odd)), ["Expected a value of type \"Tokens!\"."], "{odd}");
    }
}

#[test]
fn the_operation_is_found_by_its_name_or_is_the_only_one() {
    let declared = |document: &str, name| {
        let variables = validator().check(document, false).unwrap_or_else(|errors| panic!("{errors:?}"));
        variables.of_operation(name).map(<[_]>::len)
    };
    let (one, two) = ("query A { __typename }", "query A { __typename } query B($x: ID!) { chat(id: $x) { id } }");
    assert_eq!((declared(one, None), declared(one, Some("A")), declared(one, Some("B"))), (Some(0), Some(0), None));
    assert_eq!((declared(two, None), declared(two, Some("A")), declared(two, Some("B"))), (None, Some(0), Some(1)));
}

#[test]
fn a_similar_field_is_suggested() {
    let error = |suggestions| validator().check("{ balanc { tokens } }", suggestions).err().unwrap()[0].message.clone();
    assert_eq!(error(false), "type `Query` does not have a field `balanc`");
    assert_eq!(error(true), "type `Query` does not have a field `balanc`. Did you mean `balance`?");
    let far = validator().check(&format!("{{ {} }}", "x".repeat(30_000)), true).err().unwrap();
    assert!(!far[0].message.contains("Did you mean"));
}

#[test]
fn directives_of_typename_are_validated() {
    assert_eq!(errors("query($x: Boolean!) { __typename @include(if: $x) }"), [""; 0]);
    for odd in ["@nope", "@include", "@skip(if: 1)", "@include(if: $x)", "@skip(if: true) @skip(if: true)"] {
        assert_eq!(errors(&format!("{{ __typename {odd} }}")).len(), 1, "{odd}");
    }
}

#[test]
fn variables_have_their_types() {
    let validator = validator();
    let check = |types: &str, value: serde_json::Value| {
        let document = ExecutableDocument::parse(&validator.schema, format!("query M({types}) {{ __typename }}"), "");
        let document = document.unwrap();
        let given = json!({ "v": value });
        validator.check_variables(&document.operations.get(None).unwrap().variables, given.as_object())
    };
    for (ty, fine) in [
        ("Int!", json!(2147483647)),
        ("Int", json!(null)),
        ("[Int!]", json!(1)),
        ("[Int]!", json!([1, null])),
        ("ID", json!(1)),
        ("Tokens", json!(9007199254740991i64)),
        ("DateTime", json!("2026-01-01T00:00:00Z")),
        ("ChatStatus", json!("DONE")),
        ("DeleteChatInput", json!({ "chatId": "x" })),
    ] {
        assert_eq!(check(&format!("$v: {ty}"), fine), Ok(()), "{ty}");
    }
    for (ty, odd, words) in [
        ("Int", json!(2147483648i64), "got an invalid value: 2147483648 is no Int."),
        ("Int", json!("1"), "got an invalid value: \"1\" is no Int."),
        ("Int!", json!(null), "of type \"Int!\" must not be null."),
        ("[Int!]", json!([1, null]), "element 1 must not be null."),
        ("[Int]", json!([[1]]), "[1] is no Int."),
        ("String", json!(1), "1 is no String."),
        ("ID", json!(1.5), "1.5 is no ID."),
        ("Tokens", json!(9007199254740993i64), "9007199254740993 is no Tokens."),
        ("Tokens", json!([1]), "[1] is no Tokens."),
        ("DateTime", json!("x"), "\"x\" is no DateTime."),
        ("ChatStatus", json!("X"), "\"X\" is no ChatStatus."),
        ("DeleteChatInput", json!({}), "Field \"DeleteChatInput.chatId\" of required type \"ID!\" was not provided."),
        ("DeleteChatInput", json!({ "chatId": null }), "Field \"DeleteChatInput.chatId\" must not be null."),
        ("DeleteChatInput", json!({ "x": 1 }), "Field \"x\" is not defined by type \"DeleteChatInput\"."),
        ("DeleteChatInput", json!("x"), "\"x\" is no DeleteChatInput."),
    ] {
        let error = check(&format!("$v: {ty}"), odd).unwrap_err();
        assert!(error.ends_with(words) && error.starts_with("Variable \"$v\""), "{error}");
    }
    let missing = check("$v: Int, $w: Int!", json!(1)).unwrap_err();
    assert_eq!(missing, "Variable \"$w\" of required type \"Int!\" was not provided.");
    assert_eq!(check("$v: Int, $w: Int! = 1", json!(1)), Ok(()));
}

#[test]
fn each_custom_scalar_has_a_check() {
    let validator = validator();
    let own = validator.schema.types.values().filter(|ty| !ty.is_built_in()).filter_map(|ty| ty.as_scalar());
    let mut own: Vec<&str> = own.map(|scalar| scalar.name.as_str()).collect();
    own.sort_unstable();
    let mut read = CUSTOM_SCALARS.map(|(name, _)| name);
    read.sort_unstable();
    assert_eq!(own, read);
}
