import assert from 'node:assert/strict'
import { test } from 'node:test'
import { maxScramIterations, minScramIterations, ScramClient } from './scram-client.ts'

/** The exchange of RFC 7677, section 3. */
const rfc = {
  user: { username: 'user', password: 'pencil' },
  nonce: 'rOprNGfwEbeRWgbNEkqO',
  first: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
  serverFirst:
    'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  final:
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
} as const

const refuse = (what: string): Error => new Error(what)
const client = (): ScramClient => new ScramClient('SCRAM-SHA-256', rfc.user, refuse, rfc.nonce)

test('scram: the exchange of RFC 7677 is made byte for byte', async () => {
  const scram = client()
  assert.equal(scram.first().toString(), rfc.first)
  assert.equal((await scram.final(Buffer.from(rfc.serverFirst))).toString(), rfc.final)
  scram.verify(Buffer.from(rfc.serverFinal))
})

test('scram: SHA-512 has proofs and signatures of 64 bytes', async () => {
  const scram = new ScramClient('SCRAM-SHA-512', rfc.user, refuse, rfc.nonce)
  const final = (await scram.final(Buffer.from(rfc.serverFirst))).toString()
  const proof = /p=(.*)$/.exec(final)?.[1] ?? ''
  assert.equal(Buffer.from(proof, 'base64').length, 64)
  assert.throws(() => scram.verify(Buffer.from(rfc.serverFinal)), /signature is wrong/)
})

test('scram: every comma and equals sign in a user name is escaped, and nothing is normalized', () => {
  const user = { username: 'a=b,c=d,\u00c5\u212b', password: 'x' }
  const scram = new ScramClient('SCRAM-SHA-256', user, refuse, 'abc')
  assert.equal(scram.first().toString(), 'n,,n=a=3Db=2Cc=3Dd=2C\u00c5\u212b,r=abc')
})

test('scram: each exchange has a nonce of its own, without a comma', () => {
  const firsts = Array.from({ length: 100 }, () =>
    new ScramClient('SCRAM-SHA-256', rfc.user, refuse).first().toString(),
  )
  assert.equal(new Set(firsts).size, firsts.length)
  for (const first of firsts) assert.match(first, /^n,,n=user,r=[A-Za-z0-9+/]{32}$/)
})

const salt = 's=W22ZaJ0SNY7soEsUEjb6gQ=='
for (const { name, said, tells } of [
  { name: 'another nonce', said: `r=else,${salt},i=4096`, tells: /nonce/ },
  { name: 'our nonce alone', said: `r=${rfc.nonce},${salt},i=4096`, tells: /nonce/ },
  {
    name: 'too few iterations',
    said: `r=${rfc.nonce}x,${salt},i=${minScramIterations - 1}`,
    tells: /4095 iterations/,
  },
  {
    name: 'more iterations than anybody needs',
    said: `r=${rfc.nonce}x,${salt},i=${maxScramIterations + 1}`,
    tells: /1000001 iterations/,
  },
  {
    name: 'an iteration count that is none',
    said: `r=${rfc.nonce}x,${salt},i=-1`,
    tells: /no SCRAM/,
  },
  {
    name: 'an extension that must be understood',
    said: `m=more,r=${rfc.nonce}x,${salt},i=4096`,
    tells: /no SCRAM/,
  },
  { name: 'no salt', said: `r=${rfc.nonce}x,s=,i=4096`, tells: /no SCRAM/ },
  { name: 'nothing', said: '', tells: /no SCRAM/ },
  { name: 'garbage', said: '\0\xff\r\n', tells: /no SCRAM/ },
])
  test(`scram: a server's first message with ${name} is refused before the password is used`, async () => {
    await assert.rejects(client().final(Buffer.from(said)), tells)
  })

for (const { name, said, tells } of [
  { name: 'the signature of another', said: `v=${'A'.repeat(43)}=`, tells: /signature is wrong/ },
  { name: 'a short signature', said: 'v=6rri', tells: /signature is wrong/ },
  { name: 'an error', said: 'e=other-error', tells: /says "other-error"/ },
  { name: 'nothing', said: '', tells: /no SCRAM/ },
])
  test(`scram: a server that ends with ${name} is not believed`, async () => {
    const scram = client()
    await scram.final(Buffer.from(rfc.serverFirst))
    assert.throws(() => scram.verify(Buffer.from(said)), tells)
  })

test('scram: a signature before the exchange is not believed', () => {
  assert.throws(() => client().verify(Buffer.from(rfc.serverFinal)), /signature is wrong/)
})
