// The reference audits of GraphQL over HTTP (package graphql-http) against a server: every MUST and SHOULD passes.
//   node audits.mjs URL

import { serverAudits } from "graphql-http";

const [url] = process.argv.slice(2);
const failed = [];
const counts = { MUST: 0, SHOULD: 0, MAY: 0 };
for (const audit of serverAudits({ url: `${url}/graphql`, fetchFn: fetch })) {
  const result = await audit.fn();
  const level = audit.name.match(/^(MUST|SHOULD|MAY)/)?.[0] ?? "MUST";
  if (result.status === "ok") counts[level] += 1;
  else failed.push(`${audit.id} ${audit.name}: ${result.reason}`);
}
console.log(`${counts.MUST} MUST, ${counts.SHOULD} SHOULD and ${counts.MAY} MAY passed`);
for (const failure of failed) console.log(`failed: ${failure}`);
process.exit(failed.some((failure) => !failure.includes(" MAY")) ? 1 : 0);
