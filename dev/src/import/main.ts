import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, Option } from 'commander'
import type { RunningState } from '../data-directory.ts'
import { DevError } from '../errors.ts'
import { discussionLines } from './discussion-lines.ts'
import { ImportClient } from './import-client.ts'
import {
  importFile,
  type ImportOptions,
  type ImportProgress,
  type ImportResult,
} from './import-file.ts'
import { importOrders, tellOrders } from './import-orders.ts'
import type { OrdersMode } from './invoice-lines.ts'

interface ImportCommandOptions {
  readonly data: string
  readonly gateway?: string
  readonly token?: string
  readonly fromStart: boolean
}

interface OrdersCommandOptions extends ImportCommandOptions {
  readonly as: OrdersMode
}

type CommonOptions = Pick<ImportOptions, 'path' | 'positionFolder' | 'onProgress'>

const root = fileURLToPath(new URL('../../../', import.meta.url))
const barWidth = 30
const shownRefusals = 20

/** What both imports need; the exit code is 1 when lines were refused, 2 when it could not go on. */
async function run<Result extends ImportResult>(
  file: string,
  options: ImportCommandOptions,
  work: (client: ImportClient, common: CommonOptions) => Promise<Result>,
  tell: (result: Result) => readonly string[] = () => [],
): Promise<void> {
  const gatewayUrl = options.gateway ?? (await runningGateway(options.data))
  const token = options.token ?? process.env['IMPORT_TOKEN'] ?? (await readToken(options.data))
  const startedAtMs = performance.now()
  const result = await work(new ImportClient({ gatewayUrl, token }), {
    path: file,
    ...(options.fromStart ? {} : { positionFolder: join(options.data, 'import') }),
    onProgress: showProgress,
  })
  if (process.stdout.isTTY) process.stdout.write('\r\u001b[K')
  report(file, result, tell(result), (performance.now() - startedAtMs) / 1000)
  process.exitCode = result.refused > 0 ? 1 : 0
}

function importDiscussions(file: string, options: ImportCommandOptions): Promise<void> {
  return run(file, options, (client, common) =>
    importFile({ ...common, sender: discussionLines(client) }),
  )
}

function importInvoices(file: string, options: OrdersCommandOptions): Promise<void> {
  const { as } = options
  return run(file, options, (client, common) => importOrders({ ...common, client, as }), tellOrders)
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

function report(
  file: string,
  result: ImportResult,
  more: readonly string[],
  seconds: number,
): void {
  if (result.resumedAfterLine > 0)
    console.log(`Went on after line ${result.resumedAfterLine}, where the last run was broken off.`)
  console.log(
    `${file}: ${result.created} imported, ${result.exists} were there already, ${result.refused} refused, in ${seconds.toFixed(1)} s`,
  )
  for (const line of more) console.log(line)
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
      `There is no import token in ${data}. In both modes the services take imports by their IMPORT_TOKEN alone, not from people who are signed in; "npm start" makes one in its data folder. Name that folder with --data, or give the token with --token or IMPORT_TOKEN.`,
      { data },
      { cause: error },
    )
  }
}

const command = new Command()
  .name('npm run import --')
  .description('Imports real data into the running platform. Formats: docs/import.md')
importCommand('discussions', 'threads, comments, votes and views').action(importDiscussions)
importCommand('orders', 'invoices: orders, cancellations and stock adjustments')
  .addOption(
    new Option(
      '--as <mode>',
      'history: orders that have ended; live: orders for the saga to decide',
    )
      .choices(['history', 'live'])
      .default('history'),
  )
  .action(importInvoices)
try {
  await command.parseAsync()
} catch (error) {
  console.error(error instanceof DevError ? error.message : error)
  process.exitCode = 2
}

function importCommand(name: string, content: string): Command {
  return command
    .command(`${name} <file>`)
    .description(`${content}, .jsonl or .jsonl.gz`)
    .option('--data <folder>', 'data folder of the running platform', join(root, '.millrace'))
    .option('--gateway <url>', 'address of another platform')
    .option('--token <token>', 'its import token')
    .option('--from-start', 'do not go on where an interrupted run stopped', false)
}
