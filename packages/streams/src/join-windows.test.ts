import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StreamsError } from './errors.ts'
import { joinWindows } from './join-windows.ts'

for (const each of [
  {
    name: 'withinMs is both bounds',
    windows: { withinMs: 10, graceMs: 5 },
    made: { beforeMs: 10, afterMs: 10, graceMs: 5 },
  },
  {
    name: 'bounds of their own',
    windows: { beforeMs: 0, afterMs: 7, graceMs: 0 },
    made: { beforeMs: 0, afterMs: 7, graceMs: 0 },
  },
  {
    name: 'a negative bound as large as the other leaves one instant',
    windows: { beforeMs: -7, afterMs: 7, graceMs: 0 },
    made: { beforeMs: -7, afterMs: 7, graceMs: 0 },
  },
])
  test(`joinWindows: ${each.name}`, () => assert.deepEqual(joinWindows(each.windows), each.made))

for (const { name, windows, says } of [
  { name: 'withinMs below 0', windows: { withinMs: -1, graceMs: 0 }, says: /withinMs is -1/ },
  {
    name: 'bounds that leave no time',
    windows: { beforeMs: -8, afterMs: 7, graceMs: 0 },
    says: /From 8 to 7 ms there is no time/,
  },
  { name: 'grace below 0', windows: { withinMs: 1, graceMs: -1 }, says: /graceMs is -1/ },
  {
    name: 'a fraction',
    windows: { beforeMs: 1.5, afterMs: 2, graceMs: 0 },
    says: /beforeMs is 1.5; it must be an integer/,
  },
  {
    name: 'what is no number',
    windows: { withinMs: 1, graceMs: Number.NaN },
    says: /graceMs is NaN; it must be an integer/,
  },
  {
    name: 'what is beyond exact integers',
    windows: { withinMs: 2 ** 53, graceMs: 0 },
    says: /withinMs is 9007199254740992; it must be an integer/,
  },
])
  test(`joinWindows: ${name} is refused`, () =>
    assert.throws(
      () => joinWindows(windows),
      (error) =>
        error instanceof StreamsError &&
        error.code === 'MR_STREAMS_BAD_WINDOW' &&
        says.test(error.message),
    ))
