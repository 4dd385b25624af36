import { demoPeople, scriptedUserPattern } from '@millrace/contracts'
import { ProblemError, type FastifyRequest } from '@millrace/runtime'
import { cookieOf } from './cookies.ts'

/** Somebody who may be acted as without signing in. */
export interface DemoCaller {
  readonly userId: string
  readonly name: string
  /** What the person is in the sample data. */
  readonly role: string
  readonly roles: readonly string[]
}

export const demoCookie = 'millrace_demo_user'
const defaultUserId = 'ada'
const headerName = 'x-demo-user'

/** By the header of scripts. @throws ProblemError 400 for a name that nobody has: a wrong header is a script's fault, and is told */
export function demoCallerByHeader(request: FastifyRequest): DemoCaller | undefined {
  const header = request.headers[headerName]
  return typeof header === 'string' ? demoCaller(header, headerName, 'headers') : undefined
}

/** By the cookie of the web app, else the first of them: a stale cookie is nobody's fault. */
export function demoCallerByCookie(request: FastifyRequest): DemoCaller {
  const userId = cookieOf(request, demoCookie)
  return callerNamed(userId !== undefined && isKnown(userId) ? userId : defaultUserId)
}

/** @throws ProblemError 400 */
export function demoCaller(userId: string, field: string, part: 'body' | 'headers'): DemoCaller {
  if (isKnown(userId)) return callerNamed(userId)
  const reason = `must be one of ${demoPeople.map((person) => person.userId).join(', ')}, or demo-<anything> for scripts`
  throw new ProblemError(400, 'MR_GATEWAY_UNKNOWN_DEMO_USER', `${field} ${reason}.`, {
    errors: [{ field, reason, in: part }],
  })
}

function isKnown(userId: string): boolean {
  return scriptedUserPattern.test(userId) || demoPeople.some((person) => person.userId === userId)
}

function callerNamed(userId: string): DemoCaller {
  const person = demoPeople.find((one) => one.userId === userId)
  return person ?? { userId, name: userId, role: 'Script', roles: ['customer'] }
}
