import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createUuidV7, derivedUuid, isUuid, uuidLowerBound, uuidTimeMs, uuidv7 } from './uuid.ts'
import { seededRandom } from './random.ts'
import { SimulatedClock } from './simulated-clock.ts'

test('uuidv7: ids ascend, also within one millisecond', () => {
  let last = ''
  for (let index = 0; index < 200_000; index++) {
    const id = uuidv7()
    assert.ok(id > last, `${id} after ${last}`)
    last = id
  }
})

test('uuidv7: ids ascend when the clock steps back, and when one millisecond runs out of counters', () => {
  let nowMs = 1_000_000
  const clock = Object.assign(new SimulatedClock(), { now: () => nowMs })
  const next = createUuidV7({ clock, random: seededRandom(1) })
  const first = next()
  nowMs -= 5_000
  const second = next()
  assert.ok(second > first)
  assert.equal(uuidTimeMs(second), 1_000_000)
})

test('uuidv7: version, variant and time are where RFC 9562 puts them', () => {
  const clock = new SimulatedClock(Date.UTC(2026, 10, 21, 12))
  const id = createUuidV7({ clock })()
  assert.ok(isUuid(id))
  assert.equal(id[14], '7')
  assert.match(id[19] ?? '', /[89ab]/)
  assert.equal(uuidTimeMs(id), Date.UTC(2026, 10, 21, 12))
})

test('derivedUuid: the same parts give the same id, other parts another, and the time stands in front', () => {
  const timeMs = Date.UTC(2026, 0, 2)
  assert.equal(derivedUuid(timeMs, 'topic', '3', '17'), derivedUuid(timeMs, 'topic', '3', '17'))
  assert.notEqual(derivedUuid(timeMs, 'topic', '3', '17'), derivedUuid(timeMs, 'topic', '31', '7'))
  assert.equal(uuidTimeMs(derivedUuid(timeMs, 'a')), timeMs)
  assert.equal(derivedUuid(timeMs, 'a')[14], '8')
})

test('uuidLowerBound: no id of that millisecond or later sorts below it, every earlier one does', () => {
  const clock = new SimulatedClock(5_000)
  const next = createUuidV7({ clock })
  assert.ok(next() > uuidLowerBound(5_000))
  assert.ok(next() < uuidLowerBound(5_001))
})

for (const text of [
  '',
  'x',
  '01A1FE5F-5E12-7784-A91C-FB88AF03914F',
  '01a1fe5f5e127784a91cfb88af03914f',
  ' 01a1fe5f-5e12-7784-a91c-fb88af03914f',
]) {
  test(`isUuid: refuses "${text}"`, () => assert.equal(isUuid(text), false))
}
