import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createGunzip } from 'node:zlib'
import { createInterface } from 'node:readline'
import { PassThrough, pipeline } from 'node:stream'
import { toError } from '@millrace/core'
import { DevError } from '../errors.ts'

export interface FileLine {
  /** From 1, empty lines counted. */
  readonly lineNumber: number
  readonly text: string
}

/** Bytes of the file, as it lies on the disk. */
export async function fileSizeBytes(path: string): Promise<number> {
  try {
    const found = await stat(path)
    if (!found.isFile()) throw new Error('it is not a file')
    return found.size
  } catch (error) {
    throw new DevError(
      'MR_DEV_IMPORT_FAILED',
      `Cannot read ${path}: ${(error as Error).message}. Name a .jsonl or .jsonl.gz file.`,
      { path },
      { cause: error },
    )
  }
}

/**
 * The non-empty lines of a .jsonl or .jsonl.gz file, read as a stream.
 * @param onBytes told the bytes of the file on disk that were read so far
 * @throws DevError `MR_DEV_IMPORT_FAILED` for a broken archive or a read error
 */
export async function* readLines(
  path: string,
  onBytes: (bytesRead: number) => void,
): AsyncGenerator<FileLine> {
  const file = createReadStream(path)
  file.on('data', () => onBytes(file.bytesRead))
  const text = new PassThrough()
  // An error of any stage destroys the last one, and so reaches the loop below.
  const stages = path.endsWith('.gz') ? [file, createGunzip(), text] : [file, text]
  pipeline(stages, () => {})
  let lineNumber = 0
  try {
    for await (const line of createInterface({ input: text, crlfDelay: Infinity })) {
      lineNumber++
      if (line.trim() !== '') yield { lineNumber, text: line }
    }
  } catch (error) {
    throw new DevError(
      'MR_DEV_IMPORT_FAILED',
      `${path} broke off after line ${lineNumber}: ${toError(error).message}. What came before is imported; mend the file and run the same command again.`,
      { path, lineNumber },
      { cause: error },
    )
  }
}
