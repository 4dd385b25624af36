import { createHmac, randomBytes } from 'node:crypto'
import {
  credentialOf,
  isSameCredential,
  saltPassword,
  saltPasswordNow,
  scramHashes,
  type ScramCredential,
  type ScramMechanism,
} from './scram.ts'

/** Kafka's bounds (ScramMechanism). */
export const scramIterations = { least: 4096, most: 16_384 } as const

/** A user that the broker is started with. */
export interface UserOption {
  readonly name: string
  /** Kept only as salted keys. */
  readonly password: string
}

/** A user's SCRAM credential is set. Bytes in base64. Enough to check a password, not to log in with; still, keep the journal private. */
export interface ScramUserRecord {
  readonly type: 'scramUser'
  readonly name: string
  readonly mechanism: ScramMechanism
  readonly iterations: number
  readonly salt: string
  readonly storedKey: string
  readonly serverKey: string
}

export interface ScramUserDeletedRecord {
  readonly type: 'scramUserDeleted'
  readonly name: string
  readonly mechanism: ScramMechanism
}

/** Kafka's admin client makes salts of 130 random bits, written in base 36; a stranger's must look the same. */
const SALT_BITS = 130n

function saltOf(random: Buffer): Buffer {
  const bits = BigInt(`0x${random.toString('hex')}`) & ((1n << SALT_BITS) - 1n)
  return Buffer.from(bits.toString(36))
}

const MECHANISMS = Object.keys(scramHashes) as ScramMechanism[]

/**
 * Who may log in. Passwords are never kept, only SCRAM keys; PLAIN is checked against them too. Users of the options exist as long as
 * they stand there and are never written down; all others came by AlterUserScramCredentials and are in the journal.
 */
export class UserStore {
  readonly #fixed = new Map<string, ReadonlyMap<ScramMechanism, ScramCredential>>()
  readonly #users = new Map<string, Map<ScramMechanism, ScramCredential>>()
  /** Makes a stranger's salt: always the same for a name, so that asking twice does not tell that there is no such user. */
  readonly #strangerSecret = randomBytes(32)

  constructor(users: readonly UserOption[]) {
    for (const { name, password } of users) this.#fixed.set(name, fixedCredentials(password))
  }

  /** Names of all users with SCRAM credentials, sorted. */
  get names(): string[] {
    return [...new Set([...this.#fixed.keys(), ...this.#users.keys()])].toSorted()
  }

  /** Number of users that are in the journal. */
  get count(): number {
    return this.#users.size
  }

  /** Users of the options cannot be changed while the broker runs. */
  isFixed(name: string): boolean {
    return this.#fixed.has(name)
  }

  credentials(name: string): ReadonlyMap<ScramMechanism, ScramCredential> | undefined {
    return this.#fixed.get(name) ?? this.#users.get(name)
  }

  /** The user's credential, or a stranger's, with which the exchange goes on and fails at its end like that of a wrong password. */
  credentialOrStranger(name: string, mechanism: ScramMechanism): ScramCredential {
    return this.credentials(name)?.get(mechanism) ?? this.#stranger(name, mechanism)
  }

  /** Checks a password as PLAIN sends it. Takes as long for an unknown user as for a wrong password. */
  async hasPassword(name: string, password: string): Promise<boolean> {
    const known = [...(this.credentials(name) ?? [])][0]
    const mechanism = known?.[0] ?? 'SCRAM-SHA-256'
    const credential = known?.[1] ?? this.#stranger(name, mechanism)
    const salted = await saltPassword(mechanism, password, credential)
    const isRight = isSameCredential(credentialOf(mechanism, salted, credential), credential)
    return isRight && known !== undefined
  }

  replay(record: ScramUserRecord | ScramUserDeletedRecord): void {
    if (record.type === 'scramUser') {
      const of = this.#users.get(record.name) ?? new Map<ScramMechanism, ScramCredential>()
      this.#users.set(record.name, of.set(record.mechanism, fromRecord(record)))
      return
    }
    const of = this.#users.get(record.name)
    of?.delete(record.mechanism)
    if (of?.size === 0) this.#users.delete(record.name)
  }

  *snapshot(): Generator<ScramUserRecord> {
    for (const [name, of] of this.#users)
      for (const [mechanism, credential] of of) yield toRecord(name, mechanism, credential)
  }

  #stranger(name: string, mechanism: ScramMechanism): ScramCredential {
    const { bytes } = scramHashes[mechanism]
    const digest = createHmac('sha512', this.#strangerSecret)
      .update(`${mechanism} ${name}`)
      .digest()
    return {
      salt: saltOf(digest),
      iterations: scramIterations.least,
      storedKey: randomBytes(bytes),
      serverKey: randomBytes(bytes),
    }
  }
}

export function toRecord(
  name: string,
  mechanism: ScramMechanism,
  { salt, iterations, storedKey, serverKey }: ScramCredential,
): ScramUserRecord {
  return {
    type: 'scramUser',
    name,
    mechanism,
    iterations,
    salt: salt.toString('base64'),
    storedKey: storedKey.toString('base64'),
    serverKey: serverKey.toString('base64'),
  }
}

function fromRecord(record: ScramUserRecord): ScramCredential {
  return {
    iterations: record.iterations,
    salt: Buffer.from(record.salt, 'base64'),
    storedKey: Buffer.from(record.storedKey, 'base64'),
    serverKey: Buffer.from(record.serverKey, 'base64'),
  }
}

function fixedCredentials(password: string): ReadonlyMap<ScramMechanism, ScramCredential> {
  return new Map(
    MECHANISMS.map((mechanism) => {
      const how = { salt: saltOf(randomBytes(20)), iterations: scramIterations.least }
      return [mechanism, credentialOf(mechanism, saltPasswordNow(mechanism, password, how), how)]
    }),
  )
}
