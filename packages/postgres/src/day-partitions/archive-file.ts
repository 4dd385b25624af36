import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { finished, pipeline } from 'node:stream/promises'
import { Transform, type Writable } from 'node:stream'
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib'
import { MillraceError } from '@millrace/core'
import { PostgresError } from '../errors.ts'

/** What a file holds: rows of COPY's text format, zstd-compressed. */
export interface ArchiveContent {
  readonly rowCount: bigint
  /** Of the file's bytes, hexadecimal. */
  readonly sha256: string
  readonly sizeBytes: number
}

const newline = 0x0a

/** Counts and hashes what passes. */
class Tally {
  readonly #hash = createHash('sha256')
  sizeBytes = 0
  lines = 0n

  readonly add = (chunk: Buffer, countsLines = false): void => {
    this.#hash.update(chunk)
    this.sizeBytes += chunk.length
    if (!countsLines) return
    for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, at + 1)) this.lines++
  }

  /** Ends the tally. */
  digest(): string {
    return this.#hash.digest('hex')
  }
}

function tap(tally: Tally, countsLines = false): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      tally.add(chunk, countsLines)
      done(null, chunk)
    },
  })
}

/**
 * Writes `path` from what `fill` gives, by way of `<path>.partial`: the file is either whole and on the disk, or not there. Then reads it
 * back and compares it with what was given, so a disk that lies is found out while the rows are still in the database.
 * @param fill gives chunks to `write` and answers the number of rows
 */
export async function writeArchive(
  path: string,
  fill: (write: (chunk: Buffer) => Promise<void> | undefined) => Promise<bigint>,
): Promise<ArchiveContent> {
  const given = new Tally()
  const partial = `${path}.partial`
  const compress = createZstdCompress({
    params: { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_checksumFlag]: 1 },
  })
  const written = pipeline(compress, createWriteStream(partial, { flush: true, mode: 0o600 }))
  // Heard below; a fault of it must not go unheard while `fill` is still busy.
  written.catch(() => {})
  const rowCount = await fill((chunk) => {
    given.add(chunk)
    // Destroyed by a fault of the file: `written` tells which.
    if (compress.destroyed) return written
    return compress.write(chunk) ? undefined : drained(compress)
  }).finally(() => compress.end())
  await written
  const content = await readBack(partial, given.digest(), rowCount)
  await rename(partial, path)
  await syncDirectory(dirname(path))
  return content
}

/** Waits until a stream takes more, or has ended. */
function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off('drain', done).off('close', done)
      resolve()
    }
    stream.on('drain', done).on('close', done)
  })
}

async function readBack(path: string, sha256: string, rowCount: bigint): Promise<ArchiveContent> {
  const stored = new Tally()
  const plain = new Tally()
  const sink = tap(plain, true).resume()
  await pipeline(createReadStream(path), tap(stored), createZstdDecompress(), sink)
  if (plain.digest() !== sha256 || plain.lines !== rowCount)
    throw new PostgresError(
      'MR_POSTGRES_ARCHIVE_CORRUPT',
      `The archive ${path} does not read back as it was written (${plain.lines} rows of ${rowCount}). The rows are still in the database; look at the disk.`,
      { path, rowCount, readRowCount: plain.lines },
    )
  return { rowCount, sha256: stored.digest(), sizeBytes: stored.sizeBytes }
}

/**
 * Compares the file with what is known of it.
 * @throws PostgresError `MR_POSTGRES_ARCHIVE_CORRUPT`, `MR_POSTGRES_ARCHIVE_MISSING`
 */
export async function checkArchive(path: string, known: ArchiveContent): Promise<void> {
  const stored = new Tally()
  const sink = tap(stored).resume()
  await pipeline(createReadStream(path), sink).catch((error: unknown) => {
    throw fileError(path, error)
  })
  const sha256 = stored.digest()
  if (sha256 === known.sha256) return
  throw new PostgresError(
    'MR_POSTGRES_ARCHIVE_CORRUPT',
    `The archive ${path} was changed or damaged: ${stored.sizeBytes} bytes with sha-256 ${sha256}, archived were ${known.sizeBytes} with ${known.sha256}. Nothing was restored; bring back a copy of the file.`,
    { path, sha256, knownSha256: known.sha256, sizeBytes: stored.sizeBytes },
  )
}

/** The rows of a file, decompressed. */
export async function* readArchive(path: string): AsyncGenerator<Buffer> {
  const file = createReadStream(path)
  const plain = createZstdDecompress()
  const piped = pipeline(file, plain)
  piped.catch(() => {})
  try {
    for await (const chunk of plain) yield chunk as Buffer
    await finished(file)
  } finally {
    file.destroy()
    plain.destroy()
  }
}

/** Writes a small file whole and durably. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const partial = `${path}.partial`
  const file = await open(partial, 'w', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(partial, path)
}

/** Removes a file and what stands beside it. */
export async function removeArchive(path: string): Promise<void> {
  for (const suffix of ['', '.partial', '.sha256', '.json'])
    await rm(`${path}${suffix}`, { force: true }).catch((error: unknown) => {
      throw fileError(path, error)
    })
}

/** A rename is on the disk once its directory is. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** A fault of the file system as ours. */
export function fileError(path: string, error: unknown): Error {
  if (error instanceof MillraceError) return error
  const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
  return new PostgresError(
    isMissing ? 'MR_POSTGRES_ARCHIVE_MISSING' : 'MR_POSTGRES_ARCHIVE_FAILED',
    isMissing
      ? `The archive ${path} is not there. Nothing was changed; bring the file back, or name the directory it was moved to.`
      : `The archive ${path} could not be read or written: ${(error as Error).message}. No row was dropped; it is tried again with the next run.`,
    { path },
    { cause: error },
  )
}
