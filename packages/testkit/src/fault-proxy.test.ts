import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { after, before, beforeEach, afterEach, describe, test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import { startFaultProxy, type FaultProxy } from './fault-proxy.ts'

/** A request frame: size, API key, and a body that the echo gives back. */
function frame(apiKey: number, body: string): Buffer {
  const bytes = Buffer.from(body)
  const head = Buffer.alloc(6)
  head.writeInt32BE(2 + bytes.length, 0)
  head.writeInt16BE(apiKey, 4)
  return Buffer.concat([head, bytes])
}

describe('fault proxy', () => {
  let echo: Server
  let arrived: Buffer
  let proxy: FaultProxy
  let socket: Socket
  let received: Buffer
  before(async () => {
    echo = createServer((peer) => {
      peer.on('error', () => {})
      peer.on('data', (chunk) => {
        arrived = Buffer.concat([arrived, chunk])
        peer.write(chunk)
      })
    })
    echo.listen(0, '127.0.0.1')
    await once(echo, 'listening')
  })
  after(() => echo.close())
  beforeEach(async () => {
    arrived = Buffer.alloc(0)
    received = Buffer.alloc(0)
    proxy = await startFaultProxy((echo.address() as AddressInfo).port)
    socket = connect({ host: proxy.host, port: proxy.port })
    socket.on('error', () => {})
    socket.on('data', (chunk) => (received = Buffer.concat([received, chunk])))
    await once(socket, 'connect')
  })
  afterEach(async () => {
    socket.destroy()
    await proxy.close()
  })
  const got = (text: string): Promise<unknown> =>
    eventually(`received ${text}`, () => received.toString() === text, { everyMs: 5 })

  test('passes bytes both ways, unchanged', async () => {
    const bytes = Buffer.alloc(300_000, 'xy')
    socket.write(bytes)
    await eventually('all came back', () => received.length === bytes.length)
    assert.deepEqual(received, bytes)
  })

  test('holds back while paused and delivers in order afterwards', async () => {
    proxy.setFlow('pause', 'toClient')
    socket.write('a')
    await eventually('reached the broker', () => arrived.toString() === 'a')
    socket.write('b')
    await eventually('reached the broker', () => arrived.toString() === 'ab')
    assert.equal(received.length, 0)
    proxy.heal()
    await got('ab')
  })

  test('a black hole swallows and leaves the connection open', async () => {
    proxy.setFlow('blackhole', 'toClient')
    socket.write('lost')
    await eventually('swallowed', () => proxy.swallowedBytes === 4)
    proxy.heal()
    socket.write('kept')
    await got('kept')
    assert.equal(socket.destroyed, false)
  })

  test('delays every piece', async () => {
    proxy.setDelay(40)
    const startMs = performance.now()
    socket.write('slow')
    await got('slow')
    assert.ok(performance.now() - startMs >= 70)
  })

  test('cuts and refuses until healed', async () => {
    proxy.refuse()
    await eventually('cut', () => socket.destroyed)
    const second = connect({ host: proxy.host, port: proxy.port })
    second.on('error', () => {})
    await eventually('refused', () => second.destroyed)
    proxy.heal()
    const third = connect({ host: proxy.host, port: proxy.port })
    await once(third, 'connect')
    third.destroy()
  })

  test('cuts in place of the answer to a request of one kind, after the broker has had it', async () => {
    proxy.cutAnswersTo(0, 1)
    const other = frame(3, 'other')
    socket.write(other)
    await got(other.toString())
    const wanted = frame(0, 'produce')
    for (const byte of wanted) socket.write(Buffer.from([byte])) // Frames need not come in one piece.
    await eventually('cut', () => socket.destroyed)
    assert.equal(proxy.cutAnswerCount, 1)
    assert.ok(received.length < other.length + wanted.length)
  })
})
