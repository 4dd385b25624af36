import { join } from 'node:path'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Command, Option } from 'commander'
import { toError } from '@millrace/core'
import type { ServiceName } from '@millrace/contracts'
import { DataDirectory } from './data-directory.ts'
import { DevError } from './errors.ts'
import { pickPorts } from './platform-ports.ts'
import { Platform } from './platform.ts'
import { Progress, type OutputStyle } from './progress.ts'
import { loadSampleData } from './sample-data.ts'
import { buildWebIfStale } from './web.ts'

interface StartOptions {
  readonly data: string
  readonly fresh: boolean
  readonly processes: boolean
  readonly anyPorts: boolean
  readonly json: boolean
  readonly open: boolean
  readonly sampleData: boolean
  readonly mode: 'development' | 'production'
  readonly logLevel: string
}

const root = fileURLToPath(new URL('../../', import.meta.url))

function parseOptions(): StartOptions {
  return new Command()
    .name('npm start --')
    .description(
      'Starts Postgres, the broker, all services and the web app. DATABASE_URL and KAFKA_BROKERS name servers of your own instead.',
    )
    .option('--data <folder>', 'where all data is kept', join(root, '.millrace'))
    .option('--fresh', 'remove the data of earlier starts first', false)
    .option('--processes', 'one process per service instead of one for all', false)
    .option('--any-ports', 'any free ports instead of the usual ones', false)
    .option('--json', 'one JSON object per line instead of text', false)
    .option('--open', 'open the page in a browser', false)
    .option('--no-sample-data', 'start without the sample discussions')
    .addOption(
      new Option('--mode <mode>', 'development or production')
        .choices(['development', 'production'])
        .default('development'),
    )
    .addOption(
      new Option('--log-level <level>', 'of the services')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .parse()
    .opts<StartOptions>()
}

async function main(): Promise<void> {
  const options = parseOptions()
  const startedAtMs = performance.now()
  const style: OutputStyle = options.json ? 'json' : process.stdout.isTTY ? 'terminal' : 'plain'
  let directory: DataDirectory | undefined
  let statusWrites: Promise<unknown> = Promise.resolve()
  const progress = new Progress({
    style,
    hasColour: style === 'terminal' && !process.env['NO_COLOR'],
    write: (text) => process.stdout.write(text),
    onStatus: (status) => {
      statusWrites = statusWrites
        .then(() => directory?.writeJson('start-status.json', status))
        .catch(() => {})
    },
  })
  directory = await DataDirectory.open(options.data, { isFresh: options.fresh })
  const shownFolder = options.data.startsWith(root) ? options.data.slice(root.length) : options.data
  progress.say(
    'start',
    `millrace  ${options.mode} mode  data: ${shownFolder} (${directory.isNew ? 'new' : 'kept'})  stop: Ctrl C`,
    {
      data: options.data,
      isNew: directory.isNew,
    },
  )
  const { ports, notes } = await pickPorts(options.anyPorts)
  for (const note of notes) {
    progress.say(
      'port',
      `  Port ${note.wanted} (${note.part}) is taken by ${note.takenBy}; using ${note.port}`,
      { ...note },
    )
  }
  const platform = new Platform({
    directory,
    ports,
    hasProcessPerService: options.processes,
    databaseUrl: process.env['DATABASE_URL'],
    kafkaBrokers: process.env['KAFKA_BROKERS'],
    mode: options.mode,
    logLevel: options.logLevel,
    faults: faultsFromEnvironment(),
    onChange: (part, state, detail) => {
      progress.part(part, state, detail)
      void writeRunningState()
    },
  })
  const data = directory
  const writeRunningState = async (): Promise<void> => {
    if (isStopping) return
    const services = Object.fromEntries(
      Object.entries(ports.services).map(([name, port]) => [name, `http://127.0.0.1:${port}`]),
    )
    const state = {
      pid: process.pid,
      gatewayUrl: platform.gatewayUrl,
      kafkaBrokers: platform.kafkaBrokers,
      services,
      pids: platform.pids,
      databaseUrls: platform.databaseUrls,
    }
    statusWrites = statusWrites.then(() => data.writeJson('running.json', state)).catch(() => {})
    await statusWrites
  }
  let isStopping = false
  const stop = async (exitCode: number): Promise<void> => {
    if (isStopping) process.exit(1)
    isStopping = true
    progress.closeBlock()
    progress.say(
      'stopping',
      'Stopping: requests and batches under way are finished first. Ctrl C again stops hard.',
    )
    await platform.stop()
    await statusWrites
    await data.release()
    progress.say(
      'stopped',
      `Stopped. Your data stays in ${shownFolder}; the next start goes on from there.`,
    )
    process.exit(exitCode)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => void stop(0))

  progress.say('console', `  Console   ${platform.gatewayUrl}   opens now and shows the start`, {
    url: platform.gatewayUrl,
  })
  try {
    await Promise.all([
      platform.start(),
      buildWebIfStale((state, detail) => progress.part('web app', state, detail)),
    ])
    await writeRunningState()
    if (options.sampleData)
      await loadSampleData(data, platform.gatewayUrl, (state, detail) =>
        progress.part('sample data', state, detail),
      )
  } catch (error) {
    progress.closeBlock()
    progress.say(
      'failed',
      `\nThe start failed: ${toError(error).message}\nWhole logs: ${data.file('logs')}`,
      { message: toError(error).message },
    )
    await stop(1)
    return
  }
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1)
  progress.closeBlock()
  progress.say(
    'ready',
    `  Ready in ${seconds} s   ${platform.gatewayUrl}   API pages: ${platform.gatewayUrl}/docs   logs: ${shownFolder}/logs`,
    {
      url: platform.gatewayUrl,
      seconds: Number(seconds),
    },
  )
  if (style === 'terminal')
    progress.say(
      'try',
      '  Try: open the page, press "Follow one event", and watch it go from your click to the figures',
    )
  if (options.open) openBrowser(platform.gatewayUrl)
}

/** Fault points for tests, from MILLRACE_FAULTS_DISCUSSIONS and so on. */
function faultsFromEnvironment(): Partial<Record<ServiceName, string>> {
  const faults: Partial<Record<ServiceName, string>> = {}
  for (const service of ['discussions', 'discussion-analytics', 'gateway'] as const) {
    const text = process.env[`MILLRACE_FAULTS_${service.toUpperCase().replaceAll('-', '_')}`]
    if (text) faults[service] = text
  }
  return faults
}

function openBrowser(url: string): void {
  const command =
    process.platform === 'darwin' ? 'open' : process.platform === 'win32' ? 'explorer' : 'xdg-open'
  spawn(command, [url], { stdio: 'ignore', detached: true })
    .on('error', () => {})
    .unref()
}

try {
  await main()
} catch (error) {
  // What people can mend is one sentence; anything else is a fault of ours and needs its stack.
  console.error(error instanceof DevError ? error.message : error)
  process.exit(1)
}
