import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto'

/*
 * JSON Web Tokens (RFC 7519) signed with Ed25519 (`EdDSA`, RFC 8037), and nothing else: the algorithm is ours and never the token's, so
 * `none`, and an HMAC made with a public key, are refused before any key is looked up (RFC 8725, sections 3.1 and 3.2).
 */

const algorithm = 'EdDSA'
/** Longest token that is looked at, characters. */
const maxTokenLength = 4_096
/** How far the clocks of who signs and who verifies may differ, ms. */
const leewayMs = 5_000

/** A key that signs. `kid` is the thumbprint of its public half (RFC 7638), so equal keys have equal names. */
export interface SigningKey {
  readonly kid: string
  readonly privateKey: KeyObject
}

/** The public half of a key, as a JWKS carries it. */
export interface PublicJwk {
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  readonly x: string
  readonly kid: string
  readonly use: 'sig'
  readonly alg: typeof algorithm
}

/** Claims of a token that was found good. Times are seconds since the epoch, as the RFC has them. */
export interface JwtClaims {
  readonly sub: string
  readonly iss: string
  readonly aud: string
  readonly iat: number
  readonly exp: number
  readonly [claim: string]: unknown
}

/** Why a token is not good. Nothing of it may be believed then. */
export type JwtRefusal =
  | 'malformed'
  | 'algorithm'
  | 'type'
  | 'key'
  | 'signature'
  | 'issuer'
  | 'audience'
  | 'claims'
  | 'not-yet-valid'
  | 'expired'

export type JwtVerdict = { readonly claims: JwtClaims } | { readonly refusal: JwtRefusal }

/** What a token must say to be good here. `type` is its `typ`: one kind of token is never taken for another of the same issuer. */
export interface JwtExpectation {
  readonly type: string
  readonly issuer: string
  readonly audience: string
}

export function createSigningKey(): SigningKey {
  return signingKeyOf(generateKeyPairSync('ed25519').privateKey)
}

/** @param privateKey of Ed25519 */
export function signingKeyOf(privateKey: KeyObject): SigningKey {
  return { kid: publicJwkOf(privateKey).kid, privateKey }
}

/** @param key either half of a key of Ed25519 */
export function publicJwkOf(key: KeyObject): PublicJwk {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  const { x = '' } = publicKey.export({ format: 'jwk' })
  const kid = createHash('sha256')
    .update(JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x }))
    .digest('base64url')
  return { kty: 'OKP', crv: 'Ed25519', x, kid, use: 'sig', alg: algorithm }
}

/** Undefined for what is no public key of Ed25519; a JWKS may hold keys of other kinds, which are not for us. */
export function publicKeyOf(jwk: unknown): KeyObject | undefined {
  if (!isObject(jwk) || jwk['kty'] !== 'OKP' || jwk['crv'] !== 'Ed25519') return undefined
  try {
    const { x } = jwk
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x } as JsonWebKey, format: 'jwk' })
  } catch {
    // Node throws for coordinates that are no point; such a key verifies nothing.
    return undefined
  }
}

export interface NewJwt extends JwtExpectation {
  readonly subject: string
  /** When it is signed, ms since the epoch. */
  readonly nowMs: number
  /** How long it is good, ms; rounded down to seconds. */
  readonly ttlMs: number
  readonly claims?: Readonly<Record<string, unknown>>
}

export function signJwt(key: SigningKey, token: NewJwt): string {
  const iat = Math.floor(token.nowMs / 1000)
  const claims = {
    ...token.claims,
    iss: token.issuer,
    aud: token.audience,
    sub: token.subject,
    iat,
    exp: iat + Math.floor(token.ttlMs / 1000),
  }
  const signed = `${encode({ alg: algorithm, typ: token.type, kid: key.kid })}.${encode(claims)}`
  return `${signed}.${sign(null, Buffer.from(signed), key.privateKey).toString('base64url')}`
}

/** True for text of three parts as a token has; says nothing of whether it is good. */
export function looksLikeJwt(text: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]*$/.test(text)
}

/**
 * Checks form, algorithm, type, key, signature, issuer, audience and times, in this order; claims are read after the signature was found good.
 * @param findKey the key of that name; undefined when the issuer has none. What it throws is thrown
 */
export async function verifyJwt(
  token: string,
  expected: JwtExpectation,
  nowMs: number,
  findKey: (kid: string) => KeyObject | undefined | Promise<KeyObject | undefined>,
): Promise<JwtVerdict> {
  const parts = partsOf(token)
  if (!parts) return { refusal: 'malformed' }
  const { header, payload, signature, signed } = parts
  // RFC 7515 section 4.1.11: what `crit` names must be understood, and we understand nothing of the kind.
  if (header['alg'] !== algorithm || header['crit'] !== undefined) return { refusal: 'algorithm' }
  if (header['typ'] !== expected.type) return { refusal: 'type' }
  const { kid } = header
  const key = typeof kid === 'string' && kid.length <= 200 ? await findKey(kid) : undefined
  if (!key || key.asymmetricKeyType !== 'ed25519') return { refusal: 'key' }
  if (!verify(null, Buffer.from(signed), key, signature)) return { refusal: 'signature' }
  return judgeClaims(payload, expected, nowMs)
}

function judgeClaims(
  payload: Readonly<Record<string, unknown>>,
  expected: JwtExpectation,
  nowMs: number,
): JwtVerdict {
  if (payload['iss'] !== expected.issuer) return { refusal: 'issuer' }
  if (payload['aud'] !== expected.audience) return { refusal: 'audience' }
  const { sub, iat, exp, nbf = iat } = payload
  if (typeof sub !== 'string' || sub === '') return { refusal: 'claims' }
  if (!isTime(iat) || !isTime(exp) || !isTime(nbf) || exp < iat) return { refusal: 'claims' }
  if (nowMs + leewayMs < Math.max(nbf, iat) * 1000) return { refusal: 'not-yet-valid' }
  // No leeway at the end: who signs gives the time that he means.
  if (nowMs >= exp * 1000) return { refusal: 'expired' }
  return { claims: { ...payload, iss: expected.issuer, aud: expected.audience, sub, iat, exp } }
}

interface JwtParts {
  readonly header: Readonly<Record<string, unknown>>
  readonly payload: Readonly<Record<string, unknown>>
  readonly signature: Buffer
  /** What the signature is of. */
  readonly signed: string
}

function partsOf(token: string): JwtParts | undefined {
  if (token.length > maxTokenLength || !looksLikeJwt(token)) return undefined
  const [head = '', body = '', tail = ''] = token.split('.')
  const header = decode(head)
  const payload = decode(body)
  const signature = bytesOf(tail)
  return header && payload && signature
    ? { header, payload, signature, signed: `${head}.${body}` }
    : undefined
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function decode(text: string): Readonly<Record<string, unknown>> | undefined {
  const bytes = bytesOf(text)
  if (!bytes) return undefined
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** Node's decoder passes over what is no base64url; a token has one spelling only. */
function bytesOf(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : undefined
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 && value < 1e12
}
