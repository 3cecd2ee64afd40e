//! The bounds of every route and every root field. The kinds of bounds are closed enums: a new kind is a decision.

/// The bound of a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// It is never read.
    Unread,
    /// `http.max_body_bytes`; `http.body_timeout` for its time.
    Http,
    /// `v1.max_body_bytes`, and the memory budgets of bodies.
    V1,
    /// It is not read; messages of the WebSocket have a limit of their own, at most `http.max_body_bytes`.
    Messages,
}

/// The work before the client is authenticated; if no credential is required, before a rate limit is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Reading the headers: the body of a rejected client is not read.
    Headers,
    /// Reading and parsing the body, linear in its bytes.
    Parse,
}

/// The rate limit of a request: by address, by user or by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// No rate; connections, streams and open turns are limited.
    Connections,
    /// `limits.messages_per_minute_per_user` and `.._per_key`.
    Messages,
    /// `limits.estimates_per_minute_per_user`.
    Estimates,
    /// `limits.registrations_per_hour_per_address`.
    Registrations,
    /// `auth.login_attempts_before_delay` and `.._per_address`.
    Logins,
    /// `limits.refreshes_per_minute_per_address`.
    Refreshes,
}

/// The bound of a request's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// Constant: nothing that depends on the client.
    Fixed,
    /// Its body, parsed.
    Body,
    /// The rows of one page.
    Page,
    /// The memory budgets of bodies and of the replay cache.
    Budget,
    /// The maximum cost of a document, and the maximum size of a response.
    Cost,
    /// A few chunks at a time, whatever the length of the whole.
    Chunks,
}

/// The bound of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This many bytes, for every client.
    Fixed(usize),
    /// This many rows.
    Rows(u64),
    /// A connection: pages of at most 100 rows.
    Connection,
    /// One object, or a payload.
    Object,
    /// The maximum size of a GraphQL response.
    Document,
    /// One message with its reply.
    Reply,
    /// A file that is embedded in the binary.
    File,
    /// Chunks, each within the write timeout.
    Stream,
}

/// Path, methods that are served, body, work before authentication, rate, memory, response.
pub type Route = (&'static str, &'static str, Body, Work, Rate, Memory, Answer);

