import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  hoppingWindows,
  sessionWindows,
  slidingWindows,
  StreamsError,
  tumblingWindows,
} from '@millrace/streams'
import { firstStartMs, neededRetentionMs } from './windows.ts'

const good = { sizeMs: 10, advanceMs: 5, differenceMs: 10, gapMs: 10, graceMs: 0 }

for (const [name, make, bad] of [
  ['tumbling', tumblingWindows, { sizeMs: [0, -1, 1.5, Number.NaN, Infinity], graceMs: [-1, 0.5] }],
  ['hopping', hoppingWindows, { sizeMs: [0, 4], advanceMs: [0, -1, 11, 2.5], graceMs: [-1] }],
  ['sliding', slidingWindows, { differenceMs: [0, -1, 0.1], graceMs: [-1] }],
  ['session', sessionWindows, { gapMs: [-1, 0.1, 2 ** 53], graceMs: [-1] }],
] as const)
  for (const [option, values] of Object.entries(bad))
    for (const value of values)
      test(`${name} windows refuse ${option} of ${value}`, () => {
        assert.throws(
          () => make({ ...good, [option]: value }),
          (error: unknown) =>
            error instanceof StreamsError &&
            error.code === 'MR_STREAMS_BAD_WINDOW' &&
            error.message.includes(String(value)),
        )
      })

test('starts of windows: every multiple of the advance whose window holds the time, none below zero (trap 6)', () => {
  for (const [sizeMs, advanceMs] of [
    [10, 10],
    [10, 2],
    [10, 3],
    [7, 1],
    [1, 1],
  ] as const) {
    const windows = hoppingWindows({ sizeMs, advanceMs, graceMs: 0 })
    for (let time = 0; time < 60; time++) {
      const expected = []
      for (let start = 0; start <= time; start += advanceMs)
        if (time < start + sizeMs) expected.push(start)
      const starts = []
      for (let start = firstStartMs(windows, time); start <= time; start += advanceMs)
        starts.push(start)
      assert.deepEqual(starts, expected, `size ${sizeMs}, advance ${advanceMs}, time ${time}`)
    }
  }
})

test('how long windows are needed: size or gap and grace, twice the difference and grace (trap 14)', () => {
  assert.equal(neededRetentionMs(tumblingWindows({ sizeMs: 10, graceMs: 3 })), 13)
  assert.equal(neededRetentionMs(hoppingWindows({ sizeMs: 10, advanceMs: 2, graceMs: 3 })), 13)
  assert.equal(neededRetentionMs(slidingWindows({ differenceMs: 10, graceMs: 3 })), 23)
  assert.equal(neededRetentionMs(sessionWindows({ gapMs: 10, graceMs: 3 })), 13)
})
