import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import {
  saslAuthenticateApi,
  saslHandshakeApi,
  type SaslAuthenticateResponse,
} from '@millrace/protocol'
import type { WireClient } from './wire-client.ts'

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

/** A client's SCRAM of its own making, so that the broker's is not tested against itself. @returns the answers of both rounds */
export async function loginScram(
  client: WireClient,
  mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-512',
  { username, password, gs2 = 'n,,' }: { username: string; password: string; gs2?: string },
): Promise<{ first: SaslAuthenticateResponse; final: SaslAuthenticateResponse | undefined }> {
  const hash = mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512'
  await client.call(saslHandshakeApi, 1, { mechanism })
  const bare = `n=${username.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=abcdef`
  const first = await round(client, `${gs2}${bare}`)
  if (first.errorCode !== 0) return { first, final: undefined }
  const text = first.authBytes.toString()
  const [, nonce, salt, iterations] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(text) ?? []
  const bytes = hash === 'sha256' ? 32 : 64
  const salted = pbkdf2Sync(password, Buffer.from(salt!, 'base64'), Number(iterations), bytes, hash)
  const clientKey = createHmac(hash, salted).update('Client Key').digest()
  const storedKey = createHash(hash).update(clientKey).digest()
  const rest = `c=${Buffer.from(gs2).toString('base64')},r=${nonce}`
  const signature = createHmac(hash, storedKey).update(`${bare},${text},${rest}`).digest()
  const proof = Buffer.from(clientKey.map((byte, at) => byte ^ signature[at]!))
  return { first, final: await round(client, `${rest},p=${proof.toString('base64')}`) }
}

function round(client: WireClient, text: string): Promise<SaslAuthenticateResponse> {
  return client.call(saslAuthenticateApi, 2, { authBytes: Buffer.from(text) })
}
