import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BlockMemory, JournalBlocks, readBlock } from './journal-blocks.ts'

type Row = readonly [key: string, value: string | null, timestamp: number]

const rows: readonly Row[] = Array.from({ length: 3_000 }, (_, index) => [
  `key ${index}`,
  index % 7 === 0 ? null : `ä${index}`.repeat(index % 50),
  index,
])

function appended(memory: BlockMemory, isText: boolean): JournalBlocks {
  const blocks = new JournalBlocks(memory)
  for (const [key, value, timestamp] of rows)
    blocks.append(
      Buffer.from(key),
      value === null || isText ? value : Buffer.from(value),
      timestamp,
    )
  return blocks
}

function read(blocks: JournalBlocks): Row[] {
  const found: Row[] = []
  for (const block of blocks.finish())
    readBlock(block, (key, value, timestamp) => {
      found.push([String(key), value && String(value), timestamp])
    })
  return found
}

for (const isText of [true, false])
  test(`journal blocks: rows come as they were appended, in memory that was used before too (${isText ? 'text' : 'bytes'})`, () => {
    const memory = new BlockMemory()
    const first = appended(memory, isText)
    assert.deepEqual(read(first), rows)
    const used = new Set(first.finish().map(({ buffer }) => buffer))
    assert.ok(used.size > 1)
    first.release()
    const second = appended(memory, isText)
    assert.deepEqual(read(second), rows)
    assert.ok(second.finish().every(({ buffer }) => used.has(buffer)))
  })

test('journal blocks: what is released before it was finished is used again too, what is larger than a block is not', () => {
  const memory = new BlockMemory()
  const blocks = new JournalBlocks(memory)
  blocks.append(Buffer.from('k'), 'v', 1)
  blocks.append(Buffer.from('k'), 'v'.repeat(100_000), 2)
  const [small, large] = blocks.finish()
  blocks.release()
  assert.equal(memory.take().buffer, small?.buffer)
  assert.notEqual(memory.take().buffer, large?.buffer)
})

test('journal blocks: little memory waits for the next', () => {
  const memory = new BlockMemory()
  const taken = Array.from({ length: 40 }, () => memory.take())
  for (const block of taken) memory.giveBack(block)
  const again = new Set(Array.from({ length: 40 }, () => memory.take().buffer))
  assert.equal(taken.filter(({ buffer }) => again.has(buffer)).length, 16)
})
