//! GraphQL documents for tests: random queries generated from the schema, and equivalent rewrites of a document.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Write};

use async_graphql::parser::types::{
    BaseType, Directive, DocumentOperations, ExecutableDocument, Field, FieldDefinition, FragmentDefinition,
    InlineFragment, OperationDefinition, OperationType, Selection, SelectionSet, Type, TypeCondition, TypeKind,
    TypeSystemDefinition,
};
use async_graphql::parser::{parse_query, parse_schema};
use async_graphql::{Name, Pos, Positioned};

/// The types of introspection, which an SDL document does not contain.
const INTROSPECTION: &str = "
    type __Schema { description: String types: [__Type!]! queryType: __Type! mutationType: __Type
        subscriptionType: __Type directives: [__Directive!]! }
    type __Type { kind: __TypeKind! name: String description: String fields(includeDeprecated: Boolean): [__Field!]
        interfaces: [__Type!] possibleTypes: [__Type!] enumValues(includeDeprecated: Boolean): [__EnumValue!]
        inputFields(includeDeprecated: Boolean): [__InputValue!] ofType: __Type specifiedByURL: String
        isOneOf: Boolean }
    type __Field { name: String! description: String args(includeDeprecated: Boolean): [__InputValue!]!
        type: __Type! isDeprecated: Boolean! deprecationReason: String }
    type __InputValue { name: String! description: String type: __Type! defaultValue: String
        isDeprecated: Boolean! deprecationReason: String }
    type __EnumValue { name: String! description: String isDeprecated: Boolean! deprecationReason: String }
    type __Directive { name: String! description: String locations: [__DirectiveLocation!]!
        args(includeDeprecated: Boolean): [__InputValue!]! isRepeatable: Boolean! }
    extend type Query { __schema: __Schema! __type(name: String!): __Type }";

/// How a selection set is wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrapping {
    /// `{ ... { a } }`
    Inline,
    /// `{ ... on T { a } }`
    Condition,
    /// `{ ...F } fragment F on T { a }`
    Fragment,
}

/// All kinds of wrapping.
pub const WRAPPINGS: [Wrapping; 3] = [Wrapping::Inline, Wrapping::Condition, Wrapping::Fragment];

/// Choices determined by bytes; once these are used up, always the first option.
pub struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    /// Creates choices from these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Returns an index below `count`.
    fn of(&mut self, count: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first) % count.max(1)
    }

    fn is_over(&self) -> bool {
        self.0.is_empty()
    }
}

/// The schema from which documents are generated.
pub struct Schema {
    types: BTreeMap<String, TypeKind>,
}

impl Schema {
    /// Parses the schema of the server (`schema.graphql`) and of introspection.
    pub fn new() -> Self {
        let mut types = BTreeMap::new();
        for text in [include_str!("../../schema.graphql"), INTROSPECTION] {
            for definition in parse_schema(text).unwrap().definitions {
                let TypeSystemDefinition::Type(ty) = definition else { continue };
                let (name, kind) = (ty.node.name.node.to_string(), ty.node.kind);
                match (types.get_mut(&name), kind) {
                    (Some(TypeKind::Object(known)), TypeKind::Object(more)) => known.fields.extend(more.fields),
                    (_, kind) => drop(types.insert(name, kind)),
                }
            }
        }
        Self { types }
    }

    fn fields(&self, ty: &str) -> &[Positioned<FieldDefinition>] {
        match self.types.get(ty) {
            Some(TypeKind::Object(object)) => &object.fields,
            Some(TypeKind::Interface(interface)) => &interface.fields,
            _ => &[],
        }
    }

    fn field_type(&self, ty: &str, field: &str) -> Option<&str> {
        Some(concrete(&self.fields(ty).iter().find(|known| known.node.name.node == field)?.node.ty.node))
    }

