import { createHash, timingSafeEqual } from 'node:crypto'
import { causationOf, ProblemError } from '@millrace/runtime'
import { Type, type Static } from 'typebox'
import { limits } from '../domain/limits.ts'
import { importBatch } from '../import-batch.ts'
import { basePath, type RouteContext } from './context.ts'

const ImportBody = Type.Object(
  {
    lines: Type.Array(Type.Unknown(), {
      minItems: 1,
      maxItems: limits.importLines,
      description: 'Lines of a file, in its order; see docs/import.md',
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
    }),
  ),
})

/**
 * The door for trusted imports: keeps ids, authors and times, and takes votes without a voter. Its own reader of JSON lets pass what no
 * table can hold, so that the one line is refused and not the whole batch.
 */
export function registerImport({ app, outbox }: RouteContext, token: string | null): void {
  void app.register(async (scope) => {
    const parse = scope.getDefaultJsonParser('error', 'error')
    const utf8 = new TextDecoder('utf-8', { fatal: true })
    scope.removeContentTypeParser('application/json')
    scope.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
      let text: string
      try {
        text = utf8.decode(body as Buffer)
      } catch (cause) {
        const problem = 'The body is not valid UTF-8.'
        return done(new ProblemError(400, 'MR_HTTP_INVALID_UTF8', problem, { cause }))
      }
      void parse(request, text, done)
    })
    scope.post(
      `${basePath}/import`,
      {
        bodyLimit: limits.importBodyBytes,
        // The token decides, not who sends it.
        config: { isPublic: true },
        // Before the body is read: strangers must not make us take 8 MB.
        onRequest: async (request) => checkToken(request.headers.authorization, token),
        schema: {
          tags: ['import'],
          summary: 'Take lines of an import; for the import command',
          description: 'Needs `Authorization: Bearer <IMPORT_TOKEN>`. A batch is one transaction.',
          body: ImportBody,
          response: { 200: ImportResult },
        },
      },
      async (request) => ({
        results: [
          ...(await importBatch(
            outbox,
            causationOf(request),
            (request.body as Static<typeof ImportBody>).lines,
          )),
        ],
      }),
    )
  })
}

function checkToken(authorization: string | undefined, token: string | null): void {
  if (token === null) {
    throw new ProblemError(
      403,
      'MR_DISCUSSIONS_IMPORT_CLOSED',
      'This service takes no imports: it was started without IMPORT_TOKEN.',
    )
  }
  const given = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
  if (given !== undefined && timingSafeEqual(digest(given), digest(token))) return
  throw new ProblemError(
    401,
    'MR_DISCUSSIONS_IMPORT_TOKEN',
    'The import needs Authorization: Bearer with the token the platform was started with.',
    { headers: { 'www-authenticate': 'Bearer' } },
  )
}

/** Of equal length whatever was given, so that comparing takes the same time. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
