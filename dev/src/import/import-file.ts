import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileSizeBytes, readLines, type FileLine } from './line-reader.ts'

/** What became of a line. */
export interface LineResult {
  readonly id: string | null
  readonly result: 'created' | 'exists' | 'refused'
  readonly reason?: string
}

/** Where lines of a file go. */
export interface LineSender {
  /** One result per line, in order. Lines that were sent before come out as they are: any batch may come again. */
  send(lines: readonly unknown[]): Promise<readonly LineResult[]>
}

export interface ImportProgress {
  readonly lineNumber: number
  /** 0 to 1, by bytes of the file. */
  readonly fraction: number
  readonly created: number
  readonly exists: number
  readonly refused: number
}

export interface RefusedLine {
  readonly lineNumber: number
  readonly reason: string
}

export interface ImportResult extends ImportProgress {
  readonly refusedLines: readonly RefusedLine[]
  /** Lines skipped because an earlier run got that far. */
  readonly resumedAfterLine: number
}

export interface ImportOptions {
  readonly path: string
  readonly sender: LineSender
  /** Where the position of an interrupted run is kept; without it every run begins at the first line. */
  readonly positionFolder?: string
  /** Says what the file is imported as, where it can be imported in several ways: each has a position of its own. */
  readonly purpose?: string
  readonly onProgress?: (progress: ImportProgress) => void
  readonly batchLines?: number
}

/** Most refused lines whose reasons are kept; all are counted. */
const keptRefusals = 1_000

/**
 * Imports a file in order, batch by batch: a comment needs its thread to be there, a cancellation its order.
 * Interrupted runs go on after the last batch that was acknowledged; running a finished import again doubles nothing, because the routes
 * know each line by its id.
 */
export async function importFile(options: ImportOptions): Promise<ImportResult> {
  const run = new ImportRun(options, await fileSizeBytes(options.path))
  return run.all()
}

class ImportRun {
  readonly #options: ImportOptions
  readonly #sizeBytes: number
  #bytesRead = 0
  #lineNumber = 0
  #created = 0
  #exists = 0
  #refused = 0
  readonly #refusedLines: RefusedLine[] = []

  constructor(options: ImportOptions, sizeBytes: number) {
    this.#options = options
    this.#sizeBytes = sizeBytes
  }

  async all(): Promise<ImportResult> {
    const resumedAfterLine = await this.#readPosition()
    this.#lineNumber = resumedAfterLine
    let batch: FileLine[] = []
    for await (const line of readLines(this.#options.path, (bytes) => (this.#bytesRead = bytes))) {
      if (line.lineNumber <= resumedAfterLine) continue
      batch.push(line)
      if (batch.length < (this.#options.batchLines ?? 250)) continue
      await this.#send(batch)
      batch = []
    }
    if (batch.length > 0) await this.#send(batch)
    await this.#forgetPosition()
    return { ...this.#progress(), fraction: 1, refusedLines: this.#refusedLines, resumedAfterLine }
  }

  async #send(batch: readonly FileLine[]): Promise<void> {
    const parsed: { readonly lineNumber: number; readonly value: unknown }[] = []
    for (const line of batch) {
      try {
        parsed.push({ lineNumber: line.lineNumber, value: JSON.parse(line.text) as unknown })
      } catch (error) {
        this.#count(
          { id: null, result: 'refused', reason: `not JSON: ${(error as Error).message}` },
          line.lineNumber,
        )
      }
    }
    if (parsed.length > 0) {
      const results = await this.#options.sender.send(parsed.map((line) => line.value))
      results.forEach((result, index) => this.#count(result, parsed[index]?.lineNumber ?? 0))
    }
    this.#lineNumber = batch.at(-1)?.lineNumber ?? this.#lineNumber
    await this.#writePosition()
    this.#options.onProgress?.(this.#progress())
  }

  #count(result: LineResult, lineNumber: number): void {
    if (result.result === 'created') this.#created++
    else if (result.result === 'exists') this.#exists++
    else {
      this.#refused++
      if (this.#refusedLines.length < keptRefusals)
        this.#refusedLines.push({ lineNumber, reason: result.reason ?? 'no reason given' })
    }
  }

  #progress(): ImportProgress {
    return {
      lineNumber: this.#lineNumber,
      fraction: this.#sizeBytes === 0 ? 1 : Math.min(1, this.#bytesRead / this.#sizeBytes),
      created: this.#created,
      exists: this.#exists,
      refused: this.#refused,
    }
  }

  /** The position belongs to this content: another file of the same name begins at its first line. */
  async #positionFile(): Promise<string | undefined> {
    const folder = this.#options.positionFolder
    if (folder === undefined) return undefined
    const digest = createHash('sha256')
      .update(await readFile(this.#options.path))
      .digest('hex')
      .slice(0, 16)
    const { purpose } = this.#options
    const suffix = purpose === undefined ? '' : `.${purpose}`
    return join(folder, `${basename(this.#options.path)}.${digest}${suffix}.position`)
  }

  async #readPosition(): Promise<number> {
    const file = await this.#positionFile()
    if (file === undefined) return 0
    const text = await readFile(file, 'utf8').catch(() => '0')
    return Number.parseInt(text, 10) || 0
  }

  async #writePosition(): Promise<void> {
    const file = await this.#positionFile()
    if (file === undefined) return
    await mkdir(this.#options.positionFolder ?? '', { recursive: true })
    await writeFile(`${file}.tmp`, `${this.#lineNumber}\n`)
    await rename(`${file}.tmp`, file)
  }

  async #forgetPosition(): Promise<void> {
    const file = await this.#positionFile()
    if (file !== undefined) await rm(file, { force: true })
  }
}
