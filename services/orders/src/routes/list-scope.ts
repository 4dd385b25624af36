import { callerOf, ProblemError, userOf, type FastifyRequest } from '@millrace/runtime'
import { decodeCursor, type Cursor } from '../read-side/cursor.ts'
import type { RouteContext } from './context.ts'

/** Who may see what others ordered. */
export function isWide(request: FastifyRequest): boolean {
  const roles = callerOf(request)?.roles ?? []
  return roles.includes('staff') || roles.includes('admin')
}

/**
 * Whose a list is to show; null: of all. Who may not ask for others is shown what is their own, as nobody should learn whose ids exist.
 * @throws ProblemError 401
 */
export function customerAskedFor(
  mode: RouteContext['mode'],
  request: FastifyRequest,
  query: { readonly customerId?: string; readonly all: boolean },
): string | null {
  const userId = userOf(request)
  if (!isWide(request) && mode !== 'development') return userId
  if (query.customerId !== undefined) return query.customerId
  return query.all || isWide(request) ? null : userId
}

/** Null: from the newest. @throws ProblemError 400 */
export function cursorAskedFor({ cursor: text }: { readonly cursor?: string }): Cursor | null {
  if (text === undefined) return null
  const cursor = decodeCursor(text)
  if (cursor) return cursor
  const reason = 'is not one that this service gave out'
  throw new ProblemError(
    400,
    'MR_HTTP_VALIDATION',
    `The query parameters of the request do not fit: cursor ${reason}.`,
    { errors: [{ field: 'cursor', reason, in: 'query' }] },
  )
}
