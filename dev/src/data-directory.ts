import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { toError } from '@millrace/core'
import { DevError } from './errors.ts'

/** Raised when what lies in the directory can no longer be read by this version. */
const dataFormat = 1

/** What other commands (import, tests) need to know of a running platform. */
export interface RunningState {
  readonly pid: number
  readonly gatewayUrl: string
  readonly kafkaBrokers: string
  /** Addresses of the services behind the gateway. */
  readonly services: Readonly<Record<string, string>>
  /** Processes by part: Postgres, broker, host or the services. */
  readonly pids: Readonly<Record<string, number>>
  /** Database of each service, password included: the file is readable by its owner only. */
  readonly databaseUrls: Readonly<Record<string, string>>
}

/** The folder that holds all data of one `npm start`, by default `.millrace`. One supervisor at a time. */
export class DataDirectory {
  readonly path: string
  readonly isNew: boolean

  private constructor(path: string, isNew: boolean) {
    this.path = path
    this.isNew = isNew
  }

  /**
   * Takes the folder for this process, made new or emptied when asked.
   * @throws DevError `MR_DEV_ALREADY_RUNNING`, `MR_DEV_DATA_FORMAT`, `MR_DEV_BAD_OPTION`
   */
  static async open(path: string, options: { readonly isFresh: boolean }): Promise<DataDirectory> {
    await makeFolder(path).catch((error: unknown) => {
      throw new DevError(
        'MR_DEV_BAD_OPTION',
        `Cannot make the data folder ${path}: ${toError(error).message}. Name another with --data.`,
        { path },
      )
    })
    takeLock(join(path, 'supervisor.pid'), path)
    if (options.isFresh) await removeData(path)
    const formatFile = join(path, 'format')
    const found = await readFile(formatFile, 'utf8').catch(() => undefined)
    if (found !== undefined && Number(found) !== dataFormat) {
      rmSync(join(path, 'supervisor.pid'), { force: true })
      throw new DevError(
        'MR_DEV_DATA_FORMAT',
        `The data in ${path} has format ${found.trim()}, this version reads format ${dataFormat}. Start with --fresh to begin anew (the old data is removed), or name another folder with --data.`,
        { path, found: found.trim() },
      )
    }
    if (found === undefined) await writeFile(formatFile, `${dataFormat}\n`)
    await mkdir(join(path, 'logs'), { recursive: true })
    return new DataDirectory(path, found === undefined)
  }

  file(name: string): string {
    return join(this.path, name)
  }

  /** The secret of the import route: made once, readable by the owner only. */
  async importToken(): Promise<string> {
    const file = this.file('import-token')
    const known = await readFile(file, 'utf8').catch(() => undefined)
    if (known) return known.trim()
    const token = randomBytes(24).toString('base64url')
    await writeFile(file, `${token}\n`, { mode: 0o600 })
    return token
  }

  async has(name: string): Promise<boolean> {
    return stat(this.file(name)).then(
      () => true,
      () => false,
    )
  }

  /** Written whole or not at all: readers poll these files. */
  async writeJson(name: string, value: unknown): Promise<void> {
    const temporary = this.file(`${name}.${process.pid}.tmp`)
    await writeFile(temporary, JSON.stringify(value, undefined, 2), { mode: 0o600 })
    await rename(temporary, this.file(name))
  }

  async release(): Promise<void> {
    await rm(this.file('running.json'), { force: true })
    await rm(this.file('supervisor.pid'), { force: true })
  }
}

/** Parents first. Node's own recursive mkdir never returns where a parent exists and still refuses, as in /proc. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return
    if (code !== 'ENOENT' || existsSync(dirname(path))) throw error
    await makeFolder(dirname(path))
    await mkdir(path)
  }
}

function takeLock(file: string, path: string): void {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const handle = openSync(file, 'wx')
      writeSync(handle, String(process.pid))
      closeSync(handle)
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
        throw new DevError(
          'MR_DEV_BAD_OPTION',
          `Cannot write into the data folder ${path}: ${(error as Error).message}.`,
          { path },
        )
      }
    }
    const holder = Number(readFileSync(file, 'utf8'))
    if (holder !== process.pid && isSupervisor(holder)) {
      throw new DevError(
        'MR_DEV_ALREADY_RUNNING',
        `Millrace already runs on ${path} (pid ${holder}). Stop it with Ctrl C there, or start a second one with --data OTHER_FOLDER.`,
        { path, pid: holder },
      )
    }
    rmSync(file, { force: true })
  }
  throw new DevError(
    'MR_DEV_ALREADY_RUNNING',
    `Another start took ${path} at this very moment. Try again.`,
    { path },
  )
}

/** True when `pid` lives and, where the system tells, is a supervisor of ours and not a process that got the number since. */
function isSupervisor(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('dev/')
  } catch {
    return true
  }
}

/** Everything but the lock. Names are listed, so that a wrong --data never empties a foreign folder. */
async function removeData(path: string): Promise<void> {
  const ours = [
    'postgres',
    'broker',
    'logs',
    'import',
    'format',
    'import-token',
    'running.json',
    'sample-data.json',
    'start-status.json',
  ]
  for (const name of ours) await rm(join(path, name), { recursive: true, force: true })
}