/// Every other method of these routes is answered with 405, or with 404 if none is served.
pub const ROUTES: &[Route] = &[
    ("/healthz", "GET HEAD", Body::Unread, Work::Headers, Rate::Connections, Memory::Fixed, Answer::Fixed(100)),
    ("/readyz", "GET HEAD", Body::Unread, Work::Headers, Rate::Connections, Memory::Fixed, Answer::Fixed(1000)),
    // GraphQL: the limits of documents come on top, see `graphql/validation/limits.rs`. Rates are those of the fields.
    // A client that accepts events, or opens a WebSocket, is served as by the next routes.
    ("/graphql", "GET HEAD", Body::Unread, Work::Headers, Rate::Connections, Memory::Cost, Answer::Document),
    ("/graphql", "POST", Body::Http, Work::Parse, Rate::Connections, Memory::Cost, Answer::Document),
    ("/graphql/stream", "GET HEAD", Body::Unread, Work::Headers, Rate::Connections, Memory::Chunks, Answer::Stream),
    ("/graphql/stream", "POST", Body::Http, Work::Parse, Rate::Connections, Memory::Chunks, Answer::Stream),
    ("/graphql/ws", "GET", Body::Messages, Work::Headers, Rate::Connections, Memory::Chunks, Answer::Stream),
    // REST: each path with and without its final slash.
    ("/api/register/", "POST", Body::Http, Work::Parse, Rate::Registrations, Memory::Body, Answer::Fixed(1000)),
    ("/api/register", "POST", Body::Http, Work::Parse, Rate::Registrations, Memory::Body, Answer::Fixed(1000)),
    ("/api/token/", "POST", Body::Http, Work::Parse, Rate::Logins, Memory::Body, Answer::Fixed(4000)),
    ("/api/token", "POST", Body::Http, Work::Parse, Rate::Logins, Memory::Body, Answer::Fixed(4000)),
    ("/api/token/refresh/", "POST", Body::Http, Work::Parse, Rate::Refreshes, Memory::Body, Answer::Fixed(4000)),
    ("/api/token/refresh", "POST", Body::Http, Work::Parse, Rate::Refreshes, Memory::Body, Answer::Fixed(4000)),
    ("/api/chat/", "GET HEAD", Body::Unread, Work::Headers, Rate::Connections, Memory::Page, Answer::Rows(1000)),
    ("/api/chat/", "POST", Body::Http, Work::Headers, Rate::Messages, Memory::Body, Answer::Reply),
    ("/api/chat", "GET HEAD", Body::Unread, Work::Headers, Rate::Connections, Memory::Page, Answer::Rows(1000)),
    ("/api/chat", "POST", Body::Http, Work::Headers, Rate::Messages, Memory::Body, Answer::Reply),
    (
        "/api/user/balance/",
        "GET HEAD",
        Body::Unread,
        Work::Headers,
        Rate::Connections,
        Memory::Fixed,
        Answer::Fixed(100),
    ),
    (
        "/api/user/balance",
        "GET HEAD",
        Body::Unread,
        Work::Headers,
        Rate::Connections,
        Memory::Fixed,
        Answer::Fixed(100),
    ),
    (
        "/api/user/profile/",
        "GET HEAD",
        Body::Unread,
        Work::Headers,
        Rate::Connections,
        Memory::Fixed,
        Answer::Fixed(1000),
    ),
    (
        "/api/user/profile",
        "GET HEAD",
        Body::Unread,
        Work::Headers,
        Rate::Connections,
        Memory::Fixed,
        Answer::Fixed(1000),
    ),
    (
        "/api/openapi.json",
        "GET HEAD",
        Body::Unread,
        Work::Headers,
        Rate::Connections,
        Memory::Fixed,
        Answer::Fixed(65536),
    ),
    ("/api", "", Body::Unread, Work::Headers, Rate::Connections, Memory::Fixed, Answer::Fixed(1000)),
    ("/api/", "", Body::Unread, Work::Headers, Rate::Connections, Memory::Fixed, Answer::Fixed(1000)),
    ("/api/{*anything}", "", Body::Unread, Work::Headers, Rate::Connections, Memory::Fixed, Answer::Fixed(1000)),
    ("/v1/models", "GET", Body::Unread, Work::Headers, Rate::Connections, Memory::Fixed, Answer::Fixed(65536)),
    ("/v1/models/", "GET", Body::Unread, Work::Headers, Rate::Connections, Memory::Fixed, Answer::Fixed(65536)),
    ("/v1/models/{*id}", "GET", Body::Unread, Work::Headers, Rate::Connections, Memory::Fixed, Answer::Fixed(1000)),
    ("/v1/chat/completions", "POST", Body::V1, Work::Headers, Rate::Messages, Memory::Budget, Answer::Stream),
    ("/v1/chat/completions/", "POST", Body::V1, Work::Headers, Rate::Messages, Memory::Budget, Answer::Stream),
    ("/v1", "", Body::Unread, Work::Headers, Rate::Connections, Memory::Fixed, Answer::Fixed(1000)),
    ("/v1/{*path}", "", Body::Unread, Work::Headers, Rate::Connections, Memory::Fixed, Answer::Fixed(1000)),
    // The browser client.
    ("/", "GET HEAD", Body::Unread, Work::Headers, Rate::Connections, Memory::Fixed, Answer::File),
    ("/c/{conversation}", "GET HEAD", Body::Unread, Work::Headers, Rate::Connections, Memory::Fixed, Answer::File),
    ("/login", "GET HEAD", Body::Unread, Work::Headers, Rate::Connections, Memory::Fixed, Answer::File),
    ("/register", "GET HEAD", Body::Unread, Work::Headers, Rate::Connections, Memory::Fixed, Answer::File),
    ("/account", "GET HEAD", Body::Unread, Work::Headers, Rate::Connections, Memory::Fixed, Answer::File),
    ("/groups/{group}", "GET HEAD", Body::Unread, Work::Headers, Rate::Connections, Memory::Fixed, Answer::File),
    ("/admin", "GET HEAD", Body::Unread, Work::Headers, Rate::Connections, Memory::Fixed, Answer::File),
    ("/admin/", "GET HEAD", Body::Unread, Work::Headers, Rate::Connections, Memory::Fixed, Answer::File),
    ("/admin/{*page}", "GET HEAD", Body::Unread, Work::Headers, Rate::Connections, Memory::Fixed, Answer::File),
    ("/graphiql", "GET HEAD", Body::Unread, Work::Headers, Rate::Connections, Memory::Fixed, Answer::File),
    ("/assets/{*name}", "GET HEAD", Body::Unread, Work::Headers, Rate::Connections, Memory::Fixed, Answer::File),
    ("/color-scheme.js", "GET HEAD", Body::Unread, Work::Headers, Rate::Connections, Memory::Fixed, Answer::File),
    ("/favicon.svg", "GET HEAD", Body::Unread, Work::Headers, Rate::Connections, Memory::Fixed, Answer::File),
];

