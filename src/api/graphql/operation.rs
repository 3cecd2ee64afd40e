//! Operations: parsed and validated, checked against the cost limits, and executed within their budget. Nothing here
//! depends on the transport, except that only HTTP sets cookies.

use std::collections::HashSet;
use std::sync::Arc;

use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, OperationType, Selection, SelectionSet};
use async_graphql::{Request, Variables};
use axum::http::{HeaderMap, StatusCode};
use futures::StreamExt;
use futures::stream::{BoxStream, once};

use super::answer::Answer;
use super::budget::{Budget, Owner};
use super::cookie::CookieSession;
use super::cost::{self, Cost};
use super::error::{finish, refusal};
use super::facts::SchemaFacts;
use super::guard;
use super::limits::Limits;
use super::request::{Graphql, GraphqlRequest, RequestRejection};
use super::validation::{self, DocumentVariables};
use super::{error_metrics, loader};
use crate::core::error::Error;
use crate::core::viewer::{ClientInfo, Viewer};

/// Request header that adds the cost of the operation to the response.
const SHOW_COST: &str = "x-jeton-show-cost";
/// Request size in bytes, and cost, above which work moves to the worker thread for expensive work.
const LONG: usize = 8 << 10;
const EXPENSIVE: usize = 2000;

/// A cache of valid documents by their text: clients send the same few documents repeatedly, and parsing and validating
/// one takes longer than all other work before its execution.
pub(super) type Documents = moka::sync::Cache<String, ValidDocument>;

/// A valid document: parsed for execution, with the variables of its operations.
#[derive(Clone)]
pub(super) struct ValidDocument {
    parsed: Arc<ExecutableDocument>,
    variables: Arc<DocumentVariables>,
}

/// Maximum size of the text of cached documents, in bytes; parsed it takes about ten times as much memory.
const KNOWN_BYTES: u64 = 1 << 20;

pub(super) fn documents() -> Documents {
    let weight = |text: &String, _: &ValidDocument| u32::try_from(text.len()).unwrap_or(u32::MAX);
    moka::sync::Cache::builder().weigher(weight).max_capacity(KNOWN_BYTES).build()
}

/// An operation that is ready to be executed.
pub(super) struct Operation {
    request: Request,
    cost: Cost,
    pub(super) kind: OperationType,
    is_expensive: bool,
}

impl Operation {
    /// Parses and validates a request, a large one on the worker thread for expensive work.
    ///
    /// # Errors
    /// The rejection of a request that is over a limit or not valid.
    pub(super) async fn read(graphql: &Graphql, asked: GraphqlRequest) -> Result<Self, RequestRejection> {
        if asked.bytes <= LONG {
            return Self::new(graphql, asked);
        }
        let reader = graphql.clone();
        let read = async move { Self::new(&reader, asked) };
        graphql.expensive.run(read).await.unwrap_or_else(|error| Err(RequestRejection::fault(error)))
    }

    fn new(graphql: &Graphql, asked: GraphqlRequest) -> Result<Self, RequestRejection> {
        let is_long = asked.bytes > LONG;
        let GraphqlRequest { query, operation_name, variables, .. } = asked;
        // Many clients send an empty name for none.
        let operation_name = operation_name.filter(|name| !name.is_empty());
        let query = query.ok_or_else(|| RequestRejection::new(StatusCode::BAD_REQUEST, "`query` is missing."))?;
        guard::check_text(&query, &Limits::STANDARD).map_err(RequestRejection::of_document)?;
        if let Some(variables) = &variables {
            guard::check_variables(variables, &Limits::STANDARD).map_err(RequestRejection::of_document)?;
        }
        let validator = validation::standard().map_err(RequestRejection::fault)?;
        let known = graphql.documents.get(&query);
        let parsed = match &known {
            Some(known) => known.parsed.clone(),
            None => Arc::new(
                async_graphql::parser::parse_query(&query)
                    .map_err(|error| RequestRejection::of_document(error.to_string()))?,
            ),
        };
        // Before validation, whose time depends on the expanded size of the fragments.
        let selected = check_operation(&parsed, operation_name.as_deref(), variables.as_ref(), &graphql.facts)?;
        let document = match known {
            Some(known) => known,
            None => {
                let variables = validator.check(&query, graphql.app.config.graphql.suggestions);
                let variables = Arc::new(variables.map_err(RequestRejection::of_errors)?);
                let document = ValidDocument { parsed, variables };
                // A string literal may be a password, so such a document is not cached; changing values should be
                // variables anyway.
                if !query.contains('"') {
                    graphql.documents.insert(query.clone(), document.clone());
                }
                document
            }
        };
        let declared = document.variables.of_operation(operation_name.as_deref());
        let Some(((kind, cost), declared)) = selected.zip(declared) else {
            return Err(RequestRejection::of_document(match operation_name {
                Some(name) => format!("Unknown operation named \"{name}\"."),
                None => "The document has several operations: `operationName` must name one of them.".to_owned(),
            }));
        };
        validator.check_variables(declared, variables.as_ref()).map_err(RequestRejection::of_document)?;
        let mut request = Request::new(query);
        request.set_parsed_query(Arc::unwrap_or_clone(document.parsed));
        if let Some(name) = operation_name {
            request = request.operation_name(name);
        }
        if let Some(variables) = variables {
            request = request.variables(Variables::from_json(variables.into()));
        }
        Ok(Self { request, cost, kind, is_expensive: is_long || cost.cost > EXPENSIVE })
    }

