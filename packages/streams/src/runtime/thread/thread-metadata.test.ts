import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Consumer, TopicPartition } from '@millrace/kafka'
import { inputEnds } from './thread-metadata.ts'

test('input ends: of any number of partitions by one look at what the consumer has; null where it has given one up or knows no end', () => {
  const unread = new Map([
    [0, 5],
    [1, 0],
  ])
  let looks = 0
  const consumer = {
    assignment() {
      looks++
      return [0, 1, 2].map((partition) => ({ topic: 'in', partition }))
    },
    position: ({ partition }: TopicPartition) => {
      assert.ok(partition < 3, 'it throws at what it has not')
      return 10n
    },
    lagRecords: ({ partition }: TopicPartition) => unread.get(partition) ?? null,
  } as unknown as Consumer
  const endOf = inputEnds(consumer)
  const ends = [0, 1, 2, 3].map((partition) => endOf({ topic: 'in', partition }))
  assert.deepEqual([ends, looks], [[15n, 10n, null, null], 1])
})
