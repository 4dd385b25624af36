import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

const pollMs = 2

/**
 * How long until a broker on 127.0.0.1:`port` serves the topic: it answers Metadata with a leader for every partition, and ListOffsets for
 * each without an error. Raw requests, looked at every 2 ms, the same for every broker: no client's pause between attempts is measured.
 */
export async function waitUntilServed(
  port: number,
  topic: string,
  options: { readonly partitions: number; readonly timeoutMs: number },
): Promise<void> {
  const deadlineMs = performance.now() + options.timeoutMs
  for (;;) {
    if (await serves(port, topic, options.partitions)) return
    if (performance.now() > deadlineMs)
      throw new Error(
        `The broker on port ${port} did not serve ${topic} in ${options.timeoutMs} ms`,
      )
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}

/** How long until a broker answers at all (ApiVersions 0). */
export async function waitUntilAnswered(port: number, timeoutMs: number): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs
  const request = frame(18, 0, Buffer.alloc(0))
  while (!(await withSocket(port, async (socket) => (await ask(socket, request)).length > 0))) {
    if (performance.now() > deadlineMs)
      throw new Error(`No broker answered on port ${port} in ${timeoutMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}

async function serves(port: number, topic: string, partitions: number): Promise<boolean> {
  return withSocket(port, async (socket) => {
    const metadata = await ask(socket, frame(3, 1, Buffer.concat([int32(1), string(topic)])))
    if (leadersIn(metadata) !== partitions) return false
    const asked = Array.from({ length: partitions }, (_, index) =>
      Buffer.concat([int32(index), Buffer.alloc(8, 0xff)]),
    )
    const body = [int32(-1), int32(1), string(topic), int32(partitions), ...asked]
    const offsets = await ask(socket, frame(2, 1, Buffer.concat(body)))
    // After the topic's name and the count: partition, error code, timestamp, offset.
    const first = 4 + 2 + Buffer.byteLength(topic) + 4
    return asked.every((_, index) => offsets.readInt16BE(first + index * 22 + 4) === 0)
  })
}

/** Partitions with a leader in an answer to Metadata 1 about one topic. */
function leadersIn(answer: Buffer): number {
  let at = 4
  for (let left = answer.readInt32BE(0); left > 0; left--) {
    at += 4
    at += 2 + answer.readInt16BE(at)
    at += 4
    at += 2 + Math.max(0, answer.readInt16BE(at))
  }
  at += 4 + 4
  if (answer.readInt16BE(at) !== 0) return 0
  at += 2
  at += 2 + answer.readInt16BE(at) + 1
  let leaders = 0
  let left = answer.readInt32BE(at)
  at += 4
  for (; left > 0; left--) {
    if (answer.readInt16BE(at) === 0 && answer.readInt32BE(at + 6) >= 0) leaders++
    at += 10
    at += 4 + 4 * answer.readInt32BE(at)
    at += 4 + 4 * answer.readInt32BE(at)
  }
  return leaders
}

async function withSocket(
  port: number,
  work: (socket: Socket) => Promise<boolean>,
): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  try {
    await once(socket, 'connect')
    return await work(socket)
  } catch {
    return false // Not listening yet, or not yet able to answer: the caller asks again until its deadline.
  } finally {
    socket.destroy()
  }
}

/** Body of the answer, behind size and correlation id. */
async function ask(socket: Socket, request: Buffer): Promise<Buffer> {
  socket.write(request)
  let answer = Buffer.alloc(0)
  while (answer.length < 4 || answer.length < 4 + answer.readInt32BE(0)) {
    const [chunk] = (await once(socket, 'data', { signal: AbortSignal.timeout(2_000) })) as [Buffer]
    answer = Buffer.concat([answer, chunk])
  }
  return answer.subarray(8)
}

function frame(apiKey: number, version: number, body: Buffer): Buffer {
  const header = Buffer.alloc(14)
  header.writeInt32BE(10 + body.length, 0)
  header.writeInt16BE(apiKey, 4)
  header.writeInt16BE(version, 6)
  header.writeInt32BE(1, 8)
  header.writeInt16BE(-1, 12)
  return Buffer.concat([header, body])
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

function string(text: string): Buffer {
  const length = Buffer.alloc(2)
  length.writeInt16BE(Buffer.byteLength(text))
  return Buffer.concat([length, Buffer.from(text)])
}
