// Starts a message and follows its reply over a WebSocket. After a lost connection it resumes behind the last part.
//   JETON_API_KEY=jt-.. node reply_stream.mjs [MESSAGE]

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const url = process.env.JETON_URL ?? "http://127.0.0.1:8000";
const authorization = `Bearer ${process.env.JETON_API_KEY}`;
const [message = "What is the capital of France?"] = process.argv.slice(2);

const START = `mutation($message: String!, $key: String) {
  startMessage(input: { message: $message, idempotencyKey: $key }) { chat { id } errors { code message } } }`;
const FOLLOW = `subscription($id: ID!, $after: Int) { replyStream(chatId: $id, after: $after) { __typename
  ... on ReplyDelta { seq text }
  ... on ReplyFinished { chat { cost } balance { tokens } }
  ... on ReplyFailed { code message } } }`;

const response = await fetch(`${url}/graphql`, {
  method: "POST",
  headers: { authorization, "content-type": "application/json" },
  body: JSON.stringify({ query: START, variables: { message, key: randomUUID() } }),
});
const { data, errors } = await response.json();
if (errors) throw new Error(errors[0].message);
const { chat, errors: rejected } = data.startMessage;
if (!chat) throw new Error(rejected[0].message);

const client = createClient({
  url: `${url.replace(/^http/, "ws")}/graphql/ws`,
  webSocketImpl: WebSocket,
  connectionParams: { authorization },
  // A retry of the client's own would repeat the variables, and so the parts.
  retryAttempts: 0,
});

let after = 0;
let end;
while (!end) {
  try {
    for await (const { data, errors } of client.iterate({ query: FOLLOW, variables: { id: chat.id, after } })) {
      if (errors) throw new Error(errors[0].message);
      const event = data.replyStream;
      if (event.__typename !== "ReplyDelta") {
        end = event;
        break;
      }
      process.stdout.write(event.text);
      after = event.seq;
    }
  } catch (error) {
    // Closed by the network or by a server that restarts. Codes from 4400 on are errors of this program.
    if (!(error?.code < 4400)) throw error;
    await sleep(1_000);
  }
}
await client.dispose();
if (end.__typename === "ReplyFailed") throw new Error(end.message);
console.log(`\ncost ${end.chat.cost}, balance ${end.balance.tokens}`);
