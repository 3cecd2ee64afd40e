// Follows one reply with an official client, from a position on, and prints what it received as one line of JSON.
// A process of its own each time, as a reloaded page is.
//
//   node follow.mjs ws|sse URL ACCESS_TOKEN CHAT_ID AFTER [DROP_AFTER_PARTS]

import { createClient as createSse } from "graphql-sse";
import { createClient as createWs } from "graphql-ws";
import WebSocket from "ws";

const [transport, url, token, chatId, after, dropAfter] = process.argv.slice(2);
const query = `subscription($id: ID!, $after: Int) { replyStream(chatId: $id, after: $after) { __typename
  ... on ReplyDelta { seq offset text }
  ... on ReplyFinished { chat { status response } balance { tokens held } }
  ... on ReplyFailed { code message } } }`;

const authorization = `Bearer ${token}`;
const client =
  transport === "ws"
    ? createWs({
        url: `${url.replace("http", "ws")}/graphql/ws`,
        webSocketImpl: WebSocket,
        connectionParams: { authorization },
        retryAttempts: 0,
      })
    : createSse({ url: `${url}/graphql/stream`, headers: { authorization }, retryAttempts: 0 });

const received = { parts: [], end: null };
const start = performance.now();
const events = client.iterate({ query, variables: { id: chatId, after: Number(after) } });
for await (const { data, errors } of events) {
  if (errors) throw new Error(JSON.stringify(errors));
  const event = data.replyStream;
  if (event.__typename !== "ReplyDelta") {
    received.end = event;
    continue;
  }
  received.parts.push({ ...event, at: Math.round(performance.now() - start) });
  if (dropAfter && received.parts.length >= Number(dropAfter)) {
    // Disconnected midway, without a close frame.
    client.terminate?.();
    break;
  }
}
console.log(JSON.stringify(received));
process.exit(0);
