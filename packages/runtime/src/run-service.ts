import { once } from 'node:events'
import { toError, type Logger } from '@millrace/core'
import type { ConfigTable } from './config-table.ts'
import { RuntimeError } from './errors.ts'
import { createLogger } from './logger.ts'
import { describeConfig, type Environment } from './read-config.ts'
import { fullTable, type ServiceDefinition } from './service.ts'
import { startService, type RunningService } from './start-service.ts'

/** Exit codes of a service's process. */
export const ExitCode = {
  OK: 0,
  /** A crash, or a start that failed for good. */
  FAILED: 1,
  /** The configuration has faults, listed on standard error. */
  BAD_CONFIG: 2,
  /** The port is taken. */
  PORT_TAKEN: 3,
} as const

/** Longest orderly end, ms; then the process ends anyway. */
const closeLimitMs = 20_000

/**
 * A service as a process of its own: the whole of its `main.ts`. Reads `process.env`, prints `{"event":"listening","service":…,"port":…}`
 * as one line on standard output when it listens, ends in order on SIGINT and SIGTERM (a second one ends at once). With
 * `MILLRACE_PARENT_PIPE=1` it also ends when its IPC channel, or without one its standard input, closes, so that nothing outlives a killed supervisor.
 */
export async function runService<Table extends ConfigTable>(
  definition: ServiceDefinition<Table>,
): Promise<void> {
  if (process.argv.includes('--help')) return printHelp(definition)
  const env = process.env
  const logger = createLogger({ service: definition.name, level: 'error' })
  try {
    await armFaults(env)
    const service = await startService(definition, { env })
    process.stdout.write(
      `${JSON.stringify({ event: 'listening', service: service.name, port: service.port })}\n`,
    )
    endOnSignals(service, env, logger)
    await service.ready.catch((error: unknown) => endAfterFailedStart(service, error))
  } catch (error) {
    endWithFault(toError(error), logger)
  }
}

function printHelp(definition: ServiceDefinition): void {
  process.stdout.write(
    `${definition.name} ${definition.version}\n${definition.description}\n\nConfiguration, from environment variables:\n\n${describeConfig(fullTable(definition))}\n`,
  )
}

/** Fault points are a matter of tests; the module that arms them is not even loaded otherwise. */
async function armFaults(env: Environment): Promise<void> {
  const text = env['MILLRACE_FAULTS']
  if (!text || env['MILLRACE_MODE'] === 'production') return
  const { armFaultsFromText } = await import('@millrace/core/testing')
  armFaultsFromText(text)
}

function endOnSignals(service: RunningService, env: Environment, logger: Logger): void {
  let isEnding = false
  const end = (exitCode: number): void => {
    if (isEnding) return
    isEnding = true
    setTimeout(() => process.exit(ExitCode.FAILED), closeLimitMs).unref()
    void service.close().finally(() => process.exit(exitCode))
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (isEnding) process.exit(ExitCode.FAILED)
      end(ExitCode.OK)
    })
  }
  if (env['MILLRACE_PARENT_PIPE'] === '1') {
    // With a channel, standard input may well be closed from the start.
    if (process.connected) process.once('disconnect', () => end(ExitCode.OK))
    else void once(process.stdin.resume(), 'close').then(() => end(ExitCode.OK))
  }
  // After an unknown error the state is unknown: end, and let the supervisor start afresh.
  const crash = (thrown: unknown): void => {
    logger.error('crashed', { error: toError(thrown) })
    process.exit(ExitCode.FAILED)
  }
  process.on('uncaughtException', crash)
  process.on('unhandledRejection', crash)
}

async function endAfterFailedStart(service: RunningService, thrown: unknown): Promise<void> {
  // Closed by a signal while it started: the handler of the signal ends the process.
  if (thrown instanceof RuntimeError && thrown.code === 'MR_RUNTIME_CLOSED') return
  await service.close()
  process.exit(ExitCode.FAILED)
}

function endWithFault(error: Error, logger: Logger): void {
  const code = error instanceof RuntimeError ? error.code : undefined
  if (code === 'MR_RUNTIME_BAD_CONFIG') {
    process.stderr.write(`${error.message}\n`)
    process.exit(ExitCode.BAD_CONFIG)
  }
  logger.error('start failed', { error })
  process.exit(code === 'MR_RUNTIME_PORT_TAKEN' ? ExitCode.PORT_TAKEN : ExitCode.FAILED)
}
