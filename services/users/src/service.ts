import { servicePorts, userEvents, userEventsTopic } from '@millrace/contracts'
import { toError, type Clock, type Logger, type Timer } from '@millrace/core'
import { ContractRegistry } from '@millrace/events'
import { createHttpIdempotency } from '@millrace/inbox'
import { createOutbox, Publishing } from '@millrace/outbox'
import { ensureOwnDatabase, migrate, openDatabase, type Database } from '@millrace/postgres'
import { archiveOldDays, defineService } from '@millrace/runtime'
import { usersConfig } from './config.ts'
import { emailKeyOf } from './domain/email.ts'
import { addDemoPeople, addFirstAdmin } from './first-people.ts'
import { PasswordHashes } from './password-hash.ts'
import { serviceName } from './people.ts'
import { registerKnown } from './routes/known.ts'
import { registerPeople } from './routes/people.ts'
import { registerImport, registerRegistration } from './routes/registration.ts'
import { registerSessions } from './routes/sessions.ts'
import { Sessions } from './sessions.ts'
import { SigningKeys } from './signing-keys.ts'
import { credentialsByEmail } from './sql/credentials.ts'
import { deleteOld } from './sql/delete-old.ts'
import { Tries } from './tries.ts'

const migrations = new URL('../migrations/', import.meta.url)
/** A new key is published this long before it signs, ms; copies of the JWKS are younger. */
const publishAheadMs = 10 * 60_000
const dayMs = 86_400_000
const tidyEveryMs = 3_600_000

/** People: registration, sign-in, profiles and roles. */
export const usersService = defineService({
  name: serviceName,
  version: '0.1.0',
  description:
    'People: registration, sign-in, profiles and roles. Every change of a person is one event on user-events, stored with it in one transaction.',
  port: servicePorts.users,
  config: usersConfig,
  setup({ app, config, logger, meter, tracer, clock, identify, addReadiness, onStart, onClose }) {
    const database = openDatabase({
      url: config.databaseUrl,
      applicationName: serviceName,
      maxConnections: config.maxConnections,
      logger,
      meter,
    })
    onClose(() => database.close())
    const outbox = createOutbox({
      database,
      serviceName,
      schema: 'public',
      contracts: new ContractRegistry(userEvents),
      logger,
      meter,
      tracer,
      // Not the service's clock: ids of events are drawn by the machine's, and the outbox holds them against it.
    })
    const idempotency = createHttpIdempotency({ database, schema: 'public', clock })
    const { accessTtlMs, refreshTtlMs } = config
    const hashes = new PasswordHashes({ logN: config.scryptLogN, r: 8, p: 3 })
    const tries = new Tries(database, clock)
    const keys = new SigningKeys(database, clock, {
      rotateAfterMs: config.keyRotationMs,
      publishAheadMs,
      keepMs: accessTtlMs + 60_000,
    })
    const sessions = new Sessions({
      database,
      clock,
      hashes,
      keys,
      tries,
      accessTtlMs,
      refreshTtlMs,
    })
    onStart(async () => {
      await ensureOwnDatabase(database)
      await outbox.migrate()
      await idempotency.migrate()
      await migrate(database, { directory: migrations, name: serviceName })
      await keys.current()
      const now = new Date(clock.now())
      if (config.mode === 'development') await addDemoPeople(outbox, now)
      const { adminEmail: email, adminPassword: password } = config
      if (email !== null && password !== null) {
        await addFirstAdmin(outbox, hashes, { email, password }, now)
        const account = await credentialsByEmail(database, emailKeyOf(email))
        if (!account)
          logger.warn(
            'FIRST_ADMIN_EMAIL adds nobody: such an admin was removed, and another admin is there, who can make others one. Take it out of the environment',
          )
        else if (!account.roles.includes('admin'))
          logger.warn('The address of FIRST_ADMIN_EMAIL has an account already, which is no admin')
      } else if (email !== null || password !== null) {
        logger.warn('FIRST_ADMIN_EMAIL and FIRST_ADMIN_PASSWORD add an admin only together')
      }
    }, 'database')
    if (config.kafkaEnabled) {
      const publishing = new Publishing({
        brokers: config.kafkaBrokers,
        clientId: serviceName,
        outbox,
        topics: [userEventsTopic],
        logger,
        meter,
        clock,
      })
      onClose(() => publishing.close())
      onStart(() => publishing.start(), 'relay')
      addReadiness('relay', async () => !publishing.isHalted)
    } else {
      logger.warn('Publishing is off; events wait in the database')
    }
    const tidying = new Tidying(database, clock, logger)
    onStart(() => tidying.start())
    onClose(() => tidying.close())
    archiveOldDays({ config, onStart, onClose }, { production: outbox })
    addReadiness('database', async () => (await database.query('select 1')).rowCount === 1)

    const routes = {
      app,
      database,
      outbox,
      idempotency,
      hashes,
      sessions,
      keys,
      tries,
      clock,
      identify,
      hasScriptedPeople: config.mode === 'development',
    }
    registerPeople(routes)
    registerKnown(routes)
    registerRegistration(routes)
    registerSessions(routes)
    registerImport(routes, config.importToken)
  },
})

/** Forgets old sessions and tries, once an hour. */
class Tidying {
  readonly #database: Database
  readonly #clock: Clock
  readonly #logger: Logger
  #timer: Timer | undefined
  #isClosed = false
  #running: Promise<void> = Promise.resolve()

  constructor(database: Database, clock: Clock, logger: Logger) {
    this.#database = database
    this.#clock = clock
    this.#logger = logger
  }

  start(): void {
    if (this.#isClosed) return
    this.#timer = this.#clock.setTimer(tidyEveryMs, () => {
      this.#running = this.#tidy().finally(() => this.start())
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    await this.#running
  }

  async #tidy(): Promise<void> {
    const nowMs = this.#clock.now()
    const before = {
      sessionsEndedAt: new Date(nowMs - 30 * dayMs),
      triedAt: new Date(nowMs - dayMs),
    }
    try {
      await deleteOld(this.#database, before)
    } catch (error) {
      // The next hour tries again; nothing depends on it.
      this.#logger.warn('old sessions not deleted', { error: toError(error) })
    }
  }
}
