// The description of the REST routes, judged by a validator of OpenAPI, and what it says of the idempotency key.
import { Validator } from '@seriousme/openapi-schema-validator'

const [url] = process.argv.slice(2)
const document = await (await fetch(`${url}/api/openapi.json`)).json()
const judged = await new Validator().validate(structuredClone(document))
if (!judged.valid) {
  console.error(JSON.stringify(judged.errors, null, 2))
  process.exit(1)
}

const fail = (message) => {
  console.error(`openapi: ${message}`)
  process.exit(1)
}
// Names of components are letters, digits, dots, hyphens and underscores; each scheme that a route names is there.
const schemes = Object.keys(document.components.securitySchemes)
for (const name of schemes) if (!/^[\w.-]+$/.test(name)) fail(`the security scheme ${JSON.stringify(name)} has a bad name`)
for (const [path, methods] of Object.entries(document.paths)) {
  for (const { security = [], operationId } of Object.values(methods)) {
    if (!operationId) fail(`${path} has an operation without an id`)
    for (const name of security.flatMap(Object.keys)) if (!schemes.includes(name)) fail(`${path}: no scheme ${name}`)
  }
}

// An importer that copies the example into its collection has no constant there, which would be one message for ever.
const key = document.paths['/api/chat/'].post.parameters.find(({ name }) => name === 'Idempotency-Key')
if (!/^\{\{\$\w+\}\}$/.test(key.example)) fail(`the example of the key is a constant: ${key.example}`)
if (key.schema.minLength !== 1 || key.schema.maxLength !== 255) fail(`the key has other bounds: ${JSON.stringify(key)}`)
const password = document.components.schemas.Registration.properties.password
if (password.minLength !== 8 || password.maxLength !== 256) fail(`a password has other bounds: ${JSON.stringify(password)}`)
console.log(`openapi.json is valid (${judged.version ?? document.openapi}), ${Object.keys(document.paths).length} paths`)
