/** A refresh token as it was found, with the session it belongs to. Times in ms since the epoch. */
export interface FoundToken {
  readonly isUsed: boolean
  readonly expiresAtMs: number
  readonly session: { readonly isEnded: boolean; readonly expiresAtMs: number }
  readonly isPersonRemoved: boolean
}

/**
 * What a refresh token is worth. `reused`: somebody has a token that was exchanged already, so one of the two is a thief, and nobody knows which:
 * the session ends for both (RFC 9700 section 4.14.2).
 */
export function judgeRefresh(token: FoundToken, nowMs: number): 'good' | 'reused' | 'refused' {
  if (token.session.isEnded || token.isPersonRemoved) return 'refused'
  if (token.isUsed) return 'reused'
  return nowMs < Math.min(token.expiresAtMs, token.session.expiresAtMs) ? 'good' : 'refused'
}
