// Follows one reply with an official client, from a position on, and prints what it heard as one line of JSON.
// A process of its own each time, as a page is that was loaded anew.
//
//   node follow.mjs ws|sse URL ACCESS_TOKEN CHAT_ID AFTER [DROP_AFTER_PARTS]

import { createClient as createSse } from "graphql-sse";
import { createClient as createWs } from "graphql-ws";
import WebSocket from "ws";

const [carrier, url, token, chatId, after, dropAfter] = process.argv.slice(2);
const query = `subscription($id: ID!, $after: Int) { replyStream(chatId: $id, after: $after) { __typename
  ... on ReplyDelta { seq offset text }
  ... on ReplyFinished { chat { status response } balance { tokens held } }
  ... on ReplyFailed { code message } } }`;

const authorization = `Bearer ${token}`;
const client =
  carrier === "ws"
    ? createWs({
        url: `${url.replace("http", "ws")}/graphql/ws`,
        webSocketImpl: WebSocket,
        connectionParams: { authorization },
        retryAttempts: 0,
      })
    : createSse({ url: `${url}/graphql/stream`, headers: { authorization }, retryAttempts: 0 });

const heard = { parts: [], end: null };
const start = performance.now();
const events = client.iterate({ query, variables: { id: chatId, after: Number(after) } });
for await (const { data, errors } of events) {
  if (errors) throw new Error(JSON.stringify(errors));
  const event = data.replyStream;
  if (event.__typename !== "ReplyDelta") {
    heard.end = event;
    continue;
  }
  heard.parts.push({ ...event, at: Math.round(performance.now() - start) });
  if (dropAfter && heard.parts.length >= Number(dropAfter)) {
    // Gone in the middle, without a word.
    client.terminate?.();
    break;
  }
}
console.log(JSON.stringify(heard));
process.exit(0);
