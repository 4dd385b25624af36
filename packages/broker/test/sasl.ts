import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import {
  saslAuthenticateApi,
  saslHandshakeApi,
  type SaslAuthenticateResponse,
} from '@millrace/protocol'
import type { WireClient } from './wire-client.ts'

export type ScramMechanism = 'SCRAM-SHA-256' | 'SCRAM-SHA-512'

/** SaslHandshake, then PLAIN in one round. @returns the broker's answer */
export async function loginPlain(
  client: WireClient,
  username: string,
  password: string,
  version = 2,
): Promise<SaslAuthenticateResponse> {
  await client.call(saslHandshakeApi, 1, { mechanism: 'PLAIN' })
  const authBytes = Buffer.from(`\0${username}\0${password}`)
  return client.call(saslAuthenticateApi, version, { authBytes })
}

/** What one SCRAM client says; what suites bend of it has a name here. */
export interface ScramLogin {
  readonly username: string
  readonly password: string
  /** Default 'n,,': no channel binding, no other identity. */
  readonly gs2?: string
}

/** @returns the first message without its GS2 header, which goes into the proof */
export function scramBare({ username }: Pick<ScramLogin, 'username'>): string {
  return `n=${username.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=abcdef`
}

/**
 * The last message of a client's SCRAM of its own making, so that the broker's is not tested against itself.
 * @param challenge the broker's answer to the first
 */
export function scramFinal(
  mechanism: ScramMechanism,
  { username, password, gs2 = 'n,,' }: ScramLogin,
  challenge: string,
): string {
  const hash = mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512'
  const bytes = hash === 'sha256' ? 32 : 64
  const [, nonce, salt, iterations] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(challenge) ?? []
  const salted = pbkdf2Sync(password, Buffer.from(salt!, 'base64'), Number(iterations), bytes, hash)
  const clientKey = createHmac(hash, salted).update('Client Key').digest()
  const storedKey = createHash(hash).update(clientKey).digest()
  const rest = `c=${Buffer.from(gs2).toString('base64')},r=${nonce}`
  const signed = `${scramBare({ username })},${challenge},${rest}`
  const signature = createHmac(hash, storedKey).update(signed).digest()
  const proof = Buffer.from(clientKey.map((byte, at) => byte ^ signature[at]!))
  return `${rest},p=${proof.toString('base64')}`
}

/** @returns the answers of both rounds */
export async function loginScram(
  client: WireClient,
  mechanism: ScramMechanism,
  login: ScramLogin,
): Promise<{ first: SaslAuthenticateResponse; final: SaslAuthenticateResponse | undefined }> {
  await client.call(saslHandshakeApi, 1, { mechanism })
  const first = await round(client, `${login.gs2 ?? 'n,,'}${scramBare(login)}`)
  if (first.errorCode !== 0) return { first, final: undefined }
  return {
    first,
    final: await round(client, scramFinal(mechanism, login, first.authBytes.toString())),
  }
}

function round(client: WireClient, text: string): Promise<SaslAuthenticateResponse> {
  return client.call(saslAuthenticateApi, 2, { authBytes: Buffer.from(text) })
}
