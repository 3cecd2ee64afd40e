// What graphql-js says of a request, and so what has to be refused before anything runs.

import { buildSchema, getOperationAST, GraphQLError, Kind, parse, validate, valueFromASTUntyped } from "graphql";
import { getVariableValues } from "graphql/execution/values.js";

/** The schema in a text, with scalars that judge values as the server's do. */
export function schemaOf(text) {
  const schema = buildSchema(text);
  const judges = {
    Tokens: (value) => Number.isSafeInteger(value),
    DateTime: (value) => typeof value === "string" && /^\d{4}-\d\d-\d\d[Tt ][\d:.]+([Zz]|[+-]\d\d:?\d\d)$/.test(value) && !Number.isNaN(Date.parse(value)),
  };
  for (const [name, fits] of Object.entries(judges)) {
    const scalar = schema.getType(name);
    scalar.parseValue = (value) => {
      if (!fits(value)) throw new GraphQLError(`${JSON.stringify(value)} is no ${name}.`);
      return value;
    };
    // A literal with a fraction or an exponent is no whole number, whatever it amounts to.
    scalar.parseLiteral = (node, variables) =>
      scalar.parseValue(node.kind === Kind.FLOAT ? undefined : valueFromASTUntyped(node, variables));
  }
  return schema;
}

/** The first validation error of a request; undefined if it is valid. */
export function validationErrorOf(schema, { query, variables, operationName }) {
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
