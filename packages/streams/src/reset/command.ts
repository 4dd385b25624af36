/** `millrace-streams reset`: the application reset tool as a command. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { MillraceError, systemClock } from '@millrace/core'
import { StreamsError } from '../errors.ts'
import { durationMs } from './duration.ts'
import { resetApplication, type ResetOptions, type ResetReport } from './reset-application.ts'
import type { ResetTarget } from './reset-offsets.ts'

const usage = `millrace-streams reset --application-id ID [options]

Makes a streams application begin anew: sets the offsets of its input topics, and deletes its internal topics (repartitions and changelogs).
Stop all its instances first. The state on disk of other machines is to be removed there: by --state-dir, or app.cleanUp().

  --application-id ID          of the application (required)
  --bootstrap-servers LIST     host:port,host:port; default localhost:9092
  --input-topics LIST          topics to read again, with commas between them; without it only internal topics are deleted
  --internal-topics LIST       delete these only; default: all that are the application's by their names
  --state-dir DIRECTORY        also remove the state that lies there
  --force                      throw members out that ended without a word and whose session has not run out
  --dry-run                    change nothing, tell what would be done
  --help                       this text

Where to read the input topics from, one of:
  --to-earliest                the beginning (the default)
  --to-latest                  the end
  --to-offset N                the offset N of each partition
  --shift-by N                 N records after what is committed; before it, if negative
  --to-datetime TIME           the first record not older than TIME: 2026-01-31T12:00:00.000, with Z or an offset, else local time
  --by-duration DURATION       the first record not older than that before now: P1DT2H30M
  --from-file FILE             offsets of some partitions, lines of topic,partition,offset
Offsets that a partition does not have become its nearer end.
`

/** Where the command prints. */
export interface CommandOutput {
  readonly out: (text: string) => unknown
  readonly err: (text: string) => unknown
}

const terminal: CommandOutput = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
}

/** Runs the command. Prints what was done, and gives the exit code. */
export async function runCommand(
  args: readonly string[],
  { out, err }: CommandOutput = terminal,
): Promise<number> {
  if (args.includes('--help') || args[0] !== 'reset') {
    out(usage)
    return args.includes('--help') ? 0 : 1
  }
  try {
    const options = optionsOf(args.slice(1))
    const report = await resetApplication(options)
    out(reportText(options, report))
    return report.missingTopics.length > 0 ? 1 : 0
  } catch (error) {
    if (!isExpected(error)) throw error
    err(`${error.message}\n`)
    return 1
  }
}

function isExpected(error: unknown): error is Error {
  return (
    error instanceof MillraceError ||
    // Of `parseArgs`, and of files.
    (error instanceof Error && typeof (error as { code?: unknown }).code === 'string')
  )
}

function optionsOf(args: readonly string[]): ResetOptions {
  const { values } = parseArgs({
    args: joined(args),
    options: {
      'application-id': { type: 'string' },
      'bootstrap-servers': { type: 'string', default: 'localhost:9092' },
      'input-topics': { type: 'string' },
      'internal-topics': { type: 'string' },
      'state-dir': { type: 'string' },
      force: { type: 'boolean', default: false },
      'dry-run': { type: 'boolean', default: false },
      'to-earliest': { type: 'boolean' },
      'to-latest': { type: 'boolean' },
      'to-offset': { type: 'string' },
      'shift-by': { type: 'string' },
      'to-datetime': { type: 'string' },
      'by-duration': { type: 'string' },
      'from-file': { type: 'string' },
    },
  })
  const applicationId = values['application-id']
  if (!applicationId) throw bad('--application-id', applicationId, 'must be given')
  const internal = values['internal-topics']
  const stateDir = values['state-dir']
  return {
    applicationId,
    brokers: listOf(values['bootstrap-servers']),
    inputTopics: listOf(values['input-topics'] ?? ''),
    to: targetOf(values),
    force: values.force,
    dryRun: values['dry-run'],
    ...(internal !== undefined && { internalTopics: listOf(internal) }),
    ...(stateDir !== undefined && { stateDir }),
  }
}

/** `parseArgs` takes a negative number behind an option for another option. */
function joined(args: readonly string[]): string[] {
  const result: string[] = []
  for (const arg of args)
    if (/^-\d+$/.test(arg) && result.at(-1) === '--shift-by')
      result[result.length - 1] = `--shift-by=${arg}`
    else result.push(arg)
  return result
}

type Values = Readonly<Record<string, string | boolean | undefined>>

const targets: Readonly<Record<string, (value: string) => ResetTarget>> = {
  'to-earliest': () => 'earliest',
  'to-latest': () => 'latest',
  'to-offset': (value) => ({ offset: integer('--to-offset', value) }),
  'shift-by': (value) => ({ shiftBy: integer('--shift-by', value) }),
  'to-datetime': (value) => ({ timeMs: timeOf(value) }),
  'by-duration': (value) => ({ timeMs: systemClock.now() - durationMs(value) }),
  'from-file': (value) => ({ offsets: offsetsOf(value) }),
}

function targetOf(values: Values): ResetTarget {
  const given = Object.keys(targets).filter((name) => values[name] !== undefined)
  if (given.length > 1)
    throw bad(`--${given[1]}`, 'given', `cannot be combined with --${given[0]}: choose one`)
  const [name] = given
  if (name === undefined) return 'earliest'
  return targets[name]?.(String(values[name])) ?? 'earliest'
}

function integer(option: string, value: string): bigint {
  if (!/^-?\d{1,18}$/.test(value)) throw bad(option, value, 'must be an integer')
  return BigInt(value)
}

function timeOf(value: string): number {
  const timeMs = Date.parse(value)
  if (Number.isNaN(timeMs))
    throw bad('--to-datetime', value, 'must be a time such as 2026-01-31T12:00:00.000')
  return timeMs
}

function offsetsOf(file: string) {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [topic = '', partition = '', offset = ''] = line.split(',').map((each) => each.trim())
      if (!topic || !/^\d+$/.test(partition) || !/^\d+$/.test(offset))
        throw bad('--from-file', line, 'must have lines of topic,partition,offset')
      return { topic, partition: Number(partition), offset: BigInt(offset) }
    })
}

function listOf(text: string): readonly string[] {
  return text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
}

function reportText({ dryRun }: ResetOptions, report: ResetReport): string {
  const did = (done: string, would: string): string => (dryRun ? would : done)
  const lines = [
    ...report.missingTopics.map((topic) => `Topic ${topic} does not exist; left out.`),
    ...(report.removedMembers > 0
      ? [`${did('Threw', 'Would throw')} ${report.removedMembers} members out of the group.`]
      : []),
    ...report.offsets.map(
      ({ topic, partition, from, to }) =>
        `${did('Set', 'Would set')} ${topic}/${partition} to offset ${to} (was ${from ?? 'not committed'}).`,
    ),
    ...report.deletedTopics.map((topic) => `${did('Deleted', 'Would delete')} topic ${topic}.`),
  ]
  return lines.length > 0 ? `${lines.join('\n')}\n` : 'Nothing to do.\n'
}

function bad(option: string, value: unknown, rule: string): StreamsError {
  return new StreamsError(
    'MR_STREAMS_BAD_OPTION',
    `${option} is ${String(value)}; it ${rule}. See --help.`,
    { option, value },
  )
}
