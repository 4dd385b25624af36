/**
 * SCRAM (RFC 5802, RFC 7677), the client's side, without network. Like Kafka's `ScramFormatter`, user and password are taken as their
 * UTF-8 bytes, without SASLprep: a password that SASLprep would change is the same on both sides only this way.
 */
import {
  createHash,
  createHmac,
  pbkdf2,
  randomBytes,
  timingSafeEqual,
  type BinaryLike,
} from 'node:crypto'
import { promisify } from 'node:util'

export type ScramMechanism = 'SCRAM-SHA-256' | 'SCRAM-SHA-512'

/** RFC 7677 and Kafka's `ScramMechanism`: fewer make guessing cheap, and a false broker would ask for few. */
export const minScramIterations = 4_096
/** About a second of work; what asks for more wants to keep this client busy. Kafka's own tools stop at 16,384. */
export const maxScramIterations = 1_000_000

const hashes = {
  'SCRAM-SHA-256': { name: 'sha256', bytes: 32 },
  'SCRAM-SHA-512': { name: 'sha512', bytes: 64 },
} as const

/** No channel binding, no other identity. */
const gs2Header = 'n,,'
const serverFirstForm =
  /^r=(?<nonce>[\x21-\x2b\x2d-\x7e]+),s=(?<salt>[A-Za-z0-9+/]+=*),i=(?<iterations>[1-9]\d{0,9})(?:,[A-Za-z]=[^,]*)*$/
const serverFinalForm =
  /^(?:v=(?<signature>[A-Za-z0-9+/]+=*)|e=(?<error>[^,]+))(?:,[A-Za-z]=[^,]*)*$/

const pbkdf2Async = promisify(pbkdf2)

export interface ScramUser {
  readonly username: string
  readonly password: string
}

/** One exchange: `first`, then `final` with what the server says to it, then `verify` with what it says to that. */
export class ScramClient {
  readonly #mechanism: ScramMechanism
  readonly #user: ScramUser
  readonly #nonce: string
  readonly #refuse: (what: string) => Error
  /** Proves that the server knows the user too; known after `final`. */
  #serverSignature: Buffer | undefined

  /**
   * @param refuse makes the error that is thrown when the server's part is not as it must be
   * @param nonce printable ASCII without comma; never used twice
   */
  constructor(
    mechanism: ScramMechanism,
    user: ScramUser,
    refuse: (what: string) => Error,
    nonce = randomBytes(24).toString('base64'),
  ) {
    this.#mechanism = mechanism
    this.#user = user
    this.#refuse = refuse
    this.#nonce = nonce
  }

  first(): Buffer {
    return Buffer.from(gs2Header + this.#bareFirst)
  }

  /** The proof that this client knows the password. The salting runs on the thread pool. */
  async final(serverFirst: Buffer): Promise<Buffer> {
    const { bytes, name } = hashes[this.#mechanism]
    const said = serverFirst.toString()
    const { nonce, salt, iterations } = this.#parseFirst(said)
    const password = Buffer.from(this.#user.password)
    const salted = await pbkdf2Async(password, salt, iterations, bytes, name)
    const withoutProof = `c=${Buffer.from(gs2Header).toString('base64')},r=${nonce}`
    const signed = `${this.#bareFirst},${said},${withoutProof}`
    const clientKey = this.#hmac(salted, 'Client Key')
    const storedKey = createHash(name).update(clientKey).digest()
    const clientSignature = this.#hmac(storedKey, signed)
    const proof = Buffer.from(clientKey.map((byte, at) => byte ^ (clientSignature[at] as number)))
    this.#serverSignature = this.#hmac(this.#hmac(salted, 'Server Key'), signed)
    return Buffer.from(`${withoutProof},p=${proof.toString('base64')}`)
  }

  /** Throws unless the server has shown that it knows the user's keys: else anybody could pose as it. */
  verify(serverFinal: Buffer): void {
    const groups = serverFinalForm.exec(serverFinal.toString())?.groups
    if (!groups) throw this.#refuse('its last message is no SCRAM message')
    if (groups['error'] !== undefined) throw this.#refuse(`it says "${groups['error']}"`)
    const signature = Buffer.from(groups['signature'] as string, 'base64')
    const expected = this.#serverSignature
    if (signature.length !== expected?.length || !timingSafeEqual(signature, expected))
      throw this.#refuse(
        'its signature is wrong, so it does not know this user: it may be another than it claims',
      )
  }

  get #bareFirst(): string {
    return `n=${escapedName(this.#user.username)},r=${this.#nonce}`
  }

  #parseFirst(said: string): { nonce: string; salt: Buffer; iterations: number } {
    const groups = serverFirstForm.exec(said)?.groups
    if (!groups)
      throw this.#refuse('its first message is no SCRAM message that this client understands')
    const nonce = groups['nonce'] as string
    if (!nonce.startsWith(this.#nonce) || nonce.length === this.#nonce.length)
      throw this.#refuse('it answers another nonce than ours')
    const iterations = Number(groups['iterations'])
    if (iterations < minScramIterations || iterations > maxScramIterations)
      throw this.#refuse(
        `it asks for ${iterations} iterations, where ${minScramIterations} to ${maxScramIterations} are allowed`,
      )
    return { nonce, salt: Buffer.from(groups['salt'] as string, 'base64'), iterations }
  }

  #hmac(key: BinaryLike, text: string): Buffer {
    return createHmac(hashes[this.#mechanism].name, key).update(text).digest()
  }
}

/** RFC 5802: a comma and an equals sign would end the name. */
function escapedName(name: string): string {
  return name.replaceAll('=', '=3D').replaceAll(',', '=2C')
}
