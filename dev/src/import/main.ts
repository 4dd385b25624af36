import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import type { RunningState } from '../data-directory.ts'
import { DevError } from '../errors.ts'
import { ImportClient } from './import-client.ts'
import { importFile, type ImportProgress, type ImportResult } from './import-file.ts'

interface ImportCommandOptions {
  readonly data: string
  readonly gateway?: string
  readonly token?: string
  readonly fromStart: boolean
}

const root = fileURLToPath(new URL('../../../', import.meta.url))
const barWidth = 30
const shownRefusals = 20

/** Imports one file into the running platform; the exit code is 1 when lines were refused, 2 when it could not go on. */
async function importDiscussions(file: string, options: ImportCommandOptions): Promise<void> {
  const gatewayUrl = options.gateway ?? (await runningGateway(options.data))
  const token = options.token ?? process.env['IMPORT_TOKEN'] ?? (await readToken(options.data))
  const startedAtMs = performance.now()
  const result = await importFile({
    path: file,
    client: new ImportClient({ gatewayUrl, token }),
    ...(options.fromStart ? {} : { positionFolder: join(options.data, 'import') }),
    onProgress: showProgress,
  })
  if (process.stdout.isTTY) process.stdout.write('\r\u001b[K')
  report(file, result, (performance.now() - startedAtMs) / 1000)
  process.exitCode = result.refused > 0 ? 1 : 0
}

function showProgress(progress: ImportProgress): void {
  if (!process.stdout.isTTY) return
  const filled = Math.round(progress.fraction * barWidth)
  const bar = '#'.repeat(filled) + '.'.repeat(barWidth - filled)
  const percent = `${Math.round(progress.fraction * 100)} %`.padStart(5)
  process.stdout.write(
    `\r[${bar}] ${percent}  line ${progress.lineNumber}  ${progress.created} new, ${progress.exists} there already, ${progress.refused} refused`,
  )
}

function report(file: string, result: ImportResult, seconds: number): void {
  if (result.resumedAfterLine > 0)
    console.log(`Went on after line ${result.resumedAfterLine}, where the last run was broken off.`)
  console.log(
    `${file}: ${result.created} imported, ${result.exists} were there already, ${result.refused} refused, in ${seconds.toFixed(1)} s`,
  )
  for (const line of result.refusedLines.slice(0, shownRefusals))
    console.log(`  line ${line.lineNumber}: ${line.reason}`)
  if (result.refused > shownRefusals) console.log(`  … and ${result.refused - shownRefusals} more`)
  console.log(
    'The events travel on by themselves; the Overview page shows what is still on its way.',
  )
}

async function runningGateway(data: string): Promise<string> {
  try {
    return (JSON.parse(await readFile(join(data, 'running.json'), 'utf8')) as RunningState)
      .gatewayUrl
  } catch (error) {
    throw new DevError(
      'MR_DEV_IMPORT_FAILED',
      `No platform runs on ${data}. Run "npm start" in another terminal first, or name one with --gateway URL and --token TOKEN.`,
      { data },
      { cause: error },
    )
  }
}

async function readToken(data: string): Promise<string> {
  try {
    return (await readFile(join(data, 'import-token'), 'utf8')).trim()
  } catch (error) {
    throw new DevError(
      'MR_DEV_IMPORT_FAILED',
      `There is no import token in ${data}. Give it with --token or IMPORT_TOKEN.`,
      { data },
      { cause: error },
    )
  }
}

const command = new Command()
  .name('npm run import --')
  .description('Imports real data into the running platform. Formats: docs/import.md')
command
  .command('discussions <file>')
  .description('threads, comments, votes and views, .jsonl or .jsonl.gz')
  .option('--data <folder>', 'data folder of the running platform', join(root, '.millrace'))
  .option('--gateway <url>', 'address of another platform')
  .option('--token <token>', 'its import token')
  .option('--from-start', 'do not go on where an interrupted run stopped', false)
  .action(importDiscussions)
try {
  await command.parseAsync()
} catch (error) {
  console.error(error instanceof DevError ? error.message : error)
  process.exitCode = 2
}
