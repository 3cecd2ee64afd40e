//! The verdicts: of each field of the roots, of arguments that decide, of the fields of all objects, and of each route.

/// The verdict of an operation: the first error's code, "null" for no object, or "ok".
pub type Verdict = &'static str;

pub const OK: Verdict = "ok";
pub const NULL: Verdict = "null";
pub const UNAUTHENTICATED: Verdict = "UNAUTHENTICATED";
const FORBIDDEN: Verdict = "FORBIDDEN";
const NOT_FOUND: Verdict = "NOT_FOUND";
const INVALID: Verdict = "INVALID_INPUT";

/// The kinds of viewers, in this order. A revoked session and a deactivated user are rejected before any other check,
/// which is tested for each row too.
pub const VIEWERS: [&str; 6] = ["anonymous", "key", "other", "owner", "staff", "superuser"];

// The most common verdicts.
/// An object of the owner, not visible to any other viewer; the key has only the scope COMPLETIONS.
const OWN: [Verdict; 6] = [UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, OK, NOT_FOUND, NOT_FOUND];
/// The viewer's own list, which every authenticated viewer has.
const MINE: [Verdict; 6] = [UNAUTHENTICATED, FORBIDDEN, OK, OK, OK, OK];
const STAFF: [Verdict; 6] = [UNAUTHENTICATED, FORBIDDEN, FORBIDDEN, FORBIDDEN, OK, OK];
const ALL: [Verdict; 6] = [OK; 6];
/// With the wrong password of this test.
const PERSON: [Verdict; 6] = [UNAUTHENTICATED, FORBIDDEN, INVALID, INVALID, INVALID, INVALID];
/// Actions on operators.
const SUPERUSER: [Verdict; 6] = [UNAUTHENTICATED, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, OK];
const STAFF_TOO: [Verdict; 6] = [UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, OK, OK, OK];

