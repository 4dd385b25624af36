import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { uuidv7 } from '@millrace/core'
import { BrokerError } from './errors.ts'

interface Holder {
  readonly pid: number
  /** When that process began, in the kernel's count; null where the system does not tell. Guards against a pid that was given anew. */
  readonly startedTicks: string | null
  readonly token: string
}

/** Longest series of takeovers that raced with others. */
const MAX_ATTEMPTS = 10

/**
 * Keeps a second broker off a data directory: a file with the owner's process id. The lock of a process that is gone (kill -9) is
 * taken over.
 * @returns a function that gives the lock back
 * @throws BrokerError `MR_BROKER_DIRECTORY_LOCKED`
 */
export function lockDirectory(directory: string): () => void {
  mkdirSync(directory, { recursive: true })
  const path = join(directory, 'broker.lock')
  const own: Holder = { pid: process.pid, startedTicks: startOf(process.pid), token: uuidv7() }
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    if (create(path, JSON.stringify(own))) return () => release(path, own)
    const text = read(path)
    if (text === undefined) continue
    const holder = parse(text)
    if (holder !== undefined && isAlive(holder)) throw locked(directory, holder)
    takeAway(path, text)
  }
  throw locked(directory, undefined)
}

function create(path: string, text: string): boolean {
  // Written aside and linked, so that nobody ever reads half a lock.
  const temporary = `${path}.${process.pid}.${uuidv7()}`
  writeFileSync(temporary, text)
  try {
    linkSync(temporary, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(temporary, { force: true })
  }
}

/** Moves the stale lock aside. If somebody else took it over meanwhile, what was moved is theirs, and is put back. */
function takeAway(path: string, staleText: string): void {
  const aside = `${path}.stale.${uuidv7()}`
  try {
    renameSync(path, aside)
    if (readFileSync(aside, 'utf8') !== staleText) linkSync(aside, path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'EEXIST') throw error
  } finally {
    rmSync(aside, { force: true })
  }
}

function release(path: string, own: Holder): void {
  const text = read(path)
  if (text !== undefined && parse(text)?.token === own.token) rmSync(path, { force: true })
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function parse(text: string): Holder | undefined {
  try {
    return JSON.parse(text) as Holder
  } catch {
    // Not a lock of ours, or cut off by a power failure: nobody holds it.
    return undefined
  }
}

function isAlive({ pid, startedTicks }: Holder): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it lives, under another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  return startedTicks === null || startOf(pid) === startedTicks
}

/** Field 22 of Linux' /proc/<pid>/stat; a zombie, which is dead but not yet reaped by its parent, counts as gone. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? 'gone' : (fields[19] ?? null)
  } catch {
    return null
  }
}

function locked(directory: string, holder: Holder | undefined): BrokerError {
  return new BrokerError(
    'MR_BROKER_DIRECTORY_LOCKED',
    `The data directory "${directory}" is in use by process ${holder?.pid ?? 'unknown'}. Nothing was changed; stop that broker, or use another directory.`,
    { directory, pid: holder?.pid },
  )
}
