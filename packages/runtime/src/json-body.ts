import type { FastifyInstance } from 'fastify'
import { ProblemError, type FieldError } from './problem.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * JSON is the one content type services take unless they add others. Fastify's own parser turns bytes that are not UTF-8 into
 * replacement characters, so what was stored would not be what was sent: here they are refused.
 */
export function useStrictJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    (request, body: Buffer, done) => {
      refuseOtherCharset(request.headers['content-type'] ?? '')
      const text = decode(body)
      void parse(request, text, (error, value: unknown) => {
        if (error) return done(error)
        const errors = mayHoldUnstorableText(text) ? unstorableText(value) : []
        return errors.length > 0 ? done(unstorableProblem(errors)) : done(null, value)
      })
    },
  )
}

function refuseOtherCharset(contentType: string): void {
  const charset = /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(contentType)?.[1]
  if (charset !== undefined && !/^(utf-?8|us-ascii)$/i.test(charset)) {
    throw new ProblemError(
      415,
      'MR_HTTP_UNSUPPORTED_MEDIA_TYPE',
      `JSON is taken in UTF-8 only (RFC 8259), not in ${charset}.`,
    )
  }
}

function decode(body: Buffer): string {
  try {
    return utf8.decode(body)
  } catch (error) {
    throw new ProblemError(400, 'MR_HTTP_INVALID_UTF8', 'The body is not valid UTF-8.', {
      errors: [{ field: '', reason: 'is not valid UTF-8', in: 'body' }],
      cause: error,
    })
  }
}

/** Cheap first look: only an escape can bring U+0000 or half a surrogate pair into text that came as valid UTF-8 JSON. */
function mayHoldUnstorableText(text: string): boolean {
  return /\\u(0000|d[89a-f])/i.test(text)
}

/** Deepest nesting of a body that is searched; no schema of ours comes near. */
const maxDepth = 100

/** Postgres stores neither U+0000 nor half a surrogate pair; without this they would end in a 500. */
function unstorableText(value: unknown, field = '', depth = 0): FieldError[] {
  if (depth > maxDepth) return [{ field, reason: 'is nested too deeply' }]
  if (typeof value === 'string') return isStorable(value) ? [] : [{ field, reason: unstorable }]
  if (Array.isArray(value))
    return value.flatMap((item, index) => unstorableText(item, `${field}[${index}]`, depth + 1))
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, item]) => [
    ...(isStorable(name) ? [] : [{ field, reason: `has a field whose name ${unstorable}` }]),
    ...unstorableText(item, field === '' ? name : `${field}.${name}`, depth + 1),
  ])
}

const unstorable = 'must not contain U+0000 or half a surrogate pair'

function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}

function unstorableProblem(errors: readonly FieldError[]): ProblemError {
  return new ProblemError(
    400,
    'MR_HTTP_UNSTORABLE_TEXT',
    `Text with characters that cannot be stored: ${errors.map((error) => error.field).join(', ')}. Nothing was changed.`,
    { errors: errors.map((error) => ({ ...error, in: 'body' as const })) },
  )
}
