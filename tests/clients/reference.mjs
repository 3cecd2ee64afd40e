// What graphql-js says of a request, and so what has to be refused before anything runs.

import { getOperationAST, parse, validate, GraphQLError } from "graphql";
import { getVariableValues } from "graphql/execution/values.js";

/** The first mistake of a request; none where it is valid. */
export function mistakeOf(schema, { query, variables, operationName }) {
  let document;
  try {
    document = parse(query);
    const [first] = validate(schema, document);
    if (first) return first.message;
  } catch (error) {
    // Besides what can't be parsed: a rule about subscriptions throws where a variable of a directive has no value.
    if (error instanceof GraphQLError) return error.message;
    throw error;
  }
  const operation = getOperationAST(document, operationName);
  if (!operation) return "no such operation";
  const { errors } = getVariableValues(schema, operation.variableDefinitions ?? [], variables ?? {});
  return errors?.[0].message;
}
