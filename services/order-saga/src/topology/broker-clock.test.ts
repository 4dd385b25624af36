import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrokerClock } from './broker-clock.ts'

const broker = Date.UTC(2026, 0, 5)

test('broker clock: nothing is known before the first record, and goes on with our durations from there', () => {
  let ownMs = 500
  const clock = new BrokerClock(() => ownMs)
  assert.equal(clock.now(), null)
  clock.observe(-1)
  assert.equal(clock.now(), null)
  clock.observe(broker)
  ownMs += 1_250
  assert.equal(clock.now(), broker + 1_250)
})

test('broker clock: an old record does not set it back, a fresher one sets it right', () => {
  let ownMs = 0
  const clock = new BrokerClock(() => ownMs)
  clock.observe(broker)
  ownMs = 10_000
  clock.observe(broker + 2_000)
  assert.equal(clock.now(), broker + 10_000, 'it came from a backlog')
  clock.observe(broker + 11_500)
  assert.equal(clock.now(), broker + 11_500, 'the first one had taken 1,500 ms to come')
})

test('broker clock: what it knew before a pause is forgotten, and it begins with what was read last', () => {
  let ownMs = 0
  const clock = new BrokerClock(() => ownMs)
  clock.observe(broker)
  ownMs = 3_600_000
  clock.forget()
  assert.equal(clock.now(), null)
  clock.observe(broker)
  assert.equal(clock.now(), broker)
})