/// Each field of the roots: an operation, and the verdicts. `$chat`, `$conversation`, `$session`, `$key` are created
/// for each viewer and belong to the owner; `$user` is created too, as is `$operator`, who is staff; `$name` is unique; `$provider` and
/// `$model` are of the database.
pub const ROOTS: &[(&str, &str, [Verdict; 6])] = &[
    ("Query.apiKeys", "{ it: apiKeys { totalCount } }", MINE),
    ("Query.auditTrail", "{ it: auditTrail { totalCount } }", STAFF),
    ("Query.balance", "{ it: balance { tokens } }", MINE),
    ("Query.catalogModels", "{ it: catalogModels { totalCount } }", STAFF),
    ("Query.chat", "{ it: chat(id: \"$chat\") { id } }", OWN),
    ("Query.chatHistory", "{ it: chatHistory { totalCount } }", MINE),
    ("Query.chats", "{ it: chats { totalCount } }", STAFF),
    ("Query.conversation", "{ it: conversation(id: \"$conversation\") { id } }", OWN),
    ("Query.conversations", "{ it: conversations { totalCount } }", MINE),
    ("Query.defaultModel", "{ it: defaultModel { name } }", ALL),
    ("Query.estimateMessage", "{ it: estimateMessage(input: {message: \"x\"}) { hold } }", MINE),
    ("Query.group", "{ it: group(id: \"$group\") { id } }", [UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, OK, OK, OK]),
    ("Query.groups", "{ it: groups { totalCount } }", STAFF),
    ("Query.ledgerEntries", "{ it: ledgerEntries { totalCount } }", STAFF),
    ("Query.ledgerHistory", "{ it: ledgerHistory { totalCount } }", MINE),
    ("Query.me", "{ it: me { id } }", [NULL, FORBIDDEN, OK, OK, OK, OK]),
    ("Query.models", "{ it: models { name } }", ALL),
    ("Query.myGroups", "{ it: myGroups { totalCount } }", MINE),
    ("Query.modelsConnection", "{ it: modelsConnection { totalCount } }", ALL),
    ("Query.node", "{ it: node(id: \"$chat\") { id } }", [NULL, NULL, NULL, OK, OK, OK]),
    ("Query.openTurns", "{ it: openTurns }", STAFF),
    (
        "Query.overview",
        "{ it: overview(since: \"2026-03-01T00:00:00Z\", until: \"2026-03-02T00:00:00Z\") { totals { messages } } }",
        STAFF,
    ),
    ("Query.webhook", "{ it: webhook(id: \"$webhook\") { id } }", SUPERUSER),
    ("Query.webhooks", "{ it: webhooks { totalCount } }", SUPERUSER),
    ("Query.priceChanges", "{ it: priceChanges(model: \"echo\") { totalCount } }", STAFF),
    ("Query.pricePreview", "{ it: pricePreview(input: {model: \"echo\", price: {perMessage: 1}}) { chats } }", STAFF),
    ("Query.provider", "{ it: provider(id: \"$provider\") { id } }", STAFF),
    (
        "Query.providerModels",
        "{ it: providerModels(id: \"x\") { name } }",
        [UNAUTHENTICATED, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, NOT_FOUND],
    ),
    ("Query.providers", "{ it: providers { totalCount } }", STAFF),
    ("Query.server", "{ it: server { registration } }", ALL),
    ("Query.sessions", "{ it: sessions { totalCount } }", MINE),
    ("Query.spending", "{ it: spending { today } }", MINE),
    ("Query.topSpenders", "{ it: topSpenders { tokens } }", STAFF),
    ("Query.usage", "{ it: usage { day } }", STAFF),
    ("Query.user", "{ it: user(id: \"$user\") { id } }", STAFF),
    ("Query.userApiKeys", "{ it: userApiKeys { totalCount } }", STAFF),
    ("Query.userSessions", "{ it: userSessions(userId: \"$user\") { totalCount } }", STAFF),
    ("Query.users", "{ it: users { totalCount } }", STAFF),
    (
        "Mutation.addGroupMembers",
        "mutation { it: addGroupMembers(input: {groupId: \"$group\", userIds: [\"$user\"]}) { errors { code } } }",
        STAFF,
    ),
    (
        "Mutation.adjustBalance",
        "mutation { it: adjustBalance(input: {userId: \"$user\", amount: 1, reason: \"x\"}) { errors { code } } }",
        STAFF,
    ),
    (
        "Mutation.adjustGroupBalance",
        "mutation { it: adjustGroupBalance(input: {groupId: \"$group\", amount: 1, reason: \"x\"}) { errors { code } } }",
        STAFF,
    ),
    (
        "Mutation.adjustBalances",
        "mutation { it: adjustBalances(input: {filter: {search: \"$name\"}, expectedCount: 0, amount: 1, reason: \"x\", \
         idempotencyKey: \"$name\"}) { errors { code } } }",
        STAFF,
    ),
    (
        "Mutation.applyPrices",
        "mutation { it: applyPrices(input: {changes: [{model: \"$model\", version: 1, price: {perMessage: 1}}], \
         confirmed: [\"$model\"]}) { errors { code } } }",
        SUPERUSER,
    ),
    (
        "Mutation.changePassword",
        "mutation { it: changePassword(input: {oldPassword: \"wrong\", newPassword: \"x\"}) { errors { code } } }",
        PERSON,
    ),
    (
        "Mutation.chooseVersion",
        "mutation { it: chooseVersion(input: {chatId: \"$chat\"}) { errors { code } } }",
        // The owner's chat belongs to no conversation.
        [UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, INVALID, NOT_FOUND, NOT_FOUND],
    ),
    ("Mutation.createApiKey", "mutation { it: createApiKey(input: {name: \"x\"}) { errors { code } } }", MINE),
    ("Mutation.createConversation", "mutation { it: createConversation(input: {}) { errors { code } } }", MINE),
    ("Mutation.createGroup", "mutation { it: createGroup(input: {name: \"$name\"}) { errors { code } } }", STAFF),
    (
        "Mutation.createModel",
        "mutation { it: createModel(input: {name: \"$name\", price: {}, routes: [{providerId: \"$provider\", \
         upstreamModel: \"x\"}]}) { errors { code } } }",
        SUPERUSER,
    ),
    (
        "Mutation.createWebhook",
        "mutation { it: createWebhook(input: {name: \"$name\", url: \"https://hooks.example\", events: [USER_CREATED]}) \
         { errors { code } } }",
        SUPERUSER,
    ),
    (
        "Mutation.deleteWebhook",
        "mutation { it: deleteWebhook(input: {webhookId: \"$webhook\"}) { errors { code } } }",
        SUPERUSER,
    ),
    (
        "Mutation.resendWebhookDelivery",
        "mutation { it: resendWebhookDelivery(input: {deliveryId: \"x\"}) { errors { code } } }",
        [UNAUTHENTICATED, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, NOT_FOUND],
    ),
    (
        "Mutation.rotateWebhookSecret",
        "mutation { it: rotateWebhookSecret(input: {webhookId: \"$webhook\"}) { errors { code } } }",
        SUPERUSER,
    ),
    (
        "Mutation.sendTestWebhook",
        "mutation { it: sendTestWebhook(input: {webhookId: \"$webhook\"}) { errors { code } } }",
        SUPERUSER,
    ),
    (
        "Mutation.updateWebhook",
        "mutation { it: updateWebhook(input: {webhookId: \"$webhook\", enabled: true}) { errors { code } } }",
        SUPERUSER,
    ),
    (
        "Mutation.createProvider",
        "mutation { it: createProvider(input: {name: \"$name\", kind: ANTHROPIC}) { errors { code } } }",
        SUPERUSER,
    ),
    (
        "Mutation.createUser",
        "mutation { it: createUser(input: {username: \"$name\", password: \"$password\"}) { errors { code } } }",
        STAFF,
    ),
    (
        "Mutation.deleteAccount",
        "mutation { it: deleteAccount(input: {password: \"wrong\"}) { errors { code } } }",
        PERSON,
    ),
    ("Mutation.deleteChat", "mutation { it: deleteChat(input: {chatId: \"$chat\"}) { errors { code } } }", STAFF_TOO),
    (
        "Mutation.deleteConversation",
        "mutation { it: deleteConversation(input: {conversationId: \"$conversation\"}) { errors { code } } }",
        OWN,
    ),
    ("Mutation.deleteModel", "mutation { it: deleteModel(input: {name: \"$model\"}) { errors { code } } }", SUPERUSER),
    ("Mutation.deleteGroup", "mutation { it: deleteGroup(input: {groupId: \"$group\"}) { errors { code } } }", STAFF),
    (
        "Mutation.removeGroupMember",
        "mutation { it: removeGroupMember(input: {groupId: \"$group\", userId: \"$member\"}) { errors { code } } }",
        STAFF,
    ),
    (
        "Mutation.setPayer",
        "mutation { it: setPayer(input: {groupId: \"$group\"}) { errors { code } } }",
        [UNAUTHENTICATED, FORBIDDEN, INVALID, OK, INVALID, INVALID],
    ),
    (
        "Mutation.updateGroup",
        "mutation { it: updateGroup(input: {groupId: \"$group\", description: \"x\"}) { errors { code } } }",
        STAFF,
    ),
    (
        "Mutation.updateGroupMember",
        "mutation { it: updateGroupMember(input: {groupId: \"$group\", userId: \"$member\", role: MANAGER}) { errors { code } } }",
        STAFF,
    ),
    (
        "Mutation.deleteProvider",
        "mutation { it: deleteProvider(input: {providerId: \"$provider\"}) { errors { code } } }",
        SUPERUSER,
    ),
    ("Mutation.deleteUser", "mutation { it: deleteUser(input: {userId: \"$user\"}) { errors { code } } }", STAFF),
    (
        "Mutation.editMessage",
        "mutation { it: editMessage(input: {chatId: \"$chat\", message: \"x\"}) { errors { code } } }",
        OWN,
    ),
    ("Mutation.endSession", "mutation { it: endSession(input: {sessionId: \"$session\"}) { errors { code } } }", OWN),
    ("Mutation.logOutUser", "mutation { it: logOutUser(input: {userId: \"$user\"}) { errors { code } } }", STAFF),
    (
        "Mutation.login",
        "mutation { it: login(input: {username: \"$name\", password: \"x\"}) { errors { code } } }",
        [UNAUTHENTICATED; 6],
    ),
    ("Mutation.logout", "mutation { it: logout(input: {}) { errors { code } } }", MINE),
    ("Mutation.logoutEverywhere", "mutation { it: logoutEverywhere(input: {}) { errors { code } } }", MINE),
    (
        "Mutation.proposePrices",
        "mutation { it: proposePrices(input: {list: \"{\\\"format\\\": \\\"jeton-prices/1\\\", \\\"models\\\": []}\"}) \
         { errors { code } } }",
        SUPERUSER,
    ),
    (
        "Mutation.refreshToken",
        "mutation { it: refreshToken(input: {refreshToken: \"x\"}) { errors { code } } }",
        [UNAUTHENTICATED; 6],
    ),
    ("Mutation.regenerate", "mutation { it: regenerate(input: {chatId: \"$chat\"}) { errors { code } } }", OWN),
    (
        "Mutation.register",
        "mutation { it: register(input: {username: \"$name\", password: \"$password\"}) { errors { code } } }",
        ALL,
    ),
    (
        "Mutation.renameConversation",
        "mutation { it: renameConversation(input: {conversationId: \"$conversation\", title: \"x\"}) { errors { code } } }",
        OWN,
    ),
    (
        "Mutation.revokeApiKey",
        "mutation { it: revokeApiKey(input: {apiKeyId: \"$key\"}) { errors { code } } }",
        STAFF_TOO,
    ),
    ("Mutation.sendMessage", "mutation { it: sendMessage(input: {message: \"x\"}) { errors { code } } }", MINE),
    (
        "Mutation.setDefaultModel",
        "mutation { it: setDefaultModel(input: {name: null}) { errors { code } } }",
        SUPERUSER,
    ),
    (
        "Mutation.setModelPrice",
        "mutation { it: setModelPrice(input: {name: \"$model\", price: {perMessage: 1}}) { errors { code } } }",
        SUPERUSER,
    ),
    (
        "Mutation.setPassword",
        "mutation { it: setPassword(input: {userId: \"$user\", password: \"$password\"}) { errors { code } } }",
        STAFF,
    ),
    (
        "Mutation.setUsersActive",
        "mutation { it: setUsersActive(input: {filter: {search: \"$name\"}, expectedCount: 0, active: true}) { errors { code } } }",
        STAFF,
    ),
    ("Mutation.startMessage", "mutation { it: startMessage(input: {message: \"x\"}) { errors { code } } }", MINE),
    ("Mutation.stopMessage", "mutation { it: stopMessage(input: {chatId: \"$chat\"}) { errors { code } } }", OWN),
    (
        "Mutation.resetBreaker",
        "mutation { it: resetBreaker(input: {providerId: \"$provider\"}) { errors { code } } }",
        SUPERUSER,
    ),
    (
        "Mutation.testProvider",
        "mutation { it: testProvider(input: {providerId: \"$provider\"}) { errors { code } } }",
        SUPERUSER,
    ),
    (
        "Mutation.updateConversation",
        "mutation { it: updateConversation(input: {conversationId: \"$conversation\", systemPrompt: \"x\"}) { errors { code } } }",
        OWN,
    ),
    (
        "Mutation.updateModel",
        "mutation { it: updateModel(input: {name: \"$model\", enabled: false}) { errors { code } } }",
        SUPERUSER,
    ),
    (
        "Mutation.updateProvider",
        "mutation { it: updateProvider(input: {providerId: \"$provider\", maxRetries: 1}) { errors { code } } }",
        SUPERUSER,
    ),
    ("Mutation.updateUser", "mutation { it: updateUser(input: {userId: \"$user\"}) { errors { code } } }", STAFF),
    ("Subscription.balanceChanged", "subscription { it: balanceChanged { tokens } }", MINE),
    ("Subscription.conversationChanged", "subscription { it: conversationChanged { kind } }", MINE),
    ("Subscription.exportChats", "subscription { it: exportChats(format: JSON) { text } }", MINE),
    ("Subscription.exportLedgerEntries", "subscription { it: exportLedgerEntries { text } }", STAFF),
    ("Subscription.exportLedgerHistory", "subscription { it: exportLedgerHistory { text } }", MINE),
    ("Subscription.replyStream", "subscription { it: replyStream(chatId: \"$chat\") { __typename } }", OWN),
];

