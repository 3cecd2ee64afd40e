//! Operations: parsed and validated, checked against the cost limits, and executed within their budget. Nothing here
//! depends on the transport, except that only HTTP sets cookies.

use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use async_graphql::{Request, Variables};
use axum::http::{HeaderMap, StatusCode};
use futures::StreamExt;
use futures::stream::{BoxStream, once};

use super::super::error::{error_response, finish};
use super::super::state::GraphqlState;
use super::super::transport::cookie::CookieSession;
use super::super::validation;
use super::super::validation::cost::Cost;
use super::super::validation::documents::ValidDocument;
use super::super::validation::guard;
use super::super::validation::limits::Limits;
use super::super::validation::operation::check_operation;
use super::answer::Answer;
use super::budget::{Budget, OperationOwner};
use super::request::{GraphqlRequest, RequestRejection};
use super::{error_metrics, loader};
use crate::core::error::Error;
use crate::core::viewer::{ClientInfo, Viewer};

/// Request header that adds the cost of the operation to the response.
const SHOW_COST: &str = "x-jeton-show-cost";
/// Request size in bytes, and cost, above which work moves to the worker thread for expensive work.
const LONG: usize = 8 << 10;
const EXPENSIVE: usize = 2000;

/// An operation that is ready to be executed.
pub(crate) struct Operation {
    request: Request,
    cost: Cost,
    pub(crate) kind: OperationType,
    is_expensive: bool,
}

impl Operation {
    /// Parses and validates a request, a large one on the worker thread for expensive work.
    ///
    /// # Errors
    /// The rejection of a request that is over a limit or not valid.
    pub(crate) async fn read(graphql: &Arc<GraphqlState>, request: GraphqlRequest) -> Result<Self, RequestRejection> {
        if request.bytes <= LONG {
            return Self::new(graphql, request);
        }
        let reader = graphql.clone();
        let read = async move { Self::new(&reader, request) };
        graphql.expensive.run(read).await.unwrap_or_else(|error| Err(RequestRejection::fault(error)))
    }

    fn new(graphql: &GraphqlState, request: GraphqlRequest) -> Result<Self, RequestRejection> {
        let is_long = request.bytes > LONG;
        let GraphqlRequest { query, operation_name, variables, .. } = request;
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
        let selected = check_operation(&parsed, operation_name.as_deref(), variables.as_ref(), &graphql.facts())
            .map_err(RequestRejection::of_document)?;
        let document = match known {
            Some(known) => known,
            None => {
                let variables = validator.check(&query, graphql.app.config().graphql.suggestions);
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
    pub(crate) async fn execute(
        self,
        graphql: &Arc<GraphqlState>,
        viewer: Viewer,
        headers: &HeaderMap,
        client: Arc<ClientInfo>,
    ) -> Answer {
        let show_cost = headers.contains_key(SHOW_COST);
        self.answer(graphql, viewer, CookieSession::of(headers), client, show_cost).await
    }

    /// Executes the operation for transports that take any number of responses.
    pub(crate) fn stream(
        self,
        graphql: &Arc<GraphqlState>,
        viewer: Viewer,
        client: Arc<ClientInfo>,
    ) -> BoxStream<'static, Answer> {
        let graphql = graphql.clone();
        if self.kind != OperationType::Subscription {
            let answer = async move { self.answer(&graphql, viewer, CookieSession::default(), client, false).await };
            return once(answer).boxed();
        }
        let Self { request, cost, kind, is_expensive } = self;
        let owner = OperationOwner::of(viewer, &client);
        let permit = match is_expensive.then(|| graphql.expensive.permit(owner)).transpose() {
            Ok(permit) => permit,
            Err(error) => return once(async move { rejected(&graphql, &error) }).boxed(),
        };
        let budget = graphql.budgets.begin(kind, cost.cost, owner);
        let request = request.data(viewer).data(client).data(CookieSession::default()).data(budget.clone());
        let request = loader::loaders(&graphql.app, &budget, request);
        let app = graphql.app.clone();
        let responses = error_metrics::counting_all(&app, graphql.schema.execute_stream(request).boxed());
        let answers = responses.map(move |mut response| {
            let _permit = &permit;
            finish(&mut response, kind);
            error_metrics::count_errors(&app, &response);
            Answer::new(response, budget.clone(), false)
        });
        if is_expensive { graphql.expensive.stream(answers.boxed()) } else { answers.boxed() }
    }

    async fn answer(
        self,
        graphql: &Arc<GraphqlState>,
        viewer: Viewer,
        cookie: CookieSession,
        client: Arc<ClientInfo>,
        show_cost: bool,
    ) -> Answer {
        let Self { request, cost, kind, is_expensive } = self;
        let owner = OperationOwner::of(viewer, &client);
        let budget = graphql.budgets.begin(kind, cost.cost, owner);
        let request = request.data(viewer).data(client).data(cookie);
        let shown = show_cost.then_some(cost);
        if !is_expensive {
            return run(graphql, request, kind, budget, shown).await;
        }
        let permit = match graphql.expensive.permit(owner) {
            Ok(permit) => permit,
            Err(error) => return rejected(graphql, &error),
        };
        let runner = graphql.clone();
        let running = async move {
            let _permit = permit;
            run(&runner, request, kind, budget, shown).await
        };
        graphql.expensive.run(running).await.unwrap_or_else(|error| {
            tracing::error!(?error, "GraphQL operation failed to run");
            rejected(graphql, &error)
        })
    }
}

/// Returns the response of an operation that is rejected before execution, and counts the error.
fn rejected(graphql: &GraphqlState, error: &Error) -> Answer {
    graphql.app.metrics.error("graphql", error.code.as_str());
    Answer::error(error.code, &error.message)
}

/// Executes a query or a mutation. The budget limits a whole query, but only the selection of a mutation: see
/// [`super::bounded::Payload`].
async fn run(
    graphql: &GraphqlState,
    request: Request,
    kind: OperationType,
    budget: Arc<Budget>,
    shown: Option<Cost>,
) -> Answer {
    let request = loader::loaders(&graphql.app, &budget, request.data(budget.clone()));
    let executed = error_metrics::with_error_counting(&graphql.app, graphql.schema.execute(request));
    let is_query = kind == OperationType::Query;
    let mut response = if is_query {
        budget.run(executed).await.unwrap_or_else(|error| error_response(error.code, &error.message))
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
