import { createHash, randomBytes } from 'node:crypto'
import { uuidv7, type Clock } from '@millrace/core'
import type { Database, Queryable } from '@millrace/postgres'
import { signJwt } from '@millrace/runtime'
import { accessToken } from '@millrace/contracts'
import { emailKeyOf } from './domain/email.ts'
import { judgeRefresh } from './domain/judge-refresh.ts'
import { usersProblem } from './errors.ts'
import type { PasswordHashes } from './password-hash.ts'
import type { SigningKeys } from './signing-keys.ts'
import { credentialsByEmail, credentialsById, exchangePassword } from './sql/credentials.ts'
import {
  insertRefreshToken,
  lockSessionOfToken,
  markTokenUsed,
  readRefreshToken,
} from './sql/refresh-tokens.ts'
import { endSession, endSessionsOf, insertSession } from './sql/sessions.ts'
import type { Tries } from './tries.ts'

/** However often it is refreshed, a session ends after this, ms: 90 days. */
const sessionMaxMs = 90 * 86_400_000

export interface SessionOptions {
  readonly database: Database
  readonly clock: Clock
  readonly hashes: PasswordHashes
  readonly keys: SigningKeys
  readonly tries: Tries
  readonly accessTtlMs: number
  readonly refreshTtlMs: number
}

/** What a client is given at sign-in and at each refresh. */
export interface Tokens {
  readonly userId: string
  readonly accessToken: string
  readonly tokenType: 'Bearer'
  readonly expiresInSeconds: number
  readonly refreshToken: string
  readonly refreshExpiresInSeconds: number
}

interface Holder {
  readonly id: string
  readonly name: string
  readonly roles: readonly string[]
}

/** Sign-in, refresh with rotation, sign-out. */
export class Sessions {
  readonly #options: SessionOptions

  constructor(options: SessionOptions) {
    this.#options = options
  }

  /** @throws ProblemError 401 whatever was wrong, after the same work; 429 */
  async signIn(email: string, password: string, address: string): Promise<Tokens> {
    const { database, hashes, tries, clock } = this.#options
    const emailKey = emailKeyOf(email)
    const tried = { account: emailKey, address }
    await tries.take(tried)
    const found = await credentialsByEmail(database, emailKey)
    const stored = found?.passwordHash ?? null
    const isRight = await hashes.verify(password, stored)
    if (!found || stored === null || !isRight) throw usersProblem('MR_USERS_SIGN_IN_REFUSED')
    const nowMs = clock.now()
    const sessionId = uuidv7()
    const tokens = await database.transaction(async (tx) => {
      const isOpen = await insertSession(tx, {
        id: sessionId,
        personId: found.id,
        passwordHash: stored,
        createdAt: new Date(nowMs),
        expiresAt: new Date(nowMs + sessionMaxMs),
      })
      // The password was changed, or the account removed, while it was checked.
      if (!isOpen) throw usersProblem('MR_USERS_SIGN_IN_REFUSED')
      return this.#issue(tx, found, sessionId, nowMs)
    })
    await tries.giveBack(tried)
    if (hashes.isOutdated(stored))
      await exchangePassword(database, found.id, stored, await hashes.hash(password))
    return tokens
  }

  /** Exchanges a refresh token for the next one. @throws ProblemError 401; a token used before has ended its session then */
  async refresh(refreshToken: string): Promise<Tokens> {
    const { database, clock } = this.#options
    const hash = hashOf(refreshToken)
    const nowMs = clock.now()
    const tokens = await database.transaction(async (tx) => {
      await lockSessionOfToken(tx, hash)
      const found = await readRefreshToken(tx, hash)
      if (!found) return undefined
      const verdict = judgeRefresh(
        {
          isUsed: found.usedAt !== null,
          expiresAtMs: found.expiresAt.getTime(),
          session: {
            isEnded: found.endedAt !== null,
            expiresAtMs: found.sessionExpiresAt.getTime(),
          },
          isPersonRemoved: found.isRemoved,
        },
        nowMs,
      )
      // To be committed, so it must not throw here.
      if (verdict === 'reused')
        await endSession(tx, found.sessionId, 'token-reused', new Date(nowMs))
      if (verdict !== 'good') return undefined
      await markTokenUsed(tx, hash, new Date(nowMs))
      const holder = { id: found.personId, name: found.name, roles: found.roles }
      return this.#issue(tx, holder, found.sessionId, nowMs)
    })
    if (!tokens) throw usersProblem('MR_USERS_REFRESH_REFUSED')
    return tokens
  }

  /** Ends the session of a refresh token, also of a used one; says nothing of whether there is one. */
  async signOut(refreshToken: string): Promise<void> {
    const { database, clock } = this.#options
    const hash = hashOf(refreshToken)
    const found = await readRefreshToken(database, hash)
    if (found) await endSession(database, found.sessionId, 'signed-out', new Date(clock.now()))
  }

  /** Sets another password, and ends all sessions. @throws ProblemError 403 when the current one is wrong; 404; 429 */
  async changePassword(
    userId: string,
    current: string,
    next: string,
    address: string,
  ): Promise<void> {
    const { database, hashes, tries, clock } = this.#options
    const found = await credentialsById(database, userId)
    if (!found) throw usersProblem('MR_USERS_NOT_FOUND')
    // One limit for guessing here and at sign-in.
    const tried = { account: found.email === null ? userId : emailKeyOf(found.email), address }
    await tries.take(tried)
    const stored = found.passwordHash
    if (!(await hashes.verify(current, stored)) || stored === null)
      throw usersProblem('MR_USERS_WRONG_PASSWORD')
    const hash = await hashes.hash(next)
    await database.transaction(async (tx) => {
      if (!(await exchangePassword(tx, userId, stored, hash)))
        throw usersProblem('MR_USERS_WRONG_PASSWORD')
      await endSessionsOf(tx, userId, 'password-changed', new Date(clock.now()))
    })
    await tries.giveBack(tried)
  }

  async #issue(tx: Queryable, holder: Holder, sessionId: string, nowMs: number): Promise<Tokens> {
    const { keys, accessTtlMs, refreshTtlMs } = this.#options
    const refreshToken = randomBytes(32).toString('base64url')
    const expiresAt = new Date(nowMs + refreshTtlMs)
    await insertRefreshToken(tx, hashOf(refreshToken), sessionId, expiresAt)
    return {
      userId: holder.id,
      accessToken: signJwt(await keys.current(), {
        ...accessToken,
        subject: holder.id,
        nowMs,
        ttlMs: accessTtlMs,
        claims: { name: holder.name, roles: holder.roles, sid: sessionId },
      }),
      tokenType: 'Bearer',
      expiresInSeconds: Math.floor(accessTtlMs / 1000),
      refreshToken,
      refreshExpiresInSeconds: Math.floor(refreshTtlMs / 1000),
    }
  }
}

/** A token is 256 random bits, so a plain hash is enough. */
function hashOf(refreshToken: string): Buffer {
  return createHash('sha256').update(refreshToken).digest()
}
