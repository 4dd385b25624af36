import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AnswerMemory } from './answer-memory.ts'

const mib = 1_048_576

test('answer memory: it is used again when everybody has let it go, and not before', () => {
  const memory = new AnswerMemory(mib)
  const first = memory.take(mib)
  const hold = memory.holdOf(first.subarray(10, 20))
  hold?.hold()
  hold?.letGo()
  assert.notEqual(memory.take(mib).buffer, first.buffer)
  hold?.letGo()
  const again = memory.take(mib - 5)
  assert.equal(again.buffer, first.buffer)
  assert.equal(again.length, mib - 5)
  assert.notEqual(memory.take(mib - 5).buffer, first.buffer)
})

test('answer memory: what was not taken from it is nothing to hold, small answers among it', () => {
  const memory = new AnswerMemory(mib)
  assert.equal(memory.holdOf(Buffer.alloc(mib)), undefined)
  assert.equal(memory.holdOf(memory.take(1_000)), undefined)
  assert.equal(memory.holdOf(new AnswerMemory(mib).take(mib)), undefined)
})

test('answer memory: a piece is used for answers that it fits, not for much smaller ones', () => {
  const memory = new AnswerMemory(4 * mib)
  const large = memory.take(4 * mib)
  memory.holdOf(large)?.letGo()
  assert.notEqual(memory.take(5 * mib).buffer, large.buffer)
  assert.notEqual(memory.take(mib / 2).buffer, large.buffer)
  assert.equal(memory.take(2 * mib).buffer, large.buffer)
})

test('answer memory: what lies unused is bounded; the oldest goes', () => {
  const memory = new AnswerMemory(12 * mib)
  const taken = Array.from({ length: 40 }, () => memory.take(mib))
  for (const each of taken) memory.holdOf(each)?.letGo()
  const again = new Set(Array.from({ length: 40 }, () => memory.take(mib).buffer))
  const kept = taken.filter(({ buffer }) => again.has(buffer))
  assert.deepEqual(kept, taken.slice(16))
})
