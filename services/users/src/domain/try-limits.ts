/** How often something may be tried: `capacity` times at once, and once more each `drainMs`. */
export interface TryLimit {
  readonly capacity: number
  readonly drainMs: number
}

/**
 * Wrong passwords per account and sign-ins, registrations and refusals per address. Together they let a guesser try some 2,900 passwords of one
 * account in two days, whichever addresses he has, and a whole office sign in behind one address.
 */
export const tryLimits = {
  account: { capacity: 10, drainMs: 60_000 },
  address: { capacity: 50, drainMs: 6_000 },
} as const satisfies Record<string, TryLimit>
