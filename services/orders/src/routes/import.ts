import { causationOf, checkImportToken } from '@millrace/runtime'
import { Type } from 'typebox'
import { importBatch } from '../import-batch.ts'
import { basePath, type RouteContext } from './context.ts'

/** Most lines of a batch, and its size; a line of a thousand items has some 130 kB. */
const importLines = 100
const importBodyBytes = 8 * 1024 * 1024

const ImportBody = Type.Object(
  {
    as: Type.Union([Type.Literal('history'), Type.Literal('live')], {
      description: 'history: orders that have ended, CONFIRMED. live: NEW ones, for the saga',
    }),
    lines: Type.Array(Type.Unknown(), {
      minItems: 1,
      maxItems: importLines,
      description: 'Invoices of a file, in its order; see docs/import.md',
    }),
  },
  { additionalProperties: false },
)

const ImportResult = Type.Object({
  results: Type.Array(
    Type.Object({
      id: Type.Union([Type.String(), Type.Null()]),
      result: Type.Union([
        Type.Literal('created'),
        Type.Literal('exists'),
        Type.Literal('refused'),
      ]),
      reason: Type.Optional(Type.String()),
      orderId: Type.Optional(Type.String()),
    }),
  ),
})

/** The door for trusted imports: keeps times and prices, and asks neither users nor the catalogue. */
export function registerImport({ app, outbox }: RouteContext, token: string | null): void {
  app.post(
    `${basePath}/import`,
    {
      bodyLimit: importBodyBytes,
      // The token decides, not who sends it.
      config: { isPublic: true },
      onRequest: async (request) => checkImportToken(request, token),
      schema: {
        tags: ['import'],
        summary: 'Take invoices; for the import command',
        description: 'Needs `Authorization: Bearer <IMPORT_TOKEN>`. A batch is one transaction.',
        body: ImportBody,
        response: { 200: ImportResult },
      },
    },
    async (request) => {
      const { as, lines } = request.body
      return { results: [...(await importBatch(outbox, causationOf(request), as, lines))] }
    },
  )
}
