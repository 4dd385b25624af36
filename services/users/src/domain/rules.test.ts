import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { isKeyDue, publishedKeysAt, signingKeyAt } from './choose-keys.ts'
import { emailKeyOf } from './email.ts'
import { judgeRefresh } from './judge-refresh.ts'
import { passwordFault } from './password-rules.ts'

suite('passwords', () => {
  const person = { name: 'Ada Lovelace', email: 'ada.lovelace@example.org' }
  for (const row of [
    { name: 'ten characters', password: 'abc def 12', fault: undefined },
    { name: 'words', password: 'correct horse battery staple', fault: undefined },
    { name: 'ten emoji count as ten', password: '🐎🔋📎✅🦊🐻🐼🐨🐯🦁', fault: undefined },
    { name: 'nine', password: 'abc def 1', fault: /at least 10/ },
    { name: 'two hundred', password: 'abcdefghij'.repeat(20), fault: undefined },
    { name: 'two hundred and one', password: `${'abcdefghij'.repeat(20)}k`, fault: /at most 200/ },
    { name: 'one character', password: 'aaaaaaaaaaaa', fault: /different/ },
    { name: 'blank', password: ' '.repeat(12), fault: /different/ },
    { name: 'four characters', password: 'abcdabcdabcd', fault: /different/ },
    { name: 'common, in capitals', password: 'PassWord123', fault: /guessed/ },
    { name: 'common, full width', password: '１２３４５６７８９０', fault: /guessed/ },
    { name: 'the address', password: 'Ada.Lovelace@Example.org', fault: /name or the e-mail/ },
    {
      name: 'its local part and a year',
      password: 'ada.lovelace1815',
      fault: /name or the e-mail/,
    },
    { name: 'the name', password: 'ada lovelace', fault: /name or the e-mail/ },
    { name: 'the name in one', password: 'adalovelace1!', fault: /name or the e-mail/ },
  ])
    test(row.name, () => {
      const fault = passwordFault(row.password, person)
      if (row.fault === undefined) assert.equal(fault, undefined)
      else assert.match(fault ?? 'none', row.fault)
      assert.ok(!fault?.includes(row.password))
    })
})

test('addresses are one in any case and composition, and not for dots or pluses', () => {
  assert.equal(emailKeyOf('Ada@Example.ORG '), 'ada@example.org')
  assert.equal(emailKeyOf('zoe\u0301@x'), emailKeyOf('ZOÉ@x'))
  assert.notEqual(emailKeyOf('a.da@x'), emailKeyOf('ada@x'))
  assert.notEqual(emailKeyOf('ada+1@x'), emailKeyOf('ada@x'))
})

suite('refresh tokens', () => {
  const good = {
    isUsed: false,
    expiresAtMs: 100,
    session: { isEnded: false, expiresAtMs: 1_000 },
    isPersonRemoved: false,
  }
  for (const row of [
    { name: 'good until the end', token: good, atMs: 99, verdict: 'good' },
    { name: 'expired', token: good, atMs: 100, verdict: 'refused' },
    {
      name: 'beyond its session',
      token: { ...good, session: { isEnded: false, expiresAtMs: 50 } },
      atMs: 50,
      verdict: 'refused',
    },
    { name: 'used', token: { ...good, isUsed: true }, atMs: 0, verdict: 'reused' },
    {
      name: 'used and expired still tells of a thief',
      token: { ...good, isUsed: true },
      atMs: 500,
      verdict: 'reused',
    },
    {
      name: 'of an ended session',
      token: { ...good, isUsed: true, session: { isEnded: true, expiresAtMs: 1_000 } },
      atMs: 0,
      verdict: 'refused',
    },
    {
      name: 'of somebody removed',
      token: { ...good, isPersonRemoved: true },
      atMs: 0,
      verdict: 'refused',
    },
  ])
    test(row.name, () => assert.equal(judgeRefresh(row.token, row.atMs), row.verdict))
})

suite('signing keys', () => {
  const periods = { rotateAfterMs: 1_000, publishAheadMs: 100, keepMs: 50 }
  const key = (createdAtMs: number) => ({ createdAtMs })
  const at = (keys: readonly { createdAtMs: number }[], nowMs: number) => ({
    isDue: isKeyDue(keys, nowMs, periods),
    signs: signingKeyAt(keys, nowMs, periods)?.createdAtMs,
    published: publishedKeysAt(keys, nowMs, periods).map((one) => one.createdAtMs),
  })
  const two = [key(1_000), key(0)]
  for (const row of [
    { name: 'none', keys: [], nowMs: 0, is: { isDue: true, signs: undefined, published: [] } },
    {
      name: 'the first signs at once',
      keys: [key(0)],
      nowMs: 0,
      is: { isDue: false, signs: 0, published: [0] },
    },
    {
      name: 'old enough',
      keys: [key(0)],
      nowMs: 1_000,
      is: { isDue: true, signs: 0, published: [0] },
    },
    {
      name: 'the next is shown before it signs',
      keys: two,
      nowMs: 1_099,
      is: { isDue: false, signs: 0, published: [1_000, 0] },
    },
    {
      name: 'then signs, and the old one stays',
      keys: two,
      nowMs: 1_149,
      is: { isDue: false, signs: 1_000, published: [1_000, 0] },
    },
    {
      name: 'until what it signed has run out',
      keys: two,
      nowMs: 1_150,
      is: { isDue: false, signs: 1_000, published: [1_000] },
    },
  ])
    test(row.name, () => assert.deepEqual(at(row.keys, row.nowMs), row.is))
})
