/** A service under measurement as a process of its own, and the kernel's account of it. */
import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '@millrace/core'
import { exitOf, freePorts, isRunning } from '@millrace/testkit'
import { processUsage, type ProcessUsage } from '../kafka/measured-process.ts'

export interface ServiceStart {
  readonly name: string
  /** Its `main.ts`. */
  readonly file: URL
  readonly env: Readonly<Record<string, string>>
  /** For its log; compiled code is beside it, and all processes of a run share it. */
  readonly folder: string
}

const readyTimeoutMs = 120_000
const stopTimeoutMs = 20_000
const logTail = 4_000

export class ServiceProcess implements AsyncDisposable {
  readonly name: string
  readonly url: string
  readonly #child: ChildProcess
  readonly #logFile: string

  private constructor(name: string, url: string, child: ChildProcess, logFile: string) {
    this.name = name
    this.url = url
    this.#child = child
    this.#logFile = logFile
  }

  /** Resolves when it says that it is ready. @throws Error with the end of its log when it ends before, or is not within 120 s */
  static async start({ name, file, env, folder }: ServiceStart): Promise<ServiceProcess> {
    const [port = 0] = await freePorts(1)
    const logFile = join(folder, `${name}.log`)
    const log = openSync(logFile, 'a')
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', fileURLToPath(file)],
      {
        env: {
          ...process.env,
          NODE_COMPILE_CACHE: join(folder, '..', 'compiled'),
          LOG_LEVEL: 'error',
          ...env,
          HOST: '127.0.0.1',
          PORT: String(port),
          // It ends with this process, however that ends.
          MILLRACE_PARENT_PIPE: '1',
        },
        stdio: ['pipe', log, log],
      },
    )
    closeSync(log)
    child.stdin?.on('error', () => {}) // It has died, which the next look notices.
    const service = new ServiceProcess(name, `http://127.0.0.1:${port}`, child, logFile)
    try {
      await service.#untilReady()
      return service
    } catch (error) {
      await service[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Undefined where there is no /proc. */
  usage(): ProcessUsage | undefined {
    return processUsage(this.#child.pid ?? 0)
  }

  /** In order, or after 20 s by force. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!isRunning(this.#child)) return
    this.#child.kill('SIGTERM')
    await exitOf(this.#child, stopTimeoutMs).catch(() => this.#child.kill('SIGKILL'))
  }

  async #untilReady(): Promise<void> {
    const deadlineMs = performance.now() + readyTimeoutMs
    while (!(await isOk(`${this.url}/health/ready`))) {
      const isOver = performance.now() > deadlineMs
      if (isOver || !isRunning(this.#child))
        throw new Error(
          `${this.name} ${isOver ? `was not ready in ${readyTimeoutMs} ms` : 'ended'}. It said:\n${readFileSync(this.#logFile, 'utf8').slice(-logTail)}`,
        )
      await systemClock.sleep(50)
    }
  }
}

/** CPU of a process and its children: Postgres has one for each connection. @returns seconds; undefined where there is no /proc */
export function cpuOfTree(pid: number): number | undefined {
  const own = processUsage(pid)
  if (!own) return undefined
  return childrenOf(pid).reduce((sum, child) => sum + (cpuOfTree(child) ?? 0), own.cpuSeconds)
}

function childrenOf(pid: number): readonly number[] {
  try {
    const list = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    return list.split(' ').filter(Boolean).map(Number)
  } catch {
    return [] // It has ended.
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
