//! Schema facts for the cost analysis: the type of each field, and its maximum number of rows. They are read once from
//! the types of the schema, so that no spelling of a selection changes them.

mod introspection;

use std::collections::HashMap;

use async_graphql::parser::types::OperationType;
use async_graphql::registry::{MetaField, MetaType, MetaTypeName, Registry};
use async_graphql::resolver_utils::EnumType;

use self::introspection::INTROSPECTION;
use super::super::query::{DEFAULT_DAYS, DEFAULT_SPENDERS};
use super::super::types::DEFAULT_ROWS;
use crate::core::password::RULES;
use crate::core::price::Part;
use crate::core::viewer::Scope;
use crate::domain::account::admin::MAX_USERS;
use crate::domain::catalog::{MAX_APPLIED, MAX_HEADERS, MAX_PROPOSALS, MAX_ROUTES, MAX_UNMATCHED};
use crate::domain::chat::MAX_VERSIONS;
use crate::domain::overview::MAX_MODELS;
use crate::infra::ai::route_state::RouteErrorKind;
use crate::infra::ai::upstream::probe::{MAX_LISTED, StepKind};
use crate::infra::entity::webhook::Event;

/// Maximum number of field errors of one mutation. Inputs have fewer fields, each with few errors.
const MAX_USER_ERRORS: usize = 16;
/// Maximum number of days of an overview.
const MAX_DAYS: usize = 366;
/// Maximum number of chats that one search reads.
const SEARCHED_ROWS: usize = 1000;
/// The cost of a total count, which scans an index.
const COUNTED_ROWS: usize = 100;

/// Maximum number of chats that the context of a message reads.
const CONTEXT_ROWS: usize = 200;
/// The cost of the ids of all versions of a message, at most [`MAX_VERSIONS`] entries of an index: ten of them take
/// about as long as a row.
const VERSIONS_ROWS: usize = MAX_VERSIONS as usize / 10;

/// The id of a type that has fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TypeId(usize);

/// Facts of one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FieldFacts {
    /// The type of its selection; `None` if it has no selection.
    pub(crate) ty: Option<TypeId>,
    /// The maximum number of rows that it returns.
    pub(crate) rows: Rows,
    /// Additional rows that are read, whatever is selected.
    pub(crate) read: usize,
    /// Additional rows that are read if the argument `search` is given.
    pub(crate) searched: usize,
    /// Whether this is a circular list of introspection, whose elements have such lists.
    pub(crate) is_circular: bool,
}

/// The maximum number of rows that a field returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// One object or value.
    One,
    /// A connection: a page whose size is in the arguments `first` and `last`.
    Connection,
    /// The edges or the nodes of a connection: one for each row of its page.
    OfConnection,
    /// A list with this maximum length.
    AtMost(usize),
    /// A list within the list of all types, with this maximum total length for all types.
    InTotal(usize),
    /// A list whose length is an argument, or its default, times a constant.
    Requested {
        /// The name of the argument.
        argument: &'static str,
        /// The length where the argument is omitted.
        default: usize,
        /// Elements for each unit of the argument.
        each: usize,
    },
}

/// Returns the maximum length of a list that is not a connection; `None` for a list without a bound, which a test
/// reports. `models` is the number of configured models.
fn bound(parent: &str, field: &str, element: &str, models: usize) -> Option<Rows> {
    Some(match (parent, field) {
        ("Query", "models") | ("ApiKey", "models") => Rows::AtMost(models),
        // A day has a row for each model, and one for the total.
        ("Query", "usage") => Rows::Requested { argument: "days", default: DEFAULT_DAYS as usize, each: models + 1 },
        ("Query", "topSpenders") => Rows::Requested { argument: "first", default: DEFAULT_SPENDERS as usize, each: 1 },
        ("PasswordRules", "texts") => Rows::AtMost(RULES.len()),
        ("Overview", "days") => Rows::AtMost(MAX_DAYS),
        ("Overview", "models") => Rows::AtMost(MAX_MODELS),
        ("Overview", "apiKeys" | "lowBalances") => {
            Rows::Requested { argument: "first", default: DEFAULT_ROWS as usize, each: 1 }
        }
        ("SetUsersActivePayload", "changedUserIds") => Rows::AtMost(MAX_USERS),
        ("Receipt", "lines") => Rows::AtMost(Part::items().len()),
        ("CatalogModel", "routes" | "routeStates") => Rows::AtMost(MAX_ROUTES),
        ("RouteCalls", "errors") => Rows::AtMost(RouteErrorKind::ALL.len()),
        ("PriceProposal", "changes") => Rows::AtMost(Part::items().len()),
        ("ProposePricesPayload", "proposals") => Rows::AtMost(MAX_PROPOSALS),
        ("ProposePricesPayload", "unmatched") => Rows::AtMost(MAX_UNMATCHED),
        ("ApplyPricesPayload", "versions") => Rows::AtMost(MAX_APPLIED),
        ("Provider", "headers") => Rows::AtMost(MAX_HEADERS),
        ("Query", "providerModels") => Rows::AtMost(MAX_LISTED),
        ("TestProviderPayload", "steps") => Rows::AtMost(StepKind::items().len()),
        ("Webhook", "events") => Rows::AtMost(Event::items().len()),
        ("ApiKey", "scopes") => Rows::AtMost(Scope::items().len()),
        _ if element == "UserError" => Rows::AtMost(MAX_USER_ERRORS),
        _ => return None,
    })
}

