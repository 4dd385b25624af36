import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteChunks } from './byte-chunks.ts'

const kib = 1_024

/** Puts texts as text and as bytes in turn; returns what reads them all. */
function filled(chunks: ByteChunks, texts: readonly string[]): () => string[] {
  const places = texts.map((text, index) => {
    if (index % 2 === 0) chunks.putText(text)
    else chunks.put(Buffer.from(text))
    const { chunk, start, end } = chunks
    return { chunk, start, end }
  })
  return () =>
    places.map(({ chunk, start, end }) => chunks.bytes(chunk).toString('utf8', start, end))
}

test('byte chunks: what was put stays where it is, whatever comes after it and however long it is', () => {
  const chunks = new ByteChunks()
  const texts = ['', 'a', '€ä\u{1f600}', 'x'.repeat(5 * kib), 'é'.repeat(2 * kib), '', 'end']
  const many = Array.from({ length: 300 }, (_, index) => `${index}`.repeat(index))
  const huge = 'y'.repeat(700 * kib)
  const all = [...texts, ...many, huge, 'after', huge.slice(1), '']
  assert.deepEqual(filled(chunks, all)(), all)
})

test('byte chunks: the memory serves again, and is no more than once', () => {
  const chunks = new ByteChunks()
  const texts = Array.from({ length: 1_000 }, (_, index) => `value ${index}`.repeat(50))
  filled(chunks, texts)
  const { sizeBytes } = chunks
  chunks.clear()
  const read = filled(chunks, texts.toReversed())
  assert.deepEqual(read(), texts.toReversed())
  assert.ok(chunks.sizeBytes < 1.2 * sizeBytes, `${chunks.sizeBytes} after ${sizeBytes} bytes`)
})

test('byte chunks: a lone surrogate is U+FFFD, as in the bytes of a text elsewhere', () => {
  const chunks = new ByteChunks()
  assert.deepEqual(filled(chunks, ['a\ud800b'])(), ['a\ufffdb'])
})

test('byte chunks: few bytes take little memory', () => {
  const chunks = new ByteChunks()
  chunks.putText('a')
  assert.ok(chunks.sizeBytes <= 4 * kib)
})
