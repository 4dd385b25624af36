import { createHash } from 'node:crypto'
import type { Clock } from '@millrace/core'
import type { Database } from '@millrace/postgres'
import { tryLimits } from './domain/try-limits.ts'
import { usersProblem } from './errors.ts'
import { giveTryBack, takeTries } from './sql/tries.ts'

/** What a request with a password is counted for. */
export interface Tried {
  /** Spelling of the e-mail address, or the id of a person; the same whether there is such an account or not. */
  readonly account?: string
  /** Where the request comes from. */
  readonly address: string
}

/**
 * Limits guessing, per account and per address. In Postgres, so that all instances count together and a restart forgets nothing. Subjects are
 * stored as hashes.
 */
export class Tries {
  readonly #database: Database
  readonly #clock: Clock

  constructor(database: Database, clock: Clock) {
    this.#database = database
    this.#clock = clock
  }

  /** Counts before the password is looked at, so that many at once cannot pass. @throws ProblemError 429 with `retry-after` */
  async take(tried: Tried): Promise<void> {
    const now = new Date(this.#clock.now())
    const { isTaken, waitMs } = await takeTries(this.#database, limitedBy(tried), now)
    if (isTaken) return
    const retryAfterS = Math.max(1, Math.ceil(waitMs / 1000))
    throw usersProblem('MR_USERS_TOO_MANY_TRIES', { retryAfterS })
  }

  /** The password was right. */
  async giveBack(tried: Tried): Promise<void> {
    for (const { subject } of limitedBy(tried)) await giveTryBack(this.#database, subject)
  }
}

function limitedBy({ account, address }: Tried) {
  const ofAddress = { subject: subjectOf('address', address), limit: tryLimits.address }
  if (account === undefined) return [ofAddress]
  return [{ subject: subjectOf('account', account), limit: tryLimits.account }, ofAddress]
}

function subjectOf(kind: string, name: string): Buffer {
  return createHash('sha256').update(`${kind}:${name}`).digest()
}
