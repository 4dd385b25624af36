import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  credentialOf,
  finishScram,
  parseClientFinal,
  parseClientFirst,
  saltPasswordNow,
  serverFirst,
} from './scram.ts'

/** RFC 7677, section 3. */
const rfc7677 = {
  clientFirst: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
  salt: 'W22ZaJ0SNY7soEsUEjb6gQ==',
  serverNonce: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
  serverFirst:
    'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  clientFinal:
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
}

function exchange(password: string) {
  const how = { salt: Buffer.from(rfc7677.salt, 'base64'), iterations: 4096 }
  const first = parseClientFirst(Buffer.from(rfc7677.clientFirst))
  assert.ok(first)
  const salted = saltPasswordNow('SCRAM-SHA-256', password, how)
  return {
    mechanism: 'SCRAM-SHA-256' as const,
    first,
    nonce: first.nonce + rfc7677.serverNonce,
    credential: credentialOf('SCRAM-SHA-256', salted, how),
  }
}

test('scram: the exchange of RFC 7677, message by message', () => {
  const begun = exchange('pencil')
  assert.equal(begun.first.username, 'user')
  assert.equal(serverFirst(begun.nonce, begun.credential), rfc7677.serverFirst)
  assert.equal(finishScram(begun, Buffer.from(rfc7677.clientFinal)), rfc7677.serverFinal)
})

test('scram: another password, nonce, channel binding or proof is refused', () => {
  const final = rfc7677.clientFinal
  assert.equal(finishScram(exchange('pencils'), Buffer.from(final)), undefined)
  const begun = exchange('pencil')
  for (const changed of [
    final.replace('c=biws', 'c=eSws'),
    final.replace('r=rO', 'r=rP'),
    final.replace('p=dHzb', 'p=dHzc'),
    final.replace(/p=.*/, 'p='),
    final.replace(/p=.*/, 'p=AAAA'),
    // RFC 4648, section 3.2: without its padding it is not base64, whatever Node reads of it.
    final.replace(/=$/, ''),
    final.replace('c=biws', 'c=biws,m=ext'),
    '',
  ])
    assert.equal(finishScram(begun, Buffer.from(changed)), undefined, changed)
})

test('scram: first messages as RFC 5802 writes them', () => {
  const parse = (text: string) => parseClientFirst(Buffer.from(text))
  assert.equal(parse('n,,n=a=2Cb=3Dc,r=x')?.username, 'a,b=c')
  assert.equal(parse('n,a=anna,n=anna,r=x')?.authorizationId, 'anna')
  assert.equal(parse('y,,n=anna,r=x')?.gs2Header, 'y,,')
  assert.equal(parse('n,,n=anna,r=x,t=tokenauth')?.nonce, 'x')
  for (const bad of [
    'p=tls-unique,,n=anna,r=x',
    'n,,m=must,n=anna,r=x',
    'n,,n=,r=x',
    'n,,n=anna',
    'n,,n=anna,r=',
    'n,,n=an=20na,r=x',
    'n=anna,r=x',
    '',
  ])
    assert.equal(parse(bad), undefined, bad)
})

test('scram: no bytes whatever make a parser throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      parseClientFirst(bytes)
      parseClientFinal(bytes)
    }),
  )
})