    fn possible(&self, abstract_type: &str) -> Vec<&str> {
        let implements = |kind: &TypeKind| matches!(kind, TypeKind::Object(object) if object.implements.iter().any(|name| name.node == abstract_type));
        match self.types.get(abstract_type) {
            Some(TypeKind::Union(union)) => union.members.iter().map(|member| member.node.as_str()).collect(),
            Some(TypeKind::Interface(_)) => {
                self.types.iter().filter(|(_, kind)| implements(kind)).map(|(name, _)| name.as_str()).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Generates a query by these choices; `ids` are the global ids that it may use.
    pub fn query(&self, choices: &mut Choices<'_>, ids: &[String]) -> String {
        let mut text = String::from("query($n: Int = 3, $m: Int, $yes: Boolean = true) ");
        self.selection(&mut text, choices, "Query", ids, 0);
        // Validation requires that all variables are used.
        text.truncate(text.rfind('}').unwrap_or(text.len()));
        text + " a: sessions(first: $n) @include(if: $yes) { __typename } b: sessions(last: $m) { __typename } }"
    }

    fn selection(&self, text: &mut String, choices: &mut Choices<'_>, ty: &str, ids: &[String], depth: usize) {
        text.push_str("{ __typename");
        let possible = self.possible(ty);
        for _ in 0..choices.of(if depth == 0 { 4 } else { 5 }) + usize::from(depth == 0) {
            if choices.is_over() {
                break;
            }
            match choices.of(8) {
                0 if depth < 8 => {
                    text.push_str(" ... ");
                    if choices.of(2) == 1 {
                        write!(text, "on {ty} ").unwrap();
                    }
                    self.selection(text, choices, ty, ids, depth + 1);
                }
                1..=6 if !possible.is_empty() => {
                    let ty = possible[choices.of(possible.len())];
                    write!(text, " ... on {ty} ").unwrap();
                    self.selection(text, choices, ty, ids, depth + 1);
                }
                _ => {
                    let fields = self.fields(ty);
                    if !fields.is_empty() {
                        let field = &fields[choices.of(fields.len())].node;
                        self.field(text, choices, field, ids, depth);
                    }
                }
            }
        }
        text.push_str(" }");
    }

    fn field(
        &self,
        text: &mut String,
        choices: &mut Choices<'_>,
        field: &FieldDefinition,
        ids: &[String],
        depth: usize,
    ) {
        let ty = concrete(&field.ty.node);
        let is_leaf = self.fields(ty).is_empty() && self.possible(ty).is_empty();
        if !is_leaf && depth >= 9 {
            return;
        }
        // A unique alias each time: fields with the same response name must have the same arguments.
        write!(text, " f{}: {}", text.len(), field.name.node).unwrap();
        let mut arguments = Vec::new();
        for argument in &field.arguments {
            let name = argument.node.name.node.as_str();
            let is_required = !argument.node.ty.node.nullable;
            let value = match (name, concrete(&argument.node.ty.node)) {
                ("first" | "last", _) => ["", "5", "100", "1", "$n", "$m", "null", "30"][choices.of(8)].to_owned(),
                ("days", _) => ["", "2", "40"][choices.of(3)].to_owned(),
                ("search", _) => ["", "", "", "\"a\""][choices.of(4)].to_owned(),
                (_, "Boolean") => ["", "true", "false"][choices.of(3)].to_owned(),
                ("name", _) => format!("{:?}", ["Query", "__Type", "Chat", "Mutation", "nothing"][choices.of(5)]),
                (_, "ID") if is_required && !ids.is_empty() => format!("{:?}", ids[choices.of(ids.len())]),
                ("since", "DateTime") if is_required => "\"2026-03-01T00:00:00Z\"".to_owned(),
                ("until", "DateTime") if is_required => "\"2026-03-03T00:00:00Z\"".to_owned(),
                (_, "EstimateMessageInput") => "{message: \"x\"}".to_owned(),
                (_, "PricePreviewInput") => "{model: \"echo\", price: {perMessage: 1}}".to_owned(),
                _ if is_required => "\"x\"".to_owned(),
                _ => String::new(),
            };
            // `first` and `last` are mutually exclusive.
            let is_second = name == "last" && arguments.iter().any(|known: &String| known.starts_with("first"));
            if !value.is_empty() && !is_second {
                arguments.push(format!("{name}: {value}"));
            }
        }
        if !arguments.is_empty() {
            write!(text, "({})", arguments.join(", ")).unwrap();
        }
        if choices.of(10) == 9 {
            text.push_str(" @include(if: $yes)");
        }
        if !is_leaf {
            text.push(' ');
            self.selection(text, choices, ty, ids, depth + 1);
        }
    }

    /// Returns the document with each selection set of its operations and fragments wrapped; `None` if it can't be
    /// parsed, or is a subscription, which is not valid in another form.
    pub fn wrapped(&self, document: &str, mut how: impl FnMut() -> Option<Wrapping>) -> Option<String> {
        let mut document = parse_query(document).ok()?;
        let first = document.fragments.len();
        let mut wrapper = Wrapper { schema: self, how: &mut how, first, made: HashMap::new() };
        let operations: Vec<&mut OperationDefinition> = match &mut document.operations {
            DocumentOperations::Single(operation) => vec![&mut operation.node],
            DocumentOperations::Multiple(operations) => operations.values_mut().map(|o| &mut o.node).collect(),
        };
        for operation in operations {
            let root = match operation.ty {
                OperationType::Query => "Query",
                OperationType::Mutation => "Mutation",
                // The root field of a subscription must not be in a fragment.
                OperationType::Subscription => return None,
            };
            wrapper.set(&mut operation.selection_set, Some(root));
        }
        for fragment in document.fragments.values_mut() {
            let ty = fragment.node.type_condition.node.on.node.to_string();
            wrapper.set(&mut fragment.node.selection_set, Some(&ty));
        }
        let made = wrapper.made;
        document.fragments.extend(made);
        Some(Written(&document).to_string())
    }
}

struct Wrapper<'a> {
    schema: &'a Schema,
    how: &'a mut dyn FnMut() -> Option<Wrapping>,
    /// The number of the first generated fragment.
    first: usize,
    made: HashMap<Name, Positioned<FragmentDefinition>>,
}

impl Wrapper<'_> {
    /// Wraps a selection set of this type, if that is known, and all nested ones.
    fn set(&mut self, set: &mut Positioned<SelectionSet>, ty: Option<&str>) {
        if set.node.items.is_empty() {
            return;
        }
        for selection in &mut set.node.items {
            match &mut selection.node {
                Selection::Field(field) => {
                    let inner = ty.and_then(|ty| self.schema.field_type(ty, &field.node.name.node));
                    self.set(&mut field.node.selection_set, inner);
                }
                Selection::InlineFragment(inline) => {
                    let condition =
                        inline.node.type_condition.as_ref().map(|condition| condition.node.on.node.to_string());
                    self.set(&mut inline.node.selection_set, condition.as_deref().or(ty));
                }
                Selection::FragmentSpread(_) => {}
            }
        }
        let Some(how) = (self.how)() else { return };
        let at = |node| Positioned::new(node, Pos::default());
        let condition = ty.map(|ty| {
            Positioned::new(TypeCondition { on: Positioned::new(Name::new(ty), Pos::default()) }, Pos::default())
        });
        let inner = std::mem::take(&mut set.node.items);
        let inner = Positioned::new(SelectionSet { items: inner }, Pos::default());
        let selection = match (how, condition) {
            (Wrapping::Fragment, Some(type_condition)) => {
                let name = Name::new(format!("Wrapped{}", self.first + self.made.len()));
                let fragment = FragmentDefinition { type_condition, directives: Vec::new(), selection_set: inner };
                self.made.insert(name.clone(), Positioned::new(fragment, Pos::default()));
                let fragment_name = Positioned::new(name, Pos::default());
                let spread = async_graphql::parser::types::FragmentSpread { fragment_name, directives: Vec::new() };
                Selection::FragmentSpread(Positioned::new(spread, Pos::default()))
            }
            (how, condition) => {
                let type_condition = condition.filter(|_| how == Wrapping::Condition);
                let inline = InlineFragment { type_condition, directives: Vec::new(), selection_set: inner };
                Selection::InlineFragment(Positioned::new(inline, Pos::default()))
            }
        };
        set.node.items.push(at(selection));
    }
}

/// Returns whether a document contains only queries.
pub fn is_query(document: &str) -> bool {
    parse_query(document).is_ok_and(|document| {
        document.operations.iter().all(|(_, operation)| operation.node.ty == OperationType::Query)
    })
}

/// Returns the named type without list and non-null modifiers.
fn concrete(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(element) => concrete(element),
    }
}