    /// Executes the operation for the HTTP transport, which takes one response and can set cookies.
    pub(super) async fn execute(
        self,
        graphql: &Graphql,
        viewer: Viewer,
        headers: &HeaderMap,
        origin: ClientInfo,
    ) -> Answer {
        let shown = headers.contains_key(SHOW_COST);
        self.answer(graphql, viewer, CookieSession::of(headers), origin, shown).await
    }

    /// Executes the operation for transports that take any number of responses.
    pub(super) fn stream(self, graphql: &Graphql, viewer: Viewer, origin: ClientInfo) -> BoxStream<'static, Answer> {
        let graphql = graphql.clone();
        if self.kind != OperationType::Subscription {
            let answer = async move { self.answer(&graphql, viewer, CookieSession::default(), origin, false).await };
            return once(answer).boxed();
        }
        let Self { request, cost, kind, is_expensive } = self;
        let owner = Owner::of(viewer, &origin);
        let place = match is_expensive.then(|| graphql.expensive.place(owner)).transpose() {
            Ok(place) => place,
            Err(error) => return once(async move { refused(&graphql, &error) }).boxed(),
        };
        let budget = graphql.budgets.begin(kind, cost.cost, owner);
        let request = request.data(viewer).data(origin).data(CookieSession::default()).data(budget.clone());
        let request = loader::loaders(&graphql.app, &budget, request);
        let app = graphql.app.clone();
        let responses = error_metrics::counting_all(&app, graphql.schema.execute_stream(request).boxed());
        let answers = responses.map(move |mut response| {
            let _place = &place;
            finish(&mut response, kind);
            error_metrics::count_errors(&app, &response);
            Answer::new(response, budget.clone(), false)
        });
        if is_expensive { graphql.expensive.stream(answers.boxed()) } else { answers.boxed() }
    }

    async fn answer(
        self,
        graphql: &Graphql,
        viewer: Viewer,
        cookie: CookieSession,
        origin: ClientInfo,
        show_cost: bool,
    ) -> Answer {
        let Self { request, cost, kind, is_expensive } = self;
        let owner = Owner::of(viewer, &origin);
        let budget = graphql.budgets.begin(kind, cost.cost, owner);
        let request = request.data(viewer).data(origin).data(cookie);
        let shown = show_cost.then_some(cost);
        if !is_expensive {
            return run(graphql, request, kind, budget, shown).await;
        }
        let place = match graphql.expensive.place(owner) {
            Ok(place) => place,
            Err(error) => return refused(graphql, &error),
        };
        let runner = graphql.clone();
        let running = async move {
            let _place = place;
            run(&runner, request, kind, budget, shown).await
        };
        graphql.expensive.run(running).await.unwrap_or_else(|error| {
            tracing::error!(?error, "GraphQL operation failed to run");
            refused(graphql, &error)
        })
    }
}

