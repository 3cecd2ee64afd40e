// Whether the server refuses the same requests before anything runs as graphql-js does, over generated documents.
//   node validation.mjs URL [COUNT] [FIRST_SEED]

import { readFileSync } from "node:fs";
import { documentOf } from "./documents.mjs";
import { validationErrorOf, schemaOf } from "./reference.mjs";

// What the server refuses although graphql-js does not, and why.
const STRICTER = [
  [/^A mutation has each field once/, "fields of one name would have to be merged, and a message not be paid for twice"],
  [/^A subscription selects exactly one field, and not by a fragment/, "the one root field of a subscription is a plain one"],
  [/^subscription `\w+` can (only have one root field|not specify @skip or @include)/, "the draft of 2025, which graphql-js 16 is older than"],
  [/^The (document|operation) (has|costs) /, "a limit of the server's own"],
];
// Refused, but not as a document that is not valid.
const VALID = /^Subscriptions are served at/;
const AT_ONCE = 8;

const [url, count = "4000", first = "1"] = process.argv.slice(2);
const schema = schemaOf(readFileSync(new URL("../../../schema.graphql", import.meta.url), "utf8"));
const counts = { valid: 0, "not valid": 0, stricter: 0 };
const wrong = [];

/** The server's reason to run nothing; none where it ran. */
async function refusalOf(asked) {
  const headers = { "content-type": "application/json", accept: "application/graphql-response+json" };
  const response = await fetch(`${url}/graphql`, { method: "POST", headers, body: JSON.stringify(asked) });
  const answer = await response.json();
  if (response.status === 200 || VALID.test(answer.errors[0].message)) return undefined;
  if (response.status !== 400 || answer.data !== undefined) throw new Error(`${response.status} ${JSON.stringify(answer)}`);
  return answer.errors[0].message;
}

async function compare(seed) {
  const asked = documentOf(schema, seed);
  const [expected, told] = [validationErrorOf(schema, asked), await refusalOf(asked)];
  const stricter = !expected && told && STRICTER.some(([words]) => words.test(told));
  if (stricter) counts.stricter += 1;
  else if (!expected === !told) counts[told ? "not valid" : "valid"] += 1;
  else wrong.push({ seed, expected, told, ...asked });
}

let next = Number(first);
const end = next + Number(count);
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    while (next < end) await compare(next++);
  }),
);
const shown = Object.entries(counts).map(([kind, number]) => `${number} ${kind}`).join(", ");
console.log(`${count} documents beside graphql-js: ${shown}, ${wrong.length} judged otherwise`);
for (const each of wrong.slice(0, 10)) console.log(JSON.stringify(each));
process.exit(wrong.length || counts.valid < Number(count) / 4 || counts["not valid"] < Number(count) / 4 ? 1 : 0);
