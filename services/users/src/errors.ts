import { ProblemError, type FieldError } from '@millrace/runtime'

/** Codes of this service's own problems, and their status; those of the runtime come on top. */
export const usersProblems = {
  MR_USERS_NOT_FOUND: 404,
  MR_USERS_SIGN_IN_REFUSED: 401,
  MR_USERS_REFRESH_REFUSED: 401,
  MR_USERS_WRONG_PASSWORD: 403,
  MR_USERS_OWN_ROLES: 409,
  MR_USERS_TOO_MANY_TRIES: 429,
  MR_USERS_BUSY: 503,
} as const

const words: Record<keyof typeof usersProblems, string> = {
  MR_USERS_NOT_FOUND: 'There is nobody with this id, or it is not for you to know.',
  MR_USERS_SIGN_IN_REFUSED:
    'E-mail address and password do not belong together. Nothing else is said of which it was.',
  MR_USERS_REFRESH_REFUSED:
    'This refresh token is not good: it is unknown, expired, of a session that ended, or was used before. Sign in again.',
  MR_USERS_WRONG_PASSWORD: 'The current password is another one. Nothing was changed.',
  MR_USERS_OWN_ROLES:
    'Nobody takes roles from themselves or gives them: another admin must. Nothing was changed.',
  MR_USERS_TOO_MANY_TRIES:
    'There were too many tries for this account or from this address. Wait, then try again.',
  MR_USERS_BUSY: 'Too many passwords are being checked just now. Try again in a moment.',
}

export function usersProblem(
  code: keyof typeof usersProblems,
  options: { readonly retryAfterS?: number } = {},
): ProblemError {
  const { retryAfterS } = options
  return new ProblemError(usersProblems[code], code, words[code], {
    ...(retryAfterS !== undefined && { headers: { 'retry-after': String(retryAfterS) } }),
  })
}

/** A field of the body that cannot be taken. The value itself is never repeated. */
export function fieldProblem(field: string, reason: string): ProblemError {
  const errors: readonly FieldError[] = [{ field, reason, in: 'body' }]
  return new ProblemError(
    400,
    'MR_HTTP_VALIDATION',
    `The body of the request does not fit: ${field} ${reason}. Nothing was changed.`,
    { errors },
  )
}
