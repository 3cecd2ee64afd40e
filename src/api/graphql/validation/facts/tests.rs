use async_graphql::{Name, Value};

use super::introspection::Sizes;
use super::*;

/// Each list of the schema is a connection or has a maximum length.
#[test]
fn no_list_is_without_a_bound() {
    let registry = super::super::super::schema::types();
    let (mut lists, mut connections) = (0, 0);
    for ty in registry.types.values() {
        for (_, field) in ty.fields().into_iter().flatten() {
            let element = MetaTypeName::concrete_typename(&field.ty);
            if !is_list(&field.ty) {
                connections += usize::from(registry.types.get(element).is_some_and(is_connection));
                continue;
            }
            lists += 1;
            let is_of_connection = is_connection(ty) && ["edges", "nodes"].contains(&field.name.as_str());
            let name = format!("{}.{}", ty.name(), field.name);
            assert!(is_of_connection || bound(ty.name(), &field.name, element, 1).is_some(), "{name} has no bound");
        }
    }
    assert!(lists > 30 && connections > 10, "{lists} {connections}");
}

/// Each connection has the pagination arguments that the cost depends on.
#[test]
fn every_connection_has_its_page() {
    let registry = super::super::super::schema::types();
    for (name, ty) in &registry.types {
        for (field, facts) in ty.fields().into_iter().flatten() {
            if registry.types.get(MetaTypeName::concrete_typename(&facts.ty)).is_some_and(is_connection) {
                let has = |argument| facts.args.contains_key(argument);
                assert!(has("first") && has("last"), "{name}.{field}");
            }
        }
    }
}

/// The facts of introspection match the responses of the library.
#[tokio::test]
async fn introspection_is_as_long_as_it_is_thought_to_be() {
    let schema = super::super::super::schema::builder().finish();
    let query = "{ __schema { types { name fields(includeDeprecated: true) { name args { name } } interfaces { name }
        possibleTypes { name } enumValues(includeDeprecated: true) { name } inputFields { name } }
        directives { locations args { name } } } }";
    let Value::Object(data) = schema.execute(query).await.into_result().unwrap().data else { panic!() };
    let list = |value: &Value, name: &str| match value {
        Value::Object(object) => match object.get(name) {
            Some(Value::List(list)) => list.clone(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    let found = data.get("__schema").unwrap();
    let registry = super::super::super::schema::types();
    let sizes = Sizes::of(&registry);
    let types = list(found, "types");
    assert!(types.len() <= sizes.types, "{} types", types.len());
    for name in ["fields", "interfaces", "possibleTypes", "enumValues", "inputFields"] {
        let size = sizes.of_field(name).unwrap();
        let lengths: Vec<_> = types.iter().map(|ty| list(ty, name).len()).collect();
        assert!(lengths.iter().all(|length| *length <= size.largest), "{name}");
        assert!(lengths.iter().sum::<usize>() <= size.all, "{name}");
    }
    let fields: Vec<_> = types.iter().flat_map(|ty| list(ty, "fields")).collect();
    let args = sizes.of_field("args").unwrap();
    assert!(fields.iter().all(|field| list(field, "args").len() <= args.largest));
    let all_args: usize = fields.iter().map(|field| list(field, "args").len()).sum();
    assert!(all_args <= args.all);
    for directive in list(found, "directives") {
        assert!(list(&directive, "locations").len() <= 20 && list(&directive, "args").len() <= 4);
    }
    assert!(list(found, "directives").len() <= 10);
    // Every field of introspection that is a list or has fields is in the table.
    for (ty, known) in INTROSPECTION {
        let query = format!(
            "{{ __type(name: {ty:?}) {{ fields {{ name type {{ kind ofType {{ kind ofType {{ kind }} }} }} }} }} }}"
        );
        let Value::Object(data) = schema.execute(query).await.into_result().unwrap().data else { panic!() };
        for field in list(&data["__type"], "fields") {
            let text = serde_json::to_string(&field).unwrap();
            let Value::Object(field) = field else { panic!() };
            let leads_on = text.contains("LIST") || text.contains("OBJECT");
            let name = field[&Name::new("name")].to_string();
            let is_known = known.iter().any(|(known, _)| format!("{known:?}") == name);
            assert!(!leads_on || is_known, "{ty}.{name}");
        }
    }
}
