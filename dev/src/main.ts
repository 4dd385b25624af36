import type { ServiceName } from '@millrace/contracts'
import { DevError } from './errors.ts'
import { firstAdminEmail } from './first-admin.ts'
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

/** How people are known: keys of the gateway and of users that are handed on as they are, by service. */
function identityFromEnvironment(): Partial<Record<ServiceName, Record<string, string>>> {
  const keysOf = (...keys: readonly string[]): Record<string, string> =>
    Object.fromEntries(
      keys.flatMap((key) => {
        const value = process.env[key]
        return value === undefined || value === '' ? [] : [[key, value]]
      }),
    )
  return {
    gateway: keysOf('DEMO_SESSION', 'IDENTITY_SIGNING_KEY'),
    users: keysOf('FIRST_ADMIN_EMAIL', 'FIRST_ADMIN_PASSWORD'),
  }
}

try {
  const command = await StartCommand.prepare(parseStartOptions(), {
    databaseUrl: process.env['DATABASE_URL'],
    kafkaBrokers: process.env['KAFKA_BROKERS'],
    isKafkaEnabled: process.env['KAFKA_ENABLED'] ?? 'true',
    hasColour: !process.env['NO_COLOR'],
    faults: faultsFromEnvironment(),
    identity: identityFromEnvironment(),
    firstAdminEmail: firstAdminEmail(process.env),
  })
  await command.run()
} catch (error) {
  // What people can mend is one sentence; anything else is a fault of ours and needs its stack.
  console.error(error instanceof DevError ? error.message : error)
  process.exit(1)
}
