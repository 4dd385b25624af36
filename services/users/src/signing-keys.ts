import { createPrivateKey } from 'node:crypto'
import type { Clock } from '@millrace/core'
import type { Database } from '@millrace/postgres'
import { createSigningKey, publicJwkOf, type PublicJwk, type SigningKey } from '@millrace/runtime'
import {
  isKeyDue,
  publishedKeysAt,
  signingKeyAt,
  type DatedKey,
  type KeyPeriods,
} from './domain/choose-keys.ts'
import { deleteKeys, insertKey, lockKeys, readKeys } from './sql/signing-keys.ts'

/** Rows are read again when they are this old, ms: far less than a key is published ahead. */
const rereadAfterMs = 60_000

interface StoredKey extends SigningKey, DatedKey {
  readonly jwk: PublicJwk
}

/** The keys that sign access tokens: in the database, so that all instances and the next start have the same; replaced by themselves. */
export class SigningKeys {
  readonly #database: Database
  readonly #clock: Clock
  readonly #periods: KeyPeriods
  /** Newest first. */
  #keys: readonly StoredKey[] = []
  #readAtMs = -Infinity

  constructor(database: Database, clock: Clock, periods: KeyPeriods) {
    this.#database = database
    this.#clock = clock
    this.#periods = periods
  }

  /** The key to sign with now. */
  async current(): Promise<SigningKey> {
    const key = signingKeyAt(await this.#fresh(), this.#clock.now(), this.#periods)
    if (!key) throw new Error('No signing key is there though one was made')
    return key
  }

  /** What the JWKS says. */
  async published(): Promise<readonly PublicJwk[]> {
    const keys = await this.#fresh()
    return publishedKeysAt(keys, this.#clock.now(), this.#periods).map((key) => key.jwk)
  }

  async #fresh(): Promise<readonly StoredKey[]> {
    const nowMs = this.#clock.now()
    const isStale = Math.abs(nowMs - this.#readAtMs) >= rereadAfterMs
    if (isStale || isKeyDue(this.#keys, nowMs, this.#periods)) {
      this.#keys = await this.#readOrMake()
      this.#readAtMs = nowMs
    }
    return this.#keys
  }

  async #readOrMake(): Promise<readonly StoredKey[]> {
    const nowMs = this.#clock.now()
    const known = (await readKeys(this.#database)).map(parseKey)
    if (!isKeyDue(known, nowMs, this.#periods)) return known
    return this.#database.transaction(async (tx) => {
      // Under the lock of the table, so that of several instances one makes the key and the others find it.
      await lockKeys(tx)
      const keys = (await readKeys(tx)).map(parseKey)
      if (!isKeyDue(keys, nowMs, this.#periods)) return keys
      const made = createSigningKey()
      const privateKey = made.privateKey.export({ type: 'pkcs8', format: 'der' })
      await insertKey(tx, { kid: made.kid, privateKey, createdAt: new Date(nowMs) })
      const all = [{ ...made, jwk: publicJwkOf(made.privateKey), createdAtMs: nowMs }, ...keys]
      const needed = publishedKeysAt(all, nowMs, this.#periods)
      await deleteKeys(
        tx,
        all.filter((key) => !needed.includes(key)).map((key) => key.kid),
      )
      return needed
    })
  }
}

function parseKey(row: {
  readonly kid: string
  readonly privateKey: Buffer
  readonly createdAt: Date
}): StoredKey {
  const privateKey = createPrivateKey({ key: row.privateKey, type: 'pkcs8', format: 'der' })
  const createdAtMs = row.createdAt.getTime()
  return { kid: row.kid, privateKey, jwk: publicJwkOf(privateKey), createdAtMs }
}
