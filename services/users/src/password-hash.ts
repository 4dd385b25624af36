import { randomBytes, scrypt, timingSafeEqual, type ScryptOptions } from 'node:crypto'
import { normalizedPassword } from './domain/password-rules.ts'
import { usersProblem } from './errors.ts'

/** Parameters of scrypt (RFC 7914). */
export interface ScryptCost {
  /** N = 2 ** logN. */
  readonly logN: number
  readonly r: number
  readonly p: number
}

const saltBytes = 16
const hashBytes = 32
/** Hashes at work: each takes a thread, and 128 · N · r bytes. */
const maxAtWork = 2
/** Requests that wait for one; beyond it they are told to come back. */
const maxWaiting = 64
const pattern = /^scrypt\$(\d{1,2})\$(\d{1,2})\$(\d{1,2})\$([\w-]{22})\$([\w-]{43})$/

/**
 * Hashes of passwords, with their parameters beside them, so that the cost can be raised later. Owns the limit on how many are computed at once.
 */
export class PasswordHashes {
  readonly #cost: ScryptCost
  /** Checked against where there is no password, so that this takes as long as where there is one. */
  readonly #nobody: Promise<string>
  #atWork = 0
  readonly #waiting: (() => void)[] = []

  constructor(cost: ScryptCost) {
    this.#cost = cost
    this.#nobody = this.hash(randomBytes(18).toString('base64url'))
    // Whoever awaits it gets the error; at the start nobody does.
    this.#nobody.catch(() => {})
  }

  /** @throws ProblemError 503 `MR_USERS_BUSY` */
  async hash(password: string): Promise<string> {
    const salt = randomBytes(saltBytes)
    const { logN, r, p } = this.#cost
    const hash = await this.#derive(password, salt, this.#cost)
    return ['scrypt', logN, r, p, salt.toString('base64url'), hash.toString('base64url')].join('$')
  }

  /**
   * Whether the password is the one that was hashed. Takes the same work where there is none.
   * @param stored null: there is nobody, or no password
   * @throws ProblemError 503 `MR_USERS_BUSY`
   */
  async verify(password: string, stored: string | null): Promise<boolean> {
    const { cost, salt, hash } = parse(stored ?? (await this.#nobody))
    const derived = await this.#derive(password, salt, cost)
    return timingSafeEqual(derived, hash) && stored !== null
  }

  /** True when it was made with other parameters than are set now. */
  isOutdated(stored: string): boolean {
    const { cost } = parse(stored)
    const { logN, r, p } = this.#cost
    return cost.logN !== logN || cost.r !== r || cost.p !== p
  }

  async #derive(password: string, salt: Buffer, cost: ScryptCost): Promise<Buffer> {
    await this.#enter()
    try {
      return await derive(normalizedPassword(password), salt, cost)
    } finally {
      this.#leave()
    }
  }

  async #enter(): Promise<void> {
    if (this.#atWork < maxAtWork) {
      this.#atWork++
      return
    }
    if (this.#waiting.length >= maxWaiting) throw usersProblem('MR_USERS_BUSY', { retryAfterS: 2 })
    // Whoever leaves hands its place on, so `#atWork` stays.
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  #leave(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#atWork--
  }
}

function derive(password: string, salt: Buffer, { logN, r, p }: ScryptCost): Promise<Buffer> {
  const options: ScryptOptions = { N: 2 ** logN, r, p, maxmem: 256 * 2 ** logN * r }
  return new Promise((resolve, reject) =>
    scrypt(password, salt, hashBytes, options, (error, key) =>
      error ? reject(error) : resolve(key),
    ),
  )
}

function parse(stored: string): {
  readonly cost: ScryptCost
  readonly salt: Buffer
  readonly hash: Buffer
} {
  const [, logN, r, p, salt = '', hash = ''] = pattern.exec(stored) ?? []
  if (hash === '')
    throw new Error('A stored password hash is not of the form scrypt$logN$r$p$salt$hash')
  return {
    cost: { logN: Number(logN), r: Number(r), p: Number(p) },
    salt: Buffer.from(salt, 'base64url'),
    hash: Buffer.from(hash, 'base64url'),
  }
}
