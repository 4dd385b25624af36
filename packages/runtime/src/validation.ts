import { Compile } from 'typebox/compile'
import { Settings } from 'typebox/system'
import type { TSchema } from 'typebox'
import { coerceText } from './coerce-text.ts'
import { ProblemError, type FieldError } from './problem.ts'
import { describeFaults } from './validation-words.ts'

// TypeBox stops after 8 faults by default; a form with more wrong fields should hear of all of them at once.
Settings.Set({ maxErrors: 100 })

/** Part of a request, as Fastify names it. */
type HttpPart = 'body' | 'querystring' | 'params' | 'headers'

const partWords = {
  body: { in: 'body', words: 'body' },
  querystring: { in: 'query', words: 'query parameters' },
  params: { in: 'path', words: 'path parameters' },
  headers: { in: 'headers', words: 'headers' },
} as const satisfies Record<HttpPart, { in: FieldError['in']; words: string }>

type ValidationResult = { readonly value: unknown } | { readonly error: Error }

/**
 * Validation of one part of a route's requests. Bodies are taken as they are: a number sent as text is a fault. What
 * arrives as text in URLs and headers is read as the number, boolean or list its schema asks for, and defaults are filled in.
 */
export function compileValidator(
  schema: TSchema,
  part: HttpPart,
): (value: unknown) => ValidationResult {
  const validator = Compile(schema)
  const isText = part !== 'body'
  return (received) => {
    const value = isText ? validator.Default(coerceText(schema, received)) : received
    if (validator.Check(value)) return { value }
    const errors = describeFaults(schema, validator.Errors(value)).map((fault): FieldError => ({
      ...fault,
      in: partWords[part].in,
    }))
    return { error: validationProblem(errors, partWords[part].words) }
  }
}

function validationProblem(errors: readonly FieldError[], words: string): ProblemError {
  const listed = errors
    .slice(0, 3)
    .map((error) => (error.field ? `${error.field} ${error.reason}` : error.reason))
  const more = errors.length > 3 ? `; and ${errors.length - 3} more` : ''
  return new ProblemError(
    400,
    'MR_HTTP_VALIDATION',
    `The ${words} of the request do not fit: ${listed.join('; ')}${more}. Nothing was changed.`.replace(
      'The body of the request do not fit',
      'The body of the request does not fit',
    ),
    { errors },
  )
}