/// A document, for formatting as text.
struct Written<'a>(&'a ExecutableDocument);

impl fmt::Display for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, operation) in self.0.operations.iter() {
            let operation = &operation.node;
            write!(f, "{} {}", operation.ty, name.map(|name| name.as_str()).unwrap_or_default())?;
            if !operation.variable_definitions.is_empty() {
                f.write_char('(')?;
                for variable in &operation.variable_definitions {
                    write!(f, "${}: {}", variable.node.name.node, variable.node.var_type.node)?;
                    if let Some(default) = &variable.node.default_value {
                        write!(f, " = {}", default.node)?;
                    }
                    write_directives(f, &variable.node.directives)?;
                    f.write_char(' ')?;
                }
                f.write_char(')')?;
            }
            write_directives(f, &operation.directives)?;
            write_set(f, &operation.selection_set.node)?;
        }
        for (name, fragment) in &self.0.fragments {
            let fragment = &fragment.node;
            write!(f, " fragment {name} on {}", fragment.type_condition.node.on.node)?;
            write_directives(f, &fragment.directives)?;
            write_set(f, &fragment.selection_set.node)?;
        }
        Ok(())
    }
}

fn write_set(f: &mut fmt::Formatter<'_>, set: &SelectionSet) -> fmt::Result {
    f.write_str("{")?;
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => write_field(f, &field.node)?,
            Selection::FragmentSpread(spread) => {
                write!(f, " ...{}", spread.node.fragment_name.node)?;
                write_directives(f, &spread.node.directives)?;
            }
            Selection::InlineFragment(inline) => {
                f.write_str(" ...")?;
                if let Some(condition) = &inline.node.type_condition {
                    write!(f, " on {}", condition.node.on.node)?;
                }
                write_directives(f, &inline.node.directives)?;
                write_set(f, &inline.node.selection_set.node)?;
            }
        }
    }
    f.write_str("}")
}

fn write_field(f: &mut fmt::Formatter<'_>, field: &Field) -> fmt::Result {
    f.write_char(' ')?;
    if let Some(alias) = &field.alias {
        write!(f, "{}: ", alias.node)?;
    }
    write!(f, "{}", field.name.node)?;
    write_arguments(f, &field.arguments)?;
    write_directives(f, &field.directives)?;
    if field.selection_set.node.items.is_empty() { Ok(()) } else { write_set(f, &field.selection_set.node) }
}

fn write_directives(f: &mut fmt::Formatter<'_>, directives: &[Positioned<Directive>]) -> fmt::Result {
    for directive in directives {
        write!(f, " @{}", directive.node.name.node)?;
        write_arguments(f, &directive.node.arguments)?;
    }
    Ok(())
}

fn write_arguments<V: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    arguments: &[(Positioned<Name>, Positioned<V>)],
) -> fmt::Result {
    for (place, (name, value)) in arguments.iter().enumerate() {
        write!(f, "{}{}: {}", if place == 0 { "(" } else { ", " }, name.node, value.node)?;
    }
    f.write_str(if arguments.is_empty() { "" } else { ")" })
}
