import assert from 'node:assert/strict'
import { createHmac, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto'
import { suite, test } from 'node:test'
import {
  createSigningKey,
  publicJwkOf,
  publicKeyOf,
  signingKeyOf,
  signJwt,
  verifyJwt,
  type JwtVerdict,
} from './jwt.ts'

const key = createSigningKey()
const stranger = createSigningKey()
const publicKey = publicKeyOf(publicJwkOf(key.privateKey))
const expected = { type: 'at+jwt', issuer: 'issuer', audience: 'audience' }
const nowMs = Date.UTC(2026, 0, 1)
const nowS = nowMs / 1000
const good = { ...expected, subject: 'ada', nowMs, ttlMs: 60_000 }
const goodHeader = { alg: 'EdDSA', typ: 'at+jwt', kid: key.kid }
const goodClaims = { iss: 'issuer', aud: 'audience', sub: 'ada', iat: nowS, exp: nowS + 60 }

const verified = (token: string, atMs = nowMs): Promise<JwtVerdict> =>
  verifyJwt(token, expected, atMs, (kid) => (kid === key.kid ? publicKey : undefined))

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Signed by our key, whatever it says. */
function signed(header: unknown, claims: unknown): string {
  const text = `${part(header)}.${part(claims)}`
  return `${text}.${sign(null, Buffer.from(text), key.privateKey).toString('base64url')}`
}

function withMac(): string {
  const text = `${part({ ...goodHeader, alg: 'HS256' })}.${part(goodClaims)}`
  const secret = publicKey?.export({ type: 'spki', format: 'der' }) ?? ''
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}

function byOtherCurve(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const text = `${part(goodHeader)}.${part(goodClaims)}`
  return `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`
}

const token = signJwt(key, good)
const [head = '', body = '', tail = ''] = token.split('.')

suite('JWT', () => {
  test('what was signed comes back, with its own claims, and was not good before or after its time', async () => {
    const own = signJwt(key, { ...good, claims: { roles: ['staff'], sub: 'not this', exp: 1 } })
    assert.deepEqual(await verified(own), { claims: { ...goodClaims, roles: ['staff'] } })
    assert.ok('claims' in (await verified(own, nowMs + 59_999)))
    assert.deepEqual(await verified(own, nowMs + 60_000), { refusal: 'expired' })
    assert.ok('claims' in (await verified(own, nowMs - 5_000)))
    assert.deepEqual(await verified(own, nowMs - 5_001), { refusal: 'not-yet-valid' })
  })

  const forgeries: readonly { name: string; token: string; refusal: string }[] = [
    { name: 'empty', token: '', refusal: 'malformed' },
    { name: 'no token', token: 'hello', refusal: 'malformed' },
    { name: 'two parts', token: `${head}.${body}`, refusal: 'malformed' },
    { name: 'four parts', token: `${token}.${tail}`, refusal: 'malformed' },
    { name: 'blanks', token: ` ${token}`, refusal: 'malformed' },
    { name: 'padded base64', token: `${head}=.${body}.${tail}`, refusal: 'malformed' },
    {
      name: 'a header that is a list',
      token: `${part([1])}.${body}.${tail}`,
      refusal: 'malformed',
    },
    { name: 'claims that are no JSON', token: `${head}.aGVsbG8.${tail}`, refusal: 'malformed' },
    { name: 'endless', token: `${head}.${'a'.repeat(10_000)}.${tail}`, refusal: 'malformed' },
    {
      name: 'alg none, no signature',
      token: `${part({ ...goodHeader, alg: 'none' })}.${body}.`,
      refusal: 'algorithm',
    },
    {
      name: 'alg None in another spelling',
      token: `${part({ ...goodHeader, alg: 'NoNe' })}.${body}.`,
      refusal: 'algorithm',
    },
    { name: 'HMAC with the public key as secret', token: withMac(), refusal: 'algorithm' },
    {
      name: 'no alg',
      token: signed({ typ: 'at+jwt', kid: key.kid }, goodClaims),
      refusal: 'algorithm',
    },
    {
      name: 'crit',
      token: signed({ ...goodHeader, crit: ['b64'] }, goodClaims),
      refusal: 'algorithm',
    },
    {
      name: 'another kind of token of ours',
      token: signJwt(key, { ...good, type: 'identity+jwt' }),
      refusal: 'type',
    },
    { name: 'a key nobody knows', token: signJwt(stranger, good), refusal: 'key' },
    { name: 'no kid', token: signed({ alg: 'EdDSA', typ: 'at+jwt' }, goodClaims), refusal: 'key' },
    {
      name: 'our key name, the key of a stranger',
      token: signJwt({ kid: key.kid, privateKey: stranger.privateKey }, good),
      refusal: 'signature',
    },
    { name: 'signed on another curve', token: byOtherCurve(), refusal: 'signature' },
    { name: 'no signature', token: `${head}.${body}.`, refusal: 'signature' },
    { name: 'signature cut', token: `${head}.${body}.${tail.slice(0, 40)}`, refusal: 'signature' },
    {
      name: 'claims exchanged under the signature',
      token: `${head}.${part({ ...goodClaims, sub: 'root' })}.${tail}`,
      refusal: 'signature',
    },
    { name: 'another issuer', token: signJwt(key, { ...good, issuer: 'evil' }), refusal: 'issuer' },
    {
      name: 'for another audience',
      token: signJwt(key, { ...good, audience: 'bank' }),
      refusal: 'audience',
    },
    {
      name: 'a list of audiences',
      token: signed(goodHeader, { ...goodClaims, aud: ['audience'] }),
      refusal: 'audience',
    },
    { name: 'no subject', token: signJwt(key, { ...good, subject: '' }), refusal: 'claims' },
    {
      name: 'subject that is no text',
      token: signed(goodHeader, { ...goodClaims, sub: 1 }),
      refusal: 'claims',
    },
    {
      name: 'no exp',
      token: signed(goodHeader, { ...goodClaims, exp: undefined }),
      refusal: 'claims',
    },
    {
      name: 'exp as text',
      token: signed(goodHeader, { ...goodClaims, exp: '9' }),
      refusal: 'claims',
    },
    {
      name: 'exp before iat',
      token: signed(goodHeader, { ...goodClaims, exp: 1 }),
      refusal: 'claims',
    },
    {
      name: 'nbf to come',
      token: signed(goodHeader, { ...goodClaims, nbf: nowS + 6 }),
      refusal: 'not-yet-valid',
    },
    {
      name: 'expired',
      token: signJwt(key, { ...good, nowMs: nowMs - 61_000 }),
      refusal: 'expired',
    },
  ]
  for (const { name, token: forged, refusal } of forgeries)
    test(`refused: ${name}`, async () => assert.deepEqual(await verified(forged), { refusal }))

  test('every bit of the signature counts', async () => {
    const bytes = Buffer.from(tail, 'base64url')
    for (let bit = 0; bit < bytes.length * 8; bit += 7) {
      const broken = Buffer.from(bytes)
      broken[bit >> 3] = (broken[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const verdict = await verified(`${head}.${body}.${broken.toString('base64url')}`)
      assert.deepEqual(verdict, { refusal: 'signature' }, `bit ${bit}`)
    }
  })

  test('a key is named by its thumbprint, as RFC 8037 shows it (appendix A.3), and its public half has nothing of the other', () => {
    const jwk = {
      kty: 'OKP',
      crv: 'Ed25519',
      d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
      x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
    }
    const { kid, privateKey } = signingKeyOf(createPrivateKey({ key: jwk, format: 'jwk' }))
    assert.equal(kid, 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k')
    assert.deepEqual(Object.keys(publicJwkOf(privateKey)).toSorted(), [
      'alg',
      'crv',
      'kid',
      'kty',
      'use',
      'x',
    ])
  })

  test('a JWKS may hold what is not for us', () => {
    for (const jwk of [
      null,
      'x',
      {},
      { kty: 'RSA', n: 'AQAB', e: 'AQAB' },
      { kty: 'OKP', crv: 'X25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' },
      { kty: 'OKP', crv: 'Ed25519', x: 'short' },
      { kty: 'OKP', crv: 'Ed25519' },
    ])
      assert.equal(publicKeyOf(jwk), undefined, JSON.stringify(jwk))
  })
})
