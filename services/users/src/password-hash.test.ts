import assert from 'node:assert/strict'
import { scryptSync } from 'node:crypto'
import { suite, test } from 'node:test'
import { PasswordHashes } from './password-hash.ts'

const cheap = { logN: 4, r: 8, p: 1 }

suite('password hashes', () => {
  test('are scrypt with their parameters beside them, each with a salt of its own', async () => {
    const hashes = new PasswordHashes(cheap)
    const [one, other] = await Promise.all([hashes.hash('secret word'), hashes.hash('secret word')])
    assert.notEqual(one, other)
    const [scheme, logN, r, p, salt = '', hash] = one.split('$')
    assert.deepEqual([scheme, logN, r, p], ['scrypt', '4', '8', '1'])
    const expected = scryptSync('secret word', Buffer.from(salt, 'base64url'), 32, {
      N: 16,
      r: 8,
      p: 1,
    })
    assert.equal(hash, expected.toString('base64url'))
    assert.equal(await hashes.verify('secret word', one), true)
    assert.equal(await hashes.verify('Secret word', one), false)
    assert.equal(await hashes.verify('secret word', null), false)
  })

  test('one spelling on two keyboards is one password', async () => {
    const hashes = new PasswordHashes(cheap)
    assert.equal(await hashes.verify('cafe\u0301 au lait', await hashes.hash('café au lait')), true)
  })

  test('those of other parameters still hold, and are told to be outdated', async () => {
    const before = await new PasswordHashes(cheap).hash('secret word')
    const now = new PasswordHashes({ logN: 5, r: 8, p: 2 })
    assert.equal(await now.verify('secret word', before), true)
    assert.equal(now.isOutdated(before), true)
    assert.equal(now.isOutdated(await now.hash('secret word')), false)
  })

  test('a crowd waits in a line that has an end', async () => {
    const hashes = new PasswordHashes(cheap)
    const stored = await hashes.hash('secret word')
    // The hash for nobody is made from the start on, and has a place while it is made.
    assert.equal(await hashes.verify('secret word', null), false)
    const all = await Promise.allSettled(
      Array.from({ length: 200 }, () => hashes.verify('secret word', stored)),
    )
    const right = all.filter((one) => one.status === 'fulfilled' && one.value)
    const refused = all.filter((one) => one.status === 'rejected')
    // Two at work and 64 waiting, when all come in one moment.
    assert.equal(right.length, 66)
    for (const { reason } of refused)
      assert.equal((reason as { code?: unknown }).code, 'MR_USERS_BUSY')
    assert.equal(await hashes.verify('secret word', stored), true)
  })
})
