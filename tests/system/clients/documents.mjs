// GraphQL documents by a seed: valid ones over a schema, and ones with a few validation errors. Whether one is valid is for
// graphql-js to say, not for this file.

import { isCompositeType, isEnumType, isInputObjectType, isListType, isNonNullType, isLeafType, getNamedType } from "graphql";

/** Random numbers that a seed decides (mulberry32). */
export function randomOf(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (count) => Math.floor(next() * count);
  return { below, chance: (part) => next() < part, pick: (list) => list[below(list.length)] };
}

const WORDS = ["foo", "id", "__typename", "on", "message", "first", "input", "x", "__schema", "a"];
const LITERALS = [
  "1", "-1", "0", "2147483647", "2147483648", "-2147483649", "1.5", "1e3", '"x"', '"1"', "true", "null", "RED", "[]", "[1]", "{}",
  '["x", null]', '{ a: 1 }', "$x", "$missing", '"""x"""',
];
const TYPES = ["Int", "Int!", "String", "String!", "ID", "ID!", "Boolean", "Boolean!", "Float", "[ID!]", "[String]!", "Foo", "Query", "[Foo]"];
const VALUES = [null, 1, 1.5, 2147483648, "x", "1", true, [], ["x"], [null], {}, { a: 1 }];
const DIRECTIVES = ["@include(if: true)", "@skip(if: false)", "@skip(if: $x)", "@include(if: $flag)"];
const ODD_DIRECTIVES = ["@foo", "@include", "@skip(if: 1)", "@include(if: true, x: 1)", "@skip(if: true) @skip(if: true)", "@deprecated", '@specifiedBy(url: "x")', "@oneOf"];

class Writer {
  constructor(schema, random) {
    Object.assign(this, { schema, random, variables: new Map(), values: {}, fragments: [], invalid: 0 });
  }

  /** Whether to make this place invalid: rarely, so that most documents have none or one. */
  errs(part = 0.012) {
    const errs = this.wrong && this.random.chance(part);
    this.invalid += errs;
    return errs;
  }

  variable(type, value) {
    const { random } = this;
    const name = random.pick(["x", "y", "z", "flag", "n1", "n2", "n3"]);
    const known = this.variables.get(name);
    if (known && known.type !== String(type) && !this.errs(0.1)) return null;
    let shown = String(type);
    let standard = "";
    if (!known) {
      if (this.errs(0.05)) shown = shown.replace(/!$/, "");
      else if (shown.endsWith("!") && random.chance(0.2)) [shown, standard] = [shown.slice(0, -1), ` = ${value}`];
      else if (!shown.endsWith("!") && random.chance(0.2)) shown = `${shown}!`;
      if (this.errs(0.04)) shown = random.pick(TYPES);
      if (this.errs(0.04)) standard = ` = ${random.pick(LITERALS.filter((text) => !text.startsWith("$")))}`;
      this.variables.set(name, { type: String(type), text: `$${name}: ${shown}${standard}` });
      const given = this.json(type);
      if (this.errs(0.08)) this.values[name] = random.pick(VALUES);
      else if (!standard || random.chance(0.5)) this.values[name] = given;
      if (this.errs(0.04)) delete this.values[name];
    }
    return `$${name}`;
  }

  json(type) {
    const { random } = this;
    if (isNonNullType(type)) return this.json(type.ofType);
    if (isListType(type)) return random.chance(0.2) ? this.json(type.ofType) : Array.from({ length: random.below(3) }, () => this.json(type.ofType));
    if (isEnumType(type)) return random.pick(type.getValues()).name;
    if (isInputObjectType(type)) {
      const fields = Object.values(type.getFields()).filter((field) => isNonNullType(field.type) || random.chance(0.4));
      return Object.fromEntries(fields.map((field) => [field.name, this.json(field.type)]));
    }
    const values = {
      Int: [0, 1, 100],
      Float: [1, 1.5],
      Boolean: [true, false],
      ID: ["x", "1", 1],
      String: ["", "x", "word"],
      Tokens: [0, -1, 9007199254740991],
      DateTime: ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5+02:00"],
    };
    return random.pick(values[type.name] ?? ["x", "1"]);
  }

  literal(type, depth = 0) {
    const { random } = this;
    if (this.errs()) return random.pick(LITERALS);
    const plain = this.plain(type, depth);
    return random.chance(0.25) ? (this.variable(type, this.constant(type)) ?? plain) : plain;
  }

  /** A literal without variables. */
  constant(type) {
    const text = (value, of) => {
      if (isNonNullType(of)) return text(value, of.ofType);
      if (Array.isArray(value)) return `[${value.map((each) => text(each, isListType(of) ? of.ofType : of)).join(", ")}]`;
      if (isListType(of)) return text(value, of.ofType);
      if (isEnumType(of)) return value;
      if (isInputObjectType(of))
        return `{ ${Object.entries(value).map(([name, each]) => `${name}: ${text(each, of.getFields()[name].type)}`).join(", ")} }`;
      return JSON.stringify(value);
    };
    return text(this.json(type), type);
  }

  plain(type, depth) {
    const { random } = this;
    if (isNonNullType(type)) return this.plain(type.ofType, depth);
    if (random.chance(0.05) && depth) return this.constant(type);
    if (isListType(type)) return `[${Array.from({ length: random.below(3) }, () => this.literal(type.ofType, depth + 1)).join(", ")}]`;
    if (isInputObjectType(type)) {
      let fields = Object.values(type.getFields());
      if (type.isOneOf && !this.errs(0.05)) fields = [random.pick(fields)];
      else fields = fields.filter((field) => (isNonNullType(field.type) && field.defaultValue === undefined && !this.errs()) || random.chance(0.4));
      const parts = fields.map((field) => `${this.errs() ? random.pick(WORDS) : field.name}: ${this.literal(field.type, depth + 1)}`);
      if (parts.length && this.errs()) parts.push(random.pick(parts));
      return `{ ${parts.join(", ")} }`;
    }
    return this.constant(type);
  }

