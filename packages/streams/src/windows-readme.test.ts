import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { longSerde, stringSerde, timeWindowedSerde } from '@millrace/streams'
import { TopologyTestDriver } from '@millrace/streams/testing'
import { topology } from '../test/windows-example.ts'

test('the README’s example of windows is the one that runs', async () => {
  const text = (path: string) => readFile(new URL(path, import.meta.url), 'utf8')
  assert.ok((await text('../README.md')).includes(await text('../test/windows-example.ts')))
})

test('the README’s windows: each minute once, late clicks to a topic of their own, an idle minute by the clock', async () => {
  const driver = new TopologyTestDriver(topology)
  const click = (timestamp: number): void =>
    driver.pipe('clicks', { key: Buffer.from('k'), value: Buffer.from('v'), timestamp })
  for (const time of [1_000, 59_000, 61_000, 30_000, 65_000, 31_000]) click(time)
  for (let at = 0; at < 6; at++) await driver.advance(7_500)
  const serde = timeWindowedSerde(stringSerde, 60_000)
  const counts = driver
    .take('clicks-per-minute')
    .map(({ key, value }) => [
      key && serde.deserialize(key).window,
      value && longSerde.deserialize(value),
    ])
  assert.deepEqual(counts, [
    [{ startMs: 0, endMs: 60_000 }, 3],
    [{ startMs: 60_000, endMs: 120_000 }, 2],
  ])
  assert.deepEqual(
    driver.take('clicks-late').map(({ timestamp }) => timestamp),
    [31_000],
  )
})
