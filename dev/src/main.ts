import { resolve } from 'node:path'
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

/** Those of the keys that are set. */
function keysOf(...keys: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    keys.flatMap((key) => {
      const value = process.env[key]
      return value === undefined || value === '' ? [] : [[key, value]]
    }),
  )
}

/** Where old days of all services' logs go. Services may run in other folders than this one, and each writes down where its files are. */
function archiveFromEnvironment(): Record<string, string> {
  const directory = process.env['ARCHIVE_DIRECTORY']
  if (!directory) return {}
  const days = keysOf('ARCHIVE_HOT_DAYS', 'ARCHIVE_CONSUMPTION_HOT_DAYS', 'ARCHIVE_RESTORED_DAYS')
  return { ...days, ARCHIVE_DIRECTORY: resolve(directory) }
}

/** How people are known: keys of the gateway and of users that are handed on as they are, by service. */
function identityFromEnvironment(): Partial<Record<ServiceName, Record<string, string>>> {
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
    archive: archiveFromEnvironment(),
    firstAdminEmail: firstAdminEmail(process.env),
  })
  await command.run()
} catch (error) {
  // What people can mend is one sentence; anything else is a fault of ours and needs its stack.
  console.error(error instanceof DevError ? error.message : error)
  process.exit(1)
}
