import type { ServiceName } from '@millrace/contracts'
import { DevError } from './errors.ts'
import { StartCommand } from './start-command.ts'
import { parseStartOptions } from './start-options.ts'

/** Fault points for tests, from MILLRACE_FAULTS_DISCUSSIONS and so on. */
function faultsFromEnvironment(): Partial<Record<ServiceName, string>> {
  const faults: Partial<Record<ServiceName, string>> = {}
  for (const service of ['discussions', 'discussion-analytics', 'gateway'] as const) {
    const text = process.env[`MILLRACE_FAULTS_${service.toUpperCase().replaceAll('-', '_')}`]
    if (text) faults[service] = text
  }
  return faults
}

try {
  const command = await StartCommand.prepare(parseStartOptions(), {
    databaseUrl: process.env['DATABASE_URL'],
    kafkaBrokers: process.env['KAFKA_BROKERS'],
    isKafkaEnabled: process.env['KAFKA_ENABLED'] ?? 'true',
    hasColour: !process.env['NO_COLOR'],
    faults: faultsFromEnvironment(),
  })
  await command.run()
} catch (error) {
  // What people can mend is one sentence; anything else is a fault of ours and needs its stack.
  console.error(error instanceof DevError ? error.message : error)
  process.exit(1)
}