/// Files that are served only if the browser client was built.
pub const BUILT: [&str; 2] = ["/color-scheme.js", "/favicon.svg"];

/// Root field, rate, memory, response. Body and work before authentication are those of the routes.
pub type Root = (&'static str, Rate, Memory, Answer);

/// A mutation without a rate requires authentication.
pub const ROOTS: &[Root] = &[
    ("Query.apiKeys", Rate::Connections, Memory::Page, Answer::Connection),
    ("Query.auditTrail", Rate::Connections, Memory::Page, Answer::Connection),
    ("Query.balance", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Query.catalogModels", Rate::Connections, Memory::Page, Answer::Connection),
    ("Query.chat", Rate::Connections, Memory::Cost, Answer::Object),
    ("Query.chatHistory", Rate::Connections, Memory::Page, Answer::Connection),
    ("Query.chats", Rate::Connections, Memory::Page, Answer::Connection),
    ("Query.conversation", Rate::Connections, Memory::Cost, Answer::Object),
    ("Query.conversations", Rate::Connections, Memory::Page, Answer::Connection),
    ("Query.defaultModel", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Query.estimateMessage", Rate::Estimates, Memory::Cost, Answer::Object),
    ("Query.group", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Query.groups", Rate::Connections, Memory::Page, Answer::Connection),
    ("Query.ledgerEntries", Rate::Connections, Memory::Page, Answer::Connection),
    ("Query.ledgerHistory", Rate::Connections, Memory::Page, Answer::Connection),
    ("Query.me", Rate::Connections, Memory::Fixed, Answer::Object),
    // As many as the configuration names.
    ("Query.models", Rate::Connections, Memory::Fixed, Answer::Rows(0)),
    ("Query.myGroups", Rate::Connections, Memory::Page, Answer::Connection),
    ("Query.modelsConnection", Rate::Connections, Memory::Page, Answer::Connection),
    ("Query.node", Rate::Connections, Memory::Cost, Answer::Object),
    ("Query.openTurns", Rate::Connections, Memory::Fixed, Answer::Object),
    // At most 366 days twice; the times of at most 10,000 answers each.
    ("Query.overview", Rate::Connections, Memory::Page, Answer::Object),
    ("Query.priceChanges", Rate::Connections, Memory::Page, Answer::Connection),
    // For staff: at most 10,000 chats are read.
    ("Query.pricePreview", Rate::Connections, Memory::Cost, Answer::Object),
    ("Query.provider", Rate::Connections, Memory::Fixed, Answer::Object),
    // For superusers; the answer of the provider is bounded.
    ("Query.providerModels", Rate::Connections, Memory::Cost, Answer::Rows(1000)),
    ("Query.providers", Rate::Connections, Memory::Page, Answer::Connection),
    ("Query.server", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Query.sessions", Rate::Connections, Memory::Page, Answer::Connection),
    ("Query.spending", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Query.topSpenders", Rate::Connections, Memory::Page, Answer::Rows(100)),
    // A row for each day, model and kind; days are bounded.
    ("Query.usage", Rate::Connections, Memory::Page, Answer::Rows(366)),
    ("Query.user", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Query.userApiKeys", Rate::Connections, Memory::Page, Answer::Connection),
    ("Query.webhook", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Query.webhooks", Rate::Connections, Memory::Page, Answer::Connection),
    ("Query.userSessions", Rate::Connections, Memory::Page, Answer::Connection),
    ("Query.users", Rate::Connections, Memory::Page, Answer::Connection),
    // At most 500 users.
    ("Mutation.addGroupMembers", Rate::Connections, Memory::Cost, Answer::Object),
    ("Mutation.adjustBalance", Rate::Connections, Memory::Fixed, Answer::Object),
    // At most 5000 users, in batches of 100.
    ("Mutation.adjustBalances", Rate::Connections, Memory::Cost, Answer::Object),
    ("Mutation.adjustGroupBalance", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Mutation.applyPrices", Rate::Connections, Memory::Body, Answer::Object),
    ("Mutation.changePassword", Rate::Logins, Memory::Fixed, Answer::Object),
    ("Mutation.chooseVersion", Rate::Connections, Memory::Cost, Answer::Object),
    ("Mutation.createApiKey", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Mutation.createConversation", Rate::Connections, Memory::Cost, Answer::Object),
    ("Mutation.createGroup", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Mutation.createModel", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Mutation.createWebhook", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Mutation.deleteWebhook", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Mutation.resendWebhookDelivery", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Mutation.rotateWebhookSecret", Rate::Connections, Memory::Fixed, Answer::Object),
    // For superusers; it waits for the receiver, for webhooks.timeout at most.
    ("Mutation.sendTestWebhook", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Mutation.updateWebhook", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Mutation.createProvider", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Mutation.createUser", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Mutation.deleteAccount", Rate::Logins, Memory::Fixed, Answer::Object),
    ("Mutation.deleteChat", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Mutation.deleteConversation", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Mutation.deleteModel", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Mutation.deleteGroup", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Mutation.deleteProvider", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Mutation.deleteUser", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Mutation.editMessage", Rate::Messages, Memory::Cost, Answer::Object),
    ("Mutation.endSession", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Mutation.logOutUser", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Mutation.login", Rate::Logins, Memory::Fixed, Answer::Object),
    ("Mutation.logout", Rate::Connections, Memory::Body, Answer::Object),
    ("Mutation.logoutEverywhere", Rate::Connections, Memory::Body, Answer::Object),
    ("Mutation.proposePrices", Rate::Connections, Memory::Body, Answer::Object),
    ("Mutation.refreshToken", Rate::Refreshes, Memory::Fixed, Answer::Object),
    ("Mutation.regenerate", Rate::Messages, Memory::Cost, Answer::Object),
    ("Mutation.register", Rate::Registrations, Memory::Fixed, Answer::Object),
    ("Mutation.renameConversation", Rate::Connections, Memory::Cost, Answer::Object),
    ("Mutation.resetBreaker", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Mutation.revokeApiKey", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Mutation.sendMessage", Rate::Messages, Memory::Cost, Answer::Object),
    ("Mutation.setDefaultModel", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Mutation.setModelPrice", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Mutation.setPassword", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Mutation.setUsersActive", Rate::Connections, Memory::Cost, Answer::Object),
    ("Mutation.startMessage", Rate::Messages, Memory::Cost, Answer::Object),
    ("Mutation.stopMessage", Rate::Connections, Memory::Cost, Answer::Object),
    // For superusers; a few seconds for each step.
    ("Mutation.testProvider", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Mutation.updateConversation", Rate::Connections, Memory::Cost, Answer::Object),
    ("Mutation.updateModel", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Mutation.removeGroupMember", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Mutation.setPayer", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Mutation.updateGroup", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Mutation.updateGroupMember", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Mutation.updateProvider", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Mutation.updateUser", Rate::Connections, Memory::Fixed, Answer::Object),
    ("Subscription.balanceChanged", Rate::Connections, Memory::Chunks, Answer::Stream),
    ("Subscription.conversationChanged", Rate::Connections, Memory::Chunks, Answer::Stream),
    ("Subscription.exportChats", Rate::Connections, Memory::Chunks, Answer::Stream),
    ("Subscription.exportLedgerEntries", Rate::Connections, Memory::Chunks, Answer::Stream),
    ("Subscription.exportLedgerHistory", Rate::Connections, Memory::Chunks, Answer::Stream),
    ("Subscription.replyStream", Rate::Connections, Memory::Chunks, Answer::Stream),
];

/// Lists that are neither the rows of a connection nor a payload's errors, and what bounds them.
pub const LISTS: &[(&str, &str)] = &[
    ("Query.models", "the catalog, which superusers change"),
    ("Query.topSpenders", "`first`, at most 100"),
    ("Query.usage", "`days`, at most 366, of the models of the configuration"),
    ("Overview.apiKeys", "`first`, at most 100"),
    ("Overview.days", "the period, at most 366 days"),
    ("Overview.lowBalances", "`first`, at most 100"),
    ("Overview.models", "at most 100"),
    ("ApiKey.models", "the models of the configuration, each named once"),
    ("CatalogModel.routes", "at most 16"),
    ("CatalogModel.routeStates", "at most 16"),
    ("RouteCalls.errors", "a closed list"),
    ("Provider.headers", "at most 20"),
    ("Query.providerModels", "at most 1000"),
    ("TestProviderPayload.steps", "a closed list"),
    ("PriceProposal.changes", "a closed list"),
    ("ProposePricesPayload.proposals", "at most 500"),
    ("ProposePricesPayload.unmatched", "at most 100"),
    ("ApplyPricesPayload.versions", "at most 500"),
    ("Receipt.lines", "the parts of a price, six"),
    ("ApiKey.scopes", "a closed list"),
    ("Webhook.events", "a closed list"),
    ("PasswordRules.texts", "a closed list"),
    ("SetUsersActivePayload.changedUserIds", "at most 5000 users are changed at once"),
];

/// The length of a text that a client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// At most this many characters.
    Chars(usize),
    /// A key of a lookup, a password or a token: limited with the variables, and never stored.
    Lookup,
    /// Returned in the payload, and never stored.
    Echoed,
}

/// Every text of the input objects, and of the arguments of fields.
pub const TEXTS: &[(&str, Text)] = &[
    ("ApplyPricesInput.confirmed", Text::Lookup),
    ("PriceChangeInput.model", Text::Lookup),
    ("PricePreviewInput.model", Text::Lookup),
    ("ProposePricesInput.list", Text::Lookup),
    ("ProposePricesInput.markup", Text::Chars(20)),
    ("AdjustBalanceInput.idempotencyKey", Text::Chars(255)),
    ("AdjustBalanceInput.reason", Text::Chars(500)),
    ("AdjustBalancesInput.idempotencyKey", Text::Chars(255)),
    ("AdjustBalancesInput.reason", Text::Chars(500)),
    ("AdjustGroupBalanceInput.idempotencyKey", Text::Chars(255)),
    ("AdjustGroupBalanceInput.reason", Text::Chars(500)),
    ("CreateGroupInput.description", Text::Chars(1000)),
    ("CreateGroupInput.name", Text::Chars(100)),
    ("UpdateGroupInput.description", Text::Chars(1000)),
    ("UpdateGroupInput.name", Text::Chars(100)),
    ("groups.search", Text::Chars(300)),
    ("ChangePasswordInput.newPassword", Text::Chars(256)),
    ("ChangePasswordInput.oldPassword", Text::Lookup),
    ("CreateApiKeyInput.models", Text::Lookup),
    ("CreateApiKeyInput.name", Text::Chars(100)),
    ("CreateConversationInput.model", Text::Lookup),
    ("CreateConversationInput.systemPrompt", Text::Chars(4000)),
    ("CreateConversationInput.title", Text::Chars(200)),
    ("CreateModelInput.description", Text::Chars(300)),
    ("CreateModelInput.name", Text::Chars(100)),
    ("CreateModelInput.title", Text::Chars(80)),
    ("CreateProviderInput.baseUrl", Text::Chars(500)),
    ("CreateProviderInput.key", Text::Chars(4096)),
    ("CreateProviderInput.name", Text::Chars(100)),
    ("CreateUserInput.ownPassword", Text::Lookup),
    ("CreateUserInput.password", Text::Chars(256)),
    ("CreateUserInput.username", Text::Chars(50)),
    ("DeleteAccountInput.password", Text::Lookup),
    ("DeleteModelInput.name", Text::Lookup),
    ("EditMessageInput.idempotencyKey", Text::Chars(255)),
    ("EditMessageInput.message", Text::Chars(32_000)),
    ("EditMessageInput.model", Text::Lookup),
    ("EstimateMessageInput.message", Text::Chars(32_000)),
    ("EstimateMessageInput.model", Text::Lookup),
    ("LoginInput.password", Text::Lookup),
    ("LoginInput.username", Text::Lookup),
    ("LogoutEverywhereInput.clientMutationId", Text::Echoed),
    ("LogoutInput.clientMutationId", Text::Echoed),
    ("ModelRouteInput.upstreamModel", Text::Chars(200)),
    ("ProviderHeaderInput.name", Text::Chars(1000)),
    ("ProviderHeaderInput.value", Text::Chars(1000)),
    ("RefreshTokenInput.refreshToken", Text::Lookup),
    ("RegenerateInput.idempotencyKey", Text::Chars(255)),
    ("RegenerateInput.model", Text::Lookup),
    ("RegisterInput.password", Text::Chars(256)),
    ("RegisterInput.username", Text::Chars(50)),
    ("RenameConversationInput.title", Text::Chars(200)),
    ("ResetBreakerInput.model", Text::Lookup),
    ("SendMessageInput.idempotencyKey", Text::Chars(255)),
    ("SendMessageInput.message", Text::Chars(32_000)),
    ("SendMessageInput.model", Text::Lookup),
    ("SetDefaultModelInput.name", Text::Lookup),
    ("SetModelPriceInput.name", Text::Lookup),
    ("SetPasswordInput.ownPassword", Text::Lookup),
    ("SetPasswordInput.password", Text::Chars(256)),
    ("SetUsersActiveInput.idempotencyKey", Text::Chars(255)),
    ("StartMessageInput.idempotencyKey", Text::Chars(255)),
    ("StartMessageInput.message", Text::Chars(32_000)),
    ("StartMessageInput.model", Text::Lookup),
    ("TestProviderInput.upstreamModel", Text::Chars(200)),
    ("UpdateConversationInput.model", Text::Lookup),
    ("UpdateConversationInput.systemPrompt", Text::Chars(4000)),
    ("UpdateConversationInput.title", Text::Chars(200)),
    ("UpdateModelInput.description", Text::Chars(300)),
    ("UpdateModelInput.name", Text::Lookup),
    ("UpdateModelInput.title", Text::Chars(80)),
    ("UpdateProviderInput.baseUrl", Text::Chars(500)),
    ("UpdateProviderInput.key", Text::Chars(4096)),
    ("UpdateProviderInput.name", Text::Chars(100)),
    ("UpdateUserInput.ownPassword", Text::Lookup),
    ("CreateWebhookInput.name", Text::Chars(100)),
    ("CreateWebhookInput.url", Text::Chars(1000)),
    ("UpdateWebhookInput.name", Text::Chars(100)),
    ("UpdateWebhookInput.url", Text::Chars(1000)),
    ("UserFilterInput.search", Text::Lookup),
    ("catalogModels.search", Text::Lookup),
    ("chatHistory.search", Text::Lookup),
    ("chats.model", Text::Lookup),
    ("chats.search", Text::Lookup),
    ("modelsConnection.names", Text::Lookup),
    ("modelsConnection.search", Text::Lookup),
    ("priceChanges.model", Text::Lookup),
    ("providers.search", Text::Lookup),
    ("userApiKeys.search", Text::Lookup),
    ("users.search", Text::Lookup),
];
