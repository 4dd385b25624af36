import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Ports on 127.0.0.1 that nobody listens on, below the range from which systems take the local ports of outgoing connections. One of those
 * could be given to a client before the broker takes it; and a client that tries to reach a killed broker there may connect to itself, after
 * which the broker cannot come back.
 */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>()
  for (let attempts = 0; ports.size < count && attempts < 1_000; attempts++) {
    const port = randomInt(20_000, 32_000)
    if (await canListen(port)) ports.add(port)
  }
  if (ports.size < count) throw new Error('No free port was found from 20000 to 31999.')
  return [...ports]
}

async function canListen(port: number): Promise<boolean> {
  const server = createServer()
  server.listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch {
    return false // Taken: `once` rejects with the error event.
  }
  server.close()
  await once(server, 'close')
  return true
}
