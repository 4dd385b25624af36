import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'

/** A program that is given one job and prints one result; in whatever language. */
export interface Program {
  readonly command: string
  readonly args: readonly string[]
}

/** What a job gave, and what the whole process used for it, its start included. */
export interface Measured<T> {
  readonly result: T
  readonly usage: ProcessUsage | undefined
}

export interface ProcessUsage {
  readonly cpuSeconds: number
  readonly rssMb: number
  /** Highest so far. */
  readonly maxRssMb: number
}

const resultPrefix = '{"result":'
const errorLimit = 4_000
const exitPatienceMs = 5_000

/**
 * Runs `program` with `job` as its last argument, JSON. It prints `{"result":…}` on a line of its own and stays until its standard input
 * ends, so that its account can be read from /proc, the same way for every language.
 */
export async function runMeasured<T>(
  program: Program,
  job: object,
  timeoutMs: number,
): Promise<Measured<T>> {
  const child = spawn(program.command, [...program.args, JSON.stringify(job)], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const killAtExit = (): void => void child.kill('SIGKILL')
  process.once('exit', killAtExit)
  const timer = setTimeout(killAtExit, timeoutMs)
  const exited = once(child, 'exit')
  try {
    const line = await resultLine(child)
    const usage = processUsage(child.pid ?? 0)
    return { result: (JSON.parse(line) as { readonly result: T }).result, usage }
  } finally {
    clearTimeout(timer)
    child.stdin?.end()
    const patience = setTimeout(killAtExit, exitPatienceMs)
    await exited
    clearTimeout(patience)
    process.removeListener('exit', killAtExit)
  }
}

/** @throws Error with the end of what the program said, when it ends without a result */
async function resultLine(child: ChildProcess): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let rest = ''
  let said = ''
  const listen = (text: string): void => {
    said = (said + text).slice(-errorLimit)
  }
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    const result = lines.find((line) => line.startsWith(resultPrefix))
    if (result === undefined) listen(text)
    else resolve(result)
  })
  child.stderr?.setEncoding('utf8').on('data', listen)
  child.once('error', reject)
  child.once('close', (code, signal) =>
    reject(new Error(`${child.spawnargs.join(' ')} ended with ${code ?? signal}: ${said}`)),
  )
  return promise
}

const ticksPerSecond = 100

/** The kernel's own account of a process; undefined where there is no /proc. */
export function processUsage(pid: number): ProcessUsage | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold spaces; user and system time are fields 14 and 15, the first after it is 3.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return {
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
      rssMb: kilobytes(status, 'VmRSS') / 1024,
      maxRssMb: kilobytes(status, 'VmHWM') / 1024,
    }
  } catch {
    return undefined // Not Linux, or gone: its rows are left out.
  }
}

function kilobytes(status: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1])
}
