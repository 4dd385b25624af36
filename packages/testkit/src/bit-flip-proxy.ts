import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A proxy before one broker that flips one bit in the first fetch answer with a certain text. */
export interface BitFlipProxy extends AsyncDisposable {
  readonly address: string
  /** Bits flipped so far: 0 or 1. */
  readonly flippedBits: number
}

const fetchKey = 1
const sizeBytes = 4

/**
 * Clients stay on the proxy, for it puts its own port in the place of the broker's wherever an answer names the broker's address:
 * the bytes of "127.0.0.1" and the port behind them, in Metadata and FindCoordinator of any version.
 * @param text of a value that is not compressed; a bit in its middle is flipped, so that nothing but a checksum can tell
 */
export async function startBitFlipProxy(targetPort: number, text: string): Promise<BitFlipProxy> {
  const sockets = new Set<Socket>()
  const state = { flippedBits: 0 }
  const server = createServer((client) => {
    const broker = connect({ host: '127.0.0.1', port: targetPort, noDelay: true })
    const keys = new Map<number, number>()
    const { port } = server.address() as AddressInfo
    pipeFrames(client, broker, (frame) => {
      keys.set(frame.readInt32BE(sizeBytes + 4), frame.readInt16BE(sizeBytes))
    })
    pipeFrames(broker, client, (frame) => {
      const key = keys.get(frame.readInt32BE(sizeBytes))
      keys.delete(frame.readInt32BE(sizeBytes))
      if (key === fetchKey) state.flippedBits += state.flippedBits === 0 ? flipOne(frame, text) : 0
      else replaceAddress(frame, targetPort, port)
    })
    for (const [socket, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => {}) // The other end went away; 'close' follows.
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    get flippedBits() {
      return state.flippedBits
    },
    [Symbol.asyncDispose]: async () => {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
}

/** Hands whole frames to `look`, which may change their bytes, and sends them on. */
function pipeFrames(from: Socket, to: Socket, look: (frame: Buffer) => void): void {
  let held = Buffer.alloc(0)
  from.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk])
    while (held.length >= sizeBytes && held.length >= sizeBytes + held.readInt32BE(0)) {
      const end = sizeBytes + held.readInt32BE(0)
      const frame = held.subarray(0, end)
      held = held.subarray(end)
      look(frame)
      to.write(frame)
    }
  })
}

/** @returns how many bits it flipped */
function flipOne(frame: Buffer, text: string): number {
  const at = frame.indexOf(text)
  if (at < 0) return 0
  const middle = at + Math.floor(text.length / 2)
  frame.writeUInt8(frame.readUInt8(middle) ^ 1, middle)
  return 1
}

function replaceAddress(frame: Buffer, brokerPort: number, proxyPort: number): void {
  const host = Buffer.from('127.0.0.1')
  for (let at = frame.indexOf(host); at >= 0; at = frame.indexOf(host, at + 1)) {
    const portAt = at + host.length
    if (portAt + 4 <= frame.length && frame.readInt32BE(portAt) === brokerPort)
      frame.writeInt32BE(proxyPort, portAt)
  }
}