  directives() {
    const { random } = this;
    if (this.errs(0.006)) return ` ${random.pick(ODD_DIRECTIVES)}`;
    if (!random.chance(0.08)) return "";
    const text = random.pick(DIRECTIVES);
    for (const [, name] of text.matchAll(/\$(\w+)/g)) {
      const known = this.variables.get(name);
      if (known && !/^\$\w+: Boolean!/.test(known.text)) return "";
      if (!known && !this.errs(0.1)) {
        this.variables.set(name, { type: "Boolean!", text: `$${name}: Boolean!` });
        this.values[name] = random.chance(0.5);
      }
    }
    return ` ${text}`;
  }

  args(field) {
    const { random } = this;
    const given = field.args.filter((arg) => (isNonNullType(arg.type) && arg.defaultValue === undefined ? !this.errs() : random.chance(0.3)));
    const parts = given.map((arg) => `${this.errs(0.005) ? random.pick(WORDS) : arg.name}: ${this.literal(arg.type)}`);
    if (this.errs(0.004)) parts.push(`${random.pick(WORDS)}: ${random.pick(LITERALS)}`);
    if (parts.length && this.errs(0.004)) parts.push(parts[0]);
    return parts.length ? `(${parts.join(", ")})` : "";
  }

  field(type, depth) {
    const { random } = this;
    const fields = Object.values(type.getFields?.() ?? {});
    const usual = fields.filter((field) => depth > 0 || isLeafType(getNamedType(field.type)));
    if (!usual.length || random.chance(0.1)) {
      const alias = random.chance(0.2) ? "kind: " : "";
      return `${alias}__typename${this.errs() ? "(x: 1)" : ""}${this.directives()}${this.errs() ? " { id }" : ""}`;
    }
    const field = random.pick(usual);
    const alias = random.chance(0.15) ? `${random.pick(["a", "b", "c", "id"])}: ` : "";
    const name = this.errs(0.008) ? random.pick(WORDS) : field.name;
    const named = getNamedType(field.type);
    let inner = isCompositeType(named) ? ` ${this.selection(named, depth - 1)}` : "";
    if (this.errs(0.006)) inner = inner ? "" : " { id }";
    return `${alias}${name}${this.args(field)}${this.directives()}${inner}`;
  }

  selection(type, depth, count = 1 + this.random.below(4)) {
    const { random, schema } = this;
    const parts = Array.from({ length: count }, () => {
      if (depth > 0 && random.chance(0.08)) {
        const condition = this.errs(0.15) ? random.pick(["Foo", "Int", "Chat", "User", "Query", "Node"]) : type.name;
        const at = schema.getType(condition);
        return `...${random.chance(0.8) ? ` on ${condition}` : ""}${this.directives()} ${this.selection(isCompositeType(at) ? at : type, depth - 1)}`;
      }
      if (depth > 0 && random.chance(0.06)) return this.spread(type, depth);
      return this.field(type, depth);
    });
    return `{ ${parts.join(" ")} }`;
  }

  spread(type, depth) {
    const { random } = this;
    const same = this.fragments.find((fragment) => fragment.type === type && !fragment.open);
    if (this.errs(0.05)) return `...${random.pick(["F9", ...this.fragments.map(({ name }) => name)])}`;
    if (same && random.chance(0.5)) return `...${same.name}${this.directives()}`;
    const fragment = { name: `F${this.fragments.length}`, type, open: true };
    this.fragments.push(fragment);
    fragment.text = `fragment ${fragment.name} on ${type.name}${this.errs(0.02) ? " @foo" : ""} ${this.selection(type, depth - 1)}`;
    fragment.open = false;
    return `...${fragment.name}${this.directives()}`;
  }

  document() {
    const { random, schema } = this;
    this.wrong = random.chance(0.75);
    const kind = random.pick(["query", "query", "query", "query", "mutation", "mutation", "subscription"]);
    const root = { query: schema.getQueryType(), mutation: schema.getMutationType(), subscription: schema.getSubscriptionType() }[kind];
    const single = kind === "subscription" && !this.errs(0.2);
    const body = single ? `{ ${this.field(root, 3)} }` : this.selection(root, 3, kind === "query" ? undefined : 1 + random.below(2));
    if (this.errs(0.03)) this.variables.set("unused", { text: "$unused: Int" });
    if (this.errs(0.02) && this.variables.size) this.variables.delete([...this.variables.keys()][0]);
    let defined = [...this.variables.values()].map(({ text }) => text);
    if (this.errs(0.02) && defined.length) defined = [...defined, defined[0]];
    const name = defined.length || kind !== "query" || random.chance(0.5) ? ` ${this.errs(0.02) ? "F0" : "Q"}` : "";
    const head = name || defined.length || kind !== "query" ? `${kind}${name}${defined.length ? `(${defined.join(", ")})` : ""}${this.errs(0.02) ? " @include(if: true)" : ""} ` : "";
    const parts = [`${head}${body}`, ...this.fragments.map(({ text }) => text)];
    if (this.errs(0.03)) parts.push(random.pick(["fragment Lost on Query { __typename }", "query Q { __typename }", "{ __typename }", "query Other { __typename }", "type Foo { id: ID }"]));
    return { query: parts.join(" "), variables: this.values, operationName: name.trim() || undefined };
  }
}

/** A document with its variables and the name of its operation. */
export function documentOf(schema, seed) {
  return new Writer(schema, randomOf(seed)).document();
}
