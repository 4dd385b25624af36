import { createServer } from 'node:net'
import { readdir, readFile, readlink } from 'node:fs/promises'

const lastPort = 65_535

export interface PickedPort {
  readonly port: number
  /** Set when the wanted port was taken: who holds it, as far as can be told. */
  readonly takenBy?: string
}

/**
 * The wanted port, or the next free one above it.
 * @param reserved ports promised to other parts that do not listen yet
 */
export async function pickPort(wanted: number, reserved: ReadonlySet<number>): Promise<PickedPort> {
  if (wanted === 0) return { port: await anyFreePort() }
  for (let port = wanted; port <= lastPort; port++) {
    if (reserved.has(port) || !(await isFree(port))) continue
    if (port === wanted) return { port }
    return { port, takenBy: reserved.has(wanted) ? 'another part' : await holderOf(wanted) }
  }
  return { port: await anyFreePort(), takenBy: await holderOf(wanted) }
}

/** True when a server could listen there now, on loopback and on all addresses alike. */
async function isFree(port: number): Promise<boolean> {
  return (await canListen(port, '127.0.0.1')) && (await canListen(port, '0.0.0.0'))
}

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)))
  })
}

function anyFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ port: 0, host: '127.0.0.1' }, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

/** Names the process that listens on `port`; only Linux tells, and only about one's own processes. */
async function holderOf(port: number): Promise<string> {
  try {
    const inode = await listeningInode(port)
    if (inode !== undefined) {
      for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
        if (await hasSocket(pid, inode)) {
          return `${(await readFile(`/proc/${pid}/comm`, 'utf8')).trim()} (pid ${pid})`
        }
      }
    }
  } catch {
    // Not Linux, or the process is gone: the port is taken all the same.
  }
  return 'another program'
}

async function listeningInode(port: number): Promise<string | undefined> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const lines = (await readFile(file, 'utf8')).split('\n').slice(1)
    for (const line of lines) {
      const columns = line.trim().split(/\s+/)
      // Column 3 is the state; 0A is LISTEN.
      if (columns[1]?.endsWith(suffix) && columns[3] === '0A') return columns[9]
    }
  }
  return undefined
}

async function hasSocket(pid: string, inode: string): Promise<boolean> {
  try {
    for (const fd of await readdir(`/proc/${pid}/fd`)) {
      const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')
      if (target === `socket:[${inode}]`) return true
    }
  } catch {
    // A process of someone else, or one that just ended.
  }
  return false
}
