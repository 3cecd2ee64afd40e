import type { CodegenConfig } from '@graphql-codegen/cli'

/** One output per folder, so that the documents of lazily loaded pages are in their chunks. */
function operations(folder: string) {
  return {
    documents: `src/${folder}/*.graphql`,
    plugins: ['typescript-operations', 'typed-document-node'],
  }
}

const config: CodegenConfig = {
  schema: '../schema.graphql',
  generates: {
    'src/gql/account.ts': operations('account'),
    'src/gql/admin.ts': operations('admin'),
    'src/gql/chat.ts': operations('chat'),
    'src/gql/groups.ts': operations('groups'),
    'src/gql/keys.ts': operations('keys'),
    'src/gql/receipt.ts': operations('receipt'),
    'src/gql/session.ts': operations('session'),
  },
  config: {
    useTypeImports: true,
    enumType: 'string-literal',
    strictScalars: true,
    defaultScalarType: 'unknown',
    // Tokens stay below 2^53, so that a number holds them exactly.
    scalars: { DateTime: 'string', Tokens: 'number' },
  },
}

export default config
