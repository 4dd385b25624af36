import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { randomInt, seededRandom } from '@millrace/core'
import { SortedBytesMap } from './sorted-bytes-map.ts'

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')
const texts = (rows: Iterable<[Buffer, unknown]>): string[] =>
  [...rows].map(([key]) => key.toString('latin1'))

describe('a map of bytes in order', () => {
  for (let seed = 1; seed <= 20; seed++)
    test(`gives what a sorted list of its entries gives, whatever came before: seed ${seed}`, () => {
      const random = seededRandom(seed)
      const map = new SortedBytesMap<number>()
      const model = new Map<string, number>()
      const key = (): string => String.fromCharCode(randomInt(random, 256), randomInt(random, 3))
      for (let step = 0; step < 2_000; step++) {
        const choice = randomInt(random, 100)
        const text = key()
        if (choice < 60) {
          map.set(bytes(text), step)
          model.set(text, step)
        } else if (choice < 85) assert.equal(map.delete(bytes(text)), model.delete(text))
        else if (choice < 86) {
          map.clear()
          model.clear()
        } else {
          const [from, to] = [key(), key()]
          const low = choice % 3 === 0 ? null : from
          const high = choice % 5 === 0 ? null : to
          const isReverse = choice % 2 === 0
          const expected = [...model]
            .filter(([each]) => (low === null || each >= low) && (high === null || each <= high))
            .toSorted(([a], [b]) => (a < b ? -1 : 1))
          const found = map.range(
            low === null ? null : bytes(low),
            high === null ? null : bytes(high),
            isReverse,
          )
          assert.deepEqual(
            [...found].map(([each, value]) => [each.toString('latin1'), value]),
            isReverse ? expected.toReversed() : expected,
          )
        }
        assert.equal(map.size, model.size)
      }
      const visited = new Map<string, number>()
      map.visitAll((each, value) => void visited.set(each.toString('latin1'), value))
      assert.deepEqual(visited, model)
    })

  test('a walk sees the keys of its start that are still there, with the values of then', () => {
    const map = new SortedBytesMap<number>()
    for (const text of ['b', 'd', 'f', 'h']) map.set(bytes(text), 1)
    assert.deepEqual(texts(map.range(null, null)), ['b', 'd', 'f', 'h'])
    map.set(bytes('e'), 1)
    const walk = map.range(null, null)
    assert.equal(String(walk.next().value?.[0]), 'b')
    map.set(bytes('c'), 2)
    map.delete(bytes('d'))
    map.set(bytes('h'), 2)
    map.delete(bytes('f'))
    map.set(bytes('f'), 3)
    assert.deepEqual(
      [...walk].map(([key, value]) => [String(key), value]),
      [
        ['e', 1],
        ['f', 3],
        ['h', 2],
      ],
    )
    assert.deepEqual(texts(map.range(null, null)), ['b', 'c', 'e', 'f', 'h'])
  })
})