/// Operations whose verdict depends on their arguments.
pub const ARGUMENTS: &[(&str, &str, [Verdict; 6])] = &[
    (
        "roles are for superusers",
        "mutation { it: updateUser(input: {userId: \"$user\", staff: true, ownPassword: \"$password\"}) { errors { code } } }",
        SUPERUSER,
    ),
    (
        "with their password",
        "mutation { it: updateUser(input: {userId: \"$user\", staff: true}) { errors { code } } }",
        [UNAUTHENTICATED, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, INVALID],
    ),
    (
        "so are new ones",
        "mutation { it: createUser(input: {username: \"$name\", password: \"$password\", staff: true, ownPassword: \"$password\"}) { errors { code } } }",
        SUPERUSER,
    ),
    (
        "the balance of an operator",
        "mutation { it: adjustBalance(input: {userId: \"$operator\", amount: 1, reason: \"x\"}) { errors { code } } }",
        SUPERUSER,
    ),
    (
        "an operator's account",
        "mutation { it: updateUser(input: {userId: \"$operator\", active: false}) { errors { code } } }",
        SUPERUSER,
    ),
    (
        "an operator's password",
        "mutation { it: setPassword(input: {userId: \"$operator\", password: \"$password\", ownPassword: \"$password\"}) { errors { code } } }",
        SUPERUSER,
    ),
    (
        "logging an operator out",
        "mutation { it: logOutUser(input: {userId: \"$operator\"}) { errors { code } } }",
        SUPERUSER,
    ),
    (
        "deleting an operator",
        "mutation { it: deleteUser(input: {userId: \"$operator\"}) { errors { code } } }",
        SUPERUSER,
    ),
    (
        "somebody else's conversation",
        "mutation { it: sendMessage(input: {message: \"x\", conversationId: \"$conversation\"}) { errors { code } } }",
        OWN,
    ),
    (
        "an estimate in the conversation of another user",
        "{ it: estimateMessage(input: {message: \"x\", conversationId: \"$conversation\"}) { hold } }",
        OWN,
    ),
    (
        "an estimate for the chat of another user",
        "{ it: estimateMessage(input: {message: \"x\", replacesId: \"$chat\"}) { hold } }",
        OWN,
    ),
    (
        "an export of somebody else's",
        "subscription { it: exportChats(format: JSON, conversationId: \"$conversation\") { text } }",
        OWN,
    ),
    ("somebody as a node", "{ it: node(id: \"$user\") { id } }", [NULL, NULL, NULL, NULL, OK, OK]),
    ("a session as a node", "{ it: node(id: \"$session\") { id } }", [NULL, NULL, NULL, OK, NULL, NULL]),
    ("a conversation as a node", "{ it: node(id: \"$conversation\") { id } }", [NULL, NULL, NULL, OK, NULL, NULL]),
    ("a provider as a node", "{ it: node(id: \"$provider\") { id } }", [NULL, NULL, NULL, NULL, OK, OK]),
    ("a key as a node", "{ it: node(id: \"$key\") { id } }", [NULL, NULL, NULL, OK, OK, OK]),
];