/// Returns the response of an operation that is rejected before execution, and counts the error.
fn refused(graphql: &Graphql, error: &Error) -> Answer {
    graphql.app.metrics.error("graphql", error.code.as_str());
    Answer::refusal(error.code, &error.message)
}

/// Executes a query or a mutation. The budget limits a whole query, but only the selection of a mutation: see
/// [`super::bounded::Payload`].
async fn run(
    graphql: &Graphql,
    request: Request,
    kind: OperationType,
    budget: Arc<Budget>,
    shown: Option<Cost>,
) -> Answer {
    let request = loader::loaders(&graphql.app, &budget, request.data(budget.clone()));
    let executed = error_metrics::with_error_counting(&graphql.app, graphql.schema.execute(request));
    let is_query = kind == OperationType::Query;
    let mut response = if is_query {
        budget.run(executed).await.unwrap_or_else(|error| refusal(error.code, &error.message))
    } else {
        executed.await
    };
    finish(&mut response, kind);
    error_metrics::count_errors(&graphql.app, &response);
    if let Some(Cost { fields, cost, depth, .. }) = shown {
        let shown = serde_json::json!({ "fields": fields, "cost": cost, "depth": depth });
        response.extensions.extend(async_graphql::Value::from_json(shown).ok().map(|cost| ("cost".to_owned(), cost)));
    }
    Answer::new(response, budget, is_query)
}

/// Returns the kind and the cost of the operation to execute; `None` if the name selects none.
///
/// # Errors
/// The rejection of a document over a cost limit, and of mutations and subscriptions with unsupported root fields.
fn check_operation(
    document: &ExecutableDocument,
    name: Option<&str>,
    variables: Option<&serde_json::Map<String, serde_json::Value>>,
    facts: &SchemaFacts,
) -> Result<Option<(OperationType, Cost)>, RequestRejection> {
    let operations = &document.operations;
    let wanted = match (operations, name) {
        (DocumentOperations::Single(operation), _) => Some(operation),
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name),
        // A single operation is selected, whether it has a name or not.
        (DocumentOperations::Multiple(_), None) if operations.iter().len() == 1 => {
            operations.iter().next().map(|(_, operation)| operation)
        }
        (DocumentOperations::Multiple(_), None) => None,
    };
    let mut selected = None;
    // All operations of the document are checked, since all of them are validated.
    for (_, operation) in operations.iter() {
        let cost = cost::weigh(document, &operation.node, variables, facts, &Limits::STANDARD);
        let cost = cost.map_err(RequestRejection::of_document)?;
        if wanted.is_some_and(|wanted| std::ptr::eq(wanted, operation)) {
            selected = Some((operation.node.ty, cost));
        }
    }
    let Some(operation) = wanted.map(|operation| &operation.node) else { return Ok(selected) };
    let set = &operation.selection_set.node;
    match operation.ty {
        OperationType::Query => {}
        OperationType::Mutation => check_each_once(document, set, &mut HashSet::new())?,
        OperationType::Subscription => {
            // The specification requires one root field. The library would execute several, and none in a fragment.
            if !matches!(set.items.as_slice(), [field] if matches!(field.node, Selection::Field(_))) {
                return Err(RequestRejection::of_document(
                    "A subscription selects exactly one field, and not by a fragment.",
                ));
            }
        }
    }
    Ok(selected)
}

/// Checks that a mutation has each root field once. The specification merges fields with the same response key; the
/// library would execute each, and charge a message twice.
fn check_each_once<'a>(
    document: &'a ExecutableDocument,
    set: &'a SelectionSet,
    seen: &mut HashSet<&'a str>,
) -> Result<(), RequestRejection> {
    // The cost analysis has excluded circular fragments, and bounded their number.
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => {
                let name = field.node.response_key().node.as_str();
                if field.node.name.node != "__typename" && !seen.insert(name) {
                    let message =
                        format!("A mutation has each field once, or by another alias; `{name}` is there twice.");
                    return Err(RequestRejection::of_document(message));
                }
            }
            Selection::InlineFragment(inline) => check_each_once(document, &inline.node.selection_set.node, seen)?,
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = document.fragments.get(&spread.node.fragment_name.node) {
                    check_each_once(document, &fragment.node.selection_set.node, seen)?;
                }
            }
        }
    }
    Ok(())
}
