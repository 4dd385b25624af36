import { writeFile } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import { Command } from 'commander'
import { formatTable, type ResultRow, type SuiteRun } from './result.ts'

/** Each suite measures ours and its peers, interleaved, and returns its figures. */
const suites: Readonly<
  Record<string, () => Promise<(run: SuiteRun) => Promise<readonly ResultRow[]>>>
> = {
  inbox: async () => (await import('./inbox/suite.ts')).runInboxSuite,
  kafka: async () => (await import('./kafka/suite.ts')).runKafkaSuite,
  orders: async () => (await import('./orders/suite.ts')).runOrdersSuite,
  outbox: async () => (await import('./outbox/suite.ts')).runOutboxSuite,
  streams: async () => (await import('./streams/suite.ts')).runStreamsSuite,
  spine: async () => (await import('./spine/suite.ts')).runSpineSuite,
}

const command = new Command()
  .name('npm run bench --')
  .argument('<suite>', `one of: ${Object.keys(suites).join(', ')}`)
  .option('--quick', 'few and short runs, to see that it works', false)
  .option('--case <word>', 'only the cases whose name contains the word', '')
  .option(
    '--system <word>',
    'only the systems whose name contains the word (outbox, inbox, streams, orders)',
    '',
  )
  .option('--rounds <number>', 'in place of the number the suite takes', Number)
  .option('--json <file>', 'write the rows as JSON too')
  .parse()
const [suite = ''] = command.args
const options = command.opts<{
  readonly quick: boolean
  readonly case: string
  readonly system: string
  readonly rounds?: number
  readonly json?: string
}>()
const load = suites[suite]
if (load === undefined) {
  console.error(`There is no suite "${suite}". There are: ${Object.keys(suites).join(', ')}.`)
  process.exit(2)
}
const run = await load()
const notes: string[] = []
const rows = await run({
  isQuick: options.quick,
  caseWord: options.case,
  systemWord: options.system,
  ...(options.rounds === undefined ? {} : { rounds: options.rounds }),
  say: (text) => console.error(text),
  note: (text) => {
    console.error(text)
    notes.push(text)
  },
})
const memoryGiB = Math.round(totalmem() / 1024 ** 3)
console.log(
  `\n${suite}: ${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${memoryGiB} GiB, Node ${process.versions.node}, ${new Date().toISOString().slice(0, 10)}\n`,
)
console.log(formatTable(rows))
if (notes.length > 0) console.log(`\n${notes.map((note) => `- ${note}`).join('\n')}`)
if (options.json) await writeFile(options.json, `${JSON.stringify(rows, undefined, 2)}\n`)
