import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { AnswerMemory } from './answer-memory.ts'
import { KafkaError } from './errors.ts'
import { FrameReader, maxFrameBytes } from './frame-reader.ts'

function framed(body: Uint8Array): Buffer {
  const bytes = Buffer.alloc(4 + body.length)
  bytes.writeInt32BE(body.length)
  bytes.set(body, 4)
  return bytes
}

/** Reads `bytes` in pieces of these sizes, over and over, as a socket would: never more than there is room for. */
function read(bytes: Buffer, pieces: readonly number[]): { frames: Buffer[]; reader: FrameReader } {
  const frames: Buffer[] = []
  const reader = new FrameReader((frame) => frames.push(frame), new AnswerMemory(1_048_576))
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const { room } = reader
    assert.ok(room.length > 0)
    const count = Math.min(pieces[turn % pieces.length] as number, room.length, bytes.length - at)
    bytes.copy(room, 0, at, at + count)
    at += count
    reader.filled(count)
  }
  return { frames, reader }
}

test('frame reader: whatever the pieces, the frames come out whole, in order, each in memory of its own', () => {
  const body = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 40 }),
    fc.uint8Array({ minLength: 4_000, maxLength: 40_000 }),
  )
  fc.assert(
    fc.property(
      fc.array(body, { minLength: 1, maxLength: 12 }),
      fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 50_000 })), {
        minLength: 1,
        maxLength: 6,
      }),
      (bodies, pieces) => {
        const { frames, reader } = read(Buffer.concat(bodies.map(framed)), pieces)
        assert.equal(frames.length, bodies.length)
        for (const [index, frame] of frames.entries())
          assert.ok(frame.equals(bodies[index] as Uint8Array), `frame ${index}`)
        assert.ok(reader.isBetweenFrames)
      },
    ),
  )
})

test('frame reader: cut at every byte, two frames are the same two frames', () => {
  const bodies = [Buffer.from('first answer'), Buffer.alloc(300, 7)]
  const bytes = Buffer.concat(bodies.map(framed))
  for (let cut = 1; cut < bytes.length; cut++)
    assert.deepEqual(read(bytes, [cut, bytes.length]).frames, bodies, `cut at ${cut}`)
})

test('frame reader: what is behind the first piece of a large frame is read straight into it', () => {
  const frames: Buffer[] = []
  const reader = new FrameReader((frame) => frames.push(frame), new AnswerMemory(1_048_576))
  const size = 1_000_000
  reader.room.writeInt32BE(size)
  reader.filled(4)
  const { room } = reader
  assert.equal(room.length, size)
  room.fill(5)
  reader.filled(size)
  assert.equal(frames[0]?.buffer, room.buffer)
})

test('frame reader: the end of a half frame is told from the end between frames', () => {
  const reader = new FrameReader(() => {}, new AnswerMemory(1_048_576))
  assert.ok(reader.isBetweenFrames)
  reader.room.set([0, 0])
  reader.filled(2)
  assert.ok(!reader.isBetweenFrames)
  reader.room.set([0, 8])
  reader.filled(2)
  assert.ok(!reader.isBetweenFrames)
  reader.filled(8)
  assert.ok(reader.isBetweenFrames)
})

for (const size of [-1, 0, 3, -(2 ** 31), 2 ** 31 - 1, maxFrameBytes + 1, 0x48545450])
  test(`frame reader: a size of ${size} is refused before anything is allocated`, () => {
    const reader = new FrameReader(() => assert.fail('no frame'), new AnswerMemory(1_048_576))
    const beforeBytes = process.memoryUsage().arrayBuffers
    reader.room.writeInt32BE(size)
    assert.throws(
      () => reader.filled(4),
      (error) => error instanceof KafkaError && error.details['sizeBytes'] === size,
    )
    assert.ok(process.memoryUsage().arrayBuffers - beforeBytes < 1_000_000)
  })