/// The facts of all fields of the schema.
pub(crate) struct SchemaFacts {
    types: Vec<HashMap<String, FieldFacts>>,
    by_name: HashMap<String, TypeId>,
    /// Variants of introspection types within the list of all types, each mapped to its usual type. Each type is listed
    /// once there, so their total number of fields is less than that of as many types of the largest size.
    listed: HashMap<TypeId, TypeId>,
}

impl SchemaFacts {
    /// Reads the facts of a schema. `models` is the number of configured models.
    pub(crate) fn of(registry: &Registry, models: usize) -> Self {
        let mut facts = Self { types: Vec::new(), by_name: HashMap::new(), listed: HashMap::new() };
        let composite = registry.types.values().filter(|ty| ty.is_composite());
        for name in composite.map(MetaType::name).chain(INTROSPECTION.map(|(name, _)| name)) {
            facts.by_name.insert(name.to_owned(), TypeId(facts.types.len()));
            facts.types.push(HashMap::new());
        }
        for (name, ty) in &registry.types {
            for field in ty.fields().into_iter().flatten().map(|(_, field)| field) {
                let found = facts.read(registry, ty, field, models);
                facts.insert(name, &field.name, found);
            }
        }
        facts.add_introspection(registry);
        facts
    }

    /// Returns the root type of an operation.
    pub(crate) fn root(&self, operation: OperationType) -> Option<TypeId> {
        self.type_of(match operation {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        })
    }

    /// Returns the type with this name, if it has fields.
    pub(crate) fn type_of(&self, name: &str) -> Option<TypeId> {
        self.by_name.get(name).copied()
    }

    /// Returns the type of a fragment with this type condition, spread in a selection of the type `at`.
    pub(crate) fn narrowed(&self, at: Option<TypeId>, condition: &str) -> Option<TypeId> {
        let named = self.type_of(condition);
        // A type condition can only name the usual type.
        if at.is_some_and(|at| self.listed.get(&at).copied() == named) { at } else { named }
    }

    /// Returns the facts of a field; `None` for an unknown field, which validation reports.
    pub(crate) fn field(&self, ty: Option<TypeId>, name: &str) -> Option<&FieldFacts> {
        self.types.get(ty?.0)?.get(name)
    }

    fn insert(&mut self, ty: &str, field: &str, facts: FieldFacts) {
        if let Some(fields) = self.type_of(ty).and_then(|TypeId(place)| self.types.get_mut(place)) {
            fields.insert(field.to_owned(), facts);
        }
    }

    fn read(&self, registry: &Registry, parent: &MetaType, field: &MetaField, models: usize) -> FieldFacts {
        let element = MetaTypeName::concrete_typename(&field.ty);
        let rows = if is_list(&field.ty) {
            // A list without a bound counts as the largest page.
            let any = Rows::AtMost(crate::core::pagination::MAX_SIZE as usize);
            if is_connection(parent) && !registry.types.get(element).is_some_and(MetaType::is_leaf) {
                Rows::OfConnection
            } else {
                bound(parent.name(), &field.name, element, models).unwrap_or(any)
            }
        } else if registry.types.get(element).is_some_and(is_connection) {
            Rows::Connection
        } else {
            Rows::One
        };
        FieldFacts {
            ty: self.type_of(element),
            rows,
            read: match (parent.name(), field.name.as_str()) {
                (_, "totalCount") if is_connection(parent) => COUNTED_ROWS,
                ("Query", "estimateMessage") => CONTEXT_ROWS,
                ("Chat", "versions") => VERSIONS_ROWS,
                _ => 0,
            },
            searched: if field.args.contains_key("search") { SEARCHED_ROWS } else { 0 },
            is_circular: false,
        }
    }
}

fn is_list(ty: &str) -> bool {
    ty.starts_with('[')
}

/// Returns whether this is a connection of Relay's specification: a type with `pageInfo`.
fn is_connection(ty: &MetaType) -> bool {
    ty.field_by_name("pageInfo").is_some_and(|field| MetaTypeName::concrete_typename(&field.ty) == "PageInfo")
}

#[cfg(test)]
mod tests;
