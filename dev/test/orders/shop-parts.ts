/** How a service of the shop runs: in this process, or in one of its own that can be killed. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { catalogService } from '@millrace/catalog'
import { silentLogger, systemClock, type Clock } from '@millrace/core'
import { orderSagaService } from '@millrace/order-saga'
import { ordersService } from '@millrace/orders'
import { paymentsService } from '@millrace/payments'
import { startService, type StartServiceOptions } from '@millrace/runtime'
import { stockService } from '@millrace/stock'
import { freePorts } from '@millrace/testkit'
import { usersService } from '@millrace/users'
import { lastLogLines, startChild, type ChildInstance } from '../../src/child-process.ts'

/** In the order in which they start. */
const starters = {
  users: (options: Start) => startService(usersService, options),
  catalog: (options: Start) => startService(catalogService, options),
  payments: (options: Start) => startService(paymentsService, options),
  stock: (options: Start) => startService(stockService, options),
  orders: (options: Start) => startService(ordersService, options),
  'order-saga': (options: Start) => startService(orderSagaService, options),
} as const

type Start = Pick<StartServiceOptions, 'env' | 'logger' | 'clock'>

export type ShopService = keyof typeof starters

export const shopServices = Object.keys(starters) as readonly ShopService[]

export interface ShopPart {
  readonly url: string
  /** Rejects when it will never be. */
  readonly ready: Promise<void>
  close(): Promise<void>
}

export type Launch = (name: ShopService, env: Readonly<Record<string, string>>) => Promise<ShopPart>

/** Services in this process, by its clock or a wrong one. */
export function inThisProcess(clock: Clock = systemClock): Launch {
  return (name, env) => starters[name]({ env, logger: silentLogger, clock })
}

const readyTimeoutMs = 300_000

/** Services as processes. One that is started again has the port and the name in its groups that it had. */
export class ShopProcesses implements AsyncDisposable {
  readonly #logs: string
  readonly #ports = new Map<string, number>()
  readonly #running = new Map<string, ChildInstance>()

  private constructor(logs: string) {
    this.#logs = logs
  }

  static async open(): Promise<ShopProcesses> {
    return new ShopProcesses(await mkdtemp(join(tmpdir(), 'millrace-test-shop-logs-')))
  }

  readonly launch: Launch = async (name, env) => {
    const place = placeOf(name, env)
    const port = this.#ports.get(place) ?? (await freePorts(1))[0] ?? 0
    this.#ports.set(place, port)
    const file = new URL(`../../../services/${name}/src/main.ts`, import.meta.url)
    const logFile = join(this.#logs, `${name}.log`)
    const settings = { HOST: '127.0.0.1', LOG_LEVEL: 'warn', ...groupName(name) }
    const child = startChild({ file, env: { ...env, ...settings, PORT: String(port) }, logFile })
    this.#running.set(place, child)
    const url = `http://127.0.0.1:${port}`
    return { url, ready: untilReady(name, url, child, logFile), close: () => child.stop() }
  }

  /** SIGKILL; resolves when the process is gone. */
  async kill(name: ShopService, env: Readonly<Record<string, string>>): Promise<void> {
    const child = this.#running.get(placeOf(name, env))
    if (!child?.process.kill('SIGKILL')) throw new Error(`${name} did not run when it was killed`)
    await child.exited
  }

  /** Those that have ended and were not started again. */
  ended(): readonly string[] {
    return [...this.#running].flatMap(
      ([
        place,
        {
          process: { exitCode, signalCode },
        },
      ]) => (exitCode === null && signalCode === null ? [] : [place.trim()]),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#running.values()) await child.stop()
    await rm(this.#logs, { recursive: true, force: true })
  }
}

/** Two instances of the saga are told apart by where their state is. */
function placeOf(name: ShopService, { STREAM_STATE_DIR = '' }: Readonly<Record<string, string>>) {
  return `${name} ${STREAM_STATE_DIR}`
}

/** Static members: a process that was killed has its partitions back at once. */
function groupName(name: ShopService): Readonly<Record<string, string>> {
  const isNamed = name === 'payments' || name === 'stock' || name === 'orders'
  return isNamed ? { INSTANCE_ID: `${name}-1` } : {}
}

async function untilReady(
  name: ShopService,
  url: string,
  child: ChildInstance,
  logFile: string,
): Promise<void> {
  let hasEnded = false
  void child.exited.then(() => (hasEnded = true))
  const deadlineMs = systemClock.monotonicMs() + readyTimeoutMs
  while (!(await isOk(`${url}/health/ready`))) {
    const isOver = systemClock.monotonicMs() > deadlineMs
    if (hasEnded || isOver)
      throw new Error(
        `${name} ${hasEnded ? 'ended' : `was not ready in ${readyTimeoutMs} ms`}. It said:\n${lastLogLines(logFile, 20).join('\n')}`,
      )
    await systemClock.sleep(50)
  }
}

async function isOk(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(10_000) })
    await response.body?.cancel()
    return response.ok
  } catch {
    return false
  }
}