/// The fields of all other objects. A viewer who sees an object sees its fields; those with a star are tested below.
pub const FIELDS: &[(&str, &str)] = &[
    ("AnswerTime", "medianMs p95Ms"),
    ("ApiKey", "active createdAt expiresAt id lastUsedAt models name payer prefix revokedAt scopes spending user"),
    ("ApiKeyUsage", "apiKey apiKeyId messages tokens"),
    ("AuditEvent", "action actor actorName createdAt details id targetId targetName user"),
    ("Balance", "held tokens"),
    ("Breaker", "failures since status until"),
    (
        "CatalogModel",
        "contextWindow default defaultSource description enabled images maxConcurrent maxOutput name price problem reasoning \
         routeStates routes shadowsDatabase source title tools updatedAt",
    ),
    (
        "Chat",
        "apiKeyId contextLeftOut conversation* cost createdAt error finishReason finishedAt firstChunkAt hold id message model \
         payer reasoning reasoningMs receipt replacedById response status usage user versions",
    ),
    ("ChatVersions", "count nextId number previousId"),
    ("Conversation", "activeAt archived chats createdAt id model payer pinned systemPrompt title"),
    ("ConversationChange", "chat chatId conversation conversationId kind"),
    ("ExportPart", "text"),
    ("Group", "balance* createdAt description id isDefault ledgerHistory* memberCount members* name updatedAt"),
    ("GroupMember", "createdAt role source user"),
    ("KeySpending", "dailyLimit held monthlyLimit thisMonth today total totalLimit"),
    ("LedgerEntry", "actor* amount apiKeyId balanceAfter chat createdAt group hash id note reason seq user"),
    ("Latency", "p50Ms p95Ms"),
    ("MessageEstimate", "affordable available expected hold"),
    ("Model", "default description maxOutput name price title window"),
    ("ModelRoute", "order provider upstreamModel weight"),
    ("ModelUsage", "failures messages model tokens"),
    ("Outstanding", "held tokens users"),
    ("Overview", "apiKeys days lowBalances models outstanding previous totals"),
    (
        "OverviewTotals",
        "activeUsers answerTime credits debits failures firstChunkTime messages signUps signupGrants spent",
    ),
    ("PageInfo", "endCursor hasNextPage hasPreviousPage startCursor"),
    ("Currency", "code tokensPerUnit"),
    ("PasswordRules", "maxChars minChars texts"),
    (
        "Price",
        "per1kInput per1kOutput perImage perMessage perMillionCacheRead perMillionCacheWrite perMillionInput perMillionOutput \
         perMillionReasoning",
    ),
    ("PriceChange", "changedBy version"),
    ("PricePartChange", "after before needsConfirmation part ratio"),
    ("PricePreview", "cacheRead cacheWrite charged chats images input output proposed reasoning since"),
    (
        "PriceProposal",
        "changes current entry matchedBy model needsConfirmation note problem proposed rank title version",
    ),
    ("PriceVersion", "model price since version"),
    (
        "Provider",
        "baseUrl circuitCooldownSeconds connectTimeoutSeconds createdAt firstByteTimeoutSeconds headers id \
         idleTimeoutSeconds keyLastFour keyProblem keySetAt kind maxRetries modelCount name updatedAt",
    ),
    ("ProviderHeader", "name value"),
    ("ProviderModel", "added contextWindow maxOutput name title"),
    ("ProviderTestStep", "kind message milliseconds succeeded"),
    ("Receipt", "cost hold lines price total"),
    ("ReceiptLine", "amount part per price quantity"),
    ("ReplyDelta", "offset seq text"),
    ("ReplyReasoning", "offset seq text"),
    ("ReplyFailed", "chat code message"),
    ("ReplyFinished", "balance chat"),
    ("RouteCalls", "calls errors firstByte stopped whole"),
    ("RouteError", "at kind message"),
    ("RouteErrorCount", "count kind"),
    ("RouteState", "breaker host lastError lastHour provider upstreamModel"),
    ("Server", "contact currency maxMessageChars maxSystemPromptChars passwordRules registration usernameRules"),
    ("Session", "address createdAt current expiresAt id lastUsedAt userAgent"),
    ("Spender", "messages tokens user"),
    ("Spending", "thisMonth today"),
    ("Usage", "cacheRead cacheWrite estimated images input output reasoning"),
    ("DayUsage", "cacheRead cacheWrite images input output reasoning"),
    ("UsageDay", "activeUsers day failures messages model tokens usage"),
    ("User", "balance createdAt id isActive isStaff isSuperuser lastActiveAt* lastLoginAt payer spent* username"),
    (
        "Webhook",
        "createdAt createdBy deliveries disabledReason enabled events failingSince id name previousSecretUntil updatedAt url",
    ),
    (
        "WebhookDelivery",
        "attempts createdAt event eventId finishedAt id lastAttemptAt lastError lastStatus nextAttemptAt payload state",
    ),
    ("UserError", "available code field message required"),
    ("UsernameRules", "maxChars text"),
];

/// Each route, and its status for anonymous, a key for COMPLETIONS, and a logged-in user, in this order.
pub const ROUTES: &[(&str, &str, &str, [u16; 3])] = &[
    ("GET", "/healthz", "{}", [200, 200, 200]),
    ("GET", "/readyz", "{}", [200, 200, 200]),
    ("GET", "/api/openapi.json", "{}", [200, 200, 200]),
    ("GET", "/api/chat/", "{}", [401, 403, 200]),
    ("POST", "/api/chat/", "{\"message\": \"x\"}", [401, 403, 200]),
    ("GET", "/api/user/balance/", "{}", [401, 403, 200]),
    ("GET", "/api/user/profile/", "{}", [401, 403, 200]),
    ("POST", "/api/register/", "{}", [400, 400, 400]),
    ("POST", "/api/token/", "{}", [400, 400, 400]),
    ("POST", "/api/token/refresh/", "{}", [400, 400, 400]),
    ("GET", "/v1/models", "{}", [401, 200, 200]),
    ("GET", "/v1/models/echo", "{}", [401, 200, 200]),
    ("POST", "/v1/chat/completions", "{}", [401, 400, 400]),
];
