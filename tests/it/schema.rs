//! The schema equals `schema.graphql`, and every element has a description.

use serde_json::{Value, json};

use crate::support::{On, TestApp};

#[test]
fn schema_graphql_is_up_to_date() {
    let file = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql")).unwrap();
    assert!(jeton::api::graphql::sdl() == file, "schema.graphql differs from the code: run `make schema`");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_field_argument_and_value_has_a_description() {
    let app = TestApp::start(On::Sqlite).await;
    let query = "{ __schema { types { name description
        fields(includeDeprecated: true) { name description args { name description } }
        inputFields { name description } enumValues(includeDeprecated: true) { name description } } } }";
    let schema = app.anonymous().data(query, json!({})).await;
    let mut silent = Vec::new();
    for of in schema["__schema"]["types"].as_array().unwrap() {
        let name = of["name"].as_str().unwrap();
        // The types of introspection, and the built-in scalars.
        if name.starts_with("__") || ["Boolean", "Float", "ID", "Int", "String"].contains(&name) {
            continue;
        }
        note(&mut silent, name, of);
        for list in ["fields", "inputFields", "enumValues"] {
            for element in of[list].as_array().into_iter().flatten() {
                let path = format!("{name}.{}", element["name"].as_str().unwrap());
                note(&mut silent, &path, element);
                for argument in element["args"].as_array().into_iter().flatten() {
                    note(&mut silent, &format!("{path}({})", argument["name"].as_str().unwrap()), argument);
                }
            }
        }
    }
    assert_eq!(silent, Vec::<String>::new(), "these have no description");
}

fn note(silent: &mut Vec<String>, path: &str, element: &Value) {
    if element["description"].as_str().is_none_or(str::is_empty) {
        silent.push(path.to_owned());
    }
}
