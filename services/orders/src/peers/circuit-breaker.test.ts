import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock, type Clock } from '@millrace/core'
import { CircuitBreaker } from './circuit-breaker.ts'

function fixture() {
  let nowMs = 0
  const clock: Clock = { ...systemClock, monotonicMs: () => nowMs }
  const breaker = new CircuitBreaker({ clock, failuresToOpen: 3, openMs: 1_000 })
  let asked = 0
  const ask = (isUp: boolean) =>
    breaker.run(async () => {
      asked++
      if (!isUp) throw new Error('down')
      return 'yes'
    })
  return {
    breaker,
    ask,
    asked: () => asked,
    pass: (ms: number) => {
      nowMs += ms
    },
  }
}

test('breaker: three failures in a row open it, and nobody is asked until its time is over', async () => {
  const { breaker, ask, asked, pass } = fixture()
  for (let at = 0; at < 3; at++) assert.equal(await ask(false), undefined)
  assert.equal(breaker.state, 'open')
  assert.equal(await ask(true), undefined)
  assert.equal(asked(), 3)
  pass(1_000)
  assert.equal(breaker.state, 'half-open')
  assert.equal(await ask(true), 'yes')
  assert.equal(breaker.state, 'closed')
})

test('breaker: a success between failures begins the count anew', async () => {
  const { breaker, ask } = fixture()
  for (const isUp of [false, false, true, false, false]) await ask(isUp)
  assert.equal(breaker.state, 'closed')
})

test('breaker: one tries at a time, and its failure opens it for as long again', async () => {
  const { breaker, ask, asked, pass } = fixture()
  for (let at = 0; at < 3; at++) await ask(false)
  pass(1_000)
  const trial = Promise.withResolvers<string>()
  const first = breaker.run(() => trial.promise)
  assert.equal(await ask(true), undefined)
  assert.equal(asked(), 3)
  trial.reject(new Error('still down'))
  assert.equal(await first, undefined)
  pass(999)
  assert.equal(breaker.state, 'open')
  pass(1)
  assert.equal(await ask(true), 'yes')
})
