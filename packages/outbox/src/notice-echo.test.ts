import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '@millrace/core/testing'
import { NoticeEcho } from './notice-echo.ts'

test('notice echo: a relay looks at once and each 5 ms while writers may be silent, and then no more', async () => {
  const clock = new SimulatedClock()
  let notices = 0
  let looks = 0
  const echo = new NoticeEcho(
    clock,
    () => notices++,
    () => looks++,
  )
  echo.hear()
  assert.deepEqual([notices, looks], [1, 0])
  await clock.advance(50)
  assert.deepEqual([notices, looks], [1, 10])
  echo.hear()
  assert.deepEqual([notices, looks], [2, 10])
  await clock.advance(10_000)
  const afterwards = looks
  assert.ok(looks >= 20)
  await clock.advance(10_000)
  assert.equal(looks, afterwards)
})

test('notice echo: none after it is closed', async () => {
  const clock = new SimulatedClock()
  let looks = 0
  const echo = new NoticeEcho(
    clock,
    () => {},
    () => looks++,
  )
  echo.hear()
  echo.close()
  await clock.advance(1_000)
  assert.equal(looks, 0)
})
