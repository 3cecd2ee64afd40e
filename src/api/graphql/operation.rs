//! Operations: read from documents, weighed, and run within their budget.

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

/// With this header the answer tells what the operation costs.
const SHOW_COST: &str = "x-jeton-show-cost";
/// Longer requests are read, and dearer operations run, on the thread for what is expensive.
const LONG: usize = 8 << 10;
const EXPENSIVE: usize = 2000;

/// Valid documents by their text: clients send the same few again and again, and parsing and validating one takes longer
/// than all else that is done before it runs.
pub(super) type Documents = moka::sync::Cache<String, ValidDocument>;

/// A valid document: as the library runs it, and the variables of its operations.
#[derive(Clone)]
pub(super) struct ValidDocument {
    parsed: Arc<ExecutableDocument>,
    variables: Arc<DocumentVariables>,
}

/// So much text of documents is known; parsed it takes some ten times as much memory.
const KNOWN_BYTES: u64 = 1 << 20;

pub(super) fn documents() -> Documents {
    let weight = |text: &String, _: &ValidDocument| u32::try_from(text.len()).unwrap_or(u32::MAX);
    moka::sync::Cache::builder().weigher(weight).max_capacity(KNOWN_BYTES).build()
}

/// An operation that is ready to run.
pub(super) struct Operation {
    request: Request,
    cost: Cost,
    pub(super) kind: OperationType,
    is_expensive: bool,
}

impl Operation {
    /// Reads the document, a long one on the thread for what is expensive.
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
        // As many clients write none.
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
        // Before validation, which takes time in proportion to what fragments amount to.
        let selected = check_operation(&parsed, operation_name.as_deref(), variables.as_ref(), &graphql.facts)?;
        let document = match known {
            Some(known) => known,
            None => {
                let variables = validator.check(&query, graphql.app.config.graphql.suggestions);
                let variables = Arc::new(variables.map_err(RequestRejection::of_errors)?);
                let document = ValidDocument { parsed, variables };
                // A text in the document may be a password, and what differs each time comes as a variable anyway.
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
                None => "The document has several operations: `operationName` says which is to run.".to_owned(),
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

    /// Runs it, for the transport that takes one answer, whose headers can set a cookie.
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

    /// Runs it, for transports that take as many answers as there are.
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
            tracing::error!(?error, "an operation could not be run");
            refused(graphql, &error)
        })
    }
}

/// The answer of an operation that is not run.
fn refused(graphql: &Graphql, error: &Error) -> Answer {
    graphql.app.metrics.error("graphql", error.code.as_str());
    Answer::refusal(error.code, &error.message)
}

/// Runs a query or a mutation. A query has its time as a whole, a mutation for what it selects: see
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

/// The kind and the cost of the operation that is to run; none where the name selects none.
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
        // The only operation is the operation, whether it has a name or not.
        (DocumentOperations::Multiple(_), None) if operations.iter().len() == 1 => {
            operations.iter().next().map(|(_, operation)| operation)
        }
        (DocumentOperations::Multiple(_), None) => None,
    };
    let mut selected = None;
    // All operations of the document, since all of them are validated.
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
            // The specification wants one root field. The library would run several, and none that is in a fragment.
            if !matches!(set.items.as_slice(), [field] if matches!(field.node, Selection::Field(_))) {
                return Err(RequestRejection::of_document(
                    "A subscription selects exactly one field, and not by a fragment.",
                ));
            }
        }
    }
    Ok(selected)
}

/// Whether a mutation has each of its fields once. The specification merges those of one name; the library would run each,
/// and a message would be paid for twice.
fn check_each_once<'a>(
    document: &'a ExecutableDocument,
    set: &'a SelectionSet,
    seen: &mut HashSet<&'a str>,
) -> Result<(), RequestRejection> {
    // That fragments are no circle, and few, has been checked.
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
