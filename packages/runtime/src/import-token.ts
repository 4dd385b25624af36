import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { ProblemError } from './problem.ts'

/**
 * Guards a trusted import: its request must carry `Authorization: Bearer` with the service's token. To be called in `onRequest`, before
 * the body is read: strangers must not make us take a large one.
 * @param token null: the service takes no imports
 * @throws ProblemError 403 `MR_HTTP_IMPORT_CLOSED`, 401 `MR_HTTP_IMPORT_TOKEN`
 */
export function checkImportToken(request: FastifyRequest, token: string | null): void {
  if (token === null)
    throw new ProblemError(
      403,
      'MR_HTTP_IMPORT_CLOSED',
      'This service takes no imports: it was started without IMPORT_TOKEN.',
    )
  const given = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
  if (given !== undefined && timingSafeEqual(digest(given), digest(token))) return
  throw new ProblemError(
    401,
    'MR_HTTP_IMPORT_TOKEN',
    'The import needs Authorization: Bearer with the token the platform was started with.',
    { headers: { 'www-authenticate': 'Bearer' } },
  )
}

/** Of equal length whatever was given, so that comparing takes the same time. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
