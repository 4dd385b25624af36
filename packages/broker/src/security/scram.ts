import { createHash, createHmac, pbkdf2, pbkdf2Sync, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

/**
 * SCRAM (RFC 5802, RFC 7677) without network: keys, and the server's side of the exchange. Like Kafka's ScramFormatter, passwords are
 * taken as their UTF-8 bytes, without SASLprep.
 */
export type ScramMechanism = 'SCRAM-SHA-256' | 'SCRAM-SHA-512'

/** What is kept of a password: enough to check it, not to log in with it. */
export interface ScramCredential {
  readonly salt: Buffer
  readonly iterations: number
  readonly storedKey: Buffer
  readonly serverKey: Buffer
}

interface Hash {
  readonly name: 'sha256' | 'sha512'
  readonly bytes: number
  /** Kafka's number for it (KIP-554). */
  readonly type: number
}

export const scramHashes: Readonly<Record<ScramMechanism, Hash>> = {
  'SCRAM-SHA-256': { name: 'sha256', bytes: 32, type: 1 },
  'SCRAM-SHA-512': { name: 'sha512', bytes: 64, type: 2 },
}

/** @returns undefined for a number that Kafka does not define */
export function scramMechanismOfType(type: number): ScramMechanism | undefined {
  const mechanisms = Object.keys(scramHashes) as ScramMechanism[]
  return mechanisms.find((mechanism) => scramHashes[mechanism].type === type)
}

const pbkdf2Async = promisify(pbkdf2)

/** Salts a password on the thread pool: this is the work that makes guessing dear. */
export function saltPassword(
  mechanism: ScramMechanism,
  password: string,
  { salt, iterations }: Pick<ScramCredential, 'salt' | 'iterations'>,
): Promise<Buffer> {
  const { name, bytes } = scramHashes[mechanism]
  return pbkdf2Async(Buffer.from(password), salt, iterations, bytes, name)
}

export function saltPasswordNow(
  mechanism: ScramMechanism,
  password: string,
  { salt, iterations }: Pick<ScramCredential, 'salt' | 'iterations'>,
): Buffer {
  const { name, bytes } = scramHashes[mechanism]
  return pbkdf2Sync(Buffer.from(password), salt, iterations, bytes, name)
}

/** RFC 5802, section 3: ClientKey, StoredKey and ServerKey of a salted password. */
export function credentialOf(
  mechanism: ScramMechanism,
  saltedPassword: Uint8Array,
  { salt, iterations }: Pick<ScramCredential, 'salt' | 'iterations'>,
): ScramCredential {
  const clientKey = hmac(mechanism, saltedPassword, 'Client Key')
  return {
    salt: Buffer.from(salt),
    iterations,
    storedKey: hash(mechanism, clientKey),
    serverKey: hmac(mechanism, saltedPassword, 'Server Key'),
  }
}

/** Whether two credentials are of one password; takes the same time for any two of one mechanism. */
export function isSameCredential(one: ScramCredential, other: ScramCredential): boolean {
  return (
    one.storedKey.length === other.storedKey.length &&
    timingSafeEqual(one.storedKey, other.storedKey)
  )
}

export interface ClientFirst {
  readonly username: string
  /** Whom the client wants to act as; empty: the user itself. */
  readonly authorizationId: string
  readonly nonce: string
  /** The message after the GS2 header, which goes into the proof. */
  readonly bare: string
  readonly gs2Header: string
}

const CLIENT_FIRST =
  /^(?<gs2>[ny],(?:a=(?<id>[^,]*))?,)(?<bare>n=(?<name>[^,]+),r=(?<nonce>[\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-z]=[^,]*)*)$/

/** @returns undefined when it is malformed, wants channel binding, or names an extension that must be understood (`m=`) */
export function parseClientFirst(bytes: Uint8Array): ClientFirst | undefined {
  const groups = CLIENT_FIRST.exec(Buffer.from(bytes).toString())?.groups
  if (groups === undefined) return undefined
  const username = unescapeName(groups['name']!)
  const authorizationId = unescapeName(groups['id'] ?? '')
  if (username === undefined || authorizationId === undefined) return undefined
  return {
    username,
    authorizationId,
    nonce: groups['nonce']!,
    bare: groups['bare']!,
    gs2Header: groups['gs2']!,
  }
}

/** RFC 5802: `=2C` is a comma, `=3D` an equals sign, any other `=` is an error. */
function unescapeName(text: string): string | undefined {
  if (/=(?!2C|3D)/.test(text)) return undefined
  return text.replaceAll('=2C', ',').replaceAll('=3D', '=')
}

/** The server's first message. @param nonce the client's, with the server's behind it */
export function serverFirst(nonce: string, { salt, iterations }: ScramCredential): string {
  return `r=${nonce},s=${salt.toString('base64')},i=${iterations}`
}

export interface ClientFinal {
  readonly channelBinding: string
  readonly nonce: string
  readonly proof: Buffer
  readonly withoutProof: string
}

const CLIENT_FINAL =
  /^(?<rest>c=(?<binding>[A-Za-z0-9+/=]+),r=(?<nonce>[\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-z]=[^,]*)*),p=(?<proof>(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)?)$/

export function parseClientFinal(bytes: Uint8Array): ClientFinal | undefined {
  const groups = CLIENT_FINAL.exec(Buffer.from(bytes).toString())?.groups
  if (groups === undefined) return undefined
  return {
    channelBinding: groups['binding']!,
    nonce: groups['nonce']!,
    proof: Buffer.from(groups['proof']!, 'base64'),
    withoutProof: groups['rest']!,
  }
}

/** One exchange, after the client's first message. */
export interface ScramExchange {
  readonly mechanism: ScramMechanism
  readonly first: ClientFirst
  readonly nonce: string
  readonly credential: ScramCredential
}

/** @returns the server's final message, which proves that the server knows the user too; undefined when the proof is wrong */
export function finishScram(exchange: ScramExchange, bytes: Uint8Array): string | undefined {
  const { mechanism, first, nonce, credential } = exchange
  const final = parseClientFinal(bytes)
  if (final === undefined || final.nonce !== nonce) return undefined
  if (Buffer.from(final.channelBinding, 'base64').toString() !== first.gs2Header) return undefined
  const signed = `${first.bare},${serverFirst(nonce, credential)},${final.withoutProof}`
  const clientSignature = hmac(mechanism, credential.storedKey, signed)
  if (final.proof.length !== clientSignature.length) return undefined
  const clientKey = Buffer.from(clientSignature.map((byte, at) => byte ^ final.proof[at]!))
  if (!timingSafeEqual(hash(mechanism, clientKey), credential.storedKey)) return undefined
  return `v=${hmac(mechanism, credential.serverKey, signed).toString('base64')}`
}

function hmac(mechanism: ScramMechanism, key: Uint8Array, text: string): Buffer {
  return createHmac(scramHashes[mechanism].name, key).update(text).digest()
}

function hash(mechanism: ScramMechanism, bytes: Uint8Array): Buffer {
  return createHash(scramHashes[mechanism].name).update(bytes).digest()
}
