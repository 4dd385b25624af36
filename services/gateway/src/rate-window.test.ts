import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { CounterRate, EventRate } from './rate-window.ts'

suite('rate of a counter', () => {
  for (const row of [
    { name: 'one reading is not enough', readings: [[0, 5]], rate: null },
    {
      name: 'two readings',
      readings: [
        [0, 5],
        [1000, 15],
      ],
      rate: 10,
    },
    {
      name: 'standing still is 0',
      readings: [
        [0, 5],
        [1000, 5],
      ],
      rate: 0,
    },
    {
      name: 'what is older than the window does not count',
      readings: [
        [0, 0],
        [5000, 1000],
        [6000, 1000],
        [10_000, 1000],
      ],
      rate: 0,
    },
    {
      name: 'a reading that failed makes it unknown',
      readings: [
        [0, 5],
        [1000, 15],
        [2000, null],
      ],
      rate: null,
    },
    {
      name: 'and it takes two to know again',
      readings: [
        [0, 5],
        [1000, null],
        [2000, 15],
        [3000, 17],
      ],
      rate: 2,
    },
    {
      name: 'a counter that began anew',
      readings: [
        [0, 500],
        [1000, 3],
        [2000, 7],
      ],
      rate: 4,
    },
  ] as const)
    test(row.name, () => {
      const rate = new CounterRate()
      for (const [atMs, value] of row.readings) rate.read(atMs, value)
      assert.equal(rate.perSecond(), row.rate)
    })
})

suite('rate of events', () => {
  test('none is 0', () => assert.equal(new EventRate(0).perSecond(10_000), 0))

  test('ten a second are ten a second', () => {
    const rate = new EventRate(0)
    for (let atMs = 0; atMs < 20_000; atMs += 100) rate.count(atMs)
    assert.equal(rate.perSecond(20_000), 10)
  })

  test('it fades within the window', () => {
    const rate = new EventRate(0)
    for (let count = 0; count < 50; count++) rate.count(10_000)
    assert.ok(rate.perSecond(11_000) > 5)
    assert.equal(rate.perSecond(17_000), 0)
  })
})
