import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** What a measured process says at its end. */
export interface Usage {
  readonly cpuSeconds: number
  readonly maxRssMb: number
}

/** A process under measurement: answers requests over its channel, reports its own use of the machine. */
export interface BenchChild {
  call<T>(command: string, argument?: unknown): Promise<T>
  /** CPU since the process began, and its highest memory. */
  usage(): Promise<Usage>
  /** What the child tells without being asked. */
  onEvent(handler: (event: unknown) => void): void
  stop(): Promise<void>
}

interface Request {
  readonly id: number
  readonly command: string
  readonly argument: unknown
}

type Reply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string }

/** So long a child may take to close; what it works with may be gone. */
const closeTimeoutMs = 10_000

/** Run from TypeScript a process would hold the type stripper as well, 27 MB that are not the system's. The first run fills it. */
const compiled = fileURLToPath(new URL('../../.cache/bench-compiled', import.meta.url))

/** Starts `file` as a process of its own; it calls `serveChild`. */
export function startChild(file: URL, env: Readonly<Record<string, string>>): BenchChild {
  const child = fork(fileURLToPath(file), {
    env: { NODE_COMPILE_CACHE: compiled, ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execPath: process.execPath,
  })
  const waiting = new Map<number, (reply: Reply) => void>()
  let nextId = 0
  let handleEvent: (event: unknown) => void = () => {}
  child.on('message', (message: Reply | { readonly event: unknown }) => {
    if ('event' in message) return handleEvent(message.event)
    waiting.get(message.id)?.(message)
    waiting.delete(message.id)
  })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  void exited.then(() => {
    for (const [id, settle] of waiting) settle({ id, error: `${file.pathname} ended` })
  })
  const call = <T>(command: string, argument?: unknown): Promise<T> =>
    new Promise((resolve, reject) => {
      const request: Request = { id: nextId++, command, argument }
      waiting.set(request.id, (reply) =>
        'error' in reply ? reject(new Error(reply.error)) : resolve(reply.value as T),
      )
      child.send(request)
    })
  return {
    call,
    usage: () => call<Usage>('usage'),
    onEvent: (handler) => {
      handleEvent = handler
    },
    stop: async () => {
      if (child.connected) child.disconnect()
      await exited
    },
  }
}

/** Tells the parent something it did not ask for. */
export function tellParent(event: unknown): void {
  process.send?.({ event })
}

/**
 * The child's side: one function per command. Ends when the parent goes.
 * @param close before the end: a member that does not leave its group keeps the next one waiting until its session is over
 */
export function serveChild(
  commands: Readonly<Record<string, (argument: never) => Promise<unknown>>>,
  close: () => Promise<void> = () => Promise.resolve(),
): void {
  const usage = (): Promise<Usage> => {
    const used = process.resourceUsage()
    return Promise.resolve({
      cpuSeconds: (used.userCPUTime + used.systemCPUTime) / 1e6,
      maxRssMb: used.maxRSS / 1024,
    })
  }
  const all: Readonly<Record<string, (argument: never) => Promise<unknown>>> = {
    ...commands,
    usage,
  }
  process.on('message', (request: Request) => {
    const run =
      all[request.command] ?? (() => Promise.reject(new Error(`no command ${request.command}`)))
    run(request.argument as never).then(
      (value) => process.send?.({ id: request.id, value } satisfies Reply),
      (error: unknown) =>
        process.send?.({
          id: request.id,
          error: (error as Error).stack ?? String(error),
        } satisfies Reply),
    )
  })
  process.on('disconnect', () => {
    setTimeout(() => process.exit(0), closeTimeoutMs).unref()
    void close().finally(() => process.exit(0))
  })
}
