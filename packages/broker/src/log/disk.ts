import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'

/**
 * The disk as the broker needs it, small enough to be played by memory that forgets what was not synced.
 * Reads and writes are synchronous: they go to the page cache in microseconds, the broker has a thread of its own, and an
 * append that cannot be interrupted needs no lock. Only `sync` waits for the device, so it is a promise.
 */
export interface Disk {
  /** Opens for reading and writing; creates the file when missing. */
  open(path: string): DiskFile
  /** Names in the directory, in no order; none when it does not exist. */
  list(path: string): readonly string[]
  makeDirectory(path: string): void
  /** The file's bytes, or undefined when there is none. */
  readFile(path: string): Buffer | undefined
  /**
   * The file is either as before or whole: temporary file, rename. With `durable` this holds after a power cut too (sync before
   * and after the rename); without, a power cut may leave it empty.
   */
  replaceFile(path: string, bytes: Uint8Array, durable: boolean): void
  rename(from: string, to: string): void
  /** A file, or a directory with all that is in it. Nothing happens when it is missing. */
  remove(path: string): void
  /** Makes creations, renames and removals in the directory survive a power cut. */
  syncDirectory(path: string): void
}

export interface DiskFile {
  readonly size: number
  /** Last write, ms since the epoch. */
  readonly modifiedMs: number
  /** Fills `target` from `position` on; returns the bytes read, fewer only at the end of the file. */
  read(target: Buffer, position: number): number
  /** Writes all of `bytes`, or throws. */
  write(bytes: Uint8Array, position: number): void
  truncate(size: number): void
  /** Resolves when all that was written before is on the device (fdatasync). */
  sync(): Promise<void>
  syncNow(): void
  close(): void
}

/** The machine's disk. */
export const systemDisk: Disk = {
  open: (path) => new SystemFile(openForReadAndWrite(path)),
  list: (path) => withoutMissing(() => readdirSync(path)) ?? [],
  makeDirectory: (path) => void mkdirSync(path, { recursive: true }),
  readFile: (path) => withoutMissing(() => readFileSync(path)),
  replaceFile: replaceFileOnSystem,
  rename: renameSync,
  remove: (path) => rmSync(path, { recursive: true, force: true, maxRetries: 3 }),
  syncDirectory: syncDirectoryOnSystem,
}

class SystemFile implements DiskFile {
  readonly #descriptor: number

  constructor(descriptor: number) {
    this.#descriptor = descriptor
  }

  get size(): number {
    return fstatSync(this.#descriptor).size
  }

  get modifiedMs(): number {
    return fstatSync(this.#descriptor).mtimeMs
  }

  read(target: Buffer, position: number): number {
    let done = 0
    while (done < target.length) {
      const count = readSync(this.#descriptor, target, done, target.length - done, position + done)
      if (count === 0) break
      done += count
    }
    return done
  }

  write(bytes: Uint8Array, position: number): void {
    let done = 0
    while (done < bytes.length)
      done += writeSync(this.#descriptor, bytes, done, bytes.length - done, position + done)
  }

  truncate(size: number): void {
    ftruncateSync(this.#descriptor, size)
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.#descriptor, (error) => (error ? reject(error) : resolve()))
    })
  }

  syncNow(): void {
    fdatasyncSync(this.#descriptor)
  }

  close(): void {
    closeSync(this.#descriptor)
  }
}

/** Records, and keys of SCRAM users, are nobody else's to read. */
const ownerOnly = 0o600

function openForReadAndWrite(path: string): number {
  try {
    return openSync(path, 'r+')
  } catch (error) {
    if (!isMissing(error)) throw error
    return openSync(path, 'w+', ownerOnly)
  }
}

function replaceFileOnSystem(path: string, bytes: Uint8Array, durable: boolean): void {
  const temporary = `${path}.tmp`
  const descriptor = openSync(temporary, 'w', ownerOnly)
  try {
    let done = 0
    while (done < bytes.length) done += writeSync(descriptor, bytes, done)
    if (durable) fdatasyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  renameSync(temporary, path)
  if (durable) syncDirectoryOnSystem(dirname(path))
}

function syncDirectoryOnSystem(path: string): void {
  // Windows cannot open a directory, and its renames are journalled.
  if (process.platform === 'win32' || !statSync(path).isDirectory()) return
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function withoutMissing<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}
